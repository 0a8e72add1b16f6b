//! `ip netns list` (ip/ipnetns.c: `netns_list`).

use super::printer::Printer;
use super::record::NetnsRecord;
use crate::iproute::command::Format;

/// Prints `ip netns list`, in the order given. The kernel's own order is that of the directory that holds the names: newest first.
#[must_use]
pub fn list(netns: &[NetnsRecord], format: Format) -> String {
    let mut printer = Printer::new(format);
    for netns in netns {
        printer.open();
        printer.field("name", &netns.name, &netns.name);
        if let Some(id) = netns.id.filter(|id| *id >= 0) {
            printer.field("id", id, format_args!(" (id: {id})"));
        }
        printer.text('\n');
        printer.close();
    }
    printer.finish()
}
