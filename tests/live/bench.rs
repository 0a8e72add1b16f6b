//! Starting the program, talking to it, and knowing when it cannot be tested.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pings until all comes back: a switch's tables may follow its tree with some delay.
pub(crate) const PING: &str = "for n in 0 1 2 3 4 5 6 7 8 9; do \
     r=$(ping -qc 3 -i 0.2 -W 1 10.0.0.9 | grep received); echo \"PING: $r\"; \
     case \"$r\" in *\" 3 received\"*) break;; esac; done";

/// Returns from the test, with the reason, unless there are privileges and these programs.
macro_rules! need {
    ($($program:literal),*) => {
        if let Some(why) = $crate::bench::missing(&[$($program),*]) {
            return $crate::bench::skip(&why);
        }
    };
}
pub(crate) use need;

/// Says why a test is skipped; fails instead where skipping is forbidden.
pub(crate) fn skip(why: &str) {
    let required = std::env::var("TAPSWITCH_REQUIRE_PRIVILEGED").is_ok_and(|it| it == "1");
    assert!(!required, "may not be skipped here: {why}");
    eprintln!("skipped: {why}");
}

/// Returns what is missing to test `tapswitch run`.
pub(crate) fn missing(programs: &[&str]) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    if !root {
        return Some("needs root (sudo -E cargo test --test live)".to_owned());
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("needs /dev/net/tun".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| std::env::split_paths(&path).any(|dir| dir.join(program).exists());
    programs
        .iter()
        .find(|program| !found(program))
        .map(|program| format!("needs the program {program}"))
}

/// A script of hosts h1 to hN with 10.0.0.N on the ports p1 to pN of br0.
pub(crate) fn hosts(count: u8) -> String {
    let mut script = String::from("ip link add br0 type bridge\nip link set br0 up\n");
    for n in 1..=count {
        script += &format!(
            "ip netns add h{n}\n\
             ip link add eth0 netns h{n} type veth peer name p{n}\n\
             ip link set p{n} master br0\n\
             ip link set p{n} up\n\
             ip -n h{n} addr add 10.0.0.{n}/24 dev eth0\n\
             ip -n h{n} link set eth0 up\n"
        );
    }
    script
}

/// Waits until something is so.
pub(crate) fn await_that(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a process is gone, or only its parent has not asked for it yet: "pid 123".
pub(crate) fn await_death(pid: &str) {
    let stat = format!("/proc/{}/stat", pid.trim_start_matches("pid "));
    await_that(&format!("the end of {pid}"), || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

/// A run to be started.
pub(crate) struct Run {
    folder: tempfile::TempDir,
    under: Vec<String>,
    arguments: Vec<String>,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct End {
    /// `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// A run of a script.
    pub(crate) fn of(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("topology.sh"), script).unwrap();
        // Whoever runs it may have to read it.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), mode).unwrap();
        Self {
            folder,
            under: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Adds options.
    pub(crate) fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }

    /// Starts it by way of another program.
    pub(crate) fn under(mut self, program: &[&str]) -> Self {
        self.under = program.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs it to its end.
    pub(crate) fn end(self) -> End {
        self.start().end()
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_tapswitch"));
        if !self.under.is_empty() {
            // Who runs it may not get into the build's folder. Copied by another process: a file that
            // this one has open for writing while a test beside forks cannot be run.
            let copy = self.folder.path().join("tapswitch");
            let status = Command::new("cp").arg(&program).arg(&copy).status();
            assert!(status.unwrap().success());
            program = copy;
        }
        let words: Vec<_> = self
            .under
            .iter()
            .map(Into::into)
            .chain([program.into_os_string(), "run".into()])
            .chain([self.folder.path().join("topology.sh").into_os_string()])
            .chain(self.arguments.iter().map(Into::into))
            .collect();
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
            said: String::new(),
            _folder: self.folder,
        }
    }
}

/// A run in progress.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What was read of both so far.
    said: String,
    _folder: tempfile::TempDir,
}

impl Running {
    /// Waits for a line of standard output that contains a text, and returns it.
    pub(crate) fn await_line(&mut self, text: &str) -> String {
        let line = await_in(&mut self.stdout, &mut self.said, text);
        line.unwrap_or_else(|| self.ended_before(text))
    }

    /// Waits for a line of standard error.
    pub(crate) fn await_error(&mut self, text: &str) -> String {
        let line = await_in(&mut self.stderr, &mut self.said, text);
        line.unwrap_or_else(|| self.ended_before(text))
    }

    /// Fails, with all that the program printed.
    fn ended_before(&mut self, text: &str) -> ! {
        // One of the two has ended; should the other not have, it does now.
        let _ = self.child.kill();
        let mut said = std::mem::take(&mut self.said);
        let _ = self.stdout.read_to_string(&mut said);
        let _ = self.stderr.read_to_string(&mut said);
        panic!("ended before it said {text:?}, having said:\n{said}");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let signal: nix::sys::signal::Signal = format!("SIG{name}").parse().unwrap();
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> End {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begin.elapsed() > PATIENCE {
                self.child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut end = End {
            status: status.code(),
            stdout: String::new(),
            stderr: String::new(),
        };
        self.stdout.read_to_string(&mut end.stdout).unwrap();
        self.stderr.read_to_string(&mut end.stderr).unwrap();
        end
    }
}

fn await_in(from: &mut impl BufRead, said: &mut String, text: &str) -> Option<String> {
    loop {
        let begin = said.len();
        if from.read_line(said).unwrap() == 0 {
            return None;
        }
        let line = &said[begin..];
        if line.contains(text) {
            return Some(line.trim_end().to_owned());
        }
    }
}
