//! The bridge path, decision and egress queueing included, batches of 64 frames, one thread.
//!
//! Dimensions: unicast hit | miss (unknown destination) | flood (broadcast) × stations × frame size.
//! A bridge of four ports; sources and destinations are random, so every frame refreshes one station
//! and looks another up. Then the same with VLAN filtering off and on (`forward/vlan`): the same
//! frames, tagged or not, to ports that take them as they are or the other way (a push, a pop). Then
//! frames to groups, with multicast snooping off and on (`forward/groups`). Then
//! the captures of `fixtures/`, each replayed into one port.
//! Unit: frames. Sizes are without FCS: 60 here is 64 on a wire.

#![allow(missing_docs)]

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
    for batch in frames.chunks(BATCH) {
        forward(
            plan,
            Instant::from_secs(1),
            AttachmentId(1),
            batch,
            counters,
            egress,
        );
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

fn captures(c: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut group = c.benchmark_group("forward/capture");
    for name in [
        "conversation-le-us.pcap",
        "storm.pcap",
        "moves.pcapng",
        "sizes.pcap",
        "tagged.pcap",
    ] {
        let frames = capture(&folder.join(name));
        let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let plan = common::bridge(PORTS);
        let (mut counters, mut egress) = (Counters::default(), Egress::default());
        group.throughput(Throughput::Elements(views.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| run(&plan, &views, &mut counters, &mut egress))
        });
    }
    group.finish();
}

/// The frames of a capture, whatever interface they were seen on; the bench measures switching, not
/// reading.
fn capture(path: &Path) -> Vec<Vec<u8>> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut reader = CaptureReader::new(&name, Box::new(file)).expect("a fixture is a capture");
    let mut frames = Vec::new();
    while let Some(record) = reader.read().expect("a fixture is whole") {
        frames.push(record.octets.to_vec());
    }
    frames
}

criterion_group!(benches, synthetic, vlans, groups, captures);
criterion_main!(benches);
