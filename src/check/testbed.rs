//! A network for `cargo test`: no files, no privilege, virtual time.

use std::fmt::Write;

use super::align::Token;
use super::decode::decode;
use super::mismatch::{Explained, FrameMismatch, Shown};
use super::observe::{Observation, Seen};
use super::options::{Ignore, Rules};
use crate::attach::capture::Direction;
use crate::control::Reply;
use crate::control::summary::Traffic;
use crate::iproute::script::Script;
use crate::netdev::Network;
use crate::replay::Engine;
use crate::switch::{AttachmentId, Verdict};
use crate::time::{Duration, Instant};

/// What is said of where a frame is expected.
const THE_TEST: &str = "the test";

/// Frames that a failure lists.
const MOST_LISTED: usize = 10;

/// A network under test: frames go in by attachments, and what comes out is compared with what is expected,
/// in the order in which it comes out of each attachment. What is wrong is told as `tapswitch check` does,
/// by a panic at the line of the test.
///
/// Attachments are named as in a replay: `p1` is the wire of a TAP, `p1@stack` its stack, `br0` the bridge's
/// own stack, `h1/eth0` a stack in a namespace.
///
/// ```
/// use std::time::Duration;
/// use tapswitch::check::Testbed;
/// use tapswitch::switch::{DropReason, Verdict};
///
/// let mut net = Testbed::from_script(
///     "ip link add br0 type bridge ageing_time 1000 mcast_snooping 0
///      ip tuntap add p1 mode tap
///      ip tuntap add p2 mode tap
///      ip tuntap add p3 mode tap
///      ip link set p1 up master br0
///      ip link set p2 up master br0
///      ip link set p3 up master br0
///      ip link set br0 up",
/// );
/// let frame = |to: u8, from: u8| {
///     let (to, from) = ([2, 0, 0, 0, 0, to], [2, 0, 0, 0, 0, from]);
///     [&to[..], &from, &[0x88, 0xb5], &[0; 46]].concat()
/// };
///
/// // Nobody knows station 2 yet, so the frame is flooded.
/// net.send("p1", frame(2, 1));
/// net.expect("p2", frame(2, 1));
/// net.expect("p3", frame(2, 1));
/// net.nothing_else();
///
/// // The answer goes to the one port where station 1 is, and now both are known.
/// net.send("p2", frame(1, 2));
/// net.expect("p1", frame(1, 2));
/// net.nothing_else();
/// assert!(net.run("bridge fdb show br br0").contains("02:00:00:00:00:02 dev p2 master br0"));
///
/// // Ten seconds later they are forgotten.
/// net.advance(Duration::from_secs(10));
/// net.send("p3", frame(2, 3));
/// net.expect("p1", frame(2, 3));
/// net.expect("p2", frame(2, 3));
///
/// // What is dropped says why.
/// net.run("bridge link set dev p1 state 0");
/// let verdict = net.send("p1", frame(2, 1));
/// assert_eq!(verdict, Verdict::Dropped(DropReason::IngressPortState));
/// net.nothing_else();
/// ```
#[derive(Debug)]
pub struct Testbed {
    engine: Engine,
    observation: Observation,
    /// Which of what was seen a test has asked for; shorter than that.
    taken: Vec<bool>,
    rules: Rules,
}

impl Testbed {
    /// Builds a network from a script and executes it up to its first `sleep`; [`Self::advance`] goes on with
    /// it. A command that fails ends it, as under `set -e`.
    ///
    /// # Panics
    /// The script is not understood, or one of its commands fails.
    #[must_use]
    #[track_caller]
    pub fn from_script(script: &str) -> Self {
        let script = match Script::parse("script", &format!("set -e; {script}")) {
            Ok(script) => script,
            Err(error) => panic!("{error}"),
        };
        let mut testbed = Self {
            engine: Engine::new(&script),
            observation: Observation::default(),
            taken: Vec::new(),
            rules: Rules {
                tolerance: u64::MAX,
                ..Rules::default()
            },
        };
        testbed.engine.watch(true);
        let done = testbed.engine.run_setup(&mut testbed.observation);
        testbed.done(done);
        testbed.observation.note_all(testbed.engine.network());
        testbed
    }

    /// Leaves fields (`ipv4.id`) or octets (`14..16`, `60..`) of frames out of every comparison that follows.
    ///
    /// # Panics
    /// There is no such field.
    #[track_caller]
    pub fn ignore(&mut self, what: &[&str]) {
        for text in what {
            match Ignore::parse(text) {
                Ok(ignore) => self.rules.ignore.push(ignore),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Lets a frame come in, now, and returns what becomes of it.
    ///
    /// # Panics
    /// There is no such attachment.
    #[track_caller]
    pub fn send(&mut self, at: &str, frame: impl AsRef<[u8]>) -> Verdict {
        let ingress = self.attachment(at);
        let before = self.observation.seen.len();
        let done = self
            .engine
            .inject(ingress, &[frame.as_ref()], &mut self.observation);
        self.done(done);
        let verdict = self.observation.seen[before..].iter();
        let verdict = verdict.filter_map(|seen| seen.verdict).next();
        verdict.expect("a frame that comes in has a verdict")
    }

    /// Takes the next frame that came out of an attachment, which must be this one.
    ///
    /// # Panics
    /// It is another one, or there is none; there is no such attachment.
    #[track_caller]
    pub fn expect(&mut self, at: &str, frame: impl AsRef<[u8]>) {
        let expected = frame.as_ref();
        let id = self.attachment(at);
        let next = self.waiting().find(|(_, seen)| seen.at == id);
        let Some((index, seen)) = next else {
            panic!("{}", self.missing(id, expected));
        };
        let actual = self.observation.octets(seen);
        let token = |octets| -> Token<'_> { self.rules.token(0, octets, &[]) };
        if token(expected).octets != token(actual).octets {
            let number = self.number(seen);
            let mismatch = FrameMismatch {
                file: THE_TEST.to_owned(),
                at: self.observation.name(id).to_owned(),
                way: Direction::Outbound,
                expected: Some(self.shown(number, self.engine.now(), expected)),
                actual: Some(self.shown(number, seen.time, actual)),
                origin: Some(self.observation.origin(seen.id)),
                number: self.observation.number(seen.id),
                explained: self.explained(Some(seen)),
                rules: self.rules.clone(),
            };
            panic!("{mismatch}{}", self.others(index));
        }
        self.take(index);
    }

    /// Takes the next frame that came out of an attachment, if there is one, whatever it is.
    ///
    /// # Panics
    /// There is no such attachment.
    #[track_caller]
    pub fn receive(&mut self, at: &str) -> Option<Vec<u8>> {
        let id = self.attachment(at);
        let (index, seen) = self.waiting().find(|(_, seen)| seen.at == id)?;
        let octets = self.observation.octets(seen).to_vec();
        self.take(index);
        Some(octets)
    }

    /// Checks that nothing came out of an attachment that was not taken.
    ///
    /// # Panics
    /// Something did; there is no such attachment.
    #[track_caller]
    pub fn nothing_at(&self, at: &str) {
        let id = self.attachment(at);
        self.none_of(|seen| seen.at == id);
    }

    /// Checks that nothing came out anywhere that was not taken.
    ///
    /// # Panics
    /// Something did.
    #[track_caller]
    pub fn nothing_else(&self) {
        self.none_of(|_| true);
    }

    /// Forgets what came out and was not taken: what a bridge says by itself, for instance.
    pub fn forget(&mut self) {
        self.taken.clear();
        self.taken.resize(self.observation.seen.len(), true);
    }

    /// Lets time pass: timers and commands of the script that are due in it.
    ///
    /// # Panics
    /// A command of the script fails.
    #[track_caller]
    pub fn advance(&mut self, time: Duration) {
        let to = self.engine.now() + time;
        let done = self.engine.advance_to(to, &mut self.observation);
        self.done(done);
    }

    /// Returns how much time has passed.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.engine.now().since_start()
    }

    /// Executes commands of a script now, and returns what they print.
    ///
    /// # Panics
    /// They are not understood, or the last one fails.
    #[track_caller]
    pub fn run(&mut self, commands: &str) -> String {
        let reply = self.try_run(commands);
        if reply.status != 0 {
            let (status, errors) = (reply.status, reply.stderr.trim_end());
            panic!("{commands}\nended with {status}: {errors}");
        }
        reply.stdout
    }

    /// Executes commands of a script now, and returns what they print and their exit status.
    ///
    /// # Panics
    /// They are not understood.
    #[track_caller]
    pub fn try_run(&mut self, commands: &str) -> Reply {
        let script = match Script::parse("commands", commands) {
            Ok(script) => script,
            Err(error) => panic!("{error}"),
        };
        let reply = self.engine.execute(&script, &mut self.observation);
        match reply {
            Ok(reply) => reply,
            Err(error) => panic!("{error}"),
        }
    }

    /// Executes a show command with `-j` and returns what it prints.
    ///
    /// # Panics
    /// It fails, or prints something that is not JSON.
    #[track_caller]
    pub fn json(&mut self, command: &str) -> serde_json::Value {
        let text = self.run(command);
        match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => panic!("{command}: {error}: {text}"),
        }
    }

    /// Returns what was counted so far, and what the bridges know.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic::new(
            self.engine.network(),
            self.engine.plan(),
            self.engine.counters(),
            self.engine.now(),
            self.engine.originated(),
        )
    }

    /// Returns the configuration.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.engine.network()
    }

    /// Ends what the engine did: neither too much for the memory, nor a command that failed.
    #[track_caller]
    fn done(&self, done: std::io::Result<()>) {
        if let Err(error) = done {
            panic!("{error}");
        }
        if let Some(stopped) = self.engine.stopped() {
            let mut failed = self.observation.commands.iter();
            let failed = failed.rfind(|command| command.status != 0);
            let last = failed.map_or(String::new(), |it| {
                format!(
                    ": line {}: {}\n{}",
                    it.line,
                    it.command,
                    it.stderr.trim_end()
                )
            });
            panic!("the script ended with {}{last}", stopped.0);
        }
    }

    #[track_caller]
    fn attachment(&self, name: &str) -> AttachmentId {
        match self.engine.network().find_attachment(name) {
            Ok(id) => id,
            Err(error) => panic!("{error}"),
        }
    }

    /// What came out and was not taken, with its index in what was seen.
    fn waiting(&self) -> impl Iterator<Item = (usize, &Seen)> {
        let seen = self.observation.seen.iter().enumerate();
        seen.filter(|(index, seen)| {
            seen.way == Direction::Outbound && !self.taken.get(*index).unwrap_or(&false)
        })
    }

    fn take(&mut self, index: usize) {
        if self.taken.len() <= index {
            self.taken.resize(index + 1, false);
        }
        self.taken[index] = true;
    }

    #[track_caller]
    fn none_of(&self, which: impl Fn(&Seen) -> bool) {
        let mut waiting = self.waiting().filter(|(_, seen)| which(seen));
        let Some((first, seen)) = waiting.next() else {
            return;
        };
        let mismatch = FrameMismatch {
            file: THE_TEST.to_owned(),
            at: self.observation.name(seen.at).to_owned(),
            way: Direction::Outbound,
            expected: None,
            actual: Some(self.shown(self.number(seen), seen.time, self.observation.octets(seen))),
            origin: Some(self.observation.origin(seen.id)),
            number: self.observation.number(seen.id),
            explained: self.explained(Some(seen)),
            rules: self.rules.clone(),
        };
        panic!("{mismatch}{}", self.others(first));
    }

    fn missing(&self, at: AttachmentId, expected: &[u8]) -> String {
        let out = self.observation.stream(Direction::Outbound, |_| true);
        let before = out.filter(|seen| seen.at == at).count();
        let now = self.engine.now();
        let possible = self.observation.possible(now, expected);
        let mismatch = FrameMismatch {
            file: THE_TEST.to_owned(),
            at: self.observation.name(at).to_owned(),
            way: Direction::Outbound,
            expected: Some(self.shown(before, now, expected)),
            actual: None,
            origin: possible.map(|seen| self.observation.possible_origin(seen)),
            number: possible.and_then(|seen| self.observation.number(seen.id)),
            explained: self.explained(possible),
            rules: self.rules.clone(),
        };
        format!("{mismatch}{}", self.others(usize::MAX))
    }

    /// Returns the way of the frame that a copy was made of.
    fn explained(&self, copy: Option<&Seen>) -> Option<Box<Explained>> {
        let way = self.observation.way(copy?.id)?.clone();
        let command = None;
        Some(Box::new(Explained { way, command }))
    }

    /// Lists what else came out and was not taken.
    fn others(&self, except: usize) -> String {
        let mut text = String::new();
        let others = || self.waiting().filter(|(index, _)| *index != except);
        for (_, seen) in others().take(MOST_LISTED) {
            let summary = decode(self.observation.octets(seen)).summary;
            let name = self.observation.name(seen.at);
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "  not taken: {name} out at {} s: {summary}",
                seen.time
            );
        }
        let more = others().count().saturating_sub(MOST_LISTED);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
        text
    }

    /// Which frame out of its attachment one is, from 0 on.
    fn number(&self, seen: &Seen) -> usize {
        let out = self.observation.stream(Direction::Outbound, |_| true);
        out.filter(|other| other.at == seen.at)
            .position(|other| std::ptr::eq(other, seen))
            .unwrap_or(0)
    }

    fn shown(&self, number: usize, time: Instant, octets: &[u8]) -> Shown {
        Shown {
            number: number + 1,
            time: i64::try_from(time.as_nanos()).unwrap_or(i64::MAX),
            octets: octets.to_vec(),
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapswitch_fixtures::frames::{arp_request, echo_request, tagged};

    const PORTS: &str = "ip link add br0 type bridge vlan_filtering 1 mcast_snooping 0
        ip tuntap add p1 mode tap
        ip tuntap add p2 mode tap
        ip link set p1 up master br0
        ip link set p2 up master br0
        bridge vlan add dev p1 vid 10 pvid untagged
        bridge vlan add dev p2 vid 10
        ip link set br0 up
        sleep 5
        bridge vlan del dev p2 vid 10
        sleep 5
        ip link add br0 type bridge";

    /// Returns what a panic says.
    fn panic_of(act: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let panic = std::panic::catch_unwind(act).expect_err("it panics");
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .expect("a panic with a text")
    }

    #[test]
    fn frames_commands_and_time() {
        let mut net = Testbed::from_script(
            &PORTS.replace("sleep 5\n        ip link add br0 type bridge", "true"),
        );
        let ask = arp_request(1, 2);
        assert_eq!(net.send("p1", &ask), Verdict::Forwarded);
        net.expect("p2", tagged(0x8100, 10, &ask));
        net.nothing_else();
        net.advance(Duration::from_secs(4));
        assert_eq!(
            net.json("bridge -j vlan show dev p2")[0]["vlans"][1]["vlan"],
            10
        );
        net.advance(Duration::from_secs(1));
        assert_eq!(net.now(), Duration::from_secs(5));
        assert!(matches!(net.send("p1", &ask), Verdict::Dropped(_)));
        net.nothing_else();
        net.run("bridge vlan add dev p2 vid 10 untagged");
        net.send("p1", echo_request(1, 2, 7));
        net.ignore(&["icmp.seq", "icmp.checksum"]);
        net.expect("p2", echo_request(1, 2, 8));
        net.send("p1", &ask);
        assert_eq!(net.receive("p2"), Some(ask.clone()));
        assert_eq!(net.receive("p2"), None);
        net.send("p1", &ask);
        net.nothing_at("br0");
        net.forget();
        net.nothing_else();
        assert_eq!(net.traffic().total.frames_in, 5);
        assert_eq!(net.try_run("ip link show nobody").status, 1);
    }

    #[test]
    fn failures_say_what_happened() {
        let ask = arp_request(1, 2);
        let sent = || {
            let mut net = Testbed::from_script(PORTS);
            net.send("p1", arp_request(1, 2));
            net
        };
        let other = panic_of(|| sent().expect("p2", tagged(0x8100, 20, &ask)));
        assert!(
            other.contains("  p2 out: frame 1 is not as in the test\n"),
            "{other}"
        );
        assert!(
            other.contains("vlan.tci           vid 20, priority 0         vid 10, priority 0\n"),
            "{other}"
        );
        let missing = panic_of(|| sent().expect("br0", &ask));
        assert!(
            missing.contains("  br0 out: frame 1 of the test is missing\n"),
            "{missing}"
        );
        assert!(
            missing
                .contains("came in by p1 as its frame 1 at 0.000000000 s and was forwarded to p2."),
            "{missing}"
        );
        assert!(
            missing.contains("  not taken: p2 out at 0.000000000 s: "),
            "{missing}"
        );
        // A frame that goes round has a way that nobody reads.
        let mut round = Testbed::from_script(
            "ip link add br0 up type bridge mcast_snooping 0
             ip link add br1 up type bridge mcast_snooping 0
             ip tuntap add p1 mode tap
             ip link add a0 up type veth peer name b0
             ip link add a1 up type veth peer name b1
             ip link set p1 up master br0
             ip link set a0 master br0
             ip link set a1 master br0
             ip link set b0 up master br1
             ip link set b1 up master br1",
        );
        round.send("p1", &ask);
        assert!(round.observation.ways.is_empty());
        for told in [&other, &missing] {
            assert!(
                told.contains("    | verdict: forwarded, 1 copy\n"),
                "{told}"
            );
        }
        let surplus = panic_of(|| sent().nothing_else());
        assert!(
            surplus.contains("  p2 out: frame 1 is not in the test\n"),
            "{surplus}"
        );
        let name = panic_of(|| sent().nothing_at("p7"));
        assert!(name.contains("no attachment is called \"p7\""), "{name}");
        let command = panic_of(|| drop(sent().run("ip link del nobody")));
        assert!(
            command.contains("ended with 1: Cannot find device \"nobody\""),
            "{command}"
        );
        let later = panic_of(|| sent().advance(Duration::from_secs(10)));
        assert!(
            later.contains(
                "the script ended with 2: line 12: ip link add br0 type bridge\nRTNETLINK answers: "
            ),
            "{later}"
        );
        let word = panic_of(|| drop(Testbed::from_script("ip link add br0 type brigde")));
        assert!(word.contains("\"brigde\": not a kind of netdev"), "{word}");
    }
}
