//! The real `ip` and `bridge` of the calling thread's namespace.
//!
//! A process for each command is what a user has, and what exact exit statuses need. It is also most
//! of the time that a scenario takes, above all in a virtual machine, so there is the other way: one
//! process for all commands with the same options, fed through `-batch`. That keeps two kinds of state
//! between commands: names and flags of netdevs, so a process ends when a name may have gone stale, and
//! whether the other end of a link is down is not believed; and the filters of show commands, so one with
//! another filter gets another process.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::record::Answer;

/// No object of `ip` or `bridge`: what they say about it tells that they are done with the command before.
const END: &str = "no-such-object";

/// How commands are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processes {
    /// One for each command.
    Each,
    /// As few as possible. Whether a command failed is known, its exit status is not.
    Few,
}

/// What runs commands. Used by one thread, in whose namespace they run.
#[derive(Debug)]
pub(crate) struct Iproute {
    processes: Processes,
    kept: Vec<Kept>,
}

impl Iproute {
    /// Starts nothing yet.
    pub(crate) fn new(processes: Processes) -> Self {
        Self {
            processes,
            kept: Vec::new(),
        }
    }

    /// Runs one command.
    pub(crate) fn run(&mut self, command: &str) -> io::Result<Answer> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let is_option = |word: &&&str| word.starts_with('-');
        let options = words[1..].iter().take_while(is_option).count();
        let (program, rest) = words.split_at(1 + options);
        let known = program[1..]
            .iter()
            .all(|option| ["-j", "-d", "-s"].contains(option));
        let shows = rest.get(1) == Some(&"show");
        // Text is not handed over before the process ends, JSON is.
        // `vlan show` works once (6.1).
        // Statistics of one part, or of one netdev, stay the only ones.
        let has_to_end = shows && (!program.contains(&"-j") || rest[0] == "vlan")
            || rest.get(1) == Some(&"xstats");
        if self.processes == Processes::Each || !known || has_to_end {
            return run_alone(&words);
        }
        let program = match program {
            _ if shows => program,
            // What show commands most often need.
            ["bridge", ..] => &["bridge", "-d", "-j"],
            _ => &["ip", "-j"],
        };
        let filter = shows.then(|| (rest[0].to_owned(), rest[2..].join(" ")));
        let fits = |kept: &Kept| kept.program == program && kept.can_filter(filter.as_ref());
        let index = match self.kept.iter().position(fits) {
            Some(index) => index,
            None => {
                self.kept.push(Kept::start(program)?);
                self.kept.len() - 1
            }
        };
        self.kept[index].filters.extend(filter);
        let (answer, alive) = self.kept[index].run(&rest.join(" "))?;
        let goes_stale = |word: &&str| ["del", "delete", "name", "netns"].contains(word);
        if rest[0] == "link" && rest.iter().any(goes_stale) {
            self.kept.clear();
        } else if !alive {
            self.kept.remove(index);
        }
        Ok(answer)
    }
}

fn run_alone(words: &[&str]) -> io::Result<Answer> {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()?;
    Ok(Answer {
        status: output.status.code().unwrap_or(-1),
        status_is_exact: true,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A process that runs one command after the other.
#[derive(Debug)]
struct Kept {
    program: Vec<String>,
    /// What each object was last shown by.
    filters: HashMap<String, String>,
    child: Child,
    /// Dropped to have the process end.
    input: Option<ChildStdin>,
    output: ChildStdout,
    errors: ChildStderr,
}

impl Kept {
    fn start(program: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(program[0])
            .args(&program[1..])
            .args(["-force", "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self {
            program: program.iter().map(|word| (*word).to_owned()).collect(),
            filters: HashMap::new(),
            input: child.stdin.take(),
            output: child.stdout.take().expect("it is piped"),
            errors: child.stderr.take().expect("it is piped"),
            child,
        })
    }

    /// Whether an object can be shown with this filter, and not with that of another time.
    fn can_filter(&self, filter: Option<&(String, String)>) -> bool {
        filter.is_none_or(|(object, filter)| {
            self.filters.get(object).is_none_or(|last| last == filter)
        })
    }

    /// Runs a command. Returns whether the process can run another one, too.
    fn run(&mut self, command: &str) -> io::Result<(Answer, bool)> {
        let input = self.input.as_mut().expect("not dropped");
        match input.write_all(format!("{command}\n{END}\n").as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        loop {
            let errors_so_far = String::from_utf8_lossy(&errors);
            if let Some((before, after)) =
                errors_so_far.split_once(&format!("Object \"{END}\" is unknown"))
                && after.lines().count() >= 2
                && after.ends_with('\n')
            {
                let failed = before
                    .lines()
                    .last()
                    .is_some_and(|line| line.starts_with("Command failed "));
                let words: Vec<&str> = before.lines().collect();
                let words = &words[..words.len() - usize::from(failed)];
                let answer = Answer {
                    status: i32::from(failed),
                    status_is_exact: false,
                    stdout: String::from_utf8_lossy(&self.rest_of_output(output)?).into_owned(),
                    stderr: words.iter().map(|line| format!("{line}\n")).collect(),
                };
                return Ok((answer, true));
            }
            if !self.read(&mut output, &mut errors)? {
                break;
            }
        }
        // Bad usage ends it.
        self.output.read_to_end(&mut output)?;
        let answer = Answer {
            status: self.child.wait()?.code().unwrap_or(-1),
            status_is_exact: true,
            stdout: String::from_utf8_lossy(&output).into_owned(),
            stderr: String::from_utf8_lossy(&errors).into_owned(),
        };
        Ok((answer, false))
    }

    /// Waits for output or errors. Returns whether there may be more errors.
    fn read(&mut self, output: &mut Vec<u8>, errors: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; 16384];
        let mut fds =
            [self.errors.as_fd(), self.output.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        let [has_errors, has_output] = fds.map(|fd| fd.any() == Some(true));
        if has_output {
            let got = self.output.read(&mut buffer)?;
            output.extend(&buffer[..got]);
            if got == 0 && !has_errors {
                let got = self.errors.read(&mut buffer)?;
                errors.extend(&buffer[..got]);
                return Ok(got > 0);
            }
        }
        if !has_errors {
            return Ok(true);
        }
        let got = self.errors.read(&mut buffer)?;
        errors.extend(&buffer[..got]);
        Ok(got > 0)
    }

    /// Takes what a finished command has written and nobody read yet.
    fn rest_of_output(&mut self, mut output: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 16384];
        loop {
            let mut fds = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::ZERO)? == 0 {
                return Ok(output);
            }
            match self.output.read(&mut buffer)? {
                0 => return Ok(output),
                got => output.extend(&buffer[..got]),
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
