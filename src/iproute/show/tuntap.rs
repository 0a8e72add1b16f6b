//! `ip tuntap show` (ip/iptuntap.c: `print_tuntap`).

use super::printer::Printer;
use super::record::{KindInfo, LinkRecord};
use crate::iproute::command::Format;

/// Prints the TAPs among the netdevs of a namespace, in the order given.
#[must_use]
pub fn show(links: &[LinkRecord], format: Format) -> String {
    let mut printer = Printer::new(format);
    for link in links {
        let Some(KindInfo::Tap(tap)) = &link.kind else {
            continue;
        };
        printer.open();
        printer.field("ifname", &link.name, format_args!("{}:", link.name));
        printer.open_array("flags");
        for (set, name) in [
            (true, "tap"),
            (tap.pi, "pi"),
            (tap.multi_queue.is_some(), "multi_queue"),
            (tap.vnet_hdr, "vnet_hdr"),
            (tap.persist, "persist"),
        ] {
            if set {
                printer.element(name, format_args!(" {name}"));
            }
        }
        printer.close_array();
        printer.text('\n');
        printer.close();
    }
    printer.finish()
}
