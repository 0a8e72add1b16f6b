//! From the network to the plan.

use std::collections::HashMap;
use std::sync::Arc;

use super::ipvlan::IpvlanIndex;
use super::macvlan::compile_macvlan;
use super::{Bridge, Kind, Netdev, Network, Port, VlanDevice};
use crate::guard::PrivateRole;
use crate::switch::plan::{FloodSets, PortState};
use crate::switch::{
    AttachmentId, NetdevId, Plan, PlanAttachment, PlanBridge, PlanNetdev, PlanPort, PlanVlanDevice,
    PortSet, Receive, Transmit, Uppers,
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
        let vlans = self.netdevs.iter().filter(|netdev| netdev.alive);
        let vlans: Vec<_> = vlans
            .filter_map(|netdev| Some((netdev.id, self.vlan_device(netdev.id)?)))
            .collect();
        let ports = self.netdevs.iter().filter(|netdev| netdev.alive);
        let ports: Vec<_> = ports
            .filter_map(|netdev| Some((netdev.id, netdev.macvlans.as_deref()?)))
            .collect();
        let port_ids = (0u32..).zip(ports.iter().map(|(id, _)| *id));
        let port_index: HashMap<NetdevId, u32> = port_ids.map(|(index, id)| (id, index)).collect();
        let vxlans: Vec<_> = self.vxlan_devices().map(|(id, _)| id).collect();
        let vxlan_ids = (0u32..).zip(vxlans.iter().copied());
        // No netdev is two of these.
        let bridge_ids = (0u32..).zip(bridges.iter().map(|(netdev, _)| netdev.id));
        let vlan_ids = (0u32..).zip(vlans.iter().map(|(id, _)| *id));
        let macvlans = self.netdevs.iter().filter(|netdev| netdev.alive);
        let macvlans: Vec<_> = macvlans
            .filter_map(|netdev| Some((netdev, self.macvlan(netdev.id)?)))
            .collect();
        let macvlan_ids = (0u32..).zip(macvlans.iter().map(|(netdev, _)| netdev.id));
        let index: HashMap<NetdevId, u32> = bridge_ids
            .chain(vlan_ids)
            .chain(macvlan_ids)
            .chain(vxlan_ids)
            .map(|(index, id)| (id, index))
            .collect();
        let ipvlans = self.index_ipvlans();
        let netdevs: Vec<_> = self
            .netdevs
            .iter()
            .map(|netdev| self.compile_netdev(netdev, &index, &port_index, &ipvlans))
            .collect();
        let macvlans: Vec<_> = macvlans
            .iter()
            .map(|(netdev, macvlan)| {
                // Its lower has a port as long as it stands on it.
                let port = port_index.get(&macvlan.stacked.lower).copied();
                let compiled = &netdevs[netdev.id.index()];
                compile_macvlan(macvlan, port.unwrap_or(0), netdev.id, compiled)
            })
            .collect();
        Plan {
            vlan_devices: vlans
                .iter()
                .map(|(_, vlan)| self.compile_vlan_device(vlan))
                .collect(),
            macvlan_ports: ports
                .iter()
                .map(|(id, port)| {
                    let index = |child| index.get(&child).copied();
                    self.compile_macvlan_port(*id, port, &macvlans, index)
                })
                .collect(),
            macvlans,
            vxlans: vxlans
                .iter()
                .filter_map(|id| self.compile_vxlan(*id))
                .collect(),
            underlays: self.compile_underlays(|id| index.get(&id).copied()),
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
            ipvlans: ipvlans
                .ports
                .iter()
                .map(|port| self.compile_ipvlan(port, &netdevs))
                .collect(),
            ipvlan_children: ipvlans.children,
            vlan_counters: self.vlan_counters,
            multicast_counters: match self.counts_multicast() {
                true => self.multicast_counters,
                false => 0,
            },
            netdevs,
        }
    }

    /// Compiles those bridges anew of which alone a plan of this network knows an earlier state. Costs what they
    /// cost.
    pub fn update_plan<'a>(
        &self,
        plan: &mut Plan,
        changed: impl IntoIterator<Item = &'a NetdevId>,
    ) {
        for id in changed {
            let netdev = self.netdev(*id);
            let at = match plan.netdevs.get(id.index()).map(|netdev| netdev.transmit) {
                Some(Transmit::Bridge(at)) => plan.bridges.get_mut(at as usize),
                _ => None,
            };
            if let (Some(at), Some(bridge)) = (at, netdev.bridge()) {
                *at = self.compile_bridge(netdev, bridge);
            }
        }
        plan.vlan_counters = self.vlan_counters;
    }

    fn compile_netdev(
        &self,
        netdev: &Netdev,
        index: &HashMap<NetdevId, u32>,
        macvlan_ports: &HashMap<NetdevId, u32>,
        ipvlans: &IpvlanIndex<'_>,
    ) -> PlanNetdev {
        let bridge = netdev
            .port
            .and_then(|(bridge, number)| Some(Receive::Bridge(*index.get(&bridge)?, number)));
        // A netdev has at most one handler.
        let receive = bridge
            .or_else(|| netdev.cable.map(Receive::Cable))
            .or_else(|| macvlan_ports.get(&netdev.id).copied().map(Receive::Macvlan))
            .or_else(|| {
                ipvlans
                    .port_index
                    .get(&netdev.id)
                    .copied()
                    .map(Receive::Ipvlan)
            })
            .or_else(|| {
                netdev
                    .device()
                    .filter(|_| netdev.alive)
                    .map(Receive::Device)
            });
        let indexed = |transmit: fn(u32) -> Transmit| {
            let found = index.get(&netdev.id);
            found.map_or(Transmit::Nothing, |index| transmit(*index))
        };
        let transmit = match netdev.kind {
            _ if !netdev.alive => Transmit::Nothing,
            Kind::Loopback | Kind::Dummy => Transmit::Nothing,
            Kind::Bridge(_) => indexed(Transmit::Bridge),
            Kind::Vlan(_) => indexed(Transmit::Vlan),
            Kind::Macvlan(_) => indexed(Transmit::Macvlan),
            Kind::Ipvlan(_) if !self.carrier(netdev.id) => Transmit::Unplugged,
            Kind::Ipvlan(_) => {
                let found = ipvlans.child_index.get(&netdev.id);
                found.map_or(Transmit::Nothing, |index| Transmit::Ipvlan(*index))
            }
            Kind::Vxlan(_) => indexed(Transmit::Vxlan),
            Kind::Veth { peer } => Transmit::Peer(peer),
            Kind::Tap { plugged, .. } | Kind::Outside { plugged, .. } if !plugged => {
                Transmit::Unplugged
            }
            Kind::Tap { wire, .. } | Kind::Outside { wire, .. } => Transmit::Wire(wire),
        };
        let vlans = netdev.uppers.iter().filter_map(|id| {
            let vlan = self.vlan_device(*id)?;
            Some((vlan.tag_type, vlan.vid, *id))
        });
        let vlans: Vec<_> = vlans.collect();
        PlanNetdev {
            up: netdev.up,
            mac: netdev.mac,
            mtu: netdev.mtu,
            receive: receive.unwrap_or(Receive::Stack),
            transmit,
            uppers: (!vlans.is_empty()).then(|| Box::new(Uppers::new(vlans))),
            stack: netdev.stack.unwrap_or(NO_STACK),
            underlay: self.listens_below(netdev).then_some(netdev.ns.number()),
        }
    }

    fn compile_vlan_device(&self, vlan: &VlanDevice) -> PlanVlanDevice {
        PlanVlanDevice {
            lower: vlan.stacked.lower,
            tag_type: vlan.tag_type,
            vid: vlan.vid,
            carrier: vlan.stacked.carrier,
            reorder_hdr: vlan.flags.reorder_hdr,
            lower_takes_tags: takes_tags(&self.netdev(vlan.stacked.lower).kind),
            ingress_qos: vlan.ingress_qos,
            egress_qos: vlan.egress_qos(),
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
                    && !port.guard.is_shut()
                    && !port.is_looped(),
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
            promiscuous: self.promiscuity(netdev.id) > 0,
            bpdu: bridge
                .tree
                .stp()
                .then(|| bridge.tree.group_address().reserved())
                .flatten(),
            group_fwd_mask: bridge.group_fwd_mask | bridge.required_fwd_mask(),
            no_linklocal_learn: bridge.no_linklocal_learn,
            carrier: self.carrier(netdev.id),
            dhcp_trusted: (bridge.snoops()).then(|| select(bridge, |port| port.guard.dhcp_trusted)),
            neighbours: self.compile_neighbours(netdev, bridge),
            vlans: bridge.vlans.compile(),
            multicast: bridge.compile_multicast(),
            alarm: bridge.loops.compile(bridge.tree.stp()),
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

/// Whether the driver of a netdev takes a tag in metadata (`NETIF_F_HW_VLAN_*TAG_TX`).
fn takes_tags(kind: &Kind) -> bool {
    !matches!(kind, Kind::Dummy | Kind::Vxlan(_)) && kind.stacked().is_none()
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
