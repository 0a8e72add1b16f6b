//! The bridge's own stack as a host: a member of the group of all snoopers (RFC 4286), which it reports.
//!
//! A bridge that is up and snoops joins 224.0.0.106 and ff02::6a (`br_multicast_join_snoopers`). The rest is
//! what a host does in RFC 3376, 2236, 3810 and 2710, as the kernel's does it for one group that it wants
//! from everybody (`net/ipv4/igmp.c`, `net/ipv6/mcast.c`): it reports twice when it joins, says twice that
//! it leaves, answers queries, and speaks the version of the oldest querier it has heard.
//!
//! The kernel draws the moments at random. Here they follow from the bridge's MAC address and from how many
//! were drawn before, so that a replay is the same every time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::switch::mdb::Family;
use crate::time::{Duration, Instant};
use crate::wire::membership::{Claim, MAX_CLAIM_FRAME, Query, RecordKind};
use crate::wire::{MacAddr, igmp, mld};

/// One tick of the kernel's clock, in which it counts these times.
const TICK: Duration = Duration::from_millis(4);
/// What every time is later than drawn.
const AT_LEAST: Duration = Duration::from_millis(8);
/// How often a change is told (`igmp_qrv`, `mld_qrv`), unless a querier says otherwise.
const ROBUSTNESS: u8 = 2;
/// What a querier's interval is taken to be unless it says so.
const QUERY_INTERVAL: Duration = Duration::from_secs(125);
/// What its hosts' time to answer is taken to be.
const RESPONSE_INTERVAL: Duration = Duration::from_secs(10);
/// The longest time between two reports that nobody asked for, in the versions with sources.
const UNSOLICITED: Duration = Duration::from_secs(1);
/// The same in older versions.
const UNSOLICITED_OLD: Duration = Duration::from_secs(10);

/// The addresses with which it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackAddresses {
    /// The bridge's.
    pub mac: MacAddr,
    /// Of IGMPv3, which takes one of the bridge's own only.
    pub ipv4: Ipv4Addr,
    /// Of the older versions, which take any that the namespace would send from.
    pub ipv4_any: Ipv4Addr,
    /// Of MLD: the bridge's link-local one.
    pub ipv6: Ipv6Addr,
}

/// A bridge's own stack, as far as its own group goes.
#[derive(Clone, Debug)]
pub struct StackMember {
    v4: Host,
    v6: Host,
    /// How many moments were drawn.
    draws: u64,
}

/// One protocol's side of it.
#[derive(Clone, Debug)]
struct Host {
    family: Family,
    joined: bool,
    /// How often that is still to be said (`crcount`).
    changes: u8,
    /// How often the timer of changes still starts again (`mr_ifc_count`).
    rounds: u8,
    change: Option<Instant>,
    /// Answers a general query (`mr_gq_timer`).
    general: Option<Instant>,
    /// Answers any other, and all of old queriers (`im->timer`).
    single: Option<Instant>,
    /// Reports that nobody asked for that are left, in old versions.
    unsolicited: u8,
    /// It was the last to report the group.
    reporter: bool,
    /// Until when the querier is taken to be one of version 1 of IGMP.
    v1_until: Instant,
    /// Until when it is taken to be one of IGMPv2 or MLDv1.
    v2_until: Instant,
    robustness: u8,
    query_interval: Duration,
    response_interval: Duration,
}

impl Default for StackMember {
    fn default() -> Self {
        Self {
            v4: Host::new(Family::V4),
            v6: Host::new(Family::V6),
            draws: 0,
        }
    }
}

impl StackMember {
    /// Joins: the bridge came up, or began to snoop. Returns what is sent at once.
    pub fn join(&mut self, now: Instant, from: StackAddresses, family: Family) -> Option<Vec<u8>> {
        let (host, mut draw) = self.host(family, from.mac);
        host.joined = true;
        host.announce(now, &mut draw, from)
    }

    /// The bridge came up: what was known of queriers is forgotten (`ip_mc_reset`, `ipv6_mc_reset`).
    pub const fn reset(&mut self, family: Family) {
        let host = match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        };
        host.robustness = ROBUSTNESS;
        host.query_interval = QUERY_INTERVAL;
        host.response_interval = RESPONSE_INTERVAL;
        // Only IPv6 forgets that it heard an old one.
        if matches!(family, Family::V6) {
            host.v2_until = Instant::ZERO;
        }
    }

    /// Whether it is a member.
    #[must_use]
    pub const fn joined(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4.joined,
            Family::V6 => self.v6.joined,
        }
    }

    /// Leaves: the bridge no longer snoops. Returns what is sent at once.
    pub fn leave(&mut self, now: Instant, from: StackAddresses, family: Family) -> Option<Vec<u8>> {
        let (host, mut draw) = self.host(family, from.mac);
        if !std::mem::take(&mut host.joined) {
            return None;
        }
        let reporter = std::mem::take(&mut host.reporter);
        (host.single, host.unsolicited) = (None, 0);
        match host.old(now) {
            Some(Claim::ReportV1) => None,
            Some(_) => reporter.then(|| host.encode(Claim::Leave, from)),
            None => {
                host.tell(now, &mut draw);
                None
            }
        }
    }

    /// Falls silent: the bridge went down, or has no such addresses any more.
    pub const fn stop(&mut self, family: Family) {
        let host = match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        };
        host.joined = false;
        host.reporter = false;
        (host.change, host.general, host.single) = (None, None, None);
        (host.rounds, host.unsolicited, host.changes) = (0, 0, 0);
    }

    /// Hears a query (`igmp_heard_query`, `__mld_query_work`).
    pub fn hear_query(&mut self, now: Instant, mac: MacAddr, family: Family, query: Query) {
        let (host, mut draw) = self.host(family, mac);
        host.hear_query(now, &mut draw, query);
    }

    /// Hears another member's report, of a version in which one is enough.
    pub fn hear_report(&mut self, group: IpAddr) {
        for host in [&mut self.v4, &mut self.v6] {
            if host.group() == group {
                (host.single, host.unsolicited, host.reporter) = (None, 0, false);
            }
        }
    }

    /// When it has something to send.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of = |host: &Host| [host.change, host.general, host.single];
        let timers = [of(&self.v4), of(&self.v6)];
        timers.into_iter().flatten().flatten().min()
    }

    /// Returns the frames that are due.
    pub fn handle_timeout(&mut self, now: Instant, from: StackAddresses) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for family in Family::ALL {
            let (host, mut draw) = self.host(family, from.mac);
            let claims = host.due(now, &mut draw);
            frames.extend(claims.into_iter().map(|claim| host.encode(claim, from)));
        }
        frames
    }

    fn host(&mut self, family: Family, mac: MacAddr) -> (&mut Host, Draw<'_>) {
        let host = match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        };
        let draws = &mut self.draws;
        (host, Draw { mac, draws })
    }
}

impl Host {
    const fn new(family: Family) -> Self {
        Self {
            family,
            joined: false,
            changes: 0,
            rounds: 0,
            change: None,
            general: None,
            single: None,
            unsolicited: 0,
            reporter: false,
            v1_until: Instant::ZERO,
            v2_until: Instant::ZERO,
            robustness: ROBUSTNESS,
            query_interval: QUERY_INTERVAL,
            response_interval: RESPONSE_INTERVAL,
        }
    }

    const fn group(&self) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4(igmp::ALL_SNOOPERS),
            Family::V6 => IpAddr::V6(mld::ALL_SNOOPERS),
        }
    }

    /// The report of the old version that it speaks; `None` for a version with records.
    fn old(&self, now: Instant) -> Option<Claim> {
        if now < self.v1_until {
            Some(Claim::ReportV1)
        } else {
            (now < self.v2_until).then_some(Claim::Report)
        }
    }

    /// `igmp_group_added`, `igmp6_group_added`.
    fn announce(
        &mut self,
        now: Instant,
        draw: &mut Draw<'_>,
        from: StackAddresses,
    ) -> Option<Vec<u8>> {
        let Some(report) = self.old(now) else {
            self.tell(now, draw);
            return None;
        };
        // What it had to say of leaving is no longer true.
        self.changes = 0;
        if self.family == Family::V4 {
            self.unsolicited = ROBUSTNESS;
            self.single = Some(now + AT_LEAST);
            return None;
        }
        self.reporter = true;
        self.single.get_or_insert(now + draw.below(UNSOLICITED_OLD));
        Some(self.encode(report, from))
    }

    /// Begins to tell of a change (`igmp_ifc_event`, `mld_ifc_event`).
    fn tell(&mut self, now: Instant, draw: &mut Draw<'_>) {
        (self.changes, self.rounds) = (self.robustness, self.robustness);
        self.change = Some(now + AT_LEAST + draw.below(TICK));
    }

    fn hear_query(&mut self, now: Instant, draw: &mut Draw<'_>, query: Query) {
        let mut general = query.group.is_unspecified();
        let mut within = query.max_response.max(TICK);
        let old = self.old(now);
        if !query.with_sources {
            let until = now
                + self.query_interval.saturating_mul(self.robustness.into())
                + self.response_interval;
            if self.family == Family::V4 && query.max_response.is_zero() {
                (self.v1_until, general, within) = (until, true, RESPONSE_INTERVAL);
            } else {
                self.v2_until = until;
            }
        } else if old == Some(Claim::ReportV1) {
            (general, within) = (true, RESPONSE_INTERVAL);
        }
        if !query.with_sources || old.is_some() && self.family == Family::V6 {
            (self.rounds, self.change, self.general) = (0, None, None);
            if !self.joined {
                self.changes = 0;
            }
        } else if old.is_none() {
            self.take_over(&query);
            if general {
                if query.sources == 0 {
                    self.answer_later(now, draw, within);
                }
                return;
            }
        }
        if !self.joined || !general && query.group != self.group() {
            return;
        }
        match self.family {
            Family::V4 => {
                self.unsolicited = 0;
                if self.single.is_none_or(|at| at >= now + within) {
                    self.single = Some(now + AT_LEAST + draw.below(within));
                }
            }
            Family::V6 => {
                if self.single.is_none_or(|at| at >= now + within) {
                    self.single = Some(now + draw.below(within));
                }
            }
        }
    }

    /// Takes over what a querier of a version with records says of itself.
    fn take_over(&mut self, query: &Query) {
        match self.family {
            Family::V4 => {
                self.robustness = match query.robustness {
                    0 => ROBUSTNESS,
                    said => said,
                };
                self.query_interval = match query.interval {
                    Duration::ZERO => QUERY_INTERVAL,
                    said => said,
                };
                if self.response_interval >= self.query_interval {
                    self.response_interval =
                        self.query_interval.saturating_sub(Duration::from_secs(1));
                }
            }
            Family::V6 => {
                let said = Some(query.robustness).filter(|it| *it > 0);
                self.robustness = said.unwrap_or(self.robustness).max(ROBUSTNESS);
                self.query_interval = query.interval;
                self.response_interval = query.max_response;
            }
        }
    }

    /// `igmp_gq_start_timer`, `mld_gq_start_work`.
    fn answer_later(&mut self, now: Instant, draw: &mut Draw<'_>, within: Duration) {
        let at = now + AT_LEAST + draw.below(within);
        let running = self.general.filter(|_| self.family == Family::V4);
        self.general = Some(running.map_or(at, |running| running.min(at)));
    }

    /// What is to be said now.
    fn due(&mut self, now: Instant, draw: &mut Draw<'_>) -> Vec<Claim> {
        let mut claims = Vec::new();
        let old = self.old(now);
        if take_due(&mut self.change, now) {
            if self.changes > 0 {
                self.changes -= 1;
                claims.push(Claim::Record(match self.joined {
                    true => RecordKind::ToExclude,
                    false => RecordKind::ToInclude,
                }));
            }
            self.rounds = self.rounds.saturating_sub(1);
            if self.rounds > 0 {
                let wait = old.map_or(UNSOLICITED, |_| UNSOLICITED_OLD);
                self.change = Some(now + AT_LEAST + draw.below(wait));
            }
        }
        if take_due(&mut self.general, now) && self.joined {
            claims.push(Claim::Record(RecordKind::IsExclude));
        }
        if take_due(&mut self.single, now) && self.joined {
            self.unsolicited = self.unsolicited.saturating_sub(1);
            if self.unsolicited > 0 {
                let wait = old.map_or(UNSOLICITED, |_| UNSOLICITED_OLD);
                self.single = Some(now + AT_LEAST + draw.below(wait));
            }
            self.reporter = true;
            claims.push(old.unwrap_or(Claim::Record(RecordKind::IsExclude)));
        }
        claims
    }

    fn encode(&self, claim: Claim, from: StackAddresses) -> Vec<u8> {
        let mut buffer = [0; MAX_CLAIM_FRAME];
        let octets = match (self.family, claim) {
            (Family::V4, Claim::Record(_)) => {
                claim.encode_igmp(from.mac, from.ipv4, igmp::ALL_SNOOPERS, &mut buffer)
            }
            (Family::V4, _) => {
                claim.encode_igmp(from.mac, from.ipv4_any, igmp::ALL_SNOOPERS, &mut buffer)
            }
            (Family::V6, _) => {
                claim.encode_mld(from.mac, from.ipv6, mld::ALL_SNOOPERS, &mut buffer)
            }
        };
        octets.to_vec()
    }
}

/// Stops a timer whose time has come.
fn take_due(timer: &mut Option<Instant>, now: Instant) -> bool {
    let due = timer.is_some_and(|at| at <= now);
    if due {
        *timer = None;
    }
    due
}

/// What stands for chance: SplitMix64 of a bridge's address and a count.
struct Draw<'a> {
    mac: MacAddr,
    draws: &'a mut u64,
}

impl Draw<'_> {
    /// Draws a whole number of ticks below a time; zero below a single one.
    fn below(&mut self, bound: Duration) -> Duration {
        *self.draws += 1;
        let [a, b, c, d, e, f] = self.mac.octets();
        let seed = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let mut z = seed.wrapping_add(self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let ticks = bound.as_nanos() / TICK.as_nanos();
        let tick = u128::from(z) % ticks.max(1);
        TICK.saturating_mul(u32::try_from(tick).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;
