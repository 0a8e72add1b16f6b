//! Part of a JSON value, compared with the whole.
//!
//! An object must have every key that is expected, with what is expected there; others do not matter. So
//! for arrays of objects that say who they are (by `name`, `mac` and `vlan`, `file`, `line`, `ifname`, …):
//! each one expected is looked up by that. Other arrays must be equal in length and item by item. An empty
//! array or object is just that: nothing may be in it; and `null` is also what is not there.

use serde_json::{Map, Value};

/// What is not as expected, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `bridges[name=br0].learned`, say.
    pub path: String,
    /// What is expected there; `None`: nothing.
    pub expected: Option<Value>,
    /// What is there; `None`: nothing.
    pub actual: Option<Value>,
}

/// Keys by which an object says who it is, the first that it has; several make one.
const IDENTITIES: &[&[&str]] = &[
    &["mac", "vlan"],
    &["name"],
    &["ifname"],
    &["file"],
    &["line"],
    &["port"],
    &["bridge"],
    &["vlan"],
    &["dst"],
    &["grp"],
];

/// Compares, and returns what differs, in the order of the expectation.
#[must_use]
pub fn compare(expected: &Value, actual: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    value(expected, Some(actual), &mut String::new(), &mut differences);
    differences
}

fn value(expected: &Value, actual: Option<&Value>, path: &mut String, out: &mut Vec<Difference>) {
    match (expected, actual) {
        (Value::Null, None | Some(Value::Null)) => {}
        (Value::Object(some), Some(Value::Object(all))) if !some.is_empty() => {
            for (key, expected) in some {
                let length = path.len();
                push_key(path, key);
                value(expected, all.get(key), path, out);
                path.truncate(length);
            }
        }
        (Value::Array(some), Some(Value::Array(all))) if !some.is_empty() => {
            array(some, all, path, out);
        }
        (expected, Some(actual)) if expected == actual => {}
        _ => out.push(Difference {
            path: path.clone(),
            expected: Some(expected.clone()),
            actual: actual.cloned(),
        }),
    }
}

fn array(some: &[Value], all: &[Value], path: &mut String, out: &mut Vec<Difference>) {
    let length = path.len();
    for (index, expected) in some.iter().enumerate() {
        let found = match identity(expected) {
            Some(who) => {
                path.push_str(&format!("[{}]", who.words));
                all.iter().find(|actual| who.is(actual))
            }
            None => {
                path.push_str(&format!("[{index}]"));
                all.get(index)
            }
        };
        value(expected, found, path, out);
        path.truncate(length);
    }
    let whole = some.iter().all(|expected| identity(expected).is_none());
    for (index, surplus) in all.iter().enumerate().skip(some.len()).filter(|_| whole) {
        out.push(Difference {
            path: format!("{path}[{index}]"),
            expected: None,
            actual: Some(surplus.clone()),
        });
    }
}

/// Who an object says it is.
struct Identity<'a> {
    keys: Vec<(&'static str, &'a Value)>,
    words: String,
}

impl Identity<'_> {
    fn is(&self, other: &Value) -> bool {
        let null = Value::Null;
        self.keys
            .iter()
            .all(|(key, value)| other.is_object() && other.get(*key).unwrap_or(&null) == *value)
    }
}

fn identity(object: &Value) -> Option<Identity<'_>> {
    let keys = IDENTITIES
        .iter()
        .find(|keys| object.get(keys[0]).is_some())?;
    let keys: Vec<_> = keys
        .iter()
        .filter_map(|key| Some((*key, object.get(*key)?)))
        .collect();
    let words = keys.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    });
    let words = words.collect::<Vec<_>>().join(",");
    Some(Identity { keys, words })
}

fn push_key(path: &mut String, key: &str) {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        path.push_str(&format!("[{key:?}]"));
    } else {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    }
}

/// Brings an expectation up to date: what it is about stays, what it says of it becomes what is there.
/// Empty arrays and objects become whole, and an item of an array that is there no more goes.
#[must_use]
pub fn renew(expected: &Value, actual: Option<&Value>) -> Value {
    match (expected, actual) {
        (Value::Object(some), Some(Value::Object(all))) if !some.is_empty() => {
            let renewed = some
                .iter()
                .map(|(key, expected)| (key.clone(), renew(expected, all.get(key))));
            Value::Object(renewed.collect::<Map<_, _>>())
        }
        (Value::Array(some), Some(Value::Array(all))) if !some.is_empty() => {
            if some.iter().all(|expected| identity(expected).is_none()) {
                return Value::Array(all.clone());
            }
            let renewed = some.iter().filter_map(|expected| {
                let found = identity(expected).and_then(|who| all.iter().find(|it| who.is(it)));
                found.map(|found| renew(expected, Some(found)))
            });
            Value::Array(renewed.collect())
        }
        (_, actual) => actual.cloned().unwrap_or(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn actual() -> Value {
        json!({
            "total": {"frames_in": 3, "dropped": {"runt": 1}},
            "bridges": [
                {"name": "br0", "fdb": [
                    {"mac": "a", "vlan": null, "dev": "p1"},
                    {"mac": "a", "vlan": 10, "dev": "p2"},
                ]},
                {"name": "br1", "fdb": []},
            ],
            "flags": ["x", "y"],
        })
    }

    #[test]
    fn parts_are_enough() {
        for part in [
            json!({}),
            json!({"total": {"frames_in": 3}}),
            json!({"bridges": [{"name": "br1"}]}),
            json!({"bridges": [{"name": "br0", "fdb": [{"mac": "a", "vlan": 10, "dev": "p2"}]}]}),
            json!({"bridges": [{"name": "br1", "fdb": []}]}),
            json!({"total": {"dropped": {"same_port": null}}}),
            json!({"flags": ["x", "y"]}),
            actual(),
        ] {
            let differences = compare(&part, &actual());
            // {} at the top is empty, and what is there is not.
            assert_eq!(
                differences.len(),
                usize::from(part == json!({})),
                "{part}: {differences:?}"
            );
        }
    }

    #[test]
    fn differences_have_a_path() {
        for (part, path, expected, found) in [
            (
                json!({"total": {"frames_in": 4}}),
                "total.frames_in",
                "4",
                "3",
            ),
            (
                json!({"total": {"dropped": {}}}),
                "total.dropped",
                "{}",
                r#"{"runt":1}"#,
            ),
            (json!({"total": {"lost": 1}}), "total.lost", "1", "-"),
            (
                json!({"bridges": [{"name": "br2"}]}),
                "bridges[name=br2]",
                r#"{"name":"br2"}"#,
                "-",
            ),
            (
                json!({"bridges": [{"name": "br0", "fdb": [{"mac": "a", "vlan": 10, "dev": "p3"}]}]}),
                "bridges[name=br0].fdb[mac=a,vlan=10].dev",
                r#""p3""#,
                r#""p2""#,
            ),
            (
                json!({"bridges": [{"name": "br0", "fdb": []}]}),
                "bridges[name=br0].fdb",
                "[]",
                r#"[{"mac":"a","vlan":null,"dev":"p1"},{"mac":"a","vlan":10,"dev":"p2"}]"#,
            ),
            (json!({"flags": ["x"]}), "flags[1]", "-", r#""y""#),
            (json!({"flags": ["y", "y"]}), "flags[0]", r#""y""#, r#""x""#),
            (json!({"a b": 1}), r#"["a b"]"#, "1", "-"),
        ] {
            let differences = compare(&part, &actual());
            let [one] = differences.as_slice() else {
                panic!("{part}: {differences:?}");
            };
            let text =
                |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
            let said = (one.path.as_str(), text(&one.expected), text(&one.actual));
            assert_eq!(said, (path, expected.to_owned(), found.to_owned()));
        }
    }

    #[test]
    fn renewed_expectations_hold_and_stay_parts() {
        for (old, new) in [
            (
                json!({"total": {"frames_in": 9}}),
                json!({"total": {"frames_in": 3}}),
            ),
            (json!({}), actual()),
            (
                json!({"bridges": [{"name": "br9"}, {"name": "br1", "fdb": [{"mac": "z"}]}]}),
                json!({"bridges": [{"name": "br1", "fdb": []}]}),
            ),
            (json!({"flags": ["q"]}), json!({"flags": ["x", "y"]})),
            (json!({"nothing": 1}), json!({"nothing": null})),
        ] {
            let renewed = renew(&old, Some(&actual()));
            assert_eq!(renewed, new);
            assert_eq!(compare(&renewed, &actual()), []);
        }
    }
}
