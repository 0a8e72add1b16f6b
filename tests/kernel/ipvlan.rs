//! ipvlan devices: who gets which frame, mode by mode, and on what they can stand.
//!
//! ```text
//! p1: h9 > p1 ip 10.0.0.9 10.0.0.1          IPv4 or IPv6, by the addresses: UDP, source and destination
//! p1: h9 > p1 ip ... ihl 4|version 6|claim 99|next 58 also the header's length, version, total length, protocol
//! p1: h9 > all arp request 10.0.0.9 10.0.0.1   (see `payload`)
//! p1: h9 > p1 probe fd00::1                 a neighbour solicitation from nobody
//! ```

use std::net::IpAddr;
use std::str::SplitWhitespace;

use crate::cases::Case;

/// Reads the words behind a frame's addresses and tags, if they are ours. Returns the EtherType and what
/// follows it.
pub(crate) fn read(
    first: &str,
    words: &mut SplitWhitespace<'_>,
) -> Option<Result<(u16, Vec<u8>), String>> {
    match first {
        "ip" => Some(packet(words)),
        "probe" => Some(probe(words)),
        _ => None,
    }
}

fn ip(words: &mut SplitWhitespace<'_>) -> Result<IpAddr, String> {
    let word = words.next().ok_or("an IP address")?;
    word.parse()
        .map_err(|_| format!("`{word}` is no IP address"))
}

fn packet(words: &mut SplitWhitespace<'_>) -> Result<(u16, Vec<u8>), String> {
    // With a checksum that is none: nobody answers that nobody listens.
    let udp = [0, 9, 0, 9, 0, 14, 0x12, 0x34];
    let (ether_type, mut octets) = match (ip(words)?, ip(words)?) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let fixed = [0x45, 0, 0, 34, 0, 7, 0, 0, 64, 17, 0, 0];
            let addresses = [from.octets(), to.octets()].concat();
            (0x0800, [&fixed[..], &addresses, &udp].concat())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let fixed = [0x60, 0, 0, 0, 0, 14, 17, 64];
            let addresses = [from.octets(), to.octets()].concat();
            (0x86dd, [&fixed[..], &addresses, &udp].concat())
        }
        _ => return Err("two addresses of one family".to_owned()),
    };
    let first = octets[0];
    while let Some(word) = words.next() {
        let value = words.next().and_then(|word| word.parse::<u16>().ok());
        let value = value.ok_or_else(|| format!("{word} N"))?;
        let low = value.to_be_bytes()[1];
        match word {
            "ihl" => octets[0] = octets[0] & 0xf0 | low & 0x0f,
            "version" => octets[0] = octets[0] & 0x0f | low << 4,
            "claim" => octets[2..4].copy_from_slice(&value.to_be_bytes()),
            "next" => octets[if first == 0x45 { 9 } else { 6 }] = low,
            // What follows the IPv6 header begins with it: the type of an ICMPv6 message.
            "icmp" => octets[40] = low,
            other => return Err(format!("`{other}`?")),
        }
    }
    if ether_type == 0x0800 {
        // A whole header that nobody can object to; what is odd about it stays odd.
        let sum: u32 = octets[..20]
            .chunks(2)
            .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
            .sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).map_err(|_| "folded")?;
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    Ok((ether_type, octets))
}

fn probe(words: &mut SplitWhitespace<'_>) -> Result<(u16, Vec<u8>), String> {
    let IpAddr::V6(target) = ip(words)? else {
        return Err("an IPv6 address".to_owned());
    };
    let [.., a, b, c] = target.octets();
    let mut octets = vec![0x60, 0, 0, 0, 0, 24, 58, 255];
    octets.extend([0; 16]);
    octets.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    octets.extend([135, 0, 0, 0, 0, 0, 0, 0]);
    octets.extend(target.octets());
    Ok((0x86dd, octets))
}

macro_rules! lower_with_children {
    ($mode:literal, $text:literal) => {
        concat!(
            "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 type ipvlan mode ",
            $mode,
            "
            ip link add link p1 name c2 type ipvlan mode ",
            $mode,
            "
            ip link add link p1 name c3 type ipvlan mode ",
            $mode,
            "
            ip addr add 10.0.0.1/24 dev c1
            ip addr add 10.0.0.2/24 dev c2
            ip addr add 10.0.0.3/24 dev c3
            ip link set c1 up
            ip link set c2 up
            ip link set c3 up
            ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev p1
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:0a dev p1
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:0b dev p1
            ",
            $text
        )
    };
}

/// The cases.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "61 62 M13 l2: the IP address decides, the station does not",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => c1/host
            p1: h9 > p1 ip 10.0.0.9 10.0.0.2 => c2/host
            p1: h9 > h7 ip 10.0.0.9 10.0.0.1 => c1/other
            p1: h9 > p1 ip 10.0.0.9 10.0.0.7 => p1@stack/host
            p1: h9 > h7 ip 10.0.0.9 10.0.0.7 => p1@stack/other
            p1: h9 > p1 => p1@stack/host
            p1: h9 > p1 type 88cc => p1@stack/host
            p1: h9 > p1 llc => p1@stack/host
            p1: h9 > p1 arp request 10.0.0.9 10.0.0.1 => c1/host
            p1: h9 > p1 arp reply 10.0.0.9 10.0.0.2 => c2/host
            p1: h9 > h7 arp reply 10.0.0.9 10.0.0.2 => c2/other
            p1: h9 > p1 arp reply 10.0.0.1 10.0.0.7 => p1@stack/host
            p1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2/host
            p1: h9 > zero ip 10.0.0.9 10.0.0.3 => c3/other
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => c1/host
            ip link set c1 down
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => p1@stack/host
            ip link set c1 up
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => c1/host
            ip addr del 10.0.0.1/24 dev c1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => p1@stack/host
            ip addr add 10.0.0.5 peer 10.0.0.6/32 dev c1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.5 => p1@stack/host
            p1: h9 > p1 ip 10.0.0.9 10.0.0.6 => c1/host
            ip addr add 10.0.0.2/24 dev p1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.2 => c2/host
            ip -j -s link show"
        ),
    },
    Case {
        name: "62 l2: IPv6, and solicitations by their target",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "ipv6 c1
            ipv6 c2
            ip addr add fd00::1/64 dev c1 nodad
            ip addr add fd00::2/64 dev c2 nodad
            p1: h9 > p1 ip fd00::9 fd00::1 => c1/host
            p1: h9 > p1 ip fd00::9 fd00::2 => c2/host
            p1: h9 > h7 ip fd00::9 fd00::2 => c2/other
            p1: h9 > p1 ip fd00::9 fd00::7 => p1@stack
            p1: h9 > p1 ip fd00::9 fd00::1 version 4 => p1@stack
            p1: h9 > p1 ip fd00::9 fd00::1 claim 0 => c1
            p1: h9 > p1 ip :: fd00::1 => c1
            p1: h9 > p1 ip :: fd00::1 next 58 icmp 133 => p1@stack
            p1: h9 > p1 ip :: fd00::1 next 58 icmp 128 => p1@stack
            p1: h9 > p1 ip fd00::9 fd00::1 next 58 icmp 133 => c1
            p1: h9 > p1 ip fd00::9 fd00::1 next 58 icmp 135 => c1
            p1: h9 > p1 probe fd00::1 => c1/host
            p1: h9 > p1 probe fd00::2 => c2/host
            p1: h9 > p1 probe fd00::7 => p1@stack/host
            c1: p1 > p1 ip fd00::1 fd00::2 => c2/host
            c1: p1 > p1 ip fd00::1 fd00::7 => p1@stack/host
            c1: p1 > h9 ip fd00::1 fd00::2 => p1
            ip link set c1 down
            p1: h9 > p1 ip fd00::9 fd00::1 => p1@stack
            ip link set c1 up
            p1: h9 > p1 ip fd00::9 fd00::1 => p1@stack"
        ),
    },
    Case {
        name: "63 l2 bridge: what a child sends",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2/host
            c1: p1 > p1 ip 10.0.0.1 10.0.0.1 => c1/host
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1@stack/host
            c1: p1 > p1 => p1@stack/host
            c1: p1 > p1 arp reply 10.0.0.1 10.0.0.2 => c2/host
            c1: p1 > p1 arp reply 10.0.0.1 10.0.0.9 => p1@stack/host
            c1: p1 > h9 ip 10.0.0.1 10.0.0.2 => p1
            c1: p1 > h9 => p1
            c1: h5 > p1 ip 10.0.0.1 10.0.0.2 => p1
            c1: h5 > h5 ip 10.0.0.1 10.0.0.2 => c2/other
            c1: h5 > h5 ip 10.0.0.1 10.0.0.9 => p1@stack/other
            c1: h5 > h5 => p1@stack/other
            c1: p1 > p1 8100:5 ip 10.0.0.1 10.0.0.2 => c2/other
            c1: p1 > h9 8100:5 ip 10.0.0.1 10.0.0.2 => p1
            c1: zero > zero ip 10.0.0.1 10.0.0.2 => c2/other
            p1@stack: p1 > p1 ip 10.0.0.7 10.0.0.2 => p1
            p1@stack: p1 > all => p1
            ip -j -s link show"
        ),
    },
    Case {
        name: "64 66 l2: groups, from children and from outside",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "p1: h9 > all => p1@stack/broadcast c1/broadcast c2/broadcast c3/broadcast
            p1: h9 > all arp request 10.0.0.9 10.0.0.1 => p1@stack c1 c2 c3
            p1: h9 > hosts => p1@stack/multicast c1/multicast c2/multicast c3/multicast
            c1: p1 > all => p1 c2/broadcast c3/broadcast
            c1: p1 > all arp request 10.0.0.1 10.0.0.2 => p1 c2 c3
            c1: p1 > hosts => p1 c2/multicast c3/multicast
            c1: h5 > all => p1 c2 c3
            bridge fdb add 01:00:5e:00:01:01 dev c2 self
            p1: h9 > m1
            c1: p1 > m1
            c2: p1 > m1
            ip link set c3 allmulticast on
            p1: h9 > m1
            c3: p1 > m1
            ip link set c3 allmulticast off
            ip link set c1 promisc on
            p1: h9 > m1
            p1: h9 > h7 => p1@stack/other
            p1: h9 > all type 8808 => p1@stack
            p1: h9 > ll01 type 8808
            c1: p1 > all type 8808 => -
            c1: p1 > h9 type 8808 => p1
            ip link set c2 down
            p1: h9 > all => p1@stack c1 c3
            c1: p1 > all => p1 c3
            c2: p1 > all => -
            ip -j link show"
        ),
    },
    Case {
        name: "64 l2 private: only unicast between children is barred",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2 private",
            "c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => -
            c1: p1 > p1 ip 10.0.0.1 10.0.0.1 => -
            c1: p1 > p1 arp reply 10.0.0.1 10.0.0.2 => -
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1@stack/host
            c1: p1 > p1 => p1@stack/host
            c1: p1 > all => p1 c2 c3
            c1: p1 > hosts => p1 c2 c3
            c1: p1 > h9 ip 10.0.0.1 10.0.0.2 => p1
            p1: h9 > p1 ip 10.0.0.1 10.0.0.2 => c2/host
            p1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2/host
            ip -j -s link show"
        ),
    },
    Case {
        name: "64 l2 vepa: unicast leaves, groups are spread all the same",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2 vepa",
            "c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => p1
            c1: p1 > p1 => p1
            c1: p1 > all => p1 c2 c3
            c1: p1 > hosts => p1 c2 c3
            c1: h5 > h5 => p1
            p1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2/host
            p1: p1 > all arp request 10.0.0.1 10.0.0.2 => p1@stack/broadcast
            ip -j -s link show"
        ),
    },
    Case {
        name: "65 l2: what comes back is the lower's alone",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "p1: p1 > all ip 10.0.0.1 10.0.0.255 => p1@stack/broadcast
            p1: p1 > all arp request 10.0.0.1 10.0.0.2 => p1@stack/broadcast
            p1: p1 > hosts ip 10.0.0.1 224.0.0.1 => p1@stack/multicast
            p1: p1 > all ip 10.0.0.8 10.0.0.255 => p1@stack c1 c2 c3
            p1: h9 > all ip 10.0.0.1 10.0.0.255 => p1@stack c1 c2 c3
            p1: p1 > all => p1@stack c1 c2 c3
            p1: p1 > all ip 10.0.0.1 10.0.0.255 claim 999 => p1@stack c1 c2 c3
            p1: p1 > all arp request 10.0.0.8 10.0.0.1 => p1@stack c1 c2 c3
            ip link set c1 down
            p1: p1 > all ip 10.0.0.1 10.0.0.255 => p1@stack c2 c3"
        ),
    },
    Case {
        name: "67 l2: malformed packets are the lower's",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "p1: h9 > p1 ip 10.0.0.9 10.0.0.1 ihl 4 => p1@stack
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 ihl 6 => c1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 ihl 9 => p1@stack
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 version 6 => p1@stack
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 claim 19 => p1@stack
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 claim 20 => c1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 claim 0 => p1@stack
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 claim 46 => c1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 claim 47 => p1@stack
            p1: h9 > p1 len 40 ip 10.0.0.9 10.0.0.1 claim 26 => c1
            p1: h9 > p1 len 40 ip 10.0.0.9 10.0.0.1 claim 27 => p1@stack
            p1: h9 > p1 len 34 ip 10.0.0.9 10.0.0.1 claim 20 => c1
            p1: h9 > p1 len 33 ip 10.0.0.9 10.0.0.1 claim 20 => p1@stack
            p1: h9 > p1 len 42 arp request 10.0.0.9 10.0.0.1 => c1
            p1: h9 > p1 len 41 arp request 10.0.0.9 10.0.0.1 => p1@stack
            p1: h9 > p1 len 14 type 0800 => p1@stack
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 claim 60 => c2
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 claim 61 => p1@stack
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 ihl 4 => p1@stack
            c1: p1 > p1 len 42 arp reply 10.0.0.1 10.0.0.2 => c2
            ip -j -s link show"
        ),
    },
    Case {
        name: "60 tags: VLAN devices come first, others are looked through",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "ip link add link p1 name p1.10 up type vlan id 10
            p1: h9 > p1 8100:10 ip 10.0.0.9 10.0.0.1 => p1.10/host
            p1: h9 > p1 8100:11 ip 10.0.0.9 10.0.0.1 => c1/other
            p1: h9 > p1 8100:0 ip 10.0.0.9 10.0.0.1 => c1/host
            p1: h9 > p1 8100:0 8100:10 ip 10.0.0.9 10.0.0.1 => p1.10/host
            p1: h9 > p1 8100:0 8100:11 ip 10.0.0.9 10.0.0.1 => p1@stack/other
            p1: h9 > p1 88a8:5 ip 10.0.0.9 10.0.0.1 => c1/other
            p1: h9 > all 8100:11 => p1@stack/other c1/other c2/other c3/other
            p1: h9 > all 8100:0 => p1@stack/broadcast c1/broadcast c2 c3
            p1: h9 > all 8100:10 => p1.10
            p1: h9 > all 8100:0 8100:11 => p1@stack/other c1/other c2 c3
            c1: p1 > all 8100:10 => p1 c2/other c3/other
            c1: p1 > p1 8100:10 ip 10.0.0.1 10.0.0.2 => p1.10/host
            c1: p1 > p1 8100:11 ip 10.0.0.1 10.0.0.2 => c2/other
            c1: p1 > p1 8100:10 len 18 => -
            ip -j -s link show"
        ),
    },
    Case {
        name: "sizes, and a lower that is down",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "p1: h9 > p1 len 3000 ip 10.0.0.9 10.0.0.1 => c1
            p1: h9 > all len 3000 => p1@stack c1 c2 c3
            ip link set c2 mtu 1000
            c1: p1 > p1 len 1018 ip 10.0.0.1 10.0.0.2 => c2
            c1: p1 > p1 len 1019 ip 10.0.0.1 10.0.0.2 => -
            c1: p1 > all len 1019 => p1 c3
            c1: p1 > all len 1018 => p1 c2 c3
            p1: h9 > p1 len 1500 ip 10.0.0.9 10.0.0.2 => c2
            c2: p1 > h9 len 1014 => p1
            c2: p1 > h9 len 1015 => -
            c2: p1 > h9 8100:5 len 1018 => p1
            ip link set p1 mtu 900
            c1: p1 > h9 len 914 => p1
            c1: p1 > h9 len 915 => -
            ip link set c1 mtu 1500
            c1: p1 > h9 len 1500 => p1
            c1: p1 > p1 len 918 => p1@stack
            c1: p1 > p1 len 919 => -
            ip link set p1 down
            c1: p1 > p1 => -
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2
            c1: p1 > all => c2 c3
            c1: p1 > h9 => -
            ip -j -s link show
            ip link set p1 up
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2
            unplug p1
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => -
            plug p1
            c1: p1 > all => p1 c2 c3
            ip -j -s link show"
        ),
    },
    Case {
        name: "a dummy below: it has carrier whether it is up or not",
        ports: 0,
        bridge: "",
        text: "
            ip link add d1 address 02:00:00:00:00:05 type dummy
            ip link add link d1 name c1 type ipvlan mode l2
            ip link add link d1 name c2 type ipvlan mode l2
            ip addr add 10.0.0.1/24 dev c1
            ip addr add 10.0.0.2/24 dev c2
            ip link set c1 up
            ip link set c2 up
            c1: h5 > h5 ip 10.0.0.1 10.0.0.2 => c2/host
            c1: h5 > all => c2/broadcast
            c1: h5 > h9 => -
            c1: h5 > h5 => -
            ip -j -s link show
            ip link set d1 up
            c1: h5 > h5 ip 10.0.0.1 10.0.0.2 => c2/host
            c1: h5 > all => c2/broadcast
            c1: h5 > h9 => -
            c1: h5 > h5 => d1/host
            ip link set d1 down
            c1: h5 > h5 ip 10.0.0.1 10.0.0.2 => c2/host
            c1: h5 > all => c2/broadcast
            ip -j -s link show",
    },
    Case {
        name: "M14 one handler: neither macvlan nor bridge port beside it",
        ports: 1,
        bridge: "",
        text: "
            ip link add link p1 name c9 type ipvlan mode l2
            ip tuntap add p8 mode tap
            ip link set p8 address 02:00:00:00:01:08 up
            ip link add link p8 name c1 type ipvlan mode l2
            ip link set p8 master br0
            ip link set c1 master br0
            ip link add link c1 name c1.5 type vlan id 5
            ip link add link c1 name c2 type ipvlan mode l2
            ip -j -d link show type ipvlan
            ip link set c1 up
            p8: h8 > all => p8@stack c1
            ip link del c1
            ip link set p8 master br0
            ip link set c2 up
            p8: h8 > all => p8@stack c2
            ip link del c2
            ip link set p8 master br0
            p8: h8 > all => p1 br0",
    },
    Case {
        name: "on a VLAN device of a trunk",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name p1.10 up type vlan id 10
            ip link add link p1 name p1.20 up type vlan id 20 reorder_hdr off
            ip link add link p1.10 name a1 type ipvlan mode l2
            ip link add link p1.10 name a2 type ipvlan mode l2
            ip link add link p1.20 name b1 type ipvlan mode l2
            ip addr add 10.0.0.1/24 dev a1
            ip addr add 10.0.0.2/24 dev a2
            ip addr add 10.0.0.1/24 dev b1
            ip link set a1 up
            ip link set a2 up
            ip link set b1 up
            p1: h9 > p1 8100:10 ip 10.0.0.9 10.0.0.1 => a1/host
            p1: h9 > p1 8100:10 ip 10.0.0.9 10.0.0.2 => a2/host
            p1: h9 > p1 8100:10 ip 10.0.0.9 10.0.0.7 => p1.10/host
            p1: h9 > p1 8100:20 ip 10.0.0.9 10.0.0.1 => b1/host
            p1: h9 > p1 8100:20 ip 10.0.0.9 10.0.0.7 => p1.20
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => p1@stack
            p1: h9 > all 8100:10 => p1.10 a1 a2
            p1: h9 > all 8100:20 => p1.20 b1
            p1: h9 > all 8100:20 arp request 10.0.0.9 10.0.0.1 => p1.20 b1
            p1: h9 > p1 8100:20 8100:5 ip 10.0.0.9 10.0.0.1 => b1/other
            p1: h9 > p1 8100:10 8100:5 ip 10.0.0.9 10.0.0.1 => a1/other
            p1: h9 > all 8100:20 8100:5 => p1.20 b1
            p1: h9 > p1 8100:20 8100:0 ip 10.0.0.9 10.0.0.1 => b1/host
            p1: p1 > all 8100:20 arp request 10.0.0.1 10.0.0.9 => p1.20
            a1: p1 > h9 ip 10.0.0.1 10.0.0.9 => p1
            b1: p1 > h9 ip 10.0.0.1 10.0.0.9 => p1
            b1: p1 > h9 8100:20 => p1
            a1: p1 > p1 ip 10.0.0.1 10.0.0.2 => a2/host
            a1: p1 > p1 => p1.10/host
            a1: p1 > all => p1 a2
            b1: p1 > p1 => p1.20/host
            ip -j -s link show",
    },
    Case {
        name: "by the stack of VLAN devices without reorder_hdr, whose headers have the tag",
        ports: 0,
        bridge: "",
        text: "
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name raw up type vlan id 10 reorder_hdr off
            ip link add link raw name raw.20 up type vlan id 20 reorder_hdr off
            ip link add link raw name raw.30 up type vlan id 30
            ip link add link p1 name p1.40 up type vlan id 40
            ip link add link p1.40 name p1.40.50 up type vlan id 50 reorder_hdr off
            ip link add link raw.20 name a1 type ipvlan mode l3
            ip link add link raw.30 name b1 type ipvlan mode l3
            ip link add link p1.40.50 name c1 type ipvlan mode l3
            ip link set a1 up
            ip link set b1 up
            ip link set c1 up
            ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev raw.20 nud permanent
            ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev raw.30 nud permanent
            ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev p1.40.50 nud permanent
            a1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            ip -j -s link show
            b1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            ip -j -s link show
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            ip -j -s link show",
    },
    Case {
        name: "IPv6 comes and goes with an MTU of the lower when somebody is told",
        ports: 0,
        bridge: "",
        text: "
            ip link add br0 address 02:00:00:00:00:b0 mtu 1200 type bridge mcast_snooping 0
            ip link add link br0 name c1 type ipvlan mode l3
            bridge -d -j fdb show
            ip -j -d link show type ipvlan
            ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name a1 type ipvlan mode l2
            ip link set a1 up
            ip link set p1 mtu 1200
            ip link set a1 mtu 1000
            ip link set p1 mtu 1500
            ip -j -d link show type ipvlan
            ip link set a1 type ipvlan mode l3
            ip -j -d link show type ipvlan
            ip link set p1 mtu 1200
            ip -j -d link show type ipvlan
            ip link set a1 down
            ip link set a1 up
            ip -j -d link show type ipvlan
            ip link set p1 mtu 1500
            ip -j -d link show type ipvlan
            ip link set a1 multicast off
            ip -j -d link show type ipvlan
            bridge -d -j fdb show",
    },
    Case {
        name: "on a bridge, whose ports are the wire",
        ports: 2,
        bridge: "",
        text: "
            ip link add link br0 name c1 type ipvlan mode l2
            ip link add link br0 name c2 type ipvlan mode l2
            ip addr add 10.0.0.1/24 dev c1
            ip addr add 10.0.0.2/24 dev c2
            ip link set c1 up
            ip link set c2 up
            p1: h1 > br0 ip 10.0.0.9 10.0.0.1 => c1/host
            p1: h1 > br0 ip 10.0.0.9 10.0.0.7 => br0/host
            p1: h1 > h9 ip 10.0.0.9 10.0.0.1 => p2
            p1: h1 > all arp request 10.0.0.9 10.0.0.1 => p2 br0 c1 c2
            c1: br0 > h1 ip 10.0.0.1 10.0.0.9 => p1
            c1: br0 > h9 ip 10.0.0.1 10.0.0.9 => p1 p2
            c1: br0 > all => p1 p2 c2
            c1: br0 > br0 ip 10.0.0.1 10.0.0.2 => c2
            c1: br0 > br0 => br0
            c1: br0 > h1 8100:5 => p1
            p1: h1 > br0 8100:5 ip 10.0.0.9 10.0.0.1 => c1/other
            ip link set br0 address 02:00:00:00:00:b7
            p1: h1 > br7 ip 10.0.0.9 10.0.0.1 => c1/host
            ip -j -s link show",
    },
    Case {
        name: "on a veth end whose other end is a port",
        ports: 2,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v2 master br0 up
            ip link set v1 up
            ip link add link v1 name c1 type ipvlan mode l2
            ip link add link v1 name c2 type ipvlan mode l2
            ip addr add 10.0.0.1/24 dev c1
            ip addr add 10.0.0.2/24 dev c2
            ip link set c1 up
            ip link set c2 up
            c1: v1 > all => p1 p2 br0 c2
            p1: h1 > v1 ip 10.0.0.9 10.0.0.1 => c1/host
            p1: h1 > v1 ip 10.0.0.9 10.0.0.7 => v1/host
            p1: h1 > all arp request 10.0.0.9 10.0.0.2 => p2 br0 v1 c1 c2
            c1: v1 > v1 ip 10.0.0.1 10.0.0.2 => c2/host
            c1: v1 > h1 ip 10.0.0.1 10.0.0.9 => p1
            p2: h2 > h7 ip 10.0.0.9 10.0.0.1 => p1 c1/other
            bridge link set dev v2 hairpin on
            c1: v1 > all arp request 10.0.0.1 10.0.0.2 => p1 p2 br0 c2 v1
            c1: v1 > all => p1 p2 br0 c2 v1 c1 c2
            ip link set c1 type ipvlan vepa
            c1: v1 > v1 ip 10.0.0.1 10.0.0.2 => c2/host
            ip link set v2 mtu 1000
            c1: v1 > h1 len 1018 => p1
            c1: v1 > h1 len 1019 => -
            c1: v1 > all len 1019 => c2
            ip link set v2 down
            c1: v1 > all => -
            ip -j -s link show
            ip -j -d link show type ipvlan",
    },
    Case {
        name: "both ends of a veth pair",
        ports: 0,
        bridge: "",
        text: "
            ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02
            ip link set v1 up
            ip link set v2 up
            ip link add link v1 name a1 type ipvlan mode l2
            ip link add link v2 name b1 type ipvlan mode l2
            ip link add link v2 name b2 type ipvlan mode l2
            ip addr add 10.0.0.1/24 dev a1
            ip addr add 10.0.0.2/24 dev b1
            ip addr add 10.0.0.3/24 dev b2
            ip link set a1 up
            ip link set b1 up
            ip link set b2 up
            a1: v1 > v2 ip 10.0.0.1 10.0.0.2 => b1/host
            a1: v1 > v2 ip 10.0.0.1 10.0.0.9 => v2/host
            a1: v1 > all arp request 10.0.0.1 10.0.0.2 => v2 b1 b2
            b1: v2 > v1 arp reply 10.0.0.2 10.0.0.1 => a1/host
            b1: v2 > all => v1 a1 b2
            ip neigh add 10.0.0.1 lladdr 02:00:00:00:02:01 dev v2
            ip link set b1 type ipvlan mode l3
            b1: v2 > v2 ip 10.0.0.2 10.0.0.1 => a1/host
            ip -j -s link show",
    },
    Case {
        name: "l3: packets only, by the stack below",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l3",
            "p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => c1/host
            p1: h9 > h7 ip 10.0.0.9 10.0.0.1 => c1/other
            p1: h9 > p1 ip 10.0.0.9 10.0.0.7 => p1@stack/host
            p1: h9 > p1 arp request 10.0.0.9 10.0.0.1 => c1/host
            p1: h9 > all arp request 10.0.0.9 10.0.0.1 => c1/broadcast
            p1: h9 > all arp request 10.0.0.9 10.0.0.7 => p1@stack/broadcast
            p1: h9 > all => p1@stack/broadcast
            p1: h9 > hosts => p1@stack/multicast
            p1: h9 > all ip 10.0.0.9 10.0.0.2 => c2/broadcast
            p1: h9 > p1 => p1@stack/host
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2/host
            c1: p1 > h7 ip 10.0.0.1 10.0.0.2 => c2/other
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            c1: p1 > h7 ip 10.0.0.1 10.0.0.9 => p1
            c1: h5 > h7 ip 10.0.0.7 10.0.0.9 => p1
            c1: p1 > p1 len 34 ip 10.0.0.1 10.0.0.9 claim 20 => p1
            c1: p1 > p1 len 200 ip 10.0.0.1 10.0.0.9 claim 30 => p1
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 ihl 6 => p1
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 claim 999 => p1
            c1: p1 > p1 ip 224.0.0.1 10.0.0.9 => -
            c1: p1 > p1 ip 127.0.0.1 10.0.0.9 => -
            c1: p1 > p1 ip 0.0.0.0 10.0.0.9 => p1
            c1: p1 > p1 ip 10.0.0.1 224.0.0.1 => -
            c1: p1 > p1 ip 10.0.0.1 255.255.255.255 => -
            c1: p1 > all ip 10.0.0.1 10.0.0.9 => -
            c1: p1 > all ip 10.0.0.1 10.0.0.2 => c2/broadcast
            c1: p1 > hosts ip 10.0.0.1 224.0.0.1 => -
            c1: p1 > p1 => -
            c1: p1 > h9 => -
            c1: p1 > p1 arp request 10.0.0.1 10.0.0.2 => c2/host
            c1: p1 > all arp request 10.0.0.1 10.0.0.2 => c2/broadcast
            c1: p1 > p1 arp request 10.0.0.1 10.0.0.9 => -
            c1: p1 > p1 8100:5 ip 10.0.0.1 10.0.0.2 => -
            c1: p1 > p1 len 1500 ip 10.0.0.1 10.0.0.9 => p1
            ip -j -s link show
            ip link set p1 down
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => -
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2
            ip -j -s link show"
        ),
    },
    Case {
        name: "l3 with an address below: subnets' broadcast addresses",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l3",
            "ip addr add 10.0.0.254/24 dev p1
            ip neigh add 192.168.9.9 lladdr 02:00:00:00:00:09 dev p1
            c1: p1 > p1 ip 10.0.0.1 10.0.0.255 => -
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            c1: p1 > p1 ip 10.0.0.1 192.168.9.9 => p1
            ip link set p1 arp off
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            ip -j -s link show"
        ),
    },
    Case {
        name: "l3 private and l3 vepa",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l3 private",
            "c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => -
            c1: p1 > p1 ip 10.0.0.1 10.0.0.9 => p1
            p1: h9 > p1 ip 10.0.0.9 10.0.0.2 => c2
            ip link set c2 type ipvlan vepa
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => p1
            c1: p1 > p1 ip 10.0.0.1 10.0.0.1 => p1
            c1: p1 > p1 arp request 10.0.0.1 10.0.0.2 => -
            p1: h9 > p1 ip 10.0.0.9 10.0.0.2 => c2
            ip link set c2 type ipvlan bridge
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => c2
            ip -j -s link show
            ip -j -d link show type ipvlan"
        ),
    },
    Case {
        name: "l3: IPv6 in a subnet of the lower",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l3",
            "ipv6 p1
            ipv6 c1
            ipv6 c2
            ip addr add fd00::fe/64 dev p1 nodad
            ip addr add fd00::1/128 dev c1 nodad
            ip addr add fd00::2/128 dev c2 nodad
            ip neigh add fd00::9 lladdr 02:00:00:00:00:09 dev p1
            ip neigh add fd99::9 lladdr 02:00:00:00:00:09 dev p1
            p1: h9 > p1 ip fd00::9 fd00::1 => c1/host
            c1: p1 > p1 ip fd00::1 fd00::2 => c2/host
            c1: p1 > p1 ip fd00::1 fd00::9 => p1
            c1: p1 > p1 ip fd00::1 fd00::9 claim 7 => p1
            c1: p1 > p1 ip fd00::1 fd99::9 => -"
        ),
    },
    Case {
        name: "the mode changes for all, and with it what they do",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "c1: p1 > p1 => p1@stack
            ip link set c2 type ipvlan mode l3
            c1: p1 > p1 => -
            ip -j -d link show
            ip link add link p1 name c4 type ipvlan mode l2 vepa
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => p1
            ip link add link p1 name c5 type ipvlan
            c1: p1 > p1 ip 10.0.0.1 10.0.0.2 => p1
            c1: p1 > all => -
            ip link set c5 type ipvlan mode l2
            c1: p1 > all => p1 c2 c3
            ip -j -d link show
            ip -j -s link show"
        ),
    },
    Case {
        name: "addresses of the lower go to all, up or not",
        ports: 0,
        bridge: "",
        text: lower_with_children!(
            "l2",
            "ip link set c3 down
            ip link set p1 address 02:00:00:00:00:05
            p1: h9 > h5 ip 10.0.0.9 10.0.0.1 => c1/host
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1 => c1/other
            c1: h5 > h5 ip 10.0.0.1 10.0.0.2 => c2/host
            p1: h5 > all arp request 10.0.0.1 10.0.0.2 => p1@stack
            ip link set c1 address 02:00:00:00:00:06
            ip -j link show"
        ),
    },
];
