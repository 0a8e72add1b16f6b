//! VLAN devices: the uppers of a netdev that take one VLAN of its frames each.
//!
//! A VLAN device has no carrier, address or MTU of its own making: it follows its *lower*, whatever
//! kind that is, another VLAN device included. The kernel does so by notifications, and what a device
//! missed while it was down it does not learn later; so carrier and operational state are kept here
//! and change on the same events ([`Network::set_up`], `state_changed`, `address_changed`,
//! `change_mtu`). Read `net/8021q/vlan.c` (`vlan_device_event`) for the events, `vlan_netlink.c` for
//! making and changing devices, `vlan_dev.c` for opening and closing them.
//!
//! Bounds: 4,095 devices and tag type on one lower; chains of eight netdevs ([`MAX_NEST`](super::nesting::MAX_NEST)).
//!
//! Deviations: GVRP and MVRP are shown and join their group address, but nothing is registered with
//! anybody. Carrier acts at once, as everywhere in this model. `tso_max_size`, which `ip -d` shows, stays
//! the lower's from when the device was made; the kernel looks again when features change.

use super::link::{MtuRange, NewLink};
use super::network::Mark;
use super::{Errno, Kind, Network, OperState, Refusal};
use crate::switch::NetdevId;
use crate::time::Instant;
use crate::wire::{MacAddr, TagType, Vid};

/// 01:80:c2:00:00:21, where GVRP and MVRP speak: a netdev listens to it while it has VLAN devices
/// (`vlan_gvrp_init_applicant`).
const REGISTRATION: MacAddr = MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0x21]);

/// A VLAN device's own part of its netdev.
#[derive(Clone, Debug)]
pub struct VlanDevice {
    /// The netdev below it.
    pub lower: NetdevId,
    /// The type of its tag (`protocol`).
    pub tag_type: TagType,
    /// Its VID, 0 to 4094; 0 takes priority-tagged frames.
    pub vid: u16,
    /// The flags.
    pub flags: VlanFlags,
    /// The priority that a received frame gets, by the PCP of its tag (`ingress-qos-map`).
    pub ingress_qos: [u32; 8],
    /// The PCP of the tag by the priority of a frame, in the order in which commands first named the
    /// priority (`egress-qos-map`).
    egress_qos: Vec<(u32, u8)>,
    /// Whether it has carrier (`__LINK_STATE_NOCARRIER` unset).
    pub(super) carrier: bool,
    /// What the link watch made of that when it last changed.
    pub(super) operstate: OperState,
    /// Largest TCP super-frame, its lower's when it was made (`netif_inherit_tso_max`).
    pub tso_max_size: u32,
}

/// The flags of a VLAN device (`VLAN_FLAG_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanFlags {
    /// `reorder_hdr`: frames come up without their tag.
    pub reorder_hdr: bool,
    /// `gvrp`.
    pub gvrp: bool,
    /// `mvrp`.
    pub mvrp: bool,
    /// `loose_binding`: goes up and down without its lower.
    pub loose_binding: bool,
    /// `bridge_binding`: has carrier while some port with its VLAN has.
    pub bridge_binding: bool,
}

impl Default for VlanFlags {
    /// As a new device has them: `reorder_hdr` on.
    fn default() -> Self {
        Self {
            reorder_hdr: true,
            gvrp: false,
            mvrp: false,
            loose_binding: false,
            bridge_binding: false,
        }
    }
}

/// What a command says about a VLAN device; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VlanChange {
    /// `id`: only a new device takes it.
    pub vid: Option<u16>,
    /// `protocol`, an EtherType: only a new device takes it.
    pub protocol: Option<u16>,
    /// `reorder_hdr`.
    pub reorder_hdr: Option<bool>,
    /// `gvrp`.
    pub gvrp: Option<bool>,
    /// `mvrp`.
    pub mvrp: Option<bool>,
    /// `loose_binding`.
    pub loose_binding: Option<bool>,
    /// `bridge_binding`.
    pub bridge_binding: Option<bool>,
    /// (PCP, priority), in the order written; of a PCP the low three bits count.
    pub ingress_qos: Vec<(u32, u32)>,
    /// (priority, PCP), in the order written; of a PCP the low three bits count.
    pub egress_qos: Vec<(u32, u32)>,
}

impl VlanChange {
    /// What the kernel looks at before anything else, also of a device that exists (`vlan_validate`).
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` for an address that no station can have; `EINVAL` without any option,
    /// `EPROTONOSUPPORT` for another protocol, `ERANGE` for a VID above 4094.
    pub fn check(&self, address: Option<MacAddr>) -> Result<(), Refusal> {
        if address.is_some_and(|mac| !mac.is_station()) {
            let note = "a group or the zero address; a netdev needs a station's";
            return Err(Refusal::new(Errno::AddressNotAvailable, note)
                .extack("8021q: Invalid link address"));
        }
        if *self == Self::default() {
            let note = "say what to do with the VLAN device, for a new one at least \"id VID\"";
            return Err(
                Refusal::new(Errno::Invalid, note).extack("8021q: VLAN properties not specified")
            );
        }
        if self.protocol.is_some_and(|it| TagType::of(it).is_none()) {
            let note = "VLAN devices know the protocols 802.1Q and 802.1ad";
            return Err(Refusal::new(Errno::ProtocolNotSupported, note)
                .extack("8021q: Invalid VLAN protocol"));
        }
        if let Some(vid) = self.vid.filter(|vid| *vid > VlanDevice::VID_MAX) {
            let note = format!("the id of a VLAN device is 0 to 4094, not {vid}");
            return Err(Refusal::new(Errno::Range, note).extack("8021q: Invalid VLAN id"));
        }
        Ok(())
    }
}

impl VlanDevice {
    /// The highest VID a VLAN device can have.
    pub const VID_MAX: u16 = 4094;

    /// Returns the (priority, PCP) pairs that are in force, in the order in which the kernel dumps
    /// them: by the priority's low four bits, the newest first.
    #[must_use]
    pub fn egress_qos(&self) -> Vec<(u32, u8)> {
        let mut pairs: Vec<_> = self.egress_qos.iter().rev().copied().collect();
        pairs.retain(|(_, pcp)| *pcp != 0);
        pairs.sort_by_key(|(priority, _)| priority & 0xf);
        pairs
    }

    /// `vlan_changelink`.
    fn change(&mut self, change: &VlanChange) {
        let flags = &mut self.flags;
        for (flag, wanted) in [
            (&mut flags.reorder_hdr, change.reorder_hdr),
            (&mut flags.gvrp, change.gvrp),
            (&mut flags.mvrp, change.mvrp),
            (&mut flags.loose_binding, change.loose_binding),
            (&mut flags.bridge_binding, change.bridge_binding),
        ] {
            *flag = wanted.unwrap_or(*flag);
        }
        for (pcp, priority) in &change.ingress_qos {
            self.ingress_qos[usize::from(low_three(*pcp))] = *priority;
        }
        for (priority, pcp) in &change.egress_qos {
            let known = self.egress_qos.iter_mut().find(|it| it.0 == *priority);
            match known {
                Some(known) => known.1 = low_three(*pcp),
                None => self.egress_qos.push((*priority, low_three(*pcp))),
            }
        }
    }
}

fn low_three(number: u32) -> u8 {
    number.to_le_bytes()[0] & 7
}

impl Network {
    /// Returns the VLAN device that a netdev is.
    #[must_use]
    pub fn vlan_device(&self, id: NetdevId) -> Option<&VlanDevice> {
        match &self.netdev(id).kind {
            Kind::Vlan(vlan) => Some(vlan),
            _ => None,
        }
    }

    fn vlan_device_mut(&mut self, id: NetdevId) -> Option<&mut VlanDevice> {
        match &mut self.netdev_mut(id).kind {
            Kind::Vlan(vlan) => Some(vlan),
            _ => None,
        }
    }

    /// Makes a VLAN device on a netdev, which may be in another namespace (`vlan_newlink`). The change
    /// has passed [`VlanChange::check`].
    ///
    /// # Errors
    /// `EINVAL` without id or lower and for a larger MTU than the lower's, `EOPNOTSUPP` on a loopback,
    /// `EEXIST` for a second device of the VLAN (or the name), `EMLINK` for the ninth netdev in a row.
    /// Nothing changed then.
    pub fn add_vlan(
        &mut self,
        now: Instant,
        link: NewLink,
        lower: Option<NetdevId>,
        change: &VlanChange,
    ) -> Result<NetdevId, Refusal> {
        self.check_new(&link, MtuRange::VLAN)?;
        let vid = change.vid.ok_or_else(|| {
            Refusal::new(Errno::Invalid, "say which VLAN: \"type vlan id VID\"")
                .extack("8021q: VLAN id not specified")
        })?;
        let lower = lower.ok_or_else(|| {
            Refusal::new(Errno::Invalid, "say which netdev it is on: \"link NETDEV\"")
                .extack("8021q: link not specified")
        })?;
        let tag_type = change.protocol.and_then(TagType::of).unwrap_or_default();
        self.check_lower(lower, tag_type, vid)?;
        let below = self.netdev(lower);
        let lower_mtu = below.mtu;
        if link.mtu.is_some_and(|mtu| mtu > lower_mtu) {
            let note = format!("the MTU is at most that of {}, {lower_mtu}", below.name);
            return Err(Refusal::new(Errno::Invalid, note));
        }
        let (mac, multicast, arp) = (below.mac, below.multicast, below.arp);
        let mut vlan = VlanDevice {
            lower,
            tag_type,
            vid,
            flags: VlanFlags::default(),
            ingress_qos: [0; 8],
            egress_qos: Vec::new(),
            carrier: false,
            operstate: OperState::Down,
            tso_max_size: self.tso_max_size(lower),
        };
        vlan.change(change);
        let mark = self.mark();
        let mtu = link.mtu.unwrap_or(lower_mtu);
        let id = self.register(link, "vlan", Kind::Vlan(Box::new(vlan)), Some(mac))?;
        self.change_mtu(id, mtu);
        let netdev = self.netdev_mut(id);
        (netdev.multicast, netdev.arp) = (multicast, arp);
        if let Err(refusal) = self.check_height(lower) {
            self.forget_since(&mark);
            return Err(refusal);
        }
        self.stand_on(now, id, lower);
        Ok(id)
    }

    /// Whether a netdev can have a VLAN device of this VLAN (`vlan_check_real_dev`).
    fn check_lower(&self, lower: NetdevId, tag_type: TagType, vid: u16) -> Result<(), Refusal> {
        let name = &self.netdev(lower).name;
        if matches!(self.netdev(lower).kind, Kind::Loopback) {
            return Err(
                Refusal::new(Errno::NotSupported, "a loopback carries no Ethernet")
                    .extack("8021q: VLANs not supported on device"),
            );
        }
        let same = |id: &&NetdevId| {
            let vlan = self.vlan_device(**id);
            vlan.is_some_and(|vlan| (vlan.tag_type, vlan.vid) == (tag_type, vid))
        };
        match self.netdev(lower).uppers.iter().find(same) {
            None => Ok(()),
            Some(id) => {
                let note = format!("{} takes this VLAN of {name}", self.netdev(*id).name);
                Err(Refusal::new(Errno::Exists, note).extack("8021q: VLAN device already exists"))
            }
        }
    }

    /// Puts a new VLAN device on its lower (the second half of `register_vlan_dev`).
    fn stand_on(&mut self, now: Instant, id: NetdevId, lower: NetdevId) {
        let key = |network: &Self, id: NetdevId| {
            let vlan = network.vlan_device(id);
            vlan.map(|vlan| (vlan.tag_type, vlan.vid))
        };
        let mine = key(self, id);
        let at = self
            .netdev(lower)
            .uppers
            .partition_point(|other| key(self, *other) < mine);
        let below = self.netdev_mut(lower);
        below.uppers.insert(at, id);
        if below.uppers.len() == 1 && !below.groups.contains(&REGISTRATION) {
            below.groups.push(REGISTRATION);
        }
        let (here, there) = (self.netdev(id).ns, self.netdev(lower).ns);
        self.note_peer_namespace(here, there);
        // The link watch looks at a new device in any case.
        let carrier = self.carrier(lower);
        if let Some(vlan) = self.vlan_device_mut(id) {
            vlan.carrier = carrier && !vlan.flags.bridge_binding;
        }
        self.watch_link(id);
        self.follow_members(now, lower);
        self.touch();
    }

    /// Takes a VLAN device off its lower (`unregister_vlan_dev`).
    pub(super) fn leave_lower(&mut self, id: NetdevId) {
        let Some(lower) = self.vlan_device(id).map(|vlan| vlan.lower) else {
            return;
        };
        let below = self.netdev_mut(lower);
        below.uppers.retain(|upper| *upper != id);
        if below.uppers.is_empty() {
            below.groups.retain(|group| *group != REGISTRATION);
        }
    }

    /// Takes back the VLAN devices made since a mark.
    pub(super) fn unmake_uppers(&mut self, mark: &Mark) {
        for id in self.made_since(mark) {
            self.leave_lower(id);
        }
    }

    /// Changes a VLAN device (`vlan_changelink`); id and protocol stay what they are. The change has
    /// passed [`VlanChange::check`].
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is no VLAN device.
    pub fn change_vlan(&mut self, id: NetdevId, change: &VlanChange) -> Result<(), Refusal> {
        let name = self.netdev(id).name.clone();
        let Some(vlan) = self.vlan_device_mut(id) else {
            let note = format!("{name} is not a VLAN device");
            return Err(Refusal::new(Errno::NotSupported, note));
        };
        vlan.change(change);
        self.touch();
        Ok(())
    }

    /// Whether a VLAN device may come up (`vlan_dev_open`).
    pub(super) fn check_open(&self, id: NetdevId) -> Result<(), Refusal> {
        let Some(vlan) = self.vlan_device(id) else {
            return Ok(());
        };
        let lower = self.netdev(vlan.lower);
        if self.netdev(id).up || lower.up || vlan.flags.loose_binding {
            return Ok(());
        }
        let note = format!("{} is down; set it up first", lower.name);
        Err(Refusal::new(Errno::NetDown, note))
    }

    /// What a VLAN device does when it comes up or goes down (`vlan_dev_open`, `vlan_dev_stop`).
    pub(super) fn vlan_switched(&mut self, now: Instant, id: NetdevId, up: bool) {
        let Some(vlan) = self.vlan_device(id) else {
            return;
        };
        let (lower, bound) = (vlan.lower, vlan.flags.bridge_binding);
        if up {
            self.inherit_address(now, id, lower);
        }
        self.set_rx_mode(lower);
        if !up && !bound {
            self.set_vlan_carrier(now, id, false);
        } else if !bound && self.carrier(lower) {
            self.set_vlan_carrier(now, id, true);
        }
    }

    /// A lower came up or went down: so do the devices on it (`NETDEV_UP`, `NETDEV_DOWN`).
    pub(super) fn uppers_switched(&mut self, now: Instant, id: NetdevId, up: bool) {
        for upper in self.netdev(id).uppers.clone() {
            let Some(vlan) = self.vlan_device(upper) else {
                continue;
            };
            let loose = vlan.flags.loose_binding;
            let changes = self.netdev(upper).up != up;
            if changes && !loose {
                self.switch(now, upper, up);
            }
            // What is up already learns of the lower's carrier, which came with it.
            if up || (changes && !loose) {
                self.transfer_carrier(now, id, upper);
            }
        }
        if up {
            self.follow_members(now, id);
        }
    }

    /// A netdev's state changed while it is up, or the kernel looks at it again (`NETDEV_CHANGE`): its
    /// port follows, and the VLAN devices on it.
    pub(super) fn state_changed(&mut self, now: Instant, id: NetdevId) {
        self.check_port(now, id);
        if !self.netdev(id).up {
            return;
        }
        for upper in self.netdev(id).uppers.clone() {
            self.transfer_carrier(now, id, upper);
        }
        self.follow_members(now, id);
    }

    /// `vlan_stacked_transfer_operstate`.
    fn transfer_carrier(&mut self, now: Instant, lower: NetdevId, upper: NetdevId) {
        let vlan = self.vlan_device(upper);
        if vlan.is_some_and(|vlan| !vlan.flags.bridge_binding) {
            self.set_vlan_carrier(now, upper, self.carrier(lower));
        }
    }

    /// Lets the VLAN devices on a bridge that follow the ports of their VLAN do so
    /// (`br_vlan_set_vlan_dev_state`). To be called whenever a port, the bridge's own state or the
    /// membership of a port has changed.
    pub(super) fn follow_members(&mut self, now: Instant, bridge: NetdevId) {
        if self.bridge(bridge).is_none() {
            return;
        }
        for upper in self.netdev(bridge).uppers.clone() {
            let bound = |vlan: &&VlanDevice| vlan.flags.bridge_binding;
            let Some(vid) = self.vlan_device(upper).filter(bound).map(|vlan| vlan.vid) else {
                continue;
            };
            let carrier = self.carrier(bridge) && self.member_runs(bridge, vid);
            self.set_vlan_carrier(now, upper, carrier);
        }
    }

    /// Whether some port that is a member of a VLAN is up and has carrier.
    fn member_runs(&self, bridge: NetdevId, vid: u16) -> bool {
        self.bridge(bridge).is_some_and(|bridge| {
            let vid = Vid::new(vid);
            bridge.ports.iter().any(|port| {
                let member = vid.is_some_and(|vid| bridge.vlans.has(Some(port.number), vid));
                member && self.running(port.netdev)
            })
        })
    }

    /// `netif_carrier_on`, `netif_carrier_off`, and the link watch after it.
    fn set_vlan_carrier(&mut self, now: Instant, id: NetdevId, carrier: bool) {
        match self.vlan_device_mut(id) {
            Some(vlan) if vlan.carrier != carrier => vlan.carrier = carrier,
            _ => return,
        }
        self.watch_link(id);
        if let Some(later) = &mut self.to_watch {
            later.push(id);
        }
        self.touch();
        if self.netdev(id).up {
            self.state_changed(now, id);
        }
    }

    /// `rfc2863_policy`.
    pub(super) fn watch_link(&mut self, id: NetdevId) {
        let Some(vlan) = self.vlan_device(id) else {
            return;
        };
        let operstate = if vlan.carrier {
            OperState::Up
        } else {
            self.without_carrier(id, vlan.lower)
        };
        if let Some(vlan) = self.vlan_device_mut(id) {
            vlan.operstate = operstate;
        }
    }

    /// Returns what a netdev without carrier says of its link: whether the netdev behind it is the
    /// reason. The kernel looks that one's number up in this namespace, whoever has it there
    /// (`default_operstate`).
    pub(super) fn without_carrier(&self, id: NetdevId, behind: NetdevId) -> OperState {
        let (netdev, ifindex) = (self.netdev(id), self.netdev(behind).ifindex);
        match self.find_ifindex(netdev.ns, ifindex) {
            Some(behind) if ifindex != netdev.ifindex && !self.carrier(behind) => {
                OperState::LowerLayerDown
            }
            _ => OperState::Down,
        }
    }

    /// A netdev's address changed, or was set again (`NETDEV_CHANGEADDR`): its port follows, and the
    /// VLAN devices on it that are up and have no address of their own (`vlan_sync_address`).
    pub(super) fn address_changed(&mut self, now: Instant, id: NetdevId) {
        self.forget_neighbours(id);
        let mac = self.netdev(id).mac;
        if let Some((bridge, number)) = self.netdev(id).port {
            self.change_port_local(now, bridge, number, mac);
            self.recalculate_bridge_address(now, bridge);
        }
        for upper in self.netdev(id).uppers.clone() {
            if self.netdev(upper).up {
                self.inherit_address(now, upper, id);
            }
        }
        self.set_rx_mode(id);
    }

    /// `vlan_dev_inherit_address`.
    fn inherit_address(&mut self, now: Instant, id: NetdevId, lower: NetdevId) {
        let mac = self.netdev(lower).mac;
        let netdev = self.netdev_mut(id);
        if netdev.mac_set || netdev.mac == mac {
            return;
        }
        netdev.mac = mac;
        self.address_changed(now, id);
        self.touch();
    }

    /// Returns the unicast addresses that a netdev listens to beside its own: those of its list, and
    /// what the VLAN devices on it that are up want to hear (`dev_uc_sync`).
    #[must_use]
    pub fn unicast_list(&self, id: NetdevId) -> Vec<MacAddr> {
        let netdev = self.netdev(id);
        let mut list = netdev.unicast.clone();
        for upper in self.uppers_up(id) {
            let own = Some(self.netdev(upper).mac).filter(|mac| *mac != netdev.mac);
            add_missing(&mut list, own.into_iter().chain(self.unicast_list(upper)));
        }
        list
    }

    /// Returns the group addresses that a netdev listens to, in the same way (`dev_mc_sync`).
    #[must_use]
    pub fn group_list(&self, id: NetdevId) -> Vec<MacAddr> {
        let mut list = self.netdev(id).groups.clone();
        for upper in self.uppers_up(id) {
            add_missing(&mut list, self.group_list(upper));
        }
        list
    }

    fn uppers_up(&self, id: NetdevId) -> impl Iterator<Item = NetdevId> {
        let uppers = self.netdev(id).uppers.iter().copied();
        uppers.filter(|upper| self.netdev(*upper).up)
    }

    /// A netdev's list of unicast addresses changed, or it came up. Those that cannot filter by it are
    /// promiscuous while it is not empty; VLAN devices can, because they tell their lower. One that is
    /// down is left as it is (`__dev_set_rx_mode`).
    pub(super) fn set_rx_mode(&mut self, id: NetdevId) {
        if !self.netdev(id).up {
            return;
        }
        if let Some(lower) = self.vlan_device(id).map(|vlan| vlan.lower) {
            return self.set_rx_mode(lower);
        }
        let wanted = !self.unicast_list(id).is_empty();
        let netdev = self.netdev_mut(id);
        if netdev.uc_promisc != wanted {
            netdev.uc_promisc = wanted;
            self.touch();
        }
    }

    /// Returns how many want a netdev promiscuous, itself included.
    #[must_use]
    pub fn promiscuity(&self, id: NetdevId) -> u32 {
        let netdev = self.netdev(id);
        netdev.promiscuity + u32::from(netdev.uc_promisc)
    }

    /// One more, or one less, wants a netdev promiscuous; the first and the last tell the lower of a VLAN
    /// device (`vlan_dev_change_rx_flags`).
    pub(super) fn step_promiscuity(&mut self, id: NetdevId, more: bool) {
        let netdev = self.netdev_mut(id);
        netdev.promiscuity = step(netdev.promiscuity, more);
        let edge = netdev.promiscuity == u32::from(more);
        if let Some(lower) = self.vlan_device(id).map(|vlan| vlan.lower).filter(|_| edge) {
            self.step_promiscuity(lower, more);
        }
        self.touch();
    }

    /// The same for all multicast.
    pub(super) fn step_allmulti(&mut self, id: NetdevId, more: bool) {
        let netdev = self.netdev_mut(id);
        netdev.allmulti = step(netdev.allmulti, more);
        let edge = netdev.allmulti == u32::from(more);
        if let Some(lower) = self.vlan_device(id).map(|vlan| vlan.lower).filter(|_| edge) {
            self.step_allmulti(lower, more);
        }
    }

    /// Largest TCP super-frame of a netdev; a bridge takes the least of its ports' (`br_set_gso_limits`).
    #[must_use]
    pub fn tso_max_size(&self, id: NetdevId) -> u32 {
        match &self.netdev(id).kind {
            Kind::Loopback | Kind::Veth { .. } => VIRTUAL_TSO_MAX_SIZE,
            Kind::Dummy | Kind::Tap { .. } | Kind::Outside { .. } => TSO_MAX_SIZE,
            Kind::Vlan(vlan) => vlan.tso_max_size,
            Kind::Bridge(bridge) if !bridge.had_port => TSO_MAX_SIZE,
            Kind::Bridge(bridge) => {
                let ports = bridge.ports.iter();
                let sizes = ports.map(|port| self.tso_max_size(port.netdev));
                sizes.min().unwrap_or(VIRTUAL_TSO_MAX_SIZE)
            }
        }
    }
}

/// Largest TCP super-frame of a netdev that says nothing about it (`TSO_LEGACY_MAX_SIZE`).
const TSO_MAX_SIZE: u32 = 65_536;

/// Largest TCP super-frame of netdevs that only exist in the kernel (`TSO_MAX_SIZE`).
const VIRTUAL_TSO_MAX_SIZE: u32 = 524_280;

fn step(count: u32, more: bool) -> u32 {
    if more {
        count + 1
    } else {
        count.saturating_sub(1)
    }
}

fn add_missing(list: &mut Vec<MacAddr>, more: impl IntoIterator<Item = MacAddr>) {
    for mac in more {
        if !list.contains(&mac) {
            list.push(mac);
        }
    }
}
