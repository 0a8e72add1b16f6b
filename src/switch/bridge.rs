//! The bridge: a frame's way through it, from top to bottom.
//!
//! `receive` is a frame that came in by a port (`br_handle_frame`, `br_handle_frame_finish`);
//! `transmit` one that the bridge's own stack sends (`br_dev_xmit`). The order of the steps is the
//! kernel's: screen, then the port's state, then admission and learning (after screening, so that
//! nothing is learned from a frame that had no right to be here), then selection.
//!
//! | step | by a port | from the bridge's stack |
//! |---|---|---|
//! | screen | group or zero source, reserved destinations, pause | – |
//! | state | disabled, listening, blocking: drop | – |
//! | learn | if the port learns and is not locked | never |
//! | select | FDB hit, or flood set, and the host port | FDB hit, or flood set |

use super::path::{Transit, Walk};
use super::plan::{FloodSets, PortState};
use super::{DropReason, Fdb, Key, PacketType, PlanBridge, PlanPort, PortNo, PortSet};
use crate::switch::fdb::{CapacityReached, Edit, Entry, Flags, Learn, Target};
use crate::wire::MacAddr;

/// A frame that came in by a port.
#[inline(always)]
pub(super) fn receive(walk: &mut Walk<'_>, index: u32, number: PortNo, mut transit: Transit) {
    let bridge = &walk.plan.bridges[index as usize];
    let Some(port) = port(bridge, number) else {
        return walk.refuse(DropReason::IngressPortState);
    };
    if let Err(reason) = screen_source(walk.header.source) {
        return walk.refuse(reason);
    }
    match reserved(bridge, port, walk.header.destination) {
        Reserved::No => {}
        Reserved::Pause => return walk.refuse(DropReason::MacControl),
        Reserved::Ours { trap } => {
            if port.learning && port.state.learns() && !bridge.no_linklocal_learn {
                learn(walk, index, bridge, number);
            }
            if trap {
                walk.trap(port.netdev);
            }
            return walk.deliver_up(port.netdev, transit.kind);
        }
    }
    if !port.state.learns() {
        return walk.refuse(DropReason::IngressPortState);
    }
    if walk.header.destination == walk.plan.netdevs[bridge.netdev.index()].mac {
        transit.kind = PacketType::Host;
    }
    if port.locked && !admit(walk, index, bridge, number, port) {
        return walk.refuse(DropReason::Locked);
    }
    if port.learning {
        learn(walk, index, bridge, number);
    }
    if port.state == PortState::Learning {
        return walk.refuse(DropReason::IngressLearning);
    }
    select(walk, index, bridge, port, number, transit);
}

/// A frame that the bridge's own stack sends. Never learned from, not screened.
#[inline(never)]
pub(super) fn transmit(walk: &mut Walk<'_>, index: u32, transit: Transit) {
    let bridge = &walk.plan.bridges[index as usize];
    let destination = walk.header.destination;
    if destination.is_group() {
        return flood(walk, bridge, &bridge.host_flood, None, transit);
    }
    match walk.view(index).lookup(Key::untagged(destination)) {
        // A port's own address is the bridge's, but from here it is reached over that port's wire.
        Some(Target { port: Some(to), .. }) => unicast(walk, bridge, None, to, transit),
        Some(Target { port: None, .. }) => walk.refuse(DropReason::ToSelf),
        None => flood(walk, bridge, &bridge.host_flood, None, transit),
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
    match last {
        0x00 if bridge.stp && !passes => Reserved::Ours { trap: true },
        // Without spanning tree BPDUs are forwarded, so that others can still find the loop.
        0x00 => Reserved::No,
        0x01 => Reserved::Pause,
        _ if passes => Reserved::No,
        _ => Reserved::Ours { trap: false },
    }
}

/// Whether a locked port lets this source in: it must have a confirmed entry on this very port.
fn admit(
    walk: &mut Walk<'_>,
    index: u32,
    bridge: &PlanBridge,
    number: PortNo,
    port: &PlanPort,
) -> bool {
    let key = Key::untagged(walk.header.source);
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
fn note_locked(fdb: &Fdb, walk: &mut Walk<'_>, key: Key, number: PortNo, bridge: &PlanBridge) {
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
fn learn(walk: &mut Walk<'_>, index: u32, bridge: &PlanBridge, number: PortNo) {
    let key = Key::untagged(walk.header.source);
    let outcome = walk.view(index).learn(key, number);
    if outcome == Learn::Known {
        return;
    }
    let counters = &mut walk.counters.bridges[bridge.netdev.index()];
    match outcome {
        Learn::Known | Learn::Local | Learn::Off => {}
        Learn::New => counters.learned += 1,
        Learn::Moved { .. } => counters.moved += 1,
        Learn::Full => counters.learn_refused += 1,
    }
}

/// Where a frame from a port goes: the host port, a known port, or all that flood its kind.
#[inline(always)]
fn select(
    walk: &mut Walk<'_>,
    index: u32,
    bridge: &PlanBridge,
    port: &PlanPort,
    number: PortNo,
    transit: Transit,
) {
    let destination = walk.header.destination;
    if destination.is_group() {
        flood(walk, bridge, &bridge.flood, Some(port), transit);
        if !destination.is_broadcast() {
            walk.counters.netdevs[bridge.netdev.index()].multicast += 1;
        }
        return walk.pass_up(bridge.netdev, transit);
    }
    match walk.view(index).lookup(Key::untagged(destination)) {
        Some(Target { local: true, .. }) => return walk.pass_up(bridge.netdev, transit),
        Some(Target { port: Some(to), .. }) => {
            unicast(walk, bridge, Some((number, port)), to, transit)
        }
        // Only local entries have no port.
        Some(Target { port: None, .. }) => walk.refuse(DropReason::ToSelf),
        None => flood(walk, bridge, &bridge.flood, Some(port), transit),
    }
    if bridge.promiscuous {
        walk.pass_up(bridge.netdev, transit);
    }
}

/// To one known port, or to its backup while it has no carrier (`br_forward`, `should_deliver`).
#[inline(always)]
fn unicast(
    walk: &mut Walk<'_>,
    bridge: &PlanBridge,
    from: Option<(PortNo, &PlanPort)>,
    to: PortNo,
    transit: Transit,
) {
    let backup_of = |port: &PlanPort| port.backup.filter(|_| !port.carrier);
    let to = port(bridge, to).and_then(backup_of).unwrap_or(to);
    // A worker may have learned on a port that left the bridge a moment ago.
    let Some(target) = port(bridge, to) else {
        return walk.refuse(DropReason::EgressPortState);
    };
    if let Some((number, from)) = from
        && from.barred.contains(to)
    {
        return walk.refuse(if to == number && !from.hairpin {
            DropReason::SamePort
        } else {
            DropReason::Isolated
        });
    }
    if target.state != PortState::Forwarding {
        return walk.refuse(DropReason::EgressPortState);
    }
    leave_by(walk, target, transit);
}

/// To every port that floods this kind of frame (`br_flood`).
fn flood(
    walk: &mut Walk<'_>,
    bridge: &PlanBridge,
    sets: &FloodSets,
    from: Option<&PlanPort>,
    transit: Transit,
) {
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
    let barred = from.map_or(&PortSet::EMPTY, |from| &from.barred);
    let mut any = false;
    for target in set
        .difference(barred, bridge.ports.len())
        .filter_map(|to| port(bridge, to))
    {
        any = true;
        leave_by(walk, target, transit);
    }
    if !any {
        walk.refuse(DropReason::NoEgressPort);
    }
}

/// Out of a port (`br_dev_queue_push_xmit`).
#[inline(always)]
fn leave_by(walk: &mut Walk<'_>, port: &PlanPort, transit: Transit) {
    let netdev = &walk.plan.netdevs[port.netdev.index()];
    if !netdev.up {
        walk.lose(port.netdev, DropReason::NetdevDown);
    } else if walk.too_long_for(netdev, transit) {
        walk.lose(port.netdev, DropReason::EgressOversize);
    } else {
        walk.transmit(port.netdev, netdev, transit);
    }
}

#[inline(always)]
fn port(bridge: &PlanBridge, number: PortNo) -> Option<&PlanPort> {
    bridge.ports.get(number.index())?.as_ref()
}
