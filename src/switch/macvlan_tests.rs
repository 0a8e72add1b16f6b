//! Macvlans as a script makes them, frame by frame. The same behaviour against the real kernel is in
//! `tests/kernel`.

use super::*;
use crate::control::Control;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{Counters, Egress, NetdevCounters, Verdict, forward};
use crate::time::Instant;

/// A network made by a script, and frames into it.
#[derive(Default)]
struct Lab {
    control: Control,
    counters: Counters,
    egress: Egress,
}

const NOW: Instant = Instant::from_secs(1);

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

    /// Sends a frame `DESTINATION < SOURCE [type HEX] [len N]` and returns where it went: `NAME KIND`,
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
                let whole = self.egress.pieces(copy.edit, &octets).concat();
                assert_eq!(whole, octets, "a macvlan changes nothing");
                out.push(format!("{} {:?}", info.name, copy.kind));
            }
        }
        out.sort();
        out.join(", ")
    }

    fn lost(&self) -> Vec<&'static str> {
        self.egress
            .lost()
            .iter()
            .map(|lost| lost.reason.name())
            .collect()
    }

    /// What each netdev listens to.
    fn unicast_lists(&self) -> Vec<Vec<MacAddr>> {
        let network = self.control.network();
        let netdevs = network.netdevs().iter();
        netdevs.map(|it| network.unicast_list(it.id)).collect()
    }

    fn netdev(&self, name: &str) -> NetdevCounters {
        let own = crate::netdev::NamespaceId::OWN;
        let id = self.control.network().find(own, name).expect("a netdev");
        self.counters.netdevs[id.index()]
    }
}

/// `all`, `gX` for 01:00:5e:00:00:0X, or the last octet of 02:00:00:00:00:XX.
fn address(word: &str) -> [u8; 6] {
    let hex = |text| u8::from_str_radix(text, 16).expect("hex");
    match word.strip_prefix('g') {
        _ if word == "all" => [0xff; 6],
        Some(last) => [1, 0, 0x5e, 0, 0, hex(last)],
        None => [2, 0, 0, 0, 0, hex(word)],
    }
}

fn frame(text: &str) -> Vec<u8> {
    let mut words = text.split(' ').filter(|word| *word != "<");
    let mut octets = address(words.next().expect("a destination")).to_vec();
    octets.extend(address(words.next().expect("a source")));
    let (mut ether_type, mut len) = (0x88b5_u16, 60);
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        match key {
            "type" => ether_type = u16::from_str_radix(value, 16).expect("hex"),
            "len" => len = value.parse().expect("N"),
            _ => panic!("type or len"),
        }
    }
    octets.extend(ether_type.to_be_bytes());
    octets.resize(len, 0xaa);
    octets
}

#[track_caller]
fn check(lab: &mut Lab, cases: &[(&str, &str, &str)]) {
    for (at, sent, expected) in cases {
        assert_eq!(lab.send(at, sent), *expected, "{at}: {sent}");
    }
}

/// A TAP `p` with two children in each mode that allows it; 01 is p, a1 and a2 are private, b… bridge,
/// e… VEPA.
const MODES: &str = "
    ip tuntap add p0 mode tap
    ip link set p0 address 02:00:00:00:00:01 up
    ip link add link p0 name a1 address 02:00:00:00:00:a1 up type macvlan mode private
    ip link add link p0 name a2 address 02:00:00:00:00:a2 up type macvlan mode private
    ip link add link p0 name b1 address 02:00:00:00:00:b1 up type macvlan mode bridge
    ip link add link p0 name b2 address 02:00:00:00:00:b2 up type macvlan mode bridge
    ip link add link p0 name e1 address 02:00:00:00:00:e1 up type macvlan
    ip link add link p0 name e2 address 02:00:00:00:00:e2 up type macvlan mode vepa
";

#[test]
fn whom_a_group_reaches_by_where_it_comes_from() {
    use Mode::{Bridge, Passthru, Private, Source, Vepa};
    let members = |modes: &[Mode]| Reach::Members(Modes::of(modes));
    let table = [
        (
            Origin::External,
            members(&[Private, Vepa, Bridge, Passthru]),
        ),
        (Origin::Sibling(Private), members(&[])),
        (Origin::Sibling(Vepa), members(&[])),
        (Origin::Sibling(Bridge), members(&[Bridge])),
        (Origin::Sibling(Passthru), members(&[])),
        (Origin::Sibling(Source), members(&[])),
        (Origin::Reflected(Private), Reach::Sender),
        (Origin::Reflected(Vepa), members(&[Vepa, Bridge])),
        (Origin::Reflected(Bridge), members(&[Vepa])),
        (Origin::Reflected(Passthru), Reach::Sender),
        (Origin::Reflected(Source), Reach::Sender),
    ];
    assert_eq!(table.len(), 1 + 2 * Mode::ALL.len());
    for (origin, expected) in table {
        assert_eq!(reach(origin), expected, "{origin:?}");
    }
    for mode in Mode::ALL {
        assert!(Modes::of(&[mode]).has(mode) && !Modes::NONE.has(mode));
    }
}

#[test]
fn tables_find_what_is_in_them_and_nothing_else() {
    assert!(Table::<u32>::default().is_empty());
    assert_eq!(Table::<u32>::default().get(MacAddr::ZERO), None);
    for count in [1_u32, 2, 3, 1_000] {
        let mac = |n: u32| MacAddr::from_u64(0x0200_0000_0000 | u64::from(n));
        let table: Table<u32> = (0..count).map(|n| (mac(n), n)).collect();
        for n in 0..count {
            assert_eq!(table.get(mac(n)), Some(&n));
        }
        assert_eq!(table.get(mac(count)), None);
        assert_eq!(table.get(MacAddr::BROADCAST), None);
    }
}

#[test]
fn from_outside() {
    let mut lab = Lab::new(MODES);
    check(
        &mut lab,
        &[
            ("p0", "b1 < 99", "b1 Host"),
            ("p0", "a1 < 99", "a1 Host"),
            ("p0", "01 < 99", "p0@stack Host"),
            // Unknown unicast is for the stack of the port, and for no child.
            ("p0", "77 < 99", "p0@stack OtherHost"),
            (
                "p0",
                "all < 99",
                "a1 Broadcast, a2 Broadcast, b1 Broadcast, b2 Broadcast, e1 Broadcast, e2 Broadcast, p0@stack Broadcast",
            ),
            // Nobody is a member.
            ("p0", "g9 < 99", "p0@stack Multicast"),
            // A source that is a child's: a switch has sent it back.
            (
                "p0",
                "all < b1",
                "e1 Broadcast, e2 Broadcast, p0@stack Broadcast",
            ),
            (
                "p0",
                "all < e1",
                "b1 Broadcast, b2 Broadcast, e2 Broadcast, p0@stack Broadcast",
            ),
            ("p0", "all < a1", "a1 Broadcast"),
            ("p0", "g9 < a1", "a1 Multicast"),
            // Unicast is not looked at that way.
            ("p0", "b1 < a1", "b1 Host"),
            ("p0", "b1 < b1", "b1 Host"),
            // There is no screening of sources, and pause frames are for nobody but the port.
            ("p0", "b1 < g1", "b1 Host"),
            ("p0", "all < 99 type 8808", "p0@stack Broadcast"),
            ("p0", "b1 < 99 type 8808", "b1 Host"),
        ],
    );
}

#[test]
fn from_a_child() {
    let mut lab = Lab::new(MODES);
    check(
        &mut lab,
        &[
            ("b1", "b2 < b1", "b2 Host"),
            ("b1", "b1 < b1", "b1 Host"),
            ("b1", "all < b1", "b2 Broadcast, p0 Broadcast"),
            ("b1", "g9 < b1", "p0 Multicast"),
            ("b1", "all < b1 type 8808", "p0 Broadcast"),
            // Only siblings that are in bridge mode as well; and never the port's stack.
            ("b1", "e1 < b1", "p0 Host"),
            ("b1", "01 < b1", "p0 Host"),
            ("b1", "77 < b1", "p0 Host"),
            ("e1", "e2 < e1", "p0 Host"),
            ("e1", "all < e1", "p0 Broadcast"),
            ("a1", "a2 < a1", "p0 Host"),
            ("a1", "all < a1", "p0 Broadcast"),
            // The stack of the port sends by the wire only.
            ("p0@stack", "b1 < 01", "p0 Host"),
            ("p0@stack", "all < 01", "p0 Broadcast"),
        ],
    );
}

#[test]
fn passthru_has_the_netdev_for_itself() {
    let mut lab = Lab::new(
        "
        ip tuntap add p0 mode tap
        ip link set p0 address 02:00:00:00:00:01 up
        ip link add link p0 name c up type macvlan mode passthru
        ",
    );
    check(
        &mut lab,
        &[
            ("p0", "01 < 99", "c Host"),
            ("p0", "77 < 99", "c Host"),
            ("p0", "all < 99", "c Broadcast, p0@stack Broadcast"),
            ("p0", "g9 < 99", "p0@stack Multicast"),
            // The child has the port's address.
            ("p0", "all < 01", "c Broadcast"),
            ("c", "77 < 01", "p0 Host"),
            ("c", "all < 01", "p0 Broadcast"),
        ],
    );
    lab.run("ip link set c down");
    check(
        &mut lab,
        &[
            ("p0", "01 < 99", "macvlan_down"),
            ("p0", "all < 99", "p0@stack Broadcast"),
        ],
    );
}

#[test]
fn source_mode_goes_by_the_source() {
    let mut lab = Lab::new(
        "
        ip tuntap add p0 mode tap
        ip link set p0 address 02:00:00:00:00:01 up
        ip link add link p0 name c1 address 02:00:00:00:00:c1 up type macvlan mode source macaddr add 02:00:00:00:00:99
        ip link add link p0 name c2 address 02:00:00:00:00:c2 up type macvlan mode source macaddr set 02:00:00:00:00:99 02:00:00:00:00:98
        ip link add link p0 name c3 address 02:00:00:00:00:c3 type macvlan mode source macaddr add 02:00:00:00:00:97
        ip link add link p0 name c4 address 02:00:00:00:00:c4 up type macvlan mode source nodst macaddr add 02:00:00:00:00:96
        ",
    );
    check(
        &mut lab,
        &[
            ("p0", "01 < 99", "c1 Host, c2 Host, p0@stack Host"),
            ("p0", "77 < 98", "c2 OtherHost, p0@stack OtherHost"),
            (
                "p0",
                "all < 99",
                "c1 Broadcast, c2 Broadcast, p0@stack Broadcast",
            ),
            ("p0", "c2 < 98", "c2 Host, p0@stack OtherHost"),
            // Not even what is for its own address, from another source.
            ("p0", "c1 < 95", "p0@stack OtherHost"),
            ("p0", "01 < 97", "p0@stack Host"),
            ("p0", "01 < 96", "c4 Host"),
            ("c1", "c2 < c1", "p0 Host"),
        ],
    );
    lab.run("ip link set c4 down");
    check(&mut lab, &[("p0", "01 < 96", "macvlan_nodst")]);
    lab.run("ip link set c4 type macvlan mode source macaddr flush");
    check(&mut lab, &[("p0", "01 < 96", "p0@stack Host")]);
}

#[test]
fn members_of_a_group_and_no_others() {
    let mut lab = Lab::new(MODES);
    lab.run("bridge fdb add 01:00:5e:00:00:09 dev b1 self");
    check(
        &mut lab,
        &[
            ("p0", "g9 < 99", "b1 Multicast, p0@stack Multicast"),
            ("b2", "g9 < b2", "b1 Multicast, p0 Multicast"),
            ("p0", "g8 < 99", "p0@stack Multicast"),
        ],
    );
    lab.run("ip link set a1 allmulticast on");
    check(
        &mut lab,
        &[
            ("p0", "g8 < 99", "a1 Multicast, p0@stack Multicast"),
            (
                "p0",
                "g9 < 99",
                "a1 Multicast, b1 Multicast, p0@stack Multicast",
            ),
        ],
    );
    // Neighbour solicitations find the child that has the address.
    lab.run("ip addr add 2001:db8::5/64 dev e1");
    let octets = |last| [0x33, 0x33, 0xff, 0, 0, last];
    let mut ask = frame("all < 99");
    ask[..6].copy_from_slice(&octets(5));
    let plan = lab.control.plan();
    let port = &plan.macvlan_ports[0];
    let asked = port.members.of(MacAddr::new(octets(5)));
    assert_eq!(asked.len(), 2, "e1 and a1");
}

#[test]
fn a_queue_without_room_drops_what_would_wait() {
    let mut lab = Lab::new(
        "
        ip tuntap add p0 mode tap
        ip link set p0 address 02:00:00:00:00:01 up
        ip link add link p0 name c1 address 02:00:00:00:00:c1 up type macvlan mode bridge bcqueuelen 0
        ip link add link p0 name c2 address 02:00:00:00:00:c2 up type macvlan mode bridge bcqueuelen 0
        ",
    );
    check(&mut lab, &[("p0", "all < 99", "p0@stack Broadcast")]);
    assert_eq!(lab.lost(), ["macvlan_queue_full"]);
    assert_eq!(lab.netdev("p0").rx_dropped, 1);
    // Between siblings nothing waits.
    check(
        &mut lab,
        &[("c1", "all < c1", "c2 Broadcast, p0 Broadcast")],
    );
    lab.run("ip link set c1 type macvlan bcqueuelen 1");
    let all = "c1 Broadcast, c2 Broadcast, p0@stack Broadcast";
    check(&mut lab, &[("p0", "all < 99", all)]);
    // With a negative limit nothing waits either.
    lab.run("ip link set c1 type macvlan bcqueuelen 0 bclim -1");
    check(&mut lab, &[("p0", "all < 99", all)]);
}

#[test]
fn siblings_need_their_lower_for_unicast() {
    let mut lab = Lab::new(
        "
        ip link add d0 address 02:00:00:00:00:01 up type dummy
        ip link add link d0 name b1 address 02:00:00:00:00:b1 up type macvlan mode bridge
        ip link add link d0 name b2 address 02:00:00:00:00:b2 up type macvlan mode bridge
        ",
    );
    check(
        &mut lab,
        &[
            ("b1", "b2 < b1", "b2 Host"),
            ("b1", "77 < b1", "dummy_transmit"),
        ],
    );
    lab.run("ip link set d0 down");
    // A dummy has carrier all the same.
    check(
        &mut lab,
        &[
            ("b1", "b2 < b1", "lower_down"),
            ("b1", "all < b1", "b2 Broadcast"),
            ("b1", "77 < b1", "netdev_down"),
        ],
    );
    assert_eq!(lab.netdev("b1").tx_packets, 5);
    lab.run("ip link set d0 up mtu 1000");
    lab.run("ip link set d0 mtu 1500");
    lab.run("ip link set b1 mtu 1500");
    // 802.1Q frames may be four octets longer, and b2 is still at 1000.
    check(&mut lab, &[("b1", "all < b1 len 1018", "b2 Broadcast")]);
    check(&mut lab, &[("b1", "all < b1 len 1019", "macvlan_oversize")]);
    let b2 = lab.netdev("b2");
    assert_eq!((b2.rx_errors, b2.rx_dropped), (1, 2));
}

#[test]
fn what_netdevs_count() {
    let mut lab = Lab::new(MODES);
    lab.send("p0", "b1 < 99");
    lab.send("p0", "all < 99");
    let b1 = lab.netdev("b1");
    assert_eq!((b1.rx_packets, b1.rx_bytes, b1.multicast), (2, 120, 1));
    // Among siblings the kernel counts the header of a broadcast twice.
    lab.send("b2", "all < b2");
    let b1 = lab.netdev("b1");
    assert_eq!((b1.rx_packets, b1.rx_bytes, b1.multicast), (3, 194, 2));
    // And of what comes back to its sender not one octet.
    lab.send("p0", "all < a1");
    let a1 = lab.netdev("a1");
    assert_eq!((a1.rx_packets, a1.rx_bytes, a1.multicast), (2, 60, 1));
    // Frames that siblings send each other do not come in by the wire.
    let before = lab.netdev("p0").rx_packets;
    lab.send("b1", "b2 < b1");
    assert_eq!(lab.netdev("p0").rx_packets, before);
    assert_eq!(
        (lab.netdev("b1").tx_packets, lab.netdev("b1").tx_bytes),
        (1, 60)
    );
}

#[test]
fn a_macvtap_has_a_device_in_place_of_its_stack() {
    let mut lab = Lab::new(
        "
        ip tuntap add p0 mode tap
        ip link set p0 address 02:00:00:00:00:01 up
        ip link add link p0 name t1 address 02:00:00:00:00:71 up type macvtap mode bridge
        ip link add link p0 name c address 02:00:00:00:00:c1 up type macvlan mode bridge
        ip link add link t1 name t1.5 up type vlan id 5
        ",
    );
    check(
        &mut lab,
        &[
            ("p0", "71 < 99", "t1 Host"),
            (
                "p0",
                "all < 99",
                "c Broadcast, p0@stack Broadcast, t1 Broadcast",
            ),
            ("t1", "c1 < 71", "c Host"),
            ("c", "71 < c1", "t1 Host"),
            ("t1", "77 < 71", "p0 Host"),
            // Its own stack can send, but hears nothing.
            ("t1@stack", "77 < 71", "p0 Host"),
            // A virtual machine is bound by no MTU.
            ("t1", "77 < 71 len 2000", "p0 Host"),
            ("t1@stack", "77 < 71 len 2000", "sender_oversize"),
        ],
    );
    lab.run("ip link set t1 down");
    check(&mut lab, &[("t1", "77 < 71", "netdev_down")]);
}

/// `cut` octets of a frame, at every attachment: nothing panics, all is counted.
#[test]
fn frames_cut_short() {
    let mut lab = Lab::new(MODES);
    let plan = lab.control.plan();
    for at in ["p0", "p0@stack", "b1", "e1", "a1"] {
        let ingress = lab.control.network().find_attachment(at).expect("one");
        for text in [
            "all < b1",
            "b2 < 99",
            "g9 < a1",
            "b2 < b1 type 8100",
            "all < 99 type 88a8",
        ] {
            let octets = frame(text);
            for cut in 0..octets.len() {
                let frames = [&octets[..cut]];
                forward(
                    &plan,
                    NOW,
                    ingress,
                    &frames,
                    &mut lab.counters,
                    &mut lab.egress,
                );
                let verdict = lab.egress.verdicts()[0];
                assert_eq!(cut < 14, verdict == Verdict::Dropped(DropReason::Runt));
                let tagged = octets[12] == 0x81 || octets[12] == 0x88 && octets[13] == 0xa8;
                // Siblings talk by way of their port, which looks at tags.
                let looked_at = at == "p0" || at == "b1" && text.starts_with("b2");
                let short = looked_at && tagged && (14..20).contains(&cut);
                assert_eq!(
                    short,
                    verdict == Verdict::Dropped(DropReason::TruncatedTag),
                    "{at} {text} {cut}"
                );
            }
        }
        assert!(lab.counters.attachments[ingress.index()].add_up());
    }
}

#[test]
fn a_thousand_children_are_as_near_as_two() {
    let mut script = "ip tuntap add p0 mode tap\nip link set p0 up\n".to_owned();
    for n in 0..1_000 {
        let (high, low) = (n / 250, n % 250);
        script += &format!(
            "ip link add link p0 name c{n} address 02:00:00:01:{high:02x}:{low:02x} up type macvlan mode bridge\n"
        );
    }
    let mut lab = Lab::new(&script);
    let plan = lab.control.plan();
    let stations = &plan.macvlan_ports[0].stations;
    assert_eq!(stations.slots.len(), 2_048);
    // No run of taken slots is long, so that no look-up is.
    let taken: Vec<bool> = stations.slots.iter().map(Option::is_some).collect();
    let longest = taken.split(|taken| !taken).map(<[bool]>::len).max();
    assert!(longest.is_some_and(|run| run <= 24), "{longest:?}");
    let mut octets = frame("all < 99");
    let ingress = lab.control.network().find_attachment("p0").expect("p0");
    forward(
        &plan,
        NOW,
        ingress,
        &[&octets],
        &mut lab.counters,
        &mut lab.egress,
    );
    assert_eq!(lab.egress.queues().count(), 1_001);
    octets[..6].copy_from_slice(&[2, 0, 0, 1, 3, 0xf9]);
    forward(
        &plan,
        NOW,
        ingress,
        &[&octets],
        &mut lab.counters,
        &mut lab.egress,
    );
    assert_eq!(lab.egress.queues().count(), 1);
}

/// Whatever passes, there is no table that it could have changed: the plan is the same, no bridge counts
/// anything, and who has sent is as unknown as before.
#[test]
fn nothing_is_learned() {
    let mut lab = Lab::new(
        "ip tuntap add p0 mode tap
         ip link set p0 address 02:00:00:00:00:01 up
         ip link add link p0 name a1 address 02:00:00:00:00:a1 up type macvlan mode private
         ip link add link p0 name b1 address 02:00:00:00:00:b1 up type macvlan mode bridge
         ip link add link p0 name b2 address 02:00:00:00:00:b2 up type macvlan mode bridge
         ip link add link p0 name v1 address 02:00:00:00:00:c1 up type macvlan mode vepa",
    );
    let state = |lab: &Lab| {
        let plan = lab.control.plan();
        assert!(plan.bridges.is_empty(), "no table of stations anywhere");
        let revision = lab.control.network().revision();
        (format!("{plan:?}"), revision)
    };
    let before = state(&lab);
    let known = lab.unicast_lists();
    for at in ["p0", "p0@stack", "a1", "b1", "b2", "v1"] {
        for source in (0..=0xff).map(|last| format!("{last:02x}")) {
            for to in [
                "all",
                "g1",
                "01",
                "a1",
                "b1",
                "b2",
                "c1",
                "77",
                source.as_str(),
            ] {
                lab.send(at, &format!("{to} < {source}"));
            }
        }
    }
    assert_eq!(state(&lab), before);
    assert_eq!(lab.unicast_lists(), known);
    assert!(
        lab.counters
            .bridges
            .iter()
            .all(|it| *it == Default::default())
    );
    check(
        &mut lab,
        &[
            ("p0", "77 < 99", "p0@stack OtherHost"),
            ("b1", "77 < b1", "p0 Host"),
            ("b1", "b2 < b1", "b2 Host"),
            ("p0", "b1 < 77", "b1 Host"),
        ],
    );
}
