//! ipvlan devices for real: each is a TAP of its own, all with the address of their lower.
//!
//! What is open was measured on a full kernel 6.12, and is again where the running one has ipvlan;
//! `tools/kernel-diff --vm --reach` does so under a full kernel.

use crate::bench::need;
use crate::reach::{self, Ping};

/// Containers `a` and `b` on a netdev of `machine`, with a host `far` behind it, which is told where `a` is
/// as nobody answers for it in the modes of layer 3.
const CONTAINERS: &str = "
    ip netns add machine
    ip netns add a
    ip netns add b
    ip netns add far
    ip link add p1 address 02:00:00:00:01:01 netns machine type veth peer name eth0 address 02:00:00:00:00:09 netns far
    ip -n machine link set p1 up
    ip -n far link set eth0 up
    ip -n machine addr add 10.0.0.254/24 dev p1
    ip -n far addr add 10.0.0.9/24 dev eth0
    ip -n machine neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev p1
    ip -n machine link add link p1 name c1 netns a type ipvlan mode MODE
    ip -n machine link add link p1 name c2 netns b type ipvlan mode MODE
    ip -n a addr add 10.0.0.1/24 dev c1
    ip -n b addr add 10.0.0.2/24 dev c2
    ip -n a link set c1 up
    ip -n b link set c2 up
";

const PINGS: [Ping; 5] = [
    ("sibling", "a", "10.0.0.2"),
    ("lower", "a", "10.0.0.254"),
    ("outside", "a", "10.0.0.9"),
    ("child-from-lower", "machine", "10.0.0.1"),
    ("child-from-outside", "far", "10.0.0.1"),
];

fn row(mode: &str, open: &str) -> (String, String, Vec<&'static str>) {
    let mut script = CONTAINERS.replace("MODE", mode);
    if mode.starts_with("l3") {
        script += "ip netns exec far ip neigh replace 10.0.0.1 lladdr 02:00:00:00:01:01 dev eth0 nud permanent\n";
    }
    let open = PINGS
        .iter()
        .zip(open.split(' '))
        .filter(|(_, open)| *open == "OK");
    let open = open.map(|((name, ..), _)| *name).collect();
    (mode.to_owned(), script, open)
}

/// The columns are [`PINGS`].
#[test]
fn containers_reach_whom_the_kernel_lets_them_reach() {
    need!("ip", "ping", "unshare");
    let rows = [
        row("l2 bridge", "OK - OK - OK"),
        row("l2 private", "- - OK - OK"),
        row("l2 vepa", "- - OK - OK"),
        row("l3 bridge", "OK - OK - OK"),
        row("l3 private", "- - OK - OK"),
        row("l3 vepa", "- - OK - OK"),
        row("l3s bridge", "OK - OK - OK"),
    ];
    reach::check("ipvlan", &PINGS, &rows);
}
