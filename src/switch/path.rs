//! How a frame moves between netdevs: `receive` and `transmit`, as in the kernel.
//!
//! [`forward`] is the outer way: for each frame of a batch, walk, then note the verdict. A walk moves
//! copies from netdev to netdev until each has left by an attachment, was trapped, or has a reason
//! why not. Copies that meet another bridge wait in a queue, in the order in which the kernel's
//! backlog would take them; the queue is what bounds a loop ([`HOP_LIMIT`]).

use super::egress::{Copy, Lost, Trap, TrapKind};
use super::fdb::View;
use super::lane::Lane;
use super::trace::{Mark, Note, Trace, Watch, Way};
use super::transit::{ADDRESSES, Heads, Transit, TruncatedTag};
use super::{
    AttachmentId, Counters, Crossing, DropReason, Egress, Key, NetdevId, PacketType, Plan,
    PlanAttachment, PlanBridge, PlanNetdev, Receive, Side, Transmit, Verdict, alarm, bridge,
    ipvlan, macvlan, vlan, vxlan,
};
use crate::time::Instant;
use crate::wire::offload::Offload;
use crate::wire::{ETHERNET_HEADER, Ethernet, MacAddr, TAG_LEN, Tag, Vid, is_tag_type};

/// Netdev-to-netdev hops that one frame and all its copies may make. Enough for one broadcast in a
/// domain of 16,000 veth hosts; a loop without spanning tree reaches it and ends there, and [`alarm`] tells of it.
pub const HOP_LIMIT: u32 = 16_384;

/// Decides a batch: frames that came in by one attachment, in order.
///
/// Bounds: the batch is as long as the caller makes it (64 frames live); work and copies per frame
/// are bounded by [`HOP_LIMIT`] and the number of ports of the bridges met.
pub fn forward<'a>(
    plan: &'a Plan,
    now: Instant,
    ingress: AttachmentId,
    frames: &[&'a [u8]],
    counters: &'a mut Counters,
    egress: &'a mut Egress,
) {
    forward_unfinished(
        plan,
        now,
        ingress,
        frames,
        Unfinished::NONE,
        counters,
        egress,
    );
}

/// What is left to do to the frames of a batch, by frame; nothing beyond the end of either.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished<'a> {
    /// Which of them are super-frames: read of every frame.
    pub super_frames: &'a [bool],
    /// What exactly is left: read by who looks into a frame, or cuts it.
    pub offloads: &'a [Offload],
}

impl Unfinished<'_> {
    /// Nothing.
    pub const NONE: Self = Self {
        super_frames: &[],
        offloads: &[],
    };
}

/// [`forward`] with frames to which something is left to do: checksums to finish, and super-frames, which
/// stand for several and which no MTU stops (`is_skb_forwardable`).
pub fn forward_unfinished<'a>(
    plan: &'a Plan,
    now: Instant,
    ingress: AttachmentId,
    frames: &[&'a [u8]],
    unfinished: Unfinished<'a>,
    counters: &'a mut Counters,
    egress: &'a mut Egress,
) {
    let lane = Lane::of(plan, ingress);
    forward_by(
        lane,
        plan,
        now,
        ingress,
        (frames, unfinished),
        counters,
        egress,
    );
}

/// [`forward`] without the short way ([`lane`](super::lane)): every step that there is, taken.
#[cfg(test)]
pub(crate) fn forward_step_by_step<'a>(
    plan: &'a Plan,
    now: Instant,
    ingress: AttachmentId,
    frames: &[&'a [u8]],
    counters: &'a mut Counters,
    egress: &'a mut Egress,
) {
    let all = (frames, Unfinished::NONE);
    forward_by(None, plan, now, ingress, all, counters, egress);
}

#[inline(always)]
fn forward_by<'a>(
    mut lane: Option<Lane<'a>>,
    plan: &'a Plan,
    now: Instant,
    ingress: AttachmentId,
    (frames, unfinished): (&[&'a [u8]], Unfinished<'a>),
    counters: &'a mut Counters,
    egress: &'a mut Egress,
) {
    let mut walk = Walk::new(plan, now, Some(ingress), counters, egress, ());
    walk.offloads = unfinished.offloads;
    if frames.len() > 1 {
        walk.prefetch(ingress, frames);
    }
    let mut verdicts = std::mem::take(&mut walk.egress.verdicts);
    // A batch is not longer than 2^32 frames.
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let mut next = 0;
    while next < frames.len() {
        if let Some(lane) = &mut lane {
            let taken = lane.take(&mut walk, frames, next);
            verdicts.extend(std::iter::repeat_n(Verdict::Forwarded, taken));
            next += taken;
        }
        if let Some(octets) = frames.get(next) {
            walk.super_frame = unfinished.super_frames.get(next) == Some(&true);
            verdicts.push(walk.run(ingress, number(next), octets));
            next += 1;
        }
    }
    if let Some(lane) = &lane {
        lane.count(&mut walk, ingress);
    }
    walk.egress.verdicts = verdicts;
    let counters = &mut walk.counters.attachments[ingress.index()];
    counters.frames_in += frames.len() as u64;
    counters.octets_in += frames.iter().map(|octets| octets.len() as u64).sum::<u64>();
}

/// [`forward`] for one frame, step by step, and what happened to it on its way. It changes what [`forward`] does.
pub fn forward_watched<'a>(
    plan: &'a Plan,
    now: Instant,
    ingress: AttachmentId,
    octets: &'a [u8],
    counters: &'a mut Counters,
    egress: &'a mut Egress,
    trace: &'a mut Trace,
) {
    trace.start(now);
    let mut walk = Walk::new(plan, now, Some(ingress), counters, egress, trace);
    let verdict = walk.run(ingress, 0, octets);
    walk.egress.verdicts.push(verdict);
    let counters = &mut walk.counters.attachments[ingress.index()];
    counters.frames_in += 1;
    counters.octets_in += octets.len() as u64;
}

/// How a frame of the network's own starts: [`originate`] or [`hand_up`].
pub type Originate = fn(&Plan, Instant, NetdevId, &[u8], &mut Counters, &mut Egress);

/// Sends a frame of a netdev's own (a BPDU) out of its wire side: over the veth pair to whatever
/// receives there, or to the outside. It has no ingress and no verdict; its copies are in `egress`
/// as frame 0.
pub fn originate(
    plan: &Plan,
    now: Instant,
    netdev: NetdevId,
    octets: &[u8],
    counters: &mut Counters,
    egress: &mut Egress,
) {
    let mut walk = Walk::new(plan, now, None, counters, egress, ());
    walk.octets = octets;
    let Some(header) = Header::parse(octets) else {
        return walk.lose(netdev, DropReason::Runt);
    };
    walk.header = header;
    if header.destination.reserved().is_some() {
        // A BPDU (br_send_bpdu).
        walk.priority = TC_PRIO_CONTROL;
    }
    let sender = &plan.netdevs[netdev.index()];
    if !sender.up {
        return walk.lose(netdev, DropReason::NetdevDown);
    }
    walk.transmit(netdev, sender, Transit::new(walk.header.kind));
    walk.drain();
}

/// Has a netdev receive a frame that nothing brought (`netif_rx`): a bridge's question to its own stack.
/// It has no ingress and no verdict; its copies are in `egress` as frame 0.
pub fn hand_up(
    plan: &Plan,
    now: Instant,
    netdev: NetdevId,
    octets: &[u8],
    counters: &mut Counters,
    egress: &mut Egress,
) {
    let mut walk = Walk::new(plan, now, None, counters, egress, ());
    walk.octets = octets;
    let Some(header) = Header::parse(octets) else {
        return walk.lose(netdev, DropReason::Runt);
    };
    walk.header = header;
    if !plan.netdevs[netdev.index()].up {
        return walk.lose(netdev, DropReason::NetdevDown);
    }
    // Nobody looked for whom it is: for this netdev.
    walk.receive_up(netdev, &Transit::new(PacketType::Host));
    walk.drain();
}

/// The priority of protocols that keep the network together.
const TC_PRIO_CONTROL: u32 = 7;

/// The fields of a header that the path looks at, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) destination: MacAddr,
    pub(super) source: MacAddr,
    /// By destination address alone: [`PacketType::OtherHost`] does not occur.
    pub(super) kind: PacketType,
    pub(super) ether_type: u16,
}

impl Header {
    /// What no frame has; stands where none was read yet.
    const NONE: Self = Self {
        destination: MacAddr::ZERO,
        source: MacAddr::ZERO,
        kind: PacketType::Host,
        ether_type: 0,
    };

    /// Makes the header of a frame of no particular type.
    #[cfg(test)]
    pub(super) const fn of(destination: MacAddr, source: MacAddr) -> Self {
        Self::new(destination, source, 0x88b5)
    }

    #[inline(always)]
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let frame = Ethernet::parse(octets).ok()?;
        Some(Self::new(
            frame.destination(),
            frame.source(),
            frame.ether_type(),
        ))
    }

    #[inline(always)]
    pub(super) const fn new(destination: MacAddr, source: MacAddr, ether_type: u16) -> Self {
        let kind = if !destination.is_group() {
            PacketType::Host
        } else if destination.is_broadcast() {
            PacketType::Broadcast
        } else {
            PacketType::Multicast
        };
        Self {
            destination,
            source,
            kind,
            ether_type,
        }
    }
}

/// One frame's way through the network, which somebody may watch.
pub(super) struct Walk<'a, W = ()> {
    pub(super) plan: &'a Plan,
    pub(super) now: Instant,
    pub(super) counters: &'a mut Counters,
    pub(super) egress: &'a mut Egress,
    /// The table of the bridge met last (by index): most batches meet one bridge.
    view: Option<(u32, View<'a>)>,
    /// Where the frame came in; `None` for one of the network's own.
    ingress: Option<AttachmentId>,
    frame: u32,
    /// The frame as it came in.
    pub(super) octets: &'a [u8],
    /// It stands for several, which fit where it does not.
    pub(super) super_frame: bool,
    /// What is left to do to each frame of the batch.
    offloads: &'a [Offload],
    pub(super) header: Header,
    /// The priority of the frame (`skb->priority`): only VLAN devices give it one.
    pub(super) priority: u32,
    /// What a packet socket on a VLAN device takes a frame that begins with a tag for: what is behind all
    /// its tags (`vlan_parse_protocol`), while the headers are still expected in front of them.
    pub(super) mistaken: Option<u16>,
    /// Tunnels that the frame is in, of those that its way began in.
    pub(super) tunnels: u8,
    /// Steps made so far, of those that count for [`HOP_LIMIT`].
    hops: u32,
    copies: u32,
    trapped: bool,
    refused: Option<DropReason>,
    /// The bridge (by index) whose alarm has told of a loop of this frame.
    looped: Option<u32>,
    watch: W,
}

impl<'a, W: Watch> Walk<'a, W> {
    fn new(
        plan: &'a Plan,
        now: Instant,
        ingress: Option<AttachmentId>,
        counters: &'a mut Counters,
        egress: &'a mut Egress,
        watch: W,
    ) -> Self {
        egress.start(plan);
        counters.fit(plan);
        Self {
            plan,
            now,
            counters,
            egress,
            view: None,
            ingress,
            frame: 0,
            octets: &[],
            super_frame: false,
            offloads: &[],
            header: Header::NONE,
            priority: 0,
            mistaken: None,
            tunnels: 0,
            hops: 0,
            copies: 0,
            trapped: false,
            refused: None,
            looped: None,
            watch,
        }
    }

    /// Tells whoever watches that a copy is at a netdev; [`Self::back`] goes back to where it came from.
    #[inline(always)]
    pub(super) fn step(&mut self, way: Way, netdev: NetdevId, tag: Option<Tag>) -> Mark {
        self.watch.enter(way, netdev, tag)
    }

    /// What follows happens to a copy at an earlier step.
    #[inline(always)]
    pub(super) fn back(&mut self, mark: Mark) {
        self.watch.back(mark);
    }

    /// Tells whoever watches what was found out, or done; nothing is worked out for nobody.
    #[inline(always)]
    pub(super) fn tell(&mut self, note: impl FnOnce(&Self) -> Note) {
        if W::ON {
            let note = note(self);
            self.watch.note(note);
        }
    }

    /// A copy goes on when it is its turn.
    #[inline(always)]
    pub(super) fn wait(&mut self, id: NetdevId, transit: Transit, priority: u32) {
        self.watch.wait();
        self.egress.pending.push_back((id, transit, priority));
    }

    /// Starts the cache misses of a whole batch before the first frame needs its entries.
    fn prefetch(&mut self, ingress: AttachmentId, frames: &[&[u8]]) {
        let Some((bridge, pvid)) = first_bridge(self.plan, ingress) else {
            return;
        };
        let vlans = self.plan.bridges[bridge as usize].vlans.as_deref();
        let view = self.view(bridge);
        if !view.outgrows_cache() {
            return;
        }
        for octets in frames {
            let Some(header) = Header::parse(octets) else {
                continue;
            };
            let vid = vlans.and_then(|vlans| {
                let tag = octets.get(12..).and_then(Tag::read);
                match tag.filter(|tag| tag.tag_type == vlans.protocol) {
                    Some(tag) if tag.vid() != 0 => Vid::new(tag.vid()),
                    _ => pvid,
                }
            });
            view.prefetch(Key::new(header.source, vid));
            view.prefetch(Key::new(header.destination, vid));
        }
    }

    /// Makes a frame of the batch the one that is on its way.
    #[inline(always)]
    pub(super) fn begin(&mut self, index: usize, octets: &'a [u8], header: Header) {
        // A batch is not longer than 2^32 frames.
        self.frame = u32::try_from(index).unwrap_or(u32::MAX);
        (self.octets, self.header) = (octets, header);
    }

    /// Takes one frame from its ingress attachment to its verdict.
    #[inline(never)]
    fn run(&mut self, ingress: AttachmentId, index: u32, octets: &'a [u8]) -> Verdict {
        self.frame = index;
        self.octets = octets;
        (self.priority, self.mistaken, self.hops, self.tunnels) = (0, None, 0, 0);
        (self.copies, self.trapped, self.refused) = (0, false, None);
        self.enter(ingress, octets);
        self.drain();

        let verdict = if self.trapped {
            Verdict::Trapped
        } else if self.copies > 0 {
            Verdict::Forwarded
        } else {
            // Every exit names its reason; the debug build, under which the tests run, holds it to that.
            debug_assert!(self.refused.is_some(), "a frame ended without a reason");
            Verdict::Dropped(self.refused.unwrap_or(DropReason::NoEgressPort))
        };
        self.counters.attachments[ingress.index()].count(verdict);
        verdict
    }

    /// Goes on with the copies that met another bridge, until there are none or they have gone too far.
    #[inline(always)]
    fn drain(&mut self) {
        if !self.egress.pending.is_empty() {
            self.drain_all();
        }
    }

    #[inline(never)]
    fn drain_all(&mut self) {
        while let Some((netdev, transit, priority)) = self.egress.pending.pop_front() {
            self.watch.resume();
            if self.hop() {
                self.receive_again(netdev, transit, priority);
            } else {
                self.lose(netdev, DropReason::HopLimit);
            }
        }
        let looped = self.looped.take();
        let alarm = looped.and_then(|bridge| self.plan.bridges[bridge as usize].alarm.as_ref());
        if let Some(alarm) = alarm {
            alarm.shared.count(self.hops.min(HOP_LIMIT));
        }
    }

    /// Counts a step; false when the frame and its copies have made too many.
    pub(super) fn hop(&mut self) -> bool {
        self.hops += 1;
        self.hops <= HOP_LIMIT
    }

    /// From the attachment to the first `receive` or `transmit`.
    #[inline(always)]
    fn enter(&mut self, ingress: AttachmentId, octets: &'a [u8]) {
        if W::ON {
            let PlanAttachment { netdev, side } = self.plan.attachments[ingress.index()];
            self.step(Way::Enters(side), netdev, None);
        }
        let Some(header) = Header::parse(octets) else {
            return self.refuse(DropReason::Runt);
        };
        self.header = header;
        let attachment = self.plan.attachments[ingress.index()];
        let netdev = &self.plan.netdevs[attachment.netdev.index()];
        if let Side::Underlay(underlay) = attachment.side {
            let transit = Transit::new(header.kind);
            return vxlan::enter(self, ingress, attachment.netdev, underlay, &transit);
        }
        if !netdev.up {
            if attachment.side == Side::Wire {
                // tun_get_user
                self.counters.netdevs[attachment.netdev.index()].rx_dropped += 1;
            }
            return self.refuse(DropReason::NetdevDown);
        }
        match attachment.side {
            Side::Wire => self.arrive(attachment.netdev, netdev),
            // A virtual machine is bound by no MTU (tap_get_user).
            Side::Device => self.transmit(attachment.netdev, netdev, Transit::new(header.kind)),
            Side::Stack | Side::Underlay(_) => {
                // A socket may send a tag beyond the MTU, but only an 802.1Q one (packet_extra_vlan_len_allowed).
                let tag = if header.ether_type == 0x8100 {
                    TAG_LEN
                } else {
                    0
                };
                if octets.len() > netdev.mtu as usize + ETHERNET_HEADER + tag && !self.super_frame {
                    return self.refuse(DropReason::SenderOversize);
                }
                if is_tag_type(header.ether_type) && matches!(netdev.transmit, Transmit::Vlan(_)) {
                    self.mistaken = vlan::type_behind_tags(octets);
                }
                self.transmit(attachment.netdev, netdev, Transit::new(header.kind));
            }
        }
    }

    /// A frame comes in by a netdev's wire side: for whom it is (`eth_type_trans`), then the handlers.
    #[inline(always)]
    fn arrive(&mut self, id: NetdevId, netdev: &PlanNetdev) {
        self.count_rx(id, self.octets.len());
        self.receive(id, netdev, Transit::new(kind_for(&self.header, netdev.mac)));
    }

    /// The handlers of a netdev, in the kernel's order (`__netif_receive_skb_core`).
    #[inline(always)]
    fn receive(&mut self, id: NetdevId, netdev: &PlanNetdev, transit: Transit) {
        if transit.tag.is_some() || is_tag_type(self.header.ether_type) {
            return self.receive_tagged(id, netdev, transit);
        }
        match netdev.receive {
            Receive::Bridge(bridge, port) => bridge::receive(self, bridge, port, transit),
            Receive::Stack => self.go_up(id, netdev, &transit),
            Receive::Macvlan(port) => macvlan::receive_untagged(self, id, port, transit),
            Receive::Device(_) => vlan::receive(self, id, transit),
            Receive::Ipvlan(port) => ipvlan::receive(self, id, port, transit, 0),
            Receive::Cable(other) => self.pass_on(other, transit),
        }
    }

    /// A frame without a tag aside goes up to a netdev's stack.
    #[inline(always)]
    pub(super) fn go_up(&mut self, id: NetdevId, netdev: &PlanNetdev, transit: &Transit) {
        if let Some(underlay) = netdev.underlay
            && transit.kind != PacketType::OtherHost
            && vxlan::receive(self, id, underlay, transit)
        {
            return;
        }
        self.leave(netdev.stack, transit.kind, transit);
    }

    /// [`Self::receive`] for a frame with a tag, which goes aside (`skb_vlan_untag`).
    #[inline(never)]
    fn receive_tagged(&mut self, id: NetdevId, netdev: &PlanNetdev, mut transit: Transit) {
        match netdev.receive {
            Receive::Bridge(bridge, port) if netdev.uppers.is_none() => {
                if self.untag(&mut transit).is_err() {
                    return self.refuse(DropReason::TruncatedTag);
                }
                bridge::receive(self, bridge, port, transit);
            }
            // A cable does not even look whether the tag is whole.
            Receive::Cable(other) => self.pass_on(other, transit),
            _ => vlan::receive(self, id, transit),
        }
    }

    /// [`Self::receive`] for a copy that comes from another netdev: out of line, so that the way of most
    /// frames, from a wire to a wire of one bridge, is one straight piece of code.
    #[inline(never)]
    fn receive_again(&mut self, id: NetdevId, transit: Transit, priority: u32) {
        self.header = self.header_of(&transit);
        // Whoever receives a frame looks at it anew.
        (self.priority, self.mistaken) = (priority, None);
        self.step(Way::Receives, id, transit.tag);
        self.receive(id, &self.plan.netdevs[id.index()], transit);
    }

    /// A frame leaves by a netdev (`ndo_start_xmit`).
    #[inline(always)]
    pub(super) fn transmit(&mut self, id: NetdevId, netdev: &PlanNetdev, transit: Transit) {
        let mark = self.step(Way::Transmits, id, transit.tag);
        // Of most frames, so not behind a jump table.
        if let Transmit::Wire(wire) = netdev.transmit {
            self.leave_by_wire(id, wire, transit);
        } else {
            self.transmit_elsewhere(id, netdev, transit);
        }
        self.back(mark);
    }

    /// To the outside.
    #[inline(always)]
    fn leave_by_wire(&mut self, id: NetdevId, wire: AttachmentId, transit: Transit) {
        let kind = match transit.rewritten() {
            false => self.header.kind,
            true => self.header_of(&transit).kind,
        };
        // The driver puts the tag back (tun_put_user).
        let tag = transit.tag.map_or(0, |_| TAG_LEN);
        self.count_tx(id, self.len(&transit) + tag);
        self.leave(wire, kind, &transit);
    }

    #[inline(never)]
    fn transmit_elsewhere(&mut self, id: NetdevId, netdev: &PlanNetdev, transit: Transit) {
        match netdev.transmit {
            Transmit::Wire(wire) => self.leave_by_wire(id, wire, transit),
            Transmit::Peer(peer) => self.cross(id, peer, transit),
            Transmit::Bridge(bridge) if !self.plan.bridges[bridge as usize].carrier => {
                self.lose_without_carrier(id);
            }
            Transmit::Bridge(bridge) => {
                self.count_tx(id, self.len(&transit));
                bridge::transmit(self, bridge, transit);
            }
            Transmit::Vlan(index) => vlan::transmit(self, id, index, transit),
            Transmit::Unplugged => self.lose_without_carrier(id),
            Transmit::Macvlan(index) => macvlan::transmit(self, id, index, transit),
            Transmit::Ipvlan(index) => ipvlan::transmit(self, id, index, transit),
            Transmit::Vxlan(index) => vxlan::transmit(self, id, index, transit),
            Transmit::Nothing => {
                // A dummy takes no tag in metadata.
                let tag = transit.tag.map_or(0, |_| TAG_LEN);
                self.count_tx(id, self.len(&transit) + tag);
                self.lose(id, DropReason::DummyTransmit);
            }
        }
    }

    /// A netdev without carrier discards what it is to send (`noop_enqueue`).
    pub(super) fn lose_without_carrier(&mut self, id: NetdevId) {
        self.counters.netdevs[id.index()].tx_dropped += 1;
        self.lose(id, DropReason::NoCarrier);
    }

    /// Over a veth pair (`veth_xmit`, `__dev_forward_skb`).
    fn cross(&mut self, id: NetdevId, peer_id: NetdevId, mut transit: Transit) {
        let peer = &self.plan.netdevs[peer_id.index()];
        let refused = match peer.up {
            false => Some(DropReason::PeerDown),
            true if self.too_long_for(peer, transit) => Some(DropReason::PeerOversize),
            true => None,
        };
        if let Some(reason) = refused {
            self.counters.netdevs[id.index()].tx_dropped += 1;
            if reason == DropReason::PeerOversize {
                self.counters.netdevs[peer_id.index()].rx_dropped += 1;
            }
            return self.lose(id, reason);
        }
        let len = self.len(&transit);
        self.count_tx(id, len);
        self.count_rx(peer_id, len);
        let kind = match transit.rewritten() {
            false => kind_for(&self.header, peer.mac),
            true => kind_for(&self.header_of(&transit), peer.mac),
        };
        transit.kind = kind;
        match peer.receive {
            // Nothing more can branch there, so no queue is needed.
            Receive::Stack if peer.uppers.is_none() && peer.underlay.is_none() => {
                let saved = (self.header, self.priority, self.mistaken);
                self.receive_again(peer_id, transit, 0);
                (self.header, self.priority, self.mistaken) = saved;
            }
            // The pair takes the priority off (____dev_forward_skb).
            _ => {
                self.note_crossing(id, peer_id, &mut transit);
                self.wait(peer_id, transit, 0);
            }
        }
    }

    /// Notes that a copy crosses to a netdev from which it may go on, and whether it goes round.
    fn note_crossing(&mut self, from: NetdevId, to: NetdevId, transit: &mut Transit) {
        let crossing = Crossing { from, to };
        let trail = &mut self.egress.trail;
        let (step, round) = trail.cross(self.frame, transit.step, crossing, transit.tag);
        transit.step = step;
        if round {
            alarm::went_round(self, transit);
        }
    }

    /// Whether a copy of the frame has gone round a loop of the network's own.
    pub(super) fn goes_round(&self) -> bool {
        self.egress.trail.goes_round(self.frame)
    }

    /// Returns the loop that a copy has gone round, oldest crossing first, with the tag aside there.
    pub(super) fn round(&self) -> &[(Crossing, Option<Tag>)] {
        self.egress.trail.round()
    }

    /// The hops of this frame are those of a loop that a bridge's alarm counts.
    pub(super) fn blame(&mut self, bridge: u32) {
        self.looped = Some(bridge);
    }

    /// Whether a frame is longer than a netdev takes from another (`is_skb_forwardable`).
    #[inline(always)]
    pub(super) fn too_long_for(&self, netdev: &PlanNetdev, transit: Transit) -> bool {
        self.len(&transit) > netdev.longest() && !self.super_frame
    }

    /// A frame of an upper leaves by its lower, after what the upper itself does with it
    /// (`dev_queue_xmit`). The upper counts the frame, of `len` octets there, by how the lower took it.
    pub(super) fn transmit_by_lower(
        &mut self,
        id: NetdevId,
        lower_id: NetdevId,
        transit: Transit,
        len: usize,
    ) {
        let lower = &self.plan.netdevs[lower_id.index()];
        let before = self.counters.netdevs[lower_id.index()].tx_dropped;
        if lower.up {
            self.transmit(lower_id, lower, transit);
        }
        if self.counters.netdevs[lower_id.index()].tx_dropped == before {
            self.count_tx(id, len);
        } else {
            self.counters.netdevs[id.index()].tx_dropped += 1;
        }
        if !lower.up {
            // The frame is lost in the lower's queue, which counts it there only.
            self.counters.netdevs[lower_id.index()].tx_dropped += 1;
            self.lose(lower_id, DropReason::NetdevDown);
        }
    }

    /// A frame of an upper goes the other way at its lower, as if it had come in there
    /// (`dev_forward_skb`).
    pub(super) fn forward_to(&mut self, lower_id: NetdevId, mut transit: Transit) {
        let lower = &self.plan.netdevs[lower_id.index()];
        let refused = match lower.up {
            false => Some(DropReason::LowerDown),
            true if self.too_long_for(lower, transit) => Some(DropReason::LowerOversize),
            true => None,
        };
        if let Some(reason) = refused {
            self.counters.netdevs[lower_id.index()].rx_dropped += 1;
            return self.lose(lower_id, reason);
        }
        transit.kind = kind_for(&self.header_of(&transit), lower.mac);
        self.wait(lower_id, transit, 0);
    }

    /// What one end of a cable receives leaves by the other.
    #[inline(never)]
    pub(super) fn pass_on(&mut self, id: NetdevId, transit: Transit) {
        let netdev = &self.plan.netdevs[id.index()];
        if !netdev.up {
            self.lose(id, DropReason::NetdevDown);
        } else if self.hop() {
            self.transmit(id, netdev, transit);
        } else {
            self.lose(id, DropReason::HopLimit);
        }
    }

    /// A copy that a netdev receives once the rest of this frame's way is done (`netif_rx`).
    pub(super) fn queue(&mut self, id: NetdevId, transit: Transit, priority: u32) {
        let netdev = &self.plan.netdevs[id.index()];
        let tagged = transit.tag.is_some() || is_tag_type(self.ether_type(&transit));
        let last = match netdev.receive {
            // Nothing more can branch there, so it need not wait.
            Receive::Stack if netdev.underlay.is_none() => Some(netdev.stack),
            Receive::Device(device) => Some(device),
            _ => None,
        };
        match last.filter(|_| !tagged) {
            None => self.wait(id, transit, priority),
            Some(last) if self.hop() => {
                let mark = self.step(Way::Receives, id, transit.tag);
                self.leave(last, transit.kind, &transit);
                self.back(mark);
            }
            Some(_) => self.lose(id, DropReason::HopLimit),
        }
    }

    /// Returns the destination address of a copy.
    pub(super) fn destination(&self, transit: &Transit) -> MacAddr {
        match transit.rewritten() {
            false => self.header.destination,
            true => self.header_of(transit).destination,
        }
    }

    /// Hands a frame to the stack of a bridge port, past the bridge.
    pub(super) fn deliver_up(&mut self, id: NetdevId, transit: &Transit) {
        let netdev = &self.plan.netdevs[id.index()];
        let mark = self.step(Way::Receives, id, transit.tag);
        if transit.tag.is_some() {
            vlan::pass(self, id, *transit, 0);
        } else {
            self.leave(netdev.stack, transit.kind, transit);
        }
        self.back(mark);
    }

    /// A bridge hands a frame to its own netdev, which receives it like any other.
    pub(super) fn receive_up(&mut self, id: NetdevId, transit: &Transit) {
        let netdev = &self.plan.netdevs[id.index()];
        let splits = netdev.receive != Receive::Stack;
        let mark = self.step(Way::Receives, id, transit.tag);
        if splits || transit.tag.is_some() || is_tag_type(self.ether_type(transit)) {
            vlan::receive(self, id, *transit);
        } else {
            self.go_up(id, netdev, transit);
        }
        self.back(mark);
    }

    /// Counts a bridge's copy for its host port as the kernel does: without the header and without the
    /// tag aside (`br_pass_frame_up`).
    pub(super) fn count_up(&mut self, bridge: NetdevId, transit: &Transit) {
        self.count_rx(bridge, self.len(transit) - ETHERNET_HEADER);
    }

    /// Counts a frame that came in in a VLAN, without the header (`br_vlan_stats`).
    #[cold]
    pub(super) fn count_vlan_rx(&mut self, index: u32, transit: &Transit) {
        let octets = self.len(transit) - ETHERNET_HEADER;
        if let Some(counters) = self.counters.vlans.get_mut(index as usize) {
            counters.rx_packets += 1;
            counters.rx_bytes += octets as u64;
        }
    }

    /// Counts a frame that leaves in a VLAN, without the header.
    #[cold]
    pub(super) fn count_vlan_tx(&mut self, index: u32, transit: &Transit) {
        let octets = self.len(transit) - ETHERNET_HEADER;
        if let Some(counters) = self.counters.vlans.get_mut(index as usize) {
            counters.tx_packets += 1;
            counters.tx_bytes += octets as u64;
        }
    }

    /// Counts a frame that a VLAN device receives, without the header and the tags that stay in front
    /// (`vlan_do_receive`).
    pub(super) fn count_vlan_device_rx(&mut self, id: NetdevId, transit: &Transit, buried: usize) {
        self.count_rx(id, self.len(transit) - ETHERNET_HEADER - buried * TAG_LEN);
        if transit.kind == PacketType::Multicast {
            self.counters.netdevs[id.index()].multicast += 1;
        }
    }

    #[inline(always)]
    pub(super) fn leave(&mut self, attachment: AttachmentId, kind: PacketType, transit: &Transit) {
        let edit = self.egress.heads.edit(transit, self.frame, self.octets);
        let copy = Copy {
            frame: self.frame,
            kind,
            edit,
        };
        self.copies += 1;
        let len = self.wire_len(transit);
        self.tell(|_| Note::Left {
            attachment,
            kind,
            tag: transit.tag,
            octets: len,
        });
        self.egress.queues.push(attachment, copy);
        let counters = &mut self.counters.attachments[attachment.index()];
        counters.frames_out += 1;
        counters.octets_out += len as u64;
    }

    /// Hands the frame to control; the tag aside goes back to its place.
    pub(super) fn trap(
        &mut self,
        port: NetdevId,
        kind: TrapKind,
        vid: Option<Vid>,
        transit: &Transit,
    ) {
        let edit = self.egress.heads.edit(transit, self.frame, self.octets);
        self.tell(|_| Note::Trapped { kind });
        self.egress.traps.push(Trap {
            frame: self.frame,
            netdev: port,
            kind,
            vid,
            edit,
        });
        self.trapped |= matches!(kind, TrapKind::Bpdu | TrapKind::Unresolved);
    }

    /// Takes the outermost tag of the octets aside, unless one is aside already.
    #[inline(always)]
    pub(super) fn untag(&mut self, transit: &mut Transit) -> Result<(), TruncatedTag> {
        self.egress.heads.untag(transit, self.octets)
    }

    /// Gives a copy another destination address.
    pub(super) fn readdress(&mut self, transit: &mut Transit, destination: MacAddr) {
        self.tell(|_| Note::Readdressed(destination));
        let heads = &mut self.egress.heads;
        heads.readdress(transit, self.octets, destination);
    }

    /// [`Self::untag`] behind some tags that stay in front of the octets.
    pub(super) fn untag_behind(
        &mut self,
        transit: &mut Transit,
        buried: usize,
    ) -> Result<(), TruncatedTag> {
        let heads = &mut self.egress.heads;
        heads.untag_behind(transit, self.octets, buried)
    }

    /// Puts a tag into the octets, behind some that are there already.
    pub(super) fn bury(&mut self, transit: &mut Transit, tag: Tag, buried: usize) {
        self.egress.heads.bury(transit, self.octets, tag, buried);
    }

    /// Returns the EtherType (or length) of a copy, not counting the tag aside; 0 where it is cut off.
    pub(super) fn ether_type(&self, transit: &Transit) -> u16 {
        let heads = &self.egress.heads;
        heads.ether_type(transit, self.octets).unwrap_or(0)
    }

    /// Puts a tag aside; one that is there already becomes payload.
    #[inline(always)]
    pub(super) fn push_tag(&mut self, transit: &mut Transit, tag: Tag) {
        self.settle_tag(transit);
        transit.tag = Some(tag);
    }

    /// Makes the tag aside payload.
    #[inline(always)]
    pub(super) fn settle_tag(&mut self, transit: &mut Transit) {
        if transit.tag.is_some() {
            // What is put into the frame is known for what it is (vlan_insert_tag_set_proto).
            self.mistaken = None;
            self.egress.heads.settle_tag(transit, self.octets);
        }
    }

    /// Returns what a copy carries behind its addresses and the tag aside: an EtherType (or length) and
    /// what follows (`skb->protocol`).
    pub(super) fn protocol(&self, transit: &Transit) -> Option<(u16, &[u8])> {
        self.egress.heads.protocol(transit, self.octets)
    }

    /// Returns [`Self::protocol`] as multicast snooping sees it: of a tagged frame that a packet socket
    /// sends by a VLAN device, the type behind all tags, but what follows the first type.
    pub(super) fn snooped_protocol(&self, transit: &Transit) -> Option<(u16, &[u8])> {
        let (ether_type, payload) = self.protocol(transit)?;
        match self.mistaken.filter(|_| is_tag_type(ether_type)) {
            Some(behind) => Some((behind, payload)),
            None => Some((ether_type, payload)),
        }
    }

    /// [`Self::protocol`] behind some tags that stay in front of the octets.
    #[inline]
    pub(super) fn protocol_behind(&self, transit: &Transit, buried: usize) -> Option<(u16, &[u8])> {
        let heads = &self.egress.heads;
        match buried {
            0 => heads.protocol(transit, self.octets),
            _ => heads.protocol_behind(transit, self.octets, buried),
        }
    }

    /// Returns [`Self::protocol`] with the table that was loaded last.
    pub(super) fn seen(&self, transit: &Transit) -> Option<(&View<'a>, (u16, &[u8]))> {
        let (_, view) = self.view.as_ref()?;
        Some((view, self.protocol(transit)?))
    }

    /// Sends a frame that the path itself made out of a netdev.
    pub(super) fn send(&mut self, netdev: NetdevId, octets: &[u8], tag: Option<Tag>) {
        self.send_pieces(netdev, &[octets], tag);
    }

    /// [`Self::send`] of a frame in pieces.
    pub(super) fn send_pieces(&mut self, netdev: NetdevId, pieces: &[&[u8]], tag: Option<Tag>) {
        let sender = &self.plan.netdevs[netdev.index()];
        let transit = match sender.transmit {
            Transmit::Vlan(index) => self.generate_on_vlan_device(index, pieces, tag),
            _ => self.generate(pieces, tag),
        };
        let saved = (self.header, self.priority);
        (self.header, self.priority) = (self.header_of(&transit), 0);
        if sender.up {
            self.transmit(netdev, sender, transit);
        } else {
            self.lose(netdev, DropReason::NetdevDown);
        }
        (self.header, self.priority) = saved;
    }

    /// Hands a frame that the path itself made to the stack of a netdev (`netif_rx`).
    pub(super) fn hand_up(&mut self, netdev: NetdevId, octets: &[u8], tag: Option<Tag>) {
        let transit = self.generate(&[octets], tag);
        let header = self.header;
        self.header = self.header_of(&transit);
        self.receive_up(netdev, &transit);
        self.header = header;
    }

    /// [`Self::generate`], with what a VLAN device puts into the headers that its own stack makes: nothing, and
    /// nothing is allocated, unless one is without `reorder_hdr`.
    #[cold]
    fn generate_on_vlan_device(
        &mut self,
        index: u32,
        pieces: &[&[u8]],
        tag: Option<Tag>,
    ) -> Transit {
        let mut tags = Vec::new();
        vlan::tags_in_header(self.plan, index, &mut tags);
        if tags.is_empty() {
            return self.generate(pieces, tag);
        }
        let first = pieces.first().copied().unwrap_or_default();
        let (addresses, rest) = first.split_at(first.len().min(ADDRESSES));
        let mut all = vec![addresses, &tags, rest];
        all.extend(pieces.iter().skip(1));
        self.generate(&all, tag)
    }

    fn generate(&mut self, pieces: &[&[u8]], tag: Option<Tag>) -> Transit {
        let mut transit = Transit::new(PacketType::Host);
        self.egress
            .heads
            .generate(self.octets, pieces, &mut transit);
        transit.tag = tag;
        transit
    }

    /// Returns what is left to do to a copy. Nothing is to what the path made itself, nor to a frame that was
    /// taken out of one whose own checksum was left to do.
    pub(super) fn left_to_do(&self, transit: &Transit) -> Offload {
        let offload = self.offloads.get(self.frame as usize).copied();
        let offload = offload.filter(|it| !it.is_none() && !transit.made_here(self.octets));
        let signed = |length: usize| isize::try_from(length).unwrap_or(0);
        let by = signed(self.len(transit)) - signed(self.octets.len());
        let shifted = offload.and_then(|offload| offload.shifted(by));
        shifted.unwrap_or(Offload::NONE)
    }

    /// A super-frame was cut on its way, into some frames.
    pub(super) fn count_segments(&mut self, segments: u64) {
        if let Some(ingress) = self.ingress {
            let counters = &mut self.counters.attachments[ingress.index()];
            counters.segmented += 1;
            counters.segments += segments;
        }
    }

    /// Returns the length of a copy on a wire, tag included.
    #[inline(always)]
    pub(super) fn wire_len(&self, transit: &Transit) -> usize {
        self.len(transit) + transit.tag.map_or(0, |_| TAG_LEN)
    }

    /// Returns the length of a copy without the tag aside (`skb->len` and the header).
    #[inline(always)]
    pub(super) fn len(&self, transit: &Transit) -> usize {
        Heads::len(transit, self.octets)
    }

    /// Returns the header of a copy, which may no longer be that of the frame.
    pub(super) fn header_of(&self, transit: &Transit) -> Header {
        let ether_type = self.ether_type(transit);
        let heads = &self.egress.heads;
        let (destination, source) = heads.addresses(transit).unwrap_or_else(|| {
            let frame = Header::parse(self.octets).unwrap_or(Header::NONE);
            (frame.destination, frame.source)
        });
        Header::new(destination, source, ether_type)
    }

    /// The frame goes no further from here; if it goes nowhere else, this is why.
    #[cold]
    pub(super) fn refuse(&mut self, reason: DropReason) {
        self.tell(|_| Note::Refused(reason));
        self.refused.get_or_insert(reason);
    }

    /// A copy that should have left by a netdev does not.
    #[cold]
    pub(super) fn lose(&mut self, netdev: NetdevId, reason: DropReason) {
        self.egress.lost.push(Lost {
            frame: self.frame,
            netdev,
            reason,
        });
        if let Some(ingress) = self.ingress {
            self.counters.attachments[ingress.index()].copies_lost[reason as usize] += 1;
        }
        self.tell(|_| Note::Lost { netdev, reason });
        self.refused.get_or_insert(reason);
    }

    /// Returns the table of a bridge, loaded at most once per batch as long as it is the only one met.
    #[inline(always)]
    pub(super) fn view(&mut self, bridge: u32) -> &View<'a> {
        let plan = self.plan;
        if !matches!(&self.view, Some((loaded, _)) if *loaded == bridge) {
            let PlanBridge { fdb, hold, .. } = &plan.bridges[bridge as usize];
            self.view = Some((bridge, fdb.view(self.now, *hold)));
        }
        let (_, view) = self.view.as_ref().expect("it was just loaded");
        view
    }

    /// Loads the table of a bridge again, if a larger one took its place.
    pub(super) fn keep_view_current(&mut self, bridge: u32) {
        if !self.view(bridge).is_current() {
            self.view = None;
            self.view(bridge);
        }
    }

    /// [`Self::view`], out of its place until [`Self::give_view`].
    #[inline(always)]
    pub(super) fn take_view(&mut self, bridge: u32) -> View<'a> {
        self.view(bridge);
        let (_, view) = self.view.take().expect("it was just loaded");
        view
    }

    #[inline(always)]
    pub(super) fn give_view(&mut self, bridge: u32, view: View<'a>) {
        self.view = Some((bridge, view));
    }

    #[inline(always)]
    pub(super) fn count_rx(&mut self, netdev: NetdevId, octets: usize) {
        let counters = &mut self.counters.netdevs[netdev.index()];
        counters.rx_packets += 1;
        counters.rx_bytes += octets as u64;
    }

    #[inline(always)]
    pub(super) fn count_tx(&mut self, netdev: NetdevId, octets: usize) {
        let counters = &mut self.counters.netdevs[netdev.index()];
        counters.tx_packets += 1;
        counters.tx_bytes += octets as u64;
    }
}

/// For whom a frame is that a netdev with an address receives (`eth_type_trans`).
#[inline(always)]
pub(super) fn kind_for(header: &Header, mac: MacAddr) -> PacketType {
    match header.kind {
        PacketType::Host if header.destination != mac => PacketType::OtherHost,
        kind => kind,
    }
}

/// Returns the bridge whose table every frame of an attachment meets first, if it meets one, and the
/// VLAN in which untagged frames meet it.
fn first_bridge(plan: &Plan, attachment: AttachmentId) -> Option<(u32, Option<Vid>)> {
    let PlanAttachment { netdev, side } = plan.attachments[attachment.index()];
    let port_of = |netdev: NetdevId| match plan.netdevs[netdev.index()].receive {
        Receive::Bridge(bridge, number) => {
            let port = plan.bridges[bridge as usize].port(number);
            Some((bridge, port.and_then(|port| port.pvid)))
        }
        Receive::Stack
        | Receive::Macvlan(_)
        | Receive::Ipvlan(_)
        | Receive::Device(_)
        | Receive::Cable(_) => None,
    };
    match (side, plan.netdevs[netdev.index()].transmit) {
        (Side::Wire, _) => port_of(netdev),
        (Side::Stack, Transmit::Peer(peer)) => port_of(peer),
        (Side::Stack, Transmit::Bridge(bridge)) => {
            let vlans = plan.bridges[bridge as usize].vlans.as_deref();
            Some((bridge, vlans.and_then(|vlans| vlans.host_pvid)))
        }
        (Side::Stack | Side::Device | Side::Underlay(_), _) => None,
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
