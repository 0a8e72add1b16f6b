//! A comparison as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! It is well-formed as XML, too, so that it can be checked without a browser.

use std::fmt;

use super::chart::{self, Line, bars, escape, lines};
use super::kind::DeviceKind;
use super::reach::Reach;
use super::report::{Comparison, KindReport, Rows, number};
use super::scale::{Domain, Row, Scale};
use super::traffic::Flow;

/// Stations of which a page shows every pair; of more it shows pairs of parts only.
const PAIRS_SHOWN: usize = 12;

const STYLE: &str = "
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #5b6470; --rule: #d9dde2; --box: #f3f5f7;
  --one: #2768b3; --two: #b8541a; --yes: #d9efdd; --told: #fbeab8; --no: #f6d8d4; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e9ed; --soft: #9aa4af; --rule: #353c44;
  --box: #20252b; --one: #6aa9ef; --two: #ee9a5d; --yes: #1f4a2b; --told: #564410; --no: #5a2721; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid var(--rule); }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; }
th:first-child, td:first-child { text-align: left; white-space: pre; }
td.yes { background: var(--yes); } td.told { background: var(--told); } td.no { background: var(--no); }
td.yes, td.told, td.no { text-align: center; }
figure th, figure td { padding: .2rem .4rem; }
.wide { overflow-x: auto; } .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: .3rem; } svg { width: 100%; height: auto; max-width: 44rem; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; } svg .label { fill: var(--soft); } svg .small { font-size: 10px; }
.bar { fill: var(--one); } .wire { stroke: var(--soft); stroke-width: 1.5; } line.grid { stroke: var(--rule); }
.machine { fill: none; stroke: var(--rule); stroke-dasharray: 4 3; } .station { fill: var(--box); stroke: var(--soft); }
.device { fill: var(--paper); stroke: var(--one); stroke-width: 2; }
.line { fill: none; stroke-width: 2; } .line.one { stroke: var(--one); } .line.two { stroke: var(--two); }
.dot.one { fill: var(--one); } .dot.two { fill: var(--two); }
.note { color: var(--soft); } pre { background: var(--box); padding: .8rem; overflow-x: auto; }
";

/// The page of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a>(pub &'a Comparison);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0;
        let names: Vec<_> = all.kinds.iter().map(|kind| kind.kind.as_str()).collect();
        let title = match names.as_slice() {
            [] => "What broadcast costs".to_owned(),
            names => format!("Compared: {}", names.join(", ")),
        };
        let title = escape(&title);
        write!(
            f,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
             <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        )?;
        if !all.kinds.is_empty() {
            self.kinds(f)?;
        }
        if let Some(scale) = &all.scale {
            self.scale(f, scale)?;
        }
        f.write_str("</body></html>\n")
    }
}

impl Page<'_> {
    fn kinds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0;
        let (hosts, traffic) = (all.hosts, escape(&all.traffic));
        writeln!(
            f,
            "<p>{hosts} hosts on a machine, one outside; {traffic}.</p>"
        )?;
        f.write_str("<h2>What differs</h2><ul>\n")?;
        for sentence in &all.differences {
            writeln!(f, "<li>{}</li>", escape(sentence))?;
        }
        f.write_str("</ul>\n<h2>Topologies</h2><div class=\"grid\">\n")?;
        for report in &all.kinds {
            if let Ok(DeviceKind { device, .. }) = report.kind.parse() {
                writeln!(f, "{}", chart::topology(report, device))?;
            }
        }
        f.write_str("</div>\n<h2>Who reaches whom</h2>\n")?;
        table(f, "", &names(all), &all.reach_rows(), &|cell| match cell {
            "yes" | "told" | "no" => cell.to_owned(),
            _ => String::new(),
        })?;
        f.write_str(
            "<p class=\"note\">told: only with neighbour entries at both ends, because ARP is not answered.</p>\
             <div class=\"grid\">\n",
        )?;
        for report in &all.kinds {
            matrix(f, report)?;
        }
        f.write_str("</div>\n<h2>The same frames</h2><div class=\"grid\">\n")?;
        for (title, value) in CHARTS {
            let items: Vec<_> = all
                .kinds
                .iter()
                .map(|it| (it.kind.as_str(), value(it)))
                .collect();
            writeln!(f, "{}", bars(title, &items, &number))?;
        }
        f.write_str("</div>\n")?;
        table(f, "", &names(all), &all.figure_rows(), &|_| String::new())?;
        let costs = all.cost_rows();
        if !costs.is_empty() {
            f.write_str("<h2>What a frame costs</h2><div class=\"grid\">\n")?;
            for flow in Flow::ALL {
                let ns = |it: &KindReport| it.ns_per_frame.as_ref()?.get(flow.key()).copied();
                let items: Vec<_> = all
                    .kinds
                    .iter()
                    .map(|it| (it.kind.as_str(), ns(it)))
                    .collect();
                let title = format!("{}, ns", flow.name());
                writeln!(f, "{}", bars(&title, &items, &|ns| format!("{ns:.0}")))?;
            }
            f.write_str("</div>\n")?;
        }
        let live = all.live_rows();
        if !live.is_empty() {
            f.write_str("<h2>Live</h2>\n")?;
            table(f, "kernel / tapswitch", &names(all), &live, &|_| {
                String::new()
            })?;
            for kind in &all.kinds {
                for why in kind.live.iter().flat_map(|live| &live.skipped) {
                    let (name, why) = (escape(&kind.kind), escape(why));
                    writeln!(f, "<p class=\"note\">{name}, not measured: {why}</p>")?;
                }
            }
        }
        f.write_str("<h2>The scripts</h2><p>They run on a real kernel, too, as root.</p>\n")?;
        for report in &all.kinds {
            let refused = report.refused.as_deref().unwrap_or_default();
            let refused = match refused {
                "" => String::new(),
                words => format!(
                    "<p class=\"note\">One more is refused: {}</p>",
                    escape(words)
                ),
            };
            let (name, script) = (escape(&report.kind), escape(&report.script));
            writeln!(
                f,
                "{refused}<details><summary>{name}</summary><pre>{script}</pre></details>"
            )?;
        }
        Ok(())
    }

    fn scale(&self, f: &mut fmt::Formatter<'_>, scale: &Scale) -> fmt::Result {
        f.write_str(
            "<h2>What broadcast costs</h2><p>Hosts × containers, joined to one layer 2 (a bridge in each host, two core \
             bridges, RSTP) or with a subnet for each host. Counted are copies that endpoints get.</p>\n<div class=\"grid\">\n",
        )?;
        for (title, value) in SCALE_CHARTS {
            let points = |domain: &dyn Fn(&Row) -> Domain| {
                let rows = scale.rows.iter();
                let point = |row: &Row| (f64::from(row.endpoints), value(&domain(row)));
                rows.map(point).collect()
            };
            let drawn = [
                Line {
                    name: "one layer 2",
                    class: "one",
                    points: points(&|row| row.flat),
                },
                Line {
                    name: "subnets",
                    class: "two",
                    points: points(&|row| row.routed),
                },
            ];
            writeln!(f, "{}", lines(title, "endpoints", &drawn))?;
        }
        f.write_str("</div>\n")?;
        let columns: Vec<_> = scale
            .rows
            .iter()
            .map(|row| format!("{} × {}", row.hosts, row.containers))
            .collect();
        table(
            f,
            "one layer 2 / subnets",
            &columns,
            &scale.table_rows(),
            &|_| String::new(),
        )?;
        f.write_str(
            "<p class=\"note\">Seconds are virtual: BPDUs take 0.5 to 1 ms on a link.</p>\n",
        )
    }
}

/// A chart: its title, and what it shows of a thing.
type Chart<T, V> = (&'static str, fn(&T) -> V);

#[allow(clippy::cast_precision_loss)] // counts far below 2^52
const CHARTS: [Chart<KindReport, Option<f64>>; 7] = [
    ("Copies delivered of a frame to all", |it| {
        it.deliveries_per_frame.broadcast
    }),
    ("Copies delivered of a frame to one station", |it| {
        it.deliveries_per_frame.unicast
    }),
    ("Frames overheard", |it| {
        Some(it.figures.unicast.overheard as f64)
    }),
    ("Frames flooded by the machine's device", |it| {
        Some(it.figures.floods as f64)
    }),
    ("Stations learned by the machine's device", |it| {
        Some(it.figures.learned as f64)
    }),
    ("Stations learned by the LAN's switch", |it| {
        Some(it.figures.lan_learned as f64)
    }),
    ("Frames dropped", |it| {
        Some(it.figures.dropped_total() as f64)
    }),
];

#[allow(clippy::cast_precision_loss)] // counts far below 2^52
const SCALE_CHARTS: [Chart<Domain, f64>; 3] = [
    ("Copies of one ARP request", |it| it.arp_request as f64),
    ("Copies when all endpoints start", |it| it.boot as f64),
    ("FDB entries of all bridges", |it| it.fdb_entries as f64),
];

fn names(all: &Comparison) -> Vec<String> {
    all.kinds.iter().map(|kind| kind.kind.clone()).collect()
}

fn table(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    columns: &[String],
    rows: &Rows,
    class: &dyn Fn(&str) -> String,
) -> fmt::Result {
    write!(
        f,
        "<div class=\"wide\"><table><tr><th>{}</th>",
        escape(head)
    )?;
    for column in columns {
        write!(f, "<th>{}</th>", escape(column))?;
    }
    f.write_str("</tr>\n")?;
    for (label, cells) in rows {
        write!(f, "<tr><td>{}</td>", escape(label))?;
        for cell in cells {
            write!(f, "<td class=\"{}\">{}</td>", class(cell), escape(cell))?;
        }
        f.write_str("</tr>\n")?;
    }
    f.write_str("</table></div>\n")
}

/// Every pair of stations of a kind, with what went wrong as a title.
fn matrix(f: &mut fmt::Formatter<'_>, report: &KindReport) -> fmt::Result {
    if report.stations.len() > PAIRS_SHOWN {
        return Ok(());
    }
    let name = escape(&report.kind);
    write!(
        f,
        "<figure><figcaption>{name}: from row to column</figcaption><div class=\"wide\"><table><tr><th></th>"
    )?;
    for station in &report.stations {
        write!(f, "<th>{}</th>", escape(&station.name))?;
    }
    f.write_str("</tr>\n")?;
    for from in &report.stations {
        write!(f, "<tr><td>{}</td>", escape(&from.name))?;
        for to in &report.stations {
            let pair = report
                .pairs
                .iter()
                .find(|it| it.from == from.name && it.to == to.name);
            match pair {
                Some(pair) => {
                    let class = match pair.reach {
                        Reach::Yes => "yes",
                        Reach::Told => "told",
                        Reach::No => "no",
                    };
                    let why = escape(pair.why.as_deref().unwrap_or("ping is answered"));
                    write!(f, "<td class=\"{class}\" title=\"{why}\">{class}</td>")?;
                }
                None => f.write_str("<td></td>")?,
            }
        }
        f.write_str("</tr>\n")?;
    }
    f.write_str("</table></div></figure>\n")
}
