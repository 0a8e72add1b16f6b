//! Golden test: records built by hand, against what the real `ip` and `bridge` printed for that state.

use std::fmt::Write;

use super::record::{
    AddrGenMode, AddrRecord, BridgeId, BridgeInfo, FdbRecord, KindInfo, LinkRecord, LinkStats,
    McastInfo, NetnsRecord, OperState, PortInfo, Queues, Scope, TapInfo, addr_flags, fdb_flags,
    fdb_state, link_flags as f,
};
use crate::iproute::command::{FdbFilter, FdbShowState, Format, LinkFilter};
use crate::wire::MacAddr;

const GOLDEN: &str = include_str!("golden.txt");

#[test]
fn prints_what_iproute2_prints() {
    let mut capture = Capture::default();
    let mut blocks = 0;
    let mut wrong = String::new();
    for block in GOLDEN.split("\n$ ").skip(1) {
        let (command, rest) = block.split_once('\n').expect("a command's line ends");
        // The output ends with its status; behind that stand the settings for the next command.
        let end = rest.rfind("\n[").map_or(0, |at| at + 1);
        let (output, tail) = rest.split_at(end);
        let (status, settings) = tail.split_once(']').expect("a status");
        let (got, got_status) = capture.run(command);
        if got != output || format!("[{got_status}") != status {
            let differs = |(want, got): &(&str, &str)| want != got;
            let lines = output.lines().zip(got.lines()).find(differs);
            let lengths = (output.lines().count(), got.lines().count());
            let _ = writeln!(
                wrong,
                "$ {command}: {status}] and [{got_status}], {lengths:?} lines, {lines:#?}"
            );
        }
        capture.set(settings);
        blocks += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(blocks > 190, "only {blocks} commands were read");
}

/// The state that was captured, and what has changed in it since.
#[derive(Debug, Default)]
struct Capture {
    gc_timers: Vec<u64>,
    ages: Vec<(u64, u64)>,
}

impl Capture {
    fn set(&mut self, settings: &str) {
        for line in settings.lines() {
            if let Some(timers) = line.strip_prefix("@ gc_timer ") {
                let number = |t: &str| t.replace('.', "").parse().expect("a timer");
                self.gc_timers = timers.split(' ').map(number).collect();
            } else if let Some(ages) = line.strip_prefix("@ ages ") {
                let number = |t: &str| t.parse().expect("an age");
                let pair = |t: &str| t.split_once('/').map(|(a, b)| (number(a), number(b)));
                self.ages = ages
                    .split(' ')
                    .map(|t| pair(t).expect("two ages"))
                    .collect();
            }
        }
    }

    /// Runs a command of the capture: its output, both streams together, and its status.
    fn run(&self, command: &str) -> (String, u8) {
        let mut words = command.split(' ').peekable();
        let program = words.next().expect("a program");
        let mut format = Format::default();
        let mut ns = "";
        while let Some(option) = words.next_if(|word| word.starts_with('-')) {
            match option {
                "-j" => format.json = true,
                "-p" => format.pretty = true,
                "-d" => format.details = true,
                "-s" => format.statistics += 1,
                "-o" => format.oneline = true,
                "-br" => format.brief = true,
                "-n" => ns = words.next().expect("a namespace"),
                other => panic!("option {other}"),
            }
        }
        let object = words.next().expect("an object");
        let verb = words.next().unwrap_or("show");
        let rest: Vec<&str> = words.collect();
        let (links, addrs, netns) = match ns {
            "" => (self.links(), addrs(), netns(true)),
            "h1" => (h1_links(), h1_addrs(), netns(false)),
            other => panic!("namespace {other}"),
        };
        let result = match (program, object, verb) {
            ("ip", "netns", "list") => Ok(super::netns(&netns, format)),
            ("ip", "link", "show") => super::link(&links, &netns, &link_filter(&rest), format),
            ("ip", "addr", "show") => {
                super::addr(&links, &addrs, &netns, &link_filter(&rest), format)
            }
            ("bridge", "link", "show") => super::bridge_link(&links, &link_filter(&rest), format),
            ("bridge", "fdb", "show") => {
                let filter = fdb_filter(&rest);
                let mut fdb = fdb();
                self.set_ages(&mut fdb, |entry| entry.master.is_some());
                super::fdb(&links, &fdb, &filter, format)
            }
            ("bridge", "fdb", "get") => {
                let wanted = mac(rest[0]);
                let vlan = rest
                    .windows(2)
                    .find(|w| w[0] == "vlan")
                    .map(|w| w[1].parse().expect("a VID"));
                let mut fdb = fdb();
                fdb.retain(|entry| entry.mac == wanted && entry.vlan == vlan);
                self.set_ages(&mut fdb, |_| true);
                Ok(super::fdb_get(
                    &links,
                    &fdb[0],
                    rest.contains(&"dynamic"),
                    format,
                ))
            }
            _ => panic!("command {command}"),
        };
        match result {
            Ok(text) => (text, 0),
            Err(error) => (format!("{error}\n"), error.status()),
        }
    }

    fn set_ages(&self, fdb: &mut [FdbRecord], printed: impl Fn(&FdbRecord) -> bool) {
        let ages = self.ages.iter().copied();
        for (entry, ages) in fdb.iter_mut().filter(|entry| printed(entry)).zip(ages) {
            entry.ages = Some(ages);
        }
    }

    fn links(&self) -> Vec<LinkRecord> {
        let gc = |n: usize| self.gc_timers.get(n).copied().unwrap_or_default();
        let bridge_0 = BridgeId {
            priority: 0x8000,
            address: mac("02:74:61:70:00:01"),
        };
        let bridge_1 = BridgeId {
            priority: 0x1000,
            address: mac("02:74:61:70:00:11"),
        };
        vec![
            loopback(),
            LinkRecord {
                kind: Some(KindInfo::Bridge(Box::new(bridge(bridge_0, gc(0))))),
                stats: stats(16, 1096, 13, 12, 1028, 2),
                ..up(link(3, "br0", "02:74:61:70:00:01"))
            },
            LinkRecord {
                kind: Some(KindInfo::Bridge(Box::new(BridgeInfo {
                    forward_delay: 400,
                    hello_time: 100,
                    max_age: 600,
                    ageing_time: 1000,
                    stp_state: 1,
                    priority: 4096,
                    group_fwd_mask: 0x4008,
                    group_addr: mac("01:80:c2:00:00:0d"),
                    no_linklocal_learn: true,
                    mcast_snooping: true,
                    ..bridge(bridge_1, gc(1))
                }))),
                stats: stats(0, 0, 0, 0, 0, 1),
                ..link(4, "br1", "02:74:61:70:00:11")
            },
            LinkRecord {
                master: Some(3),
                link_netnsid: Some(0),
                promiscuity: 1,
                allmulti: 1,
                port: Some(Box::new(port(1, bridge_0, 3))),
                stats: stats(11, 894, 0, 24, 2024, 2),
                ..up(veth(5, "p1", "02:74:61:70:00:03", 2))
            },
            LinkRecord {
                master: Some(3),
                link_netnsid: Some(1),
                promiscuity: 1,
                allmulti: 1,
                port: Some(Box::new(every_flag_changed(port(2, bridge_0, 0)))),
                stats: stats(8, 656, 0, 16, 1396, 2),
                ..up(veth(6, "p2", "02:74:61:70:00:05", 2))
            },
            LinkRecord {
                flags: f::BROADCAST | f::NOARP | f::ALLMULTI,
                txqlen: 0,
                allmulti: 1,
                stats: stats(0, 0, 0, 0, 0, 1),
                ..veth(7, "v2", "02:74:61:70:00:07", 8)
            },
            LinkRecord {
                flags: f::UP | f::BROADCAST | f::MULTICAST | f::PROMISC,
                mtu: 1400,
                qdisc: "noqueue".to_owned(),
                operstate: OperState::LowerLayerDown,
                promiscuity: 1,
                stats: stats(0, 0, 0, 0, 0, 1),
                ..veth(8, "v1", "02:74:61:70:00:06", 7)
            },
            LinkRecord {
                flags: f::BROADCAST | f::NOARP,
                master: Some(4),
                promiscuity: 1,
                allmulti: 1,
                min_mtu: 0,
                max_mtu: 0,
                kind: Some(KindInfo::Dummy),
                port: Some(Box::new(PortInfo {
                    cost: 100,
                    ..port(1, bridge_1, 0)
                })),
                alias: Some(r#"my "dummy" \ 2"#.to_owned()),
                ..link(9, "d0", "02:74:61:70:00:08")
            },
            LinkRecord {
                flags: f::UP | f::BROADCAST | f::MULTICAST,
                qdisc: "fq_codel".to_owned(),
                master: Some(3),
                promiscuity: 1,
                allmulti: 1,
                port: Some(Box::new(PortInfo {
                    proxy_arp: true,
                    proxy_arp_wifi: true,
                    multicast_router: 2,
                    group_fwd_mask: 0x4009,
                    ..port(3, bridge_0, 0)
                })),
                stats: stats(0, 0, 0, 0, 0, 1),
                ..tap(10, "t0", "02:74:61:70:00:09")
            },
            LinkRecord {
                stats: stats(0, 0, 0, 0, 0, 1),
                kind: Some(KindInfo::Tap(TapInfo {
                    pi: false,
                    vnet_hdr: true,
                    multi_queue: Some((0, 0)),
                    persist: true,
                })),
                queues: Queues {
                    tx: 256,
                    rx: 256,
                    ..Queues::default()
                },
                ..tap(11, "t1", "02:74:61:70:00:0a")
            },
        ]
    }
}

fn mac(text: &str) -> MacAddr {
    text.parse().expect("a MAC address")
}

fn stats(
    rx_packets: u64,
    rx_bytes: u64,
    multicast: u64,
    tx_packets: u64,
    tx_bytes: u64,
    carrier_changes: u32,
) -> LinkStats {
    LinkStats {
        rx_packets,
        rx_bytes,
        multicast,
        tx_packets,
        tx_bytes,
        carrier_changes,
        ..LinkStats::default()
    }
}

/// A netdev as it is made: down.
pub(super) fn link(ifindex: u32, name: &str, address: &str) -> LinkRecord {
    LinkRecord {
        ifindex,
        name: name.to_owned(),
        flags: f::BROADCAST | f::MULTICAST,
        mtu: 1500,
        qdisc: "noop".to_owned(),
        master: None,
        operstate: OperState::Down,
        txqlen: 1000,
        address: mac(address),
        perm_address: None,
        link: None,
        link_netnsid: None,
        promiscuity: 0,
        allmulti: 0,
        min_mtu: 68,
        max_mtu: 65535,
        kind: None,
        port: None,
        addr_gen_mode: Some(AddrGenMode::Eui64),
        queues: Queues::default(),
        alias: None,
        stats: LinkStats::default(),
    }
}

fn up(link: LinkRecord) -> LinkRecord {
    LinkRecord {
        flags: link.flags | f::UP | f::RUNNING | f::LOWER_UP,
        qdisc: "noqueue".to_owned(),
        operstate: OperState::Up,
        ..link
    }
}

pub(super) fn loopback() -> LinkRecord {
    LinkRecord {
        flags: f::LOOPBACK | f::UP | f::RUNNING | f::LOWER_UP,
        mtu: 65536,
        qdisc: "noqueue".to_owned(),
        operstate: OperState::Unknown,
        min_mtu: 0,
        max_mtu: 0,
        queues: Queues {
            tso_max_size: 524_280,
            ..Queues::default()
        },
        ..link(1, "lo", "00:00:00:00:00:00")
    }
}

fn veth(ifindex: u32, name: &str, address: &str, peer: u32) -> LinkRecord {
    LinkRecord {
        link: Some(peer),
        kind: Some(KindInfo::Veth),
        queues: Queues {
            tso_max_size: 524_280,
            ..Queues::default()
        },
        ..link(ifindex, name, address)
    }
}

fn tap(ifindex: u32, name: &str, address: &str) -> LinkRecord {
    LinkRecord {
        max_mtu: 65521,
        kind: Some(KindInfo::Tap(TapInfo {
            pi: false,
            vnet_hdr: false,
            multi_queue: None,
            persist: true,
        })),
        ..link(ifindex, name, address)
    }
}

pub(super) fn bridge(bridge_id: BridgeId, gc_timer: u64) -> BridgeInfo {
    BridgeInfo {
        forward_delay: 1500,
        hello_time: 200,
        max_age: 2000,
        ageing_time: 30000,
        stp_state: 0,
        priority: 32768,
        vlan_filtering: false,
        bridge_id,
        root_port: 0,
        root_path_cost: 0,
        topology_change: false,
        topology_change_detected: false,
        hello_timer: 0,
        tcn_timer: 0,
        topology_change_timer: 0,
        gc_timer,
        vlan_protocol: 0x8100,
        vlan_default_pvid: 1,
        vlan_stats_enabled: false,
        vlan_stats_per_port: false,
        group_fwd_mask: 0,
        group_addr: MacAddr::BRIDGE_GROUP,
        no_linklocal_learn: false,
        mcast_snooping: false,
        mcast: McastInfo::default(),
    }
}

pub(super) fn port(no: u16, bridge: BridgeId, state: u8) -> PortInfo {
    PortInfo {
        state,
        priority: 32,
        cost: 2,
        hairpin: false,
        guard: false,
        root_block: false,
        fastleave: false,
        learning: true,
        flood: true,
        id: 0x8000 | no,
        no,
        designated_port: 0x8000 | no,
        designated_cost: 0,
        designated_bridge: bridge,
        designated_root: bridge,
        hold_timer: 0,
        message_age_timer: 0,
        forward_delay_timer: 0,
        topology_change_ack: false,
        config_pending: false,
        proxy_arp: false,
        proxy_arp_wifi: false,
        multicast_router: 1,
        mcast_flood: true,
        bcast_flood: true,
        mcast_to_unicast: false,
        neigh_suppress: false,
        group_fwd_mask: 0,
        vlan_tunnel: false,
        isolated: false,
        locked: false,
        backup_port: None,
    }
}

fn every_flag_changed(port: PortInfo) -> PortInfo {
    PortInfo {
        priority: 3,
        cost: 7,
        hairpin: true,
        guard: true,
        root_block: true,
        fastleave: true,
        learning: false,
        flood: false,
        id: 0xc02,
        designated_port: 0xc02,
        mcast_flood: false,
        bcast_flood: false,
        mcast_to_unicast: true,
        neigh_suppress: true,
        isolated: true,
        locked: true,
        backup_port: Some(5),
        ..port
    }
}

fn h1_links() -> Vec<LinkRecord> {
    let eth0 = LinkRecord {
        link_netnsid: Some(0),
        ..up(veth(2, "eth0", "02:74:61:70:00:02", 5))
    };
    vec![loopback(), eth0]
}

fn addr(ifindex: u32, local: &str, prefix: u8, label: &str) -> AddrRecord {
    AddrRecord {
        ifindex,
        local: local.parse().expect("an address"),
        peer: None,
        prefix,
        broadcast: None,
        scope: Scope::Global,
        flags: addr_flags::PERMANENT,
        label: (!label.is_empty()).then(|| label.to_owned()),
    }
}

fn link_local(ifindex: u32, local: &str) -> AddrRecord {
    AddrRecord {
        scope: Scope::Link,
        ..addr(ifindex, local, 64, "")
    }
}

fn loopback_addrs() -> [AddrRecord; 2] {
    [
        AddrRecord {
            scope: Scope::Host,
            ..addr(1, "127.0.0.1", 8, "lo")
        },
        AddrRecord {
            scope: Scope::Host,
            ..addr(1, "::1", 128, "")
        },
    ]
}

fn addrs() -> Vec<AddrRecord> {
    let broadcast = Some("10.9.0.255".parse().expect("an address"));
    let second = addr_flags::PERMANENT | addr_flags::SECONDARY;
    let quiet = addr_flags::PERMANENT | addr_flags::NODAD | addr_flags::NOPREFIXROUTE;
    let mut addrs = Vec::from(loopback_addrs());
    addrs.extend([
        addr(3, "10.0.0.254", 24, "br0"),
        AddrRecord {
            flags: quiet,
            ..addr(3, "fd00::1", 64, "")
        },
        link_local(3, "fe80::74:61ff:fe70:1"),
        link_local(5, "fe80::74:61ff:fe70:3"),
        link_local(6, "fe80::74:61ff:fe70:5"),
        addr(7, "10.9.0.1", 32, "v2"),
        AddrRecord {
            broadcast,
            ..addr(7, "10.9.0.2", 24, "v2")
        },
        AddrRecord {
            broadcast,
            flags: second,
            ..addr(7, "10.9.0.3", 24, "v2")
        },
    ]);
    addrs
}

fn h1_addrs() -> Vec<AddrRecord> {
    let mut addrs = Vec::from(loopback_addrs());
    addrs.extend([
        addr(2, "10.0.0.1", 24, "eth0"),
        link_local(2, "fe80::74:61ff:fe70:2"),
    ]);
    addrs
}

fn netns(ids: bool) -> Vec<NetnsRecord> {
    let netns = |name: &str, id| NetnsRecord {
        name: name.to_owned(),
        id: ids.then_some(id),
    };
    vec![netns("h2", 1), netns("h1", 0)]
}

/// Entries in the kernel's order; of a pair, the one in VLAN 1 first.
fn fdb() -> Vec<FdbRecord> {
    use fdb_state::{NOARP, PERMANENT, REACHABLE};
    let mut fdb = Vec::new();
    let mut own = |ifindex: u32, macs: &[&str]| {
        for text in macs {
            fdb.push(FdbRecord {
                mac: mac(text),
                ifindex,
                vlan: None,
                master: None,
                flags: fdb_flags::SELF,
                state: PERMANENT,
                ages: None,
                endpoint: None,
            });
        }
    };
    let all_4 = "01:00:5e:00:00:01";
    let all_6 = "33:33:00:00:00:01";
    own(3, &[all_6, all_4, "33:33:ff:70:00:01", "33:33:ff:00:00:01"]);
    own(4, &[all_6]);
    own(5, &[all_6, all_4, "33:33:ff:70:00:03"]);
    own(6, &[all_6, all_4, "33:33:ff:70:00:05"]);
    own(7, &[all_6]);
    own(8, &[all_6, all_4]);
    own(9, &["02:00:00:00:00:09", all_6]);
    own(10, &[all_6, all_4]);
    own(11, &[all_6]);
    let mut entries = Vec::new();
    let mut on_bridge = |ifindex, master, text: &str, state, flags, in_vlan_1| {
        let entry = FdbRecord {
            mac: mac(text),
            ifindex,
            vlan: None,
            master: Some(master),
            flags,
            state,
            ages: Some((0, 0)),
            endpoint: None,
        };
        if in_vlan_1 {
            entries.push(FdbRecord {
                vlan: Some(1),
                ..entry
            });
        }
        entries.push(entry);
    };
    on_bridge(3, 3, "02:00:00:00:00:08", PERMANENT, 0, true);
    on_bridge(3, 3, "02:74:61:70:00:01", PERMANENT, 0, true);
    on_bridge(4, 4, "02:74:61:70:00:11", PERMANENT, 0, true);
    on_bridge(5, 3, "02:00:00:00:00:03", REACHABLE, 0, true);
    on_bridge(5, 3, "02:00:00:00:00:02", PERMANENT, 0, true);
    on_bridge(5, 3, "02:00:00:00:00:01", NOARP, 0, true);
    on_bridge(5, 3, "02:74:61:70:00:02", REACHABLE, 0, false);
    on_bridge(5, 3, "02:74:61:70:00:03", PERMANENT, 0, true);
    on_bridge(
        6,
        3,
        "02:00:00:00:00:05",
        REACHABLE,
        fdb_flags::EXT_LEARNED,
        true,
    );
    on_bridge(6, 3, "02:00:00:00:00:04", NOARP, fdb_flags::STICKY, true);
    on_bridge(6, 3, "02:74:61:70:00:04", REACHABLE, 0, false);
    on_bridge(6, 3, "02:74:61:70:00:05", PERMANENT, 0, true);
    on_bridge(9, 4, "02:74:61:70:00:08", PERMANENT, 0, true);
    on_bridge(10, 3, "02:74:61:70:00:09", PERMANENT, 0, true);
    // A bridge's own list comes before its entries, a port's after them.
    let is_bridge = |ifindex| ifindex == 3 || ifindex == 4;
    let place = |entry: &FdbRecord| {
        (
            entry.ifindex,
            entry.master.is_some() == is_bridge(entry.ifindex),
        )
    };
    fdb.extend(entries);
    fdb.sort_by_key(place);
    fdb
}

fn link_filter(words: &[&str]) -> LinkFilter {
    let mut filter = LinkFilter::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map(|word| (*word).to_owned());
        match *word {
            "dev" => filter.dev = value(),
            "master" => filter.master = value(),
            "type" => filter.kind = value(),
            "up" => filter.up = true,
            name => filter.dev = Some(name.to_owned()),
        }
    }
    filter
}

fn fdb_filter(words: &[&str]) -> FdbFilter {
    let mut filter = FdbFilter::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value");
        match word {
            "br" => filter.br = Some(value().to_owned()),
            "dev" | "brport" => filter.dev = Some(value().to_owned()),
            "vlan" => filter.vlan = Some(value().parse().expect("a VID")),
            "dynamic" => filter.dynamic = true,
            "state" => {
                filter.state = Some(match value() {
                    "permanent" => FdbShowState::Permanent,
                    "static" => FdbShowState::Static,
                    "stale" => FdbShowState::Stale,
                    "reachable" => FdbShowState::Reachable,
                    other => panic!("state {other}"),
                });
            }
            other => panic!("filter {other}"),
        }
    }
    filter
}
