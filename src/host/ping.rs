//! `ping`, as iputils 20221126 has it: what it sends when, what it prints, and how it ends.
//!
//! Round trips take no time where nobody waits for anything, and are printed as `0.000 ms`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use super::Ended;
use super::icmp::{Failure, Message};
use super::options::{number, options};
use super::packet::Packet;
use super::stack::{LOOPBACK, News, SendError, Stack};
use crate::time::{Duration, Instant};

/// Echoes at most, and seconds: even a ping that nobody stops ends.
const MOST: u64 = 1_000_000;
/// How long the last answers are waited for when there was none yet (`MAXWAIT`).
const LINGER: Duration = Duration::from_secs(10);
/// The shortest interval (`MIN_USER_INTERVAL_MS`).
const SHORTEST: f64 = 0.002;
/// Octets of the time at the beginning of an echo's data.
const STAMP: usize = 16;

/// What the command line says.
#[derive(Debug)]
struct Arguments {
    /// As written.
    name: String,
    target: IpAddr,
    count: Option<u64>,
    interval: Duration,
    /// `-w`.
    deadline: Option<Duration>,
    /// `-W`.
    linger: Duration,
    size: usize,
    ttl: Option<u8>,
    /// `-M do` (true), `-M dont` (false); else what is short enough is not to be cut.
    whole: Option<bool>,
    /// `-I` with a device.
    device: Option<(u32, String)>,
    /// `-I` with an address.
    source: Option<IpAddr>,
    quiet: bool,
    broadcast: bool,
    outstanding: bool,
}

/// A ping that runs.
#[derive(Debug)]
pub(super) struct Ping {
    arguments: Arguments,
    source: IpAddr,
    ident: u16,
    start: Instant,
    last: Instant,
    next: Option<Instant>,
    exit: Option<Instant>,
    exiting: bool,
    transmitted: u64,
    received: u64,
    errors: u64,
    repeats: u64,
    /// When each was sent, and whether it was answered.
    sent: BTreeMap<u16, (Instant, bool)>,
    /// How many were on their way at once, as far as answers tell.
    pipe: u64,
    /// Of round trips, in microseconds: least, most, sum, sum of squares.
    trips: Option<(u64, u64, u128, u128)>,
    stdout: String,
    stderr: String,
}

impl Ping {
    /// Starts it, before the first echo.
    pub(super) fn start(
        now: Instant,
        words: &[String],
        stack: &Stack,
        ident: u16,
    ) -> Result<Self, Ended> {
        let arguments = Arguments::read(words, stack)?;
        let by = arguments.device.as_ref().map(|(id, _)| *id);
        let way = stack.route(arguments.target, by);
        let unreachable = || Ended::complaint(2, "ping: connect: Network is unreachable\n".into());
        let source = arguments.source.or(way.and_then(|way| way.source));
        let source = source.filter(|_| way.is_some()).ok_or_else(unreachable)?;
        let mut ping = Self {
            arguments,
            source,
            ident,
            start: now,
            last: now,
            next: Some(now),
            exit: None,
            exiting: false,
            transmitted: 0,
            received: 0,
            errors: 0,
            repeats: 0,
            sent: BTreeMap::new(),
            pipe: 0,
            trips: None,
            stdout: String::new(),
            stderr: String::new(),
        };
        ping.exit = ping.arguments.deadline.map(|time| now + time);
        if let IpAddr::V4(ip) = ping.arguments.target
            && stack.is_broadcast(ip)
        {
            if !ping.arguments.broadcast {
                let text = "ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n";
                return Err(Ended::complaint(2, text.into()));
            }
            ping.stderr += "WARNING: pinging broadcast address\n";
        }
        ping.greet();
        Ok(ping)
    }

    fn greet(&mut self) {
        let Arguments {
            name, target, size, ..
        } = &self.arguments;
        let from = match (&self.arguments.device, self.arguments.source) {
            (Some((_, device)), _) => format!(" from {} {device}:", self.source),
            (None, Some(source)) => format!(" from {source} :"),
            (None, None) => String::new(),
        };
        self.stdout = match target {
            IpAddr::V4(_) => {
                let whole = size + 28;
                format!("PING {name} ({target}){from} {size}({whole}) bytes of data.\n")
            }
            IpAddr::V6(_) => format!("PING {name}({target}){from} {size} data bytes\n"),
        };
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.next, self.exit].into_iter().flatten().min()
    }

    /// Whether it has heard enough (the conditions of `main_loop`).
    fn enough(&self) -> bool {
        let all = |count| self.received + self.errors >= count;
        self.exiting
            || self.arguments.count.is_some_and(all)
            || (self.arguments.deadline.is_some() && self.errors > 0)
    }

    /// Does what is due; returns how it ended, if it did.
    pub(super) fn advance(&mut self, now: Instant, stack: &mut Stack) -> Option<Ended> {
        self.exiting |= self.exit.is_some_and(|at| at <= now);
        if self.enough() {
            return Some(self.finish());
        }
        if self.next.is_some_and(|at| at <= now) {
            self.transmit(now, stack);
            self.schedule(now);
            if self.enough() {
                return Some(self.finish());
            }
        }
        None
    }

    /// Says when the next echo goes, or when no answer is waited for any more (`__schedule_exit`).
    fn schedule(&mut self, now: Instant) {
        let all = |count| self.transmitted >= count;
        if self.arguments.deadline.is_none() && self.arguments.count.is_some_and(all) {
            let longest = self.trips.map_or(0, |(_, longest, ..)| longest);
            let wait = match self.received {
                0 => self.arguments.linger,
                _ => self
                    .arguments
                    .interval
                    .max(Duration::from_micros(2 * longest)),
            };
            self.next = None;
            self.exit = Some(now + wait);
        } else {
            self.next = Some(now + self.arguments.interval);
        }
    }

    fn transmit(&mut self, now: Instant, stack: &mut Stack) {
        let answered = |(_, answered): &(Instant, bool)| *answered;
        let previous = sequence(self.transmitted);
        if self.arguments.outstanding
            && self.transmitted > 0
            && !self.sent.get(&previous).is_some_and(answered)
        {
            self.say(format!("no answer yet for icmp_seq={previous}\n"));
        }
        let number = sequence(self.transmitted + 1);
        let mut data: Vec<u8> = (0..self.arguments.size)
            .map(|at| at.to_le_bytes()[0])
            .collect();
        if let Some(stamp) = data.first_chunk_mut::<STAMP>() {
            let micros = now.as_nanos() / 1_000;
            stamp[..8].copy_from_slice(&(micros / 1_000_000).to_le_bytes());
            stamp[8..].copy_from_slice(&(micros % 1_000_000).to_le_bytes());
        }
        let message = Message::EchoRequest(self.ident, number, data);
        let mut packet = message.packet(self.source, self.arguments.target);
        packet.ttl = self.arguments.ttl.unwrap_or(64);
        let by = self.arguments.device.as_ref().map(|(id, _)| *id);
        packet.dont_fragment = self.arguments.whole.unwrap_or_else(|| {
            let way = stack.route(packet.destination, by);
            let interface = way.and_then(|way| stack.interface(way.interface));
            let ipv4 = packet.destination.is_ipv4();
            ipv4 && interface.is_none_or(|it| packet.len() <= it.mtu as usize)
        });
        self.transmitted += 1;
        self.last = now;
        self.sent.insert(number, (now, false));
        match stack.send(now, packet, by) {
            Ok(()) => {}
            Err(SendError::NoRoute) => {
                self.complain("ping: sendmsg: Network is unreachable\n".to_owned());
            }
            Err(SendError::TooLong(mtu)) => {
                self.errors += 1;
                let text = format!("ping: local error: message too long, mtu={mtu}\n");
                self.complain(text);
            }
        }
    }

    /// Hears what happened.
    pub(super) fn hear(&mut self, now: Instant, news: &News) {
        match news {
            News::Echo(packet, ident, number, length)
                if *ident == self.ident
                    && packet.destination.is_ipv6() == self.arguments.target.is_ipv6() =>
            {
                self.answered(now, packet, *number, *length);
            }
            News::Failed(from, why, quoted) if quoted.destination == self.arguments.target => {
                if let Some((ident, number)) = quoted.echo()
                    && ident == self.ident
                {
                    self.acknowledge(number);
                    self.errors += 1;
                    let what = words(*why, from.is_ipv6());
                    self.say(format!("From {from} icmp_seq={number} {what}\n"));
                }
            }
            _ => {}
        }
    }

    /// `gather_statistics`.
    fn answered(&mut self, now: Instant, packet: &Packet, number: u16, length: usize) {
        let Some((sent, answered)) = self.sent.get_mut(&number) else {
            return;
        };
        let (sent, again) = (*sent, std::mem::replace(answered, true));
        self.acknowledge(number);
        let (from, ttl) = (packet.source, packet.ttl);
        let octets = length + 8;
        let mut text = format!("{octets} bytes from {from}: icmp_seq={number} ttl={ttl}");
        if self.arguments.size >= STAMP {
            let trip = u64::try_from((now - sent).as_micros()).unwrap_or(u64::MAX);
            let wide = u128::from(trip);
            let (least, most, sum, squares) = self.trips.unwrap_or((u64::MAX, 0, 0, 0));
            self.trips = Some((
                least.min(trip),
                most.max(trip),
                sum + wide,
                squares + wide * wide,
            ));
            _ = write!(text, " time={} ms", milliseconds(trip));
        }
        if again {
            self.repeats += 1;
            text += " (DUP!)";
        } else {
            self.received += 1;
        }
        self.say(text + "\n");
    }

    fn acknowledge(&mut self, number: u16) {
        let behind = sequence(self.transmitted).wrapping_sub(number);
        if behind <= 0x7fff {
            self.pipe = self.pipe.max(u64::from(behind) + 1);
        }
    }

    fn finish(&mut self) -> Ended {
        let (sent, received) = (self.transmitted, self.received);
        let name = &self.arguments.name;
        let mut text = std::mem::take(&mut self.stdout);
        _ = writeln!(text, "\n--- {name} ping statistics ---");
        _ = write!(text, "{sent} packets transmitted, {received} received");
        if self.repeats > 0 {
            _ = write!(text, ", +{} duplicates", self.repeats);
        }
        if self.errors > 0 {
            _ = write!(text, ", +{} errors", self.errors);
        }
        if sent > 0 {
            let loss = percent(sent.saturating_sub(received), sent);
            let time = ((self.last - self.start).as_micros() + 500) / 1_000;
            _ = write!(text, ", {loss}% packet loss, time {time}ms");
        }
        text.push('\n');
        let mut comma = "";
        if let Some((least, most, sum, squares)) = self.trips.filter(|_| received > 0) {
            let count = u128::from(received + self.repeats);
            let average = sum / count;
            let deviation = (squares / count).saturating_sub(average * average).isqrt();
            let ms = |micros: u128| format!("{}.{:03}", micros / 1_000, micros % 1_000);
            let (least, most) = (ms(least.into()), ms(most.into()));
            let (average, deviation) = (ms(average), ms(deviation));
            _ = write!(
                text,
                "rtt min/avg/max/mdev = {least}/{average}/{most}/{deviation} ms"
            );
            comma = ", ";
        }
        if self.pipe > 1 {
            _ = write!(text, "{comma}pipe {}", self.pipe);
        }
        text.push('\n');
        let few = |count| self.arguments.deadline.is_some() && received < count;
        let failed = received == 0 || self.arguments.count.is_some_and(few);
        Ended {
            stdout: text,
            stderr: std::mem::take(&mut self.stderr),
            status: u8::from(failed),
        }
    }

    fn say(&mut self, text: String) {
        if !self.arguments.quiet {
            self.stdout += &text;
        }
    }

    fn complain(&mut self, text: String) {
        if !self.arguments.quiet {
            self.stderr += &text;
        }
    }
}

impl Arguments {
    fn read(words: &[String], stack: &Stack) -> Result<Self, Ended> {
        let read = options("ping", words, "46bc:i:I:M:nOqs:t:w:W:", &[])?;
        let complain = |text: String| Ended::complaint(2, text);
        let name = match &read.rest[..] {
            [name] => name.clone(),
            [] => {
                let text = "ping: usage error: Destination address required\n";
                return Err(Ended::complaint(1, text.into()));
            }
            [_, more, ..] => {
                return Err(complain(format!(
                    "ping: {more}: a simulated host pings one address\n"
                )));
            }
        };
        let (address, zone) = match name.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (name.as_str(), None),
        };
        let Ok(target) = address.parse::<IpAddr>() else {
            return Err(complain(format!(
                "ping: {name}: Name or service not known\n"
            )));
        };
        let mut arguments = Self {
            name: name.clone(),
            target,
            count: None,
            interval: Duration::from_secs(1),
            deadline: None,
            linger: LINGER,
            size: 56,
            ttl: None,
            whole: None,
            device: None,
            source: None,
            quiet: false,
            broadcast: false,
            outstanding: false,
        };
        if let Some(zone) = zone {
            arguments.device(&zone, stack)?;
        }
        for (letter, value) in &read.given {
            let seconds = |least: f64| -> Result<Duration, Ended> {
                let time = number("ping", value, least..=1e6)?;
                Ok(Duration::try_from_secs_f64(time).unwrap_or_default())
            };
            match letter {
                '4' | '6' if (*letter == '6') != target.is_ipv6() => {
                    return Err(complain(format!(
                        "ping: {name}: Address family for hostname not supported\n"
                    )));
                }
                'b' => arguments.broadcast = true,
                'c' => arguments.count = Some(number("ping", value, 1..=MOST)?),
                'i' => {
                    let time = number("ping", value, 0.0..=1e6)?;
                    if time < SHORTEST {
                        return Err(complain(
                            "ping: cannot flood, minimal interval for user must be >= 2 ms, use -i 0.002 (or higher)\n"
                                .into(),
                        ));
                    }
                    arguments.interval = Duration::try_from_secs_f64(time).unwrap_or_default();
                }
                'I' => arguments.device(value, stack)?,
                'M' => {
                    arguments.whole = match value.as_str() {
                        "do" | "probe" => Some(true),
                        "want" => None,
                        "dont" => Some(false),
                        _ => {
                            let text = format!("ping: invalid -M argument: {value}\n");
                            return Err(complain(text));
                        }
                    }
                }
                'O' => arguments.outstanding = true,
                'q' => arguments.quiet = true,
                's' => arguments.size = number("ping", value, 0..=65_507)?,
                't' => {
                    let hops = number("ping", value, 0..=255u32)?;
                    arguments.ttl = u8::try_from(hops).ok();
                }
                'w' => {
                    let seconds = number("ping", value, 0..=MOST)?;
                    arguments.deadline = (seconds > 0).then(|| Duration::from_secs(seconds));
                }
                'W' => arguments.linger = seconds(0.0)?,
                // -n: a host knows no names anyway.
                _ => {}
            }
        }
        if arguments.count.is_none() && arguments.deadline.is_none() {
            return Err(complain(
                "tapswitch: ping goes on for ever and nobody is there to stop it: give it -c COUNT or -w SECONDS\n"
                    .into(),
            ));
        }
        Ok(arguments)
    }

    /// `-I`.
    fn device(&mut self, value: &str, stack: &Stack) -> Result<(), Ended> {
        let named = stack.interfaces.iter().find(|it| it.name == value);
        if let Some(interface) = named {
            self.device = Some((interface.id, value.to_owned()));
        } else if value == "lo" {
            self.device = Some((LOOPBACK, value.to_owned()));
        } else if let Ok(ip) = value.parse::<IpAddr>() {
            if !stack.is_local(ip) || ip.is_ipv6() != self.target.is_ipv6() {
                let text = "ping: bind: Cannot assign requested address\n";
                return Err(Ended::complaint(2, text.into()));
            }
            self.source = Some(ip);
        } else {
            let text = format!("ping: SO_BINDTODEVICE {value}: No such device\n");
            return Err(Ended::complaint(2, text));
        }
        Ok(())
    }
}

/// The number in an echo: of 16 bits.
fn sequence(number: u64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn words(why: Failure, ipv6: bool) -> String {
    let text = match (why, ipv6) {
        (Failure::Net, false) => "Destination Net Unreachable",
        (Failure::Host, false) => "Destination Host Unreachable",
        (Failure::Port, false) => "Destination Port Unreachable",
        (Failure::Hops, false) => "Time to live exceeded",
        (Failure::TooBig(mtu), false) => return format!("Frag needed and DF set (mtu = {mtu})"),
        (Failure::Net, true) => "Destination unreachable: No route",
        (Failure::Host, true) => "Destination unreachable: Address unreachable",
        (Failure::Port, true) => "Destination unreachable: Port unreachable",
        (Failure::Hops, true) => "Time exceeded: Hop limit",
        (Failure::TooBig(mtu), true) => return format!("Packet too big: mtu={mtu}"),
    };
    text.to_owned()
}

/// Three digits that count, as ping has them.
fn milliseconds(micros: u64) -> String {
    match micros {
        99_950.. => format!("{}", (micros + 500) / 1_000),
        9_995.. => {
            let micros = micros + 50;
            format!("{}.{}", micros / 1_000, micros % 1_000 / 100)
        }
        1_000.. => {
            let micros = micros + 5;
            format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
        }
        _ => format!("0.{micros:03}"),
    }
}

/// A share in percent with six digits that count and no zeros at its end (`%g`).
fn percent(part: u64, whole: u64) -> String {
    // Hundred percent of the largest number of echoes is far from the end of 128 bits.
    let scaled = |digits: u32| {
        let scale = 10u128.pow(digits);
        (u128::from(part) * 100 * scale * 2 / u128::from(whole)).div_ceil(2)
    };
    let below = u128::from(part) * 100 / u128::from(whole);
    let digits = match below {
        100.. => 3,
        10.. => 4,
        1.. => 5,
        _ => 6,
    };
    let value = scaled(digits);
    let scale = 10u128.pow(digits);
    let text = format!(
        "{}.{:0width$}",
        value / scale,
        value % scale,
        width = digits as usize
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_as_printf_has_them() {
        for (part, whole, text) in [
            (0, 3, "0"),
            (1, 3, "33.3333"),
            (2, 3, "66.6667"),
            (3, 3, "100"),
            (1, 8, "12.5"),
            (1, 70, "1.42857"),
            (1, 1_000, "0.1"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn times_with_three_digits() {
        for (micros, text) in [
            (0, "0.000"),
            (79, "0.079"),
            (1_000, "1.00"),
            (9_994, "9.99"),
            (9_995, "10.0"),
            (12_345, "12.3"),
            (99_949, "99.9"),
            (99_950, "100"),
            (1_000_000, "1000"),
        ] {
            assert_eq!(milliseconds(micros), text, "{micros}");
        }
    }
}
