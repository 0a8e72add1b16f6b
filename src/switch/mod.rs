//! The core: a pure function from a frame to a verdict.
//!
//! ```text
//! (plan, tables, now, ingress attachment, frame octets)  →  verdict, copies per egress attachment
//! ```
//!
//! Nothing here reads a clock, does I/O, spawns a thread or allocates per frame. Read [`path`] first
//! (how a frame moves between netdevs), then [`vlan`], [`macvlan`] and [`ipvlan`] (uppers), [`bridge`] (a frame's way through a bridge), then
//! [`fdb`] (the filtering database) and [`mdb`] (the multicast one). [`alarm`] is how a loop is noticed, [`plan`] what control publishes, [`counters`] what a worker
//! counts.

pub mod alarm;
pub mod bridge;
pub mod counters;
pub mod egress;
pub mod fdb;
pub mod guard;
pub mod ipvlan;
mod lane;
pub mod macvlan;
pub mod mdb;
mod multicast;
pub mod multicast_stats;
pub mod neighbours;
pub mod path;
pub mod plan;
mod queues;
pub mod trace;
mod trail;
mod transit;
pub mod verdict;
pub mod vlan;
pub mod vxlan;

pub use alarm::{Alarm, PlanAlarm, Sighting};
pub use counters::{
    AttachmentCounters, BridgeCounters, Counters, GuardCounters, NetdevCounters, VlanCounters,
};
pub use egress::{Copy, Egress, Lost, Trap, TrapKind};
pub use fdb::{Entry, Fdb, Flags, Key};
pub use ipvlan::{PlanIpvlan, PlanIpvlanChild};
pub use macvlan::{PlanMacvlan, PlanMacvlanPort};
pub use mdb::Mdb;
pub use multicast_stats::MulticastCounters;
pub use path::{
    Originate, Unfinished, forward, forward_unfinished, forward_watched, hand_up, originate,
};
pub use plan::{
    AttachmentId, NetdevId, Plan, PlanAttachment, PlanBridge, PlanNetdev, PlanPort, PlanVlan,
    PlanVlans, PortNo, PortSet, Receive, Side, Transmit,
};
pub use queues::Copies;
pub use trace::Trace;
pub use trail::Crossing;
pub use transit::Edit;
pub use verdict::{DropReason, PacketType, Verdict};
pub use vlan::{PlanVlanDevice, Uppers};
pub use vxlan::{PlanUnderlay, PlanVxlan, VxlanFdb};
