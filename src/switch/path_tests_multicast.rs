//! Frames to groups on a bridge that snoops.

use etherparse::checksum::Sum16BitWords;

use super::*;
use crate::switch::mdb::{
    Context, Family, Group, GroupKey, HostRouter, Mdb, MemberCopy, Members, PlanMulticast,
};
use crate::wire::{igmp, mld};

const G: [u8; 4] = [239, 1, 1, 1];

fn sum(octets: &[u8]) -> [u8; 2] {
    let sum = Sum16BitWords::new().add_slice(octets).ones_complement();
    sum.to_ne_bytes()
}

/// A frame of station 1 with an IPv4 datagram.
fn ipv4(to: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 1, protocol, 0, 0];
    header.extend([10, 0, 0, 9]);
    header.extend(to);
    let checksum = sum(&header);
    header[10..12].copy_from_slice(&checksum);
    let mut octets = MacAddr::of_ipv4_group(to.into()).octets().to_vec();
    octets.extend(station(1).octets());
    octets.extend(igmp::ETHER_TYPE_IPV4.to_be_bytes());
    octets.extend(header);
    octets.extend(payload);
    octets
}

fn message(to: [u8; 4], message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let checksum = sum(&message);
    message[2..4].copy_from_slice(&checksum);
    ipv4(to, 2, &message)
}

fn join(group: [u8; 4]) -> Vec<u8> {
    message(group, &[&[0x16, 0, 0, 0][..], &group].concat())
}

fn data(to: [u8; 4]) -> Vec<u8> {
    ipv4(to, 17, &[0; 8])
}

/// A frame of station 1 to ff0e::1: behind the fixed header a hop-by-hop header and `icmp`, unsummed.
fn ipv6(icmp: &[u8]) -> Vec<u8> {
    let to = "ff0e::1".parse().unwrap();
    let mut octets = MacAddr::of_ipv6_group(to).octets().to_vec();
    octets.extend(station(1).octets());
    octets.extend(mld::ETHER_TYPE_IPV6.to_be_bytes());
    let length = u8::try_from(8 + icmp.len()).unwrap();
    octets.extend([0x60, 0, 0, 0, 0, length, 0, 1]);
    octets.extend([0xfe; 16]);
    octets.extend(to.octets());
    octets.extend([58, 0, 5, 2, 0, 0, 0, 0]);
    octets.extend(icmp);
    octets
}

fn key(group: Group) -> GroupKey {
    GroupKey { vid: 0, group }
}

fn star(group: [u8; 4]) -> Group {
    Group::any_source(std::net::IpAddr::from(group))
}

/// A bench that snoops; with a querier since ever, if `querier`.
fn snooping(ports: u16, querier: bool) -> (Bench, Arc<Mdb>, Arc<Context>) {
    let mut bench = Bench::new(ports);
    let (groups, context) = (Arc::new(Mdb::default()), Arc::new(Context::default()));
    context.set_own_querier(Family::V4, querier);
    context.set_own_querier(Family::V6, querier);
    context.set_host_router(HostRouter::Learned);
    bench.bridge().multicast = Some(PlanMulticast {
        groups: Arc::clone(&groups),
        limit: 2,
        context: Arc::clone(&context),
        vlans: None,
        stats: None,
    });
    (bench, groups, context)
}

fn members(ports: &[u16]) -> Option<Members> {
    Some(Members {
        ports: ports.iter().map(|port| number(*port)).collect(),
        ..Members::default()
    })
}

/// [`Bench::goes`], which wants each reason to be the first of its kind.
fn goes(bench: &mut Bench, ingress: AttachmentId, octets: &[u8]) -> Result<Vec<u32>, DropReason> {
    bench.counters = Counters::default();
    bench.goes(ingress, octets)
}

fn all_but(n: u32) -> Vec<u32> {
    let wires = [1, 2, 3, 4].into_iter().filter(|port| *port != n);
    std::iter::once(HOST)
        .chain(wires.map(wire))
        .map(|it| it.0)
        .collect()
}

#[test]
fn what_is_malformed_is_dropped_by_name() {
    let (mut bench, ..) = snooping(4, false);
    let damaged = |octets: &[u8], at: usize| {
        let mut octets = octets.to_vec();
        octets[at] ^= 1;
        octets
    };
    let data = data(G);
    for (octets, reason) in [
        (damaged(&data, 22), DropReason::Ipv4Malformed),
        (data[..30].to_vec(), DropReason::Ipv4Malformed),
        (damaged(&join(G), 40), DropReason::IgmpMalformed),
        (ipv6(&[])[..50].to_vec(), DropReason::Ipv6Malformed),
        (ipv6(&[131; 24]), DropReason::MldMalformed),
        (
            message(G, &[0x22, 0, 0, 0, 0, 0, 0, 1]),
            DropReason::ReportTruncated,
        ),
    ] {
        assert_eq!(goes(&mut bench, wire(1), &octets), Err(reason), "{reason}");
    }
    // To all, and to a single station, nobody looks.
    let mut broadcast = damaged(&data, 22);
    broadcast[..6].copy_from_slice(&[0xff; 6]);
    assert_eq!(goes(&mut bench, wire(1), &broadcast), Ok(all_but(1)));
    bench.bridge().multicast = None;
    assert_eq!(
        goes(&mut bench, wire(1), &damaged(&data, 22)),
        Ok(all_but(1))
    );
}

#[test]
fn control_sees_messages_and_they_go_on() {
    let (mut bench, ..) = snooping(4, true);
    let query = message([224, 0, 0, 1], &[0x11, 100, 0, 0, 0, 0, 0, 0]);
    let pim = ipv4([224, 0, 0, 13], 103, &[0x20, 0, 0, 0]);
    for (octets, trapped) in [(&query, true), (&pim, true), (&data([224, 0, 0, 5]), false)] {
        assert_eq!(goes(&mut bench, wire(1), octets), Ok(all_but(1)));
        let traps: Vec<_> = bench.egress.traps().iter().map(|it| it.kind).collect();
        let expected: &[_] = if trapped { &[TrapKind::Multicast] } else { &[] };
        assert_eq!(traps, expected);
    }
    // From the bridge's own stack, too.
    goes(&mut bench, HOST, &join(G)).unwrap_err();
    assert_eq!(bench.egress.traps()[0].netdev, NetdevId(0));
}

#[test]
fn without_a_querier_members_do_not_count() {
    let (mut bench, groups, context) = snooping(4, false);
    groups.set(key(star(G)), members(&[2]));
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(all_but(1)));
    let until = Instant::from_secs(10);
    context.set_querier_until(Family::V4, until);
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![wire(2).0]));
    bench.now = until;
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(all_but(1)));
}

#[test]
fn members_and_routers_get_data_and_only_routers_reports() {
    let (mut bench, groups, context) = snooping(4, true);
    groups.set(key(star(G)), members(&[1, 2]));
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![wire(2).0]));
    let nobody = Err(DropReason::NoEgressPort);
    assert_eq!(goes(&mut bench, wire(1), &data([239, 9, 9, 9])), nobody);
    assert_eq!(goes(&mut bench, wire(1), &join(G)), nobody);
    context.set_routers(Family::V4, [number(2), number(4)].into_iter().collect());
    assert_eq!(
        goes(&mut bench, wire(1), &join(G)),
        Ok(vec![wire(2).0, wire(4).0])
    );
    assert_eq!(
        goes(&mut bench, wire(2), &data(G)),
        Ok(vec![wire(1).0, wire(4).0])
    );
    assert_eq!(
        goes(&mut bench, HOST, &data(G)),
        Ok([1, 2, 4].map(|n| wire(n).0).to_vec())
    );
    // A member's flood flag does not count, its state and isolation do.
    bench.bridge().flood.multicast.remove(number(4));
    assert_eq!(
        goes(&mut bench, wire(1), &data(G)),
        Ok(vec![wire(2).0, wire(4).0])
    );
    bench.port(4).state = PortState::Blocking;
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![wire(2).0]));
    bench.port(1).barred.insert(number(2));
    assert_eq!(goes(&mut bench, wire(1), &data(G)), nobody);
}

#[test]
fn the_bridge_itself_is_a_member_or_a_router() {
    let (mut bench, groups, context) = snooping(2, true);
    let host = Members {
        host: true,
        ..Members::default()
    };
    groups.set(key(star(G)), Some(host));
    let (verdict, copies) = bench.send(wire(1), &data(G));
    assert_eq!(verdict, Verdict::Forwarded);
    assert_eq!(copies, [(HOST.0, PacketType::Multicast)]);
    assert_eq!(bench.counters.netdevs[0].multicast, 1);
    groups.set(key(star(G)), None);
    context.set_host_router(HostRouter::Always);
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![HOST.0]));
    context.set_host_router(HostRouter::Never);
    bench.bridge().promiscuous = true;
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![HOST.0]));
    assert_eq!(bench.counters.netdevs[0].multicast, 0);
}

#[test]
fn sources_are_looked_up_first_where_the_version_knows_them() {
    let (mut bench, groups, context) = snooping(4, true);
    let single = star(G).with_source(std::net::IpAddr::from([10, 0, 0, 9]));
    groups.set(key(star(G)), members(&[2]));
    groups.set(key(single), members(&[3]));
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![wire(2).0]));
    context.set_by_source(Family::V4, true);
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![wire(3).0]));
    groups.set(key(single), None);
    assert_eq!(goes(&mut bench, wire(1), &data(G)), Ok(vec![wire(2).0]));
}

#[test]
fn a_group_of_layer_2_needs_no_querier() {
    let (mut bench, groups, _) = snooping(4, false);
    groups.set(key(Group::Mac(GROUP)), members(&[3]));
    let octets = frame(GROUP, station(1), 60);
    assert_eq!(goes(&mut bench, wire(1), &octets), Ok(vec![wire(3).0]));
    let other = frame(MacAddr::new([1, 0, 0, 0, 0, 1]), station(1), 60);
    assert_eq!(goes(&mut bench, wire(1), &other), Ok(all_but(1)));
}

#[test]
fn members_by_host_get_the_frame_to_themselves() {
    let (mut bench, groups, context) = snooping(3, true);
    let copy = |n: u8, oldest| MemberCopy {
        port: number(2),
        to: Some(station(n)),
        oldest,
    };
    let by_host = Members {
        copies: vec![copy(5, true), copy(6, false), copy(1, false)],
        ..Members::default()
    };
    groups.set(key(star(G)), Some(by_host));
    let destinations = |bench: &mut Bench, ingress: AttachmentId| {
        let octets = data(G);
        bench.send(ingress, &octets);
        let mut found = Vec::new();
        for (_, copies) in bench.egress.queues() {
            for copy in copies {
                let whole = bench.egress.pieces(copy.edit, &octets).concat();
                assert_eq!(whole.len(), octets.len());
                assert_eq!(whole[6..], octets[6..]);
                found.push(Ethernet::parse(&whole).unwrap().destination());
            }
        }
        found
    };
    let to = |ns: &[u8]| ns.iter().map(|n| station(*n)).collect::<Vec<_>>();
    assert_eq!(destinations(&mut bench, wire(1)), to(&[5, 6, 1]));
    // Even with hairpin nobody hears oneself.
    bench.port(2).barred = PortSet::EMPTY;
    assert_eq!(destinations(&mut bench, wire(2)), to(&[5, 6]));
    // A router behind the port has the first copy, unchanged.
    context.set_routers(Family::V4, [number(2)].into_iter().collect());
    let mut expected = vec![MacAddr::of_ipv4_group(G.into())];
    expected.extend(to(&[6, 1]));
    assert_eq!(destinations(&mut bench, wire(1)), expected);
}

#[test]
fn a_join_to_a_full_table_is_dropped_and_seen() {
    let (mut bench, groups, _) = snooping(4, false);
    groups.set(key(star(G)), members(&[1]));
    assert_eq!(
        goes(&mut bench, wire(1), &join([239, 1, 1, 2])),
        Ok(all_but(1))
    );
    groups.set(key(star([239, 1, 1, 2])), members(&[1]));
    assert_eq!(goes(&mut bench, wire(1), &join(G)), Ok(all_but(1)));
    let full = Err(DropReason::GroupLimit);
    assert_eq!(goes(&mut bench, wire(1), &join([239, 1, 1, 3])), full);
    assert_eq!(bench.egress.traps().len(), 1);
    let report = [
        &[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..],
        &[239, 1, 1, 3],
    ]
    .concat();
    let report = message([224, 0, 0, 22], &report);
    assert_eq!(
        goes(&mut bench, wire(1), &report),
        Err(DropReason::GroupLimit)
    );
    // Nobody is asked about groups of the link.
    assert_eq!(
        goes(&mut bench, wire(1), &join([224, 0, 0, 251])),
        Ok(all_but(1))
    );
}

#[test]
fn a_vlan_that_is_not_snooped_floods() {
    let plan = PlanMulticast {
        groups: Arc::default(),
        limit: 2,
        context: Arc::default(),
        vlans: Some([(10, Arc::default())].into_iter().collect()),
        stats: None,
    };
    assert!(plan.context(0).is_some() && plan.context(10).is_some());
    assert!(plan.context(20).is_none());
}
