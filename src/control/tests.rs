//! Control as a script's author meets it: commands in, texts and statuses out, as the kernel and
//! iproute2 gave them.
//!
//! `golden/*.txt` are sessions recorded on a full Linux 6.12 with iproute2 6.1.0, IPv6 off: each command
//! behind `$ `, both its streams, and `=> ` its status. Addresses that were drawn at random stand
//! there as `*`. Our explaining line is not in them, nor is what a TAP shows while nobody has it open, a bridge's
//! `gc_timer`, and what the stack's own IGMP reports leave behind among neighbours. `golden/xstats.txt` was
//! recorded on 6.18; 6.12 says the same but for BPDUs and transitions, which tell how fast commands follow
//! each other.

use super::*;
use crate::iproute::command::Command;
use crate::iproute::script::Script;

/// A network that takes command lines.
struct Lab {
    control: Control,
    now: Instant,
}

impl Lab {
    fn new() -> Self {
        Self {
            control: Control::new(&[]),
            now: Instant::from_secs(1),
        }
    }

    fn run(&mut self, line: &str) -> Reply {
        let script = Script::parse("test", line).unwrap_or_else(|error| panic!("{error}"));
        let mut reply = Reply::default();
        for item in script.items() {
            let Command::Net(command) = &item.command else {
                panic!("{line} is no ip or bridge command");
            };
            reply = self
                .control
                .execute(self.now, command, &Counters::default());
        }
        reply
    }

    /// Runs commands that have to succeed.
    fn all(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let reply = self.run(line);
            assert_eq!(reply.status, 0, "{line}: {}", reply.stderr);
        }
    }
}

/// What the real programs would have printed: both streams, without our line, drawn addresses masked.
fn recorded(reply: &Reply) -> String {
    let text = format!("{}{}", reply.stdout, reply.stderr);
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with("tapswitch: ")) {
        let words = line.split(' ').map(|word| {
            if word.starts_with("02:74:61:70:") {
                "*"
            } else {
                word
            }
        });
        out.push_str(&words.collect::<Vec<_>>().join(" "));
        out.push('\n');
    }
    out
}

fn replay(golden: &str) {
    let mut lab = Lab::new();
    let mut wrong = String::new();
    for block in golden.split_inclusive("\n\n\n").map(str::trim_end) {
        let (command, rest) = block.split_once('\n').expect("a command's line ends");
        let command = command.strip_prefix("$ ").expect("a command");
        let (want, status) = rest.rsplit_once("=> ").expect("a status");
        let reply = lab.run(command);
        let got = recorded(&reply);
        if got != want || reply.status.to_string() != status {
            wrong += &format!(
                "$ {command}\n{want}=> {status}, but here\n{got}=> {}\n",
                reply.status
            );
        }
        if reply.status != 0 && reply.stderr.starts_with("RTNETLINK") {
            assert!(reply.stderr.contains("\ntapswitch: "), "{command} explains");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

// The first was recorded beside a `dummy0` of that kernel: its numbers are one lower here.
#[test]
fn macvlans_as_recorded() {
    replay(include_str!("golden/macvlan_links.txt"));
    replay(include_str!("golden/macvlan_vlans.txt"));
}

#[test]
fn links_as_on_linux() {
    replay(include_str!("golden/links.txt"));
}

#[test]
fn fdb_as_on_linux() {
    replay(include_str!("golden/fdb.txt"));
}

#[test]
fn state_as_on_linux() {
    replay(include_str!("golden/state.txt"));
}

#[test]
fn groups_as_on_linux() {
    replay(include_str!("golden/mdb.txt"));
}

#[test]
fn extended_statistics_as_on_linux() {
    replay(include_str!("golden/xstats.txt"));
}

#[test]
fn port_options_as_on_linux() {
    replay(include_str!("golden/port_options.txt"));
}

#[test]
fn neighbours_as_on_linux() {
    replay(include_str!("golden/neigh.txt"));
}

#[test]
fn vlan_membership_as_on_linux() {
    replay(include_str!("golden/vlan_members.txt"));
}

#[test]
fn vlan_options_as_on_linux() {
    replay(include_str!("golden/vlan_options.txt"));
}

#[test]
fn vlan_entries_as_on_linux() {
    replay(include_str!("golden/vlan_fdb.txt"));
}

#[test]
fn vlan_rules_as_on_linux() {
    replay(include_str!("golden/vlan_rules.txt"));
}

#[test]
fn quirks_as_on_linux() {
    replay(include_str!("golden/quirks.txt"));
}

/// Making VLAN devices, what is refused, and how they are shown.
#[test]
fn vlan_devices_as_on_linux() {
    replay(include_str!("golden/vlan_device_links.txt"));
}

/// VLAN devices and their lower: up and down, carrier, address, MTU, promiscuity, lists of addresses.
#[test]
fn vlan_devices_follow_as_on_linux() {
    replay(include_str!("golden/vlan_device_state.txt"));
}

/// VLAN devices on bridges and as ports of bridges.
#[test]
fn vlan_devices_and_bridges_as_on_linux() {
    replay(include_str!("golden/vlan_device_bridges.txt"));
}

/// VLAN devices in other namespaces than their lower, their addresses, and more of what follows.
#[test]
fn vlan_devices_and_namespaces_as_on_linux() {
    replay(include_str!("golden/vlan_device_namespaces.txt"));
}

/// Making ipvlan devices, what is refused, how they are shown, and what they tell their lower.
#[test]
fn ipvlan_devices_as_on_linux() {
    replay(include_str!("golden/ipvlan_links.txt"));
}

/// ipvlan devices and their lower: up and down, carrier, ARP.
#[test]
fn ipvlan_devices_follow_as_on_linux() {
    replay(include_str!("golden/ipvlan_state.txt"));
}

/// Whose address is whose.
#[test]
fn addresses_of_ipvlan_devices_as_on_linux() {
    replay(include_str!("golden/ipvlan_addresses.txt"));
}

/// ipvlan devices in other namespaces than their lower, which moves, too.
#[test]
fn ipvlan_devices_and_namespaces_as_on_linux() {
    replay(include_str!("golden/ipvlan_namespaces.txt"));
}

/// Making and changing VXLAN devices, what is refused, and how they are shown.
#[test]
fn vxlan_devices_as_on_linux() {
    replay(include_str!("golden/vxlan_links.txt"));
}

/// Entries of VXLAN devices, alone and beside those of a bridge.
#[test]
fn vxlan_entries_as_on_linux() {
    replay(include_str!("golden/vxlan_fdb.txt"));
}

/// VXLAN devices up and down, and with the netdevs below and above them.
#[test]
fn vxlan_state_as_on_linux() {
    replay(include_str!("golden/vxlan_state.txt"));
}

#[test]
fn flags_of_a_new_peer_are_its_own_and_netns_1_is_the_scripts() {
    let mut lab = Lab::new();
    lab.all(
        "ip link add va type veth peer name vb promisc on arp off
         ip netns add h1
         ip link set va netns h1
         ip -n h1 link set va netns 1",
    );
    let shown = lab.run("ip link show vb").stdout;
    assert!(
        shown.contains("vb@va: <BROADCAST,MULTICAST,NOARP,PROMISC,M-DOWN>"),
        "{shown}"
    );
    let shown = lab.run("ip link show va").stdout;
    assert!(
        shown.contains("va@vb: <BROADCAST,MULTICAST,M-DOWN>"),
        "{shown}"
    );
}

#[test]
fn taps_are_listed() {
    let mut lab = Lab::new();
    lab.all("ip tuntap add tap0 mode tap\nip tuntap add tap1 mode tap");
    let shown = lab.run("ip tuntap show").stdout;
    assert_eq!(shown, "tap0: tap persist\ntap1: tap persist\n");
    let shown = lab.run("ip -j tuntap").stdout;
    let flags = r#""flags":["tap","persist"]}"#;
    let rows = ["tap0", "tap1"].map(|name| format!(r#"{{"ifname":"{name}",{flags}"#));
    assert_eq!(shown.trim_end(), format!("[{}]", rows.join(",")));
}

/// Recorded with IPv6 on, but without link-local addresses and duplicate detection.
#[test]
fn cables_are_listed() {
    let mut lab = Lab::new();
    for name in ["p1", "p2", "p3", "p4", "p5"] {
        lab.all(&format!(
            "ip tuntap add {name} mode tap\nip link set {name} up"
        ));
    }
    assert_eq!(lab.run("tapswitch cable show").stdout, "");
    assert_eq!(lab.run("tapswitch -j cable show").stdout, "[]\n");
    lab.all("tapswitch cable add dev p4 peer p1\ntapswitch cable add dev p2 peer p3\nip link set p3 down");
    let (first, second) = (
        "p1: peer p4 state UP peer_state UP \n",
        "p2: peer p3 state UP peer_state DOWN \n",
    );
    assert_eq!(lab.run("tapswitch cable").stdout, [first, second].concat());
    let from_there = lab.run("tapswitch cable show dev p4 -j").stdout;
    assert_eq!(
        from_there,
        "[{\"ifname\":\"p4\",\"peer\":\"p1\",\"operstate\":\"UP\",\"peer_operstate\":\"UP\"}]\n"
    );
    for (line, said) in [
        ("tapswitch cable show dev p5", "p5 is no end of a cable"),
        ("tapswitch cable show dev p6", "there is no netdev \"p6\""),
    ] {
        let reply = lab.run(line);
        assert_eq!(
            (reply.status, reply.stderr),
            (1, format!("tapswitch: {said}\n"))
        );
    }
    lab.all("tapswitch cable del dev p4");
    assert_eq!(lab.run("tapswitch cable show").stdout, second);
}

#[test]
fn addresses_as_on_linux() {
    replay(include_str!("golden/addresses.txt"));
}

#[test]
fn vlans_as_wholes_as_on_linux() {
    replay(include_str!("golden/vlan_global.txt"));
}

/// 700 commands drawn at random, VLANs, entries, options, ports that come and go.
#[test]
fn random_vlan_commands_as_on_linux() {
    replay(include_str!("golden/vlan_random.txt"));
}

/// Ports and hosts for what follows: `h1` to `h3` are the far ends of the ports `p1` to `p3` of `br0`.
const THREE_HOSTS: &str = "
    ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0
    ip link add p1 address 02:00:00:00:00:a1 type veth peer name h1
    ip link add p2 address 02:00:00:00:00:a2 type veth peer name h2
    ip link add p3 address 02:00:00:00:00:a3 type veth peer name h3
    ip link set br0 up
    ip link set p1 up master br0
    ip link set p2 up master br0
    ip link set p3 up master br0
    ip link set h1 up
    ip link set h2 up
    ip link set h3 up
";

impl Lab {
    fn three_hosts() -> Self {
        let mut lab = Self::new();
        lab.all(THREE_HOSTS);
        lab
    }

    /// Sends a frame from one attachment and returns the names of those it leaves by, in alphabetical order.
    fn send(&self, from: &str, to: &str, source: &str) -> Vec<String> {
        let network = self.control.network();
        let mut frame = [0u8; 60];
        let mac = |text: &str| text.parse::<crate::wire::MacAddr>().unwrap().octets();
        frame[..6].copy_from_slice(&mac(to));
        frame[6..12].copy_from_slice(&mac(source));
        frame[12] = 0x08;
        let mut egress = crate::switch::Egress::default();
        crate::switch::forward(
            &self.control.plan(),
            self.now,
            network.find_attachment(from).unwrap(),
            &[&frame],
            &mut Counters::default(),
            &mut egress,
        );
        let name = |id: AttachmentId| network.attachments()[id.index()].name.clone();
        let mut names: Vec<_> = egress.queues().map(|(id, _)| name(id)).collect();
        names.sort();
        names
    }
}

const S1: &str = "02:00:00:00:00:01";
const S2: &str = "02:00:00:00:00:02";
const ALL: &str = "ff:ff:ff:ff:ff:ff";

#[test]
fn a_static_entry_roams() {
    let mut lab = Lab::three_hosts();
    lab.all(&format!("bridge fdb add {S1} dev p1 master static"));
    assert_eq!(lab.send("h2", S1, S2), ["h1"]);
    lab.send("h3", ALL, S1);
    assert_eq!(lab.send("h2", S1, S2), ["h3"]);
    let get = lab.run(&format!("bridge fdb get {S1} br br0"));
    assert_eq!(get.stdout, format!("{S1} dev p3 master br0 static\n"));
}

#[test]
fn an_entry_without_a_state_is_the_bridges_own() {
    let mut lab = Lab::three_hosts();
    lab.all(&format!("bridge fdb add {S1} dev p1 master"));
    assert_eq!(lab.send("h2", S1, S2), ["br0"]);
    assert_eq!(lab.send("br0", S1, S2), ["h1"]);
}

#[test]
fn a_flush_without_filter_takes_the_bridges_own_addresses_too() {
    let mut lab = Lab::three_hosts();
    let own = "02:00:00:00:00:b0";
    assert_eq!(lab.send("h1", own, S1), ["br0"]);
    lab.all("bridge fdb flush dev br0");
    assert_eq!(lab.send("h1", own, S1), ["h2", "h3"]);
}

#[test]
fn ageing_time_acts_on_what_is_there_and_zero_learns_nothing() {
    let mut lab = Lab::three_hosts();
    lab.send("h1", ALL, S1);
    assert_eq!(lab.send("h2", S1, S2), ["h1"]);
    lab.now = lab.now + Duration::from_secs(10);
    lab.all("ip link set br0 type bridge ageing_time 1000");
    assert_eq!(lab.send("h2", S1, S2), ["h1", "h3"]);
    lab.all("ip link set br0 type bridge ageing_time 0");
    lab.send("h1", ALL, S1);
    assert_eq!(lab.send("h2", S1, S2), ["h1", "h3"]);
}

#[test]
fn a_port_that_goes_down_forgets_what_it_learned_but_static_entries_swallow() {
    let mut lab = Lab::three_hosts();
    lab.all(&format!("bridge fdb add {S2} dev p1 master static"));
    lab.send("h1", ALL, S1);
    lab.all("ip link set h1 down");
    assert_eq!(lab.send("h2", S1, "02:00:00:00:00:09"), ["h3"]);
    assert!(lab.send("h2", S2, "02:00:00:00:00:09").is_empty());
}

#[test]
fn a_bridge_that_is_down_forwards_nothing() {
    let mut lab = Lab::three_hosts();
    lab.all("ip link set br0 down");
    assert!(lab.send("h1", ALL, S1).is_empty());
    assert_eq!(lab.send("h1", "01:80:c2:00:00:0e", S1), ["p1"]);
    lab.all("ip link set br0 up");
    assert_eq!(lab.send("h1", ALL, S1), ["br0", "h2", "h3"]);
}

#[test]
fn blocking_by_hand_forwards_and_the_other_states_stick() {
    let mut lab = Lab::three_hosts();
    for (state, reached) in [(4, true), (0, false), (1, false), (2, false), (3, true)] {
        lab.all(&format!("bridge link set dev p2 state {state}"));
        let out = lab.send("h1", ALL, S1);
        assert_eq!(out.contains(&"h2".to_owned()), reached, "state {state}");
    }
}

#[test]
fn a_disabled_port_keeps_its_entries_and_comes_back_when_the_kernel_looks_again() {
    let mut lab = Lab::three_hosts();
    lab.send("h2", ALL, S2);
    lab.all("bridge link set dev p2 state 0");
    assert!(lab.send("h1", S2, S1).is_empty());
    lab.all("ip link set p2 alias again");
    assert_eq!(lab.send("h1", S2, S1), ["h2"]);
}

#[test]
fn flood_flags_are_for_egress_and_two_of_them_not_for_the_host() {
    let mut lab = Lab::three_hosts();
    let group = "01:00:5e:01:01:01";
    lab.all("bridge link set dev p2 flood off mcast_flood off bcast_flood off");
    assert_eq!(lab.send("h1", ALL, S1), ["br0", "h3"]);
    assert_eq!(lab.send("h1", group, S1), ["br0", "h3"]);
    assert_eq!(lab.send("h1", S2, S1), ["h3"]);
    assert_eq!(lab.send("br0", ALL, S1), ["h1", "h2", "h3"]);
    assert_eq!(lab.send("br0", group, S1), ["h1", "h2", "h3"]);
    assert_eq!(lab.send("br0", S2, S1), ["h1", "h3"]);
}

#[test]
fn proxy_arp_stops_every_flood_and_isolation_spares_the_host() {
    let mut lab = Lab::three_hosts();
    lab.all("ip link set p2 type bridge_slave proxy_arp on");
    assert_eq!(lab.send("h1", ALL, S1), ["br0", "h3"]);
    assert_eq!(lab.send("br0", ALL, S1), ["h1", "h3"]);
    lab.all(
        "ip link set p2 type bridge_slave proxy_arp off
         bridge link set dev p1 isolated on hairpin on
         bridge link set dev p2 isolated on",
    );
    assert_eq!(lab.send("h1", ALL, S1), ["br0", "h3"]);
    assert_eq!(lab.send("br0", ALL, S1), ["h1", "h2", "h3"]);
    lab.all("bridge link set dev p1 isolated off");
    assert_eq!(lab.send("h1", ALL, S1), ["br0", "h1", "h2", "h3"]);
}

#[test]
fn masks_let_reserved_addresses_through() {
    let mut lab = Lab::three_hosts();
    let lacp = "01:80:c2:00:00:02";
    assert_eq!(lab.send("h1", lacp, S1), ["p1"]);
    assert_eq!(lab.send("h1", "01:80:c2:00:00:00", S1), ["br0", "h2", "h3"]);
    lab.all("ip link set p1 type bridge_slave group_fwd_mask 5");
    assert_eq!(lab.send("h1", lacp, S1), ["br0", "h2", "h3"]);
    lab.all("ip link set br0 type bridge group_fwd_mask 0x4000");
    assert_eq!(lab.send("h2", "01:80:c2:00:00:0e", S2), ["br0", "h1", "h3"]);
}

#[test]
fn a_plan_goes_out_once_and_only_for_what_the_fast_path_reads() {
    let mut lab = Lab::three_hosts();
    assert!(matches!(lab.control.poll_output(), Some(Output::Plan(_))));
    assert!(lab.control.poll_output().is_none());
    lab.all("ip link set br0 alias lan");
    lab.run("ip link set p1 mtu 7");
    lab.run("ip link set nope up");
    lab.run("ip link show");
    assert!(lab.control.poll_output().is_none());
}

#[test]
fn what_a_worker_learned_with_the_old_plan_is_flushed_again() {
    let mut lab = Lab::three_hosts();
    let old = lab.control.plan();
    let before = lab.now;
    lab.now = before + Duration::from_millis(5);
    lab.all("ip link set p1 down");
    let bridge = &old.bridges[0];
    let number = crate::switch::PortNo::new(1).unwrap();
    let key = Key::untagged(S1.parse().unwrap());
    bridge.fdb.view(before, bridge.hold).learn(key, number);
    let due = lab.control.poll_timeout().unwrap();
    assert_eq!(due, lab.now + crate::netdev::ports::PLAN_SETTLES);
    lab.control.handle_timeout(due);
    assert_eq!(bridge.fdb.get(key), None);
}

#[test]
fn below_mtu_1280_there_is_no_ipv6() {
    let mut lab = Lab::new();
    lab.all(
        "ip link add v1 mtu 1000 type veth peer name v2
        ip addr add 2001:db8::1/64 dev v2
        ip link add br0 type bridge mcast_snooping 0
        ip link set v2 master br0",
    );
    let mut group = |line: &str, dev: &str| {
        lab.all(line);
        let shown = lab.run(&format!("bridge fdb show dev {dev}")).stdout;
        shown.matches("33:33:00:00:00:01 self permanent").count()
    };
    assert_eq!(group("ip link set v1 up", "v1"), 0, "made with 1000");
    assert_eq!(group("ip link set v1 mtu 1280", "v1"), 1);
    assert_eq!(group("ip link set v1 mtu 1500", "v1"), 1, "once");
    assert_eq!(group("ip link set v2 mtu 1279", "v2"), 0);
    assert_eq!(group("ip link set v2 up", "br0"), 0, "br0 follows its port");
    assert_eq!(group("ip link set v2 mtu 1500", "v2"), 1);
    assert_eq!(group("ip link set v2 up", "br0"), 1);
    let addresses = lab.run("ip -6 addr show dev v2").stdout;
    assert!(
        !addresses.contains("2001:db8::1"),
        "gone for good: {addresses}"
    );
}

#[test]
fn an_entry_that_a_short_ageing_time_ended_stays_gone() {
    let mut lab = Lab::new();
    lab.all(
        "ip link add br0 type bridge mcast_snooping 0
        ip tuntap add p1 mode tap
        ip link set p1 master br0 up
        ip link set br0 up
        bridge fdb add 02:00:00:00:00:01 dev p1 master dynamic
        bridge fdb add 02:00:00:00:00:02 dev p1 master static
        ip link set br0 type bridge ageing_time 0
        ip link set br0 type bridge ageing_time 30000",
    );
    let shown = lab.run("bridge fdb show br br0").stdout;
    assert!(!shown.contains("02:00:00:00:00:01"), "{shown}");
    assert!(shown.contains("02:00:00:00:00:02"), "{shown}");
}

#[test]
fn a_disabled_port_that_is_set_down_forgets_what_is_behind_it() {
    let mut lab = Lab::new();
    lab.all(
        "ip link add br0 type bridge mcast_snooping 0
        ip tuntap add p1 mode tap
        ip link set p1 master br0 up
        ip link set br0 up
        bridge fdb add 02:00:00:00:00:01 dev p1 master dynamic
        bridge link set dev p1 state 0",
    );
    let has = |lab: &mut Lab| {
        let shown = lab.run("bridge fdb show br br0").stdout;
        shown.contains("02:00:00:00:00:01")
    };
    assert!(has(&mut lab), "state 0 alone flushes nothing");
    lab.all("ip link set p1 down");
    assert!(!has(&mut lab));
}
