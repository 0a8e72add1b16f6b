//! What bridges' own stacks report of themselves, and when.

use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::switch::{Egress, forward};

/// Runs commands, then lets time pass. Returns the types of what `br0` sends: EtherType and destination.
fn sent(control: &mut Control, now: Instant, script: &str, until: Instant) -> Vec<(u16, u8)> {
    let script = Script::parse("test", script).unwrap();
    for item in script.items() {
        let Command::Net(net) = &item.command else {
            panic!("{item:?}");
        };
        let reply = control.execute(now, net, &Counters::default());
        assert_eq!(reply.status, 0, "{reply:?}");
    }
    while let Some(at) = control.poll_timeout().filter(|at| *at <= until) {
        control.handle_timeout(at);
    }
    let mut sent = Vec::new();
    while let Some(output) = control.poll_output() {
        if let Output::Transmit(netdev, octets) = output {
            assert_eq!(control.network().netdev(netdev).name, "br0");
            sent.push((u16::from_be_bytes([octets[12], octets[13]]), octets[5]));
        }
    }
    sent
}

const BRIDGE: &str = "
    sysctl -w net.ipv6.conf.all.disable_ipv6=0
    ip link add br0 type bridge
    ip tuntap add p1 mode tap
    ip link set p1 master br0 up
    ip link set br0 up
";
const JOINED: [(u16, u8); 4] = [
    (0x0800, 0x16),
    (0x86dd, 0x16),
    (0x0800, 0x16),
    (0x86dd, 0x16),
];

fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn sorted(mut sent: Vec<(u16, u8)>) -> Vec<(u16, u8)> {
    sent.sort_unstable();
    sent
}

#[test]
fn a_bridge_that_comes_up_reports_twice_in_each_family() {
    let mut control = Control::default();
    assert_eq!(sent(&mut control, secs(1), BRIDGE, secs(1)), []);
    let all = sent(&mut control, secs(1), "", secs(10));
    assert_eq!(sorted(all), sorted(JOINED.to_vec()));
    // Setting an option has IPv6 begin again; switching snooping off has both leave.
    let again = sent(
        &mut control,
        secs(10),
        "ip link set br0 type bridge stp_state 0",
        secs(20),
    );
    assert_eq!(again, [(0x86dd, 0x16), (0x86dd, 0x16)]);
    let off = "ip link set br0 type bridge mcast_snooping 0";
    assert_eq!(sent(&mut control, secs(20), off, secs(30)).len(), 4);
}

#[test]
fn none_reports_that_does_not_snoop_is_down_or_silenced() {
    for (more, expected) in [
        ("ip link set br0 type bridge mcast_snooping 0", 0),
        ("ip link set br0 down", 0),
        ("ip link set br0 mtu 1000", 2),
        ("sysctl -w net.ipv4.igmp_link_local_mcast_reports=0", 2),
        ("sysctl -qw net/ipv6/conf/all/disable_ipv6=1", 2),
        (
            "sysctl -w net.ipv4.igmp_link_local_mcast_reports=0 net.ipv6.conf.all.disable_ipv6=1",
            0,
        ),
    ] {
        let mut control = Control::default();
        // Before anything is due.
        let sent = sent(
            &mut control,
            secs(1),
            &format!("{BRIDGE}\n{more}"),
            secs(10),
        );
        // Whoever leaves says so.
        let left = if more.ends_with("snooping 0") { 4 } else { 0 };
        assert_eq!(sent.len(), expected + left, "{more}: {sent:?}");
    }
}

#[test]
fn queries_are_answered_that_reach_the_stack_without_a_tag() {
    let mut query = vec![0x01, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 1, 8, 0];
    let mut ip = vec![
        0x46, 0xc0, 0, 36, 0, 0, 0x40, 0, 1, 2, 0, 0, 10, 0, 0, 1, 224, 0, 0, 1, 0x94, 4, 0, 0,
    ];
    let sum = |octets: &[u8]| {
        let words = octets
            .chunks(2)
            .map(|it| u32::from(it[0]) << 8 | u32::from(it[1]));
        let sum = words.sum::<u32>();
        let [_, _, high, low] = (!(sum + (sum >> 16))).to_be_bytes();
        [high, low]
    };
    let checksum = sum(&ip);
    ip[10..12].copy_from_slice(&checksum);
    let mut igmp = vec![0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0];
    let checksum = sum(&igmp);
    igmp[2..4].copy_from_slice(&checksum);
    query.extend(ip);
    query.extend(igmp);

    for (more, tag, answers) in [
        ("", None, 1),
        ("bridge link set dev p1 state 2", None, 0),
        ("ip link set br0 type bridge vlan_filtering 1", None, 1),
        (
            "ip link set br0 type bridge vlan_filtering 1
             bridge vlan add dev br0 vid 1 self",
            None,
            0,
        ),
        (
            "ip link set br0 type bridge vlan_filtering 1
             bridge vlan add dev p1 vid 2",
            Some([0x81, 0, 0, 2]),
            0,
        ),
        (
            "ip link set br0 type bridge vlan_filtering 1
             bridge vlan add dev p1 vid 2
             bridge vlan add dev br0 vid 2 untagged self",
            Some([0x81, 0, 0, 2]),
            1,
        ),
    ] {
        let mut control = Control::default();
        let script = format!("{BRIDGE}\n{more}");
        sent(&mut control, secs(1), &script, secs(10));
        let mut octets = query.clone();
        octets.splice(12..12, tag.into_iter().flatten());
        let ingress = control.network().find_attachment("p1").unwrap();
        let (mut counters, mut egress) = (Counters::default(), Egress::default());
        let plan = control.plan();
        counters.fit(&plan);
        forward(
            &plan,
            secs(10),
            ingress,
            &[&octets[..]],
            &mut counters,
            &mut egress,
        );
        for trap in egress.traps() {
            let octets = egress.pieces(trap.edit, &octets).concat();
            control.handle_trap(secs(10), trap, &octets);
        }
        let mut sent = sent(&mut control, secs(10), "", secs(20));
        // IPv6 begins again when the port forwards.
        sent.retain(|(ether_type, _)| *ether_type == 0x0800);
        assert_eq!(sent, vec![(0x0800, 0x16); answers], "{more}");
    }
}
