//! Random frames.

use std::fmt::Write;

use super::{Dice, World};

impl World {
    /// One frame, and the pause behind it that makes sure of what it sets off.
    pub(super) fn frame(&self, dice: &mut Dice, text: &mut String) {
        let at = self.attachment(dice);
        let tags = self.tags(dice);
        if self.snooping && dice.chance(30) {
            let frame = Self::membership(dice);
            let _ = write!(text, "{at}: {}{tags}{}", frame.addresses, frame.payload);
            text.push_str(if frame.sets_timers {
                "\nwait 0.3\n"
            } else {
                "\n"
            });
            return;
        }
        if self.suppressing && dice.chance(30) {
            let (sender, target) = (1 + dice.below(8), 1 + dice.below(8));
            let what = if dice.chance(80) { "request" } else { "reply" };
            let to = if !self.full && what == "request" || dice.chance(70) {
                "all".to_owned()
            } else {
                format!("h{target}")
            };
            let sender_address = if !self.full || dice.chance(90) {
                format!("10.0.0.{sender}")
            } else {
                "0.0.0.0".to_owned()
            };
            let _ = writeln!(
                text,
                "{at}: h{sender} > {to}{tags} arp {what} {sender_address} 10.0.0.{target}"
            );
            return;
        }
        let (source, destination) = (Self::source(dice), self.destination(dice));
        let _ = write!(text, "{at}: {source} > {destination}{tags}");
        if self.snooping && dice.chance(50) && destination.starts_with(['m', 'n']) {
            let group = if destination.starts_with('m') {
                "g"
            } else {
                "g6"
            };
            let _ = writeln!(text, " udp {group}{}", &destination[1..]);
            return;
        }
        let mut sized = false;
        if dice.chance(10) {
            let types = [
                "0800", "0806", "86dd", "88cc", "8809", "888e", "8808", "8100", "88a8",
            ];
            let _ = write!(text, " type {}", dice.pick(&types));
        } else if dice.chance(5) {
            text.push_str(" llc len 60");
            sized = true;
        }
        if dice.chance(20) && !sized {
            let length = match dice.below(3) {
                0 => 26 + dice.below(60),
                1 => 1510 + dice.below(18),
                _ => 1010 + dice.below(20),
            };
            let _ = write!(text, " len {length}");
        }
        text.push('\n');
    }

    fn attachment(&self, dice: &mut Dice) -> String {
        let taps = self.taps();
        let taps: Vec<&str> = taps.iter().map(String::as_str).collect();
        let tap = dice.pick(&taps);
        match dice.below(20) {
            0 | 1 => "br0".to_owned(),
            2 if self.second > 0 => "br1".to_owned(),
            3 | 4 if self.host => "v8".to_owned(),
            5 => format!("{tap}@stack"),
            6..9 if !self.devices.is_empty() => {
                let index = usize::try_from(dice.below(self.devices.len() as u64));
                let (lower, vid, _) = &self.devices[index.expect("an index")];
                format!("{lower}.{vid}")
            }
            _ => tap.to_owned(),
        }
    }

    fn tags(&self, dice: &mut Dice) -> String {
        let tags = [
            "8100:10",
            "8100:0",
            "88a8:10",
            "8100:4095",
            "8100:20 8100:10",
            "88a8:5 8100:6",
            "8100:0 8100:7",
            "8100:1",
            "8100:10",
            "8100:20",
            "8100:30",
            "8100:57354",
            "8100:40960",
            "8100:12308",
            "8100:4094",
            "88a8:20 8100:10",
            "88a8:0",
            "88a8:0 8100:10",
            "8100:10 88a8:20",
            "8100:10 8100:20",
        ];
        let in_vlans = self.filtering || !self.devices.is_empty();
        let (percent, known) = if in_vlans { (55, 20) } else { (15, 7) };
        if dice.chance(percent) {
            format!(" {}", dice.pick(&tags[..known]))
        } else {
            String::new()
        }
    }

    fn source(dice: &mut Dice) -> String {
        match dice.below(40) {
            0 => "zero".to_owned(),
            1 => "m1".to_owned(),
            2 => "all".to_owned(),
            3 => format!("p{}", 1 + dice.below(4)),
            4 => dice.pick(&["br0", "br1", "v1", "v9", "v8"]).to_owned(),
            _ => format!("h{}", 1 + dice.below(8)),
        }
    }

    fn destination(&self, dice: &mut Dice) -> String {
        match dice.below(40) {
            0..5 => "all".to_owned(),
            5..8 => format!("m{}", 1 + dice.below(3)),
            8 => format!("n{}", 1 + dice.below(3)),
            9..12 => format!("ll{:02x}", dice.below(18)),
            12..15 => "br0".to_owned(),
            15 => "br1".to_owned(),
            16..18 => format!("p{}", 1 + dice.below(self.ports)),
            18 => dice.pick(&["zero", "v1", "v2", "v8", "v9"]).to_owned(),
            19..25 if self.snooping => format!("m{}", 1 + dice.below(3)),
            25..28 if self.snooping => format!("n{}", 1 + dice.below(3)),
            _ => format!("h{}", 1 + dice.below(8)),
        }
    }

    /// IGMP or MLD.
    fn membership(dice: &mut Dice) -> Membership {
        let (station, group) = (1 + dice.below(8), 1 + dice.below(3));
        let is_in = dice.pick(&["is_in", "is_ex", "to_in", "to_ex", "allow", "block"]);
        let sources = ["", " 10.0.0.1", " 10.0.0.1 10.0.0.2"];
        let sources6 = ["", " fe80::1", " fe80::1 fe80::2"];
        let (to, payload, sets_timers) = match dice.below(20) {
            0..5 => (format!("m{group}"), format!("igmp2 report g{group}"), false),
            5 => (format!("m{group}"), format!("igmp1 report g{group}"), false),
            6 => ("routers".to_owned(), format!("igmp2 leave g{group}"), true),
            7..10 => (
                "v3routers".to_owned(),
                format!("igmp3 {is_in} g{group}{}", dice.pick(&sources)),
                ["to_in", "block", "to_ex", "is_ex"].contains(&is_in),
            ),
            10 => ("hosts".to_owned(), "igmp2 query".to_owned(), true),
            11 => ("hosts".to_owned(), "igmp3 query".to_owned(), true),
            12 => (format!("m{group}"), format!("igmp2 query g{group}"), true),
            13..15 => (format!("n{group}"), format!("mld1 report g6{group}"), false),
            15 => ("routers6".to_owned(), format!("mld1 done g6{group}"), true),
            16..18 => (
                "v2routers6".to_owned(),
                format!("mld2 {is_in} g6{group}{}", dice.pick(&sources6)),
                ["to_in", "block", "to_ex", "is_ex"].contains(&is_in),
            ),
            18 => ("hosts6".to_owned(), "mld1 query".to_owned(), true),
            _ => ("hosts6".to_owned(), "mld2 query".to_owned(), true),
        };
        Membership {
            addresses: format!("h{station} > {to}"),
            payload: format!(" {payload}"),
            sets_timers,
        }
    }
}

struct Membership {
    addresses: String,
    payload: String,
    /// Something happens up to 0.2 s later.
    sets_timers: bool,
}
