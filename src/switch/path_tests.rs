//! The path against hand-made plans: every exit by name, every behaviour with literal time.

use std::sync::Arc;

use super::*;
use crate::switch::Edit;
use crate::switch::plan::{FloodSets, PortState};
use crate::switch::{
    Entry, Fdb, Flags, PlanBridge, PlanPort, PortNo, PortSet, fdb::Edit as FdbEdit,
};
use crate::time::Duration;

/// One bridge `br0` with wires on ports 1 to N: attachment 0 is br0's stack, 2n−1 the wire and 2n the
/// stack of port n. Station n has the address 02:00:00:00:00:0n, port n 02:ff:00:00:00:0n.
struct Bench {
    plan: Plan,
    counters: Counters,
    egress: Egress,
    now: Instant,
}

const BRIDGE_MAC: MacAddr = MacAddr::new([0x02, 0xff, 0, 0, 0, 0]);
const BROADCAST: MacAddr = MacAddr::BROADCAST;
const GROUP: MacAddr = MacAddr::new([0x01, 0, 0x5e, 1, 2, 3]);

const fn station(n: u8) -> MacAddr {
    MacAddr::new([0x02, 0, 0, 0, 0, n])
}

const fn port_mac(n: u8) -> MacAddr {
    MacAddr::new([0x02, 0xff, 0, 0, 0, n])
}

const fn reserved_address(last: u8) -> MacAddr {
    MacAddr::new([0x01, 0x80, 0xc2, 0, 0, last])
}

fn number(n: u16) -> PortNo {
    PortNo::new(n).unwrap()
}

const HOST: AttachmentId = AttachmentId(0);

const fn wire(n: u32) -> AttachmentId {
    AttachmentId(2 * n - 1)
}

const fn port_stack(n: u32) -> AttachmentId {
    AttachmentId(2 * n)
}

fn frame(destination: MacAddr, source: MacAddr, len: usize) -> Vec<u8> {
    let mut octets = vec![0; len];
    let header = [&destination.octets()[..], &source.octets(), &[0x88, 0xb5]].concat();
    let have = header.len().min(len);
    octets[..have].copy_from_slice(&header[..have]);
    octets
}

fn tagged(destination: MacAddr, source: MacAddr, tpid: u16, len: usize) -> Vec<u8> {
    let mut octets = frame(destination, source, len);
    octets[12..14].copy_from_slice(&tpid.to_be_bytes());
    octets
}

impl Bench {
    fn new(ports: u16) -> Self {
        let fdb = Fdb::with_seed(1);
        let local = Flags {
            local: true,
            fixed: true,
            ..Flags::default()
        };
        let mut netdevs = vec![PlanNetdev {
            up: true,
            mac: BRIDGE_MAC,
            mtu: 1500,
            receive: Receive::Stack,
            transmit: Transmit::Bridge(0),
            stack: HOST,
            uppers: None,
            underlay: None,
        }];
        let mut attachments = vec![PlanAttachment {
            netdev: NetdevId(0),
            side: Side::Stack,
        }];
        let mut slots = vec![None];
        let put = |mac: MacAddr, port: Option<PortNo>| {
            let entry = Entry {
                port,
                flags: local,
                updated: Instant::ZERO,
                used: Instant::ZERO,
            };
            fdb.edit(Key::untagged(mac), |_| FdbEdit::Put(entry))
                .unwrap();
        };
        put(BRIDGE_MAC, None);
        for n in 1..=ports {
            let id = NetdevId(u32::from(n));
            let short = u8::try_from(n).unwrap();
            put(port_mac(short), Some(number(n)));
            attachments.push(PlanAttachment {
                netdev: id,
                side: Side::Wire,
            });
            attachments.push(PlanAttachment {
                netdev: id,
                side: Side::Stack,
            });
            netdevs.push(PlanNetdev {
                up: true,
                mac: port_mac(short),
                mtu: 1500,
                receive: Receive::Bridge(0, number(n)),
                transmit: Transmit::Wire(wire(u32::from(n))),
                stack: port_stack(u32::from(n)),
                uppers: None,
                underlay: None,
            });
            slots.push(Some(PlanPort {
                netdev: id,
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
                barred: [number(n)].into_iter().collect(),
                guard: None,
            }));
        }
        let all: PortSet = (1..=ports).map(number).collect();
        let sets = FloodSets {
            unicast: all,
            multicast: all,
            broadcast: all,
        };
        let bridge = PlanBridge {
            netdev: NetdevId(0),
            fdb: Arc::new(fdb),
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
            ports: slots,
            flood: sets,
            host_flood: sets,
        };
        Self {
            plan: Plan {
                netdevs,
                attachments,
                bridges: vec![bridge],
                vlan_counters: 0,
                ..Plan::default()
            },
            counters: Counters::default(),
            egress: Egress::default(),
            now: Instant::ZERO,
        }
    }

    fn bridge(&mut self) -> &mut PlanBridge {
        &mut self.plan.bridges[0]
    }

    fn port(&mut self, n: u16) -> &mut PlanPort {
        self.plan.bridges[0].ports[usize::from(n)].as_mut().unwrap()
    }

    /// Sets a port's state as control would: only forwarding ports are in the flood sets.
    fn set_state(&mut self, n: u16, state: PortState) {
        self.port(n).state = state;
        if state != PortState::Forwarding {
            let PlanBridge {
                flood, host_flood, ..
            } = &mut self.plan.bridges[0];
            for sets in [flood, host_flood] {
                sets.unicast.remove(number(n));
                sets.multicast.remove(number(n));
                sets.broadcast.remove(number(n));
            }
        }
    }

    fn put(&mut self, mac: MacAddr, port: u16, flags: Flags) {
        let entry = Entry {
            port: Some(number(port)),
            flags,
            updated: self.now,
            used: self.now,
        };
        self.bridge()
            .fdb
            .edit(Key::untagged(mac), |_| FdbEdit::Put(entry))
            .unwrap();
    }

    fn known(&self, mac: MacAddr) -> Option<u16> {
        let bridge = &self.plan.bridges[0];
        let (port, _) = bridge
            .fdb
            .view(self.now, bridge.hold)
            .peek(Key::untagged(mac))?;
        port.map(PortNo::get)
    }

    fn send(&mut self, ingress: AttachmentId, octets: &[u8]) -> (Verdict, Vec<(u32, PacketType)>) {
        forward(
            &self.plan,
            self.now,
            ingress,
            &[octets],
            &mut self.counters,
            &mut self.egress,
        );
        for counters in &self.counters.attachments {
            assert!(counters.add_up(), "{counters:?}");
        }
        let mut copies: Vec<_> = self
            .egress
            .queues()
            .flat_map(|(id, copies)| copies.map(move |copy| (id.0, copy.kind)))
            .collect();
        copies.sort_by_key(|(id, _)| *id);
        (self.egress.verdicts()[0], copies)
    }

    /// Where copies went, as attachment numbers; or why the frame went nowhere.
    fn goes(&mut self, ingress: AttachmentId, octets: &[u8]) -> Result<Vec<u32>, DropReason> {
        match self.send(ingress, octets) {
            (Verdict::Dropped(reason), copies) => {
                assert!(copies.is_empty());
                assert_eq!(
                    self.counters.attachments[ingress.index()].dropped[reason as usize],
                    1
                );
                Err(reason)
            }
            (_, copies) => Ok(copies.into_iter().map(|(id, _)| id).collect()),
        }
    }

    fn at_port(
        &mut self,
        n: u32,
        destination: MacAddr,
        source: MacAddr,
    ) -> Result<Vec<u32>, DropReason> {
        self.goes(wire(n), &frame(destination, source, 60))
    }
}

fn wires<const N: usize>(ports: [u32; N]) -> Result<Vec<u32>, DropReason> {
    Ok(ports.into_iter().map(|n| wire(n).0).collect())
}

fn host_and<const N: usize>(ports: [u32; N]) -> Result<Vec<u32>, DropReason> {
    Ok(std::iter::once(HOST.0)
        .chain(ports.into_iter().map(|n| wire(n).0))
        .collect())
}

#[test]
fn floods_the_unknown_then_forwards_to_the_learned() {
    let mut b = Bench::new(3);
    assert_eq!(b.at_port(1, station(2), station(1)), wires([2, 3]));
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1]));
    assert_eq!(b.at_port(1, station(2), station(1)), wires([2]));
    let counters = b.counters.bridges[0];
    assert_eq!(
        (counters.learned, counters.moved, counters.flooded_unknown),
        (2, 0, 1)
    );
}

#[test]
fn a_station_moves() {
    let mut b = Bench::new(3);
    b.at_port(1, BROADCAST, station(1)).unwrap();
    b.at_port(3, BROADCAST, station(1)).unwrap();
    assert_eq!(b.at_port(2, station(1), station(2)), wires([3]));
    assert_eq!(b.counters.bridges[0].moved, 1);
}

#[test]
fn forgets_at_exactly_the_ageing_time() {
    let mut b = Bench::new(3);
    b.at_port(1, BROADCAST, station(1)).unwrap();
    b.now = Instant::from_nanos(299_999_999_999);
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1]));
    b.now = Instant::from_secs(300);
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1, 3]));
}

#[test]
fn broadcast_and_multicast_go_everywhere_and_up() {
    let mut b = Bench::new(3);
    assert_eq!(b.at_port(1, BROADCAST, station(1)), host_and([2, 3]));
    assert_eq!(b.at_port(1, GROUP, station(1)), host_and([2, 3]));
    assert_eq!(b.counters.netdevs[0].multicast, 1);
    // Without the 14-octet header, as br_pass_frame_up counts.
    assert_eq!(
        (
            b.counters.netdevs[0].rx_packets,
            b.counters.netdevs[0].rx_bytes
        ),
        (2, 2 * 46)
    );
}

#[test]
fn own_addresses_go_up_with_the_kernels_packet_type() {
    let mut b = Bench::new(2);
    assert_eq!(
        b.send(wire(1), &frame(BRIDGE_MAC, station(1), 60)).1,
        [(HOST.0, PacketType::Host)]
    );
    assert_eq!(
        b.send(wire(1), &frame(port_mac(1), station(1), 60)).1,
        [(HOST.0, PacketType::Host)]
    );
    assert_eq!(
        b.send(wire(1), &frame(port_mac(2), station(1), 60)).1,
        [(HOST.0, PacketType::OtherHost)]
    );
}

#[test]
fn the_host_reaches_port_addresses_over_the_wire_and_never_itself() {
    let mut b = Bench::new(2);
    assert_eq!(
        b.goes(HOST, &frame(port_mac(2), BRIDGE_MAC, 60)),
        wires([2])
    );
    assert_eq!(
        b.goes(HOST, &frame(BRIDGE_MAC, BRIDGE_MAC, 60)),
        Err(DropReason::ToSelf)
    );
}

#[test]
fn the_host_is_not_learned_from_and_may_have_any_source() {
    let mut b = Bench::new(2);
    for source in [station(9), GROUP, MacAddr::ZERO] {
        assert_eq!(b.goes(HOST, &frame(station(8), source, 60)), wires([1, 2]));
    }
    assert_eq!(b.known(station(9)), None);
    assert_eq!(
        b.goes(HOST, &frame(reserved_address(1), BRIDGE_MAC, 60)),
        wires([1, 2]),
        "even a pause frame"
    );
}

#[test]
fn bad_sources() {
    let mut b = Bench::new(2);
    assert_eq!(
        b.at_port(1, station(2), GROUP),
        Err(DropReason::SourceGroup)
    );
    let mut b = Bench::new(2);
    assert_eq!(
        b.at_port(1, station(2), BROADCAST),
        Err(DropReason::SourceGroup)
    );
    assert_eq!(
        b.at_port(1, station(2), MacAddr::ZERO),
        Err(DropReason::SourceZero)
    );
    assert_eq!(
        b.at_port(1, MacAddr::ZERO, station(1)),
        wires([2]),
        "a zero destination is plain unknown unicast"
    );
}

#[test]
fn own_addresses_as_source_are_forwarded_and_not_learned() {
    let mut b = Bench::new(2);
    assert_eq!(b.at_port(1, station(2), BRIDGE_MAC), wires([2]));
    assert_eq!(b.at_port(1, station(2), port_mac(2)), wires([2]));
    assert_eq!((b.known(BRIDGE_MAC), b.known(port_mac(2))), (None, Some(2)));
}

#[test]
fn to_itself_stays_unless_hairpin() {
    let mut b = Bench::new(2);
    assert_eq!(
        b.at_port(1, station(1), station(1)),
        Err(DropReason::SamePort)
    );
    b.port(1).hairpin = true;
    b.port(1).barred = PortSet::EMPTY;
    assert_eq!(b.at_port(1, station(1), station(1)), wires([1]));
    assert_eq!(b.at_port(1, BROADCAST, station(1)), host_and([1, 2]));
    assert_eq!(b.at_port(1, BRIDGE_MAC, station(1)), host_and([]));
}

#[test]
fn isolated_ports_meet_only_others_and_the_host() {
    let mut b = Bench::new(3);
    for n in [1, 2] {
        b.port(n).isolated = true;
        b.port(n).hairpin = true;
        b.port(n).barred = [1, 2].map(number).into_iter().collect();
    }
    b.at_port(2, BROADCAST, station(2)).unwrap();
    assert_eq!(b.at_port(1, BROADCAST, station(1)), host_and([3]));
    assert_eq!(
        b.at_port(1, station(2), station(1)),
        Err(DropReason::Isolated)
    );
    assert_eq!(b.goes(HOST, &frame(station(2), BRIDGE_MAC, 60)), wires([2]));
    let mut alone = b;
    alone.counters = Counters::default();
    assert_eq!(
        alone.at_port(1, station(1), station(1)),
        Err(DropReason::Isolated),
        "isolated from itself, hairpin or not"
    );
}

/// Port states × what a frame may do: learn, pass, reach the host, reach the port's own stack.
#[test]
fn port_states_exhaustively() {
    use PortState::{Blocking, Disabled, Forwarding, Learning, Listening};
    for (state, learns, verdict) in [
        (Disabled, false, Err(DropReason::IngressPortState)),
        (Listening, false, Err(DropReason::IngressPortState)),
        (Blocking, false, Err(DropReason::IngressPortState)),
        (Learning, true, Err(DropReason::IngressLearning)),
        (Forwarding, true, host_and([2, 3])),
    ] {
        let mut b = Bench::new(3);
        b.set_state(1, state);
        assert_eq!(b.at_port(1, BROADCAST, station(1)), verdict, "{state:?}");
        assert_eq!(b.known(station(1)).is_some(), learns, "{state:?}");
        let mut b = Bench::new(3);
        b.set_state(1, state);
        assert_eq!(
            b.at_port(1, reserved_address(14), station(1)),
            Ok(vec![port_stack(1).0]),
            "LLDP goes up in {state:?}"
        );
        assert_eq!(b.known(station(1)).is_some(), learns, "{state:?}");
        b.put(
            station(1),
            1,
            Flags {
                fixed: true,
                by_user: true,
                ..Flags::default()
            },
        );
        let to = if state == Forwarding {
            wires([1])
        } else {
            Err(DropReason::EgressPortState)
        };
        assert_eq!(
            b.at_port(2, station(1), station(2)),
            to,
            "static entry behind {state:?}"
        );
        assert_eq!(
            b.at_port(2, station(9), station(2)),
            if state == Forwarding {
                wires([1, 3])
            } else {
                wires([3])
            }
        );
    }
}

/// The 16 reserved addresses × spanning tree × masks.
#[test]
fn reserved_addresses_exhaustively() {
    for last in 0..16u8 {
        for stp in [false, true] {
            for (bridge_mask, port_mask) in [(0, 0), (0xfff8, 0), (0, 0xfffd), (0xfff8, 0xfffd)] {
                let mut b = Bench::new(2);
                b.bridge().bpdu = stp.then_some(0);
                b.bridge().group_fwd_mask = bridge_mask;
                b.port(1).group_fwd_mask = port_mask;
                let passes = (bridge_mask | port_mask) & (1 << last) != 0;
                let expected = match last {
                    0 if !stp || passes => host_and([2]),
                    1 => Err(DropReason::MacControl),
                    _ if passes => host_and([2]),
                    _ => Ok(vec![port_stack(1).0]),
                };
                assert_eq!(
                    b.at_port(1, reserved_address(last), station(1)),
                    expected,
                    "{last:02x} stp {stp} masks {bridge_mask:x} {port_mask:x}"
                );
                assert_eq!(b.known(station(1)), if last == 1 { None } else { Some(1) });
                assert_eq!(
                    b.egress.traps().len(),
                    usize::from(last == 0 && stp && !passes)
                );
            }
        }
    }
    let mut b = Bench::new(2);
    assert_eq!(
        b.at_port(1, reserved_address(0x10), station(1)),
        host_and([2]),
        "10 and up are ordinary groups"
    );
}

#[test]
fn a_bpdu_is_trapped_and_counted_as_such() {
    let mut b = Bench::new(2);
    b.bridge().bpdu = Some(0);
    let (verdict, copies) = b.send(wire(1), &frame(MacAddr::BRIDGE_GROUP, station(1), 60));
    assert_eq!(
        (verdict, copies),
        (
            Verdict::Trapped,
            vec![(port_stack(1).0, PacketType::Multicast)]
        )
    );
    assert_eq!(
        b.egress.traps(),
        [Trap {
            frame: 0,
            netdev: NetdevId(1),
            kind: TrapKind::Bpdu,
            vid: None,
            edit: Edit::NONE,
        }]
    );
    assert_eq!(b.counters.attachments[wire(1).index()].trapped, 1);
}

#[test]
fn a_providers_bpdus_are_trapped_and_its_customers_pass() {
    let mut b = Bench::new(2);
    b.bridge().bpdu = Some(8);
    b.bridge().group_fwd_mask = 1;
    let verdicts = [0, 7, 8].map(|last| {
        let octets = frame(reserved_address(last), station(1), 60);
        b.send(wire(1), &octets).0
    });
    use Verdict::{Forwarded, Trapped};
    assert_eq!(verdicts, [Forwarded, Forwarded, Trapped]);
}

#[test]
fn no_linklocal_learn_spares_only_what_is_not_forwarded() {
    let mut b = Bench::new(2);
    b.bridge().no_linklocal_learn = true;
    b.at_port(1, reserved_address(2), station(1)).unwrap();
    assert_eq!(b.known(station(1)), None);
    b.at_port(1, reserved_address(0), station(1)).unwrap();
    assert_eq!(b.known(station(1)), Some(1));
}

#[test]
fn flood_flags_are_egress_flags_of_the_set() {
    let mut b = Bench::new(3);
    let sets = &mut b.bridge().flood;
    sets.unicast.remove(number(2));
    sets.multicast.remove(number(3));
    sets.broadcast = PortSet::EMPTY;
    assert_eq!(b.at_port(1, station(9), station(1)), wires([3]));
    assert_eq!(b.at_port(1, GROUP, station(1)), host_and([2]));
    assert_eq!(
        b.at_port(1, BROADCAST, station(1)),
        host_and([]),
        "flags never limit delivery to br0"
    );
    assert_eq!(
        b.goes(HOST, &frame(BROADCAST, BRIDGE_MAC, 60)),
        wires([1, 2, 3])
    );
}

#[test]
fn an_empty_flood_set_is_a_reason() {
    let mut b = Bench::new(1);
    assert_eq!(
        b.at_port(1, station(9), station(1)),
        Err(DropReason::NoEgressPort)
    );
}

#[test]
fn learning_off_keeps_what_was_learned() {
    let mut b = Bench::new(3);
    b.at_port(1, BROADCAST, station(1)).unwrap();
    b.port(1).learning = false;
    b.at_port(1, BROADCAST, station(4)).unwrap();
    assert_eq!((b.known(station(1)), b.known(station(4))), (Some(1), None));
}

#[test]
fn ageing_zero_is_a_hub() {
    let mut b = Bench::new(3);
    b.bridge().hold = Duration::ZERO;
    b.at_port(1, BROADCAST, station(1)).unwrap();
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1, 3]));
    b.put(
        station(5),
        3,
        Flags {
            fixed: true,
            by_user: true,
            ..Flags::default()
        },
    );
    assert_eq!(
        b.at_port(2, station(5), station(2)),
        wires([3]),
        "static entries work on"
    );
}

#[test]
fn a_full_table_floods_and_counts() {
    let mut b = Bench::new(3);
    b.bridge().fdb.set_max_learned(1);
    b.at_port(1, BROADCAST, station(1)).unwrap();
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1]));
    assert_eq!(
        b.at_port(1, station(2), station(1)),
        wires([2, 3]),
        "never learned, so flooded"
    );
    assert_eq!(b.counters.bridges[0].learn_refused, 1);
}

#[test]
fn sizes() {
    let mut b = Bench::new(2);
    assert_eq!(b.goes(wire(1), &[0; 13]), Err(DropReason::Runt));
    for len in [14, 20, 60, 1514, 1518] {
        assert_eq!(
            b.goes(wire(1), &frame(station(2), station(1), len)),
            wires([2]),
            "{len}"
        );
    }
    assert_eq!(
        b.goes(wire(1), &frame(station(2), station(1), 1519)),
        Err(DropReason::EgressOversize)
    );
    assert_eq!(
        b.goes(wire(1), &frame(BRIDGE_MAC, station(1), 9000)),
        host_and([]),
        "no limit towards br0"
    );
}

#[test]
fn tags_count_as_metadata_once_received() {
    let mut b = Bench::new(2);
    for tpid in [0x8100, 0x88a8] {
        assert_eq!(
            b.goes(wire(1), &tagged(station(2), station(1), tpid, 1522)),
            wires([2])
        );
        let mut fresh = Bench::new(2);
        assert_eq!(
            fresh.goes(wire(1), &tagged(station(2), station(1), tpid, 1523)),
            Err(DropReason::EgressOversize)
        );
        let mut fresh = Bench::new(2);
        assert_eq!(
            fresh.goes(wire(1), &tagged(station(2), station(1), tpid, 19)),
            Err(DropReason::TruncatedTag)
        );
        assert_eq!(
            fresh.goes(wire(1), &tagged(station(2), station(1), tpid, 20)),
            wires([2])
        );
        assert_eq!(
            fresh.goes(HOST, &tagged(station(2), BRIDGE_MAC, tpid, 18)),
            wires([1, 2]),
            "from the host it passes"
        );
    }
    let mut b = Bench::new(2);
    assert_eq!(
        b.goes(wire(1), &tagged(station(2), station(1), 0x9100, 1519)),
        Err(DropReason::EgressOversize),
        "9100 is payload"
    );
}

#[test]
fn the_sender_keeps_its_mtu() {
    let mut b = Bench::new(1);
    assert_eq!(
        b.goes(HOST, &frame(station(2), BRIDGE_MAC, 1514)),
        wires([1])
    );
    assert_eq!(
        b.goes(HOST, &frame(station(2), BRIDGE_MAC, 1515)),
        Err(DropReason::SenderOversize)
    );
    assert_eq!(
        b.goes(HOST, &tagged(station(2), BRIDGE_MAC, 0x8100, 1518)),
        wires([1])
    );
    let mut b = Bench::new(1);
    assert_eq!(
        b.goes(HOST, &tagged(station(2), BRIDGE_MAC, 0x88a8, 1518)),
        Err(DropReason::SenderOversize),
        "room for 802.1Q tags only"
    );
}

#[test]
fn one_small_port_loses_only_its_own_copy() {
    let mut b = Bench::new(3);
    b.plan.netdevs[2].mtu = 1000;
    assert_eq!(
        b.goes(wire(1), &frame(station(9), station(1), 1514)),
        wires([3])
    );
    assert_eq!(
        b.egress.lost(),
        [Lost {
            frame: 0,
            netdev: NetdevId(2),
            reason: DropReason::EgressOversize
        }]
    );
    let counters = &b.counters.attachments[wire(1).index()];
    assert_eq!(
        (
            counters.forwarded,
            counters.dropped_total(),
            counters.copies_lost[DropReason::EgressOversize as usize]
        ),
        (1, 0, 1)
    );
}

#[test]
fn no_mtu_stops_a_super_frame() {
    let mut b = Bench::new(3);
    b.plan.netdevs[2].mtu = 1000;
    let long = frame(station(9), station(1), 9000);
    for (frames, copies) in [([false, true], 2), ([true, false], 2), ([true, true], 4)] {
        for ingress in [wire(1), HOST] {
            super::forward_unfinished(
                &b.plan,
                b.now,
                ingress,
                &[&long, &long],
                Unfinished {
                    super_frames: &frames,
                    offloads: &[],
                },
                &mut b.counters,
                &mut b.egress,
            );
            let sent: usize = b.egress.queues().map(|(_, copies)| copies.count()).sum();
            let ports = if ingress == HOST { 3 } else { 2 };
            assert_eq!(sent, copies * ports / 2, "{frames:?} at {ingress:?}");
        }
    }
    // It says nothing of the frames of another batch.
    let (verdict, _) = b.send(wire(1), &long);
    assert_eq!(verdict, Verdict::Dropped(DropReason::EgressOversize));
}

#[test]
fn down_is_down() {
    let mut b = Bench::new(2);
    b.plan.netdevs[1].up = false;
    assert_eq!(
        b.at_port(1, BROADCAST, station(1)),
        Err(DropReason::NetdevDown)
    );
    let mut b = Bench::new(1);
    b.plan.netdevs[0].up = false;
    assert_eq!(
        b.goes(HOST, &frame(BROADCAST, BRIDGE_MAC, 60)),
        Err(DropReason::NetdevDown)
    );
    // Between the moment a port's netdev goes down and the plan that takes it out of the sets.
    let mut b = Bench::new(2);
    b.plan.netdevs[2].up = false;
    assert_eq!(
        b.at_port(1, station(9), station(1)),
        Err(DropReason::NetdevDown)
    );
}

#[test]
fn a_port_stack_sends_straight_to_its_wire() {
    let mut b = Bench::new(2);
    assert_eq!(
        b.goes(port_stack(1), &frame(BROADCAST, port_mac(1), 60)),
        wires([1])
    );
    assert_eq!(b.counters.bridges[0].learned, 0);
}

#[test]
fn locked_ports_admit_confirmed_sources_only() {
    let mut b = Bench::new(2);
    b.port(1).locked = true;
    assert_eq!(
        b.at_port(1, station(2), station(1)),
        Err(DropReason::Locked)
    );
    assert_eq!(b.known(station(1)), None);
    b.put(
        station(1),
        2,
        Flags {
            fixed: true,
            by_user: true,
            ..Flags::default()
        },
    );
    b.counters = Counters::default();
    assert_eq!(
        b.at_port(1, station(2), station(1)),
        Err(DropReason::Locked),
        "an entry on another port does not count"
    );
    b.put(
        station(1),
        1,
        Flags {
            fixed: true,
            by_user: true,
            ..Flags::default()
        },
    );
    assert_eq!(b.at_port(1, station(2), station(1)), wires([2]));
    b.counters = Counters::default();
    assert_eq!(
        b.at_port(1, station(2), port_mac(1)),
        Err(DropReason::Locked),
        "nor does a local one"
    );
    // LLDP with learning on unlocks the port for its sender.
    b.at_port(1, reserved_address(14), station(7)).unwrap();
    assert_eq!(b.at_port(1, station(2), station(7)), wires([2]));
}

#[test]
fn mab_notes_the_stranger_and_attracts_its_traffic() {
    let mut b = Bench::new(2);
    b.port(1).locked = true;
    b.port(1).mab = true;
    assert_eq!(
        b.at_port(1, station(2), station(1)),
        Err(DropReason::Locked)
    );
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1]));
    b.counters = Counters::default();
    assert_eq!(
        b.at_port(1, station(2), station(1)),
        Err(DropReason::Locked),
        "noted is not admitted"
    );
    b.at_port(2, BROADCAST, station(1)).unwrap();
    let entry = b.bridge().fdb.get(Key::untagged(station(1))).unwrap();
    assert!(
        !entry.flags.locked && entry.port == Some(number(2)),
        "roaming to an unlocked port clears it"
    );
}

#[test]
fn backup_port_takes_over_without_carrier() {
    let mut b = Bench::new(3);
    b.put(
        station(1),
        1,
        Flags {
            fixed: true,
            by_user: true,
            ..Flags::default()
        },
    );
    b.port(1).backup = Some(number(3));
    assert_eq!(b.at_port(2, station(1), station(2)), wires([1]));
    b.port(1).carrier = false;
    assert_eq!(b.at_port(2, station(1), station(2)), wires([3]));
}

#[test]
fn a_promiscuous_bridge_sees_forwarded_unicast_as_others() {
    let mut b = Bench::new(2);
    b.bridge().promiscuous = true;
    let (_, copies) = b.send(wire(1), &frame(station(2), station(1), 60));
    assert_eq!(
        copies,
        [
            (HOST.0, PacketType::OtherHost),
            (wire(2).0, PacketType::Host)
        ]
    );
}

#[test]
fn an_entry_of_a_port_that_just_left_is_a_reason_not_a_panic() {
    let mut b = Bench::new(3);
    b.at_port(3, BROADCAST, station(3)).unwrap();
    b.bridge().ports[3] = None;
    assert_eq!(
        b.at_port(1, station(3), station(1)),
        Err(DropReason::EgressPortState)
    );
    b.counters = Counters::default();
    assert_eq!(
        b.at_port(3, BROADCAST, station(3)),
        Err(DropReason::IngressPortState)
    );
}

/// Two bridges of two ports each, joined by veth pairs: a host on each, `links` cables between.
fn two_bridges(links: u16) -> Bench {
    let mut b = Bench::new(1 + links);
    let mut other = Bench::new(1 + links);
    let netdevs = u32::try_from(b.plan.netdevs.len()).unwrap();
    let attachments = u32::try_from(b.plan.attachments.len()).unwrap();
    for attachment in &mut other.plan.attachments {
        attachment.netdev.0 += netdevs;
    }
    for netdev in &mut other.plan.netdevs {
        netdev.stack.0 += attachments;
        match &mut netdev.transmit {
            Transmit::Wire(id) => id.0 += attachments,
            Transmit::Bridge(index) => *index = 1,
            _ => {}
        }
        if let Receive::Bridge(index, _) = &mut netdev.receive {
            *index = 1;
        }
    }
    let far = &mut other.plan.bridges[0];
    far.netdev.0 += netdevs;
    far.ports
        .iter_mut()
        .flatten()
        .for_each(|port| port.netdev.0 += netdevs);
    for n in 2..=u32::from(links) + 1 {
        b.plan.netdevs[n as usize].transmit = Transmit::Peer(NetdevId(n + netdevs));
        other.plan.netdevs[n as usize].transmit = Transmit::Peer(NetdevId(n));
    }
    b.plan.netdevs.extend(other.plan.netdevs);
    b.plan.attachments.extend(other.plan.attachments);
    b.plan.bridges.extend(other.plan.bridges);
    b
}

#[test]
fn a_frame_crosses_two_bridges() {
    let mut b = two_bridges(1);
    let far = 5;
    assert_eq!(
        b.at_port(1, BROADCAST, station(1)),
        Ok(vec![HOST.0, far, far + wire(1).0])
    );
    assert_eq!(
        b.goes(
            AttachmentId(far + wire(1).0),
            &frame(station(1), station(2), 60)
        ),
        wires([1])
    );
    assert_eq!(b.counters.netdevs[2].tx_packets, 1);
    assert_eq!(b.counters.netdevs[2].rx_packets, 1);
}

#[test]
fn the_far_end_of_a_pair_has_its_say() {
    let mut b = two_bridges(1);
    let far = b.plan.netdevs.len() / 2 + 2;
    b.plan.netdevs[far].mtu = 1000;
    assert_eq!(
        b.goes(wire(1), &frame(station(9), station(1), 1514)),
        Err(DropReason::PeerOversize)
    );
    b.plan.netdevs[far].up = false;
    assert_eq!(
        b.goes(wire(1), &frame(station(9), station(1), 60)),
        Err(DropReason::PeerDown)
    );
}

#[test]
fn a_loop_ends_at_the_hop_limit() {
    let mut b = two_bridges(2);
    let (verdict, copies) = b.send(wire(1), &frame(BROADCAST, station(1), 60));
    assert_eq!(verdict, Verdict::Forwarded);
    assert!(copies.len() > 10_000, "a storm");
    assert!(
        b.egress
            .lost()
            .iter()
            .all(|lost| lost.reason == DropReason::HopLimit)
    );
    assert!(!b.egress.lost().is_empty());
}

#[test]
fn a_dummy_swallows() {
    let mut b = Bench::new(2);
    b.plan.netdevs[2].transmit = Transmit::Nothing;
    assert_eq!(
        b.at_port(1, station(9), station(1)),
        Err(DropReason::DummyTransmit)
    );
}

#[test]
fn a_netdevs_own_frame_leaves_by_its_wire() {
    let mut b = two_bridges(1);
    b.bridge().bpdu = Some(0);
    b.plan.bridges[1].bpdu = Some(0);
    let bpdu = frame(MacAddr::BRIDGE_GROUP, port_mac(1), 52);
    originate(
        &b.plan,
        b.now,
        NetdevId(1),
        &bpdu,
        &mut b.counters,
        &mut b.egress,
    );
    assert_eq!(
        b.egress
            .queues()
            .map(|(id, copies)| (id, copies.count()))
            .collect::<Vec<_>>(),
        [(wire(1), 1)]
    );
    originate(
        &b.plan,
        b.now,
        NetdevId(2),
        &bpdu,
        &mut b.counters,
        &mut b.egress,
    );
    let far = NetdevId(2 + 3);
    assert_eq!(
        b.egress.traps(),
        [Trap {
            frame: 0,
            netdev: far,
            kind: TrapKind::Bpdu,
            vid: None,
            edit: Edit::NONE,
        }],
        "over the pair, into the other bridge's hands"
    );
}

#[test]
fn a_batch_is_its_frames_one_after_the_other() {
    let frames: Vec<_> = (0..64u8)
        .map(|n| frame(station(n % 7 + 1), station(n % 5 + 1), 60))
        .collect();
    let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let mut whole = Bench::new(4);
    forward(
        &whole.plan,
        whole.now,
        wire(1),
        &views,
        &mut whole.counters,
        &mut whole.egress,
    );
    let mut single = Bench::new(4);
    for (index, octets) in views.iter().enumerate() {
        single.send(wire(1), octets);
        assert_eq!(single.egress.verdicts()[0], whole.egress.verdicts()[index]);
    }
    assert_eq!(single.counters, whole.counters);
}

/// Random frames in at random places: one outcome each, no reflection, one copy per port.
#[test]
fn random_frames_keep_the_invariants() {
    use proptest::prelude::*;

    let address = prop_oneof![
        6 => (1u8..6).prop_map(station),
        1 => Just(BROADCAST),
        1 => Just(GROUP),
        1 => Just(MacAddr::ZERO),
        1 => (0u8..17).prop_map(reserved_address),
        1 => (0u8..5).prop_map(port_mac),
    ];
    let one = (
        0u32..9,
        address.clone(),
        address,
        prop_oneof![0usize..30, 1500usize..1530],
        prop_oneof![Just(0x88b5u16), Just(0x8100), Just(0x88a8)],
    );
    proptest!(|(frames in proptest::collection::vec(one, 1..80))| {
        let mut b = Bench::new(4);
        for (ingress, destination, source, len, ether_type) in frames {
            let mut octets = frame(destination, source, len);
            if len >= 14 {
                octets[12..14].copy_from_slice(&ether_type.to_be_bytes());
            }
            let (_, copies) = b.send(AttachmentId(ingress), &octets);
            let mut seen = std::collections::HashSet::new();
            for (id, _) in &copies {
                prop_assert!(seen.insert(*id), "two copies at {id}");
                prop_assert_ne!(*id, ingress, "reflected");
            }
        }
    });
}

#[path = "path_tests_vlan.rs"]
mod vlan;

#[path = "path_tests_multicast.rs"]
mod multicast;
