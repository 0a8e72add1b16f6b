//! `ip neigh` (`ip/ipneigh.c`).

use std::net::{IpAddr, Ipv4Addr};

use super::args::{
    Args, Family, Keywords, Match, fault, ifname, ip_word, keyword, mac, number, prefix_word,
    unknown,
};
use crate::iproute::command::{NeighFilter, NeighGet, NeighHow, NeighSpec, Verb, nud};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;
use crate::iproute::protocol as names;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Action {
    Add(NeighHow),
    Delete,
    Get,
    Show,
    Flush,
}

/// In `do_ipneigh`'s order.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add(NeighHow::Add)),
    ("change", Prefix, Action::Add(NeighHow::Change)),
    ("chg", Exact, Action::Add(NeighHow::Change)),
    ("replace", Prefix, Action::Add(NeighHow::Replace)),
    ("delete", Prefix, Action::Delete),
    ("get", Prefix, Action::Get),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("list", Prefix, Action::Show),
    ("flush", Prefix, Action::Flush),
];

/// Reads what follows `ip neigh`.
pub(super) fn parse(args: &mut Args<'_>, family: Option<(Family, &Word)>) -> Result<Verb, Fault> {
    let family = match family {
        Some((Family::Link, word)) => {
            return Err(fault(word, "neighbours have IP addresses").expect("-4 or -6"));
        }
        other => other.map(|(family, _)| family),
    };
    let Some(word) = args.take() else {
        return Ok(Verb::NeighShow(filter(args, family, false)?));
    };
    match keyword(ACTIONS, &word.text) {
        Some(Action::Add(how)) => Ok(Verb::NeighAdd(how, modify(args, family)?)),
        Some(Action::Delete) => Ok(Verb::NeighDel(modify(args, family)?)),
        Some(Action::Get) => Ok(Verb::NeighGet(get(args, family)?)),
        Some(Action::Show) => Ok(Verb::NeighShow(filter(args, family, false)?)),
        Some(Action::Flush) => {
            if args.peek().is_none() {
                return Err(args.missing("\"dev\", \"to\" or \"nud\": which neighbours"));
            }
            Ok(Verb::NeighFlush(filter(args, family, true)?))
        }
        None => Err(fault(word, "not a command of \"ip neigh\"").expect_one_of(
            ["add", "change", "replace", "delete", "get", "show", "flush"].into_iter(),
        )),
    }
}

const NO_PROXY: &str = "no stack here answers for others by its own table";

#[derive(Clone, Copy, Debug)]
enum Key {
    Lladdr,
    Nud,
    Proxy,
    Router,
    Use,
    Managed,
    ExternLearn,
    Dev,
    Protocol,
}

/// In `ipneigh_modify`'s order.
const KEYS: &Keywords<Key> = &[
    ("lladdr", Prefix, Key::Lladdr),
    ("nud", Exact, Key::Nud),
    ("proxy", Prefix, Key::Proxy),
    ("router", Exact, Key::Router),
    ("use", Exact, Key::Use),
    ("managed", Exact, Key::Managed),
    ("extern_learn", Prefix, Key::ExternLearn),
    ("dev", Exact, Key::Dev),
    ("protocol", Prefix, Key::Protocol),
];

/// `ipneigh_modify`: keywords in any order; a word that is none is the address.
fn modify(args: &mut Args<'_>, family: Option<Family>) -> Result<NeighSpec, Fault> {
    let (mut dev, mut address, mut lladdr) = (None, None, None);
    let mut spec = NeighSpec {
        dev: String::new(),
        address: Ipv4Addr::UNSPECIFIED.into(),
        lladdr: None,
        state: nud::PERMANENT,
        router: false,
        extern_learn: false,
        touch: false,
        managed: false,
        protocol: None,
    };
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Lladdr) if lladdr.is_some() => return Err(fault(word, "given twice")),
            Some(Key::Lladdr) => {
                if args.peek().is_some_and(|word| word.text == "null") {
                    args.take();
                    lladdr = Some(None);
                } else {
                    lladdr = Some(Some(mac(args)?));
                }
            }
            Some(Key::Nud) => {
                let word = args.value(STATES)?;
                spec.state = state(word).ok_or_else(|| wrong_state(word))?;
            }
            Some(Key::Proxy) => {
                return Err(fault(word, NO_PROXY).expect("an address, \"lladdr\" and \"dev\""));
            }
            Some(Key::Router) => spec.router = true,
            Some(Key::Use) => spec.touch = true,
            Some(Key::Managed) => {
                spec.managed = true;
                spec.state = nud::NONE;
            }
            Some(Key::ExternLearn) => spec.extern_learn = true,
            Some(Key::Dev) => dev = Some(ifname(args)?),
            Some(Key::Protocol) => spec.protocol = Some(protocol(args)?),
            None => address_word(&mut address, word, args, family)?,
        }
    }
    spec.address = address.ok_or_else(|| args.missing("an IP address"))?;
    spec.dev = dev.ok_or_else(|| args.missing("\"dev\" and the name of a netdev"))?;
    spec.lladdr = lladdr.flatten();
    Ok(spec)
}

/// Takes the address, which is a word that is no keyword, or what follows `to`.
fn address_word(
    address: &mut Option<IpAddr>,
    word: &Word,
    args: &mut Args<'_>,
    family: Option<Family>,
) -> Result<(), Fault> {
    let value = if word.text == "to" {
        args.value("an IP address")?
    } else {
        word
    };
    if address.is_some() {
        return Err(unknown(
            KEYS,
            value,
            "neither an option of \"ip neigh\" nor its address, which was given already",
        ));
    }
    *address = Some(ip_word(value, &value.text, family)?);
    Ok(())
}

const STATES: &str = "permanent, reachable, noarp, none, stale, incomplete, delay, probe or failed";

/// `nud_state_a2n`.
fn state(word: &Word) -> Option<u8> {
    const WORDS: &Keywords<u8> = &[
        ("permanent", Prefix, nud::PERMANENT),
        ("reachable", Prefix, nud::REACHABLE),
        ("noarp", Exact, nud::NOARP),
        ("none", Exact, nud::NONE),
        ("stale", Exact, nud::STALE),
        ("incomplete", Exact, nud::INCOMPLETE),
        ("delay", Exact, nud::DELAY),
        ("probe", Exact, nud::PROBE),
        ("failed", Prefix, nud::FAILED),
    ];
    keyword(WORDS, &word.text).or_else(|| {
        let number = u8::try_from(number(word, 0xff).ok()?).ok()?;
        (number.count_ones() <= 1).then_some(number)
    })
}

fn wrong_state(word: &Word) -> Fault {
    fault(word, "not a state of a neighbour").expect(STATES)
}

/// Reads who configured something (`rtnl_rtprot_a2n`): a name or a number.
pub(super) fn protocol(args: &mut Args<'_>) -> Result<u8, Fault> {
    let expected = "a protocol like static, or a number from 0 to 255";
    let word = args.value(expected)?;
    names::number(&word.text)
        .or_else(|| u8::try_from(number(word, 255).ok()?).ok())
        .ok_or_else(|| fault(word, "not a protocol").expect(expected))
}

/// `do_show_or_flush`.
fn filter(args: &mut Args<'_>, family: Option<Family>, flush: bool) -> Result<NeighFilter, Fault> {
    let mut filter = NeighFilter {
        ipv4: family.map(|family| family == Family::V4),
        ..NeighFilter::default()
    };
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" if filter.dev.is_some() => return Err(fault(word, "given twice")),
            "dev" => filter.dev = Some(ifname(args)?),
            "master" => {
                filter.master = Some(ifname(args)?);
                filter.no_master = false;
            }
            "nomaster" => {
                filter.master = None;
                filter.no_master = true;
            }
            "unused" => filter.unused = true,
            "nud" => {
                let word = args.value(STATES)?;
                let bits = match (word.text.as_str(), state(word)) {
                    (_, Some(nud::NONE)) => NeighFilter::ANY_NONE,
                    (_, Some(state)) => u16::from(state),
                    // `flush` spares what needs no asking.
                    ("all", None) if flush => 0x1ff & !u16::from(nud::NOARP),
                    ("all", None) => 0x1ff,
                    (_, None) => return Err(wrong_state(word).expect(format!("all, {STATES}"))),
                };
                filter.states = Some(filter.states.unwrap_or(0) | bits);
            }
            "proxy" => return Err(fault(word, NO_PROXY).expect("another filter")),
            "vrf" => {
                return Err(fault(word, "not a matter of layer 2").expect("another filter"));
            }
            text if !text.is_empty() && "protocol".starts_with(text) => {
                let all = args.peek().is_some_and(|word| word.text == "all");
                filter.protocol = if all {
                    args.take();
                    None
                } else {
                    Some(protocol(args)?).filter(|number| *number != 0)
                };
            }
            text => {
                let word = if text == "to" {
                    args.value("an IP address or prefix")?
                } else {
                    word
                };
                let wanted = filter
                    .ipv4
                    .map(|v4| if v4 { Family::V4 } else { Family::V6 });
                let (address, length) = prefix_word(word, wanted)?;
                filter.ipv4.get_or_insert(address.is_ipv4());
                filter.to = Some((address, length));
            }
        }
    }
    Ok(filter)
}

/// `ipneigh_get`.
fn get(args: &mut Args<'_>, family: Option<Family>) -> Result<NeighGet, Fault> {
    let (mut dev, mut address) = (None, None);
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" => dev = Some(ifname(args)?),
            text if !text.is_empty() && "proxy".starts_with(text) => {
                return Err(fault(word, NO_PROXY).expect("an address and \"dev\""));
            }
            _ => address_word(&mut address, word, args, family)?,
        }
    }
    Ok(NeighGet {
        address: address.ok_or_else(|| args.missing("an IP address"))?,
        dev: dev.ok_or_else(|| args.missing("\"dev\" and the name of a netdev"))?,
    })
}
