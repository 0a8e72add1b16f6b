//! Frames as people write them: `arp who-has 10.0.0.2`, `icmp 10.0.0.1 > 10.0.0.2`.
//!
//! ```text
//! frame   = [ mac ">" mac ] { tag } [ what ] [ "len" octets ]
//! tag     = ( "vlan" | "svlan" ) vid [ "prio" 0..7 ]          802.1Q, 802.1ad; the outermost first
//! what    = "arp" "who-has" ipv4 [ "tell" ipv4 ] [ "from" mac ]
//!         | "arp" "reply" ipv4 "is-at" mac [ "to" mac ]
//!         | "icmp" ip ">" ip                                  an echo request, of ICMP or ICMPv6
//!         | ( "udp" | "tcp" ) ip ":" port ">" ip ":" port     an IPv6 address in brackets
//!         | "type" hex                                        an EtherType, and zeros
//! ```
//!
//! What is left out is found in the network: a source address is that of the netdev where the frame comes in, or
//! of the netdev with the source's IP address; a destination that of the netdev with the destination's, or of
//! the group. The result has at least 60 octets, as on a wire, or exactly `len`.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use etherparse::PacketBuilder;

use crate::netdev::Network;
use crate::switch::{NetdevId, Side};
use crate::wire::{ETHER_ARP, ETHER_IPV4, ETHER_IPV6, MacAddr, TagType};

/// Octets of the shortest frame on a wire, and of the longest that `len` makes.
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=65_535;

const SHORTEST: usize = 60;

/// Why a short form is no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShortError {
    /// A word is not what belongs there.
    #[error("{found}: expected {expected}")]
    Expected {
        /// The word, in quotation marks, or that there is none.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// An address is left out, and the network does not say what it is.
    #[error(
        "no netdev has the address {ip}: say between which stations the frame is, as in \"02:00:00:00:00:01 > 02:00:00:00:00:02 …\""
    )]
    Unknown {
        /// Whose Ethernet address is not known.
        ip: IpAddr,
    },
    /// The addresses are of different versions of IP.
    #[error("{0} and {1} are addresses of different versions of IP")]
    Versions(IpAddr, IpAddr),
    /// `len` is less than the frame has.
    #[error("len {0}: the frame has {1} octets already")]
    Length(usize, usize),
}

/// Words to come.
struct Words<'a> {
    words: std::iter::Peekable<std::str::SplitWhitespace<'a>>,
}

impl<'a> Words<'a> {
    fn expected<T>(word: Option<&str>, expected: &'static str) -> Result<T, ShortError> {
        let found = word.map_or("the end".to_owned(), |word| format!("\"{word}\""));
        Err(ShortError::Expected { found, expected })
    }

    fn take(&mut self, word: &str) -> bool {
        self.words.next_if(|next| *next == word).is_some()
    }

    fn must(&mut self, word: &'static str) -> Result<(), ShortError> {
        match self.take(word) {
            true => Ok(()),
            false => Self::expected(self.words.peek().copied(), word),
        }
    }

    fn value<T: FromStr>(&mut self, expected: &'static str) -> Result<T, ShortError> {
        self.read(expected, |word| word.parse().ok())
    }

    fn read<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ShortError> {
        let word = self.words.next();
        match word.and_then(read) {
            Some(value) => Ok(value),
            None => Self::expected(word, expected),
        }
    }
}

/// What a frame carries.
enum What {
    ArpWhoHas {
        target: Ipv4Addr,
        tell: Option<Ipv4Addr>,
        from: Option<MacAddr>,
    },
    ArpReply {
        ip: Ipv4Addr,
        mac: MacAddr,
        to: Option<MacAddr>,
    },
    Ip {
        protocol: Protocol,
        from: IpAddr,
        to: IpAddr,
    },
    Type(u16),
}

#[derive(Clone, Copy)]
enum Protocol {
    Icmp,
    Udp(u16, u16),
    Tcp(u16, u16),
}

/// Makes the frame that a text stands for, as it would come in by a netdev's side.
///
/// # Errors
/// [`ShortError`].
pub fn frame(
    text: &str,
    network: &Network,
    at: NetdevId,
    side: Side,
) -> Result<Vec<u8>, ShortError> {
    let mut words = Words {
        words: text.split_whitespace().peekable(),
    };
    let stations = match words.words.peek().map(|word| word.parse::<MacAddr>()) {
        Some(Ok(source)) => {
            words.words.next();
            words.must(">")?;
            let destination = words.value("an Ethernet address, as in 02:00:00:00:00:02")?;
            Some((destination, source))
        }
        _ => None,
    };
    let tags = tags(&mut words)?;
    let what = what(&mut words)?;
    let length = match words.take("len") {
        true => Some(words.read("octets, 14 to 65535", |word| {
            word.parse().ok().filter(|octets| LENGTHS.contains(octets))
        })?),
        false => None,
    };
    if words.words.peek().is_some() {
        return Words::expected(
            words.words.peek().copied(),
            "vlan, svlan, arp, icmp, udp, tcp, type, len or the end",
        );
    }
    let net = Stations {
        network,
        at,
        outside: side == Side::Wire,
    };
    let (destination, source) = match stations {
        Some(stations) => stations,
        None => net.of(&what)?,
    };
    let (ether_type, payload) = net.payload(&what, source)?;
    let mut frame = [destination.octets(), source.octets()].concat();
    for (tag_type, tci) in tags {
        frame.extend((tag_type as u16).to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    match length {
        None => frame.resize(frame.len().max(SHORTEST), 0),
        // Zeros may be cut off: what has no length of its own is as long as it is told to be.
        Some(length) if length < frame.len() && !matches!(what, What::Type(_)) => {
            return Err(ShortError::Length(length, frame.len()));
        }
        Some(length) => frame.resize(length, 0),
    }
    Ok(frame)
}

/// Reads octets that are written as hexadecimal digits; spaces, colons and a `0x` in front do not count.
#[must_use]
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

/// Writes octets so that [`hex`] reads them.
#[must_use]
pub fn digits(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn tags(words: &mut Words<'_>) -> Result<Vec<(TagType, u16)>, ShortError> {
    let mut tags = Vec::new();
    loop {
        let tag_type = match () {
            () if words.take("vlan") => TagType::Dot1Q,
            () if words.take("svlan") => TagType::Dot1Ad,
            () => return Ok(tags),
        };
        let vid: u16 = words.read("a VID, 0 to 4095", |word| {
            word.parse().ok().filter(|vid| *vid <= 4095)
        })?;
        let priority: u16 = match words.take("prio") {
            true => words.read("a priority, 0 to 7", |word| {
                word.parse().ok().filter(|priority| *priority <= 7)
            })?,
            false => 0,
        };
        tags.push((tag_type, priority << 13 | vid));
    }
}

fn what(words: &mut Words<'_>) -> Result<What, ShortError> {
    const IPV4: &str = "an IPv4 address";
    const IP: &str = "an IP address";
    const MAC: &str = "an Ethernet address";
    let with_port = "an IP address and a port, as in 10.0.0.1:80 or [2001:db8::1]:80";
    if words.take("arp") {
        if words.take("who-has") {
            let target = words.value(IPV4)?;
            let (mut tell, mut from) = (None, None);
            loop {
                if words.take("tell") {
                    tell = Some(words.value(IPV4)?);
                } else if words.take("from") {
                    from = Some(words.value(MAC)?);
                } else {
                    return Ok(What::ArpWhoHas { target, tell, from });
                }
            }
        }
        if !words.take("reply") {
            return Words::expected(words.words.peek().copied(), "who-has or reply");
        }
        let ip = words.value(IPV4)?;
        words.must("is-at")?;
        let mac = words.value(MAC)?;
        let to = match words.take("to") {
            true => Some(words.value(MAC)?),
            false => None,
        };
        return Ok(What::ArpReply { ip, mac, to });
    }
    if words.take("icmp") {
        let from = words.value(IP)?;
        words.must(">")?;
        let to = words.value(IP)?;
        let protocol = Protocol::Icmp;
        return Ok(What::Ip { protocol, from, to });
    }
    let udp = words.take("udp");
    if udp || words.take("tcp") {
        let from: std::net::SocketAddr = words.value(with_port)?;
        words.must(">")?;
        let to: std::net::SocketAddr = words.value(with_port)?;
        let protocol = match udp {
            true => Protocol::Udp(from.port(), to.port()),
            false => Protocol::Tcp(from.port(), to.port()),
        };
        let (from, to) = (from.ip(), to.ip());
        return Ok(What::Ip { protocol, from, to });
    }
    if words.take("type") {
        return words
            .read("an EtherType, as in 0x88b5", |word| {
                u16::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok()
            })
            .map(What::Type);
    }
    // For experiments (IEEE 802, clause 9).
    Ok(What::Type(0x88b5))
}

/// Who has which address.
struct Stations<'a> {
    network: &'a Network,
    /// Where the frame comes in.
    at: NetdevId,
    /// From outside, where others than the netdev are.
    outside: bool,
}

impl Stations<'_> {
    /// Returns destination and source of a frame.
    fn of(&self, what: &What) -> Result<(MacAddr, MacAddr), ShortError> {
        Ok(match what {
            What::ArpWhoHas { tell, from, .. } => {
                let from = match (*from, *tell) {
                    (Some(from), _) => from,
                    (None, Some(ip)) => self.find(ip.into()).unwrap_or_else(|| self.own()),
                    (None, None) => self.own(),
                };
                (MacAddr::BROADCAST, from)
            }
            What::ArpReply { mac, to, .. } => (to.unwrap_or(MacAddr::BROADCAST), *mac),
            What::Ip { from, to, .. } => {
                let source = self.find(*from).unwrap_or_else(|| self.own());
                (self.station(*to)?, source)
            }
            What::Type(_) => (MacAddr::BROADCAST, self.own()),
        })
    }

    /// The address of who sends: the netdev itself, or, from outside, some other station.
    fn own(&self) -> MacAddr {
        match self.outside {
            true => MacAddr::new([2, 0, 0, 0, 0, 0xfe]),
            false => self.network.netdev(self.at).mac,
        }
    }

    /// Returns the address of the netdev with an IP address.
    fn find(&self, ip: IpAddr) -> Option<MacAddr> {
        let mut netdevs = self.network.netdevs().iter();
        let found = netdevs
            .find(|netdev| netdev.alive && netdev.addresses.iter().any(|address| address.ip == ip));
        found.map(|netdev| netdev.mac)
    }

    fn station(&self, ip: IpAddr) -> Result<MacAddr, ShortError> {
        match ip {
            IpAddr::V4(group) if group.is_multicast() => Ok(MacAddr::of_ipv4_group(group)),
            IpAddr::V6(group) if group.is_multicast() => Ok(MacAddr::of_ipv6_group(group)),
            IpAddr::V4(all) if all.is_broadcast() => Ok(MacAddr::BROADCAST),
            ip => self.find(ip).ok_or(ShortError::Unknown { ip }),
        }
    }

    /// Returns the EtherType and what follows it.
    fn payload(&self, what: &What, source: MacAddr) -> Result<(u16, Vec<u8>), ShortError> {
        match what {
            What::ArpWhoHas { target, tell, .. } => {
                let mut own = self.network.netdev(self.at).addresses.iter();
                let own = || {
                    own.find_map(|address| match address.ip {
                        IpAddr::V4(ip) if !self.outside => Some(ip),
                        _ => None,
                    })
                };
                let tell = tell.or_else(own);
                let tell = tell.unwrap_or(Ipv4Addr::UNSPECIFIED);
                Ok((ETHER_ARP, arp(1, (source, tell), (MacAddr::ZERO, *target))))
            }
            What::ArpReply { ip, mac, to } => {
                let to = to.unwrap_or(MacAddr::BROADCAST);
                Ok((ETHER_ARP, arp(2, (*mac, *ip), (to, *ip))))
            }
            What::Ip { protocol, from, to } => ip(*protocol, *from, *to),
            What::Type(ether_type) => Ok((*ether_type, Vec::new())),
        }
    }
}

fn arp(operation: u8, sender: (MacAddr, Ipv4Addr), target: (MacAddr, Ipv4Addr)) -> Vec<u8> {
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, operation];
    for (mac, ip) in [sender, target] {
        arp.extend(mac.octets());
        arp.extend(ip.octets());
    }
    arp
}

fn ip(protocol: Protocol, from: IpAddr, to: IpAddr) -> Result<(u16, Vec<u8>), ShortError> {
    let (ether_type, builder) = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let builder = PacketBuilder::ipv4(from.octets(), to.octets(), 64);
            (ETHER_IPV4, builder)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let builder = PacketBuilder::ipv6(from.octets(), to.octets(), 64);
            (ETHER_IPV6, builder)
        }
        _ => return Err(ShortError::Versions(from, to)),
    };
    let mut packet = Vec::new();
    let written = match protocol {
        Protocol::Icmp if ether_type == ETHER_IPV4 => {
            let builder = builder.icmpv4_echo_request(1, 1);
            builder.write(&mut packet, &[])
        }
        Protocol::Icmp => builder.icmpv6_echo_request(1, 1).write(&mut packet, &[]),
        Protocol::Udp(from, to) => builder.udp(from, to).write(&mut packet, &[]),
        Protocol::Tcp(from, to) => {
            let builder = builder.tcp(from, to, 1, 64_240).syn();
            builder.write(&mut packet, &[])
        }
    };
    written.expect("a vector takes everything, and nothing here is too long");
    Ok((ether_type, packet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Testbed;
    use crate::explain::decode::decode;

    const NET: &str = "ip netns add h1\nip netns add h2\n\
        ip link add p1 type veth peer name eth0 netns h1\nip -n h1 link set eth0 address 02:00:00:00:00:01\n\
        ip link add p2 type veth peer name eth0 netns h2\nip -n h2 link set eth0 address 02:00:00:00:00:02\n\
        ip -n h1 addr add 10.0.0.1/24 dev eth0\nip -n h2 addr add 10.0.0.2/24 dev eth0\n\
        ip -n h1 addr add 2001:db8::1/64 dev eth0\nip tuntap add tap0 mode tap\n";

    fn read(text: &str, at: &str) -> Result<Vec<u8>, ShortError> {
        let net = Testbed::from_script(NET);
        let network = net.network();
        let info = &network.attachments()[network.find_attachment(at).unwrap().index()];
        frame(text, network, info.netdev, info.side)
    }

    #[test]
    fn frames_are_what_they_say() {
        for (text, at, summary) in [
            (
                "arp who-has 10.0.0.2",
                "h1/eth0",
                "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP who has 10.0.0.2? tell 10.0.0.1, 60 octets",
            ),
            (
                "arp who-has 10.0.0.2 tell 10.0.0.9 from 02:00:00:00:00:09",
                "tap0",
                "02:00:00:00:00:09 > ff:ff:ff:ff:ff:ff, ARP who has 10.0.0.2? tell 10.0.0.9, 60 octets",
            ),
            (
                "arp reply 10.0.0.7 is-at 02:00:00:00:00:07 to 02:00:00:00:00:01",
                "tap0",
                "02:00:00:00:00:07 > 02:00:00:00:00:01, ARP 10.0.0.7 is at 02:00:00:00:00:07, 60 octets",
            ),
            (
                "02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 10 prio 3",
                "tap0",
                "02:00:00:00:00:01 > 02:00:00:00:00:02, VLAN 10 priority 3, EtherType 0x88b5, 60 octets",
            ),
            (
                "svlan 20 vlan 10 type 0x1234 len 1518",
                "h1/eth0",
                "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, service VLAN 20, VLAN 10, EtherType 0x1234, 1518 octets",
            ),
            (
                "len 14",
                "tap0",
                "02:00:00:00:00:fe > ff:ff:ff:ff:ff:ff, EtherType 0x88b5, 14 octets",
            ),
        ] {
            assert_eq!(decode(&read(text, at).unwrap()).summary, summary, "{text}");
        }
        for (text, words) in [
            (
                "icmp 10.0.0.1 > 10.0.0.2",
                "02:00:00:00:00:01 > 02:00:00:00:00:02",
            ),
            (
                "icmp 10.0.0.1 > 239.1.2.3",
                "02:00:00:00:00:01 > 01:00:5e:01:02:03",
            ),
            (
                "icmp 2001:db8::1 > ff02::1",
                "02:00:00:00:00:01 > 33:33:00:00:00:01",
            ),
            (
                "udp 10.0.0.1:68 > 255.255.255.255:67",
                "> ff:ff:ff:ff:ff:ff",
            ),
            (
                "tcp [2001:db8::2]:1 > [2001:db8::1]:80",
                "> 02:00:00:00:00:01",
            ),
        ] {
            let summary = decode(&read(text, "h1/eth0").unwrap()).summary;
            assert!(summary.contains(words), "{text}: {summary}");
            assert!(!summary.contains("malformed"), "{text}: {summary}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (text, error) in [
            ("arp", "the end: expected who-has or reply"),
            (
                "arp whohas 10.0.0.2",
                "\"whohas\": expected who-has or reply",
            ),
            ("arp who-has h2", "\"h2\": expected an IPv4 address"),
            ("icmp 10.0.0.1 10.0.0.2", "\"10.0.0.2\": expected >"),
            (
                "02:00:00:00:00:01 > h2",
                "\"h2\": expected an Ethernet address",
            ),
            ("vlan 4096", "\"4096\": expected a VID"),
            ("vlan 1 prio 8", "\"8\": expected a priority"),
            ("ping h2", "\"ping\": expected vlan, svlan, arp"),
            ("len 13", "\"13\": expected octets, 14"),
            (
                "icmp 10.0.0.1 > 10.0.0.2 len 20",
                "len 20: the frame has 42 octets",
            ),
            (
                "icmp 10.0.0.1 > 10.0.0.77",
                "no netdev has the address 10.0.0.77",
            ),
            ("icmp 10.0.0.1 > ff02::1", "different versions of IP"),
        ] {
            let found = read(text, "h1/eth0").unwrap_err().to_string();
            assert!(found.contains(error), "{text}: {found}");
        }
    }

    #[test]
    fn octets_as_digits() {
        assert_eq!(hex("0x00ff 10:aB"), Some(vec![0, 0xff, 0x10, 0xab]));
        assert_eq!(digits(&[0, 0xff, 0x10, 0xab]), "00ff10ab");
        assert_eq!(hex(""), Some(vec![]));
        assert_eq!((hex("0"), hex("0g"), hex("ä")), (None, None, None));
    }
}
