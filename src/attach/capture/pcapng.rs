//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks.
//!
//! Understood: Section Header (a file may have several, each of its own byte order), Interface
//! Description, Enhanced Packet, Simple Packet, and the obsolete Packet Block. Blocks of other types
//! are skipped. A Simple Packet Block has no time: it takes that of the frame before it in the file.

use super::pcap::Word;
use super::source::Source;
use super::{
    CaptureError, Cause, Direction, Head, Interface, LINKTYPE_ETHERNET, MAX_BLOCK, MAX_FRAME,
    MAX_INTERFACES,
};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Octets of type, length and length again.
const FRAMING: usize = 12;

/// What the file has said so far.
#[derive(Debug)]
pub(super) struct Pcapng {
    word: Word,
    sections: u64,
    interfaces: Vec<Interface>,
    facts: Vec<Facts>,
    /// The time of the last frame, in nanoseconds since 1970.
    last: u64,
}

/// What is needed to read an interface's frames.
#[derive(Clone, Copy, Debug)]
struct Facts {
    link_type: u16,
    /// 0: no limit.
    snap_length: u32,
    resolution: Resolution,
    /// Seconds to add.
    offset: i64,
}

/// `if_tsresol`: what one unit of a timestamp is.
#[derive(Clone, Copy, Debug)]
struct Resolution(u8);

impl Resolution {
    /// Microseconds, when nothing is said.
    const DEFAULT: Self = Self(6);

    /// Converts units to nanoseconds, rounded down.
    fn nanos(self, units: u64) -> u128 {
        let exponent = u32::from(self.0 & 0x7f);
        let units = u128::from(units);
        if self.0 & 0x80 != 0 {
            // 2^64 units × 10^9 need 94 bits.
            return (units * 1_000_000_000) >> exponent;
        }
        match exponent {
            0..=9 => units * 10u128.pow(9 - exponent),
            // Beyond 10^19 divisions nothing is left of 2^64 units.
            10..=28 => units / 10u128.pow(exponent - 9),
            _ => 0,
        }
    }
}

impl Pcapng {
    pub(super) const fn new() -> Self {
        Self {
            word: Word { big_endian: false },
            sections: 0,
            interfaces: Vec::new(),
            facts: Vec::new(),
            last: 0,
        }
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    pub(super) const fn section(&self) -> u64 {
        self.sections
    }

    /// Reads up to the next frame, whose block the caller consumes later.
    pub(super) fn read(&mut self, source: &mut Source) -> Result<Option<Head>, CaptureError> {
        while !source.at_end()? {
            let start = source.need(FRAMING, "a block")?;
            let kind = self.word.u32(start);
            if kind == SECTION_HEADER {
                // Its byte order is its own, and stands behind its length.
                self.word = match self.word.u32(&start[8..]) {
                    0x1a2b_3c4d => self.word,
                    0x4d3c_2b1a => Word {
                        big_endian: !self.word.big_endian,
                    },
                    other => return Err(source.error(Cause::ByteOrder(other))),
                };
            }
            let length = self.word.u32(&source.need(FRAMING, "a block")?[4..]);
            let looked_into = matches!(
                kind,
                SECTION_HEADER | INTERFACE_DESCRIPTION | PACKET | SIMPLE_PACKET | ENHANCED_PACKET
            );
            if !length.is_multiple_of(4)
                || (length as usize) < FRAMING
                || looked_into && length as usize > MAX_BLOCK
            {
                return Err(source.error(Cause::BlockLength(length)));
            }
            if !looked_into {
                source.skip(length.into(), "a block of an unknown type")?;
                continue;
            }
            let block = source.need(length as usize, "a block")?;
            let (body, trailer) = block[8..].split_at(length as usize - FRAMING);
            let last = self.word.u32(trailer);
            let result = if last == length {
                self.block(kind, body)
            } else {
                let first = length;
                Err(Cause::BlockTrailer { first, last })
            };
            match result {
                Err(cause) => return Err(source.error(cause)),
                Ok(None) => source.consume(length as usize),
                Ok(Some(head)) => return Ok(Some(head)),
            }
        }
        Ok(None)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> Result<Option<Head>, Cause> {
        match kind {
            SECTION_HEADER => self.section_header(body).map(|()| None),
            INTERFACE_DESCRIPTION => self.interface_description(body).map(|()| None),
            PACKET => self.packet(body, true).map(Some),
            ENHANCED_PACKET => self.packet(body, false).map(Some),
            _ => self.simple_packet(body).map(Some),
        }
    }

    fn section_header(&mut self, body: &[u8]) -> Result<(), Cause> {
        if body.len() < 16 {
            return Err(Cause::BlockTooShort("section header"));
        }
        let (major, minor) = (self.word.u16(&body[4..]), self.word.u16(&body[6..]));
        if major != 1 {
            return Err(Cause::PcapngVersion(major, minor));
        }
        self.sections += 1;
        self.interfaces.clear();
        self.facts.clear();
        Ok(())
    }

    fn interface_description(&mut self, body: &[u8]) -> Result<(), Cause> {
        if body.len() < 8 {
            return Err(Cause::BlockTooShort("interface description"));
        }
        if self.facts.len() == MAX_INTERFACES {
            return Err(Cause::TooManyInterfaces);
        }
        let mut facts = Facts {
            link_type: self.word.u16(body),
            snap_length: self.word.u32(&body[4..]),
            resolution: Resolution::DEFAULT,
            offset: 0,
        };
        let mut interface = Interface::default();
        for option in self.options(body, 8) {
            match option? {
                (2, _, name) => {
                    let name = String::from_utf8_lossy(name);
                    interface.name = Some(name.trim_end_matches('\0').to_owned());
                }
                (9, _, &[resolution]) => facts.resolution = Resolution(resolution),
                (14, _, offset) if offset.len() == 8 => {
                    facts.offset = self.word.u64(offset).cast_signed();
                }
                (9 | 14, ..) => return Err(Cause::BlockTooShort("if_tsresol or if_tsoffset")),
                _ => {}
            }
        }
        self.interfaces.push(interface);
        self.facts.push(facts);
        Ok(())
    }

    /// An Enhanced Packet Block, or an obsolete Packet Block, which differs in its first word only.
    fn packet(&mut self, body: &[u8], obsolete: bool) -> Result<Head, Cause> {
        const FIELDS: usize = 20;
        if body.len() < FIELDS {
            return Err(Cause::BlockTooShort("packet header"));
        }
        let interface = if obsolete {
            self.word.u16(body).into()
        } else {
            self.word.u32(body)
        };
        let facts = self.facts(interface)?;
        let (high, low) = (self.word.u32(&body[4..]), self.word.u32(&body[8..]));
        let units = u64::from(high) << 32 | u64::from(low);
        let nanos = i128::try_from(facts.resolution.nanos(units)).map_err(|_| Cause::Time)?
            + i128::from(facts.offset) * 1_000_000_000;
        let time = u64::try_from(nanos).map_err(|_| Cause::Time)?;
        let (kept, original) = (self.word.u32(&body[12..]), self.word.u32(&body[16..]));
        if kept as usize > MAX_FRAME {
            return Err(Cause::FrameTooLong(kept.into()));
        }
        let kept_length = kept as usize;
        let padded = kept_length.next_multiple_of(4);
        if body.len() - FIELDS < padded {
            return Err(Cause::BlockTooShort("frame"));
        }
        let snapped = kept < original;
        let (mut direction, mut fcs) = (None, 0);
        let mut comments = Vec::new();
        for option in self.options(body, FIELDS + padded) {
            match option? {
                (1, at, comment) => comments.push(8 + at..8 + at + comment.len()),
                (2, _, flags) if flags.len() == 4 => {
                    let flags = self.word.u32(flags);
                    direction = match flags & 0b11 {
                        0b01 => Some(Direction::Inbound),
                        0b10 => Some(Direction::Outbound),
                        _ => None,
                    };
                    if !snapped {
                        fcs = (flags >> 5 & 0xf) as usize;
                    }
                }
                _ => {}
            }
        }
        self.last = time;
        Ok(Head {
            time,
            interface,
            direction,
            snapped,
            octets: 8 + FIELDS..8 + FIELDS + kept_length - fcs.min(kept_length),
            comments,
            consumed: body.len() + FRAMING,
        })
    }

    fn simple_packet(&self, body: &[u8]) -> Result<Head, Cause> {
        if body.len() < 4 {
            return Err(Cause::BlockTooShort("packet header"));
        }
        let facts = self.facts(0)?;
        let original = self.word.u32(body) as usize;
        let limit = match facts.snap_length {
            0 => usize::MAX,
            limit => limit as usize,
        };
        let kept = original.min(limit);
        if kept > MAX_FRAME {
            return Err(Cause::FrameTooLong(kept as u64));
        }
        if body.len() - 4 < kept {
            return Err(Cause::BlockTooShort("frame"));
        }
        Ok(Head {
            time: self.last,
            interface: 0,
            direction: None,
            snapped: kept < original,
            octets: 8 + 4..8 + 4 + kept,
            comments: Vec::new(),
            consumed: body.len() + FRAMING,
        })
    }

    /// Returns what is known of the interface of a frame.
    fn facts(&self, interface: u32) -> Result<Facts, Cause> {
        let facts = *self
            .facts
            .get(interface as usize)
            .ok_or(Cause::NoInterface(interface, self.facts.len()))?;
        if u32::from(facts.link_type) != LINKTYPE_ETHERNET {
            return Err(Cause::LinkType(facts.link_type.into()));
        }
        Ok(facts)
    }

    /// Iterates over the options from an octet of a block's body on, up to `opt_endofopt` or the end of
    /// the block, as (code, where the value is in the body, value).
    fn options<'a>(
        &self,
        body: &'a [u8],
        from: usize,
    ) -> impl Iterator<Item = Result<(u16, usize, &'a [u8]), Cause>> + use<'a> {
        let word = self.word;
        let mut rest = &body[from..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            if rest.len() < 4 {
                rest = &[];
                return Some(Err(Cause::BlockTooShort("options")));
            }
            let (code, length) = (word.u16(rest), usize::from(word.u16(&rest[2..])));
            if code == 0 {
                return None;
            }
            let Some(value) = rest.get(4..4 + length) else {
                rest = &[];
                return Some(Err(Cause::BlockTooShort("options")));
            };
            let at = body.len() - rest.len() + 4;
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or(&[]);
            Some(Ok((code, at, value)))
        })
    }
}
