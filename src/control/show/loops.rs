//! What is known of loops, as a record: `tapswitch bridge show`.

use super::Show;
use crate::iproute::show::record::{LoopRecord, LoopsRecord};
use crate::netdev::bridge::Bridge;
use crate::time::{Duration, Instant};

impl Show<'_> {
    pub(super) fn loops(&self, bridge: &Bridge) -> LoopsRecord {
        let loops = &bridge.loops;
        let left = |at: Instant| at - self.now;
        let seconds = |after: Duration| u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
        let mut ports: Vec<_> = bridge.ports.iter().filter(|it| it.is_looped()).collect();
        ports.sort_by_key(|port| port.number);
        let blocked = ports.into_iter().map(|port| {
            let name = self.network.netdev(port.netdev).name.clone();
            (name, port.tried_again().map(left))
        });
        let seen = loops.seen().into_iter().map(|it| LoopRecord {
            path: self.network.path(&it),
            outside: !it.inside,
            copies: it.copies,
            copies_per_second: it.rate,
            sightings: it.sightings,
            last: self.now - it.last,
            blocks: it.blocks,
        });
        LoopsRecord {
            alarm: loops.alarm,
            guard: loops.guard,
            recovery: loops.recovery.map(seconds),
            blocked: blocked.collect(),
            seen: seen.collect(),
        }
    }
}
