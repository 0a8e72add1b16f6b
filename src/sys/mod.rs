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

use std::os::fd::{AsRawFd, BorrowedFd};

use tun_tap::Iface;

/// Borrows the descriptor of a TAP, for which the crate offers its number only.
#[must_use]
pub fn borrow(iface: &Iface) -> BorrowedFd<'_> {
    // SAFETY: the descriptor belongs to `iface`, which is borrowed as long as the result lives.
    unsafe { BorrowedFd::borrow_raw(iface.as_raw_fd()) }
}
