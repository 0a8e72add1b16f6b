//! The spanning trees: one machine per bridge, kept in step with the configuration.
//!
//! The configuration is compared with each machine after every change, so that a command needs to know
//! nothing of spanning trees. What a machine decides goes back into the configuration through
//! [`Network::set_tree_state`] and [`Network::set_tree_hold`], and from there into the plan.
//! While the tree is off, configuration and machine choose the same states.

use std::collections::BTreeMap;

use crate::netdev::{self, Netdev, Network};
use crate::stp::{Bridge, Output};
use crate::switch::plan::PortState;
use crate::switch::{NetdevId, PortNo};
use crate::time::Instant;

/// The spanning tree machines, by bridge.
#[derive(Debug, Default)]
pub(super) struct Trees {
    machines: BTreeMap<NetdevId, Bridge>,
}

impl Trees {
    /// Tells the machines what has changed in the configuration. Walks all ports of all bridges.
    pub(super) fn follow(&mut self, now: Instant, network: &Network) {
        self.machines
            .retain(|id, _| network.netdev(*id).alive && network.netdev(*id).bridge().is_some());
        for netdev in network.netdevs().iter().filter(|netdev| netdev.alive) {
            if let Some(bridge) = netdev.bridge() {
                let machine = self
                    .machines
                    .entry(netdev.id)
                    .or_insert_with(|| Bridge::new(bridge.id_address));
                follow_bridge(machine, now, network, netdev, bridge);
            }
        }
    }

    /// Hands a frame that was trapped on a port to its bridge's machine. What that ignores is harmless.
    pub(super) fn receive(&mut self, now: Instant, bridge: NetdevId, port: PortNo, octets: &[u8]) {
        if let Some(machine) = self.machines.get_mut(&bridge) {
            // The reason is for tests of the machine: in the network nothing follows from it.
            let _ = machine.receive(now, port, octets);
        }
    }

    /// Returns when [`Self::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.machines
            .values()
            .filter_map(Bridge::poll_timeout)
            .min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for machine in self.machines.values_mut() {
            machine.handle_timeout(now);
        }
    }

    /// Returns the next thing that a machine has decided: in order for each bridge.
    pub(super) fn poll_output(&mut self) -> Option<(NetdevId, Output)> {
        self.machines
            .iter_mut()
            .find_map(|(id, machine)| Some((*id, machine.poll_output()?)))
    }

    /// Returns a bridge's machine, for show commands.
    pub(super) fn get(&self, bridge: NetdevId) -> Option<&Bridge> {
        self.machines.get(&bridge)
    }
}

fn follow_bridge(
    machine: &mut Bridge,
    now: Instant,
    network: &Network,
    netdev: &Netdev,
    bridge: &netdev::Bridge,
) {
    let gone: Vec<PortNo> = machine
        .ports()
        .filter(|number| bridge.port(*number).is_none())
        .collect();
    for number in gone {
        machine.remove_port(now, number);
    }

    let configured = machine.configured();
    if configured.ageing_time != bridge.ageing_time {
        machine.set_ageing_time(bridge.ageing_time);
    }
    // Times before on/off, as `br_changelink` has it. The configuration holds only what is in range.
    let times = [
        machine.set_hello_time(bridge.hello_time),
        machine.set_max_age(bridge.max_age),
        machine.set_forward_delay(bridge.forward_delay),
    ];
    debug_assert_eq!(times, [Ok(()); 3]);
    machine.set_stp(now, bridge.stp);
    machine.set_group_address(bridge.group_address);
    let id = machine.info(now).bridge_id;
    if id.priority != bridge.priority {
        machine.set_priority(now, bridge.priority);
    }
    if id.address != bridge.id_address {
        machine.set_address(now, bridge.id_address);
    }

    // The newest is the first here and the last to have joined.
    for port in bridge.ports.iter().rev() {
        if machine.port_state(port.number).is_none() {
            machine.add_port(now, port.number, port.path_cost);
        }
    }
    machine.set_up(now, netdev.up);
    for port in &bridge.ports {
        follow_port(machine, now, network, port);
    }
}

fn follow_port(machine: &mut Bridge, now: Instant, network: &Network, port: &netdev::Port) {
    let number = port.number;
    let Some(known) = machine.port_info(now, number) else {
        return;
    };
    machine.set_guard(number, port.flags.guard);
    machine.set_root_block(number, port.flags.root_block);
    let mut done = Ok(());
    if known.priority != port.priority {
        done = machine.set_port_priority(now, number, port.priority.into());
    }
    if known.cost != port.path_cost {
        if port.cost_set {
            done = done.and(machine.set_path_cost(now, number, port.path_cost));
        } else {
            machine.set_speed_cost(number, port.path_cost);
        }
    }
    // The configuration has brought the port back: so must the machine, if its guard had closed it.
    let running = network.running(port.netdev);
    let revived = known.state == PortState::Disabled && port.state != PortState::Disabled;
    if known.link != running || (running && revived) {
        machine.set_link(now, number, running);
    }
    if !machine.stp() && machine.port_state(number) != Some(port.state) {
        done = done.and(machine.set_port_state(now, number, port.state));
    }
    debug_assert_eq!(
        done,
        Ok(()),
        "the configuration holds only what is in range"
    );
}
