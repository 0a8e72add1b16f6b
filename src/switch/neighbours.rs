//! A bridge that answers for its stations: ARP and neighbour discovery from the neighbour table
//! (`br_arp_nd_proxy.c`).
//!
//! A question for a station that the bridge's neighbour table and its FDB both know is answered, as
//! if by the station itself, when the port of the question has `proxy_arp`, or the port of the
//! *station* has `proxy_arp_wifi` or `neigh_suppress`. Then, and also when the question is about the
//! bridge's own addresses, or when it is no question but an announcement, the frame is not flooded to
//! ports with `neigh_suppress` or `proxy_arp_wifi`. Everybody else gets it all the same.
//!
//! What is looked at is what Linux looks at: the frame behind the tag that is aside, whatever VLAN that
//! names. Without VLAN filtering the answer has no tag, even if the question had one.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::path::Walk;
use super::trace::{Note, Watch};
use super::transit::Transit;
use super::{Key, PlanBridge, PlanPort, PortNo, PortSet};
use crate::switch::fdb::View;
use crate::wire::{Arp, ETHER_ARP, ETHER_IPV6, ETHER_RARP, MacAddr, Neighbour, NeighbourKind, Vid};

/// What a bridge needs to answer for its stations. A bridge none of whose ports asks for it has none.
#[derive(Clone, Debug, Default)]
pub struct PlanNeighbours {
    /// Some port has `neigh_suppress` or `neigh_vlan_suppress` (`BROPT_NEIGH_SUPPRESS_ENABLED`).
    pub suppress: bool,
    /// The bridge's netdev speaks ARP (no `IFF_NOARP`).
    pub arp: bool,
    /// Ports with `neigh_suppress`.
    pub suppressing: PortSet,
    /// Ports with `neigh_vlan_suppress`: in VLANs, each VLAN says for itself.
    pub by_vlan: PortSet,
    /// By VLAN, ports with `neigh_suppress` there (`bridge vlan set`).
    pub in_vlan: HashMap<Vid, PortSet>,
    /// Ports with `proxy_arp`.
    pub proxy_arp: PortSet,
    /// Ports with `proxy_arp_wifi`.
    pub proxy_arp_wifi: PortSet,
    /// Whom the bridge's netdev knows (`None`), and by VLAN the VLAN devices above it.
    pub known: HashMap<Option<Vid>, Known>,
}

/// Whom a netdev knows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its own addresses, and those of the netdevs above it.
    pub own: HashSet<IpAddr>,
    /// Its neighbours whose station is good.
    pub stations: HashMap<IpAddr, Station>,
}

/// A neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its address.
    pub mac: MacAddr,
    /// Says that it is a router.
    pub router: bool,
}

impl PlanNeighbours {
    /// Whether a port has its neighbours suppressed in a VLAN (`br_is_neigh_suppress_enabled`).
    fn suppresses(&self, port: PortNo, vid: Option<Vid>) -> bool {
        match vid {
            Some(vid) if self.by_vlan.contains(port) => self
                .in_vlan
                .get(&vid)
                .is_some_and(|ports| ports.contains(port)),
            _ => self.suppressing.contains(port),
        }
    }

    /// Returns the ports that an answered question is not flooded to.
    pub(super) fn spared(&self, vid: Option<Vid>) -> PortSet {
        let mut spared = self.proxy_arp_wifi;
        let ports = self.suppressing.iter().chain(self.by_vlan.iter());
        for port in ports.filter(|port| self.suppresses(*port, vid)) {
            spared.insert(port);
        }
        spared
    }
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing special.
    Flood,
    /// It is kept from ports that are to be spared.
    Spare,
    /// And answered: the station that was asked for.
    Answer(Station),
}

/// Answers the question that a frame may be, and notes whether it is to be kept from some ports.
/// `from` is the ingress port; `None` for the bridge's own stack.
#[inline(never)]
pub(super) fn answer<W: Watch>(
    walk: &mut Walk<'_, W>,
    (index, bridge): (u32, &PlanBridge),
    from: Option<(PortNo, &PlanPort)>,
    vid: Option<Vid>,
    transit: &mut Transit,
) {
    transit.answered = false;
    let Some(neighbours) = bridge.neighbours.as_deref() else {
        return;
    };
    walk.view(index);
    let source = walk.header.source;
    let Some((view, (ether_type, payload))) = walk.seen(transit) else {
        return;
    };
    let port = from.map(|(number, _)| number);
    let question = Question {
        neighbours,
        view,
        port,
        vid,
    };
    let (outcome, reply) = match ether_type {
        ETHER_ARP | ETHER_RARP => {
            let Some(arp) = Arp::parse(payload) else {
                return;
            };
            let outcome = question.arp(arp);
            let reply = match outcome {
                Outcome::Answer(station) => Reply::Arp(arp.reply(station.mac)),
                _ => Reply::None,
            };
            (outcome, reply)
        }
        ETHER_IPV6 if neighbours.suppress => {
            let Some(message) = Neighbour::parse(payload) else {
                return;
            };
            let outcome = question.discovery(&message);
            let reply = match outcome {
                Outcome::Answer(station) => message
                    .advertise(source, station.mac, station.router)
                    .map_or(Reply::None, Reply::Advertisement),
                _ => Reply::None,
            };
            (outcome, reply)
        }
        _ => return,
    };
    transit.answered = outcome != Outcome::Flood;
    let octets: &[u8] = match &reply {
        Reply::None => return,
        Reply::Arp(octets) => octets,
        Reply::Advertisement(octets) => octets,
    };
    if let Outcome::Answer(Station { mac, .. }) = outcome {
        walk.tell(|_| Note::Answered { mac });
    }
    // Like any frame, the answer leaves a port without a tag in the port's own VLAN.
    let pvid = match from {
        Some((_, port)) => port.pvid,
        None => bridge.vlans.as_ref().and_then(|vlans| vlans.host_pvid),
    };
    let tag = transit.tag.filter(|_| vid.is_some() && vid != pvid);
    let arp = matches!(reply, Reply::Arp(_));
    match from {
        Some((_, port)) => walk.send(port.netdev, octets, tag),
        // arp_send goes out of the bridge itself, which then looks for whoever asked.
        None if arp && vid.is_none() => walk.send(bridge.netdev, octets, tag),
        None => walk.hand_up(bridge.netdev, octets, tag),
    }
}

enum Reply {
    None,
    Arp([u8; 42]),
    Advertisement([u8; 86]),
}

/// Where a question is asked.
struct Question<'a, 'v> {
    neighbours: &'a PlanNeighbours,
    view: &'a View<'v>,
    port: Option<PortNo>,
    vid: Option<Vid>,
}

impl Question<'_, '_> {
    /// `br_do_proxy_suppress_arp`.
    fn arp(&self, arp: Arp<'_>) -> Outcome {
        let target = arp.target_ip();
        let suppress = self.neighbours.suppress;
        let by_host = self.port.is_none();
        if !self.neighbours.arp
            || by_host && !suppress
            || target.is_loopback()
            || target.is_multicast()
        {
            return Outcome::Flood;
        }
        if suppress {
            if self.asks_suppressed() {
                return Outcome::Flood;
            }
            let reverse = [Arp::REVERSE_REQUEST, Arp::REVERSE_REPLY].contains(&arp.operation());
            if !reverse && arp.sender_ip() == target {
                return Outcome::Spare;
            }
        }
        if arp.operation() != Arp::REQUEST {
            return Outcome::Flood;
        }
        let Some((station, behind)) = self.find(target.into()) else {
            return self.own(target.into());
        };
        let proxies = |port| self.neighbours.proxy_arp.contains(port);
        let proxied = |port| self.neighbours.proxy_arp_wifi.contains(port);
        let by_proxy = self.port.is_some_and(proxies) || behind.is_some_and(proxied);
        self.decide(station, behind, by_proxy)
    }

    /// `br_do_suppress_nd`.
    fn discovery(&self, message: &Neighbour<'_>) -> Outcome {
        if self.asks_suppressed() {
            return Outcome::Flood;
        }
        match message.kind() {
            NeighbourKind::Advertisement { solicited: false } => return Outcome::Spare,
            NeighbourKind::Advertisement { solicited: true } => return Outcome::Flood,
            NeighbourKind::Solicitation if message.source() == message.destination() => {
                return Outcome::Spare;
            }
            NeighbourKind::Solicitation => {}
        }
        let target = message.target().into();
        match self.find(target) {
            Some((station, behind)) => self.decide(station, behind, false),
            None => self.own(target),
        }
    }

    /// Questions from a port with suppression are not looked at.
    fn asks_suppressed(&self) -> bool {
        let port = self.port;
        port.is_some_and(|port| self.neighbours.suppresses(port, self.vid))
    }

    /// Finds a neighbour, unless the address is the bridge's own, and the port that it is behind.
    fn find(&self, target: IpAddr) -> Option<(Station, Option<PortNo>)> {
        let known = self.neighbours.known.get(&self.vid)?;
        if self.neighbours.suppress && known.own.contains(&target) {
            return None;
        }
        let station = *known.stations.get(&target)?;
        let (behind, _) = self.view.peek(Key::new(station.mac, self.vid))?;
        Some((station, behind))
    }

    /// A question about the bridge's own address is its stack's to answer.
    fn own(&self, target: IpAddr) -> Outcome {
        let known = self.neighbours.known.get(&self.vid);
        let own = known.is_some_and(|known| known.own.contains(&target));
        if self.neighbours.suppress && own {
            Outcome::Spare
        } else {
            Outcome::Flood
        }
    }

    fn decide(&self, station: Station, behind: Option<PortNo>, by_proxy: bool) -> Outcome {
        let suppressed = |port| self.neighbours.suppresses(port, self.vid);
        if by_proxy || behind.is_some_and(suppressed) {
            Outcome::Answer(station)
        } else if self.neighbours.suppress {
            Outcome::Spare
        } else {
            Outcome::Flood
        }
    }
}
