//! Windows: regions over real memory and files, as the system sees them. What the tests say holds on Windows; where
//! an emulator is known to differ, nothing is said.
#![cfg(windows)]

use mmap_rs_core::areas::{self, Area};
use mmap_rs_core::memory::{Access, Kind, Region, Request, Source, page};
use mmap_rs_core::mmap_rs::{MmapFlags, Protection, UnsafeMmapFlags};
use mmap_rs_core::state::{Resident, Span};
use mmap_rs_core::{Error, Result};
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::Foundation as codes;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

const ALL: [Access; 5] = [Access::None, Access::Read, Access::Exec, Access::Write, Access::ExecWrite];

fn request(size: usize) -> Request {
    let mut request = Request::new(size).expect("not 0");
    request.unsafe_flags = UnsafeMmapFlags::JIT;
    request
}

/// A request for a file of some pages, the bytes of each of which are its number.
fn of_file(file: &File, size: usize, offset: u64, flags: MmapFlags) -> Request {
    let file = file.try_clone().expect("duplicated");
    let mut request = request(size);
    request.flags = flags;
    request.source = Some(Source::open(file, "file", offset, false).expect("aligned"));
    request
}

fn numbered(pages: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    for number in 0..pages {
        file.write_all(&vec![number as u8 + 1; page::base()]).expect("written");
    }
    file
}

fn area(address: usize) -> Option<Area> {
    areas::query(None, address).expect("list")
}

fn protection(region: &Region) -> Option<Protection> {
    area(region.span().start).map(|area| area.protection)
}

/// One byte of a region that may be read.
fn byte(region: &Region, at: usize) -> u8 {
    assert!(at < region.span().len);
    // SAFETY: mapped, and readable as each caller has made it.
    unsafe { std::ptr::read_volatile((region.span().start + at) as *const u8) }
}

fn put(region: &Region, at: usize, value: u8) {
    assert!(at < region.span().len);
    // SAFETY: mapped, and writable as each caller has made it.
    unsafe { std::ptr::write_volatile((region.span().start + at) as *mut u8, value) }
}

fn code<T>(result: Result<T>) -> Option<u32> {
    match result.err().expect("refused") {
        Error::System(error) => Some(error.code as u32),
        _ => None,
    }
}

/// How many handles this process has. Where the system does not count them, as Wine does not, the number of the next
/// one, which does not grow while none leaks.
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
fn u13_u18_each_protection_of_memory_is_set() {
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
fn u19_code_in_a_private_file_runs() {
    if !cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
        return;
    }
    // The right to execute is won by opening the file once more, which a file that is open to nobody else forbids.
    let mut file = tempfile::NamedTempFile::new().expect("file");
    // mov eax, 42; ret
    file.write_all(&[0xb8, 42, 0, 0, 0, 0xc3]).expect("written");
    let region = of_file(file.as_file(), 6, 0, MmapFlags::empty()).map(Access::Exec, false).expect("mapped");
    // SAFETY: the bytes above are that function.
    let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(region.span().start) };
    assert_eq!(function(), 42);
}

#[test]
fn u18_without_the_flag_nothing_is_writable_and_executable() {
    let mut region = Request::new(1).expect("not 0").map(Access::Write, false).expect("mapped");
    let failure = region.make(Access::ExecWrite, false).expect_err("no JIT flag");
    assert!(matches!(failure.error, Error::UnsafeFlagNeeded(flags, _) if flags == UnsafeMmapFlags::JIT));
    assert!(!failure.lost);
    assert_eq!(protection(&region), Some(Access::Write.protection()));
}

#[test]
fn u14_files_are_mapped_at_any_aligned_offset() {
    let unit = page::granularity();
    let pages = unit / page::base();
    let file = numbered(3 * pages);
    for flags in [MmapFlags::empty(), MmapFlags::SHARED] {
        for times in 0..3 {
            let offset = times * unit;
            let region = of_file(file.as_file(), unit, offset as u64, flags).map(Access::Read, false).expect("mapped");
            assert_eq!(byte(&region, 0), (times * pages + 1) as u8);
            assert_eq!(byte(&region, unit - 1), ((times + 1) * pages) as u8);
        }
    }
    let odd = Source::open(file.reopen().expect("opened"), "file", page::base() as u64, false);
    assert!(matches!(odd, Err(Error::InvalidOffset(_))));
}

#[test]
fn u15_a_map_that_fails_leaks_nothing() {
    let file = numbered(1);
    let reader = File::open(file.path()).expect("opened");
    let taken = request(1).map(Access::Read, false).expect("mapped");
    let failing = || {
        let mut fixed = of_file(file.as_file(), page::base(), 0, MmapFlags::SHARED);
        fixed.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        fixed.address = taken.span().start;
        assert!(fixed.map(Access::Read, false).is_err(), "the address is taken");
        let written = of_file(&reader, page::base(), 0, MmapFlags::SHARED).map(Access::Write, false);
        assert_eq!(code(written), Some(codes::ERROR_ACCESS_DENIED));
    };
    failing();
    let before = handles();
    (0..200).for_each(|_| failing());
    assert!(handles() <= before + 64, "handles leaked");
    // A section left open would forbid this.
    file.as_file().set_len(1).expect("made shorter");
}

#[test]
fn u16_addresses_are_met_or_refused() {
    let unit = page::granularity();
    let file = numbered(1);
    let spare = request(4 * unit).map(Access::None, false).expect("mapped");
    let place = spare.span().start;
    let anonymous = || request(page::base());
    let of_file = || of_file(file.as_file(), page::base(), 0, MmapFlags::empty());
    for make in [&anonymous as &dyn Fn() -> Request, &of_file] {
        let mut wish = make();
        wish.address = place;
        assert_ne!(wish.map(Access::Read, false).expect("elsewhere").span().start, place, "it is taken");
        let mut fixed = make();
        fixed.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        fixed.address = place;
        assert!(code(fixed.map(Access::Read, false)).is_some(), "it is taken");
        fixed.address = place + page::base();
        assert_eq!(code(fixed.map(Access::Read, false)), Some(codes::ERROR_MAPPED_ALIGNMENT));
    }
    drop(spare);
    for make in [&anonymous as &dyn Fn() -> Request, &of_file] {
        let mut wish = make();
        wish.address = place + 1;
        assert_eq!(wish.map(Access::Read, false).expect("mapped").span().start, place, "rounded down");
        wish.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        wish.address = place + unit;
        assert_eq!(wish.map(Access::Read, false).expect("mapped").span().start, place + unit);
    }
}

#[test]
fn u20_no_file_gets_longer_by_itself() {
    let file = numbered(1);
    let len = || std::fs::metadata(file.path()).expect("there").len();
    let size = 3 * page::base();
    for access in [Access::Read, Access::Write] {
        let refused = of_file(file.as_file(), size, 0, MmapFlags::SHARED).map(access, false);
        assert!(matches!(refused, Err(Error::InvalidSize(_))));
    }
    let mut request = of_file(file.as_file(), size, 0, MmapFlags::SHARED);
    request.source = Some(Source::open(file.reopen().expect("opened"), "file", 0, true).expect("aligned"));
    assert!(matches!(request.map(Access::Read, false), Err(Error::InvalidSize(_))), "who reads asks for no bytes");
    assert_eq!(len(), page::base() as u64);
    request.source = Some(Source::open(
        OpenOptions::new().read(true).write(true).open(file.path()).expect("opened"),
        "file",
        0,
        true,
    ))
    .transpose()
    .expect("aligned");
    let taken = self::request(1).map(Access::Read, false).expect("mapped");
    let mut fixed = request.clone();
    fixed.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
    fixed.address = taken.span().start;
    assert!(fixed.map(Access::Write, false).is_err(), "the address is taken");
    assert_eq!(len(), page::base() as u64, "the system had made it longer for that");
    drop(request.map(Access::Write, false).expect("asked for"));
    assert_eq!(len(), size as u64);
}

#[test]
fn u20_the_rest_of_the_last_page_may_be_mapped() {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(&[7; 100]).expect("written");
    let mut request = request(page::base());
    request.source = Some(Source::open(file.try_clone().expect("duplicated"), "file", 0, true).expect("aligned"));
    let region = request.map(Access::Read, false).expect("mapped");
    assert_eq!((byte(&region, 99), byte(&region, 100), byte(&region, page::base() - 1)), (7, 0, 0));
    assert_eq!(file.metadata().expect("open").len(), 100);
}

#[test]
fn u21_flush_reaches_the_file() {
    let file = numbered(2);
    let region = of_file(file.as_file(), 2 * page::base(), 0, MmapFlags::SHARED).map(Access::Write, false);
    let region = region.expect("mapped");
    put(&region, page::base(), 99);
    region.flush(None, true).expect("flushed");
    region.flush(Some(&(1..2)), false).expect("started");
    let mut found = [0];
    let mut other = file.reopen().expect("opened");
    other.seek(SeekFrom::Start(page::base() as u64)).expect("there");
    other.read_exact(&mut found).expect("read");
    assert_eq!(found, [99]);
    // What has no file, or is private, has nowhere to go; what is only read has nothing to bring.
    let reader = File::open(file.path()).expect("opened");
    for request in [
        request(page::base()),
        of_file(file.as_file(), page::base(), 0, MmapFlags::empty()),
        of_file(&reader, page::base(), 0, MmapFlags::SHARED),
    ] {
        request.map(Access::Read, false).expect("mapped").flush(None, true).expect("nothing to do");
    }
}

#[test]
fn a_file_open_for_reading_can_not_be_written_through_its_memory() {
    let file = numbered(1);
    let reader = File::open(file.path()).expect("opened");
    let mut region = of_file(&reader, page::base(), 0, MmapFlags::SHARED).map(Access::Read, false).expect("mapped");
    let failure = region.make(Access::Write, false).expect_err("refused");
    assert!(matches!(failure.error, Error::System(ref error) if error.code as u32 == codes::ERROR_ACCESS_DENIED));
    assert!(!failure.lost);
    assert_eq!(protection(&region), Some(Protection::READ));
    region.make(Access::Exec, true).expect("executing writes nothing");
}

#[test]
fn reservations_remember_their_protection() {
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
    let unit = page::granularity();
    let file = numbered(2 * unit / page::base());
    let spare = request(4 * unit).map(Access::None, false).expect("mapped");
    let place = spare.span().start;
    drop(spare);
    let at = |mut request: Request, address: usize| {
        request.address = address;
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
    let region = request(page::base()).map(Access::Write, false).expect("mapped");
    region.unlock().expect("not locked, as was asked");
    region.lock().expect("locked");
    region.unlock().expect("unlocked");
}

#[test]
fn a_part_that_is_not_locked_keeps_no_other_locked() {
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
        // Wine counts no locks, and unlocks whatever it is asked to.
        let is_wine = std::env::var("MMAP_RS_EMULATOR").is_ok_and(|name| name == "wine");
        assert!(is_wine || unlocked == 0 && error == Some(codes::ERROR_NOT_LOCKED as i32), "page {number}");
    }
}

#[test]
fn u17_lists_of_other_processes_leak_nothing() {
    let list = || areas::Areas::open(Some(std::process::id()), None).expect("ours").advance().expect("an area");
    assert!(list().is_some());
    let before = handles();
    (0..200).for_each(|_| drop(list()));
    assert!(handles() <= before + 64, "handles leaked");
    assert!(areas::Areas::open(Some(u32::MAX), None).is_err());
}

#[test]
fn u22_paths_are_as_programs_know_them() {
    let file = numbered(1);
    let region = of_file(file.as_file(), page::base(), 0, MmapFlags::empty()).map(Access::Read, false).expect("mapped");
    let (path, offset) = area(region.span().start).and_then(|area| area.path).expect("of a file");
    assert_eq!(offset, 0);
    let (found, expected) = (std::fs::canonicalize(path).expect("opens"), file.path().canonicalize().expect("there"));
    assert_eq!(found, expected);
}

#[test]
fn others_may_rename_a_file_that_was_opened_by_its_path_and_later_delete_it() {
    let folder = tempfile::tempdir().expect("folder");
    let (path, renamed) = (folder.path().join("one"), folder.path().join("two"));
    std::fs::write(&path, [3; 10]).expect("written");
    let mut request = request(10);
    request.flags = MmapFlags::SHARED;
    request.source = Some(Source::path(path.clone(), 0, false).expect("aligned"));
    let region = request.map(Access::Write, false).expect("mapped");
    std::fs::rename(&path, &renamed).expect("renamed");
    assert_eq!(byte(&region, 9), 3);
    put(&region, 9, 4);
    region.flush(None, true).expect("flushed");
    assert_eq!(std::fs::read(&renamed).expect("read")[9], 4);
    drop(region);
    std::fs::remove_file(&renamed).expect("deleted");
}

#[test]
fn identity_tells_files_apart() {
    let (one, two) = (numbered(2), numbered(2));
    let unit = page::granularity();
    let spare = request(2 * unit).map(Access::None, false).expect("mapped");
    let place = spare.span().start;
    drop(spare);
    let at = |file: &File, address: *const c_void| {
        let mut request = of_file(file, page::base(), 0, MmapFlags::empty());
        request.address = address as usize;
        request.map(Access::Read, false).expect("mapped")
    };
    let mut head = request(unit);
    head.address = place;
    head.source = Some(Source::open(one.reopen().expect("opened"), "one", 0, false).expect("aligned"));
    head.size = 2 * page::base();
    let first = head.map(Access::Read, false).expect("mapped");
    let other = at(two.as_file(), (place + unit) as *const c_void);
    assert!(first.check_merge(&other).is_err());
    let (mut whole, again) = (first, at(&one.reopen().expect("opened"), std::ptr::null()));
    let tail = whole.split_off(page::base()).expect("split");
    whole.check_merge(&tail).expect("the same file, continued");
    assert!(matches!(whole.check_merge(&again), Err(Error::MustBeAdjacent(_))));
}
