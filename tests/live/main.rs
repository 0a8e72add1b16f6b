//! `tapswitch run` for real: TAP devices, namespaces, ping, signals.
//!
//! Needs root and `/dev/net/tun`. Without them the tests say why they skip and pass, unless
//! `TAPSWITCH_REQUIRE_PRIVILEGED=1` forbids skipping. Everything happens in the program's own
//! sandbox, except where `--host` is what is tested; names there carry this process's number.

mod bench;
mod compare;
mod io;
mod ipvlan;
mod loops;
mod macvlan;
mod offloads;
mod options;
mod place;
mod reach;
mod spanning_tree;
mod tunnels;
mod vlans;
mod vxlan;

use std::time::Duration;

use bench::{Run, hosts, need};

#[test]
fn three_hosts_ping_through_the_bridge() {
    need!("ping");
    let script = hosts(3)
        + "ip netns exec h1 ping -qc 2 -i 0.2 -W 2 10.0.0.2\n\
           ip netns exec h3 ping -qc 1 -W 2 10.0.0.1\n\
           bridge fdb show br br0\n";
    let end = Run::of(&script).args(["--exit", "--workers", "2"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(
        end.stdout.contains("2 packets transmitted, 2 received"),
        "{end:?}"
    );
}

#[test]
fn the_summary_adds_up() {
    need!("ping");
    let script = hosts(2) + "ip netns exec h1 ping -qc 3 -i 0.2 -W 2 10.0.0.2\n";
    let end = Run::of(&script)
        .args(["--exit", "--summary", "--json"])
        .end();
    let summary: serde_json::Value = serde_json::from_str(&end.stdout).unwrap();
    let total = |key: &str| summary["total"][key].as_u64().unwrap();
    assert!(total("frames_in") >= 8, "two of ARP, six of ICMP: {end:?}");
    assert_eq!(
        total("frames_in"),
        total("forwarded") + total("trapped") + total("dropped")
    );
    assert!(
        summary["bridges"][0]["learned"].as_u64() >= Some(2),
        "{end:?}"
    );
    assert!(end.stderr.contains("3 received"), "{end:?}");

    let end = Run::of(&script).args(["--exit", "--summary"]).end();
    assert!(end.stdout.contains("bridge br0: "), "{end:?}");
}

#[test]
fn the_far_end_has_the_netdevs_name_address_and_mtu() {
    need!("ip");
    let script = "ip netns add h1\n\
         ip link add eth0 netns h1 type veth peer name p1\n\
         ip -n h1 link set eth0 address 02:00:00:00:00:aa mtu 1400\n\
         ip -n h1 addr add 10.1.2.3/24 dev eth0\n\
         ip -n h1 link set eth0 up\n\
         ip netns exec h1 sh -c 'ip -o link show eth0; ip -o addr show eth0'\n\
         sleep 0.1\n\
         ip -n h1 link set eth0 name lan0\n\
         ip -n h1 addr del 10.1.2.3/24 dev lan0\n\
         ip netns exec h1 sh -c 'ip -o link show lan0; ip -o addr show lan0; ip link show eth0'\n";
    let end = Run::of(script).args(["--exit"]).end();
    let lines: Vec<_> = end.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{end:?}");
    assert!(lines[0].contains("mtu 1400") && lines[0].contains("02:00:00:00:00:aa"));
    assert!(lines[0].contains("UP"), "{end:?}");
    assert!(lines[1].contains("10.1.2.3/24"), "{end:?}");
    assert!(lines[2].contains("lan0") && lines[2].contains("02:00:00:00:00:aa"));
    assert_eq!(
        end.status,
        Some(1),
        "the last ip has no eth0 to show: {end:?}"
    );
}

#[test]
fn the_wire_of_a_tap_has_its_name_or_leaves_it_to_the_stack() {
    need!("ip");
    // A program runs in a named namespace only, so that is where the TAP goes.
    let script = "ip netns add look\n\
         ip tuntap add tap0 mode tap\n\
         ip link set tap0 netns look\n\
         ip netns exec look sh -c 'cd /sys/class/net; echo *'\n\
         ip -n look link add br1 type bridge\n\
         ip -n look link set tap0 master br1\n\
         ip netns exec look sh -c 'cd /sys/class/net; echo *'\n";
    let end = Run::of(script).args(["--exit"]).end();
    assert_eq!(
        end.stdout.lines().collect::<Vec<_>>(),
        ["lo tap0 tap0.wire", "br1 lo tap0"],
        "{end:?}"
    );
}

#[test]
fn the_exit_status_is_the_scripts() {
    need!();
    let status = |line: &str| {
        let script = format!("ip netns add h1\n{line}\n");
        Run::of(&script).args(["--exit"]).end().status
    };
    assert_eq!(status("ip netns exec h1 sh -c 'exit 7'"), Some(7));
    assert_eq!(status("ip netns exec h1 sh -c 'kill -9 $$'"), Some(137));
    assert_eq!(status("ip netns exec h1 no-such-program"), Some(1));
    assert_eq!(status("ip netns exec h9 true"), Some(255));
    assert_eq!(status("ip netns exec h1 false || true"), Some(0));
    assert_eq!(
        status("set -e\nip netns exec h1 false\necho unreached"),
        Some(1)
    );
}

#[test]
fn what_is_not_understood_starts_nothing() {
    let end = Run::of("ip netns add h1\nip link frobnicate br0\n").end();
    assert_eq!(end.status, Some(2), "{end:?}");
    assert!(end.stderr.contains("topology.sh:2:"), "{end:?}");
}

#[test]
fn it_stays_until_a_signal_comes() {
    need!("nsenter");
    let mut run = Run::of("ip netns add h1\nip netns exec h1 echo ready\n").start();
    run.await_line("ready");
    run.await_error("Ctrl-C");
    let line = run.await_error("to enter h1: ");
    let (_, command) = line.split_once(": ").unwrap();
    let inside = std::process::Command::new("sh")
        .args(["-c", &format!("{command} true")])
        .status();
    assert!(inside.unwrap().success(), "{command}");
    run.signal("INT");
    let end = run.end();
    assert_eq!(end.status, Some(0), "{end:?}");
}

#[test]
fn sigterm_ends_the_program_that_runs() {
    need!();
    let mut run = Run::of(
        "ip netns add h1\nip netns exec h1 sh -c 'sleep 987 & echo pid $!; exec sleep 987'\n",
    )
    .start();
    let background = run.await_line("pid ");
    run.signal("TERM");
    let end = run.end();
    assert_eq!(end.status, Some(128 + 15), "{end:?}");
    bench::await_death(&background);
}

#[test]
fn a_killed_run_leaves_nothing_that_the_next_does_not_remove() {
    need!();
    let name = format!("ts{}", std::process::id());
    let script = format!(
        "ip netns add {name}\n\
         ip link add eth0 netns {name} type veth peer name {name}p\n\
         ip link set {name}p up\n\
         ip netns exec {name} sh -c 'sleep 987 & echo pid $!'\n"
    );
    let named = format!("/run/netns/{name}");
    let device = format!("/sys/class/net/{name}p");
    let there = |path: &str| std::path::Path::new(path).exists();

    let mut run = Run::of(&script).args(["--host"]).start();
    let background = run.await_line("pid ");
    run.await_error("Ctrl-C");
    assert!(there(&named) && there(&device));

    let second = Run::of(&script).args(["--host", "--exit"]).end();
    assert_eq!(second.status, Some(1), "{second:?}");
    assert!(second.stderr.contains("exists already"), "{second:?}");
    assert!(there(&named), "a run does not remove what another has made");

    run.signal("KILL");
    run.end();
    bench::await_that("the device vanishes with its run", || !there(&device));
    let next = Run::of("true\n").args(["--exit"]).end();
    assert_eq!(next.status, Some(0), "{next:?}");
    assert!(!there(&named), "the next run removes the name");
    bench::await_death(&background);
}

#[test]
fn host_names_are_gone_after_a_normal_end() {
    need!();
    let name = format!("tsn{}", std::process::id());
    let end = Run::of(&format!("ip netns add {name}\nip netns exec {name} true\n"))
        .args(["--host", "--exit"])
        .end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(!std::path::Path::new(&format!("/run/netns/{name}")).exists());
}

#[test]
fn a_device_that_vanishes_takes_its_port_down_and_nothing_else() {
    need!("ping", "ip");
    let script = hosts(3)
        + "ip netns exec h2 sh -c 'ip link del eth0'\n\
           sleep 0.2\n\
           ip netns exec h1 ping -qc 1 -W 2 10.0.0.3\n\
           bridge link show dev p2\n";
    let end = Run::of(&script).args(["--exit"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.stderr.contains("h2/eth0 has vanished"), "{end:?}");
    assert!(end.stdout.contains("1 received"), "{end:?}");
    assert!(!end.stdout.contains("state forwarding"), "{end:?}");
}

#[test]
fn commands_after_a_sleep_act_on_what_runs() {
    need!("ping");
    let script = hosts(2)
        + "ip netns exec h1 ping -qc 1 -W 2 10.0.0.2\n\
           sleep 0.1\n\
           ip link set p2 nomaster\n\
           ip netns exec h1 ping -qc 1 -W 1 10.0.0.2 && exit 1\n\
           ip link set p2 master br0\n\
           ip netns exec h1 ping -qc 1 -W 2 10.0.0.2\n";
    let end = Run::of(&script).args(["--exit"]).end();
    assert_eq!(end.status, Some(0), "{end:?}");
}

#[test]
fn names_may_be_exchanged_while_it_runs() {
    need!();
    let script = "ip netns add h1\n\
         ip -n h1 link add x1 type dummy\n\
         ip -n h1 link add y1 type dummy\n\
         ip -n h1 link set x1 address 02:00:00:00:00:0a\n\
         ip -n h1 link set y1 address 02:00:00:00:00:0b\n\
         ip netns exec h1 true\n\
         ip -n h1 link set x1 name z1\n\
         ip -n h1 link set y1 name x1\n\
         ip -n h1 link set z1 name y1\n\
         ip netns exec h1 cat /sys/class/net/x1/address /sys/class/net/y1/address\n";
    let end = Run::of(script).args(["--exit"]).end();
    assert_eq!(
        end.stdout, "02:00:00:00:00:0b\n02:00:00:00:00:0a\n",
        "{end:?}"
    );
}

#[test]
fn without_privilege_it_makes_a_user_namespace() {
    need!("setpriv", "unshare", "ping");
    let script = hosts(2) + "ip netns exec h1 ping -qc 1 -W 2 10.0.0.2\n";
    // A node that everybody may open, as most systems have it, in a mount namespace of its own.
    let nobody = "mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && \
         exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \"$@\"";
    let end = Run::of(&script)
        .args(["--exit"])
        .under(&["unshare", "-m", "sh", "-c", nobody, "sh"])
        .end();
    if end.stderr.contains("none to make a user namespace") {
        return bench::skip("user namespaces are forbidden here");
    }
    assert_eq!(end.status, Some(0), "{end:?}");
}

#[test]
fn what_is_missing_is_named_and_simulated() {
    need!("unshare");
    let script = hosts(2) + "ip netns exec h1 ping -qc 1 -W 2 10.0.0.2\n";
    let without_driver = Run::of(&script)
        .args(["--exit"])
        .under(&[
            "unshare",
            "-m",
            "sh",
            "-c",
            "mount -t tmpfs tmpfs /dev/net && exec \"$@\"",
            "sh",
        ])
        .end();
    assert_eq!(without_driver.status, Some(0), "{without_driver:?}");
    let named = "simulated, not live: /dev/net/tun is missing";
    assert!(without_driver.stderr.contains(named), "{without_driver:?}");
    let trip = "rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms";
    assert!(without_driver.stdout.contains(trip), "{without_driver:?}");

    let end = Run::of("ip link set ts-no-such0 up\n")
        .args(["--host", "--exit"])
        .end();
    assert_eq!(end.status, Some(1), "{end:?}");
    assert!(end.stderr.contains("ts-no-such0"), "{end:?}");
}

#[test]
fn an_existing_nic_is_a_port_with_host() {
    need!("ip", "ping", "unshare");
    // The machine's side, made with the real ip in a namespace of its own: a veth pair whose one end
    // is the NIC, and whose other is a station with a VLAN.
    let machine = "mount -t sysfs sysfs /sys && \
         ip link add nic0 type veth peer name far0 && ip link set nic0 up && ip link set far0 up && \
         ip addr add 10.0.0.9/24 dev far0 && exec \"$@\"";
    let name = format!("tsh{}", std::process::id());
    let script = format!(
        "ip netns add {name}\n\
         ip link add br0 type bridge\n\
         ip link add eth0 netns {name} type veth peer name p1\n\
         ip link set p1 master br0\n\
         ip link set nic0 master br0\n\
         ip link set p1 up\n\
         ip link set nic0 up\n\
         ip link set br0 up\n\
         ip -n {name} addr add 10.0.0.1/24 dev eth0\n\
         ip -n {name} link set eth0 up\n\
         ip netns exec {name} ping -qc 1 -W 2 10.0.0.9\n"
    );
    let end = Run::of(&script)
        .args(["--host", "--exit"])
        .under(&["unshare", "-n", "-m", "sh", "-c", machine, "sh"])
        .end();
    if end.stderr.contains("Unknown device type") {
        return bench::skip("the kernel has no veth");
    }
    assert_eq!(end.status, Some(0), "{end:?}");
}

#[test]
fn a_run_ends_in_time() {
    need!();
    // A program that will not end when it is asked to.
    let mut run = Run::of(
        "ip netns add h1\nip netns exec h1 sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done'\n",
    )
    .start();
    run.await_line("ready");
    run.signal("TERM");
    let begin = std::time::Instant::now();
    run.end();
    assert!(begin.elapsed() < Duration::from_secs(8));
}
