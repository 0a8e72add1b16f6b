//! Which netdevs stand on which: VLAN devices and others on their lower, bridges on their ports
//! (`__netdev_upper_dev_link`).

use std::collections::{HashMap, HashSet};

use super::{Errno, Kind, Network, Refusal};
use crate::switch::NetdevId;

/// Netdevs that may stand on each other (`MAX_NEST_DEV`).
pub const MAX_NEST: u32 = 8;

impl Network {
    /// Whether a netdev may become a port of a bridge as far as what stands on what is concerned
    /// (`__netdev_upper_dev_link`).
    ///
    /// # Errors
    /// `EBUSY` for a netdev that stands on the bridge, `EMLINK` for the ninth in a row.
    pub(super) fn check_nesting(&self, port: NetdevId, bridge: NetdevId) -> Result<(), Refusal> {
        let mut nesting = self.nesting();
        if nesting.stands_on(port, bridge) {
            let (port, bridge) = (&self.netdev(port).name, &self.netdev(bridge).name);
            let note = format!("{port} stands on {bridge}, so it cannot be a port of it");
            return Err(Refusal::new(Errno::Busy, note));
        }
        if nesting.below(port) + nesting.above(bridge) > MAX_NEST {
            return Err(too_many_levels());
        }
        Ok(())
    }

    /// Whether one more netdev may stand on a netdev.
    ///
    /// # Errors
    /// `EMLINK` for the ninth in a row.
    pub(super) fn check_height(&self, lower: NetdevId) -> Result<(), Refusal> {
        if self.nesting().below(lower) + 1 > MAX_NEST {
            return Err(too_many_levels());
        }
        Ok(())
    }

    fn nesting(&self) -> Nesting<'_> {
        Nesting {
            network: self,
            below: HashMap::new(),
            above: HashMap::new(),
        }
    }
}

fn too_many_levels() -> Refusal {
    let note = format!("at most {MAX_NEST} netdevs stand on each other");
    Refusal::new(Errno::TooManyLinks, note)
}

/// Who stands on whom. Visits each netdev once, so it costs at most as much as there are netdevs.
struct Nesting<'a> {
    network: &'a Network,
    below: HashMap<NetdevId, u32>,
    above: HashMap<NetdevId, u32>,
}

impl Nesting<'_> {
    fn lowers(&self, id: NetdevId) -> Vec<NetdevId> {
        match &self.network.netdev(id).kind {
            Kind::Bridge(bridge) => bridge.ports.iter().map(|port| port.netdev).collect(),
            Kind::Vxlan(vxlan) => vxlan.lower.into_iter().collect(),
            kind => kind.stacked().map(|it| it.lower).into_iter().collect(),
        }
    }

    /// The length of the longest chain down from a netdev, itself included (`lower_level`).
    fn below(&mut self, id: NetdevId) -> u32 {
        if let Some(known) = self.below.get(&id) {
            return *known;
        }
        let lowers = self.lowers(id);
        let level = 1 + lowers.iter().map(|id| self.below(*id)).max().unwrap_or(0);
        self.below.insert(id, level);
        level
    }

    /// The length of the longest chain up from a netdev, itself included (`upper_level`).
    fn above(&mut self, id: NetdevId) -> u32 {
        if let Some(known) = self.above.get(&id) {
            return *known;
        }
        let netdev = self.network.netdev(id);
        let uppers = netdev.uppers.iter().copied().chain(netdev.master());
        let uppers: Vec<_> = uppers.collect();
        let level = 1 + uppers.iter().map(|id| self.above(*id)).max().unwrap_or(0);
        self.above.insert(id, level);
        level
    }

    /// Whether one netdev stands on another, directly or not (`__netdev_has_upper_dev`).
    fn stands_on(&mut self, upper: NetdevId, lower: NetdevId) -> bool {
        let mut seen = HashSet::new();
        let mut left = self.lowers(upper);
        while let Some(id) = left.pop() {
            if id == lower {
                return true;
            }
            if seen.insert(id) {
                left.extend(self.lowers(id));
            }
        }
        false
    }
}
