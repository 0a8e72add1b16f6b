//! What passes between a spanning tree machine and the rest: the same words for every protocol.

use crate::switch::PortNo;
use crate::switch::plan::PortState;
use crate::time::Duration;
use crate::wire::{Bpdu, BpduError, MacAddr};

/// What follows from a call; to be done in the order of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The port is in this state now.
    SetState(PortNo, PortState),
    /// Forget what was learned by this port: it was disabled, or (RSTP) the topology has changed.
    Flush(PortNo),
    /// Learned entries live this long from now on (`hold_time`).
    Hold(Duration),
    /// Send this by the port.
    Transmit(PortNo, Bpdu),
    /// News for whoever watches; nothing has to be done.
    Event(PortNo, Event),
}

/// Why a port is kept out of use although the spanning tree has no objection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inconsistent {
    /// BPDU guard: a BPDU came in where none may. The port is shut.
    Bpdu,
    /// Loop guard: the bridge that keeps this port from forwarding has fallen silent.
    Loop,
    /// Root guard: this port would lead to a better root, and must not.
    Root,
}

impl Inconsistent {
    /// Returns the word for it in show commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpdu => "bpdu",
            Self::Loop => "loop",
            Self::Root => "root",
        }
    }
}

/// What happened at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A guard has taken the port out of use.
    Tripped(Inconsistent),
    /// The guard's reason is gone, or its time is up.
    Recovered(Inconsistent),
    /// The port speaks another protocol from now on, as its neighbour does: RSTP, or (false) classic STP.
    Migrated {
        /// Whether it speaks RSTP now.
        rapid: bool,
    },
    /// The port hears its own BPDUs: its cable, or a hub behind it, leads back.
    LoopedBack,
    /// The port forwards now, and stations may be elsewhere than they were.
    TopologyChange,
    /// The neighbour says that the topology changes, and TC guard keeps that to itself. Once per change.
    ChangeIgnored,
    /// BPDU filter drops a BPDU, the first since it is on.
    Filtered,
}

/// Why a frame that was offered to a machine's `receive` had no effect on the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It is not a BPDU of the kind that is spoken here.
    #[error("not a BPDU for this bridge: {0}")]
    Malformed(#[from] BpduError),
    /// There is no such port.
    #[error("the bridge has no port {}", .0.get())]
    NoPort(PortNo),
    /// `stp_state 0`.
    #[error("spanning tree is off")]
    Off,
    /// The bridge is down.
    #[error("the bridge is down")]
    Down,
    /// The port is disabled.
    #[error("the port is disabled")]
    PortDisabled,
    /// It was sent to another address than the bridge's `group_address`.
    #[error("sent to {0}, which is not the bridge's group address")]
    Destination(MacAddr),
    /// BPDU guard: it has disabled the port.
    #[error("the port is guarded; it is disabled now")]
    Guarded,
    /// BPDU filter: the port takes no part in the spanning tree.
    #[error("the port filters BPDUs")]
    Filtered,
}

impl Ignored {
    /// The words for all reasons in show commands, by [`Self::index`].
    pub const NAMES: [&'static str; 16] = [
        "runt",
        "tagged",
        "ethertype",
        "length",
        "llc",
        "protocol",
        "version",
        "type",
        "short",
        "too_old",
        "looped_back",
        "disabled",
        "destination",
        "guard",
        "filter",
        "off",
    ];

    /// Returns the place of a reason in [`Self::NAMES`].
    #[must_use]
    pub const fn index(&self) -> usize {
        match self {
            Self::Malformed(BpduError::Runt) => 0,
            Self::Malformed(BpduError::Tagged(_)) => 1,
            Self::Malformed(BpduError::EtherType(_)) => 2,
            Self::Malformed(BpduError::Length { .. }) => 3,
            Self::Malformed(BpduError::Llc(_)) => 4,
            Self::Malformed(BpduError::Protocol(_)) => 5,
            Self::Malformed(BpduError::Version(_)) => 6,
            Self::Malformed(BpduError::Type(_)) => 7,
            Self::Malformed(BpduError::Short { .. }) => 8,
            Self::Malformed(BpduError::TooOld { .. }) => 9,
            Self::Malformed(BpduError::LoopedBack) => 10,
            Self::PortDisabled | Self::NoPort(_) => 11,
            Self::Destination(_) => 12,
            Self::Guarded => 13,
            Self::Filtered => 14,
            Self::Off | Self::Down => 15,
        }
    }

    /// Returns the word for a reason in show commands.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// Why a parameter cannot be set; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Outside its range (`ERANGE`).
    #[error("{what} {value:?} is outside {min:?} to {max:?}")]
    Time {
        /// Which time.
        what: &'static str,
        /// What was asked for.
        value: Duration,
        /// The smallest that is allowed.
        min: Duration,
        /// The largest that is allowed.
        max: Duration,
    },
    /// Outside its range (`ERANGE`).
    #[error("{what} {value} is outside {min} to {max}")]
    Number {
        /// Which number.
        what: &'static str,
        /// What was asked for.
        value: u32,
        /// The smallest that is allowed.
        min: u32,
        /// The largest that is allowed.
        max: u32,
    },
    /// Not a multiple of what it has to be one of (802.1D-2004 9.2.5, 9.2.7) (`EINVAL`).
    #[error("{what} {value} is not a multiple of {step}")]
    Step {
        /// Which number.
        what: &'static str,
        /// What was asked for.
        value: u32,
        /// What it must be a multiple of.
        step: u32,
    },
    /// The three times do not fit together (802.1D-2004 17.14) (`EINVAL`).
    #[error(
        "hello time {hello_time:?}, max age {max_age:?} and forward delay {forward_delay:?} do not fit: \
         2 * (forward delay - 1 s) >= max age >= 2 * (hello time + 1 s)"
    )]
    Times {
        /// Hello time asked for.
        hello_time: Duration,
        /// Max age asked for.
        max_age: Duration,
        /// Forward delay asked for.
        forward_delay: Duration,
    },
    /// Root guard says that a port never leads to the root, loop guard is for ports that do (`EINVAL`).
    #[error("root guard and loop guard exclude each other on a port")]
    Exclusive,
    /// The state of a port is the spanning tree's to choose while that is on (`EBUSY`).
    #[error("the spanning tree is on and chooses the states of ports")]
    Busy,
    /// The bridge has no such port (`EINVAL`).
    #[error("the bridge has no port {}", .0.get())]
    NoPort(PortNo),
}
