//! Multicast groups: `bridge mdb`.

use std::net::IpAddr;

use crate::wire::MacAddr;

/// The two spellings of adding an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MdbHow {
    /// `add`: create, and fail if it exists (`NLM_F_CREATE | NLM_F_EXCL`).
    Add,
    /// `replace`: create, or change (`NLM_F_CREATE | NLM_F_REPLACE`).
    Replace,
}

/// `bridge mdb add|replace|del dev BRIDGE port PORT grp GROUP …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdbSpec {
    /// The bridge.
    pub dev: String,
    /// The port that listens, or the bridge itself.
    pub port: String,
    /// The group. Whether it is one is for the kernel to say.
    pub group: MdbGroup,
    /// `src ADDRESS`: this source only.
    pub source: Option<IpAddr>,
    /// `permanent` (true), or `temp` and what iproute2 takes when nothing is said. `del` takes either.
    pub permanent: bool,
    /// `vid VID`, as written, 0 to 4095; 0 is none.
    pub vid: u16,
    /// `filter_mode include|exclude`.
    pub filter_mode: Option<FilterMode>,
    /// `source_list ADDRESS[,ADDRESS…]`.
    pub source_list: Vec<IpAddr>,
    /// `proto PROTOCOL` (`RTPROT_…`).
    pub protocol: Option<u8>,
}

/// A group as written after `grp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MdbGroup {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A MAC address: a group of layer 2.
    Mac(MacAddr),
}

/// What a source list means (`MCAST_INCLUDE`, `MCAST_EXCLUDE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// These sources.
    Include,
    /// All but these.
    Exclude,
}

/// `bridge mdb show [dev BRIDGE] [vid VID]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdbFilter {
    /// `dev BRIDGE`.
    pub dev: Option<String>,
    /// `vid VID`; `vid 0` is no filter.
    pub vid: Option<u16>,
}
