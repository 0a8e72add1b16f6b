//! What Linux has no words for about spanning trees: `tapswitch bridge set`, and of `tapswitch port set` what
//! is about BPDUs.
//!
//! Settings of a port belong to the port: they go when the netdev leaves the bridge.

use std::fmt;

use super::bridge::PortFlags;
use super::guard::GuardError;
use super::{Errno, Network, Refusal};
use crate::stp::rstp::Admin;
use crate::stp::{Event, Inconsistent, Mode, Refused, Tree};
use crate::switch::{NetdevId, PortNo};
use crate::time::{Duration, Instant};

/// What happened to a port's part in the spanning tree, in names. Prints as one line without a line's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeNews {
    /// The bridge and its port, `br0:p1`; outside the script's own namespace `NS/br0:p1`.
    pub port: String,
    /// What happened.
    pub event: Event,
}

impl fmt::Display for TreeNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = |reason: &Inconsistent| match reason {
            Inconsistent::Bpdu => "BPDU guard",
            Inconsistent::Loop => "loop guard",
            Inconsistent::Root => "root guard",
        };
        write!(f, "{}: ", self.port)?;
        match &self.event {
            Event::Tripped(Inconsistent::Bpdu) => {
                f.write_str("BPDU guard has shut the port: a BPDU came in")
            }
            Event::Tripped(Inconsistent::Loop) => {
                f.write_str("loop guard keeps the port from forwarding: it hears no more BPDUs")
            }
            Event::Tripped(Inconsistent::Root) => {
                f.write_str("root guard keeps the port from forwarding: it leads to a better root")
            }
            Event::Recovered(reason) => write!(f, "{} lets the port back", guard(reason)),
            Event::Migrated { rapid: true } => {
                f.write_str("the port speaks RSTP again, as its neighbour does")
            }
            Event::Migrated { rapid: false } => {
                f.write_str("the port speaks classic STP from now on, as its neighbour does")
            }
            Event::LoopedBack => f.write_str(
                "the port hears its own BPDUs: its cable, or a hub behind it, leads back",
            ),
            Event::TopologyChange => {
                f.write_str("the port forwards, and stations may be elsewhere than they were")
            }
            Event::ChangeIgnored => {
                f.write_str("TC guard ignores a topology change that its neighbour tells of")
            }
            Event::Filtered => f.write_str("BPDU filter drops what a bridge behind the port says"),
        }
    }
}

/// One setting of a port's part in the spanning tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeSetting {
    /// `p2p`.
    PointToPoint(Admin),
    /// `edge`.
    Edge(Admin),
    /// `bpdu_guard`, which is Linux's `guard`.
    BpduGuard(bool),
    /// `bpdu_filter`.
    BpduFilter(bool),
    /// `loop_guard`.
    LoopGuard(bool),
    /// `tc_guard`.
    TcGuard(bool),
    /// `speed`, in Mbit/s; `None` for the netdev's own.
    Speed(Option<u32>),
    /// `recovery`, of BPDU guard.
    Recovery(Option<Duration>),
}

impl Network {
    /// Sets which protocol a bridge speaks (`stp_mode`), and how many BPDUs a port may send in any second
    /// (`tx_hold_count`). Both or none.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is no bridge, `ERANGE` for a hold count outside 1 to 10, `EINVAL` or
    /// `ERANGE` if what is set does not fit the mode.
    pub fn set_tree(
        &mut self,
        now: Instant,
        id: NetdevId,
        mode: Option<Mode>,
        tx_hold_count: Option<u8>,
    ) -> Result<(), Refusal> {
        if self.bridge(id).is_none() {
            return Err(super::link::not_a_bridge(&self.netdev(id).name));
        }
        let before = self
            .bridge(id)
            .map(|bridge| bridge.tree.status().tx_hold_count);
        let set_count = |network: &mut Self, count| {
            let set = |tree: &mut Tree| tree.set_tx_hold_count(now, count);
            network.with_tree(now, id, false, set).unwrap_or(Ok(()))
        };
        if let Some(count) = tx_hold_count {
            set_count(self, count).map_err(|refused| refusal(&refused))?;
        }
        let Some(mode) = mode else {
            return Ok(());
        };
        let set = self.with_tree(now, id, true, |tree| tree.set_mode(now, mode));
        match set {
            Some(Err((port, refused))) => {
                if let Some(before) = before {
                    _ = set_count(self, before);
                }
                let name = port.and_then(|number| self.port_name(id, number));
                let note = match name {
                    Some(port) => format!("stp_mode {}: of {port}, {refused}", mode.name()),
                    None => format!("stp_mode {}: {refused}", mode.name()),
                };
                Err(Refusal::new(errno(&refused), note))
            }
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Notes what happened at a port. That the topology changes is shown, and no news: it happens wherever
    /// anything does.
    pub(super) fn note_event(&mut self, bridge: NetdevId, number: PortNo, event: Event) {
        if event == Event::TopologyChange {
            return;
        }
        let Some(port) = self.port_name(bridge, number) else {
            return;
        };
        let netdev = self.netdev(bridge);
        let port = match self.namespace_name(netdev.ns) {
            Some(ns) => format!("{ns}/{}:{port}", netdev.name),
            None => format!("{}:{port}", netdev.name),
        };
        self.tree_news.push_back(TreeNews { port, event });
    }

    /// Returns what happened at ports since it was asked last, in order.
    pub fn poll_tree_news(&mut self) -> Option<TreeNews> {
        self.tree_news.pop_front()
    }

    fn port_name(&self, bridge: NetdevId, number: PortNo) -> Option<&str> {
        let port = self.bridge(bridge)?.port(number)?;
        Some(&self.netdev(port.netdev).name)
    }

    /// Sets something about a port's part in the spanning tree.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn set_port_tree(
        &mut self,
        now: Instant,
        id: NetdevId,
        setting: TreeSetting,
    ) -> Result<(), GuardError> {
        use TreeSetting as Set;
        let Some((bridge, port)) = self.port(id) else {
            return Err(GuardError::NotAPort(self.netdev(id).name.clone()));
        };
        let (no, flags) = (port.number, port.flags);
        if let Set::BpduGuard(guard) = setting {
            let flags = PortFlags { guard, ..flags };
            // Nothing but mab and root_block is ever refused, and neither changes.
            _ = self.set_port_flags(now, id, flags);
            return Ok(());
        }
        let set = |tree: &mut Tree| match setting {
            Set::PointToPoint(p2p) => tree.set_p2p(now, no, p2p),
            Set::Edge(edge) => tree.set_edge(now, no, edge),
            Set::BpduGuard(_) => Ok(()),
            Set::BpduFilter(on) => tree.set_bpdu_filter(now, no, on),
            Set::LoopGuard(on) => tree.set_loop_guard(now, no, on),
            Set::TcGuard(on) => tree.set_tc_guard(no, on),
            Set::Speed(speed) => tree.set_speed(now, no, speed),
            Set::Recovery(time) => tree.set_recovery(no, time),
        };
        let result = self.with_tree(now, bridge, true, set);
        result.unwrap_or(Ok(())).map_err(GuardError::Tree)
    }
}

const fn errno(refused: &Refused) -> Errno {
    match refused {
        Refused::Time { .. } | Refused::Number { .. } => Errno::Range,
        Refused::Step { .. } | Refused::Times { .. } => Errno::Invalid,
        Refused::Exclusive | Refused::NoPort(_) => Errno::Invalid,
        Refused::Busy => Errno::Busy,
    }
}

/// Gives a tree's refusal the kernel's words.
pub(super) fn refusal(refused: &Refused) -> Refusal {
    Refusal::new(errno(refused), refused.to_string())
}
