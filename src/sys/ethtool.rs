//! What a netdev leaves to its hardware, and how many queues it has (ethtool(8), linux/ethtool.h).

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;

// ETHTOOL_* of linux/ethtool.h.
const GET_DRIVER: u32 = 0x03;
const GET_STRINGS: u32 = 0x1b;
const GET_SET_INFO: u32 = 0x37;
const GET_FEATURES: u32 = 0x3a;
const SET_FEATURES: u32 = 0x3b;
const GET_CHANNELS: u32 = 0x3c;

/// `ETH_SS_FEATURES`: the set of features' names.
const FEATURE_NAMES: u32 = 4;

/// `ETH_GSTRING_LEN`.
const NAME_LEN: usize = 32;

/// Words of the kernel's set of features that are read at most; it has two.
const WORDS: usize = 8;

/// Names of features that are read at most.
const NAMES: usize = 32 * WORDS;

/// The features of one netdev of the calling thread's network namespace.
#[derive(Debug)]
pub struct Features {
    socket: OwnedFd,
    netdev: String,
    names: Vec<String>,
}

impl Features {
    /// Asks for the features that the kernel knows.
    ///
    /// # Errors
    ///
    /// `ENODEV` without such a netdev.
    pub fn of(netdev: &str) -> io::Result<Self> {
        let socket = socket()?;
        // struct ethtool_sset_info: command, reserved, a mask of sets (64 bits, in two words), a count for each.
        let mut info = [0u32; 5];
        info[0] = GET_SET_INFO;
        set_mask(&mut info, 1 << FEATURE_NAMES);
        call(&socket, netdev, &mut info)?;
        let count = (info[4] as usize).min(NAMES);
        // struct ethtool_gstrings: command, set, count, names.
        let mut strings = vec![0u32; 3 + NAMES * NAME_LEN / 4];
        strings[0] = GET_STRINGS;
        strings[1] = FEATURE_NAMES;
        call(&socket, netdev, &mut strings)?;
        let octets: Vec<u8> = strings[3..]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        let names = octets.chunks(NAME_LEN).take(count).map(|name| {
            let end = name.iter().position(|octet| *octet == 0);
            String::from_utf8_lossy(&name[..end.unwrap_or(name.len())]).into_owned()
        });
        Ok(Self {
            socket,
            netdev: netdev.to_owned(),
            names: names.collect(),
        })
    }

    /// Returns those of some features that are in force.
    ///
    /// # Errors
    ///
    /// `ENODEV` when the netdev is gone.
    pub fn active<'a>(&self, wanted: &[&'a str]) -> io::Result<Vec<&'a str>> {
        // struct ethtool_gfeatures: command, words; of each available, requested, active, never changed.
        let mut request = [0u32; 2 + 4 * WORDS];
        (request[0], request[1]) = (GET_FEATURES, self.words());
        call(&self.socket, &self.netdev, &mut request)?;
        let active = |name: &&&str| {
            self.place(name)
                .is_some_and(|(word, bit)| request[2 + 4 * word + 2] & bit != 0)
        };
        Ok(wanted.iter().filter(active).copied().collect())
    }

    /// Turns some features off; those that the kernel does not know are.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_NET_ADMIN`; `Unsupported` when one stays on.
    pub fn turn_off(&self, features: &[&str]) -> io::Result<()> {
        // struct ethtool_sfeatures: command, words; of each valid, requested.
        let mut request = [0u32; 2 + 2 * WORDS];
        (request[0], request[1]) = (SET_FEATURES, self.words());
        for (word, bit) in features.iter().filter_map(|name| self.place(name)) {
            request[2 + 2 * word] |= bit;
        }
        call(&self.socket, &self.netdev, &mut request)?;
        match *self.active(features)? {
            [] => Ok(()),
            [name, ..] => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{name} stays on"),
            )),
        }
    }

    /// Returns the name of the netdev's driver; empty if it has none.
    #[must_use]
    pub fn driver(&self) -> String {
        // struct ethtool_drvinfo: command, then the driver's name; 196 octets in all.
        let mut request = [0u32; 49];
        request[0] = GET_DRIVER;
        if call(&self.socket, &self.netdev, &mut request).is_err() {
            return String::new();
        }
        let octets: Vec<u8> = request[1..9]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .take_while(|octet| *octet != 0)
            .collect();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Returns by how many queues the netdev receives; one if its driver does not say.
    #[must_use]
    pub fn receive_queues(&self) -> u32 {
        // struct ethtool_channels: command, four maxima; receive, transmit, other, combined.
        let mut request = [0u32; 9];
        request[0] = GET_CHANNELS;
        match call(&self.socket, &self.netdev, &mut request) {
            Ok(()) => request[5].saturating_add(request[8]).max(1),
            Err(_) => 1,
        }
    }

    fn words(&self) -> u32 {
        u32::try_from(self.names.len().div_ceil(32)).unwrap_or(0)
    }

    fn place(&self, name: &str) -> Option<(usize, u32)> {
        let at = self.names.iter().position(|it| it == name)?;
        Some((at / 32, 1 << (at % 32)))
    }
}

fn set_mask(info: &mut [u32; 5], mask: u64) {
    let octets = mask.to_ne_bytes();
    for (word, octets) in info[2..4].iter_mut().zip(octets.chunks(4)) {
        *word = octets.iter().enumerate().fold(0, |word, (at, octet)| {
            let mut place = [0; 4];
            place[at] = *octet;
            word | u32::from_ne_bytes(place)
        });
    }
}

fn socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the result is checked.
    let raw = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `raw` was just opened and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Calls `SIOCETHTOOL`; the first word of the request is the command, and the request has room for the answer.
fn call(socket: &OwnedFd, netdev: &str, request: &mut [u32]) -> io::Result<()> {
    // SAFETY: all-zero octets are a valid `ifreq`.
    let mut ifreq: libc::ifreq = unsafe { zeroed() };
    if netdev.len() >= ifreq.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in ifreq.ifr_name.iter_mut().zip(netdev.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    ifreq.ifr_ifru.ifru_data = request.as_mut_ptr().cast();
    // SAFETY: SIOCETHTOOL reads and writes the `ifreq` and what it points to, as far as its command says: each caller's
    // request has the room for what it asks for.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut ifreq) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
