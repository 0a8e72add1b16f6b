//! The bridge's own stack as a host, with literal times.

use super::*;

const FROM: StackAddresses = StackAddresses {
    mac: MacAddr::new([2, 0, 0, 0, 0, 0xb0]),
    ipv4: Ipv4Addr::UNSPECIFIED,
    ipv4_any: Ipv4Addr::UNSPECIFIED,
    ipv6: Ipv6Addr::UNSPECIFIED,
};

fn ms(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// Lets everything happen that is due until a time. Returns when, and the type of each message with that of its
/// record.
fn until(member: &mut StackMember, end: Instant) -> Vec<(Instant, u8, u8)> {
    let mut sent = Vec::new();
    while let Some(at) = member.poll_timeout().filter(|at| *at <= end) {
        let frames = member.handle_timeout(at, FROM);
        sent.extend(frames.iter().map(|octets| said(at, octets)));
    }
    sent
}

fn said(at: Instant, octets: &[u8]) -> (Instant, u8, u8) {
    let message = match octets[12..14] {
        [8, 0] => &octets[38..],
        _ => &octets[62..],
    };
    (at, message[0], message.get(8).copied().unwrap_or(0))
}

fn query(family: Family, version: u8, group: Option<IpAddr>) -> Query {
    let with_sources = match family {
        Family::V4 => version == 3,
        Family::V6 => version == 2,
    };
    let any = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Query {
        group: group.unwrap_or(any),
        max_response: match version {
            1 if family == Family::V4 => Duration::ZERO,
            _ => Duration::from_secs(1),
        },
        with_sources,
        suppress: false,
        sources: 0,
        robustness: if with_sources { 2 } else { 0 },
        interval: Duration::from_secs(if with_sources { 125 } else { 0 }),
    }
}

#[test]
fn who_joins_says_so_twice_and_who_leaves_too() {
    for (family, report) in [(Family::V4, 0x22), (Family::V6, 143)] {
        let mut member = StackMember::default();
        assert_eq!(member.join(ms(100), FROM, family), None);
        assert_eq!(member.poll_timeout(), Some(ms(108)));
        let sent = until(&mut member, ms(100_000));
        let [(first, a, 4), (second, b, 4)] = sent[..] else {
            panic!("{sent:?}");
        };
        assert_eq!((first, a, b), (ms(108), report, report));
        assert!(second >= ms(116) && second < ms(1_116), "{second:?}");

        assert_eq!(member.leave(ms(200_000), FROM, family), None);
        let sent = until(&mut member, ms(300_000));
        assert!(matches!(sent[..], [(_, _, 3), (_, _, 3)]), "{sent:?}");
    }
}

#[test]
fn who_comes_back_says_no_more_that_it_left() {
    let mut member = StackMember::default();
    member.join(ms(0), FROM, Family::V4);
    until(&mut member, ms(10_000));
    member.leave(ms(10_000), FROM, Family::V4);
    member.join(ms(10_001), FROM, Family::V4);
    let sent = until(&mut member, ms(20_000));
    assert!(matches!(sent[..], [(_, 0x22, 4), (_, 0x22, 4)]), "{sent:?}");
    member.leave(ms(20_000), FROM, Family::V4);
    member.stop(Family::V4);
    assert_eq!(member.poll_timeout(), None);
}

#[test]
fn a_query_is_answered_once_within_its_time_in_its_version() {
    // Version, whether it is for all groups, and what is answered: type and record.
    let cases = [
        (Family::V4, 3, true, (0x22, 2), 1_008),
        (Family::V4, 3, false, (0x22, 2), 1_008),
        (Family::V4, 2, true, (0x16, 0), 1_008),
        (Family::V4, 2, false, (0x16, 0), 1_008),
        (Family::V4, 1, true, (0x12, 0), 10_008),
        (Family::V6, 2, true, (143, 2), 1_008),
        (Family::V6, 2, false, (143, 2), 1_000),
        (Family::V6, 1, true, (131, 0), 1_000),
    ];
    for (family, version, general, answer, within) in cases {
        let mut member = StackMember::default();
        member.join(ms(0), FROM, family);
        until(&mut member, ms(10_000));
        let group = match family {
            Family::V4 => IpAddr::V4(igmp::ALL_SNOOPERS),
            Family::V6 => IpAddr::V6(mld::ALL_SNOOPERS),
        };
        let asked = query(family, version, (!general).then_some(group));
        member.hear_query(ms(20_000), FROM.mac, family, asked);
        let sent = until(&mut member, ms(100_000));
        let [(at, kind, record)] = sent[..] else {
            panic!("{family:?} {version}: {sent:?}");
        };
        // The record of an MLDv1 or IGMPv2 message would be in its group, of which the octet is 224 or 255.
        let record = if matches!(kind, 0x22 | 143) {
            record
        } else {
            0
        };
        assert_eq!((kind, record), answer, "{family:?} {version}");
        assert!(at < ms(20_000 + within), "{family:?} {version}: {at:?}");
    }
}

#[test]
fn other_groups_and_lost_members_are_not_answered_for() {
    let mut member = StackMember::default();
    member.join(ms(0), FROM, Family::V4);
    until(&mut member, ms(10_000));
    let other = IpAddr::V4(Ipv4Addr::new(239, 0, 0, 1));
    let asked = query(Family::V4, 3, Some(other));
    member.hear_query(ms(20_000), FROM.mac, Family::V4, asked);
    assert_eq!(member.poll_timeout(), None);
    member.leave(ms(20_000), FROM, Family::V4);
    until(&mut member, ms(30_000));
    let asked = query(Family::V4, 3, None);
    member.hear_query(ms(30_000), FROM.mac, Family::V4, asked);
    assert_eq!(until(&mut member, ms(60_000)), []);
}

#[test]
fn an_old_querier_counts_until_its_time_is_over() {
    let mut member = StackMember::default();
    let asked = query(Family::V4, 2, None);
    member.hear_query(ms(0), FROM.mac, Family::V4, asked);
    // Twice 125 s and 10 s: IGMPv2 reports twice within 10 s, and says Leave at once.
    member.join(ms(1_000), FROM, Family::V4);
    let sent = until(&mut member, ms(100_000));
    assert!(matches!(sent[..], [(_, 0x16, _), (_, 0x16, _)]), "{sent:?}");
    let left = member.leave(ms(259_999), FROM, Family::V4);
    let left = left.map(|octets| (octets[38], octets[30..34].to_vec()));
    assert_eq!(left, Some((0x17, vec![224, 0, 0, 2])));
    member.join(ms(260_000), FROM, Family::V4);
    let sent = until(&mut member, ms(300_000));
    assert!(matches!(sent[..], [(_, 0x22, 4), (_, 0x22, 4)]), "{sent:?}");
}

#[test]
fn mldv1_reports_at_once_and_ipv6_forgets_the_old_querier() {
    let mut member = StackMember::default();
    let asked = query(Family::V6, 1, None);
    member.hear_query(ms(0), FROM.mac, Family::V6, asked);
    let sent = member.join(ms(1_000), FROM, Family::V6);
    assert_eq!(sent.map(|octets| octets[62]), Some(131));
    assert_eq!(until(&mut member, ms(11_000)).len(), 1);
    member.reset(Family::V6);
    assert_eq!(member.join(ms(20_000), FROM, Family::V6), None);
    let sent = until(&mut member, ms(30_000));
    assert!(matches!(sent[..], [(_, 143, 4), (_, 143, 4)]), "{sent:?}");
}

#[test]
fn another_members_report_is_enough_in_old_versions() {
    let mut member = StackMember::default();
    member.join(ms(0), FROM, Family::V4);
    until(&mut member, ms(10_000));
    let asked = query(Family::V4, 2, None);
    member.hear_query(ms(20_000), FROM.mac, Family::V4, asked);
    member.hear_report(IpAddr::V4(igmp::ALL_SNOOPERS));
    assert_eq!(until(&mut member, ms(100_000)), []);
    // It was not the last to report, so nobody needs to know that it leaves.
    assert_eq!(member.leave(ms(100_000), FROM, Family::V4), None);
}

#[test]
fn the_same_bridge_reports_at_the_same_moments_and_others_at_other_ones() {
    let moments = |last: u8| {
        let mac = MacAddr::new([2, 0, 0, 0, 0, last]);
        let mut member = StackMember::default();
        member.join(ms(0), StackAddresses { mac, ..FROM }, Family::V4);
        let asked = query(Family::V4, 3, None);
        member.hear_query(ms(50), mac, Family::V4, asked);
        let mut moments = Vec::new();
        while let Some(at) = member.poll_timeout() {
            member.handle_timeout(at, StackAddresses { mac, ..FROM });
            moments.push(at);
        }
        moments
    };
    assert_eq!(moments(1), moments(1));
    assert_ne!(moments(1), moments(2));
}
