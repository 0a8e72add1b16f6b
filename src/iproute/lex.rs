//! Words and operators of the small sh subset that a topology script may use.
//!
//! Understood: words, single and double quotes, backslashes, `#` at the start of a word, line
//! continuation, newline, `;`, `&&`, `||`, and redirections that only drop or join output. The rest
//! of sh is refused where it stands, with the reason: a script means here what it means to `sh`, or
//! it is not run at all. A carriage return before a newline is dropped. No input panics, and the
//! work is linear in the input's length.

use super::fault::{Fault, Position};

/// One word, unquoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// The word as the program would get it.
    pub(super) text: String,
    /// Where it starts.
    pub(super) at: Position,
    /// Whether any of it was quoted; a quoted word is never a keyword of sh.
    pub(super) quoted: bool,
}

/// Where an output stream of a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// The script's standard output.
    Stdout,
    /// The script's standard error.
    Stderr,
    /// `/dev/null`.
    Null,
}

/// Where a command's two output streams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// What the command writes to standard output.
    pub stdout: Sink,
    /// What the command writes to standard error.
    pub stderr: Sink,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            stdout: Sink::Stdout,
            stderr: Sink::Stderr,
        }
    }
}

/// One redirection, in the order written (`>/dev/null 2>&1` is not `2>&1 >/dev/null`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// `</dev/null`: no command here reads its input.
    Input,
    /// `N>/dev/null` or `N>>/dev/null`, for stream 1 or 2.
    Drop(u8),
    /// `A>&B`: stream A goes where B goes now.
    Join(u8, u8),
}

impl Streams {
    /// Applies one redirection.
    pub(super) fn redirect(&mut self, redirect: Redirect) {
        match redirect {
            Redirect::Drop(1) => self.stdout = Sink::Null,
            Redirect::Drop(_) => self.stderr = Sink::Null,
            Redirect::Join(1, 2) => self.stdout = self.stderr,
            Redirect::Join(2, 1) => self.stderr = self.stdout,
            Redirect::Input | Redirect::Join(..) => {}
        }
    }
}

/// A token with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    Redirect(Redirect, Position),
    Newline(Position),
    Semicolon(Position),
    And(Position),
    Or(Position),
}

/// Reads tokens from a script, one at a time.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Octets consumed.
    offset: usize,
    at: Position,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // A byte order mark is an editor's habit, not a word.
        let offset = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        Self {
            text,
            offset,
            at: Position { line: 1, column: 1 },
        }
    }

    /// Returns the number of octets consumed.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the place of the next octet.
    pub(super) const fn position(&self) -> Position {
        self.at
    }

    /// Returns the next token; `None` at the end of the script.
    pub(super) fn next(&mut self) -> Result<Option<Token>, Fault> {
        self.skip_blanks();
        let at = self.at;
        let Some(c) = self.peek(0) else {
            return Ok(None);
        };
        let token = match c {
            '\n' => {
                self.bump();
                Token::Newline(at)
            }
            ';' => {
                self.bump();
                if self.peek(0) == Some(';') {
                    return Err(Fault::new(
                        at,
                        ";;",
                        "case is not part of a topology script",
                    ));
                }
                Token::Semicolon(at)
            }
            '&' => {
                self.bump();
                match self.peek(0) {
                    Some('&') => {
                        self.bump();
                        Token::And(at)
                    }
                    Some('>') => {
                        return Err(Fault::new(at, "&>", "only bash knows this redirection")
                            .expect("\">/dev/null 2>&1\""));
                    }
                    _ => {
                        return Err(Fault::new(
                            at,
                            "&",
                            "commands in the background are not part of a topology script",
                        )
                        .expect("\"&&\", \";\" or the end of the line"));
                    }
                }
            }
            '|' => {
                self.bump();
                if self.peek(0) != Some('|') {
                    return Err(
                        Fault::new(at, "|", "pipes are not part of a topology script")
                            .expect("\"||\", \";\" or the end of the line"),
                    );
                }
                self.bump();
                Token::Or(at)
            }
            '(' | ')' => {
                return Err(Fault::new(
                    at,
                    c,
                    "subshells and functions are not part of a topology script",
                )
                .expect("a command"));
            }
            '<' | '>' => self.redirection(at, None)?,
            '0'..='9' if matches!(self.peek(1), Some('<' | '>')) => {
                self.bump();
                self.redirection(at, Some(c))?
            }
            _ => Token::Word(self.word(at)?),
        };
        Ok(Some(token))
    }

    /// Skips what separates tokens: blanks, continued lines, comments.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek(0) {
                Some(' ' | '\t') => self.bump(),
                Some('\r') if self.at_line_end(1) => self.bump(),
                Some('\\') if self.continues() => self.skip_continuation(),
                Some('#') => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.bump();
                    }
                }
                _ => return,
            }
        }
    }

    /// Reads a redirection whose stream number, if any, has been consumed.
    fn redirection(&mut self, at: Position, stream: Option<char>) -> Result<Token, Fault> {
        let start = self.offset - stream.map_or(0, char::len_utf8);
        let direction = self.peek(0);
        self.bump();
        let refuse = |lexer: &Self| {
            let word = lexer.text[start..lexer.offset].trim_end();
            Fault::new(at, word, "redirections only drop or join output here")
                .expect("\">/dev/null\", \"2>/dev/null\", \"2>&1\" or \">&2\"")
        };
        if direction == Some('<') {
            if self.peek(0) == Some('<') {
                return Err(Fault::new(
                    at,
                    "<<",
                    "here-documents are not part of a topology script",
                ));
            }
            let target = self.target()?;
            if target != "/dev/null" || !matches!(stream, None | Some('0')) {
                return Err(refuse(self));
            }
            return Ok(Token::Redirect(Redirect::Input, at));
        }
        let from = match stream {
            None | Some('1') => 1,
            Some('2') => 2,
            Some(_) => return Err(refuse(self)),
        };
        let join = self.peek(0) == Some('&');
        if join || self.peek(0) == Some('>') {
            self.bump();
        }
        let target = self.target()?;
        let redirect = match (join, target.as_str()) {
            (false, "/dev/null") => Redirect::Drop(from),
            (true, "1") => Redirect::Join(from, 1),
            (true, "2") => Redirect::Join(from, 2),
            _ => return Err(refuse(self)),
        };
        Ok(Token::Redirect(redirect, at))
    }

    /// Reads the word after a redirection operator; empty if there is none.
    fn target(&mut self) -> Result<String, Fault> {
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.bump();
        }
        match self.peek(0) {
            None | Some('\n' | '\r' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '#') => {
                Ok(String::new())
            }
            Some(_) => Ok(self.word(self.at)?.text),
        }
    }

    fn word(&mut self, at: Position) -> Result<Word, Fault> {
        let mut word = Word {
            text: String::new(),
            at,
            quoted: false,
        };
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\r' if self.at_line_end(1) => break,
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' if self.continues() => self.skip_continuation(),
                '\\' => {
                    word.quoted = true;
                    self.bump();
                    match self.peek(0) {
                        Some(c) => {
                            word.text.push(c);
                            self.bump();
                        }
                        // As sh: a backslash that ends the input stands for itself.
                        None => word.text.push('\\'),
                    }
                }
                '$' | '`' => {
                    self.refuse_expansion(c, false)?;
                    word.text.push(c);
                    self.bump();
                }
                '*' | '?' | '[' if !(c == '[' && word.text.is_empty()) => {
                    return Err(Fault::new(
                        self.at,
                        c,
                        "patterns are not part of a topology script",
                    )
                    .expect("quotes around it, or a plain word"));
                }
                '~' if word.text.is_empty() && !word.quoted => {
                    return Err(Fault::new(
                        self.at,
                        c,
                        "\"~\" is not expanded in a topology script",
                    )
                    .expect("a full path"));
                }
                '\0' => return Err(Fault::new(self.at, "\0", "a NUL octet").expect("text")),
                _ => {
                    word.text.push(c);
                    self.bump();
                }
            }
        }
        if !word.quoted && braces_expand(&word.text) {
            return Err(Fault::new(
                at,
                &word.text,
                "brace expansion is not part of a topology script",
            )
            .expect("each word written out"));
        }
        Ok(word)
    }

    fn single_quoted(&mut self, word: &mut Word) -> Result<(), Fault> {
        let at = self.at;
        word.quoted = true;
        self.bump();
        loop {
            match self.peek(0) {
                None => {
                    return Err(Fault::new(at, "'", "this quote is never closed")
                        .expect("another ' before the end of the script"));
                }
                Some('\'') => {
                    self.bump();
                    return Ok(());
                }
                Some(c) => {
                    word.text.push(c);
                    self.bump();
                }
            }
        }
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), Fault> {
        let at = self.at;
        word.quoted = true;
        self.bump();
        loop {
            match self.peek(0) {
                None => {
                    return Err(Fault::new(at, "\"", "this quote is never closed")
                        .expect("another \" before the end of the script"));
                }
                Some('"') => {
                    self.bump();
                    return Ok(());
                }
                Some('\\') if self.continues() => self.skip_continuation(),
                Some('\\') => {
                    self.bump();
                    match self.peek(0) {
                        Some(c @ ('$' | '`' | '"' | '\\')) => {
                            word.text.push(c);
                            self.bump();
                        }
                        _ => word.text.push('\\'),
                    }
                }
                Some(c @ ('$' | '`')) => {
                    self.refuse_expansion(c, true)?;
                    word.text.push(c);
                    self.bump();
                }
                Some(c) => {
                    word.text.push(c);
                    self.bump();
                }
            }
        }
    }

    /// Refuses `` ` `` and a `$` that sh would expand; another `$` stands for itself. (`$'` and `$"` are
    /// quotes of bash's own, but not inside double quotes.)
    fn refuse_expansion(&self, c: char, in_quotes: bool) -> Result<(), Fault> {
        let plain = "a plain word";
        match (c, self.peek(1)) {
            ('`', _) => Err(Fault::new(
                self.at,
                c,
                "command substitution is not part of a topology script",
            )
            .expect(plain)),
            (_, Some('(')) => Err(Fault::new(
                self.at,
                "$(",
                "command substitution is not part of a topology script",
            )
            .expect(plain)),
            (_, Some(first))
                if first.is_ascii_alphanumeric()
                    || "_{@*#?$!-".contains(first)
                    || (!in_quotes && "'\"".contains(first)) =>
            {
                let name: String = self.text[self.offset + 1..]
                    .chars()
                    .take(32)
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let shown = if name.is_empty() {
                    format!("${first}")
                } else {
                    format!("${name}")
                };
                Err(Fault::new(
                    self.at,
                    shown,
                    "shell variables are not part of a topology script",
                )
                .expect(plain))
            }
            _ => Ok(()),
        }
    }

    /// Tells whether a backslash here joins this line with the next.
    fn continues(&self) -> bool {
        match self.peek(1) {
            Some('\n') => true,
            Some('\r') => self.peek(2) == Some('\n'),
            _ => false,
        }
    }

    fn skip_continuation(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.bump();
        }
        self.bump();
    }

    fn at_line_end(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), None | Some('\n'))
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text[self.offset..].chars().nth(ahead)
    }

    fn bump(&mut self) {
        if let Some(c) = self.peek(0) {
            self.offset += c.len_utf8();
            if c == '\n' {
                self.at = Position {
                    line: self.at.line + 1,
                    column: 1,
                };
            } else {
                self.at.column += 1;
            }
        }
    }
}

/// Tells whether bash would expand the braces of this word (`h{1..3}`, `{a,b}`); sh would not, and
/// nobody means it literally.
fn braces_expand(text: &str) -> bool {
    let Some(open) = text.find('{') else {
        return false;
    };
    let Some(close) = text[open..].find('}') else {
        return false;
    };
    let inside = &text[open..open + close];
    inside.contains(',') || inside.contains("..")
}

#[cfg(test)]
mod tests;
