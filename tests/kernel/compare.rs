//! Both sides' records, step by step.

use std::path::Path;
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
    let hasty = once(scenario, manner, differences::KNOWN);
    let Some(found) = &hasty.difference else {
        return hasty;
    };
    let slow = once(scenario, SLOWLY, differences::KNOWN);
    let retried = slow.difference.is_none();
    if retried {
        println!("gone when played slowly: {}", found.text);
        save(scenario, found.step);
    }
    Comparison { retried, ..slow }
}

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
    vxlan::mask(scenario, &mut kernel);
    vxlan::mask(scenario, &mut ours);
    let difference = first_difference(scenario, &kernel, &ours, known);
    Comparison {
        kernel,
        difference,
        retried: false,
    }
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
                let (theirs, mine) = (essence(theirs, exactly), essence(mine, exactly));
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
fn essence(answer: &Answer, exactly: bool) -> String {
    let status = match answer.status {
        status if exactly => status,
        status => i32::from(status != 0),
    };
    let words = answer.stderr.lines().next().unwrap_or_default();
    let output = match serde_json::from_str(&answer.stdout) {
        Ok(Value::Array(rows)) => {
            let mut rows: Vec<String> = rows.into_iter().filter_map(|r| row(r, exactly)).collect();
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

fn row(mut row: Value, exactly: bool) -> Option<String> {
    let fields = row.as_object_mut()?;
    // Rows per VLAN exist only where the kernel filters VLANs.
    if fields.contains_key("vlan") && !*oracle::FILTERS_VLANS {
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
