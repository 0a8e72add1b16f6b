//! Where the copies of one frame have been: what a loop inside the network is recognised by.
//!
//! A copy that crosses a veth pair notes the crossing and from which one it came ([`Transit`] carries the
//! number of its last crossing, so that lineage follows every copy by itself). One that meets a netdev
//! which no copy of the frame has met costs a note, and nothing else; only where one has, the way
//! back is looked through. If the copy itself has come by before, in the same VLAN, it goes round: what is
//! certain to happen again, for a frame's way follows from where it comes in. Copies that meet one netdev
//! on different ways, or in different VLANs, are nobody's loop.
//!
//! Bounds: as many notes per frame as hops ([`HOP_LIMIT`]); one loop per frame is looked for.
//!
//! [`Transit`]: super::transit::Transit

use super::NetdevId;
use super::path::HOP_LIMIT;
use crate::wire::Tag;

/// The number of a crossing, from 1 on; 0 for a copy that has made none.
pub(super) type Step = u32;

/// A copy left by one end of a veth pair and came in by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The end it left by.
    pub from: NetdevId,
    /// The end it came in by.
    pub to: NetdevId,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    crossing: Crossing,
    /// The tag aside.
    tag: Option<Tag>,
    before: Step,
}

/// The crossings of the copies of one frame.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Which frame of the batch.
    frame: Option<u32>,
    /// By [`Step`], which counts from 1.
    notes: Vec<Note>,
    /// By netdev: the last step that led there. It may be of another frame; then the note says so.
    last: Vec<Step>,
    /// The loop that was found, oldest crossing first, with the tag aside there.
    round: Vec<(Crossing, Option<Tag>)>,
    found: bool,
}

impl Trail {
    /// Forgets the batch before.
    #[inline]
    pub(super) const fn start(&mut self) {
        self.frame = None;
    }

    /// Notes that a copy of a frame crosses a veth pair. Returns the number of the step, and whether the
    /// copy goes round; then [`Self::round`] is the way.
    pub(super) fn cross(
        &mut self,
        frame: u32,
        before: Step,
        crossing: Crossing,
        tag: Option<Tag>,
    ) -> (Step, bool) {
        if self.frame != Some(frame) {
            self.frame = Some(frame);
            self.notes.clear();
            self.found = false;
        }
        if self.found || self.notes.len() >= HOP_LIMIT as usize {
            return (before, false);
        }
        self.notes.push(Note {
            crossing,
            tag,
            before,
        });
        let step = Step::try_from(self.notes.len()).unwrap_or(0);
        let at = crossing.to.index();
        if at >= self.last.len() {
            self.last.resize(at + 1, 0);
        }
        let met = std::mem::replace(&mut self.last[at], step);
        let met = met < step && self.note(met).is_some_and(|it| it.crossing == crossing);
        self.found = met && self.came_by(step);
        (step, self.found)
    }

    /// Returns the loop that was found last: the crossings of one round, oldest first, and the tag aside there.
    pub(super) fn round(&self) -> &[(Crossing, Option<Tag>)] {
        &self.round
    }

    /// Whether a loop was found for a frame.
    pub(super) fn goes_round(&self, frame: u32) -> bool {
        self.found && self.frame == Some(frame)
    }

    fn note(&self, step: Step) -> Option<Note> {
        self.notes.get((step as usize).wrapping_sub(1)).copied()
    }

    /// Whether a copy that has made this step made the same one before; fills `round` if so.
    fn came_by(&mut self, step: Step) -> bool {
        self.round.clear();
        let Some(last) = self.note(step) else {
            return false;
        };
        let mut note = last;
        loop {
            self.round.push((note.crossing, note.tag));
            match self.note(note.before) {
                None => return false,
                Some(before) if (before.crossing, before.tag) == (last.crossing, last.tag) => break,
                Some(before) => note = before,
            }
        }
        self.round.reverse();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{TagType, Vid};

    const fn pair(from: u32, to: u32) -> Crossing {
        Crossing {
            from: NetdevId(from),
            to: NetdevId(to),
        }
    }

    #[test]
    fn only_a_copy_that_comes_by_itself_again_goes_round() {
        let mut trail = Trail::default();
        // Two ways to netdev 9: two copies there, and no loop.
        let (left, _) = trail.cross(0, 0, pair(1, 2), None);
        let (right, _) = trail.cross(0, 0, pair(3, 4), None);
        let (a, round) = trail.cross(0, left, pair(8, 9), None);
        assert!(!round);
        let (b, round) = trail.cross(0, right, pair(8, 9), None);
        assert!(!round && !trail.goes_round(0));
        // The first goes on and comes by again.
        let (a, round) = trail.cross(0, a, pair(5, 6), None);
        assert!(!round);
        let (_, round) = trail.cross(0, a, pair(8, 9), None);
        assert!(round && trail.goes_round(0) && !trail.goes_round(1));
        assert_eq!(trail.round(), [(pair(5, 6), None), (pair(8, 9), None)]);
        // One loop per frame, and nothing of it for the next.
        assert_eq!(trail.cross(0, b, pair(8, 9), None), (b, false));
        let (step, round) = trail.cross(1, 0, pair(8, 9), None);
        assert_eq!((step, round), (1, false));
        let (step, round) = trail.cross(1, step, pair(5, 6), None);
        assert_eq!((step, round), (2, false));
    }

    #[test]
    fn another_vlan_is_another_way() {
        let tag = |vid| Some(Tag::new(TagType::Dot1Q, Vid::new(vid).unwrap()));
        let mut trail = Trail::default();
        let (step, _) = trail.cross(7, 0, pair(1, 2), tag(10));
        let (step, round) = trail.cross(7, step, pair(1, 2), tag(20));
        assert!(!round);
        let (_, round) = trail.cross(7, step, pair(1, 2), tag(10));
        assert!(round);
        assert_eq!(trail.round().len(), 2);
    }

    #[test]
    fn a_frame_notes_no_more_than_it_may_hop() {
        let mut trail = Trail::default();
        let mut step = 0;
        for n in 0..HOP_LIMIT + 10 {
            (step, _) = trail.cross(0, step, pair(n, n + 1), None);
        }
        assert_eq!(step, HOP_LIMIT);
        assert_eq!(trail.notes.len(), HOP_LIMIT as usize);
    }
}
