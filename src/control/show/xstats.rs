//! Extended statistics as records: `ip link xstats`.

use super::Show;
use crate::iproute::show::record::{Directions, MulticastRecord, StpXstats, XstatsRecord};
use crate::netdev::Netdev;
use crate::switch::MulticastCounters;
use crate::switch::multicast_stats::Both;

impl Show<'_> {
    /// The bridges and ports of the namespace, by ifindex.
    pub(super) fn xstats(&self) -> Vec<XstatsRecord> {
        let netdevs = self.network.in_namespace(self.ns);
        netdevs
            .filter_map(|netdev| self.xstats_of(netdev))
            .collect()
    }

    fn xstats_of(&self, netdev: &Netdev) -> Option<XstatsRecord> {
        let multicast = self.network.multicast_stats(netdev.id, self.counters)?;
        let port = netdev.port.filter(|_| netdev.bridge().is_none());
        let stp = port.and_then(|(bridge, number)| {
            let counted = self.network.netdev(bridge).bridge()?.tree.xstats(number)?;
            Some(StpXstats {
                transition_blk: counted.transition_blk,
                transition_fwd: counted.transition_fwd,
                rx_bpdu: counted.rx_bpdu,
                tx_bpdu: counted.tx_bpdu,
                rx_tcn: counted.rx_tcn,
                tx_tcn: counted.tx_tcn,
            })
        });
        Some(XstatsRecord {
            ifindex: netdev.ifindex,
            name: netdev.name.clone(),
            is_port: port.is_some(),
            multicast: record(multicast),
            stp,
        })
    }
}

fn record(counted: MulticastCounters) -> MulticastRecord {
    let both = |Both { rx, tx }| Directions { rx, tx };
    MulticastRecord {
        igmp_queries: counted.igmp_queries.map(both),
        igmp_reports: counted.igmp_reports.map(both),
        igmp_leaves: both(counted.igmp_leaves),
        igmp_parse_errors: counted.igmp_parse_errors,
        mld_queries: counted.mld_queries.map(both),
        mld_reports: counted.mld_reports.map(both),
        mld_leaves: both(counted.mld_leaves),
        mld_parse_errors: counted.mld_parse_errors,
    }
}
