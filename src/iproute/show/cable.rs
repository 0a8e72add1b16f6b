//! `tapswitch cable show`: our own.
//!
//! ```text
//! p1: peer p2 state UP peer_state DOWN
//! ```
//!
//! A line for each cable, from the end with the lower ifindex; with `dev`, from that end. States are those
//! of `ip link show`: nothing passes a cable whose end is down. In JSON:
//!
//! ```text
//! [{ifname, peer, operstate, peer_operstate}]
//! ```

use super::ShowError;
use super::link::{Links, operstate};
use super::printer::Printer;
use super::record::LinkRecord;
use crate::iproute::command::Format;

/// Prints all cables, or that of one netdev. `cables` has each once from either end.
///
/// # Errors
/// Where `dev` is not among `links`, or no end of a cable.
pub fn show(
    links: &[LinkRecord],
    cables: &[(u32, u32)],
    dev: Option<&str>,
    format: Format,
) -> Result<String, ShowError> {
    let one = match dev {
        None => None,
        Some(name) => {
            let link = links.iter().find(|link| link.name == name);
            let link = link.ok_or_else(|| ShowError::NoNetdev(name.to_owned()))?;
            if !cables.iter().any(|(end, _)| *end == link.ifindex) {
                return Err(ShowError::NoCable(name.to_owned()));
            }
            Some(link.ifindex)
        }
    };
    let mut printer = Printer::new(format);
    for (end, other) in cables {
        if one.map_or(end < other, |one| one == *end) {
            print(&mut printer, links, *end, *other);
        }
    }
    Ok(printer.finish())
}

fn print(printer: &mut Printer, links: &[LinkRecord], end: u32, other: u32) {
    let (name, peer) = (Links(links).name(end), Links(links).name(other));
    let state = |ifindex| {
        let link = links.iter().find(|link| link.ifindex == ifindex);
        link.map_or("UNKNOWN", |link| operstate(link.operstate))
    };
    printer.open();
    printer.field("ifname", &*name, format_args!("{name}: "));
    printer.labelled("peer", "peer", &*peer);
    printer.labelled("operstate", "state", state(end));
    printer.labelled("peer_operstate", "peer_state", state(other));
    printer.text('\n');
    printer.close();
}
