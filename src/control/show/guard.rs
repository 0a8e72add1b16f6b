//! Guards of ports as records: `tapswitch port show`.

use super::Show;
use crate::guard;
use crate::iproute::command::{PrivateRole, StormLimit, Violation};
use crate::iproute::show::record::{BindingRecord, GuardRecord, StormRecord};
use crate::netdev::bridge::{Bridge, Port};
use crate::netdev::guard::StormRate;
use crate::switch::guard::security;
use crate::time::Instant;
use crate::wire::Vid;

impl Show<'_> {
    /// The guards of all ports of the namespace, by ifindex.
    pub(super) fn guards(&self) -> Vec<GuardRecord> {
        let netdevs = self.network.in_namespace(self.ns);
        let ports = netdevs.filter_map(|netdev| {
            let (bridge, port) = self.network.port(netdev.id)?;
            let bridge = self.network.netdev(bridge).bridge()?;
            Some(self.guard(netdev.ifindex, bridge, port))
        });
        ports.collect()
    }

    fn guard(&self, ifindex: u32, bridge: &Bridge, port: &Port) -> GuardRecord {
        let counters = self.counters.guards.get(port.netdev.index());
        let counters = counters.copied().unwrap_or_default();
        let guard = &port.guard;
        let number = |vid: Option<Vid>| vid.map(Vid::get);
        let left = |at: Instant| (at - self.now).as_secs();
        let learned = bridge.learned_secure(port, self.now);
        let bindings = bridge.bindings_of(port.number, self.now);
        let storm = |rate: StormRate, dropped| StormRecord {
            limit: StormLimit {
                frames: rate.frames,
                octets: rate.octets,
            },
            dropped,
        };
        GuardRecord {
            ifindex,
            storm_broadcast: storm(guard.broadcast, counters.storm_broadcast),
            storm_multicast: storm(guard.multicast, counters.storm_multicast),
            storm_unknown: storm(guard.unknown, counters.storm_unknown),
            max_macs: guard.max_macs,
            macs: u32::try_from(learned.len() + guard.secure_macs.len()).unwrap_or(u32::MAX),
            secure_macs: guard
                .secure_macs
                .iter()
                .map(|(mac, vid)| (*mac, number(*vid)))
                .collect(),
            learned_macs: learned
                .into_iter()
                .map(|(key, _)| (key.mac(), number(key.vid())))
                .collect(),
            violation: match guard.violation {
                security::Violation::Protect => Violation::Protect,
                security::Violation::Restrict => Violation::Restrict,
                security::Violation::Shutdown => Violation::Shutdown,
            },
            violations: counters.violations,
            recovery: guard
                .recovery
                .map(|after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX)),
            shutdown: guard.is_shut(),
            opens: guard.opens().map(left),
            ip_binding: guard.ip_binding,
            unbound: counters.unbound,
            dhcp_trusted: guard.dhcp_trusted,
            dhcp_dropped: counters.dhcp,
            bindings: bindings
                .into_iter()
                .map(|(vid, ip, binding)| BindingRecord {
                    address: ip.into(),
                    mac: binding.mac,
                    vlan: number(vid),
                    lease: binding.expires.map(left),
                })
                .collect(),
            tree: self.tree_settings(bridge, port).unwrap_or_default(),
            mac_vlans: guard
                .mac_vlans
                .iter()
                .map(|(mac, vid)| (*mac, vid.get()))
                .collect(),
            private: match guard.private {
                None => PrivateRole::Off,
                Some(guard::PrivateRole::Promiscuous) => PrivateRole::Promiscuous,
                Some(guard::PrivateRole::Isolated) => PrivateRole::Isolated,
                Some(guard::PrivateRole::Community(number)) => PrivateRole::Community(number),
            },
        }
    }
}
