//! What show commands print of multicast snooping.

use super::show::Show;
use crate::iproute::command::{FilterMode, MdbGroup};
use crate::iproute::show::record::{McastInfo, McastQuery, MdbRecord, RouterPort, RouterRecord};
use crate::mcast::{self, GroupInfo, PortRouter, Scope, Settings};
use crate::netdev::{Bridge, Netdev};
use crate::switch::PortNo;
use crate::switch::mdb::Group;
use crate::time::Duration;

impl Show<'_> {
    /// All memberships, by bridge.
    pub(super) fn groups(&self) -> Vec<MdbRecord> {
        let bridges = self.network.in_namespace(self.ns);
        let bridges = bridges.filter_map(|netdev| Some((netdev, netdev.bridge()?)));
        bridges
            .flat_map(|(netdev, bridge)| {
                let rows = bridge.multicast.dump(self.now).into_iter();
                rows.map(move |row| self.group(netdev, bridge, row))
            })
            .collect()
    }

    fn group(&self, netdev: &Netdev, bridge: &Bridge, row: GroupInfo) -> MdbRecord {
        let port = row.port.map(|port| self.port_index(bridge, port));
        let group = match row.key.group {
            Group::Mac(mac) => MdbGroup::Mac(mac),
            Group::V4 { group, .. } => MdbGroup::Ip(group.into()),
            Group::V6 { group, .. } => MdbGroup::Ip(group.into()),
        };
        MdbRecord {
            bridge: netdev.ifindex,
            ifindex: port.unwrap_or(netdev.ifindex),
            group,
            vid: row.key.vid,
            source: row.key.group.source(),
            permanent: row.permanent || matches!(group, MdbGroup::Mac(_)),
            filter_mode: row.mode.map(|mode| match mode {
                mcast::FilterMode::Include => FilterMode::Include,
                mcast::FilterMode::Exclude => FilterMode::Exclude,
            }),
            sources: row
                .sources
                .into_iter()
                .map(|(source, left)| (source, centis(left)))
                .collect(),
            protocol: row.protocol,
            fast_leave: row.fast_leave,
            star_exclude: row.star_exclude,
            blocked: row.blocked,
            timer: centis(row.left),
        }
    }

    /// The ports with routers, by bridge that has any.
    pub(super) fn routers(&self) -> Vec<RouterRecord> {
        let bridges = self.network.in_namespace(self.ns);
        let bridges = bridges.filter_map(|netdev| Some((netdev, netdev.bridge()?)));
        bridges
            .map(|(netdev, bridge)| RouterRecord {
                bridge: netdev.ifindex,
                ports: self.router_ports(bridge, Scope::Bridge),
            })
            .filter(|record| !record.ports.is_empty())
            .collect()
    }

    /// The ports with routers of a bridge or of one of its VLANs, in the order in which the kernel walks
    /// ports.
    pub(super) fn router_ports(&self, bridge: &Bridge, scope: Scope) -> Vec<RouterPort> {
        let routers = bridge.multicast.routers(self.now, scope);
        let of = |port: PortNo| routers.iter().find(|router| router.port == port);
        let ports = bridge.ports.iter().filter_map(|port| of(port.number));
        ports
            .map(|router| RouterPort {
                ifindex: self.port_index(bridge, router.port),
                timer: centis(router.v4.max(router.v6).unwrap_or_default()),
                temporary: [PortRouter::Learned, PortRouter::Temporary]
                    .iter()
                    .any(|kind| kind.number() == router.kind),
            })
            .collect()
    }

    fn port_index(&self, bridge: &Bridge, port: PortNo) -> u32 {
        let netdev = bridge.port(port).map(|port| port.netdev);
        netdev.map_or(0, |netdev| self.network.netdev(netdev).ifindex)
    }
}

/// Data of a bridge about multicast.
pub(super) fn info(bridge: &Bridge) -> McastInfo {
    let machine = &bridge.multicast;
    let settings = machine.settings_of(Scope::Bridge).unwrap_or_default();
    McastInfo {
        vlan_snooping: machine.vlan_snooping(),
        router: settings.router.number(),
        query_use_ifaddr: machine.use_ifaddr(),
        querier: settings.querier,
        hash_max: machine.hash_max(),
        stats_enabled: machine.stats(),
        query: query(&settings),
    }
}

/// Data of a bridge or a VLAN about queries.
pub(super) fn query(settings: &Settings) -> McastQuery {
    McastQuery {
        last_member_count: settings.last_member_count,
        startup_query_count: settings.startup_query_count,
        last_member_interval: centis(settings.last_member_interval),
        membership_interval: centis(settings.membership_interval),
        querier_interval: centis(settings.querier_interval),
        query_interval: centis(settings.query_interval),
        query_response_interval: centis(settings.query_response_interval),
        startup_query_interval: centis(settings.startup_query_interval),
        igmp_version: settings.igmp_version,
        mld_version: settings.mld_version,
    }
}

/// In 1/100 s, rounded down.
fn centis(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX)
}
