//! The sources of groups: what follows from a port's list of them for (S, G), and what from (S, G) for the
//! ports that want all sources.

use std::net::IpAddr;

use super::groups::{FilterMode, Joiner, MAX_SOURCES, PROTOCOL_KERNEL, PgId, PortGroup, Source};
use super::timers::{Timer, TimerKey};
use super::{Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::GroupKey;
use crate::time::Instant;
use crate::wire::MacAddr;

impl Snooping {
    /// A source has not been reported for too long (`br_multicast_group_src_expired`).
    pub(super) fn source_expired(&mut self, key: GroupKey, id: PgId, address: IpAddr) {
        let Some(pg) = self.groups.pg(key, id).filter(|_| self.up) else {
            return;
        };
        if pg.mode == FilterMode::Include {
            self.delete_source(key, id, address, false);
            let empty = |pg: &PortGroup| pg.sources.is_empty();
            if self.groups.pg(key, id).is_some_and(empty) {
                self.delete_pg(key, id);
            }
        } else {
            self.forward_source(key, id, address);
        }
    }

    /// Adds a source to a port's list (`br_multicast_new_group_src`). `false`: there is no room, or nobody
    /// can have that address.
    pub(super) fn new_source(&mut self, key: GroupKey, id: PgId, address: IpAddr) -> bool {
        let impossible = match address {
            IpAddr::V4(it) => it.octets()[0] == 0 || it.is_multicast(),
            IpAddr::V6(it) => it.is_unspecified() || it.is_multicast(),
        };
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return false;
        };
        if impossible || pg.sources.len() >= MAX_SOURCES {
            return false;
        }
        let source = Source {
            address,
            timer: Timer::default(),
            rexmit_count: 0,
            delete: false,
            send: false,
            installed: false,
            user: false,
        };
        pg.sources.insert(0, source);
        true
    }

    /// Takes a source and its (S, G) away (`br_multicast_del_group_src`).
    pub(super) fn delete_source(
        &mut self,
        key: GroupKey,
        id: PgId,
        address: IpAddr,
        fast_leave: bool,
    ) {
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return;
        };
        let (port, mac) = (pg.port, pg.mac);
        let Some(place) = pg.sources.iter().position(|it| it.address == address) else {
            return;
        };
        let mut source = pg.sources.remove(place);
        self.timers
            .cancel(TimerKey::Source(key, id, address), &mut source.timer);
        self.remove_forwarding(key, port, mac, source, fast_leave);
    }

    /// Takes a source out of a list without touching its (S, G) (`__br_multicast_del_group_src`).
    pub(super) fn unlist_source(&mut self, key: GroupKey, id: PgId, address: IpAddr) {
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return;
        };
        if let Some(place) = pg.sources.iter().position(|it| it.address == address) {
            let mut source = pg.sources.remove(place);
            self.timers
                .cancel(TimerKey::Source(key, id, address), &mut source.timer);
        }
    }

    /// Restarts a source's timer, and forwards from it (`__grp_src_mod_timer`).
    pub(super) fn keep_source(&mut self, key: GroupKey, id: PgId, address: IpAddr, until: Instant) {
        if let Some(source) = self.groups.source_mut(key, id, address) {
            self.timers
                .set(TimerKey::Source(key, id, address), &mut source.timer, until);
        }
        self.forward_source(key, id, address);
    }

    /// Makes the port a member of (S, G), and blocked there if the source's time is over
    /// (`br_multicast_fwd_src_handle`).
    pub(super) fn forward_source(&mut self, key: GroupKey, id: PgId, address: IpAddr) {
        self.add_forwarding(key, id, address);
        let Some(pg) = self.groups.pg(key, id) else {
            return;
        };
        let port = pg.port;
        let Some(pending) = pg.source(address).map(|source| source.timer.pending()) else {
            return;
        };
        let single = key.with_source(address);
        if let Some(id) = self.groups.of_port(single, port)
            && let Some(group) = self.groups.pg_mut(single, id)
            && !group.flags.permanent
        {
            group.flags.blocked = !pending;
            self.changed.insert(single);
        }
    }

    /// `br_multicast_fwd_src_add`.
    fn add_forwarding(&mut self, key: GroupKey, id: PgId, address: IpAddr) {
        let Some(pg) = self.groups.pg(key, id) else {
            return;
        };
        let Some(source) = pg.source(address).filter(|source| !source.installed) else {
            return;
        };
        let (port, mac, blocked) = (pg.port, pg.mac, !source.timer.pending());
        let Some(scope) = self.scope_of(port, key.vid) else {
            return;
        };
        let single = key.with_source(address);
        let joiner = Joiner {
            scope,
            port: Some(port),
            mac,
        };
        let Ok(Some(group)) = self.add_group(joiner, single, FilterMode::Include, false, blocked)
        else {
            return;
        };
        if let Some(source) = self.groups.source_mut(key, id, address) {
            source.installed = true;
        }
        let Some(sg) = self.groups.pg_mut(single, group) else {
            return;
        };
        sg.flags.star_excl = false;
        if sg.protocol != PROTOCOL_KERNEL && sg.flags.permanent {
            return;
        }
        self.cancel_group_timer(single, group);
        self.add_exclude_ports(key, single, group);
    }

    /// `br_multicast_fwd_src_remove`.
    pub(super) fn remove_forwarding(
        &mut self,
        key: GroupKey,
        port: PortNo,
        mac: Option<MacAddr>,
        source: Source,
        fast_leave: bool,
    ) {
        let single = key.with_source(source.address);
        let Some(id) = self.find_member(single, port, mac) else {
            return;
        };
        let Some(pg) = self.groups.pg_mut(single, id) else {
            return;
        };
        if pg.protocol != PROTOCOL_KERNEL && pg.flags.permanent && !source.user {
            return;
        }
        pg.flags.fast_leave |= fast_leave;
        self.delete_pg(single, id);
    }

    /// The context that a port's membership belongs to (`br_multicast_pg_to_port_ctx`).
    pub(super) fn scope_of(&self, port: PortNo, vid: u16) -> Option<Scope> {
        if vid == 0 || !self.vlan_snooping {
            return Some(Scope::Bridge);
        }
        let vlan = self.ports.get(&port)?.vlans.get(&vid)?;
        vlan.enabled.then_some(Scope::Vlan(vid))
    }

    /// A port begins or ceases to want all sources: it joins the (S, G)s that others' sources made, or
    /// leaves them (`br_multicast_star_g_handle_mode`).
    pub(super) fn handle_mode(
        &mut self,
        key: GroupKey,
        id: PgId,
        port: PortNo,
        mac: Option<MacAddr>,
        mode: FilterMode,
    ) {
        let Some(scope) = self.scope_of(port, key.vid) else {
            return;
        };
        let Some(entry) = self.groups.get(key) else {
            return;
        };
        let others = entry.ports.iter().filter(|pg| pg.id != id);
        let installed: Vec<IpAddr> = others
            .flat_map(|pg| &pg.sources)
            .filter(|source| source.installed)
            .map(|source| source.address)
            .collect();
        for source in installed {
            let single = key.with_source(source);
            match mode {
                FilterMode::Include => self.delete_star_excl(single, port),
                FilterMode::Exclude => self.add_star_excl(scope, single, port, mac),
            }
        }
    }

    /// `__fwd_add_star_excl`.
    fn add_star_excl(
        &mut self,
        scope: Scope,
        single: GroupKey,
        port: PortNo,
        mac: Option<MacAddr>,
    ) {
        if self.groups.of_port(single, port).is_some() {
            return;
        }
        let joiner = Joiner {
            scope,
            port: Some(port),
            mac,
        };
        if let Ok(Some(id)) = self.add_group(joiner, single, FilterMode::Include, false, false)
            && let Some(pg) = self.groups.pg_mut(single, id)
            && pg.protocol == PROTOCOL_KERNEL
        {
            pg.flags.star_excl = true;
        }
    }

    /// `__fwd_del_star_excl`.
    fn delete_star_excl(&mut self, single: GroupKey, port: PortNo) {
        if let Some(id) = self.groups.of_port(single, port)
            && let Some(pg) = self.groups.pg(single, id)
            && pg.flags.star_excl
            && pg.protocol == PROTOCOL_KERNEL
        {
            self.delete_pg(single, id);
        }
    }

    /// A new (S, G) gets the ports that want all sources, and the host
    /// (`br_multicast_sg_add_exclude_ports`).
    pub(super) fn add_exclude_ports(&mut self, star: GroupKey, single: GroupKey, new: PgId) {
        let Some(entry) = self.groups.get(star) else {
            return;
        };
        let wants_all = |pg: &&PortGroup| pg.mode == FilterMode::Exclude;
        let ports: Vec<PortNo> = entry
            .ports
            .iter()
            .filter(wants_all)
            .map(|pg| pg.port)
            .collect();
        if entry.host_joined
            && let Some(entry) = self.groups.get_mut(single)
        {
            entry.host_joined = true;
            self.changed.insert(single);
        }
        let mac = self.groups.pg(single, new).and_then(|pg| pg.mac);
        for port in ports {
            if let Some(scope) = self.scope_of(port, star.vid) {
                self.add_star_excl(scope, single, port, mac);
            }
        }
    }

    /// An (S, G) that nobody wants for itself any more ends (`br_multicast_sg_del_exclude_ports`).
    pub(super) fn delete_exclude_ports(&mut self, single: GroupKey) {
        let Some(entry) = self.groups.get_mut(single) else {
            return;
        };
        let for_itself = |pg: &PortGroup| !pg.flags.star_excl && !pg.flags.permanent;
        if entry.ports.iter().any(for_itself) {
            return;
        }
        entry.host_joined = false;
        let passing = entry.ports.iter().filter(|pg| !pg.flags.permanent);
        let passing: Vec<PgId> = passing.map(|pg| pg.id).collect();
        for id in passing {
            self.delete_pg_and(single, id, false);
        }
    }
}
