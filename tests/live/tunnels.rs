//! VXLAN between hosts: our sockets on a real network, with another of us at its other end, or the kernel.
//!
//! The network is a bridge in a namespace of its own; every host is a namespace with one NIC, `u0`, on it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::bench::{Run, Running, need, skip};
use crate::place::{Background, Place};

/// Hosts on one network, with 192.0.2.N and 2001:db8::N.
struct Lan {
    /// Gone when all hosts are.
    _switch: Place,
    hosts: Vec<Place>,
}

impl Lan {
    fn new(count: usize) -> Self {
        let switch = Place::new();
        switch.run("ip link add br0 type bridge mcast_snooping 0");
        switch.run("ip link set br0 up");
        let hosts: Vec<_> = (1..=count).map(|n| switch.host(n)).collect();
        Self {
            _switch: switch,
            hosts,
        }
    }
}

impl Place {
    /// Makes a host on the bridge of this namespace.
    fn host(&self, n: usize) -> Self {
        let host = Self::new();
        let pid = host.pid();
        self.run(&format!(
            "ip link add p{n} type veth peer name u0 netns {pid}"
        ));
        self.run(&format!("ip link set p{n} master br0 up"));
        host.run("ip link set u0 up");
        host.run(&format!("ip addr add 192.0.2.{n}/24 dev u0"));
        host.run(&format!("ip addr add 2001:db8::{n}/64 dev u0 nodad"));
        host
    }

    /// Has the kernel make a VXLAN device of network 42, with 10.0.0.N; false where it knows none.
    fn kernel_endpoint(&self, n: usize, options: &str) -> bool {
        let add = format!("ip link add kvx type vxlan id 42 dstport 4789 {options}");
        let words: Vec<_> = add.split_whitespace().collect();
        if self.attempt(&words).is_err() {
            return false;
        }
        self.run(&format!("ip addr add 10.0.0.{n}/24 dev kvx"));
        self.run("ip link set kvx up");
        true
    }
}

/// A host h with 10.0.0.N behind a bridge whose other port is a VXLAN device of network 42.
fn endpoint(n: usize, options: &str, more: &str) -> String {
    format!(
        "set -e
        ip netns add h
        ip link add br0 type bridge mcast_snooping 0
        ip link add eth0 netns h address 02:00:00:00:00:1{n} type veth peer name p1
        ip link add vx0 type vxlan id 42 dstport 4789 {options}
        ip link set p1 master br0 up
        ip link set vx0 master br0 up
        ip link set br0 up
        ip -n h addr add 10.0.0.{n}/24 dev eth0
        ip -n h link set eth0 up
        {more}
        "
    )
}

const PING: &str = "ping -qc 3 -i 0.2 -W 5";

/// Pings from behind ours, then from the kernel's end, then ends ours; returns what ours printed.
fn both_ways(running: Running, kernel: &Place) -> String {
    let mut running = running;
    running.await_error("Ctrl-C ends it");
    let got = kernel.run(&format!("{PING} 10.0.0.1"));
    assert!(got.contains("3 received"), "{got}");
    // As long as anybody may take for a packet, and with every octet of payload.
    let got = kernel.run("ping -qc 2 -i 0.2 -W 5 -s 1400 10.0.0.1");
    assert!(got.contains("2 received"), "{got}");
    running.signal("TERM");
    let end = running.end();
    assert!(end.stdout.contains("3 received"), "{end:?}");
    end.stdout
}

fn with_kernel(ours: &str, theirs: &str, more: &str) -> String {
    let lan = Lan::new(2);
    let [here, there] = lan.hosts.as_slice() else {
        panic!("two hosts");
    };
    if !there.kernel_endpoint(2, theirs) {
        skip("the kernel has no VXLAN devices");
        return String::new();
    }
    let more = format!("{more}\nip netns exec h {PING} 10.0.0.2\nbridge fdb show dev vx0");
    let running = Run::of(&endpoint(1, ours, &more))
        .under(&here.enter())
        .args(["--workers", "2"])
        .start();
    let printed = both_ways(running, there);
    // Each has learned where the other's station is, from the outer source address.
    let shown = there.run("bridge fdb show dev kvx");
    for (learned, family) in [(&shown, 1), (&printed, 2)] {
        let learns = |line: &str| {
            let ends = [
                format!("dst 192.0.2.{family} self"),
                format!("dst 2001:db8::{family} self"),
            ];
            !line.starts_with("00:00:00:00:00:00") && ends.iter().any(|end| line.contains(end))
        };
        assert!(learned.lines().any(learns), "{learned}");
    }
    printed
}

#[test]
fn a_kernels_endpoint_on_another_host() {
    need!("ip", "ping", "bridge", "unshare", "nsenter");
    with_kernel(
        "local 192.0.2.1 remote 192.0.2.2",
        "local 192.0.2.2 remote 192.0.2.1",
        "",
    );
}

#[test]
fn a_kernels_endpoint_on_another_host_over_ipv6() {
    need!("ip", "ping", "bridge", "unshare", "nsenter");
    with_kernel(
        "local 2001:db8::1 remote 2001:db8::2",
        "local 2001:db8::2 remote 2001:db8::1",
        "",
    );
}

#[test]
fn a_kernels_endpoint_in_a_group() {
    need!("ip", "ping", "bridge", "unshare", "nsenter");
    with_kernel("group 239.1.1.1 dev u0", "group 239.1.1.1 dev u0", "");
    with_kernel(
        "group ff05::4242 dev u0 ttl 3 tos 8 udp6zerocsumtx",
        "group ff05::4242 dev u0 udp6zerocsumrx",
        "",
    );
}

#[test]
fn every_endpoint_of_the_all_zero_entry_gets_a_copy() {
    need!("ip", "ping", "bridge", "unshare", "nsenter");
    let lan = Lan::new(3);
    for n in [2, 3] {
        if !lan.hosts[n - 1].kernel_endpoint(n, &format!("local 192.0.2.{n} remote 192.0.2.1")) {
            return skip("the kernel has no VXLAN devices");
        }
    }
    let more = format!(
        "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.2
        bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.3
        ip netns exec h {PING} 10.0.0.2
        ip netns exec h {PING} 10.0.0.3"
    );
    let running = Run::of(&endpoint(1, "local 192.0.2.1", &more))
        .under(&lan.hosts[0].enter())
        .start();
    let printed = both_ways(running, &lan.hosts[2]);
    assert_eq!(printed.matches("3 received").count(), 2, "{printed}");
}

/// A line of numbers, then what they are.
fn summary(text: &str) -> serde_json::Value {
    let start = text
        .find('{')
        .unwrap_or_else(|| panic!("no summary: {text}"));
    serde_json::from_str(&text[start..]).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn two_of_ours_carry_ping_and_tcp_between_two_hosts() {
    need!("ip", "ping", "iperf3", "unshare", "nsenter");
    for (here, there) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        let lan = Lan::new(2);
        let serve = "echo ready\nip netns exec h iperf3 -s -1";
        let far = endpoint(2, &format!("local {there} remote {here}"), serve);
        let mut far = Run::of(&far)
            .under(&lan.hosts[1].enter())
            .args(["--exit"])
            .start();
        far.await_line("ready");
        let client = format!(
            "ip netns exec h {PING} 10.0.0.2
            ip netns exec h iperf3 -c 10.0.0.2 -t 1 -J --connect-timeout 5000"
        );
        let near = endpoint(1, &format!("local {here} remote {there}"), &client);
        let near = Run::of(&near)
            .under(&lan.hosts[0].enter())
            .args(["--exit", "--summary", "--json", "--workers", "2"])
            .end();
        assert_eq!(near.status, Some(0), "{near:?}");
        assert!(near.stderr.contains("3 received"), "{near:?}");
        let sent = near
            .stderr
            .split("\"sum_received\":")
            .nth(1)
            .and_then(|text| {
                text.split("\"bytes\":")
                    .nth(1)?
                    .split(',')
                    .next()?
                    .trim()
                    .parse::<u64>()
                    .ok()
            });
        assert!(sent > Some(1_000_000), "TCP hangs: {near:?}");
        let traffic = summary(&near.stdout);
        // Super-frames came from the TAP, and were cut for the tunnel.
        let segmented: u64 = traffic["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["segmented"].as_u64())
            .sum();
        assert!(segmented > 0, "{traffic:#}");
        let total = |key: &str| traffic["total"][key].as_u64().unwrap();
        assert_eq!(
            total("frames_in"),
            total("forwarded") + total("trapped") + total("dropped")
        );
        assert_eq!(far.end().status, Some(0));
    }
}

/// Runs tshark over a capture; the fields of every packet.
fn decode(capture: &PathBuf, fields: &[&str]) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-r")
        .arg(capture)
        .args(["-T", "fields", "-E", "occurrence=a"]);
    for check in ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE"] {
        tshark.args(["-o", check]);
    }
    tshark.args(["-Y", "vxlan"]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(row).collect()
}

#[test]
fn tshark_reads_what_we_send() {
    need!(
        "ip", "ping", "tcpdump", "tshark", "ethtool", "unshare", "nsenter"
    );
    for (here, there, v6) in [
        ("192.0.2.1", "192.0.2.2", false),
        ("2001:db8::1", "2001:db8::2", true),
    ] {
        let lan = Lan::new(2);
        // A veth carries checksums that nobody has computed yet.
        lan.hosts[0].run("ethtool -K u0 tx off");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wire.pcap");
        let path = file.to_str().unwrap();
        let capture = Background::start(
            &lan.hosts[1],
            &[
                "tcpdump", "-Z", "root", "-U", "-i", "u0", "-w", path, "udp", "port", "4789",
            ],
        );
        crate::bench::await_that("tcpdump", || {
            fs::metadata(&file).is_ok_and(|it| it.len() >= 24)
        });
        let more = "ip netns exec h ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0
            ip netns exec h ping -qc 2 -i 0.2 -W 1 -s 33 10.0.0.2 || true";
        let options = format!("local {here} remote {there} ttl 17 tos 0x20");
        let end = Run::of(&endpoint(1, &options, more))
            .under(&lan.hosts[0].enter())
            .args(["--exit"])
            .end();
        assert_eq!(end.status, Some(0), "{end:?}");
        crate::bench::await_that("the packets", || {
            fs::metadata(&file).is_ok_and(|it| it.len() >= 24 + 2 * 140)
        });
        capture.end();
        let (source, destination, ttl, tos) = match v6 {
            false => ("ip.src", "ip.dst", "ip.ttl", "ip.dsfield"),
            true => ("ipv6.src", "ipv6.dst", "ipv6.hlim", "ipv6.tclass"),
        };
        let fields = [
            source,
            destination,
            ttl,
            tos,
            "udp.srcport",
            "udp.dstport",
            "udp.checksum.status",
            "vxlan.vni",
            "vxlan.flags",
            "eth.dst",
            "icmp.checksum.status",
            "_ws.malformed",
            "ip.checksum.status",
        ];
        let rows = decode(&file, &fields);
        let pings: Vec<_> = rows.iter().filter(|row| row[10] == "1").collect();
        assert_eq!(pings.len(), 2, "{rows:?}");
        let mut ports = Vec::new();
        for row in pings {
            let first = |at: usize| row[at].split(',').next().unwrap_or_default().to_owned();
            assert_eq!([first(0), first(1)], [here, there], "{row:?}");
            assert_eq!(
                (first(2).as_str(), first(5).as_str()),
                ("17", "4789"),
                "{row:?}"
            );
            assert!(first(3).ends_with("20"), "{row:?}");
            // Good, of the outer datagram and of every header.
            assert_eq!(first(6), "1", "{row:?}");
            assert!(row[12].split(',').all(|status| status == "1"), "{row:?}");
            assert_eq!(
                (first(7).as_str(), row[8].as_str()),
                ("42", "0x0800"),
                "{row:?}"
            );
            assert!(row[9].ends_with("02:00:00:00:00:02"), "{row:?}");
            assert!(row[11].is_empty(), "{row:?}");
            ports.push(first(4).parse::<u16>().unwrap());
        }
        assert!(ports.iter().all(|port| (32_768..60_999).contains(port)));
        assert_eq!(ports[0], ports[1], "one flow, one source port");
    }
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    need!("ip", "unshare", "nsenter");
    let lan = Lan::new(1);
    if !lan.hosts[0].kernel_endpoint(9, "local 192.0.2.1") {
        return skip("the kernel has no VXLAN devices");
    }
    let end = Run::of(&endpoint(1, "local 192.0.2.1 remote 192.0.2.2", ""))
        .under(&lan.hosts[0].enter())
        .args(["--exit"])
        .end();
    assert_eq!(end.status, Some(1), "{end:?}");
    assert!(
        end.stderr.contains("UDP port 4789 of this host is in use"),
        "{end:?}"
    );
    let end = Run::of(&endpoint(1, "group 239.1.1.1 dev nic7", ""))
        .under(&lan.hosts[0].enter())
        .args(["--exit"])
        .end();
    assert_eq!(end.status, Some(1), "{end:?}");
    assert!(end.stderr.contains("vx0 is to send by nic7"), "{end:?}");
}
