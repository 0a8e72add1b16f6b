//! What guards prevent: each disaster first without the guard, then with it.

use tapswitch::stp::rstp::{Admin, Role};
use tapswitch::stp::{Event, Inconsistent, Refused};
use tapswitch::switch::plan::PortState::{Blocking, Disabled, Forwarding};
use tapswitch::time::Duration;

use crate::net::{End, Net, Watch, id, port, secs};

/// Bridges 0, 1, 2 in a ring of links 0–1, 1–2, 2–0, up and converged. Port 2 of bridge 1 and port 1 of
/// bridge 2 are the ends of the link that is not needed; it is the latter that blocks.
fn triangle() -> Net {
    let mut net = Net::new(23, Watch::Loops);
    for _ in 0..3 {
        net.rapid();
    }
    net.join(&[0, 1]);
    net.join(&[1, 2]);
    net.join(&[2, 0]);
    for bridge in 0..3 {
        net.set_up(bridge, true);
    }
    net.run(secs(10.0));
    net.check();
    assert_eq!(net.info((2, 1)).role, Role::Alternate);
    net
}

/// A stranger's bridge with the best priority there is, on a port of bridge 1 that is meant for a host.
fn stranger(net: &mut Net) -> (usize, End) {
    let stranger = net.rapid();
    net.set_priority(stranger, 0);
    let segment = net.join(&[1, stranger]);
    (stranger, net.ends(segment)[0])
}

fn events(net: &Net, end: End) -> Vec<Event> {
    let of_end = net.events.iter().filter(|(_, e, _)| *e == end);
    let guards = |e: &Event| {
        matches!(
            e,
            Event::Tripped(_) | Event::Recovered(_) | Event::ChangeIgnored
        )
    };
    of_end.map(|(_, _, event)| *event).filter(guards).collect()
}

#[test]
fn bpdu_guard_shuts_the_port_and_lets_it_back() {
    let mut net = triangle();
    let (bad, end) = stranger(&mut net);
    net.set_up(bad, true);
    net.run(secs(2.0));
    assert_eq!(net.root(0), id(0, bad), "the stranger has taken over");

    let mut net = triangle();
    let (bad, end2) = stranger(&mut net);
    assert_eq!(end, end2);
    net.with(1, |b, now| b.set_bpdu_guard(now, port(end.1), true))
        .unwrap();
    net.with(1, |b, _| b.set_recovery(port(end.1), Some(secs(30.0))))
        .unwrap();
    net.set_up(bad, true);
    net.run(secs(2.0));
    assert_eq!(net.root(0), id(0x8000, 0));
    let info = net.info(end);
    assert_eq!(
        (info.state, info.inconsistent),
        (Disabled, Some(Inconsistent::Bpdu))
    );
    assert!(info.recovery_timer > secs(27.0));
    assert_eq!(events(&net, end), [Event::Tripped(Inconsistent::Bpdu)]);
    // He is still there when the time is up, and trips it again.
    net.run(secs(40.0));
    assert_eq!(net.info(end).state, Disabled);
    assert_eq!(events(&net, end).len(), 3);
    assert_eq!(net.root(0), id(0x8000, 0));
    // He goes.
    net.set_up(bad, false);
    net.run(secs(60.0));
    assert_eq!(net.info(end).inconsistent, None);
    assert_eq!(net.state(end), Forwarding);
    assert_eq!(
        events(&net, end).last(),
        Some(&Event::Recovered(Inconsistent::Bpdu))
    );
    assert_eq!(net.looped, Duration::ZERO);
}

#[test]
fn without_recovery_time_the_link_has_to_go_down_and_up() {
    let mut net = triangle();
    let (bad, end) = stranger(&mut net);
    net.with(1, |b, now| b.set_bpdu_guard(now, port(end.1), true))
        .unwrap();
    net.set_up(bad, true);
    net.run(secs(1000.0));
    assert_eq!(net.info(end).inconsistent, Some(Inconsistent::Bpdu));
    net.set_up(bad, false);
    net.run(secs(1.0));
    net.with(1, |b, now| {
        b.set_link(now, port(end.1), false);
        b.set_link(now, port(end.1), true);
    });
    assert_eq!(net.info(end).inconsistent, None);
    net.run(secs(4.0));
    assert_eq!(net.state(end), Forwarding);
}

#[test]
fn root_guard_keeps_the_root_where_it_is() {
    let mut net = triangle();
    let (bad, end) = stranger(&mut net);
    net.with(1, |b, now| b.set_root_block(now, port(end.1), true))
        .unwrap();
    net.set_up(bad, true);
    net.run(secs(20.0));
    assert!((0..3).all(|bridge| net.root(bridge) == id(0x8000, 0)));
    let info = net.info(end);
    assert_eq!(
        (info.state, info.inconsistent),
        (Blocking, Some(Inconsistent::Root))
    );
    assert_eq!(events(&net, end), [Event::Tripped(Inconsistent::Root)]);
    // A neighbour that is no better is welcome, and the port recovers by itself.
    net.set_priority(bad, 0xf000);
    net.run(secs(5.0));
    let info = net.info(end);
    assert_eq!((info.state, info.inconsistent), (Forwarding, None));
    assert_eq!(net.root(bad), id(0x8000, 0));
    // Silence helps as well, after three hello times.
    net.set_priority(bad, 0);
    net.run(secs(1.0));
    assert_eq!(net.info(end).inconsistent, Some(Inconsistent::Root));
    net.set_up(bad, false);
    net.run(secs(7.0));
    assert_eq!(net.info(end).inconsistent, None);
}

#[test]
fn loop_guard_does_not_take_silence_for_absence() {
    // BPDUs get lost on the redundant link in both directions, frames do not.
    let silence = |net: &mut Net| {
        net.deaf = vec![(1, 2), (2, 1)];
        net.run(secs(30.0));
    };
    let mut net = triangle();
    silence(&mut net);
    assert!(net.cycle(), "the disaster");
    assert!(net.looped > secs(10.0));

    let mut net = triangle();
    let end = (2, 1);
    net.with(2, |b, now| b.set_loop_guard(now, port(1), true))
        .unwrap();
    silence(&mut net);
    assert_eq!(net.looped, Duration::ZERO);
    let info = net.info(end);
    assert_eq!(
        (info.state, info.inconsistent),
        (Blocking, Some(Inconsistent::Loop))
    );
    assert_eq!(events(&net, end), [Event::Tripped(Inconsistent::Loop)]);
    net.deaf.clear();
    net.run(secs(3.0));
    net.check();
    assert_eq!(net.info(end).inconsistent, None);
    assert_eq!(
        events(&net, end).last(),
        Some(&Event::Recovered(Inconsistent::Loop))
    );
    // A link that goes down is not silence, and a guarded port may still become the way to the root.
    net.set_segment(2, false);
    net.run(secs(10.0));
    net.check();
    assert_eq!(net.info(end).role, Role::Root);
    assert_eq!(events(&net, end).len(), 2);
}

#[test]
fn loop_guard_and_root_guard_exclude_each_other() {
    let mut net = triangle();
    net.with(2, |b, now| b.set_loop_guard(now, port(1), true))
        .unwrap();
    let refused = net.with(2, |b, now| b.set_root_block(now, port(1), true));
    assert_eq!(refused, Err(Refused::Exclusive));
    net.with(2, |b, now| b.set_loop_guard(now, port(1), false))
        .unwrap();
    net.with(2, |b, now| b.set_root_block(now, port(1), true))
        .unwrap();
    let refused = net.with(2, |b, now| b.set_loop_guard(now, port(1), true));
    assert_eq!(refused, Err(Refused::Exclusive));
}

#[test]
fn bpdu_filter_separates_trees_and_takes_the_protection_with_it() {
    let mut net = triangle();
    let (bad, end) = stranger(&mut net);
    net.with(1, |b, now| b.set_bpdu_filter(now, port(end.1), true))
        .unwrap();
    net.set_up(bad, true);
    let before = net.bpdus.len();
    net.run(secs(20.0));
    assert_eq!((net.root(0), net.root(bad)), (id(0x8000, 0), id(0, bad)));
    assert_eq!(net.state(end), Forwarding);
    assert!(
        net.bpdus[before..].iter().all(|(_, from, _)| *from != end),
        "none leaves"
    );
    assert!(net.info(end).filtered > 5);

    // With BPDU guard, a BPDU shuts the port before it is filtered.
    net.with(1, |b, now| b.set_bpdu_guard(now, port(end.1), true))
        .unwrap();
    net.run(secs(3.0));
    assert_eq!(net.state(end), Disabled);

    // On a link of the ring it is a loop: nothing else protects from that.
    let mut net = triangle();
    net.with(2, |b, now| b.set_bpdu_filter(now, port(1), true))
        .unwrap();
    net.run(secs(30.0));
    assert!(net.cycle());
    net.with(2, |b, now| b.set_bpdu_filter(now, port(1), false))
        .unwrap();
    net.run(secs(5.0));
    net.check();
}

#[test]
fn tc_guard_keeps_the_restlessness_of_others_out() {
    let flap = |net: &mut Net, bad: usize| {
        net.set_priority(bad, 0xf000);
        net.set_up(bad, true);
        let host = net.host(bad);
        net.with(bad, |b, now| b.set_edge(now, port(host.1), Admin::Off))
            .unwrap();
        net.run(secs(60.0));
        net.flushed.clear();
        for _ in 0..3 {
            net.with(bad, |b, now| b.set_link(now, port(host.1), false));
            net.run(secs(1.0));
            net.with(bad, |b, now| b.set_link(now, port(host.1), true));
            net.run(secs(40.0));
        }
        net.flushed.iter().filter(|(_, end)| end.0 < 3).count()
    };
    let mut net = triangle();
    let (bad, _) = stranger(&mut net);
    assert!(
        flap(&mut net, bad) >= 9,
        "everybody forgets everything, three times"
    );

    let mut net = triangle();
    let (bad, end) = stranger(&mut net);
    net.with(1, |b, _| b.set_tc_guard(port(end.1), true))
        .unwrap();
    assert_eq!(flap(&mut net, bad), 0);
    let ignored = events(&net, end);
    assert_eq!(ignored, vec![Event::ChangeIgnored; ignored.len()]);
    assert!(ignored.len() >= 3);
    assert_eq!(net.info(end).changes_ignored, ignored.len() as u64);
}
