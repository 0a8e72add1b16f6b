//! The Ethernet header of a frame.

use etherparse::Ethernet2HeaderSlice;

use super::MacAddr;

/// Octets before the payload: destination, source, EtherType or length.
pub const ETHERNET_HEADER: usize = 14;

/// A frame that is shorter than its 14-octet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runt;

/// A checked view of a frame: octets from destination address to end of payload, no FCS.
///
/// EtherType and IEEE 802.3 length frames alike, since a bridge does not tell them apart.
#[derive(Clone, Debug)]
pub struct Ethernet<'a>(Ethernet2HeaderSlice<'a>);

impl<'a> Ethernet<'a> {
    /// Checks that a whole header is there.
    ///
    /// # Errors
    /// [`Runt`] when it is not.
    #[inline(always)]
    pub fn parse(octets: &'a [u8]) -> Result<Self, Runt> {
        Ethernet2HeaderSlice::from_slice(octets)
            .map(Self)
            .map_err(|_| Runt)
    }

    /// Returns the destination address.
    #[inline(always)]
    #[must_use]
    pub fn destination(&self) -> MacAddr {
        self.address(0)
    }

    /// Returns the source address.
    #[inline(always)]
    #[must_use]
    pub fn source(&self) -> MacAddr {
        self.address(6)
    }

    /// The address at an octet, 0 or 6, by one load of eight octets, of which the header has as many there.
    #[inline(always)]
    fn address(&self, at: usize) -> MacAddr {
        let octets = self.0.slice()[at..].first_chunk::<8>();
        MacAddr::from_u64(octets.map_or(0, |octets| u64::from_be_bytes(*octets) >> 16))
    }

    /// Returns the EtherType, or the length of an 802.3 frame.
    #[inline]
    #[must_use]
    pub fn ether_type(&self) -> u16 {
        self.0.ether_type().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields() {
        let octets = [0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x06];
        let frame = Ethernet::parse(&octets).unwrap();
        assert_eq!(frame.destination().to_string(), "02:00:00:00:00:02");
        assert_eq!(frame.source().to_string(), "02:00:00:00:00:01");
        assert_eq!(frame.ether_type(), 0x0806);
        for len in 0..ETHERNET_HEADER {
            assert_eq!(Ethernet::parse(&octets[..len]).err(), Some(Runt));
        }
    }
}
