//! Both sides' records, step by step.

use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;

use crate::differences::Known;
use crate::iproute::Processes;
use crate::oracle::Manner;
use crate::record::{Answer, Record};
use crate::scenario::{Scenario, Step};
use crate::{differences, oracle, ours, vxlan};

/// Fields of show commands that say nothing about the bridge, and why they may differ.
const MASKED: &[(&str, &str)] = &[(
    "qdisc",
    "the default queueing discipline is the distribution's choice",
)];

/// The first step at which the sides differ.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// Its number.
    pub(crate) step: usize,
    /// The step, the kernel's answer, ours.
    pub(crate) text: String,
}

/// What came of playing a scenario on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// What the kernel did.
    pub(crate) kernel: Record,
    /// Where we do something else that is not [`differences::KNOWN`].
    pub(crate) difference: Option<Difference>,
    /// The difference is at a step, or behind one, at which a timer was due so nearly that we may do
    /// either ourselves.
    near_a_timer: bool,
    /// Whether it took a second, slower play to agree.
    pub(crate) retried: bool,
}

/// Plays a scenario on both sides. Steps from the first device on that this kernel was built without
/// are not compared.
pub(crate) fn both(scenario: &Scenario, processes: Processes) -> Comparison {
    // Under load a copy may come late. A difference is one that shows with time to spare, too.
    let manner = Manner {
        processes,
        slowly: false,
    };
    let hasty = timely(scenario, manner);
    let Some(found) = &hasty.difference else {
        return hasty;
    };
    let slow = timely(scenario, SLOWLY);
    let retried = slow.difference.is_none();
    if retried {
        println!("gone when played slowly: {}", found.text);
        save(scenario, found.step);
    }
    Comparison { retried, ..slow }
}

/// Plays a scenario, again if a timer was due just when it mattered: that play compared nothing.
fn timely(scenario: &Scenario, manner: Manner) -> Comparison {
    let mut last = once(scenario, manner, differences::KNOWN);
    for _ in 1..PLAYS_FOR_A_TIMER {
        let Some(found) = last.difference.as_ref().filter(|_| last.near_a_timer) else {
            break;
        };
        println!(
            "{}, step {}: a timer was due, played again",
            scenario.name, found.step
        );
        last = once(scenario, manner, differences::KNOWN);
    }
    last
}

/// How often a scenario is played before it counts that some timer is always due when it matters.
const PLAYS_FOR_A_TIMER: usize = 4;

/// Keeps what led to a difference, if `TAPSWITCH_KERNEL_SURVEY` asks for it.
pub(crate) fn save(scenario: &Scenario, step: usize) {
    if env::var_os("TAPSWITCH_KERNEL_SURVEY").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kernel-diff");
        // Not in a guest, which cannot write here.
        let _ = fs::create_dir_all(&folder);
        let name = scenario.name.replace(", ", "-").replace(' ', "");
        let _ = fs::write(folder.join(name), scenario.prefix(step).to_string());
    }
}

/// A second opinion.
pub(crate) const SLOWLY: Manner = Manner {
    processes: Processes::Each,
    slowly: true,
};

/// Plays a scenario on both sides once, with some differences known.
pub(crate) fn once(scenario: &Scenario, manner: Manner, known: &[Known]) -> Comparison {
    let mut kernel = oracle::play(scenario, manner)
        .unwrap_or_else(|error| panic!("the kernel's side: {error}\n{scenario}"));
    let mut ours = ours::play(scenario, &kernel.times);
    vxlan::mask(scenario, &mut kernel, &mut ours);
    let difference = first_difference(scenario, &kernel, &ours, known);
    let near_a_timer = difference.as_ref().is_some_and(|difference| {
        ours_depend_on_time(scenario, difference.step, &kernel.times, &ours)
    });
    Comparison {
        kernel,
        difference,
        near_a_timer,
        retried: false,
    }
}

/// Whether up to a step we ourselves do something else if the clock is one of those that the kernel may
/// have gone by.
///
/// Its timers are late by up to an eighth of their length (`calc_wheel_index`), and what a step does it
/// does at some time before the next one begins: a busy machine may take a second for a command.
fn ours_depend_on_time(
    scenario: &Scenario,
    last: usize,
    times: &[Duration],
    ours: &Record,
) -> bool {
    let prefix = scenario.prefix(last);
    let begins = &times[..=last];
    let ends: Vec<Duration> = (1..=begins.len())
        .map(|next| *times.get(next).unwrap_or(&begins[last]))
        .collect();
    let rate = |times: &[Duration], per_nine: u32| {
        let times = times.iter().map(|time| *time / 9 * per_nine);
        times.collect::<Vec<_>>()
    };
    // The last step alone may have come late, as a command that shows something does.
    let late = [&begins[..last], &ends[last..]].concat();
    let clocks = [
        rate(begins, 8),
        rate(begins, 10),
        rate(&ends, 8),
        ends,
        late,
    ];
    clocks.iter().any(|times| {
        let other = ours::play(&prefix, times);
        let essence = |record: &Record, step| {
            let answer = record.answers.get(&step);
            answer.map(|answer| essence(answer, true, true))
        };
        (0..=last).any(|step| {
            other.copies.get(&step) != ours.copies.get(&step)
                || essence(&other, step) != essence(ours, step)
        })
    })
}

fn first_difference(
    scenario: &Scenario,
    kernel: &Record,
    ours: &Record,
    known: &[Known],
) -> Option<Difference> {
    let explained = |step| {
        known.iter().any(|known| {
            !(known.without_vlan_filtering && *oracle::FILTERS_VLANS)
                && (known.explains)(scenario, kernel, ours, step)
        })
    };
    (0..comparable(scenario, kernel)).find_map(|step| {
        let (theirs, mine) = match &scenario.steps[step] {
            Step::Frame { .. } | Step::Listen(_)
                if kernel.copies[&step] != ours.copies[&step] && !explained(step) =>
            {
                apart(
                    &format!("{:#?}", kernel.copies[&step]),
                    &format!("{:#?}", ours.copies[&step]),
                )
            }
            Step::Command(_) => {
                let (theirs, mine) = (&kernel.answers[&step], &ours.answers[&step]);
                let exactly = theirs.status_is_exact && mine.status_is_exact;
                let by_vlan = *oracle::FILTERS_VLANS;
                let [theirs, mine] = [theirs, mine].map(|it| essence(it, exactly, by_vlan));
                (theirs != mine && !explained(step)).then(|| apart(&theirs, &mine))?
            }
            _ => return None,
        };
        Some(Difference {
            step,
            text: format!(
                "{}: step {step} `{}`\n  kernel: {theirs}\n  ours:   {mine}",
                scenario.name, scenario.lines[step]
            ),
        })
    })
}

/// Returns the lines that one side has and the other has not; both whole if only their order differs.
fn apart(theirs: &str, mine: &str) -> (String, String) {
    let only = |these: &str, those: &str| {
        let those: Vec<&str> = those.lines().map(str::trim).collect();
        let these = these.lines().filter(|line| !those.contains(&line.trim()));
        // The beginning of a storm tells enough.
        these.take(40).collect::<Vec<_>>().join("\n")
    };
    match (only(theirs, mine), only(mine, theirs)) {
        (a, b) if a.is_empty() && b.is_empty() => (theirs.to_owned(), mine.to_owned()),
        lines => lines,
    }
}

/// Returns how many steps of a record mean something: those before the first device, or VLAN, that the
/// kernel cannot have.
pub(crate) fn comparable(scenario: &Scenario, kernel: &Record) -> usize {
    let lacks = |(step, answer): &(&usize, &Answer)| {
        let about_vlans = scenario.lines[**step].contains("vlan");
        answer.stderr.contains("Unknown device type")
            || about_vlans && answer.status != 0 && !*oracle::FILTERS_VLANS
    };
    let first = kernel.answers.iter().find(lacks);
    first.map_or(kernel.times.len(), |(step, _)| *step)
}

/// What must be equal in an answer: status, the kernel's words (the first line of standard error; ours
/// explains in a second one), and the output, as rows in no particular order if it is JSON.
/// Rows per VLAN count only `by_vlan`.
fn essence(answer: &Answer, exactly: bool, by_vlan: bool) -> String {
    let status = match answer.status {
        status if exactly => status,
        status => i32::from(status != 0),
    };
    let words = answer.stderr.lines().next().unwrap_or_default();
    let output = match serde_json::from_str(&answer.stdout) {
        Ok(Value::Array(rows)) => {
            let rows = rows.into_iter();
            let mut rows: Vec<String> = rows.filter_map(|r| row(r, exactly, by_vlan)).collect();
            rows.sort();
            rows.join("\n          ")
        }
        _ => members(answer.stdout.trim_end()),
    };
    format!("status {status}, {words:?}\n          {output}")
}

/// Members of groups as `bridge mdb show` prints them: in no particular order (the kernel's is that of
/// its memory), and without how long sources last. Any other text is left as it is.
fn members(text: &str) -> String {
    let without_timer = |source: &str| match source.split_once('/') {
        Some((source, left)) if left != "0.00" => format!("{source}/…"),
        _ => source.to_owned(),
    };
    let without_timers = |word: &str| {
        let sources = word.split(',').map(without_timer);
        sources.collect::<Vec<_>>().join(",")
    };
    let line = |line: &str| {
        let words = line.split(' ');
        match line.starts_with("dev ") {
            true => words
                .map(without_timers)
                .collect::<Vec<_>>()
                .join(" ")
                .trim_end()
                .to_owned(),
            false => line.to_owned(),
        }
    };
    let mut lines: Vec<String> = text.lines().map(line).collect();
    if lines
        .iter()
        .all(|line| line.starts_with("dev ") || line.starts_with("router ports on "))
    {
        lines.sort();
    }
    lines.join("\n")
}

/// The kernel shows what it keeps in hash tables in no particular order. How long a group's source
/// lasts is left out, whether it does not.
fn sort(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        if fields.get("timer").is_some_and(|timer| timer != "0.00") {
            fields.insert("timer".to_owned(), "…".into());
        }
        fields.values_mut().for_each(sort);
    }
    if let Some(rows) = value.as_array_mut() {
        rows.iter_mut().for_each(sort);
        rows.sort_by_cached_key(Value::to_string);
    }
}

fn row(mut row: Value, exactly: bool, by_vlan: bool) -> Option<String> {
    let fields = row.as_object_mut()?;
    // Rows per VLAN exist only where the kernel filters VLANs.
    if fields.contains_key("vlan") && !by_vlan {
        return None;
    }
    fields.values_mut().for_each(sort);
    // A process that is kept remembers whether the other end of a link was down.
    if !exactly && let Some(flags) = fields.get_mut("flags").and_then(Value::as_array_mut) {
        flags.retain(|flag| flag != "M-DOWN");
    }
    for (field, _) in MASKED {
        fields.shift_remove(*field);
    }
    Some(row.to_string())
}

/// Makes a failing scenario shorter: nothing after the difference, and none of the steps without
/// which it still fails. Stops after `attempts` plays.
pub(crate) fn shorten(
    scenario: &Scenario,
    difference: Difference,
    attempts: usize,
) -> (Scenario, Difference) {
    let (mut scenario, mut difference) = (scenario.prefix(difference.step), difference);
    let mut left = attempts;
    let mut chunk = (scenario.steps.len() / 2).max(1);
    loop {
        let mut start = 0;
        while start + 1 < scenario.steps.len() && left > 0 {
            let end = (start + chunk).min(scenario.steps.len() - 1);
            let shorter = scenario.without(start..end);
            left -= 1;
            match both(&shorter, Processes::Few).difference {
                Some(found) => {
                    scenario = shorter.prefix(found.step);
                    difference = found;
                }
                None => start = end,
            }
        }
        if chunk == 1 || left == 0 {
            return (scenario, difference);
        }
        chunk /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port that is set to learning by hand forwards when the delay is over that began with its link.
    #[test]
    fn sees_what_depends_on_a_timer() {
        let scenario = Scenario::new(
            "a delay",
            "ip link add br0 type bridge forward_delay 400 mcast_snooping 0
             ip link set br0 up
             ip tuntap add p1 mode tap
             ip link set p1 master br0 up
             bridge link set dev p1 state 2
             wait 4
             bridge -j link show",
        );
        let depends = |at: u64| {
            let times = [0, 1, 2, 3, 4, 5, at].map(Duration::from_millis);
            let ours = ours::play(&scenario, &times);
            ours_depend_on_time(&scenario, 6, &times, &ours)
        };
        let seen = [3_500, 3_900, 4_100, 4_600].map(depends);
        assert_eq!(seen, [false, true, true, false]);
    }
}
