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
        underlay: None,
    }
}

fn port(n: u16) -> PortNo {
    PortNo::new(n).unwrap()
}

impl Bench {
    fn new(capacity: usize) -> Self {
        Self::of((0..3).map(|_| Memory::pair(capacity)))
    }

    /// Three ports with these ends, near and far.
    fn of(ends: impl Iterator<Item = (Memory, Memory)>) -> Self {
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
            alarm: None,
            ports: bridge_ports,
            flood,
            host_flood: flood,
        });
        let (near, far): (Vec<_>, Vec<_>) = ends.unzip();
        let links = near.into_iter().zip(1u64..).map(|(end, generation)| {
            Some(Link {
                queues: Arc::new([Arc::new(end)]),
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
        self.turn.run(&self.wiring, NOW, id, link.sends(0))
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

/// TCP of some octets from station 1 to another, its checksum left to do, in segments of 1000.
fn tcp(destination: MacAddr, payload: usize) -> (Vec<u8>, Offload) {
    let mut octets = frame(destination, station(1))[..12].to_vec();
    octets.extend([8, 0, 0x45, 0]);
    let length = u16::try_from(40 + payload).unwrap();
    octets.extend(length.to_be_bytes());
    octets.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    let header = sum(&octets[14..]);
    octets[24..26].copy_from_slice(&(!header).to_be_bytes());
    octets.extend([0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 1, 0]);
    let transport = u16::try_from(20 + payload).unwrap();
    let pseudo = [
        &[10, 0, 0, 1, 10, 0, 0, 2, 0, 6][..],
        &transport.to_be_bytes(),
    ]
    .concat();
    octets.extend(sum(&pseudo).to_be_bytes());
    octets.extend([0, 0]);
    octets.extend((0..payload).map(|n| u8::try_from(n % 199).unwrap()));
    let mut header = [0; 10];
    header[0] = 1;
    header[1] = if payload > 1000 { 1 } else { 0 };
    header[4..6].copy_from_slice(&1000u16.to_ne_bytes());
    header[6..8].copy_from_slice(&34u16.to_ne_bytes());
    header[8..10].copy_from_slice(&16u16.to_ne_bytes());
    let offload = Offload::read(&header, &octets).unwrap();
    (octets, offload)
}

fn sum(octets: &[u8]) -> u16 {
    octets.chunks(2).fold(0, |total: u16, word| {
        let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = total.overflowing_add(word);
        sum + u16::from(carry)
    })
}

/// Fails unless the checksums of an IPv4 frame are right; returns how much TCP carries.
fn whole(frame: &[u8]) -> usize {
    let ip = 12 + 4 * usize::from(frame[12] == 0x81) + 2;
    assert_eq!(sum(&frame[ip..ip + 20]), 0xffff, "IP");
    let length = u16::try_from(frame.len() - ip - 20).unwrap();
    let pseudo = [&frame[ip + 12..ip + 20], &[0, 6], &length.to_be_bytes()].concat();
    let segment = &frame[ip + 20..];
    assert_eq!(sum(&[&pseudo, segment].concat()), 0xffff, "TCP");
    segment.len() - 20
}

/// Ports 1 and 2 take what is left to do, port 3 takes whole frames.
fn mixed() -> Bench {
    Bench::of((1..=3).map(|port| match port {
        3 => Memory::pair(64),
        _ => Memory::pair_with_offloads(64),
    }))
}

#[test]
fn what_is_left_to_do_goes_where_it_is_taken_and_is_done_for_others() {
    let mut bench = mixed();
    let (octets, offload) = tcp(station(9), 30_000);
    bench
        .far(1)
        .send_unfinished([&octets, &[]], offload)
        .unwrap();
    assert_eq!(bench.turn(1), Ingress::Dry);
    assert_eq!(bench.far(2).take_unfinished(), Some((octets, offload)));
    let mut total = 0;
    while let Some((frame, offload)) = bench.far(3).take_unfinished() {
        assert!(offload.is_none() && frame.len() <= 1054);
        total += whole(&frame);
    }
    assert_eq!(total, 30_000);
    let counters = &bench.turn.counters.attachments;
    assert_eq!((counters[3].segmented, counters[3].segments), (1, 30));
    assert_eq!(counters[2].segmented, 0);
    // To the core it is one frame, and no MTU stops it.
    assert_eq!((counters[1].frames_in, counters[3].frames_out), (1, 1));
}

#[test]
fn a_checksum_is_finished_for_who_does_not() {
    let mut bench = mixed();
    let (octets, offload) = tcp(station(9), 101);
    bench
        .far(1)
        .send_unfinished([&octets, &[]], offload)
        .unwrap();
    bench.turn(1);
    assert_eq!(bench.far(2).take_unfinished(), Some((octets, offload)));
    assert_eq!(whole(&bench.far(3).take().unwrap()), 101);
    assert_eq!(bench.turn.counters.attachments[3].checksummed, 1);
}

#[test]
fn a_tag_that_is_pushed_moves_what_is_left_to_do() {
    let mut bench = mixed();
    let mut plan = Plan::clone(&bench.wiring.plan);
    // The netdevs of ports 2 and 3 become VLAN devices on what they were: frames leave with a tag.
    let device = crate::switch::PlanVlanDevice {
        lower: NetdevId(0),
        tag_type: crate::wire::TagType::Dot1Q,
        vid: 7,
        carrier: true,
        reorder_hdr: true,
        lower_takes_tags: true,
        ingress_qos: [0; 8],
        egress_qos: Vec::new(),
    };
    for port in [2, 3] {
        let below = plan.netdevs[port].clone();
        let lower = NetdevId(u32::try_from(plan.netdevs.len()).unwrap());
        plan.netdevs.push(below);
        let index = u32::try_from(plan.vlan_devices.len()).unwrap();
        plan.vlan_devices.push(crate::switch::PlanVlanDevice {
            lower,
            ..device.clone()
        });
        plan.netdevs[port].transmit = Transmit::Vlan(index);
    }
    bench.wiring.plan = Arc::new(plan);
    let (octets, offload) = tcp(station(9), 5000);
    bench
        .far(1)
        .send_unfinished([&octets, &[]], offload)
        .unwrap();
    bench.turn(1);
    let (tagged, moved) = bench.far(2).take_unfinished().unwrap();
    assert_eq!(tagged[12..16], [0x81, 0, 0, 7]);
    assert_eq!(Some(moved), offload.shifted(4));
    assert_eq!(
        Offload::read(&moved.write(tagged.len()), &tagged),
        Ok(moved)
    );
    let mut total = 0;
    while let Some(frame) = bench.far(3).take() {
        assert_eq!(frame[12..16], [0x81, 0, 0, 7]);
        total += whole(&frame);
    }
    assert_eq!(total, 5000);
}

#[test]
fn a_header_that_does_not_fit_is_a_counted_drop() {
    use crate::attach::Received;
    use crate::wire::offload::OffloadError;

    /// Receives one good frame and one of every bad kind.
    #[derive(Debug)]
    struct Hostile;
    impl Attachment for Hostile {
        fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
            let errors = [
                OffloadError::Checksum,
                OffloadError::Segments,
                OffloadError::Headers,
                OffloadError::Cut,
            ];
            let results = errors.into_iter().map(Err).chain([Ok(Offload::NONE)]);
            for offload in results {
                batch.push_with(|room| {
                    room[..60].copy_from_slice(&frame(station(2), station(1)));
                    Ok(Received {
                        offload,
                        ..Received::from(0..60)
                    })
                })?;
            }
            Ok(true)
        }
        fn send(&self, _: [&[u8]; 2]) -> io::Result<()> {
            Ok(())
        }
        fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
            None
        }
    }
    let mut bench = Bench::new(8);
    let ended = bench
        .turn
        .run(&bench.wiring, NOW, AttachmentId(1), &Hostile);
    assert_eq!(ended, Ingress::Dry);
    let counters = &bench.turn.counters.attachments[1];
    for reason in [
        DropReason::OffloadChecksum,
        DropReason::OffloadSegments,
        DropReason::OffloadHeaders,
        DropReason::Cut,
    ] {
        assert_eq!(counters.dropped[reason as usize], 1, "{reason}");
    }
    assert_eq!((counters.frames_in, counters.forwarded), (5, 1));
    assert!(counters.add_up());
    assert!(bench.far(2).take().is_some() && bench.far(2).take().is_none());
}

#[test]
fn a_worker_sends_by_its_own_queue() {
    let mut bench = Bench::new(8);
    let (near, far) = Memory::pair(8);
    let link = bench.wiring.links[2].as_mut().unwrap();
    link.queues = [Arc::clone(&link.queues[0]), Arc::new(near)].into();
    bench.turn = Turn::new(1);
    let octets = frame(MacAddr::BROADCAST, station(1));
    bench.far(1).send([&octets, &[]]).unwrap();
    bench.turn(1);
    assert!(bench.far(2).take().is_none());
    assert_eq!(far.take(), Some(octets.clone()));
    // The others have one queue, whoever sends.
    assert_eq!(bench.far(3).take(), Some(octets));
}

/// Takes copies together, and remembers how many at a time.
#[derive(Debug)]
struct Gathering(Memory, std::sync::Mutex<Vec<usize>>);

impl Attachment for Gathering {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        self.0.receive(batch)
    }
    fn calls(&self, _: &Batch, _: bool) -> u64 {
        1
    }
    fn send(&self, pieces: [&[u8]; 2]) -> io::Result<()> {
        self.0.send(pieces)
    }
    fn takes(&self, offload: Offload) -> bool {
        self.0.takes(offload)
    }
    fn send_unfinished(&self, pieces: [&[u8]; 2], offload: Offload) -> io::Result<()> {
        self.0.send_unfinished(pieces, offload)
    }
    fn gathers(&self) -> bool {
        true
    }
    fn send_all(&self, frames: &[Outgoing<'_>], lost: &mut dyn FnMut(&io::Error)) -> u64 {
        self.1.lock().unwrap().push(frames.len());
        for frame in frames {
            let sent = self.0.send_unfinished(frame.pieces, frame.offload);
            sent.unwrap_or_else(|error| lost(&error));
        }
        1
    }
    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

#[test]
fn copies_that_leave_together_keep_their_order_and_are_counted() {
    for (offloads, calls) in [(true, vec![5]), (false, vec![1, 1, 1])] {
        let mut bench = mixed();
        let (near, far) = match offloads {
            true => Memory::pair_with_offloads(64),
            false => Memory::pair(64),
        };
        let gathering = Arc::new(Gathering(near, Default::default()));
        let link = bench.wiring.links[2].as_mut().unwrap();
        link.queues = [Arc::clone(&gathering) as Arc<dyn Attachment>].into();
        // Whole frames, and between them what is done here for whom does not take it.
        let plain = |n| (frame(station(9), station(n)), Offload::NONE);
        let sent = [
            plain(1),
            tcp(station(9), 2500),
            plain(2),
            tcp(station(9), 100),
            plain(3),
        ];
        for (octets, offload) in &sent {
            bench
                .far(1)
                .send_unfinished([octets, &[]], *offload)
                .unwrap();
        }
        bench.turn(1);
        let mut lengths = Vec::new();
        while let Some((octets, offload)) = far.take_unfinished() {
            assert_eq!(offload.is_none(), !offloads || octets.len() == 60);
            lengths.push(octets.len());
        }
        let wanted = match offloads {
            true => vec![60, 2554, 60, 154, 60],
            false => vec![60, 1054, 1054, 554, 60, 154, 60],
        };
        assert_eq!(lengths, wanted);
        assert_eq!(*gathering.1.lock().unwrap(), calls);
        assert_eq!(bench.turn.profile.reads, 6, "of port 1, one by one");

        // Two fit, and then it vanishes.
        let (near, far) = Memory::pair(2);
        let gathering = Arc::new(Gathering(near, Default::default()));
        let link = bench.wiring.links[2].as_mut().unwrap();
        link.queues = [gathering as Arc<dyn Attachment>].into();
        for n in 1..=3 {
            bench.far(1).send([&plain(n).0, &[]]).unwrap();
        }
        bench.turn(1);
        assert_eq!(bench.turn.counters.attachments[2].tx_ring_full, 1);
        far.vanish();
        bench.far(1).send([&plain(1).0, &[]]).unwrap();
        bench.turn(1);
        assert_eq!(bench.turn.counters.attachments[2].tx_refused, 1);
        let gone: Vec<_> = bench.turn.take_gone().collect();
        assert_eq!(gone, [(AttachmentId(2), 2)]);
    }
}
