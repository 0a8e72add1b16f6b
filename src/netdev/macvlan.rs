//! Macvlans and macvtaps: uppers that share a netdev by their addresses, and the netdev that they share,
//! their *port*.
//!
//! Read `drivers/net/macvlan.c`: `macvlan_common_newlink` and `macvlan_changelink` for making and
//! changing, `macvlan_open` and `macvlan_stop` for what a port listens to, `macvlan_device_event` for
//! what children follow their port in. What is compiled here is read by
//! [`switch::macvlan`](crate::switch::macvlan).
//!
//! A macvtap is a macvlan with a character device, which takes the place of its stack. The device is
//! always open here: something is plugged in, as with a TAP.
//!
//! Bounds: an address once per port, children and sources as many as commands make.
//!
//! Deviations: see [`switch::macvlan`](crate::switch::macvlan). A child is a member of the
//! solicited-node groups of the IPv6 addresses that commands give it, although these show in no list.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::link::{MtuRange, NewLink};
use super::stacked::Stacked;
use super::{Errno, Kind, Network, Refusal};
use crate::switch::macvlan::{Filter, Members, Mode, PlanMacvlan, PlanMacvlanPort};
use crate::switch::{AttachmentId, NetdevId, PlanNetdev};
use crate::time::Instant;
use crate::wire::MacAddr;

/// `bcqueuelen` of a macvlan that says nothing about it (`MACVLAN_DEFAULT_BC_QUEUE_LEN`).
const BROADCAST_QUEUE_LEN: u32 = 1_000;

/// `txqueuelen` of a macvtap (`TUN_READQ_SIZE`).
const DEVICE_QUEUE_LEN: u32 = 500;

/// A macvlan's own part of its netdev.
#[derive(Clone, Debug)]
pub struct Macvlan {
    /// The netdev below it, and what it follows it in.
    pub stacked: Stacked,
    /// Its mode.
    pub mode: Mode,
    /// Its flags.
    pub flags: MacvlanFlags,
    /// `bcqueuelen`, as it was asked for.
    pub queue_len: u32,
    /// Its lower has its addresses in its own lists: since it came up, and until the lower moves to
    /// another namespace, which empties them.
    pub(super) listed: bool,
    /// The character device of a macvtap.
    pub device: Option<AttachmentId>,
}

/// The flags of a macvlan (`MACVLAN_FLAG_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MacvlanFlags {
    /// `nopromisc`: in passthru mode, the lower is not made promiscuous.
    pub nopromisc: bool,
    /// `nodst`: what comes from a source of this macvlan is for nobody else but others that ask for it.
    pub nodst: bool,
}

/// What a command does to the sources of a macvlan in source mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// `macaddr add MAC`.
    Add(MacAddr),
    /// `macaddr del MAC`.
    Delete(MacAddr),
    /// `macaddr flush`.
    Flush,
    /// `macaddr set [MAC …]`.
    Set(Vec<MacAddr>),
}

/// What a command says about a macvlan; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MacvlanChange {
    /// `mode`.
    pub mode: Option<Mode>,
    /// `flag …`, `nopromisc`, `nodst`: all flags at once.
    pub flags: Option<MacvlanFlags>,
    /// `macaddr …`.
    pub sources: Option<SourceChange>,
    /// `bcqueuelen`.
    pub queue_len: Option<u32>,
    /// `bclim`.
    pub cutoff: Option<i32>,
}

impl MacvlanChange {
    /// What the kernel looks at before anything else, also of a macvlan that exists
    /// (`macvlan_validate`).
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` for an address, the macvlan's or a source's, that no station can have.
    pub fn check(&self, address: Option<MacAddr>) -> Result<(), Refusal> {
        let sources = match &self.sources {
            Some(SourceChange::Add(mac) | SourceChange::Delete(mac)) => std::slice::from_ref(mac),
            Some(SourceChange::Set(macs)) => macs,
            Some(SourceChange::Flush) | None => &[],
        };
        match address.iter().chain(sources).find(|mac| !mac.is_station()) {
            None => Ok(()),
            Some(mac) => {
                let note = format!("{mac} is a group or the zero address, which no station has");
                Err(Refusal::new(Errno::AddressNotAvailable, note))
            }
        }
    }
}

/// What a netdev keeps while macvlans stand on it (`struct macvlan_port`).
#[derive(Clone, Debug)]
pub struct MacvlanPort {
    /// The macvlans on it, oldest first.
    pub children: Vec<NetdevId>,
    /// Those that are up, in the order in which they, or their addresses, came.
    pub(super) up: Vec<NetdevId>,
    /// It has one child, in passthru mode.
    passthru: bool,
    /// The address to go back to when the child in passthru mode goes.
    own_mac: MacAddr,
    /// The next change of the lower's address is one that the child in passthru mode asked for.
    asked: bool,
    /// `bclim`: groups that more children than this are members of wait in the queue; below zero none
    /// does.
    pub cutoff: i32,
    /// What the queue has room for: the most that any child asks for.
    pub queue_len: u32,
    /// Who asks for which source, oldest first.
    sources: Vec<(MacAddr, NetdevId)>,
    /// Groups that children were members of when the kernel last looked.
    direct: Filter,
    /// Of those, the ones that wait in the queue.
    queued: Filter,
}

impl MacvlanPort {
    fn new(mac: MacAddr) -> Self {
        Self {
            children: Vec::new(),
            up: Vec::new(),
            passthru: false,
            own_mac: mac,
            asked: false,
            cutoff: 1,
            queue_len: 0,
            sources: Vec::new(),
            direct: Filter::default(),
            queued: Filter::default(),
        }
    }

    /// Returns the sources that a child asks for, in the kernel's order.
    #[must_use]
    pub fn sources_of(&self, child: NetdevId) -> Vec<MacAddr> {
        let mut found: Vec<_> = self.sources.iter().rev().collect();
        found.sort_by_key(|(mac, _)| bucket(*mac));
        let mine = found.into_iter().filter(|(_, asks)| *asks == child);
        mine.map(|(mac, _)| *mac).collect()
    }

    /// Children that are up, in the kernel's order.
    fn walk(&self, mac: impl Fn(NetdevId) -> MacAddr) -> Vec<NetdevId> {
        let mut up: Vec<_> = self.up.iter().rev().copied().collect();
        up.sort_by_key(|child| bucket(mac(*child)));
        up
    }
}

/// The place of an address in the kernel's tables (`macvlan_eth_hash`): 256 buckets, which are walked in
/// order, the newest entry of each first.
fn bucket(mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.octets();
    let value = u64::from_le_bytes([0, 0, a, b, c, d, e, f]);
    value.wrapping_mul(0x61c8_8646_80b5_83eb) >> 56
}

impl Network {
    /// Returns the macvlan (or macvtap) that a netdev is.
    #[must_use]
    pub fn macvlan(&self, id: NetdevId) -> Option<&Macvlan> {
        match &self.netdev(id).kind {
            Kind::Macvlan(macvlan) => Some(macvlan),
            _ => None,
        }
    }

    fn macvlan_mut(&mut self, id: NetdevId) -> Option<&mut Macvlan> {
        match &mut self.netdev_mut(id).kind {
            Kind::Macvlan(macvlan) => Some(macvlan),
            _ => None,
        }
    }

    /// Returns the port of the netdev that a macvlan stands on.
    #[must_use]
    pub fn macvlan_port(&self, child: NetdevId) -> Option<&MacvlanPort> {
        self.netdev(self.lower(child)?).macvlans.as_deref()
    }

    fn macvlan_port_mut(&mut self, child: NetdevId) -> Option<&mut MacvlanPort> {
        let lower = self.lower(child)?;
        self.netdev_mut(lower).macvlans.as_deref_mut()
    }

    /// Makes a macvlan, or a macvtap if `tap`, on a netdev, which may be in another namespace; one on
    /// a macvlan stands on that one's lower (`macvlan_common_newlink`). The change has passed
    /// [`MacvlanChange::check`].
    ///
    /// # Errors
    /// `EINVAL` without lower, on a loopback, for a larger MTU than the lower's, beside or in passthru
    /// mode if there is another, and for sources in another mode than source; `EBUSY` on a bridge port;
    /// `EMLINK` for the ninth netdev in a row; `EEXIST` for the name. Nothing changed then.
    pub fn add_macvlan(
        &mut self,
        link: NewLink,
        lower: Option<NetdevId>,
        change: &MacvlanChange,
        tap: bool,
    ) -> Result<NetdevId, Refusal> {
        self.check_new(&link, MtuRange::ETHERNET)?;
        let lower = lower.ok_or_else(|| {
            Refusal::new(Errno::Invalid, "say which netdev it is on: \"link NETDEV\"")
        })?;
        // One on a macvlan stands beside it.
        let lower = match self.macvlan(lower) {
            Some(sibling) => sibling.stacked.lower,
            None => lower,
        };
        let below = self.netdev(lower);
        let (mac, mtu) = (below.mac, below.mtu);
        if link.mtu.is_some_and(|wanted| wanted > mtu) {
            let note = format!("the MTU is at most that of {}, {mtu}", below.name);
            return Err(Refusal::new(Errno::Invalid, note));
        }
        let mode = change.mode.unwrap_or_default();
        self.check_macvlan_port(lower, mode)?;
        if change.sources.is_some() && mode != Mode::Source {
            return Err(not_in_source_mode());
        }
        let macvlan = Macvlan {
            stacked: self.stacked_on(lower),
            mode,
            flags: change.flags.unwrap_or_default(),
            queue_len: change.queue_len.unwrap_or(BROADCAST_QUEUE_LEN),
            listed: false,
            device: tap.then(|| self.next_attachment()),
        };
        let prefix = if tap { "macvtap" } else { "macvlan" };
        let shares = mode == Mode::Passthru;
        let link = NewLink {
            mac: if shares { Some(mac) } else { link.mac },
            txqlen: link.txqlen.or(tap.then_some(DEVICE_QUEUE_LEN)),
            mtu: Some(link.mtu.unwrap_or(mtu)),
            ..link
        };
        let mark = self.mark();
        let id = self.register(link, prefix, Kind::Macvlan(Box::new(macvlan)), None)?;
        if let Err(refusal) = self.check_height(lower) {
            self.forget_since(&mark);
            return Err(refusal);
        }
        let address_set = self.netdev(lower).mac_set;
        if shares {
            self.netdev_mut(id).mac_set = address_set;
        }
        let port = self
            .netdev_mut(lower)
            .macvlans
            .get_or_insert_with(|| Box::new(MacvlanPort::new(mac)));
        port.passthru = shares;
        port.children.push(id);
        if let Some(sources) = &change.sources {
            self.change_sources(id, sources);
        }
        if let Some(cutoff) = change.cutoff {
            self.set_cutoff(id, cutoff);
        }
        self.follow_queue_len(id);
        self.stand_on(id, self.netdev(lower).uppers.len());
        Ok(id)
    }

    /// Whether a netdev can have one more macvlan, in this mode (`macvlan_port_create`).
    fn check_macvlan_port(&self, lower: NetdevId, mode: Mode) -> Result<(), Refusal> {
        let below = self.netdev(lower);
        let name = &below.name;
        let refuse = |note: String| Err(Refusal::new(Errno::Invalid, note));
        match &below.macvlans {
            None if matches!(below.kind, Kind::Loopback) => {
                refuse("a loopback carries no Ethernet".to_owned())
            }
            None => self.check_handler(lower),
            Some(port) if port.passthru => refuse(format!(
                "{name} has a macvlan in passthru mode, which has it for itself"
            )),
            Some(_) if mode == Mode::Passthru => refuse(format!(
                "{name} has a macvlan already, so none can have it for itself (passthru)"
            )),
            Some(_) => Ok(()),
        }
    }

    /// Changes a macvlan (`macvlan_changelink`); what was applied before a refusal stays, as in the
    /// kernel. The change has passed [`MacvlanChange::check`].
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is none of the sort; `EINVAL` into or out of passthru mode, and for
    /// sources in another mode than source.
    pub fn change_macvlan(
        &mut self,
        id: NetdevId,
        change: &MacvlanChange,
        tap: bool,
    ) -> Result<(), Refusal> {
        let name = self.netdev(id).name.clone();
        let Some(macvlan) = self.macvlan(id).filter(|it| it.device.is_some() == tap) else {
            let kind = if tap { "macvtap" } else { "macvlan" };
            let note = format!("{name} is not a {kind}");
            return Err(Refusal::new(Errno::NotSupported, note));
        };
        let (old, lower) = (macvlan.mode, macvlan.stacked.lower);
        let mode = change.mode.unwrap_or(old);
        if (mode == Mode::Passthru) != (old == Mode::Passthru) {
            let note = format!("{name} is made in passthru mode or never is; make it anew");
            return Err(Refusal::new(Errno::Invalid, note));
        }
        self.touch();
        if mode != old
            && let Some(port) = self.macvlan_port_mut(id)
        {
            // Only source mode has any.
            port.sources.retain(|(_, asks)| *asks != id);
        }
        if let Some(flags) = change.flags {
            let turned = self
                .macvlan(id)
                .is_some_and(|it| it.flags.nopromisc != flags.nopromisc);
            // It counts when it comes up and goes down. Kernels before the fix of that told the lower of one that
            // is down as well, which stayed promiscuous for ever, or had a count below zero.
            if turned && old == Mode::Passthru && self.netdev(id).up {
                self.step_promiscuity(lower, !flags.nopromisc);
            }
            if let Some(macvlan) = self.macvlan_mut(id) {
                macvlan.flags = flags;
            }
        }
        if let Some(macvlan) = self.macvlan_mut(id) {
            macvlan.mode = mode;
            macvlan.queue_len = change.queue_len.unwrap_or(macvlan.queue_len);
        }
        self.follow_queue_len(id);
        if let Some(cutoff) = change.cutoff {
            self.set_cutoff(id, cutoff);
        }
        match &change.sources {
            Some(_) if mode != Mode::Source => Err(not_in_source_mode()),
            Some(sources) => {
                self.change_sources(id, sources);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// `macvlan_changelink_sources`.
    fn change_sources(&mut self, id: NetdevId, change: &SourceChange) {
        let Some(port) = self.macvlan_port_mut(id) else {
            return;
        };
        let added = match change {
            SourceChange::Add(mac) => std::slice::from_ref(mac),
            SourceChange::Delete(mac) => {
                port.sources.retain(|it| *it != (*mac, id));
                return;
            }
            SourceChange::Flush => &[],
            SourceChange::Set(macs) => macs,
        };
        if !matches!(change, SourceChange::Add(_)) {
            port.sources.retain(|(_, asks)| *asks != id);
        }
        for mac in added {
            if !port.sources.contains(&(*mac, id)) {
                port.sources.push((*mac, id));
            }
        }
    }

    /// `update_port_bc_queue_len`.
    fn follow_queue_len(&mut self, child: NetdevId) {
        let Some(port) = self.macvlan_port(child) else {
            return;
        };
        let wishes = port
            .children
            .iter()
            .filter_map(|child| self.macvlan(*child));
        let most = wishes.map(|it| it.queue_len).max().unwrap_or(0);
        if let Some(port) = self.macvlan_port_mut(child) {
            port.queue_len = most;
        }
    }

    /// `update_port_bc_cutoff`.
    fn set_cutoff(&mut self, child: NetdevId, cutoff: i32) {
        match self.macvlan_port_mut(child) {
            Some(port) if port.cutoff != cutoff => port.cutoff = cutoff,
            _ => return,
        }
        self.refilter(child, false);
    }

    /// A macvlan has left its lower (`macvlan_uninit`, `macvlan_port_destroy`).
    pub(super) fn macvlan_left(&mut self, id: NetdevId, lower: NetdevId) {
        let Some(port) = self.netdev_mut(lower).macvlans.as_deref_mut() else {
            return;
        };
        port.children.retain(|child| *child != id);
        port.up.retain(|child| *child != id);
        port.sources.retain(|(_, asks)| *asks != id);
        if port.children.is_empty() {
            self.netdev_mut(lower).macvlans = None;
        } else {
            self.follow_queue_len(id);
        }
        self.touch();
    }

    /// The child in passthru mode goes: its lower gets back the address that it had.
    pub(super) fn restore_address(&mut self, now: Instant, id: NetdevId) {
        let (Some(lower), Some(port)) = (self.lower(id), self.macvlan_port(id)) else {
            return;
        };
        let mac = port.own_mac;
        if port.passthru && self.macvlan(id).is_some() && self.netdev(lower).mac != mac {
            // Nobody follows any more.
            self.macvlan_left(id, lower);
            // An address that a netdev has had is one that it can have.
            _ = self.set_address(now, lower, mac);
        }
    }

    /// Whether a macvlan may come up (`macvlan_open`).
    pub(super) fn check_macvlan_open(&self, id: NetdevId) -> Result<(), Refusal> {
        let netdev = self.netdev(id);
        match self.macvlan_port(id) {
            Some(port) if !port.passthru && !netdev.up => self.check_address_free(id, netdev.mac),
            _ => Ok(()),
        }
    }

    /// Whether neither the port nor another child that is up has an address (`macvlan_addr_busy`).
    fn check_address_free(&self, child: NetdevId, mac: MacAddr) -> Result<(), Refusal> {
        let (Some(lower), Some(port)) = (self.lower(child), self.macvlan_port(child)) else {
            return Ok(());
        };
        let lower = Some(lower).filter(|_| !port.passthru);
        let mut taken = lower.into_iter().chain(port.up.iter().copied());
        match taken.find(|id| self.netdev(*id).mac == mac) {
            None => Ok(()),
            Some(id) => {
                let note = format!("{} has the address {mac}", self.netdev(id).name);
                Err(Refusal::new(Errno::AddressInUse, note))
            }
        }
    }

    /// What a macvlan does when it comes up or goes down (`macvlan_open`, `macvlan_stop`).
    pub(super) fn macvlan_switched(&mut self, id: NetdevId, up: bool) {
        let netdev = self.netdev(id);
        let (promiscuous, allmulti) = (netdev.promiscuity > 0, netdev.allmulti > 0);
        let Some(macvlan) = self.macvlan_mut(id) else {
            return;
        };
        macvlan.listed = up;
        let (lower, nopromisc) = (macvlan.stacked.lower, macvlan.flags.nopromisc);
        let Some(port) = self.macvlan_port_mut(id) else {
            return;
        };
        port.up.retain(|child| *child != id);
        if up {
            port.up.push(id);
        }
        if port.passthru {
            if !nopromisc {
                self.step_promiscuity(lower, up);
            }
        } else {
            if allmulti {
                self.step_allmulti(lower, up);
            }
            if promiscuous {
                self.step_promiscuity(lower, up);
            }
        }
        self.set_rx_mode(lower);
    }

    /// Whether a macvlan tells its lower that it is promiscuous: in passthru mode that is so anyway.
    pub(super) fn passes_promiscuity(&self, id: NetdevId) -> bool {
        self.macvlan_port(id).is_some_and(|port| !port.passthru)
    }

    /// Returns the address that a lower listens to for a macvlan that is up.
    pub(super) fn macvlan_filter(&self, id: NetdevId) -> Option<MacAddr> {
        let passthru = self.macvlan_port(id).is_none_or(|port| port.passthru);
        Some(self.netdev(id).mac).filter(|_| !passthru)
    }

    /// A lower goes to another namespace, which empties its lists of addresses.
    pub(super) fn unlist_macvlans(&mut self, lower: NetdevId) {
        let children = self.netdev(lower).macvlans.as_ref();
        for child in children.map(|port| port.up.clone()).unwrap_or_default() {
            if let Some(macvlan) = self.macvlan_mut(child) {
                macvlan.listed = false;
            }
        }
    }

    /// Whether a macvlan takes an address into its own list: a unicast one only in passthru mode
    /// (`macvlan_fdb_add`).
    pub(super) fn check_macvlan_list(&self, id: NetdevId, mac: MacAddr) -> Result<(), Refusal> {
        if mac.is_group() || self.macvlan_port(id).is_some_and(|port| port.passthru) {
            return Ok(());
        }
        let note =
            "a macvlan listens to one unicast address, its own, unless it is in passthru mode";
        Err(Refusal::new(Errno::NotSupported, note))
    }

    /// Changes the address of a macvlan (`macvlan_set_mac_address`); in passthru mode, that of its lower,
    /// which it follows.
    pub(super) fn set_macvlan_address(
        &mut self,
        now: Instant,
        id: NetdevId,
        mac: MacAddr,
    ) -> Result<(), Refusal> {
        let (Some(lower), Some(port)) = (self.lower(id), self.macvlan_port_mut(id)) else {
            return Ok(());
        };
        if port.passthru {
            port.asked = true;
            return self.set_address(now, lower, mac);
        }
        self.check_address_free(id, mac)?;
        self.put_macvlan_address(id, mac);
        Ok(())
    }

    /// The lower of a macvlan has another address: one in passthru mode takes it
    /// (`macvlan_sync_address`).
    pub(super) fn sync_address(&mut self, id: NetdevId, mac: MacAddr) {
        let netdev = self.netdev(id);
        let has_it = netdev.up && netdev.mac == mac;
        let Some(port) = self.macvlan_port_mut(id) else {
            return;
        };
        if !port.passthru || has_it {
            return;
        }
        if !std::mem::take(&mut port.asked) {
            port.own_mac = mac;
        }
        self.put_macvlan_address(id, mac);
    }

    fn put_macvlan_address(&mut self, id: NetdevId, mac: MacAddr) {
        self.netdev_mut(id).mac = mac;
        if !self.netdev(id).up {
            return;
        }
        if let Some(port) = self.macvlan_port_mut(id) {
            port.up.retain(|child| *child != id);
            port.up.push(id);
        }
        if let Some(lower) = self.lower(id) {
            self.set_rx_mode(lower);
        }
        self.touch();
    }

    /// Returns the solicited-node groups of a netdev's IPv6 addresses (RFC 4291 2.7.1).
    pub(super) fn solicited(&self, id: NetdevId) -> impl Iterator<Item = MacAddr> {
        let addresses = self.netdev(id).addresses.iter();
        addresses.filter_map(|address| match address.ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => {
                let [.., d, e, f] = ip.octets();
                Some(MacAddr::new([0x33, 0x33, 0xff, d, e, f]))
            }
        })
    }

    /// Looks anew at which groups a port handles, and which of them wait: on every change of a child's
    /// list, and not on every change of the port's own (`macvlan_set_mac_lists`). Without `direct`, only
    /// at the latter (`macvlan_recompute_bc_filter`).
    pub(super) fn refilter(&mut self, child: NetdevId, direct: bool) {
        let (Some(lower), Some(port)) = (self.lower(child), self.macvlan_port(child)) else {
            return;
        };
        let cutoff = port.cutoff;
        let open = self.promiscuity(lower) > 0 || self.netdev(lower).allmulti > 0;
        let mut members: BTreeMap<MacAddr, i32> = BTreeMap::new();
        // Who hears everything need not be told what is heard.
        let uppers = self.heard_uppers(lower).filter(|_| !open);
        for upper in uppers {
            for group in self.group_list(upper) {
                *members.entry(group).or_default() += 1;
            }
        }
        let more_than = |bound: i32| match open {
            true => Filter::All,
            false => {
                let found = members.iter().filter(|(_, count)| **count > bound);
                Filter::of(found.map(|(group, _)| *group).chain([MacAddr::BROADCAST]))
            }
        };
        let queued = if cutoff < 0 {
            Filter::default()
        } else {
            more_than(cutoff)
        };
        let all = direct.then(|| more_than(0));
        if let Some(port) = self.macvlan_port_mut(child) {
            port.queued = queued;
            port.direct = all.unwrap_or_else(|| port.direct.clone());
        }
        self.touch();
    }

    /// Compiles a port, of which the children are compiled already; `index` is the number of one.
    pub(super) fn compile_macvlan_port(
        &self,
        lower: NetdevId,
        port: &MacvlanPort,
        macvlans: &[PlanMacvlan],
        index: impl Fn(NetdevId) -> Option<u32>,
    ) -> PlanMacvlanPort {
        let up = port.walk(|child| self.netdev(child).mac);
        let up: Vec<_> = up
            .into_iter()
            .filter_map(|id| Some((id, index(id)?)))
            .collect();
        let hears_all = |id: NetdevId| {
            let netdev = self.netdev(id);
            netdev.promiscuity > 0 || netdev.allmulti > 0
        };
        let mut groups: BTreeMap<MacAddr, Vec<u32>> = BTreeMap::new();
        let memberships: Vec<BTreeSet<_>> = up
            .iter()
            .map(|(id, _)| {
                self.group_list(*id)
                    .into_iter()
                    .chain(self.solicited(*id))
                    .collect()
            })
            .collect();
        for group in memberships.iter().flatten() {
            groups.entry(*group).or_default();
        }
        let mut unknown = Vec::new();
        for ((id, number), mine) in up.iter().zip(&memberships) {
            if hears_all(*id) {
                unknown.push(*number);
                groups
                    .values_mut()
                    .for_each(|members| members.push(*number));
            } else {
                for group in mine {
                    groups.entry(*group).or_default().push(*number);
                }
            }
        }
        let solicited = up.iter().flat_map(|(id, _)| self.solicited(*id));
        let mut sources: BTreeMap<MacAddr, Vec<u32>> = BTreeMap::new();
        for (mac, child) in port.sources.iter().rev() {
            sources.entry(*mac).or_default().extend(index(*child));
        }
        let stations = up
            .iter()
            .map(|(id, number)| (self.netdev(*id).mac, macvlans[*number as usize]));
        let only = port.children.first().filter(|_| port.passthru);
        PlanMacvlanPort {
            lower,
            passthru: only.and_then(|child| index(*child)),
            stations: stations.collect(),
            sources: sources.into_iter().collect(),
            members: Members {
                broadcast: up.iter().map(|(_, number)| *number).collect(),
                unknown,
                groups: groups.into_iter().collect(),
            },
            queued: port.queued.clone(),
            direct: port.direct.with(solicited),
            queue_len: port.queue_len,
        }
    }
}

/// Compiles a child on a port, of which the netdev itself is compiled already.
pub(super) fn compile_macvlan(
    macvlan: &Macvlan,
    port: u32,
    netdev: NetdevId,
    compiled: &PlanNetdev,
) -> PlanMacvlan {
    PlanMacvlan {
        netdev,
        port,
        mode: macvlan.mode,
        nodst: macvlan.flags.nodst,
        carrier: macvlan.stacked.carrier,
        stack: (compiled.up && compiled.is_last()).then_some(compiled.stack),
    }
}

fn not_in_source_mode() -> Refusal {
    let note = "macaddr is for macvlans in source mode (type macvlan mode source)";
    Refusal::new(Errno::Invalid, note)
}
