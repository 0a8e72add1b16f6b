//! The topologies that are built in show what their comments say.

use std::fs;
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use tapswitch::check::Testbed;
use tapswitch::switch::{DropReason, Verdict};
use tapswitch_fixtures::frames::{arp_reply, arp_request, echo_request};

use super::{files, root};

fn tapswitch(args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("tapswitch").expect("the binary of this crate");
    command.args(args).output().expect("the command starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_script_is_listed_with_its_comment_and_printed_by_name() {
    let list = text(&tapswitch(&["topologies"]));
    let scripts = files(&root("fixtures/topologies"));
    assert_eq!(list.lines().count(), scripts.len(), "{list}");
    for script in scripts {
        let name = script.file_stem().unwrap().to_str().unwrap().to_owned();
        let content = fs::read_to_string(&script).unwrap();
        let comment = content.lines().next().unwrap().strip_prefix("# ");
        let comment = comment.unwrap_or_else(|| panic!("{name} starts with a comment"));
        let line = list
            .lines()
            .find(|line| line.split(' ').next() == Some(&name));
        assert!(
            line.is_some_and(|line| line.contains(comment.split(". ").next().unwrap())),
            "{name}: {list}"
        );
        assert_eq!(text(&tapswitch(&["topologies", &name])), content);
        let replay = tapswitch(&["replay", &name]);
        assert!(replay.status.success(), "{name}: {replay:?}");
    }
    assert_eq!(tapswitch(&["topologies", "nothing"]).status.code(), Some(2));
    let unknown = tapswitch(&["replay", "nothing"]);
    assert_eq!(unknown.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&unknown.stderr);
    assert!(errors.contains("\"tapswitch topologies\""), "{errors}");
}

/// Builds a topology, up to its first `sleep`.
fn build(name: &str) -> Testbed {
    let path = root("fixtures/topologies").join(format!("{name}.sh"));
    let mut net = Testbed::from_script(&fs::read_to_string(path).expect("a topology"));
    net.forget();
    net
}

/// Sends from one host and returns the hosts that hear it, in order, each as often as it does.
fn heard(net: &mut Testbed, from: u8, frame: Vec<u8>) -> Vec<u8> {
    net.send(&format!("h{from}/eth0"), &frame);
    let mut heard = Vec::new();
    for host in 1..=9 {
        let name = format!("h{host}/eth0");
        if net.network().find_attachment(&name).is_ok() {
            while let Some(octets) = net.receive(&name) {
                assert_eq!(octets, frame);
                heard.push(host);
            }
        }
    }
    net.forget();
    heard
}

#[test]
fn hub_vs_bridge() {
    let mut net = build("hub-vs-bridge");
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2, 3]);
    assert_eq!(heard(&mut net, 2, arp_reply(2, 1)), [1, 3]);
    assert_eq!(heard(&mut net, 1, echo_request(1, 2, 1)), [2, 3]);
    assert_eq!(heard(&mut net, 4, arp_request(4, 5)), [5, 6]);
    assert_eq!(heard(&mut net, 5, arp_reply(5, 4)), [4]);
    assert_eq!(heard(&mut net, 4, echo_request(4, 5, 1)), [5]);
    assert_eq!(net.run("bridge fdb show br hub0 dynamic"), "");
    assert_eq!(net.run("bridge fdb show br br0 dynamic").lines().count(), 2);
}

#[test]
fn bridge_learning() {
    let mut net = build("bridge-learning");
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2, 3]);
    assert_eq!(heard(&mut net, 2, arp_reply(2, 1)), [1]);
    let known = net.run("bridge fdb show br br0 dynamic");
    assert!(
        known.contains("02:00:00:00:00:01 dev p1 master br0"),
        "{known}"
    );
    assert!(
        known.contains("02:00:00:00:00:02 dev p2 master br0"),
        "{known}"
    );
    assert_eq!(known.lines().count(), 2);
    net.advance(Duration::from_millis(2_999));
    assert_eq!(net.run("bridge fdb show br br0 dynamic").lines().count(), 2);
    net.advance(Duration::from_millis(1));
    assert_eq!(net.run("bridge fdb show br br0 dynamic"), "");
}

#[test]
fn broadcast_domain_and_two_subnets() {
    let mut net = build("broadcast-domain");
    assert_eq!(heard(&mut net, 1, arp_request(1, 4)), [2, 3, 4]);
    assert_eq!(heard(&mut net, 4, arp_reply(4, 1)), [1]);
    let known = net.run("bridge fdb show br br1 dynamic");
    assert!(
        known.contains("02:00:00:00:00:01 dev t1 master br1"),
        "{known}"
    );
    let mut net = build("two-subnets");
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2, 3, 4]);
}

#[test]
fn vlans() {
    let mut net = build("vlan-access-trunk");
    assert_eq!(heard(&mut net, 1, arp_request(1, 3)), [3]);
    assert_eq!(heard(&mut net, 2, arp_request(2, 4)), [4]);
    let mut net = build("subnet-in-two-vlans");
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2]);
    assert_eq!(heard(&mut net, 2, arp_reply(2, 1)), [1]);
    assert_eq!(heard(&mut net, 3, arp_request(3, 2)), [4]);
    // Host 4 has the address of host 2.
    assert_eq!(heard(&mut net, 4, arp_reply(2, 3)), [3]);
    let known = net.run("bridge fdb show br br0 dynamic");
    assert!(
        known.contains("02:00:00:00:00:02 dev p2 vlan 10 master br0"),
        "{known}"
    );
    assert!(
        known.contains("02:00:00:00:00:02 dev p4 vlan 20 master br0"),
        "{known}"
    );
    let mut net = build("native-vlan-trap");
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2]);
    assert_eq!(heard(&mut net, 3, arp_request(3, 1)), [1]);
}

/// Whoever is in a namespace is named by it here: who hears a broadcast of whom.
fn hear_a_broadcast(
    net: &mut Testbed,
    from: &str,
    candidates: &[&'static str],
) -> Vec<&'static str> {
    net.send(from, arp_request(from.as_bytes()[1] - b'0', 9));
    let heard = candidates
        .iter()
        .copied()
        .filter(|name| net.receive(name).is_some());
    let heard = heard.collect();
    net.forget();
    heard
}

#[test]
fn macvlans() {
    let mut net = build("macvlan-modes");
    let all = [
        "h1/eth0", "h2/eth0", "h3/eth0", "h4/eth0", "h5/eth0", "h6/eth0", "lan/eth1", "lan/eth2",
        "lan/eth3",
    ];
    assert_eq!(
        hear_a_broadcast(&mut net, "h1/eth0", &all),
        ["h2/eth0", "lan/eth1"]
    );
    assert_eq!(hear_a_broadcast(&mut net, "h3/eth0", &all), ["lan/eth2"]);
    assert_eq!(hear_a_broadcast(&mut net, "h5/eth0", &all), ["lan/eth3"]);

    let mut net = build("macvlan-host-isolation");
    let ask = {
        let mut ask = arp_request(1, 9);
        (ask[11], ask[27]) = (0x0b, 0x0b);
        ask
    };
    net.send("c1/eth0", &ask);
    net.expect("lan/eth0", &ask);
    net.nothing_else();
    net.advance(Duration::from_secs(1));
    net.forget();
    net.send("c1/eth0", &ask);
    net.expect("lan/eth0", &ask);
    net.expect("shim", &ask);
    net.nothing_else();
}

/// A frame with the tag of a VLAN.
fn tagged(vid: u8, frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, vid], &frame[12..]].concat()
}

#[test]
fn macvlans_on_vlan_devices() {
    let mut net = build("macvlan-vlan");
    let (ask, answer) = (arp_request(1, 2), arp_reply(2, 1));
    net.send("c1/eth0", &ask);
    net.expect("c2/eth0", &ask);
    net.expect("trunk", tagged(10, &ask));
    net.nothing_else();
    net.send("c2/eth0", &answer);
    net.expect("c1/eth0", &answer);
    net.nothing_else();
    let ask = arp_request(3, 4);
    net.send("c3/eth0", &ask);
    net.expect("c4/eth0", &ask);
    net.expect("trunk", tagged(20, &ask));
    net.nothing_else();
    // From outside: by tag, then by address; without a tag it is the trunk's own.
    let from_outside = arp_request(9, 1);
    net.send("trunk", tagged(10, &from_outside));
    for at in ["c1/eth0", "c2/eth0", "trunk.10"] {
        net.expect(at, &from_outside);
    }
    net.nothing_else();
    let to_c3 = echo_request(9, 3, 1);
    net.send("trunk", tagged(20, &to_c3));
    net.expect("c3/eth0", &to_c3);
    net.send("trunk", tagged(10, &to_c3));
    net.expect("trunk.10", &to_c3);
    net.send("trunk", &to_c3);
    net.expect("trunk@stack", &to_c3);
    net.nothing_else();
}

#[test]
fn proxy_arp() {
    let mut net = build("proxy-arp");
    for (here, there, router) in [(1, 2, 0xf1), (2, 1, 0xf2)] {
        let (host, side) = (format!("h{here}/eth0"), format!("r/eth{here}"));
        net.send(&host, arp_request(here, there));
        let mut answer = arp_reply(there, here);
        // The sender is the router, in the frame and in what it says.
        (answer[11], answer[27]) = (router, router);
        let got = net.receive(&host).expect("an answer");
        assert_eq!(got[..42], answer[..42]);
        let bridge = format!("br{here}");
        net.expect(&bridge, arp_request(here, there));
        net.nothing_else();
        let mut echo = echo_request(here, there, 1);
        echo[5] = router;
        net.send(&host, &echo);
        net.expect(&side, &echo);
        net.nothing_else();
        // The router asks for hosts of its segment as anybody does.
        let mut ask = arp_request(251, here);
        ask[11] = router;
        net.send(&side, &ask);
        net.expect(&host, &ask);
        net.expect(&bridge, &ask);
        net.nothing_else();
    }
}

#[test]
fn vxlan() {
    let mut net = build("vxlan");
    net.send("h1/eth0", arp_request(1, 2));
    net.expect("h2/eth0", arp_request(1, 2));
    net.expect("h3/eth0", arp_request(1, 2));
    net.forget();
    assert_eq!(heard(&mut net, 2, arp_reply(2, 1)), [1]);
    // Nobody else gets so much as a datagram of it.
    let frames_in = |net: &Testbed, name: &str| {
        let traffic = net.traffic();
        let found = traffic.attachments.iter().find(|it| it.name == name);
        found.expect("an attachment").frames_out
    };
    let before = frames_in(&net, "h3/eth0");
    assert_eq!(heard(&mut net, 1, echo_request(1, 2, 1)), [2]);
    assert_eq!(frames_in(&net, "h3/eth0"), before);
    let known = net.run("bridge -n a fdb show dev vx0");
    for line in [
        "02:00:00:00:00:02 dst 192.0.2.2 self ",
        "00:00:00:00:00:00 dst 192.0.2.2 self permanent",
        "00:00:00:00:00:00 dst 192.0.2.3 self permanent",
    ] {
        assert!(known.lines().any(|it| it == line), "{known}");
    }
    // A packet of 1500 octets that is not to be fragmented is answered as if by h2.
    let mut long = echo_request(1, 2, 2);
    long.resize(1_514, 0);
    long[16..18].copy_from_slice(&1_500u16.to_be_bytes());
    long[20] = 0x40;
    net.send("h1/eth0", &long);
    let answer = net.receive("h1/eth0").expect("an answer");
    assert_eq!(answer[26..34], [10, 0, 0, 2, 10, 0, 0, 1]);
    assert_eq!(answer[34..36], [3, 4], "fragmentation needed");
    assert_eq!(answer[40..42], 1_450u16.to_be_bytes());
    long[20] = 0;
    net.forget();
    net.send("h1/eth0", &long);
    net.expect("h2/eth0", &long);
}

#[test]
fn loops() {
    let mut net = build("stp-loop");
    let verdict = net.send("h1/eth0", arp_request(1, 2));
    assert_eq!(verdict, Verdict::Dropped(DropReason::IngressPortState));
    let states = |net: &mut Testbed| {
        let links = net.json("bridge -j link show");
        let links = links.as_array().expect("links").iter();
        let count = |state: &str| links.clone().filter(|link| link["state"] == state).count();
        (count("forwarding"), count("blocking"), count("disabled"))
    };
    net.advance(Duration::from_secs(39));
    net.forget();
    assert_eq!(states(&mut net), (8, 1, 0));
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2, 3]);
    net.advance(Duration::from_secs(60));
    net.forget();
    assert_eq!(states(&mut net), (7, 0, 2));
    assert_eq!(heard(&mut net, 1, arp_request(1, 2)), [2, 3]);

    let mut net = build("loop-without-stp");
    let heard = heard(&mut net, 1, arp_request(1, 2));
    assert!(
        heard.iter().filter(|host| **host == 2).count() > 1_000,
        "{}",
        heard.len()
    );
    let traffic = net.traffic();
    let lost = traffic
        .attachments
        .iter()
        .flat_map(|one| &one.copies_lost.0);
    assert!(
        lost.clone()
            .any(|(reason, _)| *reason == DropReason::HopLimit)
    );
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = text(&tapswitch(&["completions", shell]));
        assert!(
            completions.contains("topologies") && completions.contains("bless"),
            "{shell}"
        );
    }
    assert_eq!(tapswitch(&["completions", "sh"]).status.code(), Some(2));
    let page = text(&tapswitch(&["man"]));
    assert!(
        page.contains(".TH tapswitch 1") && page.contains("tapswitch\\-check(1)"),
        "{page}"
    );
    let page = text(&tapswitch(&["man", "check"]));
    assert!(
        page.contains("tapswitch\\-check") && page.contains("\\-\\-bless"),
        "{page}"
    );
    let unknown = tapswitch(&["man", "nothing"]);
    assert_eq!(unknown.status.code(), Some(2));
}

/// Every command's help shows how it is used.
#[test]
fn help_has_examples() {
    let help = text(&tapswitch(&["--help"]));
    let commands = help.split("Commands:\n").nth(1).expect("commands");
    let commands = commands.split("\n\n").next().expect("a list");
    let mut count = 0;
    for line in commands.lines() {
        let Some(name) = line
            .strip_prefix("  ")
            .and_then(|line| line.split(' ').next())
        else {
            continue;
        };
        if name.is_empty() || name == "help" {
            continue;
        }
        count += 1;
        let help = text(&tapswitch(&[name, "--help"]));
        assert!(help.contains("Example"), "{name}: {help}");
    }
    assert!(count >= 6, "{help}");
}
