//! The bridge's own queries as frames: what they ask, and out of where they go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::groups::{PgId, Source};
use super::{Output, Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::{Family, GroupKey};
use crate::wire::igmp::{ALL_HOSTS, IgmpQuery, QueryDetails};
use crate::wire::membership::MAX_QUERY_FRAME;
use crate::wire::mld::{ALL_NODES, MldQuery};

/// What a query of ours asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) family: Family,
    /// The group; `None` is a general query.
    pub(super) group: Option<IpAddr>,
    /// The membership whose sources it is about, if it may name sources at all.
    pub(super) about: Option<(GroupKey, PgId)>,
    /// To the group itself rather than to all hosts.
    pub(super) to_group: bool,
    pub(super) with_sources: bool,
    pub(super) suppress: bool,
}

impl Snooping {
    /// Sends a query by a port, or (`None`) to the bridge's own stack (`__br_multicast_send_query`). Returns whether sources are still to be asked for.
    pub(super) fn send_query(
        &mut self,
        scope: Scope,
        port: Option<PortNo>,
        question: Question,
    ) -> bool {
        if !self.should_use(scope, port) || !self.in_use(scope) {
            return false;
        }
        let mut again = false;
        // With router-side processing suppressed, ask first for what others need not hurry with.
        let mut late = question.suppress;
        loop {
            let Some(octets) = self.encode_query(scope, question, late, &mut again) else {
                return again;
            };
            let Some(port) = port else {
                let address = match question.family {
                    Family::V4 => self.ipv4_source(),
                    Family::V6 => self.addresses.ipv6.map(IpAddr::V6),
                };
                if let Some(context) = self.context_mut(scope) {
                    let querier = context.querier_mut(question.family);
                    querier.address = address.filter(|it: &IpAddr| !it.is_unspecified());
                }
                let tag = self.own_query_tag(scope);
                self.outputs.push_back(Output::Receive { tag, octets });
                return again;
            };
            let tag = self.query_tag(scope, port);
            self.outputs
                .push_back(Output::Transmit { port, tag, octets });
            if !(late && question.with_sources && question.suppress) {
                return again;
            }
            late = false;
        }
    }

    /// The source of IGMP queries: an address of the bridge, but only if it is told so.
    fn ipv4_source(&self) -> Option<IpAddr> {
        self.addresses
            .ipv4
            .filter(|_| self.use_ifaddr)
            .map(IpAddr::V4)
    }

    /// `br_ip4_multicast_alloc_query`, `br_ip6_multicast_alloc_query`. `late`: names the sources that live
    /// beyond the time in which members answer, else the others. None if there are none.
    fn encode_query(
        &mut self,
        scope: Scope,
        question: Question,
        late: bool,
        again: &mut bool,
    ) -> Option<Vec<u8>> {
        let Question { family, group, .. } = question;
        let settings = self.settings(scope);
        let source_v6 = self.addresses.ipv6;
        if family == Family::V6 && self.has_ipv6 != source_v6.is_some() {
            self.has_ipv6 = source_v6.is_some();
            self.publish_queriers();
        }
        let mut sources = Vec::new();
        if let Some((key, id)) = question.about
            && question.with_sources
            && settings.by_source(family)
        {
            let limit = self.now + settings.last_member_time();
            let asked = |source: &Source| {
                source.rexmit_count > 0 && late == (source.timer.expires() > limit)
            };
            let pg = self.groups.pg_mut(key, id)?;
            // An IPv6 query without a source address is not sent and counts for nothing.
            let sends = family == Family::V4 || source_v6.is_some();
            for source in pg.sources.iter_mut().filter(|source| asked(source)) {
                sources.push(source.address);
                if sends {
                    source.rexmit_count -= 1;
                    *again |= source.rexmit_count > 0 && !question.suppress;
                }
            }
            if sources.is_empty() {
                return None;
            }
        }
        let max_response = if group.is_some() {
            settings.last_member_interval
        } else {
            settings.query_response_interval
        };
        let interval = settings.query_interval;
        let suppress = question.suppress;
        let mut buffer = [0; MAX_QUERY_FRAME];
        let octets = match family {
            Family::V4 => {
                let v4 = |address: IpAddr| match address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                };
                let sources: Vec<_> = sources.into_iter().filter_map(v4).collect();
                let group = group.and_then(v4);
                let to = group.filter(|_| question.to_group).unwrap_or(ALL_HOSTS);
                let query = IgmpQuery {
                    group: group.unwrap_or(Ipv4Addr::UNSPECIFIED),
                    max_response,
                    version_3: settings.by_source(family).then_some(QueryDetails {
                        suppress,
                        interval,
                        sources: &sources,
                    }),
                };
                let from = self.ipv4_source().and_then(v4);
                let from = from.unwrap_or(Ipv4Addr::UNSPECIFIED);
                query.encode(self.addresses.mac, from, to, &mut buffer)
            }
            Family::V6 => {
                let v6 = |address: IpAddr| match address {
                    IpAddr::V6(address) => Some(address),
                    IpAddr::V4(_) => None,
                };
                let sources: Vec<_> = sources.into_iter().filter_map(v6).collect();
                let group = group.and_then(v6);
                let to = group.filter(|_| question.to_group).unwrap_or(ALL_NODES);
                let query = MldQuery {
                    group: group.unwrap_or(Ipv6Addr::UNSPECIFIED),
                    max_response,
                    version_2: settings.by_source(family).then_some(QueryDetails {
                        suppress,
                        interval,
                        sources: &sources,
                    }),
                };
                query.encode(self.addresses.mac, source_v6?, to, &mut buffer)
            }
        };
        Some(octets.to_vec())
    }
}

impl Question {
    pub(super) const fn about_group(
        family: Family,
        key: GroupKey,
        id: PgId,
        suppress: bool,
    ) -> Self {
        Self {
            family,
            group: key.group.ip(),
            about: Some((key, id)),
            to_group: true,
            with_sources: false,
            suppress,
        }
    }

    pub(super) const fn about_sources(
        family: Family,
        key: GroupKey,
        id: PgId,
        suppress: bool,
    ) -> Self {
        Self {
            with_sources: true,
            ..Self::about_group(family, key, id, suppress)
        }
    }
}
