//! What `explain` prints: folders under `fixtures/explained` with a topology, arguments (`args`, one a line), and
//! what comes of it as text and as JSON (`expect.txt`, `expect.json`). `tools/bless` rewrites both.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

use super::{files, root};

fn explain(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("tapswitch").expect("the binary of this crate");
    command.current_dir(folder).arg("explain").args(args);
    command.output().expect("the command starts")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn instructive_cases() {
    let bless = std::env::var_os("TAPSWITCH_BLESS").is_some();
    let cases = files(&root("fixtures/explained"));
    assert!(cases.len() >= 12);
    for case in cases {
        let lines = fs::read_to_string(case.join("args")).expect("the arguments of the case");
        let mut args: Vec<_> = ["topology.sh"].into_iter().chain(lines.lines()).collect();
        let printed = explain(&case, &args);
        assert!(printed.status.success(), "{}: {printed:?}", case.display());
        args.push("--json");
        let json = explain(&case, &args);
        let value: Value = serde_json::from_slice(&json.stdout).expect("JSON");
        assert!(value["verdict"]["outcome"].is_string(), "{value}");
        for (file, output) in [("expect.txt", printed), ("expect.json", json)] {
            let path = case.join(file);
            if bless {
                fs::write(path, output.stdout).expect("a writable case");
            } else {
                let expected = fs::read_to_string(&path).unwrap_or_default();
                assert_eq!(text(&output.stdout), expected, "{}", path.display());
            }
        }
    }
}

/// What keeps a frame back, by netdev, each with the command that is to help; none where advice leaves
/// something to people.
fn advised(explained: &Value) -> Vec<(String, String, Option<String>)> {
    let hops = explained["hops"].as_array().expect("a list");
    let notes = hops.iter().flat_map(|hop| {
        let netdev = hop["netdev"].as_str().expect("a name");
        let notes = hop["notes"].as_array().expect("a list");
        notes.iter().filter_map(move |note| {
            let advice = note["advice"].as_str()?;
            let why = note["reason"].as_str().or_else(|| note["text"].as_str());
            // Of several ways the first, behind a condition or between brackets.
            let first = advice.split("; or ").next().unwrap_or_default();
            let first = first.rsplit([':', '(']).next().unwrap_or_default();
            let command = first.split(')').next().unwrap_or_default().trim();
            let command = command.replace("VID", "10").replace("DEV", "vx9");
            let program = ["ip ", "bridge ", "tapswitch "];
            let concrete =
                program.iter().any(|it| command.starts_with(it)) && !command.contains("ADDRESS");
            Some((
                netdev.to_owned(),
                why.expect("a text").to_owned(),
                concrete.then_some(command),
            ))
        })
    });
    notes.collect()
}

/// Behind the command that is advised, the frame is no longer kept back there for that.
#[test]
fn advice_helps() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut helped = 0;
    for case in files(&root("fixtures/explained")) {
        let lines = fs::read_to_string(case.join("args")).expect("the arguments of the case");
        let script = fs::read_to_string(case.join("topology.sh")).expect("a topology");
        let explained = |script: &str| -> Value {
            let topology = folder.path().join("topology.sh");
            fs::write(&topology, script).expect("a writable folder");
            let topology = topology.to_str().expect("a path in UTF-8");
            let args = [topology].into_iter().chain(lines.lines());
            let args: Vec<_> = args.chain(["--json"]).collect();
            let output = explain(&case, &args);
            let said = (text(&output.stderr), output.status.code());
            assert_eq!(said, (String::new(), Some(0)), "{}", case.display());
            serde_json::from_slice(&output.stdout).expect("JSON")
        };
        for (netdev, why, command) in advised(&explained(&script)) {
            let Some(command) = command else {
                continue;
            };
            // Behind it, a port that went down and up may have to learn first.
            let after = explained(&format!("{script}\n{command}\nsleep 40\n"));
            let still = advised(&after);
            let still = still.iter().any(|it| (&it.0, &it.1) == (&netdev, &why));
            assert!(!still, "{}: {command}: {after:#}", case.display());
            helped += 1;
        }
    }
    assert!(helped >= 13, "{helped}");
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let folder = root("fixtures/explained/hairpin");
    for (args, error) in [
        (&["--at", "p1"][..], "which frame?"),
        (&["arp who-has 10.0.0.1"], "Give --at NAME"),
        (
            &["--at", "p1", "arp who-is 10.0.0.1"],
            "expected who-has or reply",
        ),
        (&["--at", "p9", "len 60"], "no attachment is called \"p9\""),
        (
            &["--at", "p1", "--frame", "0g"],
            "pairs of hexadecimal digits",
        ),
        (
            &[
                "--at",
                "p1",
                "--in",
                "../../captures/conversation-le-us.pcap",
                "--number",
                "0",
            ],
            "counted from 1",
        ),
        (
            &[
                "--at",
                "p1",
                "--in",
                "../../captures/conversation-le-us.pcap",
                "--number",
                "25",
            ],
            "24 frames came in",
        ),
    ] {
        let args: Vec<_> = ["topology.sh"].iter().chain(args).copied().collect();
        let output = explain(&folder, &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains(error), "{args:?}: {errors}");
    }
}

/// The frame, its octets and its number in a capture are the same frame.
#[test]
fn three_ways_to_say_which_frame() {
    let folder = root("fixtures/explained/hairpin");
    let capture = "../../captures/conversation-le-us.pcap";
    let numbered = [
        "topology.sh",
        "--at",
        "p1",
        "--in",
        capture,
        "--number",
        "1",
        "--json",
    ];
    let first: Value = serde_json::from_slice(&explain(&folder, &numbered).stdout).expect("JSON");
    let octets = first["octets"].as_str().expect("digits");
    let spelled = ["topology.sh", "--at", "p1", "--frame", octets, "--json"];
    let again: Value = serde_json::from_slice(&explain(&folder, &spelled).stdout).expect("JSON");
    assert_eq!(first, again);
}

/// A replay that explains prints the rest as it would, and of a filter only what it picks.
#[test]
fn replays_explain_what_they_are_asked_to() {
    let topology = "../../topologies/four-taps.sh";
    let capture = "p1=../../captures/conversation-le-us.pcap";
    let replay = |more: &[&str]| {
        let mut command = Command::cargo_bin("tapswitch").expect("the binary of this crate");
        command.current_dir(root("fixtures/explained/hairpin"));
        command
            .args(["replay", topology, "--in", capture])
            .args(more);
        text(&command.output().expect("the command starts").stdout)
    };
    let plain = replay(&[]);
    let all = replay(&["--explain"]);
    assert!(all.ends_with(&plain), "{all}");
    assert_eq!(all.matches("\nverdict: ").count(), 24, "{all}");
    let picked = replay(&["--explain=2-3,forwarded"]);
    assert_eq!(picked.matches("\nverdict: ").count(), 5, "{picked}");
    let json: Value =
        serde_json::from_str(&replay(&["--explain=same_port", "--json"])).expect("JSON");
    let explained = json["explained"].as_array().expect("a list");
    assert_eq!(explained.len(), 21);
    for one in explained {
        assert_eq!(one["verdict"]["reason"], "same_port", "{one}");
    }
    let without: Value = serde_json::from_str(&replay(&["--json"])).expect("JSON");
    assert!(without["explained"].is_null(), "{without}");
}
