//! The fast path allocates nothing: counted, not assumed.

use tapswitch::switch::{AttachmentId, Counters, Egress, forward};
use tapswitch::time::Instant;
use tapswitch::wire::MacAddr;

#[path = "../benches/common/mod.rs"]
mod common;

use common::{Traffic, station};

/// Hits, misses, floods, moves and drops of known stations, batch after batch, once the queues have
/// grown to the size of a batch.
#[test]
fn no_allocation_per_frame() {
    let plan = common::bridge(4);
    let stations = 1_000;
    let mixes = [
        Traffic::random(stations, 4096, 60, 0x0800),
        Traffic::between(4096, 60, 0x0800, |n| {
            (MacAddr::BROADCAST, station(n as u64 % stations))
        }),
        Traffic::between(4096, 60, 0x8100, |n| {
            (station(stations + 5), station(n as u64 % stations))
        }),
        Traffic::between(4096, 1519, 0x0800, |n| {
            (station(0), station(n as u64 % stations))
        }),
        Traffic::between(4096, 14, 0x0800, |n| {
            (station(0), MacAddr::from_u64(n as u64 % 2))
        }),
    ];
    let frames: Vec<&[u8]> = mixes.iter().flat_map(Traffic::iter).collect();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let mut pass = |second: u64| {
        for (index, batch) in frames.chunks(64).enumerate() {
            let ingress = AttachmentId(u32::try_from(index % 5).unwrap_or(0));
            forward(
                &plan,
                Instant::from_secs(second),
                ingress,
                batch,
                &mut counters,
                &mut egress,
            );
        }
    };
    pass(0);
    let info = allocation_counter::measure(|| pass(1));
    assert_eq!(info.count_total, 0, "{info:?} in {} frames", frames.len());
    assert!(
        counters.bridges[0].moved > 0 && counters.attachments[1].dropped_total() > 0,
        "the mix covers moves and drops"
    );
}

/// The measurement sees what it should.
#[test]
fn an_allocation_is_seen() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(info.count_total, 1);
}
