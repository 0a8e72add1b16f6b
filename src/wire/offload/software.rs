//! What hardware would do: checksums, and segments of super-frames.

use super::layout::{self, IPV6_HEADER, Layout, UDP_CHECKSUM, checksum, fold, sum, u16_at};
use super::{Checksum, Offload, SegmentKind, Segments};

/// TCP flags that not every segment has, and where they are in a TCP header.
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;
const TCP_FLAGS: usize = 13;

/// Does in software what is left to do to a frame. Reused from frame to frame: it copies headers, never
/// a super-frame's payload.
#[derive(Debug, Default)]
pub struct Software {
    /// The headers of a segment, or a frame up to its checksum.
    front: Vec<u8>,
}

/// A super-frame whose headers are not where they were when it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsegmentable;

impl Software {
    /// Hands on the frames that a frame becomes, whole, each in two pieces. The frame is given in two
    /// pieces too; the offsets of `offload` are those in the pieces joined. A packet that was put
    /// around the frame by UDP (VXLAN) is put around every segment.
    ///
    /// Segments are Linux's (`tcp_gso_segment`, `__udp_gso_segment`, `inet_gso_segment`): IPv4
    /// identifications count up, sequence numbers follow, FIN and PSH are the last one's, CWR is the
    /// first one's.
    ///
    /// # Errors
    ///
    /// [`Unsegmentable`]; nothing was handed on then.
    pub fn finish(
        &mut self,
        pieces: [&[u8]; 2],
        offload: Offload,
        mut sink: impl FnMut([&[u8]; 2]),
    ) -> Result<(), Unsegmentable> {
        match (offload.checksum, offload.segments) {
            (None, _) => sink(pieces),
            (Some(sums), None) => sink(self.sum(pieces, sums)?),
            (Some(sums), Some(segments)) => self.segment(pieces, sums, segments, sink)?,
        }
        Ok(())
    }

    /// Finishes the checksum of a frame.
    fn sum<'a>(
        &'a mut self,
        pieces: [&'a [u8]; 2],
        sums: Checksum,
    ) -> Result<[&'a [u8]; 2], Unsegmentable> {
        let (start, end) = (usize::from(sums.start), sums.end());
        let mut rest = self.gather(pieces, end);
        if self.front.len() < end {
            return Err(Unsegmentable);
        }
        // What is summed in two parts is split at an even place.
        if let (1, Some((first, behind))) = ((self.front.len() - start) % 2, rest.split_first()) {
            self.front.push(*first);
            rest = behind;
        }
        let total = sum(&self.front[start..]) + sum(rest);
        put16(&mut self.front, end - 2, checksum(total));
        if let Some(outer) = Layout::of(&self.front).filter(|it| it.transport + 8 <= start) {
            Packet::new(outer).sum_udp(&mut self.front, rest);
        }
        Ok([&self.front, rest])
    }

    fn segment(
        &mut self,
        pieces: [&[u8]; 2],
        sums: Checksum,
        segments: Segments,
        mut sink: impl FnMut([&[u8]; 2]),
    ) -> Result<(), Unsegmentable> {
        let payload = self.gather(pieces, usize::from(segments.payload));
        let front = &mut self.front;
        let (inner, outer) = packets(front, sums, segments).ok_or(Unsegmentable)?;
        let (start, check) = (inner.transport, sums.end() - 2);
        let headers = front.len() - start;

        let sequence = u32_at(front, start + 4).ok_or(Unsegmentable)?;
        let flags = front.get(start + TCP_FLAGS).copied().unwrap_or(0);
        let seed = u16_at(front, check).ok_or(Unsegmentable)?;
        // The pseudo-header without the length, which is the super-frame's.
        let seed = u64::from(seed) + u64::from(!fold((headers + payload.len()) as u64));

        let size = usize::from(segments.size);
        let last = payload.len().div_ceil(size) - 1;
        for (number, part) in payload.chunks(size).enumerate() {
            let length = headers + part.len();
            match segments.kind {
                SegmentKind::TcpV4 | SegmentKind::TcpV6 => {
                    let ended = if number < last { FIN | PSH } else { 0 };
                    let begun = if number > 0 { CWR } else { 0 };
                    front[start + TCP_FLAGS] = flags & !ended & !begun;
                    put32(
                        front,
                        start + 4,
                        sequence.wrapping_add(low32(number * size)),
                    );
                }
                SegmentKind::Udp => put16(front, start + 4, low16(length)),
            }
            put16(front, check, 0);
            let total = seed + length as u64 + sum(&front[start..]) + sum(part);
            put16(front, check, checksum(total));
            inner.fit(front, part, number);
            if let Some(outer) = &outer {
                outer.fit(front, part, number);
                let length = front.len() - outer.transport + part.len();
                put16(front, outer.transport + 4, low16(length));
                outer.sum_udp(front, part);
            }
            sink([front, part]);
        }
        Ok(())
    }

    /// Copies at least the first octets of a frame to the front, and returns the rest in one piece.
    fn gather<'a>(&mut self, [head, rest]: [&'a [u8]; 2], length: usize) -> &'a [u8] {
        self.front.clear();
        if rest.is_empty() {
            let (front, behind) = head.split_at(length.min(head.len()));
            self.front.extend_from_slice(front);
            return behind;
        }
        let more = length.saturating_sub(head.len()).min(rest.len());
        self.front.extend_from_slice(head);
        self.front.extend_from_slice(&rest[..more]);
        &rest[more..]
    }
}

/// Finds the packet that is cut, and the one around it, if there is one.
fn packets(front: &[u8], sums: Checksum, segments: Segments) -> Option<(Packet, Option<Packet>)> {
    let (network, transport) = (segments.network.into(), sums.start.into());
    if front.len() != usize::from(segments.payload) {
        return None;
    }
    let outermost = Layout::of(front)?;
    let inner = Packet::new(Layout {
        network,
        v6: front.get(network)? >> 4 == 6,
        protocol: 0,
        transport,
    });
    // The header ends where the transport's begins: what is written there has room.
    let header = front.get(network..transport)?;
    let least = match inner.v6 {
        true => IPV6_HEADER,
        false => usize::from(header.first()? & 15).max(5) * 4,
    };
    header.get(least..)?;
    if outermost.transport == transport {
        return (outermost.network == network).then_some((inner.with_id(front)?, None));
    }
    let around = outermost.protocol == layout::UDP && outermost.transport + 8 <= network;
    let outer = around.then_some(Packet::new(outermost).with_id(front)?)?;
    Some((inner.with_id(front)?, Some(outer)))
}

/// One IP packet in the front of a segment.
#[derive(Clone, Copy, Debug)]
struct Packet {
    network: usize,
    v6: bool,
    transport: usize,
    /// The IPv4 identification of the first segment.
    id: u16,
}

impl Packet {
    const fn new(layout: Layout) -> Self {
        Self {
            network: layout.network,
            v6: layout.v6,
            transport: layout.transport,
            id: 0,
        }
    }

    fn with_id(self, front: &[u8]) -> Option<Self> {
        let id = u16_at(front, self.network + 4)?;
        Some(Self { id, ..self })
    }

    /// Makes the header that of a segment.
    fn fit(&self, front: &mut [u8], part: &[u8], number: usize) {
        let network = self.network;
        let length = front.len() - network + part.len();
        if self.v6 {
            put16(front, network + 4, low16(length - IPV6_HEADER));
            return;
        }
        put16(front, network + 2, low16(length));
        put16(front, network + 4, self.id.wrapping_add(low16(number)));
        put16(front, network + 10, 0);
        let end = network + usize::from(front[network] & 15) * 4;
        let header = !fold(sum(&front[network..end]));
        put16(front, network + 10, header);
    }

    /// Computes the checksum of a UDP packet with other packets in it, unless it has none.
    fn sum_udp(&self, front: &mut [u8], rest: &[u8]) {
        let (start, check) = (self.transport, self.transport + UDP_CHECKSUM);
        if matches!(u16_at(front, check), None | Some(0)) {
            return;
        }
        let addresses = match self.v6 {
            true => self.network + 8..self.network + 40,
            false => self.network + 12..self.network + 20,
        };
        put16(front, check, 0);
        let length = front.len() - start + rest.len();
        let total = sum(&front[addresses])
            + u64::from(layout::UDP)
            + length as u64
            + sum(&front[start..])
            + sum(rest);
        put16(front, check, checksum(total));
    }
}

/// Writes a field that is known to be there.
fn put16(octets: &mut [u8], at: usize, value: u16) {
    octets[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn put32(octets: &mut [u8], at: usize, value: u32) {
    octets[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)
}

/// A length or a number within a frame, which is shorter than that, or wraps as the field does.
#[expect(clippy::cast_possible_truncation, reason = "said above")]
const fn low16(value: usize) -> u16 {
    value as u16
}

#[expect(clippy::cast_possible_truncation, reason = "said above")]
const fn low32(value: usize) -> u32 {
    value as u32
}
