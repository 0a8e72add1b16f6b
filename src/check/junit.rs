//! Results as JUnit XML, which CI servers read.

use std::fmt::{self, Display};

use super::suite::{Outcome, Report, Results};

/// [`Results`] as JUnit XML: a test suite of all cases, each of which is a test of its folder's name in the
/// class of the folder around it.
#[derive(Debug)]
pub struct Junit<'a>(pub &'a Results);

impl Display for Junit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = self.0;
        let total = results.0.iter().map(|report| report.time.as_secs_f64());
        let counts = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.6}\"",
            results.0.len(),
            results.count(Outcome::Failed),
            results.count(Outcome::Error),
            total.sum::<f64>(),
        );
        writeln!(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(f, "<testsuites {counts}>")?;
        writeln!(f, "  <testsuite name=\"tapswitch check\" {counts}>")?;
        for report in &results.0 {
            case(f, report)?;
        }
        writeln!(f, "  </testsuite>")?;
        writeln!(f, "</testsuites>")
    }
}

fn case(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let (class, name) = report.name.rsplit_once('/').unwrap_or(("", &report.name));
    write!(
        f,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.6}\"",
        Escaped(class),
        Escaped(name),
        report.time.as_secs_f64()
    )?;
    let (tag, message) = match (&report.findings, report.outcome()) {
        (_, Outcome::Passed) => return writeln!(f, "/>"),
        (Err(error), _) => ("error", error.to_string()),
        (Ok(findings), _) => {
            let first = findings.mismatches.first();
            ("failure", first.map_or(String::new(), |it| it.headline()))
        }
    };
    writeln!(f, ">")?;
    let (message, text) = (Escaped(&message), report.to_string());
    let text = Escaped(&text);
    writeln!(f, "      <{tag} message=\"{message}\">{text}</{tag}>")?;
    writeln!(f, "    </testcase>")
}

/// Text for an attribute or an element; what XML 1.0 has no character for becomes U+FFFD.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\n' => f.write_str("&#10;")?,
                '\t' => f.write_str("&#9;")?,
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_has_is_xml() {
        let text = Escaped("a<b>&\"c\"\n\t\u{1}é").to_string();
        assert_eq!(text, "a&lt;b&gt;&amp;&quot;c&quot;&#10;&#9;\u{fffd}é");
    }
}
