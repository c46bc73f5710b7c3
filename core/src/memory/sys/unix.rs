//! Unix: locking by a shared reference (upstream asks for a unique one, which readers in other threads forbid),
//! advice at any time, and unmapping that returns its errors.

use super::super::Object;
use super::super::kind::Access;
use super::super::operation::Call;
use super::super::region::Parts;
use crate::state::Span;
use mmap_rs::MmapFlags;

/// Which of upstream's error variants these calls fail with.
pub(crate) const VARIANT: &str = "Nix";

/// Flags that are met by a call after the map was made. Linux and Android lock while mapping.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const LATER: MmapFlags = MmapFlags::empty();
/// Flags that are met by a call after the map was made.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const LATER: MmapFlags = MmapFlags::LOCKED;

/// The name of a call, for messages.
pub(crate) fn name(call: Call, _of_file: bool) -> &'static str {
    match call {
        Call::Map => "mmap",
        Call::Protect(_) => "mprotect",
        Call::Commit => "commit",
        Call::Split => "split",
        Call::Flush => "msync",
        Call::FlushIcache => "flush_icache",
        Call::Lock => "mlock",
        Call::Unlock => "munlock",
        Call::Advise(_) => "madvise",
        Call::Unmap => "munmap",
        Call::Resize(_) if super::MOVES => "mremap",
        Call::Resize(_) => "resize",
        Call::Inherit(_) if cfg!(any(target_os = "linux", target_os = "android")) => "madvise",
        Call::Inherit(_) => "minherit",
        Call::Resident => "mincore",
        Call::Populate if cfg!(any(target_os = "linux", target_os = "android")) => "madvise POPULATE",
        Call::Populate => "mlock",
        Call::Name => "prctl PR_SET_VMA_ANON_NAME",
    }
}

pub(super) fn done(status: i32) -> Result<(), i32> {
    if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) }
}

/// A protection as `mmap(2)` takes it.
pub(crate) fn protection(access: Access) -> i32 {
    match access {
        Access::None => libc::PROT_NONE,
        Access::Read => libc::PROT_READ,
        Access::Exec => libc::PROT_READ | libc::PROT_EXEC,
        Access::Write => libc::PROT_READ | libc::PROT_WRITE,
        Access::ExecWrite => libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
    }
}

/// `mlock(2)`.
pub(crate) fn lock(span: Span) -> Result<(), i32> {
    // SAFETY: changes no byte and no protection, and fails on addresses that are not mapped.
    done(unsafe { libc::mlock(span.start as *const libc::c_void, span.len) })
}

/// `munlock(2)`.
pub(crate) fn unlock(span: Span) -> Result<(), i32> {
    // SAFETY: as for `lock`.
    done(unsafe { libc::munlock(span.start as *const libc::c_void, span.len) })
}

/// `madvise(2)`, with advice from the table only.
pub(crate) fn advise(span: Span, advice: i32) -> Result<(), i32> {
    // SAFETY: the span is the caller's own region, and the table holds no advice that unmaps or changes protection.
    done(unsafe { libc::madvise(span.start as *mut libc::c_void, span.len, advice) })
}

/// Has the system cut an area in two where a mapping is about to be split, so that each side can be unmapped alone; an
/// error where it keeps the area whole.
///
/// Some drivers allow no cut, for instance in the ring of a perf event: the halves could never be unmapped. Only the
/// system knows, and it answers when an area must be cut because its halves become different: here through advice that
/// means nothing for a driver's memory, and is undone at once. Elsewhere every mapping can be cut.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn cut(tail: Span) -> Result<(), i32> {
    advise(tail, libc::MADV_RANDOM)?;
    // Taking it back needs no cut, so that it can't fail; if it did, the advice would mean nothing still.
    let _ = advise(tail, libc::MADV_NORMAL);
    Ok(())
}

/// `munmap(2)` of parts that fill a span. They are forgotten where it worked, and kept where it did not.
pub(crate) fn unmap(parts: &mut Parts, span: Span) -> Result<(), i32> {
    if parts.is_empty() {
        return Ok(());
    }
    // SAFETY: the parts own exactly the pages of this span, and are forgotten, not dropped, when they are gone.
    done(unsafe { libc::munmap(span.start as *mut libc::c_void, span.len) })?;
    parts.drain(..).for_each(std::mem::forget);
    Ok(())
}

/// Gives an object up whose memory could not be unmapped.
pub(crate) fn abandon(part: Object) {
    std::mem::forget(part);
}
