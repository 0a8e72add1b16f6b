//! The emulated network, driven by a script and by frames, in virtual time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::hosts::{Exec, Hosts};
use super::travelling::Travelling;
use crate::control::{Control, Output, Reply};
use crate::iproute::command::Command;
use crate::iproute::script::{Flow, Item, Script, Sink as Stream, Streams};
use crate::netdev::loops::LoopNews;
use crate::netdev::tree::TreeNews;
use crate::netdev::{NamespaceId, Network};
use crate::switch::{
    AttachmentId, Counters, Egress, Lost, NetdevId, Originate, PacketType, Plan, Side, Trace,
    Verdict, forward, forward_watched, hand_up, originate,
};
use crate::time::{Duration, Instant};
use crate::wire::Ethernet;

/// What happens, in the order in which it happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A frame came in.
    Frame {
        /// Its number, from 1 on; its copies have the same.
        id: u64,
        /// Where it came in.
        ingress: AttachmentId,
        /// For whom it is, as the netdev sees it; for a frame that a stack sends, by its address.
        kind: PacketType,
        /// The frame.
        octets: &'a [u8],
        /// What became of it.
        verdict: Verdict,
        /// Its copies that did not get out.
        lost: &'a [Lost],
    },
    /// A copy went out; it follows its [`Event::Frame`], unless the network sent it by itself.
    Copy {
        /// The number of the frame.
        id: u64,
        /// Where it went out.
        egress: AttachmentId,
        /// For whom it is.
        kind: PacketType,
        /// The copy.
        octets: &'a [u8],
    },
    /// A bridge has news of a loop.
    Loop(&'a LoopNews),
    /// Something happened to a port's part in a spanning tree.
    Tree(&'a TreeNews),
    /// A command of the script was executed.
    Command {
        /// The command.
        item: &'a Item,
        /// What it answered.
        reply: &'a Reply,
    },
}

/// Who is told what happens.
pub trait Sink {
    /// Takes note of an event.
    ///
    /// # Errors
    /// The sink cannot go on (a disk is full); the engine stops where it is and returns the error.
    fn event(&mut self, now: Instant, network: &Network, event: Event<'_>) -> io::Result<()>;

    /// Takes note of what happened to a frame on its way, behind the events of the frame and its copies, if the
    /// engine watches ([`Engine::watch`]).
    ///
    /// # Errors
    /// As [`Self::event`].
    fn watched(&mut self, network: &Network, watched: &Watched<'_>) -> io::Result<()> {
        _ = (network, watched);
        Ok(())
    }
}

/// What happened to a frame that came in.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Which of the frames that came in, from 1 on; those that the network sends by itself do not count.
    pub number: u64,
    /// Where it came in.
    pub ingress: AttachmentId,
    /// The frame.
    pub octets: &'a [u8],
    /// Its way.
    pub trace: &'a Trace,
}

/// Takes note of nothing.
impl Sink for () {
    fn event(&mut self, _: Instant, _: &Network, _: Event<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// The script ended before its end, with this status: a command failed under `set -e`, or `exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped(pub u8);

/// One emulated network. Nothing here reads a clock or a file; `now` never goes back.
#[derive(Debug)]
pub struct Engine {
    script: Script,
    flow: Flow,
    /// When the script goes on; `None` when it has ended.
    wake: Option<Instant>,
    status: u8,
    now: Instant,
    control: Control,
    plan: Arc<Plan>,
    counters: Counters,
    egress: Egress,
    /// The octets of an edited copy, while it is told of.
    edited: Vec<u8>,
    frames: u64,
    originated: u64,
    travelling: Travelling,
    hosts: Hosts,
    /// The commands before the first one that takes time are being executed.
    setting_up: bool,
    /// The command that set-up ended before.
    held: Option<Item>,
    /// The program that the script waits for, and where it runs.
    running: Option<(NamespaceId, Item)>,
    /// The way of the frame that came in last, while somebody watches.
    trace: Option<Box<Trace>>,
}

impl Engine {
    /// Makes the network as it is before the first command.
    #[must_use]
    pub fn new(script: &Script) -> Self {
        let control = Control::new(&script.outside());
        let plan = control.plan();
        let mut counters = Counters::default();
        counters.fit(&plan);
        Self {
            script: script.clone(),
            flow: Flow::default(),
            wake: Some(Instant::ZERO),
            status: 0,
            now: Instant::ZERO,
            control,
            plan,
            counters,
            egress: Egress::default(),
            edited: Vec::new(),
            frames: 0,
            originated: 0,
            travelling: Travelling::default(),
            hosts: Hosts::none(),
            setting_up: false,
            held: None,
            running: None,
            trace: None,
        }
    }

    /// Simulates a host in every namespace that has an address, but none on attachments that are called so (as
    /// attachments are, or as [`FileNames`](super::FileNames) calls them): captures feed those. To be called before
    /// anything else; without, nobody is simulated.
    pub fn simulate_hosts(&mut self, fed: Vec<String>) {
        self.hosts = Hosts::all_but(fed);
    }

    /// Watches the frames that come in from now on, or no longer: [`Sink::watched`] is told of their ways. What
    /// becomes of them does not change.
    pub fn watch(&mut self, on: bool) {
        self.trace = on.then(Box::default);
    }

    /// Lets frames that the network itself sends, and that bridges of the network take, be taken later: after
    /// a time of once to twice `shortest` that is drawn from the seed for each port. Frames by one port stay
    /// in order. Without this, and with zero, they are taken at once.
    pub fn set_latency(&mut self, shortest: Duration, seed: u64) {
        self.travelling.latency = Some((shortest, seed)).filter(|(time, _)| !time.is_zero());
    }

    /// Sets a netdev up or down, as if a command did.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn set_link(&mut self, id: NetdevId, up: bool, sink: &mut impl Sink) -> io::Result<()> {
        self.control.set_up(self.now, id, up);
        self.hosts.configuration_changed();
        self.drain(sink)?;
        self.settle(sink)
    }

    /// Returns when something is due next: a timer, a command, or a frame that is on its way.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let due = [
            self.control.poll_timeout(),
            self.travelling.due(),
            self.hosts.due(),
            self.wake,
        ];
        due.into_iter().flatten().min()
    }

    /// Executes the commands before the first `sleep` and before the first program of a host, at t = 0.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn run_setup(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        self.setting_up = true;
        let done = self.run_script(sink);
        self.setting_up = false;
        done?;
        self.settle(sink)
    }

    /// Lets time pass until `to`: timers and commands that are due then or before, in the order of
    /// their times; timers before hosts and hosts before commands of the same instant. A `to` in the past
    /// changes nothing.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn advance_to(&mut self, to: Instant, sink: &mut impl Sink) -> io::Result<()> {
        loop {
            let timer = self.control.poll_timeout().filter(|at| *at <= to);
            let host = self.hosts.due().filter(|at| *at <= to);
            let wake = self.wake.filter(|at| *at <= to);
            let first = timer.into_iter().chain(host).chain(wake).min();
            let travelled = self.travelling.due().filter(|at| *at <= to);
            if let Some(at) = travelled.filter(|at| first.is_none_or(|first| *at <= first)) {
                self.now = self.now.max(at);
                self.take_travelled(sink)?;
                self.settle(sink)?;
                continue;
            }
            let Some(first) = first else {
                break;
            };
            self.now = self.now.max(first);
            if timer == Some(first) {
                self.control.handle_timeout(self.now);
                self.drain(sink)?;
            } else if host == Some(first) {
                let sent = self.hosts.handle_timeout(self.now);
                self.inject_sent(sent, sink)?;
            } else {
                self.run_script(sink)?;
            }
            self.settle(sink)?;
        }
        self.now = self.now.max(to);
        Ok(())
    }

    /// Takes frames that come in by an attachment, in order; to be called after
    /// [`Self::advance_to`] the same instant.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn inject(
        &mut self,
        ingress: AttachmentId,
        frames: &[&[u8]],
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        for octets in frames {
            self.inject_one(ingress, octets, sink)?;
            self.settle(sink)?;
        }
        Ok(())
    }

    /// Lets hosts take what has arrived, and send, until nothing is on its way in this instant; and lets the script go
    /// on when the program has ended that it waits for. Hosts take only so much in an instant, so that it ends.
    fn settle(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        loop {
            self.hosts.refresh(self.control.network(), &self.plan);
            if let Some(sent) = self.hosts.take(self.now) {
                self.inject_sent(sent, sink)?;
                continue;
            }
            let Some((ns, item)) = self.running.take() else {
                return Ok(());
            };
            let Some(ended) = self.hosts.ended(ns) else {
                self.running = Some((ns, item));
                return Ok(());
            };
            let reply = Reply {
                stdout: ended.stdout,
                stderr: ended.stderr,
                status: ended.status,
            };
            self.replied(&item, &redirected(reply, item.streams), sink)?;
            self.run_script(sink)?;
        }
    }

    /// Takes frames that a host sends.
    fn inject_sent(
        &mut self,
        sent: VecDeque<(AttachmentId, Vec<u8>)>,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        for (at, octets) in sent {
            self.inject_one(at, &octets, sink)?;
        }
        Ok(())
    }

    /// Takes one frame. What control makes of it holds for the next, even of the same instant: the
    /// kernel, too, is done with one before it begins another.
    fn inject_one(
        &mut self,
        ingress: AttachmentId,
        octets: &[u8],
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let (plan, counters, egress) = (&self.plan, &mut self.counters, &mut self.egress);
        match &mut self.trace {
            None => forward(plan, self.now, ingress, &[octets], counters, egress),
            Some(trace) => {
                forward_watched(plan, self.now, ingress, octets, counters, egress, trace);
            }
        }
        self.frames += 1;
        for verdict in self.egress.verdicts() {
            let event = Event::Frame {
                id: self.frames,
                ingress,
                kind: kind_in(&self.plan, ingress, octets),
                octets,
                verdict: *verdict,
                lost: self.egress.lost(),
            };
            sink.event(self.now, self.control.network(), event)?;
        }
        self.tell_copies(octets, sink)?;
        if let Some(trace) = &self.trace {
            let number = self.frames - self.originated;
            let watched = Watched {
                number,
                ingress,
                octets,
                trace,
            };
            sink.watched(self.control.network(), &watched)?;
        }
        self.trap(octets);
        self.drain(sink)
    }

    /// Tells the sink of every copy of the frame just decided.
    fn tell_copies(&mut self, octets: &[u8], sink: &mut impl Sink) -> io::Result<()> {
        for (egress, copies) in self.egress.queues() {
            for copy in copies {
                let octets = match self.egress.pieces(copy.edit, octets) {
                    [frame, []] | [[], frame] => frame,
                    [head, rest] => {
                        self.edited.clear();
                        self.edited.extend_from_slice(head);
                        self.edited.extend_from_slice(rest);
                        &self.edited
                    }
                };
                let event = Event::Copy {
                    id: self.frames,
                    egress,
                    kind: copy.kind,
                    octets,
                };
                sink.event(self.now, self.control.network(), event)?;
                self.hosts.arrives(egress, octets);
            }
        }
        Ok(())
    }

    /// Hands control what the frame just decided has for it.
    fn trap(&mut self, octets: &[u8]) {
        for trap in self.egress.traps() {
            let octets = self.egress.pieces(trap.edit, octets).concat();
            self.control.handle_trap(self.now, trap, &octets);
        }
    }

    /// Lets what is left of the script run, and then `linger` pass: from the last frame or command,
    /// whichever is later.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn finish(&mut self, linger: Duration, sink: &mut impl Sink) -> io::Result<()> {
        while !self.script_ended()
            && let Some(at) = self.next_due()
        {
            self.advance_to(at, sink)?;
        }
        self.advance_to(self.now + linger, sink)
    }

    /// Executes commands that are not in the script, now, as a script of their own; a `sleep` in them lets
    /// time pass. Returns what they print, together, and the status they end with.
    ///
    /// A name that nobody has created is an error of the command, as on the kernel: outside wires are
    /// those of the script.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn execute(&mut self, commands: &Script, sink: &mut impl Sink) -> io::Result<Reply> {
        let (mut flow, mut status) = (Flow::default(), 0);
        let mut all = Reply::default();
        while let Some(item) = flow.next(commands, status) {
            if let Command::Sleep(time) = item.command {
                self.drain(sink)?;
                self.advance_to(self.now + time, sink)?;
                status = 0;
                continue;
            }
            let reply = match &item.command {
                Command::Exec(ns, words) if !self.hosts.are_off() => {
                    let reply = self.run_program(ns, words, item, sink)?;
                    redirected(reply, item.streams)
                }
                _ => self.item(item),
            };
            status = reply.status;
            all.stdout.push_str(&reply.stdout);
            all.stderr.push_str(&reply.stderr);
            let (network, reply) = (self.control.network(), &reply);
            sink.event(self.now, network, Event::Command { item, reply })?;
        }
        self.drain(sink)?;
        self.settle(sink)?;
        all.status = flow.status();
        Ok(all)
    }

    /// Returns how far time has come.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Returns what sh would exit with after what was executed of the script.
    #[must_use]
    pub const fn status(&self) -> u8 {
        self.flow.status()
    }

    /// Returns how the script ended, if before its end with a status other than 0.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        (self.script_ended() && self.flow.stopped())
            .then(|| Stopped(self.flow.status()))
            .filter(|stopped| stopped.0 != 0)
    }

    /// Whether no command is left.
    #[must_use]
    pub const fn script_ended(&self) -> bool {
        self.wake.is_none() && self.running.is_none()
    }

    /// Returns the configuration.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.control.network()
    }

    /// Returns the plan in force.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns what was counted so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns how many frames simulated hosts lost because too many came to one in one instant.
    #[must_use]
    pub fn lost_by_hosts(&self) -> u64 {
        self.hosts.lost()
    }

    /// Returns how many frames the network sent by itself.
    #[must_use]
    pub const fn originated(&self) -> u64 {
        self.originated
    }

    /// Executes commands up to the next `sleep`, program or the end, and then does what control wants done:
    /// commands of one instant are one change, whose plan is compiled once.
    fn run_script(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        self.wake = None;
        let script = self.script.clone();
        let held = self.held.take();
        let mut next = match &held {
            Some(item) => Some(item),
            None => self.flow.next(&script, self.status),
        };
        while let Some(item) = next {
            match &item.command {
                Command::Sleep(time) => {
                    self.status = 0;
                    self.wake = Some(self.now + *time);
                    break;
                }
                Command::Exec(..) if self.setting_up && !self.hosts.are_off() => {
                    self.held = Some(item.clone());
                    self.wake = Some(self.now);
                    break;
                }
                Command::Exec(ns, words) if !self.hosts.are_off() => {
                    match self.start(ns, words, item, sink)? {
                        Ok(ns) => {
                            self.running = Some((ns, item.clone()));
                            return Ok(());
                        }
                        Err(reply) => self.replied(item, &redirected(reply, item.streams), sink)?,
                    }
                }
                _ => {
                    let reply = self.item(item);
                    self.replied(item, &reply, sink)?;
                }
            }
            next = self.flow.next(&script, self.status);
        }
        self.drain(sink)
    }

    /// A command of the script is done.
    fn replied(&mut self, item: &Item, reply: &Reply, sink: &mut impl Sink) -> io::Result<()> {
        self.status = reply.status;
        let network = self.control.network();
        sink.event(self.now, network, Event::Command { item, reply })
    }

    /// Starts a program in a namespace's host, in the network as the commands before it have made it; returns
    /// where it runs, or what there is to say.
    fn start(
        &mut self,
        ns: &str,
        words: &[String],
        item: &Item,
        sink: &mut impl Sink,
    ) -> io::Result<Result<NamespaceId, Reply>> {
        self.drain(sink)?;
        self.hosts.refresh(self.control.network(), &self.plan);
        let network = self.control.network();
        let (exec, sent) = self.hosts.exec(self.now, network, ns, words);
        let refuse = |stderr: String, status| {
            Err(Reply {
                stderr,
                status,
                ..Reply::default()
            })
        };
        let started = match exec {
            Exec::Runs(ns) => Ok(ns),
            Exec::NoNamespace => {
                let why = "No such file or directory";
                let text = format!("Cannot open network namespace \"{ns}\": {why}\n");
                refuse(text, 255)
            }
            Exec::Busy => refuse(format!("tapswitch: a program runs in {ns} already\n"), 1),
            Exec::Unknown => Err(not_run(item)),
        };
        self.inject_sent(sent, sink)?;
        Ok(started)
    }

    /// Runs a program that is not the script's to its end.
    fn run_program(
        &mut self,
        ns: &str,
        words: &[String],
        item: &Item,
        sink: &mut impl Sink,
    ) -> io::Result<Reply> {
        let ns = match self.start(ns, words, item, sink)? {
            Ok(ns) => ns,
            Err(reply) => return Ok(reply),
        };
        loop {
            self.settle(sink)?;
            if let Some(ended) = self.hosts.ended(ns) {
                return Ok(Reply {
                    stdout: ended.stdout,
                    stderr: ended.stderr,
                    status: ended.status,
                });
            }
            let Some(at) = self.next_due() else {
                return Ok(Reply::default());
            };
            self.advance_to(at, sink)?;
        }
    }

    /// Does one command.
    fn item(&mut self, item: &Item) -> Reply {
        let mut reply = Reply::default();
        match &item.command {
            // Hosts hear of neighbours with the rest of the configuration.
            Command::Net(command) | Command::Neigh(command, _) => {
                reply = self.control.execute(self.now, command, &self.counters);
                self.hosts.configuration_changed();
            }
            Command::Exec(..) => return not_run(item),
            Command::Echo(text) => reply.stdout = format!("{text}\n"),
            // Decided by the flow or done by the caller; nothing is left to do.
            Command::Sleep(_) | Command::ErrExit(_) | Command::Status(_) | Command::Exit(_) => {}
        }
        redirected(reply, item.streams)
    }

    /// Does what control wants done, in order.
    fn drain(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Plan(plan) => {
                    self.counters.fit(&plan);
                    self.plan = plan;
                }
                Output::Tree(news) => {
                    let network = self.control.network();
                    sink.event(self.now, network, Event::Tree(&news))?;
                }
                Output::Transmit(netdev, octets) => {
                    self.originate(originate, netdev, &octets, sink)?;
                }
                Output::Receive(netdev, octets) => {
                    self.originate(hand_up, netdev, &octets, sink)?;
                }
                Output::Loop(news) => {
                    let network = self.control.network();
                    sink.event(self.now, network, Event::Loop(&news))?;
                }
            }
        }
        Ok(())
    }

    /// Starts a frame of the network's own on its way, which other bridges of the network may take.
    fn originate(
        &mut self,
        way: Originate,
        netdev: NetdevId,
        octets: &[u8],
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        way(
            &self.plan,
            self.now,
            netdev,
            octets,
            &mut self.counters,
            &mut self.egress,
        );
        self.frames += 1;
        self.originated += 1;
        self.tell_copies(octets, sink)?;
        if self.travelling.latency.is_none() {
            self.trap(octets);
        } else {
            for trap in self.egress.traps() {
                let octets = self.egress.pieces(trap.edit, octets).concat();
                self.travelling.send(self.now, *trap, octets);
            }
        }
        Ok(())
    }

    /// Hands control the next frame that has arrived.
    fn take_travelled(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        if let Some((trap, octets)) = self.travelling.arrive() {
            self.control.handle_trap(self.now, &trap, &octets);
        }
        self.drain(sink)
    }
}

/// What is said of a program that nobody simulates.
fn not_run(item: &Item) -> Reply {
    let line = item.at.line;
    Reply {
        stderr: format!("line {line}: not run in a replay: {}\n", item.text),
        ..Reply::default()
    }
}

/// Sends what a command printed where its redirections say.
fn redirected(reply: Reply, streams: Streams) -> Reply {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for (text, to) in [
        (reply.stdout, streams.stdout),
        (reply.stderr, streams.stderr),
    ] {
        match to {
            Stream::Stdout => stdout.push_str(&text),
            Stream::Stderr => stderr.push_str(&text),
            Stream::Null => {}
        }
    }
    Reply {
        stdout,
        stderr,
        status: reply.status,
    }
}

/// For whom a frame is that comes in (`eth_type_trans`); of a runt nobody knows.
fn kind_in(plan: &Plan, ingress: AttachmentId, octets: &[u8]) -> PacketType {
    let attachment = &plan.attachments[ingress.index()];
    let Ok(frame) = Ethernet::parse(octets) else {
        return PacketType::OtherHost;
    };
    let destination = frame.destination();
    if destination.is_broadcast() {
        PacketType::Broadcast
    } else if destination.is_group() {
        PacketType::Multicast
    } else if attachment.side != Side::Wire
        || destination == plan.netdevs[attachment.netdev.index()].mac
    {
        PacketType::Host
    } else {
        PacketType::OtherHost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes events as short texts.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Sink for Notes {
        fn event(&mut self, now: Instant, network: &Network, event: Event<'_>) -> io::Result<()> {
            let name = |id: AttachmentId| network.attachments()[id.index()].name.clone();
            let text = match event {
                Event::Frame {
                    id,
                    ingress,
                    verdict,
                    ..
                } => format!("#{id} in {} {verdict:?}", name(ingress)),
                Event::Copy { id, egress, .. } => format!("#{id} out {}", name(egress)),
                Event::Command { item, reply } => format!("{} -> {}", item.text, reply.status),
                Event::Loop(news) => news.to_string(),
                Event::Tree(news) => news.to_string(),
            };
            self.0.push(format!("{} {text}", now.as_nanos()));
            Ok(())
        }
    }

    #[test]
    fn a_frame_and_commands_in_the_order_of_time() {
        let text = "ip link add br0 type bridge\nip tuntap add p1 mode tap\nip tuntap add p2 mode tap\n\
                    ip link set p1 up master br0\nip link set p2 up master br0\nip link set br0 up\n\
                    sleep 0.000000005\necho later 2>&1 >/dev/null\nfalse\nset -e\nfalse\necho never";
        let script = Script::parse("lab.sh", text).unwrap();
        let mut engine = Engine::new(&script);
        let mut notes = Notes::default();
        engine.run_setup(&mut notes).unwrap();
        assert_eq!(notes.0.len(), 6, "{:?}", notes.0);
        assert!(!engine.script_ended());
        notes.0.clear();

        let p1 = engine.network().find_attachment("p1").unwrap();
        let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0; 48]].concat();
        engine
            .inject(p1, &[&frame, &frame[..13]], &mut notes)
            .unwrap();
        engine
            .advance_to(Instant::from_nanos(4), &mut notes)
            .unwrap();
        engine.finish(Duration::from_nanos(7), &mut notes).unwrap();
        assert_eq!(
            notes.0,
            [
                "0 #1 in p1 Forwarded",
                "0 #1 out p2",
                "0 #1 out br0",
                "0 #2 in p1 Dropped(Runt)",
                "5 echo later 2>&1 >/dev/null -> 0",
            ]
        );
        assert_eq!(engine.now(), Instant::from_nanos(12));
        assert_eq!(engine.stopped(), Some(Stopped(1)));
        assert!(engine.counters().attachments.iter().all(|one| one.add_up()));
    }
}
