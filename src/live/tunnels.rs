//! The host's end of tunnels: sockets in the network namespace that the program was started in, one set for
//! each IP version and port of the VXLAN devices that [go by the host](Network::goes_by_host).
//!
//! That namespace is the script's own with `--host`; otherwise it is what lies below the sandbox, and the
//! sockets are the only thing of a sandbox that reaches out of it. They follow the model as devices do: what
//! a change leaves as it was keeps its descriptors.
//!
//! The MTU of the way is looked up when a script changes something, so that what is too long for it is
//! answered or refused as where the stack below is emulated; that of `dev`, of the NIC that has `local`, or
//! of the route to `remote`.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use nix::libc;

use super::error::Error;
use crate::attach::Attachment;
use crate::attach::underlay::{Settings, Underlay};
use crate::netdev::{Kind, NamespaceId, Network, VxlanDevice};
use crate::switch::vxlan::Df;
use crate::switch::{AttachmentId, NetdevId};
use crate::sys::datagram::{self, Manner};
use crate::sys::namespace;
use crate::sys::netlink::{Link, Netlink};

/// The sockets of all tunnels that go by the host.
#[derive(Debug)]
pub(super) struct Tunnels {
    /// The network namespace they are in.
    host: OwnedFd,
    /// What asks there; opened when first needed.
    netlink: Option<Netlink>,
    sockets: BTreeMap<AttachmentId, Sockets>,
    mtus: Vec<(NetdevId, Option<u32>)>,
}

/// Those of one IP version and port.
#[derive(Debug)]
struct Sockets {
    underlay: Arc<Underlay>,
    queues: Arc<[Arc<dyn Attachment>]>,
    generation: u64,
}

impl Tunnels {
    /// Those of a host's network namespace: none yet.
    pub(super) const fn new(host: OwnedFd) -> Self {
        Self {
            host,
            netlink: None,
            sockets: BTreeMap::new(),
            mtus: Vec::new(),
        }
    }

    /// Returns the queue of each set, by attachment, with its generation.
    pub(super) fn attachments(
        &self,
    ) -> impl Iterator<Item = (AttachmentId, &Arc<[Arc<dyn Attachment>]>, u64)> {
        let sockets = self.sockets.iter();
        sockets.map(|(id, it)| (*id, &it.queues, it.generation))
    }

    /// Returns the MTU of each device's way, as it was found last.
    pub(super) fn way_mtus(&self) -> &[(NetdevId, Option<u32>)] {
        &self.mtus
    }

    /// Opens and closes sockets until there are those that the model wants.
    pub(super) fn reconcile(
        &mut self,
        network: &Network,
        generation: &mut u64,
    ) -> Result<(), Error> {
        let wanted = self.wanted(network)?;
        self.sockets.retain(|id, _| wanted.contains_key(id));
        for (id, settings) in wanted {
            let old = self.sockets.get(&id).map(|it| Arc::clone(&it.underlay));
            if old.as_ref().is_some_and(|it| *it.settings() == settings) {
                continue;
            }
            let open = || match &old {
                Some(old) => old.with(&settings),
                None => Underlay::new(&settings),
            };
            let opened = namespace::within(self.host.as_fd(), open);
            let underlay = opened.map_err(|why| refused(settings.port, why))?;
            let underlay = Arc::new(underlay);
            *generation += 1;
            let sockets = Sockets {
                queues: Arc::new([Arc::clone(&underlay) as Arc<dyn Attachment>]),
                underlay,
                generation: *generation,
            };
            self.sockets.insert(id, sockets);
        }
        Ok(())
    }

    /// What the model wants, by attachment. Looks up the ways, too.
    fn wanted(&mut self, network: &Network) -> Result<BTreeMap<AttachmentId, Settings>, Error> {
        let mut wanted: BTreeMap<AttachmentId, Settings> = BTreeMap::new();
        self.mtus.clear();
        if network.host_tunnels().next().is_none() {
            return Ok(wanted);
        }
        let links = self.links(network)?;
        for (id, device, socket) in network.host_tunnels() {
            let config = &device.config;
            let lower = match device.lower {
                None => None,
                Some(lower) => {
                    let found = links.iter().find(|(it, _)| *it == lower);
                    let missing = || Error::NoLower {
                        device: network.netdev(id).name.clone(),
                        lower: network.netdev(lower).name.clone(),
                    };
                    Some(&found.ok_or_else(missing)?.1)
                }
            };
            let settings = wanted.entry(socket).or_insert_with(|| Settings {
                ipv6: config.ipv6(),
                port: config.port,
                unchecked: config.flags.zero_csum6_rx,
                fans: Vec::new(),
                links: links.iter().map(|(id, link)| (*id, link.index)).collect(),
                groups: Vec::new(),
            });
            let range = config.source_range();
            for manner in manners(device) {
                if !settings.fans.contains(&(range, manner)) {
                    settings.fans.push((range, manner));
                }
            }
            if let Some(lower) = lower.filter(|_| config.remote.is_multicast()) {
                let group = (config.remote, lower.index);
                if !settings.groups.contains(&group) {
                    settings.groups.push(group);
                }
            }
            let mtu = match lower {
                Some(lower) => Some(lower.mtu),
                None => self.way_mtu(config.local, config.endpoint()),
            };
            self.mtus.push((id, mtu));
        }
        Ok(wanted)
    }

    /// The host's NICs of the names that the script uses without making them.
    fn links(&mut self, network: &Network) -> Result<Vec<(NetdevId, Link)>, Error> {
        let mut links = Vec::new();
        for netdev in network.in_namespace(NamespaceId::OWN) {
            if !matches!(netdev.kind, Kind::Outside { .. }) {
                continue;
            }
            let link = self.netlink()?.find(&netdev.name);
            let link = link.map_err(Error::doing(format!("look for {}", netdev.name)))?;
            links.extend(link.map(|link| (netdev.id, link)));
        }
        Ok(links)
    }

    fn netlink(&mut self) -> Result<&mut Netlink, Error> {
        if self.netlink.is_none() {
            let netlink = namespace::within(self.host.as_fd(), Netlink::open);
            self.netlink = Some(netlink.map_err(out_of_reach)?);
        }
        // It was just opened.
        self.netlink
            .as_mut()
            .ok_or_else(|| out_of_reach(io::ErrorKind::NotFound.into()))
    }

    fn way_mtu(&mut self, local: IpAddr, remote: Option<IpAddr>) -> Option<u32> {
        if local.is_unspecified() {
            let remote = remote.filter(|ip| !ip.is_multicast())?;
            return namespace::within(self.host.as_fd(), || datagram::way_mtu(remote, 0)).ok();
        }
        let nic = || Ok(getifaddrs()?.find(|it| ip_of(it) == Some(local)));
        let nic = namespace::within(self.host.as_fd(), nic).ok().flatten()?;
        let link = self.netlink().ok()?.find(&nic.interface_name).ok()??;
        Some(link.mtu)
    }
}

fn ip_of(it: &nix::ifaddrs::InterfaceAddress) -> Option<IpAddr> {
    let address = it.address.as_ref()?;
    let four = address.as_sockaddr_in().map(|it| it.ip().into());
    four.or_else(|| Some(address.as_sockaddr_in6()?.ip().into()))
}

/// In which manners a device sends.
fn manners(device: &VxlanDevice) -> Vec<Manner> {
    let config = &device.config;
    let checksum = config.checksum();
    let whole: &[bool] = match config.df {
        // IPv6 has no such bit.
        _ if config.ipv6() => &[false],
        Df::Unset => &[false],
        Df::Set => &[true],
        Df::Inherit => &[false, true],
    };
    let manner = |whole| Manner { whole, checksum };
    whole.iter().copied().map(manner).collect()
}

fn refused(port: u16, why: io::Error) -> Error {
    match why.raw_os_error() {
        Some(libc::EADDRINUSE) => Error::PortTaken { port },
        Some(libc::EPERM) => out_of_reach(why),
        _ => Error::doing(format!("open UDP port {port} of this host"))(why),
    }
}

fn out_of_reach(why: io::Error) -> Error {
    match why.raw_os_error() {
        Some(libc::EPERM) => Error::HostOutOfReach,
        _ => Error::doing("look around in this host's network")(why),
    }
}
