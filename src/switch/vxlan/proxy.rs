//! What a VXLAN device does in others' place: answers for neighbours (`proxy`), and sends past a router
//! (`rsc`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{PEEK, PlanVxlan};
use crate::switch::DropReason;
use crate::switch::neighbours::Station;
use crate::switch::path::Walk;
use crate::switch::trace::{Note, Watch};
use crate::switch::transit::Transit;
use crate::wire::{
    Arp, ETHER_ARP, ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, IPV6_HEADER, MacAddr, Neighbour,
    NeighbourKind,
};

/// Answers a question from the device's neighbours, or swallows it (`arp_reduce`, `neigh_reduce`). True:
/// the frame goes no further.
pub(super) fn proxied<W: Watch>(
    walk: &mut Walk<'_, W>,
    device: &PlanVxlan,
    transit: &Transit,
) -> bool {
    let mut frame = [0; PEEK];
    let len = walk.peek(transit, ETHERNET_HEADER - 2, &mut frame);
    let Some((ether_type, packet)) = frame[..len].split_first_chunk() else {
        return false;
    };
    let source = walk.source(transit);
    let known = |ip: IpAddr| {
        let (station, confirmed) = device.neighbours.get(&ip)?;
        confirmed.then_some(*station)
    };
    // Who is behind the bridge here answers for itself.
    let elsewhere = |station: &Station| {
        let entry = device.fdb.use_entry(walk.now, station.mac);
        let first = entry.and_then(|(remotes, _)| remotes.first().copied());
        first.is_none_or(|first| !first.ip.is_unspecified())
    };
    match u16::from_be_bytes(*ether_type) {
        ETHER_ARP => {
            let arp = Arp::parse(packet).filter(|arp| {
                let target = arp.target_ip();
                let asks = arp.operation() == Arp::REQUEST && arp.is_ethernet();
                device.arp && asks && !target.is_loopback() && !target.is_multicast()
            });
            let answer = arp.and_then(|arp| {
                let station = known(arp.target_ip().into()).filter(elsewhere)?;
                Some((arp.reply(station.mac), station.mac))
            });
            match answer {
                Some((answer, mac)) => {
                    walk.tell(|_| Note::Answered { mac });
                    walk.come_in(device.netdev, &answer);
                }
                None => walk.lose(device.netdev, DropReason::VxlanProxied),
            }
            true
        }
        ETHER_IPV6 => {
            let message = Neighbour::parse(packet);
            let asks = message.filter(|it| it.kind() == NeighbourKind::Solicitation);
            let Some(message) = asks else {
                return false;
            };
            let target = message.target();
            let wanted = device.has_ipv6
                && !message.destination().is_loopback()
                && !target.is_multicast()
                && !message.source().is_unspecified();
            let station = wanted.then(|| known(target.into())).flatten();
            let answer = station.filter(elsewhere).and_then(|station| {
                let router = device
                    .fdb
                    .get(station.mac)
                    .is_some_and(|it| it.marks.router);
                let answer = message.advertise(source, station.mac, router)?;
                Some((answer, station.mac))
            });
            match answer {
                Some((answer, mac)) => {
                    walk.tell(|_| Note::Answered { mac });
                    walk.come_in(device.netdev, &answer);
                }
                None => walk.lose(device.netdev, DropReason::VxlanProxied),
            }
            true
        }
        _ => false,
    }
}

/// Finds the station that a router would send a packet to (`route_shortcircuit`).
pub(super) fn short_circuit<W: Watch>(
    walk: &Walk<'_, W>,
    device: &PlanVxlan,
    transit: &Transit,
    destination: MacAddr,
) -> Option<MacAddr> {
    if destination.is_group() {
        return None;
    }
    let mut frame = [0; 2 + IPV6_HEADER];
    let len = walk.peek(transit, ETHERNET_HEADER - 2, &mut frame);
    let (ether_type, packet) = frame[..len].split_first_chunk::<2>()?;
    let to = match u16::from_be_bytes(*ether_type) {
        ETHER_IPV4 => {
            let octets: [u8; 4] = *packet.get(16..)?.first_chunk()?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        ETHER_IPV6 => {
            let octets: [u8; 16] = *packet.get(24..)?.first_chunk()?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    let (station, _) = device.neighbours.get(&to)?;
    Some(station.mac).filter(|mac| *mac != destination)
}
