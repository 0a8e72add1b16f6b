//! Control: what is slow and stateful, sans I/O.
//!
//! It owns the configuration ([`Network`](crate::netdev::Network)), applies commands to it, answers show commands, keeps the
//! timers, and publishes a new [`Plan`] whenever something that the fast path reads has changed. A
//! driver (live, replay, simulation) feeds it and executes what it says:
//!
//! ```text
//! execute(now, command)   handle_trap(now, port, frame)   handle_timeout(now)   set_carrier(now, wire, up)
//!     → Reply for the script's author;  outputs, pulled one at a time in order by poll_output()
//! ```

use std::sync::Arc;

use crate::iproute::command::NetCommand;
use crate::switch::{AttachmentId, Counters, NetdevId, Plan};
use crate::time::Instant;

/// What a command answers, as the program of that name would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Standard output.
    pub stdout: String,
    /// Standard error: the kernel's words, then one line that explains them.
    pub stderr: String,
    /// Exit status: 0, 2 for what the kernel refuses, 1 for what iproute2 itself refuses.
    pub status: u8,
}

/// What a driver has to do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Use this plan from the next turn on.
    Plan(Arc<Plan>),
    /// Send these octets out of a netdev's wire side, as its own protocols do (BPDUs).
    Transmit(NetdevId, Vec<u8>),
}

/// The control side of one emulated network.
#[derive(Debug, Default)]
pub struct Control {}

impl Control {
    /// Makes an empty network: one namespace with a loopback, and an outside wire for each name given.
    #[must_use]
    pub fn new(_outside: &[String]) -> Self {
        todo!()
    }

    /// Applies one `ip` or `bridge` command. `counters` are what show commands print; they may lag.
    pub fn execute(&mut self, _now: Instant, _command: &NetCommand, _counters: &Counters) -> Reply {
        todo!()
    }

    /// Returns the plan in force. May change after every other call.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        todo!()
    }

    /// Returns the next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }

    /// Returns when [`Self::handle_timeout`] wants to be called. May change after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }

    /// Takes a trapped frame (a BPDU) that came in by a bridge port.
    pub fn handle_trap(&mut self, _now: Instant, _port: NetdevId, _octets: &[u8]) {
        todo!()
    }

    /// Tells that an outside wire went (a TAP vanished) or came back.
    pub fn set_carrier(&mut self, _now: Instant, _wire: AttachmentId, _up: bool) {
        todo!()
    }
}
