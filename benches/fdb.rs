//! The filtering database alone: refresh the source, look the destination up, one thread.
//!
//! Dimensions: table (ours; DashMap with its default hasher; DashMap with foldhash; the latter two
//! with the cheaper order of operations, read before write) × stations. Unit: frames. Then learning alone
//! (`fdb/learn`), from an empty table to so many stations. Unit: stations.

#![allow(missing_docs)]

use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::Duration;

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use dashmap::DashMap;
use tapswitch::switch::{Fdb, Key, PortNo};
use tapswitch::time::Instant;

#[path = "common/mod.rs"]
mod common;

const BATCH: usize = 32;
const HOLD: Duration = Duration::from_secs(300);

fn keys(stations: u64) -> Vec<(Key, Key, PortNo)> {
    let mut random = common::Random(7);
    (0..64 * 1024)
        .map(|_| {
            let (source, destination) = (random.below(stations), random.below(stations));
            let port = PortNo::new(u16::try_from(source % 4).unwrap_or(0) + 1).expect("1 to 4");
            (
                Key::untagged(common::station(source)),
                Key::untagged(common::station(destination)),
                port,
            )
        })
        .collect()
}

fn all_stations(stations: u64) -> impl Iterator<Item = (Key, PortNo)> {
    (0..stations).map(|n| {
        (
            Key::untagged(common::station(n)),
            PortNo::new(u16::try_from(n % 4).unwrap_or(0) + 1).expect("1 to 4"),
        )
    })
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, stations: u64) {
    let fdb = Fdb::with_seed(1);
    let now = Instant::from_secs(1);
    for (key, port) in all_stations(stations) {
        fdb.view(now, HOLD).learn(key, port);
    }
    let keys = keys(stations);
    group.bench_function(format!("ours/{stations}"), |b| {
        b.iter(|| {
            for batch in keys.chunks(BATCH) {
                let view = fdb.view(now, HOLD);
                for (source, destination, _) in batch {
                    view.prefetch(*source);
                    view.prefetch(*destination);
                }
                for (source, destination, port) in batch {
                    view.learn(*source, *port);
                    black_box(view.lookup(*destination));
                }
            }
        });
    });
}

fn dashmap<S: BuildHasher + Clone + Default>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    stations: u64,
) {
    let map: DashMap<Key, (PortNo, Instant), S> = DashMap::with_hasher(S::default());
    let now = Instant::from_secs(1);
    for (key, port) in all_stations(stations) {
        map.insert(key, (port, now));
    }
    let keys = keys(stations);
    group.bench_function(format!("{name}/{stations}"), |b| {
        b.iter(|| {
            for (source, destination, port) in &keys {
                let known = map.get(source).is_some_and(|entry| *entry == (*port, now));
                if !known {
                    map.insert(*source, (*port, now));
                }
                black_box(map.get(destination).map(|entry| entry.0));
            }
        });
    });
}

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("fdb");
    group.throughput(Throughput::Elements(64 * 1024));
    for stations in [64, 10_000, 100_000, 1_000_000] {
        ours(&mut group, stations);
        dashmap::<std::hash::RandomState>(&mut group, "dashmap", stations);
        dashmap::<foldhash::fast::RandomState>(&mut group, "dashmap-foldhash", stations);
    }
    group.finish();
}

/// New stations into an empty table, which grows meanwhile.
fn learning(c: &mut Criterion) {
    let mut group = c.benchmark_group("fdb/learn");
    group.sample_size(10);
    for stations in [10_000, 100_000, 1_000_000] {
        let all: Vec<_> = all_stations(stations).collect();
        let now = Instant::from_secs(1);
        group.throughput(Throughput::Elements(stations));
        group.bench_function(format!("{stations}"), |b| {
            b.iter_batched(
                || Fdb::with_seed(1),
                |fdb| {
                    for batch in all.chunks(BATCH) {
                        for (key, port) in batch {
                            black_box(fdb.view(now, HOLD).learn(*key, *port));
                        }
                    }
                    fdb
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, tables, learning);
criterion_main!(benches);
