//! FreeBSD: `kinfo_getvmmap(3)`, read as upstream reads it.
//!
//! Of what is in memory the system says one number for each area: its pages that are in memory, whoever brought them there.
//!
//! U25: upstream does not look whether there is a list at all. Its paths must be UTF-8 as well; here they are bytes.
#![expect(unsafe_code, reason = "system calls, and the list that they allocate")]

use super::area::{Area, protection};
use super::list::Reader;
use super::usage::Usage;
use crate::memory::page;
use crate::{Error, Result};
use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;

const KVME_PROT_READ: libc::c_int = 1;
const KVME_PROT_WRITE: libc::c_int = 2;
const KVME_PROT_EXEC: libc::c_int = 4;
const KVME_FLAG_COW: libc::c_int = 1;
const KVME_FLAG_NEEDS_COPY: libc::c_int = 2;

/// A list of areas, which the system gives as a whole.
#[derive(Debug)]
pub(super) struct Source(std::vec::IntoIter<Area>);

impl Reader for Source {
    fn open(pid: Option<u32>, _range: Option<&Range<usize>>, usage: bool) -> Result<Self> {
        let number = pid.unwrap_or_else(std::process::id);
        let none = || Error::system("Sysctl", libc::ESRCH, format!("list of the memory areas of process {number}"));
        let id = libc::pid_t::try_from(number).map_err(|_| none())?;
        let mut count = 0;
        // SAFETY: gives a list of `count` entries that is ours to free, or null.
        let list = unsafe { libc::kinfo_getvmmap(id, &raw mut count) };
        if list.is_null() {
            return Err(Error::last_os("Sysctl", format!("list of the memory areas of process {number}")));
        }
        let len = usize::try_from(count).unwrap_or(0);
        // SAFETY: as above; read here only, and freed after.
        let entries = unsafe { std::slice::from_raw_parts(list, len) };
        let are_counted = usage && are_pages_counted();
        let with_usage =
            |entry| Area { usage: usage.then(|| Box::new(self::usage(entry, are_counted))), ..area(entry) };
        let mut areas = Vec::new();
        let has_room = areas.try_reserve_exact(len).is_ok();
        if has_room {
            areas.extend(entries.iter().map(with_usage));
        }
        // SAFETY: not used any more.
        unsafe { libc::free(list.cast()) };
        if has_room { Ok(Self(areas.into_iter())) } else { Err(Error::OutOfMemory) }
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        Ok(self.0.next())
    }
}

fn area(entry: &libc::kinfo_vmentry) -> Area {
    let allows = |flag| entry.kve_protection & flag != 0;
    // The kernel counts the objects that lie on others, not the processes that share one: anonymous shared memory that
    // has not been copied can't be distinguished from private memory.
    let is_copied = entry.kve_flags & (KVME_FLAG_COW | KVME_FLAG_NEEDS_COPY) != 0;
    let is_file = entry.kve_type == libc::KVME_TYPE_VNODE;
    #[allow(clippy::unnecessary_cast)] // characters are signed on some processors
    let path: Vec<u8> = entry.kve_path.iter().flatten().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    Area {
        allocation_base: entry.kve_start as usize,
        start: entry.kve_start as usize,
        end: entry.kve_end as usize,
        protection: protection(allows(KVME_PROT_READ), allows(KVME_PROT_WRITE), allows(KVME_PROT_EXEC)),
        shared: !is_copied && (is_file || entry.kve_shadow_count > 1),
        path: (!path.is_empty()).then(|| (OsString::from_vec(path), entry.kve_offset)),
        is_file,
        number: None,
        page: None,
        tag: (entry.kve_flags & libc::KVME_FLAG_GROWS_DOWN != 0).then_some("stack"),
        usage: None,
    }
}

fn usage(entry: &libc::kinfo_vmentry, is_counted: bool) -> Usage {
    let pages = u64::try_from(entry.kve_resident).ok().filter(|_| is_counted);
    Usage { resident: pages.map(|pages| pages.saturating_mul(page::base() as u64)), ..Usage::default() }
}

/// Whether the kernel counts pages for the list; otherwise it says 0 of every area.
fn are_pages_counted() -> bool {
    let mut skipped: libc::c_int = 1;
    let mut size = size_of_val(&skipped);
    let name = c"kern.proc_vmmap_skip_resident_count";
    // SAFETY: the name ends with 0; writes at most `size` bytes of the number.
    let status =
        unsafe { libc::sysctlbyname(name.as_ptr(), (&raw mut skipped).cast(), &raw mut size, std::ptr::null(), 0) };
    // Kernels without the setting count.
    if status == 0 { skipped == 0 } else { std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT) }
}
