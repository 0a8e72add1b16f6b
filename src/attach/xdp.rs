//! An existing netdev, through `AF_XDP` sockets: frames are taken from its driver before the kernel has made packets of
//! them. Unlike with [`packet`](super::packet), its own stack gets nothing any more.
//!
//! Each of its receiving queues has a socket, with memory for 512 frames each way, without copying where the driver
//! offers it. All is sent by the first, so that flows keep their order; what a netdev that is down or busy has not
//! taken leaves when it can again.
//!
//! `AF_XDP` tells nothing of a frame but its octets. What a driver or a sender has left to do (a checksum, a tag beside
//! the frame) would be lost: ping would work, and TCP hang. So only netdevs are taken that leave nothing, as far as it
//! can be seen ([`Xdp::check`]), in their driver and not behind it, where anybody's packets come by; and frames are
//! whole both ways.
//!
//! Bounds: 64 queues; 2 MiB for each with an MTU up to 1,514, 4 MiB up to 3,506.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::net::if_::if_indextoname;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::{Attachment, Batch, Outgoing};
use crate::sys::bpf::SocketMap;
use crate::sys::ethtool::Features;
use crate::sys::packet;
use crate::sys::xdp::{self, HEADROOM, Receiver, Sender, Socket};

/// Queues that one netdev may have.
const QUEUES_MAX: u32 = 64;

/// The largest MTU of a netdev: a frame is in one page with what the kernel has around it (`veth_xdp_set`).
pub const MTU_MAX: u32 = 3506;

/// Octets of a header with two tags.
const HEADER: usize = 14 + 2 * 4;

/// What the sender of a frame may leave to hardware.
const LEFT_BY_SENDERS: [&str; 6] = [
    "tx-checksum-ipv4",
    "tx-checksum-ip-generic",
    "tx-checksum-ipv6",
    "tx-checksum-sctp",
    "tx-vlan-hw-insert",
    "tx-vlan-stag-hw-insert",
];

/// What hardware takes off the frames that come in, or merges.
const DONE_BY_RECEIVERS: [&str; 4] = [
    "rx-vlan-hw-parse",
    "rx-vlan-stag-hw-parse",
    "rx-lro",
    "rx-gro-hw",
];

/// Why a netdev cannot be had by `AF_XDP`.
#[derive(Debug, thiserror::Error)]
pub enum NoXdp {
    /// It, or who sends to it, has hardware do what the frame's octets do not tell.
    #[error(
        "{netdev} leaves to hardware what AF_XDP does not tell of; to change that: ethtool -K {netdev} {}",
        features.iter().map(|it| format!("{it} off")).collect::<Vec<_>>().join(" ")
    )]
    Leaves {
        /// Which.
        netdev: String,
        /// Features of ethtool's.
        features: Vec<&'static str>,
    },

    /// The other end of a veth is in another namespace.
    #[error(
        "its other end is in another namespace, where nobody sees whether checksums are left to hardware, \
         of which AF_XDP does not tell"
    )]
    OtherEnd,

    /// Another program writes the frames.
    #[error("a program is behind it that may leave checksums to it, of which AF_XDP does not tell")]
    Program,

    /// Its frames are too long.
    #[error("AF_XDP takes an MTU of {MTU_MAX} at most, and it has {0}")]
    Mtu(u32),

    /// It has too many queues.
    #[error("it receives by {0} queues, and {QUEUES_MAX} are the most; ethtool -L has fewer")]
    Queues(u32),

    /// Something else.
    #[error("cannot {doing}: {why}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        why: io::Error,
    },
}

impl NoXdp {
    fn doing(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::Io { doing, why }
    }
}

/// `AF_XDP` sockets on all queues of one netdev.
#[derive(Debug)]
pub struct Xdp {
    /// Ends before the sockets do.
    _program: OwnedFd,
    queues: Vec<Queue>,
    /// The queue that the next turn begins with.
    first: AtomicUsize,
    /// Tells when any of several queues has frames.
    any: Option<Epoll>,
    _promiscuous: OwnedFd,
}

/// One worker receives; while wirings change it may be two for a moment. Every worker sends.
#[derive(Debug)]
struct Queue {
    socket: Socket,
    receiver: Mutex<Receiver>,
    sender: Mutex<Sender>,
}

impl Xdp {
    /// Sees whether the frames of a netdev of the calling thread's network namespace are whole, as far as that can be
    /// seen. `peer` is the number of the other end of a veth, if it is in the same namespace.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(name: &str, peer: Option<u32>) -> Result<(), NoXdp> {
        let asking = || NoXdp::doing("ask for its features");
        let features = Features::of(name).map_err(asking())?;
        let (netdev, features, wanted) = match (&*features.driver(), peer) {
            ("veth", None) => return Err(NoXdp::OtherEnd),
            ("veth", Some(peer)) => {
                let name = if_indextoname(peer).map_err(|errno| asking()(errno.into()))?;
                let name = name.to_string_lossy().into_owned();
                let features = Features::of(&name).map_err(asking())?;
                (name, features, &LEFT_BY_SENDERS[..])
            }
            ("tun", _) => return Err(NoXdp::Program),
            _ => (name.to_owned(), features, &DONE_BY_RECEIVERS[..]),
        };
        match features.active(wanted).map_err(asking())? {
            none if none.is_empty() => Ok(()),
            features => Err(NoXdp::Leaves { netdev, features }),
        }
    }

    /// Has a netdev of the calling thread's network namespace that sends to one that is to be had by `AF_XDP` leave
    /// nothing to hardware: the other end of a veth.
    ///
    /// # Errors
    ///
    /// When it does not let itself be told.
    pub fn have_whole(name: &str) -> Result<(), NoXdp> {
        Features::of(name)
            .and_then(|features| features.turn_off(&LEFT_BY_SENDERS))
            .map_err(NoXdp::doing("have checksums computed at its other end"))
    }

    /// Opens sockets on all receiving queues of a netdev of the calling thread's network namespace, has all that arrives
    /// there go to them, and makes it promiscuous, as long as they live.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn new(name: &str, ifindex: u32, mtu: u32) -> Result<Self, NoXdp> {
        let frame = mtu as usize + HEADER;
        let chunk = match mtu {
            _ if frame <= 2048 - HEADROOM => 2048,
            ..=MTU_MAX => 4096,
            _ => return Err(NoXdp::Mtu(mtu)),
        };
        let count = Features::of(name)
            .map_err(NoXdp::doing("ask for its queues"))?
            .receive_queues();
        if count > QUEUES_MAX {
            return Err(NoXdp::Queues(count));
        }
        let map = SocketMap::new(count).map_err(NoXdp::doing("make a map of sockets (bpf)"))?;
        let mut queues = Vec::new();
        for queue in 0..count {
            let (socket, receiver, sender) = xdp::open(ifindex, queue, chunk)
                .map_err(NoXdp::doing("open an AF_XDP socket on it"))?;
            map.set(queue, socket.as_fd())
                .map_err(NoXdp::doing("have its frames go to a socket (bpf)"))?;
            queues.push(Queue {
                socket,
                receiver: Mutex::new(receiver),
                sender: Mutex::new(sender),
            });
        }
        let any = (count > 1)
            .then(|| epoll(&queues))
            .transpose()
            .map_err(NoXdp::doing("watch several queues"))?;
        let promiscuous =
            packet::promiscuous(ifindex).map_err(NoXdp::doing("make it promiscuous"))?;
        let program = map
            .attach(ifindex)
            .map_err(NoXdp::doing("attach an XDP program to its driver"))?;
        Ok(Self {
            _program: program,
            queues,
            first: AtomicUsize::new(0),
            any,
            _promiscuous: promiscuous,
        })
    }

    fn sender(&self) -> MutexGuard<'_, Sender> {
        lock(&self.queues[0].sender)
    }
}

/// What tells when one of several sockets has frames.
fn epoll(queues: &[Queue]) -> io::Result<Epoll> {
    let any = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for queue in queues {
        let readable = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        any.add(&queue.socket, readable)?;
    }
    Ok(any)
}

impl Attachment for Xdp {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        let count = self.queues.len();
        let first = self.first.fetch_add(1, Ordering::Relaxed);
        let mut dry = true;
        for nth in 0..count {
            let queue = &self.queues[first.wrapping_add(nth) % count];
            let mut receiver = lock(&queue.receiver);
            let received = batch.fill(|room| {
                let copied = receiver.take(|octets| {
                    let length = octets.len().min(room.len());
                    room[..length].copy_from_slice(&octets[..length]);
                    length
                });
                copied
                    .map(|length| (0..length).into())
                    .ok_or(io::ErrorKind::WouldBlock.into())
            });
            receiver.release();
            dry &= received?;
            if dry {
                receiver.check_interface()?;
            }
        }
        Ok(dry)
    }

    /// What comes by a ring costs none; when there is no more, each socket is asked whether it is still there.
    fn calls(&self, _: &Batch, dry: bool) -> u64 {
        match dry {
            true => self.queues.len() as u64,
            false => 0,
        }
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        let mut sender = self.sender();
        sender.put(pieces)?;
        sender.flush().map(drop)
    }

    fn gathers(&self) -> bool {
        true
    }

    fn send_all(&self, frames: &[Outgoing<'_>], lost: &mut dyn FnMut(&io::Error)) -> u64 {
        let mut sender = self.sender();
        let mut waiting = 0;
        for frame in frames {
            match sender.put(frame.pieces) {
                Ok(()) => waiting += 1,
                Err(error) => lost(&error),
            }
        }
        if waiting == 0 {
            return 0;
        }
        sender.flush().unwrap_or_else(|error| {
            for _ in 0..waiting {
                lost(&error);
            }
            1
        })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.any {
            Some(any) => Some(any.0.as_fd()),
            None => self.queues.first().map(|queue| queue.socket.as_fd()),
        }
    }
}

/// Rings are whole after every step, so a panic elsewhere spoils nothing.
fn lock<T>(half: &Mutex<T>) -> MutexGuard<'_, T> {
    half.lock().unwrap_or_else(PoisonError::into_inner)
}
