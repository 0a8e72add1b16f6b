//! Ways in and out that are no TAPs: packet sockets and `AF_XDP`.

use std::os::fd::AsFd;
use std::process::Command;

use nix::libc;
use tapswitch::attach::packet::Packet;
use tapswitch::attach::xdp::{NoXdp, Xdp};
use tapswitch::attach::{Attachment, BATCH, Batch, Failure, Outgoing};
use tapswitch::sys::namespace::{new_net, within};
use tapswitch::sys::netlink::{Link, LinkChange, Netlink};
use tapswitch::wire::offload::Offload;

use crate::bench::{Run, await_that, hosts, need};

/// Both ends of a veth pair, up, in a namespace of their own.
struct Pair {
    netlink: Netlink,
    ends: [Link; 2],
    net: std::os::fd::OwnedFd,
}

impl Pair {
    fn new(mtu: u32) -> Self {
        let net = new_net().unwrap();
        let (netlink, ends) = within(net.as_fd(), || {
            let make = [
                "link", "add", "end0", "type", "veth", "peer", "name", "end1",
            ];
            assert!(Command::new("ip").args(make).status()?.success());
            let mut netlink = Netlink::open()?;
            let ends = ["end0", "end1"].map(|name| netlink.find(name).unwrap().unwrap());
            let change = LinkChange {
                mtu: Some(mtu),
                up: Some(true),
                link_local: Some(false),
                ..LinkChange::default()
            };
            for end in ends {
                netlink.set_link(end.index, &change)?;
            }
            Ok((netlink, ends))
        })
        .unwrap();
        Self { netlink, ends, net }
    }

    fn packet(&self, end: usize) -> Packet {
        within(self.net.as_fd(), || Packet::new(self.ends[end].index)).unwrap()
    }

    /// `AF_XDP` on one end; the other leaves nothing to hardware.
    fn xdp(&self, end: usize) -> Xdp {
        let (link, other) = (self.ends[end], self.ends[1 - end]);
        let name = |end| format!("end{end}");
        let open = || {
            let refused = Xdp::check(&name(end), Some(other.index));
            assert!(matches!(refused, Err(NoXdp::Leaves { .. })), "{refused:?}");
            let xdp = Xdp::new(&name(end), link.index, 1500)?;
            Xdp::have_whole(&name(1 - end))?;
            Xdp::check(&name(end), Some(other.index))?;
            let nobody = Xdp::check(&name(end), None);
            assert!(matches!(nobody, Err(NoXdp::OtherEnd)), "{nobody:?}");
            Ok(xdp)
        };
        within(self.net.as_fd(), || Ok(open()))
            .unwrap()
            .unwrap_or_else(|why: NoXdp| panic!("{why}"))
    }

    fn set_up(&mut self, end: usize, up: bool) {
        let change = LinkChange {
            up: Some(up),
            ..LinkChange::default()
        };
        let index = self.ends[end].index;
        self.netlink.set_link(index, &change).unwrap();
    }
}

/// A frame of some octets, which are all told from another's by a number.
fn frame(number: usize, length: usize, tag: bool) -> Vec<u8> {
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if tag {
        octets.extend([0x81, 0x00, 0x20, 0x05]);
    }
    octets.extend([0x88, 0xb5]);
    octets.extend((octets.len()..length).map(|at| u8::try_from((at + number) % 251).unwrap()));
    octets
}

/// Receives until so many frames have come.
fn receive(from: &dyn Attachment, count: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let begin = std::time::Instant::now();
    while frames.len() < count && begin.elapsed().as_secs() < 20 {
        let mut batch = Batch::default();
        from.receive(&mut batch).unwrap();
        for (octets, offload, _) in batch.frames() {
            assert_eq!(offload, Ok(Offload::NONE));
            frames.push(octets.to_vec());
        }
    }
    frames
}

fn send_all(to: &dyn Attachment, frames: &[Vec<u8>]) {
    for some in frames.chunks(BATCH) {
        let outgoing = some.iter().map(|octets| Outgoing {
            // Wherever it is cut.
            pieces: octets.split_at(octets.len() / 3).into(),
            offload: Offload::NONE,
        });
        let outgoing: Vec<_> = outgoing.collect();
        to.send_all(&outgoing, &mut |error| panic!("{error}"));
    }
}

#[test]
fn frames_of_all_lengths_pass_packet_sockets_in_order() {
    need!("ip");
    let pair = Pair::new(65_535);
    let (a, b) = (pair.packet(0), pair.packet(1));
    // Below and beyond what a slot of the ring holds, tagged and not; more than the ring has slots, in all.
    let lengths = [
        60, 1514, 1518, 1890, 1900, 1910, 1920, 4000, 60, 65_549, 100,
    ];
    let frames = (0..1100).map(|n| frame(n, lengths[n % lengths.len()], n % 3 == 0));
    let frames: Vec<_> = frames.collect();
    for some in frames.chunks(100) {
        send_all(&a, some);
        let came = receive(&b, some.len());
        assert_eq!(came.len(), some.len());
        for (came, sent) in came.iter().zip(some) {
            assert!(came == sent, "{} octets became {}", sent.len(), came.len());
        }
    }
}

#[test]
fn what_a_ring_has_no_room_for_is_lost_and_nothing_else() {
    need!("ip");
    let pair = Pair::new(1500);
    let (a, b) = (pair.packet(0), pair.packet(1));
    for round in 0..2 {
        let frames: Vec<_> = (0..1400).map(|n| frame(n + round, 64, false)).collect();
        send_all(&a, &frames);
        let came = receive(&b, 1056);
        assert!(came[..] == frames[..1056], "{}", came.len());
        assert!(b.receive(&mut Batch::default()).unwrap(), "dry");
    }
}

#[test]
fn an_interface_that_goes_down_comes_back_and_one_that_is_deleted_is_gone() {
    need!("ip");
    let mut pair = Pair::new(1500);
    let (a, b) = (pair.packet(0), pair.packet(1));
    let octets = frame(1, 60, true);
    let outgoing = [Outgoing {
        pieces: [&octets, &[]],
        offload: Offload::NONE,
    }; 3];
    pair.set_up(0, false);
    let mut lost = Vec::new();
    a.send_all(&outgoing, &mut |error| lost.push(Failure::of(error)));
    assert_eq!(lost, [Failure::Refused; 3]);
    let told = a.receive(&mut Batch::default());
    assert!(told.is_err() || a.receive(&mut Batch::default()).unwrap());
    pair.set_up(0, true);
    await_that("the interface to be up again", || {
        let mut lost = 0;
        a.send_all(&outgoing, &mut |_| lost += 1);
        lost == 0
    });
    assert_eq!(receive(&b, 3).len(), 3);

    pair.netlink.delete_link(pair.ends[0].index).unwrap();
    let error = loop {
        match a.receive(&mut Batch::default()) {
            Ok(_) => panic!("nobody tells"),
            // It went down first.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(Failure::of(&error), Failure::Gone);
    let mut lost = Vec::new();
    a.send_all(&outgoing, &mut |error| lost.push(Failure::of(error)));
    assert_eq!(lost, [Failure::Gone; 3]);
}

#[test]
fn frames_pass_xdp_in_order_until_it_is_gone() {
    need!("ip");
    let mut pair = Pair::new(1500);
    let (a, b) = (pair.xdp(0), pair.packet(1));
    // The rings go round several times.
    let frames = (0..2000).map(|n| frame(n, 20 + n % 1495, n % 3 == 0));
    let frames: Vec<_> = frames.collect();
    for some in frames.chunks(100) {
        for (from, to) in [(&a as &dyn Attachment, &b as &dyn Attachment), (&b, &a)] {
            send_all(from, some);
            assert!(
                receive(to, some.len()) == some,
                "of {} octets on",
                some[0].len()
            );
        }
    }
    let long = frame(1, 4097, false);
    assert_eq!(
        a.send([&long, &[]]).map_err(|error| Failure::of(&error)),
        Err(Failure::Refused)
    );
    pair.netlink.delete_link(pair.ends[0].index).unwrap();
    let error = a.receive(&mut Batch::default()).unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Gone);
    let error = a.send([&frames[0], &[]]).unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Gone);
}

/// Ping and TCP from h1 to h2.
const TALK: &str = "ip netns exec h1 ping -qc 2 -i 0.2 -W 2 10.0.0.2\n\
     ip netns exec h2 sh -c 'iperf3 -s -1 -D >/dev/null'\n\
     ip netns exec h1 sh -c 'for try in 1 2 3 4 5 6 7 8 9; do \
     timeout 20 iperf3 -c 10.0.0.2 -n 4M >/dev/null && echo talked && exit; sleep 0.2; done; exit 1'\n";

#[test]
fn hosts_talk_by_every_io() {
    need!("ping", "iperf3", "ip");
    let script = hosts(2) + TALK + "ip netns exec h1 sh -c 'ip -d link show eth0'\n";
    for (ios, kind) in [
        (["tap", "h9=xdp"], "tun"),
        (["packet", "p2=tap"], "veth"),
        (["xdp", "h2/eth0=packet"], "veth"),
        (["auto", "p1=xdp"], "veth"),
    ] {
        let end = Run::of(&script)
            .args(["--exit", "--workers", "2", "--io", ios[0], "--io", ios[1]])
            .end();
        assert_eq!(end.status, Some(0), "{ios:?}: {end:?}");
        assert!(
            end.stdout.contains("talked") && end.stdout.contains(kind),
            "{ios:?}: {end:?}"
        );
        assert!(!end.stderr.contains("instead"), "{ios:?}: {end:?}");
        let unknown = end.stderr.contains("--io h9: no such netdev");
        assert_eq!(unknown, ios[1] == "h9=xdp", "{end:?}");
    }
}

#[test]
fn what_cannot_be_had_is_replaced_and_a_line_says_why() {
    need!("ping", "iperf3", "ip", "unshare");
    let long = hosts(2).replace(
        "ip -n h1 link set eth0 up",
        "ip -n h1 link set eth0 mtu 4000 up",
    );
    let end = Run::of(&(long + TALK))
        .args(["--exit", "--io", "h1/eth0=xdp"])
        .end();
    assert_eq!(end.status, Some(0), "{end:?}");
    let why = "h1/eth0 has a packet socket instead of AF_XDP: AF_XDP takes an MTU of 3506 at most, and it has 4000";
    assert!(end.stderr.contains(why), "{end:?}");

    // A NIC whose sender leaves checksums to it: with AF_XDP, ping would work and TCP hang.
    let machine = "mount -t sysfs sysfs /sys && \
         ip link add nic0 type veth peer name far0 && ip link set nic0 up && ip link set far0 up && \
         ip addr add 10.0.0.9/24 dev far0 && iperf3 -s -1 -D >/dev/null && exec \"$@\"";
    let name = format!("tsx{}", std::process::id());
    let script = hosts(1)
        .replace("h1", &name)
        .replace("p1", &format!("p{name}"))
        + "ip link set nic0 master br0\nip link set nic0 up\n"
        + &TALK
            .replace("h1", &name)
            .replace("10.0.0.2", "10.0.0.9")
            .replace("ip netns exec h2 sh", "# ");
    for (io, why) in [
        (
            "xdp",
            "far0 leaves to hardware what AF_XDP does not tell of; to change that: ethtool -K far0 tx-checksum",
        ),
        (
            "tap",
            "nic0 has a packet socket instead of a TAP: a NIC is no TAP",
        ),
    ] {
        let end = Run::of(&script)
            .args(["--host", "--exit", "--io", &format!("nic0={io}")])
            .under(&["unshare", "-n", "-m", "sh", "-c", machine, "sh"])
            .end();
        assert_eq!(end.status, Some(0), "{end:?}");
        assert!(
            end.stderr.contains(why) && end.stdout.contains("talked"),
            "{end:?}"
        );
    }
}

#[test]
fn real_veths_of_a_run_on_the_host_are_gone_with_it() {
    need!("ip");
    let name = format!("tsv{}", std::process::id());
    let script = format!(
        "ip netns add {name}\nip link add eth0 netns {name} type veth peer name {name}p\n\
         ip link set {name}p up\n"
    );
    for _ in 0..2 {
        let end = Run::of(&script)
            .args(["--host", "--exit", "--io", "packet"])
            .end();
        assert_eq!(end.status, Some(0), "{end:?}");
        assert!(!std::path::Path::new(&format!("/sys/class/net/{name}p")).exists());
    }
}

#[test]
fn what_io_is_given_is_understood_or_refused() {
    for (io, why) in [
        (
            ["p1=dpdk", "tap"],
            "\"dpdk\" is none of auto, tap, packet and xdp",
        ),
        (["p1=tap", "p1=xdp"], "--io says twice what p1 is to use"),
    ] {
        let end = Run::of("true\n")
            .args(["--exit", "--io", io[0], "--io", io[1]])
            .end();
        assert_eq!(end.status, Some(2), "{end:?}");
        assert!(end.stderr.contains(why), "{end:?}");
    }
}
