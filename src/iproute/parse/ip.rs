//! The programs `ip`, `bridge` and `tapswitch`: their options and objects (`ip/ip.c`, `ip/ipnetns.c`, `bridge/bridge.c`).

use super::args::{Args, Family, Keywords, Match, fault, keyword, nsname, unknown};
use super::{addr, bridge, guard, link, neigh, program, tuntap};
use crate::iproute::command::{Command, Format, NetCommand, Verb};
use crate::iproute::fault::Fault;
use crate::iproute::lex::Word;

use Match::{Exact, Prefix};

#[derive(Clone, Copy, Debug)]
enum Opt {
    Family,
    Is(Family),
    Statistics,
    Details,
    Oneline,
    Brief,
    Json,
    Pretty,
    CompressVlans,
    Netns,
    /// Changes how statistics are printed, and nothing else.
    Human,
    /// Changes nothing that is printed here.
    Quiet,
    Unsupported,
}

/// In the order of `main` of `ip/ip.c`.
const IP: &Keywords<Opt> = &[
    ("-loops", Prefix, Opt::Unsupported),
    ("-family", Prefix, Opt::Family),
    ("-4", Exact, Opt::Is(Family::V4)),
    ("-6", Exact, Opt::Is(Family::V6)),
    ("-0", Exact, Opt::Is(Family::Link)),
    ("-M", Exact, Opt::Unsupported),
    ("-B", Exact, Opt::Unsupported),
    ("-human-readable", Prefix, Opt::Human),
    ("-iec", Prefix, Opt::Human),
    ("-stats", Prefix, Opt::Statistics),
    ("-statistics", Prefix, Opt::Statistics),
    ("-details", Prefix, Opt::Details),
    ("-resolve", Prefix, Opt::Quiet),
    ("-oneline", Prefix, Opt::Oneline),
    ("-timestamp", Prefix, Opt::Quiet),
    ("-tshort", Prefix, Opt::Quiet),
    ("-Version", Prefix, Opt::Unsupported),
    ("-force", Prefix, Opt::Unsupported),
    ("-batch", Prefix, Opt::Unsupported),
    ("-brief", Prefix, Opt::Brief),
    ("-json", Prefix, Opt::Json),
    ("-pretty", Prefix, Opt::Pretty),
    ("-rcvbuf", Prefix, Opt::Unsupported),
    ("-color", Prefix, Opt::Quiet),
    ("-help", Prefix, Opt::Unsupported),
    ("-netns", Prefix, Opt::Netns),
    ("-Numeric", Prefix, Opt::Quiet),
    ("-all", Prefix, Opt::Unsupported),
    ("-echo", Exact, Opt::Unsupported),
];

/// In the order of `main` of `bridge/bridge.c`.
const BRIDGE: &Keywords<Opt> = &[
    ("-help", Prefix, Opt::Unsupported),
    ("-Version", Prefix, Opt::Unsupported),
    ("-stats", Prefix, Opt::Statistics),
    ("-statistics", Prefix, Opt::Statistics),
    ("-details", Prefix, Opt::Details),
    ("-oneline", Prefix, Opt::Oneline),
    ("-timestamp", Prefix, Opt::Quiet),
    ("-family", Prefix, Opt::Family),
    ("-4", Exact, Opt::Quiet),
    ("-6", Exact, Opt::Quiet),
    ("-netns", Prefix, Opt::Netns),
    ("-color", Prefix, Opt::Quiet),
    ("-compressvlans", Prefix, Opt::CompressVlans),
    ("-force", Prefix, Opt::Unsupported),
    ("-json", Prefix, Opt::Json),
    ("-pretty", Prefix, Opt::Pretty),
    ("-batch", Prefix, Opt::Unsupported),
];

/// Of our own program in a script, spelled as the others'.
const TAPSWITCH: &Keywords<Opt> = &[
    ("-stats", Prefix, Opt::Statistics),
    ("-statistics", Prefix, Opt::Statistics),
    ("-json", Prefix, Opt::Json),
    ("-pretty", Prefix, Opt::Pretty),
    ("-netns", Prefix, Opt::Netns),
];

/// The options in front of an object.
struct Options<'a> {
    format: Format,
    family: Option<(Family, &'a Word)>,
    ns: Option<String>,
    /// Those that are not about the namespace, for a program that is run as written.
    words: Vec<String>,
}

fn options<'a>(
    args: &mut Args<'a>,
    table: &Keywords<Opt>,
    ns: Option<&str>,
) -> Result<Options<'a>, Fault> {
    let mut o = Options {
        format: Format::default(),
        family: None,
        ns: ns.map(str::to_owned),
        words: Vec::new(),
    };
    let mut human = None;
    while let Some(word) = args.peek().filter(|word| word.text.starts_with('-')) {
        args.take();
        if word.text == "--" {
            break;
        }
        let text = if word.text.starts_with("--") {
            &word.text[1..]
        } else {
            word.text.as_str()
        };
        // `-color=always` and its like (`matches_color`).
        let text = match text.split_once('=') {
            Some((colour, "always" | "auto" | "never")) if colour.starts_with("-c") => colour,
            _ => text,
        };
        let before = o.words.len();
        match keyword(table, text) {
            Some(Opt::Statistics) => o.format.statistics = o.format.statistics.saturating_add(1),
            Some(Opt::Details) => o.format.details = true,
            Some(Opt::Oneline) => o.format.oneline = true,
            Some(Opt::Brief) => o.format.brief = true,
            Some(Opt::Json) => o.format.json = true,
            Some(Opt::Pretty) => o.format.pretty = true,
            Some(Opt::CompressVlans) => o.format.compress_vlans = true,
            Some(Opt::Human) => human = Some(word),
            Some(Opt::Quiet) => {}
            Some(Opt::Is(family)) => o.family = Some((family, word)),
            Some(Opt::Family) => {
                let value = args.value("inet, inet6 or link")?;
                let family = match value.text.as_str() {
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    "link" => Family::Link,
                    _ => {
                        return Err(fault(value, "not an address family known here")
                            .expect_one_of(["inet", "inet6", "link"].into_iter()));
                    }
                };
                o.family = Some((family, word));
                o.words.extend([word.text.clone(), value.text.clone()]);
            }
            Some(Opt::Netns) => {
                o.ns = Some(nsname(args)?);
                continue;
            }
            Some(Opt::Unsupported) => {
                return Err(fault(word, "this option is not part of a topology script")
                    .expect("-n NAME, -j, -p, -d, -s, -o, -br or an object"));
            }
            None => {
                return Err(unknown(table, word, "not an option known here")
                    .expect("-n NAME, -j, -p, -d, -s, -o, -br or an object"));
            }
        }
        if o.words.len() == before {
            o.words.push(word.text.clone());
        }
    }
    if let Some(word) = human.filter(|_| o.format.statistics > 0) {
        return Err(fault(word, "statistics are counted exactly here").expect("no such option"));
    }
    Ok(o)
}

fn net(options: Options<'_>, verb: Verb) -> Command {
    Command::Net(Box::new(NetCommand {
        ns: options.ns,
        format: options.format,
        verb,
    }))
}

/// Reads what follows `bridge`.
pub(super) fn bridge(args: &mut Args<'_>, ns: Option<&str>) -> Result<Command, Fault> {
    let options = options(args, BRIDGE, ns)?;
    let verb = bridge::parse(args)?;
    Ok(net(options, verb))
}

/// Reads what follows `tapswitch`.
pub(super) fn tapswitch(args: &mut Args<'_>, ns: Option<&str>) -> Result<Command, Fault> {
    let mut options = options(args, TAPSWITCH, ns)?;
    let verb = guard::parse(args, &mut options.format.json)?;
    Ok(net(options, verb))
}

#[derive(Clone, Copy, Debug)]
enum Object {
    Address,
    Link,
    Neighbour,
    Tuntap,
    Netns,
    /// Layer 3: run for real inside a namespace.
    Stack,
    Unsupported,
}

/// In the order of `cmds` of `ip/ip.c`.
const OBJECTS: &Keywords<Object> = &[
    ("address", Prefix, Object::Address),
    ("addrlabel", Prefix, Object::Stack),
    ("maddress", Prefix, Object::Stack),
    ("route", Prefix, Object::Stack),
    ("rule", Prefix, Object::Stack),
    ("neighbor", Prefix, Object::Neighbour),
    ("neighbour", Prefix, Object::Neighbour),
    ("ntable", Prefix, Object::Stack),
    ("ntbl", Prefix, Object::Stack),
    ("link", Prefix, Object::Link),
    ("l2tp", Prefix, Object::Unsupported),
    ("fou", Prefix, Object::Unsupported),
    ("ila", Prefix, Object::Unsupported),
    ("macsec", Prefix, Object::Unsupported),
    ("tunnel", Prefix, Object::Unsupported),
    ("tunl", Prefix, Object::Unsupported),
    ("tuntap", Prefix, Object::Tuntap),
    ("tap", Prefix, Object::Tuntap),
    ("token", Prefix, Object::Stack),
    ("tcpmetrics", Prefix, Object::Stack),
    ("tcp_metrics", Prefix, Object::Stack),
    ("monitor", Prefix, Object::Unsupported),
    ("xfrm", Prefix, Object::Unsupported),
    ("mroute", Prefix, Object::Stack),
    ("mrule", Prefix, Object::Stack),
    ("netns", Prefix, Object::Netns),
    ("netconf", Prefix, Object::Stack),
    ("vrf", Prefix, Object::Unsupported),
    ("sr", Prefix, Object::Unsupported),
    ("nexthop", Prefix, Object::Stack),
    ("mptcp", Prefix, Object::Unsupported),
    ("ioam", Prefix, Object::Unsupported),
    ("help", Prefix, Object::Unsupported),
    ("stats", Prefix, Object::Unsupported),
];

/// Reads what follows `ip`.
pub(super) fn ip(args: &mut Args<'_>, ns: Option<&str>, depth: usize) -> Result<Command, Fault> {
    let options = options(args, IP, ns)?;
    let known = "link, address, neighbour, netns or tuntap";
    let word = args.value(known)?;
    let verb = match keyword(OBJECTS, &word.text) {
        Some(Object::Address) => addr::parse(args, options.family, options.format)?,
        Some(Object::Link) => link::parse(args)?,
        Some(Object::Tuntap) => tuntap::parse(args)?,
        Some(Object::Netns) => return netns(args, options, depth),
        Some(Object::Neighbour) => {
            let rest = args.rest();
            let verb = neigh::parse(args, options.family);
            if options.ns.is_none() {
                verb?
            } else {
                return neighbours(options, word, rest, verb);
            }
        }
        Some(Object::Stack) => {
            if options.ns.is_none() {
                return Err(
                    fault(word, "the script's own namespace has no layer 3 here").expect(format!(
                        "{known}; or \"ip -n NAME {}\" for a host",
                        word.text
                    )),
                );
            }
            let argv = argv(&options, word, args.rest());
            return Ok(Command::Exec(options.ns.unwrap_or_default(), argv));
        }
        Some(Object::Unsupported) => return Err(fault(word, "not modelled").expect(known)),
        None => {
            return Err(fault(word, "not an object of \"ip\"")
                .expect_one_of(["link", "address", "neighbour", "netns", "tuntap"].into_iter()));
        }
    };
    Ok(net(options, verb))
}

/// The command as `ip` gets it inside the namespace.
fn argv(options: &Options<'_>, object: &Word, rest: &[Word]) -> Vec<String> {
    let mut argv = vec!["ip".to_owned()];
    argv.extend(options.words.iter().cloned());
    argv.push(object.text.clone());
    argv.extend(rest.iter().map(|word| word.text.clone()));
    argv
}

/// `ip neigh` in a namespace, which has a stack of its own: what only a stack can do is left to it.
fn neighbours(
    options: Options<'_>,
    object: &Word,
    rest: &[Word],
    verb: Result<Verb, Fault>,
) -> Result<Command, Fault> {
    let argv = argv(&options, object, rest);
    let ns = options.ns.clone().unwrap_or_default();
    match verb {
        Ok(Verb::NeighAdd(_, spec)) if spec.touch || spec.managed => Ok(Command::Exec(ns, argv)),
        Err(_) if rest.iter().any(|word| word.text == "proxy") => Ok(Command::Exec(ns, argv)),
        Err(fault) => Err(fault),
        Ok(verb) => {
            let net = NetCommand {
                ns: options.ns,
                format: options.format,
                verb,
            };
            Ok(Command::Neigh(Box::new(net), argv))
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Netns {
    List,
    Add,
    Delete,
    Exec,
    Unsupported,
}

/// In `do_netns`' order.
const NETNS: &Keywords<Netns> = &[
    ("list", Prefix, Netns::List),
    ("show", Prefix, Netns::List),
    ("lst", Prefix, Netns::List),
    ("list-id", Prefix, Netns::Unsupported),
    ("help", Prefix, Netns::Unsupported),
    ("add", Prefix, Netns::Add),
    ("set", Prefix, Netns::Unsupported),
    ("delete", Prefix, Netns::Delete),
    ("identify", Prefix, Netns::Unsupported),
    ("pids", Prefix, Netns::Unsupported),
    ("exec", Prefix, Netns::Exec),
    ("monitor", Prefix, Netns::Unsupported),
    ("attach", Prefix, Netns::Unsupported),
];

fn netns(args: &mut Args<'_>, options: Options<'_>, depth: usize) -> Result<Command, Fault> {
    let Some(word) = args.take() else {
        return Ok(net(options, Verb::NetnsList));
    };
    let verb = match keyword(NETNS, &word.text) {
        Some(Netns::List) => Verb::NetnsList,
        Some(Netns::Add) => Verb::NetnsAdd(nsname(args)?),
        Some(Netns::Delete) => Verb::NetnsDel(nsname(args)?),
        Some(Netns::Exec) => {
            let ns = nsname(args)?;
            if args.peek().is_none() {
                return Err(args.missing("a program"));
            }
            return program(args.rest(), args.end(), Some(&ns), depth + 1);
        }
        Some(Netns::Unsupported) => {
            return Err(
                fault(word, "not part of a topology script").expect("add, delete, exec or list")
            );
        }
        None => {
            return Err(fault(word, "not a command of \"ip netns\"")
                .expect_one_of(["add", "delete", "exec", "list"].into_iter()));
        }
    };
    // iproute2 passes over what follows, so that `ip netns add a b` makes only `a`.
    args.finish("\"ip netns\" takes one namespace")?;
    Ok(net(options, verb))
}
