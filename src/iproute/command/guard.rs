//! `tapswitch port`: the guards that switches have and Linux's bridge lacks.

use std::net::IpAddr;

use super::PortTreeOptions;
use crate::wire::{MacAddr, Vid};

/// Settings of a port's guards (`tapswitch port set dev P …`); what is not given stays as it is.
///
/// ```text
/// tapswitch port set dev PORT OPTION…
///   storm_broadcast|storm_multicast|storm_unknown LIMIT   off, or Nfps, NBps (k, M, G: × 1000), or both: 100fps,64kBps
///   max_macs N|off                    stations that may be learned behind the port
///   secure_mac MAC [vlan VID]         a station that belongs to the port; no_secure_mac takes it away
///   violation protect|restrict|shutdown
///   recovery SECONDS|off              after which a port shut by a violation, or by bpdu_guard, opens again
///   ip_binding on|off                 IP and ARP only from stations that are bound
///   dhcp_trusted on|off               DHCP servers are behind this port
///   bind ADDRESS MAC [vlan VID]       a binding by hand; unbind ADDRESS takes it away
///   mac_vlan MAC VID                  untagged frames of a station belong to VID; no_mac_vlan MAC takes it away
///   private isolated|promiscuous|community N|off
///   bpdu_guard on|off                 the next BPDU shuts the port (bridge link set … guard)
///   bpdu_filter on|off                the port neither sends nor hears BPDUs
///   loop_guard on|off                 silence does not make a port forward
///   tc_guard on|off                   topology changes that the neighbour tells of stay where they are
///   p2p auto|on|off                   for RSTP: at most one bridge is at the other end; auto says yes
///   edge auto|on|off                  for RSTP: none is; auto listens for 3 s
///   speed MBIT|auto                   what the path cost is worked out from; auto is the netdev's own
/// tapswitch [-s] [-j] port show [dev PORT]
/// ```
///
/// Options may stand in any order. Those that add to a list may be given more than once and are applied
/// in the order written; of any other the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardOptions {
    /// `storm_broadcast LIMIT`: frames to the broadcast address.
    pub storm_broadcast: Option<StormLimit>,
    /// `storm_multicast LIMIT`: frames to other group addresses.
    pub storm_multicast: Option<StormLimit>,
    /// `storm_unknown LIMIT`: frames to stations that the FDB does not know.
    pub storm_unknown: Option<StormLimit>,
    /// `max_macs N` (`Some(Some)`) or `max_macs off` (`Some(None)`): stations learned behind the port.
    pub max_macs: Option<Option<u32>>,
    /// `secure_mac MAC [vlan VID]` (true) and `no_secure_mac MAC [vlan VID]` (false), in the order written.
    pub secure_macs: Vec<(bool, MacAddr, Option<Vid>)>,
    /// `violation protect|restrict|shutdown`.
    pub violation: Option<Violation>,
    /// `recovery SECONDS` (`Some(Some)`, at least 1) or `recovery off` (`Some(None)`).
    pub recovery: Option<Option<u32>>,
    /// `ip_binding on|off`.
    pub ip_binding: Option<bool>,
    /// `dhcp_trusted on|off`.
    pub dhcp_trusted: Option<bool>,
    /// `bind …` and `unbind …`, in the order written.
    pub bindings: Vec<BindingEdit>,
    /// `mac_vlan MAC VID` (`Some`) and `no_mac_vlan MAC` (`None`), in the order written.
    pub mac_vlans: Vec<(MacAddr, Option<Vid>)>,
    /// `private isolated|promiscuous|community N|off`.
    pub private: Option<PrivateRole>,
    /// What is about the spanning tree.
    pub tree: PortTreeOptions,
}

/// How much of one kind of traffic a port takes in; neither limit is `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StormLimit {
    /// Frames per second, at least 1.
    pub frames: Option<u64>,
    /// Octets of frames per second, from destination address to end of payload; at least 1.
    pub octets: Option<u64>,
}

/// What a port does when a station comes in that may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Violation {
    /// Drops its frames.
    #[default]
    Protect,
    /// Drops its frames and counts them as violations.
    Restrict,
    /// Closes the port, until it recovers or is set down and up.
    Shutdown,
}

impl Violation {
    /// Returns the word of the language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protect => "protect",
            Self::Restrict => "restrict",
            Self::Shutdown => "shutdown",
        }
    }
}

/// One change of the bindings of IP address, station and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingEdit {
    /// `bind ADDRESS MAC [vlan VID]`.
    Bind(IpAddr, MacAddr, Option<Vid>),
    /// `unbind ADDRESS`: every binding of that address to this port.
    Unbind(IpAddr),
}

/// What a port is in private VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateRole {
    /// `off`: an ordinary port.
    Off,
    /// `promiscuous`: exchanges frames with all ports.
    Promiscuous,
    /// `isolated`: exchanges frames with promiscuous ports only.
    Isolated,
    /// `community N`: exchanges frames with promiscuous ports and its own community, 1 to 4094.
    Community(u16),
}
