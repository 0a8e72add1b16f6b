//! `ip link` (`ip/iplink.c`, `ip/link_veth.c`).

use super::args::{
    Args, Keywords, Match, fault, ifname, ifname_word, keyword, mac, nsname, number, strict_on_off,
};
use super::{filter, ipvlan, macvlan, options, vlan, vxlan, xstats};
use crate::iproute::command::{
    LinkAdd, LinkAddKind, LinkCommon, LinkFilter, LinkSet, LinkSetKind, Verb,
};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;
use crate::wire::MacAddr;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Action {
    Add,
    Set,
    Delete,
    Show,
    Xstats,
    Unsupported,
}

/// In `do_iplink`'s order.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add),
    ("set", Prefix, Action::Set),
    ("change", Prefix, Action::Set),
    ("replace", Prefix, Action::Unsupported),
    ("delete", Prefix, Action::Delete),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("list", Prefix, Action::Show),
    ("xstats", Prefix, Action::Xstats),
    ("afstats", Prefix, Action::Unsupported),
    ("property", Prefix, Action::Unsupported),
    ("help", Prefix, Action::Unsupported),
];

/// Reads what follows `ip link`.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::LinkShow(LinkFilter::default()));
    };
    match keyword(ACTIONS, &word.text) {
        Some(Action::Add) => add(args),
        Some(Action::Set) => set(args),
        Some(Action::Delete) => delete(args),
        Some(Action::Show) => Ok(Verb::LinkShow(filter::filter(args)?)),
        Some(Action::Xstats) => xstats::parse(args),
        Some(Action::Unsupported) => {
            Err(fault(word, "not part of a topology script")
                .expect("add, set, delete, show or xstats"))
        }
        None => Err(fault(word, "not a command of \"ip link\"")
            .expect_one_of(["add", "set", "delete", "show", "xstats"].into_iter())),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bridge,
    Slave,
    Veth,
    Vlan,
    Macvlan,
    Macvtap,
    Vxlan,
    Dummy,
    Ipvlan,
}

/// Kinds are compared whole (`get_link_kind`).
const KINDS: &Keywords<Kind> = &[
    ("bridge", Exact, Kind::Bridge),
    ("veth", Exact, Kind::Veth),
    ("dummy", Exact, Kind::Dummy),
    ("vlan", Exact, Kind::Vlan),
    ("macvlan", Exact, Kind::Macvlan),
    ("macvtap", Exact, Kind::Macvtap),
    ("ipvlan", Exact, Kind::Ipvlan),
    ("vxlan", Exact, Kind::Vxlan),
    ("bridge_slave", Exact, Kind::Slave),
];

fn kind(word: &Word, allowed: &[Kind]) -> Result<Kind, Fault> {
    keyword(KINDS, &word.text)
        .filter(|kind| allowed.contains(kind))
        .ok_or_else(|| {
            let words = KINDS
                .iter()
                .filter(|(_, _, kind)| allowed.contains(kind))
                .map(|(word, _, _)| *word);
            fault(word, "not a kind of netdev known here").expect_one_of(words)
        })
}

/// What `iplink_parse` reads, up to and with `type KIND`.
struct Common<'a> {
    dev: Option<&'a Word>,
    name: Option<&'a Word>,
    /// The kind's lower device: the word `link`, and its name.
    link: Option<(&'a Word, &'a Word)>,
    options: LinkCommon,
    kind: Option<&'a Word>,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Up,
    Down,
    Name,
    Link,
    Address,
    Broadcast,
    Txqlen,
    Mtu,
    Netns,
    Multicast,
    Allmulticast,
    Promisc,
    Trailers,
    Arp,
    Master,
    Nomaster,
    Type,
    Alias,
    Group,
    Mode,
    Queues,
    Addrgenmode,
    /// A switch that must be off.
    Off,
    Unsupported(&'static str),
    Dev,
}

const NO_HARDWARE: &str = "an option of hardware that no netdev here has";
const NO_LAYER_3: &str = "not a matter of layer 2";

/// In `iplink_parse`'s order.
const KEYS: &Keywords<Key> = &[
    ("up", Exact, Key::Up),
    ("down", Exact, Key::Down),
    ("name", Exact, Key::Name),
    (
        "index",
        Exact,
        Key::Unsupported("netdevs are numbered in the order of their creation"),
    ),
    ("link", Prefix, Key::Link),
    ("address", Prefix, Key::Address),
    ("broadcast", Prefix, Key::Broadcast),
    ("brd", Exact, Key::Broadcast),
    ("txqueuelen", Prefix, Key::Txqlen),
    ("qlen", Exact, Key::Txqlen),
    ("txqlen", Prefix, Key::Txqlen),
    ("mtu", Exact, Key::Mtu),
    ("xdpgeneric", Exact, Key::Unsupported(NO_HARDWARE)),
    ("xdpdrv", Exact, Key::Unsupported(NO_HARDWARE)),
    ("xdpoffload", Exact, Key::Unsupported(NO_HARDWARE)),
    ("xdp", Exact, Key::Unsupported(NO_HARDWARE)),
    ("netns", Exact, Key::Netns),
    ("multicast", Exact, Key::Multicast),
    ("allmulticast", Exact, Key::Allmulticast),
    ("promisc", Exact, Key::Promisc),
    ("trailers", Exact, Key::Trailers),
    ("arp", Exact, Key::Arp),
    (
        "carrier",
        Exact,
        Key::Unsupported("a netdev's carrier follows its wire here"),
    ),
    ("vf", Exact, Key::Unsupported(NO_HARDWARE)),
    ("master", Prefix, Key::Master),
    ("vrf", Exact, Key::Unsupported(NO_LAYER_3)),
    ("nomaster", Prefix, Key::Nomaster),
    ("dynamic", Prefix, Key::Off),
    ("type", Prefix, Key::Type),
    ("alias", Prefix, Key::Alias),
    ("group", Exact, Key::Group),
    ("mode", Exact, Key::Mode),
    (
        "state",
        Exact,
        Key::Unsupported("the operational state follows from up and carrier"),
    ),
    ("numtxqueues", Prefix, Key::Queues),
    ("numrxqueues", Prefix, Key::Queues),
    ("addrgenmode", Prefix, Key::Addrgenmode),
    (
        "link-netns",
        Prefix,
        Key::Unsupported("no netdev here has its lower device in another namespace"),
    ),
    (
        "link-netnsid",
        Prefix,
        Key::Unsupported("no netdev here has its lower device in another namespace"),
    ),
    ("protodown", Exact, Key::Off),
    ("protodown_reason", Exact, Key::Unsupported(NO_HARDWARE)),
    (
        "gso_max_size",
        Exact,
        Key::Unsupported("segmentation is not a matter of layer 2"),
    ),
    (
        "gso_max_segs",
        Exact,
        Key::Unsupported("segmentation is not a matter of layer 2"),
    ),
    (
        "gro_max_size",
        Exact,
        Key::Unsupported("segmentation is not a matter of layer 2"),
    ),
    ("parentdev", Exact, Key::Unsupported(NO_HARDWARE)),
    ("dev", Exact, Key::Dev),
];

/// `iplink_parse`: options in any order; the first word that is no keyword is the netdev.
fn common<'a>(args: &mut Args<'a>) -> Result<Common<'a>, Fault> {
    let mut c = Common {
        dev: None,
        name: None,
        link: None,
        options: LinkCommon::default(),
        kind: None,
    };
    let o = &mut c.options;
    while let Some(word) = args.take() {
        let Some(key) = keyword(KEYS, &word.text) else {
            netdev(&mut c.dev, c.name, word)?;
            continue;
        };
        match key {
            Key::Up => o.up = Some(true),
            Key::Down => o.up = Some(false),
            Key::Name => {
                if c.name.is_some() {
                    return Err(fault(word, "given twice"));
                }
                let name = args.value("the name of a netdev")?;
                ifname_word(name)?;
                c.name = Some(name);
                if c.dev.is_none() {
                    c.dev = Some(name);
                }
            }
            Key::Link => {
                let lower = args.value("the name of a netdev")?;
                ifname_word(lower)?;
                c.link = Some((word, lower));
            }
            Key::Address => o.address = Some(mac(args)?),
            Key::Broadcast => {
                let value = args.peek();
                if let (false, Some(value)) = (mac(args)? == MacAddr::BROADCAST, value) {
                    return Err(fault(value, "the broadcast address of Ethernet is fixed")
                        .expect("ff:ff:ff:ff:ff:ff"));
                }
            }
            Key::Txqlen => once_int(&mut o.txqlen, word, args)?,
            Key::Mtu => once_int(&mut o.mtu, word, args)?,
            Key::Netns => {
                if o.netns.is_some() {
                    return Err(fault(word, "given twice"));
                }
                o.netns = Some(nsname(args)?);
            }
            Key::Multicast => o.multicast = Some(strict_on_off(args)?),
            Key::Allmulticast => o.allmulticast = Some(strict_on_off(args)?),
            Key::Promisc => o.promisc = Some(strict_on_off(args)?),
            Key::Arp => o.arp = Some(strict_on_off(args)?),
            Key::Trailers => fixed(args, "on")?,
            Key::Off => fixed(args, "off")?,
            Key::Mode => fixed(args, "default")?,
            Key::Group => fixed(args, "default")?,
            Key::Addrgenmode => fixed(args, "eui64")?,
            Key::Master => o.master = Some(Some(ifname(args)?)),
            Key::Nomaster => o.master = Some(None),
            Key::Type => {
                c.kind = Some(args.value("the kind of a netdev")?);
                break;
            }
            Key::Alias => {
                let text = args.value("a text")?;
                if text.text.len() >= 256 {
                    return Err(fault(text, "alias too long").expect("at most 255 octets"));
                }
                o.alias = Some(text.text.clone());
            }
            // Frames are not spread over queues here, so their number changes nothing.
            Key::Queues => {
                let word = args.value("a number")?;
                number(word, 0x7fff_ffff)?;
            }
            Key::Unsupported(why) => {
                return Err(fault(word, why).expect("another option of \"ip link\""));
            }
            Key::Dev => netdev(&mut c.dev, c.name, args.value("the name of a netdev")?)?,
        }
    }
    Ok(c)
}

/// Takes a netdev's name once. `name X` alone also says which netdev, until another word does.
fn netdev<'a>(
    dev: &mut Option<&'a Word>,
    name: Option<&'a Word>,
    word: &'a Word,
) -> Result<(), Fault> {
    let settled = match (*dev, name) {
        (Some(dev), Some(name)) => (dev.at != name.at).then_some(dev),
        (dev, _) => dev,
    };
    if let Some(dev) = settled {
        let message = format!(
            "neither an option of \"ip link\" nor its netdev, which is already \"{}\"",
            dev.text
        );
        let known = KEYS
            .iter()
            .filter(|(_, _, key)| !matches!(key, Key::Unsupported(_)));
        return Err(fault(word, message).expect_one_of(known.map(|(text, _, _)| *text)));
    }
    ifname_word(word)?;
    *dev = Some(word);
    Ok(())
}

/// Takes a number of `get_integer` that may be given once; a negative one is refused here and not by the kernel.
fn once_int(option: &mut Option<u32>, key: &Word, args: &mut Args<'_>) -> Result<(), Fault> {
    if option.is_some() {
        return Err(fault(key, "given twice"));
    }
    let max = u32::MAX >> 1;
    let word = args.value(&format!("a number from 0 to {max}"))?;
    *option = u32::try_from(number(word, u64::from(max))?).ok();
    Ok(())
}

/// Takes a word that must be this one.
pub(super) fn fixed(args: &mut Args<'_>, only: &str) -> Result<(), Fault> {
    let expected = format!("\"{only}\", which is how this program behaves");
    let word = args.value(&expected)?;
    if word.text == only {
        Ok(())
    } else {
        Err(fault(word, "not modelled").expect(expected))
    }
}

/// The name under which a netdev is made.
fn new_name(c: &Common<'_>) -> Result<Option<String>, Fault> {
    match (c.dev, c.name) {
        (Some(dev), Some(name)) if dev.text != name.text => {
            Err(fault(dev, "a new netdev has one name")
                .expect(format!("only \"name {}\"", name.text)))
        }
        (Some(name), _) => Ok(Some(name.text.clone())),
        (None, _) => Ok(None),
    }
}

fn add(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let known = [
        Kind::Bridge,
        Kind::Veth,
        Kind::Dummy,
        Kind::Vlan,
        Kind::Macvlan,
        Kind::Macvtap,
        Kind::Ipvlan,
        Kind::Vxlan,
    ];
    let c = common(args)?;
    let name = new_name(&c)?;
    let Some(word) = c.kind else {
        return Err(args
            .missing("\"type\" and bridge, veth, dummy, vlan, macvlan, macvtap, ipvlan or vxlan"));
    };
    let made = kind(word, &known)?;
    if let Some((link, _)) = c.link
        && !matches!(
            made,
            Kind::Vlan | Kind::Macvlan | Kind::Macvtap | Kind::Ipvlan
        )
    {
        return Err(fault(link, format!("a {} has no lower device", word.text))
            .expect("another option of \"ip link add\""));
    }
    let kind = match made {
        Kind::Bridge => LinkAddKind::Bridge(options::bridge(args)?),
        Kind::Veth => veth(args)?,
        Kind::Vlan => LinkAddKind::Vlan {
            lower: c.link.map(|(_, lower)| lower.text.clone()),
            options: vlan::device(args)?,
        },
        Kind::Macvlan | Kind::Macvtap => LinkAddKind::Macvlan {
            lower: c.link.map(|(_, lower)| lower.text.clone()),
            tap: made == Kind::Macvtap,
            options: macvlan::device(args)?,
        },
        Kind::Ipvlan => LinkAddKind::Ipvlan {
            lower: c.link.map(|(_, lower)| lower.text.clone()),
            options: ipvlan::device(args)?,
        },
        Kind::Vxlan => LinkAddKind::Vxlan(Box::new(vxlan::device(args, true)?)),
        Kind::Dummy | Kind::Slave => {
            args.finish("a dummy has no options; general ones go before \"type\"")?;
            LinkAddKind::Dummy
        }
    };
    Ok(Verb::LinkAdd(LinkAdd {
        name,
        common: c.options,
        kind,
    }))
}

/// `veth_parse_opt`: `peer`, then what `ip link add` itself takes, to the end of the command.
fn veth(args: &mut Args<'_>) -> Result<LinkAddKind, Fault> {
    let Some(word) = args.take() else {
        return Ok(LinkAddKind::Veth {
            peer: None,
            common: LinkCommon::default(),
        });
    };
    if word.text != "peer" {
        return Err(fault(
            word,
            "not an option of a veth; general ones go before \"type\"",
        )
        .expect_one_of(["peer"].into_iter()));
    }
    let c = common(args)?;
    let peer = new_name(&c)?;
    if let Some((link, _)) = c.link {
        return Err(fault(link, "a veth has no lower device").expect("another option of the peer"));
    }
    if let Some(kind) = c.kind {
        return Err(
            fault(kind, "the peer of a veth is a veth").expect("no \"type\" after \"peer\"")
        );
    }
    Ok(LinkAddKind::Veth {
        peer,
        common: c.options,
    })
}

fn set(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let mut c = common(args)?;
    let Some(dev) = c.dev else {
        return Err(args.missing("the name of a netdev"));
    };
    if let Some((link, _)) = c.link {
        return Err(
            fault(link, "the lower device of a netdev cannot be changed")
                .expect("another option of \"ip link set\""),
        );
    }
    let kind = match c
        .kind
        .map(|word| {
            kind(
                word,
                &[
                    Kind::Bridge,
                    Kind::Slave,
                    Kind::Vlan,
                    Kind::Macvlan,
                    Kind::Macvtap,
                    Kind::Ipvlan,
                    Kind::Vxlan,
                ],
            )
        })
        .transpose()?
    {
        Some(Kind::Bridge) => Some(LinkSetKind::Bridge(options::bridge(args)?)),
        Some(Kind::Vlan) => Some(LinkSetKind::Vlan(vlan::device(args)?)),
        Some(made @ (Kind::Macvlan | Kind::Macvtap)) => Some(LinkSetKind::Macvlan {
            tap: made == Kind::Macvtap,
            options: macvlan::device(args)?,
        }),
        Some(Kind::Ipvlan) => Some(LinkSetKind::Ipvlan(ipvlan::device(args)?)),
        Some(Kind::Vxlan) => Some(LinkSetKind::Vxlan(Box::new(vxlan::device(args, false)?))),
        Some(_) => Some(LinkSetKind::Port(options::slave(args)?)),
        None => None,
    };
    c.options.rename = c
        .name
        .filter(|name| name.text != dev.text)
        .map(|name| name.text.clone());
    Ok(Verb::LinkSet(LinkSet {
        dev: dev.text.clone(),
        common: c.options,
        kind,
    }))
}

fn delete(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let first = args.peek().map(|word| word.at);
    let c = common(args)?;
    let Some(dev) = c.dev else {
        return Err(args.missing("the name of a netdev"));
    };
    if let Some(word) = c.kind {
        kind(
            word,
            &[
                Kind::Bridge,
                Kind::Veth,
                Kind::Dummy,
                Kind::Vlan,
                Kind::Macvlan,
                Kind::Macvtap,
                Kind::Ipvlan,
                Kind::Vxlan,
            ],
        )?;
        args.finish("nothing follows the kind here")?;
    }
    if c.options != LinkCommon::default()
        || c.link.is_some()
        || c.name.is_some_and(|name| name.at != dev.at)
    {
        return Err(Fault::new(
            first.unwrap_or(dev.at),
            "",
            "\"ip link delete\" takes no options",
        )
        .expect("[dev] NAME [type KIND]"));
    }
    Ok(Verb::LinkDel(dev.text.clone()))
}
