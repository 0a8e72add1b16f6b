//! Frames made to order: how many stations, how long, to whom.

use std::str::FromStr;

use super::Stream;
use crate::switch::AttachmentId;
use crate::wire::{MacAddr, TAG_LEN, Tag, TagType, Vid};

/// Frames that are made at most; what comes after them are the same again.
pub const FRAMES_MAX: u32 = 4_194_304;

/// What traffic is like. Shares are of all frames, from 0 to 1; a frame has one kind of destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Stations in all, dealt to the attachments in turn.
    pub stations: u32,
    /// How long frames are.
    pub size: Size,
    /// How many of them have a tag.
    pub tagged: f64,
    /// The VLAN of the tag.
    pub vid: u16,
    /// How many are for a station that does not exist.
    pub unknown: f64,
    /// How many are for all.
    pub broadcast: f64,
    /// How many come from a station never seen before.
    pub churn: f64,
    /// How many different frames there are.
    pub frames: u32,
    /// What random numbers begin with.
    pub seed: u64,
}

/// Octets of a frame without FCS, a tag not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// All alike.
    Fixed(u16),
    /// The simple Internet mix: 7 of 60, 4 of 590, 1 of 1,514 octets in twelve.
    Imix,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            stations: 64,
            size: Size::Fixed(60),
            tagged: 0.0,
            vid: 1,
            unknown: 0.0,
            broadcast: 0.0,
            churn: 0.0,
            frames: 65_536,
            seed: 1,
        }
    }
}

/// What is wrong with a description of traffic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrafficError {
    /// A word without "=".
    #[error("\"{0}\" is not KEY=VALUE")]
    NotPair(String),
    /// A key that there is not.
    #[error(
        "there is no \"{0}\" (expected stations, size, tagged, vid, unknown, broadcast, churn, frames or seed)"
    )]
    Key(String),
    /// A value that its key does not take.
    #[error("{key}={value} (expected {expected})")]
    Value {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What there could be.
        expected: &'static str,
    },
    /// Shares of kinds of destinations that add up to more than all.
    #[error("unknown={0} and broadcast={1} together are more than all frames")]
    Shares(String, String),
}

impl FromStr for Traffic {
    type Err = TrafficError;

    /// Reads `KEY=VALUE,KEY=VALUE…`; what is not said is as [`Traffic::default`] has it.
    fn from_str(text: &str) -> Result<Self, TrafficError> {
        let mut made = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| TrafficError::NotPair(word.to_owned()))?;
            match key {
                "stations" => {
                    made.stations = number("stations", value, 2..=16_777_215, "2 to 16777215")?;
                }
                "size" if value == "imix" => made.size = Size::Imix,
                "size" => {
                    let size = number("size", value, 14..=9_014, "14 to 9014, or imix")?;
                    made.size = Size::Fixed(u16::try_from(size).unwrap_or(u16::MAX));
                }
                "tagged" => made.tagged = share("tagged", value)?,
                "vid" => {
                    let vid = number("vid", value, 1..=4_094, "1 to 4094")?;
                    made.vid = u16::try_from(vid).unwrap_or(1);
                }
                "unknown" => made.unknown = share("unknown", value)?,
                "broadcast" => made.broadcast = share("broadcast", value)?,
                "churn" => made.churn = share("churn", value)?,
                "frames" => made.frames = number("frames", value, 1..=FRAMES_MAX, "1 to 4194304")?,
                "seed" => {
                    let bad = |_| bad("seed", value, "a number");
                    made.seed = value.parse().map_err(bad)?;
                }
                _ => return Err(TrafficError::Key(key.to_owned())),
            }
        }
        if made.unknown + made.broadcast > 1.0 {
            let [unknown, broadcast] = [made.unknown, made.broadcast].map(|it| it.to_string());
            return Err(TrafficError::Shares(unknown, broadcast));
        }
        Ok(made)
    }
}

fn bad(key: &'static str, value: &str, expected: &'static str) -> TrafficError {
    TrafficError::Value {
        key,
        value: value.to_owned(),
        expected,
    }
}

fn number(
    key: &'static str,
    value: &str,
    range: std::ops::RangeInclusive<u32>,
    expected: &'static str,
) -> Result<u32, TrafficError> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| bad(key, value, expected))
}

fn share(key: &'static str, value: &str) -> Result<f64, TrafficError> {
    let share = value
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| bad(key, value, "a share, 0 to 1"))
}

/// SplitMix64 (Steele, Lea and Flood 2014): a bench needs the same numbers every time, and no more.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether it happens, with so much probability.
    #[allow(clippy::cast_precision_loss)]
    fn happens(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1u64 << 53) as f64
    }
}

/// Stations that exist, those that are never seen twice, and those that nobody is.
const STATION: u64 = 0x0200_0000_0000;
const NEWCOMER: u64 = 0x0600_0000_0000;
const NOBODY: u64 = 0x0a00_0000_0000;

impl Traffic {
    /// Makes the frames, dealt to attachments by where their sources are. Streams of attachments without
    /// stations have none.
    #[must_use]
    pub fn streams(&self, ingress: &[AttachmentId]) -> Vec<Stream> {
        let mut random = Random(self.seed);
        let mut streams: Vec<_> = ingress.iter().map(|it| Stream::new(*it)).collect();
        let ports = streams.len() as u64;
        let stations = u64::from(self.stations);
        for number in 0..u64::from(self.frames) {
            let source = random.below(stations);
            let port = source % ports;
            let destination = if random.happens(self.broadcast) {
                MacAddr::BROADCAST
            } else if random.happens(self.unknown / (1.0 - self.broadcast).max(f64::MIN_POSITIVE)) {
                MacAddr::from_u64(NOBODY | random.below(stations))
            } else {
                // One behind another port, if there is one.
                let other = random.below(stations);
                let other = match other % ports == port && ports > 1 {
                    true => (other + 1) % stations,
                    false => other,
                };
                MacAddr::from_u64(STATION | other)
            };
            let source = match random.happens(self.churn) {
                true => NEWCOMER | number,
                false => STATION | source,
            };
            let frame = self.frame(&mut random, destination, MacAddr::from_u64(source));
            if let Some(stream) = usize::try_from(port)
                .ok()
                .and_then(|it| streams.get_mut(it))
            {
                stream.push(&frame);
            }
        }
        streams
    }

    /// Makes a frame from each station, to itself, so that all are known before anything is measured.
    #[must_use]
    pub fn introductions(&self, ingress: &[AttachmentId]) -> Vec<Stream> {
        let mut streams: Vec<_> = ingress.iter().map(|it| Stream::new(*it)).collect();
        let mut ports = (0..streams.len()).cycle();
        let plain = Self {
            size: Size::Fixed(60),
            tagged: self.tagged.floor(),
            ..self.clone()
        };
        let mut random = Random(self.seed);
        for station in 0..u64::from(self.stations) {
            let station = MacAddr::from_u64(STATION | station);
            if let Some(port) = ports.next() {
                streams[port].push(&plain.frame(&mut random, station, station));
            }
        }
        streams
    }

    fn frame(&self, random: &mut Random, destination: MacAddr, source: MacAddr) -> Vec<u8> {
        let len = match self.size {
            Size::Fixed(len) => usize::from(len),
            Size::Imix => match random.below(12) {
                0..7 => 60,
                7..11 => 590,
                _ => 1514,
            },
        };
        let mut frame = Vec::with_capacity(len + TAG_LEN);
        frame.extend(destination.octets());
        frame.extend(source.octets());
        if let Some(vid) = Vid::new(self.vid).filter(|_| random.happens(self.tagged)) {
            frame.extend(Tag::new(TagType::Dot1Q, vid).octets());
        }
        // Of experiments (IEEE 802 9.2.3): nobody looks further.
        frame.extend([0x88, 0xb5]);
        frame.resize(frame.len() + len - 14, 0);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        assert_eq!("".parse(), Ok(Traffic::default()));
        let traffic: Traffic = "stations=1000,size=imix,tagged=0.5,vid=7,unknown=.1,broadcast=0.9,churn=1,frames=9,seed=3"
            .parse()
            .unwrap();
        assert_eq!((traffic.stations, traffic.size), (1000, Size::Imix));
        assert_eq!((traffic.vid, traffic.frames, traffic.seed), (7, 9, 3));
        for (text, says) in [
            ("stations", "\"stations\" is not KEY=VALUE"),
            ("station=1", "there is no \"station\" (expected stations,"),
            ("stations=1", "stations=1 (expected 2 to 16777215)"),
            ("size=13", "size=13 (expected 14 to 9014, or imix)"),
            ("tagged=2", "tagged=2 (expected a share, 0 to 1)"),
            ("tagged=nan", "tagged=nan (expected"),
            ("vid=4095", "vid=4095 (expected 1 to 4094)"),
            ("frames=0", "frames=0 (expected"),
            ("seed=x", "seed=x (expected a number)"),
            (
                "unknown=0.6,broadcast=0.6",
                "unknown=0.6 and broadcast=0.6 together",
            ),
        ] {
            let error = text.parse::<Traffic>().unwrap_err().to_string();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }

    #[test]
    fn shares_are_kept() {
        let traffic: Traffic =
            "stations=100,tagged=0.25,unknown=0.2,broadcast=0.1,churn=0.05,frames=20000"
                .parse()
                .unwrap();
        let streams = traffic.streams(&[AttachmentId(3), AttachmentId(4)]);
        let frames = || {
            streams
                .iter()
                .flat_map(|it| (0..it.len()).map(|n| it.frame(n)))
        };
        assert_eq!(frames().count(), 20_000);
        let share = |of: &dyn Fn(&[u8]) -> bool| {
            let count = u32::try_from(frames().filter(|frame| of(frame)).count()).unwrap();
            f64::from(count) / 20_000.0
        };
        for (expected, found) in [
            (0.1, share(&|frame| frame[0] == 0xff)),
            (0.2, share(&|frame| frame[0] == 0x0a)),
            (0.05, share(&|frame| frame[6] == 0x06)),
            (0.25, share(&|frame| frame[12..14] == [0x81, 0])),
        ] {
            assert!((expected - found).abs() < 0.01, "{expected}: {found}");
        }
        // Nobody who is known is spoken to by somebody behind the same port.
        for (port, stream) in streams.iter().enumerate() {
            for frame in (0..stream.len()).map(|n| stream.frame(n)) {
                assert!(frame[0] != 0x02 || usize::from(frame[5] % 2) != port);
            }
        }
        assert_eq!(
            streams,
            traffic.streams(&[AttachmentId(3), AttachmentId(4)])
        );
    }
}
