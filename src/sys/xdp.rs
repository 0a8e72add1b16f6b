//! `AF_XDP` sockets (Documentation/networking/af_xdp.rst): frames in memory that the kernel and we share, and four
//! rings that hand them over.
//!
//! The memory is cut in chunks of one frame each. The first half of them goes round between us and the receiving side
//! of the NIC's queue: by the *fill* ring they are the kernel's, by the *receive* ring they come back with a frame. The
//! other half goes out by the *send* ring and comes back by the *completion* ring. Every index is written by one side.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::libc;

use super::mapping::Mapping;
use super::{check, length_of, set_option};

/// Chunks of each direction, and entries of each ring.
pub const CHUNKS: u32 = 512;

/// Octets of a chunk that are the kernel's when a frame is received (`XDP_PACKET_HEADROOM`).
pub const HEADROOM: usize = 256;

/// Calls by which a group of frames is sent at most: the kernel sends 32 in a call.
const KICKS: usize = 16;

/// What both halves of a socket share.
#[derive(Debug)]
struct Shared {
    socket: OwnedFd,
    memory: Mapping,
    /// Octets of a chunk, a power of two.
    chunk: usize,
}

/// The socket, to poll.
#[derive(Debug)]
pub struct Socket(Arc<Shared>);

/// The half that receives.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    fill: Ring,
    receive: Ring,
}

/// The half that sends.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
    send: Ring,
    completion: Ring,
    /// Where chunks begin that are not the kernel's.
    free: Vec<u64>,
}

/// Opens a non-blocking socket on a queue of an interface of the calling thread's network namespace, without copying
/// where the driver offers it. Nothing comes before a program sends it here ([`super::bpf`]).
///
/// # Errors
///
/// `EPERM` without `CAP_NET_RAW`, `EAFNOSUPPORT` when the kernel has no `AF_XDP`, `ENODEV`, `EBUSY` when somebody else
/// has the queue, `ENOBUFS` at the limit of locked memory, `InvalidInput` for chunks of neither 2,048 nor 4,096 octets.
pub fn open(ifindex: u32, queue: u32, chunk: usize) -> io::Result<(Socket, Receiver, Sender)> {
    if chunk != 2048 && chunk != 4096 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers; the result is checked.
    let raw = check(unsafe { libc::socket(libc::AF_XDP, kind, 0) })?;
    // SAFETY: `raw` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    let memory = Mapping::anonymous(2 * CHUNKS as usize * chunk)?;
    let register = libc::xdp_umem_reg {
        addr: memory.part(0, 0).as_ptr() as u64,
        len: memory.len() as u64,
        chunk_size: u32::try_from(chunk).unwrap_or(0),
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    set_option(&socket, libc::SOL_XDP, libc::XDP_UMEM_REG, &register)?;
    for ring in [
        libc::XDP_UMEM_FILL_RING,
        libc::XDP_UMEM_COMPLETION_RING,
        libc::XDP_RX_RING,
        libc::XDP_TX_RING,
    ] {
        set_option(&socket, libc::SOL_XDP, ring, &CHUNKS)?;
    }
    let offsets = offsets(&socket)?;
    let address = size_of::<u64>();
    let descriptor = size_of::<libc::xdp_desc>();
    let [fill, completion] = [
        (&offsets.fr, libc::XDP_UMEM_PGOFF_FILL_RING),
        (&offsets.cr, libc::XDP_UMEM_PGOFF_COMPLETION_RING),
    ]
    .map(|(offset, page)| Ring::map(&socket, offset, page.cast_signed(), address));
    let [receive, send] = [
        (&offsets.rx, libc::XDP_PGOFF_RX_RING),
        (&offsets.tx, libc::XDP_PGOFF_TX_RING),
    ]
    .map(|(offset, page)| Ring::map(&socket, offset, page, descriptor));

    // SAFETY: all-zero octets are a valid `sockaddr_xdp`.
    let mut to: libc::sockaddr_xdp = unsafe { zeroed() };
    #[expect(clippy::cast_possible_truncation, reason = "44")]
    let family = libc::AF_XDP as u16;
    to.sxdp_family = family;
    to.sxdp_flags = libc::XDP_USE_NEED_WAKEUP;
    to.sxdp_ifindex = ifindex;
    to.sxdp_queue_id = queue;
    let mut fill = fill?;
    for chunk_number in 0..CHUNKS {
        fill.put_address(u64::from(chunk_number) * chunk as u64);
    }
    fill.publish();
    // SAFETY: the pointer is to a live `sockaddr_xdp` of the length given.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const to).cast(),
            length_of::<libc::sockaddr_xdp>(),
        )
    })?;
    let shared = Arc::new(Shared {
        socket,
        memory,
        chunk,
    });
    let polled = Arc::clone(&shared);
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        fill,
        receive: receive?,
    };
    let sender = Sender {
        shared,
        send: send?,
        completion: completion?,
        free: (CHUNKS..2 * CHUNKS)
            .map(|number| u64::from(number) * chunk as u64)
            .collect(),
    };
    Ok((Socket(polled), receiver, sender))
}

impl Receiver {
    /// Has somebody look at the next frame. `None` when there is none.
    #[inline]
    pub fn take<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        if self.receive.waiting() == 0 {
            return None;
        }
        let descriptor = self.receive.descriptor();
        let start = usize::try_from(descriptor.addr).unwrap_or(usize::MAX);
        let length = descriptor.len as usize;
        let chunk = start - start % self.shared.chunk;
        let octets: &[u8] = if start.saturating_add(length) <= chunk + self.shared.chunk {
            let octets = self.shared.memory.part(start, length);
            // SAFETY: within the mapping, and within a chunk of the receiving half that the kernel has handed over by the
            // ring and does not write again before it gets it back below; `&mut self`: nobody else here has it.
            unsafe { slice::from_raw_parts(octets.as_ptr(), length) }
        } else {
            &[]
        };
        let result = look(octets);
        self.fill.put_address(chunk as u64);
        Some(result)
    }

    /// Gives the chunks of all frames looked at back to the kernel.
    pub fn release(&mut self) {
        self.receive.publish();
        self.fill.publish();
        if self.fill.wants_wakeup() {
            // SAFETY: no buffer: of no octets, none is written.
            let _ = unsafe {
                libc::recvfrom(
                    self.shared.socket.as_raw_fd(),
                    ptr::null_mut(),
                    0,
                    libc::MSG_DONTWAIT,
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            };
        }
    }

    /// Returns, and forgets, what has happened to the interface: when it is gone, `ENODEV`.
    ///
    /// # Errors
    ///
    /// That.
    pub fn check_interface(&self) -> io::Result<()> {
        let mut error: libc::c_int = 0;
        let mut length = length_of::<libc::c_int>();
        // SAFETY: the pointers are to a live integer and its size.
        check(unsafe {
            libc::getsockopt(
                self.shared.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                (&raw mut error).cast(),
                &raw mut length,
            )
        })?;
        // xsk_notifier: there is one only when the interface goes for good.
        match error {
            0 => Ok(()),
            _ => Err(io::Error::from_raw_os_error(libc::ENODEV)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.as_fd()
    }
}

impl Sender {
    /// Puts a frame in line, given in two pieces; [`Self::flush`] sends it.
    ///
    /// # Errors
    ///
    /// `WouldBlock` without a free chunk, `EMSGSIZE` for a frame that does not fit one.
    pub fn put(&mut self, [head, rest]: [&[u8]; 2]) -> io::Result<()> {
        let length = head.len() + rest.len();
        if length > self.shared.chunk {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        if self.free.is_empty() {
            self.reclaim();
        }
        let chunk = self.free.pop().ok_or(io::ErrorKind::WouldBlock)?;
        let start = usize::try_from(chunk).unwrap_or(usize::MAX);
        let octets = self.shared.memory.part(start, length);
        // SAFETY: within the mapping, and within a chunk of the sending half that is free: neither the kernel nor,
        // because of `&mut self`, anybody else here has it.
        let octets = unsafe { slice::from_raw_parts_mut(octets.as_ptr(), length) };
        let (front, behind) = octets.split_at_mut(head.len());
        front.copy_from_slice(head);
        behind.copy_from_slice(rest);
        self.send.put_descriptor(libc::xdp_desc {
            addr: chunk,
            len: u32::try_from(length).unwrap_or(0),
            options: 0,
        });
        Ok(())
    }

    /// Has the kernel send what stands in line. Returns in how many system calls. What a queue that is busy does not take
    /// stays in line, for the next time.
    ///
    /// # Errors
    ///
    /// `ENETDOWN`, `ENXIO` when the interface is gone: then it stays in line too.
    pub fn flush(&mut self) -> io::Result<u64> {
        self.send.publish();
        let mut calls = 0;
        let result = loop {
            if !self.send.wants_wakeup() || self.send.taken() || calls == KICKS {
                break Ok(());
            }
            calls += 1;
            // SAFETY: no buffer and no address: of no octets, none is read.
            let sent = unsafe {
                libc::sendto(
                    self.shared.socket.as_raw_fd(),
                    ptr::null(),
                    0,
                    libc::MSG_DONTWAIT,
                    ptr::null(),
                    0,
                )
            };
            if sent < 0 {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS) => {}
                    _ => break Err(error),
                }
            }
            self.reclaim();
        };
        self.reclaim();
        result.map(|()| calls as u64)
    }

    /// Takes back the chunks of frames that were sent.
    fn reclaim(&mut self) {
        for _ in 0..self.completion.waiting() {
            self.free.push(self.completion.address());
        }
        self.completion.publish();
    }
}

/// One of the four rings, and our index in it.
#[derive(Debug)]
struct Ring {
    memory: Mapping,
    /// Where the kernel's and our words are: indices that only grow, modulo 2³², and flags.
    producer: usize,
    consumer: usize,
    flags: usize,
    /// Where entries begin.
    entries: usize,
    /// Octets of one.
    entry: usize,
    /// Our index.
    own: u32,
    /// We put entries in, the kernel takes them.
    ours: bool,
}

impl Ring {
    fn map(
        socket: &OwnedFd,
        offset: &libc::xdp_ring_offset,
        page: i64,
        entry: usize,
    ) -> io::Result<Self> {
        let place = |at: u64| usize::try_from(at).map_err(|_| io::ErrorKind::InvalidData);
        let entries = place(offset.desc)?;
        let ours =
            page == libc::XDP_UMEM_PGOFF_FILL_RING.cast_signed() || page == libc::XDP_PGOFF_TX_RING;
        Ok(Self {
            memory: Mapping::of(socket.as_fd(), page, entries + CHUNKS as usize * entry)?,
            producer: place(offset.producer)?,
            consumer: place(offset.consumer)?,
            flags: place(offset.flags)?,
            entries,
            entry,
            own: 0,
            ours,
        })
    }

    /// Returns how many entries the kernel has put in that we have not taken.
    #[inline]
    fn waiting(&self) -> u32 {
        let theirs = self.memory.word(self.producer).load(Ordering::Acquire);
        // Never more than there are, whatever stands there.
        theirs.wrapping_sub(self.own).min(CHUNKS)
    }

    /// Whether the kernel has taken all that we have put in.
    fn taken(&self) -> bool {
        self.memory.word(self.consumer).load(Ordering::Acquire) == self.own
    }

    /// Lets the kernel see our index.
    fn publish(&self) {
        let word = if self.ours {
            self.producer
        } else {
            self.consumer
        };
        self.memory.word(word).store(self.own, Ordering::Release);
    }

    fn wants_wakeup(&self) -> bool {
        let flags = self.memory.word(self.flags).load(Ordering::Relaxed);
        flags & libc::XDP_RING_NEED_WAKEUP != 0
    }

    /// Returns the place of our entry, and moves our index on.
    #[inline]
    fn next(&mut self) -> ptr::NonNull<u8> {
        let at = (self.own % CHUNKS) as usize;
        self.own = self.own.wrapping_add(1);
        self.memory.part(self.entries + at * self.entry, self.entry)
    }

    /// Takes an entry of a ring of descriptors, of which one waits.
    #[inline]
    fn descriptor(&mut self) -> libc::xdp_desc {
        debug_assert_eq!(self.entry, size_of::<libc::xdp_desc>());
        // SAFETY: within the mapping and aligned, for `entries` and the entry's size are; the kernel wrote the entry before
        // it moved its index on, which [`Self::waiting`] has seen, and does not again before we publish ours.
        unsafe { self.next().cast::<libc::xdp_desc>().read() }
    }

    /// Takes an entry of a ring of addresses, of which one waits.
    fn address(&mut self) -> u64 {
        // SAFETY: as above; an entry has eight octets at least.
        unsafe { self.next().cast::<u64>().read() }
    }

    /// Puts an entry into a ring of addresses. There is room: it has as many entries as there are chunks.
    #[inline]
    fn put_address(&mut self, address: u64) {
        // SAFETY: within the mapping and aligned; the kernel does not read the entry before we publish our index.
        unsafe { self.next().cast::<u64>().write(address) };
    }

    /// Puts an entry into a ring of descriptors, likewise.
    fn put_descriptor(&mut self, descriptor: libc::xdp_desc) {
        debug_assert_eq!(self.entry, size_of::<libc::xdp_desc>());
        // SAFETY: as above.
        unsafe { self.next().cast::<libc::xdp_desc>().write(descriptor) };
    }
}

fn offsets(socket: &OwnedFd) -> io::Result<libc::xdp_mmap_offsets> {
    // SAFETY: all-zero octets are a valid `xdp_mmap_offsets`.
    let mut offsets: libc::xdp_mmap_offsets = unsafe { zeroed() };
    let mut length = length_of::<libc::xdp_mmap_offsets>();
    // SAFETY: the pointers are to a live value and its size.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_MMAP_OFFSETS,
            (&raw mut offsets).cast(),
            &raw mut length,
        )
    })?;
    if length != length_of::<libc::xdp_mmap_offsets>() {
        // Before Linux 5.4, rings have no flags.
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(offsets)
}
