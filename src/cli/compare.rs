//! `tapswitch compare`: device kinds side by side.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::attach::capture::CaptureReader;
use crate::compare::html::Page;
use crate::compare::live;
use crate::compare::scale::{self, Scale, Size};
use crate::compare::traffic::Captured;
use crate::compare::{Comparison, DeviceKind, HOSTS_MAX, Spec, compare};

/// Compare a bridge, macvlan, ipvlan: who reaches whom, copies, tables, cost
///
/// Puts the same hosts on a machine by each device kind in turn, and sends the same frames through: who
/// reaches whom (as ping would), copies delivered per frame, floods, FDB writes, tables, frames dropped by
/// reason, nanoseconds per frame; then says in a sentence each what differs. The machine's NIC is plugged
/// in to a switch, behind which there is a station outside. All of it is done by the core that forwards live,
/// in virtual time and without privilege; only the nanoseconds depend on this machine.
///
/// Device kinds: hub, bridge, macvlan (macvlan:bridge, :private, :vepa, :passthru, :source), ipvlan (ipvlan:l2,
/// :l3, :l3s, then :bridge, :private or :vepa); with +hairpin, the switch sends back what came by the same
/// port. "told" in the table: with neighbour entries only, because nobody answers ARP.
///
/// Exit status: 0 fine; 1 the output could not be written; 2 a capture or the arguments were not understood.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct Args {
    /// The device kinds to compare [default: bridge macvlan ipvlan]
    #[arg(value_name = "KIND")]
    kinds: Vec<DeviceKind>,

    /// How many hosts are on the machine [default: 3; with --in, one less than there are sources, but at
    /// least 2 and at most 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=i64::from(HOSTS_MAX)))]
    hosts: Option<u8>,

    /// Send the frames of a capture instead: its sources are dealt to the hosts and the station outside in
    /// turn, and get their stations' Ethernet addresses; may be repeated
    #[arg(long = "in", value_name = "FILE")]
    inputs: Vec<PathBuf>,

    /// Also (without KIND: only) count what broadcast costs in one layer 2 for so many hosts and containers on
    /// each, beside a subnet for each host: copies of an ARP request, of a container's start, after its stop,
    /// FDB entries, and how long the spanning tree takes
    #[arg(
        long, value_name = "HOSTSxCONTAINERS", num_args = 0..=1, require_equals = true, value_delimiter = ',',
        default_missing_value = "10x10,20x20,50x50,100x100"
    )]
    scale: Option<Vec<Size>>,

    /// Also measure TCP, 60-octet frames/s and round trips for real, with the same script on the kernel's own
    /// devices and on a live tapswitch, in namespaces that are thrown away; needs root, ping and iperf3, and
    /// takes some 15 s a kind
    #[arg(long)]
    live: bool,

    /// Do not measure what a frame costs: the output is the same every time
    #[arg(long)]
    no_timing: bool,

    /// Write a page with drawings and charts, which needs nothing but itself; "-" is standard output (instead of the text)
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tapswitch compare
  tapswitch compare macvlan macvlan:vepa macvlan:vepa+hairpin --hosts 10
  tapswitch compare bridge ipvlan:l3 --in office.pcapng --json
  sudo tapswitch compare bridge macvlan --live
  tapswitch compare bridge macvlan ipvlan --scale --html page.html";

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        let report = match self.compare() {
            Ok(report) => report,
            Err(error) => {
                super::complain(&error);
                return ExitCode::from(2);
            }
        };
        match self.print(&report) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                super::complain(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn compare(&self) -> anyhow::Result<Comparison> {
        let captured = self.captured()?;
        let sources = captured
            .as_ref()
            .map(|it| it.sources().saturating_sub(1).clamp(2, 16));
        let hosts = sources.and_then(|it| u8::try_from(it).ok()).unwrap_or(3);
        let kinds = match self.kinds.as_slice() {
            [] if self.scale.is_some() => Vec::new(),
            [] => ["bridge", "macvlan", "ipvlan"]
                .iter()
                .map(|it| it.parse())
                .collect::<Result<_, _>>()?,
            kinds => kinds.to_vec(),
        };
        let spec = Spec {
            kinds,
            hosts: self.hosts.unwrap_or(hosts),
            captured,
            timing: !self.no_timing,
            live: self.live(),
        };
        let mut report = compare(&spec)?;
        if let Some(sizes) = &self.scale {
            let rows = sizes.iter().map(|size| {
                scale::row(*size, &mut |what| Self::tell(*size, what)).map_err(Into::into)
            });
            let rows: anyhow::Result<_> = rows.collect();
            report.scale = Some(Scale { rows: rows? });
        }
        Ok(report)
    }

    /// Whether to measure live; says why not, where it was asked for.
    fn live(&self) -> bool {
        let possible = self.live.then(|| {
            live::possible().and_then(|()| live::prepare().map_err(|error| error.to_string()))
        });
        if let Some(Err(why)) = &possible {
            super::warn(&format!("--live: {why}; the rest is compared without"));
        }
        matches!(possible, Some(Ok(())))
    }

    /// Says what takes so long, if somebody is there to see it.
    fn tell(size: Size, what: &str) {
        if io::stderr().is_terminal() {
            eprintln!("tapswitch: {} × {}: {what}", size.hosts, size.containers);
        }
    }

    fn captured(&self) -> anyhow::Result<Option<Captured>> {
        if self.inputs.is_empty() {
            return Ok(None);
        }
        let mut captured = Captured::default();
        for input in &self.inputs {
            let file = input.display().to_string();
            let opened = File::open(input).with_context(|| format!("cannot read {file}"))?;
            captured.read(CaptureReader::new(&file, Box::new(opened))?)?;
        }
        if captured.is_empty() {
            bail!("no frames: there is nothing to compare");
        }
        Ok(Some(captured))
    }

    fn print(&self, report: &Comparison) -> anyhow::Result<()> {
        let page = self
            .html
            .as_ref()
            .map(|file| (file, Page(report).to_string()));
        let text = match (self.json, page) {
            (_, Some((file, page))) if file.as_os_str() == "-" => page,
            (json, page) => {
                if let Some((file, page)) = page {
                    fs::write(file, page)
                        .with_context(|| format!("cannot write {}", file.display()))?;
                }
                match json {
                    true => serde_json::to_string_pretty(report)? + "\n",
                    false => report.to_string(),
                }
            }
        };
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }
}
