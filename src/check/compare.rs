//! What a case did, compared with what is expected.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::align::{Step, align, align_unordered};
use super::case::{Case, CaseError, EXPECT_CAPTURE, TOPOLOGY, open};
use super::mismatch::{FrameMismatch, Mismatch, Shown};
use super::observe::{MAX_FRAMES, MAX_OCTETS, Place, Seen};
use super::run::{Findings, Run, read_json};
use super::subset;
use crate::attach::capture::{Direction, MAX_COMMENTS};
use crate::switch::AttachmentId;
use crate::time::Instant;

/// What is said of frames that come out where none may.
pub(super) const NO_OUTPUT: &str = "case.toml (no-output)";

/// A frame of either side.
#[derive(Clone, Copy)]
struct Frame<'a> {
    /// Nanoseconds since 1970.
    time: u64,
    octets: &'a [u8],
    notes: &'a [String],
    /// Its number, if it was seen.
    id: Option<u64>,
}

/// A frame of an expectation.
struct Expected {
    way: Direction,
    /// The name of its interface.
    at: String,
    time: u64,
    octets: Vec<u8>,
    notes: Vec<String>,
}

impl Expected {
    fn frame(&self) -> Frame<'_> {
        Frame {
            time: self.time,
            octets: &self.octets,
            notes: &self.notes,
            id: None,
        }
    }
}

/// Compares what a case did with what is expected.
pub(super) fn compare(case: &Case, run: &Run) -> Result<Findings, CaseError> {
    let mut findings = Findings {
        reproduce: replay(case, run, "--drops --out actual.pcapng"),
        ..Findings::default()
    };
    if run.status != case.options.status {
        let commands = &run.observation.commands;
        let last = commands.iter().rfind(|command| command.status != 0);
        findings.add(|| Mismatch::Status {
            expected: case.options.status,
            actual: run.status,
            last: last.map_or(String::new(), |last| {
                format!("line {}: {}\n{}", last.line, last.command, last.stderr)
            }),
        });
        // All else would only follow from that.
        return Ok(findings);
    }
    if let Some(path) = &case.expect_capture {
        compare_capture(case, run, path, &mut findings)?;
    }
    for named in &case.expect_outputs {
        let expected = read_frames(&named.path, |_| Some(Direction::Outbound))?;
        let actual = run.output(named)?;
        let actual: Vec<_> = actual
            .iter()
            .map(|seen| seen_frame(run, seen, &[]))
            .collect();
        let expected: Vec<_> = expected.iter().map(Expected::frame).collect();
        let by_file = |(_, place): &(AttachmentId, &Place)| place.file == named.attachment;
        let at = run.observation.places().find(by_file);
        let at = at.map_or(named.attachment.as_str(), |(_, place)| &place.name);
        let streams = (expected.as_slice(), actual.as_slice());
        let file = file_name(&named.path);
        compare_frames(
            case,
            run,
            &file,
            at,
            Direction::Outbound,
            streams,
            &mut findings,
        );
    }
    no_output(case, run, &mut findings)?;
    if let Some(path) = &case.expect_json {
        for difference in subset::compare(&read_json(path)?, &run.json) {
            findings.add(|| Mismatch::Value(difference));
        }
    }
    Ok(findings)
}

fn compare_capture(
    case: &Case,
    run: &Run,
    path: &Path,
    findings: &mut Findings,
) -> Result<(), CaseError> {
    let drops = case.options.drops;
    let expected = read_frames(path, |way| match way {
        Some(Direction::Inbound) => drops.then_some(Direction::Inbound),
        Some(Direction::Outbound) | None => Some(Direction::Outbound),
    })?;
    // Attachments of one name, one after the other, are one here, as in the file.
    let mut names: Vec<&str> = Vec::new();
    for (_, place) in run.observation.places() {
        if !names.contains(&place.name.as_str()) {
            names.push(&place.name);
        }
    }
    let mut by_name: BTreeMap<&str, Vec<&Expected>> = BTreeMap::new();
    for frame in &expected {
        let (_, place) = run.place(&frame.at, path)?;
        by_name.entry(&place.name).or_default().push(frame);
    }
    let clipped: Vec<Vec<String>> = run.observation.seen.iter().map(clipped).collect();
    for name in names {
        let expected = by_name.get(name).map_or(&[][..], Vec::as_slice);
        for way in [Direction::Inbound, Direction::Outbound] {
            if way == Direction::Inbound && !drops {
                continue;
            }
            let expected = expected.iter().filter(|frame| frame.way == way);
            let expected: Vec<_> = expected.map(|frame| frame.frame()).collect();
            let seen = run.observation.seen.iter().zip(&clipped);
            let actual: Vec<_> = seen
                .filter(|(seen, _)| seen.way == way && run.observation.name(seen.at) == name)
                .map(|(seen, notes)| seen_frame(run, seen, notes))
                .collect();
            let streams = (expected.as_slice(), actual.as_slice());
            compare_frames(case, run, EXPECT_CAPTURE, name, way, streams, findings);
        }
    }
    Ok(())
}

/// Returns the comments on a frame, as many as a file has.
fn clipped(seen: &Seen) -> Vec<String> {
    let mut notes = seen.notes.clone();
    if notes.len() > MAX_COMMENTS {
        let more = format!("and {} more", notes.len() - MAX_COMMENTS);
        notes.truncate(MAX_COMMENTS);
        notes.push(more);
    }
    notes
}

fn seen_frame<'a>(run: &'a Run, seen: &Seen, notes: &'a [String]) -> Frame<'a> {
    Frame {
        time: run.base.saturating_add(seen.time.as_nanos()),
        octets: run.observation.octets(seen),
        notes,
        id: Some(seen.id),
    }
}

fn compare_frames(
    case: &Case,
    run: &Run,
    file: &str,
    at: &str,
    way: Direction,
    (expected, actual): (&[Frame<'_>], &[Frame<'_>]),
    findings: &mut Findings,
) {
    let rules = case.options.rules();
    let e: Vec<_> = expected
        .iter()
        .map(|frame| rules.token(frame.time, frame.octets, frame.notes))
        .collect();
    let a: Vec<_> = actual
        .iter()
        .map(|frame| rules.token(frame.time, frame.octets, frame.notes))
        .collect();
    let steps = if rules.unordered {
        align_unordered(&e, &a, rules.tolerance)
    } else {
        align(&e, &a, rules.tolerance)
    };
    for step in steps {
        let (e, a) = match step {
            Step::Same(..) => continue,
            Step::Changed(e, a) => (Some(e), Some(a)),
            Step::Missing(e) => (Some(e), None),
            Step::Surplus(a) => (None, Some(a)),
        };
        findings.add(|| {
            let observation = &run.observation;
            // What it is, or could have been, a copy of.
            let possible = |e: usize| {
                let since = expected[e].time.checked_sub(run.base)?;
                observation.possible(Instant::from_nanos(since), expected[e].octets)
            };
            let id = match (e, a) {
                (_, Some(a)) => actual[a].id,
                (Some(e), None) => possible(e).map(|seen| seen.id),
                (None, None) => None,
            };
            let origin = match (e, a) {
                // What came in says itself what became of it.
                (_, Some(_)) if way == Direction::Inbound => None,
                (_, Some(_)) => id.map(|id| observation.origin(id)),
                (Some(e), None) => possible(e).map(|seen| observation.possible_origin(seen)),
                (None, None) => None,
            };
            Mismatch::Frame(Box::new(FrameMismatch {
                file: file.to_owned(),
                at: at.to_owned(),
                way,
                expected: e.map(|e| shown(run, e, &expected[e])),
                actual: a.map(|a| shown(run, a, &actual[a])),
                origin,
                number: id.and_then(|id| observation.number(id)),
                explained: None,
                rules: rules.clone(),
            }))
        });
    }
}

fn shown(run: &Run, number: usize, frame: &Frame<'_>) -> Shown {
    Shown {
        number: number + 1,
        time: i64::try_from(i128::from(frame.time) - i128::from(run.base)).unwrap_or(i64::MAX),
        octets: frame.octets.to_vec(),
        notes: frame.notes.to_vec(),
    }
}

fn no_output(case: &Case, run: &Run, findings: &mut Findings) -> Result<(), CaseError> {
    let path = case.folder.join(super::case::OPTIONS);
    let mut silent = Vec::new();
    let (all, names): (Vec<_>, Vec<_>) =
        case.options.no_output.iter().partition(|name| *name == "*");
    for name in names {
        silent.push(run.place(name, &path)?.0);
    }
    if !all.is_empty() && case.expect_capture.is_none() {
        let expected = |place: &Place| {
            let mut files = case.expect_outputs.iter();
            files.any(|named| [&place.file, &place.name].contains(&&named.attachment))
        };
        let places = run.observation.places();
        silent.extend(
            places
                .filter(|(_, place)| !expected(place))
                .map(|(id, _)| id),
        );
    }
    silent.sort_unstable();
    silent.dedup();
    for id in silent {
        let out = run.observation.stream(Direction::Outbound, |_| true);
        let actual: Vec<_> = out
            .filter(|seen| seen.at == id)
            .map(|seen| seen_frame(run, seen, &[]))
            .collect();
        let at = run.observation.name(id).to_owned();
        compare_frames(
            case,
            run,
            NO_OUTPUT,
            &at,
            Direction::Outbound,
            (&[], &actual),
            findings,
        );
    }
    Ok(())
}

/// Reads the frames that go a way that counts.
fn read_frames(
    path: &Path,
    counts: impl Fn(Option<Direction>) -> Option<Direction>,
) -> Result<Vec<Expected>, CaseError> {
    let mut reader = open(path)?;
    let mut frames = Vec::new();
    let mut octets = 0;
    while let Some(record) = reader.read()? {
        let Some(way) = counts(record.direction) else {
            continue;
        };
        let (time, interface) = (record.time, record.interface as usize);
        let copy = record.octets.to_vec();
        octets += copy.len();
        if frames.len() == MAX_FRAMES || octets > MAX_OCTETS {
            let error = format!("more than {MAX_FRAMES} frames or {} MiB", MAX_OCTETS >> 20);
            return Err(CaseError::file(path, io::Error::other(error)));
        }
        let notes = match way {
            Direction::Inbound => reader.comments().map(|text| text.into_owned()).collect(),
            Direction::Outbound => Vec::new(),
        };
        let name = reader.interfaces().get(interface);
        let name = name.and_then(|interface| interface.name.clone());
        frames.push(Expected {
            way,
            at: name.unwrap_or_default(),
            time,
            octets: copy,
            notes,
        });
    }
    Ok(frames)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns the replay that does what the case does, with some options more.
pub(super) fn replay(case: &Case, run: &Run, options: &str) -> String {
    let quoted = |text: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=@+:,~".contains(c);
        if text.chars().all(plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    };
    let path = |path: &PathBuf| path.display().to_string();
    let mut words = vec![
        "tapswitch replay".to_owned(),
        quoted(path(&case.folder.join(TOPOLOGY))),
    ];
    if let Some(input) = &case.input {
        words.push(format!("--in {}", quoted(path(input))));
    }
    for named in &case.inputs {
        let mut places = run.observation.places();
        let place = places.find(|(_, place)| place.file == named.attachment);
        let name = place.map_or(&named.attachment, |(_, place)| &place.name);
        words.push(format!(
            "--in {}",
            quoted(format!("{name}={}", path(&named.path)))
        ));
    }
    if case.options.no_hosts {
        words.push("--no-hosts".to_owned());
    }
    if !case.options.linger.is_zero() {
        words.push(format!("--linger {}", case.options.linger.as_secs_f64()));
    }
    words.push(options.to_owned());
    words.join(" ")
}
