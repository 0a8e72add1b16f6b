//! The network of one device kind, and what becomes of the frames that its stations send.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Serialize, Serializer};

use super::kind::{Device, DeviceKind, HOST_IP, OUTSIDE_IP, PARENT_IP, Scripts, child_ip};
use crate::iproute::script::Script;
use crate::netdev::{Kind, NetdevId, Network};
use crate::replay::{Engine, Event, Sink};
use crate::switch::{AttachmentId, DropReason, Lost, PacketType, Verdict};
use crate::time::{Duration, Instant};
use crate::wire::{Ethernet, MacAddr};

/// Which part a station has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The machine's own stack.
    Host,
    /// The stack of the NIC itself, where that is not the machine's own.
    Parent,
    /// A host (a container, say) that the device joins to the others.
    Child,
    /// A station on the wire.
    Outside,
}

/// A stack that sends and hears.
#[derive(Clone, Debug, Serialize)]
pub struct Station {
    /// `host`, `parent`, `c1`, …, `out`.
    pub name: String,
    /// Its part.
    pub role: Role,
    /// Its address.
    #[serde(serialize_with = "as_text")]
    pub mac: MacAddr,
    /// Its IP address.
    pub ip: Ipv4Addr,
    /// It asks by ARP, and answers.
    pub arp: bool,
    /// Where it is attached.
    #[serde(skip)]
    pub at: AttachmentId,
}

fn as_text<S: Serializer>(mac: &MacAddr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mac)
}

/// What became of one frame.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The outcome.
    pub verdict: Verdict,
    /// Why copies of it did not get out.
    pub lost: Vec<DropReason>,
    /// Stations (by index) that heard it, and whether it is for them (not `PACKET_OTHERHOST`).
    pub heard: Vec<(usize, bool)>,
}

impl Fate {
    /// Whether a station got it as one of its own frames.
    #[must_use]
    pub fn reached(&self, station: usize) -> bool {
        self.heard.contains(&(station, true))
    }
}

/// The frames of one sort (to all, to a group, to one station).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// Frames sent.
    pub frames: u64,
    /// Copies of them that a station got as its own.
    pub deliveries: u64,
    /// Copies of them that a station's netdev got although they are for somebody else.
    pub overheard: u64,
}

/// What was counted of the frames that went through, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Frames to all.
    pub broadcast: Sort,
    /// Frames to a group.
    pub multicast: Sort,
    /// Frames to one station.
    pub unicast: Sort,
    /// Frames that the machine's NIC sent to the LAN.
    pub wire_out: u64,
    /// Frames that it got from there.
    pub wire_in: u64,
    /// Frames that the machine's bridge flooded.
    pub floods: u64,
    /// What the machine's bridge wrote to its FDB: stations learned and moved.
    pub fdb_writes: u64,
    /// Stations that the machine's device knows because it learned them.
    pub learned: u64,
    /// Stations or addresses that it knows because commands said so.
    pub configured: u64,
    /// Stations that the switch in the LAN has learned behind the machine's port.
    pub lan_learned: u64,
    /// Frames that went nowhere, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Single copies that went nowhere, by reason.
    pub copies_lost: BTreeMap<&'static str, u64>,
}

impl Figures {
    /// Returns how many frames were sent.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.broadcast.frames + self.multicast.frames + self.unicast.frames
    }

    /// Returns how many of them went nowhere.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// Why a network cannot be compared, which is a mistake of this module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {why}")]
pub struct LabError {
    /// What was to be compared.
    pub kind: String,
    /// What a command said.
    pub why: String,
}

/// A network that runs.
#[derive(Debug)]
pub struct Lab {
    /// What it is made of.
    pub kind: DeviceKind,
    /// Who is in it.
    pub stations: Vec<Station>,
    /// Which child was refused first, and in which words.
    pub refused: Option<String>,
    /// What made it, without what was refused.
    pub script: String,
    engine: Engine,
    by_attachment: BTreeMap<AttachmentId, usize>,
    nic: NetdevId,
    figures: Figures,
}

/// Remembers what the frame sent last came to, and which command failed.
#[derive(Default)]
struct Watch {
    copies: Vec<(AttachmentId, PacketType)>,
    fate: Option<(Verdict, Vec<DropReason>)>,
    failed: Option<String>,
}

impl Sink for Watch {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Frame { verdict, lost, .. } => {
                let reasons = lost.iter().map(|Lost { reason, .. }| *reason);
                self.fate = Some((verdict, reasons.collect()));
            }
            Event::Copy { egress, kind, .. } => self.copies.push((egress, kind)),
            Event::Command { item, reply } if reply.status != 0 => {
                let words = reply.stderr.lines().next().unwrap_or_default();
                let text = format!("{}: {words}", item.text);
                self.failed.get_or_insert(text);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Lab {
    /// Makes the network of a kind with so many children, as far as they are not refused. `more` are addresses that
    /// children have beside their own.
    ///
    /// # Errors
    /// A command failed that does not depend on the device kind.
    pub fn new(kind: DeviceKind, children: u8, more: &[Vec<Ipv4Addr>]) -> Result<Self, LabError> {
        let wrong = |why: String| LabError {
            kind: kind.to_string(),
            why,
        };
        let parse = |text: &str| {
            let text = format!("set -e\n{text}");
            Script::parse("compare", &text).map_err(|error| wrong(error.to_string()))
        };
        let scripts = Scripts { kind, prefix: "" };
        let mut script = scripts.base();
        let mut engine = Engine::new(&parse(&script)?);
        let mut watch = Watch::default();
        _ = engine.run_setup(&mut watch);
        if let Some(failed) = watch.failed {
            return Err(wrong(failed));
        }
        let (mut refused, mut made) = (None, 0);
        for number in 1..=children {
            let none = Vec::new();
            let more = more.get(usize::from(number) - 1).unwrap_or(&none);
            let child = scripts.child(number, more);
            let mut watch = Watch::default();
            _ = engine.execute(&parse(&child)?, &mut watch);
            if let Some(failed) = watch.failed {
                refused = Some(failed);
                break;
            }
            script.push_str(&child);
            made = number;
        }
        let network = engine.network();
        let find = |name: &str| network.find_attachment(name);
        let mut stations = Vec::new();
        let mut add = |name: String, role, attachment: &str, ip| -> Result<(), LabError> {
            let at = find(attachment).map_err(|error| wrong(error.to_string()))?;
            let netdev = network.netdev(network.attachments()[at.index()].netdev);
            stations.push(Station {
                name,
                role,
                mac: netdev.mac,
                ip,
                arp: netdev.arp,
                at,
            });
            Ok(())
        };
        match kind.device {
            Device::Hub | Device::Bridge => {
                add("host".into(), Role::Host, "host/br0", HOST_IP)?;
                add("parent".into(), Role::Parent, "host/up0", PARENT_IP)?;
            }
            Device::Macvlan(_) | Device::Ipvlan(..) => {
                add("host".into(), Role::Host, "host/up0", HOST_IP)?;
            }
        }
        for number in 1..=made {
            let name = format!("c{number}");
            let attachment = format!("{name}/eth0");
            add(name, Role::Child, &attachment, child_ip(number))?;
        }
        add("out".into(), Role::Outside, "out/eth0", OUTSIDE_IP)?;
        let nic = find("host/up0").map_err(|error| wrong(error.to_string()))?;
        let nic = network.attachments()[nic.index()].netdev;
        let by_attachment = (0..).zip(&stations).map(|(index, it)| (it.at, index));
        Ok(Self {
            by_attachment: by_attachment.collect(),
            kind,
            stations,
            refused,
            script,
            engine,
            nic,
            figures: Figures::default(),
        })
    }

    /// Lets a station send a frame, a millisecond after what was before, and returns what became of it.
    pub fn send(&mut self, from: usize, frame: &[u8]) -> Fate {
        let mut watch = Watch::default();
        let later = self.engine.now() + Duration::from_millis(1);
        let at = self.stations[from].at;
        // A Watch takes everything.
        _ = self.engine.advance_to(later, &mut ());
        _ = self.engine.inject(at, &[frame], &mut watch);
        let (verdict, lost) = watch.fate.expect("a frame that comes in has a verdict");
        let heard = watch.copies.iter().filter_map(|(at, kind)| {
            let station = *self.by_attachment.get(at)?;
            Some((station, *kind != PacketType::OtherHost))
        });
        let fate = Fate {
            verdict,
            lost,
            heard: heard.collect(),
        };
        self.count(frame, &fate);
        fate
    }

    fn count(&mut self, frame: &[u8], fate: &Fate) {
        let figures = &mut self.figures;
        let sort = match Ethernet::parse(frame).map(|frame| frame.destination()) {
            Ok(mac) if mac.is_broadcast() => &mut figures.broadcast,
            Ok(mac) if mac.is_group() => &mut figures.multicast,
            _ => &mut figures.unicast,
        };
        sort.frames += 1;
        let own = fate.heard.iter().filter(|(_, own)| *own).count() as u64;
        sort.deliveries += own;
        sort.overheard += fate.heard.len() as u64 - own;
        if let Verdict::Dropped(reason) = fate.verdict {
            *figures.dropped.entry(reason.name()).or_default() += 1;
        }
        for reason in &fate.lost {
            *figures.copies_lost.entry(reason.name()).or_default() += 1;
        }
    }

    /// Returns what was counted so far, and what the tables have.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (network, now) = (self.engine.network(), self.engine.now());
        let counters = self.engine.counters();
        let mut figures = self.figures.clone();
        let nic = &counters.netdevs[self.nic.index()];
        (figures.wire_out, figures.wire_in) = (nic.tx_packets, nic.rx_packets);
        for netdev in network.netdevs().iter().filter(|netdev| netdev.alive) {
            match &netdev.kind {
                Kind::Macvlan(_) => figures.configured += 1,
                Kind::Ipvlan(_) => {
                    let ipv4 = netdev.addresses.iter();
                    figures.configured +=
                        ipv4.filter(|it| matches!(it.ip, IpAddr::V4(_))).count() as u64;
                }
                Kind::Bridge(bridge) => {
                    let counts = &counters.bridges[netdev.id.index()];
                    let lan = network.namespace_name(netdev.ns) == Some("lan");
                    for (_, entry) in bridge.fdb.dump(now, bridge.hold()) {
                        let port = entry.port.and_then(|number| bridge.port(number));
                        let port = port.map(|port| network.netdev(port.netdev).name.as_str());
                        let learned = entry.flags.ages() && !entry.flags.local;
                        match (lan, learned) {
                            (true, true) => figures.lan_learned += u64::from(port == Some("nic")),
                            (true, false) => {}
                            (false, true) => figures.learned += 1,
                            (false, false) => figures.configured += 1,
                        }
                    }
                    if !lan {
                        figures.fdb_writes += counts.learned + counts.moved;
                        figures.floods += counts.flooded_unknown
                            + counts.flooded_multicast
                            + counts.flooded_broadcast;
                    }
                }
                _ => {}
            }
        }
        figures
    }

    /// Returns the engine, to measure what its plan costs.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
}
