//! The filtering database: which station is behind which port.
//!
//! One table per bridge, shared by all workers and control. A lookup and a refresh take no lock;
//! learning a new station, a move and whatever control does go through one mutex, as in the kernel
//! (`hash_lock`). Lookups return values. The table holds no `unsafe`: every cell is an atomic.
//!
//! Layout: buckets of 64 octets, three slots each, scanned without branches (measured: an early-exit
//! scan costs twice as much, because the position of a hit cannot be predicted). A key lives in its
//! home bucket or, if that is full, in one of the following; a bucket counts how many keys went past
//! it, so that a search ends at the first bucket nobody went past and a removal leaves no tombstone.
//! It also counts removals: a reader whose slot changed hands between two loads sees that and looks
//! again (model-checked: `RUSTFLAGS='--cfg tapswitch_loom' cargo test --lib fdb::model`).
//!
//! Bounds: learned entries by [`Fdb::max_learned`] (default 1,048,576), all entries by
//! [`CAPACITY`]. Memory: 76 octets per bucket with its side table; the table doubles when it is 60 %
//! full and never shrinks, so 42 to 84 octets an entry, 80 MB for a million stations.
//!
//! Time: an entry knows when its source was last seen, in microseconds. It expires *exactly* then plus
//! the hold time, in every lookup, whether or not a sweep has reclaimed its slot yet.

#[cfg(tapswitch_loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64};
use std::fmt;
#[cfg(not(tapswitch_loom))]
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::PortNo;
use crate::time::{Duration, Instant};
use crate::wire::{MacAddr, Vid};

/// Learned entries that a bridge takes when `fdb_max_learned` is not set.
pub const DEFAULT_MAX_LEARNED: u32 = 1 << 20;

/// Entries of any sort that a table takes; adding one more is refused (`ENOMEM` to a script).
pub const CAPACITY: usize = 1 << 24;

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
#[allow(clippy::struct_excessive_bools)]
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
    /// When a full table was last swept on behalf of a learner.
    swept: Option<Instant>,
}

/// A table as a worker uses it for one batch: loaded once, at one time, under one hold time.
pub struct View<'a> {
    fdb: &'a Fdb,
    table: arc_swap::Guard<Arc<Table>>,
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
            (Edit::Put(entry), None) => {
                drop(table);
                self.insert(&mut writer, key, entry)
            }
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

    /// Reclaims the slots of expired entries, and returns how many. Walks the whole table; lookups do
    /// not depend on it.
    pub fn sweep(&self, now: Instant, hold: Duration) -> usize {
        let mut writer = self.lock();
        self.reclaim(&mut writer, now, hold)
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
    fn learn_slowly(&self, now: Instant, hold: Duration, key: Key, port: PortNo) -> Learn {
        let mut writer = self.lock();
        let table = self.table.load();
        let fresh = Entry {
            port: Some(port),
            flags: Flags::default(),
            updated: now,
            used: now,
        };
        let Some(hit) = table.find(key) else {
            drop(table);
            return self.insert_learned(&mut writer, now, hold, key, fresh);
        };
        let mut entry = table.entry(hit.slot, hit.value);
        if hit.value.expired(Ticks::at(now), Span::of(hold)) {
            // The kernel would have collected it at its deadline, so this one is newly learned, and
            // subject to the bound.
            self.remove(&mut writer, &table, key, hit.slot, hit.value);
            drop(table);
            return self.insert_learned(&mut writer, now, hold, key, fresh);
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
        now: Instant,
        hold: Duration,
        key: Key,
        entry: Entry,
    ) -> Learn {
        let full = |fdb: &Self| fdb.learned() >= fdb.max_learned() as usize;
        if full(self) {
            // The kernel collects at the deadline; we do at the first need, at most every 10 ms, which
            // is the kernel's own floor between two collections.
            if writer
                .swept
                .is_none_or(|swept| now - swept >= Duration::from_millis(10))
            {
                writer.swept = Some(now);
                self.reclaim(writer, now, hold);
            }
            if full(self) {
                return Learn::Full;
            }
        }
        match self.insert(writer, key, entry) {
            Ok(()) => Learn::New,
            Err(CapacityReached) => Learn::Full,
        }
    }

    fn reclaim(&self, writer: &mut Writer, now: Instant, hold: Duration) -> usize {
        let table = self.table.load();
        let (now, hold) = (Ticks::at(now), Span::of(hold));
        let mut count = 0;
        for (slot, key, value) in table.iter() {
            if value.expired(now, hold) {
                self.remove(writer, &table, key, slot, value);
                count += 1;
            }
        }
        count
    }

    /// Puts in a key that is not there.
    fn insert(&self, writer: &mut Writer, key: Key, entry: Entry) -> Result<(), CapacityReached> {
        if writer.len >= CAPACITY {
            return Err(CapacityReached);
        }
        let mut table = self.table.load_full();
        if (writer.len + 1) * 5 > table.slots() * 3 {
            table = Arc::new(table.doubled());
            self.table.store(Arc::clone(&table));
        }
        writer.births = writer.births.wrapping_add(1);
        table.place(key, entry, writer.births);
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
    /// Starts loading the bucket of a key into the cache. The load is an ordinary one, whose result
    /// nobody waits for; a batch of them overlaps its cache misses.
    #[inline]
    pub fn prefetch(&self, key: Key) {
        std::hint::black_box(
            self.table.buckets[self.table.home(key)].keys[0].load(Ordering::Relaxed),
        );
    }

    /// Notes that a source was seen on a port (`br_fdb_update`).
    #[inline(always)]
    pub fn learn(&self, key: Key, port: PortNo) -> Learn {
        if self.span.0 == 0 {
            return Learn::Off;
        }
        if let Some(Hit {
            bucket,
            slot,
            value,
        }) = self.table.find(key)
            && !value.expired(self.ticks, self.span)
        {
            if value.is_local() {
                return Learn::Local;
            }
            if value.port() == Some(port) || value.is_sticky() {
                // Shared lines must not be written per frame: only a changed time is stored. Losing the
                // race against another writer loses at most one refresh.
                if value.updated() != self.ticks {
                    _ = bucket.values[slot.position].compare_exchange(
                        value.0,
                        value.refreshed(self.ticks).0,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
                return Learn::Known;
            }
        }
        self.fdb.learn_slowly(self.now, self.hold, key, port)
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
        let Hit {
            bucket,
            slot,
            value,
        } = self.table.find(key)?;
        if value.expired(self.ticks, self.span) {
            return None;
        }
        if !value.is_local() {
            let used = &bucket.used[slot.position];
            if used.load(Ordering::Relaxed) != self.centis {
                used.store(self.centis, Ordering::Relaxed);
            }
        }
        Some(Target {
            port: value.port(),
            local: value.is_local(),
        })
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

/// Microseconds since the start of the run, modulo 2^46 (2.2 years).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticks(u64);

impl Ticks {
    const BITS: u32 = 46;
    const MASK: u64 = (1 << Self::BITS) - 1;

    #[inline]
    const fn at(now: Instant) -> Self {
        Self((now.as_nanos() / 1000) & Self::MASK)
    }
}

/// A hold time as ages are compared with: in ticks, moved to the top of the word, where an age has its
/// sign. Two workers' turns overlap, so an entry can be a little younger than "now": its age is then
/// negative and it has not expired. Capped at half the range, 1.1 years.
#[derive(Clone, Copy)]
struct Span(i64);

impl Span {
    const TOP: u32 = u64::BITS - Ticks::BITS;

    fn of(hold: Duration) -> Self {
        let ticks = u64::try_from(hold.as_micros()).unwrap_or(u64::MAX);
        Self((ticks.min(Ticks::MASK / 2) << Self::TOP).cast_signed())
    }
}

const fn centiseconds(now: Instant) -> u32 {
    // Wraps after 497 days, like the kernel's own clock_t.
    #[allow(clippy::cast_possible_truncation)]
    let centis = (now.as_nanos() / 10_000_000) as u32;
    centis
}

/// An entry in one word: port (12 bits, 0 for the bridge itself), flags (6), ticks (46).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Value(u64);

impl Value {
    const LOCAL: u64 = 1 << 46;
    const FIXED: u64 = 1 << 47;
    const STICKY: u64 = 1 << 48;
    const BY_USER: u64 = 1 << 49;
    const EXTERNAL: u64 = 1 << 50;
    const LOCKED: u64 = 1 << 51;

    fn new(entry: Entry) -> Self {
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
    const fn port(self) -> Option<PortNo> {
        PortNo::unpack((self.0 >> 52) as u16)
    }

    #[inline]
    const fn is_local(self) -> bool {
        self.0 & Self::LOCAL != 0
    }

    #[inline]
    const fn is_sticky(self) -> bool {
        self.0 & Self::STICKY != 0
    }

    #[inline]
    const fn updated(self) -> Ticks {
        Ticks(self.0 & Ticks::MASK)
    }

    #[inline]
    const fn refreshed(self, ticks: Ticks) -> Self {
        Self(self.0 & !Ticks::MASK | ticks.0)
    }

    /// Whether the entry ages and is at least as old as the hold time (`has_expired`).
    #[inline]
    const fn expired(self, now: Ticks, hold: Span) -> bool {
        // The shift drops port and flags together with the wrapped part of the age.
        let age = (now.0.wrapping_sub(self.0) << Span::TOP).cast_signed();
        age >= hold.0 && self.0 & (Self::FIXED | Self::EXTERNAL) == 0
    }

    const fn flags(self) -> Flags {
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
struct Slot {
    bucket: usize,
    position: usize,
}

/// What a search found.
#[derive(Clone, Copy)]
struct Hit<'a> {
    bucket: &'a Bucket,
    slot: Slot,
    value: Value,
}

struct Table {
    /// A power of two of them, at least two.
    buckets: Box<[Bucket]>,
    /// By slot: the stamp of its birth.
    born: Box<[[AtomicU32; SLOTS]]>,
    seed: u64,
    /// What takes a hash down to a bucket's index.
    shift: u32,
}

impl Table {
    fn new(buckets: usize, seed: u64) -> Self {
        Self {
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
            born: (0..buckets).map(|_| Default::default()).collect(),
            seed,
            shift: u64::BITS - buckets.trailing_zeros(),
        }
    }

    fn slots(&self) -> usize {
        self.buckets.len() * SLOTS
    }

    /// The bucket a key belongs to: the highest bits of a product with a random odd number, which is a
    /// universal hash (Dietzfelbinger et al. 1997): whoever does not know the number finds no two keys
    /// that share a bucket more often than chance.
    #[inline(always)]
    fn home(&self, key: Key) -> usize {
        #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 buckets
        let index = (key.0.wrapping_mul(self.seed) >> self.shift) as usize;
        index
    }

    fn next(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.buckets.len() - 1)
    }

    #[inline]
    fn value(&self, slot: Slot) -> &AtomicU64 {
        &self.buckets[slot.bucket].values[slot.position]
    }

    #[inline]
    fn used(&self, slot: Slot) -> &AtomicU32 {
        &self.buckets[slot.bucket].used[slot.position]
    }

    fn entry(&self, slot: Slot, value: Value) -> Entry {
        Entry {
            port: value.port(),
            flags: value.flags(),
            updated: Instant::from_nanos(value.updated().0 * 1000),
            used: Instant::from_nanos(
                u64::from(self.used(slot).load(Ordering::Relaxed)) * 10_000_000,
            ),
        }
    }

    /// Finds a key. In a table at most 60 % full it looks into 1.1 buckets on average.
    #[inline(always)]
    fn find(&self, key: Key) -> Option<Hit<'_>> {
        let mut index = self.home(key);
        loop {
            let bucket = &self.buckets[index];
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
            // Ends: at most three in five slots are taken, so not every bucket was passed.
            if state.is_multiple_of(REMOVAL) {
                return None;
            }
            index = self.next(index);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Slot, Key, Value)> + use<'_> {
        (0..self.buckets.len())
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
    fn place(&self, key: Key, entry: Entry, born: u32) {
        let mut index = self.home(key);
        loop {
            let bucket = &self.buckets[index];
            let free = |k: &AtomicU64| k.load(Ordering::Relaxed) == 0;
            if let Some(position) = bucket.keys.iter().position(free) {
                let slot = Slot {
                    bucket: index,
                    position,
                };
                self.born(slot).store(born, Ordering::Relaxed);
                self.overwrite(slot, entry);
                // The key comes last: who sees it sees the value.
                bucket.keys[position].store(key.0, Ordering::Release);
                return;
            }
            bucket.state.fetch_add(1, Ordering::Release);
            index = self.next(index);
        }
    }

    fn born(&self, slot: Slot) -> &AtomicU32 {
        &self.born[slot.bucket][slot.position]
    }

    fn overwrite(&self, slot: Slot, entry: Entry) {
        self.used(slot)
            .store(centiseconds(entry.used), Ordering::Relaxed);
        self.value(slot)
            .store(Value::new(entry).0, Ordering::Release);
    }

    /// Empties the slot of a key; the caller holds the lock.
    fn vacate(&self, key: Key, slot: Slot) {
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

    fn doubled(&self) -> Self {
        let bigger = Self::new(self.buckets.len() * 2, self.seed);
        for (slot, key, value) in self.iter() {
            let born = self.born(slot).load(Ordering::Relaxed);
            bigger.place(key, self.entry(slot, value), born);
        }
        bigger
    }
}

#[cfg(all(test, tapswitch_loom))]
mod model;
#[cfg(all(test, not(tapswitch_loom)))]
mod tests;
