//! What a VXLAN device that is a bridge port answers to a packet that is too big for its way and must
//! not be fragmented (`skb_tunnel_check_pmtu`): the error that a router would send, as if from where the
//! packet was to go. Nobody else could, because there is no router in a layer-2 network.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::PlanVxlan;
use crate::switch::path::Walk;
use crate::switch::transit::Transit;
use crate::wire::{ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, IPV4_HEADER, IPV6_HEADER, Sum};

/// Octets of an ICMP or ICMPv6 error's own header.
const ICMP: usize = 8;

/// Octets that an error quotes at most: IPv6 fills its least MTU, IPv4 the least size of a datagram that
/// everybody takes.
const QUOTE6: usize = 1_280 - IPV6_HEADER - ICMP;
const QUOTE4: usize = 576 - IPV4_HEADER - ICMP;

/// Answers a frame, if it is one of those; the answer comes in by the device. Then the frame goes no
/// further.
pub(super) fn answer(
    walk: &mut Walk<'_>,
    device: &PlanVxlan,
    transit: &Transit,
    mtu: usize,
) -> bool {
    let mut buffer = [0; ETHERNET_HEADER + QUOTE6];
    let len = walk.peek(transit, 0, &mut buffer);
    let Some((ethernet, packet)) = buffer[..len].split_at_checked(ETHERNET_HEADER) else {
        return false;
    };
    let reply = match u16::from_be_bytes([ethernet[12], ethernet[13]]) {
        ETHER_IPV4 => ipv4(packet, mtu),
        ETHER_IPV6 => ipv6(packet, mtu),
        _ => None,
    };
    let Some((reply, len)) = reply else {
        return false;
    };
    let mut frame = [0; ETHERNET_HEADER + IPV6_HEADER + ICMP + QUOTE6];
    frame[..6].copy_from_slice(&ethernet[6..12]);
    frame[6..12].copy_from_slice(&ethernet[..6]);
    frame[12..14].copy_from_slice(&ethernet[12..14]);
    frame[ETHERNET_HEADER..ETHERNET_HEADER + len].copy_from_slice(&reply[..len]);
    let sent = len;
    walk.count_tx(device.netdev, sent);
    walk.count_rx(device.netdev, sent);
    walk.come_in(device.netdev, &frame[..ETHERNET_HEADER + len]);
    true
}

type Reply = ([u8; IPV6_HEADER + ICMP + QUOTE6], usize);

/// "Fragmentation needed" (`iptunnel_pmtud_check_icmp`, `iptunnel_pmtud_build_icmp`).
fn ipv4(packet: &[u8], mtu: usize) -> Option<Reply> {
    let header = packet.first_chunk::<IPV4_HEADER>()?;
    let address =
        |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let (source, destination) = (address(12), address(16));
    let nobody = source.octets()[0] == 0
        || source.is_loopback()
        || source.is_broadcast()
        || source.is_multicast()
        || destination.is_broadcast()
        || destination.is_multicast();
    // The DF bit and nothing else.
    if mtu < 576 || header[6..8] != [0x40, 0] || nobody {
        return None;
    }
    if header[9] == 1 {
        // No error is answered with another (icmp_is_err); nor a message that is cut off.
        let kind = *packet.get(usize::from(header[0] & 0x0f) * 4)?;
        if matches!(kind, 3 | 4 | 5 | 11 | 12) {
            return None;
        }
    }
    let quote = &packet[..packet.len().min(QUOTE4)];
    let mut reply = [0; IPV6_HEADER + ICMP + QUOTE6];
    let len = IPV4_HEADER + ICMP + quote.len();
    let (ip, icmp) = reply[..len].split_at_mut(IPV4_HEADER);
    icmp[..2].copy_from_slice(&[3, 4]);
    icmp[6..8].copy_from_slice(&u16::try_from(mtu).unwrap_or(u16::MAX).to_be_bytes());
    icmp[ICMP..].copy_from_slice(quote);
    let sum = Sum::default().with(icmp).checksum();
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    ip[6] = 0x40;
    (ip[8], ip[9]) = (header[8], 1);
    ip[12..16].copy_from_slice(&header[16..20]);
    ip[16..20].copy_from_slice(&header[12..16]);
    let sum = Sum::default().with(ip).checksum();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    Some((reply, len))
}

/// "Packet too big" (`iptunnel_pmtud_check_icmpv6`, `iptunnel_pmtud_build_icmpv6`).
fn ipv6(packet: &[u8], mtu: usize) -> Option<Reply> {
    let header = packet.first_chunk::<IPV6_HEADER>()?;
    let mut source = [0; 16];
    source.copy_from_slice(&header[8..24]);
    let source = Ipv6Addr::from(source);
    if mtu < 1_280 || source.is_unspecified() || source.is_multicast() || source.is_loopback() {
        return None;
    }
    // Errors and redirects; what is behind extension headers is taken for neither.
    let kind = packet.get(IPV6_HEADER).copied();
    if header[6] == 58 && kind.is_none_or(|kind| kind < 128 || kind == 137) {
        return None;
    }
    let quote = &packet[..packet.len().min(QUOTE6)];
    let mut reply = [0; IPV6_HEADER + ICMP + QUOTE6];
    let len = IPV6_HEADER + ICMP + quote.len();
    let (ip, icmp) = reply[..len].split_at_mut(IPV6_HEADER);
    let length = u16::try_from(icmp.len()).unwrap_or(u16::MAX);
    ip[0] = 0x60;
    ip[4..6].copy_from_slice(&length.to_be_bytes());
    (ip[6], ip[7]) = (58, header[7]);
    ip[8..24].copy_from_slice(&header[24..40]);
    ip[24..40].copy_from_slice(&header[8..24]);
    icmp[0] = 2;
    icmp[4..8].copy_from_slice(&u32::try_from(mtu).unwrap_or(u32::MAX).to_be_bytes());
    icmp[ICMP..].copy_from_slice(quote);
    let sum = Sum::default()
        .with(&ip[8..40])
        .with(&[0, 0])
        .with(&length.to_be_bytes())
        .with(&[0, 0, 0, 58])
        .with(icmp)
        .checksum();
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    Some((reply, len))
}
