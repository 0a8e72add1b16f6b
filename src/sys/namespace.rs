//! Network, mount and user namespaces: making them, entering them, giving them names.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};

/// Where `ip netns` keeps named network namespaces (`NETNS_RUN_DIR`).
pub const NAMED: &str = "/run/netns";

/// Opens the network namespace of the calling thread.
///
/// # Errors
///
/// When `/proc` is not mounted.
pub fn current_net() -> io::Result<OwnedFd> {
    File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
}

/// Makes a network namespace that has no name: it lives as long as somebody holds it.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN`, `ENOSPC` at the limit `user.max_net_namespaces`.
pub fn new_net() -> io::Result<OwnedFd> {
    apart(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        current_net()
    })
}

/// Runs `work` in a network namespace, on a thread of its own, so that the caller never leaves its own.
///
/// # Errors
///
/// When the namespace cannot be entered, or what `work` returns.
pub fn within<T: Send>(
    net: BorrowedFd<'_>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    apart(|| {
        setns(net, CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

/// Puts the calling thread, and all it starts from now on, into a new network namespace.
///
/// # Errors
///
/// As [`new_net`].
pub fn unshare_net() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}

/// Puts the process into new user, mount and network namespaces, in which it is root.
///
/// # Errors
///
/// `EPERM` or `ENOSPC` where the system forbids user namespaces, `EINVAL` when the process has
/// more than one thread.
pub fn unshare_user() -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
    // A group map may only be written once setgroups(2) is given up (user_namespaces(7)).
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Returns the inode of a namespace, which tells it from every other one that exists.
///
/// # Errors
///
/// What `fstat` gives.
pub fn inode(namespace: impl AsFd) -> io::Result<u64> {
    Ok(nix::sys::stat::fstat(namespace)?.st_ino)
}

/// Returns where a named network namespace is mounted.
#[must_use]
pub fn named_path(name: &str) -> PathBuf {
    Path::new(NAMED).join(name)
}

/// Makes `/run/netns` a place for names as `ip netns add` does, and returns whether it was none before.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN`.
pub fn prepare_names() -> io::Result<bool> {
    const NONE: Option<&str> = None;
    fs::create_dir_all(NAMED)?;
    // A namespace named here must be seen by, and removable from, every other mount namespace
    // (netns_add): the directory becomes a shared mount of its own, once.
    let share = || {
        mount(
            NONE,
            NAMED,
            NONE,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            NONE,
        )
    };
    if share().is_ok() {
        return Ok(false);
    }
    mount(
        Some(NAMED),
        NAMED,
        NONE,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        NONE,
    )?;
    share()?;
    Ok(true)
}

/// Undoes [`prepare_names`], unless there are names.
pub fn forget_names() {
    // A mount point cannot be removed, and a directory with names in it neither: both try in vain.
    if fs::read_dir(NAMED).is_ok_and(|mut names| names.next().is_none()) {
        let _ = umount2(NAMED, MntFlags::empty());
        let _ = fs::remove_dir(NAMED);
    }
}

/// Gives a network namespace a name, as `ip netns add` does: a bind mount in `/run/netns`, which
/// [`prepare_names`] has made ready.
///
/// # Errors
///
/// `EEXIST` when the name is taken, `EPERM` without `CAP_SYS_ADMIN`.
pub fn add_name(namespace: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    const NONE: Option<&str> = None;
    let path = named_path(name);
    File::options().write(true).create_new(true).open(&path)?;
    let source = format!("/proc/self/fd/{}", raw(namespace));
    mount(Some(source.as_str()), &path, NONE, MsFlags::MS_BIND, NONE).map_err(|error| {
        let _ = fs::remove_file(&path);
        error.into()
    })
}

/// Takes a network namespace's name away, as `ip netns del` does.
///
/// # Errors
///
/// What removing the mount point gives.
pub fn remove_name(name: &str) -> io::Result<()> {
    let path = named_path(name);
    // Not mounted any more, or never: the file is what is left to remove.
    let _ = umount2(&path, MntFlags::MNT_DETACH);
    fs::remove_file(path)
}

fn raw(fd: BorrowedFd<'_>) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&fd)
}

/// Runs `work` on a thread of its own and waits for it.
fn apart<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .spawn_scoped(scope, work)?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_tells_namespaces_apart() {
        let (a, b) = (current_net().unwrap(), current_net().unwrap());
        assert_eq!(inode(&a).unwrap(), inode(&b).unwrap());
        assert_ne!(
            inode(&a).unwrap(),
            inode(File::open("/proc/self/ns/mnt").unwrap()).unwrap()
        );
    }
}
