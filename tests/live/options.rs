//! How a run forwards: offloads or none, when to sleep, and where the time goes.

use crate::bench::{Run, hosts, need};

#[test]
fn a_run_without_offloads_has_whole_frames() {
    need!("ping");
    let script = hosts(2) + "ip netns exec h1 ping -qc 2 -i 0.2 -s 4000 -W 2 10.0.0.2\n";
    let end = Run::of(&script).args(["--exit", "--no-offloads"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
}

#[test]
fn where_the_time_goes_is_told_in_the_end() {
    need!("ping");
    let script = hosts(2) + "ip netns exec h1 ping -qc 3 -i 0.1 -W 2 10.0.0.2\n";
    for poll in ["adaptive", "always", "never"] {
        let end = Run::of(&script)
            .args(["--exit", "--profile", "--workers", "2", "--poll", poll])
            .end();
        assert_eq!(end.status, Some(0), "{end:?}");
        for text in [
            "worker 0: ",
            "worker 1: ",
            "ns a frame: ",
            "system calls a frame: ",
        ] {
            assert!(end.stderr.contains(text), "{text}: {end:?}");
        }
    }
}

#[test]
fn a_signal_asks_where_the_time_goes() {
    need!();
    let mut run = Run::of(&hosts(1)).start();
    run.await_error("Ctrl-C ends it");
    run.signal("USR1");
    run.await_error("worker 0: times were not measured");
    // From then on they are.
    run.signal("USR1");
    run.await_error("% asleep, of ");
    run.signal("INT");
    assert_eq!(run.end().status, Some(0));
}
