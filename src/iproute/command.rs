//! Commands as values: what a script says, before anything is looked up or applied.
//!
//! Names and option groups are iproute2's. `Option` means "not given". Names of netdevs and
//! namespaces are as written; whether they exist is decided when the command is applied.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::wire::{MacAddr, Vid};

/// One command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `ip …` or `bridge …`, also behind `ip netns exec NS` and `sudo`.
    Net(Box<NetCommand>),
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

/// An `ip` or `bridge` command.
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
}

/// What an `ip` or `bridge` command does.
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
    /// `type bridge …` or `type bridge_slave …`.
    pub kind: Option<LinkSetKind>,
}

/// Kind-specific options of `ip link set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkSetKind {
    /// `type bridge [options]`.
    Bridge(BridgeOptions),
    /// `type bridge_slave [options]`.
    Port(PortOptions),
}

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
    /// `mcast_snooping 0` (the only value there is so far; 1 is refused by the parser).
    pub mcast_snooping: Option<bool>,
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
    /// `group_fwd_mask N` (`ip link set … type bridge_slave` only).
    pub group_fwd_mask: Option<u16>,
    /// `backup_port DEV` (`Some(Some)`) or `nobackup_port` (`Some(None)`).
    pub backup_port: Option<Option<String>>,
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

/// The three spellings of adding an FDB entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbHow {
    /// `add`: create, and fail if it exists (`NLM_F_CREATE | NLM_F_EXCL`).
    Add,
    /// `append`: create, or change (`NLM_F_CREATE | NLM_F_APPEND`).
    Append,
    /// `replace`: create, or change (`NLM_F_CREATE | NLM_F_REPLACE`).
    Replace,
}

/// The lifetime asked for an FDB entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FdbState {
    /// `local` or `permanent`, and what iproute2 takes when nothing is said.
    #[default]
    Permanent,
    /// `static`, `temp`.
    Static,
    /// `dynamic`.
    Dynamic,
}

/// `bridge fdb add|append|replace|del MAC dev DEV …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbSpec {
    /// The station.
    pub mac: MacAddr,
    /// The port, or the bridge itself.
    pub dev: String,
    /// `self`; also when neither `self` nor `master` is given.
    pub on_self: bool,
    /// `master`.
    pub on_master: bool,
    /// `local|permanent`, `static|temp`, `dynamic`.
    pub state: FdbState,
    /// `sticky`.
    pub sticky: bool,
    /// `extern_learn`.
    pub extern_learn: bool,
    /// `use`.
    pub touch: bool,
    /// `vlan VID`.
    pub vlan: Option<Vid>,
}

/// `bridge fdb show [br BR] [brport DEV] [dev DEV] [vlan VID] [state STATE] [dynamic]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FdbFilter {
    /// `br BRIDGE`.
    pub br: Option<String>,
    /// `dev DEV` or `brport DEV`.
    pub dev: Option<String>,
    /// `vlan VID`.
    pub vlan: Option<u16>,
    /// `state permanent|static|stale|reachable`; `None` for `all`.
    pub state: Option<FdbShowState>,
    /// `dynamic`.
    pub dynamic: bool,
}

/// States that `bridge fdb show state …` selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbShowState {
    /// `permanent`.
    Permanent,
    /// `static`, `temp`.
    Static,
    /// `stale`.
    Stale,
    /// `reachable`.
    Reachable,
}

/// `bridge fdb get [to] MAC [br BR] [brport DEV|dev DEV] [vlan VID] [self|master] [dynamic]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbGet {
    /// The station.
    pub mac: MacAddr,
    /// `br BRIDGE`.
    pub br: Option<String>,
    /// `dev DEV` or `brport DEV`.
    pub dev: Option<String>,
    /// `vlan VID`.
    pub vlan: Option<Vid>,
    /// `self`.
    pub on_self: bool,
    /// `master`.
    pub on_master: bool,
    /// `dynamic`.
    pub dynamic: bool,
}

/// `bridge fdb flush dev DEV [brport DEV] [vlan VID] [self] [master] [[no]permanent] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbFlush {
    /// The bridge, or a port.
    pub dev: String,
    /// `brport DEV`.
    pub brport: Option<String>,
    /// `vlan VID`.
    pub vlan: Option<Vid>,
    /// `self`.
    pub on_self: bool,
    /// `master`.
    pub on_master: bool,
    /// `permanent` or `nopermanent`.
    pub permanent: Option<bool>,
    /// `static` or `nostatic`.
    pub statics: Option<bool>,
    /// `dynamic` or `nodynamic`.
    pub dynamic: Option<bool>,
    /// `added_by_user` or `noadded_by_user`.
    pub added_by_user: Option<bool>,
    /// `extern_learn` or `noextern_learn`.
    pub extern_learn: Option<bool>,
    /// `sticky` or `nosticky`.
    pub sticky: Option<bool>,
}
