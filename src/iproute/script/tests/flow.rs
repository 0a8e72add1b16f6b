//! `&&`, `||`, `set -e` and `exit`, as sh decides them.

use super::{Command, Flow, parse};

/// Runs a script of `echo`s (0) and `ip netns` (the status given); returns what ran and the status.
fn run(text: &str) -> (String, u8) {
    let script = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut flow = Flow::default();
    let (mut ran, mut status) = (String::new(), 77);
    while let Some(item) = flow.next(&script, status) {
        status = match &item.command {
            Command::Echo(text) => {
                ran.push_str(text);
                0
            }
            _ => 2,
        };
    }
    (ran, flow.status())
}

#[test]
fn control_flow_is_that_of_sh() {
    for (text, ran, status) in [
        ("", "", 0),
        ("echo a\necho b", "ab", 0),
        ("false", "", 1),
        ("false; echo a", "a", 0),
        ("false && echo a", "", 1),
        ("false || echo a", "a", 0),
        ("true || echo a && echo b", "b", 0),
        ("false && echo a || echo b", "b", 0),
        ("false || false || echo a", "a", 0),
        ("ip netns && echo a; echo b", "b", 0),
        ("ip netns", "", 2),
        ("set -e\nfalse\necho a", "", 1),
        ("set -e\nfalse || true\necho a", "a", 0),
        ("set -e\nfalse && true\necho a", "a", 0),
        ("set -e\nfalse && true", "", 1),
        ("set -e\ntrue && false\necho a", "", 1),
        ("set -e\nfalse || false\necho a", "", 1),
        ("set -e\nip netns\necho a", "", 2),
        ("set -e\nip netns || echo a\necho b", "ab", 0),
        ("set -e\nset +e\nfalse\necho a", "a", 0),
        ("echo a; exit 3; echo b", "a", 3),
        ("false; exit", "", 1),
        ("false && exit 3\necho a", "a", 0),
        ("false ||\n echo a", "a", 0),
    ] {
        assert_eq!(run(text), (ran.to_owned(), status), "{text}");
    }
}

/// Lists that were drawn at random: a script, what dash printed, and dash's exit status.
const DASH: &[(&str, &str, u8)] = &[
    ("echo a\ntrue && echo y || echo y", "ay", 0),
    ("echo a || false\ntrue && false; false", "a", 1),
    (
        "echo a || true && false\ntrue && false || echo y\nfalse && true",
        "ay",
        1,
    ),
    ("echo a; echo y || false\nfalse; echo y", "ayy", 0),
    (
        "exit 3 && echo y && false\nfalse || echo y || echo y\necho d || echo y && echo y",
        "",
        3,
    ),
    (
        "exit; echo y && echo y\necho c; true\necho c || true && false",
        "",
        0,
    ),
    ("false && false\nfalse; false || false", "", 1),
    ("false && false || echo y\necho b", "yb", 0),
    ("false || false\nfalse; echo y", "y", 0),
    (
        "false || true || echo x\necho c && false && true\necho c && false && echo y",
        "cc",
        1,
    ),
    ("false; false\necho c\nfalse\nfalse; echo x", "cx", 0),
    (
        "false; true\necho a || echo x && echo x\necho b; false || false\nfalse || true || echo x",
        "axb",
        0,
    ),
    ("false; true\necho c\ntrue", "c", 0),
    ("set +e\necho c", "c", 0),
    ("set -e\necho a\ntrue || false && true", "a", 0),
    ("set -e\necho a && echo x && true\nfalse || false", "ax", 1),
    ("set -e\necho b\nexit 3\necho a", "b", 3),
    ("set -e\necho b\nfalse && echo x", "b", 1),
    (
        "set -e\necho b && echo y\nfalse && echo x\ntrue\necho b || true",
        "byb",
        0,
    ),
    (
        "set -e\necho b && echo y && echo x\nexit 3\necho a\ntrue",
        "byx",
        3,
    ),
    (
        "set -e\necho b; echo x; true\necho d || echo y\nfalse",
        "bxd",
        1,
    ),
    (
        "set -e\necho b; echo y\nfalse\necho b; false || false\nfalse",
        "by",
        1,
    ),
    ("set -e\necho c\necho c || false", "cc", 0),
    ("set -e\necho c || echo y\necho b\necho a", "cba", 0),
    ("set -e\necho d", "d", 0),
    ("set -e\necho d\nexit 3 && true\necho a || echo y", "d", 3),
    (
        "set -e\necho d || true || true\nfalse || echo x || false\nfalse",
        "dx",
        1,
    ),
    ("set -e\necho d; false || false", "d", 1),
    ("set -e\nfalse", "", 1),
    ("set -e\nfalse\necho a && false || false", "", 1),
    ("set -e\nfalse\nfalse && echo y", "", 1),
    ("set -e\nfalse\nfalse; true\nfalse && echo y", "", 1),
    (
        "set -e\nfalse\nfalse; true && echo y\necho c && false\ntrue && echo x && echo y",
        "",
        1,
    ),
    (
        "set -e\nfalse && echo x; echo x\necho a\necho a || true || echo x",
        "xaa",
        0,
    ),
    (
        "set -e\nfalse && echo y\ntrue || false\ntrue || echo y",
        "",
        0,
    ),
    ("set -e\nfalse && false", "", 1),
    ("set -e\nfalse && false\necho a && echo y\nexit 3", "ay", 3),
    ("set -e\nfalse && false; echo x\ntrue && echo x", "xx", 0),
    (
        "set -e\nfalse && true && echo x\necho a || true && true\necho c",
        "ac",
        0,
    ),
    ("set -e\nfalse || echo y\necho d || echo y\ntrue", "yd", 0),
    ("set -e\nfalse || echo y\nfalse; false || false", "y", 1),
    (
        "set -e\nfalse || echo y && false\necho c && true\ntrue; true; false\ntrue && echo x",
        "y",
        1,
    ),
    ("set -e\nfalse; echo x\necho d && true && echo x", "", 1),
    ("set -e\nfalse; echo x\ntrue; echo y", "", 1),
    (
        "set -e\nfalse; echo y && echo x\necho d; echo x\necho c; echo x",
        "",
        1,
    ),
    (
        "set -e\nfalse; true && false\ntrue || false || echo x",
        "",
        1,
    ),
    (
        "set -e\nset +e || echo y\necho b\nfalse; echo y\nfalse || false; false",
        "by",
        1,
    ),
    ("set -e\ntrue", "", 0),
    (
        "set -e\ntrue && true || echo x\necho b && echo y || echo y",
        "by",
        0,
    ),
    ("set -e\ntrue || echo x || echo x", "", 0),
    (
        "set -e\ntrue || false\necho b || false\necho a\nfalse; echo x || false",
        "ba",
        1,
    ),
    (
        "set -e\ntrue || false; echo x\necho c\necho c; true; false",
        "xcc",
        1,
    ),
    ("true\necho c\necho b\nfalse || echo y || echo y", "cby", 0),
    ("true\necho d\necho c\ntrue || false && echo y", "dcy", 0),
    ("true\nexit 3\necho a", "", 3),
    ("true && false\necho d\nfalse", "d", 1),
    (
        "true && false && false\nfalse && echo x\necho b || echo y && echo x\necho d",
        "bxd",
        0,
    ),
    (
        "true || false\nfalse && echo x\necho d && false; false",
        "d",
        1,
    ),
    (
        "true || false && echo x\necho a && echo x || echo x\necho a && echo x && false\nfalse && true",
        "xaxax",
        1,
    ),
    (
        "true; false || echo y\ntrue || echo x; false\nfalse || true && false\nfalse && true",
        "y",
        1,
    ),
];

#[test]
fn control_flow_is_that_of_dash() {
    for (text, ran, status) in DASH {
        assert_eq!(run(text), ((*ran).to_owned(), *status), "{text}");
    }
}
