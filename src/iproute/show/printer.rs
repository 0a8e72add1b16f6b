//! One pass, two forms: writes a record as text or as JSON, as iproute2's `json_print` does.
//!
//! A field is named once, with its JSON key and value and its text; the printer writes one of them. That keeps
//! the order of both forms in one place, where iproute2 has it.
//!
//! The JSON is written by hand rather than by serde_json, because programs compare it octet by octet:
//! iproute2's indented form is its own (`[ {`, `},{`, `} ]`, `[ "UP","LOWER_UP" ]`), timers are numbers with exactly two
//! decimals (`0.00`), and control characters pass unescaped.

use std::fmt::{self, Display, Write};

use crate::iproute::command::Format;

/// A JSON value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// Hundredths, printed with two decimals: the timers of a bridge.
    Hundredths(u64),
    /// `null`: a flag that is set (`print_null`).
    Null,
    /// A number.
    Number(i128),
    /// A text.
    Text(&'a str),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl From<$t> for Value<'_> {
            fn from(value: $t) -> Self {
                Self::Number(value.into())
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, i32);

/// Collects the output of one command.
#[derive(Debug)]
pub(super) struct Printer {
    out: String,
    json: Option<Json>,
    /// What ends a line inside a record (`_SL_`): with `-o` a backslash.
    line_end: char,
}

/// Where the JSON writer stands.
#[derive(Debug)]
struct Json {
    pretty: bool,
    /// Open objects and arrays.
    depth: usize,
    /// Whether the innermost of them has content.
    comma: bool,
}

impl Printer {
    /// Starts the output of a command; in JSON, the array around all records.
    pub(super) fn new(format: Format) -> Self {
        let json = format.json.then_some(Json {
            pretty: format.pretty,
            depth: 0,
            comma: false,
        });
        let mut printer = Self {
            out: String::new(),
            json,
            line_end: if format.oneline { '\\' } else { '\n' },
        };
        printer.begin('[');
        printer
    }

    /// Ends the output and returns it.
    pub(super) fn finish(mut self) -> String {
        self.close_array();
        if self.is_json() {
            self.out.push('\n');
        }
        self.out
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// Prints a field: `"key":value`, or its text.
    pub(super) fn field<'a>(&mut self, key: &str, value: impl Into<Value<'a>>, text: impl Display) {
        if self.is_json() {
            self.json_field(key, value);
        } else {
            self.text(text);
        }
    }

    /// Prints a field that only JSON has.
    pub(super) fn json_field<'a>(&mut self, key: &str, value: impl Into<Value<'a>>) {
        if self.is_json() {
            self.name(key);
            self.value(value.into());
        }
    }

    /// Prints a flag that is set: `"key":null`, or its text.
    pub(super) fn null(&mut self, key: &str, text: impl Display) {
        self.field(key, Value::Null, text);
    }

    /// Prints what only the text has.
    pub(super) fn text(&mut self, text: impl Display) {
        if !self.is_json() {
            // Writing to a string cannot fail.
            let _ = write!(self.out, "{text}");
        }
    }

    /// Prints a number whose text is `key N `.
    pub(super) fn number<'a>(&mut self, key: &str, number: impl Into<Value<'a>> + Display) {
        self.labelled(key, key, number);
    }

    /// Prints a number or text whose text is `label VALUE `, where the label is not the JSON key.
    pub(super) fn labelled<'a>(
        &mut self,
        key: &str,
        label: &str,
        value: impl Into<Value<'a>> + Display,
    ) {
        let text = if self.is_json() {
            String::new()
        } else {
            format!("{label} {value} ")
        };
        self.field(key, value, text);
    }

    /// Prints a switch: a boolean, or `key on `.
    pub(super) fn on_off(&mut self, key: &str, on: bool) {
        self.field(
            key,
            on,
            format_args!("{key} {} ", if on { "on" } else { "off" }),
        );
    }

    /// Prints a hexadecimal number: `label 0x8001 `; a text in JSON.
    pub(super) fn hex(&mut self, key: &str, label: &str, number: u16) {
        self.labelled(key, label, &c_hex(number));
    }

    /// Prints a timer, given in 1/100 s: `key    7.41 `.
    pub(super) fn timer(&mut self, key: &str, hundredths: u64) {
        let (seconds, rest) = (hundredths / 100, hundredths % 100);
        self.field(
            key,
            Value::Hundredths(hundredths),
            format_args!("{key} {seconds:4}.{rest:02} "),
        );
    }

    /// Ends a line inside a record.
    pub(super) fn line(&mut self) {
        let end = self.line_end;
        self.text(end);
    }

    /// Prints an element of an array: `"value"`, or its text.
    pub(super) fn element(&mut self, value: &str, text: impl Display) {
        if self.is_json() {
            self.value(Value::Text(value));
        } else {
            self.text(text);
        }
    }

    /// Opens an object, an element of an array.
    pub(super) fn open(&mut self) {
        self.begin('{');
    }

    /// Opens an object that is a field's value.
    pub(super) fn open_field(&mut self, key: &str) {
        self.name(key);
        self.begin('{');
    }

    /// Closes the innermost object.
    pub(super) fn close(&mut self) {
        self.end('}');
    }

    /// Opens an array that is a field's value.
    pub(super) fn open_array(&mut self, key: &str) {
        self.name(key);
        self.begin('[');
    }

    /// Opens the flags of a netdev: an array in JSON, `<` in text.
    pub(super) fn open_flags(&mut self) {
        self.open_array("flags");
        self.text('<');
    }

    /// Closes the flags of a netdev.
    pub(super) fn close_flags(&mut self) {
        self.close_array();
        self.text("> ");
    }

    /// Closes the innermost array.
    pub(super) fn close_array(&mut self) {
        let Some(json) = &mut self.json else { return };
        // Inside an array nothing stands on a line of its own, so no line ends here either.
        let spaced = json.pretty && json.comma;
        json.comma = false;
        if spaced {
            self.out.push(' ');
        }
        self.end(']');
    }

    fn begin(&mut self, bracket: char) {
        self.separate();
        let Some(json) = &mut self.json else { return };
        json.depth += 1;
        json.comma = false;
        self.out.push(bracket);
        if bracket == '[' && json.pretty {
            self.out.push(' ');
        }
    }

    fn end(&mut self, bracket: char) {
        let Some(json) = &mut self.json else { return };
        json.depth = json.depth.saturating_sub(1);
        if json.comma {
            self.break_line();
        }
        self.out.push(bracket);
        if let Some(json) = &mut self.json {
            json.comma = true;
        }
    }

    fn name(&mut self, key: &str) {
        if !self.is_json() {
            return;
        }
        self.separate();
        self.break_line();
        let Some(json) = &mut self.json else { return };
        json.comma = false;
        let colon = if json.pretty { ": " } else { ":" };
        self.quote(key);
        self.out.push_str(colon);
    }

    fn value(&mut self, value: Value<'_>) {
        self.separate();
        if let Value::Text(text) = value {
            self.quote(text);
        } else {
            let _ = write!(self.out, "{value}");
        }
    }

    fn separate(&mut self) {
        if let Some(json) = &mut self.json {
            if json.comma {
                self.out.push(',');
            }
            json.comma = true;
        }
    }

    fn break_line(&mut self) {
        if let Some(json) = &self.json
            && json.pretty
        {
            let _ = write!(self.out, "\n{:1$}", "", 4 * json.depth);
        }
    }

    fn quote(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '\t' => self.out.push_str("\\t"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\x0c' => self.out.push_str("\\f"),
                '\x08' => self.out.push_str("\\b"),
                '\\' => self.out.push_str("\\\\"),
                '"' => self.out.push_str("\\\""),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

/// Writes a number as C's `%#x` does: `0x8001`, but zero as `0`.
pub(super) fn c_hex(number: u16) -> String {
    if number == 0 {
        "0".to_owned()
    } else {
        format!("{number:#x}")
    }
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Hundredths(value) => write!(f, "{}.{:02}", value / 100, value % 100),
            Self::Null => f.write_str("null"),
            Self::Number(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
