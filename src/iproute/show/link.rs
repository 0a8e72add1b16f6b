//! `ip link show`, and the first lines of `ip addr show` (ip/ipaddress.c: `print_linkinfo`).

use std::borrow::Cow;
use std::fmt::Write;

use super::ShowError;
use super::link_info;
use super::printer::Printer;
use super::record::{AddrGenMode, LinkRecord, NetnsRecord, OperState, link_flags};
use super::stats;
use crate::iproute::command::{Format, LinkFilter};

/// Kinds that a kernel with all link modules knows, of those that scripts name: it leaves the others out of a dump by itself.
const KERNEL_KINDS: [&str; 9] = [
    "bridge", "dummy", "ipvlan", "macvlan", "macvtap", "tun", "veth", "vlan", "vxlan",
];

/// Prints `ip link show` for the netdevs of a namespace, given in the order of their ifindex.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show(
    links: &[LinkRecord],
    netns: &[NetnsRecord],
    filter: &LinkFilter,
    format: Format,
) -> Result<String, ShowError> {
    let chosen = Chosen::new(links, filter)?;
    let mut printer = Printer::new(format);
    // With a name, the one netdev is asked for, and nothing is left out by the kernel.
    for link in links
        .iter()
        .filter(|link| chosen.dumped(link, filter.dev.is_some()))
    {
        printer.open();
        if chosen.printed(link) {
            print(
                &mut printer,
                Links(links),
                netns,
                link,
                format,
                Command::Link,
            );
        }
        printer.close();
    }
    Ok(printer.finish())
}

/// Which of the two commands prints a netdev; their lines differ a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `ip link`.
    Link,
    /// `ip addr`.
    Addr,
    /// `ip -4 addr`, `ip -6 addr`.
    FamilyAddr,
}

/// A link filter with its names looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen<'a> {
    dev: Option<u32>,
    master: Option<u32>,
    no_master: bool,
    pub(super) up: bool,
    kind: Option<&'a str>,
    port_kind: Option<&'a str>,
}

impl<'a> Chosen<'a> {
    /// Looks the filter's names up, in the order in which `ip` does: `master` first.
    pub(super) fn new(links: &[LinkRecord], filter: &'a LinkFilter) -> Result<Self, ShowError> {
        let find = |name: &String| {
            links
                .iter()
                .find(|link| link.name == *name)
                .map(|link| link.ifindex)
        };
        let master = match &filter.master {
            Some(name) => Some(find(name).ok_or_else(|| ShowError::NoMaster(name.clone()))?),
            None => None,
        };
        let dev = match &filter.dev {
            Some(name) => Some(find(name).ok_or_else(|| ShowError::NoDevice(name.clone()))?),
            None => None,
        };
        let kind = filter.kind.as_deref();
        let port_kind = kind.and_then(|kind| kind.strip_suffix("_slave"));
        let kind = if port_kind.is_some() { None } else { kind };
        Ok(Self {
            dev,
            master,
            no_master: filter.no_master,
            up: filter.up,
            kind,
            port_kind,
        })
    }

    /// Whether the kernel's answer has this netdev: all of it for one asked for by name, else `link_dump_filtered`.
    pub(super) fn dumped(&self, link: &LinkRecord, by_name: bool) -> bool {
        if by_name {
            return self.dev == Some(link.ifindex);
        }
        self.master.is_none_or(|master| link.master == Some(master))
            && !(self.no_master && link.master.is_some())
            && self
                .kind
                .is_none_or(|kind| !KERNEL_KINDS.contains(&kind) || kind_of(link) == Some(kind))
    }

    /// Whether `ip` prints this netdev of the kernel's answer. Where not, JSON has an empty object for it.
    pub(super) fn printed(&self, link: &LinkRecord) -> bool {
        let port_kind = link.port.as_ref().map(|_| "bridge");
        (!self.up || link.has(link_flags::UP))
            && self.master.is_none_or(|master| link.master == Some(master))
            && self.kind.is_none_or(|kind| kind_of(link) == Some(kind))
            && self.port_kind.is_none_or(|kind| port_kind == Some(kind))
    }
}

fn kind_of(link: &LinkRecord) -> Option<&'static str> {
    link.kind.as_ref().map(super::record::KindInfo::name)
}

/// The netdevs of a namespace, in the order of their ifindex (lib/ll_map.c).
#[derive(Clone, Copy, Debug)]
pub(super) struct Links<'a>(pub(super) &'a [LinkRecord]);

impl<'a> Links<'a> {
    pub(super) fn get(self, ifindex: u32) -> Option<&'a LinkRecord> {
        let at = self
            .0
            .binary_search_by_key(&ifindex, |link| link.ifindex)
            .ok()?;
        self.0.get(at)
    }

    /// Returns the name, `if7` for an ifindex that nobody has (`ll_index_to_name`).
    pub(super) fn name(self, ifindex: u32) -> Cow<'a, str> {
        self.get(ifindex).map_or_else(
            || format!("if{ifindex}").into(),
            |link| link.name.as_str().into(),
        )
    }
}

/// Prints one netdev (`print_linkinfo`).
pub(super) fn print(
    printer: &mut Printer,
    links: Links<'_>,
    netns: &[NetnsRecord],
    link: &LinkRecord,
    format: Format,
    command: Command,
) {
    if format.brief {
        print_brief(printer, links, link, command);
        return;
    }
    printer.field("ifindex", link.ifindex, format_args!("{}: ", link.ifindex));
    let lower_down = print_name(printer, links, link, link.link_netnsid, |name| {
        format!("{name}: ")
    });
    print_flags(printer, link, lower_down);
    printer.number("mtu", link.mtu);
    if !link.qdisc.is_empty() {
        printer.labelled("qdisc", "qdisc", &link.qdisc);
    }
    if let Some(master) = link.master {
        printer.labelled("master", "master", &*links.name(master));
    }
    printer.labelled("operstate", "state", operstate(link.operstate));
    if command == Command::Link {
        printer.labelled("linkmode", "mode", "DEFAULT");
    }
    // IPv6's own dump of netdevs has neither of the two.
    if !link.qdisc.is_empty() {
        printer.labelled("group", "group", "default");
    }
    if link.txqlen != 0 {
        printer.field("txqlen", link.txqlen, format_args!("qlen {}", link.txqlen));
    }
    if command != Command::FamilyAddr || format.details {
        print_address(printer, link);
    }
    print_link_netns(printer, netns, link);
    if format.details {
        print_details(printer, links, link, command);
    }
    if command == Command::Link || format.details {
        print_alias(printer, link);
    }
    if command == Command::Link && format.statistics > 0 {
        printer.line();
        stats::print(printer, &link.stats, format);
    }
    printer.text('\n');
}

/// Prints one netdev for `-br` (`print_linkinfo_brief`); `ip addr` puts its addresses behind.
fn print_brief(printer: &mut Printer, links: Links<'_>, link: &LinkRecord, command: Command) {
    let lower_down = print_name(printer, links, link, link.link_netnsid, |name| {
        format!("{name:16} ")
    });
    let state = operstate(link.operstate);
    printer.field("operstate", state, format_args!("{state:14} "));
    if command == Command::Link {
        let address = link.address.to_string();
        printer.field("address", &address, format_args!("{address} "));
        print_flags(printer, link, lower_down);
        printer.text('\n');
    }
}

/// Prints the name and what it is linked to (`print_name_and_link`): `p1@p2` in one namespace, `p1@if2` across.
/// Returns whether the netdev linked to, in this namespace, is down.
pub(super) fn print_name(
    printer: &mut Printer,
    links: Links<'_>,
    link: &LinkRecord,
    link_netnsid: Option<i32>,
    text: impl Fn(&str) -> String,
) -> bool {
    let mut shown = Cow::from(link.name.as_str());
    let mut lower_down = false;
    if let Some(ifindex) = link.link {
        if link_netnsid.is_some() {
            printer.json_field("link_index", ifindex);
            shown = format!("{shown}@if{ifindex}").into();
        } else {
            let name = links.name(ifindex);
            printer.json_field("link", &*name);
            shown = format!("{shown}@{name}").into();
            lower_down = links
                .get(ifindex)
                .is_some_and(|lower| !lower.has(link_flags::UP));
        }
    }
    let text = text(&shown);
    printer.field("ifname", &link.name, text);
    lower_down
}

/// Prints `<NO-CARRIER,BROADCAST,…,M-DOWN> ` (`print_link_flags`).
pub(super) fn print_flags(printer: &mut Printer, link: &LinkRecord, lower_down: bool) {
    use link_flags as f;
    const NAMES: [(u32, &str); 9] = [
        (f::LOOPBACK, "LOOPBACK"),
        (f::BROADCAST, "BROADCAST"),
        (f::POINTOPOINT, "POINTOPOINT"),
        (f::MULTICAST, "MULTICAST"),
        (f::NOARP, "NOARP"),
        (f::ALLMULTI, "ALLMULTI"),
        (f::PROMISC, "PROMISC"),
        (f::UP, "UP"),
        (f::LOWER_UP, "LOWER_UP"),
    ];
    printer.open_flags();
    let mut left = link.flags & !f::RUNNING;
    if link.has(f::UP) && !link.has(f::RUNNING) {
        printer.element("NO-CARRIER", "NO-CARRIER,");
    }
    for (flag, name) in NAMES {
        if left & flag != 0 {
            left &= !flag;
            printer.element(
                name,
                format_args!("{name}{}", if left == 0 { "" } else { "," }),
            );
        }
    }
    if left != 0 {
        let hex = format!("{left:x}");
        printer.element(&hex, &hex);
    }
    if lower_down {
        printer.element("M-DOWN", ",M-DOWN");
    }
    printer.close_flags();
}

pub(super) const fn operstate(state: OperState) -> &'static str {
    match state {
        OperState::Unknown => "UNKNOWN",
        OperState::Down => "DOWN",
        OperState::LowerLayerDown => "LOWERLAYERDOWN",
        OperState::Dormant => "DORMANT",
        OperState::Up => "UP",
    }
}

fn print_address(printer: &mut Printer, link: &LinkRecord) {
    let loopback = link.has(link_flags::LOOPBACK);
    printer.line();
    let link_type = if loopback { "loopback" } else { "ether" };
    printer.field(
        "link_type",
        link_type,
        format_args!("    link/{link_type} "),
    );
    let address = link.address.to_string();
    printer.field("address", &address, &address);
    let broadcast = if loopback {
        "00:00:00:00:00:00"
    } else {
        "ff:ff:ff:ff:ff:ff"
    };
    printer.field("broadcast", broadcast, format_args!(" brd {broadcast}"));
    if let Some(permanent) = link
        .perm_address
        .filter(|permanent| *permanent != link.address)
    {
        let permanent = permanent.to_string();
        printer.field(
            "permaddr",
            &permanent,
            format_args!(" permaddr {permanent}"),
        );
    }
}

fn print_link_netns(printer: &mut Printer, netns: &[NetnsRecord], link: &LinkRecord) {
    let Some(id) = link.link_netnsid else { return };
    let named = netns.iter().find(|netns| id >= 0 && netns.id == Some(id));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match named {
        Some(netns) => write!(text, " link-netns {}", netns.name),
        None if id >= 0 => write!(text, " link-netnsid {id}"),
        None => write!(text, " link-netnsid unknown"),
    };
    printer.field("link_netnsid", id, text);
}

fn print_details(printer: &mut Printer, links: Links<'_>, link: &LinkRecord, command: Command) {
    let (promiscuity, allmulti) = (link.promiscuity, link.allmulti);
    printer.field(
        "promiscuity",
        promiscuity,
        format_args!(" promiscuity {promiscuity} "),
    );
    printer.field("allmulti", allmulti, format_args!(" allmulti {allmulti} "));
    printer.labelled("min_mtu", "minmtu", link.min_mtu);
    printer.labelled("max_mtu", "maxmtu", link.max_mtu);
    link_info::print(printer, links, link);
    if command == Command::Link
        && let Some(mode) = link.addr_gen_mode
    {
        let mode = match mode {
            AddrGenMode::Eui64 => "eui64",
            AddrGenMode::None => "none",
        };
        printer.labelled("inet6_addr_gen_mode", "addrgenmode", mode);
    }
    let queues = link.queues;
    printer.labelled("num_tx_queues", "numtxqueues", queues.tx);
    printer.labelled("num_rx_queues", "numrxqueues", queues.rx);
    printer.number("gso_max_size", queues.gso_max_size);
    printer.number("gso_max_segs", queues.gso_max_segs);
    printer.number("tso_max_size", queues.tso_max_size);
    printer.number("tso_max_segs", queues.tso_max_segs);
    printer.number("gro_max_size", queues.gro_max_size);
}

fn print_alias(printer: &mut Printer, link: &LinkRecord) {
    if let Some(alias) = &link.alias {
        printer.line();
        printer.field("ifalias", alias, format_args!("    alias {alias}"));
    }
}
