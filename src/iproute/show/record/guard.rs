//! Guards of a port, as `tapswitch port show` prints them.

use std::net::IpAddr;

use crate::iproute::command::{PrivateRole, StormLimit, Violation};
use crate::wire::MacAddr;

/// A port with its guards, and what they have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRecord {
    /// The port.
    pub ifindex: u32,
    /// Limit and drops of broadcast frames.
    pub storm_broadcast: StormRecord,
    /// Limit and drops of frames to other group addresses.
    pub storm_multicast: StormRecord,
    /// Limit and drops of frames to unknown stations.
    pub storm_unknown: StormRecord,
    /// Stations that may be learned; `None` for any number.
    pub max_macs: Option<u32>,
    /// Stations that are known behind the port and count against the limit.
    pub macs: u32,
    /// Stations that belong to the port: (address, VLAN), in order.
    pub secure_macs: Vec<(MacAddr, Option<u16>)>,
    /// Stations that were learned and admitted, while the port has a limit: (address, VLAN), oldest first.
    pub learned_macs: Vec<(MacAddr, Option<u16>)>,
    /// What happens when another comes in.
    pub violation: Violation,
    /// Frames that came in against these rules.
    pub violations: u64,
    /// Seconds after which a closed port opens again; `None` for never.
    pub recovery: Option<u32>,
    /// Whether a violation closed the port.
    pub shutdown: bool,
    /// Seconds until a closed port opens by itself; `None` if it does not.
    pub opens: Option<u64>,
    /// Whether IP and ARP come in from bound stations only.
    pub ip_binding: bool,
    /// Frames that no binding let in.
    pub unbound: u64,
    /// Whether DHCP servers are behind the port.
    pub dhcp_trusted: bool,
    /// DHCP messages that only servers send, from a port that is not trusted.
    pub dhcp_dropped: u64,
    /// Bindings to this port, in order.
    pub bindings: Vec<BindingRecord>,
    /// VLANs of untagged frames by station, in order.
    pub mac_vlans: Vec<(MacAddr, u16)>,
    /// Its part in the spanning tree.
    pub tree: super::StpPortTree,
    /// Its part in private VLANs.
    pub private: PrivateRole,
}

/// A storm limit, and the frames that were dropped by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StormRecord {
    /// The limit; without any, `off` is printed.
    pub limit: StormLimit,
    /// Frames dropped.
    pub dropped: u64,
}

/// A binding of an address to a station behind the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingRecord {
    /// The address.
    pub address: IpAddr,
    /// The station.
    pub mac: MacAddr,
    /// The VLAN, if the binding has one.
    pub vlan: Option<u16>,
    /// Seconds left of the lease; `None` for one made by hand.
    pub lease: Option<u64>,
}
