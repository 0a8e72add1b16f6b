//! The system calls that this suite needs and no safe crate offers: attaching to a TAP that exists
//! already, and packet sockets that hand the VLAN tag back (`PACKET_AUXDATA`).
#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// Opens the far end of a persistent TAP of the calling thread's namespace. Reads do not block.
pub(crate) fn attach_tap(name: &str) -> io::Result<File> {
    attach("/dev/net/tun".as_ref(), name)
}

/// Opens the character device of a macvtap of the calling thread's namespace, for whole frames without a
/// header of their own. The thread gets a file system in which the device has a name: devices are named
/// in the machine's, if at all.
pub(crate) fn attach_macvtap(name: &str) -> io::Result<File> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )?;
    // What is mounted now shows the namespace of who mounts it.
    mount(nothing, "/sys", Some("sysfs"), MsFlags::empty(), nothing)?;
    let number = read_number(name);
    umount2("/sys", MntFlags::MNT_DETACH)?;
    let (major, minor) = number?;
    mount(nothing, "/mnt", Some("tmpfs"), MsFlags::empty(), nothing)?;
    let path = Path::new("/mnt/tap");
    let made = mknod(
        path,
        SFlag::S_IFCHR,
        Mode::S_IRUSR | Mode::S_IWUSR,
        makedev(major, minor),
    );
    // A macvtap's device is its own: it needs no name.
    let device = made
        .map_err(io::Error::from)
        .and_then(|()| attach(path, ""));
    // The open device holds on to it.
    umount2("/mnt", MntFlags::MNT_DETACH)?;
    device
}

/// Reads the numbers of the character device of a macvtap.
fn read_number(name: &str) -> io::Result<(u64, u64)> {
    let folder = format!("/sys/class/net/{name}");
    let ifindex = fs::read_to_string(format!("{folder}/ifindex"))?;
    let text = fs::read_to_string(format!("{folder}/macvtap/tap{}/dev", ifindex.trim()))?;
    let numbers = text.trim().split_once(':');
    let numbers =
        numbers.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    numbers.ok_or_else(|| io::Error::other(format!("`{text}` is no device")))
}

/// Opens a device that gives and takes frames.
fn attach(path: &Path, name: &str) -> io::Result<File> {
    let tap = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    // SAFETY: an all-zero `ifreq` is a valid one.
    let mut request: libc::ifreq = unsafe { zeroed() };
    if name.len() >= libc::IFNAMSIZ {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(libc::IFF_TAP | libc::IFF_NO_PI).expect("0x1002");
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives until the call returns.
    let result = unsafe { libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(tap)
}

/// A raw packet socket on all netdevs of the namespace.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

/// A frame as a packet socket saw it.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    /// The netdev.
    pub(crate) ifindex: u32,
    /// `PACKET_HOST` and so on, as a number.
    pub(crate) kind: u8,
    /// The frame, its outermost tag put back.
    pub(crate) octets: Vec<u8>,
}

/// `PACKET_IGNORE_OUTGOING`, which the libc crate lacks.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

impl PacketSocket {
    /// Opens one that sees frames of one protocol (`ETH_P_*`) that come in.
    pub(crate) fn open(protocol: u16) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and nobody else knows it.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        socket.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)?;
        socket.set(libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)?;
        socket.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 8 << 20)?;
        let address = address(protocol, 0);
        // SAFETY: `address` is a `sockaddr_ll` of the length that is passed.
        let bound = unsafe {
            libc::bind(
                fd,
                (&raw const address).cast(),
                length_of::<libc::sockaddr_ll>(),
            )
        };
        if bound < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(socket)
    }

    fn set(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        // SAFETY: the value is a `c_int` of the length that is passed, alive during the call.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                option,
                (&raw const value).cast(),
                length_of::<libc::c_int>(),
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Sends a frame as the stack of a netdev would: of the protocol that it has. The kernel finds out for
    /// itself, but for LLC, of which it takes the length to be the protocol; where such a frame comes back in
    /// without ever having been on a wire, nobody would listen to that.
    pub(crate) fn send(&self, ifindex: u32, octets: &[u8]) -> io::Result<()> {
        let llc = matches!(octets.get(12..14), Some([high, _]) if *high < 0x06);
        let protocol = if llc { libc::ETH_P_802_2 } else { 0 };
        let address = address(u16::try_from(protocol).expect("4"), ifindex);
        // SAFETY: buffer and address are alive during the call, with the lengths that are passed.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                octets.as_ptr().cast(),
                octets.len(),
                0,
                (&raw const address).cast(),
                length_of::<libc::sockaddr_ll>(),
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Returns the next frame that came in, if there is one.
    pub(crate) fn receive(&self) -> io::Result<Option<Sighting>> {
        let mut buffer = [0u8; 4096];
        let mut control = [0u64; 16];
        let mut piece = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        // SAFETY: all-zero values of both structures are valid.
        let (mut from, mut message): (libc::sockaddr_ll, libc::msghdr) =
            unsafe { (zeroed(), zeroed()) };
        message.msg_name = (&raw mut from).cast();
        message.msg_namelen = length_of::<libc::sockaddr_ll>();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of::<[u64; 16]>();
        // SAFETY: every pointer in `message` is to a local of the length stated beside it.
        let got = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut message, 0) };
        let Ok(got) = usize::try_from(got) else {
            let error = io::Error::last_os_error();
            // ENETDOWN: a netdev of the namespace went down; told once, to every socket.
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENETDOWN) => Ok(None),
                _ => Err(error),
            };
        };
        let mut octets = buffer[..got].to_vec();
        // SAFETY: `message` was filled in by recvmsg; the macros walk within `msg_controllen`.
        let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
        while !header.is_null() {
            // SAFETY: not null, so it is a whole `cmsghdr` inside `control`.
            let this = unsafe { *header };
            if (this.cmsg_level, this.cmsg_type) == (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
                // SAFETY: the kernel puts one `tpacket_auxdata` behind this header.
                let aux: libc::tpacket_auxdata = unsafe {
                    libc::CMSG_DATA(header)
                        .cast::<libc::tpacket_auxdata>()
                        .read_unaligned()
                };
                if aux.tp_status & libc::TP_STATUS_VLAN_VALID != 0 && octets.len() >= 12 {
                    let tag = [
                        aux.tp_vlan_tpid.to_be_bytes(),
                        aux.tp_vlan_tci.to_be_bytes(),
                    ];
                    octets.splice(12..12, tag.concat());
                }
            }
            // SAFETY: as for CMSG_FIRSTHDR.
            header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
        }
        Ok(Some(Sighting {
            ifindex: u32::try_from(from.sll_ifindex).unwrap_or(0),
            kind: from.sll_pkttype,
            octets,
        }))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn address(protocol: u16, ifindex: u32) -> libc::sockaddr_ll {
    // SAFETY: an all-zero `sockaddr_ll` is valid.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("17");
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = i32::try_from(ifindex).expect("ifindices are positive ints");
    address
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("a small structure")
}

/// Has a netlink socket be told in words why something was refused.
pub(crate) fn tell_why(netlink: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is alive during the call, with the length that is passed.
    let set = unsafe {
        libc::setsockopt(
            netlink.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_EXT_ACK,
            (&raw const on).cast(),
            length_of::<libc::c_int>(),
        )
    };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
