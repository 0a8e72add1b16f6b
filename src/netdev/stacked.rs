//! Netdevs that stand on another, whatever their kind: how they follow their *lower*, and what they ask
//! of it.
//!
//! An upper has no carrier of its own making, and hears only what its lower hears. The kernel tells it
//! by notifications, and what an upper missed it does not learn later; so carrier and operational state
//! are kept ([`Stacked`]) and change on the same events: [`Network::set_up`], `state_changed`,
//! `address_changed`, `change_mtu`.
//!
//! A new kind of upper keeps a [`Stacked`] and says so in [`Kind::stacked`]. Everything that holds for all
//! kinds then holds for it: nesting, namespaces, carrier, deletion with its lower, speed. Where kinds
//! differ there is one `match` for each question, all in this file:
//!
//! | question | function |
//! |---|---|
//! | May it come up, and what happens when it does? | `check_open`, `switched` |
//! | What happens when its lower goes up or down? | `uppers_switched` |
//! | What happens when its lower's address changes? | `address_changed` |
//! | Which address of its own does its lower listen to for it? | `own_filter` |
//! | Do promiscuity and all-multicast step down to its lower? | `passes_flags_down` |
//! | What is to be undone when it leaves its lower? | `leave_lower` |

use super::network::Mark;
use super::vlan_device::VlanDevice;
use super::{Errno, Kind, Network, OperState, Refusal};
use crate::switch::NetdevId;
use crate::time::Instant;
use crate::wire::MacAddr;

/// What a netdev that stands on another keeps about that.
#[derive(Clone, Copy, Debug)]
pub struct Stacked {
    /// The netdev below it.
    pub lower: NetdevId,
    /// Whether it has carrier (`__LINK_STATE_NOCARRIER` unset).
    pub(super) carrier: bool,
    /// What the link watch made of that when it last changed.
    pub(super) operstate: OperState,
    /// Largest TCP super-frame, its lower's when it was made (`netif_inherit_tso_max`).
    pub tso_max_size: u32,
}

impl Kind {
    /// Returns how a netdev of this kind stands on another, if it does.
    #[must_use]
    pub fn stacked(&self) -> Option<&Stacked> {
        match self {
            Self::Vlan(vlan) => Some(&vlan.stacked),
            Self::Macvlan(macvlan) => Some(&macvlan.stacked),
            Self::Ipvlan(ipvlan) => Some(&ipvlan.stacked),
            Self::Loopback
            | Self::Bridge(_)
            | Self::Veth { .. }
            | Self::Dummy
            | Self::Vxlan(_)
            | Self::Tap { .. }
            | Self::Outside { .. } => None,
        }
    }

    fn stacked_mut(&mut self) -> Option<&mut Stacked> {
        match self {
            Self::Vlan(vlan) => Some(&mut vlan.stacked),
            Self::Macvlan(macvlan) => Some(&mut macvlan.stacked),
            Self::Ipvlan(ipvlan) => Some(&mut ipvlan.stacked),
            Self::Loopback
            | Self::Bridge(_)
            | Self::Veth { .. }
            | Self::Dummy
            | Self::Vxlan(_)
            | Self::Tap { .. }
            | Self::Outside { .. } => None,
        }
    }
}

impl Network {
    /// Returns the netdev that a netdev stands on.
    #[must_use]
    pub fn lower(&self, id: NetdevId) -> Option<NetdevId> {
        self.netdev(id).kind.stacked().map(|stacked| stacked.lower)
    }

    /// Returns what a new upper of a netdev keeps; [`Self::stand_on`] completes it.
    pub(super) fn stacked_on(&self, lower: NetdevId) -> Stacked {
        Stacked {
            lower,
            carrier: false,
            operstate: OperState::Down,
            tso_max_size: self.tso_max_size(lower),
        }
    }

    /// Returns, in words, what gets the frames of a netdev before its stack does (`rx_handler`): the
    /// bridge that it is a port of, or uppers that take frames by something else than their tag. A netdev
    /// has at most one handler.
    fn handler(&self, id: NetdevId) -> Option<String> {
        let netdev = self.netdev(id);
        if let Some(master) = netdev.master() {
            return Some(format!("is a port of {}", self.netdev(master).name));
        }
        if let Some(other) = netdev.cable {
            return Some(format!("has a cable to {}", self.netdev(other).name));
        }
        if netdev.device().is_some() {
            return Some("is a macvtap, whose frames go to its character device".to_owned());
        }
        if netdev.ipvlan.is_some() {
            return Some("has ipvlan devices on it".to_owned());
        }
        let port = netdev.macvlans.as_ref()?;
        let child = port.children.first()?;
        Some(format!("has macvlans on it ({})", self.netdev(*child).name))
    }

    /// Whether something may become the handler of a netdev (`netdev_is_rx_handler_busy`).
    ///
    /// # Errors
    /// `EBUSY` if it has one, `EINVAL` for an ipvlan device, which takes none.
    pub(super) fn check_handler(&self, id: NetdevId) -> Result<(), Refusal> {
        if self.ipvlan(id).is_some() {
            let note = "nothing but its stack takes the frames of an ipvlan device";
            return Err(Refusal::new(Errno::Invalid, note));
        }
        let Some(handler) = self.handler(id) else {
            return Ok(());
        };
        let note = format!("{} {handler}", self.netdev(id).name);
        Err(Refusal::new(Errno::Busy, note))
    }

    /// Puts a new upper on its lower: the `at`th of its uppers (`netdev_upper_dev_link`,
    /// `netif_stacked_transfer_operstate`, `linkwatch_fire_event`).
    pub(super) fn stand_on(&mut self, id: NetdevId, at: usize) {
        let Some(lower) = self.lower(id) else {
            return;
        };
        self.netdev_mut(lower).uppers.insert(at, id);
        let (here, there) = (self.netdev(id).ns, self.netdev(lower).ns);
        self.note_peer_namespace(here, there);
        // The link watch looks at a new device in any case.
        let carrier = self.carrier(lower) && !self.follows_members(id);
        if let Some(stacked) = self.netdev_mut(id).kind.stacked_mut() {
            stacked.carrier = carrier;
        }
        self.watch_link(id);
        self.touch();
    }

    /// Of some kinds the link watch does not look at a new device with carrier.
    pub(super) fn forget_first_look(&mut self, id: NetdevId) {
        if let Some(stacked) = self.netdev_mut(id).kind.stacked_mut()
            && stacked.carrier
        {
            stacked.operstate = OperState::Unknown;
        }
    }

    /// Takes an upper off its lower (`netdev_upper_dev_unlink`).
    pub(super) fn leave_lower(&mut self, id: NetdevId) {
        let Some(lower) = self.lower(id) else {
            return;
        };
        let below = self.netdev_mut(lower);
        below.uppers.retain(|upper| *upper != id);
        match self.netdev(id).kind {
            Kind::Vlan(_) => self.vlan_left(lower),
            Kind::Macvlan(_) => self.macvlan_left(id, lower),
            Kind::Ipvlan(_) => self.ipvlan_left(lower),
            _ => {}
        }
    }

    /// Takes the uppers made since a mark off their lowers.
    pub(super) fn unmake_uppers(&mut self, now: Instant, mark: &Mark) {
        for id in self.made_since(mark) {
            if self.macvlan(id).is_some() {
                // Its lower listens to it.
                self.switch(now, id, false);
            }
            self.leave_lower(id);
        }
    }

    /// Whether a netdev may come up (`ndo_open`).
    pub(super) fn check_open(&self, id: NetdevId) -> Result<(), Refusal> {
        match &self.netdev(id).kind {
            Kind::Vlan(vlan) => self.check_vlan_open(id, vlan),
            Kind::Macvlan(_) => self.check_macvlan_open(id),
            Kind::Vxlan(_) => self.check_vxlan_open(id),
            _ => Ok(()),
        }
    }

    /// An upper came up or went down (`ndo_open`, `ndo_stop`).
    pub(super) fn switched(&mut self, now: Instant, id: NetdevId, up: bool) {
        match self.netdev(id).kind {
            Kind::Vlan(_) => self.vlan_switched(now, id, up),
            Kind::Macvlan(_) => self.macvlan_switched(id, up),
            Kind::Ipvlan(_) => self.ipvlan_switched(id, up),
            Kind::Vxlan(_) => self.vxlan_switched(now, id, up),
            _ => {}
        }
    }

    /// A lower came up or went down: what stands on it follows (`NETDEV_UP`, `NETDEV_DOWN`). VLAN devices
    /// go up and down with it, the others get its carrier.
    pub(super) fn uppers_switched(&mut self, now: Instant, id: NetdevId, up: bool) {
        for upper in self.netdev(id).uppers.clone() {
            match &self.netdev(upper).kind {
                Kind::Vlan(_) => self.vlan_lower_switched(now, id, upper, up),
                _ => self.transfer_carrier(now, id, upper),
            }
        }
        if up {
            self.follow_members(now, id);
        }
    }

    /// A netdev's state changed while it is up, or the kernel looks at it again (`NETDEV_CHANGE`): its
    /// port follows, and what stands on it.
    pub(super) fn state_changed(&mut self, now: Instant, id: NetdevId) {
        self.check_port(now, id);
        if !self.netdev(id).up {
            return;
        }
        self.tell_of_change(id);
        for upper in self.netdev(id).uppers.clone() {
            self.transfer_carrier(now, id, upper);
        }
        self.follow_members(now, id);
    }

    /// `netif_stacked_transfer_operstate`.
    pub(super) fn transfer_carrier(&mut self, now: Instant, lower: NetdevId, upper: NetdevId) {
        if !self.follows_members(upper) {
            self.set_stacked_carrier(now, upper, self.carrier(lower));
        }
    }

    /// `netif_carrier_on`, `netif_carrier_off`, and the link watch after it.
    pub(super) fn set_stacked_carrier(&mut self, now: Instant, id: NetdevId, carrier: bool) {
        match self.netdev_mut(id).kind.stacked_mut() {
            Some(stacked) if stacked.carrier != carrier => stacked.carrier = carrier,
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

    /// The link watch looks at all whose carrier changed since a command began (`linkwatch_event`).
    pub(super) fn watch_links(&mut self) {
        for id in self.to_watch.take().unwrap_or_default() {
            self.watch_link(id);
        }
    }

    /// `rfc2863_policy`.
    pub(super) fn watch_link(&mut self, id: NetdevId) {
        let Some(stacked) = self.netdev(id).kind.stacked() else {
            return;
        };
        let operstate = if stacked.carrier {
            OperState::Up
        } else {
            self.without_carrier(id, stacked.lower)
        };
        if let Some(stacked) = self.netdev_mut(id).kind.stacked_mut() {
            stacked.operstate = operstate;
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

    /// A netdev's address changed, or was set again (`NETDEV_CHANGEADDR`): its port follows, and what
    /// stands on it.
    pub(super) fn address_changed(&mut self, now: Instant, id: NetdevId) {
        self.forget_neighbours(id);
        let mac = self.netdev(id).mac;
        if let Some((bridge, number)) = self.netdev(id).port {
            self.change_port_local(now, bridge, number, mac);
            self.recalculate_bridge_address(now, bridge);
        }
        for upper in self.netdev(id).uppers.clone() {
            match self.netdev(upper).kind {
                Kind::Vlan(_) if self.netdev(upper).up => self.inherit_address(now, upper, id),
                Kind::Macvlan(_) => self.sync_address(upper, mac),
                Kind::Ipvlan(_) => self.ipvlan_address_changed(now, id, upper),
                _ => {}
            }
        }
        self.set_rx_mode(id);
    }

    /// Returns the address that a lower listens to for an upper that is up, beside those of the upper's
    /// own lists (`dev_uc_add` in `ndo_open`).
    fn own_filter(&self, upper: NetdevId, lower: NetdevId) -> Option<MacAddr> {
        match self.netdev(upper).kind {
            Kind::Vlan(_) => {
                Some(self.netdev(upper).mac).filter(|it| *it != self.netdev(lower).mac)
            }
            Kind::Macvlan(_) => self.macvlan_filter(upper),
            _ => None,
        }
    }

    /// Returns the unicast addresses that a netdev listens to beside its own: those of its list, and
    /// what the netdevs on it that are up want to hear (`dev_uc_sync`).
    #[must_use]
    pub fn unicast_list(&self, id: NetdevId) -> Vec<MacAddr> {
        let mut list = self.netdev(id).unicast.clone();
        for upper in self.heard_uppers(id) {
            let own = self.own_filter(upper, id);
            add_missing(&mut list, own.into_iter().chain(self.unicast_list(upper)));
        }
        list
    }

    /// Whether [`Self::unicast_list`] has anything in it.
    fn hears_others(&self, id: NetdevId) -> bool {
        let asks = |upper| self.own_filter(upper, id).is_some() || self.hears_others(upper);
        !self.netdev(id).unicast.is_empty() || self.heard_uppers(id).any(asks)
    }

    /// Returns the group addresses that a netdev listens to, in the same way (`dev_mc_sync`).
    #[must_use]
    pub fn group_list(&self, id: NetdevId) -> Vec<MacAddr> {
        let mut list = self.netdev(id).groups.clone();
        for upper in self.heard_uppers(id) {
            add_missing(&mut list, self.group_list(upper));
        }
        list
    }

    /// Returns the uppers that a netdev listens for, in the order in which they came up if they are
    /// macvlans.
    pub(super) fn heard_uppers(&self, id: NetdevId) -> impl Iterator<Item = NetdevId> {
        let netdev = self.netdev(id);
        let macvlans = netdev.macvlans.iter().flat_map(|port| &port.up);
        let listed = |id: &&NetdevId| self.macvlan(**id).is_some_and(|it| it.listed);
        let others = netdev.uppers.iter();
        let others = others.filter(|id| self.netdev(**id).up && self.macvlan(**id).is_none());
        others.chain(macvlans.filter(listed)).copied()
    }

    /// A netdev's list of addresses changed, or it came up. Those that cannot filter by unicast addresses
    /// are promiscuous while there are any; uppers can, because they tell their lower. One that is down is
    /// left as it is (`__dev_set_rx_mode`).
    pub(super) fn set_rx_mode(&mut self, id: NetdevId) {
        if !self.netdev(id).up {
            return;
        }
        if let Some(lower) = self.lower(id) {
            self.set_rx_mode(lower);
            if self.macvlan(id).is_some() {
                self.refilter(id, true);
            }
            if self.ipvlan(id).is_some() {
                // Its groups are part of the plan.
                self.touch();
            }
            return;
        }
        let wanted = self.hears_others(id);
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

    /// One more, or one less, wants a netdev promiscuous; the first and the last tell its lower
    /// (`ndo_change_rx_flags`).
    pub(super) fn step_promiscuity(&mut self, id: NetdevId, more: bool) {
        let netdev = self.netdev_mut(id);
        netdev.promiscuity = step(netdev.promiscuity, more);
        let edge = netdev.promiscuity == u32::from(more);
        if let Some(lower) = self
            .passes_flags_down(id, RxFlag::Promiscuous)
            .filter(|_| edge)
        {
            self.step_promiscuity(lower, more);
        }
        if edge && self.macvlan(id).is_some() {
            self.set_rx_mode(id);
        }
        self.touch();
    }

    /// The same for all multicast.
    pub(super) fn step_allmulti(&mut self, id: NetdevId, more: bool) {
        let netdev = self.netdev_mut(id);
        netdev.allmulti = step(netdev.allmulti, more);
        let edge = netdev.allmulti == u32::from(more);
        if let Some(lower) = self
            .passes_flags_down(id, RxFlag::AllMulticast)
            .filter(|_| edge)
        {
            self.step_allmulti(lower, more);
        }
        if edge && self.macvlan(id).is_some() {
            self.set_rx_mode(id);
        }
        // Who hears which group is part of the plan.
        self.touch();
    }

    /// Returns the lower that is told when an upper's flag changes.
    fn passes_flags_down(&self, id: NetdevId, flag: RxFlag) -> Option<NetdevId> {
        let netdev = self.netdev(id);
        let passes = match netdev.kind {
            Kind::Vlan(_) => true,
            Kind::Ipvlan(_) => flag == RxFlag::AllMulticast,
            Kind::Macvlan(_) if flag == RxFlag::Promiscuous => {
                netdev.up && self.passes_promiscuity(id)
            }
            Kind::Macvlan(_) => netdev.up,
            _ => false,
        };
        self.lower(id).filter(|_| passes)
    }

    /// Whether an upper gets its carrier from the ports of a bridge instead of from its lower.
    fn follows_members(&self, id: NetdevId) -> bool {
        let bound = |vlan: &VlanDevice| vlan.flags.bridge_binding;
        self.vlan_device(id).is_some_and(bound)
    }

    /// Largest TCP super-frame of a netdev; a bridge takes the least of its ports' (`br_set_gso_limits`).
    #[must_use]
    pub fn tso_max_size(&self, id: NetdevId) -> u32 {
        let kind = &self.netdev(id).kind;
        if let Some(stacked) = kind.stacked() {
            return stacked.tso_max_size;
        }
        match kind {
            Kind::Loopback | Kind::Veth { .. } => VIRTUAL_TSO_MAX_SIZE,
            Kind::Vxlan(vxlan) => vxlan.tso_max_size.unwrap_or(TSO_MAX_SIZE),
            Kind::Bridge(bridge) if bridge.had_port => {
                let ports = bridge.ports.iter();
                let sizes = ports.map(|port| self.tso_max_size(port.netdev));
                sizes.min().unwrap_or(VIRTUAL_TSO_MAX_SIZE)
            }
            _ => TSO_MAX_SIZE,
        }
    }
}

/// What a netdev lets through beside what is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RxFlag {
    /// Everything (`IFF_PROMISC`).
    Promiscuous,
    /// Every group (`IFF_ALLMULTI`).
    AllMulticast,
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
