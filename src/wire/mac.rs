//! MAC addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A 48-bit MAC address.
///
/// Kept as one word, first octet highest, so that comparing is one instruction and the order is that
/// of the octets.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(u64);

/// A text that is not a MAC address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a MAC address (expected six hexadecimal octets, as in 02:00:00:00:00:01)")]
pub struct MacAddrError(String);

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self(0xffff_ffff_ffff);
    /// The all-zero address, which no station may have.
    pub const ZERO: Self = Self(0);
    /// The Bridge Group Address `01:80:c2:00:00:00` (IEEE 802.1D-2004 table 7-10).
    pub const BRIDGE_GROUP: Self = Self(0x0180_c200_0000);

    const GROUP_BIT: u64 = 1 << 40;

    /// Makes an address from its six octets.
    #[inline]
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = octets;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Returns the address that frames to an IPv4 group have (RFC 1112 6.4): the low 23 bits of the group.
    #[must_use]
    pub const fn of_ipv4_group(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self::new([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// Returns the address that frames to an IPv6 group have (RFC 2464 7): the low 32 bits of the group.
    #[must_use]
    pub const fn of_ipv6_group(group: Ipv6Addr) -> Self {
        let [_, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d] = group.octets();
        Self::new([0x33, 0x33, a, b, c, d])
    }

    /// Returns the six octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// Returns the address as the low 48 bits of a number, first octet highest.
    #[inline]
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// Makes an address from the low 48 bits of a number.
    #[inline]
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        Self(value & Self::BROADCAST.0)
    }

    /// Whether the group bit is set: multicast or broadcast.
    #[inline]
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0 & Self::GROUP_BIT != 0
    }

    /// Whether this is the broadcast address.
    #[inline]
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        self.0 == Self::BROADCAST.0
    }

    /// Whether this is the all-zero address.
    #[inline]
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether a station may have this address: neither group nor zero (`is_valid_ether_addr`).
    #[inline]
    #[must_use]
    pub const fn is_station(self) -> bool {
        !self.is_group() && !self.is_zero()
    }

    /// For one of the 16 reserved addresses `01:80:c2:00:00:0X`, returns X
    /// (IEEE 802.1D-2004 table 7-10; `is_link_local_ether_addr`).
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // below 16
    pub const fn reserved(self) -> Option<u8> {
        let last = self.0 ^ Self::BRIDGE_GROUP.0;
        if last < 0x10 { Some(last as u8) } else { None }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.octets();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    /// Reads `XX:XX:XX:XX:XX:XX`; as in iproute2 (`ll_addr_a2n`), an octet may have one digit.
    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let error = || MacAddrError(text.to_owned());
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or_else(error)?;
            if part.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(error());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        if parts.next().is_some() {
            return Err(error());
        }
        Ok(Self::new(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip_and_refusals() {
        let mac: MacAddr = "02:0:0:00:00:aB".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:00:00:00:ab");
        assert_eq!(MacAddr::from_u64(mac.to_u64()), mac);
        for bad in [
            "",
            "02",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "02:00:00:00:00:100",
            "02:00:00:00:00:+1",
            "0g:00:00:00:00:00",
        ] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds() {
        let parse = |s: &str| s.parse::<MacAddr>().unwrap();
        assert!(MacAddr::BROADCAST.is_group() && MacAddr::BROADCAST.is_broadcast());
        assert!(!MacAddr::ZERO.is_station() && !parse("01:00:5e:00:00:01").is_station());
        assert_eq!(parse("01:80:c2:00:00:0f").reserved(), Some(15));
        assert_eq!(parse("01:80:c2:00:00:10").reserved(), None);
        assert_eq!(parse("01:80:c2:00:01:00").reserved(), None);
    }
}
