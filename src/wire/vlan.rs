//! VLAN identifiers, tag types and tags (IEEE 802.1Q clause 9).

use std::fmt;
use std::num::NonZeroU16;

/// Octets that a tag adds to a frame.
pub const TAG_LEN: usize = 4;

/// A VLAN identifier that can be configured: 1 to 4094. VID 0 marks a priority tag, 4095 is reserved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vid(NonZeroU16);

impl Vid {
    /// VLAN 1, the default PVID of every port.
    pub const DEFAULT: Self = Self(NonZeroU16::MIN);

    /// The highest VID, 4094.
    pub const MAX: u16 = 4094;

    /// Makes a VID; `None` outside 1 to 4094.
    #[inline]
    #[must_use]
    pub const fn new(vid: u16) -> Option<Self> {
        match NonZeroU16::new(vid) {
            Some(vid) if vid.get() <= Self::MAX => Some(Self(vid)),
            _ => None,
        }
    }

    /// Returns the number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// Returns the number as an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize
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

/// The two types of tag that Linux takes off on receive (`eth_type_vlan`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum TagType {
    /// A customer tag, IEEE 802.1Q: 0x8100.
    #[default]
    Dot1Q = 0x8100,
    /// A service tag, IEEE 802.1ad: 0x88a8.
    Dot1Ad = 0x88a8,
}

impl TagType {
    /// Recognises an EtherType that announces a tag.
    #[inline]
    #[must_use]
    pub const fn of(ether_type: u16) -> Option<Self> {
        match ether_type {
            0x8100 => Some(Self::Dot1Q),
            0x88a8 => Some(Self::Dot1Ad),
            _ => None,
        }
    }

    /// Returns iproute2's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dot1Q => "802.1Q",
            Self::Dot1Ad => "802.1ad",
        }
    }
}

/// A tag: its type, and the 16 bits of tag control information.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The type.
    pub tag_type: TagType,
    /// PCP (3 bits), DEI (1 bit), VID (12 bits).
    pub tci: u16,
}

impl Tag {
    const VID_MASK: u16 = 0x0fff;

    /// Makes a tag with priority 0.
    #[inline]
    #[must_use]
    pub const fn new(tag_type: TagType, vid: Vid) -> Self {
        Self {
            tag_type,
            tci: vid.get(),
        }
    }

    /// Reads a tag at the start of some octets; `None` when no tag is there or it is cut off.
    #[inline]
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Self> {
        let [a, b, c, d] = *octets.first_chunk()?;
        Some(Self {
            tag_type: TagType::of(u16::from_be_bytes([a, b]))?,
            tci: u16::from_be_bytes([c, d]),
        })
    }

    /// Returns the tag as it stands in a frame.
    #[inline]
    #[must_use]
    pub const fn octets(self) -> [u8; TAG_LEN] {
        let [a, b] = (self.tag_type as u16).to_be_bytes();
        let [c, d] = self.tci.to_be_bytes();
        [a, b, c, d]
    }

    /// Returns the VID field: 0 in a priority tag, and 4095 is possible.
    #[inline]
    #[must_use]
    pub const fn vid(self) -> u16 {
        self.tci & Self::VID_MASK
    }

    /// Returns the priority code point, 0 to 7.
    #[inline]
    #[must_use]
    pub const fn pcp(self) -> u8 {
        (self.tci >> 13) as u8
    }

    /// Returns the tag with another VID; priority and drop eligibility stay.
    #[inline]
    #[must_use]
    pub const fn with_vid(self, vid: Vid) -> Self {
        Self {
            tag_type: self.tag_type,
            tci: self.tci & !Self::VID_MASK | vid.get(),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.tag_type as u16, self.tci)
    }
}

/// Whether an EtherType announces a tag that Linux takes off on receive: 802.1Q or 802.1ad (`eth_type_vlan`).
#[inline]
#[must_use]
pub const fn is_tag_type(ether_type: u16) -> bool {
    TagType::of(ether_type).is_some()
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

    #[test]
    fn tags_as_octets() {
        let tag = Tag::read(&[0x88, 0xa8, 0xf0, 0x0a, 0x08]).unwrap();
        assert_eq!(
            (tag.tag_type, tag.vid(), tag.pcp()),
            (TagType::Dot1Ad, 10, 7)
        );
        assert_eq!(tag.octets(), [0x88, 0xa8, 0xf0, 0x0a]);
        let moved = tag.with_vid(Vid::new(20).unwrap());
        assert_eq!(moved.octets(), [0x88, 0xa8, 0xf0, 0x14]);
        assert_eq!(Tag::read(&[0x81, 0x00, 0x00]), None);
        assert_eq!(Tag::read(&[0x91, 0x00, 0x00, 0x00]), None);
        assert_eq!(
            Tag::new(TagType::Dot1Q, Vid::DEFAULT).octets(),
            [0x81, 0, 0, 1]
        );
    }
}
