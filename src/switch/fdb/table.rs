//! The table itself: atomics in cache lines, searched without a lock.
//!
//! Layout: buckets of 64 octets, three slots each, scanned without branches (measured: an early-exit
//! scan costs twice as much, because the position of a hit cannot be predicted). A key lives in its
//! home bucket or, if that is full, in one of the following; a bucket counts how many keys went past
//! it, so that a search ends at the first bucket nobody went past and a removal leaves no tombstone.
//! It also counts removals: a reader whose slot changed hands between two loads sees that and looks
//! again (model-checked: `RUSTFLAGS='--cfg tapswitch_loom' cargo test --lib fdb::table::model`).
//!
//! Writers ([`Table::place`], [`Table::vacate`], [`Table::overwrite`]) hold the lock of the `Fdb` around.

use std::sync::atomic::Ordering;
#[cfg(not(tapswitch_loom))]
use std::sync::atomic::{AtomicU32, AtomicU64};

#[cfg(tapswitch_loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64};

use super::{Entry, Flags, Key};
use crate::switch::PortNo;
use crate::sys::memory;
use crate::time::{Duration, Instant};

/// Microseconds since the start of the run, modulo 2^46 (2.2 years).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks(u64);

impl Ticks {
    const BITS: u32 = 46;
    pub(super) const MASK: u64 = (1 << Self::BITS) - 1;

    #[inline]
    pub(super) const fn at(now: Instant) -> Self {
        Self((now.as_nanos() / 1000) & Self::MASK)
    }
}

/// A hold time as ages are compared with: in ticks, moved to the top of the word, where an age has its
/// sign. Two workers' turns overlap, so an entry can be a little younger than "now": its age is then
/// negative and it has not expired. Capped at half the range, 1.1 years.
#[derive(Clone, Copy)]
pub(super) struct Span(i64);

impl Span {
    const TOP: u32 = u64::BITS - Ticks::BITS;

    pub(super) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(super) fn of(hold: Duration) -> Self {
        let ticks = u64::try_from(hold.as_micros()).unwrap_or(u64::MAX);
        Self((ticks.min(Ticks::MASK / 2) << Self::TOP).cast_signed())
    }
}

pub(super) const fn centiseconds(now: Instant) -> u32 {
    // Wraps after 497 days, like the kernel's own clock_t.
    #[allow(clippy::cast_possible_truncation)]
    let centis = (now.as_nanos() / 10_000_000) as u32;
    centis
}

/// An entry in one word: port (12 bits, 0 for the bridge itself), flags (6), ticks (46).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Value(u64);

impl Value {
    const LOCAL: u64 = 1 << 46;
    const FIXED: u64 = 1 << 47;
    const STICKY: u64 = 1 << 48;
    const BY_USER: u64 = 1 << 49;
    const EXTERNAL: u64 = 1 << 50;
    const LOCKED: u64 = 1 << 51;

    pub(super) fn new(entry: Entry) -> Self {
        let Flags {
            local,
            fixed,
            sticky,
            by_user,
            external,
            locked,
        } = entry.flags;
        let bit = |on: bool, bit: u64| if on { bit } else { 0 };
        Self(
            entry.port.map_or(0, |port| u64::from(port.get())) << 52
                | bit(local, Self::LOCAL)
                | bit(fixed, Self::FIXED)
                | bit(sticky, Self::STICKY)
                | bit(by_user, Self::BY_USER)
                | bit(external, Self::EXTERNAL)
                | bit(locked, Self::LOCKED)
                | Ticks::at(entry.updated).0,
        )
    }

    #[inline]
    pub(super) const fn port(self) -> Option<PortNo> {
        PortNo::unpack((self.0 >> 52) as u16)
    }

    #[inline]
    pub(super) const fn is_local(self) -> bool {
        self.0 & Self::LOCAL != 0
    }

    #[inline]
    pub(super) const fn is_sticky(self) -> bool {
        self.0 & Self::STICKY != 0
    }

    #[inline]
    pub(super) const fn updated(self) -> Ticks {
        Ticks(self.0 & Ticks::MASK)
    }

    #[inline]
    pub(super) const fn refreshed(self, ticks: Ticks) -> Self {
        Self(self.0 & !Ticks::MASK | ticks.0)
    }

    /// Whether the entry ages and is at least as old as the hold time (`has_expired`).
    #[inline]
    pub(super) const fn expired(self, now: Ticks, hold: Span) -> bool {
        // The shift drops port and flags together with the wrapped part of the age.
        let age = (now.0.wrapping_sub(self.0) << Span::TOP).cast_signed();
        age >= hold.0 && self.0 & (Self::FIXED | Self::EXTERNAL) == 0
    }

    pub(super) const fn flags(self) -> Flags {
        Flags {
            local: self.is_local(),
            fixed: self.0 & Self::FIXED != 0,
            sticky: self.is_sticky(),
            by_user: self.0 & Self::BY_USER != 0,
            external: self.0 & Self::EXTERNAL != 0,
            locked: self.0 & Self::LOCKED != 0,
        }
    }
}

const SLOTS: usize = 3;

/// One cache line: three keys, their values, when they were last used, and how many keys went past.
#[derive(Default)]
#[repr(align(64))]
struct Bucket {
    /// 0 is an empty slot.
    keys: [AtomicU64; SLOTS],
    values: [AtomicU64; SLOTS],
    /// Centiseconds since the start of the run.
    used: [AtomicU32; SLOTS],
    /// Low 20 bits: keys whose home is this bucket or one before it, that live behind it. High 12
    /// bits: how often a key was taken out of this bucket.
    state: AtomicU32,
}

/// One removal, in [`Bucket::state`].
const REMOVAL: u32 = 1 << 20;

/// A place in the table.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    bucket: usize,
    position: usize,
}

/// What a search found.
#[derive(Clone, Copy)]
pub(super) struct Hit<'a> {
    bucket: &'a Bucket,
    pub(super) slot: Slot,
    pub(super) value: Value,
}

impl Hit<'_> {
    /// Starts the entry's age anew. Shared lines must not be written per frame: only a changed time is
    /// stored. Losing the race against another writer loses at most one refresh.
    #[inline(always)]
    pub(super) fn refresh(self, ticks: Ticks) {
        if self.value.updated() != ticks {
            _ = self.bucket.values[self.slot.position].compare_exchange(
                self.value.0,
                self.value.refreshed(ticks).0,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }

    /// Notes when a frame to the entry was last forwarded.
    #[inline(always)]
    pub(super) fn mark_used(self, centis: u32) {
        let used = &self.bucket.used[self.slot.position];
        if used.load(Ordering::Relaxed) != centis {
            used.store(centis, Ordering::Relaxed);
        }
    }
}

pub(super) struct Table {
    /// A power of two of them, at least two.
    buckets: Box<[Bucket]>,
    /// By slot: the stamp of its birth.
    born: Box<[[AtomicU32; SLOTS]]>,
    seed: u64,
    /// What takes a hash down to a bucket's index.
    shift: u32,
}

/// A table as a search sees it.
#[derive(Clone, Copy)]
pub(super) struct Buckets<'a> {
    all: &'a [Bucket],
    seed: u64,
    shift: u32,
}

impl<'a> Buckets<'a> {
    /// The bucket a key belongs to: the highest bits of a product with a random odd number, which is a
    /// universal hash (Dietzfelbinger et al. 1997): whoever does not know the number finds no two keys
    /// that share a bucket more often than chance.
    #[inline(always)]
    fn home(self, key: Key) -> usize {
        #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 buckets
        let index = (key.0.wrapping_mul(self.seed) >> self.shift) as usize;
        index
    }

    /// Starts loading the home bucket of a key.
    #[inline(always)]
    pub(super) fn touch(self, key: Key) {
        memory::prefetch(&self.all[self.home(key)]);
    }

    /// Finds a key. In a table two thirds full it looks into 1.2 buckets for a hit, 1.6 for a miss, on
    /// average; the next bucket is the next cache line.
    #[inline(always)]
    pub(super) fn find(self, key: Key) -> Option<Hit<'a>> {
        let mut index = self.home(key);
        loop {
            let bucket = &self.all[index];
            let state = bucket.state.load(Ordering::Acquire);
            let [a, b, c] = &bucket.keys;
            let hit = usize::from(a.load(Ordering::Acquire) == key.0)
                | usize::from(b.load(Ordering::Acquire) == key.0) << 1
                | usize::from(c.load(Ordering::Acquire) == key.0) << 2;
            if hit != 0 {
                // One bit at most is set: 1, 2, 4 become 0, 1, 2.
                let position = (hit >> 1).min(SLOTS - 1);
                let value = Value(bucket.values[position].load(Ordering::Acquire));
                if bucket.state.load(Ordering::Relaxed) / REMOVAL != state / REMOVAL {
                    // The slot may have been given to another station between the two loads.
                    continue;
                }
                let slot = Slot {
                    bucket: index,
                    position,
                };
                return Some(Hit {
                    bucket,
                    slot,
                    value,
                });
            }
            // Ends: at most two in three slots are taken, so not every bucket was passed.
            if state.is_multiple_of(REMOVAL) {
                return None;
            }
            index = (index + 1) & (self.all.len() - 1);
        }
    }
}

impl Table {
    pub(super) fn new(buckets: usize, seed: u64) -> Self {
        let mut all = Vec::with_capacity(buckets);
        memory::prefer_huge_pages(all.spare_capacity_mut());
        all.resize_with(buckets, Bucket::default);
        Self {
            buckets: all.into_boxed_slice(),
            born: (0..buckets).map(|_| Default::default()).collect(),
            seed,
            shift: u64::BITS - buckets.trailing_zeros(),
        }
    }

    /// Returns how many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    pub(super) fn slots(&self) -> usize {
        self.buckets.len() * SLOTS
    }

    /// Returns what a search needs, by value: between two atomic loads a compiler reads fields anew.
    #[inline(always)]
    pub(super) fn buckets(&self) -> Buckets<'_> {
        Buckets {
            all: &self.buckets,
            seed: self.seed,
            shift: self.shift,
        }
    }

    #[inline(always)]
    fn home(&self, key: Key) -> usize {
        self.buckets().home(key)
    }

    #[inline(always)]
    pub(super) fn touch(&self, key: Key) {
        self.buckets().touch(key);
    }

    #[inline(always)]
    pub(super) fn find(&self, key: Key) -> Option<Hit<'_>> {
        self.buckets().find(key)
    }

    fn next(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.buckets.len() - 1)
    }

    #[inline]
    pub(super) fn value(&self, slot: Slot) -> &AtomicU64 {
        &self.buckets[slot.bucket].values[slot.position]
    }

    #[inline]
    fn used(&self, slot: Slot) -> &AtomicU32 {
        &self.buckets[slot.bucket].used[slot.position]
    }

    pub(super) fn entry(&self, slot: Slot, value: Value) -> Entry {
        Entry {
            port: value.port(),
            flags: value.flags(),
            updated: Instant::from_nanos(value.updated().0 * 1000),
            used: Instant::from_nanos(
                u64::from(self.used(slot).load(Ordering::Relaxed)) * 10_000_000,
            ),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, Key, Value)> + use<'_> {
        self.slice(0, self.buckets.len())
    }

    /// Returns the entries in so many buckets from one on, up to the last.
    pub(super) fn slice(
        &self,
        at: usize,
        buckets: usize,
    ) -> impl Iterator<Item = (Slot, Key, Value)> + use<'_> {
        (at..self.buckets.len().min(at + buckets))
            .flat_map(|bucket| (0..SLOTS).map(move |position| Slot { bucket, position }))
            .filter_map(|slot| {
                let key = self.buckets[slot.bucket].keys[slot.position].load(Ordering::Acquire);
                (key != 0).then(|| {
                    let value = Value(self.value(slot).load(Ordering::Acquire));
                    (slot, Key(key), value)
                })
            })
    }

    /// Puts in a key that is not there; the caller holds the lock and has seen to it that there is room.
    pub(super) fn place(&self, key: Key, entry: Entry, born: u32) {
        let slot = self.take_slot(key);
        self.born(slot).store(born, Ordering::Relaxed);
        self.overwrite(slot, entry);
        // The key comes last: who sees it sees the value.
        self.key(slot).store(key.0, Ordering::Release);
    }

    /// Finds an empty slot for a key, and tells the buckets on the way there that it is behind them.
    fn take_slot(&self, key: Key) -> Slot {
        let mut index = self.home(key);
        loop {
            let bucket = &self.buckets[index];
            let free = |k: &AtomicU64| k.load(Ordering::Relaxed) == 0;
            if let Some(position) = bucket.keys.iter().position(free) {
                return Slot {
                    bucket: index,
                    position,
                };
            }
            bucket.state.fetch_add(1, Ordering::Release);
            index = self.next(index);
        }
    }

    fn key(&self, slot: Slot) -> &AtomicU64 {
        &self.buckets[slot.bucket].keys[slot.position]
    }

    pub(super) fn born(&self, slot: Slot) -> &AtomicU32 {
        &self.born[slot.bucket][slot.position]
    }

    pub(super) fn overwrite(&self, slot: Slot, entry: Entry) {
        self.used(slot)
            .store(centiseconds(entry.used), Ordering::Relaxed);
        self.value(slot)
            .store(Value::new(entry).0, Ordering::Release);
    }

    /// Empties the slot of a key; the caller holds the lock.
    pub(super) fn vacate(&self, key: Key, slot: Slot) {
        let bucket = &self.buckets[slot.bucket];
        bucket.keys[slot.position].store(0, Ordering::Release);
        // Before the slot can get its next value, so that who sees that value sees this.
        bucket.state.fetch_add(REMOVAL, Ordering::Release);
        let mut index = self.home(key);
        while index != slot.bucket {
            self.buckets[index].state.fetch_sub(1, Ordering::Release);
            index = self.next(index);
        }
    }

    /// Returns a table of twice the size with the same entries; the caller holds the lock.
    pub(super) fn doubled(&self) -> Self {
        let bigger = Self::new(self.buckets.len() * 2, self.seed);
        for (bucket, born) in self.buckets.iter().zip(&self.born) {
            for position in 0..SLOTS {
                let key = bucket.keys[position].load(Ordering::Relaxed);
                if key != 0 {
                    let slot = bigger.take_slot(Key(key));
                    let value = bucket.values[position].load(Ordering::Relaxed);
                    let used = bucket.used[position].load(Ordering::Relaxed);
                    let born = born[position].load(Ordering::Relaxed);
                    bigger.value(slot).store(value, Ordering::Relaxed);
                    bigger.used(slot).store(used, Ordering::Relaxed);
                    bigger.born(slot).store(born, Ordering::Relaxed);
                    // Nobody else sees the table yet.
                    bigger.key(slot).store(key, Ordering::Relaxed);
                }
            }
        }
        bigger
    }
}

#[cfg(all(test, tapswitch_loom))]
mod model;
