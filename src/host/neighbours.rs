//! Who has which address on a wire: the states and times of `net/core/neighbour.c`, with its defaults.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use super::packet::Packet;
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// How long an answer is waited for before the next question (`RETRANS_TIME`).
const RETRANSMIT: Duration = Duration::from_secs(1);
/// Questions about one address, to everybody and to the station that had it (`MCAST_PROBES`, `UCAST_PROBES`).
const QUESTIONS: u8 = 3;
/// How long an answer is good (`BASE_REACHABLE_TIME`; the kernel draws once half of it to once and a half).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long an answer that is no longer good is trusted (`DELAY_PROBE_TIME`).
const DELAY: Duration = Duration::from_secs(5);
/// Packets that wait for one answer; the oldest goes when another comes (`unres_qlen`).
const MAX_WAITING: usize = 101;
/// Neighbours of a host (`gc_thresh3`).
const MAX_NEIGHBOURS: usize = 1_024;

/// By which interface, and which address.
pub(super) type Key = (u32, IpAddr);

#[derive(Debug)]
struct Entry {
    state: State,
    /// Meaningless while incomplete.
    mac: MacAddr,
    /// When it was last sent to.
    used: Instant,
    /// When something happens by itself.
    due: Option<Instant>,
    waiting: VecDeque<Packet>,
}

/// `NUD_…`, with the questions asked so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Incomplete(u8),
    Reachable,
    Stale,
    Delay,
    Probe(u8),
}

/// What is to be done with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Send it there.
    To(MacAddr, Packet),
    /// It waits; the address is to be asked for now.
    Ask,
    /// It waits.
    Waits,
    /// There is no place for another neighbour.
    Full,
}

/// What time brought.
#[derive(Debug)]
pub(super) enum Due {
    /// An address is to be asked for: of everybody, or of this station; for this source.
    Ask(Key, Option<MacAddr>, Option<IpAddr>),
    /// Nobody answered; these packets waited.
    Failed(Key, VecDeque<Packet>),
}

/// How a station was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It asked something.
    Asking,
    /// It answered us.
    Answer,
    /// It told everybody.
    Told,
}

#[derive(Debug, Default)]
pub(super) struct Neighbours {
    entries: BTreeMap<Key, Entry>,
}

impl Neighbours {
    /// Finds the station for a packet (`neigh_event_send`).
    pub(super) fn resolve(&mut self, now: Instant, key: Key, packet: Packet) -> Resolved {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used = now;
            if let State::Incomplete(_) = entry.state {
                if entry.waiting.len() == MAX_WAITING {
                    entry.waiting.pop_front();
                }
                entry.waiting.push_back(packet);
                return Resolved::Waits;
            }
            if entry.state == State::Stale {
                entry.state = State::Delay;
                entry.due = Some(now + DELAY);
            }
            return Resolved::To(entry.mac, packet);
        }
        if !self.make_room() {
            return Resolved::Full;
        }
        let entry = Entry {
            state: State::Incomplete(1),
            mac: MacAddr::ZERO,
            used: now,
            due: Some(now + RETRANSMIT),
            waiting: VecDeque::from([packet]),
        };
        self.entries.insert(key, entry);
        Resolved::Ask
    }

    /// A station says that it has an address (`neigh_update`). Returns the packets that waited for it.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        key: Key,
        mac: MacAddr,
        how: Heard,
    ) -> VecDeque<Packet> {
        let known = self.entries.contains_key(&key);
        if !mac.is_station() || (!known && (how != Heard::Asking || !self.make_room())) {
            return VecDeque::new();
        }
        let entry = self.entries.entry(key).or_insert(Entry {
            state: State::Incomplete(0),
            mac: MacAddr::ZERO,
            used: now,
            due: None,
            waiting: VecDeque::new(),
        });
        let news = entry.mac != mac || matches!(entry.state, State::Incomplete(_));
        if how == Heard::Answer {
            entry.state = State::Reachable;
            entry.due = Some(now + REACHABLE);
        } else if news {
            entry.state = State::Stale;
            entry.due = None;
        }
        entry.mac = mac;
        std::mem::take(&mut entry.waiting)
    }

    /// Forgets everybody by an interface.
    pub(super) fn forget(&mut self, interface: u32) {
        self.entries.retain(|(at, _), _| *at != interface);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.entries.values().filter_map(|entry| entry.due).min()
    }

    /// `neigh_timer_handler`.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Due> {
        let due =
            |(key, entry): (&Key, &Entry)| entry.due.is_some_and(|at| at <= now).then_some(*key);
        let keys: Vec<Key> = self.entries.iter().filter_map(due).collect();
        let mut happens = Vec::new();
        for key in keys {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            let source = entry.waiting.back().map(|packet| packet.source);
            let (state, due, ask) = match entry.state {
                State::Incomplete(QUESTIONS..) | State::Probe(QUESTIONS..) => {
                    let entry = self.entries.remove(&key);
                    let waiting = entry.map(|entry| entry.waiting).unwrap_or_default();
                    happens.push(Due::Failed(key, waiting));
                    continue;
                }
                State::Incomplete(asked) => {
                    (State::Incomplete(asked + 1), Some(RETRANSMIT), Some(None))
                }
                State::Probe(asked) => {
                    let ask = Some(Some(entry.mac));
                    (State::Probe(asked + 1), Some(RETRANSMIT), ask)
                }
                State::Delay => (State::Probe(1), Some(RETRANSMIT), Some(Some(entry.mac))),
                State::Reachable if now <= entry.used + DELAY => (State::Delay, Some(DELAY), None),
                State::Reachable | State::Stale => (State::Stale, None, None),
            };
            entry.state = state;
            entry.due = due.map(|time| now + time);
            happens.extend(ask.map(|of| Due::Ask(key, of, source)));
        }
        happens
    }

    /// Sees that there is a place for one more: of those that nobody waits for, one that was not used for long goes
    /// (`neigh_forced_gc`).
    fn make_room(&mut self) -> bool {
        if self.entries.len() < MAX_NEIGHBOURS {
            return true;
        }
        let idle = self.entries.iter().filter(|(_, it)| it.waiting.is_empty());
        let oldest = idle.min_by_key(|(_, it)| it.used).map(|(key, _)| *key);
        oldest.is_some_and(|key| self.entries.remove(&key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::UDP;
    use super::*;

    const KEY: Key = (1, IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));
    const MAC: MacAddr = MacAddr::from_u64(0x0200_0000_0002);

    fn packet() -> Packet {
        Packet::new([10, 0, 0, 1].into(), KEY.1, UDP, Vec::new())
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    fn asked(due: &[Due]) -> Vec<Option<MacAddr>> {
        let ask = |due: &Due| match due {
            Due::Ask(_, of, _) => Some(*of),
            Due::Failed(..) => None,
        };
        due.iter().filter_map(ask).collect()
    }

    #[test]
    fn three_questions_and_then_nobody_is_there() {
        let mut table = Neighbours::default();
        assert_eq!(table.resolve(at(0), KEY, packet()), Resolved::Ask);
        assert_eq!(table.resolve(at(0), KEY, packet()), Resolved::Waits);
        for second in [1, 2] {
            assert_eq!(table.poll_timeout(), Some(at(second)));
            assert_eq!(asked(&table.handle_timeout(at(second))), [None]);
        }
        let due = table.handle_timeout(at(3));
        assert!(matches!(&due[..], [Due::Failed(KEY, waiting)] if waiting.len() == 2));
        assert_eq!(table.resolve(at(3), KEY, packet()), Resolved::Ask);
    }

    #[test]
    fn what_was_answered_is_asked_again_when_it_is_used_later() {
        let mut table = Neighbours::default();
        table.resolve(at(0), KEY, packet());
        assert_eq!(table.heard(at(0), KEY, MAC, Heard::Answer).len(), 1);
        assert_eq!(
            table.resolve(at(20), KEY, packet()),
            Resolved::To(MAC, packet())
        );
        // Not used for a while: nothing is asked until it is.
        assert!(table.handle_timeout(at(30)).is_empty());
        assert_eq!(table.poll_timeout(), None);
        assert_eq!(
            table.resolve(at(60), KEY, packet()),
            Resolved::To(MAC, packet())
        );
        assert_eq!(asked(&table.handle_timeout(at(65))), [Some(MAC)]);
        assert_eq!(asked(&table.handle_timeout(at(66))), [Some(MAC)]);
        assert!(table.heard(at(66), KEY, MAC, Heard::Answer).is_empty());
        assert_eq!(table.poll_timeout(), Some(at(96)));
    }

    #[test]
    fn who_asks_is_known_and_who_moves_is_doubted() {
        let mut table = Neighbours::default();
        table.heard(at(0), KEY, MAC, Heard::Told);
        assert!(table.entries.is_empty(), "only who asks becomes known");
        table.heard(at(0), KEY, MAC, Heard::Asking);
        assert_eq!(
            table.resolve(at(0), KEY, packet()),
            Resolved::To(MAC, packet())
        );
        assert_eq!(table.poll_timeout(), Some(at(5)));
        let other = MacAddr::from_u64(0x0200_0000_0003);
        table.heard(at(1), KEY, other, Heard::Told);
        assert_eq!(table.poll_timeout(), None);
        assert_eq!(
            table.resolve(at(1), KEY, packet()),
            Resolved::To(other, packet())
        );
    }

    #[test]
    fn bounded() {
        let mut table = Neighbours::default();
        for n in 0..2_000u32 {
            table.heard(at(0), (n, KEY.1), MAC, Heard::Asking);
        }
        assert_eq!(table.entries.len(), MAX_NEIGHBOURS);
        for _ in 0..200 {
            table.resolve(at(1), (5_000, KEY.1), packet());
        }
        let waiting = |entry: &Entry| entry.waiting.len();
        assert_eq!(table.entries.values().map(waiting).max(), Some(MAX_WAITING));
    }
}
