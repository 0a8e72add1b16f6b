//! Devices that a host is below: which they are, and their packets.

use super::*;

/// A lab on a host, with the TAP t0 and the outside wire `out`.
fn on_a_host(lines: &str) -> Lab {
    let mut lab = Lab {
        control: Control::new(&["out".to_owned()]),
        counters: Counters::default(),
        now: Instant::from_secs(1),
    };
    lab.control.set_host_below();
    lab.all("ip tuntap add t0 mode tap\nip link set t0 up");
    lab.all(lines);
    lab.settle();
    lab
}

#[test]
fn a_device_goes_by_the_host_where_nothing_is_emulated_below() {
    for (device, gives, by_host) in [
        ("remote 192.0.2.2", "", true),
        ("remote 192.0.2.2", "ip addr add 192.0.2.1/24 dev t0", false),
        ("remote 192.0.2.2", "ip addr add 10.0.0.1/24 dev t0", true),
        (
            "remote 192.0.2.2 local 192.0.2.1",
            "ip addr add 192.0.2.9/24 dev t0",
            true,
        ),
        (
            "remote 192.0.2.2 local 192.0.2.1",
            "ip addr add 192.0.2.1/32 dev t0",
            false,
        ),
        ("remote 192.0.2.2 dev t0", "", false),
        ("group 239.1.1.1 dev out", "", true),
        (
            "group 239.1.1.1 dev out",
            "ip addr add 192.0.2.1/24 dev out",
            false,
        ),
        (
            "group 239.1.1.1 dev out",
            "ip addr add 2001:db8::1/64 dev out",
            true,
        ),
        (
            "remote 2001:db8::2",
            "ip addr add 192.0.2.1/24 dev t0",
            true,
        ),
        (
            "remote 2001:db8::2",
            "ip addr add 2001:db8::1/64 dev t0",
            false,
        ),
        ("", "", true),
        ("", "ip addr add 192.0.2.1/24 dev t0", false),
        ("", "ip addr add 192.0.2.1/24 dev vx0", true),
    ] {
        let lab = on_a_host(&format!(
            "ip link add vx0 type vxlan id 42 dstport 4789 {device}\nip link set vx0 up\n{gives}"
        ));
        let network = lab.control.network();
        assert_eq!(
            network.host_tunnels().count() == 1,
            by_host,
            "{device}, {gives}"
        );
    }
    // A namespace that the script makes has no host below.
    let lab = on_a_host(
        "ip netns add a
         ip -n a link add vx0 type vxlan id 42 dstport 4789 remote 192.0.2.2
         ip -n a link set vx0 up",
    );
    assert_eq!(lab.control.network().host_tunnels().count(), 0);
}

#[test]
fn packets_go_to_the_hosts_socket_and_come_from_it() {
    use crate::switch::vxlan::exit_of;

    let mut lab = on_a_host(
        "ip link add vx0 address 02:00:00:00:00:01 type vxlan id 42 dstport 4789 local 192.0.2.1 remote 192.0.2.2 ttl 9
         ip link add vx6 type vxlan id 42 dstport 4789 remote 2001:db8::2
         ip link set vx0 up
         ip link set vx6 up",
    );
    const SOCKET: &str = "vxlan4:4789";
    let inner = frame(ALL, HERE, 100);
    let (verdict, got) = lab.send("vx0", &inner);
    assert_eq!(verdict, Verdict::Forwarded);
    let [(at, sent)] = got.as_slice() else {
        panic!("{got:?}");
    };
    assert_eq!((at.as_str(), &sent[50..]), (SOCKET, &inner[..]));
    assert_eq!(exit_of(sent.first_chunk().unwrap()), (None, true));
    let outer = Datagram::parse(0x0800, &sent[14..]).unwrap();
    let [source, destination] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
    assert_eq!((outer.source, outer.destination), (source, destination));
    // The host sums up.
    assert!(!outer.has_checksum && sent[22] == 9);

    let answer = frame(HERE, A, 60);
    let (verdict, got) = lab.send(SOCKET, &wrapped(&envelope(false), Vxlan::new(42), &answer));
    assert_eq!(
        (verdict, got),
        (Verdict::Forwarded, vec![("vx0".to_owned(), answer.clone())])
    );
    let shown = lab.all("bridge fdb show dev vx0");
    assert!(
        shown.contains("02:00:00:00:0a:01 dst 192.0.2.2 self"),
        "{shown}"
    );
    // Reasons have the names that they have where the stack is emulated.
    let unknown = wrapped(&envelope(false), Vxlan::new(43), &answer);
    let (verdict, _) = lab.send(SOCKET, &unknown);
    assert_eq!(verdict, Verdict::Dropped(DropReason::VxlanVni));
    let (verdict, _) = lab.send(SOCKET, &unknown[..45]);
    assert_eq!(verdict, Verdict::Dropped(DropReason::TunnelIp));
    lab.all("ip link set vx0 down");
    let (verdict, _) = lab.send(SOCKET, &wrapped(&envelope(false), Vxlan::new(42), &answer));
    assert_eq!(verdict, Verdict::Dropped(DropReason::VxlanVni));

    // What is too long for the way is not sent over IPv6; without a known way it is tried.
    let long = frame(ALL, A, 1_500);
    let (verdict, _) = lab.send("vx6", &long);
    assert_eq!(verdict, Verdict::Forwarded);
    let id = lab
        .control
        .network()
        .find(crate::netdev::NamespaceId::OWN, "vx6")
        .unwrap();
    lab.control.set_way_mtu(lab.now, id, Some(1_500));
    let (verdict, _) = lab.send("vx6", &long);
    assert_eq!(verdict, Verdict::Dropped(DropReason::TunnelOversize));
    assert!(lab.counters.attachments.iter().all(|it| it.add_up()));
}
