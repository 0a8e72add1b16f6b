//! `tapswitch stp simulate`: what it measures on the networks that the README speaks of.

use tapswitch::iproute::script::Script;
use tapswitch::simulate::{self, Mode, Phase, Simulation, Spec, SpecError, Topology};
use tapswitch::time::Duration;

fn spec(topology: Topology, bridges: u16, mode: Mode) -> Spec {
    Spec {
        topology,
        bridges,
        links: None,
        mode,
        max_age: None,
        seed: 1,
        latency: Duration::from_micros(500),
    }
}

/// From power-on, and after the root's link is cut.
fn phases(spec: &Spec) -> [Phase; 2] {
    let text = simulate::script(spec).expect("there is such a network");
    let script = Script::parse("simulation", &text).expect("it is understood");
    let mut simulation = Simulation::new(spec, &script).expect("its commands succeed");
    let start = simulation.converge();
    simulation.cut_root_link().expect("the root has a link");
    [start, simulation.converge()]
}

#[test]
fn on_a_ring_of_eight_stp_takes_half_a_minute_and_rstp_milliseconds() {
    for (mode, least, most) in [(Mode::Stp, 29.9, 50.1), (Mode::Rstp, 0.0, 0.1)] {
        for phase in phases(&spec(Topology::Ring, 8, mode)) {
            assert!(phase.converged && phase.spanning_tree, "{phase:?}");
            assert!((least..most).contains(&phase.seconds), "{phase:?}");
            assert!(phase.loop_seconds == 0.0, "{phase:?}");
        }
    }
}

/// With a max age of 6 s a ring of 12 is as long as it may be; the default of 20 s carries 40.
#[test]
fn an_rstp_ring_longer_than_max_age_allows_never_settles() {
    let ring = |bridges, mode| Spec {
        max_age: Some(Duration::from_secs(6)),
        ..spec(Topology::Ring, bridges, mode)
    };
    let [start, _] = phases(&ring(12, Mode::Rstp));
    assert!(start.converged && start.spanning_tree, "{start:?}");
    let [start, _] = phases(&ring(14, Mode::Rstp));
    assert!(!start.converged && !start.spanning_tree, "{start:?}");
    assert!(start.loop_seconds == 0.0, "{start:?}");
    // Linux adds 1/256 s a bridge, not a second.
    let [start, _] = phases(&ring(14, Mode::Stp));
    assert!(start.converged && start.spanning_tree, "{start:?}");
}

#[test]
fn grids_and_random_networks_converge_the_same_way_each_time() {
    for topology in [Topology::Grid, Topology::Random] {
        let spec = Spec {
            links: Some(40),
            ..spec(topology, 20, Mode::Rstp)
        };
        let once = phases(&spec);
        assert!(once.iter().all(|phase| phase.spanning_tree), "{once:?}");
        assert_eq!(format!("{once:?}"), format!("{:?}", phases(&spec)));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let script = |spec: Spec| simulate::script(&spec).map(|text| text.len());
    let ring = |bridges| spec(Topology::Ring, bridges, Mode::Rstp);
    assert_eq!(script(ring(1)), Err(SpecError::Bridges(1)));
    assert_eq!(script(ring(10_001)), Err(SpecError::Bridges(10_001)));
    for links in [3, 7] {
        let few = Spec {
            links: Some(links),
            ..ring(4)
        };
        let (links, min, max) = (links as usize, 4, 6);
        assert_eq!(script(few), Err(SpecError::Links { links, min, max }));
    }
    let old = Spec {
        max_age: Some(Duration::from_secs(41)),
        ..ring(4)
    };
    assert_eq!(script(old), Err(SpecError::MaxAge(Duration::from_secs(41))));
}

/// A tenth of what [`a_thousand_bridges`] measures, so that it is noticed when an event costs what the whole network
/// costs.
#[test]
fn a_hundred_bridges() {
    for topology in [Topology::Ring, Topology::Grid, Topology::Random] {
        let spec = Spec {
            links: Some(400),
            ..spec(topology, 100, Mode::Rstp)
        };
        for phase in phases(&spec) {
            assert!(phase.converged && phase.spanning_tree, "{phase:?}");
        }
    }
}

/// Prints what it takes: `cargo test --release --test stp simulate -- --include-ignored --nocapture`.
#[test]
#[ignore = "takes a minute without optimisation"]
fn a_thousand_bridges() {
    for topology in [Topology::Ring, Topology::Grid, Topology::Random] {
        let spec = Spec {
            links: Some(4000),
            ..spec(topology, 1000, Mode::Rstp)
        };
        let clock = std::time::Instant::now();
        for phase in phases(&spec) {
            println!("{topology:?}: {phase:?}, {:?} so far", clock.elapsed());
            assert!(phase.converged && phase.spanning_tree, "{phase:?}");
        }
    }
}
