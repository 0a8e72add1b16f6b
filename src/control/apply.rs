//! Commands applied: what iproute2 resolves before it asks the kernel, then what the kernel does, in
//! the kernel's order.

use super::Reply;
use super::show::Show;
use crate::iproute::command::{
    Addr, AddrFlush, BridgeOptions, FdbFlush, FdbHow, FdbSpec, FdbState, LinkAdd, LinkAddKind,
    LinkCommon, LinkSet, LinkSetKind, NetCommand, PortOptions, Verb,
};
use crate::netdev::address::{Deletion, contains};
use crate::netdev::bridge::PortFlags;
use crate::netdev::bridge_options::BridgeOption;
use crate::netdev::fdb::{Addition, FlushFilter, Lifetime};
use crate::netdev::link::{NAME_MAX, NewLink, not_a_bridge};
use crate::netdev::{Address, Errno, Kind, NamespaceId, NetdevId, Network, Refusal};
use crate::switch::Counters;
use crate::time::{Duration, Instant};

/// Why a command failed.
pub(super) enum Failure {
    /// The kernel refused.
    Refused(Refusal),
    /// iproute2 itself gave up: its words and its exit status.
    Said(String, u8),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

type Done = Result<(), Failure>;

/// Applies one command and answers as `ip` or `bridge` would.
pub(super) fn execute(
    network: &mut Network,
    now: Instant,
    command: &NetCommand,
    counters: &Counters,
) -> Reply {
    let mut reply = Reply::default();
    match apply(network, now, command, counters, &mut reply) {
        Ok(()) => reply,
        Err(Failure::Said(text, status)) => Reply {
            stderr: text,
            status,
            ..reply
        },
        Err(Failure::Refused(refusal)) => Reply {
            stderr: format!("{}\ntapswitch: {}\n", refusal.answer(), refusal.note),
            status: refused_status(&command.verb),
            ..reply
        },
    }
}

/// The exit status of a command that the kernel refused: `ip` exits with 2, `bridge` with its
/// handler's −1 or (`fdb get`) −2.
const fn refused_status(verb: &Verb) -> u8 {
    match verb {
        Verb::BridgeLinkSet(..)
        | Verb::BridgeLinkShow(_)
        | Verb::FdbAdd(..)
        | Verb::FdbDel(_)
        | Verb::FdbShow(_)
        | Verb::FdbFlush(_) => 255,
        Verb::FdbGet(_) => 254,
        _ => 2,
    }
}

fn apply(
    network: &mut Network,
    now: Instant,
    command: &NetCommand,
    counters: &Counters,
    reply: &mut Reply,
) -> Done {
    let ns = match &command.ns {
        None => NamespaceId::OWN,
        Some(name) => network.find_namespace(name).ok_or_else(|| {
            let text =
                format!("Cannot open network namespace \"{name}\": No such file or directory\n");
            Failure::Said(text, 255)
        })?,
    };
    let mut apply = Apply { network, now, ns };
    match &command.verb {
        Verb::NetnsAdd(name) => apply.netns_add(name),
        Verb::NetnsDel(name) => apply.netns_del(name),
        Verb::LinkAdd(link) => apply.link_add(link),
        Verb::LinkSet(set) => apply.link_set(set),
        Verb::LinkDel(dev) => apply.link_del(dev),
        Verb::TuntapAdd(name) => apply.tuntap_add(name),
        Verb::TuntapDel(name) => apply.tuntap_del(name),
        Verb::AddrAdd(addr) => apply.addr_add(addr, false),
        Verb::AddrReplace(addr) => apply.addr_add(addr, true),
        Verb::AddrDel(addr) => apply.addr_del(addr, reply),
        Verb::AddrFlush(flush) => apply.addr_flush(flush, command.format.statistics, reply),
        Verb::BridgeLinkSet(dev, options) => apply.bridge_link_set(dev, options),
        Verb::FdbAdd(how, spec) => apply.fdb_add(*how, spec),
        Verb::FdbDel(spec) => apply.fdb_del(spec),
        Verb::FdbFlush(flush) => apply.fdb_flush(flush),
        Verb::NetnsList
        | Verb::LinkShow(_)
        | Verb::TuntapShow
        | Verb::AddrShow(_)
        | Verb::BridgeLinkShow(_)
        | Verb::FdbShow(_)
        | Verb::FdbGet(_) => {
            let show = Show {
                network: apply.network,
                now,
                ns,
                counters,
            };
            reply.stdout = show.run(command)?;
            Ok(())
        }
    }
}

/// One command on its way.
struct Apply<'a> {
    network: &'a mut Network,
    now: Instant,
    /// The namespace it runs in.
    ns: NamespaceId,
}

impl Apply<'_> {
    fn netns_add(&mut self, name: &str) -> Done {
        if self.network.find_namespace(name).is_some() {
            let text = format!("Cannot create namespace file \"/run/netns/{name}\": File exists\n");
            return Err(Failure::Said(text, 1));
        }
        self.network.add_namespace(name);
        Ok(())
    }

    fn netns_del(&mut self, name: &str) -> Done {
        let Some(ns) = self.network.find_namespace(name) else {
            let text = format!(
                "Cannot remove namespace file \"/run/netns/{name}\": No such file or directory\n"
            );
            return Err(Failure::Said(text, 1));
        };
        self.network.delete_namespace(self.now, ns);
        Ok(())
    }

    /// `rtnl_newlink_create`.
    fn link_add(&mut self, link: &LinkAdd) -> Done {
        let common = &link.common;
        let ns = self.target_namespace(common)?;
        let master = self.master(common)?;
        let (peer_ns, peer_name, peer_common) = match &link.kind {
            LinkAddKind::Veth { peer, common } => {
                (self.target_namespace(common)?, peer.clone(), Some(common))
            }
            LinkAddKind::Bridge(_) | LinkAddKind::Dummy => (None, None, None),
        };
        check_txqlen(common)?;
        peer_common.map_or(Ok(()), check_txqlen)?;
        // Before the kernel makes anything it looks the name up where the command runs, even if the
        // netdev is to be made elsewhere.
        if let Some(name) = &link.name
            && self.network.find(self.ns, name).is_some()
        {
            let note = format!("there is a netdev called {name} already");
            return Err(Refusal::new(Errno::Exists, note).into());
        }
        let new = |name: &Option<String>, common: &LinkCommon, ns: NamespaceId| NewLink {
            ns,
            name: name.clone(),
            mac: common.address,
            mtu: common.mtu,
            txqlen: common.txqlen,
        };
        let own = new(&link.name, common, ns.unwrap_or(self.ns));
        let mark = self.network.before_making();
        let id = match &link.kind {
            LinkAddKind::Bridge(_) => self.network.add_bridge(self.now, own)?,
            LinkAddKind::Dummy => self.network.add_dummy(own)?,
            LinkAddKind::Veth { common: theirs, .. } => {
                // Without "peer" the kernel reads the netdev's own options for the peer, but for its
                // name and address.
                let peer = if peer_name.is_none() && *theirs == LinkCommon::default() {
                    NewLink {
                        name: None,
                        mac: None,
                        ..own.clone()
                    }
                } else {
                    new(&peer_name, theirs, peer_ns.unwrap_or(self.ns))
                };
                self.network.add_veth(own, peer, theirs.up == Some(true))?
            }
        };
        let done = self.configure(id, link, master);
        if done.is_err() {
            self.network.unmake(&mark);
        }
        done
    }

    /// What follows once a new netdev is registered; nothing of it can fail after a port was joined.
    fn configure(
        &mut self,
        id: NetdevId,
        link: &LinkAdd,
        master: Option<Option<NetdevId>>,
    ) -> Done {
        if let LinkAddKind::Bridge(options) = &link.kind {
            self.bridge_options(id, options)?;
        }
        self.flags(id, &link.common);
        if let (LinkAddKind::Veth { common, .. }, Kind::Veth { peer }) =
            (&link.kind, &self.network.netdev(id).kind)
        {
            let peer = *peer;
            self.flags(peer, common);
        }
        match master {
            Some(Some(master)) => self.set_master(id, master),
            Some(None) | None => Ok(()),
        }
    }

    /// `__rtnl_newlink` of a netdev that exists, then `do_setlink`; what was applied before a refusal
    /// stays, as in the kernel.
    fn link_set(&mut self, set: &LinkSet) -> Done {
        let common = &set.common;
        let target = self.target_namespace(common)?;
        let master = self.master(common)?;
        let id = self.device(&set.dev, 1)?;
        let kind = match &set.kind {
            Some(LinkSetKind::Port(options)) => Some(Err((
                options,
                self.backup(options, |name| {
                    (
                        format!("Error: argument \"{name}\" is wrong: Device does not exist\n\n"),
                        255,
                    )
                })?,
            ))),
            Some(LinkSetKind::Bridge(options)) => Some(Ok(options)),
            None => None,
        };
        check_txqlen(common)?;
        let noted = match kind {
            Some(Ok(options)) => {
                if self.network.netdev(id).bridge().is_none()
                    && *options != BridgeOptions::default()
                {
                    return Err(not_a_bridge(&set.dev).into());
                }
                self.bridge_options(id, options)?;
                true
            }
            Some(Err((options, backup))) if *options != PortOptions::default() => {
                self.port_options(id, options, backup)?;
                true
            }
            Some(Err(_)) | None => false,
        };
        let done = self.set_link(id, common, target, master);
        if noted || common.alias.is_some() {
            self.network.look_again(self.now, id);
        }
        done
    }

    /// `do_setlink`.
    fn set_link(
        &mut self,
        id: NetdevId,
        common: &LinkCommon,
        target: Option<NamespaceId>,
        master: Option<Option<NetdevId>>,
    ) -> Done {
        let master_ifindex = master.map(|it| it.map(|it| self.network.netdev(it).ifindex));
        if let Some(ns) = target {
            let name = common.rename.as_deref();
            self.network.move_to(self.now, id, ns, name)?;
        }
        if let Some(mac) = common.address {
            self.network.set_address(self.now, id, mac)?;
        }
        if let Some(mtu) = common.mtu {
            self.network.set_mtu(id, mtu)?;
        }
        if let Some(name) = &common.rename {
            self.network.rename(id, name)?;
        }
        if let Some(alias) = &common.alias {
            self.network.set_alias(id, alias);
        }
        self.flags(id, common);
        match master_ifindex {
            None => {}
            Some(None) => self.network.set_master(self.now, id, None)?,
            Some(Some(ifindex)) => {
                // The number is looked up where the netdev is now, which may be another namespace.
                let ns = self.network.netdev(id).ns;
                let master = self.network.find_ifindex(ns, ifindex).ok_or_else(|| {
                    Refusal::new(
                        Errno::Invalid,
                        "the master is not in the namespace that the netdev moved to",
                    )
                })?;
                self.set_master(id, master)?;
            }
        }
        if let Some(frames) = common.txqlen {
            self.network.set_txqlen(id, frames);
        }
        Ok(())
    }

    fn set_master(&mut self, id: NetdevId, master: NetdevId) -> Done {
        Ok(self.network.set_master(self.now, id, Some(master))?)
    }

    /// `__dev_change_flags`.
    fn flags(&mut self, id: NetdevId, common: &LinkCommon) {
        if let Some(on) = common.arp {
            self.network.set_arp(id, on);
        }
        if let Some(on) = common.multicast {
            self.network.set_multicast(id, on);
        }
        if let Some(up) = common.up {
            self.network.set_up(self.now, id, up);
        }
        if let Some(on) = common.promisc {
            self.network.set_promisc(id, on);
        }
        if let Some(on) = common.allmulticast {
            self.network.set_allmulticast(id, on);
        }
    }

    /// `br_changelink`.
    fn bridge_options(&mut self, id: NetdevId, options: &BridgeOptions) -> Done {
        let centis = |value: u32| Duration::from_millis(u64::from(value) * 10);
        let steps = [
            options
                .forward_delay
                .map(|it| BridgeOption::ForwardDelay(centis(it))),
            options
                .hello_time
                .map(|it| BridgeOption::HelloTime(centis(it))),
            options.max_age.map(|it| BridgeOption::MaxAge(centis(it))),
            options
                .ageing_time
                .map(|it| BridgeOption::AgeingTime(centis(it))),
            options.stp_state.map(|it| BridgeOption::Stp(it != 0)),
            options.priority.map(BridgeOption::Priority),
            options.group_fwd_mask.map(BridgeOption::GroupFwdMask),
            options.group_address.map(BridgeOption::GroupAddress),
            options.fdb_flush.then_some(BridgeOption::FdbFlush),
            options
                .no_linklocal_learn
                .map(BridgeOption::NoLinklocalLearn),
            options.mcast_snooping.map(BridgeOption::McastSnooping),
            options.fdb_max_learned.map(BridgeOption::FdbMaxLearned),
        ];
        for step in steps.into_iter().flatten() {
            self.network.set_bridge_option(self.now, id, step)?;
        }
        Ok(())
    }

    fn link_del(&mut self, dev: &str) -> Done {
        let id = self.device(dev, 1)?;
        Ok(self.network.delete(self.now, id)?)
    }

    fn tuntap_add(&mut self, name: &str) -> Done {
        let tap = self.network.add_tap(self.ns, name);
        tap.map(drop).map_err(ioctl)
    }

    /// `TUNSETIFF` makes a TAP that is not there, which then goes away: deleting an absent one succeeds.
    fn tuntap_del(&mut self, name: &str) -> Done {
        match self.network.find(self.ns, name) {
            None => Ok(()),
            Some(id) if matches!(self.network.netdev(id).kind, Kind::Tap { .. }) => {
                Ok(self.network.delete(self.now, id)?)
            }
            Some(_) => Err(ioctl(Refusal::new(
                Errno::Invalid,
                format!("{name} is not a TAP"),
            ))),
        }
    }

    fn addr_add(&mut self, addr: &Addr, replace: bool) -> Done {
        let id = self.device(&addr.dev, 1)?;
        if addr.label.as_ref().is_some_and(|it| it.len() > NAME_MAX) && addr.address.is_ipv4() {
            let refusal = Refusal::new(Errno::Range, "a label has at most 15 octets");
            return Err(refusal.extack("Attribute failed policy validation").into());
        }
        let plain = Address::new(addr.address, addr.prefix);
        let ipv4 = addr.address.is_ipv4();
        let address = Address {
            peer: addr.peer.filter(|peer| *peer != addr.address),
            broadcast: addr.broadcast,
            // The kernel knows an IPv6 address' scope by the address.
            scope: addr.scope.filter(|_| ipv4).unwrap_or(plain.scope),
            label: addr
                .label
                .clone()
                .filter(|label| ipv4 && *label != addr.dev),
            nodad: addr.nodad,
            noprefixroute: addr.noprefixroute,
            ..plain
        };
        if replace {
            self.network.replace_address(id, address)?;
        } else {
            self.network.add_address(id, address)?;
        }
        Ok(())
    }

    /// An IPv4 address without prefix length matches whatever length it has, with a warning.
    fn addr_del(&mut self, addr: &Addr, reply: &mut Reply) -> Done {
        let ip = addr.address;
        let any = addr.any_prefix && ip.is_ipv4() && addr.peer.is_none();
        if any {
            reply.stderr = format!(
                "Warning: Executing wildcard deletion to stay compatible with old scripts.\n         \
                 Explicitly specify the prefix length ({ip}/32) to avoid this warning.\n         \
                 This special behaviour is likely to disappear in further releases,\n         \
                 fix your scripts!\n"
            );
        }
        let id = self.device(&addr.dev, 1)?;
        let which = Deletion {
            ip,
            subnet: (!any).then_some((addr.peer.unwrap_or(ip), addr.prefix)),
            label: addr.label.clone(),
        };
        Ok(self.network.delete_address(id, &which)?)
    }

    /// `ipaddr_flush`: asks for the addresses and deletes those that fit, one by one.
    fn addr_flush(&mut self, flush: &AddrFlush, statistics: u8, reply: &mut Reply) -> Done {
        let dev =
            match &flush.dev {
                None => None,
                Some(name) => Some(self.network.find(self.ns, name).ok_or_else(|| {
                    Failure::Said(format!("Device \"{name}\" does not exist.\n"), 1)
                })?),
            };
        let mut doomed = Vec::new();
        for netdev in self.network.in_namespace(self.ns) {
            if dev.is_some_and(|dev| dev != netdev.id) {
                continue;
            }
            let fits = |address: &&Address| {
                let label = address.label.as_ref().unwrap_or(&netdev.name);
                flush.ipv4.is_none_or(|ipv4| address.ip.is_ipv4() == ipv4)
                    && flush.scope.is_none_or(|scope| address.scope == scope)
                    && flush
                        .to
                        .is_none_or(|(subnet, prefix)| contains(subnet, prefix, address.ip))
                    && flush.label.as_ref().is_none_or(|asked| asked == label)
                    && flush
                        .secondary
                        .is_none_or(|asked| asked == address.secondary)
            };
            for address in netdev.addresses.iter().filter(fits) {
                let which = Deletion {
                    ip: address.ip,
                    subnet: Some((address.peer.unwrap_or(address.ip), address.prefix)),
                    label: None,
                };
                doomed.push((netdev.id, which));
            }
        }
        for (id, which) in &doomed {
            // A secondary address may have gone with the primary one of its subnet.
            _ = self.network.delete_address(*id, which);
        }
        if statistics > 0 {
            reply.stdout = if doomed.is_empty() {
                "Nothing to flush.\n".to_owned()
            } else {
                format!(
                    "\n*** Round 1, deleting {} addresses ***\n*** Flush is complete after 1 round ***\n",
                    doomed.len()
                )
            };
        }
        Ok(())
    }

    fn bridge_link_set(&mut self, dev: &str, options: &PortOptions) -> Done {
        let backup = self.backup(options, |name| {
            (format!("Error: device {name} does not exist\n"), 255)
        })?;
        let id = self.bridge_device(dev)?;
        // iproute2 does not send a cost of 0.
        let options = PortOptions {
            cost: options.cost.filter(|cost| *cost > 0),
            ..options.clone()
        };
        self.port_options(id, &options, backup)
    }

    /// `br_setport`.
    fn port_options(
        &mut self,
        id: NetdevId,
        options: &PortOptions,
        backup: Option<Option<NetdevId>>,
    ) -> Done {
        let network = &mut *self.network;
        let Some((_, port)) = network.port(id) else {
            let note = format!("{} is not a bridge port", network.netdev(id).name);
            return Err(Refusal::new(Errno::NotSupported, note).into());
        };
        let old = port.flags;
        let flags = PortFlags {
            hairpin: options.hairpin.unwrap_or(old.hairpin),
            guard: options.guard.unwrap_or(old.guard),
            root_block: options.root_block.unwrap_or(old.root_block),
            fastleave: options.fastleave.unwrap_or(old.fastleave),
            learning: options.learning.unwrap_or(old.learning),
            flood: options.flood.unwrap_or(old.flood),
            mcast_flood: options.mcast_flood.unwrap_or(old.mcast_flood),
            bcast_flood: options.bcast_flood.unwrap_or(old.bcast_flood),
            mcast_to_unicast: options.mcast_to_unicast.unwrap_or(old.mcast_to_unicast),
            proxy_arp: options.proxy_arp.unwrap_or(old.proxy_arp),
            proxy_arp_wifi: options.proxy_arp_wifi.unwrap_or(old.proxy_arp_wifi),
            isolated: options.isolated.unwrap_or(old.isolated),
            locked: options.locked.unwrap_or(old.locked),
            mab: options.mab.unwrap_or(old.mab),
        };
        network.set_port_flags(id, flags)?;
        if let Some(cost) = options.cost {
            network.set_port_cost(self.now, id, cost)?;
        }
        if let Some(priority) = options.priority {
            network.set_port_priority(self.now, id, priority)?;
        }
        if let Some(state) = options.state {
            network.set_port_state(self.now, id, state)?;
        }
        if options.fdb_flush {
            network.flush_learned(self.now, id)?;
        }
        if let Some(mask) = options.group_fwd_mask {
            network.set_port_group_fwd_mask(id, mask)?;
        }
        if let Some(backup) = backup {
            network.set_backup_port(id, backup)?;
        }
        Ok(())
    }

    /// `rtnl_fdb_add`.
    fn fdb_add(&mut self, how: FdbHow, spec: &FdbSpec) -> Done {
        let id = self.device(&spec.dev, 255)?;
        self.check_ethernet(id, "FDB add only supported for Ethernet devices")?;
        let lifetime = lifetime(spec.state);
        let addition = Addition {
            lifetime,
            exclusive: how == FdbHow::Add,
            sticky: spec.sticky,
            touch: spec.touch,
            external: spec.extern_learn,
        };
        let master = self.fdb_sides(id, spec.on_self, spec.on_master)?;
        if master {
            self.network
                .fdb_add(self.now, id, spec.mac, spec.vlan, addition)?;
        }
        if spec.on_self && self.network.netdev(id).bridge().is_some() {
            self.network
                .fdb_add(self.now, id, spec.mac, spec.vlan, addition)?;
        } else if spec.on_self {
            let exclusive = addition.exclusive;
            self.network
                .own_list_add(id, spec.mac, spec.vlan, lifetime, exclusive)?;
        }
        Ok(())
    }

    /// `rtnl_fdb_del`.
    fn fdb_del(&mut self, spec: &FdbSpec) -> Done {
        let id = self.device(&spec.dev, 255)?;
        self.check_ethernet(id, "FDB delete only supported for Ethernet devices")?;
        let master = self.fdb_sides(id, spec.on_self, spec.on_master)?;
        let on_bridge = spec.on_self && self.network.netdev(id).bridge().is_some();
        if master || on_bridge {
            self.network.fdb_delete(self.now, id, spec.mac, spec.vlan)?;
        }
        if spec.on_self && !on_bridge {
            let lifetime = lifetime(spec.state);
            self.network.own_list_delete(id, spec.mac, lifetime)?;
        }
        Ok(())
    }

    /// `rtnl_fdb_del` with `NLM_F_BULK`.
    fn fdb_flush(&mut self, flush: &FdbFlush) -> Done {
        let id = self.bridge_device(&flush.dev)?;
        let behind = match &flush.brport {
            None => None,
            Some(name) => Some(self.network.find(self.ns, name).ok_or_else(|| {
                let text = format!("Cannot find bridge port device \"{name}\"\n");
                Failure::Said(text, 255)
            })?),
        };
        // "static" and "dynamic" exclude the bridge's own addresses.
        let others = (flush.statics == Some(true) || flush.dynamic == Some(true)).then_some(false);
        let filter = FlushFilter {
            vid: flush.vlan,
            behind,
            local: flush.permanent.or(others),
            fixed: flush.statics.or(flush.dynamic.map(|dynamic| !dynamic)),
            by_user: flush.added_by_user,
            external: flush.extern_learn,
            sticky: flush.sticky,
        };
        let on_self = flush.on_self || !flush.on_master;
        let master = self.fdb_sides(id, on_self, flush.on_master)?;
        if master {
            self.network.fdb_flush(id, filter)?;
        }
        if on_self {
            if self.network.netdev(id).bridge().is_none() {
                let note = "without master only a bridge has an FDB to flush; a port's entries are its bridge's: say master";
                return Err(Refusal::new(Errno::NotSupported, note).into());
            }
            self.network.fdb_flush(id, filter)?;
        }
        Ok(())
    }

    /// Whether an FDB command goes to the netdev's bridge. One that goes nowhere is refused.
    fn fdb_sides(&self, id: NetdevId, on_self: bool, on_master: bool) -> Result<bool, Failure> {
        let port = self.network.netdev(id).port.is_some();
        if on_self || port {
            return Ok(on_master && port);
        }
        let note = format!("{} is not a bridge port", self.network.netdev(id).name);
        Err(Refusal::new(Errno::NotSupported, note).into())
    }

    fn check_ethernet(&self, id: NetdevId, message: &'static str) -> Done {
        if !matches!(self.network.netdev(id).kind, Kind::Loopback) {
            return Ok(());
        }
        let refusal = Refusal::new(Errno::Invalid, "a loopback carries no Ethernet");
        Err(refusal.extack(message).into())
    }

    /// Finds a netdev that `ip` or `bridge fdb` names.
    fn device(&self, name: &str, status: u8) -> Result<NetdevId, Failure> {
        self.network
            .find(self.ns, name)
            .ok_or_else(|| Failure::Said(format!("Cannot find device \"{name}\"\n"), status))
    }

    /// Finds a netdev that `bridge link set` or `bridge fdb flush` names.
    fn bridge_device(&self, name: &str) -> Result<NetdevId, Failure> {
        self.network
            .find(self.ns, name)
            .ok_or_else(|| Failure::Said(format!("Cannot find bridge device \"{name}\"\n"), 255))
    }

    fn target_namespace(&self, common: &LinkCommon) -> Result<Option<NamespaceId>, Failure> {
        let Some(name) = &common.netns else {
            return Ok(None);
        };
        // A name that is none is a process; process 1 lives where the script does.
        let own = (name == "1").then_some(NamespaceId::OWN);
        let found = self.network.find_namespace(name).or(own);
        found.map(Some).ok_or_else(|| {
            let text = format!("Error: argument \"{name}\" is wrong: Invalid \"netns\" value\n\n");
            Failure::Said(text, 255)
        })
    }

    fn master(&self, common: &LinkCommon) -> Result<Option<Option<NetdevId>>, Failure> {
        match &common.master {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(name)) => {
                let found = self.network.find(self.ns, name);
                found.map(|id| Some(Some(id))).ok_or_else(|| {
                    let text =
                        format!("Error: argument \"{name}\" is wrong: Device does not exist\n\n");
                    Failure::Said(text, 255)
                })
            }
        }
    }

    fn backup(
        &self,
        options: &PortOptions,
        absent: impl Fn(&str) -> (String, u8),
    ) -> Result<Option<Option<NetdevId>>, Failure> {
        match &options.backup_port {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(name)) => {
                let found = self.network.find(self.ns, name);
                found.map(|id| Some(Some(id))).ok_or_else(|| {
                    let (text, status) = absent(name);
                    Failure::Said(text, status)
                })
            }
        }
    }
}

const fn lifetime(state: FdbState) -> Lifetime {
    match state {
        FdbState::Permanent => Lifetime::Permanent,
        FdbState::Static => Lifetime::Static,
        FdbState::Dynamic => Lifetime::Dynamic,
    }
}

/// The kernel's policy for `IFLA_TXQLEN`, checked before anything else.
fn check_txqlen(common: &LinkCommon) -> Done {
    if common.txqlen.is_none_or(|frames| frames <= 32_767) {
        return Ok(());
    }
    let refusal = Refusal::new(Errno::Range, "a transmit queue takes at most 32767 frames");
    Err(refusal.extack("integer out of range").into())
}

/// `ip tuntap` does not speak netlink.
fn ioctl(refusal: Refusal) -> Failure {
    let Refusal { errno, note, .. } = refusal;
    let text = format!("ioctl(TUNSETIFF): {}\ntapswitch: {note}\n", errno.text());
    Failure::Said(text, 1)
}
