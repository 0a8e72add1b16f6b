//! What an ipvlan in mode l3 or l3s sends, as far as layer 2 shows it (`ipvlan_process_outbound`).
//!
//! The kernel takes the Ethernet header off and has the stack of the lower's namespace send the packet by
//! the lower. Here no stack asks for neighbours or keeps routes; so what it would do is told from what
//! commands said about the lower:
//!
//! | destination | what happens |
//! |---|---|
//! | an address of the lower | up at the lower (the kernel: over the loopback) |
//! | a group, a broadcast address of the lower, 0.0.0.0 | dropped: not routed |
//! | IPv4, any other | next hop is the destination itself: with the netdev given, no route is needed |
//! | IPv6 in a subnet of the lower's addresses | the same |
//! | IPv6, any other | dropped: no route |
//! | next hop with a neighbour on the lower | out by the lower, from its station to the neighbour's |
//! | next hop without | dropped: nobody asks for it here |
//!
//! Like the kernel, it sets the length of the packet to what there is of it, padding included, and makes
//! the IPv4 checksum anew; it leaves the hop limit alone. Unlike the kernel, it cuts nothing into
//! fragments, and knows no routes but these (`ip route` is not layer 2).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::path::Walk;
use super::super::trace::{Note, Watch};
use super::super::transit::Transit;
use super::super::{DropReason, NetdevId, PacketType};
use crate::wire::{
    ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, FORWARDED_HEAD, Forwarded, ForwardedError, MacAddr,
};

/// How the stack below an ipvlan sends by its lower.
#[derive(Clone, Debug, Default)]
pub struct Outlet {
    /// Addresses of the lower.
    pub own: Vec<IpAddr>,
    /// IPv4 broadcast addresses of the lower's subnets.
    pub broadcast: Vec<Ipv4Addr>,
    /// Subnets of the lower's IPv6 addresses, with prefix lengths up to 128.
    pub subnets: Vec<(Ipv6Addr, u8)>,
    /// Neighbours on the lower whose station is good.
    pub neighbours: HashMap<IpAddr, MacAddr>,
    /// The station of all others, on a lower without ARP: its own.
    pub without_arp: Option<MacAddr>,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Up at the lower.
    Here,
    /// Out, to a station.
    Station(MacAddr),
}

impl Outlet {
    /// `ip_route_output_flow`, `ip6_route_output`, and the neighbour.
    fn next(&self, source: IpAddr, destination: IpAddr) -> Result<Next, DropReason> {
        if self.own.contains(&destination) {
            return Ok(Next::Here);
        }
        let routed = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                sends(source)
                    && !destination.is_multicast()
                    && !destination.is_broadcast()
                    && !destination.is_unspecified()
                    && !self.broadcast.contains(&destination)
            }
            (_, IpAddr::V6(destination)) => {
                let mut subnets = self.subnets.iter();
                !destination.is_multicast()
                    && subnets.any(|(subnet, prefix)| within(*subnet, *prefix, destination))
            }
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        };
        if !routed {
            return Err(DropReason::IpvlanNoRoute);
        }
        let station = self.neighbours.get(&destination).copied();
        let station = station.or(self.without_arp);
        station
            .map(Next::Station)
            .ok_or(DropReason::IpvlanNoNeighbour)
    }
}

/// Whether the stack sends a packet with this source, which need not be its own
/// (`ip_route_output_key_hash_rcu`).
fn sends(source: Ipv4Addr) -> bool {
    !source.is_multicast() && !source.is_broadcast() && !source.is_loopback()
}

fn within(subnet: Ipv6Addr, prefix: u8, ip: Ipv6Addr) -> bool {
    let host = 128u32.saturating_sub(prefix.into());
    let differing = u128::from(subnet) ^ u128::from(ip);
    differing.checked_shr(host).unwrap_or(0) == 0
}

/// Sends the frame on its way as a packet; false if it is dropped at once.
pub(super) fn send<W: Watch>(
    walk: &mut Walk<'_, W>,
    child: NetdevId,
    id: NetdevId,
    outlet: &Outlet,
) -> bool {
    let lower = &walk.plan.netdevs[id.index()];
    let frame = walk.octets;
    let packet = frame.get(ETHERNET_HEADER..).unwrap_or_default();
    let refusal = match walk.header.ether_type {
        ETHER_IPV4 | ETHER_IPV6 if !lower.up => Some(DropReason::NetdevDown),
        ETHER_IPV4 | ETHER_IPV6 => None,
        _ => {
            walk.lose(child, DropReason::IpvlanNotIp);
            return false;
        }
    };
    let found = match refusal {
        Some(reason) => Err(reason),
        None => Forwarded::parse(walk.header.ether_type, packet)
            .map_err(|error| match error {
                ForwardedError::Ipv4 => DropReason::IpvlanIpv4Malformed,
                ForwardedError::Ipv6 => DropReason::IpvlanIpv6Malformed,
            })
            .and_then(|packet| {
                let next = outlet.next(packet.source(), packet.destination())?;
                Ok((packet, next))
            }),
    };
    let (packet, next) = match found {
        Ok(found) => found,
        Err(reason) => {
            walk.counters.netdevs[id.index()].tx_errors += 1;
            walk.lose(child, reason);
            return false;
        }
    };
    match next {
        Next::Here => {
            let transit = Transit::new(PacketType::Host);
            walk.deliver_up(id, &transit);
        }
        Next::Station(_) if packet.len() > lower.mtu as usize && !walk.super_frame => {
            walk.lose(child, DropReason::IpvlanFragments);
        }
        Next::Station(station) => {
            walk.tell(|_| Note::Routed { station });
            let mut head = [0; FORWARDED_HEAD];
            let (head, rest) = packet.onward(station, lower.mac, &mut head);
            walk.send_pieces(id, &[head, rest], None);
        }
    }
    true
}
