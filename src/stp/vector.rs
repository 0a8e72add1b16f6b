//! Priority vectors: what a bridge knows about a segment, and how two such pieces of knowledge compare.
//!
//! The comparisons of 802.1D-1998 8.6 are lexicographic, lower being better; fields stand in the
//! standard's order and the order of the types is derived from that.

use crate::wire::{BridgeId, Config, PortId};

/// What the designated port of a segment says: designated root, cost, bridge and port (8.5.5.4–8.5.5.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vector {
    /// The bridge it takes to be the root.
    pub root: BridgeId,
    /// Its distance from that root.
    pub cost: u32,
    /// The designated bridge.
    pub bridge: BridgeId,
    /// The designated port.
    pub port: PortId,
}

/// A way to the root, as a candidate for root port (8.6.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootPath {
    /// The root it leads to.
    pub root: BridgeId,
    /// Its length: the designated cost plus the cost of the receiving port.
    pub cost: u32,
    /// The designated bridge of the segment.
    pub bridge: BridgeId,
    /// The designated port of the segment.
    pub port: PortId,
    /// Our port on the segment.
    pub receiver: PortId,
}

impl Vector {
    /// Whether a received vector replaces `stored` on a port of the bridge `own` (8.6.2.2):
    /// it is better; or it repeats or, coming from the same other bridge, updates what is stored.
    ///
    /// The last rule holds for the port only. A worse root or cost is not believed even from the
    /// designated bridge itself, and has to wait until the better information is too old.
    #[must_use]
    pub fn supersedes(&self, stored: &Self, own: BridgeId) -> bool {
        let same_sender =
            (self.root, self.cost, self.bridge) == (stored.root, stored.cost, stored.bridge);
        self <= stored || (same_sender && self.bridge != own)
    }

    /// Whether both come from the same port of the same bridge (802.1D-2004 17.6). Addresses and port
    /// numbers count, not priorities: whoever changes those is believed at once.
    #[must_use]
    pub fn same_sender(&self, other: &Self) -> bool {
        self.bridge.address == other.bridge.address && self.port.number() == other.port.number()
    }

    /// Returns the way to the root by a port of ours with this identifier and path cost.
    #[must_use]
    pub const fn through(&self, receiver: PortId, path_cost: u32) -> RootPath {
        RootPath {
            root: self.root,
            cost: self.cost.saturating_add(path_cost),
            bridge: self.bridge,
            port: self.port,
            receiver,
        }
    }
}

impl From<&Config> for Vector {
    fn from(config: &Config) -> Self {
        Self {
            root: config.root,
            cost: config.root_path_cost,
            bridge: config.bridge,
            port: config.port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MacAddr;

    fn id(n: u64) -> BridgeId {
        BridgeId {
            priority: 0x8000,
            address: MacAddr::from_u64(n),
        }
    }

    fn vector(root: u64, cost: u32, bridge: u64, port: u16) -> Vector {
        Vector {
            root: id(root),
            cost,
            bridge: id(bridge),
            port: PortId(port),
        }
    }

    #[test]
    fn fields_compare_in_the_order_of_the_standard() {
        let base = vector(2, 10, 5, 0x8002);
        for better in [
            vector(1, 99, 9, 0x9000),
            vector(2, 9, 9, 0x9000),
            vector(2, 10, 4, 0x9000),
            vector(2, 10, 5, 0x8001),
        ] {
            assert!(better < base);
            assert!(better.supersedes(&base, id(5)) && !base.supersedes(&better, id(5)));
        }
        // Unsigned, and priority before address.
        assert!(id(0x8000_0000_0000) > id(0x0200_0000_0000));
        assert!(
            BridgeId {
                priority: 0x7fff,
                address: MacAddr::BROADCAST
            } < id(0)
        );
    }

    #[test]
    fn the_same_sender_may_change_its_port_and_nothing_else() {
        let stored = vector(2, 10, 5, 0x8001);
        assert!(stored.supersedes(&stored, id(7)), "a repetition");
        let port = vector(2, 10, 5, 0x8002);
        assert!(port.supersedes(&stored, id(7)));
        assert!(
            !port.supersedes(&stored, id(5)),
            "our own worse port on the segment"
        );
        assert!(!vector(2, 11, 5, 0x8001).supersedes(&stored, id(7)));
        assert!(!vector(3, 10, 5, 0x8001).supersedes(&stored, id(7)));
    }

    #[test]
    fn priorities_do_not_make_another_sender() {
        let stored = vector(2, 10, 5, 0x8001);
        let mut again = vector(3, 99, 5, 0x1001);
        again.bridge.priority = 0;
        assert!(again.same_sender(&stored));
        assert!(!vector(2, 10, 5, 0x8002).same_sender(&stored));
        assert!(!vector(2, 10, 6, 0x8001).same_sender(&stored));
    }

    #[test]
    fn cost_of_the_receiving_port_counts_and_cannot_wrap() {
        let near = vector(1, 10, 5, 0x8001).through(PortId(0x8001), 4);
        let far = vector(1, 2, 9, 0x8009).through(PortId(0x8002), 19);
        assert!(near < far && near.cost == 14);
        assert_eq!(
            vector(1, u32::MAX, 5, 1).through(PortId(1), 2).cost,
            u32::MAX
        );
    }
}
