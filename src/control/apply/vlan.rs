//! VLANs of bridges and their ports: `bridge vlan`.

use super::{Apply, Done, Failure};
use crate::iproute::command::{VidRange, VlanGlobalOptions, VlanGlobalSet, VlanSet, VlanSpec};
use crate::mcast::Scope;
use crate::netdev::multicast::{MulticastOption, interval};
use crate::netdev::vlan::Vids;
use crate::netdev::vlan::rules::{Joining, MemberOptions};
use crate::netdev::{Errno, NetdevId, Refusal};

impl Apply<'_> {
    /// `rtnl_bridge_setlink`, `br_setlink`.
    pub(super) fn vlan_add(&mut self, spec: &VlanSpec) -> Done {
        let how = Joining {
            pvid: spec.pvid,
            untagged: spec.untagged,
        };
        self.on_both_sides(spec, |apply, id| {
            let vids = vids(spec.vids).map_err(|refusal| refusal.extack(INVALID_ID))?;
            Ok(apply.network.join_vlans(apply.now, id, vids, how)?)
        })
    }

    /// `rtnl_bridge_dellink`, `br_dellink`, which gives no messages.
    pub(super) fn vlan_del(&mut self, spec: &VlanSpec) -> Done {
        self.on_both_sides(spec, |apply, id| {
            let vids = vids(spec.vids)?;
            Ok(apply.network.leave_vlans(apply.now, id, vids)?)
        })
    }

    /// Does something to a netdev as a port, as a bridge itself, or (what the kernel lets nobody
    /// finish) both. A netdev is meant as a port unless only `self` is said.
    fn on_both_sides(
        &mut self,
        spec: &VlanSpec,
        act: impl Fn(&mut Self, NetdevId) -> Done,
    ) -> Done {
        let id = self.bridge_device(&spec.dev)?;
        let netdev = self.network.netdev(id);
        let (port, bridge) = (netdev.port.is_some(), netdev.bridge().is_some());
        let refuse = |note: String| Err(Refusal::new(Errno::NotSupported, note).into());
        if spec.on_master || !spec.on_self {
            if !port && bridge {
                return refuse(format!(
                    "{} is no port; a bridge's own VLANs need self",
                    spec.dev
                ));
            }
            if !port {
                return refuse(format!("{} is not a bridge port", spec.dev));
            }
            act(self, id)?;
        }
        if spec.on_self {
            if !bridge {
                return refuse(format!(
                    "self is for a bridge's own VLANs, and {} is none",
                    spec.dev
                ));
            }
            act(self, id)?;
        }
        Ok(())
    }

    /// `br_vlan_rtm_process` with options only.
    pub(super) fn vlan_set(&mut self, set: &VlanSet) -> Done {
        let id = self.network_device(&set.dev)?;
        self.check_has_vlans(id)?;
        let vids = vids(set.vids).map_err(|refusal| refusal.extack(INVALID_ID))?;
        let options = MemberOptions {
            state: set.state,
            mcast_router: set.mcast_router,
            mcast_max_groups: set.mcast_max_groups,
            neigh_suppress: set.neigh_suppress,
        };
        Ok(self
            .network
            .set_member_options(self.now, id, vids, options)?)
    }

    /// `br_vlan_rtm_process_global_options`.
    pub(super) fn vlan_global_set(&mut self, set: &VlanGlobalSet) -> Done {
        let id = self.network_device(&set.dev)?;
        self.check_has_vlans(id)?;
        if self.network.netdev(id).bridge().is_none() {
            let note = format!(
                "{} is a port; what holds for a VLAN is its bridge's",
                set.dev
            );
            return Err(Refusal::new(Errno::Invalid, note)
                .extack("bridge: Global vlan options can only be set on bridge device")
                .into());
        }
        let vids = vids(set.vids).map_err(|refusal| refusal.extack(INVALID_ID))?;
        let options = global_options(&set.options);
        for vid in vids.iter() {
            let vlan = self
                .network
                .netdev(id)
                .bridge()
                .and_then(|it| it.vlans.get(vid));
            if vlan.is_none() {
                let note = format!("neither {} nor a port of it is in VLAN {vid}", set.dev);
                return Err(Refusal::new(Errno::NoEntry, note)
                    .extack("bridge: Vlan in range doesn't exist, can't process global options")
                    .into());
            }
            for option in &options {
                let of = Scope::Vlan(vid.get());
                self.network
                    .set_multicast_option(self.now, id, of, *option)?;
            }
        }
        Ok(())
    }

    fn check_has_vlans(&self, id: NetdevId) -> Done {
        let netdev = self.network.netdev(id);
        if netdev.bridge().is_some() || netdev.port.is_some() {
            return Ok(());
        }
        Err(self.network.not_bridge_or_port(id).into())
    }

    fn network_device(&self, name: &str) -> Result<NetdevId, Failure> {
        self.network
            .find(self.ns, name)
            .ok_or_else(|| Failure::Said(format!("Cannot find network device \"{name}\"\n"), 255))
    }
}

const INVALID_ID: &str = "bridge: Vlan id is invalid";

fn vids(vids: VidRange) -> Result<Vids, Refusal> {
    Vids::new(vids.first, vids.last).ok_or_else(|| {
        let note = "VLANs are 1 to 4094; 0 marks a frame without VLAN, 4095 is reserved";
        Refusal::new(Errno::Invalid, note)
    })
}

/// What is set of a VLAN as a whole, in the kernel's order (`br_vlan_process_global_one_opts`).
fn global_options(options: &VlanGlobalOptions) -> Vec<MulticastOption> {
    use MulticastOption as M;
    let time = |centis: Option<u64>| centis.map(interval);
    let steps = [
        options.mcast_snooping.map(|it| M::Snooping(it != 0)),
        options.mcast_igmp_version.map(M::IgmpVersion),
        options.mcast_last_member_count.map(M::LastMemberCount),
        options.mcast_startup_query_count.map(M::StartupQueryCount),
        time(options.mcast_last_member_interval).map(M::LastMemberInterval),
        time(options.mcast_membership_interval).map(M::MembershipInterval),
        time(options.mcast_querier_interval).map(M::QuerierInterval),
        time(options.mcast_query_interval).map(M::QueryInterval),
        time(options.mcast_query_response_interval).map(M::QueryResponseInterval),
        time(options.mcast_startup_query_interval).map(M::StartupQueryInterval),
        options.mcast_querier.map(|it| M::Querier(it != 0)),
        options.mcast_mld_version.map(M::MldVersion),
    ];
    steps.into_iter().flatten().collect()
}
