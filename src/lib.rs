//! tapswitch: Linux's layer 2 in userspace.

pub mod attach;
pub mod cli;
pub mod control;
pub mod iproute;
pub mod live;
pub mod netdev;
pub mod stp;
pub mod switch;
pub mod sys;
pub mod time;
pub mod wire;
