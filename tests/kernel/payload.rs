//! What IP, IGMP, MLD, ARP and neighbour discovery carry, from a few words.
//!
//! ```text
//! igmp1|igmp2 report G · igmp2 leave G · igmp2|igmp3 query [G]     IGMP; no group: a general query
//! igmp3 is_in|is_ex|to_in|to_ex|allow|block G [SOURCE...]          one group record
//! mld1 report G · mld1 done G · mld1|mld2 query [G] · mld2 is_in|... G [SOURCE...]
//! udp A [df] [of N]                    IPv4 or IPv6; not to be fragmented; N octets of packet
//! arp request|reply SENDER TARGET · ns TARGET · na TARGET
//! ```
//!
//! Addresses are written out, or `gN`: 239.0.1.N, whose frames go to `mN`, or `g6N`: ff05::1:N, whose
//! frames go to `nN`. The sender of station 02:...:N is 10.0.0.N or fe80::N.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::SplitWhitespace;

/// Reads the words behind a frame's addresses and tags, if the first starts a payload. Returns the
/// EtherType and what follows it.
pub(crate) fn read(
    first: &str,
    source: [u8; 6],
    words: &mut SplitWhitespace<'_>,
) -> Option<Result<(u16, Vec<u8>), String>> {
    let station = source[5];
    let sender4 = Ipv4Addr::new(10, 0, 0, station);
    let sender6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(station));
    let version = match first {
        "igmp1" | "mld1" => 1,
        "igmp2" | "mld2" => 2,
        "igmp3" => 3,
        "udp" | "arp" | "ns" | "na" => 0,
        _ => return None,
    };
    let arguments: Vec<&str> = words.collect();
    Some(match first {
        "igmp1" | "igmp2" | "igmp3" => igmp(version, sender4, &arguments),
        "mld1" | "mld2" => mld(version, sender6, &arguments),
        "udp" => udp(sender4, sender6, &arguments),
        "arp" => arp(source, &arguments),
        _ => neighbour(first == "ns", source, sender6, &arguments),
    })
}

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Essence {
    ArpRequest,
    ArpReply,
    Solicitation,
    Advertisement,
    /// IGMP or MLD about a group.
    Membership,
    /// A query for one group.
    GroupQuery,
    /// A query for all groups.
    GeneralQuery,
}

/// Looks behind the tags of a frame.
pub(crate) fn essence(octets: &[u8]) -> Option<Essence> {
    let mut rest = octets.get(12..)?;
    while let [0x81, 0x00, _, _, behind @ ..] | [0x88, 0xa8, _, _, behind @ ..] = rest {
        rest = behind;
    }
    match rest {
        [8, 6, _, _, _, _, _, _, 0, 1, ..] => Some(Essence::ArpRequest),
        [8, 6, _, _, _, _, _, _, 0, 2, ..] => Some(Essence::ArpReply),
        [8, 0, header, ..] if rest.get(11) == Some(&2) => {
            let igmp = rest.get(2 + 4 * usize::from(header & 15)..)?;
            let group = igmp.get(4..8)?;
            match igmp[0] {
                0x11 => Some(query(group)),
                _ => Some(Essence::Membership),
            }
        }
        [0x86, 0xdd, ..] => match (rest.get(8)?, rest.get(42)?) {
            (58, 135) => Some(Essence::Solicitation),
            (58, 136) => Some(Essence::Advertisement),
            (0, 58) => match (rest.get(50)?, rest.get(58..74)?) {
                (130, group) => Some(query(group)),
                _ => Some(Essence::Membership),
            },
            _ => None,
        },
        _ => None,
    }
}

fn query(group: &[u8]) -> Essence {
    match group.iter().all(|octet| *octet == 0) {
        true => Essence::GeneralQuery,
        false => Essence::GroupQuery,
    }
}

fn ip(word: &str) -> Result<IpAddr, String> {
    let group = |number: &str| u8::from_str_radix(number, 16).ok();
    if let Some(number) = word.strip_prefix("g6").and_then(group) {
        return Ok(Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, number.into()).into());
    }
    if let Some(number) = word.strip_prefix('g').and_then(group) {
        return Ok(Ipv4Addr::new(239, 0, 1, number).into());
    }
    word.parse()
        .map_err(|_| format!("`{word}` is no IP address"))
}

fn ip4(word: Option<&&str>) -> Result<Ipv4Addr, String> {
    match word.map(|word| ip(word)) {
        None => Ok(Ipv4Addr::UNSPECIFIED),
        Some(Ok(IpAddr::V4(address))) => Ok(address),
        Some(other) => Err(format!("an IPv4 address expected: {other:?}")),
    }
}

fn ip6(word: Option<&&str>) -> Result<Ipv6Addr, String> {
    match word.map(|word| ip(word)) {
        None => Ok(Ipv6Addr::UNSPECIFIED),
        Some(Ok(IpAddr::V6(address))) => Ok(address),
        Some(other) => Err(format!("an IPv6 address expected: {other:?}")),
    }
}

/// The record types of IGMPv3 (RFC 3376, 4.2.12) and MLDv2.
fn record(what: &str) -> Result<u8, String> {
    let names = ["is_in", "is_ex", "to_in", "to_ex", "allow", "block"];
    let found = (1..).zip(names).find(|(_, name)| *name == what);
    found
        .map(|(number, _)| number)
        .ok_or_else(|| format!("`{what}`?"))
}

fn igmp(version: u8, sender: Ipv4Addr, words: &[&str]) -> Result<(u16, Vec<u8>), String> {
    let what = *words.first().ok_or("what expected")?;
    let group = ip4(words.get(1))?;
    let routers = Ipv4Addr::new(224, 0, 0, 2);
    let all = if group.is_unspecified() {
        Ipv4Addr::new(224, 0, 0, 1)
    } else {
        group
    };
    let (to, mut octets) = match (what, version) {
        ("report", 1) => (group, [&[0x12, 0, 0, 0], &group.octets()[..]].concat()),
        ("report", 2) => (group, [&[0x16, 0, 0, 0], &group.octets()[..]].concat()),
        ("leave", 2) => (routers, [&[0x17, 0, 0, 0], &group.octets()[..]].concat()),
        ("query", 1) => (all, [&[0x11, 0, 0, 0], &group.octets()[..]].concat()),
        ("query", 2) => (all, [&[0x11, 1, 0, 0], &group.octets()[..]].concat()),
        ("query", 3) => (
            all,
            [&[0x11, 1, 0, 0], &group.octets()[..], &[2, 125, 0, 0]].concat(),
        ),
        (what, 3) => {
            let sources = words.get(2..).unwrap_or_default();
            let count = u8::try_from(sources.len()).map_err(|_| "too many sources")?;
            let mut octets = [
                &[0x22, 0, 0, 0, 0, 0, 0, 1, record(what)?, 0, 0, count],
                &group.octets()[..],
            ]
            .concat();
            for source in sources {
                octets.extend(ip4(Some(source))?.octets());
            }
            (Ipv4Addr::new(224, 0, 0, 22), octets)
        }
        _ => return Err(format!("no `{what}` in version {version}")),
    };
    let sum = checksum(&[&octets]);
    octets[2..4].copy_from_slice(&sum);
    Ok((0x0800, ipv4(sender, to, 2, &octets)))
}

fn mld(version: u8, sender: Ipv6Addr, words: &[&str]) -> Result<(u16, Vec<u8>), String> {
    let what = *words.first().ok_or("what expected")?;
    let group = ip6(words.get(1))?;
    let multicast = |last| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last);
    let all = if group.is_unspecified() {
        multicast(1)
    } else {
        group
    };
    let message = |kind, delay| [&[kind, 0, 0, 0, 0, delay, 0, 0], &group.octets()[..]].concat();
    let (to, octets) = match (what, version) {
        ("report", 1) => (group, message(131, 0)),
        ("done", 1) => (multicast(2), message(132, 0)),
        ("query", 1) => (all, message(130, 100)),
        ("query", 2) => (all, [message(130, 100), vec![2, 125, 0, 0]].concat()),
        (what, 2) => {
            let sources = words.get(2..).unwrap_or_default();
            let count = u8::try_from(sources.len()).map_err(|_| "too many sources")?;
            let mut octets = [
                &[143, 0, 0, 0, 0, 0, 0, 1, record(what)?, 0, 0, count],
                &group.octets()[..],
            ]
            .concat();
            for source in sources {
                octets.extend(ip6(Some(source))?.octets());
            }
            (multicast(0x16), octets)
        }
        _ => return Err(format!("no `{what}` in version {version}")),
    };
    // Hop-by-hop with a router alert; then ICMPv6.
    let alert = [58, 0, 5, 2, 0, 0, 1, 0];
    Ok((
        0x86dd,
        ipv6(sender, to, (0, 1), &alert, icmp6(sender, to, octets)),
    ))
}

fn neighbour(
    asks: bool,
    source: [u8; 6],
    sender: Ipv6Addr,
    words: &[&str],
) -> Result<(u16, Vec<u8>), String> {
    let target = ip6(words.first())?;
    let [.., a, b, c] = target.octets();
    let solicited = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from(b) << 8 | u16::from(c),
    );
    let (kind, to, option) = match asks {
        true => (135, solicited, 1),
        false => (136, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), 2),
    };
    let flags = if asks { 0 } else { 0x20 };
    let octets = [
        &[kind, 0, 0, 0, flags, 0, 0, 0],
        &target.octets()[..],
        &[option, 1],
        &source,
    ]
    .concat();
    Ok((
        0x86dd,
        ipv6(sender, to, (58, 255), &[], icmp6(sender, to, octets)),
    ))
}

fn arp(source: [u8; 6], words: &[&str]) -> Result<(u16, Vec<u8>), String> {
    let operation = match words.first() {
        Some(&"request") => 1,
        Some(&"reply") => 2,
        _ => return Err("arp request|reply SENDER TARGET".to_owned()),
    };
    let (sender, target) = (ip4(words.get(1))?, ip4(words.get(2))?);
    let fixed = [0, 1, 8, 0, 6, 4, 0, operation];
    Ok((
        0x0806,
        [
            &fixed,
            &source[..],
            &sender.octets(),
            &[0; 6],
            &target.octets(),
        ]
        .concat(),
    ))
}

fn udp(sender4: Ipv4Addr, sender6: Ipv6Addr, words: &[&str]) -> Result<(u16, Vec<u8>), String> {
    // Port 9 to port 9; IPv4 needs no checksum, and nobody here looks at that of IPv6.
    let mut octets = vec![0, 9, 0, 9, 0, 8, 0, 0];
    let (to, mut options) = words.split_first().ok_or("an address expected")?;
    let to = ip(to)?;
    let dont_fragment = options.first() == Some(&"df");
    options = &options[usize::from(dont_fragment)..];
    if let ["of", size] = options {
        let size: usize = size.parse().map_err(|_| format!("`{size}`?"))?;
        let headers = if to.is_ipv4() { 20 } else { 40 };
        octets.resize(size.saturating_sub(headers).max(8), 0);
        let length = u16::try_from(octets.len()).map_err(|_| "too long")?;
        octets[4..6].copy_from_slice(&length.to_be_bytes());
    } else if !options.is_empty() {
        return Err(format!("`{}`?", options.join(" ")));
    }
    Ok(match to {
        IpAddr::V4(to) => {
            let mut packet = ipv4(sender4, to, 17, &octets);
            if dont_fragment {
                packet[6] = 0x40;
                packet[10..12].fill(0);
                let sum = checksum(&[&packet[..20]]);
                packet[10..12].copy_from_slice(&sum);
            }
            (0x0800, packet)
        }
        IpAddr::V6(to) => (0x86dd, ipv6(sender6, to, (17, 64), &[], octets)),
    })
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    // IGMP carries a router alert (RFC 2236, 2).
    let options: &[u8] = if protocol == 2 { &[0x94, 4, 0, 0] } else { &[] };
    let words = u8::try_from(5 + options.len() / 4).expect("few");
    let length = u16::try_from(20 + options.len() + payload.len())
        .expect("short")
        .to_be_bytes();
    let fixed = [
        0x40 | words,
        0,
        length[0],
        length[1],
        0,
        0,
        0,
        0,
        1,
        protocol,
        0,
        0,
    ];
    let mut octets = [&fixed, &from.octets()[..], &to.octets(), options].concat();
    let sum = checksum(&[&octets]);
    octets[10..12].copy_from_slice(&sum);
    octets.extend(payload);
    octets
}

fn ipv6(
    from: Ipv6Addr,
    to: Ipv6Addr,
    (next, hops): (u8, u8),
    extension: &[u8],
    payload: Vec<u8>,
) -> Vec<u8> {
    let length = u16::try_from(extension.len() + payload.len())
        .expect("short")
        .to_be_bytes();
    let fixed = [0x60, 0, 0, 0, length[0], length[1], next, hops];
    [
        &fixed,
        &from.octets()[..],
        &to.octets(),
        extension,
        &payload,
    ]
    .concat()
}

fn icmp6(from: Ipv6Addr, to: Ipv6Addr, mut octets: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(octets.len()).expect("short").to_be_bytes();
    let sum = checksum(&[
        &from.octets(),
        &to.octets(),
        &length,
        &[0, 0, 0, 58],
        &octets,
    ]);
    octets[2..4].copy_from_slice(&sum);
    octets
}

/// The checksum of the internet protocols over pieces of even lengths (RFC 1071).
fn checksum(pieces: &[&[u8]]) -> [u8; 2] {
    let words = pieces.iter().flat_map(|piece| piece.chunks(2));
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded")).to_be_bytes()
}
