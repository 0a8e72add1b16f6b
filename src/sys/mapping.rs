//! Memory that is shared with the kernel (mmap(2)), by which packet sockets and `AF_XDP` sockets hand over frames.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// A mapping, which ends with this value. Nothing here reads or writes it: what may be, and when, is an agreement
/// with the kernel that whoever has the mapping keeps.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: NonZeroUsize,
}

// SAFETY: a mapping is an address range of the process, the same from every thread; whoever has it sees to it that
// accesses do not collide.
unsafe impl Send for Mapping {}
// SAFETY: as above; through a shared reference only addresses are to be had.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a part of what a descriptor offers, present from the start.
    pub(super) fn of(fd: impl AsFd, offset: i64, len: usize) -> io::Result<Self> {
        let len = NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE;
        // SAFETY: the kernel chooses a range that nothing else is in.
        let start = unsafe { mmap(None, len, access, flags, fd, offset)? }.cast();
        Ok(Self { start, len })
    }

    /// Maps memory of our own, zeroed.
    pub(super) fn anonymous(len: usize) -> io::Result<Self> {
        let len = NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: as above.
        let start = unsafe { mmap_anonymous(None, len, access, MapFlags::MAP_PRIVATE)? }.cast();
        Ok(Self { start, len })
    }

    /// Returns its octets.
    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// Returns the address of a part of it.
    ///
    /// # Panics
    ///
    /// When the part is not within it.
    #[inline]
    pub(super) fn part(&self, at: usize, len: usize) -> NonNull<u8> {
        let end = at.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.len()), "within it");
        // SAFETY: `at` is within the mapping, or its end.
        unsafe { self.start.add(at) }
    }

    /// Returns a word that both sides read and write at any time.
    #[inline]
    pub(super) fn word(&self, at: usize) -> &AtomicU32 {
        let place = self.part(at, size_of::<AtomicU32>()).cast::<AtomicU32>();
        assert!(place.is_aligned(), "words are aligned");
        // SAFETY: within the mapping, aligned, and as long there as `self` is; every access to it here is atomic.
        unsafe { place.as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by this value, and references into it do not outlive it.
        let _ = unsafe { munmap(self.start.cast(), self.len()) };
    }
}
