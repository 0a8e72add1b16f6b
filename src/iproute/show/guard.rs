//! `tapswitch port show`: our own, in the words of `tapswitch port set`, so that what is shown can be set again.
//!
//! ```text
//! p1: max_macs 5 macs 2 violation shutdown recovery 300 shut opens 290
//!     storm_broadcast 100fps,64kBps storm_multicast off storm_unknown 1kfps
//!     ip_binding on dhcp_trusted off private community 3
//!     bpdu_guard on bpdu_filter off loop_guard off tc_guard off p2p auto edge auto speed auto inconsistent bpdu
//!     secure_mac 02:00:00:00:00:01 vlan 7
//!     learned_mac 02:00:00:00:00:03 vlan 7
//!     bind 10.0.0.1 02:00:00:00:00:01 lease 3590
//!     mac_vlan 02:00:00:00:00:02 9
//! ```
//!
//! With `-s` a line of counters follows. In JSON a port is an object; what is `off` is `null`.

use super::ShowError;
use super::link::Links;
use super::printer::{Printer, Value};
use super::record::{GuardRecord, LinkRecord, StpPortTree};
use crate::iproute::command::{Format, PrivateRole, StormLimit};
use crate::wire::MacAddr;

/// Prints the guards of all ports, or of one.
///
/// # Errors
/// Where `dev` is not among `links`, or not a port.
pub fn show(
    links: &[LinkRecord],
    ports: &[GuardRecord],
    dev: Option<&str>,
    format: Format,
) -> Result<String, ShowError> {
    let dev = match dev {
        Some(name) => {
            let link = links.iter().find(|link| link.name == name);
            let ifindex = link
                .ok_or_else(|| ShowError::NoNetdev(name.to_owned()))?
                .ifindex;
            if !ports.iter().any(|port| port.ifindex == ifindex) {
                return Err(ShowError::NotAPort(name.to_owned()));
            }
            Some(ifindex)
        }
        None => None,
    };
    let mut printer = Printer::new(format);
    for port in ports
        .iter()
        .filter(|port| dev.is_none_or(|dev| dev == port.ifindex))
    {
        print(&mut printer, Links(links), port, format);
    }
    Ok(printer.finish())
}

fn print(printer: &mut Printer, links: Links<'_>, port: &GuardRecord, format: Format) {
    let name = links.name(port.ifindex);
    printer.open();
    printer.field("ifname", &*name, format_args!("{name}: "));
    off_or(printer, "max_macs", port.max_macs);
    printer.number("macs", port.macs);
    printer.labelled("violation", "violation", port.violation.name());
    off_or(printer, "recovery", port.recovery);
    printer.field(
        "shut",
        port.shutdown,
        if port.shutdown { "shut " } else { "" },
    );
    if let Some(opens) = port.opens {
        printer.number("opens", opens);
    }
    next_line(printer);
    storm(printer, "storm_broadcast", port.storm_broadcast.limit);
    storm(printer, "storm_multicast", port.storm_multicast.limit);
    storm(printer, "storm_unknown", port.storm_unknown.limit);
    next_line(printer);
    printer.on_off("ip_binding", port.ip_binding);
    printer.on_off("dhcp_trusted", port.dhcp_trusted);
    private(printer, port.private);
    next_line(printer);
    tree(printer, &port.tree);
    lists(printer, port);
    if format.statistics > 0 {
        statistics(printer, port);
    }
    printer.text('\n');
    printer.close();
}

fn next_line(printer: &mut Printer) {
    printer.line();
    printer.text("    ");
}

/// Prints a number, or `off`.
fn off_or(printer: &mut Printer, key: &str, number: Option<u32>) {
    match number {
        Some(number) => printer.number(key, number),
        None => printer.field(key, Value::Null, format_args!("{key} off ")),
    }
}

fn storm(printer: &mut Printer, key: &str, limit: StormLimit) {
    printer.text(format_args!("{key} {} ", limit_text(limit)));
    if limit == StormLimit::default() {
        printer.json_field(key, Value::Null);
        return;
    }
    printer.open_field(key);
    if let Some(frames) = limit.frames {
        printer.json_field("frames", frames);
    }
    if let Some(octets) = limit.octets {
        printer.json_field("octets", octets);
    }
    printer.close();
}

/// Writes a limit as the reader takes it.
fn limit_text(limit: StormLimit) -> String {
    let rates = [(limit.frames, "fps"), (limit.octets, "Bps")];
    let texts: Vec<String> = rates
        .into_iter()
        .filter_map(|(rate, unit)| Some(rate_text(rate?, unit)))
        .collect();
    if texts.is_empty() {
        "off".to_owned()
    } else {
        texts.join(",")
    }
}

fn rate_text(rate: u64, unit: &str) -> String {
    let (one, prefix) = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")]
        .into_iter()
        .find(|(one, _)| rate > 0 && rate.is_multiple_of(*one))
        .unwrap_or((1, ""));
    format!("{}{prefix}{unit}", rate / one)
}

fn private(printer: &mut Printer, role: PrivateRole) {
    let word = match role {
        PrivateRole::Off => "off",
        PrivateRole::Promiscuous => "promiscuous",
        PrivateRole::Isolated => "isolated",
        PrivateRole::Community(_) => "community",
    };
    if role == PrivateRole::Off {
        printer.field("private", Value::Null, "private off ");
    } else {
        printer.labelled("private", "private", word);
    }
    if let PrivateRole::Community(number) = role {
        printer.field("community", number, format_args!("{number} "));
    }
}

fn tree(printer: &mut Printer, tree: &StpPortTree) {
    let set = &tree.set;
    let switches = [
        ("bpdu_guard", set.bpdu_guard),
        ("bpdu_filter", set.bpdu_filter),
        ("loop_guard", set.loop_guard),
        ("tc_guard", set.tc_guard),
    ];
    for (key, on) in switches {
        printer.on_off(key, on.unwrap_or(false));
    }
    for (key, admin) in [("p2p", set.p2p), ("edge", set.edge)] {
        printer.labelled(key, key, admin.unwrap_or_default().name());
    }
    match set.speed.flatten() {
        Some(speed) => printer.number("speed", speed),
        None => printer.field("speed", Value::Null, "speed auto "),
    }
    match tree.inconsistent {
        Some(word) => printer.labelled("inconsistent", "inconsistent", word),
        None => printer.json_field("inconsistent", Value::Null),
    }
}

fn lists(printer: &mut Printer, port: &GuardRecord) {
    printer.open_array("secure_macs");
    for (mac, vlan) in &port.secure_macs {
        open_entry(printer, "secure_mac ");
        station(printer, *mac);
        in_vlan(printer, *vlan);
        printer.close();
    }
    printer.close_array();
    if port.max_macs.is_some() {
        printer.open_array("learned_macs");
        for (mac, vlan) in &port.learned_macs {
            open_entry(printer, "learned_mac ");
            station(printer, *mac);
            in_vlan(printer, *vlan);
            printer.close();
        }
        printer.close_array();
    }
    printer.open_array("bindings");
    for binding in &port.bindings {
        open_entry(printer, "bind ");
        let address = binding.address.to_string();
        printer.field("address", &address, format_args!("{address} "));
        station(printer, binding.mac);
        in_vlan(printer, binding.vlan);
        if let Some(lease) = binding.lease {
            printer.number("lease", lease);
        }
        printer.close();
    }
    printer.close_array();
    printer.open_array("mac_vlans");
    for (mac, vlan) in &port.mac_vlans {
        open_entry(printer, "mac_vlan ");
        station(printer, *mac);
        printer.field("vlan", *vlan, format_args!("{vlan} "));
        printer.close();
    }
    printer.close_array();
}

fn open_entry(printer: &mut Printer, word: &str) {
    next_line(printer);
    printer.text(word);
    printer.open();
}

fn station(printer: &mut Printer, mac: MacAddr) {
    let mac = mac.to_string();
    printer.field("mac", &mac, format_args!("{mac} "));
}

fn in_vlan(printer: &mut Printer, vlan: Option<u16>) {
    if let Some(vlan) = vlan {
        printer.number("vlan", vlan);
    }
}

fn statistics(printer: &mut Printer, port: &GuardRecord) {
    next_line(printer);
    printer.text("dropped: ");
    printer.open_field("dropped");
    for (key, frames) in [
        ("storm_broadcast", port.storm_broadcast.dropped),
        ("storm_multicast", port.storm_multicast.dropped),
        ("storm_unknown", port.storm_unknown.dropped),
        ("violation", port.violations),
        ("ip_binding", port.unbound),
        ("dhcp", port.dhcp_dropped),
    ] {
        printer.number(key, frames);
    }
    printer.close();
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::record::{BindingRecord, StormRecord};
    use super::*;
    use crate::iproute::command::{Admin, PortTreeOptions, Violation};

    const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

    fn quiet(ifindex: u32) -> GuardRecord {
        GuardRecord {
            ifindex,
            storm_broadcast: StormRecord::default(),
            storm_multicast: StormRecord::default(),
            storm_unknown: StormRecord::default(),
            max_macs: None,
            macs: 0,
            secure_macs: Vec::new(),
            learned_macs: Vec::new(),
            violation: Violation::Protect,
            violations: 0,
            recovery: None,
            shutdown: false,
            opens: None,
            ip_binding: false,
            unbound: 0,
            dhcp_trusted: true,
            dhcp_dropped: 0,
            bindings: Vec::new(),
            mac_vlans: Vec::new(),
            private: PrivateRole::Off,
            tree: StpPortTree::default(),
        }
    }

    fn busy(ifindex: u32) -> GuardRecord {
        let limit = |frames, octets| StormLimit { frames, octets };
        GuardRecord {
            storm_broadcast: StormRecord {
                limit: limit(Some(100), Some(64_000)),
                dropped: 3,
            },
            storm_unknown: StormRecord {
                limit: limit(None, Some(5_000_000_000)),
                dropped: 0,
            },
            max_macs: Some(5),
            macs: 2,
            secure_macs: vec![(MAC, Some(7)), (MAC, None)],
            learned_macs: vec![(MAC, Some(8))],
            violation: Violation::Shutdown,
            violations: 4,
            recovery: Some(300),
            shutdown: true,
            opens: Some(290),
            ip_binding: true,
            unbound: 1,
            bindings: vec![BindingRecord {
                address: [10, 0, 0, 1].into(),
                mac: MAC,
                vlan: None,
                lease: Some(3590),
            }],
            mac_vlans: vec![(MAC, 9)],
            private: PrivateRole::Community(3),
            tree: StpPortTree {
                set: PortTreeOptions {
                    bpdu_guard: Some(true),
                    edge: Some(Admin::On),
                    speed: Some(Some(100)),
                    ..PortTreeOptions::default()
                },
                inconsistent: Some("bpdu"),
            },
            ..quiet(ifindex)
        }
    }

    fn print(json: bool, statistics: u8) -> String {
        let links = [
            golden::link(2, "p1", "02:00:00:00:00:11"),
            golden::link(3, "p2", "02:00:00:00:00:12"),
        ];
        let format = Format {
            json,
            statistics,
            ..Format::default()
        };
        show(&links, &[busy(2), quiet(3)], None, format).expect("both are ports")
    }

    #[test]
    fn text_is_in_the_words_of_set() {
        assert_eq!(
            print(false, 1),
            "p1: max_macs 5 macs 2 violation shutdown recovery 300 shut opens 290 \n    \
             storm_broadcast 100fps,64kBps storm_multicast off storm_unknown 5GBps \n    \
             ip_binding on dhcp_trusted on private community 3 \n    \
             bpdu_guard on bpdu_filter off loop_guard off tc_guard off p2p auto edge on speed 100 inconsistent bpdu \n    \
             secure_mac 02:00:00:00:00:01 vlan 7 \n    \
             secure_mac 02:00:00:00:00:01 \n    \
             learned_mac 02:00:00:00:00:01 vlan 8 \n    \
             bind 10.0.0.1 02:00:00:00:00:01 lease 3590 \n    \
             mac_vlan 02:00:00:00:00:01 9 \n    \
             dropped: storm_broadcast 3 storm_multicast 0 storm_unknown 0 violation 4 ip_binding 1 dhcp 0 \n\
             p2: max_macs off macs 0 violation protect recovery off \n    \
             storm_broadcast off storm_multicast off storm_unknown off \n    \
             ip_binding off dhcp_trusted on private off \n    \
             bpdu_guard off bpdu_filter off loop_guard off tc_guard off p2p auto edge auto speed auto \n    \
             dropped: storm_broadcast 0 storm_multicast 0 storm_unknown 0 violation 0 ip_binding 0 dhcp 0 \n"
        );
    }

    #[test]
    fn json_is_an_object_for_each_port() {
        assert_eq!(
            print(true, 0),
            concat!(
                r#"[{"ifname":"p1","max_macs":5,"macs":2,"violation":"shutdown","recovery":300,"shut":true,"opens":290,"#,
                r#""storm_broadcast":{"frames":100,"octets":64000},"storm_multicast":null,"#,
                r#""storm_unknown":{"octets":5000000000},"ip_binding":true,"dhcp_trusted":true,"#,
                r#""private":"community","community":3,"bpdu_guard":true,"bpdu_filter":false,"loop_guard":false,"#,
                r#""tc_guard":false,"p2p":"auto","edge":"on","speed":100,"inconsistent":"bpdu","#,
                r#""secure_macs":[{"mac":"02:00:00:00:00:01","vlan":7},{"mac":"02:00:00:00:00:01"}],"#,
                r#""learned_macs":[{"mac":"02:00:00:00:00:01","vlan":8}],"#,
                r#""bindings":[{"address":"10.0.0.1","mac":"02:00:00:00:00:01","lease":3590}],"#,
                r#""mac_vlans":[{"mac":"02:00:00:00:00:01","vlan":9}]},"#,
                r#"{"ifname":"p2","max_macs":null,"macs":0,"violation":"protect","recovery":null,"shut":false,"#,
                r#""storm_broadcast":null,"storm_multicast":null,"storm_unknown":null,"#,
                r#""ip_binding":false,"dhcp_trusted":true,"private":null,"bpdu_guard":false,"#,
                r#""bpdu_filter":false,"loop_guard":false,"tc_guard":false,"p2p":"auto","edge":"auto","speed":null,"inconsistent":null,"#,
                r#""secure_macs":[],"bindings":[],"mac_vlans":[]}]"#,
                "\n"
            )
        );
    }

    #[test]
    fn only_ports_have_guards() {
        let links = [golden::link(2, "p1", "02:00:00:00:00:11")];
        let error = |name: &str| {
            let answer = show(&links, &[], Some(name), Format::default());
            answer.expect_err("no port").to_string()
        };
        assert_eq!(error("p9"), "tapswitch: there is no netdev \"p9\"");
        assert_eq!(
            error("p1"),
            "tapswitch: p1 is not a bridge port: guards belong to ports (ip link set p1 master BRIDGE)"
        );
    }

    #[test]
    fn limits_are_written_as_they_are_read() {
        let rates = [
            (1, "1"),
            (999, "999"),
            (1_000, "1k"),
            (1_500, "1500"),
            (2_000_000, "2M"),
        ];
        for (rate, text) in rates {
            assert_eq!(rate_text(rate, "fps"), format!("{text}fps"));
        }
    }
}
