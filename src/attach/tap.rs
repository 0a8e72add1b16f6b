//! A TAP device: what it transmits is a frame for us, what we write it receives.
//!
//! It is made in the network namespace of the calling thread and may be moved afterwards. It is not
//! persistent: it vanishes with its last descriptor, however the program ends.
//!
//! With offloads, its far end leaves segmentation and checksums to us, and takes what we leave it: a
//! frame between two such devices stays the super-frame that its sender made, and a checksum that
//! nobody needs on the way is never computed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::libc;
use tun_tap::{Iface, Mode};

use super::{Attachment, Batch, received_with_header};
use crate::sys::tun::{self, Flags};
use crate::wire::offload::{Offload, VNET_HEADER};

/// Octets that a netdev's name may have (`IFNAMSIZ` − 1).
pub const NAME_MAX: usize = 15;

/// The smallest MTU that the kernel lets a TAP have (`ETH_MIN_MTU`).
pub const MTU_MIN: u32 = 68;

/// The largest MTU that the kernel lets a TAP have (`tun_net_initialize`).
pub const MTU_MAX: u32 = 65_521;

/// One queue of a TAP device.
#[derive(Debug)]
pub struct Tap(Queue);

enum Queue {
    /// Whole frames only.
    Plain(Iface),
    /// Frames with a virtio-net header.
    Offloads {
        fd: OwnedFd,
        /// The kernel knows super-frames of UDP.
        udp: bool,
    },
}

impl Tap {
    /// Makes a TAP device of one queue, without offloads; it is down and has an address of its own.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a name that the kernel would cut or change, `NotFound` without
    /// `/dev/net/tun`, `PermissionDenied` without the right to open it (EACCES) or to make a netdev (EPERM).
    pub fn plain(name: &str) -> io::Result<Self> {
        check(name)?;
        let iface = Iface::without_packet_info(name, Mode::Tap)?;
        iface.set_non_blocking()?;
        Ok(Self(Queue::Plain(iface)))
    }

    /// Makes a TAP device with offloads and some queues, at least one: what its far end sends of one
    /// flow comes by one of them, the one that frames the other way were sent by. A kernel without
    /// offloads makes a plain one.
    ///
    /// # Errors
    ///
    /// As [`Self::plain`].
    pub fn new(name: &str, queues: usize) -> io::Result<Vec<Self>> {
        check(name)?;
        let flags = Flags {
            vnet_header: true,
            queues: queues > 1,
        };
        let first = match tun::open_tap(name, flags) {
            // A flag that the kernel does not know.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                return Self::plain(name).map(|tap| vec![tap]);
            }
            result => result?,
        };
        tun::set_header_size(&first, VNET_HEADER)?;
        let udp = tun::take_offloads(&first).unwrap_or(false);
        let mut taps = vec![Self(Queue::Offloads { fd: first, udp })];
        for _ in 1..queues {
            let fd = tun::open_tap(name, flags)?;
            taps.push(Self(Queue::Offloads { fd, udp }));
        }
        Ok(taps)
    }
}

/// tun-tap cuts longer names silently, and the kernel replaces "%d".
fn check(name: &str) -> io::Result<()> {
    if name.is_empty() || name.len() > NAME_MAX || name.contains('%') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a TAP's name has 1 to {NAME_MAX} octets and no %: {name:?}"),
        ));
    }
    Ok(())
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(iface) => f.debug_tuple("Plain").field(&iface.name()).finish(),
            Self::Offloads { fd, udp } => f
                .debug_struct("Offloads")
                .field("fd", fd)
                .field("udp", udp)
                .finish(),
        }
    }
}

impl Attachment for Tap {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        match &self.0 {
            Queue::Plain(iface) => batch.fill(|room| iface.recv(room).map(|len| (0..len).into())),
            Queue::Offloads { fd, .. } => batch.fill(|room| {
                let length = nix::unistd::read(fd, room)?;
                Ok(received_with_header(room, 0, length))
            }),
        }
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        match &self.0 {
            Queue::Plain(iface) => super::write(crate::sys::borrow(iface), pieces),
            Queue::Offloads { fd, .. } => {
                super::write_with_header(fd.as_fd(), pieces, Offload::NONE)
            }
        }
    }

    fn takes(&self, offload: Offload) -> bool {
        match &self.0 {
            Queue::Plain(_) => offload.is_none(),
            Queue::Offloads { udp, .. } => *udp || !offload.is_udp_super_frame(),
        }
    }

    fn send_unfinished(&self, pieces: [&[u8]; 2], offload: Offload) -> io::Result<()> {
        match &self.0 {
            Queue::Plain(_) => self.send(pieces),
            Queue::Offloads { fd, .. } => super::write_with_header(fd.as_fd(), pieces, offload),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(match &self.0 {
            Queue::Plain(iface) => crate::sys::borrow(iface),
            Queue::Offloads { fd, .. } => fd.as_fd(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_would_change_are_refused() {
        for name in ["", "sixteen-octets-x", "tap%d"] {
            for error in [Tap::plain(name).err(), Tap::new(name, 2).err()] {
                let kind = error.map(|error| error.kind());
                assert_eq!(kind, Some(io::ErrorKind::InvalidInput), "{name}");
            }
        }
    }
}
