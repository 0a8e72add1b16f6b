//! Bridges joined by links without delay, under one virtual clock: what the tests of this folder run on.

use std::collections::{BTreeMap, VecDeque};

use super::{Bridge, Output};
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::{Bpdu, BridgeId, MAX_BPDU_FRAME, MacAddr};

/// A bridge of the network and one of its ports.
pub(super) type End = (usize, u16);

#[derive(Debug, Default)]
pub(super) struct Net {
    pub(super) now: Instant,
    pub(super) bridges: Vec<Bridge>,
    /// What is at the other end of a port; a port without is a host's.
    links: BTreeMap<End, End>,
    cut: Vec<End>,
    /// (when, where, what) was sent.
    pub(super) sent: Vec<(Instant, End, Bpdu)>,
    /// (when, where, what) a port became.
    pub(super) states: Vec<(Instant, End, PortState)>,
}

pub(super) fn port(no: u16) -> PortNo {
    PortNo::new(no).unwrap()
}

pub(super) fn secs(secs: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(secs)
}

pub(super) fn mac(bridge: usize) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_00b0 + u64::try_from(bridge).unwrap())
}

impl Net {
    /// Makes `bridges` bridges with spanning tree on, down, with addresses that grow with the index.
    pub(super) fn new(bridges: usize) -> Self {
        let mut net = Self::default();
        for index in 0..bridges {
            let mut bridge = Bridge::new(mac(index));
            bridge.set_stp(Instant::ZERO, true);
            net.bridges.push(bridge);
        }
        net
    }

    /// Gives a bridge a port whose link is up, with nothing behind it that speaks.
    pub(super) fn host(&mut self, (bridge, no): End) {
        self.bridges[bridge].add_port(self.now, port(no), 2);
        self.act(bridge, |bridge, now| bridge.set_link(now, port(no), true));
    }

    /// Joins two new ports.
    pub(super) fn link(&mut self, a: End, b: End) {
        self.links.insert(a, b);
        self.links.insert(b, a);
        self.host(a);
        self.host(b);
    }

    /// Takes the link of a port down at both ends, or up.
    pub(super) fn set_link(&mut self, a: End, up: bool) {
        let b = self.links[&a];
        self.cut.retain(|end| *end != a && *end != b);
        if !up {
            self.cut.extend([a, b]);
        }
        for (bridge, no) in [a, b] {
            self.act(bridge, |bridge, now| bridge.set_link(now, port(no), up));
        }
    }

    pub(super) fn set_up(&mut self, bridge: usize, up: bool) {
        self.act(bridge, |bridge, now| bridge.set_up(now, up));
    }

    /// Does something to a bridge, and all that follows from it at this instant.
    pub(super) fn act<T>(
        &mut self,
        bridge: usize,
        act: impl FnOnce(&mut Bridge, Instant) -> T,
    ) -> T {
        let result = act(&mut self.bridges[bridge], self.now);
        self.settle();
        result
    }

    /// Lets time pass until `end`, which is included.
    pub(super) fn run(&mut self, end: Instant) {
        loop {
            let due = self.bridges.iter().filter_map(Bridge::poll_timeout).min();
            let Some(at) = due.filter(|at| *at <= end) else {
                break;
            };
            assert!(at >= self.now, "a timer in the past");
            self.now = at;
            for index in 0..self.bridges.len() {
                self.act(index, Bridge::handle_timeout);
            }
            if let Some(cycle) = self.cycle() {
                panic!("a loop through bridge {cycle} at {at}");
            }
        }
        self.now = end;
    }

    fn settle(&mut self) {
        let mut wire = VecDeque::new();
        loop {
            for (index, bridge) in self.bridges.iter_mut().enumerate() {
                while let Some(output) = bridge.poll_output() {
                    match output {
                        Output::Transmit(no, bpdu) => {
                            let from = (index, no.get());
                            self.sent.push((self.now, from, bpdu));
                            let mut buffer = [0; MAX_BPDU_FRAME];
                            let frame =
                                bpdu.encode(bridge.group_address(), mac(index), &mut buffer);
                            if let Some(to) = self.links.get(&from)
                                && !self.cut.contains(&from)
                            {
                                wire.push_back((*to, frame.to_vec()));
                            }
                        }
                        Output::SetState(no, state) => {
                            self.states.push((self.now, (index, no.get()), state));
                        }
                        Output::Flush(_) | Output::Hold(_) | Output::Event(..) => {}
                    }
                }
            }
            let Some(((index, no), frame)) = wire.pop_front() else {
                return;
            };
            let _ = self.bridges[index].receive(self.now, port(no), &frame);
        }
    }

    pub(super) fn state(&self, (bridge, no): End) -> PortState {
        self.bridges[bridge].port_state(port(no)).unwrap()
    }

    pub(super) fn root(&self, bridge: usize) -> BridgeId {
        self.bridges[bridge].info(self.now).root_id
    }

    /// Returns when the port got this state, in order.
    pub(super) fn times_of(&self, end: End, state: PortState) -> Vec<Instant> {
        let of = |(at, e, s): &(Instant, End, PortState)| (*e == end && *s == state).then_some(*at);
        self.states.iter().filter_map(of).collect()
    }

    /// Returns the links that forward at both ends, each once.
    pub(super) fn active(&self) -> Vec<(End, End)> {
        let forwards = |end: End| self.state(end) == PortState::Forwarding;
        self.links
            .iter()
            .map(|(a, b)| (*a, *b))
            .filter(|(a, b)| a < b && forwards(*a) && forwards(*b) && !self.cut.contains(a))
            .collect()
    }

    /// Returns the links that are not cut, each once.
    pub(super) fn alive(&self) -> Vec<(End, End)> {
        self.links
            .iter()
            .map(|(a, b)| (*a, *b))
            .filter(|(a, b)| a < b && !self.cut.contains(a))
            .collect()
    }

    /// Returns a bridge on a loop of active links, if there is one.
    fn cycle(&self) -> Option<usize> {
        let mut parts: Vec<usize> = (0..self.bridges.len()).collect();
        for ((a, _), (b, _)) in self.active() {
            if !join(&mut parts, a, b) {
                return Some(a);
            }
        }
        None
    }
}

/// Joins the parts that two bridges are in; false if that was one part already.
pub(super) fn join(parts: &mut [usize], a: usize, b: usize) -> bool {
    let (a, b) = (parts[a], parts[b]);
    for part in parts.iter_mut().filter(|part| **part == b) {
        *part = a;
    }
    a != b
}
