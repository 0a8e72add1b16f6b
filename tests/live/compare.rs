//! `tapswitch compare --live`: figures for who reaches whom, and nothing left behind. How fast is nobody's business here.

use std::fs;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::bench::{await_that, need};

/// Figures of a pair.
const FIGURES: [&str; 3] = ["tcp_mbits", "frames_per_second", "rtt_us"];

/// A comparison in a network and with names of networks that nobody else sees. When it is over, the shell that it is
/// in says its status and what is there then.
struct Compared {
    shell: Child,
    /// In the environment of whatever it starts.
    mark: String,
}

impl Compared {
    fn start(name: &str, kinds: &[&str]) -> Self {
        let script = "mkdir -p /run/netns && mount -t tmpfs none /run/netns && mount -t sysfs sysfs /sys && \
             { timeout -k 5 150 env \"$@\"; echo status $? >&2; echo left $(ls /run/netns) $(ls /sys/class/net) >&2; }";
        let mark = format!("TAPSWITCH_LIVE_TEST={}-{name}", std::process::id());
        let shell = Command::new("unshare")
            .args(["-n", "-m", "sh", "-c", script, "sh", &mark])
            .args([env!("CARGO_BIN_EXE_tapswitch"), "compare"])
            .args(kinds)
            .args(["--live", "--json", "--no-timing", "--hosts", "2"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { shell, mark }
    }

    /// How many namespaces have names.
    fn names(&self) -> usize {
        let names = format!("/proc/{}/root/run/netns", self.shell.id());
        fs::read_dir(names).map_or(0, Iterator::count)
    }

    /// Waits for its end, which has to be with a status and to leave nothing; returns what it prints.
    fn end(self, status: i32) -> String {
        let output = self.shell.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let ending = format!("status {status}\nleft lo\n");
        assert!(errors.ends_with(&ending), "{errors}");
        // The kernel ends some with their parent, which takes a moment.
        await_that("the end of what it started", || {
            started(&self.mark, "").is_empty()
        });
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Returns the processes with a mark in the environment and a text in the command line.
fn started(mark: &str, text: &str) -> Vec<i32> {
    let one = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let read = |what: &str| fs::read(entry.path().join(what)).ok();
        let environment = read("environ")?;
        let marked = environment.split(|octet| *octet == 0);
        let marked = marked.into_iter().any(|it| it == mark.as_bytes());
        let words = String::from_utf8(read("cmdline")?).ok()?.replace('\0', " ");
        (marked && words.contains(text)).then_some(pid)
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(one).collect()
}

#[test]
fn a_live_comparison_has_figures_for_whom_it_says_reach_each_other() {
    need!("ip", "ping", "iperf3", "unshare", "timeout");
    // The last reaches nobody.
    let kinds = ["bridge", "macvlan", "macvlan:source"];
    let text = Compared::start("figures", &kinds).end(0);
    let report: Value = serde_json::from_str(&text).unwrap();
    for kind in report["kinds"].as_array().unwrap() {
        let live = &kind["live"];
        let skipped = live["skipped"].as_array().unwrap();
        // A kernel may lack a kind; nothing else is a reason.
        let lacks = skipped.iter().any(|why| {
            let why = why.as_str().unwrap();
            why.starts_with("kernel: ") && why.contains("Unknown device type")
        });
        assert_eq!(skipped.len(), usize::from(lacks), "{skipped:?}");
        for (pair, to) in [("sibling", "c2"), ("outside", "out")] {
            let pairs = kind["pairs"].as_array().unwrap().iter();
            let mut pairs = pairs.filter(|it| it["from"] == "c1" && it["to"] == to);
            let reach = &pairs.next().unwrap()["reach"];
            for side in ["kernel", "tapswitch"] {
                let measures = &live[side];
                if side == "kernel" && lacks {
                    assert!(measures.is_null(), "{live}");
                    continue;
                }
                let measure = &measures[pair];
                assert!(measures.is_object(), "{live}");
                if reach == "no" {
                    assert!(measure.is_null(), "{side}, {pair}: {live}");
                    continue;
                }
                for figure in FIGURES {
                    // No number of JSON is infinite.
                    let value = measure[figure].as_f64();
                    assert!(value > Some(0.0), "{side}, {pair}, {figure}: {live}");
                }
            }
        }
    }
    assert_eq!(report["kinds"].as_array().unwrap().len(), kinds.len());
}

#[test]
fn a_live_comparison_that_is_ended_leaves_nothing() {
    need!("ip", "ping", "iperf3", "unshare", "timeout");
    // While namespaces are made, while the kernel is measured, while tapswitch runs.
    for (when, signal) in [
        ("names", Signal::SIGINT),
        ("iperf3 -s", Signal::SIGINT),
        (" run ", Signal::SIGTERM),
    ] {
        // tapswitch's turn comes soon where there is nothing to measure.
        let kind = if when == " run " {
            "macvlan:source"
        } else {
            "bridge"
        };
        let compared = Compared::start(signal.as_str(), &[kind]);
        await_that(when, || match when {
            "names" => compared.names() > 0,
            words => !started(&compared.mark, words).is_empty(),
        });
        // A program that it starts looks like it for a moment.
        let pid = started(&compared.mark, " compare ").into_iter().min();
        let pid = Pid::from_raw(pid.expect("it has not ended"));
        signal::kill(pid, signal).unwrap();
        compared.end(128 + signal as i32);
    }
}
