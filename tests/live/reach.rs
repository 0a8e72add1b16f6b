//! Who pings whom: the same script through `tapswitch run` and through the real kernel.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use crate::bench::Run;

/// A way to try: its name, from which namespace, to which address. Those of one namespace are tried at the
/// same time.
pub(crate) type Ping = (&'static str, &'static str, &'static str);

/// Appends to a script what tries some ways, and says which are open.
pub(crate) fn with_pings(mut script: String, pings: &[Ping]) -> String {
    let mut namespaces: Vec<&str> = pings.iter().map(|(_, from, _)| *from).collect();
    namespaces.dedup();
    for from in namespaces {
        // The second question is for a neighbour whose first answer came late, on a busy machine.
        let tries = pings.iter().filter(|(_, here, _)| *here == from);
        let tries = tries.map(|(name, _, to)| {
            format!("(ping -qc 2 -i 0.4 -W 1 {to} >/dev/null 2>&1 && echo reached {name}) & ")
        });
        let tries: String = tries.collect();
        script += &format!("ip netns exec {from} sh -c '{tries}wait'\n");
    }
    script + "true\n"
}

/// Returns which of the ways are open in a run of ours.
pub(crate) fn ours(script: &str, pings: &[Ping]) -> Vec<&'static str> {
    let end = Run::of(script).args(["--exit"]).end();
    assert_eq!(end.status, Some(0), "{script}\n{end:?}");
    open(&end.stdout, pings)
}

/// Returns which of them the real kernel opens, with a sandbox of its own for the names; `None` if it lacks
/// a kind of device.
pub(crate) fn kernels(script: &str, pings: &[Ping], kind: &str) -> Option<Vec<&'static str>> {
    let has = match kind {
        "macvlan" => *MACVLAN,
        _ => *IPVLAN,
    };
    if !has {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.sh");
    fs::write(&path, format!("set -e\n{script}")).unwrap();
    let mut command = sandboxed("sh -e \"$1\"");
    let output = command.arg(&path).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the kernel: {script}\n{errors}");
    Some(open(&String::from_utf8_lossy(&output.stdout), pings))
}

static MACVLAN: LazyLock<bool> = LazyLock::new(|| has("macvlan"));
static IPVLAN: LazyLock<bool> = LazyLock::new(|| has("ipvlan"));

fn has(kind: &str) -> bool {
    let try_it = format!(
        "ip link add v0 type veth peer name v1 && ip link add link v0 name u0 type {kind} 2>/dev/null"
    );
    sandboxed(&try_it).status().unwrap().success()
}

/// A shell whose network and names of networks nobody else sees.
fn sandboxed(command: &str) -> Command {
    let private = "mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up && ";
    let mut unshare = Command::new("unshare");
    unshare.args(["-n", "-m", "sh", "-c"]);
    unshare.args([&format!("{private}{command}"), "sh"]);
    unshare
}

fn open(text: &str, pings: &[Ping]) -> Vec<&'static str> {
    let names = pings.iter().map(|(name, ..)| *name);
    names
        .filter(|name| text.lines().any(|line| line == format!("reached {name}")))
        .collect()
}

/// Holds rows of a matrix to what is open in ours and, where it has such devices, in the real kernel:
/// (name, script, ways that are open). All rows at the same time, as most of each is waiting; but a guest has one
/// CPU, and slower ones tell of answers that come late.
pub(crate) fn check(kind: &str, pings: &[Ping], rows: &[(String, String, Vec<&str>)]) {
    let in_guest = std::env::var_os("TAPSWITCH_IN_FULL_KERNEL").is_some();
    let at_a_time = if in_guest { 1 } else { rows.len().max(1) };
    let mut wrong = Vec::new();
    for rows in rows.chunks(at_a_time) {
        std::thread::scope(|scope| {
            let rows: Vec<_> = rows
                .iter()
                .map(|row| scope.spawn(|| hold(kind, pings, row)))
                .collect();
            wrong.extend(rows.into_iter().flat_map(|row| row.join().unwrap()));
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns what is wrong with a row, after it has said what is open.
fn hold(
    kind: &str,
    pings: &[Ping],
    (name, script, expected): &(String, String, Vec<&str>),
) -> Vec<String> {
    let script = with_pings(script.clone(), pings);
    let mut wrong = Vec::new();
    let kernel = kernels(&script, pings, kind);
    let ours = ours(&script, pings);
    println!("{kind} {name}: ours opens {ours:?}, the kernel {kernel:?}");
    if let Some(kernel) = kernel.filter(|kernel| kernel != expected) {
        wrong.push(format!("{name}: the kernel opens {kernel:?}"));
    }
    if ours != *expected {
        wrong.push(format!("{name}: we open {ours:?}"));
    }
    if !wrong.is_empty() {
        wrong.push(format!("{name}: {expected:?} expected"));
    }
    wrong
}
