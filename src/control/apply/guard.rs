//! The guards of ports: `tapswitch port set`.
//!
//! What is refused is refused in our own words: no kernel has these settings.

use std::net::{IpAddr, Ipv4Addr};

use super::{Apply, Done, Failure};
use crate::guard;
use crate::iproute::command::{BindingEdit, GuardOptions, PrivateRole, StormLimit, Violation};
use crate::netdev::guard::{GuardSetting, StormRate};
use crate::switch::guard::security;
use crate::time::Duration;

impl Apply<'_> {
    /// Applies the settings in the order of the module documentation of
    /// [`command::guard`](crate::iproute::command::GuardOptions); the first that is refused ends it.
    pub(super) fn guard_set(&mut self, dev: &str, options: &GuardOptions) -> Done {
        let Some(id) = self.network.find(self.ns, dev) else {
            return Err(said(format!("there is no netdev \"{dev}\"")));
        };
        let settings = settings(options).map_err(|ip| {
            said(format!(
                "{ip}: bindings are of IPv4 addresses; IPv6 is not checked"
            ))
        })?;
        for setting in settings {
            self.network
                .set_guard(self.now, id, setting)
                .map_err(|error| said(error.to_string()))?;
        }
        for setting in super::tree::settings(options) {
            self.network
                .set_port_tree(self.now, id, setting)
                .map_err(|error| said(error.to_string()))?;
        }
        Ok(())
    }
}

fn said(text: String) -> Failure {
    Failure::Said(format!("tapswitch: {text}\n"), 1)
}

/// Translates the language's options. Limits come before what they limit, and what is taken away makes
/// room for what is added only in the order written.
fn settings(options: &GuardOptions) -> Result<Vec<GuardSetting>, IpAddr> {
    use GuardSetting as Set;
    let rate = |limit: StormLimit| StormRate {
        frames: limit.frames,
        octets: limit.octets,
    };
    let seconds = |after: Option<u32>| after.map(|it| Duration::from_secs(it.into()));
    let singles = [
        options.storm_broadcast.map(rate).map(Set::Broadcast),
        options.storm_multicast.map(rate).map(Set::Multicast),
        options.storm_unknown.map(rate).map(Set::Unknown),
        options.violation.map(violation).map(Set::Violation),
        options.recovery.map(seconds).map(Set::Recovery),
        options.max_macs.map(Set::MaxMacs),
        options.dhcp_trusted.map(Set::DhcpTrusted),
        options.private.map(private).map(Set::Private),
    ];
    let mut settings: Vec<_> = singles.into_iter().flatten().collect();
    settings.extend(options.secure_macs.iter().map(|(add, mac, vid)| match add {
        true => Set::SecureMac(*mac, *vid),
        false => Set::NoSecureMac(*mac, *vid),
    }));
    let ipv4 = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => Ok::<Ipv4Addr, IpAddr>(ip),
        IpAddr::V6(_) => Err(ip),
    };
    for edit in &options.bindings {
        settings.push(match edit {
            BindingEdit::Bind(ip, mac, vid) => Set::Bind(ipv4(*ip)?, *mac, *vid),
            BindingEdit::Unbind(ip) => Set::Unbind(ipv4(*ip)?),
        });
    }
    settings.extend(options.mac_vlans.iter().map(|(mac, vid)| match vid {
        Some(vid) => Set::MacVlan(*mac, *vid),
        None => Set::NoMacVlan(*mac),
    }));
    // Last, so that whoever is bound by the same command is let in from the start.
    settings.extend(options.ip_binding.map(Set::IpBinding));
    Ok(settings)
}

const fn violation(violation: Violation) -> security::Violation {
    match violation {
        Violation::Protect => security::Violation::Protect,
        Violation::Restrict => security::Violation::Restrict,
        Violation::Shutdown => security::Violation::Shutdown,
    }
}

const fn private(role: PrivateRole) -> Option<guard::PrivateRole> {
    match role {
        PrivateRole::Off => None,
        PrivateRole::Promiscuous => Some(guard::PrivateRole::Promiscuous),
        PrivateRole::Isolated => Some(guard::PrivateRole::Isolated),
        PrivateRole::Community(number) => Some(guard::PrivateRole::Community(number)),
    }
}
