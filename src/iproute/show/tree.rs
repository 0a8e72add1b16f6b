//! `tapswitch stp show` and `tapswitch bridge show`: our own.
//!
//! ```text
//! br0: stp_mode rstp bridge_id 8000.2:74:61:70:0:2 root_id 1000.2:74:61:70:0:1 root_port 1 root_path_cost 2000 topology_change 0
//!     p1: number 1 root forwarding cost 2000 p2p on edge off
//!     p2: number 2 alternate discarding cost 2000 p2p on edge off
//!     p3: number 3 designated discarding cost 2000 p2p on edge off forwarding_in 1.25
//!     p4: number 4 disabled discarding cost 2000 p2p on edge off inconsistent bpdu recovery_in 299.00
//! ```
//!
//! Times are seconds. Only bridges whose spanning tree is on are shown. With `-s` a line of counters follows each
//! port: BPDUs that had no effect, by reason. In JSON every field is always there, and what is not so is
//! `null`; the times and counters are there with `-s`:
//!
//! ```text
//! [{ifname, stp_mode, bridge_id, root_id, root_port, root_path_cost, topology_change,
//!   ports: [{ifname, number, role, state, cost, p2p, edge, inconsistent,
//!            forwarding_in, recovery_in, rejected: {REASON: COUNT, …}, changes_ignored}]}]
//! ```

use std::time::Duration;

use super::ShowError;
use super::link::Links;
use super::link_info::PORT_STATES;
use super::loops;
use super::printer::{Printer, Value};
use super::record::{LinkRecord, StpPortRecord, StpRecord};
use crate::iproute::command::{Format, StpMode};

/// Prints the spanning trees of all bridges where it is on, or of one.
///
/// # Errors
/// Where `dev` is not among `links`, or not a bridge.
pub fn show(
    links: &[LinkRecord],
    trees: &[StpRecord],
    dev: Option<&str>,
    format: Format,
) -> Result<String, ShowError> {
    let mut printer = Printer::new(format);
    for tree in chosen(links, trees, dev)?.filter(|tree| tree.on) {
        print(&mut printer, Links(links), tree, format);
    }
    Ok(printer.finish())
}

/// Prints what Linux has no words for of all bridges, or of one.
///
/// # Errors
/// Where `dev` is not among `links`, or not a bridge.
pub fn settings(
    links: &[LinkRecord],
    trees: &[StpRecord],
    dev: Option<&str>,
    format: Format,
) -> Result<String, ShowError> {
    let mut printer = Printer::new(format);
    for tree in chosen(links, trees, dev)? {
        let name = Links(links).name(tree.ifindex);
        printer.open();
        printer.field("ifname", &*name, format_args!("{name}: "));
        printer.labelled("stp_mode", "stp_mode", tree.mode.name());
        printer.number("tx_hold_count", tree.tx_hold_count);
        loops::print(&mut printer, &tree.loops);
        printer.text('\n');
        printer.close();
    }
    Ok(printer.finish())
}

fn chosen<'a>(
    links: &[LinkRecord],
    trees: &'a [StpRecord],
    dev: Option<&str>,
) -> Result<impl Iterator<Item = &'a StpRecord>, ShowError> {
    let ifindex = match dev {
        None => None,
        Some(name) => {
            let link = links.iter().find(|link| link.name == name);
            let ifindex = link
                .ok_or_else(|| ShowError::NoNetdev(name.to_owned()))?
                .ifindex;
            if !trees.iter().any(|tree| tree.ifindex == ifindex) {
                return Err(ShowError::NotABridge(name.to_owned()));
            }
            Some(ifindex)
        }
    };
    let wanted = move |tree: &&StpRecord| ifindex.is_none_or(|it| it == tree.ifindex);
    Ok(trees.iter().filter(wanted))
}

fn print(printer: &mut Printer, links: Links<'_>, tree: &StpRecord, format: Format) {
    let name = links.name(tree.ifindex);
    printer.open();
    printer.field("ifname", &*name, format_args!("{name}: "));
    printer.labelled("stp_mode", "stp_mode", tree.mode.name());
    printer.labelled("bridge_id", "bridge_id", &tree.bridge_id.to_string());
    printer.labelled("root_id", "root_id", &tree.root_id.to_string());
    printer.number("root_port", tree.root_port);
    printer.number("root_path_cost", tree.root_path_cost);
    let change = tree.topology_change;
    printer.field(
        "topology_change",
        change,
        format_args!("topology_change {} ", u8::from(change)),
    );
    printer.open_array("ports");
    for port in &tree.ports {
        print_port(printer, links, tree.mode, port, format);
    }
    printer.close_array();
    printer.text('\n');
    printer.close();
}

fn print_port(
    printer: &mut Printer,
    links: Links<'_>,
    mode: StpMode,
    port: &StpPortRecord,
    format: Format,
) {
    let name = links.name(port.ifindex);
    printer.line();
    printer.text("    ");
    printer.open();
    printer.field("ifname", &*name, format_args!("{name}: "));
    printer.number("number", port.number);
    printer.field("role", port.role, format_args!("{} ", port.role));
    let state = state(mode, port.state);
    printer.field("state", state, format_args!("{state} "));
    printer.number("cost", port.cost);
    printer.on_off("p2p", port.p2p);
    printer.on_off("edge", port.edge);
    if mode == StpMode::Rstp && !port.rapid {
        printer.text("speaks stp ");
    }
    match port.inconsistent {
        Some(word) => printer.labelled("inconsistent", "inconsistent", word),
        None => printer.json_field("inconsistent", Value::Null),
    }
    let always = format.statistics > 0;
    seconds(printer, "forwarding_in", port.forwards_in, always);
    seconds(printer, "recovery_in", port.recovers_in, always);
    if format.statistics > 0 {
        statistics(printer, port);
    }
    printer.close();
}

/// The word for a state: RSTP knows discarding only.
fn state(mode: StpMode, state: u8) -> &'static str {
    let word = PORT_STATES.get(usize::from(state)).copied().unwrap_or("?");
    match (mode, word) {
        (StpMode::Rstp, "disabled" | "blocking" | "listening") => "discarding",
        _ => word,
    }
}

/// Prints a time in seconds, to the hundredth; in JSON only if asked for, and `null` if there is none.
fn seconds(printer: &mut Printer, key: &str, time: Option<Duration>, in_json: bool) {
    // Rounded up: what is still to come is not 0.00.
    let hundredths = time.map(|time| time.as_nanos().div_ceil(10_000_000));
    let hundredths = hundredths.map(|it| u64::try_from(it).unwrap_or(u64::MAX));
    if let Some(it) = hundredths {
        printer.text(format_args!("{key} {}.{:02} ", it / 100, it % 100));
    }
    if in_json {
        printer.json_field(key, hundredths.map_or(Value::Null, Value::Hundredths));
    }
}

fn statistics(printer: &mut Printer, port: &StpPortRecord) {
    printer.line();
    printer.text("        rejected: ");
    printer.open_field("rejected");
    for (reason, count) in &port.rejected {
        printer.number(reason, *count);
    }
    printer.close();
    printer.number("changes_ignored", port.changes_ignored);
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::record::{LoopRecord, LoopsRecord};
    use super::*;
    use crate::wire::{BridgeId, MacAddr};

    fn id(priority: u16, last: u8) -> BridgeId {
        let address = MacAddr::new([2, 0x74, 0x61, 0x70, 0, last]);
        BridgeId { priority, address }
    }

    fn port(ifindex: u32, role: &'static str, state: u8) -> StpPortRecord {
        StpPortRecord {
            ifindex,
            number: u16::try_from(ifindex - 2).expect("small"),
            role,
            state,
            cost: 2000,
            p2p: true,
            edge: false,
            rapid: true,
            inconsistent: None,
            forwards_in: None,
            recovers_in: None,
            changes_ignored: 0,
            rejected: Vec::new(),
        }
    }

    fn trees() -> Vec<StpRecord> {
        let tree = StpRecord {
            ifindex: 2,
            on: true,
            mode: StpMode::Rstp,
            tx_hold_count: 6,
            bridge_id: id(0x8000, 2),
            root_id: id(0x1000, 1),
            root_port: 1,
            root_path_cost: 2000,
            topology_change: true,
            loops: LoopsRecord {
                alarm: true,
                recovery: Some(60),
                ..LoopsRecord::default()
            },
            ports: vec![
                port(3, "root", 3),
                StpPortRecord {
                    forwards_in: Some(Duration::from_millis(1250)),
                    rapid: false,
                    changes_ignored: 2,
                    rejected: vec![("too_old", 3)],
                    ..port(4, "designated", 4)
                },
                StpPortRecord {
                    inconsistent: Some("bpdu"),
                    recovers_in: Some(Duration::from_nanos(1)),
                    ..port(5, "disabled", 0)
                },
            ],
        };
        let off = StpRecord {
            ifindex: 6,
            on: false,
            mode: StpMode::Stp,
            loops: LoopsRecord {
                alarm: true,
                guard: true,
                recovery: None,
                blocked: vec![
                    ("p2".to_owned(), Some(Duration::from_millis(59_509))),
                    ("p3".to_owned(), None),
                ],
                seen: vec![LoopRecord {
                    path: ["br1:p2", "(outside)", "br1:p3"]
                        .map(str::to_owned)
                        .to_vec(),
                    outside: true,
                    copies: 17,
                    copies_per_second: Some(8500),
                    sightings: 1,
                    last: Duration::from_millis(500),
                    blocks: 1,
                }],
            },
            ports: Vec::new(),
            ..tree.clone()
        };
        vec![tree, off]
    }

    fn links() -> Vec<LinkRecord> {
        [(2, "br0"), (3, "p1"), (4, "p2"), (5, "p3"), (6, "br1")]
            .map(|(index, name)| golden::link(index, name, "02:00:00:00:00:11"))
            .to_vec()
    }

    fn format(json: bool, statistics: u8) -> Format {
        Format {
            json,
            statistics,
            ..Format::default()
        }
    }

    #[test]
    fn text_says_who_does_what() {
        let text = show(&links(), &trees(), None, format(false, 0)).expect("bridges");
        assert_eq!(
            text,
            "br0: stp_mode rstp bridge_id 8000.2:74:61:70:0:2 root_id 1000.2:74:61:70:0:1 root_port 1 \
             root_path_cost 2000 topology_change 1 \n    \
             p1: number 1 root forwarding cost 2000 p2p on edge off \n    \
             p2: number 2 designated discarding cost 2000 p2p on edge off speaks stp forwarding_in 1.25 \n    \
             p3: number 3 disabled discarding cost 2000 p2p on edge off inconsistent bpdu recovery_in 0.01 \n"
        );
    }

    #[test]
    fn statistics_give_reasons() {
        let text = show(&links(), &trees(), Some("br0"), format(false, 1)).expect("a bridge");
        assert!(
            text.contains("\n        rejected: too_old 3 changes_ignored 2 \n"),
            "{text}"
        );
        let text = show(&links(), &trees(), Some("br0"), format(true, 1)).expect("a bridge");
        let p2 = r#""inconsistent":null,"forwarding_in":1.25,"recovery_in":null,"rejected":{"too_old":3},"changes_ignored":2}"#;
        assert!(text.contains(p2), "{text}");
    }

    #[test]
    fn json_has_every_field() {
        let text = show(&links(), &trees(), None, format(true, 0)).expect("bridges");
        assert_eq!(
            text,
            concat!(
                r#"[{"ifname":"br0","stp_mode":"rstp","bridge_id":"8000.2:74:61:70:0:2","root_id":"1000.2:74:61:70:0:1","#,
                r#""root_port":1,"root_path_cost":2000,"topology_change":true,"ports":["#,
                r#"{"ifname":"p1","number":1,"role":"root","state":"forwarding","cost":2000,"p2p":true,"edge":false,"#,
                r#""inconsistent":null},"#,
                r#"{"ifname":"p2","number":2,"role":"designated","state":"discarding","cost":2000,"p2p":true,"edge":false,"#,
                r#""inconsistent":null},"#,
                r#"{"ifname":"p3","number":3,"role":"disabled","state":"discarding","cost":2000,"p2p":true,"edge":false,"#,
                r#""inconsistent":"bpdu"}]}]"#,
                "\n"
            )
        );
    }

    #[test]
    fn settings_are_those_that_can_be_set() {
        let text = settings(&links(), &trees(), None, format(false, 0)).expect("bridges");
        assert_eq!(
            text,
            "br0: stp_mode rstp tx_hold_count 6 loop_alarm on loop_guard off recovery 60 \n\
             br1: stp_mode stp tx_hold_count 6 loop_alarm on loop_guard block recovery off \n    \
             blocked p2 opens 59.50 \n    \
             blocked p3 \n    \
             loop br1:p2 → (outside) → br1:p3 copies 17 copies_per_second 8500 sightings 1 last 0.50 blocks 1 \n"
        );
        let text = settings(&links(), &trees(), Some("br1"), format(true, 0)).expect("a bridge");
        assert_eq!(
            text,
            concat!(
                r#"[{"ifname":"br1","stp_mode":"stp","tx_hold_count":6,"loop_alarm":true,"loop_guard":"block","#,
                r#""recovery":null,"blocked":[{"ifname":"p2","opens":59.50},{"ifname":"p3","opens":null}],"#,
                r#""loops":[{"path":["br1:p2","(outside)","br1:p3"],"outside":true,"copies":17,"#,
                r#""copies_per_second":8500,"sightings":1,"last":0.50,"blocks":1}]}]"#,
                "\n"
            )
        );
        let error =
            settings(&links(), &trees(), Some("p1"), format(true, 0)).expect_err("no bridge");
        assert_eq!(error.to_string(), "tapswitch: p1 is not a bridge");
    }
}
