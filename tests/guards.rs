//! Guards of ports, from a script's commands to frames, counters and `tapswitch port show`.

use serde_json::Value;
use tapswitch::control::Control;
use tapswitch::iproute::command::Command;
use tapswitch::iproute::script::Script;
use tapswitch::switch::{Counters, DropReason, Egress, Verdict, forward};
use tapswitch::time::{Duration, Instant};

type Mac = [u8; 6];

const ALL: Mac = [0xff; 6];
const GROUP: Mac = [1, 0, 0x5e, 1, 1, 1];
const LLDP: Mac = [1, 0x80, 0xc2, 0, 0, 0x0e];

/// The address of station `n`.
const fn h(n: u8) -> Mac {
    [2, 0, 0, 0, 0, n]
}

/// A bridge `br0` with TAPs `p1` to `p4`, everything up, and whatever a test adds.
struct Lab {
    control: Control,
    counters: Counters,
    egress: Egress,
    now: Instant,
}

impl Lab {
    fn new(bridge: &str, script: &str) -> Self {
        let mut lab = Self {
            control: Control::default(),
            counters: Counters::default(),
            egress: Egress::default(),
            now: Instant::from_secs(100),
        };
        lab.run(&format!(
            "ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0 {bridge}"
        ));
        for port in 1..=4 {
            lab.run(&format!("ip tuntap add p{port} mode tap"));
            lab.run(&format!(
                "ip link set p{port} address 02:00:00:00:01:0{port} master br0 up"
            ));
        }
        lab.run("ip link set br0 up");
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            lab.run(line);
        }
        lab
    }

    fn answer(&mut self, line: &str) -> (String, String, u8) {
        let script = Script::parse("lab", line).unwrap_or_else(|error| panic!("{error}"));
        let Command::Net(command) = &script.items()[0].command else {
            panic!("{line}");
        };
        let reply = self.control.execute(self.now, command, &self.counters);
        (reply.stdout, reply.stderr, reply.status)
    }

    fn run(&mut self, line: &str) -> String {
        let (out, error, status) = self.answer(line);
        assert_eq!(status, 0, "{line}: {error}");
        out
    }

    fn refused(&mut self, line: &str) -> String {
        let (_, error, status) = self.answer(line);
        assert_ne!(status, 0, "{line} was accepted");
        error
    }

    fn show(&mut self, port: &str) -> Value {
        let text = self.run(&format!("tapswitch -j -s port show dev {port}"));
        let rows: Value = serde_json::from_str(&text).unwrap();
        rows[0].clone()
    }

    fn at(&mut self, millis: u64) {
        self.now = Instant::from_nanos((100_000 + millis) * 1_000_000);
        self.catch_up();
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.catch_up();
    }

    fn catch_up(&mut self) {
        while let Some(due) = self.control.poll_timeout().filter(|due| *due <= self.now) {
            self.control.handle_timeout(due);
        }
    }

    /// Where a frame comes out, or why it does not; the bridge's own stack is left out.
    fn send(&mut self, at: &str, octets: &[u8]) -> Result<Vec<String>, DropReason> {
        let plan = self.control.plan();
        let network = self.control.network();
        let ingress = network.find_attachment(at).unwrap();
        forward(
            &plan,
            self.now,
            ingress,
            &[octets],
            &mut self.counters,
            &mut self.egress,
        );
        let mut out: Vec<_> = self
            .egress
            .queues()
            .map(|(id, _)| network.attachments()[id.index()].name.clone())
            .filter(|name| name != "br0")
            .collect();
        out.sort();
        for trap in self.egress.traps() {
            let octets = self.egress.pieces(trap.edit, octets).concat();
            self.control.handle_trap(self.now, trap, &octets);
        }
        while self.control.poll_output().is_some() {}
        match self.egress.verdicts()[0] {
            Verdict::Dropped(reason) => Err(reason),
            _ => Ok(out),
        }
    }

    fn frame(
        &mut self,
        at: &str,
        source: Mac,
        destination: Mac,
    ) -> Result<Vec<String>, DropReason> {
        self.send(at, &frame(destination, source, 0x88b5, &[0; 46]))
    }

    fn knows(&mut self, station: Mac) -> Option<String> {
        let text = self.run("bridge -j fdb show br br0");
        let rows: Value = serde_json::from_str(&text).unwrap();
        let rows = rows.as_array().unwrap();
        let mac = text_of(station);
        let row = rows.iter().find(|row| row["mac"] == mac.as_str())?;
        Some(row["ifname"].as_str().unwrap().to_owned())
    }
}

fn text_of(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

fn frame(destination: Mac, source: Mac, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = [destination, source].concat();
    octets.extend(ether_type.to_be_bytes());
    octets.extend(payload);
    octets.resize(octets.len().max(60), 0);
    octets
}

fn ports<const N: usize>(names: [&str; N]) -> Result<Vec<String>, DropReason> {
    Ok(names.map(str::to_owned).to_vec())
}

fn arp(source: Mac, sender: Mac, ip: [u8; 4]) -> Vec<u8> {
    let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1];
    message.extend(sender);
    message.extend(ip);
    message.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 254]);
    frame(ALL, source, 0x0806, &message)
}

fn udp(source: Mac, destination: Mac, from: ([u8; 4], u16), to: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(28 + payload.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.0);
    packet.extend([255; 4]);
    packet.extend(from.1.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend((len - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    frame(destination, source, 0x0800, &packet)
}

fn ip(source: Mac, address: [u8; 4]) -> Vec<u8> {
    udp(source, ALL, (address, 5000), 5000, &[])
}

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const RELEASE: u8 = 7;

struct Dhcp {
    kind: u8,
    client: Mac,
    client_ip: [u8; 4],
    your_ip: [u8; 4],
    lease: Option<u32>,
}

impl Dhcp {
    fn new(kind: u8, client: Mac) -> Self {
        Self {
            kind,
            client,
            client_ip: [0; 4],
            your_ip: [0; 4],
            lease: None,
        }
    }

    fn octets(&self) -> Vec<u8> {
        let op = if [OFFER, ACK].contains(&self.kind) {
            2
        } else {
            1
        };
        let mut octets = vec![0; 236];
        octets[..4].copy_from_slice(&[op, 1, 6, 0]);
        octets[12..16].copy_from_slice(&self.client_ip);
        octets[16..20].copy_from_slice(&self.your_ip);
        octets[28..34].copy_from_slice(&self.client);
        octets.extend([99, 130, 83, 99, 53, 1, self.kind]);
        if let Some(lease) = self.lease {
            octets.extend([51, 4]);
            octets.extend(lease.to_be_bytes());
        }
        octets.push(255);
        octets
    }

    fn to_server(&self) -> Vec<u8> {
        udp(self.client, ALL, (self.client_ip, 68), 67, &self.octets())
    }

    fn to_client(&self, server: Mac) -> Vec<u8> {
        udp(server, ALL, ([10, 0, 0, 1], 67), 68, &self.octets())
    }
}

fn request(client: Mac) -> Vec<u8> {
    Dhcp::new(REQUEST, client).to_server()
}

fn ack(server: Mac, client: Mac, ip: [u8; 4], lease: u32) -> Vec<u8> {
    let ack = Dhcp {
        your_ip: ip,
        lease: Some(lease),
        ..Dhcp::new(ACK, client)
    };
    ack.to_client(server)
}

#[test]
fn storms_end_at_the_port() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 storm_broadcast 100fps storm_multicast 1kBps storm_unknown 20fps",
    );
    lab.frame("p2", h(2), ALL).unwrap();
    // Six at once, then one every 10 ms.
    for n in 0..20 {
        let expected = if n < 6 {
            ports(["p2", "p3", "p4"])
        } else {
            Err(DropReason::StormBroadcast)
        };
        assert_eq!(lab.frame("p1", h(0x10 + n), ALL), expected, "{n}");
    }
    assert!(lab.knows(h(0x15)).is_some());
    assert_eq!(lab.knows(h(0x16)), None, "a dropped frame teaches nothing");
    lab.at(9);
    assert_eq!(lab.frame("p1", h(1), ALL), Err(DropReason::StormBroadcast));
    lab.at(10);
    assert_eq!(lab.frame("p1", h(1), ALL), ports(["p2", "p3", "p4"]));
    // The other kinds have their own buckets, known unicast has none, other ports have no limit.
    assert!(lab.frame("p1", h(1), GROUP).is_ok());
    assert_eq!(
        lab.frame("p1", h(1), GROUP),
        Err(DropReason::StormMulticast)
    );
    for n in 0..5 {
        let unknown = lab.frame("p1", h(1), h(0x99));
        assert_eq!(unknown.is_ok(), n < 2, "{n}");
        assert_eq!(lab.frame("p1", h(1), h(2)), ports(["p2"]));
        assert!(lab.frame("p3", h(3), ALL).is_ok());
    }
    let shown = lab.show("p1");
    assert_eq!(shown["dropped"]["storm_broadcast"], 15);
    assert_eq!(shown["dropped"]["storm_multicast"], 1);
    assert_eq!(shown["dropped"]["storm_unknown"], 3);
    lab.run("tapswitch port set dev p1 storm_broadcast off");
    for _ in 0..100 {
        assert!(lab.frame("p1", h(1), ALL).is_ok());
    }
}

/// Offered ten times as much for ten seconds, a port takes in what its limit says.
#[test]
fn the_rate_holds_over_time() {
    let mut lab = Lab::new("", "tapswitch port set dev p1 storm_broadcast 1kfps");
    let mut passed = 0;
    for n in 0..100_000u64 {
        lab.now = Instant::from_nanos(100_000_000_000 + n * 100_000);
        passed += u64::from(lab.frame("p1", h(1), ALL).is_ok());
    }
    assert!((10_000..=10_060).contains(&passed), "{passed}");
}

#[test]
fn a_port_admits_as_many_stations_as_it_may() {
    let mut lab = Lab::new(
        "ageing_time 3000",
        "tapswitch port set dev p1 max_macs 3 violation restrict secure_mac 02:00:00:00:00:01",
    );
    assert_eq!(lab.knows(h(1)).as_deref(), Some("p1"));
    // The secure one counts though it was never seen; link-local frames neither count nor teach.
    assert!(lab.frame("p1", h(7), LLDP).is_ok());
    assert_eq!(lab.knows(h(7)), None);
    for (station, admitted) in [
        (2, true),
        (3, true),
        (4, false),
        (2, true),
        (1, true),
        (5, false),
    ] {
        let expected = match admitted {
            true => ports(["p2", "p3", "p4"]),
            false => Err(DropReason::PortSecurity),
        };
        assert_eq!(lab.frame("p1", h(station), h(0x99)), expected, "{station}");
    }
    assert_eq!(lab.knows(h(4)), None);
    let shown = lab.show("p1");
    assert_eq!(shown["macs"], 3);
    assert_eq!(shown["dropped"]["violation"], 2);
    assert_eq!(shown["learned_macs"][0]["mac"], text_of(h(2)));
    // They age as all entries do: 30 s after they were last seen.
    lab.at(29_000);
    assert!(lab.frame("p1", h(3), h(0x99)).is_ok());
    assert_eq!(
        lab.frame("p1", h(4), h(0x99)),
        Err(DropReason::PortSecurity)
    );
    lab.at(30_000);
    assert!(lab.frame("p1", h(4), h(0x99)).is_ok());
    assert_eq!(
        lab.frame("p1", h(2), h(0x99)),
        Err(DropReason::PortSecurity)
    );
    // What a command takes out of the FDB makes room at once.
    lab.run("bridge fdb del 02:00:00:00:00:04 dev p1 master");
    assert!(lab.frame("p1", h(2), h(0x99)).is_ok());
    lab.run("tapswitch port set dev p1 max_macs off");
    assert!(lab.frame("p1", h(9), h(0x99)).is_ok());
    assert!(lab.frame("p2", h(2), h(0x99)).is_ok());
    assert_eq!(
        lab.knows(h(2)).as_deref(),
        Some("p2"),
        "an ordinary entry again"
    );
}

#[test]
fn secure_addresses_stay_where_they_are() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 max_macs 2 secure_mac 02:00:00:00:00:01
         tapswitch port set dev p2 max_macs 2 violation restrict",
    );
    assert!(lab.frame("p1", h(2), ALL).is_ok());
    for station in [1, 2] {
        let moved = lab.frame("p2", h(station), ALL);
        assert_eq!(moved, Err(DropReason::PortSecurity), "{station}");
        // A port without security lets the frame through, but learns nothing that is secure elsewhere.
        assert!(lab.frame("p3", h(station), ALL).is_ok());
        assert_eq!(lab.knows(h(station)).as_deref(), Some("p1"), "{station}");
    }
    assert_eq!(lab.show("p2")["dropped"]["violation"], 2);
    // Violations of a port that protects itself are not counted.
    assert!(lab.frame("p1", h(3), ALL).is_err());
    assert_eq!(lab.show("p1")["dropped"]["violation"], 0);
    // With the station's port gone, its addresses are free.
    lab.run("ip link set p1 nomaster");
    assert!(lab.frame("p2", h(1), ALL).is_ok());
}

#[test]
fn a_violation_closes_the_port_until_it_recovers() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 max_macs 1 violation shutdown recovery 30",
    );
    assert!(lab.frame("p1", h(1), ALL).is_ok());
    assert_eq!(lab.frame("p1", h(2), ALL), Err(DropReason::PortSecurity));
    // Closed in both directions, for reserved addresses too.
    assert_eq!(lab.frame("p1", h(1), ALL), Err(DropReason::PortShut));
    assert_eq!(lab.frame("p1", h(1), LLDP), Err(DropReason::PortShut));
    assert_eq!(lab.frame("p2", h(3), ALL), ports(["p3", "p4"]));
    assert_eq!(lab.knows(h(1)), None);
    let link = lab.run("bridge link show dev p1");
    assert!(link.contains("state disabled"), "{link}");
    lab.at(10_000);
    let shown = lab.show("p1");
    assert_eq!(
        (&shown["shut"], &shown["opens"]),
        (&Value::from(true), &Value::from(20))
    );
    assert_eq!(shown["dropped"]["violation"], 1);
    let why = lab.refused("bridge link set dev p1 state 3");
    assert!(
        why.contains("a violation of port security closed p1"),
        "{why}"
    );
    lab.now = Instant::from_nanos(130_000_000_000 - 1);
    lab.catch_up();
    assert_eq!(lab.frame("p1", h(1), ALL), Err(DropReason::PortShut));
    lab.pass(Duration::from_nanos(1));
    assert_eq!(
        lab.frame("p1", h(2), ALL),
        ports(["p2", "p3", "p4"]),
        "the first again"
    );
    assert_eq!(lab.frame("p2", h(3), ALL), ports(["p1", "p3", "p4"]));
    assert_eq!(lab.show("p1")["shut"], false);
}

#[test]
fn other_ways_to_open_a_closed_port() {
    let ways = [
        "ip link set p1 down\nip link set p1 up",
        "tapswitch port set dev p1 max_macs off",
    ];
    for way in ways {
        let mut lab = Lab::new(
            "",
            "tapswitch port set dev p1 max_macs 1 violation shutdown",
        );
        lab.frame("p1", h(1), ALL).unwrap();
        lab.frame("p1", h(2), ALL).unwrap_err();
        lab.at(3_600_000);
        assert_eq!(lab.frame("p1", h(1), ALL), Err(DropReason::PortShut));
        assert_eq!(lab.show("p1")["opens"], Value::Null);
        way.lines().for_each(|line| _ = lab.run(line));
        assert!(lab.frame("p1", h(1), ALL).is_ok(), "{way}");
        assert_eq!(
            lab.frame("p2", h(3), ALL),
            ports(["p1", "p3", "p4"]),
            "{way}"
        );
    }
    // A recovery time set later counts from the command on.
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 max_macs 1 violation shutdown",
    );
    lab.frame("p1", h(1), ALL).unwrap();
    lab.frame("p1", h(2), ALL).unwrap_err();
    lab.at(50_000);
    lab.run("tapswitch port set dev p1 recovery 5");
    lab.at(54_999);
    assert!(lab.frame("p1", h(1), ALL).is_err());
    lab.at(55_000);
    assert!(lab.frame("p1", h(1), ALL).is_ok());
}

/// A leased address, from the client's question to the end of the lease.
#[test]
fn dhcp_binds_address_station_and_port() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 ip_binding on
         tapswitch port set dev p2 ip_binding on
         tapswitch port set dev p4 dhcp_trusted on",
    );
    let address = [10, 0, 0, 9];
    let own = arp(h(1), h(1), address);
    assert_eq!(lab.send("p1", &own), Err(DropReason::Unbound));
    assert_eq!(lab.send("p1", &ip(h(1), address)), Err(DropReason::Unbound));
    assert!(lab.send("p1", &arp(h(1), h(1), [0; 4])).is_ok(), "a probe");
    assert!(
        lab.send("p1", &Dhcp::new(DISCOVER, h(1)).to_server())
            .is_ok()
    );
    assert!(lab.send("p1", &request(h(1))).is_ok());
    // Only the trusted port has servers.
    let granted = ack(h(4), h(1), address, 60);
    assert_eq!(lab.send("p3", &granted), Err(DropReason::DhcpServer));
    assert_eq!(lab.send("p2", &granted), Err(DropReason::DhcpServer));
    assert_eq!(lab.send("p1", &own), Err(DropReason::Unbound));
    lab.at(1_000);
    assert!(lab.send("p4", &granted).is_ok());
    assert!(lab.send("p1", &own).is_ok());
    assert!(lab.send("p1", &ip(h(1), address)).is_ok());
    // Not from another port or station, nor another address, nor in another's name.
    assert_eq!(lab.send("p2", &own), Err(DropReason::Unbound));
    assert_eq!(
        lab.send("p1", &arp(h(2), h(2), address)),
        Err(DropReason::Unbound)
    );
    assert_eq!(
        lab.send("p1", &ip(h(1), [10, 0, 0, 8])),
        Err(DropReason::Unbound)
    );
    assert_eq!(
        lab.send("p1", &arp(h(1), h(2), address)),
        Err(DropReason::Unbound)
    );
    assert_eq!(
        lab.send("p2", &Dhcp::new(RELEASE, h(1)).to_server()).err(),
        None
    );
    let theft = Dhcp {
        client_ip: address,
        ..Dhcp::new(RELEASE, h(1))
    };
    assert_eq!(
        lab.send("p2", &theft.to_server()),
        Err(DropReason::DhcpSpoofed)
    );
    // What is no IP passes, and so does everything on other ports.
    assert!(lab.frame("p1", h(1), ALL).is_ok());
    assert!(lab.send("p3", &arp(h(3), h(3), address)).is_ok());
    let shown = lab.show("p1");
    assert_eq!(shown["bindings"][0]["address"], "10.0.0.9");
    assert_eq!(shown["bindings"][0]["mac"], text_of(h(1)));
    assert_eq!(shown["bindings"][0]["lease"], 60);
    assert_eq!(shown["dropped"]["ip_binding"], 6);
    // Renewed half way, by unicast.
    lab.at(31_000);
    let renewal = Dhcp {
        client_ip: address,
        ..Dhcp::new(REQUEST, h(1))
    };
    assert!(lab.send("p1", &renewal.to_server()).is_ok());
    assert!(lab.send("p4", &granted).is_ok());
    lab.now = Instant::from_nanos(191_000_000_000 - 1);
    lab.catch_up();
    assert!(lab.send("p1", &own).is_ok());
    lab.pass(Duration::from_nanos(1));
    assert_eq!(lab.send("p1", &own), Err(DropReason::Unbound));
    assert_eq!(lab.show("p1")["bindings"], Value::Array(vec![]));
    // Given back before its end.
    assert!(lab.send("p1", &request(h(1))).is_ok());
    assert!(lab.send("p4", &granted).is_ok());
    assert!(lab.send("p1", &theft.to_server()).is_ok(), "its own");
    assert_eq!(lab.send("p1", &own), Err(DropReason::Unbound));
}

/// What a client says is for servers: other clients do not see it.
#[test]
fn what_clients_say_goes_to_servers_only() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p3 dhcp_trusted on
         tapswitch port set dev p4 dhcp_trusted on",
    );
    let to = |destination: Mac, mut octets: Vec<u8>| {
        octets[..6].copy_from_slice(&destination);
        octets
    };
    let servers = ports(["p3", "p4"]);
    assert_eq!(lab.send("p1", &request(h(1))), servers);
    assert_eq!(lab.send("p4", &request(h(4))), ports(["p3"]));
    assert_eq!(lab.send("br0", &request(h(9))), ports(["p3", "p4"]));
    assert_eq!(lab.send("p1", &to(GROUP, request(h(1)))), servers);
    // What servers say, and what is not DHCP, goes where it always went.
    let answer = ack(h(4), h(1), [10, 0, 0, 9], 60);
    assert_eq!(lab.send("p4", &to(ALL, answer)), ports(["p1", "p2", "p3"]));
    assert_eq!(lab.frame("p1", h(1), ALL), ports(["p2", "p3", "p4"]));
    // To one station: if it is behind a trusted port, or nobody knows where it is.
    assert!(lab.frame("p2", h(2), ALL).is_ok());
    let one = |station| to(h(station), request(h(1)));
    assert_eq!(lab.send("p1", &one(2)), Err(DropReason::DhcpUntrusted));
    assert_eq!(lab.send("br0", &one(2)), Err(DropReason::DhcpUntrusted));
    assert_eq!(lab.send("p1", &one(4)), ports(["p4"]));
    assert_eq!(lab.send("p1", &one(7)), ports(["p3", "p4"]));
    let bridge = [2, 0, 0, 0, 0, 0xb0];
    assert_eq!(lab.send("p1", &to(bridge, request(h(1)))), ports([]));
    lab.run("tapswitch port set dev p3 dhcp_trusted off");
    assert_eq!(lab.send("p1", &request(h(1))), ports(["p4"]));
    lab.run("tapswitch port set dev p4 dhcp_trusted off");
    assert_eq!(lab.send("p1", &request(h(1))), ports(["p2", "p3", "p4"]));
}

#[test]
fn the_bridges_own_stack_may_be_the_server() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 ip_binding on
         tapswitch port set dev p4 dhcp_trusted on",
    );
    assert!(lab.send("p1", &request(h(1))).is_ok());
    let granted = ack([2, 0, 0, 0, 0, 0xb0], h(1), [10, 0, 0, 9], 60);
    assert!(lab.send("br0", &granted).is_ok());
    assert!(lab.send("p1", &arp(h(1), h(1), [10, 0, 0, 9])).is_ok());
}

#[test]
fn bindings_by_hand() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 bind 10.0.0.1 02:00:00:00:00:01 ip_binding on",
    );
    let own = arp(h(1), h(1), [10, 0, 0, 1]);
    lab.at(86_400_000);
    assert!(lab.send("p1", &own).is_ok());
    // Without a trusted port elsewhere, other ports are not looked at.
    let granted = ack(h(4), h(2), [10, 0, 0, 1], 60);
    assert!(lab.send("p4", &granted).is_ok());
    assert!(lab.send("p1", &own).is_ok(), "and no lease takes it away");
    lab.run("tapswitch port set dev p1 unbind 10.0.0.1");
    assert_eq!(lab.send("p1", &own), Err(DropReason::Unbound));
}

#[test]
fn bindings_are_of_a_vlan() {
    let mut lab = Lab::new(
        "vlan_filtering 1",
        "bridge vlan add dev p1 vid 10
         bridge vlan add dev p4 vid 10
         tapswitch port set dev p1 ip_binding on
         tapswitch port set dev p4 dhcp_trusted on",
    );
    let tag = |octets: &[u8]| [&octets[..12], &[0x81, 0, 0, 10], &octets[12..]].concat();
    let own = arp(h(1), h(1), [10, 0, 0, 9]);
    assert!(lab.send("p1", &tag(&request(h(1)))).is_ok());
    assert!(
        lab.send("p4", &tag(&ack(h(4), h(1), [10, 0, 0, 9], 60)))
            .is_ok()
    );
    assert_eq!(lab.send("p1", &tag(&own)), ports(["p4"]));
    assert_eq!(lab.send("p1", &own), Err(DropReason::Unbound), "in VLAN 1");
    assert_eq!(lab.show("p1")["bindings"][0]["vlan"], 10);
}

/// A host keeps its VLAN wherever it is plugged in.
#[test]
fn vlans_by_station() {
    let mut lab = Lab::new(
        "vlan_filtering 1",
        "bridge vlan add dev p1 vid 10 untagged
         bridge vlan add dev p2 vid 10 untagged
         bridge vlan add dev p3 vid 10
         tapswitch port set dev p1 mac_vlan 02:00:00:00:00:01 10
         tapswitch port set dev p2 mac_vlan 02:00:00:00:00:01 10",
    );
    assert_eq!(lab.frame("p1", h(1), ALL), ports(["p2", "p3"]));
    assert_eq!(lab.frame("p2", h(1), ALL), ports(["p1", "p3"]));
    // Others are in the port's own VLAN, tagged frames in that of their tag.
    assert_eq!(lab.frame("p1", h(2), ALL), ports(["p2", "p3", "p4"]));
    let octets = frame(ALL, h(1), 0x8100, &[0, 1, 0x88, 0xb5, 0, 0]);
    assert_eq!(lab.send("p1", &octets), ports(["p2", "p3", "p4"]));
    lab.run("tapswitch port set dev p1 no_mac_vlan 02:00:00:00:00:01");
    assert_eq!(lab.frame("p1", h(1), ALL), ports(["p2", "p3", "p4"]));
    // The station's VLAN has to be one of the port's.
    lab.run("tapswitch port set dev p1 mac_vlan 02:00:00:00:00:01 20");
    assert_eq!(lab.frame("p1", h(1), ALL), Err(DropReason::VlanIngress));
}

#[test]
fn private_vlans() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 private isolated
         tapswitch port set dev p2 private community 7
         tapswitch port set dev p3 private community 7",
    );
    assert_eq!(lab.frame("p1", h(1), ALL), ports(["p4"]));
    assert_eq!(lab.frame("p2", h(2), ALL), ports(["p3", "p4"]));
    assert_eq!(lab.frame("p3", h(3), GROUP), ports(["p2", "p4"]));
    assert_eq!(lab.frame("p4", h(4), ALL), ports(["p1", "p2", "p3"]));
    assert_eq!(lab.frame("p2", h(2), h(1)), Err(DropReason::PrivateVlan));
    assert_eq!(lab.frame("p2", h(2), h(3)), ports(["p3"]));
    assert_eq!(lab.frame("p1", h(1), h(4)), ports(["p4"]));
    // The host talks to everybody.
    assert_eq!(
        lab.frame("br0", [2, 0, 0, 0, 0, 0xb0], ALL),
        ports(["p1", "p2", "p3", "p4"])
    );
    lab.run("tapswitch port set dev p3 private community 8");
    assert_eq!(lab.frame("p2", h(2), ALL), ports(["p4"]));
    lab.run("tapswitch port set dev p1 private promiscuous");
    assert_eq!(lab.frame("p1", h(1), ALL), ports(["p2", "p3", "p4"]));
}

/// A frame's way past all guards, let in or not, allocates nothing.
#[test]
fn no_allocation_per_frame() {
    let lab = Lab::new(
        "",
        "tapswitch port set dev p1 storm_broadcast 1kfps storm_unknown 1kfps max_macs 2 violation restrict
         tapswitch port set dev p1 bind 10.0.0.1 02:00:00:00:00:01 ip_binding on",
    );
    let frames = [
        frame(ALL, h(1), 0x88b5, &[0; 46]),
        frame(h(0x99), h(1), 0x88b5, &[0; 46]),
        frame(ALL, h(2), 0x88b5, &[0; 46]),
        frame(ALL, h(3), 0x88b5, &[0; 46]),
        arp(h(1), h(1), [10, 0, 0, 1]),
        arp(h(1), h(1), [10, 0, 0, 2]),
        ip(h(1), [10, 0, 0, 1]),
        ip(h(2), [10, 0, 0, 1]),
    ];
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let plan = lab.control.plan();
    let ingress = lab.control.network().find_attachment("p1").unwrap();
    let (mut counters, mut egress) = (Counters::default(), Egress::default());
    let mut pass = || forward(&plan, lab.now, ingress, &frames, &mut counters, &mut egress);
    pass();
    let info = allocation_counter::measure(|| (0..100).for_each(|_| pass()));
    assert_eq!(info.count_total, 0, "{info:?}");
    let dropped = &counters.attachments[ingress.index()].dropped;
    for reason in [
        DropReason::PortSecurity,
        DropReason::Unbound,
        DropReason::StormBroadcast,
        DropReason::StormUnknown,
    ] {
        assert!(dropped[reason as usize] > 0, "{reason}");
    }
}

#[test]
fn refusals_say_what_would_be_right() {
    let mut lab = Lab::new(
        "",
        "ip link add d0 type dummy
         tapswitch port set dev p1 max_macs 2 secure_mac 02:00:00:00:00:01 secure_mac 02:00:00:00:00:02",
    );
    for (line, expected) in [
        (
            "tapswitch port set dev d0 private isolated",
            "d0 is not a bridge port",
        ),
        (
            "tapswitch port set dev nosuch private isolated",
            "there is no netdev \"nosuch\"",
        ),
        (
            "tapswitch port set dev p2 max_macs 5000",
            "expected 1 to 4096, or off",
        ),
        (
            "tapswitch port set dev p1 max_macs 1",
            "2 secure addresses already",
        ),
        (
            "tapswitch port set dev p1 secure_mac 02:00:00:00:00:03",
            "the port may have 2",
        ),
        (
            "tapswitch port set dev p1 no_secure_mac 02:00:00:00:00:09",
            "no such secure address",
        ),
        (
            "tapswitch port set dev p1 bind 2001:db8::1 02:00:00:00:00:01",
            "bindings are of IPv4",
        ),
        (
            "tapswitch port set dev p1 bind 224.0.0.1 02:00:00:00:00:01",
            "no single station",
        ),
        (
            "tapswitch port set dev p1 unbind 10.0.0.1",
            "no binding of this address",
        ),
        (
            "tapswitch port set dev p1 no_mac_vlan 02:00:00:00:00:01",
            "no VLAN for this station",
        ),
    ] {
        let error = lab.refused(line);
        assert!(
            error.starts_with("tapswitch: ") && error.contains(expected),
            "{line}: {error}"
        );
    }
}

#[test]
fn what_is_shown() {
    let mut lab = Lab::new(
        "",
        "tapswitch port set dev p1 storm_broadcast 100fps,64kBps max_macs 3 violation shutdown recovery 300
         tapswitch port set dev p1 secure_mac 02:00:00:00:00:01 private community 3
         tapswitch port set dev p1 bind 10.0.0.1 02:00:00:00:00:01 mac_vlan 02:00:00:00:00:05 9",
    );
    lab.frame("p1", h(2), ALL).unwrap();
    assert_eq!(
        lab.run("tapswitch port show dev p1"),
        "p1: max_macs 3 macs 2 violation shutdown recovery 300 \n    \
         storm_broadcast 100fps,64kBps storm_multicast off storm_unknown off \n    \
         ip_binding off dhcp_trusted off private community 3 \n    \
         bpdu_guard off bpdu_filter off loop_guard off tc_guard off p2p auto edge auto speed auto \n    \
         secure_mac 02:00:00:00:00:01 \n    \
         learned_mac 02:00:00:00:00:02 \n    \
         bind 10.0.0.1 02:00:00:00:00:01 \n    \
         mac_vlan 02:00:00:00:00:05 9 \n"
    );
    let all: Value = serde_json::from_str(&lab.run("tapswitch port show -j")).unwrap();
    assert_eq!(all.as_array().map(Vec::len), Some(4));
    assert_eq!(all[0]["storm_broadcast"]["octets"], 64_000);
}
