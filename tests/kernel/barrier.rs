//! Waits until what was sent over veth pairs, or to a bridge's own stack, has arrived.
//!
//! A veth end puts a frame into a queue of its CPU, and so does a bridge with its own queries, which is worked off a moment later: usually before
//! the sender's system call returns, but on a busy machine when `ksoftirqd` gets to run. A frame sent
//! by the same CPU over another veth pair lines up behind it, and tells when it has come out.

use std::io;
use std::os::fd::AsFd;
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::unistd::Pid;

use crate::iproute::{Iproute, Processes};
use crate::sys::PacketSocket;

/// A veth pair in a namespace of its own.
#[derive(Debug)]
pub(crate) struct Barrier {
    socket: PacketSocket,
    from: u32,
}

impl Barrier {
    /// Makes the pair.
    pub(crate) fn new() -> io::Result<Self> {
        thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let mut iproute = Iproute::new(Processes::Each);
            for command in [
                "ip link add near type veth peer name far",
                "ip link set near up",
                "ip link set far up",
            ] {
                let answer = iproute.run(command)?;
                if answer.status != 0 {
                    return Err(io::Error::other(format!("`{command}`: {}", answer.stderr)));
                }
            }
            Ok(Self {
                socket: PacketSocket::open(PROTOCOL)?,
                from: nix::net::if_::if_nametoindex("near")?,
            })
        })
        .join()
        .expect("it does not panic")
    }

    /// Returns when everything that the calling thread, which is [pinned](pin) and alone with this pair, has sent has passed
    /// `queues` such queues, one behind the other.
    pub(crate) fn wait(&self, queues: usize) -> io::Result<()> {
        for _ in 0..queues {
            self.socket.send(self.from, &FRAME)?;
            while self.socket.receive()?.is_none() {
                let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
                if poll(&mut fds, PollTimeout::from(10_000u16))? == 0 {
                    return Err(io::Error::other("a veth pair lost a frame"));
                }
            }
        }
        Ok(())
    }
}

const PROTOCOL: u16 = 0x88b6;
const FRAME: [u8; 14] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb6,
];

/// Keeps the calling thread, and what it starts, on one CPU: the Nth of those that it may use.
pub(crate) fn pin(nth: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let cpus: Vec<usize> = (0..CpuSet::count())
        .filter(|cpu| allowed.is_set(*cpu) == Ok(true))
        .collect();
    let mut only = CpuSet::new();
    only.set(cpus[nth % cpus.len()])?;
    sched_setaffinity(Pid::from_raw(0), &only)?;
    Ok(())
}
