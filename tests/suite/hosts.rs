//! Simulated hosts on the command line: what they reach, what they print, and what turns them off.

use std::fs;

use super::{replay, root};

/// Replays and returns standard output and standard error of a run that ends well.
fn run(args: &[&str]) -> (String, String) {
    let output = replay().args(args).output().expect("the command starts");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{args:?}: {stdout}{stderr}");
    (stdout, stderr)
}

/// Returns what each ping received, in order.
fn received(stdout: &str) -> Vec<u32> {
    let words = stdout
        .lines()
        .filter_map(|line| line.split_once(" packets transmitted, "));
    let counts = words.filter_map(|(_, rest)| rest.split_once(" received"));
    counts
        .map(|(count, _)| count.parse().expect("a number"))
        .collect()
}

/// What each ping of the built-in topologies receives. A live run receives the same.
#[test]
fn the_built_in_topologies_reach_whom_they_reach_live() {
    let expected: &[(&str, &[u32])] = &[
        ("bridge-learning", &[1]),
        ("broadcast-domain", &[1]),
        ("hub-vs-bridge", &[2, 2]),
        ("loop", &[0, 0, 1]),
        ("loop-without-stp", &[0]),
        ("macvlan-host-isolation", &[1, 1, 0, 1, 1]),
        ("macvlan-modes", &[1, 1, 0, 1, 0]),
        ("macvlan-vlan", &[1, 1]),
        ("native-vlan-trap", &[1, 0]),
        ("proxy-arp", &[1]),
        ("subnet-in-two-vlans", &[1, 1]),
        ("three-hosts", &[2, 2, 2]),
        // Who has no route sends nothing, and has no statistics.
        ("two-subnets", &[1, 1]),
        ("vlan-access-trunk", &[1, 1, 0]),
        ("vxlan", &[1]),
    ];
    let mut wrong = Vec::new();
    for script in super::files(&root("fixtures/topologies")) {
        let text = fs::read_to_string(&script).expect("a script");
        if !text.contains(" ping ") {
            continue;
        }
        let name = script.file_stem().unwrap().to_str().unwrap();
        let (stdout, stderr) = run(&[name]);
        assert!(!stderr.contains("not run"), "{name}: {stderr}");
        // Only where frames go round does a host get more than it takes.
        let lost = stderr.contains("frames for simulated hosts were lost");
        assert_eq!(lost, name.starts_with("loop"), "{name}: {stderr}");
        let found = expected.iter().find(|(known, _)| *known == name);
        let now = received(&stdout);
        if found.is_none_or(|(_, counts)| *counts != now) {
            wrong.push(format!("{name}: {now:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (stdout, stderr) = run(&["two-subnets"]);
    assert_eq!(stderr, "ping: connect: Network is unreachable\n");
    assert!(stdout.contains("\nh1 does not reach h3\n"));
}

#[test]
fn hosts_are_in_the_capture_and_replaying_it_needs_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [first, again, second] = ["1.pcapng", "2.pcapng", "3.pcapng"].map(path);
    let (stdout, _) = run(&["three-hosts", "--drops", "--out", &first]);
    run(&["three-hosts", "--drops", "--out", &again]);
    let octets = fs::read(&first).expect("a capture");
    assert!(octets == fs::read(&again).expect("a capture"), "two runs");
    assert!(stdout.contains("64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.000 ms\n"));
    // Its frames feed every attachment, so that nobody is left to simulate.
    let (_, stderr) = run(&["three-hosts", "--in", &first, "--drops", "--out", &second]);
    assert_eq!(stderr.matches("not run in a replay").count(), 3, "{stderr}");
    assert!(
        octets == fs::read(&second).expect("a capture"),
        "its replay"
    );
}

#[test]
fn who_is_fed_is_not_simulated() {
    let fed = "h2/eth0=captures/conversation-le-us.pcap";
    let text = fs::read_to_string(root("fixtures/topologies/three-hosts.sh")).expect("a script");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lab.sh");
    fs::write(&path, text.replace("set -e", "set +e")).expect("a writable folder");
    let path = path.to_str().expect("a path of text");
    let (stdout, stderr) = run(&[path, "--in", fed]);
    // Neither its ping runs nor does it answer that of h1; h3 and h1 talk.
    let not_run = "line 32: not run in a replay: ip netns exec h2 ping -c 2 10.0.0.3\n";
    assert!(
        stderr.starts_with(not_run) && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert_eq!(received(&stdout), [0, 2]);
    let (stdout, stderr) = run(&["three-hosts", "--no-hosts"]);
    assert_eq!(
        stderr.matches("not run in a replay: ip netns exec").count(),
        3,
        "{stderr}"
    );
    assert!(received(&stdout).is_empty(), "{stdout}");
}

/// `run --simulate` needs no privilege, prints what `replay` does but for the summary, and ends as the script.
#[test]
fn a_run_without_privilege() {
    let run = |args: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tapswitch").expect("the binary");
        let output = command
            .current_dir(root("fixtures"))
            .arg("run")
            .args(args)
            .output();
        let output = output.expect("the command starts");
        let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, live, stderr) = run(&["three-hosts", "--simulate"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(received(&live), [2, 2, 2]);
    let (replayed, _) = self::run(&["three-hosts"]);
    assert!(replayed.starts_with(&live), "{live}");
    let (_, summary, _) = run(&["three-hosts", "--simulate", "--summary", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["duration_ns"], 3_000_000_000u64);
    assert_eq!(summary["total"]["frames_in"], 18);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lab.sh");
    let script = "ip netns add h1\nip netns exec h1 ping -c 1 10.0.0.9 && echo there\nexit 7";
    fs::write(&path, script).expect("a writable folder");
    let (code, stdout, stderr) = run(&[path.to_str().unwrap(), "--simulate"]);
    assert_eq!((code, stdout.as_str()), (Some(7), ""));
    assert_eq!(stderr, "ping: connect: Network is unreachable\n");
}

/// A thousand hosts on a bridge, of which one pings the last: every one hears the question.
#[test]
fn a_thousand_hosts() {
    use std::fmt::Write;
    let mut text = String::from("ip link add br0 up type bridge mcast_snooping 0\n");
    for n in 1..=1_000 {
        let (high, low) = (n / 250, n % 250 + 1);
        _ = write!(
            text,
            "ip netns add h{n}\nip link add p{n} up master br0 type veth peer name eth0 netns h{n}\n\
             ip -n h{n} addr add 10.0.{high}.{low}/16 dev eth0\nip -n h{n} link set eth0 up\n"
        );
    }
    text += "ip netns exec h1 ping -c 1 10.0.4.1\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lab.sh");
    fs::write(&path, text).expect("a writable folder");
    let (stdout, _) = run(&[path.to_str().unwrap()]);
    assert_eq!(received(&stdout), [1]);
}
