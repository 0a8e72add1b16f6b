//! VLANs: what `RTM_GETLINK` of `AF_BRIDGE`, `RTM_GETVLAN` and `RTM_GETSTATS` carry about them, and the data of
//! a VLAN device.

use super::McastQuery;

/// A VLAN of a bridge port or of a bridge itself (`bridge_vlan_info`, `BRIDGE_VLANDB_ENTRY`).
///
/// A VLAN that ports have and the bridge itself has not (`BRIDGE_VLAN_INFO_MASTER` without `BRENTRY`) is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanRecord {
    /// The port, or the bridge.
    pub ifindex: u32,
    /// The VLAN.
    pub vid: u16,
    /// Whether untagged frames belong to it.
    pub pvid: bool,
    /// Whether it leaves untagged.
    pub untagged: bool,
    /// Whether a command made it on a bridge itself as part of a range. The kernel's dump with details
    /// shows VLANs that differ in this in separate ranges (the flag that began the range stays set).
    pub ranged: bool,
    /// State of the port in this VLAN: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking.
    pub state: u8,
    /// 0 never, 1 learned, 2 always: has a multicast router in this VLAN.
    pub mcast_router: u8,
    /// Counters: of the port where counting is by port, else of the VLAN in the whole bridge; for a bridge always that.
    pub stats: VlanStats,
}

/// Counters of a VLAN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanStats {
    /// Octets received.
    pub rx_bytes: u64,
    /// Frames received.
    pub rx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
    /// Frames sent.
    pub tx_packets: u64,
}

/// A VLAN as a bridge keeps it for all its ports (`BRIDGE_VLANDB_GLOBAL_OPTIONS`). There is one for every VLAN
/// that the bridge or a port of it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanGlobalRecord {
    /// The bridge.
    pub ifindex: u32,
    /// The VLAN.
    pub vid: u16,
    /// Whether group membership is followed in it.
    pub mcast_snooping: bool,
    /// Whether the bridge queries in it.
    pub mcast_querier: bool,
    /// `mcast_router` of the bridge itself in it. Not shown, but VLANs that differ in it are shown apart.
    pub mcast_router: u8,
    /// Version, counts and intervals of queries.
    pub query: McastQuery,
    /// Ports with a multicast router in this VLAN, the newest port first.
    pub router_ports: Vec<RouterPort>,
}

/// A port with a multicast router (`MDBA_ROUTER_PORT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterPort {
    /// The port.
    pub ifindex: u32,
    /// Left until it is forgotten, in 1/100 s.
    pub timer: u64,
    /// Whether the port's own `mcast_router` is 1 or 3: learned, or for now. Of a router in a VLAN too the kernel tells
    /// that of the port, not that of the VLAN.
    pub temporary: bool,
}

/// Data of a VLAN device (`IFLA_VLAN_…`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanDeviceInfo {
    /// EtherType of its tags.
    pub protocol: u16,
    /// VID.
    pub id: u16,
    /// The tag stands before the EtherType and not in the frame that the netdev shows.
    pub reorder_hdr: bool,
    /// Registers by GVRP.
    pub gvrp: bool,
    /// Registers by MVRP.
    pub mvrp: bool,
    /// Does not follow its lower device up and down.
    pub loose_binding: bool,
    /// Follows the bridge ports that have its VLAN.
    pub bridge_binding: bool,
    /// (priority of the tag, priority of the frame), in the order of the former; unset ones left out.
    pub ingress_qos: Vec<(u32, u32)>,
    /// (priority of the frame, priority of the tag), in the kernel's order.
    pub egress_qos: Vec<(u32, u32)>,
}
