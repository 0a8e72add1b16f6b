//! `tapswitch check`: runs regression cases.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::check::case;
use crate::check::junit::Junit;
use crate::check::suite::{Outcome, Results, run_all};

/// Run regression cases: frames in, and what is to come out of them
///
/// A case is a folder with a topology.sh; cases are found at and below each DIR, and run in virtual
/// time, in parallel, with the same results on every machine. Its other files:
///
///   in.pcapng                 frames that come in, by the names of interfaces
///   NAME.pcap, NAME_in.pcap   frames that come in by one attachment
///   expect.pcapng             all that is to go out, by the names of interfaces
///   NAME_out.pcap             all that is to go out of one attachment
///   expect.json               part of what "replay --json" prints; under "show", commands to run
///                             at the end, and what they are to print
///   case.toml                 description, tolerance = "10us" or "any", ignore = ["ipv4.id", "14..16"],
///                             unordered = true, linger = "2s", no-output = ["p3"] or ["*"],
///                             drops = true (compare what becomes of each frame), status = 1
///
/// In file names, NAME is an attachment with "/" and "@" replaced by "_", as "replay --out-dir --drops"
/// writes them. What differs is told frame by frame, decoded and side by side.
///
/// Exit status: 0 all passed; 1 some failed; 2 a case or the arguments were not understood, or there
/// are no cases.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct Args {
    /// Cases, and folders that have some
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,

    /// Only cases whose name has TEXT in it; may be repeated (any of them)
    #[arg(long, short, value_name = "TEXT")]
    filter: Vec<String>,

    /// Threads; by default, as many as the machine has
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Rewrite what the cases expect to what happens now, and say what changed; inputs and case.toml stay
    #[arg(long)]
    bless: bool,

    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Print the results as JSON
    #[arg(long)]
    json: bool,

    /// Only print the names of the cases
    #[arg(long)]
    list: bool,

    /// Also print the cases that passed
    #[arg(long, short)]
    verbose: bool,
}

const EXAMPLES: &str = "\
Examples:
  tapswitch check fixtures/cases
  tapswitch check tests/net --filter vlan --junit results.xml
  mkdir moves && cp lab.sh moves/topology.sh && cp seen.pcapng moves/in.pcapng
  tapswitch check --bless moves      # writes moves/expect.pcapng";

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        match self.check() {
            Ok(Outcome::Passed) => ExitCode::SUCCESS,
            Ok(Outcome::Failed) => ExitCode::FAILURE,
            Ok(Outcome::Error) => ExitCode::from(2),
            Err(error) => {
                super::complain(&error);
                ExitCode::from(2)
            }
        }
    }

    fn check(&self) -> anyhow::Result<Outcome> {
        let cases = self.cases()?;
        if self.list {
            let names = cases.iter().map(|case| format!("{}\n", case.display()));
            io::stdout().write_all(names.collect::<String>().as_bytes())?;
            return Ok(Outcome::Passed);
        }
        let jobs = match self.jobs {
            Some(jobs) => jobs,
            None => thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        };
        let bar = self.progress(cases.len());
        let results = run_all(&cases, jobs, self.bless, &|report| {
            if let Some(bar) = &bar {
                bar.set_message(report.name.clone());
                bar.inc(1);
            }
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        if let Some(path) = &self.junit {
            fs::write(path, Junit(&results).to_string())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        self.print(&results)
            .context("cannot write to standard output")?;
        Ok(results.worst())
    }

    fn cases(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut cases = Vec::new();
        for folder in &self.folders {
            let found = case::find(folder)?;
            if found.is_empty() {
                bail!(
                    "{}: no case in it; a case is a folder with a {}",
                    folder.display(),
                    case::TOPOLOGY
                );
            }
            cases.extend(found);
        }
        cases.sort();
        cases.dedup();
        if !self.filter.is_empty() {
            cases.retain(|case| {
                let name = case.display().to_string();
                self.filter.iter().any(|text| name.contains(text.as_str()))
            });
            if cases.is_empty() {
                bail!(
                    "no case has \"{}\" in its name",
                    self.filter.join("\" or \"")
                );
            }
        }
        Ok(cases)
    }

    /// A bar on standard error, if somebody looks at it.
    fn progress(&self, cases: usize) -> Option<ProgressBar> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
        let bar = ProgressBar::new(cases as u64);
        Some(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn print(&self, results: &Results) -> anyhow::Result<()> {
        let mut text = String::new();
        if self.json {
            text = serde_json::to_string_pretty(results)? + "\n";
        } else {
            if self.verbose {
                let passed = results.0.iter();
                let passed = passed.filter(|report| report.outcome() == Outcome::Passed);
                text.extend(passed.map(|report| format!("ok    {}\n", report.name)));
            }
            text.push_str(&results.to_string());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }
}
