//! Windows: all of it. Upstream's objects can't be used there, so the six types are made here, of the same calls.
//!
//! | module | concept | upstream's defects met there |
//! | --- | --- | --- |
//! | [`object`] | a mapping or a part of one: protected, split, committed, given back | U13, U18 |
//! | `adopted` | memory of other code, adopted from it or handed over to it | |
//! | `allocation` | memory without a file, and what gives an address range back | U16 |
//! | `file` | the handle of a file, with the rights that its mapping may need | U19 |
//! | `view` | a view of a file at an offset | U14, U15, U16, U19, U20, U22 |
//! | `private` | which views are private, where the system does not tell | |
//! | `flush` | bytes on their way to the disk | U21 |
//! | `memory_file` | sections of the page file | |
//! | `pages` | which pages are in memory, and bringing them in | |
//! | `place` | addresses that are free or taken, and what this system can't do with them | |
//! | `protect` | protections, as this system has them | U13, U18, U19 |

mod adopted;
mod allocation;
mod file;
mod flush;
mod memory_file;
pub(crate) mod object;
mod pages;
mod place;
mod private;
mod protect;
mod view;

pub(crate) use adopted::*;
pub(crate) use file::{born, look, mode, open, own, status};
pub(crate) use memory_file::*;
pub(crate) use pages::*;
pub(crate) use place::*;
pub(crate) use private::is_private_view;

use super::super::kind::Access;
use super::super::operation::Call;
use super::super::page;
use super::super::region::Parts;
use crate::state::Span;
use mmap_rs::MmapFlags;
use object::Object;
use std::ffi::c_void;
use windows_sys::Win32::Foundation as codes;
use windows_sys::Win32::System::Memory::{MEMORY_BASIC_INFORMATION, VirtualLock, VirtualQuery, VirtualUnlock};

/// Which of upstream's error variants these calls fail with.
pub(crate) const VARIANT: &str = "Io";
/// Flags that are met by a call after the map was made.
pub(crate) const LATER: MmapFlags = MmapFlags::LOCKED;

/// The name of a call, for messages.
pub(crate) fn name(call: Call, of_file: bool) -> &'static str {
    match call {
        Call::Map if of_file => "MapViewOfFile",
        Call::Map | Call::Commit => "VirtualAlloc",
        Call::Protect(_) => "VirtualProtect",
        Call::Split => "split",
        Call::Flush => "FlushViewOfFile",
        Call::FlushIcache => "FlushInstructionCache",
        Call::Lock => "VirtualLock",
        Call::Unlock => "VirtualUnlock",
        Call::Advise(_) => "advice",
        Call::Resize(_) => "resize",
        Call::Inherit(_) => "inheritance",
        Call::Resident => "QueryWorkingSetEx",
        Call::Populate => "ReadProcessMemory",
        Call::Name => "name",
        Call::Unmap if of_file => "UnmapViewOfFile",
        Call::Unmap => "VirtualFree",
    }
}

/// Whether an error number says that there is no memory of the kind asked for.
pub(crate) fn is_out_of_memory(number: i32) -> bool {
    number == code(codes::ERROR_NOT_ENOUGH_MEMORY) || crate::error::errno(number) == Some(libc::ENOMEM)
}

/// A number of the system's list of errors as the standard library has it.
const fn code(number: u32) -> i32 {
    number as i32
}

/// The number of the error that the last call on this thread left.
fn last() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn done(status: i32) -> Result<(), i32> {
    if status != 0 { Ok(()) } else { Err(last()) }
}

/// There is no fault guard to tell it to.
pub(crate) fn protection(_access: Access) -> i32 {
    0
}

/// `VirtualLock`, which takes no more than one allocation at a time.
pub(crate) fn lock(span: Span) -> Result<(), i32> {
    each_area(span, |start, len| {
        // SAFETY: changes no byte and no protection, and fails on addresses that are not mapped.
        done(unsafe { VirtualLock(start as *const c_void, len) })
    })
}

/// `VirtualUnlock`. Pages that are not locked are what was asked for: as with `munlock(2)`, that is no error.
pub(crate) fn unlock(span: Span) -> Result<(), i32> {
    each_area(span, |start, len| {
        unlock_some(start, len, |start, len| {
            // SAFETY: as for `lock`.
            done(unsafe { VirtualUnlock(start as *const c_void, len) })
        })
    })
}

/// Unlocks what is locked. Where one page is not, the system unlocks none, and says so: then each is unlocked alone.
fn unlock_some(start: usize, len: usize, mut unlock: impl FnMut(usize, usize) -> Result<(), i32>) -> Result<(), i32> {
    const NOT_LOCKED: i32 = code(codes::ERROR_NOT_LOCKED);
    let whole = unlock(start, len);
    if whole != Err(NOT_LOCKED) {
        return whole;
    }
    let (size, end) = (page::base(), start.saturating_add(len));
    (start..end).step_by(size).try_for_each(|page| match unlock(page, size.min(end - page)) {
        Err(NOT_LOCKED) => Ok(()),
        other => other,
    })
}

/// Does something for each piece of a span that the system keeps as one.
fn each_area(span: Span, mut act: impl FnMut(usize, usize) -> Result<(), i32>) -> Result<(), i32> {
    let end = span.start.saturating_add(span.len);
    let mut at = span.start;
    while at < end {
        let mut found = MEMORY_BASIC_INFORMATION::default();
        // SAFETY: writes the struct; any address may be asked about.
        if unsafe { VirtualQuery(at as *const c_void, &raw mut found, size_of_val(&found)) } == 0 {
            return Err(last());
        }
        let next = (found.BaseAddress as usize).saturating_add(found.RegionSize).min(end);
        if next <= at {
            return Err(code(codes::ERROR_INVALID_ADDRESS));
        }
        act(at, next - at)?;
        at = next;
    }
    Ok(())
}

/// Windows has no advice; the table that this is called with is empty.
pub(crate) fn advise(_span: Span, _advice: i32) -> Result<(), i32> {
    Ok(())
}

/// Gives parts back. The system refuses that only for addresses that were never its own.
pub(crate) fn unmap(parts: &mut Parts, _span: Span) -> Result<(), i32> {
    parts.clear();
    Ok(())
}

/// Gives an object up.
pub(crate) fn abandon(part: Object) {
    drop(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_that_is_not_locked_keeps_no_other_locked() {
        let size = page::base();
        let mut locked = vec![true, false, true, true];
        // As the system has it: all of the pages or none.
        let unlock = |locked: &mut Vec<bool>, start: usize, len: usize| {
            let pages =
                locked.get_mut(start / size..(start + len).div_ceil(size)).ok_or(code(codes::ERROR_NOACCESS))?;
            if pages.contains(&false) {
                return Err(code(codes::ERROR_NOT_LOCKED));
            }
            pages.fill(false);
            Ok(())
        };
        unlock_some(0, 4 * size - 1, |start, len| unlock(&mut locked, start, len)).expect("unlocked");
        assert_eq!(locked, [false; 4]);
        unlock_some(0, 4 * size, |start, len| unlock(&mut locked, start, len)).expect("nothing to unlock");
        let failure = unlock_some(0, 5 * size, |start, len| unlock(&mut locked, start, len));
        assert_eq!(failure, Err(code(codes::ERROR_NOACCESS)));
    }

    #[test]
    fn a_failure_of_one_page_is_told() {
        let size = page::base();
        let failure = unlock_some(0, 2 * size, |start, len| match (start, len == size) {
            (0, true) => Ok(()),
            (_, true) => Err(code(codes::ERROR_NOACCESS)),
            _ => Err(code(codes::ERROR_NOT_LOCKED)),
        });
        assert_eq!(failure, Err(code(codes::ERROR_NOACCESS)));
    }
}
