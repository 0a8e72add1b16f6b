//! The program `tapswitch`: `cable`, our own extension of the language.

use super::args::{Args, fault, ifname};
use super::tree;
use crate::iproute::command::Verb;
use crate::iproute::fault::Fault;

/// Reads what follows `tapswitch cable`: `add dev NETDEV peer NETDEV`, `del dev NETDEV` or
/// `show [dev NETDEV]`. `json` is set by `-j` after `show`.
pub(super) fn parse(args: &mut Args<'_>, json: &mut bool) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::CableShow(None));
    };
    let add = match word.text.as_str() {
        "add" => true,
        "del" => false,
        "show" => return Ok(Verb::CableShow(tree::show(args, json, "cable")?)),
        _ => {
            return Err(fault(word, "not a command of \"tapswitch cable\"")
                .expect_one_of(["add", "del", "show"].into_iter()));
        }
    };
    fixed_word(args, "dev")?;
    let dev = ifname(args)?;
    let verb = if add {
        fixed_word(args, "peer")?;
        Verb::CableAdd(dev, ifname(args)?)
    } else {
        Verb::CableDel(dev)
    };
    args.finish("a cable has no options")?;
    Ok(verb)
}

fn fixed_word(args: &mut Args<'_>, only: &str) -> Result<(), Fault> {
    let expected = format!("\"{only}\"");
    let word = args.value(&expected)?;
    if word.text == only {
        return Ok(());
    }
    Err(fault(word, "a cable is between two netdevs").expect(expected))
}
