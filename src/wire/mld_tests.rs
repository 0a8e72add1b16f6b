use proptest::prelude::*;

use super::super::membership::RecordKind;
use super::*;

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 0x1234);
const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// A datagram with these headers behind the fixed one and a correct checksum of the message.
fn datagram(next: u8, destination: Ipv6Addr, headers: &[u8], icmp: &[u8]) -> Vec<u8> {
    let mut icmp = icmp.to_vec();
    if icmp.len() >= 4 {
        let checksum = sum(&icmp, HOST, destination).to_ne_bytes();
        icmp[2..4].copy_from_slice(&checksum);
    }
    let length = u16::try_from(headers.len() + icmp.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let mut octets = vec![0x60, 0, 0, 0, high, low, next, 1];
    octets.extend(HOST.octets());
    octets.extend(destination.octets());
    octets.extend(headers);
    octets.extend(icmp);
    octets
}

const ROUTER_ALERT: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 0, 0];

fn mld(destination: Ipv6Addr, icmp: &[u8]) -> Vec<u8> {
    datagram(HOP_BY_HOP, destination, &ROUTER_ALERT, icmp)
}

fn short(kind: u8, code: u16, group: Ipv6Addr) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    [&[kind, 0, 0, 0, high, low, 0, 0][..], &group.octets()].concat()
}

fn content(octets: &[u8]) -> Result<Content<'_>, MldError> {
    inspect(octets).map(|inspected| inspected.content)
}

fn query_of(octets: &[u8]) -> Query {
    match content(octets) {
        Ok(Content::Membership(Message::Query(query))) => query,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_by_type() {
    let group = GROUP.into();
    assert_eq!(
        content(&mld(GROUP, &short(TYPE_REPORT_V1, 0, GROUP))),
        Ok(Content::Membership(Message::Report { group }))
    );
    assert_eq!(
        content(&mld(GROUP, &short(TYPE_DONE, 0, GROUP))),
        Ok(Content::Membership(Message::Leave { group }))
    );
    // Neighbour discovery has no hop-by-hop header, and with one it is still no MLD.
    let solicitation = short(135, 0, GROUP);
    assert_eq!(content(&mld(GROUP, &solicitation)), Ok(Content::Data));
    let plain = datagram(ICMPV6, GROUP, &[], &short(TYPE_REPORT_V1, 0, GROUP));
    assert_eq!(content(&plain), Ok(Content::Data));
    // Eight octets are enough for ICMPv6, not for MLD.
    let tiny = mld(GROUP, &[TYPE_REPORT_V1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(content(&tiny), Ok(Content::Data));
}

#[test]
fn queries_by_version() {
    let v1 = query_of(&mld(
        ALL_NODES,
        &short(TYPE_QUERY, 10_000, Ipv6Addr::UNSPECIFIED),
    ));
    assert_eq!(v1.max_response, Duration::from_secs(10));
    assert!(!v1.with_sources);
    let v2 = [&short(TYPE_QUERY, 0x8001, GROUP)[..], &[0x0a, 125, 0, 3]].concat();
    let v2 = query_of(&mld(GROUP, &v2));
    assert_eq!(v2.max_response, Duration::from_millis(0x1001 << 3));
    assert!(v2.with_sources && v2.suppress);
    assert_eq!(v2.sources, 3);
}

#[test]
fn records() {
    let mut report = vec![TYPE_REPORT_V2, 0, 0, 0, 0, 0, 0, 1, 6, 0, 0, 1];
    report.extend(GROUP.octets());
    report.extend(HOST.octets());
    let octets = mld(GROUP, &report);
    let Ok(Content::Membership(Message::Records(mut records))) = content(&octets) else {
        panic!("not a report");
    };
    let record = records.next().unwrap().unwrap();
    assert_eq!(record.kind, Some(RecordKind::Block));
    assert_eq!(record.group, GROUP);
    assert_eq!(record.sources.iter().collect::<Vec<_>>(), [HOST]);
    assert_eq!(records.next(), None);
}

#[test]
fn routers() {
    let advertisement = [TYPE_ROUTER_ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0];
    let to = |to| content(&mld(to, &advertisement)).unwrap() == Content::Router;
    assert!(to(ALL_SNOOPERS) && !to(ALL_NODES));
}

#[test]
fn extension_headers() {
    let report = short(TYPE_REPORT_V1, 0, GROUP);
    let is_report = |headers: &[u8]| {
        let octets = datagram(HOP_BY_HOP, GROUP, headers, &report);
        let content = content(&octets);
        matches!(content, Ok(Content::Membership(Message::Report { .. })))
    };
    let options = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0];
    let destination = [ICMPV6, 0, 1, 4, 0, 0, 0, 0];
    assert!(is_report(&[options, destination].concat()));
    // Authentication headers count in units of four octets, and two more.
    let options = [AUTHENTICATION, 0, 1, 4, 0, 0, 0, 0];
    let authentication = [ICMPV6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(is_report(&[&options[..], &authentication].concat()));
    // Of fragments, the first has the header.
    let options = [FRAGMENT, 0, 1, 4, 0, 0, 0, 0];
    let first = [ICMPV6, 0, 0, 1, 0, 0, 0, 0];
    assert!(is_report(&[options, first].concat()));
    let later = [ICMPV6, 0, 0, 8, 0, 0, 0, 0];
    let later = datagram(HOP_BY_HOP, GROUP, &[options, later].concat(), &report);
    assert_eq!(content(&later), Ok(Content::Data));
    // Nothing follows, or not enough.
    let none = [NO_NEXT_HEADER, 0, 1, 4, 0, 0, 0, 0];
    let none = datagram(HOP_BY_HOP, GROUP, &none, &report);
    assert_eq!(content(&none), Err(MldError::Extension));
    let beyond = [DESTINATION_OPTIONS, 0xff, 1, 4, 0, 0, 0, 0];
    let beyond = datagram(HOP_BY_HOP, GROUP, &beyond, &report);
    assert_eq!(content(&beyond), Err(MldError::Extension));
}

#[test]
fn errors_by_name() {
    let good = mld(GROUP, &short(TYPE_REPORT_V1, 0, GROUP));
    let changed = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        content(&octets).err()
    };
    assert_eq!(changed(0, 0x40), Some(MldError::Header));
    assert_eq!(content(&good[..39]).err(), Some(MldError::Header));
    let length = |payload| {
        Some(MldError::Length {
            payload,
            present: 32,
        })
    };
    assert_eq!(changed(5, 0), length(0));
    assert_eq!(changed(5, 33), length(33));
    assert_eq!(changed(5, 15), Some(MldError::Short));
    assert_eq!(changed(5, 7), Some(MldError::Short));
    assert_eq!(changed(60, 1), Some(MldError::Checksum));
    let query = |to, extra: usize, group| {
        let mut query = short(TYPE_QUERY, 1, group);
        query.resize(24 + extra, 0);
        content(&mld(to, &query)).err()
    };
    for extra in 1..4 {
        assert_eq!(
            query(GROUP, extra, GROUP),
            Some(MldError::QueryLength(24 + extra))
        );
    }
    assert_eq!(
        query(GROUP, 0, Ipv6Addr::UNSPECIFIED),
        Some(MldError::QueryDestination(GROUP))
    );
    for (address, scoped) in [
        ("fe80::1", true),
        ("febf::1", true),
        ("ff02::1", true),
        ("ff12::1", true),
        ("fec0::1", false),
        ("2001:db8::1", false),
        ("::", false),
        ("ff05::1", false),
    ] {
        assert_eq!(
            has_link_scope(address.parse().unwrap()),
            scoped,
            "{address}"
        );
    }
}

/// The ends of a version 1 and a version 2 query of the kernel's, as a packet socket saw the latter.
#[test]
fn queries_as_the_kernel_sends_them() {
    let mut buffer = [0xaa; MAX_QUERY_FRAME];
    let mac = MacAddr::new([2, 0, 0, 0, 0, 0xb0]);
    let general = MldQuery {
        group: Ipv6Addr::UNSPECIFIED,
        max_response: Duration::from_secs(10),
        version_2: None,
    };
    let octets = general.encode(mac, HOST, ALL_NODES, &mut buffer);
    assert_eq!(octets.len(), 86);
    assert_eq!(octets[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(octets[12..22], [0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 0, 1]);
    assert_eq!(octets[54..62], [58, 0, 5, 2, 0, 0, 0, 0]);
    let query = query_of(&octets[ETHERNET_HEADER..]);
    assert_eq!(query.max_response, Duration::from_secs(10));

    let general = MldQuery {
        version_2: Some(QueryDetails {
            suppress: false,
            interval: Duration::from_secs(10),
            sources: &[],
        }),
        ..general
    };
    let octets = general.encode(mac, "fe80::b0".parse().unwrap(), ALL_NODES, &mut buffer);
    let expected = [
        &[0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xb0, 0x86, 0xdd][..],
        &[0x60, 0, 0, 0, 0, 0x24, 0, 1],
        &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb0],
        &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0x3a, 0, 5, 2, 0, 0, 0, 0],
        &[0x82, 0, 0x56, 0x5a, 0x27, 0x10, 0, 0],
        &[0; 16],
        &[2, 10, 0, 0],
    ]
    .concat();
    assert_eq!(octets, expected);

    let sources = [HOST; 40];
    let specific = MldQuery {
        group: GROUP,
        max_response: Duration::from_secs(1),
        version_2: Some(QueryDetails {
            suppress: false,
            interval: Duration::from_secs(125),
            sources: &sources,
        }),
    };
    let octets = specific.encode(mac, HOST, GROUP, &mut buffer);
    assert_eq!(octets.len(), MAX_QUERY_FRAME);
    let query = query_of(&octets[ETHERNET_HEADER..]);
    assert!(query.with_sources && !query.suppress);
    assert_eq!((query.group, query.sources), (GROUP.into(), 32));
}

/// As a packet socket saw the kernel's bridge say them.
#[test]
fn claims_as_the_kernel_sends_them() {
    let mut buffer = [0xaa; MAX_CLAIM_FRAME];
    let mac = MacAddr::new([2, 0, 0, 0, 0, 0xb0]);
    let none = Ipv6Addr::UNSPECIFIED;
    let octets =
        Claim::Record(RecordKind::IsExclude).encode_mld(mac, none, ALL_SNOOPERS, &mut buffer);
    let expected = [
        &[0x33, 0x33, 0, 0, 0, 0x16, 2, 0, 0, 0, 0, 0xb0, 0x86, 0xdd][..],
        &[0x60, 0, 0, 0, 0, 0x24, 0, 1],
        &[0; 16],
        &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16],
        &[0x3a, 0, 5, 2, 0, 0, 1, 0],
        &[143, 0, 0x70, 0x22, 0, 0, 0, 1, 2, 0, 0, 0],
        &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x6a],
    ]
    .concat();
    assert_eq!(octets, expected);
    let octets = Claim::Report.encode_mld(mac, none, ALL_SNOOPERS, &mut buffer);
    assert_eq!(octets.len(), 86);
    assert_eq!(octets[..6], [0x33, 0x33, 0, 0, 0, 0x6a]);
    assert_eq!(octets[62..66], [131, 0, 0x7d, 0xd3]);
    let octets = Claim::Leave.encode_mld(mac, none, ALL_SNOOPERS, &mut buffer);
    assert_eq!((octets[62], octets[53]), (132, 2));
}

#[test]
fn hosts_hear_queries_of_their_link_only() {
    let mut buffer = [0; MAX_CLAIM_FRAME];
    let any = Ipv6Addr::UNSPECIFIED;
    let octets = Claim::Report.encode_mld(MacAddr::ZERO, any, ALL_SNOOPERS, &mut buffer);
    let datagram = octets[ETHERNET_HEADER..].to_vec();
    assert!(is_from_the_link(&datagram));
    let changed = |at: usize, octet: u8| {
        let mut datagram = datagram.clone();
        datagram[at] = octet;
        is_from_the_link(&datagram)
    };
    // The hop limit, the kind of option, what it alerts of.
    assert!(!changed(7, 2) && !changed(42, 1) && !changed(45, 1));
    // No hop-by-hop header, an extension that ends within the datagram or not.
    assert!(!changed(6, 58) && changed(41, 1) && !changed(41, 9));
    assert!(!is_from_the_link(&datagram[..40]) && !is_from_the_link(&[]));
}

fn read_everything(octets: &[u8]) {
    if let Ok(Content::Membership(Message::Records(records))) = content(octets) {
        for record in records.flatten() {
            assert_eq!(record.sources.iter().count(), record.sources.len());
        }
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..160)) {
        read_everything(&octets);
    }

    #[test]
    fn any_headers_are_followed_without_panic(
        headers in prop::collection::vec(
            prop::sample::select(vec![0u8, 1, 2, 43, 44, 51, 58, 59, 60, 0xff]), 0..64),
    ) {
        let mut octets = datagram(HOP_BY_HOP, GROUP, &headers, &[]);
        read_everything(&octets);
        octets.truncate(50);
        read_everything(&octets);
    }

    #[test]
    fn any_message_is_read_without_panic(
        message in prop::collection::vec(any::<u8>(), 0..120),
        kind in prop::sample::select(vec![130u8, 131, 132, 143, 151]),
        cut in 0usize..160,
    ) {
        let mut message = message;
        if let [first, _, c, d, ..] = &mut message[..] {
            (*first, *c, *d) = (kind, 0, 0);
        }
        let octets = mld(ALL_NODES, &message);
        read_everything(&octets);
        read_everything(&octets[..cut.min(octets.len())]);
    }
}
