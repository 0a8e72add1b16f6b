//! `ip address` (`ipaddress.c`).

use std::net::{IpAddr, Ipv4Addr};

use super::args::{
    Args, Family, Keywords, Match, fault, ifname_word, ip_word, keyword, number, prefix_word,
};
use super::filter;
use crate::iproute::command::{Addr, AddrFlush, Format, LinkFilter, Verb};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Action {
    Add,
    Replace,
    Delete,
    Show,
    Flush,
    Unsupported,
}

/// In `do_ipaddr`'s order.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add),
    ("change", Prefix, Action::Replace),
    ("chg", Exact, Action::Replace),
    ("replace", Prefix, Action::Replace),
    ("delete", Prefix, Action::Delete),
    ("list", Prefix, Action::Show),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("flush", Prefix, Action::Flush),
    ("save", Prefix, Action::Unsupported),
    ("showdump", Prefix, Action::Unsupported),
    ("restore", Prefix, Action::Unsupported),
    ("help", Prefix, Action::Unsupported),
];

const EXPECTED: &str = "add, replace, delete, flush or show";

/// Reads what follows `ip address`.
pub(super) fn parse(
    args: &mut Args<'_>,
    family: Option<(Family, &Word)>,
    format: Format,
) -> Result<Verb, Fault> {
    let action = match args.take() {
        None => Action::Show,
        Some(word) => match keyword(ACTIONS, &word.text) {
            Some(Action::Unsupported) => {
                return Err(fault(word, "not part of a topology script").expect(EXPECTED));
            }
            Some(action) => action,
            None => {
                return Err(fault(word, "not a command of \"ip address\"")
                    .expect_one_of(["add", "replace", "delete", "flush", "show"].into_iter()));
            }
        },
    };
    let only = family.map(|(family, _)| family);
    Ok(match action {
        Action::Add => Verb::AddrAdd(modify(args, only)?),
        Action::Replace => Verb::AddrReplace(modify(args, only)?),
        Action::Delete => Verb::AddrDel(modify(args, only)?),
        Action::Flush => Verb::AddrFlush(flush(args, family)?),
        Action::Show | Action::Unsupported => Verb::AddrShow(show(args, family, format)?),
    })
}

/// Says which IP family an option in front of the object asks for.
fn ipv4(family: Option<(Family, &Word)>) -> Result<Option<bool>, Fault> {
    match family {
        None => Ok(None),
        Some((Family::V4, _)) => Ok(Some(true)),
        Some((Family::V6, _)) => Ok(Some(false)),
        Some((Family::Link, word)) => {
            Err(fault(word, "IP addresses are of no such family").expect("-4, -6 or \"ip link\""))
        }
    }
}

fn show(
    args: &mut Args<'_>,
    family: Option<(Family, &Word)>,
    format: Format,
) -> Result<LinkFilter, Fault> {
    let mut filter = filter::filter(args)?;
    filter.ipv4 = ipv4(family)?;
    if let Some((Family::V6, word)) = family
        && filter.dev.is_none()
        && (format.details || format.statistics > 0)
    {
        return Err(fault(
            word,
            "IPv6 tells neither details nor statistics of all netdevs at once",
        )
        .expect("no -d and no -s, or the name of a netdev"));
    }
    Ok(filter)
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Local,
    Peer,
    Broadcast,
    Scope,
    Dev,
    Label,
    Lifetime,
    Nodad,
    Noprefixroute,
    Unsupported(&'static str),
}

const NO_ROUTES: &str = "routes are not modelled";
const KERNELS_OWN: &str = "a flag that the kernel alone sets";

/// In `ipaddr_modify`'s order.
const KEYS: &Keywords<Key> = &[
    ("peer", Exact, Key::Peer),
    ("remote", Exact, Key::Peer),
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
    ("metric", Prefix, Key::Unsupported(NO_ROUTES)),
    ("priority", Prefix, Key::Unsupported(NO_ROUTES)),
    ("preference", Prefix, Key::Unsupported(NO_ROUTES)),
    ("valid_lft", Prefix, Key::Lifetime),
    ("preferred_lft", Prefix, Key::Lifetime),
    ("secondary", Exact, Key::Unsupported(KERNELS_OWN)),
    ("temporary", Exact, Key::Unsupported(KERNELS_OWN)),
    ("nodad", Exact, Key::Nodad),
    ("optimistic", Exact, Key::Unsupported("not modelled")),
    ("dadfailed", Exact, Key::Unsupported(KERNELS_OWN)),
    ("home", Exact, Key::Unsupported("not modelled")),
    ("deprecated", Exact, Key::Unsupported(KERNELS_OWN)),
    ("tentative", Exact, Key::Unsupported(KERNELS_OWN)),
    ("permanent", Exact, Key::Unsupported(KERNELS_OWN)),
    ("mngtmpaddr", Exact, Key::Unsupported("not modelled")),
    ("noprefixroute", Exact, Key::Noprefixroute),
    ("autojoin", Exact, Key::Unsupported("not modelled")),
    ("stable-privacy", Exact, Key::Unsupported(KERNELS_OWN)),
    ("local", Exact, Key::Local),
];

/// How `brd` is written.
#[derive(Clone, Copy, Debug)]
enum Broadcast {
    /// `+`
    Ones,
    /// `-`
    Zeros,
    Is(Ipv4Addr),
}

/// `ipaddr_modify`: keywords in any order; a word that is none is the address.
fn modify(args: &mut Args<'_>, family: Option<Family>) -> Result<Addr, Fault> {
    let mut family = family;
    let mut local: Option<(&Word, IpAddr, u8)> = None;
    let mut peer: Option<(IpAddr, u8)> = None;
    let mut broadcast: Option<(&Word, Broadcast)> = None;
    let mut addr = Addr {
        dev: String::new(),
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        prefix: 0,
        any_prefix: false,
        peer: None,
        broadcast: None,
        scope: None,
        label: None,
        nodad: false,
        noprefixroute: false,
    };
    let mut dev = None;
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Peer) => {
                let value = args.value("an IP address")?;
                if peer.is_some() {
                    return Err(fault(word, "given twice"));
                }
                let (ip, prefix) = prefix_word(value, family)?;
                family.get_or_insert(family_of(ip));
                peer = Some((ip, prefix));
            }
            Some(Key::Broadcast) => {
                let value = args.value("\"+\", \"-\" or an IPv4 address")?;
                if broadcast.is_some() {
                    return Err(fault(word, "given twice"));
                }
                let what = match value.text.as_str() {
                    "+" => Broadcast::Ones,
                    "-" => Broadcast::Zeros,
                    text => match ip_word(value, text, Some(Family::V4))? {
                        IpAddr::V4(ip) => Broadcast::Is(ip),
                        IpAddr::V6(_) => return Err(fault(value, "not an IPv4 address")),
                    },
                };
                broadcast = Some((word, what));
            }
            Some(Key::Scope) => addr.scope = Some(scope(args)?),
            Some(Key::Dev) => dev = Some(ifname_word(args.value("the name of a netdev")?)?),
            Some(Key::Label) => addr.label = Some(args.value("a label")?.text.clone()),
            Some(Key::Lifetime) => {
                let expected = "\"forever\", which is how this program behaves";
                let value = args.value(expected)?;
                if value.text != "forever" {
                    return Err(
                        fault(value, "lifetimes of addresses are not modelled").expect(expected)
                    );
                }
            }
            // iproute2 warns and goes on without it.
            Some(Key::Nodad) if family != Some(Family::V6) => {
                return Err(
                    fault(word, "only IPv6 addresses are checked for duplicates")
                        .expect("an IPv6 address before it"),
                );
            }
            Some(Key::Nodad) => addr.nodad = true,
            Some(Key::Noprefixroute) => addr.noprefixroute = true,
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
                    let known = KEYS
                        .iter()
                        .filter(|(_, _, key)| !matches!(key, Key::Unsupported(_)));
                    return Err(fault(
                        value,
                        "neither an option of \"ip address\" nor its address, which was given already",
                    )
                    .expect_one_of(known.map(|(word, _, _)| *word)));
                }
                let (ip, prefix) = prefix_word(value, family)?;
                family.get_or_insert(family_of(ip));
                local = Some((value, ip, prefix));
            }
        }
    }
    let Some((word, address, prefix)) = local else {
        return Err(args.missing("an IP address, like 10.0.0.1/24"));
    };
    addr.dev = dev.ok_or_else(|| args.missing("\"dev\" and the name of a netdev"))?;
    addr.address = address;
    addr.any_prefix = !word.text.contains('/');
    // The peer's prefix length counts, unless it is 0.
    addr.prefix = peer
        .map(|(_, it)| it)
        .filter(|it| *it > 0)
        .unwrap_or(prefix);
    addr.peer = peer.map(|(ip, _)| ip);
    if let Some((word, what)) = broadcast {
        addr.broadcast = work_out(what, addr.peer.unwrap_or(address), addr.prefix)
            .ok_or_else(|| fault(word, "IPv6 has no broadcast addresses").expect("no broadcast"))?;
    }
    Ok(addr)
}

const fn family_of(ip: IpAddr) -> Family {
    match ip {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// Works a broadcast address out: none in subnets of two addresses or one. `None` for IPv6.
fn work_out(what: Broadcast, subnet: IpAddr, prefix: u8) -> Option<Option<Ipv4Addr>> {
    let IpAddr::V4(ip) = subnet else { return None };
    let host = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    let derived = |ip| (prefix <= 30).then_some(Ipv4Addr::from(ip));
    Some(match what {
        Broadcast::Ones => derived(u32::from(ip) | host),
        Broadcast::Zeros => derived(u32::from(ip) & !host),
        Broadcast::Is(ip) => Some(ip),
    })
}

/// `rtnl_rtscope_a2n`, with the names that iproute2 brings along.
fn scope(args: &mut Args<'_>) -> Result<u8, Fault> {
    const SCOPES: [(&str, u8); 5] = [
        ("global", 0),
        ("site", 200),
        ("link", 253),
        ("host", 254),
        ("nowhere", 255),
    ];
    let expected = "global, site, link, host or a number from 0 to 255";
    let word = args.value(expected)?;
    if let Some((_, number)) = SCOPES.iter().find(|(name, _)| *name == word.text) {
        return Ok(*number);
    }
    let value = number(word, 255).ok().and_then(|it| u8::try_from(it).ok());
    value.ok_or_else(|| fault(word, "not a scope").expect(expected))
}

/// `ip address flush`. What selects netdevs is refused: iproute2 reads it and flushes the addresses of
/// all others too.
fn flush(args: &mut Args<'_>, family: Option<(Family, &Word)>) -> Result<AddrFlush, Fault> {
    let known = ["dev", "scope", "to", "label", "primary", "secondary"];
    if args.peek().is_none() {
        return Err(args.missing("\"dev\" and the name of a netdev"));
    }
    let mut flush = AddrFlush {
        ipv4: ipv4(family)?,
        ..AddrFlush::default()
    };
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "scope" => flush.scope = Some(scope(args)?),
            "to" => {
                let only = flush
                    .ipv4
                    .map(|ipv4| if ipv4 { Family::V4 } else { Family::V6 });
                let value = args.value("a subnet, like 10.0.0.0/24")?;
                let (ip, prefix) = prefix_word(value, only)?;
                flush.ipv4.get_or_insert(ip.is_ipv4());
                flush.to = Some((ip, prefix));
            }
            "label" => {
                let value = args.value("a label")?;
                if value.text.contains(['*', '?', '[', '\\']) {
                    return Err(fault(value, "patterns are not part of a topology script")
                        .expect("a label"));
                }
                flush.label = Some(value.text.clone());
            }
            "primary" => flush.secondary = Some(false),
            "secondary" => flush.secondary = Some(true),
            // No address here has a lifetime.
            "permanent" => {}
            "up" | "master" | "nomaster" | "vrf" | "type" | "group" => {
                return Err(fault(
                    word,
                    "iproute2 passes over this and flushes the addresses of every netdev",
                )
                .expect_one_of(known.into_iter()));
            }
            "dynamic" | "tentative" | "deprecated" | "dadfailed" | "temporary" => {
                return Err(fault(word, "no address here is in this state")
                    .expect_one_of(known.into_iter()));
            }
            text => {
                let name = if text == "dev" {
                    args.value("the name of a netdev")?
                } else {
                    word
                };
                if let Some(dev) = &flush.dev {
                    return Err(fault(
                        name,
                        format!("neither a filter nor the netdev, which is already \"{dev}\""),
                    )
                    .expect_one_of(known.into_iter()));
                }
                flush.dev = Some(ifname_word(name)?);
            }
        }
    }
    Ok(flush)
}
