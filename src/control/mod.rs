//! Control: what is slow and stateful, sans I/O.
//!
//! It owns the configuration ([`Network`]), applies commands to it, answers show commands, keeps the
//! timers, and publishes a new [`Plan`] whenever something that the fast path reads has changed. A
//! driver (live, replay, simulation) feeds it and executes what it says:
//!
//! ```text
//! execute(now, command)   handle_trap(now, trap, frame)   handle_timeout(now)   set_carrier(now, wire, up)
//!     → Reply for the script's author;  outputs, pulled one at a time in order by poll_output()
//! ```
//!
//! A plan is compiled when it is asked for, so that a hundred commands in a row cost one compilation.
//! Entries learned behind a port that goes away are flushed at once and, because a worker may still
//! be in a turn with the old plan, once more when all have the new one
//! ([`PLAN_SETTLES`](crate::netdev::ports::PLAN_SETTLES) later); the second flush takes only what carries
//! a time before the change.
//!
//! Timers: while anything is learned, expired FDB entries are reclaimed every [`SWEEP`]. Lookups do
//! not depend on it.

#[cfg(test)]
mod advice_tests;
mod apply;
mod plans;
mod show;
mod show_multicast;
#[cfg(test)]
mod show_tests;
pub mod summary;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::iproute::command::NetCommand;
use crate::netdev::loops::LoopNews;
use crate::netdev::tree::TreeNews;
use crate::netdev::{Kind, Network};
use crate::switch::fdb::Entry;
use crate::switch::{AttachmentId, Counters, Key, NetdevId, Plan, Side, Trap, TrapKind};
use crate::time::{Duration, Instant};
use plans::Plans;

/// How often expired FDB entries are reclaimed. Each walks all tables whole.
pub const SWEEP: Duration = Duration::from_secs(10);

/// What a command answers, as the program of that name would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Standard output.
    pub stdout: String,
    /// Standard error: the kernel's words, then one line that explains them.
    pub stderr: String,
    /// Exit status, as `ip` and `bridge` have it: for what the kernel refuses, `ip` 2 and `bridge`
    /// 255 (`bridge fdb get`: 254); for what iproute2 itself refuses, 1 or 255.
    pub status: u8,
}

/// What a driver has to do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Use this plan from the next turn on.
    Plan(Arc<Plan>),
    /// Send these octets out of a netdev's wire side, as its own protocols do (BPDUs, queries).
    Transmit(NetdevId, Vec<u8>),
    /// Tell whoever watches: a guard of a spanning tree has done something, or a port speaks another protocol.
    Tree(TreeNews),
    /// Have a netdev receive these octets, as if they had come in there: a bridge's queries to its own stack,
    /// a datagram put together from fragments.
    Receive(NetdevId, Vec<u8>),
    /// Tell whoever watches: there is a loop.
    Loop(LoopNews),
}

/// One entry of a bridge's FDB, for summaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbRow {
    /// The bridge's name, `NS/NAME` outside the script's own namespace.
    pub bridge: String,
    /// The station, and the VLAN if any.
    pub key: Key,
    /// The name of the port's netdev; the bridge's own for its own addresses.
    pub behind: String,
    /// The entry itself.
    pub entry: Entry,
    /// How long ago its source was last seen.
    pub age: Duration,
}

/// The control side of one emulated network.
#[derive(Debug, Default)]
pub struct Control {
    network: Network,
    plans: Plans,
    /// The revision of the network that the current plan is compiled from.
    compiled: u64,
    /// The revision of the last plan that went out.
    published: Option<u64>,
    /// What is to be done besides.
    outputs: VecDeque<Output>,
    next_sweep: Option<Instant>,
}

impl Control {
    /// Makes an empty network: one namespace with a loopback, and an outside wire for each name given.
    #[must_use]
    pub fn new(outside: &[String]) -> Self {
        Self {
            network: Network::new(outside),
            ..Self::default()
        }
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Applies one `ip` or `bridge` command. `counters` are what show commands print; they may lag.
    pub fn execute(&mut self, now: Instant, command: &NetCommand, counters: &Counters) -> Reply {
        let reply = apply::execute(&mut self.network, now, command, counters);
        self.network.settle_multicast(now);
        self.settle(now);
        reply
    }

    /// Returns the plan in force. May change after every other call.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(self.plans.get(&self.network))
    }

    /// Returns the next thing to do, in order. A plan comes first, and always the newest: what a BPDU or news speak
    /// of is in force before they are done, and however many commands are executed in a row, there is one plan.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.published != Some(self.compiled) {
            self.published = Some(self.compiled);
            let plan = self.plans.renew(&self.network);
            return Some(Output::Plan(Arc::clone(plan)));
        }
        self.outputs.pop_front()
    }

    /// Returns when [`Self::handle_timeout`] wants to be called. May change after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let network = &self.network;
        let due = [
            network.flush_due(),
            network.bridges_due(),
            network.vxlans_due(),
            network.underlay_due(),
        ];
        let due = due.into_iter().flatten().min();
        // Last, for it looks at every bridge.
        let sweep = self.next_sweep.filter(|at| due.is_none_or(|due| *at < due));
        sweep.filter(|_| network.has_learned()).or(due)
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.network.flush_again(now);
        self.network.bridges_timeout(now);
        self.network.vxlans_timeout(now);
        self.network.underlay_timeout(now);
        if self.next_sweep.is_some_and(|due| due <= now) {
            self.network.sweep(now);
            self.next_sweep = Some(now + SWEEP);
        }
        self.settle(now);
    }

    /// Takes a trapped frame, by its octets as [`Egress::pieces`](crate::switch::Egress::pieces) gives them.
    pub fn handle_trap(&mut self, now: Instant, trap: &Trap, octets: &[u8]) {
        if trap.netdev.index() < self.network.netdevs().len() {
            match trap.kind {
                TrapKind::Bpdu => self.network.receive_bpdu(now, trap.netdev, octets),
                TrapKind::Dhcp => {
                    self.network
                        .receive_dhcp(now, trap.netdev, trap.vid, octets);
                }
                TrapKind::Security => self.network.close_port(now, trap.netdev),
                TrapKind::Loop => self.network.receive_loop(now, trap.netdev),
                TrapKind::Unresolved => self.network.receive_unresolved(now, trap.netdev, octets),
                TrapKind::Neighbour => self.network.receive_neighbour(now, trap.netdev, octets),
                TrapKind::Fragment => self.network.receive_fragment(now, trap.netdev, octets),
                TrapKind::Multicast => {
                    self.network
                        .receive_membership(now, trap.netdev, trap.vid, octets);
                }
            }
        }
        self.settle(now);
    }

    /// Tells that an outside wire went (a TAP vanished) or came back.
    pub fn set_carrier(&mut self, now: Instant, wire: AttachmentId, up: bool) {
        if let Some(info) = self.network.attachments().get(wire.index()) {
            let netdev = info.netdev;
            self.network.set_plugged(now, netdev, up);
        }
        self.settle(now);
    }

    /// Says that there is a host below the script's own namespace, whose sockets tunnels may use
    /// ([`Network::goes_by_host`]). To be said before the first command.
    pub const fn set_host_below(&mut self) {
        self.network.set_host_below();
    }

    /// Tells the MTU of the way that a VXLAN device's datagrams take on the host, as far as it is known.
    pub fn set_way_mtu(&mut self, now: Instant, id: NetdevId, mtu: Option<u32>) {
        self.network.set_way_mtu(id, mtu);
        self.settle(now);
    }

    /// Sets a netdev up or down, as `ip link set` does; what the kernel would refuse is left undone.
    pub fn set_up(&mut self, now: Instant, id: NetdevId, up: bool) {
        _ = self.network.set_up(now, id, up);
        self.settle(now);
    }

    /// Returns the FDB of every bridge, newest entries first, without what has expired.
    #[must_use]
    pub fn fdb_dump(&self, now: Instant) -> Vec<FdbRow> {
        let network = &self.network;
        let full = |id: NetdevId| {
            let netdev = network.netdev(id);
            match network.namespace_name(netdev.ns) {
                Some(ns) => format!("{ns}/{}", netdev.name),
                None => netdev.name.clone(),
            }
        };
        let mut rows = Vec::new();
        for netdev in network.netdevs().iter().filter(|netdev| netdev.alive) {
            let Kind::Bridge(bridge) = &netdev.kind else {
                continue;
            };
            let dump = bridge.fdb.dump(now, bridge.hold());
            rows.extend(dump.into_iter().map(|(key, entry)| {
                let port = entry.port.and_then(|number| bridge.port(number));
                FdbRow {
                    bridge: full(netdev.id),
                    key,
                    behind: full(port.map_or(netdev.id, |port| port.netdev)),
                    entry,
                    age: now - entry.updated,
                }
            }));
        }
        rows
    }

    /// Ends every call that may have changed something.
    fn settle(&mut self, now: Instant) {
        self.network.settle_stacks(now);
        self.network.settle_timers();
        if self.compiled != self.network.revision() {
            self.network.settle_sockets();
        }
        self.network.guards_look_again();
        if self.compiled != self.network.revision() {
            self.compiled = self.network.revision();
            self.plans.outdate(self.network.take_changes());
        }
        self.next_sweep.get_or_insert(now + SWEEP);
        while let Some((netdev, side, octets)) = self.network.poll_transmit() {
            self.outputs.push_back(match side {
                Side::Wire | Side::Device => Output::Transmit(netdev, octets),
                Side::Stack | Side::Underlay(_) => Output::Receive(netdev, octets),
            });
        }
        while let Some(news) = self.network.poll_loop_news() {
            self.outputs.push_back(Output::Loop(news));
        }
        while let Some(news) = self.network.poll_tree_news() {
            self.outputs.push_back(Output::Tree(news));
        }
    }
}

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod lane_tests;
#[cfg(test)]
mod own_group_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
#[cfg(test)]
mod vlan_tests;
#[cfg(test)]
mod vxlan_tests;
