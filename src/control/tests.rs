//! Control as a script's author meets it: commands in, texts and plans out.

use super::*;
use crate::iproute::command::{LinkAdd, LinkAddKind, LinkCommon, LinkSet, Verb};

fn net(verb: Verb) -> NetCommand {
    NetCommand {
        ns: None,
        format: Default::default(),
        verb,
    }
}

#[test]
fn a_bridge_of_two_veths_forwards() {
    let mut control = Control::new(&[]);
    let counters = Counters::default();
    let mut run = |verb| control.execute(Instant::ZERO, &net(verb), &counters);
    let add = |name: &str, kind| {
        Verb::LinkAdd(LinkAdd {
            name: Some(name.to_owned()),
            common: LinkCommon::default(),
            kind,
        })
    };
    let set = |dev: &str, common| {
        Verb::LinkSet(LinkSet {
            dev: dev.to_owned(),
            common,
            kind: None,
        })
    };
    run(add("br0", LinkAddKind::Bridge(Default::default())));
    for (port, host) in [("p1", "h1"), ("p2", "h2")] {
        run(add(
            port,
            LinkAddKind::Veth {
                peer: Some(host.to_owned()),
                common: LinkCommon::default(),
            },
        ));
        let up = LinkCommon {
            up: Some(true),
            ..LinkCommon::default()
        };
        run(set(host, up.clone()));
        let reply = run(set(
            port,
            LinkCommon {
                master: Some(Some("br0".to_owned())),
                ..up.clone()
            },
        ));
        assert_eq!(reply, Reply::default());
        run(set("br0", up));
    }
    assert!(matches!(control.poll_output(), Some(Output::Plan(_))));
    assert!(control.poll_output().is_none());
    let ingress = control.network().find_attachment("h1").unwrap();
    let egress_to = control.network().find_attachment("h2").unwrap();
    let mut frame = [0u8; 60];
    frame[..6].fill(0xff);
    frame[6] = 2;
    let (mut counters, mut egress) = (Counters::default(), crate::switch::Egress::default());
    crate::switch::forward(
        &control.plan(),
        Instant::ZERO,
        ingress,
        &[&frame],
        &mut counters,
        &mut egress,
    );
    let to: Vec<_> = egress.queues().map(|(id, _)| id).collect();
    assert!(to.contains(&egress_to));
}
