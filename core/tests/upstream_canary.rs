//! Upstream's defects that this crate works around, shown on upstream itself.
//!
//! Each test passes as long as the defect is there. One that fails tells that upstream has mended it: then the
//! workaround (named in `docs/upstream.md`) can go. Each defect also has a test that ours is right, in
//! `tests/upstream/test_defects.py`. Only what can be shown without harm to the process is shown.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "calls upstream's unsafe functions")]

use mmap_rs::{Error, MemoryAreas, MmapFlags, MmapOptions, PageSize, PageSizes};
use std::io::Write;

fn page() -> usize {
    MmapOptions::page_size()
}

fn options(size: usize) -> MmapOptions<'static> {
    MmapOptions::new(size).expect("not 0")
}

fn is_mapped(address: usize) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("proc");
    maps.lines().any(|line| {
        let (start, rest) = line.split_once('-').expect("a range");
        let end = rest.split(' ').next().expect("an end");
        let number = |text| usize::from_str_radix(text, 16).expect("hexadecimal");
        (number(start)..number(end)).contains(&address)
    })
}

#[test]
fn u1_flush_does_not_widen_its_range() {
    let mut map = options(2 * page()).map_mut().expect("mapped");
    assert!(map.flush(1..page()).is_err(), "an unaligned start");
    drop(map.split_off(page()).expect("split"));
    let outside = map.flush_async(0..2 * page());
    assert!(!matches!(outside, Err(Error::InvalidOffset)), "an end outside reaches the system");
}

#[test]
fn u2_page_size_keeps_bits() {
    let size = PageSize::try_from(PageSizes::_2M).expect("one size");
    assert_ne!(size, PageSize::_2M);
    // A page size that no system has is silently the default huge page: the call asks for huge pages at all, so it
    // fails for want of them, or succeeds, but is not refused as a size.
    let asked = options(2 << 20).with_page_size(PageSize(40)).with_flags(MmapFlags::NO_RESERVE).map_none();
    assert!(!matches!(asked, Err(Error::InvalidSize)));
}

#[test]
fn u3_huge_pages_take_any_size() {
    // Refused for want of huge pages or not, it is not refused as a size.
    let asked = options(3 << 20).with_flags(MmapFlags::HUGE_PAGES | MmapFlags::NO_RESERVE).map_none();
    assert!(!matches!(asked, Err(Error::InvalidSize)));
}

#[test]
fn u4_merge_joins_a_file_and_anonymous_memory() {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(&vec![1; page()]).expect("written");
    let mut whole = options(2 * page()).map_mut().expect("mapped");
    let place = whole.start() + page();
    drop(whole.split_off(page()).expect("split"));
    // SAFETY: a file of our own.
    let next = unsafe { options(page()).with_address(place).with_file(&file, 0) }.map_mut().expect("mapped");
    if next.start() == place && MemoryAreas::query(place).is_ok_and(|area| area.is_some()) {
        assert!(whole.merge(next).is_ok());
    }
}

#[test]
fn u5_split_makes_an_empty_mapping() {
    let mut map = options(2 * page()).map_mut().expect("mapped");
    let head = map.split_to(0).expect("not refused");
    assert_eq!(head.size(), 0);
}

#[test]
fn u6_a_file_map_may_pass_the_end() {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(b"x").expect("written");
    // SAFETY: a file of our own, whose bytes are not touched.
    let map = unsafe { options(4 * page()).with_file(&file, 0) }.map();
    assert!(map.is_ok());
}

#[test]
fn u7_advice_that_fails_leaves_the_memory_mapped() {
    // A place that is free, and a map there that locks and discards, which the kernel refuses after the map.
    let spare = options(16 * page()).map_none().expect("mapped");
    let place = spare.start();
    drop(spare);
    let flags = MmapFlags::LOCKED | MmapFlags::DONTNEED;
    let failed = options(page()).with_address(place).with_flags(flags).map_mut();
    if failed.is_err() && !cfg!(miri) {
        assert!(is_mapped(place), "upstream unmaps what it could not advise");
    }
}

#[test]
#[cfg(debug_assertions)]
fn u8_a_query_of_the_last_address_overflows() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let asked = std::panic::catch_unwind(|| MemoryAreas::query(usize::MAX).is_ok());
    std::panic::set_hook(hook);
    assert!(asked.is_err());
}
