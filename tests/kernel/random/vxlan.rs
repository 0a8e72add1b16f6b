//! Random scenarios about VXLAN devices: endpoints on a wire, alone and as bridge ports, entries with one and
//! with several remotes, and packets from endpoints that mean well, or do not.

use std::fmt::Write;

use super::{Dice, FRAMES};
use crate::scenario::Scenario;

/// Returns scenario number `number` of a seed, for the full kernel or another.
pub(crate) fn scenario(seed: u64, number: u64, full: bool) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0007).wrapping_add(number));
    let world = World::roll(&mut dice, full);
    let mut text = world.build(&mut dice);
    for _ in 0..FRAMES {
        match dice.below(100) {
            0..14 => world.reconfigure(&mut dice, &mut text),
            14 | 15 => world.show(&mut text),
            _ => {}
        }
        if dice.chance(45) {
            world.packet(&mut dice, &mut text);
        } else {
            world.frame(&mut dice, &mut text);
        }
    }
    world.show(&mut text);
    text.push_str("ip -j link show type vxlan\n");
    Scenario::new(format!("vxlans, seed {seed}, scenario {number}"), &text)
}

/// One device.
#[derive(Debug)]
struct Device {
    number: u64,
    vni: u64,
    port: u64,
}

/// `u1`, a TAP with 192.0.2.1 (`v9`); endpoints .2 to .5 are known there as h2 to h5. `u2`, another with
/// 198.51.100.1, that is down at first. The kernel's side has no IPv6 of its own. `vx1` to `vxN`, the first
/// perhaps a port of `br0` beside the TAP `p1`.
#[derive(Debug)]
struct World {
    devices: Vec<Device>,
    bridged: bool,
    /// Frames have tags. Then no endpoint is this host: what Linux makes of a tagged frame that goes from one
    /// device to another without ever being put in has its octets in another order.
    tagged: bool,
    /// The kernel is the one that is compared with. Newer ones forget at the next change of a device that it
    /// has `gbp`, and take the bits for reserved ones.
    full: bool,
}

impl World {
    fn roll(dice: &mut Dice, full: bool) -> Self {
        let count = 1 + dice.below(3);
        let devices = (1..=count).map(|number| Device {
            number,
            vni: 41 + number,
            port: if dice.chance(80) { 4_789 } else { 8_472 },
        });
        Self {
            devices: devices.collect(),
            bridged: dice.chance(45),
            tagged: dice.chance(60),
            full,
        }
    }

    fn build(&self, dice: &mut Dice) -> String {
        let mut text = String::from(
            "ip tuntap add u1 mode tap
            ip link set u1 address 02:00:00:00:02:09 up
            ip addr add 192.0.2.1/24 dev u1
            ip tuntap add u2 mode tap
            ip link set u2 address 02:00:00:00:02:08
            ip addr add 198.51.100.1/24 dev u2\n",
        );
        for host in 2..6 {
            let _ = writeln!(
                text,
                "ip neigh add 192.0.2.{host} lladdr 02:00:00:00:00:0{host} dev u1"
            );
        }
        if self.bridged {
            text.push_str(
                "ip link add br0 address 02:00:00:00:00:b0 up type bridge mcast_snooping 0
                ip tuntap add p1 mode tap
                ip link set p1 address 02:00:00:00:01:01 master br0 up\n",
            );
        }
        for device in &self.devices {
            self.device(dice, &mut text, device);
        }
        text
    }

    fn device(&self, dice: &mut Dice, text: &mut String, device: &Device) {
        let Device {
            number, vni, port, ..
        } = device;
        let mut more = String::new();
        if dice.chance(60) {
            let _ = write!(more, " remote {}", self.endpoint(dice));
        }
        if dice.chance(30) {
            more.push_str(" local 192.0.2.1");
        }
        if dice.chance(20) {
            more.push_str(" nolearning");
        }
        if dice.chance(15) {
            more.push_str(dice.pick(&[" ttl 9", " ttl inherit"]));
        }
        if dice.chance(20) {
            more.push_str(dice.pick(&[" tos 4", " tos inherit", " tos 10"]));
        }
        if dice.chance(20) {
            more.push_str(dice.pick(&[" df set", " df inherit"]));
        }
        if dice.chance(15) {
            more.push_str(" noudpcsum");
        }
        if self.full && dice.chance(8) {
            more.push_str(" gbp");
        }
        if dice.chance(8) {
            more.push_str(" maxaddress 3");
        }
        let _ = writeln!(
            text,
            "ip link add vx{number} address 02:00:00:00:02:0{number} type vxlan id {vni} dstport {port}{more}"
        );
        let master = if self.bridged && *number == 1 {
            " master br0"
        } else {
            ""
        };
        let _ = writeln!(text, "ip link set vx{number}{master} up");
    }

    /// An endpoint that is known, mostly.
    fn endpoint(&self, dice: &mut Dice) -> String {
        match dice.below(30) {
            0 => "203.0.113.1".to_owned(),
            1 if !self.tagged => "192.0.2.1".to_owned(),
            2 if !self.tagged => "198.51.100.1".to_owned(),
            _ => format!("192.0.2.{}", 2 + dice.below(4)),
        }
    }

    fn some(&self, dice: &mut Dice) -> &Device {
        let count = self.devices.len() as u64;
        &self.devices[usize::try_from(dice.below(count)).expect("an index")]
    }

    fn show(&self, text: &mut String) {
        for Device { number, .. } in &self.devices {
            let _ = writeln!(text, "bridge -j fdb show dev vx{number}");
        }
    }

    fn station(dice: &mut Dice) -> String {
        match dice.below(24) {
            0 => "zero".to_owned(),
            1 => "m1".to_owned(),
            2 => dice.pick(&["v1", "v2", "v3", "v9"]).to_owned(),
            _ => format!("h{}", 5 + dice.below(5)),
        }
    }

    fn destination(dice: &mut Dice) -> String {
        match dice.below(20) {
            0..5 => "all".to_owned(),
            5 | 6 => format!("m{}", 1 + dice.below(2)),
            7 | 8 => dice.pick(&["v1", "v2", "v3", "p1", "br0"]).to_owned(),
            _ => format!("h{}", 5 + dice.below(5)),
        }
    }

    /// What a frame is: tags, a type, a length.
    fn rest(&self, dice: &mut Dice, text: &mut String, long: bool) {
        if self.tagged && dice.chance(15) {
            text.push_str(dice.pick(&[" 8100:10", " 88a8:10", " 8100:0", " 8100:10 8100:20"]));
        }
        match dice.below(30) {
            0 => text.push_str(" llc len 60"),
            1 => text.push_str(" type 0800 len 60"),
            2 => text.push_str(" type 86dd len 60"),
            3 => text.push_str(dice.pick(&[" type 0800 len 33", " type 86dd len 53"])),
            4..8 => {
                let length = match dice.below(3) {
                    1 if long => 1_440 + dice.below(75),
                    2 if long => 640 + dice.below(120),
                    _ => 26 + dice.below(60),
                };
                let _ = write!(text, " len {length}");
            }
            _ => {}
        }
    }

    /// A frame that a host here sends.
    fn frame(&self, dice: &mut Dice, text: &mut String) {
        let at = match self.bridged && dice.chance(60) {
            true => dice.pick(&["p1", "p1", "br0"]).to_owned(),
            false => format!("vx{}", self.some(dice).number),
        };
        let (from, to) = (Self::station(dice), Self::destination(dice));
        let _ = write!(text, "{at}: {from} > {to}");
        if dice.chance(12) {
            let ip = dice.pick(&["10.0.0.5", "10.0.0.6", "239.1.2.3", "2001:db8::5"]);
            let df = if dice.chance(70) && ip.contains('.') {
                " df"
            } else {
                ""
            };
            let size = match dice.below(3) {
                0 => 1_438 + dice.below(16),
                1 => 600 + dice.below(150),
                _ => 1_280 + dice.below(214),
            };
            let _ = write!(text, " udp {ip}{df} of {size}");
        } else {
            self.rest(dice, text, true);
        }
        text.push('\n');
    }

    /// A packet that comes in by the wire below.
    fn packet(&self, dice: &mut Dice, text: &mut String) {
        let device = self.some(dice);
        let host = 2 + dice.below(4);
        let mut source = format!("192.0.2.{host}");
        let mut destination = "192.0.2.1".to_owned();
        let mut to = "v9";
        let mut vni = device.vni;
        let mut port = device.port;
        match dice.below(40) {
            0 => {
                source = dice
                    .pick(&[
                        "192.0.2.1",
                        "198.51.100.1",
                        "127.0.0.1",
                        "0.0.0.0",
                        "239.1.1.1",
                        "10.9.9.9",
                    ])
                    .to_owned();
            }
            1 => {
                destination = dice
                    .pick(&[
                        "192.0.2.9",
                        "192.0.2.255",
                        "255.255.255.255",
                        "198.51.100.1",
                        "198.51.100.255",
                    ])
                    .to_owned();
            }
            2 => to = dice.pick(&["all", "h9"]),
            3..5 => vni = 41 + dice.below(5),
            5 => port = 4_789 + 3_683 * dice.below(2),
            _ => {}
        }
        let mut words = String::new();
        if port != 4_789 {
            let _ = write!(words, " port={port}");
        }
        match dice.below(60) {
            0 => words.push_str(dice.pick(&[
                " flags=0",
                " flags=08000001",
                " flags=88000000",
                " flags=88000007",
                " flags=18000000",
                " flags=08200000",
                " flags=ffffffff",
            ])),
            1 => words.push_str(dice.pick(&[" last=2a01", " last=2aff", " last=0"])),
            2 => words.push_str(" sum=bad"),
            3 => words.push_str(" sum=none"),
            4 => words.push_str(" ip=bad"),
            5 => {
                let _ = write!(words, " udp={}", dice.below(40));
            }
            6 => {
                let _ = write!(words, " length={}", dice.below(70));
            }
            7 => {
                let _ = write!(words, " cut={}", dice.below(22));
            }
            8 | 9 => {
                let _ = write!(words, " more={}", 1 + dice.below(20));
            }
            10..16 => {
                let _ = write!(words, " tos={:x}", dice.below(256));
            }
            _ => {}
        }
        let (from, inner) = (Self::station(dice), Self::destination(dice));
        let _ = write!(
            text,
            "u1: h{host} > {to} in {source} {destination} {vni}{words} : {from} > {inner}"
        );
        self.rest(dice, text, false);
        text.push('\n');
    }

    fn reconfigure(&self, dice: &mut Dice, text: &mut String) {
        let device = self.some(dice);
        let vx = format!("vx{}", device.number);
        let station = match dice.below(10) {
            0 | 1 => "00:00:00:00:00:00".to_owned(),
            2 => "01:00:5e:00:01:01".to_owned(),
            _ => format!("02:00:00:00:00:0{}", 5 + dice.below(5)),
        };
        let endpoint = match dice.chance(5) {
            true => "0.0.0.0".to_owned(),
            false => self.endpoint(dice),
        };
        let command = match dice.below(17) {
            0..7 => {
                let how = dice.pick(&["add", "add", "append", "append", "replace"]);
                let mut more = String::new();
                if dice.chance(10) {
                    more.push_str(dice.pick(&[" port 4790", " port 8472"]));
                }
                if dice.chance(12) {
                    let _ = write!(more, " vni {}", 41 + dice.below(5));
                }
                if dice.chance(8) {
                    more.push_str(dice.pick(&[" via u1", " via u1", " via u2"]));
                }
                more.push_str(dice.pick(&["", "", " static", " dynamic", " permanent", " sticky"]));
                format!("bridge fdb {how} {station} dev {vx} dst {endpoint}{more}")
            }
            7 | 8 => match dice.chance(50) {
                true => format!("bridge fdb del {station} dev {vx} self"),
                false => format!("bridge fdb del {station} dev {vx} dst {endpoint} self"),
            },
            9 => format!(
                "ip link set {vx} type vxlan {}",
                dice.pick(&["learning", "nolearning"])
            ),
            10 => {
                let remote = self.endpoint(dice);
                format!("ip link set {vx} type vxlan remote {remote}")
            }
            11 => format!(
                "ip link set {vx} type vxlan {}",
                dice.pick(&["ttl 5", "ttl 0", "tos 0", "tos 8", "df unset", "df set"])
            ),
            12 => format!("ip link set {vx} down\nip link set {vx} up"),
            13 => format!(
                "ip link set {vx} mtu {}",
                dice.pick(&["1450", "1500", "700"])
            ),
            14 => {
                format!("ip link set u1 mtu {}", dice.pick(&["700", "1500", "1500"]))
            }
            15 => format!("ip link set u2 {}", dice.pick(&["up", "down"])),
            _ => format!("ip link set {vx} {}", dice.pick(&["up", "up", "down"])),
        };
        text.push_str(&command);
        text.push('\n');
    }
}
