//! What happened in a network, kept.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use crate::attach::capture::Direction;
use crate::explain::Explanation;
use crate::netdev::Network;
use crate::replay::{CommandSummary, Event, FileNames, Sink, Watched, notes};
use crate::switch::{AttachmentId, Verdict};
use crate::time::Instant;

/// Frames and copies that one run may have: more are not a case but a storm.
pub const MAX_FRAMES: usize = 1_000_000;

/// Octets of all of them together.
pub const MAX_OCTETS: usize = 256 << 20;

/// One frame that came in, or one copy that went out.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub time: Instant,
    /// The number of the frame; its copies have the same.
    pub id: u64,
    /// Where.
    pub at: AttachmentId,
    /// Which way.
    pub way: Direction,
    /// What became of a frame that came in.
    pub verdict: Option<Verdict>,
    /// The same in words, unless copies went out and that is all; and which copies were lost.
    pub notes: Vec<String>,
    octets: Range<usize>,
}

/// An attachment that was there.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name when it was first noted.
    pub name: String,
    /// What its files are called.
    pub file: String,
}

/// A [`Sink`] that keeps every frame, every copy and what commands printed.
#[derive(Debug, Default)]
pub struct Observation {
    /// In the order in which it happened.
    pub seen: Vec<Seen>,
    /// What commands printed, and which failed.
    pub commands: Vec<CommandSummary>,
    /// By attachment.
    places: Vec<Option<Place>>,
    /// The ways of the last frames that came in, if the engine watches.
    pub(super) ways: VecDeque<Explanation>,
    names: FileNames,
    octets: Vec<u8>,
}

impl Observation {
    /// Notes the names of all attachments that there are; to be called when the set-up is done, as a
    /// [`Recorder`](crate::replay::Recorder) is told.
    pub fn note_all(&mut self, network: &Network) {
        for id in (0u32..).take(network.attachments().len()).map(AttachmentId) {
            if network
                .netdev(network.attachments()[id.index()].netdev)
                .alive
            {
                self.note(network, id);
            }
        }
    }

    fn note(&mut self, network: &Network, id: AttachmentId) {
        let index = id.index();
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        if self.places[index].is_none() {
            let name = network.attachments()[index].name.clone();
            let file = self.names.of(id, &name).to_owned();
            self.places[index] = Some(Place { name, file });
        }
    }

    /// Returns the octets of something seen.
    #[must_use]
    pub fn octets(&self, seen: &Seen) -> &[u8] {
        &self.octets[seen.octets.clone()]
    }

    /// Returns an attachment's name.
    #[must_use]
    pub fn name(&self, id: AttachmentId) -> &str {
        self.place(id).map_or("?", |place| &place.name)
    }

    /// Returns every attachment noted, by number.
    pub fn places(&self) -> impl Iterator<Item = (AttachmentId, &Place)> {
        let places = (0u32..).map(AttachmentId).zip(&self.places);
        places.filter_map(|(id, place)| Some((id, place.as_ref()?)))
    }

    /// Returns what went one way at the attachments that `which` picks, in order.
    pub fn stream(
        &self,
        way: Direction,
        which: impl Fn(&Place) -> bool,
    ) -> impl Iterator<Item = &Seen> {
        self.seen
            .iter()
            .filter(move |seen| seen.way == way && self.place(seen.at).is_some_and(&which))
    }

    /// Says in a sentence where a frame came from and what became of it.
    #[must_use]
    pub fn origin(&self, id: u64) -> String {
        match self.ingress(id) {
            Some(seen) => format!("It {}.", self.fate(seen)),
            None => "The network sent it by itself.".to_owned(),
        }
    }

    /// Says in a sentence what became of a frame that a copy, which is not there, could have come from.
    #[must_use]
    pub fn possible_origin(&self, seen: &Seen) -> String {
        format!("A frame between the same stations {}.", self.fate(seen))
    }

    /// Returns the frame that came in at a time between the same stations as a copy.
    #[must_use]
    pub fn possible(&self, time: Instant, copy: &[u8]) -> Option<&Seen> {
        let stations = copy.get(..12)?;
        self.seen.iter().find(|seen| {
            seen.way == Direction::Inbound
                && seen.time == time
                && self.octets(seen).get(..12) == Some(stations)
        })
    }

    /// Returns which of the frames that came in, from 1 on, a frame is or was made of; `None` for one that the
    /// network sent by itself.
    #[must_use]
    pub fn number(&self, id: u64) -> Option<u64> {
        let ingress = self.ingress(id)?.id;
        let upto = |seen: &&Seen| seen.way == Direction::Inbound && seen.id <= ingress;
        Some(self.seen.iter().filter(upto).count() as u64)
    }

    /// Returns the way of the frame that a frame is or was made of, if the engine watched and it is one of the last
    /// [`MAX_WAYS`] that came in, with [`MAX_WAY_HOPS`] at most.
    #[must_use]
    pub fn way(&self, id: u64) -> Option<&Explanation> {
        let number = self.number(id)?;
        self.ways.iter().find(|way| way.number == number)
    }

    /// Returns the frame that came in with a number.
    fn ingress(&self, id: u64) -> Option<&Seen> {
        // Numbers rise.
        let at = self.seen.partition_point(|seen| seen.id < id);
        let same = self.seen[at..].iter().take_while(|seen| seen.id == id);
        same.into_iter().find(|seen| seen.way == Direction::Inbound)
    }

    /// `came in by p1 as its frame 3 at 0.002 s and was dropped: …`
    fn fate(&self, ingress: &Seen) -> String {
        let before = self.seen.iter().filter(|seen| {
            seen.way == Direction::Inbound && seen.at == ingress.at && seen.id <= ingress.id
        });
        let mut words = format!(
            "came in by {} as its frame {} at {} s and ",
            self.name(ingress.at),
            before.count(),
            ingress.time
        );
        match ingress.verdict {
            Some(Verdict::Dropped(reason)) => {
                words.push_str(&format!("was dropped: {reason}: {}", reason.sentence()));
            }
            Some(Verdict::Trapped) => words.push_str("was taken by the bridge's control side"),
            _ => {
                let copies = self
                    .seen
                    .iter()
                    .filter(|seen| seen.way == Direction::Outbound && seen.id == ingress.id);
                let mut names: Vec<_> = copies.map(|seen| self.name(seen.at)).collect();
                names.sort_unstable();
                names.dedup();
                let more = names.len().saturating_sub(MOST_NAMES);
                names.truncate(MOST_NAMES);
                words.push_str(&format!("was forwarded to {}", names.join(", ")));
                if more > 0 {
                    words.push_str(&format!(" and {more} more"));
                }
            }
        }
        for note in ingress
            .notes
            .iter()
            .filter(|note| note.starts_with("lost "))
        {
            words.push_str(&format!("; a copy was {note}"));
        }
        words
    }

    fn place(&self, id: AttachmentId) -> Option<&Place> {
        self.places.get(id.index())?.as_ref()
    }
}

/// Attachments that a sentence names.
const MOST_NAMES: usize = 8;

/// Frames whose ways are kept.
pub const MAX_WAYS: usize = 64;

/// Hops of a way that is kept: one that is longer goes round, and in words it would take megabytes.
pub const MAX_WAY_HOPS: usize = 1_024;

impl Sink for Observation {
    fn watched(&mut self, network: &Network, it: &Watched<'_>) -> io::Result<()> {
        if it.trace.hops().len() > MAX_WAY_HOPS {
            return Ok(());
        }
        self.ways.truncate(MAX_WAYS - 1);
        let (trace, number) = (it.trace, it.number);
        let way = Explanation::new(network, trace, number, it.ingress, it.octets);
        self.ways.push_front(way);
        Ok(())
    }

    fn event(&mut self, now: Instant, network: &Network, event: Event<'_>) -> io::Result<()> {
        let (id, at, way, octets, verdict, notes) = match event {
            Event::Command { item, reply } => {
                self.commands.extend(CommandSummary::of(now, item, reply));
                return Ok(());
            }
            // News of control, which show commands have, too; what it does to frames is seen of them.
            Event::Loop(_) | Event::Tree(_) => return Ok(()),
            Event::Frame {
                id,
                ingress,
                octets,
                verdict,
                lost,
                ..
            } => {
                let notes = notes(network, verdict, lost);
                (
                    id,
                    ingress,
                    Direction::Inbound,
                    octets,
                    Some(verdict),
                    notes,
                )
            }
            Event::Copy {
                id, egress, octets, ..
            } => (id, egress, Direction::Outbound, octets, None, Vec::new()),
        };
        if self.seen.len() == MAX_FRAMES || self.octets.len() + octets.len() > MAX_OCTETS {
            return Err(io::Error::other(format!(
                "more than {MAX_FRAMES} frames or {} MiB came in and went out by {now} s: too much \
                 for one case, unless it is a loop without spanning tree",
                MAX_OCTETS >> 20
            )));
        }
        self.note(network, at);
        let start = self.octets.len();
        self.octets.extend_from_slice(octets);
        self.seen.push(Seen {
            time: now,
            id,
            at,
            way,
            verdict,
            notes,
            octets: start..self.octets.len(),
        });
        Ok(())
    }
}
