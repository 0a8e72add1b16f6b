//! Where a worker's time goes: by stage of its turns, and what it does between them.
//!
//! Counts are always kept. Times are measured only while [`Stopwatch`]es run, with a look at the clock
//! per stage of a turn, never per frame; a turn of one frame then costs about a tenth of a microsecond
//! more.

use std::fmt;

use super::wiring::Clock;
use crate::time::{Duration, Instant};

/// What one worker has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Turns in which frames came in.
    pub turns: u64,
    /// Turns in which none did.
    pub empty_turns: u64,
    /// Frames received.
    pub frames: u64,
    /// Copies sent, a super-frame's segments one by one.
    pub copies: u64,
    /// System calls to receive.
    pub reads: u64,
    /// System calls to ask which attachments have frames.
    pub polls: u64,
    /// Of [`Self::polls`], those that slept.
    pub sleeps: u64,
    /// Times, as far as they were measured.
    pub times: Times,
}

/// Times of one worker, from when it began to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Frames received while it measured, which the times are of.
    pub frames: u64,
    /// To take frames from attachments.
    pub receive: Duration,
    /// To find out what becomes of them.
    pub decide: Duration,
    /// To hand copies to attachments.
    pub write: Duration,
    /// To look for frames without sleeping.
    pub look: Duration,
    /// To sleep.
    pub sleep: Duration,
    /// Everything else between turns.
    pub rest: Duration,
}

/// Measures the stages of a turn, if at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stopwatch(Option<(Clock, Instant)>);

impl Stopwatch {
    /// Starts one.
    #[must_use]
    pub fn start(clock: Clock) -> Self {
        Self(Some((clock, clock.now())))
    }

    /// Whether it runs.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.0.is_some()
    }

    /// Adds the time since the last lap.
    #[inline]
    pub fn lap(&mut self, stage: &mut Duration) {
        if let Some((clock, last)) = &mut self.0 {
            let now = clock.now();
            *stage += now.saturating_since(*last);
            *last = now;
        }
    }
}

impl Times {
    /// Returns the time in which it worked on frames.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.receive + self.decide + self.write + self.rest
    }

    /// Returns all of it.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.busy() + self.look + self.sleep
    }
}

/// Divides, and has nothing of nothing be nothing.
fn per(count: u64, of: u64) -> f64 {
    if of == 0 {
        return 0.0;
    }
    count as f64 / of as f64
}

impl fmt::Display for Profile {
    /// Prints three or four lines, the first to follow a heading.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = &self.times;
        let total = times.total().as_secs_f64();
        if total > 0.0 {
            let share = |part: Duration| 100.0 * part.as_secs_f64() / total;
            writeln!(
                f,
                "{:.1} % busy, {:.1} % looking for frames, {:.1} % asleep, of {total:.1} s",
                share(times.busy()),
                share(times.look),
                share(times.sleep)
            )?;
            let nanos = |part: Duration| {
                let nanos = u64::try_from(part.as_nanos()).unwrap_or(u64::MAX);
                per(nanos, times.frames)
            };
            writeln!(
                f,
                "  ns a frame: {:.0} receive, {:.0} decide, {:.0} write, {:.0} between turns",
                nanos(times.receive),
                nanos(times.decide),
                nanos(times.write),
                nanos(times.rest)
            )?;
        } else {
            writeln!(f, "times were not measured")?;
        }
        writeln!(
            f,
            "  {} turns, {} frames in them: {:.1} a turn; {} turns without",
            self.turns,
            self.frames,
            per(self.frames, self.turns),
            self.empty_turns
        )?;
        writeln!(
            f,
            "  system calls a frame: {:.2} receive, {:.2} write, {:.2} poll; slept {} times",
            per(self.reads, self.frames),
            per(self.copies, self.frames),
            per(self.polls, self.frames),
            self.sleeps
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_where_the_time_went() {
        let micros = Duration::from_micros;
        let mut profile = Profile {
            turns: 10,
            empty_turns: 2,
            frames: 100,
            copies: 150,
            reads: 102,
            polls: 25,
            sleeps: 1,
            times: Times::default(),
        };
        assert!(profile.to_string().starts_with("times were not measured\n"));
        profile.times = Times {
            frames: 100,
            receive: micros(40),
            decide: micros(5),
            write: micros(50),
            look: micros(100),
            sleep: micros(800),
            rest: micros(5),
        };
        assert_eq!(
            profile.to_string(),
            "10.0 % busy, 10.0 % looking for frames, 80.0 % asleep, of 0.0 s\n  \
             ns a frame: 400 receive, 50 decide, 500 write, 50 between turns\n  \
             10 turns, 100 frames in them: 10.0 a turn; 2 turns without\n  \
             system calls a frame: 1.02 receive, 1.50 write, 0.25 poll; slept 1 times\n"
        );
    }

    #[test]
    fn a_stopwatch_that_was_not_started_measures_nothing() {
        let mut stage = Duration::ZERO;
        Stopwatch::default().lap(&mut stage);
        assert_eq!(stage, Duration::ZERO);
        let mut watch = Stopwatch::start(Clock::start());
        std::thread::sleep(Duration::from_millis(1));
        watch.lap(&mut stage);
        assert!(stage >= Duration::from_millis(1));
    }
}
