//! Captures out: one pcapng for everything, or a pair of classic pcap files per attachment.
//!
//! Both go through `pcap-file`'s writers. Version 2.0 lacks two things, supplied here: it has no
//! `epb_packetid` and no public way to write an option it does not know, so the body of an Enhanced
//! Packet Block is laid out here and handed over as a raw block; and it writes the times of an
//! Interface Statistics Block as one number, where the format wants the high word first.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::{ENHANCED_PACKET_BLOCK, RawBlock};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

use super::Direction;
use crate::switch::PacketType;
use crate::wire::MacAddr;

/// Comments that one frame may have; more are replaced by one that counts them.
pub const MAX_COMMENTS: usize = 64;

/// Octets of a block's type, length and length again.
const FRAMING: usize = 12;

/// Codes of the options of an Enhanced Packet Block.
struct Opt;

impl Opt {
    const END: u16 = 0;
    const COMMENT: u16 = 1;
    const FLAGS: u16 = 2;
    const PACKET_ID: u16 = 5;
}

/// The snap length that files announce: [`MAX_FRAME`](super::MAX_FRAME).
const SNAP_LENGTH: u32 = 262_144;
const _: () = assert!(SNAP_LENGTH as usize == super::MAX_FRAME);

/// What a capture tells about an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// `if_name`.
    pub name: &'a str,
    /// `if_description`.
    pub description: &'a str,
    /// `if_MACaddr`.
    pub mac: MacAddr,
}

/// One frame to write.
#[derive(Clone, Copy, Debug)]
pub struct WrittenFrame<'a> {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// The interface, by the number that [`PcapngSink::add`] gave.
    pub interface: u32,
    /// Which way it goes.
    pub direction: Direction,
    /// For whom it is.
    pub kind: PacketType,
    /// `epb_packetid`: the same for a frame and all its copies.
    pub id: u64,
    /// The frame.
    pub octets: &'a [u8],
}

/// An interface's final counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// First time of the capture, in nanoseconds since 1970.
    pub start: u64,
    /// Last time of the capture, in nanoseconds since 1970.
    pub end: u64,
    /// `isb_ifrecv`: frames that came in.
    pub received: u64,
    /// `isb_ifdrop`: those of them that were dropped.
    pub dropped: u64,
    /// `isb_usrdeliv`: copies that went out.
    pub delivered: u64,
}

/// Writes a pcapng, little-endian on every machine, with nanosecond times.
pub struct PcapngSink<W: Write> {
    writer: PcapNgWriter<W>,
    interfaces: u32,
    /// The body of the block being written; reused, so that a frame allocates nothing.
    body: Vec<u8>,
}

impl<W: Write> PcapngSink<W> {
    /// Writes the section header.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(output: W) -> io::Result<Self> {
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(
                concat!("tapswitch ", env!("CARGO_PKG_VERSION")).into(),
            )],
            ..SectionHeaderBlock::default()
        };
        let writer = PcapNgWriter::with_section_header(output, section).map_err(into_io)?;
        Ok(Self {
            writer,
            interfaces: 0,
            body: Vec::new(),
        })
    }

    /// Describes one more interface and returns its number.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn add(&mut self, endpoint: &Endpoint<'_>) -> io::Result<u32> {
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: SNAP_LENGTH,
            options: vec![
                InterfaceDescriptionOption::IfName(endpoint.name.to_owned().into()),
                InterfaceDescriptionOption::IfDescription(endpoint.description.to_owned().into()),
                InterfaceDescriptionOption::IfMacAddr(endpoint.mac.octets().to_vec().into()),
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        self.writer.write_pcapng_block(block).map_err(into_io)?;
        let number = self.interfaces;
        self.interfaces += 1;
        Ok(number)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, frame: &WrittenFrame<'_>, comments: &[String]) -> io::Result<()> {
        let direction = match frame.direction {
            Direction::Inbound => 0b01,
            Direction::Outbound => 0b10,
        };
        let reception = match frame.kind {
            PacketType::Host => 1,
            PacketType::Multicast => 2,
            PacketType::Broadcast => 3,
            PacketType::OtherHost => 4,
        };
        let flags: u32 = reception << 2 | direction;
        let length = length(frame.octets);
        let [a, b, c, d, e, f, g, h] = frame.time.to_le_bytes();
        self.body.clear();
        self.body.extend_from_slice(&frame.interface.to_le_bytes());
        // High word first.
        self.body.extend_from_slice(&[e, f, g, h, a, b, c, d]);
        self.body.extend_from_slice(&length.to_le_bytes());
        self.body.extend_from_slice(&length.to_le_bytes());
        self.body.extend_from_slice(frame.octets);
        self.pad();
        self.option(Opt::FLAGS, &flags.to_le_bytes());
        self.option(Opt::PACKET_ID, &frame.id.to_le_bytes());
        for comment in comments.iter().take(MAX_COMMENTS) {
            self.option(Opt::COMMENT, comment.as_bytes());
        }
        if comments.len() > MAX_COMMENTS {
            let comment = format!("and {} more", comments.len() - MAX_COMMENTS);
            self.option(Opt::COMMENT, comment.as_bytes());
        }
        self.option(Opt::END, &[]);
        let total = u32::try_from(self.body.len() + FRAMING).map_err(io::Error::other)?;
        let block = RawBlock {
            type_: ENHANCED_PACKET_BLOCK,
            initial_len: total,
            body: Cow::Borrowed(&self.body),
            trailer_len: total,
        };
        self.writer.write_raw_block(&block).map_err(into_io)?;
        Ok(())
    }

    /// Appends an option to the body; a text beyond 65,535 octets is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.body.extend_from_slice(&code.to_le_bytes());
        self.body.extend_from_slice(&length.to_le_bytes());
        self.body.extend_from_slice(&value[..length.into()]);
        self.pad();
    }

    /// Fills the body up to a multiple of 4 octets.
    fn pad(&mut self) {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    /// Writes an interface's final counts.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn statistics(&mut self, interface: u32, stats: &Stats) -> io::Result<()> {
        // High word first, each in the section's byte order.
        let words = |time: u64| time.rotate_left(32);
        let block = InterfaceStatisticsBlock {
            interface_id: interface,
            timestamp: words(stats.end),
            options: vec![
                InterfaceStatisticsOption::IsbStartTime(words(stats.start)),
                InterfaceStatisticsOption::IsbEndTime(words(stats.end)),
                InterfaceStatisticsOption::IsbIfRecv(stats.received),
                InterfaceStatisticsOption::IsbIfDrop(stats.dropped),
                InterfaceStatisticsOption::IsbUsrDeliv(stats.delivered),
            ],
        };
        self.writer.write_pcapng_block(block).map_err(into_io)?;
        Ok(())
    }

    /// Returns the output, not flushed.
    pub fn into_inner(self) -> W {
        self.writer.into_inner()
    }
}

impl<W: Write> std::fmt::Debug for PcapngSink<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcapngSink")
            .field("interfaces", &self.interfaces)
            .finish_non_exhaustive()
    }
}

/// Writes a classic pcap, little-endian on every machine, with nanosecond times.
#[derive(Debug)]
pub struct PcapSink<W: Write> {
    writer: PcapWriter<W>,
}

impl<W: Write> PcapSink<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(output: W) -> io::Result<Self> {
        let header = PcapHeader {
            snaplen: SNAP_LENGTH,
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(output, header).map_err(into_io)?;
        Ok(Self { writer })
    }

    /// Writes a frame. `time` is in nanoseconds since 1970.
    ///
    /// # Errors
    /// The output cannot be written, or the time is after the year 2106, where the format ends.
    pub fn write(&mut self, time: u64, octets: &[u8]) -> io::Result<()> {
        let packet = PcapPacket::new(Duration::from_nanos(time), length(octets), octets);
        self.writer.write_packet(&packet).map_err(into_io)?;
        Ok(())
    }

    /// Returns the output, not flushed.
    pub fn into_inner(self) -> W {
        self.writer.into_writer()
    }
}

/// Frames come from captures, whose frames are far below 4 GiB, or are BPDUs.
fn length(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).unwrap_or(u32::MAX)
}

/// Gives back what the operating system said; anything else is about the octets written.
fn into_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
