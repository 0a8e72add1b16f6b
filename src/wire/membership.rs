//! What IGMP and MLD have in common: hosts report the groups they want, routers ask.
//!
//! The two protocols are the same one for IPv4 and IPv6 with other field sizes: MLDv1 is IGMPv2, MLDv2
//! is IGMPv3. [`super::igmp`] and [`super::mld`] check frames and turn them into these types; what a
//! snooping switch does with them needs to know the family only by its addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Octets of the longest query there is: MLDv2 with [`MAX_QUERY_SOURCES`] sources.
pub const MAX_QUERY_FRAME: usize = 14 + 40 + 8 + 28 + 16 * MAX_QUERY_SOURCES;

/// Sources that one query of ours can ask for: as many as the kernel keeps of a group
/// (`PG_SRC_ENT_LIMIT`).
pub const MAX_QUERY_SOURCES: usize = 32;

/// Octets of the longest claim of a host: MLDv2 with one record.
pub const MAX_CLAIM_FRAME: usize = 14 + 40 + 8 + 8 + 20;

/// What an IP frame to a group address means to a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected<'a> {
    /// The sender's IP address.
    pub source: IpAddr,
    /// The group, usually; any address that somebody put behind a group MAC address.
    pub destination: IpAddr,
    /// What it carries.
    pub content: Content<'a>,
}

/// The content of an IP frame to a group address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A message about who wants which group.
    Membership(Message<'a>),
    /// Its sender is a multicast router: a PIM hello, or a multicast router advertisement (RFC 4286).
    Router,
    /// Anything else.
    Data,
}

/// A message of IGMP or MLD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A router asks who wants a group, or any.
    Query(Query),
    /// A host wants a group (IGMPv1, IGMPv2, MLDv1).
    Report {
        /// The group.
        group: IpAddr,
    },
    /// A host no longer wants a group (IGMPv2, MLDv1).
    Leave {
        /// The group.
        group: IpAddr,
    },
    /// A host says what it wants from whom (IGMPv3, MLDv2).
    Records(Records<'a>),
}

/// A query, of any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The group asked for; unspecified (all zero) in a general query.
    pub group: IpAddr,
    /// How long hosts may take to answer; zero as IGMPv1 has it.
    pub max_response: Duration,
    /// IGMPv3 or MLDv2.
    pub with_sources: bool,
    /// Suppress router-side processing: other routers leave their timers alone.
    pub suppress: bool,
    /// How many sources it asks for.
    pub sources: u16,
    /// The querier's robustness variable; 0 if it does not say.
    pub robustness: u8,
    /// The querier's query interval; zero if it does not say.
    pub interval: Duration,
}

/// What a host can say of one group, all of whose sources it wants or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It wants the group (IGMPv1).
    ReportV1,
    /// It wants the group (IGMPv2, MLDv1).
    Report,
    /// It no longer wants the group (IGMPv2, MLDv1).
    Leave,
    /// Either, as a record without sources (IGMPv3, MLDv2).
    Record(RecordKind),
}

/// The kinds of record in a report (RFC 3376 4.2.12, RFC 3810 5.2.12), by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// 1: wants the group from these sources only.
    IsInclude = 1,
    /// 2: wants the group from all but these sources.
    IsExclude = 2,
    /// 3: from now on, from these only.
    ToInclude = 3,
    /// 4: from now on, from all but these.
    ToExclude = 4,
    /// 5: from these too.
    Allow = 5,
    /// 6: no longer from these.
    Block = 6,
}

impl RecordKind {
    /// Returns the kind with a number; `None` for those that nobody defined.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::IsInclude,
            2 => Self::IsExclude,
            3 => Self::ToInclude,
            4 => Self::ToExclude,
            5 => Self::Allow,
            6 => Self::Block,
            _ => return None,
        })
    }
}

/// One record of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says; `None` for an unknown kind, to be ignored.
    pub kind: Option<RecordKind>,
    /// The group.
    pub group: IpAddr,
    /// The sources.
    pub sources: Sources<'a>,
}

/// The addresses in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources<'a> {
    octets: &'a [u8],
    width: Width,
}

impl<'a> Sources<'a> {
    /// Returns how many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.octets.len() / self.width.octets()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over them.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let width = self.width;
        self.octets
            .chunks_exact(width.octets())
            .filter_map(move |octets| width.address(octets))
    }
}

/// The family of a message, which is the size of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    V4,
    V6,
}

impl Width {
    const fn octets(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    /// Reads an address from the beginning of `octets`.
    pub(super) fn address(self, octets: &[u8]) -> Option<IpAddr> {
        match self {
            Self::V4 => octets
                .first_chunk::<4>()
                .map(|it| Ipv4Addr::from(*it).into()),
            Self::V6 => octets
                .first_chunk::<16>()
                .map(|it| Ipv6Addr::from(*it).into()),
        }
    }
}

/// A report ends before the last of the records it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the report ends within record {record} of {announced}")]
pub struct TruncatedRecords {
    /// Which record, counted from 1.
    pub record: u16,
    /// How many the report announces.
    pub announced: u16,
}

/// The records of a report, one after the other. An error ends them.
///
/// As the kernel does, auxiliary data (which no version uses) is not skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<'a> {
    /// What is left of the report.
    rest: &'a [u8],
    width: Width,
    announced: u16,
    read: u16,
}

impl<'a> Records<'a> {
    /// Begins behind the eight octets of a report's header.
    pub(super) const fn new(records: &'a [u8], width: Width, announced: u16) -> Self {
        Self {
            rest: records,
            width,
            announced,
            read: 0,
        }
    }

    fn read_one(&mut self) -> Option<Record<'a>> {
        let (header, rest) = self.rest.split_at_checked(4)?;
        let count = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let (group, rest) = rest.split_at_checked(self.width.octets())?;
        let (sources, rest) = rest.split_at_checked(count * self.width.octets())?;
        self.rest = rest;
        Some(Record {
            kind: RecordKind::new(header[0]),
            group: self.width.address(group)?,
            sources: Sources {
                octets: sources,
                width: self.width,
            },
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, TruncatedRecords>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read == self.announced {
            return None;
        }
        self.read += 1;
        let record = self.read_one().ok_or(TruncatedRecords {
            record: self.read,
            announced: self.announced,
        });
        if record.is_err() {
            self.announced = self.read;
        }
        Some(record)
    }
}

/// Reads a 16-bit field.
pub(super) fn field16(octets: &[u8], at: usize) -> u16 {
    octets
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |it| u16::from_be_bytes(*it))
}
