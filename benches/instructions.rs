//! What a frame costs in instructions, which no noise changes: `tools/instructions` counts them.
//!
//! `instructions NAME BATCHES` forwards that many batches of 64 frames in the way that NAME says, after
//! everything else that it does; the difference between two counts of batches is what frames cost.

#![allow(missing_docs)]

use std::hint::black_box;
use std::net::Ipv4Addr;

use tapswitch::switch::plan::PortState;
use tapswitch::switch::{
    AttachmentId, Counters, Egress, Key, NetdevId, Plan, PlanAttachment, PlanNetdev, PortNo,
    Receive, Side, Transmit, forward,
};
use tapswitch::time::Instant;
use tapswitch::wire::{MacAddr, Vid};

#[path = "common/mod.rs"]
mod common;

use common::{Traffic, station};

const BATCH: usize = 64;
const STATIONS: u64 = 64;
const CHILDREN: u32 = 64;

/// What there is to run: name, ports, what is done to the plan and the traffic.
struct Case {
    name: &'static str,
    ports: u16,
    traffic: fn() -> Traffic,
    plan: fn(&mut Plan),
    ingress: AttachmentId,
}

const CASES: &[Case] = &[
    case("hit", 4, || between(known), |_| {}),
    case("hit-tagged", 4, || tagged(known), |_| {}),
    case(
        "vlan-untagged",
        4,
        || between(known),
        |plan| vlan(plan, |_| false),
    ),
    case(
        "vlan-tagged",
        4,
        || tagged(known),
        |plan| vlan(plan, |_| true),
    ),
    case(
        "vlan-push",
        4,
        || between(known),
        |plan| vlan(plan, |port| port != 1),
    ),
    case(
        "vlan-pop",
        4,
        || tagged(known),
        |plan| vlan(plan, |port| port == 1),
    ),
    Case {
        ingress: AttachmentId(5),
        ..case("veth", 4, || between(known), hosts)
    },
    case("hit-alarm-off", 4, || between(known), no_alarm),
    case("unknown", 4, || between(|n| station(STATIONS + n)), |_| {}),
    case("broadcast", 4, || between(|_| MacAddr::BROADCAST), |_| {}),
    case(
        "broadcast-alarm-off",
        4,
        || between(|_| MacAddr::BROADCAST),
        no_alarm,
    ),
    case(
        "broadcast-16",
        16,
        || between(|_| MacAddr::BROADCAST),
        |_| {},
    ),
    case(
        "group-member",
        4,
        || Traffic::to_groups(BATCH, 60, 8),
        |plan| common::snoop(plan, 8, false),
    ),
    case(
        "learn",
        4,
        || {
            Traffic::between(128 * BATCH, 60, 0x0800, |n| {
                (station(2), station(4 * n as u64 + 1000))
            })
        },
        |_| {},
    ),
    case(
        "blocked",
        4,
        || between(known),
        |plan| {
            if let Some(port) = &mut plan.bridges[0].ports[1] {
                port.state = PortState::Blocking;
            }
        },
    ),
    Case {
        ingress: AttachmentId(0),
        ..case(
            "macvlan-in",
            4,
            || datagrams(|n| station(n.into()), |n| (None, Some(n % CHILDREN))),
            macvlans,
        )
    },
    Case {
        ingress: AttachmentId(2),
        ..case(
            "macvlan-out",
            4,
            || datagrams(|n| station(n.into()), |_| (Some(0), None)),
            macvlans,
        )
    },
    Case {
        ingress: AttachmentId(2),
        ..case(
            "macvlan-across",
            4,
            || {
                datagrams(
                    |n| station(n.into()),
                    |n| (Some(0), Some(1 + n % (CHILDREN - 1))),
                )
            },
            macvlans,
        )
    },
    Case {
        ingress: AttachmentId(0),
        ..case(
            "ipvlan-in",
            4,
            || datagrams(|_| common::LOWER, |n| (None, Some(n % CHILDREN))),
            ipvlans,
        )
    },
    Case {
        ingress: AttachmentId(2),
        ..case(
            "ipvlan-out",
            4,
            || datagrams(|_| common::LOWER, |_| (Some(0), None)),
            ipvlans,
        )
    },
    Case {
        ingress: AttachmentId(2),
        ..case(
            "ipvlan-across",
            4,
            || {
                datagrams(
                    |_| common::LOWER,
                    |n| (Some(0), Some(1 + n % (CHILDREN - 1))),
                )
            },
            ipvlans,
        )
    },
];

const fn case(
    name: &'static str,
    ports: u16,
    traffic: fn() -> Traffic,
    plan: fn(&mut Plan),
) -> Case {
    Case {
        name,
        ports,
        traffic,
        plan,
        ingress: AttachmentId(1),
    }
}

/// A station that is not behind port 1, where those are whose number is a multiple of four.
fn known(n: u64) -> MacAddr {
    station((n * 4 + n % 3 + 1) % STATIONS)
}

fn between(to: fn(u64) -> MacAddr) -> Traffic {
    Traffic::between(BATCH, 60, 0x0800, |n| {
        let n = n as u64;
        (to(n), station(n * 4 % STATIONS))
    })
}

fn tagged(to: fn(u64) -> MacAddr) -> Traffic {
    let mut traffic = between(to);
    traffic.tag(vid());
    traffic
}

fn vid() -> Vid {
    Vid::new(10).expect("below 4095")
}

fn vlan(plan: &mut Plan, tagged: fn(u16) -> bool) {
    common::filter(plan, vid(), tagged);
}

/// The loop alarm is on unless told otherwise.
fn no_alarm(plan: &mut Plan) {
    plan.bridges[0].alarm = None;
}

/// Every port becomes the near end of a veth pair, with a host at the far end: attachment 4 + n.
fn hosts(plan: &mut Plan) {
    for n in 1..=4u32 {
        let far = NetdevId(4 + n);
        plan.netdevs[n as usize].transmit = Transmit::Peer(far);
        plan.netdevs.push(PlanNetdev {
            up: true,
            mac: station(u64::from(n) - 1),
            mtu: 1500,
            receive: Receive::Stack,
            transmit: Transmit::Peer(NetdevId(n)),
            stack: AttachmentId(4 + n),
            uppers: None,
            underlay: None,
        });
        plan.attachments.push(PlanAttachment {
            netdev: far,
            side: Side::Stack,
        });
    }
}

/// Frames of children and of the outside, which has no number.
fn datagrams(mac_of: fn(u32) -> MacAddr, pair: fn(u32) -> (Option<u32>, Option<u32>)) -> Traffic {
    let mac = |child: Option<u32>| child.map_or(station(STATIONS), mac_of);
    let ip = |child: Option<u32>| child.map_or(Ipv4Addr::new(10, 255, 0, 1), common::address);
    let pair = |n: usize| pair(u32::try_from(n).unwrap_or(0));
    let mut traffic = Traffic::between(BATCH, 60, 0x0800, |n| {
        let (from, to) = pair(n);
        (mac(to), mac(from))
    });
    traffic.datagrams(|n| {
        let (from, to) = pair(n);
        (ip(from), ip(to))
    });
    traffic
}

fn macvlans(plan: &mut Plan) {
    *plan = common::macvlans(CHILDREN);
}

/// In mode l2, all with the address of station 0.
fn ipvlans(plan: &mut Plan) {
    *plan = common::ipvlans(CHILDREN);
}

fn learn(plan: &Plan) {
    let Some(bridge) = plan.bridges.first() else {
        return;
    };
    let pvid = bridge.ports[1].as_ref().and_then(|port| port.pvid);
    for n in 0..STATIONS {
        let port = u16::try_from(n % 4).ok().and_then(|n| PortNo::new(n + 1));
        bridge
            .fdb
            .view(Instant::ZERO, bridge.hold)
            .learn(Key::new(station(n), pvid), port.expect("1 to 4"));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let (name, batches) = (arguments.next(), arguments.next());
    let batches = batches.and_then(|it| it.parse::<usize>().ok());
    let case = CASES.iter().find(|case| Some(case.name) == name.as_deref());
    let (Some(case), Some(batches)) = (case, batches) else {
        // What cargo bench does with it: names, for a script to ask for.
        for case in CASES {
            println!("{}", case.name);
        }
        return;
    };
    let mut plan = common::bridge(case.ports);
    (case.plan)(&mut plan);
    learn(&plan);
    let traffic = (case.traffic)();
    let frames: Vec<&[u8]> = traffic.iter().collect();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let now = Instant::from_secs(1);
    for batch in frames.chunks(BATCH).cycle().take(batches) {
        forward(&plan, now, case.ingress, batch, &mut counters, &mut egress);
        black_box(egress.verdicts());
    }
}
