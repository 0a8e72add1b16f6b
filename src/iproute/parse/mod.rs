//! Words → [`Command`]: which program, in which namespace, and its own grammar.
//!
//! The grammar is iproute2 6.1's, read from its sources: abbreviations as its tables resolve them,
//! keywords in any order, values as its readers take them. It differs on purpose where iproute2 itself
//! would pass over a word or cut a number off: nothing is skipped silently here. Words that only newer
//! versions know (`mab`, `fdb_max_learned`, `bridge mdb replace`, `neigh_vlan_suppress`) are taken as those
//! spell them. The program `tapswitch` is our own, and takes no abbreviation.

mod addr;
mod args;
mod bridge;
mod cable;
mod filter;
mod guard;
mod ip;
mod ipvlan;
mod link;
mod loops;
mod macvlan;
mod mdb;
mod neigh;
mod options;
mod tree;
mod tuntap;
mod vlan;
mod vxlan;
mod xstats;

use std::time::Duration;

use super::command::{Command, Format, NetCommand, Verb};
use super::fault::{Fault, Position};
use super::lex::Word;
use crate::switch::mdb::Family;
use args::{Args, decimal, fault};

/// Namespaces inside namespaces; each level is one call deep.
const MAX_NESTING: usize = 8;

/// Longest sleep, in seconds (about three years): sums of many still fit into the clock.
const MAX_SLEEP: u64 = 100_000_000;

/// Words of sh that have no meaning here: the words, what they are, and what to write instead.
const SHELL_WORDS: [(&[&str], &str, &str); 6] = [
    (
        &["for", "while", "until", "do", "done", "in"],
        "loops are not part of a topology script",
        "each command written out",
    ),
    (
        &[
            "if", "then", "else", "elif", "fi", "case", "esac", "!", "[", "[[", "test",
        ],
        "conditions are not part of a topology script",
        "a command; \"&&\" and \"||\" join two",
    ),
    (
        &["{", "}", "function"],
        "groups and functions are not part of a topology script",
        "each command on a line of its own",
    ),
    (
        &["wait"],
        "commands run one after another here, so there is nothing to wait for",
        "no \"wait\", or \"sleep\" and a time",
    ),
    (
        &["export", "unset", "local", "readonly", "declare", "read"],
        "shell variables are not part of a topology script",
        "a command of \"ip\" or \"bridge\", with the values written out",
    ),
    (
        &[
            "alias", "cd", "eval", "exec", "source", ".", "trap", "return", "shift", "printf",
        ],
        "this builtin of sh is not part of a topology script",
        "a command of \"ip\" or \"bridge\"",
    ),
];

/// Programs that a command can begin with.
const PROGRAMS: [&str; 12] = [
    "ip",
    "bridge",
    "tapswitch",
    "sleep",
    "set",
    "echo",
    "true",
    "false",
    "exit",
    "sudo",
    "modprobe",
    "sysctl",
];

/// Reads one simple command. `end` is where a missing word would stand.
pub(super) fn command(words: &[Word], end: Position) -> Result<Command, Fault> {
    let Some(first) = words.first() else {
        return Err(Fault::new(end, "", "a redirection needs a command").expect("a command"));
    };
    if !first.quoted {
        if let Some(fault) = shell_word(first) {
            return Err(fault);
        }
        if is_assignment(&first.text) {
            return Err(
                fault(first, "shell variables are not part of a topology script")
                    .expect("a command"),
            );
        }
    }
    let mut args = Args::new(&words[1..], end);
    match first.text.as_str() {
        "set" => set(&mut args),
        "exit" => exit(&mut args),
        ":" => Ok(Command::Status(0)),
        _ => program(words, end, None, 0),
    }
}

/// Refuses a word of sh that begins something larger than a command, or a builtin without meaning here.
pub(super) fn shell_word(word: &Word) -> Option<Fault> {
    let (_, message, instead) = SHELL_WORDS
        .iter()
        .find(|(words, ..)| !word.quoted && words.contains(&word.text.as_str()))?;
    Some(fault(word, *message).expect(*instead))
}

/// Reads a program and its arguments, in a namespace if one is given.
fn program(
    words: &[Word],
    end: Position,
    ns: Option<&str>,
    depth: usize,
) -> Result<Command, Fault> {
    let words = without_sudo(words, end)?;
    let Some(first) = words.first() else {
        return Err(Fault::new(end, "", "the command ends too early").expect("a program"));
    };
    if depth > MAX_NESTING {
        return Err(fault(
            first,
            format!("more than {MAX_NESTING} namespaces inside one another"),
        ));
    }
    let mut args = Args::new(&words[1..], end);
    match (program_name(&first.text), ns) {
        ("ip", ns) => ip::ip(&mut args, ns, depth),
        ("bridge", ns) => ip::bridge(&mut args, ns),
        ("tapswitch", ns) => ip::tapswitch(&mut args, ns),
        (_, Some(ns)) => Ok(Command::Exec(
            ns.to_owned(),
            words.iter().map(|word| word.text.clone()).collect(),
        )),
        ("sleep", None) => sleep(&mut args),
        ("echo", None) => echo(args.rest()),
        ("true", None) => Ok(Command::Status(0)),
        ("false", None) => Ok(Command::Status(1)),
        ("modprobe", None) => {
            args.value("the name of a kernel module")?;
            Ok(Command::Status(0))
        }
        ("sysctl", None) => sysctl(&mut args),
        _ => Err(unknown_program(first)),
    }
}

/// Returns the base name of a program that is named by a full path.
fn program_name(text: &str) -> &str {
    match text.rsplit_once('/') {
        Some((directory, name))
            if directory.starts_with('/')
                && (directory.ends_with("/bin") || directory.ends_with("/sbin")) =>
        {
            name
        }
        _ => text,
    }
}

fn unknown_program(word: &Word) -> Fault {
    let list = Fault::new(word.at, &word.text, "").expect_one_of(PROGRAMS.into_iter());
    // The suggestion alone is worth its place; the list of programs is not.
    let meant = list
        .expected
        .split_once(" (did you mean")
        .map(|(_, rest)| format!(" (did you mean{rest}"))
        .unwrap_or_default();
    fault(word, "programs run in a namespace of the topology only").expect(format!(
        "\"ip netns exec NAME {}\", or a command of \"ip\" or \"bridge\"{meant}",
        word.text
    ))
}

fn is_assignment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else {
        return false;
    };
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Skips `sudo` and its options: every command runs with all the rights there are here.
fn without_sudo(mut words: &[Word], end: Position) -> Result<&[Word], Fault> {
    while let [first, rest @ ..] = words {
        if program_name(&first.text) != "sudo" {
            break;
        }
        let mut args = Args::new(rest, end);
        while let Some(word) = args.peek().filter(|word| word.text.starts_with('-')) {
            args.take();
            match word.text.as_str() {
                "--" => break,
                "-u" | "--user" | "-g" | "--group" => {
                    let who = args.value("\"root\"")?;
                    if who.text != "root" && who.text != "0" {
                        return Err(
                            fault(who, "only root configures the network").expect("\"root\"")
                        );
                    }
                }
                "--preserve-env" | "--non-interactive" | "--set-home" => {}
                short if short.len() > 1 && short[1..].chars().all(|c| "EnHSkP".contains(c)) => {}
                _ => {
                    return Err(fault(word, "not an option of sudo known here")
                        .expect("-E, -n, -H, -u root or --"));
                }
            }
        }
        words = args.rest();
        match words.first() {
            None => return Err(args.missing("a command")),
            Some(word) if is_assignment(&word.text) => {
                return Err(
                    fault(word, "shell variables are not part of a topology script")
                        .expect("a command"),
                );
            }
            Some(_) => {}
        }
    }
    Ok(words)
}

/// `set -e`, `set +e`, and options of sh that change nothing here (`-x`, `-u`, `-o pipefail`).
fn set(args: &mut Args<'_>) -> Result<Command, Fault> {
    let expected = "-e, +e, -x, -u or -o errexit";
    let mut errexit = None;
    let first = args.value(expected)?;
    let mut next = Some(first);
    while let Some(word) = next {
        let (on, letters) = match (word.text.strip_prefix('-'), word.text.strip_prefix('+')) {
            (Some(letters), _) if !letters.is_empty() => (true, letters),
            (_, Some(letters)) if !letters.is_empty() => (false, letters),
            _ => return Err(fault(word, "not an option of set known here").expect(expected)),
        };
        for letter in letters.chars() {
            match letter {
                'e' => errexit = Some(on),
                'u' | 'x' | 'v' | 'f' | 'C' | 'b' | 'h' | 'm' | 'E' | 'T' => {}
                'o' => {
                    let name = args.value("errexit, nounset, xtrace or pipefail")?;
                    match name.text.as_str() {
                        "errexit" => errexit = Some(on),
                        "nounset" | "xtrace" | "pipefail" | "verbose" | "posix" | "errtrace" => {}
                        _ => {
                            return Err(fault(name, "not an option of set known here")
                                .expect_one_of(
                                    ["errexit", "nounset", "xtrace", "pipefail"].into_iter(),
                                ));
                        }
                    }
                }
                _ => return Err(fault(word, "not an option of set known here").expect(expected)),
            }
        }
        next = args.take();
    }
    Ok(errexit.map_or(Command::Status(0), Command::ErrExit))
}

fn exit(args: &mut Args<'_>) -> Result<Command, Fault> {
    let Some(word) = args.take() else {
        return Ok(Command::Exit(None));
    };
    let status = u8::try_from(decimal(word, 0, 255)?).ok();
    args.finish("\"exit\" takes one status")?;
    Ok(Command::Exit(status))
}

/// `sleep N[s|m|h|d]…`: the sum of its arguments, as coreutils does.
fn sleep(args: &mut Args<'_>) -> Result<Command, Fault> {
    let expected = "a time like 5, 0.5, 2m or 1h";
    let mut word = args.value(expected)?;
    let mut total = Duration::ZERO;
    loop {
        let wrong = || fault(word, "not a time").expect(expected);
        let (digits, unit) = match word.text.char_indices().next_back() {
            Some((at, 's')) => (&word.text[..at], 1),
            Some((at, 'm')) => (&word.text[..at], 60),
            Some((at, 'h')) => (&word.text[..at], 3600),
            Some((at, 'd')) => (&word.text[..at], 86400),
            _ => (word.text.as_str(), 1),
        };
        let time = decimal_seconds(digits, unit).ok_or_else(wrong)?;
        total = total.saturating_add(time);
        if total > Duration::from_secs(MAX_SLEEP) {
            return Err(
                fault(word, "too long a sleep").expect(format!("at most {MAX_SLEEP} seconds"))
            );
        }
        match args.take() {
            Some(next) => word = next,
            None => return Ok(Command::Sleep(total)),
        }
    }
}

/// Reads `5`, `.5`, `0.25` in units of so many seconds; what is below a nanosecond is cut off.
fn decimal_seconds(text: &str, unit: u64) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos = fraction
        .bytes()
        .take(9)
        .fold((0u64, 100_000_000), |(sum, scale), b| {
            (sum + u64::from(b - b'0') * scale, scale / 10)
        })
        .0;
    let nanos = u128::from(whole)
        .checked_mul(1_000_000_000)?
        .checked_add(u128::from(nanos))?
        .checked_mul(u128::from(unit))?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

/// `echo`: its words, joined by blanks. Options differ between shells and are refused.
fn echo(words: &[Word]) -> Result<Command, Fault> {
    if let Some(word) = words
        .first()
        .filter(|word| matches!(word.text.as_str(), "-n" | "-e" | "-ne" | "-en" | "-E"))
    {
        return Err(fault(word, "options of echo differ between shells").expect("words to print"));
    }
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    Ok(Command::Echo(text.join(" ")))
}

/// `sysctl [-w] [-q] NAME=VALUE…` in the script's own namespace. The stack of that namespace is not
/// emulated, so what it says about IP has no effect on frames, but for what bridges' stacks report of
/// themselves; of the bridge's own settings only those are taken that say what this program does.
fn sysctl(args: &mut Args<'_>) -> Result<Command, Fault> {
    let expected = "a setting like net.ipv4.ip_forward=1";
    let mut word = args.value(expected)?;
    while matches!(
        word.text.as_str(),
        "-w" | "-q" | "-qw" | "-wq" | "--write" | "--quiet"
    ) {
        word = args.value(expected)?;
    }
    let mut reports = Vec::new();
    loop {
        let Some((name, value)) = word.text.split_once('=') else {
            return Err(fault(word, "not a setting").expect(expected));
        };
        let name = name.trim().replace('/', ".");
        let on = value.trim() != "0";
        match name.as_str() {
            "net.ipv4.igmp_link_local_mcast_reports" => reports.push((Family::V4, on)),
            "net.ipv6.conf.all.disable_ipv6" => reports.push((Family::V6, !on)),
            _ => {}
        }
        if name.starts_with("net.bridge.") {
            if value.trim() != "0" {
                return Err(
                    fault(word, "no packet filter of the kernel sees these frames")
                        .expect(format!("{name}=0")),
                );
            }
        } else if !name.starts_with("net.ipv4.")
            && !name.starts_with("net.ipv6.")
            && !name.starts_with("net.core.")
        {
            return Err(fault(word, "not a setting of the network")
                .expect("a setting of net.ipv4, net.ipv6 or net.bridge"));
        }
        match args.take() {
            Some(next) => word = next,
            None if reports.is_empty() => return Ok(Command::Status(0)),
            None => break,
        }
    }
    Ok(Command::Net(Box::new(NetCommand {
        ns: None,
        format: Format::default(),
        verb: Verb::StackReports(reports),
    })))
}
