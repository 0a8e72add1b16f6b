//! What a host has: interfaces with addresses, and the routes that follow from them and from commands.

use std::net::{IpAddr, Ipv4Addr};

use crate::wire::MacAddr;

/// An interface of a host, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number, by which frames come and go.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its station.
    pub mac: MacAddr,
    /// Octets of an IP packet at most.
    pub mtu: u32,
    /// Whether it asks for stations; without, everybody has the interface's own address (`IFF_NOARP`).
    pub arp: bool,
    /// Whether somebody else answers questions about stations in its place.
    pub answered: bool,
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<InterfaceAddress>,
    /// Stations that commands told it (`ip neigh add`).
    pub stations: Vec<(IpAddr, MacAddr)>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// The subnet that it comes with, if it comes with a route: an address of it, and its length.
    pub subnet: Option<(IpAddr, u8)>,
    /// The address that all of its subnet hear (IPv4).
    pub broadcast: Option<Ipv4Addr>,
    /// Whether it is good for this link only.
    pub link: bool,
}

impl Interface {
    /// Returns its first address of a family, rather one that is good beyond the link.
    pub(super) fn first(&self, ipv6: bool) -> Option<IpAddr> {
        let of_family = || {
            let addresses = self.addresses.iter();
            addresses.filter(move |it| it.ip.is_ipv6() == ipv6)
        };
        let found = of_family().find(|it| !it.link).or(of_family().next());
        found.map(|it| it.ip)
    }

    /// Whether everybody on its wire hears what is sent to this address.
    pub(super) fn is_broadcast(&self, ip: Ipv4Addr) -> bool {
        ip.is_broadcast()
            || self.addresses.iter().any(|it| {
                it.broadcast == Some(ip)
                    || matches!(it.subnet, Some((IpAddr::V4(net), length)) if length < 31
                        && ip == Ipv4Addr::from(u32::from(net) | (u32::MAX >> length)))
            })
    }
}

/// A route that a command made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// An address of the subnet, and its length.
    pub(super) subnet: (IpAddr, u8),
    /// The router; none: they are on the wire.
    pub(super) via: Option<IpAddr>,
    /// By which interface.
    pub(super) interface: u32,
    /// The source that it gives.
    pub(super) source: Option<IpAddr>,
    /// Of two that are equally long, the smaller one counts.
    pub(super) metric: u32,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// By which interface.
    pub(super) interface: u32,
    /// Whose station is to be asked for.
    pub(super) next: IpAddr,
    /// The source of what has none yet.
    pub(super) source: Option<IpAddr>,
}

/// Finds the way to an address: the longest subnet, of equally long ones the smallest metric, of those the one
/// that is there for longest (`fib_lookup`). By an interface that was asked for, whoever no route knows is taken
/// to be on its wire.
pub(super) fn route(
    interfaces: &[Interface],
    routes: &[Route],
    destination: IpAddr,
    by: Option<u32>,
) -> Option<Way> {
    let asked = |id: u32| by.is_none_or(|by| by == id);
    let ipv6 = destination.is_ipv6();
    let of = |id: u32| interfaces.iter().find(|it| it.id == id);
    let connected = interfaces.iter().filter(|it| asked(it.id)).flat_map(|it| {
        let addresses = it.addresses.iter();
        addresses.filter_map(move |address| {
            let (net, length) = address.subnet?;
            let way = Way {
                interface: it.id,
                next: destination,
                source: Some(address.ip),
            };
            contains(net, length, destination).then_some(((length, std::cmp::Reverse(0)), way))
        })
    });
    let told = routes
        .iter()
        .filter(|it| asked(it.interface))
        .filter_map(|route| {
            let (net, length) = route.subnet;
            let next = route.via.unwrap_or(destination);
            let source = route.source.or_else(|| {
                let connected = self::route(interfaces, &[], next, Some(route.interface));
                connected.and_then(|way| way.source)
            });
            let way = Way {
                interface: route.interface,
                next,
                source: source.or_else(|| of(route.interface)?.first(ipv6)),
            };
            contains(net, length, destination)
                .then_some(((length, std::cmp::Reverse(route.metric)), way))
        });
    // Of equals the first.
    let best = connected
        .chain(told)
        .reduce(|best, next| match next.0 > best.0 {
            true => next,
            false => best,
        });
    let on_the_wire = || {
        let interface = of(by?)?;
        let source = interface.first(ipv6);
        let any = interfaces.iter().find_map(|it| it.first(ipv6));
        (!ipv6 || destination.is_multicast()).then_some(Way {
            interface: interface.id,
            next: destination,
            source: source.or(any),
        })
    };
    let way = match destination.is_multicast() && by.is_some() {
        true => None,
        false => best.map(|(_, way)| way),
    };
    way.or_else(on_the_wire)
}

/// Whether a subnet has this address. The families may differ.
pub(super) fn contains(net: IpAddr, length: u8, ip: IpAddr) -> bool {
    match (net, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => {
            let low = 32 - u32::from(length.min(32));
            (u32::from(net) ^ u32::from(ip))
                .checked_shr(low)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(net), IpAddr::V6(ip)) => {
            let low = 128 - u32::from(length.min(128));
            (u128::from(net) ^ u128::from(ip))
                .checked_shr(low)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}
