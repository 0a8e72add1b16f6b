//! A datagram on its way out of the network below: whether it is one for a device, and what is in it.

use std::net::IpAddr;

use super::inner::{decapsulate_ecn, mark_congestion, untagged};
use super::{Learned, PEEK, PlanUnderlay, PlanVxlan};
use crate::switch::egress::TrapKind;
use crate::switch::path::Walk;
use crate::switch::trace::{Note, Watch};
use crate::switch::transit::Transit;
use crate::switch::{AttachmentId, DropReason, NetdevId, Plan};
use crate::wire::{
    Datagram, DatagramError, ETHER_ARP, ETHER_IPV6, ETHERNET_HEADER, MacAddr, Neighbour,
    UDP_HEADER, VXLAN_HEADER, Vxlan, Whole,
};

/// A frame goes up to the stack of a netdev in a namespace where devices listen. True: it was taken.
#[inline(never)]
pub(in crate::switch) fn receive<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    underlay: u32,
    transit: &Transit,
) -> bool {
    let plan: &Plan = walk.plan;
    let stack = &plan.underlays[underlay as usize];
    let mut buffer = [0; PEEK];
    let len = walk.peek(transit, ETHERNET_HEADER - 2, &mut buffer);
    let Some((ether_type, packet)) = buffer[..len].split_first_chunk::<2>() else {
        return false;
    };
    let ether_type = u16::from_be_bytes(*ether_type);
    let asks = match ether_type {
        ETHER_ARP => true,
        ETHER_IPV6 => Neighbour::parse(packet).is_some(),
        _ => false,
    };
    if asks {
        walk.trap(id, TrapKind::Neighbour, None, transit);
        return false;
    }
    let Some(outer) = Datagram::parse(ether_type, packet) else {
        return false;
    };
    if !stack.accepts(outer.destination, id) {
        return false;
    }
    if outer.whole == Whole::Fragment {
        walk.trap(id, TrapKind::Fragment, None, transit);
        return false;
    }
    if !stack.listens(outer.source.is_ipv6(), outer.destination_port) {
        return false;
    }
    let by = Brought::Stack;
    if let Err(reason) = take_out(walk, id, by, stack, &outer, packet, transit) {
        walk.counters.netdevs[id.index()].rx_dropped += u64::from(reason == DropReason::TunnelIp);
        walk.lose(id, reason);
    }
    true
}

/// A datagram came in by the socket of a real stack, behind headers that the socket made.
#[inline(never)]
pub(in crate::switch) fn enter<W: Watch>(
    walk: &mut Walk<'_, W>,
    socket: AttachmentId,
    id: NetdevId,
    underlay: u32,
    transit: &Transit,
) {
    let plan: &Plan = walk.plan;
    let stack = &plan.underlays[underlay as usize];
    let mut buffer = [0; PEEK];
    let len = walk.peek(transit, ETHERNET_HEADER - 2, &mut buffer);
    let parsed = buffer[..len].split_first_chunk::<2>();
    let outer = parsed.and_then(|(ether_type, packet)| {
        Some((
            Datagram::parse(u16::from_be_bytes(*ether_type), packet)?,
            packet,
        ))
    });
    let result = match outer {
        Some((outer, packet)) => {
            let by = Brought::Socket(socket);
            take_out(walk, id, by, stack, &outer, packet, transit)
        }
        None => Err(DropReason::TunnelIp),
    };
    if let Err(reason) = result {
        walk.refuse(reason);
    }
}

/// Who brought a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brought {
    /// The emulated stack, which has looked at nothing but the addresses.
    Stack,
    /// A socket of the host, behind headers that were made here.
    Socket(AttachmentId),
}

/// Takes a frame out of a datagram (`vxlan_rcv`). `packet` is how the IP packet begins.
fn take_out<W: Watch>(
    walk: &mut Walk<'_, W>,
    by: NetdevId,
    brought: Brought,
    stack: &PlanUnderlay,
    outer: &Datagram,
    packet: &[u8],
    transit: &Transit,
) -> Result<(), DropReason> {
    let available = walk.len(transit) - ETHERNET_HEADER;
    outer
        .check(packet, available)
        .map_err(|error| match error {
            DatagramError::Ip => DropReason::TunnelIp,
            DatagramError::Udp => DropReason::TunnelUdp,
        })?;
    let ipv6 = outer.source.is_ipv6();
    if brought == Brought::Stack {
        if stack.is_martian(outer.source) {
            return Err(DropReason::TunnelSource);
        }
        if !walk.left_to_do(transit).is_none() {
            // It comes from this machine, and somebody has yet to sum up (CHECKSUM_PARTIAL).
        } else if outer.has_checksum {
            let pieces = walk.from(transit, ETHERNET_HEADER + outer.start);
            if !outer.sums_up(pieces) {
                return Err(DropReason::TunnelChecksum);
            }
        } else if ipv6 && !accepts_zero_checksum(walk.plan, stack, outer) {
            return Err(DropReason::TunnelChecksum);
        }
    }
    let datagram = usize::from(outer.length);
    let header = packet.get(outer.start + UDP_HEADER..).unwrap_or_default();
    let header = Vxlan::parse(header)
        .filter(|_| datagram >= UDP_HEADER + VXLAN_HEADER)
        .ok_or(DropReason::VxlanTruncated)?;
    if !header.has_vni() {
        return Err(DropReason::VxlanFlags);
    }
    let plan: &Plan = walk.plan;
    walk.tell(|_| Note::Vni {
        vni: header.vni(),
        port: outer.destination_port,
    });
    let only = (brought == Brought::Stack).then_some(by);
    let found = stack.listener(ipv6, outer.destination_port, header.vni(), only);
    let device = found.and_then(|device| plan.vxlans.get(device as usize));
    let device = device.filter(|device| match brought {
        Brought::Stack => true,
        Brought::Socket(socket) => device.socket == Some(socket),
    });
    let device = device.ok_or(DropReason::VxlanVni)?;
    let front = ETHERNET_HEADER + outer.start + UDP_HEADER + VXLAN_HEADER;
    let length = datagram - UDP_HEADER - VXLAN_HEADER;
    if length < ETHERNET_HEADER {
        return Err(DropReason::VxlanRunt);
    }
    let understood = match device.group_policy {
        true => Vxlan::GROUP_POLICY,
        false => 0,
    };
    if header.has_reserved(understood) {
        return Err(DropReason::VxlanReserved);
    }
    let mut frame = [0; PEEK];
    let seen = walk.peek(transit, front, &mut frame).min(length);
    let frame = &mut frame[..seen];
    let source = MacAddr::new(*frame[6..].first_chunk().unwrap_or(&[0; 6]));
    if source == walk.plan.netdevs[device.netdev.index()].mac {
        return Err(DropReason::VxlanOwnSource);
    }
    if device.learning {
        // Of the host's netdevs, only the one that the device names is known.
        let by = match brought {
            Brought::Stack => Some(by),
            Brought::Socket(_) => device.lower,
        };
        learn(walk, device, by, outer, source)?;
    }
    let inner = untagged(frame).ok_or(DropReason::VxlanInnerIp)?;
    let congested = decapsulate_ecn(outer.tos, inner).ok_or(DropReason::VxlanCongestion)?;
    let mut copy = *transit;
    copy.tag = None;
    if congested || length != walk.len(transit) - front {
        copy = rewritten(walk, transit, front, length, congested);
    } else {
        walk.decapsulate(&mut copy, front);
    }
    let id = device.netdev;
    walk.tell(|_| Note::VxlanTakenOut {
        vni: header.vni(),
        source: outer.source,
    });
    walk.count_rx(id, length - ETHERNET_HEADER);
    copy.kind = walk.kind_at(&copy, id);
    walk.queue_in(id, copy);
    Ok(())
}

/// Whether whoever listens takes IPv6 datagrams without a checksum; all that share a port agree.
fn accepts_zero_checksum(plan: &Plan, stack: &PlanUnderlay, outer: &Datagram) -> bool {
    let mut listeners = stack.listeners.iter();
    let first = listeners.find(|it| it.ipv6 && it.port == outer.destination_port);
    first.is_some_and(|it| plan.vxlans[it.device as usize].zero_checksum6)
}

/// Learns where a frame came from (`vxlan_snoop`).
fn learn<W: Watch>(
    walk: &mut Walk<'_, W>,
    device: &PlanVxlan,
    by: Option<NetdevId>,
    outer: &Datagram,
    source: MacAddr,
) -> Result<(), DropReason> {
    if !source.is_station() {
        return Err(DropReason::VxlanSource);
    }
    let scoped = matches!(outer.source, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let remote = device.remote(outer.source, by.filter(|_| scoped));
    let outcome = device.fdb.learn(walk.now, source, remote);
    walk.tell(|_| Note::VxlanLearned {
        mac: source,
        ip: outer.source,
        outcome,
    });
    match outcome {
        Learned::Elsewhere => Err(DropReason::VxlanElsewhere),
        Learned::Known | Learned::New | Learned::Moved | Learned::Full => Ok(()),
    }
}

/// Makes a copy of some octets of a copy, and marks congestion in it. For what cannot stay where it is.
fn rewritten<W: Watch>(
    walk: &mut Walk<'_, W>,
    transit: &Transit,
    front: usize,
    length: usize,
    congested: bool,
) -> Transit {
    let mut buffer = walk.take_scratch();
    buffer.clear();
    for piece in walk.from(transit, front) {
        buffer.extend_from_slice(piece);
    }
    buffer.truncate(length);
    let by = isize::try_from(front).unwrap_or(0);
    if let Some(mut offload) = walk.left_to_do(transit).shifted(-by) {
        // What is made here is whole; nobody sends super-frames in other frames.
        offload.finish(&mut buffer);
    }
    if congested {
        mark_congestion(&mut buffer);
    }
    let copy = walk.generated(&buffer);
    walk.give_scratch(buffer);
    copy
}
