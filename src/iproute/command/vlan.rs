//! VLANs: `bridge vlan`, and VLAN devices.
//!
//! VIDs are as written, 0 to 4095: the kernel's refusals of 0 and 4095 belong to whoever applies them.

/// `bridge vlan add|del dev DEV vid V[-W] [pvid] [untagged] [self] [master]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanSpec {
    /// A bridge port, or a bridge.
    pub dev: String,
    /// The VLANs.
    pub vids: VidRange,
    /// `pvid`: what comes in untagged belongs to it. Never with more than one VLAN.
    pub pvid: bool,
    /// `untagged`: leaves without a tag.
    pub untagged: bool,
    /// `self`: the netdev's own list, which only a bridge has.
    pub on_self: bool,
    /// `master`: the list of the netdev as a port. A port has it without this word too.
    pub on_master: bool,
}

/// One VLAN or several in a row: `V`, `V-W`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VidRange {
    /// First VID, 0 to 4095.
    pub first: u16,
    /// Last VID, at least the first; a range `V-W` has it larger.
    pub last: u16,
}

impl VidRange {
    /// One VLAN.
    #[must_use]
    pub const fn one(vid: u16) -> Self {
        Self {
            first: vid,
            last: vid,
        }
    }

    /// Whether a VLAN is one of them.
    #[must_use]
    pub const fn contains(self, vid: u16) -> bool {
        self.first <= vid && vid <= self.last
    }
}

/// `bridge vlan set dev DEV vid V[-W] …`: options of VLANs that exist (`RTM_NEWVLAN`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanSet {
    /// A bridge port, or a bridge.
    pub dev: String,
    /// The VLANs.
    pub vids: VidRange,
    /// `state N` or a name; the kernel checks the range.
    pub state: Option<u8>,
    /// `mcast_router N`; the kernel checks the range.
    pub mcast_router: Option<u8>,
    /// `mcast_max_groups N`; 0 for no limit.
    pub mcast_max_groups: Option<u32>,
    /// `neigh_suppress on|off`.
    pub neigh_suppress: Option<bool>,
}

/// `bridge vlan show` and `bridge vlan global show`: `[dev DEV] [vid VID]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VlanFilter {
    /// `dev DEV`.
    pub dev: Option<String>,
    /// `vid VID`; `vid 0` is no filter.
    pub vid: Option<u16>,
}

/// `bridge vlan global set dev BRIDGE vid V[-W] …`: what a bridge keeps about VLANs as a whole.
///
/// Times are in 1/100 s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanGlobalSet {
    /// The bridge.
    pub dev: String,
    /// The VLANs.
    pub vids: VidRange,
    /// What is set.
    pub options: VlanGlobalOptions,
}

/// Options of `bridge vlan global set`; times in 1/100 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanGlobalOptions {
    /// `mcast_snooping 0|1`.
    pub mcast_snooping: Option<u8>,
    /// `mcast_querier 0|1`.
    pub mcast_querier: Option<u8>,
    /// `mcast_igmp_version 2|3`.
    pub mcast_igmp_version: Option<u8>,
    /// `mcast_mld_version 1|2`.
    pub mcast_mld_version: Option<u8>,
    /// `mcast_last_member_count N`.
    pub mcast_last_member_count: Option<u32>,
    /// `mcast_startup_query_count N`.
    pub mcast_startup_query_count: Option<u32>,
    /// `mcast_last_member_interval N`.
    pub mcast_last_member_interval: Option<u64>,
    /// `mcast_membership_interval N`.
    pub mcast_membership_interval: Option<u64>,
    /// `mcast_querier_interval N`.
    pub mcast_querier_interval: Option<u64>,
    /// `mcast_query_interval N`.
    pub mcast_query_interval: Option<u64>,
    /// `mcast_query_response_interval N`.
    pub mcast_query_response_interval: Option<u64>,
    /// `mcast_startup_query_interval N`.
    pub mcast_startup_query_interval: Option<u64>,
}

/// Options of a VLAN device (`ip link add link LOWER … type vlan`, `ip link set … type vlan`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VlanDeviceOptions {
    /// `id N`: the VID, as written (0 to 65535). The kernel ignores it when a netdev exists already.
    pub id: Option<u16>,
    /// `protocol 802.1Q|802.1ad`: the tag's EtherType. The kernel refuses every other.
    pub protocol: Option<u16>,
    /// `reorder_hdr on|off`.
    pub reorder_hdr: Option<bool>,
    /// `gvrp on|off`.
    pub gvrp: Option<bool>,
    /// `mvrp on|off`.
    pub mvrp: Option<bool>,
    /// `loose_binding on|off`.
    pub loose_binding: Option<bool>,
    /// `bridge_binding on|off`.
    pub bridge_binding: Option<bool>,
    /// `ingress-qos-map FROM:TO…`: (priority of the tag, priority of the frame), in the order written.
    pub ingress_qos: Vec<(u32, u32)>,
    /// `egress-qos-map FROM:TO…`: (priority of the frame, priority of the tag), in the order written.
    pub egress_qos: Vec<(u32, u32)>,
}
