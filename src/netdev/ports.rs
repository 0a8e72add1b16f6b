//! How ports join and leave bridges, and which state they are in.
//!
//! The state of a port is the business of its bridge's tree ([`stp::Tree`]), also with `stp_state 0`:
//! a port that comes up then forwards at once. This side tells it what happens
//! and does what it says, in order (`with_tree`).

use std::sync::Arc;

use super::bridge::PortFlags;
use super::vlan::VidSet;
use super::{Bridge, Errno, Kind, Network, Port, Refusal};
use crate::stp;
use crate::switch::plan::PortState;
use crate::switch::{Fdb, NetdevId, PortNo, Side};
use crate::time::{Duration, Instant};
use crate::wire::{Bpdu, MAX_BPDU_FRAME, MacAddr, Vid};

/// A flush of what was learned behind a port that accompanied a change of the plan. A worker that
/// still had the old plan may have learned on the port after the flush; [`Network::flush_again`]
/// takes those entries out once every worker has the new plan.
#[derive(Clone, Debug)]
pub(super) struct Flush {
    fdb: Arc<Fdb>,
    port: PortNo,
    /// `None`: in all VLANs and in none.
    vids: Option<VidSet>,
    at: Instant,
}

/// How long after a change of the plan every worker has begun a turn with the new one.
pub const PLAN_SETTLES: Duration = Duration::from_millis(100);

impl Network {
    /// Returns a bridge.
    pub(super) fn bridge(&self, id: NetdevId) -> Option<&Bridge> {
        self.netdev(id).bridge()
    }

    pub(super) fn bridge_mut(&mut self, id: NetdevId) -> Option<&mut Bridge> {
        self.due.stir(id);
        match &mut self.netdev_mut(id).kind {
            Kind::Bridge(bridge) => Some(bridge),
            _ => None,
        }
    }

    /// Returns a netdev's port, with its bridge.
    #[must_use]
    pub fn port(&self, id: NetdevId) -> Option<(NetdevId, &Port)> {
        let (bridge, number) = self.netdev(id).port?;
        Some((bridge, self.bridge(bridge)?.port(number)?))
    }

    fn port_mut(&mut self, bridge: NetdevId, number: PortNo) -> Option<&mut Port> {
        self.bridge_mut(bridge)?.port_mut(number)
    }

    /// Makes a netdev a port of a bridge, or (`None`) of none; it leaves its old master first
    /// (`do_set_master`).
    ///
    /// # Errors
    /// What `br_add_if` refuses. As in the kernel, the old master is left even then.
    pub fn set_master(
        &mut self,
        now: Instant,
        id: NetdevId,
        master: Option<NetdevId>,
    ) -> Result<(), Refusal> {
        let old = self.netdev(id).master();
        if old == master {
            return Ok(());
        }
        if old.is_some() {
            self.leave(now, id);
        }
        match master {
            Some(master) => self.join(now, id, master),
            None => Ok(()),
        }
    }

    /// `br_add_if`.
    fn join(&mut self, now: Instant, id: NetdevId, master: NetdevId) -> Result<(), Refusal> {
        let netdev = self.netdev(id);
        let (name, mac) = (netdev.name.clone(), netdev.mac);
        let Some(bridge) = self.bridge(master) else {
            return Err(Refusal::new(
                Errno::NotSupported,
                format!(
                    "{} is not a bridge, so it cannot have ports",
                    self.netdev(master).name
                ),
            ));
        };
        match netdev.kind {
            Kind::Loopback => {
                return Err(Refusal::new(
                    Errno::Invalid,
                    "a loopback cannot be a bridge port: it carries no Ethernet",
                ));
            }
            _ if !mac.is_station() => {
                return Err(Refusal::new(
                    Errno::Invalid,
                    format!("{name} has the address {mac}, which no station can have"),
                ));
            }
            Kind::Bridge(_) => {
                return Err(Refusal::new(
                    Errno::Loop,
                    "a bridge cannot be a port of a bridge; connect them with a veth pair",
                )
                .extack("Can not enslave a bridge to a bridge"));
            }
            _ => {}
        }
        let Some(number) = bridge.free_number() else {
            return Err(Refusal::new(
                Errno::ExchangeFull,
                format!("a bridge has at most {} ports", PortNo::MAX),
            ));
        };
        self.check_handler(id)?;
        self.check_nesting(id, master)?;
        let mut port = Port::new(id, number);
        port.multicast_counter = self.next_multicast_counter();
        let speed = self.speed(id);
        let netdev = self.netdev_mut(id);
        netdev.port = Some((master, number));
        self.step_promiscuity(id, true);
        self.step_allmulti(id, true);
        if let Some(bridge) = self.bridge_mut(master) {
            bridge.ports.insert(0, port);
            bridge.had_port = true;
            bridge.tree.add_port(now, number, speed);
            bridge.multicast.add_port(number);
        }
        self.add_local(now, master, Some(number), mac);
        self.join_default_vlan(now, master, number);
        self.recalculate_bridge_address(now, master);
        self.check_port(now, id);
        self.adjust_bridge_mtu(master);
        self.touch();
        Ok(())
    }

    /// `br_del_if`.
    pub(super) fn leave(&mut self, now: Instant, id: NetdevId) {
        let Some((master, _)) = self.netdev(id).port else {
            return;
        };
        self.remove_port(now, id);
        self.adjust_bridge_mtu(master);
        self.recalculate_bridge_address(now, master);
    }

    /// `del_nbp`: the port is gone with all its entries; the bridge is left as it is.
    pub(super) fn remove_port(&mut self, now: Instant, id: NetdevId) {
        let Some((master, number)) = self.netdev(id).port else {
            return;
        };
        self.with_tree(now, master, true, |tree| tree.remove_port(now, number));
        self.with_snooping(master, |it| it.remove_port(now, number));
        if let Some(bridge) = self.bridge_mut(master) {
            bridge.forget_guard(number);
            bridge.ports.retain(|port| port.number != number);
            for port in &mut bridge.ports {
                port.backup = port.backup.filter(|backup| *backup != number);
            }
        }
        self.drop_port_vlans(master, number);
        self.flush_port(now, master, Some(number), true);
        let netdev = self.netdev_mut(id);
        netdev.port = None;
        self.step_promiscuity(id, false);
        self.step_allmulti(id, false);
        self.follow_members(now, master);
        self.touch();
    }

    /// The speed that a netdev reports, in Mbit/s (`__ethtool_get_link_ksettings`): veth and TAP 10 Gbit/s, a
    /// dummy nothing.
    fn speed(&self, id: NetdevId) -> Option<u32> {
        self.has_speed(id).then_some(10_000)
    }

    /// Whether a netdev reports a speed: uppers that of their lower, bridges that of a port in use.
    fn has_speed(&self, id: NetdevId) -> bool {
        match &self.netdev(id).kind {
            Kind::Veth { .. } | Kind::Tap { .. } | Kind::Outside { .. } => true,
            Kind::Loopback | Kind::Dummy => false,
            Kind::Vlan(vlan) => self.has_speed(vlan.stacked.lower),
            Kind::Macvlan(macvlan) => self.has_speed(macvlan.stacked.lower),
            Kind::Ipvlan(ipvlan) => self.has_speed(ipvlan.stacked.lower),
            Kind::Vxlan(vxlan) => vxlan.lower.is_some_and(|lower| self.has_speed(lower)),
            Kind::Bridge(bridge) => bridge
                .ports
                .iter()
                .any(|port| self.running(port.netdev) && self.has_speed(port.netdev)),
        }
    }

    /// Lets a bridge's tree do something and follows what it says. `selects`: it looked at all ports'
    /// states anew, even if none changed, and thus at the bridge's carrier (`br_port_state_selection`).
    pub(super) fn with_tree<R>(
        &mut self,
        now: Instant,
        id: NetdevId,
        selects: bool,
        act: impl FnOnce(&mut stp::Tree) -> R,
    ) -> Option<R> {
        let result = act(&mut self.bridge_mut(id)?.tree);
        let mut selected = selects;
        while let Some(output) = self.bridge_mut(id)?.tree.poll_output() {
            match output {
                stp::Output::SetState(number, state) => {
                    selected = true;
                    self.tree_changes += 1;
                    if let Some(port) = self.port_mut(id, number) {
                        port.state = state;
                    }
                    self.with_snooping(id, |it| it.set_port_state(number, state));
                }
                stp::Output::Flush(number) => {
                    self.with_snooping(id, |it| it.disable_port(now, number));
                    let port = self.bridge(id).and_then(|bridge| bridge.port(number));
                    // A backup port takes the traffic of what was learned here.
                    if port.is_none_or(|port| port.backup.is_none()) {
                        self.flush_port(now, id, Some(number), false);
                    }
                }
                stp::Output::Hold(_) => self.touch_bridge(id),
                stp::Output::Event(number, event) => self.note_event(id, number, event),
                stp::Output::Transmit(number, bpdu) => self.send_bpdu(id, number, &bpdu),
            }
        }
        if selected {
            let had = self.carrier(id);
            let bridge = self.bridge_mut(id)?;
            bridge.carrier = match bridge.tree.carrier() {
                false => Some(false),
                true => bridge.carrier.map(|_| true),
            };
            if bridge.carrier == Some(false) && self.netdev(id).up {
                self.forget_passing_neighbours(id);
            }
            self.with_snooping(id, |it| it.ports_selected(now));
            self.touch_bridge(id);
            if self.carrier(id) != had {
                self.touch();
                self.state_changed(now, id);
            }
        }
        Some(result)
    }

    fn send_bpdu(&mut self, id: NetdevId, number: PortNo, bpdu: &Bpdu) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let Some(netdev) = bridge.port(number).map(|port| port.netdev) else {
            return;
        };
        let source = self.netdev(netdev).mac;
        let mut buffer = [0; MAX_BPDU_FRAME];
        let octets = bpdu
            .encode(bridge.tree.group_address(), source, &mut buffer)
            .to_vec();
        self.transmits.push_back((netdev, Side::Wire, octets));
    }

    /// Returns the next frame of a netdev's own: to send out of its wire side, or for its stack.
    pub fn poll_transmit(&mut self) -> Option<(NetdevId, Side, Vec<u8>)> {
        self.transmits.pop_front()
    }

    /// Takes a BPDU that came in by a port. What is none, or not for this bridge, has no effect.
    pub fn receive_bpdu(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        if let Some((bridge, number)) = self.netdev(id).port {
            self.with_tree(now, bridge, false, |tree| {
                // Why a frame had no effect is nothing anybody could act on.
                _ = tree.receive(now, number, octets);
            });
        }
    }

    /// Lets the timers of a bridge's tree that are due fire.
    pub(super) fn tree_timeout(&mut self, now: Instant, id: NetdevId) {
        let tree = self.bridge(id).map(|bridge| &bridge.tree);
        if tree.is_some_and(|it| it.poll_timeout().is_some_and(|at| at <= now)) {
            self.with_tree(now, id, false, |tree| tree.handle_timeout(now));
        }
    }

    /// A netdev's carrier or state changed, or the kernel looks again (`NETDEV_CHANGE`): its port follows
    /// (`br_port_carrier_check`, and what `br_device_event` does for `NETDEV_UP`).
    pub(super) fn check_port(&mut self, now: Instant, id: NetdevId) {
        let Some((bridge, number)) = self.netdev(id).port else {
            return;
        };
        let shut = |(_, port): (NetdevId, &Port)| port.guard.is_shut() || port.is_looped();
        let shut = self.port(id).is_some_and(shut);
        let (running, speed) = (self.running(id) && !shut, self.speed(id));
        self.with_tree(now, bridge, false, |tree| {
            tree.set_link(now, number, running, speed);
        });
        self.follow_members(now, bridge);
    }

    pub(super) fn ports_of(&self, bridge: NetdevId) -> Vec<(NetdevId, PortNo)> {
        self.bridge(bridge)
            .map(|bridge| bridge.ports.iter().map(|p| (p.netdev, p.number)).collect())
            .unwrap_or_default()
    }

    /// Sets a port's state by hand (`br_set_port_state`).
    ///
    /// # Errors
    /// `EINVAL` above 4, `EBUSY` while spanning tree runs, `ENETDOWN` while the netdev is down or has
    /// no carrier.
    pub fn set_port_state(&mut self, now: Instant, id: NetdevId, state: u8) -> Result<(), Refusal> {
        let (bridge_id, number) = self.own_port(id)?;
        let state = PORT_STATES
            .get(usize::from(state))
            .copied()
            .ok_or_else(|| {
                Refusal::new(
                    Errno::Invalid,
                    "port states are 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking",
                )
            })?;
        let name = &self.netdev(id).name;
        let busy = || {
            Refusal::new(
                Errno::Busy,
                "spanning tree decides port states; switch it off first (stp_state 0)",
            )
        };
        if self.bridge(bridge_id).is_some_and(|it| it.tree.stp()) {
            return Err(busy());
        }
        if !self.netdev(id).up {
            return Err(Refusal::new(
                Errno::NetDown,
                format!("{name} is down; set it up first"),
            ));
        }
        let shut = self.port(id).is_some_and(|(_, port)| port.guard.is_shut());
        if shut && state != PortState::Disabled {
            return Err(Refusal::new(
                Errno::NetDown,
                format!(
                    "a violation of port security closed {name}; set it down and up to open it"
                ),
            ));
        }
        if !self.running(id) && state != PortState::Disabled {
            return Err(Refusal::new(
                Errno::NetDown,
                format!("{name} has no carrier, so the only state it can have is disabled"),
            ));
        }
        let set = |tree: &mut stp::Tree| tree.set_port_state(now, number, state);
        match self.with_tree(now, bridge_id, true, set) {
            Some(Err(_)) => Err(busy()),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Sets a port's cost (`br_stp_set_path_cost`).
    ///
    /// # Errors
    /// `ERANGE` outside 1 to 65535, with `stp_mode rstp` to 200,000,000.
    pub fn set_port_cost(&mut self, now: Instant, id: NetdevId, cost: u32) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        let set = |tree: &mut stp::Tree| tree.set_path_cost(now, number, cost);
        match self.with_tree(now, bridge, true, set) {
            Some(Err(_)) => {
                let max = self
                    .bridge(bridge)
                    .map_or(0, |bridge| bridge.tree.max_cost());
                let note = format!("a port's cost is 1 to {max}");
                Err(Refusal::new(Errno::Range, note))
            }
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Sets a port's priority (`br_stp_set_port_priority`).
    ///
    /// # Errors
    /// `ERANGE` above 63; with `stp_mode rstp`, `EINVAL` for what is not a multiple of 4.
    pub fn set_port_priority(
        &mut self,
        now: Instant,
        id: NetdevId,
        priority: u16,
    ) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        let set = |tree: &mut stp::Tree| tree.set_port_priority(now, number, priority);
        match self.with_tree(now, bridge, false, set) {
            Some(Err(refused @ stp::Refused::Step { .. })) => Err(super::tree::refusal(&refused)),
            Some(Err(_)) => Err(Refusal::new(Errno::Range, "a port's priority is 0 to 63")),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Sets a port's on/off options, all at once (the first part of `br_setport`).
    ///
    /// # Errors
    /// `EINVAL` for MAB on a port that is not locked or does not learn, and for `root_block` on a port with
    /// loop guard, which Linux does not have; nothing changed then.
    pub fn set_port_flags(
        &mut self,
        now: Instant,
        id: NetdevId,
        flags: PortFlags,
    ) -> Result<(), Refusal> {
        let (bridge_id, number) = self.own_port(id)?;
        if flags.mab && !(flags.locked && flags.learning) {
            return Err(Refusal::new(
                Errno::Invalid,
                "mab notes who knocks at a locked port, so it needs locked on and learning on",
            )
            .extack("Bridge port must be locked and have learning enabled when MAB is enabled"));
        }
        let Some(bridge) = self.bridge_mut(bridge_id) else {
            return Ok(());
        };
        (bridge.tree)
            .check_root_block(number, flags.root_block)
            .map_err(|refused| super::tree::refusal(&refused))?;
        let fdb = Arc::clone(&bridge.fdb);
        let Some(port) = bridge.port_mut(number) else {
            return Ok(());
        };
        let mab_ends = port.flags.mab && !flags.mab;
        let (guard, root_block) = (flags.guard, flags.root_block);
        if port.flags != flags {
            let asked = (port.flags.neigh_suppress, port.flags.neigh_vlan_suppress);
            port.flags = flags;
            if asked != (flags.neigh_suppress, flags.neigh_vlan_suppress) {
                let asks =
                    |port: &Port| port.flags.neigh_suppress || port.flags.neigh_vlan_suppress;
                bridge.suppresses = bridge.ports.iter().any(asks);
            }
            let (fast_leave, to_unicast) = (flags.fastleave, flags.mcast_to_unicast);
            bridge
                .multicast
                .set_port_flags(number, fast_leave, to_unicast);
            self.with_tree(now, bridge_id, false, |tree| {
                tree.set_guard(now, number, guard);
                // Checked above.
                _ = tree.set_root_block(now, number, root_block);
            });
            self.touch();
        }
        if mab_ends {
            fdb.flush(|_, entry| entry.flags.locked && entry.port == Some(number));
        }
        Ok(())
    }

    /// Sets a port's own `group_fwd_mask`.
    ///
    /// # Errors
    /// `EINVAL` for bit 1.
    pub fn set_port_group_fwd_mask(&mut self, id: NetdevId, mask: u16) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        if mask & 1 << 1 != 0 {
            return Err(Refusal::new(
                Errno::Invalid,
                "pause frames (01:80:c2:00:00:01, bit 1) never pass a bridge",
            ));
        }
        if let Some(port) = self.port_mut(bridge, number) {
            port.group_fwd_mask = mask;
        }
        self.touch();
        Ok(())
    }

    /// Sets or clears a port's backup (`nbp_backup_change`).
    ///
    /// # Errors
    /// `ENOENT` if the backup is no port, `EINVAL` if it is the port itself or another bridge's.
    pub fn set_backup_port(
        &mut self,
        id: NetdevId,
        backup: Option<NetdevId>,
    ) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        let backup = match backup {
            None => None,
            Some(backup) => {
                let (master, backup_number) = self.netdev(backup).port.ok_or_else(|| {
                    Refusal::new(
                        Errno::NoEntry,
                        format!("{} is not a bridge port", self.netdev(backup).name),
                    )
                })?;
                if master != bridge {
                    return Err(Refusal::new(
                        Errno::Invalid,
                        "a backup port must be a port of the same bridge",
                    ));
                }
                if backup == id {
                    return Err(Refusal::new(
                        Errno::Invalid,
                        "a port cannot be its own backup",
                    ));
                }
                Some(backup_number)
            }
        };
        if let Some(port) = self.port_mut(bridge, number) {
            port.backup = backup;
        }
        self.touch();
        Ok(())
    }

    /// Returns the bridge and number of a netdev that has to be a port.
    pub(super) fn own_port(&self, id: NetdevId) -> Result<(NetdevId, PortNo), Refusal> {
        self.netdev(id).port.ok_or_else(|| {
            Refusal::new(
                Errno::NotSupported,
                format!("{} is not a bridge port", self.netdev(id).name),
            )
        })
    }

    /// A bridge without an address of its own takes the lowest of its ports'; without ports, zero
    /// (`br_stp_recalculate_bridge_id`).
    pub(super) fn recalculate_bridge_address(&mut self, now: Instant, id: NetdevId) {
        let netdev = self.netdev(id);
        let Some(bridge) = netdev.bridge().filter(|_| !netdev.mac_set) else {
            return;
        };
        let lowest = bridge
            .ports
            .iter()
            .map(|port| self.netdev(port.netdev).mac)
            .min()
            .unwrap_or(MacAddr::ZERO);
        if bridge.id_address() != lowest {
            self.change_bridge_address(now, id, lowest);
            self.address_changed(now, id);
        }
    }

    /// `br_stp_change_bridge_id`.
    pub(super) fn change_bridge_address(&mut self, now: Instant, id: NetdevId, mac: MacAddr) {
        self.replace_bridge_local(now, id, mac);
        self.netdev_mut(id).mac = mac;
        self.forget_neighbours(id);
        self.with_tree(now, id, true, |tree| tree.set_address(now, mac));
    }

    /// The bridge's MTU is the least of its ports', until a command sets it (`br_mtu_auto_adjust`).
    pub(super) fn adjust_bridge_mtu(&mut self, id: NetdevId) {
        let Some(bridge) = self.bridge(id).filter(|bridge| !bridge.mtu_set) else {
            return;
        };
        let mtus = bridge.ports.iter().map(|port| self.netdev(port.netdev).mtu);
        let least = mtus.min().filter(|mtu| *mtu > 0).unwrap_or(1_500);
        // dev_set_mtu refuses what is out of the bridge's own range; a dummy may have less.
        if least >= super::link::MIN_MTU && self.netdev(id).mtu != least {
            self.change_mtu(id, least);
            self.touch();
        }
    }

    /// Notes a flush that goes with a change of the plan, to be repeated by [`Self::flush_again`].
    pub(super) fn note_flush(
        &mut self,
        at: Instant,
        fdb: &Arc<Fdb>,
        port: PortNo,
        vids: Option<&VidSet>,
    ) {
        let again =
            |flush: &Flush| (flush.at, flush.port) == (at, port) && Arc::ptr_eq(&flush.fdb, fdb);
        // A topology change flushes a port as often as it is told of.
        if vids.is_none() && self.flushes.back().is_some_and(again) {
            return;
        }
        self.flushes.push_back(Flush {
            fdb: Arc::clone(fdb),
            port,
            vids: vids.cloned(),
            at,
        });
    }

    /// Returns when [`Self::flush_again`] has something to do.
    #[must_use]
    pub fn flush_due(&self) -> Option<Instant> {
        self.flushes.front().map(|flush| flush.at + PLAN_SETTLES)
    }

    /// Repeats, once every worker has the new plan, the flushes that went with it: entries that a
    /// worker learned with the old plan carry a time before the flush, later ones stay.
    pub fn flush_again(&mut self, now: Instant) {
        // In the order of their times.
        while let Some(Flush {
            fdb,
            port,
            vids,
            at,
        }) = self
            .flushes
            .pop_front_if(|flush| flush.at + PLAN_SETTLES <= now)
        {
            let meant = |vid: Option<Vid>| {
                let vids = vids.as_ref();
                vids.is_none_or(|vids| vid.is_some_and(|vid| vids.contains(vid)))
            };
            fdb.flush(|key, entry| {
                entry.port == Some(port)
                    && entry.flags == Default::default()
                    && entry.updated < at
                    && meant(key.vid())
            });
        }
    }
}

/// By the kernel's number.
pub(super) const PORT_STATES: [PortState; 5] = [
    PortState::Disabled,
    PortState::Listening,
    PortState::Learning,
    PortState::Forwarding,
    PortState::Blocking,
];
