//! `tapswitch bench forward`: what it says of frames is so; how long they take is the machine's affair.

use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

use super::root;

/// Runs it for as short a time as there is.
fn bench(args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("tapswitch").expect("the binary of this crate");
    command.current_dir(root("fixtures"));
    command.args(["bench", "forward", "--time", "0.02", "--warm-up", "0.01"]);
    command.args(["--repeats", "3"]).args(args);
    command.output().expect("the command starts")
}

fn json(args: &[&str]) -> Value {
    let output = bench(&[args, &["--json"]].concat());
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Returns a share of the frames decided.
fn share(report: &Value, what: &Value) -> f64 {
    let verdicts = &report["verdicts"];
    let dropped = verdicts["dropped"].as_object().unwrap().values();
    let all: f64 = [&verdicts["forwarded"], &verdicts["trapped"]]
        .into_iter()
        .chain(dropped)
        .map(|it| it.as_f64().unwrap())
        .sum();
    assert!(all > 0.0, "{report}");
    what.as_f64().unwrap() / all
}

#[test]
fn traffic_made_to_order_is_forwarded() {
    let report = json(&["--traffic", "stations=100,unknown=0.25,frames=4096"]);
    assert_eq!(report["attachments"].as_array().unwrap().len(), 4);
    assert_eq!(report["frames"], 4096);
    let verdicts = &report["verdicts"];
    assert!((share(&report, &verdicts["forwarded"]) - 1.0).abs() < 1e-9);
    let flooded = share(&report, &verdicts["flooded"]);
    assert!((flooded - 0.25).abs() < 0.05, "{report}");
    // What is flooded leaves by the three other ports.
    let copies = share(&report, &verdicts["copies"]);
    assert!((copies - (1.0 + 2.0 * flooded)).abs() < 1e-9, "{report}");
    let stages = &report["ns_per_frame"];
    let ns = |stage: &str| stages[stage]["median"].as_f64().unwrap();
    assert!(ns("decide") > 0.0 && ns("total") > ns("decide"), "{report}");
}

#[test]
fn captures_come_in_where_they_are_put() {
    let capture = "captures/conversation-le-us.pcap";
    let report = json(&["topologies/four-taps.sh", "--in", &format!("p1={capture}")]);
    assert_eq!(report["attachments"], serde_json::json!(["p1"]));
    let report = json(&["--in", capture, "--spread", "2", "--workers", "2"]);
    assert_eq!(report["attachments"], serde_json::json!(["p1", "p2"]));
    assert_eq!(report["mpps_per_worker"].as_array().unwrap().len(), 2);
    // Three stations behind two ports: some speak to their neighbour.
    let verdicts = &report["verdicts"];
    let forwarded = share(&report, &verdicts["forwarded"]);
    let neighbours = share(&report, &verdicts["dropped"]["same_port"]);
    assert!((forwarded + neighbours - 1.0).abs() < 1e-9, "{report}");
    assert!(forwarded > 0.5 && neighbours > 0.0, "{report}");
}

#[test]
fn a_built_in_topology_is_measured_from_its_hosts() {
    let output = bench(&["three-hosts", "--traffic", "stations=6"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("three-hosts: 3 attachments, "), "{text}");
    assert!(text.contains(" ns/frame "), "{text}");
    assert!(text.contains("of 100 frames: 100.00 forwarded"), "{text}");
}

#[test]
fn what_does_not_fit_is_said() {
    for (args, says) in [
        (
            &["--traffic", "stations=1"][..],
            "stations=1 (expected 2 to 16777215)",
        ),
        (
            &["--in", "captures/sizes.pcap"],
            "must be given as NAME=captures/sizes.pcap",
        ),
        (
            &["--in", "q=captures/sizes.pcap"],
            "no attachment is called \"q\"",
        ),
        (
            &["--in", "nothing.pcap", "--spread", "2"],
            "cannot read nothing.pcap",
        ),
        (
            &[
                "topologies/four-taps.sh",
                "--in",
                "captures/sizes.pcap",
                "--spread",
                "9",
            ],
            "--spread 9: there are 4 attachments",
        ),
        (&["--ports", "p9"], "no attachment is called \"p9\""),
        (&["--workers", "0"], "0 is not in 1..=64"),
    ] {
        let output = bench(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(says), "{args:?}: {errors}");
    }
}

#[test]
fn workers_with_tables_of_their_own_are_measured_in_turn() {
    let report = json(&["--workers", "2", "--unshared"]);
    let ratio = &report["unshared"]["shared_ratio"];
    let [min, median, max] = ["min", "median", "max"].map(|it| ratio[it].as_f64().unwrap());
    assert!(0.0 < min && min <= median && median <= max, "{report}");
    assert!(report["unshared"]["mpps"]["median"].as_f64().unwrap() > 0.0);
    assert!(json(&["--workers", "2"]).get("unshared").is_none());
    let text = String::from_utf8(bench(&["--workers", "2", "--unshared"]).stdout).unwrap();
    assert!(text.contains("tables of their own"), "{text}");
}
