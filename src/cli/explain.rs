//! `tapswitch explain`: why one frame goes where it goes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::replay::{Failure, open_inputs, parse_time};
use crate::explain::{Explanation, short};
use crate::netdev::Network;
use crate::replay::{Engine, Event, Inputs, Sink, Watched};
use crate::time::Instant;

/// Explain why a frame goes where it goes, hop by hop, and what to change where it goes nowhere
///
/// Runs the topology script to its end in virtual time, with the captures that are given and simulated hosts
/// where nothing is fed, as replay does, and then takes
/// one frame: one that is written out, or the Nth of those that come in by captures. What is printed is what
/// the way of the frame itself tells: each netdev that it passes, what is looked up, learned and decided there
/// and by which rule of the kernel's or of IEEE, which tags come and go, and where each copy ends.
///
/// A frame, SHORT, is written like this; what is left out is found in the topology:
///
///   arp who-has 10.0.0.2 [tell 10.0.0.1] [from 02:00:00:00:00:01]
///   arp reply 10.0.0.1 is-at 02:00:00:00:00:01 [to 02:00:00:00:00:02]
///   icmp 10.0.0.1 > 10.0.0.2       also of IPv6; an echo request
///   udp 10.0.0.1:68 > 255.255.255.255:67      tcp [2001:db8::1]:1024 > [2001:db8::2]:80
///   type 0x88b5
///
/// In front may stand "02:00:00:00:00:01 > 02:00:00:00:00:02" (source, destination) and tags: "vlan 10",
/// "vlan 10 prio 3", "svlan 20 vlan 10" (802.1ad); behind, "len 1518".
///
/// NAME is an attachment, as for replay: the wire of a TAP or NIC, NAME@stack its stack, NS/NAME the stack
/// on any other netdev.
///
/// Exit status: 0 explained, whatever became of the frame; 1 a capture could not be read; 2 the script, the
/// frame or the arguments were not understood; the script's own status if "set -e" or "exit" ended it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct Args {
    /// The topology: a shell script of ip and bridge commands, or the name of one that is built in
    topology: PathBuf,

    /// The frame, as above, in quotes
    #[arg(value_name = "SHORT", conflicts_with_all = ["frame", "number"])]
    short: Vec<String>,

    /// Where the frame comes in; with --number, the attachment that the captures without a NAME feed
    #[arg(long, value_name = "NAME")]
    at: Option<String>,

    /// The frame, as hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with = "number")]
    frame: Option<String>,

    /// Captures to feed first, as for replay; may be repeated
    #[arg(long = "in", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// The Nth frame that comes in by the captures, from 1: of one capture fed with --at, as Wireshark
    /// counts
    #[arg(long, value_name = "N", requires = "inputs")]
    number: Option<u64>,

    /// When the frame comes in (seconds from t = 0, or with a suffix s, m, h), in place of when the script
    /// and the captures have ended
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with_all = ["number", "inputs"])]
    time: Option<Duration>,

    /// Simulate no hosts: namespaces only have what captures feed them, and no program runs
    #[arg(long)]
    no_hosts: bool,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tapswitch explain vlan-access-trunk --at h1/eth0 'arp who-has 10.0.0.2'
  tapswitch explain lab.sh --at p1 '02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 10'
  tapswitch explain lab.sh --at p1 --in seen.pcap --number 17 --json";

/// Keeps the explanation of one frame.
#[derive(Default)]
struct Keeper {
    kept: Option<Explanation>,
    complaints: String,
}

impl Sink for Keeper {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        if let Event::Command { reply, .. } = event
            && reply.status != 0
        {
            self.complaints.push_str(&reply.stderr);
        }
        Ok(())
    }

    fn watched(&mut self, network: &Network, it: &Watched<'_>) -> io::Result<()> {
        let (trace, number) = (it.trace, it.number);
        // What hosts answer comes in behind it.
        self.kept
            .get_or_insert_with(|| Explanation::new(network, trace, number, it.ingress, it.octets));
        Ok(())
    }
}

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        let (code, error) = match self.explain() {
            Ok(code) => return code,
            Err(Failure::Usage(error)) => (ExitCode::from(2), error),
            Err(Failure::File(error)) => (ExitCode::FAILURE, error),
        };
        super::complain(&error);
        code
    }

    fn explain(&self) -> Result<ExitCode, Failure> {
        let file_failure = |error: io::Error| Failure::File(error.into());
        let script = super::read_script(&self.topology).map_err(Failure::Usage)?;
        self.asks_for_a_frame().map_err(Failure::Usage)?;
        let whose = self.at.as_deref().filter(|_| self.number.is_some());
        let mut inputs = open_inputs(&self.inputs, whose)?;
        inputs.start();

        let mut engine = Engine::new(&script);
        if !self.no_hosts {
            engine.simulate_hosts(inputs.names());
        }
        let mut keeper = Keeper::default();
        engine.run_setup(&mut keeper).map_err(file_failure)?;
        self.feed(&mut engine, &mut inputs, &mut keeper)?;
        // The network may not be the one that was meant.
        eprint!("{}", keeper.complaints);
        if let Some(stopped) = engine.stopped() {
            let status = stopped.0;
            super::complain(&anyhow!(
                "the script ended with {status} before the frame came in"
            ));
            return Ok(ExitCode::from(status));
        }
        if self.number.is_none() {
            let octets = self.octets(engine.network()).map_err(Failure::Usage)?;
            let at = self.at.as_deref().unwrap_or_default();
            let ingress = engine.network().find_attachment(at);
            let ingress = ingress.map_err(|error| Failure::Usage(error.into()))?;
            engine.watch(true);
            engine
                .inject(ingress, &[&octets], &mut keeper)
                .map_err(file_failure)?;
        }
        let explanation = match (keeper.kept, self.number) {
            (Some(explanation), None) => explanation,
            // As it was asked for: what hosts send does not count.
            (Some(explanation), Some(number)) => Explanation {
                number,
                ..explanation
            },
            (None, Some(number)) => return Err(too_few(number, inputs)),
            (None, None) => unreachable!("a frame that comes in is explained"),
        };
        self.print(&explanation)
            .context("cannot write to standard output")
            .map_err(Failure::File)?;
        Ok(ExitCode::SUCCESS)
    }

    fn asks_for_a_frame(&self) -> anyhow::Result<()> {
        let written = !self.short.is_empty() || self.frame.is_some();
        match (written, self.number, &self.at) {
            (false, None, _) => bail!(
                "which frame? Give one, as in 'arp who-has 10.0.0.2', --frame HEX, or --in FILE --number N"
            ),
            (true, _, None) => bail!("where does the frame come in? Give --at NAME"),
            (_, Some(0), _) => bail!("--number 0: frames are counted from 1"),
            _ => Ok(()),
        }
    }

    /// Lets time pass, and captures be fed, until the frame comes in; the Nth of a capture is fed.
    fn feed(
        &self,
        engine: &mut Engine,
        inputs: &mut Inputs,
        keeper: &mut Keeper,
    ) -> Result<(), Failure> {
        let file_failure = |error: io::Error| Failure::File(error.into());
        if let Some(time) = self.time {
            let to = Instant::ZERO + time;
            return engine.advance_to(to, keeper).map_err(file_failure);
        }
        let mut fed = 0;
        while let Some(time) = inputs.next_time() {
            engine.advance_to(time, keeper).map_err(file_failure)?;
            if engine.stopped().is_some() {
                return Ok(());
            }
            let network = engine.network();
            let attachments = network.attachments().len();
            let lookup = |name: &str| network.find_attachment(name);
            let Some((ingress, octets)) = inputs.take(attachments, &lookup) else {
                continue;
            };
            fed += 1;
            engine.watch(Some(fed) == self.number);
            engine
                .inject(ingress, &[octets], keeper)
                .map_err(file_failure)?;
            if Some(fed) == self.number {
                return Ok(());
            }
        }
        engine.finish(Duration::ZERO, keeper).map_err(file_failure)
    }

    fn octets(&self, network: &Network) -> anyhow::Result<Vec<u8>> {
        if let Some(digits) = &self.frame {
            return short::hex(digits).with_context(|| {
                format!("--frame {digits}: expected pairs of hexadecimal digits")
            });
        }
        let at = network.find_attachment(self.at.as_deref().unwrap_or_default())?;
        let info = &network.attachments()[at.index()];
        let text = self.short.join(" ");
        let frame = short::frame(&text, network, info.netdev, info.side);
        frame.with_context(|| format!("'{text}'"))
    }

    fn print(&self, explanation: &Explanation) -> anyhow::Result<()> {
        let text = match self.json {
            true => serde_json::to_string_pretty(explanation)? + "\n",
            false => explanation.to_string(),
        };
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }
}

/// The frame that was asked for did not come in.
fn too_few(number: u64, inputs: Inputs) -> Failure {
    let reports = inputs.into_reports();
    let fed: u64 = reports.iter().map(|report| report.frames).sum();
    let error = reports.into_iter().find_map(|report| report.error);
    match error {
        Some(error) => Failure::File(error.into()),
        None => Failure::Usage(anyhow!("--number {number}: {fed} frames came in")),
    }
}
