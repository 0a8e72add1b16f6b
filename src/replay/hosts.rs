//! The hosts of a replay: one for each namespace that has something to simulate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::host::{Ended, Host, Interface, InterfaceAddress, MAX_IN_AN_INSTANT, Start};
use crate::netdev::address::scope;
use crate::netdev::{Address, Kind, NamespaceId, Netdev, Network};
use crate::switch::{AttachmentId, Plan};
use crate::time::Instant;

/// Hosts of one network at most; namespaces beyond have none.
pub const MAX_HOSTS: usize = 16_384;

/// `NUD_PERMANENT`.
const PERMANENT: u8 = 0x80;

/// What became of a program that was to start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exec {
    /// There is no such namespace.
    NoNamespace,
    /// Its host is busy with another program.
    Busy,
    /// Nobody simulates it, or its namespace.
    Unknown,
    /// It runs in this namespace.
    Runs(NamespaceId),
}

/// All hosts, and the frames on their way to them.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// None are simulated.
    off: bool,
    /// Attachments that captures feed.
    fed: Vec<String>,
    /// The configuration may have changed since hosts were told of it.
    stale: bool,
    hosts: BTreeMap<NamespaceId, Entry>,
    /// Namespaces in which captures feed something.
    fed_namespaces: BTreeSet<NamespaceId>,
    /// Whose each attachment is.
    homes: Vec<Option<NamespaceId>>,
    arrived: VecDeque<(NamespaceId, AttachmentId, Vec<u8>)>,
    due: BTreeSet<(Instant, NamespaceId)>,
}

#[derive(Debug, Default)]
struct Entry {
    host: Host,
    /// Frames that have arrived and it has not taken yet.
    waiting: u32,
    /// Frames that found too many others there.
    crowded: u64,
    due: Option<Instant>,
}

impl Hosts {
    /// Simulates nobody.
    pub(super) fn none() -> Self {
        Self {
            off: true,
            ..Self::default()
        }
    }

    /// Simulates everybody but those whose attachments are fed: named as attachments are, or as their files.
    pub(super) fn all_but(fed: Vec<String>) -> Self {
        Self {
            fed,
            stale: true,
            ..Self::default()
        }
    }

    pub(super) const fn are_off(&self) -> bool {
        self.off
    }

    /// The configuration may have changed.
    pub(super) const fn configuration_changed(&mut self) {
        self.stale = !self.off;
    }

    /// Tells the hosts what they have now. `plan` is that of `network`.
    pub(super) fn refresh(&mut self, network: &Network, plan: &Plan) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let fed = self.fed_attachments(network);
        self.fed_namespaces.clear();
        let mut interfaces: BTreeMap<NamespaceId, (Vec<Interface>, bool, bool)> = BTreeMap::new();
        for netdev in network.netdevs().iter().filter(|netdev| netdev.alive) {
            let (list, addressed, loopback) = interfaces.entry(netdev.ns).or_default();
            if matches!(netdev.kind, Kind::Loopback) {
                *loopback = netdev.up;
                continue;
            }
            let Some(at) = netdev.device().or(netdev.stack) else {
                continue;
            };
            if fed.contains(&at) {
                self.fed_namespaces.insert(netdev.ns);
                continue;
            }
            *addressed |= !netdev.addresses.is_empty();
            // What a port of a bridge hears, the bridge hears in its place.
            let used = netdev.port.is_none() || !netdev.addresses.is_empty();
            if netdev.up && used {
                list.push(interface(netdev, at, plan));
            }
        }
        self.homes.clear();
        self.homes.resize(network.attachments().len(), None);
        self.hosts.retain(|ns, _| interfaces.contains_key(ns));
        for (ns, (list, addressed, loopback)) in interfaces {
            let room = self.hosts.len() < MAX_HOSTS;
            let entry = match self.hosts.entry(ns) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) if addressed && room => {
                    entry.insert(Entry::default())
                }
                std::collections::btree_map::Entry::Vacant(_) => continue,
            };
            for interface in &list {
                if let Some(home) = self.homes.get_mut(interface.id as usize) {
                    *home = Some(ns);
                }
            }
            entry.host.configure(list, loopback);
        }
        let hosts = &self.hosts;
        self.due.retain(|(_, ns)| hosts.contains_key(ns));
        self.arrived.retain(|(ns, ..)| hosts.contains_key(ns));
    }

    fn fed_attachments(&self, network: &Network) -> BTreeSet<AttachmentId> {
        let mut fed: BTreeSet<AttachmentId> = self
            .fed
            .iter()
            .filter_map(|name| network.find_attachment(name).ok())
            .collect();
        for (id, info) in (0..).map(AttachmentId).zip(network.attachments()) {
            let file = info.name.replace(['/', '@'], "_");
            if self.fed.contains(&file) {
                fed.insert(id);
            }
        }
        fed
    }

    /// A copy has left the network by an attachment: a host may be there.
    pub(super) fn arrives(&mut self, at: AttachmentId, octets: &[u8]) {
        let Some(ns) = self.homes.get(at.index()).copied().flatten() else {
            return;
        };
        let Some(entry) = self.hosts.get_mut(&ns) else {
            return;
        };
        if !entry.host.hears(at.0, octets) {
            return;
        }
        if entry.waiting == MAX_IN_AN_INSTANT {
            entry.crowded += 1;
            return;
        }
        entry.waiting += 1;
        self.arrived.push_back((ns, at, octets.to_vec()));
    }

    /// Lets a host take the next frame that has arrived. Returns it, and what it sends; `None` when nothing has
    /// arrived.
    pub(super) fn take(&mut self, now: Instant) -> Option<VecDeque<(AttachmentId, Vec<u8>)>> {
        let (ns, at, octets) = self.arrived.pop_front()?;
        if let Some(entry) = self.hosts.get_mut(&ns) {
            entry.waiting -= 1;
            entry.host.receive(now, at.0, &octets);
        }
        Some(self.sent(ns))
    }

    /// Returns when a host has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Lets the host do what it has to do that is due next.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> VecDeque<(AttachmentId, Vec<u8>)> {
        let due = self.due.first().copied().filter(|(at, _)| *at <= now);
        let Some((_, ns)) = due else {
            return VecDeque::new();
        };
        if let Some(entry) = self.hosts.get_mut(&ns) {
            entry.host.handle_timeout(now);
        }
        self.sent(ns)
    }

    /// Starts a program in a namespace. Returns what its host sends at once, too.
    pub(super) fn exec(
        &mut self,
        now: Instant,
        network: &Network,
        ns: &str,
        words: &[String],
    ) -> (Exec, VecDeque<(AttachmentId, Vec<u8>)>) {
        let Some(ns) = network.find_namespace(ns) else {
            return (Exec::NoNamespace, VecDeque::new());
        };
        let there = self.hosts.contains_key(&ns);
        if !there && (self.fed_namespaces.contains(&ns) || self.hosts.len() >= MAX_HOSTS) {
            return (Exec::Unknown, VecDeque::new());
        }
        let host = &mut self.hosts.entry(ns).or_default().host;
        if host.is_busy() {
            return (Exec::Busy, VecDeque::new());
        }
        let exec = match host.start(now, words) {
            Start::Runs => Exec::Runs(ns),
            Start::Unknown => Exec::Unknown,
        };
        if !there {
            // With a host there, its interfaces count, even without addresses.
            self.stale = true;
        }
        (exec, self.sent(ns))
    }

    /// Returns what the program in a namespace came to, once it has ended; one whose namespace is gone has.
    pub(super) fn ended(&mut self, ns: NamespaceId) -> Option<Ended> {
        match self.hosts.get_mut(&ns) {
            Some(entry) => entry.host.poll_ended(),
            None => Some(Ended::default()),
        }
    }

    /// Returns how many frames were lost because too many came to a host in one instant.
    pub(super) fn lost(&self) -> u64 {
        let lost = |entry: &Entry| entry.crowded + entry.host.lost();
        self.hosts.values().map(lost).sum()
    }

    /// Returns what a host sends, and notes when it is due next.
    fn sent(&mut self, ns: NamespaceId) -> VecDeque<(AttachmentId, Vec<u8>)> {
        let mut sent = VecDeque::new();
        let Some(entry) = self.hosts.get_mut(&ns) else {
            self.due.retain(|(_, other)| *other != ns);
            return sent;
        };
        while let Some((at, octets)) = entry.host.poll_transmit() {
            sent.push_back((AttachmentId(at), octets));
        }
        let due = entry.host.poll_timeout();
        if due != entry.due {
            if let Some(at) = entry.due {
                self.due.remove(&(at, ns));
            }
            self.due.extend(due.map(|at| (at, ns)));
            entry.due = due;
        }
        sent
    }
}

fn interface(netdev: &Netdev, at: AttachmentId, plan: &Plan) -> Interface {
    let compiled = plan.netdevs.get(netdev.id.index());
    let stations = netdev.neighbours.iter();
    Interface {
        id: at.0,
        name: netdev.name.clone(),
        mac: netdev.mac,
        mtu: netdev.mtu,
        arp: netdev.arp,
        answered: compiled.is_some_and(|it| it.underlay.is_some()),
        addresses: netdev.addresses.iter().map(address).collect(),
        stations: stations
            .filter(|(_, neighbour)| neighbour.state & PERMANENT != 0)
            .filter_map(|(ip, neighbour)| Some((*ip, neighbour.station()?)))
            .collect(),
    }
}

fn address(address: &Address) -> InterfaceAddress {
    let subnet = address.peer.unwrap_or(address.ip);
    let whole = if subnet.is_ipv4() { 32 } else { 128 };
    let single = address.prefix >= whole && address.peer.is_none();
    let none = address.secondary || address.noprefixroute || single;
    InterfaceAddress {
        ip: address.ip,
        subnet: (!none).then_some((subnet, address.prefix)),
        broadcast: address.broadcast,
        link: address.scope >= scope::LINK,
    }
}
