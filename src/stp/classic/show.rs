//! What `ip -d link show` and `ip link xstats` print of the spanning tree.

use super::super::rstp::Role;
use super::super::seam::Inconsistent;
use super::Bridge;
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::{BridgeId, MacAddr, PortId};

/// A bridge's part of `ip -d link show`. Timers are what remains of them, zero when not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeInfo {
    /// `forward_delay` in force: the root's.
    pub forward_delay: Duration,
    /// `hello_time` in force.
    pub hello_time: Duration,
    /// `max_age` in force.
    pub max_age: Duration,
    /// `ageing_time`: while the topology changes, twice the forward delay.
    pub ageing_time: Duration,
    /// `stp_state`.
    pub stp: bool,
    /// `bridge_id`, whose priority is `priority`.
    pub bridge_id: BridgeId,
    /// `root_id`.
    pub root_id: BridgeId,
    /// `root_port`; 0 in print when we are the root.
    pub root_port: Option<PortNo>,
    /// `root_path_cost`.
    pub root_path_cost: u32,
    /// `topology_change`.
    pub topology_change: bool,
    /// `topology_change_detected`.
    pub topology_change_detected: bool,
    /// `hello_timer`.
    pub hello_timer: Duration,
    /// `tcn_timer`.
    pub tcn_timer: Duration,
    /// `topology_change_timer`.
    pub topology_change_timer: Duration,
    /// `group_address`.
    pub group_address: MacAddr,
}

/// A port's part of `ip -d link show`. Timers are what remains of them, zero when not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// Whether the netdev is up and has carrier, as last told.
    pub link: bool,
    /// `state`.
    pub state: PortState,
    /// `priority`, 0 to 63.
    pub priority: u8,
    /// `cost`.
    pub cost: u32,
    /// `guard`.
    pub guard: bool,
    /// `root_block`.
    pub root_block: bool,
    /// `port_id`.
    pub id: PortId,
    /// `designated_port`.
    pub designated_port: PortId,
    /// `designated_cost`.
    pub designated_cost: u32,
    /// `designated_bridge`.
    pub designated_bridge: BridgeId,
    /// `designated_root`.
    pub designated_root: BridgeId,
    /// `hold_timer`.
    pub hold_timer: Duration,
    /// `message_age_timer`.
    pub message_age_timer: Duration,
    /// `forward_delay_timer`.
    pub forward_delay_timer: Duration,
    /// `topology_change_ack`.
    pub topology_change_ack: bool,
    /// `config_pending`.
    pub config_pending: bool,
    /// Which guard keeps the port out of use.
    pub inconsistent: Option<Inconsistent>,
    /// Time until BPDU guard lets it back; zero if that does not run.
    pub recovery_timer: Duration,
    /// BPDU filter is on.
    pub bpdu_filter: bool,
    /// Loop guard is on.
    pub loop_guard: bool,
    /// TC guard is on.
    pub tc_guard: bool,
    /// BPDUs that the filter has dropped.
    pub filtered: u64,
    /// Topology changes that TC guard has ignored.
    pub changes_ignored: u64,
}

/// Counters of a port (`ip link xstats type bridge_slave stp`); all but those of reception stand still
/// while the spanning tree is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xstats {
    /// Times the port was put into blocking.
    pub transition_blk: u64,
    /// Times the port was put into forwarding.
    pub transition_fwd: u64,
    /// Configuration BPDUs received.
    pub rx_bpdu: u64,
    /// Configuration BPDUs sent.
    pub tx_bpdu: u64,
    /// Topology Change Notification BPDUs received.
    pub rx_tcn: u64,
    /// Topology Change Notification BPDUs sent.
    pub tx_tcn: u64,
}

/// What a bridge is set to, as opposed to what the root of its tree dictates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configured {
    /// `forward_delay`.
    pub forward_delay: Duration,
    /// `hello_time`.
    pub hello_time: Duration,
    /// `max_age`.
    pub max_age: Duration,
    /// `ageing_time`.
    pub ageing_time: Duration,
}

impl Bridge {
    /// Returns the times the bridge is set to.
    #[must_use]
    pub const fn configured(&self) -> Configured {
        Configured {
            forward_delay: self.own_times.forward_delay,
            hello_time: self.own_times.hello_time,
            max_age: self.own_times.max_age,
            ageing_time: self.own_ageing_time,
        }
    }

    /// Iterates over the numbers of the ports, the newest port first.
    pub fn ports(&self) -> impl Iterator<Item = PortNo> + '_ {
        self.ports.iter().map(|port| port.no)
    }

    /// Whether the spanning tree is on.
    #[must_use]
    pub const fn stp(&self) -> bool {
        self.stp
    }

    /// Returns the destination address of BPDUs.
    #[must_use]
    pub const fn group_address(&self) -> MacAddr {
        self.group_address
    }

    /// Returns how long learned entries live: the ageing time, or the forward delay while the topology
    /// changes (`hold_time`).
    #[must_use]
    pub const fn hold(&self) -> Duration {
        if self.topology_change {
            self.times.forward_delay
        } else {
            self.ageing_time
        }
    }

    /// Whether some port forwards, and thus whether the bridge netdev has carrier.
    #[must_use]
    pub fn carrier(&self) -> bool {
        self.ports
            .iter()
            .any(|port| port.state == PortState::Forwarding)
    }

    /// Returns a port's state.
    #[must_use]
    pub fn port_state(&self, port: PortNo) -> Option<PortState> {
        self.index(port).map(|index| self.ports[index].state)
    }

    /// Returns what is to be shown of the bridge.
    #[must_use]
    pub fn info(&self, now: Instant) -> BridgeInfo {
        BridgeInfo {
            forward_delay: self.times.forward_delay,
            hello_time: self.times.hello_time,
            max_age: self.times.max_age,
            ageing_time: self.ageing_time,
            stp: self.stp,
            bridge_id: self.id,
            root_id: self.designated_root,
            root_port: self.root_port,
            root_path_cost: self.root_path_cost,
            topology_change: self.topology_change,
            topology_change_detected: self.topology_change_detected,
            hello_timer: remaining(now, self.hello_timer),
            tcn_timer: remaining(now, self.tcn_timer),
            topology_change_timer: remaining(now, self.topology_change_timer),
            group_address: self.group_address,
        }
    }

    /// Returns what is to be shown of a port.
    #[must_use]
    pub fn port_info(&self, now: Instant, port: PortNo) -> Option<PortInfo> {
        let port = &self.ports[self.index(port)?];
        Some(PortInfo {
            link: port.link,
            state: port.state,
            priority: port.priority,
            cost: port.path_cost,
            guard: port.guard,
            root_block: port.root_block,
            id: port.id,
            designated_port: port.designated.port,
            designated_cost: port.designated.cost,
            designated_bridge: port.designated.bridge,
            designated_root: port.designated.root,
            hold_timer: remaining(now, port.hold_timer),
            message_age_timer: remaining(now, port.message_age_timer),
            forward_delay_timer: remaining(now, port.forward_delay_timer),
            topology_change_ack: port.topology_change_ack,
            config_pending: port.config_pending,
            inconsistent: port.guards.inconsistent,
            recovery_timer: remaining(now, port.guards.recovery_timer),
            bpdu_filter: port.guards.filter,
            loop_guard: port.guards.loops,
            tc_guard: port.guards.tc,
            filtered: port.guards.filtered,
            changes_ignored: port.guards.changes_ignored,
        })
    }

    /// Returns what a port is for, in the words of RSTP: blocking ports are in reserve, and a port that is
    /// neither on the way to the root nor kept from its segment is its segment's way there.
    #[must_use]
    pub fn role(&self, port: PortNo) -> Option<Role> {
        let index = self.index(port)?;
        Some(match self.ports[index].state {
            PortState::Disabled => Role::Disabled,
            _ if self.root_port == Some(port) => Role::Root,
            _ if self.is_designated(index) => Role::Designated,
            _ if self.ports[index].designated.bridge == self.id => Role::Backup,
            _ => Role::Alternate,
        })
    }

    /// Returns how long it takes a port to forward, if nothing happens before; `None` if it does, or is
    /// not on its way to.
    #[must_use]
    pub fn forwards_in(&self, now: Instant, port: PortNo) -> Option<Duration> {
        let port = &self.ports[self.index(port)?];
        let step = port.forward_delay_timer?.saturating_since(now);
        match port.state {
            PortState::Listening => Some(step + self.times.forward_delay),
            PortState::Learning => Some(step),
            PortState::Disabled | PortState::Blocking | PortState::Forwarding => None,
        }
    }

    /// Returns a port's counters.
    #[must_use]
    pub fn xstats(&self, port: PortNo) -> Option<Xstats> {
        self.index(port).map(|index| self.ports[index].xstats)
    }
}

fn remaining(now: Instant, timer: Option<Instant>) -> Duration {
    timer.map_or(Duration::ZERO, |at| at.saturating_since(now))
}
