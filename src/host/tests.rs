//! Hosts on one wire, with literal times.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::time::Duration;
use crate::wire::MacAddr;

/// Host `n` on the wire: station 02:…:n, addresses 10.0.0.n/24 and fd00::n/64.
fn interface(n: u8) -> Interface {
    let ipv4 = Ipv4Addr::new(10, 0, 0, n);
    let ipv6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into());
    let address = |ip: IpAddr, length| InterfaceAddress {
        ip,
        subnet: Some((ip, length)),
        broadcast: None,
        link: false,
    };
    Interface {
        id: n.into(),
        name: "eth0".to_owned(),
        mac: MacAddr::new([2, 0, 0, 0, 0, n]),
        mtu: 1_500,
        arp: true,
        answered: false,
        addresses: vec![address(ipv4.into(), 24), address(ipv6.into(), 64)],
        stations: Vec::new(),
    }
}

/// Hosts on one wire, which every frame takes no time to cross.
#[derive(Default)]
struct Wire {
    hosts: Vec<Host>,
    now: Instant,
    /// Who said what: interface, destination and EtherType.
    said: Vec<(u32, String)>,
    /// Octets that went by.
    frames: Vec<Vec<u8>>,
}

impl Wire {
    fn new(count: u8) -> Self {
        let mut wire = Self::default();
        for n in 1..=count {
            let mut host = Host::default();
            host.configure(vec![interface(n)], true);
            wire.hosts.push(host);
        }
        wire
    }

    /// Carries frames until nobody says anything more.
    fn settle(&mut self) {
        let mut frames = VecDeque::new();
        loop {
            for host in &mut self.hosts {
                while let Some(frame) = host.poll_transmit() {
                    frames.push_back(frame);
                }
            }
            let Some((from, frame)) = frames.pop_front() else {
                return;
            };
            let kind = format!("{:02x}{:02x}", frame[12], frame[13]);
            let to = if frame[0] & 1 == 1 { "all" } else { "one" };
            self.said.push((from, format!("{kind} {to}")));
            self.frames.push(frame.clone());
            for (n, host) in (1..).zip(&mut self.hosts) {
                if n != from {
                    host.receive(self.now, n, &frame);
                }
            }
        }
    }

    /// Runs a program of host 1 to its end.
    fn run(&mut self, words: &str) -> Ended {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        self.run_words(&words)
    }

    fn run_words(&mut self, words: &[String]) -> Ended {
        assert_eq!(self.hosts[0].start(self.now, words), Start::Runs);
        for _ in 0..10_000 {
            self.settle();
            if let Some(ended) = self.hosts[0].poll_ended() {
                return ended;
            }
            let due = self.hosts.iter().filter_map(Host::poll_timeout).min();
            self.now = due.expect("a program that has not ended has something to do");
            for host in &mut self.hosts {
                if host.poll_timeout().is_some_and(|at| at <= self.now) {
                    host.handle_timeout(self.now);
                }
            }
        }
        panic!("{words:?} does not end");
    }
}

#[test]
fn a_ping_asks_once_and_prints_what_ping_prints() {
    let mut wire = Wire::new(3);
    let ended = wire.run("ping -c 2 10.0.0.2");
    assert_eq!(
        ended.stdout,
        "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n\
         64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms\n\
         64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.000 ms\n\
         \n\
         --- 10.0.0.2 ping statistics ---\n\
         2 packets transmitted, 2 received, 0% packet loss, time 1000ms\n\
         rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n"
    );
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert_eq!(wire.now, Instant::from_secs(1));
    let said: Vec<_> = wire
        .said
        .iter()
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    let expected = [
        "1 0806 all",
        "2 0806 one",
        "1 0800 one",
        "2 0800 one",
        "1 0800 one",
        "2 0800 one",
    ];
    assert_eq!(said, expected);
}

#[test]
fn nobody_there() {
    let mut wire = Wire::new(1);
    let ended = wire.run("ping -c 3 10.0.0.9");
    assert_eq!(
        ended.stdout,
        "PING 10.0.0.9 (10.0.0.9) 56(84) bytes of data.\n\
         From 10.0.0.1 icmp_seq=1 Destination Host Unreachable\n\
         From 10.0.0.1 icmp_seq=2 Destination Host Unreachable\n\
         From 10.0.0.1 icmp_seq=3 Destination Host Unreachable\n\
         \n\
         --- 10.0.0.9 ping statistics ---\n\
         3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2000ms\n\
         pipe 3\n"
    );
    assert_eq!((ended.status, wire.now), (1, Instant::from_secs(3)));
    let ended = wire.run("ping -c 1 -W 1 10.0.0.9");
    assert_eq!((ended.status, wire.now), (1, Instant::from_secs(4)));
    assert!(
        ended
            .stdout
            .ends_with("1 packets transmitted, 0 received, 100% packet loss, time 0ms\n\n")
    );
    let ended = wire.run("ping -c 1 fd00::9");
    assert_eq!(
        ended.stdout.lines().nth(1),
        Some("From fd00::1 icmp_seq=1 Destination unreachable: Address unreachable")
    );
    let ended = wire.run("ping -c 1 192.0.2.1");
    assert_eq!(ended.stderr, "ping: connect: Network is unreachable\n");
    assert_eq!((ended.status, ended.stdout.as_str()), (2, ""));
}

/// What iputils printed for the same command lines on Linux, but for its times.
#[test]
fn options_of_ping() {
    let mut wire = Wire::new(2);
    let first = |ended: &Ended| ended.stdout.lines().next().unwrap_or_default().to_owned();
    for (options, line) in [
        (
            "-I eth0 10.0.0.2",
            "PING 10.0.0.2 (10.0.0.2) from 10.0.0.1 eth0: 56(84) bytes of data.",
        ),
        (
            "-I 10.0.0.1 -s 8 10.0.0.2",
            "PING 10.0.0.2 (10.0.0.2) from 10.0.0.1 : 8(36) bytes of data.",
        ),
        ("-6 fd00::2", "PING fd00::2(fd00::2) 56 data bytes"),
        (
            "-I eth0 fd00::2",
            "PING fd00::2(fd00::2) from fd00::1 eth0: 56 data bytes",
        ),
        (
            "-s 4000 10.0.0.2",
            "PING 10.0.0.2 (10.0.0.2) 4000(4028) bytes of data.",
        ),
        ("-s 4000 fd00::2", "PING fd00::2(fd00::2) 4000 data bytes"),
        ("10.0.0.1", "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data."),
        (
            "127.0.0.1",
            "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.",
        ),
    ] {
        let ended = wire.run(&format!("ping -c 1 {options}"));
        assert_eq!(first(&ended), line);
        assert_eq!(ended.status, 0, "{options}: {}", ended.stdout);
        assert_eq!(wire.now, Instant::ZERO, "{options}");
    }
    let ended = wire.run("ping -c 1 -s 8 10.0.0.2");
    assert_eq!(
        ended.stdout.lines().nth(1),
        Some("16 bytes from 10.0.0.2: icmp_seq=1 ttl=64")
    );
    let ended = wire.run("ping -q -c 2 -i 0.25 10.0.0.2");
    assert_eq!(ended.stdout.lines().count(), 5);
    assert!(ended.stdout.contains("time 250ms"), "{}", ended.stdout);
    let ended = wire.run("ping -w 2 -c 5 10.0.0.2");
    assert!(
        ended.stdout.contains("\n2 packets transmitted, 2 received"),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.status, 1);
    let ended = wire.run("ping -c 2 -s 2000 -M do 10.0.0.2");
    assert_eq!(
        ended.stderr,
        "ping: local error: message too long, mtu=1500\n".repeat(2)
    );
    assert!(
        ended
            .stdout
            .contains("0 received, +2 errors, 100% packet loss")
    );
    for (options, status, stderr) in [
        ("-c x 10.0.0.2", 1, "ping: invalid argument: 'x'\n"),
        (
            "-c 1 -t 300 10.0.0.2",
            1,
            "ping: invalid argument: '300': out of range: 0 <= value <= 255\n",
        ),
        ("", 1, "ping: usage error: Destination address required\n"),
        (
            "-c 1 -I eth9 10.0.0.2",
            2,
            "ping: SO_BINDTODEVICE eth9: No such device\n",
        ),
        (
            "-c 1 -I 10.0.0.77 10.0.0.2",
            2,
            "ping: bind: Cannot assign requested address\n",
        ),
        (
            "-4 -c 1 fd00::2",
            2,
            "ping: fd00::2: Address family for hostname not supported\n",
        ),
        (
            "-c 1 10.0.0.255",
            2,
            "ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n",
        ),
        ("-c 1 h2", 2, "ping: h2: Name or service not known\n"),
    ] {
        let ended = wire.run(&format!("ping {options}"));
        assert_eq!(
            (ended.status, ended.stderr.as_str()),
            (status, stderr),
            "{options}"
        );
    }
    let endless = wire.run("ping 10.0.0.2");
    assert!(
        endless.stderr.contains("give it -c COUNT"),
        "{}",
        endless.stderr
    );
}

#[test]
fn two_that_answer_are_duplicates() {
    let mut wire = Wire::new(3);
    let twin = Interface {
        id: 3,
        ..interface(2)
    };
    wire.hosts[2].configure(vec![twin], true);
    let ended = wire.run("ping -c 1 10.0.0.2");
    // The second answer comes when the first has ended it.
    assert_eq!(ended.status, 0);
    let ended = wire.run("ping -c 2 10.0.0.2");
    assert!(
        ended
            .stdout
            .contains("icmp_seq=1 ttl=64 time=0.000 ms (DUP!)"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("2 received, +1 duplicates, 0% packet loss"),
        "{}",
        ended.stdout
    );
}

#[test]
fn arping_prints_what_arping_prints() {
    let mut wire = Wire::new(2);
    let ended = wire.run("arping -c 2 -I eth0 10.0.0.2");
    assert_eq!(
        ended.stdout,
        "ARPING 10.0.0.2 from 10.0.0.1 eth0\n\
         Unicast reply from 10.0.0.2 [02:00:00:00:00:02]  0.000ms\n\
         Unicast reply from 10.0.0.2 [02:00:00:00:00:02]  0.000ms\n\
         Sent 2 probes (1 broadcast(s))\n\
         Received 2 response(s)\n"
    );
    assert_eq!((ended.status, wire.now), (0, Instant::from_secs(2)));
    for (options, counts, status) in [
        ("-c 2 -I eth0 10.0.0.9", (2, 2, 0), 1),
        ("-w 2 10.0.0.9", (3, 3, 0), 1),
        ("-b -c 2 10.0.0.2", (2, 2, 2), 0),
        ("-f -c 3 10.0.0.2", (1, 1, 1), 0),
        ("-D -c 2 10.0.0.2", (1, 1, 1), 1),
        ("-D -c 2 10.0.0.9", (2, 2, 0), 0),
        ("-U -c 2 10.0.0.1", (2, 2, 0), 0),
        ("-c 3 -w 2 10.0.0.2", (3, 1, 2), 1),
        ("-c 1 10.0.0.1", (1, 1, 0), 1),
    ] {
        let ended = wire.run(&format!("arping {options}"));
        let (sent, to_all, received) = counts;
        let counts = format!(
            "Sent {sent} probes ({to_all} broadcast(s))\nReceived {received} response(s)\n"
        );
        assert!(
            ended.stdout.ends_with(&counts),
            "{options}: {}",
            ended.stdout
        );
        assert_eq!(ended.status, status, "{options}");
    }
    let ended = wire.run("arping -c 1 -I eth9 10.0.0.2");
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (2, "arping: Device eth9 not available.\n")
    );
}

/// Hosts 1 and 2 on different wires, and a router, host 3, with an interface on each.
#[test]
fn a_router_passes_on_counts_hops_and_says_what_it_cannot() {
    let mut hosts = [Host::default(), Host::default(), Host::default()];
    let at = |n: u8, id: u32, net: u8| {
        let ip = IpAddr::from([10, 0, net, n]);
        let mut interface = interface(n);
        interface.id = id;
        interface.name = format!("eth{net}");
        interface.mac = MacAddr::new([2, 0, 0, 0, net, n]);
        interface.addresses.truncate(1);
        interface.addresses[0].ip = ip;
        interface.addresses[0].subnet = Some((ip, 24));
        interface
    };
    hosts[0].configure(vec![at(1, 1, 1)], false);
    hosts[1].configure(vec![at(2, 2, 2)], false);
    hosts[2].configure(vec![at(3, 3, 1), at(3, 4, 2)], false);
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut now = Instant::ZERO;
    let mut run = |host: usize, command: &[String]| {
        assert_eq!(hosts[host].start(now, command), Start::Runs, "{command:?}");
        for _ in 0..1_000 {
            let mut busy = true;
            while busy {
                busy = false;
                for from in 0..3 {
                    while let Some((id, frame)) = hosts[from].poll_transmit() {
                        busy = true;
                        let (to, there) = [(2, 3), (2, 4), (0, 1), (1, 2)][id as usize - 1];
                        hosts[to].receive(now, there, &frame);
                    }
                }
            }
            if let Some(ended) = hosts[host].poll_ended() {
                return ended;
            }
            now = hosts.iter().filter_map(Host::poll_timeout).min().unwrap();
            for host in &mut hosts {
                host.handle_timeout(now);
            }
        }
        panic!("{command:?} does not end");
    };
    let ok = Ended::default();
    assert_eq!(run(0, &words("ip route add default via 10.0.1.3")), ok);
    assert_eq!(
        run(1, &words("ip route add 10.0.1.0/24 via 10.0.2.3 dev eth2")),
        ok
    );
    let text = "ip route add 10.0.9.0/24 via 10.0.8.1";
    assert_eq!(
        run(0, &words(text)).stderr,
        "Error: Nexthop has invalid gateway.\n"
    );
    let text = "ip route add default via 10.0.1.3";
    assert_eq!(
        run(0, &words(text)).stderr,
        "RTNETLINK answers: File exists\n"
    );
    let routes = run(0, &words("ip route")).stdout;
    assert_eq!(
        routes,
        "default via 10.0.1.3 dev eth1 \n10.0.1.0/24 dev eth1 proto kernel scope link src 10.0.1.1 \n"
    );
    // A host that is no router passes nothing on.
    let lost = run(0, &words("ping -q -c 1 -W 1 10.0.2.2"));
    assert_eq!(lost.status, 1);
    let shell = [
        "sh",
        "-c",
        "sysctl -qw net.ipv4.ip_forward=1; ip route show && false || true",
    ];
    assert_eq!(run(2, &shell.map(str::to_owned)).status, 0);
    let ended = run(0, &words("ping -c 1 10.0.2.2"));
    assert_eq!(
        ended.stdout.lines().nth(1),
        Some("64 bytes from 10.0.2.2: icmp_seq=1 ttl=63 time=0.000 ms")
    );
    for (command, line) in [
        (
            "ping -c 1 -t 1 10.0.2.2",
            "From 10.0.1.3 icmp_seq=1 Time to live exceeded",
        ),
        (
            "ping -c 1 10.0.2.9",
            "From 10.0.1.3 icmp_seq=1 Destination Host Unreachable",
        ),
        (
            "ping -c 1 10.0.7.1",
            "From 10.0.1.3 icmp_seq=1 Destination Net Unreachable",
        ),
        (
            "ping -c 1 -s 3000 10.0.2.2",
            "3008 bytes from 10.0.2.2: icmp_seq=1 ttl=63 time=0.000 ms",
        ),
    ] {
        let ended = run(0, &words(command));
        assert_eq!(ended.stdout.lines().nth(1), Some(line), "{command}");
    }
    assert_eq!(run(0, &words("ip route del default")), ok);
    let text = "ip route del default";
    assert_eq!(
        run(0, &words(text)).stderr,
        "RTNETLINK answers: No such process\n"
    );
    let ended = run(0, &words("ping -c 1 10.0.2.2"));
    assert_eq!(ended.stderr, "ping: connect: Network is unreachable\n");
}

#[test]
fn programs_that_nobody_simulates() {
    let mut host = Host::default();
    for words in [
        &["tcpdump"][..],
        &["sh", "-c", "ping -c 1 10.0.0.1 | cat"],
        &["sh", "-c", "nc -l"],
        &["ip", "rule"],
        &["sysctl", "-w", "net.core.something=1"],
    ] {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            host.start(Instant::ZERO, &words),
            Start::Unknown,
            "{words:?}"
        );
        assert!(!host.is_busy());
    }
}

/// Echoes of UDP and TCP: a connection by hand, the least that TCP needs.
#[test]
fn echo_service() {
    use super::packet::{Packet, TCP, UDP};
    let mut host = Host::default();
    let mut here = interface(1);
    here.stations = vec![(
        "10.0.0.2".parse().unwrap(),
        MacAddr::new([2, 0, 0, 0, 0, 2]),
    )];
    host.configure(vec![here], true);
    let ends: [IpAddr; 2] = ["10.0.0.2", "10.0.0.1"].map(|ip| ip.parse().unwrap());
    let send = |host: &mut Host, packet: &Packet| {
        let head = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        let frame = [&head[..], &packet.emit(1_500).concat()].concat();
        host.receive(Instant::ZERO, 1, &frame);
        let mut answers = Vec::new();
        while let Some((_, frame)) = host.poll_transmit() {
            answers.push(Packet::parse(0x0800, &frame[14..]).expect("a packet"));
        }
        answers
    };
    let datagram = super::stack::udp((ends[0], 999), (ends[1], 7), b"hello");
    let answers = send(&mut host, &datagram);
    assert_eq!(answers.len(), 1);
    assert_eq!(
        (answers[0].protocol, &answers[0].payload[8..]),
        (UDP, &b"hello"[..])
    );
    let closed = super::stack::udp((ends[0], 999), (ends[1], 9), b"hello");
    assert_eq!(
        send(&mut host, &closed)[0].payload[..2],
        [3, 3],
        "port unreachable"
    );

    let segment = |port: u16, seq: u32, ack: u32, flags: u8, data: &[u8]| {
        let mut segment = vec![0x03, 0xe7];
        segment.extend(port.to_be_bytes());
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(data);
        let sum = Packet::checksum(ends[0], ends[1], TCP, &segment);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        Packet::new(ends[0], ends[1], TCP, segment)
    };
    let refused = send(&mut host, &segment(80, 100, 0, 0x02, b""));
    assert_eq!(refused[0].payload[13] & 0x04, 0x04, "reset");
    let accepted = send(&mut host, &segment(7, 100, 0, 0x02, b""));
    let payload = &accepted[0].payload;
    assert_eq!(payload[13] & 0x12, 0x12, "SYN and ACK");
    let theirs = u32::from_be_bytes(payload[4..8].try_into().unwrap()) + 1;
    send(&mut host, &segment(7, 101, theirs, 0x10, b""));
    let echoed = send(&mut host, &segment(7, 101, theirs, 0x18, b"over and out"));
    let data: Vec<u8> = echoed
        .iter()
        .flat_map(|packet| packet.payload[usize::from(packet.payload[12] >> 4) * 4..].to_vec())
        .collect();
    assert_eq!(data, b"over and out");
}

/// The second of two hosts serves, and the first sends, at the rate that nobody said.
#[test]
fn iperf3_prints_what_iperf3_prints() {
    let mut wire = Wire::new(3);
    let serve = |wire: &mut Wire, options: &str| {
        let words: Vec<String> = format!("iperf3 -s -D {options}")
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(wire.hosts[1].start(wire.now, &words), Start::Runs);
        wire.hosts[1].poll_ended().expect("it goes on by itself")
    };
    let refused = wire.run("iperf3 -c 10.0.0.2");
    let text = "iperf3: error - unable to connect to server: Connection refused\n";
    assert_eq!((refused.status, refused.stderr.as_str()), (1, text));
    assert_eq!(serve(&mut wire, ""), Ended::default());
    assert_eq!(serve(&mut wire, "").status, 1, "the port is taken");
    let ended = wire.run("iperf3 -c 10.0.0.2 -t 2");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout,
        "Connecting to host 10.0.0.2, port 5201\n\
         [  5] local 10.0.0.1 port 32770 connected to 10.0.0.2 port 5201\n\
         [ ID] Interval           Transfer     Bitrate         Retr  Cwnd\n\
         [  5]   0.00-1.00   sec  11.9 MBytes   100 Mbits/sec    0   64.0 KBytes       \n\
         [  5]   1.00-2.00   sec  11.9 MBytes   100 Mbits/sec    0   64.0 KBytes       \n\
         - - - - - - - - - - - - - - - - - - - - - - - - -\n\
         [ ID] Interval           Transfer     Bitrate         Retr\n\
         [  5]   0.00-2.00   sec  23.8 MBytes   100 Mbits/sec    0             sender\n\
         [  5]   0.00-2.00   sec  23.8 MBytes   100 Mbits/sec                  receiver\n\
         \n\
         iperf Done.\n"
    );
    let ended = wire.run("iperf3 -c fd00::2 -u -b 10M -t 1");
    assert_eq!(
        ended.stdout,
        "Connecting to host fd00::2, port 5201\n\
         [  5] local fd00::1 port 32772 connected to fd00::2 port 5201\n\
         [ ID] Interval           Transfer     Bitrate         Total Datagrams\n\
         [  5]   0.00-1.00   sec  1.19 MBytes  10.0 Mbits/sec  876  \n\
         - - - - - - - - - - - - - - - - - - - - - - - - -\n\
         [ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams\n\
         [  5]   0.00-1.00   sec  1.19 MBytes  10.0 Mbits/sec  0.000 ms  0/876 (0%)  sender\n\
         [  5]   0.00-1.00   sec  1.19 MBytes  10.0 Mbits/sec  0.000 ms  0/876 (0%)  receiver\n\
         \n\
         iperf Done.\n"
    );
    let ended = wire.run("iperf3 -c 10.0.0.2 -n 1M -i 0 -b 1G");
    assert!(ended.stdout.contains("1.00 MBytes"), "{}", ended.stdout);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    for (options, status, stderr) in [
        (
            "-c 10.0.0.9",
            1,
            "iperf3: error - unable to connect to server: No route to host\n",
        ),
        (
            "-c 192.0.2.1",
            1,
            "iperf3: error - unable to connect to server: Network is unreachable\n",
        ),
        (
            "",
            1,
            "iperf3: parameter error - must either be a client (-c) or server (-s)\n",
        ),
        (
            "-c 10.0.0.2 -b 10G",
            1,
            "tapswitch: a simulated iperf3 sends 2 GiB at most: give it a smaller -t, -n or -b\n",
        ),
    ] {
        let ended = wire.run(&format!("iperf3 {options}"));
        assert_eq!(
            (ended.status, ended.stderr.as_str()),
            (status, stderr),
            "{options}"
        );
    }
    assert_eq!(serve(&mut wire, "-1 -p 7000"), Ended::default());
    assert_eq!(wire.run("iperf3 -c 10.0.0.2 -p 7000 -n 1").status, 0);
    assert_eq!(
        wire.run("iperf3 -c 10.0.0.2 -p 7000 -n 1").status,
        1,
        "it had its client"
    );
}

mod fuzz {
    use super::*;
    use proptest::prelude::*;

    /// What begins like something that hosts read, so that more of it is read.
    fn frame() -> impl Strategy<Value = Vec<u8>> {
        let to = prop_oneof![
            Just([2, 0, 0, 0, 0, 1]),
            Just([0xff; 6]),
            Just([0x33, 0x33, 0xff, 0, 0, 1]),
        ];
        let arp = vec![8, 6, 0, 1, 8, 0, 6, 4, 0];
        let ipv4 = vec![8, 0, 0x45, 0];
        let ipv6 = vec![0x86, 0xdd, 0x60, 0, 0, 0];
        let kind = prop_oneof![Just(arp), Just(ipv4), Just(ipv6), Just(Vec::new())];
        let rest = prop::collection::vec(any::<u8>(), 0..120);
        (to, any::<[u8; 6]>(), kind, rest)
            .prop_map(|(to, from, kind, rest)| [&to[..], &from, &kind, &rest].concat())
    }

    /// A frame that a host sent, with some octets changed.
    fn mutated() -> impl Strategy<Value = (prop::sample::Index, Vec<(prop::sample::Index, u8)>)> {
        let change = (any::<prop::sample::Index>(), any::<u8>());
        (
            any::<prop::sample::Index>(),
            prop::collection::vec(change, 0..4),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever comes in, a host does not panic, answers no more than it takes, and what it has to do ends.
        #[test]
        fn any_frame_is_borne(
            frames in prop::collection::vec(frame(), 0..40),
            changes in prop::collection::vec(mutated(), 0..40),
        ) {
            let mut wire = Wire::new(2);
            wire.run("ping -c 1 10.0.0.2");
            wire.run("ping -c 1 -s 3000 fd00::2");
            wire.run("arping -c 1 10.0.0.2");
            let seen = std::mem::take(&mut wire.frames);
            let changed = changes.into_iter().map(|(which, changes)| {
                let mut frame = which.get(&seen).clone();
                for (at, octet) in changes {
                    let at = at.index(frame.len());
                    frame[at] = octet;
                }
                frame
            });
            let mut host = wire.hosts.swap_remove(0);
            let (mut came, mut sent) = (0, 0);
            for frame in frames.into_iter().chain(changed) {
                host.receive(wire.now, 1, &frame);
                came += 1;
                while let Some((_, frame)) = host.poll_transmit() {
                    prop_assert!(frame.len() <= 1_514);
                    sent += 1;
                }
            }
            // Answers of three fragments are the most that one frame brings here.
            prop_assert!(sent <= 4 * came, "{sent} for {came}");
            for _ in 0..1_000 {
                let Some(at) = host.poll_timeout() else {
                    return Ok(());
                };
                prop_assert!(at >= wire.now);
                wire.now = wire.now.max(at);
                host.handle_timeout(wire.now);
                while host.poll_transmit().is_some() {}
            }
            prop_assert!(false, "it never comes to rest");
        }
    }
}

#[test]
fn a_storm_is_cut_off_in_every_instant() {
    let mut wire = Wire::new(1);
    let ask = crate::wire::Arp::request(
        MacAddr::new([2, 0, 0, 0, 0, 9]),
        Ipv4Addr::new(10, 0, 0, 9),
        Ipv4Addr::new(10, 0, 0, 1),
    );
    let host = &mut wire.hosts[0];
    let most = MAX_IN_AN_INSTANT as usize;
    for second in 0..3 {
        for _ in 0..10 * most {
            host.receive(Instant::from_secs(second), 1, &ask);
        }
        let answers = std::iter::from_fn(|| host.poll_transmit()).count();
        assert_eq!(answers, most);
    }
    assert_eq!(host.lost(), 3 * 9 * u64::from(MAX_IN_AN_INSTANT));
    assert_eq!(
        Duration::ZERO,
        host.poll_timeout()
            .map_or(Duration::ZERO, |_| Duration::MAX)
    );
}
