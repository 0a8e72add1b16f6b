//! Loops, as `tapswitch bridge show` prints them.

use std::time::Duration;

/// What a bridge does about loops, and those that there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopsRecord {
    /// Whether loops are told of.
    pub alarm: bool,
    /// Whether the port that closes one is blocked.
    pub guard: bool,
    /// Seconds for which it is; `None` for ever.
    pub recovery: Option<u32>,
    /// Ports that are blocked: (name, time until it is tried again, if it is).
    pub blocked: Vec<(String, Option<Duration>)>,
    /// The loops, the one seen last at the end.
    pub seen: Vec<LoopRecord>,
}

/// A loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopRecord {
    /// The way round, `BRIDGE:PORT` by `BRIDGE:PORT`.
    pub path: Vec<String>,
    /// Whether something outside of the network closes it.
    pub outside: bool,
    /// Copies that went round.
    pub copies: u64,
    /// Copies per second, if that is known.
    pub copies_per_second: Option<u64>,
    /// How often it was seen.
    pub sightings: u64,
    /// How long ago last.
    pub last: Duration,
    /// How often a port was blocked because of it.
    pub blocks: u64,
}
