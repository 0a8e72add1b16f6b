//! What `ip` and `bridge` print: from netlink-like records to iproute2's text and JSON, byte for byte.
//!
//! The reference is iproute2 6.1.0. [`record`] holds what a dump of one namespace carries (`RTM_NEWLINK`,
//! `RTM_NEWADDR`, `RTM_NEWNEIGH`): plain data, filled by whoever owns the model. The other modules
//! are one command each, and play both parts of a show command: what the kernel leaves out of a dump
//! (`master BR`, `type KIND`, `br BR`) and what the program then leaves out of what it prints. The
//! difference shows: in JSON, `ip` prints `{}` for a netdev that it left out itself.
//!
//! Pure: no I/O, no panic on any record. An ifindex without a record prints as `if7`, as in iproute2.
//!
//! Quirks are kept, as programs parse them: trailing spaces, the empty state of a learned FDB entry,
//! `designated_root` that repeats the bridge's own id, `bridge link`, which looks a peer's ifindex up
//! in the wrong namespace. Each is argued where it is written.
//!
//! Read `printer` first (how one pass over a record yields either form), then `link`.

mod addr;
mod bridge_link;
mod cable;
mod fdb;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_bridge;
mod guard;
mod link;
mod link_info;
mod loops;
mod mdb;
mod neigh;
mod netns;
mod printer;
pub mod record;
mod stats;
mod tree;
mod tuntap;
mod vlan;
mod vxlan;
mod xstats;

pub use addr::show as addr;
pub use bridge_link::show as bridge_link;
pub use cable::show as cable;
pub use fdb::{get as fdb_get, show as fdb};
pub use guard::show as guard;
pub use link::show as link;
pub use mdb::show as mdb;
pub use neigh::{flush as neigh_flush, flushed as neigh_flushed, get as neigh_get, show as neigh};
pub use netns::list as netns;
pub use tree::{settings as stp_settings, show as stp};
pub use tuntap::show as tuntap;
pub use vlan::{global as vlan_global, show as vlan};
pub use xstats::show as xstats;

/// Why a show command prints nothing: iproute2's own words on standard error, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// `ip`: no netdev of that name (exit status 1).
    #[error("Device \"{0}\" does not exist.")]
    NoDevice(String),
    /// `ip neigh`, `ip link xstats`: no netdev of that name (exit status 1).
    #[error("Cannot find device \"{0}\"")]
    NoNeighDevice(String),
    /// `ip`: no netdev of the name given as `master` (exit status 255).
    #[error("Error: argument \"{0}\" is wrong: Device does not exist\n")]
    NoMaster(String),
    /// `bridge`: no netdev of that name (exit status 255).
    #[error("Cannot find device \"{0}\"")]
    CannotFindDevice(String),
    /// `bridge`: no netdev of the name given as `br` (exit status 255).
    #[error("Cannot find bridge device \"{0}\"")]
    CannotFindBridge(String),
    /// `tapswitch`: no netdev of that name (exit status 1).
    #[error("tapswitch: there is no netdev \"{0}\"")]
    NoNetdev(String),
    /// `tapswitch`: the netdev is no port (exit status 1).
    #[error(
        "tapswitch: {0} is not a bridge port: guards belong to ports (ip link set {0} master BRIDGE)"
    )]
    NotAPort(String),
    /// `tapswitch`: the netdev is no bridge (exit status 1).
    #[error("tapswitch: {0} is not a bridge")]
    NotABridge(String),
    /// `tapswitch`: the netdev has no cable (exit status 1).
    #[error("tapswitch: {0} is no end of a cable")]
    NoCable(String),
}

impl ShowError {
    /// Returns the exit status.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::NoDevice(_)
            | Self::NoNeighDevice(_)
            | Self::NoNetdev(_)
            | Self::NotAPort(_)
            | Self::NotABridge(_)
            | Self::NoCable(_) => 1,
            Self::NoMaster(_) | Self::CannotFindDevice(_) | Self::CannotFindBridge(_) => 255,
        }
    }
}
