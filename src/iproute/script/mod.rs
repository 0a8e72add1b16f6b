//! A topology script: read whole before anything of it is applied.
//!
//! [`Script::parse`] understands every command or says where the first one is that it does not
//! understand. [`Flow`] then walks over the commands as sh would, given each one's exit status. Both are
//! pure: no file is read and nothing is run here.
//!
//! Bounds: a script has at most 16 MiB and 1,000,000 commands.

mod flow;
mod outside;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::command::Command;
use super::fault::Fault;
use super::lex::{Lexer, Token, Word};
use super::parse;

pub use super::fault::Position;
pub use super::lex::{Sink, Streams};
pub use flow::Flow;

/// Largest script, in octets.
pub const MAX_OCTETS: usize = 16 * 1024 * 1024;

/// Largest number of commands in a script.
pub const MAX_COMMANDS: usize = 1_000_000;

/// A script that was understood. A clone costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Shared, so that who walks over a script may own it, too.
    items: Arc<[Item]>,
}

/// One command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it starts.
    pub at: Position,
    /// The command as written, with continued lines joined.
    pub text: String,
    /// What it says.
    pub command: Command,
    /// Where its output goes.
    pub streams: Streams,
    /// What joins it to the command before.
    pub joint: Joint,
}

/// What stands between a command and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// A newline, `;` or the start of the script: it runs whatever happened.
    Start,
    /// `&&`: it runs if the list so far succeeded.
    And,
    /// `||`: it runs if the list so far failed.
    Or,
}

impl Script {
    /// Reads a script. `source` is its name in errors.
    ///
    /// # Errors
    /// The first thing that is not understood, with its place and what was expected there.
    pub fn parse(source: &str, text: &str) -> Result<Self, ScriptError> {
        if text.len() > MAX_OCTETS {
            let fault = Fault::new(
                Position { line: 1, column: 1 },
                "",
                format!("a script of {} octets", text.len()),
            )
            .expect(format!("at most {MAX_OCTETS} octets"));
            return Err(ScriptError::new(source, "", fault));
        }
        items(text)
            .map(|items| Self {
                items: items.into(),
            })
            .map_err(|fault| ScriptError::new(source, text, fault))
    }

    /// Returns the commands, in the order written.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Returns the names of netdevs that the script configures in its own namespace without ever
    /// creating them (outside wires), in the order of their first use.
    ///
    /// A netdev that is created anywhere in the script, also after its first use or by a command that
    /// will not run, is not one: that use fails when it runs, as on the kernel. `lo` never is one.
    #[must_use]
    pub fn outside(&self) -> Vec<String> {
        outside::outside(&self.items)
    }
}

/// Reads all commands of a script.
fn items(text: &str) -> Result<Vec<Item>, Fault> {
    let mut lexer = Lexer::new(text);
    let mut items = Vec::new();
    let mut simple = Simple::default();
    let mut joint = Joint::Start;
    // The operator that still wants a command after it.
    let mut open: Option<(&'static str, Position)> = None;
    loop {
        let before = (lexer.offset(), lexer.position());
        // In `for i in $(seq 3)` the loop is what has to be said, not the substitution.
        let token = lexer.next().map_err(|fault| {
            let first = simple.words.first();
            first.and_then(parse::shell_word).unwrap_or(fault)
        })?;
        let next = match &token {
            Some(Token::Word(word)) => {
                simple.begin(word.at, text, &lexer, before.0);
                simple.words.push(word.clone());
                simple.end = (lexer.offset(), lexer.position());
                continue;
            }
            Some(Token::Redirect(redirect, at)) => {
                simple.begin(*at, text, &lexer, before.0);
                simple.streams.redirect(*redirect);
                simple.end = (lexer.offset(), lexer.position());
                continue;
            }
            None | Some(Token::Newline(_)) => None,
            Some(Token::Semicolon(at)) => Some((";", Joint::Start, *at)),
            Some(Token::And(at)) => Some(("&&", Joint::And, *at)),
            Some(Token::Or(at)) => Some(("||", Joint::Or, *at)),
        };
        if let Some(begin) = simple.start {
            if items.len() == MAX_COMMANDS {
                return Err(Fault::new(begin.1, "", "too many commands")
                    .expect(format!("at most {MAX_COMMANDS}")));
            }
            let simple = std::mem::take(&mut simple);
            let command = parse::command(&simple.words, simple.end.1)?;
            let written = text[begin.0..simple.end.0]
                .replace("\\\r\n", " ")
                .replace("\\\n", " ");
            items.push(Item {
                at: begin.1,
                text: written,
                command,
                streams: simple.streams,
                joint,
            });
            joint = next.map_or(Joint::Start, |(_, joint, _)| joint);
            open = next
                .filter(|(_, joint, _)| *joint != Joint::Start)
                .map(|(operator, _, at)| (operator, at));
        } else if let Some((operator, _, at)) = next {
            return Err(Fault::new(at, operator, "no command before this").expect("a command"));
        }
        if token.is_none() {
            return match open {
                Some((operator, at)) => {
                    Err(Fault::new(at, operator, "no command after this").expect("a command"))
                }
                None => Ok(items),
            };
        }
    }
}

/// A simple command while its words are collected.
#[derive(Debug, Default)]
struct Simple {
    words: Vec<Word>,
    streams: Streams,
    /// Offset and place of its first word.
    start: Option<(usize, Position)>,
    /// Offset and place just after its last word.
    end: (usize, Position),
}

impl Simple {
    /// Notes where the command starts: at the first token, which blanks and comments may precede.
    fn begin(&mut self, at: Position, text: &str, lexer: &Lexer<'_>, before: usize) {
        if self.start.is_none() {
            let token = &text[before..lexer.offset()];
            self.start = Some((before + blanks(token), at));
        }
    }
}

/// Returns the length of the blanks and continued lines in front of a token. (A comment ends its line, so
/// none stands between the blanks and the token.)
fn blanks(token: &str) -> usize {
    let mut rest = token;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\u{feff}']);
        let next = trimmed
            .strip_prefix("\\\n")
            .or_else(|| trimmed.strip_prefix("\\\r\n"));
        match next {
            Some(next) => rest = next,
            None => return token.len() - trimmed.len(),
        }
    }
}

/// Why a script was not understood, and where.
///
/// Displayed as `FILE:LINE:COLUMN: "WORD": MESSAGE; expected EXPECTED`, then the line of the script and a
/// caret under the word. Nothing of the script has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The script's name, as given.
    pub file: Box<str>,
    /// Line and column.
    pub at: Position,
    /// The word that was not understood; empty where one is missing.
    pub word: Box<str>,
    /// What could stand there; may be empty.
    pub expected: Box<str>,
    /// What is wrong.
    pub message: Box<str>,
    /// The line of the script.
    line: Box<str>,
}

impl ScriptError {
    fn new(file: &str, text: &str, fault: Fault) -> Self {
        let line = text
            .lines()
            .nth(
                usize::try_from(fault.at.line)
                    .unwrap_or(usize::MAX)
                    .saturating_sub(1),
            )
            .unwrap_or_default();
        Self {
            file: file.into(),
            at: fault.at,
            word: fault.word.into(),
            expected: fault.expected.into(),
            message: fault.message.into(),
            line: line.into(),
        }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.at.line, self.at.column)?;
        if !self.word.is_empty() {
            write!(f, "\"{}\": ", shown(&self.word, 0, SHOWN_WORD))?;
        }
        write!(f, "{}", self.message)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        if self.line.is_empty() {
            return Ok(());
        }
        // A window on a long line, with the word in it.
        let column = usize::try_from(self.at.column)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let skip = column.saturating_sub(SHOWN_LINE / 2);
        let line = shown(&self.line, skip, SHOWN_LINE);
        let left = self
            .line
            .chars()
            .skip(skip)
            .count()
            .min(SHOWN_LINE)
            .saturating_sub(column - skip);
        let carets = self.word.chars().count().clamp(1, left.max(1));
        write!(
            f,
            "\n    {line}\n    {}{}",
            " ".repeat(column - skip),
            "^".repeat(carets)
        )
    }
}

impl Error for ScriptError {}

/// Characters of a line that an error shows.
const SHOWN_LINE: usize = 160;
/// Characters of a word that an error shows.
const SHOWN_WORD: usize = 64;

/// Cuts a window out of a text, each character in it one column wide.
fn shown(text: &str, skip: usize, length: usize) -> String {
    text.chars()
        .skip(skip)
        .take(length)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
