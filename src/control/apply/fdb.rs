//! The filtering database: `bridge fdb`.

use super::{Apply, Done, Failure};
use crate::iproute::command::{FdbFlush, FdbHow, FdbSpec, FdbState};
use crate::netdev::fdb::{Addition, FlushFilter, Lifetime};
use crate::netdev::{Errno, Kind, NetdevId, Refusal};

impl Apply<'_> {
    /// `rtnl_fdb_add`.
    pub(super) fn fdb_add(&mut self, how: FdbHow, spec: &FdbSpec) -> Done {
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
        let endpoint = self.endpoint(&spec.endpoint)?;
        let master = self.fdb_sides(id, spec.on_self, spec.on_master)?;
        if master {
            self.network
                .fdb_add(self.now, id, spec.mac, spec.vlan, addition)?;
        }
        if spec.on_self && self.network.netdev(id).bridge().is_some() {
            self.network
                .fdb_add(self.now, id, spec.mac, spec.vlan, addition)?;
        } else if spec.on_self && self.network.vxlan_device(id).is_some() {
            self.vxlan_fdb_add(id, how, spec, endpoint)?;
        } else if spec.on_self {
            if how == FdbHow::Replace && self.network.macvlan(id).is_some() {
                let note = "the own list of a macvlan takes no replacements, only add and del";
                return Err(Refusal::new(Errno::NotSupported, note).into());
            }
            let exclusive = addition.exclusive;
            self.network
                .own_list_add(id, spec.mac, spec.vlan, lifetime, exclusive)?;
        }
        Ok(())
    }

    /// `rtnl_fdb_del`.
    pub(super) fn fdb_del(&mut self, spec: &FdbSpec) -> Done {
        let id = self.device(&spec.dev, 255)?;
        self.check_ethernet(id, "FDB delete only supported for Ethernet devices")?;
        let endpoint = self.endpoint(&spec.endpoint)?;
        let master = self.fdb_sides(id, spec.on_self, spec.on_master)?;
        let on_bridge = spec.on_self && self.network.netdev(id).bridge().is_some();
        if master || on_bridge {
            self.network.fdb_delete(self.now, id, spec.mac, spec.vlan)?;
        }
        if spec.on_self && self.network.vxlan_device(id).is_some() {
            self.network.vxlan_fdb_delete(id, spec.mac, endpoint)?;
        } else if spec.on_self && !on_bridge {
            let lifetime = lifetime(spec.state);
            self.network.own_list_delete(id, spec.mac, lifetime)?;
        }
        Ok(())
    }

    /// `rtnl_fdb_del` with `NLM_F_BULK`.
    pub(super) fn fdb_flush(&mut self, flush: &FdbFlush) -> Done {
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
        if on_self && self.network.vxlan_device(id).is_some() {
            self.vxlan_fdb_flush(id, flush)?;
        } else if on_self {
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
}

const fn lifetime(state: FdbState) -> Lifetime {
    match state {
        FdbState::Permanent => Lifetime::Permanent,
        FdbState::Static => Lifetime::Static,
        FdbState::Dynamic => Lifetime::Dynamic,
    }
}
