//! Storm control: how much of one kind of traffic a port takes in.
//!
//! A meter is a token bucket in the form of GCRA (ITU-T I.371): one atomic time, the *theoretical
//! arrival time* of the next frame if all came exactly at the rate. A frame conforms while that time
//! is at most [`BURST`] ahead of now, and then moves it on by its own cost. All workers share a meter
//! without a lock; a frame that is dropped writes nothing.
//!
//! Units: times in 1/64 ns, so that one octet at 64 GB/s costs 1 and a run of nine years fits.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::{Duration, Instant};

/// How far a meter may be ahead of its rate: after a pause a port takes in what the rate allows in
/// this time, and one frame, at once. In a second of overload it takes in 1.05 times its rate.
pub const BURST: Duration = Duration::from_millis(50);

/// Ticks of a meter's clock in a second.
const TICKS_PER_SECOND: u64 = 64_000_000_000;

const BURST_TICKS: u64 = BURST.subsec_nanos() as u64 * 64;

/// One token bucket.
#[derive(Debug)]
pub struct Meter {
    /// Frames or octets per second, at least 1.
    rate: u64,
    /// When the next frame would come if all came at the rate.
    next: AtomicU64,
}

impl Meter {
    /// Makes a full bucket for a rate in frames or octets per second; 0 is taken as 1.
    #[must_use]
    pub fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            next: AtomicU64::new(0),
        }
    }

    /// Takes `units` (1 for a frame, or its octets) out of the bucket, if the rate allows.
    #[inline]
    #[must_use]
    pub fn take(&self, now: Instant, units: u64) -> bool {
        let now = ticks(now);
        let cost = self.cost(units);
        let step = |next: u64| {
            (next <= now.saturating_add(BURST_TICKS)).then(|| next.max(now).saturating_add(cost))
        };
        // Relaxed: the time is all there is, no other memory hangs on it.
        self.next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .is_ok()
    }

    /// Puts back what was taken for a frame that another limit refused.
    fn give_back(&self, units: u64) {
        self.next.fetch_sub(self.cost(units), Ordering::Relaxed);
    }

    fn cost(&self, units: u64) -> u64 {
        units.saturating_mul(TICKS_PER_SECOND) / self.rate
    }
}

/// The limits on one kind of traffic; without any, all of it passes.
#[derive(Debug, Default)]
pub struct StormLimit {
    /// In frames per second.
    pub frames: Option<Meter>,
    /// In octets per second, from destination address to end of payload, with tags.
    pub octets: Option<Meter>,
}

impl StormLimit {
    /// Makes limits from rates; `None` is no limit.
    #[must_use]
    pub fn new(frames: Option<u64>, octets: Option<u64>) -> Self {
        Self {
            frames: frames.map(Meter::new),
            octets: octets.map(Meter::new),
        }
    }

    /// Whether a frame of `octets` passes: both limits must allow it, and only then both count it.
    #[inline]
    #[must_use]
    pub fn admits(&self, now: Instant, octets: usize) -> bool {
        let by_frames = |meter: &Meter| meter.take(now, 1);
        if !self.frames.as_ref().is_none_or(by_frames) {
            return false;
        }
        let by_octets = |meter: &Meter| meter.take(now, octets as u64);
        let admitted = self.octets.as_ref().is_none_or(by_octets);
        if !admitted && let Some(frames) = &self.frames {
            frames.give_back(1);
        }
        admitted
    }
}

/// Storm control of a port, by kind of traffic. Known unicast is never limited.
#[derive(Debug, Default)]
pub struct Storm {
    /// To the broadcast address.
    pub broadcast: Option<StormLimit>,
    /// To other group addresses.
    pub multicast: Option<StormLimit>,
    /// To stations that the FDB does not know.
    pub unknown: Option<StormLimit>,
}

const fn ticks(now: Instant) -> u64 {
    now.as_nanos().saturating_mul(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * MS)
    }

    /// 100 frames/s: one every 10 ms, and five more at once.
    #[test]
    fn conforms_to_the_nanosecond() {
        let meter = Meter::new(100);
        let start = at(1_000);
        let at_once = (0..20).filter(|_| meter.take(start, 1)).count();
        assert_eq!(at_once, 6);
        let due = Instant::from_nanos(1_010 * MS);
        let before = Instant::from_nanos(1_010 * MS - 1);
        assert!(!meter.take(before, 1));
        assert!(meter.take(due, 1));
        assert!(!meter.take(due, 1));
        // A long pause earns the burst again, and no more.
        assert_eq!((0..20).filter(|_| meter.take(at(9_000), 1)).count(), 6);
    }

    /// Offered ten times the rate for a second, a port takes in the rate and the burst.
    #[test]
    fn overload_for_a_second() {
        for (rate, offered, expected) in [
            (1u64, 10u64, 2u64),
            (20, 200, 22),
            (100, 1_000, 106),
            (1_000, 10_000, 1_051),
            (100_000, 1_000_000, 105_001),
        ] {
            let meter = Meter::new(rate);
            let gap = 1_000 * MS / offered;
            let passed = (0..offered)
                .filter(|n| meter.take(Instant::from_nanos(n * gap), 1))
                .count() as u64;
            assert!(
                passed.abs_diff(expected) <= 1,
                "{rate}/s passed {passed}, not {expected}"
            );
        }
    }

    #[test]
    fn octets_count_as_they_are() {
        // 64,000 octets a second: a frame of 640 every 10 ms; the burst holds 3,200 octets and a frame.
        let limit = StormLimit::new(None, Some(64_000));
        let at_once = (0..20).filter(|_| limit.admits(at(0), 640)).count();
        assert_eq!(at_once, 6);
        assert!(!limit.admits(at(9), 64) && limit.admits(at(10), 64));
        // What is left of the 10 ms lets nine more of that size in.
        let more = (0..20).filter(|_| limit.admits(at(19), 64)).count();
        assert_eq!(more, 9);
    }

    #[test]
    fn what_one_limit_refuses_the_other_does_not_count() {
        let limit = StormLimit::new(Some(100), Some(1_000));
        // The burst holds 50 octets and a frame.
        assert!(limit.admits(at(0), 60));
        for _ in 0..100 {
            assert!(!limit.admits(at(0), 60));
        }
        let frames = limit.frames.as_ref().unwrap();
        assert_eq!((0..20).filter(|_| frames.take(at(0), 1)).count(), 5);
        assert!(StormLimit::default().admits(at(0), usize::MAX));
    }

    #[test]
    fn extremes_do_not_wrap() {
        let end = Instant::from_nanos(u64::MAX);
        for rate in [0, 1, u64::MAX] {
            let meter = Meter::new(rate);
            for units in [0, 1, u64::MAX] {
                _ = meter.take(Instant::ZERO, units);
                _ = meter.take(end, units);
            }
        }
    }

    /// Two workers that share a bucket get what one would.
    #[test]
    fn workers_share_a_bucket() {
        let meter = Meter::new(10_000);
        let passed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for n in 0..1_000 {
                        if meter.take(at(n), 1) {
                            passed.fetch_add(1, Ordering::Relaxed);
                        }
                        for _ in 0..20 {
                            if meter.take(at(n), 1) {
                                passed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        // Each worker has its own time here, so all that can be said is the bound of the later one.
        let passed = passed.into_inner();
        assert!((9_900..=10_501).contains(&passed), "{passed}");
    }
}
