//! Port Protocol Migration (17.24) and Bridge Detection (17.25): who is at the other end.

use super::super::seam::{Event, Output};
use super::timers::Timer;
use super::{Admin, Bridge, MIGRATE_TIME, Migration};
use crate::time::Instant;

impl Bridge {
    /// 17.24: which protocol the port speaks.
    pub(super) fn port_protocol_migration(&mut self, now: Instant, index: usize) -> bool {
        let port = &mut self.ports[index];
        let was_rstp = port.send_rstp;
        let changed = match port.migration {
            Migration::CheckingRstp => {
                if port.mdelay_while.is_zero() {
                    port.migration = Migration::Sensing;
                    port.rcvd_rstp = false;
                    port.rcvd_stp = false;
                    true
                } else if !port.port_enabled && !port.mdelay_while.is_held() {
                    port.mdelay_while = Timer::Held;
                    port.mcheck = false;
                    port.send_rstp = true;
                    true
                } else if port.port_enabled && port.mdelay_while.is_held() {
                    port.mdelay_while = Timer::start(now, MIGRATE_TIME);
                    true
                } else {
                    false
                }
            }
            Migration::SelectingStp
                if port.mdelay_while.is_zero() || !port.port_enabled || port.mcheck =>
            {
                port.migration = Migration::Sensing;
                port.rcvd_rstp = false;
                port.rcvd_stp = false;
                true
            }
            Migration::Sensing
                if !port.port_enabled || port.mcheck || (!port.send_rstp && port.rcvd_rstp) =>
            {
                port.migration = Migration::CheckingRstp;
                port.mcheck = false;
                port.send_rstp = true;
                port.mdelay_while = Timer::start(now, MIGRATE_TIME);
                true
            }
            Migration::Sensing if port.send_rstp && port.rcvd_stp => {
                port.migration = Migration::SelectingStp;
                port.send_rstp = false;
                port.mdelay_while = Timer::start(now, MIGRATE_TIME);
                true
            }
            Migration::SelectingStp | Migration::Sensing => false,
        };
        if port.send_rstp != was_rstp && port.port_enabled {
            let event = Event::Migrated {
                rapid: port.send_rstp,
            };
            self.outputs.push_back(Output::Event(port.no, event));
        }
        changed
    }

    /// 17.25: whether there is any bridge at the other end.
    pub(super) fn bridge_detection(&mut self, index: usize) -> bool {
        let port = &mut self.ports[index];
        let admin_edge = port.admin_edge == Admin::On;
        let edge = if port.oper_edge {
            port.port_enabled || admin_edge
        } else {
            // Silence proves nothing where loop guard waits for its end.
            let silent = port.edge_delay_while.is_zero() && port.guards.inconsistent.is_none();
            let auto_edge = port.admin_edge == Admin::Auto;
            (!port.port_enabled && admin_edge)
                || (silent && auto_edge && port.send_rstp && port.proposing)
        };
        std::mem::replace(&mut port.oper_edge, edge) != edge
    }
}
