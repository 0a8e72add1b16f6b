//! What a port vouches for: ARP, IPv4 and DHCP, frame by frame.

use std::net::Ipv4Addr;

use super::bindings::Binding;
use super::*;

const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn mac(station: u64) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0000 | station)
}

fn port(number: u16) -> PortNo {
    PortNo::new(number).unwrap()
}

/// 10.0.0.1 is station 1 on port 1, 10.0.0.2 is station 2 on port 2.
fn guard(dhcp: Option<DhcpPort>, bound: bool) -> PlanGuard {
    let bindings = Bindings::default();
    for (ip, station, number) in [(IP, 1, 1), (OTHER, 2, 2)] {
        let binding = Binding {
            mac: mac(station),
            port: port(number),
            expires: None,
            fixed: true,
        };
        bindings.put(Instant::ZERO, None, ip, binding).unwrap();
    }
    PlanGuard {
        storm: None,
        security: None,
        dhcp,
        bound,
        bindings: Arc::new(bindings),
        mac_vlans: None,
        looped: false,
    }
}

fn says(
    guard: &PlanGuard,
    station: u64,
    (kind, payload): &(u16, Vec<u8>),
) -> Result<bool, DropReason> {
    let sender = Sender {
        now: Instant::ZERO,
        port: port(1),
        mac: mac(station),
        vid: None,
    };
    let said = guard.vouch(sender, *kind, payload);
    said.map(|from| from.is_some())
}

fn arp(station: u64, ip: Ipv4Addr) -> (u16, Vec<u8>) {
    let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1];
    message.extend(mac(station).octets());
    message.extend(ip.octets());
    message.extend([0; 6]);
    message.extend([10, 0, 0, 9]);
    (ETHER_ARP, message)
}

fn udp(source: Ipv4Addr, from: u16, to: u16, payload: &[u8]) -> (u16, Vec<u8>) {
    let len = u16::try_from(28 + payload.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(source.octets());
    packet.extend([255; 4]);
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend((len - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    (ETHER_IPV4, packet)
}

fn message(op: u8, kind: u8, client: u64, client_ip: Ipv4Addr, options: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 236];
    octets[..4].copy_from_slice(&[op, 1, 6, 0]);
    octets[12..16].copy_from_slice(&client_ip.octets());
    octets[28..34].copy_from_slice(&mac(client).octets());
    octets.extend([99, 130, 83, 99, 53, 1, kind]);
    octets.extend(options);
    octets.push(255);
    octets
}

fn tagged((kind, payload): (u16, Vec<u8>)) -> (u16, Vec<u8>) {
    let mut inner = vec![0, 5];
    inner.extend(kind.to_be_bytes());
    inner.extend(payload);
    (0x8100, inner)
}

#[test]
fn bound_ports() {
    let pass = Ok(false);
    let drop = Err(DropReason::Unbound);
    let cases = [
        ("its own ARP", 1, arp(1, IP), pass),
        ("another's address", 1, arp(1, OTHER), drop),
        ("its address from another station", 3, arp(3, IP), drop),
        ("a sender that is not the frame's", 1, arp(3, IP), drop),
        ("a probe", 1, arp(1, NOBODY), pass),
        ("a probe for somebody else", 1, arp(3, NOBODY), drop),
        (
            "half an ARP",
            1,
            (ETHER_ARP, arp(1, IP).1[..20].to_vec()),
            drop,
        ),
        ("an ARP in a tag", 1, tagged(arp(1, OTHER)), drop),
        ("its own, in two tags", 1, tagged(tagged(arp(1, IP))), pass),
        ("a reverse ARP", 1, (ETHER_RARP, arp(1, OTHER).1), drop),
        ("its own IP", 1, udp(IP, 5000, 53, &[]), pass),
        ("a foreign IP", 1, udp(OTHER, 5000, 53, &[]), drop),
        ("no IP", 1, udp(NOBODY, 5000, 53, &[]), drop),
        ("an IP in a tag", 1, tagged(udp(OTHER, 5000, 53, &[])), drop),
        ("half a header", 1, (ETHER_IPV4, vec![0x45; 12]), drop),
        ("something else", 1, (0x86dd, vec![0; 40]), pass),
        ("nothing", 1, (0x88b5, vec![]), pass),
    ];
    for (name, station, frame, expected) in cases {
        let guard = guard(None, true);
        assert_eq!(says(&guard, station, &frame), expected, "{name}");
    }
}

#[test]
fn ports_that_are_not_bound_let_addresses_pass() {
    let guard = guard(Some(DhcpPort::Untrusted), false);
    for frame in [
        arp(1, OTHER),
        udp(OTHER, 5000, 53, &[]),
        (ETHER_IPV4, vec![]),
    ] {
        assert_eq!(says(&guard, 1, &frame), Ok(false));
    }
}

#[test]
fn dhcp_by_the_trust_of_the_port() {
    const DISCOVER: u8 = 1;
    const OFFER: u8 = 2;
    const REQUEST: u8 = 3;
    const DECLINE: u8 = 4;
    const RELEASE: u8 = 7;
    let ask = |message: &[u8]| udp(NOBODY, 68, 67, message);
    let discover = message(1, DISCOVER, 1, NOBODY, &[]);
    let mut relayed = discover.clone();
    relayed[27] = 1;
    // (what, frame, untrusted and bound, trusted)
    let cases = [
        ("discover", ask(&discover), Ok(true)),
        (
            "request",
            ask(&message(1, REQUEST, 1, NOBODY, &[])),
            Ok(true),
        ),
        (
            "in another's name",
            ask(&message(1, DISCOVER, 2, NOBODY, &[])),
            Err(DropReason::DhcpSpoofed),
        ),
        ("as a relay", ask(&relayed), Err(DropReason::DhcpSpoofed)),
        (
            "with a relay's option",
            ask(&message(1, DISCOVER, 1, NOBODY, &[82, 0])),
            Err(DropReason::DhcpSpoofed),
        ),
        (
            "offer",
            udp(OTHER, 67, 68, &message(2, OFFER, 9, NOBODY, &[])),
            Err(DropReason::DhcpServer),
        ),
        (
            "offer that says it is a request",
            udp(NOBODY, 68, 67, &message(1, OFFER, 1, NOBODY, &[])),
            Err(DropReason::DhcpServer),
        ),
        (
            "reply from any port",
            udp(IP, 4000, 68, &message(2, REQUEST, 1, NOBODY, &[])),
            Err(DropReason::DhcpServer),
        ),
        (
            "release of its own",
            udp(IP, 68, 67, &message(1, RELEASE, 1, IP, &[])),
            Ok(true),
        ),
        (
            "release of another's",
            udp(IP, 68, 67, &message(1, RELEASE, 1, OTHER, &[])),
            Err(DropReason::DhcpSpoofed),
        ),
        (
            "decline of another's",
            ask(&message(1, DECLINE, 1, NOBODY, &[50, 4, 10, 0, 0, 2])),
            Err(DropReason::DhcpSpoofed),
        ),
        (
            "renewal from an address that is not its own",
            udp(OTHER, 68, 67, &message(1, REQUEST, 1, OTHER, &[])),
            Err(DropReason::Unbound),
        ),
        ("junk", ask(&[1, 2, 3]), Err(DropReason::DhcpMalformed)),
    ];
    for (name, frame, expected) in cases {
        let untrusted = guard(Some(DhcpPort::Untrusted), true);
        assert_eq!(says(&untrusted, 1, &frame), expected, "{name}");
        let trusted = guard(Some(DhcpPort::Trusted), false);
        let read = Ok(expected != Err(DropReason::DhcpMalformed));
        assert_eq!(says(&trusted, 1, &frame), read, "{name}, trusted");
    }
}

/// Whatever the octets are, nothing panics.
#[test]
fn cut_frames() {
    let guard = guard(Some(DhcpPort::Untrusted), true);
    let whole = tagged(udp(NOBODY, 68, 67, &message(1, 1, 1, NOBODY, &[])));
    for len in 0..=whole.1.len() {
        _ = says(&guard, 1, &(whole.0, whole.1[..len].to_vec()));
    }
}
