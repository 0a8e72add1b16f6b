//! `iperf3 -c`, as iperf 3.12 has it: what it says to the server, what it sends, and what it prints.
//!
//! Nothing here takes time, so that a transfer needs a rate: what `-b` says, or for TCP 100 Mbit/s. The congestion
//! window that it prints is the receiver's window, because there is no other.

use std::fmt::Write;
use std::net::IpAddr;

use serde_json::{Value, json};
use smoltcp::socket::tcp::State;

use super::Ended;
use super::icmp::Failure;
use super::options::options;
use super::packet::TCP;
use super::stack::{News, Stack, udp};
use super::tcp::{BUFFER, Connection, Tcp};
use super::units;
use crate::time::{Duration, Instant};

/// States of the protocol, an octet each.
pub(super) mod state {
    pub(in crate::host) const START: u8 = 1;
    pub(in crate::host) const RUNNING: u8 = 2;
    pub(in crate::host) const END: u8 = 4;
    pub(in crate::host) const PARAMETERS: u8 = 9;
    pub(in crate::host) const CREATE_STREAMS: u8 = 10;
    pub(in crate::host) const EXCHANGE: u8 = 13;
    pub(in crate::host) const DISPLAY: u8 = 14;
    pub(in crate::host) const DONE: u8 = 16;
    pub(in crate::host) const DENIED: u8 = 0xff;
}

/// Octets that say which test a connection belongs to.
pub(super) const COOKIE: usize = 37;
/// Octets at the beginning of a datagram: time and number.
pub(super) const UDP_HEAD: usize = 12;
/// What a client sends first by UDP, and what it is answered.
const UDP_GREETING: [u8; 4] = [0x39, 0x38, 0x37, 0x36];
pub(super) const UDP_ANSWER: [u8; 4] = [0x36, 0x37, 0x38, 0x39];

/// The rate of TCP, bits a second, unless told otherwise.
const RATE: u64 = 100_000_000;
/// The rate of UDP, likewise (`UDP_RATE`).
const UDP_RATE: u64 = 1_000_000;
/// The largest rate.
const MAX_RATE: u64 = 10_000_000_000;
/// Octets of one transfer at most.
const MAX_OCTETS: u64 = 2 << 30;
/// Octets of JSON at most.
const MAX_MESSAGE: usize = 64 * 1_024;
/// How long a UDP server has to answer.
const GREETING: Duration = Duration::from_secs(30);
/// How often TCP goes on sending, at most.
const TICK: Duration = Duration::from_millis(1);

/// Makes a message: how long it is, and JSON.
pub(super) fn message(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let length = u32::try_from(text.len()).unwrap_or(0);
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

/// Takes a message off the beginning of what came in; `None` until it is whole.
pub(super) fn take_message(input: &mut Vec<u8>) -> Option<Result<Value, ()>> {
    let length = u32::from_be_bytes(*input.first_chunk::<4>()?) as usize;
    if length > MAX_MESSAGE {
        return Some(Err(()));
    }
    let text = input.get(4..4 + length)?;
    let value = serde_json::from_slice(text).map_err(|_| ());
    input.drain(..4 + length);
    Some(value)
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Iperf {
    /// `-s -D`: port, and whether one client is enough.
    Serve(u16, bool),
    /// `-c`.
    Run(Box<Client>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connecting,
    Preparing,
    /// The stream is being opened.
    Opening,
    /// All is ready, and the server is to say when to begin.
    Ready,
    Running,
    Ending,
    Results,
}

/// A client that runs.
#[derive(Debug)]
pub(super) struct Client {
    source: IpAddr,
    server: (IpAddr, u16),
    udp: bool,
    rate: u64,
    length: usize,
    /// Octets to send, or else for how long.
    octets: Option<u64>,
    time: Duration,
    interval: Option<Duration>,
    control: Connection,
    data: Option<Connection>,
    port: u16,
    input: Vec<u8>,
    step: Step,
    unreachable: bool,
    start: Instant,
    next: Option<Instant>,
    deadline: Option<Instant>,
    sent: u64,
    packets: u64,
    /// Since when, and octets and packets and segments sent again until then.
    reported: (Instant, u64, u64, u64),
    end: Instant,
    stdout: String,
}

impl Iperf {
    pub(super) fn start(
        now: Instant,
        words: &[String],
        stack: &Stack,
        tcp: &mut Tcp,
    ) -> Result<Self, Ended> {
        let long = [
            ("client", 'c'),
            ("server", 's'),
            ("daemon", 'D'),
            ("one-off", '1'),
            ("port", 'p'),
            ("time", 't'),
            ("bytes", 'n'),
            ("length", 'l'),
            ("len", 'l'),
            ("udp", 'u'),
            ("bitrate", 'b'),
            ("bandwidth", 'b'),
            ("interval", 'i'),
            ("version4", '4'),
            ("version6", '6'),
        ];
        let read = options("iperf3", words, "146b:c:Di:l:n:p:st:u", &long)?;
        let error = |text: &str| {
            let text = format!("iperf3: parameter error - {text}\n");
            Ended::complaint(1, text)
        };
        if let Some(word) = read.rest.first() {
            return Err(error(&format!("unrecognized argument {word}")));
        }
        let (mut server, mut client, mut daemon, mut one_off, mut udp) =
            (false, None, false, false, false);
        let (mut port, mut rate, mut length, mut octets) = (5_201, None, None, None);
        let (mut time, mut interval, mut ipv6) = (10, 1.0, None);
        for (letter, value) in &read.given {
            let number = |kilo| {
                let bad = || error(&format!("bad number {value}"));
                units::read(value, kilo).ok_or_else(bad)
            };
            match letter {
                's' => server = true,
                'c' => client = Some(value.as_str()),
                'D' => daemon = true,
                '1' => one_off = true,
                'u' => udp = true,
                '4' => ipv6 = Some(false),
                '6' => ipv6 = Some(true),
                'p' => {
                    let bad = || error("port number must be between 1 and 65535 inclusive");
                    port = value.parse().ok().filter(|it| *it > 0).ok_or_else(bad)?;
                }
                'b' => rate = Some(number(1_000)?),
                'l' => length = Some(number(1_024)?),
                'n' => octets = Some(number(1_024)?),
                't' => time = number(1_000)?,
                // -i
                _ => {
                    let bad = || error("invalid report interval (min = 0.1, max = 60 seconds)");
                    let valid = |it: &f64| *it == 0.0 || (0.1..=60.0).contains(it);
                    interval = value.parse().ok().filter(valid).ok_or_else(bad)?;
                }
            }
        }
        let name = match (server, client) {
            (true, Some(_)) => return Err(error("cannot be both server and client")),
            (false, None) => return Err(error("must either be a client (-c) or server (-s)")),
            (true, None) if !daemon => {
                return Err(Ended::complaint(
                    1,
                    "tapswitch: iperf3 -s goes on for ever and nobody is there to stop it: give it -D\n"
                        .into(),
                ));
            }
            (true, None) => return Ok(Self::Serve(port, one_off)),
            (false, Some(name)) => name,
        };
        let unable = |why: &str| {
            let text = format!("iperf3: error - unable to connect to server: {why}\n");
            Ended::complaint(1, text)
        };
        let Ok(address) = name.parse::<IpAddr>() else {
            return Err(unable("Name or service not known"));
        };
        if ipv6.is_some_and(|ipv6| ipv6 != address.is_ipv6()) {
            return Err(unable("Address family for hostname not supported"));
        }
        let rate = rate.filter(|rate| *rate > 0);
        let rate = rate
            .unwrap_or(if udp { UDP_RATE } else { RATE })
            .min(MAX_RATE);
        let most = octets.unwrap_or_else(|| rate / 8 * time);
        if most > MAX_OCTETS {
            return Err(Ended::complaint(
                1,
                "tapswitch: a simulated iperf3 sends 2 GiB at most: give it a smaller -t, -n or -b\n".into(),
            ));
        }
        let way = stack.route(address, None);
        let way = way.ok_or_else(|| unable("Network is unreachable"))?;
        let mtu = stack
            .interface(way.interface)
            .map_or(1_500, |it| it.mtu as usize);
        let headers = if address.is_ipv6() { 72 } else { 52 };
        let length = match (length, udp) {
            (None, false) => 128 * 1_024,
            (None, true) => mtu.saturating_sub(headers).max(UDP_HEAD),
            (Some(length), _) => usize::try_from(length).unwrap_or(usize::MAX),
        };
        let most = if udp { 65_507 } else { 1 << 20 };
        if !(if udp { UDP_HEAD } else { 1 }..=most).contains(&length) {
            return Err(error(&format!(
                "block size invalid (maximum = {most} bytes)"
            )));
        }
        let source = way.source.ok_or_else(|| unable("Network is unreachable"))?;
        let connected = tcp.connect(now, source, (address, port));
        let (control, _) = connected.ok_or_else(|| unable("Cannot assign requested address"))?;
        Ok(Self::Run(Box::new(Client {
            source,
            server: (address, port),
            udp,
            rate,
            length,
            octets,
            time: Duration::from_secs(time),
            interval: (interval > 0.0).then(|| Duration::from_secs_f64(interval)),
            control,
            data: None,
            port: 0,
            input: Vec::new(),
            step: Step::Connecting,
            unreachable: false,
            start: now,
            next: None,
            deadline: None,
            sent: 0,
            packets: 0,
            reported: (now, 0, 0, 0),
            end: now,
            stdout: String::new(),
        })))
    }
}

impl Client {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let report = self.interval.filter(|_| self.step == Step::Running);
        let report = report.map(|interval| self.reported.0 + interval);
        [self.next, self.deadline, report]
            .into_iter()
            .flatten()
            .min()
    }

    /// Hears what happened.
    pub(super) fn hear(&mut self, news: &News) {
        match news {
            News::Failed(_, Failure::Host | Failure::Net, quoted)
                if quoted.protocol == TCP && quoted.destination == self.server.0 =>
            {
                self.unreachable = true;
            }
            News::Udp(packet, from, to)
                if self.step == Step::Opening
                    && (packet.source, *from) == self.server
                    && *to == self.port
                    && packet.payload == UDP_ANSWER =>
            {
                self.step = Step::Ready;
                self.deadline = None;
            }
            _ => {}
        }
    }

    /// Does what can be done; says how it ended, if it did, and else whether something happened.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        tcp: &mut Tcp,
    ) -> Result<bool, Ended> {
        let mut busy = tcp.take(self.control, &mut self.input) > 0;
        let control = tcp.state(self.control);
        if control == State::Closed && self.input.is_empty() {
            let why = match (self.step, self.unreachable) {
                (Step::Connecting, true) => "unable to connect to server: No route to host",
                (Step::Connecting, false) if tcp.was_refused(self.control) => {
                    "unable to connect to server: Connection refused"
                }
                (Step::Connecting, false) => "unable to connect to server: Connection timed out",
                _ => "control socket has closed unexpectedly",
            };
            return Err(self.fail(stack, tcp, why));
        }
        if self.deadline.is_some_and(|at| at <= now) {
            let why = "unable to read from stream socket: Resource temporarily unavailable";
            return Err(self.fail(stack, tcp, why));
        }
        match self.step {
            Step::Connecting if control == State::Established => {
                let (host, port) = self.server;
                self.stdout = format!("Connecting to host {host}, port {port}\n");
                self.tell(tcp, &cookie());
                self.step = Step::Preparing;
                busy = true;
            }
            Step::Opening if !self.udp => {
                if let Some(data) = self.data
                    && tcp.state(data) == State::Established
                {
                    _ = tcp.socket(data).send_slice(&cookie());
                    self.step = Step::Ready;
                    busy = true;
                }
            }
            Step::Running => busy |= self.send(now, stack, tcp),
            Step::Results => {
                if let Some(results) = take_message(&mut self.input) {
                    self.summary(results.as_ref().ok(), tcp);
                    self.step = Step::Ending;
                    busy = true;
                }
            }
            _ => {}
        }
        if self.step != Step::Results
            && let Some(told) = self.input.first().copied()
        {
            self.input.remove(0);
            busy = true;
            match told {
                state::DENIED => {
                    let why = "the server is busy running a test. try again later";
                    return Err(self.fail(stack, tcp, why));
                }
                state::PARAMETERS => {
                    let parameters = self.parameters();
                    self.tell(tcp, &message(&parameters));
                }
                state::CREATE_STREAMS => self.open(now, stack, tcp),
                state::RUNNING => self.run(now, tcp),
                state::EXCHANGE => {
                    let results = self.results(tcp);
                    self.tell(tcp, &message(&results));
                    self.step = Step::Results;
                }
                state::DISPLAY => {
                    self.tell(tcp, &[state::DONE]);
                    self.close(stack, tcp);
                    self.stdout += "\niperf Done.\n";
                    return Err(Ended {
                        stdout: std::mem::take(&mut self.stdout),
                        ..Ended::default()
                    });
                }
                _ => {}
            }
        }
        Ok(busy)
    }

    fn tell(&self, tcp: &mut Tcp, octets: &[u8]) {
        // What is said is far smaller than the room for it.
        _ = tcp.socket(self.control).send_slice(octets);
    }

    fn parameters(&self) -> Value {
        let mut parameters = json!({
            "omit": 0, "num": self.octets.unwrap_or(0), "parallel": 1, "len": self.length,
            "bandwidth": self.rate, "pacing_timer": 1000, "client_version": "3.12",
        });
        parameters[if self.udp { "udp" } else { "tcp" }] = true.into();
        if self.octets.is_none() {
            parameters["time"] = self.time.as_secs().into();
        }
        parameters
    }

    /// Opens the stream.
    fn open(&mut self, now: Instant, stack: &mut Stack, tcp: &mut Tcp) {
        self.step = Step::Opening;
        if self.udp {
            self.port = tcp.next_port();
            stack.udp_ports.push(self.port);
            let greeting = udp((self.source, self.port), self.server, &UDP_GREETING);
            // What cannot be sent is not answered.
            _ = stack.send(now, greeting, None);
            self.deadline = Some(now + GREETING);
        } else if let Some((data, port)) = tcp.connect(now, self.source, self.server) {
            tcp.watch(port);
            (self.data, self.port) = (Some(data), port);
        }
    }

    fn run(&mut self, now: Instant, tcp: &mut Tcp) {
        self.step = Step::Running;
        self.deadline = None;
        (self.start, self.next) = (now, Some(now));
        self.reported = (now, 0, 0, tcp.sent_again());
        let ((server, to), (source, port)) = (self.server, (self.source, self.port));
        let head = if self.udp {
            "Total Datagrams"
        } else {
            "Retr  Cwnd"
        };
        _ = writeln!(
            self.stdout,
            "[  5] local {source} port {port} connected to {server} port {to}\n\
             [ ID] Interval           Transfer     Bitrate         {head}"
        );
    }

    /// Octets that may have been sent by now.
    fn allowed(&self, now: Instant) -> u64 {
        let bits = (now - self.start).as_nanos() * u128::from(self.rate) / 1_000_000_000;
        u64::try_from(bits / 8).unwrap_or(u64::MAX)
    }

    /// Sends what the rate allows, reports, and ends; true if something happened.
    fn send(&mut self, now: Instant, stack: &mut Stack, tcp: &mut Tcp) -> bool {
        let over = match self.octets {
            Some(octets) => self.sent >= octets,
            None => now >= self.start + self.time,
        };
        if let Some(interval) = self.interval
            && now >= self.reported.0 + interval
        {
            self.report(now, tcp);
        }
        let mut busy = false;
        if !over && self.next.is_some_and(|at| at <= now) {
            busy = true;
            if self.udp {
                self.send_datagram(now, stack);
            } else {
                self.send_octets(now, tcp);
            }
        }
        if !over {
            return busy;
        }
        if self.interval.is_some() && now > self.reported.0 {
            self.report(now, tcp);
        }
        self.end = now;
        self.next = None;
        self.step = Step::Ending;
        self.tell(tcp, &[state::END]);
        true
    }

    fn send_datagram(&mut self, now: Instant, stack: &mut Stack) {
        self.packets += 1;
        let micros = now.as_nanos() / 1_000;
        let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
        let mut data = vec![0; self.length];
        data[..4].copy_from_slice(&word(micros / 1_000_000));
        data[4..8].copy_from_slice(&word(micros % 1_000_000));
        data[8..12].copy_from_slice(&word(self.packets));
        let datagram = udp((self.source, self.port), self.server, &data);
        // What does not get out is lost, as on the way.
        _ = stack.send(now, datagram, None);
        self.sent += self.length as u64;
        let nanos = u128::from(self.sent) * 8 * 1_000_000_000 / u128::from(self.rate);
        let due = self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let end = self.start + self.time;
        self.next = Some(match self.octets {
            None => due.min(end),
            Some(_) => due,
        });
    }

    fn send_octets(&mut self, now: Instant, tcp: &mut Tcp) {
        // A block more than the rate allows is begun, as iperf3 does.
        let block = self.length as u64;
        let mut target = self.allowed(now + TICK);
        if let Some(octets) = self.octets {
            target = target.min(octets.div_ceil(block) * block);
        }
        let wanted = usize::try_from(target.saturating_sub(self.sent)).unwrap_or(0);
        if let Some(data) = self.data {
            let zeros = vec![0; wanted.min(BUFFER)];
            let sent = tcp.socket(data).send_slice(&zeros).unwrap_or(0);
            self.sent += sent as u64;
        }
        let tick = u128::from(self.rate).max(1);
        // At high rates more often, so that no more than 16 KiB come at once.
        let burst = u64::try_from(16 * 1_024 * 8 * 1_000_000_000 / tick).unwrap_or(u64::MAX);
        let next = now + TICK.min(Duration::from_nanos(burst.max(1_000)));
        self.next = Some(match self.octets {
            None => next.min(self.start + self.time),
            Some(_) => next,
        });
    }

    /// Prints what was sent since the last time.
    fn report(&mut self, now: Instant, tcp: &Tcp) {
        let (since, octets, packets, again) = self.reported;
        let retransmitted = tcp.sent_again();
        let (sent, seconds) = (self.sent - octets, (now - since).as_secs_f64());
        let row = row(since - self.start, now - self.start, sent, seconds);
        _ = match self.udp {
            true => writeln!(self.stdout, "{row}  {}  ", self.packets - packets),
            false => {
                let window = units::octets(BUFFER as u64);
                let again = retransmitted - again;
                writeln!(self.stdout, "{row}  {again:3}   {window}       ")
            }
        };
        self.reported = (now, self.sent, self.packets, retransmitted);
    }

    fn results(&self, tcp: &Tcp) -> Value {
        json!({
            "cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0,
            "sender_has_retransmits": i32::from(!self.udp),
            "streams": [{
                "id": 1,
                "bytes": self.sent,
                "retransmits": tcp.sent_again(),
                "jitter": 0,
                "errors": 0,
                "packets": self.packets,
                "start_time": 0,
                "end_time": (self.end - self.start).as_secs_f64(),
            }],
        })
    }

    /// Prints what came of it at both ends.
    fn summary(&mut self, results: Option<&Value>, tcp: &Tcp) {
        let time = self.end - self.start;
        let stream = results.map_or(Value::Null, |it| it["streams"][0].clone());
        let count = |key: &str| stream[key].as_u64().unwrap_or(0);
        let received = count("bytes");
        let there = Duration::try_from_secs_f64(stream["end_time"].as_f64().unwrap_or(0.0));
        let there = there.unwrap_or_default();
        self.stdout += "- - - - - - - - - - - - - - - - - - - - - - - - -\n";
        self.stdout += "[ ID] Interval           Transfer     Bitrate         ";
        let sender = row(Duration::ZERO, time, self.sent, time.as_secs_f64());
        let receiver = row(Duration::ZERO, there, received, there.as_secs_f64());
        if self.udp {
            let (packets, lost) = (count("packets"), count("errors"));
            let jitter = stream["jitter"].as_f64().unwrap_or(0.0) * 1_000.0;
            let share = match packets {
                0 => 0.0,
                packets => lost as f64 * 100.0 / packets as f64,
            };
            let share = two_digits(share);
            _ = writeln!(
                self.stdout,
                "Jitter    Lost/Total Datagrams\n\
                 {sender}  0.000 ms  0/{} (0%)  sender\n\
                 {receiver}  {jitter:5.3} ms  {lost}/{packets} ({share}%)  receiver",
                self.packets
            );
        } else {
            _ = writeln!(
                self.stdout,
                "Retr\n{sender}  {:3}             sender\n{receiver}                  receiver",
                tcp.sent_again()
            );
        }
    }

    fn close(&mut self, stack: &mut Stack, tcp: &mut Tcp) {
        tcp.release(self.control);
        if let Some(data) = self.data {
            tcp.release(data);
        }
        stack.udp_ports.retain(|port| *port != self.port);
    }

    fn fail(&mut self, stack: &mut Stack, tcp: &mut Tcp, why: &str) -> Ended {
        self.close(stack, tcp);
        Ended {
            stdout: std::mem::take(&mut self.stdout),
            stderr: format!("iperf3: error - {why}\n"),
            status: 1,
        }
    }
}

/// The columns that all rows have.
fn row(from: Duration, to: Duration, octets: u64, seconds: f64) -> String {
    let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
    let (amount, rate) = (units::octets(octets), units::rate(octets, seconds));
    format!("[  5] {from:6.2}-{to:<6.2} sec  {amount}  {rate}")
}

/// Every test has the same, because nobody here takes one for another.
fn cookie() -> [u8; COOKIE] {
    let mut cookie = [b'a'; COOKIE];
    cookie[COOKIE - 1] = 0;
    cookie
}

/// `%.2g`.
fn two_digits(value: f64) -> String {
    let text = match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
