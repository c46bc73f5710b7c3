//! The bare system calls, for which the extension module adds its own work.

use crate::{Outcome, argument, time};
use std::io::Error;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use std::time::Duration;

/// Memory that was asked for by the system call itself, and is given back at the end.
struct Memory {
    start: *mut libc::c_void,
    size: usize,
}

impl Memory {
    fn map(size: usize, protection: i32, flags: i32, descriptor: i32) -> Outcome<Self> {
        // SAFETY: new memory at an address of the system's choice.
        let start = unsafe { libc::mmap(null_mut(), size, protection, flags, descriptor, 0) };
        if start == libc::MAP_FAILED { Err(Error::last_os_error().into()) } else { Ok(Self { start, size }) }
    }

    /// Anonymous memory, each page of it present.
    fn anonymous(size: usize) -> Outcome<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let memory = Self::map(size, libc::PROT_READ | libc::PROT_WRITE, flags, -1)?;
        // SAFETY: mapped above, writable.
        unsafe { std::ptr::write_bytes(memory.start.cast::<u8>(), 1, size) };
        Ok(memory)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, and nothing points into it any more.
        unsafe { libc::munmap(self.start, self.size) };
    }
}

fn checked(result: i32) -> Outcome<()> {
    if result == 0 { Ok(()) } else { Err(Error::last_os_error().into()) }
}

/// `mmap SIZE`: mmap(2) and munmap(2).
pub fn mmap(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let size = argument(arguments, 0)?.parse()?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    time(loops, || Memory::map(size, libc::PROT_READ | libc::PROT_WRITE, flags, -1))
}

/// `mprotect SIZE PROTECTION`: mprotect(2) to that, and back to readable and writable.
pub fn mprotect(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let memory = Memory::anonymous(argument(arguments, 0)?.parse()?)?;
    let protection = argument(arguments, 1)?.parse()?;
    time(loops, || {
        // SAFETY: our own memory, of which nothing is read meanwhile.
        checked(unsafe { libc::mprotect(memory.start, memory.size, protection) })?;
        // SAFETY: as above.
        checked(unsafe { libc::mprotect(memory.start, memory.size, libc::PROT_READ | libc::PROT_WRITE) })
    })
}

/// `mlock SIZE`: mlock(2) and munlock(2).
pub fn mlock(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let memory = Memory::anonymous(argument(arguments, 0)?.parse()?)?;
    time(loops, || {
        // SAFETY: our own memory.
        checked(unsafe { libc::mlock(memory.start, memory.size) })?;
        // SAFETY: as above.
        checked(unsafe { libc::munlock(memory.start, memory.size) })
    })
}

/// `msync FILE`: msync(2) of a shared mapping of the file.
pub fn msync(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(argument(arguments, 0)?)?;
    let size = usize::try_from(file.metadata()?.len())?;
    let memory = Memory::map(size, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file.as_raw_fd())?;
    // SAFETY: our own memory.
    time(loops, || checked(unsafe { libc::msync(memory.start, memory.size, libc::MS_SYNC) }))
}

/// `mremap SIZE`: mremap(2) of present pages to another place and twice the size, and back to the size; a page behind
/// them has them move.
pub fn mremap(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    const PAGE: usize = 4096;
    let size: usize = argument(arguments, 0)?.parse()?;
    let mut memory = Memory::anonymous(size)?;
    // Between addresses that are multiples of a GiB, the kernel moves whole GiBs at once, in 1/25 of the time. A few
    // processes in a thousand get such an address by chance, so another one is taken.
    let mut before = Vec::new();
    while memory.start.addr() % (1 << 30) == 0 {
        drop(memory);
        before.push(Memory::anonymous(2 << 20)?);
        memory = Memory::anonymous(size)?;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let remap = |start, size, new, flags| {
        // SAFETY: our own memory, of which nothing is read meanwhile.
        let moved = unsafe { libc::mremap(start, size, new, flags) };
        if moved == libc::MAP_FAILED { Err(Error::last_os_error()) } else { Ok(moved) }
    };
    time(loops, || {
        // SAFETY: a new page, which replaces nothing.
        let behind = unsafe { libc::mmap(memory.start.byte_add(memory.size), PAGE, libc::PROT_NONE, flags, -1, 0) };
        memory.start = remap(memory.start, size, 2 * size, libc::MREMAP_MAYMOVE)?;
        if behind != libc::MAP_FAILED {
            // SAFETY: mapped above.
            checked(unsafe { libc::munmap(behind, PAGE) })?;
        }
        remap(memory.start, 2 * size, size, 0)?;
        Ok(())
    })
}
