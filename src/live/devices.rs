//! Which real devices a network wants: one for each attachment that a process could use.
//!
//! | attachment | device |
//! |---|---|
//! | stack of a netdev that is no bridge port, or that has an address | `NAME` |
//! | stack of any other bridge port: nobody can send or receive there | none |
//! | wire of a TAP or an outside netdev without a stack in use | `NAME` |
//! | wire of one with a stack in use | `NAME.wire` |
//!
//! The far end of a stack's device *is* the netdev, to a process: its address is the netdev's. The far
//! end of a wire's device is what is plugged in behind, and has an address of its own.

use super::io::{Choices, Io};
use crate::attach::tap::{MTU_MAX, MTU_MIN};
use crate::netdev::{Address, Kind, NamespaceId, Netdev, Network};
use crate::switch::AttachmentId;
use crate::wire::MacAddr;

/// A device that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The attachment that it is for.
    pub attachment: AttachmentId,
    /// The namespace of its far end.
    pub ns: NamespaceId,
    /// The name of its far end.
    pub name: String,
    /// The address of its far end.
    pub mac: MacAddr,
    /// Payload octets.
    pub mtu: u32,
    /// Frames that wait for a worker before the kernel drops some.
    pub txqlen: u32,
    /// Administratively up.
    pub up: bool,
    /// Asks for neighbours; an ipvlan device in mode l3 does not.
    pub arp: bool,
    /// The addresses of its far end.
    pub addresses: Vec<Address>,
    /// It is a NIC that exists already, and nothing of it is changed.
    pub nic: bool,
    /// By what its frames are to come and go.
    pub io: Io,
}

/// Returns the devices that a network wants. With `nics`, outside netdevs are NICs of the machine,
/// whose stack is the machine's own business; without, they are TAPs like any other.
#[must_use]
pub fn wanted(network: &Network, nics: bool, choices: &Choices) -> Vec<Device> {
    let mut devices = all(network, nics);
    let any_named = choices.names().next().is_some();
    for device in &mut devices {
        let names = match any_named {
            true => names(network, device),
            false => Vec::new(),
        };
        device.io = choices.of(names.iter().map(String::as_str));
    }
    devices
}

/// Returns the names by which a device can be chosen: its own, that of the netdev it is of, and, of a veth, that of
/// the other end, which has no device as a bridge port.
#[must_use]
pub fn names(network: &Network, device: &Device) -> Vec<String> {
    let full = |ns, name: &str| match network.namespace_name(ns) {
        Some(ns) => format!("{ns}/{name}"),
        None => name.to_owned(),
    };
    let netdev = network.netdev(network.attachments()[device.attachment.index()].netdev);
    let mut names = vec![full(device.ns, &device.name), full(netdev.ns, &netdev.name)];
    if let Kind::Veth { peer } = netdev.kind {
        let peer = network.netdev(peer);
        names.push(full(peer.ns, &peer.name));
    }
    names
}

fn all(network: &Network, nics: bool) -> Vec<Device> {
    let mut devices = Vec::new();
    for netdev in network.netdevs().iter().filter(|netdev| netdev.alive) {
        let nic = nics && matches!(netdev.kind, Kind::Outside { .. });
        let in_use = !nic && (netdev.port.is_none() || !netdev.addresses.is_empty());
        // What is plugged into a macvtap is the only station on it: it has its name, address and all.
        if let Some(device) = netdev.device() {
            devices.push(of(netdev, device));
            continue;
        }
        if let Some(wire) = netdev.wire() {
            devices.push(Device {
                attachment: wire,
                name: if in_use {
                    format!("{}.wire", netdev.name)
                } else {
                    netdev.name.clone()
                },
                mac: behind(netdev.mac),
                addresses: Vec::new(),
                arp: true,
                nic,
                ..of(netdev, wire)
            });
        }
        if let Some(stack) = netdev.stack.filter(|_| in_use) {
            devices.push(of(netdev, stack));
        }
    }
    devices
}

fn of(netdev: &Netdev, attachment: AttachmentId) -> Device {
    Device {
        attachment,
        ns: netdev.ns,
        name: netdev.name.clone(),
        mac: netdev.mac,
        // The emulated netdev may have a larger one than a TAP can, and a VLAN device or a dummy a smaller.
        mtu: netdev.mtu.clamp(MTU_MIN, MTU_MAX),
        txqlen: netdev.txqlen,
        up: netdev.up,
        // What a dummy is sent is lost in any case, asked for or not.
        arp: netdev.arp || matches!(netdev.kind, Kind::Dummy),
        addresses: netdev.addresses.clone(),
        nic: false,
        io: Io::Auto,
    }
}

/// Returns an address for what is plugged in behind a netdev: the netdev's with one bit of the first
/// octet turned (02:… becomes 06:…), so that it is another, and another for each netdev.
fn behind(mac: MacAddr) -> MacAddr {
    let mut octets = mac.octets();
    octets[0] ^= 0x04;
    MacAddr::new(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    const NOW: Instant = Instant::ZERO;

    fn names(network: &Network, nics: bool) -> Vec<String> {
        let mut names: Vec<_> = wanted(network, nics, &Choices::default())
            .into_iter()
            .map(|device| match network.namespace_name(device.ns) {
                Some(ns) => format!("{ns}/{}", device.name),
                None => device.name,
            })
            .collect();
        names.sort();
        names
    }

    fn link(ns: NamespaceId, name: &str) -> crate::netdev::link::NewLink {
        crate::netdev::link::NewLink {
            ns,
            name: Some(name.to_owned()),
            ..Default::default()
        }
    }

    #[test]
    fn hosts_have_a_device_and_their_ports_none() {
        let mut network = Network::new(&[]);
        let own = NamespaceId::OWN;
        let h1 = network.add_namespace("h1");
        let bridge = network.add_bridge(NOW, link(own, "br0")).unwrap();
        network
            .add_veth(link(h1, "eth0"), link(own, "p1"), false)
            .unwrap();
        assert_eq!(names(&network, false), ["br0", "h1/eth0", "p1"]);
        let port = network.find(own, "p1").unwrap();
        network.set_master(NOW, port, Some(bridge)).unwrap();
        assert_eq!(names(&network, false), ["br0", "h1/eth0"]);
    }

    #[test]
    fn a_device_is_chosen_for_by_its_name_or_the_other_ends() {
        let mut network = Network::new(&["eth9".to_owned()]);
        let own = NamespaceId::OWN;
        let h1 = network.add_namespace("h1");
        network
            .add_veth(link(h1, "eth0"), link(own, "p1"), false)
            .unwrap();
        let ios = |choices: &[&str]| {
            let choices: Vec<_> = choices.iter().map(|text| text.parse().unwrap()).collect();
            let devices = wanted(&network, true, &Choices::new(&choices).unwrap());
            let mut ios: Vec<_> = devices.into_iter().map(|it| (it.name, it.io)).collect();
            ios.sort_by(|a, b| a.0.cmp(&b.0));
            ios.into_iter().map(|(_, io)| io).collect::<Vec<_>>()
        };
        // eth0, eth9, p1.
        assert_eq!(ios(&[]), [Io::Auto; 3]);
        assert_eq!(ios(&["xdp", "eth9=packet"]), [Io::Xdp, Io::Packet, Io::Xdp]);
        assert_eq!(ios(&["h1/eth0=xdp"]), [Io::Xdp, Io::Auto, Io::Xdp]);
        assert_eq!(ios(&["p1=tap"]), [Io::Tap, Io::Auto, Io::Tap]);
        assert_eq!(ios(&["eth0=tap"]), [Io::Auto; 3]);
    }

    #[test]
    fn vlan_devices_have_a_device_where_they_are() {
        let mut network = Network::new(&[]);
        let own = NamespaceId::OWN;
        let h1 = network.add_namespace("h1");
        let trunk = network.add_tap(own, "trunk").unwrap();
        let vlan = |vid| crate::netdev::vlan_device::VlanChange {
            vid: Some(vid),
            ..Default::default()
        };
        let add = |network: &mut Network, link, vid| {
            let change = vlan(vid);
            network.add_vlan(NOW, link, Some(trunk), &change).unwrap()
        };
        add(&mut network, link(own, "trunk.10"), 10);
        let lan = add(&mut network, link(h1, "lan"), 20);
        assert_eq!(
            names(&network, false),
            ["h1/lan", "trunk", "trunk.10", "trunk.wire"]
        );
        network.set_mtu(lan, 0).unwrap();
        let devices = wanted(&network, false, &Choices::default());
        let found = devices.iter().find(|device| device.name == "lan").unwrap();
        assert_eq!((found.mtu, found.mac), (68, network.netdev(trunk).mac));

        let bridge = network.add_bridge(NOW, link(h1, "br0")).unwrap();
        network.set_master(NOW, lan, Some(bridge)).unwrap();
        assert!(!names(&network, false).contains(&"h1/lan".to_owned()));
    }

    #[test]
    fn the_wire_takes_the_name_unless_the_stack_is_in_use() {
        let mut network = Network::new(&["eth9".to_owned()]);
        let own = NamespaceId::OWN;
        let tap = network.add_tap(own, "tap0").unwrap();
        assert_eq!(
            names(&network, false),
            ["eth9", "eth9.wire", "tap0", "tap0.wire"]
        );
        assert_eq!(names(&network, true), ["eth9", "tap0", "tap0.wire"]);

        let bridge = network.add_bridge(NOW, link(own, "br0")).unwrap();
        network.set_master(NOW, tap, Some(bridge)).unwrap();
        assert_eq!(names(&network, true), ["br0", "eth9", "tap0"]);

        let address = Address::new([10, 0, 0, 1].into(), 24);
        network.add_address(tap, address).unwrap();
        assert_eq!(names(&network, true), ["br0", "eth9", "tap0", "tap0.wire"]);
        let devices = wanted(&network, true, &Choices::default());
        let by_name = |name: &str| devices.iter().find(|d| d.name == name).unwrap();
        assert_eq!(by_name("tap0").mac, network.netdev(tap).mac);
        assert_eq!(by_name("tap0").addresses.len(), 1);
        assert_ne!(by_name("tap0.wire").mac, network.netdev(tap).mac);
        assert!(by_name("tap0.wire").addresses.is_empty());
    }
}
