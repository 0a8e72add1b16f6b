//! Unicast without a tag by way of macvlans, or of ipvlan devices in mode l2: from the wire of the netdev that
//! they stand on, or from one of them.
//!
//! Measured (`tools/instructions`), of a bridge's 269: macvlans 130 to 204, where the long way took 353; ipvlan
//! devices 107 to 262, of 490. With 1,000 children the time is 0.93 to 1.12 x that with 64 (`benches/children.rs`).

use crate::switch::egress::{Copy, Egress};
use crate::switch::ipvlan::{IpvlanFlag, IpvlanMode, PlanIpvlan};
use crate::switch::macvlan::Mode;
use crate::switch::path::{Header, Walk, kind_for};
use crate::switch::transit::Edit;
use crate::switch::{
    AttachmentId, Counters, NetdevId, PacketType, Plan, PlanMacvlan, PlanMacvlanPort, PlanNetdev,
    Receive, Side, Transmit,
};
use crate::wire::{ETHERNET_HEADER, is_tag_type};

/// A way to the children of a netdev, or from one of them.
pub(in crate::switch) struct StackedLane<'a> {
    /// The netdev that they stand on.
    lower: &'a PlanNetdev,
    lower_id: NetdevId,
    /// Whose stack frames come from; without one, they come in by the wire.
    child: Option<NetdevId>,
    kind: Kind<'a>,
    /// Octets of the longest frame that surely gets as far as the children.
    longest: usize,
    /// Frames that went this way, and their octets.
    frames: u64,
    octets: u64,
}

/// How children are told apart.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Macvlan {
        port: &'a PlanMacvlanPort,
        /// Frames may be for a child: their sender is none, or one in bridge mode.
        inside: bool,
    },
    Ipvlan {
        port: &'a PlanIpvlan,
    },
}

/// A frame that a child received and that is still to be counted.
#[derive(Clone, Copy, Debug)]
pub(in crate::switch) struct Received {
    child: NetdevId,
    attachment: AttachmentId,
    octets: u32,
    /// What the child counts beyond them.
    more: u8,
}

/// Where a frame leaves, for whom it is there, and who counts it on its way.
#[derive(Clone, Copy)]
struct Exit {
    attachment: AttachmentId,
    kind: PacketType,
    passed: Passed,
}

/// What a frame passes on its way out.
#[derive(Clone, Copy)]
enum Passed {
    /// A child, which receives it as so many octets more.
    Child(NetdevId, u8),
    /// Nobody: it is for the stack of the lower.
    Nobody,
    /// The lower, which sends it.
    Lower,
}

/// Counts what children received: by whom, where it left, octets there and beyond.
///
/// After a batch, and not frame by frame: each of many children has its counters far from those of the one
/// before, and one loop that does nothing else waits for many of them at a time.
#[inline(never)]
fn count_received(received: &[Received], counters: &mut Counters) {
    for frame in received {
        let netdev = &mut counters.netdevs[frame.child.index()];
        netdev.rx_packets += 1;
        netdev.rx_bytes += u64::from(frame.octets) + u64::from(frame.more);
        let left = &mut counters.attachments[frame.attachment.index()];
        left.frames_out += 1;
        left.octets_out += u64::from(frame.octets);
    }
}

/// What an ipvlan device counts of a frame of a sibling beyond its octets: its header again.
const HEADER_AGAIN: u8 = 14;
const _: () = assert!(HEADER_AGAIN as usize == ETHERNET_HEADER);

impl<'a> StackedLane<'a> {
    /// Returns the lane that begins at an attachment, if one does.
    pub(in crate::switch) fn of(plan: &'a Plan, ingress: AttachmentId) -> Option<Self> {
        let attachment = plan.attachments[ingress.index()];
        let sender = &plan.netdevs[attachment.netdev.index()];
        let (lower_id, kind) = match (attachment.side, sender.receive, sender.transmit) {
            (Side::Wire, Receive::Macvlan(port), _) => {
                let by_address = plan.macvlan_ports[port as usize].passthru.is_none();
                let kind = by_address.then(|| Kind::macvlan(plan, port, true))?;
                (attachment.netdev, kind)
            }
            (Side::Stack, _, Transmit::Macvlan(index)) => {
                let child = &plan.macvlans[index as usize];
                let port = child.carrier.then_some(child.port)?;
                let lower = plan.macvlan_ports[port as usize].lower;
                (lower, Kind::macvlan(plan, port, child.mode == Mode::Bridge))
            }
            (Side::Wire, Receive::Ipvlan(port), _) => (attachment.netdev, Kind::ipvlan(plan, port)),
            (Side::Stack, _, Transmit::Ipvlan(index)) => {
                let child = &plan.ipvlan_children[index as usize];
                (child.lower, Kind::ipvlan(plan, child.port))
            }
            _ => return None,
        };
        let (child, longest) = match attachment.side {
            Side::Wire => (None, usize::MAX),
            _ => (
                Some(attachment.netdev),
                sender.mtu as usize + ETHERNET_HEADER,
            ),
        };
        let lower = &plan.netdevs[lower_id.index()];
        (sender.up && lower.up && kind.is_plain()).then_some(Self {
            lower,
            lower_id,
            child,
            kind,
            longest,
            frames: 0,
            octets: 0,
        })
    }

    /// Takes frames of a batch, from one on, to where they leave; returns how many, up to the first about
    /// which there is more to say.
    pub(super) fn take(&mut self, walk: &mut Walk<'a>, frames: &[&'a [u8]], first: usize) -> usize {
        match self.kind {
            Kind::Macvlan { port, inside } => {
                self.take_by(walk, frames, first, &|lane, header, octets| {
                    let among = inside.then(|| port.stations.get(header.destination));
                    lane.by_station(among.flatten(), header, octets.len())
                })
            }
            Kind::Ipvlan { port } => self.take_by(walk, frames, first, &|lane, header, octets| {
                lane.by_address(port, header, octets)
            }),
        }
    }

    /// [`Self::take`], once for each way to tell where a frame leaves.
    #[inline(always)]
    fn take_by(
        &mut self,
        walk: &mut Walk<'a>,
        frames: &[&'a [u8]],
        first: usize,
        exit: &impl Fn(&Self, &Header, &[u8]) -> Option<Exit>,
    ) -> usize {
        let Egress {
            queues, received, ..
        } = &mut *walk.egress;
        received.clear();
        // Frames and octets to the stack of the lower, and those that it sent.
        let (mut up, mut sent) = ([0; 2], [0; 2]);
        let mut octets_taken = 0;
        let mut number = first;
        while let Some(octets) = frames.get(number).copied() {
            let Some(header) = Header::parse(octets) else {
                break;
            };
            let plain = !header.destination.is_group() && !is_tag_type(header.ether_type);
            if !plain || octets.len() > self.longest {
                break;
            }
            let Some(exit) = exit(self, &header, octets) else {
                break;
            };
            let len = octets.len();
            // A batch is not longer than 2^32 frames.
            let frame = u32::try_from(number).unwrap_or(u32::MAX);
            let (kind, edit) = (exit.kind, Edit::NONE);
            let copy = Copy { frame, kind, edit };
            queues.push(exit.attachment, copy);
            match exit.passed {
                Passed::Child(child, more) => received.push(Received {
                    child,
                    attachment: exit.attachment,
                    // No frame is longer.
                    octets: u32::try_from(len).unwrap_or(u32::MAX),
                    more,
                }),
                Passed::Nobody => up = [up[0] + 1, up[1] + len as u64],
                Passed::Lower => sent = [sent[0] + 1, sent[1] + len as u64],
            }
            octets_taken += len as u64;
            number += 1;
        }
        count_received(received, walk.counters);
        let Counters {
            attachments,
            netdevs,
            ..
        } = &mut *walk.counters;
        let mut left = |at: AttachmentId, [frames, octets]: [u64; 2]| {
            attachments[at.index()].frames_out += frames;
            attachments[at.index()].octets_out += octets;
        };
        if up[0] > 0 {
            left(self.lower.stack, up);
        }
        if let Transmit::Wire(wire) = self.lower.transmit {
            left(wire, sent);
            netdevs[self.lower_id.index()].tx_packets += sent[0];
            netdevs[self.lower_id.index()].tx_bytes += sent[1];
        }
        self.frames += (number - first) as u64;
        self.octets += octets_taken;
        number - first
    }

    /// Where a frame leaves among macvlans, if that is plain to see; `child` has its destination address.
    #[inline(always)]
    fn by_station(&self, child: Option<&PlanMacvlan>, header: &Header, len: usize) -> Option<Exit> {
        match (self.child, child) {
            (None, Some(child)) if child.mode == Mode::Source => None,
            (Some(_), Some(child)) if child.mode != Mode::Bridge => self.by_wire(),
            (sender, Some(child)) => {
                // From sibling to sibling by way of the lower.
                let fits = sender.is_none() || len <= self.lower.longest();
                Some(Exit {
                    attachment: child.stack.filter(|_| fits)?,
                    kind: PacketType::Host,
                    passed: Passed::Child(child.netdev, 0),
                })
            }
            (None, None) if self.lower.underlay.is_some() => None,
            (None, None) => Some(self.up(header)),
            (Some(_), None) => self.by_wire(),
        }
    }

    /// Where a frame leaves among ipvlan devices, if that is plain to see.
    #[inline(always)]
    fn by_address(&self, port: &PlanIpvlan, header: &Header, octets: &[u8]) -> Option<Exit> {
        let packet = &octets[ETHERNET_HEADER..];
        if self.child.is_none() {
            let owner = port.owner_for(header.ether_type, packet, packet.len());
            return Some(match owner {
                None => self.up(header),
                Some(owner) => Exit {
                    attachment: owner.stack,
                    kind: kind_for(header, self.lower.mac),
                    passed: Passed::Child(owner.child, 0),
                },
            });
        }
        if header.destination != header.source || port.flag == IpvlanFlag::Vepa {
            return self.by_wire();
        }
        let owner = port.owner_for(header.ether_type, packet, octets.len())?;
        let plain = port.flag == IpvlanFlag::Bridge && octets.len() <= owner.longest as usize;
        plain.then_some(Exit {
            attachment: owner.stack,
            kind: kind_for(header, self.lower.mac),
            passed: Passed::Child(owner.child, HEADER_AGAIN),
        })
    }

    /// To the stack of the lower.
    #[inline(always)]
    fn up(&self, header: &Header) -> Exit {
        Exit {
            attachment: self.lower.stack,
            kind: kind_for(header, self.lower.mac),
            passed: Passed::Nobody,
        }
    }

    /// Out by the lower's wire, if it has one.
    #[inline(always)]
    fn by_wire(&self) -> Option<Exit> {
        match self.lower.transmit {
            Transmit::Wire(attachment) => Some(Exit {
                attachment,
                kind: PacketType::Host,
                passed: Passed::Lower,
            }),
            _ => None,
        }
    }

    /// Counts the frames that went this way, where they came by, and returns how many.
    pub(super) fn count(&self, walk: &mut Walk<'_>) -> u64 {
        let netdevs = &mut walk.counters.netdevs;
        match self.child {
            None => {
                netdevs[self.lower_id.index()].rx_packets += self.frames;
                netdevs[self.lower_id.index()].rx_bytes += self.octets;
            }
            Some(child) => {
                netdevs[child.index()].tx_packets += self.frames;
                netdevs[child.index()].tx_bytes += self.octets;
            }
        }
        self.frames
    }
}

impl<'a> Kind<'a> {
    fn macvlan(plan: &'a Plan, port: u32, inside: bool) -> Self {
        Self::Macvlan {
            port: &plan.macvlan_ports[port as usize],
            inside,
        }
    }

    fn ipvlan(plan: &'a Plan, port: u32) -> Self {
        Self::Ipvlan {
            port: &plan.ipvlans[port as usize],
        }
    }

    /// Nothing but their addresses says where frames go.
    const fn is_plain(&self) -> bool {
        match self {
            Self::Macvlan { port, .. } => port.sources.is_empty(),
            Self::Ipvlan { port, .. } => matches!(port.mode, IpvlanMode::L2),
        }
    }
}
