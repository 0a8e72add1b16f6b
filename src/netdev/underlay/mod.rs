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

mod fragments;
mod host;
mod resolve;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::scope;
use super::{Kind, NamespaceId, Netdev, Network};
use crate::switch::vxlan::{Connected, Exit, Listener};
use crate::switch::{AttachmentId, NetdevId, PlanUnderlay, PlanVxlan};
use crate::time::{Duration, Instant};
use fragments::Partial;
use resolve::{Question, addresses};

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

impl Network {
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
        let mut plan = PlanUnderlay {
            locals: self.locals(ns).collect(),
            groups: self.vxlan_groups(ns).collect(),
            ..PlanUnderlay::default()
        };
        for netdev in self.in_namespace(ns).filter(|netdev| netdev.up) {
            let loopback = matches!(netdev.kind, Kind::Loopback);
            for address in &netdev.addresses {
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
                source4: self.source4(netdev),
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

    /// Returns what is local in a namespace, and at which netdev: IPv4 addresses also of netdevs that are down
    /// (`fib_add_ifaddr`, `fib_sync_down_dev`), IPv6 addresses from when theirs comes up (`addrconf_dad_begin`).
    fn locals(&self, ns: NamespaceId) -> impl Iterator<Item = (IpAddr, NetdevId)> {
        self.in_namespace(ns).flat_map(|netdev| {
            let addresses = netdev.addresses.iter().map(|it| it.ip);
            let local = addresses.filter(|ip| ip.is_ipv4() || netdev.up);
            local.map(|ip| (ip, netdev.id))
        })
    }

    /// Returns the IPv4 address that a netdev sends from to what no subnet of it has: its own first one, or the
    /// first of its namespace that is good outside of one wire (`inet_select_addr`).
    fn source4(&self, netdev: &Netdev) -> Option<Ipv4Addr> {
        let first = |netdev: &Netdev, may: fn(u8) -> bool| {
            let mut addresses = netdev.addresses.iter();
            addresses.find_map(|it| match it.ip {
                IpAddr::V4(ip) if !it.secondary && may(it.scope) => Some(ip),
                _ => None,
            })
        };
        first(netdev, |it| it <= scope::LINK).or_else(|| {
            let mut others = self.in_namespace(netdev.ns);
            others.find_map(|other| first(other, |it| it < scope::LINK))
        })
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
}

fn first<T>(netdev: &Netdev, wanted: impl Fn(IpAddr) -> Option<T>) -> Option<T> {
    netdev
        .addresses
        .iter()
        .find_map(|address| wanted(address.ip))
}
