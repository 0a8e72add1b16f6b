//! From the network to the plan.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Bridge, Kind, Netdev, Network, Port};
use crate::guard::PrivateRole;
use crate::switch::plan::{FloodSets, PortState};
use crate::switch::{
    AttachmentId, NetdevId, Plan, PlanAttachment, PlanBridge, PlanNetdev, PlanPort, PortSet,
    Receive, Transmit,
};

/// The stack of a loopback: no frame ever gets there, because a loopback has no wire, is nobody's
/// peer and cannot be a port.
const NO_STACK: AttachmentId = AttachmentId(u32::MAX);

impl Network {
    /// Compiles what the fast path reads. Costs in proportion to all netdevs that ever were.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let bridges = self.netdevs.iter().filter(|netdev| netdev.alive);
        let bridges: Vec<_> = bridges
            .filter_map(|netdev| Some((netdev, netdev.bridge()?)))
            .collect();
        let index: HashMap<NetdevId, u32> = (0u32..)
            .zip(&bridges)
            .map(|(index, (netdev, _))| (netdev.id, index))
            .collect();
        Plan {
            netdevs: self
                .netdevs
                .iter()
                .map(|netdev| compile_netdev(netdev, &index))
                .collect(),
            attachments: self
                .attachments()
                .iter()
                .map(|info| PlanAttachment {
                    netdev: info.netdev,
                    side: info.side,
                })
                .collect(),
            bridges: bridges
                .into_iter()
                .map(|(netdev, bridge)| self.compile_bridge(netdev, bridge))
                .collect(),
            vlan_counters: self.vlan_counters,
        }
    }

    fn compile_bridge(&self, netdev: &Netdev, bridge: &Bridge) -> PlanBridge {
        let isolated = select(bridge, |port| port.flags.isolated);
        let slots = bridge.ports.iter().map(|port| port.number.index() + 1);
        let mut ports = vec![None; slots.max().unwrap_or(0)];
        for port in &bridge.ports {
            ports[port.number.index()] = Some(PlanPort {
                netdev: port.netdev,
                state: port.state,
                pvid: port.pvid,
                learning: port.flags.learning,
                locked: port.flags.locked,
                mab: port.flags.mab,
                hairpin: port.flags.hairpin,
                isolated: port.flags.isolated,
                group_fwd_mask: port.group_fwd_mask,
                carrier: self.netdev(port.netdev).up
                    && self.carrier(port.netdev)
                    && !port.guard.is_shut(),
                backup: port.backup,
                barred: barred(bridge, port, &isolated),
                guard: bridge.compile_guard(port),
            });
        }
        // proxy_arp keeps every flood away from a port, whatever the frame (br_flood).
        let floods = |port: &Port| port.state == PortState::Forwarding && !port.flags.proxy_arp;
        let unicast = select(bridge, |port| floods(port) && port.flags.flood);
        PlanBridge {
            netdev: netdev.id,
            fdb: Arc::clone(&bridge.fdb),
            hold: bridge.hold(),
            promiscuous: netdev.promiscuity > 0,
            bpdu: bridge
                .tree
                .stp()
                .then(|| bridge.tree.group_address().reserved())
                .flatten(),
            group_fwd_mask: bridge.group_fwd_mask | bridge.required_fwd_mask(),
            no_linklocal_learn: bridge.no_linklocal_learn,
            snoops: bridge.snoops(),
            vlans: bridge.vlans.compile(),
            multicast: None,
            ports,
            flood: FloodSets {
                unicast,
                multicast: select(bridge, |port| floods(port) && port.flags.mcast_flood),
                broadcast: select(bridge, |port| floods(port) && port.flags.bcast_flood),
            },
            host_flood: FloodSets {
                unicast,
                multicast: select(bridge, floods),
                broadcast: select(bridge, floods),
            },
        }
    }
}

fn compile_netdev(netdev: &Netdev, bridges: &HashMap<NetdevId, u32>) -> PlanNetdev {
    let receive = netdev
        .port
        .and_then(|(bridge, number)| Some(Receive::Bridge(*bridges.get(&bridge)?, number)));
    let transmit = match netdev.kind {
        _ if !netdev.alive => Transmit::Nothing,
        Kind::Loopback | Kind::Dummy => Transmit::Nothing,
        Kind::Bridge(_) => bridges
            .get(&netdev.id)
            .map_or(Transmit::Nothing, |index| Transmit::Bridge(*index)),
        Kind::Veth { peer } => Transmit::Peer(peer),
        Kind::Tap { wire, .. } | Kind::Outside { wire, .. } => Transmit::Wire(wire),
    };
    PlanNetdev {
        up: netdev.up,
        mac: netdev.mac,
        mtu: netdev.mtu,
        receive: receive.unwrap_or(Receive::Stack),
        transmit,
        stack: netdev.stack.unwrap_or(NO_STACK),
    }
}

fn select(bridge: &Bridge, wanted: impl Fn(&Port) -> bool) -> PortSet {
    let ports = bridge.ports.iter().filter(|port| wanted(port));
    ports.map(|port| port.number).collect()
}

/// Where a frame from this port never goes: back without hairpin, and from one isolated port to
/// another, itself included (`should_deliver`); nor where private VLANs bar it.
fn barred(bridge: &Bridge, port: &Port, isolated: &PortSet) -> PortSet {
    let mut barred = if port.flags.isolated {
        *isolated
    } else {
        PortSet::EMPTY
    };
    if !port.flags.hairpin {
        barred.insert(port.number);
    }
    let role = |port: &Port| port.guard.private.unwrap_or_default();
    if role(port) != PrivateRole::Promiscuous {
        for other in &bridge.ports {
            if other.number != port.number && !role(port).exchanges_with(role(other)) {
                barred.insert(other.number);
            }
        }
    }
    barred
}
