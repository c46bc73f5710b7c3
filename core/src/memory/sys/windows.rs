//! Windows: locking by a shared reference. Unmapping is upstream's.

use super::super::kind::Access;
use super::super::object::Object;
use crate::state::Span;
use mmap_rs::MmapFlags;
use smallvec::SmallVec;
use std::ffi::c_void;

/// Which of upstream's error variants these calls fail with.
pub(in super::super) const VARIANT: &str = "Windows";
/// Flags that are met by a call after the map was made; upstream locks nothing while mapping.
pub(in super::super) const LATER: MmapFlags = MmapFlags::LOCKED;

const ERROR_NOT_ENOUGH_MEMORY: i32 = 8;
const ERROR_NO_SYSTEM_RESOURCES: i32 = 1450;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualLock(address: *const c_void, size: usize) -> i32;
    fn VirtualUnlock(address: *const c_void, size: usize) -> i32;
}

/// Whether an error number says that there is no memory of the kind asked for.
pub(in super::super) fn is_out_of_memory(code: i32) -> bool {
    matches!(code, ERROR_NOT_ENOUGH_MEMORY | ERROR_NO_SYSTEM_RESOURCES)
}

fn done(status: i32) -> Result<(), i32> {
    if status != 0 { Ok(()) } else { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) }
}

/// There is no fault guard to tell it to.
pub(in super::super) fn protection(_access: Access) -> i32 {
    0
}

/// `VirtualLock`.
pub(in super::super) fn lock(span: Span) -> Result<(), i32> {
    // SAFETY: changes no byte and no protection, and fails on addresses that are not mapped.
    done(unsafe { VirtualLock(span.start as *const c_void, span.len) })
}

/// `VirtualUnlock`.
pub(in super::super) fn unlock(span: Span) -> Result<(), i32> {
    // SAFETY: as for `lock`.
    done(unsafe { VirtualUnlock(span.start as *const c_void, span.len) })
}

/// Windows has no advice; the table that this is called with is empty.
pub(in super::super) fn advise(_span: Span, _advice: i32) -> Result<(), i32> {
    Ok(())
}

/// Upstream's objects share an allocation and end it with the last of them.
pub(in super::super) fn unmap(parts: &mut SmallVec<[Object; 1]>, _span: Span) -> Result<(), i32> {
    parts.clear();
    Ok(())
}

/// Gives an object up.
pub(in super::super) fn abandon(part: Object) {
    drop(part);
}
