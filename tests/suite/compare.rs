//! `tapswitch compare`: the same every time but for nanoseconds, and a page that needs nothing else.

use std::fs;
use std::path::Path;
use std::process::{Command as Program, Output};

use assert_cmd::Command;
use serde_json::{Value, json};

use super::root;

fn compare(args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("tapswitch").expect("the binary of this crate");
    command.current_dir(root("fixtures"));
    command.arg("compare").args(args);
    command.output().expect("the command starts")
}

fn printed(args: &[&str]) -> String {
    let output = compare(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Compares with a file of `fixtures/compared`, or writes it under `tools/bless`.
fn as_in(file: &str, text: &str) {
    let path = root("fixtures/compared").join(file);
    if std::env::var_os("TAPSWITCH_BLESS").is_some() {
        fs::write(path, text).expect("a writable folder");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, expected, "{file}");
}

#[test]
fn text_and_json_are_the_same_every_time() {
    let kinds = ["bridge", "macvlan", "ipvlan", "--no-timing"];
    as_in("text.txt", &printed(&kinds));
    let kinds = [
        "hub",
        "macvlan:passthru",
        "ipvlan:l3",
        "--hosts",
        "2",
        "--no-timing",
        "--json",
    ];
    as_in("json.json", &printed(&kinds));
    let captured = [
        "bridge",
        "macvlan:vepa+hairpin",
        "--in",
        "captures/conversation.pcapng",
        "--no-timing",
        "--scale=2x2",
    ];
    as_in("captured.txt", &printed(&captured));
    // Without kinds there is nothing but the scale.
    assert!(printed(&["--scale=2x2"]).starts_with("one layer 2 for all hosts"));
}

#[test]
fn what_frames_cost_is_measured() {
    let report = printed(&["bridge", "macvlan", "--hosts", "2", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    for kind in report["kinds"].as_array().unwrap() {
        for flow in [
            "child_to_sibling",
            "child_to_outside",
            "outside_to_child",
            "arp_request",
        ] {
            assert!(
                kind["ns_per_frame"][flow].as_f64().unwrap() > 0.0,
                "{flow}: {kind}"
            );
        }
    }
    assert_eq!(report["hosts"], json!(2));
}

#[test]
fn what_cannot_be_compared_is_said() {
    for (args, says) in [
        (
            &["bride"][..],
            "\"bride\" is no device kind to compare (expected hub, bridge,",
        ),
        (
            &["--scale=1x1"],
            "\"1x1\" is not HOSTSxCONTAINERS, as in 10x10 (2 to 500 hosts",
        ),
        (&["--hosts", "1"], "1 is not in 2..=100"),
        (&["--in", "no.pcap"], "cannot read no.pcap"),
    ] {
        let output = compare(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(says), "{errors}");
    }
    let output = compare(&["bridge", "--no-timing", "--html", "/nowhere/page.html"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

fn page(folder: &Path) -> (String, String) {
    let file = folder.join("page.html");
    let name = file.to_str().expect("a folder with a plain name");
    printed(&[
        "bridge",
        "macvlan:passthru",
        "ipvlan:l3",
        "--scale=2x2,3x2",
        "--html",
        name,
    ]);
    (name.to_owned(), fs::read_to_string(&file).expect("a page"))
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, page) = page(folder.path());
    // Three topologies, seven charts and four of costs, three of scale.
    assert_eq!(page.matches("<svg ").count(), 3 + 7 + 4 + 3);
    for needs in [
        "http", "src=", "href", "url(", "@import", "<script", "<link", "<iframe", "NaN", "inf",
    ] {
        assert!(!page.contains(needs), "{needs}");
    }
    well_formed(&page).unwrap();
    // The check can fail.
    assert!(well_formed(&page.replacen("</svg>", "", 1)).is_err());
    assert!(well_formed(&page.replacen("<p>", "<p>a < b", 1)).is_err());
}

/// Checks that tags are closed in order, and that what is no tag is escaped.
fn well_formed(page: &str) -> Result<(), String> {
    let body = page
        .strip_prefix("<!DOCTYPE html>")
        .ok_or("no document type")?;
    let mut open: Vec<&str> = Vec::new();
    let mut pieces = body.split('<');
    pieces.next();
    for piece in pieces {
        let (tag, text) = piece
            .split_once('>')
            .ok_or_else(|| format!("<{piece}: no end"))?;
        if text.contains('>') || tag.matches('"').count() % 2 == 1 {
            return Err(format!("<{piece}: something is not escaped"));
        }
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            return Err(format!("<{tag}>: no tag"));
        }
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) if open.pop() != Some(name) => return Err(format!("<{tag}>: not open")),
            (false, false) => open.push(name),
            _ => {}
        }
        let entity = |rest: &str| {
            ["amp;", "lt;", "gt;", "quot;"]
                .iter()
                .any(|it| rest.starts_with(it))
        };
        if !piece.split('&').skip(1).all(entity) {
            return Err(format!("<{piece}: & is not escaped"));
        }
    }
    open.is_empty()
        .then_some(())
        .ok_or_else(|| format!("not closed: {open:?}"))
}

/// What a browser makes of it, where there is one, and no network.
#[test]
fn a_browser_shows_the_page() {
    let browsers = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "chrome-headless-shell",
    ];
    let runs = |name: &&&str| Program::new(name).arg("--version").output().is_ok();
    let Some(browser) = browsers.iter().find(runs) else {
        eprintln!("skipped: no Chromium is installed");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, page) = page(folder.path());
    let profile = format!(
        "--user-data-dir={}",
        folder.path().join("profile").display()
    );
    for dark in [false, true] {
        let mut program = Program::new(browser);
        program.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            &profile,
        ]);
        program.args([
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=1000",
        ]);
        if dark {
            program.arg("--force-dark-mode");
        }
        let output = program
            .args(["--dump-dom", &format!("file://{file}")])
            .output();
        let output = output.expect("the browser runs");
        let (dom, log) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{log}");
        // A page that is not as it should be comes out with elements moved or added.
        for tag in [
            "<svg",
            "<rect",
            "<text",
            "<polyline",
            "<table",
            "<td",
            "<li",
            "<details",
        ] {
            assert_eq!(
                dom.matches(tag).count(),
                page.matches(tag).count(),
                "{tag}: {log}"
            );
        }
        assert!(!log.contains("CONSOLE"), "{log}");
    }
}
