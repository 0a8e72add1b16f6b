//! Multicast groups: what `RTM_GETMDB` carries.

use std::net::IpAddr;

use super::RouterPort;
use crate::iproute::command::{FilterMode, MdbGroup};

/// A member of a group (`MDBA_MDB_ENTRY_INFO`), in the order of the kernel's dump: bridges by ifindex; groups, the newest first;
/// of a group the bridge itself first, then its ports (in the kernel by where they lie in memory: any order).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdbRecord {
    /// The bridge.
    pub bridge: u32,
    /// The port, or the bridge itself.
    pub ifindex: u32,
    /// The group.
    pub group: MdbGroup,
    /// The VLAN, 0 for none.
    pub vid: u16,
    /// Only of this source.
    pub source: Option<IpAddr>,
    /// Added by a user for good. Groups of layer 2 always are.
    pub permanent: bool,
    /// Which sources, of ports and where the bridge's version knows sources (IGMPv3, MLDv2).
    pub filter_mode: Option<FilterMode>,
    /// Its source list, the newest first: (address, left until it is forgotten, in 1/100 s).
    pub sources: Vec<(IpAddr, u64)>,
    /// Who added it (`RTPROT_…`): 2 the kernel, 4 a user; `None` for the bridge itself.
    pub protocol: Option<u8>,
    /// Is forgotten with the first leave.
    pub fast_leave: bool,
    /// Was added because another entry takes all sources (`MDB_FLAGS_STAR_EXCL`).
    pub star_exclude: bool,
    /// Its source is blocked.
    pub blocked: bool,
    /// Left until it is forgotten, in 1/100 s; 0 for good ones.
    pub timer: u64,
}

/// Ports with multicast routers of a bridge (`MDBA_ROUTER`); there is none for a bridge without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterRecord {
    /// The bridge.
    pub bridge: u32,
    /// Its ports with routers, the newest port first.
    pub ports: Vec<RouterPort>,
}
