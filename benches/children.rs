//! What more stations cost: the same frames through macvlans, ipvlan devices and a bridge of four ports, with
//! few of them and with many, in turn.
//!
//! Turns of a plan with few and of one with many alternate, so that whatever else the machine does hits both
//! alike; the ratio is of each pair of turns. Unit: nanoseconds a frame; frames of 60 octets, batches of 64.

#![allow(missing_docs)]

use std::net::Ipv4Addr;
use std::time::Instant as Clock;

use tapswitch::switch::{AttachmentId, Counters, Egress, Key, Plan, PortNo, forward};
use tapswitch::time::Instant;
use tapswitch::wire::MacAddr;

#[path = "common/mod.rs"]
mod common;

use common::{Random, Traffic, station};

const FRAMES: usize = 16 * 1024;
const BATCH: usize = 64;
const TURNS: usize = 401;
const FEW: u32 = 64;
const MANY: [u32; 2] = [256, 1_000];

/// Who is out on the wire.
const OUTSIDE: MacAddr = MacAddr::from_u64(0x02ee_0000_0001);

/// A plan, what it is fed, and what becomes of that.
struct Side {
    plan: Plan,
    from: AttachmentId,
    traffic: Traffic,
    counters: Counters,
    egress: Egress,
}

impl Side {
    fn new(device: &str, across: bool, stations: u32) -> Self {
        let plan = match device {
            "macvlan" => common::macvlans(stations),
            "ipvlan" => common::ipvlans(stations),
            _ => bridge(stations),
        };
        let wire = if device == "bridge" { 1 } else { 0 };
        let mac = |n: Option<u32>| match (device, n) {
            (_, None) => OUTSIDE,
            ("ipvlan", Some(_)) => common::LOWER,
            (_, Some(n)) => station(n.into()),
        };
        let pairs = || {
            let mut random = Random(3);
            move || {
                let others = u64::from(stations - 1);
                let to = 1 + u32::try_from(random.below(others)).expect("below a u32");
                (across.then_some(0), Some(to))
            }
        };
        let mut pair = pairs();
        let mut traffic = Traffic::between(FRAMES, 60, 0x0800, |_| {
            let (from, to) = pair();
            (mac(to), mac(from))
        });
        if device == "ipvlan" {
            let far = Ipv4Addr::new(10, 255, 0, 1);
            let mut pair = pairs();
            traffic.datagrams(|_| {
                let (from, to) = pair();
                let ip = |n: Option<u32>| n.map_or(far, common::address);
                (ip(from), ip(to))
            });
        }
        Self {
            plan,
            from: AttachmentId(if across { 2 } else { wire }),
            traffic,
            counters: Counters::default(),
            egress: Egress::default(),
        }
    }

    /// Nanoseconds a frame.
    fn turn(&mut self) -> f64 {
        let frames: Vec<&[u8]> = self.traffic.iter().collect();
        let start = Clock::now();
        for batch in frames.chunks(BATCH) {
            let now = Instant::from_secs(1);
            let (counters, egress) = (&mut self.counters, &mut self.egress);
            forward(&self.plan, now, self.from, batch, counters, egress);
        }
        start.elapsed().as_secs_f64() * 1e9 / frames.len() as f64
    }
}

/// A bridge of four ports: port 1 is a wire, station 0 is behind port 2, the others behind 3 and 4.
fn bridge(stations: u32) -> Plan {
    let plan = common::bridge(4);
    let bridge = &plan.bridges[0];
    let view = bridge.fdb.view(Instant::ZERO, bridge.hold);
    let learn = |mac, port| view.learn(Key::new(mac, None), PortNo::new(port).expect("1 to 4"));
    learn(OUTSIDE, 1);
    learn(station(0), 2);
    for n in 1..stations {
        learn(station(n.into()), if n % 2 == 0 { 3 } else { 4 });
    }
    plan
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}

fn main() {
    println!("                          {FEW:5}   more     ratio (quartiles)");
    for device in ["macvlan", "ipvlan", "bridge"] {
        for (way, across) in [("in", false), ("across", true)] {
            for many in MANY {
                let mut sides = [FEW, many].map(|count| Side::new(device, across, count));
                let mut took = [vec![], vec![]];
                for turn in 0..TURNS {
                    // Who is first changes.
                    for side in [turn % 2, 1 - turn % 2] {
                        took[side].push(sides[side].turn());
                    }
                }
                let ratios = took[0].iter().zip(&took[1]).map(|(few, many)| many / few);
                let ratio = quartiles(ratios.collect());
                let [few, more] = took.map(|took| quartiles(took)[1]);
                println!(
                    "{device:8}{way:7}{many:5}     {few:6.1} {more:6.1}     {:.2} ({:.2} to {:.2})",
                    ratio[1], ratio[0], ratio[2]
                );
            }
        }
    }
}
