//! One case: run it, have it compared, and if asked for rewrite what is expected.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde_json::Value;

use super::case::{Case, CaseError, EXPECT_CAPTURE, EXPECT_JSON, Named, TOPOLOGY};
use super::compare::{NO_OUTPUT, compare};
use super::mismatch::Mismatch;
use super::observe::{Observation, Place, Seen};
use super::subset;
use super::way::explain;
use crate::attach::capture::{Direction, PcapSink};
use crate::iproute::script::Script;
use crate::netdev::{AttachmentError, Network};
use crate::replay::{Engine, FileNames, InputReport, Outputs, Recorder, Sink, Summary, feed};
use crate::switch::AttachmentId;

/// Mismatches of a case that are kept; more are counted.
pub const MAX_MISMATCHES: usize = 1_000;

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
    pub(super) fn add(&mut self, mismatch: impl FnOnce() -> Mismatch) {
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
    let run = Run::new(&case)?;
    let mut findings = compare(&case, &run)?;
    explain(&case, &run, &mut findings)?;
    Ok(findings)
}

/// Runs a case and rewrites the expectations that do not hold; where there is none, it makes
/// `expect.pcapng`. Inputs and options stay as they are. Returns what is still not as expected.
///
/// # Errors
/// [`CaseError`]: something of the case is not understood, or a file cannot be written.
pub fn bless(folder: &Path) -> Result<Findings, CaseError> {
    let case = Case::load(folder)?;
    let run = Run::new(&case)?;
    let before = compare(&case, &run)?;
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
    let (engine, ..) = drive(case, &mut recorder, false, |recorder, base, network| {
        recorder.open(&outputs, base)?;
        recorder.describe_all(network)
    })?;
    let finished = recorder.finish(engine.now(), engine.network(), engine.counters());
    finished
        .map(drop)
        .map_err(|error| CaseError::file(path, error))
}

/// Runs a case, watched or not; `begin` is called when the set-up is done, with the time of t = 0. Returns the
/// engine as it is at the end, that time, and what became of the inputs.
pub(super) fn drive<S: Sink>(
    case: &Case,
    sink: &mut S,
    watch: bool,
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
    engine.watch(watch);
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
pub(super) struct Run {
    pub(super) observation: Observation,
    /// The time of t = 0, in nanoseconds since 1970.
    pub(super) base: u64,
    pub(super) status: u8,
    /// What `expect.json` is compared with.
    pub(super) json: Value,
}

impl Run {
    fn new(case: &Case) -> Result<Self, CaseError> {
        let mut observation = Observation::default();
        let (mut engine, base, reports) =
            drive(case, &mut observation, false, |observation, _, network| {
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
    pub(super) fn output(&self, named: &Named) -> Result<Vec<&Seen>, CaseError> {
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
    pub(super) fn place(
        &self,
        name: &str,
        path: &Path,
    ) -> Result<(AttachmentId, &Place), CaseError> {
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
}

pub(super) fn read_json(path: &Path) -> Result<Value, CaseError> {
    let text = fs::read(path).map_err(|error| CaseError::file(path, error))?;
    serde_json::from_slice(&text).map_err(|error| CaseError::Json {
        path: path.to_owned(),
        error,
    })
}
