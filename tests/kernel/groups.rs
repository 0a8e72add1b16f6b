//! Frames about groups and to groups, in words: IGMP, MLD, PIM, and datagrams.
//!
//! ```text
//! p1: h1 igmp join 239.1.1.1              version 2; join1 is version 1
//! p1: h1 igmp leave 239.1.1.1
//! p1: h1 igmp query                       general, version 2; `to G` for a group, `resp TENTHS`
//! p1: h1 igmp query3 to 239.1.1.1 resp 10 suppress
//! p1: h1 igmp report to_ex 239.1.1.1 / block 239.1.1.2 10.0.0.9 10.0.0.8
//! p1: h1 mld join ff0e::1                 and leave, query, query2, report
//! p1: h1 pim                              a hello
//! p1: h1 mrd                              a multicast router advertisement; mrd6
//! p1: h1 udp 239.1.1.1                    a datagram to a group; `ff0e::1` for IPv6
//! ```
//!
//! More words, behind these: `from ADDRESS` (else 10.0.0.N or fe80::N for host N), `8100:VID`, `damage N`: adds one to
//! octet N of the datagram, after the checksums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Makes a frame of station `source` of the words behind it. `mark` follows the datagram.
pub(crate) fn frame(source: [u8; 6], words: &str, mark: &[u8]) -> Result<Vec<u8>, String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut options = Options::new(source[5]);
    let words = options.take(&words)?;
    let datagram = match *words.as_slice() {
        ["igmp", ref rest @ ..] => igmp(rest, &options)?,
        ["mld", ref rest @ ..] => mld(rest, &options)?,
        ["pim"] => ipv4(
            &options,
            Ipv4Addr::new(224, 0, 0, 13),
            103,
            &[0x20, 0, 0, 0],
        ),
        ["mrd"] => {
            let message = summed(&[0x30, 20, 0, 0, 0, 0, 0, 0], &[]);
            ipv4(&options, Ipv4Addr::new(224, 0, 0, 106), 2, &message)
        }
        ["mrd6"] => {
            let to = "ff02::6a".parse().map_err(|_| "ff02::6a")?;
            icmp(&options, to, vec![151, 0, 0, 0, 0, 0, 0, 0])
        }
        ["udp", to] => match to.parse().map_err(|_| format!("`{to}`?"))? {
            IpAddr::V4(to) => ipv4(&options, to, 17, &[0x12, 0x34, 0, 9, 0, 8, 0, 0]),
            IpAddr::V6(to) => ipv6(&options, to, 17, &[0x12, 0x34, 0, 9, 0, 8, 0, 0]),
        },
        _ => return Err(format!("`{words:?}`?")),
    };
    let Datagram { to, mut octets } = datagram;
    if let Some(at) = options.damage {
        let octet = octets.get_mut(at).ok_or("damage beyond the end")?;
        *octet = octet.wrapping_add(1);
    }
    let mut frame = match to {
        IpAddr::V4(to) => {
            let [_, b, c, d] = to.octets();
            vec![1, 0, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(to) => [&[0x33, 0x33][..], &to.octets()[12..]].concat(),
    };
    frame.extend(source);
    frame.extend(&options.tag);
    frame.extend(if to.is_ipv4() { [8, 0] } else { [0x86, 0xdd] });
    frame.extend(octets);
    frame.extend(mark);
    Ok(frame)
}

struct Datagram {
    to: IpAddr,
    octets: Vec<u8>,
}

struct Options {
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    tag: Vec<u8>,
    damage: Option<usize>,
    resp: Option<u16>,
    to: Option<IpAddr>,
    suppress: bool,
}

impl Options {
    fn new(host: u8) -> Self {
        Self {
            v4: Ipv4Addr::new(10, 0, 0, host),
            v6: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host.into()),
            tag: Vec::new(),
            damage: None,
            resp: None,
            to: None,
            suppress: false,
        }
    }

    /// Takes its own words out.
    fn take<'a>(&mut self, words: &[&'a str]) -> Result<Vec<&'a str>, String> {
        let mut rest = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut next = || words.next().copied().ok_or_else(|| format!("{word} WHAT"));
            match *word {
                "from" => match next()?.parse().map_err(|_| "from ADDRESS")? {
                    IpAddr::V4(it) => self.v4 = it,
                    IpAddr::V6(it) => self.v6 = it,
                },
                "to" => self.to = Some(next()?.parse().map_err(|_| "to GROUP")?),
                "resp" => self.resp = Some(next()?.parse().map_err(|_| "resp N")?),
                "damage" => self.damage = Some(next()?.parse().map_err(|_| "damage N")?),
                "suppress" => self.suppress = true,
                word if word.starts_with("8100:") => {
                    let tci: u16 = word[5..].parse().map_err(|_| "8100:TCI")?;
                    self.tag.extend([0x81, 0]);
                    self.tag.extend(tci.to_be_bytes());
                }
                word => rest.push(word),
            }
        }
        Ok(rest)
    }
}

fn igmp(words: &[&str], options: &Options) -> Result<Datagram, String> {
    let v4 =
        |word: &str| -> Result<Ipv4Addr, String> { word.parse().map_err(|_| format!("`{word}`?")) };
    let short = |kind, code, group: Ipv4Addr, to| {
        let message = [&[kind, code, 0, 0][..], &group.octets()].concat();
        ipv4(options, to, 2, &summed(&message, &[]))
    };
    let group = match options.to {
        Some(IpAddr::V4(group)) => group,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    let to = if group.is_unspecified() {
        Ipv4Addr::new(224, 0, 0, 1)
    } else {
        group
    };
    let resp = u8::try_from(options.resp.unwrap_or(100)).map_err(|_| "resp N")?;
    Ok(match *words {
        ["join1", group] => short(0x12, 0, v4(group)?, v4(group)?),
        ["join", group] => short(0x16, 0, v4(group)?, v4(group)?),
        ["leave", group] => short(0x17, 0, v4(group)?, Ipv4Addr::new(224, 0, 0, 2)),
        ["query"] => short(0x11, resp, group, to),
        ["query3"] => {
            let flags = u8::from(options.suppress) << 3 | 2;
            let message = [
                &[0x11, resp, 0, 0][..],
                &group.octets(),
                &[flags, 125, 0, 0],
            ]
            .concat();
            ipv4(options, to, 2, &summed(&message, &[]))
        }
        ["report", ref records @ ..] => {
            let mut message = vec![0x22, 0, 0, 0, 0, 0];
            message.extend(self::records(records, |word| {
                Ok(v4(word)?.octets().to_vec())
            })?);
            let to = Ipv4Addr::new(224, 0, 0, 22);
            ipv4(options, to, 2, &summed(&message, &[]))
        }
        _ => return Err(format!("igmp {words:?}?")),
    })
}

fn mld(words: &[&str], options: &Options) -> Result<Datagram, String> {
    let v6 =
        |word: &str| -> Result<Ipv6Addr, String> { word.parse().map_err(|_| format!("`{word}`?")) };
    let resp = options.resp.unwrap_or(10_000).to_be_bytes();
    let short = |kind, group: Ipv6Addr, to| {
        let resp = if kind == 130 { resp } else { [0, 0] };
        let message = [
            &[kind, 0, 0, 0, resp[0], resp[1], 0, 0][..],
            &group.octets(),
        ];
        icmp(options, to, message.concat())
    };
    let group = match options.to {
        Some(IpAddr::V6(group)) => group,
        _ => Ipv6Addr::UNSPECIFIED,
    };
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let to = if group.is_unspecified() {
        all_nodes
    } else {
        group
    };
    Ok(match *words {
        ["join", group] => short(131, v6(group)?, v6(group)?),
        ["leave", group] => {
            let all_routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
            short(132, v6(group)?, all_routers)
        }
        ["query"] => short(130, group, to),
        ["query2"] => {
            let flags = u8::from(options.suppress) << 3 | 2;
            let message = [
                &[130, 0, 0, 0, resp[0], resp[1], 0, 0][..],
                &group.octets(),
                &[flags, 125, 0, 0],
            ];
            icmp(options, to, message.concat())
        }
        ["report", ref records @ ..] => {
            let mut message = vec![143, 0, 0, 0, 0, 0];
            message.extend(self::records(records, |word| {
                Ok(v6(word)?.octets().to_vec())
            })?);
            let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
            icmp(options, to, message)
        }
        _ => return Err(format!("mld {words:?}?")),
    })
}

/// `KIND GROUP SOURCE… [/ …]`, with their number in front.
fn records(
    words: &[&str],
    address: impl Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let mut count = 0u16;
    let mut octets = Vec::new();
    for record in words.split(|word| *word == "/") {
        let [kind, group, sources @ ..] = record else {
            return Err("KIND GROUP SOURCE…".to_owned());
        };
        let kinds = ["is_in", "is_ex", "to_in", "to_ex", "allow", "block", "odd"];
        let kind = kinds.iter().position(|it| it == kind);
        let kind = kind.ok_or_else(|| format!("kinds are {kinds:?}"))?;
        count += 1;
        octets.extend([u8::try_from(kind + 1).map_err(|_| "kind")?, 0]);
        let sources_len = u16::try_from(sources.len()).map_err(|_| "too many")?;
        octets.extend(sources_len.to_be_bytes());
        octets.extend(address(group)?);
        for source in sources {
            octets.extend(address(source)?);
        }
    }
    let mut all = count.to_be_bytes().to_vec();
    all.extend(octets);
    Ok(all)
}

fn ipv4(options: &Options, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Datagram {
    let total = u16::try_from(24 + payload.len()).unwrap_or(0).to_be_bytes();
    let mut octets = vec![
        0x46, 0xc0, total[0], total[1], 0, 0, 0x40, 0, 1, protocol, 0, 0,
    ];
    octets.extend(options.v4.octets());
    octets.extend(to.octets());
    octets.extend([0x94, 4, 0, 0]);
    let checksum = checksum(&octets);
    octets[10..12].copy_from_slice(&checksum);
    octets.extend(payload);
    Datagram {
        to: to.into(),
        octets,
    }
}

fn ipv6(options: &Options, to: Ipv6Addr, next: u8, payload: &[u8]) -> Datagram {
    let [high, low] = u16::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut octets = vec![0x60, 0, 0, 0, high, low, next, 1];
    octets.extend(options.v6.octets());
    octets.extend(to.octets());
    octets.extend(payload);
    Datagram {
        to: to.into(),
        octets,
    }
}

/// ICMPv6 behind hop-by-hop options with a router alert.
fn icmp(options: &Options, to: Ipv6Addr, message: Vec<u8>) -> Datagram {
    let mut pseudo = options.v6.octets().to_vec();
    pseudo.extend(to.octets());
    let length = u16::try_from(message.len()).unwrap_or(0);
    pseudo.extend([0, 0]);
    pseudo.extend(length.to_be_bytes());
    pseudo.extend([0, 0, 0, 58]);
    let message = summed(&message, &pseudo);
    let payload = [&[58, 0, 5, 2, 0, 0, 0, 0][..], &message].concat();
    ipv6(options, to, 0, &payload)
}

/// A message with its checksum, which is in octets 2 and 3.
fn summed(message: &[u8], pseudo: &[u8]) -> Vec<u8> {
    let sum = checksum(&[pseudo, message].concat());
    let mut message = message.to_vec();
    message[2..4].copy_from_slice(&sum);
    message
}

fn checksum(octets: &[u8]) -> [u8; 2] {
    let words = octets.chunks(2);
    let words = words.map(|it| u32::from(it[0]) << 8 | u32::from(*it.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = u16::try_from(sum).unwrap_or(0);
    (!sum).to_be_bytes()
}
