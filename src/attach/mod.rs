//! The I/O edge: where frames come from and go to.

pub mod capture;
