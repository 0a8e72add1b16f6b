//! What a reason or a piece of advice may refer to: names, and what was found out on the way to it.

use super::hop_of;
use crate::netdev::{Kind, Network};
use crate::switch::NetdevId;
use crate::switch::macvlan::Mode;
use crate::switch::plan::PortState;
use crate::switch::trace::{Found, Hop, Note, Trace, Way};
use crate::wire::{Ethernet, MacAddr, Vid};

/// Hops that are looked back: VLAN devices on each other are at most eight.
const FAR: usize = 16;

/// One hop of a trace, and the network it was in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) network: &'a Network,
    pub(super) trace: &'a Trace,
    /// The notes of each hop.
    pub(super) notes: &'a [Vec<Note>],
    pub(super) octets: &'a [u8],
    /// The hop.
    pub(super) hop: u32,
    /// Where it ends, which may be one netdev on.
    pub(super) at: NetdevId,
}

impl<'a> Scene<'a> {
    /// Returns a netdev's name, its namespace first if it is not the script's own.
    pub(super) fn name(&self, id: NetdevId) -> String {
        crate::control::summary::label(self.network, id)
    }

    /// Returns a netdev's name as commands of its namespace know it.
    pub(super) fn bare(&self, id: NetdevId) -> &'a str {
        &self.network.netdev(id).name
    }

    /// Returns a command that is to be given in the namespace of a netdev.
    pub(super) fn command(&self, program: &str, id: NetdevId, rest: &str) -> String {
        let ns = self.network.netdev(id).ns;
        match self.network.namespace_name(ns) {
            Some(ns) => format!("{program} -n {ns} {rest}"),
            None => format!("{program} {rest}"),
        }
    }

    /// Returns the hops from this one back, as far as anything of them can matter.
    fn back(&self) -> impl Iterator<Item = (u32, &'a Hop)> + use<'a> {
        let trace = self.trace;
        let first = hop_of(trace, self.hop).map(|hop| (self.hop, hop));
        std::iter::successors(first, |(_, hop)| {
            let from = hop.from?;
            Some((from, hop_of(trace, from)?))
        })
        .take(FAR)
    }

    /// Returns what was noted at a hop.
    fn notes(&self, hop: u32) -> impl Iterator<Item = &'a Note> + use<'a> {
        self.notes.get(hop as usize).into_iter().flatten()
    }

    /// Returns the last of the things that notes say, on the way back to the bridge that the copy was in last.
    fn last<T>(&self, mut said: impl FnMut(&Note) -> Option<T>) -> Option<T> {
        for (at, hop) in self.back() {
            let found = self.notes(at).filter_map(&mut said).last();
            if found.is_some() || matches!(hop.way, Way::Relays { .. }) {
                return found;
            }
        }
        None
    }

    /// Returns the bridge that the copy was in last, and the port that it came in by.
    fn relay(&self) -> Option<(NetdevId, Option<NetdevId>)> {
        self.back().find_map(|(_, hop)| match hop.way {
            Way::Relays { port } => Some((hop.netdev, Some(port))),
            _ => {
                let bridge = self.network.netdev(hop.netdev).bridge();
                bridge.map(|_| (hop.netdev, None))
            }
        })
    }

    /// Returns that bridge, or where the copy ends.
    pub(super) fn bridge(&self) -> NetdevId {
        self.relay().map_or(self.at, |(bridge, _)| bridge)
    }

    /// Returns the port that the copy came into that bridge by, or the bridge, whose stack sent it.
    pub(super) fn ingress(&self) -> NetdevId {
        self.relay()
            .map_or(self.at, |(bridge, port)| port.unwrap_or(bridge))
    }

    /// Returns the port that the destination is behind.
    pub(super) fn egress(&self) -> NetdevId {
        let port = self.last(|note| match note {
            Note::Backup { port }
            | Note::Lookup {
                found: Found::Behind {
                    port: Some(port), ..
                },
                ..
            } => Some(*port),
            _ => None,
        });
        port.unwrap_or(self.at)
    }

    /// Returns the VLAN that the filter of that bridge put the frame in.
    pub(super) fn vid(&self) -> Option<Vid> {
        self.last(|note| match note {
            Note::Vlan { vid, .. } => Some(*vid),
            _ => None,
        })
    }

    /// Returns the macvlan that was to get the frame.
    pub(super) fn macvlan(&self) -> Option<NetdevId> {
        self.last(|note| match note {
            Note::MacvlanChild { child, .. } => Some(*child),
            _ => None,
        })
    }

    /// Returns a macvlan in source mode on the netdev that is down.
    pub(super) fn silent_source(&self) -> Option<NetdevId> {
        let mut uppers = self.network.netdev(self.at).uppers.iter();
        let silent = |id: &&NetdevId| {
            let source = self.network.macvlan(**id).map(|it| it.mode) == Some(Mode::Source);
            source && !self.network.netdev(**id).up
        };
        uppers.find(silent).copied()
    }

    /// Returns the VNI of the datagram, and its destination port.
    pub(super) fn vni(&self) -> Option<(u32, u16)> {
        self.last(|note| match note {
            Note::Vni { vni, port } | Note::VxlanPutIn { vni, port, .. } => Some((*vni, *port)),
            _ => None,
        })
    }

    /// Returns ` vid 10`, or nothing outside of VLANs.
    pub(super) fn vid_words(&self) -> String {
        self.vid()
            .map_or(String::new(), |vid| format!(" vid {vid}"))
    }

    /// Returns what lets frames of the VLAN through a port, or to the bridge itself: that it is a member, or, where
    /// it is one, that it forwards.
    pub(super) fn admit(&self, id: NetdevId) -> String {
        let (bridge, number) = match self.network.port(id) {
            Some((bridge, port)) => (bridge, Some(port.number)),
            None => (id, None),
        };
        let bridge = self.network.netdev(bridge).bridge();
        let is_member = |vid| bridge.is_some_and(|it| it.vlans.has(number, vid));
        let (name, own) = (self.bare(id), if number.is_none() { " self" } else { "" });
        let rest = match self.vid() {
            None => format!("vlan add dev {name} vid VID{own}"),
            Some(vid) if is_member(vid) => {
                format!("vlan set dev {name} vid {vid}{own} state 3")
            }
            Some(vid) => format!("vlan add dev {name} vid {vid}{own}"),
        };
        self.command("bridge", id, &rest)
    }

    /// Returns the same as the options of an FDB entry.
    pub(super) fn vlan_words(&self) -> String {
        self.vid()
            .map_or(String::new(), |vid| format!(" vlan {vid}"))
    }

    /// Returns what is needed to get a port out of its state.
    pub(super) fn open(&self, port: NetdevId) -> String {
        let Some((bridge, it)) = self.network.port(port) else {
            return "the port has left its bridge".to_owned();
        };
        let (name, own) = (self.bare(port), self.network.netdev(port));
        let up = |id: NetdevId| {
            let name = self.bare(id);
            self.command("ip", id, &format!("link set {name} up"))
        };
        let tree = self
            .network
            .netdev(bridge)
            .bridge()
            .is_some_and(|it| it.tree.stp());
        if !own.up {
            return up(port);
        }
        if !self.network.netdev(bridge).up {
            return up(bridge);
        }
        if !self.network.carrier(port) {
            return match &own.kind {
                Kind::Veth { peer } => up(*peer),
                _ => format!("plug something into {}: it has no carrier", self.name(port)),
            };
        }
        // The port is open, so it is the VLAN that is not.
        if let (PortState::Forwarding, Some(vid)) = (it.state, self.vid()) {
            let rest = format!("vlan set dev {name} vid {vid} state 3");
            return self.command("bridge", port, &rest);
        }
        match (it.state, tree) {
            (PortState::Blocking, true) => format!(
                "the spanning tree keeps {} out of use, because there is another way; make this one cost less ({}) or take the other away",
                self.name(port),
                self.command("bridge", port, &format!("link set dev {name} cost 1")),
            ),
            (PortState::Listening | PortState::Learning, true) => format!(
                "wait: {} forwards after twice the forward delay ({})",
                self.name(port),
                self.command(
                    "ip",
                    bridge,
                    &format!("link set {} type bridge forward_delay 2", self.bare(bridge))
                ),
            ),
            _ => self.command("bridge", port, &format!("link set dev {name} state 3")),
        }
    }

    /// Returns the addresses of the frame as it came in: destination, source.
    pub(super) fn addresses(&self) -> (MacAddr, MacAddr) {
        let frame = Ethernet::parse(self.octets).ok();
        frame.map_or((MacAddr::ZERO, MacAddr::ZERO), |it| {
            (it.destination(), it.source())
        })
    }

    /// Returns the netdev that a netdev stands on; itself if on none.
    pub(super) fn lower(&self) -> NetdevId {
        let netdev = self.network.netdev(self.at);
        netdev
            .kind
            .stacked()
            .map_or(self.at, |stacked| stacked.lower)
    }

    /// Returns a command that gives a netdev the MTU that a frame as long as this one needs.
    pub(super) fn raise_mtu(&self, id: NetdevId) -> String {
        // A tag does not count.
        let tagged = |octets: &[u8]| {
            let tag = octets.get(12..14);
            tag == Some(&[0x81, 0]) || tag == Some(&[0x88, 0xa8])
        };
        let header = 14 + if tagged(self.octets) { 4 } else { 0 };
        let mtu = self.octets.len().saturating_sub(header);
        let name = self.bare(id);
        self.command("ip", id, &format!("link set {name} mtu {mtu}"))
    }

    /// Returns notes of the hop about ports that a flood keeps the frame from.
    pub(super) fn kept(&self) -> impl Iterator<Item = &'a Note> + use<'a> {
        let relay = self.back().find(|(_, hop)| {
            matches!(hop.way, Way::Relays { .. })
                || self.network.netdev(hop.netdev).bridge().is_some()
        });
        let at = relay.map_or(self.hop, |(at, _)| at);
        self.notes(at)
            .filter(|note| matches!(note, Note::Kept { .. }))
    }
}
