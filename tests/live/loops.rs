//! A loop for real: something outside joins two of our TAPs.

use serde_json::Value;

use crate::bench::{self, PING, Run, Running, need};
use crate::place::{Kernel, Place, unique};

#[test]
fn a_loop_outside_is_told_of_and_cut() {
    need!("ip", "ping", "unshare", "nsenter");
    let place = Place::new();
    if !Kernel::plain(&place, "kbr") {
        return bench::skip("the kernel has no bridge");
    }
    let host = format!("lo{}n{}", std::process::id(), unique());
    let cut = tempfile::tempdir().unwrap();
    let cut = cut.path().join("cut");
    // A station that nobody is asks for nobody until it is seen that the loop is cut again.
    let asks = format!(
        "ip netns exec {host} sh -c 'test -e {} || {{ ping -qc 1 -w 1 10.0.0.99; false; }}' \
         || tapswitch -j bridge show dev br0\n",
        cut.display()
    )
    .repeat(30);
    // The kernel's bridge gets both TAPs as ports while a program waits for it; then a ping, whose
    // question goes round until the guard has seen it do so. Nothing goes round for longer than that.
    let script = format!(
        "ip netns add {host}
         ip link add br0 type bridge mcast_snooping 0
         ip link add eth0 netns {host} type veth peer name hp
         ip -n {host} addr add 10.0.0.1/24 dev eth0
         ip -n {host} link set eth0 up
         ip tuntap add t1 mode tap
         ip tuntap add t2 mode tap
         ip link set hp master br0
         ip link set t1 master br0
         ip link set t2 master br0
         ip link set hp up
         ip link set t1 up
         ip link set t2 up
         ip link set br0 up
         tapswitch bridge set dev br0 loop_guard block recovery 4
         ip netns exec {host} sh -c 'echo ready; while ! ping -qc 1 -W 1 10.0.0.9; do :; done'
         ip netns exec {host} sh -c '{PING}'
         tapswitch -j bridge show dev br0
         {asks}
         ip netns exec {host} sh -c '{PING}'
         exit 0
        "
    );
    let mut run = Run::of(&script)
        .args(["--host", "--exit", "--summary"])
        .under(&place.enter())
        .start();
    run.await_line("ready");
    // Both at the same moment: a ping that came through the first one alone would leave nothing to go round.
    place.run("ip link set kbr down");
    for tap in ["t1", "t2"] {
        place.run(&format!("ip link set {tap} master kbr"));
    }
    place.run("ip link set kbr up");
    let ping = |run: &mut Running| {
        let ping = run.await_line(" 3 received");
        assert!(!ping.contains("duplicate"), "{ping}");
    };
    let shown =
        |run: &mut Running| -> Value { serde_json::from_str(&run.await_line("[{")).unwrap() };
    let blocks = |shown: &Value| {
        let loops = shown[0]["loops"].as_array().unwrap().iter();
        loops.map(|it| it["blocks"].as_u64().unwrap()).sum::<u64>()
    };
    ping(&mut run);
    let first = shown(&mut run);
    let mut second = shown(&mut run);
    // The port is tried again, and blocked again.
    while blocks(&second) == blocks(&first) {
        second = shown(&mut run);
    }
    std::fs::write(&cut, "").unwrap();
    ping(&mut run);
    let end = run.end();
    assert_eq!(end.status, Some(0), "{end:?}");

    for shown in [&first[0], &second[0]] {
        let blocked = shown["blocked"].as_array().map(Vec::len);
        assert_eq!(blocked, Some(1), "{shown} {end:?}");
        assert_eq!(shown["loops"][0]["outside"], true, "{shown}");
    }
    for part in [
        "loop: br0:t",
        " → (outside) → br0:t",
        " is blocked for 4 s",
        "is tried again",
    ] {
        assert!(end.stderr.contains(part), "{end:?}");
    }
    assert!(end.stdout.contains("loop_blocked"), "{end:?}");
}
