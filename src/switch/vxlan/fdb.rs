//! Which station is behind which tunnel endpoint: a VXLAN device's own filtering database.
//!
//! Unlike a bridge's, it maps a station to *remotes*, of which group addresses and the all-zero address
//! (everything without an entry of its own) may have several. An entry ages by when a frame was last
//! sent to it, not by when one came from it (`vxlan_cleanup`), and only the timer removes it: lookups
//! do not look at ages.
//!
//! Workers learn and look up, control adds, deletes and ages. Entries are values in a `DashMap`; a
//! lookup returns a copy. Beside it there is only the count that `maxaddress` bounds.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use dashmap::{DashMap, Entry};
use foldhash::fast::FixedState;

use crate::switch::NetdevId;
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// Stations that a VXLAN device knows at most, whatever `maxaddress` says.
pub const MAX_ENTRIES: u32 = 1_048_576;

/// Remotes that one entry has at most.
pub const MAX_REMOTES: usize = 4_096;

/// A tunnel endpoint, as an entry names it (`struct vxlan_rdst`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its address; the unspecified one is no endpoint but this host's own bridge.
    pub ip: IpAddr,
    /// Its UDP port.
    pub port: u16,
    /// The network identifier of what is sent to it; 0 for the device's own.
    pub vni: u32,
    /// The netdev to send by (`via`), whatever the routes say.
    pub via: Option<NetdevId>,
}

/// How long an entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// `permanent`.
    Permanent,
    /// `static`: the same, under another name.
    Static,
    /// Learned, or `dynamic`: ages.
    Dynamic,
}

/// What else an entry says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `router`: frames to it may be short-circuited (`rsc`).
    pub router: bool,
    /// `extern_learn`: does not age.
    pub external: bool,
    /// `sticky`: shown, without a meaning here.
    pub sticky: bool,
    /// A command added it.
    pub by_user: bool,
}

/// The remotes of an entry: one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remotes {
    /// What stations have.
    One(Remote),
    /// What groups may have.
    Many(Arc<[Remote]>),
}

impl Remotes {
    /// Returns them, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Remote] {
        match self {
            Self::One(remote) => std::slice::from_ref(remote),
            Self::Many(remotes) => remotes,
        }
    }

    /// Returns the first.
    #[must_use]
    pub fn first(&self) -> Option<&Remote> {
        self.as_slice().first()
    }

    fn with(&self, remote: Remote) -> Self {
        let all = self.as_slice().iter().copied().chain([remote]);
        Self::Many(all.collect())
    }

    fn without(&self, remote: &Remote) -> Self {
        let left = self.as_slice().iter().filter(|it| *it != remote);
        Self::Many(left.copied().collect())
    }
}

/// An entry, as control sees it.
#[derive(Clone, Debug)]
pub struct VxlanEntry {
    /// Where to.
    pub remotes: Remotes,
    /// How long.
    pub lifetime: Lifetime,
    /// What else.
    pub marks: Marks,
    /// When a frame was last sent to it.
    pub used: Instant,
    /// When it last changed.
    pub updated: Instant,
    /// Later entries have higher numbers.
    born: u64,
}

#[derive(Debug)]
struct Slot {
    entry: VxlanEntry,
    /// Nanoseconds; written through a shared reference.
    used: AtomicU64,
}

impl Slot {
    fn new(entry: VxlanEntry) -> Self {
        Self {
            used: AtomicU64::new(entry.used.as_nanos()),
            entry,
        }
    }

    fn used(&self) -> Instant {
        Instant::from_nanos(self.used.load(Ordering::Relaxed))
    }

    fn entry(&self) -> VxlanEntry {
        VxlanEntry {
            used: self.used(),
            ..self.entry.clone()
        }
    }
}

/// What came of a frame's source (`vxlan_snoop`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It was known to be there.
    Known,
    /// It is known now.
    New,
    /// It was elsewhere.
    Moved,
    /// It is new, but the table is full; the frame goes on.
    Full,
    /// An entry that is not to move says that it is elsewhere: the frame is not to be trusted.
    Elsewhere,
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `EEXIST`.
    Exists,
    /// `ENOENT`.
    Absent,
    /// `ENOSPC`: `maxaddress`, or a bound of ours.
    Full,
    /// `EOPNOTSUPP`, with a message: what is no unicast entry cannot be replaced.
    Replace,
    /// `EOPNOTSUPP`, without one: nor can it be made by replacing.
    ReplaceAbsent,
}

/// How a command adds (`NLM_F_EXCL`, `NLM_F_APPEND`, `NLM_F_REPLACE`; all with `NLM_F_CREATE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `add`.
    Add,
    /// `append`.
    Append,
    /// `replace`.
    Replace,
}

/// An entry to add, or what becomes of one that is there.
#[derive(Clone, Copy, Debug)]
pub struct Addition {
    /// The station.
    pub mac: MacAddr,
    /// Where to.
    pub remote: Remote,
    /// How long.
    pub lifetime: Lifetime,
    /// What else.
    pub marks: Marks,
    /// `use`: counts as changed.
    pub touch: bool,
}

/// The table of one VXLAN device.
#[derive(Debug)]
pub struct VxlanFdb {
    entries: DashMap<MacAddr, Slot, FixedState>,
    /// How many there are (`addrcnt`).
    count: AtomicU32,
    born: AtomicU64,
    /// `maxaddress`; [`MAX_ENTRIES`] for 0.
    max: u32,
}

impl VxlanFdb {
    /// Makes an empty table of a size; 0 is unlimited.
    #[must_use]
    pub fn new(max: u32) -> Self {
        Self {
            entries: DashMap::with_hasher(FixedState::with_seed(0)),
            count: AtomicU32::new(0),
            born: AtomicU64::new(0),
            max: if max == 0 {
                MAX_ENTRIES
            } else {
                max.min(MAX_ENTRIES)
            },
        }
    }

    /// Returns the remotes of a station that a frame is sent to, and whether it is a router; notes when
    /// (`vxlan_find_mac_tx`).
    #[must_use]
    pub fn use_entry(&self, now: Instant, mac: MacAddr) -> Option<(Remotes, bool)> {
        let slot = self.entries.get(&mac)?;
        // Written only when it changes: the line is shared.
        if slot.used() != now {
            slot.used.store(now.as_nanos(), Ordering::Relaxed);
        }
        Some((slot.entry.remotes.clone(), slot.entry.marks.router))
    }

    /// Learns where a frame's source is (`vxlan_snoop`).
    pub fn learn(&self, now: Instant, mac: MacAddr, remote: Remote) -> Learned {
        let same = |slot: &Slot| {
            let first = slot.entry.remotes.first();
            first.is_some_and(|first| (first.ip, first.via) == (remote.ip, remote.via))
        };
        if self.entries.get(&mac).is_some_and(|slot| same(&slot)) {
            return Learned::Known;
        }
        match self.entries.entry(mac) {
            Entry::Occupied(slot) if same(slot.get()) => Learned::Known,
            Entry::Occupied(slot) if slot.get().entry.lifetime != Lifetime::Dynamic => {
                Learned::Elsewhere
            }
            Entry::Occupied(mut slot) => {
                let entry = &mut slot.get_mut().entry;
                let mut all = entry.remotes.as_slice().to_vec();
                if let Some(first) = all.first_mut() {
                    // The port and the VNI stay those of the old remote, and so does `via`.
                    first.ip = remote.ip;
                }
                entry.remotes = match all.as_slice() {
                    [one] => Remotes::One(*one),
                    several => Remotes::Many(several.into()),
                };
                entry.updated = now;
                Learned::Moved
            }
            Entry::Vacant(place) => {
                if !self.reserve() {
                    return Learned::Full;
                }
                place.insert(self.slot(now, remote, Lifetime::Dynamic, Marks::default()));
                Learned::New
            }
        }
    }

    fn slot(&self, now: Instant, remote: Remote, lifetime: Lifetime, marks: Marks) -> Slot {
        Slot::new(VxlanEntry {
            remotes: Remotes::One(remote),
            lifetime,
            marks,
            used: now,
            updated: now,
            born: self.born.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Takes a place, if one is left.
    fn reserve(&self) -> bool {
        let grow = |count: u32| (count < self.max).then_some(count + 1);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow)
            .is_ok()
    }

    /// Adds an entry, or changes one (`vxlan_fdb_update`).
    ///
    /// # Errors
    /// [`Refused`]. What was to change in an existing entry beside its remotes has changed even so, as in
    /// the kernel.
    pub fn update(&self, now: Instant, how: How, it: Addition) -> Result<(), Refused> {
        let several = it.mac.is_group() || it.mac == MacAddr::ZERO;
        match self.entries.entry(it.mac) {
            Entry::Occupied(_) if how == How::Add => Err(Refused::Exists),
            Entry::Occupied(mut slot) => {
                let entry = &mut slot.get_mut().entry;
                // What others told does not take over what a command said.
                if !it.marks.external || !entry.marks.by_user {
                    let same = (entry.lifetime, entry.marks) == (it.lifetime, it.marks);
                    (entry.lifetime, entry.marks) = (it.lifetime, it.marks);
                    entry.updated = if same { entry.updated } else { now };
                }
                let known = entry.remotes.as_slice().contains(&it.remote);
                match how {
                    How::Replace if several => return Err(Refused::Replace),
                    How::Replace if !known => entry.remotes = Remotes::One(it.remote),
                    How::Append if several && !known => {
                        if entry.remotes.as_slice().len() >= MAX_REMOTES {
                            return Err(Refused::Full);
                        }
                        entry.remotes = entry.remotes.with(it.remote);
                    }
                    _ => {}
                }
                if it.touch {
                    entry.updated = now;
                }
                Ok(())
            }
            Entry::Vacant(_) if how == How::Replace && several => Err(Refused::ReplaceAbsent),
            Entry::Vacant(place) => {
                if !self.reserve() {
                    return Err(Refused::Full);
                }
                place.insert(self.slot(now, it.remote, it.lifetime, it.marks));
                Ok(())
            }
        }
    }

    /// Deletes an entry, or one of its remotes (`__vxlan_fdb_delete`). A remote that it has not is not
    /// missed.
    ///
    /// # Errors
    /// [`Refused::Absent`] without an entry.
    pub fn delete(&self, mac: MacAddr, remote: Option<Remote>) -> Result<(), Refused> {
        let Entry::Occupied(mut slot) = self.entries.entry(mac) else {
            return Err(Refused::Absent);
        };
        let remotes = &mut slot.get_mut().entry.remotes;
        match remote {
            Some(remote) if !remotes.as_slice().contains(&remote) => {}
            Some(remote) if remotes.as_slice().len() > 1 => *remotes = remotes.without(&remote),
            _ => {
                slot.remove();
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Removes the entries that `goes` says (`vxlan_flush`).
    pub fn flush(&self, mut goes: impl FnMut(MacAddr, &VxlanEntry) -> bool) {
        self.entries.retain(|mac, slot| {
            let gone = goes(*mac, &slot.entry());
            if gone {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            !gone
        });
    }

    /// Removes what no frame was sent to for `ageing`; returns when the next one is due (`vxlan_cleanup`).
    pub fn age(&self, now: Instant, ageing: Duration) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        self.flush(|_, entry| {
            if entry.lifetime != Lifetime::Dynamic || entry.marks.external {
                return false;
            }
            let due = entry.used + ageing;
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            due <= now
        });
        next
    }

    /// Returns an entry.
    #[must_use]
    pub fn get(&self, mac: MacAddr) -> Option<VxlanEntry> {
        self.entries.get(&mac).map(|slot| slot.entry())
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Returns all entries in the order in which Linux dumps them: by the hash of the station, the
    /// newest first (`eth_hash`).
    #[must_use]
    pub fn dump(&self) -> Vec<(MacAddr, VxlanEntry)> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|slot| (*slot.key(), slot.entry()))
            .collect();
        all.sort_by_key(|(mac, entry)| (bucket(*mac), std::cmp::Reverse(entry.born)));
        all
    }
}

/// `eth_hash` on a little-endian machine: six octets read as a number, times the golden ratio.
fn bucket(mac: MacAddr) -> u64 {
    const GOLDEN_RATIO: u64 = 0x61c8_8646_80b5_83eb;
    let [a, b, c, d, e, f] = mac.octets();
    let value = u64::from_le_bytes([0, 0, a, b, c, d, e, f]);
    value.wrapping_mul(GOLDEN_RATIO) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: fn(u64) -> Instant = Instant::from_secs;

    fn remote(last: u8) -> Remote {
        Remote {
            ip: IpAddr::from([192, 0, 2, last]),
            port: 4_789,
            vni: 42,
            via: None,
        }
    }

    fn addition(mac: u64, last: u8) -> Addition {
        Addition {
            mac: MacAddr::from_u64(mac),
            remote: remote(last),
            lifetime: Lifetime::Permanent,
            marks: Marks {
                by_user: true,
                ..Marks::default()
            },
            touch: false,
        }
    }

    const A: MacAddr = MacAddr::from_u64(0x0200_0000_0101);

    #[test]
    fn learns_moves_and_refuses() {
        let fdb = VxlanFdb::new(2);
        assert_eq!(fdb.learn(T(1), A, remote(1)), Learned::New);
        assert_eq!(fdb.learn(T(2), A, remote(1)), Learned::Known);
        assert_eq!(fdb.learn(T(3), A, remote(2)), Learned::Moved);
        let (remotes, router) = fdb.use_entry(T(4), A).unwrap();
        assert_eq!((remotes.as_slice(), router), (&[remote(2)][..], false));
        fdb.update(T(5), How::Add, addition(0x0200_0000_0102, 1))
            .unwrap();
        let fixed = MacAddr::from_u64(0x0200_0000_0102);
        assert_eq!(fdb.learn(T(6), fixed, remote(2)), Learned::Elsewhere);
        assert_eq!(fdb.learn(T(6), fixed, remote(1)), Learned::Known);
        let third = MacAddr::from_u64(0x0200_0000_0103);
        assert_eq!(fdb.learn(T(7), third, remote(1)), Learned::Full);
        let fourth = fdb.update(T(7), How::Add, addition(0x0200_0000_0104, 1));
        assert_eq!(fourth, Err(Refused::Full));
        fdb.delete(A, None).unwrap();
        assert_eq!(fdb.learn(T(8), third, remote(1)), Learned::New);
    }

    #[test]
    fn ages_by_what_was_sent_and_no_nanosecond_early() {
        let fdb = VxlanFdb::new(0);
        fdb.learn(T(1), A, remote(1));
        fdb.learn(T(9), A, remote(1));
        let ageing = Duration::from_secs(10);
        let early = Instant::from_nanos(11_000_000_000 - 1);
        assert_eq!(
            fdb.age(early, ageing),
            Some(T(11)),
            "frames from it do not count"
        );
        assert!(fdb.use_entry(early, A).is_some());
        let later = Instant::from_nanos(early.as_nanos() + 10_000_000_000);
        assert_eq!(fdb.age(T(11), ageing), Some(later));
        assert_eq!(fdb.age(later, ageing), None);
        assert!(fdb.is_empty());
        fdb.update(T(1), How::Add, addition(0x0200_0000_0102, 1))
            .unwrap();
        assert_eq!(fdb.age(T(1_000), ageing), None);
        assert!(!fdb.is_empty());
    }

    #[test]
    fn groups_have_several_remotes() {
        let fdb = VxlanFdb::new(0);
        for last in [1, 2, 2] {
            fdb.update(T(1), How::Append, addition(0, last)).unwrap();
        }
        let remotes = |mac| fdb.get(mac).map(|entry| entry.remotes.as_slice().to_vec());
        assert_eq!(remotes(MacAddr::ZERO), Some(vec![remote(1), remote(2)]));
        let replaced = fdb.update(T(1), How::Replace, addition(0, 3));
        assert_eq!(replaced, Err(Refused::Replace));
        let absent = fdb.update(T(1), How::Replace, addition(0x0100_5e00_0005, 3));
        assert_eq!(absent, Err(Refused::ReplaceAbsent));
        // A station keeps its first.
        fdb.update(T(1), How::Append, addition(0x0200_0000_0101, 1))
            .unwrap();
        fdb.update(T(1), How::Append, addition(0x0200_0000_0101, 2))
            .unwrap();
        assert_eq!(remotes(A), Some(vec![remote(1)]));
        fdb.update(T(1), How::Replace, addition(0x0200_0000_0101, 2))
            .unwrap();
        assert_eq!(remotes(A), Some(vec![remote(2)]));

        assert_eq!(fdb.delete(MacAddr::ZERO, Some(remote(9))), Ok(()));
        assert_eq!(fdb.delete(MacAddr::ZERO, Some(remote(1))), Ok(()));
        assert_eq!(remotes(MacAddr::ZERO), Some(vec![remote(2)]));
        assert_eq!(fdb.delete(MacAddr::ZERO, Some(remote(2))), Ok(()));
        assert_eq!(fdb.delete(MacAddr::ZERO, None), Err(Refused::Absent));
    }

    #[test]
    fn dumps_in_the_order_of_the_kernel() {
        let fdb = VxlanFdb::new(0);
        // Recorded on Linux 6.12.
        let shown = [
            0,
            0x0200_0000_0106,
            0x0200_0000_0105,
            0x0200_0000_0104,
            0x0200_0000_0110,
            0x0200_0000_0103,
            0x0200_0000_010f,
            0x0100_5e00_0005,
            0x0200_0000_0102,
            0x0200_0000_0101,
            0x0200_0000_010d,
            0x0200_0000_010c,
            0x0200_0000_010b,
            0x0200_0000_010a,
            0x0200_0000_0109,
            0x0200_0000_0108,
            0x0200_0000_0107,
        ];
        let mut added = shown;
        added.sort_unstable();
        for mac in added {
            fdb.update(T(1), How::Add, addition(mac, 1)).unwrap();
        }
        let dump: Vec<_> = fdb.dump().into_iter().map(|(mac, _)| mac).collect();
        assert_eq!(dump, shown.map(MacAddr::from_u64));
    }
}
