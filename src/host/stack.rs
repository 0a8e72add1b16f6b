//! A host's IP: frames to packets and back, as `arp_process`, `ip_rcv` and `ip_output` do it.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::icmp::{Failure, Message, Quoted};
use super::interface::{Interface, Route, Way, route};
use super::neighbours::{Due, Heard, Neighbours, Resolved};
use super::packet::{ICMP, ICMPV6, Packet, Reassembly, TCP, UDP};
use crate::time::Instant;
use crate::wire::{
    Arp, ETHER_ARP, ETHERNET_HEADER, Ethernet, MacAddr, Neighbour, NeighbourKind, UDP_HEADER,
};

/// Frames and packets that a host takes in one instant; what comes then is lost, as from a ring that is full.
pub const MAX_IN_AN_INSTANT: u32 = 128;

/// The number of the host's way to itself.
pub(super) const LOOPBACK: u32 = u32::MAX;

/// The port of the echo service (RFC 862).
pub(super) const ECHO: u16 = 7;

/// What a program may want to know.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// An answer to an echo: the packet, identifier, number, and octets of its data.
    Echo(Packet, u16, u16, usize),
    /// A packet of ours did not arrive, says this address.
    Failed(IpAddr, Failure, Quoted),
    /// An answer of ARP: by which interface, of whom, and whether to us alone.
    Arp(u32, MacAddr, Ipv4Addr, bool),
    /// A datagram to a port that a program listens at, without its header: ports of source and destination.
    Udp(Packet, u16, u16),
    /// A segment.
    Tcp(Packet),
}

/// Why a packet cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendError {
    /// `ENETUNREACH`.
    NoRoute,
    /// `EMSGSIZE`, with the MTU.
    TooLong(u32),
}

#[derive(Debug, Default)]
pub(super) struct Stack {
    pub(super) interfaces: Vec<Interface>,
    /// Its loopback is up.
    pub(super) loopback: bool,
    pub(super) routes: Vec<Route>,
    neighbours: Neighbours,
    reassembly: Reassembly,
    /// Whether it passes on what is for others: IPv4, IPv6.
    pub(super) forwarding: [bool; 2],
    /// Ports of UDP that programs listen at.
    pub(super) udp_ports: Vec<u16>,
    ident: u32,
    out: VecDeque<(u32, Vec<u8>)>,
    /// Packets from the host to itself.
    looped: VecDeque<Packet>,
    pub(super) news: VecDeque<News>,
    /// What it took in this instant.
    taken: (Instant, u32),
    pub(super) lost: u64,
}

impl Stack {
    pub(super) fn configure(&mut self, interfaces: Vec<Interface>, loopback: bool) {
        for old in &self.interfaces {
            let same = |it: &Interface| it.id == old.id && it.mac == old.mac;
            if !interfaces.iter().any(same) {
                self.neighbours.forget(old.id);
            }
        }
        let there = |route: &Route| interfaces.iter().any(|it| it.id == route.interface);
        self.routes.retain(there);
        self.interfaces = interfaces;
        self.loopback = loopback;
    }

    pub(super) fn interface(&self, id: u32) -> Option<&Interface> {
        self.interfaces.iter().find(|it| it.id == id)
    }

    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        let loopback = self.loopback
            && match ip {
                IpAddr::V4(ip) => ip.is_loopback(),
                IpAddr::V6(ip) => ip.is_loopback(),
            };
        let mut addresses = self.interfaces.iter().flat_map(|it| &it.addresses);
        loopback || addresses.any(|it| it.ip == ip)
    }

    /// Finds the way to an address, and the source for it.
    pub(super) fn route(&self, destination: IpAddr, by: Option<u32>) -> Option<Way> {
        if self.is_local(destination) {
            return Some(Way {
                interface: LOOPBACK,
                next: destination,
                source: Some(destination),
            });
        }
        route(&self.interfaces, &self.routes, destination, by)
    }

    pub(super) fn is_broadcast(&self, ip: Ipv4Addr) -> bool {
        self.interfaces.iter().any(|it| it.is_broadcast(ip))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.neighbours.poll_timeout()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(u32, Vec<u8>)> {
        self.out.pop_front()
    }

    /// Whether it takes one more in this instant.
    fn admits(&mut self, now: Instant) -> bool {
        if self.taken.0 != now {
            self.taken = (now, 0);
        }
        let admits = self.taken.1 < MAX_IN_AN_INSTANT;
        self.taken.1 += u32::from(admits);
        self.lost += u64::from(!admits);
        admits
    }

    /// Whether a frame is for this host, or for many.
    pub(super) fn hears(&self, id: u32, octets: &[u8]) -> bool {
        let (interface, frame) = (self.interface(id), Ethernet::parse(octets));
        let for_us = |to: MacAddr, mac: MacAddr| to == mac || to.is_group();
        matches!((interface, frame), (Some(it), Ok(frame)) if for_us(frame.destination(), it.mac))
    }

    /// Takes a frame.
    pub(super) fn receive(&mut self, now: Instant, id: u32, octets: &[u8]) {
        let Some(interface) = self.interface(id) else {
            return;
        };
        let Ok(frame) = Ethernet::parse(octets) else {
            return;
        };
        let (to, mac) = (frame.destination(), interface.mac);
        // What goes by for others is nobody's (`PACKET_OTHERHOST`).
        if (to != mac && !to.is_group()) || !self.admits(now) {
            return;
        }
        let payload = &octets[ETHERNET_HEADER..];
        if frame.ether_type() == ETHER_ARP {
            if let Some(arp) = Arp::parse(payload) {
                self.receive_arp(now, id, arp, to == mac);
            }
        } else if let Some(packet) = Packet::parse(frame.ether_type(), payload) {
            let asks = packet.protocol == ICMPV6 && packet.fragment.is_none();
            match Neighbour::parse(payload).filter(|_| asks && packet.ttl == 255) {
                Some(neighbour) if packet.destination.is_ipv6() => {
                    let sum = Packet::checksum(
                        packet.source,
                        packet.destination,
                        ICMPV6,
                        &packet.payload,
                    );
                    if sum == 0 {
                        self.receive_neighbour(now, id, &neighbour, frame.source(), &packet);
                    }
                }
                _ => self.receive_packet(now, id, packet, to == mac),
            }
        }
    }

    /// `arp_process`.
    fn receive_arp(&mut self, now: Instant, id: u32, arp: Arp<'_>, to_us: bool) {
        let Some(interface) = self.interface(id).filter(|it| it.arp) else {
            return;
        };
        let (sender, target) = (IpAddr::from(arp.sender_ip()), IpAddr::from(arp.target_ip()));
        let (mac, answered) = (interface.mac, interface.answered);
        if arp.sender_ip().is_multicast() || arp.target_ip().is_multicast() {
            return;
        }
        let asks = arp.operation() == Arp::REQUEST;
        let ours = self.is_local(target) && !arp.target_ip().is_loopback();
        let probe = arp.sender_ip().is_unspecified();
        // Whoever has an address of ours is not told where we are (a martian).
        if asks && ours && (probe || !self.is_local(sender)) {
            if !answered {
                self.out.push_back((id, arp.reply(mac).to_vec()));
            }
            if !probe {
                self.heard(now, id, sender, arp.sender(), Heard::Asking);
            }
            return;
        }
        if arp.operation() == Arp::REPLY && arp.target() == mac {
            let news = News::Arp(id, arp.sender(), arp.sender_ip(), to_us);
            self.news.push_back(news);
        }
        let how = match arp.operation() {
            Arp::REPLY if to_us => Heard::Answer,
            _ => Heard::Told,
        };
        self.heard(now, id, sender, arp.sender(), how);
    }

    /// `ndisc_recv_ns`, `ndisc_recv_na`.
    fn receive_neighbour(
        &mut self,
        now: Instant,
        id: u32,
        neighbour: &Neighbour<'_>,
        from: MacAddr,
        packet: &Packet,
    ) {
        let Some(interface) = self.interface(id).filter(|it| it.arp) else {
            return;
        };
        let (mac, answered) = (interface.mac, interface.answered);
        let target = IpAddr::from(neighbour.target());
        let router = self.forwarding[1];
        let told = station(&packet.payload);
        match neighbour.kind() {
            NeighbourKind::Solicitation => {
                // Unlike IPv4's, an address is of its interface.
                let ours = |it: &Interface| it.addresses.iter().any(|it| it.ip == target);
                if !self.interface(id).is_some_and(ours) {
                    return;
                }
                let answer = neighbour.advertise(from, mac, router);
                if let Some(answer) = answer.filter(|_| !answered) {
                    self.out.push_back((id, answer.to_vec()));
                }
                if !neighbour.source().is_unspecified() {
                    let source = neighbour.source().into();
                    self.heard(now, id, source, told.unwrap_or(from), Heard::Asking);
                }
            }
            NeighbourKind::Advertisement { solicited } => {
                let how = if solicited {
                    Heard::Answer
                } else {
                    Heard::Told
                };
                self.heard(now, id, target, told.unwrap_or(from), how);
            }
        }
    }

    /// A station has an address: what waited for it goes.
    fn heard(&mut self, now: Instant, id: u32, ip: IpAddr, mac: MacAddr, how: Heard) {
        for packet in self.neighbours.heard(now, (id, ip), mac, how) {
            self.output(now, id, ip, packet);
        }
    }

    /// `ip_rcv`, `ip_forward`.
    fn receive_packet(&mut self, now: Instant, id: u32, packet: Packet, to_us: bool) {
        // From many, or from ourselves: martians.
        if packet.source.is_multicast() || self.is_local(packet.source) {
            return;
        }
        let to_all = match packet.destination {
            IpAddr::V4(ip) => self.interface(id).is_some_and(|it| it.is_broadcast(ip)),
            IpAddr::V6(_) => false,
        };
        if self.is_local(packet.destination) || packet.destination.is_multicast() || to_all {
            self.deliver(now, id, packet, to_all);
        } else if to_us && self.forwarding[usize::from(packet.destination.is_ipv6())] {
            self.forward(now, id, packet);
        }
    }

    fn forward(&mut self, now: Instant, came: u32, mut packet: Packet) {
        if packet.ttl <= 1 {
            return self.fail(now, came, Failure::Hops, &packet);
        }
        let Some(way) = self.route(packet.destination, None) else {
            return self.fail(now, came, Failure::Net, &packet);
        };
        // A packet of IPv6 is cut by its sender only.
        packet.dont_fragment |= packet.destination.is_ipv6();
        let mtu = self.interface(way.interface).map_or(0, |it| it.mtu);
        if !packet.fits(mtu as usize) {
            return self.fail(now, came, Failure::TooBig(mtu), &packet);
        }
        packet.ttl -= 1;
        self.output(now, way.interface, way.next, packet);
    }

    /// Tells a packet's sender that it failed: the host itself, or somebody else.
    fn fail(&mut self, now: Instant, id: u32, why: Failure, packet: &Packet) {
        if self.is_local(packet.source) {
            if let Some(quoted) = Quoted::of(packet) {
                self.news
                    .push_back(News::Failed(packet.source, why, quoted));
            }
            return;
        }
        let room = self.interface(id).map_or(1_500, |it| it.mtu as usize);
        let Some(message) = Message::about(why, packet, room) else {
            return;
        };
        let source = self.route(packet.source, None).and_then(|way| way.source);
        if let Some(source) = source {
            // Whom nobody can tell is not told.
            _ = self.send(now, message.packet(source, packet.source), None);
        }
    }

    /// `ip_local_deliver`.
    fn deliver(&mut self, now: Instant, id: u32, packet: Packet, to_all: bool) {
        let Some(packet) = self.reassembly.take(now, packet) else {
            return;
        };
        let to_many = to_all || packet.destination.is_multicast();
        match packet.protocol {
            ICMP | ICMPV6 => self.deliver_icmp(now, id, packet, to_many),
            UDP => self.deliver_udp(now, id, packet, to_many),
            TCP if !to_many => self.news.push_back(News::Tcp(packet)),
            _ => {}
        }
    }

    fn deliver_icmp(&mut self, now: Instant, id: u32, packet: Packet, to_many: bool) {
        let right = (packet.protocol == ICMPV6) == packet.destination.is_ipv6();
        match Message::parse(&packet).filter(|_| right) {
            // IPv4 does not answer to many (`icmp_echo_ignore_broadcasts`), IPv6 does.
            Some(Message::EchoRequest(ident, number, data))
                if !to_many || packet.destination.is_ipv6() =>
            {
                let by = to_many.then_some(id);
                let source = match to_many {
                    true => self.route(packet.source, by).and_then(|way| way.source),
                    false => Some(packet.destination),
                };
                if let Some(source) = source {
                    let answer = Message::EchoReply(ident, number, data);
                    // No way back: the answer is lost.
                    _ = self.send(now, answer.packet(source, packet.source), by);
                }
            }
            Some(Message::EchoReply(ident, number, data)) => {
                let news = News::Echo(packet, ident, number, data.len());
                self.news.push_back(news);
            }
            Some(Message::Failed(why, quoted)) => {
                let ours = |it: &Quoted| self.is_local(it.source);
                let quoted = Quoted::parse(packet.destination.is_ipv6(), &quoted).filter(ours);
                let news = quoted.map(|quoted| News::Failed(packet.source, why, quoted));
                self.news.extend(news);
            }
            _ => {}
        }
    }

    fn deliver_udp(&mut self, now: Instant, id: u32, packet: Packet, to_many: bool) {
        let Some(([a, b, c, d, e, f, g, h], rest)) = packet.payload.split_first_chunk::<8>() else {
            return;
        };
        let (from, to) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        let length = usize::from(u16::from_be_bytes([*e, *f]));
        if length < UDP_HEADER || length > packet.payload.len() {
            return;
        }
        let unchecked = [*g, *h] == [0, 0] && packet.destination.is_ipv4();
        let datagram = &packet.payload[..length];
        if !unchecked && Packet::checksum(packet.source, packet.destination, UDP, datagram) != 0 {
            return;
        }
        if to == ECHO && !to_many {
            let data = &rest[..length - UDP_HEADER];
            let answer = udp((packet.destination, ECHO), (packet.source, from), data);
            // No way back: the answer is lost.
            _ = self.send(now, answer, None);
        } else if self.udp_ports.contains(&to) && !to_many {
            let mut packet = packet;
            packet.payload.truncate(length);
            packet.payload.drain(..UDP_HEADER);
            self.news.push_back(News::Udp(packet, from, to));
        } else if !to_many {
            self.fail(now, id, Failure::Port, &packet);
        }
    }

    /// Sends a packet of the host's own, by an interface if one is given.
    pub(super) fn send(
        &mut self,
        now: Instant,
        mut packet: Packet,
        by: Option<u32>,
    ) -> Result<(), SendError> {
        let way = self
            .route(packet.destination, by)
            .ok_or(SendError::NoRoute)?;
        if packet.ident == 0 {
            self.ident = self.ident % 0xffff + 1;
            packet.ident = self.ident;
        }
        if way.interface == LOOPBACK {
            if self.loopback && self.looped.len() < MAX_IN_AN_INSTANT as usize {
                self.looped.push_back(packet);
            }
            return Ok(());
        }
        let mtu = self.interface(way.interface).map_or(0, |it| it.mtu);
        if !packet.fits(mtu as usize) {
            return Err(SendError::TooLong(mtu));
        }
        self.output(now, way.interface, way.next, packet);
        Ok(())
    }

    /// `ip_finish_output2`: finds the station, or lets the packet wait for it.
    fn output(&mut self, now: Instant, id: u32, next: IpAddr, packet: Packet) {
        let Some(interface) = self.interface(id) else {
            return;
        };
        let known = interface.stations.iter().find(|(ip, _)| *ip == next);
        let to = match next {
            _ if !interface.arp => Some(interface.mac),
            IpAddr::V4(ip) if interface.is_broadcast(ip) => Some(MacAddr::BROADCAST),
            IpAddr::V4(ip) if ip.is_multicast() => Some(MacAddr::of_ipv4_group(ip)),
            IpAddr::V6(ip) if ip.is_multicast() => Some(MacAddr::of_ipv6_group(ip)),
            _ => known.map(|(_, mac)| *mac),
        };
        if let Some(to) = to {
            return self.transmit(id, to, &packet);
        }
        let source = packet.source;
        match self.neighbours.resolve(now, (id, next), packet) {
            Resolved::To(mac, packet) => self.transmit(id, mac, &packet),
            Resolved::Ask => self.ask(id, next, None, Some(source)),
            Resolved::Waits => {}
            Resolved::Full => self.lost += 1,
        }
    }

    fn transmit(&mut self, id: u32, to: MacAddr, packet: &Packet) {
        let Some(interface) = self.interface(id) else {
            return;
        };
        let mac = interface.mac;
        for octets in packet.emit(interface.mtu as usize) {
            let ether_type = packet.ether_type().to_be_bytes();
            let frame = [&to.octets()[..], &mac.octets(), &ether_type, &octets].concat();
            self.out.push_back((id, frame));
        }
    }

    /// Sends a frame as a program made it.
    pub(super) fn send_frame(&mut self, id: u32, frame: Vec<u8>) {
        self.out.push_back((id, frame));
    }

    /// Asks who has an address: everybody, or one station (`arp_solicit`, `ndisc_solicit`).
    fn ask(&mut self, id: u32, ip: IpAddr, of: Option<MacAddr>, source: Option<IpAddr>) {
        let own = |ip: &IpAddr| self.is_local(*ip);
        let (source, way) = (source.filter(own), self.route(ip, Some(id)));
        let Some(interface) = self.interface(id) else {
            return;
        };
        let source = source.or_else(|| way.and_then(|way| way.source));
        let mac = interface.mac;
        let mut frame = match (ip, source) {
            (IpAddr::V4(ip), source) => {
                let source = match source {
                    Some(IpAddr::V4(source)) => source,
                    _ => Ipv4Addr::UNSPECIFIED,
                };
                Arp::request(mac, source, ip).to_vec()
            }
            (IpAddr::V6(ip), Some(IpAddr::V6(source))) if of.is_none() => {
                Neighbour::solicit(mac, source, ip).to_vec()
            }
            (IpAddr::V6(ip), Some(IpAddr::V6(source))) => {
                let octets = solicit_again(mac, source, ip).emit(usize::MAX).concat();
                [&[0; 6][..], &mac.octets(), &[0x86, 0xdd], &octets].concat()
            }
            (IpAddr::V6(_), _) => return,
        };
        if let Some(of) = of {
            frame[..6].copy_from_slice(&of.octets());
        }
        self.out.push_back((id, frame));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for due in self.neighbours.handle_timeout(now) {
            match due {
                Due::Ask((id, ip), of, source) => self.ask(id, ip, of, source),
                Due::Failed((id, _), waiting) => {
                    for packet in waiting {
                        self.fail(now, id, Failure::Host, &packet);
                    }
                }
            }
        }
    }

    /// Whether something is on its way from the host to itself.
    pub(super) fn talks_to_itself(&self) -> bool {
        !self.looped.is_empty()
    }

    /// Takes what the host sent to itself; true if there was something.
    pub(super) fn loop_back(&mut self, now: Instant) -> bool {
        let Some(packet) = self.looped.pop_front() else {
            return false;
        };
        if self.admits(now) {
            self.deliver(now, LOOPBACK, packet, false);
        }
        true
    }
}

/// Makes a datagram of UDP.
pub(super) fn udp(from: (IpAddr, u16), to: (IpAddr, u16), data: &[u8]) -> Packet {
    let length = u16::try_from(UDP_HEADER + data.len()).unwrap_or(u16::MAX);
    let mut payload = Vec::with_capacity(UDP_HEADER + data.len());
    payload.extend(from.1.to_be_bytes());
    payload.extend(to.1.to_be_bytes());
    payload.extend(length.to_be_bytes());
    payload.extend([0, 0]);
    payload.extend(data);
    // A sum of zero would mean that there is none.
    let sum = match Packet::checksum(from.0, to.0, UDP, &payload) {
        0 => 0xffff,
        sum => sum,
    };
    payload[6..8].copy_from_slice(&sum.to_be_bytes());
    Packet::new(from.0, to.0, UDP, payload)
}

/// The station that an option of a solicitation or advertisement names.
fn station(message: &[u8]) -> Option<MacAddr> {
    let mut options = message.get(24..)?;
    while let [kind, length, ..] = *options {
        if length == 0 {
            break;
        }
        if let (1 | 2, Some(octets)) = (kind, options.get(2..8)) {
            return Some(MacAddr::new(octets.try_into().ok()?));
        }
        options = options.get(usize::from(length) * 8..)?;
    }
    None
}

/// Makes the solicitation that goes to a station known before (RFC 4861 section 7.3.3).
fn solicit_again(mac: MacAddr, source: Ipv6Addr, target: Ipv6Addr) -> Packet {
    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([1, 1]);
    message.extend(mac.octets());
    let (source, target) = (source.into(), target.into());
    let sum = Packet::checksum(source, target, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    Packet {
        ttl: 255,
        ..Packet::new(source, target, ICMPV6, message)
    }
}
