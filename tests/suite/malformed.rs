//! Bad captures: what was readable, an error that names file, offset and cause, exit status 1.

use super::{assert_adds_up, files, replay, root};

#[test]
fn every_malformed_file_is_named_with_its_offset() {
    for path in files(&root("fixtures/malformed")) {
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let file = format!("malformed/{name}");
        let input = if name.ends_with("ng") {
            file.clone()
        } else {
            format!("p1={file}")
        };
        let output = replay()
            .args(["topologies/four-taps.sh", "--json", "--in", &input])
            .output()
            .expect("the command starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {errors}");
        assert!(
            errors.contains(&format!("{file}: at byte ")),
            "{name}: {errors}"
        );
        if !output.stdout.is_empty() {
            let summary = serde_json::from_slice(&output.stdout).expect("a JSON summary");
            assert_adds_up(&summary, &name);
            assert_eq!(
                summary["inputs"][0]["error"]
                    .as_str()
                    .map(|e| errors.contains(e)),
                Some(true)
            );
        }
    }
}

/// Every octet of every capture changed, and every length cut to: read in process, where a panic
/// would show. (Short captures only: the long ones repeat the same structures.)
#[test]
fn mutations_never_panic() {
    use tapswitch::attach::capture::CaptureReader;

    let read = |octets: Vec<u8>| {
        let length = octets.len() as u64;
        let input = Box::new(std::io::Cursor::new(octets));
        let Ok(mut reader) = CaptureReader::new("mutated", input) else {
            return;
        };
        // A frame takes at least a record header of 12 octets or a block of 16.
        for _ in 0..=length / 12 {
            match reader.read() {
                Ok(Some(record)) => assert!(record.octets.len() as u64 <= length),
                Ok(None) => return,
                Err(error) => return assert!(error.offset <= length, "{error}"),
            }
        }
        panic!("more frames than the file has room for");
    };
    for (name, octets) in tapswitch_fixtures::all() {
        if octets.len() > 4_000 {
            continue;
        }
        for position in 0..octets.len() {
            let mut mutated = octets.clone();
            mutated[position] = !mutated[position];
            read(mutated);
            if name.starts_with("malformed") {
                continue;
            }
            read(octets[..position].to_vec());
        }
    }
}
