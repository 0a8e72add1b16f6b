//! Whom a packet of a tunnel goes to: questions, answers, and who waits for them; and who is told that a group was
//! joined.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use super::{LIFETIME, MAX_QUESTIONS, MAX_WAITING, RETRANSMIT, first};
use crate::netdev::vxlan::group_mac;
use crate::netdev::{Netdev, Network};
use crate::switch::{NetdevId, Side};
use crate::time::Instant;
use crate::wire::{
    Arp, Datagram, ETHER_ARP, ETHER_IPV4, ETHER_IPV6, ETHERNET_HEADER, Ethernet, IPV4_HEADER,
    MacAddr, Neighbour, NeighbourKind, Sum,
};

#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Packets with all but their destination's address.
    pub(super) waiting: VecDeque<Vec<u8>>,
    pub(super) asked: u8,
    pub(super) due: Instant,
}

impl Network {
    /// A packet of a tunnel waits for its station's address. `octets` is the frame, all but that.
    pub fn receive_unresolved(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        let Some((ip, source)) = addresses(octets) else {
            return;
        };
        self.underlay.counts.waited += 1;
        if let Some(station) = self
            .netdev(id)
            .neighbours
            .get(&ip)
            .and_then(|it| it.station())
        {
            // The answer was faster than the packet.
            self.underlay.counts.sent += 1;
            return self.send_to(id, station, octets.to_vec());
        }
        let key = (id, ip);
        if let Some(question) = self.underlay.questions.get_mut(&key) {
            question.waiting.push_back(octets.to_vec());
            if question.waiting.len() > MAX_WAITING {
                question.waiting.pop_front();
                self.underlay.counts.crowded += 1;
            }
            return;
        }
        if self.underlay.questions.len() >= MAX_QUESTIONS {
            self.underlay.counts.crowded += 1;
            return;
        }
        let question = Question {
            waiting: VecDeque::from([octets.to_vec()]),
            asked: 1,
            due: now + RETRANSMIT,
        };
        self.underlay.questions.insert(key, question);
        self.ask(id, ip, source);
    }

    fn send_to(&mut self, id: NetdevId, station: MacAddr, mut frame: Vec<u8>) {
        if let Some(to) = frame.get_mut(..6) {
            to.copy_from_slice(&station.octets());
        }
        self.transmits.push_back((id, Side::Wire, frame));
    }

    /// Asks who has an address (`arp_solicit`, `ndisc_solicit`).
    pub(super) fn ask(&mut self, id: NetdevId, ip: IpAddr, source: IpAddr) {
        let mac = self.netdev(id).mac;
        let question = match (ip, source) {
            (IpAddr::V4(target), IpAddr::V4(source)) => Arp::request(mac, source, target).to_vec(),
            (IpAddr::V6(target), IpAddr::V6(source)) => {
                Neighbour::solicit(mac, source, target).to_vec()
            }
            _ => return,
        };
        self.transmits.push_back((id, Side::Wire, question));
    }

    /// ARP or neighbour discovery went up to the stack of a netdev below tunnels.
    pub fn receive_neighbour(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        let Ok(frame) = Ethernet::parse(octets) else {
            return;
        };
        let payload = octets.get(ETHERNET_HEADER..).unwrap_or_default();
        match frame.ether_type() {
            ETHER_ARP if self.netdev(id).arp => {
                if let Some(arp) = Arp::parse(payload) {
                    self.receive_arp(now, id, arp);
                }
            }
            ETHER_IPV6 => {
                if let Some(message) = Neighbour::parse(payload) {
                    self.receive_discovery(now, id, frame.source(), &message);
                }
            }
            _ => {}
        }
    }

    /// `arp_process`.
    fn receive_arp(&mut self, now: Instant, id: NetdevId, arp: Arp<'_>) {
        let (sender, target) = (arp.sender_ip(), arp.target_ip());
        let for_us = self.has_address(id, target.into());
        if !arp.sender().is_station() {
            return;
        }
        match arp.operation() {
            Arp::REQUEST if for_us => {
                let reply = arp.reply(self.netdev(id).mac);
                self.transmits.push_back((id, Side::Wire, reply.to_vec()));
                if !sender.is_unspecified() {
                    self.met(now, id, sender.into(), arp.sender());
                }
            }
            Arp::REQUEST | Arp::REPLY => self.heard(now, id, sender.into(), arp.sender()),
            _ => {}
        }
    }

    /// `ndisc_recv_ns`, `ndisc_recv_na`.
    fn receive_discovery(
        &mut self,
        now: Instant,
        id: NetdevId,
        from: MacAddr,
        message: &Neighbour<'_>,
    ) {
        let target = message.target();
        match message.kind() {
            NeighbourKind::Solicitation if self.has_address(id, target.into()) => {
                let mac = self.netdev(id).mac;
                if let Some(answer) = message.advertise(from, mac, false) {
                    self.transmits.push_back((id, Side::Wire, answer.to_vec()));
                }
                if !message.source().is_unspecified() && from.is_station() {
                    self.met(now, id, message.source().into(), from);
                }
            }
            NeighbourKind::Advertisement { .. } if from.is_station() => {
                self.heard(now, id, target.into(), from);
            }
            NeighbourKind::Solicitation | NeighbourKind::Advertisement { .. } => {}
        }
    }

    /// Whether some netdev of a netdev's namespace has an address; IPv6 is asked of the netdev alone.
    fn has_address(&self, id: NetdevId, ip: IpAddr) -> bool {
        let netdev = self.netdev(id);
        let has = |it: &Netdev| it.addresses.iter().any(|address| address.ip == ip);
        match ip {
            IpAddr::V4(_) => self.in_namespace(netdev.ns).any(has),
            IpAddr::V6(_) => has(netdev),
        }
    }

    /// A station told its address to whom it may concern: those that asked or know it already.
    fn heard(&mut self, now: Instant, id: NetdevId, ip: IpAddr, mac: MacAddr) {
        let known = self.underlay.good_until.contains_key(&(id, ip))
            || self.underlay.questions.contains_key(&(id, ip));
        if known {
            self.met(now, id, ip, mac);
        }
    }

    /// A station told its address to us.
    fn met(&mut self, now: Instant, id: NetdevId, ip: IpAddr, mac: MacAddr) {
        if self.learn_neighbour(now, id, ip, mac) {
            self.underlay.good_until.insert((id, ip), now + LIFETIME);
        }
        self.answered(id, ip, mac);
    }

    /// The station of an address is known: what waits for it goes.
    pub(in crate::netdev) fn answered(&mut self, id: NetdevId, ip: IpAddr, mac: MacAddr) {
        if let Some(question) = self.underlay.questions.remove(&(id, ip)) {
            self.underlay.counts.sent += question.waiting.len() as u64;
            for frame in question.waiting {
                self.send_to(id, mac, frame);
            }
        }
    }

    /// Tells that somebody joined a group (`igmpv3_send_cr`): a report of version 3, once. IPv6 tells
    /// nobody.
    pub(in crate::netdev) fn report_group(&mut self, id: NetdevId, group: IpAddr) {
        let IpAddr::V4(group) = group else {
            return;
        };
        let netdev = self.netdev(id);
        if !netdev.up {
            return;
        }
        let source = first(netdev, |ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let report = report(netdev.mac, source.unwrap_or(Ipv4Addr::UNSPECIFIED), group);
        self.transmits.push_back((id, Side::Wire, report));
    }
}

/// Returns destination and source of the IP packet in a frame.
pub(super) fn addresses(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let ether_type = Ethernet::parse(octets).ok()?.ether_type();
    let datagram = Datagram::parse(ether_type, octets.get(ETHERNET_HEADER..)?)?;
    Some((datagram.destination, datagram.source))
}

/// An IGMPv3 report that a group was joined, whoever sends (RFC 3376 section 4.2).
fn report(mac: MacAddr, source: Ipv4Addr, group: Ipv4Addr) -> Vec<u8> {
    const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
    const ALL: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
    let mut igmp = vec![0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0];
    igmp.extend(group.octets());
    let sum = Sum::default().with(&igmp).checksum();
    igmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut ip = vec![0x46, 0xc0, 0, 0, 0, 0, 0x40, 0, 1, 2, 0, 0];
    ip.extend([source.octets(), ALL.octets(), ROUTER_ALERT].concat());
    let total = u16::try_from(ip.len() + igmp.len()).unwrap_or(0);
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    let sum = Sum::default().with(&ip).checksum();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    debug_assert!(ip.len() == IPV4_HEADER + ROUTER_ALERT.len());
    let mut frame = [group_mac(ALL.into()).octets(), mac.octets()].concat();
    frame.extend(ETHER_IPV4.to_be_bytes());
    frame.extend(ip);
    frame.extend(igmp);
    frame
}
