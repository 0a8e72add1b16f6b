//! What a frame carries: the network-layer header behind its tags, and the UDP payload of an IPv4 packet.

use std::net::Ipv4Addr;

use etherparse::{IpNumber, Ipv4HeaderSlice, UdpHeaderSlice};

use super::{TAG_LEN, is_tag_type};

/// `ETH_P_IP`.
pub const ETHER_IPV4: u16 = 0x0800;

/// `ETH_P_IPV6`.
pub const ETHER_IPV6: u16 = 0x86dd;

/// LLC and SNAP with the OUI of plain Ethernet (RFC 1042): the EtherType follows.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// Looks through tags, of 802.1Q, of 802.1ad and the older 9100, and through SNAP (RFC 1042), for the
/// first header behind them: nobody hides an IP packet from a check by adding a tag. Takes an
/// EtherType and what follows it; returns the same one level in, or as it is. The work is bounded by
/// the frame's length.
#[must_use]
pub fn innermost(mut ether_type: u16, mut payload: &[u8]) -> (u16, &[u8]) {
    loop {
        let skip = if is_tag_type(ether_type) || ether_type == 0x9100 {
            TAG_LEN - 2
        } else if ether_type <= 1500 && payload.starts_with(&SNAP) {
            SNAP.len()
        } else {
            return (ether_type, payload);
        };
        let Some(&[high, low]) = payload.get(skip..).and_then(<[u8]>::first_chunk) else {
            return (ether_type, payload);
        };
        ether_type = u16::from_be_bytes([high, low]);
        payload = &payload[skip + 2..];
    }
}

/// A checked view of an IPv4 packet, as far as its header.
#[derive(Clone, Debug)]
pub struct Ipv4<'a> {
    header: Ipv4HeaderSlice<'a>,
    /// What follows the header, without octets beyond the packet's total length.
    payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// Checks that a whole header of version 4 is there.
    #[must_use]
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
        let start = header.slice().len();
        let end = usize::from(header.total_len()).clamp(start, packet.len());
        Some(Self {
            payload: &packet[start..end],
            header,
        })
    }

    /// Returns the source address.
    #[must_use]
    pub fn source(&self) -> Ipv4Addr {
        self.header.source_addr()
    }

    /// For an unfragmented UDP packet or a first fragment, returns the source port, the destination
    /// port and the payload, cut at the UDP length.
    #[must_use]
    pub fn udp(&self) -> Option<(u16, u16, &'a [u8])> {
        if self.header.protocol() != IpNumber::UDP || self.header.fragments_offset().value() != 0 {
            return None;
        }
        let udp = UdpHeaderSlice::from_slice(self.payload).ok()?;
        let end = usize::from(udp.length()).clamp(8, self.payload.len());
        Some((
            udp.source_port(),
            udp.destination_port(),
            &self.payload[8..end],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_snap_hide_nothing() {
        let cases: &[(u16, &[u8], u16, &[u8])] = &[
            (0x0800, &[1, 2], 0x0800, &[1, 2]),
            (0x8100, &[0, 5, 8, 0, 1], 0x0800, &[1]),
            (0x88a8, &[0, 5, 0x81, 0, 0, 6, 8, 6, 9], 0x0806, &[9]),
            (0x9100, &[0, 5, 0x86, 0xdd], 0x86dd, &[]),
            (8, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 7], 0x0800, &[7]),
            // Another OUI, plain LLC, and a tag that is cut short stay what they are.
            (
                8,
                &[0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0],
                8,
                &[0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0],
            ),
            (3, &[0x42, 0x42, 3], 3, &[0x42, 0x42, 3]),
            (0x8100, &[0, 5, 8], 0x8100, &[0, 5, 8]),
        ];
        for (outer, payload, ether_type, rest) in cases {
            assert_eq!(
                innermost(*outer, payload),
                (*ether_type, *rest),
                "{payload:x?}"
            );
        }
    }

    #[test]
    fn udp_of_whole_packets_and_first_fragments() {
        let mut packet = [0; 32];
        packet[0] = 0x45;
        packet[3] = 31;
        packet[9] = 17;
        packet[12..16].copy_from_slice(&[10, 0, 0, 1]);
        packet[20..28].copy_from_slice(&[0, 68, 0, 67, 0, 11, 0, 0]);
        let ip = Ipv4::parse(&packet).unwrap();
        assert_eq!(ip.source(), Ipv4Addr::new(10, 0, 0, 1));
        // The 32nd octet is padding.
        assert_eq!(ip.udp(), Some((68, 67, &packet[28..31])));
        packet[7] = 1;
        assert_eq!(
            Ipv4::parse(&packet).unwrap().udp(),
            None,
            "a later fragment"
        );
        packet[7] = 0;
        packet[9] = 6;
        assert_eq!(Ipv4::parse(&packet).unwrap().udp(), None, "TCP");
        packet[0] = 0x65;
        assert!(Ipv4::parse(&packet).is_none(), "version 6");
        packet[0] = 0x45;
        assert!(Ipv4::parse(&packet[..19]).is_none(), "short");
    }

    #[test]
    fn lengths_that_lie_reach_nowhere() {
        let mut packet = [0; 28];
        packet[0] = 0x45;
        packet[9] = 17;
        for total in [0u16, 19, 20, 27, 28, 29, 0xffff] {
            packet[2..4].copy_from_slice(&total.to_be_bytes());
            for udp in [0u16, 7, 8, 9, 0xffff] {
                packet[24..26].copy_from_slice(&udp.to_be_bytes());
                if let Some((_, _, payload)) = Ipv4::parse(&packet).and_then(|ip| ip.udp()) {
                    assert!(payload.is_empty());
                }
            }
        }
    }
}
