//! Simulated hosts: what a namespace does where there is no real one, in a replay.
//!
//! A [`Host`] is the stack of one namespace with all its interfaces, and the program that runs in it. It is a
//! value without I/O: frames and time go in, frames and what a program printed come out.
//!
//! ```text
//! configure(interfaces) ─▶ Host ◀─ receive(now, interface, frame)      poll_transmit() ─▶ (interface, frame)
//!        start(now, words) ─▶      ◀─ handle_timeout(now)                    poll_ended() ─▶ stdout, stderr, status
//! ```
//!
//! It behaves as Linux with its defaults: ARP for any of its addresses by any interface, neighbour discovery,
//! three questions a second apart and then "Destination Host Unreachable", neighbours that grow stale and are asked
//! again, connected and told routes, fragments, forwarding if told so, echoes (ICMP, and UDP and TCP at port 7).
//! Programs are `ping`, `arping`, `iperf3`, `ip route`, `sysctl` of forwarding, and `sh -c` of these.
//!
//! Unlike Linux: nothing is random (identifiers and ports are counted, a neighbour is good for 30 s); nothing is
//! sent unasked (no duplicate address detection, no reports of groups); a packet that is sent takes no time.
//!
//! # Bounds
//!
//! [`MAX_IN_AN_INSTANT`] frames in one instant; 1,024 neighbours, 101 packets that wait for one; 16 datagrams of
//! which fragments are there, 64 fragments each; 1,024 routes; one program at a time, which sends a million echoes
//! at most, or 2 GiB; 16 servers, 32 connections of 64 KiB each way.

mod arping;
mod icmp;
mod interface;
mod iperf;
mod iperf_server;
mod neighbours;
mod options;
mod packet;
mod ping;
mod settings;
mod shell;
mod stack;
mod tcp;
#[cfg(test)]
mod tests;
mod units;

use std::collections::VecDeque;

pub use interface::{Interface, InterfaceAddress};
pub use stack::MAX_IN_AN_INSTANT;

use crate::time::Instant;
use arping::Arping;
use icmp::Failure;
use iperf::{Client, Iperf};
use iperf_server::Server;
use packet::TCP;
use ping::Ping;
use shell::Joint;
use stack::{News, Stack};
use tcp::Tcp;

/// What a program came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// Its exit status.
    pub status: u8,
}

impl Ended {
    const fn complaint(status: u8, stderr: String) -> Self {
        Self {
            stdout: String::new(),
            stderr,
            status,
        }
    }
}

/// What became of a program that was to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It runs; [`Host::poll_ended`] says when it has ended.
    Runs,
    /// Nobody simulates it.
    Unknown,
}

/// Servers of a host at most.
const MAX_SERVERS: usize = 16;

/// One host. Nothing here reads a clock; `now` never goes back.
#[derive(Debug, Default)]
pub struct Host {
    stack: Stack,
    /// Made when it is needed.
    tcp: Option<Box<Tcp>>,
    /// Servers that programs have left behind.
    servers: Vec<Server>,
    /// When TCP has something to do.
    tcp_due: Option<Instant>,
    program: Option<Program>,
    /// Commands of `sh -c` that are to come.
    queue: VecDeque<(Joint, Vec<String>)>,
    /// What commands came to so far, while some are to come or run.
    ended: Option<Ended>,
    /// How many programs there were: what tells their packets apart.
    programs: u16,
}

#[derive(Debug)]
enum Program {
    Ping(Box<Ping>),
    Arping(Box<Arping>),
    Iperf(Box<Client>),
}

impl Host {
    /// Says which interfaces the host has that are up, and whether its loopback is. Neighbours and routes of
    /// interfaces that are not there any more are forgotten.
    pub fn configure(&mut self, interfaces: Vec<Interface>, loopback: bool) {
        self.stack.configure(interfaces, loopback);
    }

    /// Whether a frame that comes in by an interface is for the host: what goes by for others is nobody's.
    #[must_use]
    pub fn hears(&self, interface: u32, frame: &[u8]) -> bool {
        self.stack.hears(interface, frame)
    }

    /// Whether a program runs.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.ended.is_some()
    }

    /// Takes a frame that came in by an interface.
    pub fn receive(&mut self, now: Instant, interface: u32, frame: &[u8]) {
        self.stack.receive(now, interface, frame);
        self.work(now);
    }

    /// Starts a program, which must not be while another one runs.
    pub fn start(&mut self, now: Instant, words: &[String]) -> Start {
        let commands = match words {
            [shell, flag, text] if shell == "sh" && flag == "-c" => shell::split(text),
            words => Some(vec![(Joint::Start, words.to_vec())]),
        };
        let known = |(_, words): &(Joint, Vec<String>)| {
            let name = words.first().map_or("", |word| name(word));
            [
                "ping", "arping", "iperf3", "ip", "sysctl", "true", "false", ":",
            ]
            .contains(&name)
        };
        let Some(commands) = commands.filter(|commands| commands.iter().all(known)) else {
            return Start::Unknown;
        };
        self.queue = commands.into();
        self.ended = Some(Ended::default());
        let alone = self.queue.len() == 1;
        if !self.next_command(now) && alone {
            self.ended = None;
            return Start::Unknown;
        }
        self.work(now);
        Start::Runs
    }

    /// Returns when [`Self::handle_timeout`] wants to be called. May change after any other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let program = match &self.program {
            Some(Program::Ping(ping)) => ping.poll_timeout(),
            Some(Program::Arping(arping)) => arping.poll_timeout(),
            Some(Program::Iperf(client)) => client.poll_timeout(),
            None => None,
        };
        [self.stack.poll_timeout(), self.tcp_due, program]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
        if self.tcp_due.is_some_and(|at| at <= now)
            && let Some(tcp) = &mut self.tcp
        {
            tcp.poll(now);
        }
        self.work(now);
    }

    /// Returns the next frame to send, and by which interface.
    pub fn poll_transmit(&mut self) -> Option<(u32, Vec<u8>)> {
        self.stack.poll_transmit()
    }

    /// Returns what the program that was started came to, once it has ended.
    pub fn poll_ended(&mut self) -> Option<Ended> {
        let runs = self.program.is_some() || !self.queue.is_empty();
        self.ended.take_if(|_| !runs)
    }

    /// Returns how many frames and packets were lost because too many came in one instant.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.stack.lost
    }

    /// Lets news reach whom they are for, and programs go on, until nothing happens any more. Every round takes a
    /// packet that the instant has room for, news, or a program's step, so that it ends.
    fn work(&mut self, now: Instant) {
        loop {
            let mut busy = self.stack.loop_back(now);
            while let Some(news) = self.stack.news.pop_front() {
                busy = true;
                self.hear(now, &news);
            }
            busy |= self.advance(now);
            busy |= self.advance_servers(now);
            busy |= self.send_segments(now) || self.stack.talks_to_itself();
            if !busy {
                break;
            }
        }
        self.tcp_due = self.tcp.as_mut().and_then(|tcp| tcp.poll_timeout(now));
    }

    /// Lets a client of iperf3 go on; says how it ended, if it did, and else whether something happened.
    fn advance_iperf(&mut self, now: Instant) -> Result<bool, Ended> {
        let (Some(Program::Iperf(client)), Some(tcp)) = (&mut self.program, &mut self.tcp) else {
            return Ok(false);
        };
        let done = client.advance(now, &mut self.stack, tcp);
        if !matches!(done, Ok(false)) {
            tcp.poll(now);
        }
        done
    }

    /// Lets servers go on; true if something happened.
    fn advance_servers(&mut self, now: Instant) -> bool {
        let Some(tcp) = &mut self.tcp else {
            return false;
        };
        let mut busy = false;
        for server in &mut self.servers {
            busy |= server.advance(now, tcp);
        }
        if busy {
            tcp.poll(now);
            for over in self.servers.extract_if(.., |server| server.is_over()) {
                tcp.ports.retain(|port| *port != over.port);
                self.stack.udp_ports.retain(|port| *port != over.port);
            }
        }
        busy
    }

    /// `iperf3`, client or server.
    fn iperf(&mut self, now: Instant, arguments: &[String]) -> Result<Program, Ended> {
        self.tcp(now);
        let Some(tcp) = &mut self.tcp else {
            return Err(Ended::default());
        };
        match Iperf::start(now, arguments, &self.stack, tcp)? {
            Iperf::Run(client) => Ok(Program::Iperf(client)),
            Iperf::Serve(port, one_off) => {
                if tcp.ports.contains(&port) || tcp.ports.len() >= MAX_SERVERS {
                    let text = "iperf3: error - unable to start listener for connections: Address already in use\n";
                    return Err(Ended::complaint(1, text.into()));
                }
                tcp.ports.push(port);
                self.stack.udp_ports.push(port);
                self.servers.push(Server::new(port, one_off));
                Err(Ended::default())
            }
        }
    }

    /// Sends what TCP has to send; true if there was something.
    fn send_segments(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(packet) = self.tcp.as_mut().and_then(|tcp| tcp.poll_transmit()) {
            busy = true;
            let remote = packet.destination;
            if self.stack.send(now, packet, None).is_err()
                && let Some(tcp) = &mut self.tcp
            {
                tcp.unreachable(now, remote);
            }
        }
        busy
    }

    /// Returns TCP, made for the narrowest of the interfaces.
    fn tcp(&mut self, now: Instant) -> &mut Tcp {
        let mtus = self.stack.interfaces.iter().map(|it| it.mtu as usize);
        let mtu = mtus.min().unwrap_or(1_500).max(576);
        let seed = self
            .stack
            .interfaces
            .first()
            .map_or(0, |it| it.mac.to_u64());
        self.tcp
            .get_or_insert_with(|| Box::new(Tcp::new(now, mtu, seed)))
    }

    fn hear(&mut self, now: Instant, news: &News) {
        match news {
            News::Tcp(packet) => self.tcp(now).receive(now, packet),
            News::Udp(packet, from, to) => {
                let (from, there) = ((packet.source, *from), (packet.destination, *to));
                let mut servers = self.servers.iter_mut();
                if let Some(server) = servers.find(|it| it.port == *to) {
                    server.datagram(now, &mut self.stack, from, there, &packet.payload);
                }
            }
            News::Failed(_, Failure::Host | Failure::Net, quoted) if quoted.protocol == TCP => {
                if let Some(tcp) = &mut self.tcp {
                    tcp.unreachable(now, quoted.destination);
                }
            }
            _ => {}
        }
        match &mut self.program {
            Some(Program::Ping(ping)) => ping.hear(now, news),
            Some(Program::Arping(arping)) => arping.hear(now, news),
            Some(Program::Iperf(client)) => client.hear(news),
            None => {}
        }
    }

    /// Lets the program go on, and the next one begin when it ends; true if one ended.
    fn advance(&mut self, now: Instant) -> bool {
        let ended = match &mut self.program {
            Some(Program::Ping(ping)) => ping.advance(now, &mut self.stack),
            Some(Program::Arping(arping)) => arping.advance(now, &mut self.stack),
            Some(Program::Iperf(_)) => match self.advance_iperf(now) {
                Ok(busy) => return busy,
                Err(ended) => Some(ended),
            },
            None => None,
        };
        let Some(ended) = ended else {
            return false;
        };
        self.program = None;
        self.done(ended);
        self.next_command(now);
        true
    }

    fn done(&mut self, ended: Ended) {
        let all = self.ended.get_or_insert_default();
        all.stdout += &ended.stdout;
        all.stderr += &ended.stderr;
        all.status = ended.status;
    }

    /// Begins the next command, and the one after it if that has ended. False if the last of them is unknown.
    fn next_command(&mut self, now: Instant) -> bool {
        let mut known = true;
        while self.program.is_none()
            && let Some((joint, words)) = self.queue.pop_front()
        {
            let status = self.ended.as_ref().map_or(0, |ended| ended.status);
            let runs = match joint {
                Joint::Start => true,
                Joint::And => status == 0,
                Joint::Or => status != 0,
            };
            if !runs {
                continue;
            }
            match self.command(now, &words) {
                Some(Ok(program)) => self.program = Some(program),
                Some(Err(ended)) => self.done(ended),
                None => {
                    known = false;
                    let text = format!("not simulated: {}\n", words.join(" "));
                    self.done(Ended::complaint(0, text));
                }
            }
        }
        known
    }

    /// Starts a program, or does what takes no time. `None`: nobody simulates it.
    fn command(&mut self, now: Instant, words: &[String]) -> Option<Result<Program, Ended>> {
        let (program, arguments) = words.split_first()?;
        let ended = match name(program) {
            "ping" => {
                self.programs = self.programs.wrapping_add(1);
                let ping = Ping::start(now, arguments, &self.stack, self.programs);
                return Some(ping.map(|ping| Program::Ping(Box::new(ping))));
            }
            "arping" => {
                let arping = Arping::start(now, arguments, &self.stack);
                return Some(arping.map(|arping| Program::Arping(Box::new(arping))));
            }
            "iperf3" => return Some(self.iperf(now, arguments)),
            "ip" => settings::ip(arguments, &mut self.stack),
            "sysctl" => settings::sysctl(arguments, &mut self.stack),
            "true" | ":" => Some(Ended::default()),
            "false" => Some(Ended::complaint(1, String::new())),
            _ => None,
        };
        ended.map(Err)
    }
}

/// Returns the base name of a program.
fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}
