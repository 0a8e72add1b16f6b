//! Neighbours: what `RTM_GETNEIGH` carries.

use std::net::IpAddr;

use crate::wire::MacAddr;

/// A neighbour (`RTM_NEWNEIGH`). The kernel dumps by family, IPv4 first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighRecord {
    /// The netdev.
    pub ifindex: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its MAC address, once known.
    pub lladdr: Option<MacAddr>,
    /// A bit of [`nud`](crate::iproute::command::nud), or 0.
    pub state: u8,
    /// Is a router (IPv6).
    pub router: bool,
    /// Is kept up to date by the kernel.
    pub managed: bool,
    /// Was told by somebody else.
    pub extern_learn: bool,
    /// How many hold it, beside the table.
    pub references: u32,
    /// Seconds since it was (used, confirmed, updated).
    pub ages: (u64, u64, u64),
    /// Questions sent without an answer.
    pub probes: u32,
    /// Who added it (`RTPROT_…`); 0 when nobody said.
    pub protocol: u8,
}
