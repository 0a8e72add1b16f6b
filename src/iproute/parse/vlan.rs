//! `bridge vlan` (`bridge/vlan.c`) and the options of VLAN devices (`ip/iplink_vlan.c`).

use super::args::{
    Args, Keywords, Match, decimal, fault, ifname, keyword, number, on_off, strict_on_off,
    u8_value, u16_value, u32_value, u64_value, unknown,
};
use super::options::{port_state, tag_type};
use crate::iproute::command::{
    Verb, VidRange, VlanDeviceOptions, VlanFilter, VlanGlobalOptions, VlanGlobalSet, VlanSet,
    VlanSpec,
};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Action {
    Add,
    Delete,
    Set,
    Show,
    Global,
    Tunnels,
}

/// In `do_vlan`'s order.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add),
    ("delete", Prefix, Action::Delete),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("list", Prefix, Action::Show),
    ("tunnelshow", Prefix, Action::Tunnels),
    ("set", Prefix, Action::Set),
    ("global", Exact, Action::Global),
];

/// Reads what follows `bridge vlan`.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::VlanShow(VlanFilter::default()));
    };
    match keyword(ACTIONS, &word.text) {
        Some(Action::Add) => Ok(Verb::VlanAdd(modify(args)?)),
        Some(Action::Delete) => Ok(Verb::VlanDel(modify(args)?)),
        Some(Action::Set) => Ok(Verb::VlanSet(set(args)?)),
        Some(Action::Show) => Ok(Verb::VlanShow(filter(args)?)),
        Some(Action::Global) => global(args),
        Some(Action::Tunnels) => Err(fault(word, NO_TUNNELS).expect("\"show\"")),
        None => Err(fault(word, "not a command of \"bridge vlan\"")
            .expect_one_of(["add", "delete", "show", "set", "global"].into_iter())),
    }
}

const NO_TUNNELS: &str = "VLANs are not mapped to tunnels here";

#[derive(Clone, Copy, Debug)]
enum Key {
    Dev,
    Vid,
    BridgeSelf,
    Master,
    Pvid,
    Untagged,
    Tunnel,
}

const KEYS: &Keywords<Key> = &[
    ("dev", Exact, Key::Dev),
    ("vid", Exact, Key::Vid),
    ("self", Exact, Key::BridgeSelf),
    ("master", Exact, Key::Master),
    ("pvid", Exact, Key::Pvid),
    ("untagged", Exact, Key::Untagged),
    ("tunnel_info", Exact, Key::Tunnel),
];

/// `vlan_modify`. It passes over words that it does not know; they are refused here.
fn modify(args: &mut Args<'_>) -> Result<VlanSpec, Fault> {
    let mut dev = None;
    let mut vids = None;
    let mut pvid = None;
    let mut spec = VlanSpec {
        dev: String::new(),
        vids: VidRange::one(0),
        pvid: false,
        untagged: false,
        on_self: false,
        on_master: false,
    };
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Dev) => dev = Some(ifname(args)?),
            Some(Key::Vid) => vids = Some(vid_range(args)?),
            Some(Key::BridgeSelf) => spec.on_self = true,
            Some(Key::Master) => spec.on_master = true,
            Some(Key::Pvid) => pvid = Some(word),
            Some(Key::Untagged) => spec.untagged = true,
            Some(Key::Tunnel) => {
                return Err(fault(word, NO_TUNNELS).expect("another option of \"bridge vlan\""));
            }
            None => return Err(unknown(KEYS, word, "not an option of \"bridge vlan\"")),
        }
    }
    (spec.dev, spec.vids) = required(args, dev, vids)?;
    if let Some(word) = pvid.filter(|_| spec.vids.first != spec.vids.last) {
        return Err(fault(word, "pvid cannot be configured for a vlan range")
            .expect("\"vid\" and one VLAN"));
    }
    spec.pvid = pvid.is_some();
    Ok(spec)
}

/// Device and VLAN are required arguments.
fn required(
    args: &Args<'_>,
    dev: Option<String>,
    vids: Option<VidRange>,
) -> Result<(String, VidRange), Fault> {
    match (dev, vids) {
        (Some(dev), Some(vids)) => Ok((dev, vids)),
        (None, _) => Err(args.missing("\"dev\" and the name of a bridge port or bridge")),
        (_, None) => Err(args.missing("\"vid\" and a VLAN like 10 or 10-20")),
    }
}

/// Reads `V` or `V-W`, which iproute2 reads with `atoi` and checks against 4095.
fn vid_range(args: &mut Args<'_>) -> Result<VidRange, Fault> {
    let word = args.value("a VLAN like 10 or 10-20")?;
    let Some((first, last)) = word.text.split_once('-') else {
        return Ok(VidRange::one(vid(word)?));
    };
    let one = |text: &str| {
        vid(&Word {
            text: text.to_owned(),
            ..word.clone()
        })
        .ok()
    };
    match (one(first), one(last)) {
        (Some(first), Some(last)) if first < last => Ok(VidRange { first, last }),
        _ => Err(fault(word, "not a range of VLANs")
            .expect("two numbers from 0 to 4095, the second larger, like 10-20")),
    }
}

/// Reads a VID from 0 to 4095: which of them it takes is the kernel's to say.
fn vid(word: &Word) -> Result<u16, Fault> {
    let value = decimal(word, 0, 4095)?;
    Ok(u16::try_from(value).unwrap_or(4095))
}

#[derive(Clone, Copy, Debug)]
enum SetKey {
    Dev,
    Vid,
    State,
    McastRouter,
    McastMaxGroups,
    NeighSuppress,
}

/// Of `vlan_option_set`; the last two are newer than iproute2 6.1.
const SET: &Keywords<SetKey> = &[
    ("dev", Exact, SetKey::Dev),
    ("vid", Exact, SetKey::Vid),
    ("state", Exact, SetKey::State),
    ("mcast_router", Exact, SetKey::McastRouter),
    ("mcast_max_groups", Exact, SetKey::McastMaxGroups),
    ("neigh_suppress", Exact, SetKey::NeighSuppress),
];

fn set(args: &mut Args<'_>) -> Result<VlanSet, Fault> {
    let mut dev = None;
    let mut vids = None;
    let mut set = VlanSet {
        dev: String::new(),
        vids: VidRange::one(0),
        state: None,
        mcast_router: None,
        mcast_max_groups: None,
        neigh_suppress: None,
    };
    while let Some(word) = args.take() {
        match keyword(SET, &word.text) {
            Some(SetKey::Dev) => dev = Some(ifname(args)?),
            // Of two, the kernel would get pieces of both.
            Some(SetKey::Vid) if vids.is_some() => return Err(fault(word, "given twice")),
            Some(SetKey::Vid) => vids = Some(vid_range(args)?),
            Some(SetKey::State) => set.state = Some(port_state(args, 255)?),
            Some(SetKey::McastRouter) => set.mcast_router = Some(u8_value(args)?),
            Some(SetKey::McastMaxGroups) => {
                set.mcast_max_groups = Some(u32_value(args, u32::MAX)?);
            }
            Some(SetKey::NeighSuppress) => set.neigh_suppress = Some(on_off(args)?),
            None => return Err(unknown(SET, word, "not an option of \"bridge vlan set\"")),
        }
    }
    (set.dev, set.vids) = required(args, dev, vids)?;
    Ok(set)
}

/// Reads the filters of `bridge vlan show` and `bridge vlan global show`.
fn filter(args: &mut Args<'_>) -> Result<VlanFilter, Fault> {
    let mut filter = VlanFilter::default();
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" if filter.dev.is_some() => return Err(fault(word, "given twice")),
            "dev" => filter.dev = Some(ifname(args)?),
            "vid" if filter.vid.is_some() => return Err(fault(word, "given twice")),
            "vid" => {
                filter.vid = Some(vid(args.value("a decimal number from 0 to 4095")?)?);
            }
            // iproute2 6.1 passes over a word it does not know, and shows everything.
            _ => {
                return Err(
                    fault(word, "not a filter of \"bridge vlan show\"").expect(format!(
                        "\"dev {0}\" or \"vid {0}\" (the keyword is needed here)",
                        word.text
                    )),
                );
            }
        }
    }
    Ok(filter)
}

/// `vlan_global`, which takes no abbreviation.
fn global(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::VlanGlobalShow(VlanFilter::default()));
    };
    match word.text.as_str() {
        "show" | "lst" | "list" => Ok(Verb::VlanGlobalShow(filter(args)?)),
        "set" => Ok(Verb::VlanGlobalSet(global_set(args)?)),
        _ => Err(fault(word, "not a command of \"bridge vlan global\"")
            .expect_one_of(["set", "show"].into_iter())),
    }
}

#[derive(Clone, Copy, Debug)]
enum GlobalKey {
    Dev,
    Vid,
    McastSnooping,
    McastQuerier,
    McastIgmpVersion,
    McastMldVersion,
    McastLastMemberCount,
    McastStartupQueryCount,
    McastLastMemberInterval,
    McastMembershipInterval,
    McastQuerierInterval,
    McastQueryInterval,
    McastQueryResponseInterval,
    McastStartupQueryInterval,
    Msti,
}

/// Of `vlan_global_option_set`; the last is newer than iproute2 6.1.
const GLOBAL: &Keywords<GlobalKey> = &[
    ("dev", Exact, GlobalKey::Dev),
    ("vid", Exact, GlobalKey::Vid),
    ("mcast_snooping", Exact, GlobalKey::McastSnooping),
    ("mcast_querier", Exact, GlobalKey::McastQuerier),
    ("mcast_igmp_version", Exact, GlobalKey::McastIgmpVersion),
    ("mcast_mld_version", Exact, GlobalKey::McastMldVersion),
    (
        "mcast_last_member_count",
        Exact,
        GlobalKey::McastLastMemberCount,
    ),
    (
        "mcast_startup_query_count",
        Exact,
        GlobalKey::McastStartupQueryCount,
    ),
    (
        "mcast_last_member_interval",
        Exact,
        GlobalKey::McastLastMemberInterval,
    ),
    (
        "mcast_membership_interval",
        Exact,
        GlobalKey::McastMembershipInterval,
    ),
    (
        "mcast_querier_interval",
        Exact,
        GlobalKey::McastQuerierInterval,
    ),
    ("mcast_query_interval", Exact, GlobalKey::McastQueryInterval),
    (
        "mcast_query_response_interval",
        Exact,
        GlobalKey::McastQueryResponseInterval,
    ),
    (
        "mcast_startup_query_interval",
        Exact,
        GlobalKey::McastStartupQueryInterval,
    ),
    ("msti", Exact, GlobalKey::Msti),
];

fn global_set(args: &mut Args<'_>) -> Result<VlanGlobalSet, Fault> {
    let mut dev = None;
    let mut vids = None;
    let mut o = VlanGlobalOptions::default();
    while let Some(word) = args.take() {
        let Some(key) = keyword(GLOBAL, &word.text) else {
            return Err(unknown(
                GLOBAL,
                word,
                "not an option of \"bridge vlan global set\"",
            ));
        };
        match key {
            GlobalKey::Dev => dev = Some(ifname(args)?),
            GlobalKey::Vid if vids.is_some() => return Err(fault(word, "given twice")),
            GlobalKey::Vid => vids = Some(vid_range(args)?),
            GlobalKey::McastSnooping => o.mcast_snooping = Some(u8_value(args)?),
            GlobalKey::McastQuerier => o.mcast_querier = Some(u8_value(args)?),
            GlobalKey::McastIgmpVersion => o.mcast_igmp_version = Some(u8_value(args)?),
            GlobalKey::McastMldVersion => o.mcast_mld_version = Some(u8_value(args)?),
            GlobalKey::McastLastMemberCount => {
                o.mcast_last_member_count = Some(u32_value(args, u32::MAX)?);
            }
            GlobalKey::McastStartupQueryCount => {
                o.mcast_startup_query_count = Some(u32_value(args, u32::MAX)?);
            }
            GlobalKey::McastLastMemberInterval => {
                o.mcast_last_member_interval = Some(u64_value(args)?);
            }
            GlobalKey::McastMembershipInterval => {
                o.mcast_membership_interval = Some(u64_value(args)?);
            }
            GlobalKey::McastQuerierInterval => o.mcast_querier_interval = Some(u64_value(args)?),
            GlobalKey::McastQueryInterval => o.mcast_query_interval = Some(u64_value(args)?),
            GlobalKey::McastQueryResponseInterval => {
                o.mcast_query_response_interval = Some(u64_value(args)?);
            }
            GlobalKey::McastStartupQueryInterval => {
                o.mcast_startup_query_interval = Some(u64_value(args)?);
            }
            GlobalKey::Msti => {
                return Err(fault(word, "multiple spanning trees are not modelled")
                    .expect("another option of \"bridge vlan global set\""));
            }
        }
    }
    let (dev, vids) = required(args, dev, vids)?;
    Ok(VlanGlobalSet {
        dev,
        vids,
        options: o,
    })
}

#[derive(Clone, Copy, Debug)]
enum DeviceKey {
    Protocol,
    Id,
    ReorderHdr,
    Gvrp,
    Mvrp,
    LooseBinding,
    BridgeBinding,
    IngressQos,
    EgressQos,
}

/// In `vlan_parse_opt`'s order.
const DEVICE: &Keywords<DeviceKey> = &[
    ("protocol", Prefix, DeviceKey::Protocol),
    ("id", Prefix, DeviceKey::Id),
    ("reorder_hdr", Prefix, DeviceKey::ReorderHdr),
    ("gvrp", Prefix, DeviceKey::Gvrp),
    ("mvrp", Prefix, DeviceKey::Mvrp),
    ("loose_binding", Prefix, DeviceKey::LooseBinding),
    ("bridge_binding", Prefix, DeviceKey::BridgeBinding),
    ("ingress-qos-map", Prefix, DeviceKey::IngressQos),
    ("egress-qos-map", Prefix, DeviceKey::EgressQos),
];

/// Reads what follows `type vlan`, to the end of the command.
pub(super) fn device(args: &mut Args<'_>) -> Result<VlanDeviceOptions, Fault> {
    let mut o = VlanDeviceOptions::default();
    while let Some(word) = args.take() {
        match keyword(DEVICE, &word.text) {
            Some(DeviceKey::Protocol) => o.protocol = Some(tag_type(args)?),
            Some(DeviceKey::Id) => o.id = Some(u16_value(args)?),
            Some(DeviceKey::ReorderHdr) => o.reorder_hdr = Some(strict_on_off(args)?),
            Some(DeviceKey::Gvrp) => o.gvrp = Some(strict_on_off(args)?),
            Some(DeviceKey::Mvrp) => o.mvrp = Some(strict_on_off(args)?),
            Some(DeviceKey::LooseBinding) => o.loose_binding = Some(strict_on_off(args)?),
            Some(DeviceKey::BridgeBinding) => o.bridge_binding = Some(strict_on_off(args)?),
            Some(DeviceKey::IngressQos) => qos_map(args, &mut o.ingress_qos)?,
            Some(DeviceKey::EgressQos) => qos_map(args, &mut o.egress_qos)?,
            None => {
                return Err(super::options::unknown_option(
                    DEVICE,
                    word,
                    "a VLAN device",
                ));
            }
        }
    }
    Ok(o)
}

/// `parse_mapping`: words `FROM:TO` until one without a colon.
fn qos_map(args: &mut Args<'_>, map: &mut Vec<(u32, u32)>) -> Result<(), Fault> {
    let first = args.value("a pair of priorities like 0:1")?;
    let mut next = Some(first);
    while let Some(word) = next {
        let Some((from, to)) = word.text.split_once(':') else {
            return Err(fault(word, "not a pair of priorities").expect("two numbers like 0:1"));
        };
        let part = |text: &str| {
            let part = Word {
                text: text.to_owned(),
                ..word.clone()
            };
            number(&part, u64::from(u32::MAX))
                .ok()
                .and_then(|n| u32::try_from(n).ok())
        };
        match (part(from), part(to)) {
            (Some(from), Some(to)) => map.push((from, to)),
            _ => {
                return Err(fault(word, "not a pair of priorities").expect("two numbers like 0:1"));
            }
        }
        next = args.peek().filter(|word| word.text.contains(':'));
        if next.is_some() {
            args.take();
        }
    }
    Ok(())
}
