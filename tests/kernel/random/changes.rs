//! Random reconfiguration.

use super::{Dice, World};

impl World {
    /// One to change, and perhaps a second to change it back.
    pub(super) fn reconfigure(&self, dice: &mut Dice, text: &mut String) {
        let ports = self.ports();
        let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
        let (port, other) = (dice.pick(&ports), dice.pick(&ports));
        let bridge = if self.second > 0 && dice.chance(20) {
            "br1"
        } else {
            "br0"
        };
        let line = match dice.below(100) {
            0..55 if self.filtering => self.change_vlans(dice, port, bridge),
            20..70 if self.snooping => self.change_groups(dice, port, bridge),
            55..75 if !self.devices.is_empty() => self.change_devices(dice),
            70..85 if self.suppressing => Self::change_neighbours(dice, port),
            _ => self.change_port(dice, port, other, bridge),
        };
        // With two bridges, a port that joins "the other" one would make a loop of the veth pair.
        let joins_across = line.contains("nomaster") && self.second > 0;
        // With hairpin at both ends of it, a frame goes to and fro for ever, at all the speed there is.
        let bounces = port == "v2" && line.contains("hairpin on");
        text.push_str(if joins_across || bounces { "" } else { &line });
        text.push('\n');
    }

    fn change_port(&self, dice: &mut Dice, port: &str, other: &str, bridge: &str) -> String {
        let station = 1 + dice.below(8);
        let on = dice.pick(&["on", "off"]);
        match dice.below(24) {
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
        }
    }
}
