//! Which IP address belongs to which station behind which port.
//!
//! Written by control (from DHCP and from commands), read by workers. A binding by lease expires to
//! the nanosecond: lookups compare times, sweeps only reclaim. Bound: [`MAX_BINDINGS`] per bridge,
//! about 64 octets each.

use std::net::Ipv4Addr;

use dashmap::DashMap;

use crate::switch::PortNo;
use crate::time::Instant;
use crate::wire::{MacAddr, Vid};

/// Bindings that a bridge holds. When there are as many, no further one is made; none is pushed out.
pub const MAX_BINDINGS: usize = 16_384;

/// One binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The station.
    pub mac: MacAddr,
    /// The port that it is behind.
    pub port: PortNo,
    /// When the lease ends; `None` for never.
    pub expires: Option<Instant>,
    /// Made by a command: DHCP changes nothing about it.
    pub fixed: bool,
}

impl Binding {
    fn live(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// Why a binding was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBound {
    /// There are [`MAX_BINDINGS`].
    Full,
    /// The address belongs to another station for as long as its lease, or for good.
    Taken(Binding),
}

/// The bindings of one bridge.
#[derive(Debug, Default)]
pub struct Bindings {
    table: DashMap<(Option<Vid>, Ipv4Addr), Binding>,
}

impl Bindings {
    /// Returns who has an address in a VLAN (`None`: on a bridge without VLAN filtering).
    #[inline]
    #[must_use]
    pub fn get(&self, now: Instant, vid: Option<Vid>, ip: Ipv4Addr) -> Option<Binding> {
        let binding = *self.table.get(&(vid, ip))?;
        binding.live(now).then_some(binding)
    }

    /// Whether an address belongs to a station behind a port. A binding in no VLAN holds in all.
    #[inline]
    #[must_use]
    pub fn allow(
        &self,
        now: Instant,
        vid: Option<Vid>,
        ip: Ipv4Addr,
        mac: MacAddr,
        port: PortNo,
    ) -> bool {
        let own = |binding: Binding| binding.mac == mac && binding.port == port;
        self.get(now, vid, ip).is_some_and(own)
            || vid.is_some() && self.get(now, None, ip).is_some_and(own)
    }

    /// Makes or renews a binding.
    ///
    /// # Errors
    /// [`NotBound`]; nothing changed.
    pub fn put(
        &self,
        now: Instant,
        vid: Option<Vid>,
        ip: Ipv4Addr,
        binding: Binding,
    ) -> Result<(), NotBound> {
        let key = (vid, ip);
        match self.table.get(&key).map(|found| *found) {
            Some(found) if found.live(now) => {
                let same = found.mac == binding.mac;
                if !binding.fixed && (found.fixed || !same) {
                    return Err(NotBound::Taken(found));
                }
            }
            Some(_) => {}
            None if self.table.len() >= MAX_BINDINGS => {
                self.sweep(now);
                if self.table.len() >= MAX_BINDINGS {
                    return Err(NotBound::Full);
                }
            }
            None => {}
        }
        self.table.insert(key, binding);
        Ok(())
    }

    /// Takes a binding away, if it is one that `doomed` picks. Returns whether it did.
    pub fn remove(
        &self,
        vid: Option<Vid>,
        ip: Ipv4Addr,
        doomed: impl FnOnce(&Binding) -> bool,
    ) -> bool {
        let removed = self
            .table
            .remove_if(&(vid, ip), |_, binding| doomed(binding));
        removed.is_some()
    }

    /// Takes all bindings away that `doomed` picks.
    pub fn retain(&self, mut keep: impl FnMut(Option<Vid>, Ipv4Addr, &Binding) -> bool) {
        self.table
            .retain(|(vid, ip), binding| keep(*vid, *ip, binding));
    }

    /// Reclaims the memory of leases that have ended.
    pub fn sweep(&self, now: Instant) {
        self.retain(|_, _, binding| binding.live(now));
    }

    /// Whether there are none, ended leases included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns all bindings that hold, by VLAN and address.
    #[must_use]
    pub fn dump(&self, now: Instant) -> Vec<(Option<Vid>, Ipv4Addr, Binding)> {
        let rows = self.table.iter();
        let mut rows: Vec<_> = rows
            .filter(|row| row.value().live(now))
            .map(|row| (row.key().0, row.key().1, *row.value()))
            .collect();
        rows.sort_unstable_by_key(|(vid, ip, _)| (*vid, *ip));
        rows
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

    fn lease(station: u64, number: u16, ends: u64) -> Binding {
        Binding {
            mac: mac(station),
            port: port(number),
            expires: Some(Instant::from_secs(ends)),
            fixed: false,
        }
    }

    #[test]
    fn a_lease_ends_to_the_nanosecond() {
        let bindings = Bindings::default();
        bindings
            .put(Instant::ZERO, None, IP, lease(1, 1, 60))
            .unwrap();
        let before = Instant::from_nanos(60_000_000_000 - 1);
        assert!(bindings.allow(before, None, IP, mac(1), port(1)));
        assert!(!bindings.allow(Instant::from_secs(60), None, IP, mac(1), port(1)));
        assert!(!bindings.allow(before, None, IP, mac(1), port(2)));
        assert!(!bindings.allow(before, None, IP, mac(2), port(1)));
        assert!(!bindings.allow(before, None, Ipv4Addr::LOCALHOST, mac(1), port(1)));
    }

    #[test]
    fn a_binding_in_no_vlan_holds_in_all() {
        let bindings = Bindings::default();
        let ten = Vid::new(10);
        bindings
            .put(Instant::ZERO, None, IP, lease(1, 1, 60))
            .unwrap();
        let other = Ipv4Addr::new(10, 0, 0, 8);
        bindings
            .put(Instant::ZERO, ten, other, lease(1, 1, 60))
            .unwrap();
        assert!(bindings.allow(Instant::ZERO, ten, IP, mac(1), port(1)));
        assert!(bindings.allow(Instant::ZERO, ten, other, mac(1), port(1)));
        assert!(!bindings.allow(Instant::ZERO, Vid::new(11), other, mac(1), port(1)));
        assert!(!bindings.allow(Instant::ZERO, None, other, mac(1), port(1)));
    }

    #[test]
    fn who_may_take_an_address_over() {
        let fixed = Binding {
            fixed: true,
            expires: None,
            ..lease(3, 3, 0)
        };
        // (there, at, new, made)
        let cases = [
            (lease(1, 1, 60), 0, lease(1, 2, 90), true),
            (lease(1, 1, 60), 59, lease(2, 2, 90), false),
            (lease(1, 1, 60), 60, lease(2, 2, 90), true),
            (lease(1, 1, 60), 0, fixed, true),
            (fixed, 0, lease(3, 3, 60), false),
            (fixed, 0, lease(1, 1, 60), false),
        ];
        for (there, at, new, made) in cases {
            let bindings = Bindings::default();
            bindings.put(Instant::ZERO, None, IP, there).unwrap();
            let now = Instant::from_secs(at);
            let put = bindings.put(now, None, IP, new);
            assert_eq!(put.is_ok(), made, "{there:?} then {new:?} at {at}");
            let expected = if made { new } else { there };
            assert_eq!(bindings.get(now, None, IP), Some(expected));
        }
    }

    #[test]
    fn bounded_and_reclaimed() {
        let bindings = Bindings::default();
        let ip = |n: usize| Ipv4Addr::from(0x0a00_0000 + u32::try_from(n).unwrap());
        for n in 0..MAX_BINDINGS {
            bindings
                .put(Instant::ZERO, None, ip(n), lease(1, 1, 60))
                .unwrap();
        }
        let more = ip(MAX_BINDINGS);
        let at = |secs| bindings.put(Instant::from_secs(secs), None, more, lease(1, 1, 90));
        assert_eq!(at(59), Err(NotBound::Full));
        assert_eq!(at(60), Ok(()));
        assert_eq!(bindings.dump(Instant::from_secs(60)).len(), 1);
        assert!(!bindings.remove(None, more, |binding| binding.mac == mac(2)));
        assert!(bindings.remove(None, more, |binding| binding.mac == mac(1)));
        assert!(bindings.is_empty());
    }
}
