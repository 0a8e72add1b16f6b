//! What a bridge's own stack reports of itself: that it is a member of all snoopers.
//!
//! [`mcast::StackMember`](crate::mcast::StackMember) is the host; here is when it is told what, and what it
//! may send: reports of IGMP unless `sysctl -w net.ipv4.igmp_link_local_mcast_reports=0` came before, and of MLD
//! after `sysctl -w net.ipv6.conf.all.disable_ipv6=0`.
//!
//! Deviations: every other group of a bridge's stack is joined outside, where that stack is, and is reported
//! from there; so is what IPv6 reports again when an address has proven to be nobody else's.

use super::address::scope;
use super::multicast::ALL_SNOOPERS;
use super::{NamespaceId, Network};
use crate::mcast::{StackAddresses, StackMember};
use crate::switch::mdb::Family;
use crate::switch::plan::PortState;
use crate::switch::{NetdevId, PortNo, Side};
use crate::time::Instant;
use crate::wire::membership::{Content, Message, Query};
use crate::wire::{Vid, igmp, mld};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A bridge's own stack, as far as it speaks of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnStack {
    pub(super) member: StackMember,
    /// The bridge had a carrier when it was last looked at.
    linked: bool,
    /// What went up to it and it has not heard yet.
    heard: Vec<Heard>,
}

/// A message that a member listens to.
#[derive(Clone, Copy, Debug)]
enum Heard {
    Query(Family, Query),
    Report(IpAddr),
}

impl Network {
    /// Whether the stacks of a namespace report that they are snoopers (`igmp_link_local_mcast_reports`; the
    /// opposite of `disable_ipv6`).
    pub fn set_reports(&mut self, now: Instant, ns: NamespaceId, family: Family, on: bool) {
        let before = self.reports(ns, family);
        self.reports.insert((ns, family), on);
        if !before && on && family == Family::V6 {
            let bridges = self.in_namespace(ns).filter(|it| it.bridge().is_some());
            let bridges: Vec<NetdevId> = bridges.map(|it| it.id).collect();
            for id in bridges {
                self.begin_again(now, id);
            }
        }
    }

    /// Lets the stacks of those bridges that something may have changed about join and leave, and hear what
    /// went up to them.
    pub fn settle_stacks(&mut self, now: Instant) {
        for id in self.due.stirred() {
            self.settle_stack(now, id);
        }
    }

    /// Lets a bridge's stack report what is due.
    pub(super) fn stack_timeout(&mut self, now: Instant, id: NetdevId) {
        let due = |it: &OwnStack| it.member.poll_timeout().is_some_and(|at| at <= now);
        if self.bridge(id).is_some_and(|bridge| due(&bridge.stack)) {
            let from = self.stack_addresses(id);
            let bridge = self.bridge_mut(id);
            let frames = bridge.map(|it| it.stack.member.handle_timeout(now, from));
            self.report(id, frames.into_iter().flatten());
        }
    }

    /// A bridge's options changed, or its carrier came back (`NETDEV_CHANGE`): IPv6 begins again.
    pub(crate) fn bridge_changed(&mut self, now: Instant, id: NetdevId) {
        self.settle_stack(now, id);
        self.begin_again(now, id);
    }

    /// `ipv6_mc_up`.
    fn begin_again(&mut self, now: Instant, id: NetdevId) {
        let linked = self.netdev(id).up && self.carrier(id);
        let from = self.stack_addresses(id);
        let Some(bridge) = self.bridge_mut(id).filter(|_| linked) else {
            return;
        };
        let member = &mut bridge.stack.member;
        member.reset(Family::V6);
        if member.joined(Family::V6) {
            let frame = member.join(now, from, Family::V6);
            self.report(id, frame);
        }
    }

    fn settle_stack(&mut self, now: Instant, id: NetdevId) {
        // Not there if making it was undone.
        let there = self.netdevs.get(id.index()).filter(|it| it.alive);
        let Some(bridge) = there.and_then(|it| it.bridge()) else {
            return;
        };
        let (linked, was_linked) = (self.carrier(id), bridge.stack.linked);
        let netdev = self.netdev(id);
        let (up, groups, has_ipv6) = (netdev.up, &netdev.groups, netdev.has_ipv6());
        let wanted = ALL_SNOOPERS.map(|group| up && groups.contains(&group));
        let joined = Family::ALL.map(|family| bridge.stack.member.joined(family));
        if wanted == joined && linked == was_linked && bridge.stack.heard.is_empty() {
            return;
        }
        let from = self.stack_addresses(id);
        let Some(bridge) = self.bridge_mut(id) else {
            return;
        };
        let stack = &mut bridge.stack;
        stack.linked = linked;
        if !up {
            for family in Family::ALL {
                stack.member.stop(family);
            }
            stack.heard.clear();
            return;
        }
        let mut frames = Vec::new();
        for (at, family) in Family::ALL.into_iter().enumerate() {
            // IPv6 waits for a carrier, once.
            let ready = family == Family::V4 || linked;
            match (joined[at], wanted[at]) {
                (false, true) if ready => {
                    frames.extend(stack.member.join(now, from, family));
                }
                (true, false) if family == Family::V6 && !has_ipv6 => stack.member.stop(family),
                (true, false) => frames.extend(stack.member.leave(now, from, family)),
                (true, true) if family == Family::V6 && linked && !was_linked => {
                    stack.member.reset(family);
                    frames.extend(stack.member.join(now, from, family));
                }
                _ => {}
            }
        }
        for heard in std::mem::take(&mut stack.heard) {
            match heard {
                Heard::Query(family, query) => {
                    stack.member.hear_query(now, from.mac, family, query);
                }
                Heard::Report(group) => stack.member.hear_report(group),
            }
        }
        self.report(id, frames);
    }

    /// A frame to a group came in by a port, or (`None`) is the bridge's own for its stack, which is in this VLAN
    /// if there are any. If it is a message that goes up without a tag, the stack will hear it.
    pub(super) fn stack_hears(
        &mut self,
        id: NetdevId,
        port: Option<PortNo>,
        vid: Option<Vid>,
        ether_type: u16,
        datagram: &[u8],
    ) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let forwards = |port| {
            let port = bridge.port(port);
            port.is_some_and(|it| it.state == PortState::Forwarding)
        };
        let untagged = |vid| {
            let vlan = bridge.vlans.get(vid);
            vlan.is_some_and(|it| it.host() && it.host_untagged())
        };
        if port.is_some_and(|it| !forwards(it)) || vid.is_some_and(|it| !untagged(it)) {
            return;
        }
        let (family, inspected) = match ether_type {
            igmp::ETHER_TYPE_IPV4 => (Family::V4, igmp::inspect(datagram).ok()),
            mld::ETHER_TYPE_IPV6 => (Family::V6, mld::inspect(datagram).ok()),
            _ => return,
        };
        let asks = family == Family::V4 || mld::is_from_the_link(datagram);
        let heard = match inspected.map(|it| it.content) {
            Some(Content::Membership(Message::Query(query))) if asks => Heard::Query(family, query),
            Some(Content::Membership(Message::Report { group })) => Heard::Report(group),
            _ => return,
        };
        if let Some(bridge) = self.bridge_mut(id) {
            bridge.stack.heard.push(heard);
        }
    }

    /// IPv6 is off unless somebody switches it on.
    fn reports(&self, ns: NamespaceId, family: Family) -> bool {
        let said = self.reports.get(&(ns, family));
        said.copied().unwrap_or(family == Family::V4)
    }

    /// Sends what a bridge's stack says, if it may.
    fn report(&mut self, id: NetdevId, frames: impl IntoIterator<Item = Vec<u8>>) {
        let ns = self.netdev(id).ns;
        for octets in frames {
            let family = match octets[12..14] {
                [0x86, 0xdd] => Family::V6,
                _ => Family::V4,
            };
            if self.reports(ns, family) {
                self.transmits.push_back((id, Side::Device, octets));
            }
        }
    }

    fn stack_addresses(&self, id: NetdevId) -> StackAddresses {
        let netdev = self.netdev(id);
        let own = |ip: IpAddr| netdev.addresses.iter().any(|it| it.ip == ip);
        let any = self.query_addresses(id).ipv4;
        let any = any.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let link_local = netdev.addresses.iter().find_map(|it| match it.ip {
            IpAddr::V6(ip) if it.scope == scope::LINK && ip.is_unicast_link_local() => Some(ip),
            _ => None,
        });
        StackAddresses {
            mac: netdev.mac,
            ipv4: match own(any.into()) {
                true => any,
                false => Ipv4Addr::UNSPECIFIED,
            },
            ipv4_any: any,
            ipv6: link_local.unwrap_or(Ipv6Addr::UNSPECIFIED),
        }
    }
}
