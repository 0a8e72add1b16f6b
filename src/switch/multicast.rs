//! Multicast snooping on a frame's way through a bridge: what it has to say, and whom it is for.
//!
//! [`inspect`] is `br_multicast_rcv` without its effects: messages of IGMP and MLD are noted for control,
//! which keeps the groups, and what is malformed goes no further. [`select`](Snooped::select) is the
//! choice between flooding and members that `br_handle_frame_finish` and `br_dev_xmit` make.

use std::net::IpAddr;
use std::sync::Arc;

use super::mdb::{Context, Family, Group, GroupKey, MemberCopy, Members, PlanMulticast};
use super::multicast_stats::{self, MulticastCounters, Slots, Way};
use super::path::Walk;
use super::trace::Watch;
use super::{DropReason, PortNo, PortSet};
use crate::wire::MacAddr;
use crate::wire::igmp::{self, ETHER_TYPE_IPV4};
use crate::wire::membership::{Content, Inspected, Message, RecordKind};
use crate::wire::mld::{self, ETHER_TYPE_IPV6};

/// What snooping found in a frame to a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snooped<'a> {
    plan: &'a PlanMulticast,
    /// None in a VLAN that is not snooped.
    context: Option<&'a Context>,
    vid: u16,
    /// Who sent it: the host, and the port that it is behind unless it is the bridge's own stack.
    sender: (Option<PortNo>, MacAddr),
    kind: Kind,
    /// It is a message that counts, also where it goes out.
    pub(super) counted: Option<Counted<'a>>,
}

/// A message that counts, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<'a> {
    slots: &'a Slots,
    kind: multicast_stats::Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A group of layer 2.
    Mac(MacAddr),
    Ip {
        family: Family,
        /// (\*, G), and (S, G).
        any_source: Group,
        single: Group,
        /// A message of IGMP or MLD: nobody is a member of the group it is sent to.
        message: bool,
        /// Without members, it is for routers only.
        routers_only: bool,
    },
}

/// A frame's members, if it is not to be flooded.
#[derive(Debug)]
pub(super) struct Selection {
    members: Option<Arc<Members>>,
    routers: PortSet,
    /// Ports that get the frame as it is: members and routers.
    as_it_is: PortSet,
    /// The bridge's own stack gets it, too.
    pub(super) host: bool,
}

/// What becomes of a frame besides its being forwarded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notice {
    /// Control has to see it.
    pub(super) trap: bool,
    /// It goes no further.
    pub(super) refused: Option<DropReason>,
    /// It is malformed.
    pub(super) malformed: bool,
}

/// Looks at a frame to a group, behind its Ethernet header and tags.
#[inline(never)]
pub(super) fn inspect<'a>(
    plan: &'a PlanMulticast,
    vid: u16,
    sender: (Option<PortNo>, MacAddr),
    destination: MacAddr,
    ether_type: u16,
    datagram: &[u8],
) -> (Snooped<'a>, Notice) {
    let mut snooped = Snooped {
        plan,
        context: plan.context(vid),
        vid,
        sender,
        kind: Kind::Mac(destination),
        counted: None,
    };
    let refused = |reason| Notice {
        refused: Some(reason),
        malformed: true,
        ..Notice::default()
    };
    if snooped.context.is_none() {
        return (snooped, Notice::default());
    }
    let inspected = match ether_type {
        ETHER_TYPE_IPV4 => igmp::inspect(datagram).map_err(|error| match error.in_header() {
            true => DropReason::Ipv4Malformed,
            false => DropReason::IgmpMalformed,
        }),
        ETHER_TYPE_IPV6 => mld::inspect(datagram).map_err(|error| match error.in_header() {
            true => DropReason::Ipv6Malformed,
            false => DropReason::MldMalformed,
        }),
        _ => return (snooped, Notice::default()),
    };
    let inspected = match inspected {
        Ok(inspected) => inspected,
        Err(reason) => return (snooped, refused(reason)),
    };
    snooped.kind = Kind::of(&inspected);
    let notice = Notice {
        trap: inspected.content != Content::Data,
        refused: match inspected.content {
            Content::Membership(message) => snooped.refuse(message),
            Content::Router | Content::Data => None,
        },
        malformed: false,
    };
    if let (Some(slots), Content::Membership(_)) = (&plan.stats, inspected.content) {
        let kind = multicast_stats::Kind::of(ether_type, datagram);
        snooped.counted = kind.map(|kind| Counted { slots, kind });
    }
    (snooped, notice)
}

impl Counted<'_> {
    /// Counts the message where it came in (`port` is `None` for the bridge's own stack) or goes out.
    #[cold]
    pub(super) fn count<W: Watch>(&self, walk: &mut Walk<'_, W>, port: Option<PortNo>, way: Way) {
        if let Some(counters) = counters_of(walk, self.slots, port) {
            counters.count(self.kind, way);
        }
    }
}

/// Counts a malformed frame.
#[cold]
pub(super) fn count_error<W: Watch>(
    walk: &mut Walk<'_, W>,
    slots: &Slots,
    port: Option<PortNo>,
    ether_type: u16,
) {
    if let Some(counters) = counters_of(walk, slots, port) {
        counters.count_error(ether_type);
    }
}

fn counters_of<'a, W: Watch>(
    walk: &'a mut Walk<'_, W>,
    slots: &Slots,
    port: Option<PortNo>,
) -> Option<&'a mut MulticastCounters> {
    let slot = match port {
        None => slots.own,
        Some(port) => *slots.ports.get(port.index())?,
    };
    walk.counters.multicast.get_mut(slot as usize)
}

impl Kind {
    fn of(inspected: &Inspected<'_>) -> Self {
        let any_source = Group::any_source(inspected.destination);
        let (family, never) = match any_source {
            Group::V4 { group, .. } => (Family::V4, igmp::is_local_group(group)),
            Group::V6 { group, .. } => (Family::V6, group == mld::ALL_NODES),
            Group::Mac(mac) => return Self::Mac(mac),
        };
        let message = match inspected.content {
            Content::Membership(message) => Some(message),
            Content::Router | Content::Data => None,
        };
        Self::Ip {
            family,
            any_source,
            single: any_source.with_source(inspected.source),
            message: message.is_some(),
            routers_only: match message {
                Some(message) => matches!(message, Message::Report { .. }),
                None => !never,
            },
        }
    }
}

impl Snooped<'_> {
    /// Why a message is not forwarded: it asks for more groups than there may be, or its records are cut
    /// off. Control sees it all the same. Of the records of one message each new group counts; the sources
    /// that they name, which are memberships of their own, do not.
    fn refuse(&self, message: Message<'_>) -> Option<DropReason> {
        match message {
            Message::Query(_) | Message::Leave { .. } => None,
            Message::Report { group } => self.full(group, 0, 0),
            Message::Records(records) => {
                let (mut groups, mut memberships) = (0, 0);
                for record in records {
                    let Ok(record) = record else {
                        return Some(DropReason::ReportTruncated);
                    };
                    let leaves = record.sources.is_empty()
                        && matches!(
                            record.kind,
                            Some(RecordKind::ToInclude | RecordKind::IsInclude)
                        );
                    if record.kind.is_none() || leaves {
                        continue;
                    }
                    let refused = self.full(record.group, groups, memberships);
                    if refused.is_some() {
                        return refused;
                    }
                    let (group, member) = self.news(record.group);
                    groups += usize::from(group);
                    memberships += u32::from(member);
                }
                None
            }
        }
    }

    /// Why a group cannot be joined, if `groups` and `memberships` more than are known came before.
    fn full(&self, group: IpAddr, groups: usize, memberships: u32) -> Option<DropReason> {
        let mdb = &self.plan.groups;
        let (new_group, new_member) = self.news(group);
        if new_group && mdb.len() + groups >= self.plan.limit {
            return Some(DropReason::GroupLimit);
        }
        let room = (self.sender.0).and_then(|port| mdb.room(port, self.vid));
        (new_member && room.is_some_and(|room| room <= memberships))
            .then_some(DropReason::PortGroupLimit)
    }

    /// Whether joining a group makes a new group, and a new membership of the sender's port.
    fn news(&self, group: IpAddr) -> (bool, bool) {
        let group = Group::any_source(group);
        let never = match group {
            Group::V4 { group, .. } => igmp::is_local_group(group),
            Group::V6 { group, .. } => group == mld::ALL_NODES,
            Group::Mac(_) => true,
        };
        if never {
            return (false, false);
        }
        let vid = self.vid;
        let members = self.plan.groups.lookup(GroupKey { vid, group });
        let (port, host) = self.sender;
        let has = |port| members.as_ref().is_some_and(|it| it.has(port, host));
        (members.is_none(), port.is_some_and(|port| !has(port)))
    }

    /// Finds the frame's members; `None` floods it.
    #[inline(never)]
    pub(super) fn select<W: Watch>(&self, walk: &Walk<'_, W>) -> Option<Selection> {
        let context = self.context?;
        let groups = &self.plan.groups;
        let key = |group| GroupKey {
            vid: self.vid,
            group,
        };
        let (family, members) = match self.kind {
            // A group of layer 2 needs no querier: only commands make one.
            Kind::Mac(mac) => (None, Some(groups.lookup(key(Group::Mac(mac)))?)),
            Kind::Ip {
                family,
                any_source,
                single,
                message,
                routers_only,
            } => {
                let members = match message {
                    true => None,
                    false => (context.by_source(family))
                        .then(|| groups.lookup(key(single)))
                        .flatten()
                        .or_else(|| groups.lookup(key(any_source))),
                };
                if members.is_none() && !routers_only {
                    return None;
                }
                if !context.querier_exists(walk.now, family) {
                    return None;
                }
                (Some(family), members)
            }
        };
        let routers = context.routers(family.unwrap_or(Family::V4));
        let (as_it_is, joined) = match &members {
            Some(members) => (routers.union(&members.ports), members.host),
            None => (routers, false),
        };
        Some(Selection {
            members,
            routers,
            as_it_is,
            host: joined || context.host_is_router(walk.now, family),
        })
    }
}

impl Selection {
    /// Returns the ports that get the frame as it is.
    pub(super) const fn ports(&self) -> PortSet {
        self.as_it_is
    }

    /// Iterates over the copies for ports below `end`: one for each router and member, and one more for
    /// each member by host. As in the kernel, where there is a router behind a port as well, the router's
    /// copy is that of the port's oldest member, too.
    pub(super) fn copies(&self, end: usize) -> impl Iterator<Item = MemberCopy> {
        let by_host = self.members.as_deref().map_or(&[][..], |it| &it.copies);
        let by_host = by_host.iter().copied();
        let by_host = by_host.filter(|it| !(it.oldest && self.routers.contains(it.port)));
        let ports = self.as_it_is.select(&PortSet::ALL, &PortSet::EMPTY, end);
        let as_it_is = ports.map(|port| MemberCopy {
            port,
            to: None,
            oldest: true,
        });
        as_it_is.chain(by_host)
    }
}
