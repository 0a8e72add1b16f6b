//! Which frame of one sequence is which of another: a diff.
//!
//! Frames that are the same hold the two sequences together (Myers' shortest edit script, *An O(ND)
//! difference algorithm*, 1986); what is left in between is paired by likeness, so that a frame that is
//! missing does not make all after it different. Pure; the work is bounded: of sequences that differ in
//! more than a thousand frames what is between the first and the last difference is paired in
//! order.

use std::borrow::Cow;

/// Frames that may be missing or surplus before the search for a shortest script is given up.
const MAX_DIFFERENCES: usize = 1_000;

/// Pairs that are compared octet by octet to find the likest ones.
const MAX_PAIRS: usize = 40_000;

/// One frame, as far as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Nanoseconds, from whenever.
    pub time: u64,
    /// The frame, without what is to be ignored.
    pub octets: Cow<'a, [u8]>,
    /// What became of it, if that counts.
    pub notes: &'a [String],
}

/// One step of a comparison; indices into the two sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Both have it.
    Same(usize, usize),
    /// The second has another one in its place.
    Changed(usize, usize),
    /// Only the first has it.
    Missing(usize),
    /// Only the second has it.
    Surplus(usize),
}

/// Compares two sequences in order. Times may differ by `tolerance` nanoseconds.
#[must_use]
pub fn align(expected: &[Token<'_>], actual: &[Token<'_>], tolerance: u64) -> Vec<Step> {
    let same = |e: usize, a: usize| same(&expected[e], &actual[a], tolerance);
    let shorter = expected.len().min(actual.len());
    let front = (0..shorter).take_while(|&at| same(at, at)).count();
    let back = (1..=shorter - front)
        .take_while(|&at| same(expected.len() - at, actual.len() - at))
        .count();
    let (e_end, a_end) = (expected.len() - back, actual.len() - back);

    let mut steps: Vec<Step> = (0..front).map(|at| Step::Same(at, at)).collect();
    let anchors = common(e_end - front, a_end - front, &|e, a| {
        same(front + e, front + a)
    });
    let (mut e, mut a) = (front, front);
    let ends = anchors
        .into_iter()
        .map(|(x, y)| (front + x, front + y))
        .chain([(e_end, a_end)]);
    for (to_e, to_a) in ends {
        pair(
            expected,
            actual,
            (e, to_e),
            (a, to_a),
            tolerance,
            &mut steps,
        );
        if (to_e, to_a) != (e_end, a_end) {
            steps.push(Step::Same(to_e, to_a));
        }
        (e, a) = (to_e + 1, to_a + 1);
    }
    steps.extend((0..back).map(|at| Step::Same(e_end + at, a_end + at)));
    steps
}

/// Compares two sequences whose order does not count: each frame of the one goes with one of the other
/// that is the same. What is left is paired by likeness.
#[must_use]
pub fn align_unordered(expected: &[Token<'_>], actual: &[Token<'_>], tolerance: u64) -> Vec<Step> {
    // Frames with the same octets and notes, earliest first, are what the other side may take.
    let mut waiting: std::collections::HashMap<_, std::collections::VecDeque<usize>> =
        std::collections::HashMap::new();
    let mut by_time: Vec<usize> = (0..actual.len()).collect();
    by_time.sort_by_key(|&at| actual[at].time);
    for at in by_time {
        let key = (actual[at].octets.as_ref(), actual[at].notes);
        waiting.entry(key).or_default().push_back(at);
    }
    let mut partner = vec![None; expected.len()];
    let mut taken = vec![false; actual.len()];
    let mut by_time: Vec<usize> = (0..expected.len()).collect();
    by_time.sort_by_key(|&at| expected[at].time);
    for at in by_time {
        let one = &expected[at];
        let Some(queue) = waiting.get_mut(&(one.octets.as_ref(), one.notes)) else {
            continue;
        };
        // What is too early for this one is too early for all later ones.
        while queue
            .pop_front_if(|early| actual[*early].time.saturating_add(tolerance) < one.time)
            .is_some()
        {}
        let found = queue.pop_front_if(|a| actual[*a].time.abs_diff(one.time) <= tolerance);
        if let Some(found) = found {
            partner[at] = Some(found);
            taken[found] = true;
        }
    }
    let left_e: Vec<usize> = (0..expected.len())
        .filter(|&at| partner[at].is_none())
        .collect();
    let left_a: Vec<usize> = (0..actual.len()).filter(|&at| !taken[at]).collect();
    let some_e: Vec<Token<'_>> = left_e.iter().map(|&at| expected[at].clone()).collect();
    let some_a: Vec<Token<'_>> = left_a.iter().map(|&at| actual[at].clone()).collect();
    let mut left = Vec::new();
    let all = ((0, some_e.len()), (0, some_a.len()));
    pair(&some_e, &some_a, all.0, all.1, tolerance, &mut left);
    let same = partner.iter().enumerate();
    let same = same.filter_map(|(e, a)| a.map(|a| Step::Same(e, a)));
    same.chain(left.into_iter().map(|step| match step {
        Step::Same(e, a) => Step::Same(left_e[e], left_a[a]),
        Step::Changed(e, a) => Step::Changed(left_e[e], left_a[a]),
        Step::Missing(e) => Step::Missing(left_e[e]),
        Step::Surplus(a) => Step::Surplus(left_a[a]),
    }))
    .collect()
}

fn same(e: &Token<'_>, a: &Token<'_>, tolerance: u64) -> bool {
    e.time.abs_diff(a.time) <= tolerance && e.octets == a.octets && e.notes == a.notes
}

/// Returns a longest common subsequence of two sequences of these lengths, as pairs of indices; nothing
/// if they differ too much.
fn common(n: usize, m: usize, same: &dyn Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    if n == 0 || m == 0 {
        return Vec::new();
    }
    // furthest[k]: how far into the first sequence a path gets that ends on diagonal k = x − y.
    let most = (n + m).min(MAX_DIFFERENCES);
    let mut furthest = Diagonals::new(most + 1);
    let mut rounds = Vec::new();
    let (n, m) = (n.cast_signed(), m.cast_signed());
    for d in 0..=most.cast_signed() {
        rounds.push(furthest.within(d + 1));
        for k in (-d..=d).step_by(2) {
            let (_, mut x) = furthest.step(k, d);
            let mut y = x - k;
            while x < n && y < m && same(x.cast_unsigned(), y.cast_unsigned()) {
                (x, y) = (x + 1, y + 1);
            }
            furthest.set(k, x);
            if x >= n && y >= m {
                return way_back(n, m, &rounds);
            }
        }
    }
    Vec::new()
}

/// Collects the frames in common on the way back from the end.
fn way_back(n: isize, m: isize, rounds: &[Diagonals]) -> Vec<(usize, usize)> {
    let (mut x, mut y) = (n, m);
    let mut pairs = Vec::new();
    for (d, furthest) in (0..).zip(rounds).collect::<Vec<_>>().into_iter().rev() {
        let k = x - y;
        let (from, _) = furthest.step(k, d);
        let (from_x, from_y) = (furthest.get(from), furthest.get(from) - from);
        while x > from_x && y > from_y {
            (x, y) = (x - 1, y - 1);
            pairs.push((x.cast_unsigned(), y.cast_unsigned()));
        }
        (x, y) = (from_x, from_y);
    }
    pairs.reverse();
    pairs
}

/// A number for each diagonal from −radius to radius.
#[derive(Clone, Debug)]
struct Diagonals {
    radius: isize,
    values: Vec<isize>,
}

impl Diagonals {
    fn new(radius: usize) -> Self {
        Self {
            radius: radius.cast_signed(),
            values: vec![0; 2 * radius + 1],
        }
    }

    fn get(&self, k: isize) -> isize {
        self.values[(k + self.radius).cast_unsigned()]
    }

    fn set(&mut self, k: isize, x: isize) {
        self.values[(k + self.radius).cast_unsigned()] = x;
    }

    /// Returns the diagonals up to a radius, at most this one's.
    fn within(&self, radius: isize) -> Self {
        let radius = radius.min(self.radius);
        let from = (self.radius - radius).cast_unsigned();
        let to = (self.radius + radius).cast_unsigned();
        Self {
            radius,
            values: self.values[from..=to].to_vec(),
        }
    }

    /// Returns from which diagonal the d-th difference leads furthest on diagonal k, and how far: down
    /// from k + 1 (one more of the second sequence), or right from k − 1 (one more of the first).
    fn step(&self, k: isize, d: isize) -> (isize, isize) {
        if k == -d || (k != d && self.get(k - 1) < self.get(k + 1)) {
            (k + 1, self.get(k + 1))
        } else {
            (k - 1, self.get(k - 1) + 1)
        }
    }
}

/// Pairs what lies between two anchors: the likest ones if there are few, else in order.
fn pair(
    expected: &[Token<'_>],
    actual: &[Token<'_>],
    (e_from, e_to): (usize, usize),
    (a_from, a_to): (usize, usize),
    tolerance: u64,
    steps: &mut Vec<Step>,
) {
    let (n, m) = (e_to - e_from, a_to - a_from);
    if n.saturating_mul(m) > MAX_PAIRS {
        let both = n.min(m);
        steps.extend((0..both).map(|at| Step::Changed(e_from + at, a_from + at)));
        steps.extend((e_from + both..e_to).map(Step::Missing));
        steps.extend((a_from + both..a_to).map(Step::Surplus));
        return;
    }
    // cost[e][a]: of the rest from e and a on.
    let mut cost = vec![vec![0u32; m + 1]; n + 1];
    let unlike: Vec<Vec<u32>> = (0..n)
        .map(|e| {
            let one = &expected[e_from + e];
            let others = actual[a_from..a_to].iter();
            others
                .map(|other| unlikeness(one, other, tolerance))
                .collect()
        })
        .collect();
    for e in (0..=n).rev() {
        for a in (0..=m).rev() {
            let mut best = if (e, a) == (n, m) { 0 } else { u32::MAX };
            if e < n && a < m {
                best = best.min(cost[e + 1][a + 1] + unlike[e][a]);
            }
            if e < n {
                best = best.min(cost[e + 1][a] + ALONE);
            }
            if a < m {
                best = best.min(cost[e][a + 1] + ALONE);
            }
            cost[e][a] = best;
        }
    }
    let (mut e, mut a) = (0, 0);
    while e < n || a < m {
        if e < n && a < m && cost[e][a] == cost[e + 1][a + 1] + unlike[e][a] {
            let (one, other) = (e_from + e, a_from + a);
            steps.push(if same(&expected[one], &actual[other], tolerance) {
                Step::Same(one, other)
            } else {
                Step::Changed(one, other)
            });
            (e, a) = (e + 1, a + 1);
        } else if e < n && cost[e][a] == cost[e + 1][a] + ALONE {
            steps.push(Step::Missing(e_from + e));
            e += 1;
        } else {
            steps.push(Step::Surplus(a_from + a));
            a += 1;
        }
    }
}

/// What a frame costs that has no partner.
const ALONE: u32 = 100;

/// Returns how little two frames look like one another: 0 for the same one, more than two lonely frames if
/// they have nothing to do with each other. A tag more or less makes little difference.
fn unlikeness(e: &Token<'_>, a: &Token<'_>, tolerance: u64) -> u32 {
    let (tags_e, rest_e) = untagged(&e.octets);
    let (tags_a, rest_a) = untagged(&a.octets);
    let start = e.octets.iter().zip(a.octets.iter()).take(12);
    let rest = rest_e.iter().zip(rest_a);
    let equal = start.chain(rest).filter(|(e, a)| e == a).count();
    let longer = 12 + rest_e.len().max(rest_a.len());
    let different = longer.saturating_sub(equal);
    if different * 2 > longer && rest_e.get(..2) != rest_a.get(..2) {
        return 2 * ALONE + 1;
    }
    let share = u32::try_from(different * 100 / longer).unwrap_or(100);
    let late = u32::from(e.time.abs_diff(a.time) > tolerance);
    let tagged = u32::from(tags_e != tags_a);
    let noted = u32::from(e.notes != a.notes);
    share + late * 20 + tagged * 10 + noted * 5
}

/// Returns a frame's tags, and what stands behind them from the EtherType on.
fn untagged(octets: &[u8]) -> (&[u8], &[u8]) {
    let behind = octets.get(12..).unwrap_or_default();
    let mut at = 0;
    while let [0x81, 0x00, _, _, ..] | [0x88, 0xa8, _, _, ..] = behind[at..] {
        at += 4;
    }
    behind.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let octets = text.as_bytes().chunks(1);
        octets
            .map(|octets| Token {
                time: 0,
                octets: octets.into(),
                notes: &[],
            })
            .collect()
    }

    /// Draws a comparison: a letter in both, `-x` missing, `+x` surplus, `(xy)` changed.
    fn draw(expected: &str, actual: &str, steps: &[Step]) -> String {
        let (e, a) = (expected.as_bytes(), actual.as_bytes());
        let mut text = String::new();
        for step in steps {
            match *step {
                Step::Same(one, other) => {
                    assert_eq!(e[one], a[other]);
                    text.push(e[one].into());
                }
                Step::Changed(one, other) => {
                    text.push_str(&format!("({}{})", e[one] as char, a[other] as char));
                }
                Step::Missing(one) => text.push_str(&format!("-{}", e[one] as char)),
                Step::Surplus(one) => text.push_str(&format!("+{}", a[one] as char)),
            }
        }
        text
    }

    #[test]
    fn a_missing_frame_does_not_make_the_others_different() {
        for (expected, actual, drawn) in [
            ("", "", ""),
            ("abc", "abc", "abc"),
            ("abc", "", "-a-b-c"),
            ("", "ab", "+a+b"),
            ("abcdef", "acdef", "a-bcdef"),
            ("acdef", "abcdef", "a+bcdef"),
            ("abcabba", "cbabac", "-a-bc+bab-ba+c"),
            ("abcd", "axcd", "a(bx)cd"),
            ("abxcd", "aycdz", "a-b(xy)cd+z"),
        ] {
            let steps = align(&tokens(expected), &tokens(actual), 0);
            let both = draw(expected, actual, &steps);
            let count = |c| both.matches(c).count();
            let wanted = |c| drawn.matches(c).count();
            // Where several scripts are shortest, which one it is does not matter.
            assert_eq!(
                (count('-'), count('+'), count('(')),
                (wanted('-'), wanted('+'), wanted('(')),
                "{expected} {actual}: {both}"
            );
        }
    }

    /// Every frame of both is in the result exactly once, in order, and the number of those in common is
    /// what the quadratic method finds.
    #[test]
    fn scripts_are_complete_and_shortest() {
        let mut seed = 1u32;
        let mut next = |bound: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % bound
        };
        for _ in 0..2_000 {
            let mut text = || -> String {
                let length = next(12);
                (0..length)
                    .map(|_| char::from(b'a' + u8::try_from(next(3)).unwrap()))
                    .collect()
            };
            let (expected, actual) = (text(), text());
            let steps = align(&tokens(&expected), &tokens(&actual), 0);
            let firsts = steps.iter().filter_map(|step| match *step {
                Step::Same(e, _) | Step::Changed(e, _) | Step::Missing(e) => Some(e),
                Step::Surplus(_) => None,
            });
            assert!(
                firsts.eq(0..expected.len()),
                "{expected} {actual} {steps:?}"
            );
            let seconds = steps.iter().filter_map(|step| match *step {
                Step::Same(_, a) | Step::Changed(_, a) | Step::Surplus(a) => Some(a),
                Step::Missing(_) => None,
            });
            assert!(seconds.eq(0..actual.len()), "{expected} {actual} {steps:?}");
            let (e, a) = (expected.as_bytes(), actual.as_bytes());
            let mut longest = vec![vec![0; a.len() + 1]; e.len() + 1];
            for x in 0..e.len() {
                for y in 0..a.len() {
                    longest[x + 1][y + 1] = if e[x] == a[y] {
                        longest[x][y] + 1
                    } else {
                        longest[x][y + 1].max(longest[x + 1][y])
                    };
                }
            }
            let same = steps.iter().filter(|step| matches!(step, Step::Same(..)));
            assert_eq!(
                same.count(),
                longest[e.len()][a.len()],
                "{expected} {actual}"
            );
        }
    }

    #[test]
    fn times_tell_equal_frames_apart() {
        let hello = |second: u64| Token {
            time: second * 1_000,
            octets: b"hello"[..].into(),
            notes: &[],
        };
        let expected: Vec<_> = (0..6).map(hello).collect();
        let actual: Vec<_> = [0, 1, 3, 4, 5].map(hello).to_vec();
        let steps = align(&expected, &actual, 0);
        assert!(steps.contains(&Step::Missing(2)), "{steps:?}");
        assert_eq!(steps.len(), 6);
        let late: Vec<_> = (0..6)
            .map(|n| Token {
                time: n * 1_000 + 7,
                ..hello(0)
            })
            .collect();
        assert!(
            align(&expected, &late, 7)
                .iter()
                .all(|s| matches!(s, Step::Same(..)))
        );
        assert!(
            align(&expected, &late, 6)
                .iter()
                .all(|s| matches!(s, Step::Changed(..)))
        );
    }

    #[test]
    fn order_may_not_count() {
        let steps = align_unordered(&tokens("abcab"), &tokens("bacbx"), 0);
        let same = steps.iter().filter(|step| matches!(step, Step::Same(..)));
        assert_eq!(same.count(), 4);
        assert!(steps.contains(&Step::Changed(3, 4)), "{steps:?}");
    }

    /// Too different for a shortest script: still complete, and soon done.
    #[test]
    fn whole_new_sequences_are_paired_in_order() {
        let make = |add: u32| -> Vec<Token<'_>> {
            (0..5_000u32)
                .map(|n| Token {
                    time: n.into(),
                    octets: (n + add).to_be_bytes().to_vec().into(),
                    notes: &[],
                })
                .collect()
        };
        let steps = align(&make(0), &make(1_000_000), 0);
        assert_eq!(steps.len(), 5_000);
        assert!(steps.iter().all(|step| matches!(step, Step::Changed(..))));
    }
}
