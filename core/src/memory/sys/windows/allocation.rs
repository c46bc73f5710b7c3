//! What one call of the system's gave, and one call gives back: memory without a file, or a view of a file.
//!
//! U16: upstream forgets an address that was asked for where there is a file, and gives up where it is taken. Here it
//! is a wish for both, as on other systems; with `MAP_FIXED` it is that address or an error.

use super::super::super::page;
use super::{code, last, private};
use crate::state::Span;
use std::ffi::c_void;
use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, ERROR_MAPPED_ALIGNMENT, ERROR_NOT_ENOUGH_MEMORY};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_LARGE_PAGES, MEM_RELEASE, MEM_RESERVE, MEMORY_MAPPED_VIEW_ADDRESS, PAGE_NOACCESS,
    PAGE_PROTECTION_FLAGS, UnmapViewOfFile, VirtualAlloc, VirtualFree,
};

/// Given back when the last object that lies in it goes.
#[derive(Debug)]
pub(super) struct Allocation {
    base: usize,
    is_view: bool,
    /// Whether it is in the list of private views.
    is_noted: bool,
    /// Whether other code gives it back.
    is_foreign: bool,
}

impl Allocation {
    /// A view that begins at an address, from now on owned by this value.
    pub(super) fn view(base: usize) -> Self {
        Self { base, is_view: true, is_noted: false, is_foreign: false }
    }

    /// Memory without a file that begins at an address, from now on owned by this value.
    pub(super) fn whole(base: usize) -> Self {
        Self { is_view: false, ..Self::view(base) }
    }

    /// Memory that other code gives back.
    pub(super) fn foreign(base: usize) -> Self {
        Self { is_foreign: true, ..Self::view(base) }
    }

    /// Belongs to other code from now on.
    pub(super) fn hand_over(&mut self) {
        self.is_foreign = true;
    }

    /// Has the view listed as private, where the system can't tell.
    pub(super) fn note_private(&mut self) {
        private::add(self.base);
        self.is_noted = true;
    }

    /// Memory without a file.
    pub(super) fn memory(
        place: Place,
        len: usize,
        protection: PAGE_PROTECTION_FLAGS,
        reserved: bool,
        large: bool,
    ) -> Result<Self, i32> {
        // Large pages are never only reserved: the system has them at once or not at all.
        let commit = if reserved && !large { 0 } else { MEM_COMMIT };
        let how = MEM_RESERVE | commit | if large { MEM_LARGE_PAGES } else { 0 };
        place
            .first(|address| {
                // SAFETY: takes addresses that nobody has: the system refuses others.
                let base = unsafe { VirtualAlloc(address as *const c_void, len, how, protection) };
                if base.is_null() { Err(last()) } else { Ok(Self::whole(base as usize)) }
            })
            .map_err(|number| match number {
                // More than the whole address space is a wrong parameter to this system, and no other is wrong here.
                _ if number == code(ERROR_INVALID_PARAMETER) && !large => code(ERROR_NOT_ENOUGH_MEMORY),
                other => other,
            })
    }

    /// Where it begins.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Makes a part of it unusable whose owner has gone, while others still use the rest: a part can't be given back.
    pub(super) fn leave(&self, part: Span) {
        if self.is_foreign {
            return;
        }
        let address = part.start as *mut c_void;
        // What fails here leaves pages that nobody uses until the whole goes; there is nobody to tell it to.
        // SAFETY: the pages belonged to the part alone, which is being dropped.
        if self.is_view || unsafe { VirtualFree(address, part.len, MEM_DECOMMIT) } == 0 {
            let _ = super::protect::set(part, PAGE_NOACCESS);
        }
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // Before its addresses are free for another view.
        if self.is_noted {
            private::remove(self.base);
        }
        if self.is_foreign {
            return;
        }
        let base = self.base as *mut c_void;
        // Neither fails for an address that the system gave.
        if self.is_view {
            // SAFETY: this value is the view's only owner, and no object lies in it any more.
            unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: base }) };
        } else {
            // SAFETY: as above; the length 0 means all of it.
            unsafe { VirtualFree(base, 0, MEM_RELEASE) };
        }
    }
}

/// Commits reserved pages.
pub(super) fn commit(span: Span, protection: PAGE_PROTECTION_FLAGS) -> Result<(), i32> {
    // SAFETY: the span is the caller's own reservation.
    let base = unsafe { VirtualAlloc(span.start as *const c_void, span.len, MEM_COMMIT, protection) };
    if base.is_null() { Err(last()) } else { Ok(()) }
}

/// Where a mapping is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The address, or 0 for any.
    pub(crate) address: usize,
    /// Whether it must be this one.
    pub(crate) fixed: bool,
}

impl Place {
    /// Tries a call at the addresses that will do, best first. 0 stands for any.
    pub(super) fn first<T>(self, mut call: impl FnMut(usize) -> Result<T, i32>) -> Result<T, i32> {
        let rest = self.address % page::granularity();
        if self.fixed {
            return if rest == 0 { call(self.address) } else { Err(code(ERROR_MAPPED_ALIGNMENT)) };
        }
        let near = self.address - rest;
        if near != 0 {
            if let Ok(made) = call(near) {
                return Ok(made);
            }
        }
        call(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(address: usize, fixed: bool) -> Vec<usize> {
        let mut tried = Vec::new();
        let _: Result<(), i32> = Place { address, fixed }.first(|address| {
            tried.push(address);
            Err(1)
        });
        tried
    }

    #[test]
    fn u16_an_address_is_a_wish_unless_it_is_fixed() {
        let unit = page::granularity();
        assert_eq!(tried(0, false), [0]);
        assert_eq!(tried(3 * unit + 1, false), [3 * unit, 0]);
        assert_eq!(tried(1, false), [0]);
        assert_eq!(tried(3 * unit, true), [3 * unit]);
        assert_eq!(tried(3 * unit + 1, true), []);
    }
}
