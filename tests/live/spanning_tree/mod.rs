//! Spanning tree with other people's switches: the kernel's bridge and Open vSwitch.
//!
//! Two cables join our bridge and the other, which is a loop. Both have to agree on the root and on
//! which end of which cable is blocked, a ping passes once and once only, and when the cable in use is
//! cut the other one takes over. Once we are the root, once they.

use std::path::PathBuf;
use std::thread;

use crate::bench::{self, PING, Run, Running, need};
use crate::place::{Kernel, Ovs, Place, State, Times, unique};

/// As short as the kernel takes.
const SHORT: Times = Times {
    hello: 1,
    max_age: 6,
    forward_delay: 2,
};

/// As short as Open vSwitch takes.
const SHORT_FOR_OVS: Times = Times {
    forward_delay: 4,
    ..SHORT
};

/// The better priority, and the worse.
const ROOT: u16 = 0x1000;
const OTHER: u16 = 0x8000;

/// Looks at our bridge in each phase of a script, at most: some 40 seconds.
const LOOKS: usize = 160;

/// Our side: br0 in the other's namespace with `--host`, a host behind it, and a script in phases that
/// the test ends one by one.
struct Ours {
    run: Running,
    folder: tempfile::TempDir,
    phase: usize,
}

impl Ours {
    /// Starts it. `cut` is what the script does between the first phase and the second.
    fn start(place: &Place, options: &str, ports: &[&str], cut: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = format!("st{}n{}", std::process::id(), unique());
        let mut script = format!(
            "ip netns add {host}\n\
             ip link add br0 type bridge mcast_snooping 0 {options}\n\
             ip link add eth0 netns {host} type veth peer name hp\n\
             ip -n {host} addr add 10.0.0.1/24 dev eth0\n\
             ip -n {host} link set eth0 up\n"
        );
        for port in ports {
            script += &format!("ip link set {port} master br0\nip link set {port} up\n");
        }
        script += "ip link set hp master br0\nip link set hp up\nip link set br0 up\n";
        let ping = format!("ip netns exec {host} sh -c '{PING}'\n");
        for (phase, then) in [cut, ""].into_iter().enumerate() {
            let file = done(&folder, phase).display().to_string();
            let over = format!("ip netns exec {host} sh -c 'test -e {file} || ! sleep 0.25'");
            for _ in 0..LOOKS {
                script += &format!("{over} || ip -j -d link show\n");
            }
            script += &format!("{ping}{then}\n");
        }
        let run = Run::of(&script)
            .args(["--host", "--exit"])
            .under(&place.enter())
            .start();
        Self {
            run,
            folder,
            phase: 0,
        }
    }

    /// Lets time pass until ours and theirs are so.
    fn until(
        &mut self,
        what: &str,
        theirs: impl Fn() -> State,
        so: impl Fn(&State, &State) -> bool,
    ) {
        let mut last = None;
        while last.as_ref().is_none_or(|(ours, theirs)| !so(ours, theirs)) {
            // Looks at our bridge, each a line, until the phase ends by itself and a ping begins.
            let line = self.run.await_line("");
            assert!(!line.starts_with("PING"), "never came: {what}: {last:?}");
            if !line.starts_with('[') {
                continue;
            }
            last = Some((State::of_ports(&line), theirs()));
        }
    }

    /// Ends the phase: a ping passes, without a copy too many.
    fn ping(&mut self) {
        std::fs::write(done(&self.folder, self.phase), "").unwrap();
        self.phase += 1;
        let ping = self.run.await_line("3 received");
        assert!(!ping.contains("duplicate"), "{ping}");
    }

    fn end(self) {
        let end = self.run.end();
        assert_eq!(end.status, Some(0), "{end:?}");
    }
}

fn done(folder: &tempfile::TempDir, phase: usize) -> PathBuf {
    folder.path().join(format!("done{phase}"))
}

fn classic(times: Times, priority: u16) -> String {
    format!(
        "stp_state 1 hello_time {} max_age {} forward_delay {} priority {priority}",
        times.hello * 100,
        times.max_age * 100,
        times.forward_delay * 100
    )
}

/// [`classic`], and then RSTP.
fn rapid(times: Times, priority: u16) -> String {
    classic(times, priority) + "\ntapswitch bridge set dev br0 stp_mode rstp"
}

/// Whether both agree on who is the root, and on the states of the ends of the cables.
fn agreed<'a, const N: usize>(
    root: &'a str,
    ends: [(&'a str, &'a str); N],
    states: [(&'a str, &'a str); N],
) -> impl Fn(&State, &State) -> bool + 'a {
    move |ours, theirs| {
        let same = ours.root == theirs.root && ours.root.starts_with(root);
        let ends = ends.map(|(our, their)| (ours.port(our), theirs.port(their)));
        same && ends == states
    }
}

const BOTH: (&str, &str) = ("forwarding", "forwarding");

#[test]
fn with_the_kernels_bridge() {
    need!("ip", "ping", "unshare", "nsenter");
    together(&[
        ("the kernel follows our root", the_kernel_follows_our_root),
        ("we follow the kernel's root", we_follow_the_kernels_root),
        ("silence", a_root_that_falls_silent_is_given_up),
        (
            "RSTP among classic bridges",
            we_speak_classic_to_who_knows_no_rstp,
        ),
    ]);
}

#[test]
fn with_open_vswitch() {
    need!(
        "ip",
        "ping",
        "unshare",
        "nsenter",
        "ovs-vswitchd",
        "ovsdb-server",
        "ovs-vsctl"
    );
    together(&[
        (
            "Open vSwitch follows our root",
            open_vswitch_follows_our_root,
        ),
        (
            "we follow Open vSwitch's root",
            we_follow_open_vswitchs_root,
        ),
        ("a triangle", three_kinds_of_bridges_in_a_triangle),
        ("RSTP, Open vSwitch follows", open_vswitch_follows_our_rstp),
        ("RSTP, we follow", we_follow_open_vswitchs_rstp),
    ]);
}

/// Runs cases at the same time: they wait for timers, not for the machine.
fn together(cases: &[(&str, fn())]) {
    let failed: Vec<_> = thread::scope(|scope| {
        let running = cases.iter().map(|(name, case)| {
            let thread = thread::Builder::new().name((*name).to_owned());
            (name, thread.spawn_scoped(scope, case).unwrap())
        });
        let running: Vec<_> = running.collect();
        let ended = running.into_iter().map(|(name, case)| (*name, case.join()));
        let ended = ended.filter(|(_, result)| result.is_err());
        ended.map(|(name, _)| name).collect()
    });
    assert!(failed.is_empty(), "failed: {failed:?}");
}

fn the_kernel_follows_our_root() {
    let place = Place::new();
    place.cable("k1", "n1");
    place.cable("k2", "n2");
    let options = classic(SHORT, ROOT);
    let Some(kernel) = Kernel::start(&place, "kbr", SHORT, OTHER, &["k1", "k2"]) else {
        return bench::skip("the kernel has no bridge");
    };
    let theirs = || kernel.state(&place, "kbr");
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "");
    let ends = [("n1", "k1"), ("n2", "k2")];
    let states = [BOTH, ("forwarding", "blocking")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    // Their root port, and no cable of ours any more: nobody needs a timer to know.
    place.run("ip link set k1 down");
    let states = [("disabled", "disabled"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

fn we_follow_the_kernels_root() {
    let place = Place::new();
    place.cable("k1", "n1");
    place.cable("k2", "n2");
    let options = classic(SHORT, OTHER);
    let Some(kernel) = Kernel::start(&place, "kbr", SHORT, ROOT, &["k1", "k2"]) else {
        return bench::skip("the kernel has no bridge");
    };
    let theirs = || kernel.state(&place, "kbr");
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "ip link set n1 down");
    let ends = [("n1", "k1"), ("n2", "k2")];
    let states = [BOTH, ("blocking", "forwarding")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    let states = [("disabled", "forwarding"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

fn a_root_that_falls_silent_is_given_up() {
    let place = Place::new();
    place.cable("k1", "n1");
    place.cable("k2", "n2");
    let options = classic(SHORT, OTHER);
    let Some(kernel) = Kernel::start(&place, "kbr", SHORT, ROOT, &["k1", "k2"]) else {
        return bench::skip("the kernel has no bridge");
    };
    let theirs = || kernel.state(&place, "kbr");
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "");
    let ends = [("n1", "k1"), ("n2", "k2")];
    let states = [BOTH, ("blocking", "forwarding")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    // Its NIC leaves the bridge, but the cable stays: the root's information runs out.
    place.run("ip link set k1 nomaster");
    let states = [("forwarding", "disabled"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

/// What `ovs-vsctl set bridge` is told.
fn ovs_classic(priority: u16) -> String {
    let Times {
        hello,
        max_age,
        forward_delay,
    } = SHORT_FOR_OVS;
    format!(
        "stp_enable=true other_config:stp-priority={priority} other_config:stp-hello-time={hello} \
         other_config:stp-max-age={max_age} other_config:stp-forward-delay={forward_delay}"
    )
}

fn open_vswitch_follows_our_root() {
    let place = Place::new();
    place.cable("o1", "n1");
    place.cable("o2", "n2");
    let ovs = Ovs::start(&place);
    ovs.bridge(&place, "obr", &ovs_classic(OTHER), &["o1", "o2"]);
    place.station("obr");
    let theirs = || ovs.state(&place, "stp", "obr");
    let options = classic(SHORT_FOR_OVS, ROOT);
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "");
    let ends = [("n1", "o1"), ("n2", "o2")];
    let states = [BOTH, ("forwarding", "blocking")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    place.run("ip link set o1 down");
    let states = [("disabled", "disabled"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

fn we_follow_open_vswitchs_root() {
    let place = Place::new();
    place.cable("o1", "n1");
    place.cable("o2", "n2");
    let ovs = Ovs::start(&place);
    ovs.bridge(&place, "obr", &ovs_classic(ROOT), &["o1", "o2"]);
    place.station("obr");
    let theirs = || ovs.state(&place, "stp", "obr");
    let options = classic(SHORT_FOR_OVS, OTHER);
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "ip link set n1 down");
    let ends = [("n1", "o1"), ("n2", "o2")];
    let states = [BOTH, ("blocking", "forwarding")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    let states = [("disabled", "forwarding"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

fn three_kinds_of_bridges_in_a_triangle() {
    let place = Place::new();
    place.cable("k1", "n1");
    place.cable("o1", "n2");
    place.cable("k2", "o2");
    let ovs = Ovs::start(&place);
    ovs.bridge(&place, "obr", &ovs_classic(OTHER), &["o1", "o2"]);
    let middle = 0x4000;
    let times = SHORT_FOR_OVS;
    let Some(kernel) = Kernel::start(&place, "kbr", times, middle, &["k1", "k2"]) else {
        return bench::skip("the kernel has no bridge");
    };
    let theirs = || {
        kernel
            .state(&place, "kbr")
            .and(ovs.state(&place, "stp", "obr"))
    };
    let options = classic(times, ROOT);
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "");
    // All cables cost the same, so the third one is the middle bridge's to feed.
    let ends = [("n1", "k1"), ("n2", "o1"), ("hp", "k2"), ("hp", "o2")];
    let blocked = ("forwarding", "blocking");
    ours.until(
        "a tree",
        theirs,
        agreed("1000.", ends, [BOTH, BOTH, BOTH, blocked]),
    );
    ours.ping();
    place.run("ip link set k1 down");
    let cut = ("disabled", "disabled");
    ours.until(
        "failover",
        theirs,
        agreed("1000.", ends, [cut, BOTH, BOTH, BOTH]),
    );
    ours.ping();
    ours.end();
}

fn we_speak_classic_to_who_knows_no_rstp() {
    let place = Place::new();
    place.cable("k1", "n1");
    place.cable("k2", "n2");
    let times = SHORT_FOR_OVS;
    let Some(kernel) = Kernel::start(&place, "kbr", times, ROOT, &["k1", "k2"]) else {
        return bench::skip("the kernel has no bridge");
    };
    let theirs = || kernel.state(&place, "kbr");
    let options = rapid(times, OTHER);
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "ip link set n1 down");
    let ends = [("n1", "k1"), ("n2", "k2")];
    let states = [BOTH, ("blocking", "forwarding")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    let states = [("disabled", "forwarding"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

/// What `ovs-vsctl set bridge` is told for RSTP.
fn ovs_rapid(priority: u16) -> String {
    let Times {
        max_age,
        forward_delay,
        ..
    } = SHORT_FOR_OVS;
    format!(
        "rstp_enable=true other_config:rstp-priority={priority} other_config:rstp-max-age={max_age} \
         other_config:rstp-forward-delay={forward_delay}"
    )
}

fn open_vswitch_follows_our_rstp() {
    let place = Place::new();
    place.cable("o1", "n1");
    place.cable("o2", "n2");
    let ovs = Ovs::start(&place);
    ovs.bridge(&place, "obr", &ovs_rapid(OTHER), &["o1", "o2"]);
    place.station("obr");
    let theirs = || ovs.state(&place, "rstp", "obr");
    let options = rapid(SHORT_FOR_OVS, ROOT);
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "");
    let ends = [("n1", "o1"), ("n2", "o2")];
    let states = [BOTH, ("forwarding", "blocking")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    place.run("ip link set o1 down");
    let states = [("disabled", "disabled"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}

fn we_follow_open_vswitchs_rstp() {
    let place = Place::new();
    place.cable("o1", "n1");
    place.cable("o2", "n2");
    let ovs = Ovs::start(&place);
    ovs.bridge(&place, "obr", &ovs_rapid(ROOT), &["o1", "o2"]);
    place.station("obr");
    let theirs = || ovs.state(&place, "rstp", "obr");
    let options = rapid(SHORT_FOR_OVS, OTHER);
    let mut ours = Ours::start(&place, &options, &["n1", "n2"], "ip link set n1 down");
    let ends = [("n1", "o1"), ("n2", "o2")];
    let states = [BOTH, ("blocking", "forwarding")];
    ours.until("a tree", theirs, agreed("1000.", ends, states));
    ours.ping();
    let states = [("disabled", "forwarding"), BOTH];
    ours.until("failover", theirs, agreed("1000.", ends, states));
    ours.ping();
    ours.end();
}
