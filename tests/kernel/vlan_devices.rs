//! VLAN devices: on TAPs, veth pairs, dummies, bridges, bridge ports and each other. A TCI is written
//! as one number: 40970 is PCP 5, VID 10.

use crate::cases::Case;

/// The cases.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a packet socket on a VLAN device takes a tagged frame for what is behind the tags",
        ports: 2,
        bridge: "mcast_snooping 1 vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10-30
            bridge vlan add dev br0 vid 10-30 self
            ip link add link br0 name br0.20 type vlan id 20
            ip link set br0.20 up
            br0.20: h1 > m1 udp g1 => p1
            br0.20: h1 > m1 8100:10 => p1
            br0.20: h1 > m1 8100:10 udp g1 => -
            br0.20: h1 > n1 8100:10 udp g61 => -
            br0.20: h1 > m1 8100:10 igmp2 report g1 => -
            br0.20: h1 > m1 8100:10 8100:30 udp g1 => -
            br0.20: h1 > m1 88a8:10 udp g1 => -
            br0.20: h1 > all 8100:10 type 0800 => p1
            br0.20: h1 > h5 8100:10 type 0800 => p1
            br0: h1 > m1 8100:20 8100:10 udp g1 => p1
            ip link add link br0 name br0.10 type vlan id 10 reorder_hdr off
            ip link set br0.10 up
            br0.10: h1 > m1 8100:20 udp g1 => p1
            br0.10: h1 > m1 8100:20 8100:10 udp g1 => p1
            br0.10: h1 > m1 88a8:20 udp g1 => -
            ip link add link br0.20 name q type vlan id 5
            ip link set q up
            q: h1 > m1 udp g1 => p1
            q: h1 > m1 8100:7 udp g1 => p1
            ip link set br0 type bridge vlan_protocol 802.1ad
            br0.20: h1 > m1 8100:10 udp g1 => p1 p2
            br0.20: h1 > m1 udp g1 => p1 p2
            ip link set br0 type bridge vlan_protocol 802.1Q mcast_snooping 0
            br0.20: h1 > m1 8100:10 udp g1 => p1
            bridge mdb show
            ",
    },
    Case {
        name: "46 a VLAN device takes its VLAN before the bridge",
        ports: 2,
        bridge: "",
        text: "
            ip link add link p1 name p1.10 type vlan id 10
            ip link set p1.10 up
            p1: h1 > all 8100:10 => p1.10/broadcast
            p1: h1 > p1 8100:10 => p1.10/host
            p1: h1 > h9 8100:10 => p1.10/other
            p1: h1 > m1 8100:40970 => p1.10/multicast
            p1: h1 > all 8100:11 => p2 br0
            p1: h1 > all 88a8:10 => p2 br0
            p1: h1 > h9 9100:10 => p2
            p1: h1 > all => p2 br0
            p1: h1 > all 8100:0 8100:10 => p2 br0
            p1: h1 > all 8100:10 8100:20 => p1.10
            p1: h1 > ll0e 8100:10 => p1.10/multicast
            p1: h1 > ll0e 8100:0 8100:10 => p1.10/multicast
            p1: h1 > ll00 8100:10 => p1.10
            p1: h1 > ll01 8100:10 => p1.10
            p1: zero > all 8100:10 => p1.10
            p2: h2 > h1 => p1
            p2: h2 > all 8100:10 => p1 br0
            p1.10: p1 > all => p1
            p1.10: h7 > h2 => p1
            p2: h2 > h7 => p1
            ip link del p1.10
            p1: h1 > all 8100:10 => p2 br0",
    },
    Case {
        name: "46 without a bridge a priority tag does not hide the next one",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name p1.10 type vlan id 10
            ip link set p1.10 up
            p1: h1 > all 8100:0 8100:10 => p1.10/broadcast
            p1: h1 > p1 88a8:0 8100:10 => p1.10/host
            p1: h1 > p1 88a8:0 8100:0 8100:10 => p1.10/host
            p1: h1 > p1 8100:0 8100:10 8100:20 => p1.10/other
            p1: h1 > p1 8100:0 => p1@stack/host
            p1: h1 > p1 8100:0 8100:11 => p1@stack
            p1: h1 > p1 8100:0 8100:10 len 24 => p1.10
            p1: h1 > p1 8100:0 8100:10 len 23 => -
            p1: h1 > p1 8100:0 8100:11 len 23 => -
            p1: h1 > p1 8100:10 len 20 => p1.10
            p1: h1 > p1 8100:10 len 19 => -
            ip -j -s link show",
    },
    Case {
        name: "47 a device that is down drops, an unknown VLAN goes up on the lower",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name p1.10 type vlan id 10
            p1: h1 > p1 8100:10 => -
            p1: h1 > p1 8100:0 8100:10 => -
            p1: h1 > p1 8100:11 => p1@stack
            p1: h1 > all 88a8:10 => p1@stack
            p1: h1 > p1 8100:4095 => p1@stack
            ip link set p1.10 up
            p1: h1 > p1 8100:10 => p1.10
            ip link set p1 down
            p1: h1 > p1 8100:10 => -
            p1.10: p1 > all => -
            ip link set p1 up
            p1: h1 > p1 8100:10 => p1.10
            p1.10: p1 > all => p1
            ip -j link show",
    },
    Case {
        name: "48 tags of both types, and priority tags at every place",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name p1.10 up type vlan id 10
            ip link add link p1 name s10 up type vlan id 10 protocol 802.1ad
            ip link add link s10 name s10.20 up type vlan id 20
            ip link add link p1.10 name p1.10.20 up type vlan id 20
            p1: h1 > p1 88a8:0 8100:10 => p1.10
            p1: h1 > p1 8100:10 8100:0 => p1.10
            p1: h1 > p1 8100:10 8100:0 8100:20 => p1.10.20
            p1: h1 > p1 8100:10 8100:20 => p1.10.20
            p1: h1 > p1 8100:10 88a8:20 => p1.10
            p1: h1 > p1 88a8:10 8100:20 => s10.20
            p1: h1 > p1 88a8:10 88a8:20 => s10
            p1: h1 > p1 88a8:10 => s10
            s10.20: p1 > all => p1
            s10.20: p1 > all 8100:5 => p1
            p1.10.20: p1 > all => p1
            ip link add link p1 name p1.0 up type vlan id 0
            p1: h1 > p1 8100:0 => p1.0
            p1: h1 > p1 8100:40960 => p1.0
            p1: h1 > p1 8100:0 8100:10 => p1.0
            p1: h1 > p1 88a8:0 8100:10 => p1.10
            p1.0: p1 > all => p1
            p1: h1 > p1 => p1@stack
            ip -j -s link show",
    },
    Case {
        name: "49 without reorder_hdr the tag stays in the frame",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name raw up type vlan id 10 reorder_hdr off
            p1: h1 > p1 8100:10 => raw
            p1: h1 > p1 8100:40970 => raw
            p1: h1 > p1 8100:10 8100:20 => raw
            raw: p1 > all => p1
            raw: p1 > all 8100:10 => p1
            raw: p1 > all 8100:8999 => p1
            raw: p1 > all 88a8:10 => p1
            raw: p1 > all 8100:10 8100:20 => p1
            raw: p1 > all 8100:10 len 19 => p1
            raw: p1 > all 8100:10 len 18 => p1
            ip link add link raw name raw.20 up type vlan id 20
            p1: h1 > p1 8100:10 8100:20 => raw.20
            p1: h1 > p1 8100:10 8100:20 8100:30 => raw.20
            p1: h1 > p1 8100:10 8100:21 => raw
            raw.20: p1 > all => p1
            ip link add link raw name raw.30 up type vlan id 30 reorder_hdr off
            p1: h1 > p1 8100:10 8100:30 => raw.30
            raw.30: p1 > all => p1
            ip link set raw type vlan reorder_hdr on
            p1: h1 > p1 8100:10 => raw
            raw: p1 > all 8100:10 => p1
            ip -j -s link show",
    },
    Case {
        name: "49 a bridge port without reorder_hdr gives no tag to its bridge",
        ports: 1,
        bridge: "",
        text: "
            ip tuntap add p8 mode tap
            ip link set p8 address 02:00:00:00:01:08 up
            ip link add link p8 name raw type vlan id 10 reorder_hdr off
            ip link set raw master br0 up
            p8: h8 > all 8100:10 => p1 br0
            p8: h8 > all 8100:10 8100:20 => p1 br0
            p1: h1 > all => p8 br0
            p1: h1 > all 8100:10 => p8 br0
            p1: h1 > all 8100:77 => p8 br0
            p1: h1 > h8 => p8
            br0: br0 > all 8100:10 => p1 p8",
    },
    Case {
        name: "addresses of their own, and frames for others",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name own address 02:00:00:00:00:05 up type vlan id 10
            p1: h1 > h5 8100:10 => own/host
            p1: h1 > p1 8100:10 => own/host
            p1: h1 > h6 8100:10 => own/other
            p1: h1 > h5 => p1@stack/other
            ip link set own address 02:00:00:00:00:06
            p1: h1 > h6 8100:10 => own/host
            p1: h1 > h5 8100:10 => own/other
            ip link set p1 address 02:00:00:00:00:06
            p1: h1 > h6 8100:10 => own/host
            ip -d -j link show
            bridge -j fdb show",
    },
    Case {
        name: "a device on a bridge",
        ports: 2,
        bridge: "",
        text: "
            ip link add link br0 name br0.10 up type vlan id 10
            p1: h1 > all 8100:10 => p2 br0.10/broadcast
            p1: h1 > br0 8100:10 => br0.10/host
            p1: h1 > p1 8100:10 => br0.10/host
            p1: h1 > h2 8100:10 => p2
            p1: h1 > br0 => br0/host
            p1: h1 > all 8100:11 => p2 br0
            p1: h1 > all 8100:0 8100:10 => p2 br0.10
            p1: h1 > all 8100:10 8100:0 => p2 br0.10
            p1: h1 > all 88a8:10 => p2 br0
            br0.10: br0 > all => p1 p2
            br0.10: br0 > h1 => p1
            br0.10: br0 > h1 8100:5 => p1
            br0.10: br0 > br0 => -
            br0.10: br0 > ll0e => p1 p2
            ip link set br0.10 address 02:00:00:00:00:05
            p1: h1 > h5 8100:10 => p2 br0.10/host
            p1: h1 > h9 8100:10 => p2 br0.10/other
            p1: h1 > h9 => p2 br0/other
            ip link set br0.10 down
            p1: h1 > all 8100:10 => p2
            p1: h1 > h9 => p2
            ip -j -s link show
            bridge -j fdb show",
    },
    Case {
        name: "a promiscuous device makes its bridge promiscuous",
        ports: 2,
        bridge: "",
        text: "
            ip link add link br0 name br0.10 up type vlan id 10
            p1: h1 > h2 8100:10 => p2
            ip link set br0.10 promisc on
            p1: h1 > h2 8100:10 => p2 br0.10/other
            p1: h1 > h2 => p2 br0/other
            ip link set br0.10 promisc off
            p1: h1 > h2 => p2
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip link set br0.10 master br1
            ip link set br1 up
            p1: h1 > h2 8100:10 => p2
            p1: h1 > all 8100:10 => p2 br1/broadcast
            p1: h1 > br1 8100:10 => p2 br1/host
            br1: br1 > h1 => p1
            br1: br1 > h7 => p1 p2
            bridge -j fdb show",
    },
    Case {
        name: "devices as ports of two bridges over one trunk",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip tuntap add p2 mode tap
            ip tuntap add p3 mode tap
            ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0
            ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
            ip link add link p1 name t10 type vlan id 10
            ip link add link p1 name t20 type vlan id 20
            ip link set t10 master br0 up
            ip link set t20 master br1 up
            ip link set p2 address 02:00:00:00:01:02 master br0 up
            ip link set p3 address 02:00:00:00:01:03 master br1 up
            ip link set br0 up
            ip link set br1 up
            p1: h1 > all 8100:10 => p2 br0
            p1: h1 > all 8100:20 => p3 br1
            p1: h1 > all => p1@stack
            p2: h2 > h1 => p1
            p3: h3 > h1 => p1
            p3: h3 > h2 => p1 
            p3: h3 > all 8100:7 => p1 br1
            p1: h1 > h3 8100:20 8100:7 => p3
            p1: h1 > h2 8100:20 => p3
            p2: h2 > p1 => br0/other
            p1: h1 > br1 8100:20 => br1/host
            br1: br1 > h1 => p1
            ip link set p1 mtu 1400
            p2: h2 > h1 len 1418 => p1
            p2: h2 > h1 len 1419 => -
            p2: h2 > h1 8100:7 len 1422 => p1
            ip link set p1 down
            p2: h2 > h1 => -
            ip -j link show
            bridge -d -j link show
            bridge -j fdb show",
    },
    Case {
        name: "over a veth pair, in two namespaces or one",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v1 up
            ip link set v2 up
            ip link add link v1 name ua up type vlan id 10
            ip link add link v2 name ub up type vlan id 10
            ua: v1 > v2 => ub/host
            ua: v1 > v1 => ub/other
            ub: v2 > all => ua/broadcast
            ua: v1 > all 8100:20 => ub
            v1: v1 > v2 8100:10 => ub
            v1: v1 > v2 8100:11 => v2
            v1: v1 > v2 8100:0 8100:10 => ub
            ip link add link ua name ua.20 up type vlan id 20
            ua.20: v1 > v2 => ub
            ip link add link ub name ub.20 up type vlan id 20
            ua.20: v1 > v2 => ub.20
            ua: v1 > v2 8100:20 => ub.20
            ip link set v2 mtu 1000
            ua: v1 > v2 len 1018 => ub
            ua: v1 > v2 len 1019 => -
            ua.20: v1 > v2 len 1014 => ub.20
            ua.20: v1 > v2 len 1015 => -
            ip link set ub down
            ua: v1 > v2 => -
            ip link set v2 down
            ua: v1 > v2 => -
            ip -j -s link show",
    },
    Case {
        name: "on a dummy, and loosely bound",
        ports: 0,
        bridge: "",
        text: "
            ip link add d1 address 02:00:00:00:00:05 type dummy
            ip link set d1 up
            ip link add link d1 name d1.5 up type vlan id 5
            ip link add link d1 name d1.6 up type vlan id 6 reorder_hdr off
            d1.5: h5 > all => -
            d1.6: h5 > all => -
            d1.6: h5 > all 8100:6 => -
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link add link v1 name v1.5 type vlan id 5 loose_binding on
            ip link set v1.5 up
            v1.5: v1 > all => -
            ip link set v2 up
            ip link set v1 up
            v1.5: v1 > all => v2
            ip link set v1 down
            v1.5: v1 > all => -
            ip -j -s link show",
    },
    Case {
        name: "priorities from tag to tag",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip tuntap add p2 mode tap
            ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0
            ip link set p1 address 02:00:00:00:01:01 up
            ip link set p2 address 02:00:00:00:01:02 up
            ip link add link p1 name t10 type vlan id 10 ingress-qos-map 5:6 3:77 1:3
            ip link add link p2 name t20 type vlan id 20 egress-qos-map 6:2 77:1 3:4
            ip link set t10 master br0 up
            ip link set t20 master br0 up
            ip link set br0 up
            p1: h1 > h2 8100:40970 => p2
            p1: h1 > h2 8100:24586 => p2
            p1: h1 > h2 8100:8202 => p2
            p1: h1 > h2 8100:10 => p2
            p1: h1 > h2 8100:57354 => p2
            ip link set t20 type vlan egress-qos-map 0:7
            p1: h1 > h2 8100:10 => p2
            br0: br0 > h9 => p1 p2
            t20: h2 > all => p2
            t20: h2 > all 8100:5 => p2",
    },
    Case {
        name: "V1 to V6: access ports, a trunk, a router on a stick",
        ports: 4,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan del dev p1 vid 1
            bridge vlan del dev p2 vid 1
            bridge vlan del dev p3 vid 1
            bridge vlan add dev p1 vid 10 pvid untagged
            bridge vlan add dev p2 vid 20 pvid untagged
            bridge vlan add dev p3 vid 10 pvid untagged
            bridge vlan add dev p4 vid 10
            bridge vlan add dev p4 vid 20
            p1: h1 > all => p3 p4
            p2: h2 > all => p4
            p4: h4 > all 8100:10 => p1 p3
            p4: h4 > all 8100:20 => p2
            p4: h4 > all 8100:30 => -
            p4: h4 > all 8100:4095 => -
            p4: h4 > all => br0
            p4: h4 > all 8100:40960 => br0
            p1: h1 > all 8100:10 => p3 p4
            p1: h1 > all 8100:20 => -
            p1: h1 > all 8100:40960 => p3 p4
            p2: h2 > h1 => p4
            bridge vlan add dev br0 vid 10 self
            bridge vlan add dev br0 vid 20 self
            ip link add link br0 name br0.10 up type vlan id 10
            ip link add link br0 name br0.20 up type vlan id 20
            p1: h1 > br0 => br0.10/host
            p2: h2 > br0 => br0.20/host
            p1: h1 > all => p3 p4 br0.10
            p4: h4 > all 8100:20 => p2 br0.20
            p4: h4 > br0 8100:20 8100:7 => br0.20
            br0.10: br0 > h1 => p1
            br0.20: br0 > h1 => p2 p4
            br0.20: br0 > h2 => p2
            br0.10: br0 > all => p1 p3 p4
            br0: br0 > all => p4
            ip link set br0.10 type vlan egress-qos-map 0:5
            br0.10: br0 > h4 => p4
            ip link add link p4 name p4.20 up type vlan id 20
            p4: h4 > all 8100:20 => p4.20
            p4: h4 > all 8100:10 => p1 p3 br0.10
            bridge -d -j vlan show",
    },
    Case {
        name: "a bridge that filters by VLAN has a VLAN device as port",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            ip tuntap add p8 mode tap
            ip link set p8 address 02:00:00:00:01:08 up
            ip link add link p8 name t10 type vlan id 10
            ip link set t10 master br0 up
            bridge vlan add dev t10 vid 30
            bridge vlan add dev p1 vid 30
            p8: h8 > all 8100:10 => p1 p2 br0
            p8: h8 > all 8100:10 8100:30 => p1
            p8: h8 > all 8100:10 8100:31 => -
            p8: h8 > all 8100:10 88a8:30 => p1 p2 br0
            p1: h1 > h8 => p8
            p1: h1 > h7 8100:30 => p8
            p1: h1 > h8 8100:40990 => p8
            br0: br0 > h8 => p8",
    },
];
