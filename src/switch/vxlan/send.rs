//! A frame on its way into the network below: envelope, way, and by which pieces it leaves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::inner::{Inner, inner};
use super::underlay::{NextHop, Route, Way};
use super::{Df, PEEK, PlanVxlan, Remote, bypass, flow, too_big};
use crate::switch::egress::TrapKind;
use crate::switch::path::Walk;
use crate::switch::trace::{Note, Watch};
use crate::switch::transit::Transit;
use crate::switch::{AttachmentId, DropReason, NetdevId, PacketType, Plan};
use crate::wire::{
    ETHERNET_HEADER, Envelope, IPV4_HEADER, IPV6_HEADER, MacAddr, Sum, UDP_HEADER, VXLAN_HEADER,
    Vxlan,
};

/// Tunnels in tunnels: a frame is put into another at most so often before it has to arrive
/// (`IP_TUNNEL_RECURSION_LIMIT`).
const NESTING: u8 = 4;

/// Outer headers: Ethernet, IP, UDP and VXLAN.
const FRONT_MAX: usize = ETHERNET_HEADER + IPV6_HEADER + UDP_HEADER + VXLAN_HEADER;

/// Sends a copy to one endpoint (`vxlan_xmit_one`).
pub(super) fn send<W: Watch>(
    walk: &mut Walk<'_, W>,
    device: &PlanVxlan,
    remote: &Remote,
    mut transit: Transit,
    short_cut: bool,
) {
    let id = device.netdev;
    let mut frame = [0; PEEK];
    let len = walk.peek(&transit, 0, &mut frame);
    let frame = &frame[..len];
    let Some(inner) = inner(frame) else {
        walk.counters.netdevs[id.index()].tx_dropped += 1;
        return walk.lose(id, DropReason::VxlanInnerIp);
    };
    if remote.ip.is_unspecified() {
        if short_cut {
            return bypass(walk, device, device, transit, true);
        }
        walk.counters.netdevs[id.index()].tx_dropped += 1;
        return walk.lose(id, DropReason::VxlanNoRemote);
    }
    let plan: &Plan = walk.plan;
    let underlay = &plan.underlays[device.underlay as usize];
    let vni = if remote.vni == 0 {
        device.vni
    } else {
        remote.vni
    };
    let port = if remote.port == 0 {
        device.port
    } else {
        remote.port
    };
    let ttl = match device.ttl {
        _ if device.ttl_inherit => inner.ttl,
        0 if remote.ip.is_multicast() => 1,
        ttl => ttl,
    };
    let tos = if device.tos == 1 {
        inner.tos
    } else {
        device.tos
    };
    let mut envelope = Envelope {
        source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        destination: remote.ip,
        // What says that it was congested goes out as capable of it (INET_ECN_encapsulate).
        tos: tos & !3
            | match (inner.tos & 3, inner.ip) {
                (3, true) => 2,
                (ecn, true) => ecn,
                (_, false) => 0,
            },
        ttl: if ttl == 0 { 64 } else { ttl },
        df: match device.df {
            Df::Unset => false,
            Df::Set => true,
            Df::Inherit => inner.df,
        },
        id: 0,
        label: device.label,
        source_port: flow::source_port(frame.get(12..).unwrap_or_default(), device.source_ports),
        destination_port: port,
        checksum: device.checksum,
    };
    if let Some(socket) = device.socket {
        return send_by_socket(walk, device, remote, socket, envelope, vni, inner, transit);
    }
    let route = underlay.route(remote, device.local);
    let way = match route {
        Ok(Route::By(way)) if way.netdev == id => {
            return fail(walk, id, DropReason::TunnelLoop);
        }
        Ok(Route::By(way)) => way,
        Ok(Route::Local) => {
            // A socket is bound to no netdev, and so not found where one is asked for.
            let by = remote.via.is_none();
            let found = by.then(|| underlay.listener(device.ipv6, port, vni, None));
            return match found.flatten() {
                Some(other) => bypass(walk, device, &plan.vxlans[other as usize], transit, true),
                None => fail(walk, id, DropReason::VxlanNobodyHere),
            };
        }
        Err(reason) => return fail(walk, id, reason),
    };
    let exit = &plan.netdevs[way.netdev.index()];
    let offload = walk.left_to_do(&transit);
    let longest = offload.longest(walk.len(&transit));
    if answered_too_big(walk, device, &transit, longest - inner.start, exit.mtu) {
        return;
    }
    envelope.source = way.source;
    if remote.ip.is_ipv4() {
        // Counts up, where Linux draws one at random.
        let sent = walk.counters.netdevs[id.index()].tx_packets;
        envelope.id = u16::try_from(sent & 0xffff).unwrap_or(0);
    }
    if walk.tunnels >= NESTING {
        return fail(walk, id, DropReason::TunnelLoop);
    }
    let station = match underlay.next_hop(&way, exit.mac, remote.ip) {
        NextHop::Station(station) => Some(station),
        NextHop::Unknown => None,
    };
    let to = station.unwrap_or(MacAddr::ZERO);
    let added = envelope.length() + VXLAN_HEADER;
    if longest + added > usize::from(u16::MAX) {
        return fail(walk, id, DropReason::TunnelOversize);
    }
    let fits = longest + added <= exit.mtu as usize;
    if !fits && (envelope.df || device.ipv6) {
        return fail(walk, id, DropReason::TunnelOversize);
    }
    // What waits, waits whole; and a length has 16 bits.
    let finished =
        !offload.is_none() && (station.is_none() || walk.len(&transit) + added > u16::MAX.into());
    put_in(walk, &mut transit, &envelope, vni, [to, exit.mac]);
    count_tx(walk, id, &transit, &envelope, inner);
    transit.kind = PacketType::Host;
    walk.tunnels += 1;
    if remote.ip.is_multicast() || !fits || finished {
        // Bridges look into what is sent to a group, and fragments are cut anyway.
        finish(walk, &way, station, &transit);
    } else {
        go_out(walk, &way, station, transit);
    }
    walk.tunnels -= 1;
}

/// Sends a copy by a socket of the host, whose stack does what the emulated one would.
#[expect(clippy::too_many_arguments, reason = "all that `send` has found out")]
fn send_by_socket<W: Watch>(
    walk: &mut Walk<'_, W>,
    device: &PlanVxlan,
    remote: &Remote,
    socket: AttachmentId,
    mut envelope: Envelope,
    vni: u32,
    inner: Inner,
    mut transit: Transit,
) {
    let id = device.netdev;
    let longest = walk.left_to_do(&transit).longest(walk.len(&transit));
    let len = longest + envelope.length() + VXLAN_HEADER;
    if let Some(mtu) = device.way_mtu {
        if answered_too_big(walk, device, &transit, longest - inner.start, mtu) {
            return;
        }
        if len > mtu as usize && (envelope.df || device.ipv6) {
            return fail(walk, id, DropReason::TunnelOversize);
        }
    }
    if len > usize::from(u16::MAX) {
        return fail(walk, id, DropReason::TunnelOversize);
    }
    let any = match remote.ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    envelope.source = device.local.unwrap_or(any);
    // The host sums up.
    let front = exit_addresses(remote.via, std::mem::take(&mut envelope.checksum));
    put_in(walk, &mut transit, &envelope, vni, front);
    count_tx(walk, id, &transit, &envelope, inner);
    walk.leave(socket, PacketType::Host, &transit);
}

/// What stands in the place of Ethernet addresses in front of a packet that goes to a socket: by which netdev
/// it is to leave, if it matters, and whether with a checksum.
#[must_use]
pub fn exit_addresses(by: Option<NetdevId>, checksum: bool) -> [MacAddr; 2] {
    let (id, said) = by.map_or((0, 0), |NetdevId(id)| (id, 1));
    let [a, b, c, d] = id.to_be_bytes();
    [
        MacAddr::new([said, 0, a, b, c, d]),
        MacAddr::new([0, 0, 0, 0, 0, checksum.into()]),
    ]
}

/// Reads [`exit_addresses`] of a packet's Ethernet header.
#[must_use]
pub const fn exit_of(header: &[u8; ETHERNET_HEADER]) -> (Option<NetdevId>, bool) {
    let id = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
    let by = if header[0] == 1 {
        Some(NetdevId(id))
    } else {
        None
    };
    (by, header[11] == 1)
}

/// Whether a frame that is too long for its way was answered instead of being sent. `payload` is the octets
/// behind its header, of the longest segment; `mtu` is that of the way.
fn answered_too_big<W: Watch>(
    walk: &mut Walk<'_, W>,
    device: &PlanVxlan,
    transit: &Transit,
    payload: usize,
    mtu: u32,
) -> bool {
    let mtu = (mtu as usize).saturating_sub(device.headroom());
    payload > mtu && device.bridged && too_big::answer(walk, device, transit, mtu)
}

/// Writes the headers in front of a frame.
fn put_in<W: Watch>(
    walk: &mut Walk<'_, W>,
    transit: &mut Transit,
    envelope: &Envelope,
    vni: u32,
    [to, from]: [MacAddr; 2],
) {
    walk.tell(|_| Note::VxlanPutIn {
        vni,
        source: envelope.source,
        destination: envelope.destination,
        port: envelope.destination_port,
    });
    let vxlan = Vxlan::new(vni).octets();
    // A checksum over what is not finished would be wrong: whoever finishes it sums up where one is.
    let later = envelope.checksum && !walk.left_to_do(transit).is_none();
    let envelope = Envelope {
        checksum: envelope.checksum && !later,
        ..*envelope
    };
    let pieces = walk.from(transit, 0);
    let (mut headers, len) = envelope.write([&vxlan[..], pieces[0], pieces[1]].into_iter());
    if later {
        headers[len - 2..len].fill(0xff);
    }
    let mut front = [0; FRONT_MAX];
    front[..6].copy_from_slice(&to.octets());
    front[6..12].copy_from_slice(&from.octets());
    front[12..14].copy_from_slice(&envelope.ether_type().to_be_bytes());
    let (start, end) = (ETHERNET_HEADER, ETHERNET_HEADER + len);
    front[start..end].copy_from_slice(&headers[..len]);
    front[end..end + VXLAN_HEADER].copy_from_slice(&vxlan);
    walk.encapsulate(transit, &front[..end + VXLAN_HEADER]);
}

/// Counts what a device sent, without headers (`iptunnel_xmit_stats`).
fn count_tx<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    transit: &Transit,
    it: &Envelope,
    inner: Inner,
) {
    let front = ETHERNET_HEADER + it.length() + VXLAN_HEADER;
    let len = walk.len(transit) - front - inner.start;
    walk.count_tx(id, len);
}

/// A copy could not be sent (`tx_error`).
fn fail<W: Watch>(walk: &mut Walk<'_, W>, id: NetdevId, reason: DropReason) {
    walk.counters.netdevs[id.index()].tx_errors += 1;
    walk.lose(id, reason);
}

/// An IP packet leaves by a netdev, or waits until it is known to whom.
fn go_out<W: Watch>(walk: &mut Walk<'_, W>, way: &Way, station: Option<MacAddr>, transit: Transit) {
    match station {
        Some(_) => walk.send_copy(way.netdev, transit),
        None => walk.trap(way.netdev, TrapKind::Unresolved, None, &transit),
    }
}

/// A packet leaves finished, and in as many pieces as it takes.
fn finish<W: Watch>(
    walk: &mut Walk<'_, W>,
    way: &Way,
    station: Option<MacAddr>,
    transit: &Transit,
) {
    each_whole(walk, way.netdev, transit, |walk, packet| {
        in_pieces(walk, way, station, packet);
    });
}

/// Does whatever is left to do to a copy, which may become several; `by` is where it is lost if that cannot
/// be done. The buffer may be longer meanwhile.
pub(super) fn each_whole<'a, W: Watch>(
    walk: &mut Walk<'a, W>,
    by: NetdevId,
    transit: &Transit,
    mut each: impl FnMut(&mut Walk<'a, W>, &mut Vec<u8>),
) {
    let offload = walk.left_to_do(transit);
    let mut buffer = walk.take_scratch();
    buffer.clear();
    for piece in walk.from(transit, 0) {
        buffer.extend_from_slice(piece);
    }
    if offload.is_none() {
        each(walk, &mut buffer);
    } else {
        let (mut software, mut segment) = walk.take_software();
        let mut count = 0;
        let done = software.finish([&buffer, &[]], offload, |[head, rest]| {
            segment.clear();
            segment.extend_from_slice(head);
            segment.extend_from_slice(rest);
            each(walk, &mut segment);
            count += 1;
        });
        walk.give_software(software, segment);
        if done.is_err() {
            walk.lose(by, DropReason::OffloadHeaders);
        } else if offload.is_super_frame() {
            walk.count_segments(count);
        }
    }
    walk.give_scratch(buffer);
}

/// An IPv4 packet leaves in as many pieces as it takes (`ip_do_fragment`), each of which is a frame of
/// its own. The buffer may be longer meanwhile.
fn in_pieces<W: Watch>(
    walk: &mut Walk<'_, W>,
    way: &Way,
    station: Option<MacAddr>,
    buffer: &mut Vec<u8>,
) {
    const HEADER: usize = ETHERNET_HEADER + IPV4_HEADER;
    let mtu = walk.plan.netdevs[way.netdev.index()].mtu as usize;
    let end = buffer.len();
    if end - ETHERNET_HEADER <= mtu {
        let copy = walk.generated(buffer);
        return go_out(walk, way, station, copy);
    }
    // Eight octets are the unit of offsets.
    let room = (mtu.saturating_sub(IPV4_HEADER) & !7).max(8);
    let mut at = HEADER;
    while at < end {
        let upto = (at + room).min(end);
        buffer.extend_from_within(..HEADER);
        let header = &mut buffer[end + ETHERNET_HEADER..];
        let length = u16::try_from(IPV4_HEADER + upto - at).unwrap_or(u16::MAX);
        header[2..4].copy_from_slice(&length.to_be_bytes());
        let more = if upto < end { 0x2000 } else { 0 };
        let offset = u16::try_from((at - HEADER) / 8).unwrap_or(0) | more;
        header[6..8].copy_from_slice(&offset.to_be_bytes());
        header[10..12].fill(0);
        let sum = Sum::default().with(&header[..IPV4_HEADER]).checksum();
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        buffer.extend_from_within(at..upto);
        let copy = walk.generated(&buffer[end..]);
        buffer.truncate(end);
        go_out(walk, way, station, copy);
        at = upto;
    }
}
