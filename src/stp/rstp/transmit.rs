//! Port Transmit (17.26).

use super::super::seam::Output;
use super::timers::Timer;
use super::{Bridge, Role};
use crate::time::Instant;
use crate::wire::{Bpdu, Config, Rapid, RapidRole};

impl Bridge {
    /// 17.26. The last machine of a step: what it says is what the others have brought about, and ports
    /// that had to stop forwarding for it have stopped.
    pub(super) fn port_transmit(&mut self, now: Instant, index: usize) -> bool {
        let hello_time = self.designated_times().hello_time;
        let hold_count = self.tx_hold_count;
        let port = &mut self.ports[index];
        if port.role == Role::Disabled
            || !port.selected
            || port.updt_info
            || port.guards.filter
            || !port.port_enabled
        {
            return false;
        }
        if port.hello_when.is_zero() {
            // TRANSMIT_PERIODIC
            let changing = port.role == Role::Root && !port.tc_while.is_zero();
            port.new_info |= port.role == Role::Designated || changing;
            port.hello_when = Timer::start(now, hello_time);
            return true;
        }
        if !port.new_info || port.tx_count >= hold_count {
            return false;
        }
        let bpdu = if port.send_rstp {
            Bpdu::Rapid(self.rapid(index))
        } else {
            match port.role {
                Role::Designated => Bpdu::Config(self.config(index)),
                Role::Root if !port.tc_while.is_zero() => Bpdu::TopologyChange,
                _ => {
                    port.new_info = false;
                    return false;
                }
            }
        };
        let port = &mut self.ports[index];
        port.new_info = false;
        port.said = true;
        port.tc_ack &= bpdu == Bpdu::TopologyChange;
        port.count_tx(now);
        port.hello_when = Timer::start(now, hello_time);
        match bpdu {
            Bpdu::TopologyChange => port.xstats.tx_tcn += 1,
            Bpdu::Config(_) | Bpdu::Rapid(_) => port.xstats.tx_bpdu += 1,
        }
        self.outputs.push_back(Output::Transmit(port.no, bpdu));
        true
    }

    /// 17.21.19, txConfig.
    fn config(&self, index: usize) -> Config {
        let port = &self.ports[index];
        let vector = self.designated_priority(index);
        let times = self.designated_times();
        Config {
            topology_change: !port.tc_while.is_zero(),
            topology_change_ack: port.tc_ack,
            root: vector.root,
            root_path_cost: vector.cost,
            bridge: vector.bridge,
            port: vector.port,
            message_age: times.message_age,
            max_age: times.max_age,
            hello_time: times.hello_time,
            forward_delay: times.forward_delay,
        }
    }

    /// 17.21.20, txRstp.
    fn rapid(&self, index: usize) -> Rapid {
        let port = &self.ports[index];
        Rapid {
            config: Config {
                topology_change_ack: false,
                ..self.config(index)
            },
            role: match port.role {
                Role::Root => RapidRole::Root,
                Role::Designated => RapidRole::Designated,
                Role::Alternate | Role::Backup => RapidRole::Blocked,
                Role::Disabled => RapidRole::Unknown,
            },
            proposal: port.proposing,
            learning: port.learning,
            forwarding: port.forwarding,
            agreement: port.agree,
        }
    }
}
