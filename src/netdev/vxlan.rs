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

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::link::{MtuRange, NewLink};
use super::{Errno, Kind, NamespaceId, Network, Refusal};
use crate::switch::NetdevId;
use crate::switch::vxlan::{Addition, Df, How, Lifetime, Marks, Refused, Remote, VxlanFdb};
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// The port that Linux takes when none is said; IANA's is 4789.
const DEFAULT_PORT: u16 = 8_472;

/// Seconds after which an entry is forgotten, when none are said (`FDB_AGE_DEFAULT`).
const DEFAULT_AGEING: u32 = 300;

/// How long the table is left alone at most (`FDB_AGE_INTERVAL`).
const AGE_INTERVAL: Duration = Duration::from_secs(10);

/// Source ports when none are said (`net.ipv4.ip_local_port_range`), the second excluded.
const LOCAL_PORTS: (u16, u16) = (32_768, 60_999);

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

/// The configuration of a VXLAN device (`struct vxlan_config`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanConfig {
    /// Its network, 24 bits.
    pub vni: u32,
    /// `remote` or `group`; unspecified without, but of a family.
    pub remote: IpAddr,
    /// `local`; unspecified without, of the same family.
    pub local: IpAddr,
    /// `dstport`.
    pub port: u16,
    /// `srcport`, as said; zeros for the stack's own.
    pub source_ports: (u16, u16),
    /// `ttl`; 0 is the stack's own (`auto`).
    pub ttl: u8,
    /// `ttl inherit`.
    pub ttl_inherit: bool,
    /// `tos`; 1 is `inherit`.
    pub tos: u8,
    /// `df`.
    pub df: Df,
    /// `flowlabel`.
    pub label: u32,
    /// `ageing`, in seconds.
    pub ageing: u32,
    /// `maxaddress`; 0 is no limit.
    pub max: u32,
    /// The switches.
    pub flags: VxlanFlags,
}

/// The switches of a VXLAN device (`VXLAN_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanFlags {
    /// `learning`.
    pub learning: bool,
    /// `proxy`.
    pub proxy: bool,
    /// `rsc`.
    pub rsc: bool,
    /// `l2miss`.
    pub l2miss: bool,
    /// `l3miss`.
    pub l3miss: bool,
    /// `udpcsum`.
    pub udp_csum: bool,
    /// `udp6zerocsumtx`.
    pub zero_csum6_tx: bool,
    /// `udp6zerocsumrx`.
    pub zero_csum6_rx: bool,
    /// `remcsumtx`.
    pub remcsum_tx: bool,
    /// `remcsumrx`.
    pub remcsum_rx: bool,
    /// `gbp`.
    pub gbp: bool,
}

impl VxlanConfig {
    /// Whether it speaks IPv6.
    #[must_use]
    pub const fn ipv6(&self) -> bool {
        self.remote.is_ipv6()
    }

    /// Octets that a frame grows by on its way, less its own header (`vxlan_headroom`).
    const fn headroom(&self) -> u32 {
        // IP, UDP, VXLAN, Ethernet.
        if self.ipv6() { 70 } else { 50 }
    }

    /// Whether it has link-local addresses, which mean something on one netdev only
    /// (`VXLAN_F_IPV6_LINKLOCAL`).
    #[must_use]
    pub const fn link_local(&self) -> bool {
        matches!(self.local, IpAddr::V6(ip) if ip.is_unicast_link_local())
    }

    /// Returns the range of source ports in force, its end excluded (`udp_flow_src_port`).
    #[must_use]
    pub const fn source_range(&self) -> (u16, u16) {
        match self.source_ports {
            (from, to) if from >= to => LOCAL_PORTS,
            range => range,
        }
    }

    /// Whether it sends with a UDP checksum.
    #[must_use]
    pub const fn checksum(&self) -> bool {
        match self.ipv6() {
            true => !self.flags.zero_csum6_tx,
            false => self.flags.udp_csum,
        }
    }

    /// What those who share a port have to agree on (`VXLAN_F_RCV_FLAGS`).
    const fn shared(&self) -> (bool, bool, bool) {
        (
            self.flags.gbp,
            self.flags.zero_csum6_rx,
            self.flags.remcsum_rx,
        )
    }

    /// Returns the default endpoint, if there is one.
    #[must_use]
    pub fn endpoint(&self) -> Option<IpAddr> {
        Some(self.remote).filter(|ip| !ip.is_unspecified())
    }

    fn default_remote(&self, ip: IpAddr, via: Option<NetdevId>) -> Remote {
        Remote {
            ip,
            port: self.port,
            vni: self.vni,
            via,
        }
    }
}

/// What a command says about a VXLAN device; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VxlanChange {
    /// `id`.
    pub vni: Option<u32>,
    /// `remote` or `group`.
    pub remote: Option<IpAddr>,
    /// `local`.
    pub local: Option<IpAddr>,
    /// `dev`.
    pub lower: Option<NetdevId>,
    /// `dstport`.
    pub port: Option<u16>,
    /// `srcport`.
    pub source_ports: Option<(u16, u16)>,
    /// `ttl`; 0 is `auto`.
    pub ttl: Option<u8>,
    /// `ttl inherit`.
    pub ttl_inherit: bool,
    /// `tos`; 1 is `inherit`.
    pub tos: Option<u8>,
    /// `df`.
    pub df: Option<Df>,
    /// `flowlabel`.
    pub label: Option<u32>,
    /// `ageing`; 0 is `none`.
    pub ageing: Option<u32>,
    /// `maxaddress`; 0 is `unlimited`.
    pub max: Option<u32>,
    /// `learning` or `nolearning`.
    pub learning: Option<bool>,
    /// `proxy` or `noproxy`.
    pub proxy: Option<bool>,
    /// `rsc` or `norsc`.
    pub rsc: Option<bool>,
    /// `l2miss` or `nol2miss`.
    pub l2miss: Option<bool>,
    /// `l3miss` or `nol3miss`.
    pub l3miss: Option<bool>,
    /// `udpcsum` or `noudpcsum`.
    pub udp_csum: Option<bool>,
    /// `udp6zerocsumtx` or `noudp6zerocsumtx`.
    pub zero_csum6_tx: Option<bool>,
    /// `udp6zerocsumrx` or `noudp6zerocsumrx`.
    pub zero_csum6_rx: Option<bool>,
    /// `remcsumtx` or `noremcsumtx`.
    pub remcsum_tx: Option<bool>,
    /// `remcsumrx` or `noremcsumrx`.
    pub remcsum_rx: Option<bool>,
    /// `gbp`.
    pub gbp: bool,
}

fn invalid(note: impl Into<std::borrow::Cow<'static, str>>, extack: &'static str) -> Refusal {
    Refusal::new(Errno::Invalid, note).extack(extack)
}

impl VxlanChange {
    /// What the kernel looks at before anything else, also of a device that exists (`vxlan_validate`).
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` for an address that no station can have, `EINVAL` for an MTU or a range of ports
    /// that cannot be, and without any option.
    pub fn check(&self, address: Option<MacAddr>, mtu: Option<u32>) -> Result<(), Refusal> {
        if address.is_some_and(|mac| !mac.is_station()) {
            let note = "a group or the zero address; a netdev needs a station's";
            return Err(Refusal::new(Errno::AddressNotAvailable, note)
                .extack("Provided Ethernet address is not unicast"));
        }
        if mtu.is_some_and(|mtu| !(68..=65_535).contains(&mtu)) {
            let note = "the MTU of a VXLAN device is 68 to 65535";
            return Err(invalid(note, "MTU must be between 68 and 65535"));
        }
        if *self == Self::default() {
            let note = "say what to do with the VXLAN device, for a new one at least \"id VNI\"";
            let message = "Required attributes not provided to perform the operation";
            return Err(invalid(note, message));
        }
        if self.source_ports.is_some_and(|(from, to)| to < from) {
            let note = "the first source port comes before the last";
            return Err(invalid(note, "Invalid source port range"));
        }
        Ok(())
    }

    /// What a device that exists does not take (`vxlan_nl2conf`), in the kernel's order.
    fn check_existing(&self, old: &VxlanConfig, mtu: Option<u32>) -> Result<(), Refusal> {
        let refuse = |message: &'static str| {
            let note = "that is settled when a VXLAN device is made";
            Err(Refusal::new(Errno::NotSupported, note).extack(message))
        };
        let other_family = |ip: Option<IpAddr>| ip.is_some_and(|ip| ip.is_ipv6() != old.ipv6());
        if self.vni.is_some_and(|vni| vni != old.vni) {
            return refuse("Cannot change VNI");
        }
        if other_family(self.remote) {
            return refuse("New group address family does not match old group");
        }
        if other_family(self.local) {
            return refuse("New local address family does not match old");
        }
        if self.ttl_inherit {
            return refuse("vxlan: cannot change TTL_INHERIT flag");
        }
        for (said, message) in [
            (self.proxy, "vxlan: cannot change PROXY flag"),
            (self.rsc, "vxlan: cannot change RSC flag"),
            (self.l2miss, "vxlan: cannot change L2MISS flag"),
            (self.l3miss, "vxlan: cannot change L3MISS flag"),
        ] {
            if said.is_some() {
                return refuse(message);
            }
        }
        if self.max.is_some() {
            return refuse("Cannot change limit");
        }
        if self.source_ports.is_some() {
            return refuse("Cannot change port range");
        }
        if self.port.is_some() {
            return refuse("Cannot change port");
        }
        for (said, message) in [
            (self.udp_csum, "Cannot change UDP_CSUM flag"),
            (
                self.zero_csum6_tx,
                "vxlan: cannot change UDP_ZERO_CSUM6_TX flag",
            ),
            (
                self.zero_csum6_rx,
                "vxlan: cannot change UDP_ZERO_CSUM6_RX flag",
            ),
            (self.remcsum_tx, "vxlan: cannot change REMCSUM_TX flag"),
            (self.remcsum_rx, "vxlan: cannot change REMCSUM_RX flag"),
            (self.gbp.then_some(true), "vxlan: cannot change GBP flag"),
        ] {
            if said.is_some() {
                return refuse(message);
            }
        }
        if mtu.is_some() {
            return refuse("Cannot change mtu");
        }
        Ok(())
    }

    /// Returns the configuration that comes of it. Unless IPv6 is asked for, it is IPv4.
    fn apply(&self, old: Option<&VxlanConfig>) -> Result<VxlanConfig, Refusal> {
        let family = |said: Option<IpAddr>| said.map(|ip| ip.is_ipv6());
        let ipv6 = match (family(self.remote), family(self.local), old) {
            (Some(remote), Some(local), _) if remote != local => {
                let note = "one is IPv4, the other IPv6";
                let message = "Local and remote address must be from the same family";
                return Err(invalid(note, message));
            }
            (Some(ipv6), ..) | (_, Some(ipv6), _) => ipv6,
            (None, None, old) => old.is_some_and(VxlanConfig::ipv6),
        };
        let any = match ipv6 {
            true => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            false => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let or = |said: Option<IpAddr>, old: Option<IpAddr>| said.or(old).unwrap_or(any);
        let flags = old.map_or(VxlanFlags::NEW, |old| old.flags);
        let positive = |number: Option<u32>, default| match number {
            Some(0) | None => default,
            Some(number) => number,
        };
        let ageing = match (self.ageing, old) {
            (None, Some(old)) => old.ageing,
            (said, _) => positive(said, DEFAULT_AGEING),
        };
        Ok(VxlanConfig {
            vni: self.vni.or(old.map(|old| old.vni)).unwrap_or(0),
            remote: or(self.remote, old.map(|old| old.remote)),
            local: or(self.local, old.map(|old| old.local)),
            port: match self.port.or(old.map(|old| old.port)) {
                Some(0) | None => DEFAULT_PORT,
                Some(port) => port,
            },
            source_ports: (self.source_ports)
                .or(old.map(|old| old.source_ports))
                .unwrap_or((0, 0)),
            ttl: self.ttl.or(old.map(|old| old.ttl)).unwrap_or(0),
            ttl_inherit: self.ttl_inherit || old.is_some_and(|old| old.ttl_inherit),
            tos: self.tos.or(old.map(|old| old.tos)).unwrap_or(0),
            df: self.df.or(old.map(|old| old.df)).unwrap_or_default(),
            label: self.label.or(old.map(|old| old.label)).unwrap_or(0),
            ageing,
            max: self.max.or(old.map(|old| old.max)).unwrap_or(0),
            flags: VxlanFlags {
                learning: self.learning.unwrap_or(flags.learning),
                proxy: self.proxy.unwrap_or(flags.proxy),
                rsc: self.rsc.unwrap_or(flags.rsc),
                l2miss: self.l2miss.unwrap_or(flags.l2miss),
                l3miss: self.l3miss.unwrap_or(flags.l3miss),
                udp_csum: self.udp_csum.unwrap_or(flags.udp_csum),
                zero_csum6_tx: self.zero_csum6_tx.unwrap_or(flags.zero_csum6_tx),
                zero_csum6_rx: self.zero_csum6_rx.unwrap_or(flags.zero_csum6_rx),
                remcsum_tx: self.remcsum_tx.unwrap_or(flags.remcsum_tx),
                remcsum_rx: self.remcsum_rx.unwrap_or(flags.remcsum_rx),
                gbp: self.gbp || flags.gbp,
            },
        })
    }
}

impl VxlanFlags {
    /// What a new device has.
    const NEW: Self = Self {
        learning: true,
        proxy: false,
        rsc: false,
        l2miss: false,
        l3miss: false,
        udp_csum: true,
        zero_csum6_tx: false,
        zero_csum6_rx: false,
        remcsum_tx: false,
        remcsum_rx: false,
        gbp: false,
    };
}

/// What a command says about an entry of a VXLAN device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `dst`.
    pub ip: Option<IpAddr>,
    /// `port`.
    pub port: Option<u16>,
    /// `vni`.
    pub vni: Option<u32>,
    /// `via`.
    pub via: Option<NetdevId>,
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

    /// Adds an entry to a VXLAN device's own table, or changes one (`vxlan_fdb_add`).
    ///
    /// # Errors
    /// `EINVAL` without an endpoint, `EAFNOSUPPORT` for one of the other family, and what the table says.
    #[expect(clippy::too_many_arguments, reason = "each is a word of the command")]
    pub fn vxlan_fdb_add(
        &mut self,
        now: Instant,
        id: NetdevId,
        how: How,
        mac: MacAddr,
        endpoint: Endpoint,
        lifetime: Lifetime,
        marks: Marks,
        touch: bool,
    ) -> Result<(), Refusal> {
        let Some(device) = self.vxlan_device(id) else {
            return Ok(());
        };
        let remote = device.remote_of(endpoint)?.ok_or_else(|| {
            Refusal::new(Errno::Invalid, "say where the station is: \"dst ADDRESS\"")
        })?;
        let addition = Addition {
            mac,
            remote,
            lifetime,
            marks,
            touch,
        };
        device.fdb.update(now, how, addition).map_err(refused)
    }

    /// Deletes an entry of a VXLAN device's own table, or one of its endpoints (`vxlan_fdb_delete`).
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn vxlan_fdb_delete(
        &mut self,
        id: NetdevId,
        mac: MacAddr,
        endpoint: Endpoint,
    ) -> Result<(), Refusal> {
        let Some(device) = self.vxlan_device(id) else {
            return Ok(());
        };
        let remote = match endpoint.ip {
            // An address of the other family is none that an entry has.
            Some(ip) if ip.is_ipv6() != device.config.ipv6() => Some(Remote {
                ip,
                port: 0,
                vni: 0,
                via: None,
            }),
            _ => device.remote_of(endpoint)?,
        };
        let remote = remote.filter(|remote| !remote.ip.is_unspecified());
        device.fdb.delete(mac, remote).map_err(refused)
    }

    /// Returns when [`Self::vxlans_timeout`] wants to be called.
    pub(crate) fn vxlans_due(&self) -> Option<Instant> {
        let due = self.vxlan_devices().filter_map(|(_, it)| it.age_due);
        due.min()
    }

    /// Ages the tables that are due.
    pub(crate) fn vxlans_timeout(&mut self, now: Instant) {
        let due: Vec<_> = self
            .vxlan_devices()
            .filter(|(_, it)| it.age_due.is_some_and(|due| due <= now))
            .map(|(id, _)| id)
            .collect();
        for id in due {
            if let Some(device) = self.vxlan_device_mut(id) {
                let ageing = Duration::from_secs(device.config.ageing.into());
                let next = device.fdb.age(now, ageing);
                let latest = now + AGE_INTERVAL;
                device.age_due = Some(next.map_or(latest, |next| next.min(latest)));
            }
        }
    }
}

impl VxlanDevice {
    /// Returns the remote that a command means; `None` if it names none (`vxlan_fdb_parse`).
    fn remote_of(&self, said: Endpoint) -> Result<Option<Remote>, Refusal> {
        let config = &self.config;
        let Some(ip) = said.ip else {
            return Ok(None);
        };
        if ip.is_ipv6() != config.ipv6() {
            let speaks = if config.ipv6() { "IPv6" } else { "IPv4" };
            let note = format!("the VXLAN device speaks {speaks}");
            return Err(Refusal::new(Errno::FamilyNotSupported, note));
        }
        Ok(Some(Remote {
            ip,
            port: said.port.unwrap_or(config.port),
            vni: said.vni.unwrap_or(config.vni),
            via: said.via,
        }))
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

fn full(refused: Refused) -> Refusal {
    self::refused(refused)
}

fn refused(refused: Refused) -> Refusal {
    match refused {
        Refused::Exists => Refusal::new(
            Errno::Exists,
            "the VXLAN device has an entry for this station; bridge fdb replace changes it",
        ),
        Refused::Absent => Refusal::new(Errno::NoEntry, "the VXLAN device has no such entry"),
        Refused::Full => Refusal::new(
            Errno::NoSpace,
            "the VXLAN device has as many entries as it may (maxaddress)",
        ),
        Refused::Replace => Refusal::new(
            Errno::NotSupported,
            "groups and the zero address may have several endpoints: append, or delete one",
        )
        .extack("Cannot replace non-unicast fdb entries"),
        Refused::ReplaceAbsent => Refusal::new(
            Errno::NotSupported,
            "groups and the zero address may have several endpoints: append one",
        ),
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
