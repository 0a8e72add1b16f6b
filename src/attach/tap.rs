//! A TAP device: what it transmits is a frame for us, what we write it receives.
//!
//! It is made in the network namespace of the calling thread and may be moved afterwards. It is not
//! persistent: it vanishes with its last descriptor, however the program ends.

use std::io;
use std::os::fd::BorrowedFd;

use tun_tap::{Iface, Mode};

use super::{Attachment, Batch};

/// Octets that a netdev's name may have (`IFNAMSIZ` − 1).
pub const NAME_MAX: usize = 15;

/// The smallest MTU that the kernel lets a TAP have (`ETH_MIN_MTU`).
pub const MTU_MIN: u32 = 68;

/// The largest MTU that the kernel lets a TAP have (`tun_net_initialize`).
pub const MTU_MAX: u32 = 65_521;

/// One TAP device.
pub struct Tap {
    iface: Iface,
}

impl Tap {
    /// Makes a TAP device; it is down and has an address of its own.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a name that the kernel would cut or change, `NotFound` without
    /// `/dev/net/tun`, `PermissionDenied` without the right to open it (EACCES) or to make a netdev (EPERM).
    pub fn new(name: &str) -> io::Result<Self> {
        // tun-tap cuts longer names silently, and the kernel replaces "%d".
        if name.is_empty() || name.len() > NAME_MAX || name.contains('%') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a TAP's name has 1 to {NAME_MAX} octets and no %: {name:?}"),
            ));
        }
        let iface = Iface::without_packet_info(name, Mode::Tap)?;
        iface.set_non_blocking()?;
        Ok(Self { iface })
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tap").field(&self.iface.name()).finish()
    }
}

impl Attachment for Tap {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        batch.fill(|room| self.iface.recv(room).map(|length| 0..length))
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        super::write(crate::sys::borrow(&self.iface), pieces)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(crate::sys::borrow(&self.iface))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_would_change_are_refused() {
        for name in ["", "sixteen-octets-x", "tap%d"] {
            let error = Tap::new(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }
}
