//! What the `tapswitch` command does with files: no privilege, no sleep, no clock.

mod bench;
mod captures;
mod check;
mod compare;
mod explain;
mod fixtures;
mod hosts;
mod malformed;
mod printed;
mod replay;
mod topologies;
mod wireshark;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// Returns a path below the crate's root.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Starts a `tapswitch replay` in the folder of the fixtures.
fn replay() -> Command {
    let mut command = Command::cargo_bin("tapswitch").expect("the binary of this crate");
    command.current_dir(root("fixtures")).arg("replay");
    command
}

/// Returns the files of a folder below `fixtures/`, sorted by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

/// Checks the arithmetic of a JSON summary: each frame that came in has one outcome.
fn assert_adds_up(summary: &serde_json::Value, what: &str) {
    let count = |value: &serde_json::Value| value.as_u64().expect("a count");
    let sum = |value: &serde_json::Value| -> u64 {
        value
            .as_object()
            .expect("counts by reason")
            .values()
            .map(count)
            .sum()
    };
    let (mut frames_in, mut frames_out, mut dropped) = (0, 0, 0);
    for one in summary["attachments"].as_array().expect("attachments") {
        let outcomes = count(&one["forwarded"]) + count(&one["trapped"]) + sum(&one["dropped"]);
        assert_eq!(count(&one["frames_in"]), outcomes, "{what}: {one}");
        frames_in += count(&one["frames_in"]);
        frames_out += count(&one["frames_out"]);
        dropped += sum(&one["dropped"]);
    }
    let total = &summary["total"];
    assert_eq!(count(&total["frames_in"]), frames_in, "{what}");
    assert_eq!(count(&total["frames_out"]), frames_out, "{what}");
    assert_eq!(count(&total["dropped"]), dropped, "{what}");
    let outcomes = count(&total["forwarded"]) + count(&total["trapped"]) + dropped;
    assert_eq!(frames_in, outcomes, "{what}");
    let fed: u64 = summary["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|one| count(&one["frames"]))
        .sum();
    assert_eq!(frames_in, fed, "{what}");
}
