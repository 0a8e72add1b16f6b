//! The ways of the frames that mismatches are about.

use std::collections::BTreeMap;
use std::io;

use super::case::{Case, CaseError};
use super::compare::replay;
use super::mismatch::{Explained, Mismatch};
use super::run::{Findings, Run, drive};
use crate::explain::Explanation;
use crate::netdev::Network;
use crate::replay::{Event, Sink, Watched};
use crate::time::Instant;

/// Frames of a case whose way is told.
pub const MAX_EXPLAINED: usize = 4;

/// Keeps the ways of some frames, by number.
#[derive(Default)]
struct Watcher(BTreeMap<u64, Option<Explanation>>);

impl Sink for Watcher {
    fn event(&mut self, _: Instant, _: &Network, _: Event<'_>) -> io::Result<()> {
        Ok(())
    }

    fn watched(&mut self, network: &Network, it: &Watched<'_>) -> io::Result<()> {
        if let Some(way) = self.0.get_mut(&it.number) {
            let (trace, number) = (it.trace, it.number);
            *way = Some(Explanation::new(
                network, trace, number, it.ingress, it.octets,
            ));
        }
        Ok(())
    }
}

/// Tells the ways of the frames that mismatches are about, of the first [`MAX_EXPLAINED`], each once. The case runs
/// again for that, as it ran before: what is as expected costs nothing.
pub(super) fn explain(case: &Case, run: &Run, findings: &mut Findings) -> Result<(), CaseError> {
    let mut watcher = Watcher::default();
    for mismatch in &findings.mismatches {
        if let Mismatch::Frame(frame) = mismatch
            && let Some(number) = frame.number
            && watcher.0.len() < MAX_EXPLAINED
        {
            watcher.0.insert(number, None);
        }
    }
    if watcher.0.is_empty() {
        return Ok(());
    }
    drive(case, &mut watcher, true, |_, _, _| Ok(()))?;
    for mismatch in &mut findings.mismatches {
        if let Mismatch::Frame(frame) = mismatch
            && let Some(number) = frame.number
            && let Some(way) = watcher.0.remove(&number).flatten()
        {
            let command = Some(replay(case, run, &format!("--explain={number}")));
            frame.explained = Some(Box::new(Explained { way, command }));
        }
    }
    Ok(())
}
