//! The frames that go through every device kind, the same for each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;

use super::lab::{Lab, Role};
use super::reach::echo;
use crate::attach::capture::{CaptureError, CaptureReader, Direction};
use crate::wire::{Arp, ETHER_ARP, ETHER_IPV4, ETHERNET_HEADER, Ethernet, Ipv4, MacAddr};

/// Frames that are taken of captures, all together.
pub const FRAMES_MAX: usize = 1_000_000;

/// Octets of them.
pub const OCTETS_MAX: usize = 256 << 20;

/// IP addresses that the hosts have of captures, all together.
pub const ADDRESSES_MAX: usize = 1_024;

/// Frames of captures, whose sources are dealt to hosts.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    frames: Vec<Vec<u8>>,
    /// The sources, in the order in which they appear.
    sources: HashMap<MacAddr, usize>,
    /// The IPv4 addresses of each source.
    addresses: Vec<Vec<Ipv4Addr>>,
    owned: HashSet<Ipv4Addr>,
}

/// Why captures cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum CapturedError {
    /// One cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// There is too much in them.
    #[error("{0}: more than {FRAMES_MAX} frames or {OCTETS_MAX} octets are not compared")]
    TooMuch(String),
}

impl Captured {
    /// Reads a capture to its end. Frames that left by the interface are not taken, nor runts, nor those that
    /// no station can have sent.
    ///
    /// # Errors
    /// [`CapturedError`].
    pub fn read(&mut self, mut reader: CaptureReader) -> Result<(), CapturedError> {
        let file = reader.file().to_owned();
        let mut octets: usize = self.frames.iter().map(Vec::len).sum();
        while let Some(record) = reader.read()? {
            if record.direction == Some(Direction::Outbound) {
                continue;
            }
            let Ok(frame) = Ethernet::parse(record.octets) else {
                continue;
            };
            let source = frame.source();
            if !source.is_station() {
                continue;
            }
            octets += record.octets.len();
            if self.frames.len() == FRAMES_MAX || octets > OCTETS_MAX {
                return Err(CapturedError::TooMuch(file));
            }
            let next = self.sources.len();
            let index = *self.sources.entry(source).or_insert(next);
            if index == next {
                self.addresses.push(Vec::new());
            }
            if let Some(ip) = sender_ip(record.octets)
                && self.owned.len() < ADDRESSES_MAX
                && self.owned.insert(ip)
            {
                self.addresses[index].push(ip);
            }
            self.frames.push(record.octets.to_vec());
        }
        Ok(())
    }

    /// Returns how many frames there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns how many sources there are.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Deals IPv4 addresses to so many children: those of every source that is a child's.
    #[must_use]
    pub fn addresses(&self, children: u8) -> Vec<Vec<Ipv4Addr>> {
        let mut dealt = vec![Vec::new(); usize::from(children)];
        for (source, addresses) in self.addresses.iter().enumerate() {
            // One more is outside.
            if let Some(mine) = dealt.get_mut(source % (usize::from(children) + 1)) {
                mine.extend(addresses);
            }
        }
        dealt
    }
}

/// The address that the sender of a frame says it has.
fn sender_ip(octets: &[u8]) -> Option<Ipv4Addr> {
    let frame = Ethernet::parse(octets).ok()?;
    let payload = &octets[ETHERNET_HEADER..];
    let ip = match frame.ether_type() {
        ETHER_ARP => Arp::parse(payload)?.sender_ip(),
        ETHER_IPV4 => Ipv4::parse(payload)?.source(),
        _ => return None,
    };
    (!ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast() && !ip.is_loopback())
        .then_some(ip)
}

/// The frames of one comparison, with the stations (by index) that send them.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// In the order in which they are sent.
    pub frames: Vec<(usize, Vec<u8>)>,
    /// Frames of captures between sources that are the same station here: they do not leave it.
    pub inside: u64,
}

/// Returns the stations that send: children first, then the one outside, then the host.
fn senders(lab: &Lab, roles: &[Role]) -> Vec<usize> {
    let of = |role| {
        let stations = lab.stations.iter().enumerate();
        stations
            .filter(move |(_, it)| it.role == role)
            .map(|(index, _)| index)
    };
    roles.iter().flat_map(|role| of(*role)).collect()
}

impl Workload {
    /// Makes it of what hosts say when they start to talk: each announces itself (gratuitous ARP), and asks
    /// each other one (ARP request), which answers (reply) and gets an echo request. All of it is sent,
    /// heard or not.
    #[must_use]
    pub fn ordinary(lab: &Lab) -> Self {
        let all = senders(lab, &[Role::Child, Role::Outside, Role::Host]);
        let station = |index: usize| &lab.stations[index];
        let mut frames = Vec::new();
        for from in &all {
            let it = station(*from);
            frames.push((*from, Arp::request(it.mac, it.ip, it.ip).to_vec()));
        }
        for from in &all {
            for to in all.iter().filter(|to| *to != from) {
                let (a, b) = (station(*from), station(*to));
                let request = Arp::request(a.mac, a.ip, b.ip);
                let asked = Arp::parse(&request[ETHERNET_HEADER..]).expect("it was just made");
                frames.extend([
                    (*from, request.to_vec()),
                    (*to, asked.reply(b.mac).to_vec()),
                    (*from, echo(a, b.mac, b, true)),
                ]);
            }
        }
        Self { frames, inside: 0 }
    }

    /// Makes it of captures: their sources are dealt to the children and the station outside in turn, in the
    /// order in which they appear, and addresses in Ethernet headers become those of the stations (of
    /// destinations, if they are sources, too). Where the children are fewer than asked for, they are dealt to those.
    #[must_use]
    pub fn captured(lab: &Lab, captured: &Captured) -> Self {
        let all = senders(lab, &[Role::Child, Role::Outside]);
        let dealt = |mac: MacAddr| {
            let source = captured.sources.get(&mac)?;
            Some(all[source % all.len()])
        };
        let mut workload = Self::default();
        for octets in &captured.frames {
            let frame = Ethernet::parse(octets).expect("runts were left out");
            let from = dealt(frame.source()).expect("every source was noted");
            let mut octets = octets.clone();
            octets[6..12].copy_from_slice(&lab.stations[from].mac.octets());
            if let Some(to) = dealt(frame.destination()) {
                if to == from {
                    workload.inside += 1;
                    continue;
                }
                octets[..6].copy_from_slice(&lab.stations[to].mac.octets());
            }
            workload.frames.push((from, octets));
        }
        workload
    }

    /// Sends it.
    pub fn send(&self, lab: &mut Lab) {
        for (from, frame) in &self.frames {
            lab.send(*from, frame);
        }
    }
}

/// One frame over and over, by who sends it to whom, for a measurement.
#[must_use]
pub fn flows(lab: &Lab) -> BTreeMap<Flow, Vec<(usize, Vec<u8>)>> {
    let of = |role| senders(lab, &[role]);
    let (children, outside) = (of(Role::Child), of(Role::Outside));
    let mut flows: BTreeMap<Flow, Vec<_>> = BTreeMap::new();
    let mut add = |flow, from: usize, to: usize| {
        let (a, b) = (&lab.stations[from], &lab.stations[to]);
        let frame = echo(a, b.mac, b, true);
        flows.entry(flow).or_default().push((from, frame));
    };
    for from in &children {
        for to in children.iter().filter(|to| *to != from) {
            add(Flow::Sibling, *from, *to);
        }
        for out in &outside {
            add(Flow::Outward, *from, *out);
            add(Flow::Inward, *out, *from);
        }
    }
    for from in &children {
        let it = &lab.stations[*from];
        let frame = Arp::request(it.mac, it.ip, super::kind::OUTSIDE_IP).to_vec();
        flows
            .entry(Flow::Broadcast)
            .or_default()
            .push((*from, frame));
    }
    flows
}

/// Frames alike, as far as their way is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// From a child to another.
    Sibling,
    /// From a child to the station outside.
    Outward,
    /// From the station outside to a child.
    Inward,
    /// An ARP request of a child.
    Broadcast,
}

impl Flow {
    /// All flows, in order.
    pub const ALL: [Self; 4] = [Self::Sibling, Self::Outward, Self::Inward, Self::Broadcast];

    /// Returns the key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sibling => "child_to_sibling",
            Self::Outward => "child_to_outside",
            Self::Inward => "outside_to_child",
            Self::Broadcast => "arp_request",
        }
    }

    /// Returns what it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sibling => "child → sibling",
            Self::Outward => "child → outside",
            Self::Inward => "outside → child",
            Self::Broadcast => "ARP request of a child",
        }
    }
}
