//! The table under every interleaving of a reader and a writer (loom).

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::wire::MacAddr;

fn key(station: u64) -> Key {
    Key::untagged(MacAddr::from_u64(station))
}

fn entry(port: u16) -> Entry {
    Entry {
        port: PortNo::new(port),
        flags: Flags::default(),
        updated: Instant::ZERO,
        used: Instant::ZERO,
    }
}

/// The smallest table in which two keys share a bucket.
fn table() -> Table {
    Table::new(2, 1)
}

fn port_of(table: &Table, station: u64) -> Option<u16> {
    table
        .find(key(station))
        .and_then(|hit| hit.value.port())
        .map(PortNo::get)
}

/// A slot goes from one station to another and back; a lookup never mixes them up.
///
/// The writer knows its slots, so that it starts with a store: loom takes a thread that only reads for
/// ordered after the reads of others, and would try one order only.
#[test]
fn a_reader_never_sees_another_stations_port() {
    loom::model(|| {
        let table = Arc::new(table());
        table.place(key(1), entry(1), 0);
        let slot = table.find(key(1)).expect("it was just placed").slot;
        let writer = thread::spawn({
            let table = Arc::clone(&table);
            move || {
                table.vacate(key(1), slot);
                table.place(key(2), entry(2), 1);
                table.vacate(key(2), slot);
                table.place(key(1), entry(1), 2);
            }
        });
        assert!([None, Some(1)].contains(&port_of(&table, 1)));
        writer.join().expect("the writer does not panic");
        assert_eq!((port_of(&table, 1), port_of(&table, 2)), (Some(1), None));
    });
}

/// A station that is there all the time is found all the time, whatever happens in its bucket.
#[test]
fn a_reader_always_finds_what_stays() {
    loom::model(|| {
        let table = Arc::new(table());
        table.place(key(1), entry(1), 0);
        table.place(key(2), entry(2), 1);
        let slot = table.find(key(2)).expect("it was just placed").slot;
        let writer = thread::spawn({
            let table = Arc::clone(&table);
            move || {
                table.vacate(key(2), slot);
                table.place(key(3), entry(3), 2);
            }
        });
        assert_eq!(port_of(&table, 1), Some(1));
        writer.join().expect("the writer does not panic");
    });
}
