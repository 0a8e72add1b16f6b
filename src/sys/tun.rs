//! `/dev/net/tun` (Documentation/networking/tuntap.rst): TAP devices with offloads and several queues.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

/// Octets of an interface's name, the NUL at its end included.
const IFNAMSIZ: usize = libc::IFNAMSIZ;

// TUN_F_* of linux/if_tun.h.
const CSUM: usize = 0x01;
const TSO4: usize = 0x02;
const TSO6: usize = 0x04;
const TSO_ECN: usize = 0x08;
const USO4: usize = 0x20;
const USO6: usize = 0x40;

/// What a TAP device is to be able to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Every frame has a virtio-net header in front.
    pub vnet_header: bool,
    /// More than one queue can be opened.
    pub queues: bool,
}

/// Opens a TAP device of the calling thread's network namespace, non-blocking, and makes it first if
/// there is none of this name. Opened again, with several queues, it is another queue of the same.
///
/// # Errors
///
/// `NotFound` without the driver's node; EACCES, EPERM without the right to open it, to make a
/// netdev; EBUSY when the device is another's; `InvalidInput` for a name of more than 15 octets.
pub fn open_tap(name: &str, flags: Flags) -> io::Result<OwnedFd> {
    let oflag = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let fd = open("/dev/net/tun", oflag, Mode::empty())?;
    if name.len() >= IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: all-zero octets are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let mut bits = libc::IFF_TAP | libc::IFF_NO_PI;
    if flags.vnet_header {
        bits |= libc::IFF_VNET_HDR;
    }
    if flags.queues {
        bits |= libc::IFF_MULTI_QUEUE;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "16 bits, of which the highest is a flag"
    )]
    let bits = bits as libc::c_short;
    request.ifr_ifru.ifru_flags = bits;
    // SAFETY: TUNSETIFF reads and writes an `ifreq`, which `request` is.
    unsafe { ioctl(&fd, libc::TUNSETIFF, (&raw mut request).cast())? };
    Ok(fd)
}

/// Sets how many octets the virtio-net header has.
///
/// # Errors
///
/// EINVAL for fewer than 10.
pub fn set_header_size(fd: &OwnedFd, octets: usize) -> io::Result<()> {
    let mut octets = libc::c_int::try_from(octets).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: TUNSETVNETHDRSZ reads an `int`, which `octets` is.
    unsafe { ioctl(fd, libc::TUNSETVNETHDRSZ, (&raw mut octets).cast()) }
}

/// Takes frames without their checksum and super-frames of TCP, and of UDP where the kernel has such
/// (Linux 6.2). Returns whether it has.
///
/// # Errors
///
/// EINVAL when the kernel knows none of it.
pub fn take_offloads(fd: &OwnedFd) -> io::Result<bool> {
    let tcp = CSUM | TSO4 | TSO6 | TSO_ECN;
    // The kernel refuses what it does not know: that is how it is asked.
    match set_offload(fd, tcp | USO4 | USO6) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            set_offload(fd, tcp).map(|()| false)
        }
        result => result.map(|()| true),
    }
}

fn set_offload(fd: &OwnedFd, bits: usize) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value, not as a pointer.
    unsafe {
        ioctl(
            fd,
            libc::TUNSETOFFLOAD,
            std::ptr::without_provenance_mut(bits),
        )
    }
}

/// Calls `ioctl`.
///
/// # Safety
///
/// `argument` is what `request` asks for: a pointer to a live value of its type, or a value.
unsafe fn ioctl(fd: &OwnedFd, request: libc::Ioctl, argument: *mut libc::c_void) -> io::Result<()> {
    // SAFETY: the caller's.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, argument) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
