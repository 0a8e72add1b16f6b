//! Commands that the installed iproute2 may be too old for, said to the kernel by netlink: options of
//! ports and of their VLANs, and groups with lists of sources.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::record::Answer;
use crate::scenario::address;
use crate::sys::tell_why;

const AF_BRIDGE: u8 = 7;
const NESTED: u16 = 0x8000;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const REPLACE: u16 = 0x100;
const EXCLUSIVE: u16 = 0x200;
const CREATE: u16 = 0x400;

/// A message of rtnetlink, without its header.
#[derive(Debug)]
pub(crate) struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

/// Returns the message for a command that iproute2 6.1 does not know.
pub(crate) fn request(command: &str) -> Option<Request> {
    let words: Vec<&str> = command.split(' ').collect();
    match *words.as_slice() {
        ["bridge", "link", "set", "dev", port, option, value] => port_option(port, option, value),
        [
            "bridge",
            "vlan",
            "set",
            "dev",
            port,
            "vid",
            vid,
            option,
            value,
        ] => vlan_option(port, vid.parse().ok()?, option, value),
        [
            "bridge",
            "mdb",
            verb @ ("add" | "replace"),
            "dev",
            bridge,
            "port",
            port,
            "grp",
            group,
            ref more @ ..,
        ] if verb == "replace"
            || more
                .iter()
                .any(|it| ["filter_mode", "source_list"].contains(it)) =>
        {
            Some(new_group(verb == "replace", bridge, port, group, more))
        }
        _ => None,
    }
}

fn switch(value: &str) -> Option<Vec<u8>> {
    match value {
        "on" => Some(vec![1]),
        "off" => Some(vec![0]),
        _ => None,
    }
}

fn number(value: &str) -> Option<Vec<u8>> {
    Some(value.parse::<u32>().ok()?.to_ne_bytes().to_vec())
}

/// `RTM_SETLINK` with `IFLA_PROTINFO`.
fn port_option(port: &str, option: &str, value: &str) -> Option<Request> {
    let (attribute, value) = match option {
        "mab" => (40, switch(value)?),
        "mcast_max_groups" => (42, number(value)?),
        "neigh_vlan_suppress" => (43, switch(value)?),
        _ => return None,
    };
    let mut body = vec![AF_BRIDGE, 0, 0, 0];
    body.extend(ifindex(port).to_ne_bytes());
    body.extend([0; 8]);
    put(&mut body, 12 | NESTED, &one(attribute, &value));
    Some(Request {
        kind: 19,
        flags: 0,
        body,
    })
}

/// `RTM_NEWVLAN` with a `BRIDGE_VLANDB_ENTRY` that is there.
fn vlan_option(port: &str, vid: u16, option: &str, value: &str) -> Option<Request> {
    let (attribute, value) = match option {
        "mcast_max_groups" => (8, number(value)?),
        "neigh_suppress" => (9, switch(value)?),
        _ => return None,
    };
    let mut body = vec![AF_BRIDGE, 0, 0, 0];
    body.extend(ifindex(port).to_ne_bytes());
    // BRIDGE_VLAN_INFO_ONLY_OPTS
    let info = [(1u16 << 6).to_ne_bytes(), vid.to_ne_bytes()].concat();
    let entry = [one(1, &info), one(attribute, &value)].concat();
    put(&mut body, 1 | NESTED, &entry);
    Some(Request {
        kind: 112,
        flags: 0,
        body,
    })
}

/// `RTM_NEWMDB`.
fn new_group(replace: bool, bridge: &str, port: &str, group: &str, more: &[&str]) -> Request {
    let mut body = vec![AF_BRIDGE, 0, 0, 0];
    body.extend(ifindex(bridge).to_ne_bytes());
    let (mut state, mut vid, mut attributes) = (0u8, 0u16, Vec::new());
    let mut words = more.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} WHAT"));
        match word {
            "permanent" => state = 1,
            "temp" => state = 0,
            "vid" => vid = value().parse().expect("vid N"),
            "src" => put(&mut attributes, 1, &octets(value())),
            "filter_mode" => {
                let mode = if value() == "exclude" { 0 } else { 1 };
                put(&mut attributes, 3, &[mode]);
            }
            "source_list" => {
                let sources = value().split(',').flat_map(|it| {
                    let address = one(1, &octets(it.split('/').next().unwrap_or_default()));
                    one(1 | NESTED, &address)
                });
                put(&mut attributes, 2 | NESTED, &sources.collect::<Vec<u8>>());
            }
            word => panic!("`{word}` of bridge mdb is not known here"),
        }
    }
    let mut entry = ifindex(port).to_ne_bytes().to_vec();
    entry.extend([state, 0]);
    entry.extend(vid.to_ne_bytes());
    let address = octets(group);
    let protocol: u16 = match address.len() {
        4 => 0x0800,
        16 => 0x86dd,
        _ => 0,
    };
    entry.extend(&address);
    entry.resize(24, 0);
    entry.extend(protocol.to_be_bytes());
    entry.extend([0, 0]);
    put(&mut body, 1, &entry);
    if !attributes.is_empty() {
        put(&mut body, 2 | NESTED, &attributes);
    }
    let flags = CREATE | if replace { REPLACE } else { EXCLUSIVE };
    Request {
        kind: 84,
        flags,
        body,
    }
}

/// The octets of an address of IP or of layer 2.
fn octets(word: &str) -> Vec<u8> {
    match word.parse() {
        Ok(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Ok(IpAddr::V6(ip)) => ip.octets().to_vec(),
        Err(_) => address(word).unwrap_or_else(|why| panic!("{why}")).to_vec(),
    }
}

fn ifindex(name: &str) -> u32 {
    // 0 is nobody's: the kernel says so.
    nix::net::if_::if_nametoindex(name).unwrap_or(0)
}

fn one(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    put(&mut octets, kind, value);
    octets
}

fn put(octets: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("short");
    octets.extend(length.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
}

impl Request {
    /// Sends it from the calling thread's namespace. Returns what iproute2 would print.
    pub(crate) fn send(&self) -> io::Result<Answer> {
        let netlink = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        tell_why(&netlink)?;
        let length = u32::try_from(16 + self.body.len()).expect("short");
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(self.kind.to_ne_bytes());
        message.extend((self.flags | REQUEST | ACK).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(&self.body);
        let fd = netlink.as_raw_fd();
        sendto(fd, &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut buffer = [0; 8192];
        let got = recv(fd, &mut buffer, MsgFlags::empty())?;
        let answer = &buffer[..got];
        let word = |at: usize| answer.get(at..at + 4).and_then(|it| it.try_into().ok());
        let error = word(16).map_or(0, i32::from_ne_bytes);
        let stderr = match (error, extack(answer)) {
            (0, _) => String::new(),
            (_, Some(text)) => format!(
                "Error: {text}{}\n",
                if text.ends_with('.') { "" } else { "." }
            ),
            (error, None) => format!("RTNETLINK answers: {}\n", strerror(-error)),
        };
        Ok(Answer {
            status: i32::from(error != 0),
            status_is_exact: false,
            stdout: String::new(),
            stderr,
        })
    }
}

/// The kernel's words in an acknowledgement: `NLMSGERR_ATTR_MSG`.
fn extack(answer: &[u8]) -> Option<String> {
    let half = |at: usize| {
        let octets = answer.get(at..at + 2)?.try_into().ok()?;
        Some(u16::from_ne_bytes(octets))
    };
    let flags = half(6)?;
    let original = u32::from_ne_bytes(answer.get(20..24)?.try_into().ok()?);
    // The refused message is repeated whole, unless the answer says that it is capped.
    let mut at = 20
        + if flags & 0x100 != 0 {
            16
        } else {
            original as usize
        };
    while let Some(length) = half(at).map(usize::from).filter(|length| *length >= 4) {
        if half(at + 2) == Some(1) {
            let text = answer.get(at + 4..at + length)?;
            return Some(
                String::from_utf8_lossy(text)
                    .trim_end_matches('\0')
                    .to_owned(),
            );
        }
        at += length.next_multiple_of(4);
    }
    None
}

fn strerror(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => format!("Unknown error {number}"),
        errno => errno.desc().to_owned(),
    }
}
