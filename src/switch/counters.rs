//! Plain integers that one worker adds to; whoever shows them sums over the workers.
//!
//! The arithmetic, per attachment: `frames_in = forwarded + trapped + Σ dropped`. A copy of a flooded
//! frame that did not get out counts under `copies_lost`, whether or not other copies did.

use std::ops::AddAssign;

use super::{DropReason, MulticastCounters, Plan, Verdict};

/// All counters of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By [`AttachmentId`](super::AttachmentId).
    pub attachments: Vec<AttachmentCounters>,
    /// By [`NetdevId`](super::NetdevId).
    pub netdevs: Vec<NetdevCounters>,
    /// By [`NetdevId`](super::NetdevId) of the bridge; zero for other netdevs.
    pub bridges: Vec<BridgeCounters>,
    /// By the indices in a [`VlanStats`](super::plan::VlanStats).
    pub vlans: Vec<VlanCounters>,
    /// By [`NetdevId`](super::NetdevId) of the port; zero for other netdevs.
    pub guards: Vec<GuardCounters>,
    /// By the indices in [`Slots`](super::multicast_stats::Slots).
    pub multicast: Vec<MulticastCounters>,
}

/// What passed a port (or the bridge itself) in one VLAN (`struct br_vlan_stats`). Octets are without
/// the 14-octet header and without the VLAN's tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanCounters {
    /// Frames that came in.
    pub rx_packets: u64,
    /// Their octets.
    pub rx_bytes: u64,
    /// Frames that left.
    pub tx_packets: u64,
    /// Their octets.
    pub tx_bytes: u64,
}

/// What passed one attachment. What is by reason is elsewhere in memory, so that what every frame counts is close
/// together: of a thousand attachments it fits a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentCounters {
    /// Frames that entered the network here.
    pub frames_in: u64,
    /// Their octets, without FCS.
    pub octets_in: u64,
    /// Copies that left the network here.
    pub frames_out: u64,
    /// Their octets, without FCS.
    pub octets_out: u64,
    /// Of `frames_in`, those of which at least one copy left.
    pub forwarded: u64,
    /// Of `frames_in`, those that control took.
    pub trapped: u64,
    /// Of `frames_in`, those that went nowhere, by [`DropReason`] as index.
    pub dropped: Box<[u64; DropReason::COUNT]>,
    /// Single copies, of frames that entered here, that did not get out, by [`DropReason`] as index.
    pub copies_lost: Box<[u64; DropReason::COUNT]>,
    /// Frames that entered here and were to be seen by control, of which too many waited (live only).
    /// They count as trapped, or as whatever became of them otherwise, all the same.
    pub traps_lost: u64,
    /// Copies that the attachment's own queue refused because it was full (live only).
    pub tx_ring_full: u64,
    /// Copies that the attachment refused for another reason: its far end is down, say (live only).
    pub tx_refused: u64,
    /// Copies for an attachment that nothing real is behind: the stack of a bridge port (live only).
    pub tx_unattached: u64,
    /// Frames whose checksum was finished in software: to a group when they came in here, others when
    /// they left by an attachment that does not do it (live only).
    pub checksummed: u64,
    /// Super-frames that were cut in software, because they left by an attachment that takes none (live
    /// only).
    pub segmented: u64,
    /// What they were cut into (live only).
    pub segments: u64,
}

impl Default for AttachmentCounters {
    fn default() -> Self {
        Self {
            frames_in: 0,
            octets_in: 0,
            frames_out: 0,
            octets_out: 0,
            forwarded: 0,
            trapped: 0,
            dropped: Box::new([0; DropReason::COUNT]),
            copies_lost: Box::new([0; DropReason::COUNT]),
            traps_lost: 0,
            tx_ring_full: 0,
            tx_refused: 0,
            tx_unattached: 0,
            checksummed: 0,
            segmented: 0,
            segments: 0,
        }
    }
}

impl AttachmentCounters {
    /// Counts a frame's one outcome.
    #[inline]
    pub const fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Forwarded => self.forwarded += 1,
            Verdict::Trapped => self.trapped += 1,
            Verdict::Dropped(reason) => self.dropped[reason as usize] += 1,
        }
    }

    /// Returns all frames dropped, whatever the reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Whether every frame that came in is accounted for.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.frames_in == self.forwarded + self.trapped + self.dropped_total()
    }
}

/// A netdev's `stats64`, as far as this program has events for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetdevCounters {
    /// Frames received.
    pub rx_packets: u64,
    /// Octets received; for a bridge netdev without the 14-octet header, as the kernel counts there.
    pub rx_bytes: u64,
    /// Frames refused on receive.
    pub rx_dropped: u64,
    /// Of those, what a macvlan or ipvlan device calls damaged: they are too long for it.
    pub rx_errors: u64,
    /// Multicast frames handed up by a bridge.
    pub multicast: u64,
    /// Frames transmitted.
    pub tx_packets: u64,
    /// Octets transmitted.
    pub tx_bytes: u64,
    /// Packets of ipvlan devices that the stack did not send on by this netdev.
    pub tx_errors: u64,
    /// Frames refused on transmit.
    pub tx_dropped: u64,
}

/// What a bridge did to its FDB and how it spread frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeCounters {
    /// Stations learned that were not known.
    pub learned: u64,
    /// Known stations seen on another port than before.
    pub moved: u64,
    /// Stations not learned because the table was full. Their frames were forwarded all the same.
    pub learn_refused: u64,
    /// Frames flooded because the destination was unknown.
    pub flooded_unknown: u64,
    /// Multicast frames flooded.
    pub flooded_multicast: u64,
    /// Broadcast frames flooded.
    pub flooded_broadcast: u64,
}

/// What the guards of a port dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardCounters {
    /// Broadcast frames above the limit.
    pub storm_broadcast: u64,
    /// Multicast frames above the limit.
    pub storm_multicast: u64,
    /// Frames to unknown stations above the limit.
    pub storm_unknown: u64,
    /// Frames of stations that may not be there, unless violations are to pass in silence.
    pub violations: u64,
    /// IP and ARP that no binding let in.
    pub unbound: u64,
    /// DHCP messages that were malformed, a server's, or not the sender's own.
    pub dhcp: u64,
}

macro_rules! add_fields {
    ($kind:ty: $($field:ident)+) => {
        impl AddAssign<&$kind> for $kind {
            fn add_assign(&mut self, other: &Self) {
                $(self.$field += other.$field;)+
            }
        }
    };
}

add_fields!(NetdevCounters: rx_packets rx_bytes rx_errors rx_dropped multicast tx_packets tx_bytes tx_errors tx_dropped);
add_fields!(VlanCounters: rx_packets rx_bytes tx_packets tx_bytes);
add_fields!(BridgeCounters: learned moved learn_refused flooded_unknown flooded_multicast flooded_broadcast);
add_fields!(GuardCounters: storm_broadcast storm_multicast storm_unknown violations unbound dhcp);

impl AddAssign<&Self> for AttachmentCounters {
    fn add_assign(&mut self, other: &Self) {
        self.frames_in += other.frames_in;
        self.octets_in += other.octets_in;
        self.frames_out += other.frames_out;
        self.octets_out += other.octets_out;
        self.forwarded += other.forwarded;
        self.trapped += other.trapped;
        self.traps_lost += other.traps_lost;
        self.tx_ring_full += other.tx_ring_full;
        self.tx_refused += other.tx_refused;
        self.tx_unattached += other.tx_unattached;
        self.checksummed += other.checksummed;
        self.segmented += other.segmented;
        self.segments += other.segments;
        for reason in 0..DropReason::COUNT {
            self.dropped[reason] += other.dropped[reason];
            self.copies_lost[reason] += other.copies_lost[reason];
        }
    }
}

impl Counters {
    /// Makes room for every id of a plan; counters so far stay.
    pub fn fit(&mut self, plan: &Plan) {
        let grow = |have: usize, want: usize| have.max(want);
        self.attachments.resize_with(
            grow(self.attachments.len(), plan.attachments.len()),
            Default::default,
        );
        self.netdevs.resize_with(
            grow(self.netdevs.len(), plan.netdevs.len()),
            Default::default,
        );
        self.bridges.resize_with(
            grow(self.bridges.len(), plan.netdevs.len()),
            Default::default,
        );
        self.guards.resize_with(
            grow(self.guards.len(), plan.netdevs.len()),
            Default::default,
        );
        self.vlans.resize_with(
            grow(self.vlans.len(), plan.vlan_counters as usize),
            Default::default,
        );
        self.multicast.resize_with(
            grow(self.multicast.len(), plan.multicast_counters as usize),
            Default::default,
        );
    }
}

impl AddAssign<&Self> for Counters {
    fn add_assign(&mut self, other: &Self) {
        fn add<T: Default + for<'a> AddAssign<&'a T>>(mine: &mut Vec<T>, theirs: &[T]) {
            mine.resize_with(mine.len().max(theirs.len()), T::default);
            for (a, b) in mine.iter_mut().zip(theirs) {
                *a += b;
            }
        }
        add(&mut self.attachments, &other.attachments);
        add(&mut self.netdevs, &other.netdevs);
        add(&mut self.bridges, &other.bridges);
        add(&mut self.vlans, &other.vlans);
        add(&mut self.guards, &other.guards);
        add(&mut self.multicast, &other.multicast);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_has_one_outcome() {
        let mut c = AttachmentCounters::default();
        let verdicts = [Verdict::Forwarded, Verdict::Trapped]
            .into_iter()
            .chain(DropReason::ALL.iter().map(|r| Verdict::Dropped(*r)));
        for verdict in verdicts {
            c.frames_in += 1;
            c.count(verdict);
        }
        assert!(c.add_up());
        assert_eq!(*c.dropped, [1; DropReason::COUNT]);
    }

    #[test]
    fn workers_sum() {
        let one = Counters {
            netdevs: vec![NetdevCounters {
                rx_packets: 2,
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut sum = Counters::default();
        sum += &one;
        sum += &one;
        assert_eq!(sum.netdevs[0].rx_packets, 4);
    }
}
