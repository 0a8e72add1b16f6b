//! Random commands against what must hold after each, whatever was refused.

use proptest::prelude::*;

use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;
use crate::netdev::Bridge;
use crate::switch::{DropReason, Egress, PortSet, Receive, Transmit, Verdict, forward};

/// Names are few, so that commands meet each other.
pub(super) fn line() -> impl Strategy<Value = String> {
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
        "allmulticast on",
        "type macvlan mode bridge",
        "type macvlan mode source",
        "type macvlan macaddr add 02:00:00:00:00:07",
        "type ipvlan mode l2",
        "type ipvlan mode l3",
        "type ipvlan private",
    ]);
    let upper = prop::sample::select(vec![
        "macvlan",
        "macvlan mode bridge",
        "macvlan mode private bcqueuelen 0",
        "macvlan mode passthru",
        "macvlan mode source",
        "macvtap mode bridge",
        "ipvlan mode l2",
        "ipvlan mode l2 vepa",
        "ipvlan mode l3",
        "ipvlan mode l3s private",
        "vlan id 5",
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
        (at(), dev(), dev(), upper).prop_map(|(at, lower, dev, upper)| format!(
            "ip {at}link add link {lower} name {dev} type {upper}"
        )),
        (at(), dev(), 1..4)
            .prop_map(|(at, dev, last)| format!("ip {at}addr add 10.0.0.{last}/24 dev {dev}")),
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

/// Frames that go different ways.
pub(super) fn frames(control: &Control) -> Vec<Vec<u8>> {
    let groups = [
        [0xff; 6],
        [1, 0, 0x5e, 0, 1, 1],
        [1, 0x80, 0xc2, 0, 0, 0x0e],
    ];
    let netdevs = control.network().netdevs().iter();
    let mut destinations: Vec<_> = netdevs
        .filter(|netdev| netdev.alive)
        .map(|netdev| netdev.mac.octets())
        .chain(groups)
        .chain([[2, 0, 0, 0, 0, 0x99]])
        .collect();
    destinations.sort_unstable();
    destinations.dedup();
    let payload = |ether_type: u16, last: u8| match ether_type {
        0x0806 => {
            let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9];
            arp.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, last]);
            arp
        }
        _ => {
            let mut ip = vec![0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9];
            ip.extend([10, 0, 0, last]);
            ip
        }
    };
    let mut frames = Vec::new();
    for (number, destination) in (0u8..).zip(&destinations) {
        let own = destinations[usize::from(number / 2)];
        for source in [[2, 0, 0, 0, 0, 9], *destination, own] {
            let ether_type = [0x0800_u16, 0x0806, 0x88b5][usize::from(number % 3)];
            let mut frame = [&destination[..], &source].concat();
            if number % 5 == 4 {
                frame.extend([0x81, 0, 0, 5]);
            }
            frame.extend(ether_type.to_be_bytes());
            frame.extend(payload(ether_type, number % 4));
            frame.resize(64, 0);
            frames.push(frame);
        }
    }
    frames
}

/// Whatever frame comes in wherever: it ends in one way, what left is what was counted, and of a macvlan
/// or ipvlan device what it received went up and what it was given to send is sent or dropped, once.
fn check_conservation(control: &Control) {
    let network = control.network();
    let plan = control.plan();
    let mut egress = Egress::default();
    for (octets, id) in frames(control).iter().flat_map(|octets| {
        (0u32..)
            .take(plan.attachments.len())
            .map(move |id| (octets, id))
    }) {
        let ingress = AttachmentId(id);
        let mut counters = Counters::default();
        forward(
            &plan,
            Instant::ZERO,
            ingress,
            &[octets],
            &mut counters,
            &mut egress,
        );
        let verdict = egress.verdicts()[0];
        let at = &counters.attachments[ingress.index()];
        assert!(at.add_up() && at.frames_in == 1, "{at:?}");
        let (mut copies, mut len) = (0, 0);
        for (_, queue) in egress.queues() {
            copies += queue.clone().count() as u64;
            let octets = queue.map(|copy| egress.pieces(copy.edit, octets).concat().len());
            len += octets.sum::<usize>() as u64;
        }
        let out = counters.attachments.iter();
        let out = out.fold((0, 0), |sum, it| {
            (sum.0 + it.frames_out, sum.1 + it.octets_out)
        });
        assert_eq!(out, (copies, len), "{octets:x?}");
        if verdict != Verdict::Trapped {
            assert_eq!(verdict == Verdict::Forwarded, copies > 0, "{verdict:?}");
        }
        for netdev in network.netdevs() {
            if !matches!(netdev.kind, Kind::Macvlan(_) | Kind::Ipvlan(_)) || !netdev.alive {
                continue;
            }
            let compiled = &plan.netdevs[netdev.id.index()];
            let up = match compiled.receive {
                Receive::Stack if compiled.uppers.is_none() => compiled.stack,
                Receive::Device(device) if compiled.uppers.is_none() => device,
                _ => continue,
            };
            let counted = &counters.netdevs[netdev.id.index()];
            let lost = egress.lost().iter();
            let lost =
                lost.filter(|it| it.netdev == netdev.id && it.reason == DropReason::HopLimit);
            let went_up = counters.attachments[up.index()].frames_out;
            let received = went_up..=went_up + lost.count() as u64;
            assert!(
                received.contains(&counted.rx_packets),
                "{}: {counted:?}, {received:?} of {octets:x?} into {ingress:?}",
                netdev.name
            );
            let own = plan.attachments[ingress.index()].netdev == netdev.id;
            let given = own && compiled.up;
            let dropped_early = matches!(
                verdict,
                Verdict::Dropped(DropReason::SenderOversize | DropReason::Runt)
            );
            assert_eq!(
                counted.tx_packets + counted.tx_dropped,
                u64::from(given && !dropped_early),
                "{}: {counted:?} of {octets:x?} into {ingress:?}",
                netdev.name
            );
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
        check_conservation(&control);
    }
}
