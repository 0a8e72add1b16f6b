//! VXLAN from commands to frames: what a VTEP sends and takes, each reason why not, and two of them that
//! find each other. The octets themselves are compared with the kernel's in `tests/kernel`.

use super::summary::{Traffic, TunnelSummary};
use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{DropReason, Egress, Verdict, forward, hand_up, originate};
use crate::wire::{Datagram, Envelope, MacAddr, Sum, Vxlan};

/// A VTEP at 192.0.2.1 behind a TAP; 192.0.2.2 is known there.
const ONE: &str = "
    ip tuntap add t0 mode tap
    ip link set t0 address 02:00:00:00:00:d0 up
    ip addr add 192.0.2.1/24 dev t0
    ip addr add 2001:db8::1/64 dev t0
    ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:d2 dev t0
    ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:d2 dev t0
    ip link add vx0 address 02:00:00:00:00:01 type vxlan id 42 dstport 4789 remote 192.0.2.2
    ip link set vx0 up";

const ALL: MacAddr = MacAddr::BROADCAST;
const HERE: MacAddr = MacAddr::from_u64(0x0200_0000_0001);
const A: MacAddr = MacAddr::from_u64(0x0200_0000_0a01);
const T0: MacAddr = MacAddr::from_u64(0x0200_0000_00d0);
const FAR: MacAddr = MacAddr::from_u64(0x0200_0000_00d2);

struct Lab {
    control: Control,
    counters: Counters,
    now: Instant,
}

impl Lab {
    fn new(lines: &str) -> Self {
        let mut lab = Self {
            control: Control::new(&[]),
            counters: Counters::default(),
            now: Instant::from_secs(1),
        };
        lab.all(lines);
        lab
    }

    /// Runs commands that have to succeed; returns what the last one printed.
    fn all(&mut self, lines: &str) -> String {
        let script = Script::parse("test", lines).unwrap_or_else(|error| panic!("{error}"));
        let mut stdout = String::new();
        for item in script.items() {
            let command = match &item.command {
                Command::Net(command) | Command::Neigh(command, _) => command,
                other => panic!("{other:?}"),
            };
            let reply = self.control.execute(self.now, command, &self.counters);
            assert_eq!(reply.status, 0, "{item:?}: {}", reply.stderr);
            stdout = reply.stdout;
        }
        stdout
    }

    /// Sends a frame from an attachment, does what follows of it, and returns its verdict and who got
    /// what, in order.
    fn send(&mut self, from: &str, frame: &[u8]) -> (Verdict, Vec<(String, Vec<u8>)>) {
        let plan = self.control.plan();
        let id = self.control.network().find_attachment(from).unwrap();
        let mut egress = Egress::default();
        self.counters.fit(&plan);
        let (counters, now) = (&mut self.counters, self.now);
        forward(&plan, now, id, &[frame], counters, &mut egress);
        let verdict = egress.verdicts()[0];
        let mut got = self.take(&egress, frame);
        got.extend(self.settle());
        (verdict, got)
    }

    fn take(&mut self, egress: &Egress, frame: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut got = Vec::new();
        for (id, copies) in egress.queues() {
            let name = &self.control.network().attachments()[id.index()].name;
            got.extend(
                copies
                    .iter()
                    .map(|copy| (name.clone(), egress.pieces(copy.edit, frame).concat())),
            );
        }
        for trap in egress.traps() {
            let octets = egress.pieces(trap.edit, frame).concat();
            self.control.handle_trap(self.now, trap, &octets);
        }
        got
    }

    fn settle(&mut self) -> Vec<(String, Vec<u8>)> {
        let mut got = Vec::new();
        while let Some(output) = self.control.poll_output() {
            let plan = self.control.plan();
            self.counters.fit(&plan);
            let mut egress = Egress::default();
            let (counters, now) = (&mut self.counters, self.now);
            let octets = match output {
                Output::Plan(_) | Output::Tree(_) | Output::Loop(_) => continue,
                Output::Transmit(id, octets) => {
                    originate(&plan, now, id, &octets, counters, &mut egress);
                    octets
                }
                Output::Receive(id, octets) => {
                    hand_up(&plan, now, id, &octets, counters, &mut egress);
                    octets
                }
            };
            got.extend(self.take(&egress, &octets));
        }
        got
    }

    /// What the summary says of tunnels; it adds up.
    fn tunnels(&self) -> TunnelSummary {
        let plan = self.control.plan();
        let network = self.control.network();
        let traffic = Traffic::new(network, &plan, &self.counters, self.now, 0);
        let tunnels = traffic.tunnels.expect("something waited");
        assert!(tunnels.adds_up(), "{tunnels:?}");
        tunnels
    }

    fn wait(&mut self, seconds: u64) -> Vec<(String, Vec<u8>)> {
        let end = self.now + Duration::from_secs(seconds);
        let mut got = Vec::new();
        while let Some(due) = self.control.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.control.handle_timeout(self.now);
            got.extend(self.settle());
        }
        self.now = end;
        got
    }
}

fn frame(to: MacAddr, from: MacAddr, len: usize) -> Vec<u8> {
    let mut frame = [to.octets(), from.octets()].concat();
    frame.extend([0x88, 0xb5]);
    frame.resize(len, 0x5a);
    frame
}

fn envelope(v6: bool) -> Envelope {
    let [source, destination] = match v6 {
        false => ["192.0.2.2", "192.0.2.1"],
        true => ["2001:db8::2", "2001:db8::1"],
    };
    Envelope {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        tos: 0,
        ttl: 64,
        df: false,
        id: 1,
        label: 0,
        source_port: 40_000,
        destination_port: 4_789,
        checksum: true,
    }
}

fn wrapped(envelope: &Envelope, header: Vxlan, inner: &[u8]) -> Vec<u8> {
    let payload = [&header.octets()[..], inner].concat();
    let (headers, len) = envelope.write([&payload[..]].into_iter());
    let mut frame = [T0.octets(), FAR.octets()].concat();
    frame.extend(envelope.ether_type().to_be_bytes());
    frame.extend(&headers[..len]);
    frame.extend(payload);
    frame
}

#[test]
fn a_frame_goes_out_in_a_datagram_and_its_answer_comes_in() {
    for (v6, front) in [(false, 50), (true, 70)] {
        let mut lab = Lab::new(ONE);
        if v6 {
            lab.all(
                "ip link del vx0
                 ip link add vx0 address 02:00:00:00:00:01 type vxlan id 42 dstport 4789 remote 2001:db8::2
                 ip link set vx0 up",
            );
        }
        let inner = frame(ALL, HERE, 60);
        let (verdict, got) = lab.send("vx0", &inner);
        assert_eq!(verdict, Verdict::Forwarded);
        let [(at, sent)] = got.as_slice() else {
            panic!("{got:?}");
        };
        assert_eq!((at.as_str(), sent.len()), ("t0", front + 60));
        assert_eq!(sent[..12], [FAR.octets(), T0.octets()].concat());
        assert_eq!(sent[front..], inner);
        let outer = Datagram::parse(envelope(v6).ether_type(), &sent[14..]).unwrap();
        assert!(outer.check(&sent[14..], sent.len() - 14).is_ok());
        assert!(outer.has_checksum && outer.sums_up([&sent[14 + outer.start..]]));
        assert_eq!(
            (outer.source, outer.destination),
            (envelope(v6).destination, envelope(v6).source)
        );
        assert!((32_768..60_999).contains(&outer.source_port));

        let answer = frame(HERE, A, 60);
        let (verdict, got) = lab.send("t0", &wrapped(&envelope(v6), Vxlan::new(42), &answer));
        assert_eq!(
            (verdict, got),
            (Verdict::Forwarded, vec![("vx0".to_owned(), answer)])
        );
        let shown = lab.all("bridge fdb show dev vx0");
        let remote = envelope(v6).source;
        assert!(
            shown.contains(&format!("02:00:00:00:0a:01 dst {remote} self")),
            "{shown}"
        );
    }
}

/// Every reason for which a packet to a VTEP, or a frame from one, goes nowhere.
#[test]
fn every_malformed_packet_has_a_reason_of_its_own() {
    use DropReason::*;
    let inner = frame(ALL, A, 60);
    let good = |v6: bool| wrapped(&envelope(v6), Vxlan::new(42), &inner);
    let flags = |flags, last| wrapped(&envelope(false), Vxlan { flags, last }, &inner);
    let from = |ip: &str| {
        let mut other = envelope(false);
        other.source = ip.parse().unwrap();
        wrapped(&other, Vxlan::new(42), &inner)
    };
    let carrying = |inner: &[u8]| wrapped(&envelope(false), Vxlan::new(42), inner);
    let changed = |at: usize, value: u8| {
        let mut packet = good(false);
        packet[at] = value;
        packet
    };
    let no_checksum6 = {
        let mut other = envelope(true);
        other.checksum = false;
        wrapped(&other, Vxlan::new(42), &inner)
    };
    let congested = {
        let mut other = envelope(false);
        other.tos = 3;
        let mut ip = frame(ALL, A, 60);
        ip[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        ip[15] = 0;
        wrapped(&other, Vxlan::new(42), &ip)
    };
    let cut_ip = {
        let mut ip = frame(ALL, A, 33);
        ip[12..14].copy_from_slice(&[0x08, 0x00]);
        carrying(&ip)
    };
    let truncated = {
        let (headers, len) = envelope(false).write([&[0x08, 0, 0, 0][..]].into_iter());
        let mut packet = good(false)[..14].to_vec();
        packet.extend(&headers[..len]);
        packet.extend([0x08, 0, 0, 0]);
        packet
    };
    let mut lab = Lab::new(ONE);
    lab.all(
        "ip link add vx6 address 02:00:00:00:00:06 type vxlan id 42 dstport 4789 local 2001:db8::1
         ip link set vx6 up
         bridge fdb add 02:00:00:00:0a:05 dev vx0 dst 192.0.2.3 static",
    );
    let fixed = MacAddr::from_u64(0x0200_0000_0a05);
    let cases = [
        (changed(24, 0), TunnelIp),
        (changed(39, 7), TunnelUdp),
        (changed(100, 0), TunnelChecksum),
        (no_checksum6, TunnelChecksum),
        (from("192.0.2.1"), TunnelSource),
        (from("127.0.0.1"), TunnelSource),
        (truncated, VxlanTruncated),
        (flags(0, 42 << 8), VxlanFlags),
        (flags(Vxlan::VNI_VALID, 43 << 8), VxlanVni),
        (carrying(&inner[..13]), VxlanRunt),
        (flags(Vxlan::VNI_VALID, (42 << 8) | 1), VxlanReserved),
        (
            flags(Vxlan::VNI_VALID | Vxlan::REMOTE_CHECKSUM, 42 << 8),
            VxlanReserved,
        ),
        (carrying(&frame(ALL, HERE, 60)), VxlanOwnSource),
        (carrying(&frame(ALL, MacAddr::ZERO, 60)), VxlanSource),
        (carrying(&frame(ALL, fixed, 60)), VxlanElsewhere),
        (cut_ip, VxlanInnerIp),
        (congested, VxlanCongestion),
    ];
    for (packet, reason) in cases {
        let (verdict, got) = lab.send("t0", &packet);
        assert_eq!(
            (verdict, got),
            (Verdict::Dropped(reason), vec![]),
            "{reason}"
        );
    }
    // What is for somebody else, or for no tunnel, is the stack's.
    let elsewhere = {
        let mut other = envelope(false);
        other.destination_port = 4_790;
        wrapped(&other, Vxlan::new(42), &inner)
    };
    for packet in [elsewhere, changed(33, 9), changed(14, 0x65)] {
        let (_, got) = lab.send("t0", &packet);
        assert_eq!(got, [("t0@stack".to_owned(), packet)]);
    }
    let counters = &lab.counters.attachments;
    assert!(counters.iter().all(|it| it.add_up()));
}

#[test]
fn frames_that_cannot_be_sent_have_a_reason_of_their_own() {
    use DropReason::*;
    let mut lab = Lab::new(ONE);
    lab.all(
        "bridge fdb add 02:00:00:00:0b:01 dev vx0 dst 203.0.113.1
         bridge fdb add 02:00:00:00:0b:02 dev vx0 dst 192.0.2.1 vni 7
         bridge fdb add 02:00:00:00:0b:03 dev vx0 dst 203.0.113.1 via vx0
         bridge fdb add 02:00:00:00:0b:04 dev vx0 dst 0.0.0.0
         ip link add vx1 address 02:00:00:00:00:11 type vxlan id 43 dstport 4789 proxy
         ip link set vx1 up
         ip link add vx2 address 02:00:00:00:00:12 type vxlan id 44 dstport 4789 remote 192.0.2.2 df set
         ip link set vx2 up",
    );
    let to = |last: u64| frame(MacAddr::from_u64(0x0200_0000_0b00 + last), HERE, 60);
    let mut cut = to(9);
    cut[12..14].copy_from_slice(&[0x86, 0xdd]);
    cut.truncate(53);
    let mut arp = frame(ALL, HERE, 60);
    arp[12..14].copy_from_slice(&[0x08, 0x06]);
    let cases = [
        ("vx0", to(1), TunnelNoRoute),
        ("vx0", to(2), VxlanNobodyHere),
        ("vx0", to(3), TunnelLoop),
        ("vx0", to(4), VxlanNoRemote),
        ("vx1", to(9), VxlanNoRemote),
        ("vx0", cut, VxlanInnerIp),
        ("vx1", arp, VxlanProxied),
        ("vx2", frame(ALL, HERE, 1_514), TunnelOversize),
    ];
    for (at, octets, reason) in cases {
        let (verdict, got) = lab.send(at, &octets);
        assert_eq!(
            (verdict, got),
            (Verdict::Dropped(reason), vec![]),
            "{reason}"
        );
    }
}

#[test]
fn no_octet_of_a_packet_panics_or_is_lost_without_a_reason() {
    let mut lab = Lab::new(ONE);
    for v6 in [false, true] {
        let packet = wrapped(&envelope(v6), Vxlan::new(42), &frame(ALL, A, 60));
        for at in 12..packet.len() {
            for value in [0, 1, 0x2c, 0x44, 0x80, 0xff] {
                let mut changed = packet.clone();
                changed[at] = value;
                lab.send("t0", &changed);
                lab.send("t0", &changed[..at]);
            }
        }
    }
    assert!(lab.counters.attachments.iter().all(|it| it.add_up()));
}

/// Whatever becomes of a packet, or of a frame that a VTEP is to send, has a name, and all of it adds up.
#[test]
fn no_mutation_of_a_packet_panics_or_is_lost_without_a_reason() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let lab = std::cell::RefCell::new(Lab::new(ONE));
    lab.borrow_mut().all(
        "ip link add vx6 address 02:00:00:00:00:06 type vxlan id 42 dstport 4789 remote 2001:db8::2 proxy rsc gbp
         ip link set vx6 up",
    );
    let edits = prop::collection::vec((12usize..160, any::<u8>()), 0..6);
    let strategy = (any::<bool>(), edits, 0usize..300, 0u8..4);
    let config = Config {
        cases: 3_000,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&strategy, |(v6, edits, len, fix)| {
        let mut lab = lab.borrow_mut();
        let inner = frame(ALL, A, 90);
        let mut packet = wrapped(&envelope(v6), Vxlan::new(42), &inner);
        for (at, value) in &edits {
            if let Some(octet) = packet.get_mut(*at) {
                *octet = *value;
            }
        }
        // Cut, as it is, or with octets behind it.
        if fix & 1 == 0 {
            packet.resize(len, 0xee);
        }
        // So that not all of them end at the first checksum.
        if fix & 2 == 0 && !v6 && packet.len() >= 42 {
            packet[24..26].fill(0);
            let sum = Sum::default().with(&packet[14..34]).checksum();
            packet[24..26].copy_from_slice(&sum.to_be_bytes());
            packet[40..42].fill(0);
        }
        lab.send("t0", &packet);
        for from in ["vx0", "vx6"] {
            lab.send(from, packet.get(14..).unwrap_or_default());
        }
        Ok(())
    });
    result.unwrap();
    let lab = lab.into_inner();
    assert!(lab.counters.attachments.iter().all(|it| it.add_up()));
    let reasons: u64 = lab
        .counters
        .attachments
        .iter()
        .map(|it| it.dropped_total())
        .sum();
    assert!(reasons > 1_000, "{reasons}");
    let plan = lab.control.plan();
    let network = lab.control.network();
    let traffic = Traffic::new(network, &plan, &lab.counters, lab.now, 0);
    assert!(traffic.tunnels.is_none_or(|it| it.adds_up()));
}

/// A lab on a host, with the TAP t0 and the outside wire `out`.
fn on_a_host(lines: &str) -> Lab {
    let mut lab = Lab {
        control: Control::new(&["out".to_owned()]),
        counters: Counters::default(),
        now: Instant::from_secs(1),
    };
    lab.control.set_host_below();
    lab.all("ip tuntap add t0 mode tap\nip link set t0 up");
    lab.all(lines);
    lab.settle();
    lab
}

#[test]
fn a_device_goes_by_the_host_where_nothing_is_emulated_below() {
    for (device, gives, by_host) in [
        ("remote 192.0.2.2", "", true),
        ("remote 192.0.2.2", "ip addr add 192.0.2.1/24 dev t0", false),
        ("remote 192.0.2.2", "ip addr add 10.0.0.1/24 dev t0", true),
        (
            "remote 192.0.2.2 local 192.0.2.1",
            "ip addr add 192.0.2.9/24 dev t0",
            true,
        ),
        (
            "remote 192.0.2.2 local 192.0.2.1",
            "ip addr add 192.0.2.1/32 dev t0",
            false,
        ),
        ("remote 192.0.2.2 dev t0", "", false),
        ("group 239.1.1.1 dev out", "", true),
        (
            "group 239.1.1.1 dev out",
            "ip addr add 192.0.2.1/24 dev out",
            false,
        ),
        (
            "group 239.1.1.1 dev out",
            "ip addr add 2001:db8::1/64 dev out",
            true,
        ),
        (
            "remote 2001:db8::2",
            "ip addr add 192.0.2.1/24 dev t0",
            true,
        ),
        (
            "remote 2001:db8::2",
            "ip addr add 2001:db8::1/64 dev t0",
            false,
        ),
        ("", "", true),
        ("", "ip addr add 192.0.2.1/24 dev t0", false),
        ("", "ip addr add 192.0.2.1/24 dev vx0", true),
    ] {
        let lab = on_a_host(&format!(
            "ip link add vx0 type vxlan id 42 dstport 4789 {device}\nip link set vx0 up\n{gives}"
        ));
        let network = lab.control.network();
        assert_eq!(
            network.host_tunnels().count() == 1,
            by_host,
            "{device}, {gives}"
        );
    }
    // A namespace that the script makes has no host below.
    let lab = on_a_host(
        "ip netns add a
         ip -n a link add vx0 type vxlan id 42 dstport 4789 remote 192.0.2.2
         ip -n a link set vx0 up",
    );
    assert_eq!(lab.control.network().host_tunnels().count(), 0);
}

#[test]
fn packets_go_to_the_hosts_socket_and_come_from_it() {
    use crate::switch::vxlan::exit_of;

    let mut lab = on_a_host(
        "ip link add vx0 address 02:00:00:00:00:01 type vxlan id 42 dstport 4789 local 192.0.2.1 remote 192.0.2.2 ttl 9
         ip link add vx6 type vxlan id 42 dstport 4789 remote 2001:db8::2
         ip link set vx0 up
         ip link set vx6 up",
    );
    const SOCKET: &str = "vxlan4:4789";
    let inner = frame(ALL, HERE, 100);
    let (verdict, got) = lab.send("vx0", &inner);
    assert_eq!(verdict, Verdict::Forwarded);
    let [(at, sent)] = got.as_slice() else {
        panic!("{got:?}");
    };
    assert_eq!((at.as_str(), &sent[50..]), (SOCKET, &inner[..]));
    assert_eq!(exit_of(sent.first_chunk().unwrap()), (None, true));
    let outer = Datagram::parse(0x0800, &sent[14..]).unwrap();
    let [source, destination] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
    assert_eq!((outer.source, outer.destination), (source, destination));
    // The host sums up.
    assert!(!outer.has_checksum && sent[22] == 9);

    let answer = frame(HERE, A, 60);
    let (verdict, got) = lab.send(SOCKET, &wrapped(&envelope(false), Vxlan::new(42), &answer));
    assert_eq!(
        (verdict, got),
        (Verdict::Forwarded, vec![("vx0".to_owned(), answer.clone())])
    );
    let shown = lab.all("bridge fdb show dev vx0");
    assert!(
        shown.contains("02:00:00:00:0a:01 dst 192.0.2.2 self"),
        "{shown}"
    );
    // Reasons have the names that they have where the stack is emulated.
    let unknown = wrapped(&envelope(false), Vxlan::new(43), &answer);
    let (verdict, _) = lab.send(SOCKET, &unknown);
    assert_eq!(verdict, Verdict::Dropped(DropReason::VxlanVni));
    let (verdict, _) = lab.send(SOCKET, &unknown[..45]);
    assert_eq!(verdict, Verdict::Dropped(DropReason::TunnelIp));
    lab.all("ip link set vx0 down");
    let (verdict, _) = lab.send(SOCKET, &wrapped(&envelope(false), Vxlan::new(42), &answer));
    assert_eq!(verdict, Verdict::Dropped(DropReason::VxlanVni));

    // What is too long for the way is not sent over IPv6; without a known way it is tried.
    let long = frame(ALL, A, 1_500);
    let (verdict, _) = lab.send("vx6", &long);
    assert_eq!(verdict, Verdict::Forwarded);
    let id = lab
        .control
        .network()
        .find(crate::netdev::NamespaceId::OWN, "vx6")
        .unwrap();
    lab.control.set_way_mtu(lab.now, id, Some(1_500));
    let (verdict, _) = lab.send("vx6", &long);
    assert_eq!(verdict, Verdict::Dropped(DropReason::TunnelOversize));
    assert!(lab.counters.attachments.iter().all(|it| it.add_up()));
}

/// Two hosts, each with a VTEP, over a veth pair; nobody knows anybody.
const TWO: &str = "
    ip netns add a
    ip netns add b
    ip link add eth0 netns a address 02:00:00:00:00:a1 type veth peer name eth0 netns b address 02:00:00:00:00:b1
    ip -n a link set eth0 up
    ip -n b link set eth0 up
    ip -n a addr add 192.0.2.1/24 dev eth0
    ip -n b addr add 192.0.2.2/24 dev eth0
    ip -n a addr add 2001:db8::1/64 dev eth0
    ip -n b addr add 2001:db8::2/64 dev eth0";

#[test]
fn two_endpoints_find_each_other() {
    for (here, there) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        let mut lab = Lab::new(TWO);
        for (ns, remote) in [("a", there), ("b", here)] {
            lab.all(&format!(
                "ip -n {ns} link add vx0 type vxlan id 7 dstport 4789 remote {remote}
                 ip -n {ns} link set vx0 up"
            ));
        }
        // IPv6 outside is not fragmented.
        let octets = frame(ALL, A, if here.contains(':') { 400 } else { 1_514 });
        let (verdict, got) = lab.send("a/vx0", &octets);
        assert_eq!(verdict, Verdict::Trapped, "it waits for the answer");
        let names: Vec<_> = got.iter().map(|(name, _)| name.as_str()).collect();
        // The question, its answer, and the packet (of IPv4 in two pieces).
        let expected: &[&str] = match here.contains(':') {
            false => &["b/eth0", "a/eth0", "b/eth0", "b/eth0", "b/vx0"],
            true => &["b/eth0", "a/eth0", "b/vx0"],
        };
        assert_eq!(names, expected);
        assert_eq!(got.last().unwrap().1, octets);
        let small = frame(MacAddr::from_u64(0x0200_0000_0a02), A, 100);
        lab.send("a/vx0", &small);
        let (verdict, got) = lab.send("a/vx0", &small);
        assert_eq!(
            (verdict, got),
            (Verdict::Forwarded, vec![("b/vx0".to_owned(), small)])
        );
        let shown = lab.all("ip netns exec b bridge fdb show dev vx0");
        assert!(
            shown.contains(&format!("02:00:00:00:0a:01 dst {here} self")),
            "{shown}"
        );
        let pieces = if here.contains(':') { 1 } else { 2 };
        let summary = lab.tunnels();
        assert_eq!((summary.waited, summary.sent), (pieces, pieces));
        // The neighbour is forgotten in time, and asked for again.
        lab.wait(60);
        let (verdict, _) = lab.send("a/vx0", &frame(ALL, A, 100));
        assert_eq!(verdict, Verdict::Trapped);
    }
}

#[test]
fn nobody_answers_and_the_packets_are_given_up() {
    let mut lab = Lab::new(ONE);
    lab.all("ip link set vx0 type vxlan remote 192.0.2.9");
    let (verdict, got) = lab.send("vx0", &frame(ALL, HERE, 60));
    assert_eq!(verdict, Verdict::Trapped);
    assert_eq!(got.len(), 1, "one question");
    for _ in 0..200 {
        lab.send("vx0", &frame(ALL, HERE, 60));
    }
    assert_eq!(lab.control.network().tunnel_losses(), 100, "101 may wait");
    let summary = lab.tunnels();
    assert_eq!((summary.waited, summary.waiting), (201, 101));
    assert_eq!(lab.wait(5).len(), 2, "two more questions");
    assert_eq!(lab.control.network().tunnel_losses(), 201);
    assert!(lab.wait(100).is_empty());
    // They are told of, and add up with what the attachments counted.
    let summary = lab.tunnels();
    assert_eq!((summary.crowded, summary.unanswered), (100, 101));
    let trapped: u64 = lab.counters.attachments.iter().map(|it| it.trapped).sum();
    assert_eq!(summary.waited, trapped);
    let told = summary.to_string();
    for line in [
        "tunnels: 201 packets waited for an address: 0 sent, 0 still waiting",
        "lost below tunnels: 100 packets: too many waited for an address",
        "lost below tunnels: 101 packets: nobody answered for their endpoint",
    ] {
        assert!(told.lines().any(|it| it == line), "{told}");
    }
}

#[test]
fn fragments_in_any_order_make_a_frame() {
    let inner = frame(HERE, A, 1_000);
    let whole = wrapped(&envelope(false), Vxlan::new(42), &inner);
    let piece = |from: usize, upto: usize| {
        let mut packet = whole[..34].to_vec();
        let end = (34 + upto).min(whole.len());
        packet.extend(&whole[34 + from..end]);
        let length = u16::try_from(packet.len() - 14).unwrap();
        packet[16..18].copy_from_slice(&length.to_be_bytes());
        let more = if end < whole.len() { 0x2000 } else { 0 };
        let field = u16::try_from(from / 8).unwrap() | more;
        packet[20..22].copy_from_slice(&field.to_be_bytes());
        packet[24..26].fill(0);
        let sum = Sum::default().with(&packet[14..34]).checksum();
        packet[24..26].copy_from_slice(&sum.to_be_bytes());
        packet
    };
    let pieces = [piece(0, 400), piece(400, 800), piece(800, 2_000)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut lab = Lab::new(ONE);
        let mut got = Vec::new();
        for index in order {
            got.extend(lab.send("t0", &pieces[index]).1);
        }
        got.retain(|(name, _)| name == "vx0");
        assert_eq!(got, [("vx0".to_owned(), inner.clone())], "{order:?}");
        let summary = lab.tunnels();
        assert_eq!((summary.fragmented, summary.together), (1, 1));
    }
    // One that overlaps spoils the others; one that is missing is waited for, not for ever.
    let mut lab = Lab::new(ONE);
    for octets in [&pieces[0], &piece(392, 800)] {
        lab.send("t0", octets);
    }
    assert_eq!(lab.control.network().tunnel_losses(), 1);
    lab.send("t0", &pieces[0]);
    assert_eq!(lab.tunnels().partial, 1);
    lab.wait(31);
    assert_eq!(lab.control.network().tunnel_losses(), 2);
    let summary = lab.tunnels();
    assert_eq!(summary.fragmented, 2);
    assert_eq!((summary.misfits, summary.incomplete), (1, 1));
}

#[test]
fn entries_age_on_the_kernels_ticks() {
    let mut lab = Lab::new(ONE);
    lab.all("ip link set vx0 type vxlan ageing 15");
    lab.wait(1);
    lab.send(
        "t0",
        &wrapped(&envelope(false), Vxlan::new(42), &frame(HERE, A, 60)),
    );
    let known = |lab: &mut Lab| lab.all("bridge fdb show dev vx0").contains("0a:01");
    assert!(known(&mut lab));
    lab.wait(14);
    assert!(known(&mut lab));
    lab.wait(2);
    assert!(!known(&mut lab));
}
