//! IP addresses of netdevs. Nothing is routed: they are what a namespace's stack answers to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::link::NAME_MAX;
use super::{Errno, Network, Refusal};
use crate::switch::NetdevId;

/// Scopes of addresses (`RT_SCOPE_…`): the larger, the narrower.
pub mod scope {
    /// Valid everywhere.
    pub const GLOBAL: u8 = 0;
    /// Valid in this site.
    pub const SITE: u8 = 200;
    /// Valid on this link.
    pub const LINK: u8 = 253;
    /// Valid on this host.
    pub const HOST: u8 = 254;
}

/// An address of a netdev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Prefix length; of the peer, if there is one.
    pub prefix: u8,
    /// The other end of a point-to-point wire, which then names the subnet.
    pub peer: Option<IpAddr>,
    /// Broadcast address (IPv4).
    pub broadcast: Option<Ipv4Addr>,
    /// One of [`scope`], or another number.
    pub scope: u8,
    /// Its own label (IPv4); `None` while that is the netdev's name.
    pub label: Option<String>,
    /// Not to be checked for duplicates (IPv6).
    pub nodad: bool,
    /// Its subnet gets no route.
    pub noprefixroute: bool,
    /// Another address of the same subnet came first (IPv4).
    pub secondary: bool,
}

impl Address {
    /// Makes an address with the scope that iproute2 (IPv4) or the kernel (IPv6) gives it.
    #[must_use]
    pub const fn new(ip: IpAddr, prefix: u8) -> Self {
        let scope = match ip {
            IpAddr::V4(ip) if ip.is_loopback() => scope::HOST,
            IpAddr::V6(ip) if ip.is_loopback() => scope::HOST,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => scope::LINK,
            // fec0::/10
            IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfec0 => scope::SITE,
            _ => scope::GLOBAL,
        };
        Self {
            ip,
            prefix,
            peer: None,
            broadcast: None,
            scope,
            label: None,
            nodad: false,
            noprefixroute: false,
            secondary: false,
        }
    }

    /// Whether both are in one IPv4 subnet of equal length; the peer names it (`inet_ifa_match`).
    fn same_subnet(&self, other: &Self) -> bool {
        let named = |address: &Self| address.peer.unwrap_or(address.ip);
        self.prefix == other.prefix
            && self.ip.is_ipv4()
            && other.ip.is_ipv4()
            && contains(named(self), self.prefix, named(other))
    }
}

/// Whether a subnet has this address. The families may differ.
#[must_use]
pub fn contains(subnet: IpAddr, prefix: u8, ip: IpAddr) -> bool {
    match (subnet, ip) {
        (IpAddr::V4(subnet), IpAddr::V4(ip)) => {
            let low = 32 - u32::from(prefix.min(32));
            (u32::from(subnet) ^ u32::from(ip))
                .checked_shr(low)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(subnet), IpAddr::V6(ip)) => {
            let low = 128 - u32::from(prefix.min(128));
            (u128::from(subnet) ^ u128::from(ip))
                .checked_shr(low)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

/// Which address to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The address.
    pub ip: IpAddr,
    /// An address of the subnet, and its prefix length; `None` for an IPv4 address of any length.
    pub subnet: Option<(IpAddr, u8)>,
    /// Its label (IPv4).
    pub label: Option<String>,
}

impl Network {
    /// Gives a netdev an address (`inet_rtm_newaddr`, `inet6_rtm_newaddr`).
    ///
    /// # Errors
    /// `EEXIST`; `EINVAL` for another scope in the same subnet; `EINVAL` or `EADDRNOTAVAIL` for IPv6
    /// addresses that no netdev can have; `EADDRINUSE` for one of another ipvlan device on the same lower.
    pub fn add_address(&mut self, id: NetdevId, mut address: Address) -> Result<(), Refusal> {
        let free = self.check_ipvlan_address(id, &address);
        self.addresses_change();
        self.had_address = true;
        let list = &mut self.netdev_mut(id).addresses;
        match address.ip {
            // The kernel takes 0.0.0.0 and forgets it.
            IpAddr::V4(ip) if ip.is_unspecified() => Ok(()),
            IpAddr::V4(_) => {
                let mut secondary = false;
                for other in list.iter().filter(|other| other.same_subnet(&address)) {
                    if other.ip == address.ip {
                        return Err(assigned(&address).extack("ipv4: Address already assigned"));
                    }
                    if other.scope != address.scope {
                        let note =
                            format!("{} is in the same subnet and has another scope", other.ip);
                        return Err(
                            Refusal::new(Errno::Invalid, note).extack("ipv4: Invalid scope value")
                        );
                    }
                    secondary = true;
                }
                free?;
                address.secondary = secondary;
                // Primary addresses stand before secondary ones and the narrower scope before the
                // wider; IPv4 before IPv6.
                let before = |other: &Address| {
                    let primary = !other.secondary && other.scope >= address.scope;
                    other.ip.is_ipv4() && (address.secondary || primary)
                };
                let at = list.iter().rposition(before).map_or(0, |at| at + 1);
                list.insert(at, address);
                Ok(())
            }
            IpAddr::V6(ip) => {
                check_ipv6(ip)?;
                if list.iter().any(|other| other.ip == address.ip) {
                    return Err(assigned(&address).extack("ipv6: address already assigned"));
                }
                free?;
                // The wider scope first, and within one scope the newest.
                let local = |address: &Address| address.scope != scope::GLOBAL;
                let behind =
                    |other: &Address| other.ip.is_ipv4() || (!local(other) && local(&address));
                let at = list.iter().take_while(|other| behind(other)).count();
                list.insert(at, address);
                Ok(())
            }
        }
    }

    /// Gives a netdev an address that it may have already. Of one that is there, IPv6 changes the flags
    /// and the peer (`inet6_addr_modify`); IPv4 changes what no address here has, its lifetime and metric.
    ///
    /// # Errors
    /// As [`add_address`](Self::add_address), but for `EEXIST`.
    pub fn replace_address(&mut self, id: NetdevId, address: Address) -> Result<(), Refusal> {
        match self.add_address(id, address.clone()) {
            Err(refusal) if refusal.errno == Errno::Exists => {
                let mut list = self.netdev_mut(id).addresses.iter_mut();
                let found = list.find(|it| it.ip.is_ipv6() && it.ip == address.ip);
                if let Some(found) = found {
                    found.nodad = address.nodad;
                    found.noprefixroute = address.noprefixroute;
                    found.peer = address.peer.or(found.peer);
                }
                Ok(())
            }
            done => done,
        }
    }

    /// Takes an address from a netdev, the first one that fits; the secondary ones of its subnet go with
    /// a primary one (`inet_rtm_deladdr`, `inet6_rtm_deladdr`).
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` if the netdev has no such address.
    pub fn delete_address(&mut self, id: NetdevId, which: &Deletion) -> Result<(), Refusal> {
        let netdev = self.netdev(id);
        let found = netdev.addresses.iter().position(|it| {
            let label = it.label.as_ref().unwrap_or(&netdev.name);
            it.ip == which.ip
                && which.subnet.is_none_or(|(subnet, prefix)| {
                    let named = it.peer.unwrap_or(it.ip);
                    // An IPv6 address is known by itself.
                    it.prefix == prefix && (it.ip.is_ipv6() || contains(named, prefix, subnet))
                })
                && (it.ip.is_ipv6() || which.label.as_ref().is_none_or(|asked| asked == label))
        });
        let Some(at) = found else {
            let message = match which.ip {
                IpAddr::V4(_) => "ipv4: Address not found",
                IpAddr::V6(_) => "ipv6: address not found",
            };
            let prefix = which
                .subnet
                .map_or_else(String::new, |(_, prefix)| format!("/{prefix}"));
            let note = format!("{} has no address {}{prefix}", netdev.name, which.ip);
            return Err(Refusal::new(Errno::AddressNotAvailable, note).extack(message));
        };
        self.addresses_change();
        let list = &mut self.netdev_mut(id).addresses;
        let gone = list.remove(at);
        if !gone.secondary {
            list.retain(|it| !(it.secondary && it.same_subnet(&gone)));
        }
        Ok(())
    }

    /// A netdev's new name goes into the labels of its IPv4 addresses; all but the first get a number
    /// behind it, or keep what they had there (`inetdev_changename`).
    pub(super) fn rename_labels(&mut self, id: NetdevId, old: &str) {
        let netdev = self.netdev_mut(id);
        for (n, address) in (1..).zip(netdev.addresses.iter_mut().filter(|it| it.ip.is_ipv4())) {
            let label = address.label.take();
            if n == 1 {
                continue;
            }
            let label = label.as_deref().unwrap_or(old);
            let suffix = label
                .find(':')
                .map_or_else(|| format!(":{n}"), |at| label[at..].to_owned());
            let mut new = netdev.name.clone();
            while new.len() + suffix.len() > NAME_MAX && new.pop().is_some() {}
            new.push_str(&suffix);
            address.label = Some(new);
        }
    }

    /// A loopback that comes up has 127.0.0.1/8 (`inetdev_event`).
    pub(super) fn loopback_up(&mut self, id: NetdevId, up: bool) {
        if up {
            // It may be there from an earlier time.
            _ = self.add_address(id, Address::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8));
        }
    }

    /// A netdev that goes down loses its IPv6 addresses (`addrconf_ifdown`).
    pub(super) fn drop_ipv6(&mut self, id: NetdevId) {
        self.netdev_mut(id).addresses.retain(|it| it.ip.is_ipv4());
    }
}

fn assigned(address: &Address) -> Refusal {
    Refusal::new(
        Errno::Exists,
        format!("the netdev has {} already", address.ip),
    )
}

fn check_ipv6(ip: Ipv6Addr) -> Result<(), Refusal> {
    let refuse = |errno, message: &'static str| {
        Err(Refusal::new(errno, format!("{ip} cannot be a netdev's address")).extack(message))
    };
    if ip.is_multicast() {
        refuse(
            Errno::Invalid,
            "ipv6: Cannot assign multicast address without \"IFA_F_MCAUTOJOIN\" flag",
        )
    } else if ip.is_unspecified() {
        refuse(Errno::AddressNotAvailable, "ipv6: Invalid address")
    } else {
        Ok(())
    }
}
