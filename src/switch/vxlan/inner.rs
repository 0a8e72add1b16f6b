//! The frame in a tunnel: what of it is copied to its envelope, and what the envelope tells it.

use crate::wire::{ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, IPV4_HEADER, IPV6_HEADER, Tag};

/// What of a frame is copied to its envelope, and the other way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inner {
    /// Type of service, or traffic class.
    pub(super) tos: u8,
    pub(super) ttl: u8,
    /// IPv4 with the DF bit, or IPv6.
    pub(super) df: bool,
    pub(super) ip: bool,
    /// Where the network header begins.
    pub(super) start: usize,
}

/// Reads it of a frame that begins with its addresses, behind its tags (`skb_vlan_inet_prepare`); `None`
/// where the header of an IP packet is cut off.
pub(super) fn inner(frame: &[u8]) -> Option<Inner> {
    let mut start = ETHERNET_HEADER;
    let mut tagged = false;
    while let Some(tag) = frame.get(start - 2..).and_then(Tag::read) {
        let _ = tag;
        start += 4;
        tagged = true;
    }
    let ether_type = frame.get(start - 2..).and_then(<[u8]>::first_chunk::<2>);
    let packet = frame.get(start..).unwrap_or_default();
    match ether_type.map(|it| u16::from_be_bytes(*it)) {
        Some(ETHER_IPV4) => {
            let header = packet.first_chunk::<IPV4_HEADER>()?;
            Some(Inner {
                tos: header[1],
                ttl: header[8],
                df: !tagged && header[6] & 0x40 != 0,
                ip: true,
                start,
            })
        }
        Some(ETHER_IPV6) => {
            let header = packet.first_chunk::<IPV6_HEADER>()?;
            Some(Inner {
                tos: header[0] << 4 | header[1] >> 4,
                ttl: header[7],
                df: !tagged,
                ip: true,
                start,
            })
        }
        _ => Some(Inner {
            start,
            ..Inner::default()
        }),
    }
}

/// [`inner`] of a frame that came out: only what has no tag is looked at (`skb->protocol`).
pub(super) fn untagged(frame: &[u8]) -> Option<Inner> {
    match frame.get(12..).and_then(Tag::read) {
        Some(_) => Some(Inner::default()),
        None => inner(frame),
    }
}

/// What becomes of congestion on the way (RFC 6040 section 4.2, `INET_ECN_decapsulate`): true to mark the
/// frame, `None` where it cannot be marked.
pub(super) const fn decapsulate_ecn(outer: u8, inner: Inner) -> Option<bool> {
    match (outer & 3, inner.tos & 3, inner.ip) {
        (3, 0, true) => None,
        (3, 1 | 2, true) => Some(true),
        _ => Some(false),
    }
}

/// Sets the ECN field of an untagged IP packet to "congestion experienced".
pub(super) fn mark_congestion(frame: &mut [u8]) {
    let Some((ethernet, packet)) = frame.split_at_mut_checked(ETHERNET_HEADER) else {
        return;
    };
    match (ethernet, packet) {
        ([.., 0x08, 0x00], [first, tos, rest @ ..]) => {
            let old = u16::from_be_bytes([*first, *tos]);
            *tos |= 3;
            let new = u16::from_be_bytes([*first, *tos]);
            // RFC 1624: the header checksum follows the change.
            if let Some([high, low]) = rest.get_mut(8..10) {
                let sum = !u16::from_be_bytes([*high, *low]);
                let sum = u32::from(sum) + u32::from(!old) + u32::from(new);
                let sum = (sum & 0xffff) + (sum >> 16);
                let sum = (sum & 0xffff) + (sum >> 16);
                let sum = !u16::try_from(sum).unwrap_or(u16::MAX);
                [*high, *low] = sum.to_be_bytes();
            }
        }
        ([.., 0x86, 0xdd], [_, second, ..]) => *second |= 0x30,
        _ => {}
    }
}
