//! Files made here octet by octet; those of fixtures and of the world are in `tests/suite`.

use super::*;
use crate::switch::PacketType;
use crate::wire::MacAddr;

/// A frame as (time, interface, octets).
type Read = (u64, u32, Vec<u8>);

/// Reads to the end: frames, and the error if there is one.
fn read_all(octets: &[u8]) -> (Vec<Read>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut reader =
        match CaptureReader::new("x.pcap", Box::new(std::io::Cursor::new(octets.to_vec()))) {
            Ok(reader) => reader,
            Err(error) => return (frames, Some(error)),
        };
    loop {
        match reader.read() {
            Ok(None) => return (frames, None),
            Ok(Some(record)) => {
                frames.push((record.time, record.interface, record.octets.to_vec()));
            }
            Err(error) => return (frames, Some(error)),
        }
    }
}

/// Lays out words in either byte order.
#[derive(Clone, Copy)]
struct Order(bool);

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.0 {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.0 {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(self, magic: u32, network: u32, records: &[(u32, u32, &[u8], u32)]) -> Vec<u8> {
        let mut file = self.u32(magic).to_vec();
        file.extend(self.u16(2));
        file.extend(self.u16(4));
        file.extend(self.words(&[0, 0, 65535, network]));
        for (seconds, fraction, octets, original) in records {
            let kept = u32::try_from(octets.len()).unwrap();
            file.extend(self.words(&[*seconds, *fraction, kept, *original]));
            file.extend_from_slice(octets);
        }
        file
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let total = u32::try_from(padded + 12).unwrap();
        let mut block = self.words(&[kind, total]);
        block.extend_from_slice(body);
        block.resize(8 + padded, 0);
        block.extend(self.u32(total));
        block
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = self.u16(code).to_vec();
        option.extend(self.u16(u16::try_from(value.len()).unwrap()));
        option.extend_from_slice(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    /// Without `opt_endofopt`, which the format does not require.
    fn interface(self, link_type: u16, snap: u32, options: &[Vec<u8>]) -> Vec<u8> {
        let mut body = self.u16(link_type).to_vec();
        body.extend(self.u16(0));
        body.extend(self.u32(snap));
        body.extend(options.concat());
        self.block(1, &body)
    }

    fn packet(self, interface: u32, units: u64, octets: &[u8], options: &[Vec<u8>]) -> Vec<u8> {
        let kept = u32::try_from(octets.len()).unwrap();
        let (high, low) = ((units >> 32) as u32, (units & 0xffff_ffff) as u32);
        let mut body = self.words(&[interface, high, low, kept, kept]);
        body.extend_from_slice(octets);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options.concat());
        self.block(6, &body)
    }
}

const LITTLE: Order = Order(false);
const BIG: Order = Order(true);

#[test]
fn classic_pcap_of_both_orders_and_resolutions() {
    for order in [LITTLE, BIG] {
        for (magic, nanos) in [(0xa1b2_c3d4, 2_000), (0xa1b2_3c4d, 2)] {
            let records: [(u32, u32, &[u8], u32); 2] = [(1, 2, b"first", 5), (3, 2, b"se", 1514)];
            let (frames, error) = read_all(&order.pcap(magic, 1, &records));
            assert!(error.is_none(), "{error:?}");
            assert_eq!(
                frames,
                [
                    (1_000_000_000 + nanos, 0, b"first".to_vec()),
                    (3_000_000_000 + nanos, 0, b"se".to_vec())
                ]
            );
        }
    }
}

#[test]
fn snapped_frames_and_fcs() {
    // FCS of two 16-bit units; a snapped frame lost it.
    let network = 1 | 1 << 26 | 2 << 28;
    let records: [(u32, u32, &[u8], u32); 2] =
        [(0, 0, b"0123456789abcdFCS!", 18), (0, 0, b"0123", 18)];
    let file = LITTLE.pcap(0xa1b2_c3d4, network, &records);
    let mut reader = CaptureReader::new("x", Box::new(std::io::Cursor::new(file))).unwrap();
    let record = reader.read().unwrap().unwrap();
    assert_eq!(
        (record.octets, record.snapped),
        (&b"0123456789abcd"[..], false)
    );
    let record = reader.read().unwrap().unwrap();
    assert_eq!((record.octets, record.snapped), (&b"0123"[..], true));
    assert_eq!(reader.read().unwrap(), None);
}

#[test]
fn cut_at_every_octet_gives_the_frames_before_the_cut() {
    let pcap = LITTLE.pcap(0xa1b2_c3d4, 1, &[(1, 0, b"one", 3), (2, 0, b"two", 3)]);
    let pcapng = [
        BIG.section(),
        BIG.interface(1, 0, &[]),
        BIG.packet(0, 1, b"one", &[]),
        BIG.packet(0, 2, b"two", &[]),
    ]
    .concat();
    for (file, ends) in [
        (&pcap, vec![24, 24 + 19, 24 + 38]),
        (&pcapng, vec![28, 48, 48 + 36, 48 + 72]),
    ] {
        for length in 0..=file.len() {
            let (frames, error) = read_all(&file[..length]);
            let frames_end = &ends[ends.len() - 2..];
            let whole = frames_end.iter().filter(|end| length >= **end).count();
            assert_eq!(frames.len(), whole, "{length}");
            assert_eq!(
                error.is_none(),
                ends.contains(&length),
                "{length}: {error:?}"
            );
            if let Some(error) = error {
                let begun = ends.iter().rev().find(|end| length > **end).unwrap_or(&0);
                assert_eq!(error.offset, *begun as u64, "{length}: {error}");
            }
        }
    }
}

#[test]
fn corrupt_lengths_do_not_make_the_reader_hoard() {
    let mut file = LITTLE.pcap(0xa1b2_c3d4, 1, &[(1, 0, b"one", 3), (2, 0, b"two", 3)]);
    file[24 + 19 + 8..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    let (frames, error) = read_all(&file);
    assert_eq!(frames.len(), 1);
    assert_eq!(
        error.unwrap().to_string(),
        "x.pcap: at byte 43: a frame of 4294967295 octets, expected at most 262144: the file is corrupt"
    );

    for (length, text) in [
        (
            u32::MAX - 3,
            "block length 4294967292, expected a multiple of 4 from 12 on to 1048576",
        ),
        (13, "block length 13, expected a multiple of 4 from 12 on"),
        (8, "block length 8, expected a multiple of 4 from 12 on"),
    ] {
        let mut file = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
        file.extend(LITTLE.words(&[6, length, 0, 0, 0]));
        let error = read_all(&file).1.unwrap().to_string();
        assert_eq!(
            error,
            format!("x.pcap: at byte 48: {text}: the file is corrupt")
        );
    }
    // A block of an unknown type may be as long as it likes, if the file is.
    let mut file = LITTLE.section();
    file.extend(LITTLE.words(&[99, u32::MAX - 3, 0]));
    let error = read_all(&file).1.unwrap().to_string();
    assert_eq!(
        error,
        "x.pcap: at byte 28: the file is cut short: a block of an unknown type needs 4294967292 octets, 12 are left"
    );
}

#[test]
fn pcapng_resolutions_and_offsets() {
    let nanos = |resolution: Option<u8>, offset: Option<i64>, units: u64| {
        let mut options = Vec::new();
        if let Some(resolution) = resolution {
            options.push(LITTLE.option(9, &[resolution]));
        }
        if let Some(offset) = offset {
            options.push(LITTLE.option(14, &offset.to_le_bytes()));
        }
        let file = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &options),
            LITTLE.packet(0, units, b"x", &[]),
        ]
        .concat();
        match read_all(&file) {
            (frames, None) => Ok(frames[0].0),
            (_, Some(error)) => Err(error.cause.to_string()),
        }
    };
    assert_eq!(nanos(None, None, 1_000_001), Ok(1_000_001_000));
    assert_eq!(nanos(Some(0), None, 7), Ok(7_000_000_000));
    assert_eq!(nanos(Some(3), None, 7), Ok(7_000_000));
    assert_eq!(nanos(Some(9), None, u64::MAX), Ok(u64::MAX));
    assert_eq!(nanos(Some(12), None, 7_999), Ok(7));
    assert_eq!(nanos(Some(127), None, u64::MAX), Ok(0));
    assert_eq!(nanos(Some(0x80 | 10), None, 1536), Ok(1_500_000_000));
    assert_eq!(nanos(Some(0xff), None, u64::MAX), Ok(0));
    assert_eq!(nanos(Some(9), Some(2), 5), Ok(2_000_000_005));
    assert_eq!(nanos(Some(9), Some(-1), 1_000_000_005), Ok(5));
    for (resolution, offset, units) in [(9, -1, 5), (0, 0, u64::MAX), (9, i64::MAX, 0)] {
        let error = nanos(Some(resolution), Some(offset), units).unwrap_err();
        assert!(error.starts_with("a timestamp outside"), "{error}");
    }
}

#[test]
fn sections_blocks_and_interfaces() {
    let inbound = BIG.option(2, &BIG.u32(0b01));
    let obsolete = {
        let mut body = BIG.u16(1).to_vec();
        body.extend(BIG.u16(0));
        body.extend(BIG.words(&[0, 9, 3, 3]));
        body.extend(b"old");
        BIG.block(2, &body)
    };
    let simple = {
        let mut body = BIG.u32(100).to_vec();
        body.extend(b"simple");
        BIG.block(3, &body)
    };
    let file = [
        BIG.section(),
        BIG.interface(1, 6, &[BIG.option(2, b"p1"), BIG.option(10, &[0; 4])]),
        BIG.interface(1, 0, &[BIG.option(2, b"h1/eth0")]),
        BIG.block(0x0bad, b"custom"),
        BIG.packet(1, 5, b"new", &[inbound]),
        obsolete,
        simple,
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        LITTLE.packet(0, 11, b"last", &[LITTLE.option(1, b"not UTF-8: \xff")]),
    ]
    .concat();
    let mut reader = CaptureReader::new("x", Box::new(std::io::Cursor::new(file))).unwrap();
    let record = reader.read().unwrap().unwrap();
    assert_eq!(
        (record.time, record.interface, record.octets),
        (5_000, 1, &b"new"[..])
    );
    assert_eq!(record.direction, Some(Direction::Inbound));
    let names: Vec<_> = reader.interfaces().iter().map(|i| i.name.clone()).collect();
    assert_eq!(names, [Some("p1".to_owned()), Some("h1/eth0".to_owned())]);
    let record = reader.read().unwrap().unwrap();
    assert_eq!(
        (record.time, record.interface, record.octets),
        (9_000, 1, &b"old"[..])
    );
    let record = reader.read().unwrap().unwrap();
    assert_eq!(
        (record.time, record.interface, record.octets),
        (9_000, 0, &b"simple"[..])
    );
    assert!(record.snapped);
    assert_eq!(reader.section(), 1);
    assert_eq!(reader.read().unwrap().unwrap().octets, b"last");
    assert_eq!(reader.section(), 2);
    assert_eq!(reader.interfaces(), [Interface { name: None }]);
    assert_eq!(reader.read().unwrap(), None);
}

#[test]
fn what_is_not_ethernet_or_not_a_capture() {
    let error = |file: &[u8]| read_all(file).1.unwrap().to_string();
    assert_eq!(
        error(&LITTLE.pcap(0xa1b2_c3d4, 113, &[])),
        "x.pcap: at byte 20: link type 113 (Linux cooked capture: record on one interface instead of \"any\"), expected 1 (Ethernet)"
    );
    assert!(error(b"").contains("the file is empty"));
    assert!(error(&[0x1f, 0x8b, 8, 0]).contains("gzip"));
    assert!(
        error(b"hello")
            .starts_with("x.pcap: at byte 0: not a capture: starts with [68, 65, 6c, 6c]")
    );
    let mut old = LITTLE.pcap(0xa1b2_c3d4, 1, &[]);
    old[4] = 7;
    assert!(error(&old).contains("pcap version 7.4"));
    let wireless = [
        LITTLE.section(),
        LITTLE.interface(105, 0, &[]),
        LITTLE.packet(0, 0, b"", &[]),
    ];
    assert!(error(&wireless.concat()).contains("link type 105 (IEEE 802.11)"));
    let none = [LITTLE.section(), LITTLE.packet(3, 0, b"", &[])];
    assert!(
        error(&none.concat()).contains("a frame of interface 3, but the section describes only 0")
    );
    let mut odd = LITTLE.section();
    odd[8] = 0;
    assert!(error(&odd).contains("byte-order magic 0x1a2b3c00"));
    let mut trailer = LITTLE.section();
    trailer[24] = 99;
    assert!(error(&trailer).contains("28 octets at its start and 99 at its end"));
}

#[test]
fn written_captures_are_read_back() {
    let mut sink = PcapngSink::new(Vec::new()).unwrap();
    for name in ["p1", "p2@stack"] {
        let mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
        let endpoint = Endpoint {
            name,
            description: "a TAP",
            mac,
        };
        sink.add(&endpoint).unwrap();
    }
    let frame = WrittenFrame {
        time: (7 << 32) + 5,
        interface: 1,
        direction: Direction::Outbound,
        kind: PacketType::Multicast,
        id: 77,
        octets: b"frame",
    };
    let comments: Vec<String> = (0..MAX_COMMENTS + 3)
        .map(|n| format!("comment {n}"))
        .collect();
    sink.write(&frame, &comments).unwrap();
    sink.statistics(1, &Stats::default()).unwrap();
    let file = sink.into_inner();
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("comment 63") && text.contains("and 3 more"));
    let mut reader = CaptureReader::new("x", Box::new(std::io::Cursor::new(file))).unwrap();
    let expected = Record {
        time: frame.time,
        interface: 1,
        direction: Some(Direction::Outbound),
        snapped: false,
        octets: b"frame",
    };
    assert_eq!(reader.read().unwrap(), Some(expected));
    let read: Vec<_> = reader.comments().collect();
    assert_eq!(read[..MAX_COMMENTS], comments[..MAX_COMMENTS]);
    assert_eq!(read[MAX_COMMENTS..], ["and 3 more"]);
    assert_eq!(reader.read().unwrap(), None);
    assert_eq!(reader.comments().count(), 0);

    let mut sink = PcapSink::new(Vec::new()).unwrap();
    sink.write(1_000_000_007, b"frame").unwrap();
    let (frames, error) = read_all(&sink.into_inner());
    assert!(error.is_none());
    assert_eq!(frames, [(1_000_000_007, 0, b"frame".to_vec())]);
}

/// Every single octet changed, three ways: whatever comes out, nothing panics or runs on.
#[test]
fn single_octet_mutations_are_survived() {
    let pcap = LITTLE.pcap(0xa1b2_c3d4, 1, &[(1, 0, b"one", 3), (2, 0, b"two", 3)]);
    let pcapng = [
        BIG.section(),
        BIG.interface(1, 0, &[BIG.option(2, b"p1"), BIG.option(9, &[6])]),
        BIG.packet(0, 1, b"one", &[BIG.option(2, &[0; 4])]),
    ]
    .concat();
    for file in [pcap, pcapng] {
        for position in 0..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut mutated = file.clone();
                mutated[position] ^= flip;
                let (frames, error) = read_all(&mutated);
                assert!(frames.len() <= 2);
                if let Some(error) = error {
                    assert!(error.offset <= file.len() as u64, "{error}");
                }
            }
        }
    }
}
