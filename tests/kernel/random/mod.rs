//! Random scenarios from a seed: topology, options, frames, and reconfiguration in between.

mod changes;
mod dice;
mod frames;
pub(crate) mod ipvlan;
pub(crate) mod macvlan;
mod tables;
pub(crate) mod vxlan;

use std::fmt::Write;

use crate::cases;
use crate::scenario::Scenario;
use dice::Dice;

/// How many frames a scenario has at least.
pub(crate) const FRAMES: usize = 150;

/// Returns scenario number `number` of a seed, for a kernel that filters VLANs or not.
pub(crate) fn scenario(seed: u64, number: u64, vlans: bool) -> Scenario {
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
    let world = World::roll(&mut dice, vlans);
    let mut text = world.build(&mut dice);
    for _ in 0..FRAMES {
        match dice.below(100) {
            0..7 => world.reconfigure(&mut dice, &mut text),
            7 => text.push_str("bridge -d -j fdb show\n"),
            8 => world.show(&mut dice, &mut text),
            _ => {}
        }
        world.frame(&mut dice, &mut text);
    }
    text.push_str(cases::TABLES);
    if vlans {
        text.push_str("bridge -d -j vlan show\n");
    }
    if world.snooping {
        text.push_str("bridge -d -j mdb show\n");
    }
    Scenario::new(format!("seed {seed}, scenario {number}"), &text)
}

/// `br0` with TAPs `p1` to `pN`; perhaps a host `v8` on its veth port `v9`; perhaps `br1` with TAPs
/// behind the veth `v1`–`v2`; perhaps VLAN devices on some of them.
#[derive(Debug)]
struct World {
    ports: u64,
    host: bool,
    second: u64,
    /// The kernel is one with VLANs. Others are newer, and leave ARP probes and requests for one
    /// station alone.
    full: bool,
    /// VLANs are filtered, at least at times.
    filtering: bool,
    /// Groups are snooped.
    snooping: bool,
    /// Requests for addresses are answered in the stations' place.
    suppressing: bool,
    /// VLAN devices: lower, VID, protocol.
    devices: Vec<(String, u16, &'static str)>,
}

/// The VIDs that scenarios use.
const VIDS: [&str; 5] = ["1", "10", "20", "30", "4094"];

impl World {
    fn roll(dice: &mut Dice, vlans: bool) -> Self {
        let ports = match dice.chance(10) {
            true => 6 + dice.below(3),
            false => 2 + dice.below(4),
        };
        let host = dice.chance(30);
        let second = if dice.chance(40) && ports < 8 {
            1 + dice.below(2)
        } else {
            0
        };
        let mut world = Self {
            ports: if second > 0 { ports.min(7) } else { ports },
            host,
            second,
            full: vlans,
            filtering: vlans && dice.chance(70),
            snooping: dice.chance(25),
            suppressing: dice.chance(15),
            devices: Vec::new(),
        };
        if vlans && dice.chance(40) {
            for _ in 0..1 + dice.below(3) {
                let lowers: Vec<String> = world
                    .ports()
                    .into_iter()
                    .chain(["br0".to_owned()])
                    .collect();
                let lowers: Vec<&str> = lowers.iter().map(String::as_str).collect();
                let lower = dice.pick(&lowers).to_owned();
                let vid = [10, 20, 30][usize::try_from(dice.below(3)).expect("an index")];
                let protocol = if dice.chance(15) { "802.1ad" } else { "802.1Q" };
                if !world
                    .devices
                    .iter()
                    .any(|device| device.0 == lower && device.1 == vid)
                {
                    world.devices.push((lower, vid, protocol));
                }
            }
        }
        world
    }

    fn build(&self, dice: &mut Dice) -> String {
        let options = [
            "no_linklocal_learn 1",
            "group_fwd_mask 0xfff8",
            "group_fwd_mask 0x4008",
        ];
        let mut options = match dice.chance(20) {
            true => dice.pick(&options).to_owned(),
            false => String::new(),
        };
        if self.filtering && dice.chance(80) {
            options.push_str(" vlan_filtering 1");
        }
        if self.filtering && dice.chance(15) {
            options.push_str(" vlan_protocol 802.1ad");
        }
        if self.filtering && dice.chance(20) {
            let _ = write!(
                options,
                " vlan_default_pvid {}",
                dice.pick(&["0", "10", "20"])
            );
        }
        if self.snooping {
            // A group is forgotten 0.1 s after the last member was asked for, and a querier that was
            // heard is believed after 0.1 s.
            options.push_str(
                " mcast_snooping 1 mcast_last_member_interval 5 mcast_query_response_interval 10",
            );
        }
        let ports = u8::try_from(self.ports).expect("at most 8");
        let mut text = cases::bridge(ports, &options);
        if self.snooping && dice.chance(30) {
            // As an option of a new bridge it would come before the interval, and count for ten seconds.
            text.push_str("ip link set br0 type bridge mcast_querier 1\nwait 0.3\n");
        }
        if self.host {
            text.push_str("ip link add v8 address 02:00:00:00:02:08 type veth peer name v9 address 02:00:00:00:02:09\n");
            text.push_str("ip link set v9 master br0 up\nip link set v8 up\n");
        }
        if self.second > 0 {
            let aware = if self.filtering && dice.chance(50) {
                "vlan_filtering 1"
            } else {
                ""
            };
            let snooping = u8::from(self.snooping && dice.chance(50));
            let _ = writeln!(
                text,
                "ip link add br1 address 02:00:00:00:00:b1 type bridge mcast_snooping {snooping} {aware}"
            );
            text.push_str("ip link set br1 up\n");
            text.push_str("ip link add v1 address 02:00:00:00:02:01 type veth peer name v2 address 02:00:00:00:02:02\n");
            text.push_str("ip link set v1 master br0 up\nip link set v2 master br1 up\n");
            for port in self.second_ports() {
                let _ = writeln!(text, "ip tuntap add {port} mode tap");
                let mac = port.replace('p', "02:00:00:00:01:0");
                let _ = writeln!(text, "ip link set {port} address {mac} master br1 up");
            }
        }
        for (lower, vid, protocol) in &self.devices {
            let more = dice.pick(&["", "", "", " reorder_hdr off", " loose_binding on"]);
            let _ = writeln!(
                text,
                "ip link add link {lower} name {lower}.{vid} type vlan protocol {protocol} id {vid}{more}"
            );
            let _ = writeln!(text, "ip link set {lower}.{vid} up");
            // On a veth pair between the bridges it would make a loop.
            if self.second > 0 && dice.chance(30) && lower.starts_with('p') {
                let _ = writeln!(text, "ip link set {lower}.{vid} master br1");
            }
        }
        if self.suppressing {
            for _ in 0..3 {
                let station = 1 + dice.below(8);
                let _ = writeln!(
                    text,
                    "ip neigh replace 10.0.0.{station} lladdr 02:00:00:00:00:{station:02x} dev br0 nud permanent"
                );
            }
        }
        for _ in 0..dice.below(if self.filtering { 8 } else { 4 }) {
            self.reconfigure(dice, &mut text);
        }
        text
    }

    fn show(&self, dice: &mut Dice, text: &mut String) {
        text.push_str(match dice.below(4) {
            0 | 1 if self.filtering => "bridge -d -j vlan show\n",
            2 if self.snooping => "bridge -d -j mdb show\n",
            _ => "bridge -d -j link show\n",
        });
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
}
