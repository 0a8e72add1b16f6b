//! What a frame still needs before it may go over a real wire: a checksum, or to be cut in segments.
//!
//! Linux hands such frames to devices that do the rest in hardware, and TAP devices and packet
//! sockets pass them on with a virtio-net header in front (VIRTIO 1.2, 5.1.6; `linux/virtio_net.h`).
//! [`Offload`] is that header, checked once against its frame; [`Software`] does the rest here, for
//! places that cannot be asked to. A *super-frame* is a frame that stands for several segments.
//!
//! Bounds: the headers of a super-frame have at most [`HEADERS_MAX`] octets, and it becomes at most
//! 8,192 segments (64 KiB of 8 octets each, the smallest that Linux takes).

mod layout;
mod software;

pub use software::{Software, Unsegmentable};

use layout::Layout;

/// Octets of a virtio-net header (`struct virtio_net_hdr`, without merged buffers).
pub const VNET_HEADER: usize = 10;

/// Octets that the headers of a super-frame may have, all layers together.
pub const HEADERS_MAX: usize = 512;

/// Octets that a segment has at least (`TCP_MIN_GSO_SIZE`).
const SEGMENT_MIN: u16 = 8;

/// Segments that a UDP super-frame has at most (`UDP_MAX_SEGMENTS`).
const UDP_SEGMENTS_MAX: usize = 128;

/// Octets of an Ethernet and the shortest IP header: no transport header begins before.
const TRANSPORT_MIN: u16 = 14 + 20;

// VIRTIO_NET_HDR_F_NEEDS_CSUM and VIRTIO_NET_HDR_GSO_*.
const NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// What is left to do to one frame. Offsets count from the frame's first octet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    checksum: Option<Checksum>,
    /// Only beside a checksum.
    segments: Option<Segments>,
}

/// A checksum of which only the pseudo-header's part is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checksum {
    /// Where it begins to count: the transport header.
    start: u16,
    /// Where it belongs, from there.
    offset: u16,
}

/// The segments that a super-frame stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segments {
    kind: SegmentKind,
    /// Congestion was experienced: CWR is set in the first segment only.
    ecn: bool,
    /// Octets of payload in each but the last.
    size: u16,
    /// Where the network header begins.
    network: u16,
    /// Where the payload begins.
    payload: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SegmentKind {
    TcpV4,
    TcpV6,
    Udp,
}

/// A virtio-net header that does not fit its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffloadError {
    /// The checksum would lie outside the frame, or before the transport header.
    Checksum,
    /// Segments of an unknown kind, without a size, without a checksum, or too many of them.
    Segments,
    /// The headers of the super-frame are not those of the kind it says.
    Headers,
    /// Only the beginning of the frame is there.
    Cut,
}

impl Offload {
    /// Nothing: the frame is whole.
    pub const NONE: Self = Self {
        checksum: None,
        segments: None,
    };

    /// Reads a virtio-net header in the machine's octet order and checks it against its frame.
    ///
    /// # Errors
    ///
    /// [`OffloadError`]: whoever sent the frame wrote a header that nobody could act on.
    #[inline]
    pub fn read(header: &[u8; VNET_HEADER], frame: &[u8]) -> Result<Self, OffloadError> {
        // Most frames that are no super-frames and that nobody computes a checksum for.
        if header[0] & NEEDS_CHECKSUM == 0 && header[1] == GSO_NONE {
            return Ok(Self::NONE);
        }
        Self::parse(header, frame)
    }

    fn parse(header: &[u8; VNET_HEADER], frame: &[u8]) -> Result<Self, OffloadError> {
        let field = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        if header[0] & NEEDS_CHECKSUM == 0 {
            // VIRTIO 1.2, 5.1.6.2.1: segmentation needs a checksum to be computed.
            return Err(OffloadError::Segments);
        }
        let (size, start, offset) = (field(4), field(6), field(8));
        let checksum = Checksum { start, offset };
        if start < TRANSPORT_MIN || checksum.end() > frame.len() {
            return Err(OffloadError::Checksum);
        }
        let segments = match header[1] {
            GSO_NONE => None,
            kind => Segments::new(kind, size, checksum, frame)?,
        };
        Ok(Self {
            checksum: Some(checksum),
            segments,
        })
    }

    /// Writes the virtio-net header of a frame of some octets.
    #[inline]
    #[must_use]
    pub fn write(&self, length: usize) -> [u8; VNET_HEADER] {
        let mut header = [0; VNET_HEADER];
        let Some(checksum) = self.checksum else {
            return header;
        };
        let mut put = |at: usize, value: u16| {
            header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        };
        put(6, checksum.start);
        put(8, checksum.offset);
        match self.segments {
            Some(segments) => {
                put(2, segments.payload);
                put(4, segments.size);
                header[1] = segments.code();
            }
            // What is to lie in one piece: of a frame of ordinary length all of it, or Linux puts the
            // octets behind the checksum in pages of their own (tun_get_user).
            None => put(2, u16::try_from(length).unwrap_or(0)),
        }
        header[0] = NEEDS_CHECKSUM;
        header
    }

    /// Whether nothing is left to do.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.checksum.is_none()
    }

    /// Whether the frame stands for several.
    #[inline]
    #[must_use]
    pub const fn is_super_frame(&self) -> bool {
        self.segments.is_some()
    }

    /// Whether the frame stands for several UDP datagrams: younger kernels only know those (Linux 6.2).
    #[inline]
    #[must_use]
    pub const fn is_udp_super_frame(&self) -> bool {
        match self.segments {
            Some(segments) => matches!(segments.kind, SegmentKind::Udp),
            None => false,
        }
    }

    /// Returns the octets of the longest frame that a frame of some octets stands for: itself, unless it is
    /// a super-frame.
    #[must_use]
    pub fn longest(&self, length: usize) -> usize {
        match self.segments {
            Some(segments) => {
                length.min(usize::from(segments.payload) + usize::from(segments.size))
            }
            None => length,
        }
    }

    /// Returns what is left to do after the front of the frame grew by some octets, or shrank: tags were
    /// pushed or popped, or another packet was put around it. `None` when that can no longer be said in
    /// a virtio-net header.
    #[inline]
    #[must_use]
    pub fn shifted(mut self, by: isize) -> Option<Self> {
        if by == 0 {
            return Some(self);
        }
        let moved = |at: u16| u16::try_from(isize::try_from(at).ok()? + by).ok();
        if let Some(checksum) = &mut self.checksum {
            checksum.start = moved(checksum.start)?;
        }
        if let Some(segments) = &mut self.segments {
            segments.network = moved(segments.network)?;
            segments.payload = moved(segments.payload)?;
        }
        Some(self)
    }

    /// Finishes the checksum of a frame that is no super-frame, in place. Returns whether there was
    /// one to finish; then nothing is left to do.
    pub fn finish(&mut self, frame: &mut [u8]) -> bool {
        match (self.checksum, self.segments) {
            (Some(checksum), None) => {
                checksum.finish(frame);
                *self = Self::NONE;
                true
            }
            _ => false,
        }
    }
}

impl Checksum {
    /// Where the field ends, from the frame's first octet.
    const fn end(self) -> usize {
        self.start as usize + self.offset as usize + 2
    }

    /// Sums the octets, pseudo-header's part included, and writes the result over that part
    /// (`skb_checksum_help`).
    fn finish(self, frame: &mut [u8]) {
        let at = self.end() - 2;
        let Some(counted) = frame.get(usize::from(self.start)..) else {
            return;
        };
        let sum = layout::checksum(layout::sum(counted));
        if let Some(field) = frame.get_mut(at..at + 2) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
    }
}

impl Segments {
    /// Checks a super-frame's headers. `None` when it is short enough to be one segment.
    fn new(
        kind: u8,
        size: u16,
        checksum: Checksum,
        frame: &[u8],
    ) -> Result<Option<Self>, OffloadError> {
        let ecn = kind & GSO_ECN != 0;
        let (kind, field) = match kind & !GSO_ECN {
            GSO_TCPV4 => (SegmentKind::TcpV4, layout::TCP_CHECKSUM),
            GSO_TCPV6 => (SegmentKind::TcpV6, layout::TCP_CHECKSUM),
            GSO_UDP if !ecn => (SegmentKind::Udp, layout::UDP_CHECKSUM),
            _ => return Err(OffloadError::Segments),
        };
        if size == 0 {
            return Err(OffloadError::Segments);
        }
        let layout = Layout::of(frame).ok_or(OffloadError::Headers)?;
        let protocol = match kind {
            SegmentKind::Udp => layout::UDP,
            SegmentKind::TcpV4 | SegmentKind::TcpV6 => layout::TCP,
        };
        let version_fits = match kind {
            SegmentKind::TcpV4 => !layout.v6,
            SegmentKind::TcpV6 => layout.v6,
            SegmentKind::Udp => true,
        };
        if layout.protocol != protocol
            || !version_fits
            || layout.transport != usize::from(checksum.start)
            || usize::from(checksum.offset) != field
        {
            return Err(OffloadError::Headers);
        }
        let payload = layout.payload(frame).ok_or(OffloadError::Headers)?;
        let behind = frame.len() - payload;
        let size = match kind {
            SegmentKind::Udp if behind > usize::from(size) * UDP_SEGMENTS_MAX => {
                return Err(OffloadError::Segments);
            }
            SegmentKind::Udp => size,
            SegmentKind::TcpV4 | SegmentKind::TcpV6 => size.max(SEGMENT_MIN),
        };
        let offset = |at| u16::try_from(at).map_err(|_| OffloadError::Headers);
        let segments = Self {
            kind,
            ecn,
            size,
            network: offset(layout.network)?,
            payload: offset(payload)?,
        };
        Ok((behind > usize::from(size)).then_some(segments))
    }

    const fn code(self) -> u8 {
        let kind = match self.kind {
            SegmentKind::TcpV4 => GSO_TCPV4,
            SegmentKind::TcpV6 => GSO_TCPV6,
            SegmentKind::Udp => GSO_UDP,
        };
        if self.ecn { kind | GSO_ECN } else { kind }
    }
}

#[cfg(test)]
mod tests;
