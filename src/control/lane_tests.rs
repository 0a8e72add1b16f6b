//! The short way of most frames (`switch::lane`) against the long one.

use std::net::Ipv4Addr;

use etherparse::{IpNumber, Ipv4Header};
use proptest::prelude::*;

use super::invariants::line;
use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::path::forward_step_by_step;
use crate::switch::{Egress, forward};

/// A bridge of wires, a TAP and a host behind a veth pair, for random commands to spoil.
const WIRED: &str = "
ip netns add n1
ip link add br0 type bridge
ip link add br1 type bridge
ip link add v1 type veth peer name v2 netns n1
ip link set w0 master br0
ip link set w1 master br0
ip link set w2 master br1
ip link set v1 master br0
ip link set br0 up
ip link set br1 up
ip link set w0 up
ip link set w1 up
ip link set w2 up
ip link set v1 up
ip -n n1 link set v2 up
";

/// Macvlans on a wire, in namespaces and beside their netdev, for random commands to spoil.
const STACKED: &str = "
ip netns add n1
ip link add br0 type bridge
ip link set w1 master br0
ip link set w1 up
ip link set br0 up
ip link set w0 address 02:00:00:00:00:05 up
ip link add v1 link w0 address 02:00:00:00:00:01 type macvlan mode bridge
ip link add v2 link w0 address 02:00:00:00:00:02 netns n1 type macvlan mode bridge
ip link add v3 link w0 address 02:00:00:00:00:03 type macvlan mode private
ip link add v4 link w0 address 02:00:00:00:00:04 type macvlan mode vepa
ip link set v1 up
ip -n n1 link set v2 up
ip link set v3 up
ip link set v4 up
";

/// Likewise ipvlan devices, which are all one station.
const SHARED: &str = "
ip netns add n1
ip link add br0 type bridge
ip link set w1 master br0
ip link set w1 up
ip link set br0 up
ip link set w0 address 02:00:00:00:00:05 up
ip link add v1 link w0 type ipvlan mode l2
ip link add v2 link w0 netns n1 type ipvlan mode l2
ip link add v3 link w0 type ipvlan mode l2
ip addr add 10.0.0.1/24 dev v1
ip -n n1 addr add 10.0.0.2/24 dev v2
ip addr add 10.0.0.3/24 dev v3
ip link set v1 up
ip -n n1 link set v2 up
ip link set v3 up
";

/// Frames between stations that are few, tagged or not, of lengths about which something is decided.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let station = || {
        prop::sample::select(vec![1, 2, 3, 4, 5, 5, 5, 7, 9])
            .prop_map(|n: u8| [0x02, 0, 0, 0, 0, n])
    };
    let other = prop::sample::select(vec![
        [0xff; 6],
        [0x01, 0x80, 0xc2, 0, 0, 0],
        [0x01, 0x00, 0x5e, 1, 1, 1],
        [0; 6],
    ]);
    let address = prop_oneof![9 => station(), 1 => other];
    let tag = prop::sample::select(vec![
        vec![],
        vec![],
        vec![0x81, 0, 0, 1],
        vec![0x81, 0, 0x60, 2],
        vec![0x81, 0, 0, 0],
        vec![0x81, 0, 0x0f, 0xff],
        vec![0x88, 0xa8, 0, 10],
    ]);
    let len = prop::sample::select(vec![1, 2, 4, 46, 46, 46, 60, 1400, 1500, 1501]);
    let host =
        || prop::sample::select(vec![1, 2, 3, 9]).prop_map(|n: u8| Ipv4Addr::new(10, 0, 0, n));
    let packet = prop_oneof![
        Just(vec![0x88, 0xb5]),
        (host(), host()).prop_map(|(from, to)| {
            let header = Ipv4Header::new(26, 64, IpNumber::UDP, from.octets(), to.octets());
            let mut header = header.expect("26 octets fit");
            header.header_checksum = header.calc_header_checksum();
            [&[8, 0], &header.to_bytes()[..]].concat()
        }),
    ];
    (address.clone(), address, tag, packet, len).prop_map(|(to, from, tag, packet, len)| {
        [to.to_vec(), from.to_vec(), tag, packet, vec![0; len]].concat()
    })
}

/// What a batch led to, and what it left behind.
fn outcome(control: &Control, counters: &Counters, egress: &Egress, frames: &[&[u8]]) -> String {
    let copies = egress.queues().map(|(attachment, copies)| {
        let octets = |copy: &crate::switch::Copy| {
            egress
                .pieces(copy.edit, frames[copy.frame as usize])
                .concat()
        };
        let copies = copies.map(|copy| (copy.frame, copy.kind, octets(copy)));
        (attachment, copies.collect::<Vec<_>>())
    });
    let copies: Vec<_> = copies.collect();
    let bridges = control
        .network()
        .netdevs()
        .iter()
        .filter_map(crate::netdev::Netdev::bridge);
    let tables: Vec<_> = bridges
        .map(|it| it.fdb.dump(Instant::ZERO, it.hold()))
        .collect();
    let (verdicts, lost) = (egress.verdicts(), egress.lost());
    format!("{verdicts:?}\n{copies:?}\n{lost:?}\n{counters:?}\n{tables:?}")
}

/// A frame over its sender's MTU never gets to the bridge, which so learns nothing from it.
#[test]
fn what_a_sender_may_not_send_is_not_learned_from() {
    let mut control = Control::new(&["w0", "w1", "w2"].map(str::to_owned));
    for item in Script::parse("test", WIRED).expect("it is one").items() {
        if let Command::Net(command) = &item.command {
            control.execute(Instant::ZERO, command, &Counters::default());
        }
    }
    let sender = control
        .network()
        .find_attachment("n1/v2")
        .expect("the host");
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    for (len, learned) in [(1515, 0), (1514, 1)] {
        let mut frame = vec![0; len];
        frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
        let plan = control.plan();
        let now = Instant::from_secs(1);
        forward(&plan, now, sender, &[&frame], &mut counters, &mut egress);
        let sum: u64 = counters.bridges.iter().map(|it| it.learned).sum();
        assert_eq!(sum, learned, "{len} octets");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The short way of most frames leads where the long one does, and counts the same.
    #[test]
    fn the_short_way_is_the_long_one(
        steps in prop::collection::vec(
            (prop::option::weighted(0.3, line()), prop::collection::vec(frame(), 1..24), 0usize..64),
            1..40,
        ),
        world in prop::sample::select(vec![WIRED, STACKED, SHARED]),
        bound in prop::sample::select(vec![0, 2]),
    ) {
        let wires = ["w0", "w1", "w2"].map(str::to_owned);
        let mut short = Control::new(&wires);
        let mut long = Control::new(&wires);
        let mut counters = [Counters::default(), Counters::default()];
        let mut egress = [Egress::default(), Egress::default()];
        for control in [&mut short, &mut long] {
            let wired = format!("{world}ip link set br0 type bridge fdb_max_learned {bound}\n");
            for item in Script::parse("test", &wired).expect("it is one").items() {
                let Command::Net(command) = &item.command else { continue };
                let reply = control.execute(Instant::ZERO, command, &Counters::default());
                prop_assert_eq!(reply.status, 0, "{:?}", reply);
            }
        }
        for (tick, (line, frames, ingress)) in (1u64..).zip(steps) {
            let now = Instant::from_secs(tick);
            let script = Script::parse("test", &line.unwrap_or_default()).map_err(|error| {
                TestCaseError::fail(error.to_string())
            })?;
            for item in script.items() {
                let Command::Net(command) = &item.command else { continue };
                for (control, counters) in [&mut short, &mut long].into_iter().zip(&counters) {
                    control.execute(now, command, counters);
                }
            }
            let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            let plan = short.plan();
            let ingress = AttachmentId(u32::try_from(ingress % plan.attachments.len()).unwrap_or(0));
            forward(&plan, now, ingress, &frames, &mut counters[0], &mut egress[0]);
            forward_step_by_step(&long.plan(), now, ingress, &frames, &mut counters[1], &mut egress[1]);
            let [short, long] = [(&short, 0), (&long, 1)]
                .map(|(it, n)| outcome(it, &counters[n], &egress[n], &frames));
            prop_assert_eq!(short, long);
        }
    }
}
