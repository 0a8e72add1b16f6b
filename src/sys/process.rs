//! Programs started in a namespace, and signals received as values.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// Starts a program in a network namespace as `ip netns exec` does: with a mount namespace of its
/// own whose `/sys` describes that network namespace. It dies with the thread that started it.
///
/// # Errors
///
/// When the program cannot be started, or the namespace cannot be entered.
pub fn spawn_in(net: BorrowedFd<'_>, mut command: Command) -> io::Result<Child> {
    let net = net.as_raw_fd();
    let enter = move || {
        // SAFETY: a plain system call on a descriptor that the caller of `spawn_in` keeps open until the
        // child has run past this point (`spawn` returns only after the exec).
        if unsafe { libc::setns(net, libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        SigSet::empty().thread_set_mask()?;
        own_sysfs();
        set_pdeathsig(Signal::SIGKILL)?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made: `enter` and `own_sysfs` make
    // system calls with constant arguments, take no lock and allocate nothing.
    unsafe { command.pre_exec(enter) };
    command.spawn()
}

/// Replaces `/sys` by one that shows the netdevs of the namespace entered. Where that is forbidden the
/// program runs with the old one, which few programs look at.
fn own_sysfs() {
    const NONE: Option<&str> = None;
    if unshare(CloneFlags::CLONE_NEWNS).is_err() {
        return;
    }
    if mount(NONE, c"/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE).is_err() {
        return;
    }
    let _ = umount2(c"/sys", MntFlags::MNT_DETACH);
    let _ = mount(
        Some(c"sysfs"),
        c"/sys",
        Some(c"sysfs"),
        MsFlags::empty(),
        NONE,
    );
}

/// The signals that the live run takes as events: those that end it, the end of a child, and SIGUSR1.
fn handled() -> SigSet {
    [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGCHLD,
        Signal::SIGUSR1,
    ]
    .into_iter()
    .collect()
}

/// Keeps the signals that [`wait_signal`] returns from interrupting the calling thread and every
/// thread it starts afterwards.
///
/// # Errors
///
/// None that is known; what the system call gives.
pub fn block_signals() -> io::Result<()> {
    Ok(handled().thread_block()?)
}

/// Waits for the next of SIGINT, SIGTERM, SIGHUP and SIGCHLD.
///
/// # Errors
///
/// None that is known; what the system call gives.
pub fn wait_signal() -> io::Result<Signal> {
    Ok(handled().wait()?)
}

/// Lets this process open as many files as it is allowed to at most: a device takes one, a namespace two.
pub fn raise_file_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live `rlimit`.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above. That it stays as it was is no failure: opening too many will be.
        let _ = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// Sends a signal to a process; it may be gone already.
pub fn send_signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Returns when a process started, in clock ticks since the system did: with its number, what tells
/// it from every other process until the next boot. `None` when there is no such process.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, field 2, is in parentheses and may hold anything; the start time is field 22 (proc(5)).
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_start_time() {
        let me = std::process::id();
        assert!(start_time(me).is_some());
        assert_eq!(start_time(me), start_time(me));
        assert_eq!(start_time(u32::MAX), None);
    }
}
