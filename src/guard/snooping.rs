//! DHCPv4 snooping: who has which address, from what clients and servers say to each other.
//!
//! Workers have already refused what is malformed, what servers say on ports that are not trusted and
//! what clients say about others' addresses; here every message counts.
//!
//! | message | effect |
//! |---|---|
//! | REQUEST | notes the port where the client is |
//! | ACK with a lease | binds address, client, VLAN and that port (else where the FDB has the client) until the lease ends |
//! | NAK | the client loses the address that it asked for |
//! | RELEASE, DECLINE | the client loses its address |
//! | others | none: an offer is not a lease |
//!
//! Bindings made by a command are never touched. Bound: [`MAX_ASKED`] requests wait for an answer,
//! for [`ANSWER_WITHIN`]; further ones are not noted, and the FDB says where the client is.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::switch::PortNo;
use crate::switch::guard::bindings::{Binding, Bindings, NotBound};
use crate::time::{Duration, Instant};
use crate::wire::{Dhcp, DhcpKind, MacAddr, Vid};

/// Requests that are remembered at a time.
pub const MAX_ASKED: usize = 4096;

/// How long a request is remembered: the longest a client waits before it asks again (RFC 2131, 4.1).
pub const ANSWER_WITHIN: Duration = Duration::from_secs(64);

/// What clients of one bridge have asked for.
#[derive(Clone, Debug, Default)]
pub struct Snooping {
    asked: HashMap<(Option<Vid>, MacAddr), Asked>,
    /// When old requests were last looked for, because there was no room.
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    port: PortNo,
    /// The address that the client wants or has.
    ip: Option<Ipv4Addr>,
    at: Instant,
}

impl Snooping {
    /// Takes what a client says.
    pub fn client(
        &mut self,
        now: Instant,
        port: PortNo,
        vid: Option<Vid>,
        message: &Dhcp,
        bindings: &Bindings,
    ) {
        let has = Some(message.client_ip).filter(|ip| !ip.is_unspecified());
        let own = |binding: &Binding| {
            !binding.fixed && binding.mac == message.client && binding.port == port
        };
        match message.kind {
            DhcpKind::Request => self.note(
                (vid, message.client),
                Asked {
                    port,
                    ip: message.requested.or(has),
                    at: now,
                },
            ),
            DhcpKind::Release => {
                if let Some(ip) = has {
                    bindings.remove(vid, ip, own);
                }
            }
            DhcpKind::Decline => {
                if let Some(ip) = message.requested {
                    bindings.remove(vid, ip, own);
                }
            }
            _ => {}
        }
    }

    /// Takes what a server says. `behind` is where the FDB has the client.
    ///
    /// # Errors
    /// [`NotBound`] if a lease was granted but could not be noted.
    pub fn server(
        &mut self,
        now: Instant,
        vid: Option<Vid>,
        message: &Dhcp,
        bindings: &Bindings,
        behind: impl FnOnce() -> Option<PortNo>,
    ) -> Result<(), NotBound> {
        if !matches!(message.kind, DhcpKind::Ack | DhcpKind::Nak) {
            return Ok(());
        }
        let asked = self
            .asked
            .remove(&(vid, message.client))
            .filter(|asked| now - asked.at < ANSWER_WITHIN);
        if message.kind == DhcpKind::Nak {
            if let Some(ip) = asked.and_then(|asked| asked.ip) {
                bindings.remove(vid, ip, |binding| {
                    !binding.fixed && binding.mac == message.client
                });
            }
            return Ok(());
        }
        // An answer to INFORM grants nothing: it has neither address nor lease.
        let Some(seconds) = message.lease.filter(|seconds| *seconds > 0) else {
            return Ok(());
        };
        if message.your_ip.is_unspecified() {
            return Ok(());
        }
        let Some(port) = asked.map(|asked| asked.port).or_else(behind) else {
            return Ok(());
        };
        let binding = Binding {
            mac: message.client,
            port,
            expires: (seconds != Dhcp::FOREVER)
                .then(|| now + Duration::from_secs(u64::from(seconds))),
            fixed: false,
        };
        bindings.put(now, vid, message.your_ip, binding)
    }

    /// Forgets a port that left the bridge.
    pub fn forget_port(&mut self, port: PortNo) {
        self.asked.retain(|_, asked| asked.port != port);
    }

    fn note(&mut self, client: (Option<Vid>, MacAddr), asked: Asked) {
        if self.asked.len() >= MAX_ASKED && !self.asked.contains_key(&client) {
            // At most once a second: a flood of requests must not cost a walk each.
            if self
                .swept
                .is_none_or(|swept| asked.at - swept >= Duration::from_secs(1))
            {
                self.swept = Some(asked.at);
                self.asked
                    .retain(|_, old| asked.at - old.at < ANSWER_WITHIN);
            }
            if self.asked.len() >= MAX_ASKED {
                return;
            }
        }
        self.asked.insert(client, asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    fn mac(station: u64) -> MacAddr {
        MacAddr::from_u64(0x0200_0000_0000 | station)
    }

    fn port(number: u16) -> PortNo {
        PortNo::new(number).unwrap()
    }

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    fn message(kind: DhcpKind, station: u64) -> Dhcp {
        Dhcp {
            kind,
            reply: kind.is_from_server(),
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            relay_ip: Ipv4Addr::UNSPECIFIED,
            client: mac(station),
            requested: None,
            lease: None,
            relay_information: false,
        }
    }

    fn request(station: u64) -> Dhcp {
        Dhcp {
            requested: Some(IP),
            ..message(DhcpKind::Request, station)
        }
    }

    fn ack(station: u64, seconds: u32) -> Dhcp {
        Dhcp {
            your_ip: IP,
            lease: Some(seconds),
            ..message(DhcpKind::Ack, station)
        }
    }

    struct Net {
        snooping: Snooping,
        bindings: Bindings,
    }

    impl Net {
        fn new() -> Self {
            Self {
                snooping: Snooping::default(),
                bindings: Bindings::default(),
            }
        }

        fn says(&mut self, secs: u64, number: u16, message: &Dhcp) {
            self.snooping
                .client(at(secs), port(number), None, message, &self.bindings);
        }

        /// The FDB has every client behind port 9.
        fn answers(&mut self, secs: u64, message: &Dhcp) -> Result<(), NotBound> {
            self.snooping
                .server(at(secs), None, message, &self.bindings, || Some(port(9)))
        }

        fn has(&self, secs: u64) -> Option<(MacAddr, u16)> {
            let binding = self.bindings.get(at(secs), None, IP)?;
            Some((binding.mac, binding.port.get()))
        }
    }

    #[test]
    fn a_lease_from_request_to_end() {
        let mut net = Net::new();
        net.says(0, 1, &message(DhcpKind::Discover, 1));
        net.answers(
            0,
            &Dhcp {
                your_ip: IP,
                ..message(DhcpKind::Offer, 1)
            },
        )
        .unwrap();
        assert_eq!(net.has(0), None, "an offer is not a lease");
        net.says(1, 1, &request(1));
        net.answers(2, &ack(1, 60)).unwrap();
        assert_eq!(net.has(2), Some((mac(1), 1)), "the port of the request");
        // Renewed half way, without a request that came by here.
        net.answers(32, &ack(1, 60)).unwrap();
        assert_eq!(net.has(91), Some((mac(1), 9)), "the port of the FDB");
        assert_eq!(net.has(92), None);
    }

    #[test]
    fn leases_without_end_and_answers_without_lease() {
        let mut net = Net::new();
        net.answers(0, &message(DhcpKind::Ack, 1)).unwrap();
        net.answers(0, &ack(1, 0)).unwrap();
        net.answers(
            0,
            &Dhcp {
                your_ip: Ipv4Addr::UNSPECIFIED,
                ..ack(1, 60)
            },
        )
        .unwrap();
        assert!(net.bindings.is_empty());
        net.answers(0, &ack(1, Dhcp::FOREVER)).unwrap();
        assert_eq!(net.has(u64::MAX / 2_000_000_000), Some((mac(1), 9)));
    }

    #[test]
    fn what_takes_a_lease_away() {
        let release = |station| Dhcp {
            client_ip: IP,
            ..message(DhcpKind::Release, station)
        };
        let decline = |station| Dhcp {
            requested: Some(IP),
            ..message(DhcpKind::Decline, station)
        };
        // (who says it, from which port, what, whether the binding stays)
        let cases = [
            (1, release(1), false),
            (1, decline(1), false),
            (2, release(1), true),
            (2, decline(1), true),
            (1, release(2), true),
            (1, decline(2), true),
            (1, message(DhcpKind::Release, 1), true),
            (1, message(DhcpKind::Decline, 1), true),
            (1, message(DhcpKind::Inform, 1), true),
            (1, message(DhcpKind::Later(9), 1), true),
        ];
        for (number, message, stays) in cases {
            let mut net = Net::new();
            net.says(0, 1, &request(1));
            net.answers(0, &ack(1, 60)).unwrap();
            net.says(1, number, &message);
            assert_eq!(net.has(1).is_some(), stays, "{message:?} by {number}");
        }
    }

    #[test]
    fn a_refusal_takes_only_from_who_asked() {
        let mut net = Net::new();
        net.says(0, 1, &request(1));
        net.answers(0, &ack(1, 60)).unwrap();
        // Another client wants the same address and is refused.
        net.says(1, 2, &request(2));
        net.answers(1, &message(DhcpKind::Nak, 2)).unwrap();
        assert_eq!(net.has(1), Some((mac(1), 1)));
        // A refusal that nobody asked for.
        net.answers(2, &message(DhcpKind::Nak, 1)).unwrap();
        assert_eq!(net.has(2), Some((mac(1), 1)));
        net.says(3, 1, &request(1));
        net.answers(3, &message(DhcpKind::Nak, 1)).unwrap();
        assert_eq!(net.has(3), None);
    }

    #[test]
    fn an_address_in_use_is_not_given_away() {
        let mut net = Net::new();
        net.answers(0, &ack(1, 60)).unwrap();
        assert!(matches!(
            net.answers(1, &ack(2, 60)),
            Err(NotBound::Taken(_))
        ));
        assert_eq!(net.has(1), Some((mac(1), 9)));
    }

    #[test]
    fn requests_are_bounded_and_forgotten() {
        let mut net = Net::new();
        for station in 0..MAX_ASKED as u64 + 10 {
            net.says(0, 1, &request(station));
        }
        assert_eq!(net.snooping.asked.len(), MAX_ASKED);
        net.says(64, 2, &request(1));
        net.says(64, 2, &request(u64::from(u16::MAX)));
        assert_eq!(net.snooping.asked.len(), 2, "the old ones made room");
        net.says(65, 1, &request(3));
        net.snooping.forget_port(port(2));
        assert_eq!(net.snooping.asked.len(), 1);
        net.answers(200, &ack(3, 60)).unwrap();
        assert_eq!(net.has(200), Some((mac(3), 9)), "too late: the FDB's port");
    }
}
