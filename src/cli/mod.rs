//! The command line: one thin file per sub-command.
//!
//! Exit codes: 0 fine; 1 a file or device could not be read or written; 2 the script or the arguments were not
//! understood (nothing was done then); otherwise what the script itself asked for.

mod bench;
mod check;
mod compare;
mod complete;
mod explain;
mod language;
mod replay;
mod run;
mod simulate;
mod topologies;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand};

use crate::iproute::script::Script;

/// What a topology script may say.
const LANGUAGE: &str = "\
A topology script has commands of iproute2, spelled and abbreviated as there:
  ip [-n NS] link add|set|del|show   type bridge, bridge_slave, veth, dummy, vlan, macvlan, macvtap, ipvlan
  ip [-n NS] addr, neigh, tuntap;  ip netns add|del|list|exec NS PROGRAM
  bridge [-n NS] link, fdb, vlan, vlan global, mdb
and ours, for what Linux's bridge lacks (tapswitch port --help, bridge --help, stp --help):
  tapswitch [-n NS] port set|show    storm control, port security, bindings, private VLANs, BPDU guards
  tapswitch [-n NS] bridge set|show  RSTP
  tapswitch [-n NS] stp show         spanning trees: roots, roles, states
  tapswitch [-n NS] cable add|del|show what one netdev receives, the other sends
with sh's quotes, comments, ; && ||, set -e, sleep, echo and exit.";

/// Linux's layer 2 in userspace: a topology is a shell script of ip and bridge commands.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = LANGUAGE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::Args),
    Explain(explain::Args),
    Run(run::Args),
    Check(check::Args),
    Bench(bench::Args),
    Compare(compare::Args),
    Topologies(topologies::Args),
    Port(language::Port),
    Bridge(language::Bridge),
    Stp(language::Stp),
    Completions(complete::Completions),
    Man(complete::Manual),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Replay(args) => args.execute(),
        Command::Explain(args) => args.execute(),
        Command::Run(args) => args.execute(),
        Command::Check(args) => args.execute(),
        Command::Bench(args) => args.execute(),
        Command::Compare(args) => args.execute(),
        Command::Topologies(args) => args.execute(),
        Command::Port(args) => args.execute(),
        Command::Bridge(args) => args.execute(),
        Command::Stp(args) => args.execute(),
        Command::Completions(args) => args.execute(),
        Command::Man(args) => args.execute(),
    }
}

/// Reads a topology script: a file, or where there is none, one that is built in.
fn read_script(path: &Path) -> anyhow::Result<Script> {
    let name = path.display().to_string();
    if let Some(text) = topologies::find(&name).filter(|_| !path.exists()) {
        return Ok(Script::parse(&name, text)?);
    }
    let octets = fs::read(path).with_context(|| match name.contains(['/', '.']) {
        true => format!("cannot read {name}"),
        false => format!("cannot read {name} (\"tapswitch topologies\" lists what is built in)"),
    })?;
    let text = str::from_utf8(&octets).map_err(|error| {
        let readable = &octets[..error.valid_up_to()];
        let line = readable.split(|&octet| octet == b'\n').count();
        let octet = octets[readable.len()];
        anyhow!("{name}:{line}: octet 0x{octet:02x} is not UTF-8; expected a script of text")
    })?;
    Ok(Script::parse(&name, text)?)
}

/// Says which names are outside wires: one of them may be a misspelt netdev.
fn taken_for_outside(names: impl Iterator<Item = String>, and: &str) -> Option<String> {
    let names: Vec<_> = names.collect();
    let names = match names.as_slice() {
        [] => return None,
        names => names.join(", "),
    };
    Some(format!(
        "{names}: used but never created, so taken for the outside, {and}"
    ))
}

/// Prints an error, with what led to it, the way every sub-command does.
fn complain(error: &anyhow::Error) {
    eprintln!("tapswitch: {error:#}");
}

/// Prints what the user should know, although nothing went wrong.
fn warn(warning: &str) {
    eprintln!("tapswitch: warning: {warning}");
}
