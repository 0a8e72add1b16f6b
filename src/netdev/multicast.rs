//! Multicast snooping of bridges: what the machine in [`mcast`](crate::mcast) is told and what its
//! output leads to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::address::scope;
use super::link::not_a_bridge;
use super::{Bridge, Errno, Kind, Netdev, Network, Refusal};
use crate::mcast::{
    Addresses, GroupSpec, InvalidValue, MdbRefused, Output, Scope, Settings, Snooping, SpecFault,
};
use crate::switch::mdb::PlanMulticast;
use crate::switch::multicast_stats::{self, Slots, Way};
use crate::switch::{Counters, MulticastCounters, NetdevId, PortNo, Side};
use crate::time::{Duration, Instant};
use crate::wire::{ETHERNET_HEADER, Ethernet, MacAddr, TAG_LEN, Tag, Vid, is_tag_type};

/// 224.0.0.106 and ff02::6a.
pub(super) const ALL_SNOOPERS: [MacAddr; 2] = [
    MacAddr::of_ipv4_group(Ipv4Addr::new(224, 0, 0, 106)),
    MacAddr::of_ipv6_group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x6a)),
];

/// An option about multicast, of a bridge or (as far as `bridge vlan global set` has it) of a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MulticastOption {
    /// `mcast_router`.
    Router(u8),
    /// `mcast_snooping`.
    Snooping(bool),
    /// `mcast_query_use_ifaddr`.
    UseIfaddr(bool),
    /// `mcast_querier`.
    Querier(bool),
    /// `mcast_hash_max`.
    HashMax(u32),
    /// `mcast_last_member_count`.
    LastMemberCount(u32),
    /// `mcast_startup_query_count`.
    StartupQueryCount(u32),
    /// `mcast_last_member_interval`.
    LastMemberInterval(Duration),
    /// `mcast_membership_interval`.
    MembershipInterval(Duration),
    /// `mcast_querier_interval`.
    QuerierInterval(Duration),
    /// `mcast_query_interval`.
    QueryInterval(Duration),
    /// `mcast_query_response_interval`.
    QueryResponseInterval(Duration),
    /// `mcast_startup_query_interval`.
    StartupQueryInterval(Duration),
    /// `mcast_stats_enabled`.
    Stats(bool),
    /// `mcast_igmp_version`.
    IgmpVersion(u8),
    /// `mcast_mld_version`.
    MldVersion(u8),
    /// `mcast_vlan_snooping`.
    VlanSnooping(bool),
}

/// Returns the interval that a number of 1/100 s is in the kernel, which counts in ticks of 4 ms
/// (`clock_t_to_jiffies`). What is beyond its range lasts for ever.
#[must_use]
pub fn interval(centis: u64) -> Duration {
    let ticks = centis.checked_mul(250).map(|it| it / 100);
    let millis = ticks.and_then(|ticks| ticks.checked_mul(4));
    Duration::from_millis(millis.unwrap_or(u64::MAX))
}

impl Network {
    /// Sets an option of a bridge about multicast, or of one of its VLANs (`br_changelink`,
    /// `br_vlan_process_global_one_opts`).
    ///
    /// # Errors
    /// `EINVAL` for values that the option cannot have, and for contexts per VLAN without VLAN filtering.
    pub fn set_multicast_option(
        &mut self,
        now: Instant,
        id: NetdevId,
        of: Scope,
        option: MulticastOption,
    ) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge(id) else {
            return Err(not_a_bridge(&self.netdev(id).name));
        };
        if option == MulticastOption::VlanSnooping(true) && !bridge.vlans.filtering {
            let text = "bridge: Cannot enable multicast vlan snooping with vlan filtering disabled";
            let note = "groups are kept by VLAN only where VLANs are told apart (vlan_filtering 1)";
            return Err(Refusal::new(Errno::Invalid, note).extack(text));
        }
        if matches!(of, Scope::Vlan(_)) || option == MulticastOption::VlanSnooping(true) {
            self.sync_multicast_vlans(now, id);
        }
        let change = |machine: &mut Snooping, change: &dyn Fn(&mut Settings)| {
            machine.change(of, change);
            Ok(())
        };
        let set = |machine: &mut Snooping| match option {
            MulticastOption::Router(value) => (machine.set_router(of, value))
                .map_err(|it| invalid(it, "mcast_router is 0, 1 or 2")),
            MulticastOption::Snooping(on) => {
                match of {
                    Scope::Bridge => machine.set_snooping(now, on),
                    Scope::Vlan(vid) => machine.set_vlan_snooped(now, vid, on),
                }
                Ok(())
            }
            MulticastOption::UseIfaddr(on) => {
                machine.set_use_ifaddr(on);
                Ok(())
            }
            MulticastOption::Querier(on) => {
                machine.set_querier(now, of, on);
                Ok(())
            }
            MulticastOption::HashMax(max) => {
                machine.set_hash_max(max);
                Ok(())
            }
            MulticastOption::Stats(on) => {
                machine.set_stats(on);
                Ok(())
            }
            MulticastOption::IgmpVersion(version) => (machine.set_igmp_version(of, version))
                .map_err(|it| invalid(it, "mcast_igmp_version is 2 or 3")),
            MulticastOption::MldVersion(version) => (machine.set_mld_version(of, version))
                .map_err(|it| invalid(it, "mcast_mld_version is 1 or 2")),
            MulticastOption::VlanSnooping(on) => {
                machine.set_vlan_snooping(now, on);
                Ok(())
            }
            MulticastOption::LastMemberCount(n) => change(machine, &|it| it.last_member_count = n),
            MulticastOption::StartupQueryCount(n) => {
                change(machine, &|it| it.startup_query_count = n)
            }
            MulticastOption::LastMemberInterval(time) => {
                change(machine, &|it| it.last_member_interval = time)
            }
            MulticastOption::MembershipInterval(time) => {
                change(machine, &|it| it.membership_interval = time)
            }
            MulticastOption::QuerierInterval(time) => {
                change(machine, &|it| it.querier_interval = time)
            }
            MulticastOption::QueryInterval(time) => change(machine, &|it| it.query_interval = time),
            MulticastOption::QueryResponseInterval(time) => {
                change(machine, &|it| it.query_response_interval = time)
            }
            MulticastOption::StartupQueryInterval(time) => {
                change(machine, &|it| it.startup_query_interval = time)
            }
        };
        let snooped = self.snoops(id);
        let done = self.with_snooping(id, set);
        if self.snoops(id) != snooped && of == Scope::Bridge {
            self.join_snoopers(id, self.netdev(id).up);
        }
        self.touch();
        done.unwrap_or(Ok(()))
    }

    /// Sets `mcast_router` of a port, in a VLAN or whatever the VLAN.
    ///
    /// # Errors
    /// `EINVAL` above 3.
    pub fn set_port_multicast_router(
        &mut self,
        now: Instant,
        id: NetdevId,
        of: Scope,
        value: u8,
    ) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        let set = |machine: &mut Snooping| machine.set_port_router(now, number, of, value);
        let done = self.with_snooping(bridge, set).unwrap_or(Ok(()));
        done.map_err(|it| invalid(it, "mcast_router of a port is 0, 1, 2 or 3"))
    }

    /// Sets `mcast_max_groups` of a port; 0 for no limit.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is no port.
    pub fn set_port_max_groups(
        &mut self,
        id: NetdevId,
        of: Scope,
        max: u32,
    ) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        self.with_snooping(bridge, |it| it.set_port_max_groups(number, of, max));
        Ok(())
    }

    /// Adds or deletes a group (`br_mdb_add`, `br_mdb_del`): in this VLAN or, with VLAN filtering, in all
    /// VLANs of the port (of the bridge, for its own stack) if it is 0.
    ///
    /// # Errors
    /// As the kernel gives them; see [`MdbRefused`].
    pub fn change_group(
        &mut self,
        now: Instant,
        id: NetdevId,
        vid: u16,
        spec: &GroupSpec,
        add: bool,
    ) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge(id) else {
            return Err(not_a_bridge(&self.netdev(id).name));
        };
        let vids: Vec<u16> = if vid == 0 && bridge.vlans.filtering {
            let vlans = bridge.vlans.iter();
            // Of the bridge itself all that anybody is in, whether its stack is or not.
            let own = spec.port.is_none();
            let of_port = vlans.filter(|(_, vlan)| own || vlan.has(spec.port));
            of_port.map(|(vid, _)| vid.get()).collect()
        } else {
            vec![vid]
        };
        let change = |machine: &mut Snooping| match add {
            true => machine.add(now, spec, &vids),
            false => machine.delete(now, spec, &vids),
        };
        let was_on = self.snoops(id);
        let done = self.with_snooping(id, change).unwrap_or(Ok(()));
        if was_on != self.snoops(id) {
            self.touch();
        }
        done.map_err(refusal)
    }

    /// The stack of a bridge that is up and snoops is a member of all snoopers
    /// (`br_multicast_join_snoopers`), as far as its own list of groups shows it.
    pub(super) fn join_snoopers(&mut self, id: NetdevId, up: bool) {
        let joins = up && self.snoops(id);
        let netdev = self.netdev_mut(id);
        netdev.groups.retain(|group| !ALL_SNOOPERS.contains(group));
        if joins {
            let families = 1 + usize::from(netdev.has_ipv6());
            netdev.groups.extend(&ALL_SNOOPERS[..families]);
        }
    }

    /// Checks what the kernel checks of a bridge before it looks at what is asked of its groups.
    ///
    /// # Errors
    /// `EINVAL` while the bridge is down or does not snoop.
    pub fn check_snooping(&self, id: NetdevId) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge(id) else {
            return Ok(());
        };
        bridge.multicast.check_in_use().map_err(refusal)
    }

    fn snoops(&self, id: NetdevId) -> bool {
        self.bridge(id).is_some_and(|bridge| bridge.multicast.on())
    }

    /// Takes a frame to a group, with the tag that it came with, that a worker has seen: by a port, or
    /// from a bridge's own stack.
    pub fn receive_membership(
        &mut self,
        now: Instant,
        id: NetdevId,
        vid: Option<Vid>,
        octets: &[u8],
    ) {
        let netdev = self.netdev(id);
        let (bridge, port) = match netdev.port {
            Some((bridge, number)) => (bridge, Some(number)),
            None if matches!(netdev.kind, Kind::Bridge(_)) => (id, None),
            None => return,
        };
        let Ok(frame) = Ethernet::parse(octets) else {
            return;
        };
        let source = frame.source();
        let mut behind = &octets[ETHERNET_HEADER - 2..];
        if is_tag_type(frame.ether_type()) {
            behind = behind.get(TAG_LEN..).unwrap_or_default();
        }
        let Some((ether_type, datagram)) = behind.split_first_chunk() else {
            return;
        };
        let ether_type = u16::from_be_bytes(*ether_type);
        self.stack_hears(bridge, port, vid, ether_type, datagram);
        let vid = vid.map_or(0, Vid::get);
        let was_on = self.snoops(bridge);
        self.with_snooping(bridge, |machine| {
            machine.handle(now, port, vid, source, ether_type, datagram);
        });
        if was_on != self.snoops(bridge) {
            self.touch();
        }
    }

    /// Lets the timers of a bridge's groups and queriers that are due fire.
    pub(super) fn snooping_timeout(&mut self, now: Instant, id: NetdevId) {
        let machine = self.bridge(id).map(|bridge| &bridge.multicast);
        if machine.is_some_and(|it| it.poll_timeout().is_some_and(|at| at <= now)) {
            self.with_snooping(id, |machine| machine.handle_timeout(now));
        }
    }

    /// Lets a bridge's snooping do something and sends what it says.
    pub(super) fn with_snooping<R>(
        &mut self,
        id: NetdevId,
        act: impl FnOnce(&mut Snooping) -> R,
    ) -> Option<R> {
        let addresses = self.query_addresses(id);
        let machine = &mut self.bridge_mut(id)?.multicast;
        machine.set_addresses(addresses);
        let result = act(machine);
        while let Some(output) = self.bridge_mut(id)?.multicast.poll_output() {
            match output {
                Output::Transmit { port, tag, octets } => {
                    self.send_query(id, Some(port), tag, octets);
                }
                Output::Receive { tag, octets } => {
                    if let (None, Some((header, datagram))) =
                        (tag, octets.split_at_checked(ETHERNET_HEADER))
                    {
                        let ether_type = u16::from_be_bytes([header[12], header[13]]);
                        self.stack_hears(id, None, None, ether_type, datagram);
                    }
                    self.send_query(id, None, tag, octets);
                }
            }
        }
        Some(result)
    }

    /// Sends a query by a port or (`None`) to the bridge's own stack, if it is not longer than the
    /// netdevs' MTUs (the kernel compares the whole frame).
    fn send_query(
        &mut self,
        id: NetdevId,
        port: Option<PortNo>,
        tag: Option<u16>,
        mut octets: Vec<u8>,
    ) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let (netdev, side) = match port.map(|port| bridge.port(port)) {
            None => (id, Side::Stack),
            Some(Some(port)) => (port.netdev, Side::Wire),
            Some(None) => return,
        };
        let mtu = self.netdev(id).mtu.min(self.netdev(netdev).mtu);
        if octets.len() > mtu as usize {
            return;
        }
        if bridge.multicast.stats() {
            self.count_query(id, port, &octets);
        }
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        if let Some(vid) = tag.and_then(Vid::new) {
            let tag = Tag::new(bridge.vlans.protocol, vid);
            octets.splice(12..12, tag.octets());
        }
        self.transmits.push_back((netdev, side, octets));
    }

    /// Counts a query of the bridge's own: out of a port, or to its own stack.
    fn count_query(&mut self, id: NetdevId, port: Option<PortNo>, octets: &[u8]) {
        let (Ok(frame), Some(datagram)) = (Ethernet::parse(octets), octets.get(ETHERNET_HEADER..))
        else {
            return;
        };
        let (Some(kind), Some(bridge)) = (
            multicast_stats::Kind::of(frame.ether_type(), datagram),
            self.bridge_mut(id),
        ) else {
            return;
        };
        match port {
            None => bridge.queries_heard.count(kind, Way::Rx),
            Some(port) => {
                if let Some(port) = bridge.port_mut(port) {
                    port.queries_sent.count(kind, Way::Tx);
                }
            }
        }
    }

    /// Whether some bridge counts messages of IGMP and MLD.
    pub(super) fn counts_multicast(&self) -> bool {
        let mut bridges = self.netdevs.iter().filter(|netdev| netdev.alive);
        bridges.any(|netdev| netdev.bridge().is_some_and(|it| it.multicast.stats()))
    }

    /// Returns what a bridge (`br_multicast_get_stats`) or one of its ports has counted of IGMP and MLD;
    /// `None` of any other netdev.
    #[must_use]
    pub fn multicast_stats(&self, id: NetdevId, counters: &Counters) -> Option<MulticastCounters> {
        let (slot, own) = match (self.bridge(id), self.netdev(id).port) {
            (Some(bridge), _) => (bridge.multicast_counter, bridge.queries_heard),
            (None, Some((bridge, number))) => {
                let port = self.bridge(bridge)?.port(number)?;
                (port.multicast_counter, port.queries_sent)
            }
            (None, None) => return None,
        };
        let mut sum = own;
        if let Some(counted) = counters.multicast.get(slot as usize) {
            sum += counted;
        }
        Some(sum)
    }

    /// Gives out the next place to count messages of IGMP and MLD.
    pub(super) const fn next_multicast_counter(&mut self) -> u32 {
        self.multicast_counters += 1;
        self.multicast_counters - 1
    }

    /// The addresses that a bridge queries with: `inet_select_addr`, and `ipv6_dev_get_saddr` for all nodes.
    pub(super) fn query_addresses(&self, id: NetdevId) -> Addresses {
        let netdev = self.netdev(id);
        let v4 = |netdev: &Netdev, wanted: fn(u8) -> bool| {
            let mut primary = netdev.addresses.iter().filter(|it| !it.secondary);
            primary.find_map(|it| match it.ip {
                IpAddr::V4(ip) if wanted(it.scope) => Some(ip),
                _ => None,
            })
        };
        let own = v4(netdev, |it| it <= scope::LINK);
        let elsewhere = || {
            if !self.had_address {
                return None;
            }
            let mut others = self.in_namespace(netdev.ns).filter(|other| other.up);
            others.find_map(|other| v4(other, |it| it < scope::LINK))
        };
        let v6 = |link_local: bool| {
            netdev.addresses.iter().find_map(|it| match it.ip {
                IpAddr::V6(ip) if !ip.is_loopback() && ip.is_unicast_link_local() == link_local => {
                    Some(ip)
                }
                _ => None,
            })
        };
        Addresses {
            mac: netdev.mac,
            ipv4: own.or_else(elsewhere),
            ipv6: v6(true).or_else(|| v6(false)),
        }
    }

    /// Tells a bridge's snooping which VLANs there are, unless it knows. Costs in proportion to VLANs times
    /// ports, so it is done only where VLANs have contexts of their own.
    pub(super) fn sync_multicast_vlans(&mut self, now: Instant, id: NetdevId) {
        let Some(bridge) = self.bridge_mut(id) else {
            return;
        };
        let revision = Some(bridge.vlans.revision());
        if std::mem::replace(&mut bridge.multicast_vlans, revision) == revision {
            return;
        }
        let mut vlans = BTreeMap::new();
        let mut ports = BTreeMap::new();
        for (vid, vlan) in bridge.vlans.iter() {
            vlans.insert(vid.get(), (vlan.host(), vlan.host_untagged()));
            for port in vlan.members.iter() {
                let state = vlan.member(Some(port)).state;
                let untagged = vlan.untagged.contains(port);
                ports.insert((port, vid.get()), (state, untagged));
            }
        }
        self.snooping_by_vlan.insert(id);
        self.with_snooping(id, |machine| machine.set_vlans(now, &vlans, &ports));
    }

    /// Tells every bridge with contexts per VLAN, in use or once set, which VLANs there are now.
    pub fn settle_multicast(&mut self, now: Instant) {
        for id in self.snooping_by_vlan.clone() {
            self.sync_multicast_vlans(now, id);
        }
    }
}

impl Bridge {
    fn multicast_slots(&self) -> Slots {
        let numbers = self.ports.iter().map(|port| port.number.index() + 1);
        // A port that is not there counts nothing: no frame comes in or goes out.
        let mut ports = vec![u32::MAX; numbers.max().unwrap_or(0)];
        for port in &self.ports {
            ports[port.number.index()] = port.multicast_counter;
        }
        Slots {
            own: self.multicast_counter,
            ports,
        }
    }

    /// Returns snooping as the fast path knows it, while it is on.
    pub(super) fn compile_multicast(&self) -> Option<PlanMulticast> {
        let machine = Some(&self.multicast).filter(|machine| machine.on())?;
        let vlans = machine.vlan_snooping().then(|| {
            let vlans = self.vlans.iter().map(|(vid, _)| vid.get());
            let snooped = vlans.filter(|vid| machine.vlan_snooped(*vid));
            snooped
                .filter_map(|vid| Some((vid, Arc::clone(machine.shared(Scope::Vlan(vid))?))))
                .collect()
        });
        Some(PlanMulticast {
            groups: Arc::clone(machine.mdb()),
            limit: machine.hash_max() as usize,
            context: Arc::clone(machine.shared(Scope::Bridge)?),
            vlans,
            stats: machine.stats().then(|| Arc::new(self.multicast_slots())),
        })
    }
}

fn invalid(_: InvalidValue, note: &'static str) -> Refusal {
    Refusal::new(Errno::Invalid, note)
}

/// The kernel's words for a refused group.
fn refusal(refused: MdbRefused) -> Refusal {
    let extack = |errno, text: &str, note: &'static str| {
        Refusal::new(errno, note).extack(format!("bridge: {text}"))
    };
    match refused {
        MdbRefused::Invalid(fault) => extack(Errno::Invalid, fault.text(), explain(fault)),
        MdbRefused::Exists(text) => extack(
            Errno::Exists,
            text,
            "use bridge mdb replace to change an entry",
        ),
        MdbRefused::NoRoomForSource => extack(
            Errno::NoSpace,
            "Failed to add new source entry",
            "a group has at most 32 sources behind a port, each a host's address",
        ),
        MdbRefused::TooManyGroups(single) => {
            let note = "there are mcast_hash_max groups; as the kernel does, snooping is off now";
            let refusal = Refusal::new(Errno::ListTooLong, note);
            match single {
                true => refusal.extack("bridge: Failed to add (S, G) MDB entry"),
                false => refusal,
            }
        }
        MdbRefused::PortLimit(max, vlan) => {
            let what = if vlan { "Port-VLAN" } else { "Port" };
            extack(
                Errno::NoMemory,
                &format!("{what} is already in {max} groups, and mcast_max_groups={max}"),
                "raise mcast_max_groups",
            )
        }
        MdbRefused::Duplicate => extack(
            Errno::NoMemory,
            "Couldn't insert new port group",
            "the port is a member of this group from this source already",
        ),
        MdbRefused::NotFound => Refusal::new(Errno::Invalid, "there is no such entry"),
    }
}

const fn explain(fault: SpecFault) -> &'static str {
    match fault {
        SpecFault::BridgeDown => "set the bridge up first",
        SpecFault::SnoopingOff => "switch snooping on first (mcast_snooping 1)",
        SpecFault::TemporaryMac => "say permanent: nobody reports groups of layer 2",
        SpecFault::PortDisabled => "set the port up first, or say permanent",
        SpecFault::FlagsOfHost => "leave permanent out: the bridge itself joins for a time",
        _ => "see bridge(8), bridge mdb",
    }
}
