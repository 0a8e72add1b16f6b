//! The control thread: the script from top to bottom, then until somebody ends it.
//!
//! `ip` and `bridge` commands change the model. The real side follows before anything could notice
//! the difference: before a program runs, before a `sleep`, and at the script's end; from then on
//! after every command. While it waits, for a program, a `sleep` or the end, this thread also serves
//! what is due: timers, frames for control, devices that vanish, NICs whose link comes and goes.

use std::collections::HashMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, bounded, never, select, unbounded};
use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::error::Error;
use super::io::Choices;
use super::leftovers::{self, MARK, RunId};
use super::patience::Polling;
use super::sandbox::{self, Sandbox};
use super::turn::Turn;
use super::wiring::{self, Clock, Shared, Wiring};
use super::worker::{Event, Handle, Outlets, Trapped};
use crate::control::summary::Traffic;
use crate::control::{Control, Output};
use crate::iproute::command::{Command, LinkCommon, LinkSet, NetCommand, Verb};
use crate::iproute::script::{Flow, Item, Script, Sink, Streams};
use crate::netdev::Kind;
use crate::switch::{AttachmentId, Counters, Originate, Plan, Side, hand_up, originate};
use crate::sys::links::{LinkMonitor, LinkNews};
use crate::sys::netlink::Link;
use crate::sys::{namespace, process};
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// Frames for control that wait at most; a hello of every port of a large bridge fits.
const TRAPS: usize = 4096;

/// News of links that wait at most. Beyond, the kernel's queue fills, and then every link is looked at anew.
const LINK_NEWS: usize = 64;

/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// The longest wait when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads.
    pub workers: usize,
    /// End after the last command instead of staying until a signal comes.
    pub exit: bool,
    /// Work in the namespace we are in, with named namespaces and existing NICs.
    pub host: bool,
    /// TAPs hand over super-frames and checksums that are not computed yet, and have a queue for each
    /// worker.
    pub offloads: bool,
    /// By what frames come and go.
    pub io: Choices,
    /// When workers look for frames instead of sleeping.
    pub polling: Polling,
    /// Measure what the workers' time goes into, and tell in the end.
    pub profile: bool,
    /// Standard output is wanted for something else: what the script prints there goes to standard error.
    pub quiet_stdout: bool,
}

/// What a run has come to.
#[derive(Debug)]
pub struct Outcome {
    /// What `sh` would exit with after the script; 128 + n when signal n ended it half way.
    pub status: u8,
    /// What was counted, and what the bridges knew in the end.
    pub traffic: Traffic,
    /// How long it took.
    pub duration: Duration,
}

/// Where a run takes place, entered.
#[derive(Debug)]
pub struct Place {
    /// The namespace that we came from.
    below: OwnedFd,
    /// It is in a user namespace of our own.
    as_user: bool,
}

/// Goes where devices may be made: into namespaces of our own, or with `host` nowhere else; with `taps`, looks
/// whether they can be made there. Must be called while the process has one thread: a user namespace is to be had
/// by such only.
///
/// # Errors
///
/// [`Error`]: no permission, or no TAP driver. Nothing that anybody could see has been done then.
pub fn enter(host: bool, taps: bool) -> Result<Place, Error> {
    leftovers::remove_dead();
    process::raise_file_limit();
    let below = namespace::current_net().map_err(Error::doing("open this network namespace"))?;
    let as_user = !host && sandbox::enter()?;
    if taps {
        sandbox::probe()?;
    }
    Ok(Place { below, as_user })
}

/// Runs a script in a place that [`enter`] was called for.
///
/// # Errors
///
/// [`Error`]: no permission, a name that is taken. A command that the model or a program refuses is the
/// script's business, not an error.
pub fn run(script: &Script, options: &Options, place: Place) -> Result<Outcome, Error> {
    let Place { below, as_user } = place;
    let signals = listen()?;
    let mut live = Live::start(script, options, below, as_user, signals)?;
    let result = live.script(script);
    let outcome = live.end();
    result.map(|status| Outcome { status, ..outcome })
}

/// Turns news of the links of these netdevs of our namespace into messages, each change once.
fn watch(nics: &[Link]) -> Result<Receiver<LinkNews>, Error> {
    let (sender, news) = bounded(LINK_NEWS);
    let monitor = LinkMonitor::open().map_err(Error::doing("listen for news of links"))?;
    let mut known: HashMap<_, _> = nics.iter().map(|it| (it.index, it.running)).collect();
    thread::Builder::new()
        .name("links".to_owned())
        .spawn(move || {
            // Without this thread a pulled cable is noticed by what does not come in, as on any hub.
            while let Ok(all) = monitor.wait() {
                for news in all {
                    let before = known.get_mut(&news.index);
                    let Some(before) = before.filter(|before| **before != news.running) else {
                        continue;
                    };
                    *before = news.running;
                    if sender.send(news).is_err() {
                        return;
                    }
                }
            }
        })
        .map_err(Error::doing("start a thread"))?;
    Ok(news)
}

/// Turns signals into messages.
fn listen() -> Result<Receiver<Signal>, Error> {
    process::block_signals().map_err(Error::doing("block signals"))?;
    let (sender, signals) = unbounded();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while let Ok(signal) = process::wait_signal() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })
        .map_err(Error::doing("start a thread"))?;
    Ok(signals)
}

struct Live {
    control: Control,
    /// The plan that control has published last.
    plan: Arc<Plan>,
    sandbox: Sandbox,
    /// The model has changed since the sandbox was made to follow it.
    changed: bool,
    shared: Arc<Shared>,
    workers: Vec<Handle>,
    /// For frames that control sends itself.
    turn: Turn,
    /// How many those were.
    originated: u64,
    events: Receiver<Event>,
    traps: Receiver<Trapped>,
    signals: Receiver<Signal>,
    /// What becomes of the links of NICs; of none without `--host`.
    links: Receiver<LinkNews>,
    /// The wires of NICs, by the NIC's number.
    nics: HashMap<u32, AttachmentId>,
    /// The signal that ends the run.
    ended_by: Option<Signal>,
    options: Options,
    /// We are in a user namespace of our own.
    as_user: bool,
    run: RunId,
}

impl Live {
    fn start(
        script: &Script,
        options: &Options,
        below: OwnedFd,
        as_user: bool,
        signals: Receiver<Signal>,
    ) -> Result<Self, Error> {
        let outside = script.outside();
        let run = RunId::own();
        let mut control = Control::new(&outside);
        control.set_host_below();
        let queues = options.offloads.then_some(options.workers.max(1));
        let mut sandbox = Sandbox::new(options.host, below, run, queues, options.io.clone())?;
        let mut nics = HashMap::new();
        let mut links = never();
        if options.host {
            let found = adopt(&mut control, &mut sandbox, &outside)?;
            if !found.is_empty() {
                links = watch(&found)?;
            }
            let wires = outside
                .iter()
                .map(|name| control.network().find_attachment(name));
            nics = found
                .iter()
                .zip(wires)
                .filter_map(|(nic, wire)| Some((nic.index, wire.ok()?)))
                .collect();
        }
        let shared = Arc::new(Shared {
            wiring: ArcSwap::default(),
            clock: Clock::start(),
            profile: AtomicBool::new(options.profile),
        });
        let (events_in, events) = unbounded();
        let (traps_in, traps) = bounded(TRAPS);
        let outlets = Outlets {
            events: events_in,
            traps: traps_in,
        };
        // On an only CPU, whoever looks for frames keeps everybody else from sending some.
        let polling = match (options.polling, thread::available_parallelism()) {
            (Polling::Adaptive, Ok(NonZeroUsize::MIN)) => Polling::Never,
            (polling, _) => polling,
        };
        let workers = (0..options.workers.max(1))
            .map(|index| Handle::start(index, polling, Arc::clone(&shared), outlets.clone()))
            .collect::<io::Result<_>>()
            .map_err(Error::doing("start a worker"))?;
        Ok(Self {
            plan: control.plan(),
            control,
            sandbox,
            changed: true,
            shared,
            workers,
            turn: Turn::default(),
            originated: 0,
            events,
            traps,
            signals,
            links,
            nics,
            ended_by: None,
            options: options.clone(),
            as_user,
            run,
        })
    }

    /// Goes through the script; returns the exit status.
    fn script(&mut self, script: &Script) -> Result<u8, Error> {
        let mut flow = Flow::default();
        let mut status = 0;
        while let Some(item) = flow.next(script, status) {
            status = self.item(item)?;
            if let Some(signal) = self.ended_by {
                return Ok(by_signal(signal));
            }
        }
        // What the script's end left to do still has to be seen to be possible.
        self.settle()?;
        for name in self.sandbox.unused_choices(self.control.network()) {
            let text = format!("tapswitch: --io {name}: no such netdev has a device here\n");
            write(Sink::Stderr, &text);
        }
        let failed = flow.stopped() && flow.status() != 0;
        if !self.options.exit && !failed {
            self.announce();
            while self.ended_by.is_none() {
                self.wait(IDLE)?;
            }
        }
        Ok(flow.status())
    }

    /// Does one command; returns its status.
    fn item(&mut self, item: &Item) -> Result<u8, Error> {
        let streams = self.streams(item.streams);
        match &item.command {
            Command::Net(command) => {
                // To ask the workers takes a while, and only statistics show what they count.
                let counters = if command.format.statistics > 0 {
                    self.counters()
                } else {
                    Counters::default()
                };
                let now = self.now();
                let reply = self.control.execute(now, command, &counters);
                write(streams.stdout, &reply.stdout);
                write(streams.stderr, &reply.stderr);
                self.changed = true;
                Ok(reply.status)
            }
            Command::Neigh(command, words) => self.neighbours(command, words, streams),
            Command::Exec(ns, words) => {
                self.settle()?;
                self.exec(ns, words, streams)
            }
            Command::Sleep(duration) => {
                self.settle()?;
                let end = self.now() + *duration;
                while self.ended_by.is_none() && self.now() < end {
                    self.wait(self.shared.clock.until(end))?;
                }
                Ok(0)
            }
            Command::Echo(text) => {
                write(streams.stdout, &format!("{text}\n"));
                Ok(0)
            }
            // The flow decides these itself.
            Command::ErrExit(_) | Command::Status(_) | Command::Exit(_) => Ok(0),
        }
    }

    /// Runs `ip neigh` in a namespace: what the model takes, the namespace's own stack is told too, and
    /// shows, for it knows what it has learned besides.
    fn neighbours(
        &mut self,
        command: &NetCommand,
        words: &[String],
        streams: Streams,
    ) -> Result<u8, Error> {
        let shows = matches!(command.verb, Verb::NeighShow(_) | Verb::NeighGet(_));
        if !shows {
            let now = self.now();
            let reply = self.control.execute(now, command, &Counters::default());
            self.changed = true;
            if reply.status != 0 {
                write(streams.stderr, &reply.stderr);
                return Ok(reply.status);
            }
        }
        self.settle()?;
        self.exec(command.ns.as_deref().unwrap_or_default(), words, streams)
    }

    fn streams(&self, streams: Streams) -> Streams {
        let divert = |sink| match sink {
            Sink::Stdout if self.options.quiet_stdout => Sink::Stderr,
            sink => sink,
        };
        Streams {
            stdout: divert(streams.stdout),
            stderr: divert(streams.stderr),
        }
    }

    /// Runs a program in a namespace, as `ip netns exec` does, and waits for its end.
    fn exec(&mut self, ns: &str, words: &[String], streams: Streams) -> Result<u8, Error> {
        let Some((program, arguments)) = words.split_first() else {
            return Ok(0);
        };
        let Some(net) = self.sandbox.namespace(ns) else {
            let why = "No such file or directory";
            write(
                streams.stderr,
                &format!("Cannot open network namespace \"{ns}\": {why}\n"),
            );
            return Ok(255);
        };
        let mut command = Program::new(program);
        command
            .args(arguments)
            .env(MARK, self.run.to_string())
            .stdout(stdio(streams.stdout))
            .stderr(stdio(streams.stderr));
        let mut child = match process::spawn_in(net, command) {
            Ok(child) => child,
            Err(error) => {
                let why = error
                    .raw_os_error()
                    .map_or_else(|| error.to_string(), |code| words_of(code).to_owned());
                write(
                    streams.stderr,
                    &format!("exec of \"{program}\" failed: {why}\n"),
                );
                return Ok(1);
            }
        };
        let result = self.attend(&mut child);
        if result.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        result
    }

    /// Waits for a program; when the run is ended, ends it too.
    fn attend(&mut self, child: &mut Child) -> Result<u8, Error> {
        let mut deadline = None;
        loop {
            let status = child
                .try_wait()
                .map_err(Error::doing("wait for a program"))?;
            if let Some(status) = status {
                return Ok(status_of(status));
            }
            if let Some(signal) = self.ended_by {
                let now = self.now();
                match deadline {
                    None => {
                        process::send_signal(child.id(), signal);
                        deadline = Some(now + GRACE);
                    }
                    Some(then) if then <= now => {
                        let _ = child.kill();
                    }
                    Some(_) => {}
                }
            }
            self.wait(if deadline.is_some() {
                Duration::from_millis(50)
            } else {
                IDLE
            })?;
        }
    }

    /// Waits for something to happen, and deals with it; at most for a while.
    fn wait(&mut self, longest: Duration) -> Result<(), Error> {
        let due = self
            .control
            .poll_timeout()
            .map_or(IDLE, |then| self.shared.clock.until(then));
        select! {
            recv(self.signals) -> signal => match signal {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                Ok(Signal::SIGUSR1) => self.tell_profile(),
                Ok(signal) => self.ended_by = Some(signal),
            },
            recv(self.events) -> event => match event {
                Ok(Event::Gone(id, generation)) => self.vanished(id, generation),
                Ok(Event::Failed(error)) => return Err(Error::doing("poll the devices")(error)),
                Err(_) => {}
            },
            recv(self.links) -> news => match news {
                Ok(news) => self.link_changed(news),
                // Nobody listens any more.
                Err(_) => self.links = never(),
            },
            recv(self.traps) -> trap => if let Ok((trap, octets)) = trap {
                let now = self.now();
                self.control.handle_trap(now, &trap, &octets);
            },
            default(longest.min(due)) => {}
        }
        let now = self.now();
        if self.control.poll_timeout().is_some_and(|then| then <= now) {
            self.control.handle_timeout(now);
        }
        self.settle()
    }

    /// A NIC's link came or went: its netdev follows.
    fn link_changed(&mut self, news: LinkNews) {
        let Some(wire) = self.nics.get(&news.index).copied() else {
            return;
        };
        // One that has vanished does not come back by itself.
        if news.running && self.sandbox.is_gone(wire) {
            return;
        }
        let now = self.now();
        self.control.set_carrier(now, wire, news.running);
        let name = &self.control.network().attachments()[wire.index()].name;
        let word = if news.running { "up" } else { "down" };
        write(
            Sink::Stderr,
            &format!("tapswitch: the link of {name} is {word}\n"),
        );
    }

    /// A device has vanished: its netdev has lost its wire, or its stack.
    fn vanished(&mut self, id: AttachmentId, generation: u64) {
        if !self.sandbox.vanished(id, generation) {
            return;
        }
        self.changed = true;
        let now = self.now();
        let info = &self.control.network().attachments()[id.index()];
        let netdev = self.control.network().netdev(info.netdev);
        let name = info.name.clone();
        if info.side == Side::Wire || matches!(netdev.kind, Kind::Tap { .. } | Kind::Outside { .. })
        {
            self.control.set_carrier(now, id, false);
        } else {
            // A host without its interface: to the far end it is a cable that was pulled.
            let ns = self.control.network().namespace_name(netdev.ns);
            let down = link_set(
                ns.map(str::to_owned),
                &netdev.name,
                LinkCommon {
                    up: Some(false),
                    ..LinkCommon::default()
                },
            );
            self.control.execute(now, &down, &Counters::default());
        }
        write(
            Sink::Stderr,
            &format!("tapswitch: the device of {name} has vanished: it is down from now on\n"),
        );
    }

    /// Does what control has put out, and lets the real side follow the model.
    fn settle(&mut self) -> Result<(), Error> {
        let mut publish = self.put_out();
        if std::mem::take(&mut self.changed) {
            let result = self.sandbox.reconcile(self.control.network());
            for note in self.sandbox.take_notes() {
                write(Sink::Stderr, &format!("tapswitch: {note}\n"));
            }
            result?;
            let now = self.now();
            for (id, mtu) in self.sandbox.way_mtus() {
                self.control.set_way_mtu(now, *id, *mtu);
            }
            self.put_out();
            publish = true;
        }
        if publish {
            self.publish();
        }
        let gone: Vec<_> = self.turn.take_gone().collect();
        for (id, generation) in gone {
            self.vanished(id, generation);
        }
        let traps: Vec<_> = self.turn.take_traps().collect();
        let now = self.now();
        for (trap, octets) in traps {
            self.control.handle_trap(now, &trap, &octets);
        }
        Ok(())
    }

    /// Does what control has put out; true when there is a plan that is not published yet.
    fn put_out(&mut self) -> bool {
        let mut publish = false;
        let mut outputs = Vec::new();
        while let Some(output) = self.control.poll_output() {
            outputs.push(output);
        }
        for output in outputs {
            let (way, netdev, octets): (Originate, _, _) = match output {
                Output::Plan(plan) => {
                    self.plan = plan;
                    publish = true;
                    continue;
                }
                Output::Transmit(netdev, octets) => (originate, netdev, octets),
                Output::Tree(news) => {
                    write(Sink::Stderr, &format!("tapswitch: {news}\n"));
                    continue;
                }
                Output::Receive(netdev, octets) => (hand_up, netdev, octets),
                Output::Loop(news) => {
                    write(Sink::Stderr, &format!("tapswitch: {news}\n"));
                    continue;
                }
            };
            // In order: the frame may tell of a state that must be in force before it leaves.
            if std::mem::take(&mut publish) {
                self.publish();
            }
            let wiring = self.shared.wiring.load();
            let now = self.shared.clock.jiffy();
            self.turn.originate(way, &wiring, now, netdev, &octets);
            self.originated += 1;
        }
        publish
    }

    /// Gives plan and devices to the workers, which take them up in their next round.
    fn publish(&self) {
        let mut links = Vec::new();
        links.resize_with(self.plan.attachments.len(), || None);
        for (nth, (id, queues, generation)) in self.sandbox.attachments().enumerate() {
            if let Some(link) = links.get_mut(id.index()) {
                *link = Some(wiring::Link {
                    queues: Arc::clone(queues),
                    worker: nth % self.workers.len(),
                    generation,
                });
            }
        }
        let plan = Arc::clone(&self.plan);
        self.shared.wiring.store(Arc::new(Wiring { plan, links }));
        for worker in &self.workers {
            worker.wake();
        }
    }

    /// Sums what all threads have counted.
    fn counters(&self) -> Counters {
        let answers: Vec<_> = self.workers.iter().map(Handle::ask_counters).collect();
        let mut sum = self.turn.counters.clone();
        for counters in answers.iter().filter_map(|answer| answer.recv().ok()) {
            sum += &counters;
        }
        sum.fit(&self.plan);
        sum
    }

    /// Tells what the workers' time went into; if nobody had wanted to know yet, they measure from now on.
    fn tell_profile(&self) {
        self.shared.profile.store(true, Ordering::Relaxed);
        let answers: Vec<_> = self.workers.iter().map(Handle::ask_profile).collect();
        let profiles = answers.iter().filter_map(|answer| answer.recv().ok());
        for (index, profile) in profiles.enumerate() {
            write(Sink::Stderr, &format!("worker {index}: {profile}"));
        }
    }

    fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    /// Tells that everything stands, and how to get in from another terminal.
    fn announce(&self) {
        let pid = std::process::id();
        let mut text = format!(
            "tapswitch: {} devices, {} workers; Ctrl-C ends it\n",
            self.sandbox.attachments().count(),
            self.workers.len()
        );
        if !self.options.host {
            // A namespace without a name is entered by way of this process, which holds it.
            let user = if self.as_user {
                format!("--user=/proc/{pid}/ns/user --preserve-credentials ")
            } else {
                String::new()
            };
            let own = ("the script's own", format!("/proc/{pid}/ns/net"));
            let named = self.sandbox.named().map(|(name, net)| {
                let fd = std::os::fd::AsRawFd::as_raw_fd(&net);
                (name, format!("/proc/{pid}/fd/{fd}"))
            });
            for (name, path) in std::iter::once(own).chain(named) {
                text += &format!("to enter {name}: nsenter {user}--net={path}\n");
            }
        }
        write(Sink::Stderr, &text);
    }

    /// Ends workers and programs.
    fn end(self) -> Outcome {
        let counters = self.counters();
        if self.options.profile {
            self.tell_profile();
        }
        let now = self.now();
        let network = self.control.network();
        let traffic = Traffic::new(network, &self.plan, &counters, now, self.originated);
        for worker in self.workers {
            worker.stop();
        }
        leftovers::end_programs(self.run);
        self.shared.wiring.store(Arc::default());
        self.sandbox.close();
        Outcome {
            status: 0,
            traffic,
            duration: now.since_start(),
        }
    }
}

/// Tells the model of the NICs that it has from outside what they are, and returns that, in their order.
fn adopt(
    control: &mut Control,
    sandbox: &mut Sandbox,
    outside: &[String],
) -> Result<Vec<Link>, Error> {
    let mut nics = Vec::new();
    for name in outside {
        let nic = sandbox.nic(name)?;
        let common = LinkCommon {
            address: nic.address.map(MacAddr::new),
            mtu: Some(nic.mtu),
            ..LinkCommon::default()
        };
        let set = link_set(None, name, common);
        control.execute(Instant::ZERO, &set, &Counters::default());
        if let Ok(wire) = control.network().find_attachment(name) {
            control.set_carrier(Instant::ZERO, wire, nic.running);
        }
        nics.push(nic);
    }
    Ok(nics)
}

/// `ip [-n NS] link set NAME …`.
fn link_set(ns: Option<String>, name: &str, common: LinkCommon) -> NetCommand {
    NetCommand {
        ns,
        format: Default::default(),
        verb: Verb::LinkSet(LinkSet {
            dev: name.to_owned(),
            common,
            kind: None,
        }),
    }
}

/// Writes to a stream of ours. That nobody reads it any more does not end the run.
fn write(sink: Sink, text: &str) {
    if text.is_empty() {
        return;
    }
    let _ = match sink {
        Sink::Stdout => {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
        Sink::Stderr => io::stderr().write_all(text.as_bytes()),
        Sink::Null => Ok(()),
    };
}

fn stdio(sink: Sink) -> Stdio {
    match sink {
        Sink::Stdout => io::stdout().into(),
        Sink::Stderr => io::stderr().into(),
        Sink::Null => Stdio::null(),
    }
}

fn words_of(code: i32) -> &'static str {
    Errno::from_raw(code).desc()
}

/// A program's status as sh has it.
fn status_of(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

fn by_signal(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(255)
}
