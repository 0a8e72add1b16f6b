//! The VXLAN header (RFC 7348 section 5), with the bits that Linux gives to its extensions.

/// Octets of the header.
pub const VXLAN_HEADER: usize = 8;

/// The header, as two words in host order.
///
/// ```text
/// flags: 0x0800_0000 = I, the VNI is valid; all others reserved, or an extension's
/// last:  VNI in the upper 24 bits, 8 reserved
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// The first word.
    pub flags: u32,
    /// The second word.
    pub last: u32,
}

/// The greatest network identifier (24 bits).
pub const VNI_MAX: u32 = 0x00ff_ffff;

impl Vxlan {
    /// The I flag: without it there is no VNI (`VXLAN_HF_VNI`).
    pub const VNI_VALID: u32 = 0x0800_0000;

    /// What the group policy extension uses of the first word (`VXLAN_GBP_USED_BITS`).
    pub const GROUP_POLICY: u32 = 0x80ff_ffff;

    /// The flag of remote checksum offload (`VXLAN_HF_RCO`).
    pub const REMOTE_CHECKSUM: u32 = 0x0020_0000;

    /// Makes the header of a network.
    #[must_use]
    pub const fn new(vni: u32) -> Self {
        Self {
            flags: Self::VNI_VALID,
            last: vni << 8,
        }
    }

    /// Reads a header; `None` if it is cut off.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h] = *octets.first_chunk::<VXLAN_HEADER>()?;
        Some(Self {
            flags: u32::from_be_bytes([a, b, c, d]),
            last: u32::from_be_bytes([e, f, g, h]),
        })
    }

    /// Returns the network identifier; only good with the I flag.
    #[must_use]
    pub const fn vni(self) -> u32 {
        self.last >> 8
    }

    /// Whether the I flag is set.
    #[must_use]
    pub const fn has_vni(self) -> bool {
        self.flags & Self::VNI_VALID != 0
    }

    /// Whether anything is set but the I flag, the VNI and bits of `understood`. RFC 7348 says to ignore
    /// what is reserved; Linux drops the packet (`vxlan_rcv`).
    #[must_use]
    pub const fn has_reserved(self, understood: u32) -> bool {
        self.flags & !(Self::VNI_VALID | understood) != 0 || self.last & 0xff != 0
    }

    /// Returns the octets.
    #[must_use]
    pub fn octets(self) -> [u8; VXLAN_HEADER] {
        let mut octets = [0; VXLAN_HEADER];
        octets[..4].copy_from_slice(&self.flags.to_be_bytes());
        octets[4..].copy_from_slice(&self.last.to_be_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let octets = [0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0];
        let header = Vxlan::parse(&octets).unwrap();
        assert_eq!(header, Vxlan::new(0x0012_3456));
        assert!(header.has_vni() && !header.has_reserved(0));
        assert_eq!((header.vni(), header.octets()), (0x0012_3456, octets));
        for len in 0..VXLAN_HEADER {
            assert_eq!(Vxlan::parse(&octets[..len]), None, "{len}");
        }
    }

    #[test]
    fn every_other_bit_is_reserved() {
        for bit in 0..64 {
            let mut octets = Vxlan::new(VNI_MAX).octets();
            octets[bit / 8] ^= 0x80 >> (bit % 8);
            let header = Vxlan::parse(&octets).unwrap();
            let (vni, flag) = ((32..56).contains(&bit), bit == 4);
            assert_eq!(header.has_reserved(0), !vni && !flag, "bit {bit}");
            assert_eq!(header.has_vni(), !flag, "bit {bit}");
        }
        let policy = Vxlan {
            flags: 0x8848_0007,
            last: 0,
        };
        assert!(policy.has_reserved(0) && !policy.has_reserved(Vxlan::GROUP_POLICY));
    }
}
