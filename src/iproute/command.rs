//! Commands as values: what a script says, before anything is looked up or applied.
//!
//! Names and option groups are iproute2's. `Option` means "not given". Names of netdevs and
//! namespaces are as written; whether they exist is decided when the command is applied.

mod fdb;
mod guard;
mod loops;
mod mdb;
mod neigh;
mod options;
mod tree;
mod vlan;
mod vxlan;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::netdev::ipvlan::IpvlanChange;
use crate::netdev::macvlan::MacvlanChange;
use crate::switch::mdb::Family;
use crate::wire::MacAddr;

pub use fdb::{FdbFilter, FdbFlush, FdbGet, FdbHow, FdbShowState, FdbSpec, FdbState};
pub use guard::{BindingEdit, GuardOptions, PrivateRole, StormLimit, Violation};
pub use loops::LoopOptions;
pub use mdb::{FilterMode, MdbFilter, MdbGroup, MdbHow, MdbSpec};
pub use neigh::{NeighFilter, NeighGet, NeighHow, NeighSpec, nud};
pub use options::{BridgeOptions, PortOptions};
pub use tree::{Admin, PortTreeOptions, StpMode, TreeOptions};
pub use vlan::{
    VidRange, VlanDeviceOptions, VlanFilter, VlanGlobalOptions, VlanGlobalSet, VlanSet, VlanSpec,
};
pub use vxlan::{FdbEndpoint, VxlanOptions};

/// One command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `ip …`, `bridge …` or `tapswitch …`, also behind `ip netns exec NS` and `sudo`.
    Net(Box<NetCommand>),
    /// `ip neigh …` in a namespace: what the model keeps, from which its bridges answer; and the program with its
    /// arguments, for the namespace's own stack, which has neighbours of its own.
    Neigh(Box<NetCommand>, Vec<String>),
    /// Any other program behind `ip netns exec NS`: (namespace, program and arguments).
    Exec(String, Vec<String>),
    /// `sleep N[s|m|h]`, fractions allowed.
    Sleep(Duration),
    /// `set -e` (true) or `set +e` (false); other single-letter options of `set` are understood and have no effect.
    ErrExit(bool),
    /// `echo WORDS…`.
    Echo(String),
    /// `true`, `:` (0) and `false` (1), and other commands that do nothing but have a status.
    Status(u8),
    /// `exit [N]`; `None` keeps the last status.
    Exit(Option<u8>),
}

/// An `ip`, `bridge` or `tapswitch` command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetCommand {
    /// `-n NS`, or the namespace of `ip netns exec`; `None` is the script's own.
    pub ns: Option<String>,
    /// How a show command prints.
    pub format: Format,
    /// What to do.
    pub verb: Verb,
}

/// Output options, common to `ip` and `bridge`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// `-j`.
    pub json: bool,
    /// `-p`: indented JSON.
    pub pretty: bool,
    /// `-d`.
    pub details: bool,
    /// `-s`, possibly twice.
    pub statistics: u8,
    /// `-o`: one line per record.
    pub oneline: bool,
    /// `-br` (`ip` only).
    pub brief: bool,
    /// `-c` of `bridge vlan show`: VLANs in a row as one range (`-compressvlans`).
    pub compress_vlans: bool,
}

/// What an `ip`, `bridge` or `tapswitch` command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `ip netns add NAME`.
    NetnsAdd(String),
    /// `ip netns del NAME`.
    NetnsDel(String),
    /// `ip netns [list]`.
    NetnsList,
    /// `ip link add …`.
    LinkAdd(LinkAdd),
    /// `ip link set …`.
    LinkSet(LinkSet),
    /// `ip link del …`.
    LinkDel(String),
    /// `ip link show …`.
    LinkShow(LinkFilter),
    /// `ip link xstats type bridge|bridge_slave …`.
    LinkXstats(XstatsFilter),
    /// `ip tuntap add [dev] NAME mode tap …`.
    TuntapAdd(String),
    /// `ip tuntap del [dev] NAME mode tap`.
    TuntapDel(String),
    /// `ip tuntap [show]`.
    TuntapShow,
    /// `ip addr add …`.
    AddrAdd(Addr),
    /// `ip addr replace|change …`: add, or leave as it is. The kernel does not tell the two apart.
    AddrReplace(Addr),
    /// `ip addr del …`.
    AddrDel(Addr),
    /// `ip addr flush …`.
    AddrFlush(AddrFlush),
    /// `ip addr show …`.
    AddrShow(LinkFilter),
    /// `sysctl -w net.ipv4.igmp_link_local_mcast_reports=0|1`, and `net.ipv6.conf.all.disable_ipv6=1|0`: whether
    /// the stacks of a namespace's bridges report that they are snoopers.
    StackReports(Vec<(Family, bool)>),
    /// `bridge link set dev DEV …`.
    BridgeLinkSet(String, PortOptions),
    /// `bridge link [show] …`.
    BridgeLinkShow(LinkFilter),
    /// `bridge fdb add|append|replace MAC dev DEV …`.
    FdbAdd(FdbHow, FdbSpec),
    /// `bridge fdb del MAC dev DEV …`.
    FdbDel(FdbSpec),
    /// `bridge fdb [show] …`.
    FdbShow(FdbFilter),
    /// `bridge fdb get MAC …`.
    FdbGet(FdbGet),
    /// `bridge fdb flush dev DEV …`.
    FdbFlush(FdbFlush),
    /// `bridge vlan add …`.
    VlanAdd(VlanSpec),
    /// `bridge vlan del …`.
    VlanDel(VlanSpec),
    /// `bridge vlan set …`.
    VlanSet(VlanSet),
    /// `bridge vlan [show] …`.
    VlanShow(VlanFilter),
    /// `bridge vlan global set …`.
    VlanGlobalSet(VlanGlobalSet),
    /// `bridge vlan global [show] …`.
    VlanGlobalShow(VlanFilter),
    /// `bridge mdb add|replace …`.
    MdbAdd(MdbHow, MdbSpec),
    /// `bridge mdb del …`.
    MdbDel(MdbSpec),
    /// `bridge mdb [show] …`.
    MdbShow(MdbFilter),
    /// `ip neigh add|change|replace …`.
    NeighAdd(NeighHow, NeighSpec),
    /// `ip neigh del …`.
    NeighDel(NeighSpec),
    /// `ip neigh [show] …`.
    NeighShow(NeighFilter),
    /// `ip neigh flush …`.
    NeighFlush(NeighFilter),
    /// `ip neigh get …`.
    NeighGet(NeighGet),
    /// `tapswitch cable add dev NETDEV peer NETDEV`.
    CableAdd(String, String),
    /// `tapswitch cable del dev NETDEV`.
    CableDel(String),
    /// `tapswitch cable [show] [dev NETDEV]`.
    CableShow(Option<String>),
    /// `tapswitch port set dev PORT …`.
    GuardSet(String, GuardOptions),
    /// `tapswitch port [show] [dev PORT]`.
    GuardShow(Option<String>),
    /// `tapswitch bridge set dev BRIDGE …`.
    TreeSet(String, TreeOptions),
    /// `tapswitch bridge [show] [dev BRIDGE]`.
    TreeShow(Option<String>),
    /// `tapswitch stp [show] [dev BRIDGE]`.
    StpShow(Option<String>),
}

/// `ip link add [link LOWER] [name] NAME [common options] type KIND [kind options]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAdd {
    /// The netdev's name; `None` lets the kernel choose (`veth0`, `bridge0`, `dummy0`).
    pub name: Option<String>,
    /// Options that any kind takes.
    pub common: LinkCommon,
    /// What to make.
    pub kind: LinkAddKind,
}

/// Kinds of netdev that `ip link add` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAddKind {
    /// `type bridge [options]`.
    Bridge(BridgeOptions),
    /// `type veth [peer [name] NAME [common options]]`.
    Veth {
        /// The peer's name; `None` lets the kernel choose.
        peer: Option<String>,
        /// The peer's own options (`netns` included).
        common: LinkCommon,
    },
    /// `type dummy`.
    Dummy,
    /// `link LOWER … type vlan id V [options]`.
    Vlan {
        /// The netdev under it; the kernel refuses to make one without.
        lower: Option<String>,
        /// Its options.
        options: VlanDeviceOptions,
    },
    /// `link LOWER … type macvlan [options]` and `type macvtap`.
    Macvlan {
        /// The netdev under it; the kernel refuses to make one without.
        lower: Option<String>,
        /// A macvtap.
        tap: bool,
        /// Its options.
        options: MacvlanChange,
    },
    /// `link LOWER … type ipvlan [mode MODE] [bridge|private|vepa]`.
    Ipvlan {
        /// The netdev under it; the kernel refuses to make one without.
        lower: Option<String>,
        /// Its options.
        options: IpvlanChange,
    },
    /// `type vxlan id VNI [options]`.
    Vxlan(Box<VxlanOptions>),
}

/// Options of `ip link add` and `ip link set` that do not depend on the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCommon {
    /// `up` (true) or `down` (false).
    pub up: Option<bool>,
    /// `address MAC`.
    pub address: Option<MacAddr>,
    /// `mtu N`.
    pub mtu: Option<u32>,
    /// `netns NAME`: make it in, or move it to, that namespace.
    pub netns: Option<String>,
    /// `txqueuelen N`.
    pub txqlen: Option<u32>,
    /// `master DEV` (`Some(Some)`) or `nomaster` (`Some(None)`).
    pub master: Option<Option<String>>,
    /// `name NEW` (`ip link set` only: rename).
    pub rename: Option<String>,
    /// `promisc on|off`.
    pub promisc: Option<bool>,
    /// `allmulticast on|off`.
    pub allmulticast: Option<bool>,
    /// `multicast on|off`.
    pub multicast: Option<bool>,
    /// `arp on|off`.
    pub arp: Option<bool>,
    /// `alias TEXT`.
    pub alias: Option<String>,
}

/// `ip link set [dev] NAME …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSet {
    /// The netdev.
    pub dev: String,
    /// Options that any kind takes.
    pub common: LinkCommon,
    /// `type bridge …`, `type bridge_slave …`, `type vlan …`, `type macvlan …` or `type ipvlan …`.
    pub kind: Option<LinkSetKind>,
}

/// Kind-specific options of `ip link set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkSetKind {
    /// `type bridge [options]`.
    Bridge(BridgeOptions),
    /// `type bridge_slave [options]`.
    Port(PortOptions),
    /// `type vlan [options]`.
    Vlan(VlanDeviceOptions),
    /// `type macvlan [options]` and `type macvtap`.
    Macvlan {
        /// `macvtap`.
        tap: bool,
        /// Its options.
        options: MacvlanChange,
    },
    /// `type ipvlan [options]`.
    Ipvlan(IpvlanChange),
    /// `type vxlan [options]`.
    Vxlan(Box<VxlanOptions>),
}

/// Which netdevs a show command is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFilter {
    /// `[dev] NAME`.
    pub dev: Option<String>,
    /// `master BRIDGE`.
    pub master: Option<String>,
    /// `nomaster`.
    pub no_master: bool,
    /// `up`.
    pub up: bool,
    /// `type KIND`.
    pub kind: Option<String>,
    /// `ip -4 addr` (true), `ip -6 addr` (false): netdevs with addresses of that family, and those.
    pub ipv4: Option<bool>,
}

/// `ip link xstats type bridge|bridge_slave [mcast|igmp|stp] [dev DEV]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XstatsFilter {
    /// Of ports (`bridge_slave`) rather than of bridges.
    pub ports: bool,
    /// One part only.
    pub part: Option<XstatsPart>,
    /// `dev DEV`.
    pub dev: Option<String>,
}

/// Parts of `ip link xstats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XstatsPart {
    /// `mcast` or `igmp`: messages of IGMP and MLD.
    Multicast,
    /// `stp`: BPDUs and transitions.
    Stp,
}

/// `ip addr add|replace|change|del ADDRESS[/PREFIX] dev DEV`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addr {
    /// The netdev.
    pub dev: String,
    /// The address.
    pub address: IpAddr,
    /// Prefix length, of the peer if there is one; /32 or /128 when not written.
    pub prefix: u8,
    /// No prefix length was written: an IPv4 address is deleted whatever length it has.
    pub any_prefix: bool,
    /// `peer ADDRESS[/PREFIX]`: the other end of a point-to-point wire.
    pub peer: Option<IpAddr>,
    /// `broadcast ADDR`; `brd +` and `brd -` (host bits all ones, all zeros) are worked out.
    pub broadcast: Option<Ipv4Addr>,
    /// `scope SCOPE` (`RT_SCOPE_…`).
    pub scope: Option<u8>,
    /// `label NAME`.
    pub label: Option<String>,
    /// `nodad` (IPv6).
    pub nodad: bool,
    /// `noprefixroute`.
    pub noprefixroute: bool,
}

/// `ip [-4|-6] addr flush [dev DEV] [scope SCOPE] [to PREFIX] [label NAME] [primary|secondary]`.
/// What is given must all fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddrFlush {
    /// The netdev.
    pub dev: Option<String>,
    /// IPv4 (true) or IPv6 (false) only.
    pub ipv4: Option<bool>,
    /// `scope SCOPE` (`RT_SCOPE_…`).
    pub scope: Option<u8>,
    /// `to PREFIX`: addresses in it.
    pub to: Option<(IpAddr, u8)>,
    /// `label NAME`.
    pub label: Option<String>,
    /// `secondary` (true) or `primary` (false).
    pub secondary: Option<bool>,
}
