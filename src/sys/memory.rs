//! What a large table wants of its memory.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};

/// Octets of a huge page, on x86 and where others have pages of 4 KiB.
const HUGE: usize = 2 << 20;

/// Asks for huge pages behind memory that nothing has been written to yet: a random look into a table of
/// tens of megabytes misses the cache of address translations more often than not. Whether there are any
/// is the system's choice (`/sys/kernel/mm/transparent_hugepage`); less than two of them are not worth it.
pub fn prefer_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    let len = size_of_val(memory);
    let start = memory.as_mut_ptr() as usize;
    let (first, end) = (start.next_multiple_of(HUGE), (start + len) / HUGE * HUGE);
    if end < first + 2 * HUGE {
        return;
    }
    let first = memory.as_mut_ptr().cast::<u8>().wrapping_add(first - start);
    if let Some(first) = NonNull::new(first.cast::<c_void>()) {
        // SAFETY: `first` to `end` lies within `memory`, which is borrowed for writing, and the advice changes
        // how the range is mapped, never what can be read there.
        let _ = unsafe { madvise(first, end - start_of(first), MmapAdvise::MADV_HUGEPAGE) };
    }
}

fn start_of(place: NonNull<c_void>) -> usize {
    place.as_ptr() as usize
}

/// Starts loading the cache line that a value begins in, without waiting for it.
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect but on caches, whatever the address; this one is a reference's.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_stays_usable() {
        for len in [0, 1, HUGE, 5 * HUGE + 3] {
            let mut octets: Vec<u8> = Vec::with_capacity(len);
            prefer_huge_pages(octets.spare_capacity_mut());
            octets.resize(len, 7);
            assert!(octets.iter().all(|octet| *octet == 7));
            prefetch(&octets);
        }
    }
}
