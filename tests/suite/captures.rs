//! Captures of the real world, where they are at hand: through a bridge of four ports, twice.

use std::fs;
use std::path::PathBuf;

use super::{assert_adds_up, files, replay, root};

/// Returns the folder of real captures, from `TAPSWITCH_CAPTURES` or beside the crate.
fn folder() -> Option<PathBuf> {
    let beside = || Some(root("../shared/captures"));
    let folder = std::env::var_os("TAPSWITCH_CAPTURES")
        .map(PathBuf::from)
        .or_else(beside)?;
    folder.is_dir().then_some(folder)
}

/// A VTEP where one of a capture's endpoints was takes the frames out, octet by octet.
#[test]
fn vxlan_of_the_real_world_is_taken_out() {
    let Some(capture) = folder().map(|it| it.join("ndpi-vxlan.pcap")) else {
        eprintln!("skipped: no folder of captures (TAPSWITCH_CAPTURES names one)");
        return;
    };
    if !capture.exists() {
        eprintln!("skipped: {} is not there", capture.display());
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let topology = scratch.path().join("vtep.sh");
    let script = "ip tuntap add u0 mode tap
        ip link set u0 address 00:0c:bd:06:3a:74 up
        ip link add link u0 name u0.5 up type vlan id 5
        ip addr add 192.168.22.5/24 dev u0.5
        ip link add br0 type bridge mcast_snooping 0
        ip tuntap add p1 mode tap
        ip link add vx0 type vxlan id 1111 dstport 4789 local 192.168.22.5 remote 192.168.22.4
        ip link set p1 master br0 up
        ip link set vx0 master br0 up
        ip link set br0 up
        bridge fdb show dev vx0
        sleep 1
        bridge fdb show dev vx0
        ";
    fs::write(&topology, script).expect("a script");
    let output = assert_cmd::Command::cargo_bin("tapswitch")
        .expect("the binary of this crate")
        .arg("replay")
        .arg(&topology)
        .arg("--in")
        .arg(format!("u0={}", capture.display()))
        .args(["--json", "--drops"])
        .output()
        .expect("the command starts");
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a JSON summary");
    assert_adds_up(&summary, "ndpi-vxlan");
    let attachments = summary["attachments"].as_array().expect("attachments");
    let of = |name: &str, key: &str| {
        let found = attachments.iter().find(|it| it["name"] == name);
        found.and_then(|it| it[key].as_u64()).unwrap_or(0)
    };
    // 127 packets in VLAN 5, of which 54 are to this endpoint; each carries one frame.
    assert_eq!(of("u0", "frames_in"), 127, "{summary:#}");
    assert_eq!(of("p1", "frames_out"), 54, "{summary:#}");
    let shown = summary["commands"].to_string();
    assert!(shown.contains("dst 192.168.22.4 self"), "{shown}");
}

#[test]
fn real_captures_through_four_ports() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no folder of captures (TAPSWITCH_CAPTURES names one)");
        return;
    };
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let captures = files(&folder).into_iter().filter(|path| {
        path.extension()
            .is_some_and(|kind| kind == "pcap" || kind == "pcapng")
    });
    let mut seen = 0;
    for capture in captures {
        seen += 1;
        let run = |out: &str| {
            let out = scratch.path().join(out);
            // The same frames by two ports: stations move with every frame.
            let mut command = replay();
            command
                .args(["topologies/four-taps.sh", "--json", "--drops", "--out"])
                .arg(&out);
            for port in ["p1", "p3"] {
                command
                    .arg("--in")
                    .arg(format!("{port}={}", capture.display()));
            }
            let output = command.output().expect("the command starts");
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                matches!(output.status.code(), Some(0 | 1)) && !errors.contains("panicked"),
                "{}: {errors}",
                capture.display()
            );
            (
                output.stdout,
                fs::read(out).expect("the output was written"),
            )
        };
        let (summary, written) = run("first.pcapng");
        assert!(
            (summary.clone(), written) == run("second.pcapng"),
            "{} is not repeatable",
            capture.display()
        );
        let summary = serde_json::from_slice(&summary).expect("a JSON summary");
        assert_adds_up(&summary, &capture.display().to_string());
    }
    assert!(seen > 0, "{} holds no captures", folder.display());
}
