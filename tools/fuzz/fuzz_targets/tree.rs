//! A bridge's spanning tree under any sequence of BPDUs, settings, cuts and pauses, with an honest neighbour at one of
//! its ports: nothing panics, timers move on, what it sends can be read, and a port without a link never forwards.

#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use tapswitch::stp::rstp::Admin;
use tapswitch::stp::{Mode, Output, Times, Tree};
use tapswitch::switch::PortNo;
use tapswitch::switch::plan::PortState;
use tapswitch::time::{Duration, Instant};
use tapswitch::wire::{MAX_BPDU_FRAME, MacAddr, Pdu};

/// Ports of the tree; its neighbour is at the first.
const PORTS: u16 = 4;
/// Outputs that one call may lead to: a few for each port.
const MOST: usize = 32 * PORTS as usize;

fuzz_target!(|octets: &[u8]| {
    let mut bench = Bench::new();
    let mut octets = Octets(octets);
    while let Some(what) = octets.next() {
        bench.step(what, &mut octets);
    }
});

struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next octet, 0 at the end.
    fn octet(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

struct Bench {
    now: Instant,
    /// The tree that everything happens to, and its neighbour.
    trees: [Tree; 2],
    /// Whether a port's link is there, by number.
    links: [bool; PORTS as usize + 1],
    up: bool,
}

fn port(number: u16) -> PortNo {
    PortNo::new(number).expect("small numbers are port numbers")
}

fn seconds(centiseconds: u16) -> Duration {
    Duration::from_millis(u64::from(centiseconds) * 10)
}

impl Bench {
    fn new() -> Self {
        let now = Instant::from_secs(1);
        let trees = [0x80, 0x40].map(|last| {
            let mut tree = Tree::new(MacAddr::new([2, 0, 0, 0, 0, last]));
            tree.set_mode(now, Mode::Rstp).expect("defaults fit");
            tree.set_stp(now, true);
            tree.set_up(now, true);
            tree
        });
        let links = [true; PORTS as usize + 1];
        let up = true;
        let mut bench = Self {
            now,
            trees,
            links,
            up,
        };
        for number in 1..=PORTS {
            bench.trees[0].add_port(now, port(number), Some(10_000));
            bench.trees[0].set_link(now, port(number), true, Some(10_000));
        }
        bench.trees[1].add_port(now, port(1), Some(10_000));
        bench.trees[1].set_link(now, port(1), true, Some(10_000));
        bench.settle();
        bench
    }

    fn step(&mut self, what: u8, octets: &mut Octets<'_>) {
        let number = u16::from(what >> 6) + 1;
        let (now, no, tree) = (self.now, port(number), &mut self.trees[0]);
        // What does not fit is refused, which is all that matters of it.
        match what & 0x1f {
            0 => {
                let length = usize::from(octets.octet());
                _ = tree.receive(now, no, octets.take(length));
            }
            // A BPDU as far as its header, so that the fuzzer need not find it out.
            1..=6 => {
                let rapid = what & 1 != 0;
                let length: u16 = if rapid { 39 } else { 38 };
                let [high, low] = length.to_be_bytes();
                let group = MacAddr::BRIDGE_GROUP.octets();
                let mut frame = [
                    &group[..],
                    &[2, 0, 0, 0, 1, 9, high, low, 0x42, 0x42, 3, 0, 0],
                ]
                .concat();
                frame.extend(if rapid { [2, 2] } else { [0, 0] });
                // Short identifiers, so that bridges are met again.
                frame.push(octets.octet());
                for id in 0..2 {
                    let (priority, last) = (octets.octet(), octets.octet());
                    frame.extend([priority, 0, 2, 0, 0, 0, 0, last]);
                    if id == 0 {
                        frame.extend([0, 0, 0, octets.octet()]);
                    }
                }
                frame.extend([0x80, octets.octet()]);
                frame.extend([octets.octet() % 24, 0, 20, 0, 2, 0, 15, 0, 0]);
                _ = tree.receive(now, no, &frame);
            }
            7 => self.links[usize::from(number)] ^= true,
            8 => {
                self.up ^= true;
                tree.set_up(now, self.up);
            }
            9 => tree.set_stp(now, octets.octet() & 1 != 0),
            10 => {
                let mode = [Mode::Stp, Mode::Rstp][usize::from(octets.octet() & 1)];
                _ = tree.set_mode(now, mode);
            }
            11 => _ = tree.set_priority(now, octets.word()),
            12 => _ = tree.set_port_priority(now, no, octets.octet().into()),
            13 => _ = tree.set_path_cost(now, no, octets.word().into()),
            14 => {
                let mut time = || Some(octets.word()).filter(|time| *time != 0).map(seconds);
                let (forward_delay, hello_time, max_age) = (time(), time(), time());
                let times = Times {
                    forward_delay,
                    hello_time,
                    max_age,
                };
                _ = tree.set_times(now, times);
            }
            15 => _ = tree.set_tx_hold_count(now, octets.octet()),
            16 => tree.set_guard(now, no, octets.octet() & 1 != 0),
            17 => _ = tree.set_root_block(now, no, octets.octet() & 1 != 0),
            18 => _ = tree.set_loop_guard(now, no, octets.octet() & 1 != 0),
            19 => _ = tree.set_bpdu_filter(now, no, octets.octet() & 1 != 0),
            20 => _ = tree.set_tc_guard(no, octets.octet() & 1 != 0),
            21 => _ = tree.set_recovery(no, Some(seconds(octets.word()))),
            22 | 23 => {
                let admin = [Admin::Auto, Admin::On, Admin::Off][usize::from(octets.octet() % 3)];
                _ = match what & 1 {
                    0 => tree.set_p2p(now, no, admin),
                    _ => tree.set_edge(now, no, admin),
                };
            }
            24 => {
                tree.remove_port(now, no);
                tree.add_port(now, no, Some(1_000));
            }
            25 => tree.set_address(now, MacAddr::new([2, 0, 0, 0, 0, octets.octet()])),
            26 => _ = tree.set_speed(now, no, Some(octets.word().into())),
            27 => tree.shut_port(now, no),
            // Whether there is a link is asked before.
            28 if self.up && self.links[usize::from(number)] => {
                _ = tree.set_port_state(now, no, PortState::Forwarding);
            }
            _ => self.wait(seconds(u16::from(octets.octet()) * 8)),
        }
        let up = self.links[usize::from(number)];
        self.trees[0].set_link(self.now, no, up, Some(10_000));
        if number == 1 {
            self.trees[1].set_link(self.now, no, up, Some(10_000));
        }
        self.settle();
    }

    /// Lets time pass.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = self.trees.iter().filter_map(Tree::poll_timeout).min();
            let Some(at) = due.filter(|at| *at <= end) else {
                break;
            };
            assert!(at >= self.now, "a timer in the past");
            self.now = at;
            for tree in &mut self.trees {
                tree.handle_timeout(at);
                assert!(
                    tree.poll_timeout().is_none_or(|next| next > at),
                    "time stands still"
                );
            }
            self.settle();
        }
        self.now = end;
    }

    /// Does what the trees want done: what passes between the two, until they have nothing to say.
    fn settle(&mut self) {
        let mut frames = VecDeque::new();
        let mut passed = 0;
        loop {
            for index in 0..2 {
                let mut count = 0;
                while let Some(output) = self.trees[index].poll_output() {
                    count += 1;
                    assert!(count <= MOST, "one call, and no end of outputs");
                    let Output::Transmit(no, bpdu) = output else {
                        continue;
                    };
                    let mut buffer = [0; MAX_BPDU_FRAME];
                    let address = MacAddr::new([2, 0, 0, 0, 1, u8::from(index == 1)]);
                    let frame = bpdu
                        .encode(MacAddr::BRIDGE_GROUP, address, &mut buffer)
                        .to_vec();
                    Pdu::parse_any_version(&frame).expect("what is sent can be read");
                    if no == port(1) && self.links[1] {
                        frames.push_back((1 - index, frame));
                    }
                }
            }
            let Some((to, frame)) = frames.pop_front() else {
                break;
            };
            passed += 1;
            assert!(passed <= MOST, "two bridges that never agree");
            _ = self.trees[to].receive(self.now, port(1), &frame);
        }
        for number in 1..=PORTS {
            let state = self.trees[0].port_state(port(number));
            let forwards = state == Some(PortState::Forwarding);
            let there = self.links[usize::from(number)] && self.up;
            assert!(there || !forwards, "port {number} forwards without a link");
        }
    }
}
