//! What a replay comes to: counts that add up, and what the bridges know at the end.
//!
//! The same values as text and as JSON; keys are stable. Times are in nanoseconds, as the keys say.

use std::fmt;

use serde::Serialize;

use super::{Engine, InputReport};
use crate::control::Reply;
use crate::control::summary::Traffic;
use crate::explain::Explanation;
use crate::iproute::script::Item;
use crate::time::Instant;

/// Everything about one replay.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The topology script, as it was named.
    pub topology: String,
    /// The time of t = 0, in nanoseconds since 1970: of the earliest first frame; 0 without frames.
    pub start_ns: u64,
    /// Virtual time at the end, in nanoseconds since t = 0.
    pub duration_ns: u64,
    /// The captures, as given.
    pub inputs: Vec<InputSummary>,
    /// What passed, and what the bridges know at the end.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Commands that printed something or failed, in order (JSON only; else they print at once).
    pub commands: Vec<CommandSummary>,
    /// What the reader should know before trusting the counts.
    pub warnings: Vec<String>,
    /// Frames explained, if that was asked for (JSON only; else they print at once).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explained: Vec<Explanation>,
}

/// One capture.
#[derive(Clone, Debug, Serialize)]
pub struct InputSummary {
    /// The file, as it was named.
    pub file: String,
    /// Frames fed.
    pub frames: u64,
    /// Of these, those of which the capture has only the start.
    pub snapped: u64,
    /// Of these, those older than one before them, taken at that one's time.
    pub late: u64,
    /// Frames not fed because the capture marks them as outbound.
    pub outbound: u64,
    /// Why it was not read to the end.
    pub error: Option<String>,
}

/// One command of the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandSummary {
    /// When it was executed, in nanoseconds since t = 0.
    pub time_ns: u64,
    /// Its line in the script.
    pub line: u32,
    /// The command as written.
    pub command: String,
    /// Its exit status.
    pub status: u8,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl CommandSummary {
    /// Makes the summary of a command that printed something or failed.
    #[must_use]
    pub fn of(now: Instant, item: &Item, reply: &Reply) -> Option<Self> {
        let silent = reply.status == 0 && reply.stdout.is_empty() && reply.stderr.is_empty();
        (!silent).then(|| Self {
            time_ns: now.as_nanos(),
            line: item.at.line,
            command: item.text.clone(),
            status: reply.status,
            stdout: reply.stdout.clone(),
            stderr: reply.stderr.clone(),
        })
    }
}

impl Summary {
    /// Sums up.
    #[must_use]
    pub fn new(
        topology: &str,
        start_ns: u64,
        engine: &Engine,
        inputs: &[InputReport],
        commands: Vec<CommandSummary>,
    ) -> Self {
        Self {
            topology: topology.to_owned(),
            start_ns,
            duration_ns: engine.now().as_nanos(),
            inputs: inputs.iter().map(InputSummary::new).collect(),
            traffic: Traffic::new(
                engine.network(),
                engine.plan(),
                engine.counters(),
                engine.now(),
                engine.originated(),
            ),
            warnings: inputs.iter().flat_map(warnings).collect(),
            commands,
            explained: Vec::new(),
        }
    }
}

impl InputSummary {
    fn new(report: &InputReport) -> Self {
        Self {
            file: report.file.clone(),
            frames: report.frames,
            snapped: report.snapped,
            late: report.late,
            outbound: report.outbound,
            error: report.error.as_ref().map(ToString::to_string),
        }
    }
}

fn warnings(report: &InputReport) -> Vec<String> {
    let file = &report.file;
    let mut warnings = Vec::new();
    if report.snapped > 0 {
        warnings.push(format!(
            "{file}: {} of {} frames were cut by the capture's snap length and were replayed as they are",
            report.snapped, report.frames
        ));
    }
    if report.late > 0 {
        warnings.push(format!(
            "{file}: {} of {} frames are older than one before them and were replayed at its time",
            report.late, report.frames
        ));
    }
    if report.outbound > 0 {
        warnings.push(format!(
            "{file}: {} frames are marked as outbound and were not fed",
            report.outbound
        ));
    }
    warnings
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Instant::from_nanos(self.duration_ns);
        write!(f, "{}", self.traffic)?;
        writeln!(f, "virtual time: {time} s")
    }
}
