//! Behaviours of the kernel's bridge that are easy to get wrong, by the number of the list in which
//! they were first recorded.

use crate::cases::Case;

/// Forwarding, learning, FDB.
pub(crate) const FDB: &[Case] = &[
    Case {
        name: "1 static entries roam and stay static",
        ports: 3,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master static
            p3: h9 > h1 => p1
            p2: h1 > h9 => p3
            p3: h9 > h1 => p2
            bridge -j fdb show br br0",
    },
    Case {
        name: "1 sticky entries do not move",
        ports: 3,
        bridge: "ageing_time 100",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master static sticky
            bridge fdb add 02:00:00:00:00:02 dev p1 master dynamic sticky
            p2: h1 > h9 => p1 p3
            p2: h2 > h9 => p1 p3
            p3: h9 > h1 => p1
            p3: h9 > h2 => p1
            bridge -j fdb show br br0
            wait 1.3
            p3: h9 > h1 => p1
            p3: h9 > h2 => p1 p2
            p2: h2 > h9 => p3
            bridge -j fdb show br br0",
    },
    Case {
        name: "1 extern_learn moves and loses the flag",
        ports: 3,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master extern_learn
            bridge fdb add 02:00:00:00:00:02 dev p1 master extern_learn dynamic
            bridge fdb add 02:00:00:00:00:03 dev p1 master extern_learn static
            bridge -j fdb show br br0
            p3: h9 > h1
            p3: h9 > h2 => p1
            p2: h1 > h9
            p2: h2 > h9
            p2: h3 > h9
            p3: h9 > h2 => p2
            bridge -j fdb show br br0",
    },
    Case {
        name: "2 an entry without a state is local: up to the bridge, except from the host",
        ports: 3,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master
            p2: h2 > h1 => br0/other
            p1: h3 > h1 => br0/other
            p1: h1 > h2 => p2
            p2: h1 > h9 => p1 p3
            br0: br0 > h1 => p1
            bridge -j fdb show br br0",
    },
    Case {
        name: "3 add, append, replace, use",
        ports: 3,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master static use
            bridge fdb append 02:00:00:00:00:02 dev p1 master static
            bridge fdb append 02:00:00:00:00:02 dev p2 master dynamic
            bridge fdb add 02:00:00:00:00:03 dev p1 master static
            bridge fdb replace 02:00:00:00:00:03 dev p2 master dynamic
            bridge -j fdb show br br0
            p1: h4 > h9
            bridge fdb add 02:00:00:00:00:04 dev p1 master static
            bridge fdb replace 02:00:00:00:00:04 dev p2 master static
            bridge -j fdb show br br0
            bridge fdb add 00:00:00:00:00:00 dev p1 master static
            bridge fdb add 02:00:00:00:00:05 dev p1 static
            p3: h9 > h5 => p1 p2
            bridge fdb add ff:ff:ff:ff:ff:ff dev p1 master static
            bridge fdb add 01:00:5e:00:01:01 dev p1 master static
            bridge -j fdb show br br0",
    },
    Case {
        name: "4 entries for group addresses do not steer",
        ports: 3,
        bridge: "",
        text: "
            bridge fdb add ff:ff:ff:ff:ff:ff dev p2 master static
            bridge fdb add 01:00:5e:00:01:01 dev p2 master static
            p1: h1 > all => p2 p3 br0
            p1: h1 > m1 => p2 p3 br0
            br0: br0 > m1 => p1 p2 p3",
    },
    Case {
        name: "5 a flush without filter takes the bridge's own addresses too",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > br0 => br0
            bridge fdb flush dev br0
            bridge -j fdb show br br0
            p1: h1 > br0 => p2
            p1: h1 > p2 => p2",
    },
    Case {
        name: "5 or the same one by one",
        ports: 2,
        bridge: "",
        text: "
            bridge fdb del 02:00:00:00:00:b0 dev br0 master
            bridge fdb del 02:00:00:00:00:b0 dev br0 self
            bridge fdb del 02:00:00:00:01:02 dev p2 master
            bridge -j fdb show br br0
            p1: h1 > br0
            p1: h1 > p2 => p2
            br0: h9 > p1 => p1
            br0: h9 > p2 => p1 p2",
    },
    Case {
        name: "6 own and local sources are forwarded, group and zero sources only from the host",
        ports: 2,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:07 dev p2 master local
            p1: h7 > h9 => p2
            p1: br0 > h9 => p2
            p1: zero > h9 => -
            p1: m1 > h9 => -
            br0: zero > h9 => p1 p2
            br0: m1 > h9 => p1 p2
            br0: all > all => p1 p2
            bridge -j fdb show br br0",
    },
    Case {
        name: "7 the zero destination is unknown unicast",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > zero => p2 p3
            br0: br0 > zero => p1 p2 p3",
    },
    Case {
        name: "8 every port's address is the bridge's",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > p1 => br0/host
            p1: h1 > p2 => br0/other
            p2: h2 > br0 => br0/host
            br0: br0 > p2 => p2
            br0: br0 > br0 => -
            br0: h9 > p1 => p1",
    },
    Case {
        name: "9 the host is not learned from; a port's own stack is not bridged",
        ports: 3,
        bridge: "",
        text: "
            br0: h5 > h9 => p1 p2 p3
            p1: h1 > h5 => p2 p3
            p2@stack: h6 > h9 => p2
            p2@stack: h6 > all => p2
            p1: h1 > h6 => p2 p3
            bridge -j fdb show br br0",
    },
    Case {
        name: "10 unknown unicast is not for the host, unless it is promiscuous",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9 => p2 p3
            ip link set br0 promisc on
            p1: h1 > h9 => p2 p3 br0/other
            p2: h2 > h1 => p1 br0/other
            p2: h2 > br0 => br0/host
            p2: h2 > p1 => br0/other
            p2: h2 > all => p1 p3 br0/broadcast
            p2: h2 > h2 => br0/other
            ip link set br0 promisc off
            p1: h1 > h9 => p2 p3",
    },
    Case {
        name: "11 ageing: sources refresh, destinations do not",
        ports: 3,
        bridge: "ageing_time 60",
        text: "
            p1: h1 > h9
            p2: h2 > h9
            wait 0.4
            p1: h1 > h2 => p2
            wait 0.4
            p3: h3 > h1 => p1
            p3: h3 > h2 => p1 p2",
    },
    Case {
        name: "11 lowering ageing_time acts at once, 0 learns nothing, static entries stay",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9
            bridge fdb add 02:00:00:00:00:02 dev p2 master static
            bridge fdb add 02:00:00:00:00:04 dev p2 master dynamic
            p3: h3 > h1 => p1
            wait 0.1
            ip link set br0 type bridge ageing_time 0
            p3: h3 > h1 => p1 p2
            p3: h3 > h2 => p2
            p1: h1 > h3 => p2 p3
            p1: h2 > h9 => p2 p3
            p3: h3 > h2
            wait 0.2
            bridge -j fdb show br br0",
    },
    Case {
        name: "11 a new ageing time sweeps at once",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h9
            ip link set br0 type bridge ageing_time 0
            wait 0.05
            ip link set br0 type bridge ageing_time 30000
            p2: h2 > h1 => p1
            p2: h2 > h1 => p1
            bridge -j fdb show br br0",
    },
    Case {
        name: "12 learning off keeps what was learned",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9
            bridge fdb add 02:00:00:00:00:02 dev p2 master static
            bridge link set dev p1 learning off
            p3: h3 > h1 => p1
            p1: h5 > h9
            p3: h3 > h5 => p1 p2
            p1: h2 > h9
            p3: h3 > h2 => p2
            p1: h3 > h9
            p1: h9 > h3 => p3
            p2: h1 > h9
            p3: h3 > h1 => p2
            bridge -j fdb show br br0",
    },
    Case {
        name: "13 a port that goes down loses learned entries; static ones blackhole",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9
            bridge fdb add 02:00:00:00:00:02 dev p1 master static
            bridge fdb add 02:00:00:00:00:04 dev p1 master dynamic
            ip link set p1 down
            p3: h3 > h1 => p2
            p3: h3 > h2 => -
            p3: h3 > h4 => p2
            p3: h3 > p1 => br0
            p3: h3 > all => p2 br0
            p1: h1 > all => -
            p1@stack: h1 > all => -
            bridge -j fdb show br br0
            bridge -d -j link show
            ip link set p1 up
            p3: h3 > h2 => p1
            p3: h3 > h1 => p1 p2",
    },
    Case {
        name: "13 so does one that loses its carrier",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9
            bridge fdb add 02:00:00:00:00:02 dev p1 master static
            unplug p1
            p3: h3 > h1 => p2
            p3: h3 > h2 => -
            bridge -j fdb show br br0
            ip -j link show dev p1
            plug p1
            p3: h3 > h2 => p1
            p3: h3 > h1 => p1 p2",
    },
    Case {
        name: "14 a bridge that is down forwards nothing; link-local frames still reach the port",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h9 => p2
            ip link set br0 down
            p2: h2 > h1 => -
            p1: h1 > all => -
            p1: h1 > ll0e => p1@stack
            p1: h1 > ll00 => -
            br0: br0 > all => -
            p1@stack: h1 > h2 => p1
            bridge -j fdb show br br0
            bridge -d -j link show
            ip link set br0 up
            p2: h2 > h1 => p1",
    },
    Case {
        name: "15 without an address of its own the bridge takes the lowest of its ports",
        ports: 0,
        bridge: "",
        text: "
            ip link add br1 type bridge mcast_snooping 0
            ip link set br1 up
            ip tuntap add p3 mode tap
            ip link set p3 address 02:00:00:00:01:03 up master br1
            ip -j link show dev br1
            ip tuntap add p2 mode tap
            ip link set p2 address 02:00:00:00:01:02 up master br1
            ip -j link show dev br1
            p3: h1 > p2 => br1/host
            p3: h1 > p3 => br1/host
            bridge -j fdb show br br1
            ip link set p2 nomaster
            ip -j link show dev br1
            p3: h1 > p2 => -
            p3: h1 > p3 => br1/host
            bridge -j fdb show br br1
            ip link set p3 address 02:00:00:00:01:09
            ip -j link show dev br1
            ip link set br1 address 02:00:00:00:00:b1
            ip link set p2 master br1
            ip -j link show dev br1
            bridge -j fdb show br br1
            p3: h1 > br1 => br1/host
            p3: h1 > p2 => br1/other",
    },
];

/// Port states set by hand.
pub(crate) const STATES: &[Case] = &[
    Case {
        name: "state 0 flushes nothing, but set down in that state a port is flushed",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9 => p2 p3
            bridge link set dev p1 state 0
            p2: h2 > h1 => -
            bridge -j fdb show br br0
            ip link set p1 down
            p2: h2 > h1 => p3
            bridge -j fdb show br br0",
    },
    Case {
        name: "counters of frames that were forwarded, delivered up, sent by stacks and dropped",
        ports: 2,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 master br0 up
            ip link set v1 up
            p1: h1 > h9
            p1: h1 > all
            p2: h2 > h1
            p1: h1 > br0
            p1: h1 > m1
            br0: br0 > h1
            v1: v1 > h1
            v1: v1 > all 8100:10
            p1: h1 > v1 len 100
            p1: h1 > ll01
            p1: h1 > ll0e
            ip -s -j link show",
    },
    Case {
        name: "a spanning tree sets the states itself, and a port that comes up listens first",
        ports: 3,
        bridge: "",
        text: "
            ip link set br0 type bridge stp_state 1
            bridge link set dev p1 state 3
            bridge link set dev p1 state 0
            p1: h1 > all => p2 p3 br0
            ip link set p2 down
            p1: h1 > all => p3 br0
            ip link set p2 up
            bridge link set dev p2 state 3
            bridge -d -j link show
            p1: h1 > all => p3 br0
            p1: h1 > h2 => p3
            p2: h2 > all => -
            p2: h2 > h1 => -
            p2: h2 > br0 => -
            p2: h2 > ll00 => p2@stack
            p2: h2 > ll0e => p2@stack
            bridge fdb add 02:00:00:00:00:05 dev p2 master dynamic
            bridge fdb add 02:00:00:00:00:06 dev p2 master static
            p1: h1 > h6 => -
            br0: br0 > all => p1 p3
            ip link set p3 nomaster
            ip link set p3 master br0
            p1: h1 > all => br0
            bridge -j fdb show br br0",
    },
    Case {
        name: "16 blocking by hand turns into forwarding; 0, 1, 2 stick",
        ports: 2,
        bridge: "",
        text: "
            bridge link set dev p1 state 4
            bridge -d -j link show dev p1
            p1: h1 > all => p2 br0
            bridge link set dev p1 state 0
            bridge -d -j link show dev p1
            p1: h1 > all => -
            bridge link set dev p1 state 1
            bridge -d -j link show dev p1
            p1: h1 > all => -
            bridge link set dev p1 state 2
            bridge -d -j link show dev p1
            p1: h1 > all => -
            bridge link set dev p1 state 5
            bridge link set dev p1 state 3
            p1: h1 > all => p2 br0",
    },
    Case {
        name: "16 under spanning tree a state cannot be set",
        ports: 2,
        bridge: "",
        text: "
            ip link set br0 type bridge stp_state 1
            bridge link set dev p1 state 2
            bridge -d -j link show dev p1",
    },
    Case {
        name: "17 a state does not flush; learning learns from what it drops",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9
            bridge link set dev p1 state 0
            p2: h2 > h1 => -
            bridge link set dev p1 state 1
            p2: h2 > h1 => -
            p1: h5 > h9 => -
            p2: h2 > h5 => p3
            bridge link set dev p1 state 2
            p1: h5 > h9 => -
            p2: h2 > h5 => -
            bridge -j fdb show br br0
            bridge link set dev p1 state 3
            p2: h2 > h5 => p1",
    },
    Case {
        name: "18 a port that does not forward gives the host nothing but link-local frames",
        ports: 2,
        bridge: "",
        text: "
            bridge link set dev p1 state 0
            p1: h1 > br0 => -
            p1: h1 > all => -
            p1: h1 > ll0e => p1@stack
            p1: h1 > ll01 => -
            p1: h1 > ll00 => -
            bridge link set dev p1 state 1
            p1: h1 > br0 => -
            p1: h1 > ll0e => p1@stack
            bridge link set dev p1 state 2
            p1: h1 > br0 => -
            p1: h1 > all => -
            p1: h1 > ll0e => p1@stack
            br0: br0 > all => p2
            br0: br0 > p1 => -",
    },
    Case {
        name: "19 spanning tree switched on leaves forwarding ports forwarding",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > all => p2 br0
            ip link set br0 type bridge stp_state 1
            p1: h1 > all => p2 br0
            bridge -d -j link show
            ip link set br0 type bridge stp_state 0
            p1: h1 > all => p2 br0
            bridge -d -j link show",
    },
];

/// Flags of ports.
pub(crate) const FLAGS: &[Case] = &[
    Case {
        name: "20 flood flags are of the egress, and only `flood` holds for the host",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p2 flood off
            p1: h1 > h9 => p3
            p1: h1 > m1 => p2 p3 br0
            p1: h1 > all => p2 p3 br0
            p2: h2 > h9 => p1 p3
            br0: br0 > h9 => p1 p3
            bridge link set dev p2 flood on mcast_flood off
            p1: h1 > h9 => p2 p3
            p1: h1 > m1 => p3 br0
            p1: h1 > ll00 => p3 br0
            p1: h1 > all => p2 p3 br0
            br0: br0 > m1 => p1 p2 p3
            bridge link set dev p2 mcast_flood on bcast_flood off
            p1: h1 > m1 => p2 p3 br0
            p1: h1 > all => p3 br0
            br0: br0 > all => p1 p2 p3
            bridge -d -j link show
            bridge link set dev p1 flood off mcast_flood off bcast_flood off
            bridge link set dev p3 flood off mcast_flood off bcast_flood off
            p1: h1 > all => br0
            p1: h1 > h9 => p2
            p2: h2 > h9 => -",
    },
    Case {
        name: "21 proxy_arp stops all flooding to a port",
        ports: 3,
        bridge: "",
        text: "
            ip link set p2 type bridge_slave proxy_arp on
            p1: h1 > h9 => p3
            p1: h1 > m1 => p3 br0
            p1: h1 > all => p3 br0
            br0: br0 > all => p1 p3
            br0: br0 > h9 => p1 p3
            p2: h2 > all => p1 p3 br0
            p1: h1 > h2 => p2",
    },
    Case {
        name: "22 hairpin: back out of the ingress port, but not frames to the bridge",
        ports: 2,
        bridge: "",
        text: "
            bridge link set dev p1 hairpin on
            p1: h1 > all => p1 p2 br0
            p1: h1 > m1 => p1 p2 br0
            p1: h1 > h9 => p1 p2
            p1: h1 > h1 => p1
            p1: h5 > h1 => p1
            p1: h1 > br0 => br0
            p1: h1 > ll0e => p1@stack
            p2: h2 > all => p1 br0",
    },
    Case {
        name: "22 isolated ports do not see each other, nor themselves",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 isolated on
            bridge link set dev p2 isolated on
            p1: h1 > all => p3 br0
            p2: h2 > h1 => -
            p3: h3 > h1 => p1
            p3: h3 > all => p1 p2 br0
            p1: h1 > h3 => p3
            p1: h1 > h9 => p3
            br0: br0 > all => p1 p2 p3
            br0: br0 > h1 => p1
            p1: h1 > br0 => br0
            bridge link set dev p1 hairpin on
            p1: h1 > all => p3 br0
            p1: h1 > h1 => -
            bridge -d -j link show",
    },
    Case {
        name: "23 locked: only sources with an entry on that very port",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 locked on
            bridge link set dev p1 learning off
            p1: h1 > all => -
            p1: h1 > br0 => -
            bridge fdb add 02:00:00:00:00:01 dev p1 master static
            p1: h1 > all => p2 p3 br0
            bridge fdb add 02:00:00:00:00:02 dev p2 master static
            p1: h2 > all => -
            bridge fdb add 02:00:00:00:00:03 dev p1 master dynamic
            p1: h3 > all => p2 p3 br0
            bridge fdb add 02:00:00:00:00:04 dev p1 master local
            p1: h4 > all => -
            p1: p1 > all => -
            p2: h9 > all => p1 p3 br0
            p1: h9 > all => -
            bridge -j fdb show br br0
            bridge -d -j link show dev p1",
    },
    Case {
        name: "23 with learning on, a link-local frame unlocks the port",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 locked on
            p1: h1 > all => -
            p1: h1 > ll03 type 888e => p1@stack
            p1: h1 > all => p2 p3 br0
            bridge -j fdb show br br0",
    },
    Case {
        name: "24 known unicast goes to the backup port while there is no carrier",
        ports: 3,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master static
            bridge link set dev p1 backup_port p2
            p3: h3 > h1 => p1
            unplug p1
            p3: h3 > h1 => p2
            p3: h3 > p1 => br0
            br0: br0 > h1 => p2
            br0: br0 > p1 => p2
            p2: h4 > h1 => -
            plug p1
            p3: h3 > h1 => p1
            bridge -d -j link show dev p1
            ip link set p1 down
            p3: h3 > h1
            ip link set p1 up
            bridge link set dev p1 nobackup_port
            unplug p1
            p3: h3 > h1 => -",
    },
    Case {
        name: "24 backup ports of their own and across bridges are refused",
        ports: 2,
        bridge: "",
        text: "
            bridge link set dev p1 backup_port p1
            ip tuntap add p3 mode tap
            ip link set p3 address 02:00:00:00:01:03
            bridge link set dev p1 backup_port p3
            bridge link set dev p1 backup_port p2
            ip link del p2
            bridge -d -j link show dev p1",
    },
];

/// Link-local addresses and sizes.
pub(crate) const LINK_LOCAL_AND_SIZES: &[Case] = &[
    Case {
        name: "26 link-local frames are learned from, unless no_linklocal_learn",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > ll0e => p1@stack
            p1: h2 > ll01 => -
            bridge -j fdb show br br0
            ip link set br0 type bridge no_linklocal_learn 1
            p1: h3 > ll0e => p1@stack
            p1: h4 > ll00 => p2 br0
            bridge -j fdb show br br0
            bridge link set dev p1 learning off
            p1: h5 > ll00 => p2 br0
            ip link set br0 type bridge no_linklocal_learn 0
            p1: h6 > ll0e => p1@stack
            bridge -j fdb show br br0",
    },
    Case {
        name: "27 a port's mask lets 00 through even while spanning tree runs",
        ports: 2,
        bridge: "",
        text: "
            ip link set p1 type bridge_slave group_fwd_mask 1
            ip link set br0 type bridge stp_state 1
            p1: h1 > ll00 => p2 br0
            p2: h1 > ll00 => p2@stack
            ip link set p1 type bridge_slave group_fwd_mask 2",
    },
    Case {
        name: "28 group_address does not change which addresses are reserved",
        ports: 2,
        bridge: "",
        text: "
            ip link set br0 type bridge group_address 01:80:c2:00:00:0e
            p1: h1 > ll00 => p2 br0
            p1: h1 > ll0e => p1@stack
            ip link set br0 type bridge group_address 01:80:c2:00:00:01
            ip link set br0 type bridge group_address 02:00:00:00:00:01",
    },
    Case {
        name: "29 link-local frames of the host are flooded, pause too",
        ports: 2,
        bridge: "",
        text: "
            br0: br0 > ll00 => p1 p2
            br0: br0 > ll01 type 8808 => p1 p2
            br0: br0 > ll02 => p1 p2
            br0: br0 > ll0e => p1 p2
            bridge link set dev p2 mcast_flood off
            br0: br0 > ll0e => p1 p2",
    },
    Case {
        name: "32 the limit of a port is its MTU + 18, a tag set aside does not count",
        ports: 3,
        bridge: "",
        text: "
            p1: h1 > h9 len 1518 => p2 p3
            p1: h1 > h9 len 1519 => -
            p1: h1 > all len 1519 => br0
            p1: h1 > br0 len 3000 => br0
            p1: h1 > h9 8100:10 len 1522 => p2 p3
            p1: h1 > h9 8100:10 len 1523 => -
            p1: h1 > h9 88a8:10 len 1522 => p2 p3
            p1: h1 > h9 8100:10 8100:20 len 1522 => p2 p3
            p1: h1 > h9 8100:10 8100:20 len 1523 => -
            ip link set p2 mtu 1000
            p1: h1 > h9 len 1018 => p2 p3
            p1: h1 > h9 len 1019 => p3
            p1: h1 > all 8100:10 len 1022 => p2 p3 br0
            p1: h1 > all 8100:10 len 1023 => p3 br0
            p2: h2 > h9 len 1500 => p1 p3
            br0: br0 > h9 len 1014 => p1 p2 p3
            ip -j link show dev br0
            br0: br0 > h9 len 1015 => -
            br0: br0 > h9 8100:10 len 1018 => p1 p2 p3
            br0: br0 > h9 8100:10 len 1019 => -
            br0: br0 > h9 88a8:10 len 1014 => p1 p2 p3
            br0: br0 > h9 88a8:10 len 1015 => -",
    },
    Case {
        name: "32 the bridge's own MTU limits only what it sends",
        ports: 3,
        bridge: "",
        text: "
            ip link set br0 mtu 600
            p1: h1 > all len 1514 => p2 p3 br0
            p1: h1 > br0 len 1514 => br0
            br0: br0 > all len 614 => p1 p2 p3
            br0: br0 > all len 615 => -
            ip link set br0 mtu 1600
            br0: br0 > all len 1518 => p1 p2 p3
            br0: br0 > all len 1519 => -",
    },
    Case {
        name: "33 short frames pass unpadded, short tagged ones are dropped, not the host's",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > all len 14 => p2 br0
            p1: h1 > all 8100:10 len 18 => -
            p1: h1 > all 8100:10 len 19 => -
            p1: h1 > all 8100:10 len 20 => p2 br0
            p1: h1 > all 88a8:10 len 19 => -
            p1: h1 > all 88a8:10 len 20 => p2 br0
            p1: h1 > all type 8100 len 14 => -
            p1: h1 > all type 8100 len 17 => -
            p1: h1 > lle type 8100 len 17 => -
            br0: br0 > all 8100:10 len 18 => p1 p2
            br0: br0 > all 8100:10 len 19 => p1 p2",
    },
    Case {
        name: "34 malformed IP is forwarded",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > all type 0800 => p2 br0
            p1: h1 > h9 type 0800 len 20 => p2
            p1: h1 > h9 type 86dd => p2
            p1: h1 > all type 0806 => p2 br0",
    },
];
