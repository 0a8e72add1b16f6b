use super::*;
use crate::stp::rstp::Role;
use crate::stp::{Event, Inconsistent};
use crate::wire::{Bpdu, MAX_BPDU_FRAME};
use PortState::{Blocking, Disabled, Forwarding, Listening};

const T0: Instant = Instant::from_secs(1);

fn port(no: u16) -> PortNo {
    PortNo::new(no).expect("a port number")
}

/// A bridge that is up, with two ports that have links.
fn bridge() -> Tree {
    let mut tree = Tree::new(MacAddr::new([2, 0, 0, 0, 0, 1]));
    for no in [1, 2] {
        tree.add_port(T0, port(no), Some(10_000));
        tree.set_link(T0, port(no), true, Some(10_000));
    }
    tree.set_up(T0, true);
    tree
}

fn outputs(tree: &mut Tree) -> Vec<Output> {
    std::iter::from_fn(|| tree.poll_output()).collect()
}

fn states(tree: &Tree) -> [Option<PortState>; 2] {
    [1, 2].map(|no| tree.port_state(port(no)))
}

/// The BPDU that another bridge, a better one, sends by its only port.
fn superior() -> Vec<u8> {
    let mut root = Tree::new(MacAddr::new([2, 0, 0, 0, 0, 0]));
    root.set_mode(T0, Mode::Rstp).expect("defaults fit");
    root.set_stp(T0, true);
    root.add_port(T0, port(7), None);
    root.set_link(T0, port(7), true, None);
    root.set_up(T0, true);
    let sent = outputs(&mut root)
        .into_iter()
        .find_map(|output| match output {
            Output::Transmit(_, bpdu @ Bpdu::Rapid(_)) => Some(bpdu),
            _ => None,
        });
    let mut buffer = [0; MAX_BPDU_FRAME];
    let bpdu = sent.expect("a designated port says so");
    bpdu.encode(
        MacAddr::BRIDGE_GROUP,
        MacAddr::new([2, 0, 0, 0, 0, 7]),
        &mut buffer,
    )
    .to_vec()
}

#[test]
fn while_it_is_off_the_mode_changes_costs_only() {
    let mut tree = bridge();
    outputs(&mut tree);
    assert_eq!(states(&tree), [Some(Forwarding); 2]);
    let cost = |tree: &Tree| tree.port_info(T0, port(1)).expect("a port").cost;
    assert_eq!(cost(&tree), 2);
    tree.set_mode(T0, Mode::Rstp).expect("defaults fit");
    assert_eq!((cost(&tree), tree.max_cost()), (2_000, 200_000_000));
    assert_eq!(states(&tree), [Some(Forwarding); 2]);
    assert_eq!(outputs(&mut tree), []);
    tree.set_mode(T0, Mode::Stp).expect("defaults fit");
    assert_eq!((cost(&tree), tree.max_cost()), (2, 65_535));
}

#[test]
fn on_with_rstp_ports_discard_before_anything_is_said() {
    let mut tree = bridge();
    tree.set_mode(T0, Mode::Rstp).expect("defaults fit");
    outputs(&mut tree);
    tree.set_stp(T0, true);
    assert_eq!(states(&tree), [Some(Blocking); 2]);
    let outputs = outputs(&mut tree);
    let at = |wanted: Output| outputs.iter().position(|output| *output == wanted);
    let sent = outputs
        .iter()
        .position(|output| matches!(output, Output::Transmit(..)));
    for no in [1, 2] {
        assert!(at(Output::Flush(port(no))) < sent);
        assert!(at(Output::SetState(port(no), Blocking)) < sent);
    }
    assert!(sent.is_some());

    // Nobody answers: both are edge ports after 3 s.
    let then = T0 + Duration::from_secs(3);
    tree.handle_timeout(T0 + Duration::from_secs(2));
    let status = tree
        .port_status(T0 + Duration::from_secs(2), port(1))
        .expect("a port");
    assert_eq!(status.forwards_in, Some(Duration::from_secs(1)));
    tree.handle_timeout(then);
    assert_eq!(states(&tree), [Some(Forwarding); 2]);
    let status = tree.port_status(then, port(1)).expect("a port");
    assert_eq!(
        (status.role, status.edge, status.forwards_in),
        (Role::Designated, true, None)
    );

    tree.set_stp(then, false);
    assert_eq!(states(&tree), [Some(Forwarding); 2]);
    assert!(!tree.stp());
    assert_eq!(tree.status().mode, Mode::Rstp);
}

#[test]
fn a_running_tree_starts_anew_in_the_other_mode_and_keeps_what_is_set() {
    let mut tree = bridge();
    tree.set_stp(T0, true);
    tree.set_guard(T0, port(1), true);
    tree.set_port_priority(T0, port(2), 8).expect("in range");
    tree.set_path_cost(T0, port(2), 77).expect("in range");
    tree.set_ageing_time(Duration::from_secs(60));
    outputs(&mut tree);
    assert_eq!(states(&tree), [Some(Forwarding); 2]); // as in Linux

    tree.set_mode(T0, Mode::Rstp).expect("what is set fits");
    assert_eq!(states(&tree), [Some(Blocking); 2]);
    let info = tree.port_info(T0, port(2)).expect("a port");
    assert_eq!((info.priority, info.cost, info.id.0), (8, 77, 8 << 10 | 2));
    assert_eq!(tree.hold(), Duration::from_secs(60));
    assert_eq!(
        tree.receive(T0, port(1), &superior()),
        Err(Ignored::Guarded)
    );
    assert_eq!(states(&tree), [Some(Disabled), Some(Blocking)]);
    let status = tree.port_status(T0, port(1)).expect("a port");
    assert_eq!(status.inconsistent, Some(Inconsistent::Bpdu));
    assert_eq!(status.ignored[Ignored::Guarded.index()], 1);
    let event = Output::Event(port(1), Event::Tripped(Inconsistent::Bpdu));
    assert!(outputs(&mut tree).contains(&event));

    // And back: what was shut is open again, and what BPDUs were counted stays counted.
    let sent = tree.xstats(port(2)).expect("a port").tx_bpdu;
    assert!(sent > 0);
    tree.set_mode(T0, Mode::Stp).expect("what is set fits");
    assert_eq!(states(&tree), [Some(Listening); 2]);
    assert_eq!(tree.xstats(port(2)).expect("a port").tx_bpdu, sent);
    let status = tree.port_status(T0, port(2)).expect("a port");
    assert_eq!(status.forwards_in, Some(Duration::from_secs(30)));
}

#[test]
fn a_port_that_is_disabled_by_the_change_is_said_to_be() {
    let mut tree = bridge();
    tree.set_link(T0, port(2), false, None);
    tree.set_mode(T0, Mode::Rstp).expect("defaults fit");
    outputs(&mut tree);
    // By hand, while it is off: a state that no link vouches for.
    tree.set_port_state(T0, port(2), Forwarding)
        .expect("it is off");
    outputs(&mut tree);
    tree.set_stp(T0, true);
    assert!(outputs(&mut tree).contains(&Output::SetState(port(2), Disabled)));
}

#[test]
fn a_mode_is_refused_where_what_is_set_does_not_fit() {
    type Set = fn(&mut Tree);
    let cases: [(Mode, Set, &str); 5] = [
        (
            Mode::Rstp,
            |t| _ = t.set_priority(T0, 100),
            "priority 100 is not a multiple of 4096",
        ),
        (
            Mode::Rstp,
            |t| _ = t.set_port_priority(T0, port(2), 33),
            "port priority 33 is not a multiple of 4",
        ),
        (
            Mode::Rstp,
            |t| {
                let max_age = Some(Duration::from_secs(40));
                _ = t.set_times(
                    T0,
                    Times {
                        max_age,
                        ..Times::default()
                    },
                );
            },
            "hello time 2s, max age 40s and forward delay 15s do not fit: \
             2 * (forward delay - 1 s) >= max age >= 2 * (hello time + 1 s)",
        ),
        (
            Mode::Rstp,
            |t| {
                let forward_delay = Some(Duration::ZERO);
                _ = t.set_times(
                    T0,
                    Times {
                        forward_delay,
                        ..Times::default()
                    },
                );
            },
            "forward delay 0ns is outside 4s to 30s",
        ),
        (
            Mode::Stp,
            |t| {
                _ = t.set_mode(T0, Mode::Rstp);
                _ = t.set_path_cost(T0, port(2), 65_536);
            },
            "path cost 65536 is outside 1 to 65535",
        ),
    ];
    for (mode, set, why) in cases {
        let mut tree = bridge();
        set(&mut tree);
        let before = tree.status();
        let (_, refused) = tree.set_mode(T0, mode).expect_err(why);
        assert_eq!(refused.to_string(), why);
        assert_eq!(tree.status(), before);
    }
}

#[test]
fn with_rstp_times_are_taken_together_or_not_at_all() {
    let seconds = |n| Some(Duration::from_secs(n));
    for on in [false, true] {
        let mut tree = bridge();
        tree.set_mode(T0, Mode::Rstp).expect("defaults fit");
        tree.set_stp(T0, on);
        let shown = |tree: &Tree| {
            let info = tree.info(T0);
            [info.hello_time, info.max_age, info.forward_delay].map(|time| time.as_secs())
        };
        let quick = Times {
            forward_delay: seconds(4),
            hello_time: seconds(1),
            max_age: seconds(6),
        };
        let slow = Times {
            forward_delay: seconds(30),
            hello_time: None,
            max_age: seconds(40),
        };
        tree.set_times(T0, quick).expect("they fit");
        assert_eq!(shown(&tree), [1, 6, 4]);
        tree.set_times(
            T0,
            Times {
                max_age: seconds(7),
                ..slow
            },
        )
        .expect("they fit");
        let unfit = Times {
            max_age: seconds(3),
            ..slow
        };
        assert!(tree.set_times(T0, unfit).is_err());
        assert_eq!(shown(&tree), [1, 7, 30]);
        tree.set_times(T0, slow).expect("they fit");
        assert_eq!(shown(&tree), [1, 40, 30]);
    }
}

#[test]
fn root_block_and_loop_guard_exclude_each_other_in_both_modes() {
    for mode in [Mode::Stp, Mode::Rstp] {
        let mut tree = bridge();
        tree.set_mode(T0, mode).expect("defaults fit");
        tree.set_stp(T0, true);
        tree.set_loop_guard(T0, port(1), true).expect("alone");
        assert_eq!(
            tree.set_root_block(T0, port(1), true),
            Err(Refused::Exclusive)
        );
        tree.set_root_block(T0, port(2), true).expect("alone");
        assert_eq!(
            tree.set_loop_guard(T0, port(2), true),
            Err(Refused::Exclusive)
        );
    }
}

#[test]
fn a_speed_set_by_hand_counts_in_both_modes() {
    let mut tree = bridge();
    let cost = |tree: &Tree| tree.port_info(T0, port(1)).expect("a port").cost;
    tree.set_speed(T0, port(1), Some(100)).expect("a port");
    assert_eq!(cost(&tree), 19);
    tree.set_mode(T0, Mode::Rstp).expect("defaults fit");
    tree.set_stp(T0, true);
    assert_eq!(cost(&tree), 200_000);
    // The netdev's own does not, until it is asked for again.
    tree.set_link(T0, port(1), true, Some(1_000));
    assert_eq!(cost(&tree), 200_000);
    tree.set_speed(T0, port(1), None).expect("a port");
    assert_eq!(cost(&tree), 20_000);
    tree.set_path_cost(T0, port(1), 5).expect("in range");
    tree.set_speed(T0, port(1), Some(10)).expect("a port");
    assert_eq!(cost(&tree), 5);
}
