//! Tables: spellings that mean the same, malformed scripts and their errors, and sh's control flow.

use proptest::prelude::*;

use super::*;
use crate::iproute::command::{FdbState, LinkAddKind, NetCommand, Verb};

fn parse(text: &str) -> Result<Script, ScriptError> {
    Script::parse("lab.sh", text)
}

fn one(text: &str) -> Command {
    let script = parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(script.items().len(), 1, "{text}");
    script.items()[0].command.clone()
}

fn net(text: &str) -> NetCommand {
    match one(text) {
        Command::Net(net) => *net,
        other => panic!("{text}: {other:?}"),
    }
}

/// Each row: spellings that iproute2 6.1 takes for the same command.
const SAME: &[&[&str]] = &[
    &[
        "ip netns add h1",
        "ip netns a h1",
        "ip netn ad h1",
        "sudo ip netns add h1",
        "sudo -E ip netns add h1",
        "sudo -n -- ip netns add h1",
        "/sbin/ip netns add h1",
        "/usr/sbin/ip netns add 'h1'",
        "ip netns add \"h1\"",
        "ip netns add h\\1",
        "ip \\\n netns add h1",
        "  ip\tnetns add h1 # c",
        "sudo -u root ip netns add h1",
    ],
    &["ip netns del h1", "ip netns delete h1", "ip netns d h1"],
    &[
        "ip netns",
        "ip netns list",
        "ip netns l",
        "ip netns show",
        "ip netns lst",
        "ip netns s",
    ],
    &[
        "ip link add br0 type bridge",
        "ip l a br0 type bridge",
        "ip link add dev br0 type bridge",
        "ip link add name br0 type bridge",
        "ip li ad br0 ty bridge",
        "ip link add name br0 dev br0 type bridge",
    ],
    &[
        "ip link add d0 type dummy",
        "ip link add name d0 type dummy",
    ],
    &[
        "ip link add va type veth peer name vb",
        "ip link add va type veth peer vb",
        "ip link add dev va type veth peer dev vb",
        "ip link add name va type veth peer name vb",
    ],
    &[
        "ip link add eth0 netns h1 type veth peer name p1",
        "ip link add name eth0 netns h1 type veth peer p1",
        "ip link add netns h1 dev eth0 type veth peer name p1",
    ],
    &[
        "ip link add va type veth peer name vb netns h1",
        "ip link add va type veth peer netns h1 name vb",
    ],
    &[
        "ip link set p1 master br0",
        "ip link set dev p1 master br0",
        "ip l s p1 master br0",
        "ip link set p1 m br0",
        "ip link set master br0 dev p1",
        "ip link change p1 mas br0",
    ],
    &[
        "ip link set p1 nomaster",
        "ip link set p1 nom",
        "ip link set nomaster dev p1",
        "ip link set p1 n",
    ],
    &[
        "ip link set p1 up",
        "ip link set up p1",
        "ip link set up dev p1",
        "ip link set dev p1 up",
        "ip link set p1 down up",
    ],
    &[
        "ip link set p1 address 02:00:00:00:00:01",
        "ip link set p1 a 2:0:0:0:0:1",
        "ip link set address 02:0:00:0:00:01 p1",
    ],
    &[
        "ip link set p1 mtu 9000",
        "ip link set mtu 9000 dev p1",
        "ip link set p1 mtu 0x2328",
        "ip link set p1 mtu 021450",
        "ip link set p1 mtu +9000",
    ],
    &[
        "ip link set p1 txqueuelen 10",
        "ip link set p1 t 10",
        "ip link set p1 qlen 10",
        "ip link set p1 txqlen 10",
    ],
    &[
        "ip link set p1 name q1",
        "ip link set dev p1 name q1",
        "ip link set name q1 dev p1",
        "ip link set name q1 p1",
    ],
    &["ip link set p1 netns h1", "ip link set netns h1 p1"],
    &[
        "ip -n h1 link set eth0 up",
        "ip -netns h1 link set eth0 up",
        "ip --netns h1 link set eth0 up",
        "ip -net h1 link set eth0 up",
        "ip netns exec h1 ip link set eth0 up",
        "sudo ip netns exec h1 ip link set eth0 up",
        "ip netns e h1 /sbin/ip link set eth0 up",
        "ip netns exec h1 sudo ip link set eth0 up",
        "ip -n x netns exec h1 ip link set eth0 up",
    ],
    &[
        "ip link del br0",
        "ip link delete br0",
        "ip link d br0",
        "ip link del dev br0",
        "ip link delete br0 type bridge",
        "ip link del name br0",
    ],
    &[
        "ip link",
        "ip link show",
        "ip l",
        "ip link list",
        "ip link lst",
        "ip link ls",
        "ip link sh",
        "ip li sh",
        "ip link l",
    ],
    &[
        "ip -j link",
        "ip -json link",
        "ip --json link",
        "ip -js link",
        "ip -j -c link",
        "ip -j -color=always link",
        "ip -j -t link",
    ],
    &[
        "ip -s -s link",
        "ip -stats -statistics link",
        "ip -s -stat link",
    ],
    &["ip -d link", "ip -details link", "ip -det link"],
    &["ip -br link", "ip -brief link"],
    &["ip link show dev br0", "ip link show br0", "ip l sh br0"],
    &["ip link show master br0 up", "ip link show up master br0"],
    &[
        "ip tuntap add tap0 mode tap",
        "ip tuntap add dev tap0 mode tap",
        "ip tuntap add mode tap tap0",
        "ip tuntap add name tap0 mode tap",
        "ip tap add tap0 mode tap",
        "ip tuntap a tap0 mod ta",
        "ip tunt add mode tap dev tap0 user root",
        "ip tuntap add tap0 mode tap multi_queue vnet_hdr",
    ],
    &[
        "ip tuntap del tap0 mode tap",
        "ip tuntap delete dev tap0 mode tap",
    ],
    &[
        "ip addr add 10.0.0.1/24 dev eth0",
        "ip a a 10.0.0.1/24 dev eth0",
        "ip address add dev eth0 10.0.0.1/24",
        "ip addr add local 10.0.0.1/24 dev eth0",
        "ip addr add 10.0.0.1/255.255.255.0 dev eth0",
        "ip -4 addr add 10.0.0.1/24 dev eth0",
        "ip addr add 10.0.0.1/24 dev eth0 valid_lft forever preferred_lft forever",
    ],
    &[
        "ip addr add 10.0.0.1/24 dev eth0 scope global",
        "ip addr add 10.0.0.1/24 scope 0 dev eth0",
        "ip addr add scope 0x0 10.0.0.1/24 dev eth0",
    ],
    &[
        "ip addr replace 10.0.0.1/24 dev eth0",
        "ip addr r 10.0.0.1/24 dev eth0",
        "ip addr change 10.0.0.1/24 dev eth0",
        "ip addr chg 10.0.0.1/24 dev eth0",
        "ip a c dev eth0 10.0.0.1/24",
    ],
    &[
        "ip addr add 10.0.0.1 peer 10.0.0.2/30 dev eth0",
        "ip addr add 10.0.0.1 remote 10.0.0.2/30 dev eth0",
        "ip addr add peer 10.0.0.2/30 local 10.0.0.1 dev eth0",
    ],
    &[
        "ip addr flush dev eth0",
        "ip addr flush eth0",
        "ip a f eth0",
        "ip addr flush permanent dev eth0",
    ],
    &[
        "ip -4 addr flush dev eth0 scope link",
        "ip -family inet addr flush scope 253 eth0",
    ],
    &[
        "ip -4 addr",
        "ip -4 addr show",
        "ip -f inet a",
        "ip -family inet a ls",
    ],
    &["ip -6 addr show dev eth0", "ip -f inet6 a s eth0"],
    &["ip link show nomaster", "ip link show master br0 nomaster"],
    &[
        "ip addr add 10.0.0.1/24 brd + dev eth0",
        "ip addr add 10.0.0.1/24 broadcast + dev eth0",
        "ip addr add 10.0.0.1/24 dev eth0 b +",
        "ip addr add 10.0.0.1/24 dev eth0 brd 10.0.0.255",
    ],
    &[
        "ip addr add 10.0.0.1/31 dev eth0",
        "ip addr add 10.0.0.1/31 brd + dev eth0",
        "ip addr add 10.0.0.1/31 brd - dev eth0",
    ],
    &[
        "ip addr add fd00::1/64 dev eth0",
        "ip -6 addr add fd00:0::1/64 dev eth0",
        "ip -f inet6 a add fd00::1/64 dev eth0",
    ],
    &[
        "ip addr del 10.0.0.1/24 dev eth0",
        "ip a d 10.0.0.1/24 dev eth0",
        "ip addr delete 10.0.0.1/24 dev eth0",
    ],
    &[
        "ip addr show dev eth0",
        "ip addr show eth0",
        "ip a s eth0",
        "ip a l eth0",
    ],
    &[
        "ip link add br0 type bridge ageing_time 100",
        "ip link add br0 type bridge age 100",
        "ip link add br0 type bridge a 100",
        "ip link add br0 type bridge ageing_time 0x64",
    ],
    &[
        "ip link add br0 type bridge forward_delay 400 stp_state 1",
        "ip link add br0 type bridge stp_state 1 forward_delay 400",
        "ip link add br0 type bridge s 1 f 400",
    ],
    &[
        "ip link add br0 type bridge",
        "ip link add br0 type bridge vlan_filtering 0",
        "ip link add br0 type bridge vlan_default_pvid 1 vlan_protocol 802.1Q mcast_router 1 mcast_querier 0 nf_call_iptables 0 vlan_stats_enabled 0",
    ],
    &[
        "ip link set br0 type bridge group_fwd_mask 0x4000",
        "ip link set dev br0 type bridge group_f 16384",
    ],
    &[
        "ip link set p1 type bridge_slave hairpin on",
        "ip link set p1 type bridge_slave hair on",
        "ip link set dev p1 type bridge_slave h on",
    ],
    &[
        "bridge link set dev p1 hairpin on",
        "bridge l set dev p1 hairpin on",
        "bridge link set hairpin on dev p1",
        "bridge link change dev p1 hairpin on",
        "bridge link set dev p1 hairpin on master",
        "/sbin/bridge li s dev p1 hairpin on",
        "bridge link set dev p1 hairpin on learning_sync on neigh_suppress off vlan_tunnel off",
    ],
    &[
        "bridge link set dev p1 flood off",
        "bridge link set dev p1 flood of",
        "bridge link set dev p1 flood o",
    ],
    &[
        "bridge link set dev p1 state 3",
        "bridge link set dev p1 state forwarding",
        "bridge link set state 03 dev p1",
    ],
    &[
        "bridge link",
        "bridge link show",
        "bridge l",
        "bridge link sh",
        "bridge link list",
        "bridge link lst",
        "bridge link ls",
    ],
    &[
        "bridge fdb",
        "bridge fdb show",
        "bridge f s",
        "bridge f",
        "bridge fdb sh",
        "bridge fdb list",
        "bridge fdb lst",
        "bridge fdb show state all",
    ],
    &[
        "bridge fdb show br br0 dynamic",
        "bridge f s dynamic br br0",
    ],
    &["bridge fdb show dev p1", "bridge fdb show brport p1"],
    &[
        "bridge fdb show state static",
        "bridge fdb show state temp",
        "bridge fdb show state s",
    ],
    &[
        "bridge fdb add 02:00:00:00:00:05 dev p1 master static",
        "bridge fdb add to 2:0:0:0:0:5 dev p1 master temp",
        "bridge fdb ad dev p1 02:00:00:00:00:05 mas stat",
    ],
    &[
        "bridge fdb add 02:00:00:00:00:05 dev p1",
        "bridge fdb add 02:00:00:00:00:05 dev p1 self permanent",
        "bridge fdb add 02:00:00:00:00:05 dev p1 local",
        "bridge fdb add 02:00:00:00:00:05 dev p1 perm self",
    ],
    &[
        "bridge fdb add 02:00:00:00:00:05 dev p1 master dynamic",
        "bridge fdb add 02:00:00:00:00:05 dev p1 master dynamic static",
        "bridge fdb add 02:00:00:00:00:05 master static dynamic dev p1",
    ],
    &[
        "bridge fdb del 02:00:00:00:00:05 dev p1 master",
        "bridge fdb delete 02:00:00:00:00:05 dev p1 master",
    ],
    &[
        "bridge fdb get 02:00:00:00:00:05 br br0",
        "bridge fdb g to 02:00:00:00:00:05 br br0",
    ],
    &["bridge fdb flush dev br0", "bridge fdb flush dev br0 self"],
    &[
        "sleep 0.5",
        "sleep .5",
        "sleep 0.25 .25s",
        "sudo sleep 0.5",
        "/bin/sleep 0.50",
    ],
    &["sleep 60", "sleep 1m", "sleep 30 30"],
    &[
        "set -e",
        "set -ex",
        "set -o errexit",
        "set -euo pipefail",
        "set -u -e",
    ],
    &["set +e", "set +o errexit"],
    &[
        "true",
        ":",
        "modprobe bridge",
        "sudo modprobe 8021q",
        "sysctl -w net.ipv4.ip_forward=1",
        "sysctl -w net.bridge.bridge-nf-call-iptables=0",
        "set -x",
    ],
    &["echo a b", "echo 'a b'", "echo a\\ b", "echo \"a b\""],
    &[
        "ip -n h1 route add default via 10.0.0.1",
        "ip netns exec h1 ip route add default via 10.0.0.1",
    ],
];

#[test]
fn spellings_mean_the_same() {
    let mut spellings = 0;
    for row in SAME {
        let first = one(row[0]);
        for spelling in *row {
            assert_eq!(one(spelling), first, "{spelling}");
            spellings += 1;
        }
    }
    assert!(spellings >= 150, "{spellings}");
}

#[test]
fn values_arrive() {
    match net("ip link add eth0 netns h1 type veth peer name p1 mtu 1400 up").verb {
        Verb::LinkAdd(add) => {
            assert_eq!(
                (add.name.as_deref(), add.common.netns.as_deref()),
                (Some("eth0"), Some("h1"))
            );
            let LinkAddKind::Veth { peer, common } = add.kind else {
                panic!()
            };
            assert_eq!(
                (peer.as_deref(), common.mtu, common.up, common.netns),
                (Some("p1"), Some(1400), Some(true), None)
            );
        }
        other => panic!("{other:?}"),
    }
    match net("bridge fdb replace 02:00:00:00:00:05 dev p1 master static sticky use vlan 7").verb {
        Verb::FdbAdd(_, spec) => {
            assert!(spec.on_master && !spec.on_self && spec.sticky && spec.touch);
            assert_eq!(
                (spec.state, spec.vlan.map(crate::wire::Vid::get)),
                (FdbState::Static, Some(7))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        one("ip netns exec h1 ping -c 3 10.0.0.2"),
        Command::Exec(
            "h1".into(),
            ["ping", "-c", "3", "10.0.0.2"].map(String::from).to_vec()
        )
    );
    assert_eq!(
        one("ip netns exec h1 sh -c 'ip a; echo $x'"),
        Command::Exec(
            "h1".into(),
            ["sh", "-c", "ip a; echo $x"].map(String::from).to_vec()
        )
    );
    assert_eq!(
        one("sleep 1.000000001"),
        Command::Sleep(std::time::Duration::new(1, 1))
    );
    assert_eq!(one("exit 3"), Command::Exit(Some(3)));
}

/// A script and the first line of its error.
const WRONG: &[(&str, &str)] = &[
    // As iproute2: a netdev called "a" must be written "dev a", for "a" abbreviates "address".
    (
        "ip link add a type dummy",
        "lab.sh:1:15: \"type\": not a MAC address; expected a MAC address like 02:00:00:00:00:01",
    ),
    (
        "ip link add v0 type vxlan",
        "lab.sh:1:21: \"vxlan\": not a kind of netdev known here; expected bridge, veth or dummy",
    ),
    (
        "ip link add br0",
        "lab.sh:1:16: the command ends after \"br0\"; expected \"type\" and bridge, veth or dummy",
    ),
    (
        "ip link set p1 mtu big",
        "lab.sh:1:20: \"big\": not a number that fits; expected a number from 0 to 2147483647",
    ),
    (
        "ip link set dev thisnameistoolong up",
        "lab.sh:1:17: \"thisnameistoolong\": the name of a netdev has at most 15 octets; expected the name of a netdev, like eth0",
    ),
    (
        "ip netns add a/b",
        "lab.sh:1:14: \"a/b\": not the name of a namespace; expected a name without \"/\", at most 255 octets",
    ),
    (
        "ip link add br0 type bridge mcast_snooping 1",
        "lab.sh:1:44: \"1\": multicast snooping is not modelled, so group frames are flooded; expected 0, which is how this program behaves",
    ),
    (
        "bridge link set dev p1 hairpin 1",
        "lab.sh:1:32: \"1\": not a switch position; expected \"on\" or \"off\"",
    ),
    (
        "ip link show | grep x",
        "lab.sh:1:14: \"|\": pipes are not part of a topology script; expected \"||\", \";\" or the end of the line",
    ),
    (
        "ip netns add $NS",
        "lab.sh:1:14: \"$NS\": shell variables are not part of a topology script; expected a plain word",
    ),
    (
        "NS=h1",
        "lab.sh:1:1: \"NS=h1\": shell variables are not part of a topology script; expected a command",
    ),
    (
        "ping -c 1 10.0.0.2",
        "lab.sh:1:1: \"ping\": programs run in a namespace of the topology only; expected \"ip netns exec NAME ping\", or a command of \"ip\" or \"bridge\"",
    ),
    (
        "true &&",
        "lab.sh:1:6: \"&&\": no command after this; expected a command",
    ),
    (
        "|| true",
        "lab.sh:1:1: \"||\": no command before this; expected a command",
    ),
    (
        "echo 'a",
        "lab.sh:1:6: \"'\": this quote is never closed; expected another ' before the end of the script",
    ),
    (
        "echo a > log",
        "lab.sh:1:8: \"> log\": redirections only drop or join output here; expected \">/dev/null\", \"2>/dev/null\", \"2>&1\" or \">&2\"",
    ),
];

#[test]
fn errors_say_where_and_what() {
    for (text, expected) in WRONG {
        let error = parse(text).expect_err(text).to_string();
        assert_eq!(error.lines().next(), Some(*expected), "{text}");
    }
}

#[test]
fn an_error_shows_the_line_and_a_caret() {
    let error = parse("ip netns add h1\nbridge link set dev p2 hairpn on\n").expect_err("misspelt");
    let text = error.to_string();
    assert!(
        text.starts_with("lab.sh:2:24: \"hairpn\": not an option of a bridge port; expected "),
        "{text}"
    );
    assert!(text.contains("(did you mean \"hairpin\"?)"), "{text}");
    assert!(
        text.ends_with("\n    bridge link set dev p2 hairpn on\n                           ^^^^^^"),
        "{text}"
    );
}

/// Runs a script of `echo`s (0) and `ip netns` (the status given); returns what ran and the status.
fn run(text: &str) -> (String, u8) {
    let script = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut flow = Flow::new(&script);
    let (mut ran, mut status) = (String::new(), 77);
    while let Some(item) = flow.next(status) {
        status = match &item.command {
            Command::Echo(text) => {
                ran.push_str(text);
                0
            }
            _ => 2,
        };
    }
    (ran, flow.status())
}

#[test]
fn control_flow_is_that_of_sh() {
    for (text, ran, status) in [
        ("", "", 0),
        ("echo a\necho b", "ab", 0),
        ("false", "", 1),
        ("false; echo a", "a", 0),
        ("false && echo a", "", 1),
        ("false || echo a", "a", 0),
        ("true || echo a && echo b", "b", 0),
        ("false && echo a || echo b", "b", 0),
        ("false || false || echo a", "a", 0),
        ("ip netns && echo a; echo b", "b", 0),
        ("ip netns", "", 2),
        ("set -e\nfalse\necho a", "", 1),
        ("set -e\nfalse || true\necho a", "a", 0),
        ("set -e\nfalse && true\necho a", "a", 0),
        ("set -e\nfalse && true", "", 1),
        ("set -e\ntrue && false\necho a", "", 1),
        ("set -e\nfalse || false\necho a", "", 1),
        ("set -e\nip netns\necho a", "", 2),
        ("set -e\nip netns || echo a\necho b", "ab", 0),
        ("set -e\nset +e\nfalse\necho a", "a", 0),
        ("echo a; exit 3; echo b", "a", 3),
        ("false; exit", "", 1),
        ("false && exit 3\necho a", "a", 0),
        ("false ||\n echo a", "a", 0),
    ] {
        assert_eq!(run(text), (ran.to_owned(), status), "{text}");
    }
}

#[test]
fn outside_wires_are_used_but_never_created() {
    for (text, names) in [
        (
            "ip link add br0 type bridge\nip link set eth1 master br0\nip link set eth0 master br0\nip link set br0 up",
            "eth1 eth0",
        ),
        ("ip link set lo up", ""),
        ("ip link set p1 up\nip tuntap add p1 mode tap", ""),
        (
            "ip link add eth0 netns h1 type veth peer name p1\nip link set p1 up\nip link set eth0 up",
            "eth0",
        ),
        ("ip link set eth0 name wan\nip link set wan up", "eth0"),
        ("ip -n h1 link set eth0 up", ""),
        ("ip -n h1 link set eth0 netns 1\nip link set eth0 up", ""),
        (
            "ip link add type veth\nip link set veth0 up\nip link set veth1 up",
            "",
        ),
        (
            "bridge fdb add 02:00:00:00:00:05 dev p1 master\nip addr add 10.0.0.1/24 dev p2\nbridge link set dev p3 state 0",
            "p1 p2 p3",
        ),
    ] {
        assert_eq!(
            parse(text).expect(text).outside().join(" "),
            names,
            "{text}"
        );
    }
}

#[test]
fn positions_text_and_streams_are_kept() {
    let script = parse("#!/bin/sh\r\n\r\n  ip link \\\r\n  show >/dev/null 2>&1 || true # c\r\necho a >&2; ip a 2>&1 >/dev/null\r\n").expect("fine");
    let rows: Vec<_> = script
        .items()
        .iter()
        .map(|i| {
            (
                i.at.line,
                i.at.column,
                i.text.as_str(),
                i.streams.stdout,
                i.streams.stderr,
                i.joint,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                3,
                3,
                "ip link    show >/dev/null 2>&1",
                Sink::Null,
                Sink::Null,
                Joint::Start
            ),
            (4, 27, "true", Sink::Stdout, Sink::Stderr, Joint::Or),
            (5, 1, "echo a >&2", Sink::Stderr, Sink::Stderr, Joint::Start),
            (
                5,
                13,
                "ip a 2>&1 >/dev/null",
                Sink::Null,
                Sink::Stdout,
                Joint::Start
            ),
        ]
    );
}

proptest! {
    #[test]
    fn no_input_panics(text in ".{0,200}") {
        if let Err(error) = parse(&text) { let _ = error.to_string(); }
    }

    #[test]
    fn no_mutation_panics(row in 0..SAME.len(), at in 0usize..80, with in "[ -~\\n\\\\\\r\u{e4}]{0,3}") {
        let mut text: Vec<char> = SAME[row].join("\n").chars().collect();
        let at = at.min(text.len());
        let end = (at + 2).min(text.len());
        text.splice(at..end, with.chars());
        let text: String = text.into_iter().collect();
        match parse(&text) {
            Ok(script) => { let _ = script.outside(); }
            Err(error) => { let _ = error.to_string(); }
        }
    }
}
