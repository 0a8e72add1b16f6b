//! Spanning trees, as `tapswitch stp show` and `tapswitch bridge show` print them.

use std::time::Duration;

use super::LoopsRecord;
use crate::iproute::command::{PortTreeOptions, StpMode};
use crate::wire::BridgeId;

/// A bridge with its spanning tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StpRecord {
    /// The bridge.
    pub ifindex: u32,
    /// Whether the spanning tree is on (`stp_state`).
    pub on: bool,
    /// Which protocol it speaks.
    pub mode: StpMode,
    /// BPDUs that a port may send in any second.
    pub tx_hold_count: u8,
    /// The bridge's identifier.
    pub bridge_id: BridgeId,
    /// The root's.
    pub root_id: BridgeId,
    /// The number of the port that leads there; 0 on the root.
    pub root_port: u16,
    /// How far it is.
    pub root_path_cost: u32,
    /// Whether the topology is changing.
    pub topology_change: bool,
    /// What it does about loops that no spanning tree cuts.
    pub loops: LoopsRecord,
    /// The ports, by number.
    pub ports: Vec<StpPortRecord>,
}

/// A port's part in the spanning tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StpPortRecord {
    /// The port.
    pub ifindex: u32,
    /// Its number.
    pub number: u16,
    /// The word for what it is for.
    pub role: &'static str,
    /// Its state, by the kernel's number.
    pub state: u8,
    /// Its path cost.
    pub cost: u32,
    /// Whether its link is taken for point-to-point.
    pub p2p: bool,
    /// Whether it is taken for an edge port.
    pub edge: bool,
    /// Whether it speaks RSTP.
    pub rapid: bool,
    /// The word for what keeps it out of use.
    pub inconsistent: Option<&'static str>,
    /// Time until it forwards, if nothing happens before.
    pub forwards_in: Option<Duration>,
    /// Time until BPDU guard lets it back.
    pub recovers_in: Option<Duration>,
    /// Topology changes that TC guard has ignored.
    pub changes_ignored: u64,
    /// Frames to the bridges' address that had no effect: the word for the reason, and how many.
    pub rejected: Vec<(&'static str, u64)>,
}

/// What a port's part in the spanning tree is set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StpPortTree {
    /// The settings, all of them; a speed only if it was set by hand.
    pub set: PortTreeOptions,
    /// The word for what keeps it out of use.
    pub inconsistent: Option<&'static str>,
}
