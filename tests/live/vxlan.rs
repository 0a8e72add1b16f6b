//! VXLAN for real: the other end of the tunnel is the kernel's.

use crate::bench::{Run, need};

/// A host behind a bridge of ours whose other port is a VXLAN device; over a cable, a namespace in which
/// the kernel has one.
fn script(here: &str, there: &str, prefix: u8) -> String {
    let nodad = if here.contains(':') { "nodad" } else { "" };
    format!(
        "set -e
        ip netns add h
        ip netns add a
        ip netns add k
        ip link add eth0 netns h type veth peer name p1 netns a
        ip link add eth0 netns a type veth peer name eth0 netns k
        ip -n h link set eth0 up
        ip -n h addr add 10.0.0.1/24 dev eth0
        ip -n a link set eth0 up
        ip -n k link set eth0 up
        ip -n a addr add {here}/{prefix} dev eth0 {nodad}
        ip -n k addr add {there}/{prefix} dev eth0 {nodad}
        ip -n a link add br0 type bridge mcast_snooping 0
        ip -n a link add vx0 type vxlan id 42 dstport 4789 remote {there}
        ip -n a link set p1 master br0 up
        ip -n a link set vx0 master br0 up
        ip -n a link set br0 up
        ip netns exec k sh -c 'ip link add kvx type vxlan id 42 dstport 4789 remote {here} &&
            ip addr add 10.0.0.2/24 dev kvx && ip link set kvx up'
        ip netns exec h ping -qc 3 -i 0.2 -W 5 10.0.0.2
        ip netns exec k ping -qc 2 -i 0.2 -W 5 10.0.0.1
        ip netns exec h ping -qc 1 -W 5 -s 1400 10.0.0.2
        ip netns exec k sh -c 'bridge fdb show dev kvx'
        bridge -n a fdb show dev vx0
        "
    )
}

fn tunnel(here: &str, there: &str, prefix: u8) {
    let end = Run::of(&script(here, there, prefix))
        .args(["--exit", "--workers", "2"])
        .end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.stdout.contains("3 received"), "{end:?}");
    assert!(end.stdout.contains("2 received"), "{end:?}");
    assert!(end.stdout.contains("1 received"), "{end:?}");
    // Each has learned the other's station, from the outer source.
    let learned = |endpoint: &str| {
        let mut lines = end.stdout.lines();
        lines.any(|line| {
            !line.starts_with("00:00") && line.contains(&format!("dst {endpoint} self"))
        })
    };
    assert!(learned(here) && learned(there), "{end:?}");
}

/// Whether the kernel has VXLAN devices at all.
fn kernel_has_vxlan() -> bool {
    let probe = "ip netns add k\nip netns exec k ip -n k link show lo\n\
                 ip netns exec k sh -c 'ip link add kvx type vxlan id 1 dstport 4789'\n";
    let end = Run::of(probe).args(["--exit"]).end();
    end.status == Some(0)
}

#[test]
fn a_kernels_endpoint_answers_over_ipv4() {
    need!("ip", "ping", "bridge");
    if !kernel_has_vxlan() {
        eprintln!("skipped: the kernel has no VXLAN devices");
        return;
    }
    tunnel("192.0.2.1", "192.0.2.2", 24);
}

#[test]
fn a_kernels_endpoint_answers_over_ipv6() {
    need!("ip", "ping", "bridge");
    if !kernel_has_vxlan() {
        eprintln!("skipped: the kernel has no VXLAN devices");
        return;
    }
    tunnel("2001:db8::1", "2001:db8::2", 64);
}

#[test]
fn two_of_ours_in_one_run() {
    need!("ping");
    let script = "set -e
        ip netns add a
        ip netns add b
        ip link add eth0 netns a type veth peer name eth0 netns b
        ip -n a link set eth0 up
        ip -n b link set eth0 up
        ip -n a addr add 192.0.2.1/24 dev eth0
        ip -n b addr add 192.0.2.2/24 dev eth0
        ip -n a link add vx0 type vxlan id 7 dstport 4789 remote 192.0.2.2
        ip -n b link add vx0 type vxlan id 7 dstport 4789 remote 192.0.2.1
        ip -n a link set vx0 up
        ip -n b link set vx0 up
        ip -n a addr add 10.0.0.1/24 dev vx0
        ip -n b addr add 10.0.0.2/24 dev vx0
        ip netns exec a ping -qc 3 -i 0.2 -W 5 10.0.0.2
        ";
    let end = Run::of(script).args(["--exit"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.stdout.contains("3 received"), "{end:?}");
}
