//! `bridge fdb show` and `bridge fdb get` (bridge/fdb.c: `print_fdb`).

use super::link::Links;
use super::printer::{Printer, c_hex};
use super::record::{FdbRecord, KindInfo, LinkRecord, fdb_flags, fdb_state};
use super::{ShowError, vxlan};
use crate::iproute::command::{FdbFilter, FdbShowState, Format};

/// Prints `bridge fdb show`. `fdb` has all entries of a namespace in the kernel's order: netdevs by
/// ifindex, for each the entries of its bridge on it (newest first), then its own list; a bridge its own list first.
///
/// # Errors
/// Where the filter names a netdev that is not among `links`.
pub fn show<'a>(
    links: &[LinkRecord],
    fdb: impl IntoIterator<Item = &'a FdbRecord>,
    filter: &FdbFilter,
    format: Format,
) -> Result<String, ShowError> {
    let find = |name: &String| links.iter().find(|link| link.name == *name);
    let bridge = match &filter.br {
        Some(name) => Some(find(name).ok_or_else(|| ShowError::CannotFindBridge(name.clone()))?),
        None => None,
    };
    let dev = match &filter.dev {
        Some(name) => Some(
            find(name)
                .ok_or_else(|| ShowError::CannotFindDevice(name.clone()))?
                .ifindex,
        ),
        None => None,
    };
    let state = filter.state.map(|state| match state {
        FdbShowState::Permanent => fdb_state::PERMANENT,
        FdbShowState::Static => fdb_state::NOARP,
        FdbShowState::Stale => fdb_state::STALE,
        FdbShowState::Reachable => fdb_state::REACHABLE,
    });
    let links = Links(links);
    // `vlan 0` is no filter.
    let vlan = filter.vlan.filter(|vlan| *vlan != 0);
    let mut printer = Printer::new(format);
    for entry in fdb {
        if dev.is_none_or(|dev| entry.ifindex == dev)
            && bridge.is_none_or(|bridge| belongs_to(links, entry, bridge))
            && state.is_none_or(|state| entry.state & state != 0)
            && vlan.is_none_or(|vlan| entry.vlan == Some(vlan))
            && !(filter.dynamic && entry.state & fdb_state::PERMANENT != 0)
        {
            print(&mut printer, links, entry, dev.is_none(), format);
        }
    }
    Ok(printer.finish())
}

/// Prints the entry that `bridge fdb get` found; nothing with `dynamic` for a permanent one.
#[must_use]
pub fn get(links: &[LinkRecord], entry: &FdbRecord, dynamic: bool, format: Format) -> String {
    let mut printer = Printer::new(format);
    if !(dynamic && entry.state & fdb_state::PERMANENT != 0) {
        print(&mut printer, Links(links), entry, true, format);
    }
    printer.finish()
}

/// Whether a dump with `br BR` has this entry (`rtnl_fdb_dump`): those of the bridge, and the own lists of it and its ports.
fn belongs_to(links: Links<'_>, entry: &FdbRecord, bridge: &LinkRecord) -> bool {
    if entry.ifindex == bridge.ifindex {
        return matches!(bridge.kind, Some(KindInfo::Bridge(_)));
    }
    links
        .get(entry.ifindex)
        .is_some_and(|link| link.master == Some(bridge.ifindex))
}

fn print(
    printer: &mut Printer,
    links: Links<'_>,
    entry: &FdbRecord,
    with_dev: bool,
    format: Format,
) {
    printer.open();
    let mac = entry.mac.to_string();
    printer.field("mac", &mac, format_args!("{mac} "));
    if with_dev {
        printer.labelled("ifname", "dev", &*links.name(entry.ifindex));
    }
    if let Some(endpoint) = &entry.endpoint {
        vxlan::print_dst(printer, endpoint);
    }
    if let Some(vlan) = entry.vlan {
        printer.number("vlan", vlan);
    }
    if let Some(endpoint) = &entry.endpoint {
        vxlan::print_rest(printer, links, endpoint);
    }
    if format.statistics > 0
        && let Some((used, updated)) = entry.ages
    {
        printer.json_field("used", used);
        printer.json_field("updated", updated);
        printer.text(format_args!("used {used}/{updated} "));
    }
    print_flags(printer, entry.flags);
    if let Some(master) = entry.master {
        printer.labelled("master", "master", &*links.name(master));
    }
    print_state(printer, entry.state);
    printer.close();
}

fn print_flags(printer: &mut Printer, flags: u8) {
    printer.open_array("flags");
    for (flag, name) in [
        (fdb_flags::SELF, "self"),
        (fdb_flags::ROUTER, "router"),
        (fdb_flags::EXT_LEARNED, "extern_learn"),
        (fdb_flags::OFFLOADED, "offload"),
        (fdb_flags::MASTER, "master"),
        (fdb_flags::STICKY, "sticky"),
    ] {
        if flags & flag != 0 {
            printer.element(name, format_args!("{name} "));
        }
    }
    printer.close_array();
}

/// Prints a state's word (`state_n2a`); a learned entry has none, but the field is there.
fn print_state(printer: &mut Printer, state: u16) {
    const WORDS: [(u16, &str); 4] = [
        (fdb_state::PERMANENT, "permanent"),
        (fdb_state::NOARP, "static"),
        (fdb_state::STALE, "stale"),
        (fdb_state::REACHABLE, ""),
    ];
    if let Some((_, word)) = WORDS.iter().find(|(bit, _)| state & bit != 0) {
        printer.field("state", *word, format_args!("{word}\n"));
    } else {
        let hex = c_hex(state);
        printer.field("state", &hex, format_args!("state={hex}\n"));
    }
}
