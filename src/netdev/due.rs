//! When which bridge has something to do, and what of the plan has changed: so that an event costs what its
//! bridge costs, however many others there are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bridge, Netdev, Network, Port};
use crate::switch::NetdevId;
use crate::time::Instant;

/// When which bridge has something to do: ports that open, timers of spanning tree and snooping.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    by_time: BTreeSet<(Instant, NetdevId)>,
    of: BTreeMap<NetdevId, Instant>,
    /// Bridges that something may have changed about since.
    stirred: BTreeSet<NetdevId>,
    /// Bridges with a port that counts stations.
    secured: BTreeSet<NetdevId>,
}

impl Due {
    /// Returns the bridges that something may have changed about since timers were last settled.
    pub(super) fn stirred(&self) -> Vec<NetdevId> {
        self.stirred.iter().copied().collect()
    }

    /// Something about a bridge may change.
    pub(super) fn stir(&mut self, id: NetdevId) {
        self.stirred.insert(id);
    }
}

/// What of the plan has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These bridges, and nothing else.
    Bridges(BTreeSet<NetdevId>),
    /// Anything.
    All,
}

impl Default for Changes {
    fn default() -> Self {
        Self::Bridges(BTreeSet::new())
    }
}

impl Changes {
    /// Adds what has changed since.
    pub fn add(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Bridges(bridges), Self::Bridges(more)) => bridges.extend(more),
            _ => *self = Self::All,
        }
    }
}

/// When a bridge has something to do next.
fn bridge_due(bridge: &Bridge) -> Option<Instant> {
    let opens = bridge.ports.iter().filter_map(|port| port.guard.opens());
    let tried = bridge.ports.iter().filter_map(Port::tried_again);
    let due = [
        bridge.tree.poll_timeout(),
        bridge.multicast.poll_timeout(),
        bridge.stack.member.poll_timeout(),
        opens.min(),
        tried.min(),
    ];
    due.into_iter().flatten().min()
}

impl Network {
    /// Finds out anew when those bridges have something to do that anything may have changed about. To be
    /// called at the end of whatever changes something.
    pub fn settle_timers(&mut self) {
        for id in std::mem::take(&mut self.due.stirred) {
            // Not there if making it was undone.
            let netdev = self.netdevs.get(id.index()).filter(|it| it.alive);
            let bridge = netdev.and_then(Netdev::bridge);
            let at = bridge.and_then(bridge_due);
            let counts = |bridge: &Bridge| bridge.ports.iter().any(|it| it.guard.counts());
            match bridge.is_some_and(counts) {
                true => self.due.secured.insert(id),
                false => self.due.secured.remove(&id),
            };
            let before = match at {
                Some(at) => self.due.of.insert(id, at),
                None => self.due.of.remove(&id),
            };
            if before != at {
                if let Some(before) = before {
                    self.due.by_time.remove(&(before, id));
                }
                if let Some(at) = at {
                    self.due.by_time.insert((at, id));
                }
            }
        }
    }

    /// Returns when [`Self::bridges_timeout`] has something to do, as of the last [`Self::settle_timers`].
    #[must_use]
    pub fn bridges_due(&self) -> Option<Instant> {
        self.due.by_time.first().map(|(at, _)| *at)
    }

    /// Lets the timers of all bridges that are due fire: those of their trees first, then ports open that a
    /// violation or a loop closed, then snooping goes on.
    pub fn bridges_timeout(&mut self, now: Instant) {
        let due = self.due.by_time.iter().take_while(|(at, _)| *at <= now);
        let due: BTreeSet<_> = due.map(|(_, id)| *id).collect();
        for id in &due {
            self.tree_timeout(now, *id);
        }
        for id in &due {
            self.guards_timeout(now, *id);
            self.loops_timeout(now, *id);
        }
        for id in &due {
            self.snooping_timeout(now, *id);
            self.stack_timeout(now, *id);
        }
    }

    /// Lets ports look again whether there is room for another station: entries may have left the FDB.
    pub fn guards_look_again(&self) {
        let bridges = self.due.secured.iter();
        for bridge in bridges.filter_map(|id| self.bridge(*id)) {
            for port in &bridge.ports {
                port.guard.look_again();
            }
        }
    }

    /// Returns what of the plan has changed since this was asked last.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Something about the plan has changed that is not in [`Self::touch_bridge`].
    pub(super) fn touch(&mut self) {
        self.revision += 1;
        self.changes = Changes::All;
    }

    /// Something about the plan has changed, but nothing that other parts of it than the bridge's own are
    /// compiled from.
    pub(super) fn touch_bridge(&mut self, id: NetdevId) {
        self.revision += 1;
        if let Changes::Bridges(bridges) = &mut self.changes {
            bridges.insert(id);
        }
    }
}
