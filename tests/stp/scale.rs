//! How long convergence takes: classic against rapid on the same network, and networks of a thousand
//! bridges.
//!
//! `cargo test --release --test stp scale -- --include-ignored --nocapture` prints the tables.

use std::time::Instant as Clock;

use tapswitch::time::Duration;

use crate::net::{Net, Watch, id, secs};

/// What happened, in virtual time, and what it took.
fn report(what: &str, net: &Net, converged: Duration, sent: u64, clock: Clock) {
    println!(
        "{what:34} {:10.3} s {sent:9} BPDUs {:8.3} s real, {} s virtual",
        converged.as_secs_f64(),
        clock.elapsed().as_secs_f64(),
        net.now.since_start().as_secs(),
    );
}

/// Lets this much time pass, and returns how long it took until the last port had its state.
fn settle(what: &str, net: &mut Net, seconds: f64) -> Duration {
    let (from, sent, clock) = (net.now, net.sent, Clock::now());
    net.run(secs(seconds));
    let converged = net.changed.saturating_since(from);
    report(what, net, converged, net.sent - sent, clock);
    converged
}

/// The way to the root of bridge 0 is cut on one side; all bridges keep their root.
#[test]
fn on_a_ring_of_eight_classic_takes_half_a_minute_and_rapid_milliseconds() {
    let ring = |rapid: bool| {
        let mut net = Net::new(29, Watch::Counters);
        for _ in 0..8 {
            if rapid {
                net.rapid()
            } else {
                net.classic()
            };
        }
        let links: Vec<usize> = (0..8).map(|i| net.join(&[i, (i + 1) % 8])).collect();
        for bridge in 0..8 {
            net.set_up(bridge, true);
        }
        let name = if rapid { "RSTP" } else { "STP" };
        let start = settle(&format!("{name} ring of 8, start"), &mut net, 60.0);
        net.set_segment(links[0], false);
        let cut = settle(&format!("{name} root's link cut"), &mut net, 90.0);
        assert!(!net.cycle());
        net.set_segment(links[0], true);
        let repaired = settle(&format!("{name} repaired"), &mut net, 90.0);
        // A link in the middle, which nobody at its ends has an alternative for.
        net.set_segment(links[2], false);
        let middle = settle(&format!("{name} link in the middle cut"), &mut net, 90.0);
        assert!(!net.cycle());
        assert!((0..8).all(|bridge| net.root(bridge) == id(0x8000, 0)));
        [start, cut, repaired, middle]
    };
    let [start, cut, repaired, middle] = ring(false);
    for time in [start, cut, repaired, middle] {
        assert!(time >= secs(30.0) && time <= secs(52.0), "{time:?}");
    }
    for time in ring(true) {
        assert!(time < secs(1.0), "{time:?}");
    }
}

/// The most memory the process has had, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

/// A thousand bridges with links between these pairs; then the root's first link is cut, then the root
/// falls silent. All that within a minute of real time on one core, and within 1 GiB.
fn thousand(name: &str, pairs: &[[usize; 2]]) {
    let clock = Clock::now();
    let mut net = Net::new(31, Watch::Counters);
    for _ in 0..1_000 {
        let bridge = net.rapid();
        // Max age 40 s reaches 40 bridges far.
        let times = |b: &mut tapswitch::stp::rstp::Bridge, now| {
            b.set_times(now, secs(2.0), secs(40.0), secs(30.0))
        };
        net.with(bridge, times).expect("they fit");
    }
    let links: Vec<usize> = pairs.iter().map(|pair| net.join(pair)).collect();
    for bridge in 0..1_000 {
        net.set_up(bridge, true);
    }
    println!("{name}: 1000 bridges, {} links", links.len());
    settle("  start", &mut net, 30.0);
    net.check();
    let first = pairs
        .iter()
        .position(|pair| pair.contains(&0))
        .expect("the root has links");
    net.set_segment(links[first], false);
    settle("  root's link cut", &mut net, 30.0);
    net.check();
    net.set_up(0, false);
    settle("  root silent", &mut net, 120.0);
    assert!(!net.cycle());
    assert!((1..1_000).all(|bridge| net.root(bridge) == id(0x8000, 1)));
    let real = clock.elapsed();
    println!("  {:.1} s real, {} MiB", real.as_secs_f64(), memory());
    assert!(real < Duration::from_secs(60) && memory() < 1024);
}

#[test]
#[ignore = "takes a minute without optimisation"]
fn a_thousand_bridges_on_a_torus() {
    // Two parallel links from each bridge to the right and down, 40 by 25.
    let at = |x: usize, y: usize| x % 40 + y % 25 * 40;
    let cells = (0..1_000).map(|cell| (cell % 40, cell / 40));
    let pairs: Vec<[usize; 2]> = cells
        .flat_map(|(x, y)| {
            let (right, down) = (at(x + 1, y), at(x, y + 1));
            let here = at(x, y);
            [[here, right], [here, down], [here, right], [here, down]]
        })
        .collect();
    thousand("torus", &pairs);
}

#[test]
#[ignore = "takes a minute without optimisation"]
fn a_thousand_bridges_at_random() {
    let mut random = Net::new(37, Watch::Counters);
    let mut pick = || usize::try_from(random.random(1_000)).expect("small");
    // A tree first, so that all of it is one network.
    let mut pairs: Vec<[usize; 2]> = (1..1_000).map(|bridge| [bridge, pick() % bridge]).collect();
    while pairs.len() < 4_000 {
        let pair = [pick(), pick()];
        if pair[0] != pair[1] {
            pairs.push(pair);
        }
    }
    thousand("random", &pairs);
}

#[test]
#[ignore = "takes a minute without optimisation"]
fn a_thousand_bridges_around_one() {
    // One bridge with 1,000 ports, the others in rings of three with it and each other, thrice.
    let center = (1..1_000).map(|bridge| [0, bridge]);
    let ring = |step: usize| (1..1_000).map(move |bridge| [bridge, (bridge + step - 1) % 999 + 1]);
    let mut pairs: Vec<[usize; 2]> = center
        .chain(ring(1))
        .chain(ring(7))
        .chain(ring(31))
        .collect();
    pairs.truncate(4_000);
    thousand("wheel", &pairs);
}
