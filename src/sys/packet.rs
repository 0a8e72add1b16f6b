//! `AF_PACKET` sockets: frames of a NIC that exists already (packet(7)).

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

/// All protocols, in network byte order as the socket calls want it.
const ALL_PROTOCOLS: u16 = small(libc::ETH_P_ALL).to_be();

/// A VLAN tag that the kernel took off a frame: type and control information.
pub type Tag = (u16, u16);

/// Opens a non-blocking raw socket on a NIC of the calling thread's network namespace: promiscuous,
/// receiving every frame that arrives there but none that is sent there. Every frame, either way, has
/// a virtio-net header of 10 octets in front, which speaks of the frame without the tag.
///
/// # Errors
///
/// `EPERM` without `CAP_NET_RAW`, `ENODEV` when there is no such interface, `ENETDOWN` never: it may be down.
pub fn open(ifindex: u32) -> io::Result<OwnedFd> {
    let index = i32::try_from(ifindex).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    // Protocol 0: nothing is received before the socket is bound to its interface.
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

    set_option(&socket, libc::PACKET_IGNORE_OUTGOING, &1i32)?;
    set_option(&socket, libc::PACKET_AUXDATA, &1i32)?;
    set_option(&socket, libc::PACKET_VNET_HDR, &1i32)?;
    let membership = libc::packet_mreq {
        mr_ifindex: index,
        mr_type: small(libc::PACKET_MR_PROMISC),
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_option(&socket, libc::PACKET_ADD_MEMBERSHIP, &membership)?;

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
            length_of(&address),
        )
    })?;
    Ok(socket)
}

/// Receives one frame behind its virtio-net header, and the tag that the kernel took off it.
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
            tag_of(&aux)
        });
    Ok((length, tag))
}

fn tag_of(aux: &libc::tpacket_auxdata) -> Option<Tag> {
    if aux.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let tpid = if aux.tp_status & libc::TP_STATUS_VLAN_TPID_VALID == 0 {
        0x8100
    } else {
        aux.tp_vlan_tpid
    };
    Some((tpid, aux.tp_vlan_tci))
}

fn set_option<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer is to a live value of the length given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            length_of(value),
        )
    })
    .map(drop)
}

/// A constant that C declares wider than the field it is for.
#[allow(clippy::cast_possible_truncation)]
const fn small(constant: libc::c_int) -> u16 {
    constant as u16
}

#[allow(clippy::cast_possible_truncation)] // sizes of a few octets
const fn length_of<T>(_: &T) -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
