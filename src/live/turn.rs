//! One turn: take a batch from an attachment, decide, send the copies.
//!
//! Nothing here waits, locks, or, once the queues have grown, allocates; only a frame for control is
//! copied. Full queues and far ends that are down lose the copy and count it.

use std::io;

use super::wiring::Wiring;
use crate::attach::{Attachment, BATCH, Batch, Failure};
use crate::switch::{AttachmentId, Counters, Egress, NetdevId, Originate, Trap, forward};
use crate::time::Instant;

/// The buffers and counters of one worker.
#[derive(Debug, Default)]
pub struct Turn {
    /// What this worker has counted since the start.
    pub counters: Counters,
    batch: Batch,
    egress: Egress,
    traps: Vec<Waiting>,
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
        if self.batch.is_empty() || id.index() >= wiring.plan.attachments.len() {
            return ingress;
        }
        let mut frames: [&[u8]; BATCH] = [&[]; BATCH];
        let count = self.batch.len();
        for (index, frame) in frames[..count].iter_mut().enumerate() {
            *frame = self.batch.frame(index);
        }
        let frames = &frames[..count];
        forward(
            &wiring.plan,
            now,
            id,
            frames,
            &mut self.counters,
            &mut self.egress,
        );
        send(
            wiring,
            frames,
            &self.egress,
            &mut self.counters,
            &mut self.gone,
        );
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
        send(
            wiring,
            &[octets],
            &self.egress,
            &mut self.counters,
            &mut self.gone,
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
        self.gone.drain(..)
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

/// Sends the copies of a batch.
fn send(
    wiring: &Wiring,
    frames: &[&[u8]],
    egress: &Egress,
    counters: &mut Counters,
    gone: &mut Vec<(AttachmentId, u64)>,
) {
    for (id, copies) in egress.queues() {
        let counters = &mut counters.attachments[id.index()];
        let Some(link) = wiring.link(id) else {
            counters.tx_unattached += copies.len() as u64;
            continue;
        };
        for copy in copies {
            let pieces = egress.pieces(copy.edit, frames[copy.frame as usize]);
            let Err(error) = link.attachment.send(pieces) else {
                continue;
            };
            match Failure::of(&error) {
                Failure::Full => counters.tx_ring_full += 1,
                Failure::Refused => counters.tx_refused += 1,
                Failure::Gone => {
                    counters.tx_refused += 1;
                    if !gone.contains(&(id, link.generation)) {
                        gone.push((id, link.generation));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
