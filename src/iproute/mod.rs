//! The language: a shell script of `ip` and `bridge` commands, and of `tapswitch port` for what those lack.
//!
//! [`command`] holds the values, [`script`] reads a script into them (and nothing else: no command
//! is looked at before the whole script was understood), [`show`] prints the model as iproute2 does.

pub mod command;
mod fault;
mod lex;
mod parse;
mod protocol;
pub mod script;
pub mod show;
