//! Captures: frames from files, and to files.
//!
//! [`CaptureReader`] streams a classic pcap or a pcapng file, whatever its byte order and time
//! resolution. [`PcapngSink`] and [`PcapSink`] write them.
//!
//! Promises of the reader: memory is bounded (one buffer of [`MAX_BLOCK`] octets, [`MAX_INTERFACES`]
//! interface descriptions), nothing panics whatever the octets are, a file that is cut short or
//! corrupt yields every frame before the fault and then a [`CaptureError`] that names file, byte
//! offset and cause. Times are nanoseconds since 1970 in a `u64` (until the year 2554).
//!
//! What is taken from the `pcap-file` crate, and what is not: classic pcap is parsed by its
//! `PcapParser` (raw packets; its checked ones refuse every snapped frame), and all output is written
//! by its writers. Its pcapng *reader* cannot be trusted with files from elsewhere: version 2.0
//! refuses every `if_tzone` option, options without a final `opt_endofopt`, and text that is not
//! UTF-8; takes obsolete Packet Blocks' time words in the wrong order; ignores `if_tsresol`; and says
//! "need more octets" for some malformed options, which its read buffer answers by reading on. So
//! blocks are read here (`pcapng.rs`), over the same bounded buffer (`source.rs`).
//!
//! Read first: the libpcap manual page pcap-savefile(5), then draft-ietf-opsawg-pcapng.

mod pcap;
mod pcapng;
mod source;
mod writer;

use std::borrow::Cow;
use std::io::Read;

use source::Source;
pub use writer::{Endpoint, MAX_COMMENTS, PcapSink, PcapngSink, Stats, WrittenFrame};

/// Octets of the longest frame that a capture may hold (libpcap's `MAXIMUM_SNAPLEN`).
pub const MAX_FRAME: usize = 262_144;

/// Octets of the longest pcapng block that is looked into; blocks of unknown types are skipped
/// whatever their length.
pub const MAX_BLOCK: usize = 1 << 20;

/// Interface descriptions that one section of a pcapng file may have.
pub const MAX_INTERFACES: usize = 65_536;

/// Link-layer header type of Ethernet, the only one that can be replayed.
const LINKTYPE_ETHERNET: u32 = 1;

/// What is wrong with a capture, and where.
#[derive(Debug, thiserror::Error)]
#[error("{file}: at byte {offset}: {cause}")]
pub struct CaptureError {
    /// The file's name as it was given.
    pub file: String,
    /// Octets of the file before the record, block or field that is wrong.
    pub offset: u64,
    /// What is wrong.
    pub cause: Cause,
}

/// What can be wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The operating system refused.
    #[error("cannot read: {0}")]
    Read(#[from] std::io::Error),
    /// The file ends inside something.
    #[error("the file is cut short: {what} needs {need} octets, {have} are left")]
    CutShort {
        /// What was begun.
        what: &'static str,
        /// Octets that it needs.
        need: u64,
        /// Octets that are there.
        have: u64,
    },
    /// Neither pcap nor pcapng.
    #[error("not a capture: starts with {0:02x?}, expected a pcap or pcapng magic number{1}")]
    NotACapture(Vec<u8>, &'static str),
    /// A version of pcap that nobody writes.
    #[error("pcap version {0}.{1}, expected 2.x")]
    PcapVersion(u16, u16),
    /// A version of pcapng from the future.
    #[error("pcapng version {0}.{1}, expected 1.x")]
    PcapngVersion(u16, u16),
    /// Not Ethernet.
    #[error("link type {0}{name}, expected 1 (Ethernet)", name = link_type_name(*.0))]
    LinkType(u32),
    /// More octets than any frame has.
    #[error("a frame of {0} octets, expected at most {MAX_FRAME}: the file is corrupt")]
    FrameTooLong(u64),
    /// A pcapng block with an impossible length.
    #[error(
        "block length {0}, expected a multiple of 4 from 12 on{limit}: the file is corrupt",
        limit = if *.0 as usize > MAX_BLOCK { format!(" to {MAX_BLOCK}") } else { String::new() }
    )]
    BlockLength(u32),
    /// The two lengths of a pcapng block differ.
    #[error(
        "the block says {first} octets at its start and {last} at its end: the file is corrupt"
    )]
    BlockTrailer {
        /// Length before the body.
        first: u32,
        /// Length after the body.
        last: u32,
    },
    /// A pcapng block is too short for its fields.
    #[error("the block is too short for its {0}: the file is corrupt")]
    BlockTooShort(&'static str),
    /// A section header without a byte-order magic number.
    #[error("byte-order magic {0:#010x}, expected 0x1a2b3c4d in either order: the file is corrupt")]
    ByteOrder(u32),
    /// A frame refers to an interface that was not described.
    #[error("a frame of interface {0}, but the section describes only {1} before it")]
    NoInterface(u32, usize),
    /// More interfaces than [`MAX_INTERFACES`].
    #[error("more than {MAX_INTERFACES} interfaces in one section")]
    TooManyInterfaces,
    /// A timestamp that is not a date between 1970 and 2554.
    #[error("a timestamp outside the years 1970 to 2554: the file is corrupt")]
    Time,
}

/// Returns what the link types that people come across are called, for an error message.
const fn link_type_name(link_type: u32) -> &'static str {
    match link_type {
        0 => " (BSD loopback)",
        9 => " (PPP)",
        101 => " (raw IP)",
        105 => " (IEEE 802.11)",
        113 => " (Linux cooked capture: record on one interface instead of \"any\")",
        127 => " (IEEE 802.11 with radiotap)",
        276 => " (Linux cooked capture v2: record on one interface instead of \"any\")",
        _ => "",
    }
}

/// Which way a frame went, as far as the capture says (`epb_flags` bits 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the interface.
    Inbound,
    /// Out of the interface.
    Outbound,
}

/// One frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was captured, in nanoseconds since 1970.
    pub time: u64,
    /// The interface, as an index into [`CaptureReader::interfaces`].
    pub interface: u32,
    /// Which way it went, if the capture says so.
    pub direction: Option<Direction>,
    /// Whether the capture kept only the start of the frame (snap length).
    pub snapped: bool,
    /// The frame without FCS, or what the capture kept of it.
    pub octets: &'a [u8],
}

/// An interface that a capture describes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `if_name`; classic pcap has none.
    pub name: Option<String>,
}

/// The record that was read last; its octets are in the source's buffer.
#[derive(Clone, Debug)]
struct Head {
    time: u64,
    interface: u32,
    direction: Option<Direction>,
    snapped: bool,
    /// Where the octets are, relative to the start of what the source holds.
    octets: std::ops::Range<usize>,
    /// Where its comments are, relative to the same.
    comments: Vec<std::ops::Range<usize>>,
    /// Octets of the whole record or block, which the next read leaves behind.
    consumed: usize,
}

/// A reader of one capture of either kind.
#[derive(Debug)]
pub struct CaptureReader {
    source: Source,
    format: Format,
    head: Option<Head>,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

impl CaptureReader {
    /// Reads the start of a capture. `file` is for error messages.
    ///
    /// # Errors
    /// Not a capture, or a classic one of a link type other than Ethernet.
    pub fn new(file: &str, input: Box<dyn Read>) -> Result<Self, CaptureError> {
        let mut source = Source::new(file, input);
        let format = match source.peek(4)? {
            [0x0a, 0x0d, 0x0d, 0x0a] => Format::Pcapng(pcapng::Pcapng::new()),
            [0xa1, 0xb2, 0xc3, 0xd4]
            | [0xd4, 0xc3, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0x3c, 0x4d]
            | [0x4d, 0x3c, 0xb2, 0xa1] => Format::Pcap(pcap::Pcap::open(&mut source)?),
            start => {
                let hint = match start {
                    [] => " (the file is empty)",
                    [0x1f, 0x8b, ..] => " (it is compressed with gzip: unpack it first)",
                    [0x28, 0xb5, 0x2f, 0xfd] => " (it is compressed with zstd: unpack it first)",
                    [0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1] => {
                        " (it is the \"modified\" pcap of old Linux patches: convert it with editcap)"
                    }
                    _ => "",
                };
                let cause = Cause::NotACapture(start.to_vec(), hint);
                return Err(source.error(cause));
            }
        };
        Ok(Self {
            source,
            format,
            head: None,
        })
    }

    /// Moves to the next frame and returns it; `None` at the end of the file. After an error there
    /// is nothing more to read.
    ///
    /// # Errors
    /// The file is cut short or corrupt, or cannot be read.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if let Some(head) = self.head.take() {
            self.source.consume(head.consumed);
        }
        self.head = match &mut self.format {
            Format::Pcap(pcap) => pcap.read(&mut self.source)?,
            Format::Pcapng(pcapng) => pcapng.read(&mut self.source)?,
        };
        Ok(self.record())
    }

    /// Returns the frame that [`Self::read`] moved to.
    #[must_use]
    pub fn record(&self) -> Option<Record<'_>> {
        self.head.as_ref().map(|head| Record {
            time: head.time,
            interface: head.interface,
            direction: head.direction,
            snapped: head.snapped,
            octets: &self.source.held()[head.octets.clone()],
        })
    }

    /// Returns the comments on the frame that [`Self::read`] moved to (`opt_comment`); octets that are not
    /// UTF-8 are replaced.
    pub fn comments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let ranges = self.head.iter().flat_map(|head| &head.comments);
        ranges.map(|range| String::from_utf8_lossy(&self.source.held()[range.clone()]))
    }

    /// Returns the interfaces described so far in the current section. May change after
    /// [`Self::read`]. A classic pcap has one, without a name.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        match &self.format {
            Format::Pcap(_) => &[Interface { name: None }],
            Format::Pcapng(pcapng) => pcapng.interfaces(),
        }
    }

    /// Returns how many sections have begun: when it changes, so do all interfaces.
    #[must_use]
    pub const fn section(&self) -> u64 {
        match &self.format {
            Format::Pcap(_) => 1,
            Format::Pcapng(pcapng) => pcapng.section(),
        }
    }

    /// Whether the file is a pcapng, which can name interfaces.
    #[must_use]
    pub const fn names_interfaces(&self) -> bool {
        matches!(self.format, Format::Pcapng(_))
    }

    /// Returns the file's name as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source.file()
    }
}

#[cfg(test)]
mod tests;
