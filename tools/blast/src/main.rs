//! Frames as fast as they go, and round trips: what `tools/rivals` measures with.
//!
//! ```text
//! blast send DEV DESTINATION SECONDS [OCTETS]   prints frames sent in all
//! blast pong ADDRESS:PORT                       answers datagrams
//! blast ping ADDRESS:PORT COUNT                 prints p50 p99 p99.9 of the round trips, in µs
//! ```
//!
//! `send` uses a packet socket and 64 frames per system call; how many arrived, the far device's own
//! counter says. It goes through the queueing discipline, so that what the device has no room for is
//! lost there, as it is for any program.

use std::error::Error;
use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket,
};

/// Frames per system call.
const BATCH: usize = 64;

/// Longer than any round trip that is worth counting; the datagram was lost then.
const LOST: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["send", dev, to, seconds] => send(dev, to, seconds, "60"),
        ["send", dev, to, seconds, octets] => send(dev, to, seconds, octets),
        ["pong", at] => pong(at),
        ["ping", to, count] => ping(to, count),
        _ => Err("send DEV DESTINATION SECONDS [OCTETS] | pong AT | ping TO COUNT".into()),
    };
    match result {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("blast: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<String, Box<dyn Error>>;

fn send(dev: &str, to: &str, seconds: &str, octets: &str) -> Outcome {
    let own = getifaddrs()?
        .filter(|it| it.interface_name == dev)
        .find_map(|it| it.address?.as_link_addr().copied())
        .ok_or_else(|| format!("there is no device {dev}"))?;
    let mut frame: Vec<u8> = to
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16))
        .collect::<Result<_, _>>()?;
    frame.extend(own.addr().ok_or("it has no address")?);
    // A protocol that nobody takes (local experiments).
    frame.extend([0x88, 0xb5]);
    frame.resize(octets.parse::<usize>()?.max(14), 0);

    // Protocol 0: it receives nothing.
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::empty(),
        None,
    )?;
    bind(socket.as_raw_fd(), &own)?;
    let mut headers = MultiHeaders::<LinkAddr>::preallocate(BATCH, None);
    let pieces = [[IoSlice::new(&frame)]; BATCH];
    let addresses = [None; BATCH];
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let mut sent = 0u64;
    while Instant::now() < end {
        for _ in 0..16 {
            let flags = MsgFlags::empty();
            match sendmmsg(
                socket.as_raw_fd(),
                &mut headers,
                &pieces,
                addresses,
                [],
                flags,
            ) {
                Ok(results) => sent += results.count() as u64,
                // The queue is full: the first frame of the call was lost there.
                Err(Errno::ENOBUFS) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(sent.to_string())
}

fn pong(at: &str) -> Outcome {
    let socket = UdpSocket::bind(at)?;
    let mut room = [0; 64];
    loop {
        let (length, from) = socket.recv_from(&mut room)?;
        socket.send_to(&room[..length], from)?;
    }
}

fn ping(to: &str, count: &str) -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(LOST))?;
    let mut times = Vec::new();
    let mut lost = 0;
    for number in 0..count.parse::<u64>()? {
        let sent = number.to_be_bytes();
        let mut room = [0; 64];
        let begin = Instant::now();
        socket.send(&sent)?;
        // An answer to one that was given up may come late.
        let answered = loop {
            match socket.recv(&mut room) {
                Ok(8) if room[..8] == sent => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        match answered {
            true => times.push(begin.elapsed()),
            false => lost += 1,
        }
        if lost > 20 {
            return Err("too many datagrams were lost".into());
        }
    }
    times.sort_unstable();
    let at = |share: f64| {
        let last = times.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    Ok(format!("{:.1} {:.1} {:.1}", at(0.5), at(0.99), at(0.999)))
}
