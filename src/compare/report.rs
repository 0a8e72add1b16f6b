//! What is compared, as values that serialize, and as text.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::lab::{Figures, Role, Sort, Station};
use super::live::{Live, Measure, Measures};
use super::reach::{Class, Pair};
use super::scale::Scale;
use super::traffic::Flow;

/// Everything that was found out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Children asked for.
    pub hosts: u8,
    /// What was sent.
    pub traffic: String,
    /// By device kind, in the order asked for.
    pub kinds: Vec<KindReport>,
    /// What it comes to: a sentence for each difference.
    pub differences: Vec<String>,
    /// What broadcast costs in large networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

/// One device kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindReport {
    /// Its name.
    pub kind: String,
    /// Children that it took.
    pub children: usize,
    /// The command that made one more child, and what was said to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Who is in the network.
    pub stations: Vec<Station>,
    /// Who reaches whom, by their parts.
    pub reach: Vec<Class>,
    /// The same by station.
    pub pairs: Vec<Pair>,
    /// Frames that were sent.
    pub frames: u64,
    /// Frames of captures that did not leave the host that both ends of them were dealt to.
    pub inside: u64,
    /// Copies delivered to stations whom they are for, per frame.
    pub deliveries_per_frame: PerFrame,
    /// What was counted.
    pub figures: Figures,
    /// Nanoseconds per frame by [`Flow::key`]: the median of a few repetitions; `None` if not measured.
    pub ns_per_frame: Option<BTreeMap<&'static str, f64>>,
    /// What was measured live, beside the kernel's own device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// The topology, which runs on a real kernel, too.
    pub script: String,
}

/// Copies per frame; `None` where no frame is of the sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PerFrame {
    /// Of all frames.
    pub all: Option<f64>,
    /// Of those to all.
    pub broadcast: Option<f64>,
    /// Of those to one station.
    pub unicast: Option<f64>,
}

impl PerFrame {
    /// Divides.
    #[must_use]
    pub fn new(figures: &Figures) -> Self {
        #[allow(clippy::cast_precision_loss)] // counts far below 2^52
        let share =
            |sort: Sort| (sort.frames > 0).then(|| sort.deliveries as f64 / sort.frames as f64);
        let Figures {
            broadcast,
            multicast,
            unicast,
            ..
        } = *figures;
        let all = Sort {
            frames: broadcast.frames + multicast.frames + unicast.frames,
            deliveries: broadcast.deliveries + multicast.deliveries + unicast.deliveries,
            overheard: 0,
        };
        Self {
            all: share(all),
            broadcast: share(broadcast),
            unicast: share(unicast),
        }
    }
}

impl KindReport {
    /// Returns what one part reaches of another.
    #[must_use]
    pub fn class(&self, from: Role, to: Role) -> Option<&Class> {
        self.reach.iter().find(|it| (it.from, it.to) == (from, to))
    }
}

/// The pairs of parts that are compared, in order.
pub const PAIRS: [(Role, Role); 7] = [
    (Role::Child, Role::Child),
    (Role::Child, Role::Host),
    (Role::Host, Role::Child),
    (Role::Child, Role::Outside),
    (Role::Outside, Role::Child),
    (Role::Host, Role::Outside),
    (Role::Outside, Role::Host),
];

/// The NIC's own stack, where it is not the machine's.
pub const PARENT_PAIRS: [(Role, Role); 4] = [
    (Role::Child, Role::Parent),
    (Role::Parent, Role::Child),
    (Role::Outside, Role::Parent),
    (Role::Parent, Role::Outside),
];

/// Returns what a pair of parts is called.
#[must_use]
pub const fn pair_name(pair: (Role, Role)) -> &'static str {
    match pair {
        (Role::Child, Role::Child) => "child → sibling",
        (Role::Child, Role::Host) => "child → host",
        (Role::Child, Role::Parent) => "child → parent",
        (Role::Child, Role::Outside) => "child → outside",
        (Role::Host, Role::Child) => "host → child",
        (Role::Host, Role::Host | Role::Parent) => "host → parent",
        (Role::Host, Role::Outside) => "host → outside",
        (Role::Parent, Role::Child) => "parent → child",
        (Role::Parent, Role::Host | Role::Parent) => "parent → host",
        (Role::Parent, Role::Outside) => "parent → outside",
        (Role::Outside, Role::Child) => "outside → child",
        (Role::Outside, Role::Host) => "outside → host",
        (Role::Outside, Role::Parent | Role::Outside) => "outside → parent",
    }
}

/// A number as people write it: two decimals at most, thousands apart.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// Rows of a table: a label and a cell for each kind.
pub(super) type Rows = Vec<(String, Vec<String>)>;

impl Comparison {
    /// Returns the rows about reachability.
    pub(super) fn reach_rows(&self) -> Rows {
        let parent = |kind: &KindReport| kind.stations.iter().any(|it| it.role == Role::Parent);
        let parents = self.kinds.iter().any(parent);
        let pairs = PAIRS.iter().chain(PARENT_PAIRS.iter().filter(|_| parents));
        let row = |(from, to): &(Role, Role)| {
            let cell = |kind: &KindReport| {
                let about_parent = [from, to].contains(&&Role::Parent);
                match kind.class(*from, *to) {
                    Some(class) => match class.reach {
                        Some(reach) => reach.to_string(),
                        None => "some".into(),
                    },
                    None if about_parent => "= host".into(),
                    None => "–".into(),
                }
            };
            let cells = self.kinds.iter().map(cell).collect();
            (pair_name((*from, *to)).to_owned(), cells)
        };
        pairs.map(row).collect()
    }

    /// Returns the rows of figures.
    pub(super) fn figure_rows(&self) -> Rows {
        let per = |value: Option<f64>| value.map_or_else(|| "–".into(), number);
        #[allow(clippy::cast_precision_loss)] // counts far below 2^52
        let count = |value: u64| number(value as f64);
        type Cell<'a> = &'a dyn Fn(&KindReport) -> String;
        let rows: [(&str, Cell<'_>); 13] = [
            ("frames sent", &|it| count(it.frames)),
            ("delivered per frame", &|it| {
                per(it.deliveries_per_frame.all)
            }),
            ("  to all", &|it| per(it.deliveries_per_frame.broadcast)),
            ("  to one station", &|it| {
                per(it.deliveries_per_frame.unicast)
            }),
            ("overheard by others", &|it| {
                count(it.figures.unicast.overheard)
            }),
            ("floods", &|it| count(it.figures.floods)),
            ("FDB writes", &|it| count(it.figures.fdb_writes)),
            ("table: learned", &|it| count(it.figures.learned)),
            ("table: configured", &|it| count(it.figures.configured)),
            ("stations in LAN's table", &|it| {
                count(it.figures.lan_learned)
            }),
            ("frames out by the NIC", &|it| count(it.figures.wire_out)),
            ("frames in by the NIC", &|it| count(it.figures.wire_in)),
            ("frames dropped", &|it| count(it.figures.dropped_total())),
        ];
        let mut rows: Rows = rows
            .iter()
            .map(|(label, cell)| ((*label).to_owned(), self.kinds.iter().map(cell).collect()))
            .collect();
        let reasons = |of: &dyn Fn(&KindReport) -> BTreeMap<&'static str, u64>| {
            let mut all = BTreeMap::<&str, ()>::new();
            for kind in &self.kinds {
                all.extend(of(kind).keys().map(|reason| (*reason, ())));
            }
            all.into_keys()
        };
        for reason in reasons(&|kind| kind.figures.dropped.clone()) {
            let of = |it: &KindReport| it.figures.dropped.get(reason).copied().unwrap_or(0);
            let cells = self.kinds.iter().map(|it| count(of(it))).collect();
            rows.push((format!("  {reason}"), cells));
        }
        for reason in reasons(&|kind| kind.figures.copies_lost.clone()) {
            let of = |it: &KindReport| it.figures.copies_lost.get(reason).copied().unwrap_or(0);
            let cells = self.kinds.iter().map(|it| count(of(it))).collect();
            rows.push((format!("copies lost: {reason}"), cells));
        }
        rows
    }

    /// Returns the rows of costs, if anything was measured.
    pub(super) fn cost_rows(&self) -> Rows {
        let measured = self.kinds.iter().any(|kind| kind.ns_per_frame.is_some());
        let flows = Flow::ALL.into_iter().filter(|_| measured);
        let row = |flow: Flow| {
            let cell = |kind: &KindReport| {
                let ns = kind.ns_per_frame.as_ref().and_then(|it| it.get(flow.key()));
                ns.map_or_else(|| "–".into(), |ns| format!("{ns:.0} ns"))
            };
            (
                flow.name().to_owned(),
                self.kinds.iter().map(cell).collect(),
            )
        };
        flows.map(row).collect()
    }

    /// Returns the rows of what was measured live, if anything was.
    pub(super) fn live_rows(&self) -> Rows {
        type Of = fn(&Measures) -> Option<Measure>;
        type Value = fn(&Measure) -> Option<f64>;
        let pairs: [(&str, Of); 2] = [
            ("child → sibling", |it| it.sibling),
            ("child → outside", |it| it.outside),
        ];
        let values: [(&str, Value); 3] = [
            ("TCP, Mbit/s", |it| it.tcp_mbits),
            ("60-octet frames/s", |it| it.frames_per_second),
            ("round trip, µs", |it| it.rtt_us),
        ];
        let mut rows = Rows::new();
        if self.kinds.iter().all(|kind| kind.live.is_none()) {
            return rows;
        }
        for (pair, of) in pairs {
            for (what, value) in values {
                let cell = |kind: &KindReport| {
                    let live = kind.live.as_ref();
                    let one = |it: Option<&Measures>| {
                        let measured = it.and_then(of).as_ref().and_then(value);
                        measured.map_or_else(|| "–".to_owned(), |it| number(it.round()))
                    };
                    let kernel = one(live.and_then(|it| it.kernel.as_ref()));
                    let own = one(live.and_then(|it| it.tapswitch.as_ref()));
                    format!("{kernel} / {own}")
                };
                let cells = self.kinds.iter().map(cell).collect();
                rows.push((format!("{pair}: {what}"), cells));
            }
        }
        rows
    }

    fn table(&self, f: &mut fmt::Formatter<'_>, head: &str, rows: &Rows) -> fmt::Result {
        if rows.is_empty() || self.kinds.is_empty() {
            return Ok(());
        }
        let width = |text: &str| text.chars().count();
        let first = rows
            .iter()
            .map(|(label, _)| width(label))
            .chain([width(head)])
            .max();
        let first = first.unwrap_or(0);
        let widths: Vec<_> = (0..self.kinds.len())
            .map(|column| {
                let cells = rows.iter().map(|(_, cells)| width(&cells[column]));
                cells
                    .chain([width(&self.kinds[column].kind)])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        write!(f, "{head:first$}")?;
        for (kind, width) in self.kinds.iter().zip(&widths) {
            write!(f, "  {:>width$}", kind.kind)?;
        }
        writeln!(f)?;
        for (label, cells) in rows {
            write!(f, "{label:first$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.kinds.is_empty() {
            let (hosts, traffic) = (self.hosts, &self.traffic);
            writeln!(f, "{hosts} hosts on a machine, one outside; {traffic}\n")?;
        }
        self.table(f, "reaches (ping)", &self.reach_rows())?;
        self.table(f, "the same frames", &self.figure_rows())?;
        self.table(f, "a frame costs", &self.cost_rows())?;
        self.table(f, "live: kernel / tapswitch", &self.live_rows())?;
        for kind in &self.kinds {
            if let Some(refused) = &kind.refused {
                let (name, children) = (&kind.kind, kind.children);
                writeln!(f, "{name} takes {children}: {refused}")?;
            }
        }
        for kind in &self.kinds {
            for skipped in kind.live.iter().flat_map(|live| &live.skipped) {
                writeln!(f, "{}, live, not measured: {skipped}", kind.kind)?;
            }
        }
        for sentence in &self.differences {
            writeln!(f, "- {sentence}")?;
        }
        if let Some(scale) = &self.scale {
            let after = if self.kinds.is_empty() { "" } else { "\n" };
            write!(f, "{after}{scale}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (value, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (2.345, "2.35"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (10_099.25, "10,099.25"),
            (101_989_900.0, "101,989,900"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
