//! Workers over socket pairs: plans swapped under load, queues, order.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU64};

use arc_swap::ArcSwap;

use super::*;
use crate::attach::Batch;
use crate::control::Control;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::live::wiring::{Clock, Link};

/// One queue of an attachment: an end of a socket pair.
#[derive(Debug)]
struct Queue(UnixDatagram);

impl Attachment for Queue {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        batch.fill(|room| self.0.recv(room).map(|length| (0..length).into()))
    }

    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        self.0.send(&pieces.concat()).map(drop)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

fn execute(control: &mut Control, lines: &str) {
    for item in Script::parse("lab", lines).unwrap().items() {
        let Command::Net(command) = &item.command else {
            panic!("{lines}")
        };
        let reply = control.execute(Instant::ZERO, command, &Counters::default());
        assert_eq!(reply.status, 0, "{}", reply.stderr);
    }
}

/// Frames on their way at most: they fit every queue.
const WINDOW: u64 = 16;

/// Sends frames from p1 to p2 by every queue, while the plan is swapped 1,000 times a second, until both many
/// frames and many swaps have been. A machine that is too slow for that takes longer.
fn swap_under_load(workers: usize, polling: Polling) {
    const FRAMES: u64 = 3000;
    const SWAPS: u64 = 1000;
    let mut control = Control::new(&[]);
    let mut lines = "ip link add br0 type bridge\nip link set br0 up\n".to_owned();
    for port in ["p1", "p2", "p3"] {
        lines += &format!("ip tuntap add {port} mode tap\nip link set {port} master br0 up\n");
    }
    execute(&mut control, &lines);
    let mut links = vec![None; control.plan().attachments.len()];
    let mut far = Vec::new();
    for port in ["p1", "p2"] {
        let id = control.network().find_attachment(port).unwrap();
        let (near, there): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| UnixDatagram::pair().unwrap()).unzip();
        let queues = near.into_iter().map(|end| {
            end.set_nonblocking(true).unwrap();
            Arc::new(Queue(end)) as Arc<dyn Attachment>
        });
        links[id.index()] = Some(Link {
            queues: queues.collect(),
            worker: 0,
            generation: 1,
        });
        far.push(there);
    }
    let wiring = |control: &Control| {
        Arc::new(Wiring {
            plan: control.plan(),
            links: links.clone(),
        })
    };
    let shared = Arc::new(Shared {
        wiring: ArcSwap::new(wiring(&control)),
        clock: Clock::start(),
        profile: AtomicBool::new(true),
    });
    let (events, _events) = unbounded();
    let (traps, _traps) = crossbeam_channel::bounded(1);
    let outlets = Outlets { events, traps };
    let handles: Vec<_> = (0..workers)
        .map(|index| Handle::start(index, polling, Arc::clone(&shared), outlets.clone()).unwrap())
        .collect();
    let (done, swaps) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let (done, swaps) = (&done, &swaps);
        for (flow, (from, to)) in far[0].iter().zip(&far[1]).enumerate() {
            scope.spawn(move || {
                let mut octets = [0; 60];
                octets[..6].fill(0xff);
                octets[6] = 2;
                octets[11] = u8::try_from(flow).unwrap();
                let mut room = [0; 100];
                to.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                let (mut sent, mut came) = (0u64, 0u64);
                while sent < FRAMES || swaps.load(Ordering::Relaxed) < SWAPS || came < sent {
                    if sent - came < WINDOW
                        && (sent < FRAMES || swaps.load(Ordering::Relaxed) < SWAPS)
                    {
                        octets[20..28].copy_from_slice(&sent.to_be_bytes());
                        from.send(&octets).unwrap();
                        sent += 1;
                        continue;
                    }
                    // By the same queue, whole, and in order.
                    octets[20..28].copy_from_slice(&came.to_be_bytes());
                    let length = to.recv(&mut room).expect("a frame was lost");
                    assert_eq!(room[..length], octets, "flow {flow}");
                    came += 1;
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let begin = std::time::Instant::now();
        while done.load(Ordering::Relaxed) < workers as u64 {
            let verb = ["down", "up"][usize::from(swaps.load(Ordering::Relaxed) % 2 == 1)];
            execute(&mut control, &format!("ip link set p3 {verb}\n"));
            shared.wiring.store(wiring(&control));
            handles.iter().for_each(Handle::wake);
            let swapped = swaps.fetch_add(1, Ordering::Relaxed) + 1;
            let due = begin + Duration::from_millis(swapped);
            thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
        }
        let (swapped, took) = (swaps.load(Ordering::Relaxed), begin.elapsed());
        eprintln!("{swapped} swaps in {took:?}, {workers} workers, {polling:?}");
    });
    let mut counters = Counters::default();
    let mut frames = 0;
    for handle in handles {
        counters += &handle.ask_counters().recv().unwrap();
        let profile = handle.ask_profile().recv().unwrap();
        assert!(profile.frames >= FRAMES && profile.turns > 0 && profile.reads >= profile.frames);
        assert_eq!(profile.times.frames, profile.frames);
        assert!(profile.times.busy() > Duration::ZERO);
        frames += profile.frames;
        handle.stop();
    }
    let p1 = control.network().find_attachment("p1").unwrap();
    let counters = &counters.attachments[p1.index()];
    assert_eq!((counters.forwarded, counters.frames_in), (frames, frames));
}

#[test]
fn plans_are_swapped_without_losing_or_reordering_a_frame() {
    swap_under_load(1, Polling::Adaptive);
    swap_under_load(2, Polling::Adaptive);
}

#[test]
fn workers_that_sleep_at_once_or_never_lose_none_either() {
    swap_under_load(2, Polling::Never);
    swap_under_load(1, Polling::Always);
}
