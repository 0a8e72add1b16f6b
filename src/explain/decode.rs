//! A frame in words, and which octets are which field.
//!
//! [`decode`] never fails: what it does not know, or what is cut off, is payload. Headers are walked with
//! etherparse; what ARP, BPDUs, IGMP, MLD, neighbour discovery and DHCP say comes from [`crate::wire`].

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};

use crate::wire::membership::{Content, Message};
use crate::wire::{
    Arp, Bpdu, BridgeId, Dhcp, ETHER_ARP, ETHER_IPV4, ETHER_IPV6, Ethernet, MacAddr, Neighbour,
    NeighbourKind, Pdu, PortId, igmp, mld,
};

/// A field of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `ipv4.ttl`, say.
    pub name: &'static str,
    /// Its octets.
    pub at: Range<usize>,
    /// Its value, as people read it.
    pub text: String,
}

/// A frame, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// All of it in one line.
    pub summary: String,
    /// Its fields, in the order of their octets; those that are cut off are missing.
    pub fields: Vec<Field>,
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Mac,
    Ip4,
    Ip6,
    Number,
    Hex,
    /// Tag control information.
    Tci,
    /// Priority and address of a bridge.
    Bridge,
    /// 1/256 s.
    Ticks,
    /// As many octets as there are.
    Octets,
}

/// Name, octets and form of each field of a header, one after the other.
type Layout = &'static [(&'static str, usize, Form)];

const ETHERNET: Layout = &[
    ("ethernet.dst", 6, Form::Mac),
    ("ethernet.src", 6, Form::Mac),
    ("ethernet.type", 2, Form::Hex),
];
const VLAN: Layout = &[("vlan.tci", 2, Form::Tci), ("vlan.type", 2, Form::Hex)];
const LLC: Layout = &[
    ("llc.dsap", 1, Form::Hex),
    ("llc.ssap", 1, Form::Hex),
    ("llc.control", 1, Form::Hex),
];
const SNAP: Layout = &[("snap.oui", 3, Form::Hex), ("snap.type", 2, Form::Hex)];
const ARP: Layout = &[
    ("arp.hardware", 2, Form::Number),
    ("arp.protocol", 2, Form::Hex),
    ("arp.lengths", 2, Form::Hex),
    ("arp.operation", 2, Form::Number),
    ("arp.sender_mac", 6, Form::Mac),
    ("arp.sender_ip", 4, Form::Ip4),
    ("arp.target_mac", 6, Form::Mac),
    ("arp.target_ip", 4, Form::Ip4),
];
const IPV4: Layout = &[
    ("ipv4.version", 1, Form::Hex),
    ("ipv4.tos", 1, Form::Hex),
    ("ipv4.length", 2, Form::Number),
    ("ipv4.id", 2, Form::Number),
    ("ipv4.fragment", 2, Form::Hex),
    ("ipv4.ttl", 1, Form::Number),
    ("ipv4.protocol", 1, Form::Number),
    ("ipv4.checksum", 2, Form::Hex),
    ("ipv4.src", 4, Form::Ip4),
    ("ipv4.dst", 4, Form::Ip4),
];
const IPV6: Layout = &[
    ("ipv6.flow", 4, Form::Hex),
    ("ipv6.length", 2, Form::Number),
    ("ipv6.next_header", 1, Form::Number),
    ("ipv6.hop_limit", 1, Form::Number),
    ("ipv6.src", 16, Form::Ip6),
    ("ipv6.dst", 16, Form::Ip6),
];
const TCP: Layout = &[
    ("tcp.src", 2, Form::Number),
    ("tcp.dst", 2, Form::Number),
    ("tcp.seq", 4, Form::Number),
    ("tcp.ack", 4, Form::Number),
    ("tcp.flags", 2, Form::Hex),
    ("tcp.window", 2, Form::Number),
    ("tcp.checksum", 2, Form::Hex),
    ("tcp.urgent", 2, Form::Number),
];
const UDP: Layout = &[
    ("udp.src", 2, Form::Number),
    ("udp.dst", 2, Form::Number),
    ("udp.length", 2, Form::Number),
    ("udp.checksum", 2, Form::Hex),
];
const ICMP: Layout = &[
    ("icmp.type", 1, Form::Number),
    ("icmp.code", 1, Form::Number),
    ("icmp.checksum", 2, Form::Hex),
    ("icmp.id", 2, Form::Number),
    ("icmp.seq", 2, Form::Number),
];
const ICMPV6: Layout = &[
    ("icmpv6.type", 1, Form::Number),
    ("icmpv6.code", 1, Form::Number),
    ("icmpv6.checksum", 2, Form::Hex),
    ("icmpv6.id", 2, Form::Number),
    ("icmpv6.seq", 2, Form::Number),
];
const IGMP: Layout = &[
    ("igmp.type", 1, Form::Hex),
    ("igmp.max_response", 1, Form::Number),
    ("igmp.checksum", 2, Form::Hex),
    ("igmp.group", 4, Form::Ip4),
];
const BPDU: Layout = &[
    ("bpdu.protocol", 2, Form::Number),
    ("bpdu.version", 1, Form::Number),
    ("bpdu.type", 1, Form::Hex),
    ("bpdu.flags", 1, Form::Hex),
    ("bpdu.root", 8, Form::Bridge),
    ("bpdu.cost", 4, Form::Number),
    ("bpdu.bridge", 8, Form::Bridge),
    ("bpdu.port", 2, Form::Hex),
    ("bpdu.message_age", 2, Form::Ticks),
    ("bpdu.max_age", 2, Form::Ticks),
    ("bpdu.hello_time", 2, Form::Ticks),
    ("bpdu.forward_delay", 2, Form::Ticks),
    ("bpdu.version1", 1, Form::Number),
];
/// What has no fixed length.
const OPEN: Layout = &[
    ("ipv4.options", 0, Form::Octets),
    ("ipv6.extensions", 0, Form::Octets),
    ("tcp.options", 0, Form::Octets),
    ("payload", 0, Form::Octets),
    ("padding", 0, Form::Octets),
];
const LAYOUTS: &[Layout] = &[
    ETHERNET, VLAN, LLC, SNAP, ARP, IPV4, IPV6, TCP, UDP, ICMP, ICMPV6, IGMP, BPDU, OPEN,
];

/// Returns every name that a field can have.
pub fn field_names() -> impl Iterator<Item = &'static str> {
    LAYOUTS
        .iter()
        .flat_map(|layout| layout.iter().map(|(name, ..)| *name))
}

/// Reads a frame.
#[must_use]
pub fn decode(frame: &[u8]) -> Decoded {
    let mut reader = Reader {
        frame,
        at: 0,
        end: frame.len(),
        words: Vec::new(),
        fields: Vec::new(),
    };
    reader.ethernet();
    reader.rest("payload", reader.end);
    reader.end = frame.len();
    reader.rest("padding", frame.len());
    reader.words.push(match frame.len() {
        1 => "1 octet".to_owned(),
        octets => format!("{octets} octets"),
    });
    Decoded {
        summary: reader.words.join(", "),
        fields: reader.fields,
    }
}

struct Reader<'a> {
    frame: &'a [u8],
    /// Where the next header starts.
    at: usize,
    /// Where the message ends; padding may follow.
    end: usize,
    words: Vec<String>,
    fields: Vec<Field>,
}

impl<'a> Reader<'a> {
    /// What is left of the message.
    fn left(&self) -> &'a [u8] {
        &self.frame[self.at..self.end]
    }

    fn say(&mut self, words: impl Into<String>) {
        self.words.push(words.into());
    }

    /// Reads the fields of a header as far as they are there.
    fn header(&mut self, layout: Layout) {
        for (name, length, form) in layout {
            if self.end - self.at < *length {
                break;
            }
            self.rest_as(name, self.at + length, *form);
        }
    }

    /// Makes everything up to an octet one field, if there is anything.
    fn rest(&mut self, name: &'static str, to: usize) {
        self.rest_as(name, to, Form::Octets);
    }

    fn rest_as(&mut self, name: &'static str, to: usize, form: Form) {
        if to > self.at {
            let text = value(form, &self.frame[self.at..to]);
            let at = self.at..to;
            self.fields.push(Field { name, at, text });
            self.at = to;
        }
    }

    /// Shortens the message to what a length field says, if that much is there.
    fn shorten(&mut self, length: usize) {
        self.end = self.end.min(self.at + length);
    }

    fn ethernet(&mut self) {
        let Ok(frame) = Ethernet::parse(self.frame) else {
            self.say("shorter than an Ethernet header");
            return;
        };
        self.say(format!("{} > {}", frame.source(), frame.destination()));
        self.header(ETHERNET);
        let mut kind = frame.ether_type();
        while let (0x8100 | 0x88a8 | 0x9100, &[a, b, c, d, ..]) = (kind, self.left()) {
            let what = if kind == 0x8100 {
                "VLAN"
            } else {
                "service VLAN"
            };
            let tci = u16::from_be_bytes([a, b]);
            self.say(match (tci & 0xfff, tci >> 13) {
                (vid, 0) => format!("{what} {vid}"),
                (vid, priority) => format!("{what} {vid} priority {priority}"),
            });
            self.header(VLAN);
            kind = u16::from_be_bytes([c, d]);
        }
        match kind {
            ETHER_ARP => self.arp(),
            ETHER_IPV4 => self.ipv4(),
            ETHER_IPV6 => self.ipv6(),
            0..=1500 => self.llc(kind),
            _ => self.say(match kind {
                0x8100 | 0x88a8 | 0x9100 => "a tag that is cut off".to_owned(),
                0x8808 => "MAC control".to_owned(),
                0x8809 => "slow protocol (LACP)".to_owned(),
                0x88cc => "LLDP".to_owned(),
                0x888e => "802.1X".to_owned(),
                _ => format!("EtherType {kind:#06x}"),
            }),
        }
    }

    fn arp(&mut self) {
        let words = Arp::parse(self.left()).map(|arp| {
            let (sender, target) = (arp.sender_ip(), arp.target_ip());
            match arp.operation() {
                Arp::REQUEST => format!("ARP who has {target}? tell {sender}"),
                Arp::REPLY => format!("ARP {sender} is at {}", arp.sender()),
                other => format!("ARP operation {other}"),
            }
        });
        self.say(words.unwrap_or_else(|| "ARP, malformed".to_owned()));
        self.shorten(28);
        self.header(ARP);
    }

    fn llc(&mut self, length: u16) {
        if usize::from(length) > self.left().len() {
            self.say(format!("802.3 length {length}, which is more than follows"));
        }
        self.shorten(length.into());
        let left = self.left();
        match left {
            [0x42, 0x42, 0x03, ..] => self.bpdu(),
            [0xaa, 0xaa, 0x03, a, b, c, d, e, ..] => {
                self.say(format!("SNAP {a:02x}{b:02x}{c:02x} {d:02x}{e:02x}"));
                self.header(LLC);
                self.header(SNAP);
            }
            [dsap, ssap, ..] => {
                self.say(format!("LLC {dsap:02x} {ssap:02x}"));
                self.header(LLC);
            }
            _ => self.say("LLC, cut off"),
        }
    }

    fn bpdu(&mut self) {
        // Who receives it is not known here: no port has this identifier.
        let nobody = (BridgeId::default(), PortId(0));
        let pdu = Pdu::parse_any_version(self.frame).and_then(|pdu| pdu.rapid_message(nobody));
        self.say(match pdu {
            Ok(Bpdu::TopologyChange) => "STP topology change notification".to_owned(),
            Ok(Bpdu::Config(config)) => {
                let (root, bridge) = (config.root, config.bridge);
                let mut words = format!(
                    "STP root {}, cost {}, bridge {}, port {:#06x}",
                    bridge_text(root.priority, root.address),
                    config.root_path_cost,
                    bridge_text(bridge.priority, bridge.address),
                    config.port.0,
                );
                for (set, word) in [
                    (config.topology_change, ", topology change"),
                    (config.topology_change_ack, ", acknowledges"),
                ] {
                    words.push_str(if set { word } else { "" });
                }
                words
            }
            Ok(Bpdu::Rapid(rapid)) => {
                let (root, bridge) = (rapid.config.root, rapid.config.bridge);
                let mut words = format!(
                    "RSTP root {}, cost {}, bridge {}, port {:#06x} {:?}",
                    bridge_text(root.priority, root.address),
                    rapid.config.root_path_cost,
                    bridge_text(bridge.priority, bridge.address),
                    rapid.config.port.0,
                    rapid.role,
                );
                for (set, word) in [
                    (rapid.proposal, ", proposal"),
                    (rapid.agreement, ", agreement"),
                    (rapid.learning, ", learning"),
                    (rapid.forwarding, ", forwarding"),
                    (rapid.config.topology_change, ", topology change"),
                ] {
                    words.push_str(if set { word } else { "" });
                }
                words
            }
            Err(error) => format!("BPDU: {error}"),
        });
        self.header(LLC);
        self.header(BPDU);
    }

    fn ipv4(&mut self) {
        let packet = self.left();
        let Ok(header) = Ipv4HeaderSlice::from_slice(packet) else {
            self.say("IPv4, malformed");
            return;
        };
        let (source, target) = (header.source_addr(), header.destination_addr());
        self.say(format!("IPv4 {source} > {target}"));
        self.shorten(usize::from(header.total_len()).max(header.slice().len()));
        let datagram = self.left();
        let behind = self.at + header.slice().len();
        self.header(IPV4);
        self.rest("ipv4.options", behind);
        let offset = header.fragments_offset().value();
        if offset > 0 {
            self.say(format!("fragment at octet {}", u32::from(offset) * 8));
            return;
        }
        match header.protocol().0 {
            1 => self.icmp(),
            2 => {
                let words = match igmp::inspect(datagram) {
                    Ok(inspected) => membership("IGMP", &inspected.content),
                    Err(error) => format!("IGMP: {error}"),
                };
                self.say(words);
                self.header(IGMP);
            }
            protocol => self.transport(protocol),
        }
    }

    fn ipv6(&mut self) {
        let packet = self.left();
        let Ok(header) = Ipv6HeaderSlice::from_slice(packet) else {
            self.say("IPv6, malformed");
            return;
        };
        let (source, target) = (header.source_addr(), header.destination_addr());
        self.say(format!("IPv6 {source} > {target}"));
        self.shorten(header.slice().len() + usize::from(header.payload_length()));
        let datagram = self.left();
        self.header(IPV6);
        let mut next = header.next_header().0;
        // Hop-by-hop options, routing, destination options: each says its length in units of 8 octets.
        while let (0 | 43 | 60, &[following, units, ..]) = (next, self.left()) {
            let length = (usize::from(units) + 1) * 8;
            if length > self.left().len() {
                return;
            }
            self.rest("ipv6.extensions", self.at + length);
            next = following;
        }
        if next != 58 {
            return self.transport(next);
        }
        let words = match (Neighbour::parse(datagram), mld::inspect(datagram)) {
            (Some(neighbour), _) => match neighbour.kind() {
                NeighbourKind::Solicitation => format!("who has {}?", neighbour.target()),
                NeighbourKind::Advertisement { .. } => format!("{} is here", neighbour.target()),
            },
            (None, Ok(inspected)) if inspected.content != Content::Data => {
                membership("MLD", &inspected.content)
            }
            (None, Err(error)) if !error.in_header() => format!("MLD: {error}"),
            _ => match self.left() {
                [128, ..] => echo("ICMPv6 echo request", self.left()),
                [129, ..] => echo("ICMPv6 echo reply", self.left()),
                [kind, code, ..] => format!("ICMPv6 type {kind} code {code}"),
                _ => "ICMPv6, cut off".to_owned(),
            },
        };
        self.say(words);
        let identified = matches!(self.left(), [128 | 129, ..]);
        self.header(if identified { ICMPV6 } else { &ICMPV6[..3] });
    }

    fn icmp(&mut self) {
        let words = match self.left() {
            [8, ..] => echo("ICMP echo request", self.left()),
            [0, ..] => echo("ICMP echo reply", self.left()),
            [kind, code, ..] => format!("ICMP type {kind} code {code}"),
            [..] => "ICMP, cut off".to_owned(),
        };
        self.say(words);
        let identified = matches!(self.left(), [0 | 8, ..]);
        self.header(if identified { ICMP } else { &ICMP[..3] });
    }

    fn transport(&mut self, protocol: u8) {
        match protocol {
            6 => {
                let Ok(header) = TcpHeaderSlice::from_slice(self.left()) else {
                    return self.say("TCP, malformed");
                };
                let mut words = format!(
                    "TCP {} > {}",
                    header.source_port(),
                    header.destination_port()
                );
                for (set, word) in [
                    (header.syn(), " SYN"),
                    (header.ack(), " ACK"),
                    (header.fin(), " FIN"),
                    (header.rst(), " RST"),
                ] {
                    words.push_str(if set { word } else { "" });
                }
                self.say(words);
                let behind = self.at + header.slice().len();
                self.header(TCP);
                self.rest("tcp.options", behind);
            }
            17 => {
                let Ok(header) = UdpHeaderSlice::from_slice(self.left()) else {
                    return self.say("UDP, malformed");
                };
                let (source, target) = (header.source_port(), header.destination_port());
                self.say(format!("UDP {source} > {target}"));
                self.header(UDP);
                if let (67 | 68, 67 | 68) = (source, target)
                    && let Ok(dhcp) = Dhcp::parse(self.left())
                {
                    self.say(format!("DHCP {:?} of {}", dhcp.kind, dhcp.client));
                }
            }
            other => self.say(format!("IP protocol {other}")),
        }
    }
}

/// Says what an echo message says; it has a type.
fn echo(what: &str, message: &[u8]) -> String {
    match message {
        [_, _, _, _, a, b, c, d, ..] => {
            let (id, sequence) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            format!("{what} {id} seq {sequence}")
        }
        _ => format!("{what}, cut off"),
    }
}

fn membership(protocol: &str, content: &Content<'_>) -> String {
    match content {
        Content::Membership(Message::Query(query)) if query.group.is_unspecified() => {
            format!("{protocol} general query")
        }
        Content::Membership(Message::Query(query)) => format!("{protocol} query {}", query.group),
        Content::Membership(Message::Report { group }) => format!("{protocol} report {group}"),
        Content::Membership(Message::Leave { group }) => format!("{protocol} leave {group}"),
        Content::Membership(Message::Records(records)) => {
            let mut words = format!("{protocol} report");
            for record in (*records).flatten() {
                let kind = record
                    .kind
                    .map_or("?".to_owned(), |kind| format!("{kind:?}"));
                let sources = record.sources.len();
                // Writing to a String does not fail.
                let _ = write!(words, " {} {kind} {sources} sources", record.group);
            }
            words
        }
        Content::Router => format!("{protocol} of a multicast router"),
        Content::Data => format!("{protocol}, other"),
    }
}

fn bridge_text(priority: u16, address: MacAddr) -> String {
    format!("{priority}.{address}")
}

fn value(form: Form, octets: &[u8]) -> String {
    let number = || {
        octets
            .iter()
            .fold(0u64, |sum, octet| sum << 8 | u64::from(*octet))
    };
    match form {
        Form::Mac => MacAddr::from_u64(number()).to_string(),
        Form::Ip4 => octets
            .first_chunk::<4>()
            .map_or(String::new(), |ip| Ipv4Addr::from(*ip).to_string()),
        Form::Ip6 => octets
            .first_chunk::<16>()
            .map_or(String::new(), |ip| Ipv6Addr::from(*ip).to_string()),
        Form::Number => number().to_string(),
        Form::Hex => format!("0x{:0width$x}", number(), width = octets.len() * 2),
        Form::Tci => {
            let tci = number();
            let dei = if tci & 0x1000 == 0 {
                ""
            } else {
                ", drop eligible"
            };
            format!("vid {}, priority {}{dei}", tci & 0xfff, tci >> 13)
        }
        Form::Bridge => {
            let number = number();
            let priority = u16::try_from(number >> 48).unwrap_or(u16::MAX);
            bridge_text(priority, MacAddr::from_u64(number & 0xffff_ffff_ffff))
        }
        // 256 divides a thousand millions.
        Form::Ticks => {
            let nanos = number() * (1_000_000_000 / 256);
            format!(
                "{}.{:03} s",
                nanos / 1_000_000_000,
                nanos / 1_000_000 % 1000
            )
        }
        Form::Octets => match octets.len() {
            1 => "1 octet".to_owned(),
            length => format!("{length} octets"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapswitch_fixtures::frames;

    fn field<'a>(decoded: &'a Decoded, name: &str) -> &'a Field {
        let mut fields = decoded.fields.iter();
        fields
            .find(|field| field.name == name)
            .unwrap_or_else(|| panic!("{name}: {decoded:?}"))
    }

    #[test]
    fn what_frames_say() {
        let (one, two) = ("02:00:00:00:00:01", "02:00:00:00:00:02");
        let ping = frames::echo_request(1, 2, 3);
        let tagged = frames::tagged(0x8100, 0x600a, &ping);
        let cases = [
            (
                frames::arp_request(1, 2),
                format!(
                    "{one} > ff:ff:ff:ff:ff:ff, ARP who has 10.0.0.2? tell 10.0.0.1, 60 octets"
                ),
            ),
            (
                frames::arp_reply(2, 1),
                format!("{two} > {one}, ARP 10.0.0.2 is at {two}, 60 octets"),
            ),
            (
                ping.clone(),
                format!(
                    "{one} > {two}, IPv4 10.0.0.1 > 10.0.0.2, ICMP echo request 1 seq 3, {} octets",
                    ping.len()
                ),
            ),
            (
                tagged.clone(),
                format!(
                    "{one} > {two}, VLAN 10 priority 3, IPv4 10.0.0.1 > 10.0.0.2, ICMP echo request 1 seq 3, {} octets",
                    tagged.len()
                ),
            ),
            (
                ping[..13].to_vec(),
                "shorter than an Ethernet header, 13 octets".to_owned(),
            ),
            (
                frames::llc(1, [1, 0x80, 0xc2, 0, 0, 0], 0x42, 0x42, &[0; 3]),
                format!(
                    "{one} > 01:80:c2:00:00:00, BPDU: 3 octets of BPDU, at least 4 expected, 60 octets"
                ),
            ),
        ];
        for (frame, expected) in cases {
            assert_eq!(decode(&frame).summary, expected);
        }
    }

    #[test]
    fn fields_know_their_octets() {
        let ping = frames::echo_request(1, 2, 3);
        let decoded = decode(&frames::tagged(0x8100, 10, &ping));
        assert_eq!(field(&decoded, "vlan.tci").at, 14..16);
        assert_eq!(field(&decoded, "ipv4.id").at, 22..24);
        assert_eq!(field(&decoded, "ipv4.src").text, "10.0.0.1");
        assert_eq!(field(&decoded, "icmp.seq").text, "3");
        let decoded = decode(&frames::arp_request(1, 2));
        assert_eq!(field(&decoded, "padding").at, 42..60);
    }

    /// Every octet of every frame is in exactly one field, whose name is listed; nothing panics.
    #[test]
    fn fields_cover_any_frame() {
        let mut seen = std::collections::BTreeSet::new();
        let cover = |frame: &[u8], seen: &mut std::collections::BTreeSet<_>| {
            let mut at = 0;
            for field in decode(frame).fields {
                assert_eq!(field.at.start, at, "{frame:02x?}");
                at = field.at.end;
                seen.insert(field.name);
            }
            assert_eq!(at, frame.len(), "{frame:02x?}");
        };
        for (_, frame) in samples() {
            for length in 0..=frame.len() {
                cover(&frame[..length], &mut seen);
            }
            for at in 0..frame.len() {
                for flip in [0x01, 0x0f, 0x80, 0xff] {
                    let mut mutated = frame.clone();
                    mutated[at] ^= flip;
                    cover(&mutated, &mut seen);
                }
            }
        }
        let names: std::collections::BTreeSet<_> = field_names().collect();
        assert_eq!(seen, names);
    }

    /// A frame of every kind that has fields of its own.
    fn samples() -> Vec<(&'static str, Vec<u8>)> {
        let ethernet = |kind: u16, payload: &[u8]| {
            [
                &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1],
                &kind.to_be_bytes()[..],
                payload,
            ]
            .concat()
        };
        let ip4 = |protocol: u8, options: &[u8], payload: &[u8]| {
            let words = u8::try_from(5 + options.len() / 4).unwrap();
            let length = u8::try_from(20 + options.len() + payload.len()).unwrap();
            let header = [
                0x40 | words,
                0,
                0,
                length,
                0,
                1,
                0,
                0,
                64,
                protocol,
                0,
                0,
                10,
                0,
                0,
                1,
                10,
                0,
                0,
                2,
            ];
            ethernet(0x0800, &[&header, options, payload].concat())
        };
        let ip6 = |next: u8, payload: &[u8]| {
            let length = u8::try_from(payload.len()).unwrap();
            let mut header = [0; 40];
            header[0] = 0x60;
            header[5] = length;
            header[6] = next;
            header[7] = 255;
            (header[23], header[24], header[39]) = (1, 0xff, 2);
            ethernet(0x86dd, &[&header, payload].concat())
        };
        let tcp = [
            0, 80, 4, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x12, 1, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4,
        ];
        let udp = [0, 68, 0, 67, 0, 12, 0, 0, 1, 2, 3, 4];
        let bpdu = [&[0x42, 0x42, 3, 0, 0, 2, 2, 0x3c], &[0x80; 31][..], &[0]].concat();
        let mut solicitation = vec![135, 0, 0, 0, 0, 0, 0, 0];
        solicitation.extend([0xfe; 16]);
        vec![
            ("arp", frames::arp_request(1, 2)),
            (
                "ping",
                frames::tagged(0x8100, 10, &frames::echo_request(1, 2, 3)),
            ),
            ("tcp", ip4(6, &[1, 1, 1, 1], &[&tcp[..], b"data"].concat())),
            ("udp", ip4(17, &[], &udp)),
            ("igmp", ip4(2, &[], &[0x16, 0, 0, 0, 239, 1, 1, 1])),
            ("udp6", ip6(17, &udp)),
            (
                "hop",
                ip6(
                    0,
                    &[
                        &[58, 0, 5, 2, 0, 0, 1, 0, 131, 0, 0, 0, 0, 0, 0, 0][..],
                        &[0xff; 16],
                    ]
                    .concat(),
                ),
            ),
            ("nd", ip6(58, &solicitation)),
            ("ping6", ip6(58, &[128, 0, 0, 0, 0, 1, 0, 2])),
            ("bpdu", ethernet(39, &bpdu)),
            (
                "snap",
                frames::snap(1, [1, 0, 12, 0xcc, 0xcc, 0xcc], [0, 0, 12], 0x2000, b"CDP"),
            ),
        ]
    }
}
