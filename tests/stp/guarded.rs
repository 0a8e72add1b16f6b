//! What guards prevent, in scripts that run in a replay: each disaster first without the guard, then with it; what
//! is told of it, and what is shown.

use std::io;

use serde_json::Value;
use tapswitch::iproute::script::Script;
use tapswitch::netdev::Network;
use tapswitch::replay::{Engine, Event, Sink};
use tapswitch::switch::{DropReason, Verdict};
use tapswitch::time::{Duration, Instant};

use crate::script::{RAPID, TRIANGLE, UP};

/// What was told, printed and counted.
#[derive(Debug, Default)]
struct Notes {
    news: Vec<String>,
    printed: Vec<String>,
    /// Copies that went round until they were given up.
    looped: bool,
    /// Copies of the last frame.
    copies: usize,
}

impl Sink for Notes {
    fn event(&mut self, now: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Tree(news) => self
                .news
                .push(format!("{} {news}", now.since_start().as_secs())),
            Event::Command { item, reply } => {
                assert_eq!(reply.status, 0, "{}: {}", item.text, reply.stderr);
                if !reply.stdout.is_empty() {
                    self.printed.push(reply.stdout.clone());
                }
            }
            Event::Frame { verdict, lost, .. } => {
                assert_ne!(verdict, Verdict::Trapped);
                self.looped |= lost.iter().any(|it| it.reason == DropReason::HopLimit);
                self.copies = 0;
            }
            Event::Copy { .. } => self.copies += 1,
            Event::Loop(_) => {}
        }
        Ok(())
    }
}

/// A station that sends a frame into `h1`, a TAP at br1, and whether it went round.
fn loops(text: &str) -> (Notes, bool) {
    let script = Script::parse("lab.sh", text).unwrap_or_else(|error| panic!("{error}"));
    let (mut engine, mut notes) = (Engine::new(&script), Notes::default());
    engine.run_setup(&mut notes).expect("no I/O");
    engine.finish(Duration::ZERO, &mut notes).expect("no I/O");
    let h1 = engine.network().find_attachment("h1").expect("it is there");
    let frame = [
        &[0xff; 6][..],
        &[2, 0, 0, 0, 0, 0x77],
        &[0x88, 0xb5],
        &[0; 46],
    ]
    .concat();
    engine.inject(h1, &[&frame], &mut notes).expect("no I/O");
    let looped = notes.looped;
    (notes, looped)
}

/// The triangle, up, with a host at br1 and a stranger's bridge br9 that can be plugged into p9 of br2, and time to
/// converge.
fn lab(rapid: bool) -> String {
    let modes = if rapid { RAPID } else { "" };
    let (mode, wait) = if rapid { ("rstp", 10) } else { ("stp", 60) };
    format!(
        "{TRIANGLE}{modes}
        ip tuntap add h1 mode tap
        ip link set h1 up master br1
        ip link add br9 address 02:00:00:00:00:09 type bridge mcast_snooping 0 stp_state 1
        tapswitch bridge set dev br9 stp_mode {mode}
        ip link add p9 type veth peer name x9
        ip link set p9 master br2
        ip link set x9 master br9
        {UP}ip link set br9 up
        sleep {wait}\n"
    )
}

/// A port as `tapswitch stp show` has it, in the JSON that was printed last.
fn shown(notes: &Notes, port: &str) -> Value {
    let printed = notes.printed.last().expect("something was shown");
    let bridges: Value = serde_json::from_str(printed).expect("JSON");
    let ports = bridges.as_array().into_iter().flatten();
    let mut ports = ports.flat_map(|bridge| bridge["ports"].as_array().into_iter().flatten());
    ports
        .find(|it| it["ifname"] == port)
        .expect("it is shown")
        .clone()
}

fn root_of(notes: &Notes, bridge: &str) -> String {
    let printed = notes.printed.last().expect("something was shown");
    let bridges: Value = serde_json::from_str(printed).expect("JSON");
    let mut bridges = bridges.as_array().into_iter().flatten();
    let bridge = bridges
        .find(|it| it["ifname"] == bridge)
        .expect("it is shown");
    bridge["root_id"].as_str().expect("text").to_owned()
}

const OURS: &str = "8000.2:0:0:0:0:1";
const STRANGER: &str = "0000.2:0:0:0:0:9";
const PLUG: &str = "ip link set br9 type bridge priority 0\nip link set p9 up\nip link set x9 up\n";
const SHOW: &str = "tapswitch -s -j stp show\n";

#[test]
fn bpdu_guard_keeps_a_strangers_bridge_out() {
    for (rapid, wait) in [(true, 1), (false, 25)] {
        let lab = lab(rapid);
        let (notes, _) = loops(&format!("{lab}{PLUG}sleep {wait}\n{SHOW}"));
        assert_eq!(root_of(&notes, "br1"), STRANGER);

        let guard = "tapswitch port set dev p9 edge on bpdu_guard on recovery 30\n";
        let (notes, _) = loops(&format!("{lab}{guard}{PLUG}sleep {wait}\n{SHOW}"));
        assert_eq!(root_of(&notes, "br1"), OURS);
        let p9 = shown(&notes, "p9");
        assert_eq!(p9["inconsistent"], "bpdu");
        assert_eq!(p9["role"], "disabled");
        assert_eq!(p9["rejected"]["guard"], 1);
        assert!(
            p9["recovery_in"].as_f64().is_some_and(|left| left < 30.0),
            "{p9}"
        );
        let tripped = "br2:p9: BPDU guard has shut the port: a BPDU came in";
        assert!(
            notes.news.iter().any(|it| it.ends_with(tripped)),
            "{:?}",
            notes.news
        );

        // It comes back after its time, and is shut again.
        let (notes, _) = loops(&format!("{lab}{guard}{PLUG}sleep 59\n{SHOW}"));
        let times = |what: &str| notes.news.iter().filter(|it| it.ends_with(what)).count();
        assert_eq!(times(tripped), 2, "{:?}", notes.news);
        assert_eq!(times("br2:p9: BPDU guard lets the port back"), 1);
        assert_eq!(root_of(&notes, "br1"), OURS);
    }
}

#[test]
fn root_guard_keeps_the_root() {
    for (rapid, wait) in [(true, 1), (false, 25)] {
        let lab = lab(rapid);
        let guard = "bridge link set dev p9 root_block on\n";
        let (notes, _) = loops(&format!("{lab}{guard}{PLUG}sleep {wait}\n{SHOW}"));
        assert_eq!(root_of(&notes, "br1"), OURS);
        assert_eq!(shown(&notes, "p9")["inconsistent"], "root");
        assert_ne!(shown(&notes, "p9")["state"], "forwarding");
        let tripped =
            "br2:p9: root guard keeps the port from forwarding: it leads to a better root";
        assert!(
            notes.news.iter().any(|it| it.ends_with(tripped)),
            "{:?}",
            notes.news
        );

        // When the stranger is no better any more, the port forwards by itself.
        let calm = "ip link set br9 type bridge priority 61440\nsleep 60\n";
        let (notes, _) = loops(&format!("{lab}{guard}{PLUG}sleep {wait}\n{calm}{SHOW}"));
        assert_eq!(shown(&notes, "p9")["inconsistent"], Value::Null);
        assert_eq!(shown(&notes, "p9")["state"], "forwarding");
        assert_eq!(root_of(&notes, "br9"), OURS);
        let back = "br2:p9: root guard lets the port back";
        assert!(
            notes.news.iter().any(|it| it.ends_with(back)),
            "{:?}",
            notes.news
        );
    }
}

/// bc, the designated end of the link that is blocked at cb, falls silent but goes on forwarding: a broken
/// transceiver, or a filter where none should be.
#[test]
fn loop_guard_does_not_take_silence_for_absence() {
    for rapid in [true, false] {
        let lab = lab(rapid);
        let silent = "tapswitch port set dev bc bpdu_filter on\nsleep 60\n";
        let (notes, looped) = loops(&format!("{lab}{silent}{SHOW}"));
        assert!(looped, "the disaster");
        assert_eq!(shown(&notes, "cb")["state"], "forwarding");

        let guard = "tapswitch port set dev cb loop_guard on\n";
        let (notes, looped) = loops(&format!("{lab}{guard}{silent}{SHOW}"));
        assert!(!looped);
        assert_eq!(shown(&notes, "cb")["inconsistent"], "loop");
        let tripped = "br3:cb: loop guard keeps the port from forwarding: it hears no more BPDUs";
        assert!(
            notes.news.iter().any(|it| it.ends_with(tripped)),
            "{:?}",
            notes.news
        );

        let heard = "tapswitch port set dev bc bpdu_filter off\nsleep 5\n";
        let (notes, looped) = loops(&format!("{lab}{guard}{silent}{heard}{SHOW}"));
        assert!(!looped);
        assert_eq!(shown(&notes, "cb")["inconsistent"], Value::Null);
        assert_eq!(shown(&notes, "cb")["role"], "alternate");
        let back = "br3:cb: loop guard lets the port back";
        assert!(
            notes.news.iter().any(|it| it.ends_with(back)),
            "{:?}",
            notes.news
        );
    }
}

#[test]
fn bpdu_filter_keeps_two_trees_apart() {
    for (rapid, wait) in [(true, 10), (false, 40)] {
        let lab = lab(rapid);
        let filter = "tapswitch port set dev p9 bpdu_filter on\n";
        let (notes, looped) = loops(&format!("{lab}{filter}{PLUG}sleep {wait}\n{SHOW}"));
        assert!(!looped);
        assert_eq!(root_of(&notes, "br1"), OURS);
        assert_eq!(root_of(&notes, "br9"), STRANGER);
        let p9 = shown(&notes, "p9");
        assert_eq!(p9["state"], "forwarding");
        assert!(
            p9["rejected"]["filter"]
                .as_u64()
                .is_some_and(|count| count > 0),
            "{p9}"
        );
        let told = "br2:p9: BPDU filter drops what a bridge behind the port says";
        let times = notes.news.iter().filter(|it| it.ends_with(told)).count();
        assert_eq!(times, 1, "{:?}", notes.news);

        // The price: with a second cable the two trees are a loop.
        let second = "ip link add q9 type veth peer name y9
            ip link set q9 master br2
            tapswitch port set dev q9 bpdu_filter on
            ip link set y9 master br9
            tapswitch port set dev y9 bpdu_filter on
            ip link set q9 up
            ip link set y9 up\n";
        let (_, looped) = loops(&format!("{lab}{filter}{PLUG}{second}sleep {wait}\n"));
        assert!(looped);
    }
}

/// A link behind the stranger's bridge goes up and down.
#[test]
fn tc_guard_keeps_the_restlessness_of_others_out() {
    for (rapid, wait) in [(true, 12), (false, 60)] {
        let lab = lab(rapid);
        let plug = format!(
            "ip link add br8 address 02:00:00:00:00:08 type bridge mcast_snooping 0 stp_state 1
            tapswitch bridge set dev br8 stp_mode {}
            ip link add x8 type veth peer name y8
            ip link set x8 up master br9
            ip link set y8 master br8
            ip link set br8 up
            ip link set p9 up
            ip link set x9 up
            sleep {wait}
            sleep {wait}\n",
            if rapid { "rstp" } else { "stp" },
        );
        let (learn, flap) = (
            "bridge fdb add 02:00:00:00:00:aa dev ba master dynamic\n",
            format!("ip link set y8 up\nsleep {wait}\nip link set y8 down\nsleep {wait}\n"),
        );
        let show = "bridge fdb show dev ba\n";
        let learned = |notes: &Notes| {
            let shown = notes.printed.first().expect("the FDB was shown");
            shown.contains("02:00:00:00:00:aa")
        };
        let (notes, _) = loops(&format!("{lab}{plug}{learn}{flap}{show}{SHOW}"));
        assert!(
            !learned(&notes),
            "what was learned is forgotten again and again"
        );

        let guard = "tapswitch port set dev p9 tc_guard on\n";
        let (notes, _) = loops(&format!("{lab}{guard}{plug}{learn}{flap}{show}{SHOW}"));
        assert!(learned(&notes));
        let ignored = shown(&notes, "p9")["changes_ignored"].clone();
        assert!(ignored.as_u64().is_some_and(|count| count > 0), "{ignored}");
        let told = "br2:p9: TC guard ignores a topology change that its neighbour tells of";
        assert!(
            notes.news.iter().any(|it| it.ends_with(told)),
            "{:?}",
            notes.news
        );
    }
}
