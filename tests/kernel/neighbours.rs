//! Questions about neighbours, in words, and what a bridge that answers them does.
//!
//! ```text
//! p1: h1 arp request 10.0.0.1 10.0.0.2     sender and target; reply, or the number of an operation
//! p1: h1 nd solicit fe80::1 fe80::2        source and target; advertise
//! ```
//!
//! More words, behind these: `to ADDRESS` (a station; else all, or the target's group), `8100:TCI`, and for
//! `nd` `plain` (no option with the sender's station), `pad` (four octets of padding), `class N`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::cases::Case;
use crate::scenario::address;

/// Whether words behind a source are about neighbours.
pub(crate) fn ours(words: &str) -> bool {
    words.starts_with("arp ") || words.starts_with("nd ")
}

/// Makes a frame of station `source` of the words behind it. `mark` follows an ARP message.
pub(crate) fn frame(source: [u8; 6], words: &str, mark: &[u8]) -> Result<Vec<u8>, String> {
    let mut words = words.split_whitespace();
    let mut word = || words.next().ok_or("a word is missing");
    let (protocol, what, from, about) = (word()?, word()?, word()?, word()?);
    let (mut to, mut tag, mut plain, mut padding, mut class) = (None, Vec::new(), false, 0, 0u8);
    while let Ok(option) = word() {
        match option {
            "to" => to = Some(address(word()?)?),
            "plain" => plain = true,
            "pad" => padding = 4,
            "class" => class = word()?.parse().map_err(|_| "class N")?,
            other => {
                let (tpid, tci) = other.split_once(':').ok_or("TPID:TCI")?;
                let tpid = u16::from_str_radix(tpid, 16).map_err(|_| "TPID")?;
                let tci: u16 = tci.parse().map_err(|_| "TCI")?;
                tag = [tpid.to_be_bytes(), tci.to_be_bytes()].concat();
            }
        }
    }
    let (group, ether_type, payload) = if protocol == "arp" {
        let operation: u16 = match what {
            "request" => 1,
            "reply" => 2,
            number => number.parse().map_err(|_| "an operation")?,
        };
        let ip = |text: &str| text.parse::<Ipv4Addr>().map_err(|_| "an IPv4 address");
        let mut message = vec![0, 1, 8, 0, 6, 4];
        message.extend(operation.to_be_bytes());
        message.extend(source);
        message.extend(ip(from)?.octets());
        message.extend([0; 6]);
        message.extend(ip(about)?.octets());
        message.extend(mark);
        ([0xff; 6], [0x08, 0x06], message)
    } else {
        let ip = |text: &str| text.parse::<Ipv6Addr>().map_err(|_| "an IPv6 address");
        let (from, target) = (ip(from)?, ip(about)?.octets());
        let [.., x, y, z] = target;
        let mut group: Ipv6Addr = "ff02::1:ff00:0".parse().map_err(|_| "a group")?;
        group = (u128::from(group) | u128::from(u32::from_be_bytes([0, x, y, z]))).into();
        let kind = if what == "solicit" { 135 } else { 136 };
        let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 0];
        message.extend(target);
        if !plain {
            message.extend([1, 1]);
            message.extend(source);
        }
        let len = u16::try_from(message.len()).map_err(|_| "too long")?;
        let mut packet = vec![0x60 | class >> 4, class << 4, 0, 0];
        packet.extend(len.to_be_bytes());
        packet.extend([58, 255]);
        packet.extend(from.octets());
        packet.extend(group.octets());
        packet.extend(message);
        packet.resize(packet.len() + padding, 0);
        ([0x33, 0x33, 0xff, x, y, z], [0x86, 0xdd], packet)
    };
    let mut frame = to.unwrap_or(group).to_vec();
    frame.extend(source);
    frame.extend(tag);
    frame.extend(ether_type);
    frame.extend(payload);
    Ok(frame)
}

/// A bridge that answers.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "78 neigh_suppress on the target's port: an answer, and no flood to ports with the flag",
        ports: 4,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 p4 br0/broadcast
            p2: h2 > all => p1 p3 p4 br0/broadcast
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p3 p4 br0/broadcast
            p3: h3 arp request 10.0.0.3 10.0.0.2 => p1 p3 p4 br0/broadcast
            p1: h1 arp request 10.0.0.1 10.0.0.77 => p2 p3 p4 br0/broadcast
            p2: h2 arp request 10.0.0.2 10.0.0.1 => p1 p3 p4 br0/broadcast
            bridge link set dev p2 neigh_suppress off
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 p4 br0/broadcast",
    },
    Case {
        name: "78 announcements are kept from ports with the flag, replies are not",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            p1: h1 arp request 10.0.0.1 10.0.0.1 => p3 br0/broadcast
            p1: h1 arp reply 10.0.0.1 10.0.0.1 => p3 br0/broadcast
            p1: h1 arp reply 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast
            p1: h1 arp 3 10.0.0.1 10.0.0.1 => p2 p3 br0/broadcast
            p1: h1 arp 9 10.0.0.1 10.0.0.1 => p3 br0/broadcast
            p1: h1 arp request 127.0.0.1 127.0.0.1 => p2 p3 br0/broadcast
            p1: h1 arp request 224.0.0.1 224.0.0.1 => p2 p3 br0/broadcast
            p2: h2 arp request 10.0.0.2 10.0.0.2 => p1 p3 br0/broadcast
            br0: br0 arp request 10.0.0.9 10.0.0.9 => p1 p3",
    },
    Case {
        name: "78 a port that leaves takes nothing back",
        ports: 3,
        bridge: "",
        text: "
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            ip link set p1 type bridge_slave proxy_arp on
            p1: h2 arp request 10.0.0.2 10.0.0.2 => p1 p2 p3 br0/broadcast
            bridge link set dev p2 neigh_suppress on
            ip link set p2 nomaster
            p1: h2 arp request 10.0.0.2 10.0.0.2 => p3 br0/broadcast
            bridge link set dev p3 neigh_suppress on
            bridge link set dev p3 neigh_suppress off
            p1: h2 arp request 10.0.0.2 10.0.0.2 => p1 p3 br0/broadcast",
    },
    Case {
        name: "78 the flag on another port: no answer, but the flood is kept from it",
        ports: 4,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 dev br0
            p3: h3 > all
            p1: h1 arp request 10.0.0.1 10.0.0.3 => p3 p4 br0/broadcast
            bridge fdb add 02:00:00:00:00:04 dev p4 master
            ip neigh add 10.0.0.4 lladdr 02:00:00:00:00:04 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.4 => p3 p4 br0/broadcast
            ip neigh add 10.0.0.5 lladdr 02:00:00:00:01:02 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.5 => p1 p3 p4 br0/broadcast",
    },
    Case {
        name: "78 what a neighbour's state says",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            p2: h2 > all
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud stale dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p3 br0/broadcast
            ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 nud noarp dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p3 br0/broadcast
            ip neigh change 10.0.0.2 nud failed dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast
            ip neigh change 10.0.0.2 lladdr 02:00:00:00:00:02 nud reachable dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p3 br0/broadcast
            ip neigh del 10.0.0.2 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev p2
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            ip link set br0 arp off
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast",
    },
    Case {
        name: "78 the answer ignores isolation, hairpin, states and flood flags",
        ports: 4,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on isolated on
            bridge link set dev p1 isolated on flood off bcast_flood off
            bridge link set dev p3 bcast_flood off
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p2: h2 > all
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p4 br0/broadcast
            bridge link set dev p2 state 0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p4 br0/broadcast
            bridge link set dev p1 hairpin on isolated off
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p4 br0/broadcast",
    },
    Case {
        name: "78 a tag without VLAN filtering: the answer has none",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p2: h2 > all
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:5 => p1 p3 br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 88a8:5 => p1 p3 br0",
    },
    Case {
        name: "78 the bridge's own stack asks: its answer is lost",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p2: h2 > all
            br0: br0 arp request 10.0.0.9 10.0.0.2 => p1 p3
            br0: br0 arp request 10.0.0.9 10.0.0.77 => p1 p2 p3
            br0: br0 arp reply 10.0.0.9 10.0.0.2 => p1 p2 p3
            p1: h1 > all
            br0: h1 arp request 10.0.0.9 10.0.0.2 => p1 p1 p3",
    },
    Case {
        name: "78 the bridge's own address",
        ports: 3,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            ip addr add 10.0.0.50/24 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.50 => p3 br0/broadcast",
    },
    Case {
        name: "21 proxy_arp answers at the port of the question, and stops all flooding to it",
        ports: 3,
        bridge: "",
        text: "
            ip link set p1 type bridge_slave proxy_arp on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast
            p2: h2 > all => p3 br0/broadcast
            p2: h2 > h9 => p3
            p2: h2 > m1 => p3 br0/multicast
            br0: br0 > all => p2 p3
            br0: br0 > h9 => p2 p3
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p2 p3 br0/broadcast
            p1: h1 arp request 10.0.0.1 10.0.0.1 => p2 p3 br0/broadcast
            p3: h3 arp request 10.0.0.3 10.0.0.2 => p2 br0/broadcast
            p2: h2 > h1 => p1",
    },
    Case {
        name: "21 proxy_arp_wifi answers for stations behind the port",
        ports: 3,
        bridge: "",
        text: "
            ip link set p2 type bridge_slave proxy_arp_wifi on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p2 p3 br0/broadcast
            p2: h2 > all => p1 p3 br0/broadcast
            p1: h1 arp request 10.0.0.1 10.0.0.2 => p1 p3 br0/broadcast
            p1: h1 arp request 10.0.0.1 10.0.0.1 => p2 p3 br0/broadcast
            p1: h1 > all => p2 p3 br0/broadcast
            br0: br0 arp request 10.0.0.9 10.0.0.2 => p1 p2 p3",
    },
    Case {
        name: "78 neighbour discovery",
        ports: 3,
        bridge: "",
        text: "
            ipv6 br0
            bridge link set dev p2 neigh_suppress on
            ip neigh add fe80::2 lladdr 02:00:00:00:00:02 dev br0
            p1: h1 nd solicit fe80::1 fe80::2 => p2 p3 br0/multicast
            p2: h2 > all
            p1: h1 nd solicit fe80::1 fe80::2 => p1 p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::2 plain => p1 p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::2 class 167 => p1 p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::2 pad => p1 p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::2 plain pad => p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::77 => p2 p3 br0/multicast
            p2: h2 nd solicit fe80::2 fe80::1 => p1 p3 br0/multicast
            p1: h1 nd advertise fe80::1 fe80::1 => p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::2 8100:5 => p1 p3 br0
            ip neigh replace fe80::2 lladdr 02:00:00:00:00:02 router dev br0
            p1: h1 nd solicit fe80::1 fe80::2 => p1 p3 br0/multicast",
    },
    Case {
        name: "ip neigh add, change, replace, del, flush, show, get",
        ports: 1,
        bridge: "",
        text: "
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev br0
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev br0
            ip neigh add 10.0.0.2 dev br0
            ip neigh change 10.0.0.9 lladdr 02:00:00:00:00:09 dev br0
            ip neigh del 10.0.0.9 dev br0
            ip -j neigh show
            ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 nud reachable dev br0
            ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud stale dev br0
            ip neigh add 10.0.0.4 lladdr 02:00:00:00:00:04 nud noarp dev br0
            ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 nud failed dev br0
            ip neigh add 10.0.0.10 lladdr 02:00:00:00:00:0a nud none dev br0
            ip neigh add 10.0.0.11 lladdr 02:00:00:00:00:0b extern_learn dev br0
            ip neigh add 10.0.0.12 lladdr 02:00:00:00:00:0c router dev br0
            ip neigh add 10.0.0.15 lladdr 02:00:00:00:00:0f protocol static dev br0
            ip neigh add 224.0.0.5 dev br0
            ip neigh add 10.1.0.1 lladdr 02:00:00:00:01:01 dev lo
            ip -j neigh show nud all
            ip -j neigh show nud noarp
            ip -j neigh show 10.0.0.0/29
            ip neigh get 10.0.0.1 dev br0
            ip neigh get 10.0.0.99 dev br0
            ip neigh replace 10.0.0.1 nud stale dev br0
            ip neigh replace 10.0.0.3 lladdr 02:00:00:00:00:33 nud failed dev br0
            ip -j neigh show nud all
            ip neigh flush dev br0
            ip -j neigh show nud all
            ip -s neigh flush dev br0
            ip addr add 10.0.0.50/24 dev br0
            ip neigh add 10.0.0.2 dev br0
            ip neigh add 10.0.0.255 dev br0
            ip -j neigh show nud all
            ip link set br0 arp off
            ip -j neigh show nud all
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev br0
            ip link set br0 address 02:00:00:00:00:b7
            ip -j neigh show nud all
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev br0
            ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud stale dev br0
            unplug p1
            ip -j neigh show nud all
            plug p1
            ip link set br0 down
            ip -j neigh show nud all
            ip neigh add 10.0.0.1 dev nosuch",
    },
];

/// What needs a full kernel 6.12: VLAN filtering, and what 6.18 no longer answers, probes (from an
/// address that nobody has yet) and questions to a single station.
pub(crate) const FULL: &[Case] = &[
    Case {
        name: "78 ARP probes and questions to one station are answered",
        ports: 4,
        bridge: "",
        text: "
            bridge link set dev p2 neigh_suppress on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p2: h2 > all
            p1: h1 arp request 0.0.0.0 10.0.0.2 => p1 p3 p4 br0/broadcast
            p1: h1 arp request 10.0.0.1 10.0.0.2 to h2 => p1 p2
            p1: h1 arp request 10.0.0.1 10.0.0.2 to h9 => p1 p3 p4",
    },
    Case {
        name: "78 IPv6 probes and solicitations of one station are answered",
        ports: 3,
        bridge: "",
        text: "
            ipv6 br0
            bridge link set dev p2 neigh_suppress on
            ip neigh add fe80::2 lladdr 02:00:00:00:00:02 router dev br0
            p2: h2 > all
            p1: h1 nd solicit :: fe80::2 => p1 p3 br0/multicast
            p1: h1 nd solicit fe80::1 fe80::2 to h2 => p1 p2",
    },
    Case {
        name: "78 with VLAN filtering the VLAN devices above the bridge know the neighbours",
        ports: 3,
        bridge: "vlan_filtering 1",
        text: "
            ip link add link br0 name br0.10 type vlan id 10
            bridge vlan add dev p1 vid 10
            bridge vlan add dev p2 vid 10
            bridge vlan add dev p3 vid 10 pvid untagged
            bridge vlan add dev br0 vid 10 self
            ip link set br0.10 up
            bridge link set dev p2 neigh_suppress on
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0.10
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev br0
            p2: h2 > all 8100:10
            p2: h2 > all
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:24586
            p1: h1 arp request 10.0.0.1 10.0.0.2
            p3: h3 arp request 10.0.0.3 10.0.0.2
            p1: h1 arp request 10.0.0.1 10.0.0.1
            br0.10: br0 arp request 10.0.0.9 10.0.0.2
            br0: br0 arp request 10.0.0.9 10.0.0.2
            ip neigh del 10.0.0.2 dev br0.10
            p1: h1 arp request 10.0.0.1 10.0.0.2 8100:10",
    },
];
