//! One machine takes over from another.

use super::{Machine, Mode, Tree, both, taken};
use crate::stp::seam::Output;
use crate::stp::{classic, rstp};
use crate::switch::plan::PortState;
use crate::time::Instant;

impl Tree {
    /// Starts the machine that the settings ask for, in place of the one that runs.
    ///
    /// Ports begin as if they had just joined. What follows is queued behind what the old machine still
    /// had to say; a port that forwards again at once does not stop in between.
    pub(super) fn restart(&mut self, now: Instant) {
        while let Some(output) = both!(&mut self.machine, it => it.poll_output()) {
            self.outputs.push_back(output);
        }
        let hold = self.hold();
        let old: Vec<_> = self
            .ports
            .iter()
            .map(|port| (port.no, self.port_state(port.no)))
            .collect();
        for index in 0..self.ports.len() {
            let no = self.ports[index].no;
            if let Some(xstats) = self.xstats(no) {
                self.ports[index].before = xstats;
            }
        }
        let rapid = self.settings.on && self.settings.mode == Mode::Rstp;
        self.machine = match rapid {
            true => Machine::Rapid(Box::new(self.rapid(now))),
            false => Machine::Classic(Box::new(self.classic(now))),
        };
        for (no, state) in old {
            if self.port_state(no) == Some(PortState::Disabled)
                && state != Some(PortState::Disabled)
            {
                self.outputs
                    .push_back(Output::SetState(no, PortState::Disabled));
            }
            self.outputs.push_back(Output::Flush(no));
        }
        if self.hold() != hold {
            self.outputs.push_back(Output::Hold(self.hold()));
        }
    }

    fn classic(&self, now: Instant) -> classic::Bridge {
        let settings = &self.settings;
        let mut bridge = classic::Bridge::new(settings.address);
        bridge.set_group_address(settings.group_address);
        bridge.set_priority(now, settings.priority);
        bridge.set_ageing_time(settings.ageing_time);
        taken(bridge.set_hello_time(settings.hello_time));
        taken(bridge.set_max_age(settings.max_age));
        taken(bridge.set_forward_delay(settings.forward_delay));
        bridge.set_stp(now, settings.on);
        for port in &self.ports {
            let no = port.no;
            let cost = port.cost(settings.mode);
            bridge.add_port(now, no, cost);
            bridge.adopt_path_cost(now, no, cost, port.admin_cost.is_some());
            taken(bridge.set_port_priority(now, no, port.priority));
            bridge.set_guard(no, port.bpdu_guard);
            bridge.set_root_block(no, port.root_guard);
            taken(bridge.set_bpdu_filter(no, port.bpdu_filter));
            taken(bridge.set_loop_guard(now, no, port.loop_guard));
            taken(bridge.set_tc_guard(no, port.tc_guard));
            taken(bridge.set_recovery(no, port.recovery));
        }
        for port in self.ports.iter().filter(|port| port.link) {
            bridge.set_link(now, port.no, true);
        }
        bridge.set_up(now, settings.up);
        bridge
    }

    fn rapid(&self, now: Instant) -> rstp::Bridge {
        let settings = &self.settings;
        let mut bridge = rstp::Bridge::new(settings.address);
        bridge.set_group_address(settings.group_address);
        bridge.set_ageing_time(settings.ageing_time);
        taken(bridge.set_priority(now, settings.priority));
        let (hello_time, max_age) = (settings.hello_time, settings.max_age);
        taken(bridge.set_times(now, hello_time, max_age, settings.forward_delay));
        taken(bridge.set_tx_hold_count(now, settings.tx_hold_count));
        for port in &self.ports {
            let no = port.no;
            bridge.add_port(now, no, port.speed());
            if let Some(cost) = port.admin_cost {
                taken(bridge.set_path_cost(now, no, cost));
            }
            taken(bridge.set_port_priority(now, no, port.priority));
            taken(bridge.set_p2p(now, no, port.p2p));
            taken(bridge.set_edge(now, no, port.edge));
            taken(bridge.set_bpdu_guard(now, no, port.bpdu_guard));
            taken(bridge.set_root_block(now, no, port.root_guard));
            taken(bridge.set_bpdu_filter(now, no, port.bpdu_filter));
            taken(bridge.set_loop_guard(now, no, port.loop_guard));
            taken(bridge.set_tc_guard(no, port.tc_guard));
            taken(bridge.set_recovery(no, port.recovery));
        }
        for port in self.ports.iter().filter(|port| port.link) {
            bridge.set_link(now, port.no, true);
        }
        // Last, so that all ports discard before one of them says anything.
        bridge.set_up(now, settings.up);
        bridge
    }
}
