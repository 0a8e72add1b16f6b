//! What both sides are put through: a text with a command, a frame or a pause on each line.
//!
//! ```text
//! ip link set p1 master br0            any ip or bridge command
//! p1: h1 > all                         a frame into an attachment: source > destination
//! p1: h1 > h2 8100:10 88a8:5 type 0806 len 64
//! p1: h1 > ll0 llc                     802.3 with a length and LLC 42 42 03
//! p1: h1 igmp join 239.1.1.1           about groups, or to one: see `groups`
//! p1: h1 > m1 8100:10 igmp2 report g1  what is behind the tags, see [`payload`](crate::payload)
//! p1: h1 > p1 ip 10.0.0.1 10.0.0.2     a packet for an address: see `ipvlan`
//! p1: h1 arp request 10.0.0.1 10.0.0.2 about neighbours: see `neighbours`
//! p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 : h5 > all      in VXLAN: see `vxlan`
//! ipv6 br0                             the kernel's netdev takes IPv6 neighbours, as ours do
//! reports                              the kernel's stacks report groups of the link (224.0.0.X), too
//! wait 1.5                             seconds
//! listen 1.5                           the same; what bridges send of themselves in that time counts
//! unplug p2                            the far end of the TAP is closed: no carrier
//! plug p2
//! ```
//!
//! Addresses: `hN` is station 02:00:00:00:00:0N, `pN` 02:00:00:00:01:0N, `vN` 02:00:00:00:02:0N, `brN` 02:00:00:00:00:bN, `all`
//! broadcast, `mN` 01:00:5e:00:01:0N, `nN` 33:33:00:01:00:0N, `sN` 33:33:ff:00:00:0N, `routers` 01:00:5e:00:00:02, `v3routers` 01:00:5e:00:00:16, `llX` 01:80:c2:00:00:0X (X in hexadecimal, two digits allowed), `zero`; or written out.
//!
//! A frame ends in a mark of six octets, `ts` and its step's number, if it has room for one behind
//! its headers: by that a copy is recognised wherever and whenever it turns up.

use crate::{groups, ipvlan, neighbours, vxlan};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::payload::{self, Essence};

/// The protocols (`ETH_P_*`) that a frame of a scenario may carry: the kernel side listens to these. The last
/// is how a mark begins, which a tag takes for its type where there is nothing else behind it.
pub(crate) const PROTOCOLS: &[u16] = &[
    0x88b5, 0x0800, 0x0806, 0x86dd, 0x88cc, 0x8809, 0x888e, 0x8808, 0x9000, 0x8100, 0x88a8, 0x0001,
    0x0004, 0x7473,
];

/// One line of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An `ip` or `bridge` command.
    Command(String),
    /// A frame into an attachment.
    Frame {
        /// The attachment's name.
        at: String,
        /// The frame.
        octets: Vec<u8>,
    },
    /// Time passes.
    Wait(Duration),
    /// Time passes, in which it counts what bridges send of themselves.
    Listen(Duration),
    /// The far end of a TAP is opened (true) or closed.
    Carrier(String, bool),
    /// The kernel's netdev gets IPv6, without an address.
    Ipv6(String),
    /// The kernel's stacks report groups of the link, too.
    Reports,
}

/// Named steps.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// What it is about.
    pub(crate) name: String,
    /// The lines as written.
    pub(crate) lines: Vec<String>,
    /// The lines as steps.
    pub(crate) steps: Vec<Step>,
}

impl Scenario {
    /// Reads a scenario. Panics at a line that is none: scenarios are part of the tests.
    pub(crate) fn new(name: impl Into<String>, text: &str) -> Self {
        let name = name.into();
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split(" #").next().unwrap_or("").trim().to_owned())
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let steps = (0..)
            .zip(&lines)
            .map(|(number, line)| {
                Step::parse(number, line).unwrap_or_else(|why| panic!("{name}: `{line}`: {why}"))
            })
            .collect();
        Self { name, lines, steps }
    }

    /// Returns the same scenario up to and with a step.
    pub(crate) fn prefix(&self, last: usize) -> Self {
        Self {
            name: self.name.clone(),
            lines: self.lines[..=last].to_vec(),
            steps: self.steps[..=last].to_vec(),
        }
    }

    /// Returns the same scenario without some steps.
    pub(crate) fn without(&self, steps: Range<usize>) -> Self {
        let mut lines = self.lines.clone();
        lines.drain(steps);
        Self::new(self.name.clone(), &lines.join("\n"))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}", self.name)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Step {
    fn parse(number: u32, line: &str) -> Result<Self, String> {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "ip" | "bridge" => Ok(Self::Command(line.to_owned())),
            "wait" | "listen" => {
                let seconds: f64 = rest.parse().map_err(|_| format!("{first} SECONDS"))?;
                let time = Duration::from_secs_f64(seconds);
                Ok(match first {
                    "wait" => Self::Wait(time),
                    _ => Self::Listen(time),
                })
            }
            "ipv6" => Ok(Self::Ipv6(rest.to_owned())),
            "reports" => Ok(Self::Reports),
            "plug" | "unplug" => Ok(Self::Carrier(rest.to_owned(), first == "plug")),
            _ => {
                let at = first.strip_suffix(':').ok_or("not a step")?.to_owned();
                let octets = frame(number, rest)?;
                Ok(Self::Frame { at, octets })
            }
        }
    }
}

/// Whether a frame without a mark, from another source, is what a bridge answered to a frame: an ARP
/// reply or a neighbour advertisement in a station's place, or a query after a leave.
pub(crate) fn answers(answer: &[u8], frame: &[u8]) -> bool {
    let [answer, frame] = [answer, frame].map(payload::essence);
    matches!(
        (answer, frame),
        (Some(Essence::ArpReply), Some(Essence::ArpRequest))
            | (Some(Essence::Advertisement), Some(Essence::Solicitation))
            | (
                Some(Essence::GroupQuery),
                Some(Essence::Membership | Essence::GroupQuery)
            )
    )
}

/// Whether a frame without a mark is one that a bridge sends of itself: it has a bridge's address.
pub(crate) fn of_a_bridge(octets: &[u8]) -> bool {
    matches!(octets.get(6..12), Some([2, 0, 0, 0, 0, 0xb0..=0xbf]))
}

/// Returns the step that a frame came from, if it carries a mark.
pub(crate) fn mark(octets: &[u8]) -> Option<u32> {
    let tail = octets.last_chunk::<6>().filter(|_| octets.len() >= 20)?;
    let [b't', b's', a, b, c, d] = *tail else {
        return None;
    };
    Some(u32::from_be_bytes([a, b, c, d]))
}

fn frame(number: u32, text: &str) -> Result<Vec<u8>, String> {
    let mut words = text.split_whitespace();
    let mut word = |what: &str| words.next().ok_or_else(|| format!("{what} expected"));
    let source = address(word("source")?)?;
    let next = word(">")?;
    if next != ">" {
        let rest = text.split_once(' ').map_or("", |(_, rest)| rest);
        let mark = [&b"ts"[..], &number.to_be_bytes()].concat();
        if neighbours::ours(rest) {
            return neighbours::frame(source, rest, &mark);
        }
        return groups::frame(source, rest, &mark);
    }
    let mut octets = address(word("destination")?)?.to_vec();
    octets.extend(source);
    if let Some((headers, inner)) = text.split_once(" : ") {
        return vxlan::frame(&octets, headers, &frame(number, inner)?);
    }
    let (mut ether_type, mut length, mut llc, mut payload) = (0x88b5, None, false, Vec::new());
    while let Some(option) = words.next() {
        let read = ipvlan::read(option, &mut words);
        let read = read.or_else(|| payload::read(option, source, &mut words));
        if let Some(read) = read {
            (ether_type, payload) = read?;
            break;
        }
        let mut hex = |what| {
            let value = words
                .next()
                .and_then(|word| u16::from_str_radix(word, 16).ok());
            value.ok_or_else(|| format!("{what} HEX"))
        };
        match option {
            "type" => ether_type = hex("type")?,
            "len" => length = words.next().and_then(|word| word.parse::<usize>().ok()),
            "llc" => llc = true,
            tag => {
                let (tpid, vid) = tag.split_once(':').ok_or_else(|| format!("`{tag}`?"))?;
                let tpid = u16::from_str_radix(tpid, 16).map_err(|_| "TPID:TCI")?;
                let tci: u16 = vid.parse().map_err(|_| "TPID:TCI")?;
                octets.extend([tpid.to_be_bytes(), tci.to_be_bytes()].concat());
            }
        }
    }
    let headers = octets.len() + 2;
    // Behind what is in the payload there is room for the mark: padding, to those who read it.
    let length = length.unwrap_or(headers + 46.max(payload.len() + 6));
    if llc {
        octets.extend(
            u16::try_from(length - headers)
                .map_err(|_| "too long")?
                .to_be_bytes(),
        );
        octets.extend([0x42, 0x42, 0x03]);
    } else {
        if !PROTOCOLS.contains(&ether_type) {
            return Err(format!("nobody listens to type {ether_type:04x}"));
        }
        octets.extend(ether_type.to_be_bytes());
        octets.extend(payload);
    }
    let has_room = length >= octets.len() + 6;
    octets.resize(length, 0);
    if has_room {
        octets.truncate(length - 6);
        octets.extend(b"ts");
        octets.extend(number.to_be_bytes());
    }
    Ok(octets)
}

pub(crate) fn address(word: &str) -> Result<[u8; 6], String> {
    let split = word
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(word.len());
    let hex = |text: &str| u8::from_str_radix(text, 16).map_err(|_| format!("`{word}`?"));
    let (prefix, number) = word.split_at(split);
    match (prefix, word) {
        (_, "all") => return Ok([0xff; 6]),
        (_, "zero") => return Ok([0; 6]),
        (_, "hosts") => return Ok([1, 0, 0x5e, 0, 0, 1]),
        (_, "routers") => return Ok([1, 0, 0x5e, 0, 0, 2]),
        (_, "v3routers") => return Ok([1, 0, 0x5e, 0, 0, 0x16]),
        (_, "hosts6") => return Ok([0x33, 0x33, 0, 0, 0, 1]),
        (_, "routers6") => return Ok([0x33, 0x33, 0, 0, 0, 2]),
        (_, "v2routers6") => return Ok([0x33, 0x33, 0, 0, 0, 0x16]),
        ("h", _) => return Ok([2, 0, 0, 0, 0, hex(number)?]),
        ("p", _) => return Ok([2, 0, 0, 0, 1, hex(number)?]),
        ("v", _) => return Ok([2, 0, 0, 0, 2, hex(number)?]),
        ("br", _) => return Ok([2, 0, 0, 0, 0, 0xb0 + hex(number)?]),
        ("m", _) => return Ok([1, 0, 0x5e, 0, 1, hex(number)?]),
        ("n", _) => return Ok([0x33, 0x33, 0, 1, 0, hex(number)?]),
        ("s", _) => return Ok([0x33, 0x33, 0xff, 0, 0, hex(number)?]),
        _ => {}
    }
    if let Some(number) = word.strip_prefix("ll") {
        return Ok([1, 0x80, 0xc2, 0, 0, hex(number)?]);
    }
    let octets: Vec<u8> = word.split(':').map(hex).collect::<Result<_, _>>()?;
    octets
        .try_into()
        .map_err(|_| format!("`{word}` is no address"))
}
