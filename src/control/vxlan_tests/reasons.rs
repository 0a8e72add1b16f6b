//! Why a packet to a VTEP, or a frame from one, goes nowhere: each reason, and that nothing goes nowhere
//! without one.

use super::*;

/// Every reason for which a packet to a VTEP, or a frame from one, goes nowhere.
#[test]
fn every_malformed_packet_has_a_reason_of_its_own() {
    use DropReason::*;
    let inner = frame(ALL, A, 60);
    let good = |v6: bool| wrapped(&envelope(v6), Vxlan::new(42), &inner);
    let flags = |flags, last| wrapped(&envelope(false), Vxlan { flags, last }, &inner);
    let from = |ip: &str| {
        let mut other = envelope(false);
        other.source = ip.parse().unwrap();
        wrapped(&other, Vxlan::new(42), &inner)
    };
    let carrying = |inner: &[u8]| wrapped(&envelope(false), Vxlan::new(42), inner);
    let changed = |at: usize, value: u8| {
        let mut packet = good(false);
        packet[at] = value;
        packet
    };
    let no_checksum6 = {
        let mut other = envelope(true);
        other.checksum = false;
        wrapped(&other, Vxlan::new(42), &inner)
    };
    let congested = {
        let mut other = envelope(false);
        other.tos = 3;
        let mut ip = frame(ALL, A, 60);
        ip[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        ip[15] = 0;
        wrapped(&other, Vxlan::new(42), &ip)
    };
    let cut_ip = {
        let mut ip = frame(ALL, A, 33);
        ip[12..14].copy_from_slice(&[0x08, 0x00]);
        carrying(&ip)
    };
    let truncated = {
        let (headers, len) = envelope(false).write([&[0x08, 0, 0, 0][..]].into_iter());
        let mut packet = good(false)[..14].to_vec();
        packet.extend(&headers[..len]);
        packet.extend([0x08, 0, 0, 0]);
        packet
    };
    let mut lab = Lab::new(ONE);
    lab.all(
        "ip link add vx6 address 02:00:00:00:00:06 type vxlan id 42 dstport 4789 local 2001:db8::1
         ip link set vx6 up
         bridge fdb add 02:00:00:00:0a:05 dev vx0 dst 192.0.2.3 static",
    );
    let fixed = MacAddr::from_u64(0x0200_0000_0a05);
    let cases = [
        (changed(24, 0), TunnelIp),
        (changed(39, 7), TunnelUdp),
        (changed(100, 0), TunnelChecksum),
        (no_checksum6, TunnelChecksum),
        (from("192.0.2.1"), TunnelSource),
        (from("127.0.0.1"), TunnelSource),
        (truncated, VxlanTruncated),
        (flags(0, 42 << 8), VxlanFlags),
        (flags(Vxlan::VNI_VALID, 43 << 8), VxlanVni),
        (carrying(&inner[..13]), VxlanRunt),
        (flags(Vxlan::VNI_VALID, (42 << 8) | 1), VxlanReserved),
        (
            flags(Vxlan::VNI_VALID | Vxlan::REMOTE_CHECKSUM, 42 << 8),
            VxlanReserved,
        ),
        (carrying(&frame(ALL, HERE, 60)), VxlanOwnSource),
        (carrying(&frame(ALL, MacAddr::ZERO, 60)), VxlanSource),
        (carrying(&frame(ALL, fixed, 60)), VxlanElsewhere),
        (cut_ip, VxlanInnerIp),
        (congested, VxlanCongestion),
    ];
    for (packet, reason) in cases {
        let (verdict, got) = lab.send("t0", &packet);
        assert_eq!(
            (verdict, got),
            (Verdict::Dropped(reason), vec![]),
            "{reason}"
        );
    }
    // What is for somebody else, or for no tunnel, is the stack's.
    let elsewhere = {
        let mut other = envelope(false);
        other.destination_port = 4_790;
        wrapped(&other, Vxlan::new(42), &inner)
    };
    for packet in [elsewhere, changed(33, 9), changed(14, 0x65)] {
        let (_, got) = lab.send("t0", &packet);
        assert_eq!(got, [("t0@stack".to_owned(), packet)]);
    }
    let counters = &lab.counters.attachments;
    assert!(counters.iter().all(|it| it.add_up()));
}

#[test]
fn frames_that_cannot_be_sent_have_a_reason_of_their_own() {
    use DropReason::*;
    let mut lab = Lab::new(ONE);
    lab.all(
        "bridge fdb add 02:00:00:00:0b:01 dev vx0 dst 203.0.113.1
         bridge fdb add 02:00:00:00:0b:02 dev vx0 dst 192.0.2.1 vni 7
         bridge fdb add 02:00:00:00:0b:03 dev vx0 dst 203.0.113.1 via vx0
         bridge fdb add 02:00:00:00:0b:04 dev vx0 dst 0.0.0.0
         ip link add vx1 address 02:00:00:00:00:11 type vxlan id 43 dstport 4789 proxy
         ip link set vx1 up
         ip link add vx2 address 02:00:00:00:00:12 type vxlan id 44 dstport 4789 remote 192.0.2.2 df set
         ip link set vx2 up",
    );
    let to = |last: u64| frame(MacAddr::from_u64(0x0200_0000_0b00 + last), HERE, 60);
    let mut cut = to(9);
    cut[12..14].copy_from_slice(&[0x86, 0xdd]);
    cut.truncate(53);
    let mut arp = frame(ALL, HERE, 60);
    arp[12..14].copy_from_slice(&[0x08, 0x06]);
    let cases = [
        ("vx0", to(1), TunnelNoRoute),
        ("vx0", to(2), VxlanNobodyHere),
        ("vx0", to(3), TunnelLoop),
        ("vx0", to(4), VxlanNoRemote),
        ("vx1", to(9), VxlanNoRemote),
        ("vx0", cut, VxlanInnerIp),
        ("vx1", arp, VxlanProxied),
        ("vx2", frame(ALL, HERE, 1_514), TunnelOversize),
    ];
    for (at, octets, reason) in cases {
        let (verdict, got) = lab.send(at, &octets);
        assert_eq!(
            (verdict, got),
            (Verdict::Dropped(reason), vec![]),
            "{reason}"
        );
    }
}

#[test]
fn no_octet_of_a_packet_panics_or_is_lost_without_a_reason() {
    let mut lab = Lab::new(ONE);
    for v6 in [false, true] {
        let packet = wrapped(&envelope(v6), Vxlan::new(42), &frame(ALL, A, 60));
        for at in 12..packet.len() {
            for value in [0, 1, 0x2c, 0x44, 0x80, 0xff] {
                let mut changed = packet.clone();
                changed[at] = value;
                lab.send("t0", &changed);
                lab.send("t0", &changed[..at]);
            }
        }
    }
    assert!(lab.counters.attachments.iter().all(|it| it.add_up()));
}

/// Whatever becomes of a packet, or of a frame that a VTEP is to send, has a name, and all of it adds up.
#[test]
fn no_mutation_of_a_packet_panics_or_is_lost_without_a_reason() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let lab = std::cell::RefCell::new(Lab::new(ONE));
    lab.borrow_mut().all(
        "ip link add vx6 address 02:00:00:00:00:06 type vxlan id 42 dstport 4789 remote 2001:db8::2 proxy rsc gbp
         ip link set vx6 up",
    );
    let edits = prop::collection::vec((12usize..160, any::<u8>()), 0..6);
    let strategy = (any::<bool>(), edits, 0usize..300, 0u8..4);
    let config = Config {
        cases: 3_000,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&strategy, |(v6, edits, len, fix)| {
        let mut lab = lab.borrow_mut();
        let inner = frame(ALL, A, 90);
        let mut packet = wrapped(&envelope(v6), Vxlan::new(42), &inner);
        for (at, value) in &edits {
            if let Some(octet) = packet.get_mut(*at) {
                *octet = *value;
            }
        }
        // Cut, as it is, or with octets behind it.
        if fix & 1 == 0 {
            packet.resize(len, 0xee);
        }
        // So that not all of them end at the first checksum.
        if fix & 2 == 0 && !v6 && packet.len() >= 42 {
            packet[24..26].fill(0);
            let sum = Sum::default().with(&packet[14..34]).checksum();
            packet[24..26].copy_from_slice(&sum.to_be_bytes());
            packet[40..42].fill(0);
        }
        lab.send("t0", &packet);
        for from in ["vx0", "vx6"] {
            lab.send(from, packet.get(14..).unwrap_or_default());
        }
        Ok(())
    });
    result.unwrap();
    let lab = lab.into_inner();
    assert!(lab.counters.attachments.iter().all(|it| it.add_up()));
    let reasons: u64 = lab
        .counters
        .attachments
        .iter()
        .map(|it| it.dropped_total())
        .sum();
    assert!(reasons > 1_000, "{reasons}");
    let plan = lab.control.plan();
    let network = lab.control.network();
    let traffic = Traffic::new(network, &plan, &lab.counters, lab.now, 0);
    assert!(traffic.tunnels.is_none_or(|it| it.adds_up()));
}
