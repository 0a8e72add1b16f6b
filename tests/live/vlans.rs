//! VLAN devices for real: each is a TAP of its own, in the namespace it is in.

use crate::bench::{Run, need};

/// Two hosts in two VLANs of one switch, and a router that has both over one wire.
const ROUTER_ON_A_STICK: &str = "
    ip netns add h1
    ip netns add h2
    ip netns add router
    ip link add br0 type bridge mcast_snooping 0 vlan_filtering 1 vlan_default_pvid 0
    ip link add eth0 netns h1 type veth peer name p1
    ip link add eth0 netns h2 type veth peer name p2
    ip link add eth0 netns router type veth peer name trunk
    ip link set p1 master br0
    ip link set p2 master br0
    ip link set trunk master br0
    bridge vlan add dev p1 vid 10 pvid untagged
    bridge vlan add dev p2 vid 20 pvid untagged
    bridge vlan add dev trunk vid 10
    bridge vlan add dev trunk vid 20
    ip -n router link add link eth0 name eth0.10 type vlan id 10
    ip -n router link add link eth0 name eth0.20 type vlan id 20
    ip -n router addr add 10.0.10.1/24 dev eth0.10
    ip -n router addr add 10.0.20.1/24 dev eth0.20
    ip -n h1 addr add 10.0.10.2/24 dev eth0
    ip -n h2 addr add 10.0.20.2/24 dev eth0
    ip link set br0 up
    ip link set p1 up
    ip link set p2 up
    ip link set trunk up
    ip -n h1 link set eth0 up
    ip -n h2 link set eth0 up
    ip -n router link set eth0 up
";

#[test]
fn a_router_on_a_stick_joins_two_vlans() {
    need!("ip", "ping", "sysctl");
    let script = ROUTER_ON_A_STICK.to_owned()
        + "ip netns exec h1 ping -qc 1 -W 2 10.0.10.1
           ip netns exec h2 ping -qc 1 -W 2 10.0.20.1
           ip netns exec h1 ping -qc 1 -W 1 10.0.20.2 && exit 1
           ip netns exec router sysctl -qw net.ipv4.ip_forward=1
           ip netns exec h1 sh -c 'ip route add default via 10.0.10.1'
           ip netns exec h2 sh -c 'ip route add default via 10.0.20.1'
           ip netns exec h1 ping -qc 2 -i 0.2 -W 2 10.0.20.2
           ip -n router -s -j link show eth0.20
           bridge -j fdb show br br0
        ";
    let end = Run::of(&script).args(["--exit", "--workers", "2"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.stdout.contains("2 packets transmitted, 2 received"));
    let shown: serde_json::Value = line_with(&end.stdout, "eth0.20");
    let sent = shown[0]["stats64"]["tx"]["packets"].as_u64();
    assert!(sent >= Some(3), "one echo and two requests: {end:?}");
    let fdb: serde_json::Value = line_with(&end.stdout, "\"vlan\":20");
    let on_trunk = |row: &&serde_json::Value| row["ifname"] == "trunk" && row["state"] == "";
    let mut vlans: Vec<_> = fdb
        .as_array()
        .into_iter()
        .flatten()
        .filter(on_trunk)
        .collect();
    vlans.sort_by_key(|row| row["vlan"].as_u64());
    let vlans: Vec<_> = vlans.iter().map(|row| row["vlan"].as_u64()).collect();
    assert_eq!(
        vlans,
        [Some(10), Some(20)],
        "one address, two VLANs: {end:?}"
    );
}

fn line_with(text: &str, what: &str) -> serde_json::Value {
    let line = text.lines().find(|line| line.contains(what));
    serde_json::from_str(line.unwrap_or("null")).unwrap_or_default()
}

#[test]
fn devices_in_devices_ping_and_their_lower_hears_nothing() {
    need!("ping");
    let script = "
        ip netns add a
        ip netns add b
        ip link add wire netns a type veth peer name wire netns b
        ip -n a link add link wire name outer type vlan id 5 protocol 802.1ad
        ip -n b link add link wire name outer type vlan id 5 protocol 802.1ad
        ip -n a link add link outer name inner type vlan id 7
        ip -n b link add link outer name inner type vlan id 7
        ip -n a link set wire up
        ip -n b link set wire up
        ip -n a addr add 10.0.0.1/24 dev inner
        ip -n b addr add 10.0.0.2/24 dev inner
        ip netns exec a ping -qc 2 -i 0.2 -W 2 10.0.0.2
        ip netns exec b sh -c 'cd /sys/class/net; echo *; cat inner/operstate outer/address inner/address'
        ip -n a link set wire down
        ip netns exec a sh -c 'cat /sys/class/net/inner/flags'
        ip netns exec a ping -qc 1 -W 1 10.0.0.2 && exit 1
        ip -n a link set wire up
        ip netns exec a ping -qc 1 -W 2 10.0.0.2
    ";
    let end = Run::of(script).args(["--exit"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.stdout.contains("2 received"), "{end:?}");
    assert!(end.stdout.contains("inner lo outer wire"), "{end:?}");
    // IFF_UP is the lowest bit: the devices went down with the wire.
    let flags = end.stdout.lines().find(|line| line.starts_with("0x"));
    let flags = flags.and_then(|line| u32::from_str_radix(&line[2..], 16).ok());
    assert_eq!(flags.map(|flags| flags & 1), Some(0), "{end:?}");
}

#[test]
fn a_device_moves_to_a_host_of_its_own() {
    need!("ping");
    // As container networks do: the trunk stays with the machine, the VLAN goes to the container.
    let script = "
        ip netns add box
        ip netns add far
        ip link add trunk type veth peer name eth0 netns far
        ip link set trunk up
        ip link add link trunk name trunk.9 type vlan id 9
        ip link set trunk.9 netns box
        ip -n box link set trunk.9 name lan
        ip -n box addr add 10.9.0.1/24 dev lan
        ip -n box link set lan up
        ip -n far link add link eth0 name lan type vlan id 9
        ip -n far addr add 10.9.0.2/24 dev lan
        ip -n far link set eth0 up
        ip -n far link set lan up
        ip netns exec box ping -qc 1 -W 2 10.9.0.2
        ip -n far link set lan mtu 1000
        ip netns exec far sh -c 'cat /sys/class/net/lan/mtu'
        ip link del trunk
        ip netns exec box sh -c 'cd /sys/class/net; echo left: *'
    ";
    let end = Run::of(script).args(["--exit"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.stdout.contains("1 received"), "{end:?}");
    assert!(end.stdout.lines().any(|line| line == "1000"), "{end:?}");
    assert!(end.stdout.contains("left: lo"), "{end:?}");
}
