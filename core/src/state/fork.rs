//! Tells a process from its parent.
//!
//! A child of `fork` has one thread. What the parent's other threads had begun never ends there, so the words that
//! count them carry the generation in which they were counted (see [`Gate`](super::Gate)).

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static WATCH: Once = Once::new();

/// How many forks lie between this process and the one that called [`watch`] first.
#[inline]
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes sure that forks are counted. Cheap after the first call.
pub fn watch() {
    WATCH.call_once(register);
}

#[cfg(unix)]
fn register() {
    extern "C" fn child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: `child` only adds to an atomic, which is async-signal-safe as a child of a threaded process needs.
    // A failure (out of memory) leaves forks uncounted: a child may then wait for a thread it has not, no worse.
    unsafe { libc::pthread_atfork(None, None, Some(child)) };
}

#[cfg(not(unix))]
fn register() {}
