//! What is said to let a frame pass lets it pass: random networks, random frames, and every command that is
//! advised, executed. By name: `tests/suite/explain.rs`.

use proptest::prelude::*;

use super::invariants::{frames, line};
use super::trace_tests::worlds_after;
use super::*;
use crate::explain::Explanation;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{Egress, Trace, forward_watched};

/// The commands that advice consists of; none if it leaves something to people.
fn commands(advice: &str) -> Option<Script> {
    // Of several ways the first; behind a condition or a purpose.
    let first = advice.split("; or ").next()?;
    let first = first.rsplit(": ").next()?;
    let blank = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    let known = ["ip ", "bridge ", "tapswitch "];
    let concrete = known.iter().any(|program| first.starts_with(program))
        && !first.split(['/', ' ']).any(blank)
        && !first.contains(['…', ',']);
    let script = Script::parse("advice", first).ok()?;
    concrete.then_some(script)
}

/// What keeps a frame back at a netdev, and what is said to help.
fn kept_back(explanation: &Explanation) -> Vec<(String, String, String)> {
    let notes = explanation.hops.iter().flat_map(|hop| {
        hop.notes.iter().filter_map(|note| {
            let advice = note.advice.clone()?;
            let why = note.reason.map_or(note.text.clone(), str::to_owned);
            Some((hop.netdev.clone(), why, advice))
        })
    });
    notes.collect()
}

/// Whether a frame passes a bridge more than once.
fn goes_round(explanation: &Explanation) -> bool {
    let relays = explanation.hops.iter().filter(|hop| hop.does == "relays");
    let mut bridges: Vec<_> = relays.map(|hop| &hop.netdev).collect();
    let all = bridges.len();
    bridges.sort_unstable();
    bridges.dedup();
    bridges.len() < all
}

struct Lab {
    control: Control,
    counters: Counters,
    egress: Egress,
    trace: Trace,
}

impl Lab {
    /// None if it goes round and round.
    fn send(&mut self, at: AttachmentId, octets: &[u8]) -> Option<Explanation> {
        let plan = self.control.plan();
        forward_watched(
            &plan,
            NOW,
            at,
            octets,
            &mut self.counters,
            &mut self.egress,
            &mut self.trace,
        );
        let way = |lab: &Self| Explanation::new(lab.control.network(), &lab.trace, 1, at, octets);
        (self.trace.hops().len() < LONG).then(|| way(self))
    }
}

/// Hops of a frame that surely goes round.
const LONG: usize = 500;

const NOW: Instant = Instant::from_secs(100);

fn check(control: Control) {
    let mut lab = Lab {
        control,
        counters: Counters::default(),
        egress: Egress::default(),
        trace: Trace::default(),
    };
    // A few of them: to put a way into words takes long.
    for octets in frames(&lab.control).into_iter().step_by(11) {
        let attachments = lab.control.plan().attachments.len();
        for at in (0u32..).take(attachments).map(AttachmentId) {
            let network = lab.control.network();
            let netdev = network.attachments()[at.index()].netdev;
            if !network.netdev(netdev).alive {
                continue;
            }
            let Some(before) = lab.send(at, &octets) else {
                // A command that was advised has closed a loop.
                return;
            };
            for (netdev, why, advice) in kept_back(&before) {
                let Some(script) = commands(&advice) else {
                    continue;
                };
                for item in script.items() {
                    let Command::Net(command) = &item.command else {
                        panic!("{advice}");
                    };
                    let reply = lab.control.execute(NOW, command, &lab.counters);
                    assert_eq!(reply.status, 0, "{before}\n{advice}: {}", reply.stderr);
                }
                let Some(after) = lab.send(at, &octets) else {
                    return;
                };
                if goes_round(&after) {
                    // Where it came from the first time is no longer so the second time.
                    continue;
                }
                let still = kept_back(&after);
                assert!(
                    // By another port it may come there again, and need another command.
                    !still.contains(&(netdev, why, advice.clone())),
                    "{before}\n{advice}\n{after}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn advice_helps(lines in prop::collection::vec(line(), 0..60)) {
        let [control, _] = worlds_after(&lines);
        check(control);
    }
}
