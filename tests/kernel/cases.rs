//! Scenarios written by hand: steps in [`scenario`](crate::scenario)'s language, and behind `=>` where a frame must come out.

use crate::compare;
use crate::record::{Copy, Record};
use crate::scenario::Scenario;

/// One case: a bridge `br0` with TAPs `p1` to `pN`, everything up, and what then happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// What it shows.
    pub(crate) name: &'static str,
    /// How many ports; 0: the text builds everything itself.
    pub(crate) ports: u8,
    /// More options of the bridge.
    pub(crate) bridge: &'static str,
    /// Steps. `=> p2 br0/host` expects one copy at each, and no other; `=> -` none at all.
    pub(crate) text: &'static str,
}

impl Case {
    /// Returns its steps, with the bridge before and the tables after them.
    pub(crate) fn scenario(&self) -> Scenario {
        let mut text = if self.ports > 0 {
            bridge(self.ports, self.bridge)
        } else {
            String::new()
        };
        for line in self.text.lines() {
            text.push_str(line.split("=>").next().unwrap_or_default());
            text.push('\n');
        }
        if self.ports > 0 {
            text.push_str(TABLES);
        }
        Scenario::new(self.name, &text)
    }

    /// Compares where frames came out with where the text expects them. Returns what differs.
    pub(crate) fn check(&self, record: &Record) -> Vec<String> {
        let scenario = self.scenario();
        let lines: Vec<&str> = self
            .text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let after = if self.ports > 0 {
            TABLES.lines().count()
        } else {
            0
        };
        let first = scenario.steps.len() - after - lines.len();
        let mut wrong = Vec::new();
        for (step, line) in (first..compare::comparable(&scenario, record)).zip(lines) {
            let Some((_, expected)) = line.split_once("=>") else {
                continue;
            };
            let mut expected: Vec<&str> = expected
                .split_whitespace()
                .filter(|at| *at != "-")
                .collect();
            expected.sort_unstable();
            let copies = &record.copies[&step];
            let fits = |expected: &str, copy: &Copy| match expected.split_once('/') {
                Some((at, kind)) => {
                    let kinds = ["host", "broadcast", "multicast", "other"];
                    at == copy.at
                        && copy
                            .kind
                            .is_some_and(|k| kinds.get(usize::from(k)) == Some(&kind))
                }
                None => expected == copy.at,
            };
            let mut left: Vec<&Copy> = copies.iter().collect();
            let all_there = expected.iter().all(|at| {
                let found = left.iter().position(|copy| fits(at, copy));
                found.map(|index| left.remove(index)).is_some()
            });
            if !all_there || !left.is_empty() {
                wrong.push(format!("{}: `{line}`, but: {copies:?}", self.name));
            }
        }
        wrong
    }
}

/// Shows that end every scenario of `br0`.
pub(crate) const TABLES: &str = "bridge -d -j fdb show\nbridge -d -j link show\nip -j link show\n";

/// Returns the commands that make `br0` with ports `p1` to `pN`, all up.
pub(crate) fn bridge(ports: u8, options: &str) -> String {
    let mut text = format!(
        "ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0 {options}\n"
    );
    for port in 1..=ports {
        text.push_str(&format!(
            "ip tuntap add p{port} mode tap\nip link set p{port} address 02:00:00:00:01:{port:02x} master br0 up\n"
        ));
    }
    text.push_str("ip link set br0 up\n");
    text
}
