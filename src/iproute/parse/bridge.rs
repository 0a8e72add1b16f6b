//! The program `bridge`: its objects, of which links and FDB here (`bridge/bridge.c`, `bridge/link.c`, `bridge/fdb.c`).

use super::args::{
    Args, Keywords, Match, fault, ifname, keyword, mac_word, matches, u32_value, unknown, vid,
};
use super::vxlan::{self, EndpointKey};
use super::{mdb, options, vlan};
use crate::iproute::command::{
    FdbEndpoint, FdbFilter, FdbFlush, FdbGet, FdbHow, FdbShowState, FdbSpec, FdbState, LinkFilter,
    Verb,
};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;
use crate::wire::{MacAddr, VNI_MAX};

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Object {
    Link,
    Fdb,
    Mdb,
    Vlan,
    Unsupported,
}

/// In the order of `cmds` of `bridge/bridge.c`.
const OBJECTS: &Keywords<Object> = &[
    ("link", Prefix, Object::Link),
    ("fdb", Prefix, Object::Fdb),
    ("mdb", Prefix, Object::Mdb),
    ("vlan", Prefix, Object::Vlan),
    ("vni", Prefix, Object::Unsupported),
    ("mst", Prefix, Object::Unsupported),
    ("monitor", Prefix, Object::Unsupported),
    ("help", Prefix, Object::Unsupported),
];

/// Reads what follows `bridge` and its options.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let known = ["link", "fdb", "mdb", "vlan"];
    let word = args.value("link, fdb, mdb or vlan")?;
    match keyword(OBJECTS, &word.text) {
        Some(Object::Link) => link(args),
        Some(Object::Fdb) => fdb(args),
        Some(Object::Mdb) => mdb::parse(args),
        Some(Object::Vlan) => vlan::parse(args),
        Some(Object::Unsupported) => {
            Err(fault(word, "not modelled").expect_one_of(known.into_iter()))
        }
        None => Err(fault(word, "not an object of \"bridge\"").expect_one_of(known.into_iter())),
    }
}

fn link(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::BridgeLinkShow(LinkFilter::default()));
    };
    if matches(&word.text, "set") || matches(&word.text, "change") {
        let (dev, options) = options::bridge_link_set(args)?;
        return Ok(Verb::BridgeLinkSet(dev, options));
    }
    if !["show", "lst", "list"]
        .iter()
        .any(|show| matches(&word.text, show))
    {
        return Err(fault(word, "not a command of \"bridge link\"")
            .expect_one_of(["set", "show"].into_iter()));
    }
    let mut filter = LinkFilter::default();
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" if filter.dev.is_some() => return Err(fault(word, "given twice")),
            "dev" => filter.dev = Some(ifname(args)?),
            "master" => filter.master = Some(ifname(args)?),
            // iproute2 6.1 passes over a word it does not know, and shows everything.
            _ => {
                return Err(
                    fault(word, "not a filter of \"bridge link show\"").expect(format!(
                        "\"dev {0}\" or \"master {0}\" (the keyword is needed here)",
                        word.text
                    )),
                );
            }
        }
    }
    Ok(Verb::BridgeLinkShow(filter))
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Add(FdbHow),
    Delete,
    Get,
    Show,
    Flush,
}

/// In `do_fdb`'s order.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add(FdbHow::Add)),
    ("append", Prefix, Action::Add(FdbHow::Append)),
    ("replace", Prefix, Action::Add(FdbHow::Replace)),
    ("delete", Prefix, Action::Delete),
    ("get", Prefix, Action::Get),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("list", Prefix, Action::Show),
    ("flush", Exact, Action::Flush),
];

fn fdb(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::FdbShow(FdbFilter::default()));
    };
    match keyword(ACTIONS, &word.text) {
        Some(Action::Add(how)) => Ok(Verb::FdbAdd(how, modify(args)?)),
        Some(Action::Delete) => Ok(Verb::FdbDel(modify(args)?)),
        Some(Action::Get) => Ok(Verb::FdbGet(get(args)?)),
        Some(Action::Show) => Ok(Verb::FdbShow(show(args)?)),
        Some(Action::Flush) => Ok(Verb::FdbFlush(flush(args)?)),
        None => Err(unknown(ACTIONS, word, "not a command of \"bridge fdb\"")),
    }
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Dev,
    BridgeSelf,
    Master,
    Permanent,
    Static,
    Dynamic,
    Vlan,
    Use,
    ExternLearn,
    Sticky,
    Endpoint(EndpointKey),
    Vxlan,
    To,
}

/// In `fdb_modify`'s order.
const KEYS: &Keywords<Key> = &[
    ("dev", Exact, Key::Dev),
    ("dst", Exact, Key::Endpoint(EndpointKey::Dst)),
    ("nhid", Exact, Key::Endpoint(EndpointKey::Nexthop)),
    ("port", Exact, Key::Endpoint(EndpointKey::Port)),
    ("vni", Exact, Key::Endpoint(EndpointKey::Vni)),
    ("src_vni", Exact, Key::Endpoint(EndpointKey::SourceVni)),
    ("via", Exact, Key::Endpoint(EndpointKey::Via)),
    ("self", Exact, Key::BridgeSelf),
    ("master", Prefix, Key::Master),
    ("router", Prefix, Key::Endpoint(EndpointKey::Router)),
    ("local", Prefix, Key::Permanent),
    ("permanent", Prefix, Key::Permanent),
    ("temp", Prefix, Key::Static),
    ("static", Prefix, Key::Static),
    ("dynamic", Prefix, Key::Dynamic),
    ("vlan", Prefix, Key::Vlan),
    ("use", Prefix, Key::Use),
    ("extern_learn", Prefix, Key::ExternLearn),
    ("sticky", Prefix, Key::Sticky),
    ("to", Exact, Key::To),
];

/// `fdb_modify`: keywords in any order; a word that is none is the station.
fn modify(args: &mut Args<'_>) -> Result<FdbSpec, Fault> {
    let mut station = None;
    let mut dev = None;
    let (mut permanent, mut fixed, mut dynamic) = (false, false, false);
    let mut spec = FdbSpec {
        mac: MacAddr::ZERO,
        dev: String::new(),
        on_self: false,
        on_master: false,
        state: FdbState::Permanent,
        sticky: false,
        extern_learn: false,
        touch: false,
        vlan: None,
        endpoint: FdbEndpoint::default(),
    };
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Endpoint(key)) => vxlan::endpoint(args, key, word, &mut spec.endpoint)?,
            Some(Key::Dev) => dev = Some(ifname(args)?),
            Some(Key::BridgeSelf) => spec.on_self = true,
            Some(Key::Master) => spec.on_master = true,
            Some(Key::Permanent) => permanent = true,
            Some(Key::Static) => fixed = true,
            Some(Key::Dynamic) => dynamic = true,
            Some(Key::Vlan) if spec.vlan.is_some() => return Err(fault(word, "given twice")),
            Some(Key::Vlan) => spec.vlan = Some(vid(args)?),
            Some(Key::Use) => spec.touch = true,
            Some(Key::ExternLearn) => spec.extern_learn = true,
            Some(Key::Sticky) => spec.sticky = true,
            Some(Key::To | Key::Vxlan) | None => station_word(&mut station, word, args, KEYS)?,
        }
    }
    let (Some(mac), Some(dev)) = (station, dev) else {
        return Err(args.missing(if station.is_none() {
            "a MAC address"
        } else {
            "\"dev\" and the name of a netdev"
        }));
    };
    spec.mac = mac;
    spec.dev = dev;
    // `NUD_PERMANENT` wins in the kernel; `dynamic` clears `NUD_NOARP`, and `static` does not set it again.
    spec.state = match (permanent, dynamic, fixed) {
        (true, ..) | (false, false, false) => FdbState::Permanent,
        (false, true, _) => FdbState::Dynamic,
        (false, false, true) => FdbState::Static,
    };
    spec.on_self |= !spec.on_master;
    Ok(spec)
}

/// Takes the station, which is a word that is no keyword, or what follows `to`.
fn station_word<K>(
    station: &mut Option<MacAddr>,
    word: &Word,
    args: &mut Args<'_>,
    table: &Keywords<K>,
) -> Result<(), Fault> {
    let value = if word.text == "to" {
        args.value("a MAC address")?
    } else {
        word
    };
    if station.is_some() {
        return Err(unknown(
            table,
            value,
            "neither an option of \"bridge fdb\" nor its MAC address, which was given already",
        ));
    }
    *station = Some(mac_word(value).ok_or_else(|| {
        fault(value, "not a MAC address").expect("a MAC address like 02:00:00:00:00:01")
    })?);
    Ok(())
}

fn show(args: &mut Args<'_>) -> Result<FdbFilter, Fault> {
    let mut filter = FdbFilter::default();
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "br" => filter.br = Some(ifname(args)?),
            "brport" | "dev" => filter.dev = Some(ifname(args)?),
            "vlan" if filter.vlan.is_some() => return Err(fault(word, "given twice")),
            "vlan" => filter.vlan = Some(vid(args)?.get()),
            "state" => {
                if filter.state.is_some() {
                    return Err(fault(word, "given twice"));
                }
                filter.state = show_state(args)?;
            }
            "dynamic" => filter.dynamic = true,
            // iproute2 6.1 passes over a word it does not know, and shows everything.
            _ => {
                return Err(
                    fault(word, "not a filter of \"bridge fdb show\"").expect(format!(
                        "\"br {0}\" or \"dev {0}\" (the keyword is needed here), brport, vlan, state or dynamic",
                        word.text
                    )),
                );
            }
        }
    }
    Ok(filter)
}

/// `state_a2n`.
fn show_state(args: &mut Args<'_>) -> Result<Option<FdbShowState>, Fault> {
    const STATES: &Keywords<Option<FdbShowState>> = &[
        ("permanent", Prefix, Some(FdbShowState::Permanent)),
        ("static", Prefix, Some(FdbShowState::Static)),
        ("temp", Prefix, Some(FdbShowState::Static)),
        ("stale", Prefix, Some(FdbShowState::Stale)),
        ("reachable", Prefix, Some(FdbShowState::Reachable)),
        ("dynamic", Prefix, Some(FdbShowState::Reachable)),
        ("all", Exact, None),
    ];
    let word = args.value("permanent, static, stale, reachable or all")?;
    keyword(STATES, &word.text).ok_or_else(|| unknown(STATES, word, "not a state of an FDB entry"))
}

fn get(args: &mut Args<'_>) -> Result<FdbGet, Fault> {
    const WORDS: &Keywords<Key> = &[
        ("brport", Exact, Key::Dev),
        ("dev", Exact, Key::Dev),
        ("br", Exact, Key::Use),
        ("vni", Exact, Key::Vxlan),
        ("self", Exact, Key::BridgeSelf),
        ("master", Prefix, Key::Master),
        ("vlan", Prefix, Key::Vlan),
        ("dynamic", Prefix, Key::Dynamic),
        ("to", Exact, Key::To),
    ];
    let mut station = None;
    let mut get = FdbGet {
        mac: MacAddr::ZERO,
        br: None,
        dev: None,
        vlan: None,
        on_self: false,
        on_master: false,
        dynamic: false,
    };
    while let Some(word) = args.take() {
        match keyword(WORDS, &word.text) {
            Some(Key::Dev) => get.dev = Some(ifname(args)?),
            Some(Key::Use) => get.br = Some(ifname(args)?),
            Some(Key::BridgeSelf) => get.on_self = true,
            Some(Key::Master) => get.on_master = true,
            Some(Key::Vlan) if get.vlan.is_some() => return Err(fault(word, "given twice")),
            Some(Key::Vlan) => get.vlan = Some(vid(args)?),
            Some(Key::Dynamic) => get.dynamic = true,
            // Only devices with `external` look entries up by VNI.
            Some(Key::Vxlan) => {
                u32_value(args, VNI_MAX)?;
            }
            _ => station_word(&mut station, word, args, WORDS)?,
        }
    }
    let Some(mac) = station else {
        return Err(args.missing("a MAC address"));
    };
    if get.dev.is_none() && get.br.is_none() {
        return Err(args.missing("\"br\" or \"brport\" and a name"));
    }
    get.mac = mac;
    Ok(get)
}

fn flush(args: &mut Args<'_>) -> Result<FdbFlush, Fault> {
    let mut dev = None;
    let mut flush = FdbFlush {
        dev: String::new(),
        brport: None,
        vlan: None,
        on_self: false,
        on_master: false,
        permanent: None,
        statics: None,
        dynamic: None,
        added_by_user: None,
        extern_learn: None,
        sticky: None,
    };
    while let Some(word) = args.take() {
        let (positive, value) = match word.text.strip_prefix("no") {
            Some(positive) => (positive, false),
            None => (word.text.as_str(), true),
        };
        match (positive, word.text.as_str()) {
            ("permanent", _) => flush.permanent = Some(value),
            ("static", _) => flush.statics = Some(value),
            ("dynamic", _) => flush.dynamic = Some(value),
            ("added_by_user", _) => flush.added_by_user = Some(value),
            ("extern_learn", _) => flush.extern_learn = Some(value),
            ("sticky", _) => flush.sticky = Some(value),
            (_, "dev") => dev = Some(ifname(args)?),
            (_, "master") => flush.on_master = true,
            (_, "self") => flush.on_self = true,
            (_, "brport") if flush.brport.is_some() => return Err(fault(word, "given twice")),
            (_, "brport") => flush.brport = Some(ifname(args)?),
            (_, "vlan") if flush.vlan.is_some() => return Err(fault(word, "given twice")),
            (_, "vlan") => flush.vlan = Some(vid(args)?),
            _ => {
                return Err(
                    fault(word, "not an option of \"bridge fdb flush\"").expect_one_of(
                        [
                            "dev",
                            "brport",
                            "vlan",
                            "self",
                            "master",
                            "permanent",
                            "nopermanent",
                            "static",
                            "nostatic",
                            "dynamic",
                            "nodynamic",
                            "added_by_user",
                            "noadded_by_user",
                            "extern_learn",
                            "noextern_learn",
                            "sticky",
                            "nosticky",
                        ]
                        .into_iter(),
                    ),
                );
            }
        }
    }
    flush.dev = dev.ok_or_else(|| args.missing("\"dev\" and the name of a bridge or port"))?;
    flush.on_self |= !flush.on_master;
    Ok(flush)
}
