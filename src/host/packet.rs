//! IP packets of a host: read, made, cut into fragments and put together again.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::time::{Duration, Instant};
use crate::wire::{ETHER_IPV4, ETHER_IPV6, IPV4_HEADER, IPV6_HEADER, Sum};

/// `IPPROTO_ICMP`.
pub(super) const ICMP: u8 = 1;
/// `IPPROTO_TCP`.
pub(super) const TCP: u8 = 6;
/// `IPPROTO_UDP`.
pub(super) const UDP: u8 = 17;
/// `IPPROTO_ICMPV6`.
pub(super) const ICMPV6: u8 = 58;

/// `IPPROTO_HOPOPTS`, `IPPROTO_ROUTING` and `IPPROTO_DSTOPTS`, which have a length and are passed over.
const PASSED_OVER: [u8; 3] = [0, 43, 60];
/// `IPPROTO_FRAGMENT`.
const FRAGMENT: u8 = 44;
/// Octets of an IPv6 fragment header.
const FRAGMENT_HEADER: usize = 8;

/// Octets of a packet's payload at most, put together or not.
const PAYLOAD_MAX: usize = 65_535;

/// Datagrams of which fragments are there, at most; the oldest goes when another comes.
const MAX_PARTIAL: usize = 16;
/// Fragments of one datagram.
const MAX_FRAGMENTS: usize = 64;
/// How long the other fragments are waited for (`IP_FRAG_TIME`).
const REASSEMBLY: Duration = Duration::from_secs(30);

/// An IP packet, whole or a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// Hops left.
    pub(super) ttl: u8,
    /// IPv4: it is not to be cut.
    pub(super) dont_fragment: bool,
    /// Which datagram it is of, where that matters.
    pub(super) ident: u32,
    /// Where it belongs in the datagram, in octets, and whether more follow.
    pub(super) fragment: Option<(usize, bool)>,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    /// Makes a whole packet as this host sends it; identified when it leaves.
    pub(super) const fn new(
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        payload: Vec<u8>,
    ) -> Self {
        Self {
            source,
            destination,
            protocol,
            ttl: 64,
            dont_fragment: false,
            ident: 0,
            fragment: None,
            payload,
        }
    }

    /// Reads the packet behind an EtherType, which may have padding behind it. `None`: something is wrong with
    /// it, or it is none.
    pub(super) fn parse(ether_type: u16, octets: &[u8]) -> Option<Self> {
        match ether_type {
            ETHER_IPV4 => Self::parse_ipv4(octets),
            ETHER_IPV6 => Self::parse_ipv6(octets),
            _ => None,
        }
    }

    /// `ip_rcv_core`.
    fn parse_ipv4(octets: &[u8]) -> Option<Self> {
        let fixed = octets.first_chunk::<IPV4_HEADER>()?;
        let header = usize::from(fixed[0] & 0x0f) * 4;
        let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if fixed[0] >> 4 != 4 || header < IPV4_HEADER || length < header {
            return None;
        }
        let packet = octets.get(..length)?;
        let (header, payload) = packet.split_at(header);
        if Sum::default().with(header).checksum() != 0 {
            return None;
        }
        let cut = u16::from_be_bytes([fixed[6], fixed[7]]);
        let (offset, more) = (usize::from(cut & 0x1fff) * 8, cut & 0x2000 != 0);
        let ip = |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
        Some(Self {
            source: ip(12).into(),
            destination: ip(16).into(),
            protocol: fixed[9],
            ttl: fixed[8],
            dont_fragment: cut & 0x4000 != 0,
            ident: u16::from_be_bytes([fixed[4], fixed[5]]).into(),
            fragment: (more || offset > 0).then_some((offset, more)),
            payload: payload.to_vec(),
        })
    }

    /// `ip6_rcv_core`, and the headers between it and what it carries.
    fn parse_ipv6(octets: &[u8]) -> Option<Self> {
        let fixed = octets.first_chunk::<IPV6_HEADER>()?;
        let length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        if fixed[0] >> 4 != 6 {
            return None;
        }
        let mut rest = octets.get(IPV6_HEADER..IPV6_HEADER + length)?;
        let ip = |at: usize| {
            let octets: [u8; 16] = fixed[at..at + 16].try_into().unwrap_or_default();
            Ipv6Addr::from(octets)
        };
        let mut packet = Self {
            source: ip(8).into(),
            destination: ip(24).into(),
            protocol: fixed[6],
            ttl: fixed[7],
            dont_fragment: false,
            ident: 0,
            fragment: None,
            payload: Vec::new(),
        };
        while PASSED_OVER.contains(&packet.protocol) {
            let [next, length] = *rest.first_chunk::<2>()?;
            rest = rest.get((usize::from(length) + 1) * 8..)?;
            packet.protocol = next;
        }
        if packet.protocol == FRAGMENT {
            let (header, behind) = rest.split_first_chunk::<FRAGMENT_HEADER>()?;
            let [next, _, high, low, a, b, c, d] = *header;
            let cut = u16::from_be_bytes([high, low]);
            let (offset, more) = (usize::from(cut & 0xfff8), cut & 1 != 0);
            packet.protocol = next;
            packet.ident = u32::from_be_bytes([a, b, c, d]);
            packet.fragment = (more || offset > 0).then_some((offset, more));
            rest = behind;
        }
        packet.payload = rest.to_vec();
        Some(packet)
    }

    pub(super) const fn ether_type(&self) -> u16 {
        match self.destination {
            IpAddr::V4(_) => ETHER_IPV4,
            IpAddr::V6(_) => ETHER_IPV6,
        }
    }

    /// Octets of its header, without that of a fragment.
    const fn header(&self) -> usize {
        match self.destination {
            IpAddr::V4(_) => IPV4_HEADER,
            IpAddr::V6(_) => IPV6_HEADER,
        }
    }

    /// Octets it has when it is not cut.
    pub(super) const fn len(&self) -> usize {
        self.header() + self.payload.len()
    }

    /// Whether it goes by a wire of this MTU, cut or not. (What is too long for any packet does not.)
    pub(super) const fn fits(&self, mtu: usize) -> bool {
        self.payload.len() <= PAYLOAD_MAX - IPV4_HEADER
            && mtu >= self.header() + FRAGMENT_HEADER + 8
            && (self.len() <= mtu || !self.dont_fragment)
    }

    /// Returns the packet's octets, cut to the MTU; nothing if it does not fit.
    pub(super) fn emit(&self, mtu: usize) -> Vec<Vec<u8>> {
        if !self.fits(mtu) {
            return Vec::new();
        }
        if self.len() <= mtu {
            return vec![self.octets(&self.payload, self.fragment)];
        }
        let extra = if self.destination.is_ipv6() {
            FRAGMENT_HEADER
        } else {
            0
        };
        let piece = (mtu - self.header() - extra) / 8 * 8;
        let (base, follow) = self.fragment.unwrap_or((0, false));
        let pieces = self.payload.chunks(piece).enumerate();
        pieces
            .map(|(nth, octets)| {
                let last = (nth + 1) * piece >= self.payload.len();
                self.octets(octets, Some((base + nth * piece, follow || !last)))
            })
            .collect()
    }

    /// Makes one packet of it with this much of its payload.
    fn octets(&self, payload: &[u8], fragment: Option<(usize, bool)>) -> Vec<u8> {
        let octets = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let mut packet = Vec::with_capacity(self.header() + FRAGMENT_HEADER + payload.len());
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let [.., high, low] = self.ident.to_be_bytes();
                let (offset, more) = fragment.unwrap_or((0, false));
                let mut cut = u16::try_from(offset / 8).unwrap_or(u16::MAX);
                cut |= u16::from(more) << 13 | u16::from(self.dont_fragment) << 14;
                packet.extend([0x45, 0]);
                packet.extend(octets(IPV4_HEADER + payload.len()));
                packet.extend([high, low]);
                packet.extend(cut.to_be_bytes());
                packet.extend([self.ttl, self.protocol, 0, 0]);
                packet.extend(source.octets());
                packet.extend(destination.octets());
                let sum = Sum::default().with(&packet).checksum();
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (source, destination) => {
                let address = |ip| match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                    IpAddr::V6(ip) => ip.octets(),
                };
                let extra = fragment.map_or(0, |_| FRAGMENT_HEADER);
                packet.extend([0x60, 0, 0, 0]);
                packet.extend(octets(extra + payload.len()));
                packet.extend([fragment.map_or(self.protocol, |_| FRAGMENT), self.ttl]);
                packet.extend(address(source));
                packet.extend(address(destination));
                if let Some((offset, more)) = fragment {
                    let cut = u16::try_from(offset).unwrap_or(u16::MAX) & 0xfff8 | u16::from(more);
                    packet.extend([self.protocol, 0]);
                    packet.extend(cut.to_be_bytes());
                    packet.extend(self.ident.to_be_bytes());
                }
            }
        }
        packet.extend(payload);
        packet
    }

    /// Computes the checksum of a payload of ICMPv6, UDP or TCP whose field for it is zero.
    pub(super) fn checksum(source: IpAddr, destination: IpAddr, protocol: u8, what: &[u8]) -> u16 {
        let mut pseudo = Vec::with_capacity(40);
        for ip in [source, destination] {
            match ip {
                IpAddr::V4(ip) => pseudo.extend(ip.octets()),
                IpAddr::V6(ip) => pseudo.extend(ip.octets()),
            }
        }
        pseudo.extend(u32::try_from(what.len()).unwrap_or(0).to_be_bytes());
        pseudo.extend([0, 0, 0, protocol]);
        Sum::default().with(&pseudo).with(what).checksum()
    }
}

/// Datagrams of which some fragments are there.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    partial: VecDeque<Partial>,
}

#[derive(Debug)]
struct Partial {
    key: (IpAddr, IpAddr, u8, u32),
    until: Instant,
    /// Where each begins, in order.
    pieces: Vec<(usize, Vec<u8>)>,
    /// How long it is, once the last piece is there.
    length: Option<usize>,
}

impl Reassembly {
    /// Takes a packet; returns it if it is whole, or the datagram that it makes whole. Fragments that overlap
    /// or do not fit end the datagram (RFC 5722; for IPv4, too, as in Linux).
    pub(super) fn take(&mut self, now: Instant, packet: Packet) -> Option<Packet> {
        let Some((offset, more)) = packet.fragment else {
            return Some(packet);
        };
        self.partial.retain(|it| it.until > now);
        let key = (
            packet.source,
            packet.destination,
            packet.protocol,
            packet.ident,
        );
        let at = match self.partial.iter().position(|it| it.key == key) {
            Some(at) => at,
            None => {
                if self.partial.len() == MAX_PARTIAL {
                    self.partial.pop_front();
                }
                self.partial.push_back(Partial {
                    key,
                    until: now + REASSEMBLY,
                    pieces: Vec::new(),
                    length: None,
                });
                self.partial.len() - 1
            }
        };
        let partial = &mut self.partial[at];
        let end = offset + packet.payload.len();
        let free = |(from, piece): &(usize, Vec<u8>)| end <= *from || from + piece.len() <= offset;
        let misfit = (more && !packet.payload.len().is_multiple_of(8))
            || packet.payload.is_empty()
            || end > PAYLOAD_MAX
            || partial.pieces.len() == MAX_FRAGMENTS
            || partial.length.is_some_and(|it| end > it || !more)
            || !partial.pieces.iter().all(free);
        if misfit {
            self.partial.remove(at);
            return None;
        }
        if !more {
            partial.length = Some(end);
        }
        let behind = partial.pieces.partition_point(|(from, _)| *from < offset);
        let Packet { payload, .. } = packet;
        partial.pieces.insert(behind, (offset, payload));
        let have: usize = partial.pieces.iter().map(|(_, piece)| piece.len()).sum();
        if partial.length != Some(have) {
            return None;
        }
        let partial = self.partial.remove(at)?;
        let payload = partial.pieces.into_iter().flat_map(|(_, piece)| piece);
        let (source, destination, protocol, ident) = key;
        Some(Packet {
            ttl: packet.ttl,
            ident,
            ..Packet::new(source, destination, protocol, payload.collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(v6: bool, length: usize) -> Packet {
        let ip = |last: u8| match v6 {
            true => IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into())),
            false => IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
        };
        let payload = (0..length).map(|at| at.to_le_bytes()[0]).collect();
        Packet {
            ident: 7,
            ..Packet::new(ip(1), ip(2), UDP, payload)
        }
    }

    #[test]
    fn a_packet_is_read_as_it_was_made() {
        for v6 in [false, true] {
            for length in [0, 1, 1_400] {
                let sent = packet(v6, length);
                let octets = sent.emit(1_500).concat();
                assert_eq!(octets.len(), sent.len());
                let mut padded = octets.clone();
                padded.extend([0xaa; 6]);
                let mut read = Packet::parse(sent.ether_type(), &padded).unwrap();
                read.ident = 7;
                assert_eq!(read, sent);
                for cut in 0..octets.len() {
                    assert!(Packet::parse(sent.ether_type(), &octets[..cut]).is_none());
                }
            }
        }
        let mut octets = packet(false, 8).emit(1_500).concat();
        octets[8] -= 1;
        assert!(Packet::parse(ETHER_IPV4, &octets).is_none(), "its checksum");
    }

    #[test]
    fn fragments_come_together_in_any_order() {
        for v6 in [false, true] {
            let sent = packet(v6, 4_000);
            let mut pieces = sent.emit(1_500);
            assert_eq!(pieces.len(), 3);
            assert!(pieces.iter().all(|piece| piece.len() <= 1_500));
            pieces.rotate_left(1);
            let mut reassembly = Reassembly::default();
            let mut whole = None;
            for piece in &pieces {
                assert!(whole.is_none());
                let piece = Packet::parse(sent.ether_type(), piece).unwrap();
                whole = reassembly.take(Instant::ZERO, piece);
            }
            assert_eq!(whole, Some(sent));
        }
    }

    #[test]
    fn fragments_that_overlap_are_nobodys_and_none_waits_for_ever() {
        let sent = packet(false, 3_000);
        let pieces: Vec<_> = sent
            .emit(1_500)
            .iter()
            .map(|octets| Packet::parse(ETHER_IPV4, octets).unwrap())
            .collect();
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.take(Instant::ZERO, pieces[0].clone()), None);
        assert_eq!(reassembly.take(Instant::ZERO, pieces[0].clone()), None);
        assert!(reassembly.partial.is_empty());
        assert_eq!(reassembly.take(Instant::ZERO, pieces[0].clone()), None);
        let late = Instant::from_secs(30);
        for piece in &pieces[1..] {
            assert_eq!(reassembly.take(late, piece.clone()), None);
        }
        for ident in 0..100 {
            let mut piece = pieces[0].clone();
            piece.ident = ident + 100;
            reassembly.take(late, piece);
        }
        assert_eq!(reassembly.partial.len(), MAX_PARTIAL);
    }

    #[test]
    fn what_is_not_to_be_cut_is_not() {
        let mut long = packet(false, 2_000);
        long.dont_fragment = true;
        assert!(!long.fits(1_500));
        assert!(long.emit(1_500).is_empty());
        assert!(long.fits(2_020));
        assert!(!packet(true, 66_000).fits(1_500));
        assert!(packet(false, 100).emit(20).is_empty());
    }
}
