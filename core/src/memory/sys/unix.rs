//! Unix: locking by a shared reference (upstream asks for a unique one, which readers in other threads forbid),
//! advice at any time, and unmapping that tells whether it worked.

use super::super::Object;
use super::super::kind::Access;
use crate::state::Span;
use mmap_rs::MmapFlags;
use smallvec::SmallVec;

/// Which of upstream's error variants these calls fail with.
pub(in super::super) const VARIANT: &str = "Nix";

/// Flags that are met by a call after the map was made. Linux and Android lock while mapping.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in super::super) const LATER: MmapFlags = MmapFlags::empty();
/// Flags that are met by a call after the map was made.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in super::super) const LATER: MmapFlags = MmapFlags::LOCKED;

/// Whether huge pages come from pools that the system's owner fills. Elsewhere they are a hint for alignment.
pub(in super::super) const HAS_POOLS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Whether an error number says that there is no memory of the kind asked for.
pub(in super::super) fn is_out_of_memory(code: i32) -> bool {
    code == libc::ENOMEM
}

/// The names of calls, for messages.
pub(in super::super) mod name {
    pub(in super::super::super) const PROTECT: &str = "mprotect";
    pub(in super::super::super) const COMMIT: &str = "commit";
    pub(in super::super::super) const FLUSH: &str = "msync";
    pub(in super::super::super) const LOCK: &str = "mlock";
    pub(in super::super::super) const UNLOCK: &str = "munlock";
    pub(in super::super::super) const UNMAP: &str = "munmap";
    pub(in super::super::super) const ADVISE: &str = "madvise";

    /// That of making a mapping.
    pub(in super::super::super) fn map(_of_file: bool) -> &'static str {
        "mmap"
    }
}

pub(super) fn done(status: i32) -> Result<(), i32> {
    if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) }
}

/// A protection as `mmap(2)` takes it.
pub(in super::super) fn protection(access: Access) -> i32 {
    match access {
        Access::None => libc::PROT_NONE,
        Access::Read => libc::PROT_READ,
        Access::Exec => libc::PROT_READ | libc::PROT_EXEC,
        Access::Write => libc::PROT_READ | libc::PROT_WRITE,
        Access::ExecWrite => libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
    }
}

/// `mlock(2)`.
pub(in super::super) fn lock(span: Span) -> Result<(), i32> {
    // SAFETY: changes no byte and no protection, and fails on addresses that are not mapped.
    done(unsafe { libc::mlock(span.start as *const libc::c_void, span.len) })
}

/// `munlock(2)`.
pub(in super::super) fn unlock(span: Span) -> Result<(), i32> {
    // SAFETY: as for `lock`.
    done(unsafe { libc::munlock(span.start as *const libc::c_void, span.len) })
}

/// `madvise(2)`, with advice from the table only.
pub(in super::super) fn advise(span: Span, advice: i32) -> Result<(), i32> {
    // SAFETY: the span is the caller's own region, and the table holds no advice that unmaps or changes protection.
    done(unsafe { libc::madvise(span.start as *mut libc::c_void, span.len, advice) })
}

/// `munmap(2)` of parts that fill a span. They are forgotten where it worked, and kept where it did not.
pub(in super::super) fn unmap(parts: &mut SmallVec<[Object; 1]>, span: Span) -> Result<(), i32> {
    if parts.is_empty() {
        return Ok(());
    }
    // SAFETY: the parts own exactly the pages of this span, and are forgotten, not dropped, when they are gone.
    done(unsafe { libc::munmap(span.start as *mut libc::c_void, span.len) })?;
    parts.drain(..).for_each(std::mem::forget);
    Ok(())
}

/// Gives an object up whose memory could not be unmapped.
pub(in super::super) fn abandon(part: Object) {
    std::mem::forget(part);
}
