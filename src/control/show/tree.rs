//! Spanning trees as records: `tapswitch stp show`, `tapswitch bridge show`, and of `tapswitch port show` what is
//! about BPDUs.

use super::Show;
use crate::iproute::command::{Admin, PortTreeOptions, StpMode};
use crate::iproute::show::record::{StpPortRecord, StpPortTree, StpRecord};
use crate::netdev::bridge::{Bridge, Port};
use crate::stp::{Ignored, Mode, rstp};
use crate::switch::PortNo;

impl Show<'_> {
    /// The spanning trees of the bridges of the namespace, by ifindex.
    pub(super) fn trees(&self) -> Vec<StpRecord> {
        let netdevs = self.network.in_namespace(self.ns);
        let bridges = netdevs.filter_map(|netdev| {
            let bridge = netdev.bridge()?;
            Some(self.tree(netdev.ifindex, bridge))
        });
        bridges.collect()
    }

    fn tree(&self, ifindex: u32, bridge: &Bridge) -> StpRecord {
        let info = bridge.tree.info(self.now);
        let status = bridge.tree.status();
        let mut ports: Vec<_> = bridge.ports.iter().collect();
        ports.sort_by_key(|port| port.number);
        StpRecord {
            ifindex,
            on: info.stp,
            mode: match status.mode {
                Mode::Stp => StpMode::Stp,
                Mode::Rstp => StpMode::Rstp,
            },
            tx_hold_count: status.tx_hold_count,
            bridge_id: info.bridge_id,
            root_id: info.root_id,
            root_port: info.root_port.map_or(0, PortNo::get),
            root_path_cost: info.root_path_cost,
            topology_change: info.topology_change,
            loops: self.loops(bridge),
            ports: ports
                .into_iter()
                .filter_map(|port| self.tree_port(bridge, port))
                .collect(),
        }
    }

    fn tree_port(&self, bridge: &Bridge, port: &Port) -> Option<StpPortRecord> {
        let status = bridge.tree.port_status(self.now, port.number)?;
        let ignored = Ignored::NAMES.into_iter().zip(status.ignored);
        Some(StpPortRecord {
            ifindex: self.network.netdev(port.netdev).ifindex,
            number: port.number.get(),
            role: status.role.name(),
            state: status.state as u8,
            cost: status.cost,
            p2p: status.p2p,
            edge: status.edge,
            rapid: status.rapid,
            inconsistent: status.inconsistent.map(crate::stp::Inconsistent::name),
            forwards_in: status.forwards_in,
            recovers_in: status.recovers_in,
            changes_ignored: status.changes_ignored,
            rejected: ignored.filter(|(_, count)| *count > 0).collect(),
        })
    }

    /// What `tapswitch port set` has set about a port's part in the spanning tree.
    pub(super) fn tree_settings(&self, bridge: &Bridge, port: &Port) -> Option<StpPortTree> {
        let status = bridge.tree.port_status(self.now, port.number)?;
        Some(StpPortTree {
            set: PortTreeOptions {
                p2p: Some(admin(status.admin_p2p)),
                edge: Some(admin(status.admin_edge)),
                bpdu_guard: Some(status.bpdu_guard),
                bpdu_filter: Some(status.bpdu_filter),
                loop_guard: Some(status.loop_guard),
                tc_guard: Some(status.tc_guard),
                speed: status.admin_speed.then_some(status.speed),
            },
            inconsistent: status.inconsistent.map(crate::stp::Inconsistent::name),
        })
    }
}

const fn admin(admin: rstp::Admin) -> Admin {
    match admin {
        rstp::Admin::Auto => Admin::Auto,
        rstp::Admin::On => Admin::On,
        rstp::Admin::Off => Admin::Off,
    }
}
