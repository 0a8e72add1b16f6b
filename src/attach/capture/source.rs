//! A bounded buffer over a reader that knows at which byte of the file it stands.

use std::fmt;
use std::io::{ErrorKind, Read};

use super::{CaptureError, Cause, MAX_BLOCK};

/// Octets asked of the operating system at a time.
const CHUNK: usize = 64 * 1024;

/// Octets of a file, looked at before they are consumed. Holds at most [`MAX_BLOCK`] + [`CHUNK`].
pub(super) struct Source {
    file: String,
    input: Box<dyn Read>,
    buffer: Vec<u8>,
    /// The octets held are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Octets of the file before `start`.
    offset: u64,
}

impl Source {
    pub(super) fn new(file: &str, input: Box<dyn Read>) -> Self {
        Self {
            file: file.to_owned(),
            input,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Returns the octets held, the next one of the file first.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns the next `want` octets, or as many as there are before the end of the file.
    pub(super) fn peek(&mut self, want: usize) -> Result<&[u8], CaptureError> {
        debug_assert!(want <= MAX_BLOCK, "callers check lengths first");
        while self.end - self.start < want {
            if self.start > 0 && self.start + want > self.buffer.len() {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let room = self.end + CHUNK.max(want - (self.end - self.start));
            if self.buffer.len() < room {
                self.buffer.resize(room, 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let offset = self.offset + (self.end - self.start) as u64;
                    return Err(self.error_at(offset, error.into()));
                }
            }
        }
        let held = self.held();
        Ok(&held[..held.len().min(want)])
    }

    /// Returns the next `need` octets, which are the start of `what`.
    pub(super) fn need(&mut self, need: usize, what: &'static str) -> Result<&[u8], CaptureError> {
        let have = self.peek(need)?.len();
        if have < need {
            let (need, have) = (need as u64, have as u64);
            return Err(self.error(Cause::CutShort { what, need, have }));
        }
        Ok(&self.buffer[self.start..self.start + need])
    }

    /// Whether the file ends here.
    pub(super) fn at_end(&mut self) -> Result<bool, CaptureError> {
        Ok(self.peek(1)?.is_empty())
    }

    /// Leaves octets behind that are held.
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
        self.offset += count as u64;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Leaves `count` octets behind without holding them all at once.
    pub(super) fn skip(&mut self, count: u64, what: &'static str) -> Result<(), CaptureError> {
        let began = self.offset;
        let mut left = count;
        while left > 0 {
            let step = self
                .peek(CHUNK.min(usize::try_from(left).unwrap_or(CHUNK)))?
                .len();
            if step == 0 {
                let have = count - left;
                let cause = Cause::CutShort {
                    what,
                    need: count,
                    have,
                };
                return Err(self.error_at(began, cause));
            }
            self.consume(step);
            left -= step as u64;
        }
        Ok(())
    }

    /// Makes an error about what stands at the next octet.
    pub(super) fn error(&self, cause: Cause) -> CaptureError {
        self.error_at(self.offset, cause)
    }

    /// Makes an error about what stands at an octet of the file.
    pub(super) fn error_at(&self, offset: u64, cause: Cause) -> CaptureError {
        CaptureError {
            file: self.file.clone(),
            offset,
            cause,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("file", &self.file)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
