//! The live driver: real TAP devices, real processes, real time.
//!
//! [`run`](run::run) goes through a script from top to bottom on the control thread, which owns
//! [`Control`](crate::control::Control), its timers, the [`sandbox`] and the children. [`worker`]
//! threads forward: each polls its share of the attachments, and on every [`turn`] takes what is
//! there, decides and sends. They share one immutable [`Wiring`](wiring::Wiring), replaced whole by
//! the control thread, and talk over channels: frames for control and vanished devices one way,
//! requests for counters the other. A worker without frames looks for some more before it sleeps, as
//! long as its [`patience`] says; its [`profile`] says what its time went into. By what frames come and go, [`mod@io`]
//! chooses.
//!
//! ```text
//! control thread:  script → Control → plan ─┐             ┌─ worker 0: poll, turn, turn, …
//!                  sandbox → attachments ───┴→ Wiring ────┼─ worker 1
//!                  children, signals, timers ←─ channels ─┘
//! ```

pub mod devices;
pub mod error;
pub mod io;
pub mod leftovers;
pub mod patience;
pub mod profile;
pub mod run;
pub mod sandbox;
mod tunnels;
pub mod turn;
pub mod wiring;
pub mod worker;

pub use error::Error;
pub use io::{Choice, Choices};
pub use patience::Polling;
pub use run::{Options, Outcome, Place, enter, run};
