//! An existing NIC, through an `AF_PACKET` socket: every frame that arrives at it is a frame for us,
//! what we send leaves by it. Its own stack keeps getting what it gets.
//!
//! The kernel takes VLAN tags off before a socket sees the frame; they are put back here.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Attachment, Batch};
use crate::sys::packet::{self, Tag};
use crate::wire::TAG_LEN;

/// Octets of the two addresses, behind which a tag belongs.
const ADDRESSES: usize = 12;

/// A raw socket on one NIC.
#[derive(Debug)]
pub struct Packet {
    socket: OwnedFd,
}

impl Packet {
    /// Opens a socket on a NIC of the calling thread's network namespace and makes the NIC
    /// promiscuous as long as the socket lives.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_NET_RAW`, `ENODEV` when there is no such NIC.
    pub fn new(ifindex: u32) -> io::Result<Self> {
        packet::open(ifindex).map(|socket| Self { socket })
    }
}

impl Attachment for Packet {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        batch.fill(|room| {
            let (length, tag) = packet::receive(self.socket.as_fd(), &mut room[TAG_LEN..])?;
            Ok(restore(room, length, tag))
        })
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        super::write(self.socket.as_fd(), pieces)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }
}

/// Puts a tag back into a frame that lies [`TAG_LEN`] octets into its room; returns where it is then.
fn restore(room: &mut [u8], length: usize, tag: Option<Tag>) -> std::ops::Range<usize> {
    let end = TAG_LEN + length;
    match tag {
        Some((tpid, tci)) if length >= ADDRESSES => {
            room.copy_within(TAG_LEN..TAG_LEN + ADDRESSES, 0);
            room[ADDRESSES..ADDRESSES + 2].copy_from_slice(&tpid.to_be_bytes());
            room[ADDRESSES + 2..ADDRESSES + 4].copy_from_slice(&tci.to_be_bytes());
            0..end
        }
        _ => TAG_LEN..end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_goes_back_behind_the_addresses() {
        let frame = *b"ddddddssssss\x08\x00payload";
        let mut room = [0; 64];
        room[4..4 + frame.len()].copy_from_slice(&frame);

        assert_eq!(restore(&mut room, frame.len(), None), 4..4 + frame.len());
        let range = restore(&mut room, frame.len(), Some((0x88a8, 0xe00a)));
        assert_eq!(&room[range], b"ddddddssssss\x88\xa8\xe0\x0a\x08\x00payload");
        assert_eq!(restore(&mut room, 3, Some((0x8100, 1))), 4..7);
    }
}
