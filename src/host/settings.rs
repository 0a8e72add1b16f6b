//! What programs change of a host by themselves: `ip route` and `sysctl`.

use std::fmt::Write;
use std::net::IpAddr;

use super::Ended;
use super::interface::{Route, contains};
use super::stack::Stack;

/// Routes that commands make, at most.
const MAX_ROUTES: usize = 1_024;

/// Does `ip [-4|-6] route …`; `None` if it is something else that nobody simulates.
pub(super) fn ip(words: &[String], stack: &mut Stack) -> Option<Ended> {
    let mut ipv6 = None;
    let mut words = words.iter().map(String::as_str);
    let object = loop {
        match words.next()? {
            "-4" => ipv6 = Some(false),
            "-6" => ipv6 = Some(true),
            word if word.starts_with('-') => return None,
            word => break word,
        }
    };
    if object.is_empty() || !"route".starts_with(object) {
        return None;
    }
    let words: Vec<&str> = words.collect();
    let (verb, rest) = words
        .split_first()
        .map_or(("show", &[][..]), |(it, rest)| (*it, rest));
    let is = |name: &str, least: usize| verb.len() >= least && name.starts_with(verb);
    if is("show", 1) || is("list", 1) || is("lst", 3) {
        return rest.is_empty().then(|| show(ipv6, stack));
    }
    let how = if is("add", 1) {
        How::Add
    } else if is("replace", 1) || is("change", 2) {
        How::Replace
    } else if is("delete", 1) {
        How::Delete
    } else {
        return None;
    };
    Some(match change(how, rest, stack) {
        Ok(()) => Ended::default(),
        Err(ended) => ended,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Add,
    Replace,
    Delete,
}

fn refuse(text: &str) -> Ended {
    Ended::complaint(2, format!("{text}\n"))
}

/// `inet_rtm_newroute`, `inet_rtm_delroute` and IPv6's.
fn change(how: How, words: &[&str], stack: &mut Stack) -> Result<(), Ended> {
    let bad = |what: &str, word: &str| {
        Ended::complaint(
            1,
            format!("Error: {what} is expected rather than \"{word}\".\n"),
        )
    };
    let address = |word: &str| {
        let ip = word.parse::<IpAddr>();
        ip.map_err(|_| bad("inet address", word))
    };
    let (mut subnet, mut via, mut device, mut source, mut metric) = (None, None, None, None, 0);
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || {
            let missing = "Command line is not complete. Try option \"help\"\n";
            words
                .next()
                .ok_or_else(|| Ended::complaint(255, missing.into()))
        };
        match word {
            "via" => {
                let word = value()?;
                let word = match word {
                    "inet" | "inet6" => value()?,
                    word => word,
                };
                via = Some(address(word)?);
            }
            "dev" => device = Some(value()?),
            "src" => source = Some(address(value()?)?),
            "metric" | "preference" => {
                let word = value()?;
                metric = word.parse().map_err(|_| bad("\"metric\" value", word))?;
            }
            "proto" | "protocol" | "scope" | "mtu" => _ = value()?,
            "onlink" | "unicast" | "to" => {}
            "default" => subnet = Some(None),
            word => {
                let (ip, length) = word.split_once('/').unwrap_or((word, ""));
                let ip = ip.parse::<IpAddr>().map_err(|_| bad("inet prefix", word))?;
                let most = if ip.is_ipv4() { 32 } else { 128 };
                let length = match length {
                    "" => most,
                    length => length.parse().map_err(|_| bad("inet prefix", word))?,
                };
                if length > most {
                    return Err(bad("inet prefix", word));
                }
                subnet = Some(Some((ip, length)));
            }
        }
    }
    let Some(subnet) = subnet else {
        return Err(refuse("RTNETLINK answers: No such device"));
    };
    let ipv6 = |ip: IpAddr| ip.is_ipv6();
    let any = match via.or(source).is_some_and(ipv6) {
        true => IpAddr::from([0u16; 8]),
        false => IpAddr::from([0u8; 4]),
    };
    let subnet = subnet.unwrap_or((any, 0));
    let same = |route: &Route| {
        route.subnet.1 == subnet.1
            && contains(route.subnet.0, subnet.1, subnet.0)
            && route.subnet.0.is_ipv6() == subnet.0.is_ipv6()
    };
    let interface = match device {
        Some(name) => {
            let found = stack.interfaces.iter().find(|it| it.name == name);
            let missing = || Ended::complaint(1, format!("Cannot find device \"{name}\"\n"));
            Some(found.ok_or_else(missing)?.id)
        }
        None => None,
    };
    if how == How::Delete {
        let at = stack.routes.iter().position(|it| {
            same(it)
                && via.is_none_or(|via| it.via == Some(via))
                && interface.is_none_or(|id| it.interface == id)
        });
        let gone = at.map(|at| stack.routes.remove(at));
        let missing = || refuse("RTNETLINK answers: No such process");
        return gone.map(|_| ()).ok_or_else(missing);
    }
    let interface = match (via, interface) {
        (Some(via), by) => {
            let connected = super::interface::route(&stack.interfaces, &[], via, by);
            let way = connected.filter(|_| !stack.is_local(via));
            way.ok_or_else(|| refuse("Error: Nexthop has invalid gateway."))?
                .interface
        }
        (None, Some(id)) => id,
        (None, None) => return Err(refuse("RTNETLINK answers: No such device")),
    };
    if source.is_some_and(|source| !stack.is_local(source)) {
        return Err(refuse("Error: Invalid prefsrc address."));
    }
    let existing = stack
        .routes
        .iter()
        .position(|it| same(it) && it.metric == metric);
    match (existing, how) {
        (Some(_), How::Add) => return Err(refuse("RTNETLINK answers: File exists")),
        (Some(at), _) => _ = stack.routes.remove(at),
        (None, _) if stack.routes.len() >= MAX_ROUTES => {
            return Err(refuse("RTNETLINK answers: Cannot allocate memory"));
        }
        (None, _) => {}
    }
    stack.routes.push(Route {
        subnet,
        via,
        interface,
        source,
        metric,
    });
    Ok(())
}

/// `ip route show`: the main table, by address.
fn show(ipv6: Option<bool>, stack: &Stack) -> Ended {
    let ipv6 = ipv6.unwrap_or(false);
    let masked = |(ip, length): (IpAddr, u8)| match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::from((u32::from(ip) & mask).to_be_bytes())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::from((u128::from(ip) & mask).to_be_bytes())
        }
    };
    let name = |id: u32| stack.interface(id).map_or("?", |it| it.name.as_str());
    let mut lines = Vec::new();
    for interface in &stack.interfaces {
        for address in &interface.addresses {
            let Some((net, length)) = address.subnet.filter(|(net, _)| net.is_ipv6() == ipv6)
            else {
                continue;
            };
            let (net, name, source) = (masked((net, length)), &interface.name, address.ip);
            let text = match ipv6 {
                false => {
                    format!("{net}/{length} dev {name} proto kernel scope link src {source} \n")
                }
                true => format!("{net}/{length} dev {name} proto kernel metric 256 pref medium\n"),
            };
            lines.push((net, length, text));
        }
    }
    for route in stack
        .routes
        .iter()
        .filter(|it| it.subnet.0.is_ipv6() == ipv6)
    {
        let (net, length) = (masked(route.subnet), route.subnet.1);
        let mut text = match length {
            0 => "default ".to_owned(),
            32 if !ipv6 => format!("{net} "),
            128 => format!("{net} "),
            _ => format!("{net}/{length} "),
        };
        if let Some(via) = route.via {
            _ = write!(text, "via {via} ");
        }
        _ = write!(text, "dev {} ", name(route.interface));
        if route.via.is_none() && !ipv6 {
            text += "scope link ";
        }
        if let Some(source) = route.source {
            _ = write!(text, "src {source} ");
        }
        match (route.metric, ipv6) {
            (0, true) => text += "metric 1024 pref medium",
            (metric, true) => _ = write!(text, "metric {metric} pref medium"),
            (0, false) => {}
            (metric, false) => _ = write!(text, "metric {metric} "),
        }
        text.push('\n');
        lines.push((net, length, text));
    }
    // IPv6's default route comes last.
    lines.sort_by_key(|(net, length, _)| (ipv6 && *length == 0, *net, *length));
    Ended {
        stdout: lines.into_iter().map(|(.., text)| text).collect(),
        ..Ended::default()
    }
}

/// Settings that make no difference here, by the end of their names.
const WITHOUT_EFFECT: [&str; 6] = [
    ".rp_filter",
    ".send_redirects",
    ".accept_redirects",
    ".accept_ra",
    ".accept_dad",
    ".disable_ipv6",
];

/// Does `sysctl [-q] [-w] NAME=VALUE…`; `None` if it is something else that nobody simulates.
pub(super) fn sysctl(words: &[String], stack: &mut Stack) -> Option<Ended> {
    let (options, settings): (Vec<_>, Vec<_>) = words.iter().partition(|it| it.starts_with('-'));
    let known = |option: &&String| ["-w", "-q", "-qw", "-wq"].contains(&option.as_str());
    if settings.is_empty() || !options.iter().all(known) {
        return None;
    }
    let quiet = options.iter().any(|it| it.contains('q'));
    let mut ended = Ended::default();
    let mut changes = Vec::new();
    for setting in settings {
        let (name, value) = setting.split_once('=')?;
        let dotted = name.replace('/', ".");
        let dotted = dotted.trim();
        let version = match dotted {
            "net.ipv4.ip_forward" | "net.ipv4.conf.all.forwarding" => Some(0),
            "net.ipv6.conf.all.forwarding" => Some(1),
            other if WITHOUT_EFFECT.iter().any(|end| other.ends_with(end)) => None,
            _ => return None,
        };
        let value = value.trim();
        changes.extend(version.map(|version| (version, value != "0")));
        if !quiet {
            _ = writeln!(ended.stdout, "{name} = {value}");
        }
    }
    for (version, on) in changes {
        stack.forwarding[version] = on;
    }
    Some(ended)
}
