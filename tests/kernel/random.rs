//! Random scenarios from a seed: topology, flags, frames, and reconfiguration in between.

use std::fmt::Write;

use crate::cases;
use crate::scenario::Scenario;

/// How many frames a scenario has at least.
pub(crate) const FRAMES: usize = 150;

/// Returns scenario number `number` of a seed.
pub(crate) fn scenario(seed: u64, number: u64) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
    let world = World::roll(&mut dice);
    let mut text = world.build(&mut dice);
    for _ in 0..FRAMES {
        match dice.below(100) {
            0..7 => world.reconfigure(&mut dice, &mut text),
            7 => text.push_str("bridge -d -j fdb show\n"),
            8 => text.push_str("bridge -d -j link show\n"),
            _ => {}
        }
        world.frame(&mut dice, &mut text);
    }
    text.push_str(cases::TABLES);
    Scenario::new(format!("seed {seed}, scenario {number}"), &text)
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    /// Seeds it so that neighbouring seeds have nothing in common.
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed);
        dice.0 = dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        let index = usize::try_from(self.below(of.len() as u64)).expect("an index");
        of[index]
    }
}

/// `br0` with TAPs `p1` to `pN`; perhaps a host `v8` on its veth port `v9`; perhaps `br1` with TAPs
/// behind the veth `v1`–`v2`.
struct World {
    ports: u64,
    host: bool,
    second: u64,
}

impl World {
    fn roll(dice: &mut Dice) -> Self {
        let ports = 2 + dice.below(4);
        let host = dice.chance(30);
        let second = if dice.chance(40) {
            1 + dice.below(2)
        } else {
            0
        };
        Self {
            ports,
            host,
            second,
        }
    }

    fn build(&self, dice: &mut Dice) -> String {
        let options = [
            "",
            "no_linklocal_learn 1",
            "group_fwd_mask 0xfff8",
            "group_fwd_mask 0x4008",
        ];
        let options = if dice.chance(30) {
            dice.pick(&options)
        } else {
            ""
        };
        let ports = u8::try_from(self.ports).expect("at most 5");
        let mut text = cases::bridge(ports, options);
        if self.host {
            text.push_str("ip link add v8 address 02:00:00:00:02:08 type veth peer name v9 address 02:00:00:00:02:09\n");
            text.push_str("ip link set v9 master br0 up\nip link set v8 up\n");
        }
        if self.second > 0 {
            text.push_str("ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping 0\nip link set br1 up\n");
            text.push_str("ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02\n");
            text.push_str("ip link set v1 master br0 up\nip link set v2 master br1 up\n");
            for port in self.second_ports() {
                let _ = writeln!(text, "ip tuntap add {port} mode tap");
                let mac = port.replace('p', "02:00:00:00:01:0");
                let _ = writeln!(text, "ip link set {port} address {mac} master br1 up");
            }
        }
        for _ in 0..dice.below(4) {
            self.reconfigure(dice, &mut text);
        }
        text
    }

    fn second_ports(&self) -> impl Iterator<Item = String> {
        (0..self.second).map(|port| format!("p{}", 8 + port))
    }

    fn taps(&self) -> Vec<String> {
        (1..=self.ports)
            .map(|port| format!("p{port}"))
            .chain(self.second_ports())
            .collect()
    }

    fn ports(&self) -> Vec<String> {
        let mut ports = self.taps();
        if self.host {
            ports.push("v9".to_owned());
        }
        if self.second > 0 {
            ports.extend(["v1", "v2"].map(str::to_owned));
        }
        ports
    }

    fn frame(&self, dice: &mut Dice, text: &mut String) {
        let taps = self.taps();
        let taps: Vec<&str> = taps.iter().map(String::as_str).collect();
        let tap = dice.pick(&taps);
        let mut at = tap.to_owned();
        match dice.below(20) {
            0 | 1 => at = "br0".to_owned(),
            2 if self.second > 0 => at = "br1".to_owned(),
            3 | 4 if self.host => at = "v8".to_owned(),
            5 => at.push_str("@stack"),
            _ => {}
        }
        let (source, destination) = (Self::source(dice), self.destination(dice));
        let _ = write!(text, "{at}: {source} > {destination}");
        if dice.chance(15) {
            let tags = [
                "8100:10",
                "8100:0",
                "88a8:10",
                "8100:4095",
                "8100:20 8100:10",
                "88a8:5 8100:6",
                "8100:0 8100:7",
            ];
            let _ = write!(text, " {}", dice.pick(&tags));
        }
        if dice.chance(10) {
            let _ = write!(
                text,
                " type {}",
                dice.pick(&[
                    "0800", "0806", "86dd", "88cc", "8809", "888e", "8808", "8100", "88a8"
                ])
            );
        } else if dice.chance(5) {
            text.push_str(" llc len 60");
        }
        if dice.chance(20) && !text.ends_with("len 60") {
            let length = match dice.below(3) {
                0 => 26 + dice.below(60),
                1 => 1510 + dice.below(18),
                _ => 1010 + dice.below(20),
            };
            let _ = write!(text, " len {length}");
        }
        text.push('\n');
    }

    fn source(dice: &mut Dice) -> String {
        match dice.below(40) {
            0 => "zero".to_owned(),
            1 => "m1".to_owned(),
            2 => "all".to_owned(),
            3 => format!("p{}", 1 + dice.below(4)),
            4 => dice.pick(&["br0", "br1", "v1", "v9", "v8"]).to_owned(),
            _ => format!("h{}", 1 + dice.below(8)),
        }
    }

    fn destination(&self, dice: &mut Dice) -> String {
        match dice.below(40) {
            0..5 => "all".to_owned(),
            5..9 => format!("m{}", 1 + dice.below(3)),
            9..12 => format!("ll{:02x}", dice.below(18)),
            12..15 => "br0".to_owned(),
            15 => "br1".to_owned(),
            16..18 => format!("p{}", 1 + dice.below(self.ports)),
            18 => dice.pick(&["zero", "v1", "v2", "v8", "v9"]).to_owned(),
            _ => format!("h{}", 1 + dice.below(8)),
        }
    }

    /// One to change, and perhaps a second to change it back.
    fn reconfigure(&self, dice: &mut Dice, text: &mut String) {
        let ports = self.ports();
        let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
        let (port, other) = (dice.pick(&ports), dice.pick(&ports));
        let bridge = if self.second > 0 && dice.chance(20) {
            "br1"
        } else {
            "br0"
        };
        let station = 1 + dice.below(8);
        let on = dice.pick(&["on", "off"]);
        let line = match dice.below(24) {
            0..5 => {
                let flag = dice.pick(&[
                    "learning",
                    "flood",
                    "mcast_flood",
                    "bcast_flood",
                    "hairpin",
                    "isolated",
                    "locked",
                    "guard",
                ]);
                format!("bridge link set dev {port} {flag} {on}")
            }
            5 => format!("ip link set {port} type bridge_slave proxy_arp {on}"),
            6 => format!(
                "ip link set {port} type bridge_slave group_fwd_mask {}",
                dice.pick(&["0", "1", "4", "0x4000", "2", "0xfffd"])
            ),
            7 => format!("bridge link set dev {port} state {}", dice.below(6)),
            8 => format!("bridge link set dev {port} state 3"),
            9..13 => {
                let how = dice.pick(&["add", "append", "replace"]);
                let state = dice.pick(&[
                    "static",
                    "dynamic",
                    "local",
                    "",
                    "static sticky",
                    "dynamic sticky",
                    "extern_learn",
                    "dynamic extern_learn",
                    "static use",
                    "dynamic use",
                ]);
                format!("bridge fdb {how} 02:00:00:00:00:{station:02x} dev {port} master {state}")
            }
            13 => format!("bridge fdb del 02:00:00:00:00:{station:02x} dev {port} master"),
            14 => {
                let filter = dice.pick(&[
                    "dynamic",
                    "static",
                    "permanent",
                    "nopermanent",
                    "nostatic nopermanent",
                    "sticky",
                    "nosticky nopermanent",
                    "extern_learn",
                    "added_by_user",
                    "noadded_by_user",
                ]);
                let on = if dice.chance(30) {
                    format!(" brport {other}")
                } else {
                    String::new()
                };
                format!("bridge fdb flush dev {bridge}{on} {filter}")
            }
            15 => format!("ip link set {port} down\nip link set {port} up"),
            16 => format!("ip link set {port} {}", dice.pick(&["down", "up", "up"])),
            17 => format!("ip link set {port} nomaster\nip link set {port} master {bridge}"),
            18 => format!(
                "ip link set {bridge} type bridge {}",
                dice.pick(&[
                    "group_fwd_mask 0",
                    "group_fwd_mask 0xfff8",
                    "group_fwd_mask 4",
                    "no_linklocal_learn 1",
                    "no_linklocal_learn 0",
                    // Learned entries live on until the kernel's next sweep, up to 10 ms later, so
                    // nothing is sent meanwhile.
                    "ageing_time 0\nwait 0.05\nip link set BRIDGE type bridge ageing_time 30000",
                    "fdb_flush"
                ])
            )
            .replace("BRIDGE", bridge),
            19 => format!("ip link set {bridge} promisc {on}"),
            20 => format!("ip link set {port} mtu {}", dice.pick(&["1000", "1500"])),
            21 => format!(
                "ip link set {port} address 02:00:00:00:03:{:02x}",
                dice.below(6)
            ),
            22 => match dice.below(3) {
                0 => format!(
                    "ip link set {bridge} address 02:00:00:00:00:{:02x}",
                    0xb0 + dice.below(4)
                ),
                1 => format!("bridge link set dev {port} backup_port {other}"),
                _ => format!("bridge link set dev {port} nobackup_port"),
            },
            _ => {
                let taps = self.taps();
                let taps: Vec<&str> = taps.iter().map(String::as_str).collect();
                let tap = dice.pick(&taps);
                format!("unplug {tap}\np1: h1 > h2\nplug {tap}")
            }
        };
        // With two bridges, a port that joins "the other" one would make a loop of the veth pair.
        let joins_across = line.contains("nomaster") && self.second > 0;
        text.push_str(if joins_across { "" } else { &line });
        text.push('\n');
    }
}
