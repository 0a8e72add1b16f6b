//! VXLAN from commands to frames: what a VTEP sends and takes, each reason why not, and two of them that
//! find each other. The octets themselves are compared with the kernel's in `tests/kernel`.

mod host;
mod reasons;
mod stack;

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
            got.extend(copies.map(|copy| (name.clone(), egress.pieces(copy.edit, frame).concat())));
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

/// What is sent is two pieces, headers and the frame's own octets behind its addresses, which stay where they
/// are; whatever the length, and both ways.
#[test]
fn payload_is_not_copied() {
    let mut lab = Lab::new(ONE);
    lab.send(
        "t0",
        &wrapped(&envelope(false), Vxlan::new(42), &frame(HERE, A, 60)),
    );
    const ADDRESSES: usize = 12;
    const FRONT: usize = 50;
    for len in [60, 1_450] {
        let out = frame(A, HERE, len);
        let inward = wrapped(&envelope(false), Vxlan::new(42), &frame(HERE, A, len));
        for (from, octets, copied, stays) in [
            ("vx0", &out, FRONT + ADDRESSES, &out[ADDRESSES..]),
            ("t0", &inward, ADDRESSES, &inward[FRONT + ADDRESSES..]),
        ] {
            let plan = lab.control.plan();
            let id = lab.control.network().find_attachment(from).unwrap();
            let mut egress = Egress::default();
            forward(
                &plan,
                lab.now,
                id,
                &[octets],
                &mut lab.counters,
                &mut egress,
            );
            let copies: Vec<_> = egress.queues().flat_map(|(_, copies)| copies).collect();
            let [copy] = copies[..] else {
                panic!("{copies:?}");
            };
            let [head, rest] = egress.pieces(copy.edit, octets);
            assert_eq!(head.len(), copied, "{from}, {len} octets");
            assert_eq!(rest.as_ptr_range(), stays.as_ptr_range(), "{from}, {len}");
        }
    }
}
