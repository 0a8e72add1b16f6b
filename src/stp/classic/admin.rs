//! Management of the spanning tree (8.8): ports come and go, parameters change.

use std::collections::VecDeque;

use super::super::cost;
use super::super::seam::Refused;
use super::{Bridge, Guards, Output, Port, PortState, Times, Vector, Xstats, after};
use crate::switch::PortNo;
use crate::time::{Duration, Instant};
use crate::wire::{BridgeId, MacAddr, PortId};

const DEFAULT_AGEING_TIME: Duration = Duration::from_secs(300);
const DEFAULT_BRIDGE_PRIORITY: u16 = 0x8000;
pub(in super::super) const DEFAULT_PORT_PRIORITY: u8 = 32;
/// Bits of a port identifier that are the number (`BR_PORT_BITS`).
const PORT_BITS: u32 = 10;
const MAX_PORT_PRIORITY: u32 = u16::MAX as u32 >> PORT_BITS;
const FORWARD_DELAY: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];

impl Bridge {
    /// Makes the machine of a new bridge: down, spanning tree off, without ports, priority 32768, and
    /// Linux's default times (hello 2 s, max age 20 s, forward delay 15 s, ageing 300 s).
    #[must_use]
    pub fn new(address: MacAddr) -> Self {
        let id = BridgeId {
            priority: DEFAULT_BRIDGE_PRIORITY,
            address,
        };
        let times = Times {
            max_age: Duration::from_secs(20),
            hello_time: Duration::from_secs(2),
            forward_delay: Duration::from_secs(15),
        };
        Self {
            id,
            group_address: MacAddr::BRIDGE_GROUP,
            up: false,
            stp: false,
            designated_root: id,
            root_path_cost: 0,
            root_port: None,
            times,
            own_times: times,
            topology_change_detected: false,
            topology_change: false,
            hello_timer: None,
            tcn_timer: None,
            topology_change_timer: None,
            ageing_time: DEFAULT_AGEING_TIME,
            own_ageing_time: DEFAULT_AGEING_TIME,
            hold: DEFAULT_AGEING_TIME,
            ports: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Sets the bridge up or down (`br_dev_open`, `br_dev_stop`). Down, all its ports are disabled.
    pub fn set_up(&mut self, now: Instant, up: bool) {
        if self.up == up {
            return;
        }
        if up {
            if self.stp {
                self.hello_timer = after(now, self.times.hello_time);
            }
            for index in 0..self.ports.len() {
                if self.ports[index].link {
                    self.enable_port(now, index);
                }
            }
        } else {
            for index in 0..self.ports.len() {
                if self.ports[index].state != PortState::Disabled {
                    self.disable_port(now, index);
                }
            }
            self.set_topology_change(false);
            self.topology_change_detected = false;
            self.hello_timer = None;
            self.tcn_timer = None;
            self.topology_change_timer = None;
        }
        // Last, as in the kernel: opening is not a topology change, and closing may still announce one.
        self.up = up;
    }

    /// Switches the spanning tree on or off (`stp_state`). States of ports stay as they are, whichever way;
    /// on, the forward delay is forced into 2 s to 30 s.
    pub fn set_stp(&mut self, now: Instant, on: bool) {
        if self.stp == on {
            return;
        }
        if on {
            let [min, max] = FORWARD_DELAY;
            let own = self.own_times.forward_delay;
            if own < min || own > max {
                self.adopt_forward_delay(own.clamp(min, max));
            }
            self.stp = true;
            if self.up {
                self.hello_timer = after(now, self.times.hello_time);
            }
            self.port_state_selection(now);
        } else {
            self.stp = false;
        }
    }

    /// Adds a port, disabled. `path_cost` is what its speed is worth (2 for 10 Gb/s, as TAP and veth have).
    ///
    /// The number must be one that no port of the bridge has.
    pub fn add_port(&mut self, now: Instant, no: PortNo, path_cost: u32) {
        debug_assert!(self.index(no).is_none(), "port numbers are unique");
        let id = port_id(DEFAULT_PORT_PRIORITY, no);
        let port = Port {
            no,
            id,
            priority: DEFAULT_PORT_PRIORITY,
            link: false,
            state: PortState::Disabled,
            path_cost,
            admin_cost: false,
            designated: Vector::default(),
            recorded_at: now,
            recorded_age: Duration::ZERO,
            topology_change_ack: false,
            config_pending: false,
            message_age_timer: None,
            forward_delay_timer: None,
            hold_timer: None,
            guard: false,
            root_block: false,
            guards: Guards::default(),
            // A new port passes through blocking before it is disabled, and Linux counts that.
            xstats: Xstats {
                transition_blk: u64::from(self.stp),
                ..Xstats::default()
            },
        };
        self.ports.insert(0, port);
        self.become_designated(0);
    }

    /// Takes a port away.
    pub fn remove_port(&mut self, now: Instant, no: PortNo) {
        if let Some(index) = self.index(no) {
            self.disable_port(now, index);
            self.ports.remove(index);
        }
    }

    /// Tells whether a port's netdev is up and has carrier.
    ///
    /// To be called also when nothing of that has changed but the kernel would look again
    /// (`NETDEV_CHANGE`: most `ip link set` on a netdev that is up): a port that `guard` or a user has
    /// disabled comes back then.
    pub fn set_link(&mut self, now: Instant, no: PortNo, link: bool) {
        let Some(index) = self.index(no) else {
            return;
        };
        self.ports[index].link = link;
        self.link_known(index);
        let enabled = self.ports[index].state != PortState::Disabled;
        if self.up && link && !enabled {
            self.enable_port(now, index);
        } else if self.up && !link && enabled {
            self.disable_port(now, index);
        }
    }

    /// Tells that a port's netdev was set down (`br_device_event` for `NETDEV_DOWN`): the port is disabled
    /// even if it was already, and what it learned before somebody did that is forgotten.
    pub fn shut_port(&mut self, now: Instant, no: PortNo) {
        if let Some(index) = self.index(no) {
            self.ports[index].link = false;
            self.link_known(index);
            if self.up {
                self.disable_port(now, index);
            }
        }
    }

    /// 8.8.2.
    pub(super) fn enable_port(&mut self, now: Instant, index: usize) {
        self.become_designated(index);
        self.set_state(index, PortState::Blocking);
        self.ports[index].topology_change_ack = false;
        self.ports[index].config_pending = false;
        self.port_state_selection(now);
    }

    /// 8.8.3.
    pub(super) fn disable_port(&mut self, now: Instant, index: usize) {
        let was_root = self.is_root();
        self.become_designated(index);
        self.set_state(index, PortState::Disabled);
        let port = &mut self.ports[index];
        port.topology_change_ack = false;
        port.config_pending = false;
        port.message_age_timer = None;
        port.forward_delay_timer = None;
        port.hold_timer = None;
        self.outputs.push_back(Output::Flush(port.no));
        self.configuration_update(now);
        self.port_state_selection(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// Sets the bridge's address, and with it the bridge identifier (`br_stp_change_bridge_id`).
    pub fn set_address(&mut self, now: Instant, address: MacAddr) {
        let was_root = self.is_root();
        let old = std::mem::replace(&mut self.id.address, address);
        for port in &mut self.ports {
            for id in [&mut port.designated.bridge, &mut port.designated.root] {
                if id.address == old {
                    id.address = address;
                }
            }
        }
        self.reconsider(now, was_root);
    }

    /// 8.8.4: sets the bridge priority; any 16 bits.
    pub fn set_priority(&mut self, now: Instant, priority: u16) {
        let was_root = self.is_root();
        for index in 0..self.ports.len() {
            if self.ports[index].state != PortState::Disabled && self.is_designated(index) {
                self.ports[index].designated.bridge.priority = priority;
            }
        }
        self.id.priority = priority;
        self.reconsider(now, was_root);
    }

    fn reconsider(&mut self, now: Instant, was_root: bool) {
        self.configuration_update(now);
        self.port_state_selection(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// 8.8.5: sets a port's priority, 0 to 63.
    ///
    /// # Errors
    /// [`Refused::Number`], [`Refused::NoPort`].
    pub fn set_port_priority(
        &mut self,
        now: Instant,
        no: PortNo,
        priority: u16,
    ) -> Result<(), Refused> {
        let refused = Refused::Number {
            what: "port priority",
            value: priority.into(),
            min: 0,
            max: MAX_PORT_PRIORITY,
        };
        let priority = u8::try_from(priority)
            .ok()
            .filter(|p| u32::from(*p) <= MAX_PORT_PRIORITY)
            .ok_or(refused)?;
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        let id = port_id(priority, no);
        let was_designated = self.is_designated(index);
        let port = &mut self.ports[index];
        if was_designated {
            port.designated.port = id;
        }
        port.id = id;
        port.priority = priority;
        if port.designated.bridge == self.id && id < port.designated.port {
            self.become_designated(index);
            self.port_state_selection(now);
        }
        Ok(())
    }

    /// 8.8.6: sets a port's path cost by hand, 1 to 65535.
    ///
    /// # Errors
    /// [`Refused::Number`], [`Refused::NoPort`].
    pub fn set_path_cost(&mut self, now: Instant, no: PortNo, cost: u32) -> Result<(), Refused> {
        cost::check(cost, cost::MAX_CLASSIC_COST)?;
        self.index(no).ok_or(Refused::NoPort(no))?;
        self.adopt_path_cost(now, no, cost, true);
        Ok(())
    }

    /// Takes a path cost as it is, set by hand or not.
    pub(in super::super) fn adopt_path_cost(
        &mut self,
        now: Instant,
        no: PortNo,
        cost: u32,
        by_hand: bool,
    ) {
        if let Some(index) = self.index(no) {
            self.ports[index].path_cost = cost;
            self.ports[index].admin_cost = by_hand;
            self.configuration_update(now);
            self.port_state_selection(now);
        }
    }

    /// Notes the path cost that a port's speed is worth, found out anew when its link comes up. Without
    /// effect on a port whose cost was set by hand; otherwise it counts at the next selection.
    pub fn set_speed_cost(&mut self, no: PortNo, cost: u32) {
        if let Some(port) = self.ports.iter_mut().find(|p| p.no == no && !p.admin_cost) {
            port.path_cost = cost;
        }
    }

    /// Sets a port's state by hand (`state N`). With the spanning tree off, blocking becomes forwarding at
    /// once; the others stay.
    ///
    /// That the netdev is up, and has carrier for any state but disabled, is for the caller to see to.
    ///
    /// # Errors
    /// [`Refused::Busy`] while the spanning tree is on, [`Refused::NoPort`].
    pub fn set_port_state(
        &mut self,
        now: Instant,
        no: PortNo,
        state: PortState,
    ) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        if self.stp {
            return Err(Refused::Busy);
        }
        self.set_state(index, state);
        self.port_state_selection(now);
        Ok(())
    }

    /// Sets `guard`: the next BPDU disables the port. Off, a port stays disabled until its link comes up.
    pub fn set_guard(&mut self, no: PortNo, on: bool) {
        if let Some(index) = self.index(no) {
            self.ports[index].guard = on;
        }
    }

    /// Sets `root_block`: the port never becomes root port. Counts from the next selection on.
    pub fn set_root_block(&mut self, no: PortNo, on: bool) {
        if let Some(index) = self.index(no) {
            self.ports[index].root_block = on;
        }
    }

    /// Sets `group_address`, the destination of BPDUs sent and the only one of those heard.
    pub fn set_group_address(&mut self, address: MacAddr) {
        self.group_address = address;
    }

    /// Sets `hello_time`, 1 s to 10 s. In force at once if we are the root; a running timer runs on.
    ///
    /// # Errors
    /// [`Refused::Time`].
    pub fn set_hello_time(&mut self, value: Duration) -> Result<(), Refused> {
        check("hello time", value, 1, 10)?;
        self.own_times.hello_time = value;
        if self.is_root() {
            self.times.hello_time = value;
        }
        Ok(())
    }

    /// Sets `max_age`, 6 s to 40 s. In force at once if we are the root.
    ///
    /// # Errors
    /// [`Refused::Time`].
    pub fn set_max_age(&mut self, value: Duration) -> Result<(), Refused> {
        check("max age", value, 6, 40)?;
        self.own_times.max_age = value;
        if self.is_root() {
            self.times.max_age = value;
        }
        Ok(())
    }

    /// Sets `forward_delay`: 2 s to 30 s, or anything while the spanning tree is off. In force at once if
    /// we are the root.
    ///
    /// # Errors
    /// [`Refused::Time`].
    pub fn set_forward_delay(&mut self, value: Duration) -> Result<(), Refused> {
        if self.stp {
            let [min, max] = FORWARD_DELAY.map(|limit| limit.as_secs());
            check("forward delay", value, min, max)?;
        }
        self.adopt_forward_delay(value);
        Ok(())
    }

    fn adopt_forward_delay(&mut self, value: Duration) {
        self.own_times.forward_delay = value;
        if self.is_root() {
            self.times.forward_delay = value;
            self.note_hold();
        }
    }

    /// Sets `ageing_time`, how long learned entries live while the topology does not change.
    pub fn set_ageing_time(&mut self, value: Duration) {
        self.own_ageing_time = value;
        self.ageing_time = value;
        self.note_hold();
    }
}

fn port_id(priority: u8, no: PortNo) -> PortId {
    PortId(u16::from(priority) << PORT_BITS | no.get())
}

fn check(what: &'static str, value: Duration, min: u64, max: u64) -> Result<(), Refused> {
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
