//! `tapswitch topologies`: examples that are built in.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::anyhow;

/// List the topologies that are built in, or print one
///
/// Each is a script that also runs on a real kernel, as root, and says in its comments what to look
/// for. Wherever a topology is asked for, its name will do.
///
/// Exit status: 0 fine; 2 there is no such topology.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the script of this one
    name: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  tapswitch topologies
  tapswitch run bridge-learning
  tapswitch replay stp-loop
  tapswitch topologies vlan-access-trunk > lab.sh";

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        /// Name and text of each.
        const ALL: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../fixtures/topologies/", $name, ".sh"))),)+
        ];
    };
}

built_in! {
    "hub",
    "hub-vs-bridge",
    "three-hosts",
    "four-taps",
    "bridge-learning",
    "ageing",
    "static",
    "broadcast-domain",
    "two-subnets",
    "proxy-arp",
    "isolated",
    "group-fwd",
    "vlan-access-trunk",
    "subnet-in-two-vlans",
    "native-vlan-trap",
    "macvlan-modes",
    "macvlan-host-isolation",
    "macvlan-vlan",
    "ipvlan-dhcp",
    "vxlan",
    "stp-loop",
    "loop-without-stp",
    "loop",
    "loop-two-cables",
    "loop-triangle",
    "loop-one-bridge",
    "loop-guard",
    "cable",
    "hub-reserved",
    "macvlan",
}

/// Returns the text of the topology of a name.
pub(super) fn find(name: &str) -> Option<&'static str> {
    let found = ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

impl Args {
    pub(super) fn execute(&self) -> ExitCode {
        let text = match &self.name {
            None => list(),
            Some(name) => match find(name) {
                Some(text) => text.to_owned(),
                None => {
                    super::complain(&anyhow!(
                        "no topology is called \"{name}\"; \"tapswitch topologies\" lists what there is"
                    ));
                    return ExitCode::from(2);
                }
            },
        };
        // Who reads may have seen enough.
        let _ = io::stdout().write_all(text.as_bytes());
        ExitCode::SUCCESS
    }
}

/// A line for each: its name, and the first sentence of its comment.
fn list() -> String {
    let width = ALL.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, text): &(&str, &str)| {
        let comment = text.lines().map_while(|line| line.strip_prefix("# "));
        let comment = comment.collect::<Vec<_>>().join(" ");
        let sentence = comment.split_inclusive(". ").next().unwrap_or_default();
        format!("{name:width$}  {}\n", sentence.trim_end())
    };
    ALL.iter().map(line).collect()
}
