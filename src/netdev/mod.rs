//! The model: namespaces, netdevs, their wiring, and the kernel's rules about them.

/// Namespaces and netdevs.
#[derive(Debug, Default)]
pub struct Network {}
