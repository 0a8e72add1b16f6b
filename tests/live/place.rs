//! A network namespace of a test's own, with the machine's side of a network in it: another switch,
//! made and asked by its own programs. What runs there ends with the test, by its process id.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bench::await_that;

/// Longer than any test; ends the namespace should the test not get to it.
const AT_MOST: &str = "300";

/// The namespace, held by a process that sleeps.
pub(crate) struct Place {
    holder: Child,
    enter: Vec<String>,
}

impl Place {
    /// Makes the namespace. Its netdevs answer ARP for their own addresses only: all stacks of the switches
    /// under test are in it, ours too, and the station's address would be the answer of whichever is first.
    pub(crate) fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args(["-n", "-m", "sh", "-c"])
            .arg(format!(
                "mount -t sysfs sysfs /sys; ip link set lo up; \
                 echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore; echo ready; exec sleep {AT_MOST}"
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = holder.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "no network namespace");
        let target = holder.id().to_string();
        let enter = ["nsenter", "-t", &target, "-n", "-m"];
        let enter = enter.map(str::to_owned).to_vec();
        Self { holder, enter }
    }

    /// Returns the words that start a program in the namespace.
    pub(crate) fn enter(&self) -> Vec<&str> {
        self.enter.iter().map(String::as_str).collect()
    }

    /// Returns the process that holds the namespace.
    pub(crate) fn pid(&self) -> u32 {
        self.holder.id()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.enter[0]);
        command.args(&self.enter[1..]).args(words);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program there to its end; what it printed, or what it complained about.
    pub(crate) fn attempt(&self, words: &[&str]) -> Result<String, String> {
        let output = self.command(words).output().unwrap();
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    /// Runs a program that does not fail, given as one line.
    pub(crate) fn run(&self, line: &str) -> String {
        let words: Vec<_> = line.split_whitespace().collect();
        self.attempt(&words)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Makes a cable with both ends up: `near` for the other switch, `far` for ours.
    pub(crate) fn cable(&self, near: &str, far: &str) {
        self.run(&format!("ip link add {near} type veth peer name {far}"));
        self.run(&format!("ip link set {near} up"));
        self.run(&format!("ip link set {far} up"));
    }

    /// Gives the station that the tests ping to a bridge.
    pub(crate) fn station(&self, bridge: &str) {
        self.run(&format!("ip addr add 10.0.0.9/24 dev {bridge}"));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A program that runs in a namespace until it is ended.
pub(crate) struct Background(Child);

impl Background {
    /// Starts it.
    pub(crate) fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Asks it to end, and waits.
    pub(crate) fn end(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a number that no other test of this process has.
pub(crate) fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Stands for a root that not all ports know.
const NOT_AGREED: &str = "not agreed";

/// What a bridge says of its spanning tree: the root, and the state of each port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) root: String,
    pub(crate) ports: BTreeMap<String, String>,
}

impl State {
    /// Returns the state of a port, in the words of classic STP. Open vSwitch does not name the disabled.
    pub(crate) fn port(&self, name: &str) -> &str {
        match self.ports.get(name).map_or("", String::as_str) {
            "" => "disabled",
            "discarding" => "blocking",
            state => state,
        }
    }

    /// Puts what two bridges say together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        if self.root != other.root {
            self.root = NOT_AGREED.to_owned();
        }
        self.ports.extend(other.ports);
        self
    }

    /// Reads what `ip -j -d link show` printed of a bridge's ports. (Of the bridge itself iproute2 6.1 prints
    /// its own identifier as that of the root.)
    pub(crate) fn of_ports(printed: &str) -> Self {
        let printed: Value = serde_json::from_str(printed).unwrap_or_default();
        let mut state = Self::default();
        for row in printed.as_array().into_iter().flatten() {
            let of_port = &row["linkinfo"]["info_slave_data"];
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (name, port_state) = (word(&row["ifname"]), word(&of_port["state"]));
            if port_state.is_empty() {
                continue;
            }
            let root = word(&of_port["root_id"]);
            if !state.ports.is_empty() && root != state.root {
                state.root = NOT_AGREED.to_owned();
            } else {
                state.root = root;
            }
            state.ports.insert(name, port_state);
        }
        state
    }
}

/// Times as short as both sides take, in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) hello: u32,
    pub(crate) max_age: u32,
    pub(crate) forward_delay: u32,
}

/// The bridge of the kernel that runs.
pub(crate) struct Kernel;

impl Kernel {
    /// Makes the bridge, with spanning tree, a station's address, and these ports; `None` where the
    /// kernel cannot.
    pub(crate) fn start(
        place: &Place,
        name: &str,
        times: Times,
        priority: u16,
        ports: &[&str],
    ) -> Option<Self> {
        let add = format!(
            "ip link add {name} type bridge mcast_snooping 0 stp_state 1 hello_time {} max_age {} \
             forward_delay {} priority {priority}",
            times.hello * 100,
            times.max_age * 100,
            times.forward_delay * 100
        );
        match place.attempt(&add.split_whitespace().collect::<Vec<_>>()) {
            Err(error) if error.contains("Unknown device type") => return None,
            made => made.unwrap(),
        };
        for port in ports {
            place.run(&format!("ip link set {port} master {name}"));
        }
        place.run(&format!("ip link set {name} up"));
        place.station(name);
        Some(Self)
    }

    /// Makes the bridge without spanning tree or ports; false where the kernel cannot.
    pub(crate) fn plain(place: &Place, name: &str) -> bool {
        let add = format!("ip link add {name} type bridge mcast_snooping 0");
        match place.attempt(&add.split_whitespace().collect::<Vec<_>>()) {
            Err(error) if error.contains("Unknown device type") => return false,
            made => made.unwrap(),
        };
        place.run(&format!("ip link set {name} up"));
        place.station(name);
        true
    }

    pub(crate) fn state(&self, place: &Place, name: &str) -> State {
        State::of_ports(&place.run(&format!("ip -j -d link show master {name}")))
    }
}

/// Open vSwitch with its userspace datapath, in a folder of its own.
pub(crate) struct Ovs {
    folder: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Ovs {
    /// Starts the database and the switch in the namespace.
    pub(crate) fn start(place: &Place) -> Self {
        let mut ovs = Self {
            folder: tempfile::tempdir().unwrap(),
            daemons: Vec::new(),
        };
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        let (database, socket) = (ovs.path("conf.db"), ovs.path("db.sock"));
        place.run(&format!("ovsdb-tool create {database} {schema}"));
        ovs.daemon(
            place,
            &format!("ovsdb-server {database} --remote=punix:{socket}"),
            "server",
        );
        await_that("the database's socket", || {
            std::path::Path::new(&socket).exists()
        });
        ovs.vsctl(place, "--no-wait init");
        ovs.daemon(place, &format!("ovs-vswitchd unix:{socket}"), "switch");
        await_that("the switch's socket", || {
            std::path::Path::new(&ovs.path("switch.ctl")).exists()
        });
        ovs
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.display().to_string()
    }

    /// Starts a daemon in the foreground: it is this process's child, and ends with the test.
    fn daemon(&mut self, place: &Place, line: &str, name: &str) {
        let line = format!(
            "{line} --no-chdir --pidfile={} --unixctl={} --log-file={} -vconsole:off -vsyslog:off",
            self.path(&format!("{name}.pid")),
            self.path(&format!("{name}.ctl")),
            self.path(&format!("{name}.log"))
        );
        let words: Vec<_> = line.split_whitespace().collect();
        let mut command = place.command(&words);
        for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] {
            command.env(variable, self.folder.path());
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(command.spawn().unwrap());
    }

    pub(crate) fn vsctl(&self, place: &Place, line: &str) -> String {
        let socket = self.path("db.sock");
        place.run(&format!("ovs-vsctl --timeout=20 --db=unix:{socket} {line}"))
    }

    /// Makes a bridge with these ports. `protocol`: its settings in the words of `ovs-vsctl set bridge`.
    pub(crate) fn bridge(&self, place: &Place, name: &str, protocol: &str, ports: &[&str]) {
        let mut line =
            format!("add-br {name} -- set bridge {name} datapath_type=netdev {protocol}");
        for (number, port) in (1..).zip(ports) {
            line += &format!(
                " -- add-port {name} {port} -- set port {port} other_config:stp-port-num={number} \
                 other_config:rstp-port-num={number}"
            );
        }
        self.vsctl(place, &line);
        place.run(&format!("ip link set {name} up"));
    }

    /// `ovs-appctl stp/show` or `rstp/show`.
    pub(crate) fn show(&self, place: &Place, line: &str) -> String {
        let control = self.path("switch.ctl");
        place.run(&format!("ovs-appctl -t {control} {line}"))
    }

    /// Reads what `stp/show` and `rstp/show` print.
    pub(crate) fn state(&self, place: &Place, protocol: &str, bridge: &str) -> State {
        let shown = self.show(place, &format!("{protocol}/show {bridge}"));
        let mut state = State::default();
        let value = |key: &str| {
            let line = shown
                .lines()
                .find(|line| line.split_whitespace().next() == Some(key));
            line.and_then(|line| line.split_whitespace().nth(1))
                .unwrap_or_default()
        };
        // Of RSTP it says "stp", too.
        let priority: u16 = value("stp-priority").parse().unwrap_or(0);
        let address = value("stp-system-id");
        // As the kernel writes it: no zeros in front.
        let octets = address
            .split(':')
            .map(|octet| match octet.strip_prefix('0') {
                Some(digit) => digit,
                None => octet,
            });
        let address = octets.collect::<Vec<_>>().join(":");
        state.root = format!("{priority:04x}.{address}");
        let rows = shown.lines().skip_while(|line| !line.contains("-----"));
        for row in rows.skip(1) {
            let words: Vec<_> = row.split_whitespace().collect();
            if let [name, role, port_state, ..] = words[..] {
                let word = match role {
                    "Disabled" => role,
                    _ => port_state,
                };
                state.ports.insert(name.to_owned(), word.to_lowercase());
            }
        }
        state
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        // The switch first: it would ask for its database in vain.
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
