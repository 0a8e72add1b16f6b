//! Port security: which stations may be behind a port.
//!
//! A secure address is an FDB entry on the port that is `sticky`: it ages as the FDB ages (static ones
//! do not), and it does not move. A source with an entry on the port passes with one lookup and no
//! lock. Any other goes the slow way, as a new station does in the FDB: under a lock, unless it is
//! clear that the port is full. A flood of random sources therefore costs a lookup or two per frame.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::switch::fdb::{Edit, Entry, Flags};
use crate::switch::{Fdb, Key, PortNo};
use crate::time::{Duration, Instant};

/// Stations that a port can be set to admit at most.
pub const MAX_SECURE: u32 = 4096;

/// What a port does when a station comes in that may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Violation {
    /// Drops its frames.
    #[default]
    Protect,
    /// Drops its frames and counts them as violations.
    Restrict,
    /// Closes the port.
    Shutdown,
}

/// The security of one port: what workers and control share. Lives as long as the setting.
#[derive(Debug)]
pub struct Security {
    port: PortNo,
    /// Stations that may be learned, beside the static ones.
    room: usize,
    /// What happens to the others.
    pub violation: Violation,
    /// Learned secure addresses, some perhaps expired.
    learned: Mutex<Vec<Key>>,
    /// Until when, in nanoseconds, there is certainly no room.
    full_until: AtomicU64,
    shut: AtomicBool,
}

/// What becomes of a source on a port with security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be here.
    Known,
    /// It may be here from now on.
    New,
    /// It may not.
    Refused,
}

impl Security {
    /// Makes the security of a port that has room for `room` learned stations.
    #[must_use]
    pub fn new(port: PortNo, room: usize, violation: Violation) -> Self {
        Self {
            port,
            room,
            violation,
            learned: Mutex::default(),
            full_until: AtomicU64::new(0),
            shut: AtomicBool::new(false),
        }
    }

    /// Whether a violation has closed the port and nobody opened it since.
    #[inline]
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Relaxed)
    }

    /// Closes the port. Returns whether it was open.
    pub fn close(&self) -> bool {
        !self.shut.swap(true, Ordering::Relaxed)
    }

    /// Opens the port.
    pub fn open(&self) {
        self.shut.store(false, Ordering::Relaxed);
    }

    /// Forgets that there is no room: somebody else may have taken entries out of the FDB.
    pub fn look_again(&self) {
        self.full_until.store(0, Ordering::Relaxed);
    }

    /// Whether a source may be on this port: it is known here, or there is room for it and it is no
    /// secure address of another port.
    #[inline]
    #[must_use]
    pub fn admit(
        &self,
        fdb: &Fdb,
        now: Instant,
        hold: Duration,
        key: Key,
        known: Option<(Option<PortNo>, Flags)>,
    ) -> Admission {
        match known {
            Some((on, flags)) if on == Some(self.port) && !flags.local => Admission::Known,
            _ => self.admit_slowly(fdb, now, hold, key),
        }
    }

    #[cold]
    fn admit_slowly(&self, fdb: &Fdb, now: Instant, hold: Duration, key: Key) -> Admission {
        let live = |entry: &Entry| !entry.flags.ages() || entry.updated + hold > now;
        let here = |entry: &Entry| entry.port == Some(self.port) && !entry.flags.local;
        // What a worker's view does not show yet, another worker may have put in.
        let entry = fdb.get(key).filter(live);
        if entry.as_ref().is_some_and(here) {
            return Admission::Known;
        }
        let taken = |entry: &Entry| entry.flags.local || entry.flags.sticky;
        if entry.as_ref().is_some_and(taken)
            || hold.is_zero()
            || now.as_nanos() < self.full_until.load(Ordering::Relaxed)
        {
            return Admission::Refused;
        }
        let mut learned = self.lock();
        let mut first_expiry = Instant::from_nanos(u64::MAX);
        learned.retain(|key| {
            let entry = fdb
                .get(*key)
                .filter(|entry| live(entry) && here(entry) && entry.flags.sticky);
            if let Some(entry) = &entry
                && entry.flags.ages()
            {
                first_expiry = first_expiry.min(entry.updated + hold);
            }
            entry.is_some()
        });
        if learned.len() >= self.room {
            self.full_until
                .store(first_expiry.as_nanos(), Ordering::Relaxed);
            return Admission::Refused;
        }
        let full = fdb.learned() >= fdb.max_learned() as usize;
        let secure = Entry {
            port: Some(self.port),
            flags: Flags {
                sticky: true,
                ..Flags::default()
            },
            updated: now,
            used: now,
        };
        let mut admission = Admission::Refused;
        let put = fdb.edit(key, |found| match found.filter(live) {
            Some(entry) if here(&entry) => {
                admission = Admission::Known;
                Edit::Keep
            }
            Some(entry) if taken(&entry) => Edit::Keep,
            None if full => Edit::Keep,
            _ => {
                admission = Admission::New;
                Edit::Put(secure)
            }
        });
        if put.is_err() {
            return Admission::Refused;
        }
        if admission == Admission::New {
            learned.push(key);
        }
        admission
    }

    /// Makes ordinary entries of the learned secure addresses: the port has no security any more.
    pub fn release(&self, fdb: &Fdb) {
        for key in self.lock().drain(..) {
            let port = self.port;
            // Overwriting needs no room.
            _ = fdb.edit(key, |found| match found {
                Some(mut entry) if entry.port == Some(port) && entry.flags.sticky => {
                    entry.flags.sticky = false;
                    Edit::Put(entry)
                }
                _ => Edit::Keep,
            });
        }
    }

    /// Takes over the learned secure addresses of a setting that this one replaces; if there are more
    /// than there is room for, those seen longest ago leave the FDB.
    pub fn take_over(&self, old: &Self, fdb: &Fdb) {
        let mut learned = self.lock();
        *learned = std::mem::take(&mut *old.lock());
        learned.retain(|key| {
            fdb.get(*key)
                .is_some_and(|entry| entry.port == Some(self.port) && entry.flags.sticky)
        });
        learned.sort_by_key(|key| fdb.get(*key).map(|entry| entry.updated));
        let excess = learned.len().saturating_sub(self.room);
        for key in learned.drain(..excess) {
            _ = fdb.edit(key, |_| Edit::Remove);
        }
        self.shut.store(old.is_shut(), Ordering::Relaxed);
    }

    /// Returns the learned secure addresses that have not expired, oldest first.
    #[must_use]
    pub fn learned(&self, fdb: &Fdb, now: Instant, hold: Duration) -> Vec<(Key, Entry)> {
        let live = |entry: &Entry| {
            entry.port == Some(self.port)
                && entry.flags.sticky
                && (!entry.flags.ages() || entry.updated + hold > now)
        };
        let keys = self.lock();
        let rows = keys
            .iter()
            .filter_map(|key| Some((*key, fdb.get(*key).filter(live)?)));
        rows.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Key>> {
        // No code under the lock can panic half way through a change.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MacAddr;

    const HOLD: Duration = Duration::from_secs(300);

    fn port(number: u16) -> PortNo {
        PortNo::new(number).unwrap()
    }

    fn key(station: u64) -> Key {
        Key::untagged(MacAddr::from_u64(0x0200_0000_0000 | station))
    }

    fn ask(security: &Security, fdb: &Fdb, secs: u64, station: u64) -> Admission {
        let now = Instant::from_secs(secs);
        let known = fdb.view(now, HOLD).peek(key(station));
        let admission = security.admit(fdb, now, HOLD, key(station), known);
        if admission != Admission::Refused {
            _ = fdb.view(now, HOLD).learn(key(station), security.port);
        }
        admission
    }

    #[test]
    fn as_many_as_there_is_room_for_until_they_age() {
        use Admission::{Known, New, Refused};
        let fdb = Fdb::with_seed(1);
        let security = Security::new(port(1), 2, Violation::Protect);
        for (secs, station, expected) in [
            (0, 1, New),
            (0, 1, Known),
            (10, 2, New),
            (10, 3, Refused),
            (299, 3, Refused),
            // The first one was last seen at 0.
            (300, 3, New),
            (300, 1, Refused),
            (309, 2, Known),
            (599, 1, Refused),
            (600, 1, New),
        ] {
            assert_eq!(
                ask(&security, &fdb, secs, station),
                expected,
                "{station} at {secs} s"
            );
        }
        let keys: Vec<_> = security
            .learned(&fdb, Instant::from_secs(600), HOLD)
            .iter()
            .map(|row| row.0)
            .collect();
        assert_eq!(keys, [key(2), key(1)]);
    }

    #[test]
    fn secure_addresses_do_not_move_and_others_do() {
        use Admission::{Known, New, Refused};
        let fdb = Fdb::with_seed(1);
        let one = Security::new(port(1), 2, Violation::Restrict);
        let two = Security::new(port(2), 2, Violation::Restrict);
        assert_eq!(ask(&one, &fdb, 0, 1), New);
        assert_eq!(ask(&two, &fdb, 1, 1), Refused, "secure on port 1");
        assert_eq!(ask(&two, &fdb, 300, 1), New, "expired there");
        assert_eq!(ask(&one, &fdb, 301, 1), Refused, "and now secure on port 2");
        // A station of a port without security moves here and stays.
        _ = fdb
            .view(Instant::from_secs(301), HOLD)
            .learn(key(5), port(3));
        assert_eq!(ask(&one, &fdb, 302, 5), New);
        _ = fdb
            .view(Instant::from_secs(303), HOLD)
            .learn(key(5), port(3));
        assert_eq!(ask(&one, &fdb, 304, 5), Known);
    }

    #[test]
    fn own_addresses_and_full_tables_admit_nobody() {
        use Admission::{New, Refused};
        let fdb = Fdb::with_seed(1);
        let security = Security::new(port(1), 9, Violation::Protect);
        let local = Entry {
            port: Some(port(1)),
            flags: Flags {
                local: true,
                fixed: true,
                ..Flags::default()
            },
            updated: Instant::ZERO,
            used: Instant::ZERO,
        };
        fdb.edit(key(1), |_| Edit::Put(local)).unwrap();
        assert_eq!(ask(&security, &fdb, 0, 1), Refused, "the port's own");
        fdb.set_max_learned(1);
        assert_eq!(ask(&security, &fdb, 0, 2), New);
        assert_eq!(ask(&security, &fdb, 0, 3), Refused, "the FDB is full");
        let none = security.admit(&fdb, Instant::ZERO, Duration::ZERO, key(4), None);
        assert_eq!(none, Refused, "nothing is learned with ageing_time 0");
    }

    #[test]
    fn room_that_a_command_made_is_found_when_told() {
        use Admission::{New, Refused};
        let fdb = Fdb::with_seed(1);
        let security = Security::new(port(1), 1, Violation::Protect);
        assert_eq!(ask(&security, &fdb, 0, 1), New);
        assert_eq!(ask(&security, &fdb, 0, 2), Refused);
        fdb.flush(|_, _| true);
        security.look_again();
        assert_eq!(ask(&security, &fdb, 0, 2), New);
    }

    #[test]
    fn settings_change_under_learned_addresses() {
        let fdb = Fdb::with_seed(1);
        let before = Security::new(port(1), 3, Violation::Shutdown);
        for station in [1, 2, 3] {
            assert_eq!(ask(&before, &fdb, station, station), Admission::New);
        }
        assert!(before.close() && !before.close() && before.is_shut());
        let after = Security::new(port(1), 2, Violation::Protect);
        after.take_over(&before, &fdb);
        assert!(after.is_shut());
        after.open();
        assert!(!after.is_shut());
        assert_eq!(fdb.get(key(1)), None, "the one seen longest ago");
        after.release(&fdb);
        assert!(fdb.get(key(2)).is_some_and(|entry| !entry.flags.sticky));
        assert_eq!(after.learned(&fdb, Instant::from_secs(4), HOLD), []);
    }
}
