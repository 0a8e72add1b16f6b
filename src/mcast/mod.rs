//! Multicast snooping: which ports want which groups, as the Linux bridge finds it out.
//!
//! A pure machine: no clock, no I/O, no panic whatever is received. It listens to IGMP and MLD (RFC 2236,
//! 3376, 2710, 3810), queries if it is told to and nobody else does, and writes what follows into the
//! [`Mdb`] and the [`mdb::Context`]s that the fast path reads. Queries to send come out of
//! [`Snooping::poll_output`].
//!
//! Read RFC 4541 for what snooping is and RFC 3376 section 6 for the tables of states; names are the
//! kernel's (`net/bridge/br_multicast.c`), since its behaviour is what is followed:
//!
//! | file | is about | kernel |
//! |---|---|---|
//! | `context` | settings, queriers and routers, of a bridge or of one VLAN | `net_bridge_mcast` |
//! | `groups` | groups, port groups, members | `net_bridge_mdb_entry`, `_port_group` |
//! | `sources` | sources, and how (S, G) follows from (\*, G) | `net_bridge_group_src`, `br_multicast_star_g_handle_mode` and its kin |
//! | `reports` | what hosts report | `br_multicast_isinc_allow` and its kin |
//! | `hosts` | which host behind a port wants what, for `fastleave` | `br_multicast_eht.c` |
//! | `queries` | what routers ask, when to query, leaves | `br_ip4_multicast_query`, `br_multicast_leave_group` |
//! | `send` | own queries as frames | `br_multicast_send_query` |
//! | `admin` | options, states of ports, the bridge's own state | `br_multicast_toggle` and its kin |
//! | `vlans` | one context per VLAN (`mcast_vlan_snooping`) | `br_multicast_toggle_vlan` |
//! | `config` | groups by command (`bridge mdb`) | `br_mdb.c` |
//! | `show` | what show commands print | `br_mdb_fill_info` |
//! | `stack` | what the bridge's own stack reports of itself | `br_multicast_join_snoopers`, `igmp.c`, `mcast.c` |
//! | `timers` | the queue of all of the above | `timer_list` |
//!
//! Bounds: `mcast_hash_max` groups (4,096 by default; one more switches snooping off, as in the kernel);
//! 32 sources of a group behind a port; 512 hosts tracked per port, and 512 of a group behind a port with
//! `mcast_to_unicast`. Work per frame is bounded by its
//! records and sources times the ports of a group.
//!
//! # Deviations
//! - Timers are exact. The kernel's are late by up to an eighth of their length.
//! - The kernel takes any number of hosts behind a port with `mcast_to_unicast`.
//! - Where the kernel orders ports by their addresses in memory, this orders them by number.
//! - The moments at which the bridge's own stack reports its group are drawn by its MAC address (`stack`).

/// [`Snooping::context_mut`] where other parts of the machine are borrowed as well.
macro_rules! context_mut {
    ($machine:ident, $scope:expr) => {
        match $scope {
            $crate::mcast::Scope::Bridge => Some(&mut $machine.context),
            $crate::mcast::Scope::Vlan(vid) => {
                $machine.vlans.get_mut(&vid).map(|vlan| &mut vlan.context)
            }
        }
    };
}

/// [`Snooping::port_context_mut`] where other parts of the machine are borrowed as well.
macro_rules! port_context_mut {
    ($machine:ident, $port:expr, $scope:expr) => {
        $machine.ports.get_mut(&$port).and_then(|it| match $scope {
            $crate::mcast::Scope::Bridge => Some(&mut it.context),
            $crate::mcast::Scope::Vlan(vid) => it.vlans.get_mut(&vid).map(|vlan| &mut vlan.context),
        })
    };
}

mod admin;
mod config;
mod context;
mod groups;
mod hosts;
mod queries;
mod reports;
mod send;
mod show;
mod sources;
mod stack;
mod timers;
mod vlans;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::switch::PortNo;
use crate::switch::mdb::{self, Family, GroupKey, Mdb};
use crate::switch::plan::PortState;
use crate::time::Instant;
use crate::wire::membership::{Content, Message};
use crate::wire::{MacAddr, igmp, mld};

pub use admin::{DEFAULT_HASH_MAX, InvalidValue};
pub use config::{GroupSpec, MdbRefused, SpecFault};
pub use context::{PortRouter, Settings};
pub use groups::{FilterMode, MAX_HOSTS, MAX_SOURCES, PROTOCOL_KERNEL, PROTOCOL_STATIC};
pub use show::{GroupInfo, QuerierInfo, RouterInfo};
pub use stack::{StackAddresses, StackMember};

use context::{Context, PortContext, PortVlan, VlanContext};
use groups::{Groups, PgId};
use timers::{TimerKey, Timers, fire};

/// Which context: the bridge's own or, with `mcast_vlan_snooping`, a VLAN's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The bridge's.
    Bridge,
    /// A VLAN's, by VID.
    Vlan(u16),
}

/// What follows from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this out of a port's wire side, past the VLAN filter.
    Transmit {
        /// The port.
        port: PortNo,
        /// The VLAN to tag it for; `None` sends it untagged.
        tag: Option<u16>,
        /// The whole frame, without the tag.
        octets: Vec<u8>,
    },
    /// Have the bridge's own netdev receive this, as if it had come in there (`netif_rx`).
    Receive {
        /// The VLAN whose tag it carries; `None` for none.
        tag: Option<u16>,
        /// The whole frame, without the tag.
        octets: Vec<u8>,
    },
}

/// The bridge's own addresses, with which it queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Of the bridge netdev.
    pub mac: MacAddr,
    /// Used with `mcast_query_use_ifaddr`.
    pub ipv4: Option<Ipv4Addr>,
    /// Without one, the bridge is no MLD querier.
    pub ipv6: Option<Ipv6Addr>,
}

/// A port, as far as snooping knows it.
#[derive(Clone, Debug)]
struct Port {
    state: PortState,
    context: PortContext,
    vlans: BTreeMap<u16, PortVlan>,
    /// `fastleave`.
    fast_leave: bool,
    /// `mcast_to_unicast`.
    to_unicast: bool,
    /// Groups it is a member of (`mcast_n_groups`).
    groups: u32,
    /// Hosts tracked behind it.
    hosts: u32,
    /// Most of them (`mcast_eht_hosts_limit`).
    hosts_limit: u32,
}

/// Snooping on one bridge.
#[derive(Clone, Debug)]
pub struct Snooping {
    /// The time of the call being handled.
    now: Instant,
    /// `mcast_snooping`.
    on: bool,
    /// The bridge is up.
    up: bool,
    /// `mcast_vlan_snooping`.
    vlan_snooping: bool,
    /// `mcast_query_use_ifaddr`.
    use_ifaddr: bool,
    /// `mcast_stats_enabled`.
    stats: bool,
    /// The last MLD query found a source address (`BROPT_HAS_IPV6_ADDR`).
    has_ipv6: bool,
    /// `mcast_hash_max`.
    hash_max: u32,
    addresses: Addresses,
    context: Context,
    vlans: BTreeMap<u16, VlanContext>,
    ports: BTreeMap<PortNo, Port>,
    groups: Groups,
    timers: Timers,
    /// Groups that workers do not know as they are.
    changed: BTreeSet<GroupKey>,
    /// Ports, and VLANs of ports, with a `mcast_max_groups`.
    limited: BTreeSet<(PortNo, Scope)>,
    outputs: VecDeque<Output>,
    mdb: Arc<Mdb>,
}

impl Snooping {
    /// Returns the table that workers read.
    #[must_use]
    pub const fn mdb(&self) -> &Arc<Mdb> {
        &self.mdb
    }

    /// Returns what workers read of a context, if there is that context.
    #[must_use]
    pub fn shared(&self, scope: Scope) -> Option<&Arc<mdb::Context>> {
        self.context(scope).map(|context| &context.shared)
    }

    /// Returns the next thing to do. May change after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when [`Self::handle_timeout`] has something to do. May change after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes a frame to a group address that came in by a port or (`None`) from the bridge's own stack.
    /// `vid` is 0 without VLAN filtering; `datagram` is everything behind Ethernet header and tags. What
    /// is no message of membership, or malformed, has no effect (`br_multicast_rcv`).
    pub fn handle(
        &mut self,
        now: Instant,
        port: Option<PortNo>,
        vid: u16,
        source: MacAddr,
        ether_type: u16,
        datagram: &[u8],
    ) {
        self.now = now;
        if !self.on || port.is_some_and(|port| !self.ports.contains_key(&port)) {
            return;
        }
        let scope = if self.vlan_snooping && vid != 0 {
            match self.vlans.get(&vid) {
                Some(vlan) if vlan.global => Scope::Vlan(vid),
                _ => return,
            }
        } else {
            Scope::Bridge
        };
        let (family, inspected) = match ether_type {
            igmp::ETHER_TYPE_IPV4 => (Family::V4, igmp::inspect(datagram).ok()),
            mld::ETHER_TYPE_IPV6 => (Family::V6, mld::inspect(datagram).ok()),
            _ => return,
        };
        let Some(inspected) = inspected else {
            return;
        };
        let sender = Sender {
            scope,
            port,
            vid,
            mac: source,
            address: inspected.source,
        };
        match inspected.content {
            Content::Membership(Message::Query(query)) => self.query(family, sender, query),
            Content::Membership(Message::Report { group }) => self.report(sender, group),
            Content::Membership(Message::Leave { group }) => self.leave(sender, group),
            Content::Membership(Message::Records(records)) => self.records(sender, records),
            Content::Router => self.mark_router(scope, port, family),
            Content::Data => {}
        }
        self.finish();
    }

    /// Lets the timers that are due fire, in order. Harmless when none is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        for key in self.timers.due(now) {
            self.expired(key);
        }
        self.finish();
    }

    fn expired(&mut self, key: TimerKey) {
        let now = self.now;
        match key {
            TimerKey::OwnQuery(scope, family) => {
                let context = self.context_mut(scope);
                if context.is_some_and(|it| fire(&mut it.querier_mut(family).own.timer, now)) {
                    self.own_query_due(scope, family);
                }
            }
            TimerKey::OtherQuerier(scope, family) => {
                let context = self.context_mut(scope);
                if context.is_some_and(|it| fire(&mut it.querier_mut(family).other, now)) {
                    self.other_querier_gone(scope, family);
                }
            }
            TimerKey::PortQuery(port, scope, family) => {
                let context = self.port_context_mut(port, scope);
                if context.is_some_and(|it| fire(&mut it.family_mut(family).own.timer, now)) {
                    self.port_query_due(port, scope, family);
                }
            }
            TimerKey::PortRouter(port, scope, family) => {
                let context = self.port_context_mut(port, scope);
                if context.is_some_and(|it| fire(&mut it.family_mut(family).router, now)) {
                    self.router_gone(port, scope, family);
                }
            }
            TimerKey::Host(key) => {
                let entry = self.groups.get_mut(key);
                if entry.is_some_and(|it| fire(&mut it.timer, now)) {
                    self.host_expired(key);
                }
            }
            TimerKey::Group(key, id) => {
                let group = self.groups.pg_mut(key, id);
                if group.is_some_and(|it| fire(&mut it.timer, now)) {
                    self.port_group_expired(key, id);
                }
            }
            TimerKey::Rexmit(key, id) => {
                let group = self.groups.pg_mut(key, id);
                if group.is_some_and(|it| fire(&mut it.rexmit, now)) {
                    self.rexmit_due(key, id);
                }
            }
            TimerKey::Source(key, id, address) => {
                let source = self.groups.source_mut(key, id, address);
                if source.is_some_and(|it| fire(&mut it.timer, now)) {
                    self.source_expired(key, id, address);
                }
            }
            TimerKey::HostSet(key, id, source) => self.host_set_expired(key, id, source),
            TimerKey::HostEntry(key, id, source, host) => {
                self.host_entry_expired(key, id, source, host);
            }
        }
    }

    /// Ends every call: workers get to know what changed.
    fn finish(&mut self) {
        while let Some(key) = self.changed.pop_first() {
            self.mdb.set(key, self.members(key));
        }
        self.publish_rooms();
    }

    fn context(&self, scope: Scope) -> Option<&Context> {
        match scope {
            Scope::Bridge => Some(&self.context),
            Scope::Vlan(vid) => self.vlans.get(&vid).map(|vlan| &vlan.context),
        }
    }

    fn context_mut(&mut self, scope: Scope) -> Option<&mut Context> {
        match scope {
            Scope::Bridge => Some(&mut self.context),
            Scope::Vlan(vid) => self.vlans.get_mut(&vid).map(|vlan| &mut vlan.context),
        }
    }

    /// Returns a context's settings; of a context that is gone, the bridge's.
    fn settings(&self, scope: Scope) -> Settings {
        self.context(scope).unwrap_or(&self.context).settings
    }

    fn port_context(&self, port: PortNo, scope: Scope) -> Option<&PortContext> {
        let port = self.ports.get(&port)?;
        match scope {
            Scope::Bridge => Some(&port.context),
            Scope::Vlan(vid) => port.vlans.get(&vid).map(|vlan| &vlan.context),
        }
    }

    fn port_context_mut(&mut self, port: PortNo, scope: Scope) -> Option<&mut PortContext> {
        let port = self.ports.get_mut(&port)?;
        match scope {
            Scope::Bridge => Some(&mut port.context),
            Scope::Vlan(vid) => port.vlans.get_mut(&vid).map(|vlan| &mut vlan.context),
        }
    }

    /// Whether a context may be used now, for a port or the bridge itself
    /// (`br_multicast_ctx_should_use`).
    fn should_use(&self, scope: Scope, port: Option<PortNo>) -> bool {
        self.up
            && match port {
                Some(port) => !self.port_disabled(port, scope),
                None => match scope {
                    Scope::Bridge => true,
                    Scope::Vlan(vid) => self.vlans.get(&vid).is_some_and(|vlan| vlan.enabled),
                },
            }
    }

    /// `br_multicast_port_ctx_state_disabled`.
    fn port_disabled(&self, port: PortNo, scope: Scope) -> bool {
        let Some(port) = self.ports.get(&port) else {
            return true;
        };
        let vlan_disabled = match scope {
            Scope::Bridge => false,
            Scope::Vlan(vid) => port
                .vlans
                .get(&vid)
                .is_none_or(|vlan| !vlan.enabled || vlan.state == PortState::Disabled),
        };
        port.state == PortState::Disabled || vlan_disabled
    }

    /// `br_multicast_port_ctx_state_stopped`.
    fn port_stopped(&self, port: PortNo, scope: Scope) -> bool {
        let blocking = |state| state == PortState::Blocking;
        self.port_disabled(port, scope)
            || self.ports.get(&port).is_none_or(|it| {
                let vlan = match scope {
                    Scope::Bridge => None,
                    Scope::Vlan(vid) => it.vlans.get(&vid),
                };
                blocking(it.state) || vlan.is_some_and(|vlan| blocking(vlan.state))
            })
    }

    /// Whether a context is of the kind in use (`br_multicast_ctx_matches_vlan_snooping`).
    fn in_use(&self, scope: Scope) -> bool {
        self.vlan_snooping == matches!(scope, Scope::Vlan(_))
    }
}

/// Who sent a message, and where.
#[derive(Clone, Copy, Debug)]
struct Sender {
    scope: Scope,
    /// `None` for the bridge's own stack.
    port: Option<PortNo>,
    /// The VLAN of groups; 0 for none.
    vid: u16,
    mac: MacAddr,
    address: std::net::IpAddr,
}
