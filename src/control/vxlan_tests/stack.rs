//! What the emulated stack below does: asks, waits, answers, puts fragments together.

use super::*;

/// Two hosts, each with a VTEP, over a veth pair; nobody knows anybody.
const TWO: &str = "
    ip netns add a
    ip netns add b
    ip link add eth0 netns a address 02:00:00:00:00:a1 type veth peer name eth0 netns b address 02:00:00:00:00:b1
    ip -n a link set eth0 up
    ip -n b link set eth0 up
    ip -n a addr add 192.0.2.1/24 dev eth0
    ip -n b addr add 192.0.2.2/24 dev eth0
    ip -n a addr add 2001:db8::1/64 dev eth0
    ip -n b addr add 2001:db8::2/64 dev eth0";

#[test]
fn two_endpoints_find_each_other() {
    for (here, there) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        let mut lab = Lab::new(TWO);
        for (ns, remote) in [("a", there), ("b", here)] {
            lab.all(&format!(
                "ip -n {ns} link add vx0 type vxlan id 7 dstport 4789 remote {remote}
                 ip -n {ns} link set vx0 up"
            ));
        }
        // IPv6 outside is not fragmented.
        let octets = frame(ALL, A, if here.contains(':') { 400 } else { 1_514 });
        let (verdict, got) = lab.send("a/vx0", &octets);
        assert_eq!(verdict, Verdict::Trapped, "it waits for the answer");
        let names: Vec<_> = got.iter().map(|(name, _)| name.as_str()).collect();
        // The question, its answer, and the packet (of IPv4 in two pieces).
        let expected: &[&str] = match here.contains(':') {
            false => &["b/eth0", "a/eth0", "b/eth0", "b/eth0", "b/vx0"],
            true => &["b/eth0", "a/eth0", "b/vx0"],
        };
        assert_eq!(names, expected);
        assert_eq!(got.last().unwrap().1, octets);
        let small = frame(MacAddr::from_u64(0x0200_0000_0a02), A, 100);
        lab.send("a/vx0", &small);
        let (verdict, got) = lab.send("a/vx0", &small);
        assert_eq!(
            (verdict, got),
            (Verdict::Forwarded, vec![("b/vx0".to_owned(), small)])
        );
        let shown = lab.all("ip netns exec b bridge fdb show dev vx0");
        assert!(
            shown.contains(&format!("02:00:00:00:0a:01 dst {here} self")),
            "{shown}"
        );
        let pieces = if here.contains(':') { 1 } else { 2 };
        let summary = lab.tunnels();
        assert_eq!((summary.waited, summary.sent), (pieces, pieces));
        // The neighbour is forgotten in time, and asked for again.
        lab.wait(60);
        let (verdict, _) = lab.send("a/vx0", &frame(ALL, A, 100));
        assert_eq!(verdict, Verdict::Trapped);
    }
}

#[test]
fn nobody_answers_and_the_packets_are_given_up() {
    let mut lab = Lab::new(ONE);
    lab.all("ip link set vx0 type vxlan remote 192.0.2.9");
    let (verdict, got) = lab.send("vx0", &frame(ALL, HERE, 60));
    assert_eq!(verdict, Verdict::Trapped);
    assert_eq!(got.len(), 1, "one question");
    for _ in 0..200 {
        lab.send("vx0", &frame(ALL, HERE, 60));
    }
    assert_eq!(lab.control.network().tunnel_losses(), 100, "101 may wait");
    let summary = lab.tunnels();
    assert_eq!((summary.waited, summary.waiting), (201, 101));
    assert_eq!(lab.wait(5).len(), 2, "two more questions");
    assert_eq!(lab.control.network().tunnel_losses(), 201);
    assert!(lab.wait(100).is_empty());
    // They are told of, and add up with what the attachments counted.
    let summary = lab.tunnels();
    assert_eq!((summary.crowded, summary.unanswered), (100, 101));
    let trapped: u64 = lab.counters.attachments.iter().map(|it| it.trapped).sum();
    assert_eq!(summary.waited, trapped);
    let told = summary.to_string();
    for line in [
        "tunnels: 201 packets waited for an address: 0 sent, 0 still waiting",
        "lost below tunnels: 100 packets: too many waited for an address",
        "lost below tunnels: 101 packets: nobody answered for their endpoint",
    ] {
        assert!(told.lines().any(|it| it == line), "{told}");
    }
}

#[test]
fn fragments_in_any_order_make_a_frame() {
    let inner = frame(HERE, A, 1_000);
    let whole = wrapped(&envelope(false), Vxlan::new(42), &inner);
    let piece = |from: usize, upto: usize| {
        let mut packet = whole[..34].to_vec();
        let end = (34 + upto).min(whole.len());
        packet.extend(&whole[34 + from..end]);
        let length = u16::try_from(packet.len() - 14).unwrap();
        packet[16..18].copy_from_slice(&length.to_be_bytes());
        let more = if end < whole.len() { 0x2000 } else { 0 };
        let field = u16::try_from(from / 8).unwrap() | more;
        packet[20..22].copy_from_slice(&field.to_be_bytes());
        packet[24..26].fill(0);
        let sum = Sum::default().with(&packet[14..34]).checksum();
        packet[24..26].copy_from_slice(&sum.to_be_bytes());
        packet
    };
    let pieces = [piece(0, 400), piece(400, 800), piece(800, 2_000)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut lab = Lab::new(ONE);
        let mut got = Vec::new();
        for index in order {
            got.extend(lab.send("t0", &pieces[index]).1);
        }
        got.retain(|(name, _)| name == "vx0");
        assert_eq!(got, [("vx0".to_owned(), inner.clone())], "{order:?}");
        let summary = lab.tunnels();
        assert_eq!((summary.fragmented, summary.together), (1, 1));
    }
    // One that overlaps spoils the others; one that is missing is waited for, not for ever.
    let mut lab = Lab::new(ONE);
    for octets in [&pieces[0], &piece(392, 800)] {
        lab.send("t0", octets);
    }
    assert_eq!(lab.control.network().tunnel_losses(), 1);
    lab.send("t0", &pieces[0]);
    assert_eq!(lab.tunnels().partial, 1);
    lab.wait(31);
    assert_eq!(lab.control.network().tunnel_losses(), 2);
    let summary = lab.tunnels();
    assert_eq!(summary.fragmented, 2);
    assert_eq!((summary.misfits, summary.incomplete), (1, 1));
}

/// Where a packet is for this host: its own addresses are, whether their netdev is up, but for IPv6, which forgets
/// them; and nothing goes by a netdev that is down.
#[test]
fn addresses_are_local_while_their_netdev_is_down() {
    let mut lab = Lab::new(
        "ip tuntap add t0 mode tap
         ip addr add 192.0.2.1/24 dev t0
         ip addr add 2001:db8::1/64 dev t0
         ip link add vx0 type vxlan id 42 dstport 4789 remote 192.0.2.1
         ip link set vx0 up
         ip link add vx6 type vxlan id 42 dstport 4789 remote 2001:db8::1
         ip link set vx6 up
         bridge fdb add 02:00:00:00:0b:01 dev vx0 dst 192.0.2.1 via t0",
    );
    let octets = frame(ALL, A, 60);
    let round = |at: &str| (Verdict::Forwarded, vec![(at.to_owned(), octets.clone())]);
    let lost = |reason| (Verdict::Dropped(reason), vec![]);
    assert_eq!(lab.send("vx0", &octets), round("vx0"));
    assert_eq!(
        lab.send("vx6", &octets),
        lost(DropReason::TunnelNoRoute),
        "it has not come up yet"
    );
    let by_t0 = frame(MacAddr::from_u64(0x0200_0000_0b01), A, 60);
    assert_eq!(
        lab.send("vx0", &by_t0),
        lost(DropReason::TunnelNoRoute),
        "not by t0"
    );
    lab.all("ip link set t0 up");
    assert_eq!(lab.send("vx6", &octets), round("vx6"));
    assert_eq!(
        lab.send("vx0", &by_t0),
        lost(DropReason::VxlanNobodyHere),
        "a socket is bound to no netdev"
    );
    lab.all("ip link set t0 down");
    assert_eq!(lab.send("vx0", &octets), round("vx0"));
    assert_eq!(lab.send("vx6", &octets), lost(DropReason::TunnelNoRoute));
}
