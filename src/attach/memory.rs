//! Attachments without a kernel: two ends in this process, for tests and benches of a live turn.
//!
//! What one end sends the other receives. An end can be made to vanish, as a TAP does that somebody
//! deletes. The queues are locked: a turn over them measures the turn, not the queue.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Attachment, Batch, Received};
use crate::wire::offload::Offload;

/// One end of a pair.
#[derive(Clone, Debug)]
pub struct Memory {
    incoming: Arc<Mutex<Queue>>,
    outgoing: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<(Vec<u8>, Offload)>,
    /// Octet vectors of frames that were received, for frames to come.
    spare: Vec<Vec<u8>>,
    capacity: usize,
    /// Frames may have something left to do.
    offloads: bool,
    gone: bool,
}

impl Memory {
    /// Makes two ends; each direction holds `capacity` frames, and all of them are whole.
    #[must_use]
    pub fn pair(capacity: usize) -> (Self, Self) {
        Self::make(capacity, false)
    }

    /// Makes two ends that take whatever is left to do to a frame.
    #[must_use]
    pub fn pair_with_offloads(capacity: usize) -> (Self, Self) {
        Self::make(capacity, true)
    }

    fn make(capacity: usize, offloads: bool) -> (Self, Self) {
        let queue = || {
            Arc::new(Mutex::new(Queue {
                capacity,
                offloads,
                ..Queue::default()
            }))
        };
        let (there, back) = (queue(), queue());
        let near = Self {
            incoming: Arc::clone(&back),
            outgoing: Arc::clone(&there),
        };
        let far = Self {
            incoming: there,
            outgoing: back,
        };
        (near, far)
    }

    /// Takes the next frame that the other end sent.
    #[must_use]
    pub fn take(&self) -> Option<Vec<u8>> {
        self.take_unfinished().map(|(octets, _)| octets)
    }

    /// Takes the next frame that the other end sent, and what is left to do to it.
    #[must_use]
    pub fn take_unfinished(&self) -> Option<(Vec<u8>, Offload)> {
        lock(&self.incoming).frames.pop_front()
    }

    /// Vanishes: from now on both ends fail as a deleted TAP does.
    pub fn vanish(&self) {
        lock(&self.incoming).gone = true;
        lock(&self.outgoing).gone = true;
    }
}

impl Attachment for Memory {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        let mut queue = lock(&self.incoming);
        batch.fill(|room| {
            queue.check()?;
            let next = queue.frames.pop_front();
            let (frame, offload) = next.ok_or(io::ErrorKind::WouldBlock)?;
            let length = frame.len().min(room.len());
            room[..length].copy_from_slice(&frame[..length]);
            queue.spare.push(frame);
            Ok(Received {
                offload: Ok(offload),
                ..Received::from(0..length)
            })
        })
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        self.send_unfinished(pieces, Offload::NONE)
    }

    fn takes(&self, offload: Offload) -> bool {
        offload.is_none() || lock(&self.outgoing).offloads
    }

    fn send_unfinished(&self, pieces: [&[u8]; 2], offload: Offload) -> io::Result<()> {
        let mut queue = lock(&self.outgoing);
        queue.check()?;
        if queue.frames.len() >= queue.capacity {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut octets = queue.spare.pop().unwrap_or_default();
        octets.clear();
        for piece in pieces {
            octets.extend_from_slice(piece);
        }
        queue.frames.push_back((octets, offload));
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Queue {
    fn check(&self) -> io::Result<()> {
        if self.gone {
            Err(io::Error::from_raw_os_error(nix::libc::EBADFD))
        } else {
            Ok(())
        }
    }
}

/// A queue is whole after every step, so a panic elsewhere spoils nothing.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_sends_the_other_receives() {
        let (near, far) = Memory::pair(1);
        near.send([b"one", b""]).unwrap();
        assert_eq!(
            near.send([b"tw", b"o"]).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let mut batch = Batch::default();
        assert!(far.receive(&mut batch).unwrap());
        assert_eq!(batch.frame(0), b"one");
        assert_eq!(batch.len(), 1);
        far.vanish();
        assert!(near.send([b"three", b""]).is_err() && near.receive(&mut batch).is_err());
    }
}
