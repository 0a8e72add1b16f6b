//! What the language has and the model has no part for: refused with a reason.

use super::{Done, Failure};
use crate::netdev::{Errno, Refusal};

/// Refuses a command.
pub(super) fn refuse(what: &str) -> Done {
    let note = format!("{what} is not modelled yet");
    Err(Failure::Refused(Refusal::new(Errno::NotSupported, note)))
}
