//! Neighbours: which station has which IP address, as commands say (`ip neigh`).
//!
//! The only reader is a bridge that answers for its ports (`neigh_suppress`, `proxy_arp`): it asks
//! the table of its own netdev, or on a bridge with VLAN filtering that of the VLAN device above it.
//!
//! Tunnels read it too, and ask where it does not say ([`underlay`](super::underlay)).
//!
//! Deviations: nobody else asks for neighbours here, so a neighbour keeps the state that a command gave it
//! (the kernel lets a reachable one become stale, and asks for one in `delay` or `probe`), and nothing
//! is added that no command named; `use` and `managed`, which make the kernel ask, are refused.
//! Bound: [`MAX_NEIGHBOURS`] per netdev.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::bridge::{Bridge, Port, PortFlags};
use super::{Address, Errno, Kind, NamespaceId, Netdev, Network, Refusal};
use crate::switch::neighbours::{Known, PlanNeighbours, Station};
use crate::switch::{NetdevId, PortNo, PortSet};
use crate::time::Instant;
use crate::wire::{MacAddr, Vid};

/// Neighbours that a netdev can have.
pub const MAX_NEIGHBOURS: usize = 65_536;

/// Bits of a state in which the address is good (`NUD_VALID`): permanent, noarp, probe, delay, stale,
/// reachable.
const VALID: u8 = 0xde;
const REACHABLE: u8 = 0x02;
const PROBE: u8 = 0x10;
const DELAY: u8 = 0x08;
const NOARP: u8 = 0x40;
const PERMANENT: u8 = 0x80;

/// One neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its station; only good in a state that is valid.
    lladdr: MacAddr,
    /// A bit of `NUD_…`, or 0.
    pub state: u8,
    /// Is a router.
    pub router: bool,
    /// Was told by somebody else (`extern_learn`).
    pub extern_learn: bool,
    /// Who added it (`RTPROT_…`); 0 when nobody said.
    pub protocol: u8,
    /// When a command last changed it.
    pub updated: Instant,
}

impl Neighbour {
    /// Returns its station, if the state says that it is good (`NUD_VALID`).
    #[must_use]
    pub fn station(&self) -> Option<MacAddr> {
        (self.state & VALID != 0).then_some(self.lladdr)
    }

    /// Whether its address needs no confirmation (`NUD_CONNECTED`).
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.state & (PERMANENT | NOARP | REACHABLE) != 0
    }
}

/// What a command says about a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The neighbour's address.
    pub address: IpAddr,
    /// Its station.
    pub lladdr: Option<MacAddr>,
    /// A bit of `NUD_…`, or 0.
    pub state: u8,
    /// Is a router.
    pub router: bool,
    /// Was told by somebody else.
    pub extern_learn: bool,
    /// Who says so (`RTPROT_…`).
    pub protocol: Option<u8>,
    /// Makes one that is not there (`NLM_F_CREATE`).
    pub create: bool,
    /// One that is there is an error (`NLM_F_EXCL`).
    pub exclusive: bool,
}

impl Network {
    /// Adds or changes a neighbour (`neigh_add`, `__neigh_update`).
    ///
    /// # Errors
    /// `EEXIST`, `ENOENT`, `EINVAL` as the kernel gives them; a neighbour that is refused for want of a
    /// station's address stays, in no state. `ENOMEM` beyond [`MAX_NEIGHBOURS`].
    pub fn add_neighbour(
        &mut self,
        now: Instant,
        id: NetdevId,
        said: Introduction,
    ) -> Result<(), Refusal> {
        let address = self.neighbour_key(id, said.address);
        let netdev = self.netdev(id);
        let old = netdev.neighbours.get(&address).copied();
        match old {
            None if !said.create => {
                let note = format!("{} has no neighbour {address}", netdev.name);
                return Err(Refusal::new(Errno::NoEntry, note));
            }
            Some(_) if said.exclusive => {
                let note = format!("{address} is a neighbour already; ip neigh replace changes it");
                return Err(Refusal::new(Errno::Exists, note));
            }
            None if netdev.neighbours.len() >= MAX_NEIGHBOURS => {
                let note = format!("a netdev has at most {MAX_NEIGHBOURS} neighbours");
                return Err(Refusal::new(Errno::NoMemory, note));
            }
            _ => {}
        }
        let mut neighbour = old.unwrap_or_else(|| {
            let known = self.known_without_asking(netdev, address);
            Neighbour {
                lladdr: known.unwrap_or(MacAddr::ZERO),
                state: if known.is_some() { NOARP } else { 0 },
                router: false,
                extern_learn: false,
                protocol: 0,
                updated: now,
            }
        });
        neighbour.extern_learn = said.extern_learn;
        neighbour.protocol = said.protocol.unwrap_or(neighbour.protocol);
        let lladdr = said.lladdr.or_else(|| neighbour.station());
        let nowhere = said.state & VALID != 0 && lladdr.is_none();
        if !nowhere {
            neighbour.router = said.router;
            neighbour.updated = now;
            // The kernel asks at once.
            neighbour.state = if said.state == DELAY {
                PROBE
            } else {
                said.state
            };
            if said.state & VALID != 0 {
                neighbour.lladdr = lladdr.unwrap_or(neighbour.lladdr);
            }
        }
        self.netdev_mut(id).neighbours.insert(address, neighbour);
        self.touch();
        if let Some(station) = neighbour.station() {
            self.answered(id, address, station);
        }
        if nowhere {
            let note = "in this state a neighbour has a station: say lladdr MAC";
            return Err(Refusal::new(Errno::Invalid, note).extack("No link layer address given"));
        }
        Ok(())
    }

    /// A neighbour answered for itself (`neigh_update` with `NUD_REACHABLE`). Returns false for one that is
    /// not to change, or one too many.
    pub(super) fn learn_neighbour(
        &mut self,
        now: Instant,
        id: NetdevId,
        address: IpAddr,
        lladdr: MacAddr,
    ) -> bool {
        let netdev = self.netdev_mut(id);
        let old = netdev.neighbours.get(&address);
        let settled = old.is_some_and(|old| old.state & (PERMANENT | NOARP) != 0);
        if settled || old.is_none() && netdev.neighbours.len() >= MAX_NEIGHBOURS {
            return false;
        }
        let changed = old.and_then(Neighbour::station) != Some(lladdr);
        let neighbour = Neighbour {
            lladdr,
            state: REACHABLE,
            router: old.is_some_and(|old| old.router),
            extern_learn: false,
            protocol: old.map_or(0, |old| old.protocol),
            updated: now,
        };
        netdev.neighbours.insert(address, neighbour);
        if changed {
            self.touch();
        }
        true
    }

    /// A neighbour that answered is no longer good.
    pub(super) fn forget_learned_neighbour(&mut self, id: NetdevId, address: IpAddr) {
        let neighbours = &mut self.netdev_mut(id).neighbours;
        if neighbours
            .get(&address)
            .is_some_and(|it| it.state == REACHABLE)
        {
            neighbours.remove(&address);
            self.touch();
        }
    }

    /// Deletes a neighbour (`neigh_delete`).
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    pub fn delete_neighbour(&mut self, id: NetdevId, address: IpAddr) -> Result<(), Refusal> {
        let address = self.neighbour_key(id, address);
        if self.netdev_mut(id).neighbours.remove(&address).is_none() {
            let note = format!("{} has no neighbour {address}", self.netdev(id).name);
            return Err(Refusal::new(Errno::NoEntry, note));
        }
        self.touch();
        Ok(())
    }

    /// The netdev went down, or has another address (`neigh_ifdown`, `neigh_changeaddr`): it knows
    /// nobody any more.
    pub(super) fn forget_neighbours(&mut self, id: NetdevId) {
        let neighbours = &mut self.netdev_mut(id).neighbours;
        if !neighbours.is_empty() {
            neighbours.clear();
            self.touch();
        }
    }

    /// The netdev lost its carrier (`neigh_carrier_down`): only permanent neighbours stay.
    pub(super) fn forget_passing_neighbours(&mut self, id: NetdevId) {
        let neighbours = &mut self.netdev_mut(id).neighbours;
        let before = neighbours.len();
        neighbours.retain(|_, neighbour| neighbour.state & PERMANENT != 0);
        if neighbours.len() != before {
            self.touch();
        }
    }

    /// A netdev's addresses are about to change. The fast path reads them only where a bridge answers
    /// for its stations, because it leaves its own addresses to its stack, and where there are ipvlan
    /// devices.
    pub(super) fn addresses_change(&mut self) {
        let answers = |bridge: &Bridge| {
            let proxy = |port: &Port| port.flags.proxy_arp || port.flags.proxy_arp_wifi;
            bridge.suppresses || bridge.ports.iter().any(proxy)
        };
        let netdevs = self.netdevs.iter().filter(|netdev| netdev.alive);
        let mut bridges = netdevs.clone().filter_map(Netdev::bridge);
        // Macvlans are members of the groups that their IPv6 addresses ask for; ipvlan devices are known by
        // their addresses.
        let tunnels = self.vxlan_devices().next().is_some();
        if tunnels
            || bridges.any(answers)
            || netdevs
                .clone()
                .any(|it| it.macvlans.is_some() || it.ipvlan.is_some())
        {
            self.touch();
        }
    }

    /// Compiles what a bridge needs to answer for its stations; `None` if no port asks for it.
    pub(super) fn compile_neighbours(
        &self,
        netdev: &Netdev,
        bridge: &Bridge,
    ) -> Option<Arc<PlanNeighbours>> {
        let ports = |wanted: fn(&PortFlags) -> bool| -> PortSet {
            let ports = bridge.ports.iter().filter(|port| wanted(&port.flags));
            ports.map(|port| port.number).collect()
        };
        let suppressing = ports(|flags| flags.neigh_suppress);
        let by_vlan = ports(|flags| flags.neigh_vlan_suppress);
        let proxy_arp = ports(|flags| flags.proxy_arp);
        let proxy_arp_wifi = ports(|flags| flags.proxy_arp_wifi);
        if !bridge.suppresses && [proxy_arp, proxy_arp_wifi] == [PortSet::EMPTY; 2] {
            return None;
        }
        let in_vlan = bridge.vlans.iter().map(|(vid, vlan)| {
            let asks = |port: &PortNo| vlan.member(Some(*port)).neigh_suppress;
            (vid, by_vlan.iter().filter(asks).collect())
        });
        let devices = self.vlan_devices_of(netdev, bridge);
        let known = [(None, netdev.id)].into_iter().chain(devices);
        Some(Arc::new(PlanNeighbours {
            suppress: bridge.suppresses,
            arp: netdev.arp,
            suppressing,
            by_vlan,
            in_vlan: in_vlan.collect(),
            proxy_arp,
            proxy_arp_wifi,
            known: known.map(|(vid, id)| (vid, self.known_to(id))).collect(),
        }))
    }

    /// Returns the VLAN devices above a bridge that its frames are looked up in, by VLAN
    /// (`__vlan_find_dev_deep_rcu`).
    fn vlan_devices_of(
        &self,
        netdev: &Netdev,
        bridge: &Bridge,
    ) -> impl Iterator<Item = (Option<Vid>, NetdevId)> {
        let protocol = bridge.vlans.protocol;
        netdev.uppers.iter().filter_map(move |upper| {
            let Kind::Vlan(device) = &self.netdev(*upper).kind else {
                return None;
            };
            let vid = Vid::new(device.vid).filter(|_| device.tag_type == protocol)?;
            Some((Some(vid), *upper))
        })
    }

    /// Whom a netdev knows: its neighbours, and its own addresses and those of all netdevs above it
    /// (`br_is_local_ip`).
    fn known_to(&self, id: NetdevId) -> Known {
        let netdev = self.netdev(id);
        let mut own = HashSet::new();
        let mut above = vec![id];
        while let Some(netdev) = above.pop().map(|id| self.netdev(id)) {
            own.extend(netdev.addresses.iter().map(|address| address.ip));
            above.extend(&netdev.uppers);
        }
        let stations = netdev.neighbours.iter().filter_map(|(ip, neighbour)| {
            let station = Station {
                mac: neighbour.station()?,
                router: neighbour.router,
            };
            Some((*ip, station))
        });
        Known {
            own,
            stations: stations.collect(),
        }
    }

    /// A loopback has one neighbour of IPv4, whatever the address (`arp_constructor`).
    fn neighbour_key(&self, id: NetdevId, address: IpAddr) -> IpAddr {
        match self.netdev(id).kind {
            Kind::Loopback if address.is_ipv4() => Ipv4Addr::UNSPECIFIED.into(),
            _ => address,
        }
    }

    /// Returns the station of an address that needs no asking (`arp_constructor`, `ndisc_constructor`):
    /// of a group, of the broadcast address, and of any on a netdev without ARP.
    fn known_without_asking(&self, netdev: &Netdev, address: IpAddr) -> Option<MacAddr> {
        match address {
            IpAddr::V4(ip) if ip.is_multicast() => {
                let [_, b, c, d] = ip.octets();
                Some(MacAddr::new([0x01, 0, 0x5e, b & 0x7f, c, d]))
            }
            IpAddr::V6(ip) if ip.is_multicast() => {
                let [.., a, b, c, d] = ip.octets();
                Some(MacAddr::new([0x33, 0x33, a, b, c, d]))
            }
            _ if !netdev.arp || matches!(netdev.kind, Kind::Loopback) => Some(netdev.mac),
            IpAddr::V4(ip) if self.is_broadcast(netdev.ns, ip) => Some(MacAddr::BROADCAST),
            _ => None,
        }
    }

    /// Whether an address is a broadcast address in a namespace. In one without any IPv4 address there
    /// is no routing table, and every address is (`inet_addr_type`).
    fn is_broadcast(&self, ns: NamespaceId, ip: Ipv4Addr) -> bool {
        let addresses = || self.in_namespace(ns).flat_map(|netdev| &netdev.addresses);
        let all_ones = |address: &Address| match address.ip {
            IpAddr::V4(own) if address.prefix < 31 && !address.secondary => {
                let host = u32::MAX >> address.prefix;
                u32::from(own) | host == u32::from(ip)
            }
            _ => false,
        };
        ip.is_broadcast()
            || addresses().any(|address| address.broadcast == Some(ip) || all_ones(address))
            || !addresses().any(|address| address.ip.is_ipv4())
    }
}
