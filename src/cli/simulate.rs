//! `tapswitch stp simulate`: spanning trees of many bridges in virtual time.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::iproute::script::Script;
use crate::simulate::{self, Mode, Phase, Simulation, Spec, Topology};

/// Simulate the spanning tree of many bridges in virtual time: convergence time, BPDUs sent
///
/// Makes a network of bridges, sets them all up at once, and lets virtual time pass until no port
/// changes its state any more; with --cut root-link, then cuts the link by which the root's first
/// neighbour reaches it, and waits again. Everything a live bridge does is done: commands, plans,
/// trapped BPDUs. Two runs with the same arguments are the same, on every machine.
///
/// Exit status: 0 the network became a spanning tree (each time); 1 it did not; 2 the arguments do not
/// fit together.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// How the bridges are joined
    #[arg(long, value_enum)]
    topology: Shape,

    /// How many bridges, up to 10,000; b1 becomes the root
    #[arg(long, value_name = "N")]
    bridges: u16,

    /// How many links in all: what the topology does not need joins bridges at random
    #[arg(long, value_name = "M")]
    links: Option<u32>,

    /// What they speak
    #[arg(long, value_enum, default_value = "rstp")]
    mode: Protocol,

    /// Cut this when the network has converged
    #[arg(long, value_enum, value_name = "WHAT")]
    cut: Option<Cut>,

    /// max_age in seconds, 6 to 40, with a forward_delay that goes with it: in RSTP a tree is at most so many
    /// bridges deep
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u16>,

    /// What numbers drawn at random begin with: links, and how long BPDUs travel on each
    #[arg(long, default_value = "1")]
    seed: u64,

    /// Time that a BPDU travels, in microseconds; on each link up to twice as much
    #[arg(long, value_name = "MICROSECONDS", default_value = "500")]
    latency: u32,

    /// Print what happened as JSON
    #[arg(long)]
    json: bool,

    /// Print the topology script instead of running it
    #[arg(long)]
    script: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Shape {
    /// Each with the next, the last with the first
    Ring,
    /// Each with the one to its right and the one below
    Grid,
    /// Each with one before it, chosen at random
    Random,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Protocol {
    /// 802.1D-1998, as Linux speaks it
    Stp,
    /// 802.1D-2004
    Rstp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Cut {
    /// The link by which the root's first neighbour reaches it
    RootLink,
}

#[derive(serde::Serialize)]
struct Report<'a> {
    phase: &'a str,
    #[serde(flatten)]
    outcome: &'a Phase,
    real_seconds: f64,
}

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        match self.simulate() {
            Ok(code) => code,
            Err(error) => {
                super::complain(&error);
                ExitCode::from(2)
            }
        }
    }

    fn simulate(&self) -> anyhow::Result<ExitCode> {
        let spec = Spec {
            topology: match self.topology {
                Shape::Ring => Topology::Ring,
                Shape::Grid => Topology::Grid,
                Shape::Random => Topology::Random,
            },
            bridges: self.bridges,
            links: self.links,
            mode: match self.mode {
                Protocol::Stp => Mode::Stp,
                Protocol::Rstp => Mode::Rstp,
            },
            max_age: self.max_age.map(|age| Duration::from_secs(age.into())),
            seed: self.seed,
            latency: Duration::from_micros(self.latency.into()),
        };
        let text = simulate::script(&spec)?;
        if self.script {
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        let clock = Instant::now();
        let script = Script::parse("simulation", &text)?;
        let mut simulation = Simulation::new(&spec, &script).map_err(|error| anyhow!(error))?;
        let mut reports = vec![("start".to_owned(), simulation.converge(), clock.elapsed())];
        if self.cut == Some(Cut::RootLink) {
            let clock = Instant::now();
            let cut = simulation.cut_root_link();
            let cut = cut.ok_or_else(|| anyhow!("no link leads to the root"))?;
            let phase = format!("{cut} down");
            reports.push((phase, simulation.converge(), clock.elapsed()));
        }
        self.print(&spec, text.matches(" type veth ").count(), &reports)?;
        let all = reports.iter().all(|(_, outcome, _)| outcome.spanning_tree);
        Ok(if all {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn print(
        &self,
        spec: &Spec,
        links: usize,
        reports: &[(String, Phase, Duration)],
    ) -> anyhow::Result<()> {
        if self.json {
            let phases: Vec<_> = reports
                .iter()
                .map(|(phase, outcome, real)| Report {
                    phase,
                    outcome,
                    real_seconds: real.as_secs_f64(),
                })
                .collect();
            let all = serde_json::json!({
                "bridges": spec.bridges, "links": links, "mode": spec.mode.name(), "phases": phases,
            });
            println!("{}", serde_json::to_string_pretty(&all)?);
            return Ok(());
        }
        println!(
            "{} bridges, {links} links, {}",
            spec.bridges,
            spec.mode.name()
        );
        for (phase, it, real) in reports {
            println!(
                "{phase}: {} after {:.6} s: {} BPDUs, {} changes of state, loops for {:.6} s; {:.3} s of real time",
                if it.spanning_tree {
                    "a spanning tree"
                } else {
                    "NOT a spanning tree"
                },
                it.seconds,
                it.bpdus,
                it.changes,
                it.loop_seconds,
                real.as_secs_f64(),
            );
            if !it.spanning_tree {
                println!(
                    "  {}, {} roots, {} links forward",
                    if it.converged {
                        "nothing changes any more"
                    } else {
                        "given up"
                    },
                    it.roots,
                    it.tree_links,
                );
            }
        }
        Ok(())
    }
}
