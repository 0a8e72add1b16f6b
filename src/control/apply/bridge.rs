//! Options of bridges and their ports: `type bridge`, `type bridge_slave`, `bridge link set`.

use super::{Apply, Done, Failure};
use crate::iproute::command::{BridgeOptions, PortOptions};
use crate::mcast::Scope;
use crate::netdev::bridge::PortFlags;
use crate::netdev::bridge_options::BridgeOption;
use crate::netdev::multicast::{MulticastOption as M, interval};
use crate::netdev::vlan::rules::VlanOption;
use crate::netdev::{Errno, NetdevId, Refusal};
use crate::stp::Times;
use crate::time::Duration;
use crate::wire::{TagType, Vid};

impl Apply<'_> {
    /// `br_changelink`.
    pub(super) fn bridge_options(&mut self, id: NetdevId, options: &BridgeOptions) -> Done {
        let (vlan_protocol, default_pvid) = validate(options)?;
        let vlan = BridgeOption::Vlan;
        let multicast = BridgeOption::Multicast;
        let time = |centis: Option<u64>, option: fn(Duration) -> M| {
            centis.map(interval).map(option).map(multicast)
        };
        let centis = |value: u32| Duration::from_millis(u64::from(value) * 10);
        let times = Times {
            forward_delay: options.forward_delay.map(centis),
            hello_time: options.hello_time.map(centis),
            max_age: options.max_age.map(centis),
        };
        let steps = [
            (times != Times::default()).then_some(BridgeOption::Times(times)),
            options
                .ageing_time
                .map(|it| BridgeOption::AgeingTime(centis(it))),
            options.stp_state.map(|it| BridgeOption::Stp(it != 0)),
            options.priority.map(BridgeOption::Priority),
            options.vlan_filtering.map(VlanOption::Filtering).map(vlan),
            vlan_protocol.map(VlanOption::Protocol).map(vlan),
            default_pvid.map(VlanOption::DefaultPvid).map(vlan),
            options.vlan_stats_enabled.map(VlanOption::Stats).map(vlan),
            options
                .vlan_stats_per_port
                .map(VlanOption::StatsPerPort)
                .map(vlan),
            options.group_fwd_mask.map(BridgeOption::GroupFwdMask),
            options.group_address.map(BridgeOption::GroupAddress),
            options.fdb_flush.then_some(BridgeOption::FdbFlush),
            options
                .no_linklocal_learn
                .map(BridgeOption::NoLinklocalLearn),
            options.mcast_router.map(M::Router).map(multicast),
            options.mcast_snooping.map(M::Snooping).map(multicast),
            options
                .mcast_query_use_ifaddr
                .map(M::UseIfaddr)
                .map(multicast),
            options.mcast_querier.map(M::Querier).map(multicast),
            options.mcast_hash_max.map(M::HashMax).map(multicast),
            options
                .mcast_last_member_count
                .map(M::LastMemberCount)
                .map(multicast),
            options
                .mcast_startup_query_count
                .map(M::StartupQueryCount)
                .map(multicast),
            time(options.mcast_last_member_interval, M::LastMemberInterval),
            time(options.mcast_membership_interval, M::MembershipInterval),
            time(options.mcast_querier_interval, M::QuerierInterval),
            time(options.mcast_query_interval, M::QueryInterval),
            time(
                options.mcast_query_response_interval,
                M::QueryResponseInterval,
            ),
            time(
                options.mcast_startup_query_interval,
                M::StartupQueryInterval,
            ),
            options.mcast_stats_enabled.map(M::Stats).map(multicast),
            options
                .mcast_igmp_version
                .map(M::IgmpVersion)
                .map(multicast),
            options.mcast_mld_version.map(M::MldVersion).map(multicast),
            options
                .mcast_vlan_snooping
                .map(M::VlanSnooping)
                .map(multicast),
            options.fdb_max_learned.map(BridgeOption::FdbMaxLearned),
        ];
        for step in steps.into_iter().flatten() {
            self.network.set_bridge_option(self.now, id, step)?;
        }
        Ok(())
    }

    pub(super) fn bridge_link_set(&mut self, dev: &str, options: &PortOptions) -> Done {
        let backup = self.backup(options, |name| {
            (format!("Error: device {name} does not exist\n"), 255)
        })?;
        let id = self.bridge_device(dev)?;
        // iproute2 does not send a cost of 0.
        let options = PortOptions {
            cost: options.cost.filter(|cost| *cost > 0),
            ..options.clone()
        };
        self.port_options(id, &options, backup)
    }

    /// `br_setport`.
    pub(super) fn port_options(
        &mut self,
        id: NetdevId,
        options: &PortOptions,
        backup: Option<Option<NetdevId>>,
    ) -> Done {
        let network = &mut *self.network;
        let Some((_, port)) = network.port(id) else {
            let note = format!("{} is not a bridge port", network.netdev(id).name);
            return Err(Refusal::new(Errno::NotSupported, note).into());
        };
        let old = port.flags;
        let flags = PortFlags {
            hairpin: options.hairpin.unwrap_or(old.hairpin),
            guard: options.guard.unwrap_or(old.guard),
            root_block: options.root_block.unwrap_or(old.root_block),
            fastleave: options.fastleave.unwrap_or(old.fastleave),
            learning: options.learning.unwrap_or(old.learning),
            flood: options.flood.unwrap_or(old.flood),
            mcast_flood: options.mcast_flood.unwrap_or(old.mcast_flood),
            bcast_flood: options.bcast_flood.unwrap_or(old.bcast_flood),
            mcast_to_unicast: options.mcast_to_unicast.unwrap_or(old.mcast_to_unicast),
            proxy_arp: options.proxy_arp.unwrap_or(old.proxy_arp),
            proxy_arp_wifi: options.proxy_arp_wifi.unwrap_or(old.proxy_arp_wifi),
            neigh_suppress: options.neigh_suppress.unwrap_or(old.neigh_suppress),
            neigh_vlan_suppress: options
                .neigh_vlan_suppress
                .unwrap_or(old.neigh_vlan_suppress),
            isolated: options.isolated.unwrap_or(old.isolated),
            locked: options.locked.unwrap_or(old.locked),
            mab: options.mab.unwrap_or(old.mab),
        };
        network.set_port_flags(self.now, id, flags)?;
        if let Some(cost) = options.cost {
            network.set_port_cost(self.now, id, cost)?;
        }
        if let Some(priority) = options.priority {
            network.set_port_priority(self.now, id, priority)?;
        }
        if let Some(state) = options.state {
            network.set_port_state(self.now, id, state)?;
        }
        if options.fdb_flush {
            network.flush_learned(self.now, id)?;
        }
        if let Some(router) = options.mcast_router {
            network.set_port_multicast_router(self.now, id, Scope::Bridge, router)?;
        }
        if let Some(max) = options.mcast_max_groups {
            network.set_port_max_groups(id, Scope::Bridge, max)?;
        }
        if let Some(mask) = options.group_fwd_mask {
            network.set_port_group_fwd_mask(id, mask)?;
        }
        if let Some(backup) = backup {
            network.set_backup_port(id, backup)?;
        }
        Ok(())
    }

    pub(super) fn backup(
        &self,
        options: &PortOptions,
        absent: impl Fn(&str) -> (String, u8),
    ) -> Result<Option<Option<NetdevId>>, Failure> {
        match &options.backup_port {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(name)) => {
                let found = self.network.find(self.ns, name);
                found.map(|id| Some(Some(id))).ok_or_else(|| {
                    let (text, status) = absent(name);
                    Failure::Said(text, status)
                })
            }
        }
    }
}

/// What the kernel checks before it makes or changes anything (`br_validate`): the tag type, and the
/// default PVID (`Some(None)` is 0, none).
///
/// # Errors
/// `EPROTONOSUPPORT` for what is no tag type, `EINVAL` for a PVID above 4094.
pub(super) fn validate(
    options: &BridgeOptions,
) -> Result<(Option<TagType>, Option<Option<Vid>>), Refusal> {
    let protocol = options.vlan_protocol.map(|ether_type| {
        TagType::of(ether_type).ok_or_else(|| {
            let note = "a bridge works with tags of type 802.1Q or 802.1ad";
            Refusal::new(Errno::ProtocolNotSupported, note)
        })
    });
    let pvid = options.vlan_default_pvid.map(|vid| match Vid::new(vid) {
        None if vid != 0 => Err(Refusal::new(
            Errno::Invalid,
            "the default PVID is 1 to 4094, or 0 for none",
        )),
        vid => Ok(vid),
    });
    Ok((protocol.transpose()?, pvid.transpose()?))
}
