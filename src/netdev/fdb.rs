//! FDB entries that are not learned: the bridge's own addresses, and what commands add and delete.
//!
//! Entries made without `vlan` exist in no VLAN, which is where a bridge without VLAN filtering looks,
//! and in each VLAN of the port or of the bridge itself. A bridge without VLAN filtering too has
//! everybody in its default VLAN, so that there most entries come in pairs.
//!
//! `own.rs` has the bridge's own addresses, and what goes with a port or a VLAN.

mod own;

pub(super) use own::add_local_entry;

use super::{Errno, Kind, Network, Refusal};
use crate::switch::fdb::Edit;
use crate::switch::{Entry, Fdb, Flags, Key, NetdevId, PortNo};
use crate::time::{Duration, Instant};
use crate::wire::{MacAddr, Vid};

/// The lifetime asked for an entry (`ndm_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// `NUD_PERMANENT`: an address of the bridge itself.
    Permanent,
    /// `NUD_NOARP`: never ages.
    Static,
    /// `NUD_REACHABLE`: ages.
    Dynamic,
}

/// How an entry is to be added.
#[derive(Clone, Copy, Debug)]
pub struct Addition {
    /// The lifetime.
    pub lifetime: Lifetime,
    /// An entry that is there already is an error (`NLM_F_EXCL`).
    pub exclusive: bool,
    /// `sticky`.
    pub sticky: bool,
    /// `use`: as if a frame had been seen (`NTF_USE`).
    pub touch: bool,
    /// `extern_learn`.
    pub external: bool,
}

/// Which entries a flush takes: `None` for "whatever".
#[derive(Clone, Copy, Debug, Default)]
pub struct FlushFilter {
    /// In this VLAN.
    pub vid: Option<Vid>,
    /// Behind this netdev; the bridge itself stands for its own addresses.
    pub behind: Option<NetdevId>,
    /// Local or not.
    pub local: Option<bool>,
    /// Never ageing or not.
    pub fixed: Option<bool>,
    /// Made by a command or not.
    pub by_user: Option<bool>,
    /// `extern_learn` or not.
    pub external: Option<bool>,
    /// `sticky` or not.
    pub sticky: Option<bool>,
}

impl Network {
    /// Flushes what ages behind a port (`fdb_flush` of a port).
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the netdev is no port.
    pub fn flush_learned(&mut self, now: Instant, id: NetdevId) -> Result<(), Refusal> {
        let (bridge, number) = self.own_port(id)?;
        self.flush_port(now, bridge, Some(number), false);
        Ok(())
    }

    /// Adds an entry to the bridge that a netdev is a port of, or to the bridge that it is
    /// (`br_fdb_add`).
    ///
    /// # Errors
    /// `EEXIST`, `EINVAL`, `EPERM`, `ENOMEM` as the kernel gives them. If the entry in no VLAN is made
    /// and one in a VLAN refused, what was made stays, as in the kernel.
    pub fn fdb_add(
        &mut self,
        now: Instant,
        id: NetdevId,
        mac: MacAddr,
        vid: Option<Vid>,
        how: Addition,
    ) -> Result<(), Refusal> {
        if mac.is_zero() {
            return Err(Refusal::new(
                Errno::Invalid,
                "no station has the all-zero address",
            ));
        }
        let (bridge, port) = self.fdb_of(id)?;
        let Some(vlans) = self.bridge(bridge).map(|bridge| &bridge.vlans) else {
            return Ok(());
        };
        match vid {
            Some(vid) if !vlans.has(port, vid) => Err(self.not_a_member(id, vid)),
            Some(_) => self.fdb_add_one(now, bridge, port, Key::new(mac, vid), how),
            None => {
                let vids = vlans.of(port).map(Some);
                let mut keys = [None].into_iter().chain(vids).map(|vid| Key::new(mac, vid));
                keys.try_for_each(|key| self.fdb_add_one(now, bridge, port, key, how))
            }
        }
    }

    /// `__br_fdb_add`.
    fn fdb_add_one(
        &self,
        now: Instant,
        id: NetdevId,
        port: Option<PortNo>,
        key: Key,
        how: Addition,
    ) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge(id) else {
            return Ok(());
        };
        let (fdb, hold) = (&*bridge.fdb, bridge.hold());
        let learns = port
            .and_then(|number| bridge.port(number))
            .is_none_or(|port| port.state.learns());
        let permanent = how.lifetime == Lifetime::Permanent;
        reclaim(fdb, now, hold, key);
        if how.touch {
            if port.is_none() {
                return Err(Refusal::new(
                    Errno::Invalid,
                    "use pretends that a frame came in by a port; the bridge itself is none",
                ));
            }
            if !learns || hold.is_zero() {
                return Ok(());
            }
            return room(fdb.edit(key, |found| seen(now, port, found)));
        }
        if how.external {
            if port.is_none() && !permanent {
                return Err(Refusal::new(
                    Errno::Invalid,
                    "an entry of the bridge itself is one of its own addresses: permanent",
                )
                .extack("bridge: FDB entry towards bridge must be permanent"));
            }
            return room(fdb.edit(key, |found| told(now, port, found)));
        }
        if port.is_some() && how.lifetime == Lifetime::Dynamic && !learns {
            return Err(Refusal::new(
                Errno::NotPermitted,
                "a port that is disabled, listening or blocking takes static entries only",
            ));
        }
        if port.is_none() && !permanent {
            return Err(Refusal::new(
                Errno::Invalid,
                "an entry of the bridge itself is one of its own addresses: permanent",
            ));
        }
        if how.sticky && permanent {
            return Err(Refusal::new(
                Errno::Invalid,
                "sticky is for stations: say static or dynamic with it",
            ));
        }
        let mut exists = false;
        room(fdb.edit(key, |found| {
            exists = found.is_some() && how.exclusive;
            if exists {
                return Edit::Keep;
            }
            Edit::Put(commanded(now, port, found, how))
        }))?;
        if exists {
            return Err(Refusal::new(
                Errno::Exists,
                format!(
                    "{} has an entry already; bridge fdb replace changes it",
                    key.mac()
                ),
            ));
        }
        Ok(())
    }

    /// Deletes an entry (`br_fdb_delete`).
    ///
    /// # Errors
    /// `ENOENT` if there is none behind this netdev, `EINVAL` in a VLAN that it is not in.
    pub fn fdb_delete(
        &mut self,
        now: Instant,
        id: NetdevId,
        mac: MacAddr,
        vid: Option<Vid>,
    ) -> Result<(), Refusal> {
        let (bridge_id, port) = self.fdb_of(id)?;
        let Some(bridge) = self.bridge(bridge_id) else {
            return Ok(());
        };
        let hold = bridge.hold();
        // Of the bridge itself, being there for its ports is enough.
        let known = |vid| match port {
            Some(_) => bridge.vlans.has(port, vid),
            None => bridge.vlans.get(vid).is_some(),
        };
        let delete = |key: Key| {
            reclaim(&bridge.fdb, now, hold, key);
            let mut hit = false;
            _ = bridge.fdb.edit(key, |found| {
                hit = found.is_some_and(|entry| entry.port == port);
                if hit { Edit::Remove } else { Edit::Keep }
            });
            hit
        };
        let any = match vid {
            Some(vid) if !known(vid) => return Err(self.not_a_member(id, vid)),
            Some(_) => delete(Key::new(mac, vid)),
            None => {
                let untagged = delete(Key::new(mac, None));
                let vids = bridge.vlans.of(port).map(Some);
                let keys = vids.map(|vid| Key::new(mac, vid));
                keys.fold(untagged, |any, key| delete(key) | any)
            }
        };
        if any {
            return Ok(());
        }
        Err(Refusal::new(
            Errno::NoEntry,
            format!(
                "the FDB has no entry for {mac} behind {}",
                self.netdev(id).name
            ),
        ))
    }

    /// Deletes the entries of a bridge that a filter matches, the bridge's own addresses included
    /// (`br_fdb_delete_bulk`). `id` is the bridge, or a port of it.
    ///
    /// # Errors
    /// `EINVAL` if the netdev flushed behind is no part of the bridge.
    pub fn fdb_flush(&mut self, id: NetdevId, filter: FlushFilter) -> Result<(), Refusal> {
        let (bridge_id, number) = self.fdb_of(id)?;
        let behind = match filter.behind {
            Some(behind) => Some(self.flush_target(bridge_id, behind)?),
            None => number.map(Some),
        };
        let same = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        if let Some(bridge) = self.bridge(bridge_id) {
            bridge.fdb.flush(|key, Entry { port, flags, .. }| {
                filter.vid.is_none_or(|vid| key.vid() == Some(vid))
                    && behind.is_none_or(|behind| behind == port)
                    && same(filter.local, flags.local)
                    && same(filter.fixed, flags.fixed)
                    && same(filter.by_user, flags.by_user)
                    && same(filter.external, flags.external)
                    && same(filter.sticky, flags.sticky)
            });
        }
        Ok(())
    }

    /// `__fdb_flush_validate_ifindex`.
    fn flush_target(&self, bridge: NetdevId, behind: NetdevId) -> Result<Option<PortNo>, Refusal> {
        let netdev = self.netdev(behind);
        let refuse = |message: &'static str| {
            let note = format!(
                "{} is neither {} nor a port of it",
                netdev.name,
                self.netdev(bridge).name
            );
            Err(Refusal::new(Errno::Invalid, note).extack(message))
        };
        match (&netdev.kind, netdev.port) {
            (Kind::Bridge(_), _) if behind == bridge => Ok(None),
            (Kind::Bridge(_), _) => {
                refuse("bridge: Flush bridge device does not match target bridge device")
            }
            (_, Some((master, number))) if master == bridge => Ok(Some(number)),
            (_, Some(_)) => refuse("bridge: Port belongs to a different bridge device"),
            (_, None) => refuse("bridge: Flush device is not a bridge or bridge port"),
        }
    }

    /// Returns the bridge that a netdev is or is a port of, and the port.
    pub(super) fn fdb_of(&self, id: NetdevId) -> Result<(NetdevId, Option<PortNo>), Refusal> {
        match (&self.netdev(id).kind, self.netdev(id).port) {
            (Kind::Bridge(_), _) => Ok((id, None)),
            (_, Some((bridge, number))) => Ok((bridge, Some(number))),
            (_, None) => Err(self.own_port(id).expect_err("it has no port")),
        }
    }

    fn not_a_member(&self, id: NetdevId, vid: Vid) -> Refusal {
        Refusal::new(
            Errno::Invalid,
            format!("{} is not in VLAN {vid}", self.netdev(id).name),
        )
    }

    /// Adds an address to a netdev's own list (`ndo_dflt_fdb_add`). It changes nothing on a bridge.
    ///
    /// # Errors
    /// `EINVAL` for entries that are not permanent or in a VLAN, `EEXIST`.
    pub fn own_list_add(
        &mut self,
        id: NetdevId,
        mac: MacAddr,
        vid: Option<Vid>,
        lifetime: Lifetime,
        exclusive: bool,
    ) -> Result<(), Refusal> {
        // A macvlan looks at neither (macvlan_fdb_add).
        let macvlan = self.macvlan(id).is_some();
        if macvlan {
            self.check_macvlan_list(id, mac)?;
        } else if lifetime != Lifetime::Permanent || vid.is_some() {
            return Err(own_list_only());
        }
        let list = self.own_list(id, mac);
        if !list.contains(&mac) {
            list.push(mac);
            self.set_rx_mode(id);
        } else if exclusive || macvlan {
            return Err(Refusal::new(
                Errno::Exists,
                format!("{mac} is in the netdev's own list already"),
            ));
        }
        Ok(())
    }

    /// Takes an address out of a netdev's own list (`ndo_dflt_fdb_del`).
    ///
    /// # Errors
    /// `EINVAL` for entries that are not permanent, `ENOENT`.
    pub fn own_list_delete(
        &mut self,
        id: NetdevId,
        mac: MacAddr,
        lifetime: Lifetime,
    ) -> Result<(), Refusal> {
        if self.macvlan(id).is_some() {
            self.check_macvlan_list(id, mac)?;
        } else if lifetime != Lifetime::Permanent {
            return Err(own_list_only());
        }
        let list = self.own_list(id, mac);
        let Some(at) = list.iter().position(|it| *it == mac) else {
            return Err(Refusal::new(
                Errno::NoEntry,
                format!("{mac} is not in the netdev's own list; did you mean master?"),
            ));
        };
        list.remove(at);
        self.set_rx_mode(id);
        Ok(())
    }

    fn own_list(&mut self, id: NetdevId, mac: MacAddr) -> &mut Vec<MacAddr> {
        let macvlan = self.macvlan(id).is_some();
        let netdev = self.netdev_mut(id);
        if mac.is_group() && (macvlan || mac.reserved().is_none()) {
            &mut netdev.groups
        } else {
            &mut netdev.unicast
        }
    }

    /// Reclaims expired entries everywhere. Lookups do not depend on it.
    pub fn sweep(&self, now: Instant) {
        for bridge in self.netdevs.iter().filter_map(super::Netdev::bridge) {
            bridge.fdb.sweep(now, bridge.hold());
            bridge.bindings.sweep(now);
        }
    }

    /// Whether any bridge has learned anything: stations, or who has which address.
    #[must_use]
    pub fn has_learned(&self) -> bool {
        let bridges = self.netdevs.iter().filter_map(super::Netdev::bridge);
        bridges
            .into_iter()
            .any(|bridge| bridge.fdb.learned() > 0 || !bridge.bindings.is_empty())
    }
}

fn own_list_only() -> Refusal {
    Refusal::new(
        Errno::Invalid,
        "without master this is the netdev's own address list, which takes permanent entries without VLAN only",
    )
}

/// What the kernel's collector would have done at the entry's deadline.
fn reclaim(fdb: &Fdb, now: Instant, hold: Duration, key: Key) {
    if fdb.view(now, hold).peek(key).is_none() {
        _ = fdb.edit(key, |_| Edit::Remove);
    }
}

fn room(edit: Result<(), crate::switch::fdb::CapacityReached>) -> Result<(), Refusal> {
    edit.map_err(|_| Refusal::new(Errno::NoMemory, "the FDB is full"))
}

const fn fresh(now: Instant, port: Option<PortNo>, flags: Flags) -> Entry {
    Entry {
        port,
        flags,
        updated: now,
        used: now,
    }
}

/// `use`: as if a frame had been seen on the port (`br_fdb_update` with `BR_FDB_ADDED_BY_USER`).
fn seen(now: Instant, port: Option<PortNo>, found: Option<Entry>) -> Edit {
    let Some(mut entry) = found else {
        let flags = Flags {
            by_user: true,
            ..Flags::default()
        };
        return Edit::Put(fresh(now, port, flags));
    };
    if entry.flags.local {
        return Edit::Keep;
    }
    entry.updated = now;
    if entry.port != port && !entry.flags.sticky {
        entry.port = port;
        entry.flags.external = false;
        entry.flags.locked = false;
    }
    entry.flags.by_user = true;
    Edit::Put(entry)
}

/// `extern_learn` (`br_fdb_external_learn_add`).
fn told(now: Instant, port: Option<PortNo>, found: Option<Entry>) -> Edit {
    let local = port.is_none();
    let Some(mut entry) = found else {
        let flags = Flags {
            local,
            by_user: true,
            external: true,
            ..Flags::default()
        };
        return Edit::Put(fresh(now, port, flags));
    };
    entry.updated = now;
    entry.port = port;
    if entry.flags.external {
        entry.used = now;
    }
    entry.flags.external = true;
    entry.flags.by_user = true;
    entry.flags.locked = false;
    entry.flags.local |= local;
    Edit::Put(entry)
}

/// What a command makes of an entry (`fdb_add_entry`).
fn commanded(now: Instant, port: Option<PortNo>, found: Option<Entry>, how: Addition) -> Entry {
    let before = found.unwrap_or_else(|| fresh(now, port, Flags::default()));
    let mut entry = before;
    entry.port = port;
    entry.flags.by_user = true;
    entry.flags.locked = false;
    entry.flags.sticky = how.sticky;
    if lifetime(entry.flags) != how.lifetime {
        entry.flags.local = how.lifetime == Lifetime::Permanent;
        entry.flags.fixed = how.lifetime != Lifetime::Dynamic;
    }
    let by_user = Flags {
        by_user: true,
        ..before.flags
    };
    // iproute2 sends two state bits for all but dynamic entries, so that the kernel always sees a change.
    let same = found.is_some() && how.lifetime == Lifetime::Dynamic;
    if !same || (before.port, by_user) != (entry.port, entry.flags) {
        entry.updated = now;
    }
    entry.used = now;
    entry
}

/// The lifetime an entry has, but for its age (`fdb_to_nud`).
#[must_use]
pub const fn lifetime(flags: Flags) -> Lifetime {
    if flags.local {
        Lifetime::Permanent
    } else if flags.fixed {
        Lifetime::Static
    } else {
        Lifetime::Dynamic
    }
}
