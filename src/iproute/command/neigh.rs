//! Neighbours: `ip neigh`.

use std::net::IpAddr;

use crate::wire::MacAddr;

/// The spellings of adding a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighHow {
    /// `add`: create, and fail if it exists (`NLM_F_CREATE | NLM_F_EXCL`).
    Add,
    /// `change`: change, and fail if it does not exist (`NLM_F_REPLACE`).
    Change,
    /// `replace`: create, or change (`NLM_F_CREATE | NLM_F_REPLACE`).
    Replace,
}

/// States of a neighbour (`NUD_…`), a bit each; none is [`NONE`](nud::NONE).
pub mod nud {
    /// Nothing is known.
    pub const NONE: u8 = 0;
    /// Is being asked for.
    pub const INCOMPLETE: u8 = 0x01;
    /// Was heard lately.
    pub const REACHABLE: u8 = 0x02;
    /// Was heard some time ago.
    pub const STALE: u8 = 0x04;
    /// Was used, and will be asked soon.
    pub const DELAY: u8 = 0x08;
    /// Is being asked again.
    pub const PROBE: u8 = 0x10;
    /// Did not answer.
    pub const FAILED: u8 = 0x20;
    /// Needs no asking.
    pub const NOARP: u8 = 0x40;
    /// Given by a user, for good.
    pub const PERMANENT: u8 = 0x80;
}

/// `ip neigh add|change|replace|del ADDRESS [lladdr MAC] [nud STATE] dev DEV …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighSpec {
    /// The netdev.
    pub dev: String,
    /// The neighbour's IP address.
    pub address: IpAddr,
    /// `lladdr MAC`; `lladdr null` is none.
    pub lladdr: Option<MacAddr>,
    /// `nud STATE`, a bit of [`nud`]; `permanent` when nothing is said.
    pub state: u8,
    /// `router` (IPv6).
    pub router: bool,
    /// `extern_learn`.
    pub extern_learn: bool,
    /// `use`.
    pub touch: bool,
    /// `managed`.
    pub managed: bool,
    /// `protocol PROTOCOL` (`RTPROT_…`).
    pub protocol: Option<u8>,
}

/// `ip neigh show|flush [to PREFIX] [dev DEV] [nud STATE]… …`. What is given must all fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeighFilter {
    /// `dev DEV`.
    pub dev: Option<String>,
    /// `ip -4 neigh` (true), `ip -6 neigh` (false), or the family of `to`.
    pub ipv4: Option<bool>,
    /// `to PREFIX`.
    pub to: Option<(IpAddr, u8)>,
    /// `nud STATE`, once or more: bits of [`nud`], [`ANY_NONE`](Self::ANY_NONE) for `nud none`. `None` is what iproute2
    /// takes when nothing is said: all but `noarp`; for `flush` all but `permanent` and `noarp`.
    pub states: Option<u16>,
    /// `master BRIDGE`: netdevs that are its ports.
    pub master: Option<String>,
    /// `nomaster`: netdevs that are no ports.
    pub no_master: bool,
    /// `unused`: that nobody holds.
    pub unused: bool,
    /// `protocol PROTOCOL` (`RTPROT_…`); 0 and `all` are no filter.
    pub protocol: Option<u8>,
}

impl NeighFilter {
    /// The bit of [`Self::states`] for neighbours in no state.
    pub const ANY_NONE: u16 = 0x100;
}

/// `ip neigh get ADDRESS dev DEV`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighGet {
    /// The netdev.
    pub dev: String,
    /// The neighbour's IP address.
    pub address: IpAddr,
}
