//! VXLAN devices over a TAP, alone and as bridge ports: what they send, octet by octet, and what they
//! make of what comes in.
//!
//! A frame in VXLAN is written `p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all`: outer addresses, VNI,
//! and the frame. Before the colon there may be `flags=HEX`, `last=HEX` (the two words of the header),
//! `port=N`, `tos=HEX`, `sum=none|bad`, `ip=bad`, `udp=N` and `length=N` (other lengths than the real
//! ones), `cut=N` (octets that are left of the datagram's payload), `more=N` (octets behind the packet),
//! `from=N upto=N` (a fragment).
//!
//! What is not compared: the source port, which Linux draws with a secret, the identification of IPv4
//! packets, which it draws at random, and the checksums over them, which only have to be right; and where
//! ours takes a packet for a tunnel, that a packet socket on the kernel's side sees it go up all the same.
//! What a stack answers where nobody listens is a known difference ([`says_unreachable`]).

use std::net::IpAddr;

use tapswitch::switch::vxlan::carries;
use tapswitch::wire::{Datagram, Envelope, Sum, Vxlan, Whole};

use crate::cases::Case;
use crate::record::{Copy, Record};
use crate::scenario::{Scenario, Step};

/// The ports that scenarios use.
const PORTS: &[u16] = &[4_789, 4_790, 8_472];

/// Makes a frame in VXLAN. `addresses` are the outer ones.
pub(crate) fn frame(addresses: &[u8], text: &str, inner: &[u8]) -> Result<Vec<u8>, String> {
    let words = text
        .split_once(" in ")
        .ok_or("in SOURCE DESTINATION VNI")?
        .1;
    let mut words = words.split_whitespace();
    let mut ip = || -> Result<IpAddr, String> {
        let word = words.next().ok_or("an address")?;
        word.parse().map_err(|_| format!("`{word}`?"))
    };
    let (source, destination) = (ip()?, ip()?);
    let vni = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or("VNI")?;
    let mut header = Vxlan::new(vni);
    let mut envelope = Envelope {
        source,
        destination,
        tos: 0,
        ttl: 64,
        df: false,
        id: 7,
        label: 0,
        source_port: 40_000,
        destination_port: 4_789,
        checksum: true,
    };
    let (mut bad_sum, mut bad_ip) = (false, false);
    let (mut udp, mut length, mut cut, mut more) = (None, None, None, 0);
    let (mut from, mut upto) = (0, None);
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}`?"))?;
        let hex = || u32::from_str_radix(value, 16).map_err(|_| format!("`{word}`?"));
        let number = || value.parse::<u16>().map_err(|_| format!("`{word}`?"));
        match (key, value) {
            ("flags", _) => header.flags = hex()?,
            ("last", _) => header.last = hex()?,
            ("port", _) => envelope.destination_port = number()?,
            ("tos", _) => envelope.tos = u8::try_from(hex()?).map_err(|_| "tos")?,
            ("sum", "none") => envelope.checksum = false,
            ("sum", "bad") => bad_sum = true,
            ("ip", "bad") => bad_ip = true,
            ("udp", _) => udp = Some(number()?),
            ("length", _) => length = Some(number()?),
            ("cut", _) => cut = Some(usize::from(number()?)),
            ("more", _) => more = usize::from(number()?),
            ("from", _) => from = usize::from(number()?),
            ("upto", _) => upto = Some(usize::from(number()?)),
            _ => return Err(format!("`{word}`?")),
        }
    }
    let mut payload = [&header.octets()[..], inner].concat();
    payload.truncate(cut.unwrap_or(payload.len()));
    let (headers, len) = envelope.write([&payload[..]].into_iter());
    let ip_len = len - 8;
    let mut packet = [&headers[..len], &payload].concat();
    if let Some(udp) = udp {
        packet[ip_len + 4..ip_len + 6].copy_from_slice(&udp.to_be_bytes());
    }
    if bad_sum {
        packet[ip_len + 7] ^= 1;
    }
    let upto = upto.map_or(packet.len(), |upto| ip_len + upto);
    let last = upto >= packet.len();
    if from > 0 || !last {
        packet.truncate(upto);
        packet.drain(ip_len..ip_len + from);
        let length = u16::try_from(packet.len()).map_err(|_| "too long")?;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        let field = u16::try_from(from / 8).map_err(|_| "from")? | if last { 0 } else { 0x2000 };
        packet[6..8].copy_from_slice(&field.to_be_bytes());
    }
    if let Some(length) = length {
        packet[2..4].copy_from_slice(&length.to_be_bytes());
    }
    if source.is_ipv4() {
        packet[10..12].fill(0);
        let sum = Sum::default().with(&packet[..20]).checksum() ^ u16::from(bad_ip);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    packet.resize(packet.len() + more, 0xee);
    let ether_type = envelope.ether_type().to_be_bytes();
    Ok([addresses, &ether_type, &packet].concat())
}

/// Whether a frame without a mark belongs to the step that is going on: short ones in VXLAN, the first
/// fragments of a packet, "too big", and "port unreachable".
pub(crate) fn belongs(octets: &[u8]) -> bool {
    if carries(octets, PORTS) {
        return true;
    }
    match octets.get(12..14) {
        Some([0x08, 0x00]) => {
            let packet = &octets[14..];
            let field = packet
                .get(6..8)
                .map_or(0, |it| u16::from_be_bytes([it[0], it[1]]));
            let fragment = field & 0x3fff != 0 && packet.get(9) == Some(&17);
            let error = |code| packet.get(9) == Some(&1) && packet.get(20..22) == Some(&[3, code]);
            fragment || error(PORT_UNREACHABLE) || error(TOO_BIG)
        }
        Some([0x86, 0xdd]) => octets.get(20) == Some(&58) && octets.get(54) == Some(&2),
        _ => false,
    }
}

/// Returns the frame that a frame carries in VXLAN.
pub(crate) fn inside(octets: &[u8]) -> Option<&[u8]> {
    let (ether_type, packet) = octets.get(12..)?.split_first_chunk::<2>()?;
    let outer = Datagram::parse(u16::from_be_bytes(*ether_type), packet)?;
    let headers = 8 + Vxlan::new(0).octets().len();
    let listens = PORTS.contains(&outer.destination_port);
    packet.get(outer.start + headers..).filter(|_| listens)
}

/// Whether a frame of the network's own is a datagram that was put together from fragments: only those
/// carry VXLAN that nobody sends now.
pub(crate) fn put_together(octets: &[u8]) -> bool {
    carries(octets, PORTS)
}

/// Takes out of both records what cannot be equal.
pub(crate) fn mask(scenario: &Scenario, kernel: &mut Record, ours: &mut Record) {
    if !scenario
        .lines
        .iter()
        .any(|line| line.contains(" type vxlan "))
    {
        return;
    }
    for (step, copies) in &mut kernel.copies {
        // A packet socket sees what goes into a tunnel, too.
        let taken = |copy: &Copy| {
            let also_ours = ours.copies.get(step).is_some_and(|it| it.contains(copy));
            copy.kind.is_some() && carries(&copy.octets, PORTS) && !also_ours
        };
        copies.retain(|copy| !taken(copy));
    }
    for copies in [kernel, ours]
        .map(|it| it.copies.values_mut())
        .into_iter()
        .flatten()
    {
        for copy in copies.iter_mut() {
            mask_packet(&mut copy.octets);
        }
        copies.sort();
    }
}

/// ICMP's codes of "destination unreachable".
const PORT_UNREACHABLE: u8 = 3;
const TOO_BIG: u8 = 4;

/// Whether the kernel's copies are ours and, besides, what a stack answers to a datagram for a port to which
/// nobody listens: ICMP, "port unreachable", about the very packet of this step, and ours has handed that up
/// to a stack, whose turn it is to answer. In a play that ends there: no stack is part of it. Live, the stack of
/// the namespace answers.
pub(crate) fn says_unreachable(
    scenario: &Scenario,
    kernel: &Record,
    ours: &Record,
    step: usize,
) -> bool {
    let Step::Frame { octets, .. } = &scenario.steps[step] else {
        return false;
    };
    let (Some(theirs), Some(mine)) = (kernel.copies.get(&step), ours.copies.get(&step)) else {
        return false;
    };
    let mut answers = theirs.clone();
    for copy in mine {
        let Some(same) = answers.iter().position(|it| it == copy) else {
            return false;
        };
        answers.remove(same);
    }
    let handed_up = |it: &Copy| it.kind == Some(0) && carries(&it.octets, PORTS);
    let about_this = |answer: &Copy| {
        let packet = answer.octets.get(14..).unwrap_or_default();
        let quote = packet.get(28..).unwrap_or_default();
        answer.octets[12..14] == [0x08, 0x00]
            && packet.get(9) == Some(&1)
            && packet.get(20..22) == Some(&[3, PORT_UNREACHABLE])
            && quote.len() >= 28
            && octets.windows(quote.len()).any(|it| it == quote)
    };
    mine.iter().any(handed_up) && answers.iter().all(about_this)
}

/// Masks what is drawn in a packet that carries VXLAN, if its sums are right.
fn mask_packet(octets: &mut [u8]) {
    if octets.len() < 14 {
        return;
    }
    // Behind the tag of a VLAN device below.
    let start = if octets[12..14] == [0x81, 0x00] {
        18
    } else {
        14
    };
    if octets.len() < start {
        return;
    }
    let ether_type = u16::from_be_bytes([octets[start - 2], octets[start - 1]]);
    let packet = &mut octets[start..];
    let Some(outer) = Datagram::parse(ether_type, packet) else {
        return;
    };
    if outer.whole == Whole::Fragment {
        // Of the first one the ports and the checksum are there, of all the identification.
        if Sum::default().with(&packet[..20]).checksum() == 0 {
            packet[4..6].fill(0);
            packet[10..12].fill(0);
            if packet[6] & 0x1f == 0 && packet[7] == 0 {
                packet[20..22].fill(0);
                packet[26..28].fill(0);
            }
        }
        return;
    }
    let right = outer.check(packet, packet.len()).is_ok()
        && (!outer.has_checksum || outer.sums_up([&packet[outer.start..]]));
    if !right || !PORTS.contains(&outer.destination_port) {
        return;
    }
    packet[outer.start..outer.start + 2].fill(0);
    if outer.has_checksum {
        packet[outer.start + 6..outer.start + 8].copy_from_slice(&[0x55, 0xaa]);
    }
    if outer.source.is_ipv4() {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
}

/// The cases.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "70 what a packet looks like",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.2
            ip link set vx1 up
            vx1: v1 > all => p1
            vx1: v1 > h5 => p1
            vx1: v1 > m1 => p1
            vx1: v1 > h5 8100:10 => p1
            vx1: v1 > h5 len 15 => p1
            vx1: v1 > h5 len 14 => p1
            vx1: v1 > h5 type 0800 len 33 => -
            vx1: v1 > h5 type 86dd len 53 => -
            vx1: h7 > h5 => p1
            vx1: zero > zero => p1
            bridge -j fdb show dev vx1
            ip link set p1 down
            vx1: v1 > all => -
            ip link set p1 up
            ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            vx1: v1 > all => p1
            ip link set vx1 down
            vx1: v1 > all => -
            ip -j link show",
    },
    Case {
        name: "what comes in, and what is learned of it",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            vx1: v1 > h5 => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all => vx1/broadcast
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > v1 => vx1/host
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > h9 => vx1/other
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h6 > m1 8100:10 => vx1
            bridge -j fdb show dev vx1
            vx1: v1 > h5 => p1
            vx1: v1 > h6 => p1
            vx1: v1 > h7 => -
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : h5 > v1 => vx1
            vx1: v1 > h5 => p1
            bridge -j fdb show dev vx1
            p1: h3 > all in 192.0.2.3 192.0.2.1 42 : h5 > v1 => vx1
            p1: h3 > p1 in 192.0.2.3 192.0.2.255 42 : h5 > v1 => vx1
            p1: h3 > all in 192.0.2.3 255.255.255.255 42 : h5 > v1 => vx1
            p1: h3 > p1 in 192.0.2.3 192.0.2.9 42 : h5 > v1 => p1@stack
            p1: h3 > h9 in 192.0.2.3 192.0.2.1 42 : h5 > v1 => p1@stack/other
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 more=7 : h5 > v1 => vx1
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 43 : h5 > v1 => -
            p1: h3 > p1 in 10.0.0.1 192.0.2.1 42 : h5 > v1 => vx1
            vx1: v1 > h5 => -
            ip link set vx1 type vxlan nolearning
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : h8 > v1 => vx1
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : zero > v1 => vx1
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : m1 > v1 => vx1
            bridge -j fdb show dev vx1
            ip link set vx1 down
            bridge -j fdb show dev vx1",
    },
    Case {
        name: "68 malformed packets",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 flags=0 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 flags=08000001 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 flags=88000000 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 flags=18000000 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 flags=08200000 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 last=2a01 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 last=2b00 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 sum=bad : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 sum=none : h5 > all => vx1
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 ip=bad : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 udp=7 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 udp=2000 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 length=2000 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 length=19 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 cut=7 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 cut=21 : h5 > all => -
            p1: h2 > p1 in 192.0.2.1 192.0.2.1 42 : h5 > all => -
            p1: h2 > p1 in 127.0.0.1 192.0.2.1 42 : h5 > all => -
            p1: h2 > p1 in 0.0.0.0 192.0.2.1 42 : h5 > all => -
            p1: h2 > p1 in 239.1.1.1 192.0.2.1 42 : h5 > all => -
            p1: h2 > p1 in 192.0.2.255 192.0.2.1 42 : h5 > all => vx1
            p1: h2 > p1 in 255.255.255.255 192.0.2.1 42 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : v1 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : zero > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : m1 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > v1 type 0800 len 33 => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > v1 type 86dd len 53 => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > v1 type 86dd len 60 => vx1
            bridge -j fdb show dev vx1",
    },
    Case {
        name: "several endpoints, and entries that do not move",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 dev p1
            ip neigh add 192.0.2.4 lladdr 02:00:00:00:00:04 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            bridge fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.2
            bridge fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.3
            bridge fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.4 port 4790 vni 77
            vx1: v1 > all => p1 p1 p1
            vx1: v1 > h5 => p1 p1 p1
            bridge fdb add 02:00:00:00:00:05 dev vx1 dst 192.0.2.3 port 8472
            vx1: v1 > h5 => p1
            bridge fdb add 01:00:5e:00:01:01 dev vx1 dst 192.0.2.2
            bridge fdb append 01:00:5e:00:01:01 dev vx1 dst 192.0.2.4
            vx1: v1 > m1 => p1 p1
            vx1: v1 > m2 => p1 p1 p1
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all => -
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : h5 > all => vx1
            bridge fdb add 02:00:00:00:00:06 dev vx1 dst 192.0.2.2 static
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : h6 > all => -
            bridge fdb add 02:00:00:00:00:07 dev vx1 dst 192.0.2.2 dynamic
            p1: h3 > p1 in 192.0.2.3 192.0.2.1 42 : h7 > all => vx1
            vx1: v1 > h7 => p1
            bridge fdb add 02:00:00:00:00:08 dev vx1 dst 0.0.0.0
            vx1: v1 > h8 => -
            bridge fdb add 02:00:00:00:00:09 dev vx1 dst 10.0.0.1
            vx1: v1 > h9 => -
            bridge fdb replace 02:00:00:00:00:09 dev vx1 dst 10.0.0.1 via p1
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:04 dev p1
            vx1: v1 > h9 => p1
            bridge -j fdb show dev vx1
            ip -j link show",
    },
    Case {
        name: "options of what is sent",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip addr add 192.0.2.11/24 dev p1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.2 local 192.0.2.11 ttl 9 tos 10 df set noudpcsum
            ip link set vx1 up
            vx1: v1 > h5 => p1
            vx1: v1 > h5 type 0800 len 60 => p1
            ip link add vx2 address 02:00:00:00:02:02 type vxlan id 43 dstport 4789 remote 192.0.2.2 ttl inherit tos inherit df inherit
            ip link set vx2 up
            vx2: v2 > h5 => p1
            vx2: v2 > h5 type 0800 len 60 => p1
            vx2: v2 > h5 type 86dd len 60 => p1
            ip link set vx1 type vxlan ttl 3 tos 0 df unset
            vx1: v1 > h5 => p1
            ip link add vx3 address 02:00:00:00:02:03 type vxlan id 44 dstport 4789 remote 192.0.2.2 local 192.0.2.12
            ip link set vx3 up
            vx3: v3 > h5 => -
            ip link set vx1 type vxlan remote 192.0.2.3
            ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 dev p1
            vx1: v1 > h5 => p1
            ip -j link show",
    },
    Case {
        name: "72 a remote that is this host",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.1
            ip link set vx1 up
            vx1: h5 > all => vx1/host
            vx1: h5 > h6 => vx1/host
            bridge -j fdb show dev vx1
            vx1: h6 > h5 => -
            ip link set lo up
            vx1: h6 > h5 => vx1/host
            ip link add vx2 address 02:00:00:00:02:02 type vxlan id 43 dstport 4789
            ip link set vx2 up
            bridge fdb add 02:00:00:00:00:07 dev vx1 dst 192.0.2.1 vni 43
            vx1: h5 > h7 => vx2/host
            bridge -j fdb show dev vx2
            ip link set vx2 down
            vx1: h5 > h7 => -
            bridge fdb add 02:00:00:00:00:08 dev vx1 dst 192.0.2.1 via p1
            vx1: h5 > h8 => -",
    },
    Case {
        name: "this host's addresses while their netdev is down",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip tuntap add p2 mode tap
            ip link set p2 address 02:00:00:00:01:02
            ip addr add 192.0.2.1/24 dev p1
            ip addr add 203.0.113.1/24 dev p2
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 203.0.113.1
            ip link set vx1 up
            vx1: h5 > all => vx1/host
            p1: h2 > p1 in 192.0.2.2 203.0.113.1 42 : h6 > all => vx1
            p1: h2 > p1 in 203.0.113.1 192.0.2.1 42 : h7 > all => -
            p1: h2 > p1 in 203.0.113.2 192.0.2.1 42 : h7 > all => vx1
            p1: h2 > p1 in 192.0.2.2 203.0.113.255 42 : h8 > all => p1@stack
            bridge fdb add 02:00:00:00:00:09 dev vx1 dst 203.0.113.1 via p2
            vx1: h5 > h9 => -
            ip link set p2 up
            vx1: h5 > h9 => -
            vx1: h5 > all => vx1/host
            ip link set p2 down
            vx1: h5 > all => vx1/host
            vx1: h5 > h9 => -
            p1: h2 > p1 in 192.0.2.2 203.0.113.1 42 : h6 > all => vx1
            ip link set p1 down
            ip link set vx1 type vxlan remote 192.0.2.1
            vx1: h5 > all => vx1/host
            ip addr del 192.0.2.1/24 dev p1
            vx1: h5 > all => -
            bridge -j fdb show dev vx1",
    },
    Case {
        name: "frames with a length come round to this host",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add u1 mode tap
            ip link set u1 address 02:00:00:00:02:09 up
            ip addr add 192.0.2.1/24 dev u1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.1
            ip link set vx1 up
            vx1: h5 > all llc => vx1/host
            vx1: h5 > h6 llc len 60 => vx1/host
            ip link add vx2 address 02:00:00:00:02:02 type vxlan id 43 dstport 4789
            ip link set vx2 master br0 up
            bridge fdb add 02:00:00:00:00:07 dev vx1 dst 192.0.2.1 vni 43
            vx1: h5 > h7 llc => p1
            p1: h7 > h5 llc => -
            bridge fdb replace 02:00:00:00:00:05 dev vx2 dst 192.0.2.1 vni 42
            p1: h7 > h5 llc => vx1/host",
    },
    Case {
        name: "sends from the address of another netdev",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip tuntap add p2 mode tap
            ip link set p2 address 02:00:00:00:01:02 up
            ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:02 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            bridge fdb add 02:00:00:00:00:05 dev vx1 dst 198.51.100.2 via p1
            vx1: v1 > h5 => p1
            ip addr add 169.254.0.1/16 scope link dev p2
            vx1: v1 > h5 => p1
            ip addr add 203.0.113.1/24 dev p2
            vx1: v1 > h5 => p1
            ip link set p2 down
            vx1: v1 > h5 => p1
            ip addr add 10.0.0.1/32 dev lo
            vx1: v1 > h5 => p1
            ip addr add 169.254.0.2/16 scope link dev p1
            vx1: v1 > h5 => p1
            ip addr add 192.0.2.1/24 dev p1
            vx1: v1 > h5 => p1",
    },
    Case {
        name: "ports to which nobody listens are the stack's",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all => p1@stack p1
            ip link set vx1 up
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all => vx1
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 43 : h5 > all => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 port=4790 : h5 > all => p1@stack p1
            p1: h2 > p1 in 192.0.2.2 192.0.2.255 42 port=4790 : h5 > all => p1@stack
            p1: h2 > p1 in 192.0.2.2 192.0.2.9 42 : h5 > all => p1@stack
            p1: h2 > h9 in 192.0.2.2 192.0.2.1 42 : h5 > all => p1@stack/other
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 port=4790 sum=bad : h5 > all => p1@stack
            ip link set vx1 down
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all => p1@stack p1",
    },
    Case {
        name: "73 a bridge port, MTU and fragments",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add u1 mode tap
            ip link set u1 address 02:00:00:00:02:09 up
            ip addr add 192.0.2.1/24 dev u1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev u1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.2
            ip link set vx1 master br0 up
            p1: h1 > all => u1 br0
            p1: h1 > h5 => u1
            p1: h1 > h5 len 1464 => u1
            p1: h1 > h5 len 1465 => u1 u1
            p1: h1 > h5 len 1514 => u1 u1
            br0: br0 > h5 len 1514 => u1 u1 p1
            u1: h2 > v9 in 192.0.2.2 192.0.2.1 42 : h5 > h1 => p1
            p1: h1 > h5 => u1
            u1: h2 > v9 in 192.0.2.2 192.0.2.1 42 : h5 > all => p1 br0
            ip link set u1 mtu 700
            p1: h1 > h5 len 1514 => u1 u1 u1
            ip link set vx1 type vxlan df set
            p1: h1 > h5 len 700 => -
            p1: h1 > h5 len 600 => u1
            bridge -j fdb show dev vx1
            ip -j link show",
    },
    Case {
        name: "a bridge port answers what is too big for its way",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add u1 mode tap
            ip link set u1 address 02:00:00:00:02:09 up
            ip addr add 192.0.2.1/24 dev u1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev u1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.2
            ip link set vx1 master br0 up
            p1: h1 > h5 udp 10.0.0.5 df of 1444 => u1
            p1: h1 > h5 udp 10.0.0.5 df of 1445 => p1
            p1: h1 > h5 udp 10.0.0.5 df of 1494 => p1
            p1: h1 > h5 udp 10.0.0.5 of 1494 => u1 u1
            p1: h1 > h5 udp 239.1.2.3 df of 1494 => u1 u1
            p1: h1 > h5 8100:10 udp 10.0.0.5 df of 1494 => u1 u1
            p1: h1 > h5 udp 2001:db8::5 of 1445 => p1
            p1: h1 > h5 udp 2001:db8::5 of 1444 => u1
            p1: h1 > all udp 10.0.0.5 df of 1494 => br0
            br0: br0 > h5 udp 10.0.0.5 df of 1494
            ip link set vx1 mtu 1400
            p1: h1 > h5 udp 10.0.0.5 df of 1494 => -
            ip link set vx1 mtu 1500
            ip link set u1 mtu 600
            p1: h1 > h5 udp 10.0.0.5 df of 800 => u1 u1
            ip link set u1 mtu 800
            p1: h1 > h5 udp 10.0.0.5 df of 800 => p1
            p1: h1 > h5 udp 2001:db8::5 of 1300 => u1 u1
            ip link set vx1 nomaster
            vx1: h1 > h5 udp 10.0.0.5 df of 900 => u1 u1",
    },
    Case {
        name: "fragments are put together",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 sum=none upto=64 : h5 > all len 200 => p1@stack
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 sum=none from=64 : h5 > all len 200 => vx1 p1@stack
            bridge -j fdb show dev vx1",
    },
    Case {
        name: "74 two tables, each with its own ageing",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add u1 mode tap
            ip link set u1 address 02:00:00:00:02:09 up
            ip addr add 192.0.2.1/24 dev u1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev u1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 master br0 up
            p1: h1 > h5 => -
            u1: h2 > v9 in 192.0.2.2 192.0.2.1 42 : h5 > h1 => p1
            p1: h1 > h5 => u1
            bridge fdb del 02:00:00:00:00:05 dev vx1 self
            p1: h1 > h5 => -
            bridge fdb del 02:00:00:00:00:05 dev vx1 master
            p1: h1 > h5 => -
            u1: h2 > v9 in 192.0.2.2 192.0.2.1 42 : h5 > all => p1 br0
            p1: h1 > h5 => u1",
    },
    Case {
        name: "a group outside",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 group 239.1.1.1 dev p1
            ip link set vx1 up
            vx1: v1 > all => p1
            ip addr add 192.0.2.1/24 dev p1
            vx1: v1 > all => p1
            p1: h2 > 01:00:5e:01:01:01 in 192.0.2.2 239.1.1.1 42 : h5 > all => vx1
            p1: h2 > 01:00:5e:01:01:02 in 192.0.2.2 239.1.1.2 42 : h5 > all => p1@stack
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            vx1: v1 > h5 => p1
            bridge -j fdb show dev vx1
            bridge -j fdb show dev p1
            ip link set vx1 down
            bridge -j fdb show dev p1",
    },
    Case {
        name: "congestion is told on both ways",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 tos=3 : h5 > v1 => vx1
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 tos=3 : h5 > v1 type 0800 len 60 => -
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 tos=1 : h5 > v1 type 0800 len 60 => vx1
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 tos=2 : h5 > v1 type 0800 len 60 => vx1
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 tos=3 : h5 > v1 type 86dd len 60 => -",
    },
    Case {
        name: "VLAN devices above and below",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name p1.10 up type vlan id 10
            ip addr add 192.0.2.1/24 dev p1.10
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1.10
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.2
            ip link set vx1 up
            ip link add link vx1 name vx1.20 up type vlan id 20
            vx1: v1 > all => p1
            vx1.20: v1 > all => p1
            ip link set p1 mtu 2000
            vx1.20: v1 > all len 1514 => p1 p1
            bridge -j fdb show dev vx1",
    },
    Case {
        name: "answers for neighbours",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add u1 mode tap
            ip link set u1 address 02:00:00:00:02:09 up
            ip addr add 192.0.2.1/24 dev u1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev u1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789 remote 192.0.2.2 proxy
            ip link set vx1 master br0 up
            p1: h1 arp request 10.0.0.1 10.0.0.5 => br0
            ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 dev vx1
            p1: h1 arp request 10.0.0.1 10.0.0.5 => br0 p1
            ip neigh replace 10.0.0.5 lladdr 02:00:00:00:00:05 nud stale dev vx1
            p1: h1 arp request 10.0.0.1 10.0.0.5 => br0
            p1: h1 arp reply 10.0.0.1 10.0.0.5
            p1: h1 > all => u1 br0",
    },
];
