//! The Rapid Spanning Tree Protocol of IEEE 802.1D-2004 clause 17.
//!
//! This file is the frame around the machines: their variables (17.18, 17.19), reception (17.23), and the
//! loop that runs them. Each machine is one function, named after its clause, in clause order:
//! `timers` 17.22, `migration` 17.24 and 17.25, `transmit` 17.26, `information` 17.27, `roles` 17.28 to
//! 17.30, `change` 17.31; `admin` and `show` are management. Machines set variables and never call each
//! other. `Bridge::run` repeats them until none has anything to do; it visits only ports that something
//! has happened to, and states with an unconditional exit are part of the way through them.
//!
//! Variables have the standard's names. Clause numbers are those of 802.1D-2004 unless said.
//!
//! # Bounds
//! Memory: a fixed amount per port, and outputs not yet polled. Work per call: at most 64 visits of each
//! port; a call that concerns one port only, such as a repeated BPDU, costs one pass.
//!
//! # No loops on the way
//! The standard's machines do loop for moments when a root dies: bridges believe each other's stale
//! information, count up to the end of its life, and act on agreements that were given to something else.
//! Two rules more prevent that on point-to-point links:
//! - When what a designated port says becomes worse, or was not its business before, and an RSTP bridge
//!   listens, it discards until that bridge has agreed anew. Then along any path of forwarding ports what
//!   is said can only become worse, and cannot come back to where it began. (17.29.3 leaves `agreed`
//!   cleared and goes on forwarding.)
//! - An agreement counts only if it can be one to what the port says now (`record_agreement`).
//!
//! Both cost a round trip per bridge, so milliseconds, and other vendors' bridges notice nothing. What is
//! left: an agreement that is on its way while its sender's and its receiver's minds both change may be
//! taken for one to the same words said again, and close a loop until the next BPDU arrives, so for less
//! than a round trip. (None in 2,000 random networks that break and heal; in 20,000, none longer than that.)
//! On shared segments, where nobody can agree, a transient loop remains possible: in 4 of 2,000 networks,
//! for at most 6 s.
//!
//! # Deviations from the standard
//! - Those two.
//! - Timers are exact and start when their variable is set; there is no tick (17.22). A timer that a state
//!   holds at its initial value (`fdWhile` of a blocked port) is held and starts when the state is left.
//! - A disputed port is kept from forwarding for three hello times, as long as information lives, and
//!   `disputed` takes the place of `agreed` (802.1Q-2005; the text of 17.21.10 lets a one-way link loop).
//! - `allSynced` also asks that no port has its information to update (802.1Q), so that no agreement can
//!   rest on what a port was synced for before.
//! - `betterorsameInfo` takes the origin of the new information into account (802.1Q-2005).
//! - `fdWhile` of a blocked port is `forwardDelay`, as 17.29.4 tests it, not FwdDelay, as it sets it.
//! - The same-sender rule of 17.6 compares address and port number only, and is not used to choose the
//!   root port.
//! - While no topology change goes on, a root port towards a classic bridge sends no notification (17.26
//!   lets an agreement cause one).
//! - A port that hears its own RST BPDUs treats them as a dispute.
//! - Force Protocol Version is always 2: a bridge that shall speak STP is a [`super::classic`] one.

mod admin;
mod change;
mod information;
mod migration;
mod roles;
mod show;
mod timers;
mod transmit;

use std::collections::VecDeque;

use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::{Bpdu, BpduError, BridgeId, MacAddr, Pdu, PortId, RapidRole};

use super::classic::Xstats;
use super::seam::{Event, Ignored, Inconsistent, Output};
use super::vector::Vector;
pub use admin::{Admin, check_times};
pub(super) use admin::{TX_HOLD_COUNT, check_port_priority, check_priority, check_tx_hold_count};
pub use show::{BridgeInfo, PortInfo};
use timers::Timer;

/// Visits of a port per call, at most. Networks of the tests stay below a third of it; a breach would
/// leave the rest to the next call, and is counted.
const MAX_PASSES: u32 = 64;

/// Migrate Time (17.13.9, Table 17-1).
const MIGRATE_TIME: Duration = Duration::from_secs(3);

/// What a port is for (17.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The way to the root.
    Root,
    /// The segment's way to the root.
    Designated,
    /// Another way to the root, kept in reserve.
    Alternate,
    /// Another way to a segment of ours, kept in reserve.
    Backup,
    /// Down.
    Disabled,
}

impl Role {
    /// Returns the word for it in show commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Designated => "designated",
            Self::Alternate => "alternate",
            Self::Backup => "backup",
            Self::Disabled => "disabled",
        }
    }
}

/// The times that travel with a priority vector (17.18.4, 17.18.7, 17.19.5, 17.19.15, 17.19.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    message_age: Duration,
    max_age: Duration,
    hello_time: Duration,
    forward_delay: Duration,
}

/// Where a port's information comes from (17.19.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InfoIs {
    Disabled,
    Received,
    Mine,
    Aged,
}

/// States of the Port Protocol Migration machine (17.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Migration {
    CheckingRstp,
    SelectingStp,
    Sensing,
}

/// States of the Topology Change machine (17.31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Inactive,
    Learning,
    Active,
}

/// One bridge's part in the spanning tree.
#[derive(Clone, Debug)]
pub struct Bridge {
    bridge_identifier: BridgeId, // 17.18.2
    bridge_times: Times,         // 17.18.4: ours, in force while we are the root
    root_priority: Vector,       // 17.18.6
    root_port: Option<PortNo>,   // 17.18.5: rootPortId
    root_times: Times,           // 17.18.7
    tx_hold_count: u8,           // 17.13.12
    reselect: bool,              // 17.19.34: of any port
    up: bool,                    // IFF_UP
    group_address: MacAddr,      // destination of BPDUs
    ageing_time: Duration,
    topology_changes: u64,       // detected here or heard of
    changed_at: Option<Instant>, // the last of them
    overruns: u64,               // calls that hit MAX_PASSES
    ports: Vec<Port>,            // by number
    outputs: VecDeque<Output>,
}

/// One port's part in it.
#[derive(Clone, Debug)]
struct Port {
    no: PortNo,
    port_id: PortId,     // 17.19.19
    speed: Option<u32>,  // Mbit/s
    port_path_cost: u32, // 17.13.11
    admin_cost: bool,    // port_path_cost was set by hand
    link: bool,          // the netdev is up and has carrier
    port_enabled: bool,  // 17.19.18: link, bridge up, not shut
    state: PortState,    // the last Output::SetState
    awake: bool,         // something has happened that a machine may act on
    due: bool,           // it has looked in this pass, and has not acted yet
    admin_edge: Admin,   // 17.13.1 AdminEdge and 17.13.3 AutoEdge
    admin_p2p: Admin,    // 6.4.3 adminPointToPointMAC
    heard: bool,         // a BPDU came in since the port was enabled
    rapid_peer: bool,    // and the last one was an RST BPDU
    said: bool,          // port_priority has been sent
    guards: Guards,
    xstats: Xstats,

    edge_delay_while: Timer, // 17.17.1
    fd_while: Timer,         // 17.17.2
    hello_when: Timer,       // 17.17.3
    mdelay_while: Timer,     // 17.17.4
    rb_while: Timer,         // 17.17.5
    rcvd_info_while: Timer,  // 17.17.6
    rr_while: Timer,         // 17.17.7
    tc_while: Timer,         // 17.17.8
    tx_tick: Timer,          // when tx_count goes down next
    recovery: Timer,         // when a port that BPDU guard has shut comes back

    agree: bool,            // 17.19.2
    agreed: bool,           // 17.19.3
    disputed: bool,         // 17.19.6
    forward: bool,          // 17.19.8: shall forward
    forwarding: bool,       // 17.19.9: does
    info_is: InfoIs,        // 17.19.10
    learn: bool,            // 17.19.11: shall learn
    learning: bool,         // 17.19.12: does
    mcheck: bool,           // 17.19.13
    new_info: bool,         // 17.19.16
    oper_edge: bool,        // 17.19.17
    port_priority: Vector,  // 17.19.21
    port_times: Times,      // 17.19.22
    proposed: bool,         // 17.19.23
    proposing: bool,        // 17.19.24
    rcvd_msg: Option<Bpdu>, // 17.19.27, and the message
    rcvd_rstp: bool,        // 17.19.28
    rcvd_stp: bool,         // 17.19.29
    rcvd_tc: bool,          // 17.19.30
    rcvd_tc_ack: bool,      // 17.19.31
    rcvd_tcn: bool,         // 17.19.32
    re_root: bool,          // 17.19.33
    role: Role,             // 17.19.35
    selected: bool,         // 17.19.36
    selected_role: Role,    // 17.19.37
    send_rstp: bool,        // 17.19.38
    sync: bool,             // 17.19.39
    synced: bool,           // 17.19.40
    tc_ack: bool,           // 17.19.41
    tc_prop: bool,          // 17.19.42
    tx_count: u8,           // 17.19.44
    updt_info: bool,        // 17.19.45
    migration: Migration,   // state of 17.24
    change: Change,         // state of 17.31
}

/// What watches over a port, and what it has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Guards {
    bpdu: bool,
    filter: bool,
    loops: bool,
    root: bool,
    tc: bool,
    recovery: Option<Duration>,
    inconsistent: Option<Inconsistent>,
    filtered: u64,
    changes_ignored: u64,
    ignored_at: Option<Instant>, // when a change was ignored last
}

/// What of a port other ports' machines look at.
type Visible = (Role, Role, bool, bool, bool, bool);

impl Bridge {
    /// Returns the next thing to do, in order. May change after every call that takes `&mut self`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes a frame that came in by a port and was trapped.
    ///
    /// # Errors
    /// Why it had no effect on the tree. Nothing needs to be done about it.
    pub fn receive(&mut self, now: Instant, port: PortNo, frame: &[u8]) -> Result<(), Ignored> {
        let pdu = Pdu::parse_any_version(frame)?;
        let index = self.index(port).ok_or(Ignored::NoPort(port))?;
        if !self.up {
            return Err(Ignored::Down);
        }
        let receiver = (self.bridge_identifier, self.ports[index].port_id);
        let port = &mut self.ports[index];
        if !port.port_enabled {
            return Err(Ignored::PortDisabled);
        }
        if pdu.destination != self.group_address {
            return Err(Ignored::Destination(pdu.destination));
        }
        // Before the message is looked at, and before the filter: any BPDU trips the guard.
        if port.guards.bpdu {
            self.shut(now, index);
            return Err(Ignored::Guarded);
        }
        if port.guards.filter {
            port.guards.filtered += 1;
            return Err(Ignored::Filtered);
        }
        let bpdu = match pdu.rapid_message(receiver) {
            Ok(bpdu) => bpdu,
            Err(error) => {
                if error == BpduError::LoopedBack {
                    self.looped_back(now, index);
                }
                return Err(error.into());
            }
        };
        self.port_receive(now, index, bpdu);
        self.run(now);
        Ok(())
    }

    /// 17.23, Port Receive.
    fn port_receive(&mut self, now: Instant, index: usize, bpdu: Bpdu) {
        let port = &mut self.ports[index];
        let bpdu = match bpdu {
            // 9.2.9: it counts as a Configuration BPDU.
            Bpdu::Rapid(rapid) if rapid.role == RapidRole::Unknown => Bpdu::Config(rapid.config),
            other => other,
        };
        // 17.21.22, updtBPDUVersion.
        port.rcvd_rstp = matches!(bpdu, Bpdu::Rapid(_));
        port.rcvd_stp = !port.rcvd_rstp;
        port.rapid_peer = port.rcvd_rstp;
        match bpdu {
            Bpdu::TopologyChange => port.xstats.rx_tcn += 1,
            Bpdu::Config(_) | Bpdu::Rapid(_) => port.xstats.rx_bpdu += 1,
        }
        port.oper_edge = false;
        port.rcvd_msg = Some(bpdu);
        port.edge_delay_while = Timer::start(now, MIGRATE_TIME);
        port.heard = true;
        port.awake = true;
        self.recover(index, Inconsistent::Loop);
    }

    /// The segment leads back to this very port: whatever it forwards, it would get back.
    fn looped_back(&mut self, now: Instant, index: usize) {
        let port = &mut self.ports[index];
        if !port.disputed && port.port_state() != PortState::Blocking {
            self.outputs
                .push_back(Output::Event(port.no, Event::LoopedBack));
        }
        port.disputed = true;
        port.agreed = false;
        port.oper_edge = false;
        port.edge_delay_while = Timer::start(now, MIGRATE_TIME);
        port.heard = true;
        port.awake = true;
        self.run(now);
    }

    /// Lets the machines go on until none has anything to do (17.16). In each pass, first all ports find out
    /// what they know, then roles are selected, once, then all ports act: roles that are about to change
    /// are nothing to act upon.
    fn run(&mut self, now: Instant) {
        for _ in 0..MAX_PASSES {
            let mut busy = false;
            for index in 0..self.ports.len() {
                if std::mem::take(&mut self.ports[index].awake) {
                    busy = true;
                    self.ports[index].due = true;
                    self.look(now, index);
                }
            }
            if self.reselect {
                self.port_role_selection();
                busy = true;
            }
            if !busy {
                return;
            }
            for index in 0..self.ports.len() {
                if std::mem::take(&mut self.ports[index].due) {
                    self.act(now, index);
                }
            }
        }
        self.overruns += 1;
        debug_assert!(false, "the machines do not settle");
    }

    /// Lets those of a port's machines go on that look outwards. Where anything has changed, the port is
    /// visited again.
    fn look(&mut self, now: Instant, index: usize) {
        let before = self.ports[index].visible();
        let mut changed = self.port_protocol_migration(now, index);
        changed |= self.bridge_detection(index);
        changed |= self.port_information(now, index);
        self.ports[index].awake |= changed;
        if self.ports[index].visible() != before {
            self.wake_all();
        }
    }

    /// Lets the others go on.
    fn act(&mut self, now: Instant, index: usize) {
        let before = self.ports[index].visible();
        let mut changed = self.port_role_transitions(now, index);
        changed |= self.port_state_transition(index);
        changed |= self.topology_change(now, index);
        changed |= self.port_transmit(now, index);
        self.ports[index].awake |= changed;
        if self.ports[index].visible() != before {
            self.wake_all();
        }
    }

    fn wake_all(&mut self) {
        for port in &mut self.ports {
            port.awake = true;
        }
    }

    /// 17.19.4, designatedPriority: what we would say on the port's segment.
    fn designated_priority(&self, index: usize) -> Vector {
        Vector {
            root: self.root_priority.root,
            cost: self.root_priority.cost,
            bridge: self.bridge_identifier,
            port: self.ports[index].port_id,
        }
    }

    /// 17.19.5, designatedTimes: the root's, but hellos are our own (17.21.25 e). The same for each port.
    const fn designated_times(&self) -> Times {
        Times {
            hello_time: self.bridge_times.hello_time,
            ..self.root_times
        }
    }

    /// 17.20.5: how long a port that nobody vouches for waits before each of learning and forwarding.
    fn forward_delay(&self, index: usize) -> Duration {
        if self.ports[index].send_rstp {
            self.designated_times().hello_time
        } else {
            self.designated_times().forward_delay
        }
    }

    fn recover(&mut self, index: usize, from: Inconsistent) {
        let port = &mut self.ports[index];
        if port.guards.inconsistent == Some(from) {
            port.guards.inconsistent = None;
            port.awake = true;
            self.outputs
                .push_back(Output::Event(port.no, Event::Recovered(from)));
        }
    }

    fn trip(&mut self, index: usize, into: Inconsistent) {
        let port = &mut self.ports[index];
        if port.guards.inconsistent != Some(into) {
            port.guards.inconsistent = Some(into);
            port.awake = true;
            self.outputs
                .push_back(Output::Event(port.no, Event::Tripped(into)));
        }
    }

    fn index(&self, port: PortNo) -> Option<usize> {
        self.ports.binary_search_by_key(&port, |p| p.no).ok()
    }
}

impl Port {
    /// 6.4.3, operPointToPointMAC. All netdevs are full duplex, and that is what `auto` goes by (6.5.1).
    fn oper_point_to_point(&self) -> bool {
        self.admin_p2p != Admin::Off
    }

    /// What Linux calls the state that the machines have brought the port to.
    const fn port_state(&self) -> PortState {
        match (self.port_enabled, self.learning, self.forwarding) {
            (false, ..) => PortState::Disabled,
            (true, _, true) => PortState::Forwarding,
            (true, true, false) => PortState::Learning,
            (true, false, false) => PortState::Blocking,
        }
    }

    fn visible(&self) -> Visible {
        (
            self.role,
            self.selected_role,
            self.selected,
            self.synced,
            self.updt_info,
            self.rr_while.is_zero(),
        )
    }
}
