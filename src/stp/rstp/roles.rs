//! Port Role Selection (17.28), Port Role Transitions (17.29), Port State Transition (17.30).

use super::super::seam::{Inconsistent, Output};
use super::super::vector::Vector;
use super::timers::Timer;
use super::{Bridge, InfoIs, MIGRATE_TIME, Role, Times};
use crate::switch::plan::PortState;
use crate::time::Instant;
use crate::wire::PortId;

impl Bridge {
    /// 17.28.
    pub(super) fn port_role_selection(&mut self) {
        self.reselect = false;
        self.updt_roles_tree();
        for port in &mut self.ports {
            port.selected = true; // 17.21.16, setSelectedTree
        }
        self.wake_all();
    }

    /// 17.21.25, updtRolesTree.
    fn updt_roles_tree(&mut self) {
        let own = self.bridge_identifier;
        let ourselves = Vector {
            root: own,
            cost: 0,
            bridge: own,
            port: PortId(0),
        };
        let mut best = ourselves.through(PortId(0), 0);
        let mut root = None;
        for (index, port) in self.ports.iter().enumerate() {
            let path = port
                .port_priority
                .through(port.port_id, port.port_path_cost);
            // a): what our own ports say is no way to the root; nor is a port with root guard.
            if port.info_is == InfoIs::Received
                && port.port_priority.bridge.address != own.address
                && !port.guards.root
                && path < best
            {
                best = path;
                root = Some(index);
            }
        }
        self.root_port = root.map(|index| self.ports[index].no);
        self.root_priority = Vector {
            root: best.root,
            cost: best.cost,
            bridge: best.bridge,
            port: best.port,
        };
        self.root_times = root.map_or(self.bridge_times, |index| {
            let times = self.ports[index].port_times;
            Times {
                message_age: times.next_age(),
                ..times
            }
        });
        let times = self.designated_times();
        for index in 0..self.ports.len() {
            let designated = self.designated_priority(index);
            let port = &mut self.ports[index];
            let (role, updt_info) = match port.info_is {
                InfoIs::Disabled => (Role::Disabled, false), // f)
                InfoIs::Aged => (Role::Designated, true),    // g)
                InfoIs::Mine => {
                    // h)
                    let differs = port.port_priority != designated || port.port_times != times;
                    (Role::Designated, port.updt_info || differs)
                }
                InfoIs::Received if root == Some(index) => (Role::Root, false), // i)
                InfoIs::Received if designated < port.port_priority => (Role::Designated, true), // l)
                InfoIs::Received if port.port_priority.bridge.address == own.address => {
                    (Role::Backup, false) // k)
                }
                InfoIs::Received => (Role::Alternate, false), // j)
            };
            port.selected_role = role;
            port.updt_info = updt_info;
            if port.guards.root && role == Role::Alternate {
                self.trip(index, Inconsistent::Root);
            } else {
                self.recover(index, Inconsistent::Root);
            }
        }
    }

    /// 17.29, for all roles: the port takes the role that was selected for it, or goes on in its own.
    pub(super) fn port_role_transitions(&mut self, now: Instant, index: usize) -> bool {
        let mut changed = false;
        loop {
            let port = &self.ports[index];
            let more = if !port.selected || port.updt_info {
                false
            } else if port.role != port.selected_role {
                self.take_role(now, index);
                true
            } else {
                match port.role {
                    Role::Disabled => self.disabled_port(index),
                    Role::Root => self.root_port(now, index),
                    Role::Designated => self.designated_port(now, index),
                    Role::Alternate | Role::Backup => self.blocked_port(index),
                }
            };
            if !more {
                return changed;
            }
            changed = true;
        }
    }

    /// States DISABLE_PORT, BLOCK_PORT, ROOT_PORT and DESIGNATED_PORT when they are entered. Timers that the
    /// old state held start now.
    fn take_role(&mut self, now: Instant, index: usize) {
        let times = self.designated_times();
        let forward_delay = self.forward_delay(index);
        let port = &mut self.ports[index];
        let fd_while = match port.role {
            Role::Disabled => times.max_age, // 17.29.1, DISABLED_PORT
            _ => forward_delay,              // 17.29.4, ALTERNATE_PORT
        };
        port.fd_while.release(now, fd_while);
        port.rr_while.release(now, times.forward_delay); // 17.17.7
        port.rb_while
            .release(now, times.hello_time.saturating_mul(2)); // 17.17.5
        port.role = port.selected_role;
        match port.role {
            Role::Root => port.rr_while = Timer::Held,
            Role::Designated => {}
            Role::Alternate | Role::Backup | Role::Disabled => {
                port.learn = false;
                port.forward = false;
            }
        }
    }

    /// 17.29.1, DISABLED_PORT.
    fn disabled_port(&mut self, index: usize) -> bool {
        let port = &mut self.ports[index];
        let settled = port.fd_while.is_held() && port.synced && !port.sync && !port.re_root;
        if settled || port.learning || port.forwarding {
            return false;
        }
        port.fd_while = Timer::Held;
        port.synced = true;
        port.rr_while = Timer::Zero;
        port.sync = false;
        port.re_root = false;
        true
    }

    /// 17.29.2, the states of a root port.
    fn root_port(&mut self, now: Instant, index: usize) -> bool {
        let all_synced = !self.ports[index].agree && self.all_synced();
        let may_go_on = self.ports[index].fd_while.is_zero()
            || (self.ports[index].rb_while.is_zero() && self.re_rooted(index));
        let forward_delay = self.forward_delay(index);
        let port = &mut self.ports[index];
        if port.proposed && !port.agree {
            port.proposed = false; // ROOT_PROPOSED
            self.set_sync_tree();
        } else if all_synced || (port.proposed && port.agree) {
            port.proposed = false; // ROOT_AGREED
            port.sync = false;
            port.agree = true;
            port.new_info = true;
        } else if !port.forward && !port.re_root {
            self.set_re_root_tree(); // REROOT
        } else if may_go_on && !port.learn {
            port.fd_while = Timer::start(now, forward_delay); // ROOT_LEARN
            port.learn = true;
        } else if may_go_on && !port.forward {
            port.fd_while = Timer::Zero; // ROOT_FORWARD
            port.forward = true;
        } else if port.re_root && port.forward {
            port.re_root = false; // REROOTED
        } else {
            return false;
        }
        true
    }

    /// 17.29.3, the states of a designated port.
    fn designated_port(&mut self, now: Instant, index: usize) -> bool {
        let forward_delay = self.forward_delay(index);
        let times = self.designated_times();
        let port = &mut self.ports[index];
        let retired = port.rr_while.is_zero();
        let kept = port.guards.inconsistent == Some(Inconsistent::Loop);
        let may_go_on = (port.fd_while.is_zero() || port.agreed || port.oper_edge)
            && (retired || !port.re_root)
            && !port.sync
            && !kept;
        if (!port.learning && !port.forwarding && !port.synced)
            || ((port.agreed || port.oper_edge) && !port.synced)
            || (port.sync && port.synced)
        {
            // DESIGNATED_SYNCED; before the next one, which is not for ports whose neighbour has agreed.
            port.rr_while = Timer::Zero;
            port.synced = true;
            port.sync = false;
        } else if port.disputed && !port.oper_edge {
            // DESIGNATED_DISCARD, for as long as what the other one said is good for.
            port.learn = false;
            port.forward = false;
            port.disputed = false;
            port.fd_while
                .extend(now, times.hello_time.saturating_mul(3));
        } else if ((port.sync && !port.synced) || (port.re_root && !retired) || kept)
            && !port.oper_edge
            && (port.learn || port.forward)
        {
            port.learn = false; // DESIGNATED_DISCARD
            port.forward = false;
            port.fd_while = Timer::start(now, forward_delay);
        } else if may_go_on && !port.learn {
            port.learn = true; // DESIGNATED_LEARN
            port.fd_while = Timer::start(now, forward_delay);
        } else if may_go_on && !port.forward {
            port.forward = true; // DESIGNATED_FORWARD
            port.fd_while = Timer::Zero;
            // Not on a shared segment, where time is no proof that nobody is there.
            port.agreed = port.send_rstp && port.oper_point_to_point();
        } else if !port.forward && !port.agreed && !port.proposing && !port.oper_edge {
            port.proposing = true; // DESIGNATED_PROPOSE
            port.new_info = true;
            // 17.20.4, EdgeDelay.
            let edge_delay = match port.oper_point_to_point() {
                true => MIGRATE_TIME,
                false => times.max_age,
            };
            port.edge_delay_while = Timer::start(now, edge_delay);
        } else if retired && port.re_root {
            port.re_root = false; // DESIGNATED_RETIRED
        } else {
            return false;
        }
        true
    }

    /// 17.29.4, the states of an alternate or backup port.
    fn blocked_port(&mut self, index: usize) -> bool {
        let all_synced = !self.ports[index].agree && self.all_synced();
        let port = &mut self.ports[index];
        if port.learning || port.forwarding {
            return false; // BLOCK_PORT
        }
        if !port.fd_while.is_held() || port.sync || port.re_root || !port.synced {
            port.fd_while = Timer::Held; // ALTERNATE_PORT
            port.synced = true;
            port.rr_while = Timer::Zero;
            port.sync = false;
            port.re_root = false;
        } else if port.role == Role::Backup && !port.rb_while.is_held() {
            port.rb_while = Timer::Held; // BACKUP_PORT
        } else if port.proposed && !port.agree {
            port.proposed = false; // ALTERNATE_PROPOSED
            self.set_sync_tree();
        } else if all_synced || (port.proposed && port.agree) {
            port.proposed = false; // ALTERNATE_AGREED
            port.agree = true;
            port.new_info = true;
        } else {
            return false;
        }
        true
    }

    /// 17.20.3, allSynced.
    fn all_synced(&self) -> bool {
        self.ports.iter().all(|port| {
            port.selected
                && !port.updt_info
                && port.role == port.selected_role
                && (port.role == Role::Root || port.synced)
        })
    }

    /// 17.20.10, reRooted.
    fn re_rooted(&self, index: usize) -> bool {
        let mut others = self.ports.iter().enumerate().filter(|(i, _)| *i != index);
        others.all(|(_, port)| port.rr_while.is_zero())
    }

    /// 17.21.15, setReRootTree.
    fn set_re_root_tree(&mut self) {
        for port in &mut self.ports {
            port.re_root = true;
            port.awake = true;
        }
    }

    /// 17.21.14, setSyncTree.
    fn set_sync_tree(&mut self) {
        for port in &mut self.ports {
            port.sync = true;
            port.awake = true;
        }
    }

    /// 17.30.
    pub(super) fn port_state_transition(&mut self, index: usize) -> bool {
        let port = &mut self.ports[index];
        // From discarding by way of learning; to discarding at once.
        let learning = port.learn;
        let forwarding = port.learn && port.forward;
        let changed = (learning, forwarding) != (port.learning, port.forwarding);
        port.learning = learning;
        port.forwarding = forwarding;
        self.note_state(index);
        changed
    }

    /// Announces the port's state, if that has changed.
    pub(super) fn note_state(&mut self, index: usize) {
        let port = &mut self.ports[index];
        let state = port.port_state();
        if port.state == state {
            return;
        }
        port.state = state;
        match state {
            PortState::Blocking => port.xstats.transition_blk += 1,
            PortState::Forwarding => port.xstats.transition_fwd += 1,
            _ => {}
        }
        self.outputs.push_back(Output::SetState(port.no, state));
    }
}
