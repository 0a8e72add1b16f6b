//! Random commands against what must hold after each, whatever was refused.

use proptest::prelude::*;

use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::netdev::Bridge;
use crate::switch::{Egress, PortSet, Receive, Transmit, forward};

/// Names are few, so that commands meet each other.
fn line() -> impl Strategy<Value = String> {
    let dev = || prop::sample::select(vec!["br0", "br1", "v1", "v2", "v3", "v4", "lo", "w0"]);
    let ns = || prop::sample::select(vec!["n1", "n2"]);
    let at = || prop::sample::select(vec!["", "-n n1 ", "-n n2 "]);
    let set = prop::sample::select(vec![
        "up",
        "down",
        "nomaster",
        "master br0",
        "master br1",
        "up master br0",
        "mtu 60",
        "mtu 1400",
        "address 02:00:00:00:00:07",
        "address 03:00:00:00:00:07",
        "netns n1",
        "netns n2 name v4",
        "name v3",
        "promisc on",
        "type bridge stp_state 1",
        "type bridge ageing_time 0",
        "type bridge_slave isolated on",
        "type bridge_slave state 0",
        "address 02:00:00:00:00:09",
    ]);
    let port = prop::sample::select(vec![
        "state 4",
        "state 2",
        "hairpin on",
        "cost 7",
        "backup_port v1",
        "locked on",
        "guard on",
    ]);
    let fdb = prop::sample::select(vec![
        "master",
        "master static",
        "self",
        "master dynamic use",
        "master static vlan 2",
    ]);
    let vids = || prop::sample::select(vec!["1", "2", "10", "4094", "1-3", "4095"]);
    let vlan = prop::sample::select(vec![
        "",
        "untagged",
        "self",
        "self untagged",
        "master",
        "self master",
    ]);
    let side = prop::sample::select(vec!["", "self", "master"]);
    let options = prop::sample::select(vec![
        "vlan_filtering 1",
        "vlan_filtering 0",
        "vlan_protocol 802.1ad",
        "vlan_default_pvid 0",
        "vlan_default_pvid 2",
        "vlan_default_pvid 10",
        "vlan_stats_enabled 1",
        "vlan_stats_per_port 1",
        "group_address 01:80:c2:00:00:05",
    ]);
    prop_oneof![
        ns().prop_map(|ns| format!("ip netns add {ns}")),
        ns().prop_map(|ns| format!("ip netns del {ns}")),
        (at(), dev()).prop_map(|(at, dev)| format!("ip {at}link add {dev} type bridge")),
        (at(), dev()).prop_map(|(at, dev)| format!("ip {at}link add {dev} type dummy")),
        (at(), dev(), dev(), ns()).prop_map(|(at, dev, peer, ns)| format!(
            "ip {at}link add {dev} type veth peer name {peer} netns {ns}"
        )),
        (dev(), dev())
            .prop_map(|(dev, peer)| format!("ip link add {dev} type veth peer name {peer}")),
        dev().prop_map(|dev| format!("ip tuntap add {dev} mode tap")),
        (at(), dev()).prop_map(|(at, dev)| format!("ip {at}link del {dev}")),
        (at(), dev(), set).prop_map(|(at, dev, set)| format!("ip {at}link set {dev} {set}")),
        (dev(), port).prop_map(|(dev, port)| format!("bridge link set dev {dev} {port}")),
        (dev(), fdb).prop_map(|(dev, how)| format!("bridge fdb add 02::9 dev {dev} {how}")
            .replace("02::9", "02:00:00:00:00:09")),
        dev().prop_map(|dev| format!("bridge fdb flush dev {dev}")),
        (dev(), vids(), vlan)
            .prop_map(|(dev, vids, how)| format!("bridge vlan add dev {dev} vid {vids} {how}")),
        (dev(), vids(), side)
            .prop_map(|(dev, vids, side)| format!("bridge vlan del dev {dev} vid {vids} {side}")),
        (dev(), vids(), 0..6).prop_map(|(dev, vids, state)| format!(
            "bridge vlan set dev {dev} vid {vids} state {state}"
        )),
        (dev(), options)
            .prop_map(|(dev, options)| format!("ip link set {dev} type bridge {options}")),
    ]
}

fn check(control: &Control) {
    let network = control.network();
    let plan = control.plan();
    // However little of it was compiled anew.
    assert_eq!(format!("{plan:?}"), format!("{:?}", network.plan()));
    assert_eq!(plan.netdevs.len(), network.netdevs().len());
    for netdev in network.netdevs() {
        let compiled = &plan.netdevs[netdev.id.index()];
        if !netdev.alive {
            assert!(!compiled.up && compiled.transmit == Transmit::Nothing);
            assert_eq!(compiled.receive, Receive::Stack);
            continue;
        }
        assert_eq!(network.find(netdev.ns, &netdev.name), Some(netdev.id));
        assert_eq!(
            network.find_ifindex(netdev.ns, netdev.ifindex),
            Some(netdev.id)
        );
        if let Some((bridge, number)) = netdev.port {
            let master = network.netdev(bridge);
            assert!(master.alive && master.ns == netdev.ns);
            let port = master.bridge().and_then(|bridge| bridge.port(number));
            assert_eq!(port.map(|port| port.netdev), Some(netdev.id));
            assert!(matches!(compiled.receive, Receive::Bridge(_, n) if n == number));
        }
        if let Kind::Veth { peer } = netdev.kind {
            let peer = network.netdev(peer);
            assert!(peer.alive);
            assert!(matches!(peer.kind, Kind::Veth { peer } if peer == netdev.id));
        }
        if let Some(bridge) = netdev.bridge() {
            assert_eq!(bridge.tree.ports().count(), bridge.ports.len());
            for port in &bridge.ports {
                assert_eq!(network.netdev(port.netdev).master(), Some(netdev.id));
                assert_eq!(bridge.tree.port_state(port.number), Some(port.state));
            }
            let stray = |(_, entry): &(Key, Entry)| {
                entry
                    .port
                    .is_some_and(|number| bridge.port(number).is_none())
            };
            let dump = bridge.fdb.dump(Instant::ZERO, bridge.hold());
            assert!(!dump.iter().any(stray), "{dump:?}");
            check_vlans(bridge, &dump, &plan);
        }
    }
    // Every attachment takes a frame without panic.
    let frame = [0xff; 6].into_iter().chain([2; 54]).collect::<Vec<u8>>();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    for id in (0u32..).take(network.attachments().len()) {
        let id = AttachmentId(id);
        forward(
            &plan,
            Instant::ZERO,
            id,
            &[&frame],
            &mut counters,
            &mut egress,
        );
    }
}

fn check_vlans(bridge: &Bridge, dump: &[(Key, Entry)], plan: &Plan) {
    let vlans = &bridge.vlans;
    let ports: PortSet = bridge.ports.iter().map(|port| port.number).collect();
    for (vid, vlan) in vlans.iter() {
        let members = vlan.members;
        assert!(
            vlan.host() || members != PortSet::EMPTY,
            "{vid} is nobody's"
        );
        assert!(members.iter().all(|port| ports.contains(port)), "{vid}");
        assert!(
            vlan.untagged.iter().all(|port| members.contains(port)),
            "{vid}"
        );
    }
    let all = bridge.ports.iter().map(|port| Some(port.number));
    for port in all.chain([None]) {
        if let Some(pvid) = bridge.pvid(port) {
            assert!(vlans.has(port, pvid), "{port:?} has PVID {pvid}");
        }
        let counted = bridge.memberships(port).all(|it| it.counter.is_some());
        assert!(counted || !vlans.stats, "{port:?}");
    }
    // An own address is in the FDB only where its owner is a member.
    for (key, entry) in dump {
        let own = entry.flags.local && !entry.flags.by_user;
        let is_in = |vid| vlans.has(entry.port, vid);
        assert!(!own || key.vid().is_none_or(is_in), "{key:?} {entry:?}");
    }
    let plans = plan.bridges.iter();
    let mut plans = plans.filter(|it| Arc::ptr_eq(&it.fdb, &bridge.fdb));
    let compiled = plans.next().expect("a bridge is in the plan");
    assert_eq!(compiled.vlans.is_some(), vlans.filtering);
    if let Some(compiled) = &compiled.vlans {
        for (vid, vlan) in vlans.iter() {
            let plan = compiled
                .get(vid)
                .expect("a VLAN with members is in the plan");
            assert_eq!((plan.members, plan.untagged), (vlan.members, vlan.untagged));
            assert_eq!(plan.host.is_some(), vlan.host());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hold_after_every_command(lines in prop::collection::vec(line(), 1..60)) {
        let mut control = Control::new(&["w0".to_owned()]);
        // What a driver has, which is now and then behind.
        let mut held = None;
        for (tick, line) in (1u64..).zip(&lines) {
            let script = Script::parse("test", line).map_err(|error| {
                TestCaseError::fail(error.to_string())
            })?;
            let before = format!("{:?}", control.network().netdevs());
            for item in script.items() {
                let Command::Net(command) = &item.command else { continue };
                let reply = control.execute(Instant::from_secs(tick), command, &Counters::default());
                // One option at a time: what is refused changes nothing.
                let partly = ["master br", "name v4", "vid 1-3"];
                if reply.status != 0 && !partly.iter().any(|part| line.contains(part)) {
                    prop_assert_eq!(&before, &format!("{:?}", control.network().netdevs()));
                }
            }
            if tick % 7 != 0 {
                let outputs = std::iter::from_fn(|| control.poll_output());
                let plans = outputs.filter(|output| matches!(output, Output::Plan(_)));
                held = plans.last().or(held);
            }
            check(&control);
        }
    }
}
