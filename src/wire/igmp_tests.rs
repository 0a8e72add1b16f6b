use proptest::prelude::*;

use super::super::membership::{Record, RecordKind};
use super::*;

const GROUP: [u8; 4] = [239, 1, 1, 1];

/// A datagram around `payload` with correct lengths and checksums.
fn datagram(protocol: u8, destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(24 + payload.len()).unwrap().to_be_bytes();
    let mut octets = vec![0x46, 0, total[0], total[1], 0, 0, 0, 0, 1, protocol, 0, 0];
    octets.extend([10, 0, 0, 1]);
    octets.extend(destination);
    octets.extend([0x94, 4, 0, 0]);
    let checksum = sum(&octets).to_ne_bytes();
    octets[10..12].copy_from_slice(&checksum);
    octets.extend(payload);
    octets
}

fn igmp(destination: [u8; 4], message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    if message.len() >= 4 {
        let checksum = sum(&message).to_ne_bytes();
        message[2..4].copy_from_slice(&checksum);
    }
    datagram(PROTOCOL_IGMP, destination, &message)
}

fn content(octets: &[u8]) -> Result<Content<'_>, IgmpError> {
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
    let short = |kind| igmp(GROUP, &[kind, 0, 0, 0, 239, 1, 1, 1]);
    let group = Ipv4Addr::from(GROUP).into();
    let report = Ok(Content::Membership(Message::Report { group }));
    assert_eq!(content(&short(TYPE_REPORT_V1)), report);
    assert_eq!(content(&short(TYPE_REPORT_V2)), report);
    assert_eq!(
        content(&short(TYPE_LEAVE)),
        Ok(Content::Membership(Message::Leave { group }))
    );
    // DVMRP, and what nobody defined, is data.
    for kind in [0, 0x13, 0x30, 0xff] {
        assert_eq!(content(&short(kind)), Ok(Content::Data));
    }
    let inspected = short(TYPE_LEAVE);
    let inspected = inspect(&inspected).unwrap();
    assert_eq!(inspected.source.to_string(), "10.0.0.1");
    assert_eq!(inspected.destination.to_string(), "239.1.1.1");
}

#[test]
fn queries_by_version() {
    let v1 = query_of(&igmp([224, 0, 0, 1], &[0x11, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(v1.max_response, Duration::ZERO);
    assert!(!v1.with_sources && v1.group.is_unspecified());

    let v2 = query_of(&igmp(GROUP, &[0x11, 100, 0, 0, 239, 1, 1, 1]));
    assert_eq!(v2.max_response, Duration::from_secs(10));

    let v3 = [0x11, 0x9f, 0, 0, 239, 1, 1, 1, 0x0a, 125, 0, 1, 10, 0, 0, 9];
    let v3 = query_of(&igmp(GROUP, &v3));
    // 0x9f: mantissa 31, exponent 1 + 3, tenths of a second.
    assert_eq!(v3.max_response, Duration::from_millis(31 * 16 * 100));
    assert!(v3.with_sources && v3.suppress);
    assert_eq!(v3.sources, 1);
}

#[test]
fn records() {
    let report = [
        &[0x22, 0, 0, 0, 0, 0, 0, 2][..],
        &[4, 0, 0, 0, 239, 1, 1, 1],
        &[5, 7, 0, 2, 239, 1, 1, 2, 10, 0, 0, 1, 10, 0, 0, 2],
    ]
    .concat();
    let octets = igmp([224, 0, 0, 22], &report);
    let Ok(Content::Membership(Message::Records(mut records))) = content(&octets) else {
        panic!("not a report");
    };
    let Some(Ok(Record { kind, sources, .. })) = records.next() else {
        panic!("no record");
    };
    assert_eq!(kind, Some(RecordKind::ToExclude));
    assert!(sources.is_empty());
    let second = records.next().unwrap().unwrap();
    assert_eq!(second.kind, Some(RecordKind::Allow));
    assert_eq!(second.group.to_string(), "239.1.1.2");
    let sources: Vec<String> = second.sources.iter().map(|it| it.to_string()).collect();
    assert_eq!(sources, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(records.next(), None);

    // Announces one more than there is.
    let mut report = report;
    report[7] = 3;
    let octets = igmp([224, 0, 0, 22], &report);
    let Ok(Content::Membership(Message::Records(records))) = content(&octets) else {
        panic!("not a report");
    };
    let last = records.last().unwrap().unwrap_err();
    assert_eq!((last.record, last.announced), (3, 3));
}

#[test]
fn routers() {
    let all_pim = [224, 0, 0, 13];
    let router = |protocol, to, payload: &[u8]| {
        content(&datagram(protocol, to, payload)).unwrap() == Content::Router
    };
    assert!(router(103, all_pim, &[0x20, 0, 0, 0]));
    assert!(!router(103, all_pim, &[0x21, 0, 0, 0]));
    assert!(!router(103, all_pim, &[0x20, 0, 0]));
    assert!(!router(103, GROUP, &[0x20, 0, 0, 0]));
    let advertisement = [0x30, 20, 0, 0, 0, 0, 0, 0];
    let to = |to| content(&igmp(to, &advertisement)).unwrap() == Content::Router;
    assert!(to([224, 0, 0, 106]) && !to([224, 0, 0, 107]));
}

#[test]
fn errors_by_name() {
    let good = igmp(GROUP, &[0x16, 0, 0, 0, 239, 1, 1, 1]);
    let changed = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        content(&octets).err()
    };
    let fixed_header = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        octets[10..12].fill(0);
        let checksum = sum(&octets[..24]).to_ne_bytes();
        octets[10..12].copy_from_slice(&checksum);
        content(&octets).err()
    };
    assert_eq!(changed(0, 0x36), Some(IgmpError::Header));
    assert_eq!(changed(0, 0x44), Some(IgmpError::Header));
    assert_eq!(changed(0, 0x4f), Some(IgmpError::Header));
    assert_eq!(changed(8, 2), Some(IgmpError::HeaderChecksum));
    let length = |total| Some(IgmpError::Length { total, present: 32 });
    assert_eq!(fixed_header(3, 33), length(33));
    assert_eq!(fixed_header(3, 23), length(23));
    assert_eq!(fixed_header(3, 31), Some(IgmpError::Short(7)));
    assert_eq!(changed(30, 2), Some(IgmpError::Checksum));
    let bad_query = |to, length: usize| {
        let mut query = vec![0x11, 1];
        query.resize(length, 0);
        content(&igmp(to, &query)).err()
    };
    for length in 9..12 {
        assert_eq!(
            bad_query([224, 0, 0, 1], length),
            Some(IgmpError::QueryLength(length))
        );
    }
    assert_eq!(
        bad_query(GROUP, 12),
        Some(IgmpError::QueryDestination(GROUP.into()))
    );
    // Octets behind the datagram, as Ethernet pads short ones, do not count.
    let padded = [&good[..], &[0xff; 14]].concat();
    assert!(content(&padded).is_ok());
}

/// A version 2 and a version 3 query of the kernel's, as a packet socket saw them.
#[test]
fn queries_as_the_kernel_sends_them() {
    let mut buffer = [0xaa; MAX_QUERY_FRAME];
    let mac = MacAddr::new([2, 0, 0, 0, 0, 0xb0]);
    let general = IgmpQuery {
        group: Ipv4Addr::UNSPECIFIED,
        max_response: Duration::from_secs(10),
        version_3: None,
    };
    let octets = general.encode(mac, Ipv4Addr::UNSPECIFIED, ALL_HOSTS, &mut buffer);
    let expected = [
        &[0x01, 0x00, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 0xb0, 0x08, 0x00][..],
        &[0x46, 0xc0, 0, 32, 0, 0, 0x40, 0, 1, 2, 0x04, 0x17],
        &[0, 0, 0, 0, 224, 0, 0, 1, 0x94, 4, 0, 0],
        &[0x11, 100, 0xee, 0x9b, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(octets, expected);

    let general = IgmpQuery {
        version_3: Some(QueryDetails {
            suppress: false,
            interval: Duration::from_secs(10),
            sources: &[],
        }),
        ..general
    };
    let octets = general.encode(mac, Ipv4Addr::UNSPECIFIED, ALL_HOSTS, &mut buffer);
    let expected = [
        &[0x46, 0xc0, 0, 36, 0, 0, 0x40, 0, 1, 2, 0x04, 0x13][..],
        &[0, 0, 0, 0, 224, 0, 0, 1, 0x94, 4, 0, 0],
        &[0x11, 100, 0xec, 0x91, 0, 0, 0, 0, 2, 10, 0, 0],
    ]
    .concat();
    assert_eq!(octets[ETHERNET_HEADER..], expected);

    let sources: Vec<_> = (0..40).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect();
    let specific = IgmpQuery {
        group: GROUP.into(),
        max_response: Duration::from_secs(1),
        version_3: Some(QueryDetails {
            suppress: true,
            interval: Duration::from_secs(125),
            sources: &sources,
        }),
    };
    let octets = specific.encode(mac, Ipv4Addr::UNSPECIFIED, GROUP.into(), &mut buffer);
    assert_eq!(octets.len(), 14 + 24 + 12 + 32 * 4);
    let query = query_of(&octets[ETHERNET_HEADER..]);
    assert_eq!(
        query,
        Query {
            group: Ipv4Addr::from(GROUP).into(),
            max_response: Duration::from_secs(1),
            with_sources: true,
            suppress: true,
            sources: 32,
            robustness: 2,
            interval: Duration::from_secs(125),
        }
    );
}

/// As a packet socket saw the kernel's bridge say them.
#[test]
fn claims_as_the_kernel_sends_them() {
    let mut buffer = [0xaa; MAX_CLAIM_FRAME];
    let mac = MacAddr::new([2, 0, 0, 0, 0, 0xb0]);
    let none = Ipv4Addr::UNSPECIFIED;
    let octets =
        Claim::Record(RecordKind::ToExclude).encode_igmp(mac, none, ALL_SNOOPERS, &mut buffer);
    let expected = [
        &[
            0x01, 0x00, 0x5e, 0, 0, 0x16, 2, 0, 0, 0, 0, 0xb0, 0x08, 0x00,
        ][..],
        &[0x46, 0xc0, 0, 40, 0, 0, 0x40, 0, 1, 2, 0x03, 0xfa],
        &[0, 0, 0, 0, 224, 0, 0, 0x16, 0x94, 4, 0, 0],
        &[0x22, 0, 0xf9, 0x93, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 106],
    ]
    .concat();
    assert_eq!(octets, expected);
    let octets = Claim::Report.encode_igmp(mac, none, ALL_SNOOPERS, &mut buffer);
    let expected = [
        &[
            0x01, 0x00, 0x5e, 0, 0, 0x6a, 2, 0, 0, 0, 0, 0xb0, 0x08, 0x00,
        ][..],
        &[0x46, 0xc0, 0, 32, 0, 0, 0x40, 0, 1, 2, 0x03, 0xae],
        &[0, 0, 0, 0, 224, 0, 0, 106, 0x94, 4, 0, 0],
        &[0x16, 0, 0x09, 0x95, 224, 0, 0, 106],
    ]
    .concat();
    assert_eq!(octets, expected);
    let octets = Claim::ReportV1.encode_igmp(mac, none, ALL_SNOOPERS, &mut buffer);
    assert_eq!(octets[38..42], [0x12, 0, 0x0d, 0x95]);
    let octets = Claim::Leave.encode_igmp(mac, none, ALL_SNOOPERS, &mut buffer);
    assert_eq!((octets[38], &octets[30..34]), (0x17, &[224, 0, 0, 2][..]));
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
    fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..120)) {
        read_everything(&octets);
    }

    #[test]
    fn any_message_is_read_without_panic(
        message in prop::collection::vec(any::<u8>(), 0..80),
        kind in prop::sample::select(vec![0x11u8, 0x12, 0x16, 0x17, 0x22, 0x30]),
        cut in 0usize..100,
    ) {
        let mut message = message;
        if let [first, _, c, d, ..] = &mut message[..] {
            (*first, *c, *d) = (kind, 0, 0);
        }
        let octets = igmp([224, 0, 0, 1], &message);
        read_everything(&octets);
        read_everything(&octets[..cut.min(octets.len())]);
    }

    #[test]
    fn what_is_written_is_read(code in 0u32..128, group in any::<[u8; 4]>()) {
        let mut buffer = [0; MAX_QUERY_FRAME];
        let query = IgmpQuery { group: group.into(), max_response: TENTH * code, version_3: None };
        let octets = query.encode(MacAddr::ZERO, Ipv4Addr::LOCALHOST, ALL_HOSTS, &mut buffer);
        let read = query_of(&octets[ETHERNET_HEADER..]);
        prop_assert_eq!(read.group, Ipv4Addr::from(group));
        prop_assert_eq!(read.max_response, TENTH * code);
    }
}
