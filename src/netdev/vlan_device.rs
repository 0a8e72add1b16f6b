//! VLAN devices: the uppers of a netdev that take one VLAN of its frames each.
//!
//! A VLAN device has no carrier, address or MTU of its own making: it follows its *lower*, whatever
//! kind that is, another VLAN device included. [`stacked`](super::stacked) has what it shares with
//! other netdevs that stand on one. Read `net/8021q/vlan.c` (`vlan_device_event`) for the events, `vlan_netlink.c` for
//! making and changing devices, `vlan_dev.c` for opening and closing them.
//!
//! Bounds: 4,095 devices and tag type on one lower; chains of eight netdevs ([`MAX_NEST`](super::nesting::MAX_NEST)).
//!
//! Deviations: GVRP and MVRP are shown and join their group address, but nothing is registered with
//! anybody. Carrier acts at once, as everywhere in this model. `tso_max_size`, which `ip -d` shows, stays
//! the lower's from when the device was made; the kernel looks again when features change.

use super::link::{MtuRange, NewLink};
use super::stacked::Stacked;
use super::{Errno, Kind, Network, Refusal};
use crate::switch::NetdevId;
use crate::time::Instant;
use crate::wire::{MacAddr, TagType, Vid};

/// 01:80:c2:00:00:21, where GVRP and MVRP speak: a netdev listens to it while it has VLAN devices
/// (`vlan_gvrp_init_applicant`).
const REGISTRATION: MacAddr = MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0x21]);

/// A VLAN device's own part of its netdev.
#[derive(Clone, Debug)]
pub struct VlanDevice {
    /// The netdev below it, and what it follows it in.
    pub stacked: Stacked,
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
            stacked: self.stacked_on(lower),
            tag_type,
            vid,
            flags: VlanFlags::default(),
            ingress_qos: [0; 8],
            egress_qos: Vec::new(),
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
        self.stand_vlan_on(now, id, lower);
        Ok(id)
    }

    /// Whether a netdev can have a VLAN device of this VLAN (`vlan_check_real_dev`).
    fn check_lower(&self, lower: NetdevId, tag_type: TagType, vid: u16) -> Result<(), Refusal> {
        let name = &self.netdev(lower).name;
        let why = match self.netdev(lower).kind {
            Kind::Loopback => Some("a loopback carries no Ethernet"),
            Kind::Ipvlan(_) => Some("an ipvlan device takes no VLANs; put it on a VLAN device"),
            _ => None,
        };
        if let Some(why) = why {
            return Err(Refusal::new(Errno::NotSupported, why)
                .extack("8021q: VLANs not supported on device"));
        }
        if self.netdev(lower).cable.is_some() {
            self.check_handler(lower)?;
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
    fn stand_vlan_on(&mut self, now: Instant, id: NetdevId, lower: NetdevId) {
        let key = |network: &Self, id: NetdevId| {
            let vlan = network.vlan_device(id);
            vlan.map(|vlan| (vlan.tag_type, vlan.vid))
        };
        let mine = key(self, id);
        let before = |other: &NetdevId| key(self, *other).is_some_and(|key| Some(key) < mine);
        let at = self.netdev(lower).uppers.partition_point(before);
        if !self.has_vlan_devices(lower) {
            let groups = &mut self.netdev_mut(lower).groups;
            if !groups.contains(&REGISTRATION) {
                groups.push(REGISTRATION);
            }
        }
        self.stand_on(id, at);
        self.follow_members(now, lower);
    }

    /// A VLAN device has left its lower (`unregister_vlan_dev`).
    pub(super) fn vlan_left(&mut self, lower: NetdevId) {
        if !self.has_vlan_devices(lower) {
            let groups = &mut self.netdev_mut(lower).groups;
            groups.retain(|group| *group != REGISTRATION);
        }
    }

    fn has_vlan_devices(&self, lower: NetdevId) -> bool {
        let mut uppers = self.netdev(lower).uppers.iter();
        uppers.any(|upper| self.vlan_device(*upper).is_some())
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
    pub(super) fn check_vlan_open(&self, id: NetdevId, vlan: &VlanDevice) -> Result<(), Refusal> {
        let lower = self.netdev(vlan.stacked.lower);
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
        let (lower, bound) = (vlan.stacked.lower, vlan.flags.bridge_binding);
        if up {
            self.inherit_address(now, id, lower);
        }
        self.set_rx_mode(lower);
        if !up && !bound {
            self.set_stacked_carrier(now, id, false);
        } else if !bound && self.carrier(lower) {
            self.set_stacked_carrier(now, id, true);
        }
    }

    /// The lower of a VLAN device came up or went down: so does the device, unless it is loose.
    pub(super) fn vlan_lower_switched(
        &mut self,
        now: Instant,
        lower: NetdevId,
        id: NetdevId,
        up: bool,
    ) {
        let vlan = self.vlan_device(id);
        let loose = vlan.is_some_and(|vlan| vlan.flags.loose_binding);
        let changes = self.netdev(id).up != up && !loose;
        if changes {
            self.switch(now, id, up);
        }
        // What is up already learns of the lower's carrier, which came with it.
        if up || changes {
            self.transfer_carrier(now, lower, id);
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
            self.set_stacked_carrier(now, upper, carrier);
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

    /// `vlan_dev_inherit_address`.
    pub(super) fn inherit_address(&mut self, now: Instant, id: NetdevId, lower: NetdevId) {
        let mac = self.netdev(lower).mac;
        let netdev = self.netdev_mut(id);
        if netdev.mac_set || netdev.mac == mac {
            return;
        }
        netdev.mac = mac;
        self.address_changed(now, id);
        self.touch();
    }
}
