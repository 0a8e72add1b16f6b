//! Arguments of programs, as `getopt` reads them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::Ended;

/// Options in the order written, and what else there is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) given: Vec<(char, String)>,
    pub(super) rest: Vec<String>,
}

/// Reads short options: a letter of `known`, with a `:` behind it if it takes a value. Long ones are those of
/// `long`, as the letter they stand for.
pub(super) fn options(
    program: &str,
    words: &[String],
    known: &str,
    long: &[(&str, char)],
) -> Result<Options, Ended> {
    let mut options = Options::default();
    let mut words = words.iter();
    let takes_value = |letter: char| {
        let at = known.find(letter)?;
        Some(known[at + letter.len_utf8()..].starts_with(':'))
    };
    let unknown = |what: &str| {
        let list: Vec<String> = known
            .chars()
            .filter(|c| *c != ':')
            .map(|c| format!("-{c}"))
            .collect();
        Ended::complaint(
            2,
            format!(
                "tapswitch: {program}: a simulated host has no {what}; its {program} takes {}\n",
                list.join(" ")
            ),
        )
    };
    let missing = |letter: char| {
        let text = format!("{program}: option requires an argument -- '{letter}'\n");
        Ended::complaint(2, text)
    };
    while let Some(word) = words.next() {
        if word == "--" {
            options.rest.extend(words.by_ref().cloned());
        } else if let Some(name) = word.strip_prefix("--") {
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let found = long.iter().find(|(known, _)| *known == name);
            let (_, letter) = found.ok_or_else(|| unknown(word))?;
            let value = match (takes_value(*letter), value) {
                (Some(true), None) => words.next().ok_or_else(|| missing(*letter))?.clone(),
                (_, value) => value.unwrap_or_default(),
            };
            options.given.push((*letter, value));
        } else if let Some(letters) = word.strip_prefix('-').filter(|it| !it.is_empty()) {
            let mut letters = letters.chars();
            while let Some(letter) = letters.next() {
                match takes_value(letter).filter(|_| letter != ':') {
                    None => return Err(unknown(&format!("-{letter}"))),
                    Some(false) => options.given.push((letter, String::new())),
                    Some(true) => {
                        let attached: String = letters.by_ref().collect();
                        let value = match attached.is_empty() {
                            false => attached,
                            true => words.next().ok_or_else(|| missing(letter))?.clone(),
                        };
                        options.given.push((letter, value));
                    }
                }
            }
        } else {
            options.rest.push(word.clone());
        }
    }
    Ok(options)
}

/// Reads a number that an option takes, in the words of iputils.
pub(super) fn number<T>(program: &str, text: &str, range: RangeInclusive<T>) -> Result<T, Ended>
where
    T: FromStr + PartialOrd + Display,
{
    let Ok(number) = text.parse::<T>() else {
        return Err(Ended::complaint(
            1,
            format!("{program}: invalid argument: '{text}'\n"),
        ));
    };
    if !range.contains(&number) {
        let (from, to) = range.into_inner();
        return Err(Ended::complaint(
            1,
            format!(
                "{program}: invalid argument: '{text}': out of range: {from} <= value <= {to}\n"
            ),
        ));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, Ended> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        options("ping", &words, "c:I:qn", &[("count", 'c'), ("quiet", 'q')])
    }

    #[test]
    fn as_getopt_reads_them() {
        let given = |text| {
            let options = read(text).unwrap();
            let given = options.given.into_iter();
            let given: Vec<_> = given
                .map(|(letter, value)| format!("{letter}{value}"))
                .collect();
            (given.join(" "), options.rest.join(" "))
        };
        let expected = ("c3 q".to_owned(), "host".to_owned());
        for text in [
            "-c 3 -q host",
            "-c3 -q host",
            "host -c3q -q",
            "--count=3 --quiet host",
            "--count 3 -q -- host",
        ] {
            match text {
                "host -c3q -q" => assert_eq!(given(text).0, "c3q q"),
                _ => assert_eq!(given(text), expected, "{text}"),
            }
        }
        assert_eq!(given("-qn -- -c").1, "-c");
        for text in ["-z", "-c", "--nothing", "-:"] {
            let ended = read(text).unwrap_err();
            assert_eq!((ended.status, ended.stdout.as_str()), (2, ""), "{text}");
        }
    }

    #[test]
    fn numbers_in_their_range() {
        assert_eq!(number("ping", "5", 1..=9), Ok(5));
        let error = |text| number("ping", text, 1u32..=9).unwrap_err().stderr;
        assert_eq!(error("x"), "ping: invalid argument: 'x'\n");
        assert_eq!(
            error("10"),
            "ping: invalid argument: '10': out of range: 1 <= value <= 9\n"
        );
    }
}
