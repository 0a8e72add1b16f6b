//! What the language has and the model has no part for: refused with a reason, whatever the values are.
//!
//! Values that say what this program does anyway are let through.

use super::{Done, Failure};
use crate::iproute::command::PortOptions;
use crate::netdev::{Errno, Refusal};

/// Refuses a command.
pub(super) fn refuse(what: &str) -> Done {
    let note = format!("{what} is not modelled yet");
    Err(Failure::Refused(Refusal::new(Errno::NotSupported, note)))
}

/// Refuses options of a port.
pub(super) fn port(o: &PortOptions) -> Done {
    let other = [
        ("neigh_suppress", o.neigh_suppress == Some(true)),
        ("neigh_vlan_suppress", o.neigh_vlan_suppress == Some(true)),
    ];
    first(&other)
}

fn first(options: &[(&str, bool)]) -> Done {
    options
        .iter()
        .find(|(_, other)| *other)
        .map_or(Ok(()), |(name, _)| refuse(&format!("this value of {name}")))
}
