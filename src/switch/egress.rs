//! What a batch of frames leads to: copies for attachments, losses, frames for control.

use std::collections::VecDeque;

use super::lane::{Outlet, Received};
use super::queues::{Copies, Queues};
use super::trail::Trail;
use super::transit::{Edit, Heads, Transit};
use super::{AttachmentId, DropReason, NetdevId, PacketType, Plan, Verdict};
use crate::wire::Vid;
use crate::wire::offload::Software;

/// One copy of a frame on its way out of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Which frame of the batch.
    pub frame: u32,
    /// For whom it is: as the stack there sees it, or, on a wire, by destination address.
    pub kind: PacketType,
    /// How its octets differ from the frame's: [`Egress::pieces`].
    pub edit: Edit,
}

/// One copy of a frame that did not get out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which frame of the batch.
    pub frame: u32,
    /// The netdev that it should have left by.
    pub netdev: NetdevId,
    /// Why it did not.
    pub reason: DropReason,
}

/// A frame for control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Which frame of the batch.
    pub frame: u32,
    /// The bridge port it came in by; the bridge itself for what its own stack sends.
    pub netdev: NetdevId,
    /// What control is to make of it.
    pub kind: TrapKind,
    /// The VLAN that the bridge put it in; `None` without VLAN filtering.
    pub vid: Option<Vid>,
    /// How its octets differ from the frame's: [`Egress::pieces`].
    pub edit: Edit,
}

/// Why control gets a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrapKind {
    /// To the Bridge Group Address while spanning tree runs, an outermost tag in its place. The frame
    /// is control's alone: its verdict is [`Verdict::Trapped`].
    Bpdu,
    /// A DHCP message on a bridge that snoops; the frame goes on.
    Dhcp,
    /// A violation of port security closed the port; the frame was dropped.
    Security,
    /// To a group, and somebody said something about groups: IGMP, MLD, or a router's announcement. It
    /// is forwarded, or not, all the same.
    Multicast,
    /// A bridge's alarm has noticed a loop, and left what it saw ([`Alarm::take`](super::alarm::Alarm::take)).
    /// Whatever becomes of the frame otherwise.
    Loop,
    /// An IP packet of a tunnel for somebody whose station is not known: control asks, and sends it.
    /// The netdev is the one to send it by; the destination of the frame is still zero. Its verdict is
    /// [`Verdict::Trapped`].
    Unresolved,
    /// ARP or neighbour discovery that goes up to the stack of a netdev below tunnels.
    Neighbour,
    /// A fragment of a datagram to a local address, which may turn out to be a tunnel's; it goes up to
    /// the stack all the same.
    Fragment,
}

/// What a batch leads to. Reused from batch to batch: once its queues have grown, a batch allocates
/// nothing.
#[derive(Debug, Default)]
pub struct Egress {
    pub(super) queues: Queues,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) lost: Vec<Lost>,
    pub(super) traps: Vec<Trap>,
    /// Copies that a netdev is still to receive, each with its priority.
    pub(super) pending: VecDeque<(NetdevId, Transit, u32)>,
    pub(super) heads: Heads,
    pub(super) trail: Trail,
    /// Where frames that are flooded leave.
    pub(super) outlets: Vec<Outlet>,
    /// What children received and is still to be counted.
    pub(super) received: Vec<Received>,
    /// Where octets are put together that do not stay where they are.
    pub(super) scratch: Vec<u8>,
    /// Likewise, for one segment of a super-frame.
    pub(super) segment: Vec<u8>,
    /// Cuts super-frames that leave their ordinary way.
    pub(super) software: Software,
}

impl Egress {
    /// Returns the verdict of each frame of the batch, in order.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Returns the copies for each attachment that got any, in the order in which they got the first.
    pub fn queues(&self) -> impl Iterator<Item = (AttachmentId, Copies<'_>)> {
        self.queues.iter()
    }

    /// Returns the octets of a copy or a trap in two pieces, one of which may be empty. `frame` is the
    /// frame of the batch that it was made from.
    #[inline]
    #[must_use]
    pub fn pieces<'a>(&'a self, edit: Edit, frame: &'a [u8]) -> [&'a [u8]; 2] {
        self.heads.pieces(edit, frame)
    }

    /// Returns the copies that did not get out.
    #[must_use]
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// Returns the frames for control, in order.
    #[must_use]
    pub fn traps(&self) -> &[Trap] {
        &self.traps
    }

    /// Forgets the batch before.
    pub(super) fn start(&mut self, plan: &Plan) {
        self.queues.start(plan.attachments.len());
        self.verdicts.clear();
        self.lost.clear();
        self.traps.clear();
        self.heads.clear();
        self.trail.start();
    }
}
