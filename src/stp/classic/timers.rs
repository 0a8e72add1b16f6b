//! Timers of the spanning tree: when they fire, and what happens then (8.7.3 to 8.7.8).

use super::{Bridge, PortState, after};
use crate::switch::PortNo;
use crate::time::Instant;

/// A running timer. Those that fire at the same instant do so in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Hello,
    TopologyChangeNotification,
    TopologyChange,
    MessageAge(PortNo),
    ForwardDelay(PortNo),
    Hold(PortNo),
    Recovery(PortNo),
    RootGuard(PortNo),
}

impl Bridge {
    /// Returns when [`Self::handle_timeout`] wants to be called. May change after every call that takes
    /// `&mut self`; looks at each port.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers().map(|(at, _)| at).min()
    }

    /// Does what is due. Harmless when nothing is.
    ///
    /// Each timer fires at most once per call, and what is restarted fires later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, timer)) = self.timers().filter(|(at, _)| *at <= now).min() {
            self.expire(now, timer);
        }
    }

    fn timers(&self) -> impl Iterator<Item = (Instant, Timer)> + '_ {
        let of_bridge = [
            (self.hello_timer, Timer::Hello),
            (self.tcn_timer, Timer::TopologyChangeNotification),
            (self.topology_change_timer, Timer::TopologyChange),
        ];
        let of_ports = self.ports.iter().flat_map(|port| {
            [
                (port.message_age_timer, Timer::MessageAge(port.no)),
                (port.forward_delay_timer, Timer::ForwardDelay(port.no)),
                (port.hold_timer, Timer::Hold(port.no)),
                (port.guards.recovery_timer, Timer::Recovery(port.no)),
                (port.guards.root_timer, Timer::RootGuard(port.no)),
            ]
        });
        of_bridge
            .into_iter()
            .chain(of_ports)
            .filter_map(|(at, timer)| Some((at?, timer)))
    }

    fn expire(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Hello => self.hello_timer_expired(now),
            Timer::TopologyChangeNotification => self.tcn_timer_expired(now),
            Timer::TopologyChange => self.topology_change_timer_expired(),
            Timer::MessageAge(port) => self.message_age_timer_expired(now, port),
            Timer::ForwardDelay(port) => self.forward_delay_timer_expired(now, port),
            Timer::Hold(port) => self.hold_timer_expired(now, port),
            Timer::Recovery(port) => self.recovery_timer_expired(now, port),
            Timer::RootGuard(port) => self.root_guard_timer_expired(port),
        }
    }

    /// 8.7.3.
    fn hello_timer_expired(&mut self, now: Instant) {
        self.hello_timer = None;
        if self.up {
            self.config_bpdu_generation(now);
            if self.stp {
                self.hello_timer = after(now, self.times.hello_time);
            }
        }
    }

    /// 8.7.4: what the port knew has become too old.
    fn message_age_timer_expired(&mut self, now: Instant, port: PortNo) {
        let Some(index) = self.index(port) else {
            return;
        };
        self.ports[index].message_age_timer = None;
        if self.ports[index].state == PortState::Disabled {
            return;
        }
        let was_root = self.is_root();
        self.fell_silent(index);
        self.become_designated(index);
        self.configuration_update(now);
        self.port_state_selection(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// 8.7.5.
    fn forward_delay_timer_expired(&mut self, now: Instant, port: PortNo) {
        let Some(index) = self.index(port) else {
            return;
        };
        self.ports[index].forward_delay_timer = None;
        match self.ports[index].state {
            PortState::Listening => {
                self.set_state(index, PortState::Learning);
                self.ports[index].forward_delay_timer = after(now, self.times.forward_delay);
            }
            PortState::Learning => {
                self.set_state(index, PortState::Forwarding);
                if self.is_designated_for_some_port() {
                    self.topology_change_detection(now);
                }
            }
            PortState::Disabled | PortState::Forwarding | PortState::Blocking => {}
        }
    }

    /// 8.7.6.
    fn tcn_timer_expired(&mut self, now: Instant) {
        self.tcn_timer = None;
        if self.up && !self.is_root() {
            self.transmit_tcn();
            self.tcn_timer = after(now, self.own_times.hello_time);
        }
    }

    /// 8.7.7.
    fn topology_change_timer_expired(&mut self) {
        self.topology_change_timer = None;
        self.topology_change_detected = false;
        self.set_topology_change(false);
    }

    /// 8.7.8.
    fn hold_timer_expired(&mut self, now: Instant, port: PortNo) {
        let Some(index) = self.index(port) else {
            return;
        };
        self.ports[index].hold_timer = None;
        if self.ports[index].config_pending {
            self.transmit_config(now, index);
        }
    }

    /// Linux looks at the designated bridge only, not at the port.
    fn is_designated_for_some_port(&self) -> bool {
        self.ports
            .iter()
            .any(|port| port.state != PortState::Disabled && port.designated.bridge == self.id)
    }
}
