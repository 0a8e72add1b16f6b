//! How long frames take: batches through a plan, in a loop, by one or more workers at once.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::Stream;
use crate::attach::BATCH;
use crate::switch::{Counters, Egress, Plan, forward};
use crate::time::{Duration, Instant};

/// What is measured, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Workers, each with a thread and a share of the attachments, or of their frames where there are
    /// more workers.
    pub workers: usize,
    /// Time before anything counts.
    pub warm_up: Duration,
    /// Time of one repetition.
    pub duration: Duration,
    /// Repetitions.
    pub repeats: usize,
}

/// What one worker did in one repetition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lap {
    /// Frames decided.
    pub frames: u64,
    /// Batches that they came in.
    pub batches: u64,
    /// Copying them to where a device would put them.
    pub receive: Duration,
    /// Deciding them and queueing their copies.
    pub decide: Duration,
    /// Copying the copies to where a device would take them.
    pub send: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// By repetition, then by worker.
    pub laps: Vec<Vec<Lap>>,
    /// What was counted while it was measured, all workers together.
    pub counters: Counters,
    /// Frames for control, which did not get them.
    pub traps: u64,
}

impl Measured {
    /// Adds repetitions that were measured later.
    pub fn extend(&mut self, later: Self) {
        self.laps.extend(later.laps);
        self.counters += &later.counters;
        self.traps += later.traps;
    }
}

/// Runs the introductions once, then the streams in a loop. `start` is when the topology is ready. Plans are
/// dealt to workers: with one, all workers share its tables; with as many as workers, none shares any.
///
/// # Panics
/// When a worker does, or without a plan.
#[must_use]
pub fn measure(
    plans: &[Arc<Plan>],
    start: Instant,
    introductions: &[Stream],
    streams: &[Stream],
    method: &Method,
) -> Measured {
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let introduced = plans
        .iter()
        .flat_map(|plan| introductions.iter().map(move |stream| (plan, stream)));
    for (plan, stream) in introduced {
        let frames: Vec<&[u8]> = (0..stream.len()).map(|n| stream.frame(n)).collect();
        for batch in frames.chunks(BATCH) {
            forward(
                plan,
                start,
                stream.ingress,
                batch,
                &mut counters,
                &mut egress,
            );
        }
    }
    let clock = std::time::Instant::now();
    // One more than there are workers: this thread says when.
    let gate = Barrier::new(method.workers + 1);
    let stop = AtomicBool::new(false);
    let shares = shares(streams, method.workers);
    let finished: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = shares
            .iter()
            .zip(plans.iter().cycle())
            .map(|(share, plan)| {
                let (gate, stop) = (&gate, &stop);
                scope.spawn(move || Worker::new(plan, start, clock, share).run(gate, stop, method))
            })
            .collect();
        for repetition in 0..=method.repeats {
            gate.wait();
            thread::sleep(match repetition {
                0 => method.warm_up,
                _ => method.duration,
            });
            stop.store(true, Ordering::Relaxed);
            gate.wait();
            stop.store(false, Ordering::Relaxed);
        }
        let join =
            |worker: thread::ScopedJoinHandle<'_, _>| worker.join().expect("no worker panics");
        workers.into_iter().map(join).collect()
    });
    let mut all = Measured {
        laps: vec![Vec::new(); method.repeats],
        counters: Counters::default(),
        traps: 0,
    };
    for worker in finished {
        let Finished {
            laps,
            counters,
            traps,
        } = worker;
        for (lap, of) in laps.into_iter().zip(&mut all.laps) {
            of.push(lap);
        }
        all.counters += &counters;
        all.traps += traps;
    }
    all
}

/// Deals streams to workers, and cuts them where there are fewer than workers.
fn shares(streams: &[Stream], workers: usize) -> Vec<Vec<Stream>> {
    let mut shares = vec![Vec::new(); workers];
    let used: Vec<_> = streams.iter().filter(|it| !it.is_empty()).collect();
    for (index, stream) in used.iter().enumerate() {
        // Workers that this stream is for: every so many, as if all streams were dealt again and again.
        let mine: Vec<_> = (index..workers.max(used.len()))
            .step_by(used.len().max(1))
            .collect();
        for (part, worker) in mine.iter().enumerate() {
            let mut share = Stream::new(stream.ingress);
            for number in (part..stream.len()).step_by(mine.len()) {
                share.push(stream.frame(number));
            }
            if !share.is_empty() {
                shares[worker % workers].push(share);
            }
        }
    }
    shares
}

struct Finished {
    laps: Vec<Lap>,
    counters: Counters,
    traps: u64,
}

/// Room for the frames of a batch, as a device fills it.
struct Room {
    octets: Vec<u8>,
    ends: [usize; BATCH],
}

struct Worker<'a> {
    plan: &'a Plan,
    start: Instant,
    clock: std::time::Instant,
    streams: &'a [Stream],
    /// By stream: the next frame.
    next: Vec<usize>,
    counters: Counters,
    egress: Egress,
    traps: u64,
    room: Room,
    sent: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(
        plan: &'a Plan,
        start: Instant,
        clock: std::time::Instant,
        streams: &'a [Stream],
    ) -> Self {
        Self {
            plan,
            start,
            clock,
            streams,
            next: vec![0; streams.len()],
            counters: Counters::default(),
            egress: Egress::default(),
            traps: 0,
            room: Room {
                octets: Vec::new(),
                ends: [0; BATCH],
            },
            sent: Vec::new(),
        }
    }

    fn run(mut self, gate: &Barrier, stop: &AtomicBool, method: &Method) -> Finished {
        let mut laps = Vec::with_capacity(method.repeats);
        for repetition in 0..=method.repeats {
            gate.wait();
            let mut lap = Lap::default();
            while !stop.load(Ordering::Relaxed) && !self.streams.is_empty() {
                for stream in 0..self.streams.len() {
                    self.turn(stream, &mut lap);
                }
            }
            match repetition {
                0 => {
                    // What is learned first is not what it costs in the long run.
                    self.counters = Counters::default();
                    self.traps = 0;
                }
                _ => laps.push(lap),
            }
            gate.wait();
        }
        Finished {
            laps,
            counters: self.counters,
            traps: self.traps,
        }
    }

    /// A batch of one stream: in, decided, out.
    fn turn(&mut self, index: usize, lap: &mut Lap) {
        let before = self.clock.elapsed();
        let stream = &self.streams[index];
        let next = self.next[index];
        let count = BATCH.min(stream.len() - next);
        self.room.octets.clear();
        for (end, number) in self.room.ends.iter_mut().zip(next..next + count) {
            self.room.octets.extend_from_slice(stream.frame(number));
            *end = self.room.octets.len();
        }
        self.next[index] = match next + count {
            all if all == stream.len() => 0,
            next => next,
        };
        let mut frames: [&[u8]; BATCH] = [&[]; BATCH];
        let mut start = 0;
        for (frame, end) in frames.iter_mut().zip(&self.room.ends[..count]) {
            *frame = &self.room.octets[start..*end];
            start = *end;
        }
        let frames = &frames[..count];
        let received = self.clock.elapsed();
        // Live, workers know the time to the millisecond (`live::turn`).
        let now = self.start
            + Duration::from_millis(
                received.as_secs() * 1000 + u64::from(received.subsec_millis()),
            );
        forward(
            self.plan,
            now,
            stream.ingress,
            frames,
            &mut self.counters,
            &mut self.egress,
        );
        let decided = self.clock.elapsed();
        self.sent.clear();
        for (_, copies) in self.egress.queues() {
            for copy in copies {
                for piece in self.egress.pieces(copy.edit, frames[copy.frame as usize]) {
                    self.sent.extend_from_slice(piece);
                }
            }
        }
        black_box(&self.sent);
        self.traps += self.egress.traps().len() as u64;
        let sent = self.clock.elapsed();
        lap.frames += count as u64;
        lap.batches += 1;
        lap.receive += received - before;
        lap.decide += decided - received;
        lap.send += sent - decided;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::AttachmentId;

    fn streams(lens: &[usize]) -> Vec<Stream> {
        let ids = (0u32..).map(AttachmentId).zip(lens);
        ids.map(|(id, len)| {
            let mut stream = Stream::new(id);
            for n in 0..*len {
                stream.push(&[u8::try_from(n).unwrap_or(0); 14]);
            }
            stream
        })
        .collect()
    }

    #[test]
    fn every_frame_is_one_workers() {
        for (lens, workers) in [
            (&[5, 0, 3][..], 1),
            (&[5, 0, 3], 2),
            (&[5, 3], 5),
            (&[7], 4),
            (&[1], 3),
            (&[], 2),
            (&[2, 2, 2, 2, 2], 2),
        ] {
            let shares = shares(&streams(lens), workers);
            assert_eq!(shares.len(), workers);
            let total = |streams: &[Stream]| streams.iter().map(Stream::len).sum::<usize>();
            let dealt: usize = shares.iter().map(|it| total(it)).sum();
            assert_eq!(dealt, lens.iter().sum::<usize>(), "{lens:?} {workers}");
            if lens.iter().sum::<usize>() >= 2 * workers {
                assert!(shares.iter().all(|it| total(it) > 0), "{lens:?} {workers}");
            }
        }
    }
}
