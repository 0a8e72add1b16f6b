//! The copies of a batch, told apart by where they leave.

use super::AttachmentId;
use super::egress::Copy;

/// Nobody's number.
const NONE: u32 = u32::MAX;

/// Copies of a batch in the order in which they were made, each with the number of the next one that leaves by
/// the same attachment.
///
/// One list for all: with a list for each of 1,000 attachments, each copy is written to a place far from
/// that of the one before. A frame to one of 1,000 macvlans took 1.43 x the time of one to 64 that way, and takes
/// 1.28 x, other things equal (`benches/children.rs`).
#[derive(Debug, Default)]
pub(super) struct Queues {
    copies: Vec<Queued>,
    /// By attachment, the numbers of its first copy and of its last.
    ends: Vec<[u32; 2]>,
    /// Attachments with copies, in the order in which they got the first.
    touched: Vec<AttachmentId>,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    copy: Copy,
    next: u32,
}

impl Queues {
    /// Forgets all copies, and has room for so many attachments.
    pub(super) fn start(&mut self, attachments: usize) {
        for id in self.touched.drain(..) {
            self.ends[id.index()] = [NONE; 2];
        }
        if self.ends.len() < attachments {
            self.ends.resize(attachments, [NONE; 2]);
        }
        self.copies.clear();
    }

    /// Queues a copy for an attachment.
    #[inline(always)]
    pub(super) fn push(&mut self, attachment: AttachmentId, copy: Copy) {
        let number = self.next();
        self.append(attachment, [number; 2]);
        self.copies.push(Queued { copy, next: NONE });
    }

    /// Queues some copies for an attachment, at least one.
    #[inline(always)]
    pub(super) fn extend(
        &mut self,
        attachment: AttachmentId,
        count: u32,
        copy: impl Fn(u32) -> Copy,
    ) {
        let first = self.next();
        self.append(attachment, [first, first + count - 1]);
        self.copies.extend((0..count).map(|index| Queued {
            copy: copy(index),
            next: first + index + 1,
        }));
        if let Some(last) = self.copies.last_mut() {
            last.next = NONE;
        }
    }

    /// The number of the next copy. A batch has fewer than 2^32: they would be 64 GiB.
    #[inline(always)]
    fn next(&self) -> u32 {
        u32::try_from(self.copies.len()).unwrap_or(NONE)
    }

    /// Appends copies, by number, to those for an attachment.
    #[inline(always)]
    fn append(&mut self, attachment: AttachmentId, [first, last]: [u32; 2]) {
        let ends = &mut self.ends[attachment.index()];
        match self.copies.get_mut(ends[1] as usize) {
            Some(before) => before.next = first,
            None => {
                ends[0] = first;
                self.touched.push(attachment);
            }
        }
        ends[1] = last;
    }

    /// The copies for each attachment that got any, in the order in which they got the first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AttachmentId, Copies<'_>)> {
        self.touched.iter().map(|id| {
            let [next, _] = self.ends[id.index()];
            let queued = &self.copies[..];
            (*id, Copies { queued, next })
        })
    }
}

/// The copies for one attachment, in order.
#[derive(Clone, Debug)]
pub struct Copies<'a> {
    queued: &'a [Queued],
    next: u32,
}

impl<'a> Iterator for Copies<'a> {
    type Item = &'a Copy;

    #[inline]
    fn next(&mut self) -> Option<&'a Copy> {
        let queued = self.queued.get(self.next as usize)?;
        self.next = queued.next;
        Some(&queued.copy)
    }
}
