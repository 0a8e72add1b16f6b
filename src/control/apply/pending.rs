//! What the language has and the model has no part for: refused with a reason, whatever the values are.
//!
//! Values that say what this program does anyway are let through.

use super::{Done, Failure};
use crate::iproute::command::{BridgeOptions, PortOptions};
use crate::netdev::{Errno, Refusal};

/// Refuses a command.
pub(super) fn refuse(what: &str) -> Done {
    let note = format!("{what} is not modelled yet");
    Err(Failure::Refused(Refusal::new(Errno::NotSupported, note)))
}

/// Refuses options of a bridge.
pub(super) fn bridge(o: &BridgeOptions) -> Done {
    let other = [
        ("mcast_snooping", o.mcast_snooping == Some(true)),
        ("mcast_vlan_snooping", o.mcast_vlan_snooping == Some(true)),
        ("mcast_router", is_not(o.mcast_router, 1)),
        (
            "mcast_query_use_ifaddr",
            o.mcast_query_use_ifaddr == Some(true),
        ),
        ("mcast_querier", o.mcast_querier == Some(true)),
        ("mcast_hash_elasticity", is_not(o.mcast_hash_elasticity, 16)),
        ("mcast_hash_max", is_not(o.mcast_hash_max, 4096)),
        (
            "mcast_last_member_count",
            is_not(o.mcast_last_member_count, 2),
        ),
        (
            "mcast_startup_query_count",
            is_not(o.mcast_startup_query_count, 2),
        ),
        (
            "mcast_last_member_interval",
            is_not(o.mcast_last_member_interval, 100),
        ),
        (
            "mcast_membership_interval",
            is_not(o.mcast_membership_interval, 26_000),
        ),
        (
            "mcast_querier_interval",
            is_not(o.mcast_querier_interval, 25_500),
        ),
        (
            "mcast_query_interval",
            is_not(o.mcast_query_interval, 12_500),
        ),
        (
            "mcast_query_response_interval",
            is_not(o.mcast_query_response_interval, 1_000),
        ),
        // 31.25 s; the kernel shows what is left of it in ticks.
        (
            "mcast_startup_query_interval",
            is_not(o.mcast_startup_query_interval, 3_125)
                && is_not(o.mcast_startup_query_interval, 3_124),
        ),
        ("mcast_stats_enabled", o.mcast_stats_enabled == Some(true)),
        ("mcast_igmp_version", is_not(o.mcast_igmp_version, 2)),
        ("mcast_mld_version", is_not(o.mcast_mld_version, 1)),
    ];
    first(&other)
}

/// Refuses options of a port.
pub(super) fn port(o: &PortOptions) -> Done {
    let other = [
        ("neigh_suppress", o.neigh_suppress == Some(true)),
        ("neigh_vlan_suppress", o.neigh_vlan_suppress == Some(true)),
        ("mcast_router", is_not(o.mcast_router, 1)),
        ("mcast_max_groups", is_not(o.mcast_max_groups, 0)),
    ];
    first(&other)
}

fn is_not<T: PartialEq>(option: Option<T>, value: T) -> bool {
    option.is_some_and(|it| it != value)
}

fn first(options: &[(&str, bool)]) -> Done {
    options
        .iter()
        .find(|(_, other)| *other)
        .map_or(Ok(()), |(name, _)| refuse(&format!("this value of {name}")))
}
