//! VXLAN devices and their entries.

use super::{Apply, Done, Failure};
use crate::iproute::command::{FdbEndpoint, FdbFlush, FdbHow, FdbSpec, FdbState, VxlanOptions};
use crate::netdev::vxlan::{Endpoint, VxlanChange};
use crate::netdev::{Errno, NetdevId, Refusal};
use crate::switch::vxlan::{How, Lifetime, Marks};

impl Apply<'_> {
    /// Finds the netdev below a VXLAN device, for which iproute2 looks where the command runs.
    pub(super) fn vxlan_change(&self, options: &VxlanOptions) -> Result<VxlanChange, Failure> {
        let mut change = options.change.clone();
        if let Some(dev) = &options.dev {
            change.lower = Some(self.device(dev, 255)?);
        }
        Ok(change)
    }

    /// Finds the netdev that an endpoint is sent to by, for which iproute2 looks where the command runs.
    pub(super) fn endpoint(&self, said: &FdbEndpoint) -> Result<Endpoint, Failure> {
        let via = match &said.via {
            Some(dev) => Some(self.device(dev, 255)?),
            None => None,
        };
        Ok(Endpoint {
            ip: said.ip,
            port: said.port,
            vni: said.vni,
            via,
        })
    }

    /// `vxlan_fdb_add`.
    pub(super) fn vxlan_fdb_add(
        &mut self,
        id: NetdevId,
        how: FdbHow,
        spec: &FdbSpec,
        endpoint: Endpoint,
    ) -> Done {
        let how = match how {
            FdbHow::Add => How::Add,
            FdbHow::Append => How::Append,
            FdbHow::Replace => How::Replace,
        };
        let lifetime = match spec.state {
            FdbState::Permanent => Lifetime::Permanent,
            FdbState::Static => Lifetime::Static,
            FdbState::Dynamic => Lifetime::Dynamic,
        };
        let marks = Marks {
            router: spec.endpoint.router,
            external: spec.extern_learn,
            sticky: spec.sticky,
            by_user: true,
        };
        let (mac, touch, now) = (spec.mac, spec.touch, self.now);
        let network = &mut *self.network;
        network.vxlan_fdb_add(now, id, how, mac, endpoint, lifetime, marks, touch)?;
        Ok(())
    }

    /// `vxlan_fdb_delete_bulk`.
    pub(super) fn vxlan_fdb_flush(&mut self, id: NetdevId, flush: &FdbFlush) -> Done {
        if flush.added_by_user == Some(true) || flush.sticky == Some(true) {
            let note = "a VXLAN device does not keep apart what was added by whom, or sticks";
            let message = "Unsupported fdb flush ndm flag bits set";
            return Err(Refusal::new(Errno::Invalid, note).extack(message).into());
        }
        let Some(device) = self.network.vxlan_device(id) else {
            return Ok(());
        };
        let wanted = |said: Option<bool>, is: bool| said.is_none_or(|said| said == is);
        device.fdb.flush(|_, entry| {
            let lifetime = entry.lifetime;
            wanted(flush.permanent, lifetime == Lifetime::Permanent)
                && wanted(flush.statics, lifetime == Lifetime::Static)
                && wanted(flush.dynamic, lifetime == Lifetime::Dynamic)
                && wanted(flush.extern_learn, entry.marks.external)
        });
        Ok(())
    }
}
