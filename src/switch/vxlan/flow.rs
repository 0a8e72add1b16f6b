//! The outer UDP source port: flows are to be told apart by those who cannot look inside.
//!
//! Linux hashes with a secret, so its ports cannot be told beforehand; what they depend on can
//! (`skb_get_hash`, `udp_flow_src_port`): the type of the frame behind its tags, the outermost tag, and
//! of IP the addresses, the protocol and the ports, each pair in order of size, so that both directions
//! of a flow have one port; of IPv6 the flow label instead of protocol and ports, if there is one. Frames
//! that are not IP have one port for each type, whatever their stations.

use crate::wire::{ETHER_IPV4, ETHER_IPV6, TAG_LEN, Tag};

/// FNV-1a over whatever a flow is known by, with a finish that spreads to the upper bits.
#[derive(Clone, Copy, Debug)]
struct Hash(u64);

impl Hash {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(mut self, octets: &[u8]) -> Self {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    /// Adds two values in order of size.
    fn add_pair(self, a: &[u8], b: &[u8]) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        self.add(low).add(high)
    }

    fn finish(self) -> u32 {
        let mut hash = self.0;
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        u32::try_from((hash ^ hash >> 33) >> 32).unwrap_or(0)
    }
}

/// Returns the port of a frame, which begins behind its addresses, out of a range without its end.
#[must_use]
pub(super) fn source_port(frame: &[u8], (from, to): (u16, u16)) -> u16 {
    let hash = flow_hash(frame);
    // The upper half is what counts below, so the lower one is mixed in (udp_flow_src_port).
    let hash = hash ^ hash << 16;
    let width = u64::from(to.saturating_sub(from));
    let offset = (u64::from(hash) * width) >> 32;
    from + u16::try_from(offset).unwrap_or(0)
}

fn flow_hash(frame: &[u8]) -> u32 {
    let mut hash = Hash::new();
    let mut rest = frame;
    let mut tagged = false;
    // The flow dissector follows tags of both types, and remembers the first.
    while let Some(tag) = Tag::read(rest) {
        if !tagged {
            hash = hash.add(&tag.octets());
        }
        tagged = true;
        rest = rest.get(TAG_LEN..).unwrap_or_default();
    }
    let Some((ether_type, packet)) = rest.split_first_chunk::<2>() else {
        return hash.finish();
    };
    hash = hash.add(ether_type);
    hash = match u16::from_be_bytes(*ether_type) {
        ETHER_IPV4 => ipv4(hash, packet),
        ETHER_IPV6 => ipv6(hash, packet),
        _ => hash,
    };
    hash.finish()
}

fn ipv4(hash: Hash, packet: &[u8]) -> Hash {
    let Some(header) = packet.first_chunk::<20>() else {
        return hash;
    };
    let length = usize::from(header[0] & 0x0f) * 4;
    if length < 20 {
        return hash;
    }
    let hash = hash
        .add_pair(&header[12..16], &header[16..20])
        .add(&header[9..10]);
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    match fragment {
        true => hash,
        false => ports(hash, header[9], packet.get(length..).unwrap_or_default()),
    }
}

fn ipv6(hash: Hash, packet: &[u8]) -> Hash {
    let Some(header) = packet.first_chunk::<40>() else {
        return hash;
    };
    let hash = hash.add_pair(&header[8..24], &header[24..40]);
    let label = [header[1] & 0x0f, header[2], header[3]];
    if label != [0; 3] {
        return hash.add(&label);
    }
    ports(hash.add(&header[6..7]), header[6], &packet[40..])
}

/// Adds the ports of a protocol that has some where TCP has (`flow_get_u32_src`).
fn ports(hash: Hash, protocol: u8, segment: &[u8]) -> Hash {
    const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
    match segment.first_chunk::<4>() {
        Some([a, b, c, d]) if WITH_PORTS.contains(&protocol) => hash.add_pair(&[*a, *b], &[*c, *d]),
        _ => hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: (u16, u16) = (32_768, 60_999);

    fn udp(source: [u8; 4], destination: [u8; 4], from: u16, to: u16) -> Vec<u8> {
        let mut octets = vec![0x08, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
        octets.extend([source, destination].concat());
        octets.extend([from.to_be_bytes(), to.to_be_bytes()].concat());
        octets.extend([0, 8, 0, 0]);
        octets
    }

    fn port(frame: &[u8]) -> u16 {
        source_port(frame, RANGE)
    }

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [10, 0, 0, 2];

    #[test]
    fn what_a_port_depends_on() {
        let flow = udp(A, B, 1, 2);
        assert_eq!(port(&flow), port(&udp(B, A, 2, 1)), "both directions");
        let others = [udp(A, B, 1, 3), udp(A, [10, 0, 0, 3], 1, 2), {
            let mut tcp = flow.clone();
            tcp[11] = 6;
            tcp
        }];
        for other in others {
            assert_ne!(port(&flow), port(&other));
        }
        let mut ttl = flow.clone();
        ttl[10] = 3;
        ttl.extend(b"payload");
        assert_eq!(port(&flow), port(&ttl), "neither TTL nor payload");
        let tagged = [&[0x81, 0, 0, 10][..], &flow].concat();
        assert_ne!(port(&flow), port(&tagged), "the tag");
        let fragment = |from| {
            let mut octets = udp(A, B, from, 2);
            octets[8] = 0x20;
            octets
        };
        assert_eq!(
            port(&fragment(1)),
            port(&fragment(7)),
            "no ports of fragments"
        );
    }

    #[test]
    fn frames_without_ip_share_one_port_of_a_type() {
        let arp = |last: u8| [&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1][..], &[last; 20]].concat();
        assert_eq!(port(&arp(1)), port(&arp(2)));
        assert_ne!(port(&arp(1)), port(&[0x88, 0xb5]));
        assert_eq!(port(&[0x88, 0xb5, 1]), port(&[0x88, 0xb5, 2, 3]));
    }

    #[test]
    fn a_flow_label_stands_for_the_ports() {
        let packet = |label: u8, from: u8| {
            let mut octets = vec![0x86, 0xdd, 0x60, 0, 0, label, 0, 8, 17, 64];
            octets.extend([[1; 16], [2; 16]].concat());
            octets.extend([0, from, 0, 2, 0, 8, 0, 0]);
            octets
        };
        assert_ne!(port(&packet(0, 1)), port(&packet(0, 9)));
        assert_eq!(port(&packet(5, 1)), port(&packet(5, 9)));
        assert_ne!(port(&packet(5, 1)), port(&packet(6, 1)));
    }

    #[test]
    fn ports_are_in_the_range_and_spread() {
        let mut seen = std::collections::HashSet::new();
        for from in 0..1_000 {
            let port = source_port(&udp(A, B, from, 7), (1_000, 1_100));
            assert!((1_000..1_100).contains(&port));
            seen.insert(port);
        }
        assert!(seen.len() > 90, "{}", seen.len());
        assert_eq!(source_port(&udp(A, B, 1, 2), (7, 7)), 7);
    }

    #[test]
    fn no_beginning_of_a_frame_panics() {
        let frames = [
            udp(A, B, 1, 2),
            [&[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2][..], &udp(A, B, 1, 2)].concat(),
        ];
        for frame in frames {
            for len in 0..frame.len() {
                let _ = port(&frame[..len]);
            }
        }
    }
}
