//! `bridge mdb add|replace|del`.

use std::net::IpAddr;

use super::{Apply, Done, Failure};
use crate::iproute::command::{FilterMode, MdbGroup, MdbHow, MdbSpec};
use crate::mcast::{self, GroupSpec};
use crate::netdev::{Errno, NetdevId, Refusal};
use crate::switch::mdb::Group;
use crate::wire::{igmp, mld};

impl Apply<'_> {
    pub(super) fn mdb_add(&mut self, how: MdbHow, spec: &MdbSpec) -> Done {
        self.change_group(spec, true, how == MdbHow::Replace)
    }

    pub(super) fn mdb_del(&mut self, spec: &MdbSpec) -> Done {
        self.change_group(spec, false, false)
    }

    fn change_group(&mut self, spec: &MdbSpec, add: bool, replace: bool) -> Done {
        let dev = self.group_device(&spec.dev)?;
        let port = self.group_device(&spec.port)?;
        validate(spec)?;
        if self.network.netdev(dev).bridge().is_none() {
            let note = format!("{} is not a bridge", spec.dev);
            return Err(Refusal::new(Errno::NotSupported, note)
                .extack("Device does not support MDB operations")
                .into());
        }
        let number = if port == dev {
            None
        } else {
            let invalid = |text: &'static str, note: String| {
                Failure::from(Refusal::new(Errno::Invalid, note).extack(text))
            };
            let Some((bridge, number)) = self.network.netdev(port).port else {
                self.network.check_snooping(dev)?;
                let note = format!("{} has no master", spec.port);
                return Err(invalid("bridge: Net device is not a bridge port", note));
            };
            if bridge != dev {
                self.network.check_snooping(dev)?;
                let note = format!("{} is no port of {}", spec.port, spec.dev);
                let text = "bridge: Port belongs to a different bridge device";
                return Err(invalid(text, note));
            }
            Some(number)
        };
        let mode = |mode| match mode {
            FilterMode::Include => mcast::FilterMode::Include,
            FilterMode::Exclude => mcast::FilterMode::Exclude,
        };
        let group = GroupSpec {
            port: number,
            group: match spec.group {
                MdbGroup::Ip(group) => Group::any_source(group),
                MdbGroup::Mac(mac) => Group::Mac(mac),
            },
            source: spec.source,
            permanent: spec.permanent,
            mode: spec.filter_mode.map(mode),
            sources: spec.source_list.clone(),
            protocol: spec.protocol,
            replace,
        };
        let (now, network) = (self.now, &mut *self.network);
        Ok(network.change_group(now, dev, spec.vid, &group, add)?)
    }

    fn group_device(&self, name: &str) -> Result<NetdevId, Failure> {
        let found = self.network.find(self.ns, name);
        found.ok_or_else(|| Failure::Said(format!("Cannot find device \"{name}\"\n"), 255))
    }
}

/// What the kernel checks whatever the device (`rtnl_validate_mdb_entry`).
fn validate(spec: &MdbSpec) -> Result<(), Refusal> {
    let text = match spec.group {
        MdbGroup::Ip(IpAddr::V4(it)) if !it.is_multicast() && it.octets()[0] != 0 => {
            "IPv4 entry group address is not multicast or 0.0.0.0"
        }
        MdbGroup::Ip(IpAddr::V4(it)) if igmp::is_local_group(it) => {
            "IPv4 entry group address is local multicast"
        }
        MdbGroup::Ip(IpAddr::V6(it)) if it == mld::ALL_NODES => {
            "IPv6 entry group address is link-local all nodes"
        }
        MdbGroup::Mac(mac) if !mac.is_group() => "L2 entry group is not multicast",
        _ if spec.vid >= 0xfff => "Invalid entry VLAN id",
        _ => return Ok(()),
    };
    let note = "a group is 224.0.1.0 to 239.255.255.255, an IPv6 group but ff02::1, or a group MAC address";
    Err(Refusal::new(Errno::Invalid, note).extack(text))
}
