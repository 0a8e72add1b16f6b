//! What show commands print, whichever machine runs.

use super::{Machine, Mode, Tree, both};
use crate::stp::classic::{BridgeInfo, PortInfo, Xstats};
use crate::stp::rstp::{self, Admin, Role};
use crate::stp::seam::{Ignored, Inconsistent};
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// A bridge's part of `tapswitch stp show` that [`BridgeInfo`] does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// `stp_mode`.
    pub mode: Mode,
    /// `tx_hold_count`.
    pub tx_hold_count: u8,
}

/// A port's part of `tapswitch stp show`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// What the port is for.
    pub role: Role,
    /// Its state; discarding is [`PortState::Blocking`].
    pub state: PortState,
    /// Its path cost.
    pub cost: u32,
    /// Time until it forwards, if nothing happens before; `None` if it does, or if time alone will not let
    /// it.
    pub forwards_in: Option<Duration>,
    /// Whether its link is taken for point-to-point.
    pub p2p: bool,
    /// Whether it is taken for an edge port.
    pub edge: bool,
    /// Whether it speaks RSTP.
    pub rapid: bool,
    /// Which guard keeps it out of use.
    pub inconsistent: Option<Inconsistent>,
    /// Time until BPDU guard lets it back; `None` if time alone will not.
    pub recovers_in: Option<Duration>,
    /// `p2p`, as set.
    pub admin_p2p: Admin,
    /// `edge`, as set.
    pub admin_edge: Admin,
    /// `bpdu_guard`.
    pub bpdu_guard: bool,
    /// `bpdu_filter`.
    pub bpdu_filter: bool,
    /// `root_block`.
    pub root_guard: bool,
    /// `loop_guard`.
    pub loop_guard: bool,
    /// `tc_guard`.
    pub tc_guard: bool,
    /// Its speed in Mbit/s, as set or as its netdev has it.
    pub speed: Option<u32>,
    /// Whether the speed was set by hand.
    pub admin_speed: bool,
    /// Topology changes that TC guard has ignored.
    pub changes_ignored: u64,
    /// Frames that had no effect on the tree, by [`Ignored::index`].
    pub ignored: [u64; Ignored::NAMES.len()],
}

impl Tree {
    /// Whether the spanning tree is on.
    #[must_use]
    pub const fn stp(&self) -> bool {
        self.settings.on
    }

    /// Returns the destination address of BPDUs.
    #[must_use]
    pub const fn group_address(&self) -> MacAddr {
        self.settings.group_address
    }

    /// Returns the address in the bridge's id.
    #[must_use]
    pub const fn address(&self) -> MacAddr {
        self.settings.address
    }

    /// Returns how long learned entries live.
    #[must_use]
    pub const fn hold(&self) -> Duration {
        both!(&self.machine, it => it.hold())
    }

    /// Whether some port forwards, and thus whether the bridge netdev has carrier.
    #[must_use]
    pub fn carrier(&self) -> bool {
        both!(&self.machine, it => it.carrier())
    }

    /// Iterates over the numbers of the ports.
    pub fn ports(&self) -> impl Iterator<Item = PortNo> + '_ {
        self.ports.iter().map(|port| port.no)
    }

    /// Returns a port's state.
    #[must_use]
    pub fn port_state(&self, port: PortNo) -> Option<PortState> {
        both!(&self.machine, it => it.port_state(port))
    }

    /// Returns what is set of the bridge that Linux has no words for.
    #[must_use]
    pub const fn status(&self) -> Status {
        Status {
            mode: self.settings.mode,
            tx_hold_count: self.settings.tx_hold_count,
        }
    }

    /// Returns what is to be shown of the bridge, in Linux's words.
    #[must_use]
    pub fn info(&self, now: Instant) -> BridgeInfo {
        match &self.machine {
            Machine::Classic(classic) => classic.info(now),
            Machine::Rapid(rapid) => rapid_info(rapid, now),
        }
    }

    /// Returns what is to be shown of a port, in Linux's words.
    #[must_use]
    pub fn port_info(&self, now: Instant, port: PortNo) -> Option<PortInfo> {
        match &self.machine {
            Machine::Classic(classic) => classic.port_info(now, port),
            Machine::Rapid(rapid) => Some(rapid_port_info(&rapid.port_info(now, port)?)),
        }
    }

    /// Returns what is to be shown of a port, in RSTP's words.
    #[must_use]
    pub fn port_status(&self, now: Instant, no: PortNo) -> Option<PortStatus> {
        let port = &self.ports[self.index(no)?];
        let some = |time: Duration| (!time.is_zero()).then_some(time);
        let status = PortStatus {
            role: Role::Disabled,
            state: PortState::Disabled,
            cost: port.cost(self.settings.mode),
            forwards_in: None,
            p2p: port.p2p != Admin::Off,
            edge: false,
            rapid: false,
            inconsistent: None,
            recovers_in: None,
            admin_p2p: port.p2p,
            admin_edge: port.edge,
            bpdu_guard: port.bpdu_guard,
            bpdu_filter: port.bpdu_filter,
            root_guard: port.root_guard,
            loop_guard: port.loop_guard,
            tc_guard: port.tc_guard,
            speed: port.speed(),
            admin_speed: port.admin_speed.is_some(),
            changes_ignored: 0,
            ignored: port.ignored,
        };
        Some(match &self.machine {
            Machine::Classic(classic) => {
                let info = classic.port_info(now, no)?;
                PortStatus {
                    role: classic.role(no)?,
                    state: info.state,
                    forwards_in: classic.forwards_in(now, no),
                    inconsistent: info.inconsistent,
                    recovers_in: some(info.recovery_timer),
                    changes_ignored: info.changes_ignored,
                    ..status
                }
            }
            Machine::Rapid(rapid) => {
                let info = rapid.port_info(now, no)?;
                PortStatus {
                    role: info.role,
                    state: info.state,
                    cost: info.cost,
                    forwards_in: info.forwards_in,
                    p2p: info.p2p,
                    edge: info.edge,
                    rapid: info.rapid,
                    inconsistent: info.inconsistent,
                    recovers_in: some(info.recovery_timer),
                    changes_ignored: info.changes_ignored,
                    ..status
                }
            }
        })
    }

    /// Returns a port's counters, those of machines that ran before included. RST BPDUs count as
    /// Configuration BPDUs.
    #[must_use]
    pub fn xstats(&self, port: PortNo) -> Option<Xstats> {
        let now = both!(&self.machine, it => it.xstats(port))?;
        let before = self.ports[self.index(port)?].before;
        Some(Xstats {
            transition_blk: before.transition_blk + now.transition_blk,
            transition_fwd: before.transition_fwd + now.transition_fwd,
            rx_bpdu: before.rx_bpdu + now.rx_bpdu,
            tx_bpdu: before.tx_bpdu + now.tx_bpdu,
            rx_tcn: before.rx_tcn + now.rx_tcn,
            tx_tcn: before.tx_tcn + now.tx_tcn,
        })
    }
}

fn rapid_info(rapid: &rstp::Bridge, now: Instant) -> BridgeInfo {
    let info = rapid.info(now);
    let ports = || rapid.ports().filter_map(|no| rapid.port_info(now, no));
    let hellos = ports().filter(|port| port.role == Role::Designated);
    let hello_timer = hellos.map(|port| port.hello_timer).min();
    BridgeInfo {
        forward_delay: info.forward_delay,
        hello_time: info.hello_time,
        max_age: info.max_age,
        ageing_time: info.ageing_time,
        stp: true,
        bridge_id: info.bridge_id,
        root_id: info.root_id,
        root_port: info.root_port,
        root_path_cost: info.root_path_cost,
        topology_change: info.topology_change,
        topology_change_detected: info.topology_change,
        hello_timer: hello_timer.unwrap_or(Duration::ZERO),
        tcn_timer: Duration::ZERO,
        topology_change_timer: info.topology_change_timer,
        group_address: info.group_address,
    }
}

fn rapid_port_info(info: &rstp::PortInfo) -> PortInfo {
    PortInfo {
        link: info.link,
        state: info.state,
        priority: u8::try_from(info.id.0 >> 10).unwrap_or(0),
        cost: info.cost,
        guard: info.bpdu_guard,
        root_block: info.root_block,
        id: info.id,
        designated_port: info.designated_port,
        designated_cost: info.designated_cost,
        designated_bridge: info.designated_bridge,
        designated_root: info.designated_root,
        hold_timer: info.hold_timer,
        message_age_timer: info.message_age_timer,
        forward_delay_timer: info.forward_delay_timer,
        topology_change_ack: info.topology_change_ack,
        config_pending: info.new_info,
        inconsistent: info.inconsistent,
        recovery_timer: info.recovery_timer,
        bpdu_filter: info.bpdu_filter,
        loop_guard: info.loop_guard,
        tc_guard: info.tc_guard,
        filtered: info.filtered,
        changes_ignored: info.changes_ignored,
    }
}
