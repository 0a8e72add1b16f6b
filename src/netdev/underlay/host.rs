//! The host that may be below the script's own namespace, and which tunnels go by it.

use crate::netdev::{Address, Kind, NamespaceId, Netdev, Network, VxlanDevice};
use crate::switch::vxlan::contains;
use crate::switch::{AttachmentId, NetdevId};

impl Network {
    /// Says that there is a host below the script's own namespace.
    pub const fn set_host_below(&mut self) {
        self.underlay.host = true;
    }

    /// Whether a VXLAN device sends and receives by the host's own stack: one of the script's own namespace
    /// that nothing emulated there is below. Of what the device says, the first counts:
    ///
    /// | the device has | emulated, if |
    /// |---|---|
    /// | `dev`, a netdev that the script makes | always |
    /// | `local` | the script gives some netdev that address |
    /// | `dev`, an outside wire | the script gives it an address of the device's family |
    /// | `remote` | it is in a subnet of an address that the script gives |
    /// | none of these | the script gives an address of its family to any netdev but a VXLAN device or a bridge |
    #[must_use]
    pub fn goes_by_host(&self, id: NetdevId) -> bool {
        let Some(device) = self.vxlan_device(id) else {
            return false;
        };
        self.underlay.host && device.underlay == NamespaceId::OWN && !self.is_emulated_below(device)
    }

    fn is_emulated_below(&self, device: &VxlanDevice) -> bool {
        let config = &device.config;
        let lower = device.lower.map(|lower| self.netdev(lower));
        let made = |netdev: &Netdev| !matches!(netdev.kind, Kind::Outside { .. });
        if lower.is_some_and(made) {
            return true;
        }
        let mut netdevs = self
            .in_namespace(device.underlay)
            .filter(|netdev| !matches!(netdev.kind, Kind::Loopback));
        let of_family = |netdev: &Netdev| {
            let mut addresses = netdev.addresses.iter();
            addresses.any(|it| it.ip.is_ipv6() == config.ipv6())
        };
        if !config.local.is_unspecified() {
            let has = |netdev: &Netdev| netdev.addresses.iter().any(|it| it.ip == config.local);
            return netdevs.any(has);
        }
        if let Some(lower) = lower {
            return of_family(lower);
        }
        if let Some(remote) = config.endpoint() {
            let reaches = |it: &Address| {
                let subnet = it.peer.unwrap_or(it.ip);
                contains(subnet, it.prefix, remote)
            };
            return netdevs.any(|netdev| netdev.addresses.iter().any(reaches));
        }
        netdevs.any(|netdev| {
            let other = !matches!(netdev.kind, Kind::Vxlan(_) | Kind::Bridge(_));
            other && of_family(netdev)
        })
    }

    /// Notes the MTU of the way that a device's datagrams take on the host, if it is known.
    pub fn set_way_mtu(&mut self, id: NetdevId, mtu: Option<u32>) {
        let ways = &mut self.underlay.way_mtus;
        let before = match mtu {
            Some(mtu) => ways.insert(id, mtu),
            None => ways.remove(&id),
        };
        if before != mtu {
            self.touch();
        }
    }

    /// Returns the VXLAN devices that are up and go by the host, each with the attachment of its socket.
    pub fn host_tunnels(&self) -> impl Iterator<Item = (NetdevId, &VxlanDevice, AttachmentId)> {
        let devices = self
            .vxlan_devices()
            .filter(|(id, _)| self.netdev(*id).up && self.goes_by_host(*id));
        devices.filter_map(|(id, device)| Some((id, device, self.socket_of(device)?)))
    }

    pub(super) fn socket_of(&self, device: &VxlanDevice) -> Option<AttachmentId> {
        let key = (device.config.ipv6(), device.config.port);
        let mut sockets = self.underlay.sockets.iter();
        let (_, socket) = sockets.find(|(it, _)| *it == key)?;
        Some(*socket)
    }

    /// Makes the attachments of sockets that devices have come to need. Called whenever commands have
    /// changed something.
    pub(crate) fn settle_sockets(&mut self) {
        if !self.underlay.host {
            return;
        }
        let wanted: Vec<_> = self
            .vxlan_devices()
            .filter(|(id, it)| {
                self.netdev(*id).up && self.goes_by_host(*id) && self.socket_of(it).is_none()
            })
            .map(|(_, it)| (it.config.ipv6(), it.config.port))
            .collect();
        for (ipv6, port) in wanted {
            if self
                .underlay
                .sockets
                .iter()
                .any(|(it, _)| *it == (ipv6, port))
            {
                continue;
            }
            let name = format!("vxlan{}:{port}", if ipv6 { 6 } else { 4 });
            let socket = self.attach_underlay(NamespaceId::OWN, &name);
            self.underlay.sockets.push(((ipv6, port), socket));
        }
    }
}
