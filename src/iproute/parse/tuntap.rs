//! `ip tuntap` (`ip/iptuntap.c`).

use super::args::{Args, fault, ifname_word, matches};
use crate::iproute::command::Verb;
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

/// Reads what follows `ip tuntap`.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::TuntapShow);
    };
    if matches(&word.text, "add") {
        Ok(Verb::TuntapAdd(tap(args)?))
    } else if matches(&word.text, "delete") {
        Ok(Verb::TuntapDel(tap(args)?))
    } else if ["show", "lst", "list"]
        .iter()
        .any(|show| matches(&word.text, show))
    {
        args.finish("\"ip tuntap show\" has no filter")?;
        Ok(Verb::TuntapShow)
    } else {
        Err(fault(word, "not a command of \"ip tuntap\" known here")
            .expect_one_of(["add", "delete", "show"].into_iter()))
    }
}

/// `parse_args` of `iptuntap.c`.
fn tap(args: &mut Args<'_>) -> Result<String, Fault> {
    let mut name: Option<&Word> = None;
    let mut mode = false;
    while let Some(word) = args.take() {
        let text = word.text.as_str();
        if matches(text, "mode") {
            let expected = "\"tap\"";
            let word = args.value(expected)?;
            if !matches(&word.text, "tap") || matches(&word.text, "tun") {
                return Err(fault(word, "a TUN device carries no frames").expect(expected));
            }
            mode = true;
        } else if matches(text, "user") || matches(text, "group") {
            // Who may open the device matters to the kernel only.
            args.value("a user or group")?;
        } else if matches(text, "pi") {
            return Err(fault(
                word,
                "a packet information header before each frame is not modelled",
            )
            .expect("another option of \"ip tuntap\""));
        } else if matches(text, "one_queue")
            || matches(text, "vnet_hdr")
            || matches(text, "multi_queue")
        {
            // How a program reads the device changes nothing of what goes through it.
        } else {
            let keyword = matches(text, "dev") || matches(text, "name");
            let word = if keyword {
                args.value("the name of a netdev")?
            } else {
                word
            };
            ifname_word(word)?;
            if let Some(name) = name {
                return Err(fault(word, format!("neither an option of \"ip tuntap\" nor its netdev, which is already \"{}\"", name.text))
                    .expect_one_of(["mode", "user", "group", "one_queue", "vnet_hdr", "multi_queue"].into_iter()));
            }
            name = Some(word);
        }
    }
    let Some(name) = name else {
        return Err(args.missing("the name of a netdev"));
    };
    if !mode {
        return Err(args.missing("\"mode tap\""));
    }
    Ok(name.text.clone())
}
