//! Options of a bridge and of its ports.
//!
//! Numbers are as written: what range the kernel takes is checked when they are applied. Times are in
//! 1/100 s, as the kernel's netlink has them.

use crate::wire::MacAddr;

/// Options of a bridge (`ip link add|set … type bridge`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BridgeOptions {
    /// `forward_delay N`, centiseconds.
    pub forward_delay: Option<u32>,
    /// `hello_time N`, centiseconds.
    pub hello_time: Option<u32>,
    /// `max_age N`, centiseconds.
    pub max_age: Option<u32>,
    /// `ageing_time N`, centiseconds.
    pub ageing_time: Option<u32>,
    /// `stp_state 0|1`.
    pub stp_state: Option<u32>,
    /// `priority N`.
    pub priority: Option<u16>,
    /// `group_fwd_mask N`.
    pub group_fwd_mask: Option<u16>,
    /// `group_address MAC`.
    pub group_address: Option<MacAddr>,
    /// `no_linklocal_learn 0|1`.
    pub no_linklocal_learn: Option<bool>,
    /// `fdb_max_learned N`; 0 means the default bound.
    pub fdb_max_learned: Option<u32>,
    /// `fdb_flush`.
    pub fdb_flush: bool,
    /// `vlan_filtering 0|1`: whether VLANs are told apart.
    pub vlan_filtering: Option<bool>,
    /// `vlan_protocol 802.1Q|802.1ad`: EtherType of the tags that are looked at. The kernel refuses every other.
    pub vlan_protocol: Option<u16>,
    /// `vlan_default_pvid N`: PVID of new ports, 0 for none.
    pub vlan_default_pvid: Option<u16>,
    /// `vlan_stats_enabled 0|1`: frames and octets are counted by VLAN.
    pub vlan_stats_enabled: Option<u8>,
    /// `vlan_stats_per_port 0|1`: and by port. The kernel refuses a change while ports have VLANs.
    pub vlan_stats_per_port: Option<u8>,
    /// `mcast_snooping 0|1`: whether group membership is followed.
    pub mcast_snooping: Option<bool>,
    /// `mcast_vlan_snooping 0|1`: and that by VLAN.
    pub mcast_vlan_snooping: Option<bool>,
    /// `mcast_router 0|1|2`: never, while queries are heard, always.
    pub mcast_router: Option<u8>,
    /// `mcast_query_use_ifaddr 0|1`: source of queries is the bridge's own address.
    pub mcast_query_use_ifaddr: Option<bool>,
    /// `mcast_querier 0|1`: whether the bridge queries.
    pub mcast_querier: Option<bool>,
    /// `mcast_hash_elasticity N`: ignored by the kernel.
    pub mcast_hash_elasticity: Option<u32>,
    /// `mcast_hash_max N`: most groups.
    pub mcast_hash_max: Option<u32>,
    /// `mcast_last_member_count N`: queries after a leave.
    pub mcast_last_member_count: Option<u32>,
    /// `mcast_startup_query_count N`: queries at the start.
    pub mcast_startup_query_count: Option<u32>,
    /// `mcast_last_member_interval N`, centiseconds between queries after a leave.
    pub mcast_last_member_interval: Option<u64>,
    /// `mcast_membership_interval N`, centiseconds until a member is forgotten.
    pub mcast_membership_interval: Option<u64>,
    /// `mcast_querier_interval N`, centiseconds until another querier is forgotten.
    pub mcast_querier_interval: Option<u64>,
    /// `mcast_query_interval N`, centiseconds between queries.
    pub mcast_query_interval: Option<u64>,
    /// `mcast_query_response_interval N`, centiseconds in which members answer.
    pub mcast_query_response_interval: Option<u64>,
    /// `mcast_startup_query_interval N`, centiseconds between queries at the start.
    pub mcast_startup_query_interval: Option<u64>,
    /// `mcast_stats_enabled 0|1`: reports, leaves and queries are counted.
    pub mcast_stats_enabled: Option<bool>,
    /// `mcast_igmp_version 2|3`; the kernel checks the range.
    pub mcast_igmp_version: Option<u8>,
    /// `mcast_mld_version 1|2`; the kernel checks the range.
    pub mcast_mld_version: Option<u8>,
}

/// Options of a bridge port (`bridge link set`, `ip link set … type bridge_slave`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortOptions {
    /// `fdb_flush` (`ip link set … type bridge_slave` only).
    pub fdb_flush: bool,
    /// `cost N`.
    pub cost: Option<u32>,
    /// `priority N`.
    pub priority: Option<u16>,
    /// `state N` or a name; range checked when applied, as the kernel does.
    pub state: Option<u8>,
    /// `hairpin on|off`.
    pub hairpin: Option<bool>,
    /// `guard on|off`.
    pub guard: Option<bool>,
    /// `root_block on|off`.
    pub root_block: Option<bool>,
    /// `fastleave on|off`.
    pub fastleave: Option<bool>,
    /// `learning on|off`.
    pub learning: Option<bool>,
    /// `flood on|off`.
    pub flood: Option<bool>,
    /// `mcast_flood on|off`.
    pub mcast_flood: Option<bool>,
    /// `bcast_flood on|off`.
    pub bcast_flood: Option<bool>,
    /// `mcast_to_unicast on|off`.
    pub mcast_to_unicast: Option<bool>,
    /// `proxy_arp on|off`.
    pub proxy_arp: Option<bool>,
    /// `proxy_arp_wifi on|off`.
    pub proxy_arp_wifi: Option<bool>,
    /// `isolated on|off`.
    pub isolated: Option<bool>,
    /// `locked on|off`.
    pub locked: Option<bool>,
    /// `mab on|off`.
    pub mab: Option<bool>,
    /// `neigh_suppress on|off`.
    pub neigh_suppress: Option<bool>,
    /// `neigh_vlan_suppress on|off`: suppression is set by VLAN (`bridge vlan set … neigh_suppress`).
    pub neigh_vlan_suppress: Option<bool>,
    /// `mcast_router 0|1|2`: never, while queries are heard, always.
    pub mcast_router: Option<u8>,
    /// `mcast_max_groups N`: most groups of the port, 0 for no limit.
    pub mcast_max_groups: Option<u32>,
    /// `group_fwd_mask N` (`ip link set … type bridge_slave` only).
    pub group_fwd_mask: Option<u16>,
    /// `backup_port DEV` (`Some(Some)`) or `nobackup_port` (`Some(None)`).
    pub backup_port: Option<Option<String>>,
}
