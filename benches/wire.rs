//! Parsing: one header view over 1,024 frames that do not fit a branch predictor's memory.
//!
//! Dimensions: untagged, tagged. Unit: frames.

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tapswitch::wire::{Ethernet, is_tag_type};

#[path = "common/mod.rs"]
mod common;

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire");
    for (name, ether_type) in [("untagged", 0x0800), ("tagged", 0x8100)] {
        let frames = common::Traffic::random(1_000, 1_024, 60, ether_type);
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut tags = 0u64;
                for octets in frames.iter() {
                    let frame = Ethernet::parse(octets).expect("the bench makes whole frames");
                    black_box((frame.destination(), frame.source()));
                    tags += u64::from(is_tag_type(frame.ether_type()));
                }
                tags
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
