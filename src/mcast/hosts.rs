//! Which host behind a port wants which sources of a group: what `fastleave` needs to know that the last
//! one has gone (the kernel's explicit host tracking, `br_multicast_eht.c`).
//!
//! Per port and group there is a set of hosts for every source that any of them named. A host that
//! wants all sources is in the set of the unspecified source. When the last host leaves a set, the
//! source ends at once, without asking; when no host is left, the group does.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::groups::{FilterMode, MAX_SOURCES, PgId, PortGroup};
use super::timers::{Timer, TimerKey, fire};
use super::{Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::{Family, GroupKey};
use crate::wire::membership::{RecordKind, Sources};

/// The hosts behind a port that are members of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// By address.
    hosts: BTreeMap<IpAddr, Host>,
    /// By source.
    sets: BTreeMap<IpAddr, Set>,
}

#[derive(Clone, Debug)]
struct Host {
    mode: FilterMode,
    /// The sources in whose sets it is, newest first, the unspecified one included.
    sources: Vec<IpAddr>,
}

#[derive(Clone, Debug, Default)]
struct Set {
    timer: Timer,
    /// By the host's address.
    entries: BTreeMap<IpAddr, Timer>,
}

impl Hosts {
    /// Whether nobody is left (`br_multicast_eht_should_del_pg`).
    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Calls `see` with every timer.
    #[cfg(test)]
    pub(super) fn timers(&self, key: GroupKey, id: PgId, see: &mut impl FnMut(TimerKey, Timer)) {
        for (source, set) in &self.sets {
            see(TimerKey::HostSet(key, id, *source), set.timer);
            for (host, timer) in &set.entries {
                see(TimerKey::HostEntry(key, id, *source, *host), *timer);
            }
        }
    }

    fn mode(&self, host: IpAddr) -> FilterMode {
        self.hosts
            .get(&host)
            .map_or(FilterMode::Include, |it| it.mode)
    }
}

/// The address that stands for all sources.
const fn any(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

impl Snooping {
    /// Follows what a host reports of a group, on ports with `fastleave`
    /// (`br_multicast_eht_handle`).
    pub(super) fn track_host(
        &mut self,
        scope: Scope,
        key: GroupKey,
        id: PgId,
        host: IpAddr,
        kind: RecordKind,
        sources: Sources<'_>,
    ) {
        let Some(pg) = self.groups.pg(key, id) else {
            return;
        };
        if !self.ports.get(&pg.port).is_some_and(|it| it.fast_leave) {
            return;
        }
        let include = pg.hosts.mode(host) == FilterMode::Include;
        match kind {
            RecordKind::Allow if include => {
                self.enter_sets(scope, key, id, host, FilterMode::Include, sources);
            }
            RecordKind::Block if !include => {
                self.enter_sets(scope, key, id, host, FilterMode::Exclude, sources);
            }
            RecordKind::Allow | RecordKind::Block => self.leave_sets(key, id, host, sources),
            RecordKind::IsInclude => {
                self.switch_mode(scope, key, id, host, FilterMode::Include, sources, false);
            }
            RecordKind::ToInclude => {
                self.switch_mode(scope, key, id, host, FilterMode::Include, sources, true);
            }
            RecordKind::IsExclude => {
                self.switch_mode(scope, key, id, host, FilterMode::Exclude, sources, false);
            }
            RecordKind::ToExclude => {
                self.switch_mode(scope, key, id, host, FilterMode::Exclude, sources, true);
            }
        }
    }

    /// Whether the port's membership ends because no host is left.
    pub(super) fn no_host_left(&self, key: GroupKey, id: PgId) -> bool {
        self.groups.pg(key, id).is_some_and(|pg| {
            let fast_leave = self.ports.get(&pg.port).is_some_and(|it| it.fast_leave);
            fast_leave && pg.hosts.is_empty()
        })
    }

    /// `__eht_create_set_entries`.
    fn enter_sets(
        &mut self,
        scope: Scope,
        key: GroupKey,
        id: PgId,
        host: IpAddr,
        mode: FilterMode,
        sources: Sources<'_>,
    ) {
        for source in sources.iter() {
            self.enter_set(scope, key, id, source, host, mode, false);
        }
    }

    /// A host's sources end, and with the last host the source itself (`__eht_del_set_entries`).
    fn leave_sets(&mut self, key: GroupKey, id: PgId, host: IpAddr, sources: Sources<'_>) {
        for source in sources.iter() {
            if self.leave_set(key, id, source, host) {
                self.delete_source(key, id, source, true);
            }
        }
    }

    /// A host says all that it wants: `__eht_inc_exc` and `br_eht_convert_host_filter_mode`. `change`: it
    /// changes to that, rather than repeating it.
    #[allow(clippy::too_many_arguments)] // the parts of one record
    fn switch_mode(
        &mut self,
        scope: Scope,
        key: GroupKey,
        id: PgId,
        host: IpAddr,
        mode: FilterMode,
        sources: Sources<'_>,
        change: bool,
    ) {
        let Some(pg) = self.groups.pg(key, id) else {
            return;
        };
        let flush = change || pg.hosts.mode(host) != mode;
        if flush {
            self.forget_host(key, id, host);
        }
        self.enter_sets(scope, key, id, host, mode, sources);
        if flush {
            self.prune_sources(scope, key, id, mode == FilterMode::Include && change);
        }
        if let Some(pg) = self.groups.pg_mut(key, id)
            && let Some(it) = pg.hosts.hosts.get_mut(&host)
        {
            it.mode = mode;
        }
        match mode {
            FilterMode::Include => {
                self.leave_set(key, id, any(host), host);
            }
            FilterMode::Exclude => {
                self.enter_set(scope, key, id, any(host), host, mode, true);
            }
        }
    }

    /// Sources that no host names any more end. `asked`: those that are about to be asked for time out
    /// together with the answer.
    fn prune_sources(&mut self, scope: Scope, key: GroupKey, id: PgId, asked: bool) {
        let until = self.now + self.settings(scope).last_member_time();
        let Some(pg) = self.groups.pg(key, id) else {
            return;
        };
        for (address, send) in pg
            .sources
            .iter()
            .map(|source| (source.address, source.send))
            .collect::<Vec<_>>()
        {
            let set = self
                .groups
                .pg_mut(key, id)
                .and_then(|pg| pg.hosts.sets.get_mut(&address));
            match set {
                None => self.delete_source(key, id, address, true),
                Some(set) if asked && send => {
                    let timer = TimerKey::HostSet(key, id, address);
                    self.timers.set(timer, &mut set.timer, until);
                }
                Some(_) => {}
            }
        }
    }

    /// `br_multicast_create_eht_set_entry`. `all`: the source is the one that stands for all.
    #[allow(clippy::too_many_arguments)] // the parts of one entry
    fn enter_set(
        &mut self,
        scope: Scope,
        key: GroupKey,
        id: PgId,
        source: IpAddr,
        host: IpAddr,
        mode: FilterMode,
        all: bool,
    ) {
        if !all && source.is_unspecified() {
            return;
        }
        let until = self.now + self.settings(scope).membership_interval;
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return;
        };
        let Some(port) = self.ports.get_mut(&pg.port) else {
            return;
        };
        let hosts = &mut pg.hosts;
        let it = match hosts.hosts.entry(host) {
            Entry::Occupied(it) => it.into_mut(),
            Entry::Vacant(_) if port.hosts >= port.hosts_limit => return,
            Entry::Vacant(place) => {
                port.hosts += 1;
                place.insert(Host {
                    mode,
                    sources: Vec::new(),
                })
            }
        };
        if !it.sources.contains(&source) {
            let named = it.sources.iter().filter(|it| !it.is_unspecified());
            // A host that is known is in some set, so there is none to be forgotten with this one.
            if !all && named.count() >= MAX_SOURCES {
                return;
            }
            it.sources.insert(0, source);
        }
        let set = hosts.sets.entry(source).or_default();
        let entry = set.entries.entry(host).or_default();
        self.timers
            .set(TimerKey::HostEntry(key, id, source, host), entry, until);
        self.timers
            .set(TimerKey::HostSet(key, id, source), &mut set.timer, until);
    }

    /// `br_multicast_del_eht_set_entry`. `true` if it was the last of its set.
    fn leave_set(&mut self, key: GroupKey, id: PgId, source: IpAddr, host: IpAddr) -> bool {
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return false;
        };
        let Some(set) = pg.hosts.sets.get_mut(&source) else {
            return false;
        };
        let Some(mut timer) = set.entries.remove(&host) else {
            return false;
        };
        self.timers
            .cancel(TimerKey::HostEntry(key, id, source, host), &mut timer);
        let last = set.entries.is_empty();
        if last && let Some(mut set) = pg.hosts.sets.remove(&source) {
            self.timers
                .cancel(TimerKey::HostSet(key, id, source), &mut set.timer);
        }
        if let Some(it) = pg.hosts.hosts.get_mut(&host) {
            it.sources.retain(|it| *it != source);
            if it.sources.is_empty() {
                pg.hosts.hosts.remove(&host);
                if let Some(port) = self.ports.get_mut(&pg.port) {
                    port.hosts = port.hosts.saturating_sub(1);
                }
            }
        }
        last
    }

    /// `br_multicast_del_eht_host`.
    fn forget_host(&mut self, key: GroupKey, id: PgId, host: IpAddr) {
        let Some(pg) = self.groups.pg(key, id) else {
            return;
        };
        let sources = pg.hosts.hosts.get(&host).map(|it| it.sources.clone());
        for source in sources.unwrap_or_default() {
            self.leave_set(key, id, source, host);
        }
    }

    /// A membership that was taken out of its group forgets its hosts (`br_multicast_eht_clean_sets`).
    pub(super) fn forget_hosts(&mut self, key: GroupKey, pg: &mut PortGroup) {
        let hosts = std::mem::take(&mut pg.hosts);
        for (source, mut set) in hosts.sets {
            self.timers
                .cancel(TimerKey::HostSet(key, pg.id, source), &mut set.timer);
            for (host, mut timer) in set.entries {
                let entry = TimerKey::HostEntry(key, pg.id, source, host);
                self.timers.cancel(entry, &mut timer);
            }
        }
        if let Some(port) = self.ports.get_mut(&pg.port) {
            let gone = u32::try_from(hosts.hosts.len()).unwrap_or(u32::MAX);
            port.hosts = port.hosts.saturating_sub(gone);
        }
    }

    /// `br_multicast_eht_set_expired`.
    pub(super) fn host_set_expired(&mut self, key: GroupKey, id: PgId, source: IpAddr) {
        let now = self.now;
        let set = self
            .groups
            .pg_mut(key, id)
            .and_then(|pg| pg.hosts.sets.get_mut(&source));
        let Some(set) = set else {
            return;
        };
        if !fire(&mut set.timer, now) {
            return;
        }
        let hosts: Vec<IpAddr> = set.entries.keys().copied().collect();
        for host in hosts {
            self.leave_set(key, id, source, host);
        }
    }

    /// `br_multicast_eht_set_entry_expired`.
    pub(super) fn host_entry_expired(
        &mut self,
        key: GroupKey,
        id: PgId,
        source: IpAddr,
        host: IpAddr,
    ) {
        let now = self.now;
        let entry = self.groups.pg_mut(key, id).and_then(|pg| {
            let set = pg.hosts.sets.get_mut(&source)?;
            set.entries.get_mut(&host)
        });
        if entry.is_some_and(|timer| fire(timer, now)) {
            self.leave_set(key, id, source, host);
        }
    }

    /// Returns how many hosts are tracked behind a port (`mcast_eht_hosts_cnt`).
    #[must_use]
    pub fn tracked_hosts(&self, port: PortNo) -> u32 {
        self.ports.get(&port).map_or(0, |it| it.hosts)
    }
}

/// The family of an address.
pub(super) const fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}
