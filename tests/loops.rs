//! Loops that no spanning tree cuts, from a script's commands to the alarm, the guard and what is shown;
//! and all that looks like a loop and is none.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tapswitch::attach::capture::CaptureReader;
use tapswitch::control::{Control, Output};
use tapswitch::iproute::command::Command;
use tapswitch::iproute::script::Script;
use tapswitch::netdev::loops::QUIET;
use tapswitch::switch::alarm::{PAUSE, RETURNS, WINDOW};
use tapswitch::switch::path::HOP_LIMIT;
use tapswitch::switch::{Counters, DropReason, Egress, Verdict, forward, originate};
use tapswitch::time::{Duration, Instant};

type Mac = [u8; 6];

const ALL: Mac = [0xff; 6];

/// The address of station `n`.
const fn h(n: u8) -> Mac {
    [2, 0, 0, 0, 0, n]
}

fn frame(destination: Mac, source: Mac, what: u64) -> Vec<u8> {
    let mut octets = [destination, source].concat();
    octets.extend([0x88, 0xb5]);
    octets.extend(what.to_be_bytes());
    octets.resize(60, 0);
    octets
}

fn tagged(vid: u8, octets: &[u8]) -> Vec<u8> {
    [&octets[..12], &[0x81, 0, 0, vid], &octets[12..]].concat()
}

/// A network under a virtual clock.
struct Lab {
    control: Control,
    counters: Counters,
    egress: Egress,
    now: Instant,
    /// What was told of loops, since a test looked last.
    news: Vec<String>,
    /// How many copies of the frame sent last reached the bound on hops.
    lost: usize,
}

impl Lab {
    /// Runs a script; `p1` to `p4` are TAPs, and everything is set up at its end.
    fn new(script: &str) -> Self {
        let mut lab = Self {
            control: Control::default(),
            counters: Counters::default(),
            egress: Egress::default(),
            now: Instant::from_secs(100),
            news: Vec::new(),
            lost: 0,
        };
        for port in 1..=4 {
            lab.run(&format!("ip tuntap add p{port} mode tap"));
        }
        for line in script.lines().map(str::trim) {
            lab.run(line);
        }
        let netdevs = lab.control.network().netdevs();
        let names: Vec<_> = netdevs.iter().map(|netdev| netdev.name.clone()).collect();
        for name in names {
            lab.run(&format!("ip link set {name} up"));
        }
        lab
    }

    /// `br0` with p1 to p4.
    fn one_bridge(options: &str) -> Self {
        let mut script = format!("ip link add br0 type bridge mcast_snooping 0 {options}");
        for port in 1..=4 {
            script += &format!("\nip link set p{port} master br0");
        }
        Self::new(&script)
    }

    fn answer(&mut self, line: &str) -> (String, String, u8) {
        let script = Script::parse("lab", line).unwrap_or_else(|error| panic!("{error}"));
        let Some(item) = script.items().first() else {
            return Default::default();
        };
        let Command::Net(command) = &item.command else {
            panic!("{line}");
        };
        let reply = self.control.execute(self.now, command, &self.counters);
        self.settle();
        (reply.stdout, reply.stderr, reply.status)
    }

    fn run(&mut self, line: &str) -> String {
        let (out, error, status) = self.answer(line);
        assert_eq!(status, 0, "{line}: {error}");
        out
    }

    fn settle(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Plan(_) | Output::Receive(..) | Output::Tree(_) => {}
                Output::Loop(news) => self.news.push(news.to_string()),
                Output::Transmit(netdev, octets) => {
                    let plan = self.control.plan();
                    let (counters, egress) = (&mut self.counters, &mut self.egress);
                    originate(&plan, self.now, netdev, &octets, counters, egress);
                    self.trap(&octets);
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.control.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.control.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn pass_millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    fn send(&mut self, at: &str, octets: &[u8]) -> Verdict {
        let plan = self.control.plan();
        let network = self.control.network();
        let ingress = network.find_attachment(at).unwrap();
        let (counters, egress) = (&mut self.counters, &mut self.egress);
        forward(&plan, self.now, ingress, &[octets], counters, egress);
        let verdict = self.egress.verdicts()[0];
        let lost = self.egress.lost().iter();
        self.lost = lost.filter(|it| it.reason == DropReason::HopLimit).count();
        self.trap(octets);
        self.settle();
        verdict
    }

    /// Hands control what the frame just sent has for it.
    fn trap(&mut self, octets: &[u8]) {
        for trap in self.egress.traps() {
            let octets = self.egress.pieces(trap.edit, octets).concat();
            self.control.handle_trap(self.now, trap, &octets);
        }
    }

    /// What was told since the last look.
    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    fn show(&mut self, bridge: &str) -> Value {
        let text = self.run(&format!("tapswitch -j bridge show dev {bridge}"));
        let rows: Value = serde_json::from_str(&text).unwrap();
        rows[0].clone()
    }

    /// The same octets, once by p3 and then by p1 and p2 in turn, as an outside that joins p1 and p2
    /// sends them; how many frames it took until somebody told.
    fn returns(&mut self, apart: Duration, at_most: u32) -> Option<u32> {
        let octets = frame(ALL, h(1), 7);
        self.send("p3", &octets);
        for count in 1..=at_most {
            self.pass(apart);
            self.send(if count % 2 == 1 { "p1" } else { "p2" }, &octets);
            if !self.news.is_empty() {
                return Some(count);
            }
        }
        None
    }
}

const TWO_CABLES: &str = "ip link add br0 type bridge mcast_snooping 0
    ip link add br1 type bridge mcast_snooping 0
    ip link add a1 type veth peer name b1
    ip link add a2 type veth peer name b2
    ip link set p1 master br0
    ip link set a1 master br0
    ip link set a2 master br0
    ip link set b1 master br1
    ip link set b2 master br1
    ip link set p2 master br1";

#[test]
fn a_second_cable_between_two_bridges() {
    let mut lab = Lab::new(TWO_CABLES);
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(
        lab.news(),
        [
            "loop: br0:a1 → br1:b1 → br1:b2 → br0:a2; take a cable out, or use ip link set br0 type \
          bridge stp_state 1"
        ]
    );
    assert!(lab.lost > 0, "the bound on hops is still there");
    let shown = lab.show("br0");
    assert_eq!(shown["loop_alarm"], true);
    let it = &shown["loops"][0];
    assert_eq!(it["copies"], HOP_LIMIT);
    assert_eq!(it["path"][3], "br0:a2");
    assert_eq!(
        it["copies_per_second"],
        Value::Null,
        "one moment has no rate"
    );
    assert_eq!(lab.show("br1")["loops"], Value::Array(Vec::new()));

    // It goes on: known by now, whatever is sent from wherever, and there is a rate.
    for n in 1..=10 {
        lab.pass_millis(100);
        lab.send("p2", &frame(h(77), h(2), n));
    }
    assert_eq!(lab.news(), [""; 0]);
    let it = &lab.show("br0")["loops"];
    assert_eq!(it.as_array().map(Vec::len), Some(1), "{it}");
    assert_eq!(it[0]["sightings"], 11);
    assert_eq!(it[0]["copies"], 11 * HOP_LIMIT);
    assert_eq!(it[0]["copies_per_second"], 10 * HOP_LIMIT);

    // After a silence it is news again, with the rate that it had.
    lab.pass(QUIET + PAUSE);
    lab.send("p1", &frame(ALL, h(1), 0));
    let news = lab.news();
    assert!(news[0].contains("br0:a2, 163,840 copies/s"), "{news:?}");

    // And none at all when the cable is out.
    lab.run("ip link set a2 down");
    lab.pass(QUIET + PAUSE);
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!((lab.news().len(), lab.lost), (0, 0));
}

#[test]
fn a_cable_from_a_bridge_to_itself() {
    let mut lab = Lab::new(
        "ip link add br0 type bridge mcast_snooping 0
         ip link add ca type veth peer name cb
         ip link set p1 master br0
         ip link set ca master br0
         ip link set cb master br0",
    );
    lab.send("p1", &frame(h(9), h(1), 0));
    let news = lab.news();
    assert!(news[0].starts_with("loop: br0:ca → br0:cb; "), "{news:?}");
}

#[test]
fn a_triangle_and_a_ring() {
    let ring = |bridges: usize| {
        let mut script = String::new();
        for n in 0..bridges {
            script += &format!("ip link add br{n} type bridge mcast_snooping 0\n");
        }
        for n in 0..bridges {
            let next = (n + 1) % bridges;
            script += &format!("ip link add right{n} type veth peer name left{next}\n");
            script += &format!("ip link set right{n} master br{n}\n");
            script += &format!("ip link set left{next} master br{next}\n");
        }
        script + "ip link set p1 master br1"
    };
    let mut lab = Lab::new(&ring(3));
    lab.send("p1", &frame(ALL, h(1), 0));
    let news = lab.news();
    let path = "loop: br0:left0 → br2:right2 → br2:left2 → br1:right1 → br1:left1 → br0:right0; ";
    assert!(news[0].starts_with(path), "{news:?}");

    // Of a long one the first cables and the last are told of.
    let mut lab = Lab::new(&ring(40));
    lab.send("p1", &frame(ALL, h(1), 0));
    let news = lab.news();
    assert!(
        news[0].starts_with("loop: br0:left0 → br39:right39 → "),
        "{news:?}"
    );
    assert!(
        news[0].contains(" → (24 more cables) → br1:left1 → br0:right0; "),
        "{news:?}"
    );
}

#[test]
fn a_patch_between_vlans_is_no_loop() {
    let patched = |vids: [u16; 2]| {
        let [a, b] = vids;
        Lab::new(&format!(
            "ip link add br0 type bridge mcast_snooping 0 vlan_filtering 1 vlan_default_pvid 0
             ip link add ca type veth peer name cb
             ip link set p1 master br0
             ip link set p2 master br0
             ip link set ca master br0
             ip link set cb master br0
             bridge vlan add dev p1 vid 10 pvid untagged
             bridge vlan add dev p2 vid 20 pvid untagged
             bridge vlan add dev ca vid {a} pvid untagged
             bridge vlan add dev cb vid {b} pvid untagged"
        ))
    };
    let mut lab = patched([10, 20]);
    assert_eq!(lab.send("p1", &frame(ALL, h(1), 0)), Verdict::Forwarded);
    assert_eq!((lab.news().len(), lab.lost), (0, 0));
    let mut lab = patched([10, 10]);
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(lab.news().len(), 1);
}

#[test]
fn vlan_devices_and_other_kinds_of_ports_are_named_too() {
    // The bridges meet over two VLANs of one cable.
    let mut lab = Lab::new(
        "ip link add br0 type bridge mcast_snooping 0
         ip link add br1 type bridge mcast_snooping 0
         ip link add ca type veth peer name cb
         ip link add link ca name ca.5 type vlan id 5
         ip link add link ca name ca.6 type vlan id 6
         ip link add link cb name cb.5 type vlan id 5
         ip link add link cb name cb.6 type vlan id 6
         ip link set p1 master br0
         ip link set ca.5 master br0
         ip link set ca.6 master br0
         ip link set cb.5 master br1
         ip link set cb.6 master br1
         tapswitch bridge set dev br0 loop_guard block",
    );
    lab.send("p1", &frame(ALL, h(1), 0));
    let news = lab.news();
    assert_eq!(
        news,
        ["loop: br0:ca.5 → br1:cb.5 → br1:cb.6 → br0:ca.6; br0:ca.6 is blocked for 60 s"]
    );
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(lab.lost, 0);
}

#[test]
fn the_guard_blocks_the_port_that_closes_it_and_tries_again() {
    let mut lab = Lab::new(TWO_CABLES);
    lab.run("tapswitch bridge set dev br0 loop_guard block recovery 30");
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(
        lab.news(),
        ["loop: br0:a1 → br1:b1 → br1:b2 → br0:a2; br0:a2 is blocked for 30 s"]
    );
    // One port of the loop is out of use, which is enough: one copy there, one back, none too many.
    assert!(
        lab.run("bridge link show dev a2")
            .contains("state disabled")
    );
    lab.send("p1", &frame(ALL, h(1), 1));
    assert_eq!((lab.news().len(), lab.lost), (0, 0));
    assert_eq!(lab.send("p2", &frame(ALL, h(2), 1)), Verdict::Forwarded);
    assert_eq!(lab.lost, 0);
    let shown = lab.show("br0");
    assert_eq!(shown["loop_guard"], "block");
    assert_eq!(shown["blocked"][0]["ifname"], "a2");
    assert_eq!(shown["blocked"][0]["opens"], 30.0);

    // Not a moment before its time; then the loop is still there.
    lab.pass(Duration::from_secs(30) - Duration::from_nanos(1));
    assert_eq!(lab.news(), [""; 0]);
    lab.pass(Duration::from_nanos(1));
    assert_eq!(
        lab.news(),
        ["loop: br0:a2 was blocked because of one, and is tried again"]
    );
    lab.send("p2", &frame(ALL, h(2), 2));
    let news = lab.news();
    assert!(news[0].ends_with("is blocked for 30 s"), "{news:?}");
    assert_eq!(lab.show("br0")["loops"][0]["blocks"], 2);

    // With the cable out it stays open.
    lab.run("ip link set b1 down");
    lab.pass(Duration::from_secs(31));
    assert_eq!(lab.news().len(), 1);
    assert_eq!(lab.send("p1", &frame(ALL, h(1), 3)), Verdict::Forwarded);
    assert_eq!((lab.news().len(), lab.lost), (0, 0));
}

#[test]
fn a_blocked_port_opens_by_hand_in_three_ways() {
    for (by, ways) in [
        (
            "the guard is off",
            "tapswitch bridge set dev br0 loop_guard off",
        ),
        ("down and up", "ip link set a2 down\nip link set a2 up"),
        ("another time", "tapswitch bridge set dev br0 recovery 1"),
    ] {
        let mut lab = Lab::new(TWO_CABLES);
        lab.run("tapswitch bridge set dev br0 loop_guard block recovery off");
        lab.send("p1", &frame(ALL, h(1), 0));
        let news = lab.news();
        assert!(news[0].ends_with("; br0:a2 is blocked"), "{news:?}");
        lab.pass(Duration::from_secs(100_000));
        assert!(
            lab.run("bridge link show dev a2")
                .contains("state disabled")
        );
        for line in ways.lines() {
            lab.run(line);
        }
        lab.pass_millis(1000);
        let state = lab.run("bridge link show dev a2");
        assert!(state.contains("state forwarding"), "{by}: {state}");
    }
}

#[test]
fn the_bridge_with_the_guard_acts_whichever_it_is() {
    let mut lab = Lab::new(TWO_CABLES);
    lab.run("tapswitch bridge set dev br1 loop_guard block");
    lab.send("p1", &frame(ALL, h(1), 0));
    let news = lab.news();
    assert!(news[0].contains("; br1:b"), "{news:?}");
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(lab.lost, 0);
    assert_eq!(lab.show("br0")["loops"], Value::Array(Vec::new()));
}

#[test]
fn alarm_and_guard_are_settings() {
    let mut lab = Lab::new(TWO_CABLES);
    lab.run("tapswitch bridge set dev br0 loop_alarm off");
    lab.run("tapswitch bridge set dev br1 loop_alarm off");
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(lab.news(), [""; 0]);
    assert!(lab.lost > 0);
    for (line, error) in [
        (
            "tapswitch bridge set dev br0 loop_guard block",
            "tapswitch: loop_guard block needs loop_alarm on: the alarm is what notices a loop\n",
        ),
        (
            "tapswitch bridge set dev p1 loop_alarm on",
            "tapswitch: p1 is not a bridge\n",
        ),
        (
            "tapswitch bridge set dev br0 stp_mode rstp loop_guard block",
            "tapswitch: loop_guard block needs loop_alarm on: the alarm is what notices a loop\n",
        ),
    ] {
        assert_eq!(lab.answer(line), (String::new(), error.to_owned(), 1));
    }
    assert_eq!(lab.show("br0")["stp_mode"], "stp", "nothing half done");
    lab.run("tapswitch bridge set dev br0 loop_guard block loop_alarm on");
    lab.send("p1", &frame(ALL, h(1), 0));
    assert_eq!(lab.news().len(), 1);
}

#[test]
fn spanning_tree_cuts_a_loop_and_nobody_tells_of_any() {
    let script = TWO_CABLES.replace("mcast_snooping 0", "mcast_snooping 0 stp_state 1");
    let mut lab = Lab::new(&script);
    for _ in 0..40 {
        lab.pass(Duration::from_secs(1));
        lab.send("p1", &frame(ALL, h(1), 0));
        assert_eq!(lab.lost, 0);
    }
    assert_eq!(lab.news(), [""; 0]);
}

#[test]
fn an_outside_that_joins_two_ports() {
    let mut lab = Lab::one_bridge("");
    // 14,285 copies a second. The first change of port is from the station's.
    let told = lab.returns(Duration::from_micros(70), 10_000);
    assert_eq!(told, Some(RETURNS));
    let news = lab.news();
    assert_eq!(
        news,
        [
            "loop: br0:p1 → (outside) → br0:p2, 16,250 copies/s; take a cable out, or use ip link set \
          br0 type bridge stp_state 1"
        ],
        "65 frames in 4 ms, as whole milliseconds are looked at"
    );
    assert_eq!(lab.show("br0")["loops"][0]["outside"], true);

    let mut lab = Lab::one_bridge("");
    lab.run("tapswitch bridge set dev br0 loop_guard block");
    lab.returns(Duration::from_micros(70), 10_000);
    let news = lab.news();
    assert!(
        news[0].ends_with("; br0:p2 is blocked for 60 s"),
        "{news:?}"
    );
    let verdict = lab.send("p2", &frame(ALL, h(1), 7));
    assert_eq!(verdict, Verdict::Dropped(DropReason::LoopBlocked));
    assert_eq!(lab.send("p1", &frame(ALL, h(1), 7)), Verdict::Forwarded);
    // The spanning tree looks after it, or nobody is to.
    for options in ["stp_state 1 forward_delay 0", "stp_state 1"] {
        let mut lab = Lab::one_bridge(options);
        lab.pass(Duration::from_secs(40));
        assert_eq!(lab.returns(Duration::from_micros(70), 10_000), None);
    }
    let mut lab = Lab::one_bridge("");
    lab.run("tapswitch bridge set dev br0 loop_alarm off");
    assert_eq!(lab.returns(Duration::from_micros(70), 10_000), None);
}

#[test]
fn the_outside_may_change_the_tag_that_is_the_bridges_own() {
    let mut lab = Lab::one_bridge("vlan_filtering 1");
    lab.run("bridge vlan add dev p2 vid 1 pvid");
    let octets = frame(ALL, h(1), 7);
    for _ in 0..RETURNS {
        lab.send("p1", &octets);
        lab.send("p2", &tagged(1, &octets));
    }
    assert_eq!(lab.news().len(), 1);

    // In another VLAN it is another frame: a firewall that joins two.
    let mut lab = Lab::one_bridge("vlan_filtering 1");
    lab.run("bridge vlan add dev p2 vid 9 pvid untagged");
    lab.run("bridge vlan del dev p2 vid 1");
    for _ in 0..10 * RETURNS {
        lab.send("p1", &octets);
        lab.send("p2", &octets);
    }
    assert_eq!(lab.news(), [""; 0]);
}

#[test]
fn repeating_oneself_is_no_loop() {
    let mut lab = Lab::one_bridge("");
    let octets = frame(ALL, h(1), 7);
    for _ in 0..3_000 {
        lab.send("p1", &octets);
    }
    // And then move once, and go on.
    for _ in 0..3_000 {
        lab.send("p2", &octets);
    }
    assert_eq!(lab.news(), [""; 0]);
}

#[test]
fn moving_is_no_loop() {
    // A station that is behind two ports by turns, as behind a bond that distributes frames: whatever
    // it sends is new.
    let mut lab = Lab::one_bridge("");
    for n in 0..3_000_u64 {
        let at = if n.is_multiple_of(2) { "p1" } else { "p2" };
        lab.send(at, &frame(ALL, h(1), n));
    }
    assert_eq!(lab.news(), [""; 0]);
}

#[test]
fn slow_repetition_by_two_ports_is_no_loop() {
    // Both halves of the alarm, but nowhere near the speed of a loop: a dual-homed station asks by
    // turns, or a network that reflects (a macvlan's VEPA, a hairpin) sends each question back.
    let apart = WINDOW / RETURNS + Duration::from_millis(1);
    let mut lab = Lab::one_bridge("");
    assert_eq!(lab.returns(apart, 2_000), None);
    let mut lab = Lab::one_bridge("");
    lab.run("bridge link set dev p1 hairpin on");
    let octets = frame(ALL, h(1), 7);
    for _ in 0..200 {
        lab.send("p3", &octets);
        lab.pass_millis(1);
        lab.send("p1", &octets);
        lab.pass_millis(139);
    }
    assert_eq!(lab.news(), [""; 0]);
}

#[test]
fn live_migration_is_no_loop() {
    // QEMU announces a guest that arrived five times, the same octets each time, here one that comes and
    // goes every second; its last words at the old place came a moment before.
    let mut lab = Lab::one_bridge("");
    let announcement = frame(ALL, h(1), 0x8035);
    for n in 0..60 {
        let at = if n % 2 == 0 { "p1" } else { "p2" };
        for pause in [50, 150, 250, 350, 200] {
            lab.send(at, &announcement);
            lab.pass_millis(pause);
        }
    }
    assert_eq!(lab.news(), [""; 0]);
}

#[test]
fn two_cables_of_which_one_is_used_are_no_loop() {
    // What an active-backup bond between two switches does, a hundred times.
    let mut lab = Lab::new(TWO_CABLES);
    lab.run("ip link set a2 down");
    for n in 0..100 {
        for station in 1..=8 {
            lab.send("p1", &frame(ALL, h(station), 7));
            lab.send("p2", &frame(ALL, h(station + 8), 7));
        }
        let (up, down) = if n % 2 == 0 {
            ("a2", "a1")
        } else {
            ("a1", "a2")
        };
        lab.run(&format!("ip link set {down} down"));
        lab.run(&format!("ip link set {up} up"));
        lab.pass_millis(100);
        assert_eq!(lab.lost, 0);
    }
    assert_eq!(lab.news(), [""; 0]);
}

/// Returns a real capture, from `TAPSWITCH_CAPTURES` or beside the crate.
fn capture(name: &str) -> Option<Vec<(Instant, Vec<u8>)>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let folder = std::env::var_os("TAPSWITCH_CAPTURES").map_or_else(beside, PathBuf::from);
    let file = std::fs::File::open(folder.join(name)).ok()?;
    let mut reader = CaptureReader::new(name, Box::new(file)).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.read().unwrap() {
        frames.push((Instant::from_nanos(record.time), record.octets.to_vec()));
    }
    assert!(!frames.is_empty(), "{name}");
    Some(frames)
}

#[test]
fn failover_of_gateways_is_no_loop() {
    for name in ["HSRP_failover.pcap", "vrrp.pcap"] {
        let Some(frames) = capture(name) else {
            eprintln!("skipped: no capture {name} (TAPSWITCH_CAPTURES names the folder)");
            continue;
        };
        // The one takes over from the other at several times; and for good measure each frame is
        // heard by both ports' neighbours, as behind a hub, once.
        for taken_over in (0..frames.len()).step_by(frames.len().div_ceil(12)) {
            let mut lab = Lab::one_bridge("");
            let start = frames[0].0;
            for (n, (at, octets)) in frames.iter().enumerate() {
                let passed = (lab.now - Instant::from_secs(100)).max(*at - start);
                lab.pass(passed - (lab.now - Instant::from_secs(100)));
                lab.send(if n < taken_over { "p1" } else { "p2" }, octets);
                if taken_over == 0 {
                    lab.send("p3", octets);
                }
            }
            assert_eq!(lab.news(), [""; 0], "{name}, {taken_over}");
        }
    }
}
