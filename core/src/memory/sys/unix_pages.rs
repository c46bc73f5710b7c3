//! Unix: which pages are in physical memory, and bringing them in.

use super::super::page;
use super::done;
use crate::state::Span;

/// How many pages are asked about at a time: the answers lie on the stack.
const MANY: usize = 1 << 12;

/// `mincore(2)`: calls `found` with the offset and length of each page that is in memory.
pub(crate) fn resident(span: Span, mut found: impl FnMut(usize, usize)) -> Result<(), i32> {
    let page = page::base();
    let pages = span.len.div_ceil(page);
    let mut states = [0u8; MANY];
    let mut first = 0;
    while first < pages {
        let count = states.len().min(pages - first);
        // SAFETY: the caller's own pages, and a byte for each of them.
        done(unsafe {
            libc::mincore((span.start + first * page) as *mut _, count * page, states.as_mut_ptr().cast())
        })?;
        for (number, state) in states.iter().take(count).enumerate() {
            if state & 1 != 0 {
                found((first + number) * page, page);
            }
        }
        first += count;
    }
    Ok(())
}

/// Whether an error number of [`populate`] says that a page can't be provided.
pub(crate) fn is_missing(code: i32) -> bool {
    matches!(code, libc::EFAULT | libc::EIO)
}

/// Brings pages into memory. What can't be brought in is an error, never a signal.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn populate(span: Span, write: bool, reaches_file: bool) -> Result<(), i32> {
    /// From linux/mman.h: Linux 5.14 and later.
    const MADV_POPULATE_READ: i32 = 22;
    const MADV_POPULATE_WRITE: i32 = 23;
    let advice = if write { MADV_POPULATE_WRITE } else { MADV_POPULATE_READ };
    match super::advise(span, advice) {
        // Before Linux 5.14 nothing but a write finds out whether a disk has room for a hole, and that may be a signal.
        Err(libc::EINVAL) if !(write && reaches_file) => read(span, write),
        done => done,
    }
}

/// Has the kernel read a byte of each page, which fails where an access would be a signal. With `write` each page is
/// written too, once it is there.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn read(span: Span, write: bool) -> Result<(), i32> {
    let mut byte = 0u8;
    for address in (span.start..span.start + span.len).step_by(page::base()) {
        let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let remote = libc::iovec { iov_base: address as *mut _, iov_len: 1 };
        // SAFETY: one byte of this process into another one of it.
        let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
        if read < 0 {
            return done(-1);
        }
        if write {
            // SAFETY: a writable byte of the caller's, which stays as it is; others may write it meanwhile.
            unsafe { super::rewrite(address) };
        }
    }
    Ok(())
}

/// Locks pages for a moment, which brings them in and says what can't be. Pages that were locked by a call before lose
/// that, so the caller asks for those not at all.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn populate(span: Span, _write: bool, _reaches_file: bool) -> Result<(), i32> {
    super::lock(span)?;
    super::unlock(span)
}
