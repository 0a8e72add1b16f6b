//! The cursor over a command's words, and the values that iproute2 reads (`lib/utils.c`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::iproute::fault::{Fault, Position};
use crate::iproute::lex::Word;
use crate::wire::{MacAddr, Vid};

/// The words of a command, taken from left to right.
#[derive(Clone, Debug)]
pub(super) struct Args<'a> {
    words: &'a [Word],
    next: usize,
    end: Position,
}

/// How iproute2 compares a keyword: `strcmp` or `matches`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The whole word.
    Exact,
    /// The word or any beginning of it; the first of a table that fits is taken.
    Prefix,
}

/// A table of keywords in iproute2's order, which decides what an abbreviation means.
pub(super) type Keywords<K> = [(&'static str, Match, K)];

impl<'a> Args<'a> {
    /// `end` is where a missing word would stand.
    pub(super) const fn new(words: &'a [Word], end: Position) -> Self {
        Self {
            words,
            next: 0,
            end,
        }
    }

    pub(super) fn peek(&self) -> Option<&'a Word> {
        self.words.get(self.next)
    }

    /// Takes the next word.
    pub(super) fn take(&mut self) -> Option<&'a Word> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    /// Takes the next word, which must be there.
    pub(super) fn value(&mut self, what: &str) -> Result<&'a Word, Fault> {
        self.take().ok_or_else(|| self.missing(what))
    }

    /// Says what should have stood at the end of the command.
    pub(super) fn missing(&self, what: &str) -> Fault {
        let after = match self.words.get(self.next.wrapping_sub(1)) {
            Some(word) => format!("the command ends after \"{}\"", word.text),
            None => "the command ends too early".to_owned(),
        };
        Fault::new(self.end, "", after).expect(what)
    }

    /// Refuses a word that is left over.
    pub(super) fn finish(&self, message: &str) -> Result<(), Fault> {
        match self.peek() {
            Some(word) => Err(fault(word, message).expect("the end of the command")),
            None => Ok(()),
        }
    }

    /// Returns the words that are left.
    pub(super) fn rest(&self) -> &'a [Word] {
        self.words.get(self.next..).unwrap_or_default()
    }

    pub(super) const fn end(&self) -> Position {
        self.end
    }
}

/// A fault of this word.
pub(super) fn fault(word: &Word, message: impl Into<String>) -> Fault {
    Fault::new(word.at, &word.text, message)
}

/// `matches()` of iproute2: an empty word abbreviates nothing.
pub(super) fn matches(word: &str, keyword: &str) -> bool {
    !word.is_empty() && keyword.starts_with(word)
}

/// Looks a word up in a table of keywords.
pub(super) fn keyword<K: Copy>(table: &Keywords<K>, word: &str) -> Option<K> {
    table
        .iter()
        .find(|(full, how, _)| match how {
            Match::Exact => *full == word,
            Match::Prefix => matches(word, full),
        })
        .map(|(_, _, key)| *key)
}

/// Says that a word is none of a table's.
pub(super) fn unknown<K>(table: &Keywords<K>, word: &Word, message: &str) -> Fault {
    fault(word, message).expect_one_of(table.iter().map(|(full, _, _)| *full))
}

/// Reads an unsigned number as `get_u32` and its kin do: decimal, `0x` hexadecimal, `0` octal.
pub(super) fn number(word: &Word, max: u64) -> Result<u64, Fault> {
    let text = word.text.strip_prefix('+').unwrap_or(&word.text);
    strtoul(text).filter(|n| *n <= max).ok_or_else(|| {
        fault(word, "not a number that fits").expect(format!("a number from 0 to {max}"))
    })
}

fn strtoul(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// Reads a number that iproute2 reads with `atoi`: decimal only. What `atoi` would take for 0 or cut
/// off is refused.
pub(super) fn decimal(word: &Word, min: u64, max: u64) -> Result<u64, Fault> {
    let digits = word.text.strip_prefix('+').unwrap_or(&word.text);
    let value = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    };
    value.filter(|n| (min..=max).contains(n)).ok_or_else(|| {
        fault(word, "not a number that fits")
            .expect(format!("a decimal number from {min} to {max}"))
    })
}

/// Reads an unsigned number of 64 bits.
pub(super) fn u64_value(args: &mut Args<'_>) -> Result<u64, Fault> {
    number(args.value("a number")?, u64::MAX)
}

/// Reads an unsigned number of 32 bits.
pub(super) fn u32_value(args: &mut Args<'_>, max: u32) -> Result<u32, Fault> {
    let word = args.value(&format!("a number from 0 to {max}"))?;
    Ok(u32::try_from(number(word, u64::from(max))?).unwrap_or(max))
}

/// Reads an unsigned number of 16 bits.
pub(super) fn u16_value(args: &mut Args<'_>) -> Result<u16, Fault> {
    let word = args.value("a number from 0 to 65535")?;
    Ok(u16::try_from(number(word, u64::from(u16::MAX))?).unwrap_or(u16::MAX))
}

/// Reads an unsigned number of 8 bits.
pub(super) fn u8_value(args: &mut Args<'_>) -> Result<u8, Fault> {
    let word = args.value("a number from 0 to 255")?;
    Ok(u8::try_from(number(word, u64::from(u8::MAX))?).unwrap_or(u8::MAX))
}

/// `parse_on_off`: `on`, `off`, and beginnings of them (`o` is `off`).
pub(super) fn on_off(args: &mut Args<'_>) -> Result<bool, Fault> {
    let expected = "\"on\" or \"off\"";
    let word = args.value(expected)?;
    match word.text.as_str() {
        text if matches(text, "off") => Ok(false),
        text if matches(text, "on") => Ok(true),
        _ => Err(fault(word, "not a switch position").expect(expected)),
    }
}

/// The on/off of `iplink_parse`, which takes no abbreviation.
pub(super) fn strict_on_off(args: &mut Args<'_>) -> Result<bool, Fault> {
    let expected = "\"on\" or \"off\"";
    let word = args.value(expected)?;
    match word.text.as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(fault(word, "not a switch position").expect(expected)),
    }
}

/// Reads a MAC address as `ll_addr_a2n` does: six hexadecimal numbers up to ff, leading zeros optional.
pub(super) fn mac(args: &mut Args<'_>) -> Result<MacAddr, Fault> {
    let expected = "a MAC address like 02:00:00:00:00:01";
    let word = args.value(expected)?;
    mac_word(word).ok_or_else(|| fault(word, "not a MAC address").expect(expected))
}

/// Reads a MAC address from a word.
pub(super) fn mac_word(word: &Word) -> Option<MacAddr> {
    let mut octets = [0; 6];
    let mut parts = word.text.split(':');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then(|| MacAddr::new(octets))
}

/// Reads the name of a netdev (`check_ifname`, and the kernel's `dev_valid_name`).
pub(super) fn ifname(args: &mut Args<'_>) -> Result<String, Fault> {
    ifname_word(args.value("the name of a netdev")?)
}

/// Checks the name of a netdev.
pub(super) fn ifname_word(word: &Word) -> Result<String, Fault> {
    let name = word.text.as_str();
    let wrong = if name.is_empty() {
        "the name of a netdev cannot be empty"
    } else if name.len() > 15 {
        "the name of a netdev has at most 15 octets"
    } else if name == "." || name == ".." {
        "not the name of a netdev"
    } else if name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace()) {
        "the name of a netdev has no \"/\", \":\" or blank in it"
    } else if name.contains('%') {
        "names chosen by pattern are not part of a topology script"
    } else {
        return Ok(name.to_owned());
    };
    Err(fault(word, wrong).expect("the name of a netdev, like eth0"))
}

/// Reads the name of a namespace (`invalid_name` of `ip/ipnetns.c`).
pub(super) fn nsname(args: &mut Args<'_>) -> Result<String, Fault> {
    nsname_word(args.value("the name of a namespace")?)
}

/// Checks the name of a namespace.
pub(super) fn nsname_word(word: &Word) -> Result<String, Fault> {
    let name = word.text.as_str();
    if name.is_empty()
        || name.len() > 255
        || name.contains(['/', '\0'])
        || name == "."
        || name == ".."
    {
        return Err(fault(word, "not the name of a namespace")
            .expect("a name without \"/\", at most 255 octets"));
    }
    Ok(name.to_owned())
}

/// Reads a VLAN identifier from 1 to 4094, decimal (`atoi`).
pub(super) fn vid(args: &mut Args<'_>) -> Result<Vid, Fault> {
    let word = args.value("a VLAN identifier from 1 to 4094")?;
    let value = decimal(word, 1, 4094)?;
    u16::try_from(value).ok().and_then(Vid::new).ok_or_else(|| {
        fault(word, "not a VLAN identifier").expect("a decimal number from 1 to 4094")
    })
}

/// Address families of `-4`, `-6`, `-family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `-4`, `-family inet`.
    V4,
    /// `-6`, `-family inet6`.
    V6,
    /// `-0`, `-family link`; `-B`, `-family bridge`.
    Link,
}

/// Reads an IP address as `get_addr` does. In IPv4, numbers that are left out are zeros at the end.
pub(super) fn ip_word(word: &Word, text: &str, family: Option<Family>) -> Result<IpAddr, Fault> {
    let expected = match family {
        Some(Family::V4) => "an IPv4 address",
        Some(Family::V6) => "an IPv6 address",
        _ => "an IP address",
    };
    let address = if text.contains(':') {
        text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    } else {
        ipv4(text).map(IpAddr::V4)
    };
    address
        .filter(|a| match family {
            Some(Family::V4) => a.is_ipv4(),
            Some(Family::V6) => a.is_ipv6(),
            _ => true,
        })
        .ok_or_else(|| {
            fault(word, "not an address").expect(format!(
                "{expected}, like {}",
                if family == Some(Family::V6) {
                    "fd00::1/64"
                } else {
                    "10.0.0.1/24"
                }
            ))
        })
}

fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        match parts.next() {
            Some(part) => *octet = u8::try_from(strtoul(part)?).ok()?,
            None => break,
        }
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Reads `ADDRESS[/PREFIX]`; the prefix may be an IPv4 netmask.
pub(super) fn prefix_word(word: &Word, family: Option<Family>) -> Result<(IpAddr, u8), Fault> {
    let Some((text, prefix)) = word.text.split_once('/') else {
        let address = ip_word(word, &word.text, family)?;
        return Ok((address, if address.is_ipv4() { 32 } else { 128 }));
    };
    let address = ip_word(word, text, family)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    let length = match strtoul(prefix) {
        Some(n) if n <= max => u8::try_from(n).ok(),
        Some(_) => None,
        None if address.is_ipv4() && prefix.split('.').count() == 4 => ipv4(prefix)
            .map(u32::from)
            .filter(|mask| mask.leading_ones() + mask.trailing_zeros() >= 32)
            .and_then(|mask| u8::try_from(mask.leading_ones()).ok()),
        None => None,
    };
    match length {
        Some(length) => Ok((address, length)),
        None => Err(fault(word, "not a prefix length after \"/\"")
            .expect(format!("a number from 0 to {max}"))),
    }
}
