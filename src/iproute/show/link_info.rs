//! What `ip -d` prints of a netdev's kind and of a port's bridge (`print_linktype`, ip/iplink_bridge.c,
//! ip/iplink_bridge_slave.c, ip/iptuntap.c).

use super::link::Links;
use super::printer::Printer;
use super::record::{
    BridgeInfo, KindInfo, LinkRecord, MacvlanInfo, McastInfo, PortInfo, TapInfo, VlanDeviceInfo,
};
use super::vxlan;

/// Names of port states, by number.
pub(super) const PORT_STATES: [&str; 5] = [
    "disabled",
    "listening",
    "learning",
    "forwarding",
    "blocking",
];

/// Names of the reserved group addresses that have one, by last hexadecimal digit.
const GROUP_NAMES: [(u8, &str); 3] = [(0, "stp"), (2, "lacp"), (14, "lldp")];

/// Prints kind and port, each on a line of its own.
pub(super) fn print(printer: &mut Printer, links: Links<'_>, link: &LinkRecord) {
    if link.kind.is_none() && link.port.is_none() {
        return;
    }
    printer.open_field("linkinfo");
    if let Some(kind) = &link.kind {
        let name = kind.name();
        printer.line();
        printer.field("info_kind", name, format_args!("    {name} "));
        match kind {
            KindInfo::Bridge(bridge) => {
                print_data(printer, "info_data", |p| print_bridge(p, bridge))
            }
            KindInfo::Tap(tap) => print_data(printer, "info_data", |p| print_tap(p, *tap)),
            KindInfo::Vlan(vlan) => print_data(printer, "info_data", |p| print_vlan(p, vlan)),
            KindInfo::Macvlan(it) => print_data(printer, "info_data", |p| print_macvlan(p, it)),
            KindInfo::Ipvlan(mode, flag) => print_data(printer, "info_data", |p| {
                // iproute2 begins with a blank here.
                p.field("mode", mode.name(), format_args!(" mode {} ", mode.name()));
                p.field(flag.name(), true, format_args!("{} ", flag.name()));
            }),
            KindInfo::Vxlan(vxlan) => print_data(printer, "info_data", |p| {
                vxlan::print_device(p, links, vxlan);
            }),
            KindInfo::Dummy | KindInfo::Veth => {}
        }
    }
    if let Some(port) = &link.port {
        printer.line();
        printer.field("info_slave_kind", "bridge", "    bridge_slave ");
        print_data(printer, "info_slave_data", |p| print_port(p, links, port));
    }
    printer.close();
}

fn print_data(printer: &mut Printer, key: &str, print: impl FnOnce(&mut Printer)) {
    printer.open_field(key);
    print(printer);
    printer.close();
}

fn print_tap(printer: &mut Printer, tap: TapInfo) {
    printer.labelled("type", "type", "tap");
    printer.on_off("pi", tap.pi);
    printer.on_off("vnet_hdr", tap.vnet_hdr);
    if let Some((enabled, disabled)) = tap.multi_queue {
        printer.field("multi_queue", true, "multi_queue ");
        printer.number("numqueues", enabled);
        printer.labelled("numdisabled", "numdisabled", disabled);
    } else {
        printer.json_field("multi_queue", false);
    }
    printer.on_off("persist", tap.persist);
}

/// Prints `bridge_print_opt`'s part. What tapswitch has no part for (netfilter) is printed with the kernel's defaults.
fn print_bridge(printer: &mut Printer, bridge: &BridgeInfo) {
    let id = bridge.bridge_id.to_string();
    printer.number("forward_delay", bridge.forward_delay);
    printer.number("hello_time", bridge.hello_time);
    printer.number("max_age", bridge.max_age);
    printer.number("ageing_time", bridge.ageing_time);
    printer.number("stp_state", bridge.stp_state);
    printer.number("priority", bridge.priority);
    printer.number("vlan_filtering", u8::from(bridge.vlan_filtering));
    printer.labelled(
        "vlan_protocol",
        "vlan_protocol",
        &tag_type(bridge.vlan_protocol),
    );
    printer.labelled("bridge_id", "bridge_id", &id);
    // Not the root's: iproute2 6.1 reads the wrong attribute.
    printer.labelled("root_id", "designated_root", &id);
    printer.number("root_port", bridge.root_port);
    printer.number("root_path_cost", bridge.root_path_cost);
    printer.number("topology_change", u8::from(bridge.topology_change));
    printer.number(
        "topology_change_detected",
        u8::from(bridge.topology_change_detected),
    );
    printer.timer("hello_timer", bridge.hello_timer);
    printer.timer("tcn_timer", bridge.tcn_timer);
    printer.timer("topology_change_timer", bridge.topology_change_timer);
    printer.timer("gc_timer", bridge.gc_timer);
    printer.number("vlan_default_pvid", bridge.vlan_default_pvid);
    printer.number("vlan_stats_enabled", u8::from(bridge.vlan_stats_enabled));
    printer.number("vlan_stats_per_port", u8::from(bridge.vlan_stats_per_port));
    printer.hex("group_fwd_mask", "group_fwd_mask", bridge.group_fwd_mask);
    printer.labelled(
        "group_addr",
        "group_address",
        &bridge.group_addr.to_string(),
    );
    printer.number("mcast_snooping", u8::from(bridge.mcast_snooping));
    printer.number("no_linklocal_learn", u8::from(bridge.no_linklocal_learn));
    print_mcast(printer, &bridge.mcast);
    printer.number("nf_call_iptables", 0_u8);
    printer.number("nf_call_ip6tables", 0_u8);
    printer.number("nf_call_arptables", 0_u8);
}

fn print_mcast(printer: &mut Printer, mcast: &McastInfo) {
    let query = &mcast.query;
    printer.number("mcast_vlan_snooping", u8::from(mcast.vlan_snooping));
    printer.number("mcast_router", mcast.router);
    printer.number("mcast_query_use_ifaddr", u8::from(mcast.query_use_ifaddr));
    printer.number("mcast_querier", u8::from(mcast.querier));
    // Kept for old programs: the kernel's table resizes itself.
    printer.number("mcast_hash_elasticity", 16_u8);
    printer.number("mcast_hash_max", mcast.hash_max);
    for (key, label, number) in [
        (
            "mcast_last_member_cnt",
            "mcast_last_member_count",
            u64::from(query.last_member_count),
        ),
        (
            "mcast_startup_query_cnt",
            "mcast_startup_query_count",
            u64::from(query.startup_query_count),
        ),
        (
            "mcast_last_member_intvl",
            "mcast_last_member_interval",
            query.last_member_interval,
        ),
        (
            "mcast_membership_intvl",
            "mcast_membership_interval",
            query.membership_interval,
        ),
        (
            "mcast_querier_intvl",
            "mcast_querier_interval",
            query.querier_interval,
        ),
        (
            "mcast_query_intvl",
            "mcast_query_interval",
            query.query_interval,
        ),
        (
            "mcast_query_response_intvl",
            "mcast_query_response_interval",
            query.query_response_interval,
        ),
        (
            "mcast_startup_query_intvl",
            "mcast_startup_query_interval",
            query.startup_query_interval,
        ),
    ] {
        printer.labelled(key, label, number);
    }
    printer.number("mcast_stats_enabled", u8::from(mcast.stats_enabled));
    printer.number("mcast_igmp_version", query.igmp_version);
    printer.number("mcast_mld_version", query.mld_version);
}

/// Prints `vlan_print_opt`'s part.
fn print_vlan(printer: &mut Printer, vlan: &VlanDeviceInfo) {
    printer.labelled("protocol", "protocol", &tag_type(vlan.protocol));
    printer.number("id", vlan.id);
    let flags = [
        (vlan.reorder_hdr, "REORDER_HDR"),
        (vlan.gvrp, "GVRP"),
        (vlan.mvrp, "MVRP"),
        (vlan.loose_binding, "LOOSE_BINDING"),
        (vlan.bridge_binding, "BRIDGE_BINDING"),
    ];
    // The kernel sends no flags when none is set, and no map that is empty.
    if flags.iter().any(|(on, _)| *on) {
        printer.open_flags();
        let mut separator = "";
        for (_, name) in flags.iter().filter(|(on, _)| *on) {
            printer.element(name, format_args!("{separator}{name}"));
            separator = ",";
        }
        printer.close_flags();
    }
    for (key, label, map) in [
        ("ingress_qos", "ingress-qos-map", &vlan.ingress_qos),
        ("egress_qos", "egress-qos-map", &vlan.egress_qos),
    ] {
        if !map.is_empty() {
            print_qos(printer, key, label, map);
        }
    }
}

fn print_qos(printer: &mut Printer, key: &str, label: &str, map: &[(u32, u32)]) {
    printer.open_array(key);
    printer.line();
    printer.text(format_args!("      {label} {{ "));
    for (from, to) in map {
        printer.open();
        printer.json_field("from", *from);
        printer.json_field("to", *to);
        printer.close();
        printer.text(format_args!("{from}:{to} "));
    }
    printer.close_array();
    printer.text("} ");
}

/// Prints `macvlan_print_opt`'s part.
fn print_macvlan(printer: &mut Printer, macvlan: &MacvlanInfo) {
    printer.labelled("mode", "mode", macvlan.mode);
    for (on, name) in [(macvlan.nopromisc, "nopromisc"), (macvlan.nodst, "nodst")] {
        if on {
            printer.field(name, true, format_args!("{name} "));
        }
    }
    printer.number("bcqueuelen", macvlan.bcqueuelen);
    printer.number("usedbcqueuelen", macvlan.usedbcqueuelen);
    if let Some(bclim) = macvlan.bclim {
        printer.number("bclim", bclim);
    }
    let Some(sources) = &macvlan.sources else {
        return;
    };
    let count = sources.len() as u64;
    printer.field("macaddr_count", count, format_args!("remotes ({count}) "));
    // The kernel sends no list that is empty.
    if sources.is_empty() {
        return;
    }
    printer.open_array("macaddr_data");
    for mac in sources {
        printer.element(&mac.to_string(), format_args!("{mac} "));
    }
    printer.close_array();
}

/// Names the EtherType of a tag (`ll_proto_n2a`).
fn tag_type(protocol: u16) -> String {
    match protocol {
        0x8100 => "802.1Q".to_owned(),
        0x88a8 => "802.1ad".to_owned(),
        // `ll_proto_n2a` of other types; no kernel takes one.
        other => format!("[{other}]"),
    }
}

fn print_port(printer: &mut Printer, links: Links<'_>, port: &PortInfo) {
    match PORT_STATES.get(usize::from(port.state)) {
        Some(state) => printer.labelled("state", "state", *state),
        None => printer.field(
            "state_index",
            port.state,
            format_args!("state ({}) ", port.state),
        ),
    }
    printer.number("priority", port.priority);
    printer.number("cost", port.cost);
    printer.on_off("hairpin", port.hairpin);
    printer.on_off("guard", port.guard);
    printer.on_off("root_block", port.root_block);
    printer.on_off("fastleave", port.fastleave);
    printer.on_off("learning", port.learning);
    printer.on_off("flood", port.flood);
    printer.hex("id", "port_id", port.id);
    printer.hex("no", "port_no", port.no);
    printer.number("designated_port", port.designated_port);
    printer.number("designated_cost", port.designated_cost);
    printer.labelled(
        "bridge_id",
        "designated_bridge",
        &port.designated_bridge.to_string(),
    );
    printer.labelled(
        "root_id",
        "designated_root",
        &port.designated_root.to_string(),
    );
    printer.timer("hold_timer", port.hold_timer);
    printer.timer("message_age_timer", port.message_age_timer);
    printer.timer("forward_delay_timer", port.forward_delay_timer);
    printer.number("topology_change_ack", u8::from(port.topology_change_ack));
    printer.number("config_pending", u8::from(port.config_pending));
    printer.on_off("proxy_arp", port.proxy_arp);
    printer.on_off("proxy_arp_wifi", port.proxy_arp_wifi);
    printer.labelled("multicast_router", "mcast_router", port.multicast_router);
    printer.text(format_args!(
        "mcast_fast_leave {} ",
        if port.fastleave { "on" } else { "off" }
    ));
    printer.on_off("mcast_flood", port.mcast_flood);
    printer.on_off("bcast_flood", port.bcast_flood);
    printer.on_off("mcast_to_unicast", port.mcast_to_unicast);
    printer.on_off("neigh_suppress", port.neigh_suppress);
    printer.hex("group_fwd_mask", "group_fwd_mask", port.group_fwd_mask);
    printer.labelled(
        "group_fwd_mask_str",
        "group_fwd_mask_str",
        &group_names(port.group_fwd_mask),
    );
    printer.on_off("vlan_tunnel", port.vlan_tunnel);
    printer.on_off("isolated", port.isolated);
    printer.on_off("locked", port.locked);
    if let Some(backup) = port.backup_port {
        printer.labelled("backup_port", "backup_port", &*links.name(backup));
    }
}

/// Returns the addresses of a group forward mask by name, `0x8` for one without: `stp,0x8,lldp`.
fn group_names(mask: u16) -> String {
    let names: Vec<String> = (0..16)
        .filter(|bit| mask & (1 << bit) != 0)
        .map(
            |bit| match GROUP_NAMES.iter().find(|(named, _)| *named == bit) {
                Some((_, name)) => (*name).to_owned(),
                None => format!("{:#x}", 1_u16 << bit),
            },
        )
        .collect();
    if names.is_empty() {
        "0x0".to_owned()
    } else {
        names.join(",")
    }
}
