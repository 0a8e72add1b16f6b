//! What a trace says of a frame's way, against the way: random networks, random frames.

use std::collections::HashSet;

use proptest::prelude::*;

use super::invariants::{frames, line};
use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::path::forward_step_by_step;
use crate::switch::trace::{Hop, Note, Way};
use crate::switch::{DropReason, Egress, PlanNetdev, Receive, Trace, Transmit, forward_watched};

/// Something of everything, for random commands to spoil.
const WORLD: &str = "
ip netns add n1
ip netns add n2
ip link add br0 type bridge
ip link add br1 type bridge
ip link add v1 type veth peer name v2 netns n1
ip link add v3 type veth peer name v4
ip link set w0 master br0
ip link set w1 master br0
ip link set v1 master br0
ip link set v3 master br0
ip link set v4 master br1
ip link set w2 master br1
ip link set br0 up
ip link set br1 up
ip link set w0 up
ip link set w1 up
ip link set w2 up
ip link set v1 up
ip link set v3 up
ip link set v4 up
ip -n n1 link set v2 up
ip -n n1 addr add 10.0.0.1/24 dev v2
";

/// A network in which a tunnel carries what two bridges relay.
const TUNNEL: &str = include_str!("../../fixtures/topologies/vxlan.sh");

fn world(script: &str) -> Control {
    let mut control = Control::new(&["w0", "w1", "w2"].map(str::to_owned));
    for item in Script::parse("test", script).expect("it is one").items() {
        if let Command::Net(command) = &item.command {
            control.execute(Instant::ZERO, command, &Counters::default());
        }
    }
    control
}

/// Whether a copy can get from one netdev to another in one step.
fn adjacent(plan: &Plan, a: NetdevId, b: NetdevId) -> bool {
    let of = |id: NetdevId| &plan.netdevs[id.index()];
    let one_way = |a: NetdevId, b: NetdevId| {
        let bridge = |index: u32| plan.bridges[index as usize].netdev;
        let here = match of(a).receive {
            Receive::Bridge(index, _) => bridge(index) == b,
            Receive::Cable(other) => other == b,
            Receive::Ipvlan(_) | Receive::Stack | Receive::Macvlan(_) | Receive::Device(_) => false,
        };
        here || lower(plan, of(a)) == Some(b) || of(a).transmit == Transmit::Peer(b)
    };
    let siblings = lower(plan, of(a)).is_some() && lower(plan, of(a)) == lower(plan, of(b));
    let tunnel = |a: NetdevId, b: NetdevId| match (of(a).transmit, of(b).transmit) {
        (Transmit::Vxlan(one), Transmit::Vxlan(other)) => {
            plan.vxlans[one as usize].underlay == plan.vxlans[other as usize].underlay
        }
        (Transmit::Vxlan(one), _) => of(b).underlay == Some(plan.vxlans[one as usize].underlay),
        _ => false,
    };
    a == b || one_way(a, b) || one_way(b, a) || siblings || tunnel(a, b) || tunnel(b, a)
}

fn lower(plan: &Plan, netdev: &PlanNetdev) -> Option<NetdevId> {
    match netdev.transmit {
        Transmit::Vlan(index) => Some(plan.vlan_devices[index as usize].lower),
        Transmit::Macvlan(index) => {
            let port = plan.macvlans[index as usize].port;
            Some(plan.macvlan_ports[port as usize].lower)
        }
        Transmit::Ipvlan(index) => Some(plan.ipvlan_children[index as usize].lower),
        _ => None,
    }
}

/// The hops are a tree of steps that netdevs can make, every branch of which ends, and the ends are what became of
/// the frame.
fn check_trace(plan: &Plan, trace: &Trace, egress: &Egress) {
    let hops = trace.hops();
    let mut goes_on = HashSet::new();
    for (
        at,
        Hop {
            from, netdev, way, ..
        },
    ) in hops.iter().enumerate()
    {
        let Some(from) = *from else {
            assert!(at == 0 && matches!(way, Way::Enters(_)), "{trace:?}");
            continue;
        };
        assert!((from as usize) < at, "{trace:?}");
        goes_on.insert(from);
        let before = hops[from as usize].netdev;
        assert!(
            adjacent(plan, before, *netdev),
            "{before:?} to {netdev:?}: {trace:?}"
        );
    }
    let (mut left, mut lost, mut trapped) = (0, 0, 0);
    let mut ends = HashSet::new();
    for (at, note) in trace.notes() {
        let hop = &hops[*at as usize];
        match note {
            Note::Left { attachment, .. } => {
                let it = plan.attachments[attachment.index()];
                let own = it.netdev == hop.netdev || matches!(it.side, Side::Underlay(_));
                assert!(own, "{it:?} is not of {hop:?}");
                left += 1;
            }
            Note::Lost { .. } => lost += 1,
            Note::Trapped { .. } => trapped += 1,
            Note::Refused(_) => {}
            _ => continue,
        }
        ends.insert(*at);
    }
    let verdict = egress.verdicts().first();
    assert_eq!(trace.verdict().as_ref(), verdict, "{:?}", trace.notes());
    // Of a frame that goes round not all is kept.
    if trace.left_out() > 0 {
        let mut lost = egress.lost().iter();
        assert!(lost.any(|it| it.reason == DropReason::HopLimit));
        return;
    }
    let dangling = (0u32..)
        .zip(hops)
        .find(|(at, _)| !goes_on.contains(at) && !ends.contains(at));
    assert_eq!(dangling, None, "a branch that does not end: {trace:?}");
    let copies: usize = egress.queues().map(|(_, copies)| copies.count()).sum();
    assert_eq!((left, lost), (copies, egress.lost().len()), "{trace:?}");
    assert_eq!(trapped, egress.traps().len(), "{trace:?}");
}

/// Frames into every attachment of two equal networks, one of them watched.
fn check_world(watched: &Control, plain: &Control, now: Instant) {
    let plans = [watched.plan(), plain.plan()];
    let mut counters = [Counters::default(), Counters::default()];
    let mut egress = [Egress::default(), Egress::default()];
    let mut trace = Trace::default();
    for octets in frames(watched) {
        for id in (0u32..).take(plans[0].attachments.len()).map(AttachmentId) {
            let [one, other] = &mut egress;
            forward_watched(
                &plans[0],
                now,
                id,
                &octets,
                &mut counters[0],
                one,
                &mut trace,
            );
            forward_step_by_step(&plans[1], now, id, &[&octets], &mut counters[1], other);
            let [one, other] = [&egress[0], &egress[1]].map(|egress| {
                let copies = egress.queues().map(|(at, copies)| {
                    let octets = |copy: &crate::switch::Copy| {
                        (copy.kind, egress.pieces(copy.edit, &octets).concat())
                    };
                    (at, copies.map(octets).collect::<Vec<_>>())
                });
                let copies: Vec<_> = copies.collect();
                (egress.verdicts().to_vec(), copies, egress.lost().to_vec())
            });
            assert_eq!(one, other, "{octets:x?} into {id:?}");
            check_trace(&plans[0], &trace, &egress[0]);
        }
    }
    let [one, other] = counters.map(|counters| format!("{counters:?}"));
    assert_eq!(one, other);
    let rows = |control: &Control| control.fdb_dump(now);
    assert_eq!(rows(watched), rows(plain));
}

#[test]
fn through_tunnels() {
    let [watched, plain] = [world(TUNNEL), world(TUNNEL)];
    check_world(&watched, &plain, Instant::from_secs(1));
}

/// Returns two equal worlds after these commands.
pub(super) fn worlds_after(lines: &[String]) -> [Control; 2] {
    let [mut watched, mut plain] = [world(WORLD), world(WORLD)];
    for (tick, line) in (1u64..).zip(lines) {
        let script = Script::parse("test", line).unwrap_or_else(|error| panic!("{error}"));
        for item in script.items() {
            let Command::Net(command) = &item.command else {
                continue;
            };
            for control in [&mut watched, &mut plain] {
                control.execute(Instant::from_secs(tick), command, &Counters::default());
            }
        }
    }
    [watched, plain]
}

#[test]
fn of_a_frame_that_goes_round_not_all_is_kept() {
    // Both ends of a pair in one bridge.
    let [control, _] = worlds_after(&["ip link set v4 up master br0".to_owned()]);
    let plan = control.plan();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let mut trace = Trace::default();
    let ingress = control.network().find_attachment("w0").unwrap();
    let now = Instant::from_secs(100);
    let mut octets = [0xff; 60];
    octets[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    forward_watched(
        &plan,
        now,
        ingress,
        &octets,
        &mut counters,
        &mut egress,
        &mut trace,
    );
    assert!(trace.left_out() > 0);
    check_trace(&plan, &trace, &egress);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Watched, a frame goes the same way, and what is told is that way, whole and connected.
    #[test]
    fn a_trace_is_the_way(lines in prop::collection::vec(line(), 0..40)) {
        let [watched, plain] = worlds_after(&lines);
        check_world(&watched, &plain, Instant::from_secs(100));
    }
}
