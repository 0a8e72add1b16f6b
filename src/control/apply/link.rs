//! Namespaces and netdevs: `ip netns`, `ip link`, `ip tuntap`.

use super::bridge::validate;
use super::{Apply, Done, Failure};
use crate::iproute::command::{
    BridgeOptions, LinkAdd, LinkAddKind, LinkCommon, LinkSet, LinkSetKind, PortOptions,
    VlanDeviceOptions,
};
use crate::netdev::ipvlan::IpvlanChange;
use crate::netdev::link::{NewLink, not_a_bridge};
use crate::netdev::macvlan::MacvlanChange;
use crate::netdev::vlan_device::VlanChange;
use crate::netdev::vxlan::VxlanChange;
use crate::netdev::{Errno, Kind, NamespaceId, NetdevId, Refusal};

impl Apply<'_> {
    pub(super) fn netns_add(&mut self, name: &str) -> Done {
        if self.network.find_namespace(name).is_some() {
            let text = format!("Cannot create namespace file \"/run/netns/{name}\": File exists\n");
            return Err(Failure::Said(text, 1));
        }
        self.network.add_namespace(name);
        Ok(())
    }

    pub(super) fn netns_del(&mut self, name: &str) -> Done {
        let Some(ns) = self.network.find_namespace(name) else {
            let text = format!(
                "Cannot remove namespace file \"/run/netns/{name}\": No such file or directory\n"
            );
            return Err(Failure::Said(text, 1));
        };
        self.network.delete_namespace(self.now, ns);
        Ok(())
    }

    /// `rtnl_newlink_create`.
    pub(super) fn link_add(&mut self, link: &LinkAdd) -> Done {
        let common = &link.common;
        let ns = self.target_namespace(common)?;
        let master = self.master(common)?;
        let (peer_ns, peer_name, peer_common) = match &link.kind {
            LinkAddKind::Veth { peer, common } => {
                (self.target_namespace(common)?, peer.clone(), Some(common))
            }
            LinkAddKind::Bridge(_)
            | LinkAddKind::Dummy
            | LinkAddKind::Vlan { .. }
            | LinkAddKind::Vxlan(_)
            | LinkAddKind::Macvlan { .. }
            | LinkAddKind::Ipvlan { .. } => (None, None, None),
        };
        let lower = match &link.kind {
            LinkAddKind::Vlan { lower, .. }
            | LinkAddKind::Macvlan { lower, .. }
            | LinkAddKind::Ipvlan { lower, .. } => lower
                .as_ref()
                .map(|name| self.device(name, 1))
                .transpose()?,
            _ => None,
        };
        let vlan = match &link.kind {
            LinkAddKind::Vlan { options, .. } => Some(vlan_change(options)),
            _ => None,
        };
        let vxlan = match &link.kind {
            LinkAddKind::Vxlan(options) => Some(self.vxlan_change(options)?),
            _ => None,
        };
        check_txqlen(common)?;
        peer_common.map_or(Ok(()), check_txqlen)?;
        if let LinkAddKind::Bridge(options) = &link.kind {
            validate(options)?;
        }
        if let Some(change) = &vlan {
            change.check(common.address)?;
        }
        if let LinkAddKind::Macvlan { options, .. } = &link.kind {
            options.check(common.address)?;
        }
        if let Some(change) = &vxlan {
            change.check(common.address, common.mtu)?;
        }
        // Before the kernel makes anything it looks the name up where the command runs, even if the
        // netdev is to be made elsewhere.
        if let Some(name) = &link.name
            && self.network.find(self.ns, name).is_some()
        {
            let note = format!("there is a netdev called {name} already");
            return Err(Refusal::new(Errno::Exists, note).into());
        }
        let new = |name: &Option<String>, common: &LinkCommon, ns: NamespaceId| NewLink {
            ns,
            name: name.clone(),
            mac: common.address,
            mtu: common.mtu,
            txqlen: common.txqlen,
        };
        let own = new(&link.name, common, ns.unwrap_or(self.ns));
        let mark = self.network.before_making();
        let id = match &link.kind {
            LinkAddKind::Bridge(_) => self.network.add_bridge(self.now, own)?,
            LinkAddKind::Dummy => self.network.add_dummy(own)?,
            LinkAddKind::Veth { common: theirs, .. } => {
                // Without "peer" the kernel reads the netdev's own options for the peer, but for its
                // name and address.
                let peer = if peer_name.is_none() && *theirs == LinkCommon::default() {
                    NewLink {
                        name: None,
                        mac: None,
                        ..own.clone()
                    }
                } else {
                    new(&peer_name, theirs, peer_ns.unwrap_or(self.ns))
                };
                self.network.add_veth(own, peer, theirs.up == Some(true))?
            }
            LinkAddKind::Vlan { .. } => {
                let change = vlan.unwrap_or_default();
                self.network.add_vlan(self.now, own, lower, &change)?
            }
            LinkAddKind::Macvlan { tap, options, .. } => {
                self.network.add_macvlan(own, lower, options, *tap)?
            }
            LinkAddKind::Ipvlan { options, .. } => self.network.add_ipvlan(own, lower, *options)?,
            LinkAddKind::Vxlan(_) => {
                let change = vxlan.unwrap_or_default();
                self.network.add_vxlan(self.now, own, self.ns, &change)?
            }
        };
        let done = self.configure(id, link, master);
        if done.is_err() {
            self.network.unmake(self.now, &mark);
        }
        done
    }

    /// What follows once a new netdev is registered; nothing of it can fail after a port was joined.
    fn configure(
        &mut self,
        id: NetdevId,
        link: &LinkAdd,
        master: Option<Option<NetdevId>>,
    ) -> Done {
        if let LinkAddKind::Bridge(options) = &link.kind {
            self.bridge_options(id, options)?;
        }
        self.flags(id, &link.common)?;
        if let (LinkAddKind::Veth { common, .. }, Kind::Veth { peer }) =
            (&link.kind, &self.network.netdev(id).kind)
        {
            let peer = *peer;
            self.flags(peer, common)?;
        }
        match master {
            Some(Some(master)) => self.set_master(id, master),
            Some(None) | None => Ok(()),
        }
    }

    /// `__rtnl_newlink` of a netdev that exists, then `do_setlink`; what was applied before a refusal
    /// stays, as in the kernel.
    pub(super) fn link_set(&mut self, set: &LinkSet) -> Done {
        let common = &set.common;
        let target = self.target_namespace(common)?;
        let master = self.master(common)?;
        let id = self.device(&set.dev, 1)?;
        let backup = match &set.kind {
            Some(LinkSetKind::Port(options)) => self.backup(options, |name| {
                let text =
                    format!("Error: argument \"{name}\" is wrong: Device does not exist\n\n");
                (text, 255)
            })?,
            _ => None,
        };
        let tunnel = match &set.kind {
            Some(LinkSetKind::Vxlan(options)) => self.vxlan_change(options)?,
            _ => VxlanChange::default(),
        };
        check_txqlen(common)?;
        let noted = match &set.kind {
            Some(LinkSetKind::Bridge(options)) => {
                validate(options)?;
                if self.network.netdev(id).bridge().is_none()
                    && *options != BridgeOptions::default()
                {
                    return Err(not_a_bridge(&set.dev).into());
                }
                self.bridge_options(id, options)?;
                self.network.bridge_changed(self.now, id);
                true
            }
            Some(LinkSetKind::Port(options)) if *options != PortOptions::default() => {
                self.port_options(id, options, backup)?;
                true
            }
            Some(LinkSetKind::Vlan(options)) => {
                let change = vlan_change(options);
                change.check(common.address)?;
                self.network.change_vlan(id, &change)?;
                true
            }
            Some(LinkSetKind::Macvlan { tap, options }) if *options != MacvlanChange::default() => {
                options.check(common.address)?;
                self.network.change_macvlan(id, options, *tap)?;
                true
            }
            Some(LinkSetKind::Ipvlan(options)) if *options != IpvlanChange::default() => {
                self.network.change_ipvlan(id, *options)?;
                true
            }
            Some(LinkSetKind::Vxlan(_)) => {
                tunnel.check(common.address, common.mtu)?;
                self.network
                    .change_vxlan(self.now, id, &tunnel, common.mtu)?;
                true
            }
            Some(LinkSetKind::Port(_) | LinkSetKind::Macvlan { .. } | LinkSetKind::Ipvlan(_))
            | None => false,
        };
        let done = self.set_link(id, common, target, master);
        if noted || common.alias.is_some() {
            self.network.look_again(self.now, id);
        }
        done
    }

    /// `do_setlink`.
    fn set_link(
        &mut self,
        id: NetdevId,
        common: &LinkCommon,
        target: Option<NamespaceId>,
        master: Option<Option<NetdevId>>,
    ) -> Done {
        let master_ifindex = master.map(|it| it.map(|it| self.network.netdev(it).ifindex));
        if let Some(ns) = target {
            let name = common.rename.as_deref();
            self.network.move_to(self.now, id, ns, name)?;
        }
        if let Some(mac) = common.address {
            self.network.set_address(self.now, id, mac)?;
        }
        if let Some(mtu) = common.mtu {
            self.network.set_mtu(id, mtu)?;
        }
        if let Some(name) = &common.rename {
            self.network.rename(id, name)?;
        }
        if let Some(alias) = &common.alias {
            self.network.set_alias(id, alias);
        }
        self.flags(id, common)?;
        match master_ifindex {
            None => {}
            Some(None) => self.network.set_master(self.now, id, None)?,
            Some(Some(ifindex)) => {
                // The number is looked up where the netdev is now, which may be another namespace.
                let ns = self.network.netdev(id).ns;
                let master = self.network.find_ifindex(ns, ifindex).ok_or_else(|| {
                    Refusal::new(
                        Errno::Invalid,
                        "the master is not in the namespace that the netdev moved to",
                    )
                })?;
                self.set_master(id, master)?;
            }
        }
        if let Some(frames) = common.txqlen {
            self.network.set_txqlen(id, frames);
        }
        Ok(())
    }

    fn set_master(&mut self, id: NetdevId, master: NetdevId) -> Done {
        Ok(self.network.set_master(self.now, id, Some(master))?)
    }

    /// `__dev_change_flags`; that the netdev cannot come up keeps nothing else from being applied.
    fn flags(&mut self, id: NetdevId, common: &LinkCommon) -> Done {
        if let Some(on) = common.arp {
            self.network.set_arp(id, on);
        }
        if let Some(on) = common.multicast {
            self.network.set_multicast(id, on);
        }
        let opened = match common.up {
            Some(up) => self.network.set_up(self.now, id, up),
            None => Ok(()),
        };
        if let Some(on) = common.promisc {
            self.network.set_promisc(id, on);
        }
        if let Some(on) = common.allmulticast {
            self.network.set_allmulticast(id, on);
        }
        Ok(opened?)
    }

    pub(super) fn link_del(&mut self, dev: &str) -> Done {
        let id = self.device(dev, 1)?;
        Ok(self.network.delete(self.now, id)?)
    }

    pub(super) fn tuntap_add(&mut self, name: &str) -> Done {
        let tap = self.network.add_tap(self.ns, name);
        tap.map(drop).map_err(ioctl)
    }

    /// `TUNSETIFF` makes a TAP that is not there, which then goes away: deleting an absent one succeeds.
    pub(super) fn tuntap_del(&mut self, name: &str) -> Done {
        match self.network.find(self.ns, name) {
            None => Ok(()),
            Some(id) if matches!(self.network.netdev(id).kind, Kind::Tap { .. }) => {
                Ok(self.network.delete(self.now, id)?)
            }
            Some(_) => Err(ioctl(Refusal::new(
                Errno::Invalid,
                format!("{name} is not a TAP"),
            ))),
        }
    }

    fn target_namespace(&self, common: &LinkCommon) -> Result<Option<NamespaceId>, Failure> {
        let Some(name) = &common.netns else {
            return Ok(None);
        };
        // A name that is none is a process; process 1 lives where the script does.
        let own = (name == "1").then_some(NamespaceId::OWN);
        let found = self.network.find_namespace(name).or(own);
        found.map(Some).ok_or_else(|| {
            let text = format!("Error: argument \"{name}\" is wrong: Invalid \"netns\" value\n\n");
            Failure::Said(text, 255)
        })
    }

    fn master(&self, common: &LinkCommon) -> Result<Option<Option<NetdevId>>, Failure> {
        match &common.master {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(name)) => {
                let found = self.network.find(self.ns, name);
                found.map(|id| Some(Some(id))).ok_or_else(|| {
                    let text =
                        format!("Error: argument \"{name}\" is wrong: Device does not exist\n\n");
                    Failure::Said(text, 255)
                })
            }
        }
    }
}

fn vlan_change(options: &VlanDeviceOptions) -> VlanChange {
    VlanChange {
        vid: options.id,
        protocol: options.protocol,
        reorder_hdr: options.reorder_hdr,
        gvrp: options.gvrp,
        mvrp: options.mvrp,
        loose_binding: options.loose_binding,
        bridge_binding: options.bridge_binding,
        ingress_qos: options.ingress_qos.clone(),
        egress_qos: options.egress_qos.clone(),
    }
}

/// The kernel's policy for `IFLA_TXQLEN`, checked before anything else.
fn check_txqlen(common: &LinkCommon) -> Done {
    if common.txqlen.is_none_or(|frames| frames <= 32_767) {
        return Ok(());
    }
    let refusal = Refusal::new(Errno::Range, "a transmit queue takes at most 32767 frames");
    Err(refusal.extack("integer out of range").into())
}

/// `ip tuntap` does not speak netlink.
fn ioctl(refusal: Refusal) -> Failure {
    let Refusal { errno, note, .. } = refusal;
    let text = format!("ioctl(TUNSETIFF): {}\ntapswitch: {note}\n", errno.text());
    Failure::Said(text, 1)
}
