//! The sockets of a real network namespace by which VXLAN devices there send and receive.
//!
//! The core writes whole packets, headers and all, as it does where a stack is emulated; here the headers
//! in front of a datagram only say where it goes and how, and what they have no place for stands where
//! Ethernet addresses would ([`exit_of`]). What comes in gets
//! headers in front that say where it is from. The kernel finds the way and the neighbour, chooses a source
//! address, sums up, and fragments.
//!
//! Datagrams are received by one socket that is bound to the port of the devices, up to 64 by one system
//! call. They are sent from others: the source port tells flows apart to whoever spreads them over ways or
//! queues outside, and a socket has one port only. So there are [`FAN`] sockets for every range of source
//! ports, and for each manner of sending that its devices need (with a checksum or not, may be fragmented or
//! not); each is bound to a port in a part of its own of the range, and sends what the core gave a source
//! port of that part. On the wire it looks as the kernel's would whose hash had six bits; raw sockets could
//! have all ports, but need a privilege, and leave checksums and fragments to us. Nobody receives by those
//! sockets: the kernel discards what is sent to them.
//!
//! Deviations from Linux: flow labels are 0 (a socket has to lease them); the identification of IPv4
//! packets is the host's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::libc;

use super::{Attachment, BATCH, Batch, FRAME_ROOM};
use crate::switch::NetdevId;
use crate::switch::vxlan::exit_of;
use crate::sys::datagram::{self, Arrival, Heading, Manner};
use crate::wire::{Datagram, ETHERNET_HEADER, Envelope, UDP_HEADER};

/// Source ports of one range and manner.
pub const FAN: u16 = 64;

/// Ports that are tried for one socket before it takes any: others may have some.
const TRIES: u16 = 32;

/// What a socket set is for: who shares a port shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// IPv6.
    pub ipv6: bool,
    /// The port to receive by.
    pub port: u16,
    /// Takes IPv6 datagrams without a checksum.
    pub unchecked: bool,
    /// Ranges of source ports, their ends excluded, and how is sent from them.
    pub fans: Vec<((u16, u16), Manner)>,
    /// The numbers of netdevs that datagrams may have to leave by.
    pub links: Vec<(NetdevId, u32)>,
    /// Groups to join, and on which netdev.
    pub groups: Vec<(IpAddr, u32)>,
}

/// The sockets of one IP version and port.
#[derive(Debug)]
pub struct Underlay {
    listener: Arc<OwnedFd>,
    fans: Vec<Fan>,
    settings: Settings,
}

/// Sockets that send in one manner from one range of ports.
#[derive(Debug)]
struct Fan {
    range: (u16, u16),
    manner: Manner,
    sockets: Vec<OwnedFd>,
}

impl Underlay {
    /// Opens the sockets in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` when somebody else has the port, `EAFNOSUPPORT` without IPv6, `ENODEV` for a group on a
    /// netdev that is not there.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        let Settings {
            ipv6,
            port,
            unchecked,
            ..
        } = *settings;
        let listener = datagram::listen(ipv6, port, unchecked)?;
        for (group, ifindex) in &settings.groups {
            datagram::join(listener.as_fd(), *group, *ifindex)?;
        }
        Ok(Self {
            listener: Arc::new(listener),
            fans: fans(settings, &[])?,
            settings: settings.clone(),
        })
    }

    /// Opens what other settings need beside what is there; what came in before is still received.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with(&self, settings: &Settings) -> io::Result<Self> {
        let (old, new) = (&self.settings.groups, &settings.groups);
        for (group, ifindex) in new.iter().filter(|it| !old.contains(it)) {
            datagram::join(self.listener.as_fd(), *group, *ifindex)?;
        }
        for (group, ifindex) in old.iter().filter(|it| !new.contains(it)) {
            // The netdev may be gone, and the group with it.
            let _ = datagram::leave(self.listener.as_fd(), *group, *ifindex);
        }
        Ok(Self {
            listener: Arc::clone(&self.listener),
            fans: fans(settings, &self.fans)?,
            settings: settings.clone(),
        })
    }

    /// Returns what it was opened for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What stands in front of a datagram that came in.
    fn envelope(&self, arrival: &Arrival) -> Envelope {
        let (nobody4, nobody6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
        let (source, destination) = match (self.settings.ipv6, arrival.from.ip()) {
            (false, IpAddr::V4(ip)) => (IpAddr::V4(ip), nobody4),
            (true, IpAddr::V6(ip)) => (IpAddr::V6(ip), nobody6),
            (false, _) => (nobody4, nobody4),
            (true, _) => (nobody6, nobody6),
        };
        Envelope {
            source,
            destination,
            tos: arrival.tos,
            ttl: 64,
            df: false,
            id: 0,
            label: 0,
            source_port: arrival.from.port(),
            destination_port: self.settings.port,
            checksum: false,
        }
    }

    /// Where the core wants a packet to go, and by which socket; and where its datagram begins.
    fn heading(&self, head: &[u8]) -> Option<(Heading, BorrowedFd<'_>, usize)> {
        let (ethernet, packet) = head.split_first_chunk::<ETHERNET_HEADER>()?;
        let outer = Datagram::parse(u16::from_be_bytes([ethernet[12], ethernet[13]]), packet)?;
        let (ttl, whole) = match outer.destination {
            IpAddr::V4(_) => (*packet.get(8)?, packet.get(6)? & 0x40 != 0),
            IpAddr::V6(_) => (*packet.get(7)?, false),
        };
        let (exit, checksum) = exit_of(ethernet);
        let ifindex = match exit {
            Some(id) => self.settings.links.iter().find(|(it, _)| *it == id)?.1,
            None => 0,
        };
        let scope = match outer.destination {
            // Without a netdev a link-local address means nothing.
            IpAddr::V6(ip) if ip.is_unicast_link_local() || ip.is_multicast() => ifindex,
            _ => 0,
        };
        let to = match outer.destination {
            IpAddr::V6(ip) => {
                std::net::SocketAddrV6::new(ip, outer.destination_port, 0, scope).into()
            }
            ip => SocketAddr::new(ip, outer.destination_port),
        };
        let heading = Heading {
            to,
            from: outer.source,
            ifindex,
            ttl,
            tos: outer.tos,
        };
        let manner = Manner { whole, checksum };
        let fan = self.fans.iter().find(|fan| {
            fan.manner == manner && (fan.range.0..fan.range.1).contains(&outer.source_port)
        })?;
        let socket = fan.sockets.get(fan.part(outer.source_port))?;
        Some((
            heading,
            socket.as_fd(),
            ETHERNET_HEADER + outer.start + UDP_HEADER,
        ))
    }
}

/// Opens the sockets to send by, those that are there already as they are.
fn fans(settings: &Settings, old: &[Fan]) -> io::Result<Vec<Fan>> {
    let mut fans = Vec::new();
    for (range, manner) in &settings.fans {
        let known = old
            .iter()
            .find(|fan| (fan.range, fan.manner) == (*range, *manner));
        fans.push(match known {
            Some(fan) => fan.try_clone()?,
            None => Fan::open(settings.ipv6, *range, *manner)?,
        });
    }
    Ok(fans)
}

impl Fan {
    fn open(ipv6: bool, range: (u16, u16), manner: Manner) -> io::Result<Self> {
        let mut fan = Self {
            range,
            manner,
            sockets: Vec::new(),
        };
        let parts = range.1.saturating_sub(range.0).clamp(1, FAN);
        for part in 0..parts {
            fan.sockets.push(fan.open_part(ipv6, part, parts)?);
        }
        Ok(fan)
    }

    /// Opens a socket with the first free port of a part of the range; any port if there is none.
    fn open_part(&self, ipv6: bool, part: u16, parts: u16) -> io::Result<OwnedFd> {
        let first = |part: u16| {
            let width = u32::from(self.range.1.saturating_sub(self.range.0));
            let offset = (width * u32::from(part)).div_ceil(u32::from(parts));
            self.range
                .0
                .saturating_add(u16::try_from(offset).unwrap_or(0))
        };
        for port in (first(part)..first(part + 1)).take(usize::from(TRIES)) {
            match datagram::sender(ipv6, port, self.manner) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                result => return result,
            }
        }
        datagram::sender(ipv6, 0, self.manner)
    }

    /// The part of the range that a port is in, which is one of it.
    fn part(&self, port: u16) -> usize {
        let width = usize::from(self.range.1 - self.range.0).max(1);
        usize::from(port - self.range.0) * self.sockets.len() / width
    }

    fn try_clone(&self) -> io::Result<Self> {
        let sockets = self.sockets.iter().map(OwnedFd::try_clone);
        Ok(Self {
            range: self.range,
            manner: self.manner,
            sockets: sockets.collect::<io::Result<_>>()?,
        })
    }
}

impl Attachment for Underlay {
    fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        let front = ETHERNET_HEADER + self.envelope(&Arrival::NONE).length();
        let receive = |arena: &mut [u8]| {
            let mut arrivals = [Arrival::NONE; BATCH];
            let socket = self.listener.as_fd();
            let count = datagram::receive(socket, arena, FRAME_ROOM, front, &mut arrivals)?;
            Ok((count, arrivals))
        };
        batch.fill_at_once(receive, |arrivals, index, room| {
            let arrival = &arrivals[index];
            let (headers, payload) = room.split_at_mut(front);
            let envelope = self.envelope(arrival);
            let payload = &payload[..arrival.length.min(payload.len())];
            let (octets, length) = envelope.write([payload].into_iter());
            headers[..12].fill(0);
            headers[12..14].copy_from_slice(&envelope.ether_type().to_be_bytes());
            headers[ETHERNET_HEADER..].copy_from_slice(&octets[..length]);
            (0..front + payload.len()).into()
        })
    }

    fn calls(&self, _: &Batch, _: bool) -> u64 {
        1
    }

    fn send(&self, [head, rest]: [&[u8]; 2]) -> io::Result<()> {
        // The core puts all headers into one piece.
        let (head, rest) = match head.is_empty() {
            true => (rest, head),
            false => (head, rest),
        };
        let unsendable = || io::Error::from(io::ErrorKind::InvalidInput);
        let (heading, socket, start) = self.heading(head).ok_or_else(unsendable)?;
        let payload = head.get(start..).ok_or_else(unsendable)?;
        let sent = datagram::send(socket, &heading, [payload, rest]);
        sent.map_err(|error| match error.raw_os_error() {
            // It is the way that is gone, not the socket.
            Some(libc::ENODEV | libc::ENXIO) => io::Error::from_raw_os_error(libc::ENETUNREACH),
            _ => error,
        })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.listener.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::vxlan::exit_addresses;
    use crate::wire::Vxlan;

    fn settings(port: u16, range: (u16, u16)) -> Settings {
        let manner = |whole, checksum| Manner { whole, checksum };
        Settings {
            ipv6: false,
            port,
            unchecked: false,
            fans: vec![(range, manner(false, true)), (range, manner(true, false))],
            links: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Sockets by a port that nobody else has, which may have been somebody's in the meantime.
    fn open(range: (u16, u16)) -> (u16, Underlay) {
        loop {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let port = socket.local_addr().unwrap().port();
            drop(socket);
            match Underlay::new(&settings(port, range)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                result => return (port, result.unwrap()),
            }
        }
    }

    fn packet(to: u16, from: u16, df: bool, checksum: bool, payload: &[u8]) -> Vec<u8> {
        let envelope = Envelope {
            source: Ipv4Addr::LOCALHOST.into(),
            destination: Ipv4Addr::LOCALHOST.into(),
            tos: 0x10,
            ttl: 64,
            df,
            id: 0,
            label: 0,
            source_port: from,
            destination_port: to,
            checksum: false,
        };
        let (headers, len) = envelope.write([payload].into_iter());
        let [a, b] = exit_addresses(None, checksum);
        let mut octets = [a.octets(), b.octets()].concat();
        octets.extend(envelope.ether_type().to_be_bytes());
        octets.extend(&headers[..len]);
        octets
    }

    #[test]
    fn a_flow_keeps_its_part_of_the_ports() {
        // Below the ports that the kernel gives to whoever wants any.
        let range = (20_000, 30_000);
        let (_, sends) = open(range);
        let (there, receives) = open(range);
        let payload = [&Vxlan::new(42).octets()[..], b"a frame"].concat();
        let mut seen = Vec::new();
        for (from, df, checksum) in [
            (20_000, false, true),
            (20_001, true, false),
            (24_999, false, true),
            (29_999, false, true),
        ] {
            let head = packet(there, from, df, checksum, &payload);
            sends.send([&head, &payload]).unwrap();
            let mut batch = Batch::default();
            while batch.is_empty() {
                receives.receive(&mut batch).unwrap();
            }
            let frame = batch.frame(0);
            let outer = Datagram::parse(0x0800, &frame[14..]).unwrap();
            assert!(outer.check(&frame[14..], frame.len() - 14).is_ok());
            assert_eq!(outer.source, IpAddr::V4(Ipv4Addr::LOCALHOST));
            assert_eq!((outer.destination_port, outer.tos), (there, 0x10));
            assert_eq!(frame[42..], payload);
            seen.push((from, outer.source_port));
        }
        for (wanted, port) in seen {
            let part = |port: u16| (port - 20_000) * 4 / 625;
            assert!((20_000..30_000).contains(&port));
            assert_eq!(part(wanted), part(port), "{wanted} and {port}");
        }
        // Neither another manner nor a netdev that is not known, and no beginning of a packet.
        let other = packet(there, 21_000, true, true, &payload);
        assert!(sends.send([&other, &payload]).is_err());
        let mut by = packet(there, 21_000, false, true, &payload);
        by[0] = 1;
        for upto in 0..by.len() {
            assert!(sends.send([&by[..upto], &payload]).is_err());
        }
    }

    #[test]
    fn what_stays_keeps_its_sockets() {
        let (port, old) = open((20_000, 21_000));
        assert!(
            Underlay::new(&settings(port, (20_000, 21_000))).is_err(),
            "the port is taken"
        );
        let mut more = settings(port, (20_000, 21_000));
        more.fans.push((
            (7_000, 7_003),
            Manner {
                whole: false,
                checksum: true,
            },
        ));
        let new = old.with(&more).unwrap();
        assert_eq!(new.settings(), &more);
        assert_eq!(new.fans[2].sockets.len(), 3, "no more than there are ports");
        assert_eq!(new.fans[2].part(7_002), 2);
    }
}
