//! What a VXLAN device is told, and what of it can be told later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::netdev::{Errno, Refusal};
use crate::switch::NetdevId;
use crate::switch::vxlan::{Df, Remote};
use crate::wire::MacAddr;

/// The port that Linux takes when none is said; IANA's is 4789.
const DEFAULT_PORT: u16 = 8_472;

/// Seconds after which an entry is forgotten, when none are said (`FDB_AGE_DEFAULT`).
const DEFAULT_AGEING: u32 = 300;

/// Source ports when none are said (`net.ipv4.ip_local_port_range`), the second excluded.
const LOCAL_PORTS: (u16, u16) = (32_768, 60_999);

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
    pub(super) const fn headroom(&self) -> u32 {
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
    pub(super) const fn shared(&self) -> (bool, bool, bool) {
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

    pub(super) fn default_remote(&self, ip: IpAddr, via: Option<NetdevId>) -> Remote {
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

pub(super) fn invalid(
    note: impl Into<std::borrow::Cow<'static, str>>,
    extack: &'static str,
) -> Refusal {
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
    pub(super) fn check_existing(
        &self,
        old: &VxlanConfig,
        mtu: Option<u32>,
    ) -> Result<(), Refusal> {
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
    pub(super) fn apply(&self, old: Option<&VxlanConfig>) -> Result<VxlanConfig, Refusal> {
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
