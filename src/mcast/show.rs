//! What show commands print of groups, routers and queriers.

use std::net::IpAddr;

use super::groups::FilterMode;
use super::{Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::{Family, GroupKey, HostRouter};
use crate::time::{Duration, Instant};

/// One membership (`MDBA_MDB_ENTRY_INFO`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// The group.
    pub key: GroupKey,
    /// The port; `None` for the bridge itself.
    pub port: Option<PortNo>,
    /// Added by a command for good.
    pub permanent: bool,
    /// Left by the last host, on a port with `fastleave`.
    pub fast_leave: bool,
    /// There only because the port excludes other sources.
    pub star_exclude: bool,
    /// The source is excluded.
    pub blocked: bool,
    /// What the list of sources means; `None` where the version knows no sources, and of the bridge itself.
    pub mode: Option<FilterMode>,
    /// The sources and how long each is still wanted.
    pub sources: Vec<(IpAddr, Duration)>,
    /// Who made it (`RTPROT_…`); `None` of the bridge itself.
    pub protocol: Option<u8>,
    /// How long it still lasts, zero for good.
    pub left: Duration,
}

/// A port with a router behind it (`MDBA_ROUTER_PORT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterInfo {
    /// The port.
    pub port: PortNo,
    /// `mcast_router` of the port, whatever the context.
    pub kind: u8,
    /// IPv4: how long it still counts as one, if it does.
    pub v4: Option<Duration>,
    /// The same for IPv6.
    pub v6: Option<Duration>,
}

/// Who queries (`BRIDGE_QUERIER_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuerierInfo {
    /// Its address; `None` for the unspecified one.
    pub address: Option<IpAddr>,
    /// The port it is behind.
    pub port: Option<PortNo>,
    /// How long it still counts as there; `None` if it is the bridge itself.
    pub left: Option<Duration>,
}

impl Snooping {
    /// Returns every membership: groups with the newest first, the bridge itself before its ports
    /// (`br_mdb_fill_info`).
    #[must_use]
    pub fn dump(&self, now: Instant) -> Vec<GroupInfo> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.serial));
        let mut rows = Vec::new();
        for (key, entry) in groups {
            let host = GroupInfo {
                key,
                port: None,
                permanent: false,
                fast_leave: false,
                star_exclude: false,
                blocked: false,
                mode: None,
                sources: Vec::new(),
                protocol: None,
                left: entry.timer.left(now),
            };
            if entry.host_joined {
                rows.push(host.clone());
            }
            // Shown by the bridge's own version, whatever the VLAN's.
            let by_source = |family| self.context.settings.by_source(family);
            let shows_sources = key.group.family().is_some_and(by_source);
            rows.extend(entry.ports.iter().map(|pg| {
                let sources = pg.sources.iter().filter(|_| shows_sources);
                GroupInfo {
                    port: Some(pg.port),
                    permanent: pg.flags.permanent,
                    fast_leave: pg.flags.fast_leave,
                    star_exclude: pg.flags.star_excl,
                    blocked: pg.flags.blocked,
                    mode: shows_sources.then_some(pg.mode),
                    sources: sources
                        .map(|source| (source.address, source.timer.left(now)))
                        .collect(),
                    protocol: Some(pg.protocol),
                    left: pg.timer.left(now),
                    ..host.clone()
                }
            }));
        }
        rows
    }

    /// Returns the ports with routers behind them (`br_rports_fill_info`); none while the bridge itself
    /// is never a router.
    #[must_use]
    pub fn routers(&self, now: Instant, scope: Scope) -> Vec<RouterInfo> {
        let never = |router| router == HostRouter::Never;
        if self
            .context(scope)
            .is_none_or(|it| never(it.settings.router))
        {
            return Vec::new();
        }
        let info = |(port, it): (&PortNo, &super::Port)| {
            let context = self.port_context(*port, scope)?;
            let left = |family| {
                let part = context.family(family);
                part.is_router.then(|| part.router.left(now))
            };
            context.is_router().then(|| RouterInfo {
                port: *port,
                kind: it.context.router.number(),
                v4: left(Family::V4),
                v6: left(Family::V6),
            })
        };
        self.ports.iter().filter_map(info).collect()
    }

    /// Returns who queries, if anybody does (`br_multicast_dump_querier_state`).
    #[must_use]
    pub fn querier(&self, now: Instant, scope: Scope, family: Family) -> Option<QuerierInfo> {
        let used = match scope {
            Scope::Bridge => true,
            Scope::Vlan(vid) => {
                self.vlan_snooping && self.vlans.get(&vid).is_some_and(|it| it.global)
            }
        };
        let context = self.context(scope).filter(|_| used && self.on)?;
        let querier = context.querier(family);
        let other = querier.other.pending();
        (context.settings.querier || other).then(|| QuerierInfo {
            address: querier.address,
            port: querier.port.filter(|_| other),
            left: other.then(|| querier.other.left(now)),
        })
    }
}
