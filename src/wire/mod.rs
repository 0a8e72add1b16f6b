//! Octets to values and back: addresses, the Ethernet header, VLAN tags, BPDUs, IGMP and MLD, and what
//! guards and ipvlan read: ARP, neighbour discovery, IPv4, IPv6 and DHCP; and what is left to do to a frame
//! ([`offload`]);
//! and VXLAN with what is around it.
//!
//! Contract: no state, no I/O, no allocation. A view is checked once, when it is made; after that
//! no accessor can panic, whatever the octets are.

mod addressee;
mod arp;
mod bpdu;
mod datagram;
mod dhcp;
mod ethernet;
mod forwarded;
pub mod igmp;
mod mac;
pub mod membership;
pub mod mld;
mod ndisc;
mod network;
pub mod offload;
mod vlan;
mod vxlan;

pub use addressee::{Addressee, Nameless};
pub use arp::{Arp, ETHER_ARP, ETHER_RARP};
pub use bpdu::{
    BPDU_TICK, Bpdu, BpduError, BridgeId, Config, MAX_BPDU_FRAME, Pdu, PortId, Rapid, RapidRole,
};
pub use datagram::{
    Datagram, DatagramError, ENVELOPE_MAX, Envelope, IPV4_HEADER, IPV6_HEADER, Sum, UDP_HEADER,
    Whole,
};
pub use dhcp::{DHCP_CLIENT, DHCP_SERVER, Dhcp, DhcpError, DhcpKind};
pub use ethernet::{ETHERNET_HEADER, Ethernet, Runt};
pub use forwarded::{FORWARDED_HEAD, Forwarded, ForwardedError};
pub use mac::{MacAddr, MacAddrError};
pub use ndisc::{Neighbour, NeighbourKind};
pub use network::{ETHER_IPV4, ETHER_IPV6, Ipv4, innermost};
pub use vlan::{TAG_LEN, Tag, TagType, Vid, is_tag_type};
pub use vxlan::{VNI_MAX, VXLAN_HEADER, Vxlan};
