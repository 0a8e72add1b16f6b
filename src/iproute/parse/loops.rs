//! The program `tapswitch`: of `bridge set` what is about loops. [`LoopOptions`] has the grammar.

use super::args::{Args, fault, strict_on_off};
use super::guard::recovery;
use crate::iproute::command::LoopOptions;
use crate::iproute::fault::Fault;

/// The words that [`set`] knows.
pub(super) const KEYS: [&str; 3] = ["loop_alarm", "loop_guard", "recovery"];

/// Reads what follows one of [`KEYS`].
pub(super) fn set(args: &mut Args<'_>, key: &str, options: &mut LoopOptions) -> Result<(), Fault> {
    match key {
        "loop_alarm" => options.alarm = Some(strict_on_off(args)?),
        "loop_guard" => options.guard = Some(guard(args)?),
        _ => options.recovery = Some(recovery(args)?),
    }
    Ok(())
}

/// Reads `block` or `off`.
fn guard(args: &mut Args<'_>) -> Result<bool, Fault> {
    let word = args.value("block or off")?;
    match word.text.as_str() {
        "block" => Ok(true),
        "off" => Ok(false),
        "on" => Err(fault(
            word,
            "the loop guard of a bridge blocks; that of a port's spanning tree is \"tapswitch port set\"",
        )
        .expect_one_of(["block", "off"].into_iter())),
        _ => Err(fault(word, "not what a bridge can do about a loop")
            .expect_one_of(["block", "off"].into_iter())),
    }
}
