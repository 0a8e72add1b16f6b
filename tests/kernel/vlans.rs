//! What a bridge that filters by VLAN does, behaviour by behaviour.

use crate::cases::Case;

/// Behaviours 30, 31 and 35 to 45; all need a kernel that filters VLANs.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "30 link-local frames pass the filter to the port, and teach only where they would have passed",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            p1: h1 > ll0e 8100:99 => p1@stack
            bridge -j fdb show br br0
            bridge vlan add dev p1 vid 99
            p1: h1 > ll0e 8100:99 => p1@stack
            p1: h3 > ll0e => p1@stack
            p1: h5 > ll0e 8100:0 => p1@stack
            bridge -j fdb show br br0
            bridge vlan del dev p1 vid 1
            p1: h4 > ll0e => p1@stack
            p1: h6 > ll00 => -
            bridge -j fdb show br br0",
    },
    Case {
        name: "31 a provider's bridge forwards the reserved addresses of customers",
        ports: 2,
        bridge: "vlan_filtering 1 vlan_protocol 802.1ad",
        text: "
            p1: h1 > ll00 => p2 br0
            p1: h1 > ll01 => -
            p1: h1 > ll02 => p1@stack
            p1: h1 > ll08 => p1@stack
            p1: h1 > ll0a => p1@stack
            p1: h1 > ll0b => p2 br0
            p1: h1 > ll0c => p2 br0
            p1: h1 > ll0d => p2 br0
            p1: h1 > ll0e => p1@stack
            p1: h1 > ll0f => p2 br0
            ip link set br0 type bridge vlan_protocol 802.1Q
            p1: h1 > ll0b => p1@stack
            p1: h1 > ll0d => p1@stack",
    },
    Case {
        name: "35 a priority tag gives way to the PVID's, with PCP and DEI",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p2 vid 1
            p1: h1 > h9 8100:0 => p2 p3
            p1: h1 > h9 8100:40960 => p2 p3
            p1: h1 > h9 8100:45056 => p2 p3
            p1: h1 > all 8100:57344 => p2 p3 br0
            p1: h1 > h9 8100:24577 => p2 p3
            br0: br0 > h9 8100:40960 => p1 p2 p3
            p2: h2 > all 8100:0 => -",
    },
    Case {
        name: "36 a tag of the other type is payload",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10 pvid untagged
            bridge vlan add dev p2 vid 10
            p1: h1 > h9 88a8:10 => p2
            p1: h1 > h9 88a8:0 => p2
            p1: h1 > h9 88a8:20 8100:30 => p2
            p1: h1 > h9 8100:10 88a8:20 => p2
            p2: h2 > h9 8100:10 88a8:20 => p1
            ip link set br0 type bridge vlan_protocol 802.1ad
            p1: h1 > h9 8100:10 => p2
            p1: h1 > h9 8100:0 => p2
            p1: h1 > h9 8100:20 88a8:10 => p2
            p2: h2 > h9 88a8:10 8100:20 => p1
            p2: h2 > h9 8100:10 => p1",
    },
    Case {
        name: "37 only the outermost tag counts, and the inner one comes to light",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10 untagged
            p1: h1 > h9 8100:10 8100:20 => p2
            p1: h1 > h9 8100:20 8100:10 => -
            p1: h1 > h9 8100:0 8100:10 => p2
            p1: h1 > h9 8100:0 8100:20 => p2
            p1: h1 > h9 8100:10 8100:4095 => p2
            p1: h1 > h9 8100:10 88a8:20 => p2",
    },
    Case {
        name: "38 VIDs at the ends of the range",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            p1: h1 > all 8100:4095 => -
            p1: h1 > all 8100:61439 => -
            bridge vlan add dev p1 vid 0
            bridge vlan add dev p1 vid 4095
            bridge vlan add dev p1 vid 4094
            bridge vlan add dev p2 vid 4094 untagged
            p1: h1 > all 8100:4094 => p2
            bridge vlan del dev p1 vid 77
            bridge vlan add dev p1 vid 20-30
            bridge -j vlan show",
    },
    Case {
        name: "39 a VLAN added again without pvid is none, a new PVID leaves the old VLAN",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10 pvid untagged
            bridge vlan add dev p2 vid 10
            p1: h1 > all => p2
            bridge vlan add dev p1 vid 20 pvid
            bridge -j vlan show dev p1
            p1: h1 > all => -
            p1: h1 > all 8100:10 => p2
            bridge vlan add dev p1 vid 20
            p1: h1 > all => -
            p1: h1 > all 8100:0 => -
            p1: h1 > all 8100:10 => p2
            bridge -j vlan show dev p1",
    },
    Case {
        name: "40 the bridge's addresses in a VLAN that it is not in",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            p1: h1 > p2 8100:10 => -
            p1: h1 > p1 8100:10 => -
            p1: h1 > p3 8100:10 => p2
            p1: h1 > br0 8100:10 => p2
            p1: h1 > all 8100:10 => p2
            bridge vlan add dev br0 vid 10 self
            p1: h1 > br0 8100:10 => br0
            p1: h1 > p2 8100:10 => br0
            p1: h1 > p3 8100:10 => p2
            p1: h1 > all 8100:10 => p2 br0
            p1: h1 > br0 => br0/host
            bridge -j fdb show br br0",
    },
    Case {
        name: "41 entries wait while the filter is off, and those without VLAN while it is on",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            p1: h1 > h9 => p2 p3
            ip link set br0 type bridge vlan_filtering 0
            p2: h2 > h1 => p1 p3
            p1: h1 > h9 => p2 p3
            p2: h2 > h1 => p1
            ip link set br0 type bridge vlan_filtering 1
            p3: h3 > h1 => p1
            bridge -j fdb show br br0
            p2: h1 > h9 => p1 p3
            p3: h3 > h1 => p2
            ip link set br0 type bridge vlan_filtering 0
            p3: h3 > h1 => p1
            p3: h3 > h1 8100:1 => p1
            bridge -j fdb show br br0",
    },
    Case {
        name: "42 an entry without VLAN is one in each VLAN of the port, and goes with it",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge fdb add 02:00:00:00:00:01 dev p1 master static
            bridge -j fdb show br br0
            bridge fdb add 02:00:00:00:00:02 dev p1 vlan 20 master static
            bridge fdb add 02:00:00:00:00:03 dev p1 vlan 10 master static
            bridge vlan del dev p1 vid 10
            bridge -j fdb show br br0
            bridge fdb del 02:00:00:00:00:01 dev p1 master
            bridge -j fdb show br br0
            ip link set br0 type bridge vlan_filtering 0
            bridge fdb add 02:00:00:00:00:04 dev p2 master static
            bridge -j fdb show br br0",
    },
    Case {
        name: "43 a new default PVID moves the ports that had the old one",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p2 vid 20 pvid untagged
            ip link set br0 type bridge vlan_default_pvid 30
            bridge -j vlan show
            p1: h1 > all => p3 br0
            p2: h2 > all => -
            p2: h2 > all 8100:1 => -
            ip link set br0 type bridge vlan_default_pvid 0
            p1: h1 > all => -
            br0: br0 > all => -
            bridge -j vlan show
            ip link set br0 type bridge vlan_default_pvid 20
            bridge -j vlan show
            p1: h1 > all => p2 p3 br0",
    },
    Case {
        name: "44 what the filter refuses teaches nothing, a VLAN that learns does",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            p1: h1 > all 8100:10 => -
            bridge -j fdb show br br0
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            bridge vlan set dev p1 vid 10 state 2
            p1: h1 > all 8100:10 => -
            p2: h2 > h1 8100:10 => -
            bridge vlan set dev p1 vid 10 state 3
            p2: h2 > h1 8100:10 => p1
            bridge vlan set dev p1 vid 10 state 1
            p1: h5 > all 8100:10 => -
            p2: h2 > h1 8100:10 => -
            p1: h1 > all => p2 br0
            bridge link set dev p1 state 2
            p1: h6 > all 8100:10 => -
            bridge -j fdb show br br0",
    },
    Case {
        name: "45 the bridge's own membership says how frames reach its stack",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            p1: h1 > all 8100:10 => -
            bridge vlan add dev br0 vid 10 self
            p1: h1 > br0 8100:10 => br0/other
            p1: h1 > all 8100:10 => br0
            bridge vlan add dev br0 vid 10 untagged self
            p1: h1 > br0 8100:10 => br0/host
            p1: h1 > br0 => br0/host
            bridge vlan add dev br0 vid 20 pvid untagged self
            br0: br0 > h9 => -
            bridge vlan add dev p2 vid 20
            br0: br0 > h9 => p2
            br0: br0 > h9 8100:10 => p1
            bridge vlan del dev br0 vid 20 self
            br0: br0 > h9 => -
            bridge vlan del dev br0 vid 10 self
            p1: h1 > br0 8100:10 => -
            br0: br0 > h9 8100:10 => -",
    },
    Case {
        name: "78 neigh_vlan_suppress: the VLAN's own flag decides",
        ports: 2,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            bridge vlan add dev br0 vid 10 self
            ip link add link br0 name br0.10 address 02:00:00:00:00:b0 type vlan id 10
            ip link set br0.10 up
            ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0.10 nud permanent
            ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0 nud permanent
            p2: h2 > h9 8100:10
            p2: h2 > h9
            bridge link set dev p2 neigh_suppress on
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10
            p1: h1 arp request 10.0.0.1 10.0.0.2
            bridge link set dev p2 neigh_vlan_suppress on
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10
            p1: h1 arp request 10.0.0.1 10.0.0.2
            bridge vlan set dev p2 vid 10 neigh_suppress on
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10
            p1: h1 arp request 10.0.0.1 10.0.0.2
            bridge link set dev p2 neigh_suppress off
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10
            p1: h1 arp request 10.0.0.1 10.0.0.2
            bridge link set dev p2 neigh_vlan_suppress off
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10
            p1: h1 arp request 10.0.0.1 10.0.0.2
            bridge vlan set dev p2 vid 99 neigh_suppress on",
    },
];
