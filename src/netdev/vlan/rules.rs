//! What commands do to the VLANs of a bridge (`net/bridge/br_vlan.c`, `br_vlan_options.c`).
//!
//! A range is taken VLAN by VLAN, lowest first; what was done before one is refused stays done, as in
//! the kernel. Taking VLANs away walks the FDB once, however many they are.

use std::sync::Arc;

use super::{Member, VidSet, Vids, Vlan};
use crate::mcast::Scope;
use crate::netdev::multicast::MulticastOption;
use crate::netdev::ports::PORT_STATES;
use crate::netdev::{Bridge, Errno, Network, Refusal};
use crate::switch::plan::PortState;
use crate::switch::{Key, NetdevId, PortNo, PortSet};
use crate::time::Instant;
use crate::wire::{MacAddr, TagType, Vid};

/// How a netdev is to be a member of a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// `pvid`: untagged frames belong to the VLAN. Without it, a VLAN that was the PVID no longer is.
    pub pvid: bool,
    /// `untagged`: frames leave without a tag.
    pub untagged: bool,
}

impl Joining {
    /// As the default VLAN is.
    const DEFAULT: Self = Self {
        pvid: true,
        untagged: true,
    };
}

/// What to set about members of VLANs (`bridge vlan set`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberOptions {
    /// `state`, 0 to 4.
    pub state: Option<u8>,
    /// `mcast_router`.
    pub mcast_router: Option<u8>,
    /// `mcast_max_groups`.
    pub mcast_max_groups: Option<u32>,
    /// `neigh_suppress`.
    pub neigh_suppress: Option<bool>,
}

/// An option of a bridge that is about VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanOption {
    /// `vlan_filtering`.
    Filtering(bool),
    /// `vlan_protocol`.
    Protocol(TagType),
    /// `vlan_default_pvid`; `None` for 0.
    DefaultPvid(Option<Vid>),
    /// `vlan_stats_enabled`, 0 or 1.
    Stats(u8),
    /// `vlan_stats_per_port`, 0 or 1.
    StatsPerPort(u8),
}

impl Network {
    /// Makes a bridge port, or a bridge itself, a member of VLANs, or changes how it is one
    /// (`nbp_vlan_add`, `br_vlan_add`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is neither; `EINVAL` for a bridge that has no address yet.
    pub fn join_vlans(
        &mut self,
        now: Instant,
        id: NetdevId,
        vids: Vids,
        how: Joining,
    ) -> Result<(), Refusal> {
        let (bridge, port) = self.fdb_of(id)?;
        let done = vids
            .iter()
            .try_for_each(|vid| self.join_vlan(now, bridge, port, vid, how, vids.is_range()));
        self.vlans_changed(bridge);
        self.follow_members(now, bridge);
        done
    }

    /// Ends the membership of a bridge port, or of a bridge itself, in VLANs (`nbp_vlan_delete`,
    /// `br_vlan_delete`). Not being in one of them is none the worse.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is neither.
    pub fn leave_vlans(&mut self, now: Instant, id: NetdevId, vids: Vids) -> Result<(), Refusal> {
        let (bridge, port) = self.fdb_of(id)?;
        self.take_out(now, bridge, port, vids.iter());
        self.follow_members(now, bridge);
        Ok(())
    }

    /// Sets what members have set (`br_vlan_process_options`).
    ///
    /// # Errors
    /// `EINVAL` if the netdev is no bridge or port, or for a value that is out of range; `ENOENT` for
    /// a VLAN that it is not in; `EBUSY` for a state while spanning tree runs. In a range, what comes
    /// before stays set.
    pub fn set_member_options(
        &mut self,
        now: Instant,
        id: NetdevId,
        vids: Vids,
        options: MemberOptions,
    ) -> Result<(), Refusal> {
        let Ok((bridge, port)) = self.fdb_of(id) else {
            return Err(self.not_bridge_or_port(id));
        };
        let check = |network: &Self, vid: Vid, message: &'static str| {
            let is_in = network
                .bridge(bridge)
                .is_some_and(|it| it.vlans.has(port, vid));
            let note = || format!("{} is not in VLAN {vid}", network.netdev(id).name);
            is_in
                .then_some(())
                .ok_or_else(|| Refusal::new(Errno::NoEntry, note()).extack(message))
        };
        check(
            self,
            vids.first(),
            "bridge: Vlan range start doesn't exist, can't process options",
        )?;
        check(
            self,
            vids.last(),
            "bridge: Vlan range end doesn't exist, can't process options",
        )?;
        if options.mcast_router.is_some() || options.mcast_max_groups.is_some() {
            self.sync_multicast_vlans(now, bridge);
        }
        vids.iter().try_for_each(|vid| {
            check(
                self,
                vid,
                "bridge: Vlan in range doesn't exist, can't process options",
            )?;
            self.set_options(now, id, (bridge, port), vid, options)
        })
    }

    /// `br_vlan_process_one_opts`, in the kernel's order.
    fn set_options(
        &mut self,
        now: Instant,
        id: NetdevId,
        (bridge_id, port): (NetdevId, Option<PortNo>),
        vid: Vid,
        options: MemberOptions,
    ) -> Result<(), Refusal> {
        let of = Scope::Vlan(vid.get());
        if let Some(state) = options.state {
            let stp = self.bridge(bridge_id).is_some_and(|it| it.tree.stp());
            let state = vlan_state(state, stp)?;
            self.edit_member(bridge_id, port, vid, |member| member.state = state);
        }
        match (options.mcast_router, port) {
            (Some(value), Some(_)) => self.set_port_multicast_router(now, id, of, value)?,
            (Some(value), None) => {
                self.set_multicast_option(now, id, of, MulticastOption::Router(value))?;
            }
            (None, _) => {}
        }
        if let Some(max) = options.mcast_max_groups {
            let refuse = |message: &'static str| {
                let note = "groups are counted by VLAN only on ports, with mcast_vlan_snooping";
                Refusal::new(Errno::Invalid, note).extack(message)
            };
            let Some(number) = port else {
                return Err(refuse(
                    "bridge: Can't set mcast_max_groups for non-port vlans",
                ));
            };
            let machine = self.bridge(bridge_id).map(|bridge| &bridge.multicast);
            if !machine.is_some_and(|it| it.port_vlan_enabled(number, vid.get())) {
                return Err(refuse("bridge: Multicast snooping disabled on this VLAN"));
            }
            self.set_port_max_groups(id, of, max)?;
        }
        if let Some(suppress) = options.neigh_suppress {
            if port.is_none() {
                let note = "neighbours are answered for by ports; the bridge itself is none";
                return Err(Refusal::new(Errno::Invalid, note)
                    .extack("bridge: Can't set neigh_suppress for non-port vlans"));
            }
            self.edit_member(bridge_id, port, vid, |it| it.neigh_suppress = suppress);
        }
        Ok(())
    }

    fn edit_member(
        &mut self,
        id: NetdevId,
        port: Option<PortNo>,
        vid: Vid,
        edit: impl FnOnce(&mut Member),
    ) {
        let bridge = self.bridge_mut(id);
        if let Some(vlan) = bridge.and_then(|it| it.vlans.by_vid.get_mut(&vid)) {
            let before = vlan.member(port);
            let mut member = before;
            edit(&mut member);
            if member != before {
                vlan.set_member(port, member);
                self.vlans_changed(id);
            }
        }
    }

    /// Sets an option about the VLANs of a bridge (`br_changelink`).
    ///
    /// # Errors
    /// `EINVAL` for counters neither on nor off, `EBUSY` for those per port while ports are in VLANs,
    /// `EINVAL` for a default VLAN that a bridge without address cannot join.
    pub(in crate::netdev) fn set_vlan_option(
        &mut self,
        now: Instant,
        id: NetdevId,
        option: VlanOption,
    ) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge_mut(id) else {
            return Ok(());
        };
        match option {
            VlanOption::Filtering(on) => {
                bridge.vlans.filtering = on;
                if !on {
                    // Contexts per VLAN go with the VLANs (br_vlan_filter_toggle).
                    bridge.multicast.set_vlan_snooping(now, false);
                }
                bridge.recalculate_group_address();
            }
            VlanOption::Protocol(protocol) => {
                bridge.vlans.protocol = protocol;
                bridge.recalculate_group_address();
            }
            VlanOption::DefaultPvid(None) => self.disable_default_pvid(now, id),
            VlanOption::DefaultPvid(Some(pvid)) => self.set_default_pvid(now, id, pvid)?,
            VlanOption::Stats(value) => bridge.vlans.stats = on_or_off(value)?,
            VlanOption::StatsPerPort(value) => {
                let has_ports = |(_, vlan): (Vid, &Vlan)| vlan.members != PortSet::EMPTY;
                if bridge.vlans.iter().any(has_ports) {
                    return Err(Refusal::new(
                        Errno::Busy,
                        "who counts can change only while no port is in a VLAN: take the ports out of the bridge first",
                    ));
                }
                bridge.vlans.stats_per_port = on_or_off(value)?;
            }
        }
        self.number_vlans(id);
        self.vlans_changed(id);
        self.follow_members(now, id);
        self.touch();
        Ok(())
    }

    /// Makes a new port a member of the default VLAN (`nbp_vlan_init`).
    pub(in crate::netdev) fn join_default_vlan(
        &mut self,
        now: Instant,
        id: NetdevId,
        port: PortNo,
    ) {
        let default = self.bridge(id).and_then(|bridge| bridge.vlans.default_pvid);
        if let Some(vid) = default {
            // A port has a station's address, so nothing is refused.
            _ = self.join_vlan(now, id, Some(port), vid, Joining::DEFAULT, false);
            self.vlans_changed(id);
        }
    }

    /// Takes a port that leaves out of all its VLANs (`nbp_vlan_flush`). Its entries are not looked at.
    pub(in crate::netdev) fn drop_port_vlans(&mut self, id: NetdevId, port: PortNo) {
        if let Some(bridge) = self.bridge_mut(id) {
            bridge.vlans.by_vid.retain(|_, vlan| {
                vlan.remove(Some(port));
                !vlan.is_unused()
            });
            bridge.set_pvid(Some(port), None);
            bridge.vlans.changed();
        }
    }

    /// `__vlan_add`, `br_vlan_add_existing`.
    fn join_vlan(
        &mut self,
        now: Instant,
        id: NetdevId,
        port: Option<PortNo>,
        vid: Vid,
        how: Joining,
        ranged: bool,
    ) -> Result<(), Refusal> {
        let Some(mac) = self.member_address(id, port) else {
            return Ok(());
        };
        let mut next = self.vlan_counters;
        let Some(bridge) = self.bridge_mut(id) else {
            return Ok(());
        };
        let vlans = &mut bridge.vlans;
        if port.is_none() && !vlans.has(None, vid) && !mac.is_station() {
            return Err(Refusal::new(
                Errno::Invalid,
                "a bridge has no address of its own until it has a port or is given one",
            ));
        }
        let known = vlans.by_vid.contains_key(&vid);
        let vlan = vlans.by_vid.entry(vid).or_default();
        let joins = !vlan.has(port);
        match port {
            Some(port) => vlan.members.insert(port),
            None => {
                vlan.host = true;
                vlan.ranged |= ranged && !known;
            }
        }
        vlan.set_untagged(port, how.untagged);
        if vlans.stats {
            vlan.number(vlans.stats_per_port, &mut next);
        }
        if how.pvid {
            bridge.set_pvid(port, Some(vid));
        } else if bridge.pvid(port) == Some(vid) {
            bridge.set_pvid(port, None);
        }
        if joins {
            let fdb = Arc::clone(&bridge.fdb);
            crate::netdev::fdb::add_local_entry(now, &fdb, port, Key::new(mac, Some(vid)));
        }
        self.vlan_counters = next;
        Ok(())
    }

    /// Takes a port (`None`: the bridge itself) out of those of some VLANs that it is in, with what the
    /// FDB has behind it there.
    fn take_out(
        &mut self,
        now: Instant,
        id: NetdevId,
        port: Option<PortNo>,
        vids: impl Iterator<Item = Vid>,
    ) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let vids: VidSet = vids.filter(|vid| bridge.vlans.has(port, *vid)).collect();
        if vids.is_empty() {
            return;
        }
        self.flush_vlans(now, id, port, &vids);
        let Some(bridge) = self.bridge_mut(id) else {
            return;
        };
        if bridge.pvid(port).is_some_and(|pvid| vids.contains(pvid)) {
            bridge.set_pvid(port, None);
        }
        for vid in vids.iter() {
            if let Some(vlan) = bridge.vlans.by_vid.get_mut(&vid) {
                vlan.remove(port);
                if vlan.is_unused() {
                    bridge.vlans.by_vid.remove(&vid);
                }
            }
        }
        self.vlans_changed(id);
    }

    /// `__br_vlan_set_default_pvid`: only who still is in the old default VLAN as by default moves.
    fn set_default_pvid(&mut self, now: Instant, id: NetdevId, pvid: Vid) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge(id) else {
            return Ok(());
        };
        let old = bridge.vlans.default_pvid;
        let follows = |port| old.is_none_or(|old| bridge.is_default(port, old));
        let ports = bridge.ports.iter().map(|port| Some(port.number));
        let movers: Vec<_> = [None]
            .into_iter()
            .chain(ports)
            .filter(|port| follows(*port) && !bridge.vlans.has(*port, pvid))
            .collect();
        for port in movers {
            self.join_vlan(now, id, port, pvid, Joining::DEFAULT, false)?;
            self.take_out(now, id, port, old.into_iter());
        }
        if let Some(bridge) = self.bridge_mut(id) {
            bridge.vlans.default_pvid = Some(pvid);
        }
        Ok(())
    }

    /// `br_vlan_disable_default_pvid`.
    fn disable_default_pvid(&mut self, now: Instant, id: NetdevId) {
        let Some(bridge) = self.bridge_mut(id) else {
            return;
        };
        let Some(old) = bridge.vlans.default_pvid.take() else {
            return;
        };
        let ports = bridge.ports.iter().map(|port| Some(port.number));
        let all = [None].into_iter().chain(ports);
        let leavers: Vec<_> = all.filter(|port| bridge.is_default(*port, old)).collect();
        for port in leavers {
            self.take_out(now, id, port, [old].into_iter());
        }
    }

    /// Gives out the counters that are missing.
    fn number_vlans(&mut self, id: NetdevId) {
        let mut next = self.vlan_counters;
        if let Some(bridge) = self.bridge_mut(id)
            && bridge.vlans.stats
        {
            let per_port = bridge.vlans.stats_per_port;
            for vlan in bridge.vlans.by_vid.values_mut() {
                vlan.number(per_port, &mut next);
            }
        }
        self.vlan_counters = next;
    }

    /// The plan shows the VLANs of a bridge only while it filters by them.
    fn vlans_changed(&mut self, id: NetdevId) {
        if let Some(bridge) = self.bridge_mut(id) {
            bridge.vlans.changed();
            if bridge.vlans.filtering {
                self.touch();
            }
        }
    }

    /// Returns the address that a port (`None`: the bridge itself) is known by in its VLANs.
    fn member_address(&self, id: NetdevId, port: Option<PortNo>) -> Option<MacAddr> {
        let netdev = match port {
            None => id,
            Some(port) => self.bridge(id)?.port(port)?.netdev,
        };
        Some(self.netdev(netdev).mac)
    }

    /// Refuses options of VLANs for a netdev that has none (`br_vlan_rtm_process`).
    pub fn not_bridge_or_port(&self, id: NetdevId) -> Refusal {
        Refusal::new(
            Errno::Invalid,
            format!(
                "{} is neither a bridge nor a port of one",
                self.netdev(id).name
            ),
        )
        .extack("bridge: The device is not a valid bridge or bridge port")
    }
}

/// 01:80:c2:00:00:00, :0b, :0c, :0d and :0f, which belong to customers (IEEE 802.1Q-2011 table 8-1;
/// `BR_GROUPFWD_8021AD`).
const CUSTOMERS_FWD_MASK: u16 = 0xb801;

impl Bridge {
    /// Whether a VLAN is the PVID of a port (`None`: of the bridge itself), which leaves it untagged
    /// (`vlan_default_pvid`).
    fn is_default(&self, port: Option<PortNo>, vid: Vid) -> bool {
        self.pvid(port) == Some(vid)
            && self.vlans.get(vid).is_some_and(|vlan| match port {
                Some(port) => vlan.untagged.contains(port),
                None => vlan.host && vlan.host_untagged,
            })
    }

    /// What a provider's bridge lets through whatever its mask: reserved addresses that are the
    /// customers' business, but for its own group address (`br_recalculate_fwd_mask`).
    pub(in crate::netdev) fn required_fwd_mask(&self) -> u16 {
        if !self.vlans.is_provider() {
            return 0;
        }
        let own = self.tree.group_address().reserved();
        CUSTOMERS_FWD_MASK & !own.map_or(0, |last| 1 << last)
    }

    /// The address that BPDUs go to, unless a command chose it: the Bridge Group Address, or with VLAN
    /// filtering by service tags the Provider Bridge Group Address (`recalculate_group_addr`).
    fn recalculate_group_address(&mut self) {
        if !self.group_address_set {
            let last = if self.vlans.is_provider() { 0x08 } else { 0x00 };
            let mac = MacAddr::new([0x01, 0x80, 0xc2, 0, 0, last]);
            self.tree.set_group_address(mac);
        }
    }
}

/// `br_vlan_modify_state`.
fn vlan_state(state: u8, stp: bool) -> Result<PortState, Refusal> {
    let state = PORT_STATES
        .get(usize::from(state))
        .copied()
        .ok_or_else(|| {
            let note =
                "port states are 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking";
            Refusal::new(Errno::Invalid, note).extack("bridge: Invalid vlan state")
        })?;
    if stp {
        let note = "spanning tree decides port states; switch it off first (stp_state 0)";
        return Err(Refusal::new(Errno::Busy, note)
            .extack("bridge: Can't modify vlan state when using kernel STP"));
    }
    Ok(state)
}

fn on_or_off(value: u8) -> Result<bool, Refusal> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Refusal::new(
            Errno::Invalid,
            "counters are off (0) or on (1)",
        )),
    }
}
