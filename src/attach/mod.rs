//! Attachments: where the emulated network meets the world.
//!
//! [`Attachment`] is what a live worker needs of one: a batch of frames in, a copy out, never waiting.
//! [`tap`] is a TAP device, [`packet`] an existing NIC, [`memory`] a pair of queues in this process
//! for tests and benches. Errors are the kernel's; [`Failure`] sorts them. A replay's attachments are
//! files: [`capture`].

pub mod capture;
pub mod memory;
pub mod packet;
pub mod tap;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::BorrowedFd;

use nix::libc;

/// Frames that are received, decided and sent together.
pub const BATCH: usize = 64;

/// Room for one frame: the largest MTU there is, a header, and two tags.
pub const FRAME_ROOM: usize = 65_536 + 64;

/// A place where frames enter and leave. No call ever waits.
pub trait Attachment: Debug + Send + Sync {
    /// Appends frames to the batch until it is full (`Ok(false)`) or there are no more (`Ok(true)`).
    ///
    /// # Errors
    ///
    /// The attachment's own failure; frames received before it stay in the batch.
    fn receive(&self, batch: &mut Batch) -> io::Result<bool>;

    /// Sends one frame, given in two pieces, one of which may be empty: tags are pushed and popped
    /// without copying what is behind them.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is no room for it, otherwise the attachment's own failure.
    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()>;

    /// Returns what to poll for frames to receive; `None` for one that has to be asked.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Writes the pieces of a frame as one.
fn write(fd: BorrowedFd<'_>, [head, rest]: [&[u8]; 2]) -> io::Result<()> {
    if head.is_empty() {
        nix::unistd::write(fd, rest)?;
    } else if rest.is_empty() {
        nix::unistd::write(fd, head)?;
    } else {
        nix::sys::uio::writev(fd, &[IoSlice::new(head), IoSlice::new(rest)])?;
    }
    Ok(())
}

/// What an error of an attachment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No frame to receive, or no room to send: come back later.
    Full,
    /// It refuses this frame, or all of them while its far end is down; it is still there.
    Refused,
    /// It is gone for good: deleted under our hands.
    Gone,
}

impl Failure {
    /// Sorts an error.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => Self::Full,
            // EBADFD: a TAP's netdev was deleted (tun_get); the rest: a NIC was.
            Some(libc::EBADFD | libc::EBADF | libc::ENODEV | libc::ENXIO) => Self::Gone,
            Some(_) => Self::Refused,
            None => match error.kind() {
                io::ErrorKind::WouldBlock => Self::Full,
                io::ErrorKind::BrokenPipe => Self::Gone,
                _ => Self::Refused,
            },
        }
    }
}

/// Up to [`BATCH`] frames in buffers that are used again and again.
#[derive(Debug)]
pub struct Batch {
    /// Rooms of [`FRAME_ROOM`] octets. The kernel gives memory to those pages only that were used.
    rooms: Vec<u8>,
    frames: Vec<Range<usize>>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            rooms: vec![0; BATCH * FRAME_ROOM],
            frames: Vec::with_capacity(BATCH),
        }
    }
}

impl Batch {
    /// Forgets all frames.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// Returns how many frames there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether no more fit.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.frames.len() == BATCH
    }

    /// Appends the frame that `fill` writes: it gets a room and returns where in it the frame is.
    ///
    /// # Errors
    ///
    /// What `fill` returns; nothing is appended then. `StorageFull` when the batch is.
    pub fn push_with(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<Range<usize>>,
    ) -> io::Result<()> {
        if self.is_full() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let start = self.frames.len() * FRAME_ROOM;
        let within = fill(&mut self.rooms[start..start + FRAME_ROOM])?;
        let end = start + within.end.min(FRAME_ROOM);
        self.frames.push((start + within.start).min(end)..end);
        Ok(())
    }

    /// Returns a frame; empty beyond the last.
    #[must_use]
    pub fn frame(&self, index: usize) -> &[u8] {
        self.frames
            .get(index)
            .map_or(&[], |range| &self.rooms[range.clone()])
    }

    /// Receives with `one` until the batch is full (false) or it says `WouldBlock` (true).
    ///
    /// # Errors
    ///
    /// The first other error of `one`.
    pub fn fill(
        &mut self,
        mut one: impl FnMut(&mut [u8]) -> io::Result<Range<usize>>,
    ) -> io::Result<bool> {
        while !self.is_full() {
            match self.push_with(&mut one) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_64_frames() {
        let mut batch = Batch::default();
        let mut count = 0u8;
        let dry = batch
            .fill(|room| {
                count += 1;
                room[3] = count;
                Ok(3..4)
            })
            .unwrap();
        assert!(!dry && batch.is_full());
        assert_eq!(batch.frame(63), [64]);
        assert!(batch.frame(64).is_empty());
        assert!(batch.push_with(|_| Ok(0..1)).is_err());
        batch.clear();
        assert!(batch.is_empty() && batch.frame(0).is_empty());
    }

    #[test]
    fn a_range_beyond_the_room_is_cut() {
        let mut batch = Batch::default();
        batch.push_with(|_| Ok(0..usize::MAX / 2)).unwrap();
        assert_eq!(batch.frame(0).len(), FRAME_ROOM);
    }

    #[test]
    fn errors_are_sorted() {
        let sort = |code| Failure::of(&io::Error::from_raw_os_error(code));
        assert_eq!(sort(libc::EAGAIN), Failure::Full);
        assert_eq!(sort(libc::ENOBUFS), Failure::Full);
        assert_eq!(sort(libc::EIO), Failure::Refused); // tun_get_user: the netdev is down
        assert_eq!(sort(libc::ENETDOWN), Failure::Refused);
        assert_eq!(sort(libc::EBADFD), Failure::Gone);
    }
}
