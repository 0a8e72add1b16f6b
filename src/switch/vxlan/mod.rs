//! A frame's way through VXLAN devices (`vxlan_xmit`, `vxlan_rcv`; RFC 7348).
//!
//! `transmit` is a frame that leaves by a VXLAN device: its table says to which endpoints, and for each
//! the frame gets headers in front and leaves as an IP packet of the device's *underlay*, the namespace
//! it was made in. `receive` is an IP packet that goes up to the stack of such a namespace: what is a
//! datagram to a port that a device listens to is taken out of its headers and comes in by that device.
//! Payload is copied neither way; only what has to be cut (fragments, octets behind the datagram) is. Where
//! a host is below instead (`PlanVxlan::socket`), packets go to its socket and come from it, and the host's
//! stack finds the way.
//!
//! A frame to which something is left to do stays as it is where it leaves in one packet by a way that is
//! known; who sends that packet finishes it, outer headers and all. Otherwise it is finished here, a
//! super-frame cut in its segments. What fits is asked of the longest segment.
//!
//! | inside | outside |
//! |---|---|
//! | TOS, ECN | TOS as configured, ECN copied both ways (RFC 6040); congestion that cannot be told inside is a loss |
//! | longer than the exit's MTU | IPv4 is fragmented, unless `df`; IPv6 is dropped; from a bridge, IP that must not be fragmented is answered "too big" instead |
//! | flow | source port (`flow.rs`) |
//!
//! Deviations from Linux: the identification of outer IPv4 packets counts up instead of being random; the
//! group policy of a frame is not carried from one VXLAN device through a bridge to another; what asks
//! for remote checksum offload is dropped; `l2miss` and `l3miss` tell nobody; a neighbour solicitation
//! that checks for duplicates is not answered by `proxy`.

mod fdb;
mod flow;
mod too_big;
mod underlay;
mod walk;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub use fdb::{
    Addition, How, Learned, Lifetime, MAX_ENTRIES, MAX_REMOTES, Marks, Refused, Remote, Remotes,
    VxlanEntry, VxlanFdb,
};
pub use underlay::{Connected, Exit, Listener, PlanUnderlay, contains};

use super::egress::TrapKind;
use super::neighbours::Station;
use super::path::Walk;
use super::transit::Transit;
use super::{AttachmentId, DropReason, NetdevId, PacketType, Plan};
use crate::wire::{
    Arp, Datagram, DatagramError, ETHER_ARP, ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, Envelope,
    IPV4_HEADER, IPV6_HEADER, MacAddr, Neighbour, NeighbourKind, Sum, Tag, UDP_HEADER,
    VXLAN_HEADER, Vxlan, Whole, innermost,
};
use underlay::{NextHop, Route, Way};

/// Tunnels in tunnels: a frame is put into another at most so often before it has to arrive
/// (`IP_TUNNEL_RECURSION_LIMIT`).
const NESTING: u8 = 4;

/// Octets of a packet that are looked at: the longest IPv4 header, UDP, VXLAN, Ethernet and what
/// follows it up to the end of an IPv6 header.
const PEEK: usize = 60 + UDP_HEADER + VXLAN_HEADER + ETHERNET_HEADER + IPV6_HEADER;

/// Outer headers: Ethernet, IP, UDP and VXLAN.
const FRONT_MAX: usize = ETHERNET_HEADER + IPV6_HEADER + UDP_HEADER + VXLAN_HEADER;

/// `df`: whether outer IPv4 packets may be fragmented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Df {
    /// They may.
    #[default]
    Unset,
    /// They may not.
    Set,
    /// As the frame says: IPv6 may not.
    Inherit,
}

/// One VXLAN device, as the fast path sees it.
#[derive(Clone, Debug)]
pub struct PlanVxlan {
    /// Its netdev.
    pub netdev: NetdevId,
    /// The namespace it sends and receives in: an index into [`Plan::underlays`].
    pub underlay: u32,
    /// Its table, shared by all plans of its life.
    pub fdb: Arc<VxlanFdb>,
    /// Its network.
    pub vni: u32,
    /// The port it listens to, and sends to unless an entry says otherwise.
    pub port: u16,
    /// Speaks IPv6.
    pub ipv6: bool,
    /// The socket of the host that it sends and receives by; `None` where the stack below is emulated.
    pub socket: Option<AttachmentId>,
    /// The MTU of its way on the host, if that is known.
    pub way_mtu: Option<u32>,
    /// `dev`.
    pub lower: Option<NetdevId>,
    /// The source of what it sends; `None` for what the route says.
    pub local: Option<IpAddr>,
    /// Source ports, the second excluded.
    pub source_ports: (u16, u16),
    /// Time to live; 0 for the stack's own, 64 and to groups 1.
    pub ttl: u8,
    /// Time to live as the frame has it.
    pub ttl_inherit: bool,
    /// Type of service; 1 as the frame has it.
    pub tos: u8,
    /// Whether what it sends may be fragmented.
    pub df: Df,
    /// Flow label (IPv6).
    pub label: u32,
    /// Learns where stations are.
    pub learning: bool,
    /// Answers ARP and neighbour solicitations, and sends none.
    pub proxy: bool,
    /// Short-circuits routes.
    pub rsc: bool,
    /// Understands group policies.
    pub group_policy: bool,
    /// Sends with a UDP checksum.
    pub checksum: bool,
    /// Takes IPv6 without a UDP checksum.
    pub zero_checksum6: bool,
    /// Speaks ARP.
    pub arp: bool,
    /// Has IPv6.
    pub has_ipv6: bool,
    /// Is a bridge port.
    pub bridged: bool,
    /// Whom it knows: its neighbours, and whether their address is confirmed.
    pub neighbours: Arc<HashMap<IpAddr, (Station, bool)>>,
}

impl PlanVxlan {
    /// Octets in front of a frame, less its own header.
    const fn headroom(&self) -> usize {
        let ip = if self.ipv6 { IPV6_HEADER } else { IPV4_HEADER };
        ip + UDP_HEADER + VXLAN_HEADER + ETHERNET_HEADER
    }
}

/// A frame leaves by a VXLAN device (`vxlan_xmit`).
#[inline(never)]
pub(super) fn transmit(walk: &mut Walk<'_>, id: NetdevId, index: u32, mut transit: Transit) {
    let device = &walk.plan.vxlans[index as usize];
    if !walk.hop() {
        return walk.lose(id, DropReason::HopLimit);
    }
    // A VXLAN device takes no tag in metadata.
    walk.settle_tag(&mut transit);
    if walk.is_put_in(&transit) && !walk.left_to_do(&transit).is_none() {
        // Who cuts a super-frame sees one packet around it, not two.
        return each_whole(walk, id, &transit, |walk, frame| {
            let copy = walk.generated(frame);
            transmit(walk, id, index, copy);
        });
    }
    if device.proxy && proxied(walk, device, &transit) {
        return;
    }
    let mut destination = walk.destination(&transit);
    let mut short_cut = false;
    let mut found = device.fdb.use_entry(walk.now, destination);
    if device.rsc
        && found.as_ref().is_some_and(|(_, router)| *router)
        && let Some(station) = short_circuit(walk, device, &transit, destination)
    {
        walk.rewrite(&mut transit, station, destination);
        (destination, short_cut) = (station, true);
        found = device.fdb.use_entry(walk.now, destination);
    }
    let found = found.or_else(|| device.fdb.use_entry(walk.now, MacAddr::ZERO));
    let Some((remotes, _)) = found else {
        walk.counters.netdevs[id.index()].tx_dropped += 1;
        return walk.lose(id, DropReason::VxlanNoRemote);
    };
    let Some((first, others)) = remotes.as_slice().split_first() else {
        return walk.lose(id, DropReason::VxlanNoRemote);
    };
    // The first comes last, with the original.
    for remote in others.iter().chain([first]) {
        send(walk, device, remote, transit, short_cut);
    }
}

/// Answers a question from the device's neighbours, or swallows it (`arp_reduce`, `neigh_reduce`). True:
/// the frame goes no further.
fn proxied(walk: &mut Walk<'_>, device: &PlanVxlan, transit: &Transit) -> bool {
    let mut frame = [0; PEEK];
    let len = walk.peek(transit, ETHERNET_HEADER - 2, &mut frame);
    let Some((ether_type, packet)) = frame[..len].split_first_chunk() else {
        return false;
    };
    let source = walk.source(transit);
    let known = |ip: IpAddr| {
        let (station, confirmed) = device.neighbours.get(&ip)?;
        confirmed.then_some(*station)
    };
    // Who is behind the bridge here answers for itself.
    let elsewhere = |station: &Station| {
        let entry = device.fdb.use_entry(walk.now, station.mac);
        let first = entry.and_then(|(remotes, _)| remotes.first().copied());
        first.is_none_or(|first| !first.ip.is_unspecified())
    };
    match u16::from_be_bytes(*ether_type) {
        ETHER_ARP => {
            let arp = Arp::parse(packet).filter(|arp| {
                let target = arp.target_ip();
                let asks = arp.operation() == Arp::REQUEST && arp.is_ethernet();
                device.arp && asks && !target.is_loopback() && !target.is_multicast()
            });
            let answer = arp.and_then(|arp| {
                let station = known(arp.target_ip().into()).filter(elsewhere)?;
                Some(arp.reply(station.mac))
            });
            match answer {
                Some(answer) => walk.come_in(device.netdev, &answer),
                None => walk.lose(device.netdev, DropReason::VxlanProxied),
            }
            true
        }
        ETHER_IPV6 => {
            let message = Neighbour::parse(packet);
            let asks = message.filter(|it| it.kind() == NeighbourKind::Solicitation);
            let Some(message) = asks else {
                return false;
            };
            let target = message.target();
            let wanted = device.has_ipv6
                && !message.destination().is_loopback()
                && !target.is_multicast()
                && !message.source().is_unspecified();
            let station = wanted.then(|| known(target.into())).flatten();
            let answer = station.filter(elsewhere).and_then(|station| {
                let router = device
                    .fdb
                    .get(station.mac)
                    .is_some_and(|it| it.marks.router);
                message.advertise(source, station.mac, router)
            });
            match answer {
                Some(answer) => walk.come_in(device.netdev, &answer),
                None => walk.lose(device.netdev, DropReason::VxlanProxied),
            }
            true
        }
        _ => false,
    }
}

/// Finds the station that a router would send a packet to (`route_shortcircuit`).
fn short_circuit(
    walk: &Walk<'_>,
    device: &PlanVxlan,
    transit: &Transit,
    destination: MacAddr,
) -> Option<MacAddr> {
    if destination.is_group() {
        return None;
    }
    let mut frame = [0; 2 + IPV6_HEADER];
    let len = walk.peek(transit, ETHERNET_HEADER - 2, &mut frame);
    let (ether_type, packet) = frame[..len].split_first_chunk::<2>()?;
    let to = match u16::from_be_bytes(*ether_type) {
        ETHER_IPV4 => {
            let octets: [u8; 4] = *packet.get(16..)?.first_chunk()?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        ETHER_IPV6 => {
            let octets: [u8; 16] = *packet.get(24..)?.first_chunk()?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    let (station, _) = device.neighbours.get(&to)?;
    Some(station.mac).filter(|mac| *mac != destination)
}

/// What of a frame is copied to its envelope, and the other way.
#[derive(Clone, Copy, Debug, Default)]
struct Inner {
    /// Type of service, or traffic class.
    tos: u8,
    ttl: u8,
    /// IPv4 with the DF bit, or IPv6.
    df: bool,
    ip: bool,
    /// Where the network header begins.
    start: usize,
}

/// Reads it of a frame that begins with its addresses, behind its tags (`skb_vlan_inet_prepare`); `None`
/// where the header of an IP packet is cut off.
fn inner(frame: &[u8]) -> Option<Inner> {
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

/// Sends a copy to one endpoint (`vxlan_xmit_one`).
fn send(
    walk: &mut Walk<'_>,
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
fn send_by_socket(
    walk: &mut Walk<'_>,
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
fn answered_too_big(
    walk: &mut Walk<'_>,
    device: &PlanVxlan,
    transit: &Transit,
    payload: usize,
    mtu: u32,
) -> bool {
    let mtu = (mtu as usize).saturating_sub(device.headroom());
    payload > mtu && device.bridged && too_big::answer(walk, device, transit, mtu)
}

/// Writes the headers in front of a frame.
fn put_in(
    walk: &mut Walk<'_>,
    transit: &mut Transit,
    envelope: &Envelope,
    vni: u32,
    [to, from]: [MacAddr; 2],
) {
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
fn count_tx(walk: &mut Walk<'_>, id: NetdevId, transit: &Transit, it: &Envelope, inner: Inner) {
    let front = ETHERNET_HEADER + it.length() + VXLAN_HEADER;
    let len = walk.len(transit) - front - inner.start;
    walk.count_tx(id, len);
}

/// A copy could not be sent (`tx_error`).
fn fail(walk: &mut Walk<'_>, id: NetdevId, reason: DropReason) {
    walk.counters.netdevs[id.index()].tx_errors += 1;
    walk.lose(id, reason);
}

/// An IP packet leaves by a netdev, or waits until it is known to whom.
fn go_out(walk: &mut Walk<'_>, way: &Way, station: Option<MacAddr>, transit: Transit) {
    match station {
        Some(_) => walk.send_copy(way.netdev, transit),
        None => walk.trap(way.netdev, TrapKind::Unresolved, None, &transit),
    }
}

/// A packet leaves finished, and in as many pieces as it takes.
fn finish(walk: &mut Walk<'_>, way: &Way, station: Option<MacAddr>, transit: &Transit) {
    each_whole(walk, way.netdev, transit, |walk, packet| {
        in_pieces(walk, way, station, packet);
    });
}

/// Does whatever is left to do to a copy, which may become several; `by` is where it is lost if that cannot
/// be done. The buffer may be longer meanwhile.
fn each_whole<'a>(
    walk: &mut Walk<'a>,
    by: NetdevId,
    transit: &Transit,
    mut each: impl FnMut(&mut Walk<'a>, &mut Vec<u8>),
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
fn in_pieces(walk: &mut Walk<'_>, way: &Way, station: Option<MacAddr>, buffer: &mut Vec<u8>) {
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

/// A frame goes from one device to another of the same host without ever being put in
/// (`vxlan_encap_bypass`).
fn bypass(
    walk: &mut Walk<'_>,
    from: &PlanVxlan,
    to: &PlanVxlan,
    mut transit: Transit,
    learn: bool,
) {
    if !walk.plan.netdevs[to.netdev.index()].up {
        walk.counters.netdevs[to.netdev.index()].rx_dropped += 1;
        return walk.lose(from.netdev, DropReason::NetdevDown);
    }
    if to.learning && learn {
        let source = walk.source(&transit);
        if source.is_station() {
            let ip = match to.ipv6 {
                false => IpAddr::V4(Ipv4Addr::LOCALHOST),
                true => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            let _ = to.fdb.learn(walk.now, source, to.remote(ip, None));
        }
    }
    let len = walk.len(&transit) - ETHERNET_HEADER;
    walk.count_tx(from.netdev, len);
    walk.count_rx(to.netdev, len);
    transit.kind = PacketType::Host;
    walk.queue_in(to.netdev, transit);
}

impl PlanVxlan {
    /// What is learned of a station behind an endpoint.
    const fn remote(&self, ip: IpAddr, via: Option<NetdevId>) -> Remote {
        Remote {
            ip,
            port: self.port,
            vni: self.vni,
            via,
        }
    }
}

/// A frame goes up to the stack of a netdev in a namespace where devices listen. True: it was taken.
#[inline(never)]
pub(super) fn receive(walk: &mut Walk<'_>, id: NetdevId, underlay: u32, transit: &Transit) -> bool {
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
pub(super) fn enter(
    walk: &mut Walk<'_>,
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
fn take_out(
    walk: &mut Walk<'_>,
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
fn learn(
    walk: &Walk<'_>,
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
    match device.fdb.learn(walk.now, source, remote) {
        Learned::Elsewhere => Err(DropReason::VxlanElsewhere),
        Learned::Known | Learned::New | Learned::Moved | Learned::Full => Ok(()),
    }
}

/// [`inner`] of a frame that came out: only what has no tag is looked at (`skb->protocol`).
fn untagged(frame: &[u8]) -> Option<Inner> {
    match frame.get(12..).and_then(Tag::read) {
        Some(_) => Some(Inner::default()),
        None => inner(frame),
    }
}

/// What becomes of congestion on the way (RFC 6040 section 4.2, `INET_ECN_decapsulate`): true to mark the
/// frame, `None` where it cannot be marked.
const fn decapsulate_ecn(outer: u8, inner: Inner) -> Option<bool> {
    match (outer & 3, inner.tos & 3, inner.ip) {
        (3, 0, true) => None,
        (3, 1 | 2, true) => Some(true),
        _ => Some(false),
    }
}

/// Makes a copy of some octets of a copy, and marks congestion in it. For what cannot stay where it is.
fn rewritten(
    walk: &mut Walk<'_>,
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

/// Sets the ECN field of an untagged IP packet to "congestion experienced".
fn mark_congestion(frame: &mut [u8]) {
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

/// Whether a frame is a datagram to a port of some underlay: what tests mask.
#[must_use]
pub fn carries(frame: &[u8], ports: &[u16]) -> bool {
    let Some((ether_type, packet)) = frame.get(12..).and_then(<[u8]>::split_first_chunk::<2>)
    else {
        return false;
    };
    let (ether_type, packet) = innermost(u16::from_be_bytes(*ether_type), packet);
    Datagram::parse(ether_type, packet).is_some_and(|it| ports.contains(&it.destination_port))
}
