//! One turn: take a batch from an attachment, decide, send the copies.
//!
//! Nothing here waits, locks, or, once the queues have grown, allocates; only a frame for control is
//! copied. Full queues and far ends that are down lose the copy and count it.
//!
//! A turn ends after [`BATCH`] frames or four super-frames, and every attachment that has more gets its
//! next turn after all others had theirs: that is what keeps them from starving each other, and what
//! leaves a frame in the CPU's cache between being received and sent. With several workers a TAP has a
//! queue for each; Linux sends a flow by the queue by which the other direction came, so all of a flow
//! is one worker's, in order, and no lock is shared.
//!
//! A frame may have something left to do ([`Offload`]), which goes with it past the core, to an
//! attachment that takes it; for one that does not, it is done here, in software, and counted.
//!
//! Copies leave one by one, or all of a turn together where the attachment likes that better: a TAP takes one in a
//! system call, a packet socket 32.
//!
//! # What was tried
//!
//! In bare relays between two TAPs, before this was written; × what draining with plain `read` and
//! `write` reached in the same campaign, without virtio-net headers unless said:
//!
//! | way | 60-octet frames | round trip, median | |
//! |---|---|---|---|
//! | one frame per wake-up | 0.57 | 1.2 | |
//! | `IFF_NAPI`, `IFF_NAPI_FRAGS` | 0.85, 1.0 | 1.1, 1.0 | |
//! | io_uring, 64 one-shot reads waiting | 1.4 | 2.0 | the queue is the delay |
//! | plain reads, writes batched in a ring | 0.5 | 1.5 | |
//! | io_uring, multishot reads, plain writes | 1.2, with headers 1.4 | 1.0 | not built yet; writes in the ring gain nothing |
//! | virtio-net headers | 0.65 | 1.2 | TCP 7 ×: taken |
//! | looking 50 µs before sleeping, with headers | 1.4 | 0.7 | taken: [`patience`](super::patience) |
//! | two queues and workers, with headers | 1.1 | 0.8 | TCP 1.3 ×: taken, with `--workers` |
//! | `AF_XDP` on a veth, copied | 0.8 | 1.2 | loses what is left to do, so whoever sends must leave nothing: `--io xdp` |
//! | `TPACKET_V3` receive, `sendmmsg` | 1.6 | over 30 | its blocks wait for a timer: `TPACKET_V2`, and long frames by the queue |
//!
//! To send by a packet socket into a veth, × one `writev` a frame, medians of seven interleaved runs on a busy machine,
//! with frames of 60 and of 1514 octets: `sendmmsg` of 32 frames 1.4 and 1.3 (1.1 to 1.9), a transmit ring 1.4 and 1.2
//! (1.0 to 1.8). No difference between the two, and a ring has no super-frames: `sendmmsg` was taken.

use std::io;

use super::profile::{Profile, Stopwatch};
use super::wiring::Wiring;
use crate::attach::{Attachment, BATCH, Batch, Failure, Outgoing};
use crate::switch::{
    AttachmentCounters, AttachmentId, Copies, Copy, Counters, DropReason, Edit, Egress, NetdevId,
    Originate, Trap, Unfinished, Verdict, forward_unfinished,
};
use crate::time::Instant;
use crate::wire::offload::{Offload, Software};

/// Octets by which tags can make a frame longer: netdevs stand on each other eight deep, and a bridge
/// may add one more. What adds more has put a packet around it (Ethernet, IP and UDP, 42 at least).
const TAGS_MAX: isize = 9 * 4;

/// The buffers and counters of one worker.
#[derive(Debug, Default)]
pub struct Turn {
    /// What this worker has counted since the start.
    pub counters: Counters,
    /// What its time went into.
    pub profile: Profile,
    /// Runs while stages are measured.
    pub watch: Stopwatch,
    batch: Batch,
    egress: Egress,
    outlet: Outlet,
    traps: Vec<Waiting>,
}

/// Where copies leave.
#[derive(Debug, Default)]
struct Outlet {
    /// The worker, which sends by its own queues.
    worker: usize,
    software: Software,
    gone: Vec<(AttachmentId, u64)>,
}

/// A frame for control that a turn has left.
#[derive(Debug)]
struct Waiting {
    /// Where it came in; `None` for one of the network's own.
    ingress: Option<AttachmentId>,
    trap: Trap,
    octets: Vec<u8>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingress {
    /// There may be more to receive.
    More,
    /// Everything was received.
    Dry,
    /// The attachment is gone.
    Gone,
}

impl Turn {
    /// Makes the buffers of the worker with a number.
    #[must_use]
    pub fn new(worker: usize) -> Self {
        let mut turn = Self::default();
        turn.outlet.worker = worker;
        turn
    }

    /// Receives up to [`BATCH`] frames from an attachment and forwards them.
    pub fn run(
        &mut self,
        wiring: &Wiring,
        now: Instant,
        id: AttachmentId,
        from: &dyn Attachment,
    ) -> Ingress {
        self.batch.clear();
        let ingress = match receive(from, &mut self.batch) {
            Ok(false) => Ingress::More,
            Ok(true) => Ingress::Dry,
            Err(error) => match Failure::of(&error) {
                Failure::Full | Failure::Refused => Ingress::Dry,
                Failure::Gone => Ingress::Gone,
            },
        };
        self.profile.reads += from.calls(&self.batch, ingress != Ingress::More);
        self.watch.lap(&mut self.profile.times.receive);
        if self.batch.is_empty() || id.index() >= wiring.plan.attachments.len() {
            self.profile.empty_turns += 1;
            return ingress;
        }
        self.profile.turns += 1;
        self.profile.frames += self.batch.len() as u64;
        if self.watch.runs() {
            self.profile.times.frames += self.batch.len() as u64;
        }
        self.counters.fit(&wiring.plan);
        let mut frames: [&[u8]; BATCH] = [&[]; BATCH];
        let mut offloads = [Offload::NONE; BATCH];
        let mut super_frames = [false; BATCH];
        let count = admit(
            &self.batch,
            &mut self.counters.attachments[id.index()],
            (&mut frames, &mut offloads, &mut super_frames),
        );
        let frames = &frames[..count];
        let unfinished = Unfinished {
            super_frames: &super_frames[..count],
            offloads: &offloads[..count],
        };
        forward_unfinished(
            &wiring.plan,
            now,
            id,
            frames,
            unfinished,
            &mut self.counters,
            &mut self.egress,
        );
        self.watch.lap(&mut self.profile.times.decide);
        self.profile.copies += self.outlet.send(
            wiring,
            frames,
            &offloads[..count],
            &self.egress,
            &mut self.counters,
        );
        self.watch.lap(&mut self.profile.times.write);
        for trap in self.egress.traps() {
            let pieces = self.egress.pieces(trap.edit, frames[trap.frame as usize]);
            self.traps.push(Waiting {
                ingress: Some(id),
                trap: *trap,
                octets: pieces.concat(),
            });
        }
        ingress
    }

    /// Starts a frame of the network's own on its way, as [`originate`](crate::switch::originate) or
    /// [`hand_up`](crate::switch::hand_up) says.
    pub fn originate(
        &mut self,
        way: Originate,
        wiring: &Wiring,
        now: Instant,
        netdev: NetdevId,
        octets: &[u8],
    ) {
        if netdev.index() >= wiring.plan.netdevs.len() {
            return;
        }
        way(
            &wiring.plan,
            now,
            netdev,
            octets,
            &mut self.counters,
            &mut self.egress,
        );
        self.outlet.send(
            wiring,
            &[octets],
            &[Offload::NONE],
            &self.egress,
            &mut self.counters,
        );
        for trap in self.egress.traps() {
            let pieces = self.egress.pieces(trap.edit, octets);
            self.traps.push(Waiting {
                ingress: None,
                trap: *trap,
                octets: pieces.concat(),
            });
        }
    }

    /// Takes the frames for control that turns have left, with their octets.
    pub fn take_traps(&mut self) -> impl Iterator<Item = (Trap, Vec<u8>)> + '_ {
        let waiting = self.traps.drain(..);
        waiting.map(|Waiting { trap, octets, .. }| (trap, octets))
    }

    /// Offers the frames for control that turns have left, with their octets, to somebody who may have
    /// no room; then they are lost and counted.
    pub fn offer_traps(&mut self, mut takes: impl FnMut((Trap, Vec<u8>)) -> bool) {
        for waiting in self.traps.drain(..) {
            let taken = takes((waiting.trap, waiting.octets));
            if let (false, Some(ingress)) = (taken, waiting.ingress) {
                self.counters.attachments[ingress.index()].traps_lost += 1;
            }
        }
    }

    /// Takes the attachments that turns have found gone when they sent to them.
    pub fn take_gone(&mut self) -> impl Iterator<Item = (AttachmentId, u64)> + '_ {
        self.outlet.gone.drain(..)
    }
}

/// Receives a batch. A NIC that went down says so once (ENETDOWN), in front of the frames that wait.
fn receive(from: &dyn Attachment, batch: &mut Batch) -> io::Result<bool> {
    from.receive(batch)
        .or_else(|error| match Failure::of(&error) {
            Failure::Refused => from.receive(batch),
            Failure::Full | Failure::Gone => Err(error),
        })
}

/// Places for the frames of a batch, for what is left to do to each, and for whether it is a
/// super-frame.
type Admitted<'a, 'b> = (
    &'a mut [&'b [u8]; BATCH],
    &'a mut [Offload; BATCH],
    &'a mut [bool; BATCH],
);

/// Lays the frames of a batch out for the core, and drops those whose header does not fit. Returns how
/// many there are.
fn admit<'b>(
    batch: &'b Batch,
    counters: &mut AttachmentCounters,
    (frames, offloads, super_frames): Admitted<'_, 'b>,
) -> usize {
    let mut count = 0;
    for (octets, offload, finished) in batch.frames() {
        counters.checksummed += u64::from(finished);
        match offload {
            Ok(offload) => {
                frames[count] = octets;
                offloads[count] = offload;
                super_frames[count] = offload.is_super_frame();
                count += 1;
            }
            Err(error) => {
                counters.frames_in += 1;
                counters.octets_in += octets.len() as u64;
                counters.count(Verdict::Dropped(DropReason::from(error)));
            }
        }
    }
    count
}

impl Outlet {
    /// Sends the copies of a batch; returns in how many system calls.
    fn send(
        &mut self,
        wiring: &Wiring,
        frames: &[&[u8]],
        offloads: &[Offload],
        egress: &Egress,
        counters: &mut Counters,
    ) -> u64 {
        let mut calls = 0;
        for (id, copies) in egress.queues() {
            let counters = &mut counters.attachments[id.index()];
            let Some(link) = wiring.link(id) else {
                counters.tx_unattached += copies.count() as u64;
                continue;
            };
            let to = link.sends(self.worker);
            if to.gathers() {
                let gone;
                (gone, calls) =
                    self.gather(to, copies, (frames, offloads), egress, counters, calls);
                if gone {
                    self.note_gone(id, link.generation);
                }
                continue;
            }
            let segments = counters.segments - counters.segmented;
            for copy in copies {
                calls += 1;
                let index = copy.frame as usize;
                let pieces = egress.pieces(copy.edit, frames[index]);
                let result = match offloads[index].is_none() {
                    true => to.send(pieces),
                    false => {
                        let offload = left_to_do(copy, offloads[index], pieces, frames[index]);
                        self.send_unfinished(to, pieces, offload, counters)
                    }
                };
                if let Err(error) = result {
                    refused(&error, counters);
                    if Failure::of(&error) == Failure::Gone {
                        self.note_gone(id, link.generation);
                    }
                }
            }
            calls += counters.segments - counters.segmented - segments;
        }
        calls
    }

    fn note_gone(&mut self, id: AttachmentId, generation: u64) {
        if !self.gone.contains(&(id, generation)) {
            self.gone.push((id, generation));
        }
    }

    /// Sends the copies of one attachment together, as far as it takes what is left to do to them. Returns
    /// whether it was found gone, and the system calls in all.
    #[inline(never)]
    fn gather(
        &mut self,
        to: &dyn Attachment,
        copies: Copies<'_>,
        (frames, offloads): (&[&[u8]], &[Offload]),
        egress: &Egress,
        counters: &mut AttachmentCounters,
        mut calls: u64,
    ) -> (bool, u64) {
        let mut gone = false;
        let mut lose = |error: &io::Error, counters: &mut AttachmentCounters| {
            refused(error, counters);
            gone |= Failure::of(error) == Failure::Gone;
        };
        let mut gathered = [Outgoing::NONE; BATCH];
        let mut count = 0;
        for copy in copies {
            let index = copy.frame as usize;
            let pieces = egress.pieces(copy.edit, frames[index]);
            let offload = match offloads[index].is_none() {
                true => Some(LeftToDo::NOTHING),
                false => left_to_do(copy, offloads[index], pieces, frames[index]),
            };
            if count == BATCH {
                calls += to.send_all(&gathered, &mut |error| lose(error, counters));
                count = 0;
            }
            match offload {
                Some(LeftToDo { offload, around }) if !around && to.takes(offload) => {
                    gathered[count] = Outgoing { pieces, offload };
                    count += 1;
                }
                // Done here and sent one by one, behind what came before it.
                offload => {
                    let before = &gathered[..count];
                    calls += to.send_all(before, &mut |error| lose(error, counters));
                    count = 0;
                    let segments = counters.segments - counters.segmented;
                    if let Err(error) = self.send_unfinished(to, pieces, offload, counters) {
                        lose(&error, counters);
                    }
                    calls += 1 + counters.segments - counters.segmented - segments;
                }
            }
        }
        let rest = &gathered[..count];
        calls += to.send_all(rest, &mut |error| lose(error, counters));
        (gone, calls)
    }

    /// Sends a copy with something left to do: as it is to an attachment that takes it, otherwise done.
    #[inline(never)]
    fn send_unfinished(
        &mut self,
        to: &dyn Attachment,
        pieces: [&[u8]; 2],
        offload: Option<LeftToDo>,
        counters: &mut AttachmentCounters,
    ) -> io::Result<()> {
        let Some(LeftToDo { offload, around }) = offload else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        // A virtio-net header cannot speak of packets in packets.
        if !around && to.takes(offload) {
            return to.send_unfinished(pieces, offload);
        }
        let mut result = Ok(());
        let mut sent = 0;
        let done = self.software.finish(pieces, offload, |pieces| {
            sent += 1;
            if let Err(error) = to.send(pieces)
                && let Err(before) = std::mem::replace(&mut result, Err(error))
            {
                refused(&before, counters);
            }
        });
        if offload.is_super_frame() {
            counters.segmented += 1;
            counters.segments += sent;
        } else {
            counters.checksummed += 1;
        }
        done.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
            .and(result)
    }
}

/// What is left to do to a copy.
struct LeftToDo {
    offload: Offload,
    /// Another packet was put around the frame.
    around: bool,
}

impl LeftToDo {
    const NOTHING: Self = Self {
        offload: Offload::NONE,
        around: false,
    };
}

/// Says what is left to do to a copy, whose front may not be the frame's. `None` when that cannot be said.
fn left_to_do(copy: &Copy, offload: Offload, pieces: [&[u8]; 2], frame: &[u8]) -> Option<LeftToDo> {
    if pieces[1].is_empty() && copy.edit != Edit::NONE {
        // All head: an answer of the path's own, of which nothing came in.
        return Some(LeftToDo::NOTHING);
    }
    let [head, rest, before] =
        [pieces[0], pieces[1], frame].map(|octets| isize::try_from(octets.len()).unwrap_or(0));
    let by = head + rest - before;
    match offload.shifted(by) {
        Some(offload) => Some(LeftToDo {
            offload,
            around: by > TAGS_MAX,
        }),
        // It was taken out of another packet, to whose own headers that was left to do.
        None if by < -TAGS_MAX => Some(LeftToDo::NOTHING),
        None => None,
    }
}

/// Counts a copy, or a segment of one, that did not leave.
fn refused(error: &io::Error, counters: &mut AttachmentCounters) {
    match Failure::of(error) {
        Failure::Full => counters.tx_ring_full += 1,
        Failure::Refused | Failure::Gone => counters.tx_refused += 1,
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
