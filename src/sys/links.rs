//! News of the links of a network namespace's netdevs, over rtnetlink (`RTMGRP_LINK`).

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::libc;

/// Octets of `nlmsghdr` and `ifinfomsg`.
const HEADERS: usize = 32;

/// What has become of a netdev's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkNews {
    /// The netdev's number.
    pub index: u32,
    /// It is up and has carrier (`IFF_UP`, `IFF_RUNNING`), what a bridge asks of a port
    /// (`br_port_carrier_check`). False of one that is gone.
    pub running: bool,
}

/// A socket that hears of every change of a netdev's link.
#[derive(Debug)]
pub struct LinkMonitor {
    socket: Socket,
}

impl LinkMonitor {
    /// Opens a socket on the calling thread's network namespace. The first news are of every netdev there is.
    ///
    /// # Errors
    ///
    /// What the socket calls give.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.add_membership(libc::RTNLGRP_LINK)?;
        let monitor = Self { socket };
        monitor.ask()?;
        Ok(monitor)
    }

    /// Asks for the state of every netdev, which comes as news do.
    fn ask(&self) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let all = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(all));
        message.finalize();
        let mut octets = vec![0; message.buffer_len()];
        message.serialize(&mut octets);
        self.socket
            .send_to(&octets, &SocketAddr::new(0, 0), 0)
            .map(drop)
    }

    /// Waits for news: as many as the kernel tells at once. When some were lost, because they came faster than
    /// they were taken (`ENOBUFS`), every netdev's state follows.
    ///
    /// # Errors
    ///
    /// What the socket calls give.
    pub fn wait(&self) -> io::Result<Vec<LinkNews>> {
        let octets = match self.socket.recv_from_full() {
            Ok((octets, _)) => octets,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                self.ask()?;
                return Ok(Vec::new());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(parse(&octets))
    }
}

/// Reads messages as far as their fixed headers, `nlmsghdr` and `ifinfomsg`: of attributes nothing is wanted, and
/// what a younger kernel puts there cannot be misunderstood.
fn parse(mut octets: &[u8]) -> Vec<LinkNews> {
    let mut news = Vec::new();
    while let Some(header) = octets.first_chunk::<HEADERS>() {
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let (length, family, index) = (word(0) as usize, header[16], word(20));
        let flags = LinkFlags::from_bits_retain(word(24));
        if kind == libc::RTM_NEWLINK {
            let running = flags.contains(LinkFlags::Up | LinkFlags::Running);
            news.push(LinkNews { index, running });
        } else if kind == libc::RTM_DELLINK && i32::from(family) == libc::AF_UNSPEC {
            // Of another family: a bridge lets a port go, which stays what it is.
            let running = false;
            news.push(LinkNews { index, running });
        }
        let next = length.next_multiple_of(4).max(HEADERS);
        octets = octets.get(next..).unwrap_or_default();
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, family: u8, index: u32, flags: u32, attributes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADERS + attributes.len()).unwrap();
        let mut octets = length.to_ne_bytes().to_vec();
        octets.extend(kind.to_ne_bytes());
        octets.extend([0; 10]);
        octets.extend([family, 0, 1, 0]);
        octets.extend([index, flags, 0].map(u32::to_ne_bytes).concat());
        octets.extend(attributes);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    #[test]
    fn news_of_links_and_nothing_else() {
        let running = 0x41;
        let news = parse(
            &[
                message(libc::RTM_NEWLINK, 0, 3, running, b"odd"),
                message(libc::RTM_NEWLINK, 7, 4, 1, &[]),
                message(libc::RTM_NEWADDR, 0, 5, running, &[]),
                message(libc::RTM_DELLINK, 7, 6, running, &[]),
                message(libc::RTM_DELLINK, 0, 7, running, &[]),
                message(libc::RTM_NEWLINK, 0, 8, running, &[])[..20].to_vec(),
            ]
            .concat(),
        );
        let news: Vec<_> = news.iter().map(|it| (it.index, it.running)).collect();
        assert_eq!(news, [(3, true), (4, false), (7, false)]);
        // A length that is no length.
        assert_eq!(parse(&[0; 64]).len(), 0);
    }
}
