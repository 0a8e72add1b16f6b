//! `case.toml`: what a case asks for besides its files.
//!
//! ```toml
//! description = "station 1 moves from p1 to p2"
//! tolerance = "10us"          # how far a frame's time may be off; "any"; exact by default
//! ignore = ["ipv4.id", "ipv4.checksum", "40..44"]    # fields by name, or octets of the frame
//! unordered = false           # true: the order of frames at an attachment does not count
//! linger = "2s"               # time to pass after the last frame and command
//! no-output = ["p3"]          # attachments where nothing may come out; "*": all that no file is about
//! drops = false               # true: compare the frames that come in, and what becomes of each
//! no-hosts = false            # true: simulate no hosts (on what captures feed there never is one)
//! status = 0                  # what the script ends with
//! ```

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::align::Token;
use super::decode;
use crate::time::Duration;

/// Everything that `case.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Options {
    /// What the case shows, in a sentence.
    pub description: String,
    /// How far a frame's time may be off.
    pub tolerance: Tolerance,
    /// What of a frame does not count.
    pub ignore: Vec<Ignore>,
    /// Whether frames may come in any order at an attachment.
    pub unordered: bool,
    /// How long time runs on after the last frame and command.
    #[serde(deserialize_with = "span")]
    pub linger: Duration,
    /// Where nothing may come out; `*` stands for every attachment that no other expectation is about.
    pub no_output: Vec<String>,
    /// Whether `expect.pcapng` has the frames that came in, dropped ones too, with what became of them.
    pub drops: bool,
    /// Whether no hosts are simulated.
    pub no_hosts: bool,
    /// What the script is to end with, by `exit` or a failure under `set -e`.
    pub status: u8,
}

/// How far a frame's time may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// This far.
    Within(Duration),
    /// Times do not count.
    Any,
}

impl Tolerance {
    /// Returns it in nanoseconds.
    #[must_use]
    pub fn nanos(self) -> u64 {
        match self {
            Self::Within(time) => u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            Self::Any => u64::MAX,
        }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::Within(Duration::ZERO)
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "any" => Ok(Self::Any),
            text => parse_time(text).map(Self::Within).map_err(D::Error::custom),
        }
    }
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_time(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a time: a decimal number and `ns`, `us`, `ms`, `s`, `m` or `h`; without one, seconds.
///
/// # Errors
/// Something else, in words.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("", 1.0),
    ];
    let split = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    // Of what f64 takes, only digits and a point: no "inf", no "1e9", no sign.
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    split
        .filter(|(number, _)| number.chars().all(plain))
        .and_then(|(number, seconds)| Some(number.parse::<f64>().ok()? * seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| {
            format!("\"{text}\" is not a time (expected 5, 0.5, 10us, 20ms, 10s, 2m or 1h, say)")
        })
}

/// Something of a frame that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// A field, wherever a frame has it.
    Field(&'static str),
    /// Octets of the frame, counted from 0 at the destination address.
    Octets(Range<usize>),
}

impl<'de> Deserialize<'de> for Ignore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Ignore {
    /// Reads `ipv4.id`, or `FROM..TO` (without octet TO), `FROM..`, or one octet's number.
    ///
    /// # Errors
    /// Something else, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = decode::field_names().find(|name| *name == text) {
            return Ok(Self::Field(name));
        }
        let number = |text: &str| text.parse::<usize>().ok();
        let range = match text.split_once("..") {
            Some((from, "")) => number(from).map(|from| from..usize::MAX),
            Some((from, to)) => number(from).zip(number(to)).map(|(from, to)| from..to),
            None => number(text).map(|at| at..at.saturating_add(1)),
        };
        if let Some(range) = range.filter(|range| !range.is_empty()) {
            return Ok(Self::Octets(range));
        }
        let layer = text.split('.').next().unwrap_or_default();
        let near: Vec<_> = decode::field_names()
            .filter(|name| name.split('.').next() == Some(layer))
            .collect();
        let known = match near.as_slice() {
            [] => "such as ipv4.id, udp.checksum, bpdu.message_age".to_owned(),
            near => format!("one of {}", near.join(", ")),
        };
        Err(format!(
            "\"{text}\" is neither a field ({known}) nor octets (14..16, 60.. or 14)"
        ))
    }
}

/// What of a frame counts.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Octets that do not count.
    pub ignore: Vec<Ignore>,
    /// Nanoseconds that a time may be off.
    pub tolerance: u64,
    /// Whether order does not count.
    pub unordered: bool,
}

impl Rules {
    /// Returns what of a frame is to be compared: ignored octets are zero, and those at its end are cut
    /// off.
    #[must_use]
    pub fn token<'a>(&self, time: u64, octets: &'a [u8], notes: &'a [String]) -> Token<'a> {
        let mut token = Token {
            time,
            octets: octets.into(),
            notes,
        };
        if !self.ignore.is_empty() {
            let mut end = octets.len();
            let ignored = self.ignored(octets);
            let kept = token.octets.to_mut();
            for (octet, _) in kept
                .iter_mut()
                .zip(&ignored)
                .filter(|(_, ignored)| **ignored)
            {
                *octet = 0;
            }
            while end > 0 && ignored[end - 1] {
                end -= 1;
            }
            kept.truncate(end);
        }
        token
    }

    /// Says of each octet of a frame whether it is ignored.
    #[must_use]
    pub fn ignored(&self, octets: &[u8]) -> Vec<bool> {
        let mut ignored = vec![false; octets.len()];
        let mut mark = |range: &Range<usize>| {
            let end = range.end.min(octets.len());
            ignored[range.start.min(end)..end].fill(true);
        };
        let mut names = Vec::new();
        for one in &self.ignore {
            match one {
                Ignore::Octets(range) => mark(range),
                Ignore::Field(name) => names.push(*name),
            }
        }
        if !names.is_empty() {
            let fields = decode::decode(octets).fields;
            let fields = fields.iter().filter(|field| names.contains(&field.name));
            fields.for_each(|field| mark(&field.at));
        }
        ignored
    }
}

/// What is wrong with a `case.toml`, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsError {
    line: usize,
    column: usize,
    message: String,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for OptionsError {}

impl Options {
    /// Reads a `case.toml`.
    ///
    /// # Errors
    /// Not TOML, a key that is not known, or a value that is not understood, with line and column.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..at).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            OptionsError {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                message: error.message().trim().replace('\n', " "),
            }
        })
    }

    /// Returns what of a frame counts.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            ignore: self.ignore.clone(),
            tolerance: self.tolerance.nanos(),
            unordered: self.unordered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_said() {
        let options = Options::parse(
            "description = \"d\"\ntolerance = \"1.5us\"\nignore = [\"udp.checksum\", \"14..16\", \"60..\", \"3\"]\n\
             unordered = true\nlinger = \"2m\"\nno-output = [\"p3\", \"*\"]\ndrops = true\nno-hosts = true\nstatus = 3\n",
        );
        let expected = Options {
            description: "d".to_owned(),
            tolerance: Tolerance::Within(Duration::from_nanos(1_500)),
            ignore: vec![
                Ignore::Field("udp.checksum"),
                Ignore::Octets(14..16),
                Ignore::Octets(60..usize::MAX),
                Ignore::Octets(3..4),
            ],
            unordered: true,
            linger: Duration::from_secs(120),
            no_output: vec!["p3".to_owned(), "*".to_owned()],
            drops: true,
            no_hosts: true,
            status: 3,
        };
        assert_eq!(options, Ok(expected));
        assert_eq!(Options::parse(""), Ok(Options::default()));
        assert_eq!(
            Options::parse("tolerance = \"any\"")
                .unwrap()
                .tolerance
                .nanos(),
            u64::MAX
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at, words) in [
            (
                "linger = \"1s\"\nlingr = \"2s\"\n",
                "2:1: ",
                "unknown field `lingr`",
            ),
            ("\ntolerance = \"-1s\"\n", "2:13: ", "not a time"),
            ("linger = \"1e9\"\n", "1:10: ", "not a time"),
            ("linger = 5\n", "1:10: ", "expected a string"),
            (
                "ignore = [\n  \"ipv4.id\",\n  \"ipv4.idd\",\n]",
                "1:10: ",
                "\"ipv4.idd\" is neither a field (one of ipv4.version",
            ),
            ("ignore = [\"16..14\"]", "1:10: ", "nor octets"),
            ("status = 256", "1:10: ", "256"),
            ("a = ", "1:5: ", ""),
        ] {
            let error = Options::parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(at) && error.contains(words),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn ignored_octets_do_not_count() {
        let ping = tapswitch_fixtures::frames::echo_request(1, 2, 3);
        let mut other = ping.clone();
        (other[18], other[25]) = (9, 9);
        other.extend([7, 7]);
        let rules = |ignore: &[&str]| Rules {
            ignore: ignore
                .iter()
                .map(|text| Ignore::parse(text).unwrap())
                .collect(),
            ..Rules::default()
        };
        let same =
            |rules: &Rules| rules.token(0, &ping, &[]).octets == rules.token(0, &other, &[]).octets;
        assert!(!same(&rules(&[])));
        assert!(!same(&rules(&["ipv4.id", "ipv4.checksum"])));
        assert!(same(&rules(&["ipv4.id", "24..26", "padding"])));
        assert!(same(&rules(&["0.."])));
    }
}
