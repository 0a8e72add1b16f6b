//! Where the headers of a frame are, and the Internet checksum over them (RFC 1071).

use super::HEADERS_MAX;
use crate::wire::{ETHER_IPV4, ETHER_IPV6, TAG_LEN, is_tag_type};

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// Where the checksum is in a TCP header.
pub(super) const TCP_CHECKSUM: usize = 16;

/// Where the checksum is in a UDP header.
pub(super) const UDP_CHECKSUM: usize = 6;

/// Octets of a UDP header.
pub(super) const UDP_HEADER: usize = 8;

/// Octets of an IPv6 header without extensions.
pub(super) const IPV6_HEADER: usize = 40;

/// Octets of the shortest IPv4 and TCP headers.
const IPV4_MIN: usize = 20;
const TCP_MIN: usize = 20;

/// Extension headers that may precede the transport header of an unfragmented packet.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION_OPTIONS: u8 = 60;

/// The headers of an unfragmented IP packet, as offsets from the frame's first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) network: usize,
    pub(super) v6: bool,
    pub(super) protocol: u8,
    pub(super) transport: usize,
}

impl Layout {
    /// Looks through tags and IPv6 extension headers; `None` where there is no such packet, or headers
    /// beyond [`HEADERS_MAX`].
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        let mut network = 14;
        let ether_type = loop {
            let ether_type = u16_at(frame, network - 2)?;
            if !is_tag_type(ether_type) || network > HEADERS_MAX {
                break ether_type;
            }
            network += TAG_LEN;
        };
        let (v6, protocol, transport) = match ether_type {
            ETHER_IPV4 => Self::ipv4(frame, network)?,
            ETHER_IPV6 => Self::ipv6(frame, network)?,
            _ => return None,
        };
        Some(Self {
            network,
            v6,
            protocol,
            transport,
        })
    }

    fn ipv4(frame: &[u8], network: usize) -> Option<(bool, u8, usize)> {
        let header = frame.get(network..network + IPV4_MIN)?;
        let length = usize::from(header[0] & 15) * 4;
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        if header[0] >> 4 != 4 || length < IPV4_MIN || fragment {
            return None;
        }
        Some((false, header[9], network + length))
    }

    fn ipv6(frame: &[u8], network: usize) -> Option<(bool, u8, usize)> {
        let header = frame.get(network..network + IPV6_HEADER)?;
        if header[0] >> 4 != 6 {
            return None;
        }
        let (mut protocol, mut at) = (header[6], network + IPV6_HEADER);
        while matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
            let &[next, length] = frame.get(at..)?.first_chunk()?;
            (protocol, at) = (next, at + (usize::from(length) + 1) * 8);
            if at > HEADERS_MAX {
                return None;
            }
        }
        Some((true, protocol, at))
    }

    /// Where the transport's payload begins; `None` for other protocols than TCP and UDP, and where it
    /// is not within the frame and [`HEADERS_MAX`].
    pub(super) fn payload(&self, frame: &[u8]) -> Option<usize> {
        let length = match self.protocol {
            TCP => {
                let length = usize::from(frame.get(self.transport + 12)? >> 4) * 4;
                (length >= TCP_MIN).then_some(length)?
            }
            UDP => UDP_HEADER,
            _ => return None,
        };
        let payload = self.transport + length;
        (payload <= frame.len().min(HEADERS_MAX)).then_some(payload)
    }
}

pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_be_bytes)
}

/// Adds octets up as big-endian 16-bit words, the last one padded with zero. Sums may be added; octets
/// that are summed in pieces are split at even places.
pub(super) fn sum(octets: &[u8]) -> u64 {
    // 32-bit words in the machine's order, since the sum does not mind the order until the end; the
    // compiler makes vectors of it. 64 KiB are 2^14 words, so nothing overflows.
    let mut words = octets.chunks_exact(4);
    let total: u64 = words
        .by_ref()
        .map(|word| u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]])))
        .sum();
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    u64::from(fold(total + u64::from(u32::from_ne_bytes(last))).to_be())
}

/// Folds a sum to 16 bits, carries added in again.
pub(super) const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was folded")]
    let folded = sum as u16;
    folded
}

/// The checksum of octets with this sum: zero is written as ones, which means the same and does not mean
/// "none" (RFC 768).
pub(super) const fn checksum(sum: u64) -> u16 {
    match !fold(sum) {
        0 => 0xffff,
        checksum => checksum,
    }
}
