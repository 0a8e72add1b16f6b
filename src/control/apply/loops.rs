//! Of `tapswitch bridge set` what is about loops.

use super::{Apply, Done, Failure};
use crate::iproute::command::LoopOptions;
use crate::netdev::NetdevId;
use crate::netdev::loops::{LoopError, LoopSettings};
use crate::time::Duration;

impl Apply<'_> {
    /// Whether [`Self::loops_set`] would be refused.
    pub(super) fn check_loops(&self, id: NetdevId, options: LoopOptions) -> Done {
        let checked = self.network.check_loops(id, settings(options));
        checked.map(|_| ()).map_err(said)
    }

    pub(super) fn loops_set(&mut self, id: NetdevId, options: LoopOptions) -> Done {
        let set = self.network.set_loops(self.now, id, settings(options));
        set.map_err(said)
    }
}

fn said(error: LoopError) -> Failure {
    Failure::Said(format!("tapswitch: {error}\n"), 1)
}

fn settings(options: LoopOptions) -> LoopSettings {
    let seconds = |after: u32| Duration::from_secs(after.into());
    LoopSettings {
        alarm: options.alarm,
        guard: options.guard,
        recovery: options.recovery.map(|after| after.map(seconds)),
    }
}
