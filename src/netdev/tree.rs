//! What Linux has no words for about spanning trees: `tapswitch bridge set`, and of `tapswitch port set` what
//! is about BPDUs.
//!
//! Settings of a port belong to the port: they go when the netdev leaves the bridge.

use super::bridge::PortFlags;
use super::guard::GuardError;
use super::{Errno, Network, Refusal};
use crate::stp::rstp::Admin;
use crate::stp::{Mode, Refused, Tree};
use crate::switch::{NetdevId, PortNo};
use crate::time::{Duration, Instant};

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
