//! Management of the tree (17.13, 17.18.2): ports come and go, parameters change.

use std::collections::VecDeque;

use super::super::cost;
use super::super::seam::{Inconsistent, Output, Refused};
use super::super::vector::Vector;
use super::timers::Timer;
use super::{Bridge, Change, Guards, InfoIs, Migration, Port, Role, Times, Xstats};
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::{BridgeId, MacAddr, PortId};

const DEFAULT_AGEING_TIME: Duration = Duration::from_secs(300);
const DEFAULT_BRIDGE_PRIORITY: u16 = 0x8000;
const DEFAULT_PORT_PRIORITY: u16 = 32;
/// Transmit Hold Count, Table 17-1: default and range.
pub(in super::super) const TX_HOLD_COUNT: u8 = 6;
const MAX_TX_HOLD_COUNT: u8 = 10;
/// Linux counts a port's priority in units of four of the standard's, which counts in sixteens.
const PRIORITY_SHIFT: u32 = 10;
const PORT_PRIORITY_STEP: u16 = 4;
const MAX_PORT_PRIORITY: u16 = 63;
const BRIDGE_PRIORITY_STEP: u16 = 0x1000;

/// A property of a port that is found out, or said to be one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Admin {
    /// It is found out.
    #[default]
    Auto,
    /// Yes, whatever it looks like.
    On,
    /// No, whatever it looks like.
    Off,
}

impl Bridge {
    /// Makes the machine of a new bridge: down, without ports, priority 32768, hello time 2 s, max age
    /// 20 s, forward delay 15 s, ageing time 300 s, transmit hold count 6 (Table 17-1).
    #[must_use]
    pub fn new(address: MacAddr) -> Self {
        let id = BridgeId {
            priority: DEFAULT_BRIDGE_PRIORITY,
            address,
        };
        let times = Times {
            message_age: Duration::ZERO,
            max_age: Duration::from_secs(20),
            hello_time: Duration::from_secs(2),
            forward_delay: Duration::from_secs(15),
        };
        Self {
            bridge_identifier: id,
            bridge_times: times,
            root_priority: Vector {
                root: id,
                cost: 0,
                bridge: id,
                port: PortId(0),
            },
            root_port: None,
            root_times: times,
            tx_hold_count: TX_HOLD_COUNT,
            reselect: false,
            up: false,
            group_address: MacAddr::BRIDGE_GROUP,
            ageing_time: DEFAULT_AGEING_TIME,
            topology_changes: 0,
            changed_at: None,
            overruns: 0,
            ports: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Sets the bridge up or down. Down, all its ports are disabled.
    pub fn set_up(&mut self, now: Instant, up: bool) {
        self.up = up;
        for index in 0..self.ports.len() {
            self.refresh_enabled(now, index);
        }
        self.run(now);
    }

    /// Adds a port, disabled. Its path cost is what `speed`, in Mbit/s, is worth; a speed that is not known
    /// counts as 10 Mbit/s.
    ///
    /// The number must be one that no port of the bridge has.
    pub fn add_port(&mut self, now: Instant, no: PortNo, speed: Option<u32>) {
        let Err(at) = self.ports.binary_search_by_key(&no, |port| port.no) else {
            debug_assert!(false, "port numbers are unique");
            return;
        };
        let port = Port::new(no, speed, self.bridge_times);
        self.ports.insert(at, port);
        self.reselect = true;
        self.run(now);
    }

    /// Takes a port away.
    pub fn remove_port(&mut self, now: Instant, no: PortNo) {
        if let Some(index) = self.index(no) {
            self.ports[index].link = false;
            self.refresh_enabled(now, index);
            self.run(now);
            self.ports.remove(index);
            self.reselect = true;
            self.run(now);
        }
    }

    /// Tells whether a port's netdev is up and has carrier. A port that BPDU guard has shut comes back with
    /// its link.
    pub fn set_link(&mut self, now: Instant, no: PortNo, link: bool) {
        let Some(index) = self.index(no) else {
            return;
        };
        self.ports[index].link = link;
        if !link {
            self.ports[index].recovery = Timer::Zero;
            self.recover(index, Inconsistent::Bpdu);
        }
        self.refresh_enabled(now, index);
        self.run(now);
    }

    /// Sets the bridge's address, and with it the bridge identifier.
    pub fn set_address(&mut self, now: Instant, address: MacAddr) {
        let old = std::mem::replace(&mut self.bridge_identifier.address, address);
        for index in 0..self.ports.len() {
            let port = &self.ports[index];
            // What we said ourselves must not come back as the word of a stranger.
            if port.info_is == InfoIs::Received && port.port_priority.bridge.address == old {
                self.aged(index);
            }
        }
        self.reselect(now);
    }

    /// Sets the bridge priority: a multiple of 4096, the lower 12 bits being the system identifier
    /// extension (9.2.5), which is 0 here.
    ///
    /// # Errors
    /// [`Refused::Step`].
    pub fn set_priority(&mut self, now: Instant, priority: u16) -> Result<(), Refused> {
        check_priority(priority)?;
        self.bridge_identifier.priority = priority;
        self.reselect(now);
        Ok(())
    }

    /// Sets a port's priority: 0 to 60 in steps of 4, which are the standard's 0 to 240 in steps of 16.
    ///
    /// # Errors
    /// [`Refused::Number`], [`Refused::Step`], [`Refused::NoPort`].
    pub fn set_port_priority(
        &mut self,
        now: Instant,
        no: PortNo,
        priority: u16,
    ) -> Result<(), Refused> {
        check_port_priority(priority)?;
        self.port(no)?.port_id = port_id(priority, no);
        self.reselect(now);
        Ok(())
    }

    /// Sets a port's path cost by hand, 1 to 200,000,000 (17.13.11).
    ///
    /// # Errors
    /// [`Refused::Number`], [`Refused::NoPort`].
    pub fn set_path_cost(&mut self, now: Instant, no: PortNo, cost: u32) -> Result<(), Refused> {
        cost::check(cost, cost::MAX_RAPID_COST)?;
        let port = self.port(no)?;
        port.port_path_cost = cost;
        port.admin_cost = true;
        self.reselect(now);
        Ok(())
    }

    /// Sets a port's speed in Mbit/s, and with it its path cost if that was not set by hand.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_speed(
        &mut self,
        now: Instant,
        no: PortNo,
        speed: Option<u32>,
    ) -> Result<(), Refused> {
        let port = self.port(no)?;
        port.speed = speed;
        if !port.admin_cost {
            port.port_path_cost = cost::rapid(speed);
            self.reselect(now);
        }
        Ok(())
    }

    /// Says whether there is a bridge at the other end of a port: an edge port forwards at once (17.25).
    ///
    /// [`Admin::Auto`], the default, takes a port for an edge port when its proposals have not been answered
    /// for 3 s. [`Admin::On`] counts from the next time that the link comes up, or at once if no BPDU has
    /// come in since it did; also then a BPDU makes the port an ordinary one.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_edge(&mut self, now: Instant, no: PortNo, edge: Admin) -> Result<(), Refused> {
        let port = self.port(no)?;
        port.admin_edge = edge;
        port.oper_edge |= edge == Admin::On && !port.heard;
        port.oper_edge &= edge != Admin::Off;
        port.awake = true;
        self.run(now);
        Ok(())
    }

    /// Says whether there is at most one bridge at the other end (6.4.3). Only then proposals are agreed
    /// to. [`Admin::Auto`], the default, means yes, as all netdevs are full duplex: a port on a hub wants
    /// [`Admin::Off`].
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_p2p(&mut self, now: Instant, no: PortNo, p2p: Admin) -> Result<(), Refused> {
        let port = self.port(no)?;
        port.admin_p2p = p2p;
        port.awake = true;
        self.run(now);
        Ok(())
    }

    /// Has a port that speaks classic STP try RSTP again (17.19.13, mcheck).
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn mcheck(&mut self, now: Instant, no: PortNo) -> Result<(), Refused> {
        let port = self.port(no)?;
        port.mcheck = true;
        port.awake = true;
        self.run(now);
        Ok(())
    }

    /// Sets BPDU guard: the next BPDU shuts the port. Off, a port that is shut comes back.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_bpdu_guard(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        self.port(no)?.guards.bpdu = on;
        if !on {
            self.unshut(now, no);
        }
        Ok(())
    }

    /// Sets how long BPDU guard shuts a port for; for ever (`None`, the default) means until its link goes
    /// down and up. Counts from the next time on.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_recovery(&mut self, no: PortNo, time: Option<Duration>) -> Result<(), Refused> {
        self.port(no)?.guards.recovery = time;
        Ok(())
    }

    /// Sets BPDU filter: the port neither sends nor hears BPDUs, and nothing protects from a loop through
    /// it. With BPDU guard, a BPDU shuts the port all the same.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_bpdu_filter(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let port = self.port(no)?;
        port.guards.filter = on;
        port.awake = true;
        self.run(now);
        Ok(())
    }

    /// Sets root guard (`root_block`): the port never leads to the root. While it hears of a better one, it
    /// discards.
    ///
    /// # Errors
    /// [`Refused::NoPort`], [`Refused::Exclusive`].
    pub fn set_root_block(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let port = self.port(no)?;
        if on && port.guards.loops {
            return Err(Refused::Exclusive);
        }
        port.guards.root = on;
        self.reselect(now);
        Ok(())
    }

    /// Sets loop guard: a port that was kept from forwarding by its neighbour's BPDUs and hears no more of
    /// them discards until it does. Only for point-to-point links.
    ///
    /// # Errors
    /// [`Refused::NoPort`], [`Refused::Exclusive`].
    pub fn set_loop_guard(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        let guards = &mut self.ports[index].guards;
        if on && guards.root {
            return Err(Refused::Exclusive);
        }
        guards.loops = on;
        if !on {
            self.recover(index, Inconsistent::Loop);
            self.run(now);
        }
        Ok(())
    }

    /// Sets TC guard: topology changes that the neighbour tells of are not passed on, and nothing is
    /// forgotten for them.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_tc_guard(&mut self, no: PortNo, on: bool) -> Result<(), Refused> {
        let guards = &mut self.port(no)?.guards;
        guards.tc = on;
        guards.ignored_at = None;
        Ok(())
    }

    /// Sets how many BPDUs a port may send in any second, 1 to 10 (17.13.12).
    ///
    /// # Errors
    /// [`Refused::Number`].
    pub fn set_tx_hold_count(&mut self, now: Instant, count: u8) -> Result<(), Refused> {
        check_tx_hold_count(count)?;
        self.tx_hold_count = count;
        for port in &mut self.ports {
            port.tx_count = 0; // 17.13
            port.tx_tick = Timer::Zero;
            port.awake = true;
        }
        self.run(now);
        Ok(())
    }

    /// Sets the three times, which must fit together ([`check_times`]).
    ///
    /// # Errors
    /// [`Refused::Time`], [`Refused::Times`].
    pub fn set_times(
        &mut self,
        now: Instant,
        hello_time: Duration,
        max_age: Duration,
        forward_delay: Duration,
    ) -> Result<(), Refused> {
        check_times(hello_time, max_age, forward_delay)?;
        self.bridge_times = Times {
            message_age: Duration::ZERO,
            max_age,
            hello_time,
            forward_delay,
        };
        self.reselect(now);
        Ok(())
    }

    /// Sets `group_address`, the destination of BPDUs sent and the only one of those heard.
    pub fn set_group_address(&mut self, address: MacAddr) {
        self.group_address = address;
    }

    /// Sets `ageing_time`, how long learned entries live.
    pub fn set_ageing_time(&mut self, value: Duration) {
        if self.ageing_time != value {
            self.ageing_time = value;
            self.outputs.push_back(Output::Hold(value));
        }
    }

    fn unshut(&mut self, now: Instant, no: PortNo) {
        if let Some(index) = self.index(no) {
            self.ports[index].recovery = Timer::Zero;
            self.recover(index, Inconsistent::Bpdu);
            self.refresh_enabled(now, index);
            self.run(now);
        }
    }

    /// Has all roles selected anew (17.13).
    fn reselect(&mut self, now: Instant) {
        self.reselect = true;
        self.run(now);
    }

    fn port(&mut self, no: PortNo) -> Result<&mut Port, Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        Ok(&mut self.ports[index])
    }
}

impl Port {
    /// All machines in their initial states (17.16), the link down.
    fn new(no: PortNo, speed: Option<u32>, port_times: Times) -> Self {
        Self {
            no,
            port_id: port_id(DEFAULT_PORT_PRIORITY, no),
            speed,
            port_path_cost: cost::rapid(speed),
            admin_cost: false,
            link: false,
            port_enabled: false,
            state: PortState::Disabled,
            awake: true,
            due: false,
            admin_edge: Admin::Auto,
            admin_p2p: Admin::Auto,
            heard: false,
            rapid_peer: false,
            said: false,
            guards: Guards::default(),
            xstats: Xstats::default(),
            edge_delay_while: Timer::Held,
            fd_while: Timer::Held,
            hello_when: Timer::Zero,
            mdelay_while: Timer::Held,
            rb_while: Timer::Zero,
            rcvd_info_while: Timer::Zero,
            rr_while: Timer::Zero,
            tc_while: Timer::Zero,
            tx_tick: Timer::Zero,
            recovery: Timer::Zero,
            agree: false,
            agreed: false,
            disputed: false,
            forward: false,
            forwarding: false,
            info_is: InfoIs::Disabled,
            learn: false,
            learning: false,
            mcheck: false,
            new_info: false,
            oper_edge: false,
            port_priority: Vector::default(),
            port_times,
            proposed: false,
            proposing: false,
            rcvd_msg: None,
            rcvd_rstp: false,
            rcvd_stp: false,
            rcvd_tc: false,
            rcvd_tc_ack: false,
            rcvd_tcn: false,
            re_root: false,
            role: Role::Disabled,
            selected: false,
            selected_role: Role::Disabled,
            send_rstp: true,
            sync: false,
            synced: true,
            tc_ack: false,
            tc_prop: false,
            tx_count: 0,
            updt_info: false,
            migration: Migration::CheckingRstp,
            change: Change::Inactive,
        }
    }
}

/// Checks whether three times fit together (17.14): hello time 1 s to 10 s (the standard knows 1 s to
/// 2 s), max age 6 s to 40 s, forward delay 4 s to 30 s, and
/// 2 × (forward delay − 1 s) ≥ max age ≥ 2 × (hello time + 1 s).
///
/// # Errors
/// [`Refused::Time`], [`Refused::Times`].
pub fn check_times(
    hello_time: Duration,
    max_age: Duration,
    forward_delay: Duration,
) -> Result<(), Refused> {
    within("hello time", hello_time, 1, 10)?;
    within("max age", max_age, 6, 40)?;
    within("forward delay", forward_delay, 4, 30)?;
    let second = Duration::from_secs(1);
    let reaches = forward_delay.saturating_sub(second).saturating_mul(2) >= max_age;
    if !reaches || max_age < (hello_time + second).saturating_mul(2) {
        return Err(Refused::Times {
            hello_time,
            max_age,
            forward_delay,
        });
    }
    Ok(())
}

/// Checks a transmit hold count: 1 to 10 (17.13.12).
pub(in super::super) fn check_tx_hold_count(count: u8) -> Result<(), Refused> {
    if (1..=MAX_TX_HOLD_COUNT).contains(&count) {
        return Ok(());
    }
    Err(Refused::Number {
        what: "tx_hold_count",
        value: count.into(),
        min: 1,
        max: MAX_TX_HOLD_COUNT.into(),
    })
}

/// Checks a bridge priority: a multiple of 4096 (9.2.5).
pub(in super::super) fn check_priority(priority: u16) -> Result<(), Refused> {
    multiple("priority", priority, BRIDGE_PRIORITY_STEP)
}

/// Checks a port priority: 0 to 60 in steps of 4, which are the standard's 0 to 240 in steps of 16.
pub(in super::super) fn check_port_priority(priority: u16) -> Result<(), Refused> {
    if priority > MAX_PORT_PRIORITY {
        return Err(Refused::Number {
            what: "port priority",
            value: priority.into(),
            min: 0,
            max: MAX_PORT_PRIORITY.into(),
        });
    }
    multiple("port priority", priority, PORT_PRIORITY_STEP)
}

const fn port_id(priority: u16, no: PortNo) -> PortId {
    PortId(priority << PRIORITY_SHIFT | no.get())
}

fn multiple(what: &'static str, value: u16, step: u16) -> Result<(), Refused> {
    if value.is_multiple_of(step) {
        return Ok(());
    }
    Err(Refused::Step {
        what,
        value: value.into(),
        step: step.into(),
    })
}

/// Checks a time against a range in seconds.
fn within(what: &'static str, value: Duration, min: u64, max: u64) -> Result<(), Refused> {
    let [min, max] = [min, max].map(Duration::from_secs);
    if value < min || value > max {
        return Err(Refused::Time {
            what,
            value,
            min,
            max,
        });
    }
    Ok(())
}
