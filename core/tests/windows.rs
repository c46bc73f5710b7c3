//! Windows: regions over real memory, as the system sees them.
#![cfg(windows)]
#![allow(unsafe_code, reason = "reads mapped bytes, and asks the system")]

mod windows_help;

use mmap_rs_core::Error;
use mmap_rs_core::areas;
use mmap_rs_core::memory::{Access, Kind, Place, Request, page};
use mmap_rs_core::mmap_rs::{MmapFlags, Protection, UnsafeMmapFlags};
use mmap_rs_core::state::{Extent, Span};
use std::ffi::c_void;
use windows_help::*;
use windows_sys::Win32::Foundation as codes;

#[test]
fn u13_u18_each_protection_of_memory_is_set() {
    let _alone = alone();
    for from in ALL {
        for to in ALL {
            let mut region = request(1).map(from, false).expect("mapped");
            assert_eq!(protection(&region), Some(from.protection()), "{from:?}");
            region.make(to, true).expect("changed");
            assert_eq!(protection(&region), Some(to.protection()), "{from:?} to {to:?}");
        }
    }
}

#[test]
fn u13_u18_u19_each_protection_of_a_file_is_set() {
    let _alone = alone();
    let file = numbered(1);
    for flags in [MmapFlags::empty(), MmapFlags::SHARED] {
        for from in ALL {
            for to in ALL {
                let request = of_file(file.as_file(), page::base(), 0, flags);
                let mut region = request.map(from, false).expect("mapped");
                assert_eq!(protection(&region), Some(from.protection()), "{flags:?} {from:?}");
                region.make(to, true).unwrap_or_else(|error| panic!("{flags:?} {from:?} to {to:?}: {error:?}"));
                assert_eq!(protection(&region), Some(to.protection()), "{flags:?} {from:?} to {to:?}");
            }
        }
    }
}

#[test]
fn u18_without_the_flag_nothing_is_writable_and_executable() {
    let _alone = alone();
    let mut region = Request::new(1).expect("not 0").map(Access::Write, false).expect("mapped");
    let failure = region.make(Access::ExecWrite, false).expect_err("no JIT flag");
    assert!(matches!(failure.error, Error::UnsafeFlagNeeded(flags, _) if flags == UnsafeMmapFlags::JIT));
    assert!(!failure.lost);
    assert_eq!(protection(&region), Some(Access::Write.protection()));
}

#[test]
fn u16_addresses_are_met_or_refused() {
    let _alone = alone();
    let unit = page::granularity();
    let file = numbered(1);
    let spare = request(4 * unit).map(Access::None, false).expect("mapped");
    let place = spare.span().start;
    let anonymous = || request(page::base());
    let of_file = || of_file(file.as_file(), page::base(), 0, MmapFlags::empty());
    for make in [&anonymous as &dyn Fn() -> Request, &of_file] {
        let mut wish = make();
        wish.place = Place::near(place);
        assert_ne!(wish.map(Access::Read, false).expect("elsewhere").span().start, place, "it is taken");
        let mut fixed = make();
        fixed.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        fixed.place = Place::near(place);
        assert!(code(fixed.map(Access::Read, false)).is_some(), "it is taken");
        fixed.place = Place::near(place + page::base());
        assert_eq!(code(fixed.map(Access::Read, false)), Some(codes::ERROR_MAPPED_ALIGNMENT));
    }
    drop(spare);
    for make in [&anonymous as &dyn Fn() -> Request, &of_file] {
        let mut wish = make();
        wish.place = Place::near(place + 1);
        assert_eq!(wish.map(Access::Read, false).expect("mapped").span().start, place, "rounded down");
        wish.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        wish.place = Place::near(place + unit);
        assert_eq!(wish.map(Access::Read, false).expect("mapped").span().start, place + unit);
    }
}

#[test]
fn reservations_remember_their_protection() {
    let _alone = alone();
    for (from, to) in [(Access::None, Access::Write), (Access::Write, Access::Read), (Access::Read, Access::ExecWrite)]
    {
        let mut region = request(3 * page::base()).map(from, true).expect("reserved");
        assert_eq!(protection(&region), Some(Protection::empty()), "nothing is there yet");
        region.make(to, false).expect("remembered");
        let mut tail = region.split_off(page::base()).expect("split");
        region.commit().expect("committed");
        assert_eq!(protection(&region), Some(to.protection()));
        assert_eq!(protection(&tail), Some(Protection::empty()));
        assert!(tail.kind().is_reserved());
        tail.commit().expect("committed");
        region.merge(tail);
        assert_eq!(region.kind(), to.kind(false));
        assert_eq!(area(region.span().start + 2 * page::base()).map(|area| area.protection), Some(to.protection()));
    }
}

#[test]
fn splits_of_both_kinds_are_given_back_with_the_last() {
    let _alone = alone();
    let file = numbered(3);
    for request in [request(3 * page::base()), of_file(file.as_file(), 3 * page::base(), 0, MmapFlags::SHARED)] {
        let mut head = request.map(Access::Read, false).expect("mapped");
        let Span { start, .. } = head.span();
        let mut middle = head.split_off(page::base()).expect("split");
        let tail = middle.split_off(page::base()).expect("split");
        drop(middle);
        let left = area(start + page::base()).map_or(Protection::empty(), |area| area.protection);
        assert_eq!(left, Protection::empty(), "nobody can use it any more");
        assert_eq!([protection(&head), protection(&tail)], [Some(Protection::READ); 2]);
        drop(head);
        assert_eq!(protection(&tail), Some(Protection::READ));
        drop(tail);
        for number in 0..3 {
            assert_eq!(area(start + number * page::base()), None);
        }
    }
}

#[test]
fn two_allocations_become_one_region() {
    let _alone = alone();
    let unit = page::granularity();
    let file = numbered(2 * unit / page::base());
    // In the middle of what was free, which the heap does not take first.
    let spare = request(64 * unit).map(Access::None, false).expect("mapped");
    let place = spare.span().start + 32 * unit;
    drop(spare);
    let at = |mut request: Request, address: usize| {
        request.place = Place::near(address);
        request.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        request.map(Access::Write, false).expect("free")
    };
    let shared = |offset: usize| of_file(file.as_file(), unit, offset as u64, MmapFlags::SHARED);
    for (mut head, tail) in [
        (at(request(unit), place), at(request(unit), place + unit)),
        (at(shared(0), place + 2 * unit), at(shared(unit), place + 3 * unit)),
    ] {
        head.check_merge(&tail).expect("they go together");
        head.merge(tail);
        assert_eq!((head.parts(), head.span().len), (2, 2 * unit));
        put(&head, unit - 1, 1);
        put(&head, unit, 2);
        head.flush(None, true).expect("flushed");
        head.lock().expect("locked");
        head.unlock().expect("unlocked");
        head.make(Access::Read, false).expect("changed");
        assert_eq!((byte(&head, unit - 1), byte(&head, unit)), (1, 2));
        let tail = head.split_off(unit + page::base()).expect("split");
        assert_eq!(tail.kind(), Kind::Mmap);
    }
}

#[test]
fn unlocking_what_is_not_locked_is_no_error() {
    let _alone = alone();
    let region = request(page::base()).map(Access::Write, false).expect("mapped");
    region.unlock().expect("not locked, as was asked");
    region.lock().expect("locked");
    region.unlock().expect("unlocked");
}

#[test]
fn a_part_that_is_not_locked_keeps_no_other_locked() {
    let _alone = alone();
    let page = page::base();
    let mut head = request(3 * page).map(Access::Write, false).expect("mapped");
    let tail = head.split_off(page).expect("split");
    tail.lock().expect("locked");
    head.merge(tail);
    head.unlock().expect("unlocked");
    for number in 0..3 {
        let address = (head.span().start + number * page) as *const c_void;
        // SAFETY: changes no byte and no protection.
        let unlocked = unsafe { windows_sys::Win32::System::Memory::VirtualUnlock(address, page) };
        let error = std::io::Error::last_os_error().raw_os_error();
        assert!(unlocked == 0 && error == Some(codes::ERROR_NOT_LOCKED as i32), "page {number}");
    }
}

#[test]
fn u17_lists_of_other_processes_leak_nothing() {
    let _alone = alone();
    let list = || areas::Areas::open(Some(std::process::id()), None).expect("ours").advance().expect("an area");
    assert!(list().is_some());
    let before = handles();
    (0..200).for_each(|_| drop(list()));
    assert!(handles() <= before + 64, "handles leaked");
    assert!(areas::Areas::open(Some(u32::MAX), None).is_err());
}
