//! The bridge: a frame's way through it, from top to bottom.
//!
//! `receive` is a frame that came in by a port (`br_handle_frame`, `br_handle_frame_finish`);
//! `transmit` one that the bridge's own stack sends (`br_dev_xmit`). The order of the steps is the
//! kernel's: screen, then the port's state, then the VLAN filter, then admission and learning (so that
//! nothing is learned from a frame that had no right to be here), then selection.
//!
//! | step | by a port | from the bridge's stack |
//! |---|---|---|
//! | screen | group or zero source, reserved destinations, pause | – |
//! | state | disabled, listening, blocking: drop | – |
//! | classify | VLAN of its tag or of the PVID; a member? | the same, with the bridge's own membership |
//! | guard | what the port's guards say ([`crate::guard`]) | – |
//! | learn | if the port learns and is not locked | never |
//! | snoop | what IGMP and MLD say; malformed: drop | the same |
//! | answer | for stations that the neighbour table knows ([`super::neighbours`]) | the same |
//! | select | FDB hit, members, or flood set, and the host port | FDB hit, members, or flood set |
//! | leave | members only, tag off where the port is untagged | the same |
//!
//! With VLAN filtering on, every frame that passed `classify` has its VLAN's tag aside; where it
//! leaves, the tag stays or goes. Without, nobody looks at tags.

use super::alarm;
use super::egress::TrapKind;
use super::guard;
use super::mdb::PlanMulticast;
use super::multicast::{self, Counted, Selection, Snooped};
use super::multicast_stats::Way;
use super::neighbours::answer;
use super::path::{Header, Walk};
use super::plan::{FloodSets, HostVlan, PlanVlan, PlanVlans, PortState};
use super::trace::{Flooded, Found, Kept, MAX_KEPT, Note, VlanBy, Watch, Way as Step};
use super::transit::Transit;
use super::{
    BridgeCounters, DropReason, Fdb, Key, PacketType, PlanBridge, PlanPort, PortNo, PortSet,
};
use crate::switch::fdb::{CapacityReached, Edit, Entry, Flags, Learn, Target};
use crate::wire::{MacAddr, Tag, Vid};

/// The VLAN of a frame that the filter let in; `None` without VLAN filtering.
type Vlan<'a> = Option<(Vid, &'a PlanVlan)>;

/// A frame that came in by a port.
#[inline(always)]
pub(super) fn receive<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    number: PortNo,
    mut transit: Transit,
) {
    let bridge = &walk.plan.bridges[index as usize];
    let Some(port) = bridge.port(number) else {
        return walk.refuse(DropReason::IngressPortState);
    };
    let step = Step::Relays { port: port.netdev };
    walk.step(step, bridge.netdev, transit.tag);
    if let Some(guard) = &port.guard
        && guard.is_shut()
    {
        return walk.refuse(guard.why_shut());
    }
    if let Err(reason) = screen_source(walk.header.source) {
        return walk.refuse(reason);
    }
    match reserved(bridge, port, walk.header.destination) {
        Reserved::No => {}
        Reserved::Pause => return walk.refuse(DropReason::MacControl),
        Reserved::Ours { trap } => {
            walk.tell(|_| Note::Reserved);
            learn_reserved(walk, index, bridge, number, port, transit.tag);
            if trap {
                walk.trap(port.netdev, TrapKind::Bpdu, None, &transit);
            }
            return walk.deliver_up(port.netdev, &transit);
        }
    }
    if !port.state.learns() {
        walk.tell(|_| state_of(port));
        return walk.refuse(DropReason::IngressPortState);
    }
    if walk.header.destination == walk.plan.netdevs[bridge.netdev.index()].mac {
        transit.kind = PacketType::Host;
    }
    // Two copies of what follows: without VLANs nothing about the frame's tag is asked any more.
    match &bridge.vlans {
        None => relay(walk, index, bridge, (number, port), None, transit),
        Some(vlans) => match admit_to_vlan(walk, vlans, number, port, &mut transit) {
            Ok(vlan) => relay(walk, index, bridge, (number, port), Some(vlan), transit),
            Err(reason) => walk.refuse(reason),
        },
    }
}

/// A frame that the VLAN filter has let in: past the guards, learn, then select.
#[inline(always)]
fn relay<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    bridge: &PlanBridge,
    from: (PortNo, &PlanPort),
    vlan: Vlan<'_>,
    mut transit: Transit,
) {
    let (number, port) = from;
    if let Some(guard) = &port.guard {
        let vid = vlan.map(|(vid, _)| vid);
        if let Err(reason) = guard::admit(walk, (index, bridge), from, guard, vid, &mut transit) {
            return walk.refuse(reason);
        }
    }
    let source = key(walk.header.source, vlan);
    if port.locked && !admit(walk, index, bridge, number, port, source) {
        return walk.refuse(DropReason::Locked);
    }
    if port.learning {
        learn(walk, index, bridge, number, source);
    } else {
        walk.tell(|_| Note::LearningOff);
    }
    let learning_only = vlan.is_some_and(|(_, vlan)| !vlan.egress.contains(number));
    let learning_only = learning_only || port.state == PortState::Learning;
    // What few frames need is out of line, so that the way of most is short.
    if walk.header.destination.is_group() {
        relay_group(walk, (index, bridge), from, vlan, learning_only, transit);
    } else if learning_only {
        walk.refuse(DropReason::IngressLearning);
    } else if bridge.neighbours.is_some() || transit.for_servers {
        relay_aside(walk, (index, bridge), from, vlan, transit);
    } else {
        select(walk, index, bridge, from, vlan, transit);
    }
}

/// A frame to a group: what snooping says, answers, then to members or to all.
#[inline(never)]
fn relay_group<W: Watch>(
    walk: &mut Walk<'_, W>,
    (index, bridge): (u32, &PlanBridge),
    from: (PortNo, &PlanPort),
    vlan: Vlan<'_>,
    learning_only: bool,
    mut transit: Transit,
) {
    let (_, port) = from;
    let snooped = match snoop(walk, bridge, Some(from), vlan, &transit) {
        Ok(snooped) => snooped,
        Err(reason) => return walk.refuse(reason),
    };
    if learning_only {
        return walk.refuse(DropReason::IngressLearning);
    }
    if bridge.neighbours.is_some() {
        let vid = vlan.map(|(vid, _)| vid);
        answer(walk, (index, bridge), Some(from), vid, &mut transit);
    }
    let own = bridge.netdev.index();
    let counted = snooped.and_then(|it| it.counted);
    if let Some(selection) = snooped.and_then(|it| it.select(walk)) {
        to_members(walk, bridge, Some(from), vlan, &selection, transit);
        if let Some(counted) = counted {
            count_sent(walk, bridge, Some(port), vlan, &selection.ports(), counted);
        }
        if selection.host {
            walk.counters.netdevs[own].multicast += 1;
        } else if !bridge.promiscuous {
            return;
        }
    } else {
        flood(walk, bridge, &bridge.flood, Some(from), vlan, transit);
        if let Some(counted) = counted {
            count_sent(
                walk,
                bridge,
                Some(port),
                vlan,
                &bridge.flood.multicast,
                counted,
            );
        }
        if !walk.header.destination.is_broadcast() {
            walk.counters.netdevs[own].multicast += 1;
        }
    }
    if pass_up(walk, bridge, vlan, transit)
        && let Some(counted) = counted
    {
        counted.count(walk, None, Way::Tx);
    }
}

/// Counts a message of IGMP or MLD by every port that it goes out of (`maybe_deliver`).
#[cold]
fn count_sent<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    from: Option<&PlanPort>,
    vlan: Vlan<'_>,
    set: &PortSet,
    counted: Counted<'_>,
) {
    let barred = from.map_or(&PortSet::EMPTY, |from| &from.barred);
    let members = vlan.map_or(&PortSet::ALL, |(_, vlan)| &vlan.egress);
    for to in set.select(members, barred, bridge.ports.len()) {
        let forwards = |port: &PlanPort| port.state == PortState::Forwarding;
        if bridge.port(to).is_some_and(forwards) {
            counted.count(walk, Some(to), Way::Tx);
        }
    }
}

/// A unicast frame, which may be a question that the bridge answers for a station, or a DHCP client's.
#[inline(never)]
fn relay_aside<W: Watch>(
    walk: &mut Walk<'_, W>,
    (index, bridge): (u32, &PlanBridge),
    from: (PortNo, &PlanPort),
    vlan: Vlan<'_>,
    mut transit: Transit,
) {
    if bridge.neighbours.is_some() {
        let vid = vlan.map(|(vid, _)| vid);
        answer(walk, (index, bridge), Some(from), vid, &mut transit);
    }
    let destination = key(walk.header.destination, vlan);
    if let Some(trusted) = &bridge.dhcp_trusted
        && transit.for_servers
        && let Some(Target { port: Some(to), .. }) = walk.view(index).lookup(destination)
        && !trusted.contains(to)
    {
        return walk.refuse(DropReason::DhcpUntrusted);
    }
    select(walk, index, bridge, from, vlan, transit);
}

/// A frame that the bridge's own stack sends. Never learned from, not screened.
#[inline(never)]
pub(super) fn transmit<W: Watch>(walk: &mut Walk<'_, W>, index: u32, mut transit: Transit) {
    let bridge = &walk.plan.bridges[index as usize];
    let vlan = match &bridge.vlans {
        None => None,
        Some(vlans) => match admit_host_to_vlan(walk, vlans, &mut transit) {
            Ok(vlan) => Some(vlan),
            Err(reason) => return walk.refuse(reason),
        },
    };
    if bridge.dhcp_trusted.is_some() {
        guard::watch_host(walk, bridge, vlan.map(|(vid, _)| vid), &mut transit);
    }
    if bridge.neighbours.is_some() {
        let vid = vlan.map(|(vid, _)| vid);
        answer(walk, (index, bridge), None, vid, &mut transit);
    }
    let destination = walk.header.destination;
    if destination.is_group() {
        return match snoop(walk, bridge, None, vlan, &transit) {
            Err(reason) => walk.refuse(reason),
            Ok(snooped) => {
                let counted = snooped.and_then(|it| it.counted);
                let ports = match snooped.and_then(|it| it.select(walk)) {
                    Some(selection) => {
                        to_members(walk, bridge, None, vlan, &selection, transit);
                        counted.map(|_| selection.ports())
                    }
                    None => {
                        flood(walk, bridge, &bridge.host_flood, None, vlan, transit);
                        counted.map(|_| bridge.host_flood.multicast)
                    }
                };
                if let (Some(ports), Some(counted)) = (ports, counted) {
                    count_sent(walk, bridge, None, vlan, &ports, counted);
                }
            }
        };
    }
    match look_up(walk, index, bridge, key(destination, vlan)) {
        // A port's own address is the bridge's, but from here it is reached over that port's wire.
        Some(Target { port: Some(to), .. }) => match &bridge.dhcp_trusted {
            Some(trusted) if transit.for_servers && !trusted.contains(to) => {
                walk.refuse(DropReason::DhcpUntrusted);
            }
            _ => unicast(walk, bridge, None, to, vlan, transit),
        },
        Some(Target { port: None, .. }) => walk.refuse(DropReason::ToSelf),
        None => flood(walk, bridge, &bridge.host_flood, None, vlan, transit),
    }
}

/// No station has a group or the all-zero address (`is_valid_ether_addr`).
const fn screen_source(source: MacAddr) -> Result<(), DropReason> {
    if source.is_group() {
        Err(DropReason::SourceGroup)
    } else if source.to_u64() == 0 {
        Err(DropReason::SourceZero)
    } else {
        Ok(())
    }
}

enum Reserved {
    /// Not a reserved address, or one that a mask lets through.
    No,
    /// MAC control: never let through.
    Pause,
    /// For this port's own protocols; `trap`: for the spanning tree.
    Ours { trap: bool },
}

/// What the 16 reserved addresses mean (IEEE 802.1D-2004 table 7-10, `br_handle_frame`).
#[inline(always)]
fn reserved(bridge: &PlanBridge, port: &PlanPort, destination: MacAddr) -> Reserved {
    let Some(last) = destination.reserved() else {
        return Reserved::No;
    };
    let passes = (bridge.group_fwd_mask | port.group_fwd_mask) & (1 << last) != 0;
    let trap = bridge.bpdu == Some(last);
    match last {
        0x00 if bridge.bpdu.is_some() && !passes => Reserved::Ours { trap },
        // Without spanning tree BPDUs are forwarded, so that others can still find the loop.
        0x00 => Reserved::No,
        0x01 => Reserved::Pause,
        _ if passes => Reserved::No,
        _ => Reserved::Ours { trap },
    }
}

/// The VLAN filter on ingress (`__allowed_ingress`): finds the frame's VLAN and puts its tag aside.
#[inline(always)]
fn classify<'a, W: Watch>(
    walk: &mut Walk<'_, W>,
    vlans: &'a PlanVlans,
    pvid: Option<Vid>,
    transit: &mut Transit,
) -> Result<(Vid, &'a PlanVlan), DropReason> {
    let vid = match transit.tag {
        Some(tag) if tag.tag_type == vlans.protocol && tag.vid() != 0 => {
            let vid = Vid::new(tag.vid()).ok_or(DropReason::VidReserved)?;
            walk.tell(|_| Note::Vlan {
                vid,
                by: VlanBy::Tag,
            });
            vid
        }
        // A priority tag gives way to the VLAN's; PCP and DEI stay.
        Some(tag) if tag.tag_type == vlans.protocol => {
            let vid = pvid.ok_or(DropReason::NoPvid)?;
            walk.tell(|_| Note::Vlan {
                vid,
                by: VlanBy::PriorityTag,
            });
            transit.tag = Some(tag.with_vid(vid));
            vid
        }
        // A tag of the other type is payload, and the frame's EtherType its own.
        other => {
            let vid = pvid.ok_or(DropReason::NoPvid)?;
            walk.tell(|_| Note::Vlan {
                vid,
                by: VlanBy::Pvid,
            });
            if let Some(tag) = other {
                walk.header.ether_type = tag.tag_type as u16;
            }
            walk.push_tag(transit, Tag::new(vlans.protocol, vid));
            vid
        }
    };
    let vlan = vlans.get(vid).ok_or(DropReason::VlanIngress)?;
    Ok((vid, vlan))
}

/// Classifies a frame that came in by a port, which has to be a member.
#[inline(always)]
fn admit_to_vlan<'a, W: Watch>(
    walk: &mut Walk<'_, W>,
    vlans: &'a PlanVlans,
    number: PortNo,
    port: &PlanPort,
    transit: &mut Transit,
) -> Result<(Vid, &'a PlanVlan), DropReason> {
    let pvid = match &port.guard {
        None => port.pvid,
        Some(guard) => guard.vlan_of(walk.header.source).or(port.pvid),
    };
    let (vid, vlan) = classify(walk, vlans, pvid, transit)?;
    // The VLAN's own state counts only while the port's allows everything.
    if !vlan.ingress.contains(number) {
        if !vlan.members.contains(number) {
            return Err(DropReason::VlanIngress);
        }
        if port.state == PortState::Forwarding {
            return Err(DropReason::VlanIngressState);
        }
    }
    if let Some(stats) = &vlan.stats {
        walk.count_vlan_rx(stats.of(Some(number)), transit);
    }
    Ok((vid, vlan))
}

/// Classifies a frame of the bridge's own stack; the bridge itself has to be a member.
fn admit_host_to_vlan<'a, W: Watch>(
    walk: &mut Walk<'_, W>,
    vlans: &'a PlanVlans,
    transit: &mut Transit,
) -> Result<(Vid, &'a PlanVlan), DropReason> {
    if transit.tag.is_none() && walk.header.ether_type == vlans.protocol as u16 {
        walk.untag(transit).map_err(|_| DropReason::TruncatedTag)?;
    }
    let (vid, vlan) = classify(walk, vlans, vlans.host_pvid, transit)?;
    let host = vlan.host.ok_or(DropReason::VlanIngress)?;
    if !host.state.learns() {
        return Err(DropReason::VlanIngressState);
    }
    if let Some(stats) = &vlan.stats {
        walk.count_vlan_rx(stats.of(None), transit);
    }
    Ok((vid, vlan))
}

/// Learns from a frame to a reserved address, which passes no VLAN filter but is only learned from
/// where it would have (`__br_handle_local_finish`, `br_should_learn`).
fn learn_reserved<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    bridge: &PlanBridge,
    number: PortNo,
    port: &PlanPort,
    tag: Option<Tag>,
) {
    let guarded = || port.guard.as_ref().is_some_and(|it| !it.learns_reserved());
    if !port.learning || !port.state.learns() || bridge.no_linklocal_learn || guarded() {
        return;
    }
    let vid = match &bridge.vlans {
        None => None,
        Some(vlans) => {
            let own = tag.filter(|tag| tag.tag_type == vlans.protocol && tag.vid() != 0);
            let vid = own.map_or(port.pvid, |tag| Vid::new(tag.vid()));
            let vlan = vid.and_then(|vid| vlans.get(vid));
            if !vlan.is_some_and(|vlan| vlan.ingress.contains(number)) {
                return;
            }
            vid
        }
    };
    learn(
        walk,
        index,
        bridge,
        number,
        Key::new(walk.header.source, vid),
    );
}

#[inline(always)]
fn key(mac: MacAddr, vlan: Vlan<'_>) -> Key {
    Key::new(mac, vlan.map(|(vid, _)| vid))
}

/// Whether a locked port lets this source in: it must have a confirmed entry on this very port.
fn admit<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    bridge: &PlanBridge,
    number: PortNo,
    port: &PlanPort,
    key: Key,
) -> bool {
    match walk.view(index).peek(key) {
        None if port.mab => {
            note_locked(&bridge.fdb, walk, key, number, bridge);
            false
        }
        None => false,
        Some((on, flags)) if on != Some(number) || flags.local => false,
        Some((_, flags)) if flags.locked => {
            walk.view(index).learn(key, number);
            false
        }
        Some(_) => true,
    }
}

/// Notes a source that a locked port did not let in, for somebody to confirm (MAB).
#[cold]
fn note_locked<W: Watch>(
    fdb: &Fdb,
    walk: &mut Walk<'_, W>,
    key: Key,
    number: PortNo,
    bridge: &PlanBridge,
) {
    let now = walk.now;
    if bridge.hold.is_zero() {
        return;
    }
    let full = fdb.learned() >= fdb.max_learned() as usize;
    let entry = Entry {
        port: Some(number),
        flags: Flags {
            locked: true,
            ..Flags::default()
        },
        updated: now,
        used: now,
    };
    let put = if full {
        Err(CapacityReached)
    } else {
        fdb.edit(key, |_| Edit::Put(entry))
    };
    let counters = &mut walk.counters.bridges[bridge.netdev.index()];
    match put {
        Ok(()) => counters.learned += 1,
        Err(_) => counters.learn_refused += 1,
    }
}

/// Notes where the source is (`br_fdb_update`).
#[inline(always)]
pub(super) fn learn<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    bridge: &PlanBridge,
    number: PortNo,
    key: Key,
) {
    // Whoever watches is told what was known before.
    let before = W::ON.then(|| found(walk, index, bridge, key));
    let outcome = walk.view(index).learn(key, number);
    walk.tell(|_| learned(bridge, number, key, before, outcome));
    if outcome != Learn::Known {
        count_learned(&mut walk.counters.bridges[bridge.netdev.index()], outcome);
        walk.keep_view_current(index);
    }
}

/// Counts what became of a source address.
pub(super) fn count_learned(counters: &mut BridgeCounters, outcome: Learn) {
    match outcome {
        Learn::Known | Learn::Local | Learn::Off => {}
        Learn::New => counters.learned += 1,
        Learn::Moved { .. } => counters.moved += 1,
        Learn::Full => counters.learn_refused += 1,
    }
}

/// Multicast snooping, while it is on, for frames to groups; control sees what says something about
/// them (`br_multicast_rcv`).
#[inline(always)]
fn snoop<'a, W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &'a PlanBridge,
    from: Option<(PortNo, &PlanPort)>,
    vlan: Vlan<'_>,
    transit: &Transit,
) -> Result<Option<Snooped<'a>>, DropReason> {
    match &bridge.multicast {
        Some(plan) if transit.kind == PacketType::Multicast => {
            snoop_group(walk, (bridge, plan), from, vlan, transit).map(Some)
        }
        _ => Ok(None),
    }
}

#[inline(never)]
fn snoop_group<'a, W: Watch>(
    walk: &mut Walk<'_, W>,
    (bridge, plan): (&PlanBridge, &'a PlanMulticast),
    from: Option<(PortNo, &PlanPort)>,
    vlan: Vlan<'_>,
    transit: &Transit,
) -> Result<Snooped<'a>, DropReason> {
    let vid = vlan.map(|(vid, _)| vid);
    let number = vid.map_or(0, Vid::get);
    let (ether_type, datagram) = walk.snooped_protocol(transit).unwrap_or_default();
    let Header {
        source,
        destination,
        ..
    } = walk.header;
    let sender = (from.map(|(number, _)| number), source);
    let (snooped, notice) =
        multicast::inspect(plan, number, sender, destination, ether_type, datagram);
    if let Some(slots) = &plan.stats {
        match snooped.counted {
            Some(counted) => counted.count(walk, sender.0, Way::Rx),
            None if notice.malformed => {
                multicast::count_error(walk, slots, sender.0, ether_type);
            }
            None => {}
        }
    }
    if notice.trap {
        let netdev = from.map_or(bridge.netdev, |(_, port)| port.netdev);
        walk.trap(netdev, TrapKind::Multicast, vid, transit);
    }
    notice.refused.map_or(Ok(snooped), Err)
}

/// Where a unicast frame from a port goes: the host port, a known port, or all that flood the unknown.
#[inline(always)]
fn select<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    bridge: &PlanBridge,
    from: (PortNo, &PlanPort),
    vlan: Vlan<'_>,
    transit: Transit,
) {
    let destination = walk.header.destination;
    match look_up(walk, index, bridge, key(destination, vlan)) {
        Some(Target { local: true, .. }) => {
            pass_up(walk, bridge, vlan, transit);
            return;
        }
        Some(Target { port: Some(to), .. }) => {
            unicast(walk, bridge, Some(from), to, vlan, transit);
        }
        // Only local entries have no port.
        Some(Target { port: None, .. }) => walk.refuse(DropReason::ToSelf),
        None => flood(walk, bridge, &bridge.flood, Some(from), vlan, transit),
    }
    if bridge.promiscuous {
        pass_up(walk, bridge, vlan, transit);
    }
}

/// Looks a destination up, and notes that it was used.
#[inline(always)]
fn look_up<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    bridge: &PlanBridge,
    key: Key,
) -> Option<Target> {
    if W::ON {
        let (mac, vid, found) = (key.mac(), key.vid(), found(walk, index, bridge, key));
        walk.tell(|_| Note::Lookup { mac, vid, found });
    }
    walk.view(index).lookup(key)
}

/// What the table says of a station, for whoever watches: that it was asked leaves no trace.
#[cold]
fn found<W: Watch>(walk: &mut Walk<'_, W>, index: u32, bridge: &PlanBridge, key: Key) -> Found {
    let Some(entry) = bridge.fdb.get(key) else {
        return Found::Nothing;
    };
    let age = walk.now - entry.updated;
    match walk.view(index).peek(key) {
        None => Found::Expired { age },
        Some((_, flags)) if flags.local => Found::Own,
        Some((port, flags)) => Found::Behind {
            port: port
                .and_then(|number| bridge.port(number))
                .map(|it| it.netdev),
            flags,
            age,
        },
    }
}

#[cold]
fn learned(
    bridge: &PlanBridge,
    number: PortNo,
    key: Key,
    before: Option<Found>,
    outcome: Learn,
) -> Note {
    let netdev = |number| bridge.port(number).map(|port| port.netdev);
    let (before, age) = match before {
        Some(Found::Behind { port, age, .. }) => (port, Some(age)),
        Some(Found::Expired { age }) => (None, Some(age)),
        _ => (None, None),
    };
    Note::Learned {
        mac: key.mac(),
        vid: key.vid(),
        port: netdev(number).unwrap_or(bridge.netdev),
        outcome,
        before,
        age,
    }
}

const fn state_of(port: &PlanPort) -> Note {
    Note::State {
        port: port.netdev,
        state: port.state,
    }
}

/// To one known port, or to its backup while it has no carrier (`br_forward`, `should_deliver`).
#[inline(always)]
fn unicast<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    from: Option<(PortNo, &PlanPort)>,
    to: PortNo,
    vlan: Vlan<'_>,
    transit: Transit,
) {
    let backup_of = |port: &PlanPort| port.backup.filter(|_| !port.carrier);
    let known = to;
    let to = bridge.port(to).and_then(backup_of).unwrap_or(to);
    // A worker may have learned on a port that left the bridge a moment ago.
    let Some(target) = bridge.port(to) else {
        return walk.refuse(DropReason::EgressPortState);
    };
    if W::ON && known != to {
        let port = target.netdev;
        walk.tell(|_| Note::Backup { port });
    }
    if let Some((number, from)) = from
        && from.barred.contains(to)
    {
        return walk.refuse(if to == number && !from.hairpin {
            DropReason::SamePort
        } else if from.isolated && target.isolated {
            DropReason::Isolated
        } else {
            DropReason::PrivateVlan
        });
    }
    if target.state != PortState::Forwarding {
        walk.tell(|_| state_of(target));
        return walk.refuse(DropReason::EgressPortState);
    }
    if vlan.is_some_and(|(_, vlan)| !vlan.egress.contains(to)) {
        return walk.refuse(DropReason::VlanEgress);
    }
    leave_by(walk, to, target, vlan, transit);
}

/// To every port that floods this kind of frame (`br_flood`).
fn flood<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    sets: &FloodSets,
    from: Option<(PortNo, &PlanPort)>,
    vlan: Vlan<'_>,
    transit: Transit,
) {
    if let Some(alarm) = &bridge.alarm {
        let vid = vlan.map(|(vid, _)| vid);
        alarm::flooded(walk, (bridge, alarm), from, vid, &transit);
    }
    let destination = walk.header.destination;
    let counters = &mut walk.counters.bridges[bridge.netdev.index()];
    let set = if destination.is_broadcast() {
        counters.flooded_broadcast += 1;
        &sets.broadcast
    } else if destination.is_group() {
        counters.flooded_multicast += 1;
        &sets.multicast
    } else {
        counters.flooded_unknown += 1;
        &sets.unicast
    };
    let mut barred = from.map_or(&PortSet::EMPTY, |(_, from)| &from.barred);
    let mut spared;
    if transit.answered
        && let Some(neighbours) = &bridge.neighbours
    {
        spared = neighbours.spared(vlan.map(|(vid, _)| vid));
        spared.extend(barred);
        barred = &spared;
    }
    let members = vlan.map_or(&PortSet::ALL, |(_, vlan)| &vlan.egress);
    let (mut set, servers) = (set, bridge.dhcp_trusted.as_ref());
    let trusted;
    if let Some(servers) = servers.filter(|_| transit.for_servers) {
        trusted = set.intersection(servers);
        set = &trusted;
    }
    if W::ON {
        tell_flood(walk, bridge, from, (set, members, barred), &transit);
    }
    let mut any = false;
    for to in set.select(members, barred, bridge.ports.len()) {
        if let Some(target) = bridge.port(to) {
            any = true;
            leave_by(walk, to, target, vlan, transit);
        }
    }
    if !any {
        walk.refuse(DropReason::NoEgressPort);
    }
}

/// Tells whoever watches that a frame is flooded, and which ports do not get it, and why.
#[cold]
fn tell_flood<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    from: Option<(PortNo, &PlanPort)>,
    (set, members, barred): (&PortSet, &PortSet, &PortSet),
    transit: &Transit,
) {
    let destination = walk.header.destination;
    let kind = match destination {
        _ if destination.is_broadcast() => Flooded::Broadcast,
        _ if destination.is_group() => Flooded::Multicast,
        _ => Flooded::Unknown,
    };
    walk.tell(|_| Note::Flooded { kind });
    let ingress = from.map(|(number, _)| number);
    let own = from.map_or(&PortSet::EMPTY, |(_, from)| &from.barred);
    let why = |number: PortNo, port: &PlanPort| match from {
        Some((_, from)) if own.contains(number) => match () {
            () if ingress == Some(number) && !from.hairpin => Kept::Ingress,
            () if from.isolated && port.isolated => Kept::Isolated,
            () => Kept::Private,
        },
        _ if barred.contains(number) => Kept::Answered,
        _ if port.state != PortState::Forwarding => Kept::State(port.state),
        _ if !members.contains(number) => Kept::Vlan,
        _ if transit.for_servers => Kept::Untrusted,
        _ => Kept::FloodOff,
    };
    let gets =
        |number| set.contains(number) && members.contains(number) && !barred.contains(number);
    let mut kept = 0;
    for (number, port) in (0..).map(PortNo::new).zip(&bridge.ports) {
        let Some((number, port)) = number.zip(port.as_ref()) else {
            continue;
        };
        if gets(number) {
            continue;
        }
        kept += 1;
        let why = match kept > MAX_KEPT {
            true => Kept::Others,
            false => why(number, port),
        };
        walk.tell(|_| Note::Kept {
            port: port.netdev,
            why,
        });
        if kept > MAX_KEPT {
            break;
        }
    }
}

/// To the members of a group and to routers (`br_multicast_flood`). Flood flags do not count here.
#[inline(never)]
fn to_members<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    from: Option<(PortNo, &PlanPort)>,
    vlan: Vlan<'_>,
    selection: &Selection,
    transit: Transit,
) {
    let barred = from.map_or(&PortSet::EMPTY, |(_, from)| &from.barred);
    walk.tell(|_| Note::Members {
        ports: u32::try_from(selection.ports().iter().count()).unwrap_or(0),
        host: selection.host,
    });
    let mut any = false;
    for copy in selection.copies(bridge.ports.len()) {
        let Some(target) = bridge.port(copy.port) else {
            continue;
        };
        let delivers = target.state == PortState::Forwarding
            && !barred.contains(copy.port)
            && (bridge.dhcp_trusted.as_ref())
                .is_none_or(|trusted| !transit.for_servers || trusted.contains(copy.port))
            && vlan.is_none_or(|(_, vlan)| vlan.egress.contains(copy.port));
        // Even with hairpin, no soliloquies: a host would take its own frame for another's (IPv6 DAD).
        let own = copy.to == Some(walk.header.source)
            && from.is_some_and(|(number, _)| number == copy.port);
        if !delivers || own {
            continue;
        }
        any = true;
        let mut transit = transit;
        let mark = walk.step(Step::Transmits, target.netdev, transit.tag);
        if let Some(to) = copy.to {
            walk.readdress(&mut transit, to);
        }
        leave_by(walk, copy.port, target, vlan, transit);
        walk.back(mark);
    }
    if !any {
        walk.refuse(DropReason::NoEgressPort);
    }
}

/// Out of a port (`br_handle_vlan`, `br_dev_queue_push_xmit`).
#[inline(always)]
fn leave_by<W: Watch>(
    walk: &mut Walk<'_, W>,
    number: PortNo,
    port: &PlanPort,
    vlan: Vlan<'_>,
    mut transit: Transit,
) {
    let mark = walk.step(Step::Transmits, port.netdev, transit.tag);
    if let Some((vid, vlan)) = vlan {
        walk.tell(|_| Note::Egress {
            vid,
            untagged: vlan.untagged.contains(number),
        });
        if let Some(stats) = &vlan.stats {
            walk.count_vlan_tx(stats.of(Some(number)), &transit);
        }
        if vlan.untagged.contains(number) {
            transit.tag = None;
        }
    }
    let netdev = &walk.plan.netdevs[port.netdev.index()];
    if !netdev.up {
        walk.lose(port.netdev, DropReason::NetdevDown);
    } else if walk.too_long_for(netdev, transit) {
        walk.lose(port.netdev, DropReason::EgressOversize);
    } else {
        walk.transmit(port.netdev, netdev, transit);
    }
    walk.back(mark);
}

/// To the host port (`br_pass_frame_up`). While the bridge is promiscuous it gets frames of VLANs that
/// it is no member of, tag and all. Returns whether it got there.
fn pass_up<W: Watch>(
    walk: &mut Walk<'_, W>,
    bridge: &PlanBridge,
    vlan: Vlan<'_>,
    mut transit: Transit,
) -> bool {
    walk.count_up(bridge.netdev, &transit);
    let mark = walk.step(Step::Receives, bridge.netdev, transit.tag);
    if let Some((vid, vlan)) = vlan {
        let forwards = |host: HostVlan| host.state == PortState::Forwarding;
        if !bridge.promiscuous && !vlan.host.is_some_and(forwards) {
            walk.refuse(DropReason::VlanHost);
            walk.back(mark);
            return false;
        }
        if let Some(host) = vlan.host {
            let untagged = host.untagged;
            walk.tell(|_| Note::Egress { vid, untagged });
            if let Some(stats) = &vlan.stats {
                walk.count_vlan_tx(stats.of(None), &transit);
            }
            if host.untagged {
                transit.tag = None;
            }
        }
    }
    walk.receive_up(bridge.netdev, &transit);
    walk.back(mark);
    true
}
