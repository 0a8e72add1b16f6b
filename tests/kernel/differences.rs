//! Differences from the kernel that are there on purpose.

/// One such difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Why it is there.
    pub(crate) reason: &'static str,
    /// The shortest scenario that shows it.
    pub(crate) scenario: &'static str,
}

/// All of them.
pub(crate) const KNOWN: &[Known] = &[];
