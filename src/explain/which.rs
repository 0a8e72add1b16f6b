//! Which frames of a replay are explained.

use std::str::FromStr;

use crate::switch::{DropReason, Verdict};
use crate::wire::{Ethernet, MacAddr};

/// A list of which a frame has to be any; all frames if there is nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which(Vec<Pick>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pick {
    /// Numbers of frames.
    Numbers(u64, u64),
    Forwarded,
    Trapped,
    Dropped,
    Reason(DropReason),
    /// From or to a station.
    Station(MacAddr),
    /// Into an attachment.
    At(String),
}

/// What is between two commas is nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" in the list: expected a number, a range like 7-9, forwarded, trapped, dropped, a reason, an attachment or a station"
)]
pub struct WhichError(String);

impl FromStr for Which {
    type Err = WhichError;

    fn from_str(text: &str) -> Result<Self, WhichError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(',')
            .map(Pick::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Pick {
    fn read(word: &str) -> Result<Self, WhichError> {
        let wrong = || WhichError(word.to_owned());
        let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
        if let Some(number) = number(word) {
            return Ok(Self::Numbers(number, number));
        }
        if let Some((first, last)) = word.split_once('-')
            && let (Some(first), Some(last)) = (number(first), number(last))
        {
            return match first <= last {
                true => Ok(Self::Numbers(first, last)),
                false => Err(wrong()),
            };
        }
        let reason = || DropReason::ALL.iter().find(|it| it.name() == word);
        Ok(match word {
            "" | "0" => return Err(wrong()),
            "forwarded" => Self::Forwarded,
            "trapped" => Self::Trapped,
            "dropped" => Self::Dropped,
            _ => match (reason(), word.parse()) {
                (Some(reason), _) => Self::Reason(*reason),
                (None, Ok(station)) => Self::Station(station),
                (None, Err(_)) => Self::At(word.to_owned()),
            },
        })
    }
}

impl Which {
    /// Whether a frame is one of them: its number, the attachment that it came in by, its octets, and what
    /// became of it.
    #[must_use]
    pub fn wants(&self, number: u64, at: &str, octets: &[u8], verdict: Option<Verdict>) -> bool {
        let is = |pick: &Pick| match pick {
            Pick::Numbers(first, last) => (*first..=*last).contains(&number),
            Pick::Forwarded => verdict == Some(Verdict::Forwarded),
            Pick::Trapped => verdict == Some(Verdict::Trapped),
            Pick::Dropped => matches!(verdict, Some(Verdict::Dropped(_))),
            Pick::Reason(reason) => verdict == Some(Verdict::Dropped(*reason)),
            Pick::Station(mac) => Ethernet::parse(octets)
                .is_ok_and(|frame| [frame.source(), frame.destination()].contains(mac)),
            Pick::At(name) => {
                at == name || at.split_once('/').is_some_and(|(_, short)| short == name)
            }
        };
        self.0.is_empty() || self.0.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_a_list() {
        let frame = [&[2, 0, 0, 0, 0, 2][..], &[2, 0, 0, 0, 0, 1], &[0; 48]].concat();
        let wants = |which: &str, number, verdict| {
            let which: Which = which.parse().unwrap();
            which.wants(number, "h1/eth0", &frame, Some(verdict))
        };
        let (forwarded, runt) = (Verdict::Forwarded, Verdict::Dropped(DropReason::Runt));
        assert!(wants("", 1, forwarded));
        assert!(wants("3,7-9", 9, runt) && wants("3,7-9", 3, runt));
        assert!(!wants("3,7-9", 6, runt) && !wants("3,7-9", 10, runt));
        assert!(wants("dropped", 1, runt) && wants("runt", 1, runt));
        assert!(!wants("dropped", 1, forwarded) && !wants("same_port", 1, runt));
        assert!(wants("trapped", 1, Verdict::Trapped) && !wants("trapped", 1, runt));
        assert!(wants("forwarded", 1, forwarded) && !wants("forwarded", 1, runt));
        assert!(wants("02:00:00:00:00:01", 1, runt) && wants("02:00:00:00:00:02", 1, runt));
        assert!(!wants("02:00:00:00:00:03", 1, runt));
        assert!(wants("eth0", 1, runt) && wants("h1/eth0", 1, runt) && !wants("h1", 1, runt));
        for wrong in ["0", "1,", "9-7", ","] {
            assert!(wrong.parse::<Which>().is_err(), "{wrong}");
        }
    }
}
