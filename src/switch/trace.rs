//! What happened to one frame on its way: hop by hop, with what was looked up, learned and decided.
//!
//! A walk ([`super::path`]) tells whoever *watches* it. The watcher is a type: most walks have `()`, of which
//! every method is empty, and [`forward_watched`](super::forward_watched) has a [`Trace`]. The long way costs what
//! it did without (within 1 %, `tools/instructions`).
//! So what is explained is the way itself and no second telling of it. A trace changes nothing: with and without,
//! a frame leads to the same octets, counters and tables (`control::trace_tests`).
//!
//! Hops form a tree: each but the first comes from one that was there before, and where a copy ends (it left, was
//! taken by control, or went nowhere for a reason) is the note of a hop. [`Trace::verdict`] is told from these alone.
//!
//! Bounds: [`MAX_HOPS`] and [`MAX_NOTES`]; what a loop makes beyond is counted, and the verdict is still right.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::fdb::{Flags, Learn};
use super::ipvlan::{Inward, IpvlanFlag, IpvlanMode, Outward};
use super::macvlan::{Mode, Origin};
use super::plan::PortState;
use super::vxlan::{Learned, Remote};
use super::{AttachmentId, DropReason, NetdevId, PacketType, Side, TrapKind, Verdict};
use crate::time::{Duration, Instant};
use crate::wire::{MacAddr, Tag, Vid};

/// Hops that a trace has.
pub const MAX_HOPS: usize = 65_536;

/// Notes that a trace has.
pub const MAX_NOTES: usize = 65_536;

/// Ports of one flood of which is said why they do not get the frame.
pub const MAX_KEPT: usize = 32;

/// One step of a copy: a netdev has it, or a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The hop that the copy comes from, as an index; `None` for the first.
    pub from: Option<u32>,
    /// Where it is. While a bridge relays it, the bridge's own netdev.
    pub netdev: NetdevId,
    /// What the netdev does with it.
    pub way: Way,
    /// The tag aside, which is not part of the octets: most tags are there.
    pub tag: Option<Tag>,
}

/// What a netdev does with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The frame comes into the network by an attachment of this side.
    Enters(Side),
    /// Receives it, as if from its wire side.
    Receives,
    /// Relays it as a bridge; it came in by this port.
    Relays {
        /// The port's netdev.
        port: NetdevId,
    },
    /// Sends it.
    Transmits,
}

/// What was found out, or done, at a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A copy left the network.
    Left {
        /// By this attachment.
        attachment: AttachmentId,
        /// For whom it is.
        kind: PacketType,
        /// The tag that is put back into the octets.
        tag: Option<Tag>,
        /// Octets, tag included.
        octets: usize,
    },
    /// Control got a copy.
    Trapped {
        /// What it is to make of it.
        kind: TrapKind,
    },
    /// The copy goes no further.
    Refused(DropReason),
    /// A copy that should have left by a netdev did not.
    Lost {
        /// That netdev.
        netdev: NetdevId,
        /// Why.
        reason: DropReason,
    },
    /// The VLAN filter of a bridge put the frame in a VLAN.
    Vlan {
        /// The VLAN.
        vid: Vid,
        /// What says so.
        by: VlanBy,
    },
    /// A bridge noted where the source is, or tried.
    Learned {
        /// The source.
        mac: MacAddr,
        /// Its VLAN.
        vid: Option<Vid>,
        /// The port.
        port: NetdevId,
        /// What came of it.
        outcome: Learn,
        /// The port before, if it moved.
        before: Option<NetdevId>,
        /// When the source was seen before.
        age: Option<Duration>,
    },
    /// A port that matters is in this state.
    State {
        /// The port.
        port: NetdevId,
        /// Its state.
        state: PortState,
    },
    /// A port by which a frame leaves a VLAN, or the bridge's own stack, is a member of it.
    Egress {
        /// The VLAN.
        vid: Vid,
        /// Without a tag.
        untagged: bool,
    },
    /// The ingress port has learning off.
    LearningOff,
    /// The frame is to a reserved address, which the bridge keeps for itself.
    Reserved,
    /// The filtering database was asked for the destination.
    Lookup {
        /// The destination.
        mac: MacAddr,
        /// Its VLAN.
        vid: Option<Vid>,
        /// What it says.
        found: Found,
    },
    /// The port of the destination has no carrier: its backup port is used.
    Backup {
        /// That port.
        port: NetdevId,
    },
    /// The frame is flooded.
    Flooded {
        /// Why.
        kind: Flooded,
    },
    /// One port that does not get a flooded frame, and why.
    Kept {
        /// The port.
        port: NetdevId,
        /// Why.
        why: Kept,
    },
    /// A group has members: only they and routers get the frame.
    Members {
        /// Ports that have some.
        ports: u32,
        /// The bridge's own stack is one.
        host: bool,
    },
    /// The bridge answered a question for a station.
    Answered {
        /// The station.
        mac: MacAddr,
    },
    /// The tag comes off.
    TagOff(Tag),
    /// The tag is put on.
    TagOn(Tag),
    /// The destination address is another now.
    Readdressed(MacAddr),
    /// Of the macvlans on a netdev, this one gets the frame.
    MacvlanChild {
        /// The macvlan.
        child: NetdevId,
        /// It has the netdev for itself.
        passthru: bool,
    },
    /// No macvlan has the destination address: the netdev's own stack gets the frame.
    MacvlanNobody,
    /// Macvlans in source mode ask for this source.
    MacvlanSource {
        /// One of them.
        child: NetdevId,
    },
    /// A frame to a group, and which macvlans it may reach.
    MacvlanGroup {
        /// Where it comes from.
        origin: Origin,
        /// How many get it.
        reached: u32,
    },
    /// A macvlan sends to another on the same netdev, over no wire.
    MacvlanSibling {
        /// The other.
        sibling: NetdevId,
    },
    /// A macvlan sends by the netdev below.
    MacvlanOut {
        /// Its mode.
        mode: Mode,
        /// Whom it meant, if that is somebody it cannot reach from here.
        meant: Option<Meant>,
    },
    /// What a netdev with ipvlan devices does with a frame that came in.
    IpvlanIn {
        /// The mode.
        mode: IpvlanMode,
        /// The address that the frame is for, or about.
        address: Option<IpAddr>,
        /// What becomes of it.
        to: Inward,
    },
    /// What an ipvlan device does with a frame that it sends.
    IpvlanOut {
        /// The mode.
        mode: IpvlanMode,
        /// Whom children reach.
        flag: IpvlanFlag,
        /// The address that the frame is for, or about.
        address: Option<IpAddr>,
        /// What becomes of it.
        to: Outward,
    },
    /// The stack below an ipvlan device sends the packet on to a station.
    Routed {
        /// The station.
        station: MacAddr,
    },
    /// A VXLAN device found an endpoint for the destination.
    VxlanTo {
        /// The station, or zero for the entry of all others.
        mac: MacAddr,
        /// The endpoint.
        remote: Remote,
        /// How long ago a frame was last sent there.
        idle: Option<Duration>,
    },
    /// The frame was put into a datagram.
    VxlanPutIn {
        /// Its network.
        vni: u32,
        /// The outer addresses.
        source: IpAddr,
        /// And the destination.
        destination: IpAddr,
        /// The outer destination port.
        port: u16,
    },
    /// A frame was taken out of a datagram.
    VxlanTakenOut {
        /// Its network.
        vni: u32,
        /// Where it came from.
        source: IpAddr,
    },
    /// A VXLAN device noted behind which endpoint a station is, or tried.
    VxlanLearned {
        /// The station.
        mac: MacAddr,
        /// The endpoint.
        ip: IpAddr,
        /// What came of it.
        outcome: Learned,
    },
    /// The packet is too big for its way and must not be fragmented: the device answers so.
    TooBig {
        /// The MTU that it tells of.
        mtu: usize,
    },
    /// A datagram to a tunnel.
    Vni {
        /// Its network.
        vni: u32,
        /// Its destination port.
        port: u16,
    },
}

/// What puts a frame in a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanBy {
    /// Its tag.
    Tag,
    /// It has none: the PVID of the port.
    Pvid,
    /// Its tag has only a priority: the PVID of the port.
    PriorityTag,
}

/// What a filtering database says of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is the bridge itself.
    Own,
    /// It is behind a port.
    Behind {
        /// The port; `None` for one that is gone.
        port: Option<NetdevId>,
        /// What is special about the entry.
        flags: Flags,
        /// How long ago the station was last seen.
        age: Duration,
    },
    /// Nothing.
    Nothing,
    /// Nothing any more: the entry is too old.
    Expired {
        /// How long ago the station was last seen.
        age: Duration,
    },
}

/// Why a frame is flooded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flooded {
    /// Its destination is not known.
    Unknown,
    /// It is to a group.
    Multicast,
    /// It is to all.
    Broadcast,
}

/// Why a port does not get a flooded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The frame came in by it, and hairpin is off.
    Ingress,
    /// It and the ingress port are isolated.
    Isolated,
    /// Private VLANs keep the two apart.
    Private,
    /// Its state.
    State(PortState),
    /// It is no forwarding member of the VLAN.
    Vlan,
    /// It floods no frames of this kind, or answers for its stations itself (`proxy_arp`).
    FloodOff,
    /// The bridge has answered the question.
    Answered,
    /// No DHCP server may be behind it.
    Untrusted,
    /// Ports beyond [`MAX_KEPT`].
    Others,
}

/// Whom a macvlan cannot reach, although it is on the same netdev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The stack of the netdev below.
    Parent,
    /// A macvlan that is not in bridge mode, or the sender is not.
    Sibling(NetdevId),
}

/// What became of one frame, hop by hop.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// When it came in.
    pub now: Instant,
    hops: Vec<Hop>,
    notes: Vec<(u32, Note)>,
    current: Option<u32>,
    /// The hops of the copies that wait, in their order.
    waiting: VecDeque<Option<u32>>,
    left_out: u64,
    copies: u64,
    trapped: bool,
    refused: Option<DropReason>,
}

impl Trace {
    /// Returns the hops, in the order in which they were made.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Returns the notes, in the order in which they were made, each with the index of its hop.
    #[must_use]
    pub fn notes(&self) -> &[(u32, Note)] {
        &self.notes
    }

    /// Returns how many hops and notes there were beyond the bounds.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns how many copies left.
    #[must_use]
    pub const fn copies(&self) -> u64 {
        self.copies
    }

    /// Returns what became of the frame, as the ends of its copies say: the rule of [`Verdict`].
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match (self.trapped, self.copies, self.refused) {
            (true, ..) => Some(Verdict::Trapped),
            (_, 1.., _) => Some(Verdict::Forwarded),
            (_, 0, Some(reason)) => Some(Verdict::Dropped(reason)),
            (_, 0, None) => None,
        }
    }

    /// Forgets the frame before.
    pub(super) fn start(&mut self, now: Instant) {
        self.hops.clear();
        self.notes.clear();
        self.waiting.clear();
        *self = Self {
            now,
            hops: std::mem::take(&mut self.hops),
            notes: std::mem::take(&mut self.notes),
            waiting: std::mem::take(&mut self.waiting),
            ..Self::default()
        };
    }
}

/// Where a watcher was, to go back to.
pub(super) type Mark = Option<u32>;

/// Who watches a walk. All methods are empty for who does not.
pub(super) trait Watch {
    /// Whether anybody does: what only a watcher needs is worked out behind this.
    const ON: bool;

    /// A copy is at a netdev; returns where it came from.
    #[inline(always)]
    fn enter(&mut self, way: Way, netdev: NetdevId, tag: Option<Tag>) -> Mark {
        _ = (way, netdev, tag);
        None
    }

    /// Whatever else the hop before does.
    #[inline(always)]
    fn back(&mut self, mark: Mark) {
        _ = mark;
    }

    /// Something was found out, or done.
    #[inline(always)]
    fn note(&mut self, note: Note) {
        _ = note;
    }

    /// The copy waits for its turn, behind all others that do.
    #[inline(always)]
    fn wait(&mut self) {}

    /// It is the turn of the copy that has waited longest.
    #[inline(always)]
    fn resume(&mut self) {}
}

/// Nobody.
impl Watch for () {
    const ON: bool = false;
}

impl Watch for &mut Trace {
    const ON: bool = true;

    fn enter(&mut self, way: Way, netdev: NetdevId, tag: Option<Tag>) -> Mark {
        let mark = self.current;
        let before = mark.and_then(|at| self.hops.get(at as usize));
        // Where the frame came in is where it is sent, or received, first; and who is about to send may say
        // so before.
        let same = before.is_some_and(|hop| {
            let again = hop.way == way || matches!(hop.way, Way::Enters(_));
            hop.netdev == netdev && again
        });
        if same {
            return mark;
        }
        if self.hops.len() == MAX_HOPS {
            self.left_out += 1;
            // What happens here is of no hop that is kept.
            self.current = None;
            return mark;
        }
        self.current = u32::try_from(self.hops.len()).ok();
        self.hops.push(Hop {
            from: mark,
            netdev,
            way,
            tag,
        });
        mark
    }

    fn back(&mut self, mark: Mark) {
        self.current = mark;
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Left { .. } => self.copies += 1,
            // The same that make a frame control's alone (Walk::trap).
            Note::Trapped { kind } => {
                self.trapped |= matches!(kind, TrapKind::Bpdu | TrapKind::Unresolved);
            }
            Note::Refused(reason) | Note::Lost { reason, .. } => {
                self.refused.get_or_insert(reason);
            }
            _ => {}
        }
        match self.current {
            Some(at) if self.notes.len() < MAX_NOTES => self.notes.push((at, note)),
            _ => self.left_out += 1,
        }
    }

    fn wait(&mut self) {
        let current = self.current;
        self.waiting.push_back(current);
    }

    fn resume(&mut self) {
        self.current = self.waiting.pop_front().flatten();
    }
}
