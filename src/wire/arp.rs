//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use super::{ETHERNET_HEADER, MacAddr};

/// Octets of an ARP message with six-octet stations and four-octet protocol addresses.
const ARP_LEN: usize = 28;

/// Octets of a frame that carries an ARP message and no padding.
const ARP_FRAME: usize = ETHERNET_HEADER + ARP_LEN;

/// `ETH_P_ARP`.
pub const ETHER_ARP: u16 = 0x0806;

/// `ETH_P_RARP`: the same layout, another question.
pub const ETHER_RARP: u16 = 0x8035;

/// A checked view of an ARP message about IPv4 addresses.
///
/// The hardware type is not looked at, as in the kernel's bridge (`br_do_proxy_suppress_arp`): the
/// address lengths say enough.
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a>(&'a [u8; ARP_LEN]);

impl<'a> Arp<'a> {
    /// The operation of a request.
    pub const REQUEST: u16 = 1;
    /// The operation of a reply.
    pub const REPLY: u16 = 2;
    /// The operation of a reverse request (RFC 903).
    pub const REVERSE_REQUEST: u16 = 3;
    /// The operation of a reverse reply (RFC 903).
    pub const REVERSE_REPLY: u16 = 4;

    /// Checks what follows the EtherType; `None` if it is cut short or not about IPv4 and six-octet
    /// stations.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let message = payload.first_chunk::<ARP_LEN>()?;
        let [_, _, protocol @ .., _, _] = message.first_chunk::<8>()?;
        (*protocol == [0x08, 0x00, 6, 4]).then_some(Self(message))
    }

    /// Returns the operation.
    #[must_use]
    pub const fn operation(self) -> u16 {
        u16::from_be_bytes([self.0[6], self.0[7]])
    }

    /// Returns the station that says it sends.
    #[must_use]
    pub fn sender(self) -> MacAddr {
        self.mac(8)
    }

    /// Returns the sender's IP address; 0.0.0.0 in a probe (RFC 5227).
    #[must_use]
    pub fn sender_ip(self) -> Ipv4Addr {
        self.ip(14)
    }

    /// Returns the target's station; zero in a request.
    #[must_use]
    pub fn target(self) -> MacAddr {
        self.mac(18)
    }

    /// Returns the IP address that is asked for.
    #[must_use]
    pub fn target_ip(self) -> Ipv4Addr {
        self.ip(24)
    }

    /// Makes the frame that answers a request on behalf of `station`, which has the address asked for
    /// (`arp_create`): 42 octets, without padding.
    #[must_use]
    pub fn reply(self, station: MacAddr) -> [u8; ARP_FRAME] {
        let mut frame = [0; ARP_FRAME];
        let asking = self.sender().octets();
        frame[..6].copy_from_slice(&asking);
        frame[6..12].copy_from_slice(&station.octets());
        frame[12..14].copy_from_slice(&ETHER_ARP.to_be_bytes());
        let message = &mut frame[ETHERNET_HEADER..];
        message[..8].copy_from_slice(&[0, 1, 0x08, 0, 6, 4, 0, 2]);
        message[8..14].copy_from_slice(&station.octets());
        message[14..18].copy_from_slice(&self.0[24..28]);
        message[18..24].copy_from_slice(&asking);
        message[24..28].copy_from_slice(&self.0[14..18]);
        frame
    }

    /// Whether it is about Ethernet addresses, as hardware of type 1 or 6 has them.
    #[must_use]
    pub const fn is_ethernet(self) -> bool {
        matches!((self.0[0], self.0[1]), (0, 1 | 6))
    }

    /// Returns the frame that asks everybody who has an address.
    #[must_use]
    pub fn request(sender: MacAddr, sender_ip: Ipv4Addr, target: Ipv4Addr) -> [u8; ARP_FRAME] {
        let mut frame = [0; ARP_FRAME];
        frame[..6].copy_from_slice(&MacAddr::BROADCAST.octets());
        frame[6..12].copy_from_slice(&sender.octets());
        frame[12..14].copy_from_slice(&ETHER_ARP.to_be_bytes());
        let message = &mut frame[ETHERNET_HEADER..];
        message[..8].copy_from_slice(&[0, 1, 0x08, 0, 6, 4, 0, 1]);
        message[8..14].copy_from_slice(&sender.octets());
        message[14..18].copy_from_slice(&sender_ip.octets());
        message[24..28].copy_from_slice(&target.octets());
        frame
    }

    fn mac(self, at: usize) -> MacAddr {
        let mut octets = [0; 6];
        octets.copy_from_slice(&self.0[at..at + 6]);
        MacAddr::new(octets)
    }

    fn ip(self, at: usize) -> Ipv4Addr {
        let mut octets = [0; 4];
        octets.copy_from_slice(&self.0[at..at + 4]);
        octets.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10.0.0.1 at 02:…:01 asks for 10.0.0.2.
    const REQUEST: [u8; ARP_LEN] = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
    ];

    #[test]
    fn fields() {
        let arp = Arp::parse(&REQUEST).unwrap();
        assert_eq!(arp.operation(), Arp::REQUEST);
        assert_eq!(arp.sender().to_string(), "02:00:00:00:00:01");
        assert_eq!(arp.sender_ip().to_string(), "10.0.0.1");
        assert_eq!(arp.target(), MacAddr::ZERO);
        assert_eq!(arp.target_ip().to_string(), "10.0.0.2");
    }

    #[test]
    fn refuses_what_is_short_or_of_other_lengths() {
        for len in 0..ARP_LEN {
            assert!(Arp::parse(&REQUEST[..len]).is_none(), "{len}");
        }
        for (at, value) in [(2, 0x86), (3, 1), (4, 8), (5, 16)] {
            let mut octets = REQUEST;
            octets[at] = value;
            assert!(Arp::parse(&octets).is_none(), "octet {at}");
        }
    }

    #[test]
    fn a_request_is_what_it_is_parsed_as() {
        let sender = MacAddr::from_u64(0x0200_0000_0001);
        let [one, two] = [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last));
        let frame = Arp::request(sender, one, two);
        assert_eq!(
            frame[..14],
            *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06"
        );
        assert_eq!(frame[14..], REQUEST);
        assert!(Arp::parse(&frame[14..]).unwrap().is_ethernet());
    }

    #[test]
    fn reply_swaps_the_roles() {
        let station = MacAddr::from_u64(0x0200_0000_0002);
        let frame = Arp::parse(&REQUEST).unwrap().reply(station);
        assert_eq!(
            frame,
            [
                2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, // Ethernet
                0, 1, 8, 0, 6, 4, 0, 2, // reply
                2, 0, 0, 0, 0, 2, 10, 0, 0, 2, // from the station asked for
                2, 0, 0, 0, 0, 1, 10, 0, 0, 1, // to the one that asked
            ]
        );
    }
}
