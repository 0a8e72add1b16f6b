//! Entries that come and go by themselves: the addresses of a bridge and of its ports, in no VLAN and
//! in each that they are in, and everything behind a port or in a VLAN that is left.

use std::sync::Arc;

use super::fresh;
use crate::netdev::Network;
use crate::netdev::vlan::VidSet;
use crate::switch::fdb::Edit;
use crate::switch::{Entry, Fdb, Flags, Key, NetdevId, PortNo};
use crate::time::Instant;
use crate::wire::MacAddr;

impl Network {
    /// Adds the entries of an address of the bridge's own, in no VLAN and in each VLAN of the port
    /// (`br_fdb_add_local`).
    pub(in crate::netdev) fn add_local(
        &self,
        now: Instant,
        bridge: NetdevId,
        port: Option<PortNo>,
        mac: MacAddr,
    ) {
        let Some(bridge) = self.bridge(bridge).filter(|_| mac.is_station()) else {
            return;
        };
        add_local_entry(now, &bridge.fdb, port, Key::new(mac, None));
        for vid in bridge.vlans.of(port) {
            add_local_entry(now, &bridge.fdb, port, Key::new(mac, Some(vid)));
        }
    }

    /// A port's address changed (`br_fdb_changeaddr`).
    pub(in crate::netdev) fn change_port_local(
        &self,
        now: Instant,
        bridge: NetdevId,
        number: PortNo,
        mac: MacAddr,
    ) {
        let Some(fdb) = self.bridge(bridge).map(|bridge| &bridge.fdb) else {
            return;
        };
        let mut own = Vec::new();
        fdb.flush(|key, entry| {
            if entry.port == Some(number) && entry.flags.local && !entry.flags.by_user {
                own.push(key);
            }
            false
        });
        for key in own {
            self.delete_local(bridge, Some(number), key);
        }
        self.add_local(now, bridge, Some(number), mac);
    }

    /// The bridge's address is about to change (`br_fdb_change_mac_address`).
    pub(in crate::netdev) fn replace_bridge_local(&self, now: Instant, id: NetdevId, mac: MacAddr) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let old = self.netdev(id).mac;
        let vids = bridge.vlans.of(None).map(Some);
        for vid in [None].into_iter().chain(vids) {
            let key = Key::new(old, vid);
            let own =
                |entry: &Entry| entry.flags.local && entry.port.is_none() && !entry.flags.by_user;
            if bridge.fdb.get(key).as_ref().is_some_and(own) {
                self.delete_local(id, None, key);
            }
            if mac.is_station() {
                add_local_entry(now, &bridge.fdb, None, Key::new(mac, vid));
            }
        }
    }

    /// Deletes a local entry, unless another port or the bridge has the same address, and is in the
    /// VLAN, and inherits it (`fdb_delete_local`).
    fn delete_local(&self, id: NetdevId, port: Option<PortNo>, key: Key) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let is_in = |port| key.vid().is_none_or(|vid| bridge.vlans.has(port, vid));
        let ports = bridge.ports.iter();
        let ports = ports.map(|other| (other.netdev, Some(other.number)));
        let heir = ports
            .chain([(id, None)])
            .filter(|(_, other)| *other != port)
            .find(|(netdev, other)| self.netdev(*netdev).mac == key.mac() && is_in(*other))
            .map(|(_, heir)| heir);
        // Removing and overwriting need no room.
        _ = bridge.fdb.edit(key, |found| match (found, heir) {
            (Some(mut entry), Some(heir)) => {
                entry.port = heir;
                entry.flags.by_user = false;
                Edit::Put(entry)
            }
            _ => Edit::Remove,
        });
    }

    /// Flushes the entries behind a port (`None`: the bridge's own): all of them, or only those that
    /// age (`br_fdb_delete_by_port`).
    pub(in crate::netdev) fn flush_port(
        &mut self,
        now: Instant,
        id: NetdevId,
        port: Option<PortNo>,
        all: bool,
    ) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let fdb = Arc::clone(&bridge.fdb);
        let mut local = Vec::new();
        fdb.flush(|key, entry| {
            if entry.port != port || !(all || entry.flags.ages()) {
                return false;
            }
            if entry.flags.local {
                local.push(key);
            }
            !entry.flags.local
        });
        for key in local {
            self.delete_local(id, port, key);
        }
        if let Some(port) = port {
            self.note_flush(now, &fdb, port, None);
        }
    }

    /// Flushes what a port (`None`: the bridge itself) that is about to leave some VLANs has in them: its
    /// own address, and what ages (`br_fdb_find_delete_local`, `br_fdb_delete_by_port`). What a command
    /// made static stays, as in the kernel, and is there again when the port comes back.
    pub(in crate::netdev) fn flush_vlans(
        &mut self,
        now: Instant,
        id: NetdevId,
        port: Option<PortNo>,
        vids: &VidSet,
    ) {
        let Some(bridge) = self.bridge(id) else {
            return;
        };
        let netdev = port.and_then(|number| Some(bridge.port(number)?.netdev));
        let mac = self.netdev(netdev.unwrap_or(id)).mac;
        let fdb = Arc::clone(&bridge.fdb);
        let mut own = Vec::new();
        fdb.flush(
            |key,
             Entry {
                 port: at, flags, ..
             }| {
                if at != port || !key.vid().is_some_and(|vid| vids.contains(vid)) {
                    return false;
                }
                if flags.local && !flags.by_user && key.mac() == mac {
                    own.push(key);
                }
                flags.ages()
            },
        );
        for key in own {
            self.delete_local(id, port, key);
        }
        if let Some(port) = port {
            self.note_flush(now, &fdb, port, Some(vids));
        }
    }
}

/// `fdb_add_local`.
pub(in crate::netdev) fn add_local_entry(now: Instant, fdb: &Fdb, port: Option<PortNo>, key: Key) {
    if fdb.get(key).is_some_and(|entry| !entry.flags.local) {
        // A new entry rather than a changed one: it comes first in a dump.
        _ = fdb.edit(key, |_| Edit::Remove);
    }
    let flags = Flags {
        local: true,
        fixed: true,
        ..Flags::default()
    };
    // The kernel too goes on without the entry when there is no room.
    _ = fdb.edit(key, |found| match found {
        Some(_) => Edit::Keep,
        None => Edit::Put(fresh(now, port, flags)),
    });
}
