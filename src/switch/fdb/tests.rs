use super::*;
use std::collections::HashMap;

const HOLD: Duration = Duration::from_secs(300);

fn port(number: u16) -> PortNo {
    PortNo::new(number).unwrap()
}

fn key(station: u64) -> Key {
    Key::untagged(MacAddr::from_u64(0x0200_0000_0000 | station))
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn port_of(fdb: &Fdb, now: Instant, key: Key) -> Option<PortNo> {
    fdb.view(now, HOLD)
        .lookup(key)
        .and_then(|target| target.port)
}

#[test]
fn learns_refreshes_and_moves() {
    let fdb = Fdb::with_seed(1);
    assert_eq!(fdb.view(at(0), HOLD).learn(key(1), port(1)), Learn::New);
    assert_eq!(fdb.view(at(5), HOLD).learn(key(1), port(1)), Learn::Known);
    assert_eq!(
        fdb.view(at(9), HOLD).learn(key(1), port(2)),
        Learn::Moved {
            from: Some(port(1))
        }
    );
    assert_eq!(port_of(&fdb, at(9), key(1)), Some(port(2)));
    assert_eq!(fdb.learned(), 1);
}

#[test]
fn expires_at_exactly_the_deadline() {
    let fdb = Fdb::with_seed(1);
    fdb.view(at(7_000), HOLD).learn(key(1), port(1));
    let deadline = at(7_000) + HOLD;
    assert_eq!(
        port_of(&fdb, at(deadline.as_nanos() - 1), key(1)),
        Some(port(1))
    );
    assert_eq!(port_of(&fdb, deadline, key(1)), None);
    assert_eq!(fdb.dump(deadline, HOLD), []);
    assert_eq!(
        fdb.view(deadline, HOLD).learn(key(1), port(2)),
        Learn::New,
        "expired is as good as gone"
    );
    assert_eq!(fdb.learned(), 1);
}

#[test]
fn a_refresh_starts_the_age_anew() {
    let fdb = Fdb::with_seed(1);
    fdb.view(at(0), HOLD).learn(key(1), port(1));
    fdb.view(Instant::from_secs(299), HOLD)
        .learn(key(1), port(1));
    assert_eq!(
        port_of(&fdb, Instant::from_secs(598), key(1)),
        Some(port(1))
    );
    assert_eq!(port_of(&fdb, Instant::from_secs(599), key(1)), None);
}

#[test]
fn a_lower_hold_time_acts_at_once_and_zero_is_a_hub() {
    let fdb = Fdb::with_seed(1);
    fdb.view(at(0), HOLD).learn(key(1), port(1));
    let now = Instant::from_secs(20);
    assert!(
        fdb.view(now, Duration::from_secs(21))
            .lookup(key(1))
            .is_some()
    );
    assert!(
        fdb.view(now, Duration::from_secs(20))
            .lookup(key(1))
            .is_none()
    );
    assert!(fdb.view(at(0), Duration::ZERO).lookup(key(1)).is_none());
    assert_eq!(
        fdb.view(now, Duration::ZERO).learn(key(2), port(1)),
        Learn::Off
    );
}

#[test]
fn a_clock_a_little_behind_expires_nothing() {
    let fdb = Fdb::with_seed(1);
    fdb.view(Instant::from_secs(10), HOLD)
        .learn(key(1), port(1));
    assert_eq!(port_of(&fdb, Instant::from_secs(9), key(1)), Some(port(1)));
}

#[test]
fn special_entries_keep_their_word() {
    let fdb = Fdb::with_seed(1);
    let put = |station, flags| {
        fdb.edit(key(station), |_| {
            Edit::Put(Entry {
                port: Some(port(1)),
                flags,
                updated: at(0),
                used: at(0),
            })
        })
        .unwrap();
    };
    put(
        1,
        Flags {
            local: true,
            fixed: true,
            ..Flags::default()
        },
    );
    put(
        2,
        Flags {
            fixed: true,
            by_user: true,
            ..Flags::default()
        },
    );
    put(
        3,
        Flags {
            sticky: true,
            by_user: true,
            ..Flags::default()
        },
    );
    put(
        4,
        Flags {
            external: true,
            by_user: true,
            ..Flags::default()
        },
    );
    assert_eq!(fdb.learned(), 0);
    let late = Instant::from_secs(299);
    let learn = |station| fdb.view(late, HOLD).learn(key(station), port(2));
    assert_eq!(learn(1), Learn::Local);
    assert_eq!(
        learn(2),
        Learn::Moved {
            from: Some(port(1))
        }
    );
    assert_eq!(learn(3), Learn::Known);
    assert_eq!(
        learn(4),
        Learn::Moved {
            from: Some(port(1))
        }
    );
    let flags = |station| fdb.get(key(station)).unwrap().flags;
    assert!(flags(2).fixed && !flags(4).external);
    let never = Instant::from_secs(1_000_000);
    assert_eq!(
        port_of(&fdb, never, key(2)),
        Some(port(2)),
        "static roams and stays"
    );
    assert_eq!(port_of(&fdb, never, key(3)), None, "sticky ages");
    assert_eq!(
        port_of(&fdb, never, key(4)),
        None,
        "extern_learn that moved ages"
    );
}

#[test]
fn full_refuses_new_stations_and_reclaims_expired_ones() {
    let fdb = Fdb::with_seed(1);
    fdb.set_max_learned(3);
    for station in 1..=3 {
        assert_eq!(
            fdb.view(at(0), HOLD).learn(key(station), port(1)),
            Learn::New
        );
    }
    assert_eq!(fdb.view(at(1), HOLD).learn(key(4), port(1)), Learn::Full);
    assert_eq!(
        fdb.view(at(2_000), HOLD).learn(key(3), port(2)),
        Learn::Moved {
            from: Some(port(1))
        },
        "known stations go on"
    );
    assert_eq!(
        fdb.view(at(0) + HOLD, HOLD).learn(key(4), port(1)),
        Learn::New,
        "two expire at that instant"
    );
    assert_eq!(fdb.learned(), 2);
}

#[test]
fn dump_is_newest_first() {
    let fdb = Fdb::with_seed(9);
    for station in 1..=200 {
        fdb.view(at(station), HOLD).learn(key(station), port(1));
    }
    let order: Vec<_> = fdb
        .dump(at(300), HOLD)
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(order, (1..=200).rev().map(key).collect::<Vec<_>>());
}

#[test]
fn vlans_are_separate() {
    let fdb = Fdb::with_seed(1);
    let mac = key(1).mac();
    let tagged = Key::new(mac, Vid::new(10));
    fdb.view(at(0), HOLD).learn(tagged, port(1));
    assert_eq!(port_of(&fdb, at(1), key(1)), None);
    assert_eq!(port_of(&fdb, at(1), tagged), Some(port(1)));
    assert_eq!((tagged.mac(), tagged.vid()), (mac, Vid::new(10)));
}

/// The table against the simplest thing that could be right: a map with linear ageing.
#[test]
fn random_operations_against_a_map() {
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Learn(u64, u16),
        Lookup(u64),
        Remove(u64),
        FlushPort(u16),
        Sweep,
        Wait(u64),
    }
    let station = 0u64..400;
    let op = prop_oneof![
        8 => (station.clone(), 1u16..5).prop_map(|(s, p)| Op::Learn(s, p)),
        4 => station.clone().prop_map(Op::Lookup),
        2 => station.prop_map(Op::Remove),
        1 => (1u16..5).prop_map(Op::FlushPort),
        1 => Just(Op::Sweep),
        2 => (1u64..40).prop_map(Op::Wait),
    ];
    proptest!(|(ops in proptest::collection::vec(op, 1..600), seed: u64)| {
        let fdb = Fdb::with_seed(seed);
        let mut model: HashMap<Key, (PortNo, Instant)> = HashMap::new();
        let mut now = Instant::ZERO;
        for op in ops {
            let alive = |entry: &(PortNo, Instant)| now - entry.1 < HOLD;
            match op {
                Op::Learn(s, p) => {
                    let expected = match model.get(&key(s)).filter(|e| alive(e)) {
                        None => Learn::New,
                        Some((was, _)) if *was == port(p) => Learn::Known,
                        Some((was, _)) => Learn::Moved { from: Some(*was) },
                    };
                    model.insert(key(s), (port(p), now));
                    prop_assert_eq!(fdb.view(now, HOLD).learn(key(s), port(p)), expected);
                }
                Op::Lookup(s) => {
                    let expected = model.get(&key(s)).filter(|e| alive(e)).map(|e| e.0);
                    prop_assert_eq!(port_of(&fdb, now, key(s)), expected);
                }
                Op::Remove(s) => {
                    model.remove(&key(s));
                    fdb.edit(key(s), |_| Edit::Remove).unwrap();
                }
                Op::FlushPort(p) => {
                    model.retain(|_, (on, _)| *on != port(p));
                    fdb.flush(|_, entry| entry.port == Some(port(p)));
                }
                Op::Sweep => {
                    model.retain(|_, e| alive(e));
                    fdb.sweep(now, HOLD);
                    prop_assert_eq!(fdb.learned(), model.len());
                }
                Op::Wait(secs) => now = now + Duration::from_secs(secs),
            }
        }
        let mut got: Vec<_> = fdb.dump(now, HOLD).into_iter().map(|(k, e)| (k, e.port, e.updated)).collect();
        let mut want: Vec<_> = model.into_iter().filter(|(_, e)| now - e.1 < HOLD).map(|(k, (p, t))| (k, Some(p), t)).collect();
        got.sort();
        want.sort();
        prop_assert_eq!(got, want);
    });
}

/// Whoever finds a large table full of what has expired does not walk all of it, nor twice at a time.
#[test]
fn a_full_table_is_swept_by_slices() {
    let fdb = Fdb::with_seed(1);
    let all = 100_000;
    fdb.set_max_learned(all);
    for n in 0..u64::from(all) {
        fdb.view(at(0), HOLD).learn(key(n), port(1));
    }
    assert_eq!(fdb.learned(), all as usize);
    let later = at(0) + HOLD;
    let mut fresh = (1u64 << 40..).map(key);
    let mut learn = |now| fdb.view(now, HOLD).learn(fresh.next().unwrap(), port(2));
    assert_eq!(learn(later), Learn::New);
    let slice = all as usize - fdb.learned();
    // 65,536 buckets, of which a slice is a sixteenth.
    assert!((4_000..8_500).contains(&slice), "{slice} were reclaimed");
    for _ in 0..slice {
        learn(later);
    }
    assert_eq!(learn(later), Learn::Full, "a slice a moment");
    assert_eq!(learn(later + SLICE_PAUSE), Learn::New);
    assert!(fdb.sweep(later, HOLD) > 80_000, "control walks them all");
}

/// Threads learn, look up and remove the same stations while the table grows. Whatever a lookup
/// returns must be a port that this very station was learned on.
#[test]
fn threads_share_a_growing_table() {
    let fdb = Fdb::with_seed(3);
    let stations = 3_000u64;
    let right = |station: u64| {
        [
            port(1 + u16::try_from(station % 500).unwrap()),
            port(501 + u16::try_from(station % 500).unwrap()),
        ]
    };
    std::thread::scope(|scope| {
        for worker in 0..3u64 {
            let fdb = &fdb;
            scope.spawn(move || {
                for round in 0..20u64 {
                    for station in 0..stations {
                        let now = at((round * stations + station) * 1000);
                        let view = fdb.view(now, HOLD);
                        view.learn(
                            key(station),
                            right(station)[usize::from((round + worker) % 2 == 0)],
                        );
                        let other = (station * 7 + worker) % stations;
                        if let Some(target) = view.lookup(key(other)) {
                            assert!(
                                right(other).map(Some).contains(&target.port),
                                "station {other} at {:?}",
                                target.port
                            );
                        }
                        if station % 97 == worker {
                            fdb.edit(key(other), |_| Edit::Remove).unwrap();
                        }
                    }
                }
            });
        }
    });
    let dump = fdb.dump(Instant::ZERO, HOLD);
    assert_eq!(dump.len(), fdb.learned());
    let unique: std::collections::HashSet<_> = dump.iter().map(|(key, _)| *key).collect();
    assert_eq!(unique.len(), dump.len());
}
