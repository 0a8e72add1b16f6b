//! `bridge link show` (bridge/link.c).

use super::ShowError;
use super::link::{self, Links};
use super::link_info::PORT_STATES;
use super::printer::Printer;
use super::record::{LinkRecord, PortInfo};
use crate::iproute::command::{Format, LinkFilter};

/// Prints `bridge link show`: the ports among the netdevs of a namespace. Of the filter only `dev` counts:
/// iproute2 6.1 reads `master BR` and ignores it.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show(
    links: &[LinkRecord],
    filter: &LinkFilter,
    format: Format,
) -> Result<String, ShowError> {
    let dev = match &filter.dev {
        Some(name) => Some(
            links
                .iter()
                .find(|link| link.name == *name)
                .ok_or_else(|| ShowError::CannotFindDevice(name.clone()))?
                .ifindex,
        ),
        None => None,
    };
    let mut printer = Printer::new(format);
    for link in links
        .iter()
        .filter(|link| dev.is_none_or(|dev| link.ifindex == dev))
    {
        if let Some(port) = &link.port {
            printer.open();
            print(&mut printer, Links(links), link, port, format);
            printer.close();
        }
    }
    Ok(printer.finish())
}

fn print(
    printer: &mut Printer,
    links: Links<'_>,
    link: &LinkRecord,
    port: &PortInfo,
    format: Format,
) {
    printer.field("ifindex", link.ifindex, format_args!("{}: ", link.ifindex));
    let lower_down = print_name(printer, links, link);
    link::print_flags(printer, link, lower_down);
    printer.number("mtu", link.mtu);
    if let Some(master) = link.master {
        printer.labelled("master", "master", &*links.name(master));
    }
    match PORT_STATES.get(usize::from(port.state)) {
        Some(state) => printer.labelled("state", "state", *state),
        None => printer.field("state", port.state, format_args!("state ({}) ", port.state)),
    }
    printer.number("priority", port.priority);
    printer.number("cost", port.cost);
    if format.details {
        print_details(printer, links, port);
    }
    printer.text('\n');
}

/// Prints the name as the kernel's bridge dump allows: that gives a peer's ifindex (`br_fill_ifinfo`), not
/// its namespace, so that a peer elsewhere is taken for whoever has its ifindex here; and nothing where both have the same.
fn print_name(printer: &mut Printer, links: Links<'_>, link: &LinkRecord) -> bool {
    let text = |name: &str| format!("{name}: ");
    if link.link == Some(link.ifindex) {
        printer.field("ifname", &link.name, text(&link.name));
        return false;
    }
    link::print_name(printer, links, link, None, text)
}

fn print_details(printer: &mut Printer, links: Links<'_>, port: &PortInfo) {
    printer.line();
    printer.text("    ");
    printer.on_off("hairpin", port.hairpin);
    printer.on_off("guard", port.guard);
    printer.on_off("root_block", port.root_block);
    printer.on_off("fastleave", port.fastleave);
    printer.on_off("learning", port.learning);
    printer.on_off("flood", port.flood);
    printer.on_off("mcast_flood", port.mcast_flood);
    printer.on_off("bcast_flood", port.bcast_flood);
    printer.number("mcast_router", port.multicast_router);
    printer.on_off("mcast_to_unicast", port.mcast_to_unicast);
    printer.on_off("neigh_suppress", port.neigh_suppress);
    printer.on_off("vlan_tunnel", port.vlan_tunnel);
    if let Some(backup) = port.backup_port {
        printer.labelled("backup_port", "backup_port", &*links.name(backup));
    }
    printer.on_off("isolated", port.isolated);
    printer.on_off("locked", port.locked);
}
