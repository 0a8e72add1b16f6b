//! What is compared: a way to attach hosts to a network, and the topology script that makes it.

use std::fmt;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::switch::ipvlan::{IpvlanFlag, IpvlanMode};
use crate::switch::macvlan::Mode;

/// A device kind with its mode, as `bridge`, `macvlan:vepa` or `ipvlan:l2:private+hairpin` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceKind {
    /// What the machine has.
    pub device: Device,
    /// The switch outside sends frames back by the port that they came from.
    pub hairpin: bool,
}

/// What joins the hosts of a machine to each other and to its NIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A bridge that forgets at once (`ageing_time 0`), and so floods everything.
    Hub,
    /// A bridge.
    Bridge,
    /// A macvlan for each host, on the NIC.
    Macvlan(Mode),
    /// An ipvlan device for each host, on the NIC.
    Ipvlan(IpvlanMode, IpvlanFlag),
}

/// A word that names no device kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no device kind to compare (expected hub, bridge, \
     macvlan[:bridge|:private|:vepa|:passthru|:source] or ipvlan[:l2|:l3|:l3s][:bridge|:private|:vepa], \
     each with or without +hairpin)"
)]
pub struct KindError(String);

impl FromStr for DeviceKind {
    type Err = KindError;

    /// Reads a name. `macvlan` is `macvlan:bridge` and `ipvlan` is `ipvlan:l2`, as container networks make them
    /// (iproute2's own defaults are vepa and l3).
    fn from_str(text: &str) -> Result<Self, KindError> {
        let wrong = || KindError(text.to_owned());
        let (name, hairpin) = match text.strip_suffix("+hairpin") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let mut words = name.split(':');
        let first = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let mode = |word: &str| Mode::ALL.into_iter().find(|mode| mode.name() == word);
        let layer = |word: &str| {
            let all = [IpvlanMode::L2, IpvlanMode::L3, IpvlanMode::L3s];
            all.into_iter().find(|mode| mode.name() == word)
        };
        let flag = |word: &str| {
            let all = [IpvlanFlag::Bridge, IpvlanFlag::Private, IpvlanFlag::Vepa];
            all.into_iter().find(|flag| flag.name() == word)
        };
        let device = match (first, rest.as_slice()) {
            ("hub", []) => Device::Hub,
            ("bridge", []) => Device::Bridge,
            ("macvlan", []) => Device::Macvlan(Mode::Bridge),
            ("macvlan", [word]) => Device::Macvlan(mode(word).ok_or_else(wrong)?),
            ("ipvlan", []) => Device::Ipvlan(IpvlanMode::L2, IpvlanFlag::Bridge),
            ("ipvlan", [word]) => match (layer(word), flag(word)) {
                (Some(layer), _) => Device::Ipvlan(layer, IpvlanFlag::Bridge),
                (None, Some(flag)) => Device::Ipvlan(IpvlanMode::L2, flag),
                (None, None) => return Err(wrong()),
            },
            ("ipvlan", [word, other]) => Device::Ipvlan(
                layer(word).ok_or_else(wrong)?,
                flag(other).ok_or_else(wrong)?,
            ),
            _ => return Err(wrong()),
        };
        Ok(Self { device, hairpin })
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device {
            Device::Hub => f.write_str("hub")?,
            Device::Bridge => f.write_str("bridge")?,
            Device::Macvlan(Mode::Bridge) => f.write_str("macvlan")?,
            Device::Macvlan(mode) => write!(f, "macvlan:{}", mode.name())?,
            Device::Ipvlan(IpvlanMode::L2, IpvlanFlag::Bridge) => f.write_str("ipvlan")?,
            Device::Ipvlan(mode, IpvlanFlag::Bridge) => write!(f, "ipvlan:{}", mode.name())?,
            Device::Ipvlan(mode, flag) => write!(f, "ipvlan:{}:{}", mode.name(), flag.name())?,
        }
        f.write_str(if self.hairpin { "+hairpin" } else { "" })
    }
}

/// The machine's address.
pub const HOST_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// An address on the NIC itself, where that is a bridge port and the machine's own is on the bridge.
pub const PARENT_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The address of the station on the wire.
pub const OUTSIDE_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const OUTSIDE_MAC: &str = "02:00:00:00:00:64";

/// Returns the address of a child, counted from 1.
#[must_use]
pub const fn child_ip(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 1, number)
}

/// The topology: a machine (`host`) with its NIC `up0`, a switch in the LAN that the NIC is plugged in to (`lan`), and
/// a station there (`out`); then children, one at a time, so that one that is refused does not keep those before it
/// from being compared. Namespaces of a real kernel have a prefix, because their names are everybody's.
#[derive(Clone, Copy, Debug)]
pub struct Scripts<'a> {
    /// What is compared.
    pub kind: DeviceKind,
    /// What the names of namespaces begin with.
    pub prefix: &'a str,
}

impl Scripts<'_> {
    /// Returns the script of everything but the children.
    #[must_use]
    pub fn base(&self) -> String {
        let n = self.prefix;
        let hairpin = match self.kind.hairpin {
            true => format!("bridge -n {n}lan link set dev nic hairpin on\n"),
            false => String::new(),
        };
        let mut text = format!(
            "ip netns add {n}host\n\
             ip netns add {n}lan\n\
             ip netns add {n}out\n\
             ip -n {n}lan link add sw0 address 02:00:00:00:00:f0 type bridge mcast_snooping 0\n\
             ip -n {n}lan link set sw0 up\n\
             ip -n {n}lan link add wire type veth peer name eth0 netns {n}out\n\
             ip -n {n}out link set eth0 address {OUTSIDE_MAC}\n\
             ip -n {n}out link set eth0 up\n\
             ip -n {n}out addr add {OUTSIDE_IP}/16 dev eth0\n\
             ip -n {n}lan link set wire master sw0\n\
             ip -n {n}lan link set wire up\n\
             ip -n {n}lan link add nic type veth peer name up0 netns {n}host\n\
             ip -n {n}lan link set nic master sw0\n\
             {hairpin}\
             ip -n {n}lan link set nic up\n\
             ip -n {n}host link set up0 address 02:00:00:00:00:01\n\
             ip -n {n}host link set up0 up\n"
        );
        let ageing = match self.kind.device {
            Device::Hub => " ageing_time 0",
            _ => "",
        };
        // Writing to a String does not fail.
        _ = match self.kind.device {
            Device::Hub | Device::Bridge => write!(
                text,
                "ip -n {n}host link add br0 address 02:00:00:00:00:02 type bridge mcast_snooping 0{ageing}\n\
                 ip -n {n}host link set up0 master br0\n\
                 ip -n {n}host link set br0 up\n\
                 ip -n {n}host addr add {HOST_IP}/16 dev br0\n\
                 ip -n {n}host addr add {PARENT_IP}/16 dev up0\n"
            ),
            Device::Macvlan(_) | Device::Ipvlan(..) => {
                writeln!(text, "ip -n {n}host addr add {HOST_IP}/16 dev up0")
            }
        };
        if let Device::Ipvlan(IpvlanMode::L3 | IpvlanMode::L3s, _) = self.kind.device {
            // What a child sends is routed below it, and a neighbour there is known by being named.
            _ = writeln!(
                text,
                "ip -n {n}host neigh add {OUTSIDE_IP} lladdr {OUTSIDE_MAC} dev up0"
            );
        }
        text
    }

    /// Returns the script of a child, counted from 1, with addresses beside its own.
    #[must_use]
    pub fn child(&self, number: u8, more: &[Ipv4Addr]) -> String {
        let n = self.prefix;
        let child = format!("{n}c{number}");
        let mac = format!("02:00:00:00:01:{number:02x}");
        let kind = match self.kind.device {
            Device::Hub | Device::Bridge => None,
            Device::Macvlan(mode) => Some(format!("macvlan mode {}", mode.name())),
            Device::Ipvlan(mode, flag) => {
                Some(format!("ipvlan mode {} {}", mode.name(), flag.name()))
            }
        };
        let mut text = format!("ip netns add {child}\n");
        _ = match kind {
            None => write!(
                text,
                "ip -n {n}host link add p{number} type veth peer name eth0 netns {child}\n\
                 ip -n {child} link set eth0 address {mac}\n\
                 ip -n {n}host link set p{number} master br0\n\
                 ip -n {n}host link set p{number} up\n"
            ),
            Some(kind) => {
                let address = match self.kind.device {
                    Device::Macvlan(_) => format!(" address {mac}"),
                    _ => String::new(),
                };
                write!(
                    text,
                    "ip -n {n}host link add link up0 name v{number}{address} type {kind}\n\
                     ip -n {n}host link set v{number} netns {child}\n\
                     ip -n {child} link set v{number} name eth0\n"
                )
            }
        };
        _ = write!(
            text,
            "ip -n {child} link set eth0 up\n\
             ip -n {child} addr add {}/16 dev eth0\n",
            child_ip(number)
        );
        for ip in more {
            _ = writeln!(text, "ip -n {child} addr add {ip}/32 dev eth0");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds() {
        for (text, name) in [
            ("hub", "hub"),
            ("bridge", "bridge"),
            ("bridge+hairpin", "bridge+hairpin"),
            ("macvlan", "macvlan"),
            ("macvlan:bridge", "macvlan"),
            ("macvlan:vepa+hairpin", "macvlan:vepa+hairpin"),
            ("macvlan:source", "macvlan:source"),
            ("ipvlan", "ipvlan"),
            ("ipvlan:l2:bridge", "ipvlan"),
            ("ipvlan:private", "ipvlan:l2:private"),
            ("ipvlan:l3", "ipvlan:l3"),
            ("ipvlan:l3s:vepa", "ipvlan:l3s:vepa"),
        ] {
            let kind: DeviceKind = text.parse().unwrap();
            assert_eq!(kind.to_string(), name);
            assert_eq!(name.parse(), Ok(kind));
        }
        for wrong in [
            "",
            "vxlan",
            "bridge:vepa",
            "macvlan:",
            "macvlan:l2",
            "macvlan:vepa:x",
            "ipvlan:source",
            "ipvlan:vepa:l2",
            "ipvlan:l2:vepa:x",
            "bridge+",
            "bridge+hairpin+hairpin",
        ] {
            let error = wrong.parse::<DeviceKind>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("\"{wrong}\" is no device kind")),
                "{error}"
            );
        }
    }
}
