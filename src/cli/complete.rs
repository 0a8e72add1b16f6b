//! `tapswitch completions` and `tapswitch man`: what clap's companions make of the command line.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::anyhow;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

/// Print the completions of a shell
///
/// Exit status: 0 fine; 2 the shell is not known.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  tapswitch completions bash > /etc/bash_completion.d/tapswitch
  tapswitch completions zsh > ~/.zfunc/_tapswitch
  tapswitch completions fish > ~/.config/fish/completions/tapswitch.fish"
)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(&self) -> ExitCode {
        let mut text = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut super::Cli::command(),
            "tapswitch",
            &mut text,
        );
        print(&text)
    }
}

/// Print the manual page, of the whole or of one command
///
/// Exit status: 0 fine; 2 there is no such command.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  tapswitch man | man -l -
  tapswitch man > /usr/local/share/man/man1/tapswitch.1
  tapswitch man check > /usr/local/share/man/man1/tapswitch-check.1"
)]
pub(super) struct Manual {
    /// A command: the page of tapswitch COMMAND
    command: Option<String>,
}

impl Manual {
    pub(super) fn execute(&self) -> ExitCode {
        let mut whole = super::Cli::command().disable_help_subcommand(true);
        // Names the commands tapswitch-check, and so on, as their pages are called.
        whole.build();
        let page = match &self.command {
            None => whole,
            Some(name) => match whole.find_subcommand(name) {
                Some(command) => command.clone(),
                None => {
                    let known: Vec<_> = whole.get_subcommands().map(|it| it.get_name()).collect();
                    super::complain(&anyhow!(
                        "no command is called \"{name}\"; there are: {}",
                        known.join(", ")
                    ));
                    return ExitCode::from(2);
                }
            },
        };
        let mut text = Vec::new();
        Man::new(page)
            .render(&mut text)
            .expect("a vector takes everything");
        print(&text)
    }
}

fn print(text: &[u8]) -> ExitCode {
    // Who reads may have seen enough.
    let _ = io::stdout().write_all(text);
    ExitCode::SUCCESS
}
