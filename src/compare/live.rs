//! The same scripts for real: on the kernel, and on tapswitch, in namespaces that are thrown away.
//!
//! What is measured is the machine's affair. Needs root, `ip`, `ping` and `iperf3`; what is not to be had is left
//! out, with the reason. Namespaces have names of this process, and go with it, also when a signal ends it ([`prepare`]);
//! so do the programs.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use serde::Serialize;
use serde_json::Value;

use super::kind::{DeviceKind, OUTSIDE_IP, Scripts, child_ip};
use super::lab::{Role, Station};
use super::reach::{Pair, Reach};
use crate::sys::process;

/// Seconds that a stream lasts.
const SECONDS: u32 = 1;

/// Echo requests.
const PINGS: u32 = 300;

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long tapswitch may take to build a network that it goes on building.
const STARTING: Duration = Duration::from_secs(60);

/// How long a program that measures may take: several times what it does on a busy machine.
const PROGRAM: Duration = Duration::from_secs(20);

/// How long to wait before it is tried again.
const POLL: Duration = Duration::from_millis(50);

/// Why nothing more is done.
const ENDED: &str = "ended by a signal";

/// How often a stream is tried that comes to nothing.
const TRIES: u32 = 3;

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
    for (program, argument) in [("ip", "-V"), ("ping", "-V"), ("iperf3", "--version")] {
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

/// What the thread that waits for signals and the one that measures tell each other.
#[derive(Debug)]
struct Shared {
    /// Whether there is a [`Space`], which then ends the process when it has tidied up.
    busy: bool,
    /// The signal that ends this process.
    ended: Option<Signal>,
    /// Programs that measure and have not ended.
    programs: Vec<u32>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    busy: false,
    ended: None,
    programs: Vec::new(),
});

fn shared() -> MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, has signals that end this process take namespaces and programs with it. To be called once, while it
/// has one thread.
///
/// Who makes namespaces takes them away, when the command that it is at is done: nothing is made behind the back of
/// who tidies up. Commands that make them inherit the blocked signals, and so are not cut short by a Ctrl-C, either.
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
                    let mut shared = shared();
                    shared.ended = Some(signal);
                    if !shared.busy {
                        // Still locked: no Space begins.
                        std::process::exit(128 + signal as i32);
                    }
                    for pid in &shared.programs {
                        process::send_signal(*pid, Signal::SIGKILL);
                    }
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

/// Measures a kind on the kernel and on tapswitch, between the first child and those that it reaches by `pairs`. Takes
/// about ten seconds.
#[must_use]
pub fn measure(kind: DeviceKind, stations: &[Station], pairs: &[Pair]) -> Live {
    let mut live = Live::default();
    let children: Vec<&Station> = stations
        .iter()
        .filter(|it| it.role == Role::Child)
        .take(2)
        .collect();
    let Some(first) = children.first() else {
        return live;
    };
    let outside = stations.iter().find(|it| it.role == Role::Outside);
    for (side, name) in [(Side::Kernel, "kernel"), (Side::Tapswitch, "tapswitch")] {
        let mut skipped = Vec::new();
        // A kind may take one child only.
        let taken = if children.len() < 2 { 1 } else { 2 };
        let measures = Space::new(side, kind, taken).map(|space| {
            let mut between = |to: Option<&Station>, namespace: &str, ip: Ipv4Addr| {
                let to = to?;
                let pair = pairs
                    .iter()
                    .find(|it| it.from == first.name && it.to == to.name)?;
                let path = Path {
                    from: &space.namespace("c1"),
                    to: &space.namespace(namespace),
                    ip,
                    reach: pair.reach,
                };
                if pair.reach == Reach::Told {
                    path.tell(first, to);
                }
                path.measure(&mut |why| {
                    skipped.push(format!("{name}, {} → {}: {why}", first.name, to.name));
                })
            };
            Measures {
                sibling: between(children.get(1).copied(), "c2", child_ip(2)),
                outside: between(outside, "out", OUTSIDE_IP),
            }
        });
        match measures {
            Ok(measures) => match side {
                Side::Kernel => live.kernel = Some(measures),
                Side::Tapswitch => live.tapswitch = Some(measures),
            },
            Err(why) => live.skipped.push(format!("{name}: {why}")),
        }
        live.skipped.append(&mut skipped);
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
        let mut shared = shared();
        if shared.ended.is_some() {
            // The thread that waits for signals ends the process.
            return Err(ENDED.into());
        }
        shared.busy = true;
        drop(shared);
        let mut space = Self {
            prefix: prefix.clone(),
            switch: None,
            files: Vec::new(),
        };
        match side {
            Side::Kernel => {
                shell(&scripts.base())?;
                for number in 1..=children {
                    shell(&scripts.child(number, &[]))?;
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
        let mut switch = command.spawn().map_err(failed)?;
        // The last thing that the script makes there.
        let last = self.namespace(&format!("c{children}"));
        let there = || {
            let addresses = output(&["ip", "-n", &last, "addr", "show", "dev", "eth0"]);
            addresses.is_ok_and(|text| text.contains("inet "))
        };
        let mut runs = true;
        let up = within(STARTING, || {
            runs = matches!(switch.try_wait(), Ok(None));
            !runs || there()
        });
        self.switch = Some(switch);
        if !up || !runs {
            if shared().ended.is_some() {
                return Err(ENDED.into());
            }
            let words = fs::read_to_string(&log).unwrap_or_default();
            let last = words
                .lines()
                .last()
                .unwrap_or("it did not come up")
                .to_owned();
            return Err(last);
        }
        Ok(())
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Some(mut switch) = self.switch.take() {
            process::send_signal(switch.id(), Signal::SIGTERM);
            let end = Instant::now() + PATIENCE;
            while matches!(switch.try_wait(), Ok(None)) && Instant::now() < end {
                thread::sleep(POLL);
            }
            _ = switch.kill();
            _ = switch.wait();
        }
        take_away(&self.prefix);
        for file in &self.files {
            _ = fs::remove_file(file);
        }
        let mut shared = shared();
        shared.busy = false;
        if let Some(signal) = shared.ended {
            std::process::exit(128 + signal as i32);
        }
    }
}

/// From one namespace to an address in another.
#[derive(Debug)]
struct Path<'a> {
    from: &'a str,
    to: &'a str,
    ip: Ipv4Addr,
    /// What the core found out about it.
    reach: Reach,
}

impl Path<'_> {
    /// Names each station to the other, as ARP fails between them. A device without ARP takes no neighbours, and needs none.
    fn tell(&self, first: &Station, other: &Station) {
        for (namespace, of) in [(self.from, other), (self.to, first)] {
            let (ip, mac) = (of.ip.to_string(), of.mac.to_string());
            let words = ["ip", "-n", namespace, "neigh", "replace", &ip];
            _ = output(&[&words[..], &["lladdr", &mac, "dev", "eth0"]].concat());
        }
    }

    /// Measures; `None` if nothing comes back. `skip` is told what was not to be had although it is said to reach.
    fn measure(&self, skip: &mut dyn FnMut(String)) -> Option<Measure> {
        let ip = self.ip.to_string();
        let ping = || {
            let words = ["ping", "-c", "1", "-W", "1", &ip];
            Program::start(self.from, &words).and_then(Program::end)
        };
        let reached = match self.reach {
            Reach::No => ping().is_ok(),
            // A port of a bridge forwards at once; the first answer may take a moment all the same.
            Reach::Yes | Reach::Told => within(PATIENCE, || ping().is_ok()),
        };
        if !reached {
            if self.reach != Reach::No {
                skip("no answer to ping".into());
            }
            return None;
        }
        let mut figure = |what: &str, found: Result<f64, String>| {
            found.map_err(|why| skip(format!("{what}: {why}"))).ok()
        };
        Some(Measure {
            tcp_mbits: figure("TCP", self.tcp()),
            frames_per_second: figure("frames/s", self.frames()),
            rtt_us: figure("round trip", self.round_trip()),
        })
    }

    /// Mbit/s.
    fn tcp(&self) -> Result<f64, String> {
        let report = self.stream(&[])?;
        let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
        bits.filter(|bits| *bits > 0.0)
            .map(|bits| bits / 1e6)
            .ok_or_else(|| "nothing arrived".into())
    }

    /// Frames of 60 octets that arrive in a second.
    fn frames(&self) -> Result<f64, String> {
        let report = self.stream(&["-u", "-b", "0", "-l", "18"])?;
        let sum = &report["end"]["sum"];
        let of = |key: &str| sum[key].as_f64().unwrap_or_default();
        let arrived = of("packets") - of("lost_packets");
        match arrived > 0.0 && of("seconds") > 0.0 {
            true => Ok(arrived / of("seconds")),
            false => Err("nothing arrived".into()),
        }
    }

    /// Microseconds.
    fn round_trip(&self) -> Result<f64, String> {
        let (count, ip) = (PINGS.to_string(), self.ip.to_string());
        let words = ["ping", "-q", "-c", &count, "-i", "0.002", &ip];
        let text = Program::start(self.from, &words)?.end()?;
        mean_rtt(&text).ok_or_else(|| "ping gives no times".into())
    }

    /// Sends a stream with iperf3 and returns the sender's report.
    fn stream(&self, options: &[&str]) -> Result<Value, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.stream_once(options) {
                Ok(report) => return Ok(report),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn stream_once(&self, options: &[&str]) -> Result<Value, String> {
        let ip = self.ip.to_string();
        // Ends with the stream; what does not is ended when this returns.
        let _server = Program::start(self.to, &["iperf3", "-s", "-1", "-B", &ip])?;
        let seconds = SECONDS.to_string();
        let client = ["iperf3", "-J", "-i", "0", "-c", &ip, "-t", &seconds];
        let words = [&client[..], options].concat();
        let mut found = Err(String::new());
        // Until the server listens.
        within(Duration::from_secs(3), || {
            found = Program::start(self.from, &words)
                .and_then(Program::end)
                .and_then(|text| report(&text));
            found.is_ok()
        });
        found
    }
}

/// Reads what iperf3 reports. Its exit status does not tell: it may be 0 after an error, which is among the keys then.
fn report(text: &str) -> Result<Value, String> {
    let report: Value =
        serde_json::from_str(text).map_err(|error| format!("iperf3's report: {error}"))?;
    match report["error"].as_str() {
        Some(why) => Err(format!("iperf3: {why}")),
        None => Ok(report),
    }
}

/// A program that measures, in a namespace. Ends when this is dropped, and with this process.
#[derive(Debug)]
struct Program(Child);

impl Program {
    fn start(namespace: &str, words: &[&str]) -> Result<Self, String> {
        let (program, arguments) = words.split_first().ok_or("no program")?;
        let failed = |error: io::Error| format!("{program}: {error}");
        let net = fs::File::open(format!("/run/netns/{namespace}")).map_err(failed)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shared = shared();
        if shared.ended.is_some() {
            return Err(ENDED.into());
        }
        let child = process::spawn_in(net.as_fd(), command).map_err(failed)?;
        shared.programs.push(child.id());
        Ok(Self(child))
    }

    /// Waits for its end and returns what it prints, also where it fails but prints something. That has to fit a
    /// pipe, as what ping and a report without intervals print does.
    fn end(mut self) -> Result<String, String> {
        let end = Instant::now() + PROGRAM;
        let status = loop {
            match self.ended() {
                Some(status) => break status,
                None if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
                None => return Err(format!("took longer than {} s", PROGRAM.as_secs())),
            }
        };
        let mut text = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout
                .read_to_string(&mut text)
                .map_err(|error| error.to_string())?;
        }
        match status.success() || text.starts_with('{') {
            true => Ok(text),
            false => Err(status.to_string()),
        }
    }

    /// Its status, once it has ended. From then on its number may be another's: it is forgotten at once.
    fn ended(&mut self) -> Option<std::process::ExitStatus> {
        let mut shared = shared();
        let status = self.0.try_wait().ok().flatten()?;
        let pid = self.0.id();
        shared.programs.retain(|it| *it != pid);
        Some(status)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let mut shared = shared();
        // Harmless after its end, which std remembers.
        _ = self.0.kill();
        _ = self.0.wait();
        let pid = self.0.id();
        shared.programs.retain(|it| *it != pid);
    }
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

/// Tries again and again, for so long, unless a signal ends this process; whether it came about.
fn within(time: Duration, mut it: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    loop {
        if it() {
            return true;
        }
        if Instant::now() >= end || shared().ended.is_some() {
            return false;
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_iperf3_says() {
        assert!(report(r#"{"end": {}}"#).is_ok());
        let refused = r#"{"end": {}, "error": "unable to connect to server: Connection refused"}"#;
        let why = report(refused).unwrap_err();
        assert!(why.ends_with("Connection refused"), "{why}");
        assert!(report("").is_err());
    }

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
