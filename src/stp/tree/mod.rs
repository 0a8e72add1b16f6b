//! A bridge's spanning tree, whichever machine runs it.
//!
//! [`Tree`] is what the rest of the program has of this folder: it keeps what the bridge and its ports are
//! set to, and hands every call to the machine that runs: [`classic`] for `stp_mode stp`, and also
//! while the spanning tree is off (as in Linux, where the same code then lets every port forward);
//! [`rstp`] while it is on with `stp_mode rstp`. When another machine takes over, all ports start
//! anew: those that forwarded stop, what was learned is forgotten, and the new machine decides.
//!
//! Parameters are those of the mode, also while the spanning tree is off: a mode is refused where what is
//! set does not fit it.

mod guards;
mod show;
mod start;

use std::collections::VecDeque;

use super::classic::{self, Xstats};
use super::cost::{self, MAX_CLASSIC_COST, MAX_RAPID_COST};
use super::rstp::{self, Admin};
use super::seam::{Event, Ignored, Output, Refused};
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;
pub use show::{PortStatus, Status};

/// Which spanning tree protocol a bridge speaks while its spanning tree is on (`stp_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// That of 802.1D-1998, as Linux speaks it.
    #[default]
    Stp,
    /// RSTP, 802.1D-2004.
    Rstp,
}

impl Mode {
    /// Returns the word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stp => "stp",
            Self::Rstp => "rstp",
        }
    }
}

/// The three times of a bridge; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// `forward_delay`.
    pub forward_delay: Option<Duration>,
    /// `hello_time`.
    pub hello_time: Option<Duration>,
    /// `max_age`.
    pub max_age: Option<Duration>,
}

/// One bridge's spanning tree.
#[derive(Clone, Debug)]
pub struct Tree {
    settings: Settings,
    /// In the order in which they joined.
    ports: Vec<Port>,
    machine: Machine,
    /// What the change of machines leads to, before what the new one says.
    outputs: VecDeque<Output>,
}

/// The machine that runs.
#[derive(Clone, Debug)]
enum Machine {
    Classic(Box<classic::Bridge>),
    Rapid(Box<rstp::Bridge>),
}

/// What a bridge is set to.
#[derive(Clone, Copy, Debug)]
struct Settings {
    mode: Mode,
    on: bool,
    up: bool,
    address: MacAddr,
    group_address: MacAddr,
    priority: u16,
    forward_delay: Duration,
    hello_time: Duration,
    max_age: Duration,
    ageing_time: Duration,
    tx_hold_count: u8,
}

/// What a port is set to, and what was counted for it by machines that no longer run.
#[derive(Clone, Debug)]
struct Port {
    no: PortNo,
    link: bool,
    /// Of the netdev, in Mbit/s.
    speed: Option<u32>,
    /// Set by hand.
    admin_speed: Option<u32>,
    /// Set by hand.
    admin_cost: Option<u32>,
    priority: u16,
    p2p: Admin,
    edge: Admin,
    bpdu_guard: bool,
    bpdu_filter: bool,
    root_guard: bool,
    loop_guard: bool,
    tc_guard: bool,
    recovery: Option<Duration>,
    /// Frames that had no effect on the tree, by [`Ignored::index`].
    ignored: [u64; Ignored::NAMES.len()],
    /// The filter has dropped something since it is on.
    filters: bool,
    before: Xstats,
}

/// Calls a method that both machines have.
macro_rules! both {
    ($machine:expr, $bridge:ident => $what:expr) => {
        match $machine {
            Machine::Classic($bridge) => $what,
            Machine::Rapid($bridge) => $what,
        }
    };
}
use both;

/// Settings are checked before a machine gets them.
fn taken(result: Result<(), Refused>) {
    debug_assert_eq!(result, Ok(()), "a setting was checked before");
}

impl Tree {
    /// Makes the tree of a new bridge: down, spanning tree off, `stp_mode stp`, without ports, Linux's
    /// defaults.
    #[must_use]
    pub fn new(address: MacAddr) -> Self {
        let classic = classic::Bridge::new(address);
        let configured = classic.configured();
        Self {
            settings: Settings {
                mode: Mode::Stp,
                on: false,
                up: false,
                address,
                group_address: classic.group_address(),
                priority: classic.info(Instant::ZERO).bridge_id.priority,
                forward_delay: configured.forward_delay,
                hello_time: configured.hello_time,
                max_age: configured.max_age,
                ageing_time: configured.ageing_time,
                tx_hold_count: rstp::TX_HOLD_COUNT,
            },
            ports: Vec::new(),
            machine: Machine::Classic(Box::new(classic)),
            outputs: VecDeque::new(),
        }
    }

    /// Returns the next thing to do, in order. May change after every call that takes `&mut self`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        let said = self.outputs.pop_front();
        said.or_else(|| both!(&mut self.machine, it => it.poll_output()))
    }

    /// Returns when [`Self::handle_timeout`] wants to be called. May change after every call that takes
    /// `&mut self`; looks at each port.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        both!(&self.machine, it => it.poll_timeout())
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        both!(&mut self.machine, it => it.handle_timeout(now));
    }

    /// Takes a frame that came in by a port and was trapped.
    ///
    /// # Errors
    /// Why it had no effect on the tree, which is counted ([`PortStatus::ignored`]).
    pub fn receive(&mut self, now: Instant, no: PortNo, frame: &[u8]) -> Result<(), Ignored> {
        let result = both!(&mut self.machine, it => it.receive(now, no, frame));
        if let Err(why) = result
            && let Some(port) = self.ports.iter_mut().find(|port| port.no == no)
        {
            port.ignored[why.index()] += 1;
            if why == Ignored::Filtered && !std::mem::replace(&mut port.filters, true) {
                self.outputs.push_back(Output::Event(no, Event::Filtered));
            }
        }
        result
    }

    /// Sets the bridge up or down. Down, all its ports are disabled.
    pub fn set_up(&mut self, now: Instant, up: bool) {
        self.settings.up = up;
        both!(&mut self.machine, it => it.set_up(now, up));
    }

    /// Switches the spanning tree on or off (`stp_state`). With `stp_mode stp`, states of ports stay as they
    /// are, whichever way; with `stp_mode rstp` all ports start anew: on, they discard, and off, they
    /// forward.
    pub fn set_stp(&mut self, now: Instant, on: bool) {
        if self.settings.on == on {
            return;
        }
        self.settings.on = on;
        match &mut self.machine {
            Machine::Classic(classic) if self.settings.mode == Mode::Stp => {
                classic.set_stp(now, on);
                // Linux forces it into the range of 802.1D.
                self.settings.forward_delay = classic.configured().forward_delay;
            }
            _ => self.restart(now),
        }
    }

    /// Chooses the protocol. With the spanning tree on, all ports start anew.
    ///
    /// # Errors
    /// Why what is set does not fit that protocol, and of which port, if of one.
    pub fn set_mode(&mut self, now: Instant, mode: Mode) -> Result<(), (Option<PortNo>, Refused)> {
        if self.settings.mode == mode {
            return Ok(());
        }
        let settings = &self.settings;
        match mode {
            Mode::Rstp => {
                let (hello, max_age) = (settings.hello_time, settings.max_age);
                rstp::check_priority(settings.priority)
                    .and_then(|()| rstp::check_times(hello, max_age, settings.forward_delay))
                    .map_err(|refused| (None, refused))?;
                for port in &self.ports {
                    rstp::check_port_priority(port.priority)
                        .map_err(|refused| (Some(port.no), refused))?;
                }
            }
            Mode::Stp => {
                for port in &self.ports {
                    cost::check(port.admin_cost.unwrap_or(1), MAX_CLASSIC_COST)
                        .map_err(|refused| (Some(port.no), refused))?;
                }
            }
        }
        self.settings.mode = mode;
        if self.settings.on {
            self.restart(now);
        } else {
            for index in 0..self.ports.len() {
                self.renew_cost(now, index);
            }
        }
        Ok(())
    }

    /// Adds a port, disabled. `speed` is its netdev's, in Mbit/s.
    ///
    /// The number must be one that no port of the bridge has.
    pub fn add_port(&mut self, now: Instant, no: PortNo, speed: Option<u32>) {
        let port = Port::new(no, speed);
        let cost = port.cost(self.settings.mode);
        self.ports.push(port);
        match &mut self.machine {
            Machine::Classic(classic) => classic.add_port(now, no, cost),
            Machine::Rapid(rapid) => rapid.add_port(now, no, speed),
        }
    }

    /// Takes a port away.
    pub fn remove_port(&mut self, now: Instant, no: PortNo) {
        both!(&mut self.machine, it => it.remove_port(now, no));
        self.ports.retain(|port| port.no != no);
    }

    /// Tells whether a port's netdev is up and has carrier, and its speed in Mbit/s, which counts while it
    /// has. To be called also when nothing of that has changed but the kernel would look again
    /// ([`classic::Bridge::set_link`]).
    pub fn set_link(&mut self, now: Instant, no: PortNo, link: bool, speed: Option<u32>) {
        let Some(index) = self.index(no) else {
            return;
        };
        self.ports[index].link = link;
        if link && self.ports[index].speed != speed {
            self.ports[index].speed = speed;
            self.renew_speed(now, index);
        }
        both!(&mut self.machine, it => it.set_link(now, no, link));
    }

    /// Tells that a port's netdev was set down ([`classic::Bridge::shut_port`]).
    pub fn shut_port(&mut self, now: Instant, no: PortNo) {
        if let Some(index) = self.index(no) {
            self.ports[index].link = false;
        }
        match &mut self.machine {
            Machine::Classic(classic) => classic.shut_port(now, no),
            Machine::Rapid(rapid) => rapid.set_link(now, no, false),
        }
    }

    /// Sets the bridge's address, and with it the bridge identifier.
    pub fn set_address(&mut self, now: Instant, address: MacAddr) {
        self.settings.address = address;
        both!(&mut self.machine, it => it.set_address(now, address));
    }

    /// Sets `priority`: any 16 bits, with `stp_mode rstp` a multiple of 4096.
    ///
    /// # Errors
    /// [`Refused::Step`].
    pub fn set_priority(&mut self, now: Instant, priority: u16) -> Result<(), Refused> {
        if self.settings.mode == Mode::Rstp {
            rstp::check_priority(priority)?;
        }
        self.settings.priority = priority;
        match &mut self.machine {
            Machine::Classic(classic) => classic.set_priority(now, priority),
            Machine::Rapid(rapid) => taken(rapid.set_priority(now, priority)),
        }
        Ok(())
    }

    /// Sets a port's `priority`, 0 to 63, with `stp_mode rstp` in steps of 4.
    ///
    /// # Errors
    /// [`Refused::Number`], [`Refused::Step`], [`Refused::NoPort`].
    pub fn set_port_priority(
        &mut self,
        now: Instant,
        no: PortNo,
        priority: u16,
    ) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        if self.settings.mode == Mode::Rstp {
            rstp::check_port_priority(priority)?;
        }
        both!(&mut self.machine, it => it.set_port_priority(now, no, priority))?;
        self.ports[index].priority = priority;
        Ok(())
    }

    /// Returns the largest `cost` that a port can have.
    #[must_use]
    pub const fn max_cost(&self) -> u32 {
        match self.settings.mode {
            Mode::Stp => MAX_CLASSIC_COST,
            Mode::Rstp => MAX_RAPID_COST,
        }
    }

    /// Sets a port's `cost` by hand, 1 to [`Self::max_cost`].
    ///
    /// # Errors
    /// [`Refused::Number`], [`Refused::NoPort`].
    pub fn set_path_cost(&mut self, now: Instant, no: PortNo, cost: u32) -> Result<(), Refused> {
        cost::check(cost, self.max_cost())?;
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].admin_cost = Some(cost);
        self.renew_cost(now, index);
        Ok(())
    }

    /// Sets a port's speed in Mbit/s by hand; `None`: its netdev's.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_speed(
        &mut self,
        now: Instant,
        no: PortNo,
        speed: Option<u32>,
    ) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].admin_speed = speed;
        self.renew_speed(now, index);
        if let Machine::Classic(_) = self.machine {
            self.renew_cost(now, index);
        }
        Ok(())
    }

    /// Tells the machine a port's speed. The classic one notes what it is worth, and for it, as in Linux,
    /// that counts at the next selection.
    fn renew_speed(&mut self, now: Instant, index: usize) {
        let port = &self.ports[index];
        let (no, speed, cost) = (port.no, port.speed(), port.cost(self.settings.mode));
        match &mut self.machine {
            Machine::Classic(classic) => classic.set_speed_cost(no, cost),
            Machine::Rapid(rapid) => taken(rapid.set_speed(now, no, speed)),
        }
    }

    /// Tells the machine what using a port costs.
    fn renew_cost(&mut self, now: Instant, index: usize) {
        let port = &self.ports[index];
        let (no, cost) = (port.no, port.cost(self.settings.mode));
        match &mut self.machine {
            Machine::Classic(classic) => {
                classic.adopt_path_cost(now, no, cost, port.admin_cost.is_some());
            }
            Machine::Rapid(rapid) => {
                if port.admin_cost.is_some() {
                    taken(rapid.set_path_cost(now, no, cost));
                }
            }
        }
    }

    /// Sets a port's state by hand ([`classic::Bridge::set_port_state`]).
    ///
    /// # Errors
    /// [`Refused::Busy`] while the spanning tree is on, [`Refused::NoPort`].
    pub fn set_port_state(
        &mut self,
        now: Instant,
        no: PortNo,
        state: PortState,
    ) -> Result<(), Refused> {
        match &mut self.machine {
            Machine::Classic(classic) => classic.set_port_state(now, no, state),
            Machine::Rapid(_) => Err(Refused::Busy),
        }
    }

    /// Sets the times of the bridge, in force at once if it is the root.
    ///
    /// With `stp_mode stp` as Linux does: one after the other, the first that is out of its range ends it,
    /// and whether they fit together is not asked. With `stp_mode rstp` all or none.
    ///
    /// # Errors
    /// [`Refused::Time`], [`Refused::Times`].
    pub fn set_times(&mut self, now: Instant, times: Times) -> Result<(), Refused> {
        let settings = &mut self.settings;
        if settings.mode == Mode::Rstp {
            let hello_time = times.hello_time.unwrap_or(settings.hello_time);
            let max_age = times.max_age.unwrap_or(settings.max_age);
            let forward_delay = times.forward_delay.unwrap_or(settings.forward_delay);
            rstp::check_times(hello_time, max_age, forward_delay)?;
            if let Machine::Rapid(rapid) = &mut self.machine {
                settings.hello_time = hello_time;
                settings.max_age = max_age;
                settings.forward_delay = forward_delay;
                return rapid.set_times(now, hello_time, max_age, forward_delay);
            }
        }
        let Machine::Classic(classic) = &mut self.machine else {
            return Ok(());
        };
        if let Some(value) = times.forward_delay {
            classic.set_forward_delay(value)?;
            settings.forward_delay = value;
        }
        if let Some(value) = times.hello_time {
            classic.set_hello_time(value)?;
            settings.hello_time = value;
        }
        if let Some(value) = times.max_age {
            classic.set_max_age(value)?;
            settings.max_age = value;
        }
        Ok(())
    }

    /// Sets `ageing_time`, how long learned entries live while the topology does not change.
    pub fn set_ageing_time(&mut self, value: Duration) {
        self.settings.ageing_time = value;
        both!(&mut self.machine, it => it.set_ageing_time(value));
    }

    /// Sets `group_address`, the destination of BPDUs sent and the only one of those heard.
    pub fn set_group_address(&mut self, address: MacAddr) {
        self.settings.group_address = address;
        both!(&mut self.machine, it => it.set_group_address(address));
    }

    /// Sets how many BPDUs a port may send in any second, 1 to 10; for RSTP only.
    ///
    /// # Errors
    /// [`Refused::Number`].
    pub fn set_tx_hold_count(&mut self, now: Instant, count: u8) -> Result<(), Refused> {
        match &mut self.machine {
            Machine::Rapid(rapid) => rapid.set_tx_hold_count(now, count)?,
            Machine::Classic(_) => rstp::check_tx_hold_count(count)?,
        }
        self.settings.tx_hold_count = count;
        Ok(())
    }

    /// Says whether there is at most one bridge at the other end of a port; for RSTP only.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_p2p(&mut self, now: Instant, no: PortNo, p2p: Admin) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].p2p = p2p;
        match &mut self.machine {
            Machine::Classic(_) => Ok(()),
            Machine::Rapid(rapid) => rapid.set_p2p(now, no, p2p),
        }
    }

    /// Says whether there is no bridge at the other end of a port; for RSTP only.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_edge(&mut self, now: Instant, no: PortNo, edge: Admin) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].edge = edge;
        match &mut self.machine {
            Machine::Classic(_) => Ok(()),
            Machine::Rapid(rapid) => rapid.set_edge(now, no, edge),
        }
    }

    fn index(&self, no: PortNo) -> Option<usize> {
        self.ports.iter().position(|port| port.no == no)
    }
}

impl Port {
    fn new(no: PortNo, speed: Option<u32>) -> Self {
        Self {
            no,
            link: false,
            speed,
            admin_speed: None,
            admin_cost: None,
            priority: classic::DEFAULT_PORT_PRIORITY.into(),
            p2p: Admin::Auto,
            edge: Admin::Auto,
            bpdu_guard: false,
            bpdu_filter: false,
            root_guard: false,
            loop_guard: false,
            tc_guard: false,
            recovery: None,
            ignored: [0; Ignored::NAMES.len()],
            filters: false,
            before: Xstats::default(),
        }
    }

    fn speed(&self) -> Option<u32> {
        self.admin_speed.or(self.speed)
    }

    /// What using it costs: as set by hand, else what its speed is worth by the mode's table.
    fn cost(&self, mode: Mode) -> u32 {
        self.admin_cost.unwrap_or_else(|| match mode {
            Mode::Stp => cost::classic(self.speed()),
            Mode::Rstp => cost::rapid(self.speed()),
        })
    }
}

#[cfg(test)]
mod tests;
