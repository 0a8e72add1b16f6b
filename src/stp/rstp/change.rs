//! Topology Change (17.31): who has to forget where stations are.

use super::super::seam::{Event, Output};
use super::timers::Timer;
use super::{Bridge, Change, Role};
use crate::time::{Duration, Instant};

impl Bridge {
    /// 17.31.
    pub(super) fn topology_change(&mut self, now: Instant, index: usize) -> bool {
        let mut changed = false;
        while self.topology_change_once(now, index) {
            changed = true;
        }
        changed
    }

    fn topology_change_once(&mut self, now: Instant, index: usize) -> bool {
        let port = &mut self.ports[index];
        let active = matches!(port.role, Role::Root | Role::Designated);
        let heard = port.rcvd_tc || port.rcvd_tcn || port.rcvd_tc_ack || port.tc_prop;
        match port.change {
            Change::Inactive if port.learn => self.enter_learning(index),
            Change::Inactive => return false,
            Change::Learning if heard => self.enter_learning(index),
            Change::Learning if !active && !port.learn && !port.learning => {
                port.change = Change::Inactive;
                port.tc_while = Timer::Zero;
                port.tc_ack = false;
                self.flush(index);
            }
            Change::Learning if active && port.forward && !port.oper_edge => {
                port.change = Change::Active; // DETECTED
                self.outputs
                    .push_back(Output::Event(port.no, Event::TopologyChange));
                self.new_tc_while(now, index);
                self.set_tc_prop_tree(now, index);
                self.ports[index].new_info = true;
            }
            Change::Learning => return false,
            Change::Active if !active || port.oper_edge => self.enter_learning(index),
            Change::Active if port.rcvd_tcn || port.rcvd_tc => {
                // NOTIFIED_TCN, NOTIFIED_TC
                let notified = port.rcvd_tcn;
                port.rcvd_tcn = false;
                port.rcvd_tc = false;
                port.tc_ack |= port.role == Role::Designated;
                if notified {
                    self.new_tc_while(now, index);
                }
                if !self.ignores_change(now, index) {
                    self.set_tc_prop_tree(now, index);
                }
            }
            Change::Active if port.tc_prop => {
                port.tc_prop = false; // PROPAGATING
                self.new_tc_while(now, index);
                self.flush(index);
            }
            Change::Active if port.rcvd_tc_ack => {
                port.tc_while = Timer::Zero; // ACKNOWLEDGED
                port.rcvd_tc_ack = false;
            }
            Change::Active => return false,
        }
        true
    }

    /// State LEARNING.
    fn enter_learning(&mut self, index: usize) {
        let port = &mut self.ports[index];
        port.change = Change::Learning;
        port.rcvd_tc = false;
        port.rcvd_tcn = false;
        port.rcvd_tc_ack = false;
        port.tc_prop = false;
    }

    /// 17.19.7, fdbFlush: at once.
    fn flush(&mut self, index: usize) {
        let no = self.ports[index].no;
        self.outputs.push_back(Output::Flush(no));
    }

    /// 17.21.7, newTcWhile: for as long as it takes to be heard, by a classic bridge for as long as that
    /// needs to forget.
    fn new_tc_while(&mut self, now: Instant, index: usize) {
        let times = self.designated_times();
        let root = self.root_times;
        let port = &mut self.ports[index];
        if !port.tc_while.is_zero() {
            return;
        }
        if port.send_rstp {
            port.tc_while = Timer::start(now, times.hello_time + Duration::from_secs(1));
            port.new_info = true;
        } else {
            port.tc_while = Timer::start(now, root.max_age.saturating_add(root.forward_delay));
        }
    }

    /// 17.21.18, setTcPropTree.
    fn set_tc_prop_tree(&mut self, now: Instant, index: usize) {
        self.topology_changes += 1;
        self.changed_at = Some(now);
        for (other, port) in self.ports.iter_mut().enumerate() {
            if other != index {
                port.tc_prop = true;
                port.awake = true;
            }
        }
    }
}
