//! Port Timers (17.22): variables that run down to zero (17.17), exactly.

use super::super::seam::{Event, Inconsistent, Output};
use super::{Bridge, Port, Role};
use crate::time::{Duration, Instant};

/// How often `txCount` goes down while it is not zero (17.22).
const TX_TICK: Duration = Duration::from_secs(1);

/// A timer of 17.17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Run down, or not started.
    Zero,
    /// Runs down, and is zero then.
    Until(Instant),
    /// Kept at its initial value by the state that the port is in.
    Held,
}

impl Timer {
    pub(super) fn start(now: Instant, length: Duration) -> Self {
        if length.is_zero() {
            Self::Zero
        } else {
            Self::Until(now + length)
        }
    }

    pub(super) const fn is_zero(self) -> bool {
        matches!(self, Self::Zero)
    }

    pub(super) const fn is_held(self) -> bool {
        matches!(self, Self::Held)
    }

    /// Lets a held timer run.
    pub(super) fn release(&mut self, now: Instant, length: Duration) {
        if self.is_held() {
            *self = Self::start(now, length);
        }
    }

    /// Lengthens it to at least this.
    pub(super) fn extend(&mut self, now: Instant, length: Duration) {
        match *self {
            Self::Held => {}
            Self::Until(at) if at >= now + length => {}
            Self::Until(_) | Self::Zero => *self = Self::start(now, length),
        }
    }

    /// What remains of it; zero if it does not run.
    pub(super) fn remaining(self, now: Instant) -> Duration {
        match self {
            Self::Until(at) => at.saturating_since(now),
            Self::Zero | Self::Held => Duration::ZERO,
        }
    }

    const fn at(self) -> Option<Instant> {
        match self {
            Self::Until(at) => Some(at),
            Self::Zero | Self::Held => None,
        }
    }

    /// Sets it to zero if its time has come, and says so.
    fn run_out(&mut self, now: Instant) -> bool {
        let due = self.at().is_some_and(|at| at <= now);
        if due {
            *self = Self::Zero;
        }
        due
    }
}

impl Port {
    fn timers(&self) -> [Timer; 10] {
        [
            self.edge_delay_while,
            self.fd_while,
            self.hello_when,
            self.mdelay_while,
            self.rb_while,
            self.rcvd_info_while,
            self.rr_while,
            self.tc_while,
            self.tx_tick,
            self.recovery,
        ]
    }

    /// Counts a BPDU against the hold count. The second starts with the first one counted, so that there
    /// are never more than that many in any second.
    pub(super) fn count_tx(&mut self, now: Instant) {
        if self.tx_count == 0 {
            self.tx_tick = Timer::start(now, TX_TICK);
        }
        self.tx_count = self.tx_count.saturating_add(1);
    }

    fn tick_tx(&mut self, now: Instant) {
        while let Some(at) = self.tx_tick.at().filter(|at| *at <= now) {
            self.tx_count = self.tx_count.saturating_sub(1);
            self.awake = true;
            self.tx_tick = match self.tx_count {
                0 => Timer::Zero,
                _ => Timer::Until(at + TX_TICK),
            };
        }
    }
}

impl Bridge {
    /// Returns when [`Self::handle_timeout`] wants to be called. May change after every call that takes
    /// `&mut self`; looks at each port.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timers = self.ports.iter().flat_map(Port::timers);
        timers.filter_map(Timer::at).min()
    }

    /// Does what is due. Harmless when nothing is.
    ///
    /// What is restarted fires later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut retired = false;
        for index in 0..self.ports.len() {
            let port = &mut self.ports[index];
            port.tick_tx(now);
            for timer in [
                &mut port.edge_delay_while,
                &mut port.fd_while,
                &mut port.hello_when,
                &mut port.mdelay_while,
                &mut port.rb_while,
                &mut port.tc_while,
            ] {
                port.awake |= timer.run_out(now);
            }
            retired |= port.rr_while.run_out(now);
            if port.rcvd_info_while.run_out(now) {
                port.awake = true;
                self.fell_silent(index);
            }
            if self.ports[index].recovery.run_out(now) {
                self.recover(index, Inconsistent::Bpdu);
                self.refresh_enabled(now, index);
            }
        }
        // The one timer that other ports look at, too.
        if retired {
            self.wake_all();
        }
        self.run(now);
    }

    /// Loop guard: who has kept this port from forwarding is not heard any more. That the segment has
    /// lost its designated bridge, or only that we cannot hear it, looks the same from here.
    fn fell_silent(&mut self, index: usize) {
        let port = &self.ports[index];
        let kept = matches!(port.role, Role::Root | Role::Alternate | Role::Backup);
        if port.guards.loops && kept && port.oper_point_to_point() {
            self.trip(index, Inconsistent::Loop);
        }
    }

    /// BPDU guard: shuts the port until its link goes down and up, or its time is up.
    pub(super) fn shut(&mut self, now: Instant, index: usize) {
        self.trip(index, Inconsistent::Bpdu);
        let port = &mut self.ports[index];
        if let Some(length) = port.guards.recovery {
            port.recovery = Timer::start(now, length);
        }
        self.refresh_enabled(now, index);
        self.run(now);
    }

    /// Finds out whether the port can be used (17.19.18), and has it disabled at once if not.
    pub(super) fn refresh_enabled(&mut self, now: Instant, index: usize) {
        let port = &mut self.ports[index];
        let shut = port.guards.inconsistent == Some(Inconsistent::Bpdu);
        let enabled = self.up && port.link && !shut;
        if port.port_enabled == enabled {
            return;
        }
        port.port_enabled = enabled;
        port.heard = false;
        port.rapid_peer = false;
        port.awake = true;
        if enabled {
            let hello_time = self.bridge_times.hello_time;
            port.hello_when = Timer::start(now, hello_time);
            port.edge_delay_while = Timer::start(now, super::MIGRATE_TIME);
        } else {
            // 17.23, DISCARD.
            port.rcvd_msg = None;
            port.rcvd_rstp = false;
            port.rcvd_stp = false;
            port.edge_delay_while = Timer::Held;
            port.hello_when = Timer::Zero;
            port.disputed = false;
            port.guards.ignored_at = None;
            if port.guards.inconsistent == Some(Inconsistent::Loop) {
                port.guards.inconsistent = None;
                let event = Event::Recovered(Inconsistent::Loop);
                self.outputs.push_back(Output::Event(port.no, event));
            }
        }
        self.note_state(index);
    }
}
