//! IGMP in IPv4 frames to group addresses: versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376).
//!
//! [`inspect`] is what a snooping bridge checks before it believes a frame (`ip_mc_check_igmp`): the
//! kernel drops every frame for which it gives an error, data with a bad IPv4 header included. It
//! looks at neither the TTL nor the router alert option, although RFC 4541 would have it do so.

use std::net::Ipv4Addr;
use std::time::Duration;

use etherparse::Ipv4HeaderSlice;
use etherparse::checksum::Sum16BitWords;

use super::membership::{
    Claim, Content, Inspected, MAX_CLAIM_FRAME, MAX_QUERY_FRAME, MAX_QUERY_SOURCES, Message, Query,
    Records, Width, field16,
};
use super::{ETHERNET_HEADER, MacAddr};

/// EtherType of IPv4.
pub const ETHER_TYPE_IPV4: u16 = 0x0800;
/// 224.0.0.1: every host on the link.
pub const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

const ALL_PIM_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 13);
/// 224.0.0.106: every switch that snoops (RFC 4286).
pub const ALL_SNOOPERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 106);
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const ALL_V3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const PROTOCOL_IGMP: u8 = 2;
const PROTOCOL_PIM: u8 = 103;
const PIM_V2_HELLO: u8 = 0x20;
const TYPE_QUERY: u8 = 0x11;
const TYPE_REPORT_V1: u8 = 0x12;
const TYPE_REPORT_V2: u8 = 0x16;
const TYPE_LEAVE: u8 = 0x17;
const TYPE_REPORT_V3: u8 = 0x22;
const TYPE_ROUTER_ADVERTISEMENT: u8 = 0x30;
/// Octets of an IGMP message of versions 1 and 2, and of what version 3 puts before its records.
const SHORT: usize = 8;
/// Octets of a version 3 query without sources.
const QUERY_V3: usize = 12;
/// The unit of the response time.
const TENTH: Duration = Duration::from_millis(100);

/// Why a snooping bridge drops an IPv4 frame to a group address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgmpError {
    /// Too short for its header, not version 4, or a header length below 20 octets.
    #[error("the IPv4 header is cut off or malformed")]
    Header,
    /// The header's checksum is wrong.
    #[error("the checksum of the IPv4 header is wrong")]
    HeaderChecksum,
    /// The total length is less than the header's or more than what is there.
    #[error("the IPv4 total length says {total}, and {present} octets are there")]
    Length {
        /// The total length field.
        total: u16,
        /// Octets from the beginning of the header to the end of the frame.
        present: usize,
    },
    /// Fewer than eight octets of IGMP.
    #[error("the IGMP message has {0} octets, fewer than 8")]
    Short(usize),
    /// The checksum of the IGMP message is wrong.
    #[error("the checksum of the IGMP message is wrong")]
    Checksum,
    /// A query of 9, 10 or 11 octets.
    #[error("a query of {0} octets is of no version")]
    QueryLength(usize),
    /// A general query to another address than 224.0.0.1.
    #[error("a general query to {0}, not to 224.0.0.1")]
    QueryDestination(Ipv4Addr),
}

impl IgmpError {
    /// Whether the IPv4 header is at fault, of whatever the frame carries.
    #[must_use]
    pub const fn in_header(self) -> bool {
        matches!(
            self,
            Self::Header | Self::HeaderChecksum | Self::Length { .. }
        )
    }
}

/// Whether a group is one of 224.0.0.0/24, which is never snooped (`ipv4_is_local_multicast`).
#[must_use]
pub const fn is_local_group(group: Ipv4Addr) -> bool {
    matches!(group.octets(), [224, 0, 0, _])
}

/// Checks an IPv4 frame to a group address: `datagram` is everything behind the Ethernet header and tags.
///
/// # Errors
/// What a bridge does not forward; see [`IgmpError`].
pub fn inspect(datagram: &[u8]) -> Result<Inspected<'_>, IgmpError> {
    let header = Ipv4HeaderSlice::from_slice(datagram).map_err(|_| IgmpError::Header)?;
    if sum(header.slice()) != 0 {
        return Err(IgmpError::HeaderChecksum);
    }
    let length = IgmpError::Length {
        total: header.total_len(),
        present: datagram.len(),
    };
    let payload = datagram
        .get(header.slice().len()..usize::from(header.total_len()))
        .ok_or(length)?;
    let destination = header.destination_addr();
    let content = match header.protocol().0 {
        PROTOCOL_IGMP => message(payload, destination)?,
        PROTOCOL_PIM if destination == ALL_PIM_ROUTERS => {
            // The kernel reads the PIM header even beyond the datagram's end, as long as octets are there.
            let behind = &datagram[header.slice().len()..];
            match behind {
                [PIM_V2_HELLO, _, _, _, ..] => Content::Router,
                _ => Content::Data,
            }
        }
        _ => Content::Data,
    };
    Ok(Inspected {
        source: header.source_addr().into(),
        destination: destination.into(),
        content,
    })
}

fn message(igmp: &[u8], destination: Ipv4Addr) -> Result<Content<'_>, IgmpError> {
    let [kind, code, _, _, a, b, c, d, ..] = *igmp else {
        return Err(IgmpError::Short(igmp.len()));
    };
    if sum(igmp) != 0 {
        return Err(IgmpError::Checksum);
    }
    let group = Ipv4Addr::new(a, b, c, d);
    let message = match kind {
        TYPE_QUERY => Message::Query(query(igmp, code, group, destination)?),
        TYPE_REPORT_V1 | TYPE_REPORT_V2 => Message::Report {
            group: group.into(),
        },
        TYPE_LEAVE => Message::Leave {
            group: group.into(),
        },
        TYPE_REPORT_V3 => {
            Message::Records(Records::new(&igmp[SHORT..], Width::V4, field16(igmp, 6)))
        }
        TYPE_ROUTER_ADVERTISEMENT if destination == ALL_SNOOPERS => return Ok(Content::Router),
        _ => return Ok(Content::Data),
    };
    Ok(Content::Membership(message))
}

fn query(
    igmp: &[u8],
    code: u8,
    group: Ipv4Addr,
    destination: Ipv4Addr,
) -> Result<Query, IgmpError> {
    let with_sources = match igmp.len() {
        SHORT => false,
        QUERY_V3.. => true,
        other => return Err(IgmpError::QueryLength(other)),
    };
    if group.is_unspecified() && destination != ALL_HOSTS {
        return Err(IgmpError::QueryDestination(destination));
    }
    Ok(Query {
        group: group.into(),
        max_response: TENTH
            * if with_sources {
                exponential(code)
            } else {
                u32::from(code)
            },
        with_sources,
        suppress: with_sources && igmp[8] & 0x08 != 0,
        sources: if with_sources { field16(igmp, 10) } else { 0 },
        robustness: if with_sources { igmp[8] & 0x07 } else { 0 },
        interval: match with_sources {
            true => Duration::from_secs(exponential(igmp[9]).into()),
            false => Duration::ZERO,
        },
    })
}

/// Decodes a version 3 time: 1 eee mmmm from 128 on (RFC 3376 4.1.1).
fn exponential(code: u8) -> u32 {
    if code < 0x80 {
        u32::from(code)
    } else {
        u32::from(code & 0x0f | 0x10) << (u32::from(code >> 4 & 0x07) + 3)
    }
}

/// What is needed to ask in IGMPv2 or IGMPv3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IgmpQuery<'a> {
    /// The group asked for; 0.0.0.0 in a general query.
    pub group: Ipv4Addr,
    /// How long hosts may take to answer; on the wire in tenths of a second, modulo 256.
    pub max_response: Duration,
    /// What IGMPv3 adds; `None` makes a version 2 query.
    pub version_3: Option<QueryDetails<'a, Ipv4Addr>>,
}

/// What IGMPv3 and MLDv2 add to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryDetails<'a, A> {
    /// Suppress router-side processing.
    pub suppress: bool,
    /// The querier's query interval; on the wire in seconds, modulo 256.
    pub interval: Duration,
    /// The sources asked for; those beyond [`MAX_QUERY_SOURCES`] are left out.
    pub sources: &'a [A],
}

impl IgmpQuery<'_> {
    /// Writes the whole frame, as the kernel sends it (`br_ip4_multicast_alloc_query`): no padding, TTL 1,
    /// don't fragment, precedence internetwork control, router alert.
    #[allow(clippy::cast_possible_truncation)] // the modulo that the fields' documentation speaks of
    pub fn encode<'b>(
        &self,
        source_mac: MacAddr,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        buffer: &'b mut [u8; MAX_QUERY_FRAME],
    ) -> &'b [u8] {
        let mut end = IGMP + SHORT;
        buffer[IGMP..end].fill(0);
        buffer[IGMP] = TYPE_QUERY;
        buffer[IGMP + 1] = (self.max_response.as_millis() / TENTH.as_millis()) as u8;
        buffer[IGMP + 4..IGMP + 8].copy_from_slice(&self.group.octets());
        if let Some(details) = self.version_3 {
            let sources = details.sources.iter().take(MAX_QUERY_SOURCES);
            buffer[end] = u8::from(details.suppress) << 3 | ROBUSTNESS;
            buffer[end + 1] = details.interval.as_secs() as u8;
            buffer[end + 2..end + 4].copy_from_slice(&(sources.len() as u16).to_be_bytes());
            end += 4;
            for source in sources {
                buffer[end..end + 4].copy_from_slice(&source.octets());
                end += 4;
            }
        }
        finish(buffer, end, source_mac, source, destination);
        &buffer[..end]
    }
}

impl Claim {
    /// Writes the whole frame of a claim to a group, as the kernel's hosts send it (`igmp_send_report`,
    /// `igmpv3_newpack`).
    pub fn encode_igmp(
        self,
        source_mac: MacAddr,
        source: Ipv4Addr,
        group: Ipv4Addr,
        buffer: &mut [u8; MAX_CLAIM_FRAME],
    ) -> &[u8] {
        let mut end = IGMP + SHORT;
        buffer[IGMP..].fill(0);
        buffer[IGMP + 4..end].copy_from_slice(&group.octets());
        let (kind, destination) = match self {
            Self::ReportV1 => (TYPE_REPORT_V1, group),
            Self::Report => (TYPE_REPORT_V2, group),
            Self::Leave => (TYPE_LEAVE, ALL_ROUTERS),
            Self::Record(record) => {
                buffer[IGMP + 4..end].copy_from_slice(&[0, 0, 0, 1]);
                buffer[end] = record as u8;
                buffer[end + 4..end + 8].copy_from_slice(&group.octets());
                end += 8;
                (TYPE_REPORT_V3, ALL_V3_ROUTERS)
            }
        };
        buffer[IGMP] = kind;
        finish(buffer, end, source_mac, source, destination);
        &buffer[..end]
    }
}

/// Where the IP header begins in frames of ours, and the IGMP message behind its one option.
const IP: usize = ETHERNET_HEADER;
const IGMP: usize = IP + 24;

/// Writes all that is before a message of IGMP, and its checksum.
#[allow(clippy::cast_possible_truncation)] // far below 65,536
fn finish(
    buffer: &mut [u8],
    end: usize,
    source_mac: MacAddr,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) {
    buffer[..6].copy_from_slice(&MacAddr::of_ipv4_group(destination).octets());
    buffer[6..12].copy_from_slice(&source_mac.octets());
    buffer[12..14].copy_from_slice(&ETHER_TYPE_IPV4.to_be_bytes());
    let checksum = sum(&buffer[IGMP..end]).to_ne_bytes();
    buffer[IGMP + 2..IGMP + 4].copy_from_slice(&checksum);
    let total = (end - IP) as u16;
    let [high, low] = total.to_be_bytes();
    buffer[IP..IP + 12].copy_from_slice(&[
        0x46,
        0xc0,
        high,
        low,
        0,
        0,
        0x40,
        0,
        1,
        PROTOCOL_IGMP,
        0,
        0,
    ]);
    buffer[IP + 12..IP + 16].copy_from_slice(&source.octets());
    buffer[IP + 16..IP + 20].copy_from_slice(&destination.octets());
    buffer[IP + 20..IGMP].copy_from_slice(&[0x94, 4, 0, 0]);
    let checksum = sum(&buffer[IP..IGMP]).to_ne_bytes();
    buffer[IP + 10..IP + 12].copy_from_slice(&checksum);
}

/// The querier's robustness variable, which the kernel does not let anybody choose.
pub(super) const ROBUSTNESS: u8 = 2;

/// The Internet checksum, ready to be compared with 0 or to be written in memory order.
fn sum(octets: &[u8]) -> u16 {
    Sum16BitWords::new().add_slice(octets).ones_complement()
}

#[cfg(test)]
#[path = "igmp_tests.rs"]
mod tests;
