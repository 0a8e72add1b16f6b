//! `tapswitch bridge`, `tapswitch stp`, and of `tapswitch port` what is about spanning trees: what Linux has no
//! words for.
//!
//! ```text
//! tapswitch bridge set dev BRIDGE [stp_mode stp|rstp] [tx_hold_count N]
//!                                [loop_alarm on|off] [loop_guard block|off] [recovery SECONDS|off]
//! tapswitch [-j] bridge [show [dev BRIDGE]]
//! tapswitch [-s] [-j] stp [show [dev BRIDGE]]
//! ```

use super::LoopOptions;

/// Settings of a bridge (`tapswitch bridge set dev BRIDGE …`); what is not given stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeOptions {
    /// `stp_mode stp|rstp`.
    pub mode: Option<StpMode>,
    /// `tx_hold_count N`: BPDUs that a port may send in any second, 1 to 10; for RSTP.
    pub tx_hold_count: Option<u8>,
    /// What is about loops that no spanning tree cuts.
    pub loops: LoopOptions,
}

/// Which spanning tree protocol a bridge speaks while its `stp_state` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StpMode {
    /// `stp`: 802.1D-1998, as Linux speaks it.
    Stp,
    /// `rstp`: 802.1D-2004.
    Rstp,
}

impl StpMode {
    /// Returns the word of the language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stp => "stp",
            Self::Rstp => "rstp",
        }
    }
}

/// Settings of a port's part in the spanning tree (`tapswitch port set dev PORT …`); what is not given stays
/// as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortTreeOptions {
    /// `p2p auto|on|off`: whether there is at most one bridge at the other end; `auto` says yes.
    pub p2p: Option<Admin>,
    /// `edge auto|on|off`: whether there is none.
    pub edge: Option<Admin>,
    /// `bpdu_guard on|off`: the next BPDU shuts the port (`bridge link set … guard`).
    pub bpdu_guard: Option<bool>,
    /// `bpdu_filter on|off`: the port neither sends nor hears BPDUs.
    pub bpdu_filter: Option<bool>,
    /// `loop_guard on|off`: silence does not make a port forward.
    pub loop_guard: Option<bool>,
    /// `tc_guard on|off`: topology changes that the neighbour tells of stay where they are.
    pub tc_guard: Option<bool>,
    /// `speed MBIT` (`Some(Some)`) or `speed auto` (`Some(None)`: the netdev's own).
    pub speed: Option<Option<u32>>,
}

/// A property that is found out, or said to be one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admin {
    /// `auto`.
    #[default]
    Auto,
    /// `on`.
    On,
    /// `off`.
    Off,
}

impl Admin {
    /// Returns the word of the language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}
