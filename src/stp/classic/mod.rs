//! The spanning tree of IEEE 802.1D-1998 clause 8, as the Linux kernel runs it.
//!
//! This file is the protocol: the procedures of 8.6 and what 8.7 does on reception, in clause order.
//! `timers` (8.7.3–8.7.8), `admin` (management, 8.8), `guards` and `show` (what show commands print) are
//! beside it.

mod admin;
mod guards;
mod show;
mod timers;

use std::collections::VecDeque;

use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::{BPDU_TICK, Bpdu, BridgeId, Config, MacAddr, Pdu, PortId};

use super::seam::{Ignored, Inconsistent, Output};
use super::vector::{RootPath, Vector};
pub(super) use admin::DEFAULT_PORT_PRIORITY;
use guards::Guards;
pub use show::{BridgeInfo, Configured, PortInfo, Xstats};

/// At most one Configuration BPDU per port in this time (8.10.2).
const HOLD_TIME: Duration = Duration::from_secs(1);

/// The three times that the root dictates to its tree (8.5.3.4–8.5.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    max_age: Duration,
    hello_time: Duration,
    forward_delay: Duration,
}

/// One bridge's part in the spanning tree.
#[derive(Clone, Debug)]
pub struct Bridge {
    id: BridgeId,                           // 8.5.3.7
    group_address: MacAddr,                 // destination of BPDUs
    up: bool,                               // IFF_UP
    stp: bool,                              // stp_state 1
    designated_root: BridgeId,              // 8.5.3.1
    root_path_cost: u32,                    // 8.5.3.2
    root_port: Option<PortNo>,              // 8.5.3.3
    times: Times,                           // 8.5.3.4–6: in force, the root's
    own_times: Times,                       // 8.5.3.8–10: ours, in force while we are the root
    topology_change_detected: bool,         // 8.5.3.11
    topology_change: bool,                  // 8.5.3.12
    hello_timer: Option<Instant>,           // 8.5.4.1; timers hold when they fire
    tcn_timer: Option<Instant>,             // 8.5.4.2
    topology_change_timer: Option<Instant>, // 8.5.4.3
    ageing_time: Duration,                  // as shown: shortened while the topology changes
    own_ageing_time: Duration,              // as configured
    hold: Duration,                         // the last Output::Hold
    ports: Vec<Port>,                       // the newest first, as the kernel visits them
    outputs: VecDeque<Output>,
}

/// One port's part in it.
#[derive(Clone, Debug)]
struct Port {
    no: PortNo,
    id: PortId,                           // 8.5.5.1
    priority: u8,                         // the upper six bits of the id
    link: bool,                           // the netdev is up and has carrier
    state: PortState,                     // 8.5.5.2
    path_cost: u32,                       // 8.5.5.3
    admin_cost: bool,                     // path_cost was set by hand
    designated: Vector,                   // 8.5.5.4–7
    recorded_at: Instant,                 // when `designated` was received …
    recorded_age: Duration,               // … and how old it was then
    topology_change_ack: bool,            // 8.5.5.8
    config_pending: bool,                 // 8.5.5.9
    message_age_timer: Option<Instant>,   // 8.5.6.1
    forward_delay_timer: Option<Instant>, // 8.5.6.2
    hold_timer: Option<Instant>,          // 8.5.6.3
    guard: bool,                          // BPDU guard
    root_block: bool,                     // root guard
    guards: Guards,                       // those that Linux does not have
    xstats: Xstats,
}

/// When a timer started at `now` fires. Never at once, so that a neighbour who dictates times of zero
/// cannot keep us busy for ever at one instant; the kernel has its jiffy for that.
fn after(now: Instant, delay: Duration) -> Option<Instant> {
    Some(now + delay.max(BPDU_TICK))
}

impl Bridge {
    /// Returns the next thing to do, in order. May change after every call that takes `&mut self`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes a frame that came in by a port and was trapped (`br_stp_rcv`).
    ///
    /// # Errors
    /// Why it had no effect on the tree. Nothing needs to be done about it.
    pub fn receive(&mut self, now: Instant, port: PortNo, frame: &[u8]) -> Result<(), Ignored> {
        let pdu = Pdu::parse(frame)?;
        let index = self.index(port).ok_or(Ignored::NoPort(port))?;
        if !self.stp {
            return Err(Ignored::Off);
        }
        if !self.up {
            return Err(Ignored::Down);
        }
        if self.ports[index].state == PortState::Disabled {
            return Err(Ignored::PortDisabled);
        }
        if pdu.destination != self.group_address {
            return Err(Ignored::Destination(pdu.destination));
        }
        // Before the message is looked at: any BPDU trips the guard.
        if self.ports[index].guard {
            self.disable_port(now, index);
            self.tripped_bpdu_guard(now, index);
            return Err(Ignored::Guarded);
        }
        if self.ports[index].guards.filter {
            self.ports[index].guards.filtered += 1;
            return Err(Ignored::Filtered);
        }
        let message = pdu.message()?;
        self.heard(now, index);
        match message {
            Bpdu::Config(config) => self.received_config(now, index, &config),
            Bpdu::TopologyChange => self.received_tcn(now, index),
            // Of version 2, and thus refused above.
            Bpdu::Rapid(_) => {}
        }
        Ok(())
    }

    /// 8.7.1.
    fn received_config(&mut self, now: Instant, index: usize, config: &Config) {
        self.ports[index].xstats.rx_bpdu += 1;
        let was_root = self.is_root();
        let received = Vector::from(config);
        if received.supersedes(&self.ports[index].designated, self.id) {
            self.record_config(now, index, config);
            self.configuration_update(now);
            self.port_state_selection(now);
            if was_root && !self.is_root() {
                self.hello_timer = None;
                if self.topology_change_detected {
                    self.topology_change_timer = None;
                    self.transmit_tcn();
                    self.tcn_timer = after(now, self.own_times.hello_time);
                }
            }
            if self.root_port == Some(self.ports[index].no) {
                let topology_change = config.topology_change && !self.ignores_change(now, index);
                let config = &Config {
                    topology_change,
                    ..*config
                };
                self.record_config_timeout_values(config);
                self.config_bpdu_generation(now);
                if config.topology_change_ack {
                    self.topology_change_acknowledged();
                }
            }
        } else if self.is_designated(index) {
            self.transmit_config(now, index); // 8.6.5: reply
        }
    }

    /// 8.7.2.
    fn received_tcn(&mut self, now: Instant, index: usize) {
        self.ports[index].xstats.rx_tcn += 1;
        if self.is_designated(index) {
            if !self.ignores_change(now, index) {
                self.topology_change_detection(now);
            }
            self.ports[index].topology_change_ack = true; // 8.6.16: acknowledge
            self.transmit_config(now, index);
        }
    }

    /// 8.6.1. Held back for the hold time after the last one.
    fn transmit_config(&mut self, now: Instant, index: usize) {
        if self.ports[index].guards.filter {
            return;
        }
        if self.ports[index].hold_timer.is_some() {
            self.ports[index].config_pending = true;
            return;
        }
        // Without root port we are the root, and our information is fresh.
        let message_age = match self.root_port.and_then(|no| self.index(no)) {
            Some(root) if !self.is_root() => {
                let root = &self.ports[root];
                root.recorded_age
                    .saturating_add(now - root.recorded_at)
                    .saturating_add(BPDU_TICK)
            }
            _ => Duration::ZERO,
        };
        if message_age >= self.times.max_age {
            return;
        }
        let port = &mut self.ports[index];
        let config = Config {
            topology_change: self.topology_change,
            topology_change_ack: port.topology_change_ack,
            root: self.designated_root,
            root_path_cost: self.root_path_cost,
            bridge: self.id,
            port: port.id,
            message_age,
            max_age: self.times.max_age,
            hello_time: self.times.hello_time,
            forward_delay: self.times.forward_delay,
        };
        port.topology_change_ack = false;
        port.config_pending = false;
        if self.stp {
            port.xstats.tx_bpdu += 1;
            port.hold_timer = after(now, HOLD_TIME);
            self.outputs
                .push_back(Output::Transmit(port.no, Bpdu::Config(config)));
        }
    }

    /// 8.6.2.
    fn record_config(&mut self, now: Instant, index: usize, config: &Config) {
        let port = &mut self.ports[index];
        port.designated = Vector::from(config);
        port.recorded_at = now;
        port.recorded_age = config.message_age;
        let remaining = config.max_age.saturating_sub(config.message_age);
        port.message_age_timer = after(now, remaining);
    }

    /// 8.6.3.
    fn record_config_timeout_values(&mut self, config: &Config) {
        self.times = Times {
            max_age: config.max_age,
            hello_time: config.hello_time,
            forward_delay: config.forward_delay,
        };
        self.set_topology_change(config.topology_change);
    }

    /// 8.6.4.
    fn config_bpdu_generation(&mut self, now: Instant) {
        for index in 0..self.ports.len() {
            if self.ports[index].state != PortState::Disabled && self.is_designated(index) {
                self.transmit_config(now, index);
            }
        }
    }

    /// 8.6.6.
    fn transmit_tcn(&mut self) {
        let Some(index) = self.root_port.and_then(|no| self.index(no)) else {
            return;
        };
        if self.stp && !self.ports[index].guards.filter {
            let port = &mut self.ports[index];
            port.xstats.tx_tcn += 1;
            self.outputs
                .push_back(Output::Transmit(port.no, Bpdu::TopologyChange));
        }
    }

    /// 8.6.7.
    fn configuration_update(&mut self, now: Instant) {
        self.root_selection(now);
        self.designated_port_selection();
    }

    /// 8.6.8.
    fn root_selection(&mut self, now: Instant) {
        let mut best: Option<(RootPath, PortNo)> = None;
        for index in 0..self.ports.len() {
            let port = &self.ports[index];
            let path = port.designated.through(port.id, port.path_cost);
            if port.state == PortState::Disabled
                || self.is_designated(index)
                || path.root >= self.id
                || best.is_some_and(|(best, _)| best <= path)
            {
                continue;
            }
            if port.root_block {
                self.root_port_block(now, index);
            } else {
                best = Some((path, port.no));
            }
        }
        self.root_port = best.map(|(_, no)| no);
        (self.designated_root, self.root_path_cost) =
            best.map_or((self.id, 0), |(path, _)| (path.root, path.cost));
    }

    /// A port with `root_block` that would lead to the root starts again from listening, each time.
    fn root_port_block(&mut self, now: Instant, index: usize) {
        self.tripped_root_guard(now, index);
        self.set_state(index, PortState::Listening);
        let forward_delay = self.times.forward_delay;
        if !forward_delay.is_zero() {
            self.ports[index].forward_delay_timer = after(now, forward_delay);
        }
    }

    /// 8.6.9.
    fn designated_port_selection(&mut self) {
        for index in 0..self.ports.len() {
            let port = &self.ports[index];
            if port.state != PortState::Disabled
                && (self.is_designated(index)
                    || port.designated.root != self.designated_root
                    || self.own_vector(index) < port.designated)
            {
                self.become_designated(index);
            }
        }
    }

    /// 8.6.10.
    fn become_designated(&mut self, index: usize) {
        self.ports[index].designated = self.own_vector(index);
    }

    /// 8.6.11.
    fn port_state_selection(&mut self, now: Instant) {
        for index in 0..self.ports.len() {
            if self.ports[index].state == PortState::Disabled {
                continue;
            }
            let is_designated = self.is_designated(index);
            let port = &mut self.ports[index];
            if self.root_port == Some(port.no) {
                port.config_pending = false;
                port.topology_change_ack = false;
                self.make_forwarding(now, index);
            } else if is_designated {
                port.message_age_timer = None;
                if port.guards.inconsistent == Some(Inconsistent::Loop) {
                    self.make_blocking(now, index);
                } else {
                    self.make_forwarding(now, index);
                }
            } else {
                port.config_pending = false;
                port.topology_change_ack = false;
                self.make_blocking(now, index);
            }
        }
    }

    /// 8.6.12. Without spanning tree, or without delay, at once.
    fn make_forwarding(&mut self, now: Instant, index: usize) {
        if self.ports[index].state != PortState::Blocking {
            return;
        }
        let forward_delay = self.times.forward_delay;
        if !self.stp || forward_delay.is_zero() {
            self.set_state(index, PortState::Forwarding);
            self.topology_change_detection(now);
        } else {
            self.set_state(index, PortState::Listening);
        }
        self.ports[index].forward_delay_timer = if forward_delay.is_zero() {
            None
        } else {
            // Also for a port that forwards already: Linux lets it run out, and shows it.
            after(now, forward_delay)
        };
    }

    /// 8.6.13.
    fn make_blocking(&mut self, now: Instant, index: usize) {
        match self.ports[index].state {
            PortState::Disabled | PortState::Blocking => return,
            PortState::Forwarding | PortState::Learning => self.topology_change_detection(now),
            PortState::Listening => {}
        }
        self.set_state(index, PortState::Blocking);
        self.ports[index].forward_delay_timer = None;
    }

    /// 8.6.14.
    fn topology_change_detection(&mut self, now: Instant) {
        if !self.stp || !self.up {
            return;
        }
        if self.is_root() {
            self.set_topology_change(true);
            let own = &self.own_times;
            self.topology_change_timer = after(now, own.forward_delay + own.max_age);
        } else if !self.topology_change_detected {
            self.transmit_tcn();
            self.tcn_timer = after(now, self.own_times.hello_time);
        }
        self.topology_change_detected = true;
    }

    /// 8.6.15.
    fn topology_change_acknowledged(&mut self) {
        self.topology_change_detected = false;
        self.tcn_timer = None;
    }

    /// Becoming the root, common to everything that can lead to it (8.7.4, 8.8.3–8.8.4).
    fn become_root(&mut self, now: Instant) {
        self.times = self.own_times;
        self.note_hold();
        self.topology_change_detection(now);
        self.tcn_timer = None;
        if self.up {
            self.config_bpdu_generation(now);
            self.hello_timer = after(now, self.times.hello_time);
        }
    }

    /// Sets the topology change flag, and with it how fast the filtering database forgets (8.3.5).
    fn set_topology_change(&mut self, value: bool) {
        if self.stp && self.topology_change != value {
            self.ageing_time = if value {
                self.times.forward_delay.saturating_mul(2)
            } else {
                self.own_ageing_time
            };
        }
        self.topology_change = value;
        self.note_hold();
    }

    /// Announces how long learned entries live, if that has changed.
    fn note_hold(&mut self) {
        let hold = self.hold();
        if self.hold != hold {
            self.hold = hold;
            self.outputs.push_back(Output::Hold(hold));
        }
    }

    fn set_state(&mut self, index: usize, state: PortState) {
        let port = &mut self.ports[index];
        if self.stp {
            match state {
                PortState::Blocking => port.xstats.transition_blk += 1,
                PortState::Forwarding => port.xstats.transition_fwd += 1,
                _ => {}
            }
        }
        if port.state != state {
            port.state = state;
            self.outputs.push_back(Output::SetState(port.no, state));
        }
    }

    fn is_root(&self) -> bool {
        self.designated_root == self.id
    }

    /// What we would say on the port's segment.
    fn own_vector(&self, index: usize) -> Vector {
        Vector {
            root: self.designated_root,
            cost: self.root_path_cost,
            bridge: self.id,
            port: self.ports[index].id,
        }
    }

    /// Whether the port is the designated port of its segment.
    fn is_designated(&self, index: usize) -> bool {
        let port = &self.ports[index];
        (port.designated.bridge, port.designated.port) == (self.id, port.id)
    }

    fn index(&self, port: PortNo) -> Option<usize> {
        self.ports.iter().position(|p| p.no == port)
    }
}
