//! Single rules of 802.1D-2004 clause 17, and what follows from them.

use proptest::prelude::*;
use tapswitch::stp::rstp::{Admin, Bridge, Role};
use tapswitch::stp::{Event, Ignored, Inconsistent, Output, Refused};
use tapswitch::switch::plan::PortState::{self, Blocking, Disabled, Forwarding, Learning};
use tapswitch::time::{Duration, Instant};
use tapswitch::wire::{Bpdu, BpduError, Config, MAX_BPDU_FRAME, MacAddr, Rapid, RapidRole};

use crate::net::{End, Net, Watch, id, mac, port, port_id, secs};

/// A bridge that is up, whose ports 1 to n have links.
fn bridge(ports: u16) -> Bridge {
    let mut bridge = Bridge::new(mac(9));
    for no in 1..=ports {
        bridge.add_port(Instant::ZERO, port(no), Some(10_000));
        bridge.set_link(Instant::ZERO, port(no), true);
    }
    bridge.set_up(Instant::ZERO, true);
    bridge
}

fn outputs(bridge: &mut Bridge) -> Vec<Output> {
    std::iter::from_fn(|| bridge.poll_output()).collect()
}

fn run(bridge: &mut Bridge, until: Instant) -> Vec<(Instant, Output)> {
    let mut log = Vec::new();
    while let Some(at) = bridge.poll_timeout().filter(|at| *at <= until) {
        bridge.handle_timeout(at);
        log.extend(outputs(bridge).into_iter().map(|output| (at, output)));
        assert!(bridge.poll_timeout().is_none_or(|next| next > at));
    }
    log
}

fn at(seconds: f64) -> Instant {
    Instant::ZERO + secs(seconds)
}

/// What a better root says by its port 1.
fn superior() -> Rapid {
    Rapid {
        config: Config {
            topology_change: false,
            topology_change_ack: false,
            root: id(0x1000, 1),
            root_path_cost: 0,
            bridge: id(0x1000, 1),
            port: port_id(1),
            message_age: Duration::ZERO,
            max_age: secs(20.0),
            hello_time: secs(2.0),
            forward_delay: secs(15.0),
        },
        role: RapidRole::Designated,
        proposal: false,
        learning: true,
        forwarding: true,
        agreement: false,
    }
}

fn receive(bridge: &mut Bridge, now: Instant, no: u16, bpdu: Bpdu) -> Result<(), Ignored> {
    let mut buffer = [0; MAX_BPDU_FRAME];
    let frame = bpdu.encode(MacAddr::BRIDGE_GROUP, mac(1), &mut buffer);
    bridge.receive(now, port(no), frame)
}

fn forwards_at(log: &[(Instant, Output)], no: u16) -> Option<Instant> {
    let forwards = |o: &Output| *o == Output::SetState(port(no), Forwarding);
    log.iter().find(|(_, o)| forwards(o)).map(|(at, _)| *at)
}

#[test]
fn ports_with_nobody_behind_them() {
    // Table of 17.13 and 17.20.4: how a port is set, and when it forwards.
    for (edge, p2p, seconds) in [
        (Admin::On, Admin::Auto, 0.0),
        (Admin::Auto, Admin::Auto, 3.0),
        (Admin::Auto, Admin::Off, 20.0),
        (Admin::Off, Admin::Auto, 22.0),
    ] {
        let mut bridge = bridge(0);
        bridge.add_port(Instant::ZERO, port(1), None);
        bridge.set_edge(Instant::ZERO, port(1), edge).unwrap();
        bridge.set_p2p(Instant::ZERO, port(1), p2p).unwrap();
        bridge.set_link(Instant::ZERO, port(1), true);
        let now = outputs(&mut bridge).into_iter();
        let mut log: Vec<_> = now.map(|output| (Instant::ZERO, output)).collect();
        log.extend(run(&mut bridge, at(40.0)));
        assert_eq!(forwards_at(&log, 1), Some(at(seconds)), "{edge:?} {p2p:?}");
        let change = (at(seconds), Output::Event(port(1), Event::TopologyChange));
        assert_eq!(
            log.contains(&change),
            edge == Admin::Off,
            "{edge:?} {p2p:?}"
        );
        let info = bridge.port_info(at(40.0), port(1)).unwrap();
        assert_eq!(
            (info.role, info.edge),
            (Role::Designated, edge != Admin::Off)
        );
    }
}

#[test]
fn a_bpdu_ends_being_an_edge() {
    let mut bridge = bridge(1);
    run(&mut bridge, at(10.0));
    bridge.set_edge(at(10.0), port(1), Admin::On).unwrap();
    assert!(bridge.port_info(at(10.0), port(1)).unwrap().edge);
    receive(&mut bridge, at(11.0), 1, Bpdu::Rapid(superior())).unwrap();
    let info = bridge.port_info(at(11.0), port(1)).unwrap();
    assert_eq!((info.edge, info.role), (false, Role::Root));
    // Said while somebody is there, it waits for the link.
    bridge.set_edge(at(11.0), port(1), Admin::On).unwrap();
    assert!(!bridge.port_info(at(11.0), port(1)).unwrap().edge);
    bridge.set_link(at(12.0), port(1), false);
    bridge.set_link(at(12.0), port(1), true);
    assert!(bridge.port_info(at(12.0), port(1)).unwrap().edge);
    assert_eq!(bridge.port_state(port(1)), Some(Forwarding));
}

#[test]
fn ports_discard_before_the_agreement_leaves() {
    let mut bridge = bridge(3);
    for no in 1..=3 {
        bridge
            .set_edge(Instant::ZERO, port(no), Admin::Off)
            .unwrap();
    }
    bridge.set_edge(Instant::ZERO, port(3), Admin::On).unwrap();
    bridge.set_p2p(Instant::ZERO, port(2), Admin::Off).unwrap();
    run(&mut bridge, at(30.0));
    outputs(&mut bridge);
    let proposal = Rapid {
        proposal: true,
        ..superior()
    };
    receive(&mut bridge, at(30.0), 1, Bpdu::Rapid(proposal)).unwrap();
    let log = outputs(&mut bridge);
    let agreement = log.iter().position(
        |o| matches!(o, Output::Transmit(no, Bpdu::Rapid(r)) if *no == port(1) && r.agreement && r.role == RapidRole::Root),
    );
    let discards = log
        .iter()
        .position(|o| *o == Output::SetState(port(2), Blocking));
    assert!(discards.is_some() && discards < agreement, "{log:?}");
    assert_eq!(
        bridge.port_state(port(3)),
        Some(Forwarding),
        "edge ports go on"
    );
    assert_eq!(bridge.port_state(port(1)), Some(Forwarding));
}

#[test]
fn never_more_than_the_hold_count_in_a_second() {
    let mut net = Net::new(5, Watch::Loops);
    for _ in 0..4 {
        net.rapid();
    }
    let links = [[0, 1], [1, 2], [2, 3], [3, 0]].map(|pair| net.join(&pair));
    for bridge in 0..4 {
        net.with(bridge, |b, now| b.set_tx_hold_count(now, 3))
            .unwrap();
        net.set_up(bridge, true);
    }
    for step in 0..200_u32 {
        let link = links[(step % 3 + 1) as usize];
        net.set_segment(link, step % 2 == 0);
        net.run(secs(0.13));
        net.set_priority(3, if step % 5 == 0 { 0x1000 } else { 0x9000 });
    }
    for end in [(0, 1), (1, 1), (0, 2), (3, 2)] {
        let times: Vec<Instant> = net
            .bpdus
            .iter()
            .filter(|(_, from, _)| *from == end)
            .map(|(at, ..)| *at)
            .collect();
        assert!(times.len() > 12);
        for four in times.windows(4) {
            assert!(four[3] - four[0] >= secs(1.0), "{end:?} {four:?}");
        }
    }
}

#[test]
fn a_classic_neighbour_is_spoken_to_in_classic_and_back() {
    let mut net = Net::new(7, Watch::Loops);
    net.rapid();
    net.classic();
    net.rapid();
    net.join(&[0, 1]);
    net.join(&[0, 2]);
    net.join(&[1, 2]);
    for bridge in 0..3 {
        net.set_up(bridge, true);
    }
    net.run(secs(80.0));
    assert_eq!(net.looped, Duration::ZERO);
    assert!((0..3).all(|bridge| net.root(bridge) == id(0x8000, 0)));
    assert_eq!(
        net.events
            .iter()
            .filter(|(_, _, e)| *e == Event::Migrated { rapid: false })
            .count(),
        2
    );
    assert!(!net.info((0, 1)).rapid && net.info((0, 2)).rapid);
    // Towards the classic bridge it takes as long as it does there.
    let forwarding = |end: End| {
        let of =
            |(at, e, s): &(Instant, End, PortState)| (*e == end && *s == Forwarding).then_some(*at);
        net.states.iter().find_map(of)
    };
    assert!(
        forwarding((0, 1)) >= Some(at(30.0)),
        "{:?}",
        forwarding((0, 1))
    );
    assert!(forwarding((0, 2)) < Some(at(1.0)));
    // Costs: 2 of the short table against 2000 of the long one, so the classic one is nearer to itself.
    assert_eq!(net.state((2, 1)), Forwarding);
    let tcns = net
        .bpdus
        .iter()
        .filter(|(_, _, b)| *b == Bpdu::TopologyChange)
        .count();
    assert!(
        (1..10).contains(&tcns),
        "notifications are acknowledged: {tcns}"
    );

    // An RST BPDU after 3 s of silence about it is enough to go back.
    let now = net.now;
    let rapid = Rapid {
        role: RapidRole::Blocked,
        agreement: true,
        config: Config {
            root: id(0x8000, 0),
            bridge: id(0xf000, 8),
            root_path_cost: 9,
            ..superior().config
        },
        ..superior()
    };
    let mut buffer = [0; MAX_BPDU_FRAME];
    let frame = Bpdu::Rapid(rapid).encode(MacAddr::BRIDGE_GROUP, mac(8), &mut buffer);
    net.with(0, |b, _| b.receive(now, port(1), frame)).unwrap();
    assert!(net.info((0, 1)).rapid);
    // By management, too; the neighbour's next word ends that, once what it knew is too old.
    net.run(secs(30.0));
    assert!(!net.info((0, 1)).rapid);
    net.with(0, |b, now| b.mcheck(now, port(1))).unwrap();
    assert!(net.info((0, 1)).rapid);
}

#[test]
fn a_one_way_link_is_disputed() {
    let mut net = Net::new(11, Watch::Loops);
    for _ in 0..3 {
        net.rapid();
    }
    net.join(&[0, 1]);
    net.join(&[1, 2]);
    let one_way = net.join(&[0, 2]);
    for bridge in 0..3 {
        net.set_up(bridge, true);
    }
    net.run(secs(10.0));
    net.check();
    // Bridge 1 does not hear the root any more, while everything goes through in the other direction.
    net.deaf.push((1, 1));
    net.run(secs(60.0));
    assert_eq!(net.looped, Duration::ZERO);
    assert_eq!(net.state((0, 1)), Blocking, "disputed");
    assert_eq!(net.root(1), id(0x8000, 0), "by the other way");
    // Also steadily: no learning now and then.
    let learning = |(at, end, state): &&(Instant, End, PortState)| {
        *end == (0, 1) && *state != Blocking && *at > self::at(20.0)
    };
    assert_eq!(net.states.iter().filter(learning).count(), 0);
    net.deaf.clear();
    net.run(secs(20.0));
    net.check();
    let _ = one_way;
}

#[test]
fn a_port_that_hears_itself_discards() {
    let mut bridge = bridge(1);
    let log = run(&mut bridge, at(2.5));
    let own = log.iter().rev().find_map(|(_, o)| match o {
        Output::Transmit(_, bpdu) => Some(*bpdu),
        _ => None,
    });
    run(&mut bridge, at(3.5));
    assert_eq!(
        bridge.port_state(port(1)),
        Some(Forwarding),
        "taken for an edge port"
    );
    let result = receive(&mut bridge, at(4.0), 1, own.unwrap());
    assert_eq!(result, Err(Ignored::Malformed(BpduError::LoopedBack)));
    assert!(outputs(&mut bridge).contains(&Output::Event(port(1), Event::LoopedBack)));
    assert_eq!(bridge.port_state(port(1)), Some(Blocking));
}

#[test]
fn a_change_flushes_everywhere_but_where_it_comes_from() {
    let mut net = Net::new(13, Watch::Loops);
    for _ in 0..3 {
        net.rapid();
    }
    net.join(&[0, 1]);
    net.join(&[1, 2]);
    let host = net.host(1);
    net.with(1, |b, now| b.set_edge(now, port(host.1), Admin::On))
        .unwrap();
    for bridge in 0..3 {
        net.set_up(bridge, true);
    }
    net.run(secs(20.0));
    net.flushed.clear();
    let far = net.host(2);
    net.with(2, |b, now| b.set_edge(now, port(far.1), Admin::Off))
        .unwrap();
    net.run(secs(30.0));
    let mut flushed: Vec<End> = net.flushed.iter().map(|(_, end)| *end).collect();
    flushed.sort_unstable();
    flushed.dedup();
    // Bridge 2 has only its root port besides; bridge 1 hears of it at port 2, has a host at port 3;
    // bridge 0 hears of it at its only port.
    assert_eq!(flushed, [(1, 1), (2, 1)]);
    let told = net.bpdus.iter().filter(|(when, end, b)| {
        *end == (2, 1)
            && *when > at(20.0)
            && matches!(b, Bpdu::Rapid(r) if r.config.topology_change && r.role == RapidRole::Root)
    });
    assert!(
        (1..=3).contains(&told.count()),
        "for hello time and a second"
    );
}

#[test]
fn information_dies_where_max_age_ends() {
    // Max age 6 reaches six bridges far.
    let chain = |count: usize| {
        let mut net = Net::new(17, Watch::Loops);
        for _ in 0..count {
            let bridge = net.rapid();
            net.with(bridge, |b, now| {
                b.set_times(now, secs(2.0), secs(6.0), secs(4.0))
            })
            .unwrap();
        }
        net
    };
    let mut net = chain(7);
    for bridge in 0..6 {
        net.join(&[bridge, bridge + 1]);
    }
    for bridge in 0..7 {
        net.set_up(bridge, true);
    }
    net.run(secs(30.0));
    net.check();

    // A ring of sixteen, whose far side is eight bridges away: that has a tree of its own. Neither frames
    // nor loops pass the borders, because the ports there dispute each other's claims.
    let mut net = chain(16);
    for bridge in 0..16 {
        net.join(&[bridge, (bridge + 1) % 16]);
    }
    for bridge in 0..16 {
        net.set_up(bridge, true);
    }
    net.run(secs(60.0));
    let near = |bridge: usize| bridge.min(16 - bridge) <= 6;
    for bridge in 0..16 {
        let root = if near(bridge) { 0 } else { 7 };
        assert_eq!(net.root(bridge), id(0x8000, root), "bridge {bridge}");
    }
    assert!(!net.cycle());
    assert_eq!(net.looped, Duration::ZERO);
    let border = [(6, 2), (10, 1)].map(|end| net.state(end));
    assert_eq!(border, [Blocking, Blocking]);
}

#[test]
fn parameters_are_checked() {
    let mut bridge = bridge(1);
    let now = Instant::ZERO;
    let [s2, s6, s4] = [2.0, 6.0, 4.0].map(secs);
    assert_eq!(bridge.set_times(now, s2, s6, s4), Ok(()));
    let exact = [
        (1.0, 6.0, 4.0, true),
        (2.0, 20.0, 15.0, true),
        (2.0, 30.0, 15.0, false), // 28 < 30
        (2.5, 6.0, 4.0, false),   // 6 < 7
        (10.0, 40.0, 30.0, true),
    ];
    for (hello, age, delay, good) in exact {
        let set = bridge.set_times(now, secs(hello), secs(age), secs(delay));
        assert_eq!(set.is_ok(), good, "{hello} {age} {delay}");
        assert!(good || matches!(set, Err(Refused::Times { .. })));
    }
    for (hello, age, delay) in [
        (0.9, 20.0, 15.0),
        (10.1, 20.0, 15.0),
        (2.0, 5.9, 15.0),
        (2.0, 40.1, 30.0),
        (2.0, 6.0, 3.9),
        (2.0, 20.0, 30.1),
    ] {
        let set = bridge.set_times(now, secs(hello), secs(age), secs(delay));
        assert!(matches!(set, Err(Refused::Time { .. })));
    }
    assert!(bridge.set_priority(now, 0xf000).is_ok());
    assert!(matches!(
        bridge.set_priority(now, 31_000),
        Err(Refused::Step { .. })
    ));
    for (priority, good) in [(0, true), (60, true), (63, false), (64, false), (30, false)] {
        assert_eq!(
            bridge.set_port_priority(now, port(1), priority).is_ok(),
            good
        );
    }
    for (cost, good) in [
        (0, false),
        (1, true),
        (200_000_000, true),
        (200_000_001, false),
    ] {
        assert_eq!(bridge.set_path_cost(now, port(1), cost).is_ok(), good);
    }
    for (count, good) in [(0, false), (1, true), (10, true), (11, false)] {
        assert_eq!(bridge.set_tx_hold_count(now, count).is_ok(), good);
    }
    assert_eq!(
        bridge.set_speed(now, port(7), None),
        Err(Refused::NoPort(port(7)))
    );
    bridge.set_speed(now, port(1), Some(100)).unwrap();
    let cost = |bridge: &Bridge| bridge.port_info(now, port(1)).unwrap().cost;
    assert_eq!(cost(&bridge), 200_000_000, "set by hand");
    bridge.remove_port(now, port(1));
    bridge.add_port(now, port(1), Some(1_000));
    assert_eq!(cost(&bridge), 20_000);
    bridge.set_speed(now, port(1), Some(100)).unwrap();
    assert_eq!(cost(&bridge), 200_000);
}

#[test]
fn on_a_hub_bridges_wait_and_one_of_two_own_ports_backs_the_other_up() {
    let mut net = Net::new(19, Watch::Loops);
    for _ in 0..3 {
        net.rapid();
    }
    net.join(&[0, 1, 2, 2]);
    net.join(&[0, 0, 1]);
    for bridge in 0..3 {
        net.set_up(bridge, true);
    }
    net.run(secs(60.0));
    net.check();
    assert_eq!(net.looped, Duration::ZERO);
    let first = |end: End| {
        net.states
            .iter()
            .find(|(_, e, s)| *e == end && *s == Forwarding)
            .map(|(at, ..)| *at)
    };
    let time = first((0, 1)).unwrap();
    assert!(time >= at(20.0) && time <= at(22.1), "{time}");
    assert_eq!(net.info((0, 3)).role, Role::Backup);
    // The designated port of the second hub goes: its backup takes over.
    assert!(
        net.states
            .iter()
            .any(|(_, e, s)| *e == (0, 1) && *s == Learning)
    );
}

/// One of the three kinds of BPDU with any content.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        Just((0, 0)),
        Just((2, 2)),
        Just((0, 0x80)),
        any::<(u8, u8)>()
    ];
    (kind, any::<[u8; 32]>(), 0..4u8, any::<bool>()).prop_map(
        |((version, kind), body, near, young)| {
            let rapid = superior();
            let mut buffer = [0; MAX_BPDU_FRAME];
            let bpdu = Bpdu::Rapid(rapid);
            let mut frame = bpdu
                .encode(MacAddr::BRIDGE_GROUP, mac(1), &mut buffer)
                .to_vec();
            (frame[19], frame[20]) = (version, kind);
            // All of it random, or only the flags and some, so that it is believed.
            match near {
                0 => frame[21..53].copy_from_slice(&body),
                1 => frame[21..44].copy_from_slice(&body[..23]),
                2 => (frame[21], frame[33], frame[44]) = (body[0], body[1], body[2]),
                _ => (frame[21], frame[29], frame[43]) = (body[0], body[1] & 3, body[2] & 3),
            }
            if young {
                (frame[44], frame[46]) = (0, 20);
            }
            frame
        },
    )
}

proptest! {
    /// Whatever is received, in whatever order with management: no panic, the machines settle, timers move
    /// on, and nothing forwards that is down.
    #[test]
    fn any_octets_any_time(
        steps in proptest::collection::vec((1u16..5, any_frame(), 0u8..24, any::<u16>(), 0u64..3_000), 1..80)
    ) {
        let mut bridge = bridge(3);
        let mut now = Instant::ZERO;
        for (no, frame, what, value, wait) in steps {
            let (no, on) = (port(no), value & 1 == 0);
            let admin = [Admin::Auto, Admin::On, Admin::Off][usize::from(value % 3)];
            match what {
                0 => bridge.set_link(now, no, on),
                1 => bridge.set_up(now, value & 3 != 0),
                2 => { let _ = bridge.set_priority(now, value & 0xf000); }
                3 => bridge.set_address(now, MacAddr::from_u64(u64::from(value & 7))),
                4 => bridge.remove_port(now, no),
                5 if bridge.port_state(no).is_none() => bridge.add_port(now, no, Some(value.into())),
                6 => { let _ = bridge.set_port_priority(now, no, value & 60); }
                7 => { let _ = bridge.set_root_block(now, no, on); }
                8 => { let _ = bridge.set_loop_guard(now, no, on); }
                9 => { let _ = bridge.set_bpdu_guard(now, no, value & 3 == 0); }
                10 => { let _ = bridge.set_recovery(no, on.then_some(Duration::from_secs(1))); }
                11 => { let _ = bridge.set_bpdu_filter(now, no, value & 3 == 0); }
                12 => { let _ = bridge.set_tc_guard(no, on); }
                13 => { let _ = bridge.set_edge(now, no, admin); }
                14 => { let _ = bridge.set_p2p(now, no, admin); }
                15 => { let _ = bridge.mcheck(now, no); }
                16 => { let _ = bridge.set_times(now, secs(1.0), secs(6.0), secs(4.0)); }
                17 => { let _ = bridge.set_tx_hold_count(now, 1 + value.to_be_bytes()[0] % 10); }
                _ => { let _ = bridge.receive(now, no, &frame); }
            }
            now = now + Duration::from_millis(wait);
            while let Some(at) = bridge.poll_timeout().filter(|at| *at <= now) {
                bridge.handle_timeout(at);
                prop_assert!(bridge.poll_timeout().is_none_or(|next| next > at));
            }
            prop_assert_eq!(bridge.info(now).overruns, 0);
            for no in bridge.ports() {
                let info = bridge.port_info(now, no).expect("it is there");
                let shut = info.inconsistent == Some(Inconsistent::Bpdu);
                prop_assert!(info.state == Disabled || (info.link && !shut));
                prop_assert!(info.inconsistent.is_none() || info.state != Forwarding);
            }
            while bridge.poll_output().is_some() {}
        }
    }
}
