//! The guards of ports as configuration: what `tapswitch port set` sets, and its rules.
//!
//! Settings belong to the port: they go when the netdev leaves the bridge.
//!
//! | setting | bound |
//! |---|---|
//! | `max_macs`, secure addresses of a port | 4,096 |
//! | stations with a VLAN of their own, per port | 4,096 |
//! | bindings per bridge | 16,384 |
//!
//! DHCP is looked at on all ports of a bridge as soon as one of them is trusted: the others are then
//! not, and what clients say goes to trusted ports and to the bridge's own stack only. A port with `ip_binding on` is not trusted either, unless it says so.
//!
//! A port that a violation closed is to its bridge as one without carrier: learned entries go, its
//! backup port takes over, spanning tree goes on without it. It opens again after the recovery time,
//! when its netdev is set down, or when `max_macs` is switched off.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::bridge::{Bridge, Port};
use super::fdb::{Addition, Lifetime};
use super::{Network, Refusal};
use crate::guard::PrivateRole;
use crate::stp;
use crate::switch::guard::bindings::{Binding, MAX_BINDINGS, NotBound};
use crate::switch::guard::meter::{Storm, StormLimit};
use crate::switch::guard::security::{MAX_SECURE, Security, Violation};
use crate::switch::guard::{DhcpPort, PlanGuard};
use crate::switch::{Entry, Key, NetdevId, PortNo};
use crate::time::{Duration, Instant};
use crate::wire::{Dhcp, ETHER_IPV4, ETHERNET_HEADER, Ethernet, Ipv4, MacAddr, Vid, innermost};

/// Stations with a VLAN of their own that a port can have.
pub const MAX_MAC_VLANS: usize = 4096;

/// What a port is set to, and what of it is shared with workers.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Limit of broadcast frames.
    pub broadcast: StormRate,
    /// Limit of frames to other group addresses.
    pub multicast: StormRate,
    /// Limit of frames to unknown stations.
    pub unknown: StormRate,
    /// Stations that may be behind the port; `None` for any number.
    pub max_macs: Option<u32>,
    /// Stations that belong to the port.
    pub secure_macs: BTreeSet<(MacAddr, Option<Vid>)>,
    /// What happens when another comes in.
    pub violation: Violation,
    /// After which time a closed port opens; `None` for never.
    pub recovery: Option<Duration>,
    /// IP and ARP come in from bound stations only.
    pub ip_binding: bool,
    /// DHCP servers are behind the port.
    pub dhcp_trusted: bool,
    /// VLANs of untagged frames by station.
    pub mac_vlans: BTreeMap<MacAddr, Vid>,
    /// Its part in private VLANs; `None` for an ordinary port.
    pub private: Option<PrivateRole>,
    storm: Option<Arc<Storm>>,
    security: Option<Arc<Security>>,
    /// A violation closed the port, as far as the bridge knows.
    shut: bool,
    opens: Option<Instant>,
}

/// How much of one kind of traffic a port takes in, per second; `None` for any amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StormRate {
    /// Frames.
    pub frames: Option<u64>,
    /// Octets of frames, from destination address to end of payload.
    pub octets: Option<u64>,
}

/// One setting of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardSetting {
    /// `storm_broadcast`.
    Broadcast(StormRate),
    /// `storm_multicast`.
    Multicast(StormRate),
    /// `storm_unknown`.
    Unknown(StormRate),
    /// `max_macs`.
    MaxMacs(Option<u32>),
    /// `secure_mac`.
    SecureMac(MacAddr, Option<Vid>),
    /// `no_secure_mac`.
    NoSecureMac(MacAddr, Option<Vid>),
    /// `violation`.
    Violation(Violation),
    /// `recovery`.
    Recovery(Option<Duration>),
    /// `ip_binding`.
    IpBinding(bool),
    /// `dhcp_trusted`.
    DhcpTrusted(bool),
    /// `bind`.
    Bind(Ipv4Addr, MacAddr, Option<Vid>),
    /// `unbind`: in whatever VLANs.
    Unbind(Ipv4Addr),
    /// `mac_vlan`.
    MacVlan(MacAddr, Vid),
    /// `no_mac_vlan`.
    NoMacVlan(MacAddr),
    /// `private`.
    Private(Option<PrivateRole>),
}

/// Why a setting was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The netdev is no port.
    #[error("{0} is not a bridge port: guards belong to ports (ip link set {0} master BRIDGE)")]
    NotAPort(String),
    /// `max_macs` is out of range.
    #[error("max_macs {0}: expected 1 to {MAX_SECURE}, or off")]
    MaxMacs(u32),
    /// `max_macs` is below the number of `secure_mac`.
    #[error(
        "max_macs {max}: the port has {secure} secure addresses already (no_secure_mac takes one away)"
    )]
    BelowSecure {
        /// The number asked for.
        max: u32,
        /// Secure addresses that the port has.
        secure: usize,
    },
    /// One secure address more than there may be.
    #[error("secure_mac {mac}: the port may have {max} (max_macs)")]
    TooManySecure {
        /// The address.
        mac: MacAddr,
        /// How many there may be.
        max: u32,
    },
    /// No station has this address.
    #[error("{0} is a group address or zero, which no station can have")]
    NoStation(MacAddr),
    /// The address is not there to be taken away.
    #[error("no_secure_mac {0}: the port has no such secure address")]
    NotSecure(MacAddr),
    /// The FDB refused the entry of a secure address.
    #[error("secure_mac {mac}: {refusal}")]
    Fdb {
        /// The address.
        mac: MacAddr,
        /// What the FDB says.
        refusal: Refusal,
    },
    /// There are as many bindings as there can be.
    #[error("bind {0}: the bridge has {MAX_BINDINGS} bindings, which is the most")]
    BindingsFull(Ipv4Addr),
    /// No station has this IP address.
    #[error("bind {0}: no single station can have this address")]
    NoHost(Ipv4Addr),
    /// The binding is not there to be taken away.
    #[error("unbind {0}: no binding of this address to this port")]
    NotBound(Ipv4Addr),
    /// One station more than there may be.
    #[error("mac_vlan {0}: the port has {MAX_MAC_VLANS} of them, which is the most")]
    TooManyMacVlans(MacAddr),
    /// The station is not there to be taken away.
    #[error("no_mac_vlan {0}: the port has no VLAN for this station")]
    NoMacVlan(MacAddr),
    /// The spanning tree does not allow it.
    #[error("{0}")]
    Tree(stp::Refused),
}

impl Guard {
    /// Whether stations are counted.
    pub(super) const fn counts(&self) -> bool {
        self.security.is_some()
    }

    /// Looks again whether there is room for another station.
    pub(super) fn look_again(&self) {
        if let Some(security) = &self.security {
            security.look_again();
        }
    }

    /// Whether a violation closed the port.
    #[must_use]
    pub const fn is_shut(&self) -> bool {
        self.shut
    }

    /// Returns when a closed port opens by itself, if it does.
    #[must_use]
    pub const fn opens(&self) -> Option<Instant> {
        self.opens
    }

    /// Whether the port has any guard of its own.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let rates = [self.broadcast, self.multicast, self.unknown];
        rates != [StormRate::default(); 3]
            || self.max_macs.is_some()
            || !self.secure_macs.is_empty()
            || self.ip_binding
            || self.dhcp_trusted
            || !self.mac_vlans.is_empty()
            || self.private.is_some()
    }

    /// Makes new, full buckets for the rates.
    fn renew_storm(&mut self) {
        let limit = |rate: StormRate| {
            (rate != StormRate::default()).then(|| StormLimit::new(rate.frames, rate.octets))
        };
        let storm = Storm {
            broadcast: limit(self.broadcast),
            multicast: limit(self.multicast),
            unknown: limit(self.unknown),
        };
        let any = storm.broadcast.is_some() || storm.multicast.is_some() || storm.unknown.is_some();
        self.storm = any.then(|| Arc::new(storm));
    }
}

impl Bridge {
    /// Whether DHCP is looked at on this bridge: some port is trusted.
    #[must_use]
    pub fn snoops(&self) -> bool {
        self.ports.iter().any(|port| port.guard.dhcp_trusted)
    }

    /// Compiles the guards of a port; `None` if it has none.
    pub(super) fn compile_guard(&self, port: &Port) -> Option<Arc<PlanGuard>> {
        let guard = &port.guard;
        let dhcp = (self.snoops() || guard.ip_binding).then_some(match guard.dhcp_trusted {
            true => DhcpPort::Trusted,
            false => DhcpPort::Untrusted,
        });
        let mac_vlans = (!guard.mac_vlans.is_empty()).then(|| {
            Arc::new(
                guard
                    .mac_vlans
                    .iter()
                    .map(|(mac, vid)| (*mac, *vid))
                    .collect(),
            )
        });
        let plan = PlanGuard {
            storm: guard.storm.clone(),
            security: guard.security.clone(),
            dhcp,
            bound: guard.ip_binding,
            bindings: Arc::clone(&self.bindings),
            mac_vlans,
            looped: port.is_looped(),
        };
        let any = plan.storm.is_some()
            || plan.security.is_some()
            || plan.dhcp.is_some()
            || plan.mac_vlans.is_some()
            || plan.looped;
        any.then(|| Arc::new(plan))
    }

    /// Returns the learned secure addresses of a port, oldest first.
    #[must_use]
    pub fn learned_secure(&self, port: &Port, now: Instant) -> Vec<(Key, Entry)> {
        let security = port.guard.security.as_ref();
        security.map_or_else(Vec::new, |security| {
            security.learned(&self.fdb, now, self.hold())
        })
    }

    /// Returns the bindings to a port, by VLAN and address.
    #[must_use]
    pub fn bindings_of(&self, port: PortNo, now: Instant) -> Vec<(Option<Vid>, Ipv4Addr, Binding)> {
        let mut rows = self.bindings.dump(now);
        rows.retain(|(_, _, binding)| binding.port == port);
        rows
    }

    /// A port leaves the bridge: nothing is bound to it any more.
    pub(super) fn forget_guard(&mut self, number: PortNo) {
        self.bindings.retain(|_, _, binding| binding.port != number);
        self.snooping.forget_port(number);
    }
}

impl Network {
    /// Sets one of a port's guards.
    ///
    /// # Errors
    /// [`GuardError`]; nothing changed.
    pub fn set_guard(
        &mut self,
        now: Instant,
        id: NetdevId,
        setting: GuardSetting,
    ) -> Result<(), GuardError> {
        use GuardSetting as Set;
        let Some((bridge_id, number)) = self.netdev(id).port else {
            return Err(GuardError::NotAPort(self.netdev(id).name.clone()));
        };
        self.touch();
        match setting {
            Set::SecureMac(mac, vid) => return self.add_secure_mac(now, id, mac, vid),
            Set::NoSecureMac(mac, vid) => return self.remove_secure_mac(now, id, mac, vid),
            Set::MaxMacs(max) => return self.set_max_macs(now, id, max),
            Set::Bind(ip, mac, vid) => return self.bind(now, bridge_id, number, (ip, mac, vid)),
            Set::Unbind(ip) => return self.unbind(now, bridge_id, number, ip),
            _ => {}
        }
        let Some(guard) = self.guard_mut(id) else {
            return Ok(());
        };
        match setting {
            Set::Broadcast(rate) => guard.broadcast = rate,
            Set::Multicast(rate) => guard.multicast = rate,
            Set::Unknown(rate) => guard.unknown = rate,
            Set::Violation(violation) => guard.violation = violation,
            Set::Recovery(recovery) => {
                // A port that is closed now is to open that long after this command.
                guard.recovery = recovery;
                guard.opens = recovery.filter(|_| guard.shut).map(|after| now + after);
            }
            Set::IpBinding(on) => guard.ip_binding = on,
            Set::DhcpTrusted(on) => guard.dhcp_trusted = on,
            Set::MacVlan(mac, _) if !mac.is_station() => return Err(GuardError::NoStation(mac)),
            Set::MacVlan(mac, vid) => {
                let room = guard.mac_vlans.len() < MAX_MAC_VLANS;
                if !room && !guard.mac_vlans.contains_key(&mac) {
                    return Err(GuardError::TooManyMacVlans(mac));
                }
                guard.mac_vlans.insert(mac, vid);
            }
            Set::NoMacVlan(mac) => {
                let known = guard.mac_vlans.remove(&mac);
                known.ok_or(GuardError::NoMacVlan(mac))?;
            }
            Set::Private(role) => guard.private = role,
            _ => {}
        }
        match setting {
            Set::Broadcast(_) | Set::Multicast(_) | Set::Unknown(_) => guard.renew_storm(),
            Set::Violation(_) => self.renew_security(id),
            _ => {}
        }
        Ok(())
    }

    fn guard_mut(&mut self, id: NetdevId) -> Option<&mut Guard> {
        let (bridge, number) = self.netdev(id).port?;
        Some(&mut self.bridge_mut(bridge)?.port_mut(number)?.guard)
    }

    fn set_max_macs(
        &mut self,
        now: Instant,
        id: NetdevId,
        max: Option<u32>,
    ) -> Result<(), GuardError> {
        let Some(guard) = self.guard_mut(id) else {
            return Ok(());
        };
        if let Some(max) = max {
            if !(1..=MAX_SECURE).contains(&max) {
                return Err(GuardError::MaxMacs(max));
            }
            let secure = guard.secure_macs.len();
            if secure > max as usize {
                return Err(GuardError::BelowSecure { max, secure });
            }
        }
        let fresh = guard.max_macs.is_none() && max.is_some();
        guard.max_macs = max;
        if fresh && let Some((bridge, number)) = self.netdev(id).port {
            // What was learned so far was not counted: everybody has to be admitted.
            self.flush_port(now, bridge, Some(number), false);
        }
        self.renew_security(id);
        if max.is_none() {
            self.open_port(id);
            self.check_port(now, id);
        }
        Ok(())
    }

    fn add_secure_mac(
        &mut self,
        now: Instant,
        id: NetdevId,
        mac: MacAddr,
        vid: Option<Vid>,
    ) -> Result<(), GuardError> {
        if !mac.is_station() {
            return Err(GuardError::NoStation(mac));
        }
        let Some(guard) = self.guard_mut(id) else {
            return Ok(());
        };
        let max = guard.max_macs.unwrap_or(MAX_SECURE);
        let known = guard.secure_macs.contains(&(mac, vid));
        if !known && guard.secure_macs.len() >= max as usize {
            return Err(GuardError::TooManySecure { mac, max });
        }
        let secure = Addition {
            lifetime: Lifetime::Static,
            exclusive: false,
            sticky: true,
            touch: false,
            external: false,
        };
        self.fdb_add(now, id, mac, vid, secure)
            .map_err(|refusal| GuardError::Fdb { mac, refusal })?;
        if let Some(guard) = self.guard_mut(id) {
            guard.secure_macs.insert((mac, vid));
        }
        self.renew_security(id);
        Ok(())
    }

    fn remove_secure_mac(
        &mut self,
        now: Instant,
        id: NetdevId,
        mac: MacAddr,
        vid: Option<Vid>,
    ) -> Result<(), GuardError> {
        let known = |guard: &mut Guard| guard.secure_macs.remove(&(mac, vid));
        if !self.guard_mut(id).is_some_and(known) {
            return Err(GuardError::NotSecure(mac));
        }
        // A command may have taken the entry out of the FDB before.
        _ = self.fdb_delete(now, id, mac, vid);
        self.renew_security(id);
        Ok(())
    }

    /// Makes the security that workers share anew from the settings; learned addresses stay as far as
    /// there is room.
    fn renew_security(&mut self, id: NetdevId) {
        let Some((bridge_id, number)) = self.netdev(id).port else {
            return;
        };
        let Some(bridge) = self.bridge_mut(bridge_id) else {
            return;
        };
        let fdb = Arc::clone(&bridge.fdb);
        let Some(Port { guard, .. }) = bridge.port_mut(number) else {
            return;
        };
        let old = guard.security.take();
        if let Some(max) = guard.max_macs {
            let room = (max as usize).saturating_sub(guard.secure_macs.len());
            let security = Security::new(number, room, guard.violation);
            if let Some(old) = &old {
                security.take_over(old, &fdb);
            }
            guard.security = Some(Arc::new(security));
        } else if let Some(old) = old {
            old.release(&fdb);
        }
        self.touch();
    }

    fn bind(
        &mut self,
        now: Instant,
        bridge: NetdevId,
        port: PortNo,
        (ip, mac, vid): (Ipv4Addr, MacAddr, Option<Vid>),
    ) -> Result<(), GuardError> {
        if !mac.is_station() {
            return Err(GuardError::NoStation(mac));
        }
        if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_loopback() {
            return Err(GuardError::NoHost(ip));
        }
        let binding = Binding {
            mac,
            port,
            expires: None,
            fixed: true,
        };
        let Some(bridge) = self.bridge(bridge) else {
            return Ok(());
        };
        match bridge.bindings.put(now, vid, ip, binding) {
            // A command takes over whatever is there.
            Ok(()) | Err(NotBound::Taken(_)) => Ok(()),
            Err(NotBound::Full) => Err(GuardError::BindingsFull(ip)),
        }
    }

    fn unbind(
        &mut self,
        now: Instant,
        bridge: NetdevId,
        port: PortNo,
        ip: Ipv4Addr,
    ) -> Result<(), GuardError> {
        let Some(bridge) = self.bridge(bridge) else {
            return Ok(());
        };
        let mut any = false;
        for (vid, bound, _) in bridge.bindings_of(port, now) {
            any |= bound == ip
                && bridge
                    .bindings
                    .remove(vid, ip, |binding| binding.port == port);
        }
        if any {
            Ok(())
        } else {
            Err(GuardError::NotBound(ip))
        }
    }

    /// A worker met a violation that closes its port.
    pub fn close_port(&mut self, now: Instant, id: NetdevId) {
        let Some(guard) = self.guard_mut(id) else {
            return;
        };
        // The setting may have changed while the news was on its way.
        let closed = guard.security.as_ref().is_some_and(|it| it.is_shut());
        if !closed || guard.shut {
            return;
        }
        guard.shut = true;
        guard.opens = guard.recovery.map(|after| now + after);
        self.check_port(now, id);
        self.touch();
    }

    /// Opens a closed port, as far as its guards go.
    pub(super) fn open_port(&mut self, id: NetdevId) {
        let Some(guard) = self.guard_mut(id) else {
            return;
        };
        if let Some(security) = &guard.security {
            security.open();
        }
        if guard.shut {
            (guard.shut, guard.opens) = (false, None);
            self.touch();
        }
    }

    /// Opens the ports of a bridge whose time has come.
    pub(super) fn guards_timeout(&mut self, now: Instant, id: NetdevId) {
        let due = |port: &&Port| port.guard.opens.is_some_and(|opens| opens <= now);
        let ports = self.bridge(id).map(|bridge| &*bridge.ports);
        let due = ports.into_iter().flatten().filter(due);
        for id in due.map(|port| port.netdev).collect::<Vec<_>>() {
            self.open_port(id);
            self.check_port(now, id);
        }
    }

    /// Takes a DHCP message that came in by a port, or was sent by a bridge's own stack.
    pub fn receive_dhcp(&mut self, now: Instant, id: NetdevId, vid: Option<Vid>, octets: &[u8]) {
        let Some(message) = dhcp(octets) else {
            return;
        };
        let (bridge, port) = match self.netdev(id).port {
            Some((bridge, number)) => (bridge, Some(number)),
            None => (id, None),
        };
        let Some(bridge) = self.bridge_mut(bridge) else {
            return;
        };
        let hold = bridge.hold();
        let trusted = |number| {
            bridge
                .port(number)
                .is_some_and(|port| port.guard.dhcp_trusted)
        };
        let from_server = port.is_none_or(trusted) && message.reply;
        let Bridge {
            fdb,
            bindings,
            snooping,
            ..
        } = bridge;
        match port {
            _ if from_server => {
                let client = Key::new(message.client, vid);
                let behind = || fdb.view(now, hold).peek(client)?.0;
                // A lease that could not be noted is the client's trouble: its frames are not let in.
                _ = snooping.server(now, vid, &message, bindings, behind);
            }
            Some(port) if !message.reply => {
                snooping.client(now, port, vid, &message, bindings);
            }
            _ => {}
        }
    }
}

/// Finds the DHCP message in a frame.
fn dhcp(octets: &[u8]) -> Option<Dhcp> {
    let frame = Ethernet::parse(octets).ok()?;
    let payload = octets.get(ETHERNET_HEADER..)?;
    match innermost(frame.ether_type(), payload) {
        (ETHER_IPV4, packet) => Dhcp::parse(Ipv4::parse(packet)?.udp()?.2).ok(),
        _ => None,
    }
}
