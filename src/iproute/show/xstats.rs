//! `ip link xstats` (`bridge_print_xstats` of `ip/iplink_bridge.c`).

use super::ShowError;
use super::printer::Printer;
use super::record::{Directions, LinkRecord, MulticastRecord, StpXstats, XstatsRecord};
use crate::iproute::command::{Format, XstatsFilter, XstatsPart};

/// Prints the extended statistics of bridges or of ports, by ifindex.
///
/// # Errors
/// [`ShowError`] if there is no netdev of the name asked for.
pub fn show(
    links: &[LinkRecord],
    records: &[XstatsRecord],
    filter: &XstatsFilter,
    format: Format,
) -> Result<String, ShowError> {
    let wanted = match &filter.dev {
        None => None,
        Some(dev) => {
            let link = links.iter().find(|link| link.name == *dev);
            Some(
                link.ok_or_else(|| ShowError::NoNeighDevice(dev.clone()))?
                    .ifindex,
            )
        }
    };
    // Lines end in a newline, with -o too.
    let format = Format {
        oneline: false,
        ..format
    };
    let mut printer = Printer::new(format);
    let shown = records.iter().filter(|record| {
        record.is_port == filter.ports && wanted.is_none_or(|ifindex| record.ifindex == ifindex)
    });
    for record in shown {
        printer.open();
        printer.field(
            "ifname",
            &record.name,
            format_args!("{:<16}\n", record.name),
        );
        if filter.part != Some(XstatsPart::Stp) {
            multicast(&mut printer, &record.multicast);
        }
        if let Some(stp) = record
            .stp
            .filter(|_| filter.part != Some(XstatsPart::Multicast))
        {
            tree(&mut printer, stp);
        }
        printer.close();
    }
    Ok(printer.finish())
}

/// In front of every line: a name's width, and four columns.
const MARGIN: &str = "                    ";

fn multicast(printer: &mut Printer, counted: &MulticastRecord) {
    printer.open_field("multicast");
    versions(
        printer,
        "igmp_queries",
        "IGMP queries",
        &counted.igmp_queries,
    );
    versions(
        printer,
        "igmp_reports",
        "IGMP reports",
        &counted.igmp_reports,
    );
    leaves(printer, "igmp_leaves", "IGMP leaves", counted.igmp_leaves);
    errors(
        printer,
        "igmp_parse_errors",
        "IGMP parse errors",
        counted.igmp_parse_errors,
    );
    versions(printer, "mld_queries", "MLD queries", &counted.mld_queries);
    versions(printer, "mld_reports", "MLD reports", &counted.mld_reports);
    leaves(printer, "mld_leaves", "MLD leaves", counted.mld_leaves);
    errors(
        printer,
        "mld_parse_errors",
        "MLD parse errors",
        counted.mld_parse_errors,
    );
    printer.close();
}

/// One line for what came in and one for what went out, by version.
fn versions(printer: &mut Printer, key: &str, title: &str, by_version: &[Directions]) {
    printer.open_field(key);
    printer.text(format_args!("{MARGIN}{title}:\n"));
    for (name, label) in [("rx", "RX: "), ("tx", "TX: ")] {
        printer.text(format_args!("{MARGIN}  "));
        for (version, counted) in (1..).zip(by_version) {
            let first = if version == 1 { label } else { "" };
            let end = if version == by_version.len() {
                '\n'
            } else {
                ' '
            };
            let Directions { rx, tx } = *counted;
            let count = if name == "rx" { rx } else { tx };
            let key = format!("{name}_v{version}");
            printer.field(&key, count, format_args!("{first}v{version} {count}{end}"));
        }
    }
    printer.close();
}

fn leaves(printer: &mut Printer, key: &str, title: &str, Directions { rx, tx }: Directions) {
    printer.open_field(key);
    printer.text(format_args!("{MARGIN}{title}: "));
    printer.field("rx", rx, format_args!("RX: {rx} "));
    printer.field("tx", tx, format_args!("TX: {tx}\n"));
    printer.close();
}

fn errors(printer: &mut Printer, key: &str, title: &str, count: u64) {
    printer.text(format_args!("{MARGIN}{title}: "));
    printer.field(key, count, format_args!("{count}\n"));
}

fn tree(printer: &mut Printer, stp: StpXstats) {
    printer.open_field("stp");
    let rows = [
        (
            "STP BPDU:  ",
            ("rx_bpdu", "RX: ", stp.rx_bpdu),
            ("tx_bpdu", "TX: ", stp.tx_bpdu),
        ),
        (
            "STP TCN:   ",
            ("rx_tcn", "RX: ", stp.rx_tcn),
            ("tx_tcn", "TX: ", stp.tx_tcn),
        ),
        (
            "STP Transitions: ",
            ("transition_blk", "Blocked: ", stp.transition_blk),
            ("transition_fwd", "Forwarding: ", stp.transition_fwd),
        ),
    ];
    for (title, (key, label, count), (last_key, last_label, last)) in rows {
        printer.text(format_args!("{MARGIN}{title}"));
        printer.field(key, count, format_args!("{label}{count} "));
        printer.field(last_key, last, format_args!("{last_label}{last}\n"));
    }
    printer.close();
}
