//! What `replay` prints: folders under `fixtures/printed` with the arguments of a replay (`args`, one line
//! per argument group) and what it prints and its exit status (`expect.txt`). `tools/bless` rewrites it.

use std::fs;

use super::{files, replay, root};

#[test]
fn printed_summaries() {
    let bless = std::env::var_os("TAPSWITCH_BLESS").is_some();
    for case in files(&root("fixtures/printed")) {
        let args = fs::read_to_string(case.join("args")).expect("the arguments of the case");
        let output = replay()
            .current_dir(&case)
            .args(args.split_whitespace())
            .output()
            .expect("the command starts");
        let printed = format!(
            "exit status {}\n-- standard output\n{}-- standard error\n{}",
            output.status.code().expect("an exit status"),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        if bless {
            fs::write(case.join("expect.txt"), printed).expect("a writable case");
        } else {
            let expected = fs::read_to_string(case.join("expect.txt")).unwrap_or_default();
            assert_eq!(printed, expected, "{}", case.display());
        }
    }
}
