//! Bridge protocol data units: what spanning trees say to each other (IEEE 802.1D-1998 clause 9).
//!
//! A BPDU travels as an IEEE 802.3 frame with LLC header 42 42 03, unpadded as Linux sends it:
//!
//! ```text
//! octets      6            6        2         3           4 or 35
//!        destination    source   length   42 42 03   protocol 0, version 0, type, …
//! ```
//!
//! Times are [`Duration`]s; the 1/256 s of the wire exists only in this file. One such tick is
//! 3,906,250 ns, so decoding loses nothing and encoding rounds down, as the kernel does.
//!
//! Reading is in two steps because Linux looks at a port's `guard` between them
//! (`br_stp_rcv`): [`Pdu::parse`] checks everything up to the protocol version,
//! [`Pdu::message`] the rest.

use std::fmt;
use std::time::Duration;

use super::{ETHERNET_HEADER, Ethernet, MacAddr, TAG_LEN, is_tag_type};

/// Octets of a Configuration BPDU's frame, the longest there is.
pub const MAX_BPDU_FRAME: usize = ETHERNET_HEADER + LLC.len() + CONFIG_LEN;

/// The unit of time on the wire: 1/256 s.
pub const BPDU_TICK: Duration = Duration::from_nanos(1_000_000_000 / 256);

/// LLC: both service access points "bridge spanning tree", unnumbered information.
const LLC: [u8; 3] = [0x42, 0x42, 0x03];
const CONFIG_LEN: usize = 35;
const HEADER_LEN: usize = 4;
const TYPE_CONFIG: u8 = 0;
const TYPE_TOPOLOGY_CHANGE: u8 = 0x80;
const FLAG_TOPOLOGY_CHANGE: u8 = 0x01;
const FLAG_TOPOLOGY_CHANGE_ACK: u8 = 0x80;
/// The smallest EtherType; below it the field is a length (`eth_proto_is_802_3`).
const MIN_ETHER_TYPE: u16 = 0x600;
/// The VLAN identifier in a tag; the rest is priority.
const VID_MASK: u16 = 0x0fff;

/// A bridge's identifier: lower is better, priority before address (802.1D-1998 9.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgeId {
    /// `priority` of the bridge.
    pub priority: u16,
    /// The bridge's address.
    pub address: MacAddr,
}

/// A port's identifier: lower is better, priority before number (802.1D-1998 9.2.7).
///
/// Linux divides the 16 bits into 6 of priority and 10 of number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u16);

/// The content of a Configuration BPDU (802.1D-1998 9.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The topology is changing: age the filtering database quickly.
    pub topology_change: bool,
    /// The sender has heard the receiver's topology change notification.
    pub topology_change_ack: bool,
    /// The root, as far as the sender knows.
    pub root: BridgeId,
    /// The sender's distance from it.
    pub root_path_cost: u32,
    /// The sender.
    pub bridge: BridgeId,
    /// The port it was sent by.
    pub port: PortId,
    /// Age of the information, counted from the root.
    pub message_age: Duration,
    /// Age at which it is worthless.
    pub max_age: Duration,
    /// The root's time between two of these.
    pub hello_time: Duration,
    /// The root's time in listening, and again in learning.
    pub forward_delay: Duration,
}

/// One BPDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bpdu {
    /// Configuration BPDU.
    Config(Config),
    /// Topology Change Notification BPDU.
    TopologyChange,
}

/// Why a frame is not a BPDU that a Linux bridge listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BpduError {
    /// The frame ends in its header, or in a tag.
    #[error("the frame ends before its length field")]
    Runt,
    /// It is tagged for a VLAN. (Tagged for priority only, it is accepted.)
    #[error("it is tagged for VLAN {0}, and BPDUs are not")]
    Tagged(u16),
    /// It has an EtherType, hence no LLC header.
    #[error("it has EtherType {0:#06x} where an IEEE 802.3 length is expected")]
    EtherType(u16),
    /// The length field is larger than what follows, or too small for an LLC header.
    #[error("its length field says {field}, and {present} octets follow")]
    Length {
        /// The length field.
        field: u16,
        /// Octets after it.
        present: usize,
    },
    /// Another LLC service access point, or a control field that is not unnumbered information.
    #[error("its LLC header is {0:02x?}, not 42 42 03")]
    Llc([u8; 3]),
    /// The protocol identifier is not 0.
    #[error("protocol identifier {0:#06x}, not 0")]
    Protocol(u16),
    /// The version is not 0: Linux speaks neither RSTP (2) nor MSTP (3).
    #[error("protocol version {0}, not 0")]
    Version(u8),
    /// Neither Configuration (0) nor Topology Change Notification (0x80).
    #[error("BPDU type {0:#04x}, neither 0x00 nor 0x80")]
    Type(u8),
    /// It ends before its last field.
    #[error("{len} octets of BPDU, at least {need} expected")]
    Short {
        /// Octets there are.
        len: usize,
        /// Octets there must be.
        need: usize,
    },
    /// Older than its own maximum. (802.1D-1998 9.3.4 also discards what is exactly as old.)
    #[error("message age {age:?} beyond max age {max:?}")]
    TooOld {
        /// Message Age.
        age: Duration,
        /// Max Age.
        max: Duration,
    },
}

/// A frame of the spanning tree protocol, version 0, whose message has not been looked at.
#[derive(Clone, Copy, Debug)]
pub struct Pdu<'a> {
    /// The frame's destination address.
    pub destination: MacAddr,
    /// From the protocol identifier on, without padding.
    octets: &'a [u8],
}

impl<'a> Pdu<'a> {
    /// Checks LLC header, protocol identifier and version of a frame.
    ///
    /// # Errors
    /// Everything in [`BpduError`] but [`BpduError::Type`] and [`BpduError::TooOld`].
    pub fn parse(frame: &'a [u8]) -> Result<Self, BpduError> {
        let header = Ethernet::parse(frame).map_err(|_| BpduError::Runt)?;
        let mut field = header.ether_type();
        let mut rest = &frame[ETHERNET_HEADER..];
        while is_tag_type(field) {
            let Some((&[a, b, c, d], after)) = rest.split_first_chunk::<TAG_LEN>() else {
                return Err(BpduError::Runt);
            };
            match u16::from_be_bytes([a, b]) & VID_MASK {
                0 => (field, rest) = (u16::from_be_bytes([c, d]), after),
                vid => return Err(BpduError::Tagged(vid)),
            }
        }
        if field >= MIN_ETHER_TYPE {
            return Err(BpduError::EtherType(field));
        }
        let Some((&llc, octets)) = rest
            .get(..usize::from(field))
            .and_then(<[u8]>::split_first_chunk)
        else {
            let present = rest.len();
            return Err(BpduError::Length { field, present });
        };
        if llc != LLC {
            return Err(BpduError::Llc(llc));
        }
        let &[p, q, version, _type, ..] = octets else {
            return Err(BpduError::Short {
                len: octets.len(),
                need: HEADER_LEN,
            });
        };
        match (u16::from_be_bytes([p, q]), version) {
            (0, 0) => Ok(Self {
                destination: header.destination(),
                octets,
            }),
            (0, version) => Err(BpduError::Version(version)),
            (protocol, _) => Err(BpduError::Protocol(protocol)),
        }
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`BpduError::Type`], [`BpduError::Short`], [`BpduError::TooOld`].
    pub fn message(&self) -> Result<Bpdu, BpduError> {
        match self.octets[3] {
            TYPE_CONFIG => Config::parse(self.octets).map(Bpdu::Config),
            TYPE_TOPOLOGY_CHANGE => Ok(Bpdu::TopologyChange),
            other => Err(BpduError::Type(other)),
        }
    }
}

impl Config {
    fn parse(octets: &[u8]) -> Result<Self, BpduError> {
        let Some(octets) = octets.first_chunk::<CONFIG_LEN>() else {
            return Err(BpduError::Short {
                len: octets.len(),
                need: CONFIG_LEN,
            });
        };
        let u16_at = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
        let id_at = |at: usize| BridgeId {
            priority: u16_at(at),
            address: MacAddr::new(std::array::from_fn(|i| octets[at + 2 + i])),
        };
        let time_at = |at: usize| BPDU_TICK * u32::from(u16_at(at));
        let config = Self {
            topology_change: octets[4] & FLAG_TOPOLOGY_CHANGE != 0,
            topology_change_ack: octets[4] & FLAG_TOPOLOGY_CHANGE_ACK != 0,
            root: id_at(5),
            root_path_cost: u32::from(u16_at(13)) << 16 | u32::from(u16_at(15)),
            bridge: id_at(17),
            port: PortId(u16_at(25)),
            message_age: time_at(27),
            max_age: time_at(29),
            hello_time: time_at(31),
            forward_delay: time_at(33),
        };
        if config.message_age > config.max_age {
            return Err(BpduError::TooOld {
                age: config.message_age,
                max: config.max_age,
            });
        }
        Ok(config)
    }

    fn write(&self, out: &mut [u8; CONFIG_LEN]) {
        let mut at = 0;
        let mut put = |octets: &[u8]| {
            out[at..at + octets.len()].copy_from_slice(octets);
            at += octets.len();
        };
        let mut flags = 0;
        if self.topology_change {
            flags |= FLAG_TOPOLOGY_CHANGE;
        }
        if self.topology_change_ack {
            flags |= FLAG_TOPOLOGY_CHANGE_ACK;
        }
        put(&[0, 0, 0, TYPE_CONFIG, flags]);
        put(&self.root.priority.to_be_bytes());
        put(&self.root.address.octets());
        put(&self.root_path_cost.to_be_bytes());
        put(&self.bridge.priority.to_be_bytes());
        put(&self.bridge.address.octets());
        put(&self.port.0.to_be_bytes());
        for time in [
            self.message_age,
            self.max_age,
            self.hello_time,
            self.forward_delay,
        ] {
            put(&ticks(time).to_be_bytes());
        }
    }
}

impl Bpdu {
    /// Reads a whole frame: [`Pdu::parse`], then [`Pdu::message`].
    ///
    /// # Errors
    /// Why the frame is not a BPDU for Linux.
    pub fn parse(frame: &[u8]) -> Result<Self, BpduError> {
        Pdu::parse(frame)?.message()
    }

    /// Writes the frame into `buffer` and returns the part of it that was used.
    pub fn encode<'b>(
        &self,
        destination: MacAddr,
        source: MacAddr,
        buffer: &'b mut [u8; MAX_BPDU_FRAME],
    ) -> &'b [u8] {
        const BODY: usize = ETHERNET_HEADER + LLC.len();
        let mut body = [0; CONFIG_LEN];
        let body = match self {
            Self::Config(config) => {
                config.write(&mut body);
                &body[..]
            }
            Self::TopologyChange => {
                body[3] = TYPE_TOPOLOGY_CHANGE;
                &body[..HEADER_LEN]
            }
        };
        // At most 38, so the first octet of the length is 0.
        let length = (LLC.len() + body.len()).to_be_bytes();
        buffer[..6].copy_from_slice(&destination.octets());
        buffer[6..12].copy_from_slice(&source.octets());
        buffer[12..14].copy_from_slice(&length[length.len() - 2..]);
        buffer[ETHERNET_HEADER..BODY].copy_from_slice(&LLC);
        buffer[BODY..BODY + body.len()].copy_from_slice(body);
        &buffer[..BODY + body.len()]
    }
}

/// Whole 1/256 s in a time, at most what 16 bits hold.
fn ticks(time: Duration) -> u16 {
    u16::try_from(time.as_nanos() / BPDU_TICK.as_nanos()).unwrap_or(u16::MAX)
}

impl fmt::Display for BridgeId {
    /// Prints `8000.2:0:0:0:0:b0`, as iproute2 does (`br_dump_bridge_id`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.address.octets();
        write!(
            f,
            "{:04x}.{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{g:x}",
            self.priority
        )
    }
}

impl fmt::Display for PortId {
    /// Prints `0x8001`, as iproute2 does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
#[path = "bpdu_tests.rs"]
mod tests;
