//! Macvlans for real: each is a TAP of its own, in the namespace it is in.
//!
//! The rows are the measured matrix of what reaches what: a host `far`, or a switch that reflects or not,
//! behind the netdev `p1` of `machine`, with containers `a` and `b` on it.

use crate::bench::need;
use crate::reach::{self, Ping};

const BEGIN: &str = "
    ip netns add machine
    ip netns add a
    ip netns add b
    ip netns add far
    ip link add p1 address 02:00:00:00:01:01 netns machine type veth peer name eth0 address 02:00:00:00:00:09 netns far
";

/// `far` is a bare host.
const HOST: &str = "
    ip -n far addr add 10.0.0.9/24 dev eth0
";

/// `far` is a switch with a stack of its own, which sends back what is for who sent it.
const HAIRPIN: &str = "
    ip -n far link add br0 address 02:00:00:00:00:09 type bridge
    ip -n far link set eth0 master br0
    ip -n far link set br0 up
    bridge -n far link set dev eth0 hairpin on
    ip -n far addr add 10.0.0.9/24 dev br0
";

const CHILDREN: &str = "
    ip -n far link set eth0 up
    ip -n machine link set p1 up
    ip -n machine addr add 10.0.0.254/24 dev p1
    ip -n machine link add link p1 name c1 netns a type macvlan mode MODE
    ip -n a addr add 10.0.0.1/24 dev c1
    ip -n a link set c1 up
";

const SIBLING: &str = "
    ip -n machine link add link p1 name c2 netns b type macvlan mode MODE
    ip -n b addr add 10.0.0.2/24 dev c2
    ip -n b link set c2 up
";

const PINGS: [Ping; 6] = [
    ("sibling", "a", "10.0.0.2"),
    ("lower", "a", "10.0.0.254"),
    ("outside", "a", "10.0.0.9"),
    ("child-from-lower", "machine", "10.0.0.1"),
    ("outside-from-lower", "machine", "10.0.0.9"),
    ("child-from-outside", "far", "10.0.0.1"),
];

fn row(mode: &str, switch: &str, open: &str) -> (String, String, Vec<&'static str>) {
    let alone = mode.starts_with("passthru");
    let children = if alone {
        CHILDREN.to_owned()
    } else {
        CHILDREN.to_owned() + SIBLING
    };
    let script = format!("{BEGIN}{switch}{}", children.replace("MODE", mode));
    let reflected = if switch == HAIRPIN {
        " and hairpin"
    } else {
        ""
    };
    let open = PINGS
        .iter()
        .zip(open.split(' '))
        .filter(|(_, open)| *open == "OK");
    let open = open.map(|((name, ..), _)| *name).collect();
    (format!("{mode}{reflected}"), script, open)
}

/// The columns are [`PINGS`].
#[test]
fn children_reach_whom_the_kernel_lets_them_reach() {
    need!("ip", "bridge", "ping", "unshare");
    let rows = [
        row("private", HOST, "- - OK - OK OK"),
        row("private", HAIRPIN, "- - OK OK OK OK"),
        row("vepa", HOST, "- - OK - OK OK"),
        row("vepa", HAIRPIN, "OK OK OK OK OK OK"),
        row("bridge", HOST, "OK - OK - OK OK"),
        row("bridge", HAIRPIN, "OK OK OK OK OK OK"),
        row("passthru", HOST, "- - OK - - OK"),
        row("source", HOST, "- - - - OK -"),
        row(
            "source macaddr add 02:00:00:00:00:09",
            HOST,
            "- - OK - OK OK",
        ),
    ];
    reach::check("macvlan", &PINGS, &rows);
}
