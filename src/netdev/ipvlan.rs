//! ipvlan devices: children of a netdev that share its address and are told apart by their IP
//! addresses.
//!
//! A child's address, MTU and carrier are its lower's, whatever a command said about them. Mode and flag
//! belong to the lower and hold for all children on it; what was said last holds. Read
//! `drivers/net/ipvlan/ipvlan_main.c` for making and changing devices (`ipvlan_link_new`,
//! `ipvlan_nl_changelink`), for what a lower tells them (`ipvlan_device_event`), and for which addresses
//! count (`ipvlan_addr4_event`, `ipvlan_addr6_event`).
//!
//! Deviations: a child hears the groups that it joined by itself here: those that commands named
//! (`bridge fdb add GROUP dev CHILD self`), those that every netdev joins, and those of its IPv6 addresses.
//! What a program joins in the namespace outside is not seen; `allmulticast on` lets everything in.

use super::link::{MtuRange, NewLink};
use super::{Address, Errno, Kind, Netdev, Network, Refusal, Stacked};
use crate::switch::ipvlan::{Hearers, IpvlanFlag, IpvlanMode, Outlet, Owner, Owners};
use crate::switch::{NetdevId, PlanIpvlan, PlanIpvlanChild, PlanNetdev};
use crate::time::Instant;
use crate::wire::MacAddr;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// An ipvlan device's own part of its netdev.
#[derive(Clone, Copy, Debug)]
pub struct Ipvlan {
    /// How it stands on its lower.
    pub stacked: Stacked,
    /// The address that it was made with (`perm_addr`); none if a command gave one, in vain.
    pub permanent: Option<MacAddr>,
}

/// What a netdev with ipvlan devices on it keeps for them (`struct ipvl_port`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpvlanPort {
    /// What its children send and receive.
    pub mode: IpvlanMode,
    /// Whom they reach.
    pub flag: IpvlanFlag,
}

/// What a command says about an ipvlan device; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpvlanChange {
    /// `mode`; without it a new device makes it l3.
    pub mode: Option<IpvlanMode>,
    /// `bridge`, `private` or `vepa`; `bridge` wherever a command has any option.
    pub flag: Option<IpvlanFlag>,
}

/// Where ipvlan devices and their lowers are in a plan.
#[derive(Debug, Default)]
pub(super) struct IpvlanIndex<'a> {
    /// Lowers, each with its children.
    pub(super) ports: Vec<(&'a Netdev, IpvlanPort, Vec<NetdevId>)>,
    pub(super) children: Vec<PlanIpvlanChild>,
    /// Of lowers.
    pub(super) port_index: HashMap<NetdevId, u32>,
    /// Of children.
    pub(super) child_index: HashMap<NetdevId, u32>,
}

impl Network {
    /// Returns the ipvlan device that a netdev is.
    #[must_use]
    pub fn ipvlan(&self, id: NetdevId) -> Option<&Ipvlan> {
        match &self.netdev(id).kind {
            Kind::Ipvlan(ipvlan) => Some(ipvlan),
            _ => None,
        }
    }

    /// Returns mode and flag of an ipvlan device, which are its lower's.
    #[must_use]
    pub fn ipvlan_port(&self, id: NetdevId) -> Option<IpvlanPort> {
        self.netdev(self.ipvlan(id)?.stacked.lower).ipvlan
    }

    /// Makes an ipvlan device on a netdev, which may be in another namespace, or on the lower of another
    /// ipvlan device (`ipvlan_link_new`). An address given with it counts for nothing.
    ///
    /// # Errors
    /// `EINVAL` without lower and on a loopback, `EBUSY` on a netdev whose frames something else takes,
    /// `EEXIST` for the name, `EMLINK` for the ninth netdev in a row. Nothing changed then.
    pub fn add_ipvlan(
        &mut self,
        mut link: NewLink,
        lower: Option<NetdevId>,
        change: IpvlanChange,
    ) -> Result<NetdevId, Refusal> {
        let given = link.mac.take();
        self.check_new(&link, MtuRange::ETHERNET)?;
        let Some(lower) = lower else {
            let note = "say which netdev it is on: \"link NETDEV\"";
            return Err(Refusal::new(Errno::Invalid, note));
        };
        let lower = self.ipvlan(lower).map_or(lower, |it| it.stacked.lower);
        if matches!(self.netdev(lower).kind, Kind::Loopback) {
            let note = "a loopback carries no Ethernet";
            return Err(Refusal::new(Errno::Invalid, note));
        }
        if self.netdev(lower).ipvlan.is_none() {
            self.check_handler(lower)?;
        }
        let (mac, mtu) = (self.netdev(lower).mac, self.netdev(lower).mtu);
        let own_mtu = link.mtu.unwrap_or(mtu);
        let kind = Kind::Ipvlan(Box::new(Ipvlan {
            stacked: self.stacked_on(lower),
            permanent: given.is_none().then_some(mac),
        }));
        let mark = self.mark();
        link.mtu = Some(own_mtu);
        let id = self.register(link, "ipvlan", kind, Some(mac))?;
        if let Err(refusal) = self.check_height(lower) {
            self.forget_since(&mark);
            return Err(refusal);
        }
        let port = self.netdev(lower).ipvlan.unwrap_or_default();
        let changed = IpvlanPort {
            mode: change.mode.unwrap_or_default(),
            flag: change.flag.unwrap_or(port.flag),
        };
        // The new device is told of the mode when it comes up.
        self.set_ipvlan_port(lower, changed);
        self.stand_on(id, self.netdev(lower).uppers.len());
        self.forget_first_look(id);
        Ok(id)
    }

    /// Changes mode and flag of an ipvlan device and of all others on its lower
    /// (`ipvlan_nl_changelink`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is no ipvlan device.
    pub fn change_ipvlan(&mut self, id: NetdevId, change: IpvlanChange) -> Result<(), Refusal> {
        let Some(ipvlan) = self.ipvlan(id) else {
            let note = format!("{} is not an ipvlan device", self.netdev(id).name);
            return Err(Refusal::new(Errno::NotSupported, note));
        };
        let lower = ipvlan.stacked.lower;
        let port = self.netdev(lower).ipvlan.unwrap_or_default();
        let changed = IpvlanPort {
            mode: change.mode.unwrap_or(port.mode),
            flag: change.flag.unwrap_or(port.flag),
        };
        self.set_ipvlan_port(lower, changed);
        Ok(())
    }

    /// `ipvlan_set_port_mode`, and the flag.
    fn set_ipvlan_port(&mut self, lower: NetdevId, changed: IpvlanPort) {
        let before = self.netdev(lower).ipvlan.unwrap_or_default();
        self.netdev_mut(lower).ipvlan = Some(changed);
        if before.mode != changed.mode {
            for child in self.ipvlans_on(lower) {
                self.set_arp(child, changed.mode == IpvlanMode::L2);
            }
        }
        self.touch();
    }

    fn ipvlans_on(&self, lower: NetdevId) -> Vec<NetdevId> {
        let uppers = self.netdev(lower).uppers.iter().copied();
        uppers.filter(|id| self.ipvlan(*id).is_some()).collect()
    }

    /// An ipvlan device came up or went down (`ipvlan_open`, `ipvlan_stop`).
    pub(super) fn ipvlan_switched(&mut self, id: NetdevId, up: bool) {
        let Some(lower) = self.lower(id) else {
            return;
        };
        if up && let Some(port) = self.netdev(lower).ipvlan {
            self.netdev_mut(id).arp = port.mode == IpvlanMode::L2;
        }
        self.set_rx_mode(lower);
    }

    /// An ipvlan device has left its lower (`ipvlan_uninit`).
    pub(super) fn ipvlan_left(&mut self, lower: NetdevId) {
        if self.ipvlans_on(lower).is_empty() {
            self.netdev_mut(lower).ipvlan = None;
        }
        self.touch();
    }

    /// The lower of an ipvlan device has another address, or the same again.
    pub(super) fn ipvlan_address_changed(&mut self, now: Instant, lower: NetdevId, id: NetdevId) {
        self.netdev_mut(id).mac = self.netdev(lower).mac;
        self.address_changed(now, id);
        self.touch();
    }

    /// Whether an address may be given to a netdev, as far as ipvlan devices are concerned: no two on
    /// one lower have the same, up or not (`ipvlan_addr4_validator_event`).
    ///
    /// # Errors
    /// `EADDRINUSE`.
    pub(super) fn check_ipvlan_address(
        &self,
        id: NetdevId,
        address: &Address,
    ) -> Result<(), Refusal> {
        let Some(lower) = self.ipvlan(id).map(|it| it.stacked.lower) else {
            return Ok(());
        };
        let wanted = counted(address);
        let has = |id: &NetdevId| {
            self.netdev(*id)
                .addresses
                .iter()
                .any(|it| counted(it) == wanted)
        };
        match self.ipvlans_on(lower).into_iter().find(has) {
            None => Ok(()),
            Some(owner) => {
                let owner = &self.netdev(owner).name;
                let note = format!("{owner} on {} has {wanted}", self.netdev(lower).name);
                Err(Refusal::new(Errno::AddressInUse, note)
                    .extack("Address already assigned to an ipvlan device"))
            }
        }
    }

    /// Numbers all ipvlan devices and their lowers.
    pub(super) fn index_ipvlans(&self) -> IpvlanIndex<'_> {
        let mut compiled = IpvlanIndex::default();
        let index = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        for netdev in self.netdevs.iter().filter(|netdev| netdev.alive) {
            let Some(port) = netdev.ipvlan else {
                continue;
            };
            let number = index(compiled.ports.len());
            compiled.port_index.insert(netdev.id, number);
            let children = self.ipvlans_on(netdev.id);
            for id in &children {
                compiled
                    .child_index
                    .insert(*id, index(compiled.children.len()));
                compiled.children.push(PlanIpvlanChild {
                    port: number,
                    lower: netdev.id,
                });
            }
            compiled.ports.push((netdev, port, children));
        }
        compiled
    }

    /// Compiles a lower, of which the children are compiled already as netdevs.
    pub(super) fn compile_ipvlan(
        &self,
        (lower, port, children): &(&Netdev, IpvlanPort, Vec<NetdevId>),
        netdevs: &[PlanNetdev],
    ) -> PlanIpvlan {
        let up: Vec<&Netdev> = children
            .iter()
            .map(|id| self.netdev(*id))
            .filter(|child| child.up)
            .collect();
        let owners = up.iter().flat_map(|child| {
            let compiled = &netdevs[child.id.index()];
            let plain = compiled.is_last() && compiled.mac == lower.mac;
            let owner = Owner {
                child: child.id,
                stack: compiled.stack,
                longest: match plain {
                    true => u32::try_from(compiled.longest()).unwrap_or(u32::MAX),
                    false => 0,
                },
            };
            let addresses = child.addresses.iter();
            addresses.map(move |address| (counted(address), owner))
        });
        let hearing: Vec<_> = up
            .iter()
            .map(|child| {
                let any = child.allmulti > 0 || child.promiscuity > 0;
                let joined = child.groups.iter().copied();
                let groups = || joined.chain(self.solicited(child.id)).collect();
                (child.id, (!any).then(groups))
            })
            .collect();
        PlanIpvlan {
            mode: port.mode,
            flag: port.flag,
            addresses: Owners::new(owners),
            hearers: Hearers::new(&hearing),
            outlet: match port.mode {
                IpvlanMode::L2 => Outlet::default(),
                IpvlanMode::L3 | IpvlanMode::L3s => outlet(lower),
            },
        }
    }
}

/// Returns the address that counts for an ipvlan: of a point-to-point wire of IPv4 the other end's
/// (`ifa_address`).
fn counted(address: &Address) -> IpAddr {
    match (address.ip, address.peer) {
        (IpAddr::V4(_), Some(peer)) => peer,
        (own, _) => own,
    }
}

/// Returns how the stack of a netdev's namespace sends by it what nobody routes.
fn outlet(lower: &Netdev) -> Outlet {
    let broadcast = lower.addresses.iter().flat_map(|address| {
        let all_ones = match address.ip {
            IpAddr::V4(ip) if address.prefix < 31 => {
                Some(Ipv4Addr::from(u32::from(ip) | u32::MAX >> address.prefix))
            }
            _ => None,
        };
        address.broadcast.into_iter().chain(all_ones)
    });
    let subnets = lower.addresses.iter().filter_map(|address| {
        let ip = match address.peer.unwrap_or(address.ip) {
            IpAddr::V6(ip) => ip,
            IpAddr::V4(_) => return None,
        };
        (!address.noprefixroute).then_some((ip, address.prefix))
    });
    let neighbours = lower.neighbours.iter();
    Outlet {
        own: lower.addresses.iter().map(|address| address.ip).collect(),
        broadcast: broadcast.collect(),
        subnets: subnets.collect(),
        neighbours: neighbours
            .filter_map(|(ip, neighbour)| Some((*ip, neighbour.station()?)))
            .collect(),
        without_arp: (!lower.arp).then_some(lower.mac),
    }
}
