//! Frames of the network's own that are on their way from one of its bridges to another.

use std::collections::BTreeMap;

use crate::switch::Trap;
use crate::time::{Duration, Instant};

/// What travels, by the time of its arrival and the order in which it was sent.
#[derive(Debug, Default)]
pub(super) struct Travelling {
    /// The shortest time that anything travels, and the seed of what is added; `None`: nothing travels.
    pub(super) latency: Option<(Duration, u64)>,
    frames: BTreeMap<(Instant, u64), (Trap, Vec<u8>)>,
    sent: u64,
}

impl Travelling {
    /// Returns when the next frame arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.frames.keys().next().map(|(at, _)| *at)
    }

    /// Sends a frame to the port that will trap it.
    pub(super) fn send(&mut self, now: Instant, trap: Trap, octets: Vec<u8>) {
        let (shortest, seed) = self.latency.unwrap_or_default();
        // Something that differs from port to port, and is the same for all frames by one.
        let mixed = (seed ^ u64::from(trap.netdev.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let part = u32::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32);
        let part = f64::from(part.unwrap_or(0)) / f64::from(u32::MAX);
        let at = now + shortest + shortest.mul_f64(part);
        self.sent += 1;
        self.frames.insert((at, self.sent), (trap, octets));
    }

    /// Takes the frame that arrives next.
    pub(super) fn arrive(&mut self) -> Option<(Trap, Vec<u8>)> {
        self.frames.pop_first().map(|(_, frame)| frame)
    }
}
