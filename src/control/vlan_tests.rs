//! VLANs from commands to frames: who gets which copy with which tag, and what is counted.
//!
//! The counters are those of a full Linux 6.12 for the same frames. The filter itself is tested
//! where it is (`switch::path`), and frame by frame against the kernel in `tests/kernel`.

use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{Egress, PacketType, forward};
use crate::wire::{MacAddr, Vid};

/// `h1` to `h3` are the far ends of the ports `p1` to `p3` of `br0`.
const THREE_HOSTS: &str = "
    ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0 vlan_filtering 1
    ip link add p1 address 02:00:00:00:00:a1 type veth peer name h1
    ip link add p2 address 02:00:00:00:00:a2 type veth peer name h2
    ip link add p3 address 02:00:00:00:00:a3 type veth peer name h3
    ip link set br0 up
    ip link set p1 up master br0
    ip link set p2 up master br0
    ip link set p3 up master br0
    ip link set h1 up
    ip link set h2 up
    ip link set h3 up";

const ALL: &str = "ff:ff:ff:ff:ff:ff";
const S1: &str = "02:00:00:00:01:01";
const S2: &str = "02:00:00:00:01:02";
const BR0: &str = "02:00:00:00:00:b0";

struct Lab {
    control: Control,
    counters: Counters,
    now: Instant,
}

impl Lab {
    fn new(more: &str) -> Self {
        let mut lab = Self {
            control: Control::new(&[]),
            counters: Counters::default(),
            now: Instant::from_secs(1),
        };
        lab.all(THREE_HOSTS);
        lab.all(more);
        lab
    }

    /// Runs commands that have to succeed; returns what the last one printed.
    fn all(&mut self, lines: &str) -> String {
        let script = Script::parse("test", lines).unwrap_or_else(|error| panic!("{error}"));
        let mut stdout = String::new();
        for item in script.items() {
            let Command::Net(command) = &item.command else {
                panic!("{item:?}");
            };
            let reply = self.control.execute(self.now, command, &self.counters);
            assert_eq!(reply.status, 0, "{item:?}: {}", reply.stderr);
            stdout = reply.stdout;
        }
        stdout
    }

    /// Sends a frame of 60 octets without its tags, and returns who got it with which tags: `h2 8100:10`.
    fn send(&mut self, from: &str, to: &str, source: &str, tags: &[(u16, u16)]) -> Vec<String> {
        let mac = |text: &str| text.parse::<MacAddr>().unwrap().octets();
        let mut frame = [mac(to), mac(source)].concat();
        for (tag_type, tci) in tags {
            frame.extend(tag_type.to_be_bytes());
            frame.extend(tci.to_be_bytes());
        }
        frame.extend(0x9999u16.to_be_bytes());
        frame.resize(60 + 4 * tags.len(), 0);
        let plan = self.control.plan();
        self.counters.fit(&plan);
        let network = self.control.network();
        let id = network.find_attachment(from).unwrap();
        let mut egress = Egress::default();
        forward(
            &plan,
            self.now,
            id,
            &[&frame],
            &mut self.counters,
            &mut egress,
        );
        let mut got = Vec::new();
        for (id, copies) in egress.queues() {
            let name = &network.attachments()[id.index()].name;
            got.extend(copies.map(|copy| {
                let octets = egress.pieces(copy.edit, &frame).concat();
                format!("{name}{}", tags_of(&octets))
            }));
        }
        got.sort();
        got
    }

    /// `bridge -s vlan show`, as `br0/1 46/1 138/3` for netdev, VLAN, octets and frames in and out.
    fn counted(&mut self) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        let mut dev = String::new();
        for line in self.all("bridge -s vlan show").lines().skip(1) {
            let words: Vec<_> = line.split_whitespace().collect();
            match words.as_slice() {
                [_, octets, "bytes", frames, "packets"] => {
                    rows.last_mut()
                        .unwrap()
                        .push_str(&format!(" {octets}/{frames}"));
                }
                [first, ..] if line.starts_with(' ') => rows.push(format!("{dev}/{first}")),
                [name, vid, ..] => {
                    dev = (*name).to_owned();
                    rows.push(format!("{dev}/{vid}"));
                }
                other => panic!("{other:?}"),
            }
        }
        rows.retain(|row| !row.ends_with(" 0/0 0/0"));
        rows
    }
}

fn tags_of(frame: &[u8]) -> String {
    let mut text = String::new();
    for word in frame[12..].chunks_exact(4) {
        let [a, b, c, d] = *word else { unreachable!() };
        let tag_type = u16::from_be_bytes([a, b]);
        if !matches!(tag_type, 0x8100 | 0x88a8) {
            break;
        }
        let tci = u16::from_be_bytes([c, d]);
        text += &format!(" {tag_type:x}:{}", tci & 0xfff);
        if tci >> 12 != 0 {
            text += &format!("/{}", tci >> 12);
        }
    }
    text
}

const C: u16 = 0x8100;
const S: u16 = 0x88a8;

/// A frame in VLAN 10 from `h1` reaches `h3` untagged; `p2` only learns there.
const VLAN_10: &str = "
    bridge vlan add dev p1 vid 10
    bridge vlan add dev p2 vid 10
    bridge vlan add dev p3 vid 10 untagged
    bridge vlan add dev br0 vid 10 self
    bridge vlan add dev p1 vid 20
    bridge vlan set dev p2 vid 10 state learning";

#[test]
fn counters_by_vlan_and_by_port_as_on_linux() {
    type Step<'a> = (&'a str, &'a str, &'a [(u16, u16)]);
    let steps: [Step<'_>; 9] = [
        ("h1", ALL, &[]),
        ("h1", ALL, &[(C, 10)]),
        ("h1", ALL, &[(C, 20)]),
        ("h1", ALL, &[(C, 30)]),
        ("h2", ALL, &[(C, 10)]),
        ("h1", ALL, &[(C, 5 << 13)]),
        ("h1", ALL, &[(S, 7)]),
        ("h1", BR0, &[(C, 10)]),
        ("br0", ALL, &[]),
    ];
    let one_for_all = [
        "br0/1 188/4 564/12",
        "br0/10 138/3 138/3",
        "p1/1 188/4 564/12",
        "p1/10 138/3 138/3",
        "p1/20 46/1 0/0",
        "p2/1 188/4 564/12",
        "p2/10 138/3 138/3",
        "p3/1 188/4 564/12",
        "p3/10 138/3 138/3",
    ];
    let each_its_own = [
        "br0/1 46/1 142/3",
        "br0/10 0/0 92/2",
        "p1/1 142/3 46/1",
        "p1/10 92/2 0/0",
        "p1/20 46/1 0/0",
        "p2/1 0/0 188/4",
        "p2/10 46/1 0/0",
        "p3/1 0/0 188/4",
        "p3/10 0/0 46/1",
    ];
    for (per_port, want) in [(0, one_for_all), (1, each_its_own)] {
        let mut lab = Lab::new(&format!(
            "ip link set p1 nomaster\nip link set p2 nomaster\nip link set p3 nomaster
             ip link set br0 type bridge vlan_stats_enabled 1 vlan_stats_per_port {per_port}
             ip link set p1 master br0\nip link set p2 master br0\nip link set p3 master br0
             {VLAN_10}"
        ));
        for (from, to, tags) in steps {
            let source = if from == "h2" { S2 } else { S1 };
            lab.send(from, to, source, tags);
        }
        assert_eq!(lab.counted(), want, "vlan_stats_per_port {per_port}");
        // What is switched off no longer counts, and is not forgotten.
        lab.all("ip link set br0 type bridge vlan_stats_enabled 0");
        lab.send("h1", ALL, S1, &[]);
        assert_eq!(lab.counted(), want);
        // A VLAN that comes back has counted nothing yet.
        lab.all("bridge vlan del dev p1 vid 20\nbridge vlan add dev p1 vid 20");
        lab.all("ip link set br0 type bridge vlan_stats_enabled 1");
        let back = |row: &&&str| !row.starts_with("p1/20");
        let rest: Vec<_> = want.iter().filter(back).copied().collect();
        assert_eq!(lab.counted(), rest);
    }
}

#[test]
fn copies_leave_as_their_port_is_a_member() {
    let mut lab = Lab::new(VLAN_10);
    type Case<'a> = (&'a [(u16, u16)], &'a [&'a str]);
    let cases: [Case<'_>; 8] = [
        (&[], &["br0", "h2", "h3"]),
        (&[(C, 10)], &["br0 8100:10", "h3"]),
        // Priority and DEI stay with the tag, and go with it.
        (&[(C, 0xb00a)], &["br0 8100:10/11", "h3"]),
        (&[(C, 5 << 13)], &["br0", "h2", "h3"]),
        (&[(C, 20)], &[]),
        (&[(C, 30)], &[]),
        // A tag of the other type is payload, and so is a second one.
        (&[(S, 10)], &["br0 88a8:10", "h2 88a8:10", "h3 88a8:10"]),
        (&[(C, 10), (C, 20)], &["br0 8100:10 8100:20", "h3 8100:20"]),
    ];
    for (tags, want) in cases {
        assert_eq!(lab.send("h1", ALL, S1, tags), want, "{tags:x?}");
    }
    lab.all("bridge vlan set dev p2 vid 10 state forwarding");
    let got = lab.send("h1", ALL, S1, &[(C, 10)]);
    assert_eq!(got, ["br0 8100:10", "h2 8100:10", "h3"]);
    // The host's untagged frames are in the bridge's own PVID.
    assert_eq!(lab.send("br0", ALL, BR0, &[]), ["h1", "h2", "h3"]);
    lab.all("bridge vlan add dev br0 vid 10 self pvid");
    let got = lab.send("br0", ALL, BR0, &[]);
    assert_eq!(got, ["h1 8100:10", "h2 8100:10", "h3"]);
    lab.all("bridge vlan del dev br0 vid 10 self");
    assert!(lab.send("br0", ALL, BR0, &[]).is_empty(), "no PVID, no way");
}

#[test]
fn a_pvid_cleared_refuses_what_is_untagged() {
    let mut lab = Lab::new("bridge vlan add dev p1 vid 20 pvid untagged");
    lab.all("bridge vlan add dev p2 vid 20");
    assert_eq!(lab.send("h1", ALL, S1, &[]), ["h2 8100:20"]);
    lab.all("bridge vlan add dev p1 vid 20 untagged");
    assert!(lab.send("h1", ALL, S1, &[]).is_empty());
    assert_eq!(lab.send("h2", ALL, S2, &[(C, 20)]), ["h1"]);
}

#[test]
fn stations_are_known_by_vlan_and_survive_a_toggle() {
    let mut lab = Lab::new(VLAN_10);
    lab.all("bridge vlan set dev p2 vid 10 state forwarding");
    lab.send("h1", ALL, S1, &[(C, 10)]);
    assert_eq!(lab.send("h2", S1, S2, &[(C, 10)]), ["h1 8100:10"]);
    assert_eq!(lab.send("h2", S1, S2, &[]), ["h1", "h3"], "not in VLAN 1");
    lab.all("ip link set br0 type bridge vlan_filtering 0");
    // Without filtering everything is in no VLAN, and tags are octets like others.
    assert_eq!(
        lab.send("h2", S1, S2, &[(C, 10)]),
        ["h1 8100:10", "h3 8100:10"]
    );
    lab.send("h3", ALL, S1, &[(C, 99)]);
    assert_eq!(lab.send("h2", S1, S2, &[(C, 10)]), ["h3 8100:10"]);
    lab.all("ip link set br0 type bridge vlan_filtering 1");
    assert_eq!(lab.send("h2", S1, S2, &[(C, 10)]), ["h1 8100:10"]);
    lab.all("bridge vlan del dev p1 vid 10\nbridge vlan add dev p1 vid 10");
    assert_eq!(
        lab.send("h2", S1, S2, &[(C, 10)]),
        ["h1 8100:10", "h3"],
        "forgotten"
    );
}

#[test]
fn own_addresses_hold_in_the_vlans_of_their_owner() {
    let p1 = "02:00:00:00:00:a1";
    let mut lab = Lab::new(
        "bridge vlan add dev p1 vid 10\nbridge vlan add dev p2 vid 10\nbridge vlan add dev p3 vid 10
         bridge vlan add dev p2 vid 11\nbridge vlan add dev p3 vid 11",
    );
    // p1 is a member of VLAN 10 and the bridge is not: the frame is for a host that is not there.
    assert!(lab.send("h2", p1, S2, &[(C, 10)]).is_empty());
    assert_eq!(lab.send("h2", p1, S2, &[(C, 11)]), ["h3 8100:11"]);
    assert_eq!(lab.send("h2", BR0, S2, &[(C, 11)]), ["h3 8100:11"]);
    assert_eq!(lab.send("h2", BR0, S2, &[]), ["br0"]);
}

#[test]
fn a_providers_bridge_passes_what_is_its_customers() {
    let mut lab = Lab::new("ip link set br0 type bridge vlan_protocol 802.1ad");
    let passes = |lab: &mut Lab, last: u8| {
        let to = format!("01:80:c2:00:00:{last:02x}");
        lab.send("h1", &to, S1, &[]).contains(&"h2".to_owned())
    };
    let mut passing = |commands: &str| -> Vec<u8> {
        lab.all(commands);
        (0..16).filter(|last| passes(&mut lab, *last)).collect()
    };
    assert_eq!(passing(""), [0x00, 0x0b, 0x0c, 0x0d, 0x0f]);
    let set = "ip link set br0 type bridge";
    assert_eq!(
        passing(&format!("{set} stp_state 1")),
        [0x00, 0x0b, 0x0c, 0x0d, 0x0f]
    );
    assert_eq!(
        passing(&format!(
            "{set} stp_state 0 group_address 01:80:c2:00:00:0d"
        )),
        [0x00, 0x0b, 0x0c, 0x0f]
    );
    assert_eq!(passing(&format!("{set} vlan_protocol 802.1Q")), [0x00]);
}

#[test]
fn what_a_worker_learned_in_a_vlan_that_was_left_is_flushed_again() {
    let mut lab = Lab::new("bridge vlan add dev p1 vid 10-11");
    let old = lab.control.plan();
    let before = lab.now;
    lab.now = before + Duration::from_millis(5);
    lab.all("bridge vlan del dev p1 vid 10");
    let bridge = &old.bridges[0];
    let number = crate::switch::PortNo::new(1).unwrap();
    let keys = [10, 11].map(|vid| Key::new(S1.parse().unwrap(), Vid::new(vid)));
    for key in keys {
        bridge.fdb.view(before, bridge.hold).learn(key, number);
    }
    let due = lab.control.poll_timeout().unwrap();
    assert_eq!(due, lab.now + crate::netdev::ports::PLAN_SETTLES);
    lab.control.handle_timeout(due);
    let there = keys.map(|key| bridge.fdb.get(key).is_some());
    assert_eq!(there, [false, true], "VLAN 11 was not left");
}

/// The stack of a filtering bridge sees a tag of the other type as a VLAN that nobody has, also when
/// the tag was aside as the frame came in.
#[test]
fn a_tag_of_the_other_type_makes_a_frame_somebody_elses() {
    let mut lab = Lab::new("");
    lab.all(
        "ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0
         ip link add x type veth peer name y
         ip link set p1 nomaster
         ip link set p1 master br1
         ip link set x master br1 up
         ip link set y master br0 up
         ip link set br1 up",
    );
    let plan = lab.control.plan();
    let network = lab.control.network();
    let from = |name| network.find_attachment(name).unwrap();
    let mut frame = [0; 64];
    frame[..16].copy_from_slice(&[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1, 1, 0x88, 0xa8, 0, 10,
    ]);
    let (mut egress, mut counters) = (Egress::default(), Counters::default());
    for host in ["h1", "h2"] {
        counters.fit(&plan);
        forward(
            &plan,
            lab.now,
            from(host),
            &[&frame],
            &mut counters,
            &mut egress,
        );
        let br0 = egress.queues().find(|(id, _)| *id == from("br0"));
        let (_, mut copies) = br0.expect("a broadcast goes up");
        assert_eq!(
            copies.next().expect("a copy").kind,
            PacketType::OtherHost,
            "from {host}"
        );
    }
}
