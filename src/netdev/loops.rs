//! Loops that no spanning tree has cut: a bridge's alarm and its guard as configuration, and what is
//! known of the loops there were.
//!
//! The alarm ([`crate::switch::alarm`]) is on unless a command says otherwise. It tells, and changes
//! nothing. With `loop_guard block` the port that closes a loop is blocked: it is to its bridge as one
//! without carrier, and its frames are dropped as `loop_blocked`. After the recovery time it is tried
//! again, and blocked again if the loop is still there; it opens, too, when its netdev is set down or
//! the guard is switched off.
//!
//! | what | bound |
//! |---|---|
//! | loops of a bridge that are remembered | 16, those seen last |
//! | ends of cables that are told of per loop | twice [`TOLD`] |
//! | sightings per bridge | one each [`PAUSE`] |
//!
//! A loop that was silent for [`QUIET`] is news again.

use std::fmt;
use std::sync::Arc;

use super::{Network, Port};
use crate::switch::alarm::{Alarm, PlanAlarm, Sighting};
#[cfg(doc)]
use crate::switch::alarm::{PAUSE, TOLD};
use crate::switch::{Crossing, NetdevId, PortNo};
use crate::time::{Duration, Instant};

/// How long the guard blocks a port unless a command says otherwise.
pub const DEFAULT_RECOVERY: Duration = Duration::from_secs(60);

/// After which silence a loop is news again.
pub const QUIET: Duration = Duration::from_secs(10);

/// Loops of a bridge that are remembered.
const MAX_LOOPS: usize = 16;

/// What a bridge does about loops, and what it knows of those there were.
#[derive(Clone, Debug)]
pub struct Loops {
    /// `loop_alarm`.
    pub alarm: bool,
    /// `loop_guard block`.
    pub guard: bool,
    /// `recovery`: how long the guard blocks a port; `None` for ever.
    pub recovery: Option<Duration>,
    shared: Arc<Alarm>,
    seen: Vec<Loop>,
    /// Copies that loops in `seen` have got, or had.
    counted: u64,
}

/// A setting of a bridge, to be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopSettings {
    /// `loop_alarm on|off`.
    pub alarm: Option<bool>,
    /// `loop_guard block|off`.
    pub guard: Option<bool>,
    /// `recovery SECONDS|off`.
    pub recovery: Option<Option<Duration>>,
}

/// Why a setting was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoopError {
    /// The netdev is no bridge.
    #[error("{0} is not a bridge")]
    NotABridge(String),
    /// Nobody would tell the guard of a loop.
    #[error("loop_guard block needs loop_alarm on: the alarm is what notices a loop")]
    GuardWithoutAlarm,
}

/// A loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// All netdevs of it are ours.
    pub inside: bool,
    /// Where copies leave a bridge and come in again, in order; the last one comes in to this bridge.
    pub crossings: Vec<Crossing>,
    /// Crossings that are left out before the last.
    pub left_out: u32,
    /// When it was seen first.
    pub first: Instant,
    /// When it was seen last.
    pub last: Instant,
    /// How often, of all the times there were.
    pub sightings: u64,
    /// Copies that went round. Of several loops of a bridge at the same time nobody knows whose a copy
    /// is: the one seen next gets it.
    pub copies: u64,
    /// Copies per second, as of the last sighting that could tell.
    pub rate: Option<u64>,
    /// How often the guard has blocked a port because of it.
    pub blocks: u64,
    /// The port that it blocked last.
    pub blocked: Option<NetdevId>,
}

/// News of a loop, in names. Prints as one line without a line's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopNews {
    /// There is a loop.
    Seen {
        /// The bridge that tells, as `ip` is told of it: `-n NS link set BRIDGE`.
        bridge: String,
        /// The way round it.
        path: String,
        /// Copies per second, if that is known yet.
        rate: Option<u64>,
        /// The port that the guard has blocked, and for how long (`None`: for ever).
        blocked: Option<(String, Option<Duration>)>,
    },
    /// A port that was blocked is tried again.
    TriedAgain {
        /// The port.
        port: String,
    },
}

impl fmt::Display for LoopNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TriedAgain { port } => {
                write!(
                    f,
                    "loop: {port} was blocked because of one, and is tried again"
                )
            }
            Self::Seen {
                bridge,
                path,
                rate,
                blocked,
            } => {
                write!(f, "loop: {path}")?;
                if let Some(rate) = rate {
                    write!(f, ", {} copies/s", thousands(*rate))?;
                }
                match blocked {
                    Some((port, Some(time))) => {
                        write!(f, "; {port} is blocked for {} s", time.as_secs())
                    }
                    Some((port, None)) => write!(f, "; {port} is blocked"),
                    None => write!(
                        f,
                        "; take a cable out, or use ip {bridge} type bridge stp_state 1"
                    ),
                }
            }
        }
    }
}

/// Writes a number with a comma behind each thousand.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Default for Loops {
    fn default() -> Self {
        Self {
            alarm: true,
            guard: false,
            recovery: Some(DEFAULT_RECOVERY),
            shared: Arc::default(),
            seen: Vec::new(),
            counted: 0,
        }
    }
}

impl Loop {
    fn new(sighting: &Sighting) -> Self {
        let (crossings, left_out) = sighting.crossings();
        Self {
            inside: sighting.inside,
            crossings: crossings.to_vec(),
            left_out,
            first: sighting.at,
            last: sighting.at,
            sightings: 0,
            copies: 0,
            rate: None,
            blocks: 0,
            blocked: None,
        }
    }

    /// Whether a sighting is of this loop, in whichever direction a copy went round.
    fn is(&self, sighting: &Sighting) -> bool {
        let ends = |crossings: &[Crossing]| {
            let ends = crossings.iter().flat_map(|it| [it.from, it.to]);
            let mut ends: Vec<_> = ends.collect();
            ends.sort_unstable();
            ends
        };
        let (crossings, left_out) = sighting.crossings();
        // Of a long one the two directions are told of by different ends: they count as two.
        (self.inside, self.left_out) == (sighting.inside, left_out)
            && ends(&self.crossings) == ends(crossings)
    }
}

impl Loops {
    /// Returns the loops that were seen, the one seen last at the end.
    #[must_use]
    pub fn seen(&self) -> Vec<Loop> {
        let mut seen = self.seen.clone();
        if let Some(last) = seen.last_mut() {
            last.copies += self.shared.copies().saturating_sub(self.counted);
        }
        seen
    }

    /// Compiles the alarm; `None` while it is off. `tree`: a spanning tree looks after the outside.
    pub(super) fn compile(&self, tree: bool) -> Option<PlanAlarm> {
        self.alarm.then(|| PlanAlarm {
            shared: Arc::clone(&self.shared),
            outside: !tree,
            blocks: self.guard,
        })
    }

    /// Puts a sighting to those before. Returns whether it is news.
    fn note(&mut self, sighting: &Sighting) -> bool {
        let known = self.seen.iter().position(|it| it.is(sighting));
        let mut it = match known {
            Some(known) => self.seen.remove(known),
            None => Loop::new(sighting),
        };
        let copies = self.shared.copies();
        let more = copies.saturating_sub(self.counted);
        self.counted = copies;
        let passed = sighting.at - it.last;
        let news = known.is_none() || passed > QUIET;
        let rate = match sighting.rate {
            Some((frames, during)) => per_second(frames.into(), during),
            None if news => None,
            None => per_second(more, passed),
        };
        it.rate = rate.or(it.rate);
        it.copies += more;
        it.sightings += 1;
        it.last = sighting.at;
        if self.seen.len() == MAX_LOOPS {
            self.seen.remove(0);
        }
        self.seen.push(it);
        news
    }
}

fn per_second(copies: u64, during: Duration) -> Option<u64> {
    let rate = (u128::from(copies) * 1_000_000_000).checked_div(during.as_nanos())?;
    u64::try_from(rate).ok()
}

impl Port {
    /// Whether the loop guard of its bridge has blocked it.
    #[must_use]
    pub const fn is_looped(&self) -> bool {
        self.looped.is_some()
    }

    /// Returns when a port that the loop guard has blocked is tried again, if it is.
    #[must_use]
    pub const fn tried_again(&self) -> Option<Instant> {
        match self.looped {
            Some(Blocked { until }) => until,
            None => None,
        }
    }
}

/// The loop guard has blocked a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    /// `None` for ever.
    until: Option<Instant>,
}

impl Network {
    /// Checks what [`Self::set_loops`] is to set. Returns whether alarm and guard will be on.
    ///
    /// # Errors
    /// [`LoopError`].
    pub fn check_loops(
        &self,
        id: NetdevId,
        settings: LoopSettings,
    ) -> Result<(bool, bool), LoopError> {
        let Some(bridge) = self.bridge(id) else {
            return Err(LoopError::NotABridge(self.netdev(id).name.clone()));
        };
        let alarm = settings.alarm.unwrap_or(bridge.loops.alarm);
        let guard = settings.guard.unwrap_or(bridge.loops.guard);
        if guard && !alarm {
            return Err(LoopError::GuardWithoutAlarm);
        }
        Ok((alarm, guard))
    }

    /// Sets what a bridge does about loops.
    ///
    /// # Errors
    /// [`LoopError`]; nothing changed.
    pub fn set_loops(
        &mut self,
        now: Instant,
        id: NetdevId,
        settings: LoopSettings,
    ) -> Result<(), LoopError> {
        let (alarm, guard) = self.check_loops(id, settings)?;
        let Some(bridge) = self.bridge_mut(id) else {
            return Ok(());
        };
        let loops = &mut bridge.loops;
        (loops.alarm, loops.guard) = (alarm, guard);
        if let Some(recovery) = settings.recovery {
            loops.recovery = recovery;
            // A port that is blocked now is to be tried again that long after this command.
            let until = recovery.map(|after| now + after);
            let blocked = bridge.ports.iter_mut().filter_map(|it| it.looped.as_mut());
            blocked.for_each(|it| it.until = until);
        }
        if !guard {
            for (port, _) in self.ports_of(id) {
                self.unblock(port);
                self.check_port(now, port);
            }
        }
        self.touch_bridge(id);
        Ok(())
    }

    /// A worker has noticed a loop; `port` is the one that closes it.
    pub fn receive_loop(&mut self, now: Instant, port: NetdevId) {
        let Some((id, number)) = self.netdev(port).port else {
            return;
        };
        let Some(loops) = self.bridge_mut(id).map(|bridge| &mut bridge.loops) else {
            return;
        };
        // Another worker's bell may have been heard first.
        let Some(sighting) = loops.shared.take().filter(|_| loops.alarm) else {
            return;
        };
        let news = loops.note(&sighting);
        let blocked = loops.guard.then_some(loops.recovery);
        let blocked = blocked.filter(|recovery| self.block(now, id, number, *recovery));
        if let Some(it) = self.last_loop(id).filter(|_| blocked.is_some()) {
            it.blocks += 1;
            it.blocked = Some(port);
        }
        if !news && blocked.is_none() {
            return;
        }
        let Some((path, rate)) = self.last_loop(id).map(|it| (it.clone(), it.rate)) else {
            return;
        };
        let news = LoopNews::Seen {
            bridge: self.in_words_of_ip(id),
            path: self.path(&path).join(" → "),
            rate,
            blocked: blocked.map(|recovery| (self.end_name(port), recovery)),
        };
        self.loop_news.push_back(news);
    }

    fn last_loop(&mut self, id: NetdevId) -> Option<&mut Loop> {
        self.bridge_mut(id)?.loops.seen.last_mut()
    }

    /// Blocks a port because it closes a loop; false if it is blocked already.
    fn block(
        &mut self,
        now: Instant,
        bridge: NetdevId,
        number: PortNo,
        recovery: Option<Duration>,
    ) -> bool {
        let port = self.bridge_mut(bridge).and_then(|it| it.port_mut(number));
        let Some(port) = port.filter(|port| !port.is_looped()) else {
            return false;
        };
        let until = recovery.map(|after| now + after);
        port.looped = Some(Blocked { until });
        let id = port.netdev;
        self.check_port(now, id);
        self.touch_bridge(bridge);
        true
    }

    /// Takes back what the loop guard did to a port.
    pub(super) fn unblock(&mut self, id: NetdevId) {
        let Some((bridge, number)) = self.netdev(id).port else {
            return;
        };
        let port = self.bridge_mut(bridge).and_then(|it| it.port_mut(number));
        if port.is_some_and(|port| port.looped.take().is_some()) {
            self.touch_bridge(bridge);
        }
    }

    /// Tries again the ports of a bridge whose time has come.
    pub(super) fn loops_timeout(&mut self, now: Instant, id: NetdevId) {
        let due = |port: &&Port| port.tried_again().is_some_and(|until| until <= now);
        let ports = self.bridge(id).map(|bridge| &*bridge.ports);
        let due = ports.into_iter().flatten().filter(due);
        for id in due.map(|port| port.netdev).collect::<Vec<_>>() {
            self.unblock(id);
            let port = self.end_name(id);
            self.loop_news.push_back(LoopNews::TriedAgain { port });
            self.check_port(now, id);
        }
    }

    /// Returns the next news of a loop.
    pub fn poll_loop_news(&mut self) -> Option<LoopNews> {
        self.loop_news.pop_front()
    }

    /// Returns the way round a loop in names, `BRIDGE:PORT` each: where a copy leaves a bridge, where it
    /// comes in again, and so on.
    #[must_use]
    pub fn path(&self, it: &Loop) -> Vec<String> {
        let mut path = Vec::new();
        for (at, crossing) in it.crossings.iter().enumerate() {
            if it.left_out > 0 && at + 1 == it.crossings.len() {
                path.push(format!("({} more cables)", it.left_out));
            }
            path.push(self.end_name(crossing.from));
            if !it.inside {
                path.push("(outside)".to_owned());
            }
            path.push(self.end_name(crossing.to));
        }
        path
    }

    /// Returns the name of an end of a cable, with the bridge it is a port of.
    #[must_use]
    pub fn end_name(&self, id: NetdevId) -> String {
        let netdev = self.netdev(id);
        match netdev.master().filter(|it| self.bridge(*it).is_some()) {
            Some(bridge) => format!("{}:{}", self.name_of(bridge), netdev.name),
            None => self.name_of(id),
        }
    }

    fn in_words_of_ip(&self, id: NetdevId) -> String {
        let netdev = self.netdev(id);
        match self.namespace_name(netdev.ns) {
            Some(ns) => format!("-n {ns} link set {}", netdev.name),
            None => format!("link set {}", netdev.name),
        }
    }

    fn name_of(&self, id: NetdevId) -> String {
        let netdev = self.netdev(id);
        self.full_name(netdev.ns, &netdev.name)
    }
}
