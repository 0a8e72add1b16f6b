//! Macvtaps, whose character devices are opened as a virtual machine's: `c1` is what is written to and read
//! from there, `c1@stack` the netdev's own stack, past which its frames go.

use crate::cases::Case;

/// Cases that any kernel with macvtap plays.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "M12 frames out of and into the character device, in every mode",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvtap mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvtap mode bridge
            ip link add link p1 name c3 address 02:00:00:00:00:03 up type macvtap
            ip link add link p1 name c4 address 02:00:00:00:00:04 up type macvtap mode private
            ip link add link p1 name c5 address 02:00:00:00:00:05 up type macvtap mode source macaddr set 02:00:00:00:00:08
            p1: h9 > h1 => c1
            p1: h9 > h3 => c3
            p1: h9 > h4 => c4
            p1: h9 > h5 => p1@stack/other
            p1: h8 > h5 => c5 p1@stack/other
            p1: h8 > all => c1 c2 c3 c4 c5 p1@stack
            p1: h9 > all => c1 c2 c3 c4 p1@stack
            p1: h1 > all => c3 p1@stack
            p1: h3 > all => c1 c2 p1@stack
            p1: h4 > all => c4
            p1: h9 > h7 => p1@stack/other
            p1: h9 > h1 len 14 => c1
            p1: h9 > h1 len 1514 => c1
            c1: h1 > h2 => c2
            c1: h1 > h3 => p1
            c1: h1 > h9 => p1
            c1: h1 > p1 => p1
            c1: h1 > all => c2 p1
            c1: h7 > h9 => p1
            c3: h3 > h1 => p1
            c3: h3 > all => p1
            c4: h4 > h3 => p1
            c5: h5 > h8 => p1
            c1@stack: h1 > h2 => c2
            c1@stack: h1 > all => c2 p1
            p1@stack: p1 > h1 => p1
            ip -j -d -s link show
            ip -j -d link show type macvtap
            bridge -j fdb show",
    },
    Case {
        name: "tags, lengths and groups at the character device",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvtap mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvtap mode bridge
            p1: h9 > h1 8100:10 => c1
            p1: h9 > h1 8100:0 => c1
            p1: h9 > h1 88a8:10 8100:20 => c1
            p1: h9 > all 8100:10 => c1 c2 p1@stack/other
            p1: h9 > hosts
            p1: h9 > m1
            c1: h1 > h2 8100:10 => c2
            c1: h1 > h9 8100:10 8100:20 => p1
            c1: h1 > all 8100:10 => c2 p1
            c1: h1 > h2 len 1514 => c2
            c1: h1 > h2 len 1518 => c2
            c1: h1 > h9 len 1600
            c1: h1 > h2 len 1600
            c1: h1 > h9 len 14
            bridge fdb add 01:00:5e:00:01:01 dev c2 self
            p1: h9 > m1
            c1: h1 > m1
            ip link set c1 allmulticast on
            p1: h9 > m1
            ip -j link show",
    },
    Case {
        name: "what a character device gets while the macvtap is down, has lost its lower, or has another mode",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 address 02:00:00:00:00:01 type macvtap mode bridge
            ip link add link p1 name c2 address 02:00:00:00:00:02 up type macvlan mode bridge
            p1: h9 > h1 => p1@stack/other
            c1: h1 > h2
            ip link set c1 up
            p1: h9 > h1 => c1
            c1: h1 > h2 => c2/host
            c2: h2 > h1 => c1
            c2: h2 > all => c1 p1
            ip link set c1 type macvtap mode vepa
            c2: h2 > h1 => p1
            c1: h1 > h2 => p1
            ip link set p1 down
            c1: h1 > h9
            ip -j link show
            ip link set p1 up
            c1: h1 > h9 => p1
            ip link set c1 address 02:00:00:00:00:07
            p1: h9 > h1 => p1@stack/other
            p1: h9 > h7 => c1
            ip link del c1
            p1: h9 > h7 => p1@stack/other
            ip -j -s link show",
    },
    Case {
        name: "passthru gives a virtual machine the wire",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 type macvtap mode passthru
            ip link set c1 up
            p1: h9 > p1 => c1
            p1: h9 > h8 => c1
            p1: h9 > all => c1 p1@stack
            c1: p1 > h9 => p1
            c1: h7 > all => p1
            ip link add link p1 name c2 type macvtap mode bridge
            ip -j -d link show type macvtap",
    },
];
