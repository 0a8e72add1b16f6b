//! `ip neigh show`, `ip neigh get`, and what `ip neigh flush` says (ip/ipneigh.c).

use super::ShowError;
use super::link::Links;
use super::printer::Printer;
use super::record::{LinkRecord, NeighRecord};
use crate::iproute::command::{Format, NeighFilter, nud};
use crate::iproute::protocol;

/// Names of states, in the order in which they are printed.
const STATES: [(u8, &str); 8] = [
    (nud::INCOMPLETE, "INCOMPLETE"),
    (nud::REACHABLE, "REACHABLE"),
    (nud::STALE, "STALE"),
    (nud::DELAY, "DELAY"),
    (nud::PROBE, "PROBE"),
    (nud::FAILED, "FAILED"),
    (nud::NOARP, "NOARP"),
    (nud::PERMANENT, "PERMANENT"),
];

/// Prints `ip neigh show`. `neighbours` are in the kernel's order.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show(
    links: &[LinkRecord],
    neighbours: &[NeighRecord],
    filter: &NeighFilter,
    format: Format,
) -> Result<String, ShowError> {
    let wanted = Wanted::new(links, filter, false)?;
    let mut printer = Printer::new(format);
    for neighbour in neighbours.iter().filter(|it| wanted.takes(it)) {
        print(
            &mut printer,
            Links(links),
            neighbour,
            wanted.dev.is_none(),
            format,
        );
    }
    Ok(printer.finish())
}

/// Prints the neighbour that `ip neigh get` found: as one of a list, but without the list around it in JSON.
#[must_use]
pub fn get(links: &[LinkRecord], neighbour: &NeighRecord, format: Format) -> String {
    let text = Format {
        json: false,
        ..format
    };
    let mut printer = Printer::new(text);
    print(&mut printer, Links(links), neighbour, true, format);
    printer.finish()
}

/// Finds what `ip neigh flush` takes away: indices into `neighbours`.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn flushed(
    links: &[LinkRecord],
    neighbours: &[NeighRecord],
    filter: &NeighFilter,
) -> Result<Vec<usize>, ShowError> {
    let wanted = Wanted::new(links, filter, true)?;
    let all = neighbours.iter().enumerate();
    Ok(all
        .filter(|(_, neighbour)| wanted.takes(neighbour))
        .map(|(at, _)| at)
        .collect())
}

/// Prints what `ip neigh flush` says about what it took away: with `-s` how many, with `-s -s` each.
#[must_use]
pub fn flush<'a>(
    links: &[LinkRecord],
    gone: impl ExactSizeIterator<Item = &'a NeighRecord>,
    with_dev: bool,
    format: Format,
) -> String {
    if format.statistics == 0 {
        return String::new();
    }
    let count = gone.len();
    let mut printer = Printer::new(Format {
        json: false,
        ..format
    });
    if count == 0 {
        printer.text("Nothing to flush.\n");
        return printer.finish();
    }
    if format.statistics > 1 {
        for neighbour in gone {
            print(&mut printer, Links(links), neighbour, with_dev, format);
        }
    }
    printer.text(format_args!(
        "\n*** Round 1, deleting {count} entries ***\n*** Flush is complete after 1 round ***\n"
    ));
    printer.finish()
}

/// A filter with its names looked up.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    links: &'a [LinkRecord],
    filter: &'a NeighFilter,
    dev: Option<u32>,
    master: Option<u32>,
    states: u16,
}

impl<'a> Wanted<'a> {
    fn new(
        links: &'a [LinkRecord],
        filter: &'a NeighFilter,
        flush: bool,
    ) -> Result<Self, ShowError> {
        let find = |name: &String| links.iter().find(|link| link.name == *name);
        let master = match &filter.master {
            Some(name) => Some(find(name).ok_or_else(|| ShowError::NoMaster(name.clone()))?),
            None => None,
        };
        let dev = match &filter.dev {
            Some(name) => Some(find(name).ok_or_else(|| ShowError::NoNeighDevice(name.clone()))?),
            None => None,
        };
        let spared = u16::from(nud::NOARP);
        let default = if flush {
            !spared & !u16::from(nud::PERMANENT)
        } else {
            0xff & !spared
        };
        Ok(Self {
            links,
            filter,
            dev: dev.map(|link| link.ifindex),
            master: master.map(|link| link.ifindex),
            states: filter.states.unwrap_or(default),
        })
    }

    /// What the kernel leaves out of its dump, and `print_neigh` of what it prints.
    fn takes(&self, neighbour: &NeighRecord) -> bool {
        let filter = self.filter;
        let master = || {
            Links(self.links)
                .get(neighbour.ifindex)
                .and_then(|it| it.master)
        };
        let state = if neighbour.state == nud::NONE {
            self.states & NeighFilter::ANY_NONE != 0
        } else {
            self.states & u16::from(neighbour.state) != 0
        };
        let holds = |(address, length)| prefix_holds(address, length, neighbour.address);
        (state || neighbour.extern_learn)
            && self.dev.is_none_or(|dev| dev == neighbour.ifindex)
            && self.master.is_none_or(|wanted| master() == Some(wanted))
            && !(filter.no_master && master().is_some())
            && filter
                .ipv4
                .is_none_or(|v4| v4 == neighbour.address.is_ipv4())
            && filter.to.is_none_or(holds)
            && filter.protocol.is_none_or(|it| it == neighbour.protocol)
            && !(filter.unused && neighbour.references > 0)
    }
}

/// Whether an address is in a prefix.
fn prefix_holds(prefix: std::net::IpAddr, length: u8, address: std::net::IpAddr) -> bool {
    use std::net::IpAddr::{V4, V6};
    let length = u32::from(length);
    match (prefix, address) {
        (V4(a), V4(b)) => {
            let shift = 32 - length.min(32);
            a.to_bits().checked_shr(shift) == b.to_bits().checked_shr(shift)
        }
        (V6(a), V6(b)) => {
            let shift = 128 - length.min(128);
            a.to_bits().checked_shr(shift) == b.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

/// `print_neigh`. A brief line has no state.
fn print(
    printer: &mut Printer,
    links: Links<'_>,
    neighbour: &NeighRecord,
    with_dev: bool,
    format: Format,
) {
    let address = neighbour.address.to_string();
    let lladdr = neighbour.lladdr.map(|mac| mac.to_string());
    let name = links.name(neighbour.ifindex);
    printer.open();
    if format.brief {
        printer.field("dst", &address, format_args!("{address:<39} "));
        if with_dev {
            printer.field("dev", &*name, format_args!("{name:<16} "));
        }
        if let Some(lladdr) = &lladdr {
            printer.field("lladdr", lladdr, lladdr);
        }
        printer.text('\n');
        printer.close();
        return;
    }
    printer.field("dst", &address, format_args!("{address} "));
    if with_dev {
        printer.labelled("dev", "dev", &*name);
    }
    if let Some(lladdr) = &lladdr {
        printer.labelled("lladdr", "lladdr", lladdr);
    }
    for (on, flag) in [
        (neighbour.router, "router"),
        (neighbour.managed, "managed"),
        (neighbour.extern_learn, "extern_learn"),
    ] {
        if on {
            printer.null(flag, format_args!("{flag} "));
        }
    }
    if format.statistics > 0 {
        print_statistics(printer, neighbour);
    }
    if neighbour.state != nud::NONE {
        printer.open_array("state");
        for (_, state) in STATES.iter().filter(|(bit, _)| neighbour.state & bit != 0) {
            printer.element(state, format_args!("{state} "));
        }
        printer.close_array();
    }
    if neighbour.protocol != 0 {
        let protocol = protocol::name(neighbour.protocol);
        printer.labelled("protocol", "proto", &*protocol);
    }
    // The end of a line, even with `-o`.
    printer.text('\n');
    printer.close();
}

/// `print_cacheinfo`. No blank stands before the number of probes.
fn print_statistics(printer: &mut Printer, neighbour: &NeighRecord) {
    let (used, confirmed, updated) = neighbour.ages;
    if neighbour.references > 0 {
        let references = neighbour.references;
        printer.field("refcnt", references, format_args!(" ref {references}"));
    }
    printer.field("used", used, format_args!(" used {used}"));
    printer.field("confirmed", confirmed, format_args!("/{confirmed}"));
    printer.field("updated", updated, format_args!("/{updated}"));
    printer.number("probes", neighbour.probes);
}
