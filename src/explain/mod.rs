//! Why a frame went where it went, in words: hop by hop, and what to change where it went nowhere.
//!
//! ```text
//! forward_watched ──Trace──▶ Explanation ──▶ text for people, JSON for tools
//!  (switch::trace)              ▲
//!                               └── names of the network, rulings, advice
//! ```
//!
//! Nothing here decides: a [`Trace`] is what the way itself told. [`Explanation`] puts it into words, `ruling.rs`
//! has who rules each [`DropReason`](crate::switch::DropReason) and what helps, [`short`] reads frames that are
//! written as people write them, and [`mod@decode`] reads frames to say what is in them.

pub mod decode;
mod ruling;
mod scene;
pub mod short;
#[cfg(test)]
mod tests;
mod which;
mod words;

use std::fmt;

use serde::Serialize;

use self::decode::decode;
pub use self::ruling::rule;
use self::scene::Scene;
pub use self::which::{Which, WhichError};
use crate::netdev::Network;
use crate::switch::trace::{Hop, Kept, Note, Trace};
use crate::switch::{AttachmentId, NetdevId, Verdict};

/// Spaces by which a branch is deeper at most, so that long ways stay readable.
const DEEPEST: usize = 24;

/// What became of a frame, in words. Keys of the JSON are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Which frame of those that came in, from 1 on.
    pub number: u64,
    /// When it came in, in nanoseconds since t = 0.
    pub time_ns: u64,
    /// The attachment that it came in by.
    pub at: String,
    /// The frame in a line.
    pub summary: String,
    /// The frame, as hexadecimal digits.
    pub octets: String,
    /// The hops, each with the index of the one that it comes from.
    pub hops: Vec<HopWords>,
    /// What became of it.
    pub verdict: VerdictWords,
    /// Hops and notes that are left out, because there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One hop in words.
#[derive(Clone, Debug, Serialize)]
pub struct HopWords {
    /// The hop that it comes from, as an index; none for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// The netdev.
    pub netdev: String,
    /// What it does: `enters`, `receives`, `relays`, `transmits`.
    pub does: &'static str,
    /// The same in words.
    pub text: String,
    /// The tag that the copy has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What was found out and done.
    pub notes: Vec<NoteWords>,
}

/// One note in words.
#[derive(Clone, Debug, Serialize)]
pub struct NoteWords {
    /// What kind of note: `lookup`, `learned`, `left`, `dropped`, …
    pub what: &'static str,
    /// In words.
    pub text: String,
    /// The clause or kernel function that rules it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub rule: &'static str,
    /// The stable name of the reason, where a copy goes no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What to change, there and where a port is spared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// The outcome in words.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictWords {
    /// `forwarded`, `trapped` or `dropped`.
    pub outcome: &'static str,
    /// How many copies left.
    pub copies: u64,
    /// Of what was dropped, the stable name of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// And in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<&'static str>,
    /// Who rules it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// What to change to make it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Explanation {
    /// Puts what a trace says of a frame into words, with the names that netdevs have now.
    ///
    /// `number` is which frame it is, `ingress` where it came in.
    #[must_use]
    pub fn new(
        network: &Network,
        trace: &Trace,
        number: u64,
        ingress: AttachmentId,
        octets: &[u8],
    ) -> Self {
        let mut by_hop = vec![Vec::new(); trace.hops().len()];
        for (at, note) in trace.notes() {
            by_hop[*at as usize].push(*note);
        }
        let scene = |hop: u32, at: NetdevId| Scene {
            network,
            trace,
            notes: &by_hop,
            octets,
            hop,
            at,
        };
        let mut hops: Vec<_> = (0u32..)
            .zip(trace.hops())
            .map(|(at, hop)| {
                let (does, text) = words::does(&scene(at, hop.netdev), hop.way);
                HopWords {
                    from: hop.from,
                    netdev: scene(at, hop.netdev).name(hop.netdev),
                    does,
                    text,
                    tag: hop.tag.map(words::tag_words),
                    notes: Vec::new(),
                }
            })
            .collect();
        let mut why = None;
        for (at, note) in trace.notes() {
            let Some(hop) = hop_of(trace, *at) else {
                continue;
            };
            let (reason, netdev) = match note {
                Note::Refused(reason) => (Some(*reason), hop.netdev),
                Note::Lost { netdev, reason } => (Some(*reason), *netdev),
                _ => (None, hop.netdev),
            };
            let scene = scene(*at, netdev);
            let advice = match (reason, note) {
                (Some(reason), _) => Some(ruling::advice(reason, &scene)),
                (None, Note::Kept { port, why }) if *why != Kept::Ingress => {
                    Some(ruling::for_a_port(&scene, *port, *why))
                }
                _ => None,
            };
            if let Some(reason) = reason {
                why.get_or_insert((reason, advice.clone()));
            }
            let said = words::words(&scene, note);
            hops[*at as usize].notes.push(NoteWords {
                what: said.what,
                text: said.text,
                rule: said.rule,
                reason: reason.map(|reason| reason.name()),
                advice,
            });
        }
        let outcome = trace.verdict();
        let why = match outcome {
            Some(Verdict::Dropped(reason)) => {
                let advice = why.and_then(|(first, advice)| advice.filter(|_| first == reason));
                Some((reason, advice))
            }
            _ => None,
        };
        Self {
            number,
            time_ns: trace.now.as_nanos(),
            at: network.attachments()[ingress.index()].name.clone(),
            summary: decode(octets).summary,
            octets: short::digits(octets),
            hops,
            verdict: VerdictWords {
                outcome: match outcome {
                    Some(Verdict::Forwarded) => "forwarded",
                    Some(Verdict::Trapped) => "trapped",
                    Some(Verdict::Dropped(_)) | None => "dropped",
                },
                copies: trace.copies(),
                reason: why.as_ref().map(|(reason, _)| reason.name()),
                sentence: why.as_ref().map(|(reason, _)| reason.sentence()),
                rule: why.as_ref().map(|(reason, _)| rule(*reason)),
                advice: why.and_then(|(_, advice)| advice),
            },
            left_out: trace.left_out(),
        }
    }

    /// Writes the hops, each behind the one that it comes from; branches are indented, a way that does not
    /// branch is not.
    fn write_hops(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut branches = vec![Vec::new(); self.hops.len()];
        // The next one last.
        let mut left = Vec::new();
        for (at, hop) in self.hops.iter().enumerate().rev() {
            match hop.from.and_then(|from| branches.get_mut(from as usize)) {
                Some(from) => from.push(at),
                None => left.push((at, 0)),
            }
        }
        while let Some((at, depth)) = left.pop() {
            let hop = &self.hops[at];
            let pad = " ".repeat(DEEPEST.min(depth));
            let tag = hop.tag.as_ref();
            let tag = tag.map_or(String::new(), |tag| format!(", with {tag}"));
            writeln!(f, "{pad}{} {}{tag}", hop.netdev, hop.text)?;
            for note in &hop.notes {
                // What ends the frame is told with the verdict.
                let verdict = note.reason.is_some() && note.reason == self.verdict.reason;
                note.write(f, &pad, verdict)?;
            }
            let deeper = if branches[at].len() > 1 { 2 } else { 0 };
            left.extend(branches[at].iter().map(|branch| (*branch, depth + deeper)));
        }
        Ok(())
    }
}

impl NoteWords {
    fn write(&self, f: &mut fmt::Formatter<'_>, pad: &str, brief: bool) -> fmt::Result {
        if let Some(reason) = self.reason.filter(|_| brief) {
            return writeln!(f, "{pad}  =| dropped: {reason}");
        }
        let mark = match self.what {
            "left" | "trapped" => "->",
            "dropped" => "=|",
            _ => " -",
        };
        write!(f, "{pad}  {mark} {}", self.text)?;
        if !self.rule.is_empty() {
            write!(f, "  [{}]", self.rule)?;
        }
        writeln!(f)?;
        match &self.advice {
            Some(advice) => writeln!(f, "{pad}       to let it pass: {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = crate::time::Instant::from_nanos(self.time_ns);
        let Self {
            number,
            at,
            summary,
            ..
        } = self;
        writeln!(f, "frame {number} at {time} s, into {at}: {summary}")?;
        self.write_hops(f)?;
        if self.left_out > 0 {
            writeln!(f, "… and {} more hops and notes", self.left_out)?;
        }
        let verdict = &self.verdict;
        write!(f, "verdict: {}", verdict.outcome)?;
        match (verdict.reason, verdict.copies) {
            (Some(reason), _) => writeln!(
                f,
                ": {reason}: {}\n  ruled by: {}",
                verdict.sentence.unwrap_or_default(),
                verdict.rule.unwrap_or_default()
            )?,
            (None, 1) => writeln!(f, ", 1 copy")?,
            (None, copies) => writeln!(f, ", {copies} copies")?,
        }
        match &verdict.advice {
            Some(advice) => writeln!(f, "  to let it pass: {advice}"),
            None => Ok(()),
        }
    }
}

/// Returns a hop of a trace.
fn hop_of(trace: &Trace, at: u32) -> Option<&Hop> {
    trace.hops().get(at as usize)
}
