//! Networks of bridges, as topology scripts.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Mode, Spec, SpecError};
use crate::time::Duration;

/// What bridges are joined to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each with the next, and the last with the first.
    Ring,
    /// Each with the one to its right and the one below, as near to a square as the number allows.
    Grid,
    /// Each with one of those before it, chosen at random.
    Random,
}

impl Topology {
    /// Returns the links that make it, as pairs of bridges counted from 0.
    fn links(self, bridges: usize, dice: &mut Dice) -> Vec<[usize; 2]> {
        match self {
            Self::Ring => (0..bridges)
                .map(|one| [one, (one + 1) % bridges])
                // Two bridges are joined by one link, not by two.
                .filter(|[a, b]| bridges > 2 || a < b)
                .collect(),
            Self::Grid => {
                let width = (1..).find(|width| width * width >= bridges).unwrap_or(1);
                let right = (0..bridges).filter(|one| one % width + 1 < width);
                let right = right.map(|one| [one, one + 1]);
                let below = (0..bridges).map(|one| [one, one + width]);
                let links = right.chain(below);
                links.filter(|[_, other]| *other < bridges).collect()
            }
            Self::Random => (1..bridges).map(|one| [dice.below(one), one]).collect(),
        }
    }
}

/// A generator of numbers that are the same on every machine (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64)).unwrap_or(0)
    }
}

/// Returns the links of a network, as pairs of bridges counted from 0: those of its topology, and as many more
/// between bridges chosen at random as are asked for. No two bridges are joined twice.
///
/// # Errors
/// [`SpecError`] where there cannot be so many, or must be more.
pub fn links(spec: &Spec) -> Result<Vec<[usize; 2]>, SpecError> {
    let bridges = usize::from(spec.bridges);
    let mut dice = Dice(spec.seed);
    let mut links = spec.topology.links(bridges, &mut dice);
    let wanted = spec.links.map_or(links.len(), |links| links as usize);
    let (min, max) = (links.len(), bridges * bridges.saturating_sub(1) / 2);
    if wanted < min || wanted > max {
        let links = wanted;
        return Err(SpecError::Links { links, min, max });
    }
    let mut known: BTreeSet<_> = links.iter().map(|[a, b]| (*a.min(b), *a.max(b))).collect();
    let mut ports = vec![0_usize; bridges];
    for end in links.iter().flatten() {
        ports[*end] += 1;
    }
    while links.len() < wanted {
        let (a, b) = (dice.below(bridges), dice.below(bridges));
        if a < b && known.insert((a, b)) {
            links.push([a, b]);
            ports[a] += 1;
            ports[b] += 1;
        }
    }
    match ports.iter().position(|ports| *ports > 1023) {
        Some(bridge) => Err(SpecError::Ports(bridge + 1)),
        None => Ok(links),
    }
}

/// Returns the topology script of a network: bridges `b1`, `b2`, …, of which `b1` has the lowest address, and links
/// with the ends `l1a` and `l1b`, ….
#[must_use]
pub fn script(spec: &Spec, links: &[[usize; 2]]) -> String {
    let mut text = String::new();
    let times = spec.max_age.map(|max_age| {
        let delay = (max_age / 2 + Duration::from_secs(1)).max(Duration::from_secs(15));
        let [max_age, delay] = [max_age, delay].map(|time| time.as_millis() / 10);
        format!(" max_age {max_age} forward_delay {delay}")
    });
    let times = times.unwrap_or_default();
    for bridge in 1..=spec.bridges {
        let [high, low] = bridge.to_be_bytes();
        _ = writeln!(
            text,
            "ip link add b{bridge} address 02:00:00:00:{high:02x}:{low:02x} type bridge \
             mcast_snooping 0 stp_state 1{times}"
        );
        if spec.mode == Mode::Rstp {
            _ = writeln!(text, "tapswitch bridge set dev b{bridge} stp_mode rstp");
        }
    }
    for (number, [a, b]) in (1..).zip(links) {
        _ = writeln!(
            text,
            "ip link add l{number}a type veth peer name l{number}b"
        );
        _ = writeln!(text, "ip link set l{number}a up master b{}", a + 1);
        _ = writeln!(text, "ip link set l{number}b up master b{}", b + 1);
    }
    for bridge in 1..=spec.bridges {
        _ = writeln!(text, "ip link set b{bridge} up");
    }
    text
}
