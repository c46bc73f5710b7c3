//! Memory made with the JIT flag on Apple Silicon: for each thread it is writable or executable, never both (U23).
//!
//! A thread asks to write by [`enter`], as often as it likes; with the last [`leave`] it runs code again. Elsewhere
//! only the count is kept.
//!
//! The kernel there keeps such memory as it is, once it is writable and executable: xnu's `vm_map_protect` refuses every
//! change of it, to what it was before too.
#![allow(unsafe_code, reason = "a system call, on macOS")]

use super::facts::Facts;
use super::kind::Access;
use crate::{Error, Result};
use mmap_rs::UnsafeMmapFlags;
use std::cell::Cell;

thread_local! {
    /// How many contexts of this thread are open.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Whether threads have to ask on this system.
pub const MUST_ASK: bool = cfg!(all(target_os = "macos", target_arch = "aarch64"));

/// Whether the system keeps memory made with the JIT flag as it is, once it is writable and executable.
const KEEPS: bool = cfg!(all(target_vendor = "apple", target_arch = "aarch64"));

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

/// Whether memory was made with the JIT flag, and is writable and executable.
fn is_both(facts: &Facts) -> bool {
    facts.access == Access::ExecWrite && facts.unsafe_flags.contains(UnsafeMmapFlags::JIT)
}

/// Whether this thread would be stopped by the processor if it wrote to such a mapping now.
pub fn is_closed_for(facts: &Facts) -> bool {
    MUST_ASK && is_both(facts) && !is_open()
}

/// Whether a change of protection is to be asked of the system: not if that would refuse it and the way back too, after
/// which the memory were lost. An error where the change can't be, `false` where there is none.
pub(super) fn check_change(facts: &Facts, to: Access) -> Result<bool> {
    checked(facts, to, KEEPS)
}

fn checked(facts: &Facts, to: Access, keeps: bool) -> Result<bool> {
    if !(keeps && is_both(facts)) {
        return Ok(true);
    }
    if to == Access::ExecWrite {
        return Ok(false);
    }
    Err(Error::InvalidOperation(
        "on Apple Silicon, memory made with UnsafeMmapFlags.JIT stays writable and executable once it is so: write \
         inside jit_write(), or omit the flag and use make_exec() and make_mut()"
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::facts::Backing;
    use super::*;
    use mmap_rs::MmapFlags;

    #[test]
    fn what_stays_as_it_is() {
        let facts = |access, unsafe_flags| Facts {
            access,
            reserved: false,
            backing: Backing::Anonymous,
            flags: MmapFlags::empty(),
            unsafe_flags,
            page: 4096,
            guarded: false,
            repeats: 1,
        };
        let jit = facts(Access::ExecWrite, UnsafeMmapFlags::JIT);
        for to in [Access::None, Access::Read, Access::Exec, Access::Write] {
            let refused = checked(&jit, to, true);
            assert!(
                matches!(refused, Err(Error::InvalidOperation(ref text)) if text.contains("jit_write()")),
                "{to:?}"
            );
            assert!(matches!(checked(&jit, to, false), Ok(true)), "another system, {to:?}");
        }
        assert!(matches!(checked(&jit, Access::ExecWrite, true), Ok(false)));
        // Not yet writable and executable; or without the flag, as systems allow it that need none.
        for other in [facts(Access::Write, UnsafeMmapFlags::JIT), facts(Access::ExecWrite, UnsafeMmapFlags::empty())] {
            assert!(matches!(checked(&other, Access::ExecWrite, true), Ok(true)));
            assert!(matches!(checked(&other, Access::Exec, true), Ok(true)));
        }
    }

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
