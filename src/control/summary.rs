//! What passed a network, and what its bridges know: counts that add up, as text and as JSON.
//!
//! Keys are stable. Ages are in microseconds (the FDB's grain), as the key says.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::netdev::Network;
use crate::netdev::loops::{Loop, thousands};
use crate::switch::fdb::Flags;
use crate::switch::{AttachmentCounters, Counters, DropReason, NetdevId, Plan};
use crate::time::Instant;

/// Names of idle attachments that the text shows; of more it shows how many.
const IDLE_NAMES: usize = 16;

/// Everything that was counted, and the FDBs, at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// Every attachment that is there, or that a frame passed.
    pub attachments: Vec<AttachmentSummary>,
    /// Sums over all attachments.
    pub total: Totals,
    /// What waited below tunnels, if anything did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnels: Option<TunnelSummary>,
    /// Every bridge that is there.
    pub bridges: Vec<BridgeSummary>,
}

/// Packets of tunnels that waited for their station's address, and datagrams that came in fragments.
/// `waited` = `sent` + `waiting` + `crowded` + `unanswered`; `fragmented` = `together` + `partial` +
/// `misfits` + `incomplete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TunnelSummary {
    /// Packets that waited; to the attachments where their frames came in, they are trapped.
    pub waited: u64,
    /// Of those, the ones that were sent since.
    pub sent: u64,
    /// Of those, the ones that still wait.
    pub waiting: u64,
    /// Of those, the ones lost because too many waited.
    pub crowded: u64,
    /// Of those, the ones lost because nobody answered.
    pub unanswered: u64,
    /// Datagrams that came in fragments.
    pub fragmented: u64,
    /// Of those, the ones that were put together.
    pub together: u64,
    /// Of those, the ones that still miss some.
    pub partial: u64,
    /// Of those, the ones lost because fragments overlapped or contradicted each other.
    pub misfits: u64,
    /// Of those, the ones lost because some did not come in time, or too many were incomplete.
    pub incomplete: u64,
}

impl TunnelSummary {
    fn new(network: &Network) -> Option<Self> {
        let counts = network.tunnel_counts();
        (counts.waited + counts.fragmented > 0).then(|| Self {
            waited: counts.waited,
            sent: counts.sent,
            waiting: network.tunnel_packets_waiting(),
            crowded: counts.crowded,
            unanswered: counts.unanswered,
            fragmented: counts.fragmented,
            together: counts.together,
            partial: network.tunnel_datagrams_partial(),
            misfits: counts.misfits,
            incomplete: counts.incomplete,
        })
    }

    /// Whether every packet and datagram is accounted for.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        self.waited == self.sent + self.waiting + self.crowded + self.unanswered
            && self.fragmented == self.together + self.partial + self.misfits + self.incomplete
    }
}

impl fmt::Display for TunnelSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waited > 0 {
            writeln!(
                f,
                "tunnels: {} packets waited for an address: {} sent, {} still waiting",
                self.waited, self.sent, self.waiting
            )?;
        }
        if self.fragmented > 0 {
            writeln!(
                f,
                "tunnels: {} datagrams came in fragments: {} put together, {} still incomplete",
                self.fragmented, self.together, self.partial
            )?;
        }
        let reasons = [
            (self.crowded, "packets", "too many waited for an address"),
            (
                self.unanswered,
                "packets",
                "nobody answered for their endpoint",
            ),
            (
                self.misfits,
                "datagrams",
                "their fragments do not fit each other",
            ),
            (
                self.incomplete,
                "datagrams",
                "some of their fragments did not come in time",
            ),
        ];
        for (count, what, why) in reasons.into_iter().filter(|(count, ..)| *count > 0) {
            writeln!(f, "lost below tunnels: {count} {what}: {why}")?;
        }
        Ok(())
    }
}

/// What passed one attachment. `frames_in` = `forwarded` + `trapped` + the sum of `dropped`.
#[derive(Clone, Debug, Serialize)]
pub struct AttachmentSummary {
    /// Its name.
    pub name: String,
    /// Frames that came in.
    pub frames_in: u64,
    /// Their octets.
    pub octets_in: u64,
    /// Copies that went out.
    pub frames_out: u64,
    /// Their octets.
    pub octets_out: u64,
    /// Of the frames in, those of which a copy went out.
    pub forwarded: u64,
    /// Of the frames in, those that control took.
    pub trapped: u64,
    /// Of the frames in, those that went nowhere, by reason.
    pub dropped: Reasons,
    /// Copies of the frames in that did not get out, by reason.
    pub copies_lost: Reasons,
    /// Frames in that control was to see and did not, because too many waited for it (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub traps_lost: u64,
    /// Of the copies out, those for which the real device had no room (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub tx_ring_full: u64,
    /// Of the copies out, those that the real device refused: its far end is down, say (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub tx_refused: u64,
    /// Of the copies out, those for which there is no real device: nobody could use it (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub tx_unattached: u64,
    /// Frames whose checksum was finished in software (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub checksummed: u64,
    /// Super-frames that were cut in software (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub segmented: u64,
    /// What they were cut into (live only).
    #[serde(skip_serializing_if = "is_zero")]
    pub segments: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Sums over all attachments. `frames_in` = `forwarded` + `trapped` + `dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Frames that came in.
    pub frames_in: u64,
    /// Their octets.
    pub octets_in: u64,
    /// Copies that went out.
    pub frames_out: u64,
    /// Their octets.
    pub octets_out: u64,
    /// Of the frames in, those of which a copy went out.
    pub forwarded: u64,
    /// Of the frames in, those that control took.
    pub trapped: u64,
    /// Of the frames in, those that went nowhere.
    pub dropped: u64,
    /// Copies that did not get out.
    pub copies_lost: u64,
    /// Frames that the network sent by itself; their copies count as out.
    pub originated: u64,
}

/// Counts by reason, none of them zero, in the order of a frame's way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(pub Vec<(DropReason, u64)>);

impl Reasons {
    fn new(counts: &[u64; DropReason::COUNT]) -> Self {
        let reasons = DropReason::ALL.iter().copied();
        Self(
            reasons
                .zip(counts.iter().copied())
                .filter(|(_, count)| *count > 0)
                .collect(),
        )
    }

    /// Returns the sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(reason, count)| (reason.name(), count)))
    }
}

/// One bridge.
#[derive(Clone, Debug, Serialize)]
pub struct BridgeSummary {
    /// Its name.
    pub name: String,
    /// Stations learned that were not known.
    pub learned: u64,
    /// Stations that moved to another port.
    pub moved: u64,
    /// Stations not learned because the table was full.
    pub learn_refused: u64,
    /// Frames flooded because nobody knew the destination.
    pub flooded_unknown: u64,
    /// Multicast frames flooded.
    pub flooded_multicast: u64,
    /// Broadcast frames flooded.
    pub flooded_broadcast: u64,
    /// The loops that its alarm has told of, the one seen last at the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loops: Vec<LoopSummary>,
    /// The entries at the end, by address.
    pub fdb: Vec<FdbSummary>,
}

/// One loop.
#[derive(Clone, Debug, Serialize)]
pub struct LoopSummary {
    /// The way round: where copies leave a bridge, where they come in again, and so on; the last of them
    /// comes in to the bridge whose alarm told.
    pub path: Vec<String>,
    /// It is closed by something outside of the network.
    pub outside: bool,
    /// When it was seen first, in nanoseconds since t = 0.
    pub first_ns: u64,
    /// When it was seen last.
    pub last_ns: u64,
    /// How often the alarm looked and saw it; it looks ten times a second at most.
    pub sightings: u64,
    /// Copies that went round.
    pub copies: u64,
    /// Copies per second, as of the last sighting that could tell.
    pub copies_per_second: Option<u64>,
    /// How often the guard has blocked a port because of it.
    pub blocks: u64,
    /// The port that it blocked last.
    pub blocked: Option<String>,
}

impl LoopSummary {
    fn new(network: &Network, it: &Loop) -> Self {
        Self {
            path: network.path(it),
            outside: !it.inside,
            first_ns: it.first.as_nanos(),
            last_ns: it.last.as_nanos(),
            sightings: it.sightings,
            copies: it.copies,
            copies_per_second: it.rate,
            blocks: it.blocks,
            blocked: it.blocked.map(|port| network.end_name(port)),
        }
    }
}

impl fmt::Display for LoopSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Instant::from_nanos;
        write!(f, "{}", self.path.join(" → "))?;
        if let Some(rate) = self.copies_per_second {
            write!(f, ", {} copies/s", thousands(rate))?;
        }
        let copies = thousands(self.copies);
        write!(
            f,
            ": {copies} copies, seen from {} s to {} s",
            at(self.first_ns),
            at(self.last_ns)
        )?;
        match (&self.blocked, self.blocks) {
            (Some(port), 1) => write!(f, "; {port} was blocked"),
            (Some(port), times) => write!(f, "; {port} was blocked {times} times"),
            (None, _) => Ok(()),
        }
    }
}

/// One entry of a bridge's FDB.
#[derive(Clone, Debug, Serialize)]
pub struct FdbSummary {
    /// The station.
    pub mac: String,
    /// The port it is behind, or the bridge itself.
    pub dev: String,
    /// Its VLAN.
    pub vlan: Option<u16>,
    /// Of `local`, `static`, `sticky`, `user`, `extern_learn`, `locked`.
    pub flags: Vec<&'static str>,
    /// Microseconds since it was last seen; `None` if the entry does not age.
    pub age_us: Option<u64>,
}

impl Traffic {
    /// Sums up. `originated` is how many frames the network sent by itself.
    #[must_use]
    pub fn new(
        network: &Network,
        plan: &Plan,
        counters: &Counters,
        now: Instant,
        originated: u64,
    ) -> Self {
        let attachments = attachments(network, counters);
        Self {
            total: Totals {
                originated,
                ..totals(&attachments)
            },
            tunnels: TunnelSummary::new(network),
            bridges: bridges(network, plan, counters, now),
            attachments,
        }
    }
}

impl AttachmentSummary {
    fn new(name: &str, counters: &AttachmentCounters) -> Self {
        Self {
            name: name.to_owned(),
            frames_in: counters.frames_in,
            octets_in: counters.octets_in,
            frames_out: counters.frames_out,
            octets_out: counters.octets_out,
            forwarded: counters.forwarded,
            trapped: counters.trapped,
            dropped: Reasons::new(&counters.dropped),
            copies_lost: Reasons::new(&counters.copies_lost),
            traps_lost: counters.traps_lost,
            tx_ring_full: counters.tx_ring_full,
            tx_refused: counters.tx_refused,
            tx_unattached: counters.tx_unattached,
            checksummed: counters.checksummed,
            segmented: counters.segmented,
            segments: counters.segments,
        }
    }

    fn undelivered(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = [
            (self.tx_ring_full, "its queue was full"),
            (
                self.tx_refused,
                "its far end refused them (it is down, say)",
            ),
            (
                self.tx_unattached,
                "it is a bridge port without an address, which no program uses",
            ),
        ];
        for (count, why) in reasons.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "not delivered: {count} to {}: {why}", self.name)?;
        }
        if self.segmented > 0 {
            let (whole, parts) = (self.segmented, self.segments);
            let name = &self.name;
            writeln!(
                f,
                "cut in software: {whole} super-frames to {name}, into {parts} frames"
            )?;
        }
        if self.checksummed > 0 {
            let (count, name) = (self.checksummed, &self.name);
            writeln!(f, "checksums finished in software: {count} at {name}")?;
        }
        if self.traps_lost > 0 {
            let (count, name) = (self.traps_lost, &self.name);
            writeln!(
                f,
                "not seen by control: {count} from {name}: too many frames waited for it"
            )?;
        }
        Ok(())
    }
}

fn attachments(network: &Network, counters: &Counters) -> Vec<AttachmentSummary> {
    let infos = network.attachments().iter().zip(&counters.attachments);
    infos
        .filter(|(info, counters)| {
            network.netdev(info.netdev).alive || counters.frames_in + counters.frames_out > 0
        })
        .map(|(info, counters)| AttachmentSummary::new(&info.name, counters))
        .collect()
}

fn totals(attachments: &[AttachmentSummary]) -> Totals {
    attachments
        .iter()
        .fold(Totals::default(), |sum, one| Totals {
            frames_in: sum.frames_in + one.frames_in,
            octets_in: sum.octets_in + one.octets_in,
            frames_out: sum.frames_out + one.frames_out,
            octets_out: sum.octets_out + one.octets_out,
            forwarded: sum.forwarded + one.forwarded,
            trapped: sum.trapped + one.trapped,
            dropped: sum.dropped + one.dropped.total(),
            copies_lost: sum.copies_lost + one.copies_lost.total(),
            originated: 0,
        })
}

fn bridges(
    network: &Network,
    plan: &Plan,
    counters: &Counters,
    now: Instant,
) -> Vec<BridgeSummary> {
    let label = |id: NetdevId| label(network, id);
    let mut bridges: Vec<_> = plan.bridges.iter().collect();
    bridges.sort_by_key(|bridge| bridge.netdev);
    bridges
        .into_iter()
        .filter(|bridge| network.netdev(bridge.netdev).alive)
        .map(|bridge| {
            let counts = counters.bridges[bridge.netdev.index()];
            let mut entries = bridge.fdb.dump(now, bridge.hold);
            entries.sort_by_key(|(key, _)| *key);
            let fdb = entries.into_iter().map(|(key, entry)| FdbSummary {
                mac: key.mac().to_string(),
                dev: entry
                    .port
                    .and_then(|port| bridge.ports.get(port.index())?.as_ref())
                    .map_or_else(|| label(bridge.netdev), |port| label(port.netdev)),
                vlan: key.vid().map(crate::wire::Vid::get),
                flags: flag_names(entry.flags),
                age_us: (entry.flags.ages() && !entry.flags.local).then(|| {
                    let age = now.saturating_since(entry.updated);
                    u64::try_from(age.as_micros()).unwrap_or(u64::MAX)
                }),
            });
            BridgeSummary {
                name: label(bridge.netdev),
                learned: counts.learned,
                moved: counts.moved,
                learn_refused: counts.learn_refused,
                flooded_unknown: counts.flooded_unknown,
                flooded_multicast: counts.flooded_multicast,
                flooded_broadcast: counts.flooded_broadcast,
                loops: loops(network, bridge.netdev),
                fdb: fdb.collect(),
            }
        })
        .collect()
}

fn loops(network: &Network, bridge: NetdevId) -> Vec<LoopSummary> {
    let bridge = network.netdev(bridge).bridge();
    let seen = bridge.map_or_else(Vec::new, |bridge| bridge.loops.seen());
    seen.iter()
        .map(|it| LoopSummary::new(network, it))
        .collect()
}

fn flag_names(flags: Flags) -> Vec<&'static str> {
    [
        (flags.local, "local"),
        (flags.fixed && !flags.local, "static"),
        (flags.sticky, "sticky"),
        (flags.by_user, "user"),
        (flags.external, "extern_learn"),
        (flags.locked, "locked"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

/// Returns a netdev's name, with its namespace if that is not the script's own.
pub(crate) fn label(network: &Network, id: NetdevId) -> String {
    let netdev = network.netdev(id);
    match network.namespace_name(netdev.ns) {
        Some(namespace) => format!("{namespace}/{}", netdev.name),
        None => netdev.name.clone(),
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.attachments.iter().map(|one| one.name.len());
        let width = width.chain(["attachment".len()]).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$} {:>10} {:>12} {:>10} {:>8} {:>8} {:>10} {:>12} {:>6}",
            "attachment",
            "in",
            "octets",
            "forwarded",
            "trapped",
            "dropped",
            "out",
            "octets",
            "lost"
        )?;
        let mut row = |name: &str, t: &Totals| {
            writeln!(
                f,
                "{name:width$} {:>10} {:>12} {:>10} {:>8} {:>8} {:>10} {:>12} {:>6}",
                t.frames_in,
                t.octets_in,
                t.forwarded,
                t.trapped,
                t.dropped,
                t.frames_out,
                t.octets_out,
                t.copies_lost
            )
        };
        let (busy, idle): (Vec<_>, Vec<_>) = self
            .attachments
            .iter()
            .partition(|one| one.frames_in + one.frames_out > 0);
        for one in busy {
            row(&one.name, &totals(std::slice::from_ref(one)))?;
        }
        row("total", &self.total)?;
        let names: Vec<_> = idle.iter().map(|one| one.name.as_str()).collect();
        match names.len() {
            0 => {}
            1..=IDLE_NAMES => writeln!(f, "no frames at: {}", names.join(", "))?,
            more => writeln!(f, "no frames at {more} other attachments")?,
        }
        for one in &self.attachments {
            for (reason, count) in &one.dropped.0 {
                let sentence = reason.sentence();
                writeln!(
                    f,
                    "dropped: {count} from {}: {reason}: {sentence}",
                    one.name
                )?;
            }
            for (reason, count) in &one.copies_lost.0 {
                let sentence = reason.sentence();
                writeln!(
                    f,
                    "copies lost: {count} from {}: {reason}: {sentence}",
                    one.name
                )?;
            }
        }
        for one in &self.attachments {
            one.undelivered(f)?;
        }
        if self.total.originated > 0 {
            writeln!(f, "sent by the network itself: {}", self.total.originated)?;
        }
        if let Some(tunnels) = &self.tunnels {
            write!(f, "{tunnels}")?;
        }
        for bridge in &self.bridges {
            write!(f, "{bridge}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BridgeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "bridge {}: {} learned, {} moved, {} not learned (full); flooded {} unknown, {} multicast, {} broadcast; {} entries",
            self.name,
            self.learned,
            self.moved,
            self.learn_refused,
            self.flooded_unknown,
            self.flooded_multicast,
            self.flooded_broadcast,
            self.fdb.len()
        )?;
        for it in &self.loops {
            writeln!(f, "  loop: {it}")?;
        }
        for entry in &self.fdb {
            write!(f, "  {} dev {}", entry.mac, entry.dev)?;
            if let Some(vlan) = entry.vlan {
                write!(f, " vlan {vlan}")?;
            }
            for flag in &entry.flags {
                write!(f, " {flag}")?;
            }
            if let Some(age) = entry.age_us {
                write!(f, " age {}.{:06} s", age / 1_000_000, age % 1_000_000)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
