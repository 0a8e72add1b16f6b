//! The network below VXLAN devices: how the IP stack of their namespace sends and receives.
//!
//! It is as much of a host's IP as tunnels need, read from what commands configured: local addresses,
//! connected subnets (nothing else is routed here), neighbours, groups joined, and which device listens
//! to which port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Remote;
use crate::switch::{DropReason, NetdevId};
use crate::wire::MacAddr;

/// How one namespace sends and receives what is in VXLAN.
#[derive(Clone, Debug, Default)]
pub struct PlanUnderlay {
    /// Who listens, by IP version, port and VNI.
    pub listeners: Vec<Listener>,
    /// Its own addresses, and of which netdev each is. That may be down, if the address is of IPv4: the
    /// kernel's routes to those stay when their netdev goes down (`fib_sync_down_dev`).
    pub locals: Vec<(IpAddr, NetdevId)>,
    /// Broadcast addresses of its netdevs that are up, and of which netdev.
    pub broadcasts: Vec<(Ipv4Addr, NetdevId)>,
    /// Groups that a device joined, and by which netdev.
    pub groups: Vec<(IpAddr, NetdevId)>,
    /// Connected subnets, the longest prefix first.
    pub routes: Vec<Connected>,
    /// Netdevs to send by, by id.
    pub exits: Vec<Exit>,
    /// Who is there, by netdev and address.
    pub neighbours: Vec<((NetdevId, IpAddr), MacAddr)>,
}

/// A VXLAN device that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// To IPv6.
    pub ipv6: bool,
    /// To this port.
    pub port: u16,
    /// For this network.
    pub vni: u32,
    /// To what comes in by this netdev only: with link-local addresses.
    pub only: Option<NetdevId>,
    /// Which it is, as an index into [`Plan::vxlans`](crate::switch::Plan::vxlans).
    pub device: u32,
}

/// A connected subnet.
#[derive(Clone, Copy, Debug)]
pub struct Connected {
    /// The subnet.
    pub subnet: IpAddr,
    /// Its length.
    pub prefix: u8,
    /// The netdev it is on.
    pub netdev: NetdevId,
    /// The address there that it comes with.
    pub source: IpAddr,
}

/// A netdev that IP may send by: one that is up.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Which.
    pub netdev: NetdevId,
    /// It does no ARP (`IFF_NOARP`): everybody there has its own address.
    pub noarp: bool,
    /// The IPv4 address that it sends from to what no subnet of it has; perhaps another netdev's.
    pub source4: Option<Ipv4Addr>,
    /// Its first IPv6 address of global scope.
    pub source6: Option<Ipv6Addr>,
}

/// Where a remote is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Here.
    Local,
    /// Reached by a netdev, with this source address.
    By(Way),
}

/// A netdev, and what is sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) netdev: NetdevId,
    pub(super) source: IpAddr,
    pub(super) noarp: bool,
}

/// Who gets what is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextHop {
    /// This station.
    Station(MacAddr),
    /// Whoever answers.
    Unknown,
}

impl PlanUnderlay {
    /// Finds the way to a remote (`udp_tunnel_dst_lookup`, `ip_route_output_key`). `local` is the address
    /// that is to be the source.
    pub(super) fn route(&self, to: &Remote, local: Option<IpAddr>) -> Result<Route, DropReason> {
        let is_here = |ip: IpAddr| self.is_local(ip, None);
        if local.is_some_and(|ip| ip.is_ipv4() && !is_here(ip)) {
            return Err(DropReason::TunnelNoRoute);
        }
        // By a netdev that is down nothing goes anywhere, not even here.
        if to.via.is_some_and(|via| self.exit(via).is_none()) {
            return Err(DropReason::TunnelNoRoute);
        }
        if self.is_local(to.ip, to.via) {
            return Ok(Route::Local);
        }
        let via = |netdev: NetdevId| to.via.is_none_or(|via| via == netdev);
        let found = self
            .routes
            .iter()
            .find(|route| via(route.netdev) && contains(route.subnet, route.prefix, to.ip));
        let (netdev, source) = match (found, to.via) {
            (Some(route), _) if !to.ip.is_multicast() => (route.netdev, Some(route.source)),
            // No route, but a netdev: then it is taken to be there.
            (_, Some(via)) => (via, None),
            _ => return Err(DropReason::TunnelNoRoute),
        };
        let exit = self.exit(netdev).ok_or(DropReason::TunnelNoRoute)?;
        let any = match to.ip {
            IpAddr::V4(_) => IpAddr::V4(exit.source4.unwrap_or(Ipv4Addr::UNSPECIFIED)),
            IpAddr::V6(_) => IpAddr::V6(exit.source6.unwrap_or(Ipv6Addr::UNSPECIFIED)),
        };
        Ok(Route::By(Way {
            netdev,
            source: local.or(source).unwrap_or(any),
            noarp: exit.noarp,
        }))
    }

    fn exit(&self, netdev: NetdevId) -> Option<&Exit> {
        let at = self.exits.binary_search_by_key(&netdev, |exit| exit.netdev);
        self.exits.get(at.ok()?)
    }

    /// Whether an address is here, and, if that is asked, on one netdev.
    fn is_local(&self, ip: IpAddr, via: Option<NetdevId>) -> bool {
        let same = |(local, netdev): &(IpAddr, NetdevId)| {
            let loopback = matches!((local, ip), (IpAddr::V4(a), IpAddr::V4(b)) if a.is_loopback() && b.is_loopback());
            (*local == ip || loopback) && via.is_none_or(|via| via == *netdev)
        };
        self.locals.iter().any(same)
    }

    /// Finds the station of an address on a netdev whose own address is `own`.
    pub(super) fn next_hop(&self, by: &Way, own: MacAddr, ip: IpAddr) -> NextHop {
        match ip {
            IpAddr::V4(ip) if ip.is_multicast() => {
                let [_, b, c, d] = ip.octets();
                return NextHop::Station(MacAddr::new([0x01, 0, 0x5e, b & 0x7f, c, d]));
            }
            IpAddr::V6(ip) if ip.is_multicast() => {
                let [.., a, b, c, d] = ip.octets();
                return NextHop::Station(MacAddr::new([0x33, 0x33, a, b, c, d]));
            }
            IpAddr::V4(ip) if ip.is_broadcast() || self.broadcasts.contains(&(ip, by.netdev)) => {
                return NextHop::Station(MacAddr::BROADCAST);
            }
            _ => {}
        }
        let key = (by.netdev, ip);
        let at = self.neighbours.binary_search_by_key(&key, |(key, _)| *key);
        match at.ok().and_then(|at| self.neighbours.get(at)) {
            Some((_, station)) => NextHop::Station(*station),
            None if by.noarp => NextHop::Station(own),
            None => NextHop::Unknown,
        }
    }

    /// Whether a packet to an address that came in by a netdev is for this namespace (`ip_route_input`).
    pub(super) fn accepts(&self, ip: IpAddr, by: NetdevId) -> bool {
        match ip {
            ip if ip.is_multicast() => self.groups.contains(&(ip, by)),
            IpAddr::V4(ip) if ip.is_broadcast() => true,
            IpAddr::V4(ip) if self.broadcasts.iter().any(|(other, _)| *other == ip) => true,
            // Loopback addresses do not come from a wire.
            IpAddr::V4(ip) if ip.is_loopback() => false,
            ip => self.locals.iter().any(|(local, _)| *local == ip),
        }
    }

    /// Whether a packet with this source may come from a wire (`ip_route_input_slow`,
    /// `fib_validate_source`, `ip6_rcv_core`).
    pub(super) fn is_martian(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(four) => {
                four.is_loopback()
                    || four.is_multicast()
                    || four.is_broadcast()
                    || four.octets()[0] == 0
                    || self.is_local(ip, None)
            }
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_multicast(),
        }
    }

    /// Whether anybody listens to a port.
    pub(super) fn listens(&self, ipv6: bool, port: u16) -> bool {
        self.at_port(ipv6, port).next().is_some()
    }

    fn at_port(&self, ipv6: bool, port: u16) -> impl Iterator<Item = &Listener> {
        let key = (ipv6, port);
        let start = self
            .listeners
            .partition_point(|it| (it.ipv6, it.port) < key);
        let rest = self.listeners.get(start..).unwrap_or_default();
        rest.iter().take_while(move |it| (it.ipv6, it.port) == key)
    }

    /// Finds the device that listens for a network (`vxlan_vs_find_vni`).
    pub(super) fn listener(
        &self,
        ipv6: bool,
        port: u16,
        vni: u32,
        by: Option<NetdevId>,
    ) -> Option<u32> {
        let wanted = |it: &&Listener| {
            it.vni == vni && it.only.is_none_or(|only| by.is_none_or(|by| by == only))
        };
        self.at_port(ipv6, port).find(wanted).map(|it| it.device)
    }
}

/// Whether a subnet has an address.
#[must_use]
pub fn contains(subnet: IpAddr, prefix: u8, ip: IpAddr) -> bool {
    match (subnet, ip) {
        (IpAddr::V4(subnet), IpAddr::V4(ip)) => {
            let low = 32 - u32::from(prefix.min(32));
            let differ = u32::from(subnet) ^ u32::from(ip);
            differ.checked_shr(low).unwrap_or(0) == 0
        }
        (IpAddr::V6(subnet), IpAddr::V6(ip)) => {
            let low = 128 - u32::from(prefix.min(128));
            let differ = u128::from(subnet) ^ u128::from(ip);
            differ.checked_shr(low).unwrap_or(0) == 0
        }
        _ => false,
    }
}
