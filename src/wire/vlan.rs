//! VLAN identifiers and tag types (IEEE 802.1Q clause 9).

use std::fmt;

/// Octets that a tag adds to a frame.
pub const TAG_LEN: usize = 4;

/// A VLAN identifier that can be configured: 1 to 4094. VID 0 marks a priority tag, 4095 is reserved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vid(u16);

impl Vid {
    /// VLAN 1, the default PVID of every port.
    pub const DEFAULT: Self = Self(1);

    /// Makes a VID; `None` outside 1 to 4094.
    #[must_use]
    pub const fn new(vid: u16) -> Option<Self> {
        if vid >= 1 && vid <= 4094 {
            Some(Self(vid))
        } else {
            None
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Vid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Vid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an EtherType announces a tag that Linux takes off on receive: 802.1Q or 802.1ad (`eth_type_vlan`).
#[inline]
#[must_use]
pub const fn is_tag_type(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurable_range() {
        assert_eq!(Vid::new(0), None);
        assert_eq!(Vid::new(4095), None);
        assert_eq!(Vid::new(4094).map(Vid::get), Some(4094));
        assert!(is_tag_type(0x8100) && is_tag_type(0x88a8) && !is_tag_type(0x9100));
    }
}
