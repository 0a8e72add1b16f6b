//! DHCP messages (RFC 2131), as far as a switch that snoops looks at them.

use std::net::Ipv4Addr;

use super::MacAddr;

/// The UDP port of servers and relays.
pub const DHCP_SERVER: u16 = 67;

/// The UDP port of clients.
pub const DHCP_CLIENT: u16 = 68;

/// Octets of the fixed part, before the magic cookie.
const FIXED: usize = 236;

const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// What a message says (option 53; RFC 2132, 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpKind {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client wants an address.
    Request,
    /// A client found its address in use.
    Decline,
    /// A server grants an address.
    Ack,
    /// A server refuses.
    Nak,
    /// A client gives its address back.
    Release,
    /// A client has an address and asks for the rest.
    Inform,
    /// A kind that later standards added.
    Later(u8),
}

impl DhcpKind {
    const fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0 => return None,
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            later => Self::Later(later),
        })
    }

    /// Whether only servers say it.
    #[must_use]
    pub const fn is_from_server(self) -> bool {
        matches!(self, Self::Offer | Self::Ack | Self::Nak)
    }
}

/// A UDP payload that is no DHCP message for Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpError {
    /// Shorter than the fixed part and the magic cookie.
    Short,
    /// Neither request nor reply, or not for six-octet Ethernet stations.
    Header,
    /// No magic cookie: plain BOOTP.
    Cookie,
    /// An option runs past the end, or has a length that its meaning forbids.
    Option(u8),
    /// No message type.
    NoKind,
}

/// One DHCP message, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dhcp {
    /// What it says.
    pub kind: DhcpKind,
    /// `op`: a reply (2), as servers send, rather than a request (1).
    pub reply: bool,
    /// `ciaddr`: the address that the client has.
    pub client_ip: Ipv4Addr,
    /// `yiaddr`: the address that the server gives.
    pub your_ip: Ipv4Addr,
    /// `giaddr`: the relay; 0.0.0.0 without one.
    pub relay_ip: Ipv4Addr,
    /// `chaddr`: the client's station.
    pub client: MacAddr,
    /// The address that the client asks for or declines (option 50).
    pub requested: Option<Ipv4Addr>,
    /// How long the client may use the address, in seconds (option 51); 0xffffffff is for ever.
    pub lease: Option<u32>,
    /// A relay's information is there (option 82).
    pub relay_information: bool,
}

impl Dhcp {
    /// A lease without end.
    pub const FOREVER: u32 = u32::MAX;

    /// Reads a UDP payload. Options may also stand in the fields `file` and `sname` (option 52).
    ///
    /// # Errors
    /// [`DhcpError`].
    pub fn parse(message: &[u8]) -> Result<Self, DhcpError> {
        let options = message.get(FIXED + 4..).ok_or(DhcpError::Short)?;
        let [op, hardware, address_len, _] = *message.first_chunk().ok_or(DhcpError::Short)?;
        if !matches!(op, 1 | 2) || hardware != 1 || address_len != 6 {
            return Err(DhcpError::Header);
        }
        if message[FIXED..FIXED + 4] != COOKIE {
            return Err(DhcpError::Cookie);
        }
        let ip = |at: usize| {
            let mut octets = [0; 4];
            octets.copy_from_slice(&message[at..at + 4]);
            Ipv4Addr::from(octets)
        };
        let mut client = [0; 6];
        client.copy_from_slice(&message[28..34]);
        let mut found = Options::default();
        found.read(options)?;
        let overload = found.overload;
        if overload & 1 != 0 {
            found.read(&message[108..FIXED])?;
        }
        if overload & 2 != 0 {
            found.read(&message[44..108])?;
        }
        Ok(Self {
            kind: found.kind.ok_or(DhcpError::NoKind)?,
            reply: op == 2,
            client_ip: ip(12),
            your_ip: ip(16),
            relay_ip: ip(24),
            client: MacAddr::new(client),
            requested: found.requested,
            lease: found.lease,
            relay_information: found.relay_information,
        })
    }
}

/// The options that are looked at, so far. Of one that is there twice the first counts.
#[derive(Default)]
struct Options {
    kind: Option<DhcpKind>,
    requested: Option<Ipv4Addr>,
    lease: Option<u32>,
    relay_information: bool,
    overload: u8,
}

impl Options {
    fn read(&mut self, mut rest: &[u8]) -> Result<(), DhcpError> {
        while let Some((&code, after)) = rest.split_first() {
            match code {
                0 => {
                    rest = after;
                    continue;
                }
                255 => return Ok(()),
                _ => {}
            }
            let wrong = DhcpError::Option(code);
            let (&len, after) = after.split_first().ok_or(wrong)?;
            let value = after.get(..usize::from(len)).ok_or(wrong)?;
            rest = &after[usize::from(len)..];
            match code {
                50 => {
                    let ip = <[u8; 4]>::try_from(value).map_err(|_| wrong)?;
                    self.requested.get_or_insert(ip.into());
                }
                51 => {
                    let seconds = <[u8; 4]>::try_from(value).map_err(|_| wrong)?;
                    self.lease.get_or_insert(u32::from_be_bytes(seconds));
                }
                52 => {
                    let [overload @ 1..=3] = *value else {
                        return Err(wrong);
                    };
                    self.overload = overload;
                }
                53 => {
                    let [kind] = *value else {
                        return Err(wrong);
                    };
                    let kind = DhcpKind::from_octet(kind).ok_or(wrong)?;
                    self.kind.get_or_insert(kind);
                }
                82 => self.relay_information = true,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(op: u8, options: &[u8]) -> Vec<u8> {
        let mut octets = vec![0; FIXED];
        octets[..4].copy_from_slice(&[op, 1, 6, 0]);
        octets[12..16].copy_from_slice(&[10, 0, 0, 7]);
        octets[16..20].copy_from_slice(&[10, 0, 0, 9]);
        octets[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        octets.extend(COOKIE);
        octets.extend(options);
        octets
    }

    #[test]
    fn fields_and_options() {
        let octets = message(
            2,
            &[
                53, 1, 5, 0, 51, 4, 0, 0, 0x0e, 0x10, 54, 4, 10, 0, 0, 1, 255, 1,
            ],
        );
        assert_eq!(
            Dhcp::parse(&octets),
            Ok(Dhcp {
                kind: DhcpKind::Ack,
                reply: true,
                client_ip: Ipv4Addr::new(10, 0, 0, 7),
                your_ip: Ipv4Addr::new(10, 0, 0, 9),
                relay_ip: Ipv4Addr::UNSPECIFIED,
                client: MacAddr::from_u64(0x0200_0000_0001),
                requested: None,
                lease: Some(3600),
                relay_information: false,
            })
        );
        let request = message(1, &[50, 4, 10, 0, 0, 9, 53, 1, 3, 82, 2, 1, 0]);
        let request = Dhcp::parse(&request).unwrap();
        assert_eq!(
            (request.kind, request.requested, request.relay_information),
            (DhcpKind::Request, Some(Ipv4Addr::new(10, 0, 0, 9)), true)
        );
    }

    #[test]
    fn options_in_file_and_sname() {
        let mut octets = message(1, &[52, 1, 3, 255]);
        octets[108..111].copy_from_slice(&[53, 1, 1]);
        octets[44..50].copy_from_slice(&[50, 4, 10, 0, 0, 3]);
        let read = Dhcp::parse(&octets).unwrap();
        assert_eq!(read.kind, DhcpKind::Discover);
        assert_eq!(read.requested, Some(Ipv4Addr::new(10, 0, 0, 3)));
    }

    #[test]
    fn what_is_malformed_says_why() {
        let cases: &[(Vec<u8>, DhcpError)] = &[
            (message(1, &[]), DhcpError::NoKind),
            (message(1, &[255, 53, 1, 1]), DhcpError::NoKind),
            (message(3, &[53, 1, 1]), DhcpError::Header),
            (message(1, &[53]), DhcpError::Option(53)),
            (message(1, &[53, 1]), DhcpError::Option(53)),
            (message(1, &[53, 2, 1, 1]), DhcpError::Option(53)),
            (message(1, &[53, 1, 0]), DhcpError::Option(53)),
            (message(1, &[53, 1, 1, 12, 9, 1]), DhcpError::Option(12)),
            (
                message(1, &[53, 1, 1, 51, 3, 0, 0, 1]),
                DhcpError::Option(51),
            ),
            (message(1, &[53, 1, 1, 52, 1, 4]), DhcpError::Option(52)),
        ];
        for (octets, error) in cases {
            assert_eq!(Dhcp::parse(octets), Err(*error), "{:?}", &octets[FIXED..]);
        }
        let whole = message(1, &[53, 1, 1, 255]);
        for len in 0..FIXED + 4 {
            assert_eq!(Dhcp::parse(&whole[..len]), Err(DhcpError::Short), "{len}");
        }
        for (at, value) in [(1, 6), (2, 16)] {
            let mut octets = whole.clone();
            octets[at] = value;
            assert_eq!(Dhcp::parse(&octets), Err(DhcpError::Header));
        }
        let mut octets = whole.clone();
        octets[FIXED] = 0;
        assert_eq!(Dhcp::parse(&octets), Err(DhcpError::Cookie));
        // Whatever the octets are, nothing panics.
        for at in 0..whole.len() {
            for value in [0, 1, 52, 53, 255] {
                let mut octets = whole.clone();
                octets[at] = value;
                _ = Dhcp::parse(&octets);
            }
        }
    }
}
