//! `tapswitch bench forward`: what a topology costs per frame, in memory, through the plan that it compiles to.
//!
//! The script runs to its end in virtual time; then the frames of each attachment go through
//! [`forward`](crate::switch::forward) in batches, in turn and in a loop, as a worker of a live run
//! takes them ([`measure`]). Control takes no part: what is trapped is counted and forgotten, nobody's port
//! changes its state. The time is the clock's, to the millisecond, so stations age and are refreshed as
//! they are live.

pub mod measure;
pub mod report;
pub mod traffic;

use crate::switch::AttachmentId;

/// Octets of all frames together that a bench keeps.
pub const LOAD_MAX: usize = 1 << 30;

/// Frames that come in by one attachment, over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where they come in.
    pub ingress: AttachmentId,
    octets: Vec<u8>,
    /// Where in `octets` each frame ends.
    ends: Vec<usize>,
}

impl Stream {
    /// Makes a stream without frames.
    #[must_use]
    pub const fn new(ingress: AttachmentId) -> Self {
        Self {
            ingress,
            octets: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Adds a frame.
    pub fn push(&mut self, frame: &[u8]) {
        self.octets.extend_from_slice(frame);
        self.ends.push(self.octets.len());
    }

    /// Returns how many frames there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the octets of all frames together.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.octets.len()
    }

    /// Returns a frame by its number.
    #[must_use]
    pub fn frame(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.octets[start..self.ends[index]]
    }
}
