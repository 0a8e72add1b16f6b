//! The program `tapswitch`: `bridge` and `stp`, our own extension of the language for spanning trees.
//!
//! Its words are taken whole; [`TreeOptions`] has the grammar.

use super::args::{Args, decimal, fault, ifname};
use super::loops;
use crate::iproute::command::{Admin, StpMode, TreeOptions, Verb};
use crate::iproute::fault::Fault;

/// Largest speed of a port, in Mbit/s: one more would cost less than nothing.
const MAX_SPEED: u64 = 20_000_000;

/// Reads what follows `tapswitch bridge`.
pub(super) fn bridge(args: &mut Args<'_>, json: &mut bool) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::TreeShow(None));
    };
    match word.text.as_str() {
        "set" => set(args),
        "show" => Ok(Verb::TreeShow(show(args, json, "bridge")?)),
        _ => Err(fault(word, "not a command of \"tapswitch bridge\"")
            .expect_one_of(["set", "show"].into_iter())),
    }
}

/// Reads what follows `tapswitch stp`.
pub(super) fn stp(args: &mut Args<'_>, json: &mut bool) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::StpShow(None));
    };
    match word.text.as_str() {
        "show" => Ok(Verb::StpShow(show(args, json, "stp")?)),
        _ => Err(
            fault(word, "not a command of \"tapswitch stp\" in a script")
                .expect_one_of(["show"].into_iter()),
        ),
    }
}

/// Reads `[dev NETDEV] [-j]`.
pub(super) fn show(
    args: &mut Args<'_>,
    json: &mut bool,
    object: &str,
) -> Result<Option<String>, Fault> {
    let mut dev = None;
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" if dev.is_some() => return Err(fault(word, "given twice")),
            "dev" => dev = Some(ifname(args)?),
            "-j" => *json = true,
            _ => {
                let message = format!("not a filter of \"tapswitch {object} show\"");
                return Err(fault(word, message).expect_one_of(["dev", "-j"].into_iter()));
            }
        }
    }
    Ok(dev)
}

fn set(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let (mut dev, mut options) = (None, TreeOptions::default());
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" => dev = Some(ifname(args)?),
            "stp_mode" => options.mode = Some(mode(args)?),
            "tx_hold_count" => {
                let word = args.value("a decimal number from 1 to 10")?;
                options.tx_hold_count = u8::try_from(decimal(word, 1, 10)?).ok();
            }
            key if loops::KEYS.contains(&key) => loops::set(args, key, &mut options.loops)?,
            _ => {
                let keys = ["dev", "stp_mode", "tx_hold_count"].into_iter();
                return Err(fault(word, "not an option of \"tapswitch bridge set\"")
                    .expect_one_of(keys.chain(loops::KEYS)));
            }
        }
    }
    match dev {
        Some(_) if options == TreeOptions::default() => {
            Err(args.missing("an option, like \"stp_mode\" or \"loop_guard\""))
        }
        Some(dev) => Ok(Verb::TreeSet(dev, options)),
        None => Err(args.missing("\"dev\" and the name of a bridge")),
    }
}

fn mode(args: &mut Args<'_>) -> Result<StpMode, Fault> {
    let all = [StpMode::Stp, StpMode::Rstp];
    let word = args.value("stp or rstp")?;
    all.into_iter()
        .find(|it| it.name() == word.text)
        .ok_or_else(|| {
            fault(word, "not a spanning tree protocol known here")
                .expect_one_of(all.iter().map(|it| it.name()))
        })
}

/// Reads `auto`, `on` or `off`.
pub(super) fn admin(args: &mut Args<'_>) -> Result<Admin, Fault> {
    let all = [Admin::Auto, Admin::On, Admin::Off];
    let word = args.value("auto, on or off")?;
    all.into_iter()
        .find(|it| it.name() == word.text)
        .ok_or_else(|| {
            fault(word, "not a switch position").expect_one_of(all.iter().map(|it| it.name()))
        })
}

/// Reads a speed in Mbit/s, or `auto`.
pub(super) fn speed(args: &mut Args<'_>) -> Result<Option<u32>, Fault> {
    let expected = format!("\"auto\" or a speed in Mbit/s, from 1 to {MAX_SPEED}");
    let word = args.value(&expected)?;
    if word.text == "auto" {
        return Ok(None);
    }
    let number = decimal(word, 1, MAX_SPEED).map_err(|fault| fault.expect(expected))?;
    Ok(u32::try_from(number).ok())
}
