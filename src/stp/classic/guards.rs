//! Guards that Linux does not have, and news about those that it has: BPDU guard comes back after a time,
//! loop guard, BPDU filter, TC guard. All off unless asked for; then the machine is the kernel's.

use super::super::seam::{Event, Inconsistent, Output, Refused};
use super::{Bridge, PortState, after};
use crate::switch::PortNo;
use crate::time::{Duration, Instant};

/// What watches over a port, and what it has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guards {
    pub(super) filter: bool,
    pub(super) loops: bool,
    pub(super) tc: bool,
    recovery: Option<Duration>,
    pub(super) inconsistent: Option<Inconsistent>,
    pub(super) recovery_timer: Option<Instant>,
    pub(super) root_timer: Option<Instant>, // when what tripped root guard is too old
    pub(super) filtered: u64,
    pub(super) changes_ignored: u64,
    ignored_at: Option<Instant>,
}

impl Bridge {
    /// Sets how long `guard` disables a port for; for ever (`None`, the default, as on Linux) means until
    /// its link comes up again. Counts from the next time on.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_recovery(&mut self, no: PortNo, time: Option<Duration>) -> Result<(), Refused> {
        self.guards(no)?.recovery = time;
        Ok(())
    }

    /// Sets BPDU filter: the port neither sends nor hears BPDUs, and nothing protects from a loop through
    /// it. With `guard`, a BPDU disables the port all the same.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_bpdu_filter(&mut self, no: PortNo, on: bool) -> Result<(), Refused> {
        self.guards(no)?.filter = on;
        Ok(())
    }

    /// Sets loop guard: a port that was kept from forwarding by its neighbour's BPDUs, or was the root
    /// port, and hears no more of them blocks until it does.
    ///
    /// # Errors
    /// [`Refused::NoPort`], [`Refused::Exclusive`] with `root_block`.
    pub fn set_loop_guard(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        if on && self.ports[index].root_block {
            return Err(Refused::Exclusive);
        }
        self.ports[index].guards.loops = on;
        if !on && self.recover(index, Inconsistent::Loop) {
            self.port_state_selection(now);
        }
        Ok(())
    }

    /// Sets TC guard: topology changes that the neighbour tells of are acknowledged, but neither passed on
    /// nor acted upon.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_tc_guard(&mut self, no: PortNo, on: bool) -> Result<(), Refused> {
        let guards = self.guards(no)?;
        guards.tc = on;
        guards.ignored_at = None;
        Ok(())
    }

    /// After `guard` has disabled the port.
    pub(super) fn tripped_bpdu_guard(&mut self, now: Instant, index: usize) {
        let guards = &mut self.ports[index].guards;
        guards.recovery_timer = guards.recovery.and_then(|time| after(now, time));
        self.trip(index, Inconsistent::Bpdu);
    }

    pub(super) fn recovery_timer_expired(&mut self, now: Instant, port: PortNo) {
        let Some(index) = self.index(port) else {
            return;
        };
        self.ports[index].guards.recovery_timer = None;
        self.recover(index, Inconsistent::Bpdu);
        let disabled = self.ports[index].state == PortState::Disabled;
        if self.up && self.ports[index].link && disabled {
            self.enable_port(now, index);
        }
    }

    /// The port leads to a better root, and must not; each BPDU says so anew.
    pub(super) fn tripped_root_guard(&mut self, now: Instant, index: usize) {
        let port = &mut self.ports[index];
        // Until the information is too old; a timer of its own, for `message_age_timer` is shown.
        port.guards.root_timer = port
            .message_age_timer
            .or_else(|| after(now, Duration::ZERO));
        self.trip(index, Inconsistent::Root);
    }

    pub(super) fn root_guard_timer_expired(&mut self, port: PortNo) {
        if let Some(index) = self.index(port) {
            self.ports[index].guards.root_timer = None;
            self.recover(index, Inconsistent::Root);
        }
    }

    /// Loop guard: what the port knows has become too old.
    pub(super) fn fell_silent(&mut self, index: usize) {
        if self.ports[index].guards.loops && !self.is_designated(index) {
            self.trip(index, Inconsistent::Loop);
        }
    }

    /// Loop guard: a BPDU has come. States are selected when it has been looked at.
    pub(super) fn heard(&mut self, now: Instant, index: usize) {
        if self.recover(index, Inconsistent::Loop) {
            self.port_state_selection(now);
        }
    }

    /// The netdev has said how its link is: a port that is disabled comes back with that.
    pub(super) fn link_known(&mut self, index: usize) {
        self.ports[index].guards.recovery_timer = None;
        self.ports[index].guards.root_timer = None;
        for reason in [Inconsistent::Bpdu, Inconsistent::Loop, Inconsistent::Root] {
            self.recover(index, reason);
        }
    }

    /// TC guard: whether a change that was heard of at this port stays there. A neighbour repeats itself
    /// until it is answered, and the root for half a minute; only a silence between says that it is another.
    pub(super) fn ignores_change(&mut self, now: Instant, index: usize) -> bool {
        let repeats = self.times.hello_time.saturating_mul(2);
        let port = &mut self.ports[index];
        if !port.guards.tc {
            return false;
        }
        let last = port.guards.ignored_at.replace(now);
        if last.is_none_or(|last| now.saturating_since(last) > repeats) {
            port.guards.changes_ignored += 1;
            self.outputs
                .push_back(Output::Event(port.no, Event::ChangeIgnored));
        }
        true
    }

    fn trip(&mut self, index: usize, into: Inconsistent) {
        let port = &mut self.ports[index];
        if port.guards.inconsistent.replace(into) != Some(into) {
            self.outputs
                .push_back(Output::Event(port.no, Event::Tripped(into)));
        }
    }

    /// Returns whether that was the reason.
    fn recover(&mut self, index: usize, from: Inconsistent) -> bool {
        let port = &mut self.ports[index];
        let was = port.guards.inconsistent == Some(from);
        if was {
            port.guards.inconsistent = None;
            self.outputs
                .push_back(Output::Event(port.no, Event::Recovered(from)));
        }
        was
    }

    fn guards(&mut self, no: PortNo) -> Result<&mut Guards, Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        Ok(&mut self.ports[index].guards)
    }
}
