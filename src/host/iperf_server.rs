//! The server of `iperf3 -s -D`: one test at a time, in the words of iperf 3.12's protocol.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::iperf::{COOKIE, UDP_ANSWER, UDP_HEAD, message, state, take_message};
use super::stack::{Stack, udp};
use super::tcp::{Connection, Tcp};
use crate::time::Instant;

/// A server that waits for clients.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    /// It ends with its first client.
    one_off: bool,
    test: Option<Test>,
    over: bool,
}

/// What a client does with a server.
#[derive(Debug)]
struct Test {
    control: Connection,
    data: Option<Connection>,
    input: Vec<u8>,
    step: Step,
    udp: bool,
    received: Received,
    start: Instant,
    end: Option<Instant>,
}

/// What came in.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    octets: u64,
    /// The number of the last datagram.
    packets: u64,
    lost: u64,
    out_of_order: u64,
    /// How long datagrams took, more or less (RFC 1889), in seconds.
    jitter: f64,
    transit: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Cookie,
    Parameters,
    Streams,
    Running,
    Results,
    Done,
}

impl Server {
    pub(super) const fn new(port: u16, one_off: bool) -> Self {
        Self {
            port,
            one_off,
            test: None,
            over: false,
        }
    }

    /// Whether it has served its only client.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a datagram to its port.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        from: (IpAddr, u16),
        to: (IpAddr, u16),
        data: &[u8],
    ) {
        let Some(test) = self.test.as_mut().filter(|test| test.udp) else {
            return;
        };
        match test.step {
            Step::Streams if data.len() == 4 => {
                let answer = udp(to, from, &UDP_ANSWER);
                // A client that is not there any more does not ask again.
                _ = stack.send(now, answer, None);
                test.step = Step::Running;
                test.start = now;
            }
            Step::Running => test.received.take(now, data),
            _ => {}
        }
    }

    /// Lets the test go on; true if something happened.
    pub(super) fn advance(&mut self, now: Instant, tcp: &mut Tcp) -> bool {
        let accepted = tcp.accepted(self.port);
        let mut busy = false;
        for connection in accepted {
            let known = self
                .test
                .as_ref()
                .is_some_and(|test| test.control == connection || test.data == Some(connection));
            if known {
                continue;
            }
            match &mut self.test {
                None => {
                    self.test = Some(Test::new(now, connection));
                    busy = true;
                }
                Some(test) if test.step == Step::Streams && !test.udp && test.data.is_none() => {
                    test.data = Some(connection);
                    busy = true;
                }
                Some(_) if tcp.socket(connection).may_send() => {
                    // Busy with another client.
                    _ = tcp.socket(connection).send_slice(&[state::DENIED]);
                    tcp.release(connection);
                    busy = true;
                }
                Some(_) => {}
            }
        }
        if let Some(test) = &mut self.test {
            busy |= test.advance(now, tcp);
            if test.step == Step::Done {
                tcp.release(test.control);
                if let Some(data) = test.data {
                    tcp.release(data);
                }
                self.over = self.one_off;
                self.test = None;
                busy = true;
            }
        }
        busy
    }
}

impl Test {
    fn new(now: Instant, control: Connection) -> Self {
        Self {
            control,
            data: None,
            input: Vec::new(),
            step: Step::Cookie,
            udp: false,
            received: Received::default(),
            start: now,
            end: None,
        }
    }

    fn advance(&mut self, now: Instant, tcp: &mut Tcp) -> bool {
        let mut busy = tcp.take(self.control, &mut self.input) > 0;
        if let Some(data) = self.data
            && matches!(self.step, Step::Streams | Step::Running)
        {
            busy |= self.data(now, data, tcp);
        }
        match self.step {
            Step::Cookie if self.input.len() >= COOKIE => {
                self.input.drain(..COOKIE);
                self.tell(tcp, state::PARAMETERS);
                self.step = Step::Parameters;
            }
            Step::Parameters => match take_message(&mut self.input) {
                Some(Ok(parameters)) => {
                    self.udp = parameters["udp"] == Value::Bool(true);
                    self.tell(tcp, state::CREATE_STREAMS);
                    self.step = Step::Streams;
                }
                Some(Err(())) => self.step = Step::Done,
                None => return busy | self.is_gone(tcp),
            },
            Step::Running if self.end.is_none() => {
                self.tell(tcp, state::START);
                self.tell(tcp, state::RUNNING);
                self.end = Some(now);
            }
            Step::Running if self.input.first() == Some(&state::END) => {
                self.input.remove(0);
                self.end = Some(now);
                self.tell(tcp, state::EXCHANGE);
                self.step = Step::Results;
            }
            Step::Results => match take_message(&mut self.input) {
                Some(Ok(_)) => {
                    let results = message(&self.results());
                    _ = tcp.socket(self.control).send_slice(&results);
                    self.tell(tcp, state::DISPLAY);
                }
                Some(Err(())) => self.step = Step::Done,
                None if self.input.first() == Some(&state::DONE) => self.step = Step::Done,
                None => return busy | self.is_gone(tcp),
            },
            _ => return busy | self.is_gone(tcp),
        }
        true
    }

    /// Takes what came by the stream: a cookie, and then whatever.
    fn data(&mut self, now: Instant, data: Connection, tcp: &mut Tcp) -> bool {
        let mut octets = Vec::new();
        let count = tcp.take(data, &mut octets) as u64;
        if count == 0 {
            return false;
        }
        self.received.octets += count;
        if self.step == Step::Streams && self.received.octets >= COOKIE as u64 {
            self.received.octets -= COOKIE as u64;
            self.step = Step::Running;
            self.start = now;
        }
        true
    }

    /// A client that goes without a word ends the test.
    fn is_gone(&mut self, tcp: &mut Tcp) -> bool {
        let socket = tcp.socket(self.control);
        let gone = !socket.may_recv() && socket.recv_queue() == 0 && self.step != Step::Done;
        if gone {
            self.step = Step::Done;
        }
        gone
    }

    fn tell(&self, tcp: &mut Tcp, state: u8) {
        // One octet always has room: the client hears all that it is told.
        _ = tcp.socket(self.control).send_slice(&[state]);
    }

    fn results(&self) -> Value {
        let end = self.end.unwrap_or(self.start);
        json!({
            "cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0,
            "sender_has_retransmits": -1,
            "streams": [{
                "id": 1,
                "bytes": self.received.octets,
                "retransmits": -1,
                "jitter": self.received.jitter,
                "errors": self.received.lost,
                "packets": self.received.packets,
                "start_time": 0,
                "end_time": (end - self.start).as_secs_f64(),
            }],
        })
    }
}

impl Received {
    /// Counts a datagram, as `iperf_udp_recv`.
    fn take(&mut self, now: Instant, data: &[u8]) {
        let Some(head) = data.first_chunk::<UDP_HEAD>() else {
            return;
        };
        let word =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let sent = f64::from(word(0)) + f64::from(word(4)) / 1e6;
        let number = u64::from(word(8));
        self.octets += data.len() as u64;
        if number > self.packets {
            self.lost += number - self.packets - 1;
            self.packets = number;
        } else {
            self.out_of_order += 1;
            self.lost = self.lost.saturating_sub(1);
        }
        let transit = now.since_start().as_secs_f64() - sent;
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
    }
}
