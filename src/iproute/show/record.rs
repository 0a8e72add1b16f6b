//! What the kernel's netlink dumps carry, as plain data; and, in the same way, what guards know.
//!
//! Names and order are those of the attributes (`IFLA_…`, `IFA_…`, `NDA_…`, `IFLA_BR_…`, `IFLA_BRPORT_…`); netdevs are named by
//! ifindex, as on netlink. All records of one call are of one namespace.
//!
//! Units: times of a bridge in 1/100 s (`USER_HZ`), ages of FDB entries in seconds, lifetimes of
//! addresses in seconds, sizes in octets.

mod guard;
mod loops;
mod mdb;
mod neigh;
mod tree;
mod vlan;
mod vxlan;
mod xstats;

use crate::switch::ipvlan::{IpvlanFlag, IpvlanMode};
use std::net::IpAddr;

pub use crate::wire::BridgeId;
use crate::wire::MacAddr;
pub use guard::{BindingRecord, GuardRecord, StormRecord};
pub use loops::{LoopRecord, LoopsRecord};
pub use mdb::{MdbRecord, RouterRecord};
pub use neigh::NeighRecord;
pub use tree::{StpPortRecord, StpPortTree, StpRecord};
pub use vlan::{RouterPort, VlanDeviceInfo, VlanGlobalRecord, VlanRecord, VlanStats};
pub use vxlan::{EndpointRecord, VxlanInfo};
pub use xstats::{Directions, MulticastRecord, StpXstats, XstatsRecord};

/// Flags of a netdev (`IFF_…`).
pub mod link_flags {
    /// Administratively up.
    pub const UP: u32 = 1 << 0;
    /// Has a broadcast address.
    pub const BROADCAST: u32 = 1 << 1;
    /// Is a loopback.
    pub const LOOPBACK: u32 = 1 << 3;
    /// Has one peer only.
    pub const POINTOPOINT: u32 = 1 << 4;
    /// Operational: carrier, and not dormant. Without it, an `UP` netdev prints `NO-CARRIER`.
    pub const RUNNING: u32 = 1 << 6;
    /// Does no ARP.
    pub const NOARP: u32 = 1 << 7;
    /// Was asked to be promiscuous by a user.
    pub const PROMISC: u32 = 1 << 8;
    /// Was asked to take all multicast by a user.
    pub const ALLMULTI: u32 = 1 << 9;
    /// Takes multicast.
    pub const MULTICAST: u32 = 1 << 12;
    /// Has a carrier.
    pub const LOWER_UP: u32 = 1 << 16;
}

/// Operational state (`IFLA_OPERSTATE`, RFC 2863).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OperState {
    /// Never set: loopback, dummy and others without a carrier of their own.
    #[default]
    Unknown,
    /// Down.
    Down,
    /// The lower device or the peer is down.
    LowerLayerDown,
    /// Waits for an event.
    Dormant,
    /// Up.
    Up,
}

/// A netdev (`RTM_NEWLINK`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// Number in its namespace, from 1.
    pub ifindex: u32,
    /// Name.
    pub name: String,
    /// Bits of [`link_flags`].
    pub flags: u32,
    /// Payload octets, without header, tag and FCS.
    pub mtu: u32,
    /// Queueing discipline: `noop` while down, `noqueue`, `fq_codel`.
    pub qdisc: String,
    /// Ifindex of the bridge it is a port of.
    pub master: Option<u32>,
    /// Operational state.
    pub operstate: OperState,
    /// Frames of the transmit queue; 0 is not printed.
    pub txqlen: u32,
    /// MAC address.
    pub address: MacAddr,
    /// MAC address that the hardware came with, printed where it differs.
    pub perm_address: Option<MacAddr>,
    /// Ifindex of the peer or lower device, in the namespace of `link_netnsid`.
    pub link: Option<u32>,
    /// Namespace id of the peer or lower device, where it is another; -1 where it has no id here.
    pub link_netnsid: Option<i32>,
    /// How many asked for promiscuity: users, and the bridge it is a port of.
    pub promiscuity: u32,
    /// How many asked for all multicast.
    pub allmulti: u32,
    /// Least MTU.
    pub min_mtu: u32,
    /// Largest MTU; 0 where there is no limit.
    pub max_mtu: u32,
    /// Kind, with its data; loopback and hardware have none.
    pub kind: Option<KindInfo>,
    /// What the bridge keeps about it as a port.
    pub port: Option<Box<PortInfo>>,
    /// How IPv6 link-local addresses are made; `None` where there is no IPv6.
    pub addr_gen_mode: Option<AddrGenMode>,
    /// Queues and offload limits.
    pub queues: Queues,
    /// Text given by the user.
    pub alias: Option<String>,
    /// Counters.
    pub stats: LinkStats,
}

impl LinkRecord {
    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// How a netdev's IPv6 link-local address is made (`IFLA_INET6_ADDR_GEN_MODE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddrGenMode {
    /// From the MAC address.
    Eui64,
    /// Not at all.
    None,
}

/// Queues and offload limits of a netdev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Transmit queues.
    pub tx: u32,
    /// Receive queues.
    pub rx: u32,
    /// Largest super-frame it is given.
    pub gso_max_size: u32,
    /// Most segments of a super-frame it is given.
    pub gso_max_segs: u32,
    /// Largest TCP super-frame it can take.
    pub tso_max_size: u32,
    /// Most segments of a TCP super-frame it can take.
    pub tso_max_segs: u32,
    /// Largest super-frame built on receive.
    pub gro_max_size: u32,
}

impl Default for Queues {
    /// What a netdev has whose driver says nothing.
    fn default() -> Self {
        Self {
            tx: 1,
            rx: 1,
            gso_max_size: 65536,
            gso_max_segs: 65535,
            tso_max_size: 65536,
            tso_max_segs: 65535,
            gro_max_size: 65536,
        }
    }
}

/// Counters of a netdev (`IFLA_STATS64`, `IFLA_CARRIER_CHANGES`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Frames received that were damaged.
    pub rx_errors: u64,
    /// Frames received that were dropped.
    pub rx_dropped: u64,
    /// Frames received that are multicast.
    pub multicast: u64,
    /// Frames received with no handler.
    pub rx_nohandler: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
    /// Frames to be sent that were dropped.
    pub tx_dropped: u64,
    /// Times that the carrier came or went.
    pub carrier_changes: u32,
}

/// Kind of a netdev, with its data (`IFLA_INFO_KIND`, `IFLA_INFO_DATA`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindInfo {
    /// A bridge.
    Bridge(Box<BridgeInfo>),
    /// A dummy.
    Dummy,
    /// An ipvlan device: mode and flag.
    Ipvlan(IpvlanMode, IpvlanFlag),
    /// A macvlan or macvtap.
    Macvlan(Box<MacvlanInfo>),
    /// A TAP.
    Tap(TapInfo),
    /// An end of a virtual cable.
    Veth,
    /// A VLAN device.
    Vlan(Box<VlanDeviceInfo>),
    /// A VXLAN device.
    Vxlan(Box<VxlanInfo>),
}

impl KindInfo {
    /// Returns the kind as `type KIND` and `ip -d` write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bridge(_) => "bridge",
            Self::Dummy => "dummy",
            Self::Ipvlan(..) => "ipvlan",
            Self::Macvlan(macvlan) if macvlan.tap => "macvtap",
            Self::Macvlan(_) => "macvlan",
            Self::Tap(_) => "tun",
            Self::Veth => "veth",
            Self::Vlan(_) => "vlan",
            Self::Vxlan(_) => "vxlan",
        }
    }
}

/// Data of a macvlan or macvtap (`IFLA_MACVLAN_…`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacvlanInfo {
    /// It is a macvtap.
    pub tap: bool,
    /// The mode's word.
    pub mode: &'static str,
    /// In passthru mode, the lower is not made promiscuous.
    pub nopromisc: bool,
    /// What it gets by its source is for nobody else.
    pub nodst: bool,
    /// What it asks the queue for groups to have room for.
    pub bcqueuelen: u32,
    /// What that has room for.
    pub usedbcqueuelen: u32,
    /// `bclim`, where it is not 1.
    pub bclim: Option<i32>,
    /// In source mode: the sources, in the kernel's order.
    pub sources: Option<Vec<MacAddr>>,
}

/// Data of a TAP (`IFLA_TUN_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapInfo {
    /// Whether each frame has a packet information header.
    pub pi: bool,
    /// Whether each frame has a virtio-net header.
    pub vnet_hdr: bool,
    /// With several queues: how many are (enabled, disabled).
    pub multi_queue: Option<(u32, u32)>,
    /// Whether it stays when no process has it open.
    pub persist: bool,
}

/// Data of a bridge (`IFLA_BR_…`); times and timers in 1/100 s.
///
/// iproute2 6.1 prints the bridge's own id as `designated_root`, so the root's is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeInfo {
    /// Seconds/100 in listening and in learning state.
    pub forward_delay: u32,
    /// Between two BPDUs of the root.
    pub hello_time: u32,
    /// Until received BPDU information is forgotten.
    pub max_age: u32,
    /// Until an idle learned entry goes.
    pub ageing_time: u32,
    /// 0 none, 1 the kernel's, 2 a program's spanning tree.
    pub stp_state: u32,
    /// Bridge priority.
    pub priority: u16,
    /// Whether VLANs are told apart.
    pub vlan_filtering: bool,
    /// Bridge identifier.
    pub bridge_id: BridgeId,
    /// Number of the root port, 0 for none.
    pub root_port: u16,
    /// Cost of the path to the root.
    pub root_path_cost: u32,
    /// Whether a topology change is being told.
    pub topology_change: bool,
    /// Whether this bridge found a topology change.
    pub topology_change_detected: bool,
    /// Left until the next hello.
    pub hello_timer: u64,
    /// Left until the next topology change notification.
    pub tcn_timer: u64,
    /// Left until the topology change is over.
    pub topology_change_timer: u64,
    /// Left until the FDB is swept.
    pub gc_timer: u64,
    /// EtherType of the tags that are looked at.
    pub vlan_protocol: u16,
    /// PVID of new ports, 0 for none.
    pub vlan_default_pvid: u16,
    /// Whether frames are counted by VLAN.
    pub vlan_stats_enabled: bool,
    /// Whether these counters are kept by port.
    pub vlan_stats_per_port: bool,
    /// Reserved group addresses forwarded nevertheless, a bit for each.
    pub group_fwd_mask: u16,
    /// Destination of BPDUs.
    pub group_addr: MacAddr,
    /// Whether nothing is learned from reserved group addresses.
    pub no_linklocal_learn: bool,
    /// Whether multicast group membership is followed.
    pub mcast_snooping: bool,
    /// What else there is about that.
    pub mcast: McastInfo,
}

/// Data of a bridge about multicast snooping (`IFLA_BR_MCAST_…`). The default is the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McastInfo {
    /// Whether membership is followed by VLAN.
    pub vlan_snooping: bool,
    /// 0 never, 1 while queries are heard, 2 always: the bridge itself has a multicast router.
    pub router: u8,
    /// Whether queries carry the bridge's own address.
    pub query_use_ifaddr: bool,
    /// Whether the bridge queries.
    pub querier: bool,
    /// Most groups.
    pub hash_max: u32,
    /// Whether reports, leaves and queries are counted.
    pub stats_enabled: bool,
    /// Version, counts and intervals of queries.
    pub query: McastQuery,
}

impl Default for McastInfo {
    fn default() -> Self {
        Self {
            vlan_snooping: false,
            router: 1,
            query_use_ifaddr: false,
            querier: false,
            hash_max: 4096,
            stats_enabled: false,
            query: McastQuery::default(),
        }
    }
}

/// How a bridge queries for members, as a whole or in one VLAN; intervals in 1/100 s. The default is the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McastQuery {
    /// Queries after a leave.
    pub last_member_count: u32,
    /// Queries at the start.
    pub startup_query_count: u32,
    /// Between queries after a leave.
    pub last_member_interval: u64,
    /// Until a member is forgotten.
    pub membership_interval: u64,
    /// Until another querier is forgotten.
    pub querier_interval: u64,
    /// Between queries.
    pub query_interval: u64,
    /// In which members answer.
    pub query_response_interval: u64,
    /// Between queries at the start.
    pub startup_query_interval: u64,
    /// 2 or 3.
    pub igmp_version: u8,
    /// 1 or 2.
    pub mld_version: u8,
}

impl Default for McastQuery {
    fn default() -> Self {
        Self {
            last_member_count: 2,
            startup_query_count: 2,
            last_member_interval: 100,
            membership_interval: 26_000,
            querier_interval: 25_500,
            query_interval: 12_500,
            query_response_interval: 1_000,
            // 31.25 s, kept by the kernel in ticks of 4 ms and so rounded down.
            startup_query_interval: 3_124,
            igmp_version: 2,
            mld_version: 1,
        }
    }
}

/// Data of a bridge port (`IFLA_BRPORT_…`); timers in 1/100 s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking.
    pub state: u8,
    /// Port priority, 0 to 63.
    pub priority: u16,
    /// Path cost.
    pub cost: u32,
    /// Frames may leave where they came in.
    pub hairpin: bool,
    /// BPDUs close the port.
    pub guard: bool,
    /// May not become root port.
    pub root_block: bool,
    /// Multicast groups are left at once.
    pub fastleave: bool,
    /// Learns.
    pub learning: bool,
    /// Unknown unicast is sent here.
    pub flood: bool,
    /// Port identifier: priority and number.
    pub id: u16,
    /// Port number, from 1.
    pub no: u16,
    /// Identifier of the designated port of this LAN.
    pub designated_port: u16,
    /// Cost of the designated bridge's path to the root.
    pub designated_cost: u16,
    /// The designated bridge of this LAN.
    pub designated_bridge: BridgeId,
    /// The root, as the designated bridge sees it.
    pub designated_root: BridgeId,
    /// Left until another BPDU may be sent.
    pub hold_timer: u64,
    /// Left until the received information is too old.
    pub message_age_timer: u64,
    /// Left in listening or learning state.
    pub forward_delay_timer: u64,
    /// Whether the next BPDU acknowledges a topology change.
    pub topology_change_ack: bool,
    /// Whether a BPDU waits for the hold timer.
    pub config_pending: bool,
    /// Answers ARP requests for others.
    pub proxy_arp: bool,
    /// The same, for wireless.
    pub proxy_arp_wifi: bool,
    /// 0 never, 1 learned, 2 always, 3 for now: has a multicast router.
    pub multicast_router: u8,
    /// Multicast without known members is sent here.
    pub mcast_flood: bool,
    /// Broadcast is sent here.
    pub bcast_flood: bool,
    /// Multicast is sent as unicast to each member.
    pub mcast_to_unicast: bool,
    /// ARP and neighbour discovery are not flooded here.
    pub neigh_suppress: bool,
    /// Reserved group addresses forwarded nevertheless, a bit for each.
    pub group_fwd_mask: u16,
    /// VLANs are mapped to tunnels.
    pub vlan_tunnel: bool,
    /// Exchanges no frames with other isolated ports.
    pub isolated: bool,
    /// Takes frames of known stations only.
    pub locked: bool,
    /// Ifindex of the port that takes over.
    pub backup_port: Option<u32>,
}

/// Flags of an address (`IFA_F_…`).
pub mod addr_flags {
    /// Another address of the same prefix came first.
    pub const SECONDARY: u32 = 1 << 0;
    /// Not checked for duplicates.
    pub const NODAD: u32 = 1 << 1;
    /// Is being checked for duplicates.
    pub const TENTATIVE: u32 = 1 << 6;
    /// Given by a user, without lifetime. Without it, an address prints `dynamic`.
    pub const PERMANENT: u32 = 1 << 7;
    /// Makes no prefix route.
    pub const NOPREFIXROUTE: u32 = 1 << 9;
}

/// Scope of an address (`RT_SCOPE_…`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Valid everywhere.
    #[default]
    Global,
    /// Valid on this link.
    Link,
    /// Valid on this host.
    Host,
    /// Another number.
    Other(u8),
}

impl From<u8> for Scope {
    fn from(scope: u8) -> Self {
        match scope {
            0 => Self::Global,
            253 => Self::Link,
            254 => Self::Host,
            other => Self::Other(other),
        }
    }
}

/// An address (`RTM_NEWADDR`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrRecord {
    /// The netdev.
    pub ifindex: u32,
    /// The address.
    pub local: IpAddr,
    /// The other end of a point-to-point wire.
    pub peer: Option<IpAddr>,
    /// Prefix length.
    pub prefix: u8,
    /// Broadcast address.
    pub broadcast: Option<IpAddr>,
    /// Scope.
    pub scope: Scope,
    /// Bits of [`addr_flags`].
    pub flags: u32,
    /// Label: the netdev's name when it was added (IPv4 only).
    pub label: Option<String>,
}

/// States of an FDB entry (`NUD_…`).
pub mod fdb_state {
    /// Learned, or added as `dynamic`: ages.
    pub const REACHABLE: u16 = 0x02;
    /// Idle for longer than the ageing time.
    pub const STALE: u16 = 0x04;
    /// `static`: does not age.
    pub const NOARP: u16 = 0x40;
    /// `permanent`: an address of the bridge itself.
    pub const PERMANENT: u16 = 0x80;
}

/// Flags of an FDB entry (`NTF_…`).
pub mod fdb_flags {
    /// In the netdev's own list, not the bridge's.
    pub const SELF: u8 = 0x02;
    /// In the list of the netdev's master.
    pub const MASTER: u8 = 0x04;
    /// Learned by somebody else and told to the bridge.
    pub const EXT_LEARNED: u8 = 0x10;
    /// Known to the hardware.
    pub const OFFLOADED: u8 = 0x20;
    /// Does not move to another port.
    pub const STICKY: u8 = 0x40;
    /// Leads to a router.
    pub const ROUTER: u8 = 0x80;
}

/// An FDB entry (`RTM_NEWNEIGH` of `AF_BRIDGE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbRecord {
    /// The station.
    pub mac: MacAddr,
    /// The netdev it is on: a port, the bridge, or whose own list it is in.
    pub ifindex: u32,
    /// The VLAN; `None` for entries without (VID 0).
    pub vlan: Option<u16>,
    /// Ifindex of the bridge; `None` for entries in a netdev's own list.
    pub master: Option<u32>,
    /// Bits of [`fdb_flags`].
    pub flags: u8,
    /// Bits of [`fdb_state`].
    pub state: u16,
    /// Seconds since (a frame was sent to it or it was added, it was last seen or changed); own lists keep none.
    pub ages: Option<(u64, u64)>,
    /// Where it leads: of a VXLAN device's own table.
    pub endpoint: Option<EndpointRecord>,
}

/// A named namespace, as another one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetnsRecord {
    /// Its name.
    pub name: String,
    /// Its id in the namespace that asks; `None` while nothing there leads to it.
    pub id: Option<i32>,
}
