//! The committed captures are what `tools/fixtures` makes.

use std::collections::BTreeSet;
use std::fs;

use super::{files, root};

#[test]
fn captures_are_what_the_tool_makes() {
    let mut made = BTreeSet::new();
    for (name, octets) in tapswitch_fixtures::all() {
        let path = root("fixtures").join(&name);
        let committed = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            committed == octets,
            "{name} differs: cargo run -p tapswitch-fixtures -- fixtures"
        );
        made.insert(path);
    }
    for folder in ["fixtures/captures", "fixtures/malformed"] {
        for file in files(&root(folder)) {
            assert!(
                made.contains(&file),
                "{} is not made by the tool",
                file.display()
            );
        }
    }
}
