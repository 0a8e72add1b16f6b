//! VLAN devices as a script makes them, frame by frame. The same behaviour against the real kernel is
//! in `tests/kernel`.

use super::*;
use crate::control::Control;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{Copy, Counters, Egress, NetdevCounters, Verdict, forward, originate};
use crate::time::Instant;

/// A network made by a script, and frames into it.
#[derive(Default)]
struct Lab {
    control: Control,
    counters: Counters,
    egress: Egress,
}

impl Lab {
    fn new(script: &str) -> Self {
        let mut lab = Self::default();
        lab.run(script);
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

    /// Sends a frame `DESTINATION [TAG…] [len N]` and returns where it went: `NAME [KIND] [TAG…]`,
    /// sorted, or the reason why it went nowhere.
    fn send(&mut self, at: &str, text: &str) -> String {
        let octets = frame(text);
        let network = self.control.network();
        let ingress = network.find_attachment(at).expect("an attachment");
        let plan = self.control.plan();
        forward(
            &plan,
            NOW,
            ingress,
            &[&octets],
            &mut self.counters,
            &mut self.egress,
        );
        assert!(self.counters.attachments[ingress.index()].add_up());
        if let Verdict::Dropped(reason) = self.egress.verdicts()[0] {
            return reason.name().to_owned();
        }
        let mut out = Vec::new();
        for (id, copies) in self.egress.queues() {
            let info = &network.attachments()[id.index()];
            for copy in copies {
                out.push(format!("{} {}", info.name, self.describe(copy, &octets)));
            }
        }
        out.sort();
        out.join(", ")
    }

    fn describe(&self, copy: &Copy, frame: &[u8]) -> String {
        let octets = self.egress.pieces(copy.edit, frame).concat();
        assert_eq!(octets[..12], frame[..12], "no address changes");
        let mut rest = &octets[12..];
        let mut words = vec![format!("{:?}", copy.kind)];
        while let Some(tag) = Tag::read(rest) {
            let pcp = if tag.pcp() == 0 {
                String::new()
            } else {
                format!("p{}", tag.pcp())
            };
            words.push(format!("{:x}:{}{pcp}", tag.tag_type as u16, tag.vid()));
            rest = &rest[4..];
        }
        // What is left is the end of the frame, whatever was in front of it.
        assert!(frame.ends_with(rest), "the payload is as it was");
        words.join(" ")
    }

    fn netdev(&self, name: &str) -> NetdevCounters {
        let own = crate::netdev::NamespaceId::OWN;
        let id = self.control.network().find(own, name).expect("a netdev");
        self.counters.netdevs[id.index()]
    }
}

const NOW: Instant = Instant::from_secs(1);

/// `all`, or the last octet of 02:00:00:00:00:XX; then tags, `8100:10` or `8100:10p5`; then `len` and all octets, else
/// 60 without the tags.
fn frame(text: &str) -> Vec<u8> {
    let mut words = text.split(' ');
    let mut octets = match words.next() {
        Some("all") => vec![0xff; 6],
        Some(last) => vec![2, 0, 0, 0, 0, u8::from_str_radix(last, 16).expect("hex")],
        None => panic!("a destination"),
    };
    octets.extend([2, 0, 0, 0, 0, 0x99]);
    let mut len = 60;
    while let Some(word) = words.next() {
        if word == "len" {
            len = words.next().and_then(|word| word.parse().ok()).expect("N");
            continue;
        }
        let (tpid, tci) = word.split_once(':').expect("a tag");
        let (vid, pcp) = tci.split_once('p').unwrap_or((tci, "0"));
        let (vid, pcp): (u16, u16) = (vid.parse().expect("VID"), pcp.parse().expect("PCP"));
        let tpid = u16::from_str_radix(tpid, 16).expect("hex");
        octets.extend(tpid.to_be_bytes());
        octets.extend((pcp << 13 | vid).to_be_bytes());
        len += 4;
    }
    octets.extend(0x88b5_u16.to_be_bytes());
    octets.resize(len.max(octets.len()), 0xaa);
    octets.truncate(len);
    octets
}

/// Frames into a TAP `p1` (address …:01) with devices for VLANs, and where they go.
#[track_caller]
fn check(lab: &mut Lab, cases: &[(&str, &str, &str)]) {
    for (at, sent, expected) in cases {
        assert_eq!(lab.send(at, sent), *expected, "{at}: {sent}");
    }
}

const TRUNK: &str = "
    ip tuntap add p1 mode tap
    ip link set p1 address 02:00:00:00:00:01 up
    ip link add link p1 name p1.10 up type vlan id 10
    ip link add link p1 name p1.ad up type vlan id 10 protocol 802.1ad
    ip link add link p1.10 name p1.10.20 up type vlan id 20
    ip link add link p1 name p1.30 type vlan id 30
    ip link add link p1 name own address 02:00:00:00:00:0a up type vlan id 40
";

#[test]
fn the_device_of_the_vlan_takes_the_frame() {
    let mut lab = Lab::new(TRUNK);
    check(
        &mut lab,
        &[
            ("p1", "all", "p1@stack Broadcast"),
            ("p1", "all 8100:10", "p1.10 Broadcast"),
            ("p1", "all 8100:10p7", "p1.10 Broadcast"),
            ("p1", "01 8100:10", "p1.10 Host"),
            ("p1", "77 8100:10", "p1.10 OtherHost"),
            ("p1", "all 88a8:10", "p1.ad Broadcast"),
            ("p1", "all 8100:10 8100:20", "p1.10.20 Broadcast"),
            ("p1", "all 8100:10 88a8:20", "p1.10 OtherHost 88a8:20"),
            ("p1", "all 8100:10 8100:21", "p1.10 OtherHost 8100:21"),
            (
                "p1",
                "all 8100:10 8100:20 8100:5",
                "p1.10.20 OtherHost 8100:5",
            ),
            // Unknown VLANs go up as they are.
            ("p1", "all 8100:11", "p1@stack OtherHost 8100:11"),
            ("p1", "all 88a8:11", "p1@stack OtherHost 88a8:11"),
            ("p1", "all 9100:10", "p1@stack Broadcast"),
            // A device that is down drops.
            ("p1", "all 8100:30", "vlan_device_down"),
            // A device with an address of its own.
            ("p1", "0a 8100:40", "own Host"),
            ("p1", "01 8100:40", "own Host"),
        ],
    );
}

#[test]
fn a_priority_tag_is_none() {
    let mut lab = Lab::new(TRUNK);
    let cases = [
        ("p1", "all 8100:0 8100:10", "p1.10 Broadcast"),
        ("p1", "all 88a8:0 8100:10", "p1.10 Broadcast"),
        ("p1", "all 8100:0 88a8:0 8100:10", "p1.10 Broadcast"),
        ("p1", "all 8100:0 8100:10 8100:20", "p1.10.20 Broadcast"),
        (
            "p1",
            "all 8100:0 8100:11",
            "p1@stack OtherHost 8100:0 8100:11",
        ),
        ("p1", "all 8100:0 8100:30", "vlan_device_down"),
        ("p1", "all 8100:10 8100:0", "p1.10 Broadcast 8100:0"),
        ("p1", "all 8100:10 8100:0 8100:20", "p1.10.20 Broadcast"),
        ("p1", "all 8100:0 len 20", "p1@stack Broadcast 8100:0"),
        ("p1", "all 8100:0 len 19", "truncated_tag"),
        ("p1", "all 8100:0 8100:10 len 24", "p1.10 Broadcast"),
        ("p1", "all 8100:0 8100:10 len 23", "truncated_tag"),
        ("p1", "all 8100:10 8100:20 len 23", "truncated_tag"),
    ];
    check(&mut lab, &cases);
    lab.run("ip link add link p1 name p1.0 up type vlan id 0");
    check(
        &mut lab,
        &[
            ("p1", "all 8100:0", "p1.0 Broadcast"),
            ("p1", "all 8100:0 8100:10", "p1.0 OtherHost 8100:10"),
            ("p1", "all 88a8:0 8100:10", "p1.10 Broadcast"),
        ],
    );
}

#[test]
fn the_device_comes_before_the_bridge() {
    let mut lab = Lab::new(TRUNK);
    lab.run(
        "ip link add br0 address 02:00:00:00:00:b0 up type bridge mcast_snooping 0
         ip tuntap add p2 mode tap
         ip link set p2 address 02:00:00:00:00:02 up master br0
         ip link set p1 master br0
         ip link add link br0 name br0.11 up type vlan id 11",
    );
    check(
        &mut lab,
        &[
            ("p1", "all", "br0 Broadcast, p2 Broadcast"),
            ("p1", "all 8100:10", "p1.10 Broadcast"),
            ("p1", "all 8100:30", "vlan_device_down"),
            (
                "p1",
                "all 8100:0 8100:10",
                "br0 OtherHost 8100:0 8100:10, p2 Broadcast 8100:0 8100:10",
            ),
            (
                "p1",
                "all 8100:11",
                "br0.11 Broadcast, p2 Broadcast 8100:11",
            ),
            (
                "p2",
                "all 8100:10",
                "br0 OtherHost 8100:10, p1 Broadcast 8100:10",
            ),
            ("p2", "b0 8100:11", "br0.11 Host"),
            ("p1.10", "all", "p1 Broadcast 8100:10"),
            (
                "br0.11",
                "all",
                "p1 Broadcast 8100:11, p2 Broadcast 8100:11",
            ),
            ("br0.11", "b0", "to_self"),
        ],
    );
}

#[test]
fn what_is_sent_gets_a_tag() {
    let mut lab = Lab::new(TRUNK);
    check(
        &mut lab,
        &[
            ("p1.10", "all", "p1 Broadcast 8100:10"),
            ("p1.ad", "all", "p1 Broadcast 88a8:10"),
            ("p1.10.20", "all", "p1 Broadcast 8100:10 8100:20"),
            ("p1.10", "all 8100:7p3", "p1 Broadcast 8100:10 8100:7p3"),
            ("p1.30", "all", "netdev_down"),
        ],
    );
    lab.run("ip link set p1.10 type vlan egress-qos-map 0:5");
    assert_eq!(lab.send("p1.10", "all"), "p1 Broadcast 8100:10p5");
    assert_eq!(
        lab.send("p1.10.20", "all"),
        "p1 Broadcast 8100:10p5 8100:20"
    );
    assert_eq!(lab.send("p1.10", "all len 1515"), "sender_oversize");
    assert_eq!(lab.netdev("p1.10").tx_packets, 5);
    assert_eq!(lab.netdev("p1.10").tx_bytes, 60 + 64 + 64 + 60 + 64);
}

#[test]
fn without_reorder_hdr_the_tag_stays() {
    let mut lab = Lab::new(
        "ip tuntap add p1 mode tap
         ip link set p1 address 02:00:00:00:00:01 up
         ip link add link p1 name raw up type vlan id 10 reorder_hdr off
         ip link add link raw name raw.20 up type vlan id 20
         ip link add link raw name raw.30 up type vlan id 30 reorder_hdr off
         ip link add link raw.30 name raw.30.40 up type vlan id 40",
    );
    check(
        &mut lab,
        &[
            ("p1", "all 8100:10", "raw Broadcast 8100:10"),
            ("p1", "01 8100:10", "raw Host 8100:10"),
            ("p1", "77 8100:10p5", "raw OtherHost 8100:10p5"),
            // The second tag is aside now, and stands in front of the one that stayed.
            ("p1", "all 8100:10 8100:21", "raw OtherHost 8100:21 8100:10"),
            ("p1", "all 8100:10 8100:20", "raw.20 Broadcast 8100:10"),
            (
                "p1",
                "all 8100:10 8100:20 8100:5",
                "raw.20 OtherHost 8100:5 8100:10",
            ),
            (
                "p1",
                "all 8100:10 8100:30",
                "raw.30 Broadcast 8100:10 8100:30",
            ),
            (
                "p1",
                "all 8100:10 8100:30 8100:40",
                "raw.30.40 Broadcast 8100:10 8100:30",
            ),
            ("raw", "all", "p1 Broadcast 8100:10"),
            ("raw", "all 8100:10", "p1 Broadcast 8100:10"),
            ("raw", "all 8100:77p2", "p1 Broadcast 8100:77p2"),
            ("raw", "all 88a8:77", "p1 Broadcast 8100:10 88a8:77"),
            // The device above gives its tag as part of the octets, which then carry one.
            ("raw.20", "all", "p1 Broadcast 8100:20"),
        ],
    );
}

#[test]
fn priorities_go_through_a_bridge_and_not_through_a_veth_pair() {
    let mut lab = Lab::new(
        "ip link add br0 up type bridge mcast_snooping 0
         ip tuntap add p1 mode tap
         ip tuntap add p2 mode tap
         ip link set p1 up
         ip link set p2 up
         ip link add link p1 name a up type vlan id 10 ingress-qos-map 5:6 3:77
         ip link add link p2 name b up type vlan id 20 egress-qos-map 6:2 77:1
         ip link set dev a master br0
         ip link set dev b master br0",
    );
    check(
        &mut lab,
        &[
            ("p1", "77 8100:10p5", "p2 Host 8100:20p2"),
            ("p1", "77 8100:10p3", "p2 Host 8100:20p1"),
            ("p1", "77 8100:10p2", "p2 Host 8100:20"),
            ("br0", "77", "p1 Host 8100:10, p2 Host 8100:20"),
        ],
    );
}

#[test]
fn bpdus_have_the_priority_of_control() {
    let mut lab = Lab::new(
        "ip tuntap add p1 mode tap
         ip link set p1 up
         ip link add link p1 name t10 up type vlan id 10 egress-qos-map 7:6",
    );
    let own = crate::netdev::NamespaceId::OWN;
    let id = lab.control.network().find(own, "t10").expect("a netdev");
    let plan = lab.control.plan();
    let mut octets = frame("all");
    octets[..6].copy_from_slice(&[0x01, 0x80, 0xc2, 0, 0, 0]);
    originate(&plan, NOW, id, &octets, &mut lab.counters, &mut lab.egress);
    let (_, mut copies) = lab.egress.queues().next().expect("it left");
    let copy = copies.next().expect("a copy");
    let sent = lab.egress.pieces(copy.edit, &octets).concat();
    assert_eq!(sent[12..16], [0x81, 0x00, 0xc0, 10]);
}

#[test]
fn over_veth_pairs_and_dummies() {
    let mut lab = Lab::new(
        "ip netns add h1
         ip link add eth0 netns h1 type veth peer name p1
         ip link add link p1 name p1.10 type vlan id 10
         ip -n h1 link add link eth0 name lan type vlan id 10
         ip -n h1 link add link eth0 name loose type vlan id 11 loose_binding on
         ip link set p1 up
         ip -n h1 link set eth0 up
         ip -n h1 link set loose up
         ip link add d1 up type dummy
         ip link add link d1 name d1.5 up type vlan id 5",
    );
    check(
        &mut lab,
        &[
            ("p1.10", "all", "h1/lan Broadcast"),
            ("h1/lan", "all", "p1.10 Broadcast"),
            ("h1/loose", "all", "p1 OtherHost 8100:11"),
            ("d1.5", "all", "dummy_transmit"),
        ],
    );
    let before = lab.netdev("d1");
    assert_eq!(
        (before.tx_packets, before.tx_bytes),
        (1, 64),
        "the tag counts"
    );
    assert_eq!(lab.netdev("d1.5").tx_bytes, 60);
    assert_eq!(lab.netdev("p1.10").rx_bytes, 46, "without the header");
    lab.run("ip -n h1 link set eth0 mtu 100");
    check(
        &mut lab,
        &[
            ("p1.10", "all len 118", "h1/lan Broadcast"),
            ("p1.10", "all len 119", "peer_oversize"),
        ],
    );
    assert_eq!(lab.netdev("p1.10").tx_dropped, 1);
    assert_eq!(lab.netdev("p1.10").tx_packets, 2);
    lab.run("ip -n h1 link set eth0 down");
    assert_eq!(lab.send("h1/loose", "all"), "netdev_down");
    assert_eq!(lab.send("p1.10", "all"), "no_carrier");
    assert_eq!(lab.netdev("p1.10").tx_dropped, 2);
}

#[test]
fn bridges_over_one_trunk_stay_apart() {
    let mut script = String::from("ip tuntap add trunk mode tap\nip link set trunk up\n");
    for vid in [10, 20] {
        script += &format!(
            "ip link add br{vid} up type bridge mcast_snooping 0
             ip link add link trunk name t{vid} up type vlan id {vid}
             ip link set t{vid} master br{vid}
             ip tuntap add h{vid} mode tap
             ip link set h{vid} up master br{vid}\n"
        );
    }
    let mut lab = Lab::new(&script);
    check(
        &mut lab,
        &[
            ("trunk", "all 8100:10", "br10 Broadcast, h10 Broadcast"),
            ("trunk", "all 8100:20", "br20 Broadcast, h20 Broadcast"),
            ("h20", "all", "br20 Broadcast, trunk Broadcast 8100:20"),
            (
                "h20",
                "all 8100:7",
                "br20 OtherHost 8100:7, trunk Broadcast 8100:20 8100:7",
            ),
            (
                "trunk",
                "all 8100:20 8100:7",
                "br20 OtherHost 8100:7, h20 Broadcast 8100:7",
            ),
        ],
    );
}

#[test]
fn copies_that_multiply_end() {
    // Each bridge has thirty VLAN devices of the one below as ports: 27,930 steps down for a broadcast.
    let mut script = String::from("ip link add br0 up type bridge mcast_snooping 0\n");
    for level in 1..4 {
        script += &format!("ip link add br{level} up type bridge mcast_snooping 0\n");
        for vid in 1..=30 {
            let (below, name) = (level - 1, format!("v{level}x{vid}"));
            script += &format!(
                "ip link add link br{below} name {name} up type vlan id {vid}
                 ip link set {name} master br{level}\n"
            );
        }
    }
    script += "ip tuntap add p1 mode tap\nip link set p1 up master br0\n";
    let mut lab = Lab::new(&script);
    let went = lab.send("br3", "all");
    let lost = lab.egress.lost();
    assert!(lost.iter().all(|lost| lost.reason == DropReason::HopLimit));
    let (lost, went) = (lost.len(), went.matches("p1 ").count());
    assert!(
        lost > 0 && went > 0 && lost + went < 28_000,
        "{lost} {went}"
    );
}

#[test]
fn tables_of_devices() {
    let table = Uppers::new([
        (TagType::Dot1Ad, 4094, NetdevId(3)),
        (TagType::Dot1Q, 4094, NetdevId(2)),
        (TagType::Dot1Q, 0, NetdevId(1)),
    ]);
    let get = |tag_type, tci| table.get(Tag { tag_type, tci }).map(|id| id.0);
    assert_eq!(get(TagType::Dot1Q, 0xe000), Some(1));
    assert_eq!(get(TagType::Dot1Q, 4094), Some(2));
    assert_eq!(get(TagType::Dot1Ad, 0x1ffe), Some(3));
    assert_eq!(get(TagType::Dot1Ad, 0), None);
}
