//! The loop alarm: what workers notice of loops that no spanning tree has cut.
//!
//! Layer 2 has no TTL, so a frame that is flooded into a loop goes round for ever. Two cases:
//!
//! - *Inside*: all netdevs of the loop are ours. A copy's own way (`trail.rs`) shows it, for certain
//!   and with the first frame.
//! - *Outside*: the loop is closed by something we do not see, two TAPs on one real switch, say. Then
//!   frames that were flooded come in again, the same octets, now by one port, now by another. Neither
//!   half of that alone is a loop: a station that repeats itself sends the same octets, one that moves
//!   changes its port. [`RETURNS`] changes of port by one frame within [`WINDOW`] are. A loop of less than eight
//!   rounds a second is not told of: a station that repeats itself in a network that reflects looks the same.
//!
//! A bridge looks only at frames that it floods, remembers 256 of them by digest, and spends some 140 instructions
//! on each: a frame keeps its slot while it goes on changing its port. A frame to a station that is known costs not one
//! instruction more with the alarm than without, and a flooded one with the alarm off a comparison (`tools/instructions
//! hit hit-alarm-off broadcast broadcast-alarm-off`). With a spanning tree on it leaves what is outside to that.
//!
//! A worker only notes: it leaves a [`Sighting`], at most one each [`PAUSE`], and rings by a trap
//! ([`TrapKind::Loop`]). Control decides and tells.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::egress::TrapKind;
use super::path::{Header, Walk};
use super::trace::Watch;
use super::trail::Crossing;
use super::transit::Transit;
use super::{NetdevId, Plan, PlanBridge, PlanPort, PortNo, Receive};
use crate::time::{Duration, Instant};
use crate::wire::{Tag, Vid};

/// Changes of port by one frame that make a loop. A frame that goes round two ports both ways, as
/// all do, is flooded one time more than that before it is told of.
pub const RETURNS: u32 = 64;

/// Within which those changes must be. A busy machine that is part of a loop makes it slow: with 1 s, one with
/// seven busy programs on two cores was not told of for minutes.
pub const WINDOW: Duration = Duration::from_secs(4);

/// After which a frame that has not changed its port again leaves its slot to others.
const REST: Duration = Duration::from_millis(250);

/// The time between two sightings of a bridge, at least.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Crossings of a loop that are told of; of a longer one the first ones, and the last.
pub const TOLD: usize = 16;

/// Frames that a bridge remembers.
const SLOTS: usize = 256;

/// Octets at either end of a payload that make a frame another.
const LOOKED_AT: (usize, usize) = (48, 8);

/// The loop alarm of a bridge in the plan.
#[derive(Clone, Debug)]
pub struct PlanAlarm {
    /// What workers note, shared by all plans of the bridge's life.
    pub shared: Arc<Alarm>,
    /// Loops through the outside are looked for: no spanning tree does.
    pub outside: bool,
    /// A loop is to be cut by blocking a port of this bridge.
    pub blocks: bool,
}

/// What workers have noticed of loops through one bridge.
#[derive(Debug)]
pub struct Alarm {
    slots: Box<[Slot]>,
    copies: AtomicU64,
    /// Nanoseconds; no sighting before.
    quiet_until: AtomicU64,
    /// Locked only when there is a loop, and by workers only if nobody else has it.
    sighting: Mutex<Option<Sighting>>,
}

/// A loop, as a worker saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Instant,
    /// All netdevs of the loop are ours.
    pub inside: bool,
    /// Where copies leave a bridge and come in again, in order, [`TOLD`] at most. The last one comes in to
    /// the bridge whose alarm this is: that port closes the loop.
    crossings: [Crossing; TOLD],
    /// How many crossings there are.
    pub len: u32,
    /// In how much time how many copies of one frame were seen; `None` if that cannot be told.
    pub rate: Option<(u32, Duration)>,
}

impl Sighting {
    /// Returns the crossings that are told of, in order, and how many are left out before the last.
    #[must_use]
    pub fn crossings(&self) -> (&[Crossing], u32) {
        let kept = TOLD.min(self.len as usize);
        let left_out = self.len.saturating_sub(u32::try_from(kept).unwrap_or(0));
        (&self.crossings[..kept], left_out)
    }
}

/// A frame that was flooded.
#[derive(Debug, Default)]
struct Slot {
    digest: AtomicU64,
    /// A packed [`Past`]; 0 for none.
    past: AtomicU64,
    /// Milliseconds: when it took the slot.
    since: AtomicU32,
}

/// What became of the frame in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Past {
    /// Milliseconds: when it took the slot, or changed its port last.
    changed: u32,
    /// Times it changed its port.
    returns: u32,
    /// Where it came in last; 0 for the bridge's own stack.
    port: u16,
    /// Times it came in, 16,383 at most; never 0.
    seen: u32,
}

impl Past {
    const SEEN: u32 = 0x3fff;

    const fn pack(self) -> u64 {
        (self.changed as u64) << 32
            | (self.returns as u64 & 0xff) << 24
            | (self.port as u64 & 0x3ff) << 14
            | (self.seen & Self::SEEN) as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "fields of one word")]
    const fn unpack(packed: u64) -> Self {
        Self {
            changed: (packed >> 32) as u32,
            returns: (packed >> 24) as u32 & 0xff,
            port: (packed >> 14) as u16 & 0x3ff,
            seen: packed as u32 & Self::SEEN,
        }
    }
}

/// A frame has changed its port [`RETURNS`] times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Returned {
    /// The port before.
    port: u16,
    seen: u32,
    during: Duration,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            copies: AtomicU64::new(0),
            quiet_until: AtomicU64::new(0),
            sighting: Mutex::new(None),
        }
    }
}

impl Alarm {
    /// Takes the last sighting.
    #[must_use]
    pub fn take(&self) -> Option<Sighting> {
        // Nobody panics while holding it.
        self.sighting.lock().ok()?.take()
    }

    /// Returns how many copies have gone round: hops of frames that did inside, frames that came in
    /// again from the outside, [`RETURNS`] and some at a time.
    #[must_use]
    pub fn copies(&self) -> u64 {
        self.copies.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, copies: u32) {
        self.copies.fetch_add(copies.into(), Ordering::Relaxed);
    }

    /// Leaves a sighting, unless there was one a moment ago. Returns whether control is to look.
    fn leave(&self, sighting: Sighting) -> bool {
        if sighting.at.as_nanos() < self.quiet_until.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(mut place) = self.sighting.try_lock() else {
            return false;
        };
        let until = (sighting.at + PAUSE).as_nanos();
        self.quiet_until.store(until, Ordering::Relaxed);
        *place = Some(sighting);
        true
    }

    /// Notes that a frame is flooded. Relaxed, and in several words: what workers that meet in a slot miscount
    /// makes the alarm come a frame later.
    #[inline(always)]
    fn note(&self, now: Instant, digest: u64, port: u16) -> Option<Returned> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "256 slots; 49 days of milliseconds"
        )]
        let (index, now) = (digest as usize % SLOTS, (now.as_nanos() / 1_000_000) as u32);
        let slot = &self.slots[index];
        let packed = slot.past.load(Ordering::Relaxed);
        let mut past = Past::unpack(packed);
        let since = slot.since.load(Ordering::Relaxed);
        let passed =
            |since, time: Duration| u128::from(now.wrapping_sub(since)) >= time.as_millis();
        if packed == 0 || passed(past.changed, REST) || passed(since, WINDOW) {
            let past = Past {
                changed: now,
                returns: 0,
                port,
                seen: 1,
            };
            slot.digest.store(digest, Ordering::Relaxed);
            slot.past.store(past.pack(), Ordering::Relaxed);
            slot.since.store(now, Ordering::Relaxed);
            return None;
        }
        if slot.digest.load(Ordering::Relaxed) != digest {
            return None;
        }
        past.seen = Past::SEEN.min(past.seen + 1);
        let before = past.port;
        if port != before {
            past.returns += 1;
            past.port = port;
            past.changed = now;
        }
        let over = past.returns >= RETURNS;
        if over {
            self.count(past.seen);
        }
        slot.past
            .store(if over { 0 } else { past.pack() }, Ordering::Relaxed);
        over.then(|| Returned {
            port: before,
            seen: past.seen,
            during: Duration::from_millis(now.wrapping_sub(since).into()),
        })
    }
}

/// What a frame is recognised by, whatever tag of the bridge's own it had on its way.
#[inline(always)]
fn digest(header: &Header, vid: Option<Vid>, (ether_type, payload): (u16, &[u8])) -> u64 {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];
    // Both halves of a product, folded: two words for a multiplication.
    let mix = |sum: u64, [a, b]: [u64; 2]| {
        let product = u128::from(a ^ ODD[0]) * u128::from(b ^ ODD[1] ^ sum);
        #[expect(clippy::cast_possible_truncation, reason = "both halves, folded")]
        let folded = (product >> 64) as u64 ^ product as u64;
        folded
    };
    let words = |octets: &[u8; 16]| {
        let (a, b) = octets.split_at(8);
        [a, b].map(|it| it.first_chunk().map_or(0, |it| u64::from_le_bytes(*it)))
    };
    let vid = u64::from(vid.map_or(0, Vid::get));
    let addresses = [
        header.destination.to_u64() | vid << 48,
        header.source.to_u64() | u64::from(ether_type) << 48,
    ];
    let mut sum = mix(payload.len() as u64, addresses);
    let (first, last) = LOOKED_AT;
    let head = &payload[..payload.len().min(first)];
    let (pairs, rest) = head.as_chunks::<16>();
    for pair in pairs {
        sum = mix(sum, words(pair));
    }
    if !rest.is_empty() {
        // With what is in front of it, if anything is.
        let pair = head.last_chunk().copied().unwrap_or_else(|| {
            let mut padded = [0; 16];
            padded[..rest.len()].copy_from_slice(rest);
            padded
        });
        sum = mix(sum, words(&pair));
    }
    let tail = payload
        .last_chunk()
        .filter(|_| payload.len() >= first + last);
    tail.map_or(sum, |it| mix(sum, [u64::from_le_bytes(*it), 0]))
}

impl PlanAlarm {
    /// Looks at a frame that is flooded and came in by a port with this number, 0 for the bridge's own stack.
    #[inline(always)]
    pub(super) fn look(
        &self,
        now: Instant,
        header: &Header,
        vid: Option<Vid>,
        protocol: (u16, &[u8]),
        port: u16,
    ) -> Option<Returned> {
        // A spanning tree sees to what is outside.
        if !self.outside {
            return None;
        }
        self.shared.note(now, digest(header, vid, protocol), port)
    }
}

/// A bridge floods a frame that came in by a port, or (`None`) that its own stack sends.
#[inline(never)]
pub(super) fn flooded<W: Watch>(
    walk: &mut Walk<'_, W>,
    (bridge, alarm): (&PlanBridge, &PlanAlarm),
    from: Option<(PortNo, &PlanPort)>,
    vid: Option<Vid>,
    transit: &Transit,
) {
    // A loop inside is known by now, and not news for the outside.
    if walk.goes_round() {
        return;
    }
    let Some(protocol) = walk.protocol(transit) else {
        return;
    };
    let number = from.map_or(0, |(number, _)| number.get());
    if let Some(returned) = alarm.look(walk.now, &walk.header, vid, protocol, number) {
        tell(walk, (bridge, alarm), returned, from, vid, transit);
    }
}

/// Leaves a sighting of a frame that has changed its port too often, and rings.
#[cold]
pub(super) fn tell<W: Watch>(
    walk: &mut Walk<'_, W>,
    (bridge, alarm): (&PlanBridge, &PlanAlarm),
    returned: Returned,
    from: Option<(PortNo, &PlanPort)>,
    vid: Option<Vid>,
    transit: &Transit,
) {
    let Some((_, port)) = from else {
        // The stack repeats itself; what came in between will be back.
        return;
    };
    let out = PortNo::new(returned.port).and_then(|number| bridge.port(number));
    let crossing = Crossing {
        from: out.map_or(bridge.netdev, |port| port.netdev),
        to: port.netdev,
    };
    let sighting = Sighting {
        at: walk.now,
        inside: false,
        crossings: [crossing; TOLD],
        len: 1,
        rate: (!returned.during.is_zero()).then_some((returned.seen, returned.during)),
    };
    if alarm.shared.leave(sighting) {
        walk.trap(port.netdev, TrapKind::Loop, vid, transit);
    }
}

/// A copy of a frame has gone round, inside: tells the bridge that is to do something about it, which
/// is one that may block a port, or else the oldest.
#[cold]
pub(super) fn went_round<W: Watch>(walk: &mut Walk<'_, W>, transit: &Transit) {
    let plan = walk.plan;
    let round = walk.round();
    let watched = |(at, (crossing, tag)): (usize, &(Crossing, Option<Tag>))| {
        let (port, index) = port_of(plan, crossing.to, *tag);
        let bridge = &plan.bridges[index? as usize];
        let alarm = bridge.alarm.as_ref()?;
        Some((!alarm.blocks, bridge.netdev, at, index?, port))
    };
    let Some((.., at, index, port)) = round.iter().enumerate().filter_map(watched).min() else {
        return;
    };
    let Some(alarm) = &plan.bridges[index as usize].alarm else {
        return;
    };
    // From where the frame leaves that bridge to where it comes in again, from port to port.
    let ports = |(crossing, tag): &(Crossing, Option<Tag>)| Crossing {
        from: port_of(plan, crossing.from, *tag).0,
        to: port_of(plan, crossing.to, *tag).0,
    };
    let in_order = round[at + 1..].iter().chain(&round[..=at]);
    let mut crossings = [ports(&round[at]); TOLD];
    let but_last = TOLD.min(round.len()) - 1;
    for (told, crossing) in crossings[..but_last].iter_mut().zip(in_order) {
        *told = ports(crossing);
    }
    let sighting = Sighting {
        at: walk.now,
        inside: true,
        crossings,
        len: u32::try_from(round.len()).unwrap_or(u32::MAX),
        rate: None,
    };
    walk.blame(index);
    if alarm.shared.leave(sighting) {
        walk.trap(port, TrapKind::Loop, None, transit);
    }
}

/// Returns the netdev whose bridge takes what comes in at a netdev with this tag aside, which is the netdev
/// itself or the VLAN device on it, and the bridge, if it is a port.
fn port_of(plan: &Plan, id: NetdevId, tag: Option<Tag>) -> (NetdevId, Option<u32>) {
    let uppers = plan.netdevs[id.index()].uppers.as_ref();
    let upper = uppers.zip(tag).and_then(|(uppers, tag)| uppers.get(tag));
    let id = upper.unwrap_or(id);
    match plan.netdevs[id.index()].receive {
        Receive::Bridge(bridge, _) => (id, Some(bridge)),
        _ => (id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::trail::Crossing;
    use crate::wire::MacAddr;

    const fn ms(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// Notes a frame that comes in by port 3, then by 1 and 2 in turn at these times; returns at which
    /// of them it was told of.
    fn told(alarm: &Alarm, times: impl IntoIterator<Item = u64>) -> Option<usize> {
        assert_eq!(alarm.note(ms(0), 7, 3), None);
        times.into_iter().enumerate().find_map(|(n, at)| {
            let port = 1 + u16::try_from(n % 2).unwrap();
            alarm.note(ms(at), 7, port).map(|_| n + 1)
        })
    }

    #[test]
    fn changes_of_port_within_the_window_and_no_fewer() {
        let enough = RETURNS as usize;
        assert_eq!(told(&Alarm::default(), vec![0; 1000]), Some(enough));
        // The last of them at the last millisecond of the window, and one after it.
        let window = u64::try_from(WINDOW.as_millis()).unwrap();
        let slow = |last| (1..u64::from(RETURNS)).map(|n| n * 62).chain([last]);
        assert_eq!(told(&Alarm::default(), slow(window - 1)), Some(enough));
        assert_eq!(told(&Alarm::default(), slow(window)), None);
        // A rest between two of them, and a moment less.
        let rest = u64::try_from(REST.as_millis()).unwrap();
        let rests = |rest| (1..=64).map(move |n| if n < 32 { 5 } else { 5 + rest });
        assert_eq!(told(&Alarm::default(), rests(rest - 1)), Some(enough));
        assert_eq!(told(&Alarm::default(), rests(rest)), None);

        let alarm = Alarm::default();
        alarm.note(ms(0), 7, 3);
        let returned =
            (1..=RETURNS).find_map(|n| alarm.note(ms(4), 7, 1 + u16::try_from(n % 2).unwrap()));
        let expected = Returned {
            port: 2,
            seen: RETURNS + 1,
            during: Duration::from_millis(4),
        };
        assert_eq!(returned, Some(expected));
        assert_eq!(alarm.copies(), u64::from(RETURNS) + 1);
    }

    #[test]
    fn a_frame_keeps_its_slot_while_it_changes_its_port() {
        let alarm = Alarm::default();
        let other = 7 + SLOTS as u64;
        alarm.note(ms(0), 7, 1);
        for n in 0..2 * RETURNS {
            let port = 1 + u16::try_from(n % 2).unwrap();
            assert_eq!(alarm.note(ms(1), other, port), None);
        }
        // What the other would have been told of, this one is.
        let port = |n: u32| 2 - u16::try_from(n % 2).unwrap();
        assert!((0..RETURNS).any(|n| alarm.note(ms(2), 7, port(n)).is_some()));
        // One that is repeated and always comes by the same port does not.
        alarm.note(ms(3), 7, 1);
        alarm.note(ms(252), 7, 1);
        alarm.note(ms(253), other, 1);
        assert!((0..RETURNS).any(|n| alarm.note(ms(254), other, port(n)).is_some()));
    }

    #[test]
    fn time_may_start_anywhere_and_run_for_long() {
        // 32 bits of milliseconds overflow on the way.
        for start in [0, u64::from(u32::MAX) - 3, 1 << 40] {
            let alarm = Alarm::default();
            alarm.note(ms(start), 7, 3);
            let port = |n: u32| 2 - u16::try_from(n % 2).unwrap();
            let told = (0..RETURNS).any(|n| alarm.note(ms(start + 5), 7, port(n)).is_some());
            assert!(told, "{start}");
        }
    }

    #[test]
    fn a_word_holds_what_became_of_a_frame() {
        let past = Past {
            changed: u32::MAX,
            returns: 255,
            port: 1023,
            seen: Past::SEEN,
        };
        assert_eq!(Past::unpack(past.pack()), past);
        let past = Past {
            changed: 0x0102_0304,
            returns: 5,
            port: 6,
            seen: 7,
        };
        assert_eq!(Past::unpack(past.pack()), past);
    }

    #[test]
    fn sightings_keep_their_distance() {
        let alarm = Alarm::default();
        let crossing = Crossing {
            from: NetdevId(1),
            to: NetdevId(2),
        };
        let sighting = |at| Sighting {
            at,
            inside: true,
            crossings: [crossing; TOLD],
            len: 20,
            rate: None,
        };
        let (first, next) = (ms(5), ms(5) + PAUSE);
        assert!(alarm.leave(sighting(first)));
        assert!(!alarm.leave(sighting(Instant::from_nanos(next.as_nanos() - 1))));
        assert_eq!(alarm.take().map(|it| it.at), Some(first));
        assert_eq!(alarm.take(), None);
        assert!(alarm.leave(sighting(next)));
        // Control has not come to it: the later one counts.
        assert!(alarm.leave(sighting(next + PAUSE)));
        let last = alarm.take().unwrap();
        assert_eq!(
            (last.at, last.crossings()),
            (next + PAUSE, (&[crossing; TOLD][..], 4))
        );
    }

    #[test]
    fn a_digest_is_of_all_that_makes_a_frame_another() {
        let header = |destination, source| {
            let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
            Header::of(mac(destination), mac(source))
        };
        let payload: Vec<u8> = (0..100).collect();
        let base = digest(&header(1, 2), None, (0x800, &payload));
        assert_eq!(base, digest(&header(1, 2), None, (0x800, &payload)));
        let mut others = vec![
            digest(&header(1, 3), None, (0x800, &payload)),
            digest(&header(3, 2), None, (0x800, &payload)),
            digest(&header(2, 1), None, (0x800, &payload)),
            digest(&header(1, 2), Vid::new(1), (0x800, &payload)),
            digest(&header(1, 2), None, (0x801, &payload)),
        ];
        // Lengths, down to nothing, and every octet that is looked at.
        others.extend((0..100).map(|len| digest(&header(1, 2), None, (0x800, &payload[..len]))));
        let (first, last) = LOOKED_AT;
        for at in (0..first).chain(100 - last..100) {
            let mut changed = payload.clone();
            changed[at] ^= 0x80;
            others.push(digest(&header(1, 2), None, (0x800, &changed)));
        }
        let count = others.len();
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), count);
        assert!(!others.contains(&base));
    }
}
