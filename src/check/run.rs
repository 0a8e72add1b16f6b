//! One case: run it, compare, and if asked for rewrite what is expected.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::align::{Step, align, align_unordered};
use super::case::{Case, CaseError, EXPECT_CAPTURE, EXPECT_JSON, Named, TOPOLOGY, open};
use super::mismatch::{FrameMismatch, Mismatch, Shown};
use super::observe::{MAX_FRAMES, MAX_OCTETS, Observation, Place, Seen};
use super::subset;
use crate::attach::capture::{Direction, MAX_COMMENTS, PcapSink};
use crate::iproute::script::Script;
use crate::netdev::{AttachmentError, Network};
use crate::replay::{Engine, FileNames, InputReport, Outputs, Recorder, Sink, Summary, feed};
use crate::switch::AttachmentId;

/// Mismatches of a case that are kept; more are counted.
pub const MAX_MISMATCHES: usize = 1_000;

/// What is said of frames that come out where none may.
const NO_OUTPUT: &str = "case.toml (no-output)";

/// What came of a case.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is not as expected, at most [`MAX_MISMATCHES`].
    pub mismatches: Vec<Mismatch>,
    /// How many more there are.
    pub more: usize,
    /// The files that were written, and what changed in each.
    pub blessed: Vec<String>,
    /// A command that does the same, to look at it in Wireshark.
    pub reproduce: String,
}

impl Findings {
    fn add(&mut self, mismatch: impl FnOnce() -> Mismatch) {
        if self.mismatches.len() < MAX_MISMATCHES {
            self.mismatches.push(mismatch());
        } else {
            self.more += 1;
        }
    }
}

/// Runs a case and compares.
///
/// # Errors
/// [`CaseError`]: something of the case is not understood.
pub fn check(folder: &Path) -> Result<Findings, CaseError> {
    let case = Case::load(folder)?;
    if !case.expects() {
        return Err(CaseError::Vacuous(folder.to_owned()));
    }
    compare(&case, &mut Run::new(&case)?)
}

/// Runs a case and rewrites the expectations that do not hold; where there is none, it makes
/// `expect.pcapng`. Inputs and options stay as they are. Returns what is still not as expected.
///
/// # Errors
/// [`CaseError`]: something of the case is not understood, or a file cannot be written.
pub fn bless(folder: &Path) -> Result<Findings, CaseError> {
    let case = Case::load(folder)?;
    let mut run = Run::new(&case)?;
    let before = compare(&case, &mut run)?;
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for mismatch in &before.mismatches {
        match mismatch {
            Mismatch::Frame(frame) if frame.file != NO_OUTPUT => {
                let change = changes.entry(frame.file.clone()).or_default();
                match (&frame.expected, &frame.actual) {
                    (Some(_), Some(_)) => change.changed += 1,
                    (Some(_), None) => change.fewer += 1,
                    (None, _) => change.more += 1,
                }
            }
            Mismatch::Value(_) => {
                changes.entry(EXPECT_JSON.to_owned()).or_default().values += 1;
            }
            Mismatch::Frame(_) | Mismatch::Status { .. } => {}
        }
    }
    if !case.expects() {
        changes.insert(EXPECT_CAPTURE.to_owned(), Change::default());
    }
    for file in changes.keys() {
        let path = folder.join(file);
        replace(&path, |new| match file.as_str() {
            EXPECT_CAPTURE => write_capture(&case, new),
            EXPECT_JSON => {
                let renewed = subset::renew(&read_json(&path)?, Some(&run.json));
                let text = serde_json::to_string_pretty(&renewed).map_err(|error| {
                    let path = path.clone();
                    CaseError::Json { path, error }
                })?;
                fs::write(new, text + "\n").map_err(|error| CaseError::file(new, error))
            }
            _ => {
                let named = case.expect_outputs.iter().find(|named| named.path == path);
                let seen = named.map_or(Ok(Vec::new()), |named| run.output(named))?;
                let write = || -> io::Result<()> {
                    let mut sink = PcapSink::new(io::BufWriter::new(File::create(new)?))?;
                    for seen in &seen {
                        let time = run.base.saturating_add(seen.time.as_nanos());
                        sink.write(time, run.observation.octets(seen))?;
                    }
                    io::Write::flush(&mut sink.into_inner())
                };
                write().map_err(|error| CaseError::file(new, error))
            }
        })?;
    }
    let mut after = check(folder)?;
    let more = before.more;
    after.blessed = changes
        .iter()
        .map(|(file, change)| format!("{file}: {}", change.words(more)))
        .collect();
    Ok(after)
}

/// What `--bless` changed in a file.
#[derive(Default)]
struct Change {
    changed: usize,
    fewer: usize,
    more: usize,
    values: usize,
}

impl Change {
    /// `beyond`: mismatches that were not kept.
    fn words(&self, beyond: usize) -> String {
        let counts = [
            (self.changed, "frames changed"),
            (self.fewer, "frames gone"),
            (self.more, "frames new"),
            (self.values, "values changed"),
        ];
        let mut words: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| match count {
                1 => format!("1 {}", what.replacen("s ", " ", 1)),
                _ => format!("{count} {what}"),
            })
            .collect();
        if beyond > 0 {
            words.push(format!("and {beyond} more differences"));
        }
        match words.as_slice() {
            [] => "new".to_owned(),
            words => words.join(", "),
        }
    }
}

/// Lets `write` make a file beside `path`, and puts it in its place: whatever `path` links to stays as it is.
fn replace(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), CaseError>,
) -> Result<(), CaseError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    write(&new)
        .and_then(|()| fs::rename(&new, path).map_err(|error| CaseError::file(path, error)))
        .inspect_err(|_| {
            // There may be nothing to remove.
            let _ = fs::remove_file(&new);
        })
}

/// Runs a case into a pcapng, as `replay` writes it.
fn write_capture(case: &Case, path: &Path) -> Result<(), CaseError> {
    let mut recorder = Recorder::keeping();
    let outputs = Outputs {
        pcapng: Some(path.to_owned()),
        drops: case.options.drops,
        ..Outputs::default()
    };
    let (engine, ..) = drive(case, &mut recorder, |recorder, base, network| {
        recorder.open(&outputs, base)?;
        recorder.describe_all(network)
    })?;
    let finished = recorder.finish(engine.now(), engine.network(), engine.counters());
    finished
        .map(drop)
        .map_err(|error| CaseError::file(path, error))
}

/// Runs a case; `begin` is called when the set-up is done, with the time of t = 0. Returns the engine as it
/// is at the end, that time, and what became of the inputs.
fn drive<S: Sink>(
    case: &Case,
    sink: &mut S,
    begin: impl FnOnce(&mut S, u64, &Network) -> io::Result<()>,
) -> Result<(Engine, u64, Vec<InputReport>), CaseError> {
    let mut inputs = case.open_inputs()?;
    inputs.start();
    let base = inputs.base().unwrap_or(0);
    let names = RefCell::new(FileNames::default());
    // A file is called like an attachment, or as `replay --out-dir` calls its files.
    let lookup = |network: &Network, name: &str| {
        let mut names = names.borrow_mut();
        for (id, info) in (0u32..).map(AttachmentId).zip(network.attachments()) {
            if network.netdev(info.netdev).alive {
                names.of(id, &info.name);
            }
        }
        let by_name = network.find_attachment(name);
        by_name.or_else(|error| names.find(name).ok_or(error))
    };
    let mut engine = Engine::new(&case.script);
    if !case.options.no_hosts {
        engine.simulate_hosts(inputs.names());
    }
    engine.run_setup(sink).map_err(CaseError::TooMuch)?;
    if engine.stopped().is_none() {
        if engine.script_ended() {
            inputs.check(&|name| lookup(engine.network(), name))?;
        }
        begin(sink, base, engine.network()).map_err(CaseError::TooMuch)?;
        let linger = case.options.linger;
        feed(&mut engine, &mut inputs, linger, &lookup, sink).map_err(CaseError::TooMuch)?;
    }
    let mut reports = inputs.into_reports();
    if let Some(error) = reports.iter_mut().find_map(|report| report.error.take()) {
        return Err(error.into());
    }
    Ok((engine, base, reports))
}

/// What a case did.
struct Run {
    observation: Observation,
    /// The time of t = 0, in nanoseconds since 1970.
    base: u64,
    status: u8,
    /// What `expect.json` is compared with.
    json: Value,
}

impl Run {
    fn new(case: &Case) -> Result<Self, CaseError> {
        let mut observation = Observation::default();
        let (mut engine, base, reports) =
            drive(case, &mut observation, |observation, _, network| {
                observation.note_all(network);
                Ok(())
            })?;
        // What was made since, and was silent, is there, too.
        observation.note_all(engine.network());
        let commands = observation.commands.clone();
        let mut summary = Summary::new(TOPOLOGY, base, &engine, &reports, commands);
        let folder = format!("{}/", case.folder.display());
        for input in &mut summary.inputs {
            input.file = input.file.replace(&folder, "");
        }
        for warning in &mut summary.warnings {
            *warning = warning.replace(&folder, "");
        }
        let mut json = serde_json::to_value(summary).expect("keys are texts");
        if let Some(path) = &case.expect_json
            && let Value::Object(shows) = &read_json(path)?["show"]
        {
            for command in shows.keys() {
                let script = Script::parse(&format!("{}: show", path.display()), command)?;
                let reply = engine
                    .execute(&script, &mut ())
                    .map_err(CaseError::TooMuch)?;
                json["show"][command] = match reply.status {
                    0 => serde_json::from_str(&reply.stdout)
                        .unwrap_or_else(|_| Value::String(reply.stdout)),
                    status => format!("exit status {status}: {}", reply.stderr.trim_end()).into(),
                };
            }
        }
        Ok(Self {
            observation,
            base,
            status: engine.stopped().map_or(0, |stopped| stopped.0),
            json,
        })
    }

    /// Returns what went out where a file's name says.
    fn output(&self, named: &Named) -> Result<Vec<&Seen>, CaseError> {
        let places = || self.observation.places();
        let name = &named.attachment;
        let by_file = places().find(|(_, place)| place.file == *name);
        let id = match by_file {
            Some((id, _)) => id,
            None => self.place(name, &named.path)?.0,
        };
        let out = self.observation.stream(Direction::Outbound, |_| true);
        Ok(out.filter(|seen| seen.at == id).collect())
    }

    /// Returns the attachment that has a name, or, where that is unambiguous, has it behind its
    /// namespace's.
    fn place(&self, name: &str, path: &Path) -> Result<(AttachmentId, &Place), CaseError> {
        let places = || self.observation.places();
        if let Some(found) = places().find(|(_, place)| place.name == name) {
            return Ok(found);
        }
        let behind = |place: &Place| place.name.split_once('/').is_some_and(|(_, it)| it == name);
        let mut found = places().filter(|(_, place)| behind(place));
        match (found.next(), found.next()) {
            (Some(found), None) => Ok(found),
            _ => Err(CaseError::Attachment {
                path: path.to_owned(),
                error: AttachmentError::Unknown {
                    name: name.to_owned(),
                    known: places().map(|(_, place)| place.name.clone()).collect(),
                },
            }),
        }
    }

    fn shown(&self, number: usize, frame: &Frame<'_>) -> Shown {
        Shown {
            number: number + 1,
            time: i64::try_from(i128::from(frame.time) - i128::from(self.base)).unwrap_or(i64::MAX),
            octets: frame.octets.to_vec(),
            notes: frame.notes.to_vec(),
        }
    }
}

fn read_json(path: &Path) -> Result<Value, CaseError> {
    let text = fs::read(path).map_err(|error| CaseError::file(path, error))?;
    serde_json::from_slice(&text).map_err(|error| CaseError::Json {
        path: path.to_owned(),
        error,
    })
}

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

fn compare(case: &Case, run: &mut Run) -> Result<Findings, CaseError> {
    let mut findings = Findings {
        reproduce: reproduce(case, run),
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
            let origin = match (e, a) {
                // What came in says itself what became of it.
                (_, Some(_)) if way == Direction::Inbound => None,
                (_, Some(a)) => actual[a].id.map(|id| run.observation.origin(id)),
                (Some(e), None) => {
                    let since = expected[e].time.checked_sub(run.base);
                    let time = since.map(crate::time::Instant::from_nanos);
                    time.and_then(|time| run.observation.possible_origin(time, expected[e].octets))
                }
                (None, None) => None,
            };
            Mismatch::Frame(Box::new(FrameMismatch {
                file: file.to_owned(),
                at: at.to_owned(),
                way,
                expected: e.map(|e| run.shown(e, &expected[e])),
                actual: a.map(|a| run.shown(a, &actual[a])),
                origin,
                rules: rules.clone(),
            }))
        });
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

/// Returns the replay that does what the case does.
fn reproduce(case: &Case, run: &Run) -> String {
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
    words.push("--drops --out actual.pcapng".to_owned());
    words.join(" ")
}
