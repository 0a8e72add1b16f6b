//! `tapswitch replay`: captures in, virtual time, captures out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::attach::capture::CaptureReader;
use crate::explain::Which;
use crate::netdev::Network;
use crate::replay::{
    Engine, InputError, Inputs, MAX_EXPLAINED, MAX_IN_AN_INSTANT, Outputs, Recorder, Summary, feed,
};

/// Replay captures through a topology, in virtual time
///
/// Runs the topology script, feeds it the frames of captures at their own times, and prints what
/// came of it. Two runs give the same octets, on every machine.
///
/// Attachments are where frames enter and leave. A netdev with an outside wire (a TAP, a NIC that
/// the script uses without creating it) has two: NAME, its wire, and NAME@stack, this namespace's
/// stack on it. Any other netdev has only its stack, called NAME (br0: the host port of the bridge).
/// In a namespace: NS/NAME; the prefix may be left out where it is unambiguous.
///
/// A namespace with an address is a simulated host, unless captures feed it: it answers ARP, neighbour
/// discovery and pings, and "ip netns exec NS ping -c 3 ADDRESS" prints what ping prints. Round trips
/// take no virtual time. Hosts have ping, arping, iperf3, "ip route" and sysctl of ip_forward; other programs
/// are named and not run.
///
/// t = 0 is the end of the commands before the script's first "sleep" or program, and the time of the
/// earliest frame. "sleep" lets virtual time pass; commands after it take effect then, before frames of the
/// same instant.
///
/// Exit status: 0 fine; 1 a capture could not be read to its end or an output not be written; 2 the
/// script or the arguments were not understood; the script's own status if "set -e" or "exit"
/// ended it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct Args {
    /// The topology: a shell script of ip and bridge commands, or the name of one that is built in
    topology: PathBuf,

    /// Frames to feed: a pcap or pcapng for the attachment NAME, or a pcapng whose interfaces are
    /// called like attachments (only its inbound frames); may be repeated; "-" is standard input
    #[arg(long = "in", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// Write every frame that came in and every copy that went out to a pcapng; "-" is standard
    /// output (what would be printed there goes to standard error)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write NAME_in.pcap and NAME_out.pcap for every attachment ("/" and "@" in names become "_")
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,

    /// Also write the frames that were dropped, with the reason as comment
    #[arg(long)]
    drops: bool,

    /// Simulate no hosts: namespaces only have what captures feed them, and no program runs
    #[arg(long)]
    no_hosts: bool,

    /// Print the summary as JSON, with what the commands printed in it
    #[arg(long)]
    json: bool,

    /// Explain frames, hop by hop: all, or any of a list like 3,7-9,dropped,p1,02:00:00:00:00:01: numbers
    /// (from 1, in the order in which they come in), forwarded, trapped, dropped, a reason such as
    /// same_port, attachments, stations
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    explain: Option<Which>,

    /// Let time run on after the last frame and command (seconds, or with a suffix s, m, h)
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_time)]
    linger: Duration,
}

const EXAMPLES: &str = "\
Examples:
  tapswitch replay three-hosts         # its pings, simulated
  tapswitch replay lab.sh --in p1=seen.pcap --in h1/eth0=host.pcap --out out.pcapng --drops
  tapswitch replay lab.sh --in p1=seen.pcap --explain=dropped
  tapswitch replay lab.sh --in out.pcapng --linger 5m --json";

/// Where a replay ended, other than well.
pub(super) enum Failure {
    /// The script or the arguments are wrong.
    Usage(anyhow::Error),
    /// A file is.
    File(anyhow::Error),
}

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        match self.replay() {
            Ok(code) => code,
            Err(Failure::Usage(error)) => {
                super::complain(&error);
                ExitCode::from(2)
            }
            Err(Failure::File(error)) => {
                super::complain(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn replay(&self) -> Result<ExitCode, Failure> {
        let out_is_stdout = self.out.as_deref().is_some_and(is_dash);
        if out_is_stdout && self.json {
            let message = "--out - and --json cannot both have standard output";
            return Err(Failure::Usage(anyhow::anyhow!(message)));
        }
        let script = super::read_script(&self.topology).map_err(Failure::Usage)?;
        let mut inputs = self.inputs()?;
        inputs.start();
        let base = inputs.base().unwrap_or(0);

        let mut recorder = if self.json {
            Recorder::keeping()
        } else if out_is_stdout {
            Recorder::printing(Box::new(io::stderr()), Box::new(io::stderr()))
        } else {
            Recorder::printing(Box::new(io::stdout()), Box::new(io::stderr()))
        };
        let file_failure = |error: io::Error| Failure::File(error.into());

        let mut engine = Engine::new(&script);
        if !self.no_hosts {
            engine.simulate_hosts(inputs.names());
        }
        if let Some(which) = &self.explain {
            engine.watch(true);
            recorder.explain(which.clone());
        }
        engine.run_setup(&mut recorder).map_err(file_failure)?;
        let mut stopped = engine.stopped();
        if stopped.is_none() {
            // A script that goes on may still make the attachment; then it is looked up when needed.
            if engine.script_ended() {
                inputs
                    .check(&|name| engine.network().find_attachment(name))
                    .map_err(|error| Failure::Usage(error.into()))?;
            }
            recorder
                .open(&self.outputs(), base)
                .and_then(|()| recorder.describe_all(engine.network()))
                .map_err(file_failure)?;
            stopped = feed(
                &mut engine,
                &mut inputs,
                self.linger,
                &Network::find_attachment,
                &mut recorder,
            )
            .map_err(file_failure)?;
        }

        let explained = recorder.take_explained();
        let commands = recorder
            .finish(engine.now(), engine.network(), engine.counters())
            .map_err(file_failure)?;
        let reports = inputs.into_reports();
        let topology = self.topology.display().to_string();
        let mut summary = Summary::new(&topology, base, &engine, &reports, commands);
        if explained.len() == MAX_EXPLAINED {
            let warning =
                format!("--explain: the first {MAX_EXPLAINED} frames are explained, no more");
            summary.warnings.push(warning);
        }
        summary.explained = explained;
        let idle = script.outside().into_iter().filter(|name| {
            let mut attachments = summary.traffic.attachments.iter();
            !attachments.any(|one| one.name == *name && one.frames_in > 0)
        });
        summary
            .warnings
            .extend(super::taken_for_outside(idle, "and nothing came in"));
        if engine.lost_by_hosts() > 0 {
            summary.warnings.push(format!(
                "{} frames for simulated hosts were lost, because a host takes {MAX_IN_AN_INSTANT} in an instant",
                engine.lost_by_hosts()
            ));
        }
        self.print(&summary, out_is_stdout)
            .context("cannot write to standard output")
            .map_err(Failure::File)?;
        for warning in &summary.warnings {
            super::warn(warning);
        }
        let errors: Vec<_> = reports
            .iter()
            .filter_map(|one| one.error.as_ref())
            .collect();
        for error in &errors {
            eprintln!("tapswitch: {error}");
        }
        Ok(match stopped {
            Some(stopped) => ExitCode::from(stopped.0),
            None if errors.is_empty() => ExitCode::SUCCESS,
            None if errors.iter().all(|e| !matches!(e, InputError::Capture(_))) => {
                ExitCode::from(2)
            }
            None => ExitCode::FAILURE,
        })
    }

    fn inputs(&self) -> Result<Inputs, Failure> {
        open_inputs(&self.inputs, None)
    }

    fn outputs(&self) -> Outputs {
        Outputs {
            pcapng: self.out.clone(),
            directory: self.out_dir.clone(),
            drops: self.drops,
            inputs: self
                .inputs
                .iter()
                .map(|input| PathBuf::from(split_input(input).1))
                .chain([self.topology.clone()])
                .collect(),
        }
    }

    fn print(&self, summary: &Summary, to_stderr: bool) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(summary)? + "\n"
        } else {
            summary.to_string()
        };
        if to_stderr {
            io::stderr().write_all(text.as_bytes())?;
        } else {
            io::stdout().write_all(text.as_bytes())?;
            io::stdout().flush()?;
        }
        Ok(())
    }
}

/// Opens captures; those without a name feed the attachment called `whose`, if that is said.
pub(super) fn open_inputs(inputs: &[String], whose: Option<&str>) -> Result<Inputs, Failure> {
    let mut opened = Inputs::default();
    for input in inputs {
        let (name, file) = split_input(input);
        let octets: Box<dyn Read> = if file == "-" {
            Box::new(io::stdin())
        } else {
            let opened = File::open(file).with_context(|| format!("cannot read {file}"));
            Box::new(opened.map_err(Failure::File)?)
        };
        let reader =
            CaptureReader::new(file, octets).map_err(|error| Failure::File(error.into()))?;
        match name.or(whose) {
            Some(name) => opened.add_named(name, reader),
            None => opened
                .add_by_interface(reader)
                .map_err(|error| Failure::Usage(error.into()))?,
        }
    }
    Ok(opened)
}

/// Splits `NAME=FILE`; a plain `FILE` has no name.
pub(super) fn split_input(input: &str) -> (Option<&str>, &str) {
    match input.split_once('=') {
        Some((name, file)) => (Some(name), file),
        None => (None, input),
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads a time as `sleep` does: a decimal number, and `s`, `m` or `h`.
pub(super) fn parse_time(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1.0),
        Some(b'm') => (&text[..text.len() - 1], 60.0),
        Some(b'h') => (&text[..text.len() - 1], 3600.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(time) => Ok(time),
        None => bail!("\"{text}\" is not a time (expected 5, 0.5, 10s, 2m or 1h, say)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let nanos = |text| parse_time(text).unwrap().as_nanos();
        assert_eq!(nanos("0"), 0);
        assert_eq!(nanos("1.5"), 1_500_000_000);
        assert_eq!(nanos("2m"), 120_000_000_000);
        assert_eq!(nanos("1h"), 3_600_000_000_000);
        for bad in ["", "s", "-1", "nan", "inf", "1e300", "5d", "1 s"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn inputs_with_and_without_a_name() {
        assert_eq!(split_input("h1/eth0=a.pcap"), (Some("h1/eth0"), "a.pcap"));
        assert_eq!(split_input("a.pcapng"), (None, "a.pcapng"));
    }
}
