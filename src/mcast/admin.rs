//! What the netdevs' side tells: options, ports that come and go, the bridge's own state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::context::{Context, PortContext, PortRouter, Settings};
use super::groups::{Groups, PgId};
use super::timers::{TimerKey, Timers};
use super::{Addresses, Port, Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::{Family, GroupKey, HostRouter};
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};

/// `mcast_hash_max` unless a command says otherwise (`BR_MULTICAST_DEFAULT_HASH_MAX`).
pub const DEFAULT_HASH_MAX: u32 = 4096;
/// `mcast_eht_hosts_limit`, which iproute2 cannot change (`BR_MCAST_DEFAULT_EHT_HOSTS_LIMIT`).
const HOSTS_LIMIT: u32 = 512;
/// Bounds of the query intervals; the kernel takes the nearer one for what is beyond.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// The value of an option is none that it can have (`EINVAL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidValue;

impl Default for Snooping {
    fn default() -> Self {
        Self::new()
    }
}

impl Snooping {
    /// Makes the snooping of a bridge without ports, which is down (`br_multicast_init`).
    #[must_use]
    pub fn new() -> Self {
        let machine = Self {
            now: Instant::ZERO,
            on: true,
            up: false,
            vlan_snooping: false,
            use_ifaddr: false,
            stats: false,
            has_ipv6: true,
            hash_max: DEFAULT_HASH_MAX,
            addresses: Addresses::default(),
            context: Context::default(),
            vlans: BTreeMap::new(),
            ports: BTreeMap::new(),
            groups: Groups::default(),
            timers: Timers::default(),
            changed: Default::default(),
            limited: Default::default(),
            outputs: VecDeque::new(),
            mdb: Arc::default(),
        };
        machine.publish_settings(Scope::Bridge);
        machine
    }

    /// Whether snooping is on: `mcast_snooping`, unless there were too many groups.
    #[must_use]
    pub const fn on(&self) -> bool {
        self.on
    }

    /// Whether there is a context per VLAN (`mcast_vlan_snooping`).
    #[must_use]
    pub const fn vlan_snooping(&self) -> bool {
        self.vlan_snooping
    }

    /// Returns the settings of a context, if there is that context.
    #[must_use]
    pub fn settings_of(&self, scope: Scope) -> Option<Settings> {
        self.context(scope).map(|context| context.settings)
    }

    /// Returns `mcast_hash_max`.
    #[must_use]
    pub const fn hash_max(&self) -> u32 {
        self.hash_max
    }

    /// Returns `mcast_query_use_ifaddr`.
    #[must_use]
    pub const fn use_ifaddr(&self) -> bool {
        self.use_ifaddr
    }

    /// Returns `mcast_stats_enabled`.
    #[must_use]
    pub const fn stats(&self) -> bool {
        self.stats
    }

    /// Returns `mcast_router` of a port.
    #[must_use]
    pub fn port_router(&self, port: PortNo, scope: Scope) -> Option<PortRouter> {
        self.port_context(port, scope).map(|it| it.router)
    }

    /// Returns `mcast_n_groups` and `mcast_max_groups` of a port.
    #[must_use]
    pub fn port_groups(&self, port: PortNo, scope: Scope) -> Option<(u32, u32)> {
        let context = self.port_context(port, scope)?;
        let groups = match scope {
            Scope::Bridge => self.ports.get(&port)?.groups,
            Scope::Vlan(vid) => self.groups_of(port, vid),
        };
        Some((groups, context.max_groups))
    }

    /// Says what the bridge's own addresses are.
    pub const fn set_addresses(&mut self, addresses: Addresses) {
        self.addresses = addresses;
    }

    /// Sets `mcast_hash_max`.
    pub const fn set_hash_max(&mut self, max: u32) {
        self.hash_max = max;
    }

    /// Sets `mcast_query_use_ifaddr`.
    pub const fn set_use_ifaddr(&mut self, on: bool) {
        self.use_ifaddr = on;
    }

    /// Sets `mcast_stats_enabled`.
    pub const fn set_stats(&mut self, on: bool) {
        self.stats = on;
    }

    /// The bridge is set up or down (`br_multicast_open`, `br_multicast_stop`). Its ports' states follow by
    /// [`Self::set_port_state`] and so on: after being set up, before the end of being set down.
    pub fn set_up(&mut self, now: Instant, up: bool) {
        self.now = now;
        if self.up == up {
            return;
        }
        self.up = up;
        for scope in self.own_scopes() {
            if up {
                self.open(scope);
            } else {
                self.stop(scope);
            }
        }
        self.finish();
    }

    /// The contexts in which the bridge itself takes part.
    fn own_scopes(&self) -> Vec<Scope> {
        if !self.vlan_snooping {
            return vec![Scope::Bridge];
        }
        let vlans = self.vlans.iter().filter(|(_, it)| it.host && it.enabled);
        vlans.map(|(vid, _)| Scope::Vlan(*vid)).collect()
    }

    /// `__br_multicast_open`.
    pub(super) fn open(&mut self, scope: Scope) {
        for family in Family::ALL {
            self.open_query(scope, family);
        }
    }

    /// `__br_multicast_stop`.
    pub(super) fn stop(&mut self, scope: Scope) {
        let Some(context) = context_mut!(self, scope) else {
            return;
        };
        for family in Family::ALL {
            let shared = &context.shared;
            shared.set_host_router_until(family, Instant::ZERO);
            shared.set_settling_until(family, Instant::ZERO);
            shared.set_querier_until(family, Instant::ZERO);
        }
        for family in Family::ALL {
            let querier = context.querier_mut(family);
            let key = TimerKey::OtherQuerier(scope, family);
            self.timers.cancel(key, &mut querier.other);
            let key = TimerKey::OwnQuery(scope, family);
            self.timers.cancel(key, &mut querier.own.timer);
        }
    }

    /// A netdev joins the bridge, disabled (`br_multicast_add_port`).
    pub fn add_port(&mut self, port: PortNo) {
        let new = Port {
            state: PortState::Disabled,
            context: PortContext::default(),
            vlans: BTreeMap::new(),
            fast_leave: false,
            to_unicast: false,
            groups: 0,
            hosts: 0,
            hosts_limit: HOSTS_LIMIT,
        };
        self.ports.insert(port, new);
    }

    /// A netdev leaves the bridge (`br_multicast_del_port`).
    pub fn remove_port(&mut self, now: Instant, port: PortNo) {
        self.now = now;
        self.disable_port_now(port);
        for (key, id) in self.memberships(port, |_, _| true) {
            self.delete_pg(key, id);
        }
        let scopes: Vec<Scope> = self.port_scopes(port);
        for scope in scopes {
            self.stop_port(port, scope);
        }
        self.ports.remove(&port);
        self.publish_all_routers();
        self.finish();
    }

    /// Returns a port's memberships that a condition holds for: (VID, permanent).
    pub(super) fn memberships(
        &self,
        port: PortNo,
        wanted: impl Fn(u16, bool) -> bool,
    ) -> Vec<(GroupKey, PgId)> {
        let of_group = |(key, entry): (GroupKey, &super::groups::Entry)| {
            let ports = entry.ports.iter().filter(|pg| pg.port == port);
            let ids = ports.filter(|pg| wanted(key.vid, pg.flags.permanent));
            ids.map(|pg| (key, pg.id)).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).collect()
    }

    /// All contexts of a port.
    fn port_scopes(&self, port: PortNo) -> Vec<Scope> {
        let vlans = self.ports.get(&port).map(|it| it.vlans.keys().copied());
        let vlans = vlans.into_iter().flatten().map(Scope::Vlan);
        std::iter::once(Scope::Bridge).chain(vlans).collect()
    }

    /// Notes the state of a port in the spanning tree.
    pub fn set_port_state(&mut self, port: PortNo, state: PortState) {
        if let Some(it) = self.ports.get_mut(&port) {
            it.state = state;
        }
    }

    /// The bridge chose the states of its ports anew: those that are not blocking query from the
    /// beginning (`br_port_state_selection`).
    pub fn ports_selected(&mut self, now: Instant) {
        self.now = now;
        let open = |state| !matches!(state, PortState::Disabled | PortState::Blocking);
        let ports = self.ports.iter().filter(|(_, it)| open(it.state));
        let ports: Vec<PortNo> = ports.map(|(port, _)| *port).collect();
        for port in ports {
            self.enable_port(port);
        }
        self.finish();
    }

    /// `br_multicast_enable_port`.
    fn enable_port(&mut self, port: PortNo) {
        if !self.vlan_snooping {
            return self.enable_port_context(port, Scope::Bridge);
        }
        let Some(it) = self.ports.get(&port) else {
            return;
        };
        let vlans: Vec<(u16, bool)> = it
            .vlans
            .iter()
            .map(|(vid, vlan)| (*vid, vlan.state.learns()))
            .collect();
        for (vid, learns) in vlans {
            if learns {
                self.enable_port_context(port, Scope::Vlan(vid));
            } else {
                self.disable_port_context(port, Scope::Vlan(vid));
            }
        }
    }

    /// A port is down (`br_multicast_disable_port`).
    pub fn disable_port(&mut self, now: Instant, port: PortNo) {
        self.now = now;
        self.disable_port_now(port);
        self.finish();
    }

    fn disable_port_now(&mut self, port: PortNo) {
        if !self.vlan_snooping {
            return self.disable_port_context(port, Scope::Bridge);
        }
        let scopes = self.port_scopes(port).into_iter();
        for scope in scopes.filter(|scope| *scope != Scope::Bridge) {
            self.disable_port_context(port, scope);
        }
    }

    /// Whether a VLAN of a port is not in use, so that nothing is to be enabled or disabled.
    fn vlan_of_port_unused(&self, port: PortNo, scope: Scope) -> bool {
        match scope {
            Scope::Bridge => false,
            Scope::Vlan(vid) => {
                let vlan = self.ports.get(&port).and_then(|it| it.vlans.get(&vid));
                vlan.is_none_or(|vlan| !vlan.enabled)
            }
        }
    }

    /// `br_multicast_enable_port_ctx`.
    pub(super) fn enable_port_context(&mut self, port: PortNo, scope: Scope) {
        if self.vlan_of_port_unused(port, scope) || !self.on || !self.up {
            return;
        }
        for family in Family::ALL {
            self.enable_port_query(port, scope, family);
        }
        if let Some(it) = self.port_context_mut(port, scope)
            && it.router == PortRouter::Always
        {
            for family in Family::ALL {
                it.family_mut(family).is_router = true;
            }
            self.publish_routers(scope);
        }
    }

    /// `br_multicast_disable_port_ctx`.
    pub(super) fn disable_port_context(&mut self, port: PortNo, scope: Scope) {
        if !self.vlan_of_port_unused(port, scope) {
            self.disable_port_context_now(port, scope);
        }
    }

    /// `__br_multicast_disable_port_ctx`.
    pub(super) fn disable_port_context_now(&mut self, port: PortNo, scope: Scope) {
        let of_scope = |vid: u16, permanent: bool| {
            !permanent && (scope == Scope::Bridge || scope == Scope::Vlan(vid))
        };
        for (key, id) in self.memberships(port, of_scope) {
            self.delete_pg(key, id);
        }
        self.stop_port(port, scope);
    }

    /// A port's own queries and its being a router end.
    fn stop_port(&mut self, port: PortNo, scope: Scope) {
        let Some(it) = port_context_mut!(self, port, scope) else {
            return;
        };
        let mut deleted = false;
        for family in Family::ALL {
            let part = it.family_mut(family);
            deleted |= std::mem::take(&mut part.is_router);
            let key = TimerKey::PortRouter(port, scope, family);
            self.timers.cancel(key, &mut part.router);
            let key = TimerKey::PortQuery(port, scope, family);
            self.timers.cancel(key, &mut part.own.timer);
        }
        self.router_deleted(port, scope, deleted);
    }

    /// Sets `fastleave` and `mcast_to_unicast` of a port.
    pub fn set_port_flags(&mut self, port: PortNo, fast_leave: bool, to_unicast: bool) {
        let Some(it) = self.ports.get_mut(&port) else {
            return;
        };
        it.fast_leave = fast_leave;
        if it.to_unicast != to_unicast {
            it.to_unicast = to_unicast;
            self.change_all_groups();
        }
    }

    /// Sets `mcast_max_groups` of a port; 0 for no limit.
    pub fn set_port_max_groups(&mut self, port: PortNo, scope: Scope, max: u32) {
        if let Some(context) = self.port_context_mut(port, scope) {
            context.max_groups = max;
            self.limited.insert((port, scope));
            self.publish_rooms();
        }
    }

    /// Tells workers how many more groups the ports with a limit may be in.
    pub(super) fn publish_rooms(&mut self) {
        let limited: Vec<_> = self.limited.iter().copied().collect();
        for (port, scope) in limited {
            let (vid, in_use) = match scope {
                Scope::Bridge => (0, true),
                Scope::Vlan(vid) => (vid, !self.vlan_of_port_unused(port, scope)),
            };
            let groups = self.port_groups(port, scope).filter(|(_, max)| *max != 0);
            let room = groups.map(|(n, max)| max.saturating_sub(n));
            self.mdb.set_room(port, vid, room.filter(|_| in_use));
            if room.is_none() {
                self.limited.remove(&(port, scope));
            }
        }
    }

    /// Sets `mcast_router` of a port (`br_multicast_set_port_router`).
    ///
    /// # Errors
    /// [`InvalidValue`] above 3.
    pub fn set_port_router(
        &mut self,
        now: Instant,
        port: PortNo,
        scope: Scope,
        value: u8,
    ) -> Result<(), InvalidValue> {
        self.now = now;
        let router = PortRouter::new(value).ok_or(InvalidValue)?;
        let until = now + self.settings(scope).querier_interval;
        let Some(it) = port_context_mut!(self, port, scope) else {
            return Ok(());
        };
        let same = it.router == router;
        it.router = router;
        let mut deleted = false;
        for family in Family::ALL {
            let part = it.family_mut(family);
            let key = TimerKey::PortRouter(port, scope, family);
            match router {
                PortRouter::Temporary if same => {
                    self.timers.set(key, &mut part.router, until);
                }
                _ if same => {}
                PortRouter::Never => {
                    deleted |= std::mem::take(&mut part.is_router);
                    self.timers.cancel(key, &mut part.router);
                }
                PortRouter::Learned => deleted |= std::mem::take(&mut part.is_router),
                PortRouter::Always => {
                    self.timers.cancel(key, &mut part.router);
                    part.is_router = true;
                }
                PortRouter::Temporary => {}
            }
        }
        if router == PortRouter::Temporary && !same {
            for family in Family::ALL {
                self.mark_router(scope, Some(port), family);
            }
        }
        self.router_deleted(port, scope, deleted);
        Ok(())
    }

    /// Sets `mcast_router` of the bridge itself (`br_multicast_set_router`).
    ///
    /// # Errors
    /// [`InvalidValue`] above 2.
    pub fn set_router(&mut self, scope: Scope, value: u8) -> Result<(), InvalidValue> {
        let router = HostRouter::new(value).ok_or(InvalidValue)?;
        let Some(context) = self.context_mut(scope) else {
            return Ok(());
        };
        context.settings.router = router;
        if router != HostRouter::Learned {
            for family in Family::ALL {
                context.shared.set_host_router_until(family, Instant::ZERO);
            }
        }
        self.publish_settings(scope);
        Ok(())
    }

    /// Sets `mcast_snooping` (`br_multicast_toggle`).
    pub fn set_snooping(&mut self, now: Instant, on: bool) {
        self.now = now;
        if self.on == on {
            return;
        }
        self.on = on;
        let ports: Vec<PortNo> = self.ports.keys().copied().collect();
        if !on {
            if !self.vlan_snooping {
                for port in ports {
                    self.disable_port_context_now(port, Scope::Bridge);
                }
            }
        } else if self.up {
            for scope in self.own_scopes() {
                self.open(scope);
            }
            if !self.vlan_snooping {
                for port in ports {
                    self.enable_port_context(port, Scope::Bridge);
                }
            }
        }
        self.finish();
    }

    /// Sets `mcast_querier` (`br_multicast_set_querier`).
    pub fn set_querier(&mut self, now: Instant, scope: Scope, on: bool) {
        self.now = now;
        let Some(context) = self.context_mut(scope) else {
            return;
        };
        if std::mem::replace(&mut context.settings.querier, on) == on {
            return;
        }
        if on {
            let until = now + context.settings.query_response_interval;
            for family in Family::ALL {
                if !context.querier(family).other.pending() {
                    context.shared.set_settling_until(family, until);
                }
            }
            for family in Family::ALL {
                self.start_querier(scope, family);
            }
        }
        self.publish_settings(scope);
        self.finish();
    }

    /// Sets `mcast_igmp_version`.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything but 2 and 3.
    pub fn set_igmp_version(&mut self, scope: Scope, version: u8) -> Result<(), InvalidValue> {
        if !matches!(version, 2 | 3) {
            return Err(InvalidValue);
        }
        self.change(scope, |settings| settings.igmp_version = version);
        Ok(())
    }

    /// Sets `mcast_mld_version`.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything but 1 and 2.
    pub fn set_mld_version(&mut self, scope: Scope, version: u8) -> Result<(), InvalidValue> {
        if !matches!(version, 1 | 2) {
            return Err(InvalidValue);
        }
        self.change(scope, |settings| settings.mld_version = version);
        Ok(())
    }

    /// Changes settings that need nothing else done: numbers and intervals. Query intervals are brought
    /// into their bounds (`br_multicast_set_query_intvl`).
    pub fn change(&mut self, scope: Scope, change: impl FnOnce(&mut Settings)) {
        let Some(context) = self.context_mut(scope) else {
            return;
        };
        let settings = &mut context.settings;
        change(settings);
        for interval in [
            &mut settings.query_interval,
            &mut settings.startup_query_interval,
        ] {
            *interval = (*interval).clamp(INTERVALS.0, INTERVALS.1);
        }
        self.publish_settings(scope);
        self.change_all_groups();
    }

    /// Tells workers about every group anew.
    pub(super) fn change_all_groups(&mut self) {
        self.changed.extend(self.groups.iter().map(|(key, _)| key));
        self.finish();
    }

    /// Tells workers what a context's settings mean for them.
    pub(super) fn publish_settings(&self, scope: Scope) {
        let Some(context) = self.context(scope) else {
            return;
        };
        let Context {
            settings, shared, ..
        } = context;
        for family in Family::ALL {
            let can_query = family == Family::V4 || self.has_ipv6;
            shared.set_own_querier(family, settings.querier && can_query);
            shared.set_by_source(family, settings.by_source(family));
        }
        shared.set_host_router(settings.router);
    }

    /// Tells workers about the settings of all contexts.
    pub(super) fn publish_queriers(&self) {
        self.publish_settings(Scope::Bridge);
        for vid in self.vlans.keys() {
            self.publish_settings(Scope::Vlan(*vid));
        }
    }

    fn publish_all_routers(&self) {
        self.publish_routers(Scope::Bridge);
        for vid in self.vlans.keys() {
            self.publish_routers(Scope::Vlan(*vid));
        }
    }
}
