//! What Wireshark reads in our output, where tshark is installed.

use std::process::Command;

use super::replay;

#[test]
fn tshark_sees_interfaces_directions_and_packet_ids() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.pcapng");
    let done = replay()
        .args([
            "topologies/four-taps.sh",
            "--in",
            "captures/moves.pcapng",
            "--drops",
            "--out",
        ])
        .arg(&out)
        .output()
        .expect("the command starts");
    assert!(done.status.success());
    let fields = [
        "frame.interface_name",
        "frame.packet_flags_direction",
        "frame.packet_flags_reception_type",
        "frame.packet_id",
        "frame.time_epoch",
    ];
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&out).args(["-T", "fields"]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().take(7).collect();
    // Station 1 asks all from p1; station 9 answers from p4.
    assert_eq!(
        lines,
        [
            "p1\t0x00000001\t3\t1\t1704067200.000000000",
            "p2\t0x00000002\t3\t1\t1704067200.000000000",
            "p3\t0x00000002\t3\t1\t1704067200.000000000",
            "p4\t0x00000002\t3\t1\t1704067200.000000000",
            "br0\t0x00000002\t3\t1\t1704067200.000000000",
            "p4\t0x00000001\t4\t2\t1704067200.005000000",
            "p1\t0x00000002\t1\t2\t1704067200.005000000",
        ],
        "{text}"
    );
}
