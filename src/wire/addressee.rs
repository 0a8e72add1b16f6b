//! Who a packet is for and from, by its IP addresses: what an ipvlan tells its children apart by.
//!
//! The checks are those of `ipvlan_get_L3_hdr`, and no others: neither checksums nor, for IPv6, lengths
//! are looked at, and of ARP not even which addresses it is about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ETHER_ARP;
use super::network::{ETHER_IPV4, ETHER_IPV6};

/// Octets of an IPv4 header without options.
const IPV4: usize = 20;

/// Octets of an IPv6 header.
const IPV6: usize = 40;

/// Octets of an ICMPv6 header.
const ICMPV6: usize = 8;

/// Octets of an ARP message about Ethernet and IPv4 (`arp_hdr_len`).
const ARP: usize = 28;

/// A checked view of a packet, as far as it names addresses.
#[derive(Clone, Copy, Debug)]
pub enum Addressee<'a> {
    /// An IPv4 packet.
    Ipv4(&'a [u8; IPV4]),
    /// An IPv6 packet.
    Ipv6(&'a [u8; IPV6]),
    /// A neighbour solicitation from nobody, which checks that an address is free: about its target.
    Probe(&'a [u8; 16]),
    /// Other ICMPv6 from nobody: about no address.
    Unaddressed,
    /// ARP, about its target and its sender.
    Arp(&'a [u8; ARP]),
}

/// Why a packet names no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nameless {
    /// It is neither IPv4, IPv6 nor ARP.
    OtherProtocol,
    /// An ARP message is cut short.
    Arp,
    /// An IPv4 header is cut short, of another version or too short a length, or longer than the packet;
    /// or the packet is longer than what is there of it.
    Ipv4,
    /// An IPv6 header is cut short or of another version.
    Ipv6,
    /// An ICMPv6 message from nobody is cut short.
    Solicitation,
}

impl<'a> Addressee<'a> {
    /// Checks what follows an EtherType. Of an IPv4 packet `room` octets may be claimed by its total
    /// length: the kernel counts the Ethernet header among them for a frame on its way out.
    ///
    /// # Errors
    /// [`Nameless`].
    #[inline]
    pub fn parse(ether_type: u16, payload: &'a [u8], room: usize) -> Result<Self, Nameless> {
        match ether_type {
            ETHER_IPV4 => Self::ipv4(payload, room).ok_or(Nameless::Ipv4),
            ETHER_IPV6 => Self::ipv6(payload),
            ETHER_ARP => payload.first_chunk().map(Self::Arp).ok_or(Nameless::Arp),
            _ => Err(Nameless::OtherProtocol),
        }
    }

    #[inline]
    fn ipv4(payload: &'a [u8], room: usize) -> Option<Self> {
        let header: &[u8; IPV4] = payload.first_chunk()?;
        let own = usize::from(header[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let sane = header[0] >> 4 == 4 && own >= IPV4 && (own..=room).contains(&total);
        sane.then_some(Self::Ipv4(header))
    }

    fn ipv6(payload: &'a [u8]) -> Result<Self, Nameless> {
        let (header, rest) = payload.split_first_chunk().ok_or(Nameless::Ipv6)?;
        if header[0] >> 4 != 6 {
            return Err(Nameless::Ipv6);
        }
        let whole = Self::Ipv6(header);
        if header[6] != 58 || !whole.source().is_some_and(|source| source.is_unspecified()) {
            return Ok(whole);
        }
        let (icmp, rest) = rest
            .split_first_chunk::<ICMPV6>()
            .ok_or(Nameless::Solicitation)?;
        if icmp[0] != 135 {
            return Ok(Self::Unaddressed);
        }
        let target = rest.first_chunk().ok_or(Nameless::Solicitation)?;
        Ok(Self::Probe(target))
    }

    /// Returns the address that the packet is for, or about.
    #[inline]
    #[must_use]
    pub fn destination(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(header) => Some(ipv4(&header[16..20])),
            Self::Ipv6(header) => Some(ipv6(&header[24..40])),
            Self::Probe(target) => Some(ipv6(&target[..])),
            Self::Unaddressed => None,
            Self::Arp(message) => Some(ipv4(&message[24..28])),
        }
    }

    /// Returns the address that says it sends. Who checks that an address is free speaks for that.
    #[inline]
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(header) => Some(ipv4(&header[12..16])),
            Self::Ipv6(header) => Some(ipv6(&header[8..24])),
            Self::Probe(target) => Some(ipv6(&target[..])),
            Self::Unaddressed => None,
            Self::Arp(message) => Some(ipv4(&message[14..18])),
        }
    }
}

#[inline]
fn ipv4(octets: &[u8]) -> IpAddr {
    let octets = octets.first_chunk::<4>().copied();
    IpAddr::V4(octets.map_or(Ipv4Addr::UNSPECIFIED, Into::into))
}

#[inline]
fn ipv6(octets: &[u8]) -> IpAddr {
    let octets = octets.first_chunk::<16>().copied();
    IpAddr::V6(octets.map_or(Ipv6Addr::UNSPECIFIED, Into::into))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4_packet() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend([0; 8]);
        packet
    }

    fn ipv6_packet(source: &str, next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 255];
        packet.extend(source.parse::<Ipv6Addr>().unwrap().octets());
        packet.extend("fd00::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend(payload);
        packet
    }

    fn solicitation() -> Vec<u8> {
        let target = "fd00::9".parse::<Ipv6Addr>().unwrap().octets();
        [&[135, 0, 0, 0, 0, 0, 0, 0], &target[..]].concat()
    }

    fn both(ether_type: u16, packet: &[u8]) -> Result<[Option<String>; 2], Nameless> {
        let seen = Addressee::parse(ether_type, packet, packet.len())?;
        Ok([seen.source(), seen.destination()].map(|ip| ip.map(|ip| ip.to_string())))
    }

    fn some(source: &str, destination: &str) -> Result<[Option<String>; 2], Nameless> {
        Ok([Some(source.to_owned()), Some(destination.to_owned())])
    }

    #[test]
    fn addresses_of_each_protocol() {
        let arp: Vec<u8> = (0..28).collect();
        assert_eq!(both(0x0806, &arp), some("14.15.16.17", "24.25.26.27"));
        assert_eq!(both(0x0800, &ipv4_packet()), some("10.0.0.1", "10.0.0.2"));
        let udp = ipv6_packet("fd00::1", 17, &[]);
        assert_eq!(both(0x86dd, &udp), some("fd00::1", "fd00::2"));
        assert_eq!(both(0x88b5, &udp), Err(Nameless::OtherProtocol));
    }

    #[test]
    fn only_a_solicitation_from_nobody_is_about_its_target() {
        let from = |source| ipv6_packet(source, 58, &solicitation());
        assert_eq!(both(0x86dd, &from("fd00::1")), some("fd00::1", "fd00::2"));
        assert_eq!(both(0x86dd, &from("::")), some("fd00::9", "fd00::9"));
        let mut other = from("::");
        other[40] = 133;
        assert_eq!(both(0x86dd, &other), Ok([None, None]), "a router's");
        let udp = ipv6_packet("::", 17, &[]);
        assert_eq!(both(0x86dd, &udp), some("::", "fd00::2"));
    }

    #[test]
    fn cut_short_anywhere() {
        let probe = ipv6_packet("::", 58, &solicitation());
        for len in 0..=64 {
            let expected = match len {
                0..40 => Some(Nameless::Ipv6),
                40..64 => Some(Nameless::Solicitation),
                _ => None,
            };
            assert_eq!(both(0x86dd, &probe[..len]).err(), expected, "{len}");
        }
        for len in 0..28 {
            assert_eq!(both(0x0806, &[0; 28][..len]), Err(Nameless::Arp), "{len}");
            assert_eq!(both(0x0800, &ipv4_packet()[..len]), Err(Nameless::Ipv4));
        }
    }

    #[test]
    fn what_an_ipv4_header_may_say() {
        let with = |first: u8, total: u16, room: usize| {
            let mut packet = ipv4_packet();
            packet[0] = first;
            packet[2..4].copy_from_slice(&total.to_be_bytes());
            Addressee::parse(0x0800, &packet, room).is_ok()
        };
        assert!(with(0x45, 28, 28) && with(0x45, 20, 28) && with(0x46, 24, 28));
        assert!(!with(0x45, 29, 28) && with(0x45, 42, 42), "beyond the end");
        assert!(
            !with(0x45, 19, 28) && !with(0x45, 0, 28),
            "shorter than itself"
        );
        assert!(!with(0x46, 23, 28) && with(0x4f, 60, 60), "with options");
        assert!(!with(0x44, 28, 28) && !with(0x55, 28, 28) && !with(0x65, 28, 28));
        assert!(!with(0x45, 0xffff, 28));
    }
}
