//! Several bridges, veth pairs, and what joins and leaves meanwhile.

use crate::cases::Case;

/// The cases.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "two bridges joined by a veth pair",
        ports: 2,
        bridge: "",
        text: "
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip link set br1 up
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v1 master br0 up
            ip link set v2 master br1 up
            ip tuntap add p8 mode tap
            ip link set p8 address 02:00:00:00:01:08 master br1 up
            p1: h1 > all => p2 br0 p8 br1
            p8: h8 > h1 => p1
            p1: h1 > h8 => p8
            p1: h1 > br1 => p2 br1/host
            p8: h8 > br0 => br0/host
            p8: h8 > p2 => br0/other
            p1: h1 > v1 => br0/other
            p1: h1 > v2 => p2 br1/host
            br0: br0 > h8 => p8
            br1: br1 > all => p8 p1 p2 br0
            p8: h8 > h9 8100:0 8100:7 => p1 p2
            p8: h8 > h9 8100:5 88a8:7 => p1 p2
            p1: h1 > ll0e => p1@stack
            v1: h9 > all => p8 br1
            ip link set v1 down
            p1: h1 > h8 => p2
            p1: h1 > all => p2 br0
            p8: h8 > all => br1
            bridge -d -j link show
            ip -j link show
            ip link set v1 up
            p1: h1 > h8 => p2 p8
            bridge -j fdb show br br1",
    },
    Case {
        name: "hosts behind veth pairs",
        ports: 1,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link add v3 address 02:00:00:00:02:03 type veth peer name v4 address 02:00:00:00:02:04
            ip link set v2 master br0 up
            ip link set v4 master br0 up
            ip link set v1 up
            ip link set v3 up
            v1: v1 > all => v3/broadcast p1 br0
            v3: v3 > v1 => v1/host
            v1: v1 > v3 => v3/host
            v1: v1 > h9 => v3/other p1
            v1: v1 > v2 => br0/host
            v1: v1 > v4 => br0/other
            v1: v1 > ll0e => v2/multicast
            v1: v1 > h9 8100:10 => v3/other p1
            v1: v1 > h9 8100:10 len 1518 => v3 p1
            v1: v1 > h9 len 1515 => -
            v1: v1 > h9 len 14 => v3 p1
            p1: h1 > v1 len 1518 => v1
            ip link set v1 mtu 1000
            p1: h1 > v1 len 1018 => v1
            p1: h1 > v1 len 1019 => -
            p1: h1 > v1 8100:10 len 1022 => v1
            p1: h1 > v1 8100:10 len 1023 => -
            ip link set v1 down
            p1: h1 > v1 => v3
            p1: h1 > all => v3 br0
            bridge -j fdb show br br0",
    },
    Case {
        name: "ports that leave and come back lose flags and entries",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 hairpin on learning off
            bridge fdb add 02:00:00:00:00:05 dev p1 master static
            p2: h2 > h9
            ip link set p1 nomaster
            bridge -j fdb show br br0
            p1: h1 > all => p1@stack/broadcast
            p1: h1 > h7 => p1@stack/other
            p1: h1 > p1 => p1@stack/host
            p2: h2 > h5 => p3
            p2: h2 > p1 => p3
            ip link set p2 nomaster
            ip link set p1 master br0
            ip link set p2 master br0
            bridge -d -j link show
            p3: h3 > h2 => p1 p2
            p3: h3 > h5 => p1 p2
            ip link del p1
            p3: h3 > all => p2 br0
            p1: h1 > all => -
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 master br0 up
            p3: h3 > all => p1 p2 br0",
    },
    Case {
        name: "a port moves from one bridge to another",
        ports: 2,
        bridge: "",
        text: "
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip link set br1 up
            p1: h1 > h9 => p2
            ip link set p1 master br1
            p1: h1 > all => br1
            p2: h2 > h1 => -
            ip link set p2 master br1
            p2: h2 > h1 => p1
            bridge -j fdb show br br0
            bridge -j fdb show br br1
            ip link set p1 master br0
            bridge -j fdb show br br1
            p2: h2 > h1 => -",
    },
    Case {
        name: "addresses change",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > br0 => br0
            ip link set br0 address 02:00:00:00:00:b7
            p1: h1 > br0 => p2
            p1: h1 > br7 => br0/host
            ip link set p2 address 02:00:00:00:03:02
            p1: h1 > p2 => p2
            p1: h1 > 02:00:00:00:03:02 => br0/other
            p2: h2 > 02:00:00:00:03:02 => br0/host
            ip link set p1 address 02:00:00:00:00:b7
            bridge -j fdb show br br0
            p2: h2 > br7 => br0/host
            ip link set p1 address 02:00:00:00:03:01
            bridge -j fdb show br br0
            p2: h2 > br7 => br0/host
            p1: h5 > h9
            ip link set p2 address 02:00:00:00:00:05
            bridge -j fdb show br br0
            p1: h5 > h9 => p2
            p1: h1 > h5 => br0/other
            ip link set br0 address 01:00:00:00:00:01
            ip link set p1 address 00:00:00:00:00:00",
    },
    Case {
        name: "a port with the bridge's own address",
        ports: 2,
        bridge: "",
        text: "
            ip link set p1 address 02:00:00:00:00:b0
            bridge -j fdb show br br0
            p2: h2 > br0 => br0/host
            br0: h9 > br0
            ip link set p1 nomaster
            bridge -j fdb show br br0
            p2: h2 > br0 => br0/host",
    },
    Case {
        name: "below MTU 1280 there is no IPv6, and ff02::1 is left",
        ports: 2,
        bridge: "",
        text: "
            ip link set p1 mtu 1279
            bridge -j fdb show dev p1
            bridge -j fdb show dev br0
            ip link set p1 down
            ip link set p1 up
            bridge -j fdb show dev p1
            ip link set p1 mtu 1280
            bridge -j fdb show dev p1
            bridge -j fdb show dev br0
            ip link add v1 address 02:00:00:00:02:01 mtu 1000 type veth peer name v2 address 02:00:00:00:02:02
            bridge -j fdb show dev v1
            ip link set v2 master br0
            ip link set v1 mtu 1500
            bridge -j fdb show dev v1",
    },
    Case {
        name: "ff02::1 that came back to a netdev in use is left when that is set down",
        ports: 2,
        bridge: "",
        text: "
            ip link set p1 mtu 1000
            ip link set p1 mtu 1500
            bridge -j fdb show dev p1
            ip link set p1 down
            bridge -j fdb show dev p1
            ip link set p1 up
            bridge -j fdb show dev p1
            ip link set p1 mtu 1000
            ip link set p1 down
            ip link set p1 mtu 1500
            bridge -j fdb show dev p1
            ip link set p1 up
            ip link set p1 down
            bridge -j fdb show dev p1
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v1 up
            ip link set v1 mtu 1000
            ip link set v1 mtu 1500
            ip link set v1 down
            bridge -j fdb show dev v1",
    },
    Case {
        name: "a disabled port whose TAP is closed forgets what it learned",
        ports: 2,
        bridge: "",
        text: "
            p1: h7 > h6 => p2
            bridge link set dev p1 state 0
            p2: h6 > h7 => -
            unplug p1
            bridge -j fdb show br br0
            p2: h6 > h7 => -
            plug p1
            p2: h6 > h7 => p1",
    },
    Case {
        name: "ff02::6a is left with IPv6, and joined again when snooping begins anew",
        ports: 1,
        bridge: "mcast_snooping 1",
        text: "
            ip link set p1 mtu 1000
            ip link set p1 mtu 1500
            ip link set br0 type bridge mcast_snooping 1
            bridge -j fdb show dev br0
            ip link set br0 type bridge mcast_snooping 0
            bridge -j fdb show dev br0
            ip link set br0 type bridge mcast_snooping 1
            bridge -j fdb show dev br0",
    },
    Case {
        name: "a dummy as port",
        ports: 2,
        bridge: "",
        text: "
            ip link add d1 address 02:00:00:00:04:01 type dummy
            ip link set d1 master br0 up
            p1: h1 > all => p2 br0
            d1: h5 > all => -
            p1: h1 > 02:00:00:00:04:01
            bridge -j fdb show br br0",
    },
    Case {
        name: "renamed ports keep everything",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h9 => p2
            ip link set p1 down
            ip link set p1 name p7
            ip link set p7 up
            p7: h1 > h9 => p2
            p2: h2 > h1 => p7
            bridge -j fdb show br br0",
    },
    Case {
        name: "the bridge is deleted",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > all => p2 br0
            ip link del br0
            p1: h1 > all => p1@stack
            p2@stack: h2 > h1 => p2
            ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0
            p1: h1 > all => p1@stack",
    },
    Case {
        name: "flush by what an entry is",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h9
            bridge fdb add 02:00:00:00:00:02 dev p1 master static
            bridge fdb add 02:00:00:00:00:03 dev p2 master dynamic
            bridge fdb add 02:00:00:00:00:04 dev p2 master local
            bridge fdb add 02:00:00:00:00:05 dev p2 master extern_learn
            bridge fdb add 02:00:00:00:00:06 dev p2 master static sticky
            bridge fdb flush dev br0 brport p1 static
            bridge -j fdb show br br0
            bridge fdb flush dev br0 extern_learn
            bridge -j fdb show br br0
            bridge fdb flush dev br0 sticky
            bridge -j fdb show br br0
            bridge fdb flush dev br0 added_by_user nopermanent
            bridge -j fdb show br br0
            bridge fdb flush dev br0 dynamic
            bridge -j fdb show br br0
            p2: h2 > h9
            ip link set br0 type bridge fdb_flush
            bridge -j fdb show br br0
            p2: h2 > h9
            ip link set p2 type bridge_slave fdb_flush
            bridge -j fdb show br br0
            bridge fdb flush dev br0 brport p1
            bridge -j fdb show br br0
            bridge fdb flush dev p2
            bridge fdb flush dev br0 brport br0
            bridge fdb flush dev br0 permanent",
    },
];
