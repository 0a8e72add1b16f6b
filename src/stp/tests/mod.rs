use std::time::Duration;

use super::testnet::{End, Net, join, mac, port, secs};
use super::*;
use crate::switch::plan::PortState::{self, Blocking, Disabled, Forwarding, Learning, Listening};
use crate::time::Instant;
use crate::wire::{BPDU_TICK, Bpdu, BpduError, BridgeId, Config, MAX_BPDU_FRAME, MacAddr, PortId};

mod guards;
mod networks;

/// A bridge with spanning tree, up, whose ports 1 to n have links.
fn bridge(ports: u16) -> Bridge {
    let mut bridge = Bridge::new(mac(0));
    bridge.set_stp(Instant::ZERO, true);
    for no in 1..=ports {
        bridge.add_port(Instant::ZERO, port(no), 2);
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
    }
    log
}

/// What a better root says, two hops away.
fn superior() -> Config {
    Config {
        topology_change: false,
        topology_change_ack: false,
        root: BridgeId {
            priority: 0x1000,
            address: "00:00:5e:00:53:01".parse().unwrap(),
        },
        root_path_cost: 10,
        bridge: BridgeId {
            priority: 0x8000,
            address: "00:00:5e:00:53:02".parse().unwrap(),
        },
        port: PortId(0x8003),
        message_age: Duration::from_millis(500),
        max_age: Duration::from_secs(6),
        hello_time: Duration::from_secs(1),
        forward_delay: Duration::from_secs(2),
    }
}

fn frame(bpdu: Bpdu) -> Vec<u8> {
    bpdu.encode(MacAddr::BRIDGE_GROUP, mac(99), &mut [0; MAX_BPDU_FRAME])
        .to_vec()
}

fn receive(bridge: &mut Bridge, now: Instant, no: u16, bpdu: Bpdu) -> Vec<Output> {
    bridge.receive(now, port(no), &frame(bpdu)).unwrap();
    outputs(bridge)
}

fn states_of(bridge: &Bridge, ports: u16) -> Vec<PortState> {
    (1..=ports)
        .map(|no| bridge.port_state(port(no)).unwrap())
        .collect()
}

#[test]
fn alone_it_forwards_after_two_forward_delays_and_announces_that() {
    let mut bridge = bridge(1);
    let start = outputs(&mut bridge);
    assert_eq!(
        start,
        [Blocking, Listening].map(|state| Output::SetState(port(1), state)),
        "nothing is sent when a port comes up"
    );
    let log = run(&mut bridge, secs(70.0));
    let configs: Vec<(Instant, Config)> = log
        .iter()
        .filter_map(|(at, output)| match output {
            Output::Transmit(_, Bpdu::Config(config)) => Some((*at, *config)),
            _ => None,
        })
        .collect();
    assert_eq!(configs[0].0, secs(2.0), "the first hello");
    assert_eq!(configs[0].1.bridge, configs[0].1.root);
    assert!(
        configs
            .windows(2)
            .all(|w| w[1].0 - w[0].0 == Duration::from_secs(2))
    );
    // At 30 s the hello timer fires before the forward delay timer, at 64 s the change is still on.
    for (at, config) in &configs {
        assert_eq!(
            config.topology_change,
            *at > secs(30.0) && *at < secs(65.0),
            "{at}"
        );
    }
    let rest: Vec<_> = log
        .into_iter()
        .filter(|(_, output)| !matches!(output, Output::Transmit(..)))
        .collect();
    assert_eq!(
        rest,
        [
            (secs(15.0), Output::SetState(port(1), Learning)),
            (secs(30.0), Output::SetState(port(1), Forwarding)),
            (secs(30.0), Output::Hold(Duration::from_secs(15))),
            (secs(65.0), Output::Hold(Duration::from_secs(300))),
        ]
    );
    let xstats = bridge.xstats(port(1)).unwrap();
    assert_eq!(xstats.transition_fwd, 1);
    assert_eq!(
        xstats.transition_blk, 2,
        "once when added, once when enabled"
    );
    assert_eq!(xstats.tx_bpdu, 35);
}

#[test]
fn while_the_topology_changes_show_commands_see_twice_the_forward_delay() {
    let mut bridge = bridge(1);
    run(&mut bridge, secs(31.0));
    let info = bridge.info(secs(31.0));
    assert!(info.topology_change && info.topology_change_detected);
    assert_eq!(info.ageing_time, Duration::from_secs(30));
    assert_eq!(bridge.hold(), Duration::from_secs(15));
    assert_eq!(bridge.configured().ageing_time, Duration::from_secs(300));
    assert_eq!(info.topology_change_timer, Duration::from_secs(34));
    assert_eq!(info.hello_timer, Duration::from_secs(1));
    assert_eq!(info.bridge_id.to_string(), "8000.2:0:0:0:0:b0");
    assert_eq!((info.root_port, info.root_path_cost), (None, 0));
    let info = bridge.port_info(secs(31.0), port(1)).unwrap();
    assert_eq!((info.state, info.id), (Forwarding, PortId(0x8001)));
    assert_eq!(
        (info.designated_port, info.designated_cost),
        (PortId(0x8001), 0)
    );
}

#[test]
fn without_spanning_tree_ports_forward_at_once_and_bpdus_are_ignored() {
    let mut bridge = Bridge::new(mac(0));
    let now = secs(1.0);
    bridge.add_port(now, port(1), 2);
    bridge.set_up(now, true);
    assert!(!bridge.carrier());
    bridge.set_link(now, port(1), true);
    assert_eq!(
        outputs(&mut bridge),
        [Blocking, Forwarding].map(|state| Output::SetState(port(1), state))
    );
    assert!(bridge.carrier());
    assert_eq!(
        bridge.receive(now, port(1), &frame(Bpdu::Config(superior()))),
        Err(Ignored::Off)
    );
    // The kernel lets this timer run out to no effect, and shows it.
    assert_eq!(
        bridge.port_info(now, port(1)).unwrap().forward_delay_timer,
        Duration::from_secs(15)
    );
    assert_eq!(run(&mut bridge, secs(100.0)), []);
    assert_eq!(bridge.poll_timeout(), None);

    // By hand: blocking turns into forwarding, the others stay.
    for (asked, got) in [
        (Disabled, Disabled),
        (Listening, Listening),
        (Learning, Learning),
        (Forwarding, Forwarding),
        (Blocking, Forwarding),
    ] {
        bridge.set_port_state(now, port(1), asked).unwrap();
        assert_eq!(bridge.port_state(port(1)), Some(got));
    }
    assert_eq!(bridge.xstats(port(1)), Some(Xstats::default()));
}

#[test]
fn switched_on_at_run_time_it_does_not_disturb_ports_that_forward() {
    let mut bridge = Bridge::new(mac(0));
    bridge.add_port(Instant::ZERO, port(1), 2);
    bridge.set_link(Instant::ZERO, port(1), true);
    bridge.set_up(Instant::ZERO, true);
    bridge.set_forward_delay(Duration::ZERO).unwrap();
    outputs(&mut bridge);
    bridge.set_stp(secs(5.0), true);
    assert_eq!(outputs(&mut bridge), []);
    assert_eq!(bridge.port_state(port(1)), Some(Forwarding));
    assert_eq!(bridge.info(secs(5.0)).forward_delay, Duration::from_secs(2));
    assert_eq!(bridge.poll_timeout(), Some(secs(7.0)), "a hello time later");
    assert_eq!(
        bridge.set_port_state(secs(5.0), port(1), Disabled),
        Err(Refused::Busy)
    );
    // And off again, also not.
    bridge.set_stp(secs(6.0), false);
    assert_eq!(run(&mut bridge, secs(100.0)), []);
    assert_eq!(bridge.port_state(port(1)), Some(Forwarding));
}

#[test]
fn a_superior_root_is_followed_relayed_and_told_of_the_change() {
    let mut bridge = bridge(2);
    run(&mut bridge, secs(40.5));
    let at = secs(40.5);
    let sent = receive(&mut bridge, at, 1, Bpdu::Config(superior()));
    // The other port sent a hello half a second ago, so the relay waits for its hold timer.
    assert_eq!(
        sent,
        [
            Output::Transmit(port(1), Bpdu::TopologyChange),
            Output::Hold(Duration::from_secs(300))
        ],
        "the state stays, the notification goes at once, the root says that nothing changes"
    );
    assert_eq!(states_of(&bridge, 2), [Forwarding, Forwarding]);
    let info = bridge.info(at);
    assert_eq!((info.root_port, info.root_path_cost), (Some(port(1)), 12));
    assert_eq!(info.max_age, Duration::from_secs(6), "the root's times");
    assert_eq!(info.hello_timer, Duration::ZERO);

    let log = run(&mut bridge, secs(43.0));
    let relayed = log.iter().find_map(|(at, output)| match output {
        Output::Transmit(no, Bpdu::Config(config)) => Some((*at, *no, *config)),
        _ => None,
    });
    let (when, no, relayed) = relayed.unwrap();
    assert_eq!((when, no), (secs(41.0), port(2)));
    assert_eq!(relayed.message_age, Duration::from_secs(1) + BPDU_TICK);
    assert_eq!(
        (relayed.root, relayed.root_path_cost),
        (superior().root, 12)
    );
    assert_eq!(relayed.forward_delay, Duration::from_secs(2));
    let tcns = |log: &[(Instant, Output)]| -> Vec<Instant> {
        log.iter()
            .filter(|(_, o)| *o == Output::Transmit(port(1), Bpdu::TopologyChange))
            .map(|(at, _)| *at)
            .collect()
    };
    assert_eq!(tcns(&log), [secs(42.5)], "repeated every own hello time");

    let acknowledged = Config {
        topology_change_ack: true,
        topology_change: true,
        ..superior()
    };
    let sent = receive(&mut bridge, secs(43.0), 1, Bpdu::Config(acknowledged));
    assert_eq!(
        sent[0],
        Output::Hold(Duration::from_secs(2)),
        "the root's forward delay"
    );
    assert!(matches!(
        sent[1],
        Output::Transmit(
            _,
            Bpdu::Config(Config {
                topology_change: true,
                topology_change_ack: false,
                ..
            })
        )
    ));
    // Nothing more is heard: max age after the last one, it is the root again and says so.
    let log = run(&mut bridge, secs(48.6));
    assert_eq!(tcns(&log), []);
    let info = bridge.info(secs(48.6));
    assert_eq!(
        (info.root_id, info.max_age),
        (info.bridge_id, Duration::from_secs(20))
    );
    assert!(info.topology_change);
    assert!(log.iter().any(|(at, o)| *at == secs(48.5)
        && matches!(o, Output::Transmit(_, Bpdu::Config(c)) if c.topology_change && c.root == info.bridge_id)));
}

#[test]
fn a_notification_is_acknowledged_on_its_port_only() {
    let mut bridge = bridge(2);
    run(&mut bridge, secs(3.5));
    let sent = receive(&mut bridge, secs(3.5), 2, Bpdu::TopologyChange);
    let flags = |output: &Output| match output {
        Output::Transmit(no, Bpdu::Config(c)) => {
            Some((no.get(), c.topology_change, c.topology_change_ack))
        }
        _ => None,
    };
    assert_eq!(
        sent.iter().filter_map(flags).collect::<Vec<_>>(),
        [(2, true, true)]
    );
    let log = run(&mut bridge, secs(4.6));
    let mut next: Vec<_> = log.iter().filter_map(|(_, output)| flags(output)).collect();
    next.sort_unstable();
    assert_eq!(next, [(1, true, false), (2, true, false)]);
    assert_eq!(bridge.xstats(port(2)).unwrap().rx_tcn, 1);
}

#[test]
fn an_inferior_bpdu_is_answered_and_not_believed() {
    let mut bridge = bridge(1);
    let inferior = Config {
        root: BridgeId {
            priority: 0x9000,
            address: mac(7),
        },
        bridge: BridgeId {
            priority: 0x9000,
            address: mac(7),
        },
        ..superior()
    };
    outputs(&mut bridge);
    let sent = receive(&mut bridge, secs(1.0), 1, Bpdu::Config(inferior));
    assert!(matches!(sent[..], [Output::Transmit(_, Bpdu::Config(c))] if c.root == c.bridge));
    let held = receive(&mut bridge, secs(1.5), 1, Bpdu::Config(inferior));
    assert_eq!(held, [], "not twice in a second");
    assert!(bridge.port_info(secs(1.5), port(1)).unwrap().config_pending);
    assert_eq!(
        run(&mut bridge, secs(2.0)).len(),
        1,
        "one for the hold timer and the hello"
    );
}

#[test]
fn age_equal_to_max_age_counts_for_an_instant() {
    let mut bridge = bridge(1);
    run(&mut bridge, secs(31.0));
    let old = Config {
        message_age: Duration::from_secs(6),
        ..superior()
    };
    let sent = receive(&mut bridge, secs(31.0), 1, Bpdu::Config(old));
    assert!(sent.contains(&Output::Transmit(port(1), Bpdu::TopologyChange)));
    assert!(bridge.info(secs(31.0)).root_port.is_some());
    run(&mut bridge, secs(31.0) + BPDU_TICK);
    assert!(bridge.info(secs(31.1)).root_port.is_none());
    let too_old = Config {
        message_age: Duration::from_secs(6) + BPDU_TICK,
        ..superior()
    };
    assert!(matches!(
        bridge.receive(secs(32.0), port(1), &frame(Bpdu::Config(too_old))),
        Err(Ignored::Malformed(BpduError::TooOld { .. }))
    ));
}

#[test]
fn parameters_have_the_kernels_ranges() {
    let mut bridge = bridge(1);
    let secs = Duration::from_secs;
    for (low, high, set) in [
        (
            1,
            10,
            Bridge::set_hello_time as fn(&mut Bridge, Duration) -> Result<(), Refused>,
        ),
        (6, 40, Bridge::set_max_age),
        (2, 30, Bridge::set_forward_delay),
    ] {
        for good in [low, high] {
            assert_eq!(set(&mut bridge, secs(good)), Ok(()));
        }
        for bad in [secs(low) - BPDU_TICK, secs(high) + BPDU_TICK] {
            assert!(matches!(set(&mut bridge, bad), Err(Refused::Time { .. })));
        }
    }
    let now = Instant::ZERO;
    assert_eq!(
        bridge.info(now).hello_time,
        secs(10),
        "at once, as we are the root"
    );
    assert!(bridge.set_path_cost(now, port(1), 0).is_err());
    assert!(bridge.set_path_cost(now, port(1), 65_536).is_err());
    assert!(bridge.set_path_cost(now, port(1), 65_535).is_ok());
    bridge.set_speed_cost(port(1), 2);
    assert_eq!(bridge.port_info(now, port(1)).unwrap().cost, 65_535);
    assert!(bridge.set_port_priority(now, port(1), 64).is_err());
    assert!(bridge.set_port_priority(now, port(1), 63).is_ok());
    assert_eq!(bridge.port_info(now, port(1)).unwrap().id, PortId(0xfc01));
    assert_eq!(
        bridge.set_path_cost(now, port(9), 1),
        Err(Refused::NoPort(port(9)))
    );
}

#[test]
fn bpdus_to_another_address_or_while_down_are_ignored() {
    let mut bridge = bridge(1);
    let bpdu = frame(Bpdu::Config(superior()));
    let group: MacAddr = "01:80:c2:00:00:08".parse().unwrap();
    bridge.set_group_address(group);
    assert_eq!(
        bridge.receive(secs(1.0), port(1), &bpdu),
        Err(Ignored::Destination(MacAddr::BRIDGE_GROUP))
    );
    assert_eq!(
        bridge.receive(secs(1.0), port(5), &bpdu),
        Err(Ignored::NoPort(port(5)))
    );
    bridge.set_up(secs(2.0), false);
    assert_eq!(
        bridge.receive(secs(3.0), port(1), &bpdu),
        Err(Ignored::Down)
    );
    assert_eq!(bridge.poll_timeout(), None);
}

#[test]
fn a_neighbour_who_dictates_zero_times_does_not_keep_us_busy() {
    let mut bridge = bridge(2);
    let zero = Config {
        message_age: Duration::ZERO,
        max_age: Duration::ZERO,
        hello_time: Duration::ZERO,
        forward_delay: Duration::ZERO,
        ..superior()
    };
    for step in 1..=100 {
        let at = secs(f64::from(step) * 0.01);
        receive(&mut bridge, at, 1, Bpdu::Config(zero));
        bridge.set_stp(at, step % 2 == 0);
        bridge.set_stp(at, true);
        bridge.handle_timeout(at);
        assert!(bridge.poll_timeout().is_some_and(|next| next > at));
    }
}

#[test]
fn a_changed_address_or_priority_changes_the_identifier_at_once() {
    let mut net = Net::new(2);
    net.link((0, 1), (1, 1));
    net.set_up(0, true);
    net.set_up(1, true);
    net.run(secs(40.0));
    assert_eq!(net.root(1).address, mac(0));
    net.act(1, |bridge, now| bridge.set_priority(now, 0x1000));
    net.run(secs(43.0));
    assert_eq!(
        (net.root(0).priority, net.root(0).address),
        (0x1000, mac(1))
    );
    net.act(1, |bridge, now| bridge.set_address(now, mac(9)));
    assert_eq!(net.root(1).address, mac(9));
    net.act(1, |bridge, now| bridge.set_priority(now, 0xf000));
    net.run(secs(80.0));
    assert_eq!((net.root(0).address, net.root(1).address), (mac(0), mac(0)));
    assert_eq!(
        (net.state((0, 1)), net.state((1, 1))),
        (Forwarding, Forwarding)
    );
}
