//! Who asks: other queriers and routers, the bridge's own queries, and what happens when a host leaves.

use std::net::IpAddr;
use std::sync::Arc;

use super::context::PortRouter;
use super::groups::{FilterMode, PgId};
use super::hosts::family_of;
use super::reports::is_never_snooped;
use super::send::Question;
use super::timers::TimerKey;
use super::{Scope, Sender, Snooping};
use crate::switch::mdb::{Family, Group, GroupKey, HostRouter};
use crate::switch::{PortNo, PortSet};
use crate::time::{Duration, Instant};
use crate::wire::membership::Query;

/// What IGMPv1 hosts take to answer.
const V1_RESPONSE: Duration = Duration::from_secs(10);
/// One tick of the kernel's clock: the shortest time that it takes a version 3 response to be.
const TICK: Duration = Duration::from_millis(4);

impl Snooping {
    /// A query came in (`br_ip4_multicast_query`, `br_ip6_multicast_query`).
    pub(super) fn query(&mut self, family: Family, sender: Sender, query: Query) {
        let Sender {
            scope, port, vid, ..
        } = sender;
        if !self.should_use(scope, port) {
            return;
        }
        let settings = self.settings(scope);
        let general = query.group.is_unspecified();
        let mut max_delay = query.max_response;
        let mut group = Some(query.group).filter(|_| !general);
        if query.with_sources {
            if settings.by_source(family) && !general && query.suppress {
                return;
            }
            if query.sources != 0 {
                return;
            }
            max_delay = max_delay.max(TICK);
        } else if max_delay.is_zero() {
            match family {
                Family::V4 => (max_delay, group) = (V1_RESPONSE, None),
                Family::V6 => return,
            }
        }
        let Some(group) = group else {
            return self.general_query(family, sender, max_delay);
        };
        let until = self.now + max_delay.saturating_mul(settings.last_member_count);
        let key = GroupKey {
            vid,
            group: Group::any_source(group),
        };
        let Some(entry) = self.groups.get_mut(key) else {
            return;
        };
        if entry.host_joined {
            self.timers
                .lower(TimerKey::Host(key), &mut entry.timer, until);
        }
        let old = !settings.by_source(family);
        for pg in &mut entry.ports {
            if pg.timer.pending() || old || pg.mode == FilterMode::Exclude {
                self.timers
                    .lower(TimerKey::Group(key, pg.id), &mut pg.timer, until);
            }
        }
    }

    /// `br_ip4_multicast_query_received`, `br_ip6_multicast_query_received`.
    fn general_query(&mut self, family: Family, sender: Sender, max_delay: Duration) {
        let Sender {
            scope,
            port,
            address,
            ..
        } = sender;
        if !self.select_querier(scope, family, port, address) {
            return;
        }
        let now = self.now;
        let until = now + self.settings(scope).querier_interval;
        let Some(context) = context_mut!(self, scope) else {
            return;
        };
        let shared = Arc::clone(&context.shared);
        let querier = context.querier_mut(family);
        if !querier.other.pending() {
            shared.set_settling_until(family, now + max_delay);
        }
        let key = TimerKey::OtherQuerier(scope, family);
        self.timers.set(key, &mut querier.other, until);
        shared.set_querier_until(family, until);
        self.mark_router(scope, port, family);
    }

    /// The lowest address queries (RFC 3376 6.6.2; `br_multicast_select_querier`).
    fn select_querier(
        &mut self,
        scope: Scope,
        family: Family,
        port: Option<PortNo>,
        address: IpAddr,
    ) -> bool {
        let Some(context) = self.context_mut(scope) else {
            return false;
        };
        let querier = context.querier_mut(family);
        let wins = match (querier.address, family) {
            // In the kernel no address at all is lower than an IPv6 querier that is not known.
            (None, Family::V4) => true,
            (None, Family::V6) => address.is_unspecified(),
            (Some(known), _) => address <= known,
        };
        if !wins && (querier.own.timer.pending() || querier.other.pending()) {
            return false;
        }
        querier.address = Some(address).filter(|it| !it.is_unspecified());
        querier.port = port;
        true
    }

    /// There is a router behind a port, or (`None`) the bridge's own stack is one
    /// (`br_multicast_mark_router`).
    pub(super) fn mark_router(&mut self, scope: Scope, port: Option<PortNo>, family: Family) {
        if !self.should_use(scope, port) {
            return;
        }
        let now = self.now;
        let until = now + self.settings(scope).querier_interval;
        let Some(port) = port else {
            let Some(context) = self.context_mut(scope) else {
                return;
            };
            if context.settings.router == HostRouter::Learned {
                context.shared.set_host_router_until(family, until);
            }
            return;
        };
        let Some(it) = port_context_mut!(self, port, scope) else {
            return;
        };
        if matches!(it.router, PortRouter::Never | PortRouter::Always) {
            return;
        }
        let key = TimerKey::PortRouter(port, scope, family);
        let part = it.family_mut(family);
        part.is_router = true;
        self.timers.set(key, &mut part.router, until);
        self.publish_routers(scope);
    }

    /// `br_multicast_router_expired`.
    pub(super) fn router_gone(&mut self, port: PortNo, scope: Scope, family: Family) {
        let Some(it) = self.port_context_mut(port, scope) else {
            return;
        };
        if matches!(it.router, PortRouter::Never | PortRouter::Always) {
            return;
        }
        let was = std::mem::take(&mut it.family_mut(family).is_router);
        self.router_deleted(port, scope, was);
    }

    /// `br_multicast_rport_del_notify`: a temporary router is not one for ever.
    pub(super) fn router_deleted(&mut self, port: PortNo, scope: Scope, deleted: bool) {
        if let Some(it) = self.port_context_mut(port, scope)
            && deleted
            && !it.is_router()
            && it.router == PortRouter::Temporary
        {
            it.router = PortRouter::Learned;
        }
        self.publish_routers(scope);
    }

    /// Tells workers behind which ports there are routers.
    pub(super) fn publish_routers(&self, scope: Scope) {
        let Some(context) = self.context(scope) else {
            return;
        };
        for family in Family::ALL {
            let is = |port: &&PortNo| {
                let context = self.port_context(**port, scope);
                context.is_some_and(|it| it.family(family).is_router)
            };
            let ports: PortSet = self.ports.keys().filter(is).copied().collect();
            context.shared.set_routers(family, ports);
        }
    }

    /// Somebody leaves a group, in a version without sources (`br_multicast_leave_group`).
    pub(super) fn leave(&mut self, sender: Sender, group: IpAddr) {
        let Sender { scope, port, .. } = sender;
        let key = sender.key(group);
        if is_never_snooped(group)
            || !self.should_use(scope, port)
            || self.groups.get(key).is_none()
        {
            return;
        }
        let member = port.and_then(|port| self.find_member(key, port, Some(sender.mac)));
        let fast = |port| self.ports.get(&port).is_some_and(|it| it.fast_leave);
        if port.is_some_and(fast) {
            if let Some(id) = member
                && let Some(pg) = self.groups.pg_mut(key, id)
                && !pg.flags.permanent
            {
                pg.flags.fast_leave = true;
                self.delete_pg(key, id);
            }
            return;
        }
        let family = family_of(group);
        let Some(context) = self.context(scope) else {
            return;
        };
        if context.querier(family).other.pending() {
            return;
        }
        let settings = context.settings;
        let until = self.now + settings.last_member_time();
        if settings.querier {
            let question = Question {
                family,
                group: Some(group),
                about: None,
                to_group: false,
                with_sources: false,
                suppress: false,
            };
            self.send_query(scope, port, question);
            self.set_own_query(scope, port, family, until);
            if let Some(id) = member {
                self.lower_group_timer(key, id, until);
            }
        }
        let Some(port) = port else {
            if let Some(entry) = self.groups.get_mut(key)
                && entry.host_joined
            {
                self.timers
                    .lower(TimerKey::Host(key), &mut entry.timer, until);
            }
            return;
        };
        let of_port = self.groups.get(key).and_then(|entry| {
            let mut ports = entry.ports.iter();
            ports.find(|pg| pg.port == port).map(|pg| pg.id)
        });
        if let Some(id) = of_port {
            self.lower_group_timer(key, id, until);
        }
    }

    /// Whether the bridge queries this family now.
    fn queries(&self, scope: Scope, family: Family) -> bool {
        self.context(scope).is_some_and(|context| {
            context.settings.querier && !context.querier(family).other.pending()
        })
    }

    /// Asks for the sources that are marked, and lets those that nobody names end
    /// (`__grp_src_query_marked_and_rexmit`).
    pub(super) fn query_marked(&mut self, scope: Scope, key: GroupKey, id: PgId) {
        let Some(family) = key.group.family().filter(|_| self.up && self.on) else {
            return;
        };
        let queries = self.queries(scope, family);
        let settings = self.settings(scope);
        let until = self.now + settings.last_member_time();
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return;
        };
        let mut marked = Vec::new();
        for source in pg.sources.iter_mut().filter(|source| source.send) {
            source.send = false;
            if source.timer.expires() > until {
                if queries {
                    source.rexmit_count = settings.last_member_count;
                }
                marked.push(source.address);
            }
        }
        for source in marked {
            self.keep_source(key, id, source, until);
        }
        if queries {
            let question = Question::about_sources(family, key, id, true);
            let port = self.groups.pg(key, id).map(|pg| pg.port);
            self.send_query(scope, port, question);
            self.lower_rexmit(scope, key, id);
        }
    }

    /// Asks for a group, and lets it end if nobody answers (`__grp_send_query_and_rexmit`).
    pub(super) fn query_group(&mut self, scope: Scope, key: GroupKey, id: PgId) {
        let Some(family) = key.group.family().filter(|_| self.up && self.on) else {
            return;
        };
        let settings = self.settings(scope);
        if self.queries(scope, family) {
            let Some(pg) = self.groups.pg_mut(key, id) else {
                return;
            };
            pg.rexmit_count = settings.last_member_count.wrapping_sub(1);
            let port = Some(pg.port);
            self.send_query(scope, port, Question::about_group(family, key, id, false));
            self.lower_rexmit(scope, key, id);
        }
        let exclude = |mode| mode == FilterMode::Exclude;
        if self.groups.pg(key, id).is_some_and(|pg| exclude(pg.mode)) {
            let until = self.now + settings.last_member_time();
            self.lower_group_timer(key, id, until);
        }
    }

    fn lower_rexmit(&mut self, scope: Scope, key: GroupKey, id: PgId) {
        let at = self.now + self.settings(scope).last_member_interval;
        if let Some(pg) = self.groups.pg_mut(key, id) {
            self.timers
                .lower(TimerKey::Rexmit(key, id), &mut pg.rexmit, at);
        }
    }

    /// Asks again (`br_multicast_port_group_rexmit`).
    pub(super) fn rexmit_due(&mut self, key: GroupKey, id: PgId) {
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return;
        };
        let (port, count) = (pg.port, pg.rexmit_count);
        let Some(family) = key.group.family().filter(|_| self.up && self.on) else {
            return;
        };
        let Some(scope) = self.scope_of(port, key.vid) else {
            return;
        };
        if !self.queries(scope, family) {
            return;
        }
        if count != 0 {
            if let Some(pg) = self.groups.pg_mut(key, id) {
                pg.rexmit_count -= 1;
            }
            let question = Question::about_group(family, key, id, true);
            self.send_query(scope, Some(port), question);
        }
        let question = Question::about_sources(family, key, id, false);
        let again = self.send_query(scope, Some(port), question);
        let at = self.now + self.settings(scope).last_member_interval;
        if let Some(pg) = self.groups.pg_mut(key, id)
            && (pg.rexmit_count != 0 || again)
        {
            self.timers
                .set(TimerKey::Rexmit(key, id), &mut pg.rexmit, at);
        }
    }

    /// `br_multicast_query_expired`.
    pub(super) fn own_query_due(&mut self, scope: Scope, family: Family) {
        let disabled = match scope {
            Scope::Bridge => false,
            Scope::Vlan(vid) => self.vlans.get(&vid).is_none_or(|vlan| !vlan.enabled),
        };
        if let Some(context) = self.context_mut(scope)
            && !disabled
        {
            let count = context.settings.startup_query_count;
            let own = &mut context.querier_mut(family).own;
            own.startup_sent += u32::from(own.startup_sent < count);
            self.send_general_query(scope, None, family);
        }
    }

    /// `br_multicast_port_query_expired`.
    pub(super) fn port_query_due(&mut self, port: PortNo, scope: Scope, family: Family) {
        if self.port_stopped(port, scope) {
            return;
        }
        let count = self.settings(scope).startup_query_count;
        if let Some(it) = self.port_context_mut(port, scope) {
            let own = &mut it.family_mut(family).own;
            own.startup_sent += u32::from(own.startup_sent < count);
        }
        self.send_general_query(scope, Some(port), family);
    }

    /// `br_multicast_send_query`.
    fn send_general_query(&mut self, scope: Scope, port: Option<PortNo>, family: Family) {
        if !self.should_use(scope, port) || !self.on || !self.queries(scope, family) {
            return;
        }
        if port.is_none()
            && let Some(context) = self.context_mut(scope)
        {
            // The bridge is about to select itself.
            let querier = context.querier_mut(family);
            if querier.port.take().is_some() {
                querier.address = None;
            }
        }
        let question = Question {
            family,
            group: None,
            about: None,
            to_group: false,
            with_sources: false,
            suppress: false,
        };
        self.send_query(scope, port, question);
        let settings = self.settings(scope);
        let sent = match port {
            None => self.context(scope).map(|it| it.querier(family).own),
            Some(port) => self
                .port_context(port, scope)
                .map(|it| it.family(family).own),
        };
        let starting = sent.is_some_and(|own| own.startup_sent < settings.startup_query_count);
        let interval = if starting {
            settings.startup_query_interval
        } else {
            settings.query_interval
        };
        self.set_own_query(scope, port, family, self.now + interval);
    }

    /// Starts the timer of the next own query, of a port or of the bridge itself.
    pub(super) fn set_own_query(
        &mut self,
        scope: Scope,
        port: Option<PortNo>,
        family: Family,
        at: Instant,
    ) {
        match port {
            None => {
                let key = TimerKey::OwnQuery(scope, family);
                if let Some(context) = context_mut!(self, scope) {
                    let own = &mut context.querier_mut(family).own;
                    self.timers.set(key, &mut own.timer, at);
                }
            }
            Some(port) => {
                let key = TimerKey::PortQuery(port, scope, family);
                if let Some(context) = port_context_mut!(self, port, scope) {
                    let own = &mut context.family_mut(family).own;
                    self.timers.set(key, &mut own.timer, at);
                }
            }
        }
    }

    /// The other querier has not been heard for too long (`br_multicast_querier_expired`).
    pub(super) fn other_querier_gone(&mut self, scope: Scope, family: Family) {
        let snooped = match scope {
            Scope::Bridge => true,
            Scope::Vlan(vid) => {
                self.vlan_snooping && self.vlans.get(&vid).is_some_and(|vlan| vlan.global)
            }
        };
        if self.up && self.on && snooped {
            self.start_querier(scope, family);
        }
    }

    /// Queries from now on, by every port (`br_multicast_start_querier`).
    pub(super) fn start_querier(&mut self, scope: Scope, family: Family) {
        if !self.in_use(scope) {
            return;
        }
        self.open_query(scope, family);
        let ports: Vec<PortNo> = self.ports.keys().copied().collect();
        for port in ports {
            if !self.port_stopped(port, Scope::Bridge) && !self.port_stopped(port, scope) {
                self.enable_port_query(port, scope, family);
            }
        }
    }

    /// `__br_multicast_open_query`.
    pub(super) fn open_query(&mut self, scope: Scope, family: Family) {
        if let Some(context) = self.context_mut(scope) {
            context.querier_mut(family).own.startup_sent = 0;
        }
        if self.on {
            self.set_own_query(scope, None, family, self.now);
        }
    }

    /// `br_multicast_enable`.
    pub(super) fn enable_port_query(&mut self, port: PortNo, scope: Scope, family: Family) {
        if let Some(context) = self.port_context_mut(port, scope) {
            context.family_mut(family).own.startup_sent = 0;
        }
        self.set_own_query(scope, Some(port), family, self.now);
    }
}
