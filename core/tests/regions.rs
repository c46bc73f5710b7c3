//! Regions over real memory: made, protected, split, merged and given back, against the kernel's own list.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "makes a FIFO")]

use mmap_rs_core::Error;
use mmap_rs_core::areas;
use mmap_rs_core::memory::{Access, Kind, Place, Region, Request, Source, page};
use mmap_rs_core::mmap_rs::{MmapFlags, Protection, UnsafeMmapFlags};
use mmap_rs_core::state::{Extent, Span};
use proptest::prelude::*;
use std::io::Write;

fn map(pages: usize, access: Access) -> Region {
    Request::new(pages * page::base()).expect("not 0").map(access, false).expect("mapped")
}

fn protection(address: usize) -> Option<Protection> {
    areas::query(None, address).expect("list").map(|area| area.protection)
}

/// The pages of a span and their protection, as the kernel has them.
fn kernel(span: Span) -> Vec<Option<Protection>> {
    (0..span.len.div_ceil(page::base())).map(|i| protection(span.start + i * page::base())).collect()
}

#[test]
fn each_protection_is_set() {
    for reserved in [false, true] {
        for from in [Access::None, Access::Read, Access::Exec, Access::Write] {
            for to in [Access::None, Access::Read, Access::Exec, Access::Write] {
                let mut region = Request::new(1).expect("not 0").map(from, reserved).expect("mapped");
                assert_eq!(kernel(region.span()), [Some(from.protection())]);
                region.make(to, true).expect("changed");
                assert_eq!(kernel(region.span()), [Some(to.protection())]);
                assert_eq!(region.kind(), to.kind(reserved));
            }
        }
    }
}

#[test]
fn a_change_without_its_flag_changes_nothing() {
    let mut region = map(1, Access::Write);
    let failure = region.make(Access::ExecWrite, false).expect_err("no JIT flag");
    assert!(matches!(failure.error, Error::UnsafeFlagNeeded(flags, _) if flags == UnsafeMmapFlags::JIT));
    assert!(!failure.lost);
    assert_eq!(region.kind(), Kind::MmapMut);
    assert_eq!(kernel(region.span()), [Some(Access::Write.protection())]);
}

#[test]
fn a_change_that_fails_in_the_middle_is_taken_back() {
    // The file is open for reading only, so a shared map of it can't become writable; the anonymous part before it
    // would have. Such a region can't be merged, so the parts are of one file here, and the first is made by hand.
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(&vec![7; 3 * page::base()]).expect("written");
    let readable = std::fs::File::open(file.path()).expect("opened");
    let mut request = Request::new(3 * page::base()).expect("not 0");
    request.flags = MmapFlags::SHARED;
    request.source = Some(Source::open(readable, "file", 0, false).expect("aligned"));
    let mut region = request.map(Access::Read, false).expect("mapped");
    let tail = region.split_off(page::base()).expect("split");
    region.merge(tail);
    assert_eq!(region.parts(), 2);
    let failure = region.make(Access::Write, false).expect_err("refused");
    let Error::System(error) = failure.error else { panic!("of the system") };
    assert_eq!(error.code, libc::EACCES);
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("for reading only")), "{error:?}");
    assert!(!failure.lost);
    assert_eq!(kernel(region.span()), [Some(Protection::READ); 3]);
    region.make(Access::None, false).expect("still whole");
    assert_eq!(kernel(region.span()), [Some(Protection::empty()); 3]);
}

#[test]
fn what_was_unmapped_is_gone_and_dropped_once() {
    let mut region = map(3, Access::Write);
    let span = region.span();
    region.unmap().expect("unmapped");
    assert_eq!(kernel(span), [None; 3]);
    // Somebody else gets the place; dropping the region must not touch it.
    let mut request = Request::new(span.len).expect("not 0");
    request.place = Place::near(span.start);
    let other = request.map(Access::Read, false).expect("mapped");
    drop(region);
    if other.span().start == span.start {
        assert_eq!(kernel(span), [Some(Protection::READ); 3]);
    }
}

#[test]
fn advice_that_fails_leaves_nothing() {
    let spare = map(64, Access::None);
    let place = spare.span();
    drop(spare);
    let mut request = Request::new(page::base()).expect("not 0");
    request.place = Place::near(place.start);
    request.flags = MmapFlags::LOCKED | MmapFlags::DONTNEED;
    if let Err(error) = request.map(Access::Write, false) {
        assert!(matches!(error, Error::System(_)), "{error}");
        assert_eq!(protection(place.start), None, "U7");
    }
}

#[test]
fn files_are_checked_and_continued() {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(&vec![7; 4 * page::base() - 10]).expect("written");
    let source = Source::open(file, "file", 0, false).expect("aligned");
    let mut request = Request::new(4 * page::base()).expect("not 0");
    request.source = Some(source);
    assert!(matches!(request.map(Access::Read, false), Err(Error::InvalidSize(_))), "U6");
    request.size -= 10;
    let mut head = request.map(Access::Read, false).expect("mapped");
    let mut tail = head.split_off(2 * page::base()).expect("split");
    assert!(tail.check_merge(&head).is_err());
    head.check_merge(&tail).expect("the file goes on there");
    let anonymous = map(1, Access::Read);
    assert!(head.check_merge(&anonymous).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any sequence of splits and merges keeps every byte, and the parts' borders, where they belong.
    #[test]
    fn splits_and_merges_keep_the_bytes(cuts in proptest::collection::vec(1usize..12, 1..10)) {
        let page = page::base();
        let mut pieces = vec![map(12, Access::Write)];
        let start = pieces[0].span().start;
        for page_at in cuts {
            let at = page_at * page;
            let index = pieces.iter().position(|piece| {
                let from = piece.span().start - start;
                from < at && at < from + piece.span().len
            });
            match index {
                Some(index) => {
                    let from = pieces[index].span().start - start;
                    let tail = pieces[index].split_off(at - from).expect("inside");
                    pieces.insert(index + 1, tail);
                }
                // The border is there already: join the two again.
                None => {
                    let index = pieces.iter().position(|piece| piece.span().start - start == at).expect("a border");
                    let next = pieces.remove(index);
                    pieces[index - 1].check_merge(&next).expect("adjacent");
                    pieces[index - 1].merge(next);
                }
            }
            let mut at = start;
            for piece in &pieces {
                prop_assert_eq!(piece.span().start, at);
                at += piece.span().len;
            }
            prop_assert_eq!(at, start + 12 * page);
        }
        for piece in &mut pieces {
            piece.make(Access::Read, false).expect("changed");
        }
        prop_assert_eq!(kernel(Span { start, len: 12 * page }), vec![Some(Protection::READ); 12]);
        while let Some(piece) = pieces.pop() {
            let span = piece.span();
            drop(piece);
            prop_assert_eq!(kernel(span), vec![None; span.len / page]);
        }
    }
}

#[test]
fn a_fifo_is_refused_at_once() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("fifo");
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).expect("no null");
    // SAFETY: a path that ends with null.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let mut request = Request::new(1).expect("not 0");
    request.source = Some(Source::path(path, 0, false).expect("aligned"));
    let error = request.map(Access::Read, false).expect_err("can't be mapped");
    assert!(matches!(error, Error::System(ref error) if error.code == libc::ENODEV), "{error:?}");
}

/// `/dev/zero`: each open file of it has memory of its own, and all have one inode.
fn zero(pages: usize, offset: usize, address: usize) -> Region {
    let file = std::fs::File::options().read(true).write(true).open("/dev/zero").expect("opened");
    let mut request = Request::new(pages * page::base()).expect("not 0");
    request.source = Some(Source::open(file, "zero", offset as u64, false).expect("aligned"));
    request.flags = MmapFlags::SHARED;
    request.place = Place::near(address);
    if address != 0 {
        request.unsafe_flags = UnsafeMmapFlags::MAP_FIXED;
    }
    request.map(Access::Write, false).expect("mapped")
}

#[test]
fn files_that_share_an_inode_are_not_merged() {
    let mut spare = map(3, Access::None);
    let start = spare.span().start;
    spare.unmap().expect("unmapped");
    let mut first = zero(2, 0, start);
    let second = zero(1, 2 * page::base(), start + 2 * page::base());
    assert!(matches!(first.check_merge(&second), Err(Error::BackingMismatch(_))));
    // Parts of one mapping are of one file.
    let tail = first.split_off(page::base()).expect("split");
    first.check_merge(&tail).expect("as before");
    first.merge(tail);
    assert_eq!(first.span().len, 2 * page::base());
}

#[test]
fn offsets_that_no_file_has_are_named() {
    let zero = || std::fs::File::open("/dev/zero").expect("opened");
    let file = || tempfile::tempfile().expect("file");
    for offset in [1 << 63, u64::MAX - 0xffff, (1 << 63) - page::base() as u64] {
        for (file, past_end) in [(zero(), false), (zero(), true), (file(), true)] {
            let mut request = Request::new(page::base()).expect("not 0");
            request.source = Some(Source::open(file, "file", offset, past_end).expect("aligned"));
            let error = request.map(Access::Read, false).expect_err("beyond all");
            assert!(
                matches!(error, Error::InvalidOffset(ref text) if text.contains(&offset.to_string())),
                "{offset}: {error:?}"
            );
        }
        let mut request = Request::new(page::base()).expect("not 0");
        request.source = Some(Source::open(file(), "file", offset, false).expect("aligned"));
        assert!(matches!(request.map(Access::Read, false), Err(Error::InvalidSize(_))), "past the end: {offset}");
    }
}

#[test]
fn a_file_keeps_its_page_size() {
    let file = tempfile::tempfile().expect("file");
    file.set_len(4 << 20).expect("longer");
    let source = Source::open(file, "file", 0, false).expect("aligned");
    let request = |page_size, flags| {
        let mut request = Request::new(4 << 20).expect("not 0");
        (request.source, request.page_size, request.flags) = (Some(source.clone()), page_size, flags);
        request.map(Access::Read, false)
    };
    let base = page::base().trailing_zeros();
    request(Some(base), MmapFlags::empty()).expect("its own");
    for other in [base + 1, 21, 30, 63, 64, u32::MAX] {
        assert!(matches!(request(Some(other), MmapFlags::empty()), Err(Error::InvalidSize(_))), "{other}");
    }
    assert!(matches!(request(None, MmapFlags::HUGE_PAGES), Err(Error::InvalidOperation(_))));
    assert!(matches!(request(Some(base), MmapFlags::HUGE_PAGES), Err(Error::InvalidSize(_))));
}

#[test]
fn what_has_no_size_says_so() {
    for path in ["/dev/zero", "/proc/self/maps", "/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        let path = std::path::PathBuf::from(path);
        if !path.exists() {
            continue;
        }
        let error = Source::path(path.clone(), 0, false).and_then(|source| source.rest()).expect_err("no size");
        let Error::InvalidSize(text) = error else { panic!("{path:?}: {error:?}") };
        assert!(text.contains("has no size") && text.contains("MmapOptions(size).with_file(..)"), "{text}");
    }
}
