//! IP and UDP around something else: what a tunnel puts in front of a frame, and takes off again.
//!
//! [`Datagram::parse`] works on the beginning of a packet, because only the headers are looked at; how
//! long the packet is, is said apart. [`Envelope::write`] makes the headers. Sums are those of RFC 1071,
//! over pieces of any length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ETHER_IPV4, ETHER_IPV6};

/// Octets of an IPv4 header without options.
pub const IPV4_HEADER: usize = 20;

/// Octets of the fixed IPv6 header.
pub const IPV6_HEADER: usize = 40;

/// Octets of a UDP header.
pub const UDP_HEADER: usize = 8;

/// The number of UDP.
const UDP: u8 = 17;

/// A number that fits its field: the length of a packet of at most 64 KiB.
fn field(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// The sum of some pieces, one behind the other (RFC 1071).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    sum: u64,
    /// The pieces so far had an odd number of octets.
    odd: bool,
}

impl Sum {
    /// Adds a piece.
    #[must_use]
    pub fn with(mut self, piece: &[u8]) -> Self {
        let mut rest = piece;
        if self.odd
            && let Some((first, more)) = rest.split_first()
        {
            self.sum += u64::from(*first);
            self.odd = false;
            rest = more;
        }
        // Four octets at a time: the sum of 32-bit words folds to the same.
        let (words, tail) = rest.as_chunks::<4>();
        self.sum += words
            .iter()
            .map(|word| u64::from(u32::from_be_bytes(*word)))
            .sum::<u64>();
        for pair in tail.chunks(2) {
            match *pair {
                [high, low] => self.sum += u64::from(u16::from_be_bytes([high, low])),
                [high] => {
                    self.sum += u64::from(high) << 8;
                    self.odd = true;
                }
                _ => {}
            }
        }
        self
    }

    /// Returns the checksum: the complement of the folded sum.
    #[must_use]
    pub fn checksum(self) -> u16 {
        let mut sum = self.sum;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

/// The pseudo header of UDP (RFC 768, RFC 8200 section 8.1), of addresses of one family.
fn pseudo(source: IpAddr, destination: IpAddr, length: usize) -> Sum {
    let sum = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Sum::default()
            .with(&source.octets())
            .with(&destination.octets()),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Sum::default()
            .with(&source.octets())
            .with(&destination.octets()),
        _ => Sum::default(),
    };
    sum.with(&[0, UDP]).with(&field(length))
}

/// What is wrong with a UDP datagram that is for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// A length of the IP header that the packet has not, or a wrong checksum.
    #[error("the IP header is malformed")]
    Ip,
    /// A length of the UDP header that the packet has not.
    #[error("the UDP header is malformed")]
    Udp,
}

/// What part of a packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// All of it.
    Yes,
    /// A fragment.
    Fragment,
}

/// A UDP datagram, by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// From.
    pub source: IpAddr,
    /// To.
    pub destination: IpAddr,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// Where the UDP header begins in the packet.
    pub start: usize,
    /// Octets of the packet, padding behind it not counted.
    pub end: usize,
    /// Source port; of a fragment that is not the first, whatever is there.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// What the UDP header says.
    pub length: u16,
    /// Whether it has a checksum.
    pub has_checksum: bool,
    /// Whether it is a fragment.
    pub whole: Whole,
}

impl Datagram {
    /// Reads the headers of an IP packet of some type; `None` for what is no UDP over IP, and for what
    /// ends in the fixed headers. `head` is how the packet begins: at least 76 octets of it, if it has
    /// so many. Extension headers of IPv6 are not looked behind.
    #[must_use]
    pub fn parse(ether_type: u16, head: &[u8]) -> Option<Self> {
        match ether_type {
            ETHER_IPV4 => Self::parse4(head),
            ETHER_IPV6 => Self::parse6(head),
            _ => None,
        }
    }

    fn parse4(head: &[u8]) -> Option<Self> {
        let fixed = head.first_chunk::<IPV4_HEADER>()?;
        let start = usize::from(fixed[0] & 0x0f) * 4;
        if fixed[0] >> 4 != 4 || start < IPV4_HEADER || fixed[9] != UDP {
            return None;
        }
        let address = |at: usize| {
            let mut octets = [0; 4];
            octets.copy_from_slice(&fixed[at..at + 4]);
            IpAddr::V4(Ipv4Addr::from(octets))
        };
        let fragment = u16::from_be_bytes([fixed[6], fixed[7]]) & 0x3fff != 0;
        let end = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        let (source, destination) = (address(12), address(16));
        Self::with_ports(head, start, end, source, destination, fixed[1], fragment)
    }

    fn parse6(head: &[u8]) -> Option<Self> {
        let fixed = head.first_chunk::<IPV6_HEADER>()?;
        if fixed[0] >> 4 != 6 {
            return None;
        }
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&fixed[at..at + 16]);
            IpAddr::V6(Ipv6Addr::from(octets))
        };
        let end = IPV6_HEADER + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let tos = fixed[0] << 4 | fixed[1] >> 4;
        let (source, destination) = (address(8), address(24));
        let (start, fragment) = match fixed[6] {
            UDP => (IPV6_HEADER, false),
            // A fragment header (RFC 8200 section 4.5).
            44 if *head.get(IPV6_HEADER)? == UDP => (IPV6_HEADER + 8, true),
            _ => return None,
        };
        Self::with_ports(head, start, end, source, destination, tos, fragment)
    }

    fn with_ports(
        head: &[u8],
        start: usize,
        end: usize,
        source: IpAddr,
        destination: IpAddr,
        tos: u8,
        fragment: bool,
    ) -> Option<Self> {
        let udp = match head.get(start..).and_then(<[u8]>::first_chunk) {
            Some(udp) => *udp,
            // Later fragments may be as short as that.
            None if fragment => [0; UDP_HEADER],
            None => return None,
        };
        let number = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
        Some(Self {
            source,
            destination,
            tos,
            start,
            end,
            source_port: number(0),
            destination_port: number(2),
            length: number(4),
            has_checksum: number(6) != 0,
            whole: match fragment {
                true => Whole::Fragment,
                false => Whole::Yes,
            },
        })
    }

    /// Checks the headers against a packet of `available` octets, padding included (`ip_rcv_core`,
    /// `ip6_rcv_core`, `__udp4_lib_rcv`). `head` is what was parsed.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub fn check(&self, head: &[u8], available: usize) -> Result<(), DatagramError> {
        let header = head.get(..self.start).ok_or(DatagramError::Ip)?;
        let short = self.end > available || self.end < self.start;
        if short || self.source.is_ipv4() && Sum::default().with(header).checksum() != 0 {
            return Err(DatagramError::Ip);
        }
        let length = usize::from(self.length);
        if length < UDP_HEADER || length > self.end - self.start {
            return Err(DatagramError::Udp);
        }
        Ok(())
    }

    /// Whether the checksum over all pieces of the datagram, from the UDP header on and cut to the length
    /// that the header says, is right.
    #[must_use]
    pub fn sums_up<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let mut left = usize::from(self.length);
        let mut sum = pseudo(self.source, self.destination, left);
        for piece in pieces {
            let piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            sum = sum.with(piece);
        }
        sum.checksum() == 0
    }
}

/// What is to be written in front of a payload.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// From.
    pub source: IpAddr,
    /// To, of the same family.
    pub destination: IpAddr,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Not to be fragmented (IPv4).
    pub df: bool,
    /// Identification (IPv4).
    pub id: u16,
    /// Flow label (IPv6).
    pub label: u32,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// With a checksum over the payload.
    pub checksum: bool,
}

/// Octets of the longest envelope.
pub const ENVELOPE_MAX: usize = IPV6_HEADER + UDP_HEADER;

impl Envelope {
    /// Returns the octets of its headers: 28 or 48.
    #[must_use]
    pub const fn length(&self) -> usize {
        match self.destination {
            IpAddr::V4(_) => IPV4_HEADER + UDP_HEADER,
            IpAddr::V6(_) => IPV6_HEADER + UDP_HEADER,
        }
    }

    /// Returns the EtherType of the packet.
    #[must_use]
    pub const fn ether_type(&self) -> u16 {
        match self.destination {
            IpAddr::V4(_) => ETHER_IPV4,
            IpAddr::V6(_) => ETHER_IPV6,
        }
    }

    /// Writes the headers of a payload that is given in pieces, and returns them.
    #[must_use]
    pub fn write<'a>(
        &self,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> ([u8; ENVELOPE_MAX], usize) {
        let payload: usize = pieces.clone().map(<[u8]>::len).sum();
        let (length, all) = (payload + UDP_HEADER, self.length());
        let mut octets = [0; ENVELOPE_MAX];
        let start = all - UDP_HEADER;
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ip = &mut octets[..IPV4_HEADER];
                (ip[0], ip[1]) = (0x45, self.tos);
                ip[2..4].copy_from_slice(&field(IPV4_HEADER + length));
                ip[4..6].copy_from_slice(&self.id.to_be_bytes());
                ip[6] = if self.df { 0x40 } else { 0 };
                (ip[8], ip[9]) = (self.ttl, UDP);
                ip[12..16].copy_from_slice(&source.octets());
                ip[16..20].copy_from_slice(&destination.octets());
                let sum = Sum::default().with(ip).checksum();
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let ip = &mut octets[..IPV6_HEADER];
                let first = 0x6000_0000 | u32::from(self.tos) << 20 | self.label & 0x000f_ffff;
                ip[..4].copy_from_slice(&first.to_be_bytes());
                ip[4..6].copy_from_slice(&field(length));
                (ip[6], ip[7]) = (UDP, self.ttl);
                ip[8..24].copy_from_slice(&source.octets());
                ip[24..40].copy_from_slice(&destination.octets());
            }
            _ => {}
        }
        let udp = &mut octets[start..all];
        udp[..2].copy_from_slice(&self.source_port.to_be_bytes());
        udp[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        udp[4..6].copy_from_slice(&field(length));
        if self.checksum {
            let sum = pseudo(self.source, self.destination, length).with(udp);
            // What sums up to zero is sent as its other spelling: zero is no checksum.
            let sum = match pieces.fold(sum, Sum::with).checksum() {
                0 => 0xffff,
                sum => sum,
            };
            udp[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        (octets, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(v6: bool) -> Envelope {
        let [source, destination]: [IpAddr; 2] = match v6 {
            false => ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap()),
            true => ["2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap()),
        };
        Envelope {
            source,
            destination,
            tos: 0x2e,
            ttl: 64,
            df: true,
            id: 0x1234,
            label: 0x000a_bcde,
            source_port: 40_000,
            destination_port: 4_789,
            checksum: true,
        }
    }

    fn packet(v6: bool, payload: &[u8]) -> Vec<u8> {
        let (octets, len) = envelope(v6).write([payload].into_iter());
        [&octets[..len], payload].concat()
    }

    #[test]
    fn sums_of_pieces_are_those_of_the_whole() {
        let octets: Vec<u8> = (0..=255).map(|n: u8| n.wrapping_mul(37)).collect();
        let plain = |octets: &[u8]| {
            let mut sum = 0u32;
            for pair in octets.chunks(2) {
                sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
            }
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            !u16::try_from(sum).unwrap()
        };
        for a in 0..12 {
            for b in 0..12 {
                for end in [a + b, 40, 41, 255] {
                    let sum = Sum::default()
                        .with(&octets[..a])
                        .with(&octets[a..a + b])
                        .with(&octets[a + b..end]);
                    assert_eq!(sum.checksum(), plain(&octets[..end]), "{a} {b} {end}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for v6 in [false, true] {
            for payload in [&b""[..], b"x", b"frame", &[0xff; 1400]] {
                let octets = packet(v6, payload);
                let written = envelope(v6);
                let read = Datagram::parse(written.ether_type(), &octets).unwrap();
                assert_eq!(read.check(&octets, octets.len()), Ok(()));
                assert_eq!(
                    (read.source, read.destination, read.tos),
                    (written.source, written.destination, 0x2e)
                );
                assert_eq!((read.source_port, read.destination_port), (40_000, 4_789));
                assert_eq!((read.end, read.whole), (octets.len(), Whole::Yes));
                assert!(read.has_checksum && read.sums_up([&octets[read.start..]]));
                let mut other = octets.clone();
                *other.last_mut().unwrap() ^= 1;
                assert!(!read.sums_up([&other[read.start..]]));
            }
        }
    }

    #[test]
    fn an_ipv4_header_octet_by_octet() {
        let octets = packet(false, b"ab");
        let expected = [
            0x45, 0x2e, 0, 30, 0x12, 0x34, 0x40, 0, 64, 17, 0xa4, 0x69, 192, 0, 2, 1, 192, 0, 2, 2,
        ];
        assert_eq!(octets[..20], expected);
        assert_eq!(octets[20..26], [0x9c, 0x40, 0x12, 0xb5, 0, 10]);
    }

    #[test]
    fn lies_of_the_headers() {
        let octets = packet(false, b"payload");
        let parse = |octets: &[u8]| Datagram::parse(ETHER_IPV4, octets);
        let check = |octets: &[u8]| parse(octets).unwrap().check(octets, octets.len());
        let with = |at: usize, value: u8, fix: bool| {
            let mut changed = octets.clone();
            changed[at] = value;
            if fix {
                changed[10..12].fill(0);
                let sum = Sum::default().with(&changed[..20]).checksum();
                changed[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            changed
        };
        for len in 0..28 {
            assert_eq!(parse(&octets[..len]), None, "{len}");
        }
        for (at, value) in [(0, 0x65), (0, 0x44), (9, 6)] {
            assert_eq!(parse(&with(at, value, true)), None);
        }
        assert_eq!(
            check(&with(8, 1, false)),
            Err(DatagramError::Ip),
            "checksum"
        );
        assert_eq!(
            check(&with(3, 36, true)),
            Err(DatagramError::Ip),
            "too long"
        );
        assert_eq!(
            check(&with(3, 19, true)),
            Err(DatagramError::Ip),
            "too short"
        );
        assert_eq!(parse(&with(0, 0x4f, true)), None, "options up to its end");
        assert_eq!(check(&with(25, 7, true)), Err(DatagramError::Udp));
        assert_eq!(check(&with(25, 16, true)), Err(DatagramError::Udp));
        assert_eq!(check(&with(25, 14, true)), Ok(()), "octets behind it");
        let fragment = parse(&with(6, 0x20, true)).unwrap();
        assert_eq!(fragment.whole, Whole::Fragment);
        assert_eq!(parse(&with(6, 0x40, true)).unwrap().whole, Whole::Yes);
    }

    #[test]
    fn no_octet_of_ipv6_panics() {
        let octets = packet(true, b"payload");
        for at in 0..octets.len() {
            for value in [0, 1, 17, 44, 0x7f, 0xff] {
                let mut changed = octets.clone();
                changed[at] = value;
                for len in 0..changed.len() {
                    if let Some(read) = Datagram::parse(ETHER_IPV6, &changed[..len]) {
                        let _ = read.check(&changed[..len], len);
                        let _ = read.sums_up([changed.get(read.start..len).unwrap_or_default()]);
                    }
                }
            }
        }
    }
}
