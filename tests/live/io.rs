//! Ways in and out that are no TAPs: packet sockets.

use std::os::fd::AsFd;
use std::process::Command;

use nix::libc;
use tapswitch::attach::packet::Packet;
use tapswitch::attach::{Attachment, BATCH, Batch, Failure, Outgoing};
use tapswitch::sys::namespace::{new_net, within};
use tapswitch::sys::netlink::{Link, LinkChange, Netlink};
use tapswitch::wire::offload::Offload;

use crate::bench::{await_that, need};

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
        let frames: Vec<_> = (0..700).map(|n| frame(n + round, 64, false)).collect();
        send_all(&a, &frames);
        let came = receive(&b, 528);
        assert!(came[..] == frames[..528], "{}", came.len());
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
