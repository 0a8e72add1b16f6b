//! Making, changing and deleting netdevs.

use super::multicast::ALL_SNOOPERS;
use super::network::Mark;
use super::{Bridge, Errno, Kind, NamespaceId, Netdev, Network, Refusal};
use std::mem;

use crate::switch::NetdevId;
use crate::time::Instant;
use crate::wire::MacAddr;

/// The least MTU of an Ethernet netdev (`ETH_MIN_MTU`).
pub(super) const MIN_MTU: u32 = 68;

/// 224.0.0.1, which every netdev joins when it comes up.
pub(super) const ALL_HOSTS: MacAddr = MacAddr::new([0x01, 0x00, 0x5e, 0, 0, 0x01]);

/// The least MTU at which a netdev has IPv6 (`IPV6_MIN_MTU`).
const MIN_MTU_IPV6: u32 = 1_280;

/// ff02::1, which every netdev joins with IPv6, in use or not.
pub(super) const ALL_NODES: MacAddr = MacAddr::new([0x33, 0x33, 0, 0, 0, 0x01]);

/// What a new netdev is to be like; `None` for what the kernel takes by itself.
#[derive(Clone, Debug, Default)]
pub struct NewLink {
    /// The namespace it is made in.
    pub ns: NamespaceId,
    /// Its name; `None` for the kind and the lowest free number.
    pub name: Option<String>,
    /// `address`.
    pub mac: Option<MacAddr>,
    /// `mtu`.
    pub mtu: Option<u32>,
    /// `txqueuelen`.
    pub txqlen: Option<u32>,
}

impl Network {
    /// Makes a namespace (`ip netns add`). The name is known to be free.
    pub fn add_namespace(&mut self, name: &str) -> NamespaceId {
        self.create_namespace(Some(name.to_owned()))
    }

    /// Deletes a namespace and what is in it: veth pairs with both ends, bridges with their ports
    /// released; an outside wire goes back to the script's own namespace (`default_device_exit_net`).
    pub fn delete_namespace(&mut self, now: Instant, ns: NamespaceId) {
        for id in self.vxlans_of(ns) {
            self.destroy(now, id);
        }
        let ids: Vec<_> = self.in_namespace(ns).map(|netdev| netdev.id).collect();
        for id in ids {
            let netdev = self.netdev(id);
            if !netdev.alive {
                // The other end of a veth pair that went a moment ago.
                continue;
            }
            match netdev.kind {
                Kind::Outside { .. } => {
                    let taken = self.find(NamespaceId::OWN, &netdev.name).is_some();
                    let name = if taken {
                        self.free_name(NamespaceId::OWN, "dev%d")
                    } else {
                        netdev.name.clone()
                    };
                    self.relocate(now, id, NamespaceId::OWN, name);
                }
                _ => self.destroy(now, id),
            }
        }
        self.retire_namespace(ns);
    }

    /// Makes a bridge (`br_dev_newlink`, before its options).
    ///
    /// # Errors
    /// `EEXIST`, `EADDRNOTAVAIL` or a bad MTU; nothing changed then.
    pub fn add_bridge(&mut self, now: Instant, link: NewLink) -> Result<NetdevId, Refusal> {
        self.check_new(&link, MtuRange::ETHERNET)?;
        let (address, mtu) = (link.mac, link.mtu);
        let id = self.register(link, "bridge", Kind::Bridge(Box::new(Bridge::new())), None)?;
        let counter = self.next_multicast_counter();
        if let Some(bridge) = self.bridge_mut(id) {
            bridge.multicast_counter = counter;
        }
        let mac = self.netdev(id).mac;
        self.replace_bridge_local(now, id, mac);
        if let Some(mac) = address {
            self.with_tree(now, id, true, |tree| tree.set_address(now, mac));
        }
        if let Some(mtu) = mtu {
            self.change_mtu(id, mtu);
        }
        Ok(id)
    }

    /// Makes a dummy.
    ///
    /// # Errors
    /// `EEXIST`, `EADDRNOTAVAIL` or a bad MTU; nothing changed then.
    pub fn add_dummy(&mut self, link: NewLink) -> Result<NetdevId, Refusal> {
        self.check_new(&link, MtuRange::ANY)?;
        self.register(link, "dummy", Kind::Dummy, None)
    }

    /// Makes a veth pair: the netdev, whose id is returned, and its peer, which gets its number first
    /// (`veth_newlink`).
    ///
    /// # Errors
    /// `EEXIST`, `EADDRNOTAVAIL`, `EINVAL` for a bad MTU; `ENOTCONN` if the peer is to be up before it
    /// has a peer. Nothing changed then.
    pub fn add_veth(
        &mut self,
        link: NewLink,
        peer: NewLink,
        peer_up: bool,
    ) -> Result<NetdevId, Refusal> {
        for end in [&link, &peer] {
            self.check_new(end, MtuRange::ANY)?;
            // veth_validate, without a message.
            if end.mtu.is_some_and(|mtu| !MtuRange::ETHERNET.contains(mtu)) {
                return Err(Refusal::new(
                    Errno::Invalid,
                    "the MTU of a veth netdev is 68 to 65535",
                ));
            }
        }
        let mark = self.mark();
        let result = self.register_veth(link, peer, peer_up);
        if result.is_err() {
            self.forget_since(&mark);
        }
        result
    }

    fn register_veth(
        &mut self,
        link: NewLink,
        peer: NewLink,
        peer_up: bool,
    ) -> Result<NetdevId, Refusal> {
        // The peer is registered first, but the netdev named first reads better with the lower address.
        let drawn = link.mac.is_none().then(|| self.next_mac());
        // Each end names the other; the peer's entry is completed below.
        let unknown = NetdevId(0);
        let peer = self.register(peer, "veth", Kind::Veth { peer: unknown }, None)?;
        if peer_up {
            return Err(Refusal::new(
                Errno::NotConnected,
                "the peer is made first and cannot come up alone; set it up afterwards",
            ));
        }
        let id = self.register(link, "veth", Kind::Veth { peer }, drawn)?;
        self.netdev_mut(peer).kind = Kind::Veth { peer: id };
        let (here, there) = (self.netdev(id).ns, self.netdev(peer).ns);
        self.note_peer_namespace(here, there);
        self.note_peer_namespace(there, here);
        Ok(id)
    }

    /// Makes a TAP (`tun_set_iff` with `IFF_TUN_EXCL`).
    ///
    /// # Errors
    /// `EBUSY` if the name is taken.
    pub fn add_tap(&mut self, ns: NamespaceId, name: &str) -> Result<NetdevId, Refusal> {
        if self.find(ns, name).is_some() {
            return Err(Refusal::new(
                Errno::Busy,
                format!("there is a netdev called {name} already"),
            ));
        }
        let link = NewLink {
            ns,
            name: Some(name.to_owned()),
            ..NewLink::default()
        };
        let kind = Kind::Tap {
            wire: self.next_attachment(),
            plugged: true,
        };
        self.register(link, "tap", kind, None)
    }

    /// What is wrong with a new netdev before anything is made (`rtnl_create_link`).
    pub(super) fn check_new(&self, link: &NewLink, mtu: MtuRange) -> Result<(), Refusal> {
        if let Some(name) = &link.name
            && self.find(link.ns, name).is_some()
        {
            return Err(name_taken(name));
        }
        if let Some(mac) = link.mac {
            check_address(mac)?;
        }
        link.mtu.map_or(Ok(()), |value| mtu.check(value))
    }

    /// Registers a netdev (`register_netdevice`), with the address asked for, else the one drawn for it.
    pub(super) fn register(
        &mut self,
        link: NewLink,
        prefix: &str,
        kind: Kind,
        drawn: Option<MacAddr>,
    ) -> Result<NetdevId, Refusal> {
        let name = match link.name {
            Some(name) if name.contains('%') => self.free_name(link.ns, &name),
            Some(name) => name,
            None => self.free_name(link.ns, &format!("{prefix}%d")),
        };
        check_name(&name)?;
        if self.find(link.ns, &name).is_some() {
            return Err(name_taken(&name));
        }
        let mac = link.mac.or(drawn).unwrap_or_else(|| self.next_mac());
        let id = self.create(link.ns, name, kind, mac);
        let netdev = self.netdev_mut(id);
        netdev.mac_set = link.mac.is_some();
        netdev.txqlen = link.txqlen.unwrap_or(netdev.txqlen);
        if let Some(mtu) = link.mtu {
            self.change_mtu(id, mtu);
        }
        Ok(id)
    }

    /// Notes what is there, so that [`Self::unmake`] can take back what is made next.
    #[must_use]
    pub const fn before_making(&self) -> Mark {
        self.mark()
    }

    /// Takes back the netdevs made since, none of which has become anybody's port yet.
    pub fn unmake(&mut self, now: Instant, mark: &Mark) {
        self.unmake_uppers(now, mark);
        self.forget_since(mark);
        self.touch();
    }

    /// Replaces `%d` by the lowest number that makes the name free (`__dev_alloc_name`).
    fn free_name(&self, ns: NamespaceId, pattern: &str) -> String {
        (0u32..)
            .map(|number| pattern.replacen("%d", &number.to_string(), 1))
            .find(|name| self.find(ns, name).is_none())
            .unwrap_or_default()
    }

    /// Deletes a netdev; a veth's peer and what stands on it go with it, a bridge lets its ports go
    /// (`rtnl_delete_link`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for what no command made.
    pub fn delete(&mut self, now: Instant, id: NetdevId) -> Result<(), Refusal> {
        match self.netdev(id).kind {
            Kind::Loopback => Err(Refusal::new(
                Errno::NotSupported,
                "a loopback lives as long as its namespace",
            )),
            Kind::Outside { .. } => Err(Refusal::new(
                Errno::NotSupported,
                "this netdev was not made by a command, so none can delete it",
            )),
            _ => {
                self.destroy(now, id);
                Ok(())
            }
        }
    }

    /// `unregister_netdevice`.
    fn destroy(&mut self, now: Instant, id: NetdevId) {
        self.retire(now, id);
        if let Kind::Veth { peer } = self.netdev(id).kind
            && self.netdev(peer).alive
        {
            self.retire(now, peer);
        }
    }

    fn retire(&mut self, now: Instant, id: NetdevId) {
        self.switch(now, id, false);
        for upper in self.netdev(id).uppers.clone() {
            self.destroy(now, upper);
        }
        self.destroy_tunnels_on(now, id);
        self.leave(now, id);
        self.drop_cable(id);
        self.restore_address(now, id);
        self.leave_lower(id);
        for (port, _) in self.ports_of(id) {
            self.remove_port(now, port);
        }
        if let Some(bridge) = self.bridge(id) {
            bridge.fdb.flush(|_, _| true);
        }
        self.unlist(id);
        self.due.stir(id);
        self.vxlans.remove(&id);
        self.snooping_by_vlan.remove(&id);
        let netdev = self.netdev_mut(id);
        netdev.alive = false;
        netdev.addresses.clear();
        netdev.neighbours.clear();
        netdev.groups.clear();
        netdev.unicast.clear();
        self.touch();
    }

    /// VXLAN devices go with the netdev below them.
    fn destroy_tunnels_on(&mut self, now: Instant, lower: NetdevId) {
        for id in self.vxlans_on(lower) {
            self.destroy(now, id);
        }
    }

    /// Moves a netdev to another namespace, where it arrives down, without addresses and without
    /// master (`__dev_change_net_namespace`).
    ///
    /// # Errors
    /// `EINVAL` for loopbacks and bridges, `EEXIST` if the name is taken there.
    pub fn move_to(
        &mut self,
        now: Instant,
        id: NetdevId,
        ns: NamespaceId,
        new_name: Option<&str>,
    ) -> Result<(), Refusal> {
        let netdev = self.netdev(id);
        if matches!(netdev.kind, Kind::Loopback | Kind::Bridge(_)) {
            return Err(Refusal::new(
                Errno::Invalid,
                "loopbacks and bridges stay where they were made; make it there (ip -n NS link add)",
            )
            .extack("The interface netns is immutable"));
        }
        if netdev.ns == ns {
            return Ok(());
        }
        let mut name = netdev.name.clone();
        if self.find(ns, &name).is_some() {
            name = match new_name {
                None => {
                    return Err(name_taken(&name)
                        .extack("An interface with the same name exists in the target netns"));
                }
                Some(wanted) if self.find(ns, wanted).is_some() => {
                    return Err(name_taken(wanted).extack(format!(
                        "Unable to use '{wanted}' for the new interface name in the target netns"
                    )));
                }
                Some(wanted) => wanted.to_owned(),
            };
        }
        self.relocate(now, id, ns, name);
        Ok(())
    }

    fn relocate(&mut self, now: Instant, id: NetdevId, ns: NamespaceId, name: String) {
        self.to_watch = Some(Vec::new());
        self.drop_cable(id);
        self.switch(now, id, false);
        self.destroy_tunnels_on(now, id);
        self.leave(now, id);
        let ifindex = self.reserve_ifindex(ns, Some(self.netdev(id).ifindex));
        let old = self.netdev(id).ns;
        self.note_peer_namespace(old, ns);
        if let Kind::Veth { peer } = self.netdev(id).kind {
            let behind = self.netdev(peer).ns;
            self.note_peer_namespace(ns, behind);
            self.note_peer_namespace(behind, ns);
        }
        if let Some(lower) = self.lower(id) {
            let below = self.netdev(lower).ns;
            self.note_peer_namespace(ns, below);
        }
        if let Some(underlay) = self.vxlan_device(id).map(|vxlan| vxlan.underlay) {
            self.note_peer_namespace(ns, underlay);
        }
        for upper in self.netdev(id).uppers.clone() {
            let above = self.netdev(upper).ns;
            self.note_peer_namespace(above, ns);
        }
        self.unlist(id);
        self.list(id, ns, name, ifindex);
        self.watch_links();
        self.unlist_macvlans(id);
        let netdev = self.netdev_mut(id);
        netdev.opened = false;
        netdev.addresses.clear();
        netdev.neighbours.clear();
        netdev.unicast.clear();
        netdev.groups = if netdev.has_ipv6() {
            vec![ALL_NODES]
        } else {
            Vec::new()
        };
        self.touch();
    }

    /// Renames a netdev, up or not (`dev_change_name`).
    ///
    /// # Errors
    /// `EEXIST`, or `EINVAL` for what cannot be a name.
    pub fn rename(&mut self, id: NetdevId, name: &str) -> Result<(), Refusal> {
        let (ns, ifindex) = (self.netdev(id).ns, self.netdev(id).ifindex);
        if self.netdev(id).name == name {
            return Ok(());
        }
        check_name(name)?;
        let name = if name.contains('%') {
            self.free_name(ns, name)
        } else {
            name.to_owned()
        };
        if self.find(ns, &name).is_some() {
            return Err(name_taken(&name));
        }
        let old = self.netdev(id).name.clone();
        self.unlist(id);
        self.list(id, ns, name, ifindex);
        self.rename_labels(id, &old);
        Ok(())
    }

    /// Changes a netdev's address (`dev_set_mac_address`). All kinds there are take it while up.
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` for a group or the zero address; `EADDRINUSE` for a macvlan, if its lower or a
    /// sibling that is up has it; `EOPNOTSUPP` for an ipvlan device.
    pub fn set_address(&mut self, now: Instant, id: NetdevId, mac: MacAddr) -> Result<(), Refusal> {
        if self.ipvlan(id).is_some() {
            let note = "an ipvlan device has the address of the netdev below; change that";
            return Err(Refusal::new(Errno::NotSupported, note));
        }
        check_address(mac)?;
        if self.netdev(id).mac != mac {
            if self.bridge(id).is_some() {
                self.change_bridge_address(now, id, mac);
            } else if self.macvlan(id).is_some() {
                self.set_macvlan_address(now, id, mac)?;
            } else {
                self.netdev_mut(id).mac = mac;
            }
        }
        self.netdev_mut(id).mac_set = true;
        self.address_changed(now, id);
        self.touch();
        Ok(())
    }

    /// Changes a netdev's MTU (`dev_set_mtu_ext`); a bridge follows its ports until its own is set, a
    /// VLAN device its lower when that gets a smaller one.
    ///
    /// # Errors
    /// `EINVAL` outside the netdev's range and for a macvlan above its lower's, `ERANGE` for a VLAN device
    /// above its lower's.
    pub fn set_mtu(&mut self, id: NetdevId, mtu: u32) -> Result<(), Refusal> {
        if self.netdev(id).mtu == mtu {
            return Ok(());
        }
        self.mtu_range(id).check(mtu)?;
        if let Some(lower) = self.lower(id).map(|lower| self.netdev(lower))
            && self.ipvlan(id).is_none()
            && mtu > lower.mtu
        {
            let note = format!("the MTU is at most that of {}, {}", lower.name, lower.mtu);
            // Drivers differ.
            let errno = match self.netdev(id).kind {
                Kind::Vlan(_) => Errno::Range,
                _ => Errno::Invalid,
            };
            return Err(Refusal::new(errno, note));
        }
        self.check_vxlan_mtu(id, mtu)?;
        if let Some(bridge) = self.bridge_mut(id) {
            bridge.mtu_set = true;
        }
        self.change_mtu(id, mtu);
        self.touch();
        Ok(())
    }

    /// Changes the MTU, and with it whether there is IPv6: below its least MTU a netdev has neither
    /// addresses nor ff02::1, and only the latter comes back (`addrconf_notify`). The bridge that it is a
    /// port of follows, and the VLAN devices on it.
    pub(super) fn change_mtu(&mut self, id: NetdevId, mtu: u32) {
        self.put_mtu(id, mtu);
        if let Some((bridge, _)) = self.netdev(id).port {
            self.adjust_bridge_mtu(bridge);
        }
        for upper in self.netdev(id).uppers.clone() {
            match self.netdev(upper).kind {
                Kind::Ipvlan(_) => self.netdev_mut(upper).put_silently(mtu),
                // One that is out of the upper's own range leaves it as it is.
                _ if self.netdev(upper).mtu > mtu && mtu >= self.mtu_range(upper).min => {
                    self.change_mtu(upper, mtu);
                }
                _ => {}
            }
        }
    }

    fn put_mtu(&mut self, id: NetdevId, mtu: u32) {
        let carrier = self.carrier(id);
        let netdev = self.netdev_mut(id);
        if netdev.mtu == mtu {
            return;
        }
        let had = netdev.has_ipv6();
        netdev.mtu = mtu;
        netdev.ipv6_lags = false;
        if netdev.has_ipv6() == had || matches!(netdev.kind, Kind::Loopback) {
            return;
        }
        netdev.ipv6_ready = !had && netdev.up && carrier;
        if had {
            let left = [ALL_NODES, ALL_SNOOPERS[1]];
            netdev.groups.retain(|group| !left.contains(group));
            self.drop_ipv6(id);
        } else if !netdev.groups.contains(&ALL_NODES) {
            netdev.groups.push(ALL_NODES);
        }
        self.set_rx_mode(id);
    }

    /// Tells of a change of a netdev that is up (`NETDEV_CHANGE`): IPv6 begins at last where it may.
    pub(super) fn tell_of_change(&mut self, id: NetdevId) {
        if self.netdev(id).up && self.carrier(id) {
            self.netdev_mut(id).begin_ipv6();
        }
    }

    /// Returns the least and the greatest MTU a netdev takes; 0 as the greatest is no bound.
    #[must_use]
    pub fn mtu_range(&self, id: NetdevId) -> MtuRange {
        match self.netdev(id).kind {
            Kind::Loopback | Kind::Dummy => MtuRange::ANY,
            Kind::Tap { .. } => MtuRange {
                min: MIN_MTU,
                max: 65_521,
            },
            Kind::Vlan(_) => MtuRange::VLAN,
            Kind::Macvlan(ref macvlan) => MtuRange {
                min: MIN_MTU,
                max: self.mtu_range(macvlan.stacked.lower).max,
            },
            Kind::Vxlan(_)
            | Kind::Ipvlan(_)
            | Kind::Bridge(_)
            | Kind::Veth { .. }
            | Kind::Outside { .. } => MtuRange::ETHERNET,
        }
    }

    /// Sets a netdev up or down, and what depends on its carrier (`__dev_open`, `__dev_close`).
    ///
    /// # Errors
    /// `ENETDOWN` for a VLAN device whose lower is down.
    pub fn set_up(&mut self, now: Instant, id: NetdevId, up: bool) -> Result<(), Refusal> {
        if up {
            self.check_open(id)?;
        }
        // The link watch looks when all is done: a VLAN device that went down with its lower has that one's
        // carrier again by then.
        self.to_watch = Some(Vec::new());
        self.switch(now, id, up);
        self.watch_links();
        Ok(())
    }

    /// [`Self::set_up`] for what may be switched.
    pub(super) fn switch(&mut self, now: Instant, id: NetdevId, up: bool) {
        let netdev = self.netdev_mut(id);
        if netdev.up == up {
            return;
        }
        netdev.up = up;
        netdev.opened |= up;
        self.join_snoopers(id, up);
        let netdev = self.netdev_mut(id);
        if matches!(netdev.kind, Kind::Loopback) {
            self.loopback_up(id, up);
        } else if up {
            netdev.groups.push(ALL_HOSTS);
        } else {
            netdev.groups.retain(|group| *group != ALL_HOSTS);
            if mem::take(&mut netdev.ipv6_ready) {
                netdev.groups.retain(|group| *group != ALL_NODES);
            }
        }
        if up && self.carrier(id) {
            self.netdev_mut(id).begin_ipv6();
        }
        if !up {
            self.drop_ipv6(id);
            self.forget_neighbours(id);
            // Setting a port down and up opens it, as on other switches.
            self.open_port(id);
            self.unblock(id);
        }
        match self.netdev(id).kind {
            Kind::Bridge(_) => {
                self.with_snooping(id, |it| it.set_up(now, up));
                self.with_tree(now, id, false, |tree| tree.set_up(now, up));
            }
            Kind::Veth { peer } => self.state_changed(now, peer),
            _ => self.switched(now, id, up),
        }
        match self.netdev(id).port {
            Some((bridge, number)) if !up => {
                self.with_tree(now, bridge, false, |tree| tree.shut_port(now, number));
            }
            _ => self.check_port(now, id),
        }
        self.set_rx_mode(id);
        self.uppers_switched(now, id, up);
        self.touch();
    }

    /// The kernel looks at a netdev again after some changes (`netdev_state_change`): a port that was
    /// disabled by hand, or by its guard, comes back then.
    pub fn look_again(&mut self, now: Instant, id: NetdevId) {
        if self.netdev(id).up {
            self.state_changed(now, id);
        }
    }

    /// Plugs an outside wire in or pulls it.
    pub fn set_plugged(&mut self, now: Instant, id: NetdevId, plug: bool) {
        // The driver of a TAP tells first that it is closed, and then that there is no carrier: in between,
        // a port that was disabled by hand comes back, so that it loses what it had learned.
        if matches!(self.netdev(id).kind, Kind::Tap { plugged: true, .. }) && !plug {
            self.state_changed(now, id);
        }
        if let Kind::Tap { plugged, .. } | Kind::Outside { plugged, .. } =
            &mut self.netdev_mut(id).kind
            && *plugged != plug
        {
            *plugged = plug;
            self.state_changed(now, id);
            self.touch();
        }
    }

    /// `promisc on|off`.
    pub fn set_promisc(&mut self, id: NetdevId, on: bool) {
        let netdev = self.netdev_mut(id);
        if netdev.promisc != on {
            netdev.promisc = on;
            self.step_promiscuity(id, on);
        }
    }

    /// `allmulticast on|off`.
    pub fn set_allmulticast(&mut self, id: NetdevId, on: bool) {
        let netdev = self.netdev_mut(id);
        if netdev.allmulticast != on {
            netdev.allmulticast = on;
            self.step_allmulti(id, on);
        }
    }

    /// `multicast on|off`.
    pub fn set_multicast(&mut self, id: NetdevId, on: bool) {
        let netdev = self.netdev_mut(id);
        if netdev.multicast != on {
            netdev.multicast = on;
            self.tell_of_change(id);
        }
    }

    /// `arp on|off`.
    pub fn set_arp(&mut self, id: NetdevId, on: bool) {
        let netdev = self.netdev_mut(id);
        if netdev.arp != on {
            netdev.arp = on;
            // Told to nobody while the netdev is down.
            if netdev.up {
                self.forget_neighbours(id);
                self.tell_of_change(id);
            }
            self.touch();
        }
    }

    /// `txqueuelen N`.
    pub fn set_txqlen(&mut self, id: NetdevId, frames: u32) {
        self.netdev_mut(id).txqlen = frames;
    }

    /// `alias TEXT`; an empty one takes it away.
    pub fn set_alias(&mut self, id: NetdevId, alias: &str) {
        self.netdev_mut(id).alias = (!alias.is_empty()).then(|| alias.to_owned());
    }
}

impl Netdev {
    /// Whether it has IPv6: its MTU is large enough, or was when somebody was last told of it.
    #[must_use]
    pub const fn has_ipv6(&self) -> bool {
        (self.mtu >= MIN_MTU_IPV6) != self.ipv6_lags
    }

    /// IPv6 begins at last if only nobody was told that the MTU is large enough (`NETDEV_UP` in
    /// `addrconf_notify`). With one that is too small it stays.
    fn begin_ipv6(&mut self) {
        if self.ipv6_lags && self.mtu >= MIN_MTU_IPV6 {
            (self.ipv6_lags, self.ipv6_ready) = (false, true);
            if !self.groups.contains(&ALL_NODES) {
                self.groups.push(ALL_NODES);
            }
        }
    }

    /// Changes the MTU, of which nobody else is told (`ipvlan_adjust_mtu`).
    const fn put_silently(&mut self, mtu: u32) {
        let had = self.has_ipv6();
        self.mtu = mtu;
        self.ipv6_lags = had != (mtu >= MIN_MTU_IPV6);
    }
}

/// The MTUs a netdev takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MtuRange {
    /// The least.
    pub min: u32,
    /// The greatest; 0 is no bound.
    pub max: u32,
}

impl MtuRange {
    const ANY: Self = Self { min: 0, max: 0 };
    pub(super) const VLAN: Self = Self {
        min: 0,
        max: 65_535,
    };
    pub(super) const ETHERNET: Self = Self {
        min: MIN_MTU,
        max: 65_535,
    };

    const fn contains(self, mtu: u32) -> bool {
        mtu >= self.min && (self.max == 0 || mtu <= self.max)
    }

    /// `dev_validate_mtu`; the kernel's MTU is signed.
    fn check(self, mtu: u32) -> Result<(), Refusal> {
        let Self { min, max } = self;
        if mtu < min || i32::try_from(mtu).is_err() {
            Err(
                Refusal::new(Errno::Invalid, format!("the least MTU here is {min}"))
                    .extack("mtu less than device minimum"),
            )
        } else if !self.contains(mtu) {
            Err(
                Refusal::new(Errno::Invalid, format!("the greatest MTU here is {max}"))
                    .extack("mtu greater than device maximum"),
            )
        } else {
            Ok(())
        }
    }
}

fn name_taken(name: &str) -> Refusal {
    Refusal::new(
        Errno::Exists,
        format!("there is a netdev called {name} already"),
    )
}

pub(crate) fn not_a_bridge(name: &str) -> Refusal {
    Refusal::new(Errno::NotSupported, format!("{name} is not a bridge"))
}

fn check_address(mac: MacAddr) -> Result<(), Refusal> {
    if mac.is_station() {
        return Ok(());
    }
    Err(Refusal::new(
        Errno::AddressNotAvailable,
        format!("{mac} is a group or the zero address; a netdev needs a station's"),
    ))
}

/// Longest name of a netdev, in octets (`IFNAMSIZ` less the NUL).
pub const NAME_MAX: usize = 15;

/// `dev_valid_name`.
fn check_name(name: &str) -> Result<(), Refusal> {
    let bad = |c: char| c == '/' || c == ':' || c.is_ascii_whitespace();
    if (1..=NAME_MAX).contains(&name.len()) && name != "." && name != ".." && !name.contains(bad) {
        return Ok(());
    }
    Err(Refusal::new(
        Errno::Invalid,
        "a netdev's name is 1 to 15 octets without blanks, slashes and colons",
    ))
}
