//! Traffic for the benches: frames in one arena, random stations from a fixed seed.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use etherparse::{IpNumber, Ipv4Header};
use tapswitch::control::Control;
use tapswitch::iproute::command::Command;
use tapswitch::iproute::script::Script;
use tapswitch::switch::Counters;
use tapswitch::switch::ipvlan::{Hearers, IpvlanMode, Owner, Owners};
use tapswitch::switch::macvlan::{self, Filter, Mode, PlanMacvlan, PlanMacvlanPort};
use tapswitch::switch::mdb::{
    Context, Family, Group, GroupKey, Mdb, MemberCopy, Members, PlanMulticast,
};
use tapswitch::switch::plan::{FloodSets, PortState};
use tapswitch::switch::{
    AttachmentId, Fdb, NetdevId, Plan, PlanAlarm, PlanAttachment, PlanBridge, PlanIpvlan,
    PlanIpvlanChild, PlanNetdev, PlanPort, PlanVlan, PlanVlans, PortNo, PortSet, Receive, Side,
    Transmit,
};
use tapswitch::time::Instant;
use tapswitch::wire::{Envelope, MacAddr, Tag, TagType, Vid, Vxlan};

/// Frames laid out back to back, as a capture in memory is.
#[derive(Debug)]
pub struct Traffic {
    octets: Vec<u8>,
    len: usize,
}

/// A small generator with a fixed seed (SplitMix64), so that every run sees the same traffic.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The address of the n-th station.
pub const fn station(n: u64) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0000 | n)
}

impl Traffic {
    /// Frames between random pairs of `stations` stations.
    pub fn random(stations: u64, frames: usize, len: usize, ether_type: u16) -> Self {
        let mut random = Random(1);
        Self::between(frames, len, ether_type, |_| {
            (
                station(random.below(stations)),
                station(random.below(stations)),
            )
        })
    }

    /// Frames whose (destination, source) a function chooses.
    pub fn between(
        frames: usize,
        len: usize,
        ether_type: u16,
        mut pair: impl FnMut(usize) -> (MacAddr, MacAddr),
    ) -> Self {
        let mut octets = vec![0; frames * len];
        for (index, frame) in octets.chunks_exact_mut(len).enumerate() {
            let (destination, source) = pair(index);
            frame[..6].copy_from_slice(&destination.octets());
            frame[6..12].copy_from_slice(&source.octets());
            frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
        }
        Self { octets, len }
    }

    /// Makes every frame an IPv4 datagram, whose (source, destination) a function chooses. The checksum is
    /// right.
    pub fn datagrams(&mut self, mut pair: impl FnMut(usize) -> (Ipv4Addr, Ipv4Addr)) {
        let room = u16::try_from(self.len - 34).expect("a frame is that long");
        for (n, frame) in self.octets.chunks_exact_mut(self.len).enumerate() {
            let (source, destination) = pair(n);
            let (source, destination) = (source.octets(), destination.octets());
            let mut header = Ipv4Header::new(room, 64, IpNumber::UDP, source, destination)
                .expect("a frame has room");
            header.header_checksum = header.calc_header_checksum();
            frame[12..14].copy_from_slice(&[8, 0]);
            frame[14..34].copy_from_slice(&header.to_bytes());
        }
    }

    /// Gives every frame a tag, in place of the first octets behind its addresses.
    pub fn tag(&mut self, vid: Vid) {
        let tag = Tag::new(TagType::Dot1Q, vid).octets();
        for frame in self.octets.chunks_exact_mut(self.len) {
            frame[12..16].copy_from_slice(&tag);
            frame[16..18].copy_from_slice(&[8, 0]);
        }
    }

    /// Datagrams to groups 239.1.0.0 and up, `groups` of them, in turn, from station 0. Checksums are right.
    pub fn to_groups(frames: usize, len: usize, groups: u8) -> Self {
        let group = |n: usize| {
            Ipv4Addr::new(
                239,
                1,
                0,
                u8::try_from(n % usize::from(groups)).unwrap_or(0),
            )
        };
        let mut traffic = Self::between(frames, len, 0x0800, |n| {
            (MacAddr::of_ipv4_group(group(n)), station(0))
        });
        for (n, frame) in traffic.octets.chunks_exact_mut(len).enumerate() {
            let total = u16::try_from(len - 14).unwrap_or(u16::MAX);
            let mut header = Ipv4Header::new(
                total - 20,
                8,
                IpNumber::UDP,
                [10, 0, 0, 9],
                group(n).octets(),
            )
            .expect("a frame has room");
            header.header_checksum = header.calc_header_checksum();
            frame[14..34].copy_from_slice(&header.to_bytes());
        }
        traffic
    }

    pub fn len(&self) -> usize {
        self.octets.len() / self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.octets.chunks_exact(self.len)
    }
}

/// Switches VLAN filtering on: every port is a member of one VLAN, its PVID, tagged or not.
pub fn filter(plan: &mut Plan, vid: Vid, tagged: impl Fn(u16) -> bool) {
    let bridge = &mut plan.bridges[0];
    let mut vlan = PlanVlan::default();
    for (port, slot) in (0..).zip(&mut bridge.ports) {
        let (Some(slot), Some(number)) = (slot, PortNo::new(port)) else {
            continue;
        };
        slot.pvid = Some(vid);
        vlan.members.insert(number);
        if !tagged(port) {
            vlan.untagged.insert(number);
        }
    }
    vlan.ingress = vlan.members;
    vlan.egress = vlan.members;
    bridge.vlans = Some(Arc::new(PlanVlans::new(
        TagType::Dot1Q,
        None,
        [(vid, vlan)],
    )));
}

/// Switches multicast snooping on: with a querier since ever, and port 2 a member of all of
/// [`Traffic::to_groups`]; `by_host`: two hosts behind it, each of which gets its own copies.
pub fn snoop(plan: &mut Plan, groups: u8, by_host: bool) {
    let (table, context) = (Arc::new(Mdb::default()), Arc::new(Context::default()));
    context.set_own_querier(Family::V4, true);
    let port = PortNo::new(2).expect("a bench has few ports");
    for n in 0..groups {
        let copy = |host| MemberCopy {
            port,
            to: Some(station(host)),
            oldest: host == 1,
        };
        let members = match by_host {
            true => Members {
                copies: vec![copy(1), copy(2)],
                ..Members::default()
            },
            false => Members {
                ports: [port].into_iter().collect(),
                ..Members::default()
            },
        };
        let group = Group::any_source(Ipv4Addr::new(239, 1, 0, n).into());
        table.set(GroupKey { vid: 0, group }, Some(members));
    }
    plan.bridges[0].multicast = Some(PlanMulticast {
        groups: table,
        limit: 4096,
        context,
        vlans: None,
        stats: None,
    });
}

/// A bridge with the TAPs p1 and p2, and a VXLAN device whose datagrams leave by the TAP u1; "OPTIONS" stands
/// for more of the device's.
pub const TUNNEL: &str = "
    ip tuntap add u1 mode tap
    ip link set u1 address 02:00:00:00:00:e1 up
    ip addr add 192.0.2.1/24 dev u1
    ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:e2 dev u1
    ip link add br0 type bridge mcast_snooping 0
    ip tuntap add p1 mode tap
    ip tuntap add p2 mode tap
    ip link add vx0 type vxlan id 42 dstport 4789 remote 192.0.2.2 OPTIONS
    ip link set p1 master br0 up
    ip link set p2 master br0 up
    ip link set vx0 master br0 up
    ip link set br0 up";

/// Runs commands, all of which succeed.
pub fn control(script: &str) -> Control {
    let mut control = Control::default();
    let script = Script::parse("script", script).expect("a script");
    for item in script.items() {
        let command = match &item.command {
            Command::Net(command) | Command::Neigh(command, _) => command,
            other => panic!("only ip and bridge: {other:?}"),
        };
        let reply = control.execute(Instant::ZERO, command, &Counters::default());
        assert_eq!(reply.status, 0, "{}", reply.stderr);
    }
    control
}

/// Puts a frame into a datagram from 192.0.2.2 to the device of [`TUNNEL`].
pub fn put_in(frame: &[u8], checksum: bool) -> Vec<u8> {
    let envelope = Envelope {
        source: Ipv4Addr::new(192, 0, 2, 2).into(),
        destination: Ipv4Addr::new(192, 0, 2, 1).into(),
        tos: 0,
        ttl: 64,
        df: false,
        id: 1,
        label: 0,
        source_port: 40_000,
        destination_port: 4_789,
        checksum,
    };
    let vxlan = Vxlan::new(42).octets();
    let (headers, len) = envelope.write([&vxlan[..], frame].into_iter());
    let mut octets = vec![2, 0, 0, 0, 0, 0xe1, 2, 0, 0, 0, 0, 0xe2, 8, 0];
    octets.extend(&headers[..len]);
    octets.extend([&vxlan[..], frame].concat());
    octets
}

/// A bridge of wires: attachment 0 is the bridge's stack, attachment n the wire of port n.
pub fn bridge(ports: u16) -> Plan {
    let number = |n: u16| PortNo::new(n).expect("a bench has few ports");
    let all: PortSet = (1..=ports).map(number).collect();
    let sets = FloodSets {
        unicast: all,
        multicast: all,
        broadcast: all,
    };
    let mut plan = Plan::default();
    plan.netdevs.push(PlanNetdev {
        up: true,
        mac: MacAddr::from_u64(0x02ff_0000_0000),
        mtu: 1500,
        receive: Receive::Stack,
        transmit: Transmit::Bridge(0),
        stack: AttachmentId(0),
        uppers: None,
        underlay: None,
    });
    plan.attachments.push(PlanAttachment {
        netdev: NetdevId(0),
        side: Side::Stack,
    });
    let mut slots = vec![None];
    for n in 1..=ports {
        let id = u32::from(n);
        plan.attachments.push(PlanAttachment {
            netdev: NetdevId(id),
            side: Side::Wire,
        });
        plan.netdevs.push(PlanNetdev {
            up: true,
            mac: MacAddr::from_u64(0x02ff_0000_0000 | u64::from(n)),
            mtu: 1500,
            receive: Receive::Bridge(0, number(n)),
            transmit: Transmit::Wire(AttachmentId(id)),
            stack: AttachmentId(0),
            uppers: None,
            underlay: None,
        });
        slots.push(Some(PlanPort {
            netdev: NetdevId(id),
            state: PortState::Forwarding,
            pvid: None,
            learning: true,
            locked: false,
            mab: false,
            hairpin: false,
            isolated: false,
            group_fwd_mask: 0,
            carrier: true,
            backup: None,
            barred: [number(n)].into_iter().collect(),
            guard: None,
        }));
    }
    plan.bridges.push(PlanBridge {
        netdev: NetdevId(0),
        fdb: Arc::new(Fdb::with_seed(1)),
        hold: Duration::from_secs(300),
        promiscuous: false,
        bpdu: None,
        group_fwd_mask: 0,
        no_linklocal_learn: false,
        carrier: true,
        dhcp_trusted: None,
        neighbours: None,
        vlans: None,
        multicast: None,
        alarm: Some(PlanAlarm {
            shared: Arc::default(),
            outside: true,
            blocks: false,
        }),
        ports: slots,
        flood: sets,
        host_flood: sets,
    });
    plan
}

/// What stands on a wire: attachment 0 is the wire, 1 the stack of its netdev, 2 that of the first child,
/// and so on. Station 0 is the first child where children have addresses of their own.
fn stacked(
    children: u32,
    mac: impl Fn(u32) -> MacAddr,
    receive: Receive,
    transmit: impl Fn(u32) -> Transmit,
) -> Plan {
    let mut plan = Plan::default();
    let mut add = |mac: MacAddr, side: Side, receive: Receive, transmit: Transmit| {
        let id = NetdevId(u32::try_from(plan.netdevs.len()).expect("a bench has few netdevs"));
        if side == Side::Wire {
            plan.attachments.push(PlanAttachment { netdev: id, side });
        }
        plan.attachments.push(PlanAttachment {
            netdev: id,
            side: Side::Stack,
        });
        let stack = u32::try_from(plan.attachments.len() - 1).expect("a bench has few netdevs");
        plan.netdevs.push(PlanNetdev {
            up: true,
            mac,
            mtu: 1500,
            receive,
            transmit,
            stack: AttachmentId(stack),
            uppers: None,
            underlay: None,
        });
    };
    let wire = Transmit::Wire(AttachmentId(0));
    add(LOWER, Side::Wire, receive, wire);
    for n in 0..children {
        add(mac(n), Side::Stack, Receive::Stack, transmit(n));
    }
    plan
}

/// The station of a wire with children.
pub const LOWER: MacAddr = MacAddr::from_u64(0x02ff_0000_0000);

/// A wire with macvlans in bridge mode on it, of which each has a station's address.
pub fn macvlans(children: u32) -> Plan {
    let mac = |n: u32| station(n.into());
    let mut plan = stacked(children, mac, Receive::Macvlan(0), Transmit::Macvlan);
    plan.macvlans = (1..=children)
        .map(|netdev| PlanMacvlan {
            netdev: NetdevId(netdev),
            port: 0,
            mode: Mode::Bridge,
            nodst: false,
            carrier: true,
            stack: Some(AttachmentId(netdev + 1)),
        })
        .collect();
    plan.macvlan_ports.push(PlanMacvlanPort {
        lower: NetdevId(0),
        stations: (0..children).map(mac).zip(plan.macvlans.clone()).collect(),
        members: macvlan::Members {
            broadcast: (0..children).collect(),
            ..macvlan::Members::default()
        },
        queued: Filter::All,
        queue_len: 1_000,
        ..PlanMacvlanPort::default()
    });
    plan
}

/// The IPv4 address of the n-th ipvlan device.
pub fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0001 + n)
}

/// A wire with ipvlan devices in mode l2 on it, each with one [`address`].
pub fn ipvlans(children: u32) -> Plan {
    let mut plan = stacked(children, |_| LOWER, Receive::Ipvlan(0), Transmit::Ipvlan);
    plan.ipvlan_children = (0..children)
        .map(|_| PlanIpvlanChild {
            port: 0,
            lower: NetdevId(0),
        })
        .collect();
    let child = |n: u32| NetdevId(n + 1);
    let owner = |n: u32| Owner {
        child: child(n),
        stack: AttachmentId(n + 2),
        longest: 1_518,
    };
    let hears: Vec<_> = (0..children).map(|n| (child(n), Some(vec![]))).collect();
    plan.ipvlans.push(PlanIpvlan {
        mode: IpvlanMode::L2,
        addresses: Owners::new((0..children).map(|n| (address(n).into(), owner(n)))),
        hearers: Hearers::new(&hears),
        ..PlanIpvlan::default()
    });
    plan
}
