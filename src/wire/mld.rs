//! MLD in IPv6 frames to group addresses: versions 1 and 2 (RFC 2710, RFC 3810).
//!
//! [`inspect`] is what a snooping bridge checks before it believes a frame (`ipv6_mc_check_mld`): the
//! kernel drops every frame for which it gives an error. Only ICMPv6 behind a hop-by-hop options
//! header can be MLD; what is in those options, and the hop limit, is not looked at.

use std::net::Ipv6Addr;
use std::time::Duration;

use etherparse::Ipv6HeaderSlice;
use etherparse::checksum::Sum16BitWords;

use super::igmp::{QueryDetails, ROBUSTNESS};
use super::membership::{
    Claim, Content, Inspected, MAX_CLAIM_FRAME, MAX_QUERY_FRAME, MAX_QUERY_SOURCES, Message, Query,
    Records, Width, field16,
};
use super::{ETHERNET_HEADER, MacAddr};

/// EtherType of IPv6.
pub const ETHER_TYPE_IPV6: u16 = 0x86dd;
/// ff02::1: every node on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// ff02::6a: every switch that snoops (RFC 4286).
pub const ALL_SNOOPERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x6a);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ALL_V2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const ICMPV6: u8 = 58;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION_OPTIONS: u8 = 60;
const TYPE_QUERY: u8 = 130;
const TYPE_REPORT_V1: u8 = 131;
const TYPE_DONE: u8 = 132;
const TYPE_REPORT_V2: u8 = 143;
const TYPE_ROUTER_ADVERTISEMENT: u8 = 151;
const HEADER: usize = 40;
const ICMP_HEADER: usize = 8;
/// Octets of a version 1 message; nothing shorter is taken for MLD.
const SHORT: usize = 24;
/// Octets of a version 2 query without sources.
const QUERY_V2: usize = 28;

/// Why a snooping bridge drops an IPv6 frame to a group address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MldError {
    /// Too short for its header, or not version 6.
    #[error("the IPv6 header is cut off or malformed")]
    Header,
    /// The payload length is zero, or more than what is there.
    #[error("the IPv6 payload length says {payload}, and {present} octets are there")]
    Length {
        /// The payload length field.
        payload: u16,
        /// Octets behind the header.
        present: usize,
    },
    /// The chain of extension headers, begun by hop-by-hop options, breaks off.
    #[error("the chain of IPv6 extension headers breaks off")]
    Extension,
    /// Fewer than eight octets of ICMPv6.
    #[error("the ICMPv6 message is shorter than its header")]
    Short,
    /// The checksum of the ICMPv6 message is wrong.
    #[error("the checksum of the ICMPv6 message is wrong")]
    Checksum,
    /// A query of 25, 26 or 27 octets.
    #[error("a query of {0} octets is of no version")]
    QueryLength(usize),
    /// A query from an address that is not link-local.
    #[error("a query from {0}, which is not link-local")]
    QuerySource(Ipv6Addr),
    /// A general query to another address than ff02::1.
    #[error("a general query to {0}, not to ff02::1")]
    QueryDestination(Ipv6Addr),
}

impl MldError {
    /// Whether the IPv6 header is at fault, of whatever the frame carries.
    #[must_use]
    pub const fn in_header(self) -> bool {
        matches!(self, Self::Header | Self::Length { .. } | Self::Extension)
    }
}

/// Checks an IPv6 frame to a group address: `datagram` is everything behind the Ethernet header and tags.
///
/// # Errors
/// What a bridge does not forward; see [`MldError`].
pub fn inspect(datagram: &[u8]) -> Result<Inspected<'_>, MldError> {
    let header = Ipv6HeaderSlice::from_slice(datagram).map_err(|_| MldError::Header)?;
    let (source, destination) = (header.source_addr(), header.destination_addr());
    let behind = &datagram[HEADER..];
    let length = MldError::Length {
        payload: header.payload_length(),
        present: behind.len(),
    };
    let end = usize::from(header.payload_length());
    if end == 0 || end > behind.len() {
        return Err(length);
    }
    let content = match header.next_header().0 {
        HOP_BY_HOP => match transport(behind).ok_or(MldError::Extension)? {
            (ICMPV6, at) => {
                // The extension headers may reach beyond the datagram, into the frame's padding.
                let icmp = behind[..end].get(at..).ok_or(MldError::Short)?;
                message(icmp, source, destination)?
            }
            _ => Content::Data,
        },
        _ => Content::Data,
    };
    Ok(Inspected {
        source: source.into(),
        destination: destination.into(),
        content,
    })
}

/// Follows the chain of extension headers (`ipv6_skip_exthdr`): the first protocol that is none of them,
/// and where it begins. Ends because every header has at least eight octets.
fn transport(behind: &[u8]) -> Option<(u8, usize)> {
    let (mut next, mut at) = (HOP_BY_HOP, 0);
    loop {
        let units = match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT | AUTHENTICATION => {
                behind.get(at + 1)?
            }
            NO_NEXT_HEADER => return None,
            other => return Some((other, at)),
        };
        let length = match next {
            // A later fragment has no header to look for behind this one.
            FRAGMENT => {
                behind.get(at + 3)?;
                if field16(behind, at + 2) & !0x7 != 0 {
                    return Some((FRAGMENT, at));
                }
                8
            }
            AUTHENTICATION => (usize::from(*units) + 2) * 4,
            _ => (usize::from(*units) + 1) * 8,
        };
        next = behind[at];
        at += length;
    }
}

fn message(icmp: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> Result<Content<'_>, MldError> {
    if icmp.len() < ICMP_HEADER {
        return Err(MldError::Short);
    }
    if sum(icmp, source, destination) != 0 {
        return Err(MldError::Checksum);
    }
    let group = icmp
        .get(8..)
        .and_then(<[u8]>::first_chunk::<16>)
        .map(|octets| Ipv6Addr::from(*octets));
    let message = match (icmp[0], group) {
        // Shorter than any message of MLD.
        (kind, None) => {
            return Ok(router_or_data(kind, destination));
        }
        (TYPE_QUERY, Some(group)) => Message::Query(query(icmp, group, source, destination)?),
        (TYPE_REPORT_V1, Some(group)) => Message::Report {
            group: group.into(),
        },
        (TYPE_DONE, Some(group)) => Message::Leave {
            group: group.into(),
        },
        (TYPE_REPORT_V2, Some(_)) => Message::Records(Records::new(
            &icmp[ICMP_HEADER..],
            Width::V6,
            field16(icmp, 6),
        )),
        (kind, Some(_)) => return Ok(router_or_data(kind, destination)),
    };
    Ok(Content::Membership(message))
}

/// Whether an MLD message can only come from this link: hop limit 1, and a router alert for MLD. A host
/// ignores other queries (RFC 3810 6.2).
#[must_use]
pub fn is_from_the_link(datagram: &[u8]) -> bool {
    let Some((header, [_, units, options @ ..])) = datagram.split_at_checked(HEADER) else {
        return false;
    };
    let mut options = options
        .get(..6 + 8 * usize::from(*units))
        .unwrap_or_default();
    let alert = loop {
        options = match options {
            [5, 2, 0, 0, ..] => break true,
            [0, rest @ ..] => rest,
            [_, length, rest @ ..] => rest.get(usize::from(*length)..).unwrap_or_default(),
            _ => break false,
        };
    };
    alert && header[6] == HOP_BY_HOP && header[7] == 1
}

fn router_or_data(kind: u8, destination: Ipv6Addr) -> Content<'static> {
    if kind == TYPE_ROUTER_ADVERTISEMENT && destination == ALL_SNOOPERS {
        Content::Router
    } else {
        Content::Data
    }
}

fn query(
    icmp: &[u8],
    group: Ipv6Addr,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<Query, MldError> {
    if !has_link_scope(source) {
        return Err(MldError::QuerySource(source));
    }
    let with_sources = match icmp.len() {
        SHORT => false,
        QUERY_V2.. => true,
        other => return Err(MldError::QueryLength(other)),
    };
    if group.is_unspecified() && destination != ALL_NODES {
        return Err(MldError::QueryDestination(destination));
    }
    let code = field16(icmp, 4);
    let millis = if with_sources {
        exponential(code)
    } else {
        u32::from(code)
    };
    Ok(Query {
        group: group.into(),
        max_response: Duration::from_millis(millis.into()),
        with_sources,
        suppress: with_sources && icmp[24] & 0x08 != 0,
        sources: if with_sources { field16(icmp, 26) } else { 0 },
        robustness: if with_sources { icmp[24] & 0x07 } else { 0 },
        interval: match with_sources {
            true => Duration::from_secs(seconds(icmp[25]).into()),
            false => Duration::ZERO,
        },
    })
}

/// `ipv6_addr_type() & IPV6_ADDR_LINKLOCAL`, which groups of that scope have as well.
const fn has_link_scope(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    first & 0xffc0 == 0xfe80 || first & 0xff0f == 0xff02
}

/// Decodes a version 2 time: 1 eee mmmm mmmm mmmm from 32768 on (RFC 3810 5.1.3).
fn exponential(code: u16) -> u32 {
    if code < 0x8000 {
        u32::from(code)
    } else {
        u32::from(code & 0x0fff | 0x1000) << (u32::from(code >> 12 & 0x07) + 3)
    }
}

/// Decodes a version 2 query interval: 1 eee mmmm from 128 on (RFC 3810 5.1.9).
fn seconds(code: u8) -> u32 {
    if code < 0x80 {
        u32::from(code)
    } else {
        u32::from(code & 0x0f | 0x10) << (u32::from(code >> 4 & 0x07) + 3)
    }
}

/// What is needed to ask in MLDv1 or MLDv2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MldQuery<'a> {
    /// The group asked for; :: in a general query.
    pub group: Ipv6Addr,
    /// How long hosts may take to answer; on the wire in milliseconds, modulo 65536.
    pub max_response: Duration,
    /// What MLDv2 adds; `None` makes a version 1 query.
    pub version_2: Option<QueryDetails<'a, Ipv6Addr>>,
}

impl MldQuery<'_> {
    /// Writes the whole frame, as the kernel sends it (`br_ip6_multicast_alloc_query`): no padding, hop
    /// limit 1, router alert in a hop-by-hop header.
    #[allow(clippy::cast_possible_truncation)] // the modulo that the fields' documentation speaks of
    pub fn encode<'b>(
        &self,
        source_mac: MacAddr,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        buffer: &'b mut [u8; MAX_QUERY_FRAME],
    ) -> &'b [u8] {
        let mut end = ICMP + SHORT;
        buffer[ICMP..end].fill(0);
        buffer[ICMP] = TYPE_QUERY;
        let code = self.max_response.as_millis() as u16;
        buffer[ICMP + 4..ICMP + 6].copy_from_slice(&code.to_be_bytes());
        buffer[ICMP + 8..end].copy_from_slice(&self.group.octets());
        if let Some(details) = self.version_2 {
            let sources = details.sources.iter().take(MAX_QUERY_SOURCES);
            buffer[end] = u8::from(details.suppress) << 3 | ROBUSTNESS;
            buffer[end + 1] = details.interval.as_secs() as u8;
            buffer[end + 2..end + 4].copy_from_slice(&(sources.len() as u16).to_be_bytes());
            end += 4;
            for source in sources {
                buffer[end..end + 16].copy_from_slice(&source.octets());
                end += 16;
            }
        }
        // In front of queries of bridges there are two Pad1, of hosts' reports one PadN.
        let ends = (source, destination);
        finish(buffer, end, source_mac, ends, [0, 0]);
        &buffer[..end]
    }
}

impl Claim {
    /// Writes the whole frame of a claim to a group, as the kernel's hosts send it (`igmp6_send`,
    /// `mld_newpack`). There is no MLD of IGMPv1's age: that is MLDv1, too.
    pub fn encode_mld(
        self,
        source_mac: MacAddr,
        source: Ipv6Addr,
        group: Ipv6Addr,
        buffer: &mut [u8; MAX_CLAIM_FRAME],
    ) -> &[u8] {
        let mut end = ICMP + ICMP_HEADER;
        buffer[ICMP..].fill(0);
        let (kind, destination) = match self {
            Self::ReportV1 | Self::Report => (TYPE_REPORT_V1, group),
            Self::Leave => (TYPE_DONE, ALL_ROUTERS),
            Self::Record(record) => {
                buffer[ICMP + 7] = 1;
                buffer[end] = record as u8;
                end += 4;
                (TYPE_REPORT_V2, ALL_V2_ROUTERS)
            }
        };
        buffer[end..end + 16].copy_from_slice(&group.octets());
        end += 16;
        buffer[ICMP] = kind;
        let ends = (source, destination);
        finish(buffer, end, source_mac, ends, [1, 0]);
        &buffer[..end]
    }
}

/// Where the IPv6 header begins in frames of ours, and the ICMPv6 message behind its one extension.
const IP: usize = ETHERNET_HEADER;
const ICMP: usize = IP + HEADER + 8;

/// Writes all that is before a message of MLD, and its checksum.
#[allow(clippy::cast_possible_truncation)] // far below 65,536
fn finish(
    buffer: &mut [u8],
    end: usize,
    source_mac: MacAddr,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    padding: [u8; 2],
) {
    buffer[..6].copy_from_slice(&MacAddr::of_ipv6_group(destination).octets());
    buffer[6..12].copy_from_slice(&source_mac.octets());
    buffer[12..14].copy_from_slice(&ETHER_TYPE_IPV6.to_be_bytes());
    let checksum = sum(&buffer[ICMP..end], source, destination).to_ne_bytes();
    buffer[ICMP + 2..ICMP + 4].copy_from_slice(&checksum);
    let [high, low] = ((end - IP - HEADER) as u16).to_be_bytes();
    buffer[IP..IP + 8].copy_from_slice(&[0x60, 0, 0, 0, high, low, HOP_BY_HOP, 1]);
    buffer[IP + 8..IP + 24].copy_from_slice(&source.octets());
    buffer[IP + 24..IP + 40].copy_from_slice(&destination.octets());
    buffer[IP + 40..ICMP].copy_from_slice(&[ICMPV6, 0, 5, 2, 0, 0, padding[0], padding[1]]);
}

/// The Internet checksum over pseudo header and message, ready to be compared with 0 or to be written in
/// memory order.
fn sum(icmp: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    let length = u32::try_from(icmp.len()).unwrap_or(u32::MAX);
    let mut words = Sum16BitWords::new()
        .add_16bytes(source.octets())
        .add_16bytes(destination.octets())
        .add_4bytes(length.to_be_bytes());
    words
        .add_4bytes([0, 0, 0, ICMPV6])
        .add_slice(icmp)
        .ones_complement()
}

#[cfg(test)]
#[path = "mld_tests.rs"]
mod tests;
