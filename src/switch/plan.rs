//! The plan: what control publishes and workers read.
//!
//! A plan is immutable. Control compiles a new one when the configuration changes and swaps it in
//! whole; a worker loads it once per turn. Ids are dense indices, given once and never reused in a
//! run, so that counters outlive plans.

use std::num::NonZeroU16;
use std::sync::Arc;

use super::alarm::PlanAlarm;
use super::guard::PlanGuard;
use super::mdb::PlanMulticast;
use super::neighbours::PlanNeighbours;
use super::{Fdb, PlanIpvlan, PlanIpvlanChild, PlanUnderlay, PlanVlanDevice, PlanVxlan, Uppers};
use super::{PlanMacvlan, PlanMacvlanPort};
use crate::time::Duration;
use crate::wire::{ETHERNET_HEADER, MacAddr, TAG_LEN, TagType, Vid};

/// A netdev, as an index into [`Plan::netdevs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetdevId(pub u32);

/// An attachment, as an index into [`Plan::attachments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId(pub u32);

impl NetdevId {
    /// Returns the index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl AttachmentId {
    /// Returns the index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A bridge port's number, 1 to 1023, the lowest free one when it joined (`find_portno`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortNo(NonZeroU16);

impl PortNo {
    /// Ports a bridge can have, and the highest number (`BR_MAX_PORTS` − 1).
    pub const MAX: u16 = 1023;

    /// Makes a port number; `None` outside 1 to 1023.
    #[inline]
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) if number.get() <= Self::MAX => Some(Self(number)),
            _ => None,
        }
    }

    /// Unpacks what a table packed: the low ten bits; 0 is no port.
    #[inline]
    pub(super) const fn unpack(bits: u16) -> Option<Self> {
        match NonZeroU16::new(bits & Self::MAX) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// Returns the number as an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize
    }
}

/// A set of ports of one bridge, as a bitmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSet([u64; Self::WORDS]);

impl PortSet {
    pub(super) const WORDS: usize = (PortNo::MAX as usize + 1) / 64;

    /// The empty set.
    pub const EMPTY: Self = Self([0; Self::WORDS]);

    /// Every port there could be.
    pub const ALL: Self = Self([u64::MAX; Self::WORDS]);

    /// Makes a set of its words, lowest ports first.
    pub(super) const fn from_words(words: [u64; Self::WORDS]) -> Self {
        Self(words)
    }

    /// Returns the words, lowest ports first.
    pub(super) const fn words(self) -> [u64; Self::WORDS] {
        self.0
    }

    /// Returns the ports that are in one of two sets, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// Returns the ports that are in both of two sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// Adds a port.
    pub const fn insert(&mut self, port: PortNo) {
        self.0[port.index() / 64] |= 1 << (port.index() % 64);
    }

    /// Adds the ports of another set.
    pub fn extend(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    /// Takes a port out.
    pub const fn remove(&mut self, port: PortNo) {
        self.0[port.index() / 64] &= !(1 << (port.index() % 64));
    }

    /// Whether the port is in the set.
    #[inline]
    #[must_use]
    pub const fn contains(&self, port: PortNo) -> bool {
        self.0[port.index() / 64] & (1 << (port.index() % 64)) != 0
    }

    /// Iterates over the ports below `end` that are in `self` and in `within` but not in `without`,
    /// lowest number first, without materialising a set. A bridge's `ports.len()` is its `end`: most
    /// sets are a word long.
    #[inline]
    pub fn select<'a>(
        &'a self,
        within: &'a Self,
        without: &'a Self,
        end: usize,
    ) -> impl Iterator<Item = PortNo> + use<'a> {
        let words = end.div_ceil(64).min(Self::WORDS);
        (0u16..).zip(0..words).flat_map(move |(word, index)| {
            let mut bits = self.0[index] & within.0[index] & !without.0[index];
            std::iter::from_fn(move || {
                let bit = u16::try_from(bits.trailing_zeros())
                    .ok()
                    .filter(|bit| *bit < 64)?;
                bits &= bits - 1;
                PortNo::new(word * 64 + bit)
            })
        })
    }

    /// Iterates over the ports of the set, lowest number first.
    pub fn iter(&self) -> impl Iterator<Item = PortNo> + use<'_> {
        self.select(&Self::ALL, &Self::EMPTY, usize::MAX)
    }
}

impl FromIterator<PortNo> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortNo>>(ports: I) -> Self {
        let mut set = Self::EMPTY;
        for port in ports {
            set.insert(port);
        }
        set
    }
}

/// Which end of a netdev an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The stack of the netdev's namespace: what a host there would use.
    Stack,
    /// The outside wire of a TAP or a NIC: what is plugged in behind it.
    Wire,
    /// The character device of a macvtap: the virtual machine that uses it, say. What comes from there
    /// leaves by the netdev, what the netdev receives goes there and not to its stack.
    Device,
    /// A socket of a namespace's real stack, by which its VXLAN devices send and receive: an index into
    /// [`Plan::underlays`]. The netdev is the namespace's loopback.
    Underlay(u32),
}

/// Immutable configuration of the fast path.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// By [`NetdevId`]; a deleted netdev leaves an entry that is down and leads nowhere.
    pub netdevs: Vec<PlanNetdev>,
    /// By [`AttachmentId`]; an attachment of a deleted netdev stays, its netdev being down.
    pub attachments: Vec<PlanAttachment>,
    /// The bridges, in no particular order; [`Receive::Bridge`] and [`Transmit::Bridge`] index it.
    pub bridges: Vec<PlanBridge>,
    /// The VLAN devices, in no particular order; [`Transmit::Vlan`] indexes it.
    pub vlan_devices: Vec<PlanVlanDevice>,
    /// The macvlans, in no particular order; [`Transmit::Macvlan`] indexes it.
    pub macvlans: Vec<PlanMacvlan>,
    /// The netdevs with macvlans on them, in no particular order; [`Receive::Macvlan`] indexes it.
    pub macvlan_ports: Vec<PlanMacvlanPort>,
    /// The netdevs with ipvlan devices on them, in no particular order; [`Receive::Ipvlan`] indexes it.
    pub ipvlans: Vec<PlanIpvlan>,
    /// The ipvlan devices, in no particular order; [`Transmit::Ipvlan`] indexes it.
    pub ipvlan_children: Vec<PlanIpvlanChild>,
    /// The VXLAN devices, in no particular order; [`Transmit::Vxlan`] indexes it.
    pub vxlans: Vec<PlanVxlan>,
    /// The namespaces that VXLAN devices send and receive in; [`PlanNetdev::underlay`] and
    /// [`PlanVxlan::underlay`] index it.
    pub underlays: Vec<PlanUnderlay>,
    /// How many VLANs have counters: one more than the highest index in any [`VlanStats`].
    pub vlan_counters: u32,
    /// How many [`MulticastCounters`](super::MulticastCounters) there are.
    pub multicast_counters: u32,
}

/// Where the emulated network meets the world.
#[derive(Clone, Copy, Debug)]
pub struct PlanAttachment {
    /// The netdev it belongs to.
    pub netdev: NetdevId,
    /// Which end of it.
    pub side: Side,
}

/// One netdev, as the fast path sees it.
#[derive(Clone, Debug)]
pub struct PlanNetdev {
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Its own address.
    pub mac: MacAddr,
    /// Payload octets of an untagged frame, without the 14-octet header.
    pub mtu: u32,
    /// Who gets a frame that arrives from its wire side.
    pub receive: Receive,
    /// Where a frame goes that leaves by it.
    pub transmit: Transmit,
    /// The VLAN devices on it, which come before `receive`.
    pub uppers: Option<Box<Uppers>>,
    /// This namespace's own stack on it.
    pub stack: AttachmentId,
    /// VXLAN devices listen in its namespace, whose stack is emulated as far as they need: an index into
    /// [`Plan::underlays`].
    pub underlay: Option<u32>,
}

impl PlanNetdev {
    /// Octets of the longest frame that it takes from another netdev, a tag aside not counted
    /// (`is_skb_forwardable`).
    #[inline(always)]
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.mtu as usize + ETHERNET_HEADER + TAG_LEN
    }

    /// Whether its stack is all that a frame without a tag that it receives can come to.
    #[inline]
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.receive == Receive::Stack && self.underlay.is_none()
    }
}

/// The first handler of a frame received on a netdev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receive {
    /// The netdev is a port: (index into [`Plan::bridges`], port number).
    Bridge(u32, PortNo),
    /// The netdev has ipvlan devices (index into [`Plan::ipvlans`]).
    Ipvlan(u32),
    /// No handler: the stack of its namespace.
    Stack,
    /// Macvlans stand on the netdev (index into [`Plan::macvlan_ports`]).
    Macvlan(u32),
    /// The netdev is an end of a cable: this is the other.
    Cable(NetdevId),
    /// The netdev is a macvtap: its character device.
    Device(AttachmentId),
}

/// What a netdev does with a frame to transmit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Hands it to the outside.
    Wire(AttachmentId),
    /// Nobody is plugged in outside: without carrier, discards it.
    Unplugged,
    /// Hands it to the far end of the veth pair.
    Peer(NetdevId),
    /// A bridge device: looks up or floods (index into [`Plan::bridges`]).
    Bridge(u32),
    /// A VLAN device: adds its tag and hands it to its lower (index into [`Plan::vlan_devices`]).
    Vlan(u32),
    /// A macvlan: asks its siblings, then hands it to its lower (index into [`Plan::macvlans`]).
    Macvlan(u32),
    /// An ipvlan device: to another child, or by its lower (index into [`Plan::ipvlan_children`]).
    Ipvlan(u32),
    /// A VXLAN device: puts it into datagrams (index into [`Plan::vxlans`]).
    Vxlan(u32),
    /// A dummy, or a deleted netdev: discards it.
    Nothing,
}

/// One bridge.
#[derive(Clone, Debug)]
pub struct PlanBridge {
    /// The bridge netdev, whose stack is the host port.
    pub netdev: NetdevId,
    /// Its filtering database, shared by all plans of the bridge's life.
    pub fdb: Arc<Fdb>,
    /// How long a learned entry lives after its source was last seen: the ageing time, or the forward
    /// delay during a topology change (`hold_time`). Zero: nothing is learned, all is flooded.
    pub hold: Duration,
    /// Promiscuous: every forwarded unicast frame is also copied to the host port.
    pub promiscuous: bool,
    /// While spanning tree runs: the last octet of the reserved address that its BPDUs are sent to, 0x00
    /// for the Bridge Group Address, 0x08 for that of a provider's bridge.
    pub bpdu: Option<u8>,
    /// Bridge-wide `group_fwd_mask`: bit X lets 01:80:c2:00:00:0X through (never bits 0 to 2).
    pub group_fwd_mask: u16,
    /// `no_linklocal_learn`: do not learn from reserved addresses that are not forwarded.
    pub no_linklocal_learn: bool,
    /// Has carrier, because some port forwards; without, its own stack's frames go nowhere.
    pub carrier: bool,
    /// DHCP is looked at, because some port is trusted: those ports. What the bridge's own stack says is
    /// looked at, too.
    pub dhcp_trusted: Option<PortSet>,
    /// Answers for stations; `None` while no port asks for it.
    pub neighbours: Option<Arc<PlanNeighbours>>,
    /// VLAN filtering; `None` while it is off.
    pub vlans: Option<Arc<PlanVlans>>,
    /// Multicast snooping; `None` while it is off.
    pub multicast: Option<PlanMulticast>,
    /// The loop alarm; `None` while it is off.
    pub alarm: Option<PlanAlarm>,
    /// By port number; `None` where no port has the number.
    pub ports: Vec<Option<PlanPort>>,
    /// Flood sets for frames that came in by a port.
    pub flood: FloodSets,
    /// Flood sets for frames that the bridge's own stack sends: `mcast_flood off` and
    /// `bcast_flood off` do not hold for those (`br_flood`).
    pub host_flood: FloodSets,
}

/// The ports that flood each kind of frame: forwarding, the kind's flag on, `proxy_arp` off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodSets {
    /// Unknown unicast (`flood`).
    pub unicast: PortSet,
    /// Multicast (`mcast_flood`).
    pub multicast: PortSet,
    /// Broadcast (`bcast_flood`).
    pub broadcast: PortSet,
}

impl PlanBridge {
    /// Returns a port by number.
    #[inline(always)]
    #[must_use]
    pub fn port(&self, number: PortNo) -> Option<&PlanPort> {
        self.ports.get(number.index())?.as_ref()
    }
}

/// The VLANs of a bridge with VLAN filtering, by VID. Some 8 KiB, and half a KiB for each VLAN that
/// anybody is a member of: 2 MiB for all 4,094, however many ports there are.
#[derive(Clone, Debug)]
pub struct PlanVlans {
    /// The type of tag the bridge works with (`vlan_protocol`); tags of the other type are payload.
    pub protocol: TagType,
    /// The VLAN of untagged frames that the bridge's own stack sends.
    pub host_pvid: Option<Vid>,
    /// By VID: one more than the index into `vlans`; 0 for a VLAN without members.
    index: Box<[u16; Vid::MAX as usize + 1]>,
    vlans: Vec<PlanVlan>,
}

/// One VLAN of a bridge. Not being a member is not being in any set.
#[derive(Clone, Debug, Default)]
pub struct PlanVlan {
    /// Its members.
    pub members: PortSet,
    /// Members whose state in this VLAN is learning or forwarding: frames may come in.
    pub ingress: PortSet,
    /// Members whose state in this VLAN is forwarding: frames may leave.
    pub egress: PortSet,
    /// Members that frames leave without a tag.
    pub untagged: PortSet,
    /// Whether the bridge's own stack is a member (`bridge vlan add … self`).
    pub host: Option<HostVlan>,
    /// Where its counters are, while `vlan_stats_enabled`.
    pub stats: Option<VlanStats>,
}

/// The bridge's own part in a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostVlan {
    /// Frames go up without a tag.
    pub untagged: bool,
    /// The bridge's own state in the VLAN.
    pub state: PortState,
}

/// Indices into [`Counters::vlans`](super::Counters::vlans).
#[derive(Clone, Debug, Default)]
pub struct VlanStats {
    /// Of the bridge itself.
    pub host: u32,
    /// By port number. Without `vlan_stats_per_port` all are the bridge's.
    pub ports: Vec<u32>,
}

impl VlanStats {
    /// Returns the index of a port's counters, or (`None`) of the bridge's own.
    #[must_use]
    pub fn of(&self, port: Option<PortNo>) -> u32 {
        let port = port.and_then(|port| self.ports.get(port.index()));
        port.copied().unwrap_or(self.host)
    }
}

impl PlanVlans {
    /// Makes a bridge's VLANs of its VLANs, each at most once.
    #[must_use]
    pub fn new(
        protocol: TagType,
        host_pvid: Option<Vid>,
        vlans: impl IntoIterator<Item = (Vid, PlanVlan)>,
    ) -> Self {
        let vlans = vlans.into_iter();
        let mut made = Self {
            protocol,
            host_pvid,
            index: Box::new([0; Vid::MAX as usize + 1]),
            vlans: Vec::with_capacity(vlans.size_hint().0),
        };
        for (vid, vlan) in vlans {
            made.vlans.push(vlan);
            // A VID is below 4,095, so that many VLANs fit.
            made.index[vid.index()] = u16::try_from(made.vlans.len()).unwrap_or(0);
        }
        made
    }

    /// Returns a VLAN that has members.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, vid: Vid) -> Option<&PlanVlan> {
        let index = usize::from(self.index[vid.index()]);
        self.vlans.get(index.wrapping_sub(1))
    }
}

/// One port of a bridge.
#[derive(Clone, Debug)]
pub struct PlanPort {
    /// The netdev that is the port.
    pub netdev: NetdevId,
    /// Spanning tree state.
    pub state: PortState,
    /// The VLAN of untagged frames; only asked with VLAN filtering.
    pub pvid: Option<Vid>,
    /// `learning on`.
    pub learning: bool,
    /// `locked on`: only sources with an FDB entry on this port pass.
    pub locked: bool,
    /// `mab on`: a locked port notes an unknown source as a locked entry.
    pub mab: bool,
    /// `hairpin on`: frames may leave by the port they came in by.
    pub hairpin: bool,
    /// `isolated on`.
    pub isolated: bool,
    /// The port's own `group_fwd_mask` (never bit 1).
    pub group_fwd_mask: u16,
    /// Has carrier; a known destination behind a port without goes to its `backup_port`.
    pub carrier: bool,
    /// Where known unicast goes while this port has no carrier.
    pub backup: Option<PortNo>,
    /// Ports a frame from this one never leaves by: itself without hairpin, isolated ones if isolated,
    /// and what private VLANs bar.
    pub barred: PortSet,
    /// Its guards; `None` without any.
    pub guard: Option<Arc<PlanGuard>>,
}

/// The state of a port in the spanning tree (IEEE 802.1D-1998 8.4; Linux's numbers 0 to 4).
///
/// | state | learns | forwards | receives BPDUs |
/// |---|---|---|---|
/// | disabled | no | no | no |
/// | listening | no | no | yes |
/// | learning | yes | no | yes |
/// | forwarding | yes | yes | yes |
/// | blocking | no | no | yes |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PortState {
    /// Down, or switched off.
    Disabled = 0,
    /// On the way up: BPDUs only.
    Listening = 1,
    /// On the way up: notes sources.
    Learning = 2,
    /// In use.
    Forwarding = 3,
    /// Kept out of use by the spanning tree.
    Blocking = 4,
}

impl PortState {
    /// Whether a source seen on the port is noted (`nbp_state_should_learn`).
    #[inline]
    #[must_use]
    pub const fn learns(self) -> bool {
        matches!(self, Self::Learning | Self::Forwarding)
    }

    /// Returns iproute2's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Listening => "listening",
            Self::Learning => "learning",
            Self::Forwarding => "forwarding",
            Self::Blocking => "blocking",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_sets() {
        let port = |n| PortNo::new(n).unwrap();
        let set: PortSet = [1, 63, 64, 1023].map(port).into_iter().collect();
        assert_eq!(
            set.iter().map(PortNo::get).collect::<Vec<_>>(),
            [1, 63, 64, 1023]
        );
        let mut barred = PortSet::EMPTY;
        barred.insert(port(64));
        barred.insert(port(2));
        assert_eq!(
            set.select(&PortSet::ALL, &barred, usize::MAX)
                .map(PortNo::get)
                .collect::<Vec<_>>(),
            [1, 63, 1023]
        );
        assert!(set.contains(port(63)) && !set.contains(port(62)));
        assert_eq!(PortNo::new(0), None);
        assert_eq!(PortNo::new(1024), None);
    }

    #[test]
    fn port_states_against_the_table() {
        use PortState::{Blocking, Disabled, Forwarding, Learning, Listening};
        assert_eq!(
            [Disabled, Listening, Learning, Forwarding, Blocking].map(PortState::learns),
            [false, false, true, true, false]
        );
        assert_eq!(
            [Disabled, Listening, Learning, Forwarding, Blocking].map(|s| s as u8),
            [0, 1, 2, 3, 4]
        );
    }
}
