//! A frame's way through ipvlan devices: children of one netdev that share its address and are told
//! apart by their IP addresses.
//!
//! Nothing is learned: the table is the addresses that commands gave to the children that are up.
//! Mode and flag belong to the netdev below, for all its children at once.
//!
//! A frame that comes in at the lower (`ipvlan_handle_frame`):
//!
//! | frame | l2 | l3 | l3s |
//! |---|---|---|---|
//! | unicast for, or about, an address of a child | that child's | that child's | that child's, if it is an IP packet and the lower is its station |
//! | to a group | the lower's, and a copy for each child that hears the group, unless it is one of ours that came back | as unicast: an ARP request for a child is that child's | as unicast |
//! | anything else | the lower's | the lower's | the lower's |
//!
//! A frame that a child sends (`ipvlan_queue_xmit`):
//!
//! | frame | l2 bridge | l2 private | l2 vepa | l3, l3s |
//! |---|---|---|---|---|
//! | from a station to itself, for an address of a child | that child's | dropped | the wire's | see below |
//! | from a station to itself, for another address | the lower's | the lower's | the wire's | |
//! | to a group | a copy for each sibling that hears it, and the wire's | the same | the same | |
//! | to any other station | the wire's | the wire's | the wire's | |
//! | for an address of a child | | | | that child's; private: dropped; vepa: routed |
//! | to a group | | | | dropped |
//! | for another address | | | | routed: see [`route`] |
//!
//! What is for, or about, which address is said by [`Addressee`]. Which child hears which group is exact
//! here, where the kernel asks 256 buckets under a key drawn at random, so that there children hear a
//! group in 256 that they did not join, another at each boot. Groups are spread at once; the kernel
//! queues 1,000 frames per lower for it (`IPVLAN_QBACKLOG_LIMIT`) and drops those beyond, which cannot
//! happen here.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::FixedState;

use super::path::{Header, Walk, kind_for};
use super::trace::{Note, Watch, Way};
use super::transit::Transit;
use super::{AttachmentId, DropReason, NetdevId, PacketType, vlan};
use crate::wire::{Addressee, ETHERNET_HEADER, MacAddr, Nameless, TAG_LEN};

pub mod route;

pub use route::Outlet;

/// `ETH_P_PAUSE`, MAC control.
const PAUSE: u16 = 0x8808;

/// What children know of the frames they send and receive (`IPVLAN_MODE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpvlanMode {
    /// Whole frames, groups too; the children ask for their neighbours themselves.
    L2,
    /// IP packets only, which the stack below sends on.
    #[default]
    L3,
    /// The same, and what comes in passes the stack below, too.
    L3s,
}

impl IpvlanMode {
    /// Returns iproute2's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::L3 => "l3",
            Self::L3s => "l3s",
        }
    }
}

/// Whom children reach without leaving by the wire (`IPVLAN_F_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpvlanFlag {
    /// Each other, and the lower.
    #[default]
    Bridge,
    /// The lower, and nobody else: unicast for another child is dropped.
    Private,
    /// Nobody: everything leaves, and the switch outside may send it back.
    Vepa,
}

impl IpvlanFlag {
    /// Returns iproute2's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Private => "private",
            Self::Vepa => "vepa",
        }
    }
}

/// A netdev with ipvlan devices on it, as the fast path sees it (`struct ipvl_port`).
#[derive(Clone, Debug, Default)]
pub struct PlanIpvlan {
    /// What its children send and receive.
    pub mode: IpvlanMode,
    /// Whom they reach.
    pub flag: IpvlanFlag,
    /// Whose address is whose, of the children that are up.
    pub addresses: Owners,
    /// Who hears groups.
    pub hearers: Hearers,
    /// How the stack below sends on; only asked in modes l3 and l3s.
    pub outlet: Outlet,
}

/// One ipvlan device, as the fast path sees it.
#[derive(Clone, Copy, Debug)]
pub struct PlanIpvlanChild {
    /// Index into [`Plan::ipvlans`](super::Plan::ipvlans).
    pub port: u32,
    /// The netdev below.
    pub lower: NetdevId,
}

/// Whose address is whose. Lookups cost the same for ten children and ten thousand.
///
/// The hash is not keyed: who could choose its keys can configure the network.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    ipv4: HashMap<u32, Owner, FixedState>,
    ipv6: HashMap<u128, Owner, FixedState>,
}

/// Who has an address, and what frames for it need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The child.
    pub child: NetdevId,
    /// Its stack.
    pub stack: AttachmentId,
    /// Octets of the longest frame from a sibling that surely comes to that stack, and to nothing else, and
    /// is for the child if it is for the address of the lower.
    pub longest: u32,
}

impl Owners {
    /// Makes a table of addresses and children, each address at most once.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = (IpAddr, Owner)>) -> Self {
        let mut owners = Self::default();
        for (address, owner) in addresses {
            match address {
                IpAddr::V4(ip) => _ = owners.ipv4.insert(ip.into(), owner),
                IpAddr::V6(ip) => _ = owners.ipv6.insert(ip.into(), owner),
            }
        }
        owners
    }

    /// Returns the child that has an address (`ipvlan_ht_addr_lookup`).
    #[inline]
    fn find(&self, address: IpAddr) -> Option<&Owner> {
        match address {
            IpAddr::V4(ip) => self.ipv4.get(&ip.into()),
            IpAddr::V6(ip) => self.ipv6.get(&ip.into()),
        }
    }
}

/// Which children hear which groups, of those that are up.
#[derive(Clone, Debug, Default)]
pub struct Hearers {
    /// All of them hear broadcast.
    all: Vec<NetdevId>,
    /// Those that hear any group: promiscuous, or told to.
    any: Vec<NetdevId>,
    /// By group, those that joined it and those that hear any.
    groups: HashMap<MacAddr, Vec<NetdevId>, FixedState>,
}

impl Hearers {
    /// Makes it of the children, oldest first: `None` for one that hears any group, else its groups.
    #[must_use]
    pub fn new(children: &[(NetdevId, Option<Vec<MacAddr>>)]) -> Self {
        let mut hearers = Self::default();
        let named = children.iter().filter_map(|(_, groups)| groups.as_ref());
        for group in named.flatten() {
            hearers.groups.entry(*group).or_default();
        }
        for (child, joined) in children {
            hearers.all.push(*child);
            match joined {
                None => {
                    hearers.any.push(*child);
                    let every = hearers.groups.values_mut();
                    every.for_each(|hearing| hearing.push(*child));
                }
                Some(joined) => {
                    for group in joined {
                        let hearing = hearers.groups.entry(*group).or_default();
                        if hearing.last() != Some(child) {
                            hearing.push(*child);
                        }
                    }
                }
            }
        }
        hearers
    }

    /// Returns who hears a group (`ipvlan_set_multicast_mac_filter`).
    fn of(&self, group: MacAddr) -> &[NetdevId] {
        if group.is_broadcast() {
            return &self.all;
        }
        self.groups.get(&group).unwrap_or(&self.any)
    }
}

/// What a frame looks like to an ipvlan.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    header: Header,
    /// For whom it is, as the lower sees it, tag included.
    kind: PacketType,
    addressee: Result<Addressee<'a>, Nameless>,
}

impl Seen<'_> {
    /// The address that the frame is for, or about; only whoever watches asks.
    #[inline(always)]
    fn address<W: Watch>(&self) -> Option<IpAddr> {
        let addressee = self.addressee.as_ref().ok().filter(|_| W::ON)?;
        addressee.destination()
    }
}

/// Where a frame goes that came in at the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inward {
    /// To a child.
    Child(NetdevId),
    /// Up at the lower itself.
    Lower,
    /// There too, and to each child that hears its group.
    Spread,
}

/// Where a frame goes that a child sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outward {
    /// To another child, or back to its own.
    Child(NetdevId),
    /// In at the lower, as if it had come from its wire.
    Lower,
    /// To each sibling that hears its group, and out by the lower.
    Spread,
    /// Out by the lower.
    Wire,
    /// On its way as a packet.
    Route,
    /// Nowhere.
    Lost(DropReason),
}

impl PlanIpvlan {
    fn owner(&self, address: Option<IpAddr>) -> Option<&Owner> {
        self.addresses.find(address?)
    }

    /// Whom a frame is for, or about: `packet` is what is behind its EtherType, of a frame of which
    /// the kernel counts `len` octets.
    #[inline(always)]
    pub(super) fn owner_for(&self, ether_type: u16, packet: &[u8], len: usize) -> Option<&Owner> {
        let addressee = Addressee::parse(ether_type, packet, len).ok()?;
        self.owner(addressee.destination())
    }

    /// The child that a frame is for, or about (`ipvlan_addr_lookup`).
    #[inline]
    fn addressed(&self, seen: &Seen<'_>) -> Option<NetdevId> {
        let addressee = seen.addressee.as_ref().ok()?;
        let owner = self.owner(addressee.destination())?;
        Some(owner.child)
    }

    /// `ipvlan_handle_frame`.
    #[inline]
    fn inward(&self, seen: &Seen<'_>, own: MacAddr) -> Inward {
        let by_address = || self.addressed(seen).map_or(Inward::Lower, Inward::Child);
        match self.mode {
            IpvlanMode::L2 if seen.header.destination.is_group() => {
                if self.reflected(seen, own) {
                    Inward::Lower
                } else {
                    Inward::Spread
                }
            }
            IpvlanMode::L2 | IpvlanMode::L3 => by_address(),
            // What the stack of the lower takes in and finds to be a child's (`ipvlan_nf_input`).
            IpvlanMode::L3s => match seen.addressee {
                Ok(Addressee::Ipv4(_) | Addressee::Ipv6(_))
                    if seen.kind != PacketType::OtherHost =>
                {
                    by_address()
                }
                _ => Inward::Lower,
            },
        }
    }

    /// Whether a child sent the frame, and it came back (not `ipvlan_external_frame`).
    fn reflected(&self, seen: &Seen<'_>, own: MacAddr) -> bool {
        seen.header.source == own
            && match &seen.addressee {
                Ok(addressee) => self.owner(addressee.source()).is_some(),
                Err(_) => false,
            }
    }

    /// `ipvlan_queue_xmit`.
    #[inline]
    fn outward(&self, seen: &Seen<'_>) -> Outward {
        let Header {
            destination,
            source,
            ..
        } = seen.header;
        let inside = self.flag != IpvlanFlag::Vepa;
        let to_child = || {
            let child = self.addressed(seen)?;
            Some(match self.flag {
                IpvlanFlag::Private => Outward::Lost(DropReason::IpvlanPrivate),
                IpvlanFlag::Bridge | IpvlanFlag::Vepa => Outward::Child(child),
            })
        };
        match self.mode {
            IpvlanMode::L2 if inside && destination == source => {
                to_child().unwrap_or(Outward::Lower)
            }
            IpvlanMode::L2 if destination.is_group() => Outward::Spread,
            IpvlanMode::L2 => Outward::Wire,
            IpvlanMode::L3 | IpvlanMode::L3s => match to_child().filter(|_| inside) {
                Some(found) => found,
                None if destination.is_group() => Outward::Lost(DropReason::IpvlanGroup),
                None => Outward::Route,
            },
        }
    }
}

/// A frame comes in at a netdev with ipvlan devices, behind its VLAN devices. `buried` tags in front of
/// its octets are no longer looked at.
#[inline(never)]
pub(super) fn receive<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    index: u32,
    transit: Transit,
    buried: usize,
) {
    let plan = walk.plan;
    let port = &plan.ipvlans[index as usize];
    let lower = &plan.netdevs[id.index()];
    let in_vlan = transit.tag.is_some_and(|tag| tag.vid() != 0);
    let (inward, address) = {
        let (ether_type, payload) = walk.protocol_behind(&transit, buried).unwrap_or_default();
        let seen = Seen {
            header: walk.header,
            kind: if in_vlan {
                PacketType::OtherHost
            } else {
                transit.kind
            },
            addressee: Addressee::parse(ether_type, payload, payload.len()),
        };
        (port.inward(&seen, lower.mac), seen.address::<W>())
    };
    walk.tell(|_| Note::IpvlanIn {
        mode: port.mode,
        address,
        to: inward,
    });
    match inward {
        Inward::Child(child) => {
            walk.count_rx(child, walk.len(&transit) - buried * TAG_LEN);
            up(walk, child, &transit, buried);
        }
        Inward::Lower => up(walk, id, &transit, buried),
        Inward::Spread => {
            spread(walk, port, &transit, buried);
            up(walk, id, &transit, buried);
        }
    }
}

/// To the stack of a netdev.
fn up<W: Watch>(walk: &mut Walk<'_, W>, id: NetdevId, transit: &Transit, buried: usize) {
    let mark = walk.step(Way::Receives, id, transit.tag);
    match transit.tag {
        Some(_) => vlan::pass(walk, id, *transit, buried),
        None => {
            let stack = walk.plan.netdevs[id.index()].stack;
            walk.leave(stack, transit.kind, transit);
        }
    }
    walk.back(mark);
}

/// Copies of a frame from outside for the children that hear its group (`ipvlan_process_multicast`).
fn spread<W: Watch>(walk: &mut Walk<'_, W>, port: &PlanIpvlan, transit: &Transit, buried: usize) {
    let (ether_type, _) = walk.protocol_behind(transit, buried).unwrap_or_default();
    if ether_type == PAUSE {
        return;
    }
    let group = walk.header.destination;
    let len = walk.len(transit) - buried * TAG_LEN;
    for child in port.hearers.of(group) {
        walk.count_rx(*child, len);
        walk.counters.netdevs[child.index()].multicast += 1;
        up(walk, *child, transit, buried);
    }
}

/// A frame leaves by an ipvlan device.
#[inline(never)]
pub(super) fn transmit<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    index: u32,
    mut transit: Transit,
) {
    let plan = walk.plan;
    let child = plan.ipvlan_children[index as usize];
    let port = &plan.ipvlans[child.port as usize];
    // An ipvlan device takes no tag in metadata.
    walk.settle_tag(&mut transit);
    let len = walk.len(&transit);
    let (outward, address) = {
        let (ether_type, payload) = walk.protocol(&transit).unwrap_or_default();
        let seen = Seen {
            header: walk.header,
            kind: transit.kind,
            addressee: Addressee::parse(ether_type, payload, payload.len() + ETHERNET_HEADER),
        };
        (port.outward(&seen), seen.address::<W>())
    };
    walk.tell(|_| Note::IpvlanOut {
        mode: port.mode,
        flag: port.flag,
        address,
        to: outward,
    });
    let sent = match outward {
        Outward::Child(sibling) => {
            hand_over(walk, sibling, transit, false);
            true
        }
        Outward::Lower => {
            walk.forward_to(child.lower, transit);
            true
        }
        Outward::Spread => {
            send_to_group(walk, id, child.lower, port, transit);
            true
        }
        Outward::Wire => return walk.transmit_by_lower(id, child.lower, transit, len),
        Outward::Route => route::send(walk, id, child.lower, &port.outlet),
        Outward::Lost(reason) => {
            walk.lose(id, reason);
            false
        }
    };
    if sent {
        walk.count_tx(id, len);
    } else {
        walk.counters.netdevs[id.index()].tx_dropped += 1;
    }
}

/// To the siblings that hear a group, and out (`ipvlan_process_multicast`).
fn send_to_group<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    lower: NetdevId,
    port: &PlanIpvlan,
    transit: Transit,
) {
    if walk.ether_type(&transit) == PAUSE {
        return walk.lose(id, DropReason::IpvlanPause);
    }
    for sibling in port.hearers.of(walk.header.destination) {
        if *sibling != id {
            hand_over(walk, *sibling, transit, true);
        }
    }
    // Whatever becomes of it there: a queue is in between.
    let below = &walk.plan.netdevs[lower.index()];
    if below.up {
        return walk.transmit(lower, below, transit);
    }
    walk.counters.netdevs[lower.index()].tx_dropped += 1;
    walk.lose(lower, DropReason::NetdevDown);
}

/// From a child to another, or to itself, which receives it (`dev_forward_skb`). The kernel counts the
/// Ethernet header twice here (`ipvlan_rcv_frame`).
fn hand_over<W: Watch>(
    walk: &mut Walk<'_, W>,
    child: NetdevId,
    mut transit: Transit,
    to_group: bool,
) {
    let netdev = &walk.plan.netdevs[child.index()];
    if walk.too_long_for(netdev, transit) {
        let counters = &mut walk.counters.netdevs[child.index()];
        counters.rx_errors += 1;
        // Once by the device, and once by whoever hands over.
        counters.rx_dropped += 2;
        return walk.lose(child, DropReason::IpvlanOversize);
    }
    walk.count_rx(child, walk.len(&transit) + ETHERNET_HEADER);
    if to_group {
        walk.counters.netdevs[child.index()].multicast += 1;
    }
    transit.kind = kind_for(&walk.header, netdev.mac);
    walk.receive_up(child, &transit);
}

#[cfg(test)]
#[path = "ipvlan_tests.rs"]
mod tests;
