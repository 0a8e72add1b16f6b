//! Extended statistics of bridges and ports as records.

/// What `ip link xstats` prints of a bridge or of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XstatsRecord {
    /// The netdev.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// It is a port, not a bridge.
    pub is_port: bool,
    /// Messages of IGMP and MLD.
    pub multicast: MulticastRecord,
    /// BPDUs and transitions, of a port.
    pub stp: Option<StpXstats>,
}

/// How many came in and went out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directions {
    /// In.
    pub rx: u64,
    /// Out.
    pub tx: u64,
}

/// `struct br_mcast_stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MulticastRecord {
    /// By version less one.
    pub igmp_queries: [Directions; 3],
    /// By version less one.
    pub igmp_reports: [Directions; 3],
    /// Of IGMPv2.
    pub igmp_leaves: Directions,
    /// Malformed IPv4.
    pub igmp_parse_errors: u64,
    /// By version less one.
    pub mld_queries: [Directions; 2],
    /// By version less one.
    pub mld_reports: [Directions; 2],
    /// Of MLDv1.
    pub mld_leaves: Directions,
    /// Malformed IPv6.
    pub mld_parse_errors: u64,
}

/// `struct bridge_stp_xstats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StpXstats {
    /// Times the port began to block.
    pub transition_blk: u64,
    /// Times it began to forward.
    pub transition_fwd: u64,
    /// Configuration BPDUs in.
    pub rx_bpdu: u64,
    /// Configuration BPDUs out.
    pub tx_bpdu: u64,
    /// Topology change notifications in.
    pub rx_tcn: u64,
    /// Topology change notifications out.
    pub tx_tcn: u64,
}
