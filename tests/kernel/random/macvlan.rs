//! Random scenarios about macvlans: a lower, children in random modes on it, frames from and to all of
//! them, and what is changed in between.

use std::fmt::Write;

use super::{Dice, FRAMES};
use crate::scenario::Scenario;

/// Returns scenario number `number` of a seed, for a kernel that has VLAN devices or not.
pub(crate) fn scenario(seed: u64, number: u64, vlans: bool) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0003).wrapping_add(number));
    let world = World::roll(&mut dice, vlans);
    let mut text = world.build(&mut dice);
    for _ in 0..FRAMES {
        match dice.below(100) {
            0..10 => world.reconfigure(&mut dice, &mut text),
            10 => text.push_str("ip -j link show\nbridge -j fdb show\n"),
            11 => text.push_str(world.details()),
            _ => {}
        }
        world.frame(&mut dice, &mut text);
    }
    text.push_str(world.details());
    text.push_str("bridge -j fdb show\n");
    // A group that leaks to a child is counted there.
    text.push_str(if world.groups {
        "ip -j link show\n"
    } else {
        "ip -j -s link show\n"
    });
    Scenario::new(format!("macvlans, seed {seed}, scenario {number}"), &text)
}

/// What the children stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lower {
    /// The TAP `p1`.
    Tap,
    /// The veth end `v1`, whose peer `v2` is a host.
    Host,
    /// The veth end `v1`, whose peer `v2` is a port of `br0`, which has the TAP `p1` too.
    Switch,
    /// `br0`, with the TAPs `p1` and `p2`.
    Bridge,
    /// The dummy `d1`.
    Dummy,
    /// The VLAN device `p1.10`.
    Vlan,
}

#[derive(Debug)]
struct World {
    lower: Lower,
    children: u64,
    passthru: bool,
    /// Groups that not everybody is a member of.
    groups: bool,
    /// c1 is a port of `br1`, which has the TAP `p8` too.
    bridged: bool,
    /// The VLAN device c2.10 on c2.
    device: bool,
}

const MODES: [&str; 4] = ["private", "vepa", "bridge", "source"];

impl World {
    fn roll(dice: &mut Dice, vlans: bool) -> Self {
        let lower = match dice.below(20) {
            0..6 => Lower::Tap,
            6..9 => Lower::Host,
            9..14 => Lower::Switch,
            14..16 => Lower::Bridge,
            16..18 if vlans => Lower::Vlan,
            18 => Lower::Dummy,
            _ => Lower::Tap,
        };
        let passthru = dice.chance(12);
        let bridged = dice.chance(15);
        Self {
            lower,
            children: if passthru { 1 } else { 1 + dice.below(6) },
            passthru,
            // What leaks to a port of a bridge is learned from and flooded there.
            groups: !bridged && dice.chance(50),
            bridged,
            device: vlans && dice.chance(30),
        }
    }

    /// Shows the macvlans. Of a bridge port, details are timers.
    fn details(&self) -> &'static str {
        match self.bridged {
            true => "ip -j link show type macvlan\n",
            false => "ip -j -d link show type macvlan\n",
        }
    }

    fn lower(&self) -> &'static str {
        match self.lower {
            Lower::Tap => "p1",
            Lower::Host | Lower::Switch => "v1",
            Lower::Bridge => "br0",
            Lower::Dummy => "d1",
            Lower::Vlan => "p1.10",
        }
    }

    fn build(&self, dice: &mut Dice) -> String {
        let mut text = String::new();
        let tap = |text: &mut String, n: u64, more: &str| {
            let _ = writeln!(text, "ip tuntap add p{n} mode tap");
            let _ = writeln!(
                text,
                "ip link set p{n} address 02:00:00:00:01:0{n} up {more}"
            );
        };
        let bridge = |text: &mut String, n: u64| {
            let _ = writeln!(
                text,
                "ip link add br{n} address 02:00:00:00:00:b{n} up type bridge mcast_snooping 0"
            );
        };
        match self.lower {
            Lower::Tap => tap(&mut text, 1, ""),
            Lower::Dummy => {
                text.push_str("ip link add d1 address 02:00:00:00:04:01 up type dummy\n")
            }
            Lower::Bridge => {
                bridge(&mut text, 0);
                tap(&mut text, 1, "master br0");
                tap(&mut text, 2, "master br0");
            }
            Lower::Vlan => {
                tap(&mut text, 1, "");
                text.push_str("ip link add link p1 name p1.10 up type vlan id 10\n");
            }
            Lower::Host | Lower::Switch => {
                text.push_str("ip link add v1 address 02:00:00:00:02:01 up type veth peer name v2 address 02:00:00:00:02:02\n");
                text.push_str("ip link set v2 up\n");
                if self.lower == Lower::Switch {
                    bridge(&mut text, 0);
                    tap(&mut text, 1, "master br0");
                    text.push_str("ip link set v2 master br0\n");
                    if dice.chance(70) {
                        text.push_str("bridge link set dev v2 hairpin on\n");
                    }
                }
            }
        }
        for child in 1..=self.children {
            self.child(dice, &mut text, child);
            if dice.chance(85) {
                let _ = writeln!(text, "ip link set c{child} up");
            }
        }
        if self.bridged {
            bridge(&mut text, 1);
            tap(&mut text, 8, "master br1");
            text.push_str("ip link set c1 up\nip link set c1 master br1\n");
        }
        if self.device && self.children > 1 {
            text.push_str("ip link add link c2 name c2.10 type vlan id 10\nip link set c2.10 up\n");
        }
        text
    }

    /// Makes a child, perhaps by way of another.
    fn child(&self, dice: &mut Dice, text: &mut String, child: u64) {
        let sibling = if child > 1 && dice.chance(10) {
            "c1"
        } else {
            self.lower()
        };
        let mode = if self.passthru {
            "passthru"
        } else {
            dice.pick(&MODES)
        };
        let mut more = String::new();
        if mode == "source" && dice.chance(20) {
            more.push_str(" nodst");
        }
        if mode == "passthru" && dice.chance(20) {
            more.push_str(" nopromisc");
        }
        if dice.chance(10) {
            let _ = write!(more, " bcqueuelen {}", dice.pick(&["0", "1", "2000"]));
        }
        // Last: iproute2 complains of a word behind the addresses that is none, and goes on.
        if mode == "source" && dice.chance(80) {
            let _ = write!(more, " macaddr set {}", Self::station(dice));
            if dice.chance(50) {
                let _ = write!(more, " {}", Self::station(dice));
            }
        }
        let _ = writeln!(
            text,
            "ip link add link {sibling} name c{child} address 02:00:00:00:00:0{child} type macvlan mode {mode}{more}"
        );
    }

    /// An address that children and stations have.
    fn station(dice: &mut Dice) -> String {
        format!("02:00:00:00:00:0{}", 1 + dice.below(9))
    }

    fn some_child(&self, dice: &mut Dice) -> String {
        format!("c{}", 1 + dice.below(self.children))
    }

    fn frame(&self, dice: &mut Dice, text: &mut String) {
        let at = match dice.below(10) {
            0..4 => match self.lower {
                Lower::Tap | Lower::Vlan => "p1".to_owned(),
                Lower::Dummy => self.some_child(dice),
                Lower::Host => "v2".to_owned(),
                Lower::Switch => dice.pick(&["p1", "p1", "br0", "v2"]).to_owned(),
                Lower::Bridge => dice.pick(&["p1", "p2"]).to_owned(),
            },
            4 => match self.lower {
                Lower::Tap => "p1@stack".to_owned(),
                _ => self.lower().to_owned(),
            },
            5 if self.bridged => dice.pick(&["p8", "br1"]).to_owned(),
            6 if self.device && self.children > 1 => "c2.10".to_owned(),
            _ => self.some_child(dice),
        };
        let source = match dice.below(20) {
            0 => "zero".to_owned(),
            1 => "m1".to_owned(),
            2 => dice.pick(&["p1", "v1", "v2", "br0"]).to_owned(),
            _ => format!("h{}", 1 + dice.below(9)),
        };
        let destination = match dice.below(20) {
            0..5 => "all".to_owned(),
            5 => "hosts".to_owned(),
            6..9 if self.groups => format!("m{}", 1 + dice.below(3)),
            9 if self.groups => dice.pick(&["n1", "ll0e", "ll00", "routers"]).to_owned(),
            10 | 11 => dice.pick(&["p1", "v1", "v2", "br0", "br1"]).to_owned(),
            _ => format!("h{}", 1 + dice.below(9)),
        };
        let tagged = if self.lower == Lower::Vlan { 60 } else { 15 };
        let tags = if dice.chance(tagged) {
            dice.pick(&[
                " 8100:10",
                " 8100:10",
                " 8100:0",
                " 8100:20",
                " 88a8:10",
                " 8100:10 8100:10",
                " 8100:0 8100:10",
            ])
        } else {
            ""
        };
        let _ = write!(text, "{at}: {source} > {destination}{tags}");
        if dice.chance(6) {
            let _ = write!(
                text,
                " type {}",
                dice.pick(&["0806", "88cc", "8808", "8100", "8809"])
            );
        } else if dice.chance(4) {
            text.push_str(" llc len 60");
        } else if dice.chance(15) {
            let length = match dice.below(3) {
                0 => 26 + dice.below(60),
                1 => 1510 + dice.below(12),
                _ => 1010 + dice.below(12),
            };
            let _ = write!(text, " len {length}");
        }
        text.push('\n');
    }

    fn reconfigure(&self, dice: &mut Dice, text: &mut String) {
        let (child, lower) = (self.some_child(dice), self.lower());
        let on = dice.pick(&["on", "off"]);
        let command = match dice.below(16) {
            0 | 1 => format!("ip link set {child} {}", dice.pick(&["up", "up", "down"])),
            2 | 3 if !self.passthru => format!(
                "ip link set {child} type macvlan mode {}",
                dice.pick(&MODES)
            ),
            4 => format!("ip link set {child} address {}", Self::station(dice)),
            5 => format!("ip link set {child} promisc {on}"),
            6 => format!("ip link set {child} allmulticast {on}"),
            7 | 8 => {
                let how = dice.pick(&["add", "del", "set", "flush"]);
                let which = match how {
                    "flush" => String::new(),
                    _ => format!(" {}", Self::station(dice)),
                };
                format!("ip link set {child} type macvlan macaddr {how}{which}")
            }
            9 => format!("ip link set {lower} down\nip link set {lower} up"),
            10 => format!("ip link set {lower} {}", dice.pick(&["up", "up", "down"])),
            11 => format!(
                "ip link set {} mtu {}",
                dice.pick(&[lower, &child]),
                dice.pick(&["1000", "1500"])
            ),
            12 if self.groups => format!(
                "bridge fdb {} 01:00:5e:00:01:0{} dev {child} self",
                dice.pick(&["add", "add", "del"]),
                1 + dice.below(3)
            ),
            13 => format!(
                "ip link set {child} type macvlan bcqueuelen {}",
                dice.pick(&["0", "1", "1000", "5000"])
            ),
            14 if !self.bridged && !self.device => {
                let _ = writeln!(text, "ip link del {child}");
                let number = child[1..].parse().expect("a number");
                self.child(dice, text, number);
                format!("ip link set {child} up")
            }
            15 => match self.lower {
                Lower::Switch => format!("bridge link set dev v2 hairpin {on}"),
                Lower::Tap => "ip link set p1 address 02:00:00:00:01:03".to_owned(),
                _ => format!("ip link set {lower} promisc {on}"),
            },
            _ => format!(
                "ip link set {child} type macvlan flag {}",
                dice.pick(&["nodst", "null"])
            ),
        };
        text.push_str(&command);
        text.push('\n');
    }
}
