//! The command line of `tapswitch replay`: its errors, its exit status, its rules of time.

use std::fs;

use super::{assert_adds_up, replay, root};

/// Runs and returns exit status, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = replay().args(args).output().expect("the command starts");
    (
        output.status.code().expect("an exit status"),
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
    )
}

/// Writes a script and returns the folder that keeps it and its path.
fn script(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lab.sh");
    fs::write(&path, text).expect("a writable folder");
    let path = path.to_str().expect("a path of text").to_owned();
    (folder, path)
}

#[test]
fn the_same_frames_in_every_file_format() {
    let summary = |capture: &str| {
        let input = format!("captures/{capture}");
        let (code, out, errors) = run(&["topologies/four-taps.sh", "--in", &input]);
        assert_eq!((code, errors.as_str()), (0, ""), "{capture}");
        out
    };
    let expected = summary("conversation.pcapng");
    for capture in ["conversation-be.pcapng", "conversation-binary-time.pcapng"] {
        assert_eq!(summary(capture), expected, "{capture}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = |capture: &str| {
        let out = folder.path().join(capture);
        let input = format!("p1=captures/{capture}");
        let out_arg = out.to_str().expect("a path of text");
        let (code, ..) = run(&[
            "topologies/four-taps.sh",
            "--in",
            &input,
            "--drops",
            "--out",
            out_arg,
        ]);
        assert_eq!(code, 0, "{capture}");
        fs::read(out).expect("the output")
    };
    let expected = written("conversation-le-us.pcap");
    for capture in [
        "conversation-le-ns.pcap",
        "conversation-be-us.pcap",
        "conversation-be-ns.pcap",
    ] {
        assert!(written(capture) == expected, "{capture}");
    }
}

#[test]
fn the_output_of_a_replay_is_an_input() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, second) = (
        folder.path().join("1.pcapng"),
        folder.path().join("2.pcapng"),
    );
    for (input, out) in [
        ("captures/moves.pcapng", &first),
        (first.to_str().unwrap(), &second),
    ] {
        let out = out.to_str().unwrap();
        let (code, ..) = run(&[
            "topologies/four-taps.sh",
            "--in",
            input,
            "--drops",
            "--out",
            out,
        ]);
        assert_eq!(code, 0);
    }
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap());
}

#[test]
fn standard_output_carries_the_capture_or_the_json() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.pcapng");
    let base = [
        "topologies/four-taps.sh",
        "--in",
        "captures/moves.pcapng",
        "--out",
    ];
    let (code, ..) = run(&[&base[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(code, 0);
    let output = replay()
        .args(base)
        .arg("-")
        .output()
        .expect("the command starts");
    assert!(output.stdout == fs::read(out).unwrap());
    assert!(String::from_utf8_lossy(&output.stderr).contains("total"));
    let (code, _, errors) = run(&[&base[..], &["-", "--json"]].concat());
    assert_eq!(code, 2, "{errors}");
}

#[test]
fn json_holds_what_commands_printed() {
    let (code, out, errors) = run(&[
        "topologies/static.sh",
        "--in",
        "p1=captures/sizes.pcap",
        "--json",
    ]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let summary: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_adds_up(&summary, "static");
    let last = summary["commands"].as_array().unwrap().last().unwrap();
    assert_eq!(last["time_ns"], 2_000_000_000u64);
    assert_eq!(last["command"], "bridge fdb get 02:00:00:00:00:02 br br0");
    assert_eq!(
        last["stdout"],
        "02:00:00:00:00:02 dev p4 master br0 static\n"
    );
}

#[test]
fn an_input_is_not_overwritten_by_whatever_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (capture, lab) = (path("in.pcap"), path("lab.sh"));
    let (hard, soft) = (path("hard.pcap"), path("soft.pcap"));
    fs::copy(root("fixtures/captures/llc.pcap"), &capture).unwrap();
    fs::copy(root("fixtures/topologies/four-taps.sh"), &lab).unwrap();
    fs::hard_link(&capture, &hard).unwrap();
    std::os::unix::fs::symlink(&capture, &soft).unwrap();
    let before = fs::read(&capture).unwrap();
    let input = format!("p1={capture}");
    for out in [&capture, &hard, &soft, &lab] {
        let (code, _, errors) = run(&[&lab, "--in", &input, "--out", out]);
        assert_eq!(code, 1, "{out}");
        assert!(errors.contains("would be overwritten"), "{errors}");
    }
    assert!(fs::read(&capture).unwrap() == before);
}

#[test]
fn a_script_that_is_not_text_is_refused_with_its_line() {
    let (_folder, path) = script("");
    fs::write(&path, b"ip netns add h1\nip netns add \xff\n").unwrap();
    let (code, _, errors) = run(&[&path]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("lab.sh:2: octet 0xff is not UTF-8"),
        "{errors}"
    );
}

#[test]
fn a_name_that_may_be_misspelt_is_told() {
    let (_folder, path) =
        script("ip link add br0 type bridge\nip link set eth1 master br0\nip link set br1 up\n");
    let (code, _, errors) = run(&[&path, "--in", "eth1=captures/llc.pcap"]);
    assert_eq!(code, 0);
    assert_eq!(
        errors,
        "tapswitch: warning: br1: used but never created, so taken for the outside, and nothing \
         came in\n"
    );
}

#[test]
fn a_tap_that_is_made_again_is_fed_again() {
    let (_folder, path) = script(
        "ip link add br0 type bridge\nip link set br0 up\n\
         ip tuntap add p1 mode tap\nip link set p1 master br0 up\n\
         sleep 0.0001\nip tuntap del p1 mode tap\n\
         ip tuntap add p1 mode tap\nip link set p1 master br0 up\n",
    );
    let input = "p1=captures/conversation-le-us.pcap";
    let (code, out, errors) = run(&[&path, "--in", input, "--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let summary: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_adds_up(&summary, "made again");
    assert!(!out.contains("netdev_down"), "{out}");
    assert_eq!(summary["total"]["frames_in"], 24);
}

#[test]
fn out_dir_separates_directions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("made/by/us");
    let args = [
        "topologies/three-hosts.sh",
        "--no-hosts",
        "--in",
        "h1/eth0=captures/llc.pcap",
        "--out-dir",
    ];
    let (code, ..) = run(&[&args[..], &[dir.to_str().unwrap()]].concat());
    assert_eq!(code, 0);
    let frames = |name: &str| {
        let file = Box::new(fs::File::open(dir.join(name)).expect(name));
        let mut reader = tapswitch::attach::capture::CaptureReader::new(name, file).expect(name);
        let mut count = 0;
        while reader.read().expect(name).is_some() {
            count += 1;
        }
        count
    };
    // Five frames from h1, one of them to a station that the bridge knows to be h1 itself.
    let forwarded = frames("h1_eth0_in.pcap");
    assert!(forwarded > 0);
    assert_eq!(frames("h1_eth0_out.pcap"), 0);
    assert_eq!(frames("h2_eth0_out.pcap"), forwarded);
    assert_eq!(frames("h2_eth0_in.pcap"), 0);
}

#[test]
fn bad_arguments_end_with_2() {
    let topology = "topologies/four-taps.sh";
    for (args, message) in [
        (&["no-such.sh"][..], "cannot read no-such.sh"),
        (
            &[topology, "--in", "p9=captures/llc.pcap"],
            "no attachment is called \"p9\" (there are: br0, p1, p1@stack",
        ),
        (
            &[topology, "--in", "captures/llc.pcap"],
            "must be given as NAME=captures/llc.pcap",
        ),
        (&[topology, "--linger", "soon"], "\"soon\" is not a time"),
        (
            &["topologies/group-fwd.sh", "--in", "captures/moves.pcapng"],
            "captures/moves.pcapng: no attachment is called \"p4\"",
        ),
    ] {
        let (code, out, errors) = run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {errors}");
        assert!(errors.contains(message), "{args:?}: {errors}");
    }
    let (_folder, path) = script("ip link add br0 type bridge\nip link frobnicate br0\n");
    let (code, out, errors) = run(&[&path]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(errors.contains("lab.sh:2:9: \"frobnicate\""), "{errors}");
}

#[test]
fn files_that_cannot_be_read_or_written_end_with_1() {
    let topology = "topologies/four-taps.sh";
    let (code, _, errors) = run(&[topology, "--in", "p1=no-such.pcap"]);
    assert_eq!(code, 1);
    assert!(
        errors.contains("cannot read no-such.pcap: No such file"),
        "{errors}"
    );
    let (code, _, errors) = run(&[topology, "--out", "no-such-folder/x.pcapng"]);
    assert_eq!(code, 1);
    assert!(
        errors.contains("cannot write no-such-folder/x.pcapng"),
        "{errors}"
    );
    if std::path::Path::new("/dev/full").exists() {
        let (code, _, errors) = run(&[
            topology,
            "--in",
            "captures/moves.pcapng",
            "--out",
            "/dev/full",
        ]);
        assert_eq!(code, 1);
        assert!(
            errors.contains("cannot write /dev/full: No space left"),
            "{errors}"
        );
    }
}

#[test]
fn an_input_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.pcapng");
    fs::copy(super::root("fixtures/captures/moves.pcapng"), &path).expect("a copy");
    let before = fs::read(&path).unwrap();
    let path_arg = path.to_str().unwrap();
    let (code, _, errors) = run(&[
        "topologies/four-taps.sh",
        "--in",
        path_arg,
        "--out",
        path_arg,
    ]);
    assert_eq!(code, 1);
    assert!(
        errors.contains("is an input and would be overwritten"),
        "{errors}"
    );
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn commands_come_before_frames_of_the_same_instant() {
    // Frames at 0, 1, 2, … ms; the port goes down at exactly 2 ms.
    let (_folder, path) = script(
        "ip link add br0 type bridge\nip tuntap add p1 mode tap\nip tuntap add p2 mode tap\n\
         ip link set p1 master br0 up\nip link set p2 master br0 up\nip link set br0 up\n\
         sleep 0.002\nip link set p1 down\n",
    );
    let (code, out, errors) = run(&[&path, "--in", "p1=captures/sizes.pcap", "--json"]);
    assert_eq!(code, 0, "{errors}");
    let summary: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let p1 = summary["attachments"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "p1")
        .unwrap();
    assert_eq!(
        (&p1["forwarded"], &p1["dropped"]["netdev_down"]),
        (&2.into(), &11.into()),
        "{p1}"
    );
}

#[test]
fn failures_of_the_script_end_it_as_sh_would() {
    // The kernel's refusal alone does not end a script.
    let (_folder, path) = script(
        "ip link add br0 type bridge\nip link add br0 type bridge\nbridge fdb show br br0\n",
    );
    let (code, out, errors) = run(&[&path]);
    assert_eq!(code, 0);
    assert!(errors.contains("File exists"), "{errors}");
    assert!(out.contains("dev br0 master br0 permanent"), "{out}");

    let (_folder, path) =
        script("set -e\nip link add br0 type bridge\nip link add br0 type bridge\n");
    let (code, _, errors) = run(&[&path, "--in", "br0=captures/llc.pcap"]);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("RTNETLINK answers: File exists"),
        "{errors}"
    );

    // Later than t = 0: what was replayed until then is written.
    let (folder, path) = script(
        "set -e\nip link add br0 type bridge\nip tuntap add p1 mode tap\nip link set p1 master br0 up\n\
         ip link set br0 up\nsleep 0.0035\nexit 7\n",
    );
    let out = folder.path().join("out.pcapng");
    let args = [
        &path,
        "--in",
        "p1=captures/sizes.pcap",
        "--json",
        "--drops",
        "--out",
        out.to_str().unwrap(),
    ];
    let (code, summary, errors) = run(&args);
    assert_eq!(code, 7, "{errors}");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["total"]["frames_in"], 4);
    assert!(fs::metadata(out).unwrap().len() > 4 * 60);
}

#[test]
fn programs_that_no_host_has_are_named_but_not_run() {
    let (_folder, path) = script("ip netns add h1\nip netns exec h1 tcpdump -c 1\necho after");
    let (code, out, errors) = run(&[&path]);
    assert_eq!(code, 0);
    assert!(out.starts_with("after\n"), "{out}");
    assert_eq!(
        errors,
        "line 2: not run in a replay: ip netns exec h1 tcpdump -c 1\n"
    );
}

#[test]
fn time_never_goes_back() {
    let (code, out, errors) = run(&[
        "topologies/four-taps.sh",
        "--in",
        "p1=captures/out-of-order.pcap",
        "--json",
    ]);
    assert_eq!(code, 0);
    let summary: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(summary["inputs"][0]["late"], 2);
    assert_eq!(summary["duration_ns"], 40_000_000);
    assert!(
        errors.contains("2 of 6 frames are older than one before them"),
        "{errors}"
    );
    let (_, _, errors) = run(&[
        "topologies/four-taps.sh",
        "--in",
        "p1=captures/snapped.pcap",
    ]);
    assert!(errors.contains("10 of 13 frames were cut"), "{errors}");
}

#[test]
fn linger_lets_entries_age() {
    let entries = |linger: &str| {
        let args = [
            "topologies/ageing.sh",
            "--in",
            "captures/conversation.pcapng",
            "--json",
            "--linger",
            linger,
        ];
        let (code, out, _) = run(&args);
        assert_eq!(code, 0);
        let summary: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let fdb = summary["bridges"][0]["fdb"].as_array().unwrap();
        (
            fdb.iter()
                .filter(|entry| !entry["age_us"].is_null())
                .count(),
            summary["duration_ns"].as_u64(),
        )
    };
    // The script ends at 3 s; what was seen in the first 5 ms is gone since 2 s.
    assert_eq!(entries("0"), (0, Some(3_000_000_000)));
    assert_eq!(entries("1.5s"), (0, Some(4_500_000_000)));
}
