//! The multicast database that workers read: who gets frames to which group (`br_mdb`).
//!
//! Control writes it (the machine in `mcast` decides), workers read it while snooping is on. Lookups
//! answer with values and allocate nothing: a group's [`Members`] are immutable and replaced whole.
//! What changes with every query that passes — who queries, behind which ports there are routers — is
//! in a [`Context`] of atomics, so that no query costs a new plan.
//!
//! Bound: `mcast_hash_max` groups, 4,096 by default. A group costs some 250 octets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use dashmap::DashMap;

use super::multicast_stats::Slots;
use super::{PortNo, PortSet};
use crate::time::Instant;
use crate::wire::MacAddr;

/// A group in a VLAN (`struct br_ip`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The VLAN; 0 without VLAN filtering.
    pub vid: u16,
    /// The group, and the source if it is about one.
    pub group: Group,
}

/// The address of a group. A source that is unspecified means all of them: (\*, G).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// A group of layer 2.
    Mac(MacAddr),
    /// An IPv4 group.
    V4 {
        /// The group.
        group: Ipv4Addr,
        /// The source, or 0.0.0.0.
        source: Ipv4Addr,
    },
    /// An IPv6 group.
    V6 {
        /// The group.
        group: Ipv6Addr,
        /// The source, or ::.
        source: Ipv6Addr,
    },
}

impl Group {
    /// Makes the group of all sources.
    #[must_use]
    pub const fn any_source(group: IpAddr) -> Self {
        match group {
            IpAddr::V4(group) => Self::V4 {
                group,
                source: Ipv4Addr::UNSPECIFIED,
            },
            IpAddr::V6(group) => Self::V6 {
                group,
                source: Ipv6Addr::UNSPECIFIED,
            },
        }
    }

    /// Returns the same group with another source. A source of the other family is none.
    #[must_use]
    pub const fn with_source(self, source: IpAddr) -> Self {
        match (self, source) {
            (Self::V4 { group, .. }, IpAddr::V4(source)) => Self::V4 { group, source },
            (Self::V6 { group, .. }, IpAddr::V6(source)) => Self::V6 { group, source },
            _ => self,
        }
    }

    /// Returns the source that it is about, if it is about one (`MDBA_MDB_EATTR_SOURCE`).
    #[must_use]
    pub fn source(self) -> Option<IpAddr> {
        match self {
            Self::Mac(_) => None,
            Self::V4 { source, .. } => Some(IpAddr::V4(source)),
            Self::V6 { source, .. } => Some(IpAddr::V6(source)),
        }
        .filter(|source| !source.is_unspecified())
    }
}

/// The two families, each with queriers and routers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IGMP.
    V4,
    /// MLD.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];
}

/// A copy for one of the hosts behind a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberCopy {
    /// The port.
    pub port: PortNo,
    /// The destination it gets; `None` leaves it as it is.
    pub to: Option<MacAddr>,
    /// It is the port's oldest member, whose copy the kernel drops for that of a router behind the port.
    pub oldest: bool,
}

/// Who gets frames to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Ports that get the frame as it is.
    pub ports: PortSet,
    /// Copies for ports that are members by host (`mcast_to_unicast`).
    pub copies: Vec<MemberCopy>,
    /// The bridge's own stack is a member.
    pub host: bool,
    /// Ports that are members, whether frames are forwarded to them or not: another report for the group
    /// by them makes no new membership. Those with `mcast_to_unicast` are not here but in `copies`.
    pub joined: PortSet,
}

impl Members {
    /// Whether a report of a host behind a port is about a membership that is there already.
    #[must_use]
    pub fn has(&self, port: PortNo, host: MacAddr) -> bool {
        let own = |copy: &MemberCopy| copy.port == port && copy.to == Some(host);
        self.joined.contains(port) || self.copies.iter().any(own)
    }
}

/// The groups of a bridge.
#[derive(Debug)]
pub struct Mdb {
    groups: DashMap<GroupKey, Arc<Members>, foldhash::fast::FixedState>,
    /// How many more groups a port may be in (`mcast_max_groups`), of all and (VID not 0) of one VLAN's.
    rooms: DashMap<(PortNo, u16), u32, foldhash::fast::FixedState>,
}

impl Default for Mdb {
    fn default() -> Self {
        Self {
            groups: DashMap::with_hasher(foldhash::fast::FixedState::default()),
            rooms: DashMap::with_hasher(foldhash::fast::FixedState::default()),
        }
    }
}

impl Mdb {
    /// Returns the members of a group.
    #[inline]
    #[must_use]
    pub fn lookup(&self, key: GroupKey) -> Option<Arc<Members>> {
        self.groups.get(&key).map(|members| Arc::clone(&members))
    }

    /// Returns how many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Returns how many more groups a port may be in, in a VLAN (0 for none); `None` for any number.
    #[must_use]
    pub fn room(&self, port: PortNo, vid: u16) -> Option<u32> {
        if self.rooms.is_empty() {
            return None;
        }
        let room = |vid| self.rooms.get(&(port, vid)).map(|room| *room);
        let of_vlan = if vid == 0 { None } else { room(vid) };
        [room(0), of_vlan].into_iter().flatten().min()
    }

    /// Says how many more groups a port may be in, of all or (VID not 0) of one VLAN's; `None` for any
    /// number.
    pub fn set_room(&self, port: PortNo, vid: u16, room: Option<u32>) {
        match room {
            Some(room) => drop(self.rooms.insert((port, vid), room)),
            None => drop(self.rooms.remove(&(port, vid))),
        }
    }

    /// Makes, changes or (`None`) forgets a group.
    pub fn set(&self, key: GroupKey, members: Option<Members>) {
        match members {
            Some(members) => drop(self.groups.insert(key, Arc::new(members))),
            None => drop(self.groups.remove(&key)),
        }
    }
}

/// Snooping as the fast path knows it.
#[derive(Clone, Debug)]
pub struct PlanMulticast {
    /// The groups.
    pub groups: Arc<Mdb>,
    /// Most groups there may be (`mcast_hash_max`).
    pub limit: usize,
    /// What holds for the whole bridge.
    pub context: Arc<Context>,
    /// With `mcast_vlan_snooping`, what holds for the VLANs that are snooped.
    pub vlans: Option<HashMap<u16, Arc<Context>>>,
    /// With `mcast_stats_enabled`, where messages are counted.
    pub stats: Option<Arc<Slots>>,
}

impl PlanMulticast {
    /// Returns what holds in a VLAN (0 for none); `None` if it is not snooped.
    #[inline]
    #[must_use]
    pub fn context(&self, vid: u16) -> Option<&Context> {
        match &self.vlans {
            Some(vlans) if vid != 0 => vlans.get(&vid).map(AsRef::as_ref),
            _ => Some(&self.context),
        }
    }
}

/// What decides, besides the groups, where frames to a group go: for a whole bridge or, with
/// `mcast_vlan_snooping`, for one VLAN of it (`struct net_bridge_mcast`).
///
/// Every part is read on its own; a reader may see one of two changes that were made together. As in
/// the kernel that means one frame is flooded or not flooded a moment too early.
#[derive(Debug, Default)]
pub struct Context {
    v4: FamilyContext,
    v6: FamilyContext,
}

/// The part of a [`Context`] that each family has of its own.
#[derive(Debug, Default)]
struct FamilyContext {
    /// The bridge itself is the querier.
    own_querier: AtomicBool,
    /// Groups may be joined from single sources: IGMPv3, MLDv2.
    by_source: AtomicBool,
    /// The `mcast_router` of the bridge itself.
    host_router: AtomicU8,
    /// Until when the querier is too new for all members to have answered, in nanoseconds.
    settling_until: AtomicU64,
    /// Until when another querier counts as there.
    querier_until: AtomicU64,
    /// Until when the bridge's own stack counts as a router.
    host_router_until: AtomicU64,
    routers: AtomicPortSet,
}

/// When the bridge's own stack is given what routers get (`mcast_router` of a bridge).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostRouter {
    /// 0: never.
    Never,
    /// 1: while it sends queries.
    #[default]
    Learned,
    /// 2: always.
    Always,
}

impl HostRouter {
    /// Returns the option's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns what a number means, 0 to 2.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Never),
            1 => Some(Self::Learned),
            2 => Some(Self::Always),
            _ => None,
        }
    }
}

impl Context {
    const fn family(&self, family: Family) -> &FamilyContext {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// Whether somebody asks for members, so that not being one means something
    /// (`br_multicast_querier_exists`).
    #[inline]
    #[must_use]
    pub fn querier_exists(&self, now: Instant, family: Family) -> bool {
        let it = self.family(family);
        let before = |until: &AtomicU64| now.as_nanos() < until.load(Ordering::Relaxed);
        !before(&it.settling_until)
            && (it.own_querier.load(Ordering::Relaxed) || before(&it.querier_until))
    }

    /// Whether groups have to be looked up with their source first.
    #[inline]
    #[must_use]
    pub fn by_source(&self, family: Family) -> bool {
        self.family(family).by_source.load(Ordering::Relaxed)
    }

    /// Whether the bridge's own stack gets what routers get (`br_multicast_is_router`). `None` is for
    /// frames of neither family.
    #[inline]
    #[must_use]
    pub fn host_is_router(&self, now: Instant, family: Option<Family>) -> bool {
        let Some(family) = family else {
            return self.v4.host_router.load(Ordering::Relaxed) == HostRouter::Always as u8;
        };
        let it = self.family(family);
        match HostRouter::new(it.host_router.load(Ordering::Relaxed)) {
            Some(HostRouter::Always) => true,
            Some(HostRouter::Learned) => {
                now.as_nanos() < it.host_router_until.load(Ordering::Relaxed)
            }
            Some(HostRouter::Never) | None => false,
        }
    }

    /// Returns the ports behind which there are routers.
    #[inline]
    #[must_use]
    pub fn routers(&self, family: Family) -> PortSet {
        self.family(family).routers.load()
    }

    /// Says whether the bridge itself queries.
    pub fn set_own_querier(&self, family: Family, is: bool) {
        let it = self.family(family);
        it.own_querier.store(is, Ordering::Relaxed);
    }

    /// Says whether groups may be joined from single sources.
    pub fn set_by_source(&self, family: Family, is: bool) {
        let it = self.family(family);
        it.by_source.store(is, Ordering::Relaxed);
    }

    /// Says when the bridge's own stack is a router.
    pub fn set_host_router(&self, when: HostRouter) {
        for family in Family::ALL {
            let it = self.family(family);
            it.host_router.store(when.number(), Ordering::Relaxed);
        }
    }

    /// Says until when the querier is too new to be relied on.
    pub fn set_settling_until(&self, family: Family, until: Instant) {
        let it = self.family(family);
        it.settling_until.store(until.as_nanos(), Ordering::Relaxed);
    }

    /// Says until when another querier counts as there.
    pub fn set_querier_until(&self, family: Family, until: Instant) {
        let it = self.family(family);
        it.querier_until.store(until.as_nanos(), Ordering::Relaxed);
    }

    /// Says until when the bridge's own stack counts as a router that sends queries.
    pub fn set_host_router_until(&self, family: Family, until: Instant) {
        let it = self.family(family);
        it.host_router_until
            .store(until.as_nanos(), Ordering::Relaxed);
    }

    /// Says behind which ports there are routers.
    pub fn set_routers(&self, family: Family, ports: PortSet) {
        self.family(family).routers.store(ports);
    }
}

/// A set of ports that is replaced word by word.
#[derive(Debug, Default)]
struct AtomicPortSet([AtomicU64; PortSet::WORDS]);

impl AtomicPortSet {
    fn load(&self) -> PortSet {
        let mut words = [0; PortSet::WORDS];
        for (word, from) in words.iter_mut().zip(&self.0) {
            *word = from.load(Ordering::Relaxed);
        }
        PortSet::from_words(words)
    }

    fn store(&self, set: PortSet) {
        for (word, to) in set.words().into_iter().zip(&self.0) {
            to.store(word, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn port(number: u16) -> PortNo {
        PortNo::new(number).unwrap()
    }

    #[test]
    fn groups_come_and_go() {
        let mdb = Mdb::default();
        let key = |vid| GroupKey {
            vid,
            group: Group::Mac(MacAddr::new([1, 0, 0x5e, 0, 0, 9])),
        };
        assert!(mdb.is_empty() && mdb.lookup(key(0)).is_none());
        let members = Members {
            ports: [port(3)].into_iter().collect(),
            ..Members::default()
        };
        mdb.set(key(10), Some(members.clone()));
        assert_eq!(mdb.lookup(key(10)).as_deref(), Some(&members));
        assert!(mdb.lookup(key(0)).is_none() && mdb.len() == 1);
        mdb.set(key(10), None);
        assert!(mdb.is_empty());
    }

    #[test]
    fn a_querier_counts_from_its_settling_to_its_end() {
        let context = Context::default();
        let at = Instant::from_secs;
        let exists = |secs| context.querier_exists(at(secs), Family::V4);
        assert!(!exists(0));
        context.set_settling_until(Family::V4, at(10));
        context.set_querier_until(Family::V4, at(255));
        assert!(!exists(9) && exists(10) && exists(254) && !exists(255));
        assert!(!context.querier_exists(at(10), Family::V6));
        context.set_own_querier(Family::V4, true);
        assert!(!exists(9) && exists(255));
    }

    #[test]
    fn when_the_host_is_a_router() {
        let context = Context::default();
        let (v4, later) = (Some(Family::V4), Instant::ZERO + Duration::from_secs(1));
        context.set_host_router_until(Family::V4, later);
        for (when, is) in [
            (HostRouter::Never, [false, false, false]),
            (HostRouter::Learned, [true, false, false]),
            (HostRouter::Always, [true, true, true]),
        ] {
            context.set_host_router(when);
            let found = [
                context.host_is_router(Instant::ZERO, v4),
                context.host_is_router(later, v4),
                context.host_is_router(Instant::ZERO, None),
            ];
            assert_eq!(found, is, "{when:?}");
        }
    }

    #[test]
    fn router_ports_are_kept_by_family() {
        let context = Context::default();
        let set: PortSet = [port(1), port(64), port(1023)].into_iter().collect();
        context.set_routers(Family::V6, set);
        assert_eq!(context.routers(Family::V6), set);
        assert_eq!(context.routers(Family::V4), PortSet::EMPTY);
    }
}
