//! What is wrong with a script, and where.

/// A place in a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters (not octets), from 1.
    pub column: u32,
}

/// What the reader objects to, before the file and the source line are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Position,
    /// The word that is wrong; empty where something is missing.
    pub(super) word: String,
    /// What is wrong with it; may be empty.
    pub(super) message: String,
    /// What could stand there; may be empty.
    pub(super) expected: String,
}

impl Fault {
    pub(super) fn new(at: Position, word: impl ToString, message: impl Into<String>) -> Self {
        Self {
            at,
            word: word.to_string(),
            message: message.into(),
            expected: String::new(),
        }
    }

    /// Adds what could stand there.
    pub(super) fn expect(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Adds a list of words that could stand there, and the one that was probably meant.
    pub(super) fn expect_one_of<'a>(
        mut self,
        words: impl Iterator<Item = &'a str> + Clone,
    ) -> Self {
        let list: Vec<&str> = words.clone().collect();
        self.expected = match list.as_slice() {
            [] => String::new(),
            [only] => format!("\"{only}\""),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
        };
        if let Some(meant) = nearest(&self.word, words) {
            self.expected
                .push_str(&format!(" (did you mean \"{meant}\"?)"));
        }
        self
    }
}

/// Returns the candidate within a small edit distance of a word.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    // Longer words are not slips of the finger, and the distance costs length × length.
    if !(2..=32).contains(&length) {
        return None;
    }
    let limit = if length <= 4 { 1 } else { 2 };
    candidates
        .map(|c| (edit_distance(word, c), c))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Levenshtein's distance, with a swap of neighbours counted as one edit.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, distance) in [
            ("", "", 0),
            ("hairpn", "hairpin", 1),
            ("brdige", "bridge", 1),
            ("veht", "veth", 1),
            ("abc", "xyz", 3),
            ("", "ab", 2),
        ] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
        assert_eq!(nearest("vxlan", ["vlan", "veth"].into_iter()), Some("vlan"));
        assert_eq!(nearest("x", ["y"].into_iter()), None);
    }
}
