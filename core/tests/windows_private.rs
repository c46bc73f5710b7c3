//! Windows: private maps of files, and what the system charges them with.
#![cfg(windows)]
#![allow(unsafe_code, reason = "reads mapped bytes, and asks the system")]

mod windows_help;

use mmap_rs_core::memory::{Access, Region, page};
use mmap_rs_core::mmap_rs::{MmapFlags, UnsafeMmapFlags};
use mmap_rs_core::state::Extent;
use std::ffi::c_void;
use windows_help::{area, numbered, of_file, put};
use windows_sys::Win32::System::Memory as memory;

fn map(file: &tempfile::NamedTempFile, access: Access, jit: bool) -> Region {
    let mut request = of_file(file.as_file(), page::base(), 0, MmapFlags::empty());
    request.unsafe_flags.set(UnsafeMmapFlags::JIT, jit);
    request.map(access, false).unwrap_or_else(|error| panic!("{access:?}: {error:?}"))
}

/// Changes the protection, and holds the list of areas to it.
fn make(region: &mut Region, to: Access) {
    region.make(to, true).unwrap_or_else(|error| panic!("{to:?}: {error:?}"));
    let area = area(region.span().start).expect("mapped");
    assert_eq!((area.protection, area.shared), (to.protection(), false), "{to:?}");
}

fn bytes(region: &Region) -> [u8; 2] {
    // SAFETY: mapped, and readable as each caller has made it.
    unsafe { std::ptr::read_volatile(region.span().start as *const [u8; 2]) }
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
    let file = numbered(1);
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
    let file = numbered(1);
    for first in [Access::None, Access::Read, Access::Exec] {
        let mut region = map(&file, first, false);
        assert_eq!(made_with(&region), memory::PAGE_EXECUTE_READ, "{first:?}");
        make(&mut region, Access::Write);
        assert_eq!(made_with(&region), memory::PAGE_EXECUTE_READ, "{first:?}");
        assert_eq!(made_with(&map(&file, first, true)), memory::PAGE_EXECUTE_WRITECOPY, "{first:?}");
    }
    assert_eq!(made_with(&map(&file, Access::Write, false)), memory::PAGE_EXECUTE_WRITECOPY);
}
