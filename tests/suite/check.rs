//! `tapswitch check`: what it finds, how it says so, and that it always says the same.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use super::root;

/// Runs and returns exit status, standard output, standard error.
fn check(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("tapswitch")
        .expect("the binary of this crate")
        .current_dir(folder)
        .arg("check")
        .args(args)
        .output()
        .expect("the command starts");
    (
        output.status.code().expect("an exit status"),
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
    )
}

/// Makes a folder with copies of cases of `fixtures/cases`.
fn copies(cases: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in cases {
        copy(
            &root("fixtures/cases").join(case),
            &folder.path().join(case),
        );
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for file in super::files(from) {
        let name = file.file_name().expect("a file has a name");
        fs::copy(&file, to.join(name)).expect("a copy");
    }
}

/// Changes a text file.
fn edit(path: PathBuf, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(&path).unwrap_or_default();
    let changed = change(&text);
    assert_ne!(text, changed, "{}", path.display());
    fs::write(path, changed).expect("a writable file");
}

#[test]
fn our_own_cases() {
    let (code, out, errors) = check(&root(""), &["fixtures/cases"]);
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    let count = super::files(&root("fixtures/cases")).len();
    assert_eq!(out, format!("{count} cases: {count} passed\n"));
}

/// A port that tags differently: one frame is another one, and one comes late.
#[test]
fn a_changed_frame_is_shown_side_by_side() {
    let folder = copies(&["moves"]);
    let case = folder.path().join("moves");
    // Of the expectation: one octet of the first ARP reply, and the time of the second.
    let capture = case.join("expect.pcapng");
    let mut octets = fs::read(&capture).expect("the expectation");
    let reply = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6][..]].concat();
    let outbound: Vec<usize> = (0..octets.len() - reply.len())
        .filter(|&at| octets[at..].starts_with(&reply))
        .collect();
    // In by p4, out by p1, in by p4, out by p2.
    octets[outbound[1] + 21] = 7;
    octets[outbound[3] - 12] ^= 1;
    fs::write(&capture, octets).expect("a writable file");
    edit(case.join("case.toml"), |text| {
        text.replace("drops = true\n", "")
    });
    let (code, out, _) = check(folder.path(), &["moves"]);
    assert_eq!(code, 1, "{out}");
    // The way of either frame, and the command that tells it.
    assert_eq!(
        out.matches("    | verdict: forwarded, 1 copy\n").count(),
        2,
        "{out}"
    );
    for number in [2, 4] {
        let command = format!(
            "    | (tapswitch replay moves/topology.sh --in moves/in.pcapng --explain={number})\n"
        );
        assert!(out.contains(&command), "{number}: {out}");
    }
    let told = |line: &&str| !line.starts_with("    | ");
    let out: String = out.split_inclusive('\n').filter(told).collect();
    let expected = "\
FAIL  moves
  p1 out: frame 1 is not as in expect.pcapng
    expected at 0.005000000 s: 02:00:00:00:00:09 > 02:00:00:00:00:01, ARP operation 7, 60 octets
    actual   at 0.005000000 s: 02:00:00:00:00:09 > 02:00:00:00:00:01, ARP 10.0.0.9 is at 02:00:00:00:00:09, 60 octets
                       expected                   actual
    arp.operation      7                          2
      …
      octet 16     08 00 06 04 00 07 02 00    08 00 06 04 00 02 02 00
                                  ^^                         ^^
      …
    It came in by p4 as its frame 1 at 0.005000000 s and was forwarded to p1.
  p2 out: frame 2 is not as in expect.pcapng
    expected at 0.015000001 s: 02:00:00:00:00:09 > 02:00:00:00:00:01, ARP 10.0.0.9 is at 02:00:00:00:00:09, 60 octets
    actual   at 0.015000000 s: 02:00:00:00:00:09 > 02:00:00:00:00:01, ARP 10.0.0.9 is at 02:00:00:00:00:09, 60 octets
    the octets are the same, 1 ns early
    It came in by p4 as its frame 2 at 0.015000000 s and was forwarded to p2.
  to reproduce: tapswitch replay moves/topology.sh --in moves/in.pcapng --drops --out actual.pcapng
1 case: 0 passed, 1 failed
";
    assert_eq!(out, expected);

    edit(case.join("case.toml"), |text| {
        format!("{text}tolerance = \"1ns\"\nignore = [\"arp.operation\"]\n")
    });
    let (code, out, _) = check(folder.path(), &["moves"]);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_missing_frame_says_why_and_the_others_still_match() {
    let folder = copies(&["conversation"]);
    let case = folder.path().join("conversation");
    edit(case.join("topology.sh"), |text| {
        format!(
            "{text}sleep 0.0009\nip link set p2 type bridge_slave isolated on\n\
                 ip link set p1 type bridge_slave isolated on\n"
        )
    });
    fs::remove_file(case.join("expect.json")).expect("it is there");
    let (code, out, _) = check(folder.path(), &["conversation"]);
    assert_eq!(code, 1, "{out}");
    // What the two send each other and to all is missing at the other; what p3 sends and gets is not.
    assert_eq!(out.matches(" out: frame").count(), 5, "{out}");
    assert_eq!(out.matches("p1 out: frame").count(), 3, "{out}");
    assert!(
        out.contains(
            "    A frame between the same stations came in by p1 as its frame 4 at 0.001200000 s and \
             was dropped: isolated: the ingress port and the port of the destination are both isolated."
        ),
        "{out}"
    );
    // With "drops", so does the frame that came in.
    assert!(
        out.contains("p1 in: frame 4 is not as in expect.pcapng"),
        "{out}"
    );
    assert!(out.contains("      dropped: isolated: "), "{out}");
}

#[test]
fn values_are_named_by_their_path() {
    let folder = copies(&["moves"]);
    fs::write(
        folder.path().join("moves/expect.json"),
        r#"{
            "bridges": [{"name": "br0", "moved": 7, "fdb": [{"mac": "02:00:00:00:00:01", "vlan": null, "dev": "p1"}]}],
            "show": {
                "bridge -j link show dev p1": [{"ifname": "p1", "state": "blocking"}],
                "ip link show nobody": "x"
            }
        }"#,
    )
    .expect("a writable folder");
    let (code, out, _) = check(folder.path(), &["moves"]);
    assert_eq!(code, 1, "{out}");
    for line in [
        "  expect.json: bridges[name=br0].fdb[mac=02:00:00:00:00:01,vlan=null].dev\n    expected \"p1\"\n    actual   \"p4\"\n",
        "  expect.json: show[\"bridge -j link show dev p1\"][ifname=p1].state\n    expected \"blocking\"\n    actual   \"forwarding\"\n",
        "  expect.json: show[\"ip link show nobody\"]\n    expected \"x\"\n    actual   \"exit status 1: Device \\\"nobody\\\" does not exist.\"\n",
    ] {
        assert!(out.contains(line), "{line}{out}");
    }
    assert_eq!(out.matches("expect.json: ").count(), 3, "{out}");
}

#[test]
fn where_nothing_may_come_out() {
    let folder = copies(&["moves"]);
    let case = folder.path().join("moves");
    for file in ["expect.pcapng", "expect.json"] {
        fs::remove_file(case.join(file)).expect("it is there");
    }
    let with = |no_output: &str| {
        fs::write(case.join("case.toml"), format!("no-output = {no_output}\n")).unwrap();
        check(folder.path(), &["moves"])
    };
    assert_eq!(with("[\"p4@stack\"]").0, 0);
    let (code, out, _) = with("[\"p4@stack\", \"p2\"]");
    assert_eq!(code, 1);
    assert!(
        out.contains("p2 out: frame 1 is not in case.toml (no-output)"),
        "{out}"
    );
    let (code, out, _) = with("[\"*\"]");
    assert_eq!(code, 1);
    assert!(
        out.contains("br0 out: frame 8") && out.contains("and 28 more differences"),
        "{out}"
    );
    let (code, _, _) = with("[\"p9\"]");
    assert_eq!(code, 2);
}

/// The output of a replay is a case: topology, inputs and expectations.
#[test]
fn out_dir_is_a_case() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let case = folder.path().join("stacks");
    let status = super::replay()
        .args(["topologies/three-hosts.sh", "--drops", "--no-hosts"])
        .args(["--in", "h1/eth0=captures/conversation-le-us.pcap"])
        .arg("--out-dir")
        .arg(&case)
        .output()
        .expect("the command starts")
        .status;
    assert!(status.success());
    fs::copy(
        root("fixtures/topologies/three-hosts.sh"),
        case.join("topology.sh"),
    )
    .unwrap();
    let (code, out, errors) = check(folder.path(), &["."]);
    assert_eq!((code, out.as_str()), (0, "1 case: 1 passed\n"), "{errors}");
    // And it can fail: h2 gets nothing any more.
    edit(case.join("topology.sh"), |text| {
        text.replace("ip link set p2 up\n", "")
    });
    let (code, out, _) = check(folder.path(), &["."]);
    assert!(
        code == 1 && out.contains("h2/eth0 out: frame 1 of h2_eth0_out.pcap is missing"),
        "{out}"
    );
}

#[test]
fn bless_writes_expectations_only_and_says_what_changed() {
    let folder = copies(&["moves", "sizes"]);
    let case = folder.path().join("moves");
    edit(case.join("topology.sh"), |text| {
        text.replace("ip link set p3 up\n", "")
    });
    fs::write(
        case.join("p2_out.pcap"),
        fs::read(root("fixtures/captures/llc.pcap")).unwrap(),
    )
    .unwrap();
    // An expectation that is a link to an input: the input stays as it is.
    fs::remove_file(folder.path().join("sizes/expect.pcapng")).unwrap();
    fs::hard_link(
        folder.path().join("moves/in.pcapng"),
        folder.path().join("sizes/expect.pcapng"),
    )
    .unwrap();
    let inputs = [
        "moves/in.pcapng",
        "moves/case.toml",
        "moves/topology.sh",
        "sizes/h1_eth0.pcap",
    ];
    let before = inputs.map(|input| fs::read(folder.path().join(input)).unwrap());
    let (code, out, _) = check(folder.path(), &["moves", "--bless"]);
    assert_eq!(code, 0, "{out}");
    for file in ["expect.json: ", "expect.pcapng: ", "p2_out.pcap: "] {
        assert_eq!(out.matches(&format!("  wrote {file}")).count(), 1, "{out}");
    }
    let (code, out, _) = check(folder.path(), &["moves", "--bless"]);
    assert_eq!((code, out.as_str()), (0, "1 case: 1 passed\n"));
    // Its interfaces are those of another network.
    let (code, _, _) = check(folder.path(), &["sizes", "--bless"]);
    assert_eq!(code, 2);
    fs::write(folder.path().join("sizes/case.toml"), "no-hosts = true").unwrap();
    fs::remove_file(folder.path().join("sizes/expect.pcapng")).unwrap();
    fs::hard_link(
        folder.path().join("sizes/h1_eth0.pcap"),
        folder.path().join("sizes/h2_eth0_out.pcap"),
    )
    .unwrap();
    let (code, out, _) = check(folder.path(), &["sizes", "--bless"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("wrote h2_eth0_out.pcap: "), "{out}");
    assert!(before == inputs.map(|input| fs::read(folder.path().join(input)).unwrap()));
    let left: Vec<_> = super::files(&case);
    assert!(
        left.iter()
            .all(|file| !file.display().to_string().ends_with(".new")),
        "{left:?}"
    );
}

#[test]
fn what_is_not_understood_is_2_with_its_place() {
    let folder = copies(&["moves", "sizes"]);
    let case = folder.path().join("moves");
    let broken = |file: &str, content: &[u8], words: &str| {
        let path = case.join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, content).unwrap();
        let (code, out, _) = check(folder.path(), &["."]);
        assert_eq!(code, 2, "{file}: {out}");
        assert!(
            out.contains("ERROR ./moves\n") && out.contains(words),
            "{file}: {out}"
        );
        assert!(
            out.ends_with("2 cases: 1 passed, 1 not understood\n"),
            "{out}"
        );
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    };
    broken(
        "case.toml",
        b"drops = true\nlingr = \"2s\"\n",
        "./moves/case.toml:2:1: unknown field `lingr`",
    );
    broken(
        "topology.sh",
        b"ip link add br0 type brigde\n",
        "./moves/topology.sh:1:22: \"brigde\"",
    );
    broken("topology.sh", b"\xff", "not UTF-8");
    broken(
        "in.pcapng",
        b"not a capture",
        "in.pcapng: at byte 0: not a capture",
    );
    broken(
        "expect.pcapng",
        b"\x0a\x0d\x0d\x0a",
        "expect.pcapng: at byte 0: the file is cut short",
    );
    broken(
        "expect.json",
        b"{\"a\": }",
        "expect.json: expected value at line 1 column 7",
    );
    broken(
        "actual.pcapng",
        b"",
        "actual.pcapng: not a file of a case; expected in.pcapng",
    );
    broken(
        "p9.pcap",
        &fs::read(root("fixtures/captures/llc.pcap")).unwrap(),
        "no attachment is called \"p9\"",
    );
    broken(
        "p9_out.pcap",
        &fs::read(root("fixtures/captures/llc.pcap")).unwrap(),
        "no attachment is called \"p9\"",
    );
    // A loop without spanning tree fed with 500 broadcasts is too much, and said to be.
    let (code, _, errors) = check(folder.path(), &["nowhere"]);
    assert!(code == 2 && errors.contains("nowhere"), "{errors}");
    let (code, _, errors) = check(folder.path(), &["moves", "--filter", "xyz"]);
    assert!(
        code == 2 && errors.contains("no case has \"xyz\" in its name"),
        "{errors}"
    );
    let empty = tempfile::tempdir().unwrap();
    let (code, _, errors) = check(empty.path(), &["."]);
    assert!(code == 2 && errors.contains("no case in it"), "{errors}");
    for file in ["expect.pcapng", "expect.json"] {
        fs::remove_file(case.join(file)).unwrap();
    }
    let (code, out, _) = check(folder.path(), &["moves"]);
    assert!(code == 2 && out.contains("nothing is expected"), "{out}");
}

#[test]
fn a_script_that_fails_fails_the_case() {
    let folder = copies(&["moves"]);
    let case = folder.path().join("moves");
    edit(case.join("topology.sh"), |text| {
        format!("{text}sleep 0.02\nip link set p9 up\n").replace(
            "set -e\n",
            "set -e\nip link add p9 type dummy\nip link del p9\n",
        )
    });
    let (code, out, _) = check(folder.path(), &["moves"]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("the script ended with 1, expected 0\n    line "),
        "{out}"
    );
    assert!(
        out.contains("ip link set p9 up\n    Cannot find device \"p9\""),
        "{out}"
    );
    edit(case.join("case.toml"), |text| format!("{text}status = 1\n"));
    let (_, out, _) = check(folder.path(), &["moves"]);
    assert!(!out.contains("the script ended"), "{out}");
}

#[test]
fn filters_lists_and_reports() {
    let folder = copies(&["moves", "sizes", "runts"]);
    edit(folder.path().join("runts/expect.json"), |text| {
        text.replace("\"frames_in\": 21", "\"frames_in\": 22")
    });
    fs::write(folder.path().join("sizes/case.toml"), "x = 1").unwrap();
    let (code, out, _) = check(folder.path(), &[".", "--list", "-f", "s", "-f", "zz"]);
    assert_eq!((code, out.as_str()), (0, "./moves\n./runts\n./sizes\n"));
    let (code, out, _) = check(folder.path(), &[".", "-v", "-f", "moves"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "ok    ./moves\n1 case: 1 passed\n")
    );
    let (code, out, _) = check(folder.path(), &[".", "--json", "--junit", "results.xml"]);
    assert_eq!(code, 2);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (&json["passed"], &json["failed"], &json["errors"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(json["cases"][1]["mismatches"][0]["path"], "total.frames_in");
    assert_eq!(json["cases"][1]["mismatches"][0]["actual"], 21);
    let junit = fs::read_to_string(folder.path().join("results.xml")).expect("it was written");
    assert!(
        junit.contains("tests=\"3\" failures=\"1\" errors=\"1\""),
        "{junit}"
    );
    assert!(
        junit.contains("classname=\".\" name=\"moves\" time=\""),
        "{junit}"
    );
    assert!(junit.contains("<failure message=\"expect.json: total.frames_in is not as expected\">FAIL  ./runts&#10;"), "{junit}");
    assert!(
        junit.contains("<error message=\"./sizes/case.toml:1:1: unknown field"),
        "{junit}"
    );
}

/// Text, JSON and (without its times) JUnit are the same octets on 1, 2 and 8 threads and every time, also
/// where cases fail. The library does it a thousand times: `check_always_finds_the_same`.
#[test]
fn results_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy_all(folder.path());
    for case in ["moves", "stacks"] {
        edit(folder.path().join(case).join("topology.sh"), |text| {
            text.replace("ip link set p2 up\n", "")
        });
    }
    let without_times = |text: String| {
        let mut pieces = text.split(" time=\"");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| {
            text + piece.split_once('"').map_or("", |(_, rest)| rest)
        })
    };
    let all = |jobs: &str| {
        let (code, text, _) = check(folder.path(), &[".", "--jobs", jobs, "--junit", "r.xml"]);
        assert_eq!(code, 1);
        let (_, json, _) = check(folder.path(), &[".", "--jobs", jobs, "--json"]);
        let junit = fs::read_to_string(folder.path().join("r.xml")).expect("it was written");
        (text, json, without_times(junit))
    };
    let first = all("1");
    assert!(first.0.contains("2 failed"), "{}", first.0);
    for jobs in ["2", "8", "1", "8"] {
        assert!(all(jobs) == first, "{jobs} threads");
    }
}

fn copy_all(to: &Path) {
    for case in super::files(&root("fixtures/cases")) {
        copy(
            &case,
            &to.join(case.file_name().expect("a case has a name")),
        );
    }
}

#[test]
fn check_always_finds_the_same() {
    let folder = copies(&["moves"]);
    let case = folder.path().join("moves");
    edit(case.join("topology.sh"), |text| {
        text.replace("ip link set p2 up\n", "")
    });
    let text = || {
        let findings = tapswitch::check::run::check(&case).expect("a case");
        serde_json::to_string(&findings.mismatches).expect("JSON")
    };
    let first = text();
    assert!(first.contains("netdev_down"), "{first}");
    for run in 1..1_000 {
        assert!(text() == first, "run {run}");
    }
}

/// A trunk that tags no more: the frame is the same one, but for its tag.
#[test]
fn a_tag_that_is_gone_is_all_that_is_marked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let case = folder.path().join("trunk");
    fs::create_dir(&case).unwrap();
    let topology = "ip link add br0 type bridge vlan_filtering 1 mcast_snooping 0\n\
                    ip tuntap add p1 mode tap\nip tuntap add p2 mode tap\n\
                    ip link set p1 up master br0\nip link set p2 up master br0\n\
                    bridge vlan add dev p1 vid 10 pvid untagged\nbridge vlan add dev p2 vid 10\n\
                    ip link set br0 up\n";
    fs::write(case.join("topology.sh"), topology).unwrap();
    fs::copy(root("fixtures/captures/llc.pcap"), case.join("p1.pcap")).unwrap();
    assert_eq!(check(folder.path(), &["trunk", "--bless"]).0, 0);
    edit(case.join("topology.sh"), |text| {
        text.replace("p2 vid 10", "p2 vid 10 untagged")
    });
    let (code, out, _) = check(folder.path(), &["trunk"]);
    assert_eq!(code, 1);
    let expected = "  p2 out: frame 1 is not as in expect.pcapng
    expected at 0.000000000 s: 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, VLAN 10, LLC e0 e0, 64 octets
    actual   at 0.000000000 s: 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, LLC e0 e0, 60 octets
                       expected                   actual
    ethernet.type      0x8100                     0x0021
    vlan.tci           vid 10, priority 0         -
    vlan.type          0x0021                     -
      …
      octet 8      00 00 00 01 81 00 00 0a    00 00 00 01 00 21 e0 e0
                               ^^ ^^ ^^ ^^                ^^ ^^
      octet 16     00 21 e0 e0 03 ff ff ff    03 ff ff ff ff ff ff ff
                   ^^ ^^
      …
    It came in by p1 as its frame 1 at 0.000000000 s and was forwarded to p2.
";
    assert!(out.contains(expected), "{out}");
}
