//! `ip link xstats` (`ip/iplink_xstats.c`, `bridge_parse_xstats` of `ip/iplink_bridge.c`).

use super::args::{Args, Keywords, Match, fault, ifname, keyword};
use crate::iproute::command::{Verb, XstatsFilter, XstatsPart};
use crate::iproute::fault::Fault;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Key {
    Part(XstatsPart),
    Dev,
}

/// Compared whole.
const KEYS: &Keywords<Key> = &[
    ("igmp", Exact, Key::Part(XstatsPart::Multicast)),
    ("mcast", Exact, Key::Part(XstatsPart::Multicast)),
    ("stp", Exact, Key::Part(XstatsPart::Stp)),
    ("dev", Exact, Key::Dev),
];

/// Reads what follows `ip link xstats`.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let word = args.value("type")?;
    if keyword(&[("type", Prefix, ())], &word.text).is_none() {
        return Err(fault(word, "not an argument of \"ip link xstats\"").expect("type"));
    }
    let kind = args.value("bridge or bridge_slave")?;
    let mut filter = XstatsFilter {
        ports: match kind.text.as_str() {
            "bridge" => false,
            "bridge_slave" => true,
            _ => {
                return Err(
                    fault(kind, "this kind of netdev has no extended statistics")
                        .expect_one_of(["bridge", "bridge_slave"].into_iter()),
                );
            }
        },
        ..XstatsFilter::default()
    };
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Part(part)) => filter.part = Some(part),
            Some(Key::Dev) => filter.dev = Some(ifname(args)?),
            None => {
                let keys = KEYS.iter().map(|(key, ..)| *key);
                return Err(fault(word, "not a part of the statistics").expect_one_of(keys));
            }
        }
    }
    Ok(Verb::LinkXstats(filter))
}
