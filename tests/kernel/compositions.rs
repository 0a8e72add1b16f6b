//! Devices on devices: macvlans and ipvlan devices whose lower is a netdev of the same network, several
//! levels of it.

use crate::cases::Case;

/// Cases that any kernel with macvlan plays.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "macvlans whose lower is plugged into a bridge",
        ports: 2,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 master br0 up
            ip link set v1 up
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link v1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link v1 name c3 address 02:00:00:00:00:03 up type macvlan mode vepa
            c1: h1 > all => c2 p1 p2 br0
            p1: h9 > h1 => c1
            p2: h8 > h1 => c1
            p1: h9 > h2 => c2 p2
            c1: h1 > h2 => c2/host
            c3: h3 > h1 => -
            c1: h1 > h3 => -
            c1: h1 > br0 => br0/host
            c1: h1 > v1 => p1 p2
            v1: v1 > h1 => -
            bridge link set dev v2 hairpin on
            c3: h3 > h1 => c1
            c1: h1 > h3 => c3
            c1: h1 > v1 => v1
            v1: v1 > h1 => c1
            c1: h1 > all => c2 c3 v1 p1 p2 br0
            br0: br0 > h3 => c3
            ip link set v2 nomaster
            p1: h9 > h1 => p2
            ip link set v2 down
            ip -j link show
            c1: h1 > h2 => -
            c1: h1 > all => -",
    },
    Case {
        name: "a bridge on a macvlan on a veth end that is plugged into another bridge",
        ports: 2,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 master br0 up
            ip link set v1 up
            ip link add link v1 name c1 address 02:00:00:00:00:01 up type macvlan mode passthru
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip tuntap add p8 mode tap
            ip link set p8 address 02:00:00:00:01:08 master br1 up
            ip link set c1 master br1
            ip link set br1 up
            p8: h8 > all => br1 p1 p2 br0
            p1: h9 > h8 => p8
            p2: h7 > h8 => p8
            p8: h8 > h9 => p1
            p1: h9 > h6 => p2 p8
            br1: br1 > h9 => p1
            p1: h9 > br1 => br1/host
            bridge -j fdb show br br1
            ip -j link show type macvlan
            ip link set c1 nomaster
            p1: h9 > h8 => c1",
    },
];

/// Cases that need a kernel that filters VLANs.
pub(crate) const VLAN_CASES: &[Case] = &[
    Case {
        name: "macvlans on VLAN devices of a trunk that is plugged into a bridge",
        ports: 2,
        bridge: "vlan_filtering 1 vlan_default_pvid 0",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 master br0 up
            ip link set v1 up
            bridge vlan add dev p1 vid 10 pvid untagged
            bridge vlan add dev p2 vid 20 pvid untagged
            bridge vlan add dev v2 vid 10
            bridge vlan add dev v2 vid 20
            ip link add link v1 name v1.10 up type vlan id 10
            ip link add link v1 name v1.20 up type vlan id 20
            ip link add link v1.10 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link v1.10 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            ip link add link v1.20 name c3 address 02:00:00:00:00:03 up type macvlan mode vepa
            ip link add link v1.20 name c4 address 02:00:00:00:00:04 up type macvlan mode vepa
            c1: h1 > all => c2 p1
            c3: h3 > all => p2
            p1: h9 > all => c1 c2 v1.10
            p2: h8 > all => c3 c4 v1.20
            p1: h9 > h1 => c1/host
            p2: h8 > h1 => v1.20/other
            c1: h1 > h9 => p1
            c1: h1 > h8 => p1
            c1: h1 > h2 => c2
            c1: h1 > h3 => p1
            c3: h3 > h4 => p2
            bridge link set dev v2 hairpin on
            c3: h3 > h4 => c4 p2
            c1: h1 > v1 => p1 v1.10
            p1: h9 > h1 8100:10
            c1: h1 > h9 8100:5
            bridge -j fdb show br br0
            ip link set v1 down
            ip -j link show
            ip link set v1 up
            ip -j link show
            bridge vlan del dev v2 vid 10
            p1: h9 > h1 => -
            p2: h8 > h3 => c3",
    },
    Case {
        name: "ipvlan devices on a VLAN device of a trunk that is plugged into a bridge",
        ports: 2,
        bridge: "vlan_filtering 1 vlan_default_pvid 0",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 master br0 up
            ip link set v1 up
            bridge vlan add dev p1 vid 10 pvid untagged
            bridge vlan add dev p2 vid 20 pvid untagged
            bridge vlan add dev v2 vid 10
            bridge vlan add dev v2 vid 20
            ip link add link v1 name v1.10 up type vlan id 10
            ip link add link v1.10 name c1 type ipvlan mode l2
            ip link add link v1.10 name c2 type ipvlan mode l2
            ip addr add 10.0.0.1/24 dev c1
            ip addr add 10.0.0.2/24 dev c2
            ip link set c1 up
            ip link set c2 up
            c1: v1 > all arp request 10.0.0.1 10.0.0.9 => c2 p1
            p1: h9 > v1 ip 10.0.0.9 10.0.0.1 => c1
            p1: h9 > v1 ip 10.0.0.9 10.0.0.7 => v1.10
            p2: h8 > all ip 10.0.0.8 10.0.0.1 => v1/other
            p1: h9 > all => c1 c2 v1.10
            c1: v1 > h9 ip 10.0.0.1 10.0.0.9
            c1: v1 > v1 ip 10.0.0.1 10.0.0.2 => c2
            ip -j link show",
    },
    Case {
        name: "macvlans on a VLAN device of a bridge",
        ports: 2,
        bridge: "vlan_filtering 1 vlan_default_pvid 0",
        text: "
            bridge vlan add dev p1 vid 10 pvid untagged
            bridge vlan add dev p2 vid 10
            bridge vlan add dev br0 vid 10 self
            ip link add link br0 name br0.10 up type vlan id 10
            ip link add link br0.10 name c1 address 02:00:00:00:00:01 up type macvlan mode bridge
            ip link add link br0.10 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            p1: h9 > all => p2 br0.10 c1 c2
            p1: h9 > h1
            p2: h8 > h1 8100:10
            p2: h8 > h1 8100:20 => -
            c1: h1 > h9 => p1
            c1: h1 > h8 => p2
            c1: h1 > h2 => c2
            c1: h1 > all => c2 p1 p2
            bridge -j fdb show
            ip -j link show",
    },
];
