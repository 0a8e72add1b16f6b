//! An existing NIC, through an `AF_PACKET` socket: every frame that arrives at it is a frame for us,
//! what we send leaves by it. Its own stack keeps getting what it gets.
//!
//! The kernel takes VLAN tags off before a socket sees the frame; they are put back here. Frames come
//! and go with a virtio-net header, because those of a veth or of a NIC that merges what it receives
//! are super-frames, some with checksums that nobody has computed yet.
//!
//! Bounds: 1,056 frames wait in the ring, of which super-frames take 8 MiB at most; 32 leave in one system call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Attachment, Batch, Failure, Outgoing, Received, received_with_header};
use crate::sys::packet::{self, MANY, Message, Ring, SLOT_FRAME, Slot, Tag};
use crate::wire::TAG_LEN;
use crate::wire::offload::{Offload, OffloadError, VNET_HEADER};

/// Octets of the two addresses, behind which a tag belongs.
const ADDRESSES: usize = 12;

/// A raw socket on one NIC.
#[derive(Debug)]
pub struct Packet {
    socket: OwnedFd,
    /// One worker receives. While wirings change it may be two for a moment.
    ring: Mutex<Ring>,
}

impl Packet {
    /// Opens a socket on a NIC of the calling thread's network namespace and makes the NIC
    /// promiscuous as long as the socket lives.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_NET_RAW`, `ENODEV` when there is no such NIC.
    pub fn new(ifindex: u32) -> io::Result<Self> {
        let (socket, ring) = packet::open(ifindex)?;
        let ring = Mutex::new(ring);
        Ok(Self { socket, ring })
    }

    /// A ring is whole after every step, so a panic elsewhere spoils nothing.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives a frame that did not fit its slot.
    fn receive_long(&self, room: &mut [u8]) -> io::Result<Received> {
        let mut receive = || packet::receive(self.socket.as_fd(), &mut room[TAG_LEN..]);
        let (length, tag) = receive().or_else(|error| match Failure::of(&error) {
            // That the interface went down is told first; the frame is still there.
            Failure::Refused => receive(),
            Failure::Full | Failure::Gone => Err(error),
        })?;
        Ok(received(room, length, tag))
    }
}

impl Attachment for Packet {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        let mut ring = self.ring();
        batch.fill(|room| {
            let taken = ring.take(|slot| match slot {
                Slot::Whole(octets, tag) => {
                    let length = copy(octets, room);
                    Some(received(room, length, tag))
                }
                Slot::Cut(octets) => {
                    let length = copy(octets, room);
                    Some(Received {
                        offload: Err(OffloadError::Cut),
                        ..Received::from(TAG_LEN + VNET_HEADER.min(length)..TAG_LEN + length)
                    })
                }
                Slot::Queued => None,
            });
            match taken {
                Some(Some(received)) => Ok(received),
                Some(None) => self.receive_long(room),
                None => {
                    packet::check_interface(self.socket.as_fd())?;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            }
        })
    }

    /// None for what comes by the ring.
    fn calls(&self, batch: &Batch, dry: bool) -> u64 {
        let long = batch
            .frames()
            .filter(|(octets, ..)| octets.len() > SLOT_FRAME);
        long.count() as u64 + u64::from(dry)
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        self.send_unfinished(pieces, Offload::NONE)
    }

    /// The kernel does for the NIC what the NIC does not.
    fn takes(&self, _offload: Offload) -> bool {
        true
    }

    fn send_unfinished(&self, pieces: [&[u8]; 2], offload: Offload) -> io::Result<()> {
        super::write_with_header(self.socket.as_fd(), pieces, offload)
    }

    fn gathers(&self) -> bool {
        true
    }

    fn send_all(&self, frames: &[Outgoing<'_>], lost: &mut dyn FnMut(&io::Error)) -> u64 {
        let mut calls = 0;
        for frames in frames.chunks(MANY) {
            let mut messages = [Message {
                header: Offload::NONE.write(0),
                pieces: [&[], &[]],
            }; MANY];
            for (message, frame) in messages.iter_mut().zip(frames) {
                let [head, rest] = frame.pieces;
                *message = Message {
                    header: frame.offload.write(head.len() + rest.len()),
                    pieces: frame.pieces,
                };
            }
            let mut rest = &messages[..frames.len()];
            while !rest.is_empty() {
                calls += 1;
                let gone = match packet::send(self.socket.as_fd(), rest) {
                    Ok(count) => count,
                    Err(error) => {
                        lost(&error);
                        1
                    }
                };
                rest = rest.get(gone..).unwrap_or_default();
            }
        }
        calls
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }
}

/// Copies a frame with its virtio-net header behind the place for a tag; returns how many octets.
fn copy(octets: &[u8], room: &mut [u8]) -> usize {
    let length = octets.len().min(room.len() - TAG_LEN);
    room[TAG_LEN..TAG_LEN + length].copy_from_slice(&octets[..length]);
    length
}

/// Looks at a frame that was received behind the place for a tag.
fn received(room: &mut [u8], length: usize, tag: Option<Tag>) -> Received {
    let mut received = received_with_header(room, TAG_LEN, TAG_LEN + length);
    restore(room, &mut received, tag);
    received
}

/// Puts a tag back into a frame that lies at least [`TAG_LEN`] octets into its room.
fn restore(room: &mut [u8], received: &mut Received, tag: Option<Tag>) {
    let (Some((tpid, tci)), true) = (tag, received.frame.len() >= ADDRESSES) else {
        return;
    };
    let (old, new) = (received.frame.start, received.frame.start - TAG_LEN);
    room.copy_within(old..old + ADDRESSES, new);
    let tag = &mut room[new + ADDRESSES..old + ADDRESSES];
    tag[..2].copy_from_slice(&tpid.to_be_bytes());
    tag[2..].copy_from_slice(&tci.to_be_bytes());
    received.frame.start = new;
    received.offload = received.offload.and_then(|offload| {
        // The header speaks of the frame without its tag.
        let by = isize::try_from(TAG_LEN).unwrap_or(0);
        offload.shifted(by).ok_or(OffloadError::Checksum)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_goes_back_behind_the_addresses() {
        let frame = *b"ddddddssssss\x08\x00payload";
        let mut room = [0; 64];
        room[4..4 + frame.len()].copy_from_slice(&frame);
        let all = Received::from(4..4 + frame.len());

        let mut received = all.clone();
        restore(&mut room, &mut received, None);
        assert_eq!(received.frame, all.frame);
        restore(&mut room, &mut received, Some((0x88a8, 0xe00a)));
        assert_eq!(
            &room[received.frame],
            b"ddddddssssss\x88\xa8\xe0\x0a\x08\x00payload"
        );
        let mut short = Received::from(4..7);
        restore(&mut room, &mut short, Some((0x8100, 1)));
        assert_eq!(short.frame, 4..7);
    }

    #[test]
    fn what_is_left_to_do_moves_with_the_tag() {
        let mut room = [0; 100];
        let mut header = [0; 10];
        header[0] = 1;
        header[6..8].copy_from_slice(&34u16.to_ne_bytes());
        header[8..10].copy_from_slice(&16u16.to_ne_bytes());
        room[4..14].copy_from_slice(&header);
        let mut received = received_with_header(&mut room, 4, 90);
        restore(&mut room, &mut received, Some((0x8100, 5)));
        assert_eq!(received.frame, 10..90);
        assert_eq!(
            received.offload.unwrap().write(80)[6..8],
            38u16.to_ne_bytes()
        );
    }
}
