//! UDP sockets that tunnels send and receive by (udp(7), ip(7), ipv6(7)): each datagram with its own
//! source, exit, time to live and type of service, and many received at once; neither is to be had of
//! the standard library's sockets.

use std::io;
use std::mem::{size_of_val, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use nix::libc;

use super::{check, length_of, set_option};

/// Datagrams that one call receives at most.
pub const MANY: usize = 64;

/// Octets that a listener has for datagrams that nobody has come for yet: a burst of super-frames.
const LISTENER_ROOM: i32 = 4 << 20;

/// What the kernel's header has no name for in the crate: `IPV6_MULTICAST_ALL`.
const IPV6_MULTICAST_ALL: i32 = 29;

/// How a socket sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manner {
    /// What it sends is never fragmented; otherwise it is where it has to be, here or on its way.
    pub whole: bool,
    /// With a UDP checksum.
    pub checksum: bool,
}

/// Where one datagram goes.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// To.
    pub to: SocketAddr,
    /// From; the unspecified address for what the route says.
    pub from: IpAddr,
    /// The netdev to leave by, whatever the routes say; 0 for none.
    pub ifindex: u32,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
}

/// One datagram that was received.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its octets.
    pub length: usize,
    /// From whom.
    pub from: SocketAddr,
    /// Type of service, or traffic class.
    pub tos: u8,
}

/// Opens a non-blocking socket of the calling thread's network namespace that receives what is sent to
/// a port of all its addresses. `unchecked`: over IPv6, also what has no checksum.
///
/// # Errors
///
/// `EADDRINUSE` when somebody else has the port, `EACCES` for a low one without the right to it,
/// `EAFNOSUPPORT` without IPv6.
pub fn listen(ipv6: bool, port: u16, unchecked: bool) -> io::Result<OwnedFd> {
    let socket = open(ipv6)?;
    if ipv6 {
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1)?;
        set(
            &socket,
            libc::IPPROTO_UDP,
            libc::UDP_NO_CHECK6_RX,
            unchecked.into(),
        )?;
        // Kernels before 4.20 deliver all groups that anybody here has joined.
        let _ = set(&socket, libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    } else {
        set(&socket, libc::IPPROTO_IP, libc::IP_RECVTOS, 1)?;
        set(&socket, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)?;
    }
    // Beyond the limit of ordinary sockets only with the right to it.
    if set(
        &socket,
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        LISTENER_ROOM,
    )
    .is_err()
    {
        set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, LISTENER_ROOM)?;
    }
    bind(&socket, ipv6, port)?;
    Ok(socket)
}

/// Opens a non-blocking socket of the calling thread's network namespace that sends from a port, and
/// receives nothing.
///
/// # Errors
///
/// As [`listen`].
pub fn sender(ipv6: bool, port: u16, manner: Manner) -> io::Result<OwnedFd> {
    let socket = open(ipv6)?;
    refuse_all(&socket)?;
    if ipv6 {
        let discover = match manner.whole {
            true => libc::IPV6_PMTUDISC_DO,
            false => libc::IPV6_PMTUDISC_DONT,
        };
        set(
            &socket,
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            discover,
        )?;
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, 0)?;
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_AUTOFLOWLABEL, 0)?;
        let without = i32::from(!manner.checksum);
        set(&socket, libc::IPPROTO_UDP, libc::UDP_NO_CHECK6_TX, without)?;
    } else {
        let discover = match manner.whole {
            true => libc::IP_PMTUDISC_DO,
            false => libc::IP_PMTUDISC_DONT,
        };
        set(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, discover)?;
        set(&socket, libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, 0)?;
        set(
            &socket,
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            i32::from(!manner.checksum),
        )?;
    }
    bind(&socket, ipv6, port)?;
    Ok(socket)
}

/// Joins a group on a netdev.
///
/// # Errors
///
/// `ENODEV` without such a netdev, `EADDRINUSE` when it has joined already.
pub fn join(socket: BorrowedFd<'_>, group: IpAddr, ifindex: u32) -> io::Result<()> {
    membership(
        socket,
        group,
        ifindex,
        [libc::IP_ADD_MEMBERSHIP, libc::IPV6_ADD_MEMBERSHIP],
    )
}

/// Leaves a group on a netdev.
///
/// # Errors
///
/// `EADDRNOTAVAIL` when it has not joined, or the netdev is gone.
pub fn leave(socket: BorrowedFd<'_>, group: IpAddr, ifindex: u32) -> io::Result<()> {
    membership(
        socket,
        group,
        ifindex,
        [libc::IP_DROP_MEMBERSHIP, libc::IPV6_DROP_MEMBERSHIP],
    )
}

fn membership(
    socket: BorrowedFd<'_>,
    group: IpAddr,
    ifindex: u32,
    [four, six]: [i32; 2],
) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            let request = libc::ip_mreqn {
                imr_multiaddr: raw4(group),
                imr_address: raw4(Ipv4Addr::UNSPECIFIED),
                imr_ifindex: signed(ifindex)?,
            };
            set_option(&socket, libc::IPPROTO_IP, four, &request)
        }
        IpAddr::V6(group) => {
            let request = libc::ipv6_mreq {
                ipv6mr_multiaddr: raw6(group),
                ipv6mr_interface: ifindex,
            };
            set_option(&socket, libc::IPPROTO_IPV6, six, &request)
        }
    }
}

/// Returns the MTU of the way to an address, as far as it is known here.
///
/// # Errors
///
/// What the route there says: `ENETUNREACH`.
pub fn way_mtu(to: IpAddr, ifindex: u32) -> io::Result<u32> {
    let socket = open(to.is_ipv6())?;
    let (address, length) = raw_address(SocketAddr::new(to, 9));
    let (level, unicast, mtu) = match to {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_UNICAST_IF, libc::IP_MTU),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_IF, libc::IPV6_MTU),
    };
    if ifindex > 0 {
        set(
            &socket,
            level,
            unicast,
            i32::from_ne_bytes(ifindex.to_be_bytes()),
        )?;
    }
    // SAFETY: the pointer is to a live `sockaddr_storage`, of which `length` octets are set.
    check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    let (mut value, mut size) = (0i32, length_of::<i32>());
    // SAFETY: the pointers are to a live integer and its size.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            mtu,
            (&raw mut value).cast(),
            &raw mut size,
        )
    })?;
    u32::try_from(value).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Room for the control messages of one datagram: where from, time to live, type of service, segments.
type Control = [u64; 16];

/// Sends one datagram, given in pieces.
///
/// # Errors
///
/// What the kernel's stack says: `WouldBlock` without room, `ENETUNREACH` without a route, `EMSGSIZE` for
/// what is too long and not to be fragmented, `EINVAL` for a source that is no address of this host.
pub fn send(socket: BorrowedFd<'_>, heading: &Heading, pieces: [&[u8]; 2]) -> io::Result<()> {
    let (address, length) = raw_address(heading.to);
    let mut vectors = pieces.map(|piece| libc::iovec {
        iov_base: piece.as_ptr().cast_mut().cast(),
        iov_len: piece.len(),
    });
    let mut control: Control = [0; 16];
    // SAFETY: all-zero octets are a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_name = (&raw const address).cast_mut().cast();
    message.msg_namelen = length;
    message.msg_iov = vectors.as_mut_ptr();
    message.msg_iovlen = vectors.len();
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    let (ttl, tos) = (i32::from(heading.ttl), i32::from(heading.tos));
    let used = match (heading.to, heading.from) {
        (SocketAddr::V4(_), IpAddr::V4(from)) => {
            let by = libc::in_pktinfo {
                ipi_ifindex: signed(heading.ifindex)?,
                ipi_spec_dst: raw4(from),
                ipi_addr: raw4(Ipv4Addr::UNSPECIFIED),
            };
            let at = append(&message, 0, libc::IPPROTO_IP, libc::IP_PKTINFO, by);
            let at = append(&message, at, libc::IPPROTO_IP, libc::IP_TTL, ttl);
            append(&message, at, libc::IPPROTO_IP, libc::IP_TOS, tos)
        }
        (SocketAddr::V6(_), IpAddr::V6(from)) => {
            let by = libc::in6_pktinfo {
                ipi6_addr: raw6(from),
                ipi6_ifindex: heading.ifindex,
            };
            let at = append(&message, 0, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, by);
            let at = append(&message, at, libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, ttl);
            append(&message, at, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, tos)
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    message.msg_controllen = used;
    // SAFETY: every pointer in `message` is to something that lives until the call returns; nothing of it
    // is written to.
    let sent = unsafe {
        libc::sendmsg(
            socket.as_raw_fd(),
            &raw const message,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Writes a control message behind `at` octets of others; returns where the next one goes.
fn append<T>(message: &libc::msghdr, at: usize, level: i32, kind: i32, value: T) -> usize {
    // SAFETY: these only compute.
    let (space, length) = unsafe {
        let size = length_of::<T>();
        (
            libc::CMSG_SPACE(size) as usize,
            libc::CMSG_LEN(size) as usize,
        )
    };
    assert!(
        at + space <= message.msg_controllen,
        "room for all that is sent"
    );
    // SAFETY: `msg_control` points to `msg_controllen` live octets that are aligned as a header is, and
    // `at` is a sum of spaces, which keep the alignment; header and value fit, as was just seen.
    unsafe {
        let header = message
            .msg_control
            .cast::<u8>()
            .add(at)
            .cast::<libc::cmsghdr>();
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = length;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
    }
    at + space
}

/// Receives up to [`MANY`] datagrams in one call, each to a place of its own: the first `front` octets of
/// every `stride` octets of `arena` stay as they are, and a datagram follows. What is longer than its place
/// is cut. Returns how many came.
///
/// # Errors
///
/// `WouldBlock` when there is none.
pub fn receive(
    socket: BorrowedFd<'_>,
    arena: &mut [u8],
    stride: usize,
    front: usize,
    arrivals: &mut [Arrival; MANY],
) -> io::Result<usize> {
    // SAFETY: all-zero octets are valid for each of these.
    let (mut names, mut vectors, mut messages): (
        [libc::sockaddr_in6; MANY],
        [libc::iovec; MANY],
        [libc::mmsghdr; MANY],
    ) = unsafe { (zeroed(), zeroed(), zeroed()) };
    // Room for the type of service.
    let mut controls = [[0u64; 4]; MANY];
    let mut count = 0;
    for place in arena.chunks_exact_mut(stride).take(MANY) {
        let room = place.get_mut(front..).unwrap_or_default();
        vectors[count] = libc::iovec {
            iov_base: room.as_mut_ptr().cast(),
            iov_len: room.len(),
        };
        let header = &mut messages[count].msg_hdr;
        header.msg_name = (&raw mut names[count]).cast();
        header.msg_namelen = length_of::<libc::sockaddr_in6>();
        header.msg_iov = &raw mut vectors[count];
        header.msg_iovlen = 1;
        header.msg_control = controls[count].as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&controls[count]);
        count += 1;
    }
    // SAFETY: every pointer in the messages is to something live of the size said, each to its own.
    let got = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            u32::try_from(count).unwrap_or(0),
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
        )
    };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    for (at, arrival) in arrivals.iter_mut().enumerate().take(got) {
        *arrival = Arrival {
            length: messages[at].msg_len as usize,
            from: address_of(&names[at]),
            tos: tos_of(&messages[at].msg_hdr),
        };
    }
    Ok(got)
}

impl Arrival {
    /// None yet.
    pub const NONE: Self = Self {
        length: 0,
        from: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        tos: 0,
    };
}

/// Reads the type of service out of the control messages that the kernel wrote.
fn tos_of(message: &libc::msghdr) -> u8 {
    // SAFETY: `message` is as recvmmsg left it, so the headers it leads to lie within its control octets,
    // and behind each are as many octets as its kind has.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(it) = header.as_ref() {
            let data = libc::CMSG_DATA(header);
            match (it.cmsg_level, it.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_TOS) => return data.read(),
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                    let class = data.cast::<i32>().read_unaligned();
                    return u8::try_from(class).unwrap_or(0);
                }
                _ => {}
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    0
}

fn open(ipv6: bool) -> io::Result<OwnedFd> {
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers; the result is checked.
    let raw = check(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: `raw` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    if ipv6 {
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    Ok(socket)
}

fn bind(socket: &OwnedFd, ipv6: bool, port: u16) -> io::Result<()> {
    let any: IpAddr = match ipv6 {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    let (address, length) = raw_address(SocketAddr::new(any, port));
    // SAFETY: the pointer is to a live `sockaddr_storage`, of which `length` octets are set.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) }).map(drop)
}

/// Has the kernel discard whatever is sent to a socket: a filter of one instruction, "keep 0 octets".
fn refuse_all(socket: &OwnedFd) -> io::Result<()> {
    let mut keep_none = libc::sock_filter {
        code: 6, // BPF_RET | BPF_K
        jt: 0,
        jf: 0,
        k: 0,
    };
    let program = libc::sock_fprog {
        len: 1,
        filter: &raw mut keep_none,
    };
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

const fn raw4(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(ip.octets()),
    }
}

const fn raw6(ip: Ipv6Addr) -> libc::in6_addr {
    libc::in6_addr {
        s6_addr: ip.octets(),
    }
}

/// An index or a number as C has it.
fn signed(number: u32) -> io::Result<i32> {
    i32::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))
}

fn raw_address(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero octets are a valid `sockaddr_storage`.
    let mut raw: libc::sockaddr_storage = unsafe { zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let it = libc::sockaddr_in {
                sin_family: family(libc::AF_INET),
                sin_port: v4.port().to_be(),
                sin_addr: raw4(*v4.ip()),
                sin_zero: [0; 8],
            };
            // SAFETY: a `sockaddr_storage` has room and alignment for every kind of address.
            unsafe { ptr::write((&raw mut raw).cast(), it) };
            length_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let it = libc::sockaddr_in6 {
                sin6_family: family(libc::AF_INET6),
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: raw6(*v6.ip()),
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { ptr::write((&raw mut raw).cast(), it) };
            length_of::<libc::sockaddr_in6>()
        }
    };
    (raw, length)
}

/// The address that the kernel wrote; the unspecified one for what is of neither family.
fn address_of(raw: &libc::sockaddr_in6) -> SocketAddr {
    if i32::from(raw.sin6_family) == libc::AF_INET6 {
        let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
        let port = u16::from_be(raw.sin6_port);
        return std::net::SocketAddrV6::new(ip, port, 0, raw.sin6_scope_id).into();
    }
    // SAFETY: a `sockaddr_in` is smaller than a `sockaddr_in6`, of the same alignment, and valid with any
    // octets.
    let it: libc::sockaddr_in = unsafe { ptr::read(ptr::from_ref(raw).cast()) };
    let ip = Ipv4Addr::from(it.sin_addr.s_addr.to_ne_bytes());
    SocketAddr::new(ip.into(), u16::from_be(it.sin_port))
}

fn set(socket: &OwnedFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_option(socket, level, name, &value)
}

/// A constant that C declares wider than the field it is for.
#[allow(clippy::cast_possible_truncation)]
const fn family(constant: libc::c_int) -> libc::sa_family_t {
    constant as libc::sa_family_t
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    const STRIDE: usize = 64;
    const MANNER: Manner = Manner {
        whole: false,
        checksum: true,
    };

    fn port_of(socket: &OwnedFd) -> u16 {
        let socket: UdpSocket = socket.try_clone().unwrap().into();
        socket.local_addr().unwrap().port()
    }

    /// Receives once something is there.
    fn await_some(socket: &OwnedFd, arena: &mut [u8], arrivals: &mut [Arrival; MANY]) -> usize {
        loop {
            match receive(socket.as_fd(), arena, STRIDE, 3, arrivals) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                other => return other.unwrap(),
            }
        }
    }

    #[test]
    fn datagrams_in_pieces_arrive_in_places() {
        for (ipv6, loopback) in [(false, "127.0.0.1"), (true, "::1")] {
            // Where there is no IPv6 there is nothing to try.
            let (Ok(there), Ok(here)) = (listen(ipv6, 0, false), sender(ipv6, 0, MANNER)) else {
                continue;
            };
            let ip: IpAddr = loopback.parse().unwrap();
            let heading = Heading {
                to: SocketAddr::new(ip, port_of(&there)),
                from: ip,
                ifindex: 0,
                ttl: 9,
                tos: 0x2e,
            };
            if send(here.as_fd(), &heading, [b"one ", b"two"]).is_err() {
                continue;
            }
            send(here.as_fd(), &heading, [&[], &[7; 200]]).unwrap();
            let mut arena = [0xee; 4 * STRIDE];
            let mut arrivals = [Arrival::NONE; MANY];
            let mut got = await_some(&there, &mut arena, &mut arrivals);
            assert_eq!(arena[..11], *b"\xee\xee\xeeone two\xee");
            assert_eq!((arrivals[0].length, arrivals[0].tos), (7, 0x2e));
            assert_eq!(arrivals[0].from, SocketAddr::new(ip, port_of(&here)));
            if got == 1 {
                got += await_some(&there, &mut arena[STRIDE..], &mut arrivals);
            }
            assert_eq!(got, 2);
            assert_eq!(
                arena[STRIDE + 2..2 * STRIDE],
                [&[0xee][..], &[7; 61]].concat()
            );
            assert_eq!(arena[2 * STRIDE], 0xee, "cut where its place ends");
        }
    }

    #[test]
    fn a_sender_receives_nothing() {
        let (here, other) = (
            sender(false, 0, MANNER).unwrap(),
            UdpSocket::bind("127.0.0.1:0"),
        );
        let other = other.unwrap();
        other
            .send_to(b"hello", ("127.0.0.1", port_of(&here)))
            .unwrap();
        let mut arrivals = [Arrival::NONE; MANY];
        let got = receive(here.as_fd(), &mut [0; STRIDE], STRIDE, 0, &mut arrivals);
        assert_eq!(got.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn the_kernels_refusals() {
        let here = sender(false, 0, MANNER).unwrap();
        let taken = listen(false, port_of(&here), false).unwrap_err();
        assert_eq!(taken.raw_os_error(), Some(libc::EADDRINUSE));
        let heading = Heading {
            to: "127.0.0.1:9".parse().unwrap(),
            from: "192.0.2.77".parse().unwrap(),
            ifindex: 0,
            ttl: 1,
            tos: 0,
        };
        let foreign = send(here.as_fd(), &heading, [b"x", b""]);
        assert!(foreign.is_err(), "not our address");
        let six = Heading {
            from: Ipv6Addr::LOCALHOST.into(),
            ..heading
        };
        assert!(send(here.as_fd(), &six, [b"x", b""]).is_err());
        assert!(join(here.as_fd(), "239.1.1.1".parse().unwrap(), 0x7fff_ffff).is_err());
        assert!(way_mtu(Ipv4Addr::LOCALHOST.into(), 0).unwrap() >= 1_280);
    }
}
