//! Networks of bridges as whole systems: commands, Control, plans, frames, in a replay; point 8 of what a
//! spanning tree has to keep.
//!
//! What the tree must look like is worked out here from priorities, addresses and costs alone. Everything is drawn
//! from a seed: who is joined to whom, at what cost, when links break and come back, and how long BPDUs
//! travel on each, and thus the order in which they arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;

use proptest::prelude::*;
use tapswitch::iproute::script::Script;
use tapswitch::netdev::Network;
use tapswitch::replay::{Engine, Event, Sink};
use tapswitch::stp::rstp::Role;
use tapswitch::switch::DropReason;
use tapswitch::switch::plan::PortState;
use tapswitch::time::{Duration, Instant};

/// A network. Bridge `n` is `b{n}`, with the address 02:00:00:00:00:0n.
#[derive(Clone, Debug)]
struct Plan {
    rapid: bool,
    /// By bridge, in units of 4096.
    priorities: Vec<u16>,
    /// Segments: the bridges on each, with the costs of their ports. Two make a link, more a hub.
    segments: Vec<Vec<(usize, u32)>>,
    /// Segments that break, and whether they come back, one after the other.
    cuts: Vec<(usize, bool)>,
}

/// The port of a segment's n-th end.
fn port(segment: usize, end: usize) -> String {
    format!("s{segment}e{end}")
}

impl Plan {
    fn script(&self) -> String {
        let mut text = String::new();
        for (bridge, priority) in self.priorities.iter().enumerate() {
            let priority = priority * 4096;
            _ = writeln!(
                text,
                "ip link add b{bridge} address 02:00:00:00:00:{bridge:02x} type bridge mcast_snooping 0 \
                 stp_state 1 priority {priority}"
            );
            if self.rapid {
                _ = writeln!(text, "tapswitch bridge set dev b{bridge} stp_mode rstp");
            }
            // A host, to see what happens to data.
            _ = writeln!(text, "ip tuntap add h{bridge} mode tap");
            _ = writeln!(text, "ip link set h{bridge} up master b{bridge}");
            if self.rapid {
                _ = writeln!(text, "tapswitch port set dev h{bridge} edge on");
            }
        }
        for (segment, ends) in self.segments.iter().enumerate() {
            let hub = ends.len() > 2;
            if hub {
                _ = writeln!(
                    text,
                    "ip link add hub{segment} type bridge mcast_snooping 0 ageing_time 0\n\
                     ip link set hub{segment} up"
                );
            } else {
                let (a, b) = (port(segment, 0), port(segment, 1));
                _ = writeln!(text, "ip link add {a} type veth peer name {b}");
            }
            for (end, (bridge, cost)) in ends.iter().enumerate() {
                let name = port(segment, end);
                if hub {
                    _ = writeln!(
                        text,
                        "ip link add {name} type veth peer name x{name}\n\
                         ip link set x{name} up master hub{segment}"
                    );
                }
                _ = writeln!(text, "ip link set {name} master b{bridge}");
                _ = writeln!(text, "bridge link set dev {name} cost {cost}");
                if self.rapid && hub {
                    _ = writeln!(text, "tapswitch port set dev {name} p2p off");
                }
                _ = writeln!(text, "ip link set {name} up");
            }
        }
        for bridge in 0..self.priorities.len() {
            // Not all at once, but within a second.
            _ = writeln!(
                text,
                "ip link set b{bridge} up\nsleep 0.0{}",
                bridge * 13 % 10
            );
        }
        for (segment, back) in &self.cuts {
            let name = port(*segment, 0);
            _ = writeln!(text, "sleep {}\nip link set {name} down", self.pause());
            if *back {
                _ = writeln!(text, "sleep 0.7\nip link set {name} up");
            }
        }
        text
    }

    /// Seconds in which a network of this size converges, also when information has to die of age first.
    const fn pause(&self) -> u64 {
        if self.rapid { 70 } else { 100 }
    }

    /// Whether a segment's ends are all there when the script has ended.
    fn up(&self, segment: usize, end: usize) -> bool {
        let cuts = self.cuts.iter().rev();
        let last = cuts.into_iter().find(|(cut, _)| *cut == segment);
        let Some((_, false)) = last else {
            return true;
        };
        // Of a hub one end is gone, of a link both are.
        self.segments[segment].len() > 2 && end > 0
    }

    fn id(&self, bridge: usize) -> (u16, usize) {
        (self.priorities[bridge], bridge)
    }

    /// By bridge and port: roles, from nothing but identifiers and costs.
    fn expected(&self) -> BTreeMap<String, Role> {
        let bridges = self.priorities.len();
        // Ports are numbered in the order in which they join; the first is the host's.
        let mut numbers = vec![1; bridges];
        let mut ends = Vec::new();
        for (segment, members) in self.segments.iter().enumerate() {
            for (end, (bridge, cost)) in members.iter().enumerate() {
                numbers[*bridge] += 1;
                ends.push((segment, end, *bridge, u64::from(*cost), numbers[*bridge]));
            }
        }
        let up: Vec<_> = ends
            .iter()
            .filter(|(s, e, ..)| self.up(*s, *e))
            .copied()
            .collect();
        // The best root and the way to it: as many rounds as there are bridges.
        let mut best: Vec<_> = (0..bridges)
            .map(|bridge| (self.id(bridge), 0_u64))
            .collect();
        for _ in 0..bridges {
            for (segment, _, bridge, cost, _) in &up {
                for (_, _, other, ..) in up.iter().filter(|it| it.0 == *segment && it.2 != *bridge)
                {
                    let (root, distance) = best[*other];
                    best[*bridge] = best[*bridge].min((root, distance + cost));
                }
            }
        }
        // Who speaks for each segment.
        let word = |(_, _, bridge, _, number): (usize, usize, usize, u64, u16)| {
            (best[bridge], self.id(bridge), number)
        };
        let designated = |segment: usize| {
            let ends = up.iter().filter(|it| it.0 == segment).map(|it| word(*it));
            ends.min().expect("somebody is there")
        };
        // By which port each bridge reaches its root.
        let root_port = |bridge: usize| {
            let ways = up.iter().filter(|it| it.2 == bridge).filter_map(|it| {
                let ((root, distance), speaker, number) = designated(it.0);
                let theirs = speaker != self.id(bridge) && root < self.id(bridge);
                theirs.then_some(((root, distance + it.3), speaker, number, it.4))
            });
            ways.min().map(|(.., own)| own)
        };
        ends.iter()
            .map(|it| {
                let (segment, end, bridge, _, number) = *it;
                let role = if !self.up(segment, end) {
                    Role::Disabled
                } else if root_port(bridge) == Some(number) {
                    Role::Root
                } else {
                    match designated(segment) {
                        (_, speaker, port) if (speaker, port) == (self.id(bridge), number) => {
                            Role::Designated
                        }
                        (_, speaker, _) if speaker == self.id(bridge) => Role::Backup,
                        _ => Role::Alternate,
                    }
                };
                (port(segment, end), role)
            })
            .collect()
    }
}

/// Counts the copies of a frame by attachment.
#[derive(Default)]
struct Copies {
    of: BTreeMap<u32, u32>,
    /// Copies that went round until they were given up.
    lost: bool,
}

impl Sink for Copies {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Copy { egress, .. } => *self.of.entry(egress.0).or_default() += 1,
            Event::Frame { lost, .. } => {
                self.lost |= lost.iter().any(|it| it.reason == DropReason::HopLimit);
            }
            Event::Command { reply, item } => {
                assert_eq!(reply.status, 0, "{}: {}", item.text, reply.stderr);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a network has come to.
#[derive(Debug)]
struct Outcome {
    roles: BTreeMap<String, Role>,
    states: BTreeMap<String, PortState>,
    /// Times at which a broadcast from a host arrived twice at another, and for how long that was so at most.
    doubled: u32,
    longest: Duration,
}

fn run(plan: &Plan, seed: u64) -> Outcome {
    let script = Script::parse("net.sh", &plan.script()).unwrap_or_else(|error| panic!("{error}"));
    let mut engine = Engine::new(&script);
    engine.set_latency(Duration::from_micros(300), seed);
    let mut commands = Copies::default();
    engine.run_setup(&mut commands).expect("no I/O");
    let mut end = None;
    let (mut seen, mut doubled, mut since, mut longest) = (0, 0, None, Duration::ZERO);
    loop {
        if engine.script_ended() && end.is_none() {
            end = Some(engine.now() + Duration::from_secs(plan.pause()));
        }
        let due = engine
            .next_due()
            .filter(|at| end.is_none_or(|end| *at < end));
        let Some(at) = due else {
            break;
        };
        engine.advance_to(at, &mut commands).expect("no I/O");
        let changes = engine.network().tree_changes();
        if changes == seen {
            continue;
        }
        seen = changes;
        if since.is_some() || broadcast_doubles(&mut engine) {
            let still = broadcast_doubles(&mut engine);
            doubled += u32::from(since.is_none());
            let start = *since.get_or_insert(at);
            longest = longest.max(at - start);
            since = since.filter(|_| still);
        }
    }
    let network = engine.network();
    let (mut roles, mut states) = (BTreeMap::new(), BTreeMap::new());
    for (segment, ends) in plan.segments.iter().enumerate() {
        for end in 0..ends.len() {
            let name = port(segment, end);
            let id = network
                .find(Default::default(), &name)
                .expect("it is there");
            let (bridge, port) = network.port(id).expect("it is a port");
            let tree = &network.netdev(bridge).bridge().expect("a bridge").tree;
            let status = tree.port_status(engine.now(), port.number).expect("a port");
            assert_eq!(status.state, port.state);
            roles.insert(name.clone(), status.role);
            states.insert(name, port.state);
        }
    }
    Outcome {
        roles,
        states,
        doubled,
        longest,
    }
}

/// Sends a broadcast from every host; whether any arrives twice anywhere, or goes round.
fn broadcast_doubles(engine: &mut Engine) -> bool {
    let hosts: Vec<_> = (0..)
        .map_while(|host| engine.network().find_attachment(&format!("h{host}")).ok())
        .collect();
    (2..).zip(hosts).any(|(last, host)| {
        let mut copies = Copies::default();
        let frame = [
            &[0xff; 6][..],
            &[2, 0, 0, 0, 1, last],
            &[0x88, 0xb5],
            &[0; 46],
        ]
        .concat();
        engine.inject(host, &[&frame], &mut copies).expect("no I/O");
        copies.lost || copies.of.values().any(|count| *count > 1)
    })
}

/// What must be so once a network has converged.
fn check(plan: &Plan, outcome: &Outcome) {
    assert_eq!(outcome.roles, plan.expected());
    for (name, state) in &outcome.states {
        let forwards = matches!(outcome.roles[name], Role::Root | Role::Designated);
        assert_eq!(
            *state == PortState::Forwarding,
            forwards,
            "{name}: {state:?}"
        );
    }
    // Every bridge and segment is in a tree: as many forwarding ports that are no end of the way as there are
    // bridges and segments that are not the first of theirs.
    let mut parts: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let mut joined = BTreeSet::new();
    for (segment, ends) in plan.segments.iter().enumerate() {
        for (end, (bridge, _)) in ends.iter().enumerate() {
            if !plan.up(segment, end) {
                continue;
            }
            let (a, b) = (NodeId::Bridge(*bridge), NodeId::Segment(segment));
            joined.insert((a, b));
            if outcome.states[&port(segment, end)] == PortState::Forwarding {
                let (a, b) = (part(&parts, a), part(&parts, b));
                assert_ne!(a, b, "a loop through {}", port(segment, end));
                parts.insert(a, b);
            }
        }
    }
    for (a, b) in joined {
        let cut_off = "bridges that have a way to each other but do not forward";
        assert_eq!(part(&parts, a), part(&parts, b), "{cut_off}: {a:?}, {b:?}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NodeId {
    Bridge(usize),
    Segment(usize),
}

fn part(parts: &BTreeMap<NodeId, NodeId>, mut of: NodeId) -> NodeId {
    while let Some(next) = parts.get(&of) {
        of = *next;
    }
    of
}

/// Random networks, with segments of up to `most` bridges; a bridge may be there twice.
fn plans(rapid: bool, most: usize) -> impl Strategy<Value = Plan> {
    (2..6_usize).prop_flat_map(move |bridges| {
        let end = (0..bridges, 1..5_u32);
        let segment = prop::collection::vec(end, 2..=most);
        let segments = prop::collection::vec(segment, 1..8);
        let priorities = prop::collection::vec(0..3_u16, bridges);
        let cuts = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3);
        (priorities, segments, cuts).prop_map(move |(priorities, segments, cuts)| Plan {
            rapid,
            cuts: cuts
                .into_iter()
                .map(|(segment, back)| (segment.index(segments.len()), back))
                .collect(),
            priorities,
            segments,
        })
    })
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(8))]

    /// On links of two bridges nothing ever loops, and how long BPDUs travel decides nothing.
    #[test]
    fn rapid_links(plan in plans(true, 2), seeds in any::<[u64; 2]>()) {
        for seed in seeds {
            let outcome = run(&plan, seed);
            prop_assert_eq!(outcome.doubled, 0);
            check(&plan, &outcome);
        }
    }

    /// Classic bridges never loop on hubs either.
    #[test]
    fn classic_segments(plan in plans(false, 3), seeds in any::<[u64; 2]>()) {
        for seed in seeds {
            let outcome = run(&plan, seed);
            prop_assert_eq!(outcome.doubled, 0);
            check(&plan, &outcome);
        }
    }

    /// RSTP bridges on hubs may, for as long as stale information lives: three hello times.
    #[test]
    fn rapid_segments(plan in plans(true, 4), seed in any::<u64>()) {
        let outcome = run(&plan, seed);
        prop_assert!(outcome.longest <= Duration::from_secs(6), "{:?}", outcome);
        check(&plan, &outcome);
    }
}
