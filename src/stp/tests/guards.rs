//! What guards do to a port.

use super::*;

#[test]
fn guard_disables_until_the_link_comes_up_again() {
    let mut bridge = bridge(2);
    bridge.set_guard(port(1), true);
    run(&mut bridge, secs(31.0));
    let mut unknown = frame(Bpdu::TopologyChange);
    unknown[20] = 0x02;
    assert_eq!(
        bridge.receive(secs(31.0), port(1), &unknown),
        Err(Ignored::Guarded),
        "also by a BPDU of unknown type"
    );
    assert_eq!(
        outputs(&mut bridge),
        [
            Output::SetState(port(1), Disabled),
            Output::Flush(port(1)),
            Output::Event(port(1), Event::Tripped(Inconsistent::Bpdu)),
        ]
    );
    bridge.set_guard(port(1), false);
    run(&mut bridge, secs(99.0));
    assert_eq!(states_of(&bridge, 2), [Disabled, Forwarding]);
    assert_eq!(
        bridge.receive(secs(99.0), port(1), &unknown),
        Err(Ignored::PortDisabled)
    );
    bridge.set_link(secs(99.0), port(1), false);
    bridge.set_link(secs(100.0), port(1), true);
    assert_eq!(states_of(&bridge, 2), [Listening, Forwarding]);
}

/// What guards say, in order, with the rest left out.
fn events(log: impl IntoIterator<Item = Output>) -> Vec<Event> {
    let event = |output| match output {
        Output::Event(_, event) => Some(event),
        _ => None,
    };
    log.into_iter().filter_map(event).collect()
}

#[test]
fn guard_lets_the_port_back_after_the_recovery_time() {
    let mut bridge = bridge(1);
    bridge.set_guard(port(1), true);
    let recovery = Some(Duration::from_secs(30));
    bridge.set_recovery(port(1), recovery).unwrap();
    run(&mut bridge, secs(31.0));
    let bpdu = frame(Bpdu::TopologyChange);
    assert!(bridge.receive(secs(31.0), port(1), &bpdu).is_err());
    let tripped = Event::Tripped(Inconsistent::Bpdu);
    assert_eq!(events(outputs(&mut bridge)), [tripped]);
    let info = bridge.port_info(secs(40.0), port(1)).unwrap();
    assert_eq!(info.inconsistent, Some(Inconsistent::Bpdu));
    assert_eq!(info.recovery_timer, Duration::from_secs(21));
    let log = run(&mut bridge, secs(61.0));
    assert!(log.contains(&(secs(61.0), Output::SetState(port(1), Listening))));
    assert_eq!(
        events(log.into_iter().map(|(_, output)| output)),
        [Event::Recovered(Inconsistent::Bpdu)]
    );
    // Armed again.
    assert!(bridge.receive(secs(62.0), port(1), &bpdu).is_err());
    assert_eq!(states_of(&bridge, 1), [Disabled]);
}

/// A bridge with the root behind port 1, and behind port 2 a neighbour that is nearer to it.
fn between(loop_guard: bool) -> Bridge {
    let mut bridge = bridge(2);
    bridge
        .set_loop_guard(Instant::ZERO, port(2), loop_guard)
        .unwrap();
    let near = Config {
        root_path_cost: 11,
        ..superior()
    };
    for second in 0..40 {
        let now = secs(f64::from(second));
        run(&mut bridge, now);
        receive(&mut bridge, now, 1, Bpdu::Config(superior()));
        receive(&mut bridge, now, 2, Bpdu::Config(near));
    }
    assert_eq!(states_of(&bridge, 2), [Forwarding, Blocking]);
    bridge
}

#[test]
fn loop_guard_does_not_take_silence_for_absence() {
    let silence = |bridge: &mut Bridge| {
        let mut log = Vec::new();
        for second in 40..60 {
            let now = secs(f64::from(second));
            log.extend(run(bridge, now).into_iter().map(|(_, output)| output));
            log.extend(receive(bridge, now, 1, Bpdu::Config(superior())));
        }
        log
    };
    let mut without = between(false);
    silence(&mut without);
    assert_eq!(states_of(&without, 2), [Forwarding; 2], "the disaster");

    let mut bridge = between(true);
    let log = silence(&mut bridge);
    assert_eq!(events(log), [Event::Tripped(Inconsistent::Loop)]);
    assert_eq!(states_of(&bridge, 2), [Forwarding, Blocking]);
    let info = bridge.port_info(secs(60.0), port(2)).unwrap();
    assert_eq!(info.inconsistent, Some(Inconsistent::Loop));
    // Anything that is heard ends it; an inferior one makes the port an ordinary designated port.
    let inferior = Config {
        root_path_cost: 99,
        ..superior()
    };
    let log = receive(&mut bridge, secs(60.0), 2, Bpdu::Config(inferior));
    assert_eq!(events(log), [Event::Recovered(Inconsistent::Loop)]);
    assert_eq!(states_of(&bridge, 2), [Forwarding, Listening]);
}

#[test]
fn bpdu_filter_neither_sends_nor_hears() {
    let mut bridge = bridge(2);
    bridge.set_bpdu_filter(port(1), true).unwrap();
    let log = run(&mut bridge, secs(40.0));
    let from = |no| move |(_, o): &(Instant, Output)| matches!(o, Output::Transmit(p, _) if *p == port(no));
    assert!(!log.iter().any(from(1)) && log.iter().any(from(2)));
    assert_eq!(
        bridge.receive(secs(40.0), port(1), &frame(Bpdu::Config(superior()))),
        Err(Ignored::Filtered)
    );
    assert_eq!(bridge.info(secs(40.0)).root_port, None);
    assert_eq!(bridge.port_info(secs(40.0), port(1)).unwrap().filtered, 1);
}

#[test]
fn tc_guard_acknowledges_and_does_nothing() {
    for guarded in [false, true] {
        let mut bridge = bridge(2);
        run(&mut bridge, secs(99.5));
        bridge.set_tc_guard(port(2), guarded).unwrap();
        let log = receive(&mut bridge, secs(99.5), 2, Bpdu::TopologyChange);
        let changing = bridge.info(secs(99.5)).topology_change;
        assert_eq!(changing, !guarded, "without guard, everybody forgets");
        let acknowledged =
            |o: &Output| matches!(o, Output::Transmit(_, Bpdu::Config(c)) if c.topology_change_ack);
        assert!(log.iter().any(acknowledged));
        assert_eq!(events(log).len(), usize::from(guarded));
        // Nor the word of the root.
        let root = Config {
            topology_change: true,
            ..superior()
        };
        receive(&mut bridge, secs(150.0), 2, Bpdu::Config(root));
        assert_eq!(bridge.info(secs(150.0)).topology_change, !guarded);
    }
}

#[test]
fn root_block_listens_as_long_as_there_is_a_better_root() {
    let mut bridge = bridge(1);
    bridge.set_root_block(port(1), true);
    run(&mut bridge, secs(31.0));
    for at in [31.0, 36.0, 45.0] {
        run(&mut bridge, secs(at));
        receive(&mut bridge, secs(at), 1, Bpdu::Config(superior()));
        assert_eq!(states_of(&bridge, 1), [Listening], "{at}");
        assert_eq!(bridge.info(secs(at)).root_port, None);
    }
    let inconsistent =
        |bridge: &Bridge, at| bridge.port_info(secs(at), port(1)).unwrap().inconsistent;
    assert_eq!(inconsistent(&bridge, 45.0), Some(Inconsistent::Root));
    run(&mut bridge, secs(60.0));
    assert_eq!(
        inconsistent(&bridge, 60.0),
        None,
        "what was heard is too old"
    );
    assert_eq!(states_of(&bridge, 1), [Learning]);
    run(&mut bridge, secs(75.0));
    assert_eq!(states_of(&bridge, 1), [Forwarding]);
}
