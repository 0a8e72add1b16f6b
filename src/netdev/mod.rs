//! The model: namespaces, netdevs, their wiring, and the kernel's rules about them.
//!
//! A [`Network`] is configuration without frames: what exists, how it is wired, what is up. Every
//! change is a method that follows the kernel function named in its documentation, gives the
//! kernel's own refusals ([`Refusal`]), and when it refuses has changed nothing. What the fast path
//! reads of it is compiled into a [`Plan`](crate::switch::Plan) by [`Network::plan`].
//!
//! Read [`network`] first (who is there), then [`link`] (making, changing, deleting netdevs), then
//! [`stacked`] (netdevs on netdevs), [`vlan_device`] (VLANs of a netdev), [`macvlan`] (netdevs that share
//! one), [`ipvlan`] (netdevs that share one and its address), [`vxlan`] (tunnels) and [`underlay`] (what is below them), [`bridge`] and [`ports`] (bridges and their ports), [`tree`] (what Linux has no words for about
//! their spanning tree), [`vlan`]
//! (who is in which VLAN), [`fdb`] (entries made by commands and by the bridge itself) and [`guard`]
//! (the guards of ports) and [`loops`] (loop alarm and loop guard of bridges), then
//! [`compile`] and [`due`] (what an event costs).
//!
//! Deviations from Linux, all deliberate:
//! - Carrier changes act at once; the kernel's link watch takes up to a second.
//! - Namespaces behave as with `disable_ipv6 = 1`: no link-local address appears and nothing is sent
//!   unasked. IPv6 addresses that a command adds are taken nevertheless. With
//!   `sysctl -w net.ipv6.conf.all.disable_ipv6=0` bridges that snoop report their group in MLD, too,
//!   and nothing else is different.
//! - An outside wire is up and has carrier when the script starts, as an existing NIC usually does.
//! - A TAP has carrier as long as its wire is there: in the emulation somebody is plugged in.
//! - A VLAN device that is a bridge's only learning or flooding port stays promiscuous when the bridge
//!   filters VLANs, and gets no list of the bridge's static addresses: nothing filters by them here.
//! - Addresses that the kernel draws at random are counted up instead: `02:74:61:70:HH:LL`.

pub mod address;
pub mod bridge;
pub mod bridge_options;
pub mod cable;
pub mod compile;
pub mod due;
pub mod fdb;
pub mod guard;
pub mod ipvlan;
pub mod link;
pub mod loops;
pub mod macvlan;
pub mod multicast;
pub mod neigh;
pub mod nesting;
pub mod network;
mod own_group;
pub mod ports;
pub mod refusal;
pub mod stacked;
pub mod tree;
pub mod underlay;
pub mod vlan;
pub mod vlan_device;
pub mod vxlan;

pub use crate::switch::{AttachmentId, NetdevId, Side};
pub use address::Address;
pub use bridge::{Bridge, Port};
pub use ipvlan::Ipvlan;
pub use macvlan::Macvlan;
pub use network::{AttachmentError, AttachmentInfo, Kind, NamespaceId, Netdev, Network, OperState};
pub use refusal::{Errno, Refusal};
pub use stacked::Stacked;
pub use vlan_device::VlanDevice;
pub use vxlan::VxlanDevice;
