//! Every reason is ruled by somebody and has something that helps; what is explained is what happens.

use std::io;

use super::scene::Scene;
use super::*;
use crate::iproute::script::Script;
use crate::replay::{Engine, Event, Sink, Watched};
use crate::switch::{DropReason, Lost};
use crate::time::{Duration, Instant};

/// A network with something of everything, and a trace of one hop at `at`.
fn advised(script: &str, at: &str, reason: DropReason) -> String {
    let script = Script::parse("test", script).expect("it is one");
    let mut engine = Engine::new(&script);
    engine.run_setup(&mut ()).unwrap();
    let network = engine.network();
    let at = network.find_attachment(at).unwrap();
    let at = network.attachments()[at.index()].netdev;
    let scene = Scene {
        network,
        trace: &Trace::default(),
        notes: &[],
        octets: &[0; 60],
        hop: 0,
        at,
    };
    ruling::advice(reason, &scene)
}

#[test]
fn every_reason_has_a_sentence_a_ruling_and_advice() {
    let script = "ip netns add n1\nip link add v1 type veth peer name eth0 netns n1\n\
                  ip link add br0 type bridge\nip link set v1 master br0\n\
                  ip link add link v1 name v1.5 type vlan id 5\n\
                  ip link add d0 type dummy\nip link add link d0 name m0 type macvlan mode bridge\n";
    for reason in DropReason::ALL {
        assert!(reason.sentence().len() > 10, "{reason}");
        assert!(rule(*reason).len() > 5, "{reason}");
        for at in ["n1/eth0", "v1", "br0", "d0", "m0", "v1.5"] {
            let advice = advised(script, at, *reason);
            assert!(advice.len() > 10, "{reason} at {at}: {advice}");
            assert!(!advice.contains("  "), "{reason} at {at}: {advice}");
        }
    }
}

/// What happened, but for what only a watched engine tells.
#[derive(Default)]
struct Happened {
    events: Vec<String>,
    explained: Vec<Explanation>,
    last: Option<(Verdict, Vec<Lost>)>,
}

impl Sink for Happened {
    fn event(&mut self, now: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        if let Event::Frame { verdict, lost, .. } = event {
            self.last = Some((verdict, lost.to_vec()));
        }
        self.events.push(match event {
            Event::Command { item, reply } => format!("{now} {} {reply:?}", item.text),
            other => format!("{now} {other:?}"),
        });
        Ok(())
    }

    fn watched(&mut self, network: &Network, it: &Watched<'_>) -> io::Result<()> {
        let explanation = Explanation::new(network, it.trace, it.number, it.ingress, it.octets);
        let (verdict, lost) = self.last.clone().expect("the frame was told of");
        assert_eq!(it.trace.verdict(), Some(verdict), "{explanation}");
        let outcome = match verdict {
            Verdict::Forwarded => "forwarded",
            Verdict::Trapped => "trapped",
            Verdict::Dropped(_) => "dropped",
        };
        assert_eq!(explanation.verdict.outcome, outcome, "{explanation}");
        if let Verdict::Dropped(reason) = verdict {
            assert_eq!(
                explanation.verdict.reason,
                Some(reason.name()),
                "{explanation}"
            );
            assert!(explanation.verdict.advice.is_some(), "{explanation}");
        }
        let notes = || explanation.hops.iter().flat_map(|hop| &hop.notes);
        for Lost { reason, .. } in lost {
            let told = |note: &NoteWords| note.reason == Some(reason.name());
            assert!(notes().any(told), "{reason}: {explanation}");
        }
        self.explained.push(explanation);
        Ok(())
    }
}

/// Every built-in topology explains each frame as it forwards it, and forwards the same when it explains.
#[test]
fn watched_and_not_is_the_same_in_every_topology() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/topologies");
    let mut scripts: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    scripts.sort_by_key(|entry| entry.as_ref().unwrap().path());
    assert!(scripts.len() > 20);
    let mut explained = 0;
    for path in scripts.into_iter().map(|entry| entry.unwrap().path()) {
        let name = path.display().to_string();
        // A loop floods a frame 16,384 times: too much text for a test, and nothing new.
        if name.contains("loop") {
            continue;
        }
        let script = Script::parse(&name, &std::fs::read_to_string(&path).unwrap()).unwrap();
        let [plain, watched] = [false, true].map(|watch| {
            let mut engine = Engine::new(&script);
            let mut happened = Happened::default();
            engine.watch(watch);
            engine.run_setup(&mut happened).unwrap();
            engine.finish(Duration::ZERO, &mut happened).unwrap();
            let network = engine.network();
            let live = |it: &&crate::netdev::AttachmentInfo| network.netdev(it.netdev).alive;
            let macs = network.attachments().iter().filter(live);
            let mut macs: Vec<_> = macs
                .map(|it| network.netdev(it.netdev).mac.octets())
                .collect();
            macs.sort_unstable();
            macs.dedup();
            macs.push([0xff; 6]);
            macs.push([1, 0x80, 0xc2, 0, 0, 0]);
            let stations = macs.len();
            for at in (0u32..).take(engine.network().attachments().len()) {
                for (n, to) in macs.iter().enumerate() {
                    let from = macs[(n + at as usize) % (stations - 2)];
                    let frame = [&to[..], &from, &[0x88, 0xb5], &[0; 46]].concat();
                    engine
                        .inject(AttachmentId(at), &[&frame], &mut happened)
                        .unwrap();
                }
            }
            let counters = format!("{:?}", engine.counters());
            (happened, counters)
        });
        assert_eq!(plain.0.events, watched.0.events, "{name}");
        assert_eq!(plain.1, watched.1, "{name}");
        assert!(plain.0.explained.is_empty());
        explained += watched.0.explained.len();
    }
    assert!(explained > 1_000, "{explained}");
}
