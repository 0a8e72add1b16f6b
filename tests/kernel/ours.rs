//! Our side: parse, apply and forward in process, at the times at which the kernel was given each step.

use std::time::Duration;

use serde_json::Value;
use tapswitch::control::{Control, Output};
use tapswitch::iproute::command::Command;
use tapswitch::iproute::script::Script;
use tapswitch::switch::{
    Counters, Egress, Originate, PacketType, Side, forward, hand_up, originate,
};
use tapswitch::time::Instant;

use crate::differences::names_an_entry;
use crate::record::{Answer, Copy, Record};
use crate::scenario::{Scenario, Step, answers, of_a_bridge};
use crate::vxlan;

/// Plays a scenario; step N happens at `times[N]`.
pub(crate) fn play(scenario: &Scenario, times: &[Duration]) -> Record {
    let mut ours = Ours::default();
    // As the kernel's side is silenced.
    for setting in [
        "net.ipv4.igmp_link_local_mcast_reports=0",
        "net.ipv6.conf.all.disable_ipv6=1",
    ] {
        ours.command(Instant::ZERO, &format!("sysctl -w {setting}"));
    }
    for (number, (step, time)) in scenario.steps.iter().zip(times).enumerate() {
        // The kernel's clock was not zero either when the first entry was made.
        let now = Instant::from_secs(1) + *time;
        ours.catch_up(now);
        match step {
            Step::Command(command) => {
                if names_an_entry(command) && ours.has_in_vlans_only(now, command) {
                    ours.record.in_vlans_only.insert(number);
                }
                let answer = ours.command(now, command);
                ours.record.answers.insert(number, answer);
            }
            Step::Frame { at, octets } => {
                let copies = ours.frame(now, at, octets);
                ours.record.copies.insert(number, copies);
                let answers = ours.originate(now, |own| answers(own, octets));
                let copies = ours.record.copies.entry(number).or_default();
                copies.extend(answers);
                copies.sort();
            }
            Step::Wait(_) => {}
            Step::Ipv6(_) => {
                ours.command(now, "sysctl -w net.ipv6.conf.all.disable_ipv6=0");
            }
            Step::Reports => {
                ours.command(now, "sysctl -w net.ipv4.igmp_link_local_mcast_reports=1");
            }
            Step::Listen(time) => {
                let mut copies = ours.catch_up(now + *time);
                copies.sort();
                ours.record.copies.insert(number, copies);
            }
            Step::Carrier(tap, up) => {
                if let Ok(tap) = ours.control.network().find_attachment(tap) {
                    ours.control.set_carrier(now, tap, *up);
                }
            }
        }
        ours.originate(now, |_| false);
    }
    ours.record
}

#[derive(Default)]
struct Ours {
    control: Control,
    counters: Counters,
    egress: Egress,
    record: Record,
}

impl Ours {
    /// Lets what is due happen, and what it sends leave, before anything else does. Returns what that is.
    fn catch_up(&mut self, now: Instant) -> Vec<Copy> {
        let mut copies = Vec::new();
        while let Some(due) = self.control.poll_timeout().filter(|due| *due <= now) {
            self.control.handle_timeout(due);
            copies.extend(self.originate(due, of_a_bridge));
        }
        copies
    }

    fn command(&mut self, now: Instant, command: &str) -> Answer {
        let script = Script::parse("scenario", command).unwrap_or_else(|error| panic!("{error}"));
        let [item] = script.items() else {
            panic!("`{command}` is not one command");
        };
        let Command::Net(net) = &item.command else {
            panic!("`{command}` is not an ip or bridge command");
        };
        let reply = self.control.execute(now, net, &self.counters);
        Answer {
            status: i32::from(reply.status),
            status_is_exact: true,
            stdout: reply.stdout,
            stderr: reply.stderr,
        }
    }

    /// Whether the entry that a command adds or deletes is there in VLANs, and not outside of them: on
    /// the port that a deletion names, on any of its bridge for an addition.
    fn has_in_vlans_only(&mut self, now: Instant, command: &str) -> bool {
        let words: Vec<&str> = command.split(' ').collect();
        let (verb, mac, port) = (words[2], words[3], words[5]);
        let network = self.control.network();
        let mut netdevs = network.netdevs().iter().filter(|netdev| netdev.alive);
        let bridge = netdevs
            .find(|netdev| netdev.name == port)
            .and_then(|netdev| netdev.port)
            .map(|(bridge, _)| network.netdev(bridge).name.clone());
        let Some(bridge) = bridge else {
            return false;
        };
        let shown = self.command(now, &format!("bridge -j fdb show br {bridge}"));
        let rows: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap_or_default();
        let mut rows = rows
            .iter()
            .filter(|row| row["mac"] == mac && row["master"] == *bridge)
            .filter(|row| verb == "add" || row["ifname"] == port)
            .peekable();
        rows.peek().is_some() && rows.all(|row| row.get("vlan").is_some())
    }

    fn frame(&mut self, now: Instant, at: &str, octets: &[u8]) -> Vec<Copy> {
        let Ok(ingress) = self.control.network().find_attachment(at) else {
            return Vec::new(); // deleted meanwhile
        };
        let plan = self.control.plan();
        let (counters, egress) = (&mut self.counters, &mut self.egress);
        counters.fit(&plan);
        forward(&plan, now, ingress, &[octets], counters, egress);
        let copies = self.copies(octets);
        self.trapped(now, octets);
        copies
    }

    /// Sends what the bridges themselves send. Returns the copies of what is wanted of it.
    fn originate(&mut self, now: Instant, wanted: impl Fn(&[u8]) -> bool) -> Vec<Copy> {
        let mut copies = Vec::new();
        while let Some(output) = self.control.poll_output() {
            let (way, netdev, octets): (Originate, _, _) = match output {
                Output::Plan(_) | Output::Loop(_) => continue,
                Output::Transmit(netdev, octets) => (originate, netdev, octets),
                Output::Receive(netdev, octets) => (hand_up, netdev, octets),
                Output::Tree(_) => continue,
            };
            // Put together from fragments, of which the last is the frame of this step.
            let whole = vxlan::put_together(&octets);
            let plan = self.control.plan();
            let (counters, egress) = (&mut self.counters, &mut self.egress);
            counters.fit(&plan);
            way(&plan, now, netdev, &octets, counters, egress);
            if whole || wanted(&octets) {
                copies.extend(self.copies(&octets));
            }
            self.trapped(now, &octets);
        }
        copies
    }

    fn copies(&self, octets: &[u8]) -> Vec<Copy> {
        let attachments = self.control.network().attachments();
        let mut copies = Vec::new();
        for (id, queue) in self.egress.queues() {
            let info = &attachments[id.index()];
            for copy in queue {
                copies.push(Copy {
                    at: info.name.clone(),
                    kind: (info.side == Side::Stack).then(|| number(copy.kind)),
                    octets: self.egress.pieces(copy.edit, octets).concat(),
                });
            }
        }
        copies
    }

    fn trapped(&mut self, now: Instant, octets: &[u8]) {
        for trap in self.egress.traps() {
            let octets = self.egress.pieces(trap.edit, octets).concat();
            self.control.handle_trap(now, trap, &octets);
        }
    }
}

const fn number(kind: PacketType) -> u8 {
    match kind {
        PacketType::Host => 0,
        PacketType::Broadcast => 1,
        PacketType::Multicast => 2,
        PacketType::OtherHost => 3,
    }
}
