//! VLANs as the kernel dumps them: `bridge vlan show`, `bridge vlan global show`.

use super::Show;
use crate::iproute::show::record::{McastQuery, VlanGlobalRecord, VlanRecord, VlanStats};
use crate::netdev::Kind;

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
                mcast_router: it.member.mcast_router,
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
            let vlans = netdev.bridge().into_iter().flat_map(|it| it.vlans.iter());
            records.extend(vlans.map(|(vid, _)| VlanGlobalRecord {
                ifindex: netdev.ifindex,
                vid: vid.get(),
                mcast_snooping: true,
                mcast_querier: false,
                query: McastQuery::default(),
                router_ports: Vec::new(),
            }));
        }
        records
    }
}
