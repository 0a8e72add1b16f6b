//! To a known station of one bridge, from and to a plain port.
//!
//! Measured (`tools/instructions`): 269 instructions, of some 430 on the long way.

use super::Outlet;
use crate::switch::bridge::count_learned;
use crate::switch::egress::{Copy, Egress};
use crate::switch::path::{Header, Walk};
use crate::switch::plan::PortState;
use crate::switch::transit::{Edit, TAGGED_MIN};
use crate::switch::{
    AttachmentCounters, AttachmentId, Counters, Key, NetdevCounters, NetdevId, PacketType, Plan,
    PlanBridge, PlanNetdev, PlanPort, PlanVlan, PlanVlans, PortNo, Receive, Side, Transmit,
};
use crate::wire::{ETHERNET_HEADER, TAG_LEN, Tag, Vid, is_tag_type};

/// A way into a bridge by a plain port, on which frames between known stations need nothing but their
/// addresses looked up.
pub(in crate::switch) struct BridgeLane<'a> {
    /// The bridge, and its index in the plan.
    pub(super) bridge: &'a PlanBridge,
    pub(super) index: u32,
    pub(super) number: PortNo,
    pub(super) port: &'a PlanPort,
    entrance: Entrance,
    /// Frames with a tag belong to VLAN devices on the port.
    tags_elsewhere: bool,
    /// Octets of the longest frame, tag included, that surely gets as far as the bridge.
    pub(super) longest: usize,
    /// Frames that went this way, and their octets.
    pub(super) frames: u64,
    pub(super) octets: u64,
}

/// How frames get to the port.
#[derive(Clone, Copy)]
enum Entrance {
    /// By its own wire.
    Wire(NetdevId),
    /// From the stack at the far end of a veth pair.
    Peer { sender: NetdevId, port: NetdevId },
}

/// Where frames to a port leave in a VLAN, looked up once a batch, and what of them is still to be counted there.
#[derive(Clone, Copy)]
struct Exit {
    /// The port, `None` for none yet, and the VLAN.
    to: Option<PortNo>,
    vid: Option<Vid>,
    /// In the VLAN, frames leave with a tag.
    tagged: bool,
    /// `None` if something bars the way.
    outlet: Option<Outlet>,
    /// Frames that were sent, and their octets.
    frames: u64,
    octets: u64,
}

/// Exits that a batch remembers, by the last bits of the port's number.
const EXITS: usize = 8;

/// A VLAN that a frame is in.
type Vlan<'a> = Option<(Vid, &'a PlanVlan)>;

impl<'a> BridgeLane<'a> {
    /// Returns the lane that begins at an attachment, if one does.
    pub(super) fn of(plan: &'a Plan, ingress: AttachmentId) -> Option<Self> {
        let attachment = plan.attachments[ingress.index()];
        let sender = &plan.netdevs[attachment.netdev.index()];
        let (entrance, netdev, longest) = match (attachment.side, sender.transmit) {
            (Side::Wire, _) => (Entrance::Wire(attachment.netdev), sender, usize::MAX),
            (Side::Stack, Transmit::Peer(port)) => {
                let netdev = &plan.netdevs[port.index()];
                let sender_longest = sender.mtu as usize + ETHERNET_HEADER;
                let entrance = Entrance::Peer {
                    sender: attachment.netdev,
                    port,
                };
                (entrance, netdev, sender_longest.min(netdev.longest()))
            }
            _ => return None,
        };
        let Receive::Bridge(index, number) = netdev.receive else {
            return None;
        };
        let bridge = &plan.bridges[index as usize];
        let port = bridge.port(number)?;
        let plain = port.state == PortState::Forwarding
            && port.learning
            && !port.locked
            && port.guard.is_none();
        let quiet = bridge.neighbours.is_none() && !bridge.promiscuous && !bridge.hold.is_zero();
        (sender.up && netdev.up && plain && quiet).then_some(Self {
            bridge,
            index,
            number,
            port,
            entrance,
            tags_elsewhere: netdev.uppers.is_some(),
            longest,
            frames: 0,
            octets: 0,
        })
    }

    /// Takes frames of a batch, from one on, to where they leave; returns how many, up to the first about
    /// which there is more to say.
    pub(super) fn take(&mut self, walk: &mut Walk<'a>, frames: &[&'a [u8]], first: usize) -> usize {
        let Some(vlans) = self.bridge.vlans.as_deref() else {
            return self.take_by(walk, frames, first, &mut |_, tag| {
                Some((tag.is_some(), None))
            });
        };
        // Most frames are in the VLAN of the one before.
        let mut admitted: Vlan<'a> = None;
        self.take_by(walk, frames, first, &mut |lane, tag| {
            let vid = lane.vid(vlans, tag)?;
            if admitted.is_none_or(|(before, _)| before != vid) {
                admitted = Some((vid, lane.admit(vlans, vid)?));
            }
            Some((tag.is_some(), admitted))
        })
    }

    /// [`Self::take`], once for each way to tell a frame's VLAN: `classify` also says whether it has a tag
    /// that is not its payload.
    #[inline(always)]
    fn take_by(
        &mut self,
        walk: &mut Walk<'a>,
        frames: &[&'a [u8]],
        first: usize,
        classify: &mut impl FnMut(&Self, Option<Tag>) -> Option<(bool, Vlan<'a>)>,
    ) -> usize {
        let mut view = walk.take_view(self.index);
        let mut gaze = view.gaze();
        let netdevs = &walk.plan.netdevs[..];
        let mut exits = [Exit::NONE; EXITS];
        let Egress { queues, heads, .. } = &mut *walk.egress;
        let Counters {
            attachments,
            netdevs: counters,
            bridges,
            ..
        } = &mut *walk.counters;
        let mut octets_taken = 0;
        let mut number = first;
        while let Some(octets) = frames.get(number).copied() {
            // Nothing is changed before all of this holds, but when its destination was used; the long way does
            // that, too.
            let Some(header) = Header::parse(octets) else {
                break;
            };
            if octets.len() > self.longest {
                break;
            }
            // Who speaks to itself may have moved.
            let to_itself = header.source == header.destination;
            if !header.source.is_station() || header.destination.is_group() || to_itself {
                break;
            }
            let tag = match is_tag_type(header.ether_type) {
                false => None,
                true if self.tags_elsewhere || octets.len() < TAGGED_MIN => break,
                true => Tag::read(&octets[12..]),
            };
            let Some((tagged, vlan)) = classify(self, tag) else {
                break;
            };
            let key = |mac| Key::new(mac, vlan.map(|(vid, _)| vid));
            let to = gaze.lookup(key(header.destination));
            let Some(to) = to else {
                break;
            };
            let exit = &mut exits[to.index() % EXITS];
            if exit.to != Some(to) || exit.vid != vlan.map(|(vid, _)| vid) {
                exit.count(attachments, counters);
                *exit = self.exit(netdevs, to, vlan);
            }
            let leaves_tagged = match vlan {
                None => tagged,
                Some(_) => exit.tagged,
            };
            let bare = octets.len() - tag.map_or(0, |_| TAG_LEN);
            let Some(outlet) = exit.outlet.filter(|it| bare <= it.longest) else {
                break;
            };
            let kind = match outlet.peer {
                None => PacketType::Host,
                // A stack gets no tags here.
                Some(_) if leaves_tagged => break,
                Some((_, mac)) if mac == header.destination => PacketType::Host,
                Some(_) => PacketType::OtherHost,
            };

            // It is taken, so that what is learned from it is counted once.
            let source = key(header.source);
            if !gaze.refresh(source, self.number) {
                let counters = &mut bridges[self.bridge.netdev.index()];
                count_learned(counters, view.learn(source, self.number));
                if !view.is_current() {
                    view = self.bridge.fdb.view(walk.now, self.bridge.hold);
                    gaze = view.gaze();
                }
            }
            // A batch is not longer than 2^32 frames.
            let frame = u32::try_from(number).unwrap_or(u32::MAX);
            let edit = match (tagged, vlan.zip(self.bridge.vlans.as_deref())) {
                (false, Some(((vid, _), vlans))) if leaves_tagged => {
                    heads.push(Tag::new(vlans.protocol, vid), octets)
                }
                (true, Some(_)) if !leaves_tagged => heads.pop(),
                _ => Edit::NONE,
            };
            let len = bare + if leaves_tagged { TAG_LEN } else { 0 };
            exit.frames += 1;
            exit.octets += len as u64;
            let copy = Copy { frame, kind, edit };
            queues.push(outlet.attachment, copy);
            octets_taken += octets.len() as u64;
            number += 1;
        }
        for exit in &exits {
            exit.count(attachments, counters);
        }
        walk.give_view(self.index, view);
        self.frames += (number - first) as u64;
        self.octets += octets_taken;
        number - first
    }

    /// The VLAN of a frame that comes in by the port: of its tag, or the port's.
    #[inline(always)]
    fn vid(&self, vlans: &PlanVlans, tag: Option<Tag>) -> Option<Vid> {
        match tag {
            None => self.port.pvid,
            Some(tag) if tag.tag_type == vlans.protocol => Vid::new(tag.vid()),
            Some(_) => None,
        }
    }

    /// A VLAN in which frames of the port may come in and go on.
    fn admit<'v>(&self, vlans: &'v PlanVlans, vid: Vid) -> Option<&'v PlanVlan> {
        let vlan = vlans.get(vid)?;
        let open = vlan.ingress.contains(self.number) && vlan.egress.contains(self.number);
        (open && vlan.stats.is_none()).then_some(vlan)
    }

    /// Where frames to a port leave.
    #[inline(never)]
    fn exit(&self, netdevs: &[PlanNetdev], to: PortNo, vlan: Vlan<'_>) -> Exit {
        let open = |port: &&PlanPort| {
            !self.port.barred.contains(to)
                && port.state == PortState::Forwarding
                && port.backup.is_none()
                && vlan.is_none_or(|(_, vlan)| vlan.egress.contains(to))
        };
        let port = self.bridge.port(to).filter(open);
        Exit {
            to: Some(to),
            vid: vlan.map(|(vid, _)| vid),
            tagged: vlan.is_some_and(|(_, vlan)| !vlan.untagged.contains(to)),
            outlet: port.and_then(|port| Outlet::of(netdevs, port.netdev)),
            ..Exit::NONE
        }
    }

    /// Counts the frames that went this way, where they came by, and returns how many.
    pub(super) fn count(&self, walk: &mut Walk<'_>) -> u64 {
        let netdevs = &mut walk.counters.netdevs;
        let mut count_rx = |netdev: NetdevId| {
            netdevs[netdev.index()].rx_packets += self.frames;
            netdevs[netdev.index()].rx_bytes += self.octets;
        };
        match self.entrance {
            Entrance::Wire(netdev) => count_rx(netdev),
            Entrance::Peer { sender, port } => {
                count_rx(port);
                netdevs[sender.index()].tx_packets += self.frames;
                netdevs[sender.index()].tx_bytes += self.octets;
            }
        }
        self.frames
    }
}

impl Exit {
    const NONE: Self = Self {
        to: None,
        vid: None,
        tagged: false,
        outlet: None,
        frames: 0,
        octets: 0,
    };

    /// Counts what was sent.
    fn count(&self, attachments: &mut [AttachmentCounters], netdevs: &mut [NetdevCounters]) {
        if let Some(outlet) = self.outlet.filter(|_| self.frames > 0) {
            outlet.count((self.frames, self.octets), attachments, netdevs);
        }
    }
}
