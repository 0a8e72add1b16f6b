//! Bridge protocol data units: what spanning trees say to each other (IEEE 802.1D-1998 and -2004, clause 9).
//!
//! A BPDU travels as an IEEE 802.3 frame with LLC header 42 42 03, unpadded as Linux sends it:
//!
//! ```text
//! octets      6            6        2         3           4, 35 or 36
//!        destination    source   length   42 42 03   protocol 0, version 0 or 2, type, …
//! ```
//!
//! Times are [`Duration`]s; the 1/256 s of the wire exists only in this file. One such tick is
//! 3,906,250 ns, so decoding loses nothing and encoding rounds down, as the kernel does.
//!
//! Reading is in two steps because bridges look at a port's BPDU guard between them
//! (`br_stp_rcv`). What Linux's classic spanning tree listens to is [`Pdu::parse`], everything up to the
//! protocol version, and then [`Pdu::message`]. A bridge that speaks RSTP uses [`Pdu::parse_any_version`]
//! and [`Pdu::rapid_message`], which follow 802.1D-2004 9.3.4.

use std::fmt;
use std::time::Duration;

use super::{ETHERNET_HEADER, Ethernet, MacAddr, TAG_LEN, is_tag_type};

/// Octets of an RST BPDU's frame, the longest there is.
pub const MAX_BPDU_FRAME: usize = ETHERNET_HEADER + LLC.len() + RAPID_LEN;

/// The unit of time on the wire: 1/256 s.
pub const BPDU_TICK: Duration = Duration::from_nanos(1_000_000_000 / 256);

/// LLC: both service access points "bridge spanning tree", unnumbered information.
const LLC: [u8; 3] = [0x42, 0x42, 0x03];
const CONFIG_LEN: usize = 35;
/// As a Configuration BPDU, and the length of the version 1 information, which is 0.
const RAPID_LEN: usize = CONFIG_LEN + 1;
const HEADER_LEN: usize = 4;
const VERSION_RAPID: u8 = 2;
const TYPE_CONFIG: u8 = 0;
const TYPE_RAPID: u8 = 0x02;
const TYPE_TOPOLOGY_CHANGE: u8 = 0x80;
const FLAG_TOPOLOGY_CHANGE: u8 = 0x01;
const FLAG_PROPOSAL: u8 = 0x02;
const FLAG_LEARNING: u8 = 0x10;
const FLAG_FORWARDING: u8 = 0x20;
const FLAG_AGREEMENT: u8 = 0x40;
const FLAG_TOPOLOGY_CHANGE_ACK: u8 = 0x80;
/// Two bits of the flags are the role of the sender's port.
const ROLE_SHIFT: u32 = 2;
const ROLE_MASK: u8 = 3;
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

/// What an RST BPDU says of the port that sent it (802.1D-2004 9.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RapidRole {
    /// Not said: the BPDU counts as a Configuration BPDU.
    Unknown,
    /// Alternate or backup port.
    Blocked,
    /// Root port.
    Root,
    /// Designated port.
    Designated,
}

/// The content of an RST BPDU (802.1D-2004 9.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rapid {
    /// What a Configuration BPDU says, too. (The acknowledgment is never set by RSTP.)
    pub config: Config,
    /// The sending port's role.
    pub role: RapidRole,
    /// A designated port asks to forward at once.
    pub proposal: bool,
    /// The port learns.
    pub learning: bool,
    /// The port forwards.
    pub forwarding: bool,
    /// The answer to a proposal: go ahead.
    pub agreement: bool,
}

/// One BPDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bpdu {
    /// Configuration BPDU.
    Config(Config),
    /// RST BPDU.
    Rapid(Rapid),
    /// Topology Change Notification BPDU.
    TopologyChange,
}

/// Why a frame is not a BPDU that a bridge listens to.
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
    /// The version is not 0, the only one that classic STP on Linux knows. No reason for RSTP.
    #[error("protocol version {0}, not 0")]
    Version(u8),
    /// Neither Configuration (0) nor Topology Change Notification (0x80), nor, where that is spoken, RST (2).
    #[error("BPDU type {0:#04x}, which is not known here")]
    Type(u8),
    /// It ends before its last field.
    #[error("{len} octets of BPDU, at least {need} expected")]
    Short {
        /// Octets there are.
        len: usize,
        /// Octets there must be.
        need: usize,
    },
    /// Older than its own maximum, or, for the standard though not for Linux, exactly as old (9.3.4).
    #[error("message age {age:?} for a max age of {max:?}")]
    TooOld {
        /// Message Age.
        age: Duration,
        /// Max Age.
        max: Duration,
    },
    /// Sent by the very port that it came in by: the cable leads back.
    #[error("it was sent by the port that received it")]
    LoopedBack,
}

/// A frame of the spanning tree protocol whose message has not been looked at.
#[derive(Clone, Copy, Debug)]
pub struct Pdu<'a> {
    /// The frame's destination address.
    pub destination: MacAddr,
    /// From the protocol identifier on, without padding.
    octets: &'a [u8],
}

impl<'a> Pdu<'a> {
    /// Checks LLC header, protocol identifier and version of a frame, as Linux does.
    ///
    /// # Errors
    /// What [`Self::parse_any_version`] says, and [`BpduError::Version`] if that is not 0.
    pub fn parse(frame: &'a [u8]) -> Result<Self, BpduError> {
        let pdu = Self::parse_any_version(frame)?;
        match pdu.octets[2] {
            0 => Ok(pdu),
            version => Err(BpduError::Version(version)),
        }
    }

    /// Checks LLC header and protocol identifier of a frame.
    ///
    /// # Errors
    /// [`BpduError::Runt`], [`BpduError::Tagged`], [`BpduError::EtherType`], [`BpduError::Length`],
    /// [`BpduError::Llc`], [`BpduError::Short`], [`BpduError::Protocol`].
    pub fn parse_any_version(frame: &'a [u8]) -> Result<Self, BpduError> {
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
        let &[p, q, _version, _type, ..] = octets else {
            return Err(BpduError::Short {
                len: octets.len(),
                need: HEADER_LEN,
            });
        };
        match u16::from_be_bytes([p, q]) {
            0 => Ok(Self {
                destination: header.destination(),
                octets,
            }),
            protocol => Err(BpduError::Protocol(protocol)),
        }
    }

    /// Reads the message as Linux does.
    ///
    /// # Errors
    /// [`BpduError::Type`], [`BpduError::Short`], [`BpduError::TooOld`].
    pub fn message(&self) -> Result<Bpdu, BpduError> {
        match self.octets[3] {
            TYPE_CONFIG => {
                let config = Config::parse(self.octets)?;
                config.check_age(config.message_age <= config.max_age)?;
                Ok(Bpdu::Config(config))
            }
            TYPE_TOPOLOGY_CHANGE => Ok(Bpdu::TopologyChange),
            other => Err(BpduError::Type(other)),
        }
    }

    /// Reads the message as 802.1D-2004 9.3.4 says, for the port `receiver`. Whether the tree reaches too
    /// far is checked here for Configuration BPDUs only; for RST BPDUs the machine sees to it (17.21.23).
    ///
    /// The standard looks for BPDUs that come back (9.3.4 a) among Configuration BPDUs only; here RST BPDUs
    /// are searched, too.
    ///
    /// # Errors
    /// [`BpduError::Type`], [`BpduError::Short`], [`BpduError::TooOld`], [`BpduError::LoopedBack`].
    pub fn rapid_message(&self, receiver: (BridgeId, PortId)) -> Result<Bpdu, BpduError> {
        let check_loop = |config: &Config| match (config.bridge, config.port) == receiver {
            true => Err(BpduError::LoopedBack),
            false => Ok(()),
        };
        match self.octets[3] {
            TYPE_CONFIG => {
                let config = Config::parse(self.octets)?;
                config.check_age(config.message_age < config.max_age)?;
                check_loop(&config)?;
                Ok(Bpdu::Config(config))
            }
            TYPE_RAPID => {
                let rapid = Rapid::parse(self.octets)?;
                check_loop(&rapid.config)?;
                Ok(Bpdu::Rapid(rapid))
            }
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
        Ok(Self {
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
        })
    }

    const fn check_age(&self, young: bool) -> Result<(), BpduError> {
        if young {
            return Ok(());
        }
        Err(BpduError::TooOld {
            age: self.message_age,
            max: self.max_age,
        })
    }

    /// Writes all but what tells an RST BPDU from this one, which is zero.
    fn write(&self, out: &mut [u8; RAPID_LEN]) {
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

impl Rapid {
    fn parse(octets: &[u8]) -> Result<Self, BpduError> {
        if octets.len() < RAPID_LEN {
            return Err(BpduError::Short {
                len: octets.len(),
                need: RAPID_LEN,
            });
        }
        let flags = octets[4];
        Ok(Self {
            config: Config::parse(octets)?,
            role: match flags >> ROLE_SHIFT & ROLE_MASK {
                0 => RapidRole::Unknown,
                1 => RapidRole::Blocked,
                2 => RapidRole::Root,
                _ => RapidRole::Designated,
            },
            proposal: flags & FLAG_PROPOSAL != 0,
            learning: flags & FLAG_LEARNING != 0,
            forwarding: flags & FLAG_FORWARDING != 0,
            agreement: flags & FLAG_AGREEMENT != 0,
        })
    }

    fn write(&self, out: &mut [u8; RAPID_LEN]) {
        self.config.write(out);
        out[2] = VERSION_RAPID;
        out[3] = TYPE_RAPID;
        let role: u8 = match self.role {
            RapidRole::Unknown => 0,
            RapidRole::Blocked => 1,
            RapidRole::Root => 2,
            RapidRole::Designated => 3,
        };
        out[4] |= role << ROLE_SHIFT;
        for (set, flag) in [
            (self.proposal, FLAG_PROPOSAL),
            (self.learning, FLAG_LEARNING),
            (self.forwarding, FLAG_FORWARDING),
            (self.agreement, FLAG_AGREEMENT),
        ] {
            if set {
                out[4] |= flag;
            }
        }
    }
}

impl Bpdu {
    /// Reads a whole frame as Linux does: [`Pdu::parse`], then [`Pdu::message`].
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
        let mut body = [0; RAPID_LEN];
        let body = match self {
            Self::Config(config) => {
                config.write(&mut body);
                &body[..CONFIG_LEN]
            }
            Self::Rapid(rapid) => {
                rapid.write(&mut body);
                &body[..]
            }
            Self::TopologyChange => {
                body[3] = TYPE_TOPOLOGY_CHANGE;
                &body[..HEADER_LEN]
            }
        };
        // At most 39, so the first octet of the length is 0.
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

impl PortId {
    /// Returns the port's number as 802.1D-2004 9.2.7 divides the identifier: the lower 12 bits.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0 & 0x0fff
    }
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
