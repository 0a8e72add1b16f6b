//! The VLANs of a bridge: who is a member of which.
//!
//! A bridge keeps one [`Vlan`] per VID that anybody is in (`net_bridge_vlan` of the bridge itself, the
//! "master" VLAN). It is there for two reasons that do not depend on each other: ports are members, or
//! the bridge's own stack is (`bridge vlan add … self`, the kernel's "brentry"). With neither it goes,
//! and with it what was set about it.
//!
//! Members are sets of ports, so what a bridge knows of a VLAN is some 400 octets however many ports it
//! has: all 4,094 VLANs take 2 MiB here and as much again in the plan, which is shared until they
//! change. What grows with the ports are their own addresses, one FDB entry per port and VLAN (64 ports
//! in 4,094 VLANs: 266,000 entries, 10 MB), and with `vlan_stats_per_port` the counters, 32 octets per
//! port and VLAN in each worker.
//!
//! Membership is kept whether VLAN filtering is on or not: a bridge without it has everybody in VLAN 1,
//! and it shows in the FDB.
//!
//! Read [`rules`] next: what commands do to it, in the kernel's order (`net/bridge/br_vlan.c`).

pub mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use super::Bridge;
use crate::switch::plan::{HostVlan, PlanVlan, PlanVlans, PortState, VlanStats};
use crate::switch::{PortNo, PortSet};
use crate::wire::{TagType, Vid};

/// VLANs in a row, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vids {
    first: Vid,
    last: Vid,
}

impl Vids {
    /// Makes a row; `None` if a VID cannot be configured or the last comes before the first.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        match (Vid::new(first), Vid::new(last)) {
            (Some(first), Some(last)) if first.get() <= last.get() => Some(Self { first, last }),
            _ => None,
        }
    }

    /// Returns the first VID.
    #[must_use]
    pub const fn first(self) -> Vid {
        self.first
    }

    /// Returns the last VID.
    #[must_use]
    pub const fn last(self) -> Vid {
        self.last
    }

    /// Whether a command named a range rather than a single VLAN: iproute2 takes none of length 1.
    #[must_use]
    pub const fn is_range(self) -> bool {
        self.first.get() < self.last.get()
    }

    /// Iterates over the VIDs, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Vid> {
        let numbers: RangeInclusive<u16> = self.first.get()..=self.last.get();
        numbers.filter_map(Vid::new)
    }
}

impl From<Vid> for Vids {
    fn from(vid: Vid) -> Self {
        Self {
            first: vid,
            last: vid,
        }
    }
}

/// A set of VIDs, as a bitmap of half a KiB.
#[derive(Clone, PartialEq, Eq)]
pub struct VidSet(Box<[u64; 64]>);

impl VidSet {
    /// Whether a VID is in the set.
    #[must_use]
    pub fn contains(&self, vid: Vid) -> bool {
        self.0[vid.index() / 64] & (1 << (vid.index() % 64)) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Iterates over the VIDs, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = Vid> + '_ {
        let all = (1..=Vid::MAX).filter_map(Vid::new);
        all.filter(|vid| self.contains(*vid))
    }
}

impl FromIterator<Vid> for VidSet {
    fn from_iter<I: IntoIterator<Item = Vid>>(vids: I) -> Self {
        let mut set = Self(Box::new([0; 64]));
        for vid in vids {
            set.0[vid.index() / 64] |= 1 << (vid.index() % 64);
        }
        set
    }
}

impl fmt::Debug for VidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The VLANs of one bridge, and the options about all of them.
#[derive(Clone, Debug)]
pub struct Vlans {
    /// `vlan_filtering`.
    pub filtering: bool,
    /// `vlan_protocol`.
    pub protocol: TagType,
    /// `vlan_default_pvid`: what a port that joins becomes a member of.
    pub default_pvid: Option<Vid>,
    /// `vlan_stats_enabled`.
    pub stats: bool,
    /// `vlan_stats_per_port`.
    pub stats_per_port: bool,
    /// The VLAN of untagged frames that the bridge's own stack sends.
    pub(super) pvid: Option<Vid>,
    by_vid: BTreeMap<Vid, Vlan>,
    /// Counts changes of who is in what, and how.
    revision: u64,
    /// The plan's form of all this, until the next change.
    compiled: Compiled,
}

/// What follows from the rest, and so is nothing to look at.
#[derive(Clone, Default)]
struct Compiled(OnceLock<Arc<PlanVlans>>);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// One VLAN of a bridge.
#[derive(Clone, Debug, Default)]
pub struct Vlan {
    /// The ports in it.
    pub members: PortSet,
    /// Of those, the ones that its frames leave without a tag.
    pub untagged: PortSet,
    /// What a member has set; a port that is not here has [`Member::default`].
    special: BTreeMap<PortNo, Member>,
    /// The bridge's own part. Without `host` it is only remembered, as long as ports are members.
    own: Member,
    /// The bridge's own stack is a member (`BRIDGE_VLAN_INFO_BRENTRY`).
    host: bool,
    /// And its frames go up without a tag.
    host_untagged: bool,
    /// It was made as part of a range on the bridge, which a dump with details tells apart: the kernel
    /// leaves the flag that began the range in it.
    ranged: bool,
    /// Where frames are counted, once they are.
    counter: Option<u32>,
    /// The same for each port, with `vlan_stats_per_port`.
    port_counters: BTreeMap<PortNo, u32>,
}

/// What is set about a member of a VLAN (`bridge vlan set`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// `state`.
    pub state: PortState,
    /// `neigh_suppress` (ports only).
    pub neigh_suppress: bool,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            state: PortState::Forwarding,
            neigh_suppress: false,
        }
    }
}

/// What a port, or the bridge itself, is in one VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The VLAN.
    pub vid: Vid,
    /// It is the PVID.
    pub pvid: bool,
    /// Frames leave without a tag.
    pub untagged: bool,
    /// What `bridge vlan set` set.
    pub member: Member,
    /// A command made it on the bridge itself as part of a range: the kernel's dump with details shows VLANs
    /// that differ in this in separate ranges.
    pub ranged: bool,
    /// Where its frames are counted: an index into [`Counters::vlans`](crate::switch::Counters::vlans).
    pub counter: Option<u32>,
}

impl Vlan {
    /// Whether the bridge's own stack is a member.
    #[must_use]
    pub const fn host(&self) -> bool {
        self.host
    }

    /// Whether frames for the bridge's own stack go up without a tag.
    pub(super) const fn host_untagged(&self) -> bool {
        self.host_untagged
    }

    /// Whether a port (`None`: the bridge itself) is a member (`br_vlan_should_use`).
    #[must_use]
    pub fn has(&self, port: Option<PortNo>) -> bool {
        port.map_or(self.host, |port| self.members.contains(port))
    }

    /// Returns what is set about a member.
    #[must_use]
    pub fn member(&self, port: Option<PortNo>) -> Member {
        match port {
            None => self.own,
            Some(port) => self.special.get(&port).copied().unwrap_or_default(),
        }
    }

    fn set_member(&mut self, port: Option<PortNo>, member: Member) {
        match port {
            None => self.own = member,
            Some(port) if member == Member::default() => _ = self.special.remove(&port),
            Some(port) => _ = self.special.insert(port, member),
        }
    }

    fn set_untagged(&mut self, port: Option<PortNo>, untagged: bool) {
        match port {
            None => self.host_untagged = untagged,
            Some(port) if untagged => self.untagged.insert(port),
            Some(port) => self.untagged.remove(port),
        }
    }

    /// Takes a port (`None`: the bridge itself) out. What the bridge had set about itself stays.
    fn remove(&mut self, port: Option<PortNo>) {
        let Some(port) = port else {
            self.host = false;
            return;
        };
        self.members.remove(port);
        self.untagged.remove(port);
        self.special.remove(&port);
        self.port_counters.remove(&port);
    }

    fn is_unused(&self) -> bool {
        !self.host && self.members == PortSet::EMPTY
    }

    /// Gives out the counters that are missing (`next`: the first free one).
    fn number(&mut self, per_port: bool, next: &mut u32) {
        let mut take = || {
            let taken = *next;
            *next += 1;
            taken
        };
        self.counter.get_or_insert_with(&mut take);
        if per_port {
            for port in self.members.iter() {
                self.port_counters.entry(port).or_insert_with(&mut take);
            }
        }
    }

    fn compile(&self, stats: bool, per_port: bool) -> PlanVlan {
        let mut plan = PlanVlan {
            members: self.members,
            ingress: self.members,
            egress: self.members,
            untagged: self.untagged,
            host: self.host.then_some(HostVlan {
                untagged: self.host_untagged,
                state: self.own.state,
            }),
            stats: self.counter.filter(|_| stats).map(|host| VlanStats {
                host,
                ports: self.compile_counters(host, per_port),
            }),
        };
        for (port, member) in &self.special {
            if !member.state.learns() {
                plan.ingress.remove(*port);
            }
            if member.state != PortState::Forwarding {
                plan.egress.remove(*port);
            }
        }
        plan
    }
}

impl Vlan {
    /// By port number, as far as there are members with counters of their own.
    fn compile_counters(&self, host: u32, per_port: bool) -> Vec<u32> {
        let highest = self.port_counters.keys().next_back();
        let Some(highest) = highest.filter(|_| per_port) else {
            return Vec::new();
        };
        let mut counters = vec![host; highest.index() + 1];
        for (port, counter) in &self.port_counters {
            counters[port.index()] = *counter;
        }
        counters
    }
}

impl Vlans {
    /// Makes those of a new bridge: itself in its default VLAN (`br_vlan_init`, `br_vlan_bridge_event`).
    pub(super) fn new() -> Self {
        let own = Vlan {
            host: true,
            host_untagged: true,
            ..Vlan::default()
        };
        Self {
            filtering: false,
            protocol: TagType::Dot1Q,
            default_pvid: Some(Vid::DEFAULT),
            stats: false,
            stats_per_port: false,
            pvid: Some(Vid::DEFAULT),
            by_vid: BTreeMap::from([(Vid::DEFAULT, own)]),
            revision: 0,
            compiled: Compiled::default(),
        }
    }

    /// Returns the VLANs that somebody is in, by VID.
    pub fn iter(&self) -> impl Iterator<Item = (Vid, &Vlan)> {
        self.by_vid.iter().map(|(vid, vlan)| (*vid, vlan))
    }

    /// Returns a VLAN that somebody is in.
    #[must_use]
    pub fn get(&self, vid: Vid) -> Option<&Vlan> {
        self.by_vid.get(&vid)
    }

    /// Whether a port (`None`: the bridge itself) is in a VLAN.
    #[must_use]
    pub fn has(&self, port: Option<PortNo>, vid: Vid) -> bool {
        self.get(vid).is_some_and(|vlan| vlan.has(port))
    }

    /// Returns the VLANs that a port (`None`: the bridge itself) is in, lowest first.
    pub fn of(&self, port: Option<PortNo>) -> impl Iterator<Item = Vid> + '_ {
        let vlans = self.iter().filter(move |(_, vlan)| vlan.has(port));
        vlans.map(|(vid, _)| vid)
    }

    /// Returns the VLAN of untagged frames that the bridge's own stack sends.
    #[must_use]
    pub const fn pvid(&self) -> Option<Vid> {
        self.pvid
    }

    /// Whether the bridge is a provider's, which lets its customers' protocols pass: with VLAN filtering
    /// by service tags (`recalculate_group_addr`).
    #[must_use]
    pub fn is_provider(&self) -> bool {
        self.filtering && self.protocol == TagType::Dot1Ad
    }

    /// Returns the plan's form: nothing while VLAN filtering is off. Made at the first call after a
    /// change, in proportion to the VLANs there are.
    #[must_use]
    pub(super) fn compile(&self) -> Option<Arc<PlanVlans>> {
        let compiled = || {
            let vlans = self
                .iter()
                .map(|(vid, vlan)| (vid, vlan.compile(self.stats, self.stats_per_port)));
            Arc::new(PlanVlans::new(self.protocol, self.pvid, vlans))
        };
        self.filtering
            .then(|| Arc::clone(self.compiled.0.get_or_init(compiled)))
    }

    /// Returns the number of the current state: what follows from the same number still does.
    pub(super) const fn revision(&self) -> u64 {
        self.revision
    }

    /// Notes that what [`Self::compile`] made is out of date.
    fn changed(&mut self) {
        self.revision += 1;
        self.compiled.0.take();
    }
}

impl Bridge {
    /// Returns the VLANs that a port (`None`: the bridge itself) is in, lowest first, as the kernel
    /// lists them.
    pub fn memberships(&self, port: Option<PortNo>) -> impl Iterator<Item = Membership> + '_ {
        let pvid = self.pvid(port);
        let vlans = self.vlans.iter().filter(move |(_, vlan)| vlan.has(port));
        vlans.map(move |(vid, vlan)| Membership {
            vid,
            pvid: pvid == Some(vid),
            untagged: port.map_or(vlan.host_untagged, |port| vlan.untagged.contains(port)),
            member: vlan.member(port),
            ranged: port.is_none() && vlan.ranged,
            counter: port
                .and_then(|port| vlan.port_counters.get(&port).copied())
                .or(vlan.counter),
        })
    }

    /// Returns the VLAN of untagged frames that come in by a port, or that the bridge's own stack sends.
    #[must_use]
    pub fn pvid(&self, port: Option<PortNo>) -> Option<Vid> {
        match port {
            None => self.vlans.pvid,
            Some(port) => self.port(port)?.pvid,
        }
    }

    fn set_pvid(&mut self, port: Option<PortNo>, pvid: Option<Vid>) {
        match port {
            None => self.vlans.pvid = pvid,
            Some(port) => {
                if let Some(port) = self.port_mut(port) {
                    port.pvid = pvid;
                }
            }
        }
    }
}
