//! `tapswitch port`, `bridge` and `stp`: commands of topology scripts, explained to whoever runs them outside of
//! one.

use std::process::ExitCode;

/// Guards of a port, in a topology script: storm control, port security, BPDU guards and others
///
/// This is a command of topology scripts, like those of ip and bridge: `tapswitch run` and `tapswitch replay`
/// understand it there. The kernel's bridge has no such guards, so on a real network it fails.
#[derive(Debug, clap::Args)]
#[command(after_help = PORT)]
pub(super) struct Port {
    /// As in the script
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "set|show …"
    )]
    words: Vec<String>,
}

const PORT: &str = "\
tapswitch port set dev PORT OPTION…
  storm_broadcast LIMIT  storm_multicast LIMIT  storm_unknown LIMIT
                                    LIMIT: off, Nfps, NBps (k, M, G before the unit), or both: 100fps,64kBps
  max_macs N|off                    stations that may be learned behind the port
  secure_mac MAC [vlan VID]         a station that belongs to the port; no_secure_mac MAC [vlan VID]
  violation protect|restrict|shutdown
  recovery SECONDS|off              after which a port shut by a violation, or by bpdu_guard, opens again
  ip_binding on|off                 IPv4 and ARP only from stations that are bound
  dhcp_trusted on|off               DHCP servers are behind this port
  bind ADDRESS MAC [vlan VID]       a binding by hand; unbind ADDRESS
  mac_vlan MAC VID                  untagged frames of a station belong to VID; no_mac_vlan MAC
  private isolated|promiscuous|community N|off
  bpdu_guard on|off                 the next BPDU shuts the port (bridge link set … guard on)
  bpdu_filter on|off                the port neither sends nor hears BPDUs: nothing protects from loops through it
  loop_guard on|off                 a port that hears no more BPDUs stays out of use; not with root_block
  tc_guard on|off                   topology changes that the neighbour tells of stay where they are
  p2p auto|on|off                   for RSTP: at most one bridge is at the other end; auto says yes, a hub wants off
  edge auto|on|off                  for RSTP: no bridge is; auto listens for 3 s
  speed MBIT|auto                   what the path cost is worked out from; auto is the netdev's own
tapswitch [-s] [-j] port show [dev PORT]

Example, a line of a script:
  tapswitch port set dev p1 max_macs 3 violation shutdown recovery 300";

/// What a bridge does about loops, in a topology script: RSTP, loop alarm, loop guard
///
/// This is a command of topology scripts, like those of ip and bridge: `tapswitch run` and `tapswitch replay`
/// understand it there. The kernel's bridge has neither, so on a real network it fails.
#[derive(Debug, clap::Args)]
#[command(after_help = BRIDGE)]
pub(super) struct Bridge {
    /// As in the script
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "set|show …"
    )]
    words: Vec<String>,
}

const BRIDGE: &str = "\
tapswitch bridge set dev BRIDGE OPTION…
  stp_mode stp|rstp   what it speaks while its stp_state is 1: 802.1D-1998 as Linux does, or RSTP (802.1D-2004).
                      With rstp, cost is 1 to 200000000 (by default 20 Tbit/s divided by the speed), priority
                      a multiple of 4096, that of ports a multiple of 4, and
                      2 (forward_delay - 1 s) >= max_age >= 2 (hello_time + 1 s)
  tx_hold_count N     BPDUs that a port may send in any second, 1 to 10; for RSTP
  loop_alarm on|off   tells of a loop that no spanning tree cuts; on unless said otherwise
  loop_guard block|off  blocks the port that closes it (not the loop_guard of \"tapswitch port set\", which is
                      the spanning tree's)
  recovery SECONDS|off  after which that port is tried again; 60 unless said otherwise
tapswitch [-j] bridge show [dev BRIDGE]

Example, a line of a script:
  tapswitch bridge set dev br0 stp_mode rstp";

/// Spanning trees: simulate many bridges; in a topology script, show roots, roles, states
///
/// "show" is a command of topology scripts, like those of ip and bridge: `tapswitch run` and `tapswitch replay`
/// understand it there.
#[derive(Debug, clap::Args)]
#[command(after_help = STP, subcommand_value_name = "simulate|show", disable_help_subcommand = true)]
pub(super) struct Stp {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Simulate(super::simulate::Args),
    /// What a topology script may say
    #[command(external_subcommand)]
    Show(Vec<String>),
}

const STP: &str = "\
In a topology script:
tapswitch [-s] [-j] stp show [dev BRIDGE]
  of every bridge with stp_state 1: its root and the way there, and of each port role, state, cost, what keeps it
  out of use (inconsistent) and for how long it waits; -s: BPDUs that had no effect, by reason

Example, a line of a script:
  tapswitch -j stp show dev br0";

impl Port {
    pub(super) fn execute(self) -> ExitCode {
        of_scripts("port", self.words, "the kernel's bridge has no such guards")
    }
}

impl Bridge {
    pub(super) fn execute(self) -> ExitCode {
        of_scripts(
            "bridge",
            self.words,
            "the kernel's bridge has neither RSTP nor a loop alarm",
        )
    }
}

impl Stp {
    pub(super) fn execute(self) -> ExitCode {
        let why = "for the kernel's bridges there is \"bridge -d link\"";
        match self.what {
            What::Simulate(args) => args.execute(),
            What::Show(words) => of_scripts("stp", words, why),
        }
    }
}

fn of_scripts(object: &str, words: Vec<String>, why: &str) -> ExitCode {
    let command = [object.to_owned()].into_iter().chain(words);
    let command = command.collect::<Vec<_>>().join(" ");
    eprintln!(
        "tapswitch: \"{command}\" is a command of topology scripts (tapswitch run, tapswitch replay): {why}"
    );
    ExitCode::from(2)
}
