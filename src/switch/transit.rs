//! What one copy of a frame carries on its way, as the kernel's `sk_buff` does.
//!
//! The payload is never copied. The octets of a copy are a *head* and the ingress frame from some
//! octet on; the head is the frame's own two addresses until something rewrites them or pushes a tag
//! into the frame, and then lies in the arena of the batch ([`Heads`]). The outermost tag is not part
//! of the octets: like Linux, the path keeps it aside, so that a push and a pop that cancel out cost
//! nothing, and so that it does not count as length.
//!
//! Bound: a batch writes at most one head per copy and hop, of a hundred octets or so: 64 frames times
//! [`HOP_LIMIT`](super::path::HOP_LIMIT) stay below 4 GiB, which is why offsets are 32 bits.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets are bounded as said above; a frame is 64 KiB"
)]

use super::PacketType;
use super::trail::Step;
use crate::wire::{MacAddr, TAG_LEN, Tag, TagType};

/// Octets of the two addresses, behind which a tag belongs.
pub(super) const ADDRESSES: usize = 12;

/// Octets a tagged frame needs for Linux to take its tag off: header, tag, type behind it.
pub(super) const TAGGED_MIN: usize = ADDRESSES + TAG_LEN + 2 + 2;

/// A tag is announced but cut off (`skb_vlan_untag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TruncatedTag;

/// One copy of a frame on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transit {
    /// For whom it is.
    pub(super) kind: PacketType,
    /// The outermost tag, aside in metadata (`skb->vlan_tci`): not among the octets, not in the length.
    pub(super) tag: Option<Tag>,
    /// A question that is not to be flooded to ports that are spared (`proxyarp_replied`).
    pub(super) answered: bool,
    /// A DHCP client's message: only for ports that servers may be behind.
    pub(super) for_servers: bool,
    /// The last crossing of its way ([`super::trail`]).
    pub(super) step: Step,
    /// The octets in front of the rest of the ingress frame; none for its own addresses.
    head: Head,
    /// Where the rest begins in the ingress frame.
    skip: u32,
}

/// Octets in the arena of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    start: u32,
    len: u32,
}

impl Head {
    /// The ingress frame's own addresses.
    const OWN: Self = Self { start: 0, len: 0 };
}

/// How the octets of a copy that left differ from those of the frame, as a number in its batch.
/// [`Egress::pieces`](super::Egress::pieces) reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edit(u32);

impl Edit {
    /// Not at all.
    pub const NONE: Self = Self(0);
}

impl Transit {
    /// A frame as it came in.
    #[inline(always)]
    pub(super) const fn new(kind: PacketType) -> Self {
        Self {
            kind,
            tag: None,
            answered: false,
            for_servers: false,
            step: 0,
            head: Head::OWN,
            skip: ADDRESSES as u32,
        }
    }

    /// Whether the addresses are no longer known to be those of the ingress frame.
    #[inline(always)]
    pub(super) const fn rewritten(&self) -> bool {
        self.head.len != 0
    }

    /// Whether nothing of the ingress frame is in it.
    pub(super) const fn made_here(&self, frame: &[u8]) -> bool {
        self.head.len != 0 && self.skip as usize == frame.len()
    }

    /// Whether its octets, tag included, have changed their place or value in any way.
    #[inline(always)]
    const fn untouched(&self) -> bool {
        self.head.len == 0 && self.skip == ADDRESSES as u32
    }
}

/// Rewritten heads of one batch, back to back.
#[derive(Debug, Default)]
pub(super) struct Heads {
    octets: Vec<u8>,
    /// By [`Edit`], which counts from 1: the head, and where the rest of the frame begins.
    edits: Vec<(Head, u32)>,
    /// For which frame and what the last of them was made: the copies of a flood share one.
    last: Option<(u32, Shape)>,
}

/// What makes two copies of a frame have the same octets: tag aside, head, rest.
type Shape = (Option<Tag>, Head, u32);

impl Heads {
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.edits.clear();
        self.last = None;
    }

    /// Returns the octets of a copy in two pieces.
    pub(super) fn pieces<'a>(&'a self, edit: Edit, frame: &'a [u8]) -> [&'a [u8]; 2] {
        let Some((head, skip)) = self.edits.get((edit.0 as usize).wrapping_sub(1)) else {
            return [&[], frame];
        };
        let head = match *head {
            Head::OWN => frame.get(..ADDRESSES).unwrap_or_default(),
            head => self.get(head),
        };
        [head, frame.get(*skip as usize..).unwrap_or_default()]
    }

    /// Returns the length of a copy, without the tag aside.
    #[inline(always)]
    pub(super) fn len(transit: &Transit, frame: &[u8]) -> usize {
        let head = match transit.head.len {
            0 => ADDRESSES,
            len => len as usize,
        };
        head + frame.len() - transit.skip as usize
    }

    /// Returns the two octets behind the addresses: EtherType or length, if they are there.
    #[inline(always)]
    pub(super) fn ether_type(&self, transit: &Transit, frame: &[u8]) -> Option<u16> {
        let skip = transit.skip as usize;
        let octets = match self.get(transit.head).get(ADDRESSES..) {
            None | Some([]) => frame.get(skip..)?,
            Some(more) => more,
        };
        octets.first_chunk().copied().map(u16::from_be_bytes)
    }

    /// Returns the EtherType (or length) of a copy, not counting the tag aside, and what follows it.
    /// Nothing follows where a tag was pushed into the octets: that is no protocol's payload. Of a frame
    /// that was put into another, only the headers in front of it do.
    pub(super) fn protocol<'a>(
        &'a self,
        transit: &Transit,
        frame: &'a [u8],
    ) -> Option<(u16, &'a [u8])> {
        let rest = frame.get(transit.skip as usize..)?;
        let (octets, pushed) = match self.get(transit.head).get(ADDRESSES..) {
            None | Some([]) => (rest, false),
            Some(more) => (more, !rest.is_empty()),
        };
        let (ether_type, payload) = octets.split_first_chunk()?;
        // What was put in front of a whole frame is no tag: the headers are there.
        let ether_type = u16::from_be_bytes(*ether_type);
        let tag = TagType::of(ether_type).is_some();
        let payload = if pushed && tag { &[] } else { payload };
        Some((ether_type, payload))
    }

    /// [`Self::protocol`] behind some tags that stay in front of the octets (`buried` many).
    pub(super) fn protocol_behind<'a>(
        &'a self,
        transit: &Transit,
        frame: &'a [u8],
        buried: usize,
    ) -> Option<(u16, &'a [u8])> {
        let rest = frame.get(transit.skip as usize..)?;
        let octets = match self.get(transit.head).get(ADDRESSES + buried * TAG_LEN..) {
            None | Some([]) => rest,
            Some(more) => more,
        };
        let (ether_type, payload) = octets.split_first_chunk()?;
        Some((u16::from_be_bytes(*ether_type), payload))
    }

    /// Returns destination and source of a copy whose head was rewritten.
    pub(super) fn addresses(&self, transit: &Transit) -> Option<(MacAddr, MacAddr)> {
        let head = self.get(transit.head);
        let (destination, rest) = head.split_first_chunk::<6>()?;
        let source = rest.first_chunk::<6>()?;
        Some((MacAddr::new(*destination), MacAddr::new(*source)))
    }

    /// Takes the outermost tag of the octets aside, if there is one and none is aside yet.
    #[inline(always)]
    pub(super) fn untag(
        &mut self,
        transit: &mut Transit,
        frame: &[u8],
    ) -> Result<(), TruncatedTag> {
        if transit.tag.is_some() {
            return Ok(());
        }
        let Some(tag_type) = self.ether_type(transit, frame).and_then(TagType::of) else {
            return Ok(());
        };
        if Self::len(transit, frame) < TAGGED_MIN {
            return Err(TruncatedTag);
        }
        if transit.head.len as usize <= ADDRESSES {
            let at = transit.skip as usize + 2;
            let tci = frame.get(at..).and_then(<[u8]>::first_chunk).copied();
            let tci = u16::from_be_bytes(tci.ok_or(TruncatedTag)?);
            transit.tag = Some(Tag { tag_type, tci });
            transit.skip += TAG_LEN as u32;
            return Ok(());
        }
        let head = self.get(transit.head);
        let tag = head.get(ADDRESSES..).and_then(Tag::read);
        transit.tag = Some(tag.ok_or(TruncatedTag)?);
        let start = self.octets.len();
        let old = transit.head.start as usize;
        self.octets.extend_from_within(old..old + ADDRESSES);
        let end = old + transit.head.len as usize;
        self.octets
            .extend_from_within(old + ADDRESSES + TAG_LEN..end);
        transit.head = self.since(start);
        Ok(())
    }

    /// [`Self::untag`] for a frame whose first tags are to stay where they are (`buried` many): Linux
    /// goes on with the type behind them.
    pub(super) fn untag_behind(
        &mut self,
        transit: &mut Transit,
        frame: &[u8],
        buried: usize,
    ) -> Result<(), TruncatedTag> {
        let at = ADDRESSES + buried * TAG_LEN;
        let head = self.get(transit.head);
        let in_head = head.len() > at;
        let rest = match in_head {
            true => &head[at..],
            false => frame.get(transit.skip as usize..).unwrap_or_default(),
        };
        let announced = rest.first_chunk().copied().map(u16::from_be_bytes);
        if transit.tag.is_some() || announced.and_then(TagType::of).is_none() {
            return Ok(());
        }
        if Self::len(transit, frame) < TAGGED_MIN + buried * TAG_LEN {
            return Err(TruncatedTag);
        }
        transit.tag = Some(Tag::read(rest).ok_or(TruncatedTag)?);
        if in_head {
            let (start, old) = (self.octets.len(), transit.head.start as usize);
            let end = old + transit.head.len as usize;
            self.octets.extend_from_within(old..old + at);
            self.octets.extend_from_within(old + at + TAG_LEN..end);
            transit.head = self.since(start);
        } else {
            transit.skip += TAG_LEN as u32;
        }
        Ok(())
    }

    /// Puts a tag into the octets, behind those that are there already (`buried` many).
    pub(super) fn bury(&mut self, transit: &mut Transit, frame: &[u8], tag: Tag, buried: usize) {
        let (start, at) = (self.octets.len(), ADDRESSES + buried * TAG_LEN);
        let (old, len) = (transit.head.start as usize, transit.head.len as usize);
        if len == 0 {
            self.octets.extend_from_slice(&frame[..ADDRESSES]);
        } else {
            self.octets.extend_from_within(old..old + at.min(len));
        }
        self.octets.extend_from_slice(&tag.octets());
        if len > at {
            self.octets.extend_from_within(old + at..old + len);
        }
        transit.head = self.since(start);
    }

    /// Puts the tag aside back into the octets, where it becomes payload.
    pub(super) fn settle_tag(&mut self, transit: &mut Transit, frame: &[u8]) {
        let Some(tag) = transit.tag.take() else {
            return;
        };
        let before = transit.skip as usize - TAG_LEN;
        if transit.head.len == 0
            && before >= ADDRESSES
            && frame.get(before..).and_then(Tag::read) == Some(tag)
        {
            transit.skip -= TAG_LEN as u32;
            return;
        }
        transit.head = self.with_tag(transit.head, tag, frame);
    }

    /// Gives the octets another destination address.
    pub(super) fn readdress(&mut self, transit: &mut Transit, frame: &[u8], destination: MacAddr) {
        let start = self.octets.len();
        self.octets.extend_from_slice(&destination.octets());
        match transit.head {
            Head::OWN => self.octets.extend_from_slice(&frame[6..ADDRESSES]),
            Head { start: old, len } => {
                let old = old as usize;
                self.octets.extend_from_within(old + 6..old + len as usize);
            }
        }
        transit.head = self.since(start);
    }

    /// Returns the octets of a copy from some octet on, the tag aside not counted, in two pieces.
    pub(super) fn from<'a>(
        &'a self,
        transit: &Transit,
        frame: &'a [u8],
        start: usize,
    ) -> [&'a [u8]; 2] {
        let head = match transit.head {
            Head::OWN => frame.get(..ADDRESSES).unwrap_or_default(),
            head => self.get(head),
        };
        let rest = frame.get(transit.skip as usize..).unwrap_or_default();
        let in_head = start.min(head.len());
        let in_rest = (start - in_head).min(rest.len());
        [&head[in_head..], &rest[in_rest..]]
    }

    /// Copies the octets of a copy from some octet on to a buffer; returns how many there were.
    pub(super) fn peek(
        &self,
        transit: &Transit,
        frame: &[u8],
        start: usize,
        buffer: &mut [u8],
    ) -> usize {
        let mut filled = 0;
        for piece in self.from(transit, frame, start) {
            let room = &mut buffer[filled..];
            let len = piece.len().min(room.len());
            room[..len].copy_from_slice(&piece[..len]);
            filled += len;
        }
        filled
    }

    /// Puts octets in front of a copy, whose own become payload. What is behind its head stays where it
    /// is.
    pub(super) fn encapsulate(&mut self, transit: &mut Transit, frame: &[u8], front: &[u8]) {
        let start = self.octets.len();
        self.octets.extend_from_slice(front);
        match transit.head {
            Head::OWN => self.octets.extend_from_slice(&frame[..ADDRESSES]),
            Head { start: old, len } => {
                let old = old as usize;
                self.octets.extend_from_within(old..old + len as usize);
            }
        }
        transit.head = self.since(start);
    }

    /// Takes some octets out of the head of a copy, from some octet on.
    pub(super) fn cut(&mut self, transit: &mut Transit, at: usize, count: usize) {
        let Head { start, len } = transit.head;
        let from = start as usize + at;
        let end = start as usize + len as usize;
        if from + count <= end && end == self.octets.len() {
            self.octets.drain(from..from + count);
            transit.head.len -= count as u32;
        }
    }

    /// Takes octets off the front of a copy, which has addresses behind them. What is behind its new
    /// addresses stays where it is.
    pub(super) fn decapsulate(&mut self, transit: &mut Transit, frame: &[u8], front: usize) {
        let Head { start: old, len } = transit.head;
        if len as usize >= front + ADDRESSES {
            // It was put in front here.
            transit.head = Head {
                start: old + front as u32,
                len: len - front as u32,
            };
            return;
        }
        let mut addresses = [0; ADDRESSES];
        self.peek(transit, frame, front, &mut addresses);
        let in_head = match len {
            0 => ADDRESSES,
            len => len as usize,
        };
        transit.skip += (front + ADDRESSES - in_head) as u32;
        let start = self.octets.len();
        self.octets.extend_from_slice(&addresses);
        transit.head = self.since(start);
    }

    /// Makes a copy that is all head: a frame that the path itself makes, in pieces.
    pub(super) fn generate(&mut self, frame: &[u8], pieces: &[&[u8]], transit: &mut Transit) {
        let start = self.octets.len();
        for octets in pieces {
            self.octets.extend_from_slice(octets);
        }
        transit.head = self.since(start);
        transit.skip = frame.len() as u32;
    }

    /// Returns how the octets of a copy, with the tag aside back in its place, differ from the frame's,
    /// which is the `number`th of its batch.
    #[inline(always)]
    pub(super) fn edit(&mut self, transit: &Transit, number: u32, frame: &[u8]) -> Edit {
        match transit.tag {
            None if transit.untouched() => Edit::NONE,
            Some(tag)
                if transit.head.len == 0
                    && transit.skip as usize == ADDRESSES + TAG_LEN
                    && frame[ADDRESSES..ADDRESSES + TAG_LEN] == tag.octets() =>
            {
                Edit::NONE
            }
            _ => self.write(transit, number, frame),
        }
    }

    /// [`Self::edit`] of a frame that leaves as it came in but for a tag more.
    #[inline(always)]
    pub(super) fn push(&mut self, tag: Tag, frame: &[u8]) -> Edit {
        let head = self.with_tag(Head::OWN, tag, frame);
        self.note(head, ADDRESSES as u32)
    }

    /// [`Self::edit`] of a frame that leaves as it came in but for its first tag, which is whole.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Edit {
        self.note(Head::OWN, (ADDRESSES + TAG_LEN) as u32)
    }

    #[inline(always)]
    fn note(&mut self, head: Head, skip: u32) -> Edit {
        self.last = None;
        self.edits.push((head, skip));
        Edit(self.edits.len() as u32)
    }

    #[inline(never)]
    fn write(&mut self, transit: &Transit, number: u32, frame: &[u8]) -> Edit {
        let shape = (transit.tag, transit.head, transit.skip);
        if let Some((frame, last)) = &self.last
            && *frame == number
            && *last == shape
        {
            return Edit(self.edits.len() as u32);
        }
        let head = match transit.tag {
            Some(tag) => self.with_tag(transit.head, tag, frame),
            None => transit.head,
        };
        self.edits.push((head, transit.skip));
        self.last = Some((number, shape));
        Edit(self.edits.len() as u32)
    }

    /// Writes a head again with a tag behind the addresses.
    #[inline(always)]
    fn with_tag(&mut self, head: Head, tag: Tag, frame: &[u8]) -> Head {
        let start = self.octets.len();
        match head {
            Head::OWN => {
                let mut head = [0; ADDRESSES + TAG_LEN];
                head[..ADDRESSES].copy_from_slice(&frame[..ADDRESSES]);
                head[ADDRESSES..].copy_from_slice(&tag.octets());
                self.octets.extend_from_slice(&head);
            }
            Head { start: old, len } => {
                let (old, len) = (old as usize, len as usize);
                self.octets.extend_from_within(old..old + ADDRESSES);
                self.octets.extend_from_slice(&tag.octets());
                self.octets.extend_from_within(old + ADDRESSES..old + len);
            }
        }
        self.since(start)
    }

    fn since(&self, start: usize) -> Head {
        Head {
            start: start as u32,
            len: (self.octets.len() - start) as u32,
        }
    }

    #[inline(always)]
    fn get(&self, head: Head) -> &[u8] {
        let start = head.start as usize;
        self.octets
            .get(start..start + head.len as usize)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Vid;

    const FRAME: &[u8] = b"DDDDDDSSSSSS\x81\x00\x60\x0a\x88\xa8\x00\x14\x08\x00payload";

    fn whole(heads: &mut Heads, transit: &Transit) -> Vec<u8> {
        let edit = heads.edit(transit, 0, FRAME);
        heads.pieces(edit, FRAME).concat()
    }

    fn q(vid: u16) -> Tag {
        Tag::new(TagType::Dot1Q, Vid::new(vid).unwrap())
    }

    #[test]
    fn what_comes_back_to_itself_is_not_edited() {
        let mut heads = Heads::default();
        let mut transit = Transit::new(PacketType::Host);
        assert_eq!(heads.edit(&transit, 0, FRAME), Edit::NONE);
        heads.untag(&mut transit, FRAME).unwrap();
        assert_eq!(transit.tag.map(|tag| (tag.vid(), tag.pcp())), Some((10, 3)));
        assert_eq!(Heads::len(&transit, FRAME), FRAME.len() - 4);
        assert_eq!(heads.edit(&transit, 0, FRAME), Edit::NONE);
        heads.settle_tag(&mut transit, FRAME);
        assert_eq!(transit, Transit::new(PacketType::Host));
        assert!(heads.octets.is_empty());
    }

    #[test]
    fn tags_come_off_one_by_one_and_go_on_again() {
        let mut heads = Heads::default();
        let mut transit = Transit::new(PacketType::Host);
        heads.untag(&mut transit, FRAME).unwrap();
        transit.tag = None;
        let popped = whole(&mut heads, &transit);
        assert_eq!(popped, b"DDDDDDSSSSSS\x88\xa8\x00\x14\x08\x00payload");
        assert_eq!(heads.ether_type(&transit, FRAME), Some(0x88a8));

        heads.untag(&mut transit, FRAME).unwrap();
        transit.tag = Some(q(7));
        let swapped = whole(&mut heads, &transit);
        assert_eq!(swapped, b"DDDDDDSSSSSS\x81\x00\x00\x07\x08\x00payload");

        heads.settle_tag(&mut transit, FRAME);
        transit.tag = Some(q(9));
        let pushed = whole(&mut heads, &transit);
        assert_eq!(
            pushed,
            b"DDDDDDSSSSSS\x81\x00\x00\x09\x81\x00\x00\x07\x08\x00payload"
        );
        transit.tag = None;
        assert_eq!(heads.ether_type(&transit, FRAME), Some(0x8100));
        heads.untag(&mut transit, FRAME).unwrap();
        assert_eq!(transit.tag, Some(q(7)));
        transit.tag = None;
        assert_eq!(whole(&mut heads, &transit), b"DDDDDDSSSSSS\x08\x00payload");
        assert_eq!(heads.ether_type(&transit, FRAME), Some(0x0800));
        heads.untag(&mut transit, FRAME).unwrap();
        assert_eq!(transit.tag, None);
    }

    #[test]
    fn another_destination_and_whole_frames() {
        let mut heads = Heads::default();
        let mut transit = Transit::new(PacketType::Host);
        heads.untag(&mut transit, FRAME).unwrap();
        let to = MacAddr::new(*b"TTTTTT");
        heads.readdress(&mut transit, FRAME, to);
        assert_eq!(
            heads.addresses(&transit),
            Some((to, MacAddr::new(*b"SSSSSS")))
        );
        let sent = whole(&mut heads, &transit);
        assert_eq!(&sent[..12], b"TTTTTTSSSSSS");
        assert_eq!(sent[12..], FRAME[12..]);

        transit.tag = Some(q(2));
        heads.generate(FRAME, &[b"ddddddssssss", b"\x08\x06answer"], &mut transit);
        assert_eq!(Heads::len(&transit, FRAME), 20);
        let sent = whole(&mut heads, &transit);
        assert_eq!(sent, b"ddddddssssss\x81\x00\x00\x02\x08\x06answer");
    }

    #[test]
    fn buried_tags_stay_in_front() {
        let mut heads = Heads::default();
        let mut transit = Transit::new(PacketType::Host);
        heads.untag(&mut transit, FRAME).unwrap();
        let outer = transit.tag.take().unwrap();
        heads.bury(&mut transit, FRAME, outer, 0);
        heads.untag_behind(&mut transit, FRAME, 1).unwrap();
        assert_eq!(transit.tag.map(|tag| tag.tag_type), Some(TagType::Dot1Ad));
        let inner = transit.tag.take().unwrap();
        assert_eq!(
            whole(&mut heads, &transit),
            b"DDDDDDSSSSSS\x81\x00\x60\x0a\x08\x00payload"
        );
        heads.untag_behind(&mut transit, FRAME, 1).unwrap();
        assert_eq!(transit.tag, None, "the buried tag is not looked at");
        heads.bury(&mut transit, FRAME, inner, 1);
        assert_eq!(whole(&mut heads, &transit), FRAME);
        heads.untag_behind(&mut transit, FRAME, 1).unwrap();
        assert_eq!(transit.tag, Some(inner), "it was in the head");
    }

    #[test]
    fn cut_off_tags() {
        let mut heads = Heads::default();
        for len in ADDRESSES + 2..TAGGED_MIN {
            let mut transit = Transit::new(PacketType::Host);
            let cut = &FRAME[..len];
            assert_eq!(heads.untag(&mut transit, cut), Err(TruncatedTag), "{len}");
        }
    }
}
