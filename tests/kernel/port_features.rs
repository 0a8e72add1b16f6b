//! Features of ports in company: locked, isolated, backup ports and flood flags with each other, with
//! hairpin, states and VLANs. Each for itself is in [`behaviours`](crate::behaviours).

use crate::cases::Case;

/// On any kernel.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "23 mab: who is not let in gets a locked entry, which attracts traffic",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 mab on
            bridge link set dev p1 locked on
            bridge link set dev p1 mab on
            bridge link set dev p1 learning off
            bridge link set dev p1 locked off
            p1: h1 > all => -
            p2: h2 > h1 => p1
            p1: h1 > h2 => -
            p1: h1 > br0 => -
            p2: h1 > h9 => p1 p3
            p1: h1 > h9 => -
            p2: h2 > h1 => -
            bridge fdb replace 02:00:00:00:00:03 dev p1 master static
            p1: h3 > h9 => p2 p3
            p1: h4 > h9 => -
            bridge fdb replace 02:00:00:00:00:04 dev p1 master dynamic
            p1: h4 > h9 => p2 p3
            p1: h6 > ll03 type 888e => p1@stack
            p1: h6 > h9
            bridge link set dev p1 mab off
            p1: h5 > h9 => -
            p2: h2 > h5 => p1 p3
            p1: h7 > h9 => -
            bridge link set dev p1 mab on
            p1: h7 > h9 => -
            p2: h2 > h7 => p1
            ip link set p1 down
            ip link set p1 up
            p2: h2 > h7 => p1 p3
            bridge link set dev p1 mab off
            bridge link set dev p1 locked off
            p1: h7 > h9 => p2 p3",
    },
    Case {
        name: "23 locked: a station that shows up elsewhere is locked out, and back only by command",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 locked on learning off
            bridge fdb add 02:00:00:00:00:01 dev p1 master dynamic
            p1: h1 > h9 => p2 p3
            p2: h1 > h9 => p1 p3
            p1: h1 > h9 => -
            bridge fdb replace 02:00:00:00:00:01 dev p1 master static
            p1: h1 > h9 => p2 p3
            bridge fdb del 02:00:00:00:00:01 dev p1 master
            p1: h1 > h9 => -
            bridge fdb add 02:00:00:00:00:01 dev p1 master static sticky
            p2: h1 > h9 => p1 p3
            p1: h1 > h9 => p2 p3
            bridge link set dev p1 locked off
            p1: h2 > h9 => p2 p3",
    },
    Case {
        name: "23 locked: what leaves by the port, and its other flags, are as ever",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 locked on isolated on hairpin on
            bridge link set dev p2 isolated on
            p3: h3 > all => p1 p2 br0
            p3: h3 > h9 => p1 p2
            br0: br0 > h9 => p1 p2 p3
            bridge fdb add 02:00:00:00:00:01 dev p1 master static
            p1: h1 > all => p3 br0
            p1: h1 > h3 => p3
            p1: h2 > br0 => -
            bridge link set dev p1 state 2
            p1: h1 > h3 => -
            p1: h2 > h3 => -
            bridge link set dev p1 state 3",
    },
    Case {
        name: "23 locked: entries age and flush as ever",
        ports: 2,
        bridge: "ageing_time 100",
        text: "
            bridge link set dev p1 locked on
            bridge fdb add 02:00:00:00:00:01 dev p1 master dynamic
            p1: h1 > all => p2 br0
            wait 1.3
            p1: h1 > all => -
            bridge fdb add 02:00:00:00:00:01 dev p1 master dynamic
            p1: h1 > all => p2 br0
            ip link set p1 type bridge_slave fdb_flush
            p1: h1 > all => -",
    },
    Case {
        name: "24 a backup port is a port like any other",
        ports: 4,
        bridge: "",
        text: "
            bridge fdb add 02:00:00:00:00:01 dev p1 master static
            bridge link set dev p1 backup_port p2
            bridge link set dev p2 backup_port p3
            unplug p1
            p4: h4 > h1 => p2
            unplug p2
            p4: h4 > h1 => -
            plug p2
            bridge link set dev p2 isolated on
            bridge link set dev p4 isolated on
            p4: h4 > h1 => -
            bridge link set dev p4 isolated off
            p4: h4 > h1 => p2
            bridge link set dev p2 state 0
            p4: h4 > h1 => -
            bridge link set dev p2 state 3
            p2: h2 > h1 => -
            bridge link set dev p2 hairpin on
            p2: h2 > h1 => -
            p4: h4 > all => p2 p3 br0
            p4: h4 > h9 => p2 p3",
    },
    Case {
        name: "24 what was learned stays behind a port with a backup when the carrier goes",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p1 backup_port p2
            p1: h1 > all => p2 p3 br0
            unplug p1
            p3: h3 > h1 => p2
            bridge -j fdb show br br0
            plug p1
            p3: h3 > h1 => p1
            bridge link set dev p1 nobackup_port
            unplug p1
            p3: h3 > h1 => p2",
    },
    Case {
        name: "20 22 flood flags, isolation and hairpin together",
        ports: 4,
        bridge: "",
        text: "
            bridge link set dev p1 hairpin on bcast_flood off
            bridge link set dev p2 isolated on mcast_flood off
            bridge link set dev p3 isolated on flood off
            p1: h1 > all => p2 p3 p4 br0
            p1: h1 > m1 => p1 p3 p4 br0
            p1: h1 > h9 => p1 p2 p4
            p2: h2 > all => p4 br0
            p2: h2 > m1 => p1 p4 br0
            p2: h2 > h9 => p1 p4
            p3: h3 > h2 => -
            br0: br0 > all => p1 p2 p3 p4
            br0: br0 > m1 => p1 p2 p3 p4
            br0: br0 > h9 => p1 p2 p4
            ip link set br0 promisc on
            p3: h3 > h2 => br0
            p1: h1 > h2 => p2 br0",
    },
    Case {
        name: "21 23 proxy_arp with other flags",
        ports: 3,
        bridge: "",
        text: "
            ip link set p1 type bridge_slave proxy_arp on
            bridge link set dev p1 hairpin on
            p1: h1 > all => p2 p3 br0
            p2: h2 > h1 => p1
            p2: h2 > h9 => p3
            bridge link set dev p1 locked on
            p1: h1 > h2 => p2
            p1: h8 > h2 => -",
    },
];

/// With VLAN filtering.
pub(crate) const VLAN_CASES: &[Case] = &[
    Case {
        name: "23 locked: an entry counts in its own VLAN only",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            bridge link set dev p1 locked on learning off
            bridge fdb add 02:00:00:00:00:01 dev p1 master static vlan 10
            p1: h1 > all 8100:10 => p2
            p1: h1 > all => -
            bridge fdb add 02:00:00:00:00:01 dev p1 master static vlan 1
            p1: h1 > all => p2 p3 br0
            bridge fdb add 02:00:00:00:00:02 dev p1 master static
            p1: h2 > all 8100:10 => p2
            p1: h2 > all => p2 p3 br0",
    },
    Case {
        name: "24 a backup port has to be a member of the VLAN",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p3 vid 10
            bridge fdb add 02:00:00:00:00:01 dev p1 master static vlan 10
            bridge fdb add 02:00:00:00:00:01 dev p1 master static vlan 1
            bridge link set dev p1 backup_port p2
            unplug p1
            p3: h3 > h1 8100:10 => -
            p3: h3 > h1 => p2
            bridge vlan add dev p2 vid 10 untagged
            p3: h3 > h1 8100:10 => p2",
    },
    Case {
        name: "20 22 flood flags, isolation and hairpin in VLANs",
        ports: 4,
        bridge: "vlan_filtering 1",
        text: "
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10 untagged
            bridge vlan add dev p3 vid 10
            bridge link set dev p1 hairpin on
            bridge link set dev p2 isolated on
            bridge link set dev p3 isolated on bcast_flood off
            p1: h1 > all 8100:10 => p1 p2
            p1: h1 > m1 8100:10 => p1 p2 p3
            p3: h3 > all 8100:10 => p1
            p3: h3 > all => p1 p4 br0
            p2: h2 > h3 8100:10 => -
            p1: h1 > h3 8100:10 => p3",
    },
];
