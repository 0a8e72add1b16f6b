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
