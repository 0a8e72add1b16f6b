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
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::record::{Answer, Copy, Record};
use crate::scenario::{PROTOCOLS, Scenario, Step, mark};
use crate::sys::{PacketSocket, Sighting, attach_tap};

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
    match play(&probe, false) {
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
    let record = play(&probe, false).expect("it was possible a moment ago");
    record.answers[&1].stdout.contains("vlan_default_pvid")
});

/// Plays a scenario on the kernel. `slowly`: with a pause after each step, for a second opinion
/// when the first might be the machine's load.
pub(crate) fn play(scenario: &Scenario, slowly: bool) -> io::Result<Record> {
    // A program that another thread starts holds our TAPs open for a moment, between fork and exec:
    // an unplugged one would still have a carrier then.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // The namespace belongs to the thread, and goes with it.
    thread::scope(|scope| {
        let player = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            silence()?;
            Kernel::new()?.play(scenario, slowly)
        });
        player.join().expect("the player does not panic")
    })
}

/// No traffic but ours.
fn silence() -> io::Result<()> {
    for name in [
        "ipv6/conf/all/disable_ipv6",
        "ipv6/conf/default/disable_ipv6",
    ] {
        write_if_there(name, "1")?;
    }
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
    /// What the sockets of single protocols and the one of all saw, by step and netdev.
    passed: HashMap<(usize, u32), usize>,
    seen: HashMap<(usize, u32), Vec<Sighting>>,
    record: Record,
}

impl Kernel {
    fn new() -> io::Result<Self> {
        let protocols = PROTOCOLS.iter();
        Ok(Self {
            taps: BTreeMap::new(),
            was_tap: BTreeSet::new(),
            every: PacketSocket::open(0x0003)?,
            by_protocol: protocols
                .map(|p| PacketSocket::open(*p))
                .collect::<Result<_, _>>()?,
            names: HashMap::new(),
            passed: HashMap::new(),
            seen: HashMap::new(),
            record: Record::default(),
        })
    }

    fn play(mut self, scenario: &Scenario, slowly: bool) -> io::Result<Record> {
        let start = Instant::now();
        for (number, step) in scenario.steps.iter().enumerate() {
            self.record.times.push(start.elapsed());
            match step {
                Step::Command(command) => {
                    let answer = run(command)?;
                    self.record.answers.insert(number, answer);
                    self.follow(command)?;
                }
                Step::Frame { at, octets } => {
                    self.inject(at, octets)?;
                    self.record.copies.insert(number, Vec::new());
                    self.collect(scenario, number, Duration::ZERO)?;
                }
                Step::Wait(time) => thread::sleep(*time),
                Step::Carrier(tap, up) => {
                    match self.ifindex(tap) {
                        Ok(ifindex) if *up && !self.taps.contains_key(&ifindex) => {
                            self.taps.insert(ifindex, attach_tap(tap)?);
                        }
                        Ok(ifindex) if !*up => drop(self.taps.remove(&ifindex)),
                        Ok(_) | Err(_) => {}
                    }
                    self.settle()?;
                }
            }
            let marked = matches!(step, Step::Frame { octets, .. } if mark(octets).is_some());
            if slowly || !marked && matches!(step, Step::Frame { .. }) {
                self.collect(scenario, number, Duration::from_millis(3))?;
            }
        }
        let last = scenario.steps.len().saturating_sub(1);
        self.collect(scenario, last, Duration::from_millis(3))?;
        Ok(self.conclude())
    }

    /// After a command: who is called what, new TAPs, carriers.
    fn follow(&mut self, command: &str) -> io::Result<()> {
        let interfaces = nix::net::if_::if_nameindex()?;
        let there: HashMap<u32, String> = interfaces
            .iter()
            .map(|i| (i.index(), i.name().to_string_lossy().into_owned()))
            .collect();
        self.taps.retain(|ifindex, _| there.contains_key(ifindex));
        let made = command.strip_prefix("ip tuntap add ");
        let made = made.and_then(|rest| rest.split(' ').next());
        let new = |(ifindex, name): &(&u32, &String)| {
            made == Some(name.as_str()) && !self.names.contains_key(ifindex)
        };
        if let Some((ifindex, name)) = there.iter().find(new) {
            self.taps.insert(*ifindex, attach_tap(name)?);
            self.was_tap.insert(*ifindex);
        }
        self.names.extend(there);
        if !command.contains(" show") {
            self.settle()?;
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
            // Down, longer than its MTU, refused by the queue: the frame goes nowhere.
            Ok(())
            | Err(
                Errno::EIO | Errno::ENETDOWN | Errno::EMSGSIZE | Errno::ENOBUFS | Errno::EINVAL,
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
        let owner = |octets: &[u8]| match mark(octets) {
            Some(step) => usize::try_from(step).ok(),
            None => (Some(octets) == injected.map(Vec::as_slice)).then_some(current),
        };
        let patience = PollTimeout::try_from(patience).expect("milliseconds");
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
                // A second tag that was looked at is gone from the octets here, the mark is not.
                let whole = index == 0;
                let step = owner(&sighting.octets).or_else(|| {
                    (!whole)
                        .then(|| owner_of_short(&self.seen, &sighting))
                        .flatten()
                });
                let Some(step) = step else { continue };
                let place = (step, sighting.ifindex);
                if whole {
                    self.seen.entry(place).or_default().push(sighting);
                } else {
                    *self.passed.entry(place).or_default() += 1;
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

    fn conclude(mut self) -> Record {
        for ((step, ifindex), times) in self.passed {
            let sightings = self.seen.remove(&(step, ifindex)).unwrap_or_default();
            let name = &self.names[&ifindex];
            let at = if self.was_tap.contains(&ifindex) {
                format!("{name}@stack")
            } else {
                name.clone()
            };
            let copies = self.record.copies.entry(step).or_default();
            for sighting in sightings.into_iter().take(times) {
                copies.push(Copy {
                    at: at.clone(),
                    kind: Some(sighting.kind),
                    octets: sighting.octets,
                });
            }
        }
        for copies in self.record.copies.values_mut() {
            copies.sort();
        }
        self.record
    }
}

/// A frame too short for a mark that lost its tag, or two, on the way to a protocol's socket: it belongs to
/// the step whose frame, tag aside, it equals.
fn owner_of_short(
    seen: &HashMap<(usize, u32), Vec<Sighting>>,
    sighting: &Sighting,
) -> Option<usize> {
    let equals = |whole: &[u8]| {
        let gone = whole.len().saturating_sub(sighting.octets.len());
        (gone == 4 || gone == 8)
            && whole[..12] == sighting.octets[..12]
            && whole[12 + gone..] == sighting.octets[12..]
    };
    let mut steps: Vec<usize> = seen
        .iter()
        .filter(|((_, ifindex), _)| *ifindex == sighting.ifindex)
        .filter(|(_, sightings)| sightings.iter().any(|whole| equals(&whole.octets)))
        .map(|((step, _), _)| *step)
        .collect();
    steps.sort_unstable();
    steps.pop()
}

fn run(command: &str) -> io::Result<Answer> {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()?;
    Ok(Answer {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
