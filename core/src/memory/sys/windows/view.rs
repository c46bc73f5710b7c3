//! A view of a file, at any offset that is a multiple of the allocation granularity.
//!
//! U14: upstream's section ends before a view at an offset could. U15, U22: a view that fails keeps its section open,
//! a protection that fails keeps the view. U16: an address is forgotten. U19: private views can't be executable. U20:
//! a map that is longer than the file makes the file longer, even one for reading.
//!
//! A copy-on-write view is charged to the system's memory for its whole length, written or not. So a private view that
//! is for reading at first is made as one for reading, and charged when it is made writable.

use super::super::super::kind::Access;
use super::super::super::page;
use super::allocation::{Allocation, Place};
use super::file::Rights;
use super::{code, last, protect};
use crate::state::Span;
use std::fs::File;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_COPY, FILE_MAP_EXECUTE, FILE_MAP_READ, FILE_MAP_WRITE, MapViewOfFileEx,
    PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY,
};

/// What a view is to show.
pub(super) struct Window {
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) len: usize,
    /// How many bytes the file holds.
    pub(super) file_len: u64,
    /// Whether writes reach the file.
    pub(super) shared: bool,
    /// Whether it may become writable and executable at once.
    pub(super) jit: bool,
}

/// Why there is no view.
pub(super) enum Refusal {
    /// It would reach past the end of the file.
    PastEnd,
    /// The system's error number.
    Code(i32),
}

/// A view, and what it may become.
pub(super) struct View {
    pub(super) allocation: Allocation,
    /// Whether it can be made writable. A private view always can.
    pub(super) can_write: bool,
    /// Whether it can be made executable.
    pub(super) can_execute: bool,
}

/// The protection of a section, and the access of a view of it.
type Way = (u32, u32);

/// Whether a private view is made as one for reading, which `VirtualProtect` turns into a copy-on-write one later.
///
/// A view that was made to be read and executed may become writable too, but not both at once, so that where `JIT`
/// allows both it is copy-on-write from the start.
fn copies_later(window: &Window, access: Access) -> bool {
    !window.shared && !window.jit && !access.is_write()
}

/// The ways to map, best first: one that can become executable, and one that can't.
fn ways(rights: &Rights, window: &Window, access: Access, later: bool) -> impl Iterator<Item = (Way, bool)> + use<> {
    let (executable, plain): (Way, Way) = if !window.shared {
        let view = if later { FILE_MAP_READ } else { FILE_MAP_COPY };
        ((PAGE_EXECUTE_WRITECOPY, view | FILE_MAP_EXECUTE), (PAGE_WRITECOPY, view))
    } else if rights.write {
        let rest = FILE_MAP_READ | FILE_MAP_WRITE;
        ((PAGE_EXECUTE_READWRITE, rest | FILE_MAP_EXECUTE), (PAGE_READWRITE, rest))
    } else {
        ((PAGE_EXECUTE_READ, FILE_MAP_READ | FILE_MAP_EXECUTE), (PAGE_READONLY, FILE_MAP_READ))
    };
    let first = rights.execute.then_some((executable, true));
    let second = (!access.is_exec()).then_some((plain, false));
    first.into_iter().chain(second)
}

/// The length that the system is asked for, and that of the section (0: the file's own).
///
/// What is left of the last page after the file's end belongs to the view anyway, so that much may be asked for. A
/// longer view needs a longer file: only a mapping that writes to it has asked for that.
fn lengths(rights: &Rights, window: &Window, access: Access) -> Option<(usize, u64)> {
    let end = u64::try_from(window.len).ok().and_then(|len| window.offset.checked_add(len))?;
    if end <= window.file_len {
        return Some((window.len, 0));
    }
    let left = window.file_len.checked_sub(window.offset).filter(|left| *left > 0);
    if let Some(left) = left.and_then(|left| usize::try_from(left).ok()) {
        if left.checked_next_multiple_of(page::base()).is_some_and(|whole| window.len <= whole) {
            return Some((left, 0));
        }
    }
    (window.shared && access.is_write() && rights.write && !rights.is_section).then_some((window.len, end))
}

/// Makes a view and sets its protection. What fails on the way leaves nothing: no section, no view, no longer file.
pub(super) fn map(rights: &Rights, window: &Window, place: Place, access: Access) -> Result<View, Refusal> {
    if window.shared && access.is_write() && !rights.write {
        return Err(Refusal::Code(code(ERROR_ACCESS_DENIED)));
    }
    let lens = lengths(rights, window, access).ok_or(Refusal::PastEnd)?;
    let made = view(rights, window, place, access, lens);
    if made.is_err() && lens.1 > window.file_len {
        shorten(&rights.file, lens.1, window.file_len);
    }
    made
}

/// Takes back what a section has made a file longer by. One that has another length by now has another writer, too.
fn shorten(file: &File, from: u64, to: u64) {
    if file.metadata().is_ok_and(|metadata| metadata.len() == from) {
        // The failure of the map itself is what the caller must know.
        let _ = file.set_len(to);
    }
}

fn view(rights: &Rights, window: &Window, place: Place, access: Access, lens: (usize, u64)) -> Result<View, Refusal> {
    let mut refusal = Refusal::Code(code(ERROR_ACCESS_DENIED));
    let later = copies_later(window, access);
    for (way, can_execute) in ways(rights, window, access, later) {
        match one(rights, window, way, lens, place) {
            Ok(mut allocation) => {
                if later {
                    allocation.note_private();
                }
                let span = Span { start: allocation.base(), len: lens.0 };
                protect::set(span, protect::number(access, !window.shared)).map_err(Refusal::Code)?;
                return Ok(View { allocation, can_write: !window.shared || rights.write, can_execute });
            }
            Err(code) => refusal = Refusal::Code(code),
        }
    }
    Err(refusal)
}

fn one(rights: &Rights, window: &Window, way: Way, lens: (usize, u64), place: Place) -> Result<Allocation, i32> {
    let ((section_protection, access), (len, section_len)) = (way, lens);
    // A view holds its section by itself, so the handle is closed in any case.
    let made = match rights.is_section {
        true => None,
        false => Some(section(rights.file.as_raw_handle(), section_protection, section_len)?),
    };
    let section = made.as_ref().map_or_else(|| rights.file.as_raw_handle(), AsRawHandle::as_raw_handle);
    let (high, low) = halves(window.offset);
    place.first(|address| {
        let address = address as *const std::ffi::c_void;
        // SAFETY: takes addresses that nobody has: the system refuses others.
        let view = unsafe { MapViewOfFileEx(section, access, high, low, len, address) };
        if view.Value.is_null() { Err(last()) } else { Ok(Allocation::view(view.Value as usize)) }
    })
}

fn section(file: RawHandle, protection: u32, len: u64) -> Result<OwnedHandle, i32> {
    let (high, low) = halves(len);
    // SAFETY: the handle is open; no attributes, no name.
    let made = unsafe { CreateFileMappingW(file, std::ptr::null(), protection, high, low, std::ptr::null()) };
    if made.is_null() {
        return Err(last());
    }
    // SAFETY: the handle is new and ours; closed with its owner.
    Ok(unsafe { OwnedHandle::from_raw_handle(made) })
}

pub(super) fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, (number & u64::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn rights(write: bool) -> Rights {
        Rights { file: Arc::new(tempfile::tempfile().expect("file")), write, execute: true, is_section: false }
    }

    fn asked(len: usize, file_len: u64, shared: bool, access: Access) -> Option<(usize, u64)> {
        lengths(&rights(true), &Window { offset: 0, len, file_len, shared, jit: false }, access)
    }

    /// The accesses of the views that are tried.
    fn views(shared: bool, jit: bool, access: Access) -> Vec<u32> {
        let window = Window { offset: 0, len: 1, file_len: 1, shared, jit };
        let later = copies_later(&window, access);
        ways(&rights(true), &window, access, later).map(|((_, view), _)| view).collect()
    }

    #[test]
    fn only_what_may_be_written_is_charged_from_the_start() {
        let (read, copied) = (FILE_MAP_READ, FILE_MAP_COPY);
        assert_eq!(views(false, false, Access::None), [read | FILE_MAP_EXECUTE, read]);
        assert_eq!(views(false, false, Access::Read), [read | FILE_MAP_EXECUTE, read]);
        assert_eq!(views(false, false, Access::Exec), [read | FILE_MAP_EXECUTE]);
        assert_eq!(views(false, false, Access::Write), [copied | FILE_MAP_EXECUTE, copied]);
        // What is made to be read and executed can't become writable and executable.
        assert_eq!(views(false, true, Access::Exec), [copied | FILE_MAP_EXECUTE]);
        assert_eq!(views(false, true, Access::Read), [copied | FILE_MAP_EXECUTE, copied]);
        assert!(views(true, false, Access::Read).iter().all(|view| view & FILE_MAP_WRITE != 0));
    }

    #[test]
    fn u20_only_a_shared_writable_map_may_make_a_file_longer() {
        let page = page::base();
        assert_eq!(asked(100, 100, false, Access::Read), Some((100, 0)));
        assert_eq!(asked(page, 100, false, Access::Read), Some((100, 0)), "the last page is there anyway");
        assert_eq!(asked(page + 1, 100, false, Access::Write), None);
        assert_eq!(asked(page + 1, 100, true, Access::Read), None);
        assert_eq!(asked(page + 1, 100, true, Access::Write), Some((page + 1, page as u64 + 1)));
        assert_eq!(asked(1, 0, true, Access::Read), None);
        assert_eq!(asked(usize::MAX, 100, false, Access::Read), None);
    }
}
