//! Spellings of VLANs, groups, neighbours and guards: which mean the same, and which iproute2 6.1 itself takes
//! or refuses.

use std::net::IpAddr;

use super::{net, one, parse};
use crate::iproute::command::{
    BindingEdit, Command, FilterMode, LinkAddKind, LinkSetKind, MdbGroup, NeighFilter, PrivateRole,
    StormLimit, Verb, VidRange, Violation, nud,
};
use crate::wire::{MacAddr, Vid};

/// Each row: spellings that mean the same command, to iproute2 6.1 and here.
pub(super) const SAME: &[&[&str]] = &[
    &[
        "bridge vlan",
        "bridge vlan show",
        "bridge v s",
        "bridge vlan lst",
        "bridge vlan l",
        "bridge -c vlan",
        "/sbin/bridge vl li",
    ],
    &[
        "bridge -com vlan",
        "bridge -compressvlans vlan show",
        "bridge --compress v",
    ],
    &[
        "bridge vlan add dev p1 vid 10 pvid untagged",
        "bridge vlan a untagged pvid vid 10 dev p1",
        "sudo bridge v ad dev p1 vid 010 pvid untagged",
    ],
    &[
        "bridge vlan del dev p1 vid 10-20",
        "bridge vlan delete vid 10-20 dev p1",
        "bridge v d dev p1 vid 10-20",
    ],
    &[
        "bridge vlan set dev p1 vid 1 state 3",
        "bridge vlan set dev p1 state forwarding vid 1",
        "bridge vlan se dev p1 vid 1 state 03",
    ],
    &[
        "bridge vlan global",
        "bridge vlan global show",
        "bridge vlan global list",
        "bridge v global lst",
    ],
    &[
        "bridge vlan global set dev br9 vid 1 mcast_snooping 1",
        "bridge vlan global set mcast_snooping 0x1 vid 1 dev br9",
    ],
    &[
        "bridge mdb",
        "bridge mdb show",
        "bridge m",
        "bridge mdb sh",
        "bridge mdb list",
        "bridge m lst",
    ],
    &[
        "bridge mdb add dev br9 port p1 grp 239.1.1.1",
        "bridge mdb a grp 239.1.1.1 port p1 dev br9",
        "bridge mdb add dev br9 port p1 grp 239.1.1.1 temp vid 0",
    ],
    &[
        "ip link add link p1 name p1.10 type vlan id 10",
        "ip link add link p1 p1.10 type vlan id 10",
        "ip link add p1.10 link p1 type vlan i 0xa",
        "ip l a name p1.10 li p1 ty vlan id 012",
    ],
    &[
        "ip link add link p1 name v type vlan id 9 protocol 802.1ad reorder_hdr off",
        "ip link add link p1 name v type vlan reorder off proto 802.1AD id 9",
        "ip link add link p1 name v type vlan p 0x88a8 r off i 9",
    ],
    &[
        "ip link set v type vlan egress-qos-map 1:2 ingress-qos-map 3:4 5:6",
        "ip link set dev v type vlan ing 3:4 5:6 eg 1:2",
    ],
    &[
        "ip neigh",
        "ip neigh show",
        "ip neighbor",
        "ip neighbour list",
        "ip n",
        "ip nei lst",
        "ip neigh show proto all",
    ],
    &[
        "ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev p1",
        "ip neigh a dev p1 ll 2:0:0:0:0:1 to 10.0.0.1",
        "ip -4 n add 10.0.0.1 l 02:00:00:00:00:01 dev p1 nud perm",
        "ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev p1 nud 0x80",
    ],
    &[
        "ip neigh change 10.0.0.1 dev p1",
        "ip neigh chg 10.0.0.1 dev p1 lladdr null",
        "ip neigh c 10.0.0.1 dev p1",
    ],
    &[
        "ip neigh show to 10.0.0.0/8",
        "ip neigh show 10.0.0.0/8",
        "ip neigh sh 10/255.0.0.0",
    ],
    &[
        "tapswitch port",
        "tapswitch port show",
        "sudo tapswitch port show",
        "/usr/local/bin/tapswitch port show",
    ],
    &[
        "tapswitch -j port show dev p1",
        "tapswitch port show -j dev p1",
        "tapswitch port show dev p1 -j",
    ],
    &[
        "ip netns exec sw tapswitch port set dev p1 storm_broadcast 1kfps,64kBps",
        "tapswitch -n sw port set dev p1 storm_broadcast 64000Bps,1000fps",
        "sudo ip netns exec sw sudo tapswitch port set storm_broadcast 1000fps,64kBps dev p1",
    ],
];

/// What `ip` and `bridge` of iproute2 6.1 understood in a namespace with a bridge `br9` and its port `p1`,
/// whatever the kernel answered.
pub(super) const TAKEN: &[&str] = &[
    "bridge vlan",
    "bridge vlan show",
    "bridge v s",
    "bridge vlan sh",
    "bridge vlan lst",
    "bridge vlan list",
    "bridge vlan l",
    "bridge vlan show dev p1",
    "bridge vlan show vid 1",
    "bridge vlan add dev p1 vid 10",
    "bridge vlan a dev p1 vid 10",
    "bridge vlan add vid 10 dev p1",
    "bridge vlan add vid 10 dev p1 pvid untagged",
    "bridge vlan add dev p1 vid 10 pvid untagged master",
    "bridge vlan add dev br9 vid 10 self",
    "bridge vlan add dev p1 vid 0",
    "bridge vlan add dev p1 vid 4095",
    "bridge vlan add dev p1 vid 10-20",
    "bridge vlan add dev p1 vid 10-20 untagged",
    "bridge vlan add dev nobody vid 10",
    "bridge vlan del dev p1 vid 10",
    "bridge vlan d dev p1 vid 10",
    "bridge vlan delete dev p1 vid 10-12",
    "bridge vlan set dev p1 vid 1 state 3",
    "bridge vlan set dev p1 vid 1 state forwarding",
    "bridge vlan set dev p1 vid 1 state 9",
    "bridge vlan set dev p1 vid 1 mcast_router 2",
    "bridge vlan set dev p1 vid 1",
    "bridge vlan set dev nobody vid 1 state 3",
    "bridge vlan set dev p1 vid 1-5 state 3",
    "bridge vlan se dev p1 vid 1 state 3",
    "bridge vlan global",
    "bridge vlan global show",
    "bridge vlan global list",
    "bridge vlan global lst",
    "bridge vlan global show dev br9",
    "bridge vlan global set dev br9 vid 1 mcast_snooping 1",
    "bridge vlan global set dev br9 vid 1-2 mcast_querier 1",
    "bridge vlan global set dev br9 vid 1 mcast_last_member_interval 300",
    "bridge vlan global set dev br9 vid 1 mcast_igmp_version 3",
    "bridge -c vlan",
    "bridge -com vlan",
    "bridge -compressvlans vlan show",
    "bridge -j -p vlan",
    "bridge -s vlan",
    "bridge -d vlan",
    "bridge mdb",
    "bridge mdb show",
    "bridge m",
    "bridge mdb sh",
    "bridge mdb list",
    "bridge mdb lst",
    "bridge mdb show dev br9",
    "bridge mdb show vid 1",
    "bridge mdb add dev br9 port p1 grp 239.1.1.1",
    "bridge mdb a dev br9 port p1 grp 239.1.1.1 permanent",
    "bridge mdb add grp 239.1.1.1 port p1 dev br9",
    "bridge mdb add dev br9 port p1 grp ff02::5 temp vid 1",
    "bridge mdb add dev br9 port p1 grp 01:00:5e:01:01:01 permanent",
    "bridge mdb add dev br9 port p1 grp 239.1.1.1 src 10.0.0.1",
    "bridge mdb add dev br9 port p1 grp 10.0.0.1",
    "bridge mdb add dev br9 port p1 grp fe80::1",
    "bridge mdb add dev br9 port p1 grp 02:00:00:00:00:01 permanent",
    "bridge mdb add dev br9 port p1 grp 239.1.1.1 vid 4095",
    "bridge mdb add dev nobody port p1 grp 239.1.1.1",
    "bridge mdb add dev br9 port nobody grp 239.1.1.1",
    "bridge mdb del dev br9 port p1 grp 239.1.1.1",
    "bridge mdb d dev br9 port p1 grp 239.1.1.1 permanent",
    "ip link add link p1 name p1.10 type vlan id 10",
    "ip link add link p1 p1.11 type vlan id 11",
    "ip link add p1.12 link p1 type vlan id 12",
    "ip link add name p1.13 link p1 up type vlan id 13",
    "ip link add link p1 name p1.14 type vlan i 14",
    "ip link add link p1 name p1.15 type vlan id 0xf",
    "ip link add link p1 name p1.16 type vlan id 16 protocol 802.1ad",
    "ip link add link p1 name p1.17 type vlan id 17 proto 802.1Q",
    "ip link add link p1 name p1.18 type vlan proto 802.1AD id 18",
    "ip link add link p1 name p1.19 type vlan id 19 protocol 0x88a8",
    "ip link add link p1 name p1.20 type vlan id 20 protocol 0x9100",
    "ip link add link p1 name p1.22 type vlan id 22 reorder_hdr off",
    "ip link add link p1 name p1.23 type vlan id 23 reorder off gvrp on mvrp on loose on bridge_b on",
    "ip link add link p1 name p1.26 type vlan id 26 ingress-qos-map 0:1",
    "ip link add link p1 name p1.27 type vlan id 27 ingress-qos-map 0:1 1:2 egress-qos-map 2:3",
    "ip link add link p1 name p1.31 type vlan id 31 ing 0:1 eg 1:1",
    "ip link add link p1 name p1.32 type vlan",
    "ip link add link p1 name p1.34 type vlan id 4095",
    "ip link add link p1 name p1.35 type vlan id 4096",
    "ip link add name p1.39 type vlan id 39",
    "ip link add link nobody name p1.40 type vlan id 40",
    "ip link add link p1 type vlan id 41",
    "ip link set p1.10 type vlan reorder_hdr off",
    "ip link set p1.10 type vlan egress-qos-map 1:1",
    "ip link set p1.10 type vlan id 5",
    "ip link del p1.10 type vlan",
    "ip link show type vlan",
    "ip link add br8 type bridge vlan_filtering 1 vlan_default_pvid 0",
    "ip link add br7 type bridge vlan_f 1 vlan_d 5 vlan_stats_e 1 vlan_stats_p 1",
    "ip link add br6 type bridge vlan_s 1",
    "ip link add br5 type bridge vlan_protocol 802.1ad",
    "ip link add br2 type bridge mcast_snooping 1 mcast_querier 1",
    "ip link add ba type bridge mcast_s 0",
    "ip link add bb type bridge mcast 0",
    "ip link add bc type bridge mcast_router 3",
    "ip link add bd type bridge mcast_igmp_version 4",
    "ip link add be type bridge mcast_igmp 3 mcast_mld 2",
    "ip link add bf type bridge mcast_last_member_count 3 mcast_last_member_interval 300",
    "ip link add bg type bridge mcast_query 1",
    "ip link add bh type bridge mcast_querier_i 25500",
    "ip link add bi type bridge mcast_query_i 12500 mcast_query_r 1000",
    "ip link add bj type bridge mcast_startup_query_interval 3125 mcast_startup_query_count 2",
    "ip link add bk type bridge mcast_hash_max 8 mcast_hash_elasticity 4",
    "ip link add bl type bridge mcast_vlan_snooping 1",
    "ip link add bn type bridge mcast_query_use_ifaddr 1",
    "ip link add bo type bridge mcast_stats_enabled 1",
    "ip link set p1 type bridge_slave mcast_router 2",
    "ip link set p1 type bridge_slave neigh_suppress on",
    "ip link set p1 type bridge_slave neigh on",
    "ip link set p1 type bridge_slave vlan_tunnel off",
    "ip link set p1 type bridge_slave mcast_fast_leave on",
    "ip link set p1 type bridge_slave mcast_to_unicast on",
    "bridge link set dev p1 mcast_router 2",
    "bridge link set dev p1 mcast_router 5",
    "bridge link set dev p1 neigh_suppress on",
    "bridge link set dev p1 vlan_tunnel off",
    "ip neigh",
    "ip neigh show",
    "ip neighbor",
    "ip neighbour",
    "ip n",
    "ip nei sh",
    "ip neigh list",
    "ip neigh lst",
    "ip neigh ls",
    "ip -4 neigh",
    "ip -6 neigh",
    "ip neigh show dev p1",
    "ip neigh show nud all",
    "ip neigh show nud perm",
    "ip neigh show nud 4",
    "ip neigh show nud none",
    "ip neigh show to 10.0.0.0/8",
    "ip neigh show 10.0.0.0/8",
    "ip neigh show fd00::/8",
    "ip neigh show unused",
    "ip neigh show nomaster",
    "ip neigh show master br9",
    "ip neigh show master nobody",
    "ip neigh show proto static",
    "ip neigh show prot all",
    "ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh a 10.0.0.2 ll 02:00:00:00:00:01 dev p1",
    "ip neigh add to 10.0.0.3 lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh add dev p1 lladdr 2:0:0:0:0:1 to 10.0.0.4",
    "ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:01 dev p1 nud reachable",
    "ip neigh add 10.0.0.6 lladdr 02:00:00:00:00:01 dev p1 nud reach",
    "ip neigh add 10.0.0.8 lladdr 02:00:00:00:00:01 dev p1 nud 0x80",
    "ip neigh add 10.0.0.10 lladdr null dev p1 nud none",
    "ip neigh add 10.0.0.11 lladdr 02:00:00:00:00:01 dev p1 extern",
    "ip neigh add 10.0.0.12 lladdr 02:00:00:00:00:01 dev p1 proto static",
    "ip neigh add 10.0.0.14 lladdr 02:00:00:00:00:01 dev p1 router use",
    "ip neigh add 10.0.0.15 dev p1 managed",
    "ip neigh add fd00::1 lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh add 10.0.0.20 lladdr 02:00:00:00:00:01 dev nobody",
    "ip neigh change 10.0.0.1 lladdr 02:00:00:00:00:02 dev p1",
    "ip neigh chg 10.0.0.1 lladdr 02:00:00:00:00:02 dev p1",
    "ip neigh c 10.0.0.1 lladdr 02:00:00:00:00:02 dev p1",
    "ip neigh replace 10.0.0.1 lladdr 02:00:00:00:00:02 dev p1",
    "ip neigh repl 10.0.0.1 lladdr 02:00:00:00:00:02 dev p1",
    "ip neigh del 10.0.0.1 dev p1",
    "ip neigh d 10.0.0.1 dev p1",
    "ip neigh get 10.0.0.2 dev p1",
    "ip neigh flush dev p1",
    "ip neigh f dev p1",
    "ip neigh flush nud all",
    "ip neigh flush to 10.0.0.0/8",
];

/// What they gave up on themselves.
pub(super) const REFUSED: &[&str] = &[
    "bridge vlan show dev p1 dev p1",
    "bridge vlan show vid 1 vid 2",
    "bridge vlan show dev",
    "bridge vlan add dev p1 vid 4096",
    "bridge vlan add dev p1 vid 20-10",
    "bridge vlan add dev p1 vid 10-10",
    "bridge vlan add dev p1 vid 10-4096",
    "bridge vlan add dev p1 vid 10-20 pvid",
    "bridge vlan add dev p1 vid 10-",
    "bridge vlan add dev p1 vid",
    "bridge vlan add dev p1",
    "bridge vlan add vid 10",
    "bridge vlan add",
    "bridge vlan remove dev p1 vid 10",
    "bridge vlan set dev p1 vid 1 state fwd",
    "bridge vlan set dev p1 vid 1 mcast_router two",
    "bridge vlan set dev p1 state 3",
    "bridge vlan set vid 1 state 3",
    "bridge vlan set dev p1 vid 5-1 state 3",
    "bridge vlan global sh",
    "bridge vlan glob",
    "bridge vlan global set dev br9 vid 1 mcast_querier on",
    "bridge vlan global set vid 1 mcast_igmp_version 3",
    "bridge vlan global set dev br9 mcast_igmp_version 3",
    "bridge vlan global foo",
    "bridge vlan foo",
    "bridge mdb show dev br9 dev br9",
    "bridge mdb add dev br9 port p1 grp 239.1.1.1 src ten",
    "bridge mdb add dev br9 port p1 grp 239.1.1",
    "bridge mdb add dev br9 port p1 grp 239.1.1.256",
    "bridge mdb add dev br9 port p1 grp 01:02",
    "bridge mdb add dev br9 port p1",
    "bridge mdb add dev br9 grp 239.1.1.1",
    "bridge mdb add port p1 grp 239.1.1.1",
    "bridge mdb add dev br9 port p1 grp",
    "bridge mdb flush dev br9",
    "bridge mdb foo",
    "ip link add link p1 name p1.21 type vlan id 21 protocol qinq",
    "ip link add link p1 name p1.24 type vlan id 24 reorder_hdr of",
    "ip link add link p1 name p1.25 type vlan id 25 reorder_hdr 0",
    "ip link add link p1 name p1.28 type vlan id 28 ingress-qos-map",
    "ip link add link p1 name p1.29 type vlan id 29 ingress-qos-map 0",
    "ip link add link p1 name p1.30 type vlan id 30 ingress-qos-map 0:x",
    "ip link add link p1 name p1.33 type vlan id",
    "ip link add link p1 name p1.36 type vlan id 65536",
    "ip link add link p1 name p1.37 type vlan id ten",
    "ip link add link p1 name p1.38 type vlan id 38 nonsense on",
    "ip link add br4 type bridge vlan_protocol 802.1x",
    "ip link add br3 type bridge vlan_filtering on",
    "ip link add bm type bridge mcast_vlan 1",
    "ip link add bp type bridge mcast_hash_max -1",
    "ip link set p1 type bridge_slave mcast_router two",
    "bridge link set dev p1 neigh on",
    "ip neigh show p1",
    "ip neigh show nud stal",
    "ip neigh show nud 3",
    "ip neigh show dev p1 dev p1",
    "ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:01 dev p1 nud st",
    "ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev p1 nud foo",
    "ip neigh add 10.0.0.13 lladdr 02:00:00:00:00:01 dev p1 proto nonsense",
    "ip neigh add 10.0.0.1/24 lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh add 10.0.0.17 lladdr 02:00:00:00:00:01",
    "ip neigh add lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh add 10.0.0.18 10.0.0.19 lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh add 10.0.0.18 lladdr 02:00:00:00:00:01 lladdr 02:00:00:00:00:01 dev p1",
    "ip -6 neigh add 10.0.0.20 lladdr 02:00:00:00:00:01 dev p1",
    "ip neigh del 10.0.0.1",
    "ip neigh get 10.0.0.2",
    "ip neigh get dev p1",
    "ip neigh flush",
    "ip neigh foo",
    "bridge x",
];

/// What they take and the reader refuses: words passed over, numbers cut off, what the kernel can only refuse,
/// and what is not modelled.
pub(super) const REFUSED_HERE_ONLY: &[&str] = &[
    "bridge vlan show vid one",
    "bridge vlan show p1",
    "bridge vlan tunnelshow",
    "bridge vlan t",
    "bridge vlan add dev p1 vid 10 pv",
    "bridge vlan add dev p1 vid 10 unt",
    "bridge vlan add dev p1 vid 10 foo",
    "bridge vlan add dev p1 vid ten",
    "bridge vlan add dev p1 vid -1",
    "bridge vlan add dev p1 vid 0x10",
    "bridge vlan add dev p1 vid 10 tunnel_info id 10",
    "bridge mdb show br9",
    "bridge mdb add dev br9 port p1 grp 239.1.1.1 vid 5000",
    "bridge mdb add dev br9 port p1 grp 239.1.1.1 perm",
    "ip -0 neigh",
    "ip neigh show proxy",
    "ip neigh add proxy 10.0.0.16 dev p1",
    "ip neigh add 10.0.0.17 lladdr 02:00:00:00:00 dev p1",
];

/// Grammar of newer iproute2, and our own.
const NEWER: &[&str] = &[
    "bridge mdb replace dev br9 port p1 grp 239.1.1.1 filter_mode exclude source_list 10.0.0.1,10.0.0.2 proto static",
    "bridge vlan set dev p1 vid 1-9 neigh_suppress on mcast_max_groups 5",
    "bridge link set dev p1 neigh_vlan_suppress on mcast_max_groups 5 mab on backup_nhid 0",
    "ip link set p1 type bridge_slave neigh_vlan_suppress on mcast_max_groups 5 backup_nhid 0",
    "tapswitch port set dev p1",
    "tapswitch -p -j port show",
    "tapswitch -s --json port",
    "tapswitch port set dev p1 storm_unknown off storm_multicast 5Mfps",
    "tapswitch port set dev p1 p2p auto edge on bpdu_guard on bpdu_filter off loop_guard on tc_guard off",
    "tapswitch port set dev p1 speed 100 recovery 30",
    "tapswitch port set dev p1 speed auto",
    "tapswitch bridge set dev br0 stp_mode rstp",
    "tapswitch bridge set tx_hold_count 10 dev br0",
    "tapswitch bridge set dev br0 loop_alarm on loop_guard block recovery 5",
    "tapswitch bridge set dev br0 stp_mode stp loop_guard off recovery off",
    "tapswitch bridge",
    "tapswitch -j bridge show dev br0",
    "tapswitch -n sw stp show -j dev br0",
    "ip netns exec sw tapswitch -s stp",
];

/// What is no command of ours.
const NOT_OURS: &[&str] = &[
    "tapswitch",
    "tapswitch run lab.sh",
    "tapswitch po show",
    "tapswitch port add dev p1",
    "tapswitch port show p1",
    "tapswitch port set storm_broadcast off",
    "tapswitch port set dev p1 storm_broadcast",
    "tapswitch port set dev p1 storm_broadcast 0fps",
    "tapswitch port set dev p1 storm_broadcast 1.5fps",
    "tapswitch port set dev p1 storm_broadcast 64kbps",
    "tapswitch port set dev p1 storm_broadcast 5fps,6fps",
    "tapswitch port set dev p1 storm_broadcast 99999999999999999999Bps",
    "tapswitch port set dev p1 storm_broadcast 99999999999999Gfps",
    "tapswitch port set dev p1 max_macs 0",
    "tapswitch port set dev p1 secure_mac 01:00:5e:00:00:01",
    "tapswitch port set dev p1 secure_mac 00:00:00:00:00:00",
    "tapswitch port set dev p1 secure_mac 02:00:00:00:00:01 vlan 4095",
    "tapswitch port set dev p1 violation ignore",
    "tapswitch port set dev p1 recovery 0",
    "tapswitch port set dev p1 ip_binding yes",
    "tapswitch port set dev p1 bind 10.0.0.1",
    "tapswitch port set dev p1 bind 10.0.0.1 02:00:00:00:00:01 vlan",
    "tapswitch port set dev p1 mac_vlan 02:00:00:00:00:01",
    "tapswitch port set dev p1 mac_vlan 02:00:00:00:00:01 0",
    "tapswitch port set dev p1 private community",
    "tapswitch port set dev p1 private",
    "tapswitch port set dev p1 p2p yes",
    "tapswitch port set dev p1 speed 0",
    "tapswitch port set dev p1 speed 20000001",
    "tapswitch port set dev p1 edge",
    "tapswitch bridge set stp_mode rstp",
    "tapswitch bridge set dev br0",
    "tapswitch bridge set dev br0 stp_mode mstp",
    "tapswitch bridge set dev br0 tx_hold_count 11",
    "tapswitch bridge set dev br0 loop_alarm block",
    "tapswitch bridge set dev br0 loop_guard",
    "tapswitch bridge set dev br0 recovery 0",
    "tapswitch bridge add dev br0",
    "tapswitch stp set dev br0",
    "tapswitch stp show br0",
];

/// Each row: a command, and what is said about it; `errors.rs` has the general ones.
const WRONG: &[(&str, &str)] = &[
    (
        "bridge vlan add dev p1 vid 10-5",
        "1:28: \"10-5\": not a range of VLANs; expected two numbers from 0 to 4095, the second larger, like 10-20",
    ),
    (
        "bridge vlan add dev p1 vid 10-20 pvid",
        "1:34: \"pvid\": pvid cannot be configured for a vlan range; expected \"vid\" and one VLAN",
    ),
    (
        "bridge vlan add dev p1 vid 4096",
        "1:28: \"4096\": not a number that fits; expected a decimal number from 0 to 4095",
    ),
    (
        "bridge vlan add dev p1",
        "1:23: the command ends after \"p1\"; expected \"vid\" and a VLAN like 10 or 10-20",
    ),
    (
        "bridge vlan add dev p1 vid 10 untaged",
        "1:31: \"untaged\": not an option of \"bridge vlan\"; expected dev, vid, self, master, pvid, untagged or tunnel_info (did you mean \"untagged\"?)",
    ),
    (
        "bridge vlan add dev p1 vid 10 tunnel_info id 5",
        "1:31: \"tunnel_info\": VLANs are not mapped to tunnels here; expected another option of \"bridge vlan\"",
    ),
    (
        "bridge vlan show p1",
        "1:18: \"p1\": not a filter of \"bridge vlan show\"; expected \"dev p1\" or \"vid p1\" (the keyword is needed here)",
    ),
    (
        "bridge vlan global set dev br0 vid 1 msti 1",
        "1:38: \"msti\": multiple spanning trees are not modelled; expected another option of \"bridge vlan global set\"",
    ),
    (
        "bridge mdb add dev br0 port p1 grp 239.1.1",
        "1:36: \"239.1.1\": not a group address; expected a group address like 239.1.1.1, ff02::1:3 or 01:00:5e:01:01:01",
    ),
    (
        "bridge mdb add dev br0 grp 239.1.1.1",
        "1:37: the command ends after \"239.1.1.1\"; expected \"port\" and the name of a bridge port",
    ),
    (
        "bridge mdb add dev br0 port p1 grp 239.1.1.1 vni 5",
        "1:46: \"vni\": an option of VXLAN devices, which are not modelled yet; expected another option of \"bridge mdb\"",
    ),
    (
        "ip link add link eth0 name eth0.5 type vlan 5",
        "1:45: \"5\": not an option of a VLAN device; expected protocol, id, reorder_hdr, gvrp, mvrp, loose_binding, bridge_binding, ingress-qos-map or egress-qos-map",
    ),
    (
        "ip link add link eth0 name eth0.5 type vlan id 5 egress-qos-map 0-1",
        "1:65: \"0-1\": not a pair of priorities; expected two numbers like 0:1",
    ),
    (
        "ip link add link eth0 name eth0.5 type vlan id 5 mtu 1400",
        "1:50: \"mtu\": not an option of a VLAN device; expected an option of a VLAN device (\"mtu\" goes before \"type\")",
    ),
    (
        "ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01",
        "1:47: the command ends after \"02:00:00:00:00:01\"; expected \"dev\" and the name of a netdev",
    ),
    (
        "ip neigh add proxy 10.0.0.1 dev br0",
        "1:14: \"proxy\": no stack here answers for others by its own table; expected an address, \"lladdr\" and \"dev\"",
    ),
    (
        "ip neigh flush",
        "1:15: the command ends after \"flush\"; expected \"dev\", \"to\" or \"nud\": which neighbours",
    ),
    (
        "tapswitch port set dev p1 storm_brodcast 5fps",
        "1:27: \"storm_brodcast\": not an option of \"tapswitch port set\"; expected dev, storm_broadcast, storm_multicast, storm_unknown, max_macs, secure_mac, no_secure_mac, violation, recovery, ip_binding, dhcp_trusted, bind, unbind, mac_vlan, no_mac_vlan, private, p2p, edge, bpdu_guard, bpdu_filter, loop_guard, tc_guard or speed (did you mean \"storm_broadcast\"?)",
    ),
    (
        "tapswitch bridge set dev br0 loop_guard on",
        "1:41: \"on\": the loop guard of a bridge blocks; that of a port's spanning tree is \"tapswitch port set\"; expected block or off",
    ),
    (
        "tapswitch port set dev p1 storm_broadcast 64kbps",
        "1:43: \"64kbps\": octets per second are written Bps, kBps, MBps or GBps; expected \"off\", frames (100fps) or octets (64kBps) per second, or both (100fps,64kBps)",
    ),
    (
        "tapswitch port set dev p1 max_macs 0",
        "1:36: \"0\": not a number that fits; expected \"off\" or a decimal number from 1 to 4294967295",
    ),
    (
        "tapswitch run lab.sh",
        "1:11: \"run\": not an object of \"tapswitch\" in a script; expected port, bridge, stp or cable",
    ),
];

#[test]
fn errors_say_where_and_what() {
    let mut wrong = String::new();
    for (text, expected) in WRONG {
        let got = parse(text).map_or_else(|error| error.to_string(), |_| "understood".to_owned());
        let got = got.lines().next().unwrap_or_default();
        if got != format!("lab.sh:{expected}") {
            wrong += &format!("$ {text}\n  want lab.sh:{expected}\n  got  {got}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn outside_wires_are_used_by_name() {
    for (text, names) in [
        (
            "ip link add br0 type bridge\nip link add link eth0 name eth0.5 type vlan id 5\nip link set eth0.5 up",
            "eth0",
        ),
        (
            "ip link add link eth0 type vlan id 5\nip link set vlan0 up",
            "eth0",
        ),
        (
            "bridge vlan add dev eth1 vid 5\nbridge vlan set dev eth2 vid 5 state 3",
            "eth1 eth2",
        ),
        (
            "tapswitch port set dev eth3 max_macs 1\ntapswitch port show dev eth4",
            "eth3",
        ),
        (
            "ip link add br0 type bridge\nbridge mdb add dev br0 port br0 grp 239.1.1.1",
            "",
        ),
        ("ip -n h1 link add link eth0 name eth0.5 type vlan id 5", ""),
    ] {
        assert_eq!(
            parse(text).expect(text).outside().join(" "),
            names,
            "{text}"
        );
    }
}

#[test]
fn takes_what_iproute2_takes() {
    for text in TAKEN.iter().chain(NEWER) {
        assert!(parse(text).is_ok(), "{:?}", parse(text));
    }
    for text in REFUSED.iter().chain(REFUSED_HERE_ONLY).chain(NOT_OURS) {
        assert!(parse(text).is_err(), "{text}");
    }
}

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn vlan_values_arrive() {
    match net("bridge vlan add dev p1 vid 10-20 untagged master").verb {
        Verb::VlanAdd(spec) => {
            assert_eq!(spec.dev, "p1");
            assert_eq!(
                spec.vids,
                VidRange {
                    first: 10,
                    last: 20
                }
            );
            assert!(spec.untagged && spec.on_master && !spec.pvid && !spec.on_self);
        }
        other => panic!("{other:?}"),
    }
    match net("bridge vlan set dev p1 vid 4095 state blocking mcast_router 2").verb {
        Verb::VlanSet(set) => {
            assert_eq!((set.vids, set.state), (VidRange::one(4095), Some(4)));
            assert_eq!((set.mcast_router, set.neigh_suppress), (Some(2), None));
        }
        other => panic!("{other:?}"),
    }
    match net("bridge vlan global set dev br0 vid 7 mcast_querier_interval 5 mcast_mld_version 2")
        .verb
    {
        Verb::VlanGlobalSet(set) => {
            assert_eq!(set.options.mcast_querier_interval, Some(5));
            assert_eq!(set.options.mcast_mld_version, Some(2));
        }
        other => panic!("{other:?}"),
    }
    match net("ip link add link p1 name v up type vlan id 4095 gvrp on mvrp off ing 0:1 1:2").verb {
        Verb::LinkAdd(add) => {
            assert_eq!(
                (add.name.as_deref(), add.common.up),
                (Some("v"), Some(true))
            );
            let LinkAddKind::Vlan { lower, options } = add.kind else {
                panic!()
            };
            assert_eq!((lower.as_deref(), options.id), (Some("p1"), Some(4095)));
            assert_eq!((options.gvrp, options.mvrp), (Some(true), Some(false)));
            assert_eq!((options.protocol, options.loose_binding), (None, None));
            assert_eq!(options.ingress_qos, [(0, 1), (1, 2)]);
        }
        other => panic!("{other:?}"),
    }
    match net("ip link set v type vlan bridge_binding on egress-qos-map 7:6").verb {
        Verb::LinkSet(set) => {
            let Some(LinkSetKind::Vlan(options)) = set.kind else {
                panic!()
            };
            assert_eq!(options.bridge_binding, Some(true));
            assert_eq!(options.egress_qos, [(7, 6)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn group_values_arrive() {
    match net("bridge mdb add dev br0 port p1 grp ff0e::5 src fd00::1 vid 7 permanent").verb {
        Verb::MdbAdd(_, spec) => {
            assert_eq!((spec.dev.as_str(), spec.port.as_str()), ("br0", "p1"));
            assert_eq!(spec.group, MdbGroup::Ip(ip("ff0e::5")));
            assert_eq!(spec.source, Some(ip("fd00::1")));
            assert!(spec.permanent && spec.vid == 7);
        }
        other => panic!("{other:?}"),
    }
    match net("bridge mdb del dev br0 port br0 grp 1:0:5e:0:0:9").verb {
        Verb::MdbDel(spec) => {
            let mac = MacAddr::new([1, 0, 0x5e, 0, 0, 9]);
            assert_eq!((spec.group, spec.permanent), (MdbGroup::Mac(mac), false));
        }
        other => panic!("{other:?}"),
    }
    match net(NEWER[0]).verb {
        Verb::MdbAdd(_, spec) => {
            assert_eq!(spec.filter_mode, Some(FilterMode::Exclude));
            assert_eq!(spec.source_list, [ip("10.0.0.1"), ip("10.0.0.2")]);
            assert_eq!(spec.protocol, Some(4));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn neighbour_values_arrive() {
    match net("ip neigh replace fd00::1 lladdr 02:00:00:00:00:01 dev br0 nud stale router proto 42")
        .verb
    {
        Verb::NeighAdd(_, spec) => {
            assert_eq!((spec.address, spec.lladdr), (ip("fd00::1"), Some(MAC)));
            assert_eq!((spec.state, spec.protocol), (nud::STALE, Some(42)));
            assert!(spec.router && !spec.managed);
        }
        other => panic!("{other:?}"),
    }
    let states = |text: &str| match net(text).verb {
        Verb::NeighShow(filter) | Verb::NeighFlush(filter) => filter.states,
        other => panic!("{other:?}"),
    };
    assert_eq!(states("ip neigh"), None);
    assert_eq!(
        states("ip neigh show nud none"),
        Some(NeighFilter::ANY_NONE)
    );
    assert_eq!(states("ip neigh show nud all"), Some(0x1ff));
    assert_eq!(states("ip neigh show nud stale nud permanent"), Some(0x84));
    assert_eq!(states("ip neigh flush nud all"), Some(0x1bf));
}

#[test]
fn a_namespace_has_a_stack_of_its_own() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (text, argv) in [
        (
            "ip -n h1 neigh add 10.0.0.2 lladdr 02:00:00:00:00:01 dev eth0",
            "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:01 dev eth0",
        ),
        ("ip netns exec h1 ip -s -4 n sh", "ip -s -4 n sh"),
    ] {
        let Command::Neigh(net, got) = one(text) else {
            panic!("{text}");
        };
        assert_eq!(
            (net.ns.as_deref(), got),
            (Some("h1"), words(argv)),
            "{text}"
        );
    }
    for text in [
        "ip neigh add proxy 10.0.0.1 dev eth0",
        "ip neigh add 10.0.0.1 dev eth0 managed",
    ] {
        let inside = format!("ip netns exec h1 {text}");
        assert_eq!(one(&inside), Command::Exec("h1".into(), words(text)));
    }
}

#[test]
fn guard_values_arrive() {
    let text = "tapswitch port set dev p1 storm_broadcast 100fps storm_multicast 2MBps storm_unknown off \
        max_macs 5 secure_mac 02:00:00:00:00:01 vlan 7 no_secure_mac 02:00:00:00:00:01 violation shutdown \
        recovery off ip_binding on dhcp_trusted off bind 10.0.0.1 02:00:00:00:00:01 vlan 7 unbind 10.0.0.2 \
        mac_vlan 02:00:00:00:00:01 9 no_mac_vlan 02:00:00:00:00:01 private community 3";
    let Verb::GuardSet(dev, o) = net(text).verb else {
        panic!()
    };
    let frames = |n| StormLimit {
        frames: Some(n),
        octets: None,
    };
    let octets = |n| StormLimit {
        frames: None,
        octets: Some(n),
    };
    assert_eq!(dev, "p1");
    assert_eq!(o.storm_broadcast, Some(frames(100)));
    assert_eq!(o.storm_multicast, Some(octets(2_000_000)));
    assert_eq!(o.storm_unknown, Some(StormLimit::default()));
    assert_eq!((o.max_macs, o.recovery), (Some(Some(5)), Some(None)));
    let seven = Vid::new(7);
    assert_eq!(o.secure_macs, [(true, MAC, seven), (false, MAC, None)]);
    assert_eq!(o.violation, Some(Violation::Shutdown));
    assert_eq!((o.ip_binding, o.dhcp_trusted), (Some(true), Some(false)));
    assert_eq!(
        o.bindings,
        [
            BindingEdit::Bind(ip("10.0.0.1"), MAC, seven),
            BindingEdit::Unbind(ip("10.0.0.2"))
        ]
    );
    assert_eq!(o.mac_vlans, [(MAC, Vid::new(9)), (MAC, None)]);
    assert_eq!(o.private, Some(PrivateRole::Community(3)));
}

#[test]
fn the_last_setting_counts() {
    let Verb::GuardSet(_, o) = net("tapswitch port set dev p1 max_macs 5 dev p2 max_macs off").verb
    else {
        panic!()
    };
    assert_eq!(o.max_macs, Some(None));
}
