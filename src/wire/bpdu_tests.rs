use proptest::prelude::*;

use super::*;

/// As Linux 6.12 sent them from a TAP with address 02:00:00:00:01:01; spaces are for the reader.
const ROOT: &str = "0180c2000000 020000000101 0026 424203 0000 00 00 00 8000 0200000000b0 00000000
    8000 0200000000b0 8001 0000 0600 0100 0200";
const RELAYED: &str =
    "0180c2000000 020000000101 0026 424203 0000 00 00 00 1000 00005e005301 0000000c
    8000 0200000000b0 8002 0087 0600 0100 0200";
/// The same sender's RST BPDU with all flags of a designated port (9.3.3).
const RAPID: &str = "0180c2000000 020000000101 0027 424203 0000 02 02 7f 8000 0200000000b0 00000000
    8000 0200000000b0 8001 0000 0600 0100 0200 00";
const TCN: &str = "0180c2000000 020000000101 0007 424203 0000 00 80";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

fn id(priority: u16, mac: &str) -> BridgeId {
    BridgeId {
        priority,
        address: mac.parse().unwrap(),
    }
}

fn own_root() -> Config {
    let own = id(0x8000, "02:00:00:00:00:b0");
    Config {
        topology_change: false,
        topology_change_ack: false,
        root: own,
        root_path_cost: 0,
        bridge: own,
        port: PortId(0x8001),
        message_age: Duration::ZERO,
        max_age: Duration::from_secs(6),
        hello_time: Duration::from_secs(1),
        forward_delay: Duration::from_secs(2),
    }
}

fn encode(bpdu: Bpdu) -> Vec<u8> {
    let source = "02:00:00:00:01:01".parse().unwrap();
    bpdu.encode(MacAddr::BRIDGE_GROUP, source, &mut [0xee; MAX_BPDU_FRAME])
        .to_vec()
}

/// Reads a frame as a port of an uninvolved bridge does.
fn rapid_message(frame: &[u8]) -> Result<Bpdu, BpduError> {
    let nobody = (id(0, "00:00:00:00:00:00"), PortId(0));
    Pdu::parse_any_version(frame)?.rapid_message(nobody)
}

#[test]
fn recorded_frames_octet_by_octet() {
    let mut config = own_root();
    assert_eq!(encode(Bpdu::Config(config)), octets(ROOT));
    config.topology_change = true;
    let mut frame = octets(ROOT);
    frame[21] = 0x01;
    assert_eq!(encode(Bpdu::Config(config)), frame);
    config.topology_change_ack = true;
    frame[21] = 0x81;
    assert_eq!(encode(Bpdu::Config(config)), frame);
    assert_eq!(encode(Bpdu::TopologyChange), octets(TCN));

    let Ok(Bpdu::Config(relayed)) = Bpdu::parse(&octets(RELAYED)) else {
        panic!("a configuration BPDU");
    };
    assert_eq!(relayed.root, id(0x1000, "00:00:5e:00:53:01"));
    assert_eq!(relayed.root.to_string(), "1000.0:0:5e:0:53:1");
    assert_eq!(relayed.root_path_cost, 12);
    assert_eq!(relayed.port.to_string(), "0x8002");
    assert_eq!(relayed.message_age, Duration::from_nanos(527_343_750));
    assert_eq!(encode(Bpdu::Config(relayed)), octets(RELAYED));
    assert_eq!(octets(ROOT).len(), 52);
    assert_eq!(octets(RAPID).len(), MAX_BPDU_FRAME);
    assert_eq!(octets(TCN).len(), 21);
}

#[test]
fn an_rst_bpdu_octet_by_octet() {
    let mut rapid = Rapid {
        config: Config {
            topology_change: true,
            ..own_root()
        },
        role: RapidRole::Designated,
        proposal: true,
        learning: true,
        forwarding: true,
        agreement: true,
    };
    assert_eq!(encode(Bpdu::Rapid(rapid)), octets(RAPID));
    assert_eq!(rapid_message(&octets(RAPID)), Ok(Bpdu::Rapid(rapid)));
    // One flag at a time: 9.3.3 numbers the bits from 1.
    (rapid.proposal, rapid.learning) = (false, false);
    (rapid.forwarding, rapid.agreement) = (false, false);
    rapid.config.topology_change = false;
    for (role, flags) in [
        (RapidRole::Unknown, 0),
        (RapidRole::Blocked, 0x04),
        (RapidRole::Root, 0x08),
        (RapidRole::Designated, 0x0c),
    ] {
        rapid.role = role;
        assert_eq!(encode(Bpdu::Rapid(rapid))[21], flags);
    }
    rapid.role = RapidRole::Unknown;
    type Field = fn(&mut Rapid) -> &mut bool;
    let set: [(Field, u8); 6] = [
        (|r| &mut r.config.topology_change, 0x01),
        (|r| &mut r.proposal, 0x02),
        (|r| &mut r.learning, 0x10),
        (|r| &mut r.forwarding, 0x20),
        (|r| &mut r.agreement, 0x40),
        (|r| &mut r.config.topology_change_ack, 0x80),
    ];
    for (field, flag) in set {
        *field(&mut rapid) = true;
        assert_eq!(encode(Bpdu::Rapid(rapid))[21], flag);
        assert_eq!(
            rapid_message(&encode(Bpdu::Rapid(rapid))),
            Ok(Bpdu::Rapid(rapid))
        );
        *field(&mut rapid) = false;
    }
}

#[test]
fn rstp_rejects_what_the_standard_says_and_why() {
    let own = (id(0x8000, "02:00:00:00:00:b0"), PortId(0x8001));
    let other = (own.0, PortId(0x8002));
    let read = |frame: &[u8], receiver| Pdu::parse_any_version(frame)?.rapid_message(receiver);
    for frame in [ROOT, RAPID] {
        assert_eq!(read(&octets(frame), own), Err(BpduError::LoopedBack));
        assert!(read(&octets(frame), other).is_ok());
    }
    // Older or newer versions are no reason, types are (9.3.4).
    for (frame, version) in [(ROOT, 2), (ROOT, 9), (RAPID, 0), (RAPID, 3), (TCN, 7)] {
        let mut frame = octets(frame);
        frame[19] = version;
        assert!(read(&frame, other).is_ok(), "version {version}");
    }
    let mut frame = octets(RAPID);
    frame[20] = 3;
    assert_eq!(read(&frame, other), Err(BpduError::Type(3)));
    frame[17] = 1;
    assert_eq!(read(&frame, other), Err(BpduError::Protocol(0x100)));
    // Length counts from the protocol identifier to the length field's end: 35 are enough for one only.
    let mut frame = octets(RAPID);
    frame[13] = 0x26;
    assert_eq!(
        read(&frame, other),
        Err(BpduError::Short { len: 35, need: 36 })
    );
    frame[20] = 0;
    assert!(read(&frame, other).is_ok());
    frame[13] = 0x25;
    assert_eq!(
        read(&frame, other),
        Err(BpduError::Short { len: 34, need: 35 })
    );
    // As old as max age is too old for a Configuration BPDU, and the machine's business for an RST BPDU.
    let mut frame = octets(ROOT);
    frame[44] = 6;
    let secs = Duration::from_secs;
    assert_eq!(
        read(&frame, other),
        Err(BpduError::TooOld {
            age: secs(6),
            max: secs(6)
        })
    );
    frame[43..46].copy_from_slice(&[1, 5, 0xff]);
    assert!(read(&frame, other).is_ok());
    let mut frame = octets(RAPID);
    frame[44] = 40;
    assert!(read(&frame, other).is_ok());
}

#[test]
fn times_are_cut_to_ticks_and_to_sixteen_bits() {
    let mut config = own_root();
    config.message_age = BPDU_TICK * 3 - Duration::from_nanos(1);
    config.max_age = Duration::from_secs(100_000);
    let frame = encode(Bpdu::Config(config));
    assert_eq!(frame[44..48], [0, 2, 0xff, 0xff]);
}

#[test]
fn every_rejection_has_its_reason() {
    let change = |at: usize, value: u8| {
        let mut frame = octets(ROOT);
        frame[at] = value;
        Bpdu::parse(&frame).unwrap_err()
    };
    assert_eq!(change(12, 8), BpduError::EtherType(0x0826));
    assert_eq!(
        change(13, 0x27),
        BpduError::Length {
            field: 0x27,
            present: 38
        }
    );
    assert_eq!(
        change(13, 2),
        BpduError::Length {
            field: 2,
            present: 38
        }
    );
    assert_eq!(change(14, 0xaa), BpduError::Llc([0xaa, 0x42, 3]));
    assert_eq!(change(16, 0x13), BpduError::Llc([0x42, 0x42, 0x13]));
    assert_eq!(change(17, 1), BpduError::Protocol(0x100));
    assert_eq!(change(19, 2), BpduError::Version(2));
    assert_eq!(change(19, 3), BpduError::Version(3));
    assert_eq!(change(20, 2), BpduError::Type(2));
    assert_eq!(change(13, 6), BpduError::Short { len: 3, need: 4 });
    assert_eq!(change(13, 0x25), BpduError::Short { len: 34, need: 35 });
    let mut frame = octets(ROOT);
    frame[44..46].copy_from_slice(&[6, 1]);
    assert_eq!(
        Bpdu::parse(&frame),
        Err(BpduError::TooOld {
            age: Duration::from_secs(6) + BPDU_TICK,
            max: Duration::from_secs(6)
        })
    );
    frame[45] = 0;
    assert!(Bpdu::parse(&frame).is_ok(), "as old as max age");
    for len in 0..ETHERNET_HEADER {
        assert_eq!(Bpdu::parse(&frame[..len]), Err(BpduError::Runt));
    }
}

#[test]
fn priority_tags_pass_and_vlan_tags_do_not() {
    let tagged = |tag: [u8; 4]| {
        let mut frame = octets(TCN);
        frame.splice(12..12, tag);
        frame
    };
    let priority = tagged([0x81, 0, 0xe0, 0]);
    assert_eq!(Bpdu::parse(&priority), Ok(Bpdu::TopologyChange));
    assert_eq!(
        Bpdu::parse(&tagged([0x81, 0, 0xe0, 10])),
        Err(BpduError::Tagged(10))
    );
    assert_eq!(Bpdu::parse(&priority[..17]), Err(BpduError::Runt));
}

#[test]
fn padding_is_not_part_of_it() {
    let mut frame = octets(TCN);
    frame.resize(60, 0);
    assert_eq!(Bpdu::parse(&frame), Ok(Bpdu::TopologyChange));
}

prop_compose! {
    fn any_id()(priority: u16, mac: [u8; 6]) -> BridgeId {
        BridgeId { priority, address: MacAddr::new(mac) }
    }
}

prop_compose! {
    fn any_config()(
        flags: (bool, bool), root in any_id(), root_path_cost: u32, bridge in any_id(), port: u16,
        ages: (u16, u16), hello: u16, delay: u16,
    ) -> Config {
        Config {
            topology_change: flags.0,
            topology_change_ack: flags.1,
            root,
            root_path_cost,
            bridge,
            port: PortId(port),
            message_age: BPDU_TICK * u32::from(ages.0.min(ages.1)),
            max_age: BPDU_TICK * u32::from(ages.0.max(ages.1)),
            hello_time: BPDU_TICK * u32::from(hello),
            forward_delay: BPDU_TICK * u32::from(delay),
        }
    }
}

prop_compose! {
    fn any_rapid()(config in any_config(), role in 0..4, flags: [bool; 4]) -> Rapid {
        Rapid {
            config,
            role: match role {
                0 => RapidRole::Unknown,
                1 => RapidRole::Blocked,
                2 => RapidRole::Root,
                _ => RapidRole::Designated,
            },
            proposal: flags[0],
            learning: flags[1],
            forwarding: flags[2],
            agreement: flags[3],
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(config in any_config(), rapid in any_rapid()) {
        let bpdu = Bpdu::Config(config);
        prop_assert_eq!(Bpdu::parse(&encode(bpdu)), Ok(bpdu));
        let rapid = Bpdu::Rapid(rapid);
        prop_assert_eq!(rapid_message(&encode(rapid)), Ok(rapid));
        prop_assert_eq!(Bpdu::parse(&encode(rapid)), Err(BpduError::Version(2)));
    }

    #[test]
    fn no_octets_panic(
        frame in proptest::collection::vec(any::<u8>(), 0..80),
        change in (0..MAX_BPDU_FRAME, any::<u8>()),
        cut in 0..=MAX_BPDU_FRAME,
    ) {
        let _ = (Bpdu::parse(&frame), rapid_message(&frame));
        for near in [ROOT, RAPID, TCN] {
            let mut near = octets(near);
            if let Some(octet) = near.get_mut(change.0) {
                *octet = change.1;
            }
            let near = &near[..cut.min(near.len())];
            let _ = (Bpdu::parse(near), rapid_message(near));
        }
    }
}
