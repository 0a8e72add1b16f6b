//! `bridge mdb show` (bridge/mdb.c).

use std::net::IpAddr;

use super::ShowError;
use super::link::Links;
use super::printer::Printer;
use super::record::{LinkRecord, MdbRecord, RouterPort, RouterRecord};
use crate::iproute::command::{FilterMode, Format, MdbFilter, MdbGroup};
use crate::iproute::protocol;

/// Prints `bridge mdb show`: the members of groups, and with `-d` the ports with multicast routers.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show(
    links: &[LinkRecord],
    members: &[MdbRecord],
    routers: &[RouterRecord],
    filter: &MdbFilter,
    format: Format,
) -> Result<String, ShowError> {
    let find = |name: &String| {
        let link = links.iter().find(|link| link.name == *name);
        link.ok_or_else(|| ShowError::CannotFindDevice(name.clone()))
    };
    let dev = filter.dev.as_ref().map(find).transpose()?;
    let dev = dev.map(|link| link.ifindex);
    let vid = filter.vid.filter(|vid| *vid != 0);
    let links = Links(links);
    let wanted = |bridge: u32| dev.is_none_or(|dev| dev == bridge);
    let mut printer = Printer::new(format);
    printer.open();
    printer.open_array("mdb");
    for member in members {
        if wanted(member.bridge) && vid.is_none_or(|vid| vid == member.vid) {
            print(&mut printer, links, member, format);
        }
    }
    printer.close_array();
    printer.open_field("router");
    if format.details {
        for router in routers.iter().filter(|router| wanted(router.bridge)) {
            print_routers(&mut printer, links, router, format);
        }
    }
    printer.close();
    printer.close();
    Ok(printer.finish())
}

/// `print_mdb_entry`.
fn print(printer: &mut Printer, links: Links<'_>, member: &MdbRecord, format: Format) {
    printer.open();
    printer.json_field("index", member.bridge);
    let bridge = links.name(member.bridge);
    printer.field("dev", &*bridge, format_args!("dev {bridge}"));
    word(printer, "port", &links.name(member.ifindex));
    let group = match member.group {
        MdbGroup::Ip(address) => address.to_string(),
        MdbGroup::Mac(mac) => mac.to_string(),
    };
    word(printer, "grp", &group);
    if let Some(source) = member.source {
        word(printer, "src", &source.to_string());
    }
    let state = if member.permanent {
        "permanent"
    } else {
        "temp"
    };
    printer.field("state", state, format_args!(" {state}"));
    if format.details {
        print_details(printer, member);
    }
    printer.open_array("flags");
    for (on, name) in [
        (member.fast_leave, "fast_leave"),
        (member.star_exclude, "added_by_star_ex"),
        (member.blocked, "blocked"),
    ] {
        if on {
            printer.element(name, format_args!(" {name}"));
        }
    }
    printer.close_array();
    if member.vid != 0 {
        printer.field("vid", member.vid, format_args!(" vid {}", member.vid));
    }
    if format.statistics > 0 {
        let timer = timer(member.timer, 4);
        printer.field("timer", &timer, format_args!(" {timer}"));
    }
    printer.line();
    printer.close();
}

fn print_details(printer: &mut Printer, member: &MdbRecord) {
    match member.filter_mode {
        Some(FilterMode::Include) => word(printer, "filter_mode", "include"),
        Some(FilterMode::Exclude) => word(printer, "filter_mode", "exclude"),
        None => {}
    }
    if !member.sources.is_empty() {
        printer.open_array("source_list");
        printer.text(" source_list");
        let mut separator = " ";
        for (address, left) in &member.sources {
            print_source(printer, separator, *address, *left);
            separator = ",";
        }
        printer.close_array();
    }
    if let Some(number) = member.protocol {
        let name = protocol::name(number);
        printer.field("protocol", &*name, format_args!(" proto {name} "));
    }
}

fn print_source(printer: &mut Printer, separator: &str, address: IpAddr, left: u64) {
    let (address, timer) = (address.to_string(), timer(left, 0));
    printer.open();
    printer.field("address", &address, format_args!("{separator}{address}"));
    printer.field("timer", &timer, format_args!("/{timer}"));
    printer.close();
}

/// Prints ` key value`.
fn word(printer: &mut Printer, key: &str, value: &str) {
    printer.field(key, value, format_args!(" {key} {value}"));
}

/// `br_print_router_ports`.
fn print_routers(printer: &mut Printer, links: Links<'_>, router: &RouterRecord, format: Format) {
    let bridge = links.name(router.bridge);
    let statistics = format.statistics > 0;
    printer.open_array(&bridge);
    if !statistics {
        printer.text(format_args!("router ports on {bridge}: "));
    }
    for port in &router.ports {
        let name = links.name(port.ifindex);
        printer.open();
        if statistics {
            let text = format_args!("router ports on {bridge}: {name}");
            printer.field("port", &*name, text);
            print_router_stats(printer, port);
            // The end of a line, even with `-o`.
            printer.text('\n');
        } else {
            printer.field("port", &*name, format_args!("{name} "));
        }
        printer.close();
    }
    if !statistics {
        printer.line();
    }
    printer.close_array();
}

/// `br_print_router_port_stats`.
pub(super) fn print_router_stats(printer: &mut Printer, port: &RouterPort) {
    let timer = timer(port.timer, 4);
    printer.field("timer", &timer, format_args!(" {timer}"));
    let kind = if port.temporary { "temp" } else { "permanent" };
    printer.field("type", kind, format_args!(" {kind}"));
}

/// `format_timer`: a text in JSON too, with its padding.
fn timer(hundredths: u64, width: usize) -> String {
    format!("{:width$}.{:02}", hundredths / 100, hundredths % 100)
}
