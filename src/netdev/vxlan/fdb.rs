//! A VXLAN device's own table: the commands about it, and the timer that ages it.

use std::net::IpAddr;

use super::{AGE_INTERVAL, VxlanDevice};
use crate::netdev::{Errno, Network, Refusal};
use crate::switch::NetdevId;
use crate::switch::vxlan::{Addition, How, Lifetime, Marks, Refused, Remote};
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// What a command says about an entry of a VXLAN device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `dst`.
    pub ip: Option<IpAddr>,
    /// `port`.
    pub port: Option<u16>,
    /// `vni`.
    pub vni: Option<u32>,
    /// `via`.
    pub via: Option<NetdevId>,
}

impl Network {
    /// Adds an entry to a VXLAN device's own table, or changes one (`vxlan_fdb_add`).
    ///
    /// # Errors
    /// `EINVAL` without an endpoint, `EAFNOSUPPORT` for one of the other family, and what the table says.
    #[expect(clippy::too_many_arguments, reason = "each is a word of the command")]
    pub fn vxlan_fdb_add(
        &mut self,
        now: Instant,
        id: NetdevId,
        how: How,
        mac: MacAddr,
        endpoint: Endpoint,
        lifetime: Lifetime,
        marks: Marks,
        touch: bool,
    ) -> Result<(), Refusal> {
        let Some(device) = self.vxlan_device(id) else {
            return Ok(());
        };
        let remote = device.remote_of(endpoint)?.ok_or_else(|| {
            Refusal::new(Errno::Invalid, "say where the station is: \"dst ADDRESS\"")
        })?;
        let addition = Addition {
            mac,
            remote,
            lifetime,
            marks,
            touch,
        };
        device.fdb.update(now, how, addition).map_err(refused)
    }

    /// Deletes an entry of a VXLAN device's own table, or one of its endpoints (`vxlan_fdb_delete`).
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn vxlan_fdb_delete(
        &mut self,
        id: NetdevId,
        mac: MacAddr,
        endpoint: Endpoint,
    ) -> Result<(), Refusal> {
        let Some(device) = self.vxlan_device(id) else {
            return Ok(());
        };
        let remote = match endpoint.ip {
            // An address of the other family is none that an entry has.
            Some(ip) if ip.is_ipv6() != device.config.ipv6() => Some(Remote {
                ip,
                port: 0,
                vni: 0,
                via: None,
            }),
            _ => device.remote_of(endpoint)?,
        };
        let remote = remote.filter(|remote| !remote.ip.is_unspecified());
        device.fdb.delete(mac, remote).map_err(refused)
    }

    /// Returns when [`Self::vxlans_timeout`] wants to be called.
    pub(crate) fn vxlans_due(&self) -> Option<Instant> {
        let due = self.vxlan_devices().filter_map(|(_, it)| it.age_due);
        due.min()
    }

    /// Ages the tables that are due.
    pub(crate) fn vxlans_timeout(&mut self, now: Instant) {
        let due: Vec<_> = self
            .vxlan_devices()
            .filter(|(_, it)| it.age_due.is_some_and(|due| due <= now))
            .map(|(id, _)| id)
            .collect();
        for id in due {
            if let Some(device) = self.vxlan_device_mut(id) {
                let ageing = Duration::from_secs(device.config.ageing.into());
                let next = device.fdb.age(now, ageing);
                let latest = now + AGE_INTERVAL;
                device.age_due = Some(next.map_or(latest, |next| next.min(latest)));
            }
        }
    }
}

impl VxlanDevice {
    /// Returns the remote that a command means; `None` if it names none (`vxlan_fdb_parse`).
    fn remote_of(&self, said: Endpoint) -> Result<Option<Remote>, Refusal> {
        let config = &self.config;
        let Some(ip) = said.ip else {
            return Ok(None);
        };
        if ip.is_ipv6() != config.ipv6() {
            let speaks = if config.ipv6() { "IPv6" } else { "IPv4" };
            let note = format!("the VXLAN device speaks {speaks}");
            return Err(Refusal::new(Errno::FamilyNotSupported, note));
        }
        Ok(Some(Remote {
            ip,
            port: said.port.unwrap_or(config.port),
            vni: said.vni.unwrap_or(config.vni),
            via: said.via,
        }))
    }
}

pub(super) fn full(refused: Refused) -> Refusal {
    self::refused(refused)
}

fn refused(refused: Refused) -> Refusal {
    match refused {
        Refused::Exists => Refusal::new(
            Errno::Exists,
            "the VXLAN device has an entry for this station; bridge fdb replace changes it",
        ),
        Refused::Absent => Refusal::new(Errno::NoEntry, "the VXLAN device has no such entry"),
        Refused::Full => Refusal::new(
            Errno::NoSpace,
            "the VXLAN device has as many entries as it may (maxaddress)",
        ),
        Refused::Replace => Refusal::new(
            Errno::NotSupported,
            "groups and the zero address may have several endpoints: append, or delete one",
        )
        .extack("Cannot replace non-unicast fdb entries"),
        Refused::ReplaceAbsent => Refusal::new(
            Errno::NotSupported,
            "groups and the zero address may have several endpoints: append one",
        ),
    }
}
