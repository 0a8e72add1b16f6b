//! Commands that the kernel, or iproute2 before it, refuses: the same words, the same status.

use crate::cases::Case;

/// The cases. Each refused command leaves everything as it was, which the tables at the end show.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "links that cannot be made",
        ports: 1,
        bridge: "",
        text: "
            ip link add br0 type bridge
            ip link add p1 type dummy
            ip link add v1 type veth peer name p1
            ip link add v1 type veth peer name v1
            ip tuntap add p1 mode tap
            ip tuntap add br0 mode tap
            ip link add br9 address 02:00:00:00:00:b9 type bridge ageing_time 0 forward_delay 100
            ip link add br9 type bridge group_fwd_mask 7
            ip link add d1 master nobody type dummy
            ip link add d1 address 01:00:00:00:00:01 type dummy
            ip link add d1 mtu 40 type bridge",
    },
    Case {
        name: "links that are not there",
        ports: 1,
        bridge: "",
        text: "
            ip link del nobody
            ip link set nobody up
            ip link set p1 master nobody
            ip link show nobody
            ip link show dev nobody
            ip link set nobody master br0
            ip addr add 10.0.0.1/24 dev nobody
            bridge link set dev nobody state 3
            bridge link show dev nobody
            bridge fdb add 02:00:00:00:00:01 dev nobody master
            bridge fdb del 02:00:00:00:00:01 dev nobody master
            bridge fdb show br nobody
            bridge fdb show dev nobody
            bridge fdb flush dev nobody
            ip link set p1 netns nobody
            ip -n nobody link show
            ip netns del nobody",
    },
    Case {
        name: "masters and ports",
        ports: 2,
        bridge: "",
        text: "
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip link set br1 master br0
            ip link set br0 master br0
            ip link set p1 master p2
            ip link set lo master br0
            ip link add d1 address 02:00:00:00:04:01 type dummy
            ip link set p1 master d1
            ip link set d1 nomaster
            bridge link set dev d1 state 3
            bridge link set dev br0 state 3
            bridge link set dev d1 hairpin on
            ip link set d1 type bridge_slave hairpin on
            ip link set p1 type bridge ageing_time 100
            ip link set p1 name p2
            ip link set p1 name br0
            ip link set lo down",
    },
    Case {
        name: "values out of range",
        ports: 2,
        bridge: "",
        text: "
            bridge link set dev p1 state 5
            bridge link set dev p1 cost 65536
            bridge link set dev p1 cost 65535
            bridge link set dev p1 priority 64
            bridge link set dev p1 priority 63
            ip link set br0 type bridge forward_delay 100
            ip link set br0 type bridge forward_delay 200
            ip link set br0 type bridge hello_time 50
            ip link set br0 type bridge max_age 500
            ip link set br0 type bridge max_age 4100
            ip link set br0 type bridge stp_state 1
            ip link set br0 type bridge forward_delay 100
            ip link set br0 type bridge forward_delay 3100
            ip link set br0 type bridge stp_state 0
            ip link set br0 type bridge group_fwd_mask 3
            ip link set br0 type bridge group_address 02:00:00:00:00:01
            ip link set p1 mtu 67
            ip link set p1 mtu 68
            ip link set p1 mtu 65522
            ip link set p1 mtu 65521
            ip link set br0 mtu 67
            ip link set br0 mtu 65536
            ip link set p1 address 01:00:00:00:00:01
            ip link set p1 address 00:00:00:00:00:00
            ip link set br0 address ff:ff:ff:ff:ff:ff",
    },
    Case {
        name: "FDB entries",
        ports: 2,
        bridge: "",
        text: "
            bridge fdb add 00:00:00:00:00:00 dev p1 master static
            bridge fdb add 02:00:00:00:00:01 dev p1 static
            bridge fdb add 02:00:00:00:00:01 dev p1 dynamic
            bridge fdb add 02:00:00:00:00:01 dev p1
            bridge fdb add 02:00:00:00:00:01 dev p1
            bridge fdb del 02:00:00:00:00:01 dev p1
            bridge fdb del 02:00:00:00:00:01 dev p1
            bridge fdb add 02:00:00:00:00:02 dev p1 master static
            bridge fdb add 02:00:00:00:00:02 dev p2 master static
            bridge fdb add 02:00:00:00:00:02 dev p1 master dynamic
            bridge fdb del 02:00:00:00:00:02 dev p2 master
            bridge fdb del 02:00:00:00:00:02 dev p1 master
            bridge fdb del 02:00:00:00:00:02 dev p1 master
            bridge fdb add 02:00:00:00:00:03 dev br0 self local
            bridge fdb add 02:00:00:00:00:03 dev br0 self local
            bridge fdb add 02:00:00:00:00:04 dev br0 self static
            bridge fdb add 02:00:00:00:00:04 dev br0 master static
            bridge fdb del 02:00:00:00:00:03 dev br0 self
            bridge fdb replace 02:00:00:00:00:b0 dev p1 master static
            bridge fdb del 02:00:00:00:01:02 dev p1 master
            bridge fdb add 02:00:00:00:00:05 dev p1 master local sticky
            bridge fdb get 02:00:00:00:00:09 br br0
            bridge fdb get 02:00:00:00:01:01 br br0
            bridge fdb get 02:00:00:00:01:01 dev p1 master
            bridge fdb get 02:00:00:00:01:01 dev p2 master",
    },
];
