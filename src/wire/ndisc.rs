//! Neighbour discovery for IPv6 (RFC 4861), as the kernel's bridge reads and answers it.

use std::net::Ipv6Addr;

use etherparse::checksum::Sum16BitWords;

use super::network::ETHER_IPV6;
use super::{ETHERNET_HEADER, MacAddr};

/// Octets of an IPv6 header.
const HEADER: usize = 40;

/// Octets of a solicitation or advertisement before its options.
const MESSAGE: usize = 24;

/// Octets of an option that holds a station.
const OPTION: usize = 8;

/// Octets of a frame that carries an advertisement with one option.
const ADVERTISEMENT_FRAME: usize = ETHERNET_HEADER + HEADER + MESSAGE + OPTION;

/// `IPPROTO_ICMPV6`.
const ICMPV6: u8 = 58;

/// All nodes on the link, `ff02::1`.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The station address of [`ALL_NODES`].
const ALL_NODES_MAC: MacAddr = MacAddr::from_u64(0x3333_0000_0001);

/// Which of the two messages about neighbours it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourKind {
    /// Who has the target?
    Solicitation,
    /// The target is here.
    Advertisement {
        /// As an answer, not unasked.
        solicited: bool,
    },
}

/// A checked view of an IPv6 packet that is a neighbour solicitation or advertisement.
///
/// As in the kernel's bridge (`br_is_nd_neigh_msg`), the ICMPv6 header must follow the IPv6 header at
/// once, and neither the checksum nor the hop limit is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour<'a> {
    packet: &'a [u8],
    kind: NeighbourKind,
}

impl<'a> Neighbour<'a> {
    /// Checks an IPv6 packet, which may have octets behind its end; `None` if it is something else.
    #[must_use]
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let message = packet.get(HEADER..HEADER + MESSAGE)?;
        if packet[6] != ICMPV6 || message[1] != 0 {
            return None;
        }
        let kind = match message[0] {
            135 => NeighbourKind::Solicitation,
            136 => NeighbourKind::Advertisement {
                solicited: message[4] & 0x40 != 0,
            },
            _ => return None,
        };
        Some(Self { packet, kind })
    }

    /// Returns which message it is.
    #[must_use]
    pub const fn kind(&self) -> NeighbourKind {
        self.kind
    }

    /// Returns the source address; `::` while an address is checked for duplicates.
    #[must_use]
    pub fn source(&self) -> Ipv6Addr {
        self.ip(8)
    }

    /// Returns the destination address.
    #[must_use]
    pub fn destination(&self) -> Ipv6Addr {
        self.ip(24)
    }

    /// Returns the address that it is about.
    #[must_use]
    pub fn target(&self) -> Ipv6Addr {
        self.ip(HEADER + 8)
    }

    /// Makes the frame that answers a solicitation from `asking` on behalf of `station`, which has the
    /// target's address (`br_nd_send`): 86 octets. `None` if an option has no length or runs past the
    /// frame, padding included: such a solicitation the kernel does not answer.
    #[must_use]
    pub fn advertise(
        &self,
        asking: MacAddr,
        station: MacAddr,
        router: bool,
    ) -> Option<[u8; ADVERTISEMENT_FRAME]> {
        let duplicate_check = self.source().is_unspecified();
        let asking = self.source_station()?.unwrap_or(asking);
        let (to, to_ip) = if duplicate_check {
            (ALL_NODES_MAC, ALL_NODES)
        } else {
            (asking, self.source())
        };
        let target = self.target();

        let mut frame = [0; ADVERTISEMENT_FRAME];
        frame[..6].copy_from_slice(&to.octets());
        frame[6..12].copy_from_slice(&station.octets());
        frame[12..14].copy_from_slice(&ETHER_IPV6.to_be_bytes());

        let packet = &mut frame[ETHERNET_HEADER..];
        // The upper half of the traffic class is the request's (the kernel's `priority`).
        packet[0] = 0x60 | (self.packet[0] & 0x0f);
        packet[5] = 32;
        packet[6] = ICMPV6;
        packet[7] = 255;
        packet[8..24].copy_from_slice(&target.octets());
        packet[24..40].copy_from_slice(&to_ip.octets());

        let message = &mut packet[HEADER..];
        message[0] = 136;
        message[4] = 0x20 | if duplicate_check { 0 } else { 0x40 } | if router { 0x80 } else { 0 };
        message[8..24].copy_from_slice(&target.octets());
        message[24..26].copy_from_slice(&[2, 1]);
        message[26..32].copy_from_slice(&station.octets());
        let checksum = Sum16BitWords::new()
            .add_16bytes(target.octets())
            .add_16bytes(to_ip.octets())
            .add_4bytes([0, 0, 0, 32])
            .add_4bytes([0, 0, 0, ICMPV6])
            .add_slice(message)
            .ones_complement();
        message[2..4].copy_from_slice(&checksum.to_ne_bytes());
        Some(frame)
    }

    /// Looks for the sender's station among the options. `None` where the kernel gives up.
    fn source_station(&self) -> Option<Option<MacAddr>> {
        let mut options = &self.packet[HEADER + MESSAGE..];
        while let [kind, length, ..] = *options {
            let length = usize::from(length) * 8;
            if length == 0 || length > options.len() {
                return None;
            }
            if kind == 1 {
                let station = options.get(2..8)?;
                return Some(station.try_into().ok().map(MacAddr::new));
            }
            options = &options[length..];
        }
        Some(None)
    }

    /// Returns the frame that asks for the station of an address: to the group of those whose addresses
    /// end like it (RFC 4861 section 4.3).
    #[must_use]
    pub fn solicit(
        station: MacAddr,
        source: Ipv6Addr,
        target: Ipv6Addr,
    ) -> [u8; ADVERTISEMENT_FRAME] {
        let [.., a, b, c] = target.octets();
        let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c];
        let mut frame = [0; ADVERTISEMENT_FRAME];
        frame[..6].copy_from_slice(&[0x33, 0x33, 0xff, a, b, c]);
        frame[6..12].copy_from_slice(&station.octets());
        frame[12..14].copy_from_slice(&ETHER_IPV6.to_be_bytes());
        let packet = &mut frame[ETHERNET_HEADER..];
        packet[0] = 0x60;
        packet[5] = 32;
        packet[6] = ICMPV6;
        packet[7] = 255;
        packet[8..24].copy_from_slice(&source.octets());
        packet[24..40].copy_from_slice(&group);
        let message = &mut packet[HEADER..];
        message[0] = 135;
        message[8..24].copy_from_slice(&target.octets());
        message[24..26].copy_from_slice(&[1, 1]);
        message[26..32].copy_from_slice(&station.octets());
        let checksum = Sum16BitWords::new()
            .add_16bytes(source.octets())
            .add_16bytes(group)
            .add_4bytes([0, 0, 0, 32])
            .add_4bytes([0, 0, 0, ICMPV6])
            .add_slice(message)
            .ones_complement();
        message[2..4].copy_from_slice(&checksum.to_ne_bytes());
        frame
    }

    fn ip(&self, at: usize) -> Ipv6Addr {
        let mut octets = [0; 16];
        octets.copy_from_slice(&self.packet[at..at + 16]);
        octets.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// fe80::1 asks for fe80::2, with its station 02:…:01 in an option.
    fn solicitation() -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 32, 58, 255];
        packet.extend("fe80::1".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend("ff02::1:ff00:2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend([135, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend("fe80::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend([1, 1, 2, 0, 0, 0, 0, 1]);
        packet
    }

    const HERE: MacAddr = MacAddr::from_u64(0x0200_0000_0002);
    const ASKING: MacAddr = MacAddr::from_u64(0x0200_0000_0009);

    #[test]
    fn kinds_and_fields() {
        let mut packet = solicitation();
        let seen = Neighbour::parse(&packet).unwrap();
        assert_eq!(seen.kind(), NeighbourKind::Solicitation);
        assert_eq!(seen.source().to_string(), "fe80::1");
        assert_eq!(seen.destination().to_string(), "ff02::1:ff00:2");
        assert_eq!(seen.target().to_string(), "fe80::2");
        for len in 0..64 {
            assert!(Neighbour::parse(&packet[..len]).is_none(), "{len}");
        }
        packet[40] = 136;
        packet[44] = 0x40;
        assert_eq!(
            Neighbour::parse(&packet).unwrap().kind(),
            NeighbourKind::Advertisement { solicited: true }
        );
        for (at, value) in [(6, 17), (40, 134), (41, 1)] {
            let mut other = solicitation();
            other[at] = value;
            assert!(Neighbour::parse(&other).is_none());
        }
    }

    #[test]
    fn a_solicitation_is_what_it_is_parsed_as() {
        let [source, target]: [Ipv6Addr; 2] = ["fe80::1", "fe80::2"].map(|it| it.parse().unwrap());
        let frame = Neighbour::solicit(MacAddr::from_u64(0x0200_0000_0001), source, target);
        assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0, 0, 2]);
        let mut expected = solicitation();
        // 0xffff - (sum of the pseudo header and the message, folded)
        expected[42..44].copy_from_slice(&frame[56..58]);
        assert_eq!(frame[14..], expected);
        let sum = crate::wire::Sum::default()
            .with(&frame[22..54])
            .with(&[0, 32, 0, ICMPV6])
            .with(&frame[54..]);
        assert_eq!(sum.checksum(), 0);
    }

    #[test]
    fn advertisement_octets() {
        let packet = solicitation();
        let frame = Neighbour::parse(&packet)
            .unwrap()
            .advertise(ASKING, HERE, false)
            .unwrap();
        let mut expected = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        expected.extend([0x60, 0, 0, 0, 0, 32, 58, 255]);
        expected.extend("fe80::2".parse::<Ipv6Addr>().unwrap().octets());
        expected.extend("fe80::1".parse::<Ipv6Addr>().unwrap().octets());
        // 0xffff - (sum of the pseudo header and the message, folded)
        expected.extend([136, 0, 0x18, 0x1a, 0x60, 0, 0, 0]);
        expected.extend("fe80::2".parse::<Ipv6Addr>().unwrap().octets());
        expected.extend([2, 1, 2, 0, 0, 0, 0, 2]);
        assert_eq!(frame[..], expected);
    }

    #[test]
    fn who_gets_the_answer() {
        let ask = |packet: &[u8]| {
            let frame = Neighbour::parse(packet)
                .unwrap()
                .advertise(ASKING, HERE, true)?;
            let mut to = [0; 6];
            to.copy_from_slice(&frame[..6]);
            Some((MacAddr::new(to), frame[58]))
        };
        let packet = solicitation();
        assert_eq!(
            ask(&packet[..64]),
            Some((ASKING, 0xe0)),
            "no option: the frame's source"
        );
        let mut probe = packet.clone();
        probe[8..24].fill(0);
        assert_eq!(
            ask(&probe),
            Some((ALL_NODES_MAC, 0xa0)),
            "a probe: all nodes"
        );
        let mut padded = packet.clone();
        padded[64] = 14;
        padded.extend([0; 4]);
        assert_eq!(ask(&padded), None, "padding is an option without length");
        let mut long = packet;
        long[65] = 2;
        assert_eq!(ask(&long), None, "an option past the end");
    }
}
