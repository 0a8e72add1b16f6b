//! VLANs as the kernel dumps them: `bridge vlan show`, `bridge vlan global show`.

use super::Show;
use crate::control::show_multicast::query;
use crate::iproute::show::record::{VlanGlobalRecord, VlanRecord, VlanStats};
use crate::mcast::Scope;
use crate::netdev::{Bridge, Kind};
use crate::switch::PortNo;

impl Show<'_> {
    /// The VLANs of ports and of bridges themselves, by ifindex and VID.
    pub(super) fn vlans(&self) -> Vec<VlanRecord> {
        let mut records = Vec::new();
        for netdev in self.network.in_namespace(self.ns) {
            let (bridge, number) = match (&netdev.kind, netdev.port) {
                (Kind::Bridge(_), _) => (netdev.id, None),
                (_, Some((bridge, number))) => (bridge, Some(number)),
                (_, None) => continue,
            };
            let Some(bridge) = self.network.netdev(bridge).bridge() else {
                continue;
            };
            records.extend(bridge.memberships(number).map(|it| VlanRecord {
                ifindex: netdev.ifindex,
                vid: it.vid.get(),
                pvid: it.pvid,
                untagged: it.untagged,
                ranged: it.ranged,
                state: it.member.state as u8,
                mcast_router: mcast_router(bridge, number, it.vid.get()),
                stats: self.vlan_stats(it.counter),
            }));
        }
        records
    }

    fn vlan_stats(&self, counter: Option<u32>) -> VlanStats {
        let counters = counter.and_then(|index| self.counters.vlans.get(index as usize));
        counters.map_or_else(VlanStats::default, |it| VlanStats {
            rx_bytes: it.rx_bytes,
            rx_packets: it.rx_packets,
            tx_bytes: it.tx_bytes,
            tx_packets: it.tx_packets,
        })
    }

    /// The VLANs of bridges as wholes, whoever is in them, by ifindex and VID.
    pub(super) fn global_vlans(&self) -> Vec<VlanGlobalRecord> {
        let mut records = Vec::new();
        for netdev in self.network.in_namespace(self.ns) {
            let Some(bridge) = netdev.bridge() else {
                continue;
            };
            records.extend(bridge.vlans.iter().map(|(vid, _)| {
                let of = Scope::Vlan(vid.get());
                let settings = bridge.multicast.settings_of(of).unwrap_or_default();
                VlanGlobalRecord {
                    ifindex: netdev.ifindex,
                    vid: vid.get(),
                    mcast_snooping: bridge.multicast.vlan_snooped(vid.get()),
                    mcast_querier: settings.querier,
                    mcast_router: settings.router.number(),
                    query: query(&settings),
                    router_ports: self.router_ports(bridge, of),
                }
            }));
        }
        records
    }
}

/// `mcast_router` of a port (`None`: of the bridge itself) in a VLAN, which is what it is by default
/// until something about multicast in VLANs was set.
fn mcast_router(bridge: &Bridge, port: Option<PortNo>, vid: u16) -> u8 {
    let (machine, of) = (&bridge.multicast, Scope::Vlan(vid));
    match port {
        Some(port) => machine.port_router(port, of).unwrap_or_default().number(),
        None => machine.settings_of(of).unwrap_or_default().router.number(),
    }
}
