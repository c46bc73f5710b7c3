//! Memory of other code: adopted as an object of our own, or handed over to it.

use super::super::super::foreign::Adoption;
use super::super::super::region::Objects;
use super::allocation::Allocation;
use super::object::Object;
use super::{code, last};
use crate::state::Span;
use std::ffi::c_void;
use windows_sys::Win32::Foundation::ERROR_INVALID_ADDRESS;
use windows_sys::Win32::System::Memory::{
    MEM_MAPPED, MEM_RELEASE, MEMORY_BASIC_INFORMATION, MEMORY_MAPPED_VIEW_ADDRESS, UnmapViewOfFile, VirtualFree,
    VirtualQuery,
};

/// What the system says of the pages at an address.
fn ask(address: usize) -> Result<MEMORY_BASIC_INFORMATION, i32> {
    let mut found = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: writes the answer into the struct; any address may be asked about.
    let written = unsafe { VirtualQuery(address as *const c_void, &raw mut found, size_of_val(&found)) };
    if written == 0 { Err(last()) } else { Ok(found) }
}

/// Whether the allocation goes on behind the memory.
fn goes_on(adoption: &Adoption) -> bool {
    let Span { start, len } = adoption.span;
    let end = len.checked_next_multiple_of(adoption.page).and_then(|len| start.checked_add(len));
    end.is_some_and(|end| ask(end).is_ok_and(|next| next.AllocationBase as usize == start))
}

/// The object of memory that is mapped as told. The system gives back what it has allocated as a whole only, so without
/// a function that gives it back it must be a whole allocation.
pub(crate) fn adopt(adoption: &Adoption) -> Result<Objects, i32> {
    let found = ask(adoption.span.start)?;
    let is_view = found.Type == MEM_MAPPED;
    let allocation = if adoption.owner.is_some() {
        Allocation::foreign(adoption.span.start)
    } else if found.AllocationBase as usize == adoption.span.start && !goes_on(adoption) {
        if is_view { Allocation::view(adoption.span.start) } else { Allocation::whole(adoption.span.start) }
    } else {
        return Err(code(ERROR_INVALID_ADDRESS));
    };
    Ok(std::iter::once(Object::adopted(allocation, adoption, is_view)).collect())
}

/// Hands the memory of objects over to other code, which owns it from now on. A part of what was allocated at once
/// can't be.
pub(crate) fn hand_over(mut objects: Objects) -> Result<(), Objects> {
    match objects.pop() {
        Some(object) if objects.is_empty() => object.hand_over().map_err(|object| std::iter::once(object).collect()),
        Some(object) => {
            objects.push(object);
            Err(objects)
        }
        None => Ok(()),
    }
}

/// Gives back memory that was handed over.
///
/// # Safety
/// All of what was handed over, which belongs to the caller, who uses it no more.
pub(crate) unsafe extern "C" fn give_back(_context: *mut c_void, start: *mut c_void, _len: usize) {
    if ask(start as usize).is_ok_and(|found| found.Type == MEM_MAPPED) {
        // SAFETY: the caller vouches for it.
        unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: start }) };
    } else {
        // SAFETY: as above; the length 0 means all of it.
        unsafe { VirtualFree(start, 0, MEM_RELEASE) };
    }
}
