//! Regression tests: frames in, and what is to come out of them.
//!
//! A case is a folder. It is run in virtual time, like a replay, and what comes out is compared frame by
//! frame with what is expected:
//!
//! | file | what |
//! |---|---|
//! | `topology.sh` | the network; `sleep`s and commands behind them are events. It makes a folder a case |
//! | `in.pcapng` | frames that come in, by the names of its interfaces; those marked as outbound are skipped |
//! | `NAME.pcap`, `NAME_in.pcap` | frames that come in by one attachment |
//! | `expect.pcapng` | all that is to go out, by the names of interfaces; those marked as inbound only count with `drops` |
//! | `NAME_out.pcap` | all that is to go out of one attachment |
//! | `expect.json` | part of what `replay --json` prints, and under `show` what commands print at the end |
//! | `case.toml` | [options](options::Options) |
//!
//! In file names NAME is an attachment's name, with `/` and `@` replaced as
//! [`FileNames`](crate::replay::FileNames) does, so that what `replay --out-dir --drops` writes is a case
//! once `topology.sh` is put beside it. Inputs are merged as in a replay: by time, and of the same time
//! `in.pcapng` first, then by the names of files; what came in at the same time by several attachments
//! keeps its order in an `in.pcapng` only.
//!
//! Read [`case`] first, then [`run`], `compare`, [`align`] (which frame is which) and [`mismatch`] (how that is told);
//! [`suite`] runs many. [`Testbed`] is for `cargo test`: no files, the same comparison.
//!
//! Bounds: a case has at most [`MAX_FRAMES`](observe::MAX_FRAMES) frames in and copies out, with
//! [`MAX_OCTETS`](observe::MAX_OCTETS) octets; folders are searched 32 deep.

pub mod align;
pub mod case;
mod compare;
pub mod junit;
pub mod mismatch;
pub mod observe;
pub mod options;
pub mod run;
pub mod subset;
pub mod suite;
mod testbed;
mod way;

pub use crate::explain::decode;
pub use testbed::Testbed;
pub use way::MAX_EXPLAINED;
