//! Cables: two netdevs of which each sends what the other receives, whatever it is.
//!
//! A bridge, with whatever masks, keeps pause frames and frames with an invalid source; a cable keeps
//! nothing. Not one octet changes, nothing is learned, nothing is said: what is plugged in at one end
//! sees what is plugged in at the other, and no switch in between. Linux does it with
//! `tc filter … matchall action mirred egress redirect` on either side.
//!
//! A cable comes before everything else that looks at received frames, so its ends are ports of no bridge
//! and nothing stands on them.

use super::{Errno, Kind, Network, Refusal};
use crate::switch::NetdevId;

impl Network {
    /// Lays a cable between two netdevs.
    ///
    /// # Errors
    /// `EINVAL` for a loopback or a netdev and itself, `EBUSY` where an end has another handler, netdevs
    /// on it, or a cable. Nothing changed then.
    pub fn add_cable(&mut self, ends: [NetdevId; 2]) -> Result<(), Refusal> {
        let [one, other] = ends;
        if one == other {
            let note = "a cable has two ends, which are different netdevs";
            return Err(Refusal::new(Errno::Invalid, note));
        }
        for id in ends {
            let netdev = self.netdev(id);
            if matches!(netdev.kind, Kind::Loopback) {
                let note = "a loopback carries no Ethernet";
                return Err(Refusal::new(Errno::Invalid, note));
            }
            self.check_handler(id)?;
            if let Some(upper) = netdev.uppers.first() {
                let upper = &self.netdev(*upper).name;
                let note = format!("{upper} stands on {}, and would get no frame", netdev.name);
                return Err(Refusal::new(Errno::Busy, note));
            }
        }
        self.netdev_mut(one).cable = Some(other);
        self.netdev_mut(other).cable = Some(one);
        self.touch();
        Ok(())
    }

    /// Takes the cable of a netdev away, both ends.
    ///
    /// # Errors
    /// `ENOENT` if it has none.
    pub fn delete_cable(&mut self, id: NetdevId) -> Result<(), Refusal> {
        if self.netdev(id).cable.is_none() {
            let note = format!("{} is no end of a cable", self.netdev(id).name);
            return Err(Refusal::new(Errno::NoEntry, note));
        }
        self.drop_cable(id);
        Ok(())
    }

    /// The cable of a netdev that goes away, if it has one.
    pub(super) fn drop_cable(&mut self, id: NetdevId) {
        if let Some(other) = self.netdev_mut(id).cable.take() {
            self.netdev_mut(other).cable = None;
            self.touch();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netdev::NamespaceId;
    use crate::netdev::link::NewLink;
    use crate::switch::{Counters, DropReason, Egress, Verdict, forward};
    use crate::time::Instant;

    const NOW: Instant = Instant::from_secs(1);

    fn taps(network: &mut Network) -> [NetdevId; 2] {
        ["p1", "p2"].map(|name| {
            let id = network
                .add_tap(NamespaceId::OWN, name)
                .expect("a free name");
            network.set_up(NOW, id, true).expect("a TAP");
            id
        })
    }

    fn send(network: &Network, at: &str, octets: &[u8]) -> (Verdict, Vec<(String, Vec<u8>)>) {
        let ingress = network.find_attachment(at).expect("an attachment");
        let (mut counters, mut egress) = (Counters::default(), Egress::default());
        forward(
            &network.plan(),
            NOW,
            ingress,
            &[octets],
            &mut counters,
            &mut egress,
        );
        let name = |id: crate::switch::AttachmentId| network.attachments()[id.index()].name.clone();
        let copies = egress
            .queues()
            .flat_map(|(id, copies)| copies.map(move |copy| (id, *copy)));
        let copies = copies.map(|(id, copy)| (name(id), egress.pieces(copy.edit, octets).concat()));
        (egress.verdicts()[0], copies.collect())
    }

    #[test]
    fn whatever_comes_in_at_one_end_leaves_by_the_other() {
        let mut network = Network::default();
        let ends = taps(&mut network);
        network.add_cable(ends).expect("two TAPs");
        let mut frames = Vec::new();
        // All 16 reserved addresses; sources that no station has; tags whole, cut and unknown.
        for last in 0..16 {
            frames.push(
                [
                    &[1, 0x80, 0xc2, 0, 0, last, 2, 0, 0, 0, 0, 1, 0x88, 0x08][..],
                    &[0; 46],
                ]
                .concat(),
            );
        }
        for source in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            frames.push([&[0xff; 6][..], &source, &[8, 0]].concat());
        }
        for rest in [
            &[0x81, 0, 0, 10, 8, 0][..],
            &[0x81, 0, 0],
            &[0x88, 0xa8],
            &[0x91, 0, 0, 1],
        ] {
            frames.push([&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1][..], rest].concat());
        }
        frames.push([&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0][..], &[7; 9_000]].concat());
        for frame in frames {
            for (from, to) in [("p1", "p2"), ("p2", "p1")] {
                let (verdict, copies) = send(&network, from, &frame);
                assert_eq!(verdict, Verdict::Forwarded, "{frame:x?}");
                assert_eq!(copies, [(to.to_owned(), frame.clone())]);
            }
        }
        let short = [0; 13];
        assert_eq!(
            send(&network, "p1", &short).0,
            Verdict::Dropped(DropReason::Runt)
        );
        network.set_up(NOW, ends[1], false).expect("a TAP");
        let down = Verdict::Dropped(DropReason::NetdevDown);
        assert_eq!(send(&network, "p1", &[0; 60]).0, down);
        network.delete_cable(ends[1]).expect("the other end");
        let (_, copies) = send(&network, "p1", &[0; 60]);
        assert_eq!(copies, [("p1@stack".to_owned(), vec![0; 60])]);
    }

    #[test]
    fn ends_are_nothing_else() {
        let mut network = Network::default();
        let ends = taps(&mut network);
        let [one, other] = ends;
        let errno = |done: Result<(), Refusal>| done.expect_err("refused").errno;
        let lo = network.find(NamespaceId::OWN, "lo").expect("a loopback");
        assert_eq!(errno(network.add_cable([one, one])), Errno::Invalid);
        assert_eq!(errno(network.add_cable([one, lo])), Errno::Invalid);
        assert_eq!(errno(network.delete_cable(one)), Errno::NoEntry);
        let br0 = network
            .add_bridge(NOW, NewLink::default())
            .expect("a bridge");
        network.set_master(NOW, one, Some(br0)).expect("a port");
        assert_eq!(errno(network.add_cable(ends)), Errno::Busy);
        network.set_master(NOW, one, None).expect("none");
        network.add_cable(ends).expect("two TAPs");
        assert_eq!(errno(network.add_cable(ends)), Errno::Busy);
        assert_eq!(
            errno(network.set_master(NOW, other, Some(br0))),
            Errno::Busy
        );
        network.delete(NOW, one).expect("a TAP");
        network
            .set_master(NOW, other, Some(br0))
            .expect("the cable is gone");
    }
}
