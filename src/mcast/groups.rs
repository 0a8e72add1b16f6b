//! Groups, the ports that are members of them, and the sources that they want.
//!
//! A host that wants some sources of a group makes its port a member of (\*, G) with a list of sources, and
//! for every one of them the port becomes a member of (S, G), which is what frames are looked up by. A
//! port that wants all sources but some has to be a member of every (S, G) that there is because of
//! others, too: those are marked `star_excl`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::hosts::Hosts;
use super::timers::{Timer, TimerKey};
use super::{Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::{Family, Group, GroupKey, MemberCopy, Members};
use crate::time::Instant;
use crate::wire::MacAddr;

/// Sources of one group behind one port (`PG_SRC_ENT_LIMIT`).
pub const MAX_SOURCES: usize = 32;
/// Hosts of one group behind a port with `mcast_to_unicast`. The kernel has no bound.
pub const MAX_HOSTS: usize = 512;
/// Who made an entry: the kernel (`RTPROT_KERNEL`).
pub const PROTOCOL_KERNEL: u8 = 2;
/// Who made an entry: a user (`RTPROT_STATIC`).
pub const PROTOCOL_STATIC: u8 = 4;

/// What a list of sources means (`MCAST_INCLUDE`, `MCAST_EXCLUDE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// These sources.
    Include,
    /// All but these.
    Exclude,
}

/// Tells the port groups of a bridge apart; never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PgId(u64);

impl Group {
    /// Returns its address as an IP address, unless it is one of layer 2.
    pub(super) const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Mac(_) => None,
            Self::V4 { group, .. } => Some(IpAddr::V4(group)),
            Self::V6 { group, .. } => Some(IpAddr::V6(group)),
        }
    }

    /// Returns the family; none of a group of layer 2.
    pub(super) const fn family(self) -> Option<Family> {
        match self {
            Self::Mac(_) => None,
            Self::V4 { .. } => Some(Family::V4),
            Self::V6 { .. } => Some(Family::V6),
        }
    }

    /// Whether it is about all sources (`br_multicast_is_star_g`). In the kernel all of 0.0.0.0/8 is that;
    /// and groups of layer 2 are not.
    pub(super) fn is_star(self) -> bool {
        match self {
            Self::Mac(_) => false,
            Self::V4 { source, .. } => source.octets()[0] == 0,
            Self::V6 { source, .. } => source.is_unspecified(),
        }
    }
}

impl GroupKey {
    pub(super) fn with_source(self, source: IpAddr) -> Self {
        Self {
            group: self.group.with_source(source),
            ..self
        }
    }

    /// Returns (\*, G) of an (S, G).
    pub(super) fn star(self) -> Self {
        let group = match self.group {
            Group::Mac(_) => self.group,
            Group::V4 { group, .. } => Group::any_source(group.into()),
            Group::V6 { group, .. } => Group::any_source(group.into()),
        };
        Self { group, ..self }
    }
}

/// A group (`struct net_bridge_mdb_entry`).
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Counts up; the kernel lists the newest first.
    pub(super) serial: u64,
    pub(super) host_joined: bool,
    pub(super) timer: Timer,
    /// By port number, highest first; several of one port only with `mcast_to_unicast`, the oldest first.
    pub(super) ports: Vec<PortGroup>,
}

/// A port's membership of a group (`struct net_bridge_port_group`).
#[derive(Clone, Debug)]
pub(super) struct PortGroup {
    pub(super) id: PgId,
    pub(super) port: PortNo,
    pub(super) flags: PgFlags,
    pub(super) mode: FilterMode,
    /// `RTPROT_…`.
    pub(super) protocol: u8,
    /// The host that reported it; `None` for none in particular.
    pub(super) mac: Option<MacAddr>,
    pub(super) timer: Timer,
    pub(super) rexmit: Timer,
    /// Queries about the group, without sources, that are still to be sent.
    pub(super) rexmit_count: u32,
    /// The newest first.
    pub(super) sources: Vec<Source>,
    pub(super) hosts: Hosts,
}

/// `MDB_PG_FLAGS_…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PgFlags {
    pub(super) permanent: bool,
    pub(super) fast_leave: bool,
    pub(super) star_excl: bool,
    pub(super) blocked: bool,
}

/// A source in a port's list (`struct net_bridge_group_src`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) address: IpAddr,
    pub(super) timer: Timer,
    /// Queries about it that are still to be sent.
    pub(super) rexmit_count: u32,
    /// To be deleted at the end of what is being handled (`BR_SGRP_F_DELETE`).
    pub(super) delete: bool,
    /// To be asked for (`BR_SGRP_F_SEND`).
    pub(super) send: bool,
    /// There is an (S, G) for it (`BR_SGRP_F_INSTALLED`).
    pub(super) installed: bool,
    /// A command made it (`BR_SGRP_F_USER_ADDED`).
    pub(super) user: bool,
}

/// All groups of a bridge.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    entries: BTreeMap<GroupKey, Entry>,
    serial: u64,
}

impl Groups {
    pub(super) fn get(&self, key: GroupKey) -> Option<&Entry> {
        self.entries.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: GroupKey) -> Option<&mut Entry> {
        self.entries.get_mut(&key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (GroupKey, &Entry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn pg(&self, key: GroupKey, id: PgId) -> Option<&PortGroup> {
        self.get(key)?.ports.iter().find(|pg| pg.id == id)
    }

    pub(super) fn pg_mut(&mut self, key: GroupKey, id: PgId) -> Option<&mut PortGroup> {
        self.get_mut(key)?.ports.iter_mut().find(|pg| pg.id == id)
    }

    pub(super) fn source_mut(
        &mut self,
        key: GroupKey,
        id: PgId,
        address: IpAddr,
    ) -> Option<&mut Source> {
        self.pg_mut(key, id)?.source_mut(address)
    }

    /// Returns a port's membership of an (S, G), of which it has at most one (`br_sg_port_find`).
    pub(super) fn of_port(&self, key: GroupKey, port: PortNo) -> Option<PgId> {
        let ports = &self.get(key)?.ports;
        ports.iter().find(|pg| pg.port == port).map(|pg| pg.id)
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

impl PortGroup {
    pub(super) fn source(&self, address: IpAddr) -> Option<&Source> {
        self.sources.iter().find(|it| it.address == address)
    }

    pub(super) fn source_mut(&mut self, address: IpAddr) -> Option<&mut Source> {
        self.sources.iter_mut().find(|it| it.address == address)
    }

    /// Returns the addresses of the sources that a condition holds for, in order.
    pub(super) fn sources_where(&self, wanted: impl Fn(&Source) -> bool) -> Vec<IpAddr> {
        let sources = self.sources.iter().filter(|it| wanted(it));
        sources.map(|it| it.address).collect()
    }
}

/// Why somebody could not join a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JoinError {
    /// `mcast_hash_max` groups are there.
    TooManyGroups,
    /// The port is in `mcast_max_groups` groups: (how many, of the VLAN only).
    PortLimit(u32, bool),
    /// The port is a member of this (S, G) already.
    Duplicate,
    /// [`MAX_HOSTS`] hosts behind the port are members of the group.
    TooManyHosts,
}

/// Who joins a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joiner {
    pub(super) scope: Scope,
    /// `None` is the bridge's own stack.
    pub(super) port: Option<PortNo>,
    pub(super) mac: Option<MacAddr>,
}

impl Snooping {
    /// Finds or makes a group (`br_multicast_new_group`).
    pub(super) fn new_group(&mut self, key: GroupKey) -> Result<(), JoinError> {
        if self.groups.get(key).is_some() {
            return Ok(());
        }
        if self.groups.len() >= self.hash_max as usize {
            self.on = false;
            return Err(JoinError::TooManyGroups);
        }
        let serial = self.groups.next_serial();
        let entry = Entry {
            serial,
            ..Entry::default()
        };
        self.groups.entries.insert(key, entry);
        self.changed.insert(key);
        Ok(())
    }

    /// Finds a host's membership of a group (`br_multicast_find_port`).
    pub(super) fn find_member(
        &self,
        key: GroupKey,
        port: PortNo,
        mac: Option<MacAddr>,
    ) -> Option<PgId> {
        let by_host = self.ports.get(&port).is_some_and(|it| it.to_unicast);
        let mut ports = self.groups.get(key)?.ports.iter();
        let found = ports.find(|pg| pg.port == port && (!by_host || pg.mac == mac));
        found.map(|pg| pg.id)
    }

    /// Makes somebody a member of a group (`__br_multicast_add_group`). `old`: by a message of a version
    /// without sources, which keeps the membership alive. Returns the port's membership; none of the
    /// bridge itself, or while nothing is snooped.
    pub(super) fn add_group(
        &mut self,
        joiner: Joiner,
        key: GroupKey,
        mode: FilterMode,
        old: bool,
        blocked: bool,
    ) -> Result<Option<PgId>, JoinError> {
        if !self.should_use(joiner.scope, joiner.port) {
            return Ok(None);
        }
        self.new_group(key)?;
        let Some(port) = joiner.port else {
            self.host_join(joiner.scope, key);
            return Ok(None);
        };
        let id = match self.find_member(key, port, joiner.mac) {
            Some(id) => id,
            None => {
                let flags = PgFlags {
                    blocked,
                    ..PgFlags::default()
                };
                self.new_port_group(port, key, flags, joiner.mac, mode, PROTOCOL_KERNEL)?
            }
        };
        if old {
            let until = self.now + self.settings(joiner.scope).membership_interval;
            self.set_group_timer(key, id, until);
        }
        Ok(Some(id))
    }

    /// `br_multicast_new_port_group`, and its place in the list.
    pub(super) fn new_port_group(
        &mut self,
        port: PortNo,
        key: GroupKey,
        flags: PgFlags,
        mac: Option<MacAddr>,
        mode: FilterMode,
        protocol: u8,
    ) -> Result<PgId, JoinError> {
        self.check_group_limits(port, key.vid)?;
        let entry = self.groups.get(key);
        let of_port = entry.map(|it| it.ports.iter().filter(|pg| pg.port == port).count());
        if of_port.is_some_and(|hosts| hosts >= MAX_HOSTS) {
            return Err(JoinError::TooManyHosts);
        }
        if !key.group.is_star() && self.groups.of_port(key, port).is_some() {
            return Err(JoinError::Duplicate);
        }
        let id = PgId(self.groups.next_serial());
        if let Some(entry) = self.groups.get_mut(key) {
            let place = entry.ports.partition_point(|pg| pg.port >= port);
            let group = PortGroup {
                id,
                port,
                flags,
                mode,
                protocol,
                mac,
                timer: Timer::default(),
                rexmit: Timer::default(),
                rexmit_count: 0,
                sources: Vec::new(),
                hosts: Hosts::default(),
            };
            entry.ports.insert(place, group);
            self.count_groups(port, 1);
        }
        self.changed.insert(key);
        Ok(id)
    }

    /// `br_multicast_port_ngroups_inc`.
    fn check_group_limits(&self, port: PortNo, vid: u16) -> Result<(), JoinError> {
        let Some(it) = self.ports.get(&port) else {
            return Ok(());
        };
        let full = |max, n| max != 0 && n >= max;
        if full(it.context.max_groups, it.groups) {
            return Err(JoinError::PortLimit(it.context.max_groups, false));
        }
        match it.vlans.get(&vid).filter(|vlan| vlan.enabled) {
            Some(vlan) if full(vlan.context.max_groups, self.groups_of(port, vid)) => {
                Err(JoinError::PortLimit(vlan.context.max_groups, true))
            }
            _ => Ok(()),
        }
    }

    /// Returns how many groups a port is a member of in a VLAN.
    pub(super) fn groups_of(&self, port: PortNo, vid: u16) -> u32 {
        let groups = self.groups.iter().filter(|(key, _)| key.vid == vid);
        let members = groups.flat_map(|(_, entry)| &entry.ports);
        u32::try_from(members.filter(|pg| pg.port == port).count()).unwrap_or(u32::MAX)
    }

    fn count_groups(&mut self, port: PortNo, change: i32) {
        if let Some(it) = self.ports.get_mut(&port) {
            it.groups = it.groups.saturating_add_signed(change);
        }
    }

    pub(super) fn set_group_timer(&mut self, key: GroupKey, id: PgId, at: Instant) {
        if let Some(pg) = self.groups.pg_mut(key, id) {
            self.timers.set(TimerKey::Group(key, id), &mut pg.timer, at);
        }
    }

    pub(super) fn lower_group_timer(&mut self, key: GroupKey, id: PgId, at: Instant) {
        if let Some(pg) = self.groups.pg_mut(key, id) {
            self.timers
                .lower(TimerKey::Group(key, id), &mut pg.timer, at);
        }
    }

    pub(super) fn cancel_group_timer(&mut self, key: GroupKey, id: PgId) {
        if let Some(pg) = self.groups.pg_mut(key, id) {
            self.timers.cancel(TimerKey::Group(key, id), &mut pg.timer);
        }
    }

    /// The bridge's own stack joins (`br_multicast_host_join`).
    pub(super) fn host_join(&mut self, scope: Scope, key: GroupKey) {
        let until = self.now + self.settings(scope).membership_interval;
        let Some(entry) = self.groups.get_mut(key) else {
            return;
        };
        if key.group.ip().is_some() {
            self.timers
                .set(TimerKey::Host(key), &mut entry.timer, until);
        }
        if !entry.host_joined {
            self.set_host_joined(key, true);
        }
    }

    /// The bridge's own stack leaves (`br_multicast_host_leave`).
    pub(super) fn host_leave(&mut self, key: GroupKey) {
        if self.groups.get(key).is_some_and(|entry| entry.host_joined) {
            self.set_host_joined(key, false);
        }
    }

    /// The host is a member of every (S, G) of a (\*, G) (`br_multicast_star_g_host_state`).
    fn set_host_joined(&mut self, key: GroupKey, joined: bool) {
        self.changed.insert(key);
        let Some(entry) = self.groups.get_mut(key) else {
            return;
        };
        entry.host_joined = joined;
        if !key.group.is_star() {
            return;
        }
        let sources = entry.ports.iter().flat_map(|pg| &pg.sources);
        let installed: Vec<IpAddr> = sources
            .filter(|source| source.installed)
            .map(|source| source.address)
            .collect();
        for source in installed {
            let single = key.with_source(source);
            if let Some(entry) = self.groups.get_mut(single) {
                entry.host_joined = joined;
                self.changed.insert(single);
            }
        }
    }

    /// Ends a port's membership (`br_multicast_del_pg`).
    pub(super) fn delete_pg(&mut self, key: GroupKey, id: PgId) {
        self.delete_pg_and(key, id, true);
    }

    /// `__br_multicast_del_pg`. `exclude`: ports that are there only because they exclude other sources
    /// leave with the last one that is there for itself.
    pub(super) fn delete_pg_and(&mut self, key: GroupKey, id: PgId, exclude: bool) {
        let Some(entry) = self.groups.get_mut(key) else {
            return;
        };
        let Some(place) = entry.ports.iter().position(|pg| pg.id == id) else {
            return;
        };
        let mut pg = entry.ports.remove(place);
        self.changed.insert(key);
        self.timers.cancel(TimerKey::Group(key, id), &mut pg.timer);
        self.timers
            .cancel(TimerKey::Rexmit(key, id), &mut pg.rexmit);
        self.forget_hosts(key, &mut pg);
        for mut source in std::mem::take(&mut pg.sources) {
            self.timers
                .cancel(TimerKey::Source(key, id, source.address), &mut source.timer);
            self.remove_forwarding(key, pg.port, pg.mac, source, false);
        }
        if key.group.is_star() {
            self.handle_mode(key, pg.id, pg.port, pg.mac, FilterMode::Include);
        } else if exclude {
            self.delete_exclude_ports(key);
        }
        self.count_groups(pg.port, -1);
        if let Some(entry) = self.groups.get_mut(key)
            && entry.ports.is_empty()
            && !entry.host_joined
            && self.up
        {
            self.timers
                .set(TimerKey::Host(key), &mut entry.timer, self.now);
        }
    }

    /// The host's membership has expired, or the group is empty (`br_multicast_group_expired`).
    pub(super) fn host_expired(&mut self, key: GroupKey) {
        if !self.up {
            return;
        }
        self.host_leave(key);
        if self.groups.get(key).is_some_and(|it| it.ports.is_empty()) {
            self.groups.entries.remove(&key);
            self.changed.insert(key);
        }
    }

    /// A port's membership has expired, or only its claim to all sources
    /// (`br_multicast_port_group_expired`).
    pub(super) fn port_group_expired(&mut self, key: GroupKey, id: PgId) {
        let up = self.up;
        let Some(pg) = self
            .groups
            .pg_mut(key, id)
            .filter(|pg| up && !pg.flags.permanent)
        else {
            return;
        };
        let mut changed = pg.mode == FilterMode::Exclude;
        pg.mode = FilterMode::Include;
        let (port, mac) = (pg.port, pg.mac);
        for source in pg.sources_where(|source| !source.timer.pending()) {
            self.delete_source(key, id, source, false);
            changed = true;
        }
        self.changed.insert(key);
        let empty = |pg: &PortGroup| pg.sources.is_empty();
        if self.groups.pg(key, id).is_some_and(empty) {
            self.delete_pg(key, id);
        } else if changed && key.group.is_star() {
            self.handle_mode(key, id, port, mac, FilterMode::Include);
        }
    }

    /// Returns what workers are to know of a group: where `br_multicast_flood` would send its frames.
    pub(super) fn members(&self, key: GroupKey) -> Option<Members> {
        let entry = self.groups.get(key)?;
        let scope = if self.vlan_snooping && key.vid != 0 {
            Scope::Vlan(key.vid)
        } else {
            Scope::Bridge
        };
        let settings = self.settings(scope);
        let by_source = |family| settings.by_source(family);
        let star_only = key.group.is_star() && key.group.family().is_some_and(by_source);
        let mut members = Members {
            host: entry.host_joined,
            ..Members::default()
        };
        for of_port in entry.ports.chunk_by(|a, b| a.port == b.port) {
            let port = of_port[0].port;
            let to_unicast = self.ports.get(&port).is_some_and(|it| it.to_unicast);
            let wanted = |pg: &PortGroup| {
                to_unicast || !(pg.flags.blocked || star_only && pg.mode == FilterMode::Include)
            };
            if !to_unicast {
                members.joined.insert(port);
            }
            match of_port {
                [pg] if !to_unicast => {
                    if wanted(pg) {
                        members.ports.insert(port);
                    }
                }
                // Without mcast_to_unicast, too, every host that it once counted has its copy.
                _ => {
                    let copies = of_port.iter().enumerate().filter(|(_, pg)| wanted(pg));
                    members.copies.extend(copies.map(|(at, pg)| MemberCopy {
                        port,
                        to: pg.mac.filter(|_| to_unicast),
                        oldest: at == 0,
                    }));
                }
            }
        }
        Some(members)
    }
}
