//! The stack below VXLAN devices, as far as they need one: what a namespace's IP would do for its
//! tunnels.
//!
//! Whom a packet goes to is asked for where it is not known: the packets wait, the question goes out of
//! the right netdev, the answer becomes a neighbour that lives for [`LIFETIME`]. Questions about the
//! namespace's own addresses are answered, as its stack would. Fragments of datagrams for it are put
//! together.
//!
//! Only namespaces that a VXLAN device sends and receives in have this. Live, too, it answers for the
//! namespace beside the real stack there, which sees neither the tunnels' packets nor their fragments
//! put together.
//!
//! Below the script's own namespace there may be a *host* ([`Network::set_host_below`]), as there is for the
//! same script on Linux: devices there that nothing emulated could send for go by sockets of the host
//! instead, and nothing here is used ([`Network::goes_by_host`] says which those are).
//!
//! Bounds: [`MAX_QUESTIONS`] addresses asked for, [`MAX_WAITING`] packets for each; [`MAX_PARTIAL`] datagrams
//! of which fragments are there, each for [`REASSEMBLY`]. What is beyond them, or never answered, is lost
//! and counted ([`Network::tunnel_losses`]).

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::vxlan::group_mac;
use super::{Address, Kind, NamespaceId, Netdev, Network, VxlanDevice};
use crate::switch::vxlan::{Connected, Exit, Listener, contains};
use crate::switch::{AttachmentId, NetdevId, PlanUnderlay, PlanVxlan, Side};
use crate::time::{Duration, Instant};
use crate::wire::{
    Arp, Datagram, ETHER_ARP, ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, Ethernet, IPV4_HEADER,
    IPV6_HEADER, MacAddr, Neighbour, NeighbourKind, Sum,
};

/// How long a neighbour is good that answered (`BASE_REACHABLE_TIME`, and half as long again).
pub const LIFETIME: Duration = Duration::from_secs(45);

/// How long an answer is waited for before the next question (`RETRANS_TIME`).
const RETRANSMIT: Duration = Duration::from_secs(1);

/// Questions about one address (`mcast_solicit`).
const QUESTIONS: u8 = 3;

/// Addresses that are asked for at the same time.
pub const MAX_QUESTIONS: usize = 1_024;

/// Packets that wait for one answer; the oldest goes when another comes, as in Linux.
pub const MAX_WAITING: usize = 101;

/// Datagrams of which some fragments are there.
pub const MAX_PARTIAL: usize = 64;

/// How long their other fragments are waited for (`IP_FRAG_TIME`).
pub const REASSEMBLY: Duration = Duration::from_secs(30);

/// Fragments of one datagram.
const MAX_FRAGMENTS: usize = 1_024;

/// What goes on below VXLAN devices.
#[derive(Clone, Debug, Default)]
pub(super) struct Underlay {
    /// There is a host below the script's own namespace.
    host: bool,
    /// Its sockets, by IP version (true: 6) and port.
    sockets: Vec<((bool, u16), AttachmentId)>,
    /// The MTU of the way that devices' datagrams take there.
    way_mtus: BTreeMap<NetdevId, u32>,
    questions: BTreeMap<(NetdevId, IpAddr), Question>,
    /// When neighbours that answered are no longer good.
    good_until: BTreeMap<(NetdevId, IpAddr), Instant>,
    partial: VecDeque<Partial>,
    counts: TunnelCounts,
}

/// What became of packets that tunnels' stacks did not take on their way at once.
///
/// `waited` = `sent` + `crowded` + `unanswered` + what [`Network::tunnel_packets_waiting`] says, and
/// `fragmented` = `together` + `misfits` + `incomplete` + what [`Network::tunnel_datagrams_partial`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelCounts {
    /// Packets whose station had to be asked for.
    pub waited: u64,
    /// Of those, the ones that were sent when it had answered.
    pub sent: u64,
    /// Of those, the ones that had no place to wait.
    pub crowded: u64,
    /// Of those, the ones that nobody answered for.
    pub unanswered: u64,
    /// Datagrams of which fragments came in.
    pub fragmented: u64,
    /// Of those, the ones that were put together.
    pub together: u64,
    /// Of those, the ones whose fragments do not fit each other.
    pub misfits: u64,
    /// Of those, the ones of which some fragments did not come in time, or others took their place.
    pub incomplete: u64,
}

impl TunnelCounts {
    /// Returns what was lost, packets and datagrams.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.crowded + self.unanswered + self.misfits + self.incomplete
    }
}

#[derive(Clone, Debug)]
struct Question {
    /// Packets with all but their destination's address.
    waiting: VecDeque<Vec<u8>>,
    asked: u8,
    due: Instant,
}

/// A datagram of which some fragments are there.
#[derive(Clone, Debug)]
struct Partial {
    key: (NetdevId, IpAddr, IpAddr, u32),
    /// The Ethernet and IP header of the first fragment.
    head: Option<Vec<u8>>,
    /// Offset and octets, in order of offset.
    pieces: Vec<(usize, Vec<u8>)>,
    /// Where it ends, once the last fragment is there.
    end: Option<usize>,
    until: Instant,
}

impl Partial {
    /// Takes a fragment; false if it does not fit to the others.
    fn add(&mut self, offset: usize, octets: &[u8], more: bool) -> bool {
        let end = offset + octets.len();
        let at = self.pieces.partition_point(|(other, _)| *other < offset);
        let before = at.checked_sub(1).and_then(|at| self.pieces.get(at));
        let overlaps = before.is_some_and(|(start, it)| start + it.len() > offset)
            || self.pieces.get(at).is_some_and(|(start, _)| end > *start);
        let beyond = self
            .end
            .is_some_and(|known| end > known || !more && end != known);
        if overlaps || beyond || end > 65_535 || self.pieces.len() >= MAX_FRAGMENTS {
            return false;
        }
        self.pieces.insert(at, (offset, octets.to_vec()));
        if !more {
            self.end = Some(end);
        }
        self.pieces
            .last()
            .is_none_or(|(start, it)| self.end.is_none_or(|known| start + it.len() <= known))
    }

    /// Returns the payload, when it is all there.
    fn payload(&self) -> Option<Vec<u8>> {
        let end = self.end?;
        let mut payload = Vec::with_capacity(end);
        for (offset, octets) in &self.pieces {
            if *offset != payload.len() {
                return None;
            }
            payload.extend_from_slice(octets);
        }
        (payload.len() == end).then_some(payload)
    }
}

impl Network {
    /// Says that there is a host below the script's own namespace.
    pub const fn set_host_below(&mut self) {
        self.underlay.host = true;
    }

    /// Whether a VXLAN device sends and receives by the host's own stack: one of the script's own namespace
    /// that nothing emulated there is below. Of what the device says, the first counts:
    ///
    /// | the device has | emulated, if |
    /// |---|---|
    /// | `dev`, a netdev that the script makes | always |
    /// | `local` | the script gives some netdev that address |
    /// | `dev`, an outside wire | the script gives it an address of the device's family |
    /// | `remote` | it is in a subnet of an address that the script gives |
    /// | none of these | the script gives an address of its family to any netdev but a VXLAN device or a bridge |
    #[must_use]
    pub fn goes_by_host(&self, id: NetdevId) -> bool {
        let Some(device) = self.vxlan_device(id) else {
            return false;
        };
        self.underlay.host && device.underlay == NamespaceId::OWN && !self.is_emulated_below(device)
    }

    fn is_emulated_below(&self, device: &VxlanDevice) -> bool {
        let config = &device.config;
        let lower = device.lower.map(|lower| self.netdev(lower));
        let made = |netdev: &Netdev| !matches!(netdev.kind, Kind::Outside { .. });
        if lower.is_some_and(made) {
            return true;
        }
        let mut netdevs = self
            .in_namespace(device.underlay)
            .filter(|netdev| !matches!(netdev.kind, Kind::Loopback));
        let of_family = |netdev: &Netdev| {
            let mut addresses = netdev.addresses.iter();
            addresses.any(|it| it.ip.is_ipv6() == config.ipv6())
        };
        if !config.local.is_unspecified() {
            let has = |netdev: &Netdev| netdev.addresses.iter().any(|it| it.ip == config.local);
            return netdevs.any(has);
        }
        if let Some(lower) = lower {
            return of_family(lower);
        }
        if let Some(remote) = config.endpoint() {
            let reaches = |it: &Address| {
                let subnet = it.peer.unwrap_or(it.ip);
                contains(subnet, it.prefix, remote)
            };
            return netdevs.any(|netdev| netdev.addresses.iter().any(reaches));
        }
        netdevs.any(|netdev| {
            let other = !matches!(netdev.kind, Kind::Vxlan(_) | Kind::Bridge(_));
            other && of_family(netdev)
        })
    }

    /// Notes the MTU of the way that a device's datagrams take on the host, if it is known.
    pub fn set_way_mtu(&mut self, id: NetdevId, mtu: Option<u32>) {
        let ways = &mut self.underlay.way_mtus;
        let before = match mtu {
            Some(mtu) => ways.insert(id, mtu),
            None => ways.remove(&id),
        };
        if before != mtu {
            self.touch();
        }
    }

    /// Returns the VXLAN devices that are up and go by the host, each with the attachment of its socket.
    pub fn host_tunnels(&self) -> impl Iterator<Item = (NetdevId, &VxlanDevice, AttachmentId)> {
        let devices = self
            .vxlan_devices()
            .filter(|(id, _)| self.netdev(*id).up && self.goes_by_host(*id));
        devices.filter_map(|(id, device)| Some((id, device, self.socket_of(device)?)))
    }

    fn socket_of(&self, device: &VxlanDevice) -> Option<AttachmentId> {
        let key = (device.config.ipv6(), device.config.port);
        let mut sockets = self.underlay.sockets.iter();
        let (_, socket) = sockets.find(|(it, _)| *it == key)?;
        Some(*socket)
    }

    /// Makes the attachments of sockets that devices have come to need. Called whenever commands have
    /// changed something.
    pub(crate) fn settle_sockets(&mut self) {
        if !self.underlay.host {
            return;
        }
        let wanted: Vec<_> = self
            .vxlan_devices()
            .filter(|(id, it)| {
                self.netdev(*id).up && self.goes_by_host(*id) && self.socket_of(it).is_none()
            })
            .map(|(_, it)| (it.config.ipv6(), it.config.port))
            .collect();
        for (ipv6, port) in wanted {
            if self
                .underlay
                .sockets
                .iter()
                .any(|(it, _)| *it == (ipv6, port))
            {
                continue;
            }
            let name = format!("vxlan{}:{port}", if ipv6 { 6 } else { 4 });
            let socket = self.attach_underlay(NamespaceId::OWN, &name);
            self.underlay.sockets.push(((ipv6, port), socket));
        }
    }

    /// Returns how many packets of tunnels were lost because nobody answered for their endpoint, or
    /// because a bound was reached.
    #[must_use]
    pub const fn tunnel_losses(&self) -> u64 {
        self.underlay.counts.lost()
    }

    /// Returns what became of packets that tunnels' stacks did not take on their way at once.
    #[must_use]
    pub const fn tunnel_counts(&self) -> TunnelCounts {
        self.underlay.counts
    }

    /// Returns how many packets of tunnels wait for an answer.
    #[must_use]
    pub fn tunnel_packets_waiting(&self) -> u64 {
        let waiting = self.underlay.questions.values();
        waiting.map(|it| it.waiting.len() as u64).sum()
    }

    /// Returns of how many datagrams of tunnels some fragments are missing.
    #[must_use]
    pub fn tunnel_datagrams_partial(&self) -> u64 {
        self.underlay.partial.len() as u64
    }

    /// Compiles the stacks of all namespaces, by their number; those without VXLAN devices are empty.
    pub(super) fn compile_underlays(
        &self,
        index: impl Fn(NetdevId) -> Option<u32>,
    ) -> Vec<PlanUnderlay> {
        let mut underlays: Vec<PlanUnderlay> = Vec::new();
        for (id, device) in self.vxlan_devices() {
            let at = device.underlay.number() as usize;
            if underlays.len() <= at {
                underlays.resize_with(at + 1, PlanUnderlay::default);
            }
            let Some(underlay) = underlays.get_mut(at) else {
                continue;
            };
            if underlay.exits.is_empty() {
                *underlay = self.compile_underlay(device.underlay);
            }
            if let Some(index) = index(id).filter(|_| self.netdev(id).up) {
                let config = &device.config;
                underlay.listeners.push(Listener {
                    ipv6: config.ipv6(),
                    port: config.port,
                    vni: config.vni,
                    only: device.lower.filter(|_| config.link_local()),
                    device: index,
                });
            }
        }
        for underlay in &mut underlays {
            underlay.listeners.sort_unstable();
        }
        underlays
    }

    fn compile_underlay(&self, ns: NamespaceId) -> PlanUnderlay {
        let netdevs = || self.in_namespace(ns).filter(|netdev| netdev.up);
        let mut plan = PlanUnderlay {
            sources: self
                .in_namespace(ns)
                .flat_map(|netdev| netdev.addresses.iter().map(|it| it.ip))
                .collect(),
            groups: self.vxlan_groups(ns).collect(),
            ..PlanUnderlay::default()
        };
        for netdev in netdevs() {
            let loopback = matches!(netdev.kind, Kind::Loopback);
            for address in &netdev.addresses {
                plan.locals.push((address.ip, netdev.id));
                let subnet = address.peer.unwrap_or(address.ip);
                let whole = if subnet.is_ipv4() { 32 } else { 128 };
                let single = address.prefix >= whole && address.peer.is_none();
                if !(loopback || address.secondary || address.noprefixroute || single) {
                    plan.routes.push(Connected {
                        subnet,
                        prefix: address.prefix,
                        netdev: netdev.id,
                        source: address.ip,
                    });
                }
                if let IpAddr::V4(ip) = subnet
                    && address.prefix < 31
                    && !loopback
                {
                    let all = u32::from(ip) | (u32::MAX >> address.prefix);
                    let all = [Some(Ipv4Addr::from(all)), address.broadcast];
                    let all = all.into_iter().flatten().map(|ip| (ip, netdev.id));
                    plan.broadcasts.extend(all);
                }
            }
            let global = |ip: Ipv6Addr| !ip.is_unicast_link_local();
            plan.exits.push(Exit {
                netdev: netdev.id,
                noarp: !netdev.arp || loopback,
                source4: first(netdev, |ip| match ip {
                    IpAddr::V4(ip) => Some(ip),
                    IpAddr::V6(_) => None,
                }),
                source6: first(netdev, |ip| match ip {
                    IpAddr::V6(ip) => Some(ip).filter(|ip| global(*ip)),
                    IpAddr::V4(_) => None,
                }),
            });
            plan.neighbours.extend(
                netdev
                    .neighbours
                    .iter()
                    .filter_map(|(ip, it)| Some(((netdev.id, *ip), it.station()?))),
            );
        }
        plan.routes
            .sort_by_key(|route| std::cmp::Reverse(route.prefix));
        plan.exits.sort_unstable_by_key(|exit| exit.netdev);
        plan.neighbours.sort_unstable_by_key(|(key, _)| *key);
        plan
    }

    /// Compiles a VXLAN device.
    pub(super) fn compile_vxlan(&self, id: NetdevId) -> Option<PlanVxlan> {
        let (netdev, device) = (self.netdev(id), self.vxlan_device(id)?);
        let (config, flags) = (&device.config, &device.config.flags);
        let neighbours = netdev.neighbours.iter().filter_map(|(ip, it)| {
            let station = crate::switch::neighbours::Station {
                mac: it.station()?,
                router: it.router,
            };
            Some((*ip, (station, it.is_confirmed())))
        });
        Some(PlanVxlan {
            netdev: id,
            underlay: device.underlay.number(),
            socket: self
                .goes_by_host(id)
                .then(|| self.socket_of(device))
                .flatten(),
            way_mtu: self.underlay.way_mtus.get(&id).copied(),
            lower: device.lower,
            fdb: std::sync::Arc::clone(&device.fdb),
            vni: config.vni,
            port: config.port,
            ipv6: config.ipv6(),
            local: Some(config.local).filter(|ip| !ip.is_unspecified()),
            source_ports: config.source_range(),
            ttl: config.ttl,
            ttl_inherit: config.ttl_inherit,
            tos: config.tos,
            df: config.df,
            label: config.label,
            learning: flags.learning,
            proxy: flags.proxy,
            rsc: flags.rsc,
            group_policy: flags.gbp,
            checksum: config.checksum(),
            zero_checksum6: flags.zero_csum6_rx,
            arp: netdev.arp,
            has_ipv6: netdev.has_ipv6(),
            bridged: netdev.port.is_some(),
            neighbours: std::sync::Arc::new(neighbours.collect()),
        })
    }

    /// Whether the stack of a netdev's namespace has somebody who listens to tunnels.
    pub(super) fn listens_below(&self, netdev: &Netdev) -> bool {
        self.vxlan_devices()
            .any(|(id, it)| it.underlay == netdev.ns && self.netdev(id).up)
    }

    /// A packet of a tunnel waits for its station's address. `octets` is the frame, all but that.
    pub fn receive_unresolved(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        let Some((ip, source)) = addresses(octets) else {
            return;
        };
        self.underlay.counts.waited += 1;
        if let Some(station) = self
            .netdev(id)
            .neighbours
            .get(&ip)
            .and_then(|it| it.station())
        {
            // The answer was faster than the packet.
            self.underlay.counts.sent += 1;
            return self.send_to(id, station, octets.to_vec());
        }
        let key = (id, ip);
        if let Some(question) = self.underlay.questions.get_mut(&key) {
            question.waiting.push_back(octets.to_vec());
            if question.waiting.len() > MAX_WAITING {
                question.waiting.pop_front();
                self.underlay.counts.crowded += 1;
            }
            return;
        }
        if self.underlay.questions.len() >= MAX_QUESTIONS {
            self.underlay.counts.crowded += 1;
            return;
        }
        let question = Question {
            waiting: VecDeque::from([octets.to_vec()]),
            asked: 1,
            due: now + RETRANSMIT,
        };
        self.underlay.questions.insert(key, question);
        self.ask(id, ip, source);
    }

    fn send_to(&mut self, id: NetdevId, station: MacAddr, mut frame: Vec<u8>) {
        if let Some(to) = frame.get_mut(..6) {
            to.copy_from_slice(&station.octets());
        }
        self.transmits.push_back((id, Side::Wire, frame));
    }

    /// Asks who has an address (`arp_solicit`, `ndisc_solicit`).
    fn ask(&mut self, id: NetdevId, ip: IpAddr, source: IpAddr) {
        let mac = self.netdev(id).mac;
        let question = match (ip, source) {
            (IpAddr::V4(target), IpAddr::V4(source)) => Arp::request(mac, source, target).to_vec(),
            (IpAddr::V6(target), IpAddr::V6(source)) => {
                Neighbour::solicit(mac, source, target).to_vec()
            }
            _ => return,
        };
        self.transmits.push_back((id, Side::Wire, question));
    }

    /// ARP or neighbour discovery went up to the stack of a netdev below tunnels.
    pub fn receive_neighbour(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        let Ok(frame) = Ethernet::parse(octets) else {
            return;
        };
        let payload = octets.get(ETHERNET_HEADER..).unwrap_or_default();
        match frame.ether_type() {
            ETHER_ARP if self.netdev(id).arp => {
                if let Some(arp) = Arp::parse(payload) {
                    self.receive_arp(now, id, arp);
                }
            }
            ETHER_IPV6 => {
                if let Some(message) = Neighbour::parse(payload) {
                    self.receive_discovery(now, id, frame.source(), &message);
                }
            }
            _ => {}
        }
    }

    /// `arp_process`.
    fn receive_arp(&mut self, now: Instant, id: NetdevId, arp: Arp<'_>) {
        let (sender, target) = (arp.sender_ip(), arp.target_ip());
        let for_us = self.has_address(id, target.into());
        if !arp.sender().is_station() {
            return;
        }
        match arp.operation() {
            Arp::REQUEST if for_us => {
                let reply = arp.reply(self.netdev(id).mac);
                self.transmits.push_back((id, Side::Wire, reply.to_vec()));
                if !sender.is_unspecified() {
                    self.met(now, id, sender.into(), arp.sender());
                }
            }
            Arp::REQUEST | Arp::REPLY => self.heard(now, id, sender.into(), arp.sender()),
            _ => {}
        }
    }

    /// `ndisc_recv_ns`, `ndisc_recv_na`.
    fn receive_discovery(
        &mut self,
        now: Instant,
        id: NetdevId,
        from: MacAddr,
        message: &Neighbour<'_>,
    ) {
        let target = message.target();
        match message.kind() {
            NeighbourKind::Solicitation if self.has_address(id, target.into()) => {
                let mac = self.netdev(id).mac;
                if let Some(answer) = message.advertise(from, mac, false) {
                    self.transmits.push_back((id, Side::Wire, answer.to_vec()));
                }
                if !message.source().is_unspecified() && from.is_station() {
                    self.met(now, id, message.source().into(), from);
                }
            }
            NeighbourKind::Advertisement { .. } if from.is_station() => {
                self.heard(now, id, target.into(), from);
            }
            NeighbourKind::Solicitation | NeighbourKind::Advertisement { .. } => {}
        }
    }

    /// Whether some netdev of a netdev's namespace has an address; IPv6 is asked of the netdev alone.
    fn has_address(&self, id: NetdevId, ip: IpAddr) -> bool {
        let netdev = self.netdev(id);
        let has = |it: &Netdev| it.addresses.iter().any(|address| address.ip == ip);
        match ip {
            IpAddr::V4(_) => self.in_namespace(netdev.ns).any(has),
            IpAddr::V6(_) => has(netdev),
        }
    }

    /// A station told its address to whom it may concern: those that asked or know it already.
    fn heard(&mut self, now: Instant, id: NetdevId, ip: IpAddr, mac: MacAddr) {
        let known = self.underlay.good_until.contains_key(&(id, ip))
            || self.underlay.questions.contains_key(&(id, ip));
        if known {
            self.met(now, id, ip, mac);
        }
    }

    /// A station told its address to us.
    fn met(&mut self, now: Instant, id: NetdevId, ip: IpAddr, mac: MacAddr) {
        if self.learn_neighbour(now, id, ip, mac) {
            self.underlay.good_until.insert((id, ip), now + LIFETIME);
        }
        self.answered(id, ip, mac);
    }

    /// The station of an address is known: what waits for it goes.
    pub(super) fn answered(&mut self, id: NetdevId, ip: IpAddr, mac: MacAddr) {
        if let Some(question) = self.underlay.questions.remove(&(id, ip)) {
            self.underlay.counts.sent += question.waiting.len() as u64;
            for frame in question.waiting {
                self.send_to(id, mac, frame);
            }
        }
    }

    /// A fragment went up to the stack of a netdev below tunnels (`ip_defrag`, `ipv6_frag_rcv`).
    pub fn receive_fragment(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        let Some(fragment) = Fragment::parse(octets) else {
            return;
        };
        let key = (id, fragment.source, fragment.destination, fragment.id);
        let partial = &mut self.underlay.partial;
        let at = match partial.iter().position(|it| it.key == key) {
            Some(at) => at,
            None => {
                if partial.len() >= MAX_PARTIAL {
                    partial.pop_front();
                    self.underlay.counts.incomplete += 1;
                }
                self.underlay.counts.fragmented += 1;
                partial.push_back(Partial {
                    key,
                    head: None,
                    pieces: Vec::new(),
                    end: None,
                    until: now + REASSEMBLY,
                });
                partial.len() - 1
            }
        };
        let Some(it) = partial.get_mut(at) else {
            return;
        };
        if !it.add(fragment.offset, fragment.payload, fragment.more) {
            partial.remove(at);
            self.underlay.counts.misfits += 1;
            return;
        }
        if fragment.offset == 0 {
            it.head = Some(fragment.head.clone());
        }
        let Some((payload, head)) = it.payload().zip(it.head.clone()) else {
            return;
        };
        partial.remove(at);
        self.underlay.counts.together += 1;
        let packet = together(head, &payload);
        let port = payload.get(2..).and_then(<[u8]>::first_chunk).copied();
        let ns = self.netdev(id).ns;
        let listens = port.map(u16::from_be_bytes).is_some_and(|port| {
            let ipv6 = fragment.source.is_ipv6();
            self.vxlan_devices().any(|(id, it)| {
                self.netdev(id).up
                    && it.underlay == ns
                    && (it.config.ipv6(), it.config.port) == (ipv6, port)
            })
        });
        if listens {
            self.transmits.push_back((id, Side::Stack, packet));
        }
    }

    /// Returns when [`Self::underlay_timeout`] wants to be called.
    pub(crate) fn underlay_due(&self) -> Option<Instant> {
        let questions = self.underlay.questions.values().map(|it| it.due);
        let good = self.underlay.good_until.values().copied();
        let partial = self.underlay.partial.iter().map(|it| it.until);
        questions.chain(good).chain(partial).min()
    }

    /// Asks again, gives up, forgets.
    pub(crate) fn underlay_timeout(&mut self, now: Instant) {
        let due = |(key, it): (&(NetdevId, IpAddr), &Question)| (it.due <= now).then_some(*key);
        let due: Vec<_> = self.underlay.questions.iter().filter_map(due).collect();
        for (id, ip) in due {
            let Some(question) = self.underlay.questions.get_mut(&(id, ip)) else {
                continue;
            };
            let source = question.waiting.front().and_then(|frame| addresses(frame));
            if question.asked >= QUESTIONS || !self.netdevs[id.index()].alive {
                self.underlay.counts.unanswered += question.waiting.len() as u64;
                self.underlay.questions.remove(&(id, ip));
                continue;
            }
            question.asked += 1;
            question.due = now + RETRANSMIT;
            if let Some((_, source)) = source {
                self.ask(id, ip, source);
            }
        }
        let old = |(key, until): (&(NetdevId, IpAddr), &Instant)| (*until <= now).then_some(*key);
        let old: Vec<_> = self.underlay.good_until.iter().filter_map(old).collect();
        for (id, ip) in old {
            self.underlay.good_until.remove(&(id, ip));
            self.forget_learned_neighbour(id, ip);
        }
        let before = self.underlay.partial.len();
        self.underlay.partial.retain(|it| it.until > now);
        self.underlay.counts.incomplete += (before - self.underlay.partial.len()) as u64;
    }

    /// Tells that somebody joined a group (`igmpv3_send_cr`): a report of version 3, once. IPv6 tells
    /// nobody.
    pub(super) fn report_group(&mut self, id: NetdevId, group: IpAddr) {
        let IpAddr::V4(group) = group else {
            return;
        };
        let netdev = self.netdev(id);
        if !netdev.up {
            return;
        }
        let source = first(netdev, |ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let report = report(netdev.mac, source.unwrap_or(Ipv4Addr::UNSPECIFIED), group);
        self.transmits.push_back((id, Side::Wire, report));
    }
}

fn first<T>(netdev: &Netdev, wanted: impl Fn(IpAddr) -> Option<T>) -> Option<T> {
    netdev
        .addresses
        .iter()
        .find_map(|address| wanted(address.ip))
}

/// Returns destination and source of the IP packet in a frame.
fn addresses(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let ether_type = Ethernet::parse(octets).ok()?.ether_type();
    let datagram = Datagram::parse(ether_type, octets.get(ETHERNET_HEADER..)?)?;
    Some((datagram.destination, datagram.source))
}

/// A fragment of a UDP datagram.
struct Fragment<'a> {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    offset: usize,
    more: bool,
    /// Ethernet and IP headers, as they would be without fragments.
    head: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let ether_type = Ethernet::parse(octets).ok()?.ether_type();
        let packet = octets.get(ETHERNET_HEADER..)?;
        let outer = Datagram::parse(ether_type, packet)?;
        let payload = packet.get(outer.start..outer.end)?;
        let (id, field, skip) = match ether_type {
            ETHER_IPV4 => {
                if Sum::default().with(&packet[..outer.start]).checksum() != 0 {
                    return None;
                }
                let id = u16::from_be_bytes([packet[4], packet[5]]);
                (u32::from(id), [packet[6], packet[7]], 0)
            }
            _ => {
                let [_, _, a, b, c, d, e, f] = *packet.get(IPV6_HEADER..)?.first_chunk::<8>()?;
                let field = u16::from_be_bytes([a, b]);
                // Like IPv4: more, then the offset in units of eight octets.
                let field = (field & 1) << 13 | field >> 3;
                (u32::from_be_bytes([c, d, e, f]), field.to_be_bytes(), 8)
            }
        };
        let field = u16::from_be_bytes(field);
        let more = field & 0x2000 != 0;
        // All but the last are multiples of eight octets.
        if payload.is_empty() || more && !payload.len().is_multiple_of(8) {
            return None;
        }
        let mut head = octets[..ETHERNET_HEADER + outer.start - skip].to_vec();
        if skip > 0 {
            head[ETHERNET_HEADER + 6] = 17;
        }
        Some(Self {
            source: outer.source,
            destination: outer.destination,
            id,
            offset: usize::from(field & 0x1fff) * 8,
            more,
            head,
            payload,
        })
    }
}

/// Puts a datagram behind the headers of its first fragment, which are corrected.
fn together(mut head: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    let packet = &mut head[ETHERNET_HEADER..];
    let header = packet.len();
    let length = |octets: usize| u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes();
    if packet[0] >> 4 == 4 {
        packet[2..4].copy_from_slice(&length(header + payload.len()));
        packet[6..8].fill(0);
        packet[10..12].fill(0);
        let sum = Sum::default().with(packet).checksum();
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet[4..6].copy_from_slice(&length(header - IPV6_HEADER + payload.len()));
    }
    head.extend_from_slice(payload);
    head
}

/// An IGMPv3 report that a group was joined, whoever sends (RFC 3376 section 4.2).
fn report(mac: MacAddr, source: Ipv4Addr, group: Ipv4Addr) -> Vec<u8> {
    const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
    const ALL: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
    let mut igmp = vec![0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0];
    igmp.extend(group.octets());
    let sum = Sum::default().with(&igmp).checksum();
    igmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut ip = vec![0x46, 0xc0, 0, 0, 0, 0, 0x40, 0, 1, 2, 0, 0];
    ip.extend([source.octets(), ALL.octets(), ROUTER_ALERT].concat());
    let total = u16::try_from(ip.len() + igmp.len()).unwrap_or(0);
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    let sum = Sum::default().with(&ip).checksum();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    debug_assert!(ip.len() == IPV4_HEADER + ROUTER_ALERT.len());
    let mut frame = [group_mac(ALL.into()).octets(), mac.octets()].concat();
    frame.extend(ETHER_IPV4.to_be_bytes());
    frame.extend(ip);
    frame.extend(igmp);
    frame
}
