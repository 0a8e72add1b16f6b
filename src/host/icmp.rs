//! ICMP and ICMPv6, as far as hosts need them: echoes, and what could not be delivered.

use std::net::IpAddr;

use super::packet::{ICMP, ICMPV6, Packet};
use crate::wire::Sum;

/// Octets of a packet that an error quotes at most, itself included (RFC 1812, RFC 4443).
const QUOTED_IPV4: usize = 576 - 28;
const QUOTED_IPV6: usize = 1_280 - 48;

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no route for it.
    Net,
    /// Nobody has the address.
    Host,
    /// Nobody listens at the port.
    Port,
    /// It had no hops left.
    Hops,
    /// It is too long for a wire of this MTU.
    TooBig(u32),
}

/// A message of either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Identifier, number and data.
    EchoRequest(u16, u16, Vec<u8>),
    /// Identifier, number and data.
    EchoReply(u16, u16, Vec<u8>),
    /// With the beginning of the packet that failed.
    Failed(Failure, Vec<u8>),
}

impl Message {
    /// Reads a packet's payload; `None` for what hosts do nothing about, and for what is wrong.
    pub(super) fn parse(packet: &Packet) -> Option<Self> {
        let (fixed, rest) = packet.payload.split_first_chunk::<8>()?;
        let [kind, code, _, _, a, b, c, d] = *fixed;
        let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let sum = match packet.protocol {
            ICMP => Sum::default().with(&packet.payload).checksum(),
            ICMPV6 => Packet::checksum(packet.source, packet.destination, ICMPV6, &packet.payload),
            _ => return None,
        };
        if sum != 0 {
            return None;
        }
        let data = rest.to_vec();
        let failed = |why| Some(Self::Failed(why, data.clone()));
        match (packet.protocol, kind, code) {
            (ICMP, 8, 0) | (ICMPV6, 128, 0) => Some(Self::EchoRequest(first, second, data)),
            (ICMP, 0, 0) | (ICMPV6, 129, 0) => Some(Self::EchoReply(first, second, data)),
            (ICMP, 3, 4) => failed(Failure::TooBig(second.into())),
            (ICMPV6, 2, _) => failed(Failure::TooBig(u32::from_be_bytes([a, b, c, d]))),
            (ICMP, 3, 3) | (ICMPV6, 1, 4) => failed(Failure::Port),
            (ICMP, 3, 0) | (ICMPV6, 1, 0) => failed(Failure::Net),
            (ICMP, 3, _) | (ICMPV6, 1, _) => failed(Failure::Host),
            (ICMP, 11, 0) | (ICMPV6, 3, 0) => failed(Failure::Hops),
            _ => None,
        }
    }

    /// Makes the payload of a packet between these addresses.
    pub(super) fn emit(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let ipv6 = destination.is_ipv6();
        let (kind, code, field, data) = match self {
            Self::EchoRequest(ident, number, data) => {
                (if ipv6 { 128 } else { 8 }, 0, pair(*ident, *number), data)
            }
            Self::EchoReply(ident, number, data) => {
                (if ipv6 { 129 } else { 0 }, 0, pair(*ident, *number), data)
            }
            Self::Failed(why, quoted) => {
                let (kind, code) = match (why, ipv6) {
                    (Failure::Net, false) => (3, 0),
                    (Failure::Host, false) => (3, 1),
                    (Failure::Port, false) => (3, 3),
                    (Failure::TooBig(_), false) => (3, 4),
                    (Failure::Hops, false) => (11, 0),
                    (Failure::Net, true) => (1, 0),
                    (Failure::Host, true) => (1, 3),
                    (Failure::Port, true) => (1, 4),
                    (Failure::TooBig(_), true) => (2, 0),
                    (Failure::Hops, true) => (3, 0),
                };
                let field = match why {
                    Failure::TooBig(mtu) => mtu.to_be_bytes(),
                    _ => [0; 4],
                };
                (kind, code, field, quoted)
            }
        };
        let mut payload = vec![kind, code, 0, 0];
        payload.extend(field);
        payload.extend(data);
        let sum = match ipv6 {
            false => Sum::default().with(&payload).checksum(),
            true => Packet::checksum(source, destination, ICMPV6, &payload),
        };
        payload[2..4].copy_from_slice(&sum.to_be_bytes());
        payload
    }

    /// Makes the packet with it.
    pub(super) fn packet(&self, source: IpAddr, destination: IpAddr) -> Packet {
        let protocol = if destination.is_ipv6() { ICMPV6 } else { ICMP };
        Packet::new(
            source,
            destination,
            protocol,
            self.emit(source, destination),
        )
    }

    /// Says that a packet failed; `None` where nobody is told: of errors, of later fragments, and of what was
    /// for or from many (RFC 1122 section 3.2.2).
    pub(super) fn about(why: Failure, packet: &Packet, room: usize) -> Option<Self> {
        let later = matches!(packet.fragment, Some((offset, _)) if offset > 0);
        let error = match packet.protocol {
            ICMP => !matches!(packet.payload.first(), Some(0 | 8)),
            ICMPV6 => packet.payload.first().is_none_or(|kind| *kind < 128),
            _ => false,
        };
        let many = |ip: IpAddr| ip.is_multicast() || ip.is_unspecified();
        if later || error || many(packet.destination) || many(packet.source) {
            return None;
        }
        let most = if packet.destination.is_ipv6() {
            QUOTED_IPV6
        } else {
            QUOTED_IPV4
        };
        let mut quoted = packet.emit(room.max(packet.len())).concat();
        quoted.truncate(most);
        Some(Self::Failed(why, quoted))
    }
}

const fn pair(first: u16, second: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
    [a, b, c, d]
}

/// What an error quotes: whose packet it was, as far as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// The beginning of its payload: ports, or an echo's identifier and number.
    pub(super) head: [u8; 8],
}

impl Quoted {
    pub(super) fn parse(ipv6: bool, octets: &[u8]) -> Option<Self> {
        let ip4 = |at: usize| {
            let octets = octets.get(at..at + 4)?;
            Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?))
        };
        let ip6 = |at: usize| {
            let octets = octets.get(at..at + 16)?;
            Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?))
        };
        let first = *octets.first()?;
        let (source, destination, protocol, header) = match ipv6 {
            true => (ip6(8)?, ip6(24)?, *octets.get(6)?, 40),
            false => {
                let header = usize::from(first & 0x0f) * 4;
                (ip4(12)?, ip4(16)?, *octets.get(9)?, header)
            }
        };
        let head = octets.get(header..header + 8)?.try_into().ok()?;
        Some(Self {
            source,
            destination,
            protocol,
            head,
        })
    }

    pub(super) fn of(packet: &Packet) -> Option<Self> {
        Some(Self {
            source: packet.source,
            destination: packet.destination,
            protocol: packet.protocol,
            head: packet.payload.get(..8)?.try_into().ok()?,
        })
    }

    /// Returns identifier and number, if it is an echo request.
    pub(super) const fn echo(&self) -> Option<(u16, u16)> {
        let [kind, _, _, _, a, b, c, d] = self.head;
        match (self.protocol, kind) {
            (ICMP, 8) | (ICMPV6, 128) => {
                Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::UDP;
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn ends(ipv6: bool) -> (IpAddr, IpAddr) {
        let ip = |last: u8| match ipv6 {
            true => IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into())),
            false => IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
        };
        (ip(1), ip(2))
    }

    #[test]
    fn messages_are_read_as_they_were_made() {
        for ipv6 in [false, true] {
            let (from, to) = ends(ipv6);
            for message in [
                Message::EchoRequest(1, 2, vec![1, 2, 3]),
                Message::EchoReply(3, 4, Vec::new()),
                Message::Failed(Failure::Net, vec![5; 40]),
                Message::Failed(Failure::Host, vec![5; 40]),
                Message::Failed(Failure::Port, vec![5; 40]),
                Message::Failed(Failure::Hops, vec![5; 40]),
                Message::Failed(Failure::TooBig(1_400), vec![5; 40]),
            ] {
                let mut packet = message.packet(from, to);
                assert_eq!(Message::parse(&packet), Some(message));
                packet.payload[6] ^= 1;
                assert_eq!(Message::parse(&packet), None, "its checksum");
            }
        }
    }

    #[test]
    fn an_error_names_the_packet_and_no_error_is_about_an_error() {
        for ipv6 in [false, true] {
            let (from, to) = ends(ipv6);
            let request = Message::EchoRequest(7, 9, vec![0; 2_000]).packet(from, to);
            let error = Message::about(Failure::Host, &request, 1_500).unwrap();
            let Message::Failed(_, quoted) = &error else {
                panic!("{error:?}");
            };
            let named = Quoted::parse(ipv6, quoted).unwrap();
            assert_eq!(Quoted::of(&request), Some(named));
            assert_eq!(named.echo(), Some((7, 9)));
            let packet = error.packet(to, from);
            assert!(packet.len() <= 1_280);
            assert_eq!(Message::about(Failure::Host, &packet, 1_500), None);
            let mut to_many = Packet::new(from, to, UDP, vec![0; 8]);
            to_many.fragment = Some((8, false));
            assert_eq!(Message::about(Failure::Host, &to_many, 1_500), None);
        }
    }
}
