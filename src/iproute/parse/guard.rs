//! The program `tapswitch`: guards of ports, our own extension of the language.
//!
//! Its words are taken whole; [`GuardOptions`] has the grammar.

use super::args::{
    Args, Keywords, Match, decimal, fault, ifname, ip_word, keyword, mac, strict_on_off, unknown,
    vid,
};
use super::{cable, tree};
use crate::iproute::command::{
    BindingEdit, GuardOptions, PrivateRole, StormLimit, Verb, Violation,
};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;
use crate::wire::{MacAddr, Vid};

use Match::Exact;

/// Most addresses that a port may be told to take: as many as the largest FDB.
const MAX_MACS: u64 = u32::MAX as u64;

/// Largest recovery time, in seconds: a year.
const MAX_RECOVERY: u64 = 365 * 24 * 3600;

/// Reads what follows `tapswitch` and its options. `json` is set by `-j` after `show`.
pub(super) fn parse(args: &mut Args<'_>, json: &mut bool) -> Result<Verb, Fault> {
    let word = args.value("\"port\", \"bridge\", \"stp\" or \"cable\"")?;
    match word.text.as_str() {
        "port" => {}
        "bridge" => return tree::bridge(args, json),
        "stp" => return tree::stp(args, json),
        "cable" => return cable::parse(args, json),
        _ => {
            return Err(fault(word, "not an object of \"tapswitch\" in a script")
                .expect_one_of(["port", "bridge", "stp", "cable"].into_iter()));
        }
    }
    let Some(word) = args.take() else {
        return Ok(Verb::GuardShow(None));
    };
    match word.text.as_str() {
        "set" => set(args),
        "show" => show(args, json),
        _ => Err(fault(word, "not a command of \"tapswitch port\"")
            .expect_one_of(["set", "show"].into_iter())),
    }
}

fn show(args: &mut Args<'_>, json: &mut bool) -> Result<Verb, Fault> {
    let mut dev = None;
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" if dev.is_some() => return Err(fault(word, "given twice")),
            "dev" => dev = Some(ifname(args)?),
            "-j" => *json = true,
            _ => {
                return Err(fault(word, "not a filter of \"tapswitch port show\"")
                    .expect_one_of(["dev", "-j"].into_iter()));
            }
        }
    }
    Ok(Verb::GuardShow(dev))
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Dev,
    StormBroadcast,
    StormMulticast,
    StormUnknown,
    MaxMacs,
    SecureMac(bool),
    Violation,
    Recovery,
    IpBinding,
    DhcpTrusted,
    Bind,
    Unbind,
    MacVlan,
    NoMacVlan,
    Private,
    PointToPoint,
    Edge,
    BpduGuard,
    BpduFilter,
    LoopGuard,
    TcGuard,
    Speed,
}

const KEYS: &Keywords<Key> = &[
    ("dev", Exact, Key::Dev),
    ("storm_broadcast", Exact, Key::StormBroadcast),
    ("storm_multicast", Exact, Key::StormMulticast),
    ("storm_unknown", Exact, Key::StormUnknown),
    ("max_macs", Exact, Key::MaxMacs),
    ("secure_mac", Exact, Key::SecureMac(true)),
    ("no_secure_mac", Exact, Key::SecureMac(false)),
    ("violation", Exact, Key::Violation),
    ("recovery", Exact, Key::Recovery),
    ("ip_binding", Exact, Key::IpBinding),
    ("dhcp_trusted", Exact, Key::DhcpTrusted),
    ("bind", Exact, Key::Bind),
    ("unbind", Exact, Key::Unbind),
    ("mac_vlan", Exact, Key::MacVlan),
    ("no_mac_vlan", Exact, Key::NoMacVlan),
    ("private", Exact, Key::Private),
    ("p2p", Exact, Key::PointToPoint),
    ("edge", Exact, Key::Edge),
    ("bpdu_guard", Exact, Key::BpduGuard),
    ("bpdu_filter", Exact, Key::BpduFilter),
    ("loop_guard", Exact, Key::LoopGuard),
    ("tc_guard", Exact, Key::TcGuard),
    ("speed", Exact, Key::Speed),
];

fn set(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let mut dev = None;
    let mut o = GuardOptions::default();
    while let Some(word) = args.take() {
        let Some(key) = keyword(KEYS, &word.text) else {
            return Err(unknown(
                KEYS,
                word,
                "not an option of \"tapswitch port set\"",
            ));
        };
        match key {
            Key::Dev => dev = Some(ifname(args)?),
            Key::StormBroadcast => o.storm_broadcast = Some(storm(args)?),
            Key::StormMulticast => o.storm_multicast = Some(storm(args)?),
            Key::StormUnknown => o.storm_unknown = Some(storm(args)?),
            Key::MaxMacs => o.max_macs = Some(off_or(args, MAX_MACS)?),
            Key::SecureMac(add) => {
                let mac = station(args)?;
                o.secure_macs.push((add, mac, in_vlan(args)?));
            }
            Key::Violation => o.violation = Some(violation(args)?),
            Key::Recovery => o.recovery = Some(recovery(args)?),
            Key::IpBinding => o.ip_binding = Some(strict_on_off(args)?),
            Key::DhcpTrusted => o.dhcp_trusted = Some(strict_on_off(args)?),
            Key::Bind => {
                let word = args.value("an IP address")?;
                let address = ip_word(word, &word.text, None)?;
                let mac = station(args)?;
                o.bindings
                    .push(BindingEdit::Bind(address, mac, in_vlan(args)?));
            }
            Key::Unbind => {
                let word = args.value("an IP address")?;
                let address = ip_word(word, &word.text, None)?;
                o.bindings.push(BindingEdit::Unbind(address));
            }
            Key::MacVlan => {
                let mac = station(args)?;
                o.mac_vlans.push((mac, Some(vid(args)?)));
            }
            Key::NoMacVlan => o.mac_vlans.push((station(args)?, None)),
            Key::Private => o.private = Some(private(args)?),
            Key::PointToPoint => o.tree.p2p = Some(tree::admin(args)?),
            Key::Edge => o.tree.edge = Some(tree::admin(args)?),
            Key::BpduGuard => o.tree.bpdu_guard = Some(strict_on_off(args)?),
            Key::BpduFilter => o.tree.bpdu_filter = Some(strict_on_off(args)?),
            Key::LoopGuard => o.tree.loop_guard = Some(strict_on_off(args)?),
            Key::TcGuard => o.tree.tc_guard = Some(strict_on_off(args)?),
            Key::Speed => o.tree.speed = Some(tree::speed(args)?),
        }
    }
    match dev {
        Some(dev) => Ok(Verb::GuardSet(dev, o)),
        None => Err(args.missing("\"dev\" and the name of a bridge port")),
    }
}

/// Reads the address of a station, which is no group.
fn station(args: &mut Args<'_>) -> Result<MacAddr, Fault> {
    let word = args.peek();
    let mac = mac(args)?;
    match word {
        Some(word) if !mac.is_station() => Err(fault(word, "not the address of a station")
            .expect("a MAC address that is no group, like 02:00:00:00:00:01")),
        _ => Ok(mac),
    }
}

/// Reads `vlan VID` if it is there.
fn in_vlan(args: &mut Args<'_>) -> Result<Option<Vid>, Fault> {
    if args.peek().is_none_or(|word| word.text != "vlan") {
        return Ok(None);
    }
    args.take();
    vid(args).map(Some)
}

/// Reads a time after which something that was shut opens again: `off` or seconds.
pub(super) fn recovery(args: &mut Args<'_>) -> Result<Option<u32>, Fault> {
    off_or(args, MAX_RECOVERY)
}

/// Reads `off` or a number from 1 on.
fn off_or(args: &mut Args<'_>, max: u64) -> Result<Option<u32>, Fault> {
    let expected = format!("\"off\" or a decimal number from 1 to {max}");
    let word = args.value(&expected)?;
    if word.text == "off" {
        return Ok(None);
    }
    let number = decimal(word, 1, max).map_err(|fault| fault.expect(expected))?;
    Ok(u32::try_from(number).ok())
}

const STORM: &str =
    "\"off\", frames (100fps) or octets (64kBps) per second, or both (100fps,64kBps)";

/// Units of a storm limit: (suffix, whether frames are counted, how many one is).
const UNITS: [(&str, bool, u64); 8] = [
    ("Gfps", true, 1_000_000_000),
    ("Mfps", true, 1_000_000),
    ("kfps", true, 1_000),
    ("fps", true, 1),
    ("GBps", false, 1_000_000_000),
    ("MBps", false, 1_000_000),
    ("kBps", false, 1_000),
    ("Bps", false, 1),
];

/// Reads a storm limit: `off`, or one or two rates joined by a comma.
fn storm(args: &mut Args<'_>) -> Result<StormLimit, Fault> {
    let word = args.value(STORM)?;
    let mut limit = StormLimit::default();
    if word.text == "off" {
        return Ok(limit);
    }
    for part in word.text.split(',') {
        let (frames, rate) = rate(word, part)?;
        let slot = if frames {
            &mut limit.frames
        } else {
            &mut limit.octets
        };
        if slot.replace(rate).is_some() {
            return Err(fault(word, "two limits of one kind").expect(STORM));
        }
    }
    Ok(limit)
}

/// Reads one rate: whether it is of frames, and how many per second.
fn rate(word: &Word, text: &str) -> Result<(bool, u64), Fault> {
    let unit = UNITS
        .iter()
        .find_map(|(suffix, frames, one)| Some((text.strip_suffix(suffix)?, *frames, *one)));
    let rate = unit.and_then(|(digits, frames, one)| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = digits.parse().ok().filter(|_| plain)?;
        Some((frames, number.checked_mul(one).filter(|rate| *rate > 0)?))
    });
    rate.ok_or_else(|| {
        let message = if text.ends_with("bps") || text.ends_with("bit") {
            "octets per second are written Bps, kBps, MBps or GBps"
        } else {
            "not a rate"
        };
        fault(word, message).expect(STORM)
    })
}

fn violation(args: &mut Args<'_>) -> Result<Violation, Fault> {
    let all = [Violation::Protect, Violation::Restrict, Violation::Shutdown];
    let word = args.value("protect, restrict or shutdown")?;
    all.into_iter()
        .find(|it| it.name() == word.text)
        .ok_or_else(|| {
            fault(word, "not what a port can do then").expect_one_of(all.iter().map(|it| it.name()))
        })
}

fn private(args: &mut Args<'_>) -> Result<PrivateRole, Fault> {
    let word = args.value("isolated, promiscuous, community or off")?;
    match word.text.as_str() {
        "isolated" => Ok(PrivateRole::Isolated),
        "promiscuous" => Ok(PrivateRole::Promiscuous),
        "off" => Ok(PrivateRole::Off),
        "community" => {
            let word = args.value("the number of a community, from 1 to 4094")?;
            let number = decimal(word, 1, 4094)?;
            Ok(PrivateRole::Community(
                u16::try_from(number).unwrap_or(4094),
            ))
        }
        _ => Err(fault(word, "not a part in private VLANs")
            .expect_one_of(["isolated", "promiscuous", "community", "off"].into_iter())),
    }
}
