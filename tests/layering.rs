//! The direction of dependencies, and what a pure module must not name.
//!
//! Reads the source of the crate; code behind `#[cfg(test)]` and test files do not count.

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of the crate a module may name. What is not listed is forbidden.
const ALLOWED: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("wire", &[]),
    // Of `sys` the advice about memory; IMPURE_WORDS has the rest.
    ("switch", &["sys", "time", "wire"]),
    ("stp", &["switch", "time", "wire"]),
    ("guard", &["switch", "time", "wire"]),
    ("mcast", &["switch", "time", "wire"]),
    (
        "netdev",
        &["guard", "mcast", "stp", "switch", "time", "wire"],
    ),
    ("iproute", &["netdev", "switch", "time", "wire"]),
    (
        "control",
        &[
            "guard", "iproute", "mcast", "netdev", "stp", "switch", "time", "wire",
        ],
    ),
    ("host", &["time", "wire"]),
    ("sys", &["wire"]),
    ("attach", &["sys", "switch", "time", "wire"]),
    ("explain", &["control", "netdev", "switch", "time", "wire"]),
    (
        "replay",
        &[
            "attach", "control", "explain", "host", "iproute", "netdev", "switch", "time", "wire",
        ],
    ),
    (
        "live",
        &[
            "attach", "control", "iproute", "netdev", "switch", "sys", "time", "wire",
        ],
    ),
    (
        "simulate",
        &["iproute", "netdev", "replay", "stp", "switch", "time"],
    ),
    (
        "check",
        &[
            "attach", "control", "explain", "iproute", "netdev", "replay", "switch", "time", "wire",
        ],
    ),
    ("bench", &["attach", "switch", "time", "wire"]),
    (
        "compare",
        &[
            "attach", "bench", "iproute", "netdev", "replay", "simulate", "switch", "sys", "time",
            "wire",
        ],
    ),
    (
        "cli",
        &[
            "attach", "bench", "check", "compare", "control", "explain", "iproute", "live",
            "netdev", "replay", "simulate", "switch", "time", "wire",
        ],
    ),
];

/// Modules without clock, files, threads, sockets or processes.
const PURE: &[&str] = &[
    "time", "wire", "switch", "stp", "guard", "mcast", "netdev", "iproute", "control", "explain",
    "host",
];

const IMPURE_WORDS: &[&str] = &[
    "std::fs",
    "std::io",
    "std::thread",
    "std::process",
    "std::env",
    "std::os",
    "Instant::now",
    "SystemTime",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixListener",
    "crossbeam_channel",
    "mio::",
    "nix::",
    "sys::datagram",
    "sys::namespace",
    "sys::netlink",
    "sys::packet",
    "sys::process",
    "sys::tun",
    "sys::borrow",
    "println!",
    "eprintln!",
];

#[test]
fn modules_name_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for (module, file, line, text) in code() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            if !["lib", "main"].contains(&module.as_str()) {
                wrong.push(format!(
                    "{file}: module {module} is not in the table of layers"
                ));
            }
            continue;
        };
        for named in named_modules(&text) {
            if named != module && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{file}:{line}: {module} names {named}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_stay_pure() {
    let wrong: Vec<_> = code()
        .filter(|(module, ..)| PURE.contains(&module.as_str()))
        .flat_map(|(_, file, line, text)| {
            IMPURE_WORDS
                .iter()
                .filter(|word| text.contains(*word))
                .map(|word| format!("{file}:{line}: {word}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_lives_in_sys() {
    let wrong: Vec<_> = code()
        .filter(|(module, _, _, text)| {
            module != "sys"
                && (text.contains("unsafe {")
                    || text.contains("unsafe fn")
                    || text.contains("unsafe impl"))
        })
        .map(|(_, file, line, _)| format!("{file}:{line}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The check must be able to fail: it sees what is planted.
#[test]
fn a_planted_import_is_seen() {
    assert_eq!(named_modules("use crate::attach::Tap;"), ["attach"]);
    assert_eq!(
        named_modules("crate::live::run(crate::wire::MacAddr::ZERO)"),
        ["live", "wire"]
    );
    assert_eq!(
        named_modules("use crate::{time::Instant, live};"),
        ["time", "live"]
    );
}

/// Every line of code: (top module, file, line number, text without comments).
fn code() -> impl Iterator<Item = (String, String, usize, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files(&src).into_iter().flat_map(move |path| {
        let relative = path
            .strip_prefix(&src)
            .expect("it was found below src")
            .to_owned();
        let module = relative
            .components()
            .next()
            .expect("a file has a name")
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        let text = fs::read_to_string(&path).expect("source files are readable");
        let text = text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default()
            .to_owned();
        text.lines()
            .enumerate()
            .map(|(index, line)| {
                (
                    module.clone(),
                    relative.display().to_string(),
                    index + 1,
                    line.split("//").next().unwrap_or_default().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(files(&path));
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The modules behind each `crate::` in a line, braces included.
fn named_modules(line: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut named = Vec::new();
    for rest in line.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && depth == 0 && (c.is_alphanumeric() || c == '_') => {
                        named.push(word(&group[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            named.push(word(rest));
        }
    }
    named
}
