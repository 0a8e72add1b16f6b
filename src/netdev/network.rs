//! Who is there: namespaces, netdevs and attachments, and how to find them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;

use super::due::{Changes, Due};
use super::ipvlan::IpvlanPort;
use super::loops::LoopNews;
use super::macvlan::MacvlanPort;
use super::neigh::Neighbour;
use super::underlay::Underlay;
use super::{Address, Bridge, Ipvlan, Macvlan, VlanDevice, VxlanDevice};
use crate::switch::mdb::Family;
use crate::switch::{AttachmentId, NetdevId, PortNo, Side};
use crate::wire::MacAddr;

/// A network namespace, as a dense index; 0 is the script's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceId(u32);

impl NamespaceId {
    /// The namespace the script runs in.
    pub const OWN: Self = Self(0);

    const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns its number.
    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

/// One network namespace.
#[derive(Clone, Debug)]
struct Namespace {
    /// `None` for the script's own.
    name: Option<String>,
    /// Deleted namespaces keep their place.
    alive: bool,
    /// The namespaces it has given ids to, by id (`peernet2id`).
    nsids: Vec<Option<NamespaceId>>,
    /// The ifindex to try next.
    next_ifindex: u32,
    by_name: HashMap<String, NetdevId>,
    by_ifindex: BTreeMap<u32, NetdevId>,
}

/// What a netdev is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `lo`.
    Loopback,
    /// `type bridge`.
    Bridge(Box<Bridge>),
    /// One end of a veth pair.
    Veth {
        /// The other end.
        peer: NetdevId,
    },
    /// `type dummy`.
    Dummy,
    /// `type vlan`.
    Vlan(Box<VlanDevice>),
    /// `type macvlan` and `type macvtap`.
    Macvlan(Box<Macvlan>),
    /// `type ipvlan`.
    Ipvlan(Box<Ipvlan>),
    /// `type vxlan`.
    Vxlan(Box<VxlanDevice>),
    /// A TAP, whose wire ends in a virtual machine, say.
    Tap {
        /// That wire.
        wire: AttachmentId,
        /// Whether anything is plugged in there.
        plugged: bool,
    },
    /// A netdev that is there without the script having made it: a NIC.
    Outside {
        /// The wire plugged into it.
        wire: AttachmentId,
        /// Whether anything is plugged in there.
        plugged: bool,
    },
}

/// What a netdev says about its link (RFC 2863 `ifOperStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperState {
    /// `UNKNOWN`: up, and the driver does not report carrier.
    Unknown,
    /// `DOWN`.
    Down,
    /// `LOWERLAYERDOWN`: no carrier because the netdev behind it has none.
    LowerLayerDown,
    /// `UP`.
    Up,
}

impl OperState {
    /// Returns iproute2's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Down => "DOWN",
            Self::LowerLayerDown => "LOWERLAYERDOWN",
            Self::Up => "UP",
        }
    }
}

/// One netdev.
#[derive(Clone, Debug)]
pub struct Netdev {
    /// Its index in the plan and in counters.
    pub id: NetdevId,
    /// False once deleted; the entry stays, because ids are never reused.
    pub alive: bool,
    /// The namespace it is in.
    pub ns: NamespaceId,
    /// Its name, unique in its namespace.
    pub name: String,
    /// Its number, unique in its namespace.
    pub ifindex: u32,
    /// Its own address.
    pub mac: MacAddr,
    /// The address was chosen by a command (`NET_ADDR_SET`), not by us.
    pub mac_set: bool,
    /// Payload octets of an untagged frame, without the 14-octet header.
    pub mtu: u32,
    /// `txqueuelen`, in frames.
    pub txqlen: u32,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Was up in this namespace: its queueing discipline is in place since.
    pub opened: bool,
    /// `promisc on` was asked for by a command.
    pub promisc: bool,
    /// How many want it promiscuous: the command, the bridge it is a port of, VLAN devices on it. See
    /// [`Network::promiscuity`] for one more.
    pub promiscuity: u32,
    /// It is promiscuous because it cannot filter by the unicast addresses of its list
    /// (`uc_promisc`); looked at only while it is up.
    pub(super) uc_promisc: bool,
    /// `allmulticast on` was asked for by a command.
    pub allmulticast: bool,
    /// How many want all multicast.
    pub allmulti: u32,
    /// `multicast on` (`IFF_MULTICAST`).
    pub multicast: bool,
    /// `arp on` (no `IFF_NOARP`).
    pub arp: bool,
    /// `alias`.
    pub alias: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// The bridge it is a port of, and its number there.
    pub port: Option<(NetdevId, PortNo)>,
    /// The other end of its cable (`tapswitch cable`).
    pub cable: Option<NetdevId>,
    /// What stands on it: its VLAN devices by tag type and VID, as the kernel walks them, then others,
    /// oldest first.
    pub uppers: Vec<NetdevId>,
    /// What it keeps for the macvlans among them, while there are any.
    pub macvlans: Option<Box<MacvlanPort>>,
    /// What it keeps for the ipvlan devices on it, while there are any.
    pub ipvlan: Option<IpvlanPort>,
    /// IP addresses, in the order in which the kernel dumps them.
    pub addresses: Vec<Address>,
    /// Its neighbours by address, IPv4 first.
    pub neighbours: BTreeMap<IpAddr, Neighbour>,
    /// Its own list of unicast addresses (`bridge fdb add … self`), oldest first.
    pub unicast: Vec<MacAddr>,
    /// Its own list of group addresses, oldest first.
    pub groups: Vec<MacAddr>,
    /// Whether IPv6 began, with ff02::1, when the netdev could already be used: then it ends when the
    /// netdev is set down, for the membership is one that is taken up again, not the first one
    /// (`IF_READY` in `ipv6_add_dev`).
    pub(super) ipv6_ready: bool,
    /// Whether it has IPv6 where its MTU says that it has none, or the other way: an ipvlan device's lower
    /// changes its MTU and tells nobody.
    pub(super) ipv6_lags: bool,
    /// Its stack; a loopback has none, because no frame ever gets there.
    pub stack: Option<AttachmentId>,
}

impl Netdev {
    /// Returns the netdev's master.
    #[must_use]
    pub fn master(&self) -> Option<NetdevId> {
        self.port.map(|(bridge, _)| bridge)
    }

    /// Returns the bridge it is.
    #[must_use]
    pub fn bridge(&self) -> Option<&Bridge> {
        match &self.kind {
            Kind::Bridge(bridge) => Some(bridge),
            _ => None,
        }
    }

    /// Returns the character device of a macvtap.
    #[must_use]
    pub fn device(&self) -> Option<AttachmentId> {
        match &self.kind {
            Kind::Macvlan(macvlan) => macvlan.device,
            _ => None,
        }
    }

    /// Returns the outside wire plugged into it.
    #[must_use]
    pub const fn wire(&self) -> Option<AttachmentId> {
        match self.kind {
            Kind::Tap { wire, .. } | Kind::Outside { wire, .. } => Some(wire),
            _ => None,
        }
    }
}

/// Where the emulated network meets the world, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentInfo {
    /// The netdev it belongs to.
    pub netdev: NetdevId,
    /// Which end of it.
    pub side: Side,
    /// `br0`, `p1`, `p1@stack`, `h1/eth0`: by the netdev's current (or last) name and namespace.
    pub name: String,
}

/// No attachment has that name, or several have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// None has it; what there is.
    #[error("no attachment is called \"{name}\" (there are: {})", .known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Every attachment's name.
        known: Vec<String>,
    },
    /// Several namespaces have it.
    #[error("\"{name}\" is ambiguous: say which of {}", .candidates.join(", "))]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// The full names it could stand for.
        candidates: Vec<String>,
    },
}

/// The configuration of an emulated network.
#[derive(Clone, Debug)]
pub struct Network {
    namespaces: Vec<Namespace>,
    pub(super) netdevs: Vec<Netdev>,
    attachments: Vec<AttachmentInfo>,
    /// How many addresses were given out.
    addresses_given: u16,
    /// Counts changes of what the fast path reads.
    pub(super) revision: u64,
    /// What of it has changed since control asked last.
    pub(super) changes: Changes,
    /// When which bridge has something to do.
    pub(super) due: Due,
    /// The VXLAN devices there are, so that they are found among however many netdevs.
    pub(super) vxlans: BTreeSet<NetdevId>,
    /// The bridges that snoop by VLAN, or once did.
    pub(super) snooping_by_vlan: BTreeSet<NetdevId>,
    /// Some netdev has or had an IP address.
    pub(super) had_address: bool,
    /// What happened to ports' parts in spanning trees, and nobody was told yet.
    pub(super) tree_news: VecDeque<super::tree::TreeNews>,
    /// Counts changes of ports' states.
    pub(super) tree_changes: u64,
    /// Whether stacks report that they are snoopers, where somebody said so.
    pub(super) reports: BTreeMap<(NamespaceId, Family), bool>,
    /// FDB entries that were flushed together with a change of the plan.
    pub(super) flushes: VecDeque<super::ports::Flush>,
    /// Counters of VLANs that were given out, which is the first free one. None is used twice, so a VLAN
    /// that goes and comes back while VLANs are counted takes 32 octets more in each worker.
    pub(super) vlan_counters: u32,
    /// The same for messages of IGMP and MLD: one for every bridge and port that ever was.
    pub(super) multicast_counters: u32,
    /// Uppers whose carrier changed while a netdev goes up or down, or moves to another namespace: the link
    /// watch looks at them when that is over.
    pub(super) to_watch: Option<Vec<NetdevId>>,
    /// Frames of netdevs' own (BPDUs, queries): out of the wire side, or to the netdev's own stack.
    pub(super) transmits: VecDeque<(NetdevId, Side, Vec<u8>)>,
    /// News of loops, for whoever watches.
    pub(super) loop_news: VecDeque<LoopNews>,
    /// What goes on below VXLAN devices.
    pub(super) underlay: Underlay,
}

impl Default for Network {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Network {
    /// Makes a network of one namespace with a loopback and the outside wires named.
    #[must_use]
    pub fn new(outside: &[String]) -> Self {
        let mut network = Self {
            namespaces: Vec::new(),
            netdevs: Vec::new(),
            attachments: Vec::new(),
            addresses_given: 0,
            revision: 0,
            changes: Changes::All,
            due: Due::default(),
            vxlans: BTreeSet::new(),
            snooping_by_vlan: BTreeSet::new(),
            had_address: false,
            tree_news: VecDeque::new(),
            tree_changes: 0,
            reports: BTreeMap::new(),
            flushes: VecDeque::new(),
            to_watch: None,
            vlan_counters: 0,
            multicast_counters: 0,
            transmits: VecDeque::new(),
            loop_news: VecDeque::new(),
            underlay: Underlay::default(),
        };
        let own = network.create_namespace(None);
        for name in outside {
            network.create_outside(own, name);
        }
        network
    }

    /// Returns a netdev, deleted ones included.
    ///
    /// # Panics
    /// If the id is from another network: ids are only made here and never go away.
    #[must_use]
    pub fn netdev(&self, id: NetdevId) -> &Netdev {
        &self.netdevs[id.index()]
    }

    pub(super) fn netdev_mut(&mut self, id: NetdevId) -> &mut Netdev {
        &mut self.netdevs[id.index()]
    }

    /// Returns every netdev that was ever there, deleted ones included, by id.
    #[must_use]
    pub fn netdevs(&self) -> &[Netdev] {
        &self.netdevs
    }

    /// Returns every attachment that was ever there, by id.
    #[must_use]
    pub fn attachments(&self) -> &[AttachmentInfo] {
        &self.attachments
    }

    /// Returns the netdevs of a namespace by ifindex, as the kernel dumps them.
    pub fn in_namespace(&self, ns: NamespaceId) -> impl Iterator<Item = &Netdev> {
        self.namespaces[ns.index()]
            .by_ifindex
            .values()
            .map(|id| self.netdev(*id))
    }

    /// Returns the named namespaces there are, oldest first.
    pub fn namespaces(&self) -> impl Iterator<Item = (NamespaceId, &str)> {
        (0u32..)
            .zip(&self.namespaces)
            .filter(|(_, ns)| ns.alive)
            .filter_map(|(index, ns)| Some((NamespaceId(index), ns.name.as_deref()?)))
    }

    /// Whether there ever was a named namespace.
    #[must_use]
    pub const fn had_named_namespaces(&self) -> bool {
        self.namespaces.len() > 1
    }

    /// Returns a namespace's name; `None` for the script's own.
    #[must_use]
    pub fn namespace_name(&self, ns: NamespaceId) -> Option<&str> {
        self.namespaces[ns.index()].name.as_deref()
    }

    /// Finds a namespace by name.
    #[must_use]
    pub fn find_namespace(&self, name: &str) -> Option<NamespaceId> {
        self.namespaces()
            .find(|(_, it)| *it == name)
            .map(|(id, _)| id)
    }

    /// Finds a netdev by name.
    #[must_use]
    pub fn find(&self, ns: NamespaceId, name: &str) -> Option<NetdevId> {
        self.namespaces[ns.index()].by_name.get(name).copied()
    }

    /// Finds a netdev by number.
    #[must_use]
    pub fn find_ifindex(&self, ns: NamespaceId, ifindex: u32) -> Option<NetdevId> {
        self.namespaces[ns.index()]
            .by_ifindex
            .get(&ifindex)
            .copied()
    }

    /// Finds an attachment by name; the namespace may be left out where that is unambiguous. The
    /// script's own namespace comes first, deleted netdevs are not looked at.
    ///
    /// # Errors
    /// [`AttachmentError`], which lists what could have been meant.
    pub fn find_attachment(&self, name: &str) -> Result<AttachmentId, AttachmentError> {
        let live = || {
            (0u32..)
                .zip(&self.attachments)
                .filter(|(_, it)| self.netdev(it.netdev).alive)
        };
        if let Some((id, _)) = live().find(|(_, it)| it.name == name) {
            return Ok(AttachmentId(id));
        }
        let short = |it: &AttachmentInfo| it.name.split_once('/').is_some_and(|(_, s)| s == name);
        let found: Vec<_> = live().filter(|(_, it)| short(it)).collect();
        match found.as_slice() {
            [] => Err(AttachmentError::Unknown {
                name: name.to_owned(),
                known: live().map(|(_, it)| it.name.clone()).collect(),
            }),
            [(id, _)] => Ok(AttachmentId(*id)),
            several => Err(AttachmentError::Ambiguous {
                name: name.to_owned(),
                candidates: several.iter().map(|(_, it)| it.name.clone()).collect(),
            }),
        }
    }

    /// Whether a netdev has carrier (`netif_carrier_ok`).
    #[must_use]
    pub fn carrier(&self, id: NetdevId) -> bool {
        let netdev = self.netdev(id);
        match &netdev.kind {
            Kind::Loopback | Kind::Dummy | Kind::Vxlan(_) => true,
            Kind::Bridge(bridge) => bridge.carrier.unwrap_or(true),
            Kind::Veth { peer } => netdev.up && self.netdev(*peer).up,
            Kind::Vlan(vlan) => vlan.stacked.carrier,
            Kind::Macvlan(macvlan) => macvlan.stacked.carrier,
            Kind::Ipvlan(ipvlan) => ipvlan.stacked.carrier,
            Kind::Tap { plugged, .. } | Kind::Outside { plugged, .. } => *plugged,
        }
    }

    /// Returns what a netdev says about its link (`default_operstate`, link watch already done).
    #[must_use]
    pub fn operstate(&self, id: NetdevId) -> OperState {
        let netdev = self.netdev(id);
        if !netdev.up {
            return OperState::Down;
        }
        match &netdev.kind {
            Kind::Loopback | Kind::Dummy | Kind::Vxlan(_) => OperState::Unknown,
            Kind::Bridge(bridge) if bridge.carrier.is_none() => OperState::Unknown,
            Kind::Vlan(vlan) => vlan.stacked.operstate,
            Kind::Macvlan(macvlan) => macvlan.stacked.operstate,
            Kind::Ipvlan(ipvlan) => ipvlan.stacked.operstate,
            _ if self.carrier(id) => OperState::Up,
            Kind::Veth { peer } => self.without_carrier(id, *peer),
            _ => OperState::Down,
        }
    }

    /// Whether a netdev is up and able to pass frames (`netif_running` and `netif_oper_up`).
    #[must_use]
    pub fn running(&self, id: NetdevId) -> bool {
        matches!(self.operstate(id), OperState::Up | OperState::Unknown)
    }

    /// Returns the number of the current state of what the fast path reads: a plan compiled at the
    /// same number is still good.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns how often a spanning tree has changed the state of a port.
    #[must_use]
    pub const fn tree_changes(&self) -> u64 {
        self.tree_changes
    }

    /// Makes a namespace with its loopback.
    pub(super) fn create_namespace(&mut self, name: Option<String>) -> NamespaceId {
        let id = NamespaceId(index(self.namespaces.len()));
        self.namespaces.push(Namespace {
            name,
            alive: true,
            nsids: Vec::new(),
            next_ifindex: 1,
            by_name: HashMap::new(),
            by_ifindex: BTreeMap::new(),
        });
        self.create(id, "lo".to_owned(), Kind::Loopback, MacAddr::ZERO);
        id
    }

    fn create_outside(&mut self, ns: NamespaceId, name: &str) {
        let wire = AttachmentId(index(self.attachments.len()));
        let kind = Kind::Outside {
            wire,
            plugged: true,
        };
        let mac = self.next_mac();
        let id = self.create(ns, name.to_owned(), kind, mac);
        let netdev = self.netdev_mut(id);
        netdev.up = true;
        netdev.opened = true;
        netdev.groups.push(super::link::ALL_HOSTS);
    }

    /// Registers a netdev under a name that is known to be free, with its attachments.
    pub(super) fn create(
        &mut self,
        ns: NamespaceId,
        name: String,
        kind: Kind,
        mac: MacAddr,
    ) -> NetdevId {
        let id = NetdevId(index(self.netdevs.len()));
        let loopback = matches!(kind, Kind::Loopback);
        // Who is first called by the netdev's name, if that is not its stack.
        let first = match &kind {
            Kind::Tap { .. } | Kind::Outside { .. } => Some(Side::Wire),
            Kind::Macvlan(macvlan) => macvlan.device.map(|_| Side::Device),
            _ => None,
        };
        let ifindex = self.reserve_ifindex(ns, None);
        let namespace = &mut self.namespaces[ns.index()];
        namespace.by_name.insert(name.clone(), id);
        namespace.by_ifindex.insert(ifindex, id);
        let full = self.full_name(ns, &name);
        let mut attach = |side: Side, name: String| {
            self.attachments.push(AttachmentInfo {
                netdev: id,
                side,
                name,
            });
            AttachmentId(index(self.attachments.len() - 1))
        };
        let stack = if let Some(side) = first {
            attach(side, full.clone());
            Some(attach(Side::Stack, format!("{full}@stack")))
        } else if loopback {
            None
        } else {
            Some(attach(Side::Stack, full))
        };
        let dummy = matches!(kind, Kind::Dummy);
        if matches!(kind, Kind::Vxlan(_)) {
            self.vxlans.insert(id);
        }
        let netdev = Netdev {
            id,
            alive: true,
            ns,
            name,
            ifindex,
            mac,
            mac_set: false,
            mtu: if loopback { 65_536 } else { 1_500 },
            txqlen: 1_000,
            up: false,
            opened: false,
            promisc: false,
            promiscuity: 0,
            uc_promisc: false,
            allmulticast: false,
            allmulti: 0,
            multicast: !loopback && !dummy,
            arp: !dummy,
            alias: None,
            kind,
            port: None,
            cable: None,
            uppers: Vec::new(),
            macvlans: None,
            ipvlan: None,
            addresses: Vec::new(),
            neighbours: BTreeMap::new(),
            unicast: Vec::new(),
            ipv6_ready: false,
            ipv6_lags: false,
            groups: if loopback {
                Vec::new()
            } else {
                vec![super::link::ALL_NODES]
            },
            stack,
        };
        self.netdevs.push(netdev);
        self.touch();
        id
    }

    /// Notes how much is there, for [`Self::forget_since`].
    pub(super) const fn mark(&self) -> Mark {
        Mark {
            netdevs: self.netdevs.len(),
            attachments: self.attachments.len(),
            addresses_given: self.addresses_given,
        }
    }

    /// Returns the netdevs made since a mark.
    pub(super) fn made_since(&self, mark: &Mark) -> Vec<NetdevId> {
        let made = self.netdevs.iter().skip(mark.netdevs);
        made.map(|netdev| netdev.id).collect()
    }

    /// Takes back the netdevs made since a mark, as if they had never been: what the kernel does when
    /// making a link fails half way. Numbers that were given out are gone, as in the kernel.
    pub(super) fn forget_since(&mut self, mark: &Mark) {
        for netdev in self.netdevs.drain(mark.netdevs..) {
            let namespace = &mut self.namespaces[netdev.ns.index()];
            namespace.by_name.remove(&netdev.name);
            namespace.by_ifindex.remove(&netdev.ifindex);
        }
        let first = NetdevId(index(mark.netdevs));
        self.vxlans.split_off(&first);
        self.snooping_by_vlan.split_off(&first);
        self.attachments.truncate(mark.attachments);
        self.addresses_given = mark.addresses_given;
    }

    /// Returns the attachment that the next call of [`Self::create`] will make first.
    pub(super) fn next_attachment(&self) -> AttachmentId {
        AttachmentId(index(self.attachments.len()))
    }

    /// Makes the attachment of a socket of a namespace, by which its tunnels send and receive.
    pub(super) fn attach_underlay(&mut self, ns: NamespaceId, name: &str) -> AttachmentId {
        // The loopback is the first netdev of any namespace.
        let loopback = self.netdevs.iter().find(|netdev| netdev.ns == ns);
        let netdev = loopback.map_or(NetdevId(0), |netdev| netdev.id);
        let id = self.next_attachment();
        self.attachments.push(AttachmentInfo {
            netdev,
            side: Side::Underlay(ns.number()),
            name: self.full_name(ns, name),
        });
        self.touch();
        id
    }

    /// Takes a netdev out of its namespace; its entry and attachments stay behind.
    pub(super) fn unlist(&mut self, id: NetdevId) {
        let Netdev {
            ns, name, ifindex, ..
        } = self.netdev(id);
        let (ns, name, ifindex) = (*ns, name.clone(), *ifindex);
        let namespace = &mut self.namespaces[ns.index()];
        namespace.by_name.remove(&name);
        namespace.by_ifindex.remove(&ifindex);
    }

    /// Puts an unlisted netdev into a namespace, under a name and number that are free there.
    pub(super) fn list(&mut self, id: NetdevId, ns: NamespaceId, name: String, ifindex: u32) {
        let namespace = &mut self.namespaces[ns.index()];
        namespace.by_name.insert(name.clone(), id);
        namespace.by_ifindex.insert(ifindex, id);
        let full = self.full_name(ns, &name);
        let netdev = self.netdev_mut(id);
        (netdev.ns, netdev.name, netdev.ifindex) = (ns, name, ifindex);
        let first = netdev.wire().is_some() || netdev.device().is_some();
        for info in self.attachments.iter_mut().filter(|it| it.netdev == id) {
            info.name = match info.side {
                Side::Stack if first => format!("{full}@stack"),
                Side::Stack | Side::Wire | Side::Device | Side::Underlay(_) => full.clone(),
            };
        }
    }

    /// Finds a number in a namespace: the one wished for if it is free, else the next
    /// (`dev_index_reserve`).
    pub(super) fn reserve_ifindex(&mut self, ns: NamespaceId, wish: Option<u32>) -> u32 {
        let namespace = &mut self.namespaces[ns.index()];
        if let Some(wish) = wish.filter(|wish| !namespace.by_ifindex.contains_key(wish)) {
            return wish;
        }
        let mut ifindex = namespace.next_ifindex;
        while namespace.by_ifindex.contains_key(&ifindex) {
            ifindex += 1;
        }
        namespace.next_ifindex = ifindex + 1;
        ifindex
    }

    /// Marks a namespace as gone.
    pub(super) fn retire_namespace(&mut self, ns: NamespaceId) {
        self.namespaces[ns.index()].alive = false;
        for other in &mut self.namespaces {
            for id in &mut other.nsids {
                *id = id.filter(|it| *it != ns);
            }
        }
    }

    /// Gives a namespace an id in another, as the kernel does when a link leads from one to the other.
    pub(super) fn note_peer_namespace(&mut self, here: NamespaceId, there: NamespaceId) {
        if here == there || self.nsid(here, there).is_some() {
            return;
        }
        let nsids = &mut self.namespaces[here.index()].nsids;
        match nsids.iter_mut().find(|id| id.is_none()) {
            Some(free) => *free = Some(there),
            None => nsids.push(Some(there)),
        }
    }

    /// Returns the id that a namespace has in another (`link-netnsid`).
    #[must_use]
    pub fn nsid(&self, here: NamespaceId, there: NamespaceId) -> Option<u32> {
        let nsids = &self.namespaces[here.index()].nsids;
        let position = nsids.iter().position(|id| *id == Some(there))?;
        u32::try_from(position).ok()
    }

    pub(super) fn full_name(&self, ns: NamespaceId, name: &str) -> String {
        match self.namespace_name(ns) {
            Some(ns) => format!("{ns}/{name}"),
            None => name.to_owned(),
        }
    }

    /// Gives out the next address, where the kernel would draw one at random: "tap" in ASCII behind
    /// the prefix of locally administered addresses, then a count from 1.
    pub(super) fn next_mac(&mut self) -> MacAddr {
        self.addresses_given = self.addresses_given.wrapping_add(1);
        let [high, low] = self.addresses_given.to_be_bytes();
        MacAddr::new([0x02, b't', b'a', b'p', high, low])
    }
}

/// How much was there at some point; see `Network::mark`.
#[derive(Debug)]
pub struct Mark {
    netdevs: usize,
    attachments: usize,
    addresses_given: u16,
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("four thousand million netdevs do not fit in memory")
}
