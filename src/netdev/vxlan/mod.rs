//! VXLAN devices: bridges' ports into a tunnel, or netdevs in their own right.
//!
//! A VXLAN device belongs to two namespaces: it *is* in one, and sends and receives in its *underlay*,
//! the one it was made in, even when it is moved. Its configuration is checked as a whole, against all
//! other devices of the underlay (`vxlan_config_validate`); what of it can be changed later is little
//! (`vxlan_changelink`). It listens while it is up. With `dev`, another netdev of the underlay bounds its
//! MTU and takes it along when it goes; up and down, and carrier, it does not follow.
//!
//! The table is the fast path's ([`VxlanFdb`]); here are the commands about it, and the timer that ages
//! it: first ten seconds after the device came up, and from then on when the next entry is due, ten
//! seconds later at most (`vxlan_cleanup`).

mod config;
mod fdb;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

pub use config::{VxlanChange, VxlanConfig, VxlanFlags};
pub use fdb::Endpoint;

use super::link::{MtuRange, NewLink};
use super::{Errno, Kind, NamespaceId, Network, Refusal};
use crate::switch::NetdevId;
use crate::switch::vxlan::{Addition, How, Lifetime, Marks, Remote, VxlanFdb};
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;
use config::invalid;
use fdb::full;

/// How long the table is left alone at most (`FDB_AGE_INTERVAL`).
const AGE_INTERVAL: Duration = Duration::from_secs(10);

/// A VXLAN device's own part of its netdev.
#[derive(Clone, Debug)]
pub struct VxlanDevice {
    /// What it was told.
    pub config: VxlanConfig,
    /// The namespace in which it sends and receives.
    pub underlay: NamespaceId,
    /// `dev`: a netdev there.
    pub lower: Option<NetdevId>,
    /// Which station is behind which endpoint.
    pub fdb: Arc<VxlanFdb>,
    /// Largest TCP super-frame, if it has it from a lower (`netif_inherit_tso_max`).
    pub tso_max_size: Option<u32>,
    /// When the table is looked at next.
    age_due: Option<Instant>,
}

impl Network {
    /// Returns the VXLAN device that a netdev is.
    #[must_use]
    pub fn vxlan_device(&self, id: NetdevId) -> Option<&VxlanDevice> {
        match &self.netdev(id).kind {
            Kind::Vxlan(vxlan) => Some(vxlan),
            _ => None,
        }
    }

    fn vxlan_device_mut(&mut self, id: NetdevId) -> Option<&mut VxlanDevice> {
        match &mut self.netdev_mut(id).kind {
            Kind::Vxlan(vxlan) => Some(vxlan),
            _ => None,
        }
    }

    /// Returns the VXLAN devices there are.
    pub fn vxlan_devices(&self) -> impl Iterator<Item = (NetdevId, &VxlanDevice)> {
        let devices = self.vxlans.iter();
        devices.filter_map(|id| Some((*id, self.vxlan_device(*id)?)))
    }

    /// Makes a VXLAN device that sends and receives in `underlay` (`vxlan_newlink`). The change has passed
    /// [`VxlanChange::check`].
    ///
    /// # Errors
    /// `EINVAL` for addresses that do not go together, `EEXIST` for a second device of a network on the
    /// same port (or the name). Nothing changed then.
    pub fn add_vxlan(
        &mut self,
        now: Instant,
        link: NewLink,
        underlay: NamespaceId,
        change: &VxlanChange,
    ) -> Result<NetdevId, Refusal> {
        self.check_new(&link, MtuRange::ETHERNET)?;
        let config = change.apply(None)?;
        self.check_vxlan(underlay, None, &config, change.lower)?;
        let fdb = Arc::new(VxlanFdb::new(config.max));
        let via = change.lower;
        if let Some(ip) = config.endpoint() {
            let addition = default_entry(config.default_remote(ip, via));
            let _ = fdb.update(now, How::Add, addition);
        }
        let device = VxlanDevice {
            config,
            underlay,
            lower: change.lower,
            fdb,
            tso_max_size: change.lower.map(|lower| self.tso_max_size(lower)),
            age_due: None,
        };
        let asked = link.mtu;
        let ns = link.ns;
        let id = self.register(link, "vxlan", Kind::Vxlan(Box::new(device)), None)?;
        if let Some(lower) = change.lower {
            let most = self.most_mtu(&config, lower).max(68);
            self.change_mtu(id, asked.unwrap_or(most).min(most));
        }
        self.note_peer_namespace(ns, underlay);
        self.touch();
        Ok(id)
    }

    fn most_mtu(&self, config: &VxlanConfig, lower: NetdevId) -> u32 {
        self.netdev(lower).mtu.saturating_sub(config.headroom())
    }

    /// `vxlan_config_validate`.
    fn check_vxlan(
        &self,
        underlay: NamespaceId,
        old: Option<NetdevId>,
        config: &VxlanConfig,
        lower: Option<NetdevId>,
    ) -> Result<(), Refusal> {
        if let (IpAddr::V6(local), IpAddr::V6(remote)) = (config.local, config.remote) {
            let scopes_mix = match local.is_unicast_link_local() {
                true => !remote.is_unspecified() && !scoped(remote),
                false => remote.is_unicast_link_local(),
            };
            if scopes_mix {
                let note = "a link-local address and another do not reach each other";
                let message = "Invalid combination of local and remote address scopes";
                return Err(invalid(note, message));
            }
        }
        if config.label != 0 && !config.ipv6() {
            let note = "IPv4 has no flow label";
            return Err(invalid(
                note,
                "Label attribute only applies to IPv6 VXLAN devices",
            ));
        }
        if lower.is_none() && config.remote.is_multicast() {
            let note = "say which netdev joins the group: \"dev NETDEV\"";
            let message = "Local interface required for multicast remote destination";
            return Err(invalid(note, message));
        }
        if lower.is_none() && config.link_local() {
            let note =
                "a link-local address means something on one netdev only: say \"dev NETDEV\"";
            let message = "Local interface required for link-local local/remote addresses";
            return Err(invalid(note, message));
        }
        let same = |(id, other): &(NetdevId, &VxlanDevice)| {
            let theirs = &other.config;
            Some(*id) != old
                && other.underlay == underlay
                && (theirs.vni, theirs.port) == (config.vni, config.port)
                && (theirs.shared(), theirs.ipv6()) == (config.shared(), config.ipv6())
                && (!config.link_local() || other.lower == lower)
        };
        if let Some((id, _)) = self.vxlan_devices().find(same) {
            let name = &self.netdev(id).name;
            let note = format!("{name} is this network's, on the same port");
            return Err(Refusal::new(Errno::Exists, note)
                .extack("A VXLAN device with the specified VNI already exists"));
        }
        Ok(())
    }

    /// Changes a VXLAN device (`vxlan_changelink`). The change has passed [`VxlanChange::check`].
    ///
    /// # Errors
    /// `EOPNOTSUPP` for what is settled when a device is made, or if the netdev is none; otherwise as
    /// [`Self::add_vxlan`]. Nothing changed then.
    pub fn change_vxlan(
        &mut self,
        now: Instant,
        id: NetdevId,
        change: &VxlanChange,
        mtu: Option<u32>,
    ) -> Result<(), Refusal> {
        let name = self.netdev(id).name.clone();
        let Some(device) = self.vxlan_device(id) else {
            let note = format!("{name} is not a VXLAN device");
            return Err(Refusal::new(Errno::NotSupported, note));
        };
        let (old, was, underlay) = (device.config, device.lower, device.underlay);
        change.check_existing(&old, mtu)?;
        let config = change.apply(Some(&old))?;
        let lower = change.lower.or(was);
        self.check_vxlan(underlay, Some(id), &config, lower)?;
        if let Some(lower) = change.lower.filter(|_| change.lower != was) {
            self.check_below(id, lower)?;
        }
        let fdb = Arc::clone(&device.fdb);
        if config.remote != old.remote {
            if let Some(ip) = config.endpoint() {
                let addition = default_entry(config.default_remote(ip, lower));
                fdb.update(now, How::Append, addition).map_err(full)?;
            }
            if let Some(ip) = old.endpoint() {
                let _ = fdb.delete(MacAddr::ZERO, Some(old.default_remote(ip, was)));
            }
        }
        let up = self.netdev(id).up;
        let moves = up && (config.remote != old.remote || lower != was);
        if moves {
            self.leave_group(id);
        }
        let tso = lower.map(|lower| self.tso_max_size(lower));
        if let Some(device) = self.vxlan_device_mut(id) {
            (device.config, device.lower, device.tso_max_size) = (config, lower, tso);
            if up && config.ageing != old.ageing {
                device.age_due = Some(now);
            }
        }
        if moves {
            self.join_group(id);
        }
        // A lower that stays is not looked at again.
        if let Some(lower) = change.lower.filter(|_| change.lower != was) {
            let most = self.most_mtu(&config, lower).max(68);
            if self.netdev(id).mtu > most {
                self.change_mtu(id, most);
            }
        }
        self.touch();
        Ok(())
    }

    /// Whether a netdev may be below a VXLAN device (`netdev_adjacent_change_prepare`).
    fn check_below(&self, id: NetdevId, lower: NetdevId) -> Result<(), Refusal> {
        if id == lower {
            let note = "a netdev is not below itself";
            return Err(Refusal::new(Errno::Busy, note));
        }
        Ok(())
    }

    /// The largest MTU that the netdev below a VXLAN device lets it have (`vxlan_change_mtu`).
    pub(super) fn check_vxlan_mtu(&self, id: NetdevId, mtu: u32) -> Result<(), Refusal> {
        let Some(device) = self.vxlan_device(id) else {
            return Ok(());
        };
        let Some(lower) = device.lower else {
            return Ok(());
        };
        let most = self.most_mtu(&device.config, lower);
        if mtu <= most {
            return Ok(());
        }
        let name = &self.netdev(lower).name;
        let note = format!("on {name} there is room for an MTU of {most}");
        Err(Refusal::new(Errno::Invalid, note))
    }

    /// Whether a VXLAN device may come up (`vxlan_open`): all that listen to a port share a socket, and
    /// have to agree on what it takes.
    pub(super) fn check_vxlan_open(&self, id: NetdevId) -> Result<(), Refusal> {
        let Some(device) = self.vxlan_device(id).filter(|_| !self.netdev(id).up) else {
            return Ok(());
        };
        let key = |device: &VxlanDevice| {
            let config = &device.config;
            (device.underlay, config.ipv6(), config.port)
        };
        let in_the_way = |(other, it): &(NetdevId, &VxlanDevice)| {
            self.netdev(*other).up
                && key(it) == key(device)
                && it.config.shared() != device.config.shared()
        };
        let Some((other, _)) = self.vxlan_devices().find(in_the_way) else {
            return Ok(());
        };
        let (name, port) = (&self.netdev(other).name, device.config.port);
        let note = format!(
            "{name} listens to port {port} with other options (gbp, udp6zerocsumrx, remcsumrx)"
        );
        Err(Refusal::new(Errno::AddressInUse, note))
    }

    /// A VXLAN device came up or went down (`vxlan_open`, `vxlan_stop`).
    pub(super) fn vxlan_switched(&mut self, now: Instant, id: NetdevId, up: bool) {
        if self.vxlan_device(id).is_none() {
            return;
        }
        if up {
            self.join_group(id);
        } else {
            self.leave_group(id);
        }
        if let Some(device) = self.vxlan_device_mut(id) {
            device.age_due = up.then_some(now + AGE_INTERVAL);
            if !up {
                // The entry for everything without one stays, however it was added (ignore_default_entry).
                device.fdb.flush(|mac, entry| {
                    mac != MacAddr::ZERO && entry.lifetime == Lifetime::Dynamic
                });
            }
        }
    }

    /// Returns the groups that VXLAN devices of an underlay have joined, and by which netdev.
    pub(super) fn vxlan_groups(
        &self,
        underlay: NamespaceId,
    ) -> impl Iterator<Item = (IpAddr, NetdevId)> {
        let up = move |(id, device): &(NetdevId, &VxlanDevice)| {
            self.netdev(*id).up && device.underlay == underlay
        };
        let joined = self.vxlan_devices().filter(up);
        joined.filter_map(|(_, device)| {
            let group = Some(device.config.remote).filter(IpAddr::is_multicast)?;
            Some((group, device.lower?))
        })
    }

    fn join_group(&mut self, id: NetdevId) {
        let Some((ip, lower)) = self.group_of(id) else {
            return;
        };
        let mac = group_mac(ip);
        let groups = &mut self.netdev_mut(lower).groups;
        if !groups.contains(&mac) {
            groups.push(mac);
        }
        if !self.goes_by_host(id) {
            self.report_group(lower, ip);
        }
        self.touch();
    }

    fn leave_group(&mut self, id: NetdevId) {
        let Some((ip, lower)) = self.group_of(id) else {
            return;
        };
        let mac = group_mac(ip);
        let others = |(other, device): (NetdevId, &VxlanDevice)| {
            let group = device.config.remote;
            other != id
                && self.netdev(other).up
                && device.lower == Some(lower)
                && group.is_multicast()
                && group_mac(group) == mac
        };
        if !self.vxlan_devices().any(others) {
            let groups = &mut self.netdev_mut(lower).groups;
            groups.retain(|group| *group != mac);
        }
        self.touch();
    }

    fn group_of(&self, id: NetdevId) -> Option<(IpAddr, NetdevId)> {
        let device = self.vxlan_device(id)?;
        let group = Some(device.config.remote).filter(IpAddr::is_multicast)?;
        Some((group, device.lower?))
    }

    /// Returns the VXLAN devices that go when a netdev goes, or leaves its namespace
    /// (`vxlan_handle_lowerdev_unregister`).
    pub(super) fn vxlans_on(&self, lower: NetdevId) -> Vec<NetdevId> {
        let on = self
            .vxlan_devices()
            .filter(|(_, it)| it.lower == Some(lower));
        on.map(|(id, _)| id).collect()
    }

    /// Returns the VXLAN devices that go with a namespace (`vxlan_exit_rtnl`).
    pub(super) fn vxlans_of(&self, underlay: NamespaceId) -> Vec<NetdevId> {
        let of = self
            .vxlan_devices()
            .filter(|(_, it)| it.underlay == underlay);
        of.map(|(id, _)| id).collect()
    }
}

/// The entry for everything without one, made of the device's configuration.
const fn default_entry(remote: Remote) -> Addition {
    Addition {
        mac: MacAddr::ZERO,
        remote,
        lifetime: Lifetime::Permanent,
        marks: Marks {
            router: false,
            external: false,
            sticky: false,
            by_user: false,
        },
        touch: false,
    }
}

/// Whether an address means something on one link only (`IPV6_ADDR_LINKLOCAL`): also a group of that
/// scope.
const fn scoped(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.segments()[0] & 0xff0f == 0xff02
}

/// The Ethernet group of an IP group.
pub(super) fn group_mac(group: IpAddr) -> MacAddr {
    match group {
        IpAddr::V4(ip) => {
            let [_, b, c, d] = ip.octets();
            MacAddr::new([0x01, 0, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(ip) => {
            let [.., a, b, c, d] = ip.octets();
            MacAddr::new([0x33, 0x33, a, b, c, d])
        }
    }
}
