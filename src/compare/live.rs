//! The same scripts for real: on the kernel, and on tapswitch, in namespaces that are thrown away.
//!
//! What is measured is the machine's affair. Needs root, `ip`, `ping` and `iperf3`; what is not to be had is left
//! out, with the reason. Namespaces have names of this process, and go with it, also when a signal ends it ([`prepare`]);
//! so do the programs.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use serde::Serialize;
use serde_json::Value;

use super::kind::{DeviceKind, OUTSIDE_IP, Scripts, child_ip};
use crate::sys::process;

/// Seconds that a stream lasts.
const SECONDS: u32 = 1;

/// Echo requests.
const PINGS: u32 = 300;

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was measured of a kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Live {
    /// By the kernel's own device.
    pub kernel: Option<Measures>,
    /// By tapswitch.
    pub tapswitch: Option<Measures>,
    /// What was not to be had, and why.
    pub skipped: Vec<String>,
}

/// By who talks to whom; `None` where they do not reach each other.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Measures {
    /// The first child and the second.
    pub sibling: Option<Measure>,
    /// The first child and the station outside.
    pub outside: Option<Measure>,
}

/// Between two stations.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Measure {
    /// One TCP stream, in Mbit/s.
    pub tcp_mbits: Option<f64>,
    /// UDP in frames of 60 octets, as fast as they are sent: those that arrive in a second.
    pub frames_per_second: Option<f64>,
    /// Mean of an echo's round trip, in microseconds.
    pub rtt_us: Option<f64>,
}

/// Says why nothing can be measured here, if so.
///
/// # Errors
/// The reason.
pub fn possible() -> Result<(), String> {
    if !geteuid().is_root() {
        return Err("needs root, for namespaces with names".into());
    }
    for (program, argument) in [
        ("ip", "-V"),
        ("ping", "-V"),
        ("iperf3", "--version"),
        ("timeout", "--version"),
    ] {
        let mut command = Command::new(program);
        command
            .arg(argument)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.status().is_err() {
            return Err(format!("needs {program}, which is not installed"));
        }
    }
    Ok(())
}

/// The process that is tapswitch, while one runs.
static SWITCH: AtomicU32 = AtomicU32::new(0);

/// From now on, has signals that end this process take namespaces and tapswitch with it. To be called once, while it has one
/// thread.
///
/// # Errors
/// None that is known; what the system call gives.
pub fn prepare() -> io::Result<()> {
    process::block_signals()?;
    thread::spawn(|| {
        loop {
            match process::wait_signal() {
                Ok(Signal::SIGCHLD | Signal::SIGUSR1) => {}
                Ok(signal) => {
                    match SWITCH.load(Ordering::Relaxed) {
                        0 => {}
                        pid => process::send_signal(pid, Signal::SIGTERM),
                    }
                    take_away(&prefix());
                    std::process::exit(128 + signal as i32);
                }
                Err(_) => return,
            }
        }
    });
    Ok(())
}

/// What the names of namespaces begin with.
fn prefix() -> String {
    format!("tapswitch{}-", std::process::id())
}

/// Takes the names of namespaces away, and with them what nobody else holds.
fn take_away(prefix: &str) {
    for name in ["host", "lan", "out", "c1", "c2"] {
        _ = output(&["ip", "netns", "del", &format!("{prefix}{name}")]);
    }
}

/// Measures a kind on the kernel and on tapswitch. Takes about ten seconds.
#[must_use]
pub fn measure(kind: DeviceKind, children: u8) -> Live {
    let mut live = Live::default();
    // Two children talk; the others do not matter.
    let children = children.min(2);
    for (side, name) in [(Side::Kernel, "kernel"), (Side::Tapswitch, "tapswitch")] {
        match Space::new(side, kind, children).and_then(|space| space.measure()) {
            Ok(measures) => match side {
                Side::Kernel => live.kernel = Some(measures),
                Side::Tapswitch => live.tapswitch = Some(measures),
            },
            Err(why) => live.skipped.push(format!("{name}: {why}")),
        }
    }
    live
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Kernel,
    Tapswitch,
}

/// Namespaces with stations, and what runs in them.
#[derive(Debug)]
struct Space {
    prefix: String,
    children: u8,
    switch: Option<Child>,
    files: Vec<PathBuf>,
}

impl Space {
    fn new(side: Side, kind: DeviceKind, children: u8) -> Result<Self, String> {
        let prefix = prefix();
        let scripts = Scripts {
            kind,
            prefix: &prefix,
        };
        let mut space = Self {
            prefix: prefix.clone(),
            children: 0,
            switch: None,
            files: Vec::new(),
        };
        match side {
            Side::Kernel => {
                shell(&scripts.base())?;
                for number in 1..=children {
                    match shell(&scripts.child(number, &[])) {
                        Ok(()) => space.children = number,
                        Err(why) if number == 1 => return Err(why),
                        // One is enough to talk to the outside.
                        Err(_) => break,
                    }
                }
            }
            Side::Tapswitch => space.start(&scripts, children)?,
        }
        Ok(space)
    }

    /// Starts tapswitch in this namespace: it makes the named ones.
    fn start(&mut self, scripts: &Scripts<'_>, children: u8) -> Result<(), String> {
        let mut text = scripts.base();
        for number in 1..=children {
            text += &scripts.child(number, &[]);
        }
        let [script, log] =
            ["sh", "log"].map(|end| std::env::temp_dir().join(format!("{}run.{end}", self.prefix)));
        self.files = vec![script.clone(), log.clone()];
        let failed = |error: io::Error| error.to_string();
        fs::write(&script, text).map_err(failed)?;
        let errors = fs::File::create(&log).map_err(failed)?;
        let own = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(own);
        command.arg("run").arg(&script).arg("--host");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        let switch = command.spawn().map_err(failed)?;
        SWITCH.store(switch.id(), Ordering::Relaxed);
        self.switch = Some(switch);
        // The last thing that the script makes there.
        let last = self.namespace(&format!("c{children}"));
        let there = || {
            let addresses = output(&["ip", "-n", &last, "addr", "show", "dev", "eth0"]);
            addresses.is_ok_and(|text| text.contains("inet "))
        };
        if !within(PATIENCE, there) {
            let words = fs::read_to_string(&log).unwrap_or_default();
            let last = words
                .lines()
                .last()
                .unwrap_or("it did not come up")
                .to_owned();
            return Err(last);
        }
        self.children = children;
        Ok(())
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn measure(&self) -> Result<Measures, String> {
        let from = self.namespace("c1");
        let mut measures = Measures::default();
        if self.children > 1 {
            measures.sibling = between(&from, &self.namespace("c2"), &child_ip(2).to_string());
        }
        measures.outside = between(&from, &self.namespace("out"), &OUTSIDE_IP.to_string());
        Ok(measures)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Some(mut switch) = self.switch.take() {
            process::send_signal(switch.id(), Signal::SIGTERM);
            if !within(PATIENCE, || !matches!(switch.try_wait(), Ok(None))) {
                _ = switch.kill();
                _ = switch.wait();
            }
            SWITCH.store(0, Ordering::Relaxed);
        }
        take_away(&self.prefix);
        for file in &self.files {
            _ = fs::remove_file(file);
        }
    }
}

/// Measures from one namespace to an address in another; `None` if it is not reached.
fn between(from: &str, to: &str, ip: &str) -> Option<Measure> {
    let inside = |namespace: &str, words: &[&str]| -> Vec<String> {
        let all = ["timeout", "20", "ip", "netns", "exec", namespace];
        all.iter()
            .chain(words)
            .map(|word| (*word).to_owned())
            .collect()
    };
    let reached = || {
        let words = inside(from, &["ping", "-c", "1", "-W", "1", ip]);
        output(&words).is_ok()
    };
    // A port of a bridge forwards at once; the first answer may take a moment all the same.
    if !within(Duration::from_secs(4), reached) {
        return None;
    }
    let stream = |options: &[&str]| -> Option<Value> {
        let words = inside(to, &["iperf3", "-s", "-1", "-B", ip]);
        let (program, arguments) = words.split_first()?;
        let mut server = Command::new(program);
        server
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut server = server.spawn().ok()?;
        let seconds = SECONDS.to_string();
        let words = inside(
            from,
            &[&["iperf3", "-J", "-c", ip, "-t", &seconds], options].concat(),
        );
        // Until the server listens.
        let mut found = None;
        within(Duration::from_secs(3), || {
            let report = output(&words)
                .ok()
                .and_then(|text| serde_json::from_str(&text).ok());
            found = report;
            found.is_some()
        });
        if found.is_none() {
            _ = server.kill();
        }
        // It ends with the stream.
        _ = server.wait();
        found
    };
    let tcp = stream(&[]);
    let tcp = tcp.and_then(|it| it["end"]["sum_received"]["bits_per_second"].as_f64());
    let udp = stream(&["-u", "-b", "0", "-l", "18"]).and_then(|it| {
        let sum = &it["end"]["sum"];
        let arrived = sum["packets"].as_f64()? - sum["lost_packets"].as_f64()?;
        Some(arrived / sum["seconds"].as_f64()?)
    });
    let count = PINGS.to_string();
    let words = inside(from, &["ping", "-q", "-c", &count, "-i", "0.002", ip]);
    let rtt = output(&words).ok().and_then(|text| mean_rtt(&text));
    Some(Measure {
        tcp_mbits: tcp.map(|bits| bits / 1e6),
        frames_per_second: udp,
        rtt_us: rtt,
    })
}

/// Reads the mean of ping's last line, in microseconds.
fn mean_rtt(text: &str) -> Option<f64> {
    let (_, times) = text.split_once("min/avg/max")?;
    let (_, times) = times.split_once("= ")?;
    let mean: f64 = times.split('/').nth(1)?.parse().ok()?;
    Some(mean * 1e3)
}

/// Runs a script as sh does, up to the first command that fails.
fn shell(script: &str) -> Result<(), String> {
    let mut command = Command::new("sh");
    command
        .arg("-e")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // Too short to fill a pipe that nobody reads.
        stdin
            .write_all(script.as_bytes())
            .map_err(|error| error.to_string())?;
    }
    let done = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    match done.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&done.stderr);
            Err(words
                .lines()
                .next()
                .unwrap_or("a command failed")
                .to_owned())
        }
    }
}

/// Runs a program to its end and returns what it prints.
fn output(words: &[impl AsRef<std::ffi::OsStr>]) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("no program".into());
    };
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let done = done.map_err(|error| error.to_string())?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

/// Tries again and again, for so long; whether it came about.
fn within(time: Duration, mut it: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    loop {
        if it() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ping_says() {
        let text = "300 packets transmitted, 300 received, 0% packet loss, time 601ms\n\
                    rtt min/avg/max/mdev = 0.020/0.034/0.110/0.010 ms\n";
        assert_eq!(mean_rtt(text), Some(34.0));
        let text = "round-trip min/avg/max = 0.1/0.25/0.3 ms";
        assert_eq!(mean_rtt(text), Some(250.0));
        assert_eq!(mean_rtt("1 packets transmitted, 0 received"), None);
    }
}
