use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use proptest::prelude::*;

use super::*;
use crate::switch::PortSet;
use crate::switch::mdb::{Group, HostRouter, Members};
use crate::time::Duration;

const BRIDGE: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0xb0]);

fn port(number: u16) -> PortNo {
    PortNo::new(number).unwrap()
}

fn millis(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A bridge that is up, with ports 1 to `ports`, all forwarding.
fn bridge(ports: u16) -> Snooping {
    let mut machine = Snooping::new();
    machine.set_addresses(Addresses {
        mac: BRIDGE,
        ..Addresses::default()
    });
    machine.set_up(Instant::ZERO, true);
    for number in 1..=ports {
        machine.add_port(port(number));
        machine.set_port_state(port(number), PortState::Forwarding);
    }
    machine.ports_selected(Instant::ZERO);
    machine
}

/// An IPv4 datagram with an IGMP message.
fn igmp(host: u8, to: [u8; 4], message: &[u8]) -> Vec<u8> {
    let sum = |octets: &[u8]| {
        let sum = Sum16BitWords::new().add_slice(octets).ones_complement();
        sum.to_ne_bytes()
    };
    let mut message = message.to_vec();
    let checksum = sum(&message);
    message[2..4].copy_from_slice(&checksum);
    let total = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
    let mut octets = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 1, 2, 0, 0];
    octets.extend([10, 0, 0, host]);
    octets.extend(to);
    let checksum = sum(&octets);
    octets[10..12].copy_from_slice(&checksum);
    octets.extend(message);
    octets
}

fn join(group: [u8; 4]) -> Vec<u8> {
    igmp(2, group, &[&[0x16, 0, 0, 0][..], &group].concat())
}

fn leave(group: [u8; 4]) -> Vec<u8> {
    igmp(2, [224, 0, 0, 2], &[&[0x17, 0, 0, 0][..], &group].concat())
}

/// A version 3 report of host 10.0.0.`host` with one record about sources 10.0.0.`sources`.
fn record(host: u8, kind: u8, group: [u8; 4], sources: &[u8]) -> Vec<u8> {
    let count = u8::try_from(sources.len()).unwrap();
    let mut message = vec![0x22, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, count];
    message.extend(group);
    message.extend(sources.iter().flat_map(|source| [10, 0, 0, *source]));
    igmp(host, [224, 0, 0, 22], &message)
}

fn query(host: u8, tenths: u8) -> Vec<u8> {
    igmp(host, [224, 0, 0, 1], &[0x11, tenths, 0, 0, 0, 0, 0, 0])
}

const TO_IN: u8 = 3;
const TO_EX: u8 = 4;
const ALLOW: u8 = 5;
const BLOCK: u8 = 6;

fn hear(machine: &mut Snooping, at: Instant, number: u16, datagram: &[u8]) {
    let mac = MacAddr::new([2, 0, 0, 0, 0, datagram[15]]);
    let ether_type = igmp::ETHER_TYPE_IPV4;
    machine.handle(at, Some(port(number)), 0, mac, ether_type, datagram);
}

fn star(group: [u8; 4]) -> GroupKey {
    GroupKey {
        vid: 0,
        group: Group::any_source(IpAddr::from(group)),
    }
}

fn single(group: [u8; 4], source: u8) -> GroupKey {
    star(group).with_source(IpAddr::from([10, 0, 0, source]))
}

fn ports_of(machine: &Snooping, key: GroupKey) -> Option<Vec<u16>> {
    let members = machine.mdb().lookup(key)?;
    Some(members.ports.iter().map(PortNo::get).collect())
}

/// Lets time pass until `end`; returns what was sent in it: (milliseconds, port, frame in hexadecimal).
fn pass(machine: &mut Snooping, end: Instant) -> Vec<(u64, u16, String)> {
    let mut sent = pass_and_hear(machine, end);
    sent.retain(|(_, port, _)| *port != 0);
    sent
}

/// [`pass`] with what the bridge's own stack is given, as port 0.
fn pass_and_hear(machine: &mut Snooping, end: Instant) -> Vec<(u64, u16, String)> {
    let mut sent = Vec::new();
    let mut now = None;
    loop {
        while let Some(output) = machine.poll_output() {
            let (port, octets) = match output {
                Output::Transmit { port, octets, .. } => (port.get(), octets),
                Output::Receive { octets, .. } => (0, octets),
            };
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            let at = now.unwrap_or(machine.now).as_nanos() / 1_000_000;
            sent.push((at, port, hex));
        }
        match machine.poll_timeout().filter(|due| *due <= end) {
            Some(due) => {
                now = Some(due);
                machine.handle_timeout(due);
            }
            None => return sent,
        }
    }
}

const G: [u8; 4] = [239, 1, 1, 1];
const H: [u8; 4] = [239, 1, 1, 2];

/// The bridge's own stack hears what the bridge asks, and is asked when it leaves a group.
#[test]
fn the_bridges_own_stack_is_asked() {
    let mut machine = bridge(1);
    machine.set_querier(Instant::ZERO, Scope::Bridge, true);
    let sent = pass_and_hear(&mut machine, millis(10));
    let to: Vec<u16> = sent.iter().map(|(_, port, _)| *port).collect();
    assert_eq!(to, [0, 1]);
    assert_eq!(sent[0].2, sent[1].2, "the same frame");
    let mut host = |at, datagram: &[u8]| {
        machine.handle(at, None, 0, BRIDGE, igmp::ETHER_TYPE_IPV4, datagram);
        pass_and_hear(&mut machine, at)
    };
    assert!(host(millis(20), &join(G)).is_empty());
    let asked = host(millis(30), &leave(G));
    let to: Vec<u16> = asked.iter().map(|(_, port, _)| *port).collect();
    assert_eq!(to, [0]);
}

/// Another report for a group makes no membership; one for a new group may be one too many.
#[test]
fn room_for_groups_is_known_to_workers() {
    let mut machine = bridge(2);
    let room = |machine: &Snooping| machine.mdb().room(port(1), 0);
    assert_eq!(room(&machine), None);
    hear(&mut machine, millis(1), 1, &join(G));
    machine.set_port_max_groups(port(1), Scope::Bridge, 2);
    assert_eq!(room(&machine), Some(1));
    assert_eq!(machine.mdb().room(port(2), 0), None);
    hear(&mut machine, millis(2), 1, &join(H));
    hear(&mut machine, millis(3), 1, &join(H));
    hear(&mut machine, millis(4), 1, &join([239, 1, 1, 3]));
    assert_eq!(room(&machine), Some(0));
    assert_eq!(ports_of(&machine, star([239, 1, 1, 3])), Some(vec![]));
    machine.set_port_max_groups(port(1), Scope::Bridge, 1);
    assert_eq!(room(&machine), Some(0), "beyond the limit");
    machine.remove_port(millis(5), port(1));
    assert_eq!(room(&machine), None);
}

/// What a kernel bridge with these settings sent by its port, when the same was said there at the same
/// times (its own were up to an eighth late).
#[test]
fn queries_when_and_as_the_kernel_sends_them() {
    const GENERAL: &str = "01005e0000010200000000b0080046c00024000040000102041300000000e0000001940400001164ec980000000002030000";
    const GENERAL_V2: &str = "01005e0000010200000000b0080046c00020000040000102041700000000e0000001940400001164ee9b00000000";
    let mut machine = bridge(1);
    machine.set_igmp_version(Scope::Bridge, 3).unwrap();
    machine.change(Scope::Bridge, |settings| {
        settings.last_member_interval = Duration::from_millis(500);
        settings.query_interval = Duration::from_secs(3);
        settings.startup_query_interval = Duration::from_secs(1);
    });
    machine.set_querier(Instant::ZERO, Scope::Bridge, true);
    let mut sent = pass(&mut machine, millis(2_500));
    let said = [
        (2_500, record(2, TO_EX, G, &[])),
        (2_600, record(2, TO_IN, G, &[])),
        (4_600, record(2, ALLOW, H, &[9, 8])),
        (4_700, record(2, BLOCK, H, &[9])),
        (6_700, record(2, TO_EX, H, &[8])),
    ];
    for (at, report) in said {
        sent.extend(pass(&mut machine, millis(at)));
        hear(&mut machine, millis(at), 1, &report);
    }
    sent.extend(pass(&mut machine, millis(8_700)));
    machine.set_igmp_version(Scope::Bridge, 2).unwrap();
    hear(&mut machine, millis(8_720), 1, &join([239, 1, 1, 3]));
    hear(&mut machine, millis(8_820), 1, &leave([239, 1, 1, 3]));
    sent.extend(pass(&mut machine, millis(11_000)));
    let expected = [
        (0, GENERAL),
        (1_000, GENERAL),
        (
            2_600,
            "01005e0101010200000000b0080046c00024000040000102f41100000000ef010101940400001105fcf4ef01010102030000",
        ),
        (
            3_100,
            "01005e0101010200000000b0080046c00024000040000102f41100000000ef010101940400001105f4f4ef0101010a030000",
        ),
        (4_000, GENERAL),
        (
            5_200,
            "01005e0101020200000000b0080046c00028000040000102f40c00000000ef010102940400001105f2e9ef010102020300010a000009",
        ),
        (
            5_700,
            "01005e0101020200000000b0080046c00028000040000102f40c00000000ef010102940400001105f2e9ef010102020300010a000009",
        ),
        (7_000, GENERAL),
        (
            7_200,
            "01005e0101020200000000b0080046c00028000040000102f40c00000000ef010102940400001105f2eaef010102020300010a000008",
        ),
        (
            7_700,
            "01005e0101020200000000b0080046c00028000040000102f40c00000000ef010102940400001105f2eaef010102020300010a000008",
        ),
        (
            8_820,
            "01005e0000010200000000b0080046c00020000040000102041700000000e0000001940400001105fef5ef010103",
        ),
        (9_820, GENERAL_V2),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(at, hex)| (*at, 1, (*hex).to_owned()))
        .collect();
    assert_eq!(sent, expected);
}

#[test]
fn another_querier_silences_the_bridge_until_it_is_gone() {
    let mut machine = bridge(2);
    let context = Arc::clone(machine.shared(Scope::Bridge).unwrap());
    let exists = |at| context.querier_exists(at, Family::V4);
    machine.set_querier(Instant::ZERO, Scope::Bridge, true);
    assert_eq!(pass(&mut machine, Instant::ZERO).len(), 2);
    assert!(!exists(millis(9_999)) && exists(millis(10_000)));

    let heard = millis(20_000);
    hear(&mut machine, heard, 2, &query(7, 50));
    // Its members may take five seconds to answer.
    assert!(!exists(heard) && exists(millis(25_000)));
    assert_eq!(pass(&mut machine, millis(274_999)), []);
    let querier = machine.querier(millis(274_000), Scope::Bridge, Family::V4);
    assert_eq!(
        querier,
        Some(QuerierInfo {
            address: Some([10, 0, 0, 7].into()),
            port: Some(port(2)),
            left: Some(Duration::from_secs(1)),
        })
    );
    let sent = pass(&mut machine, millis(275_000));
    assert_eq!(
        sent.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>(),
        [(275_000, 1), (275_000, 2)]
    );
    // The router port was learned by the same query.
    assert_eq!(context.routers(Family::V4), PortSet::EMPTY);
}

#[test]
fn memberships_end_at_their_time_and_not_before() {
    let mut machine = bridge(2);
    hear(&mut machine, Instant::ZERO, 1, &join(G));
    hear(&mut machine, millis(100_000), 2, &join(G));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![1, 2]));
    pass(&mut machine, millis(259_999));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![1, 2]));
    pass(&mut machine, millis(260_000));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![2]));
    pass(&mut machine, millis(360_000));
    assert_eq!(ports_of(&machine, star(G)), None);
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn sources_decide_who_gets_what() {
    let mut machine = bridge(3);
    machine.set_igmp_version(Scope::Bridge, 3).unwrap();
    hear(&mut machine, Instant::ZERO, 1, &record(1, TO_EX, G, &[]));
    hear(&mut machine, Instant::ZERO, 2, &record(2, ALLOW, G, &[9]));
    hear(&mut machine, Instant::ZERO, 3, &record(3, TO_EX, G, &[9]));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![1, 3]));
    assert_eq!(ports_of(&machine, single(G, 9)), Some(vec![1, 2]));
    assert_eq!(ports_of(&machine, single(G, 8)), None);
    // Who wanted all is there for it no more once it wants none.
    hear(&mut machine, millis(1), 1, &record(1, TO_IN, G, &[]));
    pass(&mut machine, millis(2_001));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![3]));
    assert_eq!(ports_of(&machine, single(G, 9)), Some(vec![2]));
}

#[test]
fn a_group_too_many_switches_snooping_off() {
    let mut machine = bridge(1);
    machine.set_hash_max(2);
    for last in 1..=3 {
        assert!(machine.on());
        hear(&mut machine, Instant::ZERO, 1, &join([239, 1, 1, last]));
    }
    assert!(!machine.on());
    assert_eq!(machine.mdb().len(), 2);
}

#[test]
fn hosts_and_sources_are_bounded() {
    let mut machine = bridge(1);
    machine.set_igmp_version(Scope::Bridge, 3).unwrap();
    machine.set_port_flags(port(1), true, false);
    let sources: Vec<u8> = (1..=200).collect();
    for host in 1..=255 {
        for group in 1..=3 {
            let group = [239, 1, 1, group];
            hear(
                &mut machine,
                Instant::ZERO,
                1,
                &record(host, ALLOW, group, &sources),
            );
        }
    }
    assert_eq!(machine.tracked_hosts(port(1)), HOSTS);
    let (groups, _) = machine.port_groups(port(1), Scope::Bridge).unwrap();
    assert_eq!(groups, 3 * (1 + 32));
    machine.disable_port(Instant::ZERO, port(1));
    assert_eq!(machine.tracked_hosts(port(1)), 0);
    pass(&mut machine, Instant::ZERO);
    assert!(machine.mdb().is_empty());
    assert_eq!(machine.poll_timeout(), None);
}

const HOSTS: u32 = 512;

#[test]
fn a_port_has_as_many_groups_as_it_may() {
    let mut machine = bridge(1);
    machine.set_port_max_groups(port(1), Scope::Bridge, 1);
    hear(&mut machine, Instant::ZERO, 1, &join(G));
    hear(&mut machine, Instant::ZERO, 1, &join(H));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![1]));
    assert_eq!(ports_of(&machine, star(H)), Some(vec![]));
    let spec = GroupSpec {
        port: Some(port(1)),
        group: star(H).group,
        source: None,
        permanent: true,
        mode: None,
        sources: Vec::new(),
        protocol: None,
        replace: false,
    };
    let refused = machine.add(Instant::ZERO, &spec, &[0]);
    assert_eq!(refused, Err(MdbRefused::PortLimit(1, false)));
}

#[test]
fn lists_of_sources_by_command() {
    let mut machine = bridge(2);
    machine.set_igmp_version(Scope::Bridge, 3).unwrap();
    let source = |last: u8| IpAddr::from([10, 0, 0, last]);
    let spec = |mode, sources: &[u8], replace| GroupSpec {
        port: Some(port(1)),
        group: star(G).group,
        source: None,
        permanent: true,
        mode: Some(mode),
        sources: sources.iter().map(|last| source(*last)).collect(),
        protocol: Some(99),
        replace,
    };
    let mut add = |spec| machine.add(Instant::ZERO, &spec, &[0]);
    let fault = |fault| Err(MdbRefused::Invalid(fault));
    let empty = add(spec(FilterMode::Include, &[], false));
    assert_eq!(empty, fault(SpecFault::EmptyInclude));
    let many: Vec<u8> = (1..=32).collect();
    let many = add(spec(FilterMode::Include, &many, false));
    assert_eq!(many, fault(SpecFault::ListTooLong));
    assert_eq!(add(spec(FilterMode::Include, &[1, 2], false)), Ok(()));
    let again = add(spec(FilterMode::Include, &[1, 2], false));
    assert!(matches!(again, Err(MdbRefused::Exists(_))));
    assert_eq!(ports_of(&machine, single(G, 1)), Some(vec![1]));
    assert_eq!(ports_of(&machine, star(G)), Some(vec![]));

    let replaced = machine.add(
        Instant::ZERO,
        &spec(FilterMode::Exclude, &[2, 3], true),
        &[0],
    );
    assert_eq!(replaced, Ok(()));
    pass(&mut machine, Instant::ZERO);
    assert_eq!(ports_of(&machine, star(G)), Some(vec![1]));
    assert_eq!(ports_of(&machine, single(G, 1)), None);
    assert_eq!(ports_of(&machine, single(G, 2)), Some(vec![]));
    let row = machine.dump(Instant::ZERO).into_iter();
    let row = row.rev().find(|row| row.key == star(G)).unwrap();
    assert_eq!(row.protocol, Some(99));
    let sources: Vec<_> = row.sources.iter().map(|(source, _)| *source).collect();
    assert_eq!(sources, [source(3), source(2)]);
}

#[test]
fn the_bridge_itself_is_a_router_as_it_is_told() {
    let mut machine = bridge(1);
    let context = Arc::clone(machine.shared(Scope::Bridge).unwrap());
    let is = |at| context.host_is_router(at, Some(Family::V4));
    let from_host = query(9, 10);
    let mut hear = |at| {
        let ether_type = igmp::ETHER_TYPE_IPV4;
        machine.handle(at, None, 0, BRIDGE, ether_type, &from_host);
    };
    hear(Instant::ZERO);
    assert!(is(millis(254_999)) && !is(millis(255_000)));
    assert_eq!(machine.set_router(Scope::Bridge, 0), Ok(()));
    assert!(!is(Instant::ZERO));
    assert_eq!(machine.set_router(Scope::Bridge, 2), Ok(()));
    assert!(is(millis(999_000)));
    assert_eq!(machine.set_router(Scope::Bridge, 3), Err(InvalidValue));
    let settings = machine.settings_of(Scope::Bridge).unwrap();
    assert_eq!(settings.router, HostRouter::Always);
}

/// Without an IPv6 address a bridge is no MLD querier, but finds that out by its first query only.
#[test]
fn mld_queries_need_an_address() {
    let mut machine = bridge(1);
    let context = Arc::clone(machine.shared(Scope::Bridge).unwrap());
    machine.set_querier(Instant::ZERO, Scope::Bridge, true);
    let sent = pass(&mut machine, Instant::ZERO);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].2.starts_with("01005e000001"));
    assert!(!context.querier_exists(millis(10_000), Family::V6));
    machine.set_addresses(Addresses {
        mac: BRIDGE,
        ipv4: None,
        ipv6: Some("fe80::b0".parse().unwrap()),
    });
    let sent = pass(&mut machine, millis(31_248));
    let mld = |it: &&(u64, u16, String)| it.2.starts_with("333300000001");
    assert_eq!(sent.iter().filter(mld).count(), 1);
    assert!(context.querier_exists(millis(31_248), Family::V6));
}

#[test]
fn vlans_have_contexts_of_their_own() {
    let mut machine = bridge(1);
    let vlans = BTreeMap::from([(10, (true, false)), (20, (true, true))]);
    let ports = BTreeMap::from([
        ((port(1), 10), (PortState::Forwarding, false)),
        ((port(1), 20), (PortState::Forwarding, true)),
    ]);
    machine.set_vlans(Instant::ZERO, &vlans, &ports);
    machine.set_vlan_snooping(Instant::ZERO, true);
    machine.set_querier(Instant::ZERO, Scope::Vlan(10), true);
    machine.set_querier(Instant::ZERO, Scope::Vlan(20), true);
    machine.set_querier(Instant::ZERO, Scope::Bridge, true);
    machine.handle_timeout(Instant::ZERO);
    let mut tags = Vec::new();
    let mut own = Vec::new();
    while let Some(output) = machine.poll_output() {
        match output {
            Output::Transmit { tag, .. } => tags.push(tag),
            Output::Receive { tag, .. } => own.push(tag),
        }
    }
    assert_eq!((tags, own), (vec![Some(10), None], vec![Some(10), None]));
    machine.set_vlan_snooped(Instant::ZERO, 10, false);
    assert!(!machine.vlan_snooped(10) && machine.vlan_snooped(20));
    machine.set_vlan_snooping(Instant::ZERO, false);
    assert!(pass(&mut machine, Instant::ZERO).iter().all(|it| it.1 == 1));
}

#[derive(Clone, Debug)]
enum Op {
    Hear(u16, Vec<u8>),
    Wait(u64),
    Link(u16, bool),
    Flags(u16, bool, bool),
    Version(u8),
    Snooping(bool),
    Up(bool),
    Querier(bool),
    Static(u16, u8, Option<u8>, bool),
    Router(u16, u8),
}

fn op() -> impl Strategy<Value = Op> {
    let ports = 1..=3u16;
    let group = (1..=3u8).prop_map(|last| [239, 1, 1, last]);
    let sources = prop::collection::vec(0..=4u8, 0..4);
    let datagram = prop_oneof![
        group.clone().prop_map(join),
        group.clone().prop_map(leave),
        (1..=3u8, 1..=7u8, group, sources)
            .prop_map(|(host, kind, group, sources)| record(host, kind, group, &sources)),
        (1..=9u8, 0..=20u8).prop_map(|(host, tenths)| query(host, tenths)),
    ];
    prop_oneof![
        12 => (ports.clone(), datagram).prop_map(|(port, datagram)| Op::Hear(port, datagram)),
        4 => prop_oneof![0..3_000u64, 0..300_000u64].prop_map(Op::Wait),
        1 => (ports.clone(), any::<bool>()).prop_map(|(port, up)| Op::Link(port, up)),
        1 => (ports.clone(), any::<bool>(), any::<bool>()).prop_map(|(p, a, b)| Op::Flags(p, a, b)),
        1 => (2..=3u8).prop_map(Op::Version),
        1 => any::<bool>().prop_map(Op::Snooping),
        1 => any::<bool>().prop_map(Op::Up),
        1 => any::<bool>().prop_map(Op::Querier),
        2 => (ports.clone(), 1..=3u8, prop::option::of(1..=4u8), any::<bool>())
            .prop_map(|(port, group, source, add)| Op::Static(port, group, source, add)),
        1 => (ports, 0..=3u8).prop_map(|(port, router)| Op::Router(port, router)),
    ]
}

fn apply(machine: &mut Snooping, now: &mut Instant, op: Op) {
    match op {
        Op::Hear(number, datagram) => hear(machine, *now, number, &datagram),
        Op::Wait(time) => {
            *now = *now + Duration::from_millis(time);
            pass(machine, *now);
        }
        Op::Link(number, true) => {
            machine.set_port_state(port(number), PortState::Forwarding);
            machine.ports_selected(*now);
        }
        Op::Link(number, false) => {
            machine.set_port_state(port(number), PortState::Disabled);
            machine.disable_port(*now, port(number));
        }
        Op::Flags(number, fast, unicast) => machine.set_port_flags(port(number), fast, unicast),
        Op::Version(version) => machine.set_igmp_version(Scope::Bridge, version).unwrap(),
        Op::Snooping(on) => machine.set_snooping(*now, on),
        Op::Up(up) => machine.set_up(*now, up),
        Op::Querier(on) => machine.set_querier(*now, Scope::Bridge, on),
        Op::Static(number, group, source, add) => {
            let spec = GroupSpec {
                port: Some(port(number)),
                group: star([239, 1, 1, group]).group,
                source: source.map(|last| [10, 0, 0, last].into()),
                permanent: source != Some(2),
                mode: None,
                sources: Vec::new(),
                protocol: None,
                replace: group == 2,
            };
            _ = match add {
                true => machine.add(*now, &spec, &[0]),
                false => machine.delete(*now, &spec, &[0]),
            };
        }
        Op::Router(number, value) => {
            let done = machine.set_port_router(*now, port(number), Scope::Bridge, value);
            done.unwrap();
        }
    }
}

/// What must hold after every call.
fn check_whole(machine: &Snooping) {
    let mut timers = std::collections::BTreeSet::new();
    let mut pending = |key, timer: timers::Timer| {
        if timer.pending() {
            timers.insert((timer.expires(), key));
        }
    };
    let mut groups = BTreeMap::<PortNo, u32>::new();
    for (key, entry) in machine.groups.iter() {
        assert_eq!(
            machine.mdb().lookup(key).as_deref(),
            machine.members(key).as_ref()
        );
        pending(TimerKey::Host(key), entry.timer);
        for pg in &entry.ports {
            *groups.entry(pg.port).or_default() += 1;
            pending(TimerKey::Group(key, pg.id), pg.timer);
            pending(TimerKey::Rexmit(key, pg.id), pg.rexmit);
            assert!(pg.sources.len() <= MAX_SOURCES);
            for source in &pg.sources {
                pending(TimerKey::Source(key, pg.id, source.address), source.timer);
            }
            pg.hosts.timers(key, pg.id, &mut pending);
        }
    }
    assert_eq!(machine.mdb().len(), machine.groups.iter().count());
    for (number, port) in &machine.ports {
        assert_eq!(port.groups, groups.get(number).copied().unwrap_or(0));
        for family in Family::ALL {
            let part = port.context.family(family);
            pending(
                TimerKey::PortQuery(*number, Scope::Bridge, family),
                part.own.timer,
            );
            pending(
                TimerKey::PortRouter(*number, Scope::Bridge, family),
                part.router,
            );
        }
    }
    for family in Family::ALL {
        let querier = machine.context.querier(family);
        pending(TimerKey::OwnQuery(Scope::Bridge, family), querier.own.timer);
        pending(TimerKey::OtherQuerier(Scope::Bridge, family), querier.other);
    }
    assert_eq!(timers, machine.timers.pending());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_the_parts_agree(ops in prop::collection::vec(op(), 1..60)) {
        let mut machine = bridge(3);
        let mut now = Instant::ZERO;
        for op in ops {
            apply(&mut machine, &mut now, op);
            check_whole(&machine);
        }
        // And nothing lasts that nobody renews, but what a command made.
        machine.set_querier(now, Scope::Bridge, false);
        let end = now + Duration::from_secs(100_000);
        pass(&mut machine, end);
        check_whole(&machine);
        let lasting = machine.dump(end).into_iter();
        prop_assert!(lasting.into_iter().all(|row| row.permanent || !machine.up
            || row.protocol == Some(PROTOCOL_STATIC) || row.left.is_zero()));
    }

    #[test]
    fn any_octets_are_heard_without_panic(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut machine = bridge(1);
        let mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
        for ether_type in [0x0800, 0x86dd, 0x88b5] {
            machine.handle(Instant::ZERO, Some(port(1)), 0, mac, ether_type, &octets);
            machine.handle(Instant::ZERO, Some(port(9)), 4000, mac, ether_type, &octets);
        }
        check_whole(&machine);
    }
}

#[test]
fn members_by_host_are_bounded() {
    let mut machine = bridge(1);
    machine.set_port_flags(port(1), false, true);
    for n in 0..1_000 {
        let (at, mac) = (Instant::ZERO, MacAddr::from_u64(0x0200_0000_0000 + n));
        machine.handle(at, Some(port(1)), 0, mac, igmp::ETHER_TYPE_IPV4, &join(G));
    }
    let members = machine.mdb().lookup(star(G)).unwrap();
    assert_eq!(members.copies.len(), MAX_HOSTS);
}

#[test]
fn members_by_host_have_copies_of_their_own() {
    let mut machine = bridge(2);
    machine.set_port_flags(port(1), false, true);
    for host in [3, 4] {
        let mac = MacAddr::new([2, 0, 0, 0, 0, host]);
        let at = Instant::ZERO;
        machine.handle(at, Some(port(1)), 0, mac, igmp::ETHER_TYPE_IPV4, &join(G));
    }
    let members = machine.mdb().lookup(star(G)).unwrap();
    let copies: Vec<_> = members.copies.iter().map(|it| (it.to, it.oldest)).collect();
    let mac = |host| Some(MacAddr::new([2, 0, 0, 0, 0, host]));
    assert_eq!(copies, [(mac(3), true), (mac(4), false)]);
    assert_eq!(members.ports, Members::default().ports);
}
