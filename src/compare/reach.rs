//! Who reaches whom: each station asks for each other one, as `ping` would have it ask.
//!
//! A station that speaks ARP asks all for the other's station, and the other answers if it hears it and speaks
//! ARP itself; a station that does not (an ipvlan device in mode l3) sends to its own address, as the kernel has it. Then
//! an echo request goes there, and an echo reply comes back to where the request came from, for which the other
//! asks in turn unless it was asked. Where that fails it is tried once more with neighbour entries at both ends.

use std::fmt;

use etherparse::PacketBuilder;
use serde::Serialize;

use super::lab::{Fate, Lab, Role, Station};
use crate::switch::Verdict;
use crate::wire::{Arp, ETHERNET_HEADER, MacAddr};

/// Whether one station reaches another, there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It does.
    Yes,
    /// It does if both are told the other's station: ARP fails (`ip neigh add`, or a route by a gateway).
    Told,
    /// It does not.
    No,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::Told => "told",
            Self::No => "no",
        })
    }
}

/// One station and another.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Who asks.
    pub from: String,
    /// Whom it asks for.
    pub to: String,
    /// Whether they get an answer.
    pub reach: Reach,
    /// What went wrong, unless the answer came without more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What all pairs of two parts have in common.
#[derive(Clone, Debug, Serialize)]
pub struct Class {
    /// The part that asks.
    pub from: Role,
    /// The part that is asked for; of children, another one.
    pub to: Role,
    /// What it comes to; `None` if some pairs differ.
    pub reach: Option<Reach>,
    /// What went wrong with the first pair that does not reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Tries every pair of stations, in order.
pub fn pairs(lab: &mut Lab) -> Vec<Pair> {
    let count = lab.stations.len();
    // Who comes up says so, and switches learn where it is.
    for station in 0..count {
        announce(lab, station);
    }
    let ordered = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
    let ordered = ordered.filter(|(from, to)| from != to);
    ordered.map(|(from, to)| probe(lab, from, to)).collect()
}

/// Sums up pairs by the parts of their stations, in the order of [`Role`].
#[must_use]
pub fn classes(stations: &[Station], pairs: &[Pair]) -> Vec<Class> {
    let role = |name: &str| stations.iter().find(|it| it.name == name).map(|it| it.role);
    let roles = [Role::Child, Role::Host, Role::Parent, Role::Outside];
    let all = roles
        .into_iter()
        .flat_map(|from| roles.map(|to| (from, to)));
    all.filter_map(|(from, to)| {
        let of = |pair: &&Pair| (role(&pair.from), role(&pair.to)) == (Some(from), Some(to));
        let mine: Vec<&Pair> = pairs.iter().filter(of).collect();
        let first = mine.first()?;
        let same = mine.iter().all(|pair| pair.reach == first.reach);
        Some(Class {
            from,
            to,
            reach: same.then_some(first.reach),
            why: mine.iter().find_map(|pair| pair.why.clone()),
        })
    })
    .collect()
}

/// A station says to all that it is there (a gratuitous ARP request). One that does not speak ARP is silent.
pub fn announce(lab: &mut Lab, station: usize) {
    let Station { mac, ip, arp, .. } = lab.stations[station];
    if arp {
        lab.send(station, &Arp::request(mac, ip, ip));
    }
}

fn probe(lab: &mut Lab, from: usize, to: usize) -> Pair {
    let asked = ping(lab, from, to, false);
    let (reach, why) = match asked {
        Ok(()) => (Reach::Yes, None),
        Err(why) => match ping(lab, from, to, true) {
            Ok(()) => (Reach::Told, Some(why)),
            // What becomes of the packets says more than that nobody answers a question.
            Err(why) => (Reach::No, Some(why)),
        },
    };
    let name = |station: usize| lab.stations[station].name.clone();
    Pair {
        from: name(from),
        to: name(to),
        reach,
        why,
    }
}

/// A ping, by asking or by neighbour entries; says what went wrong.
fn ping(lab: &mut Lab, from: usize, to: usize, told: bool) -> Result<(), String> {
    let (a, b) = (lab.stations[from].clone(), lab.stations[to].clone());
    let (there, back);
    if told {
        (there, back) = (b.mac, Some(a.mac));
    } else if a.arp {
        there = resolve(lab, from, to)?;
        // Who is asked knows who asks.
        back = Some(a.mac);
    } else {
        (there, back) = (a.mac, (!b.arp).then_some(b.mac));
    }
    let fate = lab.send(from, &echo(&a, there, &b, true));
    arrived(lab, &fate, to, "the echo request")?;
    let back = match back {
        Some(back) => back,
        None => resolve(lab, to, from)?,
    };
    let fate = lab.send(to, &echo(&b, back, &a, false));
    arrived(lab, &fate, from, "the echo reply")
}

/// Asks all for a station, which answers.
fn resolve(lab: &mut Lab, from: usize, to: usize) -> Result<MacAddr, String> {
    let (a, b) = (lab.stations[from].clone(), lab.stations[to].clone());
    let request = Arp::request(a.mac, a.ip, b.ip);
    let fate = lab.send(from, &request);
    arrived(lab, &fate, to, "the ARP request")?;
    if !b.arp {
        return Err(format!("{} does not speak ARP", b.name));
    }
    let request = Arp::parse(&request[ETHERNET_HEADER..]).expect("it was just made");
    let fate = lab.send(to, &request.reply(b.mac));
    arrived(lab, &fate, from, "the ARP reply")?;
    Ok(b.mac)
}

/// Checks that a frame got to a station.
fn arrived(lab: &Lab, fate: &Fate, station: usize, what: &str) -> Result<(), String> {
    if fate.reached(station) {
        return Ok(());
    }
    let name = |station: usize| lab.stations[station].name.as_str();
    let others: Vec<_> = fate.heard.iter().filter(|(_, own)| *own).collect();
    let others: Vec<_> = others.iter().map(|(other, _)| name(*other)).collect();
    Err(match fate.verdict {
        Verdict::Dropped(reason) => format!("{what} is dropped: {}", reason.sentence()),
        _ if fate.heard.contains(&(station, false)) => {
            format!("{what} is for another station than {}", name(station))
        }
        _ if !others.is_empty() => {
            format!(
                "{what} goes to {}, not to {}",
                others.join(", "),
                name(station)
            )
        }
        _ => match fate.lost.first() {
            Some(reason) => format!("{what} is lost: {}", reason.sentence()),
            None => format!("{what} reaches nobody whom it is for"),
        },
    })
}

/// Makes an ICMP echo request or reply.
#[must_use]
pub fn echo(from: &Station, mac: MacAddr, to: &Station, request: bool) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from.mac.octets(), mac.octets()).ipv4(
        from.ip.octets(),
        to.ip.octets(),
        64,
    );
    let builder = match request {
        true => builder.icmpv4_echo_request(1, 1),
        false => builder.icmpv4_echo_reply(1, 1),
    };
    let mut frame = Vec::with_capacity(98);
    // 56 octets, as ping sends. Writing to a Vec does not fail, and so much fits an IPv4 packet.
    builder
        .write(&mut frame, &[0; 56])
        .expect("84 octets fit an IPv4 packet");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reach::{No, Told, Yes};

    /// What kernels were measured to do, row by row: child to sibling, child to host, host to child, child and
    /// outside both ways, host and outside both ways; `None` where there is no such pair.
    const MATRIX: &[(&str, [Option<Reach>; 7])] = &[
        ("hub", [Some(Yes); 7]),
        ("bridge", [Some(Yes); 7]),
        ("macvlan:bridge", row([Yes, No, No, Yes, Yes, Yes, Yes])),
        ("macvlan:bridge+hairpin", [Some(Yes); 7]),
        ("macvlan:private", row([No, No, No, Yes, Yes, Yes, Yes])),
        // What the switch sends back for a sibling or the host is taken, if it is unicast (macvlan_handle_frame).
        (
            "macvlan:private+hairpin",
            row([Told, Told, Yes, Yes, Yes, Yes, Yes]),
        ),
        ("macvlan:vepa", row([No, No, No, Yes, Yes, Yes, Yes])),
        ("macvlan:vepa+hairpin", [Some(Yes); 7]),
        (
            "macvlan:passthru",
            [
                None,
                Some(No),
                Some(No),
                Some(Yes),
                Some(Yes),
                Some(No),
                Some(No),
            ],
        ),
        ("macvlan:source", row([No, No, No, No, No, Yes, Yes])),
        ("ipvlan:l2", row([Yes, No, No, Yes, Yes, Yes, Yes])),
        ("ipvlan:l2:private", row([No, No, No, Yes, Yes, Yes, Yes])),
        ("ipvlan:l3", row([Yes, No, No, Told, Told, Yes, Yes])),
    ];

    const fn row(all: [Reach; 7]) -> [Option<Reach>; 7] {
        let [a, b, c, d, e, f, g] = all;
        [
            Some(a),
            Some(b),
            Some(c),
            Some(d),
            Some(e),
            Some(f),
            Some(g),
        ]
    }

    #[test]
    fn the_matrix_is_the_kernels() {
        let mut wrong = String::new();
        for (kind, expected) in MATRIX {
            let mut lab = Lab::new(kind.parse().unwrap(), 3, &[]).unwrap();
            let pairs = pairs(&mut lab);
            let classes = classes(&lab.stations, &pairs);
            let of = |from, to| {
                let class = classes.iter().find(|it| (it.from, it.to) == (from, to))?;
                Some(class.reach.expect("all children are alike"))
            };
            let found = [
                of(Role::Child, Role::Child),
                of(Role::Child, Role::Host),
                of(Role::Host, Role::Child),
                of(Role::Child, Role::Outside),
                of(Role::Outside, Role::Child),
                of(Role::Host, Role::Outside),
                of(Role::Outside, Role::Host),
            ];
            if found != *expected {
                wrong += &format!("{kind}: {found:?}, expected {expected:?}\n");
                for class in classes {
                    wrong += &format!("  {class:?}\n");
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    /// A bridge port's own address is nobody's: what is for it goes up at the bridge.
    #[test]
    fn an_address_on_a_bridge_port_is_not_reached() {
        let mut lab = Lab::new("bridge".parse().unwrap(), 2, &[]).unwrap();
        let pairs = pairs(&mut lab);
        let parent = pairs
            .iter()
            .filter(|pair| pair.to == "parent" || pair.from == "parent");
        assert!(
            parent.clone().count() > 0 && parent.clone().all(|pair| pair.reach == No),
            "{parent:?}",
            parent = parent.collect::<Vec<_>>()
        );
    }
}
