//! `ip addr show` (ip/ipaddress.c: `print_addrinfo`, `ipaddr_list_flush_or_save`).

use std::borrow::Cow;

use super::ShowError;
use super::link::{self, Chosen, Command, Links};
use super::printer::Printer;
use super::record::{AddrRecord, LinkRecord, NetnsRecord, Scope, addr_flags, link_flags};
use super::stats;
use crate::iproute::command::{Format, LinkFilter};

/// A lifetime without end, in JSON.
const FOREVER: u32 = u32::MAX;

/// Prints `ip addr show` for the netdevs and addresses of a namespace, in the kernel's order: by ifindex, for each IPv4 before IPv6.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show(
    links: &[LinkRecord],
    addrs: &[AddrRecord],
    netns: &[NetnsRecord],
    filter: &LinkFilter,
    format: Format,
) -> Result<String, ShowError> {
    let by_name = filter.dev.is_some();
    let reduced: Vec<_>;
    let links = if filter.ipv4 == Some(false) && !by_name {
        reduced = links.iter().map(as_ipv6_dumps).collect();
        &reduced
    } else {
        links
    };
    let chosen = Chosen::new(links, filter)?;
    let of_family =
        |addr: &&AddrRecord| filter.ipv4.is_none_or(|ipv4| addr.local.is_ipv4() == ipv4);
    let mut printer = Printer::new(format);
    for link in links.iter().filter(|link| chosen.dumped(link, by_name)) {
        let mut own = addrs
            .iter()
            .filter(|addr| addr.ifindex == link.ifindex)
            .filter(of_family)
            .peekable();
        // With a family, netdevs without such an address are left out (`ipaddr_filter`).
        if filter.ipv4.is_some() && own.peek().is_none() {
            continue;
        }
        printer.open();
        // With -o the netdevs' own lines are left out, and so are the filters that go by them.
        let with_link = format.brief || !format.oneline;
        if !with_link || chosen.printed(link) {
            if with_link {
                link::print(
                    &mut printer,
                    Links(links),
                    netns,
                    link,
                    format,
                    if filter.ipv4.is_some() {
                        Command::FamilyAddr
                    } else {
                        Command::Addr
                    },
                );
            }
            print_all(&mut printer, link, own, &chosen, format);
            if with_link && !format.brief && format.statistics > 0 {
                stats::print(&mut printer, &link.stats, format);
                printer.line();
            }
        }
        printer.close();
    }
    Ok(printer.finish())
}

/// What IPv6's own dump of netdevs tells of one (`inet6_fill_ifinfo`), which `ip -6` asks for unless a name
/// is given.
fn as_ipv6_dumps(link: &LinkRecord) -> LinkRecord {
    LinkRecord {
        qdisc: String::new(),
        master: None,
        link_netnsid: None,
        kind: None,
        port: None,
        ..link.clone()
    }
}

/// Prints the addresses of one netdev (`print_selected_addrinfo`).
fn print_all<'a>(
    printer: &mut Printer,
    link: &LinkRecord,
    addrs: impl Iterator<Item = &'a AddrRecord>,
    chosen: &Chosen<'_>,
    format: Format,
) {
    printer.open_array("addr_info");
    if !chosen.up || link.has(link_flags::UP) {
        for addr in addrs {
            printer.open();
            print(printer, link, addr, format);
            printer.close();
        }
    }
    printer.close_array();
    if format.brief {
        printer.text('\n');
    }
}

fn print(printer: &mut Printer, link: &LinkRecord, addr: &AddrRecord, format: Format) {
    if !format.brief {
        if format.oneline {
            printer.json_field("index", link.ifindex);
            printer.json_field("dev", &link.name);
            printer.text(format_args!("{}: {}", link.ifindex, link.name));
        }
        let family = if addr.local.is_ipv4() {
            "inet"
        } else {
            "inet6"
        };
        printer.field("family", family, format_args!("    {family} "));
    }
    let local = addr.local.to_string();
    printer.field("local", &local, &local);
    if let Some(peer) = addr.peer {
        let peer = peer.to_string();
        printer.field("address", &peer, format_args!(" peer {peer}"));
    }
    printer.field("prefixlen", addr.prefix, format_args!("/{} ", addr.prefix));
    if format.brief {
        return;
    }
    if let Some(broadcast) = addr.broadcast {
        printer.labelled("broadcast", "brd", &broadcast.to_string());
    }
    printer.labelled("scope", "scope", &*scope(addr.scope));
    print_flags(printer, addr);
    if let Some(label) = &addr.label {
        printer.field("label", label, label);
    }
    printer.line();
    printer.text("       valid_lft forever preferred_lft forever");
    printer.json_field("valid_life_time", FOREVER);
    printer.json_field("preferred_life_time", FOREVER);
    printer.text('\n');
}

/// Names a scope (`rtnl_rtscope_n2a` with the program's own table).
fn scope(scope: Scope) -> Cow<'static, str> {
    match scope {
        Scope::Global => "global".into(),
        Scope::Link => "link".into(),
        Scope::Host => "host".into(),
        Scope::Other(200) => "site".into(),
        Scope::Other(255) => "nowhere".into(),
        Scope::Other(number) => number.to_string().into(),
    }
}

/// Prints the flags that are worth a word, in the program's order (`ifa_flag_data`).
fn print_flags(printer: &mut Printer, addr: &AddrRecord) {
    let temporary = if addr.local.is_ipv4() {
        "secondary"
    } else {
        "temporary"
    };
    let dynamic = addr.flags & addr_flags::PERMANENT == 0;
    for (set, name) in [
        (addr.flags & addr_flags::SECONDARY != 0, temporary),
        (addr.flags & addr_flags::NODAD != 0, "nodad"),
        (addr.flags & addr_flags::TENTATIVE != 0, "tentative"),
        (dynamic, "dynamic"),
        (addr.flags & addr_flags::NOPREFIXROUTE != 0, "noprefixroute"),
    ] {
        if set {
            printer.field(name, true, format_args!("{name} "));
        }
    }
}
