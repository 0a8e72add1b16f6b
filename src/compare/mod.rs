//! `tapswitch compare`: the same hosts and the same frames through a bridge, macvlan, ipvlan, …, and what differs.
//!
//! For each [device kind](kind) there is the same machine: its NIC is plugged in to a switch, behind which is a
//! station outside; on the machine are a few hosts ("children"), joined by the device. The topology is a script
//! like any other, run by the engine of replays in virtual time, so that what is found out is what the core does:
//!
//! ```text
//!   host ─┐                 bridge: the machine's own stack is the bridge's; "parent" is the stack of the NIC itself
//!   c1  ──┤                 macvlan, ipvlan: the machine's own stack is the NIC's
//!   c2  ──┼─ NIC ═══ switch ═══ out
//!   c3  ──┘
//! ```
//!
//! - [`reach`]: every station asks for every other one, as `ping` would;
//! - [`traffic`]: frames that are the same for all kinds, made for it or from captures, and what is counted of them;
//! - [`bench`](mod@crate::bench): nanoseconds per frame, the one thing here that the machine has a part in;
//! - [`live`]: the same scripts on the real kernel and on a live tapswitch: TCP, frames per second, round trips;
//! - [`scale`]: what broadcast costs in one large layer 2, and in one with a subnet for each host;
//! - [`sentences`]: what that comes to, made of the figures alone.
//!
//! # JSON
//!
//! [`Comparison`] is what `--json` prints; its fields and theirs are the keys. `reach` is `"yes"`, `"told"` (only with
//! neighbour entries) or `"no"`, and null where children differ; keys of `dropped` are the names of
//! [`DropReason`](crate::switch::DropReason)s, those of `ns_per_frame` the ones of [`traffic::Flow::key`]. With the same
//! arguments it is the same every time, but for `ns_per_frame`, sentences about it, and `live`.
//!
//! Bounds: 2 to [`HOSTS_MAX`] children; of captures [`traffic::FRAMES_MAX`] frames, [`traffic::OCTETS_MAX`] octets
//! and [`traffic::ADDRESSES_MAX`] IP addresses.

pub mod chart;
pub mod html;
pub mod kind;
pub mod lab;
pub mod live;
pub mod reach;
pub mod report;
pub mod scale;
pub mod sentences;
pub mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use kind::DeviceKind;
pub use lab::LabError;
pub use report::{Comparison, KindReport};

use crate::bench::Stream;
use crate::bench::measure::{Method, measure};
use crate::time::Duration;
use lab::Lab;
use report::PerFrame;
use traffic::{Captured, Flow, Workload};

/// Children that a machine may have.
pub const HOSTS_MAX: u8 = 100;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The kinds.
    pub kinds: Vec<DeviceKind>,
    /// Children, 2 to [`HOSTS_MAX`].
    pub hosts: u8,
    /// Frames of captures; without, those of [`Workload::ordinary`].
    pub captured: Option<Captured>,
    /// Whether to measure what frames cost.
    pub timing: bool,
    /// Whether to measure the real thing, too ([`live::possible`]).
    pub live: bool,
}

/// Compares.
///
/// # Errors
/// [`LabError`].
pub fn compare(spec: &Spec) -> Result<Comparison, LabError> {
    let traffic = match &spec.captured {
        None => {
            "each announces itself, asks for each other one by ARP, and sends it a packet".into()
        }
        Some(captured) => format!(
            "{} frames of captures, whose {} sources are dealt to them",
            captured.len(),
            captured.sources()
        ),
    };
    let kinds = spec.kinds.iter().map(|kind| report(spec, *kind));
    let mut all = Comparison {
        hosts: spec.hosts,
        traffic,
        kinds: kinds.collect::<Result<_, _>>()?,
        differences: Vec::new(),
        scale: None,
    };
    all.differences = sentences::differences(&all);
    Ok(all)
}

fn report(spec: &Spec, kind: DeviceKind) -> Result<KindReport, LabError> {
    let addresses = spec.captured.as_ref().map(|it| it.addresses(spec.hosts));
    let addresses = addresses.unwrap_or_default();
    let mut lab = Lab::new(kind, spec.hosts, &addresses)?;
    let pairs = reach::pairs(&mut lab);
    let classes = reach::classes(&lab.stations, &pairs);

    // A network of its own, for counts and tables of nothing else.
    let mut lab = Lab::new(kind, spec.hosts, &addresses)?;
    let workload = match &spec.captured {
        None => Workload::ordinary(&lab),
        Some(captured) => Workload::captured(&lab, captured),
    };
    workload.send(&mut lab);
    let figures = lab.figures();
    let children = lab.stations.iter().filter(|it| it.role == lab::Role::Child);
    Ok(KindReport {
        kind: kind.to_string(),
        children: children.count(),
        refused: lab.refused.clone(),
        reach: classes,
        frames: figures.frames(),
        inside: workload.inside,
        deliveries_per_frame: PerFrame::new(&figures),
        live: spec
            .live
            .then(|| live::measure(kind, &lab.stations, &pairs)),
        pairs,
        ns_per_frame: spec.timing.then(|| costs(&mut lab)),
        script: lab.script,
        stations: lab.stations,
        figures,
    })
}

/// Measures what frames of each flow cost, all known that there is to know.
fn costs(lab: &mut Lab) -> BTreeMap<&'static str, f64> {
    for station in 0..lab.stations.len() {
        reach::announce(lab, station);
    }
    let method = Method {
        workers: 1,
        warm_up: Duration::from_millis(20),
        duration: Duration::from_millis(40),
        repeats: 5,
    };
    let plans = [Arc::new(lab.engine().plan().clone())];
    let start = lab.engine().now();
    let cost = |(flow, frames): (Flow, Vec<(usize, Vec<u8>)>)| {
        let streams = streams(lab, &frames);
        let measured = measure(&plans, start, &[], &streams, &method);
        let mut laps: Vec<f64> = measured
            .laps
            .iter()
            .flatten()
            .filter_map(per_frame)
            .collect();
        laps.sort_by(f64::total_cmp);
        Some((flow.key(), *laps.get(laps.len() / 2)?))
    };
    traffic::flows(lab).into_iter().filter_map(cost).collect()
}

#[allow(clippy::cast_precision_loss)] // counts far below 2^52
fn per_frame(lap: &crate::bench::measure::Lap) -> Option<f64> {
    (lap.frames > 0).then(|| lap.decide.as_nanos() as f64 / lap.frames as f64)
}

/// Full batches of frames for each station that sends any.
fn streams(lab: &Lab, frames: &[(usize, Vec<u8>)]) -> Vec<Stream> {
    let mut by_sender: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
    for (from, frame) in frames {
        by_sender.entry(*from).or_default().push(frame);
    }
    let streams = by_sender.into_iter().map(|(from, frames)| {
        let mut stream = Stream::new(lab.stations[from].at);
        let full = frames
            .iter()
            .cycle()
            .take(frames.len() * crate::attach::BATCH);
        full.for_each(|frame| stream.push(frame));
        stream
    });
    streams.collect()
}
