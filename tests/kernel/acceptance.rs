//! What a VLAN-unaware bridge accepts and forwards: the table that was measured first, row by row.

use crate::cases::Case;

/// The rows.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "reserved addresses, spanning tree off: 00 is forwarded, 01 to 0f are not, 10 and up are",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > ll00 => p2 br0
            p1: h1 > ll01 => -
            p1: h1 > ll02 => p1@stack
            p1: h1 > ll03 => p1@stack
            p1: h1 > ll04 => p1@stack
            p1: h1 > ll05 => p1@stack
            p1: h1 > ll06 => p1@stack
            p1: h1 > ll07 => p1@stack
            p1: h1 > ll08 => p1@stack
            p1: h1 > ll09 => p1@stack
            p1: h1 > ll0a => p1@stack
            p1: h1 > ll0b => p1@stack
            p1: h1 > ll0c => p1@stack
            p1: h1 > ll0d => p1@stack
            p1: h1 > ll0e => p1@stack
            p1: h1 > ll0f => p1@stack
            p1: h1 > ll10 => p2 br0
            p1: h1 > ll20 => p2 br0
            p1: h1 > ll21 => p2 br0",
    },
    Case {
        name: "reserved addresses, spanning tree on: none is forwarded",
        ports: 2,
        bridge: "",
        text: "
            ip link set br0 type bridge stp_state 1
            p1: h1 > ll00 => p1@stack
            p1: h1 > ll01 => -
            p1: h1 > ll02 => p1@stack
            p1: h1 > ll03 => p1@stack
            p1: h1 > ll0e => p1@stack
            p1: h1 > ll0f => p1@stack
            p1: h1 > ll10 => p2 br0",
    },
    Case {
        name: "group_fwd_mask of the bridge: bits 0 to 2 are refused",
        ports: 2,
        bridge: "",
        text: "
            ip link set br0 type bridge group_fwd_mask 0xffff
            ip link set br0 type bridge group_fwd_mask 1
            ip link set br0 type bridge group_fwd_mask 2
            ip link set br0 type bridge group_fwd_mask 4
            p1: h1 > ll03 => p1@stack
            ip link set br0 type bridge group_fwd_mask 0xfff8
            p1: h1 > ll00 => p2 br0
            p1: h1 > ll01 => -
            p1: h1 > ll02 => p1@stack
            p1: h1 > ll03 => p2 br0
            p1: h1 > ll0e type 88cc => p2 br0
            p1: h1 > ll0f => p2 br0",
    },
    Case {
        name: "group_fwd_mask of a port: bit 1 is refused, LACP can cross",
        ports: 2,
        bridge: "",
        text: "
            ip link set p1 type bridge_slave group_fwd_mask 7
            p1: h1 > ll02 type 8809 => p1@stack
            ip link set p1 type bridge_slave group_fwd_mask 5
            p1: h1 > ll00 => p2 br0
            p1: h1 > ll01 type 8808 => -
            p1: h1 > ll02 type 8809 => p2 br0
            p2: h1 > ll02 type 8809 => p2@stack",
    },
    Case {
        name: "pause frames are dropped, whoever sends them",
        ports: 2,
        bridge: "group_fwd_mask 0xfff8",
        text: "
            p1: h1 > ll01 type 8808 => -
            p1: h1 > h2 type 8808 => p2",
    },
    Case {
        name: "group and zero sources are dropped",
        ports: 2,
        bridge: "",
        text: "
            p1: m1 > all => -
            p1: all > h2 => -
            p1: zero > h2 => -
            p1: 01:80:c2:00:00:00 > all => -
            p1: 33:33:00:00:00:01 > br0 => -
            bridge -j fdb show br br0",
    },
    Case {
        name: "source equal to destination: learned, and not sent back",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h1 => -
            p2: h2 > h1 => p1",
    },
    Case {
        name: "the bridge's own addresses as source are forwarded, and not learned",
        ports: 2,
        bridge: "",
        text: "
            p1: p1 > all => p2 br0
            p1: p2 > all => p2 br0
            p1: br0 > all => p2 br0
            p1: p2 > h9 => p2
            p2: h2 > p1 => br0
            bridge -j fdb show br br0",
    },
    Case {
        name: "runts are forwarded unpadded",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h3 len 14 => p2
            p1: h1 > all len 14 => p2 br0
            p1: h1 > all len 15 => p2 br0
            p1: h1 > all len 20 => p2 br0
            p1: h1 > br0 len 14 => br0
            br0: br0 > h3 len 14 => p1 p2",
    },
    Case {
        name: "802.3 lengths are forwarded",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > all llc => p2 br0
            p1: h1 > h2 llc len 17 => p2
            p1: h1 > h2 llc len 60 => p2",
    },
    Case {
        name: "tags pass unchanged",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > all 8100:10 => p2 br0
            p1: h1 > all 8100:0 => p2 br0
            p1: h1 > all 8100:4095 => p2 br0
            p1: h1 > all 8100:57354 => p2 br0
            p1: h1 > all 88a8:20 8100:10 => p2 br0
            p1: h1 > all 8100:20 88a8:10 => p2 br0
            p1: h1 > all 8100:0 8100:10 => p2 br0
            p1: h1 > br0 8100:10 => br0
            p2: h2 > h1 8100:4095 => p1
            br0: br0 > h1 8100:10 => p1
            br0: br0 > all 88a8:10 => p1 p2
            bridge -j fdb show br br0",
    },
    Case {
        name: "sizes at MTU 1500",
        ports: 2,
        bridge: "",
        text: "
            p1: h1 > h2 len 1514 => p2
            p1: h1 > h2 8100:10 len 1518 => p2
            br0: br0 > h2 len 1514 => p1 p2
            br0: br0 > h2 len 1515 => -",
    },
];
