//! The short ways of most frames: to a known station of one bridge ([`bridge`]), to everybody behind it
//! ([`flood`]), and unicast by way of macvlans and ipvlan devices ([`stacked`]).
//!
//! What [`path`](super::path) and the file of the device would do to such a frame, with everything
//! that cannot matter to it decided once per batch ([`Lane::of`]) and the rest in one loop
//! ([`Lane::take`]). It has no verdicts of its own: a frame that anything else could happen to, a drop
//! included, is not taken, and goes the long way with nothing changed that the long way would not change.
//! So the long way is what to read and to explain; that both lead to the same, to the last counter, is a
//! property test (`control::lane_tests`).

mod bridge;
mod flood;
mod stacked;

use bridge::BridgeLane;
pub(super) use stacked::Received;
use stacked::StackedLane;

use super::path::Walk;
use super::{
    AttachmentCounters, AttachmentId, NetdevCounters, NetdevId, Plan, PlanNetdev, Transmit,
};
use crate::wire::MacAddr;

/// A way that begins at an attachment and on which most frames need little more than an address looked up.
pub(super) enum Lane<'a> {
    Bridge(BridgeLane<'a>),
    Stacked(StackedLane<'a>),
}

impl<'a> Lane<'a> {
    /// Returns the lane that begins at an attachment, if one does.
    pub(super) fn of(plan: &'a Plan, ingress: AttachmentId) -> Option<Self> {
        let bridge = BridgeLane::of(plan, ingress).map(Self::Bridge);
        bridge.or_else(|| StackedLane::of(plan, ingress).map(Self::Stacked))
    }

    /// Takes frames of a batch, from one on, to where they leave; returns how many, up to the first about
    /// which there is more to say.
    pub(super) fn take(&mut self, walk: &mut Walk<'a>, frames: &[&'a [u8]], first: usize) -> usize {
        match self {
            Self::Bridge(lane) => {
                let mut next = first;
                loop {
                    let known = lane.take(walk, frames, next);
                    let flooded = lane.take_flooded(walk, frames, next + known);
                    next += known + flooded;
                    if flooded == 0 {
                        return next - first;
                    }
                }
            }
            Self::Stacked(lane) => lane.take(walk, frames, first),
        }
    }

    /// Counts the frames that went this way.
    pub(super) fn count(&self, walk: &mut Walk<'_>, ingress: AttachmentId) {
        let frames = match self {
            Self::Bridge(lane) => lane.count(walk),
            Self::Stacked(lane) => lane.count(walk),
        };
        walk.counters.attachments[ingress.index()].forwarded += frames;
    }
}

/// Where frames to a bridge port leave: nothing but an attachment is behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlet {
    /// The port's netdev.
    netdev: NetdevId,
    attachment: AttachmentId,
    /// The netdev at the far end of the veth pair that leads there, and its address.
    peer: Option<(NetdevId, MacAddr)>,
    /// Octets of the longest frame, a tag not counted, that surely gets there.
    longest: usize,
}

impl Outlet {
    /// Returns what is behind a port's netdev, if that is plain: its wire, or a stack at the far end of a veth
    /// pair, which gets no tags here.
    fn of(netdevs: &[PlanNetdev], id: NetdevId) -> Option<Self> {
        let netdev = &netdevs[id.index()];
        let outlet = |attachment, peer, longest| Self {
            netdev: id,
            attachment,
            peer,
            longest,
        };
        match netdev.transmit {
            _ if !netdev.up => None,
            Transmit::Wire(wire) => Some(outlet(wire, None, netdev.longest())),
            Transmit::Peer(far) => {
                let peer = &netdevs[far.index()];
                let plain = peer.up && peer.uppers.is_none() && peer.is_last();
                let longest = netdev.longest().min(peer.longest());
                plain.then(|| outlet(peer.stack, Some((far, peer.mac)), longest))
            }
            _ => None,
        }
    }

    /// Counts frames that left, of so many octets together.
    fn count(
        &self,
        (frames, octets): (u64, u64),
        attachments: &mut [AttachmentCounters],
        netdevs: &mut [NetdevCounters],
    ) {
        attachments[self.attachment.index()].frames_out += frames;
        attachments[self.attachment.index()].octets_out += octets;
        netdevs[self.netdev.index()].tx_packets += frames;
        netdevs[self.netdev.index()].tx_bytes += octets;
        if let Some((peer, _)) = self.peer {
            netdevs[peer.index()].rx_packets += frames;
            netdevs[peer.index()].rx_bytes += octets;
        }
    }
}
