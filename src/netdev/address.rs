//! IP addresses of netdevs. Nothing is routed: they are what a namespace's stack answers to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Errno, Network, Refusal};
use crate::switch::NetdevId;

/// An address of a netdev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// Broadcast address (IPv4).
    pub broadcast: Option<Ipv4Addr>,
    /// Another address of the same subnet came first (IPv4).
    pub secondary: bool,
}

impl Address {
    /// Returns the scope, as iproute2 chooses it for a new address and names it.
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        match self.ip {
            IpAddr::V4(ip) if ip.is_loopback() => "host",
            IpAddr::V6(ip) if ip.is_loopback() => "host",
            IpAddr::V6(ip) if ip.is_unicast_link_local() => "link",
            _ => "global",
        }
    }

    /// Whether both are in one subnet of equal length.
    fn same_subnet(&self, other: &Self) -> bool {
        let network = |address: &Self| match address.ip {
            IpAddr::V4(ip) => {
                let bits = u32::from(address.prefix.min(32));
                Some(u32::from(ip).checked_shr(32 - bits).unwrap_or(0))
            }
            IpAddr::V6(_) => None,
        };
        self.prefix == other.prefix && network(self).is_some() && network(self) == network(other)
    }
}

impl Network {
    /// Gives a netdev an address (`inet_rtm_newaddr`, `inet6_rtm_newaddr`).
    ///
    /// # Errors
    /// `EEXIST`; `EINVAL` or `EADDRNOTAVAIL` for IPv6 addresses that no netdev can have.
    pub fn add_address(&mut self, id: NetdevId, mut address: Address) -> Result<(), Refusal> {
        let list = &mut self.netdev_mut(id).addresses;
        match address.ip {
            // The kernel takes 0.0.0.0 and forgets it.
            IpAddr::V4(ip) if ip.is_unspecified() => Ok(()),
            IpAddr::V4(_) => {
                let mut same = list.iter().filter(|other| other.same_subnet(&address));
                if same.clone().any(|other| other.ip == address.ip) {
                    return Err(assigned(&address).extack("ipv4: Address already assigned"));
                }
                address.secondary = same.next().is_some();
                // Primary addresses stand before secondary ones, IPv4 before IPv6.
                let before =
                    |other: &Address| other.ip.is_ipv4() && (address.secondary || !other.secondary);
                let at = list.iter().rposition(before).map_or(0, |at| at + 1);
                list.insert(at, address);
                Ok(())
            }
            IpAddr::V6(ip) => {
                check_ipv6(ip)?;
                if list.iter().any(|other| other.ip == address.ip) {
                    return Err(assigned(&address).extack("ipv6: address already assigned"));
                }
                // The wider scope first, and within one scope the newest.
                let local = |address: &Address| address.scope() != "global";
                let behind =
                    |other: &Address| other.ip.is_ipv4() || (!local(other) && local(&address));
                let at = list.iter().take_while(|other| behind(other)).count();
                list.insert(at, address);
                Ok(())
            }
        }
    }

    /// Takes an address from a netdev; the secondary ones of its subnet go with a primary one
    /// (`inet_rtm_deladdr`, `inet6_rtm_deladdr`).
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` if the netdev has no such address with that prefix.
    pub fn delete_address(&mut self, id: NetdevId, ip: IpAddr, prefix: u8) -> Result<(), Refusal> {
        let list = &mut self.netdev_mut(id).addresses;
        let Some(at) = list
            .iter()
            .position(|it| it.ip == ip && it.prefix == prefix)
        else {
            let message = match ip {
                IpAddr::V4(_) => "ipv4: Address not found",
                IpAddr::V6(_) => "ipv6: address not found",
            };
            return Err(Refusal::new(
                Errno::AddressNotAvailable,
                format!("{} has no address {ip}/{prefix}", self.netdev(id).name),
            )
            .extack(message));
        };
        let gone = list.remove(at);
        if !gone.secondary {
            list.retain(|it| !(it.secondary && it.same_subnet(&gone)));
        }
        Ok(())
    }

    /// A loopback that comes up has 127.0.0.1/8 (`inetdev_event`).
    pub(super) fn loopback_up(&mut self, id: NetdevId, up: bool) {
        if up {
            // It may be there from an earlier time.
            _ = self.add_address(
                id,
                Address {
                    ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                    prefix: 8,
                    broadcast: None,
                    secondary: false,
                },
            );
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
