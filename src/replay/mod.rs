//! Replay: captures in, virtual time, one capture out. The same octets on every machine and in
//! every run.
//!
//! ```text
//! Inputs ──(time, attachment, frame)──▶ Engine ──(events)──▶ Recorder ──▶ pcapng, pcap files
//!   k-way merge of captures     script, Control, the core       │
//!                                                               └──▶ Summary
//! ```
//!
//! [`Engine`] is the whole emulated network in this process, with time as an argument; tests and
//! simulations drive it without captures. [`Inputs`] streams captures in the order of their times.
//! [`Recorder`] is a [`Sink`] that writes what happens.
//!
//! Rules of time, in order, for one instant: timers that are due, then commands of the script, then
//! frames (those of the input named first, first). t = 0 is the end of the commands before the first
//! `sleep`, and the time of the earliest first frame of all inputs. A frame that is older than one
//! before it in the merged stream is taken at that one's time, and counted.

mod engine;
mod feed;
mod hosts;
mod input;
mod names;
mod recorder;
mod summary;
mod travelling;

pub use crate::host::MAX_IN_AN_INSTANT;
pub use engine::{Engine, Event, Sink, Stopped, Watched};
pub use feed::feed;
pub use hosts::MAX_HOSTS;
pub use input::{InputError, InputReport, Inputs};
pub use names::FileNames;
pub use recorder::{MAX_EXPLAINED, Outputs, Recorder, notes};
pub use summary::{CommandSummary, InputSummary, Summary};
