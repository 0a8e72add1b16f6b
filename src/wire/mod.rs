//! Octets to values and back: addresses, the Ethernet header, VLAN tags, BPDUs, IGMP and MLD.
//!
//! Contract: no state, no I/O, no allocation. A view is checked once, when it is made; after that
//! no accessor can panic, whatever the octets are.

mod bpdu;
mod ethernet;
pub mod igmp;
mod mac;
pub mod membership;
pub mod mld;
mod vlan;

pub use bpdu::{BPDU_TICK, Bpdu, BpduError, BridgeId, Config, MAX_BPDU_FRAME, Pdu, PortId};
pub use ethernet::{ETHERNET_HEADER, Ethernet, Runt};
pub use mac::{MacAddr, MacAddrError};
pub use vlan::{TAG_LEN, Tag, TagType, Vid, is_tag_type};
