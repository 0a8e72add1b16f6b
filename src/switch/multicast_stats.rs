//! Messages of IGMP and MLD by kind, as a bridge with `mcast_stats_enabled` counts them
//! (`struct br_mcast_stats`).

use crate::wire::igmp::ETHER_TYPE_IPV4;
use crate::wire::mld::ETHER_TYPE_IPV6;

/// How many messages came in and went out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Both {
    /// In by the port; from its own stack, for a bridge.
    pub rx: u64,
    /// Out by the port; to its own stack, for a bridge.
    pub tx: u64,
}

/// A kind of message that is counted. Reports and queries have a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A query of IGMP, version 1 to 3.
    IgmpQuery(u8),
    /// A report of IGMP, version 1 to 3.
    IgmpReport(u8),
    /// IGMPv2: somebody leaves.
    IgmpLeave,
    /// A query of MLD, version 1 or 2.
    MldQuery(u8),
    /// A report of MLD, version 1 or 2.
    MldReport(u8),
    /// MLDv1: somebody leaves.
    MldLeave,
}

/// Which way a counted message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It came in.
    Rx,
    /// It went out.
    Tx,
}

/// What passed a port, or came from and went to a bridge's own stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MulticastCounters {
    /// Queries of IGMP, by version less one.
    pub igmp_queries: [Both; 3],
    /// Reports of IGMP, by version less one.
    pub igmp_reports: [Both; 3],
    /// Leaves of IGMP.
    pub igmp_leaves: Both,
    /// Malformed IPv4 frames to groups.
    pub igmp_parse_errors: u64,
    /// Queries of MLD, by version less one.
    pub mld_queries: [Both; 2],
    /// Reports of MLD, by version less one.
    pub mld_reports: [Both; 2],
    /// Leaves of MLD.
    pub mld_leaves: Both,
    /// Malformed IPv6 frames to groups.
    pub mld_parse_errors: u64,
}

/// Where a bridge's messages are counted: indices into
/// [`Counters::multicast`](super::Counters::multicast).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Of the bridge itself.
    pub own: u32,
    /// By port number.
    pub ports: Vec<u32>,
}

impl Kind {
    /// Tells the kind of a message that was found to be well-formed, by its EtherType and what follows it;
    /// `None` if it is none that is counted (`br_mcast_stats_add`).
    #[must_use]
    pub fn of(ether_type: u16, datagram: &[u8]) -> Option<Self> {
        let half = |at: usize| {
            let octets = datagram.get(at..at + 2)?.try_into().ok()?;
            Some(usize::from(u16::from_be_bytes(octets)))
        };
        match ether_type {
            ETHER_TYPE_IPV4 => {
                let header = usize::from(datagram.first()? & 15) * 4;
                let [kind, code] = *datagram.get(header..)?.first_chunk()?;
                Some(match kind {
                    0x11 if half(2)?.checked_sub(header)? != 8 => Self::IgmpQuery(3),
                    0x11 if code == 0 => Self::IgmpQuery(1),
                    0x11 => Self::IgmpQuery(2),
                    0x12 => Self::IgmpReport(1),
                    0x16 => Self::IgmpReport(2),
                    0x22 => Self::IgmpReport(3),
                    0x17 => Self::IgmpLeave,
                    _ => return None,
                })
            }
            ETHER_TYPE_IPV6 => {
                // Hop-by-hop options are the one extension that MLD has.
                let options = 8 * (usize::from(*datagram.get(41)?) + 1);
                let kind = *datagram.get(40 + options)?;
                Some(match kind {
                    130 if half(4)?.checked_sub(options)? != 24 => Self::MldQuery(2),
                    130 => Self::MldQuery(1),
                    131 => Self::MldReport(1),
                    143 => Self::MldReport(2),
                    132 => Self::MldLeave,
                    _ => return None,
                })
            }
            _ => None,
        }
    }
}

impl MulticastCounters {
    /// Counts a message.
    pub fn count(&mut self, kind: Kind, way: Way) {
        let of = |version: u8| usize::from(version) - 1;
        let both = match kind {
            Kind::IgmpQuery(version) => &mut self.igmp_queries[of(version)],
            Kind::IgmpReport(version) => &mut self.igmp_reports[of(version)],
            Kind::IgmpLeave => &mut self.igmp_leaves,
            Kind::MldQuery(version) => &mut self.mld_queries[of(version)],
            Kind::MldReport(version) => &mut self.mld_reports[of(version)],
            Kind::MldLeave => &mut self.mld_leaves,
        };
        match way {
            Way::Rx => both.rx += 1,
            Way::Tx => both.tx += 1,
        }
    }

    /// Counts a malformed frame to a group (`br_multicast_err_count`).
    pub(super) const fn count_error(&mut self, ether_type: u16) {
        match ether_type {
            ETHER_TYPE_IPV4 => self.igmp_parse_errors += 1,
            ETHER_TYPE_IPV6 => self.mld_parse_errors += 1,
            _ => {}
        }
    }
}

impl std::ops::AddAssign<&Self> for MulticastCounters {
    fn add_assign(&mut self, other: &Self) {
        fn add<const N: usize>(mine: &mut [Both; N], theirs: [Both; N]) {
            for (a, b) in mine.iter_mut().zip(theirs) {
                a.rx += b.rx;
                a.tx += b.tx;
            }
        }
        add(&mut self.igmp_queries, other.igmp_queries);
        add(&mut self.igmp_reports, other.igmp_reports);
        add(
            std::array::from_mut(&mut self.igmp_leaves),
            [other.igmp_leaves],
        );
        add(&mut self.mld_queries, other.mld_queries);
        add(&mut self.mld_reports, other.mld_reports);
        add(
            std::array::from_mut(&mut self.mld_leaves),
            [other.mld_leaves],
        );
        self.igmp_parse_errors += other.igmp_parse_errors;
        self.mld_parse_errors += other.mld_parse_errors;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn igmp(message: &[u8]) -> Vec<u8> {
        let total = u8::try_from(24 + message.len()).unwrap();
        let mut octets = vec![0x46, 0, 0, total];
        octets.resize(24, 0);
        octets.extend(message);
        octets
    }

    fn mld(kind: u8, len: usize) -> Vec<u8> {
        let payload = u8::try_from(8 + len).unwrap();
        let mut octets = vec![0x60, 0, 0, 0, 0, payload];
        octets.resize(48, 0);
        octets.push(kind);
        octets.resize(48 + len, 0);
        octets
    }

    #[test]
    fn kinds_by_type_length_and_code() {
        let v4 = |message: &[u8]| Kind::of(ETHER_TYPE_IPV4, &igmp(message));
        assert_eq!(v4(&[0x11, 0, 0, 0, 0, 0, 0, 0]), Some(Kind::IgmpQuery(1)));
        assert_eq!(v4(&[0x11, 9, 0, 0, 0, 0, 0, 0]), Some(Kind::IgmpQuery(2)));
        assert_eq!(
            v4(&[0x11, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]),
            Some(Kind::IgmpQuery(3))
        );
        assert_eq!(v4(&[0x12, 0]), Some(Kind::IgmpReport(1)));
        assert_eq!(v4(&[0x16, 0]), Some(Kind::IgmpReport(2)));
        assert_eq!(v4(&[0x22, 0]), Some(Kind::IgmpReport(3)));
        assert_eq!(v4(&[0x17, 0]), Some(Kind::IgmpLeave));
        assert_eq!(v4(&[0x99, 0]), None);
        let v6 = |kind, len| Kind::of(ETHER_TYPE_IPV6, &mld(kind, len));
        assert_eq!(v6(130, 24), Some(Kind::MldQuery(1)));
        assert_eq!(v6(130, 28), Some(Kind::MldQuery(2)));
        assert_eq!(v6(131, 24), Some(Kind::MldReport(1)));
        assert_eq!(v6(143, 28), Some(Kind::MldReport(2)));
        assert_eq!(v6(132, 24), Some(Kind::MldLeave));
        for cut in 0..49 {
            assert_eq!(
                Kind::of(ETHER_TYPE_IPV6, &mld(131, 24)[..cut.min(48)]),
                None
            );
        }
    }

    #[test]
    fn every_kind_has_its_place() {
        let kinds = [1, 2, 3]
            .into_iter()
            .flat_map(|v| [Kind::IgmpQuery(v), Kind::IgmpReport(v)]);
        let kinds = kinds.chain(
            [1, 2]
                .into_iter()
                .flat_map(|v| [Kind::MldQuery(v), Kind::MldReport(v)]),
        );
        let mut counters = MulticastCounters::default();
        for kind in kinds.chain([Kind::IgmpLeave, Kind::MldLeave]) {
            counters.count(kind, Way::Rx);
            counters.count(kind, Way::Tx);
            counters.count(kind, Way::Tx);
        }
        counters.count_error(ETHER_TYPE_IPV4);
        counters.count_error(ETHER_TYPE_IPV6);
        let mut sum = MulticastCounters::default();
        sum += &counters;
        let one = Both { rx: 1, tx: 2 };
        let all = MulticastCounters {
            igmp_queries: [one; 3],
            igmp_reports: [one; 3],
            igmp_leaves: one,
            igmp_parse_errors: 1,
            mld_queries: [one; 2],
            mld_reports: [one; 2],
            mld_leaves: one,
            mld_parse_errors: 1,
        };
        assert_eq!(sum, all);
    }
}
