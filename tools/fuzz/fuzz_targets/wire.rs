//! Any octets behind an EtherType, for everything that looks into a frame beyond its addresses: no reader panics, and
//! no view that it returns does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tapswitch::wire::offload::{Offload, Software, VNET_HEADER};
use tapswitch::wire::{
    Addressee, Arp, Datagram, Dhcp, ETHERNET_HEADER, Ethernet, FORWARDED_HEAD, Forwarded, Ipv4,
    MacAddr, Neighbour, Tag, Vxlan, igmp, innermost, mld,
};

fuzz_target!(|octets: &[u8]| {
    let Some((header, frame)) = octets.split_first_chunk::<VNET_HEADER>() else {
        return;
    };
    offload(header, frame);
    let Ok(ethernet) = Ethernet::parse(frame) else {
        return;
    };
    let (ether_type, packet) = innermost(ethernet.ether_type(), &frame[ETHERNET_HEADER..]);
    _ = Tag::read(&frame[12..]).map(|tag| (tag.vid(), tag.pcp()));
    if let Ok(addressee) = Addressee::parse(ether_type, packet, packet.len()) {
        _ = (addressee.source(), addressee.destination());
    }
    if let Some(arp) = Arp::parse(packet) {
        _ = (
            arp.operation(),
            arp.is_ethernet(),
            arp.sender(),
            arp.sender_ip(),
            arp.target_ip(),
        );
        assert_eq!(arp.reply(MacAddr::ZERO).len(), 42);
    }
    if let Some(neighbour) = Neighbour::parse(packet) {
        _ = (
            neighbour.kind(),
            neighbour.source(),
            neighbour.destination(),
            neighbour.target(),
        );
    }
    if let Some(ipv4) = Ipv4::parse(packet)
        && let Some((_, _, payload)) = ipv4.udp()
    {
        _ = Dhcp::parse(payload);
    }
    _ = Dhcp::parse(packet);
    if let Ok(inspected) = igmp::inspect(packet) {
        _ = format!("{inspected:?}");
    }
    if let Ok(inspected) = mld::inspect(packet) {
        _ = format!("{inspected:?}");
    }
    if let Ok(forwarded) = Forwarded::parse(ether_type, packet) {
        let mut head = [0; FORWARDED_HEAD];
        let (head, rest) = forwarded.onward(MacAddr::ZERO, MacAddr::ZERO, &mut head);
        assert_eq!(head.len() + rest.len(), forwarded.len() + ETHERNET_HEADER);
        _ = (forwarded.source(), forwarded.destination());
    }
    if let Some(datagram) = Datagram::parse(ether_type, packet)
        && datagram.check(packet, packet.len()).is_ok()
        && let Some(udp) = packet.get(datagram.start..)
    {
        _ = datagram.sums_up([udp]);
        _ = udp
            .get(8..)
            .and_then(Vxlan::parse)
            .map(|it| (it.vni(), it.has_vni(), it.octets()));
    }
});

/// A super-frame: cut into segments, it has no more octets than its headers for each.
fn offload(header: &[u8; VNET_HEADER], frame: &[u8]) {
    let Ok(offload) = Offload::read(header, frame) else {
        return;
    };
    let half = frame.len() / 2;
    let mut software = Software::default();
    let mut segments = 0;
    _ = software.finish([&frame[..half], &frame[half..]], offload, |[head, rest]| {
        segments += 1;
        assert!(
            head.len() + rest.len() <= frame.len() + 64,
            "longer than what it was cut from"
        );
    });
    assert!(segments <= frame.len() + 1, "{segments} segments");
    _ = offload.shifted(4).map(|it| it.write(frame.len() + 4));
}
