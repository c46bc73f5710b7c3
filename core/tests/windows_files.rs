//! Windows: regions over real files, as the system and the files' other users see them.
#![cfg(windows)]
#![allow(unsafe_code, reason = "reads mapped bytes, and runs some")]

mod windows_help;

use mmap_rs_core::Error;
use mmap_rs_core::memory::{Access, Place, Source, page};
use mmap_rs_core::mmap_rs::{MmapFlags, Protection, UnsafeMmapFlags};
use mmap_rs_core::state::Extent;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use windows_help::*;
use windows_sys::Win32::Foundation as codes;

#[test]
fn u19_code_in_a_private_file_runs() {
    let _alone = alone();
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
fn u14_files_are_mapped_at_any_aligned_offset() {
    let _alone = alone();
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
    let _alone = alone();
    let file = numbered(1);
    let reader = File::open(file.path()).expect("opened");
    let taken = request(1).map(Access::Read, false).expect("mapped");
    let failing = || {
        let mut fixed = of_file(file.as_file(), page::base(), 0, MmapFlags::SHARED);
        fixed.unsafe_flags |= UnsafeMmapFlags::MAP_FIXED;
        fixed.place = Place::near(taken.span().start);
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
fn u20_no_file_gets_longer_by_itself() {
    let _alone = alone();
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
    fixed.place = Place::near(taken.span().start);
    assert!(fixed.map(Access::Write, false).is_err(), "the address is taken");
    assert_eq!(len(), page::base() as u64, "the system had made it longer for that");
    drop(request.map(Access::Write, false).expect("asked for"));
    assert_eq!(len(), size as u64);
}

#[test]
fn u20_the_rest_of_the_last_page_may_be_mapped() {
    let _alone = alone();
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
    let _alone = alone();
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
    let _alone = alone();
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
fn u22_paths_are_as_programs_know_them() {
    let _alone = alone();
    let file = numbered(1);
    let region = of_file(file.as_file(), page::base(), 0, MmapFlags::empty()).map(Access::Read, false).expect("mapped");
    let (path, offset) = area(region.span().start).and_then(|area| area.path).expect("of a file");
    assert_eq!(offset, 0);
    let (found, expected) = (std::fs::canonicalize(path).expect("opens"), file.path().canonicalize().expect("there"));
    assert_eq!(found, expected);
}

#[test]
fn others_may_rename_a_file_that_was_opened_by_its_path_and_later_delete_it() {
    let _alone = alone();
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
    let _alone = alone();
    let (one, two) = (numbered(2), numbered(2));
    let unit = page::granularity();
    let spare = request(2 * unit).map(Access::None, false).expect("mapped");
    let place = spare.span().start;
    drop(spare);
    let at = |file: &File, address: *const c_void| {
        let mut request = of_file(file, page::base(), 0, MmapFlags::empty());
        request.place = Place::near(address as usize);
        request.map(Access::Read, false).expect("mapped")
    };
    let mut head = request(unit);
    head.place = Place::near(place);
    head.source = Some(Source::open(one.reopen().expect("opened"), "one", 0, false).expect("aligned"));
    head.size = 2 * page::base();
    let mut first = head.map(Access::Read, false).expect("mapped");
    let other = at(two.as_file(), (place + unit) as *const c_void);
    assert!(first.check_merge(&other).is_err());
    let (mut whole, again) = (first, at(&one.reopen().expect("opened"), std::ptr::null()));
    let tail = whole.split_off(page::base()).expect("split");
    whole.check_merge(&tail).expect("the same file, continued");
    assert!(matches!(whole.check_merge(&again), Err(Error::MustBeAdjacent(_))));
}
