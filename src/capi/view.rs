//! Exports that other languages hold. A view is a share of the mapping's cell with one export of its own, so that any
//! thread may release it, whether Python knows the thread or not.
#![expect(unsafe_code, reason = "functions that other languages call")]

use super::layout::{FAULTED, GONE, Info, OK, RawView};
use super::{answer, check_size, mapping};
use crate::state::borrow::{Refused, pin, retry, try_export};
use crate::state::classes::Mapping;
use crate::state::error::{Result, unreadable, unwritable};
use mmap_rs_core::memory::Region;
use mmap_rs_core::state::{RegionCell, Requests};
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use std::ffi::c_int;
use std::sync::Arc;

/// What a view is, in Rust.
type Cell = RegionCell<Region>;

/// A view, until it is dropped.
struct View {
    cell: Arc<Cell>,
}

impl View {
    /// Counts one more export: one attempt.
    fn attempt(mapping: &Mapping, writable: bool, requests: Requests) -> std::result::Result<Self, Refused<'_>> {
        let kind = mapping.kind();
        if !kind.is_readable() {
            return Err(unreadable(kind).into());
        }
        if writable && !kind.is_writable() {
            return Err(unwritable(kind).into());
        }
        try_export(mapping, requests)?.leak();
        Ok(Self { cell: mapping.shared_cell() })
    }

    fn info(&self) -> Option<Info> {
        Some(Info::of(&self.cell.pin_exported().ok()?))
    }

    fn again(&self) -> Option<Self> {
        self.cell.export_again().ok()?.leak();
        Some(Self { cell: self.cell.clone() })
    }

    fn into_raw(self) -> *mut RawView {
        let view = std::mem::ManuallyDrop::new(self);
        // SAFETY: read once, as the other one is never dropped.
        let cell = unsafe { std::ptr::read(&raw const view.cell) };
        Arc::into_raw(cell).cast_mut().cast()
    }

    /// # Safety
    /// From `into_raw`, and not used again.
    unsafe fn from_raw(view: *const RawView) -> Self {
        // SAFETY: the caller vouches for it.
        Self { cell: unsafe { Arc::from_raw(view.cast::<Cell>()) } }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // A region that comes out is unmapped here.
        drop(self.cell.release());
    }
}

/// See the header.
pub unsafe extern "C" fn info(object: *mut PyObject, info: *mut Info) -> c_int {
    let work = |py: Python<'_>| {
        // SAFETY: the caller's structure; its first field is set.
        unsafe { check_info(info) }?;
        // SAFETY: the caller's object.
        let mapping = unsafe { mapping(py, object) }?;
        let found = Info::of(&pin(py, mapping)?);
        // SAFETY: as above.
        unsafe { *info = found };
        Ok(0)
    };
    // SAFETY: the caller is attached.
    unsafe { answer(-1, work) }
}

/// See the header.
pub unsafe extern "C" fn view(object: *mut PyObject, writable: c_int, info: *mut Info) -> *mut RawView {
    // The usual case, which needs no attachment of PyO3's own and can raise nothing.
    // SAFETY: the caller is attached, and has a live object and a structure whose first field is set.
    if let Some(view) = unsafe { quick(object, writable, info) } {
        return view.into_raw();
    }
    let work = |py: Python<'_>| {
        if !info.is_null() {
            // SAFETY: the caller's structure; its first field is set.
            unsafe { check_info(info) }?;
        }
        // SAFETY: the caller's object.
        let mapping = unsafe { mapping(py, object) }?;
        let view = retry(py, |requests| View::attempt(mapping, writable != 0, requests))?;
        if !info.is_null() {
            // As long as pins can be counted, it is told: at most for some steps of other threads it can't be.
            let found = retry(py, |_| view.info().ok_or(Refused::InUse(mapping)))?;
            // SAFETY: as above.
            unsafe { *info = found };
        }
        Ok(view.into_raw())
    };
    // SAFETY: the caller is attached.
    unsafe { answer(std::ptr::null_mut(), work) }
}

/// One attempt at a view; `None` where it has to wait, or is refused.
///
/// # Safety
/// As for the function of the table.
unsafe fn quick(object: *mut PyObject, writable: c_int, info: *mut Info) -> Option<View> {
    // SAFETY: the caller vouches for it.
    let (mapping, info) = unsafe { (mapping(Python::assume_attached(), object).ok()?, info.as_mut()) };
    if info.as_ref().is_some_and(|info| info.struct_size < size_of::<Info>()) {
        return None;
    }
    let view = View::attempt(mapping, writable != 0, Requests::Honoured).ok()?;
    if let Some(info) = info {
        *info = view.info()?;
    }
    Some(view)
}

/// # Safety
/// Null, or a structure whose first field is set.
unsafe fn check_info(info: *const Info) -> Result<()> {
    if info.is_null() {
        return Err(pyo3::exceptions::PyValueError::new_err("info is NULL").into());
    }
    // SAFETY: the caller vouches for it.
    check_size(unsafe { (*info).struct_size }, size_of::<Info>(), "mmap_rs_info")
}

/// See the header.
pub unsafe extern "C" fn view_again(view: *const RawView) -> *mut RawView {
    // SAFETY: a live view of the caller's, which stays so.
    let view = std::mem::ManuallyDrop::new(unsafe { View::from_raw(view) });
    view.again().map_or(std::ptr::null_mut(), View::into_raw)
}

/// See the header.
pub unsafe extern "C" fn view_state(view: *const RawView) -> c_int {
    // SAFETY: a live view of the caller's.
    let cell = unsafe { &*view.cast::<Cell>() };
    match cell.ending() {
        Some(ending) if ending.is_foreign() => GONE,
        _ => {
            if cell.is_faulted() {
                FAULTED
            } else {
                OK
            }
        }
    }
}

/// See the header.
pub unsafe extern "C" fn release(view: *mut RawView) {
    if !view.is_null() {
        // SAFETY: a live view of the caller's, which ends here.
        drop(unsafe { View::from_raw(view) });
    }
}
