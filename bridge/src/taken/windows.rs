//! The system's calls on Windows.

use crate::api::{EXECUTE, READ, WRITE};
use std::ffi::c_void;
use std::io::{Error, Result};
use windows_sys::Win32::System::Diagnostics::Debug::FlushInstructionCache;
use windows_sys::Win32::System::Memory::{
    FlushViewOfFile, MEM_COMMIT, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_NOACCESS, PAGE_READONLY,
    PAGE_READWRITE, PAGE_WRITECOPY, VirtualAlloc, VirtualLock, VirtualProtect, VirtualUnlock,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

fn done(status: i32) -> Result<()> {
    if status != 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

const ALL: u32 = READ | WRITE | EXECUTE;
const CODE: u32 = READ | EXECUTE;
const DATA: u32 = READ | WRITE;

fn number(protection: u32) -> u32 {
    match protection {
        ALL => PAGE_EXECUTE_READWRITE,
        CODE => PAGE_EXECUTE_READ,
        DATA => PAGE_READWRITE,
        READ => PAGE_READONLY,
        _ => PAGE_NOACCESS,
    }
}

pub(super) fn protect(start: usize, len: usize, protection: u32) -> Result<()> {
    let mut before = 0;
    let mut set = |number| {
        // SAFETY: memory that belongs to the caller alone, who has no reference into it.
        done(unsafe { VirtualProtect(start as *const c_void, len, number, &raw mut before) })
    };
    match set(number(protection)) {
        // A private view of a file is copied at the first write.
        Err(_) if protection == DATA => set(PAGE_WRITECOPY),
        done => done,
    }
}

pub(super) fn commit(start: usize, len: usize, protection: u32) -> Result<()> {
    // SAFETY: a reservation that belongs to the caller alone.
    let base = unsafe { VirtualAlloc(start as *const c_void, len, MEM_COMMIT, number(protection)) };
    if base.is_null() { Err(Error::last_os_error()) } else { Ok(()) }
}

pub(super) fn lock(start: usize, len: usize) -> Result<()> {
    // SAFETY: changes no byte and no protection.
    done(unsafe { VirtualLock(start as *const c_void, len) })
}

pub(super) fn unlock(start: usize, len: usize) -> Result<()> {
    // SAFETY: as above.
    done(unsafe { VirtualUnlock(start as *const c_void, len) })
}

pub(super) fn flush(start: usize, len: usize, _wait: bool) -> Result<()> {
    // SAFETY: changes no byte.
    done(unsafe { FlushViewOfFile(start as *const c_void, len) })
}

pub(super) fn flush_icache(start: usize, len: usize) {
    // What could fail is a wrong handle or address, and these are right.
    // SAFETY: changes no byte.
    unsafe { FlushInstructionCache(GetCurrentProcess(), start as *const c_void, len) };
}
