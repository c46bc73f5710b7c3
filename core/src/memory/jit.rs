//! Memory made with the JIT flag on Apple Silicon: for each thread it is writable or executable, never both (U23).
//!
//! A thread asks to write by [`enter`], as often as it likes; with the last [`leave`] it runs code again. Elsewhere
//! only the count is kept.

use super::facts::Facts;
use super::kind::Access;
use mmap_rs::UnsafeMmapFlags;
use std::cell::Cell;

thread_local! {
    /// How many contexts of this thread are open.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Whether threads have to ask on this system.
pub const MUST_ASK: bool = cfg!(all(target_os = "macos", target_arch = "aarch64"));

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
fn protect(on: bool) {
    // SAFETY: changes how this thread sees memory made with MAP_JIT, nothing else.
    unsafe { libc::pthread_jit_write_protect_np(i32::from(on)) };
}

#[cfg(not(all(target_os = "macos", target_arch = "aarch64")))]
fn protect(_on: bool) {}

/// Lets this thread write such memory. Contexts nest.
pub fn enter() {
    DEPTH.with(|depth| {
        depth.set(depth.get().saturating_add(1));
        protect(false);
    });
}

/// Ends what [`enter`] began, if it was this thread that called it.
pub fn leave() {
    DEPTH.with(|depth| {
        let Some(rest) = depth.get().checked_sub(1) else { return };
        depth.set(rest);
        if rest == 0 {
            protect(true);
        }
    });
}

/// Whether this thread has asked to write.
pub fn is_open() -> bool {
    DEPTH.with(Cell::get) > 0
}

/// Whether this thread would be stopped by the processor if it wrote to such a mapping now.
pub fn is_closed_for(facts: &Facts) -> bool {
    MUST_ASK && facts.access == Access::ExecWrite && facts.unsafe_flags.contains(UnsafeMmapFlags::JIT) && !is_open()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_nest_and_belong_to_their_thread() {
        assert!(!is_open());
        enter();
        enter();
        leave();
        assert!(is_open());
        std::thread::spawn(|| {
            assert!(!is_open());
            // Not begun here, so there is nothing to end.
            leave();
            assert!(!is_open());
        })
        .join()
        .expect("the thread's assertions hold");
        assert!(is_open());
        leave();
        assert!(!is_open());
        leave();
        assert!(!is_open());
    }
}
