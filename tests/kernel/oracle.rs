//! The kernel's side: a namespace of its own, the script's commands by the real `ip` and `bridge`,
//! the frames through TAPs and packet sockets.
//!
//! What goes up at a netdev is what a packet socket *of the frame's protocol* gets: those come after
//! the bridge's handler (`__netif_receive_skb_core`), so a frame that a port hands to its bridge does
//! not count. The octets and the packet type are those that a socket of all protocols saw, which
//! still has the tag.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::barrier::{Barrier, pin};
use crate::iproute::{Iproute, Processes};
use crate::payload::{self, Essence};
use crate::record::{Copy, Record};
use crate::rtnetlink;
use crate::scenario::{PROTOCOLS, Scenario, Step, answers, mark, of_a_bridge};
use crate::sys::{PacketSocket, Sighting, attach_macvtap, attach_tap};
use crate::vxlan;

const MANNER: Manner = Manner {
    processes: Processes::Few,
    slowly: false,
};

/// Frames that a step may lead to: a hundred times what the largest scenario floods.
const STORM: usize = 100_000;

/// Says why the kernel's side cannot run here, if so.
pub(crate) fn unavailable() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it needs root, for network namespaces and TAPs".to_owned());
    }
    if let Err(error) = fs::metadata("/dev/net/tun") {
        return Some(format!("/dev/net/tun: {error}"));
    }
    for tool in ["ip", "bridge"] {
        if let Err(error) = Command::new(tool).arg("-V").stdout(Stdio::null()).status() {
            return Some(format!("{tool} (iproute2): {error}"));
        }
    }
    let probe = Scenario::new("probe", "ip link add br0 type bridge");
    match play(&probe, MANNER) {
        Err(error) => Some(format!("no network namespace of its own: {error}")),
        Ok(record) if record.answers[&0].status != 0 => Some(format!(
            "the kernel has no bridge: {}",
            record.answers[&0].stderr
        )),
        Ok(_) => None,
    }
}

/// Whether this kernel was built with VLAN filtering; the suite is known to be able to run.
pub(crate) static FILTERS_VLANS: LazyLock<bool> = LazyLock::new(|| {
    let probe = Scenario::new(
        "probe",
        "ip link add br0 type bridge\nip -d -j link show br0",
    );
    let record = play(&probe, MANNER).expect("it was possible a moment ago");
    record.answers[&1].stdout.contains("vlan_default_pvid")
});

/// How a scenario is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How commands are run.
    pub(crate) processes: Processes,
    /// Waits a moment after each step, for a second opinion when the first might be the machine's load.
    pub(crate) slowly: bool,
}

/// Plays a scenario on the kernel.
pub(crate) fn play(scenario: &Scenario, manner: Manner) -> io::Result<Record> {
    let place = PLACES_LEFT.take();
    let closing = CLOSINGS_LEFT.take();
    let (sender, record) = channel();
    let (number, scenario) = (place.number, scenario.clone());
    let barrier = LazyLock::force(&BARRIERS)[number].as_ref().map_err(copy)?;
    // Namespace and open files belong to the thread. The files are its own because a program that
    // another thread starts holds all files of that thread until it runs, and a TAP that somebody
    // holds has a carrier.
    thread::spawn(move || {
        let mut kernel = None;
        let result = pin(number)
            .and_then(|()| Ok(unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_FILES)?))
            .and_then(|()| silence())
            .and_then(|()| Ok(kernel.insert(Kernel::new(manner)?)))
            .and_then(|kernel| kernel.play(&scenario, barrier));
        let _ = sender.send(result);
        // The kernel waits for all its CPUs at each socket; nobody else needs to.
        drop(kernel);
        drop(closing);
    });
    record.recv().expect("the player does not panic")
}

/// How many scenarios are played at the same time. Most of the time the kernel waits for its other CPUs.
pub(crate) const PLACES: usize = 10;

static PLACES_LEFT: Permits = Permits::new(PLACES);

/// For players that are over and still close their files.
static CLOSINGS_LEFT: Permits = Permits::new(4 * PLACES);

/// One for each place: a frame is known by the pair it came out of.
static BARRIERS: LazyLock<Vec<io::Result<Barrier>>> =
    LazyLock::new(|| (0..PLACES).map(|_| Barrier::new()).collect());

fn copy(error: &io::Error) -> io::Error {
    io::Error::other(error.to_string())
}

/// So many at a time, each with a number.
struct Permits {
    /// Bit N: number N is taken.
    taken: Mutex<u64>,
    returned: Condvar,
    bound: usize,
}

/// One of them, until it is dropped.
struct Permit {
    number: usize,
    of: &'static Permits,
}

impl Permits {
    const fn new(bound: usize) -> Self {
        assert!(bound <= 64, "one bit each");
        Self {
            taken: Mutex::new(0),
            returned: Condvar::new(),
            bound,
        }
    }

    fn take(&'static self) -> Permit {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(number) = (0..self.bound).find(|number| *taken >> number & 1 == 0) {
                *taken |= 1 << number;
                return Permit { number, of: self };
            }
            taken = self
                .returned
                .wait(taken)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.of.taken.lock().unwrap_or_else(PoisonError::into_inner) &= !(1 << self.number);
        self.of.returned.notify_one();
    }
}

/// No traffic but ours.
fn silence() -> io::Result<()> {
    for name in [
        "ipv6/conf/all/disable_ipv6",
        "ipv6/conf/default/disable_ipv6",
    ] {
        write_if_there(name, "1")?;
    }
    // Netdevs have addresses, and frames ask for them.
    write_if_there("ipv4/conf/all/arp_ignore", "8")?;
    // Bridges that snoop join 224.0.0.106.
    write_if_there("ipv4/igmp_link_local_mcast_reports", "0")?;
    for table in ["arptables", "ip6tables", "iptables"] {
        write_if_there(&format!("bridge/bridge-nf-call-{table}"), "0")?;
    }
    Ok(())
}

fn write_if_there(name: &str, value: &str) -> io::Result<()> {
    match fs::write(format!("/proc/sys/net/{name}"), value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

struct Kernel {
    taps: BTreeMap<u32, File>,
    /// Every TAP there ever was.
    was_tap: BTreeSet<u32>,
    every: PacketSocket,
    by_protocol: Vec<PacketSocket>,
    names: HashMap<u32, String>,
    iproute: Iproute,
    slowly: bool,
    /// Bridges of the scenario query.
    queries: bool,
    /// How many veth pairs there have been: a frame may pass each, in each direction.
    pairs: usize,
    /// There have been macvlans: what is for groups waits in a queue of theirs.
    macvlans: bool,
    /// Frames taken in since the last step began.
    taken: usize,
    /// What the socket of all protocols saw, by step and netdev, and how the sockets of single protocols
    /// saw it.
    seen: HashMap<(usize, u32), Vec<Sighting>>,
    passed: HashMap<(usize, u32), Vec<u8>>,
    record: Record,
}

impl Kernel {
    fn new(manner: Manner) -> io::Result<Self> {
        let protocols = PROTOCOLS.iter();
        Ok(Self {
            taps: BTreeMap::new(),
            was_tap: BTreeSet::new(),
            every: PacketSocket::open(0x0003)?,
            by_protocol: protocols
                .map(|p| PacketSocket::open(*p))
                .collect::<Result<_, _>>()?,
            names: HashMap::new(),
            iproute: Iproute::new(manner.processes),
            slowly: manner.slowly,
            queries: false,
            pairs: 0,
            macvlans: false,
            taken: 0,
            seen: HashMap::new(),
            passed: HashMap::new(),
            record: Record::default(),
        })
    }

    /// Plays a scenario to its end, or to what went wrong.
    fn play(&mut self, scenario: &Scenario, barrier: &Barrier) -> io::Result<Record> {
        let result = self.play_steps(scenario, barrier);
        if result.is_err() {
            // A frame that goes round keeps its sender's socket, and that the namespace: it would do so for ever.
            for name in self.names.values() {
                let _ = self.iproute.run(&format!("ip link set {name} down"));
            }
        }
        result
    }

    fn play_steps(&mut self, scenario: &Scenario, barrier: &Barrier) -> io::Result<Record> {
        let mut lines = scenario.lines.iter();
        self.queries = lines.any(|line| line.contains("mcast_querier 1"));
        let start = Instant::now();
        for (number, step) in scenario.steps.iter().enumerate() {
            self.record.times.push(start.elapsed());
            match step {
                Step::Command(command) => {
                    let answer = match rtnetlink::request(command) {
                        Some(request) => request.send()?,
                        None => self.iproute.run(command)?,
                    };
                    self.record.answers.insert(number, answer);
                    self.follow(command)?;
                }
                Step::Frame { at, octets } => {
                    self.record.copies.insert(number, Vec::new());
                    self.inject(at, octets)?;
                }
                Step::Wait(time) => thread::sleep(*time),
                Step::Listen(time) => {
                    self.record.copies.insert(number, Vec::new());
                    thread::sleep(*time);
                }
                Step::Carrier(tap, up) => self.plug(tap, *up)?,
                Step::Reports => write_if_there("ipv4/igmp_link_local_mcast_reports", "1")?,
                Step::Ipv6(netdev) => {
                    write_if_there(&format!("ipv6/conf/{netdev}/addr_gen_mode"), "1")?;
                    write_if_there(&format!("ipv6/conf/{netdev}/disable_ipv6"), "0")?;
                }
            }
            if self.macvlans {
                thread::sleep(self.queue_settles(scenario, number));
            }
            barrier.wait(1 + 2 * self.pairs + 2 * usize::from(self.macvlans))?;
            let patience = if self.slowly { 3 } else { 0 };
            self.collect(scenario, number, Duration::from_millis(patience))?;
        }
        self.conclude();
        Ok(mem::take(&mut self.record))
    }

    /// How long the queue of macvlans is given after a step. It is worked off by a thread of the kernel's,
    /// of which no barrier knows. A copy that comes later still counts if it carries its mark, unless
    /// something changes meanwhile.
    fn queue_settles(&self, scenario: &Scenario, number: usize) -> Duration {
        let is_frame = |step: Option<&Step>| matches!(step, Some(Step::Frame { .. }) | None);
        let group =
            matches!(&scenario.steps[number], Step::Frame { octets, .. } if octets[0] & 1 == 1);
        let changes = !is_frame(scenario.steps.get(number + 1));
        let frame = is_frame(scenario.steps.get(number));
        Duration::from_micros(match (self.slowly, frame && changes, group) {
            (true, ..) => 20_000,
            (false, true, _) => 10_000,
            (false, false, true) => 300,
            (false, false, false) => 0,
        })
    }

    fn plug(&mut self, tap: &str, up: bool) -> io::Result<()> {
        match self.ifindex(tap) {
            Ok(ifindex) if up && !self.taps.contains_key(&ifindex) => {
                self.taps.insert(ifindex, attach_tap(tap)?);
            }
            Ok(ifindex) if !up => drop(self.taps.remove(&ifindex)),
            Ok(_) | Err(_) => {}
        }
        self.settle()?;
        if self.queries {
            self.tick();
        }
        Ok(())
    }

    /// Lets what is due at the next tick of the kernel's clock happen.
    fn tick(&self) {
        thread::sleep(Duration::from_millis(15));
    }

    /// After a command: who is called what, new TAPs, carriers.
    fn follow(&mut self, command: &str) -> io::Result<()> {
        let interfaces = nix::net::if_::if_nameindex()?;
        let there: HashMap<u32, String> = interfaces
            .iter()
            .map(|i| (i.index(), i.name().to_string_lossy().into_owned()))
            .collect();
        self.taps.retain(|ifindex, _| there.contains_key(ifindex));
        let macvtap = command.contains(" type macvtap");
        let made = match macvtap {
            true => command.split_once(" name ").map(|(_, rest)| rest),
            false => command.strip_prefix("ip tuntap add "),
        };
        let made = made.and_then(|rest| rest.split(' ').next());
        let new = |(ifindex, name): &(&u32, &String)| {
            made == Some(name.as_str()) && !self.names.contains_key(ifindex)
        };
        if let Some((ifindex, name)) = there.iter().find(new) {
            let far_end = match macvtap {
                true => attach_macvtap(name)?,
                false => attach_tap(name)?,
            };
            self.taps.insert(*ifindex, far_end);
            self.was_tap.insert(*ifindex);
        }
        self.names.extend(there);
        self.pairs += usize::from(command.contains(" type veth"));
        self.macvlans |= command.contains(" type macv");
        if !command.contains(" show") {
            self.settle()?;
        }
        // A bridge that begins to snoop takes no query from others before its own first one was due, at
        // the next tick of the kernel's clock (`br_multicast_select_querier`). A port that opens, and with
        // it all others, queries at that tick.
        let begins = command.contains("mcast_") || command.starts_with("ip link set br");
        let changes = command.starts_with("ip link set") || command.starts_with("bridge link set");
        if begins || changes && self.queries {
            self.tick();
        }
        Ok(())
    }

    /// Has carrier changes take effect now: the kernel does so before it tells about one link
    /// (`rtnl_getlink`), and else up to a second later. Twice, for devices on devices.
    fn settle(&self) -> io::Result<()> {
        let netlink = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        for _ in 0..2 {
            for ifindex in self.names.keys() {
                let mut request = Vec::with_capacity(32);
                request.extend(32u32.to_ne_bytes());
                request.extend(18u16.to_ne_bytes()); // RTM_GETLINK
                request.extend(1u16.to_ne_bytes()); // NLM_F_REQUEST
                request.extend([0; 8]); // sequence, port
                request.extend([0; 4]); // family, type
                request.extend(ifindex.to_ne_bytes());
                request.extend([0; 8]); // flags, change
                let kernel = NetlinkAddr::new(0, 0);
                let fd = std::os::fd::AsRawFd::as_raw_fd(&netlink);
                sendto(fd, &request, &kernel, MsgFlags::empty())?;
                recv(fd, &mut [0; 16384], MsgFlags::empty())?;
            }
        }
        Ok(())
    }

    fn ifindex(&self, name: &str) -> io::Result<u32> {
        nix::net::if_::if_nametoindex(name).map_err(|error| {
            io::Error::other(format!(
                "the scenario names `{name}`, which is not there: {error}"
            ))
        })
    }

    fn inject(&mut self, at: &str, octets: &[u8]) -> io::Result<()> {
        let (name, stack) = at
            .strip_suffix("@stack")
            .map_or((at, false), |name| (name, true));
        let Ok(ifindex) = self.ifindex(name) else {
            return Ok(()); // deleted meanwhile: nothing comes from there
        };
        let result = match self.taps.get_mut(&ifindex).filter(|_| !stack) {
            Some(tap) => tap.write(octets).map(drop),
            None => self.every.send(ifindex, octets),
        };
        match result
            .as_ref()
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
        {
            // Down, longer than its MTU, refused by the queue, not routed: the frame goes nowhere.
            Ok(())
            | Err(
                Errno::EIO
                | Errno::ENETDOWN
                | Errno::EMSGSIZE
                | Errno::ENOBUFS
                | Errno::EINVAL
                | Errno::ENETUNREACH,
            ) => Ok(()),
            Err(_) => result,
        }
    }

    /// Takes in everything that came out, waiting up to `patience` for more.
    fn collect(
        &mut self,
        scenario: &Scenario,
        current: usize,
        patience: Duration,
    ) -> io::Result<()> {
        let injected = match &scenario.steps[current] {
            Step::Frame { octets, .. } => Some(octets),
            _ => None,
        };
        let owner = |octets: &[u8]| match (mark(octets), injected) {
            (Some(step), _) => usize::try_from(step).ok(),
            // Too short for a mark. What the bridge itself sends comes from another address.
            (None, Some(frame)) => {
                // A bridge's stack may have an address and answer, too; queries are always the bridge's.
                let stack = of_a_bridge(octets);
                let essence = payload::essence(octets);
                let query = essence == Some(Essence::GroupQuery);
                let answers = answers(octets, frame) && (query || !stack);
                // A bridge's own queries come when they are due, even while its address sends a frame.
                let from = |it: &[u8]| it.get(6..12) == Some(&octets[6..12]);
                let own = (from(frame) || vxlan::inside(frame).is_some_and(from))
                    && !matches!(essence, Some(Essence::GroupQuery | Essence::GeneralQuery));
                // So do the kernel's reports of the groups that it listens to itself.
                let reports = |essence| essence == Some(Essence::Membership);
                let own = own && (!reports(essence) || reports(payload::essence(frame)));
                (own || answers || vxlan::belongs(octets)).then_some(current)
            }
            (None, None) => {
                let listens = matches!(scenario.steps[current], Step::Listen(_));
                (listens && of_a_bridge(octets)).then_some(current)
            }
        };
        let patience = PollTimeout::try_from(patience).expect("milliseconds");
        self.taken = 0;
        loop {
            let mut fds: Vec<PollFd<'_>> = self
                .sockets()
                .map(PacketSocket::as_fd)
                .chain(self.taps.values().map(AsFd::as_fd))
                .map(|fd: BorrowedFd<'_>| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            if poll(&mut fds, patience)? == 0 {
                return Ok(());
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
            for (index, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
                self.read(index, &owner)?;
            }
        }
    }

    /// The socket of all protocols, then the others.
    fn sockets(&self) -> impl Iterator<Item = &PacketSocket> {
        std::iter::once(&self.every).chain(&self.by_protocol)
    }

    fn read(&mut self, index: usize, owner: &impl Fn(&[u8]) -> Option<usize>) -> io::Result<()> {
        let sockets = 1 + self.by_protocol.len();
        if index < sockets {
            loop {
                let socket = self.sockets().nth(index).expect("one of ours");
                let Some(sighting) = socket.receive()? else {
                    return Ok(());
                };
                self.taken += 1;
                if self.taken > STORM {
                    return Err(io::Error::other(
                        "a storm: a frame of the scenario goes round",
                    ));
                }
                let Some(step) = owner(&sighting.octets) else {
                    continue;
                };
                let place = (step, sighting.ifindex);
                if index == 0 {
                    self.seen.entry(place).or_default().push(sighting);
                } else {
                    self.passed.entry(place).or_default().push(sighting.kind);
                }
            }
        }
        let (ifindex, tap) = self
            .taps
            .iter_mut()
            .nth(index - sockets)
            .expect("one of ours");
        let name = &self.names[ifindex];
        let mut buffer = [0; 4096];
        loop {
            let octets = match tap.read(&mut buffer) {
                Ok(got) => buffer[..got].to_vec(),
                Err(error) => match error.raw_os_error() {
                    Some(nix::libc::EAGAIN | nix::libc::EIO | nix::libc::EBADFD) => return Ok(()),
                    _ => return Err(error),
                },
            };
            if let Some(step) = owner(&octets) {
                let copy = Copy {
                    at: name.clone(),
                    kind: None,
                    octets,
                };
                self.record.copies.entry(step).or_default().push(copy);
            }
        }
    }

    fn conclude(&mut self) {
        for ((step, ifindex), kinds) in mem::take(&mut self.passed) {
            let sightings = self.seen.remove(&(step, ifindex)).unwrap_or_default();
            let name = &self.names[&ifindex];
            let at = if self.was_tap.contains(&ifindex) {
                format!("{name}@stack")
            } else {
                name.clone()
            };
            let copies = self.record.copies.entry(step).or_default();
            for (sighting, kind) in sightings.into_iter().zip(kinds) {
                copies.push(Copy {
                    at: at.clone(),
                    kind: Some(kind),
                    octets: sighting.octets,
                });
            }
        }
        for copies in self.record.copies.values_mut() {
            copies.sort();
        }
    }
}
