//! `tapswitch port`: a command of topology scripts, explained to whoever runs it outside of one.

use std::process::ExitCode;

/// Guards of a port, in a topology script: storm control, port security, bindings, private VLANs
///
/// This is a command of topology scripts, like those of ip and bridge: `tapswitch run` and `tapswitch replay`
/// understand it there. The kernel's bridge has no such guards, so on a real network it fails.
#[derive(Debug, clap::Args)]
#[command(after_help = OPTIONS)]
pub(super) struct Args {
    /// As in the script
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "set|show …"
    )]
    words: Vec<String>,
}

const OPTIONS: &str = "\
tapswitch port set dev PORT OPTION…
  storm_broadcast LIMIT  storm_multicast LIMIT  storm_unknown LIMIT
                                    LIMIT: off, Nfps, NBps (k, M, G before the unit), or both: 100fps,64kBps
  max_macs N|off                    stations that may be learned behind the port
  secure_mac MAC [vlan VID]         a station that belongs to the port; no_secure_mac MAC [vlan VID]
  violation protect|restrict|shutdown
  recovery SECONDS|off              after which a port shut by a violation opens again
  ip_binding on|off                 IPv4 and ARP only from stations that are bound
  dhcp_trusted on|off               DHCP servers are behind this port
  bind ADDRESS MAC [vlan VID]       a binding by hand; unbind ADDRESS
  mac_vlan MAC VID                  untagged frames of a station belong to VID; no_mac_vlan MAC
  private isolated|promiscuous|community N|off
tapswitch [-s] [-j] port show [dev PORT]";

impl Args {
    pub(super) fn execute(self) -> ExitCode {
        let command = ["port".to_owned()].into_iter().chain(self.words);
        let command = command.collect::<Vec<_>>().join(" ");
        eprintln!(
            "tapswitch: \"{command}\" is a command of topology scripts (tapswitch run, tapswitch replay): the kernel's bridge has no such guards"
        );
        ExitCode::from(2)
    }
}
