//! Upstream's defects under Windows, shown on upstream itself; see `upstream_canary.rs`.
//!
//! One that fails tells that upstream has mended it. When all of U13 to U22 are mended, upstream's objects can take
//! the place of those in `core/src/memory/sys/windows`.
#![cfg(windows)]
#![allow(unsafe_code, reason = "calls upstream's unsafe functions, and the system")]

use mmap_rs::{Error, MemoryAreas, MmapFlags, MmapOptions, Protection, UnsafeMmapFlags};
use std::fs::File;
use std::io::Write;
use std::os::windows::io::AsRawHandle;
use std::sync::{Mutex, MutexGuard, PoisonError};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

fn options(size: usize) -> MmapOptions<'static> {
    MmapOptions::new(size).expect("not 0")
}

fn page() -> usize {
    MmapOptions::page_size()
}

fn of_pages(pages: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(&vec![1; pages * page()]).expect("written");
    file
}

fn protection(address: usize) -> Option<Protection> {
    MemoryAreas::query(address).expect("list").map(|area| area.protection())
}

/// Held by each test here: others would take handles that it counts, and addresses that it has found free.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many handles this process has. Where the system does not count them, as Wine does not, the number of the next
/// one, which grows as handles leak.
fn handles() -> usize {
    let mut count = 0;
    // SAFETY: asks about this process, and writes the number.
    let known = unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut count) };
    if known != 0 && count != 0 {
        return count as usize;
    }
    File::open("NUL").expect("opened").as_raw_handle() as usize
}

#[test]
fn u13_read_only_memory_stays_writable() {
    let _alone = alone();
    let map = options(1).map_mut().expect("mapped").make_read_only().map_err(|(_, error)| error).expect("changed");
    assert_eq!(protection(map.start()), Some(Protection::READ | Protection::WRITE));
}

#[test]
fn u14_u15_u22_an_offset_fails_and_leaks() {
    let _alone = alone();
    let unit = MmapOptions::allocation_granularity();
    let file = of_pages(2 * unit / page());
    // SAFETY: a file of our own, whose bytes are not touched.
    let failing = || unsafe { options(unit).with_file(file.as_file(), unit as u64) }.map().is_err();
    assert!(failing());
    let before = handles();
    assert!((0..100).all(|_| failing()));
    assert!(handles() >= before + 90, "a section's handle stays open for each");
}

#[test]
fn u16_the_address_of_a_file_is_forgotten() {
    let _alone = alone();
    let file = of_pages(1);
    let spare = options(1).map_none().expect("mapped");
    let place = spare.start();
    drop(spare);
    // SAFETY: a file of our own, whose bytes are not touched.
    let map = unsafe { options(page()).with_address(place + (1 << 30)).with_file(file.as_file(), 0) };
    assert_ne!(map.map().expect("mapped").start(), place + (1 << 30));
}

#[test]
fn u17_lists_of_other_processes_leak() {
    let _alone = alone();
    let before = handles();
    for _ in 0..100 {
        assert!(MemoryAreas::open(Some(std::process::id())).is_ok(), "ours");
    }
    assert!(handles() >= before + 90);
}

#[test]
fn u18_memory_can_not_become_writable_and_executable() {
    let _alone = alone();
    // SAFETY: nothing is executed.
    let map = unsafe { options(1).with_unsafe_flags(UnsafeMmapFlags::JIT) }.map_mut().expect("mapped");
    // SAFETY: as above.
    let (_, error) = unsafe { map.make_exec_mut() }.expect_err("copy-on-write without a file");
    assert!(matches!(error, Error::Io(_)));
}

#[test]
fn u19_private_files_are_not_executable() {
    let _alone = alone();
    let file = of_pages(1);
    // SAFETY: a file of our own; nothing is executed.
    assert!(unsafe { options(page()).with_file(file.as_file(), 0) }.map_exec().is_err());
}

#[test]
fn u20_a_map_for_reading_makes_the_file_longer() {
    let _alone = alone();
    let file = of_pages(1);
    // SAFETY: a file of our own, whose bytes are not touched.
    let map = unsafe { options(3 * page()).with_flags(MmapFlags::SHARED).with_file(file.as_file(), 0) }.map();
    drop(map.expect("mapped"));
    assert_eq!(file.as_file().metadata().expect("open").len(), 3 * page() as u64);
}
