//! ipvlan devices (`ip/iplink_ipvlan.c`).

use super::args::{Args, Keywords, Match, fault, keyword};
use super::options::unknown_option;
use crate::iproute::fault::Fault;
use crate::netdev::ipvlan::IpvlanChange;
use crate::switch::ipvlan::{IpvlanFlag, IpvlanMode};

use Match::Prefix;

#[derive(Clone, Copy, Debug)]
enum Key {
    Mode,
    Flag(IpvlanFlag),
}

/// In `ipvlan_parse_opt`'s order.
const KEYS: &Keywords<Key> = &[
    ("mode", Prefix, Key::Mode),
    ("private", Prefix, Key::Flag(IpvlanFlag::Private)),
    ("vepa", Prefix, Key::Flag(IpvlanFlag::Vepa)),
    ("bridge", Prefix, Key::Flag(IpvlanFlag::Bridge)),
];

const MODES: [IpvlanMode; 3] = [IpvlanMode::L2, IpvlanMode::L3, IpvlanMode::L3s];

/// Reads what follows `type ipvlan`, to the end of the command. Whoever gives any option says `bridge`
/// unless another flag is among them.
pub(super) fn device(args: &mut Args<'_>) -> Result<IpvlanChange, Fault> {
    let mut change = IpvlanChange::default();
    if args.peek().is_none() {
        return Ok(change);
    }
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Mode) => {
                let value = args.value("l2, l3 or l3s")?;
                let known = MODES.iter().find(|mode| mode.name() == value.text);
                change.mode = Some(*known.ok_or_else(|| {
                    fault(
                        value,
                        "argument of \"mode\" must be either \"l2\", \"l3\" or \"l3s\"",
                    )
                    .expect_one_of(MODES.iter().map(|mode| mode.name()))
                })?);
            }
            Some(Key::Flag(flag)) if change.flag.is_none() => change.flag = Some(flag),
            Some(Key::Flag(_)) => {
                return Err(fault(
                    word,
                    "an ipvlan device has one flag, and it was given already",
                )
                .expect("mode or the end of the command"));
            }
            None => return Err(unknown_option(KEYS, word, "an ipvlan device")),
        }
    }
    change.flag = change.flag.or_else(|| Some(IpvlanFlag::default()));
    Ok(change)
}
