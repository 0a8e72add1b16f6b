//! One sentence for each difference that matters, made of the figures alone.

use super::lab::Role;
use super::reach::{Class, Reach};
use super::report::{Comparison, KindReport, PAIRS, number};
use super::traffic::Flow;

/// A count that differs by less than this part of the larger one is not worth a sentence.
const WORTH_A_WORD: f64 = 0.1;

/// The same for times, which are the machine's affair.
const WORTH_TIMING: f64 = 0.25;

/// Returns what differs.
#[must_use]
pub fn differences(all: &Comparison) -> Vec<String> {
    let mut sentences = reach(&all.kinds);
    let per_frame = |it: &KindReport| it.deliveries_per_frame.broadcast;
    #[allow(clippy::cast_precision_loss)] // counts far below 2^52
    let count = |value: u64| Some(value as f64);
    type Value<'a> = &'a dyn Fn(&KindReport) -> Option<f64>;
    let figures: [(&str, &str, Value<'_>); 8] = [
        ("A frame to all is delivered to", "stations", &per_frame),
        (
            "Frames that a station gets although they are for another:",
            "",
            &|it| count(it.figures.unicast.overheard),
        ),
        ("The machine's device floods", "frames", &|it| {
            count(it.figures.floods)
        }),
        ("It learns", "stations", &|it| count(it.figures.learned)),
        ("It is told of", "stations or addresses", &|it| {
            count(it.figures.configured)
        }),
        (
            "The LAN's switch learns",
            "stations behind the machine's port",
            &|it| count(it.figures.lan_learned),
        ),
        ("The machine sends", "frames to the LAN", &|it| {
            count(it.figures.wire_out)
        }),
        ("Of the frames sent,", "go nowhere", &|it| {
            count(it.figures.dropped_total())
        }),
    ];
    for (says, unit, value) in figures {
        sentences.extend(figure(&all.kinds, says, unit, WORTH_A_WORD, value, &number));
    }
    for flow in Flow::ALL {
        let ns = |it: &KindReport| it.ns_per_frame.as_ref()?.get(flow.key()).copied();
        let says = format!("A frame ({}) costs", flow.name());
        let format = |ns: f64| format!("{ns:.0}");
        sentences.extend(figure(&all.kinds, &says, "ns", WORTH_TIMING, &ns, &format));
    }
    sentences
}

/// Who reaches whom on which kinds: one sentence for both directions where they are alike.
fn reach(kinds: &[KindReport]) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut said = Vec::new();
    for pair in PAIRS {
        let (from, to) = pair;
        if said.contains(&pair) {
            continue;
        }
        let mine = groups(kinds, pair);
        if mine.len() < 2 {
            continue;
        }
        let sets = |groups: &[Group]| -> Vec<_> {
            let reach = |it: &Group| (it.reach, it.kinds.clone());
            let mut sets: Vec<_> = groups.iter().map(reach).collect();
            sets.sort();
            sets
        };
        let both = from != to && sets(&mine) == sets(&groups(kinds, (to, from)));
        if both {
            said.push((to, from));
        }
        let says = match (both, from, to) {
            (_, Role::Child, Role::Child) => "A child reaches its siblings".to_owned(),
            (true, ..) => format!("{} and {} reach each other", capital(part(from)), part(to)),
            (false, ..) => format!("{} reaches {}", capital(part(from)), part(to)),
        };
        let clauses: Vec<_> = mine.iter().map(Group::clause).collect();
        sentences.push(format!("{says} {}.", clauses.join("; ")));
    }
    sentences
}

const fn part(role: Role) -> &'static str {
    match role {
        Role::Host => "the host",
        Role::Parent => "the parent",
        Role::Child => "a child",
        Role::Outside => "the outside",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Kinds that do the same for the same reason.
struct Group {
    reach: Option<Reach>,
    why: Option<String>,
    kinds: Vec<String>,
}

impl Group {
    fn clause(&self) -> String {
        let kinds = list(&self.kinds);
        let how = match self.reach {
            Some(Reach::Yes) => format!("on {kinds}"),
            Some(Reach::Told) => format!("with neighbour entries only on {kinds}"),
            Some(Reach::No) => format!("not on {kinds}"),
            None => format!("sometimes on {kinds}"),
        };
        match &self.why {
            Some(why) => format!("{how} ({why})"),
            None => how,
        }
    }
}

/// Sorts kinds that have a pair by what it comes to, those that reach first.
fn groups(kinds: &[KindReport], (from, to): (Role, Role)) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for kind in kinds {
        let Some(Class { reach, why, .. }) = kind.class(from, to) else {
            continue;
        };
        match groups
            .iter_mut()
            .find(|it| (&it.reach, &it.why) == (reach, why))
        {
            Some(group) => group.kinds.push(kind.kind.clone()),
            None => groups.push(Group {
                reach: *reach,
                why: why.clone(),
                kinds: vec![kind.kind.clone()],
            }),
        }
    }
    groups.sort_by_key(|it| {
        it.reach.map_or(2, |reach| match reach {
            Reach::Yes => 0,
            Reach::Told => 1,
            Reach::No => 3,
        })
    });
    groups
}

/// A sentence about one figure, if it differs enough.
fn figure(
    kinds: &[KindReport],
    says: &str,
    unit: &str,
    worth: f64,
    value: &dyn Fn(&KindReport) -> Option<f64>,
    format: &dyn Fn(f64) -> String,
) -> Option<String> {
    let values: Vec<_> = kinds
        .iter()
        .filter_map(|it| Some((value(it)?, &it.kind)))
        .collect();
    let all = || values.iter().map(|(value, _)| *value);
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    if values.len() < 2 || most - least <= worth * most {
        return None;
    }
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (value, kind) in values {
        let text = format(value);
        match groups.iter_mut().find(|(other, _)| *other == text) {
            Some((_, kinds)) => kinds.push(kind.clone()),
            None => groups.push((text, vec![kind.clone()])),
        }
    }
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    };
    let clause = |(index, (value, kinds)): (usize, &(String, Vec<String>))| match index {
        0 => format!("{value}{unit} on {}", list(kinds)),
        _ => format!("{value} on {}", list(kinds)),
    };
    let clauses: Vec<_> = groups.iter().enumerate().map(clause).collect();
    Some(format!("{says} {}.", clauses.join("; ")))
}

/// `a`, `a and b`, `a, b and c`.
fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
