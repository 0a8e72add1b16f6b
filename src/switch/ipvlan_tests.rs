//! Decisions over all modes, flags and kinds of frames, and the ways of frames that scripts lead to. The
//! same against the real kernel is in `tests/kernel`.

use super::*;
use crate::control::Control;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{Counters, Egress, NetdevCounters, Verdict, forward};
use crate::time::Instant;

const NOW: Instant = Instant::from_secs(1);
const OWN: MacAddr = MacAddr::from_u64(0x0200_0000_0001);
const FAR: MacAddr = MacAddr::from_u64(0x0200_0000_0009);
const GROUP: MacAddr = MacAddr::from_u64(0x0100_5e00_0101);
const MODES: [IpvlanMode; 3] = [IpvlanMode::L2, IpvlanMode::L3, IpvlanMode::L3s];
const FLAGS: [IpvlanFlag; 3] = [IpvlanFlag::Bridge, IpvlanFlag::Private, IpvlanFlag::Vepa];
const C1: NetdevId = NetdevId(1);
const C2: NetdevId = NetdevId(2);

const fn owner(child: NetdevId) -> Owner {
    Owner {
        child,
        stack: AttachmentId(child.0),
        longest: 1_518,
    }
}

fn port(mode: IpvlanMode, flag: IpvlanFlag) -> PlanIpvlan {
    PlanIpvlan {
        mode,
        flag,
        addresses: Owners::new([
            ([10, 0, 0, 1].into(), owner(C1)),
            ([10, 0, 0, 2].into(), owner(C2)),
            ("fd00::1".parse().unwrap(), owner(C1)),
        ]),
        ..PlanIpvlan::default()
    }
}

fn arp(sender: u8, target: u8) -> Vec<u8> {
    let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, sender];
    message.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, target]);
    message
}

fn ipv4(source: u8, destination: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, source];
    packet.extend([10, 0, 0, destination]);
    packet.extend([0, 9, 0, 9, 0, 8, 0, 0]);
    packet
}

fn seen<'a>(to: MacAddr, from: MacAddr, ether_type: u16, payload: &'a [u8]) -> Seen<'a> {
    let header = Header::new(to, from, ether_type);
    Seen {
        header,
        kind: if to.is_group() {
            header.kind
        } else {
            PacketType::Host
        },
        addressee: Addressee::parse(ether_type, payload, payload.len()),
    }
}

/// What a frame is, besides where it goes.
const PROTOCOLS: [(u16, u8); 4] = [(0x0800, 2), (0x0806, 2), (0x0800, 7), (0x88b5, 0)];

fn payload(ether_type: u16, destination: u8) -> Vec<u8> {
    match ether_type {
        0x0800 => ipv4(9, destination),
        0x0806 => arp(9, destination),
        _ => vec![0; 46],
    }
}

/// An IPv4 packet between the ports of DHCP.
fn dhcp(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut packet = ipv4(0, 0);
    packet[12..16].copy_from_slice(&source);
    packet[16..20].copy_from_slice(&destination);
    packet[20..24].copy_from_slice(&[0, 67, 0, 68]);
    packet
}

#[test]
fn every_frame_from_outside_in_every_mode() {
    use Inward::{Child, Lower, Spread};
    use IpvlanMode::{L2, L3, L3s};
    for (mode, flag) in MODES
        .into_iter()
        .flat_map(|mode| FLAGS.map(|flag| (mode, flag)))
    {
        for to in [OWN, FAR, GROUP, MacAddr::BROADCAST] {
            for (ether_type, about) in PROTOCOLS {
                let octets = payload(ether_type, about);
                let frame = seen(to, FAR, ether_type, &octets);
                let expected = match (mode, to.is_group(), ether_type, about) {
                    (L2, true, ..) => Spread,
                    (L2 | L3, _, 0x0800 | 0x0806, 2) => Child(C2),
                    (L3s, _, 0x0800, 2) => Child(C2),
                    _ => Lower,
                };
                let got = port(mode, flag).inward(&frame, OWN);
                assert_eq!(
                    got, expected,
                    "{mode:?} {flag:?} {to} {ether_type:x} {about}"
                );
            }
        }
    }
}

#[test]
fn every_frame_of_a_child_in_every_mode() {
    use IpvlanFlag::{Private, Vepa};
    use IpvlanMode::L2;
    use Outward::{Child, Lost, Lower, Route, Spread, Wire};
    for (mode, flag) in MODES
        .into_iter()
        .flat_map(|mode| FLAGS.map(|flag| (mode, flag)))
    {
        for (to, from) in [
            (OWN, OWN),
            (FAR, OWN),
            (FAR, FAR),
            (GROUP, OWN),
            (MacAddr::BROADCAST, OWN),
        ] {
            for (ether_type, about) in PROTOCOLS {
                let octets = payload(ether_type, about);
                let frame = seen(to, from, ether_type, &octets);
                let for_child = about == 2;
                let expected = match mode {
                    L2 if to == from && flag != Vepa => match (for_child, flag) {
                        (true, Private) => Lost(DropReason::IpvlanPrivate),
                        (true, _) => Child(C2),
                        (false, _) => Lower,
                    },
                    L2 if to.is_group() => Spread,
                    L2 => Wire,
                    _ if for_child && flag == Private => Lost(DropReason::IpvlanPrivate),
                    _ if for_child && flag != Vepa => Child(C2),
                    _ if to.is_group() => Lost(DropReason::IpvlanGroup),
                    _ => Route,
                };
                let got = port(mode, flag).outward(&frame);
                assert_eq!(
                    got, expected,
                    "{mode:?} {flag:?} {from} > {to} {ether_type:x} {about}"
                );
            }
        }
    }
}

#[test]
fn what_comes_back_is_no_childs() {
    let reflected = |from: MacAddr, ether_type, payload: &[u8]| {
        let frame = seen(MacAddr::BROADCAST, from, ether_type, payload);
        port(IpvlanMode::L2, IpvlanFlag::Bridge).inward(&frame, OWN) == Inward::Lower
    };
    assert!(reflected(OWN, 0x0800, &ipv4(1, 255)) && reflected(OWN, 0x0806, &arp(2, 7)));
    assert!(!reflected(OWN, 0x0800, &ipv4(7, 255)), "a foreign address");
    assert!(!reflected(FAR, 0x0800, &ipv4(1, 255)), "a foreign station");
    assert!(!reflected(OWN, 0x88b5, &[0; 46]), "no address");
    assert!(!reflected(OWN, 0x0800, &ipv4(1, 255)[..20]), "malformed");
}

#[test]
fn l3s_leaves_to_the_lower_what_its_stack_would_not_take() {
    let port = port(IpvlanMode::L3s, IpvlanFlag::Bridge);
    let octets = ipv4(9, 1);
    let mut frame = seen(OWN, FAR, 0x0800, &octets);
    assert_eq!(port.inward(&frame, OWN), Inward::Child(C1));
    frame.kind = PacketType::OtherHost;
    assert_eq!(port.inward(&frame, OWN), Inward::Lower);
}

#[test]
fn families_are_told_apart() {
    let owners = Owners::new([([10, 0, 0, 1].into(), owner(C1))]);
    assert_eq!(owners.find([10, 0, 0, 1].into()), Some(&owner(C1)));
    assert_eq!(owners.find("::ffff:10.0.0.1".parse().unwrap()), None);
    assert_eq!(owners.find("::a00:1".parse().unwrap()), None);
}

#[test]
fn who_hears_what() {
    let [a, b, c] = [NetdevId(1), NetdevId(2), NetdevId(3)];
    let other = MacAddr::from_u64(0x0100_5e00_0102);
    let hearers = Hearers::new(&[
        (a, Some(vec![GROUP, GROUP])),
        (b, None),
        (c, Some(vec![GROUP, other])),
    ]);
    assert_eq!(hearers.of(GROUP), [a, b, c]);
    assert_eq!(hearers.of(other), [b, c]);
    assert_eq!(hearers.of(MacAddr::from_u64(0x0100_5e00_0103)), [b]);
    assert_eq!(hearers.of(MacAddr::BROADCAST), [a, b, c]);
    assert_eq!(Hearers::new(&[]).of(GROUP), []);
}

/// A network made by a script, and frames into it.
#[derive(Default)]
struct Lab {
    control: Control,
    counters: Counters,
    egress: Egress,
}

const CHILDREN: &str = "
    ip tuntap add p1 mode tap
    ip link set p1 address 02:00:00:00:00:01 up
    ip link add link p1 name c1 type ipvlan mode l2
    ip link add link p1 name c2 type ipvlan mode l2
    ip addr add 10.0.0.1/24 dev c1
    ip addr add 10.0.0.2/24 dev c2
    ip link set c1 up
    ip link set c2 up";

impl Lab {
    fn new(more: &str) -> Self {
        let mut lab = Self::default();
        lab.run(CHILDREN);
        lab.run(more);
        lab
    }

    fn run(&mut self, script: &str) {
        let script = Script::parse("lab", script).unwrap_or_else(|error| panic!("{error}"));
        for item in script.items() {
            let Command::Net(command) = &item.command else {
                panic!("only ip and bridge");
            };
            let reply = self.control.execute(NOW, command, &self.counters);
            assert_eq!(reply.status, 0, "{}", reply.stderr);
        }
    }

    /// Where a frame goes, sorted, and which copies are lost; or the reason why it went nowhere.
    fn send(&mut self, at: &str, octets: &[u8]) -> String {
        let network = self.control.network();
        let ingress = network.find_attachment(at).expect("an attachment");
        let plan = self.control.plan();
        self.counters.fit(&plan);
        let (counters, egress) = (&mut self.counters, &mut self.egress);
        forward(&plan, NOW, ingress, &[octets], counters, egress);
        assert!(self.counters.attachments[ingress.index()].add_up());
        if let Verdict::Dropped(reason) = self.egress.verdicts()[0] {
            return reason.name().to_owned();
        }
        let mut out: Vec<_> = self
            .egress
            .queues()
            .map(|(id, _)| network.attachments()[id.index()].name.clone())
            .collect();
        out.sort();
        out.extend(
            self.egress
                .lost()
                .iter()
                .map(|lost| format!("not {}", lost.reason)),
        );
        out.join(" ")
    }

    /// The octets that left by an attachment last.
    fn octets(&self, at: &str, frame: &[u8]) -> Vec<u8> {
        let id = self.control.network().find_attachment(at).unwrap();
        let mut queues = self.egress.queues();
        let (_, mut copies) = queues.find(|(queue, _)| *queue == id).unwrap();
        self.egress
            .pieces(copies.next().unwrap().edit, frame)
            .concat()
    }

    fn netdev(&self, name: &str) -> NetdevCounters {
        let own = crate::netdev::NamespaceId::OWN;
        let id = self.control.network().find(own, name).expect("a netdev");
        self.counters.netdevs[id.index()]
    }
}

fn frame(to: MacAddr, from: MacAddr, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [
        &to.octets()[..],
        &from.octets(),
        &ether_type.to_be_bytes(),
        payload,
    ]
    .concat()
}

#[test]
fn each_way_to_be_dropped() {
    let packet = |destination| frame(OWN, OWN, 0x0800, &ipv4(1, destination));
    let mut lab = Lab::new("");
    let pause = frame(MacAddr::BROADCAST, OWN, 0x8808, &[0; 46]);
    assert_eq!(lab.send("c1", &pause), "ipvlan_pause");
    assert_eq!(lab.send("p1", &pause), "p1@stack");
    lab.run("ip link set c2 mtu 68");
    let long = frame(OWN, OWN, 0x0800, &[ipv4(1, 2), vec![0; 60]].concat());
    assert_eq!(lab.send("c1", &long), "ipvlan_oversize");
    lab.run("ip link set c1 type ipvlan private");
    assert_eq!(lab.send("c1", &packet(2)), "ipvlan_private");

    lab.run("ip link set c1 type ipvlan mode l3");
    let group = frame(MacAddr::BROADCAST, OWN, 0x0800, &ipv4(1, 9));
    assert_eq!(lab.send("c1", &group), "ipvlan_group");
    let other = frame(FAR, OWN, 0x88b5, &[0; 46]);
    assert_eq!(lab.send("c1", &other), "ipvlan_not_ip");
    assert_eq!(
        lab.send("c1", &frame(FAR, OWN, 0x0806, &arp(1, 9))),
        "ipvlan_not_ip"
    );
    assert_eq!(
        lab.send("c1", &frame(FAR, OWN, 0x0806, &arp(1, 9)[..20])),
        "ipvlan_not_ip"
    );
    for short in [&ipv4(1, 9)[..19], &[0x44; 60], &[]] {
        let malformed = frame(OWN, OWN, 0x0800, short);
        assert_eq!(lab.send("c1", &malformed), "ipvlan_ipv4_malformed");
    }
    let malformed = frame(OWN, OWN, 0x86dd, &[0x60; 39]);
    assert_eq!(lab.send("c1", &malformed), "ipvlan_ipv6_malformed");
    let foreign = frame(
        OWN,
        OWN,
        0x86dd,
        &[&[0x60, 0, 0, 0, 0, 0, 17, 9][..], &[0xfd; 32]].concat(),
    );
    assert_eq!(lab.send("c1", &foreign), "ipvlan_no_route");
    assert_eq!(lab.send("c1", &packet(9)), "ipvlan_no_neighbour");
    lab.run("ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev p1\nip link set p1 mtu 68");
    lab.run("ip link set c1 mtu 1500");
    assert_eq!(
        lab.send(
            "c1",
            &frame(OWN, OWN, 0x0800, &[ipv4(1, 9), vec![0; 60]].concat())
        ),
        "ipvlan_fragments"
    );
    lab.run("ip link set p1 down");
    assert_eq!(lab.send("c1", &packet(9)), "netdev_down");
}

#[test]
fn a_packet_leaves_in_a_frame_of_the_lowers() {
    let mut lab = Lab::new(
        "ip link set c1 type ipvlan mode l3
         ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev p1",
    );
    let padded = [ipv4(1, 9), vec![7; 18]].concat();
    let sent = frame(MacAddr::ZERO, FAR, 0x0800, &padded);
    assert_eq!(lab.send("c1", &sent), "p1");
    let left = lab.octets("p1", &sent);
    assert_eq!(left[..14], frame(FAR, OWN, 0x0800, &[]));
    assert_eq!(left[16..18], [0, 46], "with its padding");
    assert_eq!(left[34..], sent[34..]);
    assert_eq!(left[26..34], [10, 0, 0, 1, 10, 0, 0, 9]);
    let here = frame(OWN, OWN, 0x0800, &ipv4(1, 254));
    lab.run("ip addr add 10.0.0.254/24 dev p1");
    assert_eq!(lab.send("c1", &here), "p1@stack");
}

#[test]
fn the_kernel_counts_a_header_twice_between_children() {
    let mut lab = Lab::new("");
    let unicast = frame(OWN, OWN, 0x0800, &ipv4(1, 2));
    let group = frame(MacAddr::BROADCAST, OWN, 0x0806, &arp(1, 2));
    lab.send("c1", &unicast);
    lab.send("c1", &group);
    let (c1, c2) = (lab.netdev("c1"), lab.netdev("c2"));
    assert_eq!((c1.tx_packets, c1.tx_bytes), (2, 84));
    assert_eq!((c2.rx_packets, c2.rx_bytes, c2.multicast), (2, 84 + 28, 1));
    lab.send("p1", &frame(OWN, FAR, 0x0800, &ipv4(9, 2)));
    assert_eq!(lab.netdev("c2").rx_bytes, 84 + 28 + 42);
}

#[test]
fn a_child_hears_who_asks_for_its_ipv6_addresses() {
    let mut lab = Lab::new("ip addr add fd00::12:3456/64 dev c2");
    let asking = MacAddr::from_u64(0x3333_ff12_3456);
    let solicitation = frame(asking, FAR, 0x86dd, &[0x60; 60]);
    assert_eq!(lab.send("p1", &solicitation), "c2 p1@stack");
    lab.run("ip addr del fd00::12:3456/64 dev c2");
    assert_eq!(lab.send("p1", &solicitation), "p1@stack");
}

#[test]
fn a_child_hears_the_groups_that_commands_name() {
    let mut lab = Lab::new("");
    let to_group = frame(GROUP, FAR, 0x88b5, &[0; 46]);
    assert_eq!(lab.send("p1", &to_group), "p1@stack");
    lab.run("bridge fdb add 01:00:5e:00:01:01 dev c2 self");
    assert_eq!(lab.send("p1", &to_group), "c2 p1@stack");
    assert_eq!(
        lab.send("c1", &frame(GROUP, OWN, 0x88b5, &[0; 46])),
        "c2 p1"
    );
    lab.run("ip link set c1 allmulticast on");
    assert_eq!(lab.send("p1", &to_group), "c1 c2 p1@stack");
    lab.run("bridge fdb del 01:00:5e:00:01:01 dev c2 self");
    assert_eq!(lab.send("p1", &to_group), "c1 p1@stack");
}

/// Behaviour M13: the offer to an address that nobody has yet is lost, unless it is broadcast.
#[test]
fn dhcp_needs_the_broadcast_flag() {
    let mut lab = Lab::default();
    lab.run(include_str!("../../fixtures/topologies/ipvlan-dhcp.sh"));
    // The client's way out.
    let discover = frame(MacAddr::BROADCAST, OWN, 0x0800, &dhcp([0; 4], [255; 4]));
    assert_eq!(lab.send("box/eth0", &discover), "uplink");
    let offered = frame(OWN, FAR, 0x0800, &dhcp([10, 0, 0, 9], [10, 0, 0, 77]));
    assert_eq!(lab.send("uplink", &offered), "uplink@stack", "lost");
    let broadcast = dhcp([10, 0, 0, 9], [255; 4]);
    let broadcast = frame(MacAddr::BROADCAST, FAR, 0x0800, &broadcast);
    assert_eq!(lab.send("uplink", &broadcast), "box/eth0 uplink@stack");
    // Once it has the address, what is addressed to it arrives.
    lab.run("ip -n box addr add 10.0.0.77/24 dev eth0");
    assert_eq!(lab.send("uplink", &offered), "box/eth0");
}

#[test]
fn no_octets_make_it_panic() {
    let scripts = [
        "",
        "ip link set c1 type ipvlan mode l3",
        "ip link set c1 type ipvlan mode l3s",
    ];
    for script in scripts {
        let mut lab = Lab::new(script);
        for ether_type in [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x8808, 5] {
            for fill in [0x00, 0x45, 0x4f, 0x60, 0x3a, 0xff] {
                for len in 0..90 {
                    for to in [OWN, MacAddr::BROADCAST] {
                        let mut octets = frame(to, OWN, ether_type, &vec![fill; len]);
                        if ether_type == 0x86dd && len > 40 {
                            octets[14] = 0x60;
                            octets[20] = 58;
                            octets[22..38].fill(0);
                            octets.get_mut(54).into_iter().for_each(|kind| *kind = 135);
                        }
                        lab.send("p1", &octets);
                        lab.send("c1", &octets);
                    }
                }
            }
        }
    }
}

/// A neighbour solicitation from nobody.
fn probe() -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 24, 58, 255];
    packet.extend([0; 16]);
    packet.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1]);
    packet.extend([135, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend("fd00::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    packet
}

/// Headers that are no good, and where they end: from the wire; from a child to the wire and to its own
/// station in mode l2; and from a child in mode l3. Nobody is asked for them, and each end has a name and a
/// counter.
#[test]
fn where_malformed_headers_end() {
    let with = |packet: &[u8], at: usize, octets: &[u8]| {
        let mut packet = packet.to_vec();
        packet[at..at + octets.len()].copy_from_slice(octets);
        packet
    };
    let good = ipv4(1, 2);
    let (l3_ipv4, l3_ipv6) = ("ipvlan_ipv4_malformed", "ipvlan_ipv6_malformed");
    let (l3_arp, astray, unrouted) = ("ipvlan_not_ip", "ipvlan_no_neighbour", "ipvlan_no_route");
    let cases: [(&str, u16, Vec<u8>, &str); 15] = [
        ("ARP cut short", 0x0806, arp(1, 2)[..27].to_vec(), l3_arp),
        ("no ARP at all", 0x0806, vec![], l3_arp),
        ("IPv4 cut short", 0x0800, good[..19].to_vec(), l3_ipv4),
        ("no IPv4 at all", 0x0800, vec![], l3_ipv4),
        ("header of 16", 0x0800, with(&good, 0, &[0x44]), l3_ipv4),
        ("header of 60", 0x0800, with(&good, 0, &[0x4f]), l3_ipv4),
        ("IPv4 says 6", 0x0800, with(&good, 0, &[0x65]), astray),
        ("19 octets long", 0x0800, with(&good, 2, &[0, 19]), astray),
        ("43 of 42 octets", 0x0800, with(&good, 2, &[0, 43]), astray),
        ("IPv6 cut short", 0x86dd, probe()[..39].to_vec(), l3_ipv6),
        ("no IPv6 at all", 0x86dd, vec![], l3_ipv6),
        ("IPv6 says 4", 0x86dd, with(&probe(), 0, &[0x40]), unrouted),
        ("NS cut in ICMPv6", 0x86dd, probe()[..47].to_vec(), unrouted),
        (
            "NS without target",
            0x86dd,
            probe()[..63].to_vec(),
            unrouted,
        ),
        ("a router's", 0x86dd, with(&probe(), 40, &[134]), unrouted),
    ];
    let mut lab = Lab::new("ip addr add fd00::1/64 dev c1");
    for (what, ether_type, packet, _) in &cases {
        let to = |to, from| frame(to, from, *ether_type, packet);
        assert_eq!(lab.send("p1", &to(OWN, FAR)), "p1@stack", "{what}");
        assert_eq!(lab.send("c1", &to(FAR, OWN)), "p1", "{what}");
        assert_eq!(lab.send("c1", &to(OWN, OWN)), "p1@stack", "{what}");
        let all = to(MacAddr::BROADCAST, FAR);
        assert_eq!(lab.send("p1", &all), "c1 c2 p1@stack", "{what}");
    }
    lab.run("ip link set c1 type ipvlan mode l3");
    for (what, ether_type, packet, reason) in &cases {
        let to = |to, from| frame(to, from, *ether_type, packet);
        assert_eq!(lab.send("p1", &to(OWN, FAR)), "p1@stack", "{what}");
        let c1 = lab.control.network().find_attachment("c1").unwrap();
        let dropped = |lab: &Lab| lab.counters.attachments[c1.index()].dropped.clone();
        let before = dropped(&lab);
        assert_eq!(lab.send("c1", &to(FAR, OWN)), *reason, "{what}");
        let after = dropped(&lab);
        for (reason_now, (before, after)) in
            DropReason::ALL.iter().zip(before.iter().zip(after.iter()))
        {
            let once = u64::from(reason_now.name() == *reason);
            assert_eq!(after - before, once, "{what}: {reason_now}");
        }
    }
    // What is good reaches its child in all three modes.
    for (mode, packet) in [("l2", &good), ("l3", &good), ("l3s", &good)] {
        lab.run(&format!("ip link set c1 type ipvlan mode {mode}"));
        assert_eq!(lab.send("p1", &frame(OWN, FAR, 0x0800, packet)), "c2");
    }
}
