//! Macvlans: every mode, on TAPs, dummies, veth pairs, bridges and each other. The children's addresses
//! are those of stations: c1 is h1, and so on.

use crate::cases::Case;

/// Cases that any kernel with macvlan plays.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "50-54 bridge, VEPA and private mode side by side",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link p1 name c3 address 02:00:00:00:00:03 up type macvlan mode vepa
            ip link add link p1 name c4 address 02:00:00:00:00:04 up type macvlan
            ip link add link p1 name c5 address 02:00:00:00:00:05 up type macvlan mode private
            ip link add link p1 name c6 address 02:00:00:00:00:06 up type macvlan mode private
            p1: h9 > h1 => c1/host
            p1: h9 > h3 => c3/host
            p1: h9 > h5 => c5/host
            p1: h9 > p1 => p1@stack/host
            p1: h9 > h8 => p1@stack/other
            p1: h9 > all => c1/broadcast c2/broadcast c3 c4 c5 c6 p1@stack
            p1: h1 > all => c3 c4 p1@stack
            p1: h3 > all => c1 c2 c4 p1@stack
            p1: h5 > all => c5/broadcast
            p1: h5 > h6 => c6
            p1: h1 > h1 => c1
            p1: zero > h1 => c1
            p1: m1 > h1 => c1
            p1: all > all => c1 c2 c3 c4 c5 c6 p1@stack
            p1: h9 > hosts => c1/multicast c2 c3 c4 c5 c6 p1@stack
            p1: h1 > hosts => c3 c4 p1@stack
            p1: h9 > all type 8808 => p1@stack
            p1: h9 > h1 type 8808 => c1
            p1: h9 > h1 len 14 => c1
            p1: h9 > all len 14 => c1 c2 c3 c4 c5 c6 p1@stack
            p1: h9 > h1 len 1514 => c1
            c1: h1 > h2 => c2/host
            c1: h1 > h1 => c1/host
            c1: h7 > h2 => c2/host
            c1: h1 > h3 => p1
            c1: h1 > h5 => p1
            c1: h1 > p1 => p1
            c1: h1 > h9 => p1
            c1: h1 > all => c2/broadcast p1
            c1: h1 > hosts => c2/multicast p1
            c1: h1 > all type 8808 => p1
            c3: h3 > h4 => p1
            c3: h3 > h1 => p1
            c3: h3 > all => p1
            c5: h5 > h6 => p1
            c5: h5 > all => p1
            p1@stack: p1 > h1 => p1
            p1@stack: p1 > all => p1
            bridge -j fdb show dev p1
            ip -j -d -s link show",
    },
    Case {
        name: "60 frames with tags",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            p1: h9 > h1 8100:10 => c1/other
            p1: h9 > h1 8100:0 => c1/host
            p1: h9 > h1 88a8:10 8100:20 => c1/other
            p1: h9 > h1 8100:0 8100:20 => c1
            p1: h9 > all 8100:10 => c1/other c2/other p1@stack/other
            p1: h9 > h1 8100:10 len 19 => -
            p1: h9 > all 8100:10 len 19 => -
            c1: h1 > h2 8100:10 => c2/other
            c1: h1 > all 8100:10 => c2/other p1
            c1: h1 > h9 8100:10 8100:20 => p1
            c1: h1 > h2 8100:10 len 19 => -
            c1: h1 > all 8100:10 len 19 => p1
            c1: h1 > h2 8100:10 len 1518 => c2
            c1: h1 > h2 len 1515 => -
            ip -j -s link show",
    },
    Case {
        name: "56 passthru",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 type macvlan mode passthru
            p1: h9 > p1 => -
            p1: h9 > all => p1@stack
            ip link set c1 up
            ip -j link show
            p1: h9 > p1 => c1/host
            p1: h9 > h8 => c1/host
            p1: h9 > all => c1/broadcast p1@stack
            p1: h9 > hosts => c1/multicast p1@stack
            p1: h9 > m1
            p1: p1 > all => c1
            p1: p1 > m1 => c1
            c1: p1 > h9 => p1
            c1: h7 > all => p1
            c1: p1 > p1 => p1
            p1@stack: p1 > h9 => p1
            bridge fdb add 01:00:5e:00:01:01 dev c1 self
            p1: h9 > m1 => c1 p1@stack
            bridge fdb add 02:00:00:00:00:77 dev c1 self
            bridge -j fdb show
            bridge fdb add 02:00:00:00:00:77 dev c1 self
            bridge fdb replace 02:00:00:00:00:77 dev c1 self
            bridge fdb del 02:00:00:00:00:77 dev c1 self
            bridge fdb del 02:00:00:00:00:77 dev c1 self
            ip link set c1 address 02:00:00:00:00:0c
            ip -j link show
            p1: h9 > h0c => c1
            ip link set p1 address 02:00:00:00:00:0d
            ip -j link show
            ip link set c1 type macvlan mode bridge
            ip link set c1 type macvlan mode passthru nopromisc
            ip -j -d link show
            ip link set c1 type macvlan flag null
            ip -j -d link show
            ip link add link p1 name c2 type macvlan mode passthru
            ip link add link p1 name c2 type macvlan mode bridge
            ip link add link c1 name c2 type macvlan
            ip link set c1 down
            p1: h9 > h0d => -
            ip link del c1
            ip -j link show
            p1: h9 > h0d => p1@stack",
    },
    Case {
        name: "56 a passthru child that changed the address gives the old one back",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 up type macvlan mode passthru
            ip link set c1 address 02:00:00:00:00:0c
            ip -j link show
            ip link del c1
            ip -j link show
            ip link add link p1 name c1 type macvlan mode passthru
            ip link set c1 address 02:00:00:00:00:0c
            ip link set p1 address 02:00:00:00:00:0d
            ip -j link show
            ip link del c1
            ip -j link show
            ip link add link p1 name c1 up type macvlan mode passthru
            ip link set p1 address 02:00:00:00:00:0d
            ip link set c1 address 02:00:00:00:00:0d
            ip link set c1 address 02:00:00:00:00:0e
            ip link del c1
            ip -j link show
            ip link add link p1 name c1 up allmulticast on type macvlan mode passthru
            ip -j -d link show
            ip link set c1 allmulticast off
            ip link set c1 allmulticast on
            ip link set c1 down
            ip -j -d link show
            ip link set c1 allmulticast off
            ip -j -d link show",
    },
    Case {
        name: "55 source mode",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode source
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode source macaddr add 02:00:00:00:00:09
            ip link add link p1 name c3 address 02:00:00:00:00:03 up type macvlan mode source macaddr set 02:00:00:00:00:09 02:00:00:00:00:08
            p1: h9 > h1 => c2/other c3/other p1@stack/other
            p1: h8 > h3 => c3/host p1@stack/other
            p1: h7 > h1 => p1@stack/other
            p1: h9 > p1 => c2/host c3/host p1@stack/host
            p1: h9 > all => c2/broadcast c3 p1@stack
            p1: h9 > m1 => c2/multicast c3 p1@stack
            p1: h7 > all => p1@stack
            p1: h1 > all => c1/broadcast
            p1: h9 > h1 8100:10 => c2 c3 p1@stack
            c1: h1 > h2 => p1
            c1: h1 > all => p1
            c2: h9 > h3 => p1
            ip -d -j link show
            ip link set c2 type macvlan nodst mode source
            p1: h9 > p1 => c2 c3
            p1: h9 > all => c2 c3
            p1: h8 > all => c3 p1@stack
            ip link set c2 down
            p1: h9 > p1 => c3
            ip link set c3 down
            p1: h9 > p1 => -
            p1: h9 > all => -
            ip link set c3 up
            ip link set c3 type macvlan mode source macaddr del 02:00:00:00:00:09
            p1: h9 > p1 => -
            ip link set c2 type macvlan mode source macaddr flush
            p1: h9 > p1 => p1@stack
            ip link set c3 type macvlan macaddr add 02:00:00:00:00:07
            ip link set c3 type macvlan macaddr add 02:00:00:00:00:07
            ip -d -j link show
            ip link set c3 type macvlan mode bridge
            ip -d -j link show
            ip link set c3 type macvlan mode source
            ip -d -j link show
            p1: h7 > h8 => p1@stack
            ip link set c3 type macvlan mode source macaddr set
            ip -d -j -s link show",
    },
    Case {
        name: "53 siblings talk by way of the port",
        ports: 0,
        bridge: "",
        text: "
            ip link add d1 address 02:00:00:00:04:01 up type dummy
            ip link add link d1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link d1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link d1 name c3 address 02:00:00:00:00:03 up type macvlan mode source macaddr add 02:00:00:00:00:01
            c1: h1 > h2 => c2/host c3/other
            c1: h1 > all => c2
            c1: h1 > h9 => -
            c1: h1 > h3 => -
            ip link set d1 down
            c1: h1 > h2 => -
            c1: h1 > all => c2
            c1: h1 > h9 => -
            ip -j -s link show
            ip link set d1 mtu 1000
            ip -j link show
            ip link set d1 mtu 1500 up
            ip link set c1 mtu 1500
            c1: h1 > h2 len 1514 => c2 c3
            c1: h1 > all len 1018 => c2
            c1: h1 > all len 1019 => -
            ip link set c1 mtu 1501
            ip link set c1 mtu 67
            ip link set d1 mtu 60
            ip -j link show
            ip -j -s link show",
    },
    Case {
        name: "57 addresses that are taken",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:01 type macvlan mode bridge
            ip link set c2 up
            ip link add link p1 name c3 address 02:00:00:00:01:01 type macvlan mode bridge
            ip link set c3 up
            ip link add link p1 name c4 address 02:00:00:00:00:01 up type macvlan
            ip link set c2 address 02:00:00:00:00:02
            ip link set c2 up
            ip link set c2 address 02:00:00:00:00:01
            ip link set c2 address 02:00:00:00:01:01
            ip link set c2 address 02:00:00:00:00:02
            ip link set c2 address 01:00:00:00:00:02
            p1: h9 > h2 => c2
            ip link set c2 address 02:00:00:00:00:05
            p1: h9 > h2 => p1@stack
            p1: h9 > h5 => c2/host
            c1: h1 > h5 => c2
            bridge -j fdb show dev p1
            ip link set c2 down
            p1: h9 > h5 => p1@stack/other
            c1: h1 > h5 => p1
            p1: h5 > all => c1 p1@stack
            ip link set p1 address 02:00:00:00:00:01
            p1: h9 > h1 => c1
            ip link add link p1 name c5 address 00:00:00:00:00:00 type macvlan
            ip link add link p1 name c5 address 01:00:00:00:00:00 type macvlan
            ip -j link show
            bridge -j fdb show dev p1",
    },
    Case {
        name: "57 who may stand where",
        ports: 1,
        bridge: "",
        text: "
            ip link add link p1 name c1 type macvlan
            ip link add link lo name c1 type macvlan
            ip link add name c1 type macvlan
            ip link add link nobody name c1 type macvlan
            ip tuntap add p2 mode tap
            ip link set p2 address 02:00:00:00:01:02
            ip link add link p2 name c1 address 02:00:00:00:00:01 type macvlan mode bridge
            ip link set p2 master br0
            ip link set c1 master br0
            ip link add link p2 name c2 address 02:00:00:00:00:02 mtu 1501 type macvlan mode bridge
            ip link add link p2 name c2 address 02:00:00:00:00:02 type macvlan mode passthru
            ip link add link p2 name c2 address 02:00:00:00:00:02 type macvlan mode private macaddr add 02:00:00:00:00:09
            ip link add link c1 name c2 address 02:00:00:00:00:02 type macvlan mode bridge
            ip link set p2 up
            ip link set c1 up
            ip link set c2 up
            p2: h9 > h1
            p2: h9 > all => c2 p1 br0 p2@stack
            c2: h2 > h1
            p1: h8 > h2 => c2
            p1: h8 > h9 => p2
            p1: h8 > all => p2 c2 br0
            ip link set c1 nomaster
            ip link set c1 type macvtap mode bridge
            ip link set p2 type macvlan mode bridge
            ip link set c1 type macvlan mode passthru
            ip link set c1 type macvlan macaddr add 02:00:00:00:00:09
            ip link set c1 type macvlan mode source macaddr add 01:00:00:00:00:09
            bridge fdb add 02:00:00:00:00:09 dev c1 self
            bridge fdb add 01:00:5e:00:00:09 dev c1 self
            bridge fdb add 01:00:5e:00:00:09 dev c1 self
            bridge fdb add 01:80:c2:00:00:0e dev c1 self
            bridge -j fdb show
            bridge fdb del 01:00:5e:00:00:09 dev c1 self
            bridge fdb del 01:00:5e:00:00:09 dev c1 self
            ip -j link show
            ip link del c1
            ip link del c2
            ip link set p2 master br0
            ip -j link show",
    },
    Case {
        name: "54 groups, all-multicast and promiscuity",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode vepa
            bridge fdb add 01:00:5e:00:01:01 dev c1 self
            bridge fdb add 01:00:5e:00:01:01 dev c2 self
            p1: h9 > m1 => c1 c2 p1@stack
            c1: h1 > m1 => p1
            p1: h1 > m1 => c2 p1@stack
            ip link set c1 allmulticast on
            p1: h9 > hosts => c1 c2 p1@stack
            ip -j -d link show
            ip link set c2 promisc on
            ip -j -d link show
            p1: h9 > m1 => c1 c2 p1@stack
            p1: h9 > h8 => p1@stack
            ip link set c1 down
            ip -j -d link show
            ip link set c1 up
            ip -j -d link show
            ip link set c1 allmulticast off
            ip link set c2 promisc off
            ip link set c2 down
            ip -j -d link show
            bridge -j fdb show",
    },
    Case {
        name: "59 on a bridge",
        ports: 2,
        bridge: "",
        text: "
            ip link add link br0 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link br0 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip -j link show br0
            p1: h9 > h1 => p2 c1/host
            p1: h9 > br0 => br0/host
            p1: h9 > h8 => p2 br0/other
            p1: h9 > all => p2 br0 c1 c2
            c1: h1 > h9 => p1
            c1: h1 > h8 => p1 p2
            c1: h1 > h2 => c2
            c1: h1 > all => c2 p1 p2
            c1: h1 > br0 => -
            br0: br0 > h1 => p1 p2
            br0: br0 > all => p1 p2
            ip link set c1 down
            ip link set c2 down
            ip -j link show br0
            p1: h9 > h8 => p2",
    },
    Case {
        name: "a macvlan as a bridge port",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add p2 mode tap
            ip link set p2 address 02:00:00:00:01:02 up
            ip link add link p2 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p2 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link set c1 master br0
            ip -j link show
            ip -j -d link show c2
            p1: h9 > h8 => p2
            p2: h8 > h9 => p2@stack/other
            p2: h8 > all => c2 p1 br0 p2@stack
            p2: h8 > h1 => br0/host
            c2: h2 > h1 => br0/host
            c2: h2 > all => p1 br0 p2
            p1: h9 > h2 => c2
            p1: h9 > all => c2 br0 p2
            p2: h9 > all => c2 p1 br0 p2@stack
            p2: h1 > all => p2@stack
            bridge -j fdb show br br0
            ip link set p2 down
            p1: h9 > all => br0 c2
            ip -j -s link show",
    },
    Case {
        name: "M14 children have the carrier of their lower",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link add link v1 name c1 address 02:00:00:00:00:01 type macvlan mode bridge
            ip link add link v1 name c2 address 02:00:00:00:00:02 type macvlan mode bridge
            ip link set c1 up
            ip link set c2 up
            ip -j link show
            c1: h1 > h2 => -
            c1: h1 > all => -
            ip link set v1 up
            ip -j link show
            ip link set v2 up
            ip -j link show
            c1: h1 > h2 => c2
            c1: h1 > all => c2 v2
            v2: v2 > h1 => c1
            v2: v2 > v1 => v1/host
            v2: v2 > all => c1 c2 v1
            ip link set v2 down
            ip -j link show
            c1: h1 > h2 => -
            ip link set v2 up
            ip link set v1 down
            ip -j link show
            c1: h1 > all => -
            v2: v2 > h1 => -
            ip link set v1 up
            c1: h1 > v2 => v2/host
            v1: v1 > v2 => v2/host
            ip -j -s link show
            ip link del v2
            ip -j link show",
    },
    Case {
        name: "what a queue of no length keeps from children",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge bcqueuelen 0
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge bcqueuelen 0
            p1: h9 > all => p1@stack
            c1: h1 > all => c2 p1
            p1: h9 > h1 => c1
            ip -j -d -s link show
            ip link set c2 type macvlan bcqueuelen 7
            ip -j -d link show
            p1: h9 > all => c1 c2 p1@stack
            ip link del c2
            ip -j -d link show",
    },
    Case {
        name: "a VLAN device's place is on the frame's way before the children",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up
            ip link add link v1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link v1 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link macvlan1 address 02:00:00:00:00:03 up type macvlan mode bridge
            ip -j -d link show type macvlan
            ip link set macvlan0 name c0
            c0: h1 > h2 => macvlan1
            c0: h1 > h3 => macvlan2
            ip link del macvlan1
            ip link add link v1 address 02:00:00:00:00:05 up type macvlan
            ip -j link show
            v2: h9 > all => c0 macvlan0 macvlan2 v1
            ip link set v1 promisc on
            ip -j link show
            ip link set v1 address 02:00:00:00:02:07
            v2: h9 > v7 => v1/host
            ip link del v1
            ip -j link show",
    },
];

/// The measured matrix: who reaches whom, by mode, and with a switch that reflects. `v1` is the parent,
/// behind `v2` is the outside: a host of its own, or a bridge with `hairpin on` and a station at `p1`.
pub(crate) const MATRIX: &[Case] = &[
    Case {
        name: "reachability: bridge",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            c1: h1 > all => c2 v2
            c1: h1 > h2 => c2/host
            c1: h1 > v1 => v2/other
            v1: v1 > all => v2
            v1: v1 > h1 => v2/other
            c1: h1 > v2 => v2/host
            v2: v2 > all => c1 c2 v1
            v2: v2 > h1 => c1/host
            v1: v1 > v2 => v2/host
            v2: v2 > v1 => v1/host",
    },
    Case {
        name: "reachability: bridge, and hairpin",
        ports: 1,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up master br0
            bridge link set dev v2 hairpin on
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            c1: h1 > all => c2 v1 p1 br0
            c2: h2 > h1 => c1
            v1: v1 > all => c1 c2 v1 p1 br0
            c1: h1 > v1 => v1/host
            v1: v1 > h1 => c1/host
            p1: h9 > h1 => c1/host
            c1: h1 > h9 => p1",
    },
    Case {
        name: "reachability: private",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode private
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode private
            c1: h1 > all => v2
            c1: h1 > h2 => v2/other
            c1: h1 > v1 => v2/other
            v1: v1 > h1 => v2/other
            c1: h1 > v2 => v2/host
            v2: v2 > all => c1 c2 v1
            v2: v2 > h1 => c1/host
            v1: v1 > v2 => v2/host
            v2: v2 > v1 => v1/host",
    },
    Case {
        name: "reachability: private, and hairpin",
        ports: 1,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up master br0
            bridge link set dev v2 hairpin on
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode private
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode private
            c1: h1 > all => c1/broadcast p1 br0
            v1: v1 > all => c1 c2 v1 p1 br0
            c1: h1 > h9 => v1/other p1
            p1: h9 > h1 => c1/host",
    },
    Case {
        name: "reachability: VEPA",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode vepa
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode vepa
            c1: h1 > all => v2
            c1: h1 > h2 => v2/other
            c1: h1 > v1 => v2/other
            v1: v1 > h1 => v2/other
            c1: h1 > v2 => v2/host
            v2: v2 > h1 => c1/host
            v2: v2 > all => c1 c2 v1
            v1: v1 > v2 => v2/host
            v2: v2 > v1 => v1/host",
    },
    Case {
        name: "reachability: VEPA, and hairpin",
        ports: 1,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up master br0
            bridge link set dev v2 hairpin on
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode vepa
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode vepa
            c1: h1 > all => c2/broadcast v1 p1 br0
            c2: h2 > h1 => c1/host
            c1: h1 > h2 => c2/host
            v1: v1 > all => c1 c2 v1 p1 br0
            c1: h1 > v1 => v1/host
            v1: v1 > h1 => c1/host
            p1: h9 > h1 => c1/host
            c1: h1 > h9 => p1",
    },
    Case {
        name: "reachability: passthru",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up
            ip link add link v1 name c1 up type macvlan mode passthru
            c1: v1 > v2 => v2/host
            v2: v2 > v1 => c1/host
            v2: v2 > all => c1 v1
            v1: v1 > v2 => v2/host
            c1: v1 > v1 => v2/other",
    },
    Case {
        name: "reachability: source, with an empty list",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 up
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode source
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode source
            c1: h1 > all => v2
            c1: h1 > h2 => v2/other
            c1: h1 > v1 => v2/other
            c1: h1 > v2 => v2/host
            v2: v2 > h1 => v1/other
            v2: v2 > all => v1
            v1: v1 > v2 => v2/host
            v2: v2 > v1 => v1/host",
    },
];

/// Compositions that need VLAN devices.
pub(crate) const VLAN_CASES: &[Case] = &[
    Case {
        name: "M9 children of VLAN devices on a trunk",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name p1.10 up type vlan id 10
            ip link add link p1 name p1.20 up type vlan id 20
            ip link add link p1.10 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p1.10 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link p1.20 name c3 address 02:00:00:00:00:03 up type macvlan mode bridge
            ip link add link p1.20 name c4 address 02:00:00:00:00:04 up type macvlan mode vepa
            c1: h1 > h2 => c2/host
            c1: h1 > h3 => p1
            c1: h1 > all => c2 p1
            c3: h3 > all => p1
            c1: h1 > all 8100:5 => c2 p1
            p1: h9 > all 8100:10 => c1 c2 p1.10
            p1: h9 > all 8100:20 => c3 c4 p1.20
            p1: h9 > h1 8100:10 => c1/host
            p1: h9 > h1 8100:20 => p1.20/other
            p1: h9 > h1 => p1@stack/other
            p1: h9 > h1 8100:10 8100:5 => c1/other
            p1: h3 > all 8100:20 => c4 p1.20
            bridge -j fdb show
            ip -j -d link show
            ip link set p1 down
            ip -j link show
            c1: h1 > h2 => -
            ip link set p1 up
            ip -j link show
            ip link set p1.10 up
            ip -j -s link show
            ip link del p1.10
            ip -j link show",
    },
    Case {
        name: "VLAN devices on macvlans",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link c1 name c1.10 up type vlan id 10
            ip link add link c2 name c2.10 up type vlan id 10
            ip link add link p1 name p1.20 up type vlan id 20
            ip link add link c1 name own address 02:00:00:00:00:07 up type vlan id 30
            p1: h9 > h1 8100:10 => c1.10/host
            p1: h9 > all 8100:10 => c1.10 c2.10 p1@stack
            p1: h9 > h1 8100:20 => p1.20
            p1: h9 > all 8100:20 => p1.20
            p1: h9 > h7 8100:30 => p1@stack
            c1.10: h1 > h2 => c2.10/host
            c1.10: h1 > all => c2.10 p1
            c1.10: h1 > h9 => p1
            c1: h1 > h2 8100:20 => p1.20
            c1: h1 > all 8100:20 => c2 p1
            own: h7 > all => c2 p1
            bridge -j fdb show
            ip -j -d link show
            ip link set c1 address 02:00:00:00:00:05
            ip -j link show
            ip link set p1 down
            ip -j link show
            ip link set p1 up
            p1: h9 > h5 8100:10 => c1.10
            ip -j -s link show",
    },
    Case {
        name: "a lower without reorder_hdr, and an ingress-qos map",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add p2 mode tap
            ip link set p2 address 02:00:00:00:01:02 up
            ip link add link p2 name raw up type vlan id 10 reorder_hdr off ingress-qos-map 5:3
            ip link add link raw name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link raw name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link p1 name p1.30 up type vlan id 30 egress-qos-map 3:6
            p2: h9 > h1 8100:10 => c1
            p2: h9 > all 8100:10 => c1 c2 raw
            p2: h9 > all 8100:10 8100:20 => c1 c2 raw
            p2: h9 > h1 8100:40970 => c1
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip link set br1 up
            ip link set c1 master br1
            ip link set p1.30 master br1
            p2: h9 > h8 8100:40970 => raw
            p2: h9 > all 8100:40970 => c2 raw p1 br1
            p1: h8 > all 8100:30 => br1 c2 p2",
    },
    Case {
        name: "nine netdevs do not stand on each other",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name a2 type macvlan
            ip link add link a2 name a3 type vlan id 3
            ip link add link a3 name a4 type macvlan
            ip link add link a4 name a5 type vlan id 5
            ip link add link a5 name a6 type macvlan
            ip link add link a6 name a7 type vlan id 7
            ip link add link a7 name a8 address 02:00:00:00:00:08 type macvlan mode passthru
            ip link add link a8 name a9 type vlan id 9
            ip link add link a7 name b8 address 02:00:00:00:00:08 type macvlan mode passthru
            ip link del a8
            ip link add link a7 name a8 address 02:00:00:00:00:08 type macvlan mode private
            ip link add link a8 name b8 type macvlan mode private",
    },
];
