//! Random reconfiguration of VLANs, groups and neighbours.

use super::{Dice, VIDS, World};

impl World {
    /// One command about VLANs.
    pub(super) fn change_vlans(&self, dice: &mut Dice, port: &str, bridge: &str) -> String {
        let (vid, on) = (dice.pick(&VIDS), dice.below(2));
        let flags = dice.pick(&["", "", "pvid", "untagged", "pvid untagged"]);
        let station = 1 + dice.below(8);
        match dice.below(20) {
            0..6 => format!("bridge vlan add dev {port} vid {vid} {flags}"),
            6 => format!(
                "bridge vlan add dev {port} vid {} {}",
                dice.pick(&["10-20", "20-30", "1-9", "5-30"]),
                dice.pick(&["", "untagged"])
            ),
            7 | 8 => format!("bridge vlan del dev {port} vid {vid}"),
            9 => format!("bridge vlan del dev {port} vid 10-30"),
            10 | 11 => format!("bridge vlan add dev {bridge} vid {vid} {flags} self"),
            12 => format!("bridge vlan del dev {bridge} vid {vid} self"),
            13 => format!(
                "bridge vlan set dev {port} vid {vid} state {}",
                dice.below(5)
            ),
            14 => format!("ip link set {bridge} type bridge vlan_filtering {on}"),
            15 => format!(
                "ip link set {bridge} type bridge vlan_default_pvid {}",
                dice.pick(&["0", "1", "10", "20"])
            ),
            16 => format!(
                "ip link set {bridge} type bridge vlan_protocol {}",
                dice.pick(&["802.1Q", "802.1Q", "802.1ad"])
            ),
            17 => format!(
                "bridge fdb {} 02:00:00:00:00:{station:02x} dev {port} vlan {vid} master {}",
                dice.pick(&["add", "replace", "append"]),
                dice.pick(&["static", "dynamic", "", "static sticky", "extern_learn"])
            ),
            18 => {
                format!("bridge fdb del 02:00:00:00:00:{station:02x} dev {port} vlan {vid} master")
            }
            _ => match dice.below(3) {
                0 => format!("bridge fdb flush dev {bridge} vlan {vid}"),
                1 => format!(
                    "bridge fdb add 02:00:00:00:00:{station:02x} dev {bridge} vlan {vid} self local"
                ),
                _ => format!(
                    "bridge fdb del 02:00:00:00:00:{station:02x} dev {bridge} vlan {vid} self"
                ),
            },
        }
    }

    /// One command about groups.
    pub(super) fn change_groups(&self, dice: &mut Dice, port: &str, bridge: &str) -> String {
        let group = match dice.below(8) {
            0..4 => format!("239.0.1.{}", 1 + dice.below(3)),
            4 | 5 => format!("ff05::1:{}", 1 + dice.below(3)),
            6 => format!(
                "239.0.1.{} src 10.0.0.{}",
                1 + dice.below(3),
                1 + dice.below(3)
            ),
            _ => format!("01:00:5e:00:01:{:02x}", 1 + dice.below(3)),
        };
        let permanence = dice.pick(&["permanent", "permanent", "temp", ""]);
        let vid = match self.filtering && dice.chance(40) {
            true => format!(" vid {}", dice.pick(&["1", "10", "20"])),
            false => String::new(),
        };
        let (on, switch) = (dice.below(2), dice.pick(&["on", "off"]));
        match dice.below(16) {
            0..4 => {
                format!("bridge mdb add dev {bridge} port {port} grp {group} {permanence}{vid}")
            }
            4 => format!("bridge mdb add dev {bridge} port {bridge} grp {group} {permanence}{vid}"),
            5 | 6 => format!("bridge mdb del dev {bridge} port {port} grp {group}{vid}"),
            7 => format!("bridge mdb del dev {bridge} port {bridge} grp {group}{vid}"),
            8 => format!("ip link set {bridge} type bridge mcast_querier {on}\nwait 0.3"),
            9 => format!("ip link set {bridge} type bridge mcast_snooping {on}\nwait 0.3"),
            10 => format!("bridge link set dev {port} mcast_router {}", dice.below(4)),
            11 => format!(
                "ip link set {bridge} type bridge mcast_router {}",
                dice.below(3)
            ),
            12 => format!("bridge link set dev {port} fastleave {switch}"),
            13 => format!("bridge link set dev {port} mcast_to_unicast {switch}"),
            14 => format!("bridge link set dev {port} mcast_flood {switch}"),
            _ => format!(
                "ip link set {bridge} type bridge mcast_igmp_version {}",
                2 + dice.below(2)
            ),
        }
    }

    /// One command about who answers for whom.
    pub(super) fn change_neighbours(dice: &mut Dice, port: &str) -> String {
        let (station, switch) = (1 + dice.below(8), dice.pick(&["on", "on", "off"]));
        match dice.below(6) {
            0 | 1 => format!("bridge link set dev {port} neigh_suppress {switch}"),
            2 => format!("ip link set {port} type bridge_slave proxy_arp {switch}"),
            3 => format!("ip link set {port} type bridge_slave proxy_arp_wifi {switch}"),
            4 => format!("ip neigh del 10.0.0.{station} dev br0"),
            _ => format!(
                "ip neigh replace 10.0.0.{station} lladdr 02:00:00:00:00:{:02x} dev br0 nud permanent",
                1 + dice.below(8)
            ),
        }
    }

    /// One command about a VLAN device.
    pub(super) fn change_devices(&self, dice: &mut Dice) -> String {
        let index = usize::try_from(dice.below(self.devices.len() as u64)).expect("an index");
        let (lower, vid, protocol) = &self.devices[index];
        let name = format!("{lower}.{vid}");
        match dice.below(8) {
            0 => format!("ip link set {name} down\nip link set {name} up"),
            1 => format!("ip link set {name} {}", dice.pick(&["down", "up", "up"])),
            2 => format!(
                "ip link set {name} address 02:00:00:00:05:{:02x}",
                dice.below(4)
            ),
            3 => format!(
                "ip link set {name} mtu {}",
                dice.pick(&["1000", "1500", "1496"])
            ),
            4 => format!(
                "ip link set {name} type vlan reorder_hdr {}",
                dice.pick(&["on", "off"])
            ),
            5 => format!(
                "ip link set {name} type vlan egress-qos-map 0:{}",
                dice.below(8)
            ),
            6 => format!(
                "ip link set {name} type vlan ingress-qos-map {}:{}",
                dice.below(8),
                dice.below(3)
            ),
            _ => format!(
                "ip link del {name}\nip link add link {lower} name {name} type vlan protocol {protocol} id {vid}\nip link set {name} up"
            ),
        }
    }
}
