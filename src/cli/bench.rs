//! `tapswitch bench forward`: what a frame costs.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;

use super::replay::{parse_time, split_input};
use crate::attach::capture::{CaptureReader, Direction};
use crate::bench::measure::{Method, measure};
use crate::bench::report::{Report, Unshared};
use crate::bench::traffic::Traffic;
use crate::bench::{LOAD_MAX, Stream};
use crate::iproute::script::Script;
use crate::replay::{Engine, Recorder};
use crate::switch::{AttachmentId, Side};
use crate::wire::Ethernet;

/// Measure what frames cost, in memory
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Forward(Forward),
}

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        let What::Forward(forward) = &self.what;
        match forward.run() {
            Ok(code) => code,
            Err(error) => {
                super::complain(&error);
                ExitCode::from(2)
            }
        }
    }
}

/// Measure a topology's forwarding: ns/frame by stage, Mpps per worker, verdicts
///
/// Runs the topology script to its end in virtual time, then forwards frames through the plan that it
/// compiles to, over and over, in batches of 64 per attachment, and prints what they cost:
/// "receive" is copying a frame to where a device would put it, "decide" everything that tapswitch does
/// with it up to its copies' queues, "send" copying those to where a device would take them. Nothing
/// leaves the process; control takes no part (what it would see is counted and forgotten).
///
/// Without a topology: a bridge with ports p1, p2, … (4, or as many as --spread says).
///
/// Traffic that is made to order is KEY=VALUE,…: stations=N (64), size=OCTETS|imix (60), tagged=SHARE,
/// vid=N (1), unknown=SHARE, broadcast=SHARE, churn=SHARE (of frames from a station never seen),
/// frames=N (65536), seed=N. Sizes are without FCS.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
struct Forward {
    /// The topology: a shell script of ip and bridge commands, or the name of one that is built in
    topology: Option<PathBuf>,

    /// Frames of a capture, for the attachment NAME; or, with --spread, for several; or a pcapng whose
    /// interfaces are called like attachments; may be repeated
    #[arg(long = "in", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// Deal the source addresses of captures without a name to N attachments
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1023))]
    spread: Option<u16>,

    /// Frames made to order
    #[arg(long, value_name = "SPEC", conflicts_with_all = ["inputs", "spread"])]
    traffic: Option<Traffic>,

    /// The attachments that --spread and --traffic use; otherwise all wires (of TAPs and NICs), or where
    /// there are none the hosts in namespaces
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    ports: Vec<String>,

    /// Worker threads, each with a share of the attachments
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,

    /// Measure also workers that share no table, in turn with those that do, and compare
    #[arg(long)]
    unshared: bool,

    /// How long one repetition takes
    #[arg(long, value_name = "TIME", default_value = "1", value_parser = parse_time)]
    time: Duration,

    /// How often to repeat it
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,

    /// Time before anything counts
    #[arg(long, value_name = "TIME", default_value = "0.5", value_parser = parse_time)]
    warm_up: Duration,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tapswitch bench forward
  tapswitch bench forward lab.sh --in p1=seen.pcap
  tapswitch bench forward --in office.pcapng --spread 16 --workers 2
  tapswitch bench forward --traffic stations=100000 --workers 2 --unshared
  tapswitch bench forward vlan-trunk --traffic stations=10000,size=imix,tagged=1,vid=10 --json";

impl Forward {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let (name, script) = self.script()?;
        let engine = ready(&script)?;
        if let Some(stopped) = engine.stopped() {
            return Ok(ExitCode::from(stopped.0));
        }
        let (introductions, streams) = self.streams(&engine)?;
        let frames = streams.iter().map(Stream::len).sum();
        let octets = streams.iter().map(Stream::octets).sum();
        if frames == 0 {
            bail!("no frames: there is nothing to measure");
        }
        let method = Method {
            workers: usize::from(self.workers),
            warm_up: self.warm_up,
            duration: self.time,
            repeats: usize::from(self.repeats),
        };
        let plans = |count: usize| -> anyhow::Result<Vec<_>> {
            let plan = || Ok(Arc::new(ready(&script)?.plan().clone()));
            (0..count).map(|_| plan()).collect()
        };
        let run = |plans: &[_], method: &Method| {
            measure(plans, engine.now(), &introductions, &streams, method)
        };
        let shared = plans(1)?;
        let (measured, unshared) = match self.unshared {
            false => (run(&shared, &method), None),
            true => {
                let own = plans(method.workers)?;
                let once = Method {
                    repeats: 1,
                    ..method
                };
                let mut both = (run(&shared, &once), run(&own, &once));
                for _ in 1..method.repeats {
                    both.0.extend(run(&shared, &once));
                    both.1.extend(run(&own, &once));
                }
                (both.0, Some(both.1))
            }
        };
        let used = streams.iter().filter(|stream| !stream.is_empty());
        let names = used
            .map(|stream| {
                engine.network().attachments()[stream.ingress.index()]
                    .name
                    .clone()
            })
            .collect();
        let mut report = Report::new(name, names, (frames, octets), &method, &measured);
        report.unshared = unshared.as_ref().map(|it| Unshared::new(&measured, it));
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(&report)?),
            false => print!("{report}"),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn script(&self) -> anyhow::Result<(String, Script)> {
        if let Some(path) = &self.topology {
            return Ok((path.display().to_string(), super::read_script(path)?));
        }
        let mut text = String::from("ip link add br0 type bridge\nip link set br0 up\n");
        for port in 1..=self.spread.unwrap_or(4) {
            text += &format!("ip link set p{port} master br0\nip link set p{port} up\n");
        }
        Ok(("a bridge".to_owned(), Script::parse("a bridge", &text)?))
    }

    /// Returns frames to start with, and those to measure.
    fn streams(&self, engine: &Engine) -> anyhow::Result<(Vec<Stream>, Vec<Stream>)> {
        if self.inputs.is_empty() {
            let traffic = self.traffic.clone().unwrap_or_default();
            let ports = self.attachments(engine)?;
            return Ok((traffic.introductions(&ports), traffic.streams(&ports)));
        }
        let mut load = Load::default();
        for input in &self.inputs {
            let (name, file) = split_input(input);
            let opened = File::open(file).with_context(|| format!("cannot read {file}"))?;
            let reader = CaptureReader::new(file, Box::new(opened))?;
            match (name, self.spread) {
                (Some(name), _) => {
                    let id = engine.network().find_attachment(name)?;
                    load.read(reader, |_, _| Ok(Some(id)))?;
                }
                (None, Some(count)) => {
                    let mut ports = self.attachments(engine)?;
                    let there = ports.len();
                    if there < usize::from(count) {
                        bail!("--spread {count}: there are {there} attachments to spread over");
                    }
                    ports.truncate(usize::from(count));
                    let mut dealt = std::collections::HashMap::new();
                    load.read(reader, |_, octets| {
                        let Ok(frame) = Ethernet::parse(octets) else {
                            return Ok(None);
                        };
                        let next = dealt.len() % ports.len();
                        Ok(Some(ports[*dealt.entry(frame.source()).or_insert(next)]))
                    })?;
                }
                (None, None) if reader.names_interfaces() => {
                    let network = engine.network();
                    load.read(reader, |interface, _| {
                        Ok(Some(network.find_attachment(interface)?))
                    })?;
                }
                (None, None) => bail!(
                    "{file} does not name interfaces, so it must be given as NAME={file}, NAME being \
                     the attachment to feed, or with --spread N"
                ),
            }
        }
        Ok((Vec::new(), load.streams))
    }

    /// The attachments that frames are dealt to.
    fn attachments(&self, engine: &Engine) -> anyhow::Result<Vec<AttachmentId>> {
        let network = engine.network();
        if !self.ports.is_empty() {
            let find = |name: &String| network.find_attachment(name);
            return Ok(self.ports.iter().map(find).collect::<Result<_, _>>()?);
        }
        let all = || (0u32..).map(AttachmentId).zip(network.attachments());
        let alive = || all().filter(|(_, it)| network.netdev(it.netdev).alive);
        let wires = alive().filter(|(_, it)| it.side == Side::Wire);
        let mut ports: Vec<_> = wires.map(|(id, _)| id).collect();
        if ports.is_empty() {
            let is_host = |name: &str| name.contains('/') && !name.ends_with("/lo");
            let hosts = alive().filter(|(_, it)| it.side == Side::Stack && is_host(&it.name));
            ports.extend(hosts.map(|(id, _)| id));
        }
        match ports.is_empty() {
            true => Err(anyhow!(
                "the topology has neither wires nor hosts in namespaces; name attachments with --ports"
            )),
            false => Ok(ports),
        }
    }
}

/// Runs a script to its end, in virtual time.
fn ready(script: &Script) -> anyhow::Result<Engine> {
    let mut engine = Engine::new(script);
    // What commands print is for a replay to show; what fails is for everybody.
    let mut recorder = Recorder::printing(Box::new(std::io::sink()), Box::new(std::io::stderr()));
    engine.run_setup(&mut recorder)?;
    engine.finish(Duration::ZERO, &mut recorder)?;
    Ok(engine)
}

/// Frames of captures, by attachment.
#[derive(Default)]
struct Load {
    streams: Vec<Stream>,
    octets: usize,
}

impl Load {
    /// Reads a capture to its end; a function of the interface's name and the octets says where each frame
    /// comes in.
    fn read(
        &mut self,
        mut reader: CaptureReader,
        mut ingress: impl FnMut(&str, &[u8]) -> anyhow::Result<Option<AttachmentId>>,
    ) -> anyhow::Result<()> {
        let file = reader.file().to_owned();
        let mut names: Vec<String> = Vec::new();
        loop {
            let Some(record) = reader.read()? else {
                return Ok(());
            };
            if record.direction == Some(Direction::Outbound) {
                continue;
            }
            let (index, octets) = (record.interface as usize, record.octets.to_vec());
            if names.len() <= index {
                names = reader
                    .interfaces()
                    .iter()
                    .map(|it| it.name.clone().unwrap_or_default())
                    .collect();
            }
            let name = names.get(index).map_or("", String::as_str);
            let Some(id) = ingress(name, &octets)? else {
                continue;
            };
            self.octets += octets.len();
            if self.octets > LOAD_MAX {
                bail!("{file}: frames of more than {LOAD_MAX} octets in all do not fit a bench");
            }
            let at = self.streams.iter().position(|it| it.ingress == id);
            let at = at.unwrap_or_else(|| {
                self.streams.push(Stream::new(id));
                self.streams.len() - 1
            });
            self.streams[at].push(&octets);
        }
    }
}
