//! What a replay comes to: counts that add up, and what the bridges know at the end.
//!
//! The same values as text and as JSON; keys are stable. Times are in nanoseconds, ages in
//! microseconds (the FDB's grain), as the keys say.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Engine, InputReport};
use crate::netdev::Network;
use crate::switch::fdb::Flags;
use crate::switch::{AttachmentCounters, Counters, DropReason, NetdevId, Plan};
use crate::time::Instant;

/// Names of idle attachments that the text shows; of more it shows how many.
const IDLE_NAMES: usize = 16;

/// Everything about one replay.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The topology script, as it was named.
    pub topology: String,
    /// The time of t = 0, in nanoseconds since 1970: of the earliest first frame; 0 without frames.
    pub start_ns: u64,
    /// Virtual time at the end, in nanoseconds since t = 0.
    pub duration_ns: u64,
    /// The captures, as given.
    pub inputs: Vec<InputSummary>,
    /// Every attachment that is there at the end, or that a frame passed.
    pub attachments: Vec<AttachmentSummary>,
    /// Sums over all attachments.
    pub total: Totals,
    /// Every bridge that is there at the end.
    pub bridges: Vec<BridgeSummary>,
    /// Commands that printed something or failed, in order (JSON only; else they print at once).
    pub commands: Vec<CommandSummary>,
    /// What the reader should know before trusting the counts.
    pub warnings: Vec<String>,
}

/// One capture.
#[derive(Clone, Debug, Serialize)]
pub struct InputSummary {
    /// The file, as it was named.
    pub file: String,
    /// Frames fed.
    pub frames: u64,
    /// Of these, those of which the capture has only the start.
    pub snapped: u64,
    /// Of these, those older than one before them, taken at that one's time.
    pub late: u64,
    /// Frames not fed because the capture marks them as outbound.
    pub outbound: u64,
    /// Why it was not read to the end.
    pub error: Option<String>,
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
    /// The entries at the end, by address.
    pub fdb: Vec<FdbSummary>,
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

/// One command of the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandSummary {
    /// When it was executed, in nanoseconds since t = 0.
    pub time_ns: u64,
    /// Its line in the script.
    pub line: u32,
    /// The command as written.
    pub command: String,
    /// Its exit status.
    pub status: u8,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Summary {
    /// Sums up.
    #[must_use]
    pub fn new(
        topology: &str,
        start_ns: u64,
        engine: &Engine<'_>,
        inputs: &[InputReport],
        commands: Vec<CommandSummary>,
    ) -> Self {
        let (network, counters) = (engine.network(), engine.counters());
        let attachments = attachments(network, counters);
        let total = Totals {
            originated: engine.originated(),
            ..totals(&attachments)
        };
        Self {
            topology: topology.to_owned(),
            start_ns,
            duration_ns: engine.now().as_nanos(),
            inputs: inputs.iter().map(InputSummary::new).collect(),
            total,
            bridges: bridges(network, engine.plan(), counters, engine.now()),
            warnings: inputs.iter().flat_map(warnings).collect(),
            attachments,
            commands,
        }
    }
}

impl InputSummary {
    fn new(report: &InputReport) -> Self {
        Self {
            file: report.file.clone(),
            frames: report.frames,
            snapped: report.snapped,
            late: report.late,
            outbound: report.outbound,
            error: report.error.as_ref().map(ToString::to_string),
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
        }
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
    let label = |id: NetdevId| super::label(network, id);
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
                fdb: fdb.collect(),
            }
        })
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

fn warnings(report: &InputReport) -> Vec<String> {
    let file = &report.file;
    let mut warnings = Vec::new();
    if report.snapped > 0 {
        warnings.push(format!(
            "{file}: {} of {} frames were cut by the capture's snap length and were replayed as they are",
            report.snapped, report.frames
        ));
    }
    if report.late > 0 {
        warnings.push(format!(
            "{file}: {} of {} frames are older than one before them and were replayed at its time",
            report.late, report.frames
        ));
    }
    if report.outbound > 0 {
        warnings.push(format!(
            "{file}: {} frames are marked as outbound and were not fed",
            report.outbound
        ));
    }
    warnings
}

impl fmt::Display for Summary {
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
        if self.total.originated > 0 {
            writeln!(f, "sent by the network itself: {}", self.total.originated)?;
        }
        for bridge in &self.bridges {
            write!(f, "{bridge}")?;
        }
        let time = Instant::from_nanos(self.duration_ns);
        writeln!(f, "virtual time: {time} s")
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
