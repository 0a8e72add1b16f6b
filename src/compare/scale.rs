//! What broadcast costs when a layer 2 grows: hosts × containers.
//!
//! Two networks are made for each size and run by the same core:
//!
//! - *flat*: a bridge in each host joins its containers and, by an uplink to each of two core bridges that are joined
//!   by a link, those of all other hosts; RSTP keeps it a tree (containers are at edge ports). One subnet, one broadcast domain.
//! - *routed*: the same hosts and bridges, but each is a subnet of its own: the host's own stack is its gateway, and
//!   its NIC, which is no port of the bridge, is plugged in to one core bridge. What routers do is not layer 2 and takes no part:
//!   counted is what containers and gateways hear of a container, which is all that leaves its bridge by itself.
//!
//! In both, every endpoint (containers, and the hosts' own stacks) announces itself once; then the first container asks
//! for the last one by ARP, goes down, is sent a frame by somebody who still knows it, and comes up again with
//! another address. Containers are behind TAPs, so that a copy for one of them ends there: a broadcast makes a hop for each
//! bridge, and is far from [`HOP_LIMIT`](crate::switch::path::HOP_LIMIT). That nothing was lost is checked.
//!
//! How long spanning trees take is [`simulate`](crate::simulate)'s to say: of the bridges and links of the flat network, from
//! power-on, and after the root's first link is cut.
//!
//! Bounds: [`ENDPOINTS_MAX`], [`HOSTS_MAX`] and [`CONTAINERS_MAX`]; sizes, as many as are asked for.

use std::fmt;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::Serialize;

use super::report::{Rows, number};
use crate::iproute::script::Script;
use crate::netdev::Network;
use crate::replay::{Engine, Event, Sink};
use crate::simulate::{Mode, Phase, Simulation, Spec, Topology};
use crate::switch::{AttachmentId, Counters, DropReason, Egress, Side, forward};
use crate::time::{Duration, Instant};
use crate::wire::{Arp, MacAddr};

/// Endpoints of a network.
pub const ENDPOINTS_MAX: u32 = 20_000;

/// Hosts of a network.
pub const HOSTS_MAX: u16 = 500;

/// Containers on a host.
pub const CONTAINERS_MAX: u16 = 1_000;

/// How many hosts, and how many containers on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Hosts.
    pub hosts: u16,
    /// Containers on each.
    pub containers: u16,
}

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not HOSTSxCONTAINERS, as in 10x10 (2 to {HOSTS_MAX} hosts, 1 to {CONTAINERS_MAX} containers \
     on each, {ENDPOINTS_MAX} endpoints in all)"
)]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let size = || -> Option<Self> {
            let (hosts, containers) = text.split_once('x')?;
            let (hosts, containers) = (hosts.parse().ok()?, containers.parse().ok()?);
            let size = Self { hosts, containers };
            let fits = (2..=HOSTS_MAX).contains(&hosts)
                && (1..=CONTAINERS_MAX).contains(&containers)
                && size.endpoints() <= ENDPOINTS_MAX;
            fits.then_some(size)
        };
        size().ok_or_else(|| SizeError(text.to_owned()))
    }
}

impl Size {
    /// Returns how many stacks there are: containers, and the hosts' own.
    #[must_use]
    pub const fn endpoints(self) -> u32 {
        self.hosts as u32 * (self.containers as u32 + 1)
    }
}

/// All sizes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Scale {
    /// By size.
    pub rows: Vec<Row>,
}

/// One size.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Hosts.
    pub hosts: u16,
    /// Containers on each.
    pub containers: u16,
    /// Stacks: containers, and the hosts' own.
    pub endpoints: u32,
    /// One layer 2 for all.
    pub flat: Domain,
    /// A subnet for each host.
    pub routed: Domain,
    /// How long spanning trees of the flat network take, by protocol.
    pub trees: Vec<Tree>,
}

/// What was counted in one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Domain {
    /// Bridges.
    pub bridges: usize,
    /// Copies of one ARP request of a container that endpoints get.
    pub arp_request: u64,
    /// Copies that endpoints get when a container starts and announces itself.
    pub start: u64,
    /// Stations that bridges learn then.
    pub start_learned: u64,
    /// Copies that endpoints get when a container stops.
    pub stop: u64,
    /// Entries about it that bridges still have then.
    pub stale: u64,
    /// Copies that endpoints get of one frame to it, from the container that is farthest.
    pub to_stopped: u64,
    /// Copies that endpoints got when each had announced itself.
    pub boot: u64,
    /// Entries about endpoints in the tables of all bridges then.
    pub fdb_entries: u64,
    /// BPDUs that bridges send in a second when nothing happens.
    pub bpdus_per_second: f64,
}

/// A spanning tree of the flat network's bridges.
#[derive(Clone, Debug, Serialize)]
pub struct Tree {
    /// `stp` or `rstp`.
    pub mode: &'static str,
    /// From power-on.
    pub start: Phase,
    /// After the root's first link was cut.
    pub cut: Phase,
}

/// Why a size cannot be compared: a mistake of this module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{hosts} × {containers}: {why}")]
pub struct ScaleError {
    /// Hosts.
    pub hosts: u16,
    /// Containers on each.
    pub containers: u16,
    /// What was not as it should be.
    pub why: String,
}

/// Virtual time until RSTP has made its tree, and the time that BPDUs are counted for after it.
const SETTLES: Duration = Duration::from_secs(6);
const QUIET: Duration = Duration::from_secs(10);

/// Runs one size. `tell` is told what comes next.
///
/// # Errors
/// [`ScaleError`].
pub fn row(size: Size, tell: &mut dyn FnMut(&str)) -> Result<Row, ScaleError> {
    let wrong = |why: String| ScaleError {
        hosts: size.hosts,
        containers: size.containers,
        why,
    };
    tell("one layer 2");
    let flat = Net::new(size, true)
        .and_then(|net| net.run(size))
        .map_err(wrong)?;
    tell("a subnet for each host");
    let routed = Net::new(size, false)
        .and_then(|net| net.run(size))
        .map_err(wrong)?;
    let mut trees = Vec::new();
    for mode in [Mode::Stp, Mode::Rstp] {
        tell(mode.name());
        trees.push(tree(size, mode).map_err(wrong)?);
    }
    Ok(Row {
        hosts: size.hosts,
        containers: size.containers,
        endpoints: size.endpoints(),
        flat,
        routed,
        trees,
    })
}

fn container(host: u16, number: u16) -> String {
    format!("t{host}-{number}")
}

/// Returns the topology script. Core bridges have the lowest addresses, so that one of them is the root.
fn script(size: Size, flat: bool, containers: bool, mode: Mode) -> String {
    let mut text = String::from("set -e\n");
    let bridge = |name: &str, number: u16, tree: bool| {
        let [high, low] = number.to_be_bytes();
        let tree = match (tree, mode) {
            (true, Mode::Stp) => " stp_state 1".to_owned(),
            (true, Mode::Rstp) => {
                format!(" stp_state 1\ntapswitch bridge set dev {name} stp_mode rstp")
            }
            (false, _) => String::new(),
        };
        format!(
            "ip link add {name} address 02:00:00:00:{high:02x}:{low:02x} type bridge mcast_snooping 0{tree}\n"
        )
    };
    // Writing to a String does not fail.
    text += &bridge("k1", 1, flat);
    if flat {
        text += &bridge("k2", 2, flat);
        text += "ip link add k1k2 type veth peer name k2k1\n\
                 ip link set k1k2 up master k1\nip link set k2k1 up master k2\n";
    }
    for host in 1..=size.hosts {
        text += &bridge(&format!("b{host}"), host + 2, flat);
        if flat {
            for core in [1, 2] {
                _ = write!(
                    text,
                    "ip link add b{host}k{core} type veth peer name k{core}b{host}\n\
                     ip link set b{host}k{core} up master b{host}\nip link set k{core}b{host} up master k{core}\n"
                );
            }
        } else {
            // The NIC of a router is no port.
            _ = write!(
                text,
                "ip link add b{host}k1 type veth peer name k1b{host}\n\
                 ip link set b{host}k1 up\nip link set k1b{host} up master k1\n"
            );
        }
        for number in (1..=size.containers).filter(|_| containers) {
            let name = container(host, number);
            _ = write!(
                text,
                "ip tuntap add {name} mode tap\nip link set {name} up master b{host}\n"
            );
            if flat {
                _ = writeln!(text, "tapswitch port set dev {name} edge on");
            }
        }
        _ = writeln!(text, "ip link set b{host} up");
    }
    text += if flat {
        "ip link set k1 up\nip link set k2 up\n"
    } else {
        "ip link set k1 up\n"
    };
    text
}

fn tree(size: Size, mode: Mode) -> Result<Tree, String> {
    let spec = Spec {
        // Names the links of a script that is not used.
        topology: Topology::Ring,
        bridges: size.hosts + 2,
        links: None,
        mode,
        max_age: None,
        seed: 1,
        latency: Duration::from_micros(500),
    };
    let text = script(size, true, false, mode);
    let script = Script::parse("scale", &text).map_err(|error| error.to_string())?;
    let mut simulation = Simulation::new(&spec, &script)?;
    let start = simulation.converge();
    simulation
        .cut_root_link()
        .ok_or("no link leads to the root")?;
    let cut = simulation.converge();
    Ok(Tree {
        mode: mode.name(),
        start,
        cut,
    })
}

/// Remembers the first command that failed.
struct Failed(Option<String>);

impl Sink for Failed {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> std::io::Result<()> {
        if let Event::Command { item, reply } = event
            && reply.status != 0
        {
            self.0
                .get_or_insert(format!("{}: {}", item.text, reply.stderr));
        }
        Ok(())
    }
}

/// A network that runs.
struct Net {
    engine: Engine,
    /// Where containers are, host by host.
    containers: Vec<AttachmentId>,
    /// Where the hosts' own stacks are.
    hosts: Vec<AttachmentId>,
    counters: Counters,
    egress: Egress,
}

impl Net {
    fn new(size: Size, flat: bool) -> Result<Self, String> {
        let text = script(size, flat, true, Mode::Rstp);
        let script = Script::parse("scale", &text).map_err(|error| error.to_string())?;
        let mut engine = Engine::new(&script);
        let mut failed = Failed(None);
        _ = engine.run_setup(&mut failed);
        if let Some(failed) = failed.0 {
            return Err(failed);
        }
        _ = engine.advance_to(Instant::ZERO + SETTLES, &mut ());
        let find = |name: &str| {
            let found = engine.network().find_attachment(name);
            found.map_err(|error| error.to_string())
        };
        let (mut containers, mut hosts) = (Vec::new(), Vec::new());
        for host in 1..=size.hosts {
            hosts.push(find(&format!("b{host}"))?);
            for number in 1..=size.containers {
                containers.push(find(&container(host, number))?);
            }
        }
        Ok(Self {
            engine,
            containers,
            hosts,
            counters: Counters::default(),
            egress: Egress::default(),
        })
    }

    fn run(mut self, size: Size) -> Result<Domain, String> {
        let announces = |number: u32| (station(number), address(number));
        let mut boot = 0;
        let endpoints: Vec<_> = self.endpoints().collect();
        for (number, at) in (0..).zip(endpoints) {
            let (mac, ip) = announces(number);
            boot += self.send(at, &Arp::request(mac, ip, ip))?;
        }
        let fdb_entries = self.learned();
        let (first, last) = (
            0,
            u32::try_from(self.containers.len()).unwrap_or(u32::MAX) - 1,
        );
        // In a subnet of its own a container asks for those there.
        let (mac, ip) = announces(first);
        let asked = Arp::request(mac, ip, address(1));
        let arp_request = self.send(self.containers[0], &asked)?;

        let name = container(1, 1);
        let (before, known) = (self.delivered(), self.entries_of(mac));
        self.command(&format!("ip link set {name} down"))?;
        let stop = self.delivered() - before;
        let stale = self.entries_of(mac);
        debug_assert!(
            stale < known,
            "the bridge of a port that goes down forgets it"
        );
        // Of those that it may talk to without a router, the farthest.
        let farthest = match stale {
            0 => size.containers.saturating_sub(1).into(),
            _ => last,
        };
        let frame = frame(mac, station(farthest));
        let to_stopped = self.send(self.containers[farthest as usize], &frame)?;

        self.command(&format!("ip link set {name} up"))?;
        let before = self.learned();
        let newcomer = station(size.endpoints());
        let start = self.send(self.containers[0], &Arp::request(newcomer, ip, ip))?;
        let start_learned = self.learned() - before;

        let (now, sent) = (self.engine.now(), self.engine.originated());
        _ = self.engine.advance_to(now + QUIET, &mut ());
        let bridges = self.engine.network().netdevs().iter();
        #[allow(clippy::cast_precision_loss)] // counts far below 2^52
        let bpdus = (self.engine.originated() - sent) as f64;
        Ok(Domain {
            bridges: bridges.filter(|netdev| netdev.bridge().is_some()).count(),
            arp_request,
            start,
            start_learned,
            stop,
            stale,
            to_stopped,
            boot,
            fdb_entries,
            bpdus_per_second: bpdus / QUIET.as_secs_f64(),
        })
    }

    fn endpoints(&self) -> impl Iterator<Item = AttachmentId> {
        self.containers.iter().chain(&self.hosts).copied()
    }

    /// Sends a frame and returns how many copies endpoints got. That some copy was lost on its way is an error.
    fn send(&mut self, from: AttachmentId, frame: &[u8]) -> Result<u64, String> {
        let now = self.engine.now();
        let plan = self.engine.plan();
        forward(
            plan,
            now,
            from,
            &[frame],
            &mut self.counters,
            &mut self.egress,
        );
        if let Some(lost) = self
            .egress
            .lost()
            .iter()
            .find(|it| it.reason == DropReason::HopLimit)
        {
            return Err(format!("a copy was lost: {}", lost.reason.sentence()));
        }
        let endpoint = |id: AttachmentId| {
            let it = &plan.attachments[id.index()];
            it.side == Side::Wire || self.hosts.contains(&id)
        };
        let copies = self.egress.queues().filter(|(id, _)| endpoint(*id));
        Ok(copies.map(|(_, copies)| copies.count() as u64).sum())
    }

    fn command(&mut self, text: &str) -> Result<(), String> {
        let script = Script::parse("scale", text).map_err(|error| error.to_string())?;
        match self.engine.execute(&script, &mut ()) {
            Ok(reply) if reply.status == 0 => Ok(()),
            Ok(reply) => Err(format!("{text}: {}", reply.stderr)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the network itself has sent to endpoints.
    fn delivered(&self) -> u64 {
        let counters = &self.engine.counters().attachments;
        let out = self.endpoints().filter_map(|id| counters.get(id.index()));
        out.map(|it| it.frames_out).sum()
    }

    fn tables(&self) -> impl Iterator<Item = MacAddr> {
        let now = self.engine.now();
        let bridges = self.engine.network().netdevs().iter();
        let bridges = bridges.filter_map(|netdev| netdev.bridge());
        bridges.flat_map(move |bridge| {
            let entries = bridge.fdb.dump(now, bridge.hold()).into_iter();
            let learned = entries.filter(|(_, entry)| entry.flags.ages() && !entry.flags.local);
            // Bridges learn each other's ports, too, of BPDUs.
            learned.map(|(key, _)| key.mac()).filter(is_endpoint)
        })
    }

    fn learned(&self) -> u64 {
        self.tables().count() as u64
    }

    fn entries_of(&self, mac: MacAddr) -> u64 {
        self.tables().filter(|other| *other == mac).count() as u64
    }
}

/// The address of an endpoint, by its number.
const fn station(number: u32) -> MacAddr {
    MacAddr::from_u64(FIRST_STATION + number as u64)
}

const FIRST_STATION: u64 = 0x0200_0100_0000;

fn is_endpoint(mac: &MacAddr) -> bool {
    mac.to_u64() >> 24 == FIRST_STATION >> 24
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + number)
}

/// A frame to one station, of a type for experiments (IEEE 802 9.2.3).
fn frame(to: MacAddr, from: MacAddr) -> Vec<u8> {
    [&to.octets()[..], &from.octets(), &[0x88, 0xb5], &[0; 46]].concat()
}

impl Scale {
    /// Returns a row of figures for each thing counted, with a cell for each size.
    pub(super) fn table_rows(&self) -> Rows {
        #[allow(clippy::cast_precision_loss)] // counts far below 2^52
        let count = |value: u64| number(value as f64);
        type Cell<'a> = &'a dyn Fn(&Domain) -> String;
        let figures: [(&str, Cell<'_>); 9] = [
            ("bridges", &|it| it.bridges.to_string()),
            ("copies of an ARP request", &|it| count(it.arp_request)),
            ("copies when a container starts", &|it| count(it.start)),
            ("  stations learned then", &|it| count(it.start_learned)),
            ("copies when it stops", &|it| count(it.stop)),
            ("  entries about it that stay", &|it| count(it.stale)),
            ("  copies of a frame to it then", &|it| count(it.to_stopped)),
            ("copies when all start", &|it| count(it.boot)),
            ("FDB entries", &|it| count(it.fdb_entries)),
        ];
        let mut rows: Rows = figures
            .iter()
            .map(|(label, cell)| {
                let both = |row: &Row| format!("{} / {}", cell(&row.flat), cell(&row.routed));
                ((*label).to_owned(), self.rows.iter().map(both).collect())
            })
            .collect();
        let bpdus = |row: &Row| {
            let [flat, routed] = [row.flat, row.routed].map(|it| number(it.bpdus_per_second));
            format!("{flat} / {routed}")
        };
        rows.push((
            "BPDUs per second".into(),
            self.rows.iter().map(bpdus).collect(),
        ));
        let trees = self.rows.first().map_or(0, |row| row.trees.len());
        for index in 0..trees {
            let mode = self.rows[0].trees[index].mode;
            for (label, phase) in [
                ("from power-on", (|tree| &tree.start) as fn(&Tree) -> &Phase),
                ("after a cut", |tree| &tree.cut),
            ] {
                let cell = |row: &Row| match phase(&row.trees[index]) {
                    it if it.spanning_tree => format!("{:.3} s", it.seconds),
                    it => format!("not a tree after {:.0} s", it.seconds),
                };
                let cells = self.rows.iter().map(cell).collect();
                rows.push((format!("{mode} converges, {label}"), cells));
            }
        }
        rows
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |row: &Row| format!("{} × {}", row.hosts, row.containers);
        let endpoints = self.rows.iter().map(|row| number(row.endpoints.into()));
        let mut rows = vec![
            (
                "hosts × containers".to_owned(),
                self.rows.iter().map(name).collect(),
            ),
            ("endpoints".to_owned(), endpoints.collect::<Vec<_>>()),
        ];
        rows.extend(self.table_rows());
        writeln!(
            f,
            "one layer 2 for all hosts / a subnet for each host; copies are those that endpoints get\n"
        )?;
        let width = |text: &String| text.chars().count();
        let first = rows
            .iter()
            .map(|(label, _)| width(label))
            .max()
            .unwrap_or(0);
        for (label, cells) in &rows {
            write!(f, "{label:first$}")?;
            for (column, cell) in cells.iter().enumerate() {
                let of = rows.iter().map(|(_, cells)| width(&cells[column]));
                let width = of.max().unwrap_or(0);
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(
            "10x20".parse(),
            Ok(Size {
                hosts: 10,
                containers: 20
            })
        );
        assert_eq!("100x100".parse::<Size>().unwrap().endpoints(), 10_100);
        for wrong in [
            "", "10", "1x10", "10x0", "501x1", "2x1001", "100x200", "10x10x10", "-2x3",
        ] {
            let error = wrong.parse::<Size>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("\"{wrong}\" is not HOSTSxCONTAINERS")),
                "{error}"
            );
        }
    }

    /// Counted by hand: three hosts of two containers and their own stacks are nine endpoints, and flat has five bridges,
    /// each of which learns all nine, but for its own stack.
    #[test]
    fn a_small_network_by_hand() {
        let size = Size {
            hosts: 3,
            containers: 2,
        };
        let row = row(size, &mut |_| {}).unwrap();
        let Domain {
            bpdus_per_second, ..
        } = row.flat;
        assert_eq!(
            row.flat,
            Domain {
                bridges: 5,
                arp_request: 8,
                start: 8,
                start_learned: 5,
                stop: 0,
                // Of the bridges, all but the container's own.
                stale: 4,
                // On its host the other container; what is unknown does not go up.
                to_stopped: 1,
                boot: 9 * 8,
                // The cores know nine, each host's bridge all but its own stack.
                fdb_entries: 2 * 9 + 3 * 8,
                bpdus_per_second,
            }
        );
        // Every two seconds: of each link of the tree one end, of each redundant link one end, and 6 containers.
        // 7 links in all.
        assert!((bpdus_per_second - 6.5).abs() < 0.01, "{bpdus_per_second}");
        assert_eq!(
            row.routed,
            Domain {
                bridges: 4,
                arp_request: 2,
                start: 2,
                start_learned: 1,
                stop: 0,
                stale: 0,
                // The other container is the one that sends it.
                to_stopped: 0,
                boot: 9 * 2,
                fdb_entries: 3 * 2,
                bpdus_per_second: 0.0,
            }
        );
        for tree in &row.trees {
            assert!(
                tree.start.spanning_tree && tree.cut.spanning_tree,
                "{tree:?}"
            );
        }
        let [stp, rstp] = &row.trees[..] else {
            panic!("two protocols");
        };
        // Twice forward_delay (15 s), and in RSTP a few BPDUs back and forth.
        assert!((stp.start.seconds - 30.0).abs() < 1.0, "{stp:?}");
        assert!(
            rstp.start.seconds < 5.0 && rstp.cut.seconds < 1.0,
            "{rstp:?}"
        );
    }
}
