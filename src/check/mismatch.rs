//! What is not as expected, side by side.

use std::fmt::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::decode::{Field, decode};
use super::options::Rules;
use super::subset::Difference;
use crate::attach::capture::Direction;
use crate::explain::Explanation;

/// Octets in a row of a dump: two of them side by side fit 80 columns.
const ROW: usize = 8;

/// Rows of a dump that are shown; octets beyond are counted.
const ROWS: usize = 8;

/// Characters of a value that stand in a table.
const COLUMN: usize = 25;

/// One thing that is not as expected.
#[derive(Clone, Debug)]
pub enum Mismatch {
    /// A frame is missing, surplus, or another one.
    Frame(Box<FrameMismatch>),
    /// A value of `expect.json` is another one.
    Value(Difference),
    /// The script did not end as it was to.
    Status {
        /// The exit status that was expected.
        expected: u8,
        /// The exit status that it has.
        actual: u8,
        /// The last command that failed, and what it said.
        last: String,
    },
}

/// A frame that is missing, surplus, or another one.
#[derive(Clone, Debug)]
pub struct FrameMismatch {
    /// Which file or option expects it: `expect.pcapng`, say.
    pub file: String,
    /// The attachment.
    pub at: String,
    /// Which way.
    pub way: Direction,
    /// The frame that is expected; `None`: none.
    pub expected: Option<Shown>,
    /// The frame that is there; `None`: none.
    pub actual: Option<Shown>,
    /// Where it came from, in a sentence.
    pub origin: Option<String>,
    /// Which of the frames that came in that is, from 1 on, if that is known.
    pub number: Option<u64>,
    /// The way of that frame, if nothing before tells of it.
    pub explained: Option<Box<Explained>>,
    /// What of a frame counts.
    pub rules: Rules,
}

/// The way of a frame, hop by hop.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The way.
    pub way: Explanation,
    /// The command that tells it again; a test has none.
    pub command: Option<String>,
}

/// A frame to show.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which frame of its attachment and direction, from 1 on.
    pub number: usize,
    /// Nanoseconds since t = 0; negative if the expectation is older than the inputs.
    pub time: i64,
    /// The frame.
    pub octets: Vec<u8>,
    /// What became of it.
    pub notes: Vec<String>,
}

impl Shown {
    fn seconds(&self) -> String {
        let sign = if self.time < 0 { "-" } else { "" };
        let nanos = self.time.unsigned_abs();
        format!(
            "{sign}{}.{:09}",
            nanos / 1_000_000_000,
            nanos % 1_000_000_000
        )
    }
}

impl FrameMismatch {
    /// Says in a few words what is wrong.
    #[must_use]
    pub fn headline(&self) -> String {
        let way = match self.way {
            Direction::Inbound => "in",
            Direction::Outbound => "out",
        };
        let (at, file) = (&self.at, &self.file);
        match (&self.expected, &self.actual) {
            (Some(one), Some(_)) => {
                format!("{at} {way}: frame {} is not as in {file}", one.number)
            }
            (Some(one), None) => format!("{at} {way}: frame {} of {file} is missing", one.number),
            (None, Some(one)) => format!("{at} {way}: frame {} is not in {file}", one.number),
            (None, None) => format!("{at} {way}: nothing is wrong"),
        }
    }

    /// Compares the two frames field by field: a tag more does not make all behind it different.
    #[must_use]
    pub fn differences(&self) -> Differences {
        let (Some(e), Some(a)) = (&self.expected, &self.actual) else {
            return Differences::default();
        };
        let (e, a) = (Side::new(e, &self.rules), Side::new(a, &self.rules));
        let mut all = Differences {
            rows: Vec::new(),
            expected: vec![false; e.octets.len()],
            actual: vec![false; a.octets.len()],
        };
        for (at, field) in e.fields.iter().enumerate() {
            let other = a.find(field.name, e.nth(at));
            all.compare(&e, Some(field), &a, other);
        }
        for (at, field) in a.fields.iter().enumerate() {
            if e.find(field.name, a.nth(at)).is_none() {
                all.compare(&e, None, &a, Some(field));
            }
        }
        all
    }
}

/// Where two frames differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The fields: name, expected and actual value.
    rows: Vec<(&'static str, String, String)>,
    /// Which octets of the expected frame differ.
    expected: Vec<bool>,
    /// Which octets of the actual frame differ.
    actual: Vec<bool>,
}

impl Differences {
    fn compare(
        &mut self,
        e: &Side<'_>,
        field: Option<&Field>,
        a: &Side<'_>,
        other: Option<&Field>,
    ) {
        let range = |field: Option<&Field>| field.map_or(0..0, |field| field.at.clone());
        let (in_e, in_a) = (range(field), range(other));
        let mut differs = false;
        for offset in 0..in_e.len().max(in_a.len()) {
            let at_e = Some(in_e.start + offset).filter(|at| in_e.contains(at));
            let at_a = Some(in_a.start + offset).filter(|at| in_a.contains(at));
            let same = at_e.map(|at| e.octets[at]) == at_a.map(|at| a.octets[at]);
            let ignored =
                at_e.is_none_or(|at| e.ignored[at]) && at_a.is_none_or(|at| a.ignored[at]);
            if same || ignored {
                continue;
            }
            differs = true;
            for (marks, at) in [(&mut self.expected, at_e), (&mut self.actual, at_a)] {
                if let Some(at) = at {
                    marks[at] = true;
                }
            }
        }
        if differs {
            let text = |field: Option<&Field>| field.map_or("-".to_owned(), |it| it.text.clone());
            let name = field.or(other).map_or("", |field| field.name);
            self.rows.push((name, text(field), text(other)));
        }
    }

    /// Writes the fields, and the rows of octets in which something differs.
    fn write(&self, f: &mut fmt::Formatter<'_>, e: &[u8], a: &[u8]) -> fmt::Result {
        writeln!(f, "    {:18} {:COLUMN$}  actual", "", "expected")?;
        for (name, expected, actual) in &self.rows {
            let (expected, actual) = (shortened(expected), shortened(actual));
            writeln!(f, "    {name:18} {expected:COLUMN$}  {actual}")?;
        }
        let hex = |octets: &[u8]| -> String {
            octets.iter().map(|octet| format!("{octet:02x} ")).collect()
        };
        let marks = |marks: &[bool]| -> String {
            let mark = |differs: &bool| if *differs { "^^ " } else { "   " };
            marks.iter().map(mark).collect()
        };
        let (mut skipped, mut shown) = (false, 0);
        for start in (0..e.len().max(a.len())).step_by(ROW) {
            let marked_e = row(&self.expected, start);
            let marked_a = row(&self.actual, start);
            if !(marked_e.contains(&true) || marked_a.contains(&true)) || shown == ROWS {
                skipped = true;
                continue;
            }
            shown += 1;
            if std::mem::take(&mut skipped) {
                writeln!(f, "      …")?;
            }
            let octets = (hex(row(e, start)), hex(row(a, start)));
            let line = format!("      octet {start:<6} {:24}   {}", octets.0, octets.1);
            writeln!(f, "{}", line.trim_end())?;
            let marks = (marks(marked_e), marks(marked_a));
            let line = format!("      {:12} {:24}   {}", "", marks.0, marks.1);
            writeln!(f, "{}", line.trim_end())?;
        }
        if skipped {
            writeln!(f, "      …")?;
        }
        Ok(())
    }
}

/// Returns a row of what belongs to octets.
fn row<T>(all: &[T], start: usize) -> &[T] {
    &all[start.min(all.len())..(start + ROW).min(all.len())]
}

/// One of two frames that are compared.
struct Side<'a> {
    octets: &'a [u8],
    ignored: Vec<bool>,
    fields: Vec<Field>,
}

impl<'a> Side<'a> {
    fn new(shown: &'a Shown, rules: &Rules) -> Self {
        Self {
            octets: &shown.octets,
            ignored: rules.ignored(&shown.octets),
            fields: decode(&shown.octets).fields,
        }
    }

    /// Which field of its name a field is.
    fn nth(&self, at: usize) -> usize {
        let name = self.fields[at].name;
        let before = self.fields[..at].iter();
        before.filter(|field| field.name == name).count()
    }

    fn find(&self, name: &str, nth: usize) -> Option<&Field> {
        let mut fields = self.fields.iter().filter(|field| field.name == name);
        fields.nth(nth)
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= COLUMN {
        return text.to_owned();
    }
    text.chars().take(COLUMN - 1).chain(['…']).collect()
}

/// Writes all octets of one frame.
fn whole(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for (row, octets) in octets.chunks(2 * ROW).enumerate().take(ROWS) {
        write!(f, "      octet {:<6}", row * 2 * ROW)?;
        for octet in octets {
            write!(f, " {octet:02x}")?;
        }
        writeln!(f)?;
    }
    match octets.len().saturating_sub(2 * ROW * ROWS) {
        0 => Ok(()),
        more => writeln!(f, "      … {more} more"),
    }
}

impl fmt::Display for FrameMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.headline())?;
        let one = |f: &mut fmt::Formatter<'_>, what: &str, shown: &Shown| {
            let summary = decode(&shown.octets).summary;
            writeln!(f, "    {what} at {} s: {summary}", shown.seconds())?;
            for note in &shown.notes {
                writeln!(f, "      {note}")?;
            }
            Ok(())
        };
        match (&self.expected, &self.actual) {
            (Some(e), Some(a)) => {
                one(f, "expected", e)?;
                one(f, "actual  ", a)?;
                let differences = self.differences();
                if !differences.rows.is_empty() {
                    differences.write(f, &e.octets, &a.octets)?;
                } else if e.time != a.time {
                    let late = a.time.saturating_sub(e.time);
                    let word = if late < 0 { "early" } else { "late" };
                    writeln!(
                        f,
                        "    the octets are the same, {} ns {word}",
                        late.unsigned_abs()
                    )?;
                }
            }
            (Some(shown), None) | (None, Some(shown)) => {
                let what = if self.expected.is_some() {
                    "expected"
                } else {
                    "actual"
                };
                one(f, what, shown)?;
                whole(f, &shown.octets)?;
            }
            (None, None) => {}
        }
        if let Some(origin) = &self.origin {
            writeln!(f, "    {origin}")?;
        }
        if let Some(explained) = &self.explained {
            for line in explained.way.to_string().lines() {
                writeln!(f, "    | {line}")?;
            }
            if let Some(command) = &explained.command {
                writeln!(f, "    | ({command})")?;
            }
        }
        Ok(())
    }
}

impl Mismatch {
    /// Says in a few words what is wrong.
    #[must_use]
    pub fn headline(&self) -> String {
        match self {
            Self::Frame(frame) => frame.headline(),
            Self::Value(value) => format!("expect.json: {} is not as expected", value.path),
            Self::Status {
                expected, actual, ..
            } => format!("the script ended with {actual}, expected {expected}"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame) => frame.fmt(f),
            Self::Value(value) => {
                let text = |value: &Option<Value>| {
                    value
                        .as_ref()
                        .map_or("nothing".to_owned(), Value::to_string)
                };
                writeln!(f, "  expect.json: {}", value.path)?;
                writeln!(f, "    expected {}", text(&value.expected))?;
                writeln!(f, "    actual   {}", text(&value.actual))
            }
            Self::Status { last, .. } => {
                writeln!(f, "  {}", self.headline())?;
                match last.trim_end() {
                    "" => Ok(()),
                    last => writeln!(f, "    {}", last.replace('\n', "\n    ")),
                }
            }
        }
    }
}

impl Serialize for Mismatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let kind = match self {
            Self::Frame(frame) => match (&frame.expected, &frame.actual) {
                (Some(_), Some(_)) => "changed",
                (Some(_), None) => "missing",
                (None, _) => "surplus",
            },
            Self::Value(_) => "value",
            Self::Status { .. } => "status",
        };
        map.serialize_entry("kind", kind)?;
        match self {
            Self::Frame(frame) => {
                map.serialize_entry("file", &frame.file)?;
                map.serialize_entry("at", &frame.at)?;
                let inbound = frame.way == Direction::Inbound;
                map.serialize_entry("direction", if inbound { "in" } else { "out" })?;
                map.serialize_entry("expected", &frame.expected)?;
                map.serialize_entry("actual", &frame.actual)?;
                let differences = frame.differences();
                let octets = |marks: &[bool]| -> Vec<usize> {
                    let marked = marks.iter().enumerate().filter(|(_, differs)| **differs);
                    marked.map(|(at, _)| at).collect()
                };
                map.serialize_entry("expected_differs_at", &octets(&differences.expected))?;
                map.serialize_entry("actual_differs_at", &octets(&differences.actual))?;
                map.serialize_entry("origin", &frame.origin)?;
                if let Some(explained) = &frame.explained {
                    map.serialize_entry("explained", &explained.way)?;
                    map.serialize_entry("explain", &explained.command)?;
                }
            }
            Self::Value(value) => {
                map.serialize_entry("path", &value.path)?;
                map.serialize_entry("expected", &value.expected)?;
                map.serialize_entry("actual", &value.actual)?;
            }
            Self::Status {
                expected,
                actual,
                last,
            } => {
                map.serialize_entry("expected", expected)?;
                map.serialize_entry("actual", actual)?;
                map.serialize_entry("last", last)?;
            }
        }
        map.serialize_entry("text", &self.to_string())?;
        map.end()
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex = self.octets.iter().fold(String::new(), |mut text, octet| {
            // Writing to a String does not fail.
            let _ = write!(text, "{octet:02x}");
            text
        });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("number", &self.number)?;
        map.serialize_entry("time_ns", &self.time)?;
        map.serialize_entry("summary", &decode(&self.octets).summary)?;
        map.serialize_entry("octets", &hex)?;
        map.serialize_entry("notes", &self.notes)?;
        map.end()
    }
}
