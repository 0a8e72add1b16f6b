//! A frame's way through VLAN devices.
//!
//! `receive` is what a netdev with VLAN devices on it does first with a frame that comes in, before
//! its bridge sees it: the device of the frame's VLAN takes it, and then the same happens there
//! (`vlan_do_receive`, which `__netif_receive_skb_core` calls again and again). `transmit` is a frame
//! that leaves by a VLAN device: it gets the device's tag and leaves by the lower
//! (`vlan_dev_hard_start_xmit`).
//!
//! | tag of the frame | on a bridge port | elsewhere |
//! |---|---|---|
//! | VLAN of a device that is up | the device's | the device's |
//! | VLAN of a device that is down | dropped | dropped |
//! | another VLAN | the bridge's, tag and all | the stack's, tag and all, for somebody else |
//! | VID 0, then a tag of a device | the bridge's | the device's: VID 0 is no VLAN |
//!
//! Steps up and down count as hops ([`HOP_LIMIT`](super::path::HOP_LIMIT)), because VLAN devices that
//! are ports of several bridges multiply copies.

use super::macvlan::{self, Handled};
use super::path::Walk;
use super::trace::{Note, Watch, Way};
use super::transit::Transit;
use super::{
    DropReason, NetdevId, PacketType, Plan, PlanNetdev, Receive, Transmit, bridge, ipvlan,
};
use crate::wire::{ETHERNET_HEADER, TAG_LEN, Tag, TagType, is_tag_type};

/// The VLAN devices on a netdev.
#[derive(Clone, Debug, Default)]
pub struct Uppers {
    /// By tag type and VID, in this order.
    devices: Vec<(TagType, u16, NetdevId)>,
}

impl Uppers {
    /// Makes a table of (tag type, VID, device), each VLAN at most once.
    #[must_use]
    pub fn new(devices: impl IntoIterator<Item = (TagType, u16, NetdevId)>) -> Self {
        let mut devices: Vec<_> = devices.into_iter().collect();
        devices.sort_unstable();
        Self { devices }
    }

    /// Returns the device of a tag's VLAN.
    pub(super) fn get(&self, tag: Tag) -> Option<NetdevId> {
        let key = |(tag_type, vid, _): &(TagType, u16, NetdevId)| (*tag_type, *vid);
        let wanted = (tag.tag_type, tag.vid());
        let at = self.devices.binary_search_by_key(&wanted, key).ok()?;
        self.devices.get(at).map(|(_, _, device)| *device)
    }
}

/// One VLAN device, as the fast path sees it.
#[derive(Clone, Debug)]
pub struct PlanVlanDevice {
    /// The netdev below it.
    pub lower: NetdevId,
    /// The type of its tag.
    pub tag_type: TagType,
    /// Its VID, 0 to 4094.
    pub vid: u16,
    /// Has carrier; without, it sends nothing.
    pub carrier: bool,
    /// `reorder_hdr`: frames come up without their tag.
    pub reorder_hdr: bool,
    /// The lower takes a tag in metadata (`NETIF_F_HW_VLAN_*TAG_TX`), so that it does not count as
    /// length: all but dummies and VLAN devices do.
    pub lower_takes_tags: bool,
    /// The priority of a received frame by the PCP of its tag.
    pub ingress_qos: [u32; 8],
    /// (priority, PCP): of a frame that is sent, and of its tag then. Other priorities have PCP 0.
    pub egress_qos: Vec<(u32, u8)>,
}

impl PlanVlanDevice {
    /// The tag of a frame of some priority.
    fn tag(&self, priority: u32) -> Tag {
        let found = self.egress_qos.iter().find(|(from, _)| *from == priority);
        let pcp = found.map_or(0, |(_, pcp)| u16::from(*pcp));
        Tag {
            tag_type: self.tag_type,
            tci: pcp << 13 | self.vid,
        }
    }
}

/// A frame comes in at a netdev with VLAN devices on it.
#[inline(never)]
pub(super) fn receive<W: Watch>(walk: &mut Walk<'_, W>, id: NetdevId, transit: Transit) {
    climb(walk, id, Climber { transit, buried: 0 });
}

/// A frame on its way up.
#[derive(Clone, Copy, Debug)]
struct Climber {
    transit: Transit,
    /// Tags of devices without `reorder_hdr`, which are in front of the octets and no longer looked at.
    buried: usize,
}

fn climb<W: Watch>(walk: &mut Walk<'_, W>, mut id: NetdevId, mut frame: Climber) {
    let plan = walk.plan;
    loop {
        let netdev = &plan.netdevs[id.index()];
        if walk.untag_behind(&mut frame.transit, frame.buried).is_err() {
            return walk.refuse(DropReason::TruncatedTag);
        }
        match demultiplex(walk, netdev, &mut frame) {
            Ok(Some(upper)) => {
                id = upper;
                continue;
            }
            Ok(None) => {}
            Err(reason) => return walk.refuse(reason),
        }
        let transit = &mut frame.transit;
        let handled = match netdev.receive {
            Receive::Bridge(bridge, port) => {
                return bridge::receive(walk, bridge, port, *transit);
            }
            Receive::Cable(other) => return walk.pass_on(other, *transit),
            Receive::Device(device) => return walk.leave(device, transit.kind, transit),
            Receive::Macvlan(port) => macvlan::receive(walk, port, transit),
            Receive::Ipvlan(port) => {
                return ipvlan::receive(walk, id, port, *transit, frame.buried);
            }
            Receive::Stack => Handled::Pass,
        };
        match handled {
            Handled::Another(upper) => {
                walk.step(Way::Receives, upper, transit.tag);
                id = upper;
            }
            Handled::Consumed => return,
            Handled::Pass => match go_up(walk, netdev, frame) {
                Some((upper, inner)) => (id, frame) = (upper, inner),
                None => return,
            },
        }
    }
}

/// A frame with a tag aside goes up to the stack of a netdev, which has no device for its VLAN or had
/// looked for one before.
#[inline(never)]
pub(super) fn pass<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    transit: Transit,
    buried: usize,
) {
    let netdev = &walk.plan.netdevs[id.index()];
    if let Some((upper, inner)) = go_up(walk, netdev, Climber { transit, buried }) {
        climb(walk, upper, inner);
    }
}

/// To the stack, unless the outermost tag has VID 0, which is no VLAN, and a device takes the frame by
/// the tag behind it. With a VID left the frame is for somebody else (`check_vlan_id`).
fn go_up<W: Watch>(
    walk: &mut Walk<'_, W>,
    netdev: &PlanNetdev,
    frame: Climber,
) -> Option<(NetdevId, Climber)> {
    let mut inner = frame;
    while inner.transit.tag.is_some_and(|tag| tag.vid() == 0) {
        inner.transit.tag = None;
        if walk.untag_behind(&mut inner.transit, inner.buried).is_err() {
            walk.refuse(DropReason::TruncatedTag);
            return None;
        }
        match demultiplex(walk, netdev, &mut inner) {
            Ok(Some(upper)) => return Some((upper, inner)),
            Ok(None) => {}
            Err(reason) => {
                walk.refuse(reason);
                return None;
            }
        }
    }
    let kind = match inner.transit.tag {
        Some(_) => PacketType::OtherHost,
        None => frame.transit.kind,
    };
    if frame.transit.tag.is_none() {
        let mut transit = frame.transit;
        transit.kind = kind;
        let id = walk.plan.attachments[netdev.stack.index()].netdev;
        walk.go_up(id, netdev, &transit);
        return None;
    }
    // As a packet socket has it: with every tag that it came with.
    walk.leave(netdev.stack, kind, &frame.transit);
    None
}

/// The VLAN device that takes the frame by its outermost tag, which comes off (`vlan_do_receive`).
fn demultiplex<W: Watch>(
    walk: &mut Walk<'_, W>,
    netdev: &PlanNetdev,
    frame: &mut Climber,
) -> Result<Option<NetdevId>, DropReason> {
    let transit = &mut frame.transit;
    let Some(uppers) = &netdev.uppers else {
        return Ok(None);
    };
    let Some((tag, id)) = transit.tag.and_then(|tag| Some((tag, uppers.get(tag)?))) else {
        return Ok(None);
    };
    let device = &walk.plan.netdevs[id.index()];
    walk.step(Way::Receives, id, transit.tag);
    if !device.up {
        return Err(DropReason::VlanDeviceDown);
    }
    if !walk.hop() {
        return Err(DropReason::HopLimit);
    }
    // The lower may have another address.
    if transit.kind == PacketType::OtherHost && walk.header.destination == device.mac {
        transit.kind = PacketType::Host;
    }
    transit.tag = None;
    walk.tell(|_| Note::TagOff(tag));
    walk.count_vlan_device_rx(id, transit, frame.buried);
    if let Transmit::Vlan(index) = device.transmit {
        let vlan = &walk.plan.vlan_devices[index as usize];
        walk.priority = vlan.ingress_qos[usize::from(tag.pcp())];
        // The tag becomes part of the octets; the type that is looked at next is the one behind it.
        let splits = matches!(device.receive, Receive::Bridge(..) | Receive::Macvlan(_));
        if !vlan.reorder_hdr && !splits {
            walk.bury(transit, tag, frame.buried);
            frame.buried += 1;
        }
    }
    Ok(Some(id))
}

/// A frame leaves by a VLAN device.
#[inline(never)]
pub(super) fn transmit<W: Watch>(
    walk: &mut Walk<'_, W>,
    id: NetdevId,
    index: u32,
    mut transit: Transit,
) {
    let plan = walk.plan;
    let vlan = &plan.vlan_devices[index as usize];
    if !walk.hop() {
        return walk.lose(id, DropReason::HopLimit);
    }
    if !vlan.carrier {
        walk.counters.netdevs[id.index()].tx_dropped += 1;
        return walk.lose(id, DropReason::NoCarrier);
    }
    // A VLAN device takes no tag in metadata.
    walk.settle_tag(&mut transit);
    let len = walk.len(&transit);
    let carries = walk.ether_type(&transit) == vlan.tag_type as u16;
    if vlan.reorder_hdr || !carries {
        let tag = vlan.tag(walk.priority);
        walk.tell(|_| Note::TagOn(tag));
        transit.tag = Some(tag);
    } else if vlan.lower_takes_tags && walk.untag(&mut transit).is_ok() {
        // Whatever its VID, the frame's own tag is good enough; one that is cut short stays where it is.
        walk.mistaken = None;
    }
    walk.transmit_by_lower(id, vlan.lower, transit, len);
}

/// Writes the tags that are part of the headers which a VLAN device's own stack makes, the outermost first: those of
/// the devices without `reorder_hdr` from the lowest up to this one (`vlan_dev_hard_header`).
pub(super) fn tags_in_header(plan: &Plan, index: u32, tags: &mut Vec<u8>) {
    let vlan = &plan.vlan_devices[index as usize];
    if let Transmit::Vlan(below) = plan.netdevs[vlan.lower.index()].transmit {
        tags_in_header(plan, below, tags);
    }
    if !vlan.reorder_hdr {
        tags.extend(vlan.tag(0).octets());
    }
}

/// Returns the type behind all tags of a frame; `None` if it is cut off or has eight tags
/// (`__vlan_get_protocol`).
#[cold]
pub(super) fn type_behind_tags(octets: &[u8]) -> Option<u16> {
    let mut types = octets.get(ETHERNET_HEADER - 2..)?.chunks(TAG_LEN).take(8);
    let types = types
        .by_ref()
        .map(|chunk| chunk.first_chunk().copied().map(u16::from_be_bytes));
    types
        .skip(1)
        .find(|found| !found.is_some_and(is_tag_type))?
}

#[cfg(test)]
#[path = "vlan_tests.rs"]
mod tests;
