//! `bridge mdb` (`bridge/mdb.c`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::args::{Args, Keywords, Match, decimal, fault, ifname, keyword, mac_word, unknown};
use super::neigh::protocol;
use crate::iproute::command::{FilterMode, MdbFilter, MdbGroup, MdbHow, MdbSpec, Verb};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Action {
    Add(MdbHow),
    Delete,
    Show,
    Unsupported,
}

/// In `do_mdb`'s order; `replace`, `get` and `flush` are newer than iproute2 6.1.
const ACTIONS: &Keywords<Action> = &[
    ("add", Prefix, Action::Add(MdbHow::Add)),
    ("replace", Exact, Action::Add(MdbHow::Replace)),
    ("delete", Prefix, Action::Delete),
    ("show", Prefix, Action::Show),
    ("lst", Prefix, Action::Show),
    ("list", Prefix, Action::Show),
    ("get", Exact, Action::Unsupported),
    ("flush", Exact, Action::Unsupported),
];

/// Reads what follows `bridge mdb`.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Verb, Fault> {
    let Some(word) = args.take() else {
        return Ok(Verb::MdbShow(MdbFilter::default()));
    };
    let known = ["add", "replace", "delete", "show"];
    match keyword(ACTIONS, &word.text) {
        Some(Action::Add(how)) => Ok(Verb::MdbAdd(how, modify(args)?)),
        Some(Action::Delete) => Ok(Verb::MdbDel(modify(args)?)),
        Some(Action::Show) => Ok(Verb::MdbShow(show(args)?)),
        Some(Action::Unsupported) => {
            Err(fault(word, "not modelled").expect_one_of(known.into_iter()))
        }
        None => {
            Err(fault(word, "not a command of \"bridge mdb\"").expect_one_of(known.into_iter()))
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Dev,
    Group,
    Port,
    Permanent,
    Temp,
    Vid,
    Source,
    FilterMode,
    SourceList,
    Protocol,
    Vxlan,
}

/// Of `mdb_modify`; from `filter_mode` on newer than iproute2 6.1.
const KEYS: &Keywords<Key> = &[
    ("dev", Exact, Key::Dev),
    ("grp", Exact, Key::Group),
    ("port", Exact, Key::Port),
    ("permanent", Exact, Key::Permanent),
    ("temp", Exact, Key::Temp),
    ("vid", Exact, Key::Vid),
    ("src", Exact, Key::Source),
    ("filter_mode", Exact, Key::FilterMode),
    ("source_list", Exact, Key::SourceList),
    ("proto", Exact, Key::Protocol),
    ("dst", Exact, Key::Vxlan),
    ("dst_port", Exact, Key::Vxlan),
    ("vni", Exact, Key::Vxlan),
    ("src_vni", Exact, Key::Vxlan),
    ("via", Exact, Key::Vxlan),
];

/// `mdb_modify`. It passes over words that it does not know; they are refused here.
fn modify(args: &mut Args<'_>) -> Result<MdbSpec, Fault> {
    let (mut dev, mut port, mut group) = (None, None, None);
    let mut spec = MdbSpec {
        dev: String::new(),
        port: String::new(),
        group: MdbGroup::Ip(Ipv4Addr::UNSPECIFIED.into()),
        source: None,
        permanent: false,
        vid: 0,
        filter_mode: None,
        source_list: Vec::new(),
        protocol: None,
    };
    while let Some(word) = args.take() {
        match keyword(KEYS, &word.text) {
            Some(Key::Dev) => dev = Some(ifname(args)?),
            Some(Key::Port) => port = Some(ifname(args)?),
            Some(Key::Group) => group = Some(group_word(args)?),
            Some(Key::Permanent) => spec.permanent = true,
            Some(Key::Temp) => {}
            Some(Key::Vid) => spec.vid = vid(args)?,
            Some(Key::Source) => {
                let word = args.value(SOURCE)?;
                spec.source = Some(source(word, &word.text)?);
            }
            Some(Key::FilterMode) => {
                let expected = "\"include\" or \"exclude\"";
                let word = args.value(expected)?;
                spec.filter_mode = Some(match word.text.as_str() {
                    "include" => FilterMode::Include,
                    "exclude" => FilterMode::Exclude,
                    _ => return Err(fault(word, "not a filter mode").expect(expected)),
                });
            }
            Some(Key::SourceList) => {
                let word = args.value("source addresses, joined by commas")?;
                let sources = word.text.split(',').map(|text| source(word, text));
                spec.source_list = sources.collect::<Result<_, _>>()?;
            }
            Some(Key::Protocol) => spec.protocol = Some(protocol(args)?),
            Some(Key::Vxlan) => {
                return Err(fault(
                    word,
                    "an option of VXLAN devices, which are not modelled yet",
                )
                .expect("another option of \"bridge mdb\""));
            }
            None => return Err(unknown(KEYS, word, "not an option of \"bridge mdb\"")),
        }
    }
    spec.dev = dev.ok_or_else(|| args.missing("\"dev\" and the name of a bridge"))?;
    spec.port = port.ok_or_else(|| args.missing("\"port\" and the name of a bridge port"))?;
    spec.group = group.ok_or_else(|| args.missing("\"grp\" and a group address"))?;
    Ok(spec)
}

/// `mdb_parse_grp`.
fn group_word(args: &mut Args<'_>) -> Result<MdbGroup, Fault> {
    let expected = "a group address like 239.1.1.1, ff02::1:3 or 01:00:5e:01:01:01";
    let word = args.value(expected)?;
    ip(&word.text)
        .map(MdbGroup::Ip)
        .or_else(|| mac_word(word).map(MdbGroup::Mac))
        .ok_or_else(|| fault(word, "not a group address").expect(expected))
}

const SOURCE: &str = "the IP address of a source";

fn source(word: &Word, text: &str) -> Result<IpAddr, Fault> {
    ip(text).ok_or_else(|| fault(word, "not the address of a source").expect(SOURCE))
}

/// `inet_pton`, IPv4 first.
fn ip(text: &str) -> Option<IpAddr> {
    let v4 = text.parse::<Ipv4Addr>().map(IpAddr::V4);
    v4.or_else(|_| text.parse::<Ipv6Addr>().map(IpAddr::V6))
        .ok()
}

/// Reads a VID from 0 to 4095: which of them it takes is the kernel's to say.
fn vid(args: &mut Args<'_>) -> Result<u16, Fault> {
    let word = args.value("a decimal number from 0 to 4095")?;
    Ok(u16::try_from(decimal(word, 0, 4095)?).unwrap_or(4095))
}

fn show(args: &mut Args<'_>) -> Result<MdbFilter, Fault> {
    let mut filter = MdbFilter::default();
    while let Some(word) = args.take() {
        match word.text.as_str() {
            "dev" if filter.dev.is_some() => return Err(fault(word, "given twice")),
            "dev" => filter.dev = Some(ifname(args)?),
            "vid" if filter.vid.is_some() => return Err(fault(word, "given twice")),
            "vid" => filter.vid = Some(vid(args)?),
            // iproute2 6.1 passes over a word it does not know, and shows everything.
            _ => {
                return Err(
                    fault(word, "not a filter of \"bridge mdb show\"").expect(format!(
                        "\"dev {0}\" or \"vid {0}\" (the keyword is needed here)",
                        word.text
                    )),
                );
            }
        }
    }
    Ok(filter)
}
