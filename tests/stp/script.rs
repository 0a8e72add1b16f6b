//! Spanning trees as a script sees them: `tapswitch bridge`, `tapswitch port`, `tapswitch stp`, in a replay.

use std::io;

use serde_json::{Value, json};
use tapswitch::iproute::script::Script;
use tapswitch::netdev::Network;
use tapswitch::replay::{Engine, Event, Sink};
use tapswitch::time::{Duration, Instant};

/// What commands printed, by line.
#[derive(Debug, Default)]
struct Printed(Vec<(String, String)>);

impl Sink for Printed {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        if let Event::Command { reply, .. } = event {
            self.0.push((reply.stdout.clone(), reply.stderr.clone()));
        }
        Ok(())
    }
}

/// Runs a script to its end, and returns what its commands printed; those that print nothing are left out.
fn run(text: &str) -> Printed {
    let script = Script::parse("lab.sh", text).unwrap_or_else(|error| panic!("{error}"));
    let mut printed = Printed::default();
    let mut engine = Engine::new(&script);
    engine.run_setup(&mut printed).expect("no I/O");
    engine.finish(Duration::ZERO, &mut printed).expect("no I/O");
    printed
        .0
        .retain(|(out, err)| !out.is_empty() || !err.is_empty());
    printed
}

/// Runs a script whose commands all succeed.
fn good(text: &str) -> Vec<String> {
    let printed = run(text);
    for (_, err) in &printed.0 {
        assert_eq!(err, "");
    }
    printed.0.into_iter().map(|(out, _)| out).collect()
}

/// Three bridges in a ring: br1:ab–br2:ba, br2:bc–br3:cb, br3:ca–br1:ac, down.
pub(crate) const TRIANGLE: &str = "
    ip link add br1 address 02:00:00:00:00:01 type bridge mcast_snooping 0 stp_state 1
    ip link add br2 address 02:00:00:00:00:02 type bridge mcast_snooping 0 stp_state 1
    ip link add br3 address 02:00:00:00:00:03 type bridge mcast_snooping 0 stp_state 1
    ip link add ab type veth peer name ba
    ip link add bc type veth peer name cb
    ip link add ca type veth peer name ac
    ip link set ab up master br1
    ip link set ac up master br1
    ip link set ba up master br2
    ip link set bc up master br2
    ip link set cb up master br3
    ip link set ca up master br3
";
pub(crate) const RAPID: &str = "
    tapswitch bridge set dev br1 stp_mode rstp
    tapswitch bridge set dev br2 stp_mode rstp
    tapswitch bridge set dev br3 stp_mode rstp
";
pub(crate) const UP: &str = "
    ip link set br1 up
    ip link set br2 up
    ip link set br3 up
";

#[test]
fn an_rstp_triangle_converges_at_once_and_heals_at_once() {
    let show = "tapswitch -j stp show\n";
    let printed = good(&format!(
        "{TRIANGLE}{RAPID}{UP}sleep 1\n{show}ip link set ca down\nsleep 0.1\n{show}"
    ));
    let show = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let port = |name: &str, number: u8, role: &str, state: &str| {
        json!({"ifname": name, "number": number, "role": role, "state": state, "cost": 2000,
               "p2p": true, "edge": false, "inconsistent": null})
    };
    let bridge = |n: u8, root_port: u8, cost: u32, ports: [Value; 2]| {
        json!({"ifname": format!("br{n}"), "stp_mode": "rstp",
               "bridge_id": format!("8000.2:0:0:0:0:{n}"), "root_id": "8000.2:0:0:0:0:1",
               "root_port": root_port, "root_path_cost": cost, "topology_change": true,
               "ports": ports})
    };
    let tree = json!([
        bridge(
            1,
            0,
            0,
            [
                port("ab", 1, "designated", "forwarding"),
                port("ac", 2, "designated", "forwarding"),
            ]
        ),
        bridge(
            2,
            1,
            2000,
            [
                port("ba", 1, "root", "forwarding"),
                port("bc", 2, "designated", "forwarding"),
            ]
        ),
        bridge(
            3,
            2,
            2000,
            [
                port("cb", 1, "alternate", "discarding"),
                port("ca", 2, "root", "forwarding"),
            ]
        ),
    ]);
    assert_eq!(show(&printed[0]), tree);
    let healed = json!([
        bridge(
            1,
            0,
            0,
            [
                port("ab", 1, "designated", "forwarding"),
                port("ac", 2, "disabled", "discarding"),
            ]
        ),
        bridge(
            2,
            1,
            2000,
            [
                port("ba", 1, "root", "forwarding"),
                port("bc", 2, "designated", "forwarding"),
            ]
        ),
        bridge(
            3,
            1,
            4000,
            [
                port("cb", 1, "root", "forwarding"),
                port("ca", 2, "disabled", "discarding"),
            ]
        ),
    ]);
    assert_eq!(show(&printed[1]), healed);
}

#[test]
fn the_countdown_to_forwarding_is_shown() {
    let show = "tapswitch stp show dev br1\n";
    let printed = good(&format!(
        "{TRIANGLE}{UP}sleep 10\n{show}sleep 8.5\n{show}sleep 20\n{show}"
    ));
    let line = |text: &str| text.lines().nth(1).map(str::to_owned);
    let expect = |rest: &str| {
        Some(format!(
            "    ab: number 1 designated {rest}cost 2 p2p on edge off "
        ))
    };
    let (listening, learning) = (expect("listening "), expect("learning "));
    let with = |line: Option<String>, end: &str| line.map(|line| line + end);
    assert_eq!(line(&printed[0]), with(listening, "forwarding_in 20.00 "));
    assert_eq!(line(&printed[1]), with(learning, "forwarding_in 11.50 "));
    assert_eq!(line(&printed[2]), expect("forwarding "));
}

#[test]
fn commands_are_refused_in_the_kernels_words() {
    let printed = run(&format!(
        "{TRIANGLE}
        ip link set br1 type bridge priority 100
        tapswitch bridge set dev br1 stp_mode rstp
        ip link set br1 type bridge priority 4096
        tapswitch bridge set dev br1 stp_mode rstp tx_hold_count 3
        tapswitch bridge show dev br1
        ip link set br1 type bridge priority 100
        ip link set br1 type bridge max_age 4000
        ip link set br1 type bridge max_age 4000 forward_delay 3000
        bridge link set dev ab cost 200000001
        bridge link set dev ab cost 200000000
        bridge link set dev ab priority 3
        tapswitch bridge set dev br1 stp_mode stp
        tapswitch bridge set dev ab stp_mode rstp
        tapswitch bridge set dev nobody stp_mode rstp
        tapswitch bridge show dev ab
        tapswitch port set dev br1 p2p on
        tapswitch port set dev ab loop_guard on
        bridge link set dev ab root_block on
        bridge link set dev ab state 3
        "
    ));
    let said: Vec<_> = (printed.0.iter())
        .map(|(out, err)| format!("{out}{err}"))
        .collect();
    assert_eq!(
        said,
        [
            "RTNETLINK answers: Invalid argument\n\
             tapswitch: stp_mode rstp: priority 100 is not a multiple of 4096\n",
            "br1: stp_mode rstp tx_hold_count 3 loop_alarm on loop_guard off recovery 60 \n",
            "RTNETLINK answers: Invalid argument\n\
             tapswitch: priority 100 is not a multiple of 4096\n",
            "RTNETLINK answers: Invalid argument\n\
             tapswitch: hello time 2s, max age 40s and forward delay 15s do not fit: \
             2 * (forward delay - 1 s) >= max age >= 2 * (hello time + 1 s)\n",
            "RTNETLINK answers: Numerical result out of range\n\
             tapswitch: a port's cost is 1 to 200000000\n",
            "RTNETLINK answers: Invalid argument\n\
             tapswitch: port priority 3 is not a multiple of 4\n",
            "RTNETLINK answers: Numerical result out of range\n\
             tapswitch: stp_mode stp: of ab, path cost 200000000 is outside 1 to 65535\n",
            "tapswitch: ab is not a bridge\n",
            "tapswitch: there is no netdev \"nobody\"\n",
            "tapswitch: ab is not a bridge\n",
            "tapswitch: br1 is not a bridge port: guards belong to ports (ip link set br1 master BRIDGE)\n",
            "RTNETLINK answers: Invalid argument\n\
             tapswitch: root guard and loop guard exclude each other on a port\n",
            "RTNETLINK answers: Device or resource busy\n\
             tapswitch: spanning tree decides port states; switch it off first (stp_state 0)\n",
        ]
    );
}

#[test]
fn linux_words_are_shown_for_rstp_too() {
    let printed = good(&format!(
        "{TRIANGLE}{RAPID}{UP}sleep 1\nip -d -j link show br2\nbridge -d -j link show dev cb\ntapswitch -j port show dev cb\n"
    ));
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")[0].clone();
    let bridge = json(&printed[0]);
    let data = &bridge["linkinfo"]["info_data"];
    assert_eq!(data["stp_state"], 1);
    assert_eq!(
        (&data["root_port"], &data["root_path_cost"]),
        (&json!(1), &json!(2000))
    );
    assert_eq!(data["topology_change"], 1);
    // Set up at 0 s, it said hello first, and will again at 2 s.
    assert_eq!(data["hello_timer"], 1.0);
    let port = json(&printed[1]);
    assert_eq!(
        (&port["state"], &port["cost"]),
        (&json!("blocking"), &json!(2000))
    );
    let set = json(&printed[2]);
    assert_eq!(
        (&set["p2p"], &set["edge"], &set["bpdu_guard"], &set["speed"]),
        (&json!("auto"), &json!("auto"), &json!(false), &Value::Null)
    );
}
