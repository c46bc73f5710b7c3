//! What the tests of Windows ask of regions and of the system. What they say holds on Windows; where an emulator is
//! known to differ, nothing is said.
// Not every program of tests uses all of it.
#![allow(dead_code)]

use mmap_rs_core::areas::{self, Area};
use mmap_rs_core::memory::{Access, Region, Request, Source, page};
use mmap_rs_core::mmap_rs::{MmapFlags, Protection, UnsafeMmapFlags};
use mmap_rs_core::state::Extent;
use mmap_rs_core::{Error, Result};
use std::fs::File;
use std::io::Write;
use std::os::windows::io::AsRawHandle;
use std::sync::{Mutex, MutexGuard, PoisonError};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

/// All of them.
pub const ALL: [Access; 5] = [Access::None, Access::Read, Access::Exec, Access::Write, Access::ExecWrite];

pub fn request(size: usize) -> Request {
    let mut request = Request::new(size).expect("not 0");
    request.unsafe_flags = UnsafeMmapFlags::JIT;
    request
}

/// A request for a file of some pages, the bytes of each of which are its number.
pub fn of_file(file: &File, size: usize, offset: u64, flags: MmapFlags) -> Request {
    let file = file.try_clone().expect("duplicated");
    let mut request = request(size);
    request.flags = flags;
    request.source = Some(Source::open(file, "file", offset, false).expect("aligned"));
    request
}

pub fn numbered(pages: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    for number in 0..pages {
        file.write_all(&vec![number as u8 + 1; page::base()]).expect("written");
    }
    file
}

pub fn area(address: usize) -> Option<Area> {
    areas::query(None, address).expect("list")
}

pub fn protection(region: &Region) -> Option<Protection> {
    area(region.span().start).map(|area| area.protection)
}

/// One byte of a region that may be read.
pub fn byte(region: &Region, at: usize) -> u8 {
    assert!(at < region.span().len);
    // SAFETY: mapped, and readable as each caller has made it.
    unsafe { std::ptr::read_volatile((region.span().start + at) as *const u8) }
}

pub fn put(region: &Region, at: usize, value: u8) {
    assert!(at < region.span().len);
    // SAFETY: mapped, and writable as each caller has made it.
    unsafe { std::ptr::write_volatile((region.span().start + at) as *mut u8, value) }
}

pub fn code<T>(result: Result<T>) -> Option<u32> {
    match result.err().expect("refused") {
        Error::System(error) => Some(error.code as u32),
        _ => None,
    }
}

/// Held by each test here: others would take handles that it counts, and addresses that it has found free.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many handles this process has. Where the system does not count them, as Wine does not, the number of the next
/// one, which does not grow while none leaks.
pub fn handles() -> usize {
    let mut count = 0;
    // SAFETY: asks about this process, and writes the number.
    let known = unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut count) };
    if known != 0 && count != 0 {
        return count as usize;
    }
    File::open("NUL").expect("opened").as_raw_handle() as usize
}
