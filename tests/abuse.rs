//! A flood of random source addresses, as an attacker sends it to make a switch forget its stations.
//!
//! 1.1 million sources, which is more than an FDB takes; `cargo test --release --test abuse` sends ten.

use tapswitch::control::Control;
use tapswitch::iproute::command::Command;
use tapswitch::iproute::script::Script;
use tapswitch::switch::fdb::DEFAULT_MAX_LEARNED;
use tapswitch::switch::{AttachmentId, Counters, DropReason, Egress, forward};
use tapswitch::time::Instant;

const SOURCES: u64 = if cfg!(debug_assertions) {
    1_100_000
} else {
    10_000_000
};

/// Stations that talk while the flood runs, behind p2 and p3.
const STATIONS: u64 = 1_000;

/// Octets that the FDB may take at its bound of learned stations: 80 MB, and half as much again while it
/// doubles.
const MEMORY: u64 = 121_000_000;

struct Bench {
    control: Control,
    counters: Counters,
    egress: Egress,
    now: Instant,
    random: u64,
}

impl Bench {
    fn new(script: &str) -> Self {
        let mut control = Control::default();
        let start = Instant::from_secs(1);
        let bridge = "ip link add br0 type bridge mcast_snooping 0
            ip link set br0 up
            ip tuntap add p1 mode tap
            ip link set p1 master br0 up
            ip tuntap add p2 mode tap
            ip link set p2 master br0 up
            ip tuntap add p3 mode tap
            ip link set p3 master br0 up";
        for line in bridge.lines().chain(script.lines()) {
            let script = Script::parse("lab", line).unwrap_or_else(|error| panic!("{error}"));
            for item in script.items() {
                let Command::Net(command) = &item.command else {
                    panic!("{line}");
                };
                let reply = control.execute(start, command, &Counters::default());
                assert_eq!(reply.status, 0, "{line}: {}", reply.stderr);
            }
        }
        Self {
            control,
            counters: Counters::default(),
            egress: Egress::default(),
            now: start,
            random: 1,
        }
    }

    fn wire(&self, name: &str) -> AttachmentId {
        self.control.network().find_attachment(name).unwrap()
    }

    fn send(&mut self, at: AttachmentId, frames: &[[u8; 60]]) {
        let plan = self.control.plan();
        let frames: Vec<&[u8]> = frames.iter().map(|frame| &frame[..]).collect();
        forward(
            &plan,
            self.now,
            at,
            &frames,
            &mut self.counters,
            &mut self.egress,
        );
    }

    /// Every station of p2 sends to one of p3 and back. Returns how many frames went anywhere but to the
    /// one port where the other is.
    fn talk(&mut self) -> usize {
        let (two, three) = (self.wire("p2"), self.wire("p3"));
        let mut astray = 0;
        for n in 0..STATIONS / 2 {
            let (here, there) = (0x0200_0000_0000 | n, 0x0200_0001_0000 | n);
            for (at, to, source, destination) in
                [(two, three, here, there), (three, two, there, here)]
            {
                self.send(at, &[frame(source, destination)]);
                let out: Vec<_> = self.egress.queues().map(|(id, _)| id).collect();
                astray += usize::from(out != [to]);
            }
        }
        astray
    }

    /// The flood, ten million frames a second, with the stations talking ten times a second.
    fn flood(&mut self) -> usize {
        let attacker = self.wire("p1");
        let (mut astray, mut batch) = (0, [[0; 60]; 64]);
        for sent in (0..SOURCES).step_by(64) {
            for slot in &mut batch {
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                let source = self.random >> 16 & 0xfcff_ffff_ffff | 0x0200_0000_0000;
                *slot = frame(source, 0x0200_00ff_0000);
            }
            self.send(attacker, &batch);
            self.now = Instant::from_nanos(1_000_000_000 + (sent + 64) * 100);
            if sent % 1_000_000 < 64 {
                astray += self.talk();
            }
            while let Some(due) = self.control.poll_timeout().filter(|due| *due <= self.now) {
                self.control.handle_timeout(due);
            }
        }
        astray
    }

    fn learned(&self) -> usize {
        self.control.plan().bridges[0].fdb.learned()
    }
}

fn frame(source: u64, destination: u64) -> [u8; 60] {
    let mut octets = [0; 60];
    octets[..6].copy_from_slice(&destination.to_be_bytes()[2..]);
    octets[6..12].copy_from_slice(&source.to_be_bytes()[2..]);
    octets[12..14].copy_from_slice(&[0x88, 0xb5]);
    octets
}

/// Memory stays within its bound, stations that were there are still forwarded to, counters tell.
#[test]
fn known_stations_outlive_a_flood() {
    let mut bench = Bench::new("");
    // The first frame to each goes everywhere.
    bench.talk();
    let mut astray = 0;
    let memory = allocation_counter::measure(|| astray = bench.flood());
    assert_eq!(
        astray, 0,
        "frames between known stations that did not go to their port alone"
    );
    assert_eq!(bench.talk(), 0);
    assert_eq!(bench.learned(), DEFAULT_MAX_LEARNED as usize);
    let counters = &bench.counters.bridges[1];
    assert_eq!(counters.learned, u64::from(DEFAULT_MAX_LEARNED));
    assert!(
        counters.learn_refused >= SOURCES - u64::from(DEFAULT_MAX_LEARNED),
        "{counters:?}"
    );
    println!(
        "{SOURCES} sources: {} MiB at most, {} refused",
        memory.bytes_max >> 20,
        counters.learn_refused
    );
    assert!(memory.bytes_max < MEMORY, "{memory:?}");
    // A station that comes when the table is full is flooded to, not cut off.
    let (one, three) = (bench.wire("p1"), bench.wire("p3"));
    bench.send(three, &[frame(0x0200_00aa_0000, 0x0200_0000_0000)]);
    bench.send(one, &[frame(0x0200_0000_0000, 0x0200_00aa_0000)]);
    assert_eq!(bench.egress.queues().count(), 2);
}

/// With `fdb_max_learned` a bridge keeps to what it was given.
#[test]
fn a_smaller_table_holds_as_well() {
    let mut bench = Bench::new("ip link set br0 type bridge fdb_max_learned 4096");
    bench.talk();
    let mut astray = 0;
    let memory = allocation_counter::measure(|| astray = bench.flood());
    assert_eq!((astray, bench.learned()), (0, 4096));
    assert!(memory.bytes_max < 4 << 20, "{memory:?}");
}

/// With port security the flood does not even get in.
#[test]
fn a_guarded_port_keeps_the_flood_out() {
    let mut bench = Bench::new("tapswitch port set dev p1 max_macs 8 violation restrict");
    bench.talk();
    let mut astray = 0;
    let memory = allocation_counter::measure(|| astray = bench.flood());
    let stations = usize::try_from(STATIONS).unwrap();
    assert_eq!((astray, bench.learned()), (0, stations + 8));
    let attacker = &bench.counters.attachments[bench.wire("p1").index()];
    let dropped = attacker.dropped[DropReason::PortSecurity as usize];
    let p1 = bench.control.network().attachments()[bench.wire("p1").index()].netdev;
    let violations = bench.counters.guards[p1.index()].violations;
    assert_eq!((dropped, violations), (attacker.frames_in - 8, dropped));
    assert!(memory.bytes_max < 1 << 20, "{memory:?}");
}
