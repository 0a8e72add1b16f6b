//! Random ipvlan devices: on what they stand, their modes and addresses, frames, and changes in between.
//!
//! The kernel's stack below children in mode l3 asks for neighbours that it does not know, so all are told;
//! it knows no hash from a group, so that what counts frames is only compared where all groups are joined.

use std::fmt::Write;

use super::FRAMES;
use super::dice::Dice;
use crate::cases;
use crate::scenario::Scenario;

/// Returns scenario number `number` of a seed.
pub(crate) fn scenario(seed: u64, number: u64, _vlans: bool) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
    let world = World::roll(&mut dice);
    let mut text = world.build(&mut dice);
    for _ in 0..FRAMES {
        if dice.chance(8) {
            world.reconfigure(&mut dice, &mut text);
        }
        if dice.chance(2) {
            text.push_str(world.shows(&mut dice));
        }
        world.frame(&mut dice, &mut text);
    }
    text.push_str("ip -j -d link show type ipvlan\n");
    text.push_str(world.counts());
    if matches!(world.stand, Stand::Bridge | Stand::Veth) {
        text.push_str(cases::TABLES);
    }
    Scenario::new(format!("ipvlan seed {seed}, scenario {number}"), &text)
}

/// What the children stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// A TAP `p1`.
    Tap,
    /// A VLAN device `p1.10` of it.
    Vlan,
    /// A bridge `br0` of two TAPs.
    Bridge,
    /// A veth end `v1`, whose other end is a port of such a bridge.
    Veth,
    /// A dummy `d1`.
    Dummy,
}

#[derive(Clone, Copy, Debug)]
struct World {
    stand: Stand,
    children: u64,
    /// Frames to groups that not every child joined.
    groups: bool,
}

const MODES: [&str; 6] = ["l2", "l2", "l2", "l2", "l3", "l3"];
const FLAGS: [&str; 4] = ["", "bridge", "private", "vepa"];

impl World {
    fn roll(dice: &mut Dice) -> Self {
        let stand = match dice.below(10) {
            0..4 => Stand::Tap,
            4..6 => Stand::Vlan,
            6 => Stand::Bridge,
            7 | 8 => Stand::Veth,
            _ => Stand::Dummy,
        };
        Self {
            stand,
            children: 1 + dice.below(4),
            groups: dice.chance(50),
        }
    }

    /// The lower, and the short name of its station.
    const fn lower(&self) -> (&'static str, &'static str) {
        match self.stand {
            Stand::Tap => ("p1", "p1"),
            Stand::Vlan => ("p1.10", "p1"),
            Stand::Bridge => ("br0", "br0"),
            Stand::Veth => ("v1", "v1"),
            Stand::Dummy => ("d1", "h5"),
        }
    }

    const fn counts(&self) -> &'static str {
        if self.groups {
            "ip -j link show\n"
        } else {
            "ip -j -s link show\n"
        }
    }

    fn shows(&self, dice: &mut Dice) -> &'static str {
        match dice.chance(50) {
            true => "ip -j -d link show type ipvlan\n",
            false => self.counts(),
        }
    }

    fn build(&self, dice: &mut Dice) -> String {
        let tap = "ip tuntap add p1 mode tap\nip link set p1 address 02:00:00:00:01:01 up\n";
        let mut text = match self.stand {
            Stand::Tap => tap.to_owned(),
            Stand::Vlan => {
                let more = dice.pick(&["", " reorder_hdr off"]);
                format!("{tap}ip link add link p1 name p1.10 up type vlan id 10{more}\n")
            }
            Stand::Bridge => cases::bridge(2, ""),
            Stand::Veth => {
                cases::bridge(2, "")
                    + "ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02\n\
                       ip link set v2 master br0 up\nip link set v1 up\n"
            }
            Stand::Dummy => {
                "ip link add d1 address 02:00:00:00:00:05 type dummy\nip link set d1 up\n"
                    .to_owned()
            }
        };
        let (lower, _) = self.lower();
        let (mode, flag) = (dice.pick(&MODES), dice.pick(&FLAGS));
        for child in 1..=self.children {
            let _ = writeln!(
                text,
                "ip link add link {lower} name c{child} type ipvlan mode {mode} {flag}"
            );
            if dice.chance(90) {
                let _ = writeln!(text, "ip addr add 10.0.0.{child}/24 dev c{child}");
            }
            if dice.chance(90) {
                let _ = writeln!(text, "ip link set c{child} up");
            }
        }
        self.introduce(&mut text);
        text
    }

    /// Tells the lower all neighbours that there may be.
    fn introduce(&self, text: &mut String) {
        let (lower, _) = self.lower();
        for station in 1..=9 {
            let _ = writeln!(
                text,
                "ip neigh replace 10.0.0.{station} lladdr 02:00:00:00:00:0{station} dev {lower} nud permanent"
            );
        }
    }

    fn reconfigure(&self, dice: &mut Dice, text: &mut String) {
        let (lower, _) = self.lower();
        let child = 1 + dice.below(self.children);
        let address = 1 + dice.below(9);
        let on = dice.pick(&["on", "off"]);
        let line = match dice.below(22) {
            0..3 => format!("ip link set c{child} {}", dice.pick(&["down", "up", "up"])),
            3 => format!("ip link set c{child} down\nip link set c{child} up"),
            4..7 => format!("ip addr add 10.0.0.{address}/24 dev c{child}"),
            7..9 => format!("ip addr del 10.0.0.{address}/24 dev c{child}"),
            9 => format!("ip addr add 10.0.0.{address} peer 10.0.0.{child}/32 dev c{child}"),
            10 | 11 => format!(
                "ip link set c{child} type ipvlan mode {} {}",
                dice.pick(&MODES),
                dice.pick(&FLAGS)
            ),
            12 => format!(
                "ip link set c{child} type ipvlan {}",
                dice.pick(&FLAGS[1..])
            ),
            13 => format!(
                "ip link del c{child}\nip link add link {lower} name c{child} type ipvlan mode {}",
                dice.pick(&MODES)
            ),
            14 if self.groups => {
                format!(
                    "bridge fdb add 01:00:5e:00:01:0{} dev c{child} self",
                    1 + dice.below(2)
                )
            }
            14 => "ip link set c1 type ipvlan mode l2".to_owned(),
            15 if self.groups => format!("ip link set c{child} allmulticast {on}"),
            16 if self.groups => format!("ip link set c{child} promisc {on}"),
            15 | 16 => format!("ip link set c{child} mtu {}", dice.pick(&["1000", "1100"])),
            17 => format!("ip link set {lower} mtu {}", dice.pick(&["1200", "1500"])),
            18 => format!("ip link set {lower} down"),
            19 => format!(
                "ip link set {lower} address 02:00:00:00:00:0{}",
                5 + dice.below(2)
            ),
            20 if self.stand == Stand::Tap => format!("unplug p1\nc{child}: p1 > h2\nplug p1"),
            20 => format!("ip link set c{child} address 02:00:00:00:00:06"),
            _ => format!("ip link set {lower} up"),
        };
        text.push_str(&line);
        text.push('\n');
        // Whoever went down, or has another address, has forgotten its neighbours.
        if line.starts_with(&format!("ip link set {lower} ")) {
            self.introduce(text);
        }
    }

    fn frame(&self, dice: &mut Dice, text: &mut String) {
        let from_child = dice.chance(55);
        let at = match self.stand {
            _ if from_child => format!("c{}", 1 + dice.below(self.children)),
            Stand::Tap if dice.chance(5) => "p1@stack".to_owned(),
            Stand::Tap | Stand::Vlan => "p1".to_owned(),
            Stand::Bridge | Stand::Veth => dice.pick(&["p1", "p2", "p1", "br0"]).to_owned(),
            Stand::Dummy => "d1".to_owned(),
        };
        let (_, station) = self.lower();
        let source = match (from_child, dice.below(20)) {
            (true, 0) => "h5",
            (true, _) | (false, 0..3) => station,
            (false, 3) => "h5",
            (false, _) => dice.pick(&["h1", "h9", "h7"]),
        };
        let destination = match dice.below(20) {
            0..8 => station,
            8 => "h5",
            9 | 10 => "h9",
            11 => "h7",
            12..16 => "all",
            16 => "hosts",
            17 if self.groups => dice.pick(&["m1", "m2", "n1", "ll0e"]),
            17 => "all",
            18 => dice.pick(&["br0", "p2", "zero"]),
            _ => source,
        };
        let tags = if from_child { 8 } else { 12 };
        let mut tag = match dice.chance(tags) {
            true => dice
                .pick(&[
                    "8100:10",
                    "8100:0",
                    "88a8:10",
                    "8100:20",
                    "8100:0 8100:10",
                    "8100:10 8100:5",
                ])
                .to_owned(),
            false => String::new(),
        };
        if self.stand == Stand::Vlan && !from_child && dice.chance(85) {
            tag = format!("8100:10 {tag}");
        }
        let payload = Self::payload(dice, from_child, destination);
        let length = match dice.below(12) {
            0 => format!("len {}", 100 + dice.below(400)),
            1 => format!("len {}", 1010 + dice.below(20)),
            2 => format!("len {}", 1210 + dice.below(20)),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{at}: {source} > {destination} {tag} {length} {payload}"
        );
    }

    fn payload(dice: &mut Dice, from_child: bool, destination: &str) -> String {
        let (from, to) = (1 + dice.below(9), 1 + dice.below(9));
        let group = matches!(destination, "all" | "hosts");
        match dice.below(20) {
            0..9 => format!("ip 10.0.0.{from} 10.0.0.{to}"),
            9 if group => format!("ip 10.0.0.{from} 10.0.0.255"),
            9 => format!("ip 10.0.0.{from} 224.0.0.1"),
            10..13 => {
                let what = dice.pick(&["request", "request", "reply"]);
                format!("arp {what} 10.0.0.{from} 10.0.0.{to}")
            }
            13 => {
                // A header too short to carry is sent on by the kernel with a sum of what is not there.
                let odd = dice.pick(&[
                    "claim 19",
                    "claim 20",
                    "claim 46",
                    "claim 47",
                    "claim 60",
                    "claim 61",
                    "version 6",
                    "ihl 6",
                    "ihl 4",
                ]);
                let odd = if from_child && odd == "ihl 4" {
                    "claim 0"
                } else {
                    odd
                };
                format!("ip 10.0.0.{from} 10.0.0.{to} {odd}")
            }
            14 => format!("ip fd00::{from} fd00::{to}"),
            15 => format!("probe fd00::{to}"),
            16 => dice
                .pick(&["type 88cc", "type 8808", "type 9000"])
                .to_owned(),
            17 => format!("ip 0.0.0.0 10.0.0.{to}"),
            _ => String::new(),
        }
    }
}
