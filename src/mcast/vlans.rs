//! One context per VLAN: `mcast_vlan_snooping`, `bridge vlan global set … mcast_…`.
//!
//! VLANs have their contexts from the moment that they exist, with settings of their own; in use they
//! are only while `mcast_vlan_snooping` is on.

use std::collections::BTreeMap;

use super::context::{Context, PortContext, PortVlan, VlanContext};
use super::{Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::Instant;

impl Snooping {
    /// Switches contexts per VLAN on or off (`br_multicast_toggle_vlan_snooping`). That VLAN filtering is
    /// on has been checked.
    pub fn set_vlan_snooping(&mut self, now: Instant, on: bool) {
        self.now = now;
        if self.vlan_snooping == on {
            return;
        }
        self.vlan_snooping = on;
        if on {
            self.stop(Scope::Bridge);
        } else {
            self.open(Scope::Bridge);
        }
        let ports: Vec<PortNo> = self.ports.keys().copied().collect();
        for port in ports {
            if on {
                self.disable_port_context(port, Scope::Bridge);
            } else {
                self.enable_port_context(port, Scope::Bridge);
            }
        }
        let vlans: Vec<u16> = self.vlans.keys().copied().collect();
        for vid in vlans {
            self.toggle_vlan(vid, on);
        }
        self.change_all_groups();
    }

    /// Whether a VLAN is snooped (`bridge vlan global set … mcast_snooping`), in use or not.
    #[must_use]
    pub fn vlan_snooped(&self, vid: u16) -> bool {
        self.vlans.get(&vid).is_none_or(|vlan| vlan.global)
    }

    /// Whether a port's context of a VLAN is in use (`br_multicast_port_ctx_vlan_disabled`).
    #[must_use]
    pub fn port_vlan_enabled(&self, port: PortNo, vid: u16) -> bool {
        let vlan = self.ports.get(&port).and_then(|it| it.vlans.get(&vid));
        vlan.is_some_and(|vlan| vlan.enabled)
    }

    /// Switches snooping in a VLAN on or off (`br_multicast_toggle_global_vlan`).
    pub fn set_vlan_snooped(&mut self, now: Instant, vid: u16, on: bool) {
        self.now = now;
        let Some(vlan) = self.vlans.get_mut(&vid).filter(|vlan| vlan.global != on) else {
            return;
        };
        vlan.global = on;
        self.toggle_vlan(vid, on);
        self.change_all_groups();
    }

    /// Makes the VLANs what they are: `vlans` by VID, with the bridge's own membership; `ports` by port
    /// and VID, with state and whether untagged. Of a VLAN: whether the bridge itself is a member, and untagged. Contexts of VLANs that stay keep what they have.
    pub fn set_vlans(
        &mut self,
        now: Instant,
        vlans: &BTreeMap<u16, (bool, bool)>,
        ports: &BTreeMap<(PortNo, u16), (PortState, bool)>,
    ) {
        self.now = now;
        let gone: Vec<(PortNo, u16)> = self
            .ports
            .iter()
            .flat_map(|(port, it)| it.vlans.keys().map(|vid| (*port, *vid)))
            .filter(|place| !ports.contains_key(place))
            .collect();
        for (port, vid) in gone {
            self.toggle_port_vlan(port, vid, false);
            if let Some(it) = self.ports.get_mut(&port) {
                it.vlans.remove(&vid);
            }
        }
        let gone: Vec<u16> = self.vlans.keys().copied().collect();
        for vid in gone.into_iter().filter(|vid| !vlans.contains_key(vid)) {
            self.toggle_host_vlan(vid, false);
            self.stop(Scope::Vlan(vid));
            self.vlans.remove(&vid);
        }
        for (vid, (host, untagged)) in vlans {
            self.set_vlan(*vid, *host, *untagged);
        }
        for ((port, vid), (state, untagged)) in ports {
            self.set_port_vlan(*port, *vid, *state, *untagged);
        }
        self.finish();
    }

    fn set_vlan(&mut self, vid: u16, host: bool, untagged: bool) {
        let new = !self.vlans.contains_key(&vid);
        let vlan = self.vlans.entry(vid).or_insert_with(|| VlanContext {
            context: Context::default(),
            global: true,
            host,
            host_untagged: untagged,
            enabled: false,
        });
        vlan.host_untagged = untagged;
        let was = std::mem::replace(&mut vlan.host, host);
        if new {
            self.publish_settings(Scope::Vlan(vid));
        }
        if host {
            self.toggle_host_vlan(vid, true);
        } else if was {
            self.toggle_host_vlan(vid, false);
        }
    }

    fn set_port_vlan(&mut self, port: PortNo, vid: u16, state: PortState, untagged: bool) {
        let snooping = self.vlan_snooping;
        let Some(it) = self.ports.get_mut(&port) else {
            return;
        };
        let mut new = false;
        let vlan = it.vlans.entry(vid).or_insert_with(|| {
            new = true;
            PortVlan {
                context: PortContext::default(),
                state,
                untagged,
                enabled: false,
            }
        });
        let was = std::mem::replace(&mut vlan.state, state);
        vlan.untagged = untagged;
        if new {
            self.toggle_port_vlan(port, vid, true);
        } else if snooping && was != state && state.learns() {
            self.enable_port_context(port, Scope::Vlan(vid));
        }
    }

    /// `br_multicast_toggle_vlan`.
    fn toggle_vlan(&mut self, vid: u16, on: bool) {
        let ports: Vec<PortNo> = self.ports.keys().copied().collect();
        for port in ports {
            self.toggle_port_vlan(port, vid, on);
        }
        if self.vlans.get(&vid).is_some_and(|vlan| vlan.host) {
            self.toggle_host_vlan(vid, on);
        }
    }

    /// Whether a VLAN's context may be put to use.
    fn usable(&self, vid: u16) -> bool {
        self.vlan_snooping && self.vlans.get(&vid).is_some_and(|vlan| vlan.global)
    }

    /// `br_multicast_toggle_one_vlan`, of a port.
    fn toggle_port_vlan(&mut self, port: PortNo, vid: u16, on: bool) {
        let usable = self.usable(vid);
        let vlan = self
            .ports
            .get_mut(&port)
            .and_then(|it| it.vlans.get_mut(&vid));
        let Some(vlan) = vlan.filter(|vlan| vlan.enabled != on && (!on || usable)) else {
            return;
        };
        vlan.enabled = on;
        if on {
            self.enable_port_context(port, Scope::Vlan(vid));
        } else {
            self.disable_port_context_now(port, Scope::Vlan(vid));
        }
    }

    /// `br_multicast_toggle_one_vlan`, of the bridge itself.
    fn toggle_host_vlan(&mut self, vid: u16, on: bool) {
        let usable = self.usable(vid);
        let vlan = self.vlans.get_mut(&vid);
        let Some(vlan) = vlan.filter(|it| it.enabled != on && (!on || usable && it.host)) else {
            return;
        };
        vlan.enabled = on;
        if on {
            self.open(Scope::Vlan(vid));
        } else {
            self.stop(Scope::Vlan(vid));
        }
    }

    /// Returns the VLAN that a query of a context is tagged for when it leaves by a port
    /// (`__br_multicast_query_handle_vlan`).
    pub(super) fn query_tag(&self, scope: Scope, port: PortNo) -> Option<u16> {
        let Scope::Vlan(vid) = scope else {
            return None;
        };
        let vlan = self.ports.get(&port)?.vlans.get(&vid)?;
        (!vlan.untagged).then_some(vid)
    }

    /// Returns the VLAN that a query of a context to the bridge's own stack is tagged for.
    pub(super) fn own_query_tag(&self, scope: Scope) -> Option<u16> {
        let Scope::Vlan(vid) = scope else {
            return None;
        };
        let vlan = self.vlans.get(&vid)?;
        (!vlan.host_untagged).then_some(vid)
    }
}
