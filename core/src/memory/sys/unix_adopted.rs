//! Unix: memory that upstream has not mapped, as an object beside its own, which can't be made of an address.

use super::super::Object;
use super::super::foreign::Adoption;
use super::super::kind::Access;
use super::super::region::Objects;
use super::{done, protect};
use crate::state::Span;
use mmap_rs::{Error, UnsafeMmapFlags};
use std::ops::Range;

/// See the module. Like upstream's objects but for the destructor: the region that holds it gives the memory back.
#[derive(Debug)]
pub(crate) struct Adopted {
    span: Span,
    jit: bool,
}

fn upstream(code: i32) -> Error {
    std::io::Error::from_raw_os_error(code).into()
}

impl Adopted {
    /// Pages that are mapped, from now on owned by this value.
    pub(crate) fn new(span: Span, access: Access) -> Self {
        Self { span, jit: access == Access::ExecWrite }
    }

    pub(crate) fn start(&self) -> usize {
        self.span.start
    }

    pub(crate) fn size(&self) -> usize {
        self.span.len
    }

    fn make(self, access: Access) -> Result<Self, (Self, Error)> {
        match protect(self.span, access, false) {
            Ok(()) => Ok(self),
            Err(code) => Err((self, upstream(code))),
        }
    }

    pub(crate) fn make_none(self) -> Result<Self, (Self, Error)> {
        self.make(Access::None)
    }

    pub(crate) fn make_read_only(self) -> Result<Self, (Self, Error)> {
        self.make(Access::Read)
    }

    pub(crate) fn make_mut(self) -> Result<Self, (Self, Error)> {
        self.make(Access::Write)
    }

    pub(crate) fn make_exec(self) -> Result<Self, (Self, Error)> {
        let made = self.make(Access::Exec)?;
        match made.flush_icache() {
            Ok(()) => Ok(made),
            Err(error) => Err((made, error)),
        }
    }

    /// # Safety
    /// As upstream's.
    pub(crate) unsafe fn make_exec_no_flush(self) -> Result<Self, (Self, Error)> {
        self.make(Access::Exec)
    }

    /// # Safety
    /// As upstream's.
    pub(crate) unsafe fn make_exec_mut(self) -> Result<Self, (Self, Error)> {
        if self.jit { self.make(Access::ExecWrite) } else { Err((self, Error::UnsafeFlagNeeded(UnsafeMmapFlags::JIT))) }
    }

    pub(crate) fn split_off(&mut self, at: usize) -> Result<Self, Error> {
        let start = self.span.start.checked_add(at).ok_or(Error::InvalidOffset)?;
        let len = self.span.len.checked_sub(at).ok_or(Error::InvalidOffset)?;
        self.span.len = at;
        Ok(Self { span: Span { start, len }, jit: self.jit })
    }

    /// `msync(2)`.
    pub(crate) fn flush(&self, range: Range<usize>, wait: bool) -> Result<(), Error> {
        let start = self.span.start.checked_add(range.start).ok_or(Error::InvalidOffset)?;
        let flags = if wait { libc::MS_SYNC } else { libc::MS_ASYNC };
        // SAFETY: changes no byte, and fails on addresses that are not mapped.
        done(unsafe { libc::msync(start as *mut libc::c_void, range.len(), flags) }).map_err(upstream)
    }

    #[allow(clippy::unnecessary_wraps)] // as upstream's
    pub(crate) fn flush_icache(&self) -> Result<(), Error> {
        #[cfg(target_os = "ios")]
        unsafe extern "C" {
            fn sys_icache_invalidate(start: *mut libc::c_void, size: usize);
        }
        #[cfg(not(target_os = "ios"))]
        unsafe extern "C" {
            fn __clear_cache(start: *mut libc::c_void, end: *mut libc::c_void);
        }
        let start = self.span.start as *mut libc::c_void;
        #[cfg(target_os = "ios")]
        // SAFETY: mapped memory; no byte of it changes.
        unsafe {
            sys_icache_invalidate(start, self.span.len);
        }
        #[cfg(not(target_os = "ios"))]
        // SAFETY: as above.
        unsafe {
            __clear_cache(start, start.wrapping_byte_add(self.span.len));
        }
        Ok(())
    }
}

/// The object of memory that is mapped with this protection.
#[allow(clippy::unnecessary_wraps)] // not on all systems
pub(crate) fn adopt(adoption: &Adoption) -> Result<Objects, i32> {
    let object = Adopted::new(adoption.span, adoption.access);
    Ok(std::iter::once(Object::from(object)).collect())
}

/// Hands the memory of objects over to other code, which owns it from now on.
#[allow(clippy::unnecessary_wraps)] // not on all systems
pub(crate) fn hand_over(objects: Objects) -> Result<(), Objects> {
    objects.into_iter().for_each(std::mem::forget);
    Ok(())
}

/// Gives back memory that was handed over: `munmap(2)`.
///
/// # Safety
/// Whole pages, which belong to the caller, who uses them no more.
pub(crate) unsafe extern "C" fn give_back(_context: *mut libc::c_void, start: *mut libc::c_void, len: usize) {
    if len > 0 {
        // What can't be unmapped now (the system has no room to cut an area in two) stays, and nobody uses it.
        // SAFETY: the caller vouches for it.
        unsafe { libc::munmap(start, len) };
    }
}
