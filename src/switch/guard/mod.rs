//! Guards that switches have and Linux's bridge lacks, as far as workers take part.
//!
//! Storm control ([`meter`]), port security ([`security`]) and bindings of IP address, station and
//! port ([`bindings`]): tables that workers and control share. The rest of the guards, which control
//! alone works with, is in [`crate::guard`].

pub mod bindings;
pub mod meter;
pub mod security;
