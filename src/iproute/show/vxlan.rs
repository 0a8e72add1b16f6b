//! VXLAN devices and the endpoints of their entries (`ip/iplink_vxlan.c`, `bridge/fdb.c`).

use std::net::IpAddr;

use super::link::Links;
use super::printer::Printer;
use super::record::{EndpointRecord, VxlanInfo};
use crate::switch::vxlan::Df;

/// Prints `vxlan_print_opt`'s part.
pub(super) fn print_device(printer: &mut Printer, links: Links<'_>, vxlan: &VxlanInfo) {
    let (config, flags) = (&vxlan.config, &vxlan.config.flags);
    printer.number("id", config.vni);
    let six = |key: &str, ip: IpAddr| format!("{key}{}", if ip.is_ipv6() { "6" } else { "" });
    if let Some(remote) = config.endpoint() {
        let key = if remote.is_multicast() {
            "group"
        } else {
            "remote"
        };
        printer.labelled(&six(key, remote), key, &remote.to_string());
    }
    if !config.local.is_unspecified() {
        let local = config.local;
        printer.labelled(&six("local", local), "local", &local.to_string());
    }
    if let Some(link) = vxlan.link {
        printer.labelled("link", "dev", &*links.name(link));
    }
    let (low, high) = config.source_ports;
    printer.open_field("port_range");
    printer.json_field("low", low);
    printer.json_field("high", high);
    printer.close();
    printer.text(format_args!("srcport {low} {high} "));
    printer.labelled("port", "dstport", config.port);
    printer.json_field("learning", flags.learning);
    if !flags.learning {
        printer.text("nolearning ");
    }
    for (on, word) in [
        (flags.proxy, "proxy"),
        (flags.rsc, "rsc"),
        (flags.l2miss, "l2miss"),
        (flags.l3miss, "l3miss"),
    ] {
        if on {
            printer.field(word, true, format_args!("{word} "));
        }
    }
    if config.tos != 0 {
        let hex = format!("{:#x}", config.tos);
        match config.tos {
            1 => printer.field("tos", &hex, "tos inherit "),
            _ => printer.field("tos", &hex, format_args!("tos {hex} ")),
        }
    }
    if config.ttl_inherit {
        printer.text("ttl inherit ");
    } else {
        printer.json_field("ttl", config.ttl);
        match config.ttl {
            0 => printer.text("ttl auto "),
            ttl => printer.text(format_args!("ttl {ttl} ")),
        }
    }
    match config.df {
        Df::Unset => printer.json_field("df", "unset"),
        Df::Set => printer.labelled("df", "df", "set"),
        Df::Inherit => printer.labelled("df", "df", "inherit"),
    }
    if config.label != 0 {
        printer.labelled("label", "flowlabel", &format!("{:#x}", config.label));
    }
    printer.number("ageing", config.ageing);
    if config.max != 0 {
        printer.labelled("limit", "maxaddr", config.max);
    }
    for (key, word, on) in [
        ("udp_csum", "udpcsum", flags.udp_csum),
        ("udp_zero_csum6_tx", "udp6zerocsumtx", flags.zero_csum6_tx),
        ("udp_zero_csum6_rx", "udp6zerocsumrx", flags.zero_csum6_rx),
    ] {
        printer.json_field(key, on);
        printer.text(format_args!("{}{word} ", if on { "" } else { "no" }));
    }
    for (on, key, word) in [
        (flags.remcsum_tx, "remcsum_tx", "remcsumtx"),
        (flags.remcsum_rx, "remcsum_rx", "remcsumrx"),
        (flags.gbp, "gbp", "gbp"),
    ] {
        if on {
            printer.field(key, true, format_args!("{word} "));
        }
    }
}

/// Prints the address of an entry's endpoint, which comes before its VLAN.
pub(super) fn print_dst(printer: &mut Printer, endpoint: &EndpointRecord) {
    printer.labelled("dst", "dst", &endpoint.dst.to_string());
}

/// Prints what else there is about an endpoint.
pub(super) fn print_rest(printer: &mut Printer, links: Links<'_>, endpoint: &EndpointRecord) {
    if let Some(port) = endpoint.port {
        printer.number("port", port);
    }
    if let Some(vni) = endpoint.vni {
        printer.number("vni", vni);
    }
    if let Some(via) = endpoint.via {
        match endpoint.netnsid {
            Some(_) => printer.field("viaIfIndex", via, format_args!("via ifindex {via} ")),
            None => printer.labelled("viaIf", "via", &*links.name(via)),
        }
    }
    if let Some(id) = endpoint.netnsid {
        printer.field("linkNetNsId", id, format_args!("link-netnsid {id} "));
    }
}
