//! `type vxlan` (`ip/iplink_vxlan.c`), and what `bridge fdb` says about endpoints (`bridge/fdb.c`).

use std::net::IpAddr;

use super::args::{
    Args, Keywords, Match, fault, ifname, ip_word, keyword, number, u16_value, u32_value,
};
use crate::iproute::command::{FdbEndpoint, VxlanOptions};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;
use crate::switch::vxlan::Df;
use crate::wire::VNI_MAX;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Id,
    Group,
    Remote,
    Local,
    Dev,
    Ttl,
    Tos,
    Df,
    Label,
    Ageing,
    MaxAddress,
    SourcePort,
    Port,
    Learning(bool),
    Proxy(bool),
    Rsc(bool),
    L2miss(bool),
    L3miss(bool),
    UdpCsum(bool),
    ZeroCsumTx(bool),
    ZeroCsumRx(bool),
    RemcsumTx(bool),
    RemcsumRx(bool),
    Gbp,
    /// What is the default anyway.
    Off,
    Unsupported(&'static str),
}

const NO_METADATA: &str = "where a frame goes is not told from outside (external): each VXLAN device has one VNI here, \
     and its own table";

/// In `vxlan_parse_opt`'s order.
const KEYS: &Keywords<Key> = &[
    ("id", Prefix, Key::Id),
    ("vni", Prefix, Key::Id),
    ("group", Prefix, Key::Group),
    ("remote", Prefix, Key::Remote),
    ("local", Prefix, Key::Local),
    ("dev", Prefix, Key::Dev),
    ("ttl", Prefix, Key::Ttl),
    ("hoplimit", Prefix, Key::Ttl),
    ("tos", Prefix, Key::Tos),
    ("dsfield", Prefix, Key::Tos),
    ("df", Prefix, Key::Df),
    ("label", Prefix, Key::Label),
    ("flowlabel", Prefix, Key::Label),
    ("ageing", Prefix, Key::Ageing),
    ("maxaddress", Prefix, Key::MaxAddress),
    ("port", Prefix, Key::SourcePort),
    ("srcport", Prefix, Key::SourcePort),
    ("dstport", Prefix, Key::Port),
    ("nolearning", Prefix, Key::Learning(false)),
    ("learning", Prefix, Key::Learning(true)),
    ("noproxy", Prefix, Key::Proxy(false)),
    ("proxy", Prefix, Key::Proxy(true)),
    ("norsc", Prefix, Key::Rsc(false)),
    ("rsc", Prefix, Key::Rsc(true)),
    ("nol2miss", Prefix, Key::L2miss(false)),
    ("l2miss", Prefix, Key::L2miss(true)),
    ("nol3miss", Prefix, Key::L3miss(false)),
    ("l3miss", Prefix, Key::L3miss(true)),
    ("udpcsum", Prefix, Key::UdpCsum(true)),
    ("noudpcsum", Prefix, Key::UdpCsum(false)),
    ("udp6zerocsumtx", Prefix, Key::ZeroCsumTx(true)),
    ("noudp6zerocsumtx", Prefix, Key::ZeroCsumTx(false)),
    ("udp6zerocsumrx", Prefix, Key::ZeroCsumRx(true)),
    ("noudp6zerocsumrx", Prefix, Key::ZeroCsumRx(false)),
    ("remcsumtx", Prefix, Key::RemcsumTx(true)),
    ("noremcsumtx", Prefix, Key::RemcsumTx(false)),
    ("remcsumrx", Prefix, Key::RemcsumRx(true)),
    ("noremcsumrx", Prefix, Key::RemcsumRx(false)),
    ("external", Prefix, Key::Unsupported(NO_METADATA)),
    ("noexternal", Prefix, Key::Off),
    ("gbp", Prefix, Key::Gbp),
    (
        "gpe",
        Prefix,
        Key::Unsupported("the kernel takes gpe with external only, and that is not modelled"),
    ),
    ("vnifilter", Exact, Key::Unsupported(NO_METADATA)),
    ("novnifilter", Exact, Key::Off),
];

/// Reads what follows `type vxlan`, to the end of the command. `new`: of `ip link add`.
pub(super) fn device(args: &mut Args<'_>, new: bool) -> Result<VxlanOptions, Fault> {
    let mut o = VxlanOptions::default();
    let mut said: Vec<Said> = Vec::new();
    while let Some(word) = args.take() {
        let Some(key) = keyword(KEYS, &word.text) else {
            let table = "a VXLAN device";
            return Err(super::options::unknown_option(KEYS, word, table));
        };
        if let Key::Unsupported(why) = key {
            return Err(fault(word, why).expect("another option of a VXLAN device"));
        }
        if said.contains(&Said::of(key)) {
            return Err(fault(word, "given twice"));
        }
        said.push(Said::of(key));
        option(args, &mut o, key)?;
    }
    let c = &mut o.change;
    if new && c.vni.is_none() {
        return Err(args.missing("\"id\" and a virtual network identifier from 0 to 16777215"));
    }
    if c.remote.is_some_and(|ip| ip.is_multicast()) && o.dev.is_none() {
        return Err(args.missing("\"dev\" and the netdev that joins the group"));
    }
    if new {
        c.learning.get_or_insert(true);
    }
    Ok(o)
}

/// Options of which there is one, whatever it is called and says (`check_duparg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said(std::mem::Discriminant<Key>);

impl Said {
    fn of(key: Key) -> Self {
        // `group` and `remote` are one attribute.
        let key = if key == Key::Group { Key::Remote } else { key };
        Self(std::mem::discriminant(&key))
    }
}

fn option(args: &mut Args<'_>, o: &mut VxlanOptions, key: Key) -> Result<(), Fault> {
    let c = &mut o.change;
    match key {
        Key::Id => c.vni = Some(u32_value(args, VNI_MAX)?),
        Key::Group => {
            let word = args.value("the address of a group")?;
            c.remote = Some(address(
                word,
                c.local,
                IpAddr::is_multicast,
                "a group address",
            )?);
        }
        Key::Remote => {
            let word = args.value("the address of an endpoint")?;
            let wanted = |ip: &IpAddr| !ip.is_multicast() && !ip.is_unspecified();
            c.remote = Some(address(
                word,
                c.local,
                wanted,
                "the address of an endpoint",
            )?);
        }
        Key::Local => {
            let word = args.value("an address of this host")?;
            let wanted = |ip: &IpAddr| !ip.is_multicast() && !ip.is_unspecified();
            c.local = Some(address(word, c.remote, wanted, "an address of this host")?);
        }
        Key::Dev => o.dev = Some(ifname(args)?),
        Key::Ttl => {
            let expected = "a number from 0 to 255, \"auto\" or \"inherit\"";
            let word = args.value(expected)?;
            match word.text.as_str() {
                "inherit" => c.ttl_inherit = true,
                "auto" => c.ttl = Some(0),
                _ => c.ttl = u8::try_from(number(word, 255)?).ok(),
            }
        }
        Key::Tos => c.tos = Some(tos(args)?),
        Key::Df => {
            let word = args.value("unset, set or inherit")?;
            c.df = Some(match word.text.as_str() {
                "unset" => Df::Unset,
                "set" => Df::Set,
                "inherit" => Df::Inherit,
                _ => return Err(fault(word, "not a word for DF").expect("unset, set or inherit")),
            });
        }
        Key::Label => c.label = Some(u32_value(args, 0x000f_ffff)?),
        Key::Ageing => c.ageing = Some(or_zero(args, "none", "seconds")?),
        Key::MaxAddress => c.max = Some(or_zero(args, "unlimited", "a number of entries")?),
        Key::SourcePort => {
            let range = (u16_value(args)?, u16_value(args)?);
            c.source_ports = Some(range).filter(|range| *range != (0, 0));
        }
        Key::Port => {
            c.port = Some(u16_value(args)?).filter(|port| *port != 0);
            o.port_said = true;
        }
        Key::Learning(on) => c.learning = Some(on),
        Key::Proxy(on) => c.proxy = Some(on),
        Key::Rsc(on) => c.rsc = Some(on),
        Key::L2miss(on) => c.l2miss = Some(on),
        Key::L3miss(on) => c.l3miss = Some(on),
        Key::UdpCsum(on) => c.udp_csum = Some(on),
        Key::ZeroCsumTx(on) => c.zero_csum6_tx = Some(on),
        Key::ZeroCsumRx(on) => c.zero_csum6_rx = Some(on),
        Key::RemcsumTx(on) => c.remcsum_tx = Some(on),
        Key::RemcsumRx(on) => c.remcsum_rx = Some(on),
        Key::Gbp => c.gbp = true,
        Key::Off | Key::Unsupported(_) => {}
    }
    Ok(())
}

/// Reads an address of the family of another one, if that was given.
fn address(
    word: &Word,
    other: Option<IpAddr>,
    wanted: impl Fn(&IpAddr) -> bool,
    expected: &str,
) -> Result<IpAddr, Fault> {
    let ip = ip_word(word, &word.text, None)?;
    if other.is_some_and(|other| other.is_ipv4() != ip.is_ipv4()) {
        return Err(
            fault(word, "local and remote address are of the same family").expect(expected),
        );
    }
    if !wanted(&ip) {
        return Err(fault(word, "not an address that fits here").expect(expected));
    }
    Ok(ip)
}

/// Reads a type of service: a hexadecimal number, or `inherit` (`rtnl_dsfield_a2n`).
fn tos(args: &mut Args<'_>) -> Result<u8, Fault> {
    let expected = "a hexadecimal number up to ff, or \"inherit\"";
    let word = args.value(expected)?;
    if word.text == "inherit" {
        return Ok(1);
    }
    let digits = word.text.strip_prefix("0x").unwrap_or(&word.text);
    u8::from_str_radix(digits, 16)
        .map_err(|_| fault(word, "not a type of service").expect(expected))
}

/// Reads a number, or a word for zero.
fn or_zero(args: &mut Args<'_>, zero: &str, what: &str) -> Result<u32, Fault> {
    let word = args.value(&format!("{what}, or \"{zero}\""))?;
    if word.text == zero {
        return Ok(0);
    }
    Ok(u32::try_from(number(word, u64::from(u32::MAX))?).unwrap_or(u32::MAX))
}

/// Words of `bridge fdb add|append|replace|del` about endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndpointKey {
    Dst,
    Nexthop,
    Port,
    Vni,
    /// Only of meaning to devices with `external`; others take it and do not look at it.
    SourceVni,
    Via,
    Router,
}

/// Reads the value of such a word.
pub(super) fn endpoint(
    args: &mut Args<'_>,
    key: EndpointKey,
    word: &Word,
    endpoint: &mut FdbEndpoint,
) -> Result<(), Fault> {
    let twice = || fault(word, "given twice");
    match key {
        EndpointKey::Dst if endpoint.ip.is_some() => return Err(twice()),
        EndpointKey::Dst => {
            let word = args.value("the address of an endpoint")?;
            endpoint.ip = Some(ip_word(word, &word.text, None)?);
        }
        EndpointKey::Nexthop => {
            return Err(
                fault(word, "groups of next hops are not modelled").expect("\"dst ADDRESS\"")
            );
        }
        EndpointKey::Port => endpoint.port = Some(u16_value(args)?),
        EndpointKey::Vni => endpoint.vni = Some(u32_value(args, VNI_MAX)?),
        EndpointKey::SourceVni => {
            u32_value(args, VNI_MAX)?;
        }
        EndpointKey::Via => endpoint.via = Some(ifname(args)?),
        EndpointKey::Router => endpoint.router = true,
    }
    Ok(())
}
