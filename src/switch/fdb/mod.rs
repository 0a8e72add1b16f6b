//! The filtering database: which station is behind which port.
//!
//! One table per bridge, shared by all workers and control. A lookup and a refresh take no lock;
//! learning a new station, a move and whatever control does go through one mutex, as in the kernel
//! (`hash_lock`). Lookups return values. The table (`table.rs`, which has its layout) holds
//! no `unsafe`: every cell is an atomic.
//!
//! Bounds: learned entries by [`Fdb::max_learned`] (default 1,048,576), all entries by
//! [`CAPACITY`]. Memory: 76 octets per bucket with its side table; the table doubles when it is two
//! thirds full and never shrinks, so 38 to 76 octets an entry, 40 MB for a million stations.
//!
//! Time: an entry knows when its source was last seen, in microseconds. It expires *exactly* then plus
//! the hold time, in every lookup, whether or not a sweep has reclaimed its slot yet. A sweep goes slice by
//! slice ([`SLICE`]) and holds the lock for one only, so that no learner waits for more; one who finds the
//! table full walks one slice himself, at most each [`SLICE_PAUSE`].

mod table;

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use self::table::{Buckets, Hit, Slot, Span, Table, Ticks, Value, centiseconds};
use super::PortNo;
use crate::time::{Duration, Instant};
use crate::wire::{MacAddr, Vid};

/// Learned entries that a bridge takes when `fdb_max_learned` is not set.
pub const DEFAULT_MAX_LEARNED: u32 = 1 << 20;

/// Entries of any sort that a table takes; adding one more is refused (`ENOMEM` to a script).
pub const CAPACITY: usize = 1 << 24;

/// Buckets that are walked for expired entries under one hold of the lock: 256 KiB, some 10 µs.
pub const SLICE: usize = 4096;

/// The time between two slices that learners walk, at least.
pub const SLICE_PAUSE: Duration = Duration::from_millis(1);

/// A station in a VLAN: what the table is searched by. VID 0 stands for "no VLAN".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// Set in every key, so that no key equals an empty slot: frames to the all-zero address exist.
    const TAKEN: u64 = 1 << 63;

    /// Makes the key of a station on a bridge without VLAN filtering.
    #[inline]
    #[must_use]
    pub const fn untagged(mac: MacAddr) -> Self {
        Self(mac.to_u64() | Self::TAKEN)
    }

    /// Makes the key of a station, in a VLAN or (`None`) in none.
    #[inline]
    #[must_use]
    pub fn new(mac: MacAddr, vid: Option<Vid>) -> Self {
        Self(mac.to_u64() | u64::from(vid.map_or(0, Vid::get)) << 48 | Self::TAKEN)
    }

    /// Returns the station.
    #[must_use]
    pub const fn mac(self) -> MacAddr {
        MacAddr::from_u64(self.0)
    }

    /// Returns the VLAN.
    #[must_use]
    pub const fn vid(self) -> Option<Vid> {
        Vid::new((self.0 >> 48) as u16 & 0xfff)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mac(), self.vid().map_or(0, Vid::get))
    }
}

/// What is special about an entry (`BR_FDB_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// An address of the bridge itself: frames to it go to the host port.
    pub local: bool,
    /// Never ages (but may move).
    pub fixed: bool,
    /// Never moves (but may age).
    pub sticky: bool,
    /// Added by a command rather than learned.
    pub by_user: bool,
    /// `extern_learn`: never ages, loses the flag when it moves.
    pub external: bool,
    /// Noted by a port with MAB; admits nobody until a command confirms it.
    pub locked: bool,
}

impl Flags {
    /// Whether the entry counts against `fdb_max_learned`.
    #[must_use]
    pub const fn is_learned(self) -> bool {
        !self.by_user && !self.local
    }

    /// Whether the entry ages (`has_expired`).
    #[must_use]
    pub const fn ages(self) -> bool {
        !self.fixed && !self.external
    }
}

/// One entry, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The port the station is behind; `None` for an address of the bridge device itself.
    pub port: Option<PortNo>,
    /// What is special about it.
    pub flags: Flags,
    /// When its source was last seen, or a command last changed it; to the microsecond.
    pub updated: Instant,
    /// When a frame to it was last forwarded, or a command last touched it; to 10 ms.
    pub used: Instant,
}

/// What became of a source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learn {
    /// Known on this port (or sticky elsewhere); its age starts anew.
    Known,
    /// Not known before.
    New,
    /// Known on another port before.
    Moved {
        /// That port.
        from: Option<PortNo>,
    },
    /// An address of the bridge itself: left alone.
    Local,
    /// The table is full: not learned.
    Full,
    /// The hold time is zero: nothing is learned.
    Off,
}

/// What an edit under the lock decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Leave it as it is.
    Keep,
    /// Put this entry there.
    Put(Entry),
    /// Take the entry out.
    Remove,
}

/// The table has [`CAPACITY`] entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityReached;

/// The filtering database of one bridge.
pub struct Fdb {
    table: ArcSwap<Table>,
    /// How often the table was replaced by a larger one.
    grown: AtomicU32,
    writer: Mutex<Writer>,
    learned: AtomicUsize,
    max_learned: AtomicU32,
}

/// State that only the holder of the lock touches.
#[derive(Debug, Default)]
struct Writer {
    /// Entries of any sort in the table, expired ones included.
    len: usize,
    /// Stamp of the next new entry: a dump prints the newest first, as the kernel does.
    births: u32,
    /// When a slice of a full table was last swept on behalf of a learner.
    swept: Option<Instant>,
    /// The bucket where the next such slice begins.
    hand: usize,
}

/// A table as a worker uses it for one batch: loaded once, at one time, under one hold time.
pub struct View<'a> {
    fdb: &'a Fdb,
    table: arc_swap::Guard<Arc<Table>>,
    /// [`Fdb::grown`] when it was loaded.
    grown: u32,
    now: Instant,
    hold: Duration,
    /// `now` and `hold` in the table's own units, and `now` in those of `used`.
    ticks: Ticks,
    span: Span,
    centis: u32,
}

impl fmt::Debug for Fdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fdb")
            .field("learned", &self.learned)
            .field("max_learned", &self.max_learned)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fdb.fmt(f)
    }
}

impl Default for Fdb {
    fn default() -> Self {
        Self::new()
    }
}

impl Fdb {
    /// Makes an empty table whose hash is seeded at random, so that no sender can aim at one bucket.
    #[must_use]
    pub fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self::with_seed(RandomState::new().hash_one(0u8))
    }

    /// Makes an empty table with a given hash seed.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self {
            // Odd, and never so small that a multiplication by it would not spread.
            table: ArcSwap::from_pointee(Table::new(64, (seed ^ 0x9e37_79b9_7f4a_7c15) | 1)),
            grown: AtomicU32::new(0),
            writer: Mutex::default(),
            learned: AtomicUsize::new(0),
            max_learned: AtomicU32::new(0),
        }
    }

    /// Loads the table for one batch. A view stays usable while the table grows; it then no longer
    /// sees what is added, so do not keep it longer than a turn.
    #[inline]
    #[must_use]
    pub fn view(&self, now: Instant, hold: Duration) -> View<'_> {
        View {
            fdb: self,
            // First: what is stored meanwhile is then a table to load again.
            grown: self.grown.load(Ordering::Acquire),
            table: self.table.load(),
            now,
            hold,
            ticks: Ticks::at(now),
            span: Span::of(hold),
            centis: centiseconds(now),
        }
    }

    /// Returns the bound on learned entries.
    #[must_use]
    pub fn max_learned(&self) -> u32 {
        match self.max_learned.load(Ordering::Relaxed) {
            0 => DEFAULT_MAX_LEARNED,
            set => set,
        }
    }

    /// Sets the bound on learned entries (`fdb_max_learned`); 0 stands for the default. Entries above a
    /// lowered bound stay until they age.
    pub fn set_max_learned(&self, max: u32) {
        self.max_learned.store(max, Ordering::Relaxed);
    }

    /// Returns how many learned entries there are, expired ones that no sweep has met yet included.
    #[must_use]
    pub fn learned(&self) -> usize {
        self.learned.load(Ordering::Relaxed)
    }

    /// Returns the entry of a station, expired or not.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Entry> {
        let table = self.table.load();
        table.find(key).map(|hit| table.entry(hit.slot, hit.value))
    }

    /// Reads, decides and writes the entry of one station under the lock.
    ///
    /// # Errors
    /// [`CapacityReached`] when `decide` wants a new entry and there is no room; nothing changed.
    pub fn edit(
        &self,
        key: Key,
        decide: impl FnOnce(Option<Entry>) -> Edit,
    ) -> Result<(), CapacityReached> {
        let mut writer = self.lock();
        let table = self.table.load();
        let found = table.find(key);
        match (
            decide(found.map(|hit| table.entry(hit.slot, hit.value))),
            found,
        ) {
            (Edit::Keep, _) | (Edit::Remove, None) => Ok(()),
            (Edit::Remove, Some(hit)) => {
                self.remove(&mut writer, &table, key, hit.slot, hit.value);
                Ok(())
            }
            (Edit::Put(entry), Some(hit)) => {
                self.recount(hit.value.flags(), Some(entry.flags));
                table.overwrite(hit.slot, entry);
                Ok(())
            }
            (Edit::Put(entry), None) => self.insert(&mut writer, &table, key, entry),
        }
    }

    /// Takes out every entry that `doomed` picks, and returns how many. Walks the whole table.
    pub fn flush(&self, mut doomed: impl FnMut(Key, Entry) -> bool) -> usize {
        let mut writer = self.lock();
        let table = self.table.load();
        let mut count = 0;
        for (slot, key, value) in table.iter() {
            if doomed(key, table.entry(slot, value)) {
                self.remove(&mut writer, &table, key, slot, value);
                count += 1;
            }
        }
        count
    }

    /// Reclaims the slots of expired entries, and returns how many. Walks the whole table, a slice at a
    /// time; lookups do not depend on it.
    pub fn sweep(&self, now: Instant, hold: Duration) -> usize {
        let mut count = 0;
        let (mut at, mut of) = (0, self.table.load().len());
        while at < of {
            let mut writer = self.lock();
            let table = self.table.load();
            // A table that was doubled meanwhile has an entry at twice its place.
            (at, of) = (at * (table.len() / of), table.len());
            count += self.reclaim(&mut writer, &table, at, (now, hold));
            at += SLICE;
        }
        count
    }

    /// Returns every entry that has not expired, newest first, as the kernel's dump is ordered.
    #[must_use]
    pub fn dump(&self, now: Instant, hold: Duration) -> Vec<(Key, Entry)> {
        let writer = self.lock();
        let table = self.table.load();
        let (now, hold) = (Ticks::at(now), Span::of(hold));
        let mut rows: Vec<_> = table
            .iter()
            .filter(|(_, _, value)| !value.expired(now, hold))
            .map(|(slot, key, value)| {
                (
                    writer
                        .births
                        .wrapping_sub(table.born(slot).load(Ordering::Relaxed)),
                    key,
                    table.entry(slot, value),
                )
            })
            .collect();
        rows.sort_unstable_by_key(|(age, ..)| *age);
        rows.into_iter()
            .map(|(_, key, entry)| (key, entry))
            .collect()
    }

    /// The way of a source that the lock-free path could not settle: new, moved, or expired.
    #[cold]
    fn learn_slowly(&self, view: &View<'_>, key: Key, port: PortNo) -> Learn {
        let View { now, hold, .. } = *view;
        let mut writer = self.lock();
        // Who replaces the table has the lock.
        let other = (!view.is_current()).then(|| self.table.load());
        let table = other.as_ref().unwrap_or(&view.table);
        let fresh = Entry {
            port: Some(port),
            flags: Flags::default(),
            updated: now,
            used: now,
        };
        let Some(hit) = table.find(key) else {
            return self.insert_learned(&mut writer, table, (now, hold), key, fresh);
        };
        let mut entry = table.entry(hit.slot, hit.value);
        if hit.value.expired(view.ticks, view.span) {
            // The kernel would have collected it at its deadline, so this one is newly learned, and
            // subject to the bound.
            self.remove(&mut writer, table, key, hit.slot, hit.value);
            return self.insert_learned(&mut writer, table, (now, hold), key, fresh);
        }
        if entry.flags.local {
            return Learn::Local;
        }
        entry.updated = now;
        let from = entry.port;
        let moved = from != Some(port) && !entry.flags.sticky;
        if moved {
            entry.port = Some(port);
            entry.flags.external = false;
            entry.flags.locked = false;
        }
        table.overwrite(hit.slot, entry);
        if moved {
            Learn::Moved { from }
        } else {
            Learn::Known
        }
    }

    fn insert_learned(
        &self,
        writer: &mut Writer,
        table: &Table,
        (now, hold): (Instant, Duration),
        key: Key,
        entry: Entry,
    ) -> Learn {
        let full = |fdb: &Self| fdb.learned() >= fdb.max_learned() as usize;
        if full(self) {
            // The kernel collects at the deadline, at most every 10 ms; we do at the first need.
            let again = |swept: Instant| now - swept >= SLICE_PAUSE;
            if writer.swept.is_none_or(again) {
                writer.swept = Some(now);
                let at = writer.hand;
                writer.hand = (at + SLICE) & (table.len() - 1);
                self.reclaim(writer, table, at, (now, hold));
            }
            if full(self) {
                return Learn::Full;
            }
        }
        match self.insert(writer, table, key, entry) {
            Ok(()) => Learn::New,
            Err(CapacityReached) => Learn::Full,
        }
    }

    /// Reclaims the slots of expired entries in the slice that begins at a bucket.
    fn reclaim(
        &self,
        writer: &mut Writer,
        table: &Table,
        at: usize,
        (now, hold): (Instant, Duration),
    ) -> usize {
        let (now, hold) = (Ticks::at(now), Span::of(hold));
        let mut count = 0;
        for (slot, key, value) in table.slice(at, SLICE) {
            if value.expired(now, hold) {
                self.remove(writer, table, key, slot, value);
                count += 1;
            }
        }
        count
    }

    /// Puts in a key that is not there.
    fn insert(
        &self,
        writer: &mut Writer,
        table: &Table,
        key: Key,
        entry: Entry,
    ) -> Result<(), CapacityReached> {
        if writer.len >= CAPACITY {
            return Err(CapacityReached);
        }
        writer.births = writer.births.wrapping_add(1);
        if (writer.len + 1) * 3 > table.slots() * 2 {
            let bigger = Arc::new(table.doubled());
            bigger.place(key, entry, writer.births);
            self.table.store(bigger);
            self.grown.fetch_add(1, Ordering::Release);
        } else {
            table.place(key, entry, writer.births);
        }
        writer.len += 1;
        if entry.flags.is_learned() {
            self.learned.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn remove(&self, writer: &mut Writer, table: &Table, key: Key, slot: Slot, value: Value) {
        table.vacate(key, slot);
        writer.len -= 1;
        self.recount(value.flags(), None);
    }

    fn recount(&self, before: Flags, after: Option<Flags>) {
        match (before.is_learned(), after.is_some_and(Flags::is_learned)) {
            (true, false) => _ = self.learned.fetch_sub(1, Ordering::Relaxed),
            (false, true) => _ = self.learned.fetch_add(1, Ordering::Relaxed),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        // No code under the lock can panic half way through a change, so a poisoned table is whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View<'_> {
    /// Whether [`Self::prefetch`] gains anything: a table of 256 KiB stays in a core's own cache, and
    /// touching it ahead costs a tenth of a frame's way.
    #[inline]
    #[must_use]
    pub fn outgrows_cache(&self) -> bool {
        self.table.slots() > 12 * 1024
    }

    /// Starts loading the bucket of a key into the cache; a batch of them overlaps its cache misses.
    #[inline(always)]
    pub fn prefetch(&self, key: Key) {
        self.table.touch(key);
    }

    /// Notes that a source was seen on a port (`br_fdb_update`).
    #[inline(always)]
    pub fn learn(&self, key: Key, port: PortNo) -> Learn {
        if self.span.is_zero() {
            return Learn::Off;
        }
        if let Some(hit) = self.table.find(key)
            && !hit.value.expired(self.ticks, self.span)
        {
            if hit.value.is_local() {
                return Learn::Local;
            }
            if hit.value.port() == Some(port) || hit.value.is_sticky() {
                hit.refresh(self.ticks);
                return Learn::Known;
            }
        }
        self.fdb.learn_slowly(self, key, port)
    }

    /// Whether it is still the table that others learn into.
    #[inline(always)]
    pub(super) fn is_current(&self) -> bool {
        self.grown == self.fdb.grown.load(Ordering::Acquire)
    }

    /// Returns the table for many searches in a row.
    #[inline(always)]
    pub(super) fn gaze(&self) -> Gaze<'_> {
        Gaze {
            buckets: self.table.buckets(),
            ticks: self.ticks,
            span: self.span,
            centis: self.centis,
        }
    }

    /// Looks a station up without noting that it was used.
    #[inline]
    #[must_use]
    pub fn peek(&self, key: Key) -> Option<(Option<PortNo>, Flags)> {
        let value = self.table.find(key)?.value;
        (!value.expired(self.ticks, self.span)).then(|| (value.port(), value.flags()))
    }

    /// Looks a destination up and notes that it was used.
    #[inline(always)]
    #[must_use]
    pub fn lookup(&self, key: Key) -> Option<Target> {
        let hit = self.table.find(key)?;
        if hit.value.expired(self.ticks, self.span) {
            return None;
        }
        if !hit.value.is_local() {
            hit.mark_used(self.centis);
        }
        let value = hit.value;
        Some(Target {
            port: value.port(),
            local: value.is_local(),
        })
    }
}

/// What [`View`] has, by value.
#[derive(Clone, Copy)]
pub(super) struct Gaze<'a> {
    buckets: Buckets<'a>,
    ticks: Ticks,
    span: Span,
    centis: u32,
}

impl Gaze<'_> {
    /// Notes that a source was seen on a port, where there is nothing to learn from it; false where there
    /// is ([`View::learn`]).
    #[inline(always)]
    pub(super) fn refresh(self, source: Key, on: PortNo) -> bool {
        match self.buckets.find(source) {
            Some(hit) if self.is_station(&hit) && hit.value.port() == Some(on) => {
                hit.refresh(self.ticks);
                true
            }
            _ => false,
        }
    }

    /// Returns the port of a station, and notes that it was used ([`View::lookup`]); `None` for the bridge's
    /// own addresses, too.
    #[inline(always)]
    pub(super) fn lookup(self, station: Key) -> Option<PortNo> {
        let hit = self.buckets.find(station)?;
        if !self.is_station(&hit) {
            return None;
        }
        hit.mark_used(self.centis);
        hit.value.port()
    }

    #[inline(always)]
    fn is_station(self, hit: &Hit<'_>) -> bool {
        !hit.value.is_local() && !hit.value.expired(self.ticks, self.span)
    }
}

/// Where a known destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The port; `None` for the bridge device itself.
    pub port: Option<PortNo>,
    /// An address of the bridge: from a port, the frame goes to the host port.
    pub local: bool,
}

#[cfg(all(test, not(tapswitch_loom)))]
mod tests;
