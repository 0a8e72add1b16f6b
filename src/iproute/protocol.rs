//! Names of who configured something (`RTPROT_…`), as iproute2 comes with them (`rt_protos`).

use std::borrow::Cow;

/// Numbers with a name, in order.
const NAMES: [(u8, &str); 22] = [
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (18, "keepalived"),
    (42, "babel"),
    (99, "openr"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

/// Returns the number of a name.
pub(super) fn number(name: &str) -> Option<u8> {
    NAMES.iter().find(|(_, it)| *it == name).map(|(n, _)| *n)
}
/// Returns the name of a number, or the number.
pub(super) fn name(number: u8) -> Cow<'static, str> {
    match NAMES.iter().find(|(n, _)| *n == number) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(number.to_string()),
    }
}
