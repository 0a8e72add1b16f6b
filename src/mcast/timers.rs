//! Timers as the kernel's: a value beside the thing it belongs to, and one ordered queue of those that
//! are pending.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{PgId, Scope};
use crate::switch::PortNo;
use crate::switch::mdb::{Family, GroupKey};
use crate::time::{Duration, Instant};

/// A timer (`struct timer_list`). One that is not pending still knows when it was last due: the kernel
/// compares with that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timer {
    expires: Instant,
    pending: bool,
}

impl Timer {
    pub(super) const fn pending(self) -> bool {
        self.pending
    }

    pub(super) const fn expires(self) -> Instant {
        self.expires
    }

    /// Whether [`Timers::lower`] to `at` would do something: a timer that is not pending is started.
    pub(super) fn can_be_lowered(self, at: Instant) -> bool {
        !self.pending || self.expires > at
    }

    /// Returns how long it still runs (`br_timer_value`).
    pub(super) fn left(self, now: Instant) -> Duration {
        if self.pending {
            self.expires - now
        } else {
            Duration::ZERO
        }
    }
}

/// Whose timer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// The next query of the bridge to its own stack.
    OwnQuery(Scope, Family),
    /// The other querier is gone.
    OtherQuerier(Scope, Family),
    /// The next query by a port.
    PortQuery(PortNo, Scope, Family),
    /// The router behind a port is gone.
    PortRouter(PortNo, Scope, Family),
    /// The host's membership of a group ends, or the group is empty.
    Host(GroupKey),
    /// A port's membership of a group ends.
    Group(GroupKey, PgId),
    /// The next query about a group that somebody left.
    Rexmit(GroupKey, PgId),
    /// A source of a group ends.
    Source(GroupKey, PgId, IpAddr),
    /// Nobody wants a source any more: (…, source).
    HostSet(GroupKey, PgId, IpAddr),
    /// A host no longer wants a source: (…, source, host).
    HostEntry(GroupKey, PgId, IpAddr, IpAddr),
}

/// The pending timers, in the order in which they are due.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, TimerKey)>);

impl Timers {
    /// Starts or restarts a timer (`mod_timer`).
    pub(super) fn set(&mut self, key: TimerKey, timer: &mut Timer, at: Instant) {
        self.cancel(key, timer);
        *timer = Timer {
            expires: at,
            pending: true,
        };
        self.0.insert((at, key));
    }

    /// Starts a timer, or makes it due earlier.
    pub(super) fn lower(&mut self, key: TimerKey, timer: &mut Timer, at: Instant) {
        if timer.can_be_lowered(at) {
            self.set(key, timer, at);
        }
    }

    /// Stops a timer (`del_timer`).
    pub(super) fn cancel(&mut self, key: TimerKey, timer: &mut Timer) {
        if timer.pending {
            self.0.remove(&(timer.expires, key));
            timer.pending = false;
        }
    }

    /// Returns all of them.
    #[cfg(test)]
    pub(super) fn pending(&self) -> BTreeSet<(Instant, TimerKey)> {
        self.0.clone()
    }

    /// Returns when the first one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes out those that are due, in order; whoever handles them marks them as no longer pending.
    pub(super) fn due(&mut self, now: Instant) -> Vec<TimerKey> {
        let mut due = Vec::new();
        while let Some((at, key)) = self.0.first().copied()
            && at <= now
        {
            self.0.pop_first();
            due.push(key);
        }
        due
    }
}

/// Notes that a timer's time has come. `false` if it was stopped or restarted by what another one did
/// at the same time.
pub(super) fn fire(timer: &mut Timer, now: Instant) -> bool {
    let fires = timer.pending && timer.expires <= now;
    if fires {
        timer.pending = false;
    }
    fires
}
