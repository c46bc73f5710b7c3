//! Files that are nowhere but in memory: sections of the page file.

use super::view::halves;
use super::{code, last};
use std::fs::File;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Memory::{CreateFileMappingW, PAGE_EXECUTE_READWRITE};

/// The call that makes one, for messages.
const MEMORY_FILE: &str = "CreateFileMappingW";

/// A section of `size` zero bytes, as a handle. Sections have names in a space that all processes share, so that the one
/// that was asked for stays this object's own. Large pages are charged at once, and can't be viewed in parts.
pub(crate) fn new_memory_file(size: u64, _name: &str, exponent: Option<u32>) -> Result<File, (&'static str, i32)> {
    if exponent.is_some() {
        return Err((MEMORY_FILE, code(ERROR_INVALID_PARAMETER)));
    }
    let (high, low) = halves(size);
    let (file, protection) = (INVALID_HANDLE_VALUE, PAGE_EXECUTE_READWRITE);
    // SAFETY: no file, no attributes, no name.
    let made = unsafe { CreateFileMappingW(file, std::ptr::null(), protection, high, low, std::ptr::null()) };
    if made.is_null() {
        return Err((MEMORY_FILE, last()));
    }
    // SAFETY: the handle is new and ours; closed with its owner.
    Ok(File::from(unsafe { OwnedHandle::from_raw_handle(made) }))
}

/// There are no seals.
pub(crate) fn seal(_file: &File, _seals: u32) -> Option<Result<(), i32>> {
    None
}

/// There are no seals.
pub(crate) fn seals(_file: &File) -> Option<Result<u32, i32>> {
    None
}
