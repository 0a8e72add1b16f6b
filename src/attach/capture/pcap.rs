//! Classic pcap (pcap-savefile(5)): a header of 24 octets, then records of 16 octets and the frame.

use pcap_file::TsResolution;
use pcap_file::pcap::PcapParser;

use super::source::Source;
use super::{CaptureError, Cause, Head, LINKTYPE_ETHERNET, MAX_FRAME};

/// Octets of the file header.
const HEADER: usize = 24;

/// Octets of a record's header.
const RECORD: usize = 16;

/// What the file header says.
#[derive(Debug)]
pub(super) struct Pcap {
    parser: PcapParser,
    /// Nanoseconds per unit of the fraction of a second.
    unit: u64,
    big_endian: bool,
    /// Octets of FCS at the end of each whole frame.
    fcs: usize,
}

impl Pcap {
    /// Reads the file header, whose magic number the caller has seen.
    pub(super) fn open(source: &mut Source) -> Result<Self, CaptureError> {
        let header: [u8; HEADER] = source
            .need(HEADER, "the pcap header")?
            .try_into()
            .expect("that many were asked for");
        let Ok((_, parser)) = PcapParser::new(&header) else {
            let cause = Cause::NotACapture(header[..4].to_vec(), "");
            return Err(source.error(cause));
        };
        let facts = parser.header();
        if facts.version_major != 2 {
            let cause = Cause::PcapVersion(facts.version_major, facts.version_minor);
            return Err(source.error(cause));
        }
        // Low 16 bits: the link type. Bit 26: FCS length present, then in bits 28 to 31, in 16-bit units.
        let big_endian = facts.endianness.is_big();
        let word = Word { big_endian };
        let network = word.u32(&header[20..]);
        if network & 0xffff != LINKTYPE_ETHERNET {
            return Err(source.error_at(20, Cause::LinkType(network & 0xffff)));
        }
        let fcs = if network & (1 << 26) != 0 {
            (network >> 28) as usize * 2
        } else {
            0
        };
        source.consume(HEADER);
        Ok(Self {
            parser,
            unit: match facts.ts_resolution {
                TsResolution::MicroSecond => 1_000,
                TsResolution::NanoSecond => 1,
            },
            big_endian,
            fcs,
        })
    }

    /// Reads the next record, which the caller consumes later.
    pub(super) fn read(&self, source: &mut Source) -> Result<Option<Head>, CaptureError> {
        if source.at_end()? {
            return Ok(None);
        }
        let word = Word {
            big_endian: self.big_endian,
        };
        let header = source.need(RECORD, "a record's header")?;
        let kept = word.u32(&header[8..]);
        // Before the record is asked for: the length of a corrupt one must not be believed.
        if kept as usize > MAX_FRAME {
            return Err(source.error(Cause::FrameTooLong(kept.into())));
        }
        let consumed = RECORD + kept as usize;
        let octets = source.need(consumed, "a record")?;
        let (_, raw) = self
            .parser
            .next_raw_packet(octets)
            .expect("header and frame are there, and raw packets are not checked further");
        let snapped = raw.incl_len < raw.orig_len;
        let fcs = if snapped {
            0
        } else {
            self.fcs.min(kept as usize)
        };
        Ok(Some(Head {
            // A fraction beyond a second is read as libpcap's users do: it adds up.
            time: u64::from(raw.ts_sec) * 1_000_000_000 + u64::from(raw.ts_frac) * self.unit,
            interface: 0,
            direction: None,
            snapped,
            octets: RECORD..consumed - fcs,
            comments: Vec::new(),
            consumed,
        }))
    }
}

/// Fields of a file or section of one byte order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) big_endian: bool,
}

impl Word {
    /// Reads the first 2 octets.
    ///
    /// # Panics
    /// With fewer octets: callers check lengths.
    pub(super) fn u16(self, octets: &[u8]) -> u16 {
        let octets = [octets[0], octets[1]];
        if self.big_endian {
            u16::from_be_bytes(octets)
        } else {
            u16::from_le_bytes(octets)
        }
    }

    /// Reads the first 4 octets.
    ///
    /// # Panics
    /// With fewer octets: callers check lengths.
    pub(super) fn u32(self, octets: &[u8]) -> u32 {
        let octets = [octets[0], octets[1], octets[2], octets[3]];
        if self.big_endian {
            u32::from_be_bytes(octets)
        } else {
            u32::from_le_bytes(octets)
        }
    }

    /// Reads the first 8 octets.
    ///
    /// # Panics
    /// With fewer octets: callers check lengths.
    pub(super) fn u64(self, octets: &[u8]) -> u64 {
        let (high, low) = if self.big_endian { (0, 4) } else { (4, 0) };
        u64::from(self.u32(&octets[high..])) << 32 | u64::from(self.u32(&octets[low..]))
    }
}
