//! What can go wrong around the devices, and what the user can do about it.

use std::io;

/// A run that cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a network namespace nor a user namespace can be had.
    #[error(
        "no permission to make a network namespace ({net}), and none to make a user namespace \
         either ({user}); run as root, or allow user namespaces (sysctl user.max_user_namespaces, \
         kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; in a \
         container: --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN)"
    )]
    NoNamespaces {
        /// Why no network namespace.
        net: io::Error,
        /// Why no user namespace.
        user: io::Error,
    },

    /// There is no TAP driver.
    #[error(
        "/dev/net/tun is missing: load the driver (modprobe tun), or make the node (mkdir -p /dev/net; \
         mknod /dev/net/tun c 10 200; in a container: --device /dev/net/tun)"
    )]
    NoTun,

    /// The TAP driver's node may not be opened.
    #[error("/dev/net/tun may not be opened by this user: chmod 666 /dev/net/tun, or run as root")]
    TunForbidden,

    /// The namespace we are in may not be worked in.
    #[error(
        "no permission to work in this network namespace: run as root, or without --host for a \
         sandbox of your own"
    )]
    HostForbidden,

    /// TAP devices may not be made here.
    #[error(
        "no permission to make the TAP device {name}: run as root, or without --host for a sandbox of \
         your own"
    )]
    TapForbidden {
        /// The device.
        name: String,
    },

    /// A name is in use, outside this run's control.
    #[error("{what} {name} exists already: rename it in the topology{hint}")]
    NameTaken {
        /// "netdev" or "network namespace".
        what: &'static str,
        /// The name.
        name: String,
        /// What else could be done.
        hint: &'static str,
    },

    /// The far end of a wire would get a name that no netdev can have.
    #[error("{name} is too long a name for a device (15 octets at most): {why}")]
    NameTooLong {
        /// The name.
        name: String,
        /// Where it comes from.
        why: &'static str,
    },

    /// The topology uses a NIC that this machine does not have.
    #[error(
        "the topology uses {name} without making it, and there is no such interface here: make it \
         first, or run without --host to have a TAP of that name in a sandbox"
    )]
    NoSuchNic {
        /// The name.
        name: String,
    },

    /// A tunnel uses a NIC that this host does not have.
    #[error(
        "{device} is to send by {lower}, which the topology does not make, and this host has no such \
         interface: make it in the topology, or give it an address there (ip addr add … dev {lower}) to \
         have its stack emulated"
    )]
    NoLower {
        /// The VXLAN device.
        device: String,
        /// The NIC.
        lower: String,
    },

    /// Somebody else has the port of a tunnel.
    #[error(
        "UDP port {port} of this host is in use (by a VXLAN device of the kernel's, say): choose another \
         dstport, at both ends"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },

    /// A user's namespaces do not reach the host's network.
    #[error(
        "no permission to send VXLAN by this host's own network: run as root, or give the script's own \
         namespace an address for it (ip addr add) to have its stack emulated"
    )]
    HostOutOfReach,

    /// Anything else, with what was being done.
    #[error("cannot {doing}: {why}")]
    Io {
        /// What was being done: "set up the device p1".
        doing: String,
        /// Why not. No `source`: what prints the chain of causes would say it twice.
        why: io::Error,
    },
}

impl Error {
    /// Whether devices are not to be had here at all, so that only a simulation is left.
    #[must_use]
    pub const fn leaves_simulation(&self) -> bool {
        matches!(
            self,
            Self::NoNamespaces { .. }
                | Self::NoTun
                | Self::TunForbidden
                | Self::TapForbidden { .. }
        )
    }

    /// Says what was being done when an error came.
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |why| Self::Io { doing, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = Error::doing("open p1")(io::ErrorKind::NotFound.into());
        let chain = format!("{:#}", anyhow::Error::from(error));
        assert_eq!(chain, "cannot open p1: entity not found");
    }
}
