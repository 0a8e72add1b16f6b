//! Bridges joined by segments under one virtual clock, and what their tree must look like.
//!
//! Everything is deterministic: two runs of the same network with the same seed are the same. The seed
//! decides how long frames travel on each segment, and thus in which order things happen.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use tapswitch::stp::rstp::{self, Admin, Role};
use tapswitch::stp::{self, Event, Output, RootPath, Vector};
use tapswitch::switch::PortNo;
use tapswitch::switch::plan::PortState;
use tapswitch::time::{Duration, Instant};
use tapswitch::wire::{Bpdu, BridgeId, MAX_BPDU_FRAME, MacAddr, PortId};

/// A bridge of the network and one of its ports.
pub type End = (usize, u16);

/// A bridge that speaks one protocol or the other.
#[derive(Debug)]
pub enum Machine {
    Classic(stp::Bridge),
    Rapid(rstp::Bridge),
}

macro_rules! both {
    ($machine:expr, $bridge:ident => $what:expr) => {
        match $machine {
            Machine::Classic($bridge) => $what,
            Machine::Rapid($bridge) => $what,
        }
    };
}

#[derive(Debug)]
struct Segment {
    ends: Vec<End>,
    up: bool,
    delay: Duration,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Timeout(usize),
    Frame(End, Vec<u8>),
}

/// What a network is to be observed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Loops of forwarding ports, after everything that happens.
    Loops,
    /// Nothing but what costs nothing.
    Counters,
}

#[derive(Debug)]
pub struct Net {
    pub now: Instant,
    pub bridges: Vec<Machine>,
    watch: Watch,
    random: u64,
    segments: Vec<Segment>,
    /// By bridge and port number.
    plugged: Vec<BTreeMap<u16, Option<usize>>>,
    queue: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    sequence: u64,
    scheduled: Vec<Option<Instant>>,
    /// Ends that hear nothing although they can be heard.
    pub deaf: Vec<End>,
    /// BPDUs sent.
    pub sent: u64,
    /// When a port last changed its state.
    pub changed: Instant,
    // What follows is noted only if loops are watched for.
    /// (when, where, what) a port became.
    pub states: Vec<(Instant, End, PortState)>,
    pub events: Vec<(Instant, End, Event)>,
    pub flushed: Vec<(Instant, End)>,
    pub bpdus: Vec<(Instant, End, Bpdu)>,
    /// For how long there was a loop, altogether.
    pub looped: Duration,
    looping: bool,
}

pub fn port(no: u16) -> PortNo {
    PortNo::new(no).expect("ports of tests have small numbers")
}

pub fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

pub fn mac(bridge: usize) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0100 + bridge as u64)
}

impl Net {
    pub fn new(seed: u64, watch: Watch) -> Self {
        Self {
            now: Instant::ZERO,
            bridges: Vec::new(),
            watch,
            random: seed.wrapping_mul(2) + 1,
            segments: Vec::new(),
            plugged: Vec::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            scheduled: Vec::new(),
            deaf: Vec::new(),
            sent: 0,
            changed: Instant::ZERO,
            states: Vec::new(),
            events: Vec::new(),
            flushed: Vec::new(),
            bpdus: Vec::new(),
            looped: Duration::ZERO,
            looping: false,
        }
    }

    /// Adds an RSTP bridge, down, whose address grows with its index, which is returned.
    pub fn rapid(&mut self) -> usize {
        let index = self.bridges.len();
        self.add(Machine::Rapid(rstp::Bridge::new(mac(index))))
    }

    /// Adds a bridge with classic spanning tree.
    pub fn classic(&mut self) -> usize {
        let mut bridge = stp::Bridge::new(mac(self.bridges.len()));
        bridge.set_stp(Instant::ZERO, true);
        self.add(Machine::Classic(bridge))
    }

    fn add(&mut self, machine: Machine) -> usize {
        self.bridges.push(machine);
        self.plugged.push(BTreeMap::new());
        self.scheduled.push(None);
        self.bridges.len() - 1
    }

    /// Returns a random number below `limit`.
    pub fn random(&mut self, limit: u64) -> u64 {
        // xorshift64*, good enough for shuffling.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    /// Gives a bridge a port with nothing behind it that speaks.
    pub fn host(&mut self, bridge: usize) -> End {
        let no = u16::try_from(self.plugged[bridge].len()).expect("few ports") + 1;
        self.plugged[bridge].insert(no, None);
        let now = self.now;
        match &mut self.bridges[bridge] {
            Machine::Classic(b) => b.add_port(now, port(no), 2),
            Machine::Rapid(b) => b.add_port(now, port(no), Some(10_000)),
        }
        both!(&mut self.bridges[bridge], b => b.set_link(now, port(no), true));
        self.settle(bridge);
        (bridge, no)
    }

    /// Joins new ports of these bridges by a segment. More than two ports are not point-to-point.
    pub fn join(&mut self, bridges: &[usize]) -> usize {
        let delay = Duration::from_micros(1 + self.random(1_000));
        let segment = self.segments.len();
        let ends: Vec<End> = bridges.iter().map(|bridge| self.host(*bridge)).collect();
        for (bridge, no) in &ends {
            self.plugged[*bridge].insert(*no, Some(segment));
            if let Machine::Rapid(b) = &mut self.bridges[*bridge]
                && ends.len() != 2
            {
                b.set_p2p(self.now, port(*no), Admin::Off)
                    .expect("it exists");
            }
        }
        let up = true;
        self.segments.push(Segment { ends, up, delay });
        segment
    }

    /// Returns the ends of a segment.
    pub fn ends(&self, segment: usize) -> &[End] {
        &self.segments[segment].ends
    }

    /// Cuts a segment: no port on it has a link any more. Or repairs it.
    pub fn set_segment(&mut self, segment: usize, up: bool) {
        self.segments[segment].up = up;
        for (bridge, no) in self.segments[segment].ends.clone() {
            self.act(bridge, |b, now| {
                both!(b, b => b.set_link(now, port(no), up));
            });
        }
    }

    /// Sets a bridge up, or down (its neighbours' links stay up, and nobody speaks).
    pub fn set_up(&mut self, bridge: usize, up: bool) {
        self.act(bridge, |b, now| both!(b, b => b.set_up(now, up)));
    }

    pub fn set_priority(&mut self, bridge: usize, priority: u16) {
        self.act(bridge, |b, now| match b {
            Machine::Classic(b) => b.set_priority(now, priority),
            Machine::Rapid(b) => b.set_priority(now, priority).expect("a multiple of 4096"),
        });
    }

    pub fn set_cost(&mut self, (bridge, no): End, cost: u32) {
        self.act(bridge, |b, now| {
            both!(b, b => b.set_path_cost(now, port(no), cost)).expect("in range");
        });
    }

    /// Does something to an RSTP bridge.
    pub fn with<T>(
        &mut self,
        bridge: usize,
        act: impl FnOnce(&mut rstp::Bridge, Instant) -> T,
    ) -> T {
        self.act(bridge, |b, now| match b {
            Machine::Rapid(b) => act(b, now),
            Machine::Classic(_) => panic!("bridge {bridge} speaks classic STP"),
        })
    }

    /// Does something to a bridge, and what follows from it there.
    pub fn act<T>(&mut self, bridge: usize, act: impl FnOnce(&mut Machine, Instant) -> T) -> T {
        let result = act(&mut self.bridges[bridge], self.now);
        self.settle(bridge);
        result
    }

    fn push(&mut self, at: Instant, what: Happening) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence, what)));
    }

    fn settle(&mut self, bridge: usize) {
        let mut moved = false;
        while let Some(output) = both!(&mut self.bridges[bridge], b => b.poll_output()) {
            match output {
                Output::Transmit(no, bpdu) => self.transmit((bridge, no.get()), &bpdu),
                Output::SetState(no, state) => {
                    self.changed = self.now;
                    moved = true;
                    if self.watch == Watch::Loops {
                        self.states.push((self.now, (bridge, no.get()), state));
                    }
                }
                Output::Flush(no) => {
                    if self.watch == Watch::Loops {
                        self.flushed.push((self.now, (bridge, no.get())));
                    }
                }
                Output::Event(no, event) => {
                    if self.watch == Watch::Loops {
                        self.events.push((self.now, (bridge, no.get()), event));
                    }
                }
                Output::Hold(_) => {}
            }
        }
        if moved && self.watch == Watch::Loops {
            self.looping = self.cycle();
        }
        let due = both!(&self.bridges[bridge], b => b.poll_timeout());
        if due != self.scheduled[bridge] {
            self.scheduled[bridge] = due;
            if let Some(at) = due {
                self.push(at, Happening::Timeout(bridge));
            }
        }
    }

    fn transmit(&mut self, from: End, bpdu: &Bpdu) {
        self.sent += 1;
        if self.watch == Watch::Loops {
            self.bpdus.push((self.now, from, *bpdu));
        }
        let Some(Some(segment)) = self.plugged[from.0].get(&from.1).copied() else {
            return;
        };
        let Segment { ends, up, delay } = &self.segments[segment];
        if !up {
            return;
        }
        let mut buffer = [0; MAX_BPDU_FRAME];
        let frame = bpdu.encode(MacAddr::BRIDGE_GROUP, mac(from.0), &mut buffer);
        let at = self.now + *delay;
        for to in ends.clone().into_iter().filter(|to| *to != from) {
            self.push(at, Happening::Frame(to, frame.to_vec()));
        }
    }

    /// Lets this much time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Reverse((at, ..))) = self.queue.peek()
            && *at <= end
        {
            let Some(Reverse((at, _, what))) = self.queue.pop() else {
                break;
            };
            self.pass(at);
            match what {
                Happening::Timeout(bridge) if self.scheduled[bridge] == Some(at) => {
                    self.scheduled[bridge] = None;
                    self.act(bridge, |b, now| both!(b, b => b.handle_timeout(now)));
                }
                Happening::Timeout(_) => {}
                Happening::Frame(to, frame) => {
                    let plugged = self.plugged[to.0][&to.1];
                    let up = plugged.is_none_or(|segment| self.segments[segment].up);
                    if up && !self.deaf.contains(&to) {
                        self.act(to.0, |b, now| {
                            let _ = both!(b, b => b.receive(now, port(to.1), &frame));
                        });
                    }
                }
            }
        }
        self.pass(end);
    }

    fn pass(&mut self, at: Instant) {
        if self.looping {
            self.looped += at - self.now;
        }
        self.now = at;
    }

    pub fn state(&self, (bridge, no): End) -> PortState {
        both!(&self.bridges[bridge], b => b.port_state(port(no))).expect("it exists")
    }

    pub fn root(&self, bridge: usize) -> BridgeId {
        both!(&self.bridges[bridge], b => b.info(self.now).root_id)
    }

    pub fn bridge_id(&self, bridge: usize) -> BridgeId {
        both!(&self.bridges[bridge], b => b.info(self.now).bridge_id)
    }

    /// Returns what an RSTP bridge shows of a port.
    pub fn info(&self, (bridge, no): End) -> rstp::PortInfo {
        match &self.bridges[bridge] {
            Machine::Rapid(b) => b.port_info(self.now, port(no)).expect("it exists"),
            Machine::Classic(_) => panic!("bridge {bridge} speaks classic STP"),
        }
    }

    /// Whether frames would go round: the graph of bridges and segments, joined by forwarding ports, has
    /// a cycle.
    pub fn cycle(&self) -> bool {
        let bridges = self.bridges.len();
        let mut parts = Parts::new(bridges + self.segments.len());
        self.segments
            .iter()
            .enumerate()
            .filter(|(_, segment)| segment.up)
            .any(|(index, segment)| {
                let mut forwarding = segment
                    .ends
                    .iter()
                    .filter(|end| self.state(**end) == PortState::Forwarding);
                !forwarding.all(|end| parts.join(end.0, bridges + index))
            })
    }

    /// Returns what each bridge that is up says of itself and its ports: root, cost, roles.
    pub fn actual(&self) -> Vec<Tree> {
        (0..self.bridges.len())
            .map(|bridge| match &self.bridges[bridge] {
                Machine::Rapid(b) => {
                    let info = b.info(self.now);
                    assert_eq!(info.overruns, 0);
                    let role = |no: &u16| b.port_info(self.now, port(*no)).expect("exists").role;
                    Tree {
                        root: info.root_id,
                        cost: info.root_path_cost,
                        roles: self.plugged[bridge].keys().map(role).collect(),
                    }
                }
                Machine::Classic(_) => panic!("classic bridges know no roles"),
            })
            .collect()
    }

    /// Computes the same from identifiers, costs and wiring alone.
    pub fn expected(&self) -> Vec<Tree> {
        let count = self.bridges.len();
        let id = |bridge: usize| self.bridge_id(bridge);
        let alive = || self.segments.iter().filter(|segment| segment.up);
        let mut parts = Parts::new(count);
        for segment in alive() {
            for end in &segment.ends {
                parts.join(end.0, segment.ends[0].0);
            }
        }
        let root: Vec<BridgeId> = (0..count)
            .map(|bridge| {
                let part = parts.of(bridge);
                let members = (0..count).filter(|other| parts.of(*other) == part);
                members.map(id).min().expect("itself at least")
            })
            .collect();
        let cost_of = |end: End| self.info(end).cost;
        let id_of = |end: End| self.info(end).id;
        // Bellman-Ford; a step costs what the receiving port costs.
        let mut cost: Vec<Option<u32>> = (0..count)
            .map(|bridge| (root[bridge] == id(bridge)).then_some(0))
            .collect();
        loop {
            let mut better = false;
            for segment in alive() {
                let near = segment.ends.iter().filter_map(|end| cost[end.0]).min();
                let Some(near) = near else { continue };
                for end in &segment.ends {
                    let through = near + cost_of(*end);
                    if cost[end.0].is_none_or(|now| through < now) {
                        cost[end.0] = Some(through);
                        better = true;
                    }
                }
            }
            if !better {
                break;
            }
        }
        let cost: Vec<u32> = cost.into_iter().map(|c| c.expect("connected")).collect();
        let vector = |end: End| Vector {
            root: root[end.0],
            cost: cost[end.0],
            bridge: id(end.0),
            port: id_of(end),
        };
        let designated: Vec<Option<(Vector, End)>> = self
            .segments
            .iter()
            .map(|segment| {
                let ends = segment.ends.iter().filter(|_| segment.up);
                ends.map(|end| (vector(*end), *end)).min()
            })
            .collect();
        (0..count)
            .map(|bridge| {
                let path = |no: u16, segment: usize| -> Option<(RootPath, u16)> {
                    let (vector, end) = designated[segment]?;
                    let own = (bridge, no);
                    let through = vector.through(id_of(own), cost_of(own));
                    (end.0 != bridge).then_some((through, no))
                };
                let ports = &self.plugged[bridge];
                let paths = ports
                    .iter()
                    .filter_map(|(no, segment)| path(*no, (*segment)?));
                let root_port = match cost[bridge] {
                    0 => None,
                    _ => paths.min().map(|(_, no)| no),
                };
                let role = |(no, segment): (&u16, &Option<usize>)| match *segment {
                    None => Role::Designated,
                    Some(segment) => match designated[segment] {
                        None => Role::Disabled,
                        Some((_, end)) if end == (bridge, *no) => Role::Designated,
                        Some(_) if root_port == Some(*no) => Role::Root,
                        Some((_, end)) if end.0 == bridge => Role::Backup,
                        Some(_) => Role::Alternate,
                    },
                };
                Tree {
                    root: root[bridge],
                    cost: cost[bridge],
                    roles: ports.iter().map(role).collect(),
                }
            })
            .collect()
    }

    /// Checks that the network has become what it must become, and that just the ports that shall forward
    /// do.
    pub fn check(&self) {
        assert_eq!(self.actual(), self.expected(), "at {}", self.now);
        for (bridge, tree) in self.actual().iter().enumerate() {
            for (no, role) in self.plugged[bridge].keys().zip(&tree.roles) {
                let state = match role {
                    Role::Root | Role::Designated => PortState::Forwarding,
                    Role::Alternate | Role::Backup => PortState::Blocking,
                    Role::Disabled => PortState::Disabled,
                };
                let actual = self.state((bridge, *no));
                assert_eq!(
                    actual, state,
                    "port {no} of bridge {bridge} at {}",
                    self.now
                );
            }
        }
        assert!(!self.cycle());
    }
}

/// What one bridge takes the tree to be. Roles are in the order of its ports.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    pub root: BridgeId,
    pub cost: u32,
    pub roles: Vec<Role>,
}

/// Disjoint sets of small numbers.
struct Parts(Vec<usize>);

impl Parts {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn of(&self, mut member: usize) -> usize {
        while self.0[member] != member {
            member = self.0[member];
        }
        member
    }

    /// Joins two sets; false if they were one.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
        a != b
    }
}

/// An identifier with the default priority, for literal BPDUs.
pub fn id(priority: u16, bridge: usize) -> BridgeId {
    BridgeId {
        priority,
        address: mac(bridge),
    }
}

/// A port identifier with the default priority.
pub const fn port_id(no: u16) -> PortId {
    PortId(0x8000 | no)
}
