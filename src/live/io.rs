//! By what frames come and go: TAPs, packet sockets or `AF_XDP` sockets, as `run --io` says.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// By what the frames of a device come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Io {
    /// What is best: a TAP for a device of ours, a packet socket for a NIC.
    #[default]
    Auto,
    /// A TAP.
    Tap,
    /// An `AF_PACKET` socket on a NIC, or on the other end of a veth that is the device.
    Packet,
    /// `AF_XDP` sockets, likewise.
    Xdp,
}

/// What `--io` says once: for one netdev, or for all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `NAME`, or `NS/NAME`.
    pub netdev: Option<String>,
    /// By what.
    pub io: Io,
}

/// All of what `--io` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    default: Io,
    named: Vec<(String, Io)>,
}

impl Choices {
    /// Puts choices together.
    ///
    /// # Errors
    ///
    /// When two are for the same.
    pub fn new(choices: &[Choice]) -> Result<Self, Twice> {
        let mut seen = BTreeSet::new();
        let mut all = Self::default();
        for choice in choices {
            if !seen.insert(&choice.netdev) {
                return Err(Twice(choice.netdev.clone()));
            }
            match &choice.netdev {
                Some(name) => all.named.push((name.clone(), choice.io)),
                None => all.default = choice.io,
            }
        }
        Ok(all)
    }

    /// Returns what is chosen for a netdev by one of its names: the first that something is said of.
    #[must_use]
    pub fn of<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Io {
        let named = |name: &str| self.named.iter().find(|(it, _)| it == name);
        let choice = names.into_iter().find_map(named);
        choice.map_or(self.default, |(_, io)| *io)
    }

    /// Returns the netdevs that something is said of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| name.as_str())
    }
}

/// `--io` says something twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--io says twice what {} is to use", .0.as_deref().unwrap_or("every netdev"))]
pub struct Twice(Option<String>);

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (netdev, how) = match text.rsplit_once('=') {
            Some(("", _)) => {
                return Err(format!("no netdev is named in front of the = of {text:?}"));
            }
            Some((netdev, how)) => (Some(netdev.to_owned()), how),
            None => (None, text),
        };
        let io = match how {
            "auto" => Io::Auto,
            "tap" => Io::Tap,
            "packet" => Io::Packet,
            "xdp" => Io::Xdp,
            _ => return Err(format!("{how:?} is none of auto, tap, packet and xdp")),
        };
        Ok(Self { netdev, io })
    }
}

impl fmt::Display for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "what is best",
            Self::Tap => "a TAP",
            Self::Packet => "a packet socket",
            Self::Xdp => "AF_XDP",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_that_is_chosen_for_decides() {
        let choices = ["packet", "h1/eth0=xdp", "p1=tap"].map(|text| text.parse().unwrap());
        let choices = Choices::new(&choices).unwrap();
        assert_eq!(choices.of(["h1/eth0", "p1"]), Io::Xdp);
        assert_eq!(choices.of(["p1", "h1/eth0"]), Io::Tap);
        assert_eq!(choices.of(["h2/eth0", "p2"]), Io::Packet);
        assert_eq!(choices.names().collect::<Vec<_>>(), ["h1/eth0", "p1"]);
        assert_eq!(Choices::default().of(["p1"]), Io::Auto);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, error) in [
            ("p1=dpdk", "\"dpdk\" is none of auto, tap, packet and xdp"),
            ("", "\"\" is none of"),
            ("=xdp", "no netdev is named"),
        ] {
            let got = text.parse::<Choice>().unwrap_err();
            assert!(got.contains(error), "{text}: {got}");
        }
        let twice = ["p1=xdp", "p1=tap"].map(|text| text.parse().unwrap());
        let error = Choices::new(&twice).unwrap_err().to_string();
        assert_eq!(error, "--io says twice what p1 is to use");
        let twice = ["xdp", "xdp"].map(|text| text.parse().unwrap());
        assert!(
            Choices::new(&twice)
                .unwrap_err()
                .to_string()
                .contains("every netdev")
        );
    }
}
