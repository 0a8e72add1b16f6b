//! A script through control, against what the real kernel, `ip` and `bridge` answered to the same script.

use super::{Control, Reply};
use crate::iproute::command::{Command, Verb};
use crate::iproute::script::Script;
use crate::switch::Counters;
use crate::time::Instant;

/// `$ command`, its output (both streams), `[exit status]`.
const TRANSCRIPT: &str = include_str!("golden/transcript.txt");

#[test]
fn answers_as_the_kernel_ip_and_bridge_do() {
    let mut blocks = Vec::new();
    for block in TRANSCRIPT.split("\n$ ").skip(1) {
        let (command, output) = block.split_once('\n').expect("a command's line ends");
        blocks.push((command, output.trim_end_matches('\n')));
    }
    let script: String = blocks
        .iter()
        .map(|(command, _)| format!("{command}\n"))
        .collect();
    let script = Script::parse("transcript", &script).expect("the commands are understood");
    assert_eq!(script.items().len(), blocks.len());

    let mut control = Control::new(&[]);
    let mut now = Instant::ZERO;
    let mut wrong = String::new();
    for (item, (command, expected)) in script.items().iter().zip(&blocks) {
        let reply = match &item.command {
            Command::Net(command) => {
                let reply = control.execute(now, command, &Counters::default());
                if let Verb::TuntapAdd(name) = &command.verb {
                    // As where the transcript comes from: no program has the TAP open.
                    let wire = control.network().find_attachment(name).expect("just made");
                    control.set_carrier(now, wire, false);
                }
                reply
            }
            Command::Sleep(time) => {
                sleep(&mut control, &mut now, *time);
                Reply::default()
            }
            other => panic!("command {other:?}"),
        };
        let (got, expected) = (mask(&answer(&reply)), mask(expected));
        if got != expected {
            let differs = |(want, got): &(&str, &str)| want != got;
            let lines = expected.lines().zip(got.lines()).find(differs);
            let lengths = (expected.lines().count(), got.lines().count());
            wrong += &format!("$ {command}: {lengths:?} lines, {lines:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Hides what depends on how long the commands took, and with it the padding; that is pinned where the
/// texts are made.
fn mask(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    for label in ["gc_timer", "forward_delay_timer", "used"] {
        for at in 0..words.len() {
            if words[at].ends_with(label) {
                // Numbers are padded on the left, which gives empty words.
                let number = (at + 1..words.len()).find(|at| !words[*at].is_empty());
                words[number.unwrap_or(at)] = "#";
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// Lets virtual time pass, with the timers that run out meanwhile.
fn sleep(control: &mut Control, now: &mut Instant, time: std::time::Duration) {
    let end = *now + time;
    while let Some(due) = control.poll_timeout().filter(|due| *due <= end) {
        *now = due.max(*now);
        control.handle_timeout(*now);
    }
    *now = end;
}

/// What the reply looks like in a transcript: without our explanations, which the kernel does not give.
fn answer(reply: &Reply) -> String {
    let ours = |line: &&str| !line.starts_with("tapswitch: ");
    let errors = reply
        .stderr
        .lines()
        .filter(ours)
        .map(|line| format!("{line}\n"));
    let text: String = std::iter::once(reply.stdout.clone())
        .chain(errors)
        .collect();
    format!("{text}[{}]", reply.status)
}
