//! The system's calls on Unix.

use crate::api::{EXECUTE, READ, WRITE};
use libc::c_void;
use std::io::{Error, Result};

fn done(status: i32) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

/// mprotect(2).
pub(super) fn protect(start: usize, len: usize, protection: u32) -> Result<()> {
    let bits = [(READ, libc::PROT_READ), (WRITE, libc::PROT_WRITE), (EXECUTE, libc::PROT_EXEC)];
    let all =
        bits.into_iter().filter(|(bit, _)| protection & bit != 0).fold(libc::PROT_NONE, |all, (_, bit)| all | bit);
    // SAFETY: memory that belongs to the caller alone, who has no reference into it.
    done(unsafe { libc::mprotect(start as *mut c_void, len, all) })
}

/// Nothing is to do: what is reserved is committed by its first use.
#[allow(clippy::unnecessary_wraps)] // not on all systems
pub(super) fn commit(_start: usize, _len: usize, _protection: u32) -> Result<()> {
    Ok(())
}

/// mlock(2).
pub(super) fn lock(start: usize, len: usize) -> Result<()> {
    // SAFETY: changes no byte and no protection.
    done(unsafe { libc::mlock(start as *const c_void, len) })
}

/// munlock(2).
pub(super) fn unlock(start: usize, len: usize) -> Result<()> {
    // SAFETY: as above.
    done(unsafe { libc::munlock(start as *const c_void, len) })
}

/// msync(2).
pub(super) fn flush(start: usize, len: usize, wait: bool) -> Result<()> {
    let flags = if wait { libc::MS_SYNC } else { libc::MS_ASYNC };
    // SAFETY: changes no byte.
    done(unsafe { libc::msync(start as *mut c_void, len, flags) })
}

/// Makes the instruction cache see what was written.
pub(super) fn flush_icache(start: usize, len: usize) {
    #[cfg(target_vendor = "apple")]
    {
        unsafe extern "C" {
            fn sys_icache_invalidate(start: *mut c_void, size: usize);
        }
        // SAFETY: mapped memory; changes no byte.
        unsafe { sys_icache_invalidate(start as *mut c_void, len) };
    }
    #[cfg(not(target_vendor = "apple"))]
    {
        unsafe extern "C" {
            fn __clear_cache(start: *mut c_void, end: *mut c_void);
        }
        // SAFETY: as above.
        unsafe { __clear_cache(start as *mut c_void, (start + len) as *mut c_void) };
    }
}
