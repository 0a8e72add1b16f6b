//! TCP of a host: smoltcp's, fed with packets.
//!
//! Only this of smoltcp is used, with IP packets going in and out: stations, routes and fragments are the host's own,
//! which says of neighbours what Linux says. It is made when the first segment comes, so that hosts without TCP
//! cost nothing. Ports 7 (echo) and those of servers listen.

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
/// Octets that any other connection holds each way.
pub(super) const BUFFER: usize = 64 * 1_024;
/// Octets that are taken before somebody has looked at them.
const MAX_INPUT: usize = 128 * 1_024;
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
    connections: Vec<Entry>,
    /// Ports that servers listen at.
    pub(super) ports: Vec<u16>,
    next_port: u16,
    /// The local port of which the last connection was refused.
    refused: Option<u16>,
    /// The local port whose segments are counted that are sent again; where its data ends, and how many those were.
    watched: Option<(u16, u32, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The local port that it was made for.
    port: u16,
    connection: Connection,
    /// Somebody uses it; else it goes when it is closed.
    held: bool,
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp")
            .field("connections", &self.connections)
            .field("ports", &self.ports)
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
            ports: Vec::new(),
            next_port: 32_768,
            refused: None,
            watched: None,
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
        if *flags & 0x04 != 0 {
            self.refused = Some(port);
        }
        if opens && (port == ECHO || self.ports.contains(&port)) {
            self.listen(port);
        }
        self.wire.received.extend(packet.emit(usize::MAX));
        self.poll(now);
    }

    /// Sees that somebody waits for the next connection to a port.
    fn listen(&mut self, port: u16) {
        let mut of_port = self.connections.iter().filter(|it| it.port == port);
        if of_port.any(|it| self.state(it.connection) == State::Listen) {
            return;
        }
        let size = if port == ECHO { ECHO_BUFFER } else { BUFFER };
        if let Some(connection) = self.add(port, size, false)
            && self.socket(connection).listen(port).is_err()
        {
            self.forget(connection);
        }
    }

    fn add(&mut self, port: u16, size: usize, held: bool) -> Option<Connection> {
        if self.connections.len() >= MAX_CONNECTIONS {
            return None;
        }
        let buffer = || SocketBuffer::new(vec![0; size]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_timeout(Some(TIMEOUT));
        // Here is nobody whom small segments would be in the way of.
        socket.set_nagle_enabled(false);
        let connection = Connection(self.sockets.add(socket));
        self.connections.push(Entry {
            port,
            connection,
            held,
        });
        Some(connection)
    }

    fn forget(&mut self, connection: Connection) {
        self.connections.retain(|it| it.connection != connection);
        self.sockets.remove(connection.0);
    }

    /// Starts a connection from an address of this host.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        source: IpAddr,
        remote: (IpAddr, u16),
    ) -> Option<(Connection, u16)> {
        let port = self.next_port();
        let connection = self.add(port, BUFFER, true)?;
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.0);
        let context = self.interface.context();
        match socket.connect(context, remote, (source, port)) {
            Ok(()) => {
                self.poll(now);
                Some((connection, port))
            }
            Err(_) => {
                self.forget(connection);
                None
            }
        }
    }

    /// Returns a local port that nobody has used for long.
    pub(super) fn next_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(32_768);
        port
    }

    /// Returns connections to a port of a server that somebody has opened; they are held from now on.
    pub(super) fn accepted(&mut self, port: u16) -> Vec<Connection> {
        let sockets = &self.sockets;
        let open = |it: &Entry| {
            let state = sockets.get::<Socket<'_>>(it.connection.0).state();
            it.port == port && matches!(state, State::Established | State::CloseWait)
        };
        let mut accepted = Vec::new();
        for entry in self.connections.iter_mut().filter(|it| open(it)) {
            entry.held = true;
            accepted.push(entry.connection);
        }
        accepted
    }

    /// Whether the last connection that was refused was this one.
    pub(super) fn was_refused(&self, connection: Connection) -> bool {
        let entry = self
            .connections
            .iter()
            .find(|it| it.connection == connection);
        entry.is_some_and(|it| self.refused == Some(it.port))
    }

    /// Counts the segments with data that a local port sends again, from now on.
    pub(super) const fn watch(&mut self, port: u16) {
        self.watched = Some((port, 0, 0));
    }

    /// Returns how many those were.
    pub(super) fn sent_again(&self) -> u64 {
        self.watched.map_or(0, |(_, _, count)| count)
    }

    /// Takes what has come in, as much as there is room for; returns how many octets those were.
    pub(super) fn take(&mut self, connection: Connection, input: &mut Vec<u8>) -> usize {
        let before = input.len();
        let socket = self.socket(connection);
        while input.len() < MAX_INPUT && socket.can_recv() {
            let taken = socket.recv(|data| {
                input.extend_from_slice(data);
                (data.len(), data.len())
            });
            if !matches!(taken, Ok(1..)) {
                break;
            }
        }
        input.len() - before
    }

    pub(super) fn state(&self, connection: Connection) -> State {
        self.sockets.get::<Socket<'_>>(connection.0).state()
    }

    pub(super) fn socket(&mut self, connection: Connection) -> &mut Socket<'static> {
        self.sockets.get_mut(connection.0)
    }

    /// Ends connections that wait for an answer of somebody who is not there.
    pub(super) fn unreachable(&mut self, now: Instant, remote: IpAddr) {
        for Entry { connection, .. } in self.connections.clone() {
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
            for entry in self.connections.clone() {
                if entry.port == ECHO {
                    busy |= echo(self.socket(entry.connection));
                }
            }
            if !busy {
                break;
            }
        }
        let closed = |it: &&Entry| {
            let socket = self.sockets.get::<Socket<'_>>(it.connection.0);
            socket.state() == State::Closed && !it.held
        };
        let closed: Vec<_> = self.connections.iter().filter(closed).copied().collect();
        for entry in closed {
            self.forget(entry.connection);
        }
    }

    /// Takes leave of a connection that is used no more.
    pub(super) fn release(&mut self, connection: Connection) {
        let mut entries = self.connections.iter_mut();
        if let Some(entry) = entries.find(|it| it.connection == connection) {
            entry.held = false;
            self.socket(connection).close();
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
                self.count(&packet);
                return Some(Packet {
                    dont_fragment: packet.destination.is_ipv4(),
                    ..packet
                });
            }
        }
        None
    }

    /// Counts a segment of the watched port whose data was there before.
    fn count(&mut self, packet: &Packet) {
        let Some([high, low, _, _, a, b, c, d, _, _, _, _, offset]) =
            packet.payload.first_chunk::<13>().copied()
        else {
            return;
        };
        let data = packet
            .payload
            .len()
            .saturating_sub(usize::from(offset >> 4) * 4);
        let Some((port, end, count)) = &mut self.watched else {
            return;
        };
        if u16::from_be_bytes([high, low]) != *port || data == 0 {
            return;
        }
        let length = u32::try_from(data).unwrap_or(u32::MAX);
        let ends = u32::from_be_bytes([a, b, c, d]).wrapping_add(length);
        // Half of the numbers are ahead, the other half behind.
        if *end == 0 || ends.wrapping_sub(*end) <= 1 << 31 && ends != *end {
            *end = ends;
        } else {
            *count += 1;
        }
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
