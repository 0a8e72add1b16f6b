//! Drawings as SVG that stands in a page: colours are the page's, by class.

use std::fmt::Write;

use super::kind::Device;
use super::lab::Role;
use super::report::{KindReport, number};

/// Text as markup has it.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A bar for each kind that has a value, from 0 on, with the value at its end.
#[must_use]
pub fn bars(title: &str, items: &[(&str, Option<f64>)], format: &dyn Fn(f64) -> String) -> String {
    const ROW: usize = 28;
    const LABELS: f64 = 170.0;
    const ROOM: f64 = 300.0;
    let height = ROW * items.len() + 4;
    let most = items
        .iter()
        .filter_map(|(_, value)| *value)
        .fold(0.0, f64::max);
    let mut svg = format!(
        "<figure><figcaption>{0}</figcaption>\
         <svg viewBox=\"0 0 560 {height}\" role=\"img\" aria-label=\"{0}\">",
        escape(title)
    );
    for (index, (name, value)) in items.iter().enumerate() {
        let y = index * ROW + 4;
        let text = value.map_or_else(|| "–".to_owned(), format);
        let width = match value {
            Some(value) if most > 0.0 => ROOM * value / most,
            _ => 0.0,
        };
        // Writing to a String does not fail.
        _ = write!(
            svg,
            "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{LABELS}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{1}\">{}</text>",
            LABELS - 10.0,
            y + 14,
            escape(name),
            LABELS + width + 8.0,
            escape(&text),
        );
    }
    svg + "</svg></figure>"
}

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The class that gives it its colour.
    pub class: &'a str,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// Lines over two logarithmic axes; values below 1 are drawn at 1.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // decades: a handful
pub fn lines(title: &str, x_axis: &str, lines: &[Line<'_>]) -> String {
    const LEFT: f64 = 80.0;
    const RIGHT: f64 = 520.0;
    const TOP: f64 = 16.0;
    const BOTTOM: f64 = 270.0;
    let log = |value: f64| value.max(1.0).log10();
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let span = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let low = points().map(of).fold(f64::MAX, f64::min).min(9e9).floor();
        let high = points().map(of).fold(0.0, f64::max);
        (low, high.max(low + 1.0))
    };
    let (x_low, x_high) = span(&|point| log(point.0));
    let (y_low, y_high) = span(&|point| log(point.1));
    let x = |value: f64| LEFT + (RIGHT - LEFT) * (log(value) - x_low) / (x_high - x_low);
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (log(value) - y_low) / (y_high - y_low);
    let mut svg = format!(
        "<figure><figcaption>{0}</figcaption>\
         <svg viewBox=\"0 0 700 320\" role=\"img\" aria-label=\"{0}\">",
        escape(title)
    );
    for power in y_low as i32..=y_high as i32 {
        let value = 10f64.powi(power);
        _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text class=\"label\" x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            LEFT - 8.0,
            y(value) + 4.0,
            number(value)
        );
    }
    for power in x_low as i32..=x_high as i32 {
        let value = 10f64.powi(power);
        _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text class=\"label\" x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
            x(value),
            BOTTOM + 20.0,
            number(value)
        );
    }
    _ = write!(
        svg,
        "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 42.0,
        escape(x_axis)
    );
    for Line {
        name,
        class,
        points,
    } in lines
    {
        let path: Vec<_> = points
            .iter()
            .map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b)))
            .collect();
        _ = write!(
            svg,
            "<polyline class=\"line {class}\" points=\"{}\"/>",
            path.join(" ")
        );
        for (a, b) in points {
            _ = write!(
                svg,
                "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {} ({})</title></circle>",
                x(*a),
                y(*b),
                escape(name),
                number(*b),
                number(*a)
            );
        }
        if let Some((a, b)) = points.last() {
            _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}: {}</text>",
                x(*a) + 10.0,
                y(*b) + 4.0,
                escape(name),
                number(*b)
            );
        }
    }
    svg + "</svg></figure>"
}

/// Children that a drawing shows; of more it shows the first ones, and how many there are.
const SHOWN: usize = 5;

/// The machine of a kind, with what it is joined to.
#[must_use]
pub fn topology(report: &KindReport, device: Device) -> String {
    let bridge = matches!(device, Device::Hub | Device::Bridge);
    let mut boxes = vec![match bridge {
        true => ("host".to_owned(), "br0".to_owned()),
        false => ("host".to_owned(), "up0".to_owned()),
    }];
    let children: Vec<_> = report
        .stations
        .iter()
        .filter(|it| it.role == Role::Child)
        .collect();
    let shown = children.iter().take(SHOWN);
    boxes.extend(shown.map(|it| (it.name.clone(), it.ip.to_string())));
    if children.len() > SHOWN {
        boxes.push(("…".to_owned(), format!("{} in all", children.len())));
    }
    let height = boxes.len() * 46 + 20;
    let middle = height / 2;
    let mut svg = format!(
        "<figure><figcaption>{0}</figcaption>\
         <svg viewBox=\"0 0 560 {height}\" role=\"img\" aria-label=\"Topology of {0}\">\
         <rect class=\"machine\" x=\"2\" y=\"2\" width=\"330\" height=\"{1}\" rx=\"8\"/>",
        escape(&report.kind),
        height - 4
    );
    let node = |svg: &mut String, class: &str, x: usize, y: usize, name: &str, below: &str| {
        _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"84\" height=\"36\" rx=\"5\"/>\
             <text x=\"{1}\" y=\"{2}\" text-anchor=\"middle\">{3}</text>\
             <text class=\"label small\" x=\"{1}\" y=\"{4}\" text-anchor=\"middle\">{5}</text>",
            y - 18,
            x + 42,
            y - 2,
            escape(name),
            y + 12,
            escape(below)
        );
    };
    let link = |svg: &mut String, from: (usize, usize), to: (usize, usize)| {
        _ = write!(
            svg,
            "<line class=\"wire\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            from.0, from.1, to.0, to.1
        );
    };
    // The bridge in between, or everything on the NIC.
    let hub = if bridge { 140 } else { 238 };
    for (index, _) in boxes.iter().enumerate() {
        link(&mut svg, (98, index * 46 + 33), (hub, middle));
    }
    if bridge {
        link(&mut svg, (224, middle), (238, middle));
    }
    link(&mut svg, (322, middle), (352, middle));
    link(&mut svg, (436, middle), (466, middle));
    for (index, (name, below)) in boxes.iter().enumerate() {
        node(&mut svg, "station", 14, index * 46 + 33, name, below);
    }
    if bridge {
        node(&mut svg, "device", 140, middle, "br0", &report.kind);
    }
    let nic = if bridge { "NIC" } else { report.kind.as_str() };
    node(
        &mut svg,
        if bridge { "station" } else { "device" },
        238,
        middle,
        "up0",
        nic,
    );
    let reflects = if report.kind.ends_with("+hairpin") {
        "hairpin on"
    } else {
        "switch"
    };
    node(&mut svg, "device", 352, middle, "sw0", reflects);
    node(&mut svg, "station", 466, middle, "out", "10.0.0.100");
    svg + "</svg></figure>"
}
