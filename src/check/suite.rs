//! Many cases at once, and how their results are told.
//!
//! Results are in the order of the cases whatever the number of threads; nothing in them but the time a
//! case took depends on the machine.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::case::CaseError;
use super::run::{self, Findings};

/// Mismatches of a case that the text shows; more are counted.
const MAX_SHOWN: usize = 10;

/// What came of a case.
#[derive(Debug)]
pub struct Report {
    /// The case: its folder, as it was found.
    pub name: String,
    /// What came of it, or why it could not be run.
    pub findings: Result<Findings, CaseError>,
    /// How long it took.
    pub time: Duration,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is as expected.
    Passed,
    /// Something is not.
    Failed,
    /// The case is not understood.
    Error,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
}

impl Report {
    /// Returns how it ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match &self.findings {
            Ok(findings) if findings.mismatches.is_empty() => Outcome::Passed,
            Ok(_) => Outcome::Failed,
            Err(_) => Outcome::Error,
        }
    }
}

/// Runs cases on some threads; with `bless`, rewrites what they expect. `done` is called after each, by
/// whichever thread ran it.
#[must_use]
pub fn run_all(
    cases: &[PathBuf],
    jobs: NonZeroUsize,
    bless: bool,
    done: &(dyn Fn(&Report) + Sync),
) -> Results {
    let next = AtomicUsize::new(0);
    let reports: Vec<Mutex<Option<Report>>> = cases.iter().map(|_| Mutex::default()).collect();
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(folder) = cases.get(at) else {
                        break;
                    };
                    let start = Instant::now();
                    let findings = if bless {
                        run::bless(folder)
                    } else {
                        run::check(folder)
                    };
                    let report = Report {
                        name: folder.display().to_string(),
                        findings,
                        time: start.elapsed(),
                    };
                    done(&report);
                    *reports[at].lock().expect("nobody panics with it") = Some(report);
                }
            });
        }
    });
    let reports = reports.into_iter();
    let taken = reports.map(|one| one.into_inner().expect("nobody panics with it"));
    Results(taken.map(|one| one.expect("every case was run")).collect())
}

/// What came of many cases.
#[derive(Debug, Default)]
pub struct Results(pub Vec<Report>);

impl Results {
    /// Returns how many ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        let reports = self.0.iter();
        reports.filter(|report| report.outcome() == outcome).count()
    }

    /// Returns the worst outcome; [`Outcome::Passed`] of none.
    #[must_use]
    pub fn worst(&self) -> Outcome {
        let has = |outcome| self.0.iter().any(|report| report.outcome() == outcome);
        if has(Outcome::Error) {
            Outcome::Error
        } else if has(Outcome::Failed) {
            Outcome::Failed
        } else {
            Outcome::Passed
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.findings, self.outcome()) {
            (Err(error), _) => writeln!(f, "ERROR {name}\n  {error}"),
            (Ok(findings), outcome) => {
                if outcome == Outcome::Passed {
                    writeln!(f, "ok    {name}")?;
                } else {
                    writeln!(f, "FAIL  {name}")?;
                }
                for written in &findings.blessed {
                    writeln!(f, "  wrote {written}")?;
                }
                for mismatch in findings.mismatches.iter().take(MAX_SHOWN) {
                    write!(f, "{mismatch}")?;
                }
                let more = findings.mismatches.len().saturating_sub(MAX_SHOWN) + findings.more;
                if more > 0 {
                    writeln!(f, "  and {more} more differences")?;
                }
                if outcome == Outcome::Failed {
                    writeln!(f, "  to reproduce: {}", findings.reproduce)?;
                }
                Ok(())
            }
        }
    }
}

/// Every case that failed, was not understood or was blessed, and the sum.
impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in &self.0 {
            let blessed = report
                .findings
                .as_ref()
                .is_ok_and(|it| !it.blessed.is_empty());
            if report.outcome() != Outcome::Passed || blessed {
                write!(f, "{report}")?;
            }
        }
        let cases = match self.0.len() {
            1 => "1 case".to_owned(),
            cases => format!("{cases} cases"),
        };
        write!(f, "{cases}: {} passed", self.count(Outcome::Passed))?;
        for (outcome, words) in [
            (Outcome::Failed, "failed"),
            (Outcome::Error, "not understood"),
        ] {
            let count = self.count(outcome);
            if count > 0 {
                write!(f, ", {count} {words}")?;
            }
        }
        writeln!(f)
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("outcome", self.outcome().name())?;
        match &self.findings {
            Ok(findings) => {
                map.serialize_entry("mismatches", &findings.mismatches)?;
                map.serialize_entry("more", &findings.more)?;
                map.serialize_entry("blessed", &findings.blessed)?;
                map.serialize_entry("reproduce", &findings.reproduce)?;
            }
            Err(error) => map.serialize_entry("error", &error.to_string())?,
        }
        map.end()
    }
}

impl Serialize for Results {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("cases", &self.0)?;
        map.serialize_entry("passed", &self.count(Outcome::Passed))?;
        map.serialize_entry("failed", &self.count(Outcome::Failed))?;
        map.serialize_entry("errors", &self.count(Outcome::Error))?;
        map.end()
    }
}
