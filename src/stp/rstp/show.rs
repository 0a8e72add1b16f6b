//! What show commands print of the tree.

use super::super::classic::Xstats;
use super::super::seam::Inconsistent;
use super::timers::Timer;
use super::{Admin, Bridge, Port, Role};
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::{BridgeId, MacAddr, PortId};

/// What is to be shown of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeInfo {
    /// Forward delay in force: the root's.
    pub forward_delay: Duration,
    /// The bridge's own hello time.
    pub hello_time: Duration,
    /// Max age in force: the root's.
    pub max_age: Duration,
    /// How long learned entries live.
    pub ageing_time: Duration,
    /// The bridge.
    pub bridge_id: BridgeId,
    /// The root, as far as the bridge knows.
    pub root_id: BridgeId,
    /// The port that leads there; none if the bridge is the root.
    pub root_port: Option<PortNo>,
    /// How far it is.
    pub root_path_cost: u32,
    /// Whether some port tells of a topology change.
    pub topology_change: bool,
    /// Time until no port does.
    pub topology_change_timer: Duration,
    /// Topology changes detected and heard of.
    pub topology_changes: u64,
    /// Time since the last of them.
    pub since_change: Option<Duration>,
    /// BPDUs per port and second, at most.
    pub tx_hold_count: u8,
    /// Where BPDUs are sent to.
    pub group_address: MacAddr,
    /// Calls after which machines had not settled; 0 unless there is a mistake in them.
    pub overruns: u64,
}

/// What is to be shown of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// Whether the netdev is up and has carrier, as last told.
    pub link: bool,
    /// What the port is for.
    pub role: Role,
    /// Its state; discarding is [`PortState::Blocking`].
    pub state: PortState,
    /// Time until it goes on to learning or forwarding, if nothing happens before; zero if it does not
    /// wait.
    pub forward_delay_timer: Duration,
    /// Time until it forwards, if nothing happens before; `None` if it does, or if time alone will not let
    /// it.
    pub forwards_in: Option<Duration>,
    /// Time until it says hello again; zero if it does not.
    pub hello_timer: Duration,
    /// Time until it may send one BPDU more in a second; zero if it has sent none.
    pub hold_timer: Duration,
    /// It has news that it could not send yet.
    pub new_info: bool,
    /// It will acknowledge a classic bridge's topology change notification.
    pub topology_change_ack: bool,
    /// Its identifier.
    pub id: PortId,
    /// Its path cost.
    pub cost: u32,
    /// Its speed in Mbit/s.
    pub speed: Option<u32>,
    /// Whether its link is point-to-point.
    pub p2p: bool,
    /// Whether it is an edge port.
    pub edge: bool,
    /// Whether it speaks RSTP, or classic STP as its neighbour does.
    pub rapid: bool,
    /// Which guard keeps it out of use.
    pub inconsistent: Option<Inconsistent>,
    /// Time until BPDU guard lets it back; zero if that does not run.
    pub recovery_timer: Duration,
    /// BPDU guard is on.
    pub bpdu_guard: bool,
    /// BPDU filter is on.
    pub bpdu_filter: bool,
    /// Root guard is on.
    pub root_block: bool,
    /// Loop guard is on.
    pub loop_guard: bool,
    /// TC guard is on.
    pub tc_guard: bool,
    /// BPDUs that the filter has dropped.
    pub filtered: u64,
    /// Topology changes that TC guard has ignored.
    pub changes_ignored: u64,
    /// The root, as the segment's designated bridge says.
    pub designated_root: BridgeId,
    /// How far that says it is.
    pub designated_cost: u32,
    /// The segment's designated bridge.
    pub designated_bridge: BridgeId,
    /// And its port on the segment.
    pub designated_port: PortId,
    /// Time until what is known of it is too old.
    pub message_age_timer: Duration,
    /// Whether the port tells of a topology change.
    pub topology_change: bool,
}

impl Bridge {
    /// Iterates over the numbers of the ports.
    pub fn ports(&self) -> impl Iterator<Item = PortNo> + '_ {
        self.ports.iter().map(|port| port.no)
    }

    /// Returns the destination address of BPDUs.
    #[must_use]
    pub const fn group_address(&self) -> MacAddr {
        self.group_address
    }

    /// Returns how long learned entries live. Topology changes flush instead of shortening it.
    #[must_use]
    pub const fn hold(&self) -> Duration {
        self.ageing_time
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
            forward_delay: self.root_times.forward_delay,
            hello_time: self.bridge_times.hello_time,
            max_age: self.root_times.max_age,
            ageing_time: self.ageing_time,
            bridge_id: self.bridge_identifier,
            root_id: self.root_priority.root,
            root_port: self.root_port,
            root_path_cost: self.root_priority.cost,
            topology_change: self.ports.iter().any(|port| !port.tc_while.is_zero()),
            topology_change_timer: (self.ports.iter())
                .map(|port| port.tc_while.remaining(now))
                .max()
                .unwrap_or(Duration::ZERO),
            topology_changes: self.topology_changes,
            since_change: self.changed_at.map(|at| now.saturating_since(at)),
            tx_hold_count: self.tx_hold_count,
            group_address: self.group_address,
            overruns: self.overruns,
        }
    }

    /// Returns what is to be shown of a port.
    #[must_use]
    pub fn port_info(&self, now: Instant, port: PortNo) -> Option<PortInfo> {
        let port = &self.ports[self.index(port)?];
        let guards = &port.guards;
        Some(PortInfo {
            link: port.link,
            role: port.role,
            state: port.state,
            forward_delay_timer: port.fd_while.remaining(now),
            forwards_in: self.forwards_in(now, port),
            hello_timer: port.hello_when.remaining(now),
            hold_timer: port.tx_tick.remaining(now),
            new_info: port.new_info,
            topology_change_ack: port.tc_ack,
            id: port.port_id,
            cost: port.port_path_cost,
            speed: port.speed,
            p2p: port.oper_point_to_point(),
            edge: port.oper_edge,
            rapid: port.send_rstp,
            inconsistent: guards.inconsistent,
            recovery_timer: port.recovery.remaining(now),
            bpdu_guard: guards.bpdu,
            bpdu_filter: guards.filter,
            root_block: guards.root,
            loop_guard: guards.loops,
            tc_guard: guards.tc,
            filtered: guards.filtered,
            changes_ignored: guards.changes_ignored,
            designated_root: port.port_priority.root,
            designated_cost: port.port_priority.cost,
            designated_bridge: port.port_priority.bridge,
            designated_port: port.port_priority.port,
            message_age_timer: port.rcvd_info_while.remaining(now),
            topology_change: !port.tc_while.is_zero(),
        })
    }

    /// Time until a port forwards (17.29.2, 17.29.3), or is found to be an edge port (17.25).
    fn forwards_in(&self, now: Instant, port: &Port) -> Option<Duration> {
        let waits = matches!(port.role, Role::Root | Role::Designated)
            && matches!(port.state, PortState::Blocking | PortState::Learning)
            && port.guards.inconsistent.is_none();
        let Timer::Until(at) = port.fd_while else {
            return None;
        };
        let delay = match port.send_rstp {
            true => self.designated_times().hello_time,
            false => self.designated_times().forward_delay,
        };
        let steps = match port.state {
            PortState::Blocking => delay,
            _ => Duration::ZERO,
        };
        let waited = at.saturating_since(now) + steps;
        let edge = port.admin_edge == Admin::Auto && port.send_rstp && port.proposing;
        let found = port.edge_delay_while.remaining(now);
        waits.then(|| if edge { waited.min(found) } else { waited })
    }

    /// Returns a port's counters. RST BPDUs count as Configuration BPDUs.
    #[must_use]
    pub fn xstats(&self, port: PortNo) -> Option<Xstats> {
        self.index(port).map(|index| self.ports[index].xstats)
    }
}
