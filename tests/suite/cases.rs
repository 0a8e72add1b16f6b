//! Golden cases: a folder under `fixtures/cases` with the arguments of a replay (`args`, one line
//! per argument group) and what comes of it: `expect.pcapng`, with drops, and `expect.txt`, what it
//! prints and its exit status. `tools/bless` rewrites both.

use std::fs;

use super::{files, replay, root};

#[test]
fn golden_cases() {
    let bless = std::env::var_os("TAPSWITCH_BLESS").is_some();
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut different = Vec::new();
    for case in files(&root("fixtures/cases")) {
        let args = fs::read_to_string(case.join("args")).expect("the arguments of the case");
        let out = scratch.path().join("out.pcapng");
        let output = replay()
            .current_dir(&case)
            .args(args.split_whitespace())
            .args(["--drops", "--out"])
            .arg(&out)
            .output()
            .expect("the command starts");
        let printed = format!(
            "exit status {}\n-- standard output\n{}-- standard error\n{}",
            output.status.code().expect("an exit status"),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let written = fs::read(&out).unwrap_or_default();
        if bless {
            fs::write(case.join("expect.txt"), printed).expect("a writable case");
            fs::write(case.join("expect.pcapng"), written).expect("a writable case");
        } else {
            let expected = fs::read_to_string(case.join("expect.txt")).unwrap_or_default();
            assert_eq!(printed, expected, "{}", case.display());
            if fs::read(case.join("expect.pcapng")).unwrap_or_default() != written {
                different.push(case.display().to_string());
            }
        }
    }
    assert!(
        different.is_empty(),
        "expect.pcapng differs (tools/bless rewrites it): {different:?}"
    );
}
