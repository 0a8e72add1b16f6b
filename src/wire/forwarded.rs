//! An IP packet that a Linux host sends on in a frame of its own (`__ip_local_out`, `__ip6_local_out`).

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

use super::network::{ETHER_IPV4, ETHER_IPV6};
use super::{ETHERNET_HEADER, MacAddr};

/// Octets of an IPv4 header without options.
const IPV4: usize = 20;

/// Octets of an IPv6 header.
const IPV6: usize = 40;

/// Octets of the headers that change on the way, at most: Ethernet, and IPv4 with all its options.
pub const FORWARDED_HEAD: usize = ETHERNET_HEADER + 60;

/// A packet with a whole header. Its version is not looked at, nor what it says of its length.
#[derive(Clone, Copy, Debug)]
pub enum Forwarded<'a> {
    /// IPv4; the second part is the length of the header, 20 to 60 octets.
    Ipv4(&'a [u8], usize),
    /// IPv6.
    Ipv6(&'a [u8]),
}

/// The header of a packet is cut short, or has no length that a header can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedError {
    /// That of an IPv4 packet.
    Ipv4,
    /// That of an IPv6 packet.
    Ipv6,
}

impl<'a> Forwarded<'a> {
    /// Checks an IPv6 packet, if the EtherType says so, else an IPv4 packet.
    ///
    /// # Errors
    /// [`ForwardedError`].
    pub fn parse(ether_type: u16, packet: &'a [u8]) -> Result<Self, ForwardedError> {
        if ether_type == ETHER_IPV6 {
            let whole = packet.len() >= IPV6;
            return whole
                .then_some(Self::Ipv6(packet))
                .ok_or(ForwardedError::Ipv6);
        }
        let header = packet
            .first()
            .map_or(0, |first| usize::from(first & 0x0f) * 4);
        let whole = header >= IPV4 && header <= packet.len();
        whole
            .then_some(Self::Ipv4(packet, header))
            .ok_or(ForwardedError::Ipv4)
    }

    const fn packet(&self) -> &'a [u8] {
        match self {
            Self::Ipv4(packet, _) | Self::Ipv6(packet) => packet,
        }
    }

    /// Returns the octets of the packet.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.packet().len()
    }

    /// Whether the packet has no octets, which none has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.packet().is_empty()
    }

    /// Returns the source address.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        match self {
            Self::Ipv4(packet, _) => address::<4>(packet, 12),
            Self::Ipv6(packet) => address::<16>(packet, 8),
        }
    }

    /// Returns the destination address.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        match self {
            Self::Ipv4(packet, _) => address::<4>(packet, 16),
            Self::Ipv6(packet) => address::<16>(packet, 24),
        }
    }

    /// Writes the frame that carries the packet on: its headers into `head`, of which the part that was
    /// written is returned, and the rest of the packet as it is. The length that the packet says it has
    /// becomes the one that it has (0 where that is too long to say), and the IPv4 checksum fits it.
    #[must_use]
    pub fn onward<'h>(
        &self,
        to: MacAddr,
        from: MacAddr,
        head: &'h mut [u8; FORWARDED_HEAD],
    ) -> (&'h [u8], &'a [u8]) {
        let (header, ether_type) = match self {
            Self::Ipv4(_, header) => (*header, ETHER_IPV4),
            Self::Ipv6(_) => (IPV6, ETHER_IPV6),
        };
        let (copied, rest) = self.packet().split_at(header);
        head[..6].copy_from_slice(&to.octets());
        head[6..12].copy_from_slice(&from.octets());
        head[12..ETHERNET_HEADER].copy_from_slice(&ether_type.to_be_bytes());
        let written = &mut head[ETHERNET_HEADER..ETHERNET_HEADER + header];
        written.copy_from_slice(copied);
        let len = |octets: usize| u16::try_from(octets).unwrap_or(0).to_be_bytes();
        match self {
            Self::Ipv4(packet, _) => {
                written[2..4].copy_from_slice(&len(packet.len()));
                written[10..12].fill(0);
                let sum = Sum16BitWords::new().add_slice(written).ones_complement();
                written[10..12].copy_from_slice(&sum.to_ne_bytes());
            }
            Self::Ipv6(_) => written[4..6].copy_from_slice(&len(rest.len())),
        }
        (&head[..ETHERNET_HEADER + header], rest)
    }
}

/// Reads an address that is known to be there.
fn address<const N: usize>(packet: &[u8], at: usize) -> IpAddr
where
    IpAddr: From<[u8; N]>,
{
    let octets = packet.get(at..).and_then(<[u8]>::first_chunk::<N>);
    octets.copied().unwrap_or([0; N]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: MacAddr = MacAddr::from_u64(0x0200_0000_0009);
    const FROM: MacAddr = MacAddr::from_u64(0x0200_0000_0001);

    fn onward(ether_type: u16, packet: &[u8]) -> Vec<u8> {
        let mut head = [0; FORWARDED_HEAD];
        let packet = Forwarded::parse(ether_type, packet).unwrap();
        let (head, rest) = packet.onward(TO, FROM, &mut head);
        [head, rest].concat()
    }

    #[test]
    fn ipv4_gets_the_length_that_there_is_and_a_checksum() {
        // From RFC 1071's family of examples: the sum of this header is known.
        let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0x40, 0, 0x40, 0x11, 0xde, 0xad];
        packet.extend([192, 168, 0, 1, 192, 168, 0, 199]);
        packet.extend([1, 2, 3]);
        packet.resize(0x73, 0);
        let frame = onward(0x0800, &packet);
        assert_eq!(frame[..14], [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0]);
        assert_eq!(frame[16..18], [0, 0x73]);
        assert_eq!(frame[24..26], [0xb8, 0x61]);
        assert_eq!(frame[34..], packet[20..]);
        assert_eq!(frame.len(), 14 + packet.len());
    }

    #[test]
    fn ipv6_gets_the_length_that_there_is() {
        let mut packet = vec![0x60, 1, 2, 3, 0xff, 0xff, 17, 64];
        packet.extend([7; 32]);
        packet.extend([1, 2, 3, 4, 5]);
        let frame = onward(0x86dd, &packet);
        assert_eq!(frame[12..20], [0x86, 0xdd, 0x60, 1, 2, 3, 0, 5]);
        assert_eq!(frame[20..], packet[6..]);
        packet.resize(40 + 0x1_0000, 0);
        assert_eq!(onward(0x86dd, &packet)[18..20], [0, 0], "too long to say");
    }

    #[test]
    fn headers_that_are_none() {
        let parse = |ether_type, packet: &[u8]| Forwarded::parse(ether_type, packet).map(|_| ());
        let mut packet = [0; 60];
        for (first, len) in [(0x44, 60), (0x45, 19), (0x46, 23), (0x4f, 59), (0, 60)] {
            packet[0] = first;
            let got = parse(0x0800, &packet[..len]);
            assert_eq!(got, Err(ForwardedError::Ipv4), "{first:x} {len}");
        }
        packet[0] = 0x0f;
        assert_eq!(parse(0x0800, &packet), Ok(()), "whatever its version");
        assert_eq!(parse(0x86dd, &packet[..39]), Err(ForwardedError::Ipv6));
        assert_eq!(parse(0x86dd, &packet[..40]), Ok(()));
        assert_eq!(parse(0x0800, &[]), Err(ForwardedError::Ipv4));
    }
}
