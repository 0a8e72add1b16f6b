//! Datagrams of tunnels that come in fragments.

use std::net::IpAddr;

use super::{MAX_PARTIAL, REASSEMBLY};
use crate::netdev::Network;
use crate::switch::{NetdevId, Side};
use crate::time::Instant;
use crate::wire::{Datagram, ETHER_IPV4, ETHERNET_HEADER, Ethernet, IPV6_HEADER, Sum};

/// Fragments of one datagram.
const MAX_FRAGMENTS: usize = 1_024;

/// A datagram of which some fragments are there.
#[derive(Clone, Debug)]
pub(super) struct Partial {
    pub(super) key: (NetdevId, IpAddr, IpAddr, u32),
    /// The Ethernet and IP header of the first fragment.
    pub(super) head: Option<Vec<u8>>,
    /// Offset and octets, in order of offset.
    pub(super) pieces: Vec<(usize, Vec<u8>)>,
    /// Where it ends, once the last fragment is there.
    pub(super) end: Option<usize>,
    pub(super) until: Instant,
}

impl Partial {
    /// Takes a fragment; false if it does not fit to the others.
    fn add(&mut self, offset: usize, octets: &[u8], more: bool) -> bool {
        let end = offset + octets.len();
        let at = self.pieces.partition_point(|(other, _)| *other < offset);
        let before = at.checked_sub(1).and_then(|at| self.pieces.get(at));
        let overlaps = before.is_some_and(|(start, it)| start + it.len() > offset)
            || self.pieces.get(at).is_some_and(|(start, _)| end > *start);
        let beyond = self
            .end
            .is_some_and(|known| end > known || !more && end != known);
        if overlaps || beyond || end > 65_535 || self.pieces.len() >= MAX_FRAGMENTS {
            return false;
        }
        self.pieces.insert(at, (offset, octets.to_vec()));
        if !more {
            self.end = Some(end);
        }
        self.pieces
            .last()
            .is_none_or(|(start, it)| self.end.is_none_or(|known| start + it.len() <= known))
    }

    /// Returns the payload, when it is all there.
    fn payload(&self) -> Option<Vec<u8>> {
        let end = self.end?;
        let mut payload = Vec::with_capacity(end);
        for (offset, octets) in &self.pieces {
            if *offset != payload.len() {
                return None;
            }
            payload.extend_from_slice(octets);
        }
        (payload.len() == end).then_some(payload)
    }
}

impl Network {
    /// A fragment went up to the stack of a netdev below tunnels (`ip_defrag`, `ipv6_frag_rcv`).
    pub fn receive_fragment(&mut self, now: Instant, id: NetdevId, octets: &[u8]) {
        let Some(fragment) = Fragment::parse(octets) else {
            return;
        };
        let key = (id, fragment.source, fragment.destination, fragment.id);
        let partial = &mut self.underlay.partial;
        let at = match partial.iter().position(|it| it.key == key) {
            Some(at) => at,
            None => {
                if partial.len() >= MAX_PARTIAL {
                    partial.pop_front();
                    self.underlay.counts.incomplete += 1;
                }
                self.underlay.counts.fragmented += 1;
                partial.push_back(Partial {
                    key,
                    head: None,
                    pieces: Vec::new(),
                    end: None,
                    until: now + REASSEMBLY,
                });
                partial.len() - 1
            }
        };
        let Some(it) = partial.get_mut(at) else {
            return;
        };
        if !it.add(fragment.offset, fragment.payload, fragment.more) {
            partial.remove(at);
            self.underlay.counts.misfits += 1;
            return;
        }
        if fragment.offset == 0 {
            it.head = Some(fragment.head.clone());
        }
        let Some((payload, head)) = it.payload().zip(it.head.clone()) else {
            return;
        };
        partial.remove(at);
        self.underlay.counts.together += 1;
        let packet = together(head, &payload);
        let port = payload.get(2..).and_then(<[u8]>::first_chunk).copied();
        let ns = self.netdev(id).ns;
        let listens = port.map(u16::from_be_bytes).is_some_and(|port| {
            let ipv6 = fragment.source.is_ipv6();
            self.vxlan_devices().any(|(id, it)| {
                self.netdev(id).up
                    && it.underlay == ns
                    && (it.config.ipv6(), it.config.port) == (ipv6, port)
            })
        });
        if listens {
            self.transmits.push_back((id, Side::Stack, packet));
        }
    }
}

/// A fragment of a UDP datagram.
struct Fragment<'a> {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    offset: usize,
    more: bool,
    /// Ethernet and IP headers, as they would be without fragments.
    head: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let ether_type = Ethernet::parse(octets).ok()?.ether_type();
        let packet = octets.get(ETHERNET_HEADER..)?;
        let outer = Datagram::parse(ether_type, packet)?;
        let payload = packet.get(outer.start..outer.end)?;
        let (id, field, skip) = match ether_type {
            ETHER_IPV4 => {
                if Sum::default().with(&packet[..outer.start]).checksum() != 0 {
                    return None;
                }
                let id = u16::from_be_bytes([packet[4], packet[5]]);
                (u32::from(id), [packet[6], packet[7]], 0)
            }
            _ => {
                let [_, _, a, b, c, d, e, f] = *packet.get(IPV6_HEADER..)?.first_chunk::<8>()?;
                let field = u16::from_be_bytes([a, b]);
                // Like IPv4: more, then the offset in units of eight octets.
                let field = (field & 1) << 13 | field >> 3;
                (u32::from_be_bytes([c, d, e, f]), field.to_be_bytes(), 8)
            }
        };
        let field = u16::from_be_bytes(field);
        let more = field & 0x2000 != 0;
        // All but the last are multiples of eight octets.
        if payload.is_empty() || more && !payload.len().is_multiple_of(8) {
            return None;
        }
        let mut head = octets[..ETHERNET_HEADER + outer.start - skip].to_vec();
        if skip > 0 {
            head[ETHERNET_HEADER + 6] = 17;
        }
        Some(Self {
            source: outer.source,
            destination: outer.destination,
            id,
            offset: usize::from(field & 0x1fff) * 8,
            more,
            head,
            payload,
        })
    }
}

/// Puts a datagram behind the headers of its first fragment, which are corrected.
fn together(mut head: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    let packet = &mut head[ETHERNET_HEADER..];
    let header = packet.len();
    let length = |octets: usize| u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes();
    if packet[0] >> 4 == 4 {
        packet[2..4].copy_from_slice(&length(header + payload.len()));
        packet[6..8].fill(0);
        packet[10..12].fill(0);
        let sum = Sum::default().with(packet).checksum();
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet[4..6].copy_from_slice(&length(header - IPV6_HEADER + payload.len()));
    }
    head.extend_from_slice(payload);
    head
}
