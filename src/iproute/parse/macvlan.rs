//! The options of macvlans and macvtaps (`ip/iplink_macvlan.c`).

use super::args::{Args, Keywords, Match, fault, keyword, mac, mac_word, u32_value, unknown};
use crate::iproute::fault::Fault;
use crate::netdev::macvlan::{MacvlanChange, SourceChange};
use crate::switch::macvlan::Mode;

use Match::Prefix;

#[derive(Clone, Copy, Debug)]
enum Key {
    Mode,
    Flag,
    Macaddr,
    Nopromisc,
    Nodst,
    QueueLen,
    Cutoff,
}

/// In `macvlan_parse_opt`'s order; `bclim` is from a later iproute2.
const KEYS: &Keywords<Key> = &[
    ("mode", Prefix, Key::Mode),
    ("flag", Prefix, Key::Flag),
    ("macaddr", Prefix, Key::Macaddr),
    ("nopromisc", Prefix, Key::Nopromisc),
    ("nodst", Prefix, Key::Nodst),
    ("bcqueuelen", Prefix, Key::QueueLen),
    ("bclim", Prefix, Key::Cutoff),
];

/// Reads the options behind `type macvlan` or `type macvtap`.
pub(super) fn device(args: &mut Args<'_>) -> Result<MacvlanChange, Fault> {
    let mut change = MacvlanChange::default();
    let mut no_promisc = None;
    while let Some(word) = args.take() {
        let Some(key) = keyword(KEYS, &word.text) else {
            return Err(unknown(KEYS, word, "not an option of a macvlan"));
        };
        match key {
            Key::Mode => change.mode = Some(mode(args)?),
            Key::Flag => {
                let word = args.value(FLAGS)?;
                let flags = change.flags.get_or_insert_default();
                match word.text.as_str() {
                    "nopromisc" => (flags.nopromisc, no_promisc) = (true, Some(word)),
                    "nodst" => flags.nodst = true,
                    "null" => {}
                    _ => return Err(fault(word, "not a flag of a macvlan").expect(FLAGS)),
                }
            }
            Key::Nopromisc => {
                change.flags.get_or_insert_default().nopromisc = true;
                no_promisc = Some(word);
            }
            Key::Nodst => change.flags.get_or_insert_default().nodst = true,
            Key::Macaddr if change.sources.is_some() => return Err(fault(word, "given twice")),
            Key::Macaddr => change.sources = Some(sources(args)?),
            Key::QueueLen => change.queue_len = Some(u32_value(args, u32::MAX)?),
            Key::Cutoff => change.cutoff = Some(cutoff(args)?),
        }
    }
    match (no_promisc, change.mode) {
        (Some(word), None | Some(Mode::Private | Mode::Vepa | Mode::Bridge | Mode::Source)) => {
            Err(fault(word, "nopromisc flag only valid in passthru mode").expect("mode passthru"))
        }
        _ => Ok(change),
    }
}

const FLAGS: &str = "\"nopromisc\", \"nodst\" or \"null\"";

fn mode(args: &mut Args<'_>) -> Result<Mode, Fault> {
    let names = || Mode::ALL.iter().map(|mode| mode.name());
    let word = args.value("\"private\", \"vepa\", \"bridge\", \"passthru\" or \"source\"")?;
    let found = Mode::ALL.iter().find(|mode| mode.name() == word.text);
    found
        .copied()
        .ok_or_else(|| fault(word, "not a mode of a macvlan").expect_one_of(names()))
}

fn sources(args: &mut Args<'_>) -> Result<SourceChange, Fault> {
    let word = args.value("\"add\", \"del\", \"set\" or \"flush\"")?;
    match word.text.as_str() {
        "add" => Ok(SourceChange::Add(mac(args)?)),
        "del" => Ok(SourceChange::Delete(mac(args)?)),
        "flush" => Ok(SourceChange::Flush),
        "set" => {
            let mut macs = Vec::new();
            // The first word that is no address is the next option.
            while let Some(mac) = args.peek().and_then(mac_word) {
                args.take();
                macs.push(mac);
            }
            Ok(SourceChange::Set(macs))
        }
        _ => Err(fault(word, "not a command of \"macaddr\"")
            .expect_one_of(["add", "del", "set", "flush"].into_iter())),
    }
}

/// A signed number (`get_s32`).
fn cutoff(args: &mut Args<'_>) -> Result<i32, Fault> {
    let expected = "a number from -2147483648 to 2147483647";
    let word = args.value(expected)?;
    let number = word.text.parse();
    number.map_err(|_| fault(word, "not a number that fits").expect(expected))
}
