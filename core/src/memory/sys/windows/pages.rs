//! Which pages are in physical memory, and bringing them in.

use super::super::super::page;
use super::{NO_ROOM, done};
use crate::state::Span;
use std::ffi::c_void;
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::ProcessStatus::{K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_INFORMATION};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// How many pages are asked about at a time.
const MANY: usize = 1 << 12;

/// Calls `found` with the offset and length of each page that is in the working set.
pub(crate) fn resident(span: Span, mut found: impl FnMut(usize, usize)) -> Result<(), i32> {
    let size = page::base();
    let pages = span.len.div_ceil(size);
    let mut first = 0;
    while first < pages {
        let numbers = first..pages.min(first + MANY);
        let mut states = Vec::new();
        states.try_reserve_exact(numbers.len()).map_err(|_| NO_ROOM)?;
        states.extend(numbers.map(|number| PSAPI_WORKING_SET_EX_INFORMATION {
            VirtualAddress: (span.start + number * size) as *mut c_void,
            ..PSAPI_WORKING_SET_EX_INFORMATION::default()
        }));
        let bytes = u32::try_from(size_of_val(states.as_slice())).unwrap_or(u32::MAX);
        // SAFETY: reads the addresses from the structs and writes the answers into them; any address may be asked about.
        done(unsafe { K32QueryWorkingSetEx(GetCurrentProcess(), states.as_mut_ptr().cast(), bytes) })?;
        for (number, state) in states.iter().enumerate() {
            // SAFETY: the union of the same bits as a number and as fields.
            if unsafe { state.VirtualAttributes.Flags } & 1 != 0 {
                found((first + number) * size, size);
            }
        }
        first += states.len();
    }
    Ok(())
}

/// There is no fault guard that could provide a page.
pub(crate) fn is_missing(_code: i32) -> bool {
    false
}

/// Has the system read a byte of each page, which fails where an access would raise an exception of the processor's. With
/// `write` each page is written too, once it is there.
pub(crate) fn populate(span: Span, write: bool, _reaches_file: bool) -> Result<(), i32> {
    for address in (span.start..span.start + span.len).step_by(page::base()) {
        let mut byte = 0u8;
        // SAFETY: one byte of this process into another one of it.
        done(unsafe {
            let to = (&raw mut byte).cast();
            ReadProcessMemory(GetCurrentProcess(), address as *const c_void, to, 1, std::ptr::null_mut())
        })?;
        if write {
            // SAFETY: a writable byte of the caller's, which stays as it is; others may write it meanwhile.
            unsafe { super::super::rewrite(address) };
        }
    }
    Ok(())
}
