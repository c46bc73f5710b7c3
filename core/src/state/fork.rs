//! Distinguishes a process from its parent.
//!
//! A child of `fork` has one thread. What the parent's other threads had begun never ends there, so the words that
//! count their uses carry the generation in which they were counted (see [`UseCount`](super::UseCount)).
#![allow(unsafe_code, reason = "a system call, on Unix")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);

/// How many forks lie between this process and the one that called [`watch`] first.
#[inline]
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes sure that forks are counted. To be called before the first region is made; fails where the system has no
/// memory for it. No `Once`: a fork beside a thread that is inside one would block the child for ever.
pub fn watch() -> std::io::Result<()> {
    if WATCHED.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    register().inspect_err(|_| WATCHED.store(false, Ordering::Release))
}

#[cfg(unix)]
fn register() -> std::io::Result<()> {
    extern "C" fn child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: `child` only adds to an atomic, which is async-signal-safe, as a child of a process with threads needs.
    match unsafe { libc::pthread_atfork(None, None, Some(child)) } {
        0 => Ok(()),
        code => Err(std::io::Error::from_raw_os_error(code)),
    }
}

#[cfg(not(unix))]
fn register() -> std::io::Result<()> {
    Ok(())
}
