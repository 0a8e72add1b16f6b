//! What a bench found, as numbers and as text.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::measure::{Lap, Measured, Method};
use crate::switch::{BridgeCounters, DropReason};
use crate::time::Duration;

/// The middle of some measurements, and between what they lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            return Self::default();
        };
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Self {
            median,
            min: *min,
            max: *max,
        }
    }
}

/// Nanoseconds per frame.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stages {
    /// Copying frames to where a device would put them.
    pub receive: Spread,
    /// Deciding them, and queueing copies.
    pub decide: Spread,
    /// Copying copies to where a device would take them.
    pub send: Spread,
    /// All three.
    pub total: Spread,
}

/// What became of frames.
#[derive(Clone, Debug, Serialize)]
pub struct Verdicts {
    /// Frames of which a copy left.
    pub forwarded: u64,
    /// Frames that control took.
    pub trapped: u64,
    /// Frames that went nowhere, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Copies that left.
    pub copies: u64,
    /// Copies that did not get out, by reason.
    pub copies_lost: BTreeMap<&'static str, u64>,
    /// Stations learned.
    pub learned: u64,
    /// Stations that moved.
    pub moved: u64,
    /// Stations not learned, because a table was full.
    pub learn_refused: u64,
    /// Frames flooded.
    pub flooded: u64,
    /// Frames seen by control, which a bench has not.
    pub traps: u64,
}

/// All that is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub topology: String,
    /// Attachments that frames came in by.
    pub attachments: Vec<String>,
    /// Different frames.
    pub frames: usize,
    /// Their octets.
    pub octets: usize,
    /// Workers.
    pub workers: usize,
    /// Repetitions.
    pub repeats: usize,
    /// How long each took.
    pub seconds: f64,
    /// By stage, all workers together.
    pub ns_per_frame: Stages,
    /// Millions of frames decided per second by one worker, while it decides.
    pub mpps_per_worker: Vec<Spread>,
    /// Millions of frames per second through all stages, by all workers together.
    pub mpps: Spread,
    /// Workers that share no table, measured in turn with these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unshared: Option<Unshared>,
    /// What became of the frames of all repetitions.
    pub verdicts: Verdicts,
}

/// What workers reach that share no table.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Unshared {
    /// Millions of frames per second through all stages, by all workers together.
    pub mpps: Spread,
    /// What workers with one table reach, by repetition, of what these do next.
    pub shared_ratio: Spread,
}

impl Unshared {
    /// Compares repetitions that were measured in turn.
    #[must_use]
    pub fn new(shared: &Measured, unshared: &Measured) -> Self {
        let rates = |it: &Measured| it.laps.iter().map(|laps| rate(laps)).collect::<Vec<_>>();
        let (shared, unshared) = (rates(shared), rates(unshared));
        // On a busy machine a short repetition may see no frame at all.
        let pairs = shared.iter().zip(&unshared).filter(|it| *it.1 > 0.0);
        Self {
            mpps: Spread::of(unshared.iter().copied()),
            shared_ratio: Spread::of(pairs.map(|(shared, unshared)| shared / unshared)),
        }
    }
}

/// Millions of frames per second through all stages, by all workers of a repetition together.
fn rate(laps: &[Lap]) -> f64 {
    let used = laps.iter().filter(|lap| lap.frames > 0);
    let one = |lap: &Lap| {
        let spent = lap.receive + lap.decide + lap.send;
        1e3 / per_frame(spent, lap.frames).max(f64::MIN_POSITIVE)
    };
    used.map(one).sum()
}

#[allow(clippy::cast_precision_loss)] // counts far below 2^52
fn per_frame(time: Duration, frames: u64) -> f64 {
    time.as_nanos() as f64 / frames.max(1) as f64
}

impl Report {
    /// Sums up.
    #[must_use]
    pub fn new(
        topology: String,
        attachments: Vec<String>,
        (frames, octets): (usize, usize),
        method: &Method,
        measured: &Measured,
    ) -> Self {
        let seconds = method.duration.as_secs_f64();
        let stage = |time: fn(&Lap) -> Duration| {
            Spread::of(measured.laps.iter().map(|workers| {
                let spent: Duration = workers.iter().map(time).sum();
                per_frame(spent, workers.iter().map(|lap| lap.frames).sum())
            }))
        };
        let mpps = |lap: &Lap| 1e3 / per_frame(lap.decide, lap.frames).max(f64::MIN_POSITIVE);
        let per_worker = (0..method.workers).map(|worker| {
            let laps = measured.laps.iter().filter_map(|laps| laps.get(worker));
            Spread::of(laps.filter(|lap| lap.frames > 0).map(mpps))
        });
        Self {
            topology,
            attachments,
            frames,
            octets,
            workers: method.workers,
            repeats: method.repeats,
            seconds,
            ns_per_frame: Stages {
                receive: stage(|lap| lap.receive),
                decide: stage(|lap| lap.decide),
                send: stage(|lap| lap.send),
                total: stage(|lap| lap.receive + lap.decide + lap.send),
            },
            mpps_per_worker: per_worker.collect(),
            mpps: Spread::of(measured.laps.iter().map(|laps| rate(laps))),
            unshared: None,
            verdicts: Verdicts::of(measured),
        }
    }
}

impl Verdicts {
    fn of(measured: &Measured) -> Self {
        let counters = &measured.counters;
        let sum = |of: fn(&crate::switch::AttachmentCounters) -> u64| {
            counters.attachments.iter().map(of).sum()
        };
        let reasons = |of: fn(&crate::switch::AttachmentCounters) -> &[u64; DropReason::COUNT]| {
            let count = |reason: DropReason| -> u64 {
                let all = counters.attachments.iter();
                all.map(|it| of(it)[reason as usize]).sum()
            };
            let named = DropReason::ALL.iter().map(|it| (it.name(), count(*it)));
            named.filter(|(_, count)| *count > 0).collect()
        };
        let bridges = |of: fn(&BridgeCounters) -> u64| counters.bridges.iter().map(of).sum();
        Self {
            forwarded: sum(|it| it.forwarded),
            trapped: sum(|it| it.trapped),
            dropped: reasons(|it| &it.dropped),
            copies: sum(|it| it.frames_out),
            copies_lost: reasons(|it| &it.copies_lost),
            learned: bridges(|it| it.learned),
            moved: bridges(|it| it.moved),
            learn_refused: bridges(|it| it.learn_refused),
            flooded: bridges(|it| it.flooded_unknown + it.flooded_multicast + it.flooded_broadcast),
            traps: measured.traps,
        }
    }
}

impl fmt::Display for Report {
    #[allow(clippy::cast_precision_loss)] // counts far below 2^52
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        writeln!(
            f,
            "{}: {} attachment{}, {} frames of {} octets in a loop, {} worker{}, {} × {:.1} s",
            self.topology,
            self.attachments.len(),
            plural(self.attachments.len()),
            self.frames,
            self.octets / self.frames.max(1),
            self.workers,
            plural(self.workers),
            self.repeats,
            self.seconds,
        )?;
        let stages = &self.ns_per_frame;
        for (name, it) in [
            ("receive", stages.receive),
            ("decide", stages.decide),
            ("send", stages.send),
            ("total", stages.total),
        ] {
            let Spread { median, min, max } = it;
            writeln!(f, "  {name:8} {median:8.1} ns/frame  ({min:.1}–{max:.1})")?;
        }
        for (worker, it) in self.mpps_per_worker.iter().enumerate() {
            let Spread { median, min, max } = it;
            writeln!(
                f,
                "  worker {worker} {median:8.2} M decisions/s  ({min:.2}–{max:.2})"
            )?;
        }
        let Spread { median, min, max } = self.mpps;
        writeln!(f, "  together {median:8.2} M frames/s  ({min:.2}–{max:.2})")?;
        if let Some(Unshared { mpps, shared_ratio }) = self.unshared {
            let Spread { median, min, max } = mpps;
            writeln!(
                f,
                "  apart    {median:8.2} M frames/s  ({min:.2}–{max:.2}), tables of their own"
            )?;
            let Spread { median, min, max } = shared_ratio;
            writeln!(f, "  sharing  {median:8.2} × that  ({min:.2}–{max:.2})")?;
        }
        let Verdicts {
            forwarded,
            trapped,
            dropped,
            copies,
            copies_lost,
            learned,
            moved,
            learn_refused,
            flooded,
            traps,
        } = &self.verdicts;
        let all = forwarded + trapped + dropped.values().sum::<u64>();
        let share = |count: u64| 100.0 * count as f64 / all.max(1) as f64;
        write!(f, "of 100 frames: {:.2} forwarded", share(*forwarded))?;
        if *trapped > 0 {
            write!(f, ", {:.2} trapped", share(*trapped))?;
        }
        for (reason, count) in dropped {
            write!(f, ", {:.2} dropped ({reason})", share(*count))?;
        }
        write!(f, "; {:.2} copies", share(*copies))?;
        for (reason, count) in copies_lost {
            write!(f, ", {:.2} lost ({reason})", share(*count))?;
        }
        for (count, what) in [
            (flooded, "flooded"),
            (learned, "learned"),
            (moved, "moved"),
            (learn_refused, "not learned (table full)"),
            (traps, "seen by control"),
        ] {
            if *count > 0 {
                write!(f, ", {:.2} {what}", share(*count))?;
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        let spread = |median, min, max| Spread { median, min, max };
        assert_eq!(of(&[]), spread(0.0, 0.0, 0.0));
        assert_eq!(of(&[3.0]), spread(3.0, 3.0, 3.0));
        assert_eq!(of(&[9.0, 1.0, 2.0]), spread(2.0, 1.0, 9.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), spread(3.0, 1.0, 9.0));
    }
}
