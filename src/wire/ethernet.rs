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
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, Runt> {
        Ethernet2HeaderSlice::from_slice(octets)
            .map(Self)
            .map_err(|_| Runt)
    }

    /// Returns the destination address.
    #[inline]
    #[must_use]
    pub fn destination(&self) -> MacAddr {
        MacAddr::new(self.0.destination())
    }

    /// Returns the source address.
    #[inline]
    #[must_use]
    pub fn source(&self) -> MacAddr {
        MacAddr::new(self.0.source())
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
