//! Spanning trees of many bridges in virtual time.

mod convergence;
mod guards;
mod net;
mod protocol;
mod scale;
mod script;
