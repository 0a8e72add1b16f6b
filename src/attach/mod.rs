//! Attachments: where the emulated network meets the world.
//!
//! [`Attachment`] is what a live worker needs of one: a batch of frames in, a copy out, never waiting.
//! [`tap`] is a TAP device, [`packet`] and [`xdp`] an existing netdev, [`underlay`] a socket of tunnels, [`memory`] a pair
//! of queues in this process for tests and benches. Errors are the kernel's; [`Failure`] sorts them. A replay's attachments are
//! files: [`capture`].

pub mod capture;
pub mod memory;
pub mod packet;
pub mod tap;
pub mod underlay;
pub mod xdp;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::BorrowedFd;

use nix::libc;

use crate::wire::offload::{Offload, OffloadError, VNET_HEADER};

/// Frames that are received, decided and sent together.
pub const BATCH: usize = 64;

/// Room for one frame: the largest MTU there is, a header, and two tags.
pub const FRAME_ROOM: usize = 65_536 + 64;

/// Octets of a batch: as many super-frames as stay in a CPU's cache between being received and sent.
const BUDGET: usize = 4 * FRAME_ROOM;

/// Octets of the memory behind a batch: a room for each frame, where they are received at once.
const ARENA: usize = BATCH * FRAME_ROOM;

/// Where rooms begin: no two frames share a cache line.
const ALIGNMENT: usize = 64;

/// A place where frames enter and leave. No call ever waits.
pub trait Attachment: Debug + Send + Sync {
    /// Appends frames to the batch until it is full (`Ok(false)`) or there are no more (`Ok(true)`).
    ///
    /// # Errors
    ///
    /// The attachment's own failure; frames received before it stay in the batch.
    fn receive(&self, batch: &mut Batch) -> io::Result<bool>;

    /// Returns in how many system calls [`Self::receive`] has received a batch: one for each frame, and one to find that
    /// there are no more.
    fn calls(&self, batch: &Batch, dry: bool) -> u64 {
        batch.len() as u64 + u64::from(dry)
    }

    /// Sends one frame, given in two pieces, one of which may be empty: tags are pushed and popped
    /// without copying what is behind them.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is no room for it, otherwise the attachment's own failure.
    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()>;

    /// Whether it does what is left to do to a frame; if not, the frame has to be whole.
    fn takes(&self, offload: Offload) -> bool {
        offload.is_none()
    }

    /// Sends one frame with something left to do, which the attachment [takes](Self::takes).
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    fn send_unfinished(&self, pieces: [&[u8]; 2], offload: Offload) -> io::Result<()> {
        debug_assert!(offload.is_none(), "it was not asked whether it takes this");
        self.send(pieces)
    }

    /// Whether [`Self::send_all`] is better than one frame after another.
    fn gathers(&self) -> bool {
        false
    }

    /// Sends frames in order, each with something left to do that the attachment [takes](Self::takes), or nothing;
    /// tells of each that did not go, as [`Self::send`] would. Returns in how many system calls.
    fn send_all(&self, frames: &[Outgoing<'_>], lost: &mut dyn FnMut(&io::Error)) -> u64 {
        for frame in frames {
            if let Err(error) = self.send_unfinished(frame.pieces, frame.offload) {
                lost(&error);
            }
        }
        frames.len() as u64
    }

    /// Returns what to poll for frames to receive; `None` for one that has to be asked.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// A frame to send, with what is left to do to it.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Its octets, in two pieces.
    pub pieces: [&'a [u8]; 2],
    /// What is left to do.
    pub offload: Offload,
}

impl Outgoing<'_> {
    /// No frame.
    pub const NONE: Self = Self {
        pieces: [&[], &[]],
        offload: Offload::NONE,
    };
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

/// Writes a frame with a virtio-net header in front.
fn write_with_header(
    fd: BorrowedFd<'_>,
    [head, rest]: [&[u8]; 2],
    offload: Offload,
) -> io::Result<()> {
    let header = offload.write(head.len() + rest.len());
    let header = IoSlice::new(&header);
    if head.is_empty() {
        nix::sys::uio::writev(fd, &[header, IoSlice::new(rest)])?;
    } else if rest.is_empty() {
        nix::sys::uio::writev(fd, &[header, IoSlice::new(head)])?;
    } else {
        nix::sys::uio::writev(fd, &[header, IoSlice::new(head), IoSlice::new(rest)])?;
    }
    Ok(())
}

/// Looks at a frame that was received with a virtio-net header in front, `start..end` of its room
/// together. Who sends to a group has many readers, so its checksum is finished here and now.
fn received_with_header(room: &mut [u8], start: usize, end: usize) -> Received {
    let frame = (start + VNET_HEADER).min(end)..end;
    let Some(header) = room.get(start..).and_then(<[u8]>::first_chunk).copied() else {
        return Received::from(frame);
    };
    let octets = &mut room[frame.clone()];
    let mut offload = Offload::read(&header, octets);
    let mut finished = false;
    if let (Ok(offload), Some(1)) = (&mut offload, octets.first().map(|first| first & 1)) {
        finished = offload.finish(octets);
    }
    Received {
        frame,
        offload,
        finished,
    }
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

/// A frame in its room.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where in its room it is.
    pub frame: Range<usize>,
    /// What is left to do to it.
    pub offload: Result<Offload, OffloadError>,
    /// Its checksum was finished when it was received.
    pub finished: bool,
}

impl From<Range<usize>> for Received {
    /// A whole frame.
    fn from(frame: Range<usize>) -> Self {
        Self {
            frame,
            offload: Ok(Offload::NONE),
            finished: false,
        }
    }
}

/// Up to [`BATCH`] frames, back to back in memory that is used again and again: a batch of small frames
/// lies in a few pages, and one of super-frames ends early.
#[derive(Debug)]
pub struct Batch {
    /// The kernel gives memory to those pages only that were used.
    arena: Vec<u8>,
    /// Octets of the arena that have frames.
    used: usize,
    frames: Vec<Received>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            arena: vec![0; ARENA],
            used: 0,
            frames: Vec::with_capacity(BATCH),
        }
    }
}

impl Batch {
    /// Forgets all frames.
    pub fn clear(&mut self) {
        self.used = 0;
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

    /// Whether another might not fit.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.frames.len() == BATCH || self.used + FRAME_ROOM > BUDGET
    }

    /// Appends the frame that `fill` writes: it gets a room and returns where in it the frame is.
    ///
    /// # Errors
    ///
    /// What `fill` returns; nothing is appended then. `StorageFull` when the batch is.
    pub fn push_with(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<Received>,
    ) -> io::Result<()> {
        if self.is_full() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let start = self.used;
        let mut received = fill(&mut self.arena[start..start + FRAME_ROOM])?;
        let end = start + received.frame.end.min(FRAME_ROOM);
        received.frame = (start + received.frame.start).min(end)..end;
        self.frames.push(received);
        self.used = end.next_multiple_of(ALIGNMENT);
        Ok(())
    }

    /// Receives up to [`BATCH`] frames at once into an empty batch: `receive` gets the memory, of which each
    /// [`FRAME_ROOM`] octets are one's, and returns how many came, and what it knows of them; `each` says
    /// of one where in its room it is. Returns whether there were fewer than there was room for.
    ///
    /// # Errors
    ///
    /// What `receive` returns, but for `WouldBlock`; then there is no frame.
    pub fn fill_at_once<T>(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> io::Result<(usize, T)>,
        each: impl Fn(&T, usize, &mut [u8]) -> Received,
    ) -> io::Result<bool> {
        self.clear();
        let (count, known) = match receive(&mut self.arena) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            result => result?,
        };
        let count = count.min(BATCH);
        let rooms = self.arena.chunks_exact_mut(FRAME_ROOM).enumerate();
        for (index, room) in rooms.take(count) {
            let mut received = each(&known, index, room);
            let end = received.frame.end.min(FRAME_ROOM);
            let start = index * FRAME_ROOM + received.frame.start.min(end);
            received.frame = start..index * FRAME_ROOM + end;
            self.frames.push(received);
            self.used = BUDGET;
        }
        Ok(count < BATCH)
    }

    /// Returns a frame; empty beyond the last.
    #[must_use]
    pub fn frame(&self, index: usize) -> &[u8] {
        self.frames
            .get(index)
            .map_or(&[], |received| &self.arena[received.frame.clone()])
    }

    /// Returns all frames in order, with what is left to do to each, and whether its checksum was
    /// finished.
    pub fn frames(&self) -> impl Iterator<Item = (&[u8], Result<Offload, OffloadError>, bool)> {
        self.frames.iter().map(|received| {
            let octets = &self.arena[received.frame.clone()];
            (octets, received.offload, received.finished)
        })
    }

    /// Receives with `one` until the batch is full (false) or it says `WouldBlock` (true).
    ///
    /// # Errors
    ///
    /// The first other error of `one`.
    pub fn fill(
        &mut self,
        mut one: impl FnMut(&mut [u8]) -> io::Result<Received>,
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
                Ok((3..4).into())
            })
            .unwrap();
        assert!(!dry && batch.is_full());
        assert_eq!(batch.frame(63), [64]);
        assert!(batch.frame(64).is_empty());
        assert!(batch.push_with(|_| Ok((0..1).into())).is_err());
        batch.clear();
        assert!(batch.is_empty() && batch.frame(0).is_empty());
    }

    #[test]
    fn frames_that_come_at_once_have_rooms_of_their_own() {
        let mut batch = Batch::default();
        let receive = |arena: &mut [u8]| {
            for (room, octet) in arena.chunks_exact_mut(FRAME_ROOM).zip(1u8..=3) {
                room[2..5].fill(octet);
            }
            Ok((3, 9))
        };
        let dry = batch.fill_at_once(receive, |nine, index, room| {
            room[1] = *nine;
            (1..4 + index).into()
        });
        assert!(dry.unwrap() && batch.is_full());
        assert_eq!(batch.len(), 3);
        assert_eq!(batch.frame(0), [9, 1, 1]);
        assert_eq!(batch.frame(2), [9, 3, 3, 3, 0]);
        let fail = |kind: io::ErrorKind| move |_: &mut [u8]| Err::<(usize, ()), _>(kind.into());
        let nothing = batch.fill_at_once(fail(io::ErrorKind::WouldBlock), |(), _, _| (0..0).into());
        assert!(nothing.unwrap());
        assert!(batch.is_empty() && !batch.is_full());
        let all = batch.fill_at_once(|_| Ok((BATCH, ())), |(), _, _| (0..usize::MAX).into());
        assert!(!all.unwrap());
        assert_eq!(batch.frame(BATCH - 1).len(), FRAME_ROOM);
        let broken = batch.fill_at_once(fail(io::ErrorKind::BrokenPipe), |(), _, _| (0..1).into());
        assert!(broken.is_err() && batch.is_empty());
    }

    #[test]
    fn a_range_beyond_the_room_is_cut() {
        let mut batch = Batch::default();
        batch.push_with(|_| Ok((0..usize::MAX / 2).into())).unwrap();
        assert_eq!(batch.frame(0).len(), FRAME_ROOM);
    }

    #[test]
    fn a_batch_of_large_frames_ends_early() {
        let mut batch = Batch::default();
        let dry = batch
            .fill(|room| {
                room.fill(7);
                Ok((0..FRAME_ROOM).into())
            })
            .unwrap();
        assert!(!dry && batch.is_full());
        assert_eq!(batch.len(), 4);
        assert!(batch.frames().all(|(frame, ..)| frame.len() == FRAME_ROOM));
    }

    #[test]
    fn a_header_in_front_is_read_and_a_groups_checksum_finished() {
        // 14 of Ethernet, 20 of IP, 8 of UDP without payload, in a room with 3 octets before.
        let mut room = [0; 3 + VNET_HEADER + 42];
        room[3] = 1;
        room[3 + 6..3 + 8].copy_from_slice(&34u16.to_ne_bytes());
        room[3 + 8..3 + 10].copy_from_slice(&6u16.to_ne_bytes());
        let end = room.len();
        let received = received_with_header(&mut room, 3, end);
        assert_eq!(received.frame, 13..end);
        assert!(!received.finished && !received.offload.unwrap().is_none());
        room[13] = 1;
        let received = received_with_header(&mut room, 3, end);
        assert!(received.finished && received.offload.unwrap().is_none());
        assert_eq!(room[end - 2..], [0xff, 0xff]);

        room[3 + 6..3 + 8].copy_from_slice(&36u16.to_ne_bytes());
        let received = received_with_header(&mut room, 3, end);
        assert_eq!(received.offload, Err(OffloadError::Checksum));
        // Not even a header.
        let received = received_with_header(&mut room[..9], 3, 9);
        assert!(received.frame.is_empty() && received.offload == Ok(Offload::NONE));
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
