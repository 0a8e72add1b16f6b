//! Options of a bridge and of a bridge port (`iplink_bridge.c`, `iplink_bridge_slave.c`, `bridge/link.c`).
//!
//! Options of the kernel that this program has no part for are accepted with the value that says what
//! it does anyway, and refused with every other.

use super::args::decimal;
use super::args::{
    Args, Keywords, Match, fault, ifname, keyword, mac, number, on_off, u8_value, u16_value,
    u32_value, u64_value, unknown,
};
use crate::iproute::command::{BridgeOptions, PortOptions};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

use Match::{Exact, Prefix};

const NO_MST: &str = "multiple spanning trees are not modelled";
const NO_NETFILTER: &str = "no packet filter of the kernel sees these frames";

#[derive(Clone, Copy, Debug)]
enum Bridge {
    ForwardDelay,
    HelloTime,
    MaxAge,
    AgeingTime,
    StpState,
    Priority,
    GroupFwdMask,
    GroupAddress,
    NoLinklocalLearn,
    FdbFlush,
    FdbMaxLearned,
    VlanFiltering,
    VlanProtocol,
    VlanDefaultPvid,
    VlanStatsEnabled,
    VlanStatsPerPort,
    McastRouter,
    McastSnooping,
    McastVlanSnooping,
    McastQueryUseIfaddr,
    McastQuerier,
    McastHashElasticity,
    McastHashMax,
    McastLastMemberCount,
    McastStartupQueryCount,
    McastLastMemberInterval,
    McastMembershipInterval,
    McastQuerierInterval,
    McastQueryInterval,
    McastQueryResponseInterval,
    McastStartupQueryInterval,
    McastStatsEnabled,
    McastIgmpVersion,
    McastMldVersion,
    /// Only these values, and why.
    Only(&'static [u64], &'static str),
}

/// In `bridge_parse_opt`'s order; the last three are newer than iproute2 6.1.
const BRIDGE: &Keywords<Bridge> = &[
    ("forward_delay", Prefix, Bridge::ForwardDelay),
    ("hello_time", Prefix, Bridge::HelloTime),
    ("max_age", Prefix, Bridge::MaxAge),
    ("ageing_time", Prefix, Bridge::AgeingTime),
    ("stp_state", Prefix, Bridge::StpState),
    ("priority", Prefix, Bridge::Priority),
    ("vlan_filtering", Prefix, Bridge::VlanFiltering),
    ("vlan_protocol", Prefix, Bridge::VlanProtocol),
    ("group_fwd_mask", Prefix, Bridge::GroupFwdMask),
    ("group_address", Prefix, Bridge::GroupAddress),
    ("no_linklocal_learn", Exact, Bridge::NoLinklocalLearn),
    ("fdb_flush", Prefix, Bridge::FdbFlush),
    ("vlan_default_pvid", Prefix, Bridge::VlanDefaultPvid),
    ("vlan_stats_enabled", Prefix, Bridge::VlanStatsEnabled),
    ("vlan_stats_per_port", Prefix, Bridge::VlanStatsPerPort),
    ("mcast_router", Prefix, Bridge::McastRouter),
    ("mcast_snooping", Prefix, Bridge::McastSnooping),
    ("mcast_vlan_snooping", Exact, Bridge::McastVlanSnooping),
    (
        "mcast_query_use_ifaddr",
        Prefix,
        Bridge::McastQueryUseIfaddr,
    ),
    ("mcast_querier", Prefix, Bridge::McastQuerier),
    ("mcast_hash_elasticity", Prefix, Bridge::McastHashElasticity),
    ("mcast_hash_max", Prefix, Bridge::McastHashMax),
    (
        "mcast_last_member_count",
        Prefix,
        Bridge::McastLastMemberCount,
    ),
    (
        "mcast_startup_query_count",
        Prefix,
        Bridge::McastStartupQueryCount,
    ),
    (
        "mcast_last_member_interval",
        Prefix,
        Bridge::McastLastMemberInterval,
    ),
    (
        "mcast_membership_interval",
        Prefix,
        Bridge::McastMembershipInterval,
    ),
    (
        "mcast_querier_interval",
        Prefix,
        Bridge::McastQuerierInterval,
    ),
    ("mcast_query_interval", Prefix, Bridge::McastQueryInterval),
    (
        "mcast_query_response_interval",
        Prefix,
        Bridge::McastQueryResponseInterval,
    ),
    (
        "mcast_startup_query_interval",
        Prefix,
        Bridge::McastStartupQueryInterval,
    ),
    ("mcast_stats_enabled", Prefix, Bridge::McastStatsEnabled),
    ("mcast_igmp_version", Prefix, Bridge::McastIgmpVersion),
    ("mcast_mld_version", Prefix, Bridge::McastMldVersion),
    ("nf_call_iptables", Prefix, Bridge::Only(&[0], NO_NETFILTER)),
    (
        "nf_call_ip6tables",
        Prefix,
        Bridge::Only(&[0], NO_NETFILTER),
    ),
    (
        "nf_call_arptables",
        Prefix,
        Bridge::Only(&[0], NO_NETFILTER),
    ),
    ("fdb_max_learned", Exact, Bridge::FdbMaxLearned),
    ("mst_enabled", Exact, Bridge::Only(&[0], NO_MST)),
    (
        "fdb_local_vlan_0",
        Exact,
        Bridge::Only(&[0], "own addresses are kept in every VLAN"),
    ),
];

/// Reads what follows `type bridge`, to the end of the command.
pub(super) fn bridge(args: &mut Args<'_>) -> Result<BridgeOptions, Fault> {
    let mut options = BridgeOptions::default();
    while let Some(word) = args.take() {
        let Some(key) = keyword(BRIDGE, &word.text) else {
            return Err(unknown_option(BRIDGE, word, "a bridge"));
        };
        match key {
            Bridge::ForwardDelay => options.forward_delay = Some(u32_value(args, u32::MAX)?),
            Bridge::HelloTime => options.hello_time = Some(u32_value(args, u32::MAX)?),
            Bridge::MaxAge => options.max_age = Some(u32_value(args, u32::MAX)?),
            Bridge::AgeingTime => options.ageing_time = Some(u32_value(args, u32::MAX)?),
            Bridge::StpState => options.stp_state = Some(u32_value(args, u32::MAX)?),
            Bridge::Priority => options.priority = Some(u16_value(args)?),
            Bridge::GroupFwdMask => options.group_fwd_mask = Some(u16_value(args)?),
            Bridge::GroupAddress => options.group_address = Some(mac(args)?),
            Bridge::NoLinklocalLearn => options.no_linklocal_learn = Some(u8_value(args)? != 0),
            Bridge::FdbFlush => options.fdb_flush = true,
            Bridge::FdbMaxLearned => options.fdb_max_learned = Some(u32_value(args, u32::MAX)?),
            Bridge::VlanFiltering => options.vlan_filtering = Some(u8_value(args)? != 0),
            Bridge::VlanProtocol => options.vlan_protocol = Some(tag_type(args)?),
            Bridge::VlanDefaultPvid => options.vlan_default_pvid = Some(u16_value(args)?),
            Bridge::VlanStatsEnabled => options.vlan_stats_enabled = Some(u8_value(args)?),
            Bridge::VlanStatsPerPort => options.vlan_stats_per_port = Some(u8_value(args)?),
            key => multicast(&mut options, key, args)?,
        }
    }
    Ok(options)
}

/// Reads an option of multicast snooping, or one that has only one value.
fn multicast(options: &mut BridgeOptions, key: Bridge, args: &mut Args<'_>) -> Result<(), Fault> {
    let o = options;
    match key {
        Bridge::McastRouter => o.mcast_router = Some(u8_value(args)?),
        Bridge::McastSnooping => o.mcast_snooping = Some(u8_value(args)? != 0),
        Bridge::McastVlanSnooping => o.mcast_vlan_snooping = Some(u8_value(args)? != 0),
        Bridge::McastQueryUseIfaddr => o.mcast_query_use_ifaddr = Some(u8_value(args)? != 0),
        Bridge::McastQuerier => o.mcast_querier = Some(u8_value(args)? != 0),
        Bridge::McastHashElasticity => o.mcast_hash_elasticity = Some(u32_value(args, u32::MAX)?),
        Bridge::McastHashMax => o.mcast_hash_max = Some(u32_value(args, u32::MAX)?),
        Bridge::McastLastMemberCount => {
            o.mcast_last_member_count = Some(u32_value(args, u32::MAX)?);
        }
        Bridge::McastStartupQueryCount => {
            o.mcast_startup_query_count = Some(u32_value(args, u32::MAX)?);
        }
        Bridge::McastLastMemberInterval => o.mcast_last_member_interval = Some(u64_value(args)?),
        Bridge::McastMembershipInterval => o.mcast_membership_interval = Some(u64_value(args)?),
        Bridge::McastQuerierInterval => o.mcast_querier_interval = Some(u64_value(args)?),
        Bridge::McastQueryInterval => o.mcast_query_interval = Some(u64_value(args)?),
        Bridge::McastQueryResponseInterval => {
            o.mcast_query_response_interval = Some(u64_value(args)?);
        }
        Bridge::McastStartupQueryInterval => {
            o.mcast_startup_query_interval = Some(u64_value(args)?);
        }
        Bridge::McastStatsEnabled => o.mcast_stats_enabled = Some(u8_value(args)? != 0),
        Bridge::McastIgmpVersion => o.mcast_igmp_version = Some(u8_value(args)?),
        Bridge::McastMldVersion => o.mcast_mld_version = Some(u8_value(args)?),
        Bridge::Only(values, why) => only(args, values, why)?,
        _ => {}
    }
    Ok(())
}

/// The EtherType of a tag (`ll_proto_a2n`): a name in any case, or a number, which the kernel checks.
pub(super) fn tag_type(args: &mut Args<'_>) -> Result<u16, Fault> {
    let expected = "\"802.1Q\" or \"802.1ad\"";
    let word = args.value(expected)?;
    if word.text.eq_ignore_ascii_case("802.1q") {
        return Ok(0x8100);
    }
    if word.text.eq_ignore_ascii_case("802.1ad") {
        return Ok(0x88a8);
    }
    number(word, u64::from(u16::MAX))
        .ok()
        .and_then(|n| u16::try_from(n).ok())
        .ok_or_else(|| fault(word, "not a VLAN protocol").expect(expected))
}

/// Takes a number that must be one of a few.
fn only(args: &mut Args<'_>, values: &[u64], why: &str) -> Result<(), Fault> {
    let expected = values
        .iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(" or ");
    let word = args.value(&expected)?;
    if values.contains(&number(word, u64::MAX)?) {
        return Ok(());
    }
    Err(fault(word, why).expect(format!("{expected}, which is how this program behaves")))
}

/// Takes `on` or `off`, which must be this one.
fn only_switch(args: &mut Args<'_>, value: bool, why: &str) -> Result<(), Fault> {
    let word = args.peek();
    let expected = if value { "\"on\"" } else { "\"off\"" };
    match (on_off(args)? == value, word) {
        (false, Some(word)) => {
            Err(fault(word, why).expect(format!("{expected}, which is how this program behaves")))
        }
        _ => Ok(()),
    }
}

/// Says that a word is no option of this kind of thing.
pub(super) fn unknown_option<K>(table: &Keywords<K>, word: &Word, of: &str) -> Fault {
    let general = [
        "up",
        "down",
        "master",
        "nomaster",
        "mtu",
        "address",
        "netns",
        "name",
        "txqueuelen",
    ];
    if general.contains(&word.text.as_str()) {
        return fault(word, format!("not an option of {of}")).expect(format!(
            "an option of {of} (\"{}\" goes before \"type\")",
            word.text
        ));
    }
    unknown(table, word, &format!("not an option of {of}"))
}

#[derive(Clone, Copy, Debug)]
enum Port {
    Dev,
    FdbFlush,
    State,
    Priority,
    Cost,
    Hairpin,
    Guard,
    RootBlock,
    Fastleave,
    Learning,
    LearningSync,
    Flood,
    McastFlood,
    BcastFlood,
    McastToUnicast,
    ProxyArp,
    ProxyArpWifi,
    McastRouter,
    NeighSuppress,
    NeighVlanSuppress,
    NoVlanTunnel,
    GroupFwdMask,
    Isolated,
    Locked,
    Mab,
    Backup,
    NoBackup,
    McastMaxGroups,
    BackupNhid,
    Hwmode,
    BridgeSelf,
    BridgeMaster,
}

/// In `bridge_slave_parse_opt`'s order; `mab` and the last three are newer than iproute2 6.1.
const SLAVE: &Keywords<Port> = &[
    ("fdb_flush", Prefix, Port::FdbFlush),
    ("state", Prefix, Port::State),
    ("priority", Prefix, Port::Priority),
    ("cost", Prefix, Port::Cost),
    ("hairpin", Prefix, Port::Hairpin),
    ("guard", Prefix, Port::Guard),
    ("root_block", Prefix, Port::RootBlock),
    ("fastleave", Prefix, Port::Fastleave),
    ("learning", Prefix, Port::Learning),
    ("flood", Prefix, Port::Flood),
    ("mcast_flood", Prefix, Port::McastFlood),
    ("bcast_flood", Prefix, Port::BcastFlood),
    ("mcast_to_unicast", Prefix, Port::McastToUnicast),
    ("proxy_arp", Prefix, Port::ProxyArp),
    ("proxy_arp_wifi", Prefix, Port::ProxyArpWifi),
    ("mcast_router", Prefix, Port::McastRouter),
    ("mcast_fast_leave", Prefix, Port::Fastleave),
    ("neigh_suppress", Prefix, Port::NeighSuppress),
    ("group_fwd_mask", Prefix, Port::GroupFwdMask),
    ("vlan_tunnel", Prefix, Port::NoVlanTunnel),
    ("isolated", Prefix, Port::Isolated),
    ("locked", Prefix, Port::Locked),
    ("mab", Exact, Port::Mab),
    ("backup_port", Prefix, Port::Backup),
    ("nobackup_port", Prefix, Port::NoBackup),
    ("neigh_vlan_suppress", Exact, Port::NeighVlanSuppress),
    ("mcast_max_groups", Exact, Port::McastMaxGroups),
    ("backup_nhid", Exact, Port::BackupNhid),
];

/// Of `brlink_modify`, which takes no abbreviation; the last four are newer than iproute2 6.1.
const BRIDGE_LINK: &Keywords<Port> = &[
    ("dev", Exact, Port::Dev),
    ("cost", Exact, Port::Cost),
    ("priority", Exact, Port::Priority),
    ("state", Exact, Port::State),
    ("guard", Exact, Port::Guard),
    ("hairpin", Exact, Port::Hairpin),
    ("fastleave", Exact, Port::Fastleave),
    ("root_block", Exact, Port::RootBlock),
    ("learning", Exact, Port::Learning),
    ("learning_sync", Exact, Port::LearningSync),
    ("flood", Exact, Port::Flood),
    ("mcast_router", Exact, Port::McastRouter),
    ("mcast_flood", Exact, Port::McastFlood),
    ("bcast_flood", Exact, Port::BcastFlood),
    ("mcast_to_unicast", Exact, Port::McastToUnicast),
    ("neigh_suppress", Exact, Port::NeighSuppress),
    ("vlan_tunnel", Exact, Port::NoVlanTunnel),
    ("isolated", Exact, Port::Isolated),
    ("locked", Exact, Port::Locked),
    ("hwmode", Exact, Port::Hwmode),
    ("backup_port", Exact, Port::Backup),
    ("nobackup_port", Exact, Port::NoBackup),
    ("self", Exact, Port::BridgeSelf),
    ("master", Exact, Port::BridgeMaster),
    ("mab", Exact, Port::Mab),
    ("neigh_vlan_suppress", Exact, Port::NeighVlanSuppress),
    ("mcast_max_groups", Exact, Port::McastMaxGroups),
    ("backup_nhid", Exact, Port::BackupNhid),
];

/// `parse_stp_state`: names by their number in the kernel (`BR_STATE_*`).
const STATES: [&str; 5] = [
    "disabled",
    "listening",
    "learning",
    "forwarding",
    "blocking",
];

/// Reads what follows `type bridge_slave`, to the end of the command.
pub(super) fn slave(args: &mut Args<'_>) -> Result<PortOptions, Fault> {
    let mut options = PortOptions::default();
    while let Some(word) = args.take() {
        match keyword(SLAVE, &word.text) {
            Some(Port::State) => options.state = Some(u8_value(args)?),
            Some(Port::Priority) => options.priority = Some(u16_value(args)?),
            Some(Port::Cost) => options.cost = Some(u32_value(args, u32::MAX)?),
            Some(Port::McastRouter) => options.mcast_router = Some(u8_value(args)?),
            Some(key) => {
                option(&mut options, key, args)?;
            }
            None => return Err(unknown_option(SLAVE, word, "a bridge port")),
        }
    }
    Ok(options)
}

/// Reads what follows `bridge link set`, to the end of the command.
pub(super) fn bridge_link_set(args: &mut Args<'_>) -> Result<(String, PortOptions), Fault> {
    let mut options = PortOptions::default();
    let mut dev = None;
    let first = args.peek().map(|word| word.at);
    while let Some(word) = args.take() {
        match keyword(BRIDGE_LINK, &word.text) {
            Some(Port::Dev) => dev = Some(ifname(args)?),
            // `__s8`: a larger number never reaches the kernel as written.
            Some(Port::State) => options.state = Some(port_state(args, 127)?),
            Some(Port::Priority) => {
                let word = args.value("a decimal number from 0 to 32767")?;
                options.priority = u16::try_from(decimal(word, 0, 32767)?).ok();
            }
            // Cost 0 is never sent to the kernel.
            Some(Port::Cost) => {
                let word = args.value("a decimal number from 1 to 2147483647")?;
                options.cost = u32::try_from(decimal(word, 1, 0x7fff_ffff)?).ok();
            }
            Some(Port::BridgeSelf) => {
                return Err(fault(
                    word,
                    "\"self\" asks the port's own driver, and no netdev here has such options",
                )
                .expect("\"master\", or nothing"));
            }
            Some(Port::Hwmode) => {
                return Err(fault(word, "no netdev here has a switch in its hardware")
                    .expect("another option of a bridge port"));
            }
            Some(Port::McastRouter) => {
                let word = args.value("a decimal number from 0 to 2")?;
                options.mcast_router = u8::try_from(decimal(word, 0, 127)?).ok();
            }
            Some(key) => {
                option(&mut options, key, args)?;
            }
            None if Some(word.at) == first => {
                return Err(
                    unknown_option(BRIDGE_LINK, word, "a bridge port").expect(format!(
                        "\"dev {}\" (the keyword is needed here)",
                        word.text
                    )),
                );
            }
            None => return Err(unknown_option(BRIDGE_LINK, word, "a bridge port")),
        }
    }
    match dev {
        Some(dev) => Ok((dev, options)),
        None => Err(args.missing("\"dev\" and the name of a bridge port")),
    }
}

/// `state` of `bridge link set` and `bridge vlan set`: a decimal number or a name.
pub(super) fn port_state(args: &mut Args<'_>, max: u8) -> Result<u8, Fault> {
    let expected = "disabled, listening, learning, forwarding, blocking or a number";
    let word = args.value(expected)?;
    if let Some(number) = STATES.iter().position(|name| *name == word.text) {
        return Ok(u8::try_from(number).unwrap_or(u8::MAX));
    }
    if word.text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(u8::try_from(decimal(word, 0, max.into())?).unwrap_or(max));
    }
    Err(fault(word, "not a state of a bridge port").expect_one_of(STATES.iter().copied()))
}

/// Reads an option that both programs read alike.
fn option(options: &mut PortOptions, key: Port, args: &mut Args<'_>) -> Result<(), Fault> {
    let switch = match key {
        Port::Hairpin => &mut options.hairpin,
        Port::Guard => &mut options.guard,
        Port::RootBlock => &mut options.root_block,
        Port::Fastleave => &mut options.fastleave,
        Port::Learning => &mut options.learning,
        Port::Flood => &mut options.flood,
        Port::McastFlood => &mut options.mcast_flood,
        Port::BcastFlood => &mut options.bcast_flood,
        Port::McastToUnicast => &mut options.mcast_to_unicast,
        Port::ProxyArp => &mut options.proxy_arp,
        Port::ProxyArpWifi => &mut options.proxy_arp_wifi,
        Port::Isolated => &mut options.isolated,
        Port::Locked => &mut options.locked,
        Port::Mab => &mut options.mab,
        Port::NeighSuppress => &mut options.neigh_suppress,
        Port::NeighVlanSuppress => &mut options.neigh_vlan_suppress,
        Port::FdbFlush => {
            options.fdb_flush = true;
            return Ok(());
        }
        Port::GroupFwdMask => {
            options.group_fwd_mask = Some(u16_value(args)?);
            return Ok(());
        }
        Port::Backup => {
            options.backup_port = Some(Some(ifname(args)?));
            return Ok(());
        }
        Port::NoBackup => {
            options.backup_port = Some(None);
            return Ok(());
        }
        Port::NoVlanTunnel => return only_switch(args, false, "VLAN tunnels are not modelled"),
        // The kernel's bridge has no such attribute: either value changes nothing there.
        Port::LearningSync => return on_off(args).map(|_| ()),
        Port::McastMaxGroups => {
            options.mcast_max_groups = Some(u32_value(args, u32::MAX)?);
            return Ok(());
        }
        Port::BackupNhid => return only(args, &[0], "nexthops are a matter of VXLAN"),
        Port::Dev
        | Port::State
        | Port::Priority
        | Port::Cost
        | Port::McastRouter
        | Port::Hwmode
        | Port::BridgeSelf
        | Port::BridgeMaster => {
            return Ok(());
        }
    };
    *switch = Some(on_off(args)?);
    Ok(())
}
