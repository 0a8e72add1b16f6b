//! The command line: one thin file per sub-command.
//!
//! Exit codes: 0 fine; 1 a file or device could not be read or written; 2 the script or the arguments were not
//! understood (nothing was done then); otherwise what the script itself asked for.

mod replay;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Linux's layer 2 in userspace: a topology is a shell script of ip and bridge commands.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::Args),
    Run(run::Args),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Replay(args) => args.execute(),
        Command::Run(args) => args.execute(),
    }
}

/// Prints an error, with what led to it, the way every sub-command does.
fn complain(error: &anyhow::Error) {
    eprintln!("tapswitch: {error:#}");
}
