//! Spanning trees of many bridges in virtual time.

mod convergence;
mod guarded;
mod guards;
mod net;
mod protocol;
mod scale;
mod script;
mod simulate;
mod system;
