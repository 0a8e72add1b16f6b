//! The real side of a network: namespaces, and a device for each attachment that a process could use.
//!
//! [`enter`] puts the process where devices may be made. [`Sandbox::reconcile`] then compares what
//! there is with what the model wants ([`devices`](super::devices)) and changes the difference: a
//! device keeps its descriptor, and so its worker, through renames and moves. What other programs change on a
//! device stays as they made it, until the model changes the same thing.
//!
//! Tunnels that lead out of it have sockets in the namespace below (`tunnels`).
//!
//! Everything ends with the process: devices are not persistent, namespaces are held by descriptors.
//! Only names in `/run/netns`, which `--host` gives, outlast it ([`leftovers`](super::leftovers)).

use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use nix::libc;

use super::devices::{Device, names, wanted};
use super::error::Error;
use super::io::{Choices, Io};
use super::leftovers::{Names, RunId};
use super::tunnels::Tunnels;
use crate::attach::packet::Packet;
use crate::attach::tap::{self, NAME_MAX, Tap};
use crate::attach::xdp::{self, NoXdp, Xdp};
use crate::attach::{Attachment, Failure};
use crate::netdev::{Kind, NamespaceId, Network};
use crate::switch::{AttachmentId, NetdevId};
use crate::sys::namespace;
use crate::sys::netlink::{self, Link, LinkChange, Netlink};
use crate::wire::MacAddr;

/// The loopback's number in every namespace.
const LOOPBACK: u32 = 1;

/// Threads that close devices.
const CLOSERS: usize = 16;

/// Puts the calling thread, and all threads it starts from now on, into a network namespace of its
/// own; without the privilege for that, into a user namespace first, and then returns true. Only a
/// process of one thread can get a user namespace.
///
/// # Errors
///
/// [`Error::NoNamespaces`].
pub fn enter() -> Result<bool, Error> {
    match namespace::unshare_net() {
        Ok(()) => Ok(false),
        Err(net) => namespace::unshare_user()
            .map(|()| true)
            .map_err(|user| Error::NoNamespaces { net, user }),
    }
}

/// Looks whether TAPs can be made at all, without making one.
///
/// # Errors
///
/// [`Error::NoTun`], [`Error::TunForbidden`].
pub fn probe() -> Result<(), Error> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    opened.map(drop).map_err(|error| tap_error("", error))
}

/// Namespaces and devices.
#[derive(Debug)]
pub struct Sandbox {
    /// Works in the namespace it was started in; names of namespaces are real.
    host: bool,
    /// How many queues a TAP has; `None` for TAPs without offloads.
    queues: Option<usize>,
    choices: Choices,
    spaces: BTreeMap<NamespaceId, Space>,
    /// Where the ends of veth pairs are that are not the devices, if there are any.
    behind: Option<Space>,
    /// What there is to tell.
    notes: Vec<String>,
    devices: BTreeMap<AttachmentId, Live>,
    /// Vanished: not made again as long as their netdev lives.
    gone: HashSet<AttachmentId>,
    tunnels: Tunnels,
    generation: u64,
    names: Names,
}

/// A network namespace.
#[derive(Debug)]
struct Space {
    name: Option<String>,
    net: OwnedFd,
    netlink: Netlink,
    loopback_up: bool,
}

/// A device that is there.
#[derive(Debug)]
struct Live {
    /// How it was last set up.
    is: Device,
    ifindex: u32,
    queues: Arc<[Arc<dyn Attachment>]>,
    /// It does not end with its attachment.
    veth: bool,
    generation: u64,
}

impl Sandbox {
    /// Takes the calling thread's namespace for the script's own, and `below` for the host's. TAPs will have
    /// this many queues, or one and no offloads; `choices` say which devices are none.
    ///
    /// # Errors
    ///
    /// When `/proc` is missing, or this namespace is not ours to work in.
    pub fn new(
        host: bool,
        below: OwnedFd,
        run: RunId,
        queues: Option<usize>,
        choices: Choices,
    ) -> Result<Self, Error> {
        let own = namespace::current_net()
            .and_then(|net| Space::open(None, net))
            .map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied if host => Error::HostForbidden,
                _ => Error::doing("open this network namespace")(error),
            })?;
        Ok(Self {
            host,
            queues,
            choices,
            behind: None,
            notes: Vec::new(),
            spaces: BTreeMap::from([(NamespaceId::OWN, own)]),
            devices: BTreeMap::new(),
            gone: HashSet::new(),
            tunnels: Tunnels::new(below),
            generation: 0,
            names: Names::new(run),
        })
    }

    /// Returns the namespace with a name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<BorrowedFd<'_>> {
        self.named().find(|(it, _)| *it == name).map(|(_, net)| net)
    }

    /// Returns all named namespaces.
    pub fn named(&self) -> impl Iterator<Item = (&str, BorrowedFd<'_>)> {
        self.spaces
            .values()
            .filter_map(|space| Some((space.name.as_deref()?, space.net.as_fd())))
    }

    /// Returns the MTU of the way that each tunnel takes which goes by the host, as far as it is known.
    #[must_use]
    pub fn way_mtus(&self) -> &[(NetdevId, Option<u32>)] {
        self.tunnels.way_mtus()
    }

    /// Returns the queues of every device and every tunnel's socket, by attachment, with its generation.
    pub fn attachments(
        &self,
    ) -> impl Iterator<Item = (AttachmentId, &Arc<[Arc<dyn Attachment>]>, u64)> {
        let devices = self.devices.iter();
        devices
            .map(|(id, live)| (*id, &live.queues, live.generation))
            .chain(self.tunnels.attachments())
    }

    /// Reads address and MTU of an existing NIC that the script uses without making it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNic`].
    pub fn nic(&mut self, name: &str) -> Result<Link, Error> {
        self.space(NamespaceId::OWN)?
            .netlink
            .find(name)
            .map_err(Error::doing(format!("look for {name}")))?
            .ok_or_else(|| Error::NoSuchNic {
                name: name.to_owned(),
            })
    }

    /// Whether a device has vanished.
    #[must_use]
    pub fn is_gone(&self, id: AttachmentId) -> bool {
        self.gone.contains(&id)
    }

    /// Forgets a device that vanished. False if it is not the generation meant: then it was expected.
    pub fn vanished(&mut self, id: AttachmentId, generation: u64) -> bool {
        let current = self.devices.get(&id).map(|live| live.generation);
        if current != Some(generation) {
            return false;
        }
        self.devices.remove(&id);
        self.gone.insert(id);
        true
    }

    /// Makes the real side what the model says. Bounded by the number of netdevs.
    ///
    /// # Errors
    ///
    /// A device or namespace that cannot be made. What was made before stays until the sandbox goes.
    pub fn reconcile(&mut self, network: &Network) -> Result<(), Error> {
        for (id, name) in network.namespaces() {
            if !self.spaces.contains_key(&id) {
                self.add_namespace(id, name)?;
            }
        }
        let mut wanted = wanted(network, self.host, &self.choices);
        wanted.retain(|device| !self.gone.contains(&device.attachment));
        self.remove_unwanted(&wanted);
        self.make_way(&wanted)?;
        for device in wanted {
            let id = device.attachment;
            let result = match self.devices.remove(&id) {
                Some(live) => self.change(live, device),
                None => self.make(device),
            }?;
            match result {
                Some(live) => drop(self.devices.insert(id, live)),
                None => drop(self.gone.insert(id)),
            }
        }
        self.set_loopbacks(network)?;
        self.tunnels.reconcile(network, &mut self.generation)?;
        self.remove_namespaces(network);
        Ok(())
    }

    /// Closes all devices, which ends them. The kernel takes tens of milliseconds over each, most of
    /// them waiting, so several are closed at a time.
    pub fn close(mut self) {
        for live in self.devices.values().filter(|live| self.host && live.veth) {
            // Otherwise it stays until the kernel comes to clean up the namespace of its other end.
            if let Some(space) = self.spaces.get_mut(&live.is.ns) {
                let _ = space.netlink.delete_link(live.ifindex);
            }
        }
        let devices: Vec<_> = std::mem::take(&mut self.devices).into_values().collect();
        let share = devices.len().div_ceil(CLOSERS).max(1);
        let mut devices = devices.into_iter();
        thread::scope(|scope| {
            loop {
                let some: Vec<_> = devices.by_ref().take(share).collect();
                if some.is_empty() {
                    break;
                }
                scope.spawn(move || drop(some));
            }
        });
    }

    fn add_namespace(&mut self, id: NamespaceId, name: &str) -> Result<(), Error> {
        let doing = || Error::doing(format!("make the network namespace {name}"));
        let net = namespace::new_net().map_err(doing())?;
        if self.host {
            if namespace::named_path(name).exists() {
                return Err(Error::NameTaken {
                    what: "the network namespace",
                    name: name.to_owned(),
                    hint: ", or run it without --host",
                });
            }
            self.names.give(name, net.as_fd()).map_err(doing())?;
        }
        let space = Space::open(Some(name.to_owned()), net).map_err(doing())?;
        self.spaces.insert(id, space);
        Ok(())
    }

    /// Deletes devices whose attachment is not wanted any more.
    fn remove_unwanted(&mut self, wanted: &[Device]) {
        let wanted: HashSet<_> = wanted.iter().map(|device| device.attachment).collect();
        let unwanted: Vec<_> = self
            .devices
            .keys()
            .filter(|id| !wanted.contains(id))
            .copied()
            .collect();
        for live in unwanted.iter().filter_map(|id| self.devices.remove(id)) {
            // A worker may hold the descriptor a little longer, but the name is free now.
            if let Some(space) = self.spaces.get_mut(&live.is.ns)
                && !live.is.nic
            {
                // It may be gone by itself.
                let _ = space.netlink.delete_link(live.ifindex);
            }
        }
    }

    /// Gives temporary names to all devices that change theirs, if one of them stands in the way of
    /// another device: names may have been exchanged.
    fn make_way(&mut self, wanted: &[Device]) -> Result<(), Error> {
        let place = |device: &Device| (device.ns, device.name.clone());
        let targets: BTreeMap<_, _> = wanted.iter().map(|d| (d.attachment, place(d))).collect();
        let movers: HashSet<_> = self
            .devices
            .iter()
            .filter(|(id, live)| targets.get(id).is_some_and(|to| *to != place(&live.is)))
            .map(|(id, _)| *id)
            .collect();
        let left: HashSet<_> = movers
            .iter()
            .map(|id| place(&self.devices[id].is))
            .collect();
        if !targets.values().any(|to| left.contains(to)) {
            return Ok(());
        }
        for (id, live) in self
            .devices
            .iter_mut()
            .filter(|(id, _)| movers.contains(id))
        {
            let name = format!("tapswitch{}", id.0);
            let space = self.spaces.get_mut(&live.is.ns).ok_or_else(no_space)?;
            match rename(&mut space.netlink, live.ifindex, &name, live.is.up) {
                Ok(()) => live.is.name = name,
                // It has vanished; its turn comes.
                Err(error) if Failure::of(&error) == Failure::Gone => {}
                Err(error) => {
                    return Err(Error::doing(format!("rename {}", live.is.name))(error));
                }
            }
        }
        Ok(())
    }

    /// Makes a device. `None` if it vanished again at once.
    fn make(&mut self, device: Device) -> Result<Option<Live>, Error> {
        check_name(&device.name)?;
        let host = self.host;
        let space = self.space(device.ns)?;
        let existing = space
            .netlink
            .find(&device.name)
            .map_err(Error::doing(format!("look for {}", device.name)))?;
        self.generation += 1;
        let generation = self.generation;
        if device.nic {
            let link = existing.ok_or_else(|| Error::NoSuchNic {
                name: device.name.clone(),
            })?;
            let nic = self.open_nic(&device, link)?;
            return Ok(Some(Live {
                is: device,
                ifindex: link.index,
                queues: Arc::new([nic]),
                veth: false,
                generation,
            }));
        }
        // Asked for a TAP that exists and is free, the kernel would hand it over: somebody else's.
        if existing.is_some() {
            return Err(Error::NameTaken {
                what: "the netdev",
                name: device.name,
                hint: if host {
                    ", or run it without --host"
                } else {
                    ""
                },
            });
        }
        let near = match device.io {
            Io::Auto | Io::Tap => None,
            Io::Packet | Io::Xdp => self.make_veth(&device)?,
        };
        let veth = near.is_some();
        let queues = match near {
            Some(near) => Arc::new([near]),
            None => self.make_tap(&device)?,
        };
        let space = self.space(device.ns)?;
        let doing = || Error::doing(format!("set up the device {}", device.name));
        let Some(link) = space.netlink.find(&device.name).map_err(doing())? else {
            return Ok(None);
        };
        let fresh = Device {
            mtu: 1500,
            txqlen: 0,
            up: false,
            arp: true,
            addresses: Vec::new(),
            mac: MacAddr::default(),
            ..device.clone()
        };
        // The model gives no link-local addresses either.
        let quiet = LinkChange {
            link_local: Some(false),
            ..LinkChange::default()
        };
        // Without IPv6 in the kernel there is nothing to keep quiet.
        let _ = space.netlink.set_link(link.index, &quiet);
        let live = Live {
            is: fresh,
            ifindex: link.index,
            queues,
            veth,
            generation,
        };
        self.change(live, device)
    }

    fn make_tap(&mut self, device: &Device) -> Result<Arc<[Arc<dyn Attachment>]>, Error> {
        let queues = self.queues;
        let make = || match queues {
            Some(queues) => Tap::new(&device.name, queues),
            None => Tap::plain(&device.name).map(|tap| vec![tap]),
        };
        let taps = namespace::within(self.space(device.ns)?.net.as_fd(), make)
            .map_err(|error| tap_error(&device.name, error))?;
        let taps = taps.into_iter();
        Ok(taps
            .map(|tap| Arc::new(tap) as Arc<dyn Attachment>)
            .collect())
    }

    /// Opens a NIC, as chosen or as it can be had.
    fn open_nic(&mut self, device: &Device, link: Link) -> Result<Arc<dyn Attachment>, Error> {
        let name = device.name.as_str();
        let net = self.space(device.ns)?.net.as_fd();
        match device.io {
            Io::Auto | Io::Packet => {}
            Io::Tap => self.note(device, Io::Packet, &"a NIC is no TAP"),
            Io::Xdp => {
                let open = || {
                    Xdp::check(name, link.other).and_then(|()| Xdp::new(name, link.index, link.mtu))
                };
                match within(net, open) {
                    Ok(xdp) => return Ok(Arc::new(xdp)),
                    Err(why) => self.note(device, Io::Packet, &why),
                }
            }
        }
        let net = self.space(device.ns)?.net.as_fd();
        let packet = namespace::within(net, || Packet::new(link.index))
            .map_err(Error::doing(format!("open the interface {name}")))?;
        Ok(Arc::new(packet))
    }

    /// Makes a device that is one end of a veth pair, of which the other is ours, as chosen or as it can be had.
    /// `None` where it has to be a TAP.
    fn make_veth(&mut self, device: &Device) -> Result<Option<Arc<dyn Attachment>>, Error> {
        let near = format!("near{}", self.generation);
        let link = match self.add_veth(device, &near) {
            Ok(link) => link,
            Err(why) => {
                self.note(device, Io::Tap, &format!("cannot make a veth: {why}"));
                return Ok(None);
            }
        };
        let net = self.behind.as_ref().ok_or_else(no_space)?.net.as_fd();
        let far = self.space_of(device.ns)?.net.as_fd();
        let whole = || within(far, || Xdp::have_whole(&device.name));
        if device.io == Io::Xdp {
            let xdp = match device.mtu {
                // It may change.
                ..=xdp::MTU_MAX => within(net, || Xdp::new(&near, link.index, xdp::MTU_MAX)),
                mtu => Err(NoXdp::Mtu(mtu)),
            };
            match xdp.and_then(|xdp| whole().map(|()| xdp)) {
                Ok(xdp) => return Ok(Some(Arc::new(xdp))),
                Err(why) => self.note(device, Io::Packet, &why),
            }
        } else if self.queues.is_none() {
            whole().map_err(|why| {
                let why = io::Error::other(why.to_string());
                Error::doing(format!("set up the device {}", device.name))(why)
            })?;
        }
        let net = self.behind.as_ref().ok_or_else(no_space)?.net.as_fd();
        let packet = namespace::within(net, || Packet::new(link.index)).map_err(Error::doing(
            format!("open the other end of {}", device.name),
        ))?;
        Ok(Some(Arc::new(packet)))
    }

    /// Makes a veth pair whose other end is up, takes whatever MTU the device will have, and says nothing by itself.
    fn add_veth(&mut self, device: &Device, near: &str) -> io::Result<Link> {
        let behind = match &mut self.behind {
            Some(behind) => behind,
            none => none.insert(Space::open(None, namespace::new_net()?)?),
        };
        let far = self.spaces.get(&device.ns).ok_or(io::ErrorKind::NotFound)?;
        let netlink = &mut behind.netlink;
        let link = netlink.add_veth(near, &device.name, far.net.as_fd())?;
        let quiet = LinkChange {
            link_local: Some(false),
            ..LinkChange::default()
        };
        let _ = netlink.set_link(link.index, &quiet);
        let change = LinkChange {
            mtu: Some(tap::MTU_MAX),
            up: Some(true),
            ..LinkChange::default()
        };
        netlink.set_link(link.index, &change)?;
        Ok(link)
    }

    /// Notes that a device does not get what was chosen.
    fn note(&mut self, device: &Device, instead: Io, why: &dyn std::fmt::Display) {
        let ns = self.spaces.get(&device.ns).and_then(|it| it.name.as_ref());
        let ns = ns.map_or(String::new(), |ns| format!("{ns}/"));
        let (name, io) = (&device.name, device.io);
        self.notes
            .push(format!("{ns}{name} has {instead} instead of {io}: {why}"));
    }

    /// Returns the names that something was chosen for and that no device has.
    #[must_use]
    pub fn unused_choices(&self, network: &Network) -> Vec<&str> {
        let devices = wanted(network, self.host, &self.choices);
        let known: HashSet<_> = devices.iter().flat_map(|it| names(network, it)).collect();
        let unused = self.choices.names().filter(|name| !known.contains(*name));
        unused.collect()
    }

    /// Takes what there is to tell.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Changes a device to what is wanted. `None` if it has vanished.
    fn change(&mut self, mut live: Live, device: Device) -> Result<Option<Live>, Error> {
        if live.is == device || device.nic {
            return Ok(Some(live));
        }
        check_name(&device.name)?;
        match self.apply(&mut live, &device) {
            Ok(()) => {
                live.is = device;
                Ok(Some(live))
            }
            Err(error) if Failure::of(&error) == Failure::Gone => Ok(None),
            Err(error) => Err(Error::doing(format!("set up the device {}", device.name))(
                error,
            )),
        }
    }

    fn apply(&mut self, live: &mut Live, device: &Device) -> io::Result<()> {
        if live.is.ns != device.ns {
            self.move_to(live, device)?;
        }
        let netlink = &mut self
            .spaces
            .get_mut(&device.ns)
            .ok_or(io::ErrorKind::NotFound)?
            .netlink;
        let index = live.ifindex;
        if live.is.name != device.name {
            rename(netlink, index, &device.name, live.is.up)?;
        }
        let change = LinkChange {
            address: (live.is.mac != device.mac).then(|| device.mac.octets()),
            mtu: (live.is.mtu != device.mtu).then_some(device.mtu),
            txqlen: (live.is.txqlen != device.txqlen).then_some(device.txqlen),
            up: (live.is.up != device.up).then_some(device.up),
            arp: (live.is.arp != device.arp).then_some(device.arp),
            ..LinkChange::default()
        };
        netlink.set_link(index, &change)?;
        for address in &live.is.addresses {
            if !device.addresses.contains(address) {
                // The kernel may have taken it with the primary one of its subnet.
                tolerate(
                    netlink.delete_address(index, &of(address)),
                    &[libc::EADDRNOTAVAIL],
                )?;
            }
        }
        let came_up = device.up && !live.is.up;
        for address in &device.addresses {
            // A netdev that goes down loses its IPv6 addresses.
            if !live.is.addresses.contains(address) || (came_up && address.ip.is_ipv6()) {
                tolerate(netlink.add_address(index, &of(address)), &[libc::EEXIST])?;
            }
        }
        Ok(())
    }

    /// Moves a device to another namespace, where it arrives with its new name, down and without addresses.
    fn move_to(&mut self, live: &mut Live, device: &Device) -> io::Result<()> {
        let mut from = self
            .spaces
            .remove(&live.is.ns)
            .ok_or(io::ErrorKind::NotFound)?;
        let result =
            self.spaces
                .get_mut(&device.ns)
                .map_or(Err(io::ErrorKind::NotFound.into()), |to| {
                    let change = LinkChange {
                        namespace: Some(to.net.as_fd()),
                        name: Some(&device.name),
                        ..LinkChange::default()
                    };
                    from.netlink.set_link(live.ifindex, &change)?;
                    to.netlink.find(&device.name)
                });
        self.spaces.insert(live.is.ns, from);
        let link = result?.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?;
        live.ifindex = link.index;
        live.is.ns = device.ns;
        live.is.name.clone_from(&device.name);
        live.is.up = false;
        live.is.addresses.clear();
        Ok(())
    }

    fn set_loopbacks(&mut self, network: &Network) -> Result<(), Error> {
        for netdev in network.netdevs().iter().filter(|netdev| netdev.alive) {
            if !matches!(netdev.kind, Kind::Loopback)
                // The machine's own loopback is not ours.
                || (self.host && netdev.ns == NamespaceId::OWN)
            {
                continue;
            }
            let space = self.space(netdev.ns)?;
            if space.loopback_up != netdev.up {
                let change = LinkChange {
                    up: Some(netdev.up),
                    ..LinkChange::default()
                };
                space
                    .netlink
                    .set_link(LOOPBACK, &change)
                    .map_err(Error::doing("set the loopback up or down"))?;
                space.loopback_up = netdev.up;
            }
        }
        Ok(())
    }

    fn remove_namespaces(&mut self, network: &Network) {
        let living: HashSet<_> = network.namespaces().map(|(id, _)| id).collect();
        let names = &mut self.names;
        self.spaces.retain(|id, space| {
            let stays = *id == NamespaceId::OWN || living.contains(id);
            if let Some(name) = space.name.as_deref().filter(|_| !stays) {
                names.remove(name);
            }
            stays
        });
    }

    fn space(&mut self, ns: NamespaceId) -> Result<&mut Space, Error> {
        self.spaces.get_mut(&ns).ok_or_else(no_space)
    }

    fn space_of(&self, ns: NamespaceId) -> Result<&Space, Error> {
        self.spaces.get(&ns).ok_or_else(no_space)
    }
}

impl Space {
    fn open(name: Option<String>, net: OwnedFd) -> io::Result<Self> {
        let netlink = namespace::within(net.as_fd(), Netlink::open)?;
        Ok(Self {
            name,
            net,
            netlink,
            loopback_up: false,
        })
    }
}

/// Does something about `AF_XDP` in a network namespace.
fn within<T: Send>(
    net: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, NoXdp> + Send,
) -> Result<T, NoXdp> {
    namespace::within(net, || Ok(work()))
        .map_err(|why| NoXdp::Io {
            doing: "enter its network namespace",
            why,
        })
        .flatten()
}

/// Renames a device; a kernel that does not rename one that is up gets it down first.
fn rename(netlink: &mut Netlink, index: u32, name: &str, up: bool) -> io::Result<()> {
    let rename = LinkChange {
        name: Some(name),
        ..LinkChange::default()
    };
    let set_up = |up| LinkChange {
        up: Some(up),
        ..LinkChange::default()
    };
    match netlink.set_link(index, &rename) {
        Err(error) if up && error.raw_os_error() == Some(libc::EBUSY) => {
            netlink.set_link(index, &set_up(false))?;
            netlink.set_link(index, &rename)?;
            netlink.set_link(index, &set_up(true))
        }
        result => result,
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.len() <= NAME_MAX {
        return Ok(());
    }
    Err(Error::NameTooLong {
        name: name.to_owned(),
        why: "the far end of a wire is called NAME.wire while the netdev's own stack is in use; \
              choose a name of at most 10 octets",
    })
}

fn tap_error(name: &str, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => Error::NoTun,
        Some(libc::EACCES) => Error::TunForbidden,
        Some(libc::EPERM) => Error::TapForbidden {
            name: name.to_owned(),
        },
        _ => Error::doing(format!("make the TAP device {name}"))(error),
    }
}

/// A netdev of a namespace that was never made: the model does not have such.
fn no_space() -> Error {
    Error::doing("find a network namespace")(io::ErrorKind::NotFound.into())
}

const fn of(address: &crate::netdev::Address) -> netlink::Address {
    netlink::Address {
        address: address.ip,
        prefix: address.prefix,
        peer: address.peer,
        scope: address.scope,
        nodad: address.nodad,
        noprefixroute: address.noprefixroute,
        broadcast: address.broadcast,
    }
}

fn tolerate(result: io::Result<()>, codes: &[i32]) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error().is_some_and(|it| codes.contains(&it)) => Ok(()),
        result => result,
    }
}
