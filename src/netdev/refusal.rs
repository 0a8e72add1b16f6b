//! What the kernel answers when it refuses a change.

use std::borrow::Cow;
use std::fmt;

/// Why the kernel refused: the errors that the modelled operations give (`errno.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// `EADDRINUSE`.
    AddressInUse,
    /// `EADDRNOTAVAIL`.
    AddressNotAvailable,
    /// `EBUSY`.
    Busy,
    /// `EEXIST`.
    Exists,
    /// `EAFNOSUPPORT`.
    FamilyNotSupported,
    /// `EINVAL`.
    Invalid,
    /// `E2BIG`.
    ListTooLong,
    /// `ELOOP`.
    Loop,
    /// `ENETDOWN`.
    NetDown,
    /// `ENOENT`.
    NoEntry,
    /// `ENOMEM`.
    NoMemory,
    /// `ENOSPC`.
    NoSpace,
    /// `ENOTCONN`.
    NotConnected,
    /// `EOPNOTSUPP`.
    NotSupported,
    /// `EPERM`.
    NotPermitted,
    /// `EPROTONOSUPPORT`.
    ProtocolNotSupported,
    /// `ERANGE`.
    Range,
    /// `EMLINK`.
    TooManyLinks,
    /// `EXFULL`.
    ExchangeFull,
}

impl Errno {
    /// Returns the C library's words for it (`strerror`).
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AddressInUse => "Address already in use",
            Self::AddressNotAvailable => "Cannot assign requested address",
            Self::Busy => "Device or resource busy",
            Self::Exists => "File exists",
            Self::FamilyNotSupported => "Address family not supported by protocol",
            Self::Invalid => "Invalid argument",
            Self::ListTooLong => "Argument list too long",
            Self::Loop => "Too many levels of symbolic links",
            Self::NetDown => "Network is down",
            Self::NoEntry => "No such file or directory",
            Self::NoMemory => "Cannot allocate memory",
            Self::NoSpace => "No space left on device",
            Self::NotConnected => "Transport endpoint is not connected",
            Self::NotSupported => "Operation not supported",
            Self::NotPermitted => "Operation not permitted",
            Self::ProtocolNotSupported => "Protocol not supported",
            Self::Range => "Numerical result out of range",
            Self::TooManyLinks => "Too many links",
            Self::ExchangeFull => "Exchange full",
        }
    }
}

/// A refused change: the kernel's answer, and one line of ours that explains it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {note}", self.answer())]
pub struct Refusal {
    /// The error number.
    pub errno: Errno,
    /// The kernel's own message (extended acknowledgement), without its full stop.
    pub extack: Option<Cow<'static, str>>,
    /// What was wrong and what would be right, for whoever wrote the script.
    pub note: Cow<'static, str>,
}

impl Refusal {
    /// Makes a refusal that the kernel gives without a message of its own.
    pub(crate) fn new(errno: Errno, note: impl Into<Cow<'static, str>>) -> Self {
        Self {
            errno,
            extack: None,
            note: note.into(),
        }
    }

    /// Adds the kernel's message.
    pub(crate) fn extack(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            extack: Some(message.into()),
            ..self
        }
    }

    /// Returns the line iproute2 prints for it (`rtnl_talk_error`): the kernel's message if there is
    /// one, else the error number's words.
    #[must_use]
    pub fn answer(&self) -> impl fmt::Display {
        match &self.extack {
            Some(message) => format!("Error: {message}."),
            None => format!("RTNETLINK answers: {}", self.errno.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_iproute2_prints_them() {
        let plain = Refusal::new(Errno::Exists, "the name is taken");
        assert_eq!(plain.answer().to_string(), "RTNETLINK answers: File exists");
        let extended = plain.extack("mtu less than device minimum");
        assert_eq!(
            extended.answer().to_string(),
            "Error: mtu less than device minimum."
        );
    }
}
