//! VLAN filtering on the path: who gets a frame, and with which tag.
//!
//! Port 1 is an access port of VLAN 10, port 2 a trunk of 10 and 20 without PVID, port 3 an access port
//! of VLAN 20, port 4 has PVID 1 untagged and takes 10 tagged. The bridge itself is a tagged member of
//! 10 and an untagged one of 20, its PVID.

use super::*;
use crate::switch::plan::{HostVlan, PlanVlan, VlanStats};
use crate::switch::{PlanVlans, VlanCounters};
use crate::wire::TagType;

const Q: u16 = 0x8100;
const AD: u16 = 0x88a8;

fn vid(n: u16) -> Vid {
    Vid::new(n).unwrap()
}

/// Members with whether they are untagged.
fn members(ports: &[(u16, bool)], host: Option<bool>) -> PlanVlan {
    let all: PortSet = ports.iter().map(|(n, _)| number(*n)).collect();
    let untagged = ports.iter().filter(|(_, untagged)| *untagged);
    PlanVlan {
        members: all,
        ingress: all,
        egress: all,
        untagged: untagged.map(|(n, _)| number(*n)).collect(),
        host: host.map(|untagged| HostVlan {
            untagged,
            state: PortState::Forwarding,
        }),
        stats: None,
    }
}

fn filtering() -> [(Vid, PlanVlan); 3] {
    [
        (vid(1), members(&[(4, true)], None)),
        (
            vid(10),
            members(&[(1, true), (2, false), (4, false)], Some(false)),
        ),
        (vid(20), members(&[(2, false), (3, true)], Some(true))),
    ]
}

fn bench() -> Bench {
    with(TagType::Dot1Q, filtering())
}

fn with(protocol: TagType, vlans: [(Vid, PlanVlan); 3]) -> Bench {
    let mut b = Bench::new(4);
    b.bridge().vlans = Some(Arc::new(PlanVlans::new(protocol, Some(vid(20)), vlans)));
    for (port, pvid) in [(1, Some(10)), (2, None), (3, Some(20)), (4, Some(1))] {
        b.port(port).pvid = pvid.and_then(Vid::new);
    }
    b
}

/// A frame with tags, outermost first.
fn with_tags(destination: MacAddr, source: MacAddr, tags: &[(u16, u16)]) -> Vec<u8> {
    let mut octets = [destination.octets(), source.octets()].concat();
    for (tpid, tci) in tags {
        octets.extend(tpid.to_be_bytes());
        octets.extend(tci.to_be_bytes());
    }
    octets.extend(b"\x88\xb5payload of a test frame");
    octets
}

/// The tags of a frame of [`with_tags`], the rest of which must be as it was.
fn tags_of(octets: &[u8]) -> Vec<(u16, u16)> {
    let mut tags = Vec::new();
    let mut rest = &octets[12..];
    while let [a, b, c, d, ..] = *rest
        && [Q, AD, 0x9100].contains(&u16::from_be_bytes([a, b]))
    {
        tags.push((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
        rest = &rest[4..];
    }
    assert_eq!(rest, b"\x88\xb5payload of a test frame");
    tags
}

type Delivered = Vec<(u32, Vec<(u16, u16)>)>;

/// Who gets a broadcast, and with which tags; or why nobody does.
fn spread(
    b: &mut Bench,
    ingress: AttachmentId,
    tags: &[(u16, u16)],
) -> Result<Delivered, DropReason> {
    let frame = with_tags(BROADCAST, station(9), tags);
    b.goes(ingress, &frame)?;
    let mut got: Vec<_> = b
        .egress
        .queues()
        .flat_map(|(id, copies)| copies.map(move |copy| (id.0, copy.edit)))
        .map(|(id, edit)| (id, tags_of(&b.egress.pieces(edit, &frame).concat())))
        .collect();
    got.sort();
    Ok(got)
}

fn got<const N: usize>(
    copies: [(AttachmentId, &[(u16, u16)]); N],
) -> Result<Delivered, DropReason> {
    Ok(copies
        .into_iter()
        .map(|(id, tags)| (id.0, tags.to_vec()))
        .collect())
}

#[test]
fn tags_come_and_go_where_vlans_say() {
    let ten: &[_] = &[(Q, 10)];
    let twenty: &[_] = &[(Q, 20)];
    let cases: &[(_, &[_], _)] = &[
        (
            wire(1),
            &[],
            got([(HOST, ten), (wire(2), ten), (wire(4), ten)]),
        ),
        (
            wire(2),
            ten,
            got([(HOST, ten), (wire(1), &[]), (wire(4), ten)]),
        ),
        (wire(2), twenty, got([(HOST, &[]), (wire(3), &[])])),
        (wire(3), &[], got([(HOST, &[]), (wire(2), twenty)])),
        (
            wire(4),
            ten,
            got([(HOST, ten), (wire(1), &[]), (wire(2), ten)]),
        ),
        // From the bridge's own stack: its PVID is 20.
        (HOST, &[], got([(wire(2), twenty), (wire(3), &[])])),
        (
            HOST,
            ten,
            got([(wire(1), &[]), (wire(2), ten), (wire(4), ten)]),
        ),
        // What nobody let in.
        (wire(2), &[], Err(DropReason::NoPvid)),
        (wire(2), &[(Q, 0)], Err(DropReason::NoPvid)),
        (wire(2), &[(Q, 1)], Err(DropReason::VlanIngress)),
        (wire(1), twenty, Err(DropReason::VlanIngress)),
        (wire(1), &[(Q, 99)], Err(DropReason::VlanIngress)),
        (wire(1), &[(Q, 4095)], Err(DropReason::VidReserved)),
        (HOST, &[(Q, 1)], Err(DropReason::VlanIngress)),
        // Alone in VLAN 1, in which the bridge is not.
        (wire(4), &[], Err(DropReason::NoEgressPort)),
    ];
    for (ingress, tags, expected) in cases {
        assert_eq!(
            &spread(&mut bench(), *ingress, tags),
            expected,
            "{ingress:?} {tags:?}"
        );
    }
}

#[test]
fn priority_is_kept_and_other_tags_are_payload() {
    // A priority tag leaves as the VLAN's, never with VID 0 (PCP 5, DEI).
    let mut b = bench();
    assert_eq!(
        spread(&mut b, wire(1), &[(Q, 0xb000)]),
        got([
            (HOST, &[(Q, 0xb00a)]),
            (wire(2), &[(Q, 0xb00a)]),
            (wire(4), &[(Q, 0xb00a)])
        ])
    );
    // Only the outermost tag counts; an inner one surfaces.
    assert_eq!(
        spread(&mut b, wire(2), &[(Q, 0x600a), (Q, 20)]),
        got([
            (HOST, &[(Q, 0x600a), (Q, 20)]),
            (wire(1), &[(Q, 20)]),
            (wire(4), &[(Q, 0x600a), (Q, 20)])
        ])
    );
    // A tag of another type is payload: the PVID goes in front.
    for other in [(AD, 10), (AD, 0), (0x9100, 10)] {
        assert_eq!(
            spread(&mut b, wire(1), &[other]),
            got([
                (HOST, &[(Q, 10), other]),
                (wire(2), &[(Q, 10), other]),
                (wire(4), &[(Q, 10), other])
            ]),
            "{other:?}"
        );
    }
    // The same frame between two access ports leaves as it came.
    let both = members(&[(1, true), (4, true)], None);
    let mut b = with(
        TagType::Dot1Q,
        filtering().map(|(v, vlan)| (v, if v == vid(10) { both.clone() } else { vlan })),
    );
    assert_eq!(
        spread(&mut b, wire(1), &[(AD, 10)]),
        got([(wire(4), &[(AD, 10)])])
    );
    let copies: Vec<_> = b
        .egress
        .queues()
        .flat_map(|(_, copies)| copies.map(|copy| copy.edit))
        .collect();
    assert_eq!(copies, [Edit::NONE]);
}

#[test]
fn a_provider_bridge_works_with_service_tags() {
    let mut b = with(TagType::Dot1Ad, filtering());
    assert_eq!(
        spread(&mut b, wire(1), &[(Q, 33)]),
        got([
            (HOST, &[(AD, 10), (Q, 33)]),
            (wire(2), &[(AD, 10), (Q, 33)]),
            (wire(4), &[(AD, 10), (Q, 33)])
        ])
    );
    assert_eq!(
        spread(&mut b, wire(2), &[(AD, 10), (Q, 33)]),
        got([
            (HOST, &[(AD, 10), (Q, 33)]),
            (wire(1), &[(Q, 33)]),
            (wire(4), &[(AD, 10), (Q, 33)])
        ])
    );
}

#[test]
fn each_vlan_learns_by_itself() {
    let mut b = bench();
    let at = |b: &mut Bench, n, to, from, tags: &[_]| b.goes(wire(n), &with_tags(to, from, tags));
    at(&mut b, 1, BROADCAST, station(1), &[]).unwrap();
    at(&mut b, 3, BROADCAST, station(1), &[]).unwrap();
    // Station 1 is known twice: in VLAN 10 on port 1, in VLAN 20 on port 3.
    let to_1 = |b: &mut Bench, vlan| at(b, 2, station(1), station(2), &[(Q, vlan)]);
    assert_eq!(to_1(&mut b, 10), wires([1]));
    assert_eq!(to_1(&mut b, 20), wires([3]));
    // What was refused taught nothing.
    assert_eq!(
        at(&mut b, 1, BROADCAST, station(7), &[(Q, 20)]),
        Err(DropReason::VlanIngress)
    );
    assert_eq!(at(&mut b, 3, station(7), station(3), &[]), wires([2]));
    // A known port that is no member of the VLAN any more.
    b.bridge()
        .fdb
        .edit(Key::new(station(8), Some(vid(20))), |_| {
            FdbEdit::Put(Entry {
                port: Some(number(4)),
                flags: Flags::default(),
                updated: Instant::ZERO,
                used: Instant::ZERO,
            })
        })
        .unwrap();
    assert_eq!(
        at(&mut b, 3, station(8), station(3), &[]),
        Err(DropReason::VlanEgress)
    );
}

#[test]
fn the_state_of_a_vlan_counts_while_the_port_forwards() {
    let mut vlans = filtering();
    vlans[1].1.egress.remove(number(1));
    let mut b = with(TagType::Dot1Q, vlans.clone());
    let at_1 = |b: &mut Bench| b.goes(wire(1), &with_tags(BROADCAST, station(1), &[]));
    assert_eq!(at_1(&mut b), Err(DropReason::IngressLearning));
    let to_1 = with_tags(station(1), station(2), &[(Q, 10)]);
    assert_eq!(
        b.goes(wire(2), &to_1),
        Err(DropReason::VlanEgress),
        "it was learned"
    );

    vlans[1].1.ingress.remove(number(1));
    let mut b = with(TagType::Dot1Q, vlans.clone());
    assert_eq!(at_1(&mut b), Err(DropReason::VlanIngressState));
    assert_eq!(b.goes(wire(2), &to_1), wires([4]));

    let mut b = with(TagType::Dot1Q, vlans);
    b.set_state(1, PortState::Learning);
    assert_eq!(at_1(&mut b), Err(DropReason::IngressLearning));
}

#[test]
fn reserved_addresses_pass_the_filter_up_but_teach_only_members() {
    let mut b = bench();
    let lldp = |tags: &[_]| with_tags(reserved_address(14), station(5), tags);
    let known = |b: &Bench, vlan: u16| {
        let key = Key::new(station(5), Vid::new(vlan));
        b.plan.bridges[0].fdb.get(key).is_some()
    };
    for tags in [&[(Q, 99)][..], &[(Q, 20)]] {
        assert_eq!(b.goes(wire(1), &lldp(tags)), Ok(vec![port_stack(1).0]));
    }
    assert!(!known(&b, 99) && !known(&b, 20));
    assert_eq!(b.goes(wire(1), &lldp(&[])), Ok(vec![port_stack(1).0]));
    assert!(known(&b, 10));
}

#[test]
fn the_bridge_gets_only_its_own_vlans() {
    let mut b = bench();
    for vlan in [1, 10, 20] {
        let entry = Entry {
            port: None,
            flags: Flags {
                local: true,
                fixed: true,
                ..Flags::default()
            },
            updated: Instant::ZERO,
            used: Instant::ZERO,
        };
        let key = Key::new(BRIDGE_MAC, Vid::new(vlan));
        b.bridge().fdb.edit(key, |_| FdbEdit::Put(entry)).unwrap();
    }
    let to_bridge = |tags: &[_]| with_tags(BRIDGE_MAC, station(1), tags);
    assert_eq!(b.goes(wire(1), &to_bridge(&[])), Ok(vec![HOST.0]));
    assert_eq!(b.goes(wire(4), &to_bridge(&[])), Err(DropReason::VlanHost));
    b.bridge().promiscuous = true;
    assert_eq!(b.goes(wire(4), &to_bridge(&[])), Ok(vec![HOST.0]));
    assert_eq!(spread(&mut b, wire(4), &[]), got([(HOST, &[(Q, 1)])]));
}

#[test]
fn counters_of_vlans() {
    let mut vlans = filtering();
    vlans[1].1.stats = Some(VlanStats {
        host: 0,
        ports: vec![0, 1, 2],
    });
    let mut b = with(TagType::Dot1Q, vlans);
    b.plan.vlan_counters = 3;
    let frame = with_tags(BROADCAST, station(1), &[(Q, 10)]);
    b.goes(wire(2), &frame).unwrap();
    let octets = frame.len() as u64 - 18;
    // Port 4 has no counters of its own: it shares the bridge's.
    assert_eq!(
        b.counters.vlans,
        [
            VlanCounters {
                tx_packets: 2,
                tx_bytes: 2 * octets,
                ..Default::default()
            },
            VlanCounters {
                tx_packets: 1,
                tx_bytes: octets,
                ..Default::default()
            },
            VlanCounters {
                rx_packets: 1,
                rx_bytes: octets,
                ..Default::default()
            },
        ]
    );
}

#[test]
fn the_tag_does_not_count_as_length() {
    let mut b = bench();
    let long = |len: usize, tags: &[_]| {
        let mut octets = with_tags(BROADCAST, station(1), tags);
        octets.resize(len, 0);
        octets
    };
    // 1500 + 18 untagged, and 4 more for the tag of the VLAN.
    assert!(b.goes(wire(1), &long(1518, &[])).is_ok());
    assert!(b.egress.lost().is_empty());
    assert!(b.goes(wire(2), &long(1522, &[(Q, 10)])).is_ok());
    assert!(b.egress.lost().is_empty());
    assert!(
        b.goes(wire(2), &long(1523, &[(Q, 10)])).is_ok(),
        "it goes up"
    );
    assert_eq!(b.egress.lost().len(), 2);
}
