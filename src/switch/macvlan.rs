//! A frame's way through a netdev with macvlans on it: its *port*, and the *children* that stand on it.
//!
//! A port is the simplest of switches: the table of stations is the list of its children's addresses.
//! Nothing is learned, nothing ages, unknown unicast is never flooded to children. `receive` is a frame
//! that came in at the port's netdev (`macvlan_handle_frame`), `transmit` one that leaves by a child
//! (`macvlan_queue_xmit`).
//!
//! | frame | at the port | from a child |
//! |---|---|---|
//! | from a source that children in source mode ask for | a copy for each of them; with `nodst` that is all | – |
//! | to a group | whoever [`reach`] says and is a member, and the port's own stack | bridge mode: the siblings in bridge mode; then the port's wire |
//! | to a child | that child, as its own | bridge mode, both: by way of the port; else the port's wire |
//! | in passthru mode, unicast | the one child | the port's wire |
//! | else | the port's own stack | the port's wire |
//!
//! So no rule keeps a child and the stack of its port apart: what one sends to the other goes out by the
//! wire, and arrives if something out there sends it back.
//!
//! Read `drivers/net/macvlan.c` for the order of steps, and [`reach`] for what the modes are.
//!
//! Deviations, all deliberate: the kernel looks groups up in 256 bits of a hash that is keyed by kernel
//! addresses, so that some groups nobody asked for leak through, others after each boot; here a child
//! gets the groups it is a member of and no others. The kernel's queue for groups is worked off later,
//! here at once: a queue of length 0 drops everything that would wait, a longer one never fills up.
//! Fragments of IPv4 datagrams to groups pass one by one; the kernel waits for all and hands the whole on.

use super::path::Walk;
use super::trace::{Meant, Note, Watch, Way};
use super::transit::Transit;
use super::{AttachmentId, DropReason, NetdevId, PacketType, Receive, vlan};
use crate::wire::{MacAddr, is_tag_type};

/// The mode of a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Talks to no sibling, not even by way of a switch that reflects.
    Private,
    /// Talks to siblings by way of a switch that reflects (802.1Qbg).
    #[default]
    Vepa,
    /// Talks to siblings in the same mode directly.
    Bridge,
    /// Has the netdev for itself.
    Passthru,
    /// Gets what certain sources send.
    Source,
}

impl Mode {
    /// All modes, in the kernel's order.
    pub const ALL: [Self; 5] = [
        Self::Private,
        Self::Vepa,
        Self::Bridge,
        Self::Passthru,
        Self::Source,
    ];

    /// Returns iproute2's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Vepa => "vepa",
            Self::Bridge => "bridge",
            Self::Passthru => "passthru",
            Self::Source => "source",
        }
    }
}

/// A set of modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes(u8);

impl Modes {
    /// No mode.
    pub const NONE: Self = Self(0);

    /// The set of some modes.
    #[must_use]
    pub const fn of(modes: &[Mode]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < modes.len() {
            bits |= 1 << modes[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether a mode is in the set.
    #[must_use]
    pub const fn has(self, mode: Mode) -> bool {
        self.0 & 1 << mode as u8 != 0
    }
}

/// Where a frame to a group comes from, as its port sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From outside, and no child has its source address.
    External,
    /// A child in this mode is sending it.
    Sibling(Mode),
    /// From outside, but a child in this mode has its source address: a switch has sent it back.
    Reflected(Mode),
}

/// Whom a frame to a group reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Children in these modes that are members of the group, but not the one whose address it bears.
    Members(Modes),
    /// Only the child whose address it bears, member or not, and not the stack of the port.
    Sender,
}

/// Whom a frame to a group reaches, by where it comes from (`macvlan_multicast_rx`,
/// `macvlan_queue_xmit`).
#[must_use]
pub const fn reach(origin: Origin) -> Reach {
    use Mode::{Bridge, Passthru, Private, Source, Vepa};
    Reach::Members(match origin {
        Origin::External => Modes::of(&[Private, Vepa, Bridge, Passthru]),
        Origin::Sibling(Bridge) => Modes::of(&[Bridge]),
        Origin::Sibling(Private | Vepa | Passthru | Source) => Modes::NONE,
        Origin::Reflected(Vepa) => Modes::of(&[Vepa, Bridge]),
        // Those in bridge mode saw it on its way out.
        Origin::Reflected(Bridge) => Modes::of(&[Vepa]),
        Origin::Reflected(Private | Passthru | Source) => return Reach::Sender,
    })
}

/// One child, as the fast path sees it.
#[derive(Clone, Copy, Debug)]
pub struct PlanMacvlan {
    /// The netdev.
    pub netdev: NetdevId,
    /// Its port: index into [`Plan::macvlan_ports`](super::Plan::macvlan_ports).
    pub port: u32,
    /// Its mode.
    pub mode: Mode,
    /// `nodst`: the stack of the port does not get what this child gets by its source.
    pub nodst: bool,
    /// Has carrier; without, it sends nothing.
    pub carrier: bool,
    /// Its stack, where it is all that a frame without a tag can come to: the child is up, and nothing stands
    /// on it.
    pub stack: Option<AttachmentId>,
}

/// One netdev with macvlans on it. Children that have only a number are indices into
/// [`Plan::macvlans`](super::Plan::macvlans).
#[derive(Clone, Debug, Default)]
pub struct PlanMacvlanPort {
    /// The netdev.
    pub lower: NetdevId,
    /// The child that has the netdev for itself.
    pub passthru: Option<u32>,
    /// The children that are up, by address: they themselves, so that who looks for one finds it with one
    /// access to memory.
    pub stations: Table<PlanMacvlan>,
    /// Children in source mode, up or not, by the sources that they ask for.
    pub sources: Table<Vec<u32>>,
    /// Who is a member of what.
    pub members: Members,
    /// Groups that wait in the queue (`bc_filter`).
    pub queued: Filter,
    /// Groups that are handed on at once (`mc_filter`).
    pub direct: Filter,
    /// Frames that the queue has room for (`bc_queue_len_used`).
    pub queue_len: u32,
}

/// Members of groups: the children that are up, in the order in which the kernel walks them.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Of the broadcast address: all.
    pub broadcast: Vec<u32>,
    /// Of a group that is not in `groups`: those that hear every group.
    pub unknown: Vec<u32>,
    /// Of every group that anybody asks for, with those that hear every group.
    pub groups: Table<Vec<u32>>,
}

impl Members {
    fn of(&self, group: MacAddr) -> &[u32] {
        if group.is_broadcast() {
            return &self.broadcast;
        }
        self.groups.get(group).unwrap_or(&self.unknown)
    }
}

/// A set of group addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// These, in order.
    Groups(Vec<MacAddr>),
    /// All there are.
    All,
}

impl Default for Filter {
    fn default() -> Self {
        Self::Groups(Vec::new())
    }
}

impl Filter {
    /// Makes a set of addresses.
    #[must_use]
    pub fn of(groups: impl IntoIterator<Item = MacAddr>) -> Self {
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable();
        groups.dedup();
        Self::Groups(groups)
    }

    /// Returns the set with some more addresses.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = MacAddr>) -> Self {
        match self {
            Self::All => Self::All,
            Self::Groups(groups) => Self::of(groups.iter().copied().chain(more)),
        }
    }

    /// Whether an address is in the set.
    #[must_use]
    pub fn has(&self, group: MacAddr) -> bool {
        match self {
            Self::All => true,
            Self::Groups(groups) => groups.binary_search(&group).is_ok(),
        }
    }
}

/// A table by address that is made once and then only read: open addressing, at most half full, so that
/// a look-up costs the same however many there are.
#[derive(Clone, Debug)]
pub struct Table<V> {
    /// A power of two of slots, or none.
    slots: Vec<Option<(MacAddr, V)>>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<V> FromIterator<(MacAddr, V)> for Table<V> {
    /// Of two entries with one address the first is found.
    fn from_iter<I: IntoIterator<Item = (MacAddr, V)>>(entries: I) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        if entries.is_empty() {
            return Self::default();
        }
        let len = (entries.len() * 2).next_power_of_two();
        let mut slots: Vec<_> = (0..len).map(|_| None).collect();
        for (mac, value) in entries {
            let mut at = slot(mac, len);
            while slots[at].is_some() {
                at = (at + 1) & (len - 1);
            }
            slots[at] = Some((mac, value));
        }
        Self { slots }
    }
}

impl<V> Table<V> {
    /// Returns what an address has.
    #[inline]
    #[must_use]
    pub fn get(&self, mac: MacAddr) -> Option<&V> {
        let len = self.slots.len();
        if len == 0 {
            return None;
        }
        let mut at = slot(mac, len);
        // At most half of the slots are taken.
        while let Some((found, value)) = &self.slots[at] {
            if *found == mac {
                return Some(value);
            }
            at = (at + 1) & (len - 1);
        }
        None
    }

    /// Whether there is nothing in it.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// Where the search for an address begins among a power of two of slots: a multiplicative hash, of which
/// the middle bits are the best mixed.
#[inline]
const fn slot(mac: MacAddr, len: usize) -> usize {
    let hash = mac.to_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 32) as usize & (len - 1)
}

/// What a port made of a frame (`rx_handler_result_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handled {
    /// It goes no further from here.
    Consumed,
    /// It is now a frame that this netdev receives.
    Another(NetdevId),
    /// It is for the stack of the netdev, as it would be without the port.
    Pass,
}

/// A frame came in at a netdev with macvlans on it (`macvlan_handle_frame`).
#[inline]
pub(super) fn receive<W: Watch>(
    walk: &mut Walk<'_, W>,
    index: u32,
    transit: &mut Transit,
) -> Handled {
    let port = &walk.plan.macvlan_ports[index as usize];
    if !port.sources.is_empty() && deliver_by_source(walk, port, transit) {
        walk.refuse(DropReason::MacvlanNodst);
        return Handled::Consumed;
    }
    let destination = walk.header.destination;
    if destination.is_group() {
        return receive_group(walk, port, transit);
    }
    let found = match port.passthru {
        Some(only) => Some(&walk.plan.macvlans[only as usize]),
        None => port.stations.get(destination),
    };
    let Some(child) = found else {
        walk.tell(|_| Note::MacvlanNobody);
        return Handled::Pass;
    };
    if child.mode == Mode::Source {
        walk.tell(|_| Note::MacvlanNobody);
        return Handled::Pass;
    }
    walk.tell(|_| Note::MacvlanChild {
        child: child.netdev,
        passthru: port.passthru.is_some(),
    });
    if !walk.plan.netdevs[child.netdev.index()].up {
        walk.refuse(DropReason::MacvlanDown);
        return Handled::Consumed;
    }
    transit.kind = PacketType::Host;
    walk.count_rx(child.netdev, walk.len(transit));
    Handled::Another(child.netdev)
}

/// [`receive`] for a frame that no VLAN device asks for, as most are: it has no tag.
#[inline(never)]
pub(super) fn receive_untagged<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    index: u32,
    mut transit: Transit,
) {
    let plan = walk.plan;
    match receive(walk, index, &mut transit) {
        Handled::Consumed => {}
        Handled::Pass => walk.go_up(id, &plan.netdevs[id.index()], &transit),
        Handled::Another(child) => {
            let netdev = &plan.netdevs[child.index()];
            walk.step(Way::Receives, child, transit.tag);
            match netdev.receive {
                Receive::Stack => walk.go_up(child, netdev, &transit),
                _ => vlan::receive(walk, child, transit),
            }
        }
    }
}

/// A copy for each child in source mode that asks for the frame's source; true if the stack of the port
/// is not to get the frame (`macvlan_forward_source`).
#[inline(never)]
fn deliver_by_source<W: Watch>(
    walk: &mut Walk<'_, W>,
    port: &PlanMacvlanPort,
    transit: &Transit,
) -> bool {
    let Some(askers) = port.sources.get(walk.header.source) else {
        return false;
    };
    let mut taken = false;
    for child in askers {
        let child = &walk.plan.macvlans[*child as usize];
        let netdev = &walk.plan.netdevs[child.netdev.index()];
        taken |= child.nodst;
        if !netdev.up {
            continue;
        }
        let mut copy = *transit;
        if walk.header.destination == netdev.mac {
            copy.kind = PacketType::Host;
        }
        walk.tell(|_| Note::MacvlanSource {
            child: child.netdev,
        });
        walk.count_rx(child.netdev, walk.len(transit));
        walk.queue(child.netdev, copy, walk.priority);
    }
    taken
}

/// A frame to a group came in: to the members that it is to reach, and to the stack of the port.
#[inline(never)]
fn receive_group<W: Watch>(
    walk: &mut Walk<'_, W>,
    port: &PlanMacvlanPort,
    transit: &mut Transit,
) -> Handled {
    let group = walk.header.destination;
    let sender = port.stations.get(walk.header.source);
    let origin = sender.map_or(Origin::External, |sender| Origin::Reflected(sender.mode));
    let modes = match (reach(origin), sender) {
        (Reach::Members(modes), _) => modes,
        (Reach::Sender, None) => return Handled::Pass,
        (Reach::Sender, Some(sender)) => {
            walk.tell(|_| Note::MacvlanGroup { origin, reached: 1 });
            transit.kind = kind_of(group);
            // The kernel counts the frame, but none of its octets.
            walk.count_rx(sender.netdev, 0);
            walk.queue(sender.netdev, *transit, walk.priority);
            return Handled::Consumed;
        }
    };
    let sender = sender.map(|sender| sender.netdev);
    if port.queued.has(group) && port.queue_len == 0 {
        walk.counters.netdevs[port.lower.index()].rx_dropped += 1;
        walk.lose(port.lower, DropReason::MacvlanQueueFull);
    } else if port.queued.has(group) || port.direct.has(group) {
        walk.tell(|walk| Note::MacvlanGroup {
            origin,
            reached: count(reached(walk, port, sender, modes, transit)),
        });
        broadcast(walk, port, sender, modes, transit);
    }
    Handled::Pass
}

#[cold]
fn count(reached: impl Iterator<Item = NetdevId>) -> u32 {
    u32::try_from(reached.count()).unwrap_or(u32::MAX)
}

/// A copy of a frame from outside for each member that it reaches (`macvlan_broadcast`).
fn broadcast<W: Watch>(
    walk: &mut Walk<'_, W>,
    port: &PlanMacvlanPort,
    sender: Option<NetdevId>,
    modes: Modes,
    transit: &Transit,
) {
    let mut copy = *transit;
    copy.kind = kind_of(walk.header.destination);
    let len = walk.len(transit);
    for child in reached(walk, port, sender, modes, transit) {
        walk.count_rx(child, len);
        walk.counters.netdevs[child.index()].multicast += 1;
        walk.queue(child, copy, walk.priority);
    }
}

/// A copy of a frame that a child sends for each sibling that it reaches, over no wire
/// (`macvlan_broadcast` and `__dev_forward_skb`).
#[inline(never)]
fn spread<W: Watch>(
    walk: &mut Walk<'_, W>,
    port: &PlanMacvlanPort,
    sender: NetdevId,
    transit: &Transit,
) {
    let Reach::Members(modes) = reach(Origin::Sibling(Mode::Bridge)) else {
        return;
    };
    let mut copy = *transit;
    copy.kind = kind_of(walk.destination(transit));
    walk.tell(|walk| Note::MacvlanGroup {
        origin: Origin::Sibling(Mode::Bridge),
        reached: count(reached(walk, port, Some(sender), modes, transit)),
    });
    // The kernel counts the header twice.
    let len = walk.len(transit) + crate::wire::ETHERNET_HEADER;
    for child in reached(walk, port, Some(sender), modes, transit) {
        let too_long = walk.too_long_for(&walk.plan.netdevs[child.index()], *transit);
        let counters = &mut walk.counters.netdevs[child.index()];
        if too_long {
            counters.rx_errors += 1;
            counters.rx_dropped += 2;
            walk.lose(child, DropReason::MacvlanOversize);
            continue;
        }
        counters.multicast += 1;
        walk.count_rx(child, len);
        walk.queue(child, copy, 0);
    }
}

/// The members of a frame's group that it reaches. Pause frames reach nobody.
fn reached<'a, W: Watch>(
    walk: &Walk<'a, W>,
    port: &'a PlanMacvlanPort,
    sender: Option<NetdevId>,
    modes: Modes,
    transit: &Transit,
) -> impl Iterator<Item = NetdevId> + use<'a, W> {
    let members = match walk.ether_type(transit) {
        ETHERTYPE_PAUSE => &[],
        _ => port.members.of(walk.destination(transit)),
    };
    let children = &walk.plan.macvlans;
    members
        .iter()
        .map(|child| &children[*child as usize])
        .filter(move |child| Some(child.netdev) != sender && modes.has(child.mode))
        .map(|child| child.netdev)
}

/// MAC control, which is for the link and no further (`ETH_P_PAUSE`).
const ETHERTYPE_PAUSE: u16 = 0x8808;

const fn kind_of(group: MacAddr) -> PacketType {
    match group.is_broadcast() {
        true => PacketType::Broadcast,
        false => PacketType::Multicast,
    }
}

/// A frame leaves by a child (`macvlan_start_xmit`).
#[inline(never)]
pub(super) fn transmit<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    index: u32,
    mut transit: Transit,
) {
    let plan = walk.plan;
    let child = &plan.macvlans[index as usize];
    let port = &plan.macvlan_ports[child.port as usize];
    if !walk.hop() {
        return walk.lose(id, DropReason::HopLimit);
    }
    if !child.carrier {
        return walk.lose_without_carrier(id);
    }
    // A macvlan takes no tag in metadata.
    walk.settle_tag(&mut transit);
    let len = walk.len(&transit);
    if child.mode == Mode::Bridge {
        let destination = walk.destination(&transit);
        if destination.is_group() {
            spread(walk, port, id, &transit);
        } else if let Some(sibling) = port.stations.get(destination)
            && sibling.mode == Mode::Bridge
        {
            walk.tell(|_| Note::MacvlanSibling {
                sibling: sibling.netdev,
            });
            walk.count_tx(id, len);
            return to_sibling(walk, port, sibling, transit);
        }
    }
    walk.tell(|walk| {
        let destination = walk.destination(&transit);
        let lower = &plan.netdevs[port.lower.index()];
        let sibling = port.stations.get(destination);
        let sibling = sibling.filter(|it| it.netdev != id);
        let sibling = sibling.map(|it| Meant::Sibling(it.netdev));
        let parent = (lower.mac == destination).then_some(Meant::Parent);
        Note::MacvlanOut {
            mode: child.mode,
            meant: sibling.or(parent),
        }
    });
    walk.transmit_by_lower(id, port.lower, transit, len);
}

/// By way of the port, as if the frame had come in there (`dev_forward_skb`). Where nothing on that way can
/// branch, it need not wait in a queue to go it.
#[inline(always)]
fn to_sibling<W: Watch>(
    walk: &mut Walk<'_, W>,
    port: &PlanMacvlanPort,
    sibling: &PlanMacvlan,
    transit: Transit,
) {
    let plan = walk.plan;
    let lower = &plan.netdevs[port.lower.index()];
    let PlanMacvlan { netdev, stack, .. } = *sibling;
    let straight = port.sources.is_empty()
        && lower.up
        && !is_tag_type(walk.ether_type(&transit))
        && !walk.too_long_for(lower, transit);
    match stack.filter(|_| straight) {
        Some(stack) if walk.hop() => {
            let mark = walk.step(Way::Receives, netdev, transit.tag);
            walk.count_rx(netdev, walk.len(&transit));
            walk.leave(stack, PacketType::Host, &transit);
            walk.back(mark);
        }
        _ => walk.forward_to(port.lower, transit),
    }
}

#[cfg(test)]
#[path = "macvlan_tests.rs"]
mod tests;
