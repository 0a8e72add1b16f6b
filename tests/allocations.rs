//! The fast path allocates nothing: counted, not assumed.

use tapswitch::control::Control;
use tapswitch::iproute::command::Command;
use tapswitch::iproute::script::Script;
use tapswitch::switch::{AttachmentId, Counters, Egress, forward};
use tapswitch::time::Instant;
use tapswitch::wire::MacAddr;

#[path = "../benches/common/mod.rs"]
mod common;

use common::{Traffic, station};

/// Hits, misses, floods, moves and drops of known stations, batch after batch, once the queues have
/// grown to the size of a batch.
#[test]
fn no_allocation_per_frame() {
    let plan = common::bridge(4);
    let stations = 1_000;
    let mixes = [
        Traffic::random(stations, 4096, 60, 0x0800),
        Traffic::between(4096, 60, 0x0800, |n| {
            (MacAddr::BROADCAST, station(n as u64 % stations))
        }),
        Traffic::between(4096, 60, 0x8100, |n| {
            (station(stations + 5), station(n as u64 % stations))
        }),
        Traffic::between(4096, 1519, 0x0800, |n| {
            (station(0), station(n as u64 % stations))
        }),
        Traffic::between(4096, 14, 0x0800, |n| {
            (station(0), MacAddr::from_u64(n as u64 % 2))
        }),
    ];
    let frames: Vec<&[u8]> = mixes.iter().flat_map(Traffic::iter).collect();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let mut pass = |second: u64| {
        for (index, batch) in frames.chunks(64).enumerate() {
            let ingress = AttachmentId(u32::try_from(index % 5).unwrap_or(0));
            forward(
                &plan,
                Instant::from_secs(second),
                ingress,
                batch,
                &mut counters,
                &mut egress,
            );
        }
    };
    pass(0);
    let info = allocation_counter::measure(|| pass(1));
    assert_eq!(info.count_total, 0, "{info:?} in {} frames", frames.len());
    assert!(
        counters.bridges[0].moved > 0 && counters.attachments[1].dropped_total() > 0,
        "the mix covers moves and drops"
    );
}

const TRUNK: &str = "
    ip tuntap add p1 mode tap
    ip link set p1 up
    ip link add link p1 name raw up type vlan id 5 reorder_hdr off
    ip link add link p1 name outer up type vlan id 10 protocol 802.1ad
    ip link add link outer name inner up type vlan id 20 egress-qos-map 0:3
    ip link add br0 up type bridge mcast_snooping 0 vlan_filtering 1
    ip link set inner master br0
    ip tuntap add p2 mode tap
    ip link set p2 up master br0
    bridge vlan add dev inner vid 7
    bridge vlan add dev p2 vid 7
    ip link add link p2 name own up type vlan id 30
    ip link add link br0 name br0.7 up type vlan id 7
    bridge vlan add dev br0 vid 7 self
";

/// Tags pushed and popped by VLAN devices and by a bridge that filters.
#[test]
fn no_allocation_for_tags() {
    let mut control = Control::default();
    let script = Script::parse("trunk", TRUNK).expect("a script");
    for item in script.items() {
        let Command::Net(command) = &item.command else {
            panic!("only ip and bridge");
        };
        let reply = control.execute(Instant::ZERO, command, &Counters::default());
        assert_eq!(reply.status, 0, "{}", reply.stderr);
    }
    let plan = control.plan();
    let tags: [&[u16]; 8] = [
        &[],
        &[0x8100, 5],
        &[0x8100, 5, 0x8100, 20],
        &[0x88a8, 10],
        &[0x88a8, 10, 0x8100, 20],
        &[0x88a8, 10, 0x8100, 0x6014, 0x8100, 7],
        &[0x8100, 0, 0x88a8, 10, 0x8100, 20],
        &[0x8100, 30],
    ];
    let frames: Vec<Vec<u8>> = (0..64u8)
        .map(|n| {
            let (to, from) = match n % 3 {
                0 => (MacAddr::BROADCAST, station(1)),
                1 => (station(2), station(1)),
                _ => (station(1), station(2)),
            };
            let mut octets = [to.octets(), from.octets()].concat();
            for word in tags[usize::from(n) % tags.len()] {
                octets.extend(word.to_be_bytes());
            }
            octets.extend([0x88, 0xb5]);
            octets.resize(80, n);
            octets
        })
        .collect();
    let batch: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let mut pass = |second: u64| {
        for ingress in 0..u32::try_from(plan.attachments.len()).unwrap_or(0) {
            let now = Instant::from_secs(second);
            let at = AttachmentId(ingress);
            forward(&plan, now, at, &batch, &mut counters, &mut egress);
        }
    };
    pass(0);
    pass(1);
    let info = allocation_counter::measure(|| pass(2));
    assert_eq!(info.count_total, 0, "{info:?}");
    let up = |name: &str| {
        let id = control.network().find_attachment(name).expect(name);
        counters.attachments[id.index()].frames_out
    };
    for name in ["p1", "p2", "raw", "outer", "own", "br0.7"] {
        assert!(up(name) > 0, "nothing came out at {name}");
    }
}

/// What goes into a tunnel or comes out of it allocates nothing, and its payload stays where it was: only
/// headers are written.
#[test]
fn no_allocation_and_no_copy_in_tunnels() {
    let control = common::control(&common::TUNNEL.replace("OPTIONS", ""));
    let plan = control.plan();
    let at = |name: &str| control.network().find_attachment(name).expect("a TAP");
    let (p1, u1) = (at("p1"), at("u1"));
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let traffic = Traffic::between(64, 1_450, 0x88b5, |n| (station(3), station(n as u64 % 2)));
    let frames: Vec<&[u8]> = traffic.iter().collect();
    let traffic = Traffic::between(64, 1_450, 0x88b5, |n| (station(n as u64 % 2), station(3)));
    let wrapped: Vec<Vec<u8>> = traffic.iter().map(|it| common::put_in(it, true)).collect();
    let wrapped: Vec<&[u8]> = wrapped.iter().map(Vec::as_slice).collect();
    let mut pass = |from, frames: &[&[u8]], egress: &mut Egress| {
        let now = Instant::from_secs(1);
        forward(&plan, now, from, frames, &mut counters, egress);
    };
    for _ in 0..2 {
        pass(p1, &frames, &mut egress);
        pass(u1, &wrapped, &mut egress);
    }
    // What is in front of the payload on the way out: outer headers and the frame's own addresses.
    const OUTER: usize = 50;
    for (from, to, batch, head, behind) in [
        (p1, u1, &frames, OUTER + 12, 12),
        (u1, p1, &wrapped, 12, OUTER + 12),
    ] {
        let info = allocation_counter::measure(|| pass(from, batch, &mut egress));
        assert_eq!(info.count_total, 0, "{info:?}");
        let copies: Vec<_> = egress
            .queues()
            .find(|(id, _)| *id == to)
            .expect("copies")
            .1
            .collect();
        assert_eq!(copies.len(), 64);
        for copy in copies {
            let frame = batch[copy.frame as usize];
            let pieces = egress.pieces(copy.edit, frame);
            assert_eq!(pieces[0].len(), head);
            assert_eq!(pieces[1].as_ptr_range(), frame[behind..].as_ptr_range());
        }
    }
}

/// Members of groups get their copies without any, too, with destinations of their own or not.
#[test]
fn no_allocation_per_frame_to_a_group() {
    for by_host in [false, true] {
        let mut plan = common::bridge(4);
        common::snoop(&mut plan, 8, by_host);
        let traffic = Traffic::to_groups(4096, 60, 16);
        let frames: Vec<&[u8]> = traffic.iter().collect();
        let (mut counters, mut egress) = (Counters::default(), Egress::default());
        let mut pass = || {
            for batch in frames.chunks(64) {
                let (now, ingress) = (Instant::from_secs(1), AttachmentId(1));
                forward(&plan, now, ingress, batch, &mut counters, &mut egress);
            }
        };
        pass();
        let info = allocation_counter::measure(pass);
        assert_eq!(info.count_total, 0, "{info:?} in {} frames", frames.len());
        assert!(counters.attachments[2].frames_out > 0, "members get some");
    }
}

/// The measurement sees what it should.
#[test]
fn an_allocation_is_seen() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(info.count_total, 1);
}
