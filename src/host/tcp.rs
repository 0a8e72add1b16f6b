//! TCP of a host: smoltcp's, fed with packets.
//!
//! Only this of smoltcp is used, with IP packets going in and out: stations, routes and fragments are the host's own,
//! which says of neighbours what Linux says. It is made when the first segment comes, so that hosts without TCP
//! cost nothing. Port 7 (echo) listens.

use std::collections::VecDeque;
use std::net::IpAddr;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{HardwareAddress, Ipv4Address, Ipv6Address};

use super::packet::{Packet, TCP};
use super::stack::ECHO;
use crate::time::{Duration, Instant};

/// Connections of a host at most, those that are being closed included; more are refused.
pub(super) const MAX_CONNECTIONS: usize = 32;
/// Octets that an echo holds each way.
const ECHO_BUFFER: usize = 8 * 1_024;
/// How long a peer may be silent when something is expected of it.
const TIMEOUT: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(120);
/// The shortest time until something is done that is due already.
const AGAIN: Duration = Duration::from_millis(1);

/// Which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection(SocketHandle);

/// TCP of one host.
pub(super) struct Tcp {
    interface: Interface,
    wire: Wire,
    sockets: SocketSet<'static>,
    /// By the local port that they were made for.
    connections: Vec<(u16, Connection)>,
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Tcp {
    /// Makes it, for packets of at most this many octets.
    pub(super) fn new(now: Instant, mtu: usize, seed: u64) -> Self {
        let mut wire = Wire {
            mtu,
            ..Wire::default()
        };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut wire, of(now));
        // The host has looked at addresses and finds the way itself.
        interface.set_any_ip(true);
        let routes = interface.routes_mut();
        // There is room for both.
        _ = routes.add_default_ipv4_route(Ipv4Address::new(127, 0, 0, 1));
        _ = routes.add_default_ipv6_route(Ipv6Address::LOCALHOST);
        Self {
            interface,
            wire,
            sockets: SocketSet::new(Vec::new()),
            connections: Vec::new(),
        }
    }

    /// Takes a segment that is for this host.
    pub(super) fn receive(&mut self, now: Instant, packet: &Packet) {
        let header = packet.payload.first_chunk::<14>();
        let Some([_, _, high, low, .., flags]) = header else {
            return;
        };
        let port = u16::from_be_bytes([*high, *low]);
        let opens = *flags & 0x12 == 0x02;
        if opens && port == ECHO {
            self.listen(port);
        }
        self.wire.received.extend(packet.emit(usize::MAX));
        self.poll(now);
    }

    /// Sees that somebody waits for the next connection to a port.
    fn listen(&mut self, port: u16) {
        let mut waiting = self.connections.iter().filter(|(it, _)| *it == port);
        if waiting.any(|(_, it)| self.state(*it) == State::Listen) {
            return;
        }
        if let Some(connection) = self.add(port, ECHO_BUFFER)
            && self.socket(connection).listen(port).is_err()
        {
            self.forget(connection);
        }
    }

    fn add(&mut self, port: u16, size: usize) -> Option<Connection> {
        if self.connections.len() >= MAX_CONNECTIONS {
            return None;
        }
        let buffer = || SocketBuffer::new(vec![0; size]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_timeout(Some(TIMEOUT));
        let connection = Connection(self.sockets.add(socket));
        self.connections.push((port, connection));
        Some(connection)
    }

    fn forget(&mut self, connection: Connection) {
        self.connections.retain(|(_, it)| *it != connection);
        self.sockets.remove(connection.0);
    }

    pub(super) fn state(&self, connection: Connection) -> State {
        self.sockets.get::<Socket<'_>>(connection.0).state()
    }

    pub(super) fn socket(&mut self, connection: Connection) -> &mut Socket<'static> {
        self.sockets.get_mut(connection.0)
    }

    /// Ends connections that wait for an answer of somebody who is not there.
    pub(super) fn unreachable(&mut self, now: Instant, remote: IpAddr) {
        for (_, connection) in self.connections.clone() {
            let socket = self.socket(connection);
            let there = socket.remote_endpoint().map(|it| IpAddr::from(it.addr));
            if socket.state() == State::SynSent && there == Some(remote) {
                socket.abort();
            }
        }
        self.poll(now);
    }

    /// Lets everything go on that can.
    pub(super) fn poll(&mut self, now: Instant) {
        loop {
            self.interface
                .poll(of(now), &mut self.wire, &mut self.sockets);
            let mut busy = false;
            for (port, connection) in self.connections.clone() {
                if port == ECHO {
                    busy |= echo(self.socket(connection));
                }
            }
            if !busy {
                break;
            }
        }
        let closed = |it: &(u16, Connection)| {
            let socket = self.sockets.get::<Socket<'_>>(it.1.0);
            socket.state() == State::Closed
        };
        let closed: Vec<_> = self
            .connections
            .iter()
            .filter(|it| closed(it))
            .copied()
            .collect();
        for (_, connection) in closed {
            self.forget(connection);
        }
    }

    /// Returns the next packet to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Packet> {
        while let Some(octets) = self.wire.sent.pop_front() {
            let ether_type = match octets.first().map(|first| first >> 4) {
                Some(6) => crate::wire::ETHER_IPV6,
                _ => crate::wire::ETHER_IPV4,
            };
            let packet = Packet::parse(ether_type, &octets);
            if let Some(packet) = packet.filter(|packet| packet.protocol == TCP) {
                return Some(Packet {
                    dont_fragment: packet.destination.is_ipv4(),
                    ..packet
                });
            }
        }
        None
    }

    /// Returns when [`Self::poll`] is to be called.
    pub(super) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(of(now), &self.sockets)?;
        let micros = u64::try_from(at.total_micros()).unwrap_or(0);
        Some(Instant::from_nanos(micros.saturating_mul(1_000)).max(now + AGAIN))
    }
}

/// Sends back what came in; true if something moved.
fn echo(socket: &mut Socket<'_>) -> bool {
    let room = socket.send_capacity() - socket.send_queue();
    let mut moved = Vec::new();
    if room > 0 && socket.can_recv() && socket.may_send() {
        _ = socket.recv(|data| {
            let octets = data.len().min(room);
            moved.extend_from_slice(&data[..octets]);
            (octets, ())
        });
        _ = socket.send_slice(&moved);
    }
    if socket.state() == State::CloseWait && !socket.can_recv() {
        socket.close();
        return true;
    }
    !moved.is_empty()
}

fn of(now: Instant) -> smoltcp::time::Instant {
    let micros = i64::try_from(now.as_nanos() / 1_000).unwrap_or(i64::MAX);
    smoltcp::time::Instant::from_micros(micros)
}

/// What smoltcp takes for a device.
#[derive(Default)]
struct Wire {
    mtu: usize,
    received: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

struct Received(Vec<u8>);

struct Sent<'a>(&'a mut VecDeque<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Received, Sent<'_>)> {
        let packet = self.received.pop_front()?;
        Some((Received(packet), Sent(&mut self.sent)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; length];
        let result = fill(&mut packet);
        self.0.push_back(packet);
        result
    }
}
