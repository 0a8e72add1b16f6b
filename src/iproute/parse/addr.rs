//! `ip address` (`ipaddress.c`).

use std::net::IpAddr;

use super::args::{
    Args, Family, Keywords, Match, fault, ifname_word, ip_word, keyword, prefix_word,
};
use super::link;
use crate::iproute::command::{Addr, LinkFilter, Verb};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Action {
    Add,
    Delete,
    Show,
    Unsupported,
}

/// In `do_ipaddr`'s order.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add),
    ("change", Prefix, Action::Unsupported),
    ("chg", Exact, Action::Unsupported),
    ("replace", Prefix, Action::Unsupported),
    ("delete", Prefix, Action::Delete),
    ("list", Prefix, Action::Show),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("flush", Prefix, Action::Unsupported),
    ("save", Prefix, Action::Unsupported),
    ("showdump", Prefix, Action::Unsupported),
    ("restore", Prefix, Action::Unsupported),
    ("help", Prefix, Action::Unsupported),
];

/// Reads what follows `ip address`.
pub(super) fn parse(args: &mut Args<'_>, family: Option<(Family, &Word)>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        link::no_family(family)?;
        return Ok(Verb::AddrShow(LinkFilter::default()));
    };
    let only = family.map(|(family, _)| family);
    match keyword(ACTIONS, &word.text) {
        Some(Action::Add) => Ok(Verb::AddrAdd(modify(args, only)?)),
        Some(Action::Delete) => Ok(Verb::AddrDel(modify(args, only)?)),
        Some(Action::Show) => {
            link::no_family(family)?;
            Ok(Verb::AddrShow(link::filter(args)?))
        }
        Some(Action::Unsupported) => {
            Err(fault(word, "not part of a topology script").expect("add, delete or show"))
        }
        None => Err(fault(word, "not a command of \"ip address\"")
            .expect_one_of(["add", "delete", "show"].into_iter())),
    }
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Local,
    Broadcast,
    Scope,
    Dev,
    Label,
    Lifetime,
    Flag,
    Unsupported(&'static str),
}

/// In `ipaddr_modify`'s order.
const KEYS: &Keywords<Key> = &[
    (
        "peer",
        Exact,
        Key::Unsupported("point-to-point addresses are not modelled"),
    ),
    (
        "remote",
        Exact,
        Key::Unsupported("point-to-point addresses are not modelled"),
    ),
    ("broadcast", Prefix, Key::Broadcast),
    ("brd", Exact, Key::Broadcast),
    (
        "anycast",
        Exact,
        Key::Unsupported("anycast addresses are not modelled"),
    ),
    ("scope", Exact, Key::Scope),
    ("dev", Exact, Key::Dev),
    ("label", Exact, Key::Label),
    (
        "metric",
        Prefix,
        Key::Unsupported("routes are not modelled"),
    ),
    (
        "priority",
        Prefix,
        Key::Unsupported("routes are not modelled"),
    ),
    (
        "preference",
        Prefix,
        Key::Unsupported("routes are not modelled"),
    ),
    ("valid_lft", Prefix, Key::Lifetime),
    ("preferred_lft", Prefix, Key::Lifetime),
    // Flags of the address: duplicate detection and the route of the prefix are layer 3.
    ("nodad", Exact, Key::Flag),
    ("noprefixroute", Exact, Key::Flag),
    ("local", Exact, Key::Local),
];

/// `ipaddr_modify`: keywords in any order; a word that is none is the address.
fn modify(args: &mut Args<'_>, family: Option<Family>) -> Result<Addr, Fault> {
    let mut local: Option<(IpAddr, u8)> = None;
    let mut broadcast = None;
    let mut dev = None;
    let mut label: Option<&Word> = None;
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Broadcast) => {
                let expected = "\"+\" or an IPv4 address";
                let value = args.value(expected)?;
                if broadcast.is_some() {
                    return Err(fault(word, "given twice"));
                }
                broadcast = Some(match value.text.as_str() {
                    "+" => None,
                    "-" => {
                        return Err(fault(
                            value,
                            "the all-zeros broadcast address is not modelled",
                        )
                        .expect(expected));
                    }
                    text => Some(ip_word(value, text, Some(Family::V4))?),
                });
            }
            Some(Key::Scope) => {
                let expected = "\"global\", which is how this program behaves";
                let value = args.value(expected)?;
                if !matches!(value.text.as_str(), "global" | "0" | "universe") {
                    return Err(fault(value, "scopes are not modelled").expect(expected));
                }
            }
            Some(Key::Dev) => dev = Some(ifname_word(args.value("the name of a netdev")?)?),
            Some(Key::Label) => label = Some(args.value("the name of the netdev")?),
            Some(Key::Lifetime) => {
                let expected = "\"forever\", which is how this program behaves";
                let value = args.value(expected)?;
                if value.text != "forever" {
                    return Err(
                        fault(value, "lifetimes of addresses are not modelled").expect(expected)
                    );
                }
            }
            Some(Key::Flag) => {}
            Some(Key::Unsupported(why)) => {
                return Err(fault(word, why).expect("another option of \"ip address\""));
            }
            Some(Key::Local) | None => {
                let value = if word.text == "local" {
                    args.value("an IP address")?
                } else {
                    word
                };
                if local.is_some() {
                    return Err(fault(value, "neither an option of \"ip address\" nor its address, which was given already")
                        .expect_one_of(KEYS.iter().filter(|(_, _, key)| !matches!(key, Key::Unsupported(_))).map(|(word, _, _)| *word)));
                }
                local = Some(prefix_word(value, family)?);
            }
        }
    }
    let Some((address, prefix)) = local else {
        return Err(args.missing("an IP address, like 10.0.0.1/24"));
    };
    let Some(dev) = dev else {
        return Err(args.missing("\"dev\" and the name of a netdev"));
    };
    if let Some(label) = label.filter(|label| label.text != dev) {
        return Err(fault(label, "labels are not modelled")
            .expect(format!("\"{dev}\", the name of the netdev")));
    }
    if broadcast.is_some() && address.is_ipv6() {
        return Err(
            Fault::new(args.end(), "", "IPv6 has no broadcast addresses")
                .expect("no \"broadcast\""),
        );
    }
    Ok(Addr {
        dev,
        address,
        prefix,
        broadcast,
    })
}
