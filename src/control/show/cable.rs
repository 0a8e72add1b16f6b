//! Cables as records: `tapswitch cable show`.

use super::Show;

impl Show<'_> {
    /// The cables of the namespace as pairs of ifindices, each once from either end.
    pub(super) fn cables(&self) -> Vec<(u32, u32)> {
        let netdevs = self.network.in_namespace(self.ns);
        let ends = netdevs.filter_map(|netdev| {
            let other = self.network.netdev(netdev.cable?);
            Some((netdev.ifindex, other.ifindex))
        });
        ends.collect()
    }
}
