//! `arping`, as iputils 20221126 has it.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use super::Ended;
use super::options::{number, options};
use super::stack::{LOOPBACK, News, Stack};
use crate::time::{Duration, Instant};
use crate::wire::{Arp, MacAddr};

/// Questions at most, and seconds.
const MOST: u64 = 1_000_000;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Who is there?
    Ask,
    /// `-D`: is somebody there?
    Duplicates,
    /// `-U`: I am here.
    Tell,
    /// `-A`: the same as an answer.
    Answer,
}

/// An arping that runs.
#[derive(Debug)]
pub(super) struct Arping {
    target: Ipv4Addr,
    source: Ipv4Addr,
    interface: u32,
    mac: MacAddr,
    mode: Mode,
    count: Option<u64>,
    interval: Duration,
    /// The first answer is enough.
    first: bool,
    quiet: bool,
    /// Everybody is asked, however often somebody answers.
    broadcast: bool,
    /// Who answered.
    answered: Option<MacAddr>,
    next: Instant,
    deadline: Option<Instant>,
    last: Instant,
    sent: u64,
    sent_to_all: u64,
    received: u64,
    stdout: String,
}

impl Arping {
    /// Starts it, before the first question.
    pub(super) fn start(now: Instant, words: &[String], stack: &Stack) -> Result<Self, Ended> {
        let read = options("arping", words, "AbDUc:fi:I:qs:w:", &[])?;
        let complain = |text: String| Err(Ended::complaint(2, text));
        let [name] = &read.rest[..] else {
            let text = "tapswitch: arping wants one address\n";
            return complain(text.into());
        };
        let target = match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => ip,
            Ok(IpAddr::V6(_)) => {
                return complain(format!(
                    "arping: {name}: Address family for hostname not supported\n"
                ));
            }
            Err(_) => return complain(format!("arping: {name}: Name or service not known\n")),
        };
        let (mut mode, mut count, mut deadline) = (Mode::Ask, None, None);
        let (mut first, mut quiet, mut broadcast) = (false, false, false);
        let (mut device, mut source, mut interval) = (None, None, Duration::from_secs(1));
        for (letter, value) in &read.given {
            match letter {
                'A' => mode = Mode::Answer,
                'D' => mode = Mode::Duplicates,
                'U' => mode = Mode::Tell,
                'b' => broadcast = true,
                'f' => first = true,
                'q' => quiet = true,
                'c' => count = Some(number("arping", value, 1..=MOST)?),
                'i' => interval = Duration::from_secs(number("arping", value, 1..=MOST)?),
                'w' => deadline = Some(Duration::from_secs(number("arping", value, 1..=MOST)?)),
                'I' => device = Some(value.as_str()),
                _ => {
                    source = value.parse::<Ipv4Addr>().ok();
                    if !source.is_some_and(|ip| stack.is_local(ip.into())) {
                        let text = "arping: bind: Cannot assign requested address\n";
                        return complain(text.into());
                    }
                }
            }
        }
        let interface = match device {
            Some("lo") => return complain("Interface \"lo\" is not ARPable\n".into()),
            Some(name) => stack.interfaces.iter().find(|it| it.name == name),
            None => {
                let way = stack.route(target.into(), None);
                let way = way.filter(|way| way.interface != LOOPBACK);
                let found = way.and_then(|way| stack.interface(way.interface));
                found.or(stack.interfaces.iter().find(|it| it.arp))
            }
        };
        let Some(interface) = interface else {
            let name = device.unwrap_or("(null)");
            return complain(format!("arping: Device {name} not available.\n"));
        };
        if !interface.arp {
            let name = &interface.name;
            return complain(format!("Interface \"{name}\" is not ARPable\n"));
        }
        if count.is_none() && deadline.is_none() {
            return complain(
                "tapswitch: arping goes on for ever and nobody is there to stop it: give it -c COUNT or -w SECONDS\n"
                    .into(),
            );
        }
        let routed = stack.route(target.into(), Some(interface.id));
        let routed = match routed.and_then(|way| way.source) {
            Some(IpAddr::V4(ip)) => Some(ip),
            _ => None,
        };
        let source = match mode {
            Mode::Duplicates => source.unwrap_or(Ipv4Addr::UNSPECIFIED),
            Mode::Tell | Mode::Answer => source.unwrap_or(target),
            Mode::Ask => source.or(routed).unwrap_or(Ipv4Addr::UNSPECIFIED),
        };
        let mut stdout = String::new();
        if !quiet {
            stdout = format!("ARPING {target} from {source} {}\n", interface.name);
        }
        if source.is_unspecified() && mode == Mode::Ask {
            return Err(Ended {
                stdout,
                stderr: "arping: no source address in not-DAD mode\n".into(),
                status: 2,
            });
        }
        Ok(Self {
            target,
            source,
            interface: interface.id,
            mac: interface.mac,
            mode,
            count,
            interval,
            first: first || mode == Mode::Duplicates,
            quiet,
            broadcast,
            answered: None,
            next: now,
            deadline: deadline.map(|time| now + time),
            last: now,
            sent: 0,
            sent_to_all: 0,
            received: 0,
            stdout,
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.deadline.unwrap_or(self.next).min(self.next))
    }

    /// Does what is due; returns how it ended, if it did.
    pub(super) fn advance(&mut self, now: Instant, stack: &mut Stack) -> Option<Ended> {
        if self.first && self.received > 0 {
            return Some(self.finish());
        }
        if self.next <= now {
            if self.count.is_some_and(|count| self.sent >= count) {
                return Some(self.finish());
            }
            self.send(now, stack);
        }
        let over = self.deadline.is_some_and(|at| at <= now);
        over.then(|| self.finish())
    }

    fn send(&mut self, now: Instant, stack: &mut Stack) {
        let mut frame = Arp::request(self.mac, self.source, self.target);
        if self.mode == Mode::Answer {
            // The operation, and itself as the one that asked.
            frame[21] = 2;
            frame[32..38].copy_from_slice(&self.mac.octets());
        }
        match self.answered.filter(|_| !self.broadcast) {
            Some(mac) => frame[..6].copy_from_slice(&mac.octets()),
            None => self.sent_to_all += 1,
        }
        stack.send_frame(self.interface, frame.to_vec());
        self.sent += 1;
        self.last = now;
        self.next = now + self.interval;
    }

    /// Hears what happened.
    pub(super) fn hear(&mut self, now: Instant, news: &News) {
        let News::Arp(interface, mac, ip, to_us) = news else {
            return;
        };
        if *interface != self.interface || *ip != self.target || self.sent == 0 {
            return;
        }
        self.received += 1;
        if !self.quiet {
            let how = if *to_us { "Unicast" } else { "Broadcast" };
            let micros = (now - self.last).as_micros();
            let (whole, part) = (micros / 1_000, micros % 1_000);
            let station = mac.to_string().to_uppercase();
            _ = writeln!(
                self.stdout,
                "{how} reply from {ip} [{station}]  {whole}.{part:03}ms"
            );
        }
        self.answered = Some(*mac);
    }

    fn finish(&mut self) -> Ended {
        let mut stdout = std::mem::take(&mut self.stdout);
        if !self.quiet {
            let (sent, to_all, received) = (self.sent, self.sent_to_all, self.received);
            _ = writeln!(stdout, "Sent {sent} probes ({to_all} broadcast(s))");
            _ = writeln!(stdout, "Received {received} response(s)");
        }
        let failed = match self.mode {
            Mode::Duplicates => self.received > 0,
            Mode::Tell | Mode::Answer => false,
            Mode::Ask if self.count.is_some() && self.deadline.is_some() => {
                self.received < self.sent
            }
            Mode::Ask => self.received == 0,
        };
        Ended {
            stdout,
            stderr: String::new(),
            status: u8::from(failed),
        }
    }
}
