//! An existing NIC, through an `AF_PACKET` socket: every frame that arrives at it is a frame for us,
//! what we send leaves by it. Its own stack keeps getting what it gets.
//!
//! The kernel takes VLAN tags off before a socket sees the frame; they are put back here. Frames come
//! and go with a virtio-net header, because those of a veth or of a NIC that merges what it receives
//! are super-frames, some with checksums that nobody has computed yet.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Attachment, Batch, Received, received_with_header};
use crate::sys::packet::{self, Tag};
use crate::wire::TAG_LEN;
use crate::wire::offload::{Offload, OffloadError};

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
            let mut received = received_with_header(room, TAG_LEN, TAG_LEN + length);
            restore(room, &mut received, tag);
            Ok(received)
        })
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

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }
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
