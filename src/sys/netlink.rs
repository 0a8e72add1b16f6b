//! Configuration of real netdevs over rtnetlink: what `ip link set` and `ip addr` do, without `ip`.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Changes of one netdev; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct LinkChange<'a> {
    /// Move to this network namespace. Addresses are lost, and the index may change.
    pub namespace: Option<BorrowedFd<'a>>,
    /// New name.
    pub name: Option<&'a str>,
    /// Ethernet address.
    pub address: Option<[u8; 6]>,
    /// Payload octets.
    pub mtu: Option<u32>,
    /// Frames that the transmit queue holds; of a TAP also its ring.
    pub txqlen: Option<u32>,
    /// `IFF_UP`.
    pub up: Option<bool>,
    /// No `IFF_NOARP`: the kernel asks for neighbours.
    pub arp: Option<bool>,
    /// `Some(false)`: the kernel gives it no IPv6 link-local address by itself.
    pub link_local: Option<bool>,
}

/// A socket that configures the netdevs of one network namespace, whichever thread uses it.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket on the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// What the socket calls give.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Returns what is known of the netdev with a name, if there is one.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn find(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        match self.request(RouteNetlinkMessage::GetLink(message), 0) {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(Link::of(&link))),
            Ok(_) => Ok(None),
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes a netdev (`ip link set`), all at once.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `ENODEV` when it is gone, `EEXIST` when the name is taken.
    pub fn set_link(&mut self, index: u32, change: &LinkChange<'_>) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        for (flag, wanted) in [
            (LinkFlags::Up, change.up),
            (LinkFlags::Noarp, change.arp.map(|arp| !arp)),
        ] {
            message.header.change_mask.set(flag, wanted.is_some());
            message.header.flags.set(flag, wanted == Some(true));
        }
        let attributes = [
            change
                .namespace
                .map(|fd| LinkAttribute::NetNsFd(fd.as_raw_fd())),
            change
                .name
                .map(|name| LinkAttribute::IfName(name.to_owned())),
            change
                .address
                .map(|octets| LinkAttribute::Address(octets.to_vec())),
            change.mtu.map(LinkAttribute::Mtu),
            change.txqlen.map(LinkAttribute::TxQueueLen),
            change.link_local.map(|wanted| {
                let mode = if wanted {
                    In6AddrGenMode::Eui64
                } else {
                    In6AddrGenMode::None
                };
                LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![
                    AfSpecInet6::AddrGenMode(mode),
                ])])
            }),
        ];
        message.attributes.extend(attributes.into_iter().flatten());
        self.request(RouteNetlinkMessage::SetLink(message), 0)
            .map(drop)
    }

    /// Deletes a netdev.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `ENODEV` when it is gone already.
    pub fn delete_link(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.request(RouteNetlinkMessage::DelLink(message), 0)
            .map(drop)
    }

    /// Makes a veth pair, of which one end is `near` here, and the other `far` in another namespace; returns the near
    /// end.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `EOPNOTSUPP` when it has no veth, `EEXIST` when a name is taken.
    pub fn add_veth(
        &mut self,
        near: &str,
        far: &str,
        namespace: BorrowedFd<'_>,
    ) -> io::Result<Link> {
        let mut peer = LinkMessage::default();
        peer.attributes.extend([
            LinkAttribute::IfName(far.to_owned()),
            LinkAttribute::NetNsFd(namespace.as_raw_fd()),
        ]);
        let mut message = LinkMessage::default();
        message.attributes.extend([
            LinkAttribute::IfName(near.to_owned()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ]);
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewLink(message), flags)?;
        self.find(near)?
            .ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENODEV))
    }

    /// Gives a netdev an address (`ip addr add`), with the route of its subnet.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `EEXIST` when it has it, `EACCES` or `ENOTSUP` where IPv6 is off.
    pub fn add_address(&mut self, index: u32, address: &Address) -> io::Result<()> {
        self.request(
            RouteNetlinkMessage::NewAddress(address.message(index)),
            NLM_F_CREATE | NLM_F_EXCL,
        )
        .map(drop)
    }

    /// Takes an address from a netdev (`ip addr del`).
    ///
    /// # Errors
    ///
    /// What the kernel answers: `EADDRNOTAVAIL` when it has no such address.
    pub fn delete_address(&mut self, index: u32, address: &Address) -> io::Result<()> {
        self.request(RouteNetlinkMessage::DelAddress(address.message(index)), 0)
            .map(drop)
    }

    /// Sends one request and takes its answer: the record asked for, or the acknowledgement.
    fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Option<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut octets = vec![0; message.buffer_len()];
        message.serialize(&mut octets);
        self.socket.send(&octets, 0)?;

        let mut record = None;
        loop {
            let (answers, _) = self.socket.recv_from_full()?;
            let mut rest = answers.as_slice();
            while !rest.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                let length = (answer.header.length as usize).next_multiple_of(4);
                rest = rest.get(length..).unwrap_or_default();
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    NetlinkPayload::InnerMessage(message) => record = Some(message),
                    _ => return Ok(record),
                }
            }
        }
    }
}

/// A netdev that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its Ethernet address, if it has one.
    pub address: Option<[u8; 6]>,
    /// Payload octets.
    pub mtu: u32,
    /// It is up and has carrier (`IFF_UP`, `IFF_RUNNING`).
    pub running: bool,
    /// The number of the netdev that it stands on, or of a veth's other end, if that is in the same namespace.
    pub other: Option<u32>,
}

impl Link {
    fn of(message: &LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            running: (message.header.flags).contains(LinkFlags::Up | LinkFlags::Running),
            ..Self::default()
        };
        let elsewhere = |it: &LinkAttribute| matches!(it, LinkAttribute::LinkNetNsId(_));
        let elsewhere = message.attributes.iter().any(elsewhere);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Link(index) if !elsewhere => link.other = Some(*index),
                LinkAttribute::Address(octets) => link.address = octets.as_slice().try_into().ok(),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                _ => {}
            }
        }
        link
    }
}

/// An address of a netdev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that name the subnet.
    pub prefix: u8,
    /// The other end of a point-to-point wire, which then names the subnet.
    pub peer: Option<IpAddr>,
    /// `RT_SCOPE_…`.
    pub scope: u8,
    /// Not to be checked for duplicates.
    pub nodad: bool,
    /// Without the route of its subnet.
    pub noprefixroute: bool,
    /// IPv4 broadcast address, if one was given.
    pub broadcast: Option<std::net::Ipv4Addr>,
}

impl Address {
    fn message(&self, index: u32) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = match self.address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        message.header.prefix_len = self.prefix;
        message.header.scope = self.scope.into();
        message.header.index = index;
        let mut flags = AddressFlags::empty();
        flags.set(AddressFlags::Nodad, self.nodad);
        flags.set(AddressFlags::Noprefixroute, self.noprefixroute);
        message.attributes.extend(
            [
                (!flags.is_empty()).then_some(AddressAttribute::Flags(flags)),
                Some(AddressAttribute::Local(self.address)),
                Some(AddressAttribute::Address(self.peer.unwrap_or(self.address))),
                self.broadcast.map(AddressAttribute::Broadcast),
            ]
            .into_iter()
            .flatten(),
        );
        message
    }
}
