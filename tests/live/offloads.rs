//! TCP and UDP between every two kinds of attachment: none may be left with checksums that nobody
//! computes or super-frames that nobody cuts ("ping works, TCP hangs").
//!
//! Two hosts in namespaces, and between them a bridge in this process, on real devices.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use tapswitch::attach::Attachment;
use tapswitch::attach::packet::Packet;
use tapswitch::attach::tap::Tap;
use tapswitch::attach::xdp::Xdp;
use tapswitch::control::Control;
use tapswitch::iproute::command::Command as Line;
use tapswitch::iproute::script::Script;
use tapswitch::live::turn::Turn;
use tapswitch::live::wiring::{Clock, Link, Wiring};
use tapswitch::switch::{AttachmentCounters, Counters};
use tapswitch::sys::namespace::{new_net, within};
use tapswitch::sys::netlink::{Address, LinkChange, Netlink};
use tapswitch::time::Instant;

use crate::bench::need;

/// How a host is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A TAP with offloads.
    Offloads,
    /// A TAP without.
    Plain,
    /// A packet socket on one end of a veth pair, whose other end is the host's.
    Nic,
    /// `AF_XDP` there.
    Xdp,
}

const ENDS: [End; 4] = [End::Offloads, End::Plain, End::Nic, End::Xdp];

/// Octets of TCP each way.
const TRANSFER: usize = 300_000;

/// Longer than anything here takes.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

struct Lab {
    hosts: [OwnedFd; 2],
    wiring: Wiring,
    links: [Arc<dyn Attachment>; 2],
    /// Where veth pairs are made.
    _between: OwnedFd,
}

impl Lab {
    fn new(ends: [End; 2]) -> Self {
        let mut control = Control::new(&[]);
        let script = "ip link add br0 type bridge mcast_snooping 0\n\
             ip tuntap add p0 mode tap\nip tuntap add p1 mode tap\n\
             ip link set p0 master br0 up\nip link set p1 master br0 up\nip link set br0 up\n";
        for item in Script::parse("lab", script).unwrap().items() {
            let Line::Net(command) = &item.command else {
                panic!()
            };
            let reply = control.execute(Instant::ZERO, command, &Counters::default());
            assert_eq!(reply.status, 0, "{}", reply.stderr);
        }
        let plan = control.plan();
        let between = new_net().unwrap();
        let hosts = [new_net().unwrap(), new_net().unwrap()];
        let links = [0, 1].map(|n| attach(ends[n], n, between.as_fd(), hosts[n].as_fd()));
        let mut wires = Vec::new();
        wires.resize_with(plan.attachments.len(), || None);
        for (n, link) in links.iter().enumerate() {
            let wire = control.network().find_attachment(&format!("p{n}")).unwrap();
            wires[wire.index()] = Some(Link {
                queues: [Arc::clone(link)].into(),
                worker: 0,
                generation: 1,
            });
        }
        Self {
            hosts,
            wiring: Wiring { plan, links: wires },
            links,
            _between: between,
        }
    }

    /// Forwards while something is done; returns what the two ports have counted.
    fn while_forwarding(self, something: impl FnOnce(&[OwnedFd; 2])) -> [AttachmentCounters; 2] {
        let ended = AtomicBool::new(false);
        let Self {
            hosts,
            wiring,
            links,
            ..
        } = &self;
        let ids = wiring.all().map(|(id, _)| id).collect::<Vec<_>>();
        let counters = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let (mut turn, clock) = (Turn::default(), Clock::start());
                while !ended.load(Ordering::Relaxed) {
                    let before = turn.counters.attachments.len();
                    for (id, link) in ids.iter().zip(links) {
                        turn.run(wiring, clock.jiffy(), *id, &**link);
                    }
                    if before == turn.counters.attachments.len() {
                        thread::yield_now();
                    }
                }
                turn.counters
            });
            // A panic must end the worker, too, or nothing would be told.
            struct End<'a>(&'a AtomicBool);
            impl Drop for End<'_> {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            let end = End(&ended);
            something(hosts);
            drop(end);
            worker.join().unwrap()
        });
        let of = |n: usize| counters.attachments[ids[n].index()].clone();
        [of(0), of(1)]
    }
}

/// Makes host `n`'s device, with 10.0.0.n+1 and fd00::n+1.
fn attach(
    end: End,
    n: usize,
    between: BorrowedFd<'_>,
    host: BorrowedFd<'_>,
) -> Arc<dyn Attachment> {
    let attachment: Arc<dyn Attachment> = match end {
        End::Offloads => Arc::new(within(host, || Tap::new("eth0", 1)).unwrap().remove(0)),
        End::Plain => Arc::new(within(host, || Tap::plain("eth0")).unwrap()),
        End::Nic | End::Xdp => {
            let (near, far) = (format!("near{n}"), format!("far{n}"));
            let make = ["link", "add", &near, "type", "veth", "peer", "name", &far];
            within(between, || {
                let status = Command::new("ip").args(make).status()?;
                assert!(status.success());
                let mut netlink = Netlink::open()?;
                let far = netlink.find(&far)?.unwrap();
                let near = netlink.find(&near)?.unwrap();
                let there = LinkChange {
                    namespace: Some(host),
                    name: Some("eth0"),
                    ..LinkChange::default()
                };
                netlink.set_link(far.index, &there)?;
                let up = LinkChange {
                    up: Some(true),
                    ..LinkChange::default()
                };
                netlink.set_link(near.index, &up)?;
                if end == End::Nic {
                    return Ok(Arc::new(Packet::new(near.index)?) as Arc<dyn Attachment>);
                }
                let name = format!("near{n}");
                let xdp = Xdp::new(&name, near.index, 1500).map_err(io::Error::other)?;
                within(host, || Xdp::have_whole("eth0").map_err(io::Error::other))?;
                Ok(Arc::new(xdp))
            })
            .unwrap()
        }
    };
    within(host, || {
        let mut netlink = Netlink::open()?;
        let index = netlink.find("eth0")?.unwrap().index;
        let up = LinkChange {
            up: Some(true),
            ..LinkChange::default()
        };
        netlink.set_link(index, &up)?;
        for version in [4, 6] {
            let address = Address {
                address: address(version, n),
                prefix: 24,
                peer: None,
                scope: 0,
                nodad: true,
                noprefixroute: false,
                broadcast: None,
            };
            netlink.add_address(index, &address)?;
        }
        Ok(())
    })
    .unwrap();
    attachment
}

fn address(version: u8, n: usize) -> IpAddr {
    let last = u8::try_from(n + 1).unwrap();
    match version {
        4 => Ipv4Addr::new(10, 0, 0, last).into(),
        _ => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into()).into(),
    }
}

/// Sends TCP both ways at the same time, by one connection.
fn tcp(hosts: &[OwnedFd; 2], version: u8) {
    let at = SocketAddr::new(address(version, 1), 5000);
    let listener = within(hosts[1].as_fd(), || TcpListener::bind(at)).unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(|| exchange(listener.accept().unwrap().0, 1));
        let connect = || TcpStream::connect_timeout(&at, PATIENCE.unwrap());
        exchange(within(hosts[0].as_fd(), connect).unwrap(), 2);
        server.join().unwrap();
    });
}

/// Writes octets of a kind and reads those of the other.
fn exchange(stream: TcpStream, kind: u8) {
    stream.set_read_timeout(PATIENCE).unwrap();
    stream.set_write_timeout(PATIENCE).unwrap();
    let octets = |kind: u8| {
        let octets = (0..TRANSFER).map(|n| u8::try_from(n % 251).unwrap() ^ kind);
        octets.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(&octets(kind)).unwrap());
        let mut read = vec![0; TRANSFER];
        (&stream).read_exact(&mut read).unwrap();
        assert!(read == octets(3 - kind), "octets were changed on the way");
    });
}

/// Sends datagrams of several sizes, and many as one super-frame, and sees them come.
fn udp(hosts: &[OwnedFd; 2], version: u8) {
    let [from, to] = [0, 1].map(|n| {
        let at = SocketAddr::new(address(version, n), 6000);
        let socket = within(hosts[n].as_fd(), || UdpSocket::bind(at)).unwrap();
        socket.set_read_timeout(PATIENCE).unwrap();
        socket
    });
    from.connect(to.local_addr().unwrap()).unwrap();
    let mut room = [0; 2000];
    for size in [0, 1, 2, 17, 255, 1000, 1471, 1472, 3000] {
        let octets = vec![7; size];
        from.send(&octets).unwrap();
        let mut room = [0; 4000];
        let length = to.recv(&mut room).unwrap();
        assert_eq!(room[..length], octets, "{size}");
    }
    setsockopt(&from, UdpGsoSegment, &500).unwrap();
    let octets: Vec<u8> = (0..4100).map(|n| u8::try_from(n % 251).unwrap()).collect();
    from.send(&octets).unwrap();
    for part in octets.chunks(500) {
        let length = to.recv(&mut room).unwrap();
        assert_eq!(room[..length], *part);
    }
}

#[test]
fn tcp_and_udp_between_any_two_kinds_of_attachment() {
    need!("ip");
    for from in ENDS {
        for to in ENDS {
            let counted = Lab::new([from, to]).while_forwarding(|hosts| {
                for version in [4, 6] {
                    udp(hosts, version);
                    tcp(hosts, version);
                }
            });
            for (end, counters) in [from, to].into_iter().zip(&counted) {
                let pair = format!("{from:?} to {to:?}: {counters:?}");
                assert!(counters.add_up() && counters.dropped_total() == 0, "{pair}");
                // Super-frames stay whole where they may.
                let whole = |end| matches!(end, End::Plain | End::Xdp);
                let cuts = whole(end) && !(whole(from) && whole(to));
                assert_eq!(counters.segmented > 0, cuts, "{pair}");
            }
            let frames: u64 = counted.iter().map(|it| it.frames_in).sum();
            if from == End::Offloads && to == End::Offloads {
                let least = u64::try_from(4 * TRANSFER / 1448).unwrap();
                assert!(frames < least, "{frames} frames are no super-frames");
            }
        }
    }
}
