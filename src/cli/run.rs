//! `tapswitch run`: the topology for real, on TAP devices.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::control::summary::Traffic;
use crate::iproute::script::Script;
use crate::live::{Choice, Choices, Options, Polling, enter, run};
use crate::replay::{Engine, Recorder};
use crate::time::Duration;

const EXAMPLES: &str = "\
Examples:
  tapswitch run bridge-learning --exit
  tapswitch run lab.sh --workers 2 --summary
  tapswitch run lab.sh --simulate      # without privilege, in virtual time
  sudo tapswitch run --host lab.sh     # with the NICs of this machine
  sudo tapswitch run --host lab.sh --io eth1=xdp --io h1/eth0=packet";

/// Run a topology live, on TAP devices
///
/// Builds the topology in a sandbox: its namespaces, and in each of them a TAP device for every
/// netdev that a program there could use, with the script's names, addresses and MTUs. Frames
/// between them go through the switch; "ip netns exec NS PROGRAM" runs the program for real. Then it
/// stays until Ctrl-C, and leaves nothing behind.
///
/// As root the sandbox is a network namespace of its own, otherwise a user, mount and network
/// namespace. A TAP of the topology appears under its own name, as what is plugged in behind it;
/// where its own stack is in use (it has an address, or is no bridge port) the stack has the name
/// and the far end of the wire is NAME.wire.
///
/// Where namespaces or TAP devices are not to be had it says so and simulates, as with --simulate: each
/// namespace with an address is a simulated host, which has ping, arping, iperf3, "ip route" and sysctl of
/// ip_forward, "sleep" takes no time, and it ends after the last command.
///
/// Exit status: the script's, as sh would have it; 1 the sandbox could not be built; 2 the script
/// or the arguments were not understood; 128 + N signal N ended it before the script's end.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct Args {
    /// The topology: a shell script of ip and bridge commands, or the name of one that is built in
    topology: PathBuf,

    /// Threads that forward; attachments are dealt out to them in turn
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,

    /// End after the script's last command, with its status
    #[arg(long)]
    exit: bool,

    /// Work in the current network namespace: "ip netns add" makes names that others see, and a
    /// netdev that the script uses without making it is an existing NIC
    #[arg(long)]
    host: bool,

    /// Simulate, with hosts in virtual time instead of devices: as "replay" without captures
    #[arg(long, conflicts_with_all = ["host", "workers", "no_offloads", "io", "poll", "profile"])]
    simulate: bool,

    /// Have TAPs compute checksums and cut segments themselves, as hardware without offloads would:
    /// frames are whole and never longer than the MTU, and TCP is many times slower
    #[arg(long)]
    no_offloads: bool,

    /// By what frames come and go, for all netdevs or for one (its name, or the other end's of a veth):
    /// "tap"; "packet", a packet socket on a NIC, or on the other end of a real veth, which the device
    /// is then; "xdp", AF_XDP sockets likewise; or "auto", TAPs, and packet sockets on NICs. What cannot
    /// be had is replaced, and a line says why
    #[arg(long, value_name = "[NETDEV=]HOW")]
    io: Vec<Choice>,

    /// Look for frames before sleeping: "adaptive" for 50 µs while frames come close to each other,
    /// "always" without ever sleeping, which takes a CPU for each worker, or "never"
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Poll::Adaptive)]
    poll: Poll,

    /// At the end, print what each worker's time went into; a signal USR1 does it at any time
    #[arg(long)]
    profile: bool,

    /// At the end, print what passed each attachment, and what the bridges have learned
    #[arg(long)]
    summary: bool,

    /// Print the summary as JSON; what the script prints goes to standard error then
    #[arg(long, requires = "summary")]
    json: bool,
}

/// As [`Polling`].
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Poll {
    Adaptive,
    Always,
    Never,
}

/// The summary as JSON: what a replay's has too has the same keys.
#[derive(Serialize)]
struct Summary<'a> {
    topology: String,
    /// The script's exit status.
    status: u8,
    duration_ns: u64,
    #[serde(flatten)]
    traffic: &'a Traffic,
}

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        let script = match super::read_script(&self.topology) {
            Ok(script) => script,
            Err(error) => {
                super::complain(&error);
                return ExitCode::from(2);
            }
        };
        if self.simulate {
            return self.simulate(&script);
        }
        if !self.host {
            let outside = script.outside().into_iter();
            let taken = super::taken_for_outside(outside, "and a TAP here (a NIC with --host)");
            if let Some(warning) = taken {
                super::warn(&warning);
            }
        }
        let io = match Choices::new(&self.io) {
            Ok(io) => io,
            Err(error) => {
                super::complain(&error.into());
                return ExitCode::from(2);
            }
        };
        let options = Options {
            io,
            workers: self.workers.into(),
            exit: self.exit,
            host: self.host,
            offloads: !self.no_offloads,
            polling: match self.poll {
                Poll::Adaptive => Polling::Adaptive,
                Poll::Always => Polling::Always,
                Poll::Never => Polling::Never,
            },
            profile: self.profile,
            quiet_stdout: self.json,
        };
        // Who names NICs or says what devices to use means those.
        let plain = !self.host && self.io.is_empty();
        let place = match enter(self.host, plain) {
            Err(error) if plain && error.leaves_simulation() => {
                super::warn(&format!("simulated, not live: {error}"));
                return self.simulate(&script);
            }
            place => place,
        };
        match place.and_then(|place| run(&script, &options, place)) {
            Ok(outcome) => {
                self.print(outcome.status, &outcome.traffic, outcome.duration);
                ExitCode::from(outcome.status)
            }
            Err(error) => {
                super::complain(&error.into());
                ExitCode::FAILURE
            }
        }
    }

    /// Runs the script in virtual time, with simulated hosts.
    fn simulate(&self, script: &Script) -> ExitCode {
        let stdout: Box<dyn Write> = match self.json {
            true => Box::new(io::stderr()),
            false => Box::new(io::stdout()),
        };
        let mut recorder = Recorder::printing(stdout, Box::new(io::stderr()));
        let mut engine = Engine::new(script);
        engine.simulate_hosts(Vec::new());
        let done = engine
            .run_setup(&mut recorder)
            .and_then(|()| engine.finish(Duration::ZERO, &mut recorder))
            .and_then(|()| recorder.finish(engine.now(), engine.network(), engine.counters()));
        if let Err(error) = done {
            super::complain(&anyhow::Error::from(error).context("cannot write what is printed"));
            return ExitCode::FAILURE;
        }
        let traffic = Traffic::new(
            engine.network(),
            engine.plan(),
            engine.counters(),
            engine.now(),
            engine.originated(),
        );
        self.print(engine.status(), &traffic, engine.now().since_start());
        ExitCode::from(engine.status())
    }

    fn print(&self, status: u8, traffic: &Traffic, duration: Duration) {
        if !self.summary {
            return;
        }
        let mut out = io::stdout().lock();
        // Nobody may be reading any more.
        let _ = if self.json {
            let summary = Summary {
                topology: self.topology.display().to_string(),
                status,
                duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
                traffic,
            };
            serde_json::to_writer_pretty(&mut out, &summary)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            let seconds = duration.as_secs_f64();
            write!(out, "{traffic}").and_then(|()| writeln!(out, "time: {seconds:.3} s"))
        };
    }
}
