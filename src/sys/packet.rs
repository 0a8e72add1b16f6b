//! `AF_PACKET` sockets: frames of a NIC that exists already (packet(7), Documentation/networking/packet_mmap.rst).
//!
//! Frames come by a ring in memory that the kernel writes and we read, without a system call, each in a slot;
//! those that do not fit a slot follow by the socket's own queue, in the same order (`PACKET_COPY_THRESH`).
//! They leave many in a system call.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::slice;
use std::sync::atomic::Ordering;

use nix::libc;

use super::mapping::Mapping;
use super::{check, length_of, set_option};

/// All protocols, in network byte order as the socket calls want it.
const ALL_PROTOCOLS: u16 = small(libc::ETH_P_ALL).to_be();

/// Octets of a virtio-net header, which every frame has in front.
const HEADER: usize = 10;

/// Octets of a slot: 76 of the kernel's (tpacket_rcv), and a frame of an MTU of 1500 with tags. An odd number of cache lines, so that
/// slots do not compete for the same place in a CPU's cache.
const SLOT: usize = 31 * 64;

/// Octets of the longest frame that fits one.
pub const SLOT_FRAME: usize = SLOT - 76;

/// Octets of a block, which is what the kernel allocates at once.
const BLOCK: usize = 64 << 10;

/// Slots of a block; what is left of it stays empty.
const SLOTS_PER_BLOCK: usize = BLOCK / SLOT;

/// Blocks of a ring: 2 MiB, 1,056 frames, about what waits at a TAP (its `txqueuelen`).
const BLOCKS: usize = 32;

/// Slots of a ring.
const SLOTS: usize = BLOCKS * SLOTS_PER_BLOCK;

/// Octets of frames too long for a slot that wait at most: some fifty super-frames.
const LONG_ROOM: i32 = 8 << 20;

/// Octets of frames sent that a NIC has not finished with at most.
const SEND_ROOM: i32 = 4 << 20;

/// Frames that leave in one call at most.
pub const MANY: usize = 32;

/// A VLAN tag that the kernel took off a frame: type and control information.
pub type Tag = (u16, u16);

/// Opens a non-blocking raw socket on a NIC of the calling thread's network namespace: promiscuous,
/// receiving every frame that arrives there but none that is sent there. Every frame, either way, has
/// a virtio-net header of 10 octets in front, which speaks of the frame without the tag.
///
/// # Errors
///
/// `EPERM` without `CAP_NET_RAW`, `ENODEV` when there is no such interface, `ENETDOWN` never: it may be down.
pub fn open(ifindex: u32) -> io::Result<(OwnedFd, Ring)> {
    let index = i32::try_from(ifindex).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    let socket = promiscuous(ifindex)?;

    let packet = libc::SOL_PACKET;
    set_option(&socket, packet, libc::PACKET_IGNORE_OUTGOING, &1i32)?;
    set_option(&socket, packet, libc::PACKET_AUXDATA, &1i32)?;
    set_option(&socket, packet, libc::PACKET_VNET_HDR, &1i32)?;
    set_room(&socket, LONG_ROOM, [libc::SO_RCVBUFFORCE, libc::SO_RCVBUF])?;
    set_room(&socket, SEND_ROOM, [libc::SO_SNDBUFFORCE, libc::SO_SNDBUF])?;
    let ring = Ring::of(&socket)?;

    // SAFETY: all-zero octets are a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = small(libc::AF_PACKET);
    address.sll_protocol = ALL_PROTOCOLS;
    address.sll_ifindex = index;
    // SAFETY: the pointer is to a live `sockaddr_ll` of the length given.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            length_of::<libc::sockaddr_ll>(),
        )
    })?;
    Ok((socket, ring))
}

/// Makes an interface of the calling thread's network namespace promiscuous as long as what is returned is open: a
/// non-blocking packet socket by which nothing comes.
///
/// # Errors
///
/// `EPERM` without `CAP_NET_RAW`, `ENODEV` when there is no such interface.
pub fn promiscuous(ifindex: u32) -> io::Result<OwnedFd> {
    let index = i32::try_from(ifindex).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    // Protocol 0: nothing is received before the socket is bound to an interface.
    // SAFETY: no pointers; the result is checked.
    let raw = check(unsafe {
        libc::socket(
            libc::AF_PACKET,
            libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            0,
        )
    })?;
    // SAFETY: `raw` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    let membership = libc::packet_mreq {
        mr_ifindex: index,
        mr_type: small(libc::PACKET_MR_PROMISC),
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_option(
        &socket,
        libc::SOL_PACKET,
        libc::PACKET_ADD_MEMBERSHIP,
        &membership,
    )?;
    Ok(socket)
}

/// A ring by which frames come (`TPACKET_V2`): a slot is the kernel's or ours, as its status says.
#[derive(Debug)]
pub struct Ring {
    memory: Mapping,
    /// The slot that the next frame comes in.
    next: usize,
}

/// A frame in a slot of the ring.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    /// All of it, behind its virtio-net header, and the tag that the kernel took off.
    Whole(&'a [u8], Option<Tag>),
    /// It did not fit: [`receive`] gets it.
    Queued,
    /// It did not fit, and there was no room for it elsewhere either: its beginning, likewise.
    Cut(&'a [u8]),
}

impl Ring {
    fn of(socket: &OwnedFd) -> io::Result<Self> {
        // TPACKET_V3 has frames of all lengths one after another, but hands over blocks of them, when one is
        // full or a timer of a millisecond or more fires: a lone frame waits that long.
        set_option(
            socket,
            libc::SOL_PACKET,
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V2 as libc::c_int),
        )?;
        set_option(socket, libc::SOL_PACKET, libc::PACKET_COPY_THRESH, &1i32)?;
        let number = |octets: usize| u32::try_from(octets).unwrap_or(u32::MAX);
        let request = libc::tpacket_req {
            tp_block_size: number(BLOCK),
            tp_block_nr: number(BLOCKS),
            tp_frame_size: number(SLOT),
            tp_frame_nr: number(SLOTS),
        };
        set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        Ok(Self {
            memory: Mapping::of(socket.as_fd(), 0, BLOCKS * BLOCK)?,
            next: 0,
        })
    }

    /// Has somebody look at the next frame, whose slot is the kernel's again then. `None` when there is none.
    #[inline]
    pub fn take<T>(&mut self, look: impl FnOnce(Slot<'_>) -> T) -> Option<T> {
        let at = self.next / SLOTS_PER_BLOCK * BLOCK + self.next % SLOTS_PER_BLOCK * SLOT;
        // `tp_status` is the first field of the slot.
        let status = self.memory.word(at);
        let flags = status.load(Ordering::Acquire);
        if flags & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let slot = self.memory.part(at, SLOT);
        // SAFETY: the slot is within the mapping, begins with a `tpacket2_hdr`, for which blocks and slots are aligned
        // well enough, and is ours until the status is written below: the kernel does not write it (tpacket_rcv).
        let (header, octets) = unsafe {
            (
                slot.cast::<libc::tpacket2_hdr>().read(),
                slice::from_raw_parts(slot.as_ptr(), SLOT),
            )
        };
        let start = usize::from(header.tp_mac).saturating_sub(HEADER);
        let end = usize::from(header.tp_mac).saturating_add(header.tp_snaplen as usize);
        let frame = octets.get(start..end).unwrap_or_default();
        let result = look(if flags & libc::TP_STATUS_COPY != 0 {
            Slot::Queued
        } else if header.tp_snaplen < header.tp_len {
            Slot::Cut(frame)
        } else {
            Slot::Whole(
                frame,
                tag_of(flags, header.tp_vlan_tci, header.tp_vlan_tpid),
            )
        });
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % SLOTS;
        Some(result)
    }
}

/// Returns, and forgets, what has happened to the interface: `ENETDOWN` when it went down, `ENODEV` when it is
/// gone.
///
/// # Errors
///
/// That.
pub fn check_interface(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut error: libc::c_int = 0;
    let mut length = length_of::<libc::c_int>();
    // SAFETY: the pointers are to a live integer and its size.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut error).cast(),
            &raw mut length,
        )
    })?;
    if error == 0 {
        return Ok(());
    }
    // SAFETY: all-zero octets are a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut length = length_of::<libc::sockaddr_ll>();
    // SAFETY: the pointers are to a live `sockaddr_ll` and its size.
    check(unsafe {
        libc::getsockname(
            socket.as_raw_fd(),
            (&raw mut address).cast(),
            &raw mut length,
        )
    })?;
    // packet_notifier: a socket whose interface is gone is bound to −1.
    let gone = address.sll_ifindex < 0;
    Err(io::Error::from_raw_os_error(match gone {
        true => libc::ENODEV,
        false => error,
    }))
}

/// A frame to send.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its virtio-net header.
    pub header: [u8; HEADER],
    /// Its octets, in two pieces.
    pub pieces: [&'a [u8]; 2],
}

/// Sends up to [`MANY`] frames in one call, in order; returns how many went.
///
/// # Errors
///
/// Why the first did not: `WouldBlock` and `ENOBUFS` without room, `ENETDOWN`, `ENXIO` when the interface is gone,
/// `EMSGSIZE` for what is too long for it.
pub fn send(socket: BorrowedFd<'_>, frames: &[Message<'_>]) -> io::Result<usize> {
    // SAFETY: all-zero octets are valid for both.
    let (mut vectors, mut messages): ([[libc::iovec; 3]; MANY], [libc::mmsghdr; MANY]) =
        unsafe { (zeroed(), zeroed()) };
    let piece = |octets: &[u8]| libc::iovec {
        iov_base: octets.as_ptr().cast_mut().cast(),
        iov_len: octets.len(),
    };
    let mut count = 0;
    for (frame, (vector, message)) in frames.iter().zip(vectors.iter_mut().zip(&mut messages)) {
        let [head, rest] = frame.pieces;
        *vector = [piece(&frame.header), piece(head), piece(rest)];
        message.msg_hdr.msg_iov = vector.as_mut_ptr();
        message.msg_hdr.msg_iovlen = vector.len();
        count += 1;
    }
    // SAFETY: the first `count` messages point to vectors that point to live octets, of which nothing is written.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives one frame that did not fit its slot of the ring, behind its virtio-net header, and the tag that the
/// kernel took off it.
///
/// # Errors
///
/// `WouldBlock` when there is none; `ENETDOWN` once after the interface went down; `ENODEV` or
/// `ENXIO` when it is gone.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<Tag>)> {
    const CONTROL: usize = 64; // cmsghdr (16) + tpacket_auxdata (20), aligned, with room
    #[repr(align(8))]
    struct Control([u8; CONTROL]);
    let mut control = Control([0; CONTROL]);
    let mut piece = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all-zero octets are a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL;
    // SAFETY: `message` points to one live piece of the buffer's length and to the control octets.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;

    // SAFETY: `message` is as recvmsg left it, so the headers it leads to lie within `control`.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message).as_ref() };
    let tag = header
        .filter(|h| h.cmsg_level == libc::SOL_PACKET && h.cmsg_type == libc::PACKET_AUXDATA)
        .and_then(|h| {
            // SAFETY: a PACKET_AUXDATA header is followed by a `tpacket_auxdata`, perhaps unaligned.
            let aux: libc::tpacket_auxdata = unsafe {
                libc::CMSG_DATA(h)
                    .cast::<libc::tpacket_auxdata>()
                    .read_unaligned()
            };
            tag_of(aux.tp_status, aux.tp_vlan_tci, aux.tp_vlan_tpid)
        });
    Ok((length, tag))
}

fn tag_of(status: u32, tci: u16, tpid: u16) -> Option<Tag> {
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let tpid = if status & libc::TP_STATUS_VLAN_TPID_VALID == 0 {
        0x8100
    } else {
        tpid
    };
    Some((tpid, tci))
}

/// Sets a buffer's size, beyond the limit of ordinary sockets where that is allowed.
fn set_room(socket: &OwnedFd, octets: i32, [force, ask]: [libc::c_int; 2]) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, force, &octets)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, ask, &octets))
}

/// A constant that C declares wider than the field it is for.
#[allow(clippy::cast_possible_truncation)]
const fn small(constant: libc::c_int) -> u16 {
    constant as u16
}
