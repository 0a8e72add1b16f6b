//! The bridge path, decision and egress queueing included, batches of 64 frames, one thread.
//!
//! Dimensions: unicast hit | miss (unknown destination) | flood (broadcast) × stations × frame size.
//! A bridge of four ports; sources and destinations are random, so every frame refreshes one station
//! and looks another up. Then the same with VLAN filtering off and on (`forward/vlan`): the same
//! frames, tagged or not, to ports that take them as they are or the other way (a push, a pop). Then
//! frames to groups, with multicast snooping off and on (`forward/groups`). Then the same frames through
//! a bridge and through macvlans, by number of stations or children (`forward/macvlan`), and through ipvlan
//! devices (`forward/ipvlan`), into and out of a VXLAN tunnel (`forward/vxlan`), and with the loop alarm off
//! and on (`forward/alarm`). Then the captures of `fixtures/`, and real ones
//! where there are any beside the project, each replayed into one port.
//! Unit: frames. Sizes are without FCS: 60 here is 64 on a wire.

#![allow(missing_docs)]

use std::net::Ipv4Addr;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tapswitch::attach::capture::CaptureReader;
use tapswitch::switch::{AttachmentId, Counters, Egress, Key, Plan, PortNo, forward};
use tapswitch::time::Instant;
use tapswitch::wire::{MacAddr, Vid};

#[path = "common/mod.rs"]
mod common;

use common::{Random, Traffic, station};

const BATCH: usize = 64;
const PORTS: u16 = 4;

fn port_of(station: u64) -> u16 {
    u16::try_from(station % u64::from(PORTS)).unwrap_or(0) + 1
}

/// A bridge that knows `stations` stations, spread over its ports.
fn learned(stations: u64) -> Plan {
    let plan = common::bridge(PORTS);
    learn(&plan, stations);
    plan
}

/// Makes a bridge know `stations` stations, spread over its ports, in the VLAN of port 1.
fn learn(plan: &Plan, stations: u64) {
    let bridge = &plan.bridges[0];
    let port_1 = bridge.ports[1].as_ref().expect("there are 4");
    for n in 0..stations {
        let port = PortNo::new(port_of(n)).expect("1 to 4");
        bridge
            .fdb
            .view(Instant::ZERO, bridge.hold)
            .learn(Key::new(station(n), port_1.pvid), port);
    }
}

/// Frames that arrive at port 1, from stations that are there.
fn traffic(kind: &str, stations: u64, len: usize) -> Traffic {
    let mut random = Random(3);
    // As many frames as touch the table evenly, bounded by what fits a fast cache for the small ones.
    let frames = if len > 100 { 8 * 1024 } else { 64 * 1024 };
    Traffic::between(frames, len, 0x0800, |_| {
        let source = random.below(stations / u64::from(PORTS)) * u64::from(PORTS);
        let destination = match kind {
            "hit" => station(loop {
                let n = random.below(stations);
                if port_of(n) != 1 {
                    break n;
                }
            }),
            "miss" => station(stations + random.below(stations)),
            _ => MacAddr::BROADCAST,
        };
        (destination, station(source))
    })
}

fn run(plan: &Plan, frames: &[&[u8]], counters: &mut Counters, egress: &mut Egress) {
    run_from(plan, AttachmentId(1), frames, counters, egress);
}

// Not inline, so that a profile shows what a benchmark costs without what prepares it.
#[inline(never)]
fn run_from(
    plan: &Plan,
    at: AttachmentId,
    frames: &[&[u8]],
    counters: &mut Counters,
    egress: &mut Egress,
) {
    for batch in frames.chunks(BATCH) {
        forward(plan, Instant::from_secs(1), at, batch, counters, egress);
    }
}

fn synthetic(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward");
    for stations in [64, 10_000, 100_000, 1_000_000] {
        let plan = learned(stations);
        for len in [60, 1514] {
            for kind in ["hit", "miss", "flood"] {
                let traffic = traffic(kind, stations, len);
                let frames: Vec<&[u8]> = traffic.iter().collect();
                let (mut counters, mut egress) = (Counters::default(), Egress::default());
                group.throughput(Throughput::Elements(frames.len() as u64));
                group.bench_function(format!("{kind}/{stations}/{len}"), |b| {
                    b.iter(|| run(&plan, &frames, &mut counters, &mut egress));
                });
            }
        }
    }
    group.finish();
}

/// What the ports of the bench do with VLAN 10, in which all traffic is.
#[derive(Clone, Copy)]
enum Filter {
    /// VLAN filtering is off.
    Off,
    /// All ports are untagged members, or all are tagged ones, as the frames are.
    Same,
    /// Port 1 is as the frames are, the others are the other way.
    Other,
}

fn vlans(c: &mut Criterion) {
    let vid = Vid::new(10).expect("below 4095");
    let mut group = c.benchmark_group("forward/vlan");
    for stations in [64, 10_000, 1_000_000] {
        for (kind, tagged) in [("untagged", false), ("tagged", true)] {
            let mut traffic = traffic("hit", stations, 64);
            if tagged {
                traffic.tag(vid);
            }
            let frames: Vec<&[u8]> = traffic.iter().collect();
            for (name, filter) in [
                ("off", Filter::Off),
                ("same", Filter::Same),
                ("other", Filter::Other),
            ] {
                let mut plan = common::bridge(PORTS);
                if !matches!(filter, Filter::Off) {
                    let flip = matches!(filter, Filter::Other);
                    common::filter(&mut plan, vid, |port| tagged ^ (flip && port != 1));
                }
                learn(&plan, stations);
                let (mut counters, mut egress) = (Counters::default(), Egress::default());
                group.throughput(Throughput::Elements(frames.len() as u64));
                group.bench_function(format!("{kind}/{name}/{stations}"), |b| {
                    b.iter(|| run(&plan, &frames, &mut counters, &mut egress));
                });
            }
        }
    }
    group.finish();
}

/// Who is out on the wire.
const OUTSIDE: MacAddr = MacAddr::from_u64(0x02ee_0000_0001);

/// Which way frames go.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// From the wire to stations.
    In,
    /// From station 0 to the wire.
    Out,
    /// From station 0 to others.
    Across,
}

impl Way {
    const ALL: [(&str, Self); 3] = [
        ("in", Self::In),
        ("out", Self::Out),
        ("across", Self::Across),
    ];

    /// Frame after frame, from whom to whom; `None` is outside.
    fn pairs(self, stations: u32) -> impl FnMut() -> (Option<u32>, Option<u32>) {
        let mut random = Random(3);
        move || {
            let below = |random: &mut Random, n: u32| {
                u32::try_from(random.below(n.into())).expect("below a u32")
            };
            match self {
                Self::In => (None, Some(below(&mut random, stations))),
                Self::Out => (Some(0), None),
                Self::Across => (Some(0), Some(1 + below(&mut random, stations - 1))),
            }
        }
    }
}

/// A bridge whose port 1 is a wire, and that knows station 0 behind port 2 and the others behind those that
/// are left, in turn.
fn bridge_of(stations: u32, ports: u16) -> Plan {
    let bridge = common::bridge(ports);
    let view = bridge.bridges[0]
        .fdb
        .view(Instant::ZERO, bridge.bridges[0].hold);
    let learn = |mac, port: u32| {
        let port = u16::try_from(port).ok().and_then(PortNo::new);
        view.learn(Key::new(mac, None), port.expect("1 to 1023"));
    };
    for n in 0..stations {
        let others = u32::from(ports) - 2;
        learn(
            station(n.into()),
            n.checked_sub(1).map_or(2, |n| 3 + n % others),
        );
    }
    learn(OUTSIDE, 1);
    bridge
}

/// The same frames through a bridge and through what does without one, by number of stations (or
/// children): a bridge with a port for each station, one of four ports, macvlans in bridge mode.
fn macvlans(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward/macvlan");
    for stations in [64_u32, 1_000] {
        let ports = u16::try_from(stations + 1).expect("at most 1,023");
        let bridge = bridge_of(stations, ports);
        let bridge_of_4 = bridge_of(stations, PORTS);
        let macvlans = common::macvlans(stations);
        for (name, way) in Way::ALL {
            let mut pair = way.pairs(stations);
            let mac = |n: Option<u32>| n.map_or(OUTSIDE, |n| station(n.into()));
            let traffic = Traffic::between(16 * 1024, 60, 0x0800, |_| {
                let (from, to) = pair();
                (mac(to), mac(from))
            });
            let frames: Vec<&[u8]> = traffic.iter().collect();
            group.throughput(Throughput::Elements(frames.len() as u64));
            let from_outside = matches!(way, Way::In);
            for (device, plan, at) in [
                ("bridge", &bridge, if from_outside { 1 } else { 2 }),
                (
                    "bridge-of-4",
                    &bridge_of_4,
                    if from_outside { 1 } else { 2 },
                ),
                ("macvlan", &macvlans, if from_outside { 0 } else { 2 }),
            ] {
                let (mut counters, mut egress) = (Counters::default(), Egress::default());
                group.bench_function(format!("{name}/{device}/{stations}"), |b| {
                    b.iter(|| {
                        run_from(plan, AttachmentId(at), &frames, &mut counters, &mut egress)
                    });
                });
            }
        }
    }
    group.finish();
}

/// The same datagrams through a bridge and through ipvlan devices in mode l2, which share one station: the
/// frames differ in their addresses only.
fn ipvlans(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward/ipvlan");
    for stations in [64_u32, 1_000] {
        let ports = u16::try_from(stations + 1).expect("at most 1,023");
        let bridge = bridge_of(stations, ports);
        let ipvlans = common::ipvlans(stations);
        for (name, way) in Way::ALL {
            let from_outside = matches!(way, Way::In);
            let far = Ipv4Addr::new(10, 255, 0, 1);
            let ip = |n: Option<u32>| n.map_or(far, common::address);
            let frames_for = |mac: &dyn Fn(Option<u32>) -> MacAddr| {
                let mut pair = way.pairs(stations);
                let mut traffic = Traffic::between(16 * 1024, 60, 0x0800, |_| {
                    let (from, to) = pair();
                    (mac(to), mac(from))
                });
                let mut pair = way.pairs(stations);
                traffic.datagrams(|_| {
                    let (from, to) = pair();
                    (ip(from), ip(to))
                });
                traffic
            };
            let by_station = frames_for(&|n| n.map_or(OUTSIDE, |n| station(n.into())));
            let by_address = frames_for(&|n| n.map_or(OUTSIDE, |_| common::LOWER));
            for (device, plan, traffic, at) in [
                (
                    "bridge",
                    &bridge,
                    &by_station,
                    if from_outside { 1 } else { 2 },
                ),
                (
                    "ipvlan",
                    &ipvlans,
                    &by_address,
                    if from_outside { 0 } else { 2 },
                ),
            ] {
                let frames: Vec<&[u8]> = traffic.iter().collect();
                group.throughput(Throughput::Elements(frames.len() as u64));
                let (mut counters, mut egress) = (Counters::default(), Egress::default());
                group.bench_function(format!("{name}/{device}/{stations}"), |b| {
                    b.iter(|| {
                        run_from(plan, AttachmentId(at), &frames, &mut counters, &mut egress)
                    });
                });
            }
        }
    }
    group.finish();
}

/// What the loop alarm costs, off and on: nothing where the destination is known, for it looks at what is flooded.
fn alarm(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward/alarm");
    for kind in ["hit", "miss", "flood"] {
        let traffic = traffic(kind, 64, 60);
        let frames: Vec<&[u8]> = traffic.iter().collect();
        for (name, armed) in [("off", false), ("on", true)] {
            let mut plan = learned(64);
            if !armed {
                plan.bridges[0].alarm = None;
            }
            let (mut counters, mut egress) = (Counters::default(), Egress::default());
            group.throughput(Throughput::Elements(frames.len() as u64));
            group.bench_function(format!("{kind}/{name}"), |b| {
                b.iter(|| run(&plan, &frames, &mut counters, &mut egress));
            });
        }
    }
    group.finish();
}

/// Frames to groups: flooded by a bridge that does not snoop, to one member by one that does, and to two
/// hosts with copies of their own.
fn groups(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward/groups");
    for groups in [1, 200] {
        let traffic = Traffic::to_groups(64 * 1024, 60, groups);
        let frames: Vec<&[u8]> = traffic.iter().collect();
        for (name, by_host) in [
            ("flood", None),
            ("member", Some(false)),
            ("hosts", Some(true)),
        ] {
            let mut plan = common::bridge(PORTS);
            if let Some(by_host) = by_host {
                common::snoop(&mut plan, groups, by_host);
            }
            let (mut counters, mut egress) = (Counters::default(), Egress::default());
            group.throughput(Throughput::Elements(frames.len() as u64));
            group.bench_function(format!("{name}/{groups}"), |b| {
                b.iter(|| run(&plan, &frames, &mut counters, &mut egress));
            });
        }
    }
    // Unicast does not care.
    for (name, snoops) in [("unicast/off", false), ("unicast/on", true)] {
        let mut plan = learned(64);
        if snoops {
            common::snoop(&mut plan, 200, false);
        }
        let traffic = traffic("hit", 64, 60);
        let frames: Vec<&[u8]> = traffic.iter().collect();
        let (mut counters, mut egress) = (Counters::default(), Egress::default());
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| run(&plan, &frames, &mut counters, &mut egress));
        });
    }
    group.finish();
}

/// Frames of a bridge's TAP that leave by its VXLAN device, and that come in by it: with a checksum over the
/// datagram, which is what Linux does unless told otherwise, and without; beside the bridge's own figure for
/// the same frames between two TAPs.
fn vxlan(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward/vxlan");
    for (name, checksum) in [("summed", true), ("unsummed", false)] {
        let options = if checksum { "" } else { "noudpcsum" };
        let control = common::control(&common::TUNNEL.replace("OPTIONS", options));
        let plan = control.plan();
        let at = |name: &str| control.network().find_attachment(name).expect("a TAP");
        let [p1, p2, u1] = ["p1", "p2", "u1"].map(at);
        for len in [60, 1_450] {
            let near = Traffic::between(8 * 1024, len, 0x88b5, |_| (station(2), station(1)));
            let across = Traffic::between(8 * 1024, len, 0x88b5, |_| (station(3), station(1)));
            let wrapped: Vec<Vec<u8>> =
                Traffic::between(8 * 1024, len, 0x88b5, |_| (station(1), station(3)))
                    .iter()
                    .map(|frame| common::put_in(frame, checksum))
                    .collect();
            let wrapped: Vec<&[u8]> = wrapped.iter().map(Vec::as_slice).collect();
            let (mut counters, mut egress) = (Counters::default(), Egress::default());
            let mut pass = |from, frames: &[&[u8]]| {
                for batch in frames.chunks(BATCH) {
                    let now = Instant::from_secs(1);
                    forward(&plan, now, from, batch, &mut counters, &mut egress);
                }
            };
            let near: Vec<&[u8]> = near.iter().collect();
            let across: Vec<&[u8]> = across.iter().collect();
            // Everybody is known to everybody.
            let answer = Traffic::between(1, 60, 0x88b5, |_| (station(1), station(2)));
            pass(p2, &answer.iter().collect::<Vec<_>>());
            pass(u1, &wrapped[..1]);
            pass(p1, &near[..1]);
            group.throughput(Throughput::Elements(near.len() as u64));
            for (what, from, frames) in [
                ("bridge", p1, &near),
                ("encap", p1, &across),
                ("decap", u1, &wrapped),
            ] {
                group.bench_function(format!("{what}/{name}/{len}"), |b| {
                    b.iter(|| pass(from, frames));
                });
            }
        }
    }
    group.finish();
}

fn captures(c: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut group = c.benchmark_group("forward/capture");
    let fixtures = [
        "conversation-le-us.pcap",
        "storm.pcap",
        "moves.pcapng",
        "sizes.pcap",
        "tagged.pcap",
    ];
    let fixtures = fixtures.map(|name| root.join("fixtures/captures").join(name));
    // A collection of real ones, where it is to be had.
    let beside = std::fs::read_dir(root.join("../shared/captures"));
    let mut beside: Vec<_> = beside.into_iter().flatten().flatten().collect();
    beside.sort_by_key(std::fs::DirEntry::file_name);
    let beside = beside.into_iter().map(|entry| entry.path());
    for path in fixtures.into_iter().chain(beside) {
        let frames = capture(&path);
        let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let (false, Some(name)) = (views.is_empty(), path.file_name()) else {
            continue;
        };
        let plan = common::bridge(PORTS);
        let (mut counters, mut egress) = (Counters::default(), Egress::default());
        group.throughput(Throughput::Elements(views.len() as u64));
        group.bench_function(name.to_string_lossy(), |b| {
            b.iter(|| run(&plan, &views, &mut counters, &mut egress));
        });
    }
    group.finish();
}

/// The frames of a capture, whatever interface they were seen on, up to where it is broken; none of what is no
/// capture. The bench measures switching, not reading.
fn capture(path: &Path) -> Vec<Vec<u8>> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut frames = Vec::new();
    if let Ok(mut reader) = CaptureReader::new(&name, Box::new(file)) {
        while let Ok(Some(record)) = reader.read() {
            frames.push(record.octets.to_vec());
        }
    }
    frames
}

criterion_group!(
    benches, synthetic, vlans, macvlans, ipvlans, groups, vxlan, alarm, captures
);
criterion_main!(benches);
