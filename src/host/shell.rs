//! `sh -c TEXT`: commands one after another, with `;`, `&&`, `||` and quotes, and nothing else of sh.

/// What stands before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    Start,
    And,
    Or,
}

/// Commands of a text at most.
const MAX_COMMANDS: usize = 1_000;

/// Splits a text into commands; `None` if there is more in it than that.
pub(super) fn split(text: &str) -> Option<Vec<(Joint, Vec<String>)>> {
    let mut commands = vec![(Joint::Start, Vec::new())];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let (_, words) = commands.last_mut()?;
        let joint = match (quote, letter) {
            (Some(open), _) if letter == open => {
                quote = None;
                continue;
            }
            (Some('"'), '$' | '`' | '\\') => return None,
            (Some(_), _) => {
                word.get_or_insert_default().push(letter);
                continue;
            }
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
                continue;
            }
            (None, ';' | '\n') => Joint::Start,
            (None, '&' | '|') if letters.peek() == Some(&letter) => {
                letters.next();
                if letter == '&' { Joint::And } else { Joint::Or }
            }
            (None, letter) if letter.is_whitespace() => {
                words.extend(word.take());
                continue;
            }
            (None, '$' | '`' | '\\' | '|' | '&' | '<' | '>' | '(' | ')' | '#' | '*' | '{') => {
                return None;
            }
            (None, _) => {
                word.get_or_insert_default().push(letter);
                continue;
            }
        };
        words.extend(word.take());
        commands.push((joint, Vec::new()));
        if commands.len() > MAX_COMMANDS {
            return None;
        }
    }
    if quote.is_some() {
        return None;
    }
    commands.last_mut()?.1.extend(word);
    // Nothing may stand between operators but newlines and `;`.
    let empty = |(_, words): &(Joint, Vec<String>)| words.is_empty();
    let open = commands.windows(2).any(|pair| {
        let joined = pair[1].0 != Joint::Start;
        joined && (empty(&pair[0]) || empty(&pair[1]))
    });
    commands.retain(|command| !empty(command));
    (!open).then_some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let commands = split(text)?;
        let command = |(joint, words): (Joint, Vec<String>)| {
            let joint = match joint {
                Joint::Start => ";",
                Joint::And => "&",
                Joint::Or => "|",
            };
            format!("{joint}{}", words.join(","))
        };
        Some(commands.into_iter().map(command).collect())
    }

    #[test]
    fn commands_and_words() {
        for (text, commands) in [
            ("", Some("")),
            ("a b;c", Some(";a,b;c")),
            ("a 'b c' \"d'e\"f && g || h\n", Some(";a,b c,d'ef&g|h")),
            ("a ;\n; b", Some(";a;b")),
            ("a ''", Some(";a,")),
            ("a &&", None),
            ("&& a", None),
            ("a && && b", None),
            ("a | b", None),
            ("a &", None),
            ("a $b", None),
            ("a \"$b\"", None),
            ("a > b", None),
            ("'a", None),
        ] {
            assert_eq!(shown(text).as_deref(), commands, "{text}");
        }
    }
}
