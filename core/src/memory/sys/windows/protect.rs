//! Protections as Windows has them, and setting them.
//!
//! U13: upstream's read-only memory stays writable. U18, U19: it asks for copy-on-write where there is no file, and
//! makes the views of files so that they can never become executable.

use super::super::super::kind::Access;
use super::{done, last};
use crate::state::Span;
use std::ffi::c_void;
use windows_sys::Win32::System::Diagnostics::Debug::FlushInstructionCache;
use windows_sys::Win32::System::Memory::{
    PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_NOACCESS, PAGE_PROTECTION_FLAGS,
    PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY, VirtualProtect,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// The system's number of a protection. Private pages of a file are copied at the first write, all others are not.
pub(super) fn number(access: Access, is_copied: bool) -> PAGE_PROTECTION_FLAGS {
    match (access, is_copied) {
        (Access::None, _) => PAGE_NOACCESS,
        (Access::Read, _) => PAGE_READONLY,
        (Access::Exec, _) => PAGE_EXECUTE_READ,
        (Access::Write, false) => PAGE_READWRITE,
        (Access::Write, true) => PAGE_WRITECOPY,
        (Access::ExecWrite, false) => PAGE_EXECUTE_READWRITE,
        (Access::ExecWrite, true) => PAGE_EXECUTE_WRITECOPY,
    }
}

/// Sets the protection of committed pages, which lie in one allocation.
pub(super) fn set(span: Span, number: PAGE_PROTECTION_FLAGS) -> Result<(), i32> {
    let mut before = 0;
    // SAFETY: the span is the caller's own, and nobody holds a reference into it, only raw pointers.
    done(unsafe { VirtualProtect(span.start as *const c_void, span.len, number, &raw mut before) })
}

/// Makes the instruction cache see what was written.
pub(super) fn flush_icache(span: Span) -> Result<(), i32> {
    // SAFETY: changes no byte; the addresses are the caller's own.
    let status = unsafe { FlushInstructionCache(GetCurrentProcess(), span.start as *const c_void, span.len) };
    if status != 0 { Ok(()) } else { Err(last()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u13_u18_each_protection_is_its_own() {
        let all = [Access::None, Access::Read, Access::Exec, Access::Write, Access::ExecWrite];
        for is_copied in [false, true] {
            let numbers: std::collections::HashSet<_> = all.iter().map(|access| number(*access, is_copied)).collect();
            assert_eq!(numbers.len(), all.len());
        }
        assert_eq!(number(Access::ExecWrite, false), PAGE_EXECUTE_READWRITE);
        assert_eq!(number(Access::Write, true), PAGE_WRITECOPY);
    }
}
