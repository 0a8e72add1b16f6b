//! Guards that switches have and Linux's bridge lacks, as far as workers take part.
//!
//! Storm control ([`meter`]), port security ([`security`]) and bindings of IP address, station and
//! port ([`bindings`]): tables that workers and control share, and here the way of a frame past them.
//! The order is that of [`crate::guard`], which has what control alone works with.
//!
//! A port without guards has none in the plan: one test per frame.

pub mod bindings;
pub mod meter;
pub mod security;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use self::bindings::Bindings;
use self::meter::Storm;
use self::security::{Admission, Security, Violation};
use super::egress::TrapKind;
use super::path::Walk;
use super::trace::Watch;
use super::transit::Transit;
use super::{DropReason, Key, PlanBridge, PlanPort, PortNo};
use crate::time::Instant;
use crate::wire::{
    Arp, DHCP_CLIENT, DHCP_SERVER, Dhcp, DhcpKind, ETHER_ARP, ETHER_IPV4, ETHER_RARP, Ipv4,
    MacAddr, Vid, innermost,
};

/// The guards of a port. Everything that counts or changes is behind an [`Arc`], so that it outlives
/// the plan.
#[derive(Clone, Debug)]
pub struct PlanGuard {
    /// Storm control.
    pub storm: Option<Arc<Storm>>,
    /// Port security.
    pub security: Option<Arc<Security>>,
    /// DHCP is looked at, and whether servers may be behind the port.
    pub dhcp: Option<DhcpPort>,
    /// IP and ARP come in from bound stations only.
    pub bound: bool,
    /// The bindings of the bridge.
    pub bindings: Arc<Bindings>,
    /// VLANs of untagged frames by station.
    pub mac_vlans: Option<Arc<HashMap<MacAddr, Vid>>>,
    /// The loop guard of the bridge has blocked the port.
    pub looped: bool,
}

/// Who may be behind a port of a bridge on which DHCP is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpPort {
    /// Servers and relays.
    Trusted,
    /// Clients only.
    Untrusted,
}

impl PlanGuard {
    /// Whether a guard has closed the port: a violation of its security did, or the loop guard.
    #[inline]
    #[must_use]
    pub fn is_shut(&self) -> bool {
        let violated = || self.security.as_ref().is_some_and(|it| it.is_shut());
        self.looped || violated()
    }

    /// Returns why a frame does not come in by a closed port.
    #[must_use]
    pub(super) const fn why_shut(&self) -> DropReason {
        match self.looped {
            true => DropReason::LoopBlocked,
            false => DropReason::PortShut,
        }
    }

    /// Whether frames to reserved addresses may teach the FDB their source: not past port security.
    #[inline]
    #[must_use]
    pub const fn learns_reserved(&self) -> bool {
        self.security.is_none()
    }

    /// Returns the VLAN of untagged frames of a station, if it has one of its own.
    #[inline]
    #[must_use]
    pub fn vlan_of(&self, source: MacAddr) -> Option<Vid> {
        self.mac_vlans.as_ref()?.get(&source).copied()
    }
}

/// A frame that came in by a guarded port: its way past the guards, before anything is learned.
#[inline(never)]
pub(super) fn admit<W: Watch>(
    walk: &mut Walk<'_, W>,
    (index, bridge): (u32, &PlanBridge),
    (number, port): (PortNo, &PlanPort),
    guard: &PlanGuard,
    vid: Option<Vid>,
    transit: &mut Transit,
) -> Result<(), DropReason> {
    if let Some(security) = &guard.security {
        let source = Key::new(walk.header.source, vid);
        secure(walk, (index, bridge), port, security, source, transit)?;
    }
    if guard.dhcp.is_some() || guard.bound {
        let sender = Sender {
            now: walk.now,
            port: number,
            mac: walk.header.source,
            vid,
        };
        let said = walk
            .protocol(transit)
            .map_or(Ok(None), |(ether_type, payload)| {
                guard.vouch(sender, ether_type, payload)
            });
        match said {
            Ok(None) => {}
            Ok(Some(from)) => {
                transit.for_servers = from == From::Client && bridge.dhcp_trusted.is_some();
                walk.trap(port.netdev, TrapKind::Dhcp, vid, transit);
            }
            Err(reason) => {
                let counters = &mut walk.counters.guards[port.netdev.index()];
                match reason {
                    DropReason::Unbound => counters.unbound += 1,
                    _ => counters.dhcp += 1,
                }
                return Err(reason);
            }
        }
    }
    if let Some(storm) = &guard.storm {
        limit(walk, index, port, storm, vid, transit)?;
    }
    Ok(())
}

/// Who a DHCP message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

/// A frame that the stack of a bridge that snoops sends: it may be a DHCP server's, or a client's.
#[cold]
pub(super) fn watch_host<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    vid: Option<Vid>,
    transit: &mut Transit,
) {
    let said = walk.protocol(transit).and_then(|(ether_type, payload)| {
        match innermost(ether_type, payload) {
            (ETHER_IPV4, packet) => Ipv4::parse(packet)?.udp(),
            _ => None,
        }
    });
    let from = match said {
        Some((DHCP_SERVER, _, message)) if Dhcp::parse(message).is_ok() => From::Server,
        Some((_, DHCP_SERVER, message)) if Dhcp::parse(message).is_ok_and(|it| !it.reply) => {
            From::Client
        }
        _ => return,
    };
    match from {
        From::Server => walk.trap(bridge.netdev, TrapKind::Dhcp, vid, transit),
        From::Client => transit.for_servers = true,
    }
}

/// May this station be here?
fn secure<W: Watch>(
    walk: &mut Walk<'_, W>,
    (index, bridge): (u32, &PlanBridge),
    port: &PlanPort,
    security: &Security,
    source: Key,
    transit: &Transit,
) -> Result<(), DropReason> {
    let known = walk.view(index).peek(source);
    match security.admit(&bridge.fdb, walk.now, bridge.hold, source, known) {
        Admission::Known => return Ok(()),
        Admission::New => {
            walk.counters.bridges[bridge.netdev.index()].learned += 1;
            return Ok(());
        }
        Admission::Refused => {}
    }
    if security.violation != Violation::Protect {
        walk.counters.guards[port.netdev.index()].violations += 1;
    }
    // Of all workers one tells control, once.
    if security.violation == Violation::Shutdown && security.close() {
        walk.trap(port.netdev, TrapKind::Security, source.vid(), transit);
    }
    Err(DropReason::PortSecurity)
}

/// Who sent a frame, as far as is certain.
#[derive(Clone, Copy, Debug)]
struct Sender {
    now: Instant,
    port: PortNo,
    mac: MacAddr,
    vid: Option<Vid>,
}

impl PlanGuard {
    /// Is what the frame says about DHCP and addresses the sender's own? Returns whose it is if it is a
    /// DHCP message, which control is to see.
    fn vouch(
        &self,
        sender: Sender,
        ether_type: u16,
        payload: &[u8],
    ) -> Result<Option<From>, DropReason> {
        let unbound = |bad: bool| match self.bound && bad {
            true => Err(DropReason::Unbound),
            false => Ok(()),
        };
        let Sender {
            now,
            port,
            mac,
            vid,
        } = sender;
        let foreign = |ip| !self.bindings.allow(now, vid, ip, mac, port);
        match innermost(ether_type, payload) {
            (ETHER_IPV4, packet) => {
                let Some(ip) = Ipv4::parse(packet) else {
                    return unbound(true).map(|()| None);
                };
                let mut said = None;
                if let (Some(role), Some((from, to, message))) = (self.dhcp, ip.udp())
                    && (to == DHCP_SERVER || to == DHCP_CLIENT || from == DHCP_SERVER)
                {
                    said = self.dhcp(role, sender, from, message)?;
                    // Whoever has no address yet asks for one from 0.0.0.0.
                    if to == DHCP_SERVER && ip.source().is_unspecified() {
                        return Ok(said);
                    }
                }
                unbound(foreign(ip.source())).map(|()| said)
            }
            (ETHER_ARP | ETHER_RARP, message) => {
                let Some(arp) = Arp::parse(message) else {
                    return unbound(true).map(|()| None);
                };
                // 0.0.0.0 asks whether an address is free (RFC 5227).
                let probe = arp.sender_ip().is_unspecified();
                let false_sender = arp.sender() != mac || !probe && foreign(arp.sender_ip());
                unbound(false_sender).map(|()| None)
            }
            _ => Ok(None),
        }
    }

    /// Looks at a DHCP message. Returns whose it is, if it is one.
    fn dhcp(
        &self,
        role: DhcpPort,
        sender: Sender,
        from: u16,
        message: &[u8],
    ) -> Result<Option<From>, DropReason> {
        let message = Dhcp::parse(message);
        if role == DhcpPort::Trusted {
            let from = |reply| if reply { From::Server } else { From::Client };
            return Ok(message.ok().map(|message| from(message.reply)));
        }
        let message = message.map_err(|_| DropReason::DhcpMalformed)?;
        if from == DHCP_SERVER || message.reply || message.kind.is_from_server() {
            return Err(DropReason::DhcpServer);
        }
        let claims_relay = !message.relay_ip.is_unspecified() || message.relay_information;
        let given_back = match message.kind {
            DhcpKind::Release => Some(message.client_ip),
            DhcpKind::Decline => message.requested,
            _ => None,
        };
        let others = |ip| {
            let binding = self.bindings.get(sender.now, sender.vid, ip);
            binding.is_some_and(|it| it.port != sender.port || it.mac != sender.mac)
        };
        if message.client != sender.mac || claims_relay || given_back.is_some_and(others) {
            return Err(DropReason::DhcpSpoofed);
        }
        Ok(Some(From::Client))
    }
}

/// Does the rate of its kind of traffic allow the frame?
fn limit<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    port: &PlanPort,
    storm: &Storm,
    vid: Option<Vid>,
    transit: &Transit,
) -> Result<(), DropReason> {
    let destination = walk.header.destination;
    let (limit, reason) = if destination.is_broadcast() {
        (&storm.broadcast, DropReason::StormBroadcast)
    } else if destination.is_group() {
        (&storm.multicast, DropReason::StormMulticast)
    } else {
        (&storm.unknown, DropReason::StormUnknown)
    };
    let Some(limit) = limit else {
        return Ok(());
    };
    if reason == DropReason::StormUnknown
        && walk.view(index).peek(Key::new(destination, vid)).is_some()
    {
        return Ok(());
    }
    if limit.admits(walk.now, walk.wire_len(transit)) {
        return Ok(());
    }
    let counters = &mut walk.counters.guards[port.netdev.index()];
    match reason {
        DropReason::StormBroadcast => counters.storm_broadcast += 1,
        DropReason::StormMulticast => counters.storm_multicast += 1,
        _ => counters.storm_unknown += 1,
    }
    Err(reason)
}
