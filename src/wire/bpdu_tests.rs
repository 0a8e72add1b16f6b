use proptest::prelude::*;

use super::*;

/// As Linux 6.12 sent them from a TAP with address 02:00:00:00:01:01; spaces are for the reader.
const ROOT: &str = "0180c2000000 020000000101 0026 424203 0000 00 00 00 8000 0200000000b0 00000000
    8000 0200000000b0 8001 0000 0600 0100 0200";
const RELAYED: &str =
    "0180c2000000 020000000101 0026 424203 0000 00 00 00 1000 00005e005301 0000000c
    8000 0200000000b0 8002 0087 0600 0100 0200";
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
    assert_eq!(octets(ROOT).len(), MAX_BPDU_FRAME);
    assert_eq!(octets(TCN).len(), 21);
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

proptest! {
    #[test]
    fn what_is_written_is_read(config in any_config()) {
        let bpdu = Bpdu::Config(config);
        prop_assert_eq!(Bpdu::parse(&encode(bpdu)), Ok(bpdu));
    }

    #[test]
    fn no_octets_panic(
        frame in proptest::collection::vec(any::<u8>(), 0..80),
        change in (0..MAX_BPDU_FRAME, any::<u8>()),
        cut in 0..=MAX_BPDU_FRAME,
    ) {
        let _ = Bpdu::parse(&frame);
        let mut near = octets(ROOT);
        near[change.0] = change.1;
        let _ = Bpdu::parse(&near[..cut]);
    }
}
