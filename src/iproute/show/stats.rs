//! The counters of `ip -s` (ip/ipaddress.c: `print_stats64`).

use std::fmt::{self, Write};

use super::printer::Printer;
use super::record::LinkStats;
use crate::iproute::command::Format;

/// Prints the counters; with `-s -s` also each kind of error, all of which tapswitch never has.
pub(super) fn print(printer: &mut Printer, stats: &LinkStats, format: Format) {
    if printer.is_json() {
        print_json(printer, stats, format);
    } else {
        printer.text(text(stats, format));
    }
}

fn print_json(printer: &mut Printer, s: &LinkStats, format: Format) {
    let all = format.statistics > 1;
    printer.open_field("stats64");
    printer.open_field("rx");
    for (key, count) in [
        ("bytes", s.rx_bytes),
        ("packets", s.rx_packets),
        ("errors", s.rx_errors),
        ("dropped", s.rx_dropped),
        ("over_errors", 0),
        ("multicast", s.multicast),
    ] {
        printer.json_field(key, count);
    }
    if all {
        for key in [
            "length_errors",
            "crc_errors",
            "frame_errors",
            "fifo_errors",
            "missed_errors",
        ] {
            printer.json_field(key, 0_u8);
        }
        if s.rx_nohandler != 0 {
            printer.json_field("nohandler", s.rx_nohandler);
        }
    }
    printer.close();
    printer.open_field("tx");
    for (key, count) in [
        ("bytes", s.tx_bytes),
        ("packets", s.tx_packets),
        ("errors", s.tx_errors),
        ("dropped", s.tx_dropped),
        ("carrier_errors", 0),
        ("collisions", 0),
    ] {
        printer.json_field(key, count);
    }
    if all {
        for key in [
            "aborted_errors",
            "fifo_errors",
            "window_errors",
            "heartbeat_errors",
        ] {
            printer.json_field(key, 0_u8);
        }
        printer.json_field("carrier_changes", s.carrier_changes);
    }
    printer.close();
    printer.close();
}

fn text(s: &LinkStats, format: Format) -> String {
    let all = format.statistics > 1;
    let end = if format.oneline { '\\' } else { '\n' };
    let changes = u64::from(s.carrier_changes);
    let rx = [
        s.rx_bytes,
        s.rx_packets,
        s.rx_errors,
        s.rx_dropped,
        0,
        s.multicast,
    ];
    let tx = [s.tx_bytes, s.tx_packets, s.tx_errors, s.tx_dropped, 0, 0];
    let mut columns = Columns::new();
    columns.fit(&rx);
    columns.fit(&tx);
    if all {
        columns.fit(&[0, 0, 0, 0, 0, 0, s.rx_nohandler]);
        // The transitions are printed one column to the left of the one that is made wide enough for them.
        columns.fit(&[0, 0, 0, 0, 0, 0, changes]);
    }
    let mut text = String::new();
    columns.heads(
        &mut text,
        "RX",
        &[
            "bytes", "packets", "errors", "dropped", "missed", "mcast", "",
        ],
    );
    text.push(end);
    columns.counts(&mut text, &rx);
    if all {
        text.push(end);
        let mut counts = vec![0; 5];
        let mut heads = vec!["length", "crc", "frame", "fifo", "overrun"];
        if s.rx_nohandler != 0 {
            counts.push(s.rx_nohandler);
            heads.push("nohandler");
        }
        columns.error_heads(&mut text, "RX", &heads);
        text.push(end);
        columns.error_counts(&mut text, &counts);
    }
    text.push(end);
    columns.heads(
        &mut text,
        "TX",
        &[
            "bytes", "packets", "errors", "dropped", "carrier", "collsns", "",
        ],
    );
    text.push(end);
    columns.counts(&mut text, &tx);
    if all {
        text.push(end);
        columns.error_heads(
            &mut text,
            "TX",
            &["aborted", "fifo", "window", "heartbt", "transns"],
        );
        text.push(end);
        columns.error_counts(&mut text, &[0, 0, 0, 0, changes]);
    }
    text
}

/// The columns of a counter table: right-aligned, each as wide as its widest word or count.
#[derive(Clone, Copy, Debug)]
struct Columns([usize; 7]);

impl Columns {
    fn new() -> Self {
        Self(
            [
                "*X errors:",
                "packets",
                "errors",
                "dropped",
                "heartbt",
                "overrun",
                "compressed",
            ]
            .map(str::len),
        )
    }

    fn fit(&mut self, counts: &[u64]) {
        for (width, count) in self.0.iter_mut().zip(counts) {
            *width = (*width).max(count.to_string().len());
        }
    }

    /// `    RX:  bytes packets …`: the label stands in the first column.
    fn heads(self, text: &mut String, direction: &str, heads: &[&str]) {
        let mut widths = self.0;
        widths[0] -= "RX: ".len();
        push_fmt(text, format_args!("    {direction}:"));
        for (head, width) in heads.iter().zip(widths) {
            push_fmt(text, format_args!(" {head:>width$}"));
        }
    }

    fn counts(self, text: &mut String, counts: &[u64]) {
        text.push_str("    ");
        for (count, width) in counts.iter().zip(self.0) {
            push_fmt(text, format_args!("{count:width$} "));
        }
    }

    /// `    RX errors:  length …`: the label is as wide as the first column's least width, the heads begin with the second.
    fn error_heads(self, text: &mut String, direction: &str, heads: &[&str]) {
        let [first, rest @ ..] = self.0;
        let pad = first - "RX errors:".len();
        push_fmt(text, format_args!("    {direction} errors:{:pad$}", ""));
        for (head, width) in heads.iter().zip(rest) {
            push_fmt(text, format_args!(" {head:>width$}"));
        }
    }

    fn error_counts(self, text: &mut String, counts: &[u64]) {
        let [first, rest @ ..] = self.0;
        push_fmt(text, format_args!("{:1$}", "", first + 5));
        for (count, width) in counts.iter().zip(rest) {
            push_fmt(text, format_args!("{count:width$} "));
        }
    }
}

fn push_fmt(text: &mut String, piece: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `print_stats64` of iproute2 6.1.0 itself prints for these counters.
    const WIDE: [&str; 8] = [
        "    RX:    bytes    packets errors  dropped  missed   mcast           ",
        "    123456789012 1234567890      0 98765432       0       7 ",
        "    RX errors:       length    crc    frame    fifo overrun  nohandler",
        "                          0      0        0       0       0         12 ",
        "    TX:    bytes    packets errors  dropped carrier collsns           ",
        "               5          4      1        2       0       0 ",
        "    TX errors:      aborted   fifo   window heartbt transns",
        "                          0      0        0       0       3 ",
    ];

    #[test]
    fn wide_counters_widen_both_directions_and_unhandled_frames_get_a_column() {
        let stats = LinkStats {
            rx_bytes: 123_456_789_012,
            rx_packets: 1_234_567_890,
            rx_dropped: 98_765_432,
            multicast: 7,
            rx_nohandler: 12,
            tx_bytes: 5,
            tx_packets: 4,
            tx_errors: 1,
            tx_dropped: 2,
            carrier_changes: 3,
            ..LinkStats::default()
        };
        let format = Format {
            statistics: 2,
            ..Format::default()
        };
        assert_eq!(text(&stats, format), WIDE.join("\n"));
    }
}
