//! Tables: spellings, malformed scripts and their errors, sh's control flow.

use proptest::prelude::*;

use super::*;
use crate::iproute::command::NetCommand;

mod bridge;
mod errors;
mod flow;
mod spellings;

fn parse(text: &str) -> Result<Script, ScriptError> {
    Script::parse("lab.sh", text)
}

fn one(text: &str) -> Command {
    let script = parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(script.items().len(), 1, "{text}");
    script.items()[0].command.clone()
}

fn net(text: &str) -> NetCommand {
    match one(text) {
        Command::Net(net) => *net,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn outside_wires_are_used_but_never_created() {
    for (text, names) in [
        (
            "ip link add br0 type bridge\nip link set eth1 master br0\nip link set eth0 master br0\nip link set br0 up",
            "eth1 eth0",
        ),
        ("ip link set lo up", ""),
        ("ip link set p1 up\nip tuntap add p1 mode tap", ""),
        (
            "ip link add eth0 netns h1 type veth peer name p1\nip link set p1 up\nip link set eth0 up",
            "eth0",
        ),
        ("ip link set eth0 name wan\nip link set wan up", "eth0"),
        ("ip -n h1 link set eth0 up", ""),
        ("ip -n h1 link set eth0 netns 1\nip link set eth0 up", ""),
        (
            "ip link add type veth\nip link set veth0 up\nip link set veth1 up",
            "",
        ),
        (
            "bridge fdb add 02:00:00:00:00:05 dev p1 master\nip addr add 10.0.0.1/24 dev p2\nbridge link set dev p3 state 0",
            "p1 p2 p3",
        ),
    ] {
        assert_eq!(
            parse(text).expect(text).outside().join(" "),
            names,
            "{text}"
        );
    }
}

#[test]
fn positions_text_and_streams_are_kept() {
    let script = parse("#!/bin/sh\r\n\r\n  ip link \\\r\n  show >/dev/null 2>&1 || true # c\r\necho a >&2; ip a 2>&1 >/dev/null\r\n").expect("fine");
    let rows: Vec<_> = script
        .items()
        .iter()
        .map(|i| {
            (
                i.at.line,
                i.at.column,
                i.text.as_str(),
                i.streams.stdout,
                i.streams.stderr,
                i.joint,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                3,
                3,
                "ip link    show >/dev/null 2>&1",
                Sink::Null,
                Sink::Null,
                Joint::Start
            ),
            (4, 27, "true", Sink::Stdout, Sink::Stderr, Joint::Or),
            (5, 1, "echo a >&2", Sink::Stderr, Sink::Stderr, Joint::Start),
            (
                5,
                13,
                "ip a 2>&1 >/dev/null",
                Sink::Null,
                Sink::Stdout,
                Joint::Start
            ),
        ]
    );
}

#[test]
fn a_lab_as_people_write_it() {
    let text = "#!/bin/bash\r\nset -euo pipefail\r\n\r\n: tidy up first\r\n\
        sudo -E ip netns del h1 2>/dev/null || true\r\n\
        sudo ip netns add h1 && \\\r\n\tsudo ip -n h1 link set lo up; sleep 1s\r\n\
        echo \"two words\"\t# a comment\r\n\
        ip netns exec h1 bash -c \"ping -c 1 10.0.0.1; echo \\$?\"\r\n";
    let script = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let commands: Vec<_> = script.items().iter().map(|item| &item.command).collect();
    assert_eq!(commands.len(), 9, "{commands:#?}");
    assert_eq!(
        commands[6],
        &Command::Sleep(std::time::Duration::from_secs(1))
    );
    assert_eq!(commands[7], &Command::Echo("two words".into()));
    let words = ["bash", "-c", "ping -c 1 10.0.0.1; echo $?"].map(String::from);
    assert_eq!(commands[8], &Command::Exec("h1".into(), words.to_vec()));
}

proptest! {
    #[test]
    fn no_input_panics(text in ".{0,200}") {
        if let Err(error) = parse(&text) { let _ = error.to_string(); }
    }

    #[test]
    fn no_mutation_panics(row in 0..spellings::SAME.len() + bridge::SAME.len(), at in 0usize..80, with in "[ -~\\n\\\\\\r\u{e4}]{0,3}") {
        let rows: Vec<_> = spellings::SAME.iter().chain(bridge::SAME).collect();
        let mut text: Vec<char> = rows[row].join("\n").chars().collect();
        let at = at.min(text.len());
        let end = (at + 2).min(text.len());
        text.splice(at..end, with.chars());
        let text: String = text.into_iter().collect();
        match parse(&text) {
            Ok(script) => { let _ = script.outside(); }
            Err(error) => { let _ = error.to_string(); }
        }
    }
}
