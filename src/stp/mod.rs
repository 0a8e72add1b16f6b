//! Spanning trees: which ports of a bridge may forward, agreed with its neighbours.
//!
//! Pure machines: no clock, no I/O, no panic whatever is received. Time comes in as `now`, everything
//! that follows goes out by one ordered queue, [`Tree::poll_output`]. Work per call is bounded by the
//! number of ports, memory by a fixed amount per port plus outputs not yet polled.
//!
//! [`classic`] is the spanning tree of IEEE 802.1D-1998 clause 8 as the Linux kernel runs it
//! (`stp_state 1`); read that clause first, then [`vector`], which is how pieces of information compare.
//! [`rstp`] is RSTP of 802.1D-2004 clause 17, which Linux has no words for (`stp_mode rstp`). Both speak
//! with the rest in the same words, [`Output`], [`Ignored`] and [`Refused`], and the rest speaks with
//! [`Tree`], which runs one or the other.
//! Clause numbers in this folder are those of 802.1D-1998 unless said. Times are `Duration`s and
//! `Instant`s; only `wire` knows 1/256 s, only the command language centiseconds.
//!
//! # Who does what
//! Every Linux bridge has this machine, also with `stp_state 0`: the kernel lets the same code choose the
//! port states, only that it then sends and hears nothing and skips listening and learning. So one
//! [`Tree`] per bridge netdev, made with it, is the only owner of port states, and of everything of
//! `ip -d link show` that has to do with the tree. Around it:
//!
//! | the netdev's side tells it | by |
//! |---|---|
//! | the bridge is set up or down | [`Tree::set_up`] |
//! | a netdev joins or leaves | [`Tree::add_port`], [`Tree::remove_port`] |
//! | a port is up and has carrier, or not | [`Tree::set_link`], also when nothing changed (see there) |
//! | the bridge's address changes, by hand or as the lowest of its ports' | [`Tree::set_address`] |
//! | options | `set_stp`, `set_priority`, `set_hello_time`, `set_port_state`, … |
//! | a frame that the fast path trapped | [`Tree::receive`] |
//!
//! | and does, in this order | for |
//! |---|---|
//! | changes `PlanPort::state` | [`Output::SetState`] |
//! | forgets what was learned by a port (but not if it has a `backup_port`) | [`Output::Flush`] |
//! | changes `PlanBridge::hold` | [`Output::Hold`] |
//! | encodes with the port's address and [`Tree::group_address`], sends by the port's wire | [`Output::Transmit`] |
//!
//! A BPDU is neither flooded nor subject to the port's state; `PlanBridge::stp` is [`Tree::stp`].
//! The bridge netdev has carrier while [`Tree::carrier`] says so.
//!
//! # Deviations
//! From the kernel, which counts in jiffies:
//! - Timers are exact. The kernel's fire late by up to an eighth of their length, and the hello and hold
//!   timers are rounded to whole seconds (`round_jiffies`).
//! - Root path costs saturate at 2³² − 1 instead of wrapping: a far root must not look near.
//!
//! The kernel's own, kept: bridge identifiers have no system id extension; Configuration BPDUs whose age
//! equals their maximum are accepted (9.3.4 says less); while the topology changes, the ageing time that
//! is shown is twice the forward delay and the one that counts is the forward delay; switching STP on
//! does not disturb ports that forward.

pub mod classic;
pub mod cost;
pub mod rstp;
mod seam;
pub mod tree;
pub mod vector;

pub use classic::{Bridge, BridgeInfo, Configured, PortInfo, Xstats};
pub use seam::{Event, Ignored, Inconsistent, Output, Refused};
pub use tree::{Mode, PortStatus, Status, Times, Tree};
pub use vector::{RootPath, Vector};

#[cfg(test)]
mod testnet;
#[cfg(test)]
mod tests;
