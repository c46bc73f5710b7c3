//! Windows: private maps of files, and what the system charges them with.
#![cfg(windows)]

use mmap_rs_core::areas;
use mmap_rs_core::memory::{Access, Region, Request, Source, page};
use mmap_rs_core::mmap_rs::UnsafeMmapFlags;
use mmap_rs_core::state::Resident;
use std::ffi::c_void;
use std::io::Write;
use windows_sys::Win32::System::Memory as memory;

fn file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(&vec![1; page::base()]).expect("written");
    file
}

fn map(file: &tempfile::NamedTempFile, access: Access, jit: bool) -> Region {
    let mut request = Request::new(page::base()).expect("not 0");
    let own = file.as_file().try_clone().expect("duplicated");
    request.source = Some(Source::open(own, "file", 0, false).expect("aligned"));
    if jit {
        request.unsafe_flags = UnsafeMmapFlags::JIT;
    }
    request.map(access, false).unwrap_or_else(|error| panic!("{access:?}: {error:?}"))
}

/// Changes the protection, and holds the list of areas to it.
fn make(region: &mut Region, to: Access) {
    region.make(to, true).unwrap_or_else(|error| panic!("{to:?}: {error:?}"));
    let area = areas::query(None, region.span().start).expect("list").expect("mapped");
    assert_eq!((area.protection, area.shared), (to.protection(), false), "{to:?}");
}

fn bytes(region: &Region) -> [u8; 2] {
    // SAFETY: mapped, and readable as each caller has made it.
    unsafe { std::ptr::read_volatile(region.span().start as *const [u8; 2]) }
}

fn put(region: &Region, at: usize, value: u8) {
    assert!(at < region.span().len);
    // SAFETY: mapped, and writable as each caller has made it.
    unsafe { std::ptr::write_volatile((region.span().start + at) as *mut u8, value) }
}

fn is_unchanged(file: &tempfile::NamedTempFile) -> bool {
    std::fs::read(file.path()).expect("read").iter().all(|byte| *byte == 1)
}

/// The protection that the allocation of a region was made with. One to copy is charged for in full.
fn made_with(region: &Region) -> u32 {
    let mut found = memory::MEMORY_BASIC_INFORMATION::default();
    let address = region.span().start as *const c_void;
    // SAFETY: writes the struct; any address may be asked about.
    assert_ne!(unsafe { memory::VirtualQuery(address, &raw mut found, size_of_val(&found)) }, 0);
    found.AllocationProtect
}

#[test]
fn writes_stay_private() {
    let file = file();
    for jit in [false, true] {
        for first in [Access::None, Access::Read, Access::Exec, Access::Write] {
            let mut region = map(&file, first, jit);
            make(&mut region, Access::Write);
            put(&region, 0, 99);
            make(&mut region, Access::Read);
            assert_eq!(bytes(&region), [99, 1]);
            make(&mut region, Access::Write);
            put(&region, 1, 98);
            make(&mut region, Access::Exec);
            assert_eq!(bytes(&region), [99, 98]);
            if jit {
                make(&mut region, Access::ExecWrite);
                put(&region, 0, 97);
                assert_eq!(bytes(&region), [97, 98]);
            }
            assert!(is_unchanged(&file), "{first:?} {jit}");
        }
    }
}

#[test]
fn a_map_is_charged_for_in_full_only_where_it_may_be_written() {
    let file = file();
    for first in [Access::None, Access::Read, Access::Exec] {
        let mut region = map(&file, first, false);
        assert_eq!(made_with(&region), memory::PAGE_EXECUTE_READ, "{first:?}");
        make(&mut region, Access::Write);
        assert_eq!(made_with(&region), memory::PAGE_EXECUTE_READ, "{first:?}");
        assert_eq!(made_with(&map(&file, first, true)), memory::PAGE_EXECUTE_WRITECOPY, "{first:?}");
    }
    assert_eq!(made_with(&map(&file, Access::Write, false)), memory::PAGE_EXECUTE_WRITECOPY);
}
