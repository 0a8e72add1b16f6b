//! Show commands: the model as the kernel would dump it, for [`iproute::show`](crate::iproute::show) to print.

mod cable;
mod guard;
mod loops;
mod tree;
mod vlan;
mod vxlan;
mod xstats;

use std::net::IpAddr;

use super::apply::Failure;
use super::show_multicast;
use crate::iproute::command::{FdbGet, NeighGet, NetCommand, Verb, nud};
use crate::iproute::show::record::{
    AddrGenMode, AddrRecord, BridgeInfo, FdbRecord, KindInfo, LinkRecord, LinkStats, MacvlanInfo,
    NeighRecord, NetnsRecord, OperState, PortInfo, Queues, Scope, TapInfo, VlanDeviceInfo,
    addr_flags, fdb_flags, fdb_state, link_flags,
};
use crate::iproute::show::{self, ShowError};
use crate::mcast;
use crate::netdev::fdb::{Lifetime, lifetime};
use crate::netdev::neigh::Neighbour;
use crate::netdev::{
    self, Bridge, Errno, Kind, Macvlan, NamespaceId, Netdev, Network, Refusal, VlanDevice,
};
use crate::switch::macvlan::Mode;
use crate::switch::{Counters, Entry, Key};
use crate::time::{Duration, Instant};
use crate::wire::Vid;

impl From<ShowError> for Failure {
    fn from(error: ShowError) -> Self {
        Self::Said(format!("{error}\n"), error.status())
    }
}

/// What a namespace shows at some time.
pub(super) struct Show<'a> {
    pub(super) network: &'a Network,
    pub(super) now: Instant,
    pub(super) ns: NamespaceId,
    pub(super) counters: &'a Counters,
}

impl Show<'_> {
    /// Answers a show command; any other prints nothing.
    pub(super) fn run(&self, command: &NetCommand) -> Result<String, Failure> {
        let format = command.format;
        Ok(match &command.verb {
            // The directory of names is there from the first `ip netns add` on; without it nothing is
            // printed, not even an empty array.
            Verb::NetnsList if !self.network.had_named_namespaces() => String::new(),
            Verb::NetnsList => show::netns(&self.netns(), format),
            Verb::LinkShow(filter) => show::link(&self.links(), &self.netns(), filter, format)?,
            Verb::LinkXstats(filter) => {
                show::xstats(&self.links(), &self.xstats(), filter, format)?
            }
            Verb::AddrShow(filter) => {
                show::addr(&self.links(), &self.addrs(), &self.netns(), filter, format)?
            }
            Verb::GuardShow(dev) => {
                show::guard(&self.links(), &self.guards(), dev.as_deref(), format)?
            }
            Verb::TreeShow(dev) => {
                show::stp_settings(&self.links(), &self.trees(), dev.as_deref(), format)?
            }
            Verb::CableShow(dev) => {
                show::cable(&self.links(), &self.cables(), dev.as_deref(), format)?
            }
            Verb::StpShow(dev) => show::stp(&self.links(), &self.trees(), dev.as_deref(), format)?,
            Verb::NeighShow(filter) => {
                show::neigh(&self.links(), &self.neighbours(), filter, format)?
            }
            Verb::NeighGet(get) => show::neigh_get(&self.links(), &self.neighbour(get)?, format),
            Verb::TuntapShow => show::tuntap(&self.links(), format),
            Verb::BridgeLinkShow(filter) => show::bridge_link(&self.links(), filter, format)?,
            Verb::FdbShow(filter) => show::fdb(&self.links(), &self.fdb(), filter, format)?,
            Verb::VlanShow(filter) => show::vlan(&self.links(), &self.vlans(), filter, format)?,
            Verb::VlanGlobalShow(filter) => {
                show::vlan_global(&self.links(), &self.global_vlans(), filter, format)?
            }
            Verb::MdbShow(filter) => {
                let (groups, routers) = (self.groups(), self.routers());
                show::mdb(&self.links(), &groups, &routers, filter, format)?
            }
            Verb::FdbGet(get) => {
                let entry = self.fdb_get(get)?;
                show::fdb_get(&self.links(), &entry, get.dynamic, format)
            }
            _ => String::new(),
        })
    }

    /// Named namespaces, the newest first, as the directory of their names is read.
    fn netns(&self) -> Vec<NetnsRecord> {
        let mut records: Vec<_> = self
            .network
            .namespaces()
            .map(|(id, name)| NetnsRecord {
                name: name.to_owned(),
                id: self.nsid(id),
            })
            .collect();
        records.reverse();
        records
    }

    fn nsid(&self, there: NamespaceId) -> Option<i32> {
        i32::try_from(self.network.nsid(self.ns, there)?).ok()
    }

    /// Netdevs by ifindex.
    pub(super) fn links(&self) -> Vec<LinkRecord> {
        let netdevs = self.network.in_namespace(self.ns);
        netdevs.map(|netdev| self.link(netdev)).collect()
    }

    fn link(&self, netdev: &Netdev) -> LinkRecord {
        let network = self.network;
        let peer = match &netdev.kind {
            Kind::Veth { peer } => Some(network.netdev(*peer)),
            _ => network.lower(netdev.id).map(|lower| network.netdev(lower)),
        };
        let elsewhere = peer.filter(|peer| peer.ns != netdev.ns);
        // A VXLAN device that was moved names itself in the namespace it came from.
        let underlay = network.vxlan_device(netdev.id).map(|it| it.underlay);
        let underlay = underlay.filter(|underlay| *underlay != netdev.ns);
        let mtu = network.mtu_range(netdev.id);
        LinkRecord {
            ifindex: netdev.ifindex,
            name: netdev.name.clone(),
            flags: self.flags(netdev),
            mtu: netdev.mtu,
            qdisc: qdisc(netdev).to_owned(),
            master: netdev.master().map(|id| network.netdev(id).ifindex),
            operstate: match network.operstate(netdev.id) {
                netdev::OperState::Unknown => OperState::Unknown,
                netdev::OperState::Down => OperState::Down,
                netdev::OperState::LowerLayerDown => OperState::LowerLayerDown,
                netdev::OperState::Up => OperState::Up,
            },
            txqlen: netdev.txqlen,
            address: netdev.mac,
            perm_address: network.ipvlan(netdev.id).and_then(|it| it.permanent),
            link: peer
                .map(|peer| peer.ifindex)
                .or(underlay.map(|_| netdev.ifindex)),
            link_netnsid: elsewhere
                .map(|peer| peer.ns)
                .or(underlay)
                .map(|ns| self.nsid(ns).unwrap_or(-1)),
            promiscuity: network.promiscuity(netdev.id),
            allmulti: netdev.allmulti,
            min_mtu: mtu.min,
            max_mtu: mtu.max,
            kind: self.kind(netdev),
            port: self.port(netdev).map(Box::new),
            // Below the least MTU of IPv6 a netdev has none.
            addr_gen_mode: netdev.has_ipv6().then_some(AddrGenMode::Eui64),
            queues: Queues {
                tso_max_size: network.tso_max_size(netdev.id),
                ..Queues::default()
            },
            alias: netdev.alias.clone(),
            stats: self.stats(netdev),
        }
    }

    /// `dev_get_flags`.
    fn flags(&self, netdev: &Netdev) -> u32 {
        let loopback = matches!(netdev.kind, Kind::Loopback);
        let state = self.network.operstate(netdev.id);
        let operational = matches!(state, netdev::OperState::Up | netdev::OperState::Unknown);
        let bits = [
            (netdev.up, link_flags::UP),
            (!loopback, link_flags::BROADCAST),
            (loopback, link_flags::LOOPBACK),
            (netdev.up && operational, link_flags::RUNNING),
            (!netdev.arp, link_flags::NOARP),
            (netdev.promisc, link_flags::PROMISC),
            (netdev.allmulticast, link_flags::ALLMULTI),
            (netdev.multicast, link_flags::MULTICAST),
            (
                netdev.up && self.network.carrier(netdev.id),
                link_flags::LOWER_UP,
            ),
        ];
        let on = bits.iter().filter(|(on, _)| *on);
        on.fold(0, |flags, (_, bit)| flags | bit)
    }

    fn kind(&self, netdev: &Netdev) -> Option<KindInfo> {
        Some(match &netdev.kind {
            Kind::Loopback | Kind::Outside { .. } => return None,
            Kind::Bridge(bridge) => KindInfo::Bridge(Box::new(self.bridge(bridge))),
            Kind::Veth { .. } => KindInfo::Veth,
            Kind::Dummy => KindInfo::Dummy,
            Kind::Vlan(vlan) => KindInfo::Vlan(Box::new(vlan_device(vlan))),
            Kind::Macvlan(macvlan) => KindInfo::Macvlan(Box::new(self.macvlan(netdev, macvlan))),
            Kind::Ipvlan(_) => {
                let port = self.network.ipvlan_port(netdev.id).unwrap_or_default();
                KindInfo::Ipvlan(port.mode, port.flag)
            }
            Kind::Vxlan(vxlan) => KindInfo::Vxlan(Box::new(self.vxlan(vxlan))),
            Kind::Tap { .. } => KindInfo::Tap(TapInfo {
                pi: false,
                vnet_hdr: false,
                multi_queue: None,
                persist: true,
            }),
        })
    }

    /// `macvlan_fill_info`.
    fn macvlan(&self, netdev: &Netdev, macvlan: &Macvlan) -> MacvlanInfo {
        let port = self.network.macvlan_port(netdev.id);
        MacvlanInfo {
            tap: macvlan.device.is_some(),
            mode: macvlan.mode.name(),
            nopromisc: macvlan.flags.nopromisc,
            nodst: macvlan.flags.nodst,
            bcqueuelen: macvlan.queue_len,
            usedbcqueuelen: port.map_or(0, |port| port.queue_len),
            bclim: port.map(|port| port.cutoff).filter(|cutoff| *cutoff != 1),
            sources: port
                .filter(|_| macvlan.mode == Mode::Source)
                .map(|port| port.sources_of(netdev.id)),
        }
    }

    fn bridge(&self, bridge: &Bridge) -> BridgeInfo {
        let info = bridge.tree.info(self.now);
        BridgeInfo {
            forward_delay: centis32(info.forward_delay),
            hello_time: centis32(info.hello_time),
            max_age: centis32(info.max_age),
            ageing_time: centis32(info.ageing_time),
            stp_state: u32::from(info.stp),
            priority: info.bridge_id.priority,
            vlan_filtering: bridge.vlans.filtering,
            bridge_id: info.bridge_id,
            root_port: info.root_port.map_or(0, crate::switch::PortNo::get),
            root_path_cost: info.root_path_cost,
            topology_change: info.topology_change,
            topology_change_detected: info.topology_change_detected,
            hello_timer: centis(info.hello_timer),
            tcn_timer: centis(info.tcn_timer),
            topology_change_timer: centis(info.topology_change_timer),
            // Entries expire by themselves here; nothing is due.
            gc_timer: 0,
            vlan_protocol: bridge.vlans.protocol as u16,
            vlan_default_pvid: bridge.vlans.default_pvid.map_or(0, Vid::get),
            vlan_stats_enabled: bridge.vlans.stats,
            vlan_stats_per_port: bridge.vlans.stats_per_port,
            group_fwd_mask: bridge.group_fwd_mask,
            group_addr: info.group_address,
            no_linklocal_learn: bridge.no_linklocal_learn,
            mcast_snooping: bridge.multicast.on(),
            mcast: show_multicast::info(bridge),
        }
    }

    fn port(&self, netdev: &Netdev) -> Option<PortInfo> {
        let (bridge, port) = self.network.port(netdev.id)?;
        let bridge = self.network.netdev(bridge).bridge()?;
        let tree = bridge.tree.port_info(self.now, port.number)?;
        let backup = port.backup.and_then(|backup| bridge.port(backup));
        let flags = port.flags;
        Some(PortInfo {
            state: tree.state as u8,
            priority: tree.priority.into(),
            cost: tree.cost,
            hairpin: flags.hairpin,
            guard: flags.guard,
            root_block: flags.root_block,
            fastleave: flags.fastleave,
            learning: flags.learning,
            flood: flags.flood,
            id: tree.id.0,
            no: port.number.get(),
            designated_port: tree.designated_port.0,
            // Sixteen bits in the kernel's message.
            designated_cost: u16::try_from(tree.designated_cost & 0xffff).unwrap_or(0),
            designated_bridge: tree.designated_bridge,
            designated_root: tree.designated_root,
            hold_timer: centis(tree.hold_timer),
            message_age_timer: centis(tree.message_age_timer),
            forward_delay_timer: centis(tree.forward_delay_timer),
            topology_change_ack: tree.topology_change_ack,
            config_pending: tree.config_pending,
            proxy_arp: flags.proxy_arp,
            proxy_arp_wifi: flags.proxy_arp_wifi,
            multicast_router: (bridge.multicast)
                .port_router(port.number, mcast::Scope::Bridge)
                .map_or(1, mcast::PortRouter::number),
            mcast_flood: flags.mcast_flood,
            bcast_flood: flags.bcast_flood,
            mcast_to_unicast: flags.mcast_to_unicast,
            neigh_suppress: flags.neigh_suppress,
            group_fwd_mask: port.group_fwd_mask,
            vlan_tunnel: false,
            isolated: flags.isolated,
            locked: flags.locked,
            backup_port: backup.map(|port| self.network.netdev(port.netdev).ifindex),
        })
    }

    fn stats(&self, netdev: &Netdev) -> LinkStats {
        let counters = self.counters.netdevs.get(netdev.id.index());
        // What an ipvlan says of its lower, drivers with statistics of their own do not tell (dev_get_stats).
        let tells_of_errors = !matches!(
            netdev.kind,
            Kind::Dummy | Kind::Veth { .. } | Kind::Vlan(_) | Kind::Macvlan(_)
        );
        counters.map_or_else(LinkStats::default, |it| LinkStats {
            rx_packets: it.rx_packets,
            rx_bytes: it.rx_bytes,
            rx_errors: it.rx_errors,
            rx_dropped: it.rx_dropped,
            multicast: it.multicast,
            tx_packets: it.tx_packets,
            tx_bytes: it.tx_bytes,
            tx_errors: if tells_of_errors { it.tx_errors } else { 0 },
            tx_dropped: it.tx_dropped,
            ..LinkStats::default()
        })
    }

    /// Addresses by ifindex.
    fn addrs(&self) -> Vec<AddrRecord> {
        let netdevs = self.network.in_namespace(self.ns);
        netdevs
            .flat_map(|netdev| {
                netdev.addresses.iter().map(|address| AddrRecord {
                    ifindex: netdev.ifindex,
                    local: address.ip,
                    peer: address.peer,
                    prefix: address.prefix,
                    broadcast: address.broadcast.map(IpAddr::V4),
                    scope: Scope::from(address.scope),
                    flags: [
                        (true, addr_flags::PERMANENT),
                        (address.secondary, addr_flags::SECONDARY),
                        (address.nodad, addr_flags::NODAD),
                        (address.noprefixroute, addr_flags::NOPREFIXROUTE),
                    ]
                    .iter()
                    .filter(|(set, _)| *set)
                    .fold(0, |flags, (_, bit)| flags | bit),
                    label: address
                        .ip
                        .is_ipv4()
                        .then(|| address.label.as_ref().unwrap_or(&netdev.name).clone()),
                })
            })
            .collect()
    }

    /// Neighbours, IPv4 first, then by ifindex and address; the kernel's order is that of a hash.
    pub(super) fn neighbours(&self) -> Vec<NeighRecord> {
        let netdevs = || self.network.in_namespace(self.ns);
        let of_family = |ipv4: bool| {
            netdevs().flat_map(move |netdev| {
                let neighbours = netdev.neighbours.iter();
                neighbours
                    .filter(move |(ip, _)| ip.is_ipv4() == ipv4)
                    .map(|(ip, it)| self.neighbour_record(netdev, *ip, it))
            })
        };
        of_family(true).chain(of_family(false)).collect()
    }

    /// `neigh_get`.
    fn neighbour(&self, get: &NeighGet) -> Result<NeighRecord, Failure> {
        let netdev = self
            .network
            .find(self.ns, &get.dev)
            .ok_or_else(|| Failure::Said(format!("Cannot find device \"{}\"\n", get.dev), 1))?;
        let netdev = self.network.netdev(netdev);
        let found = netdev.neighbours.get(&get.address);
        let note = || format!("{} has no neighbour {}", netdev.name, get.address);
        let absent = || Refusal::new(Errno::NoEntry, note()).extack("Neighbour entry not found");
        let neighbour = found.ok_or_else(absent)?;
        Ok(self.neighbour_record(netdev, get.address, neighbour))
    }

    fn neighbour_record(&self, netdev: &Netdev, ip: IpAddr, it: &Neighbour) -> NeighRecord {
        let age = (self.now - it.updated).as_secs();
        // A neighbour that was not confirmed counts as confirmed a minute earlier.
        let connected = nud::PERMANENT | nud::NOARP | nud::REACHABLE;
        let confirmed = age + if it.state & connected != 0 { 0 } else { 60 };
        let timed = it.state & (nud::REACHABLE | nud::DELAY | nud::PROBE) != 0;
        NeighRecord {
            ifindex: netdev.ifindex,
            address: ip,
            lladdr: it.station(),
            state: it.state,
            router: it.router,
            managed: false,
            extern_learn: it.extern_learn,
            references: u32::from(timed),
            ages: (age, confirmed, age),
            probes: 0,
            protocol: it.protocol,
        }
    }

    /// All FDB entries, in the order of the kernel's dump (`rtnl_fdb_dump`): by ifindex; for a port
    /// what its bridge has on it, then its own list; for a bridge its own list, then its own addresses.
    fn fdb(&self) -> Vec<FdbRecord> {
        let mut records = Vec::new();
        let mut dumps: Vec<(netdev::NetdevId, Vec<(Key, Entry)>)> = Vec::new();
        for netdev in self.network.in_namespace(self.ns) {
            let own = self.network.unicast_list(netdev.id);
            let own = own.into_iter().chain(self.network.group_list(netdev.id));
            let own = own.map(|mac| FdbRecord {
                mac,
                ifindex: netdev.ifindex,
                vlan: None,
                master: None,
                flags: fdb_flags::SELF,
                state: fdb_state::PERMANENT,
                ages: None,
                endpoint: None,
            });
            let own: Vec<_> = match &netdev.kind {
                Kind::Vxlan(device) => self.vxlan_fdb(netdev, device),
                _ => own.collect(),
            };
            let (bridge_id, number) = match (&netdev.kind, netdev.port) {
                (Kind::Bridge(_), _) => (netdev.id, None),
                (_, Some((bridge, number))) => (bridge, Some(number)),
                (_, None) => {
                    records.extend(own);
                    continue;
                }
            };
            let Some(bridge) = self.network.netdev(bridge_id).bridge() else {
                continue;
            };
            if !dumps.iter().any(|(id, _)| *id == bridge_id) {
                dumps.push((bridge_id, bridge.fdb.dump(self.now, bridge.hold())));
            }
            let dump = dumps.iter().find(|(id, _)| *id == bridge_id);
            let entries = dump.into_iter().flat_map(|(_, rows)| rows);
            let entries = entries
                .filter(|(_, entry)| entry.port == number)
                .map(|(key, entry)| self.fdb_record(bridge_id, *key, entry));
            if number.is_some() {
                records.extend(entries.chain(own));
            } else {
                records.extend(own.into_iter().chain(entries));
            }
        }
        records
    }

    /// `fdb_fill_info`.
    fn fdb_record(&self, bridge: netdev::NetdevId, key: Key, entry: &Entry) -> FdbRecord {
        let master = self.network.netdev(bridge);
        let port = entry
            .port
            .and_then(|number| master.bridge()?.port(number))
            .map_or(master, |port| self.network.netdev(port.netdev));
        let mut flags = 0;
        if entry.flags.sticky {
            flags |= fdb_flags::STICKY;
        }
        if entry.flags.external {
            flags |= fdb_flags::EXT_LEARNED;
        }
        FdbRecord {
            mac: key.mac(),
            ifindex: port.ifindex,
            vlan: key.vid().map(Vid::get),
            master: Some(master.ifindex),
            flags,
            state: match lifetime(entry.flags) {
                Lifetime::Permanent => fdb_state::PERMANENT,
                Lifetime::Static => fdb_state::NOARP,
                Lifetime::Dynamic => fdb_state::REACHABLE,
            },
            ages: Some((
                (self.now - entry.used).as_secs(),
                (self.now - entry.updated).as_secs(),
            )),
            endpoint: None,
        }
    }

    /// `rtnl_fdb_get`.
    fn fdb_get(&self, get: &FdbGet) -> Result<FdbRecord, Failure> {
        let find = |name: &Option<String>, what: &str| match name {
            None => Ok(None),
            Some(name) => match self.network.find(self.ns, name) {
                Some(id) => Ok(Some(self.network.netdev(id))),
                None => Err(Failure::Said(
                    format!("Cannot find {what} \"{name}\"\n"),
                    255,
                )),
            },
        };
        let dev = find(&get.dev, "device")?;
        let br = find(&get.br, "bridge device")?;
        let refuse = |errno, note: String, message: &'static str| {
            Failure::from(Refusal::new(errno, note).extack(message))
        };
        let asked = match (dev, br) {
            (Some(_), Some(_)) => {
                let note = "ask either a bridge (br) or a port (dev)".to_owned();
                let message = "Master and device are mutually exclusive";
                return Err(refuse(Errno::Invalid, note, message));
            }
            (None, None) => {
                let note = "say which bridge (br) or port (dev) to ask".to_owned();
                return Err(refuse(Errno::Invalid, note, "No device specified"));
            }
            (Some(dev), None) if get.on_self && !get.on_master => dev,
            (Some(dev), None) => match dev.master() {
                Some(master) => self.network.netdev(master),
                None => {
                    let note = format!("{} is not a bridge port", dev.name);
                    return Err(refuse(Errno::Invalid, note, "Device is not a bridge port"));
                }
            },
            (None, Some(br)) => br,
        };
        if let Kind::Vxlan(device) = &asked.kind {
            let entry = device.fdb.get(get.mac);
            let found = entry.as_ref().and_then(|entry| {
                let first = entry.remotes.first()?;
                Some(self.vxlan_record(asked, device, get.mac, entry, first))
            });
            return found.ok_or_else(|| {
                let note = format!("{} has no entry for {}", asked.name, get.mac);
                refuse(Errno::NoEntry, note, "Fdb entry not found")
            });
        }
        let Some(bridge) = asked.bridge() else {
            let note = format!("{} is not a bridge", asked.name);
            let message = "Fdb get operation not supported by device";
            return Err(refuse(Errno::NotSupported, note, message));
        };
        let key = Key::new(get.mac, get.vlan);
        let live = bridge.fdb.view(self.now, bridge.hold()).peek(key).is_some();
        match bridge.fdb.get(key).filter(|_| live) {
            Some(entry) => Ok(self.fdb_record(asked.id, key, &entry)),
            None => {
                let note = format!("{} has no entry for {}", asked.name, get.mac);
                Err(refuse(Errno::NoEntry, note, "Fdb entry not found"))
            }
        }
    }
}

/// `vlan_fill_info`.
fn vlan_device(vlan: &VlanDevice) -> VlanDeviceInfo {
    let ingress = (0u32..).zip(vlan.ingress_qos);
    let egress = vlan.egress_qos().into_iter();
    VlanDeviceInfo {
        protocol: vlan.tag_type as u16,
        id: vlan.vid,
        reorder_hdr: vlan.flags.reorder_hdr,
        gvrp: vlan.flags.gvrp,
        mvrp: vlan.flags.mvrp,
        loose_binding: vlan.flags.loose_binding,
        bridge_binding: vlan.flags.bridge_binding,
        ingress_qos: ingress.filter(|(_, priority)| *priority != 0).collect(),
        egress_qos: egress.map(|(from, pcp)| (from, pcp.into())).collect(),
    }
}

/// The queueing discipline that a netdev of its kind gets when it first comes up.
fn qdisc(netdev: &Netdev) -> &'static str {
    match netdev.kind {
        _ if !netdev.opened => "noop",
        Kind::Tap { .. } | Kind::Outside { .. } => "fq_codel",
        // A macvtap has a queue, a macvlan has none.
        Kind::Macvlan(_) if netdev.device().is_some() => "fq_codel",
        _ => "noqueue",
    }
}

fn centis(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX)
}

fn centis32(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / 10).unwrap_or(u32::MAX)
}
