//! Bridges and their ports as configuration: what each one is set to, in the kernel's units.

use std::sync::Arc;

use super::guard::Guard;
use super::loops::{Blocked, Loops};
use super::own_group::OwnStack;
use super::vlan::Vlans;
use crate::guard::Snooping;
use crate::mcast;
use crate::stp;
use crate::switch::guard::bindings::Bindings;
use crate::switch::plan::PortState;
use crate::switch::{Fdb, MulticastCounters, NetdevId, PortNo, PortSet};
use crate::time::Duration;
use crate::wire::{MacAddr, Vid};

/// A bridge.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Its filtering database, the same one for the bridge's whole life.
    pub fdb: Arc<Fdb>,
    /// Its ports, the newest first: the order in which the kernel walks them.
    pub ports: Vec<Port>,
    /// Its part in the spanning tree, which with `stp_state 0` too decides the states of ports. It keeps the
    /// bridge's id, times and priorities.
    pub tree: stp::Tree,
    /// Its VLANs, which with VLAN filtering off too has somebody in its default VLAN.
    pub vlans: Vlans,
    /// Which IP address belongs to which station behind which port.
    pub bindings: Arc<Bindings>,
    /// What DHCP clients have asked for.
    pub(super) snooping: Snooping,
    /// `group_fwd_mask`.
    pub group_fwd_mask: u16,
    /// A command chose the group address, so it no longer follows the VLAN protocol.
    pub(super) group_address_set: bool,
    /// `no_linklocal_learn`.
    pub no_linklocal_learn: bool,
    /// Who wants which groups, and the options about that.
    pub multicast: mcast::Snooping,
    /// What its own stack has to say of itself.
    pub(super) stack: OwnStack,
    /// What it does about loops.
    pub loops: Loops,
    /// Which state of the VLANs snooping was told of last; `None` before it was asked about any.
    pub(super) multicast_vlans: Option<u64>,
    /// Where workers count its stack's messages of IGMP and MLD, and the queries to that stack.
    pub(super) multicast_counter: u32,
    pub(super) queries_heard: MulticastCounters,
    /// `fdb_max_learned`; 0 for the default bound.
    pub fdb_max_learned: u32,
    /// Some port had `neigh_suppress` or `neigh_vlan_suppress` when that of a port last changed. A port
    /// that leaves takes nothing back (`br_recalculate_neigh_suppress_enabled`).
    pub(super) suppresses: bool,
    /// A command chose the MTU, so it no longer follows the ports.
    pub mtu_set: bool,
    /// It has or had a port: only from then on its limits follow those of its ports
    /// (`br_set_gso_limits`).
    pub had_port: bool,
    /// Whether some port forwards; `None` until it ever was otherwise, when the bridge has carrier
    /// but never said so (`state UNKNOWN`).
    pub carrier: Option<bool>,
}

impl Bridge {
    /// Makes a bridge with the kernel's defaults (`br_dev_setup`).
    pub(super) fn new() -> Self {
        Self {
            fdb: Arc::new(Fdb::new()),
            ports: Vec::new(),
            tree: stp::Tree::new(MacAddr::ZERO),
            vlans: Vlans::new(),
            bindings: Arc::default(),
            snooping: Snooping::default(),
            group_fwd_mask: 0,
            group_address_set: false,
            no_linklocal_learn: false,
            multicast: mcast::Snooping::new(),
            stack: OwnStack::default(),
            loops: Loops::default(),
            multicast_vlans: None,
            multicast_counter: 0,
            queries_heard: MulticastCounters::default(),
            fdb_max_learned: 0,
            suppresses: false,
            mtu_set: false,
            had_port: false,
            carrier: None,
        }
    }

    /// Returns how long a learned entry lives (`hold_time`).
    #[must_use]
    pub const fn hold(&self) -> Duration {
        self.tree.hold()
    }

    /// Returns the address in the bridge's id: zero until the bridge had an address of its own.
    pub(super) fn id_address(&self) -> MacAddr {
        self.tree.address()
    }

    /// Returns a port by number.
    #[must_use]
    pub fn port(&self, number: PortNo) -> Option<&Port> {
        self.ports.iter().find(|port| port.number == number)
    }

    pub(super) fn port_mut(&mut self, number: PortNo) -> Option<&mut Port> {
        self.ports.iter_mut().find(|port| port.number == number)
    }

    /// Returns the lowest free port number (`find_portno`).
    pub(super) fn free_number(&self) -> Option<PortNo> {
        let used: PortSet = self.ports.iter().map(|port| port.number).collect();
        let mut numbers = (1..=PortNo::MAX).filter_map(PortNo::new);
        numbers.find(|number| !used.contains(*number))
    }
}

/// A port of a bridge.
#[derive(Clone, Debug)]
pub struct Port {
    /// The netdev that is the port.
    pub netdev: NetdevId,
    /// Its number.
    pub number: PortNo,
    /// Its state, as the bridge's tree last said.
    pub state: PortState,
    /// The VLAN of untagged frames that come in.
    pub pvid: Option<Vid>,
    /// The on/off options.
    pub flags: PortFlags,
    /// `group_fwd_mask` of the port.
    pub group_fwd_mask: u16,
    /// `backup_port`.
    pub backup: Option<PortNo>,
    /// `tapswitch port set`.
    pub guard: Guard,
    /// Where workers count its messages of IGMP and MLD, and the bridge's own queries by it.
    pub(super) multicast_counter: u32,
    pub(super) queries_sent: MulticastCounters,
    /// The loop guard of the bridge has blocked it.
    pub(super) looped: Option<Blocked>,
}

impl Port {
    /// Makes a port with the kernel's defaults (`new_nbp`).
    pub(super) fn new(netdev: NetdevId, number: PortNo) -> Self {
        Self {
            netdev,
            number,
            state: PortState::Disabled,
            pvid: None,
            flags: PortFlags::default(),
            group_fwd_mask: 0,
            backup: None,
            guard: Guard::default(),
            multicast_counter: 0,
            queries_sent: MulticastCounters::default(),
            looped: None,
        }
    }
}

/// The on/off options of a port (`BR_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortFlags {
    /// `hairpin`.
    pub hairpin: bool,
    /// `guard`.
    pub guard: bool,
    /// `root_block`.
    pub root_block: bool,
    /// `fastleave`.
    pub fastleave: bool,
    /// `learning`.
    pub learning: bool,
    /// `flood`: unknown unicast.
    pub flood: bool,
    /// `mcast_flood`.
    pub mcast_flood: bool,
    /// `bcast_flood`.
    pub bcast_flood: bool,
    /// `mcast_to_unicast`.
    pub mcast_to_unicast: bool,
    /// `proxy_arp`.
    pub proxy_arp: bool,
    /// `proxy_arp_wifi`.
    pub proxy_arp_wifi: bool,
    /// `neigh_suppress`.
    pub neigh_suppress: bool,
    /// `neigh_vlan_suppress`: in VLANs, `neigh_suppress` of the VLAN counts.
    pub neigh_vlan_suppress: bool,
    /// `isolated`.
    pub isolated: bool,
    /// `locked`.
    pub locked: bool,
    /// `mab`.
    pub mab: bool,
}

impl Default for PortFlags {
    /// Learns, and floods everything.
    fn default() -> Self {
        Self {
            hairpin: false,
            guard: false,
            root_block: false,
            fastleave: false,
            learning: true,
            flood: true,
            mcast_flood: true,
            bcast_flood: true,
            mcast_to_unicast: false,
            proxy_arp: false,
            proxy_arp_wifi: false,
            neigh_suppress: false,
            neigh_vlan_suppress: false,
            isolated: false,
            locked: false,
            mab: false,
        }
    }
}
