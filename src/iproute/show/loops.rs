//! Of `tapswitch bridge show` what is about loops.
//!
//! ```text
//! … loop_alarm on loop_guard block recovery 60
//!     blocked p3 opens 59.50
//!     loop br0:p2 → br1:q2 → br1:q3 → br0:p3 copies 16384 copies_per_second 14000 sightings 1 last 0.50 blocks 1
//! ```

use std::time::Duration;

use super::printer::{Printer, Value};
use super::record::LoopsRecord;

pub(super) fn print(printer: &mut Printer, loops: &LoopsRecord) {
    printer.on_off("loop_alarm", loops.alarm);
    match loops.guard {
        true => printer.labelled("loop_guard", "loop_guard", "block"),
        false => printer.field("loop_guard", Value::Null, "loop_guard off "),
    }
    match loops.recovery {
        Some(seconds) => printer.number("recovery", seconds),
        None => printer.field("recovery", Value::Null, "recovery off "),
    }
    printer.open_array("blocked");
    for (port, opens) in &loops.blocked {
        open_entry(printer, "blocked ");
        printer.field("ifname", port.as_str(), format_args!("{port} "));
        match opens {
            Some(opens) => seconds(printer, "opens", *opens),
            None => printer.json_field("opens", Value::Null),
        }
        printer.close();
    }
    printer.close_array();
    printer.open_array("loops");
    for it in &loops.seen {
        open_entry(printer, "loop ");
        printer.text(format_args!("{} ", it.path.join(" → ")));
        printer.open_array("path");
        for end in &it.path {
            printer.element(end, "");
        }
        printer.close_array();
        printer.json_field("outside", it.outside);
        printer.number("copies", it.copies);
        match it.copies_per_second {
            Some(rate) => printer.number("copies_per_second", rate),
            None => printer.json_field("copies_per_second", Value::Null),
        }
        printer.number("sightings", it.sightings);
        seconds(printer, "last", it.last);
        printer.number("blocks", it.blocks);
        printer.close();
    }
    printer.close_array();
}

fn open_entry(printer: &mut Printer, word: &str) {
    printer.line();
    printer.text("    ");
    printer.text(word);
    printer.open();
}

fn seconds(printer: &mut Printer, key: &str, time: Duration) {
    let hundredths = u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    printer.field(
        key,
        Value::Hundredths(hundredths),
        format_args!("{key} {whole}.{rest:02} "),
    );
}
