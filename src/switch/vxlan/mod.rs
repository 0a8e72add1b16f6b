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
//! that checks for duplicates is not answered by `proxy`. Datagrams to a port that no device listens to go up to
//! the stack of their netdev, as all else does: live, it answers "port unreachable"; in a replay there is none.

mod fdb;
mod flow;
mod inner;
mod proxy;
mod receive;
mod send;
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
pub(super) use receive::{enter, receive};
pub use send::{exit_addresses, exit_of};
pub use underlay::{Connected, Exit, Listener, PlanUnderlay, contains};

use super::neighbours::Station;
use super::path::Walk;
use super::trace::{MAX_KEPT, Note, Watch};
use super::transit::Transit;
use super::{AttachmentId, DropReason, NetdevId, PacketType};
use crate::wire::{
    Datagram, ETHERNET_HEADER, IPV4_HEADER, IPV6_HEADER, MacAddr, UDP_HEADER, VXLAN_HEADER,
    innermost,
};
use proxy::{proxied, short_circuit};
use send::{each_whole, send};

/// Octets of a packet that are looked at: the longest IPv4 header, UDP, VXLAN, Ethernet and what
/// follows it up to the end of an IPv6 header.
const PEEK: usize = 60 + UDP_HEADER + VXLAN_HEADER + ETHERNET_HEADER + IPV6_HEADER;

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
    /// The namespace it sends and receives in: an index into
    /// [`Plan::underlays`](crate::switch::Plan::underlays).
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
pub(super) fn transmit<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    index: u32,
    mut transit: Transit,
) {
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
    if W::ON {
        tell_remotes(walk, device, destination);
    }
    let mut found = device.fdb.use_entry(walk.now, destination);
    if device.rsc
        && found.as_ref().is_some_and(|(_, router)| *router)
        && let Some(station) = short_circuit(walk, device, &transit, destination)
    {
        walk.rewrite(&mut transit, station, destination);
        (destination, short_cut) = (station, true);
        walk.tell(|_| Note::Readdressed(station));
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

/// Tells whoever watches which endpoints a station has.
#[cold]
fn tell_remotes<W: Watch>(walk: &mut Walk<'_, W>, device: &PlanVxlan, station: MacAddr) {
    let entry = |mac| Some((mac, device.fdb.get(mac)?));
    let Some((mac, entry)) = entry(station).or_else(|| entry(MacAddr::ZERO)) else {
        return;
    };
    let idle = Some(walk.now - entry.used).filter(|_| entry.lifetime == Lifetime::Dynamic);
    for remote in entry.remotes.as_slice().iter().take(MAX_KEPT).copied() {
        walk.tell(|_| Note::VxlanTo { mac, remote, idle });
    }
}

/// A frame goes from one device to another of the same host without ever being put in
/// (`vxlan_encap_bypass`).
fn bypass<W: Watch>(
    walk: &mut Walk<'_, W>,
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
