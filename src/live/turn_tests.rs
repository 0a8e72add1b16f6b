//! Turns over attachments in memory: a bridge of three ports, each with a wire.

use std::sync::Arc;

use super::*;
use crate::attach::memory::Memory;
use crate::live::wiring::Link;
use crate::switch::plan::{FloodSets, PortState};
use crate::switch::{
    Fdb, Plan, PlanAttachment, PlanBridge, PlanNetdev, PlanPort, PortNo, PortSet, Receive, Side,
    Transmit, originate,
};
use crate::time::Duration;
use crate::wire::MacAddr;

const NOW: Instant = Instant::from_secs(1);

/// Attachment 0 is the bridge's stack, with nothing behind it; 1 to 3 are wires.
struct Bench {
    wiring: Wiring,
    far: Vec<Memory>,
    turn: Turn,
}

const fn station(n: u8) -> MacAddr {
    MacAddr::new([0x02, 0, 0, 0, 0, n])
}

fn frame(destination: MacAddr, source: MacAddr) -> Vec<u8> {
    let mut octets = vec![0; 60];
    octets[..6].copy_from_slice(&destination.octets());
    octets[6..12].copy_from_slice(&source.octets());
    octets[12..14].copy_from_slice(&[0x88, 0xb5]);
    octets
}

fn netdev(mac: MacAddr, receive: Receive, transmit: Transmit, stack: AttachmentId) -> PlanNetdev {
    PlanNetdev {
        up: true,
        mac,
        mtu: 1500,
        receive,
        transmit,
        stack,
        uppers: None,
    }
}

fn port(n: u16) -> PortNo {
    PortNo::new(n).unwrap()
}

impl Bench {
    fn new(capacity: usize) -> Self {
        let ports: PortSet = (1..=3).map(port).collect();
        let flood = FloodSets {
            unicast: ports,
            multicast: ports,
            broadcast: ports,
        };
        let mut plan = Plan::default();
        plan.netdevs.push(netdev(
            MacAddr::new([2, 0xff, 0, 0, 0, 0]),
            Receive::Stack,
            Transmit::Bridge(0),
            AttachmentId(0),
        ));
        plan.attachments.push(PlanAttachment {
            netdev: NetdevId(0),
            side: Side::Stack,
        });
        let mut bridge_ports = vec![None];
        for n in 1..=3u8 {
            let id = u32::from(n);
            plan.netdevs.push(netdev(
                MacAddr::new([2, 0xff, 0, 0, 0, n]),
                Receive::Bridge(0, port(n.into())),
                Transmit::Wire(AttachmentId(id)),
                AttachmentId(0),
            ));
            plan.attachments.push(PlanAttachment {
                netdev: NetdevId(id),
                side: Side::Wire,
            });
            bridge_ports.push(Some(PlanPort {
                netdev: NetdevId(id),
                state: PortState::Forwarding,
                pvid: None,
                learning: true,
                locked: false,
                mab: false,
                hairpin: false,
                isolated: false,
                group_fwd_mask: 0,
                carrier: true,
                backup: None,
                barred: [port(n.into())].into_iter().collect(),
                guard: None,
            }));
        }
        plan.bridges.push(PlanBridge {
            netdev: NetdevId(0),
            fdb: Arc::new(Fdb::with_seed(1)),
            hold: Duration::from_secs(300),
            promiscuous: false,
            bpdu: None,
            group_fwd_mask: 0,
            no_linklocal_learn: false,
            carrier: true,
            dhcp_trusted: None,
            neighbours: None,
            vlans: None,
            multicast: None,
            ports: bridge_ports,
            flood,
            host_flood: flood,
        });
        let (near, far): (Vec<_>, Vec<_>) = (0..3).map(|_| Memory::pair(capacity)).unzip();
        let links = near.into_iter().zip(1u64..).map(|(end, generation)| {
            Some(Link {
                attachment: Arc::new(end),
                worker: 0,
                generation,
            })
        });
        let wiring = Wiring {
            plan: Arc::new(plan),
            links: std::iter::once(None).chain(links).collect(),
        };
        Self {
            wiring,
            far,
            turn: Turn::default(),
        }
    }

    /// One turn of the attachment 1, 2 or 3.
    fn turn(&mut self, n: u32) -> Ingress {
        let id = AttachmentId(n);
        let link = self.wiring.link(id).unwrap();
        self.turn.run(&self.wiring, NOW, id, &*link.attachment)
    }

    fn far(&self, n: usize) -> &Memory {
        &self.far[n - 1]
    }
}

#[test]
fn a_turn_forwards() {
    let mut bench = Bench::new(8);
    bench
        .far(1)
        .send([&frame(MacAddr::BROADCAST, station(1)), &[]])
        .unwrap();
    assert_eq!(bench.turn(1), Ingress::Dry);
    assert!(bench.far(2).take().is_some() && bench.far(3).take().is_some());
    assert_eq!(bench.far(1).take(), None);

    bench
        .far(2)
        .send([&frame(station(1), station(2)), &[]])
        .unwrap();
    bench.turn(2);
    assert_eq!(bench.far(1).take(), Some(frame(station(1), station(2))));
    assert_eq!(bench.far(3).take(), None);

    // The broadcast also went up to the bridge's stack, where nobody is.
    assert_eq!(bench.turn.counters.attachments[0].tx_unattached, 1);
    assert!(bench.turn.counters.attachments.iter().all(|c| c.add_up()));
}

#[test]
fn a_turn_takes_64_frames() {
    let mut bench = Bench::new(200);
    for _ in 0..65 {
        bench
            .far(1)
            .send([&frame(station(2), station(1)), &[]])
            .unwrap();
    }
    assert_eq!(bench.turn(1), Ingress::More);
    assert_eq!(bench.turn.counters.attachments[1].frames_in, 64);
    assert_eq!(bench.turn(1), Ingress::Dry);
    assert_eq!(bench.turn.counters.attachments[1].frames_in, 65);
}

#[test]
fn a_full_queue_loses_and_counts() {
    let mut bench = Bench::new(2);
    for _ in 0..2 {
        for _ in 0..2 {
            bench
                .far(1)
                .send([&frame(station(2), station(1)), &[]])
                .unwrap();
        }
        bench.turn(1);
    }
    let counters = &bench.turn.counters.attachments[2];
    assert_eq!((counters.frames_out, counters.tx_ring_full), (4, 2));
    assert_eq!(bench.turn.take_gone().count(), 0);
}

#[test]
fn a_vanished_attachment_is_told_once_a_batch_and_stops_nothing() {
    let mut bench = Bench::new(8);
    bench.far(2).vanish();
    for _ in 0..3 {
        bench
            .far(1)
            .send([&frame(MacAddr::BROADCAST, station(1)), &[]])
            .unwrap();
    }
    assert_eq!(bench.turn(1), Ingress::Dry);
    assert_eq!(
        bench.turn.take_gone().collect::<Vec<_>>(),
        [(AttachmentId(2), 2)]
    );
    assert_eq!(bench.turn.counters.attachments[2].tx_refused, 3);
    assert!(bench.far(3).take().is_some());
    assert_eq!(bench.turn(2), Ingress::Gone);
}

#[test]
fn a_frame_for_control_is_copied_out() {
    let mut bench = Bench::new(8);
    let mut plan = Plan::clone(&bench.wiring.plan);
    plan.bridges[0].bpdu = Some(0);
    bench.wiring.plan = Arc::new(plan);
    let bpdu = frame(MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0]), station(1));
    bench.far(1).send([&bpdu, &[]]).unwrap();
    bench.turn(1);
    let traps: Vec<_> = bench.turn.take_traps().collect();
    assert_eq!(traps.len(), 1);
    assert_eq!((traps[0].0.netdev, &traps[0].1), (NetdevId(1), &bpdu));
}

#[test]
fn frames_that_control_has_no_room_for_are_counted_where_they_came_in() {
    let mut bench = Bench::new(8);
    let mut plan = Plan::clone(&bench.wiring.plan);
    plan.bridges[0].bpdu = Some(0);
    bench.wiring.plan = Arc::new(plan);
    let bpdu = frame(MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0]), station(1));
    for far in [1, 1, 1, 2] {
        bench.far(far).send([&bpdu, &[]]).unwrap();
    }
    bench.turn(1);
    bench.turn(2);
    let mut room = 2;
    bench.turn.offer_traps(|_| {
        room -= 1;
        room >= 0
    });
    let lost = |id: usize| bench.turn.counters.attachments[id].traps_lost;
    assert_eq!((lost(1), lost(2)), (1, 1));
    assert_eq!(bench.turn.counters.attachments[1].trapped, 3);
    assert_eq!(bench.turn.take_traps().count(), 0);
}

#[test]
fn a_frame_of_the_networks_own_leaves_by_its_netdev() {
    let mut bench = Bench::new(8);
    let bpdu = frame(MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0]), station(9));
    bench
        .turn
        .originate(originate, &bench.wiring, NOW, NetdevId(3), &bpdu);
    assert_eq!(bench.far(3).take(), Some(bpdu.clone()));
    assert_eq!(bench.far(1).take(), None);
    // One that does not exist any more, in the wiring in force, sends nothing.
    bench
        .turn
        .originate(originate, &bench.wiring, NOW, NetdevId(99), &bpdu);
}

#[test]
fn a_turn_allocates_nothing_once_warm() {
    let mut bench = Bench::new(64);
    let flood = frame(MacAddr::BROADCAST, station(1));
    let round = |bench: &mut Bench| {
        for _ in 0..BATCH {
            bench.far(1).send([&flood, &[]]).unwrap();
        }
        bench.turn(1);
        // The far ends receive, so that the queues have room and octets to use again.
        for n in 1..=2 {
            bench.turn.batch.clear();
            bench.far[n].receive(&mut bench.turn.batch).unwrap();
        }
    };
    round(&mut bench);
    round(&mut bench);
    let allocated = allocation_counter::measure(|| round(&mut bench));
    assert_eq!(allocated.count_total, 0);
    assert_eq!(bench.turn.counters.attachments[3].frames_out, 3 * 64);
}
