//! Spellings: which mean the same, and which iproute2 6.1 itself takes or refuses.

use super::{bridge, net, one, parse};
use crate::iproute::command::{Command, FdbState, LinkAddKind, Verb};

/// Each row: spellings that iproute2 6.1 takes for the same command.
pub(super) const SAME: &[&[&str]] = &[
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
        "ip link add br0 type bridge nf_call_iptables 0 mst_enabled 0",
    ],
    &[
        "ip link add br0 type bridge vlan_filtering 1 vlan_protocol 802.1ad mcast_router 2",
        "ip link add br0 type bridge v 2 vlan_p 802.1AD mcast_r 2",
        "ip link add br0 type bridge mcast_router 0x2 vlan_protocol 0x88a8 vlan_f 1",
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
        "bridge link set dev p1 hairpin on learning_sync on vlan_tunnel off",
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
    &[
        "sysctl -w net.ipv4.igmp_link_local_mcast_reports=0",
        "sysctl -qw net/ipv4/igmp_link_local_mcast_reports=0 net.ipv4.ip_forward=1",
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
    for row in SAME.iter().chain(bridge::SAME) {
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

/// What `ip` and `bridge` of iproute2 6.1 understood in a namespace with a bridge `br9` and its port `p1`,
/// whatever the kernel answered.
const TAKEN: &[&str] = &[
    "ip tuntap show",
    "ip tuntap list",
    "ip tuntap",
    "ip tap",
    "ip link add br0 type bridge",
    "ip link add br0 type bridge vlan_filtering 0",
    "ip link add name br0 up type bridge",
    "ip link add br0 ty bridge",
    "ip link add br0 typ bridge stp 1",
    "ip link add br0 type bridge stp_state 1 forward_delay 400",
    "ip link add br0 type bridge ageing 0",
    "ip link add br0 type bridge group_address 01:80:c2:00:00:0f",
    "ip link add br0 mtu 9000 type bridge",
    "ip link add br0 address 2:0:0:0:0:1 type bridge",
    "ip link add br0 txqueuelen 10 type bridge",
    "ip link add br0 up down type bridge",
    "ip link add dev type type bridge",
    "ip link add d1 type dummy",
    "ip link add va type veth peer vb",
    "ip link add va type veth peer name vb",
    "ip link add va type veth peer name vb up",
    "ip link add va type veth peer name vb mtu 1400",
    "ip link add va up type veth peer name vb up",
    "ip link add va master br9 type veth peer name vb master br9",
    "ip link add va type veth peer name va2 netns nowhere",
    "ip link add type veth",
    "ip link add va type veth",
    "ip link set p1 master br9",
    "ip link set p1 mast br9",
    "ip link set p1 ma br9",
    "ip link set p1 master nobody",
    "ip link set dev p1 nomaster",
    "ip link set p1 nomas",
    "ip link set p1 up",
    "ip link set up p1",
    "ip link set p1",
    "ip link set p1 promisc on",
    "ip link set p1 arp off",
    "ip link set p1 alias hello",
    "ip link set p1 type bridge_slave cost 5",
    "ip link set p1 type bridge_slave cost 0x10",
    "ip link set p1 type bridge_slave hairpin on",
    "ip link set p1 type bridge_slave hairpin o",
    "ip link set p1 type bridge_slave state 3",
    "ip link set br9 type bridge ageing_time 100",
    "ip link set br9 type bridge priority 0x1000",
    "ip link set br9 type bridge",
    "ip link change p1 up",
    "ip link chang p1 up",
    "ip link del p1",
    "ip link d p1",
    "ip link del nobody",
    "ip link show",
    "ip link sh p1",
    "ip link ls up",
    "ip link list dev p1",
    "ip link show nobody",
    "ip link show type bridge",
    "ip link show master br9",
    "ip link show group default",
    "ip l",
    "ip lin",
    "ip -j -p link",
    "ip -br link",
    "ip -brief link show up",
    "ip -d -s link show p1",
    "ip -details -statistics link",
    "ip --details link",
    "ip -c link",
    "ip -color=never link",
    "ip -N link",
    "ip -h link",
    "ip -human link",
    "ip addr add 10.0.0.1/24 dev p1",
    "ip addr add 10.0.0/24 dev p1",
    "ip addr add 10.0.0.1/255.255.255.0 dev p1",
    "ip addr add 10.0.0.1/24 brd + dev p1",
    "ip addr add 10.0.0.1/24 broad + dev p1",
    "ip addr add fd00::1/64 dev p1",
    "ip addr add 10.0.0.1/24 scope link dev p1",
    "ip addr del 10.9.9.9/24 dev p1",
    "ip addr flush dev p1",
    "ip addr flush p1",
    "ip addr",
    "ip addr show dev p1",
    "ip addr sh p1",
    "ip a s",
    "ip ad l",
    "ip netns",
    "ip netns list",
    "ip netns add n1",
    "ip netns del nowhere",
    "ip -n nowhere link",
    "ip tuntap add tap7 mode tap",
    "ip tuntap add dev tap7 mode tap user 0",
    "ip tuntap del tap7 mode tap",
    "bridge link",
    "bridge link show",
    "bridge link show dev p1",
    "bridge link sh dev p1",
    "bridge link set dev p1 cost 10",
    "bridge link set dev p1 hairpin on",
    "bridge link set dev p1 hairpin off",
    "bridge link set dev p1 state forwarding",
    "bridge link set dev p1 state 3",
    "bridge link set dev p1 learning off flood off",
    "bridge link set dev p1 guard on root_block on",
    "bridge link set dev p1 priority 8",
    "bridge link set dev p1 isolated on",
    "bridge fdb",
    "bridge fdb show",
    "bridge fdb show br br9",
    "bridge fdb show dev p1",
    "bridge fdb show brport p1",
    "bridge fdb add 02:00:00:00:00:05 dev p1 master static",
    "bridge fdb add 02:00:00:00:00:05 dev p1 master stat",
    "bridge fdb add 02:00:00:00:00:05 dev p1 mas dyn",
    "bridge fdb add to 02:00:00:00:00:05 dev p1 master",
    "bridge fdb add 02:00:00:00:00:05 dev p1",
    "bridge fdb append 02:00:00:00:00:05 dev p1 master static",
    "bridge fdb replace 02:00:00:00:00:05 dev p1 master static",
    "bridge fdb del 02:00:00:00:00:05 dev p1 master",
    "bridge fdb flush dev br9",
    "bridge fdb flush dev p1 master",
    "bridge -s fdb show",
    "bridge -j -p link",
    "bridge -d link",
    "bridge -n nowhere link",
];

/// What they gave up on themselves: "argument is wrong", "command line is not complete", "unknown".
const REFUSED: &[&str] = &[
    "ip link add br0 type bridge stp on",
    "ip link add br0 type bridge forward_delay 4.5",
    "ip link add br0 type bridge priority 65536",
    "ip link add br0 type bridge priority -1",
    "ip link add br0 type bridge ageing_time 300s",
    "ip link add br0 type bridge mcast_snooping",
    "ip link add br0 type bridge nonsense 1",
    "ip link add br0 mtu 9k type bridge",
    "ip link add br0 mtu 1500 mtu 1500 type bridge",
    "ip link add br0 address 02:00:00:00:00:100 type bridge",
    "ip link add br0 multicast of type bridge",
    "ip link add br0 br1 type bridge",
    "ip link add a/b type bridge",
    "ip link add name dev0 name dev1 type bridge",
    "ip link add va type veth pee name vb",
    "ip link add va type veth peer name",
    "ip link add va type veth vb",
    "ip link add va type veth peer name vb type veth",
    "ip link add",
    "ip link add va",
    "ip link add va type",
    "ip link set p1 u",
    "ip link set",
    "ip link set p1 p2 up",
    "ip link set dev p1 dev p2 up",
    "ip link set p1 promisc yes",
    "ip link set p1 multicast ON",
    "ip link set p1 alias",
    "ip link set p1 type bridge_slave hairpin 1",
    "ip link set p1 type bridge_slave state forwarding",
    "ip link set p1 type bridge_slave nonsense on",
    "ip link replace p1 up",
    "ip link del",
    "ip link remove p1",
    "ip link rm p1",
    "ip link show typ bridge",
    "ip link foo",
    "ip lnk",
    "ip -jp link",
    "ip -nosuch link",
    "ip -color=nope link",
    "ip addr add 10.0.0.1/33 dev p1",
    "ip addr add 10.0.0.256/24 dev p1",
    "ip addr add 10.0.0.1/255.0.255.0 dev p1",
    "ip addr add 10.0.0.1/ dev p1",
    "ip addr add 10.0.0.1/24",
    "ip addr add 10.0.0.1/24 p1",
    "ip addr add 10.0.0.1/24 brd 300.0.0.1 dev p1",
    "ip addr add fd00::1/129 dev p1",
    "ip addr add fd00::1/64 brd + dev p1",
    "ip -4 addr add fd00::1/64 dev p1",
    "ip -6 addr add 10.0.0.1/24 dev p1",
    "ip addr add fd00::g/64 dev p1",
    "ip addr add 10.0.0.1/24 scope 256 dev p1",
    "ip addr add 10.0.0.1/24 scope glob dev p1",
    "ip addr flush",
    "ip addr show p1 p2",
    "ip address foo",
    "ip netns add",
    "ip netns add a/b",
    "ip netns foo",
    "ip netns exec",
    "ip tuntap add tap7",
    "ip tuntap add tap7 mode tapp",
    "bridge link set p1 cost 10",
    "bridge link set dev p1 cost",
    "bridge link set dev p1 hairpin yes",
    "bridge link set dev p1 hair on",
    "bridge link set dev p1 state fwd",
    "bridge link set",
    "bridge link foo",
    "bridge fdb add 02:00:00:00:05 dev p1 master",
    "bridge fdb add dev p1 master",
    "bridge fdb add 02:00:00:00:00:05 master",
    "bridge fdb add 02:00:00:00:00:05 02:00:00:00:00:06 dev p1 master",
    "bridge fdb add 02:00:00:00:00:05 dev p1 master vlan 5000",
    "bridge fdb add 02:00:00:00:00:05 dev p1 master nonsense",
    "bridge fdb flush",
    "bridge fdb get 02:00:00:00:00:05",
    "bridge fdb foo",
    "bridge -x link",
    "bridge foo",
];

/// What they take and the reader refuses: cut-off numbers, words passed over, what the kernel can only
/// refuse, and what is not modelled.
const REFUSED_HERE_ONLY: &[&str] = &[
    "ip -b link",
    "ip addr add dev p1",
    "ip link add br0 address 02-00-00-00-00-01 type bridge",
    "ip link add br0 address 0200.0000.0001 type bridge",
    "ip link add br0 address 02:00:00:00:00:01:02 type bridge",
    "ip link add br0 address 02:00:00:00:00:1g type bridge",
    "ip link add br0 type Bridge",
    "ip link add br0 type bridg",
    "ip link add br0 type bridge group_address 01:80:c2:00:00",
    "ip link add d1 type dummy foo",
    "ip link add this-name-is-longer-than-15 type bridge",
    "ip link add va index 77 type veth",
    "ip link set this-name-is-longer-than-15 up",
    "ip tuntap add mode tap",
    "bridge link show p1",
    "bridge fdb show br0",
    "ip netns add a b",
];

#[test]
fn takes_what_iproute2_takes() {
    for text in TAKEN {
        assert!(parse(text).is_ok(), "{:?}", parse(text));
    }
    for text in REFUSED.iter().chain(REFUSED_HERE_ONLY) {
        assert!(parse(text).is_err(), "{text}");
    }
}
