//! Which netdevs a script takes for granted.

use std::collections::HashSet;

use super::Item;
use crate::iproute::command::{Command, LinkAddKind, LinkSetKind, Verb};

/// The namespace that holds the script's own netdevs, as `netns 1` (the process 1) names it.
const INITIAL: &str = "1";

/// See [`Script::outside`](super::Script::outside).
pub(super) fn outside<'a>(items: &'a [Item]) -> Vec<String> {
    let mut created = HashSet::new();
    // Kinds that were made without a name: the kernel counts up from KIND0.
    let mut nameless = Vec::new();
    let mut used = Vec::new();
    for item in items {
        let Command::Net(net) = &item.command else {
            continue;
        };
        let own = net.ns.is_none();
        let lands_here = |netns: &Option<String>| match netns.as_deref() {
            None => own,
            Some(ns) => ns == INITIAL,
        };
        match &net.verb {
            Verb::LinkAdd(add) => {
                let mut make = |name: &'a Option<String>, kind| match name {
                    Some(name) => {
                        created.insert(name.as_str());
                    }
                    None => nameless.push(kind),
                };
                let kind = match &add.kind {
                    LinkAddKind::Bridge(_) => "bridge",
                    LinkAddKind::Dummy => "dummy",
                    LinkAddKind::Vlan { lower, .. } => {
                        if own {
                            used.extend(lower.as_deref());
                        }
                        "vlan"
                    }
                    LinkAddKind::Macvlan { lower, tap, .. } => {
                        if own {
                            used.extend(lower.as_deref());
                        }
                        if *tap { "macvtap" } else { "macvlan" }
                    }
                    LinkAddKind::Ipvlan { lower, .. } => {
                        if own {
                            used.extend(lower.as_deref());
                        }
                        "ipvlan"
                    }
                    LinkAddKind::Vxlan(options) => {
                        if own {
                            used.extend(options.dev.as_deref());
                        }
                        "vxlan"
                    }
                    LinkAddKind::Veth { peer, common } => {
                        if lands_here(&common.netns) {
                            make(peer, "veth");
                        }
                        "veth"
                    }
                };
                if lands_here(&add.common.netns) {
                    make(&add.name, kind);
                }
            }
            Verb::TuntapAdd(name) if own => {
                created.insert(name);
            }
            Verb::LinkSet(set) => {
                let name = set.common.rename.as_ref().unwrap_or(&set.dev);
                if own {
                    if let Some(LinkSetKind::Vxlan(options)) = &set.kind {
                        used.extend(options.dev.as_deref());
                    }
                    used.push(set.dev.as_str());
                    // The old name may belong to an outside wire; the new one is the script's.
                    if set.common.rename.is_some() {
                        created.insert(name);
                    }
                } else if set.common.netns.as_deref() == Some(INITIAL) {
                    created.insert(name);
                }
            }
            Verb::AddrAdd(addr) | Verb::AddrReplace(addr) | Verb::AddrDel(addr) if own => {
                used.push(&addr.dev);
            }
            Verb::AddrFlush(flush) if own => used.extend(flush.dev.as_deref()),
            Verb::BridgeLinkSet(dev, _) if own => used.push(dev),
            Verb::FdbAdd(_, spec) | Verb::FdbDel(spec) if own => used.push(&spec.dev),
            Verb::VlanAdd(spec) | Verb::VlanDel(spec) if own => used.push(&spec.dev),
            Verb::VlanSet(set) if own => used.push(&set.dev),
            Verb::MdbAdd(_, spec) | Verb::MdbDel(spec) if own => used.push(&spec.port),
            Verb::NeighAdd(_, spec) | Verb::NeighDel(spec) if own => used.push(&spec.dev),
            Verb::CableAdd(dev, peer) if own => used.extend([dev.as_str(), peer]),
            Verb::CableDel(dev) if own => used.push(dev),
            Verb::GuardSet(dev, _) if own => used.push(dev),
            _ => {}
        }
    }
    let mut seen = HashSet::new();
    used.into_iter()
        .filter(|name| {
            *name != "lo"
                && !created.contains(name)
                && !nameless.iter().any(|kind| numbered(name, kind))
                && seen.insert(*name)
        })
        .map(str::to_owned)
        .collect()
}

fn numbered(name: &str, kind: &str) -> bool {
    name.strip_prefix(kind)
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
