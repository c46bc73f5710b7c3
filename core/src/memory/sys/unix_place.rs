//! Unix: addresses that are held, moved, inherited and named.

use super::super::Object;
use super::super::inheritance::Inherit;
use super::super::kind::Access;
use super::super::place::Place;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::Adopted;
use super::{done, protection};
use crate::Error;
use crate::error::SystemError;
use crate::state::Span;
use std::ffi::CStr;

/// Whether pages can be moved to other addresses.
pub(crate) const MOVES: bool = cfg!(any(target_os = "linux", target_os = "android"));
/// The error number for a place that is too small.
pub(crate) const NO_ROOM: i32 = libc::ENOMEM;

/// Whether an error says that an address is taken.
pub(crate) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::System(SystemError { code: libc::EEXIST, .. }))
}

/// Maps inaccessible pages without memory, so that nobody else can have their addresses. Only Linux and Android refuse
/// an exact place that is taken; others choose another place.
pub(crate) fn hold(place: Place, len: usize) -> Result<usize, i32> {
    /// From linux/mman.h; the crate `libc` has it for Linux only. Before Linux 4.17 the address is a hint.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const MAP_FIXED_NOREPLACE: i32 = 0x10_0000;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let more = libc::MAP_NORESERVE | if matches!(place, Place::Exact(_)) { MAP_FIXED_NOREPLACE } else { 0 };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let more = 0;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | more;
    // SAFETY: new pages, which replace nothing.
    let held = unsafe { libc::mmap(place.address() as *mut _, len, libc::PROT_NONE, flags, -1, 0) };
    if held == libc::MAP_FAILED { done(-1).map(|()| 0) } else { Ok(held as usize) }
}

/// `munmap(2)` of pages that belong to the caller.
pub(crate) fn release(span: Span) -> Result<(), i32> {
    if span.len == 0 {
        return Ok(());
    }
    // SAFETY: the caller's own pages, which nobody uses any more.
    done(unsafe { libc::munmap(span.start as *mut _, span.len) })
}

/// `mprotect(2)`.
pub(crate) fn protect(span: Span, access: Access, _is_copied: bool) -> Result<(), i32> {
    // SAFETY: the caller's own pages, which nobody else uses meanwhile.
    done(unsafe { libc::mprotect(span.start as *mut _, span.len, protection(access)) })
}

/// Whether the reason for which pages can't be moved stays: what they are, not how much there is of something.
pub(crate) fn is_lasting(code: i32) -> bool {
    matches!(code, libc::EFAULT | libc::EPERM)
}

/// Whether pages are mapped, whatever they are.
pub(crate) fn is_mapped(span: Span) -> bool {
    super::resident(span, |_, _| {}).is_ok()
}

/// `mremap(2)`: moves whole pages, with all that the system knows of them, to an address where pages of the caller's are
/// replaced. After a failure these may be gone, and of several areas some may have been moved.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn move_pages(from: Span, to: usize) -> Result<(), i32> {
    /// From linux/mman.h; the crate `libc` has them for Linux only.
    const MREMAP_MAYMOVE: libc::c_int = 1;
    const MREMAP_FIXED: libc::c_int = 2;
    let flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    // SAFETY: both places are the caller's own, and nobody else uses them meanwhile.
    let moved = unsafe { mremap(from.start as *mut _, from.len, from.len, flags, to as *mut libc::c_void) };
    done(if moved == libc::MAP_FAILED { -1 } else { 0 })
}

/// `mremap(2)`: gives the pages of one area another length, and another place where they can't stay. After a failure they
/// are as before.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn remap(from: Span, len: usize, access: Access) -> Result<Object, i32> {
    /// From linux/mman.h; the crate `libc` has it for Linux only.
    const MREMAP_MAYMOVE: libc::c_int = 1;
    // SAFETY: the caller's own pages, which nobody else uses meanwhile.
    let moved = unsafe { mremap(from.start as *mut _, from.len, len, MREMAP_MAYMOVE) };
    if moved == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    Ok(Adopted::new(Span { start: moved as usize, len }, access).into())
}

/// Whether nothing is mapped at any of these addresses.
pub(crate) fn is_free(span: Span) -> bool {
    super::super::place::Hole::new(Place::Exact(span.start), span.len, super::super::page::base()).is_ok()
}

/// Moves pages back to where they were, if nobody has these addresses by now. An error leaves them where they are.
pub(crate) fn move_back(from: Span, to: usize, moved: usize) -> Result<(), i32> {
    let back = Span { start: from.start, len: moved };
    hold(Place::Exact(back.start), moved).and_then(|held| {
        if held == back.start {
            return Ok(());
        }
        // A system without a flag for it takes the address for a hint.
        release(Span { start: held, len: moved }).and(Err(libc::EEXIST))
    })?;
    move_pages(Span { start: to, len: moved }, back.start)
}

#[cfg(target_os = "linux")]
use libc::mremap;

// The crate `libc` has it for Linux only.
#[cfg(target_os = "android")]
unsafe extern "C" {
    fn mremap(
        start: *mut libc::c_void,
        len: libc::size_t,
        new_len: libc::size_t,
        flags: libc::c_int,
        ...
    ) -> *mut libc::c_void;
}

/// Never called.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn move_pages(_from: Span, _to: usize) -> Result<(), i32> {
    Err(libc::ENOSYS)
}

/// Never called.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn remap(_from: Span, _len: usize, _access: Access) -> Result<Object, i32> {
    Err(libc::ENOSYS)
}

/// Says what a child of `fork` gets: `madvise(2)`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn inherit(span: Span, inherit: Inherit, shared: bool) -> Result<(), i32> {
    let steps: &[i32] = match inherit {
        // What is shared was never to be zeroed, and says so by an error.
        Inherit::Default if shared => &[libc::MADV_DOFORK],
        Inherit::Default => &[libc::MADV_KEEPONFORK, libc::MADV_DOFORK],
        Inherit::None => &[libc::MADV_DONTFORK],
        Inherit::Zero => &[libc::MADV_WIPEONFORK, libc::MADV_DOFORK],
    };
    steps.iter().try_for_each(|step| super::advise(span, *step))
}

/// Says what a child of `fork` gets: `minherit(2)`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn inherit(span: Span, inherit: Inherit, shared: bool) -> Result<(), i32> {
    /// The numbers of sys/mman.h and mach/vm_inherit.h. Apple's systems have no zeros.
    const SHARE: i32 = 0;
    const COPY: i32 = 1;
    const NONE: i32 = 2;
    const ZERO: i32 = 3;
    let number = match inherit {
        Inherit::Default if shared => SHARE,
        Inherit::Default => COPY,
        Inherit::None => NONE,
        Inherit::Zero => ZERO,
    };
    // SAFETY: the caller's own pages, which stay as they are in this process.
    done(unsafe { minherit(span.start as *mut _, span.len, number) })
}

// Not in the crate `libc`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe extern "C" {
    fn minherit(start: *mut libc::c_void, len: libc::size_t, inherit: libc::c_int) -> libc::c_int;
}

/// Names anonymous pages, or takes their name away: `prctl(2)`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn set_name(span: Span, name: Option<&CStr>) -> Result<(), i32> {
    /// From linux/prctl.h.
    const PR_SET_VMA: i32 = 0x5356_4d41;
    const PR_SET_VMA_ANON_NAME: libc::c_ulong = 0;
    let name = name.map_or(std::ptr::null(), CStr::as_ptr);
    let (start, len) = (span.start as libc::c_ulong, span.len as libc::c_ulong);
    // SAFETY: reads the name, and changes nothing but what the list of areas shows.
    done(unsafe { libc::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, len, name) })
}

/// There are no names.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn set_name(_span: Span, _name: Option<&CStr>) -> Result<(), i32> {
    Ok(())
}

/// Whether an error number says that the system does not know a call.
pub(crate) fn is_unknown(code: i32) -> bool {
    matches!(code, libc::EINVAL | libc::ENOSYS | libc::EPERM)
}
