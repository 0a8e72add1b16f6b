//! `bridge vlan show` and `bridge vlan global show` (bridge/vlan.c).
//!
//! `bridge vlan show` has three forms, each from a dump of its own: the plain one (`RTM_GETLINK` of `AF_BRIDGE`);
//! with `-s` counters (`RTM_GETSTATS`, bridges before ports); with `-d` options (`RTM_GETVLAN`, in ranges unless
//! `-s` is there too).

use super::ShowError;
use super::link::Links;
use super::link_info::PORT_STATES;
use super::mdb;
use super::printer::Printer;
use super::record::{KindInfo, LinkRecord, VlanGlobalRecord, VlanRecord, VlanStats};
use crate::iproute::command::{Format, VidRange, VlanFilter};

const HEADER: &str = "port              vlan-id  \n";
const STATS_HEADER: &str = "port              vlan-id\n";
/// Stands before a VLAN that is not its netdev's first.
const INDENT: &str = "                  ";
/// Stands before what belongs to a VLAN.
const DEEPER: &str = "                    ";

/// Prints `bridge vlan show`. `vlans` are in the kernel's order: netdevs by ifindex, for each its VLANs by VID.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show(
    links: &[LinkRecord],
    vlans: &[VlanRecord],
    filter: &VlanFilter,
    format: Format,
) -> Result<String, ShowError> {
    let filter = Wanted::new(links, filter)?;
    let links = Links(links);
    let at = |vlan: &VlanRecord| (vlan.ifindex, vlan.vid);
    let mut printer = Printer::new(format);
    if format.details {
        let rows = rows(vlans, at, |end, next| {
            format.statistics == 0 && may_join(end, next)
        });
        printer.text(HEADER);
        print(&mut printer, links, filter, &rows, |printer, vlan, vids| {
            print_range(printer, vids);
            print_flags(printer, vlan, false);
            print_options(printer, vlan);
            if format.statistics > 0 {
                print_stats(printer, vlan.stats);
            }
        });
    } else if format.statistics > 0 {
        let mut rows = rows(vlans, at, |_, _| false);
        rows.sort_by_key(|row| !is_bridge(links, row.ifindex));
        printer.text(STATS_HEADER);
        print(&mut printer, links, filter, &rows, |printer, vlan, _| {
            printer.field("vid", vlan.vid, vlan.vid);
            // "Is a bridge's" is a flag too, and so JSON gets an array for it.
            print_flags(printer, vlan, is_bridge(links, vlan.ifindex));
            printer.line();
            print_stats(printer, vlan.stats);
        });
    } else {
        let rows = rows(vlans, at, |end, next| {
            format.compress_vlans && (end.pvid, end.untagged) == (next.pvid, next.untagged)
        });
        printer.text(HEADER);
        print(&mut printer, links, filter, &rows, |printer, vlan, vids| {
            print_range(printer, vids);
            // "The end of a range" is a flag too, and so JSON gets an array for it.
            print_flags(printer, vlan, vids.first != vids.last);
            printer.line();
        });
    }
    Ok(printer.finish())
}

/// Prints `bridge vlan global show`. `vlans` are in the kernel's order: bridges by ifindex, for each its VLANs by VID.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn global(
    links: &[LinkRecord],
    vlans: &[VlanGlobalRecord],
    filter: &VlanFilter,
    format: Format,
) -> Result<String, ShowError> {
    let filter = Wanted::new(links, filter)?;
    let links = Links(links);
    let mut printer = Printer::new(format);
    let rows = rows(vlans, |vlan| (vlan.ifindex, vlan.vid), global_may_join);
    printer.text(HEADER);
    print(&mut printer, links, filter, &rows, |printer, vlan, vids| {
        print_range(printer, vids);
        printer.line();
        print_global_options(printer, vlan);
        if !vlan.router_ports.is_empty() {
            printer.text(DEEPER);
            printer.text("router ports: ");
            printer.open_array("router_ports");
            for (n, port) in vlan.router_ports.iter().enumerate() {
                printer.open();
                if format.statistics > 0 && n > 0 {
                    printer.line();
                    printer.text(format_args!("{DEEPER}              "));
                }
                let name = links.name(port.ifindex);
                printer.field("port", &*name, format_args!("{name} "));
                if format.statistics > 0 {
                    mdb::print_router_stats(printer, port);
                }
                printer.close();
            }
            printer.close_array();
            printer.line();
        }
    });
    Ok(printer.finish())
}

/// A filter with its name looked up.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    dev: Option<u32>,
    vid: Option<u16>,
}

impl Wanted {
    fn new(links: &[LinkRecord], filter: &VlanFilter) -> Result<Self, ShowError> {
        let find = |name: &String| {
            let link = links.iter().find(|link| link.name == *name);
            link.ok_or_else(|| ShowError::CannotFindDevice(name.clone()))
        };
        Ok(Self {
            dev: filter
                .dev
                .as_ref()
                .map(find)
                .transpose()?
                .map(|link| link.ifindex),
            vid: filter.vid.filter(|vid| *vid != 0),
        })
    }

    fn takes<R>(self, row: &Row<'_, R>) -> bool {
        self.dev.is_none_or(|dev| dev == row.ifindex)
            && self.vid.is_none_or(|vid| row.vids.contains(vid))
    }
}

/// What is printed as one: a VLAN, or several in a row that are alike.
#[derive(Debug)]
struct Row<'a, R> {
    ifindex: u32,
    vids: VidRange,
    /// That of the first VLAN.
    record: &'a R,
}

/// Puts records into rows; `may_join` says whether the next VLAN of a netdev may follow the last one of a row.
fn rows<R>(
    records: &[R],
    at: impl Fn(&R) -> (u32, u16),
    may_join: impl Fn(&R, &R) -> bool,
) -> Vec<Row<'_, R>> {
    let mut rows: Vec<Row<'_, R>> = Vec::new();
    let mut last: Option<&R> = None;
    for record in records {
        let (ifindex, vid) = at(record);
        match (rows.last_mut(), last) {
            (Some(row), Some(end))
                if row.ifindex == ifindex
                    && row.vids.last.checked_add(1) == Some(vid)
                    && may_join(end, record) =>
            {
                row.vids.last = vid;
            }
            _ => rows.push(Row {
                ifindex,
                vids: VidRange::one(vid),
                record,
            }),
        }
        last = Some(record);
    }
    rows
}

/// `br_vlan_can_enter_range`.
const fn may_join(end: &VlanRecord, next: &VlanRecord) -> bool {
    !end.pvid
        && !next.pvid
        && end.untagged == next.untagged
        && end.ranged == next.ranged
        && end.state == next.state
        && end.mcast_router == next.mcast_router
}

/// `br_vlan_global_opts_can_enter_range`: one with router ports stands alone.
fn global_may_join(end: &VlanGlobalRecord, next: &VlanGlobalRecord) -> bool {
    end.mcast_snooping == next.mcast_snooping
        && end.mcast_querier == next.mcast_querier
        && end.mcast_router == next.mcast_router
        && end.query == next.query
        && end.router_ports.is_empty()
        && next.router_ports.is_empty()
}

/// Whether a netdev's own VLANs are dumped with the bridges'.
fn is_bridge(links: Links<'_>, ifindex: u32) -> bool {
    let kind = links.get(ifindex).and_then(|link| link.kind.as_ref());
    matches!(kind, Some(KindInfo::Bridge(_)))
}

/// Prints rows under their netdevs; of a netdev without any not even its name.
fn print<R>(
    printer: &mut Printer,
    links: Links<'_>,
    filter: Wanted,
    rows: &[Row<'_, R>],
    print_row: impl Fn(&mut Printer, &R, VidRange),
) {
    let mut open = None;
    for row in rows.iter().filter(|row| filter.takes(row)) {
        if open == Some(row.ifindex) {
            printer.text(INDENT);
        } else {
            if open.is_some() {
                close_netdev(printer);
            }
            open = Some(row.ifindex);
            let name = links.name(row.ifindex);
            printer.open();
            printer.field("ifname", &*name, format_args!("{name:<16}  "));
            printer.open_array("vlans");
        }
        printer.open();
        print_row(printer, row.record, row.vids);
        printer.close();
    }
    if open.is_some() {
        close_netdev(printer);
    }
}

fn close_netdev(printer: &mut Printer) {
    printer.close_array();
    printer.close();
}

fn print_range(printer: &mut Printer, vids: VidRange) {
    printer.field("vlan", vids.first, vids.first);
    if vids.first != vids.last {
        printer.field("vlanEnd", vids.last, format_args!("-{}", vids.last));
    }
}

fn print_flags(printer: &mut Printer, vlan: &VlanRecord, even_empty: bool) {
    if !(vlan.pvid || vlan.untagged || even_empty) {
        return;
    }
    printer.open_array("flags");
    for (on, name) in [(vlan.pvid, "PVID"), (vlan.untagged, "Egress Untagged")] {
        if on {
            printer.element(name, format_args!(" {name}"));
        }
    }
    printer.close_array();
}

fn print_options(printer: &mut Printer, vlan: &VlanRecord) {
    printer.line();
    printer.text(DEEPER);
    match PORT_STATES.get(usize::from(vlan.state)) {
        Some(state) => printer.labelled("state", "state", *state),
        None => printer.field("state", vlan.state, format_args!("state ({}) ", vlan.state)),
    }
    printer.number("mcast_router", vlan.mcast_router);
    printer.line();
}

/// Prints counters. Their lines end as lines even with `-o`.
fn print_stats(printer: &mut Printer, stats: VlanStats) {
    printer.text(DEEPER);
    let (octets, frames) = (stats.rx_bytes, stats.rx_packets);
    printer.field("rx_bytes", octets, format_args!("RX: {octets} bytes"));
    printer.field("rx_packets", frames, format_args!(" {frames} packets\n"));
    printer.text(DEEPER);
    let (octets, frames) = (stats.tx_bytes, stats.tx_packets);
    printer.field("tx_bytes", octets, format_args!("TX: {octets} bytes"));
    printer.field("tx_packets", frames, format_args!(" {frames} packets\n"));
}

fn print_global_options(printer: &mut Printer, vlan: &VlanGlobalRecord) {
    let query = &vlan.query;
    printer.text(DEEPER);
    for (key, number) in [
        ("mcast_snooping", vlan.mcast_snooping.into()),
        ("mcast_querier", vlan.mcast_querier.into()),
        ("mcast_igmp_version", query.igmp_version.into()),
        ("mcast_mld_version", query.mld_version.into()),
        ("mcast_last_member_count", query.last_member_count.into()),
        ("mcast_last_member_interval", query.last_member_interval),
        (
            "mcast_startup_query_count",
            query.startup_query_count.into(),
        ),
        ("mcast_startup_query_interval", query.startup_query_interval),
        ("mcast_membership_interval", query.membership_interval),
        ("mcast_querier_interval", query.querier_interval),
        ("mcast_query_interval", query.query_interval),
        (
            "mcast_query_response_interval",
            query.query_response_interval,
        ),
    ] {
        let number: u64 = number;
        printer.number(key, number);
    }
    printer.line();
}
