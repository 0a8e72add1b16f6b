//! Which command is next, as sh decides it.

use super::{Item, Joint, Script};
use crate::iproute::command::Command;

/// Walks over a script as sh would: `&&`, `||`, `set -e`, `exit`, `true` and `false` are decided here, and
/// what remains (`ip`, `bridge`, programs, `sleep`, `echo`) is handed out to be done.
///
/// ```text
/// let mut flow = Flow::default();
/// let mut status = 0;
/// while let Some(item) = flow.next(&script, status) { status = do_it(item); }
/// flow.status()
/// ```
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// The item to look at next.
    next: usize,
    /// An item was handed out and its status is not known yet.
    pending: bool,
    errexit: bool,
    status: u8,
    ended: bool,
}

impl Flow {
    /// Takes the exit status of the command that was handed out last (the first time, it is not looked
    /// at) and returns the next command to do; `None` when the script has ended. `script` is the same
    /// every time.
    pub fn next<'a>(&mut self, script: &'a Script, last_status: u8) -> Option<&'a Item> {
        if std::mem::take(&mut self.pending) {
            self.finished(script, last_status);
        }
        while !self.ended {
            let item = script.items.get(self.next)?;
            self.next += 1;
            let runs = match item.joint {
                Joint::Start => true,
                Joint::And => self.status == 0,
                Joint::Or => self.status != 0,
            };
            if !runs {
                continue;
            }
            match item.command {
                Command::ErrExit(on) => {
                    self.errexit = on;
                    self.finished(script, 0);
                }
                Command::Status(status) => self.finished(script, status),
                Command::Exit(status) => {
                    self.status = status.unwrap_or(self.status);
                    self.ended = true;
                }
                Command::Net(_)
                | Command::Neigh(..)
                | Command::Exec(..)
                | Command::Sleep(_)
                | Command::Echo(_) => {
                    self.pending = true;
                    return Some(item);
                }
            }
        }
        None
    }

    /// Returns what sh would exit with so far: the status of the last command that ran, or `exit`'s.
    #[must_use]
    pub const fn status(&self) -> u8 {
        self.status
    }

    /// Whether the script ended before its last command, by `exit` or by a failure under `set -e`,
    /// or such a failure was its last command.
    #[must_use]
    pub const fn stopped(&self) -> bool {
        self.ended
    }

    /// Notes a status. `set -e` looks at the last command of an `&&`/`||` list only.
    fn finished(&mut self, script: &Script, status: u8) {
        self.status = status;
        let last = script
            .items
            .get(self.next)
            .is_none_or(|item| item.joint == Joint::Start);
        self.ended = self.ended || (self.errexit && status != 0 && last);
    }
}
