//! Cleaning up after runs that were killed.
//!
//! TAP devices, anonymous namespaces and the children themselves end with their run, whatever ends
//! it. Two things can outlast a `kill -9`: names in `/run/netns` (with `--host`), and programs that a
//! child left in the background. A run therefore notes the names in a file of its own under
//! [`DIRECTORY`], and marks its programs by an environment variable ([`MARK`]); the next run removes
//! what belongs to runs that are no more. A run is known by its process number and start time.

use std::fs;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::sys::{namespace, process};

/// Where runs note what they have made.
pub const DIRECTORY: &str = "/run/tapswitch";

/// The environment variable that marks the programs of a run: its [`RunId`].
pub const MARK: &str = "TAPSWITCH_RUN";

/// A run, as it is known to later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId {
    pid: u32,
    started: u64,
    /// The inode of the PID namespace in which `pid` means something: a run in a container, whose
    /// programs the machine outside sees, is not dead because nobody outside has its number.
    space: u64,
}

impl RunId {
    /// Returns this process's own.
    #[must_use]
    pub fn own() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: process::start_time(pid).unwrap_or(0),
            space: fs::File::open("/proc/self/ns/pid")
                .and_then(namespace::inode)
                .unwrap_or(0),
        }
    }

    /// Reads what [`fmt::Display`](std::fmt::Display) writes: `PID-STARTTIME-SPACE`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('-');
        let run = Self {
            pid: numbers.next()?.parse().ok()?,
            started: numbers.next()?.parse().ok()?,
            space: numbers.next()?.parse().ok()?,
        };
        numbers.next().is_none().then_some(run)
    }

    /// Whether it was a run of this PID namespace and is no more.
    fn is_dead(self) -> bool {
        self.space == Self::own().space && process::start_time(self.pid) != Some(self.started)
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.pid, self.started, self.space)
    }
}

/// The names that this run has given to namespaces; dropped, it takes them away again.
#[derive(Debug)]
pub struct Names {
    file: PathBuf,
    names: Vec<(String, u64)>,
    /// There was no place for names before this run.
    first: bool,
}

impl Names {
    /// Starts with none; nothing is written before there is one.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        Self {
            file: Path::new(DIRECTORY).join(run.to_string()),
            names: Vec::new(),
            first: false,
        }
    }

    /// Gives a namespace a name, and notes that before.
    ///
    /// # Errors
    ///
    /// When the note cannot be written or the name not be given: it is taken, say.
    pub fn give(&mut self, name: &str, net: BorrowedFd<'_>) -> io::Result<()> {
        self.first |= namespace::prepare_names()?;
        self.note(name, namespace::inode(net)?)?;
        namespace::add_name(net, name)
    }

    fn note(&mut self, name: &str, inode: u64) -> io::Result<()> {
        self.names.push((name.to_owned(), inode));
        fs::create_dir_all(DIRECTORY)?;
        let mut file = fs::File::create(&self.file)?;
        for (name, inode) in &self.names {
            writeln!(file, "{inode} {name}")?;
        }
        file.sync_data()
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.names.iter().position(|(it, _)| it == name) {
            let (name, inode) = self.names.remove(at);
            remove_if_ours(&name, inode);
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for (name, inode) in self.names.drain(..) {
            remove_if_ours(&name, inode);
        }
        remove_note(&self.file);
        if self.first {
            namespace::forget_names();
        }
    }
}

/// Removes what runs that are no more have left behind. What cannot be removed stays: it is not this
/// run's to fail for.
pub fn remove_dead() {
    let notes = fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    for note in notes {
        let run = note.file_name().to_str().and_then(RunId::parse);
        if run.is_some_and(RunId::is_dead) {
            let names = fs::read_to_string(note.path()).unwrap_or_default();
            for (inode, name) in names.lines().filter_map(|line| line.split_once(' ')) {
                if let Ok(inode) = inode.parse() {
                    remove_if_ours(name, inode);
                }
            }
            remove_note(&note.path());
        }
    }
    kill_marked(RunId::is_dead);
}

/// Ends the programs that this run's children left in the background.
pub fn end_programs(run: RunId) {
    kill_marked(|it| it == run);
}

/// Kills every process that a run has marked and `whose` accepts. Only those of this user can be seen.
fn kill_marked(whose: impl Fn(RunId) -> bool) {
    let own = std::process::id();
    let pids = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own);
    for pid in pids {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if mark_of(&environment).is_some_and(&whose) {
            process::send_signal(pid, Signal::SIGKILL);
        }
    }
}

fn mark_of(environment: &[u8]) -> Option<RunId> {
    environment
        .split(|octet| *octet == 0)
        .filter_map(|variable| std::str::from_utf8(variable).ok()?.split_once('='))
        .find_map(|(name, value)| (name == MARK).then(|| RunId::parse(value))?)
}

/// Removes a name unless somebody has given it to another namespace since.
fn remove_if_ours(name: &str, inode: u64) {
    let path = namespace::named_path(name);
    let device = |path: &Path| fs::metadata(path).map(|data| data.dev()).ok();
    let ours = fs::metadata(&path).is_ok_and(|data| data.ino() == inode);
    // Noted, and the mount point made, but killed before the mount: a file like any other there.
    let unused = device(&path).is_some_and(|it| Some(it) == device(Path::new(namespace::NAMED)));
    if ours || unused {
        let _ = namespace::remove_name(name);
    }
}

fn remove_note(file: &Path) {
    let _ = fs::remove_file(file);
    // Only the last one out succeeds.
    let _ = fs::remove_dir(DIRECTORY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_mark() {
        let own = RunId::own();
        assert!(!own.is_dead());
        assert_eq!(RunId::parse(&own.to_string()), Some(own));
        let other = RunId {
            started: own.started.wrapping_add(1),
            ..own
        };
        assert!(other.is_dead());
        let elsewhere = RunId { space: 1, ..other };
        assert!(!elsewhere.is_dead());
        for bad in ["12", "1-2", "1-2-3-4", "1-2-x"] {
            assert_eq!(RunId::parse(bad), None);
        }
    }

    #[test]
    fn marks_are_read_from_an_environment() {
        let environment = b"HOME=/root\0TAPSWITCH_RUN=7-900-4\0X=\xff\0";
        assert_eq!(
            mark_of(environment),
            Some(RunId {
                pid: 7,
                started: 900,
                space: 4
            })
        );
        assert_eq!(mark_of(b"TAPSWITCH_RUN=x\0"), None);
    }
}
