//! macOS and iOS: `mach_vm_region_recurse`.
//!
//! U29: upstream asks for the areas outside first, and for those of a submap only then, from the submap's first address
//! on: its list comes back to the first area of the shared libraries again and again, and never ends. Here the kernel
//! goes down to the innermost area at once. U11: paths are bytes. U24: other processes; U28: paths, see `region_path`.
//!
//! Whether an area is shared follows from its inheritance by a child of `fork`, as in upstream: `mmap` sets that for
//! shared memory, while the kernel's share mode says how many share it now.
//!
//! How much of an area is in memory is counted by the kernel page by page, so it is asked for only where it is wanted
//! (`vm_region_submap_info_64`). Which processes map a page is not said: whether pages are private is known only where all of
//! the area is.
//!
//! The offset is that in the memory object on top. Of a private map of a file this is the file, until the kernel puts an
//! object of its own before it, with pages that were written; that one may begin at 0.
#![expect(unsafe_code, reason = "system calls")]

use super::area::{Area, protection};
use super::list::Reader;
use super::region_path::{self, Question};
use super::task::Task;
use super::usage::Usage;
use crate::Result;
use crate::memory::page;
use mach2::kern_return::{KERN_INVALID_ADDRESS, KERN_SUCCESS};
use mach2::vm::mach_vm_region_recurse;
use mach2::vm_inherit::VM_INHERIT_SHARE;
use mach2::vm_prot::{VM_PROT_EXECUTE, VM_PROT_READ, VM_PROT_WRITE};
use mach2::vm_region::{
    SM_PRIVATE, vm_region_recurse_info_t, vm_region_submap_info_64 as LongInfo, vm_region_submap_short_info_64 as Info,
};
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
    /// Whether areas are to say how much of them is in memory.
    usage: bool,
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>, usage: bool) -> Result<Self> {
        Ok(Self { task: Task::of(pid)?, address: range.map_or(0, |range| range.start as u64), usage })
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        let (addresses, info, usage) = if self.usage {
            let mut info = LongInfo::default();
            let count = LongInfo::count();
            let Some(addresses) = self.ask((&raw mut info).cast(), count)? else { return Ok(None) };
            (addresses, short(&info), Some(Box::new(usage(&info))))
        } else {
            let mut info = Info::default();
            let count = Info::count();
            let Some(addresses) = self.ask((&raw mut info).cast(), count)? else { return Ok(None) };
            (addresses, info, None)
        };
        self.address = addresses.end;
        Ok(Some(Area { usage, ..self.area(addresses, &info) }))
    }
}

impl Source {
    /// The area of the address, or the first one after it; `None` past the last. The answer comes in its short form or its
    /// long one, by the number of words in it: for the long one the kernel looks at each page.
    fn ask(&self, place: vm_region_recurse_info_t, mut count: u32) -> Result<Option<Range<u64>>> {
        let (mut address, mut size, mut depth) = (self.address, 0, DEPTH);
        // SAFETY: writes `count` words of a caller's struct, which has so many, and the three numbers.
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
            KERN_SUCCESS => Ok(Some(address..address.saturating_add(size))),
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
            number: None,
            page: None,
            path: path.map(|path| (OsString::from_vec(path), offset)),
            tag: tag(info.user_tag),
            usage: None,
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

/// What the short form says, from the long one.
fn short(info: &LongInfo) -> Info {
    Info {
        protection: info.protection,
        max_protection: info.max_protection,
        inheritance: info.inheritance,
        offset: info.offset,
        user_tag: info.user_tag,
        ref_count: info.ref_count,
        shadow_depth: info.shadow_depth,
        external_pager: info.external_pager,
        share_mode: info.share_mode,
        is_submap: info.is_submap,
        behavior: info.behavior,
        object_id: info.object_id,
        user_wired_count: info.user_wired_count,
    }
}

fn usage(info: &LongInfo) -> Usage {
    let bytes = |pages: u32| u64::from(pages).saturating_mul(page::base() as u64);
    // Copied, as the fields are not aligned.
    let (resident, dirtied, swapped, wired) =
        (info.pages_resident, info.pages_dirtied, info.pages_swapped_out, info.user_wired_count);
    let (resident, dirty) = (bytes(resident), bytes(dirtied));
    let mut found = Usage {
        resident: Some(resident),
        swap: Some(bytes(swapped)),
        locked: Some(if wired == 0 { 0 } else { resident }),
        ..Usage::default()
    };
    if info.share_mode == SM_PRIVATE {
        found.proportional = Some(resident);
        found.private_dirty = Some(dirty.min(resident));
        found.private_clean = Some(resident.saturating_sub(dirty));
        (found.shared_clean, found.shared_dirty) = (Some(0), Some(0));
    }
    found
}

/// What memory with a tag is used for, by the numbers of `mach/vm_statistics.h`: 1 to 4, 6 to 9, 11 and 12 are malloc's.
fn tag(number: u32) -> Option<&'static str> {
    match number {
        1..=4 | 6..=9 | 11 | 12 => Some("heap"),
        30 => Some("stack"),
        _ => None,
    }
}
