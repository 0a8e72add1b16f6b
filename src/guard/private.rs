//! Private VLANs: which ports of a bridge exchange frames (RFC 5517, within one bridge).
//!
//! | | promiscuous | isolated | community N |
//! |---|---|---|---|
//! | promiscuous | yes | yes | yes |
//! | isolated | yes | no | no |
//! | community M | yes | no | if M = N |
//!
//! An ordinary port is promiscuous. All kinds of frames are barred alike, known unicast included; the
//! bridge's own stack is promiscuous.

/// What a port is in private VLANs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrivateRole {
    /// Exchanges frames with all ports, as an ordinary port does.
    #[default]
    Promiscuous,
    /// Exchanges frames with promiscuous ports only.
    Isolated,
    /// Exchanges frames with promiscuous ports and its own community.
    Community(u16),
}

impl PrivateRole {
    /// Whether frames go from a port of one role to one of the other; the same in both directions.
    #[must_use]
    pub const fn exchanges_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Promiscuous, _) | (_, Self::Promiscuous) => true,
            (Self::Community(mine), Self::Community(theirs)) => mine == theirs,
            (Self::Isolated, _) | (_, Self::Isolated) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PrivateRole::{Community, Isolated, Promiscuous};

    #[test]
    fn the_table() {
        let roles = [Promiscuous, Isolated, Community(1), Community(2)];
        let expected = [
            [true, true, true, true],
            [true, false, false, false],
            [true, false, true, false],
            [true, false, false, true],
        ];
        for (one, row) in roles.iter().zip(expected) {
            for (other, expected) in roles.iter().zip(row) {
                assert_eq!(
                    one.exchanges_with(*other),
                    expected,
                    "{one:?} and {other:?}"
                );
            }
        }
    }
}
