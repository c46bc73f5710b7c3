//! macOS and iOS: `mach_vm_region_recurse`.
//!
//! U29: upstream asks for the areas outside first, and for those of a submap only then, from the submap's first address
//! on: its list comes back to the first area of the shared libraries again and again, and never ends. Here the kernel
//! goes down to the innermost area at once. U11: paths are bytes. U24: other processes; U28: paths, see `region_path`.
//!
//! Whether an area is shared follows from its inheritance by a child of `fork`, as in upstream: `mmap` sets that for
//! shared memory, while the kernel's share mode says how many share it now.
//!
//! The offset is that in the memory object on top. Of a private map of a file this is the file, until the kernel puts an
//! object of its own before it, with pages that were written; that one may begin at 0.
#![expect(unsafe_code, reason = "system calls")]

use super::area::{Area, protection};
use super::list::Reader;
use super::region_path::{self, Question};
use super::task::Task;
use crate::Result;
use mach2::kern_return::{KERN_INVALID_ADDRESS, KERN_SUCCESS};
use mach2::vm::mach_vm_region_recurse;
use mach2::vm_inherit::VM_INHERIT_SHARE;
use mach2::vm_prot::{VM_PROT_EXECUTE, VM_PROT_READ, VM_PROT_WRITE};
use mach2::vm_region::{vm_region_recurse_info_t, vm_region_submap_short_info_64 as Info};
use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;

/// How deep maps may lie in maps: more than any system has.
const DEPTH: u32 = 1024;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Source {
    task: Task,
    /// The next area is asked for from here on.
    address: u64,
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>) -> Result<Self> {
        Ok(Self { task: Task::of(pid)?, address: range.map_or(0, |range| range.start as u64) })
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        let Some((addresses, info)) = self.ask()? else { return Ok(None) };
        self.address = addresses.end;
        Ok(Some(self.area(addresses, &info)))
    }
}

impl Source {
    /// The area of the address, or the first one after it; `None` past the last.
    ///
    /// Asks for the short form of the answer: for the long one the kernel looks at each page. Only the short form says
    /// whether anything but the kernel itself provides the pages.
    fn ask(&self) -> Result<Option<(Range<u64>, Info)>> {
        let (mut address, mut size, mut depth) = (self.address, 0, DEPTH);
        let mut info = Info::default();
        let mut count = Info::count();
        let place: vm_region_recurse_info_t = (&raw mut info).cast();
        // SAFETY: writes `count` words of the struct, which has so many, and the three numbers.
        let code = unsafe {
            mach_vm_region_recurse(
                self.task.port,
                &raw mut address,
                &raw mut size,
                &raw mut depth,
                place,
                &raw mut count,
            )
        };
        match code {
            KERN_SUCCESS => Ok(Some((address..address.saturating_add(size), info))),
            KERN_INVALID_ADDRESS => Ok(None),
            code => Err(self.task.failed(code)),
        }
    }

    fn area(&self, addresses: Range<u64>, info: &Info) -> Area {
        // Copied, as the fields are not aligned.
        let (flags, inheritance, offset) = (info.protection, info.inheritance, info.offset);
        let allows = |flag| flags & flag != 0;
        let path = if info.external_pager != 0 { self.path(addresses.start) } else { None };
        Area {
            allocation_base: addresses.start as usize,
            start: addresses.start as usize,
            end: addresses.end as usize,
            protection: protection(allows(VM_PROT_READ), allows(VM_PROT_WRITE), allows(VM_PROT_EXECUTE)),
            shared: inheritance == VM_INHERIT_SHARE,
            is_file: path.is_some(),
            path: path.map(|path| (OsString::from_vec(path), offset)),
        }
    }

    /// The path of the file that is mapped at the start of an area.
    fn path(&self, address: u64) -> Option<Vec<u8>> {
        let mut answer = [0; region_path::LONGEST];
        let quick = &region_path::QUICK;
        if self.fill(quick, address, &mut answer) {
            return quick.path(&answer, address);
        }
        let old = &region_path::OLD;
        if self.fill(old, address, &mut answer) { old.path(&answer, address) } else { None }
    }

    fn fill(&self, question: &Question, address: u64, answer: &mut [u8; region_path::LONGEST]) -> bool {
        let len = question.len.min(answer.len()) as libc::c_int;
        // SAFETY: writes at most so many bytes, which are there.
        unsafe { libc::proc_pidinfo(self.task.pid, question.flavor, address, answer.as_mut_ptr().cast(), len) == len }
    }
}
