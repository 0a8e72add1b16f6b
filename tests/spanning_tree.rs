//! Spanning tree from end to end: commands, trapped BPDUs, the plan, and frames that follow it.

use std::sync::Arc;

use tapswitch::control::{Control, Output};
use tapswitch::iproute::command::{
    BridgeOptions, Format, LinkAdd, LinkAddKind, LinkCommon, LinkSet, LinkSetKind, NetCommand,
    PortOptions, Verb,
};
use tapswitch::switch::plan::PortState;
use tapswitch::switch::{Copies, Counters, Egress, Plan, forward};
use tapswitch::time::{Duration, Instant};

/// One network under a virtual clock.
struct Lab {
    control: Control,
    plan: Arc<Plan>,
    now: Instant,
    counters: Counters,
    /// News of loops.
    loops: u32,
}

impl Lab {
    fn new() -> Self {
        let control = Control::new(&[]);
        let plan = control.plan();
        Self {
            control,
            plan,
            now: Instant::ZERO,
            counters: Counters::default(),
            loops: 0,
        }
    }

    fn run(&mut self, verb: Verb) {
        let command = NetCommand {
            ns: None,
            format: Format::default(),
            verb,
        };
        let reply = self.control.execute(self.now, &command, &self.counters);
        assert_eq!(reply.status, 0, "{command:?}: {}", reply.stderr);
        self.settle();
    }

    fn add(&mut self, name: &str, kind: LinkAddKind) {
        self.run(Verb::LinkAdd(LinkAdd {
            name: Some(name.to_owned()),
            common: LinkCommon::default(),
            kind,
        }));
    }

    fn set(&mut self, dev: &str, common: LinkCommon, kind: Option<LinkSetKind>) {
        let dev = dev.to_owned();
        self.run(Verb::LinkSet(LinkSet { dev, common, kind }));
    }

    fn up(&mut self, dev: &str, up: bool) {
        let common = LinkCommon {
            up: Some(up),
            ..LinkCommon::default()
        };
        self.set(dev, common, None);
    }

    fn bridge(&mut self, name: &str, options: BridgeOptions) {
        self.add(name, LinkAddKind::Bridge(options));
        self.up(name, true);
    }

    /// `ip link add A type veth peer name B`, both ends up and each in its bridge, if it has one.
    fn cable(&mut self, a: (&str, Option<&str>), b: (&str, Option<&str>)) {
        let veth = LinkAddKind::Veth {
            peer: Some(b.0.to_owned()),
            common: LinkCommon::default(),
        };
        self.add(a.0, veth);
        for (name, master) in [a, b] {
            let common = LinkCommon {
                up: Some(true),
                master: master.map(|bridge| Some(bridge.to_owned())),
                ..LinkCommon::default()
            };
            self.set(name, common, None);
        }
    }

    /// Does what control says, and hands it what that traps.
    fn settle(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Plan(plan) => self.plan = plan,
                Output::Loop(_) => self.loops += 1,
                // Queries: a tree has nothing to say to a stack.
                Output::Receive(..) | Output::Tree(_) => {}
                Output::Transmit(netdev, octets) => {
                    let mut egress = Egress::default();
                    tapswitch::switch::path::originate(
                        &self.plan,
                        self.now,
                        netdev,
                        &octets,
                        &mut self.counters,
                        &mut egress,
                    );
                    for trap in egress.traps() {
                        let octets = egress.pieces(trap.edit, &octets).concat();
                        self.control.handle_trap(self.now, trap, &octets);
                    }
                }
            }
        }
    }

    fn wait_until(&mut self, end: Instant) {
        while let Some(at) = self.control.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.control.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Broadcasts from one netdev's stack and returns how many copies get to another's.
    fn copies(&mut self, from: &str, to: &str) -> usize {
        let network = self.control.network();
        let [from, to] = [from, to].map(|name| network.find_attachment(name).expect(name));
        let mut frame = [0u8; 60];
        frame[..6].fill(0xff);
        frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        frame[12] = 0x08;
        let mut egress = Egress::default();
        forward(
            &self.plan,
            self.now,
            from,
            &[&frame],
            &mut self.counters,
            &mut egress,
        );
        let of = |(id, copies): (_, Copies<'_>)| if id == to { copies.count() } else { 0 };
        egress.queues().map(of).sum()
    }

    fn states(&self) -> Vec<PortState> {
        let ports = self.plan.bridges.iter().flat_map(|bridge| &bridge.ports);
        ports.flatten().map(|port| port.state).collect()
    }
}

fn stp_on() -> BridgeOptions {
    BridgeOptions {
        stp_state: Some(1),
        ..BridgeOptions::default()
    }
}

/// A host on each of two bridges that two cables join.
fn two_bridges(options: &BridgeOptions) -> Lab {
    let mut lab = Lab::new();
    lab.bridge("br0", options.clone());
    lab.bridge("br1", options.clone());
    lab.cable(("h0", None), ("a0", Some("br0")));
    lab.cable(("h1", None), ("a1", Some("br1")));
    lab.cable(("b0", Some("br0")), ("b1", Some("br1")));
    lab.cable(("c0", Some("br0")), ("c1", Some("br1")));
    lab
}

fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

#[test]
fn a_broadcast_through_a_loop_arrives_once() {
    let mut lab = two_bridges(&stp_on());
    lab.wait_until(secs(29));
    assert_eq!(lab.copies("h0", "h1"), 0, "nothing passes before 30 s");
    lab.wait_until(secs(31));
    let blocking = |lab: &Lab| {
        lab.states()
            .iter()
            .filter(|s| **s == PortState::Blocking)
            .count()
    };
    assert_eq!(blocking(&lab), 1);
    assert_eq!(lab.copies("h0", "h1"), 1);
    assert_eq!(lab.copies("h1", "h0"), 1);

    // The change at 30 s has the databases forget quickly, for 35 s.
    assert!(
        lab.plan
            .bridges
            .iter()
            .all(|b| b.hold == Duration::from_secs(15))
    );
    lab.wait_until(secs(70));
    assert!(
        lab.plan
            .bridges
            .iter()
            .all(|b| b.hold == Duration::from_secs(300))
    );

    // The cable in use breaks; the other one takes over after listening and learning.
    lab.up("b0", false);
    assert_eq!(lab.copies("h0", "h1"), 0);
    lab.wait_until(secs(101));
    assert_eq!((blocking(&lab), lab.copies("h0", "h1")), (0, 1));
    lab.up("b0", true);
    lab.wait_until(secs(140));
    assert_eq!((blocking(&lab), lab.copies("h0", "h1")), (1, 1));
    assert_eq!(lab.loops, 0);
}

#[test]
fn without_spanning_tree_the_same_loop_storms() {
    let mut lab = two_bridges(&BridgeOptions::default());
    assert!(lab.copies("h0", "h1") > 1_000, "until the hop limit");
}

#[test]
fn switched_on_later_it_cuts_the_loop_at_the_first_hello() {
    let mut lab = two_bridges(&BridgeOptions::default());
    for bridge in ["br0", "br1"] {
        let kind = LinkSetKind::Bridge(stp_on());
        lab.set(bridge, LinkCommon::default(), Some(kind));
    }
    // Until then what the bridges themselves say to groups goes round, and is told of.
    lab.wait_until(secs(3));
    assert_eq!(lab.copies("h0", "h1"), 1);
    let told = lab.loops;
    lab.wait_until(secs(60));
    assert_eq!((lab.copies("h0", "h1"), lab.loops), (1, told));
}

#[test]
fn a_guarded_port_is_closed_by_the_neighbours_bpdu_until_its_link_returns() {
    let mut lab = Lab::new();
    lab.bridge("br0", stp_on());
    lab.bridge("br1", stp_on());
    lab.cable(("h0", None), ("a0", Some("br0")));
    lab.cable(("b0", Some("br0")), ("b1", Some("br1")));
    let guard = PortOptions {
        guard: Some(true),
        ..PortOptions::default()
    };
    lab.run(Verb::BridgeLinkSet("b1".to_owned(), guard));
    lab.wait_until(secs(3));
    let disabled = |lab: &Lab| lab.states().contains(&PortState::Disabled);
    assert!(disabled(&lab));
    lab.wait_until(secs(60));
    assert!(disabled(&lab), "it stays so");
    lab.up("b1", false);
    lab.up("b1", true);
    assert!(!disabled(&lab), "until the link returns");
    lab.wait_until(secs(65));
    assert!(disabled(&lab), "and the next BPDU");
}
