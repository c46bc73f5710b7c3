//! A spare memory area: the handler unmaps it where the process has as many areas as the system allows.
//!
//! Linux refuses a `mmap` while there is one area more than `vm.max_map_count`, even one that replaces a mapping and
//! would add none (mmap(2), `ENOMEM`). An ordinary `mmap` may have made that one.
#![expect(unsafe_code, reason = "system calls")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Its address, 0 where there is none. A child of `fork` has a copy of both.
static SPARE: AtomicUsize = AtomicUsize::new(0);

/// The system rounds it up to a page.
const LEN: usize = 1;

/// Makes sure that there is one, if the system allows it.
pub(super) fn keep() {
    if SPARE.load(Ordering::Relaxed) != 0 {
        return;
    }
    // Shared, as a private area could be merged with its neighbour.
    let flags = libc::MAP_SHARED | libc::MAP_ANON;
    // SAFETY: new memory, at an address of the system's choice.
    let made = unsafe { libc::mmap(ptr::null_mut(), LEN, libc::PROT_NONE, flags, -1, 0) };
    // Without one the guard does what it can; the next mapping tries again.
    if made == libc::MAP_FAILED {
        return;
    }
    if SPARE.compare_exchange(0, made as usize, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        unmap(made as usize);
    }
}

/// Unmaps it. False where there is none. Async-signal-safe.
pub(super) fn give_up() -> bool {
    let spare = SPARE.swap(0, Ordering::Relaxed);
    spare != 0 && unmap(spare)
}

fn unmap(address: usize) -> bool {
    // SAFETY: a page of this module's, whose address nobody else has by now.
    unsafe { libc::munmap(address as *mut libc::c_void, LEN) == 0 }
}
