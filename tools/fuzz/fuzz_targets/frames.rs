//! Any frames, one after the other, into a network with every kind of device: nothing panics, nothing goes round for
//! ever, and every frame is accounted for.
//!
//! Input: for each frame a length, an attachment and the octets; a length of 0 lets time pass instead.

#![no_main]

use std::io;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tapswitch::iproute::script::Script;
use tapswitch::netdev::Network;
use tapswitch::replay::{Engine, Event, Sink};
use tapswitch::switch::AttachmentId;
use tapswitch::time::{Duration, Instant};

const NETWORK: &str = "
ip link add br0 address 02:00:00:00:00:10 type bridge vlan_filtering 1 stp_state 1 mcast_querier 1
tapswitch bridge set dev br0 stp_mode rstp
ip tuntap add p1 mode tap
ip tuntap add p2 mode tap
ip tuntap add p3 mode tap
ip link set p1 up master br0
ip link set p2 up master br0
ip link set p3 up master br0
tapswitch port set dev p1 edge on
tapswitch port set dev p2 edge on dhcp_trusted on
tapswitch port set dev p3 loop_guard on
bridge link set dev p1 neigh_suppress on mcast_to_unicast on
bridge link set dev p2 hairpin on
bridge vlan add vid 2-9 dev p1
bridge vlan add vid 5 dev p2 pvid untagged
ip link add br1 type bridge
ip link add v1 type veth peer name v2
ip link set v1 up master br0
ip link set v2 up master br1
ip link add vx0 type vxlan id 7 local 192.0.2.1 dstport 4789 dev p4
ip link set vx0 up master br1
ip addr add 192.0.2.1/24 dev p4
ip link add m1 link p5 address 02:00:00:00:00:51 type macvlan mode bridge
ip link add m2 link p5 type macvlan mode vepa
ip link add i1 link p6 type ipvlan mode l2
ip link add i2 link p6 type ipvlan mode l2
ip addr add 192.0.2.61/24 dev i1
ip link add d5 link p5 type vlan id 5
ip link set m1 up
ip link set m2 up
ip link set i1 up
ip link set i2 up
ip link set d5 up
ip link set br0 up
ip link set br1 up
";

static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::parse("network", NETWORK).unwrap_or_else(|error| panic!("{error}")));

/// No command of the network fails.
struct Succeeds;

impl Sink for Succeeds {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        if let Event::Command { item, reply } = event {
            assert_eq!(reply.status, 0, "{}: {}", item.text, reply.stderr);
        }
        Ok(())
    }
}

fuzz_target!(|octets: &[u8]| {
    let mut engine = Engine::new(&SCRIPT);
    engine.run_setup(&mut Succeeds).expect("no I/O");
    let attachments = u32::try_from(engine.network().attachments().len()).expect("a few");
    let mut octets = octets;
    while let [length, at, rest @ ..] = octets {
        if *length == 0 {
            let to = engine.now() + Duration::from_millis(u64::from(*at) * 40);
            engine.advance_to(to, &mut ()).expect("no I/O");
            octets = rest;
            continue;
        }
        let (frame, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        let ingress = AttachmentId(u32::from(*at) % attachments);
        engine.inject(ingress, &[frame], &mut ()).expect("no I/O");
        octets = rest;
    }
    let counters = engine.counters();
    assert!(counters.attachments.iter().all(|one| one.add_up()));
});
