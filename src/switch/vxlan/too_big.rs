//! What a VXLAN device that is a bridge port answers to a packet that is too big for its way and must
//! not be fragmented (`skb_tunnel_check_pmtu`): the error that a router would send, as if from where the
//! packet was to go. Nobody else could, because there is no router in a layer-2 network.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::PlanVxlan;
use crate::switch::path::Walk;
use crate::switch::trace::{Note, Watch};
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
pub(super) fn answer<W: Watch>(
    walk: &mut Walk<'_, W>,
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
    walk.tell(|_| Note::TooBig { mtu });
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
    let (protocol, behind) = skip_extensions(packet)?;
    // Errors and redirects are not answered; nor a message that is cut off.
    let kind = packet.get(behind).copied();
    if protocol == 58 && kind.is_none_or(|kind| kind < 128 || kind == 137) {
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

/// Finds what is behind the extension headers of a packet (`ipv6_skip_exthdr`); `None` where they are cut
/// off or say that nothing is, and of a fragment that is not the first. Bounded by the octets.
fn skip_extensions(packet: &[u8]) -> Option<(u8, usize)> {
    const FRAGMENT: u8 = 44;
    const AUTHENTICATION: u8 = 51;
    let (mut next, mut at) = (*packet.get(6)?, IPV6_HEADER);
    while matches!(next, 0 | 43 | FRAGMENT | AUTHENTICATION | 59 | 60) {
        if next == 59 {
            return None;
        }
        let header = packet.get(at..)?.first_chunk::<4>()?;
        let length = match next {
            FRAGMENT if u16::from_be_bytes([header[2], header[3]]) & !7 != 0 => return None,
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(header[1]) + 2) * 4,
            _ => (usize::from(header[1]) + 1) * 8,
        };
        (next, at) = (header[0], at + length);
    }
    Some((next, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet of some length from 10.0.0.1 to 10.0.0.2, not to be fragmented.
    fn four(len: usize) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 61, 17, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        packet[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        packet.resize(len, 0xa5);
        packet
    }

    /// An IPv6 packet of some length, of UDP.
    fn six(len: usize) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, 17, 61];
        let address = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        packet.extend([address(1), address(2)].concat());
        let length = u16::try_from(len - 40).unwrap();
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        packet.resize(len, 0xa5);
        packet
    }

    fn reply(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
        let answer = match packet[0] >> 4 {
            4 => ipv4(packet, mtu),
            _ => ipv6(packet, mtu),
        };
        answer.map(|(octets, len)| octets[..len].to_vec())
    }

    #[test]
    fn the_answer_over_ipv4_octet_by_octet() {
        let packet = four(1_500);
        let answer = reply(&packet, 1_450).unwrap();
        assert_eq!(answer.len(), 576, "20 of IP, 8 of ICMP, 548 of the packet");
        let front = [0x45, 0, 0x02, 0x40, 0, 0, 0x40, 0, 61, 1];
        assert_eq!(
            answer[..10],
            front,
            "no TOS, no identification, DF, its TTL"
        );
        assert_eq!(answer[12..20], [10, 0, 0, 2, 10, 0, 0, 1]);
        // Destination unreachable, fragmentation needed, and the MTU of the way.
        assert_eq!(answer[20..22], [3, 4]);
        assert_eq!(answer[24..28], [0, 0, 0x05, 0xaa]);
        assert_eq!(answer[28..], packet[..548]);
        assert_eq!(Sum::default().with(&answer[..20]).checksum(), 0);
        assert_eq!(Sum::default().with(&answer[20..]).checksum(), 0);
    }

    #[test]
    fn the_answer_over_ipv6_octet_by_octet() {
        let packet = six(1_500);
        let answer = reply(&packet, 1_430).unwrap();
        assert_eq!(answer.len(), 1_280, "the least MTU of IPv6");
        assert_eq!(answer[..8], [0x60, 0, 0, 0, 0x04, 0xd8, 58, 61]);
        assert_eq!(answer[8..24], packet[24..40]);
        assert_eq!(answer[24..40], packet[8..24]);
        // Packet too big, and the MTU of the way.
        assert_eq!(answer[40..42], [2, 0]);
        assert_eq!(answer[44..48], [0, 0, 0x05, 0x96]);
        assert_eq!(answer[48..], packet[..1_232]);
        let pseudo = [&answer[8..40], &[0, 0, 0x04, 0xd8, 0, 0, 0, 58]].concat();
        let sum = Sum::default().with(&pseudo).with(&answer[40..]);
        assert_eq!(sum.checksum(), 0);
    }

    #[test]
    fn a_short_packet_is_quoted_whole() {
        assert_eq!(reply(&four(300), 600).unwrap().len(), 28 + 300);
        assert_eq!(reply(&six(300), 1_280).unwrap().len(), 48 + 300);
    }

    #[test]
    fn who_gets_no_answer_over_ipv4() {
        let with = |at: usize, octets: &[u8]| {
            let mut packet = four(1_500);
            packet[at..at + octets.len()].copy_from_slice(octets);
            reply(&packet, 1_450).is_some()
        };
        assert!(with(8, &[1]));
        for (at, octets, what) in [
            (6, &[0x00, 0][..], "may be fragmented"),
            (6, &[0x60, 0], "more fragments follow"),
            (6, &[0x40, 1], "a later fragment"),
            (12, &[0, 0, 0, 1], "from nobody"),
            (12, &[127, 0, 0, 1], "from the loopback"),
            (12, &[255, 255, 255, 255], "from everybody"),
            (12, &[239, 1, 1, 1], "from a group"),
            (16, &[255, 255, 255, 255], "to everybody"),
            (16, &[239, 1, 1, 1], "to a group"),
        ] {
            assert!(!with(at, octets), "{what}");
        }
        assert!(reply(&four(1_500), 575).is_none(), "what everybody takes");
        assert!(reply(&four(1_500), 576).is_some());
        assert!(reply(&four(1_500)[..19], 1_450).is_none(), "no header");
    }

    #[test]
    fn no_error_is_answered_with_another() {
        for kind in 0..=u8::MAX {
            let mut packet = four(1_500);
            (packet[9], packet[20]) = (1, kind);
            let error = matches!(kind, 3 | 4 | 5 | 11 | 12);
            assert_eq!(reply(&packet, 1_450).is_none(), error, "ICMP {kind}");
            let mut packet = six(1_500);
            (packet[6], packet[40]) = (58, kind);
            let error = kind < 128 || kind == 137;
            assert_eq!(reply(&packet, 1_430).is_none(), error, "ICMPv6 {kind}");
        }
        let mut packet = four(1_500);
        packet[9] = 1;
        assert!(reply(&packet[..20], 1_450).is_none(), "cut off");
        let mut packet = six(1_500);
        packet[6] = 58;
        assert!(reply(&packet[..40], 1_430).is_none(), "cut off");
    }

    #[test]
    fn who_gets_no_answer_over_ipv6() {
        for (first, last, what) in [
            (0, 0, "nobody"),
            (0, 1, "the loopback"),
            (0xff, 1, "a group"),
        ] {
            let mut packet = six(1_500);
            packet[8..24].fill(0);
            (packet[8], packet[23]) = (first, last);
            assert!(reply(&packet, 1_430).is_none(), "{what}");
        }
        assert!(reply(&six(1_500), 1_279).is_none(), "the least MTU");
        assert!(reply(&six(1_500), 1_280).is_some());
        assert!(reply(&six(1_500)[..39], 1_430).is_none(), "no header");
    }

    #[test]
    fn extension_headers_are_looked_behind() {
        let with = |front: &[u8]| {
            let mut packet = six(1_500);
            packet[6] = front[0];
            packet[40..39 + front.len()].copy_from_slice(&front[1..]);
            reply(&packet, 1_430).is_some()
        };
        // The number of the first, then each: next header, length, …
        let options = [0, 58, 0, 1, 4, 0, 0, 0, 0];
        assert!(
            !with(&[&options[..], &[1]].concat()),
            "an error behind options"
        );
        assert!(
            with(&[&options[..], &[128]].concat()),
            "a question behind them"
        );
        let authentication = [51, 58, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(!with(&[&authentication[..], &[2]].concat()));
        assert!(with(&[&authentication[..], &[129]].concat()));
        assert!(with(&[44, 17, 0, 0, 1, 0, 0, 0, 7]), "the first fragment");
        assert!(!with(&[44, 17, 0, 0, 8, 0, 0, 0, 7]), "a later one");
        assert!(!with(&[59]), "nothing follows");
        let mut long = six(1_500);
        (long[6], long[41]) = (60, 0xff);
        assert!(
            reply(&long[..60], 1_430).is_some(),
            "length beyond, no ICMPv6"
        );
        long[40] = 60;
        assert!(reply(&long[..60], 1_430).is_none(), "cut off");
    }

    #[test]
    fn no_octets_panic() {
        for packet in [four(100), six(200)] {
            for at in 0..packet.len() {
                for value in [0, 1, 44, 51, 58, 60, 0x45, 0xff] {
                    let mut changed = packet.clone();
                    changed[at] = value;
                    for upto in [at, changed.len()] {
                        let _ = ipv4(&changed[..upto], 1_450);
                        let _ = ipv6(&changed[..upto], 1_450);
                    }
                }
            }
        }
    }
}
