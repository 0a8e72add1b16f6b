//! Checked against etherparse, which knows nothing of ours: headers and checksums of every segment.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;

/// A frame as a stack hands it to a device: checksum of the pseudo-header only, and its header.
#[derive(Clone, Debug)]
struct Given {
    frame: Vec<u8>,
    header: [u8; VNET_HEADER],
    /// Octets of payload.
    payload: usize,
}

#[derive(Clone, Debug)]
struct Shape {
    v6: bool,
    udp: bool,
    tags: usize,
    /// 32-bit words of IPv4 options, 64-bit words of IPv6 destination options.
    options: usize,
    /// 32-bit words of TCP options.
    tcp_options: usize,
    flags: u8,
    id: u16,
    sequence: u32,
    payload: usize,
    size: u16,
}

const FLAGS: usize = 13;

impl Shape {
    fn plain() -> Self {
        Self {
            v6: false,
            udp: false,
            tags: 0,
            options: 0,
            tcp_options: 0,
            flags: 0x18,
            id: 7,
            sequence: 1000,
            payload: 3000,
            size: 1448,
        }
    }

    fn give(&self) -> Given {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for tag in 0..self.tags {
            let tpid = if tag % 2 == 0 {
                [0x81, 0]
            } else {
                [0x88, 0xa8]
            };
            frame.extend(tpid);
            frame.extend([0, 5 + u8::try_from(tag).unwrap()]);
        }
        frame.extend(if self.v6 { [0x86, 0xdd] } else { [8, 0] });
        let protocol = if self.udp { 17 } else { 6 };
        let transport_len = if self.udp {
            8
        } else {
            20 + 4 * self.tcp_options
        } + self.payload;
        if self.v6 {
            let extension = if self.options > 0 {
                8 * self.options
            } else {
                0
            };
            let length = u16::try_from(extension + transport_len).unwrap();
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.push(if extension > 0 { 60 } else { protocol });
            frame.push(64);
            frame.extend([0xfd; 16]);
            frame.extend([0xfe; 16]);
            if extension > 0 {
                frame.extend([protocol, u8::try_from(self.options - 1).unwrap()]);
                // PadN for what is left.
                let pad = extension - 4;
                frame.extend([1, u8::try_from(pad).unwrap()]);
                frame.extend(vec![0; pad]);
            }
        } else {
            let ihl = 5 + self.options;
            let length = u16::try_from(4 * ihl + transport_len).unwrap();
            frame.extend([0x40 | u8::try_from(ihl).unwrap(), 2]);
            frame.extend(length.to_be_bytes());
            frame.extend(self.id.to_be_bytes());
            frame.extend([0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            frame.extend(vec![1; 4 * self.options]);
            let network = frame.len() - 4 * ihl;
            let sum = !words(&frame[network..]);
            frame[network + 10..network + 12].copy_from_slice(&sum.to_be_bytes());
        }
        let start = frame.len();
        frame.extend([0x12, 0x34, 0x56, 0x78]);
        if self.udp {
            frame.extend(u16::try_from(transport_len).unwrap().to_be_bytes());
            frame.extend([0, 0]);
        } else {
            frame.extend(self.sequence.to_be_bytes());
            let words = u8::try_from(5 + self.tcp_options).unwrap();
            frame.extend([0, 0, 0, 1, words << 4, self.flags, 1, 0, 0, 0, 0, 0]);
            frame.extend(vec![1; 4 * self.tcp_options]);
        }
        let check = if self.udp { 6 } else { 16 };
        let seed = self.pseudo(transport_len);
        frame[start + check..start + check + 2].copy_from_slice(&seed.to_be_bytes());
        let headers = frame.len();
        frame.extend((0..self.payload).map(|n| u8::try_from(n % 251).unwrap()));
        let kind = match (self.udp, self.v6) {
            (true, _) => GSO_UDP,
            (false, false) => GSO_TCPV4,
            (false, true) => GSO_TCPV6,
        };
        let mut header = [0; VNET_HEADER];
        header[0] = NEEDS_CHECKSUM;
        header[1] = kind;
        for (at, value) in [(2, headers), (4, self.size.into()), (6, start), (8, check)] {
            let value = u16::try_from(value).unwrap();
            header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        Given {
            frame,
            header,
            payload: self.payload,
        }
    }

    /// The sum of the pseudo-header, word by word.
    fn pseudo(&self, length: usize) -> u16 {
        let addresses: &[u8] = match self.v6 {
            true => &[[0xfd; 16], [0xfe; 16]].concat(),
            false => &[10, 0, 0, 1, 10, 0, 0, 2],
        };
        let length = u16::try_from(length).unwrap().to_be_bytes();
        let protocol = [0, if self.udp { 17 } else { 6 }];
        words(&[addresses, &length, &protocol].concat())
    }
}

/// Adds up word by word, carries and all.
fn words(octets: &[u8]) -> u16 {
    octets.chunks(2).fold(0, |total: u16, word| {
        let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = total.overflowing_add(word);
        sum + u16::from(carry)
    })
}

fn shapes() -> impl Strategy<Value = Shape> {
    let headers = (
        any::<bool>(),
        any::<bool>(),
        0..3usize,
        0..5usize,
        0..10usize,
    );
    let fields = (any::<u8>(), any::<u16>(), any::<u32>());
    (headers, fields, 1..9000usize, 100..3000u16).prop_map(
        |((v6, udp, tags, options, tcp_options), (flags, id, sequence), payload, size)| Shape {
            v6,
            udp,
            tags,
            options,
            tcp_options,
            flags,
            id,
            sequence,
            payload,
            size,
        },
    )
}

/// The frames that a frame becomes.
fn finish(pieces: [&[u8]; 2], offload: Offload) -> Result<Vec<Vec<u8>>, software::Unsegmentable> {
    let mut frames = Vec::new();
    Software::default().finish(pieces, offload, |pieces| frames.push(pieces.concat()))?;
    Ok(frames)
}

/// Checks lengths and checksums of a frame, wherever they are, and returns its transport payload.
fn check(frame: &[u8]) -> Vec<u8> {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let net = packet.net.unwrap();
    let transport = packet.transport.unwrap();
    let sums: Vec<Option<(u16, u16)>> = match (&net, &transport) {
        (NetSlice::Ipv4(ip), TransportSlice::Tcp(tcp)) => {
            let header = ip.header().to_header();
            let sum = tcp.to_header().calc_checksum_ipv4(&header, tcp.payload());
            vec![
                Some((header.header_checksum, header.calc_header_checksum())),
                Some((tcp.checksum(), sum.unwrap())),
            ]
        }
        (NetSlice::Ipv4(ip), TransportSlice::Udp(udp)) => {
            let header = ip.header().to_header();
            assert_eq!(usize::from(udp.length()), 8 + udp.payload().len());
            let sum = udp.to_header().calc_checksum_ipv4(&header, udp.payload());
            vec![
                Some((header.header_checksum, header.calc_header_checksum())),
                Some((udp.checksum(), sum.unwrap())),
            ]
        }
        (NetSlice::Ipv6(ip), TransportSlice::Tcp(tcp)) => {
            let header = ip.header().to_header();
            let sum = tcp.to_header().calc_checksum_ipv6(&header, tcp.payload());
            vec![Some((tcp.checksum(), sum.unwrap()))]
        }
        (NetSlice::Ipv6(ip), TransportSlice::Udp(udp)) => {
            let header = ip.header().to_header();
            assert_eq!(usize::from(udp.length()), 8 + udp.payload().len());
            let sum = udp.to_header().calc_checksum_ipv6(&header, udp.payload());
            vec![Some((udp.checksum(), sum.unwrap()))]
        }
        other => panic!("{other:?}"),
    };
    for (found, right) in sums.into_iter().flatten() {
        // Zero and ones are the same number; which of the two a UDP checksum may be is tested apart.
        assert_eq!(found % 0xffff, right % 0xffff);
    }
    match transport {
        TransportSlice::Tcp(tcp) => tcp.payload().to_vec(),
        TransportSlice::Udp(udp) => udp.payload().to_vec(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn segments_are_whole_packets_that_add_up(shape in shapes(), cut in 0..80usize) {
        let given = shape.give();
        let offload = Offload::read(&given.header, &given.frame).unwrap();
        prop_assert_eq!(offload.is_super_frame(), given.payload > usize::from(shape.size));
        // However the frame lies in its two pieces.
        let pieces = given.frame.split_at(if cut > 40 { 0 } else { cut });
        let frames = finish(pieces.into(), offload).unwrap();

        let size = usize::from(shape.size);
        prop_assert_eq!(frames.len(), given.payload.div_ceil(size));
        let headers = given.frame.len() - given.payload;
        let network = 14 + 4 * shape.tags;
        let start = usize::from(u16::from_ne_bytes([given.header[6], given.header[7]]));
        let mut joined = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let payload = check(frame);
            let last = number + 1 == frames.len();
            prop_assert!(payload.len() == size || last);
            prop_assert_eq!(frame.len(), headers + payload.len());
            prop_assert_eq!(&frame[..network], &given.frame[..network]);
            if !shape.v6 {
                let id = u16::from_be_bytes([frame[network + 4], frame[network + 5]]);
                prop_assert_eq!(id, shape.id.wrapping_add(u16::try_from(number).unwrap()));
            }
            if !shape.udp {
                let sequence = u32::from_be_bytes(frame[start + 4..start + 8].try_into().unwrap());
                let before = u32::try_from(joined.len()).unwrap();
                prop_assert_eq!(sequence, shape.sequence.wrapping_add(before));
                let mut flags = shape.flags;
                if !last { flags &= !0x09 }
                if number > 0 { flags &= !0x80 }
                prop_assert_eq!(frame[start + FLAGS], flags);
            }
            joined.extend(payload);
        }
        prop_assert_eq!(&joined[..], &given.frame[headers..]);
    }

    #[test]
    fn a_packet_around_is_put_around_each(
        shape in shapes(), outer_v6 in any::<bool>(), summed in any::<bool>(), tag in any::<bool>()
    ) {
        let given = shape.give();
        let offload = Offload::read(&given.header, &given.frame).unwrap();
        let head = around(outer_v6, summed, tag, given.frame.len());
        let shifted = offload.shifted(isize::try_from(head.len()).unwrap()).unwrap();
        let frames = finish([&head, &given.frame], shifted).unwrap();
        prop_assert_eq!(frames.len(), given.payload.div_ceil(usize::from(shape.size)));
        let mut joined = Vec::new();
        for frame in &frames {
            let inner = if summed {
                check(frame)
            } else {
                // Without a checksum, as VXLAN over IPv4 has none.
                let packet = SlicedPacket::from_ethernet(frame).unwrap();
                let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!() };
                prop_assert_eq!(udp.checksum(), 0);
                prop_assert_eq!(usize::from(udp.length()), 8 + udp.payload().len());
                udp.payload().to_vec()
            };
            joined.extend(check(&inner[8..]));
        }
        prop_assert_eq!(&joined[..], &given.frame[given.frame.len() - given.payload..]);
    }

    #[test]
    fn a_checksum_is_finished_alike_in_place_and_in_pieces(shape in shapes(), cut in 0..60usize) {
        let mut given = shape.give();
        given.header[1] = GSO_NONE;
        let mut offload = Offload::read(&given.header, &given.frame).unwrap();
        prop_assert!(!offload.is_super_frame());
        let pieces = given.frame.split_at(cut.min(given.frame.len()));
        let frames = finish(pieces.into(), offload).unwrap();
        prop_assert_eq!(frames.len(), 1);
        prop_assert!(offload.finish(&mut given.frame));
        prop_assert!(offload.is_none());
        prop_assert_eq!(&frames[0], &given.frame);
        check(&given.frame);
    }

    #[test]
    fn tags_shift_what_is_said_of_a_frame(shape in shapes(), pushed in 0..4usize) {
        let given = shape.give();
        let offload = Offload::read(&given.header, &given.frame).unwrap();
        let mut tagged = given.frame[..12].to_vec();
        tagged.extend([0x81, 0, 0, 9].repeat(pushed));
        tagged.extend(&given.frame[12..]);
        let by = isize::try_from(4 * pushed).unwrap();
        let shifted = offload.shifted(by).unwrap();
        prop_assert_eq!(Offload::read(&shifted.write(tagged.len()), &tagged), Ok(shifted));
        prop_assert_eq!(shifted.shifted(-by), Some(offload));
    }

    #[test]
    fn nothing_that_is_given_makes_it_panic(
        header in any::<[u8; VNET_HEADER]>(),
        start in 0..80u16, kind in prop::sample::select(vec![0u8, 1, 3, 4, 5, 0x81, 0x84, 0x85]),
        shape in shapes(), noise in prop::collection::vec((0..120usize, any::<u8>()), 0..12),
        length in 0..200usize, by in -100..100isize, cut in 0..200usize,
    ) {
        let given = shape.give();
        let mut frame = given.frame;
        for (at, octet) in noise {
            if let Some(place) = frame.get_mut(at) { *place = octet }
        }
        let mut semi = given.header;
        semi[1] = kind;
        semi[6..8].copy_from_slice(&start.to_ne_bytes());
        let short = &frame[..length.min(frame.len())];
        for header in [header, semi, given.header] {
            for frame in [&frame[..], short] {
                let Ok(offload) = Offload::read(&header, frame) else { continue };
                let Some(shifted) = offload.shifted(by) else { continue };
                let pieces = frame.split_at(cut.min(frame.len()));
                let _ = finish(pieces.into(), shifted);
                let _ = finish(pieces.into(), offload);
                let mut offload = offload;
                offload.finish(&mut frame.to_vec());
            }
        }
    }

    #[test]
    fn sums_are_those_of_words(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(layout::fold(layout::sum(&octets)) % 0xffff, words(&octets) % 0xffff);
    }
}

/// Ethernet, IP, UDP and eight octets more, around a frame.
fn around(v6: bool, summed: bool, tag: bool, inner: usize) -> Vec<u8> {
    let shape = Shape {
        v6,
        udp: true,
        tags: usize::from(tag),
        payload: 8 + inner,
        ..Shape::plain()
    };
    let given = shape.give();
    let mut head = given.frame[..given.frame.len() - inner].to_vec();
    // The checksum is the last field of the UDP header; what is there does not matter, but for zero.
    let at = head.len() - 10;
    head[at..at + 2].copy_from_slice(if summed { &[1, 1] } else { &[0, 0] });
    head
}

/// A header with one field changed.
fn with(header: [u8; VNET_HEADER], at: usize, value: u16) -> [u8; VNET_HEADER] {
    let mut header = header;
    header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
    header
}

#[test]
fn headers_that_do_not_fit_are_refused() {
    let Given { frame, header, .. } = Shape::plain().give();
    let read = |header| Offload::read(&header, &frame);
    assert!(read(header).is_ok());
    assert_eq!(read([0; VNET_HEADER]), Ok(Offload::NONE));

    // A checksum outside the frame, or in front of the transport header.
    let all = u16::try_from(frame.len()).unwrap();
    for start in [0, 14, 33, all - 17, u16::MAX] {
        assert_eq!(read(with(header, 6, start)), Err(OffloadError::Checksum));
    }
    assert_eq!(read(with(header, 8, u16::MAX)), Err(OffloadError::Checksum));

    // No size, no checksum, kinds that there are not, UDP's fragments (UFO), ECN of UDP.
    assert_eq!(read(with(header, 4, 0)), Err(OffloadError::Segments));
    let flagged = |flags, kind| {
        let mut header = header;
        (header[0], header[1]) = (flags, kind);
        header
    };
    for (flags, kind) in [(0, 1), (2, 1), (1, 2), (1, 3), (1, 6), (1, 0x7f), (1, 0x85)] {
        assert_eq!(
            read(flagged(flags, kind)),
            Err(OffloadError::Segments),
            "{flags} {kind}"
        );
    }
    // Another protocol than it says, another place of its header or checksum.
    for wrong in [
        flagged(1, 4),
        flagged(1, 5),
        with(header, 6, 35),
        with(header, 8, 6),
    ] {
        assert_eq!(read(wrong), Err(OffloadError::Headers), "{wrong:?}");
    }
    // A TCP header that is too short or does not end, a fragment, ARP, version 5.
    for (at, octet) in [(46, 0x40), (46, 0xf0), (20, 0x20), (13, 6), (14, 0x55)] {
        let mut frame = frame[..60].to_vec();
        frame[at] = octet;
        let cut = Offload::read(&header, &frame);
        assert_eq!(cut, Err(OffloadError::Headers), "{at}");
    }
    // More datagrams than a UDP super-frame may be.
    let shape = Shape {
        udp: true,
        payload: 1290,
        size: 10,
        ..Shape::plain()
    };
    let given = shape.give();
    let read = Offload::read(&given.header, &given.frame);
    assert_eq!(read, Err(OffloadError::Segments));
}

#[test]
fn what_says_it_is_many_and_is_one_is_one() {
    let given = Shape {
        payload: 1448,
        ..Shape::plain()
    }
    .give();
    let offload = Offload::read(&given.header, &given.frame).unwrap();
    assert!(!offload.is_super_frame() && !offload.is_none());
}

#[test]
fn segments_of_few_octets_are_bounded() {
    let given = Shape {
        payload: 64_000,
        size: 1,
        ..Shape::plain()
    }
    .give();
    let offload = Offload::read(&given.header, &given.frame).unwrap();
    let frames = finish([&[], &given.frame], offload).unwrap();
    assert_eq!(frames.len(), 8000);
    check(&frames[7999]);
}

#[test]
fn a_udp_checksum_is_never_zero() {
    // A payload that makes the sum come out as zero.
    let mut given = Shape {
        udp: true,
        payload: 2,
        ..Shape::plain()
    }
    .give();
    given.header[1] = GSO_NONE;
    let offload = Offload::read(&given.header, &given.frame).unwrap();
    let end = given.frame.len();
    given.frame[end - 2..].fill(0);
    let first = finish([&[], &given.frame], offload).unwrap();
    let sum = &first[0][end - 4..end - 2];
    let (high, low) = (sum[0], sum[1]);
    given.frame[end - 2..].copy_from_slice(&[high, low]);
    let second = finish([&given.frame, &[]], offload).unwrap();
    assert_eq!(second[0][end - 4..end - 2], [0xff, 0xff]);
}

#[test]
fn a_header_is_as_the_kernel_writes_it() {
    let given = Shape::plain().give();
    let offload = Offload::read(&given.header, &given.frame).unwrap();
    assert_eq!(offload.write(given.frame.len()), given.header);
    assert_eq!(Offload::NONE.write(60), [0; VNET_HEADER]);
}
