//! VXLAN devices as the kernel dumps them.

use super::Show;
use crate::iproute::show::record::{EndpointRecord, FdbRecord, VxlanInfo, fdb_flags, fdb_state};
use crate::netdev::{Netdev, VxlanDevice};
use crate::switch::vxlan::{Lifetime, Remote, VxlanEntry};
use crate::wire::MacAddr;

impl Show<'_> {
    /// `vxlan_fill_info`.
    pub(super) fn vxlan(&self, device: &VxlanDevice) -> VxlanInfo {
        let lower = device.lower.map(|lower| self.network.netdev(lower));
        VxlanInfo {
            config: device.config,
            link: lower.map(|lower| lower.ifindex),
        }
    }

    /// A VXLAN device's own table (`vxlan_fdb_dump`).
    pub(super) fn vxlan_fdb(&self, netdev: &Netdev, device: &VxlanDevice) -> Vec<FdbRecord> {
        let mut records = Vec::new();
        for (mac, entry) in device.fdb.dump() {
            for remote in entry.remotes.as_slice() {
                records.push(self.vxlan_record(netdev, device, mac, &entry, remote));
            }
        }
        records
    }

    /// `vxlan_fdb_info`.
    pub(super) fn vxlan_record(
        &self,
        netdev: &Netdev,
        device: &VxlanDevice,
        mac: MacAddr,
        entry: &VxlanEntry,
        remote: &Remote,
    ) -> FdbRecord {
        let config = &device.config;
        let elsewhere = device.underlay != netdev.ns;
        let via = remote.via.map(|via| self.network.netdev(via).ifindex);
        let marks = entry.marks;
        let flags = [
            (true, fdb_flags::SELF),
            (marks.router, fdb_flags::ROUTER),
            (marks.external, fdb_flags::EXT_LEARNED),
            (marks.sticky, fdb_flags::STICKY),
        ];
        FdbRecord {
            mac,
            ifindex: netdev.ifindex,
            vlan: None,
            master: None,
            flags: flags
                .iter()
                .filter(|(on, _)| *on)
                .fold(0, |flags, (_, bit)| flags | bit),
            state: match entry.lifetime {
                Lifetime::Permanent => fdb_state::PERMANENT,
                Lifetime::Static => fdb_state::NOARP,
                Lifetime::Dynamic => fdb_state::REACHABLE,
            },
            ages: Some((
                (self.now - entry.used).as_secs(),
                (self.now - entry.updated).as_secs(),
            )),
            endpoint: Some(EndpointRecord {
                dst: remote.ip,
                port: Some(remote.port).filter(|port| *port != 0 && *port != config.port),
                vni: Some(remote.vni).filter(|vni| *vni != config.vni),
                via,
                netnsid: elsewhere.then(|| self.nsid(device.underlay).unwrap_or(-1)),
            }),
        }
    }
}
