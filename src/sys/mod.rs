//! System calls: every `unsafe` of the live edge and every wrapper that the crates lack.
//!
//! [`datagram`] opens the sockets of tunnels, [`namespace`] makes and enters namespaces, [`netlink`] configures netdevs,
//! [`links`] hears of their links, [`packet`] opens
//! `AF_PACKET` sockets, [`xdp`] `AF_XDP` sockets and [`bpf`] the program that sends them frames, [`tun`] TAP devices with
//! offloads, [`ethtool`] asks what netdevs leave to hardware, [`process`] starts programs in a namespace
//! and waits for signals; `mapping` is memory that is shared with the kernel, and [`memory`] what a large table wants. Functions return `io::Error` as the kernel gave it; what the user can do
//! about it is said further up.

#![allow(unsafe_code)]

pub mod bpf;
pub mod datagram;
pub mod ethtool;
pub mod links;
mod mapping;
pub mod memory;
pub mod namespace;
pub mod netlink;
pub mod packet;
pub mod process;
pub mod tun;
pub mod xdp;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use nix::libc;
use tun_tap::Iface;

/// Borrows the descriptor of a TAP, for which the crate offers its number only.
#[must_use]
pub fn borrow(iface: &Iface) -> BorrowedFd<'_> {
    // SAFETY: the descriptor belongs to `iface`, which is borrowed as long as the result lives.
    unsafe { BorrowedFd::borrow_raw(iface.as_raw_fd()) }
}

/// What a system call returned, or why it failed.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        ..0 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// Sets a socket's option to a value of the type that the option has.
fn set_option<T>(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the pointer is to a live value of the length given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(value).cast(),
            length_of::<T>(),
        )
    })
    .map(drop)
}

#[allow(clippy::cast_possible_truncation)] // sizes of a few octets
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
