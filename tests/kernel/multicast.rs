//! Multicast snooping: what the kernel's bridge learns from IGMP and MLD, and where frames then go.

use crate::cases::Case;
use crate::oracle;

/// `bridge mdb show` without what is left of timers.
pub(crate) const IGMP: &[Case] = &[
    Case {
        name: "without a querier everything floods, members or not",
        ports: 3,
        bridge: "mcast_snooping 1",
        text: "
            p1: h9 udp 239.1.1.1 => p2 p3 br0/multicast
            p2: h2 igmp join 239.1.1.1 => p1 p3 br0/multicast
            bridge mdb show
            p1: h9 udp 239.1.1.1 => p2 p3 br0/multicast
            bridge link set dev p2 mcast_flood off
            p1: h9 udp 239.1.1.1 => p3 br0/multicast
            p2: h2 igmp leave 239.1.1.1 => p1 p3 br0/multicast
            bridge mdb show
            wait 2.2
            bridge mdb show
            ",
    },
    Case {
        name: "with a querier members get what is theirs, after its response time",
        ports: 4,
        bridge: "mcast_snooping 1",
        text: "
            p2: h2 igmp join 239.1.1.1
            p1: h1 igmp query resp 10 => p2 p3 p4 br0/multicast
            p3: h9 udp 239.1.1.1 => p1 p2 p4 br0/multicast
            wait 1.3
            bridge -d mdb show
            p3: h9 udp 239.1.1.1 => p1 p2
            p3: h9 udp 239.1.1.2 => p1
            p3: h9 udp 224.0.0.5 => p1 p2 p4 br0/multicast
            p3: h9 > m1 => p1 p2 p4 br0/multicast
            p3: h9 > 33:33:00:00:00:01 => p1 p2 p4 br0/multicast
            p3: h9 udp ff0e::1 => p1 p2 p4 br0/multicast
            p1: h9 udp 239.1.1.1 => p2
            p2: h9 udp 239.1.1.1 => p1
            br0: br0 udp 239.1.1.1 => p1 p2
            p4: h4 igmp join 239.1.1.1 => p1
            p3: h9 udp 239.1.1.1 => p1 p2 p4
            p2: h2 igmp leave 239.1.1.1 => p1 p3 p4 br0/multicast
            p3: h9 udp 239.1.1.1 => p1 p2 p4
            wait 2.3
            p3: h9 udp 239.1.1.1 => p1 p2 p4
            bridge mdb show
            ",
    },
    Case {
        name: "the bridge's own stack joins and leaves",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_last_member_interval 20",
        text: "
            p1: h1 igmp query resp 1
            wait 0.3
            p2: h9 udp 239.1.1.1 => p1
            br0: br0 igmp join 239.1.1.1 => p1
            bridge mdb show
            p2: h9 udp 239.1.1.1 => p1 br0/multicast
            bridge mdb add dev br0 port br0 grp 239.1.1.2
            bridge mdb add dev br0 port br0 grp 239.1.1.2
            p2: h9 udp 239.1.1.2 => p1 br0/multicast
            bridge mdb del dev br0 port br0 grp 239.1.1.2
            bridge mdb del dev br0 port br0 grp 239.1.1.2
            p2: h9 udp 239.1.1.2 => p1
            bridge mdb show
            ",
    },
    Case {
        name: "the bridge queries itself, and a leave is a matter of moments",
        ports: 3,
        bridge: "mcast_snooping 1 mcast_query_response_interval 20 mcast_last_member_interval 20",
        text: "
            ip link set br0 type bridge mcast_querier 1
            p2: h2 igmp join 239.1.1.1 => p1 p3 br0/multicast
            wait 0.5
            p1: h9 udp 239.1.1.1 => p2
            p1: h9 udp 239.1.1.2 => -
            p2: h2 igmp join 239.1.1.3 => -
            p2: h2 igmp leave 239.1.1.1 => p1 p2 p3 br0/multicast
            bridge mdb show
            wait 0.8
            bridge mdb show
            p1: h9 udp 239.1.1.1 => -
            p1: h9 udp 239.1.1.3 => p2
            ",
    },
    Case {
        name: "its own stack reports that it is a snooper, in the versions with records",
        ports: 0,
        bridge: "",
        text: "
            reports
            ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 1
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 master br0 up
            ipv6 br0
            ip link set br0 up
            listen 1.3 => p1 p1
            p1: h1 > hosts6 mld2 query => br0/multicast
            listen 0.5 => p1
            p1: h1 > hosts igmp3 query => br0/multicast
            listen 0.5 => p1
            ip link set br0 type bridge stp_state 0
            listen 1.3 => p1
            ip link set br0 type bridge mcast_snooping 0
            listen 1.3 => p1 p1
            ip link set br0 type bridge mcast_snooping 1
            listen 1.3 => p1 p1
            ip link set br0 down
            listen 1.3 => -
            ",
    },
    Case {
        name: "its own stack reports that it is a snooper, to old queriers",
        ports: 0,
        bridge: "",
        text: "
            reports
            ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 1
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 master br0 up
            ipv6 br0
            ip link set br0 up
            listen 1.3 => p1 p1
            p1: h1 > hosts6 mld1 query => br0/multicast
            listen 0.5 => p1
            p1: h1 > hosts igmp2 query => br0/multicast
            listen 0.5 => p1
            p1: h1 > hosts igmp3 query => br0/multicast
            listen 0.5 => p1
            ip link set br0 type bridge mcast_snooping 0
            listen 1.3 => -
            ip link set br0 type bridge mcast_snooping 1
            listen 1.3 => p1
            ",
    },
    Case {
        name: "its own stack hears what the bridge asks",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_query_interval 6000 mcast_startup_query_interval 100 mcast_last_member_interval 20",
        text: "
            wait 0.1
            ip link set br0 type bridge mcast_querier 1
            listen 1.5 => br0/host p1 p2
            ip addr add 10.0.0.1/24 dev br0
            ip link set br0 type bridge mcast_querier 0 mcast_query_use_ifaddr 1
            listen 1.5 => -
            ip link set br0 type bridge mcast_querier 1
            listen 1.5 => br0/host p1 p2
            ip link set br0 type bridge mcast_querier 0 mcast_igmp_version 3
            ip link set br0 type bridge mcast_querier 1
            listen 1.5 => br0/host p1 p2
            br0: h1 igmp join 239.1.1.1
            br0: h1 igmp report to_in 239.1.1.1 => br0/host p1 p2
            ",
    },
    Case {
        name: "a port is in as many groups as it may be, and asks in vain for more",
        ports: 3,
        bridge: "mcast_snooping 1",
        text: "
            bridge link set dev p2 mcast_max_groups 2
            p2: h2 igmp join 239.1.1.1 => p1 p3 br0/multicast
            p2: h2 igmp join 239.1.1.2 => p1 p3 br0/multicast
            p2: h2 igmp join 239.1.1.3 => -
            p2: h2 igmp join 239.1.1.2 => p1 p3 br0/multicast
            p2: h2 igmp join 224.0.0.5 => p1 p3 br0/multicast
            p2: h2 igmp join1 239.1.1.4 => -
            p2: h2 igmp leave 239.1.1.4 => p1 p3 br0/multicast
            p2: h2 mld join ff0e::1 => -
            p2: h2 igmp report to_ex 239.1.1.3 => -
            p2: h2 igmp report to_ex 239.1.1.1 / to_in 239.1.1.3 / to_ex 239.1.1.2 => p1 p3 br0/multicast
            p2: h2 igmp report to_ex 239.1.1.1 / to_ex 239.1.1.3 => -
            p1: h1 igmp join 239.1.1.3 => p2 p3 br0/multicast
            p2: h2 igmp join 239.1.1.3 => -
            br0: br0 igmp join 239.1.1.9 => p1 p2 p3
            bridge mdb show
            bridge link set dev p2 mcast_max_groups 3
            p2: h2 igmp report to_ex 239.1.1.5 / to_ex 239.1.1.6 => -
            bridge mdb show
            bridge link set dev p2 mcast_max_groups 0
            p2: h2 igmp join 239.1.1.3 => p1 p3 br0/multicast
            bridge link set dev p2 mcast_max_groups 1
            p2: h2 igmp join 239.1.1.7 => -
            bridge link set dev p2 mcast_to_unicast on
            p2: h2 igmp join 239.1.1.3 => p1 p3 br0/multicast
            p2: h3 igmp join 239.1.1.3 => -
            bridge link set dev p2 mcast_to_unicast off
            p2: h3 igmp join 239.1.1.3 => p1 p3 br0/multicast
            bridge mdb show
            ",
    },
    Case {
        name: "messages are counted where they come in and go out",
        ports: 3,
        bridge: "mcast_snooping 1",
        text: "
            p2: h2 igmp join 239.1.1.9
            ip link set br0 type bridge mcast_stats_enabled 1
            p2: h2 igmp join 239.1.1.1 => p1 p3 br0/multicast
            p2: h2 igmp join1 239.1.1.1 => p1 p3 br0/multicast
            p2: h2 igmp report to_ex 239.1.1.2 => p1 p3 br0/multicast
            p2: h2 igmp leave 239.1.1.1 => p1 p3 br0/multicast
            p2: h2 mld join ff0e::1 => p1 p3 br0/multicast
            p2: h2 mld report to_ex ff0e::1 => p1 p3 br0/multicast
            p2: h2 mld leave ff0e::1 => p1 p3 br0/multicast
            p2: h2 igmp join 239.1.1.1 damage 26 => -
            p2: h2 mld join ff0e::1 damage 50 => -
            p2: h2 udp 239.1.1.1 damage 10 => -
            p2: h2 pim => p1 p3 br0/multicast
            br0: br0 igmp join 239.1.1.4 => p1 p2 p3
            br0: br0 igmp join 239.1.1.4 damage 26 => -
            br0: br0 mld join ff0e::4 => p1 p2 p3
            ip -j link xstats type bridge_slave
            ip -j link xstats type bridge
            p1: h1 igmp query resp 2 => p2 p3 br0/multicast
            p1: h1 igmp query resp 0 => p2 p3 br0/multicast
            p1: h1 igmp query3 resp 2 => p2 p3 br0/multicast
            p1: h1 mld query resp 100 => p2 p3 br0/multicast
            p1: h1 mld query2 resp 100 => p2 p3 br0/multicast
            wait 0.4
            p2: h2 igmp join 239.1.1.1 => p1
            p2: h2 igmp leave 239.1.1.1 => p1 p3 br0/multicast
            bridge link set dev p3 mcast_flood off
            p2: h2 igmp leave 239.1.1.1 => p1 br0/multicast
            br0: br0 igmp leave 239.1.1.4 => p1 p2 p3
            bridge link set dev p3 state 0
            p2: h2 igmp leave 239.1.1.1 => p1 br0/multicast
            p3: h3 igmp join 239.1.1.1 => -
            ip -j link xstats type bridge_slave mcast
            ip link xstats type bridge_slave dev p2
            ip link xstats type bridge igmp
            ip link xstats type bridge stp
            ip -j link xstats type bridge dev p1
            ip link xstats type bridge dev nosuch
            ip link set br0 type bridge mcast_stats_enabled 0
            p2: h2 igmp join 239.1.1.1
            ip link set p1 nomaster
            ip link set p1 master br0
            ip -j link xstats type bridge_slave igmp
            ip -j link xstats type bridge
            ",
    },
    Case {
        name: "the bridge's own queries are counted",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_stats_enabled 1",
        text: "
            wait 0.1
            ip link set br0 type bridge mcast_querier 1
            ip -j link xstats type bridge_slave mcast
            ip -j link xstats type bridge
            ip link set br0 type bridge mcast_igmp_version 3 mcast_querier 0
            ip link set br0 type bridge mcast_querier 1
            ip -j link xstats type bridge_slave mcast
            ip -j link xstats type bridge
            ",
    },
    Case {
        name: "BPDUs and transitions are counted",
        ports: 2,
        bridge: "mcast_snooping 0",
        text: "
            ip link xstats type bridge_slave stp
            ip link set br0 type bridge stp_state 1 hello_time 1000 forward_delay 200
            ip -j link xstats type bridge_slave stp
            ip link set p2 down
            ip link set p2 up
            ip -j link xstats type bridge_slave stp
            ip link set br0 type bridge stp_state 0
            ip link xstats type bridge_slave stp dev p1
            ",
    },
    Case {
        name: "a bridge without carrier takes nothing from its stack",
        ports: 2,
        bridge: "mcast_snooping 1",
        text: "
            bridge link set dev p1 state 0
            br0: br0 igmp join 239.1.1.1 => p2
            bridge link set dev p2 state 0
            br0: br0 igmp join 239.1.1.2 => -
            br0: br0 > all => -
            bridge mdb show
            bridge link set dev p2 state 3
            br0: br0 igmp join 239.1.1.3 => p2
            unplug p2
            br0: br0 igmp join 239.1.1.4 => -
            ip link set p1 down
            br0: br0 igmp join 239.1.1.5 => -
            plug p2
            br0: br0 igmp join 239.1.1.6 => p2
            unplug p2
            p2@stack: h2 > all => -
            bridge mdb show
            ip -s -j link show br0
            ",
    },
    Case {
        name: "fastleave",
        ports: 2,
        bridge: "mcast_snooping 1",
        text: "
            bridge link set dev p2 fastleave on
            p2: h2 igmp join 239.1.1.1
            p2: h3 igmp join 239.1.1.1
            bridge mdb show
            p2: h2 igmp leave 239.1.1.1
            bridge mdb show
            bridge mdb add dev br0 port p2 grp 239.1.1.1 permanent
            p2: h2 igmp leave 239.1.1.1
            bridge mdb show
            ",
    },
    Case {
        name: "mcast_to_unicast: a copy for every member, none for oneself",
        ports: 3,
        bridge: "mcast_snooping 1",
        text: "
            bridge link set dev p2 mcast_to_unicast on hairpin on
            p2: h2 igmp join 239.1.1.1
            p2: h3 igmp join 239.1.1.1
            p3: h4 igmp join 239.1.1.1
            bridge mdb show
            p1: h9 udp 239.1.1.1 => p2 p3 br0/multicast
            p1: h1 igmp query resp 1
            wait 0.3
            p1: h9 udp 239.1.1.1 => p2 p2 p3
            p2: h2 udp 239.1.1.1 => p1 p2 p3
            bridge mdb add dev br0 port p2 grp 239.1.1.2
            p1: h9 udp 239.1.1.2 => p2
            p2: h8 igmp query resp 1 from 10.0.0.1
            p1: h9 udp 239.1.1.1 => p2 p2 p3
            bridge link set dev p2 mcast_to_unicast off
            p1: h9 udp 239.1.1.1 => p2 p2 p3
            bridge mdb show
            ",
    },
    Case {
        name: "router ports: for good, never, learned from queries, PIM and advertisements",
        ports: 4,
        bridge: "mcast_snooping 1 mcast_querier_interval 150",
        text: "
            bridge link set dev p4 mcast_router 2
            p1: h1 igmp query resp 1
            bridge -d mdb show
            wait 0.3
            p3: h9 udp 239.1.1.1 => p1 p4
            p2: h2 pim => p1 p3 p4 br0/multicast
            p3: h9 udp 239.1.1.1 => p1 p2 p4
            bridge link set dev p4 mcast_router 0
            p4: h4 pim
            p3: h9 udp 239.1.1.1 => p1 p2
            bridge link set dev p4 mcast_router 1
            p4: h4 mrd
            p3: h9 udp 239.1.1.1 => p1 p2 p4
            wait 2
            p3: h9 udp 239.1.1.1 => p1 p2 p4 br0/multicast
            bridge -d mdb show
            bridge link set dev p4 mcast_router 4
            ip link set br0 type bridge mcast_router 2
            p1: h1 igmp query resp 1
            wait 0.3
            p3: h9 udp 239.1.1.1 => p1 br0/multicast
            ip link set br0 type bridge mcast_router 0
            bridge -d mdb show
            p3: h9 udp 239.1.1.1 => p1
            ip link set br0 type bridge mcast_router 3
            ",
    },
    Case {
        name: "the lowest address queries",
        ports: 3,
        bridge: "mcast_snooping 1 mcast_querier_interval 100",
        text: "
            p1: h5 igmp query resp 1
            p2: h9 igmp query resp 1
            bridge -d mdb show
            p2: h4 igmp query resp 1
            bridge -d mdb show
            p3: h9 igmp query resp 1 from 0.0.0.0
            bridge -d mdb show
            ",
    },
    Case {
        name: "queries about a group shorten its membership",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_last_member_count 1",
        text: "
            p2: h2 igmp join 239.1.1.1
            p2: h2 igmp join 239.1.1.2
            p1: h1 igmp query to 239.1.1.1 resp 5
            p1: h1 igmp query3 to 239.1.1.2 resp 5 suppress
            p1: h1 igmp query3 to 239.1.1.3 resp 5
            bridge mdb show
            wait 1
            bridge mdb show
            ",
    },
    Case {
        name: "what is malformed goes no further",
        ports: 2,
        bridge: "mcast_snooping 1",
        text: "
            p1: h1 udp 239.1.1.1 damage 10 => -
            p1: h1 udp 239.1.1.1 damage 8 => -
            p1: h1 udp 224.0.0.5 damage 3 => -
            p1: h1 igmp join 239.1.1.1 damage 26 => -
            p1: h1 igmp join 239.1.1.1 damage 31 => -
            p1: h1 igmp query to 239.1.1.1 damage 28 => -
            p1: h1 udp ff0e::1 damage 4 => -
            p1: h1 mld join ff0e::1 damage 50 => -
            p1: h1 mld query from 2001:db8::1 => -
            p1: h1 > m1 type 0800 => -
            p1: h1 > m1 type 86dd => -
            p1: h1 > all type 0800 => p2 br0/broadcast
            br0: br0 > m1 type 0800 => -
            bridge mdb show
            ip link set br0 type bridge mcast_snooping 0
            p1: h1 > m1 type 0800 => p2 br0/multicast
            p1: h1 igmp join 239.1.1.1 damage 26 => p2 br0/multicast
            ",
    },
    Case {
        name: "a port that goes down takes its groups along, but not static ones",
        ports: 2,
        bridge: "mcast_snooping 1",
        text: "
            p2: h2 igmp join 239.1.1.1
            bridge mdb add dev br0 port p2 grp 239.1.1.2 permanent
            bridge mdb add dev br0 port p2 grp 239.1.1.3 temp
            bridge mdb show
            ip link set p2 down
            bridge mdb show
            bridge mdb add dev br0 port p2 grp 239.1.1.4 temp
            bridge mdb add dev br0 port p2 grp 239.1.1.5 permanent
            ip link set p2 up
            bridge mdb show
            ip link set br0 down
            bridge mdb show
            bridge mdb add dev br0 port p2 grp 239.1.1.6 permanent
            ip link set br0 up
            bridge mdb show
            ip link set p2 nomaster
            bridge mdb show
            ",
    },
    Case {
        name: "mcast_snooping off and on again",
        ports: 2,
        bridge: "mcast_snooping 1",
        text: "
            p1: h1 igmp query resp 1
            p2: h2 igmp join 239.1.1.1
            bridge mdb add dev br0 port p2 grp 239.1.1.2 permanent
            ip link set br0 type bridge mcast_snooping 0
            bridge -d mdb show
            bridge mdb add dev br0 port p2 grp 239.1.1.3 permanent
            p2: h2 igmp join 239.1.1.1
            ip link set br0 type bridge mcast_snooping 1
            bridge -d mdb show
            p2: h2 igmp join 239.1.1.1
            bridge mdb show
            ",
    },
    Case {
        name: "one group too many switches snooping off",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_hash_max 2",
        text: "
            p2: h2 igmp join 239.1.1.1 => p1 br0/multicast
            p2: h2 igmp join 239.1.1.2 => p1 br0/multicast
            p2: h2 igmp join 239.1.1.3 => -
            bridge mdb show
            p2: h2 igmp join 239.1.1.3 => p1 br0/multicast
            bridge mdb show
            ip link set br0 type bridge mcast_snooping 1
            bridge mdb add dev br0 port p2 grp 239.1.1.3 permanent
            ",
    },
    Case {
        name: "options and their bounds",
        ports: 1,
        bridge: "mcast_snooping 1",
        text: "
            ip link set br0 type bridge mcast_igmp_version 1
            ip link set br0 type bridge mcast_igmp_version 3 mcast_mld_version 2
            ip link set br0 type bridge mcast_mld_version 3
            ip link set br0 type bridge mcast_query_interval 50 mcast_startup_query_interval 1 mcast_hash_max 7
            ip link set br0 type bridge mcast_last_member_interval 33 mcast_membership_interval 1234 mcast_querier_interval 4321
            ip link set br0 type bridge mcast_last_member_count 5 mcast_startup_query_count 6 mcast_stats_enabled 1
            ip link set br0 type bridge mcast_query_use_ifaddr 1 mcast_querier 1 mcast_router 2 mcast_query_response_interval 77
            ip link set br0 type bridge mcast_vlan_snooping 1
            ",
    },
];

#[test]
fn igmp_and_groups() {
    crate::check(IGMP);
}

#[test]
fn sources() {
    crate::check(SOURCES);
}

#[test]
fn mld() {
    crate::check(MLD);
}

#[test]
fn groups_by_command() {
    crate::check(COMMANDS);
}

pub(crate) const SOURCES: &[Case] = &[
    Case {
        name: "IGMPv3: joins, sources, blocks",
        ports: 4,
        bridge: "mcast_snooping 1 mcast_igmp_version 3 mcast_last_member_interval 50",
        text: "
            p1: h1 igmp query3 resp 1
            p2: h2 igmp report to_ex 239.1.1.1 => p1 p3 p4 br0/multicast
            p3: h3 igmp report allow 239.1.1.1 10.0.0.9 => p1 p2 p4 br0/multicast
            bridge -d mdb show
            wait 0.3
            p4: h9 udp 239.1.1.1 => p1 p2 p3
            p4: h8 udp 239.1.1.1 => p1 p2
            p2: h2 igmp report block 239.1.1.1 10.0.0.9
            bridge -d mdb show
            p4: h9 udp 239.1.1.1 => p1 p2 p3
            wait 1.4
            bridge -d mdb show
            p4: h9 udp 239.1.1.1 => p1 p3
            p3: h3 igmp report to_in 239.1.1.1
            wait 1.4
            bridge -d mdb show
            p2: h2 igmp report to_in 239.1.1.1 10.0.0.7
            p4: h7 udp 239.1.1.1 => p1 p2
            wait 1.4
            bridge -d mdb show
            p4: h8 udp 239.1.1.1 => p1
            ",
    },
    Case {
        name: "IGMPv3: every kind of record in every mode",
        ports: 3,
        bridge: "mcast_snooping 1 mcast_igmp_version 3 mcast_last_member_interval 50",
        text: "
            p2: h2 igmp report is_in 239.1.1.1 10.0.0.1 10.0.0.2
            bridge -d mdb show
            p2: h2 igmp report is_ex 239.1.1.1 10.0.0.2 10.0.0.3
            bridge -d mdb show
            p2: h2 igmp report allow 239.1.1.1 10.0.0.3 10.0.0.4
            bridge -d mdb show
            p2: h2 igmp report is_ex 239.1.1.1 10.0.0.4 10.0.0.5
            bridge -d mdb show
            p2: h2 igmp report to_ex 239.1.1.1 10.0.0.5 10.0.0.6
            bridge -d mdb show
            p2: h2 igmp report block 239.1.1.1 10.0.0.6 10.0.0.7
            bridge -d mdb show
            wait 1.4
            bridge -d mdb show
            p2: h2 igmp report to_in 239.1.1.1 10.0.0.8
            wait 1.4
            bridge -d mdb show
            p2: h2 igmp report block 239.1.1.1 10.0.0.8
            wait 1.4
            bridge -d mdb show
            p2: h2 igmp report block 239.1.1.1 10.0.0.8
            p2: h2 igmp report is_in 239.1.1.1
            p2: h2 igmp report odd 239.1.1.2 / allow 224.0.0.9 10.0.0.1 / allow 239.1.1.3 0.0.0.0 239.1.1.1
            bridge -d mdb show
            p2: h2 igmp report to_ex 239.1.1.4 10.0.0.1
            p2: h2 igmp report to_in 239.1.1.4
            wait 1.4
            bridge -d mdb show
            ",
    },
    Case {
        name: "IGMPv3: more ports, (*, G) and (S, G) together",
        ports: 4,
        bridge: "mcast_snooping 1 mcast_igmp_version 3 mcast_last_member_interval 50",
        text: "
            p1: h1 igmp query3 resp 1
            p2: h2 igmp report to_ex 239.1.1.1
            p3: h3 igmp report to_ex 239.1.1.1 10.0.0.9
            p4: h4 igmp report allow 239.1.1.1 10.0.0.9 10.0.0.8
            bridge -d mdb show
            wait 0.3
            p1: h9 udp 239.1.1.1 => p2 p4
            p1: h8 udp 239.1.1.1 => p2 p3 p4
            p1: h7 udp 239.1.1.1 => p2 p3
            br0: br0 igmp join 239.1.1.1
            bridge -d mdb show
            p1: h9 udp 239.1.1.1 => p2 p4 br0/multicast
            p2: h2 igmp report to_in 239.1.1.1
            wait 1.4
            bridge -d mdb show
            p1: h9 udp 239.1.1.1 => p4 br0/multicast
            p4: h4 igmp report block 239.1.1.1 10.0.0.9
            wait 1.4
            bridge -d mdb show
            p1: h9 udp 239.1.1.1 => br0/multicast
            p2: h2 igmp join 239.1.1.1
            bridge -d mdb show
            ",
    },
    Case {
        name: "IGMPv3 with fastleave: hosts are counted",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_igmp_version 3 mcast_last_member_interval 50",
        text: "
            bridge link set dev p2 fastleave on
            p2: h2 igmp report to_ex 239.1.1.1
            p2: h3 igmp report to_ex 239.1.1.1
            p2: h2 igmp report to_in 239.1.1.1
            bridge -d mdb show
            p2: h3 igmp report to_in 239.1.1.1
            bridge -d mdb show
            p2: h2 igmp report allow 239.1.1.2 10.0.0.8 10.0.0.9
            p2: h3 igmp report allow 239.1.1.2 10.0.0.9
            p2: h2 igmp report block 239.1.1.2 10.0.0.8
            bridge -d mdb show
            p2: h2 igmp report block 239.1.1.2 10.0.0.9
            bridge -d mdb show
            p2: h3 igmp report to_in 239.1.1.2 10.0.0.7
            bridge -d mdb show
            p2: h3 igmp report block 239.1.1.2 10.0.0.7
            bridge -d mdb show
            ",
    },
    Case {
        name: "IGMPv2 bridges take version 3 reports for joins and leaves",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_last_member_interval 50",
        text: "
            p2: h2 igmp report to_ex 239.1.1.1 / allow 239.1.1.2 10.0.0.9
            bridge -d mdb show
            p2: h2 igmp report to_in 239.1.1.1 / block 239.1.1.3 10.0.0.9
            wait 1.4
            bridge -d mdb show
            ip link set br0 type bridge mcast_igmp_version 3
            bridge -d mdb show
            ",
    },
    Case {
        name: "a report that is cut off is dropped, but its first records count",
        ports: 2,
        bridge: "mcast_snooping 1 mcast_igmp_version 3",
        text: "
            p2: h2 igmp report to_ex 239.1.1.1 => p1 br0/multicast
            p2: h2 igmp report to_ex 239.1.1.2 / to_ex 239.1.1.3 => p1 br0/multicast
            bridge -d mdb show
            ",
    },
];

pub(crate) const MLD: &[Case] = &[
    Case {
        name: "MLDv1",
        ports: 3,
        bridge: "mcast_snooping 1 mcast_last_member_interval 20",
        text: "
            p2: h2 mld join ff0e::1 => p1 p3 br0/multicast
            p1: h9 udp ff0e::1 => p2 p3 br0/multicast
            p1: h1 mld query resp 100 => p2 p3 br0/multicast
            wait 0.4
            bridge -d mdb show
            p3: h9 udp ff0e::1 => p1 p2
            p3: h9 udp ff0e::2 => p1
            p3: h9 udp ff02::1 => p1 p2 br0/multicast
            p3: h9 udp ff02::2 => p1
            p3: h9 udp 239.1.1.1 => p1 p2 br0/multicast
            p2: h2 mld join ff02::1
            p2: h2 mld join ff02::fb
            bridge mdb show
            p2: h2 mld leave ff0e::1
            wait 0.8
            bridge mdb show
            p3: h3 mld query resp 0
            p3: h3 mrd6
            bridge -d mdb show
            ",
    },
    Case {
        name: "MLDv2",
        ports: 4,
        bridge: "mcast_snooping 1 mcast_mld_version 2 mcast_last_member_interval 20 mcast_last_member_count 2",
        text: "
            p1: h1 mld query2 resp 100
            p2: h2 mld report to_ex ff0e::1
            p3: h3 mld report allow ff0e::1 2001:db8::9
            wait 0.4
            bridge -d mdb show
            p4: h9 udp ff0e::1 from 2001:db8::9 => p1 p2 p3
            p4: h8 udp ff0e::1 from 2001:db8::8 => p1 p2
            p2: h2 mld report to_in ff0e::1 / to_ex ff0e::2 2001:db8::1
            wait 0.8
            bridge -d mdb show
            p3: h3 mld report block ff0e::1 2001:db8::9
            wait 0.8
            bridge -d mdb show
            ",
    },
];

pub(crate) const COMMANDS: &[Case] = &[
    Case {
        name: "groups by command with a filter mode and sources, and replaced",
        ports: 4,
        bridge: "mcast_snooping 1 mcast_igmp_version 3 mcast_mld_version 2",
        text: "
            p1: h1 igmp query3 resp 1
            p1: h1 mld query2 resp 100
            wait 0.4
            bridge mdb add dev br0 port p2 grp 239.1.1.1 permanent filter_mode include source_list 10.0.0.8,10.0.0.9
            bridge -d mdb show
            p4: h8 udp 239.1.1.1 => p1 p2
            p4: h7 udp 239.1.1.1 => p1
            bridge mdb add dev br0 port p3 grp 239.1.1.1 permanent filter_mode exclude source_list 10.0.0.8
            bridge -d mdb show
            p4: h8 udp 239.1.1.1 => p1 p2
            p4: h9 udp 239.1.1.1 => p1 p2 p3
            p4: h7 udp 239.1.1.1 => p1 p3
            bridge mdb replace dev br0 port p2 grp 239.1.1.1 permanent filter_mode exclude source_list 10.0.0.7
            bridge -d mdb show
            p4: h8 udp 239.1.1.1
            p4: h7 udp 239.1.1.1
            p4: h6 udp 239.1.1.1
            bridge mdb replace dev br0 port p2 grp 239.1.1.1 permanent filter_mode include source_list 10.0.0.6
            bridge -d mdb show
            p4: h6 udp 239.1.1.1
            p4: h8 udp 239.1.1.1
            bridge mdb add dev br0 port p2 grp 239.1.1.2 permanent filter_mode include
            bridge mdb add dev br0 port p2 grp 239.1.1.2 src 10.0.0.1 permanent filter_mode include
            bridge mdb add dev br0 port p2 grp 239.1.1.2 src 10.0.0.1 permanent source_list 10.0.0.2 filter_mode exclude
            bridge mdb add dev br0 port br0 grp 239.1.1.2 filter_mode include source_list 10.0.0.2
            bridge mdb add dev br0 port p2 grp 01:00:5e:00:01:01 permanent filter_mode exclude
            bridge mdb add dev br0 port p2 grp 239.1.1.3 temp filter_mode include source_list 10.0.0.2
            bridge mdb add dev br0 port p2 grp 239.1.1.4 permanent filter_mode exclude
            bridge mdb add dev br0 port p2 grp 239.1.1.1 permanent filter_mode include source_list 10.0.0.6
            bridge mdb replace dev br0 port p3 grp 239.1.1.9 permanent
            bridge mdb replace dev br0 port p3 grp 239.1.1.9 temp
            bridge mdb replace dev br0 port br0 grp 239.1.1.9
            bridge -d mdb show
            bridge mdb add dev br0 port p2 grp ff0e::1 permanent filter_mode include source_list fe80::8,fe80::9
            bridge mdb add dev br0 port p3 grp ff0e::1 permanent filter_mode exclude source_list fe80::8
            p4: h8 udp ff0e::1 => p1 p2
            p4: h7 udp ff0e::1 => p1 p3
            bridge mdb add dev br0 port p2 grp ff0e::1 permanent filter_mode include source_list fe80::7
            bridge mdb del dev br0 port p2 grp 239.1.1.1
            bridge mdb del dev br0 port p3 grp 239.1.1.1
            bridge -d mdb show
            ",
    },
    Case {
        name: "static groups: permanent, temporary, of a source, of layer 2",
        ports: 3,
        bridge: "mcast_snooping 1 mcast_membership_interval 300",
        text: "
            bridge mdb add dev br0 port p2 grp 239.1.1.1 permanent
            bridge mdb add dev br0 port p2 grp 239.1.1.1
            bridge mdb add dev br0 port p3 grp 239.1.1.1
            bridge mdb add dev br0 port p2 grp 239.1.1.2 src 10.0.0.9 permanent
            bridge mdb add dev br0 port p2 grp 239.1.1.2 src 10.0.0.9
            bridge mdb add dev br0 port p2 grp ff0e::1 permanent
            bridge mdb add dev br0 port p2 grp 01:02:03:04:05:06 permanent
            bridge mdb add dev br0 port p3 grp 01:02:03:04:05:07
            bridge mdb add dev br0 port br0 grp 01:02:03:04:05:07 permanent
            bridge mdb add dev br0 port br0 grp 239.1.1.3 permanent
            bridge mdb add dev br0 port br0 grp 239.1.1.3 src 10.0.0.1
            bridge -d mdb show
            bridge mdb show dev br0
            bridge mdb show dev br0 vid 1
            p1: h9 > 01:02:03:04:05:06 => p2
            p1: h9 > 01:02:03:04:05:07 => br0/multicast
            p1: h9 > 01:02:03:04:05:08 => p2 p3 br0/multicast
            bridge link set dev p3 mcast_router 2
            p1: h9 > 01:02:03:04:05:06 => p2 p3
            p1: h1 igmp query resp 1
            wait 0.3
            p1: h9 udp 239.1.1.1 => p2 p3
            p1: h9 udp 239.1.1.2 => p3
            ip link set br0 type bridge mcast_igmp_version 3
            p1: h9 udp 239.1.1.2 => p2 p3
            p1: h8 udp 239.1.1.2 => p3
            bridge -d mdb show
            wait 3
            bridge -d mdb show
            bridge mdb del dev br0 port p2 grp 239.1.1.1
            bridge mdb del dev br0 port p2 grp 239.1.1.1
            bridge mdb del dev br0 port p2 grp 239.1.1.2 src 10.0.0.9
            bridge mdb del dev br0 port p2 grp 01:02:03:04:05:06
            bridge -d mdb show
            ",
    },
    Case {
        name: "groups that cannot be",
        ports: 2,
        bridge: "mcast_snooping 1",
        text: "
            ip link add d0 address 02:00:00:00:00:d0 type dummy
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            bridge mdb add dev br0 port p1 grp 10.0.0.1
            bridge mdb add dev br0 port p1 grp 0.0.0.0
            bridge mdb add dev br0 port p1 grp 224.0.0.5
            bridge mdb add dev br0 port p1 grp ff02::1
            bridge mdb add dev br0 port p1 grp 2001:db8::1
            bridge mdb add dev br0 port p1 grp 02:00:00:00:00:01 permanent
            bridge mdb add dev br0 port p1 grp 239.1.1.1 vid 4095
            bridge mdb add dev br0 port p1 grp 239.1.1.1 src 239.1.1.2
            bridge mdb add dev br0 port p1 grp 239.1.1.1 src 2001:db8::1
            bridge mdb add dev br0 port p1 grp ff0e::1 src 10.0.0.1
            bridge mdb add dev br0 port p1 grp ff0e::1 src ff0e::2
            bridge mdb add dev br0 port p1 grp 01:02:03:04:05:06 src 10.0.0.1 permanent
            bridge mdb add dev br0 port p1 grp 239.1.1.1 src 0.0.0.0
            bridge mdb add dev br0 port d0 grp 239.1.1.1
            bridge mdb add dev br0 port br1 grp 239.1.1.1
            bridge mdb add dev br1 port p1 grp 239.1.1.1
            bridge mdb add dev d0 port p1 grp 239.1.1.1
            ip link set br1 up
            bridge mdb add dev br1 port p1 grp 239.1.1.1
            bridge mdb add dev br1 port br1 grp 239.1.1.1
            bridge mdb add dev nope port p1 grp 239.1.1.1
            bridge mdb add dev br0 port nope grp 239.1.1.1
            bridge mdb del dev br0 port p1 grp 239.9.9.9
            bridge mdb show
            ",
    },
];

#[test]
fn by_vlan() {
    if crate::available() && !*oracle::FILTERS_VLANS {
        eprintln!("skipped: this kernel was built without VLAN filtering");
        return;
    }
    crate::check(VLANS);
}

pub(crate) const VLANS: &[Case] = &[
    Case {
        name: "with VLAN filtering groups are kept by VLAN",
        ports: 4,
        bridge: "vlan_filtering 1 mcast_snooping 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            bridge vlan add dev p3 vid 10
            bridge vlan add dev br0 vid 10 self
            p1: h1 igmp query resp 1
            p2: h2 igmp join 239.1.1.1
            p3: h3 igmp join 239.1.1.1 8100:10 => p1 p2 br0/other
            bridge -d mdb show
            bridge mdb show vid 10
            wait 0.3
            p1: h9 udp 239.1.1.1 => p2
            p1: h9 udp 239.1.1.1 8100:10 => p3
            p4: h9 udp 239.1.1.1 => p1 p2
            bridge mdb add dev br0 port p3 grp 239.1.1.2 permanent
            bridge mdb add dev br0 port p3 grp 239.1.1.3 vid 10
            bridge mdb add dev br0 port p3 grp 239.1.1.4 vid 20
            bridge mdb add dev br0 port br0 grp 239.1.1.5
            bridge mdb show
            bridge mdb del dev br0 port p3 grp 239.1.1.2
            bridge vlan del dev p3 vid 10
            bridge mdb show
            p1: h9 udp 239.1.1.3 8100:10 => -
            p1: h8 igmp query resp 1 8100:10 => p2 br0/other
            p1: h8 igmp join 239.1.1.1 8100:20 => -
            ip link set br0 type bridge vlan_filtering 0
            p1: h9 udp 239.1.1.1 => -
            bridge mdb show
            bridge mdb del dev br0 port br0 grp 239.1.1.77
            bridge mdb add dev br0 port br0 grp 239.1.1.77
            bridge mdb show
            bridge mdb del dev br0 port br0 grp 239.1.1.77
            bridge mdb show
            ",
    },
    Case {
        name: "a context per VLAN",
        ports: 3,
        bridge: "vlan_filtering 1 mcast_snooping 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            bridge vlan add dev p3 vid 10
            bridge vlan add dev br0 vid 10 self
            p2: h2 igmp join 239.1.1.1 8100:10
            ip link set br0 type bridge mcast_vlan_snooping 1
            bridge mdb show
            p2: h2 igmp join 239.1.1.1 8100:10
            p2: h2 igmp join 239.1.1.1
            p1: h1 igmp query resp 1 8100:10
            wait 0.3
            p3: h9 udp 239.1.1.1 8100:10 => p1 p2
            p3: h9 udp 239.1.1.1 => p1 p2 br0/multicast
            bridge -d mdb show
            bridge vlan global set dev br0 vid 10 mcast_snooping 0
            p3: h9 udp 239.1.1.1 8100:10 => p1 p2 br0/other
            bridge mdb add dev br0 port p2 grp 239.1.1.2 vid 10
            bridge mdb add dev br0 port p2 grp 239.1.1.2 vid 30
            bridge mdb add dev br0 port p2 grp 239.1.1.2 vid 1
            bridge vlan global set dev br0 vid 10 mcast_snooping 1 mcast_igmp_version 3 mcast_querier 1 mcast_last_member_interval 55 mcast_query_interval 20
            bridge vlan global set dev br0 vid 10 mcast_igmp_version 4
            bridge -j vlan global show
            bridge vlan set dev p3 vid 10 mcast_router 2
            bridge vlan set dev p3 vid 10 mcast_router 7
            bridge mdb show
            p2: h2 igmp report allow 239.1.1.3 10.0.0.9 8100:10
            p1: h1 igmp query resp 1 8100:10
            wait 0.3
            p1: h9 udp 239.1.1.3 8100:10 => p2 p3
            bridge mdb show
            ip link set br0 type bridge mcast_vlan_snooping 0
            bridge mdb show
            ip link set br0 type bridge mcast_vlan_snooping 1
            ip link set br0 type bridge vlan_filtering 0
            ip link set br0 type bridge mcast_vlan_snooping 1
            ",
    },
];
