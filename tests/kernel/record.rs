//! What a side did, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// One copy that came out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Copy {
    /// The attachment it came out of.
    pub(crate) at: String,
    /// For whom it is, `PACKET_HOST` and so on as a number; a wire does not tell.
    pub(crate) kind: Option<u8>,
    /// The frame.
    pub(crate) octets: Vec<u8>,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            None => "",
            Some(0) => " host",
            Some(1) => " broadcast",
            Some(2) => " multicast",
            Some(3) => " other",
            Some(_) => " ?",
        };
        write!(f, "{}{kind} {}o ", self.at, self.octets.len())?;
        self.octets
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// What a command answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Exit status; 1 for any failure if it is not exact.
    pub(crate) status: i32,
    /// Whether the status is the one that a shell would see.
    pub(crate) status_is_exact: bool,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// What one side made of a scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// By step that is a frame: its copies, sorted.
    pub(crate) copies: BTreeMap<usize, Vec<Copy>>,
    /// By step that is a command: what it answered.
    pub(crate) answers: BTreeMap<usize, Answer>,
    /// Deletions of FDB entries of any VLAN that found some in VLANs and none outside of them. Ours
    /// alone.
    pub(crate) in_vlans_only: BTreeSet<usize>,
    /// By step: when it began, since the scenario began. Our side repeats the kernel's times.
    pub(crate) times: Vec<Duration>,
}
